//! Drop-in: beside the real `node_exporter`, on this machine and over recorded kernel files of many
//! kinds of hardware, every family, series and still value of its is ours too, and nothing besides
//! within its names. What differs, and why, is the table `parity_exceptions.tsv`.
#![expect(clippy::disallowed_methods, reason = "tests make files")]
#![expect(clippy::indexing_slicing, reason = "rounds and rows have a known size")]

use crate::support::{
    child, client,
    scrape::{Scrape, show},
    skip,
};
use std::{collections::BTreeMap, fmt::Write as _};

/// The collectors that `node_exporter` leaves off and that are ours too, as far as they need nothing
/// but the kernel of the machine.
pub(crate) const MORE: [&str; 22] = [
    "buddyinfo",
    "cgroups",
    "cpu_vulnerabilities",
    "drbd",
    "ethtool",
    "interrupts",
    "ksmd",
    "lnstat",
    "meminfo_numa",
    "mountstats",
    "network_route",
    "pcidevice",
    "processes",
    "qdisc",
    "slabinfo",
    "softirqs",
    "swap",
    "sysctl",
    "tcpstat",
    "wifi",
    "xfrm",
    "zoneinfo",
];

/// Those of [`MORE`] that ask the running kernel and not files, whatever the paths say.
const LIVE_ONLY: [&str; 5] = ["ethtool", "network_route", "qdisc", "tcpstat", "wifi"];

/// Options that make more of the recorded files show.
const OPTIONS: [&str; 10] = [
    "--collector.bcache.priorityStats",
    "--collector.cpu.info",
    "--collector.cpu.info.bugs-include=^(cpu_meltdown|spectre_.*|mds)$",
    "--collector.cpu.info.flags-include=^(aes|avx.?|constant_tsc)$",
    "--collector.netclass.ignored-devices=(dmz|int)",
    "--collector.stat.softirq",
    "--collector.sysctl.include=kernel.threads-max",
    "--collector.sysctl.include=fs.file-nr",
    "--collector.sysctl.include=fs.file-nr:total,current,max",
    "--collector.sysctl.include-info=kernel.seccomp.actions_avail",
];

/// How often a live value is read; a value that stood still in one of the rounds is compared there.
const ROUNDS: usize = 8;

/// Theirs, ours, theirs again.
type Round = [Scrape; 3];

#[test]
fn live_default() {
    compare_with("parity::live_default", "live", &[]);
}

#[test]
fn live_more_collectors() {
    let more: Vec<_> = MORE.iter().map(|name| format!("--collector.{name}")).collect();
    compare_with("parity::live_more_collectors", "live-more", &more);
}

#[test]
fn recorded_hardware() {
    let name = "parity::recorded_hardware";
    let host = match crate::support::recorded_host() {
        Ok(host) => host,
        Err(reason) => return skip(name, &reason),
    };
    let texts = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(texts.path().join("a.prom"), TEXTFILE).expect("a file");
    let mut args = vec![
        format!("--path.procfs={}/proc", host.path().display()),
        format!("--path.sysfs={}/sys", host.path().display()),
        format!("--path.rootfs={}", host.path().display()),
        format!("--path.udev.data={}/udev/data", host.path().display()),
        format!("--collector.textfile.directory={}", texts.path().display()),
        "--no-collector.arp.netlink".to_owned(),
        "--no-collector.netdev.netlink".to_owned(),
    ];
    let more = MORE.iter().filter(|name| !LIVE_ONLY.contains(name));
    args.extend(more.map(|name| format!("--collector.{name}")));
    args.extend(OPTIONS.map(str::to_owned));
    compare_with(name, "recorded", &args);
}

const TEXTFILE: &str = "# HELP app_jobs_total Jobs done.\n# TYPE app_jobs_total counter\n\
    app_jobs_total{queue=\"a\"} 3\napp_jobs_total{queue=\"b\"} 4.5\n\
    # TYPE app_seconds histogram\napp_seconds_bucket{le=\"1\"} 2\n\
    app_seconds_bucket{le=\"+Inf\"} 3\napp_seconds_sum 4\napp_seconds_count 3\n";

/// Runs both with `args` and compares them; `scope` selects the rows of the exceptions table.
fn compare_with(name: &str, scope: &str, args: &[String]) {
    let peer = match crate::support::peer("node_exporter") {
        Ok(peer) => peer,
        Err(reason) => return skip(name, &reason),
    };
    let mut shared: Vec<&str> = args.iter().map(String::as_str).collect();
    let (_ours, our_address) = child::exporter(&shared);
    shared.push("--web.disable-exporter-metrics");
    let (_theirs, their_address) = child::serve(peer, &shared);
    let rounds: Vec<Round> = (0..ROUNDS)
        .map(|_| {
            [&their_address, &our_address, &their_address]
                .map(|address| Scrape::parse(&client::page(address, "/metrics")))
        })
        .collect();
    assert_eq!(rounds[0][1].faults, [""; 0], "our exposition breaks the format");
    assert!(rounds[0][0].series.len() > 200, "node_exporter gave next to nothing");

    let mut found = Vec::new();
    families(&rounds, &mut found);
    series(&rounds, &mut found);
    report(&found, scope, &rounds);
}

