//! `/proc/spl/kstat/zfs`: caches of ZFS, its pools and its datasets.
//!
//! A kstat is a line of its own numbers, a line of column names, and rows of name, type and value;
//! types 3 and 4 are whole numbers. Every row makes a family: `hits` of `arcstats` is
//! `node_zfs_arc_hits`.

use crate::number::Whole;
use collect::{Collector, Context, Error, Faults, Kept, Result, Root, Spec, Text};
use exposition::{Family, Kind, Writer};

pub(crate) static SPEC: Spec = Spec {
    name: "zfs",
    doc: "Caches, pools and datasets of ZFS.",
    default: true,
    families: &[&[
        STATE,
        Family::untyped("node_zfs_zpool_dataset_*", "A counter of the dataset.", DATASET),
        Family::untyped("node_zfs_zpool_*", "A counter of the pool.", POOL),
        Family::untyped("node_zfs_*", "A number of a ZFS kstat.", &[]),
    ]],
    opts: &[],
    build: |cx| Ok(Box::new(Zfs::new(cx))),
};

const POOL: &[&str] = &["zpool"];
const DATASET: &[&str] = &["zpool", "dataset"];

const STATE: Family = Family::gauge(
    "node_zfs_zpool_state",
    "1 for the state that the pool is in, 0 for the others.",
    &["zpool", "state"],
);
const STATES: [&str; 7] =
    ["online", "degraded", "faulted", "offline", "removed", "unavail", "suspended"];

/// The files and the part of the name that each gives.
const FILES: [(&str, &str); 11] = [
    ("abdstats", "abd"),
    ("arcstats", "arc"),
    ("dbufstats", "dbuf"),
    ("dmu_tx", "dmu_tx"),
    ("dnodestats", "dnode"),
    ("fm", "fm"),
    ("vdev_cache_stats", "vdev_cache"),
    ("vdev_mirror_stats", "vdev_mirror"),
    ("xuio_stats", "xuio"),
    ("zfetchstats", "zfetch"),
    ("zil", "zil"),
];

struct Zfs {
    dir: Root,
    files: Vec<(Kept, Families)>,
    pools: Families,
    datasets: Families,
}

/// The families of a table's rows, in the order in which the rows came last time.
struct Families {
    prefix: &'static str,
    /// What the help says before the row's name.
    help: String,
    labels: &'static [&'static str],
    rows: Vec<(Box<str>, Family)>,
}

// === impl Zfs ===

impl Zfs {
    fn new(cx: &Context) -> Self {
        let dir = cx.proc.at("spl/kstat/zfs");
        let file = |(file, part): (&str, &'static str)| {
            (dir.keep(file), Families::new(part, format!("Row of {file}:"), &[]))
        };
        Self {
            files: FILES.into_iter().map(file).collect(),
            pools: Families::new("zpool", "Column of the pool's io:".into(), POOL),
            datasets: Families::new(
                "zpool_dataset",
                "Row of the dataset's objset:".into(),
                DATASET,
            ),
            dir,
        }
    }
}

impl Collector for Zfs {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let names = self.dir.list("").map_err(Error::or_no_data)?;
        let mut faults = Faults::default();
        for (file, families) in &mut self.files {
            match file.read() {
                // Not every version of ZFS has every file.
                Err(error) if error.is_not_found() => {}
                file => {
                    let Some(file) = faults.ok(file) else { continue };
                    faults.ok(kstat(&file, families, &[], out));
                }
            }
        }
        for name in &names {
            if FILES.iter().any(|(file, _)| file == name) || !self.dir.is_dir(name) {
                continue;
            }
            let dir = self.dir.at(name);
            let Some(files) = faults.ok(dir.list("")) else { continue };
            for file in &files {
                faults.ok(match file.as_str() {
                    "state" => state(&dir, name, out),
                    "io" => io(&dir, name, &mut self.pools, out),
                    file if file.starts_with("objset-") => dir
                        .read(file)
                        .and_then(|file| objset(&file.text(), name, &mut self.datasets, out)),
                    _ => Ok(()),
                });
            }
        }
        faults.finish()
    }
}

fn state(dir: &Root, pool: &str, out: &mut Writer) -> Result<()> {
    let Some(now) = dir.attr("state")? else { return Ok(()) };
    out.family(&STATE, |s| {
        for state in STATES {
            s.row(&[pool, state], now.eq_ignore_ascii_case(state));
        }
    });
    Ok(())
}

/// A line of column names and a line of numbers.
fn io(dir: &Root, pool: &str, families: &mut Families, out: &mut Writer) -> Result<()> {
    let file = dir.read("io")?;
    let file = file.text();
    let mut lines = file.lines().skip(1);
    let (Some(names), Some(line)) = (lines.next(), lines.next()) else {
        return Err(file.bad("expected names and numbers", file.as_str()));
    };
    let numbers = line.split_ascii_whitespace();
    for (i, (name, number)) in names.split_ascii_whitespace().zip(numbers).enumerate() {
        let number = file.parse::<u64>(Some(number), "expected numbers", line)?;
        out.family(families.get(i, name), |s| s.row(&[pool], number));
    }
    Ok(())
}

fn objset(file: &Text<'_>, pool: &str, families: &mut Families, out: &mut Writer) -> Result<()> {
    let dataset = rows(file).find_map(|(name, _, value)| (name == "dataset_name").then_some(value));
    let Some(dataset) = dataset else {
        return Err(file.bad("expected a row dataset_name", file.as_str()));
    };
    kstat(file, families, &[pool, dataset], out)
}

