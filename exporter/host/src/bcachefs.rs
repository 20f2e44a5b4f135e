//! `/sys/fs/bcachefs/<uuid>`: counters, compression, errors and devices of bcachefs.
//!
//! The kernel prints large numbers short: `4.94G` is 4.94 × 2^30 → the number. Every file of
//! `counters` makes a family; of its two numbers the one since the file system was made is taken.

use collect::{Collector, Context, Error, Faults, Result, Root, Spec, Text};
use exposition::{Family, Kind, Value, Writer};
use std::collections::HashMap;

pub(crate) static SPEC: Spec = Spec {
    name: "bcachefs",
    doc: "Counters, errors and devices of bcachefs.",
    default: true,
    families: &[&[
        INFO,
        BTREE_CACHE,
        COMPRESSED,
        UNCOMPRESSED,
        BTREE_WRITES,
        BTREE_WRITE_SIZE,
        ERRORS,
        DEVICE_INFO,
        BUCKET_SIZE,
        BUCKETS,
        DURABILITY,
        IO_DONE,
        IO_ERRORS,
        Family::counter("node_bcachefs_*_total", "A counter of the file system.", UUID),
    ]],
    opts: &[],
    build: |cx| Ok(Box::new(Bcachefs::new(cx))),
};

const UUID: &[&str] = &["uuid"];
const DEVICE: &[&str] = &["uuid", "device"];

const INFO: Family = Family::gauge("node_bcachefs_info", "1 for each file system.", UUID);
const BTREE_CACHE: Family =
    Family::gauge("node_bcachefs_btree_cache_size_bytes", "Memory of the B-tree cache.", UUID);
const COMPRESSED: Family = Family::gauge(
    "node_bcachefs_compression_compressed_bytes",
    "Data by algorithm, as it is stored.",
    &["uuid", "algorithm"],
);
const UNCOMPRESSED: Family = Family::gauge(
    "node_bcachefs_compression_uncompressed_bytes",
    "Data by algorithm, as it is read.",
    &["uuid", "algorithm"],
);
const BTREE_WRITES: Family = Family::counter(
    "node_bcachefs_btree_writes_total",
    "Writes of B-tree nodes by occasion.",
    &["uuid", "type"],
);
const BTREE_WRITE_SIZE: Family = Family::gauge(
    "node_bcachefs_btree_write_average_size_bytes",
    "Average write of a B-tree node by occasion.",
    &["uuid", "type"],
);
const ERRORS: Family = Family::counter(
    "node_bcachefs_errors_total",
    "Errors that were found, by kind.",
    &["uuid", "error_type"],
);
const DEVICE_INFO: Family = Family::gauge(
    "node_bcachefs_device_info",
    "1 for each device.",
    &["uuid", "device", "label", "state"],
);
const BUCKET_SIZE: Family =
    Family::gauge("node_bcachefs_device_bucket_size_bytes", "Size of a bucket.", DEVICE);
const BUCKETS: Family = Family::gauge("node_bcachefs_device_buckets", "Buckets.", DEVICE);
const DURABILITY: Family = Family::gauge(
    "node_bcachefs_device_durability",
    "How many replicas a copy on the device counts for.",
    DEVICE,
);
const IO_DONE: Family = Family::counter(
    "node_bcachefs_device_io_done_bytes_total",
    "Bytes read and written by kind of data.",
    &["uuid", "device", "operation", "data_type"],
);
const IO_ERRORS: Family = Family::counter(
    "node_bcachefs_device_io_errors_total",
    "Errors of the device by kind, since the file system was made.",
    &["uuid", "device", "type"],
);

struct Bcachefs {
    dir: Root,
    counters: HashMap<String, Family>,
}

// === impl Bcachefs ===

impl Bcachefs {
    fn new(cx: &Context) -> Self {
        Self { dir: cx.sys.at("fs/bcachefs"), counters: HashMap::new() }
    }

