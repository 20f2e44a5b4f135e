//! What a control group's files say now.
//!
//! | number | version 2 | version 1 |
//! |---|---|---|
//! | CPU time | `cpu.stat` `usage_usec`, `user_usec`, `system_usec`: µs → s | `cpuacct.usage`: ns → s; `cpuacct.stat` `user`, `system`: ticks of 10 ms → s; without those the hybrid layout's `cpu.stat` |
//! | CFS periods | `cpu.stat` `nr_periods`, `nr_throttled`, `throttled_usec`, `nr_bursts`, `burst_usec` | `cpu.stat`; `throttled_time`, `burst_time` are ns |
//! | memory | `memory.current`; `memory.stat` `anon`, `file`, `file_mapped`, `active_file`, `inactive_file` | `memory.usage_in_bytes`; `memory.stat` `total_rss`, `total_cache`, `total_mapped_file`, … |
//! | most memory | `memory.peak`, since Linux 5.19 | `memory.max_usage_in_bytes` |
//! | swap | `memory.swap.current` | `memory.stat` `total_swap` |
//! | page faults | `memory.stat` `pgfault`, `pgmajfault` | the same, of the group alone |
//! | I/O | `io.stat`, a line a device | `blkio.throttle.io_service_bytes`, `….io_serviced`, with `_recursive` since Linux 4.20 |
//! | threads, processes | `pids.current`, `cgroup.procs` | the same; processes of the `memory` hierarchy |
//! | pressure | `cpu.pressure`, `memory.pressure`, `io.pressure`: `total` of `some` and `full`, µs → s, since Linux 4.20 | — |
//!
//! The root of version 2 has no `memory.current`: it is `anon` and `file`, as cAdvisor has it.

use crate::text::{device, fields, number, pairs};

/// A file of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum File {
    Cpu,
    CpuUsage,
    CpuTicks,
    Memory,
    MemoryUsage,
    MemoryPeak,
    MemoryFailures,
    MemoryKernel,
    Swap,
    Io,
    IoBytes,
    IoOperations,
    Threads,
    Processes,
    CpuPressure,
    MemoryPressure,
    IoPressure,
}

/// What a group's files said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stats {
    pub(crate) cpu: Option<f64>,
    pub(crate) cpu_user: Option<f64>,
    pub(crate) cpu_system: Option<f64>,
    pub(crate) periods: Option<u64>,
    pub(crate) throttled_periods: Option<u64>,
    pub(crate) throttled: Option<f64>,
    pub(crate) burst_periods: Option<u64>,
    pub(crate) burst: Option<f64>,
    pub(crate) memory: Option<u64>,
    pub(crate) peak: Option<u64>,
    pub(crate) failures: Option<u64>,
    pub(crate) kernel: Option<u64>,
    pub(crate) rss: Option<u64>,
    pub(crate) cache: Option<u64>,
    pub(crate) mapped: Option<u64>,
    pub(crate) swap: Option<u64>,
    pub(crate) active_file: Option<u64>,
    pub(crate) inactive_file: Option<u64>,
    pub(crate) faults: Option<u64>,
    pub(crate) major_faults: Option<u64>,
    pub(crate) devices: Vec<Device>,
    pub(crate) threads: Option<u64>,
    pub(crate) processes: Option<usize>,
    /// Those of them that the reader's own namespace has; 0 is one that it has not.
    pub(crate) pids: Vec<u32>,
    /// `some` and `full` of CPU, memory and I/O.
    pub(crate) pressure: [[Option<f64>; 2]; 3],
}

/// What a group did to a block device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Device {
    pub(crate) number: (u32, u32),
    pub(crate) read_bytes: Option<u64>,
    pub(crate) written_bytes: Option<u64>,
    pub(crate) reads: Option<u64>,
    pub(crate) writes: Option<u64>,
    /// `cost.usage`, `cost.wait`, `cost.indebt`, `cost.indelay` of blk-iocost, µs.
    pub(crate) cost: [Option<u64>; 4],
}

// === impl Stats ===

impl Stats {
    /// Forgets everything, but keeps the room for lists.
    pub(crate) fn clear(&mut self) {
        let (mut devices, mut pids) =
            (std::mem::take(&mut self.devices), std::mem::take(&mut self.pids));
        devices.clear();
        pids.clear();
        *self = Self { devices, pids, ..Self::default() };
    }

    /// Forgets which processes there are. Version 1 leaves out those that the reader's PID namespace does not have,
    /// so that not even their number is known; version 2 writes 0 for them.
    pub(crate) fn strange_processes(&mut self, unified: bool) {
        self.processes = self.processes.filter(|_| unified);
        if self.processes != Some(0) {
            self.pids = vec![0];
        }
    }

    /// Takes what a file says.
    pub(crate) fn take(&mut self, file: File, text: &str, unified: bool) {
        match file {
            File::Cpu => self.cpu(text),
            File::CpuUsage => self.cpu = number(text).map(|ns| seconds(ns, 1e9)),
            File::CpuTicks => {
                let time = |ticks| number(ticks).map(|ticks| seconds(ticks, TICKS));
                for (key, ticks) in pairs(text) {
                    match key {
                        "user" => self.cpu_user = time(ticks),
                        "system" => self.cpu_system = time(ticks),
                        _ => {}
                    }
                }
            }
            File::Memory if unified => self.memory_unified(text),
            File::Memory => self.memory_split(text),
            File::MemoryUsage => self.memory = number(text),
            File::MemoryPeak => self.peak = number(text),
            File::MemoryFailures => self.failures = number(text),
            File::MemoryKernel => self.kernel = number(text),
            File::Swap => self.swap = number(text),
            File::Io => self.io(text),
            File::IoBytes => self.blkio(text, bytes),
            File::IoOperations => self.blkio(text, operations),
            File::Threads => self.threads = number(text),
            File::Processes => {
                self.pids.extend(text.lines().filter_map(|line| line.parse::<u32>().ok()));
                self.processes = Some(self.pids.len());
            }
            File::CpuPressure => self.pressure[0] = pressure(text),
            File::MemoryPressure => self.pressure[1] = pressure(text),
            File::IoPressure => self.pressure[2] = pressure(text),
        }
    }

