//! The ground: real hosts, a real Kubernetes node, a real Prometheus, for tests that show something
//! against the real thing. Nothing here is a mock.
//!
//! Each part is a guard: `start` returns when the part is ready, or why this machine cannot give it
//! (the test then skips itself), and panics when it should have started and did not. A part ends
//! when its guard is dropped, and also when the test's process is killed: the process that runs the
//! part reads from a pipe that the guard holds, and tears the part down when that pipe closes.
//!
//! The work is done by the scripts beside this file, which `tests/ground/up` runs for people.
#![expect(clippy::disallowed_methods, reason = "tests run real peers and keep files for them")]

pub(crate) mod alertmanager;
pub(crate) mod cluster;
pub(crate) mod host;
pub(crate) mod image;
pub(crate) mod node;
pub(crate) mod prometheus;

use crate::support::{cache, child, program, root};
use std::{
    env,
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader, Read, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio, id},
    sync::{
        atomic::{AtomicU32, Ordering},
        mpsc::channel,
    },
    thread,
    time::Duration,
};

/// How long a part may take to tear itself down.
const END: Duration = Duration::from_mins(2);

/// A script below `tests/ground` that runs a part for as long as somebody holds its standard input.
struct Part {
    process: Child,
}

// === impl Part ===

impl Part {
    /// Starts `tests/ground/SCRIPT run DIR ARG…` and waits for the line `ready …`; what follows in it.
    fn start<S: AsRef<OsStr>>(
        script: &str,
        dir: &Path,
        args: &[S],
        bound: Duration,
    ) -> (Self, String) {
        // A session of its own: what ends the tests by a signal to their group leaves it alone. Nor
        // does it carry the mark by which `tests/run` kills what a test left.
        let mut process = Command::new("setsid")
            .arg(root().join("tests/ground").join(script))
            .arg("run")
            .arg(dir)
            .args(args)
            .env_remove("HYBRID_TEST_REPORT")
            .env("HYBRID_GROUND_CACHE", cache().expect("a cache folder"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("start {script}: {error}"));
        let (sender, lines) = channel();
        let stdout = process.stdout.take().expect("standard output is piped");
        thread::spawn(move || {
            let mut line = String::new();
            let _read = BufReader::new(stdout).read_line(&mut line);
            let _sent = sender.send(line);
        });
        let stderr = process.stderr.take().expect("standard error is piped");
        let errors = thread::spawn(move || {
            let mut text = String::new();
            let _read = BufReader::new(stderr).read_to_string(&mut text);
            text
        });
        let mut part = Self { process };
        let line = lines.recv_timeout(bound).unwrap_or_default();
        if let Some(rest) = line.strip_prefix("ready") {
            return (part, rest.trim().to_owned());
        }
        part.end();
        panic!("{script}: not ready in {bound:?}: {}", errors.join().unwrap_or_default());
    }

    /// Sends the script a line.
    fn tell(&mut self, line: &str) {
        let stdin = self.process.stdin.as_mut().expect("standard input is piped");
        writeln!(stdin, "{line}").expect("the script reads");
    }

    fn end(&mut self) {
        drop(self.process.stdin.take());
        for _ in 0..END.as_secs() * 10 {
            if !matches!(self.process.try_wait(), Ok(None)) {
                return;
            }
            thread::park_timeout(Duration::from_millis(100));
        }
        // What it runs dies with it; `host sweep` removes the rest.
        let _ended = self.process.kill();
        let _waited = self.process.wait();
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.end();
    }
}

/// A folder for a part, not made yet; its last component, unique on this machine, names the part.
fn folder(kind: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let run = env::var("HYBRID_GROUND_RUN").unwrap_or_else(|_| "0".to_owned());
    let name = format!("hg-{run}-{}-{kind}{}", id(), NEXT.fetch_add(1, Ordering::Relaxed));
    cache().expect("a cache folder").join("state").join(run).join(name)
}

/// Why one of these programs is not here.
fn programs(names: &[&str]) -> Result<(), String> {
    names.iter().try_for_each(|name| program(name).map(|_| ()))
}

/// Runs a command to its end, which must be a good one; its standard output.
pub(crate) fn done<S: AsRef<OsStr>>(
    seconds: u32,
    program: impl AsRef<OsStr>,
    args: &[S],
    input: &[u8],
) -> String {
    let out = child::run(seconds, &program, args, input);
    let stdout = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(
        out.status.success(),
        "{} {:?}: {}\n{stdout}{}",
        program.as_ref().display(),
        args.iter().map(AsRef::as_ref).collect::<Vec<_>>(),
        out.status,
        String::from_utf8_lossy(&out.stderr)
    );
    stdout
}

/// What `path` holds; nothing where it cannot be read.
pub(crate) fn text(path: impl AsRef<Path>) -> String {
    fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}