    fn file_system(&mut self, uuid: &str, out: &mut Writer) -> Result<()> {
        let dir = self.dir.at(uuid);
        let mut faults = Faults::default();
        out.family(&INFO, |s| s.row(&[uuid], 1));
        faults.ok(attribute(&dir, "btree_cache_size", &BTREE_CACHE, &[uuid], out));
        faults.ok(self.counters(&dir, uuid, out));
        faults.ok(with(&dir, "compression_stats", |file| compression(file, uuid, out)));
        faults.ok(with(&dir, "btree_write_stats", |file| btree_writes(file, uuid, out)));
        faults.ok(with(&dir, "errors", |file| errors(file, uuid, out)));
        for name in dir.list("")? {
            let id = name.strip_prefix("dev-").filter(|id| id.parse::<u32>().is_ok());
            if let Some(id) = id {
                faults.ok(device(&dir.at(&name), uuid, id, out));
            }
        }
        faults.finish()
    }

    fn counters(&mut self, dir: &Root, uuid: &str, out: &mut Writer) -> Result<()> {
        let dir = dir.at("counters");
        let mut faults = Faults::default();
        for name in dir.list_if_any("")? {
            let Some(file) = faults.ok(dir.read(&name)) else { continue };
            let file = file.text();
            let text =
                file.lines().find_map(|line| line.strip_prefix("since filesystem creation:"));
            let Some(text) = text else {
                faults
                    .note(file.bad("expected a line `since filesystem creation:`", file.as_str()));
                continue;
            };
            let Some(number) = faults.ok(number(&file, text)) else { continue };
            let family = self.counters.entry(name).or_insert_with_key(|name| {
                let help = format!("Counter {name}, since the file system was made.");
                Family::dynamic(Kind::Counter, &format!("node_bcachefs_{name}_total"), help, UUID)
            });
            out.family(family, |s| s.row(&[uuid], number));
        }
        faults.finish()
    }
}

impl Collector for Bcachefs {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let mut faults = Faults::default();
        for name in self.dir.list("").map_err(Error::or_no_data)? {
            if self.dir.is_dir(&name) {
                faults.ok(self.file_system(&name, out));
            }
        }
        faults.finish()
    }
}

fn device(dir: &Root, uuid: &str, id: &str, out: &mut Writer) -> Result<()> {
    let mut faults = Faults::default();
    let label = faults.ok(dir.attr("label")).flatten().unwrap_or_default();
    let state = faults.ok(dir.attr("state")).flatten().unwrap_or_default();
    out.family(&DEVICE_INFO, |s| s.row(&[uuid, id, &label, &state], 1));
    let files =
        [("bucket_size", &BUCKET_SIZE), ("nbuckets", &BUCKETS), ("durability", &DURABILITY)];
    for (path, family) in files {
        faults.ok(attribute(dir, path, family, &[uuid, id], out));
    }
    faults.ok(with(dir, "io_done", |file| io_done(file, uuid, id, out)));
    faults.ok(with(dir, "io_errors", |file| io_errors(file, uuid, id, out)));
    faults.finish()
}

fn attribute(
    dir: &Root,
    path: &str,
    family: &Family,
    labels: &[&str],
    out: &mut Writer,
) -> Result<()> {
    with(dir, path, |file| {
        let number = number(file, file.as_str())?;
        out.family(family, |s| s.row(labels, number));
        Ok(())
    })
}

