//! `/proc/zoneinfo`: the memory of each zone, in pages. What the kernel counts by node stands below
//! the node's first zone and is exposed with that zone's name, as `node_exporter` does.

use collect::{Collector, Error, Faults, Kept, Result, Spec, Text};
use exposition::{Family, Kind, Writer};

pub(crate) static SPEC: Spec = Spec {
    name: "zoneinfo",
    doc: "Memory by zone.",
    default: false,
    families: &[&GAUGES, &COUNTERS, PATTERNS],
    opts: &[],
    build: |cx| Ok(Box::new(Zoneinfo { file: cx.proc.keep("zoneinfo"), protections: Vec::new() })),
};

const LABELS: &[&str] = &["node", "zone"];

const fn gauge(name: &'static str, help: &'static str) -> Family {
    Family::gauge(name, help, LABELS)
}

const fn counter(name: &'static str, help: &'static str) -> Family {
    Family::counter(name, help, LABELS)
}

#[rustfmt::skip]
static GAUGES: [Family; 26] = [
    gauge("node_zoneinfo_min_pages", "Below it only critical allocations succeed."),
    gauge("node_zoneinfo_low_pages", "Below it the kernel starts to reclaim."),
    gauge("node_zoneinfo_high_pages", "Above it the kernel stops to reclaim."),
    gauge("node_zoneinfo_scanned_pages", "Pages looked at since the last one was reclaimed."),
    gauge("node_zoneinfo_spanned_pages", "Pages from the zone's first to its last, holes included."),
    gauge("node_zoneinfo_present_pages", "Pages that exist."),
    gauge("node_zoneinfo_managed_pages", "Pages that can be allocated."),
    gauge("node_zoneinfo_nr_active_anon_pages", "Anonymous pages used recently."),
    gauge("node_zoneinfo_nr_inactive_anon_pages", "Anonymous pages not used recently."),
    gauge("node_zoneinfo_nr_isolated_anon_pages", "Anonymous pages taken off the lists for a moment."),
    gauge("node_zoneinfo_nr_anon_pages", "Anonymous pages mapped into programs."),
    gauge("node_zoneinfo_nr_anon_transparent_hugepages", "Anonymous transparent huge pages."),
    gauge("node_zoneinfo_nr_active_file_pages", "Pages of files used recently."),
    gauge("node_zoneinfo_nr_inactive_file_pages", "Pages of files not used recently."),
    gauge("node_zoneinfo_nr_isolated_file_pages", "Pages of files taken off the lists for a moment."),
    gauge("node_zoneinfo_nr_file_pages", "Pages of files."),
    gauge("node_zoneinfo_nr_slab_reclaimable_pages", "Pages of object caches that can be given back."),
    gauge("node_zoneinfo_nr_slab_unreclaimable_pages", "Pages of object caches that cannot be given back."),
    gauge("node_zoneinfo_nr_mlock_stack_pages", "Pages locked by mlock."),
    gauge("node_zoneinfo_nr_kernel_stacks", "Kernel stacks, in KiB."),
    gauge("node_zoneinfo_nr_mapped_pages", "Pages of files mapped into programs."),
    gauge("node_zoneinfo_nr_dirty_pages", "Pages that wait to be written to disk."),
    gauge("node_zoneinfo_nr_writeback_pages", "Pages that are being written to disk."),
    gauge("node_zoneinfo_nr_unevictable_pages", "Pages that cannot be reclaimed."),
    gauge("node_zoneinfo_nr_shmem_pages", "Pages of shared memory and tmpfs."),
    gauge("node_zoneinfo_nr_free_pages", "Free pages."),
];

/// Rows of the file, in the order of [`GAUGES`].
#[rustfmt::skip]
const GAUGE_ROWS: [&str; 26] = [
    "min", "low", "high", "scanned", "spanned", "present", "managed", "nr_active_anon",
    "nr_inactive_anon", "nr_isolated_anon", "nr_anon_pages", "nr_anon_transparent_hugepages",
    "nr_active_file", "nr_inactive_file", "nr_isolated_file", "nr_file_pages",
    "nr_slab_reclaimable", "nr_slab_unreclaimable", "nr_mlock_stack", "nr_kernel_stack",
    "nr_mapped", "nr_dirty", "nr_writeback", "nr_unevictable", "nr_shmem", "nr_free_pages",
];

