//! What the exporter has counted beside what `journalctl -o export` says should have been.

use super::oracle;
use crate::{
    ground::host::Host,
    support::{EXPORTER, child, scrape::Scrape},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    ops::Range,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Counts by family, priority, and transport or unit.
pub(crate) type Counts = BTreeMap<[String; 3], u64>;

/// Where the exporter keeps its position inside a host.
pub(crate) const STATE: &str = "/var/lib/exporter";

/// The priorities' names by number.
const PRIORITIES: [&str; 8] =
    ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];

pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock");
    u64::try_from(since.as_micros()).expect("µs")
}

/// Starts the exporter as a unit that is not started again by itself, and waits until it answers.
pub(crate) fn exporter(host: &Host) {
    fs::copy(EXPORTER, host.shared().join("hybrid-exporter")).expect("the folder takes a file");
    let flags = "--collector.disable-defaults --journal=on";
    host.run(5, &["mkdir", "-p", STATE]);
    host.unit("exporter", &format!("/shared/hybrid-exporter {flags} --state.dir={STATE}"));
    serving(host);
}

/// Waits until the exporter answers.
pub(crate) fn serving(host: &Host) {
    child::wait("the exporter", child::READY, || {
        let ask =
            "systemctl is-failed exporter; curl -s http://localhost:10150/metrics/journal || true";
        let said = host.run(60, &["sh", "-c", ask]);
        assert!(!said.starts_with("failed"), "{}", host.run(10, &["journalctl", "-u", "exporter"]));
        said.contains("hybrid_journal_entries_total").then_some(())
    });
}

/// The exporter's page.
pub(crate) fn page(host: &Host) -> Scrape {
    let text = host.run(60, &["curl", "-sS", "http://localhost:10150/metrics/journal"]);
    let page = Scrape::parse(&text);
    assert_eq!(page.faults, Vec::<String>::new());
    page
}

/// The value of the series of a family that has these labels; nothing where it is absent.
pub(crate) fn value(page: &Scrape, family: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let has = |have: &[(String, String)]| {
        labels.iter().all(|(name, value)| have.iter().any(|(n, v)| n == name && v == value))
    };
    page.series
        .iter()
        .find(|((name, have), _)| name == family && has(have))
        .map(|(_, value)| *value)
}

/// What the exporter has counted.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts are whole")]
pub(crate) fn counted(page: &Scrape) -> Counts {
    let mut counts = Counts::new();
    for ((name, labels), value) in &page.series {
        let label = |wanted: &str| {
            let found = labels.iter().find(|(label, _)| label == wanted);
            found.map_or("", |(_, value)| value).to_owned()
        };
        let of = match name.as_str() {
            "hybrid_journal_entries_total" => label("transport"),
            "hybrid_journal_unit_entries_total" => label("unit"),
            _ => continue,
        };
        if *value > 0.0 {
            counts.insert([name.clone(), label("priority"), of], *value as u64);
        }
    }
    counts
}

/// Adds what one exporter has counted, or takes away what it had before.
pub(crate) fn sum(counts: &mut Counts, more: Counts, less: Counts) {
    for (key, count) in more {
        *counts.entry(key).or_default() += count;
    }
    for (key, count) in less {
        let entry = counts.get_mut(&key).expect("a counter does not go away");
        *entry -= count;
    }
    counts.retain(|_, count| *count > 0);
}

/// What the exporter should have counted of entries of these times, by what an entry says about itself and by the
/// rules of `journalctl --unit`. A cursor that comes again is the same entry.
pub(crate) fn expected(exports: &[Vec<u8>], times: &Range<u64>) -> Counts {
    let mut counts = Counts::new();
    let mut seen = BTreeSet::new();
    for export in exports {
        oracle::fields(export, |entry| {
            let text = |wanted: &str| {
                let value = entry.iter().find(|(name, _)| *name == wanted.as_bytes());
                String::from_utf8_lossy(value.map(|(_, value)| *value).unwrap_or_default())
            };
            let realtime: u64 = text("__REALTIME_TIMESTAMP").parse().expect("a time");
            if !times.contains(&realtime) || !seen.insert(text("__CURSOR").into_owned()) {
                return;
            }
            // One digit: `-1` and `err` are no priorities.
            let level = text("PRIORITY");
            let level = level.parse::<usize>().ok().filter(|_| level.len() == 1);
            let level = level.filter(|level| *level < PRIORITIES.len());
            let priority = level.and_then(|level| PRIORITIES.get(level)).unwrap_or(&"none");
            let mut add = |family: &str, of: &str| {
                let key = [family.to_owned(), (*priority).to_owned(), of.to_owned()];
                *counts.entry(key).or_default() += 1;
            };
            add("hybrid_journal_entries_total", &text("_TRANSPORT"));
            let about = [
                (text("_UID") == "0").then(|| text("OBJECT_SYSTEMD_UNIT")),
                (text("_PID") == "1").then(|| text("UNIT")),
                Some(text("_SYSTEMD_UNIT")),
            ];
            let unit = about.into_iter().flatten().find(|unit| !unit.is_empty());
            if level.is_some_and(|level| level <= 4) {
                add("hybrid_journal_unit_entries_total", &unit.unwrap_or_else(|| "none".into()));
            }
        });
    }
    counts
}

/// Leaves only the rows of units of which `keep` says so; those of transports stay.
pub(crate) fn units(mut counts: Counts, keep: impl Fn(&str) -> bool) -> Counts {
    counts.retain(|[family, _, of], _| !family.contains("_unit_") || keep(of));
    counts
}

/// The time of a moment of quiet, and what was counted up to it.
pub(crate) fn quiet(host: &Host) -> (u64, Counts) {
    child::wait("quiet", child::READY, || {
        let (counts, time) = (counted(&page(host)), now());
        thread::park_timeout(Duration::from_millis(300));
        (counted(&page(host)) == counts).then_some((time, counts))
    })
}
