//! The families: what each is, and where its number comes from. Names, types and help are those of
//! cAdvisor as kubelet 1.36 has it; every line has the six labels, empty where nothing is known.
//!
//! Numbers that cAdvisor always writes as 0 in the kubelet (the load averages, the tasks' states, and on
//! version 2 the kernel's memory and the failed allocations) are 0 here, so that no panel goes empty.

use crate::{
    group::Group,
    stats::{Device, seconds},
};
use exposition::{Family, Kind, Str, Value};

/// A number as its source has it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Number {
    U(u64),
    N(usize),
    I(i64),
    F(f64),
}
use Number::{F, I, N, U};

const LABELS: &[&str] = &["container", "id", "image", "name", "namespace", "pod"];
const CPU: &[&str] = &["container", "cpu", "id", "image", "name", "namespace", "pod"];
const DEVICE: &[&str] = &["container", "device", "id", "image", "name", "namespace", "pod"];
const OPERATION: &[&str] = &[
    "container",
    "device",
    "id",
    "image",
    "major",
    "minor",
    "name",
    "namespace",
    "operation",
    "pod",
];
const INTERFACE: &[&str] = &["container", "id", "image", "interface", "name", "namespace", "pod"];
const FAILURE: &[&str] =
    &["container", "failure_type", "id", "image", "name", "namespace", "pod", "scope"];
const STATE: &[&str] = &["container", "id", "image", "name", "namespace", "pod", "state"];
const ULIMIT: &[&str] = &["container", "id", "image", "name", "namespace", "pod", "ulimit"];

/// A counter of cAdvisor's whose name does not end as the name of one does.
const fn odd_counter(name: &'static str, help: &'static str) -> Family {
    Family { name: Str::Static(name), help: Str::Static(help), kind: Kind::Counter, labels: LABELS }
}