/// Name, type and value of each row.
fn rows<'a>(file: &Text<'a>) -> impl Iterator<Item = (&'a str, &'a str, &'a str)> {
    file.lines().skip(2).filter_map(|line| {
        let (name, rest) = line.trim().split_once(char::is_whitespace)?;
        let (kind, value) = rest.trim_start().split_once(char::is_whitespace)?;
        Some((name, kind, value.trim_start()))
    })
}

fn kstat(
    file: &Text<'_>,
    families: &mut Families,
    labels: &[&str],
    out: &mut Writer,
) -> Result<()> {
    let mut faults = Faults::default();
    for (i, (name, kind, value)) in rows(file).enumerate() {
        if !["3", "4"].contains(&kind) {
            continue;
        }
        match Whole::parse(value) {
            Some(number) => out.family(families.get(i, name), |s| s.row(labels, number)),
            None => faults.note(file.bad("expected a whole number", value)),
        }
    }
    faults.finish()
}

// === impl Families ===

impl Families {
    fn new(part: &'static str, help: String, labels: &'static [&'static str]) -> Self {
        Self { prefix: part, help, labels, rows: Vec::new() }
    }

    /// The family of row `i`, which is called `name`: made once, as long as the rows stand still.
    fn get(&mut self, i: usize, name: &str) -> &Family {
        let known = self.rows.get(i).is_some_and(|(known, _)| **known == *name);
        if !known {
            let full = format!("node_zfs_{}_{name}", self.prefix);
            let help = format!("{} {name}.", self.help);
            let family = Family::dynamic(Kind::Untyped, &full, help, self.labels);
            self.rows.truncate(i);
            while self.rows.len() < i {
                // A row before this one has no whole number.
                self.rows.push(("".into(), family.clone()));
            }
            self.rows.push((name.into(), family));
        }
        match self.rows.get(i) {
            Some((_, family)) => family,
            None => unreachable!("the row was put there above"),
        }
    }
}

#[cfg(test)]
mod tests {
    use collect::testing::expose;
    use expect_test::expect;

    const HEAD: &str = "6 1 0x01 91 4368 1 2\nname                            type data\n";

    fn samples(text: &str) -> String {
        text.lines().filter(|l| !l.starts_with("# HELP")).map(|l| l.to_owned() + "\n").collect()
    }

    #[test]
    fn pool() {
        let kstat = |rows: &str| format!("{HEAD}{rows}");
        let dir = "proc/spl/kstat/zfs";
        let path = |file: &str| format!("{dir}/{file}");
        let files = [
            (path("arcstats"), kstat("hits   4    7\nmemory_available_bytes 3    -5\n")),
            (path("fm"), kstat("erpt-dropped    4    1\n")),
            (path("tank/state"), "DEGRADED\n".into()),
            (path("tank/io"), "12 3 0x00\nnread nwritten\n1 2\n".into()),
            (path("tank/objset-0x36"), kstat("dataset_name    7    tank/a  b\nwrites    4    3\n")),
            (path("tank/txgs"), "x\n".into()),
        ];
        let files: Vec<(&str, &str)> =
            files.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
        expect![[r##"
            # TYPE node_zfs_arc_hits untyped
            node_zfs_arc_hits 7
            # TYPE node_zfs_arc_memory_available_bytes untyped
            node_zfs_arc_memory_available_bytes -5
            # TYPE node_zfs_fm_erpt_dropped untyped
            node_zfs_fm_erpt_dropped 1
            # TYPE node_zfs_zpool_dataset_writes untyped
            node_zfs_zpool_dataset_writes{zpool="tank",dataset="tank/a  b"} 3
            # TYPE node_zfs_zpool_nread untyped
            node_zfs_zpool_nread{zpool="tank"} 1
            # TYPE node_zfs_zpool_nwritten untyped
            node_zfs_zpool_nwritten{zpool="tank"} 2
            # TYPE node_zfs_zpool_state gauge
            node_zfs_zpool_state{zpool="tank",state="online"} 0
            node_zfs_zpool_state{zpool="tank",state="degraded"} 1
            node_zfs_zpool_state{zpool="tank",state="faulted"} 0
            node_zfs_zpool_state{zpool="tank",state="offline"} 0
            node_zfs_zpool_state{zpool="tank",state="removed"} 0
            node_zfs_zpool_state{zpool="tank",state="unavail"} 0
            node_zfs_zpool_state{zpool="tank",state="suspended"} 0
        "##]]
        .assert_eq(&samples(&expose(&super::SPEC, &files)));
    }

    #[test]
    fn torn() {
        let arc = format!("{HEAD}hits   4    x\nmisses\nmru 4 2\nmfu 4");
        let files = [
            ("proc/spl/kstat/zfs/arcstats", arc.as_str()),
            ("proc/spl/kstat/zfs/tank/io", "1\nnread\n"),
            ("proc/spl/kstat/zfs/tank/objset-1", HEAD),
        ];
        expect![[r##"
            # TYPE node_zfs_arc_mru untyped
            node_zfs_arc_mru 2
            error: /proc/spl/kstat/zfs/arcstats: expected a whole number: "x" (and 2 more)
        "##]]
        .assert_eq(&samples(&expose(&super::SPEC, &files)));
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: no data: /proc/spl/kstat/zfs/ does not exist
        "#]]
        .assert_eq(&expose(&super::SPEC, &[]));
    }
}
