//! Child processes that end with the test, whatever happens to it, and waits that have a bound.
//!
//! A child is ended by its pid when its guard is dropped. Where `setpriv` is there, the kernel ends
//! the child too when the thread that started it dies, so that a killed test leaves nothing behind:
//! a guard must not outlive the test's thread.
#![expect(clippy::disallowed_methods, reason = "tests run the exporter and its real peers")]

use super::program;
use std::{
    ffi::OsStr,
    io::{BufRead, BufReader, Read},
    process::{Command, Output, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

/// How long a process may take to get ready.
pub(crate) const READY: Duration = Duration::from_mins(4);

/// A process in the background, its standard error read line by line.
pub(crate) struct Child {
    name: String,
    process: std::process::Child,
    lines: Receiver<String>,
    log: Vec<String>,
}

// === impl Child ===

impl Child {
    /// Starts a program.
    pub(crate) fn start<S: AsRef<OsStr>>(program: impl AsRef<OsStr>, args: &[S]) -> Self {
        let name = program.as_ref().to_string_lossy().into_owned();
        let mut process = command(program.as_ref(), args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("start {name}: {error}"));
        let (sender, lines) = channel();
        let stderr = process.stderr.take().expect("standard error is piped");
        thread::spawn(move || {
            for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
                if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                    break;
                }
            }
        });
        Self { name, process, lines, log: Vec::new() }
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Waits until it logs a line for which `pick` has an answer.
    pub(crate) fn wait_for<T>(&mut self, what: &str, pick: impl Fn(&str) -> Option<T>) -> T {
        let end = Instant::now() + READY;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    let picked = pick(&line);
                    self.log.push(line);
                    if let Some(picked) = picked {
                        return picked;
                    }
                }
                Err(RecvTimeoutError::Timeout) => self.give_up(&format!("no {what} in {READY:?}")),
                Err(RecvTimeoutError::Disconnected) => {
                    self.give_up(&format!("ended without {what}"))
                }
            }
        }
    }

    /// Waits until it logs the loopback address that it listens on, as `127.0.0.1:PORT`.
    pub(crate) fn address(&mut self) -> String {
        self.wait_for("listening address", |line| {
            if !line.to_ascii_lowercase().contains("listening") {
                return None;
            }
            let (_, rest) = line.split_once("127.0.0.1:")?;
            let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
            (port != "0" && !port.is_empty()).then(|| format!("127.0.0.1:{port}"))
        })
    }

    /// What it logged so far.
    pub(crate) fn log(&mut self) -> String {
        self.log.extend(self.lines.try_iter());
        self.log.join("\n")
    }

    fn give_up(&mut self, what: &str) -> ! {
        let log = self.log();
        panic!("{}: {what}; it said:\n{log}", self.name)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Both fail only when it has ended by itself.
        let _ended = self.process.kill();
        let _waited = self.process.wait();
    }
}

/// Starts the exporter on a free loopback port; the guard and its address.
pub(crate) fn exporter(args: &[&str]) -> (Child, String) {
    serve(super::EXPORTER, args)
}

/// Starts a program that takes `--web.listen-address`, on a free loopback port.
pub(crate) fn serve(program: impl AsRef<OsStr>, args: &[&str]) -> (Child, String) {
    let mut all = vec!["--web.listen-address=127.0.0.1:0"];
    all.extend(args);
    let mut child = Child::start(program, &all);
    let address = child.address();
    (child, address)
}

/// Runs a program to its end, at most `seconds` long, with `input` as its standard input.
pub(crate) fn run<S: AsRef<OsStr>>(
    seconds: u32,
    program: impl AsRef<OsStr>,
    args: &[S],
    input: &[u8],
) -> Output {
    let name = program.as_ref().to_string_lossy().into_owned();
    let mut all =
        vec!["-k".into(), "5".into(), seconds.to_string().into(), program.as_ref().into()];
    all.extend(args.iter().map(|arg| arg.as_ref().to_owned()));
    let mut process = command(OsStr::new("timeout"), &all)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("start {name}: {error}"));
    let mut stdin = process.stdin.take().expect("standard input is piped");
    let mut stderr = process.stderr.take().expect("standard error is piped");
    thread::scope(|scope| {
        scope.spawn(move || {
            // A program that does not read its input to the end is judged by its answer.
            let _written = std::io::Write::write_all(&mut stdin, input);
        });
        let errors = scope.spawn(move || {
            let mut text = Vec::new();
            let _read = stderr.read_to_end(&mut text);
            text
        });
        let mut output =
            process.wait_with_output().unwrap_or_else(|error| panic!("wait for {name}: {error}"));
        output.stderr = errors.join().unwrap_or_default();
        output
    })
}

/// Asks until `ready` answers, at most `bound` long.
pub(crate) fn wait<T>(what: &str, bound: Duration, mut ready: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + bound;
    loop {
        if let Some(answer) = ready() {
            return answer;
        }
        assert!(Instant::now() < end, "{what}: not in {bound:?}");
        // Nothing tells us when a peer changes its mind: ask again a little later.
        thread::park_timeout(Duration::from_millis(100));
    }
}

/// A program that the kernel ends with the thread that starts it, where `setpriv` is there.
pub(crate) fn command<S: AsRef<OsStr>>(name: &OsStr, args: &[S]) -> Command {
    let mut command = match program("setpriv") {
        Ok(setpriv) => {
            let mut command = Command::new(setpriv);
            command.args(["--pdeathsig", "KILL", "--"]).arg(name);
            command
        }
        Err(_) => Command::new(name),
    };
    command.args(args);
    command
}