    /// Memory that cannot be taken back at once: usage less the file pages that nobody used lately.
    pub(crate) fn working_set(&self) -> Option<u64> {
        Some(self.memory?.saturating_sub(self.inactive_file.unwrap_or(0)))
    }

    fn cpu(&mut self, text: &str) {
        let time = |value, parts| number(value).map(|time| seconds(time, parts));
        for (key, value) in pairs(text) {
            match key {
                "usage_usec" => self.cpu = time(value, 1e6),
                "user_usec" => self.cpu_user = time(value, 1e6),
                "system_usec" => self.cpu_system = time(value, 1e6),
                "nr_periods" => self.periods = number(value),
                "nr_throttled" => self.throttled_periods = number(value),
                "throttled_usec" => self.throttled = time(value, 1e6),
                "throttled_time" => self.throttled = time(value, 1e9),
                "nr_bursts" => self.burst_periods = number(value),
                "burst_usec" => self.burst = time(value, 1e6),
                "burst_time" => self.burst = time(value, 1e9),
                _ => {}
            }
        }
    }

    fn memory_unified(&mut self, text: &str) {
        for (key, value) in pairs(text) {
            match key {
                "anon" => self.rss = number(value),
                "file" => self.cache = number(value),
                "file_mapped" => self.mapped = number(value),
                "active_file" => self.active_file = number(value),
                "inactive_file" => self.inactive_file = number(value),
                "pgfault" => self.faults = number(value),
                "pgmajfault" => self.major_faults = number(value),
                _ => {}
            }
        }
    }

    fn memory_split(&mut self, text: &str) {
        for (key, value) in pairs(text) {
            match key {
                "total_rss" => self.rss = number(value),
                "total_cache" => self.cache = number(value),
                "total_mapped_file" => self.mapped = number(value),
                "total_swap" => self.swap = number(value),
                "total_active_file" => self.active_file = number(value),
                "total_inactive_file" => self.inactive_file = number(value),
                "pgfault" => self.faults = number(value),
                "pgmajfault" => self.major_faults = number(value),
                _ => {}
            }
        }
    }

    /// Lines such as `8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0 cost.usage=5`.
    fn io(&mut self, text: &str) {
        for line in text.lines() {
            let Some((key, rest)) = line.split_once(' ') else { continue };
            let Some(number) = device(key) else { continue };
            let mut row = Device { number, ..Device::default() };
            for (key, value) in fields(rest) {
                let [usage, wait, debt, delay] = &mut row.cost;
                let field = match key {
                    "rbytes" => &mut row.read_bytes,
                    "wbytes" => &mut row.written_bytes,
                    "rios" => &mut row.reads,
                    "wios" => &mut row.writes,
                    "cost.usage" => usage,
                    "cost.wait" => wait,
                    "cost.indebt" => debt,
                    "cost.indelay" => delay,
                    _ => continue,
                };
                *field = Some(value);
            }
            self.devices.push(row);
        }
    }

    /// Lines such as `8:0 Read 4096`.
    fn blkio(&mut self, text: &str, field: fn(&mut Device, bool) -> &mut Option<u64>) {
        for line in text.lines() {
            let mut words = line.split_ascii_whitespace();
            let (Some(key), Some(operation), Some(value)) =
                (words.next(), words.next(), words.next())
            else {
                continue;
            };
            let read = match operation {
                "Read" => true,
                "Write" => false,
                _ => continue,
            };
            let (Some(number), Ok(value)) = (device(key), value.parse()) else { continue };
            let place = self.devices.iter().position(|row| row.number == number);
            let place = place.unwrap_or_else(|| {
                self.devices.push(Device { number, ..Device::default() });
                self.devices.len() - 1
            });
            if let Some(row) = self.devices.get_mut(place) {
                *field(row, read) = Some(value);
            }
        }
    }
}

fn bytes(device: &mut Device, read: bool) -> &mut Option<u64> {
    if read { &mut device.read_bytes } else { &mut device.written_bytes }
}

fn operations(device: &mut Device, read: bool) -> &mut Option<u64> {
    if read { &mut device.reads } else { &mut device.writes }
}

/// `USER_HZ`, which every architecture of ours has.
const TICKS: f64 = 100.0;

/// The totals of `some` and of `full`, seconds. They stand last in their lines.
fn pressure(text: &str) -> [Option<f64>; 2] {
    let mut totals = [None, None];
    for line in text.lines() {
        let [some, full] = &mut totals;
        let total = match line.get(..5) {
            Some("some ") => some,
            Some("full ") => full,
            _ => continue,
        };
        let number = line.rsplit_once('=').filter(|(before, _)| before.ends_with(" total"));
        *total = number.and_then(|(_, total)| Some(seconds(total.trim().parse().ok()?, 1e6)));
    }
    totals
}

#[expect(clippy::cast_precision_loss, reason = "a sample is a float")]
pub(crate) fn seconds(number: u64, parts: f64) -> f64 {
    number as f64 / parts
}
