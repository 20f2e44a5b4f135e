//! `hybrid-exporter journal` beside `journalctl`: the same entries by unit, priority and time.

use super::{counted::now, entries, host};
use crate::{
    ground::host::Host,
    support::{EXPORTER, child, skip},
};
use std::time::Duration;

/// The lines that the command prints about a host's journal.
fn ours(host: &Host, args: &[&str]) -> Vec<String> {
    let root = format!("--path.rootfs={}", host.path("/").display());
    let mut all = vec!["journal", &root];
    all.extend(args);
    let out = child::run(120, EXPORTER, &all, b"");
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success() && said.is_empty(), "{args:?}: {said}");
    String::from_utf8(out.stdout).expect("UTF-8").lines().map(str::to_owned).collect()
}

/// A line of counts.
fn count(line: &str) -> (u64, &str) {
    let (count, unit) = line.trim_start().split_once(' ').expect("a count and a unit");
    (count.parse().expect("a count"), unit)
}

/// How many entries `journalctl` has.
fn theirs(host: &Host, args: &[&str]) -> u64 {
    let mut all = vec!["journalctl", "--quiet", "--output=json", "--output-fields=PRIORITY"];
    all.extend(args);
    host.run(60, &all).lines().count() as u64
}

#[test]
fn counts_and_lines_are_journalctls() {
    let host = match host() {
        Ok(host) => host,
        Err(reason) => return skip("journal::command::counts_and_lines_are_journalctls", &reason),
    };
    let units = ["writer0.service", "writer1.service", "writer2.service"];
    let write = |unit: &str, args: &str| {
        host.as_unit(60, unit, &entries(args).split(' ').collect::<Vec<_>>());
    };
    for (number, unit) in units.iter().enumerate() {
        write(unit, &format!("1500 {number}"));
        host.run(20, &["journalctl", "--rotate"]);
    }
    // The next second: what was written until now is before it.
    let next = now() / 1_000_000 + 1;
    child::wait("the next second", Duration::from_mins(1), || {
        (now() / 1_000_000 >= next).then_some(())
    });
    let since = format!("@{next}");
    write(units[0], "200 9");
    host.run(20, &["journalctl", "--sync"]);
    for unit in units {
        for priority in ["emerg", "err", "4", "info", "debug"] {
            let filter = ["--unit", unit, "--priority", priority];
            let counted = ours(&host, &[&filter[..], &["--count"]].concat());
            let counted = counted.first().map_or(0, |line| count(line).0);
            assert_eq!(counted, theirs(&host, &filter), "{filter:?}");
        }
    }
    let counted = ours(&host, &["--count", "--unit", units[0], "--since", &since]);
    let all = theirs(&host, &["--unit", units[0], "--since", &since]);
    assert!((200..1000).contains(&all), "{all}");
    assert_eq!(counted.iter().map(|line| count(line)).collect::<Vec<_>>(), [(all, units[0])]);
    // Other hosts write to the one log of the kernel, so the sum of all may be larger a moment later.
    let (before, sum, after) = (
        theirs(&host, &[]),
        ours(&host, &["--count"]).iter().map(|line| count(line).0).sum::<u64>(),
        theirs(&host, &[]),
    );
    assert!((before..=after).contains(&sum), "{before} {sum} {after}");

    let lines = ours(&host, &["--unit", units[1], "--priority=err"]);
    let heads: Vec<_> = lines.iter().filter(|line| !line.starts_with("    ")).collect();
    assert_eq!(heads.len() as u64, theirs(&host, &["--unit", units[1], "--priority=err"]));
    let time = |line: &&&String| line.split(' ').next().map(str::to_owned);
    assert!(heads.iter().all(|line| line.contains(units[1])), "{heads:#?}");
    assert!(heads.iter().is_sorted_by_key(|line| time(&line)), "{heads:#?}");
    // Control characters of a message do not reach the terminal.
    let wild: Vec<_> = lines.iter().filter(|line| line.contains(char::is_control)).collect();
    assert!(wild.is_empty(), "{wild:?}");
}
