//! A mount that never answers statfs(2) costs its own numbers only: every scrape is answered before
//! its deadline with all else, one thread at most waits for the mount, and it comes back by itself.
//!
//! The scrapes have a deadline that a loaded machine keeps too; that none waits for it is told by the
//! collector's own numbers: it was not late, and only the first met the mount.
#![expect(clippy::disallowed_methods, reason = "the test looks at processes")]

use crate::support::{EXPORTER, child, client, is_root, program, scrape::Scrape, skip};
use std::{
    fs,
    time::{Duration, Instant},
};

/// The deadline that each scrape is given.
const DEADLINE: Duration = Duration::from_mins(1);
/// How long the collector waits for a mount before it counts as stuck, in seconds.
const PATIENCE: f64 = 1.0;
/// Scrapes of the stuck mount.
const ROUNDS: u32 = 16;

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
        child::run(60, &unshare, &["--mount", "--pid", "--fork", "--mount-proc", "true"], b"");
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
    for round in 0..ROUNDS {
        let scrape = timed(&address, round);
        slow += u32::from(took(&scrape) >= PATIENCE);
        for family in ["node_load1", "node_memory_MemTotal_bytes", "node_cpu_seconds_total"] {
            assert!(has(&scrape, family, ""), "scrape {round} lacks {family}");
        }
        assert!(!has(&scrape, "node_filesystem_size_bytes", mount), "statfs was not held");
        assert!(waiting(exporter) <= 1, "{} threads wait for the mount", waiting(exporter));
        // The one that waits, and the one that took over from it.
        assert!(workers(exporter) <= 2, "{} threads for statfs", workers(exporter));
    }
    assert!(slow * 3 <= ROUNDS, "{slow} of {ROUNDS} scrapes waited for the mount");
    let scrape = timed(&address, ROUNDS);
    let others = scrape.series.keys().any(|(name, _)| name == "node_filesystem_size_bytes");
    assert!(others, "the other mounts are not there");
    assert!(has(&scrape, "node_filesystem_device_error", mount), "the mount is not flagged");

    let signal = child::run(60, "kill", &["-USR1", &server.to_string()], b"");
    assert!(signal.status.success());
    child::wait("the mount comes back", Duration::from_mins(2), || {
        has(&timed(&address, 0), "node_filesystem_size_bytes", mount).then_some(())
    });
    assert_eq!(waiting(exporter), 0, "a thread still waits");
    // And stuck a second time.
    let signal = child::run(60, "kill", &["-USR2", &server.to_string()], b"");
    assert!(signal.status.success());
    for round in 0..3 {
        timed(&address, round);
        assert!(waiting(exporter) <= 1, "stuck again, {} threads wait", waiting(exporter));
    }
    let signal = child::run(60, "kill", &["-USR1", &server.to_string()], b"");
    assert!(signal.status.success());
}

/// A scrape that is answered before its deadline, and not because of it.
fn timed(address: &str, round: u32) -> Scrape {
    let seconds = DEADLINE.as_secs().to_string();
    let start = Instant::now();
    let headers = [("X-Prometheus-Scrape-Timeout-Seconds", seconds.as_str())];
    let answer = client::get(address, "/metrics", &headers);
    let took = start.elapsed();
    assert_eq!(answer.status, 200);
    assert!(took < DEADLINE, "scrape {round} took {took:?}");
    let scrape = Scrape::parse(&answer.text());
    let late = of_filesystem(&scrape, "hybrid_scrape_collector_timed_out");
    assert_eq!(late, Some(0.0), "scrape {round}: the collector was late");
    scrape
}

/// How long the collector ran, in seconds.
fn took(scrape: &Scrape) -> f64 {
    of_filesystem(scrape, "node_scrape_collector_duration_seconds").expect("its duration")
}

fn of_filesystem(scrape: &Scrape, family: &str) -> Option<f64> {
    let series = (family.to_owned(), vec![("collector".to_owned(), "filesystem".to_owned())]);
    scrape.series.get(&series).copied()
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

/// How many threads a process has for such calls.
fn workers(pid: u32) -> usize {
    let tasks = tasks(pid);
    let names = tasks.iter().map(|task| file(pid, &format!("task/{task}/comm")));
    names.filter(|name| name.trim_end() == "statfs").count()
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
