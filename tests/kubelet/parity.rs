//! Our page beside the kubelet's `/metrics/cadvisor`: the same families, types, series and numbers, but
//! for the rows of `exceptions.tsv`, each of which must still hold.
//!
//! The kubelet's numbers are 10 to 20 s old, each with its own time. So we ask ourselves, then wait
//! until each of the kubelet's is younger than that, then ask ourselves again: its counters lie between
//! our two, and what stands still is the same. How busy the machine is does not matter.
#![expect(clippy::disallowed_methods, reason = "the kubelet's times are told by the wall clock")]

use super::{GUARD, Site, label};
use crate::support::{
    child::wait,
    read,
    scrape::{Scrape, Series, show},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{SystemTime, UNIX_EPOCH},
};

const EXCEPTIONS: &str = "tests/kubelet/exceptions.tsv";

/// How long before its time the kubelet may have read a number, ms.
const READING: i64 = 5000;

/// The kubelet's page.
pub(super) struct Page {
    pub(super) scrape: Scrape,
    /// Times of series that have one, ms since 1970.
    times: BTreeMap<Series, i64>,
}

/// A difference: its kind, the family, the labels, the numbers.
pub(super) type Difference = (&'static str, String, String, String);

/// A row of the table.
struct Exception<'a> {
    kind: &'a str,
    /// Whether other machines may do without it.
    optional: bool,
    family: &'a str,
    /// What the labels, as text, hold.
    labels: &'a str,
}

// === impl Page ===

impl Page {
    /// Takes the times, which our own format has none of, from the lines.
    pub(super) fn parse(text: &str) -> Self {
        let (mut plain, mut stamps) = (String::new(), Vec::new());
        for line in text.lines() {
            let time = line.rsplit_once(' ').filter(|_| !line.starts_with('#'));
            let time = time.and_then(|(rest, time)| Some((rest, time.parse::<i64>().ok()?)));
            // A value that is a number of ms since 1970 would stand behind the labels at once.
            match time.filter(|(rest, _)| !rest.ends_with('}') && rest.contains('}')) {
                Some((rest, time)) => {
                    plain.extend([rest, "\n"]);
                    stamps.push((rest.to_owned(), time));
                }
                None => plain.extend([line, "\n"]),
            }
        }
        let scrape = Scrape::parse(&plain);
        assert!(scrape.faults.is_empty(), "{:#?}", scrape.faults);
        let times = stamps.into_iter().map(|(line, time)| {
            let one = Scrape::parse(&format!("{line}\n"));
            (one.series.into_keys().next().expect("a series"), time)
        });
        Self { times: times.collect(), scrape }
    }
}

/// The page of the same moment as the kubelet's, and no other.
pub(super) fn the_page_is_the_kubelets(site: &Site) {
    let kubelet = || Page::parse(&site.kubelet("/metrics/cadvisor"));
    // Who ended lately is on the kubelet's page for a while.
    wait("the same pods and containers on both pages", GUARD, || {
        let (ours, theirs) = (site.ours(), kubelet());
        let (ours, theirs) = (pods(&ours), pods(&theirs.scrape));
        (!ours.is_empty() && ours == theirs).then_some(())
    });
    let before = site.ours();
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
    let since = i64::try_from(since).expect("a time of this age") + READING;
    let theirs = wait("younger numbers of the kubelet's", GUARD, || {
        let page = kubelet();
        (page.times.values().all(|time| *time > since)).then_some(page)
    });
    assert!(theirs.times.len() > 1000, "{} series have a time", theirs.times.len());
    let after = site.ours();
    shapes(&after);
    judge(EXCEPTIONS, &differences(&before, &theirs.scrape, &after));
}

/// Where a page of the kubelet's is not ours, which is of a moment before it and of one after it: the kind of
/// difference, the family, the labels, the numbers.
pub(super) fn differences(before: &Scrape, theirs: &Scrape, after: &Scrape) -> Vec<Difference> {
    let mut found = Vec::new();
    for (family, kind) in &theirs.types {
        match after.types.get(family) {
            None => found.push(("family", family.clone(), String::new(), kind.clone())),
            Some(own) if own != kind => {
                found.push(("type", family.clone(), String::new(), format!("{own} and {kind}")));
            }
            Some(_) => {}
        }
    }
    for (series, number) in &theirs.series {
        if !after.types.contains_key(&series.0) {
            continue;
        }
        let (first, last) = (before.series.get(series), after.series.get(series));
        let Some(last) = last else {
            let kind = if *number == 0.0 { "zero" } else { "theirs" };
            found.push((kind, series.0.clone(), show(series), number.to_string()));
            continue;
        };
        let first = first.unwrap_or(last);
        let is_counter = after.types.get(&series.0).is_some_and(|kind| kind == "counter");
        if !agrees(series, is_counter, *number, *first, *last) {
            let numbers = format!("{number}; ours {first}, then {last}");
            found.push(("value", series.0.clone(), show(series), numbers));
        }
    }
    let groups: BTreeSet<_> = theirs.series.keys().map(|series| label(series, "id")).collect();
    for (series, number) in &after.series {
        let there = theirs.types.contains_key(&series.0) && groups.contains(label(series, "id"));
        if there && !theirs.series.contains_key(series) {
            found.push(("ours", series.0.clone(), show(series), number.to_string()));
        }
    }
    found
}

