//! `/sys/fs/bcache/<uuid>`: caches on fast disks before slow ones.
//!
//! The kernel prints many numbers short: `20.4G` is 20 GiB and 4 × 100 MiB, as `node_exporter` takes
//! it → bytes. `btree_read_average_duration_us` is taken for nanoseconds there, and so here.

use collect::{Collector, Context, Faults, Opt, Result, Root, Spec, Text};
use exposition::{Family, Writer};

pub(crate) static SPEC: Spec = Spec {
    name: "bcache",
    doc: "Caches of bcache.",
    default: true,
    families: &[&SET, &[BTREE_READ], &BACKING, &RATE, &CACHE, &PRIORITY],
    opts: &[PRIORITY_STATS],
    build: |cx| Ok(Box::new(Bcache::new(cx))),
};

const PRIORITY_STATS: Opt = Opt::switch(
    "collector.bcache.priorityStats",
    false,
    "Read priority_stats too, which costs the kernel a sort of all buckets.",
);

const UUID: &[&str] = &["uuid"];
const BACKING_DEVICE: &[&str] = &["uuid", "backing_device"];
const CACHE_DEVICE: &[&str] = &["uuid", "cache_device"];

static SET: [Family; 9] = [
    Family::gauge(
        "node_bcache_average_key_size_sectors",
        "Average data of a key in sectors.",
        UUID,
    ),
    Family::gauge("node_bcache_btree_cache_size_bytes", "Memory of the B-tree cache.", UUID),
    Family::gauge("node_bcache_cache_available_percent", "Cache without dirty data.", UUID),
    Family::gauge("node_bcache_congested", "Congestion of the cache.", UUID),
    Family::gauge("node_bcache_root_usage_percent", "Use of the B-tree's root.", UUID),
    Family::gauge("node_bcache_tree_depth", "Depth of the B-tree.", UUID),
    Family::gauge(
        "node_bcache_active_journal_entries",
        "Journal entries not yet in the B-tree.",
        UUID,
    ),
    Family::gauge("node_bcache_btree_nodes", "Nodes of the B-tree.", UUID),
    Family::counter(
        "node_bcache_cache_read_races_total",
        "Buckets that were reused while they were read.",
        UUID,
    ),
];
const SET_FILES: [&str; 9] = [
    "average_key_size",
    "btree_cache_size",
    "cache_available_percent",
    "congested",
    "root_usage_percent",
    "tree_depth",
    "internal/active_journal_entries",
    "internal/btree_nodes",
    "internal/cache_read_races",
];
const BTREE_READ: Family = Family::gauge(
    "node_bcache_btree_read_average_duration_seconds",
    "Average duration of a read of the B-tree.",
    UUID,
);

static BACKING: [Family; 8] = [
    Family::gauge("node_bcache_dirty_data_bytes", "Dirty data of the device.", BACKING_DEVICE),
    Family::counter("node_bcache_bypassed_bytes_total", "Bytes past the cache.", BACKING_DEVICE),
    Family::counter("node_bcache_cache_hits_total", "Requests that hit.", BACKING_DEVICE),
    Family::counter("node_bcache_cache_misses_total", "Requests that missed.", BACKING_DEVICE),
    Family::counter(
        "node_bcache_cache_bypass_hits_total",
        "Requests past the cache that would have hit.",
        BACKING_DEVICE,
    ),
    Family::counter(
        "node_bcache_cache_bypass_misses_total",
        "Requests past the cache that would have missed.",
        BACKING_DEVICE,
    ),
    Family::counter(
        "node_bcache_cache_miss_collisions_total",
        "Misses whose data another write put in the cache meanwhile.",
        BACKING_DEVICE,
    ),
    Family::counter("node_bcache_cache_readaheads_total", "Reads ahead.", BACKING_DEVICE),
];
const BACKING_FILES: [&str; 8] = [
    "dirty_data",
    "stats_total/bypassed",
    "stats_total/cache_hits",
    "stats_total/cache_misses",
    "stats_total/cache_bypass_hits",
    "stats_total/cache_bypass_misses",
    "stats_total/cache_miss_collisions",
    "stats_total/cache_readaheads",
];

static RATE: [Family; 5] = [
    Family::gauge(
        "node_bcache_writeback_rate",
        "Rate of write-back, bytes a second.",
        BACKING_DEVICE,
    ),
    Family::gauge("node_bcache_dirty_target_bytes", "Dirty data aimed at.", BACKING_DEVICE),
    Family::gauge(
        "node_bcache_writeback_rate_proportional_term",
        "Proportional part of the rate's controller.",
        BACKING_DEVICE,
    ),
    Family::gauge(
        "node_bcache_writeback_rate_integral_term",
        "Integral part of the rate's controller.",
        BACKING_DEVICE,
    ),
    Family::gauge("node_bcache_writeback_change", "Last change of the rate.", BACKING_DEVICE),
];
const RATE_KEYS: [&str; 5] = ["rate", "target", "proportional", "integral", "change"];