#[rustfmt::skip]
static COUNTERS: [Family; 8] = [
    counter("node_zoneinfo_nr_dirtied_total", "Pages that became dirty."),
    counter("node_zoneinfo_nr_written_total", "Pages written to disk."),
    counter("node_zoneinfo_numa_hit_total", "Allocations on the node that was wanted."),
    counter("node_zoneinfo_numa_miss_total", "Allocations here as the wanted node was full."),
    counter("node_zoneinfo_numa_foreign_total", "Allocations elsewhere as this node was full."),
    counter("node_zoneinfo_numa_interleave_total", "Allocations spread over the nodes that came here."),
    counter("node_zoneinfo_numa_local_total", "Allocations by programs that ran on this node."),
    counter("node_zoneinfo_numa_other_total", "Allocations by programs that ran on another node."),
];

/// Rows of the file, in the order of [`COUNTERS`].
#[rustfmt::skip]
const COUNTER_ROWS: [&str; 8] = [
    "nr_dirtied", "nr_written", "numa_hit", "numa_miss", "numa_foreign", "numa_interleave",
    "numa_local", "numa_other",
];

static PATTERNS: &[Family] = &[gauge(
    "node_zoneinfo_protection_*",
    "Pages kept from allocations that could use the zone of this number.",
)];

/// More zones than any kernel has.
const MAX_ZONES: usize = 16;

struct Zoneinfo {
    file: Kept,
    protections: Vec<Family>,
}

/// A number of a zone, by its place in `GAUGE_ROWS`, `COUNTER_ROWS` or the list of protections.
struct Number<'a> {
    row: Row,
    zone: [&'a str; 2],
    value: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Row {
    Gauge(usize),
    Counter(usize),
    Protection(usize),
}

impl Collector for Zoneinfo {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let text = self.file.read().map_err(Error::or_no_data)?;
        let mut faults = Faults::default();
        let numbers = parse(text, &mut faults);
        let mut write = |family: &Family, row: Row| {
            out.family(family, |s| {
                for number in numbers.iter().filter(|number| number.row == row) {
                    s.row(&number.zone, number.value);
                }
            });
        };
        for (i, family) in GAUGES.iter().enumerate() {
            write(family, Row::Gauge(i));
        }
        for (i, family) in COUNTERS.iter().enumerate() {
            write(family, Row::Counter(i));
        }
        for i in self.protections.len()..MAX_ZONES {
            let help = format!("Pages kept from allocations that could use zone {i}.");
            let name = format!("node_zoneinfo_protection_{i}");
            self.protections.push(Family::dynamic(Kind::Gauge, &name, help, LABELS));
        }
        for (i, family) in self.protections.iter().enumerate() {
            write(family, Row::Protection(i));
        }
        faults.finish()
    }
}