/// Whether a number of the kubelet's is between two of ours.
#[expect(clippy::float_cmp, reason = "what stands still is the same")]
fn agrees(series: &Series, is_counter: bool, number: f64, first: f64, last: f64) -> bool {
    let (low, high) = (first.min(last), first.max(last));
    let name = series.0.as_str();
    if is_counter || name == "container_last_seen" {
        return first <= number && number <= last;
    }
    let id = label(series, "id");
    let moves = ["/", "/system.slice/kubelet.service"].contains(&id);
    let stands = ["limit_bytes", "_total", "start_time_seconds", "_max", "_soft"];
    if moves && !name.contains("_spec_") && !stands.iter().any(|end| name.ends_with(end)) {
        // The machine at large does other things meanwhile.
        let is_bytes = name.contains("_memory_") || name.contains("_fs_");
        let slack = f64::from(if is_bytes { 64 << 20 } else { 64 });
        return number >= low / 2.0 - slack && number <= high * 2.0 + slack;
    }
    // Most stand still: the two are one then.
    if low == high { number == low } else { number >= low * 0.95 && number <= high * 1.05 }
}

/// The groups of pods and containers, with their names.
fn pods(page: &Scrape) -> BTreeSet<Series> {
    let below: Vec<_> =
        page.series.keys().filter(|series| label(series, "id").starts_with("/kubepods")).collect();
    let of = |family| below.iter().filter(move |series| series.0 == family);
    // A group whose numbers were read has processes, be it 0.
    let read: BTreeSet<_> = of("container_processes").map(|series| &series.1).collect();
    let named = of("container_start_time_seconds").filter(|series| read.contains(&series.1));
    named.map(|series| (*series).clone()).collect()
}

/// The pods are of the shapes that the test is about.
fn shapes(page: &Scrape) {
    let of = |family: &str, pod: &str, container: &str| {
        let labels = [("pod", pod), ("container", container)];
        Site::series(page, family, &labels).first().map(|(_, number)| *number)
    };
    for (pod, container) in [
        ("plain", "app"),
        ("limited", "web"),
        ("limited", "busy"),
        ("beside", "sidecar"),
        ("beside", "app"),
        ("hostwide", "app"),
        ("again", "app"),
    ] {
        assert!(of("container_start_time_seconds", pod, container).is_some(), "{pod} {container}");
    }
    assert_eq!(of("container_spec_memory_limit_bytes", "limited", "web"), Some(67_108_864.0));
    assert_eq!(of("container_spec_memory_limit_bytes", "plain", "app"), Some(0.0));
    assert_eq!(of("container_spec_cpu_quota", "limited", "busy"), Some(2000.0));
    let throttled = of("container_cpu_cfs_throttled_periods_total", "limited", "busy");
    assert!(throttled.is_some_and(|periods| periods > 0.0), "{throttled:?}");
    let fixed = [("namespace", "kube-system"), ("container", "app")];
    assert_eq!(Site::series(page, "container_processes", &fixed).len(), 1);
}

/// What was found is in the table, and what is in the table was found.
pub(super) fn judge(table: &str, found: &[Difference]) {
    let text = read(table);
    let rows = text.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let mut columns = line.split('\t');
        let mut next = || columns.next().unwrap_or_default();
        let kind = next();
        let (kind, optional) = kind.strip_suffix('?').map_or((kind, false), |kind| (kind, true));
        let row = Exception { kind, optional, family: next(), labels: next() };
        assert!(!next().is_empty(), "{table}: a row without a reason: {line}");
        row
    });
    let rows: Vec<_> = rows.collect();
    let mut used = BTreeSet::new();
    let mut untold = Vec::new();
    for (kind, family, labels, numbers) in found {
        let told = rows.iter().position(|row| {
            let begins = row.family.strip_suffix('*').is_some_and(|stem| family.starts_with(stem));
            row.kind == *kind && (begins || row.family == family) && labels.contains(row.labels)
        });
        match told {
            Some(row) => {
                used.insert(row);
            }
            None => untold.push(format!("{kind}\t{family}\t{labels}\t{numbers}")),
        }
    }
    assert!(untold.is_empty(), "{} differences:\n{}", untold.len(), untold.join("\n"));
    let idle = rows.iter().enumerate().filter(|(at, row)| !row.optional && !used.contains(at));
    let idle: Vec<_> =
        idle.map(|(_, row)| format!("{} {} {}", row.kind, row.family, row.labels)).collect();
    assert!(idle.is_empty(), "rows of {table} that no longer hold: {idle:#?}");
}
