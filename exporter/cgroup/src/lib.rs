//! Control groups' own files: tasks, CPU time, memory and IO of one group, whichever version of the
//! hierarchy the machine has.
//!
//! Version 2 has one tree below `fs/cgroup`; version 1 has one a controller; in the hybrid layout
//! the controllers are version 1's, and a tree of version 2 without controllers stands beside them.
//! Memory and IO are bytes as read; CPU is µs (v2) or ns (v1).
//!
//! Version 1 has a group below a controller only where somebody asked for it: systemd makes those of
//! `memory` and `pids` for every unit, that of `cpuacct` with `CPUAccounting=yes` and where `cpu` and
//! `cpuacct` are one, that of `blkio` with `IOAccounting=yes`. What has no group is not counted, and
//! absent. CPU time is also kept by the tree of version 2 of the hybrid layout, for every group
//! (since Linux 4.15), so that it is read there first.
//!
//! The crate knows no names: what a group is, others say.
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
                Ok(root.attr(path("", group, "cpu.stat"))?.as_deref().and_then(usage))
            }
            Layout::Split(root) => {
                if let Some(text) = root.attr(path("unified", group, "cpu.stat"))? {
                    return Ok(usage(&text));
                }
                for tree in ["cpuacct", "cpu,cpuacct"] {
                    if let Some(nsec) = root.number::<u64>(path(tree, group, "cpuacct.usage"))? {
                        return Ok(Some(seconds(nsec, 1e9)));
                    }
                }
                Ok(None)
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
                let read = |file| root.attr(path("blkio", group, file));
                let text = match read("blkio.throttle.io_service_bytes_recursive")? {
                    // Older kernels count the group alone, which is all of a unit without groups.
                    None => read("blkio.throttle.io_service_bytes")?,
                    text => text,
                };
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

    /// Processes of the group and of those below it, at most `limit`; whether those are all.
    ///
    /// The numbers are those of the reader's own namespace; processes that it cannot name are 0.
    /// Fails where the group does not exist.
    pub fn processes(&self, group: &str, limit: usize) -> Result<(Vec<u32>, bool)> {
        let (root, tree) = match &self.layout {
            Layout::Unified(root) => (root, ""),
            Layout::Split(root) if root.exists("unified/cgroup.procs") => (root, "unified"),
            Layout::Split(root) => (root, "systemd"),
        };
        let mut processes = Vec::new();
        let mut groups = vec![path(tree, group, "")];
        let mut looked_at = 0;
        while let Some(group) = groups.pop() {
            looked_at += 1;
            if looked_at > GROUPS || processes.len() > limit {
                processes.truncate(limit);
                return Ok((processes, false));
            }
            // A group of threads has no processes of its own to show.
            let text = root.attr(format!("{group}cgroup.procs"))?.unwrap_or_default();
            processes.extend(text.lines().filter_map(|line| line.parse::<u32>().ok()));
            match root.directories(&group) {
                Ok(below) => groups.extend(below.iter().map(|name| format!("{group}{name}/"))),
                // One below has gone meanwhile.
                Err(error) if error.is_not_found() && looked_at > 1 => {}
                Err(error) => return Err(error),
            }
        }
        let all = processes.len() <= limit;
        processes.truncate(limit);
        Ok((processes, all))
    }

    fn number(&self, tree: &str, group: &str, two: &str, one: &str) -> Result<Option<u64>> {
        match &self.layout {
            Layout::Unified(root) => root.number(path("", group, two)),
            Layout::Split(root) => root.number(path(tree, group, one)),
        }
    }
}

/// Groups below one that are looked at for its processes.
const GROUPS: usize = 256;

/// CPU time in seconds, from a `cpu.stat`.
fn usage(text: &str) -> Option<f64> {
    Some(seconds(field(text, "usage_usec")?.parse().ok()?, 1e6))
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
        // A group that no controller has.
        assert_eq!(groups.cpu_seconds("/y").ok(), Some(None));
        assert_eq!(groups.io("/y").ok(), Some(None));
    }

    #[test]
    fn hybrid_layout() {
        let dir = tree(&[
            ("sys/fs/cgroup/unified/cgroup.procs", ""),
            ("sys/fs/cgroup/unified/x/cpu.stat", "usage_usec 1500000\n"),
            ("sys/fs/cgroup/cpuacct/x/cpuacct.usage", "9\n"),
            ("sys/fs/cgroup/cpu,cpuacct/y/cpuacct.usage", "2500000000\n"),
            ("sys/fs/cgroup/blkio/x/blkio.throttle.io_service_bytes", "8:0 Read 1\n"),
            ("sys/fs/cgroup/unified/x/cgroup.procs", "7\n8\n"),
            ("sys/fs/cgroup/systemd/x/cgroup.procs", "1\n"),
        ]);
        let groups = Cgroups::new(&Root::new(dir.path().join("sys")));
        assert_eq!(groups.cpu_seconds("/x").ok(), Some(Some(1.5)));
        assert_eq!(groups.cpu_seconds("/y").ok(), Some(Some(2.5)));
        let io = Io { read_bytes: 1, written_bytes: 0 };
        assert_eq!(groups.io("/x").ok(), Some(Some(io)));
        assert_eq!(groups.processes("/x", 9).ok(), Some((vec![7, 8], true)));
    }

    #[test]
    fn processes_of_a_group_and_below() {
        let dir = tree(&[
            ("sys/fs/cgroup/systemd/x/cgroup.procs", "7\ntorn\n8\n"),
            ("sys/fs/cgroup/systemd/x/a/b/cgroup.procs", "9\n"),
            ("sys/fs/cgroup/systemd/x/c/cgroup.procs", "10\n"),
            ("sys/fs/cgroup/systemd/z/cgroup.procs", "11\n"),
        ]);
        let groups = Cgroups::new(&Root::new(dir.path().join("sys")));
        let processes = |limit| {
            let (mut found, all) = groups.processes("/x", limit).unwrap();
            found.sort_unstable();
            (found, all)
        };
        assert_eq!(processes(4), (vec![7, 8, 9, 10], true));
        assert_eq!((processes(3).0.len(), processes(3).1), (3, false));
        assert!(groups.processes("/y", 4).is_err_and(|error| error.is_not_found()));
    }
}