/// A file that not every kernel has.
fn with(dir: &Root, path: &str, read: impl FnOnce(&Text<'_>) -> Result<()>) -> Result<()> {
    match dir.read(path) {
        Err(error) if error.is_not_found() => Ok(()),
        file => read(&file?.text()),
    }
}

/// Rows `algorithm compressed uncompressed average`, below a line of names.
fn compression(file: &Text<'_>, uuid: &str, out: &mut Writer) -> Result<()> {
    let mut faults = Faults::default();
    for line in file.lines().skip(1) {
        let mut words = line.split_ascii_whitespace();
        let (Some(algorithm), Some(stored), Some(read)) =
            (words.next(), words.next(), words.next())
        else {
            faults.note(file.bad("expected an algorithm and two sizes", line));
            continue;
        };
        for (family, text) in [(&COMPRESSED, stored), (&UNCOMPRESSED, read)] {
            if let Some(number) = faults.ok(number(file, text)) {
                out.family(family, |s| s.row(&[uuid, algorithm], number));
            }
        }
    }
    faults.finish()
}

/// Rows `type: number size`, below a line of names.
fn btree_writes(file: &Text<'_>, uuid: &str, out: &mut Writer) -> Result<()> {
    let mut faults = Faults::default();
    for line in file.lines() {
        let Some((kind, rest)) = line.split_once(':') else { continue };
        let mut words = rest.split_ascii_whitespace();
        for family in [&BTREE_WRITES, &BTREE_WRITE_SIZE] {
            let text = words.next().unwrap_or_default();
            if let Some(number) = faults.ok(number(file, text)) {
                out.family(family, |s| s.row(&[uuid, kind.trim()], number));
            }
        }
    }
    faults.finish()
}

/// Rows `kind number time`; a long number runs into the time.
fn errors(file: &Text<'_>, uuid: &str, out: &mut Writer) -> Result<()> {
    let mut faults = Faults::default();
    for line in file.lines() {
        let mut words = line.split_ascii_whitespace();
        let (kind, text) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if let Some(number) = faults.ok(number(file, text)) {
            out.family(&ERRORS, |s| s.row(&[uuid, kind], number));
        }
    }
    faults.finish()
}

/// `read:` and rows `kind : bytes`, then `write:` and the same.
fn io_done(file: &Text<'_>, uuid: &str, id: &str, out: &mut Writer) -> Result<()> {
    let mut faults = Faults::default();
    let mut operation = "";
    for line in file.lines() {
        let Some((key, text)) = line.split_once(':') else { continue };
        match (key.trim(), text.trim()) {
            ("read", "") => operation = "read",
            ("write", "") => operation = "write",
            (kind, text) if !operation.is_empty() => {
                if let Some(number) = faults.ok(number(file, text)) {
                    out.family(&IO_DONE, |s| s.row(&[uuid, id, operation, kind], number));
                }
            }
            _ => {}
        }
    }
    faults.finish()
}

/// `IO errors since filesystem creation` and rows `  kind: number`; then the same since a reset.
fn io_errors(file: &Text<'_>, uuid: &str, id: &str, out: &mut Writer) -> Result<()> {
    let mut faults = Faults::default();
    let rows = file.lines().skip_while(|line| !line.contains("since filesystem creation")).skip(1);
    for line in rows.take_while(|line| line.starts_with(char::is_whitespace)) {
        let Some((kind, text)) = line.split_once(':') else { continue };
        if let Some(number) = faults.ok(number(file, text)) {
            out.family(&IO_ERRORS, |s| s.row(&[uuid, id, kind.trim()], number));
        }
    }
    faults.finish()
}

/// A number, whole or short.
#[derive(Clone, Copy)]
enum Number {
    Whole(u64),
    Short(f64),
}

impl Value for Number {
    fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::Whole(number) => number.write(out),
            Self::Short(number) => number.write(out),
        }
    }
}

fn number(file: &Text<'_>, text: &str) -> Result<Number> {
    let text = text.trim();
    if let Ok(number) = text.parse() {
        return Ok(Number::Whole(number));
    }
    let parse = || {
        let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let power = match unit {
            "k" | "K" => 1,
            "M" => 2,
            "G" => 3,
            "T" => 4,
            "P" => 5,
            "E" => 6,
            _ => return None,
        };
        let number: f64 = digits.parse().ok().filter(|n: &f64| n.is_finite())?;
        Some(Number::Short((number * 1024f64.powi(power)).trunc()))
    };
    parse().ok_or_else(|| file.bad("expected a number", text))
}

#[cfg(test)]
mod tests {
    use collect::testing::expose;
    use expect_test::expect;

    fn samples(text: &str) -> String {
        text.lines().filter(|l| !l.starts_with("# HELP")).map(|l| l.to_owned() + "\n").collect()
    }

