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

/// How often a live value is read.
const ROUNDS: usize = 8;

/// How long each program took for itself is no number of the machine's.
const OF_THE_PROGRAM: &str = "node_scrape_collector_duration_seconds";

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
        format!("--path.procfs={}/proc", host.display()),
        format!("--path.sysfs={}/sys", host.display()),
        format!("--path.rootfs={}", host.display()),
        format!("--path.udev.data={}/udev/data", host.display()),
        format!("--collector.textfile.directory={}", texts.path().display()),
        "--no-collector.arp.netlink".to_owned(),
        "--no-collector.netdev.netlink".to_owned(),
    ];
    let more = MORE.iter().filter(|name| !LIVE_ONLY.contains(name));
    args.extend(more.map(|name| format!("--collector.{name}")));
    args.extend(OPTIONS.map(str::to_owned));
    compare_with(name, "recorded", &args);
}

#[test]
fn recorded_host() {
    let mut args = crate::support::debian12_flags();
    // `proc/self` is kept as a directory, where this one wants a link.
    let more = MORE.iter().filter(|name| !LIVE_ONLY.contains(name) && **name != "mountstats");
    args.extend(more.map(|name| format!("--collector.{name}")));
    compare_with("parity::recorded_host", "recorded-host", &args);
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

/// What is known of a series of theirs after all rounds.
struct Seen {
    /// The least and the greatest value of theirs.
    range: (f64, f64),
    /// In how many rounds theirs had the series throughout.
    times: usize,
    /// Ours had the series in some round.
    there: bool,
    /// A value of ours was possible, seen from theirs.
    fits: bool,
    /// Our values.
    ours: Vec<f64>,
}

fn series(rounds: &[Round], found: &mut Vec<Difference>) {
    let mut all = BTreeMap::new();
    let mut more = BTreeMap::new();
    for [before, ours, after] in rounds {
        for (series, a) in &before.series {
            let Some(b) = after.series.get(series) else { continue };
            let seen = all.entry(series).or_insert(Seen {
                range: (*a, *a),
                times: 0,
                there: false,
                fits: false,
                ours: Vec::new(),
            });
            seen.times += 1;
            for value in [a, b] {
                seen.range = (seen.range.0.min(*value), seen.range.1.max(*value));
            }
            if let Some(value) = ours.series.get(series) {
                seen.there = true;
                seen.ours.push(*value);
                // Between two reads of theirs: equal where the source stood still.
                seen.fits |= same(*a, *value) || (a <= value && value <= b);
            }
        }
        for series in ours.series.keys().filter(|series| before.types.contains_key(&series.0)) {
            let theirs = before.series.contains_key(series) || after.series.contains_key(series);
            *more.entry(series).or_insert(0) += usize::from(!theirs);
        }
    }
    let [first, our_first, _] = &rounds[0];
    for (series, seen) in all {
        let family = first.family(&series.0);
        let counter = first.types.get(&family).is_some_and(|kind| kind == "counter");
        // A gauge that moves up and down is compared only with where theirs was meanwhile.
        let (low, high) = seen.range;
        let room = (high - low) * 4.0;
        let near = |value: &f64| low - room <= *value && *value <= high + room;
        let fits = seen.fits || (!counter && seen.ours.iter().any(near));
        if !seen.there && seen.times == rounds.len() && our_first.types.contains_key(&family) {
            found.push(Difference { family, kind: "series", detail: show(series) });
        } else if seen.there && !fits && series.0 != OF_THE_PROGRAM {
            let detail = format!("{}: theirs {low} to {high}, ours {:?}", show(series), seen.ours);
            found.push(Difference { family, kind: "value", detail });
        }
    }
    for (series, _) in more.into_iter().filter(|(_, times)| *times == rounds.len()) {
        let family = first.family(&series.0);
        found.push(Difference { family, kind: "more-series", detail: show(series) });
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
        // What moves need not differ each time: live, such a row stands as long as its family does.
        let moves = scope.starts_with("live") && row[2] != "family" && row[2] != "type";
        let family = || rounds[0][0].types.keys().any(|family| covers(row[1], family));
        if here && !used && !(moves && (row[2] == "more-families" || family())) {
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
