//! What a control group may use, and since when it is there. This rarely changes and costs six more
//! files, so that it is read when a group is first seen and then every five minutes; a quota of CPU time and the
//! most memory once a minute. Groups have theirs read at different scrapes.
//!
//! | number | version 2 | version 1 |
//! |---|---|---|
//! | CPU quota and period, µs | `cpu.max`; no quota where it is `max` | `cpu.cfs_quota_us`; none where it is -1; `cpu.cfs_period_us` |
//! | CPU shares | `cpu.weight`, 1–10000, as 2 + (weight − 1) · 262142 / 9999, which is how cAdvisor reads it | `cpu.shares` |
//! | memory, bytes | `memory.max` | `memory.limit_in_bytes` |
//! | swap, bytes | `memory.swap.max` | `memory.memsw.limit_in_bytes` |
//! | reservation, bytes | `memory.min` | `memory.soft_limit_in_bytes` |
//! | threads | `pids.max` | the same |
//! | start | the older of the directory's and of `cgroup.events`' times | … `cgroup.clone_children`'s |
//!
//! No limit is 0, as cAdvisor has it; so is what is above 2^62.

use crate::{layout::Layout, text::number};
use collect::Directory;

/// What a group may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Limits {
    pub(crate) cpu: Option<Cpu>,
    pub(crate) memory: Option<Memory>,
    pub(crate) threads: Option<u64>,
    /// Seconds since 1970.
    pub(crate) start: Option<i64>,
}

/// How much CPU time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Cpu {
    pub(crate) quota: Option<u64>,
    pub(crate) period: u64,
    pub(crate) shares: u64,
}

/// How many bytes of memory; 0 is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Memory {
    pub(crate) limit: u64,
    pub(crate) swap: u64,
    pub(crate) reservation: u64,
}

/// Above it is no limit.
const UNLIMITED: u64 = 1 << 62;

// === impl Limits ===

impl Limits {
    /// Reads them, the start apart. `path` is the group's, with a slash before each name.
    pub(crate) fn read(
        base: &Directory,
        layout: &Layout,
        path: &str,
        buffer: &mut Vec<u8>,
    ) -> Self {
        let mut text = |controller: &str, file: &str| {
            let rel = layout.rel(controller, path, file)?;
            Some(base.read(&rel, buffer).ok()?.trim().to_owned())
        };
        let mut limits = if layout.is_unified() { unified(&mut text) } else { split(&mut text) };
        limits.threads = text("pids", "pids.max")
            .map(|text| if text == "max" { 0 } else { number(&text).unwrap_or(0) });
        limits
    }
}

impl Limits {
    /// Reads again what alerts compare with: the quota of CPU time and the most memory. The other files
    /// say what they said.
    pub(crate) fn read_often(
        &mut self,
        base: &Directory,
        layout: &Layout,
        path: &str,
        buffer: &mut Vec<u8>,
    ) {
        let mut text = |controller: &str, file: &str| {
            let rel = layout.rel(controller, path, file)?;
            Some(base.read(&rel, buffer).ok()?.trim().to_owned())
        };
        let [limit, quota] = if layout.is_unified() {
            ["memory.max", "cpu.max"]
        } else {
            ["memory.limit_in_bytes", "cpu.cfs_quota_us"]
        };
        if let Some(memory) = &mut self.memory
            && let Some(limit) = text("memory", limit)
        {
            memory.limit = bounded(&limit);
        }
        if let Some(cpu) = &mut self.cpu
            && let Some(quota) = text("cpu", quota)
        {
            // Version 1 has the period in a file of its own.
            let (quota, period) = quota.split_once(' ').unwrap_or((&quota, ""));
            cpu.quota = number(quota);
            cpu.period = number(period).unwrap_or(cpu.period);
        }
    }
}

fn unified(text: &mut impl FnMut(&str, &str) -> Option<String>) -> Limits {
    let weight = text("cpu", "cpu.weight").and_then(|text| number(&text));
    let max = text("cpu", "cpu.max");
    let mut cpu = Cpu::default();
    if let Some((quota, period)) = max.as_deref().and_then(|max| max.split_once(' ')) {
        cpu.quota = number(quota);
        cpu.period = number(period).unwrap_or_default();
    }
    if let Some(weight) = weight.filter(|weight| (1..=10_000).contains(weight)) {
        cpu.shares = 2 + (weight - 1) * 262_142 / 9_999;
    }
    let mut bytes = |file| text("memory", file).map(|text| bounded(&text));
    let memory = bytes("memory.max").map(|limit| Memory {
        limit,
        swap: bytes("memory.swap.max").unwrap_or(0),
        reservation: bytes("memory.min").unwrap_or(0),
    });
    let torn = max.is_some() && cpu.period == 0;
    let cpu = (weight.is_some() && !torn).then_some(cpu);
    Limits { cpu, memory, ..Limits::default() }
}

fn split(text: &mut impl FnMut(&str, &str) -> Option<String>) -> Limits {
    let shares = text("cpu", "cpu.shares").and_then(|text| number(&text));
    let cpu = shares.map(|shares| Cpu {
        shares,
        // -1, which is no number of ours, is none.
        quota: text("cpu", "cpu.cfs_quota_us").and_then(|text| number(&text)),
        period: text("cpu", "cpu.cfs_period_us").and_then(|text| number(&text)).unwrap_or(0),
    });
    let mut bytes = |file| text("memory", file).map(|text| bounded(&text));
    let memory = bytes("memory.limit_in_bytes").map(|limit| Memory {
        limit,
        swap: bytes("memory.memsw.limit_in_bytes").unwrap_or(0),
        reservation: bytes("memory.soft_limit_in_bytes").unwrap_or(0),
    });
    Limits { cpu, memory, ..Limits::default() }
}

fn bounded(text: &str) -> u64 {
    number(text).filter(|bytes| *bytes <= UNLIMITED).unwrap_or(0)
}

/// When a group was made. The directory's time changes with what is made in it; the file's is set
/// when the group is made.
pub(crate) fn start(
    base: &Directory,
    layout: &Layout,
    path: &str,
    boot: Option<i64>,
) -> Option<i64> {
    let of = |controller: &str| {
        let file = if layout.is_unified() { "cgroup.events" } else { "cgroup.clone_children" };
        let directory = layout.rel(controller, path, "")?;
        let times = [directory, layout.rel(controller, path, file)?];
        times.iter().filter_map(|rel| base.modified(rel).ok()).min()
    };
    // In version 2 all of them have one tree.
    let controllers = if layout.is_unified() { &["cpu"][..] } else { &["cpu", "memory", "pids"] };
    let first = controllers.iter().copied().filter_map(of).min()?;
    Some(boot.map_or(first, |boot| first.max(boot)))
}