/// Families, and beside each where its number comes from.
macro_rules! table {
    ($(#[$doc:meta])* $families:ident, $numbers:ident: [$number:ty; $len:literal]
     $($family:expr => $from:expr;)*) => {
        $(#[$doc])*
        pub(crate) static $families: [Family; $len] = [$($family),*];
        /// The numbers of the table beside it.
        pub(crate) static $numbers: [$number; $len] = [$($from),*];
    };
}

table! {
    /// Families with the six labels alone.
    SIMPLE, SIMPLE_NUMBERS: [fn(&Group, u64) -> Option<Number>; 40]
    Family::gauge("container_last_seen", "Last time a container was seen by the exporter", LABELS) => |_, now| Some(U(now));
    Family::gauge("container_health_state", "The result of the container's health check", LABELS) => |_, _| Some(I(-1));
    Family::counter("container_cpu_user_seconds_total", "Cumulative user cpu time consumed in seconds.", LABELS) => |g, _| g.stats.cpu_user.map(F);
    Family::counter("container_cpu_system_seconds_total", "Cumulative system cpu time consumed in seconds.", LABELS) => |g, _| g.stats.cpu_system.map(F);
    Family::counter("container_cpu_cfs_periods_total", "Number of elapsed enforcement period intervals.", LABELS) => |g, _| g.if_quota(g.stats.periods.map(U));
    Family::counter("container_cpu_cfs_throttled_periods_total", "Number of throttled period intervals.", LABELS) => |g, _| g.if_quota(g.stats.throttled_periods.map(U));
    Family::counter("container_cpu_cfs_throttled_seconds_total", "Total time duration the container has been throttled.", LABELS) => |g, _| g.if_quota(g.stats.throttled.map(F));
    Family::counter("container_cpu_cfs_burst_periods_total", "Number of periods when burst occurs.", LABELS) => |g, _| g.if_quota(g.stats.burst_periods.map(U));
    Family::counter("container_cpu_cfs_burst_seconds_total", "Total time duration the container has been bursted.", LABELS) => |g, _| g.if_quota(g.stats.burst.map(F));
    Family::gauge("container_cpu_load_average_10s", "Value of container cpu load average over the last 10 seconds.", LABELS) => |_, _| Some(U(0));
    Family::gauge("container_cpu_load_d_average_10s", "Value of container cpu load.d average over the last 10 seconds.", LABELS) => |_, _| Some(U(0));
    Family::gauge("container_memory_cache", "Number of bytes of page cache memory.", LABELS) => |g, _| g.stats.cache.map(U);
    Family::gauge("container_memory_rss", "Size of RSS in bytes.", LABELS) => |g, _| g.stats.rss.map(U);
    Family::gauge("container_memory_kernel_usage", "Size of kernel memory allocated in bytes.", LABELS) => |g, _| g.stats.kernel.map(U);
    Family::gauge("container_memory_mapped_file", "Size of memory mapped files in bytes.", LABELS) => |g, _| g.stats.mapped.map(U);
    Family::gauge("container_memory_swap", "Container swap usage in bytes.", LABELS) => |g, _| g.stats.swap.map(U);
    odd_counter("container_memory_failcnt", "Number of memory usage hits limits") => |g, _| g.stats.failures.map(U);
    Family::gauge("container_memory_usage_bytes", "Current memory usage in bytes, including all memory regardless of when it was accessed", LABELS) => |g, _| g.stats.memory.map(U);
    Family::gauge("container_memory_max_usage_bytes", "Maximum memory usage recorded in bytes", LABELS) => |g, _| g.stats.peak.map(U);
    Family::gauge("container_memory_working_set_bytes", "Current working set in bytes.", LABELS) => |g, _| g.stats.working_set().map(U);
    Family::gauge("container_memory_total_active_file_bytes", "Current total active file in bytes.", LABELS) => |g, _| g.stats.active_file.map(U);
    Family::gauge("container_memory_total_inactive_file_bytes", "Current total inactive file in bytes.", LABELS) => |g, _| g.stats.inactive_file.map(U);
    Family::gauge("container_processes", "Number of processes running inside the container.", LABELS) => |g, _| g.stats.processes.map(N);
    Family::gauge("container_file_descriptors", "Number of open file descriptors for the container.", LABELS) => |g, _| g.open.map(|(files, _)| N(files));
    Family::gauge("container_sockets", "Number of open sockets for the container.", LABELS) => |g, _| g.open.map(|(_, sockets)| N(sockets));
    Family::gauge("container_threads_max", "Maximum number of threads allowed inside the container, infinity if value is zero", LABELS) => |g, _| g.limits.threads.map(U);
    Family::gauge("container_threads", "Number of threads running inside the container", LABELS) => |g, _| g.stats.threads.map(U);
    Family::counter("container_pressure_cpu_stalled_seconds_total", "Total time duration no tasks in the container could make progress due to CPU congestion.", LABELS) => |g, _| g.stats.pressure[0][1].map(F);
    Family::counter("container_pressure_cpu_waiting_seconds_total", "Total time duration tasks in the container have waited due to CPU congestion.", LABELS) => |g, _| g.stats.pressure[0][0].map(F);
    Family::counter("container_pressure_memory_stalled_seconds_total", "Total time duration no tasks in the container could make progress due to memory congestion.", LABELS) => |g, _| g.stats.pressure[1][1].map(F);
    Family::counter("container_pressure_memory_waiting_seconds_total", "Total time duration tasks in the container have waited due to memory congestion.", LABELS) => |g, _| g.stats.pressure[1][0].map(F);
    Family::counter("container_pressure_io_stalled_seconds_total", "Total time duration no tasks in the container could make progress due to IO congestion.", LABELS) => |g, _| g.stats.pressure[2][1].map(F);
    Family::counter("container_pressure_io_waiting_seconds_total", "Total time duration tasks in the container have waited due to IO congestion.", LABELS) => |g, _| g.stats.pressure[2][0].map(F);
    Family::gauge("container_start_time_seconds", "Start time of the container since unix epoch in seconds.", LABELS) => |g, _| g.limits.start.map(I);
    Family::gauge("container_spec_cpu_period", "CPU period of the container.", LABELS) => |g, _| g.limits.cpu.map(|cpu| U(cpu.period));
    Family::gauge("container_spec_cpu_quota", "CPU quota of the container.", LABELS) => |g, _| g.limits.cpu?.quota.map(U);
    Family::gauge("container_spec_cpu_shares", "CPU share of the container.", LABELS) => |g, _| g.limits.cpu.map(|cpu| U(cpu.shares));
    Family::gauge("container_spec_memory_limit_bytes", "Memory limit for the container.", LABELS) => |g, _| g.limits.memory.map(|memory| U(memory.limit));
    Family::gauge("container_spec_memory_swap_limit_bytes", "Memory swap limit for the container.", LABELS) => |g, _| g.limits.memory.map(|memory| U(memory.swap));
    Family::gauge("container_spec_memory_reservation_limit_bytes", "Memory reservation limit for the container.", LABELS) => |g, _| g.limits.memory.map(|memory| U(memory.reservation));
}

table! {
    /// Families with a line a block device.
    DEVICES, DEVICE_NUMBERS: [fn(&Device) -> Option<Number>; 8]
    Family::counter("container_fs_reads_bytes_total", "Cumulative count of bytes read", DEVICE) => |d| d.read_bytes.map(U);
    Family::counter("container_fs_reads_total", "Cumulative count of reads completed", DEVICE) => |d| d.reads.map(U);
    Family::counter("container_fs_writes_bytes_total", "Cumulative count of bytes written", DEVICE) => |d| d.written_bytes.map(U);
    Family::counter("container_fs_writes_total", "Cumulative count of writes completed", DEVICE) => |d| d.writes.map(U);
    Family::counter("container_fs_io_cost_usage_seconds_total", "Cumulative IOCost usage in seconds", DEVICE) => |d| micros(d.cost[0]);
    Family::counter("container_fs_io_cost_wait_seconds_total", "Cumulative IOCost wait in seconds", DEVICE) => |d| micros(d.cost[1]);
    Family::counter("container_fs_io_cost_indebt_seconds_total", "Cumulative IOCost debt in seconds", DEVICE) => |d| micros(d.cost[2]);
    Family::counter("container_fs_io_cost_indelay_seconds_total", "Cumulative IOCost delay in seconds", DEVICE) => |d| micros(d.cost[3]);
}

/// In the order of an interface's counters.
pub(crate) static NETWORK: [Family; 8] = [
    Family::counter(
        "container_network_receive_bytes_total",
        "Cumulative count of bytes received",
        INTERFACE,
    ),
    Family::counter(
        "container_network_receive_packets_total",
        "Cumulative count of packets received",
        INTERFACE,
    ),
    Family::counter(
        "container_network_receive_errors_total",
        "Cumulative count of errors encountered while receiving",
        INTERFACE,
    ),
    Family::counter(
        "container_network_receive_packets_dropped_total",
        "Cumulative count of packets dropped while receiving",
        INTERFACE,
    ),
    Family::counter(
        "container_network_transmit_bytes_total",
        "Cumulative count of bytes transmitted",
        INTERFACE,
    ),
    Family::counter(
        "container_network_transmit_packets_total",
        "Cumulative count of packets transmitted",
        INTERFACE,
    ),
    Family::counter(
        "container_network_transmit_errors_total",
        "Cumulative count of errors encountered while transmitting",
        INTERFACE,
    ),
    Family::counter(
        "container_network_transmit_packets_dropped_total",
        "Cumulative count of packets dropped while transmitting",
        INTERFACE,
    ),
];

/// The other families: CPU time, page faults, tasks, limits, blkio, OOM kills, and what is left out.
pub(crate) static OTHERS: [Family; 7] = [
    Family::counter(
        "container_cpu_usage_seconds_total",
        "Cumulative cpu time consumed in seconds.",
        CPU,
    ),
    Family::counter(
        "container_memory_failures_total",
        "Cumulative count of memory allocation failures.",
        FAILURE,
    ),
    Family::gauge("container_tasks_state", "Number of tasks in given state", STATE),
    Family::gauge(
        "container_ulimits_soft",
        "Soft ulimit values for the container root process. Unlimited if -1, except priority and nice",
        ULIMIT,
    ),
    Family::counter("container_blkio_device_usage_total", "Blkio Device bytes usage", OPERATION),
    Family::counter(
        "container_oom_events_total",
        "Count of out of memory events observed for the container",
        LABELS,
    ),
    Family::gauge(
        "hybrid_container_groups_left_out",
        "Control groups beyond the most that are served: 512 units, 4096 pods and containers.",
        &[],
    ),
];

/// Whether something could not be read: of groups, of the machine.
pub(crate) static ERRORS: [Family; 2] = [
    Family::gauge(
        "container_scrape_error",
        "1 if there was an error while getting container metrics, 0 otherwise",
        &[],
    ),
    Family::gauge(
        "machine_scrape_error",
        "1 if there was an error while getting machine metrics, 0 otherwise.",
        &[],
    ),
];

/// The states of [`TASKS`], as labels.
pub(crate) const STATES: [&str; 5] = [
    ",state=\"iowaiting\"",
    ",state=\"running\"",
    ",state=\"sleeping\"",
    ",state=\"stopped\"",
    ",state=\"uninterruptible\"",
];

impl Value for Number {
    fn write(self, out: &mut Vec<u8>) {
        match self {
            U(number) => number.write(out),
            N(number) => number.write(out),
            I(number) => number.write(out),
            F(number) => number.write(out),
        }
    }

    fn bits(self) -> u64 {
        match self {
            U(number) => number,
            N(number) => number.bits(),
            I(number) => number.bits(),
            F(number) => number.bits(),
        }
    }
}

impl Group {
    fn if_quota(&self, number: Option<Number>) -> Option<Number> {
        number
            .filter(|_| self.limits.cpu.is_some_and(|cpu| cpu.quota.is_some_and(|quota| quota > 0)))
    }
}

fn micros(number: Option<u64>) -> Option<Number> {
    number.map(|number| F(seconds(number, 1e6)))
}