static CACHE: [Family; 3] = [
    Family::gauge("node_bcache_io_errors", "Errors, decayed by half-life.", CACHE_DEVICE),
    Family::counter("node_bcache_metadata_written_bytes_total", "Bytes of metadata.", CACHE_DEVICE),
    Family::counter("node_bcache_written_bytes_total", "Bytes written.", CACHE_DEVICE),
];
const CACHE_FILES: [&str; 3] = ["io_errors", "metadata_written", "written"];

static PRIORITY: [Family; 2] = [
    Family::gauge("node_bcache_priority_stats_unused_percent", "Cache without data.", CACHE_DEVICE),
    Family::gauge("node_bcache_priority_stats_metadata_percent", "Metadata's part.", CACHE_DEVICE),
];
const PRIORITY_KEYS: [&str; 2] = ["Unused", "Metadata"];

struct Bcache {
    dir: Root,
    priority_stats: bool,
}

// === impl Bcache ===

impl Bcache {
    fn new(cx: &Context) -> Self {
        let priority_stats = cx.options.switch(&PRIORITY_STATS);
        Self { dir: cx.sys.at("fs/bcache"), priority_stats }
    }

    fn set(&self, uuid: &str, out: &mut Writer) -> Result<()> {
        let dir = self.dir.at(uuid);
        let mut faults = Faults::default();
        faults.ok(files(&dir, &SET, &SET_FILES, &[uuid], out));
        let read = faults.ok(dir.number::<u32>("internal/btree_read_average_duration_us"));
        if let Some(read) = read.flatten() {
            out.family(&BTREE_READ, |s| s.row(&[uuid], f64::from(read) * 1e-9));
        }
        for device in dir.list("")? {
            if is_device(&device, "bdev") {
                let labels = &[uuid, &device];
                let dir = dir.at(&device);
                faults.ok(files(&dir, &BACKING, &BACKING_FILES, labels, out));
                let path = "writeback_rate_debug";
                faults.ok(table(&dir, path, &RATE, &RATE_KEYS, "/sec", labels, out));
            } else if is_device(&device, "cache") {
                let labels = &[uuid, &device];
                let dir = dir.at(&device);
                faults.ok(files(&dir, &CACHE, &CACHE_FILES, labels, out));
                if self.priority_stats {
                    let path = "priority_stats";
                    faults.ok(table(&dir, path, &PRIORITY, &PRIORITY_KEYS, "%", labels, out));
                }
            }
        }
        faults.finish()
    }
}

impl Collector for Bcache {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let mut faults = Faults::default();
        for name in self.dir.list_if_any("")? {
            // Beside the sets stand `register` and the like.
            if name.contains('-') && self.dir.is_dir(&name) {
                faults.ok(self.set(&name, out));
            }
        }
        faults.finish()
    }
}

fn is_device(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix).is_some_and(|id| id.parse::<u32>().is_ok())
}

/// One attribute a family.
fn files(
    dir: &Root,
    families: &[Family],
    files: &[&str],
    labels: &[&str],
    out: &mut Writer,
) -> Result<()> {
    let mut faults = Faults::default();
    for (family, file) in families.iter().zip(files) {
        let Some(file) = (match dir.read(file) {
            Err(error) if error.is_not_found() => None,
            file => faults.ok(file),
        }) else {
            continue;
        };
        let number = number(&file.text(), file.text().as_str().trim());
        if let Some(number) = faults.ok(number) {
            out.family(family, |s| s.row(labels, number));
        }
    }
    faults.finish()
}

/// Lines `key: number` of one attribute.
fn table(
    dir: &Root,
    path: &str,
    families: &[Family],
    keys: &[&str],
    unit: &str,
    labels: &[&str],
    out: &mut Writer,
) -> Result<()> {
    let file = match dir.read(path) {
        Err(error) if error.is_not_found() => return Ok(()),
        file => file?,
    };
    let mut faults = Faults::default();
    for line in file.text().lines() {
        let Some((key, text)) = line.split_once(':') else { continue };
        let known = families.iter().zip(keys).find(|(_, known)| **known == key);
        let Some((family, _)) = known else { continue };
        let text = text.trim();
        let number = number(&file.text(), text.strip_suffix(unit).unwrap_or(text));
        if let Some(number) = faults.ok(number) {
            out.family(family, |s| s.row(labels, number));
        }
    }
    faults.finish()
}