/// One way in which ours is not theirs.
struct Difference {
    family: String,
    /// `family`, `type`, `series`, `value`, `more-families`, `more-series`
    kind: &'static str,
    detail: String,
}

fn families(rounds: &[Round], found: &mut Vec<Difference>) {
    let [theirs, ours, _] = &rounds[0];
    for (family, their_type) in &theirs.types {
        let detail = format!("theirs {their_type}, ours {:?}", ours.types.get(family));
        let kind = match ours.types.get(family) {
            None => "family",
            Some(our_type) if our_type != their_type => "type",
            Some(_) => continue,
        };
        found.push(Difference { family: family.clone(), kind, detail });
    }
    for family in ours.types.keys() {
        let seen = rounds
            .iter()
            .any(|[a, _, b]| a.types.contains_key(family) || b.types.contains_key(family));
        if family.starts_with("node_") && !seen {
            found.push(Difference {
                family: family.clone(),
                kind: "more-families",
                detail: "only ours".to_owned(),
            });
        }
    }
}

fn series(rounds: &[Round], found: &mut Vec<Difference>) {
    // Per series: whether ours had it (or had its value) in a round where theirs stood still.
    let mut missing = BTreeMap::new();
    let mut unequal = BTreeMap::new();
    let mut more = BTreeMap::new();
    for [before, ours, after] in rounds {
        for (series, theirs) in &before.series {
            let Some(again) = after.series.get(series) else { continue };
            let our_value = ours.series.get(series);
            *missing.entry(series).or_insert(true) &= our_value.is_none();
            let Some(our_value) = our_value else { continue };
            if same(*theirs, *again) {
                let equal = same(*theirs, *our_value);
                let entry = unequal.entry(series).or_insert((true, String::new()));
                entry.0 &= !equal;
                entry.1 = format!("theirs {theirs}, ours {our_value}");
            }
        }
        for series in ours.series.keys().filter(|series| before.types.contains_key(&series.0)) {
            let theirs = before.series.contains_key(series) || after.series.contains_key(series);
            *more.entry(series).or_insert(true) &= !theirs;
        }
    }
    let name = |series| rounds[0][0].family(series);
    for (series, _) in missing.into_iter().filter(|(_, missing)| *missing) {
        let family = name(&series.0);
        if rounds[0][1].types.contains_key(&family) {
            found.push(Difference { family, kind: "series", detail: show(series) });
        }
    }
    for (series, (_, values)) in unequal.into_iter().filter(|(_, (unequal, _))| *unequal) {
        let detail = format!("{}: {values}", show(series));
        found.push(Difference { family: name(&series.0), kind: "value", detail });
    }
    for (series, _) in more.into_iter().filter(|(_, more)| *more) {
        found.push(Difference {
            family: name(&series.0),
            kind: "more-series",
            detail: show(series),
        });
    }
}

fn same(a: f64, b: f64) -> bool {
    // Exactly: both print the shortest text of the same number.
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()) || (a == 0.0 && b == 0.0)
}

/// Fails on what the table does not except, and on rows of the table that except nothing.
fn report(found: &[Difference], scope: &str, rounds: &[Round]) {
    let table = crate::support::read("tests/parity_exceptions.tsv");
    let rows: Vec<Vec<&str>> = table
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| line.split('\t').collect())
        .collect();
    let mut used = vec![false; rows.len()];
    let mut text = String::new();
    let mut shown: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for difference in found {
        let row = rows.iter().position(|row| match row[..] {
            [scopes, family, kind, reason] => {
                assert!(!reason.is_empty(), "a row without a reason: {row:?}");
                scopes.split(',').any(|s| s == scope)
                    && kind == difference.kind
                    && covers(family, &difference.family)
            }
            _ => panic!("a row has four fields, scopes, family, kind, reason: {row:?}"),
        });
        if let Some(row) = row {
            used[row] = true;
            continue;
        }
        let count = shown.entry((&difference.family, difference.kind)).or_default();
        *count += 1;
        if *count <= 3 {
            let Difference { family, kind, detail } = difference;
            writeln!(text, "{kind}\t{family}\t{detail}").expect("a String takes text");
        }
    }
    for (row, used) in rows.iter().zip(used) {
        let here = row[0].split(',').any(|s| s == scope);
        // Live values move as they like: there a row stands as long as its family does.
        let stands = used
            || (scope != "recorded"
                && row[2] == "value"
                && rounds[0][0].types.keys().any(|family| covers(row[1], family)));
        if here && !stands && !row[0].contains('?') {
            writeln!(text, "excepts nothing any more\t{}", row.join("\t")).expect("text");
        }
    }
    assert!(text.is_empty(), "{scope}: ours is not theirs\n{text}");
}

fn covers(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        Some((start, end)) => {
            name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
        }
        None => pattern == name,
    }
}