fn parse<'a>(text: Text<'a>, faults: &mut Faults) -> Vec<Number<'a>> {
    let mut numbers = Vec::new();
    let mut zone = None;
    for line in text.lines() {
        if let Some(header) = line.strip_prefix("Node ") {
            zone = header.split_once(", zone").map(|(node, zone)| [node.trim(), zone.trim()]);
            if zone.is_none() {
                faults.note(text.bad("expected Node N, zone NAME", line));
            }
            continue;
        }
        let Some(zone) = zone else { continue };
        if let Some(list) = line.trim_start().strip_prefix("protection:") {
            let list = list.trim().trim_matches(['(', ')']);
            for (i, field) in list.split(',').take(MAX_ZONES).enumerate() {
                let value = text.parse(Some(field.trim()), "expected a list of numbers", line);
                let Some(value) = faults.ok(value) else { break };
                numbers.push(Number { row: Row::Protection(i), zone, value });
            }
            continue;
        }
        let mut fields = line.split_ascii_whitespace();
        let Some(name) = fields.next() else { continue };
        let gauge = GAUGE_ROWS.iter().position(|row| *row == name).map(Row::Gauge);
        let counter = || COUNTER_ROWS.iter().position(|row| *row == name).map(Row::Counter);
        let Some(row) = gauge.or_else(counter) else { continue };
        if let Some(value) = faults.ok(text.parse(fields.next(), "expected a number", line)) {
            numbers.push(Number { row, zone, value });
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect::testing::expose;
    use expect_test::expect;

    #[test]
    fn rows_and_families_agree() {
        let names = GAUGES.iter().zip(GAUGE_ROWS).chain(COUNTERS.iter().zip(COUNTER_ROWS));
        for (family, row) in names {
            let name = family.name.strip_prefix("node_zoneinfo_").unwrap();
            assert!(name.starts_with(row), "{name} {row}");
        }
    }

    #[test]
    fn two_zones() {
        let text = "Node 0, zone      DMA\n  per-node stats\n      nr_inactive_anon 95612\n\
            \x20     nr_dirtied   1189097\n  pages free     2949\n        min      8\n\
            \x20       protection: (0, 2039)\n      nr_free_pages 2949\n      numa_hit     1\n\
            \x20 pagesets\n    cpu: 0\n              count: 351\n              high:  378\n\
            Node 1, zone   Normal\n        min      9\n      nr_free_pages 5\n";
        expect![[r##"
            # HELP node_zoneinfo_min_pages Below it only critical allocations succeed.
            # TYPE node_zoneinfo_min_pages gauge
            node_zoneinfo_min_pages{node="0",zone="DMA"} 8
            node_zoneinfo_min_pages{node="1",zone="Normal"} 9
            # HELP node_zoneinfo_nr_dirtied_total Pages that became dirty.
            # TYPE node_zoneinfo_nr_dirtied_total counter
            node_zoneinfo_nr_dirtied_total{node="0",zone="DMA"} 1189097
            # HELP node_zoneinfo_nr_free_pages Free pages.
            # TYPE node_zoneinfo_nr_free_pages gauge
            node_zoneinfo_nr_free_pages{node="0",zone="DMA"} 2949
            node_zoneinfo_nr_free_pages{node="1",zone="Normal"} 5
            # HELP node_zoneinfo_nr_inactive_anon_pages Anonymous pages not used recently.
            # TYPE node_zoneinfo_nr_inactive_anon_pages gauge
            node_zoneinfo_nr_inactive_anon_pages{node="0",zone="DMA"} 95612
            # HELP node_zoneinfo_numa_hit_total Allocations on the node that was wanted.
            # TYPE node_zoneinfo_numa_hit_total counter
            node_zoneinfo_numa_hit_total{node="0",zone="DMA"} 1
            # HELP node_zoneinfo_protection_0 Pages kept from allocations that could use zone 0.
            # TYPE node_zoneinfo_protection_0 gauge
            node_zoneinfo_protection_0{node="0",zone="DMA"} 0
            # HELP node_zoneinfo_protection_1 Pages kept from allocations that could use zone 1.
            # TYPE node_zoneinfo_protection_1 gauge
            node_zoneinfo_protection_1{node="0",zone="DMA"} 2039
        "##]]
        .assert_eq(&expose(&SPEC, &[("proc/zoneinfo", text)]));
    }

    #[test]
    fn torn() {
        let text =
            "min 5\nNode 0\nmin 6\nNode 0, zone DMA\nmin\nlow x\nprotection: (1, y, 3\nhigh 7";
        expect![[r##"
            # HELP node_zoneinfo_high_pages Above it the kernel stops to reclaim.
            # TYPE node_zoneinfo_high_pages gauge
            node_zoneinfo_high_pages{node="0",zone="DMA"} 7
            # HELP node_zoneinfo_protection_0 Pages kept from allocations that could use zone 0.
            # TYPE node_zoneinfo_protection_0 gauge
            node_zoneinfo_protection_0{node="0",zone="DMA"} 1
            error: /proc/zoneinfo: expected Node N, zone NAME: "Node 0" (and 3 more)
        "##]]
        .assert_eq(&expose(&SPEC, &[("proc/zoneinfo", text)]));
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: no data: /proc/zoneinfo does not exist
        "#]]
        .assert_eq(&expose(&SPEC, &[]));
    }
}