/// A number as the kernel shortens it: `17`, `-427.5k`, `1.1M`. The digit after the point counts 100
/// of the next smaller unit.
fn number(file: &Text<'_>, text: &str) -> Result<f64> {
    let parse = || {
        let (sign, digits) = text.strip_prefix('-').map_or((1.0, text), |rest| (-1.0, rest));
        let end = digits.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(digits.len());
        let (digits, unit) = digits.split_at_checked(end)?;
        let power = match unit {
            "" => 0,
            "k" => 1,
            "M" => 2,
            "G" => 3,
            "T" => 4,
            "P" => 5,
            "E" => 6,
            "Z" => 7,
            "Y" => 8,
            _ => return None,
        };
        let (whole, tenth) = digits.split_once('.').unwrap_or((digits, "0"));
        let (whole, tenth): (f64, f64) = (whole.parse().ok()?, tenth.parse().ok()?);
        let unit = 1024f64.powi(power);
        Some(sign * (whole * unit + tenth * 100.0 * (unit / 1024.0)))
    };
    parse().ok_or_else(|| file.bad("expected a number", text))
}

#[cfg(test)]
mod tests {
    use collect::testing::{expose, expose_with, samples};
    use expect_test::expect;

    #[test]
    fn set() {
        let files = [
            ("sys/fs/bcache/register", ""),
            ("sys/fs/bcache/u-1/btree_cache_size", "1.5M\n"),
            ("sys/fs/bcache/u-1/internal/btree_read_average_duration_us", "1000\n"),
            ("sys/fs/bcache/u-1/bdev0/dirty_data", "2.0k\n"),
            ("sys/fs/bcache/u-1/bdev0/stats_total/cache_hits", "7\n"),
            (
                "sys/fs/bcache/u-1/bdev0/writeback_rate_debug",
                "rate:\t\t1.1M/sec\ndirty:\t\t2.0k\ntarget:\t\t20.4G\nproportional:\t-427.5k\n\
                 integral:\t790.0k\nchange:\t\t-1.0k/sec\nnext io:\t17ms\n",
            ),
            ("sys/fs/bcache/u-1/cache0/written", "3.0G\n"),
            (
                "sys/fs/bcache/u-1/cache0/priority_stats",
                "Unused:\t\t99%\nMetadata:\t0%\nAverage:\t1\n",
            ),
            ("sys/fs/bcache/u-1/cache_available_percent", "100\n"),
        ];
        let options = [("collector.bcache.priorityStats", "true")];
        expect![[r#"
            node_bcache_btree_cache_size_bytes{uuid="u-1"} 1560576
            node_bcache_btree_read_average_duration_seconds{uuid="u-1"} 1.0000000000000002e-6
            node_bcache_cache_available_percent{uuid="u-1"} 100
            node_bcache_cache_hits_total{uuid="u-1",backing_device="bdev0"} 7
            node_bcache_dirty_data_bytes{uuid="u-1",backing_device="bdev0"} 2048
            node_bcache_dirty_target_bytes{uuid="u-1",backing_device="bdev0"} 21894266880
            node_bcache_priority_stats_metadata_percent{uuid="u-1",cache_device="cache0"} 0
            node_bcache_priority_stats_unused_percent{uuid="u-1",cache_device="cache0"} 99
            node_bcache_writeback_change{uuid="u-1",backing_device="bdev0"} -1024
            node_bcache_writeback_rate{uuid="u-1",backing_device="bdev0"} 1150976
            node_bcache_writeback_rate_integral_term{uuid="u-1",backing_device="bdev0"} 808960
            node_bcache_writeback_rate_proportional_term{uuid="u-1",backing_device="bdev0"} -437748
            node_bcache_written_bytes_total{uuid="u-1",cache_device="cache0"} 3221225472
        "#]]
        .assert_eq(&samples(&expose_with(&super::SPEC, &files, &options)));
    }

    #[test]
    fn torn() {
        let files = [
            ("sys/fs/bcache/u-1/btree_cache_size", "1.5X\n"),
            ("sys/fs/bcache/u-1/congested", "\n"),
            ("sys/fs/bcache/u-1/tree_depth", "2\n"),
            ("sys/fs/bcache/u-1/bdev0/writeback_rate_debug", "rate:\nchange: 1.k\n"),
        ];
        expect![[r#"
            node_bcache_tree_depth{uuid="u-1"} 2
            error: /sys/fs/bcache/u-1/btree_cache_size: expected a number: "1.5X" (and 1 more) (and 1 more)
        "#]]
        .assert_eq(&samples(&expose(&super::SPEC, &files)));
    }

    #[test]
    fn absent() {
        assert_eq!(expose(&super::SPEC, &[]), "");
    }
}
