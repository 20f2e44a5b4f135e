//! A real Alertmanager, and a webhook that records what it is told, in the test's own process.

#![expect(clippy::disallowed_methods, reason = "tests keep files")]

use super::programs;
use crate::support::child::Child;
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    thread,
    time::{Duration, Instant},
};

/// Takes the notifications that Alertmanager sends; its thread ends with the receiver.
pub(crate) struct Webhook {
    address: String,
    told: Receiver<String>,
    open: Arc<()>,
}

/// A running Alertmanager whose every alert goes to one webhook, at once.
pub(crate) struct Alertmanager {
    /// Where Prometheus sends alerts to.
    pub(crate) address: String,
    _process: Child,
    _dir: tempfile::TempDir,
}

// === impl Webhook ===

impl Webhook {
    /// Listens on a free port.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let (sender, told) = channel();
        let open = Arc::new(());
        let alive = Arc::downgrade(&open);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let body = take(stream);
                if alive.strong_count() == 0 || sender.send(body.unwrap_or_default()).is_err() {
                    break;
                }
            }
        });
        Self { address, told, open }
    }

    /// Waits for a notification (JSON) that holds `text`.
    pub(crate) fn wait_for(&self, text: &str, bound: Duration) -> String {
        let end = Instant::now() + bound;
        let mut others = Vec::new();
        loop {
            match self.told.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(body) if body.contains(text) => return body,
                Ok(body) => others.push(body),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("no notification of {text} in {bound:?}, but {others:#?}")
                }
            }
        }
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        self.open = Arc::new(());
        // Wakes the thread, which then sees that nobody listens any more.
        let _woken = TcpStream::connect(&self.address);
    }
}

/// Reads one request and answers it; its body.
fn take(mut stream: TcpStream) -> std::io::Result<String> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = String::new();
    reader.take(length).read_to_string(&mut body)?;
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
    Ok(body)
}

// === impl Alertmanager ===

impl Alertmanager {
    /// Starts Alertmanager on a free port.
    pub(crate) fn start(webhook: &Webhook) -> Result<Self, String> {
        Self::with(&format!(
            "route: {{receiver: test, group_by: ['...'], group_wait: 0s, group_interval: 1s}}\n\
             receivers: [{{name: test, webhook_configs: [{{url: 'http://{}/'}}]}}]\n",
            webhook.address
        ))
    }

    /// Starts Alertmanager with a configuration, on a free port.
    pub(crate) fn with(config: &str) -> Result<Self, String> {
        programs(&["prometheus-alertmanager"])?;
        let dir = tempfile::tempdir().expect("a temporary directory");
        let file = dir.path().join("alertmanager.yml");
        fs::write(&file, config).expect("a file");
        let args = [
            format!("--config.file={}", file.display()),
            format!("--storage.path={}", dir.path().join("data").display()),
            "--web.listen-address=127.0.0.1:0".to_owned(),
            "--cluster.listen-address=".to_owned(),
        ];
        let mut process = Child::start("prometheus-alertmanager", &args);
        let address = process.address();
        Ok(Self { address, _process: process, _dir: dir })
    }
}
