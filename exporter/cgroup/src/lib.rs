//! Control groups' own files: tasks, CPU time, memory and IO of one group, whichever version of the
//! hierarchy the machine has.
//!
//! Version 2 has one tree below `fs/cgroup`; version 1 has one a controller; in the hybrid layout
//! the controllers are version 1's. Memory and IO are bytes as read; CPU is µs (v2) or ns (v1). The crate knows no names: what a group is, others say.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

use collect::{KeptNumber, Result, Root};

/// The machine's control groups.
#[derive(Clone, Debug)]
pub struct Cgroups {
    layout: Layout,
}

#[derive(Clone, Debug)]
enum Layout {
    /// One tree for everything.
    Unified(Root),
    /// A tree a controller, below this directory.
    Split(Root),
}

/// Bytes and operations that a group read and wrote, over all devices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Io {
    /// Bytes read.
    pub read_bytes: u64,
    /// Bytes written.
    pub written_bytes: u64,
}

// === impl Cgroups ===

impl Cgroups {
    /// The control groups below `sys`, the host's `/sys`.
    pub fn new(sys: &Root) -> Self {
        let base = sys.at("fs/cgroup");
        let layout = if base.exists("cgroup.controllers") {
            Layout::Unified(base)
        } else {
            Layout::Split(base)
        };
        Self { layout }
    }

    /// Tasks that are in the group and those below it now; `None` where nobody counts them.
    pub fn tasks(&self, group: &str) -> Result<Option<u64>> {
        self.number("pids", group, "pids.current", "pids.current")
    }

    /// The file that [`Cgroups::tasks`] reads, for who reads it at every scrape.
    pub fn keep_tasks(&self, group: &str) -> KeptNumber {
        let (root, tree) = match &self.layout {
            Layout::Unified(root) => (root, ""),
            Layout::Split(root) => (root, "pids"),
        };
        root.keep_number(path(tree, group, "pids.current"))
    }

    /// Bytes of memory charged to the group; `None` where nobody counts them.
    pub fn memory_bytes(&self, group: &str) -> Result<Option<u64>> {
        self.number("memory", group, "memory.current", "memory.usage_in_bytes")
    }

    /// CPU time of the group in seconds; `None` where nobody counts it.
    pub fn cpu_seconds(&self, group: &str) -> Result<Option<f64>> {
        match &self.layout {
            Layout::Unified(root) => {
                let Some(text) = root.attr(path("", group, "cpu.stat"))? else { return Ok(None) };
                let usage = field(&text, "usage_usec").and_then(|n| n.parse::<u64>().ok());
                Ok(usage.map(|usec| seconds(usec, 1e6)))
            }
            Layout::Split(root) => {
                let usage = root.number::<u64>(path("cpuacct", group, "cpuacct.usage"))?;
                Ok(usage.map(|nsec| seconds(nsec, 1e9)))
            }
        }
    }

    /// What the group read from and wrote to block devices; `None` where nobody counts it.
    pub fn io(&self, group: &str) -> Result<Option<Io>> {
        match &self.layout {
            Layout::Unified(root) => {
                let text = root.attr(path("", group, "io.stat"))?;
                Ok(text.map(|text| {
                    let sum = |key: &str| {
                        let words = text.split_ascii_whitespace();
                        let numbers = words.filter_map(|w| w.strip_prefix(key)?.parse().ok());
                        numbers.fold(0u64, u64::saturating_add)
                    };
                    Io { read_bytes: sum("rbytes="), written_bytes: sum("wbytes=") }
                }))
            }
            Layout::Split(root) => {
                let file = "blkio.throttle.io_service_bytes_recursive";
                let text = root.attr(path("blkio", group, file))?;
                Ok(text.map(|text| {
                    let sum = |key: &str| {
                        let rows = text.lines().filter_map(|line| {
                            let mut words = line.split_ascii_whitespace().skip(1);
                            (words.next()? == key).then(|| words.next()?.parse::<u64>().ok())?
                        });
                        rows.fold(0u64, u64::saturating_add)
                    };
                    Io { read_bytes: sum("Read"), written_bytes: sum("Write") }
                }))
            }
        }
    }

    fn number(&self, tree: &str, group: &str, two: &str, one: &str) -> Result<Option<u64>> {
        match &self.layout {
            Layout::Unified(root) => root.number(path("", group, two)),
            Layout::Split(root) => root.number(path(tree, group, one)),
        }
    }
}

/// A file of a group below its tree. A name that would leave the tree stays inside it.
fn path(tree: &str, group: &str, file: &str) -> String {
    let mut path = String::with_capacity(tree.len() + group.len() + file.len() + 2);
    path.push_str(tree);
    for part in group.split('/').filter(|part| !matches!(*part, "" | "." | "..")) {
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(part);
    }
    path.push('/');
    path.push_str(file);
    path
}

/// The number behind `key` in a file of lines `key number`.
fn field<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')).map(str::trim)
}

#[expect(clippy::cast_precision_loss, reason = "a sample is a float")]
fn seconds(number: u64, parts: f64) -> f64 {
    number as f64 / parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect::testing::tree;

    #[test]
    fn version_2() {
        let dir = tree(&[
            ("sys/fs/cgroup/cgroup.controllers", "cpu io memory pids\n"),
            ("sys/fs/cgroup/a.slice/b.service/pids.current", "7\n"),
            ("sys/fs/cgroup/a.slice/b.service/memory.current", "4096\n"),
            ("sys/fs/cgroup/a.slice/b.service/cpu.stat", "usage_usec 1500000\nuser_usec 1\n"),
            (
                "sys/fs/cgroup/a.slice/b.service/io.stat",
                "8:0 rbytes=10 wbytes=1 rios=1\n8:16 rbytes=5 wbytes=x\n",
            ),
        ]);
        let groups = Cgroups::new(&Root::new(dir.path().join("sys")));
        let group = "/a.slice/b.service";
        assert_eq!(groups.tasks(group).ok(), Some(Some(7)));
        assert_eq!(groups.memory_bytes(group).ok(), Some(Some(4096)));
        assert_eq!(groups.cpu_seconds(group).ok(), Some(Some(1.5)));
        let io = Io { read_bytes: 15, written_bytes: 1 };
        assert_eq!(groups.io(group).ok(), Some(Some(io)));
        assert_eq!(groups.keep_tasks(group).read::<u64>().ok(), Some(Some(7)));
        assert_eq!(groups.tasks("/none").ok(), Some(None));
        assert_eq!(groups.tasks("/../../a.slice/b.service").ok(), Some(Some(7)));
    }

    #[test]
    fn version_1() {
        let dir = tree(&[
            ("sys/fs/cgroup/pids/x/pids.current", "2\n"),
            ("sys/fs/cgroup/memory/x/memory.usage_in_bytes", "torn"),
            ("sys/fs/cgroup/cpuacct/x/cpuacct.usage", "2500000000\n"),
            (
                "sys/fs/cgroup/blkio/x/blkio.throttle.io_service_bytes_recursive",
                "8:0 Read 10\n8:0 Write 3\n8:0 Total 13\nTotal 13\n",
            ),
        ]);
        let groups = Cgroups::new(&Root::new(dir.path().join("sys")));
        assert_eq!(groups.tasks("/x").ok(), Some(Some(2)));
        assert!(groups.memory_bytes("/x").is_err());
        assert_eq!(groups.cpu_seconds("/x").ok(), Some(Some(2.5)));
        let io = Io { read_bytes: 10, written_bytes: 3 };
        assert_eq!(groups.io("/x").ok(), Some(Some(io)));
    }
}