    #[test]
    fn file_system() {
        let files = [
            ("sys/fs/bcachefs/u/btree_cache_size", "1.50M\n"),
            (
                "sys/fs/bcachefs/u/counters/data_read",
                "since mount:  1\nsince filesystem creation:  4.94G\n",
            ),
            (
                "sys/fs/bcachefs/u/compression_stats",
                "typetype  compressed  uncompressed  average extent size\nlz4  48.9G  71.2G  62.5k\n",
            ),
            ("sys/fs/bcachefs/u/btree_write_stats", "      nr   size\ninitial:   7   100k\n"),
            ("sys/fs/bcachefs/u/errors", "bset_bad_csum   2   1767112063\n"),
            ("sys/fs/bcachefs/u/dev-3/label", "hdd\n"),
            ("sys/fs/bcachefs/u/dev-3/state", "[rw] ro\n"),
            ("sys/fs/bcachefs/u/dev-3/bucket_size", "512k\n"),
            ("sys/fs/bcachefs/u/dev-3/nbuckets", "9\n"),
            ("sys/fs/bcachefs/u/dev-3/durability", "1\n"),
            ("sys/fs/bcachefs/u/dev-3/io_done", "read:\nsb : 1\nuser:2\nwrite:\nsb : 3\n"),
            (
                "sys/fs/bcachefs/u/dev-3/io_errors",
                "IO errors since filesystem creation\n  read:  5\nIO errors since 8 y ago\n  read:  6\n",
            ),
        ];
        expect![[r##"
            # TYPE node_bcachefs_btree_cache_size_bytes gauge
            node_bcachefs_btree_cache_size_bytes{uuid="u"} 1572864
            # TYPE node_bcachefs_btree_write_average_size_bytes gauge
            node_bcachefs_btree_write_average_size_bytes{uuid="u",type="initial"} 102400
            # TYPE node_bcachefs_btree_writes_total counter
            node_bcachefs_btree_writes_total{uuid="u",type="initial"} 7
            # TYPE node_bcachefs_compression_compressed_bytes gauge
            node_bcachefs_compression_compressed_bytes{uuid="u",algorithm="lz4"} 52505975193
            # TYPE node_bcachefs_compression_uncompressed_bytes gauge
            node_bcachefs_compression_uncompressed_bytes{uuid="u",algorithm="lz4"} 76450417868
            # TYPE node_bcachefs_data_read_total counter
            node_bcachefs_data_read_total{uuid="u"} 5304284610
            # TYPE node_bcachefs_device_bucket_size_bytes gauge
            node_bcachefs_device_bucket_size_bytes{uuid="u",device="3"} 524288
            # TYPE node_bcachefs_device_buckets gauge
            node_bcachefs_device_buckets{uuid="u",device="3"} 9
            # TYPE node_bcachefs_device_durability gauge
            node_bcachefs_device_durability{uuid="u",device="3"} 1
            # TYPE node_bcachefs_device_info gauge
            node_bcachefs_device_info{uuid="u",device="3",label="hdd",state="[rw] ro"} 1
            # TYPE node_bcachefs_device_io_done_bytes_total counter
            node_bcachefs_device_io_done_bytes_total{uuid="u",device="3",operation="read",data_type="sb"} 1
            node_bcachefs_device_io_done_bytes_total{uuid="u",device="3",operation="read",data_type="user"} 2
            node_bcachefs_device_io_done_bytes_total{uuid="u",device="3",operation="write",data_type="sb"} 3
            # TYPE node_bcachefs_device_io_errors_total counter
            node_bcachefs_device_io_errors_total{uuid="u",device="3",type="read"} 5
            # TYPE node_bcachefs_errors_total counter
            node_bcachefs_errors_total{uuid="u",error_type="bset_bad_csum"} 2
            # TYPE node_bcachefs_info gauge
            node_bcachefs_info{uuid="u"} 1
        "##]]
        .assert_eq(&samples(&expose(&super::SPEC, &files)));
    }

    #[test]
    fn torn() {
        let files = [
            ("sys/fs/bcachefs/u/btree_cache_size", "x\n"),
            ("sys/fs/bcachefs/u/counters/a", "since mount: 1\n"),
            ("sys/fs/bcachefs/u/counters/b", "since filesystem creation: 1e999G\n"),
            ("sys/fs/bcachefs/u/compression_stats", "type\nlz4 1\n"),
            ("sys/fs/bcachefs/u/btree_write_stats", "initial: 7"),
            ("sys/fs/bcachefs/u/errors", "é\n"),
            ("sys/fs/bcachefs/u/dev-3/io_done", "sb: 1\nread:\nsb"),
        ];
        expect![[r##"
            # TYPE node_bcachefs_btree_writes_total counter
            node_bcachefs_btree_writes_total{uuid="u",type="initial"} 7
            # TYPE node_bcachefs_device_info gauge
            node_bcachefs_device_info{uuid="u",device="3",label="",state=""} 1
            # TYPE node_bcachefs_info gauge
            node_bcachefs_info{uuid="u"} 1
            error: /sys/fs/bcachefs/u/btree_cache_size: expected a number: "x" (and 4 more)
        "##]]
        .assert_eq(&samples(&expose(&super::SPEC, &files)));
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: no data: /sys/fs/bcachefs/ does not exist
        "#]]
        .assert_eq(&expose(&super::SPEC, &[]));
    }
}
