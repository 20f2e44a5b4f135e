//! A mount that never answers statfs(2) costs its own numbers only: every scrape is answered before
//! its deadline with all else, one thread at most waits for the mount, and it comes back by itself.
#![expect(clippy::disallowed_methods, reason = "the test looks at processes")]

use crate::support::{EXPORTER, child, client, is_root, program, scrape::Scrape, skip};
use std::{
    fs,
    time::{Duration, Instant},
};

/// The deadline that each scrape is given.
const DEADLINE: Duration = Duration::from_secs(2);

#[test]
fn statfs_that_never_answers() {
    let name = "stuck::statfs_that_never_answers";
    if !is_root() {
        return skip(name, "not root: cannot mount");
    }
    if fs::metadata("/dev/fuse").is_err() {
        return skip(name, "no /dev/fuse");
    }
    let (unshare, python) = match (program("unshare"), program("python3")) {
        (Ok(unshare), Ok(python)) => (unshare, python),
        (Err(reason), _) | (_, Err(reason)) => return skip(name, &reason),
    };
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mount = dir.path().to_str().expect("a UTF-8 path");
    let script = crate::support::root().join("tests/ground/stuck_mount.py");
    let mut args: Vec<&str> = "--mount --pid --fork --kill-child --mount-proc".split(' ').collect();
    args.extend([python.to_str().expect("UTF-8"), script.to_str().expect("UTF-8"), mount]);
    args.extend([EXPORTER, "--web.listen-address=127.0.0.1:0"]);
    let probe =
        child::run(10, &unshare, &["--mount", "--pid", "--fork", "--mount-proc", "true"], b"");
    if !probe.status.success() {
        return skip(name, "may not make namespaces");
    }

    let mut host = child::Child::start(&unshare, &args);
    let address = host.address();
    let below = descendants(host.pid());
    let named = |name: &str| {
        let found = below.iter().find(|pid| file(**pid, "comm").starts_with(name));
        *found.unwrap_or_else(|| panic!("no {name} below {}: {below:?}", host.pid()))
    };
    let exporter = named("hybrid-exporter");
    let server = named("python3");

    let mut slow = 0;
    for round in 0..6 {
        let (scrape, took) = timed(&address);
        assert!(took < DEADLINE, "scrape {round} took {took:?}");
        slow += u32::from(took > DEADLINE / 2);
        for family in ["node_load1", "node_memory_MemTotal_bytes", "node_cpu_seconds_total"] {
            assert!(has(&scrape, family, ""), "scrape {round} lacks {family}");
        }
        assert!(!has(&scrape, "node_filesystem_size_bytes", mount), "statfs was not held");
        assert!(waiting(exporter) <= 1, "{} threads wait for the mount", waiting(exporter));
    }
    assert!(slow <= 2, "{slow} of 6 scrapes waited for the mount");
    let (scrape, _) = timed(&address);
    let others = scrape.series.keys().any(|(name, _)| name == "node_filesystem_size_bytes");
    assert!(others, "the other mounts are not there");
    assert!(has(&scrape, "node_filesystem_device_error", mount), "the mount is not flagged");
    let threads = tasks(exporter).len();
    for _ in 0..10 {
        timed(&address);
    }
    assert!(tasks(exporter).len() <= threads + 1, "threads pile up");

    let signal = child::run(5, "kill", &["-USR1", &server.to_string()], b"");
    assert!(signal.status.success());
    child::wait("the mount comes back", Duration::from_secs(20), || {
        has(&timed(&address).0, "node_filesystem_size_bytes", mount).then_some(())
    });
    assert_eq!(waiting(exporter), 0, "a thread still waits");
    // And stuck a second time.
    let signal = child::run(5, "kill", &["-USR2", &server.to_string()], b"");
    assert!(signal.status.success());
    for round in 0..3 {
        let (_, took) = timed(&address);
        assert!(took < DEADLINE, "stuck again, scrape {round} took {took:?}");
        assert!(waiting(exporter) <= 1, "stuck again, {} threads wait", waiting(exporter));
    }
    let signal = child::run(5, "kill", &["-USR1", &server.to_string()], b"");
    assert!(signal.status.success());
}

fn timed(address: &str) -> (Scrape, Duration) {
    let seconds = DEADLINE.as_secs().to_string();
    let start = Instant::now();
    let headers = [("X-Prometheus-Scrape-Timeout-Seconds", seconds.as_str())];
    let answer = client::get(address, "/metrics", &headers);
    let took = start.elapsed();
    assert_eq!(answer.status, 200);
    (Scrape::parse(&answer.text()), took)
}

/// Whether a family has a series, with this mount point where one is given.
fn has(scrape: &Scrape, family: &str, mount: &str) -> bool {
    scrape.series.keys().any(|(name, labels)| {
        name == family
            && (mount.is_empty() || labels.iter().any(|(n, v)| n == "mountpoint" && v == mount))
    })
}

/// How many threads of a process are inside statfs(2) or fstatfs(2).
fn waiting(pid: u32) -> usize {
    let calls = if cfg!(target_arch = "x86_64") { ["137", "138"] } else { ["43", "44"] };
    tasks(pid)
        .iter()
        .filter(|task| {
            let call = fs::read_to_string(format!("/proc/{pid}/task/{task}/syscall"));
            call.is_ok_and(|call| calls.contains(&call.split(' ').next().unwrap_or_default()))
        })
        .count()
}

fn tasks(pid: u32) -> Vec<String> {
    let dir = fs::read_dir(format!("/proc/{pid}/task")).expect("the exporter runs");
    dir.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// The processes below a process, at any depth.
fn descendants(pid: u32) -> Vec<u32> {
    let mut found = vec![pid];
    let parents: Vec<(u32, u32)> = fs::read_dir("/proc")
        .expect("/proc")
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid: u32| {
            let status = file(pid, "status");
            let parent = status.lines().find_map(|line| line.strip_prefix("PPid:\t"))?;
            Some((pid, parent.parse().ok()?))
        })
        .collect();
    let mut at = 0;
    while let Some(parent) = found.get(at).copied() {
        found.extend(parents.iter().filter(|(_, p)| *p == parent).map(|(child, _)| *child));
        at += 1;
    }
    found
}

fn file(pid: u32, name: &str) -> String {
    fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default()
}
