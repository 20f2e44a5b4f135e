//! Where control groups are: one tree for everything (version 2), or a tree a controller (version 1).
//!
//! In the hybrid layout the controllers are those of version 1. The tree of version 2 beside them has
//! none, but counts CPU time of every group (since Linux 4.15), also of those that systemd makes no
//! group of `cpuacct` for, as nobody asked for it.

use crate::stats::File;
use collect::Directory;

/// Which trees there are.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// A tree for each of [`CONTROLLERS`]; in version 2 the one that all have.
    trees: Option<[Option<&'static str>; 6]>,
}

const CONTROLLERS: [&str; 6] = ["cpu", "cpuacct", "memory", "blkio", "pids", "unified"];

/// Where version 1 mounts a controller: distributions mount some together, and link the names.
const MOUNTS: [&[&str]; 6] = [
    &["cpu", "cpu,cpuacct", "cpuacct,cpu"],
    &["cpuacct", "cpu,cpuacct", "cpuacct,cpu"],
    &["memory"],
    &["blkio"],
    &["pids"],
    &["unified"],
];

/// A file that is read at each scrape: what it is, whose it is, its name, and whether the kernel
/// prints it at once.
type Row = (File, &'static str, &'static str, bool);

static UNIFIED: [Row; 11] = [
    (File::Cpu, "cpu", "cpu.stat", true),
    (File::Memory, "memory", "memory.stat", true),
    (File::MemoryUsage, "memory", "memory.current", true),
    (File::MemoryPeak, "memory", "memory.peak", true),
    (File::Swap, "memory", "memory.swap.current", true),
    (File::Io, "blkio", "io.stat", true),
    (File::Threads, "pids", "pids.current", true),
    (File::Processes, "cpu", "cgroup.procs", false),
    (File::CpuPressure, "cpu", "cpu.pressure", true),
    (File::MemoryPressure, "memory", "memory.pressure", true),
    (File::IoPressure, "blkio", "io.pressure", true),
];

static SPLIT: [Row; 15] = [
    // What the controller says replaces it.
    (File::Cpu, "unified", "cpu.stat", true),
    (File::Memory, "memory", "memory.stat", true),
    (File::MemoryUsage, "memory", "memory.usage_in_bytes", true),
    (File::MemoryPeak, "memory", "memory.max_usage_in_bytes", true),
    (File::MemoryFailures, "memory", "memory.failcnt", true),
    (File::MemoryKernel, "memory", "memory.kmem.usage_in_bytes", true),
    (File::CpuPeriods, "cpu", "cpu.stat", true),
    (File::CpuUsage, "cpuacct", "cpuacct.usage", true),
    (File::CpuTicks, "cpuacct", "cpuacct.stat", true),
    // Older kernels have those of the group alone, which the newer ones then replace.
    (File::IoBytes, "blkio", "blkio.throttle.io_service_bytes", true),
    (File::IoBytes, "blkio", "blkio.throttle.io_service_bytes_recursive", true),
    (File::IoOperations, "blkio", "blkio.throttle.io_serviced", true),
    (File::IoOperations, "blkio", "blkio.throttle.io_serviced_recursive", true),
    (File::Threads, "pids", "pids.current", true),
    (File::Processes, "memory", "cgroup.procs", false),
];

// === impl Layout ===

impl Layout {
    /// The layout below `base`, the host's `fs/cgroup`; `None` where there is neither.
    pub(crate) fn find(base: &Directory) -> Option<Self> {
        if base.exists("cgroup.controllers") {
            return Some(Self { trees: None });
        }
        let tree = |names: &[&'static str]| {
            names.iter().copied().find(|name| base.exists(&format!("{name}/cgroup.procs")))
        };
        let [cpu, account, memory, io, pids, unified] = MOUNTS.map(tree);
        // Without these two there is nothing to tell.
        (memory.is_some() || account.is_some())
            .then_some(Self { trees: Some([cpu, account, memory, io, pids, unified]) })
    }

    pub(crate) fn is_unified(&self) -> bool {
        self.trees.is_none()
    }

    /// What is read at each scrape.
    pub(crate) fn files(&self) -> &'static [Row] {
        if self.is_unified() { &UNIFIED } else { &SPLIT }
    }

    /// The path of a file of the group `path`, below the base; `None` where no tree has it.
    pub(crate) fn rel(&self, controller: &str, path: &str, file: &str) -> Option<String> {
        let tree = match &self.trees {
            None => ".",
            Some(trees) => {
                let mut pairs = CONTROLLERS.iter().zip(trees);
                (*pairs.find(|(name, _)| **name == controller)?.1)?
            }
        };
        Some(format!("{tree}{path}/{file}"))
    }

    /// The controller whose tree is walked: every group that is worth its numbers is in it.
    pub(crate) fn walked(&self) -> &'static str {
        match &self.trees {
            Some([_, _, None, ..]) => "cpuacct",
            _ => "memory",
        }
    }
}
