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

use crate::text::{Places, device, field, lines, number, words};

/// A file of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum File {
    Cpu,
    CpuPeriods,
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

    /// Forgets what this file of version 2 said.
    pub(crate) fn forget(&mut self, file: File) {
        match file {
            File::Cpu => {
                (self.cpu, self.cpu_user, self.cpu_system) = (None, None, None);
                (self.periods, self.throttled_periods, self.throttled) = (None, None, None);
                (self.burst_periods, self.burst) = (None, None);
            }
            File::Memory => {
                (self.rss, self.cache, self.mapped) = (None, None, None);
                (self.active_file, self.inactive_file) = (None, None);
                (self.faults, self.major_faults) = (None, None);
            }
            File::MemoryUsage => self.memory = None,
            File::MemoryPeak => self.peak = None,
            File::Swap => self.swap = None,
            File::Io => self.devices.clear(),
            File::Threads => self.threads = None,
            File::Processes => {
                self.pids.clear();
                self.processes = None;
            }
            File::CpuPressure => self.pressure[0] = [None; 2],
            File::MemoryPressure => self.pressure[1] = [None; 2],
            File::IoPressure => self.pressure[2] = [None; 2],
            // Version 1's.
            File::CpuPeriods
            | File::CpuUsage
            | File::CpuTicks
            | File::MemoryFailures
            | File::MemoryKernel
            | File::IoBytes
            | File::IoOperations => {}
        }
    }

    /// Takes what a file says.
    pub(crate) fn take(
        &mut self,
        file: File,
        text: &[u8],
        unified: bool,
        places: &mut [Places; 3],
    ) {
        let [cpu, periods, memory] = places;
        match file {
            File::Cpu => cpu.find(text, &CPU, |key, number| self.cpu(key, number)),
            File::CpuPeriods => {
                periods.find(text, &CPU_SPLIT, |key, number| self.periods(key, number));
            }
            File::CpuUsage => self.cpu = number(text).map(|ns| seconds(ns, 1e9)),
            File::CpuTicks => {
                let mut places = Places::default();
                places.find(text, &["user", "system"], |key, ticks| {
                    let time = if key == 0 { &mut self.cpu_user } else { &mut self.cpu_system };
                    *time = Some(seconds(ticks, TICKS));
                });
            }
            File::Memory => {
                let keys = if unified { &MEMORY[..] } else { &MEMORY_SPLIT };
                memory.find(text, keys, |key, number| self.memory(key, number));
            }
            File::MemoryUsage => self.memory = number(text),
            File::MemoryPeak => self.peak = number(text),
            File::MemoryFailures => self.failures = number(text),
            File::MemoryKernel => self.kernel = number(text),
            File::Swap => self.swap = number(text),
            File::Io => io(text, &mut self.devices),
            File::IoBytes => self.blkio(text, bytes),
            File::IoOperations => self.blkio(text, operations),
            File::Threads => self.threads = number(text),
            File::Processes => {
                let pids = lines(text).filter_map(number);
                self.pids.extend(pids.filter_map(|pid: u64| u32::try_from(pid).ok()));
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

    /// Takes a number of `cpu.stat`, by the place of its key.
    fn cpu(&mut self, key: usize, number: u64) {
        match key {
            0 => self.cpu = Some(seconds(number, 1e6)),
            1 => self.cpu_user = Some(seconds(number, 1e6)),
            2 => self.cpu_system = Some(seconds(number, 1e6)),
            3 => self.periods = Some(number),
            4 => self.throttled_periods = Some(number),
            5 => self.throttled = Some(seconds(number, 1e6)),
            6 => self.burst_periods = Some(number),
            _ => self.burst = Some(seconds(number, 1e6)),
        }
    }

    /// Takes a number of version 1's `cpu.stat`, by the place of its key.
    fn periods(&mut self, key: usize, number: u64) {
        match key {
            0 => self.periods = Some(number),
            1 => self.throttled_periods = Some(number),
            2 => self.throttled = Some(seconds(number, 1e9)),
            3 => self.burst_periods = Some(number),
            _ => self.burst = Some(seconds(number, 1e9)),
        }
    }

    /// Takes a number of `memory.stat`, by the place of its key.
    fn memory(&mut self, key: usize, number: u64) {
        let field = match key {
            0 => &mut self.rss,
            1 => &mut self.cache,
            2 => &mut self.mapped,
            3 => &mut self.inactive_file,
            4 => &mut self.active_file,
            5 => &mut self.faults,
            6 => &mut self.major_faults,
            _ => &mut self.swap,
        };
        *field = Some(number);
    }

    /// Lines such as `8:0 Read 4096`.
    fn blkio(&mut self, text: &[u8], field: fn(&mut Device, bool) -> &mut Option<u64>) {
        for line in lines(text) {
            let mut words = words(line);
            let (Some(key), Some(operation), Some(value)) =
                (words.next(), words.next(), words.next())
            else {
                continue;
            };
            let read = match operation {
                b"Read" => true,
                b"Write" => false,
                _ => continue,
            };
            let (Some(id), Some(value)) = (device(key), number(value)) else { continue };
            let place = self.devices.iter().position(|row| row.number == id);
            let place = place.unwrap_or_else(|| {
                self.devices.push(Device { number: id, ..Device::default() });
                self.devices.len() - 1
            });
            if let Some(row) = self.devices.get_mut(place) {
                *field(row, read) = Some(value);
            }
        }
    }
}

/// Keys of version 2's `cpu.stat`.
const CPU: [&str; 8] = [
    "usage_usec",
    "user_usec",
    "system_usec",
    "nr_periods",
    "nr_throttled",
    "throttled_usec",
    "nr_bursts",
    "burst_usec",
];
/// The same of version 1's.
const CPU_SPLIT: [&str; 5] =
    ["nr_periods", "nr_throttled", "throttled_time", "nr_bursts", "burst_time"];
/// Keys of version 2's `memory.stat`.
const MEMORY: [&str; 7] =
    ["anon", "file", "file_mapped", "inactive_file", "active_file", "pgfault", "pgmajfault"];
/// The same of version 1's, and swap.
const MEMORY_SPLIT: [&str; 8] = [
    "total_rss",
    "total_cache",
    "total_mapped_file",
    "total_inactive_file",
    "total_active_file",
    "pgfault",
    "pgmajfault",
    "total_swap",
];

/// Lines such as `8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0 cost.usage=5`.
pub(crate) fn io(text: &[u8], devices: &mut Vec<Device>) {
    for line in lines(text) {
        let mut words = words(line);
        let Some(number) = words.next().and_then(device) else { continue };
        let mut row = Device { number, ..Device::default() };
        for (key, value) in words.filter_map(field) {
            let [usage, wait, debt, delay] = &mut row.cost;
            let field = match key {
                b"rbytes" => &mut row.read_bytes,
                b"wbytes" => &mut row.written_bytes,
                b"rios" => &mut row.reads,
                b"wios" => &mut row.writes,
                b"cost.usage" => usage,
                b"cost.wait" => wait,
                b"cost.indebt" => debt,
                b"cost.indelay" => delay,
                _ => continue,
            };
            *field = Some(value);
        }
        devices.push(row);
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
fn pressure(text: &[u8]) -> [Option<f64>; 2] {
    let mut totals = [None, None];
    for line in lines(text) {
        let [some, full] = &mut totals;
        let total = match line.get(..5) {
            Some(b"some ") => some,
            Some(b"full ") => full,
            _ => continue,
        };
        let last = line.trim_ascii_end().rsplit(u8::is_ascii_whitespace).next();
        let number = last.and_then(|word| number(word.strip_prefix(b"total=")?));
        *total = number.map(|total| seconds(total, 1e6));
    }
    totals
}

#[expect(clippy::cast_precision_loss, reason = "a sample is a float")]
pub(crate) fn seconds(number: u64, parts: f64) -> f64 {
    number as f64 / parts
}
