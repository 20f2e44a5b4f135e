//! The built program as a server: start-up, log, answers over a socket, and its end.
#![expect(clippy::unwrap_used, reason = "a test ends where its set-up fails")]

use crate::cli::program;
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit};
use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, ChildStderr, Stdio},
    time::Duration,
};

/// The program, listening on a port of its own; it is killed with the test.
pub(crate) struct Server {
    child: Child,
    log: BufReader<ChildStderr>,
    /// Where it listens.
    pub(crate) address: String,
    /// What it has logged so far.
    pub(crate) logged: String,
}

impl Server {
    /// Starts it and waits until it listens.
    pub(crate) fn start(args: &[&str]) -> Self {
        let args = [&["--web.listen-address=127.0.0.1:0"], args].concat();
        let mut child = program(&args, &[]).stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let mut server = Self { child, log, address: String::new(), logged: String::new() };
        let line = server.wait_for("listening");
        let address = line.split(['=', ' ', '"']).find(|part| part.starts_with("127.0.0.1:"));
        address.unwrap().clone_into(&mut server.address);
        server
    }

    /// Waits for a line of the log that has `text` in it.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(self.log.read_line(&mut line).unwrap() > 0, "it ended: {}", self.logged);
            self.logged.push_str(&line);
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Sends one request; the whole answer, its head first.
    pub(crate) fn get(&self, target: &str, headers: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_mins(2))).unwrap();
        write!(stream, "GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n")
            .unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Lets it have so many more descriptors than it has now.
    #[expect(clippy::disallowed_methods, reason = "the process is another one")]
    fn limit(&self, more: usize) {
        let pid = Pid::from_child(&self.child);
        let open = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
        let current = Some(u64::try_from(open + more).unwrap());
        let limit = Rlimit { current, ..getrlimit(Resource::Nofile) };
        prlimit(Some(pid), Resource::Nofile, limit).unwrap();
    }

    /// Waits for its end: the exit code, and the log.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.log.read_to_string(&mut rest).unwrap();
        let code = self.child.wait().unwrap().code();
        (code, std::mem::take(&mut self.logged) + &rest)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn it_serves_and_ends_in_order() {
    let server = Server::start(&["--collector.disable-defaults", "--collector.loadavg"]);
    let metrics = server.get("/metrics", "");
    assert!(metrics.starts_with("HTTP/1.1 200 OK\r\n"), "{metrics}");
    assert!(metrics.contains("\nnode_load1 "), "{metrics}");
    assert!(metrics.contains("\nhybrid_exporter_build_info{"), "{metrics}");
    assert!(server.get("/", "").contains("loadavg"));
    assert!(server.get("/-/healthy", "").ends_with("\r\n\r\nok\n"));
    server.signal(Signal::TERM);
    let (code, log) = server.end();
    assert_eq!(code, Some(0), "{log}");
    for part in [
        "level=info msg=\"starting hybrid-exporter\" version=",
        "msg=collectors count=1 names=loadavg\n",
        "msg=listening address=127.0.0.1:",
        "msg=stopping signal=SIGTERM\n",
        "msg=stopped\n",
    ] {
        assert!(log.contains(part), "{part}: {log}");
    }
    assert!(log.lines().all(|line| line.starts_with("time=20")), "{log}");
}

#[test]
fn json_log_and_own_metrics_off() {
    let server = Server::start(&[
        "--log.format=json",
        "--web.disable-exporter-metrics",
        "--web.telemetry-path=/m",
        "--collector.disable-defaults",
    ]);
    assert!(server.logged.lines().all(|l| l.starts_with("{\"time\":\"20") && l.ends_with('}')));
    let metrics = server.get("/m", "");
    assert!(!metrics.contains("hybrid_exporter_build_info"), "{metrics}");
    assert!(server.get("/metrics", "").starts_with("HTTP/1.1 404 "));
    server.signal(Signal::INT);
    assert_eq!(server.end().0, Some(0));
}

#[test]
fn a_second_signal_does_not_wait() {
    let mut server = Server::start(&[]);
    // A head that is not complete keeps its connection; the answer to one that came later shows
    // that it has been accepted.
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.write_all(b"GET /me").unwrap();
    assert!(server.get("/livez", "").ends_with("ok\n"));
    server.signal(Signal::TERM);
    server.wait_for("stopping");
    server.signal(Signal::INT);
    let (code, log) = server.end();
    assert_eq!(code, Some(1), "{log}");
    assert!(log.ends_with("error: a second signal\n"), "{log}");
}

#[test]
fn a_want_of_descriptors_is_told_once() {
    let mut server = Server::start(&["--collector.disable-defaults"]);
    assert!(server.get("/livez", "").ends_with("ok\n"));
    server.limit(2);
    let mut waiting: VecDeque<_> =
        (0..8).map(|_| TcpStream::connect(&server.address).unwrap()).collect();
    server.wait_for("msg=\"accepting a connection\" error=\"Too many open files");
    // Whoever goes away makes room for the next, and there is none behind it again.
    for _ in 0..3 {
        drop(waiting.drain(..2).collect::<Vec<_>>());
        let next = waiting.front_mut().unwrap();
        next.set_read_timeout(Some(Duration::from_mins(2))).unwrap();
        next.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        next.read_exact(&mut [0; 15]).unwrap();
    }
    drop(waiting);
    server.limit(100);
    assert!(server.get("/livez", "").ends_with("ok\n"));
    server.signal(Signal::TERM);
    let (code, log) = server.end();
    assert_eq!((code, log.matches("accepting").count()), (Some(0), 1), "{log}");
}

#[test]
fn an_address_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let argument = format!("--web.listen-address={address}");
    let output = program(&[&argument], &[]).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    let message = format!("error: listen on {address}: Address already in use (os error 98)\n");
    assert!(stderr.ends_with(&message), "{stderr}");
}
