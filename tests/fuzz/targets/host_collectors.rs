//! Any bytes as the content of one kernel file: no collector panics on them.
#![no_main]
#![allow(clippy::disallowed_methods, reason = "a fuzz target makes files")]

use collect::{Clock, Context, Options, Root};
use exposition::{Format, Writer, encode};
use libfuzzer_sys::fuzz_target;
use std::{
    path::Path,
    time::{Duration, SystemTime},
};

/// Collectors and the files that they parse; a device's directory has a name that fits.
const FILES: &[(&str, &str)] = &[
    ("arp", "proc/net/arp"),
    ("bcache", "sys/fs/bcache/00000000-0000-0000-0000-000000000000/bdev0/writeback_rate_debug"),
    ("bcache", "sys/fs/bcache/00000000-0000-0000-0000-000000000000/cache0/priority_stats"),
    ("bcachefs", "sys/fs/bcachefs/00000000-0000-0000-0000-000000000000/compression_stats"),
    ("bcachefs", "sys/fs/bcachefs/00000000-0000-0000-0000-000000000000/counters/io_read"),
    ("bonding", "sys/class/net/bond0/bonding/slaves"),
    ("bonding", "sys/class/net/bonding_masters"),
    ("buddyinfo", "proc/buddyinfo"),
    ("cgroups", "proc/cgroups"),
    ("conntrack", "proc/net/stat/nf_conntrack"),
    ("cpu", "proc/cpuinfo"),
    ("cpu", "proc/stat"),
    ("cpu_vulnerabilities", "sys/devices/system/cpu/vulnerabilities/meltdown"),
    ("cpufreq", "sys/devices/system/cpu/cpu0/cpufreq/stats/time_in_state"),
    ("diskstats", "proc/diskstats"),
    ("diskstats", "udev/b8:0"),
    ("dmi", "sys/class/dmi/id/bios_vendor"),
    ("drbd", "proc/drbd"),
    ("filefd", "proc/sys/fs/file-nr"),
    ("filesystem", "proc/1/mountinfo"),
    ("hwmon", "sys/class/hwmon/hwmon0/name"),
    ("hwmon", "sys/class/hwmon/hwmon0/temp1_input"),
    ("infiniband", "sys/class/infiniband/mlx4_0/ports/1/state"),
    ("interrupts", "proc/interrupts"),
    ("ipvs", "proc/net/ip_vs"),
    ("ipvs", "proc/net/ip_vs_stats"),
    ("lnstat", "proc/net/stat/arp_cache"),
    ("loadavg", "proc/loadavg"),
    ("mdadm", "proc/mdstat"),
    ("meminfo", "proc/meminfo"),
    ("meminfo_numa", "sys/devices/system/node/node0/meminfo"),
    ("meminfo_numa", "sys/devices/system/node/node0/numastat"),
    ("mountstats", "proc/self/mountstats"),
    ("netdev", "proc/net/dev"),
    ("netstat", "proc/net/netstat"),
    ("netstat", "proc/net/snmp"),
    ("netstat", "proc/net/snmp6"),
    ("network_route", "proc/net/route"),
    ("nfs", "proc/net/rpc/nfs"),
    ("nfsd", "proc/net/rpc/nfsd"),
    ("nvme", "sys/class/nvme/nvme0/firmware_rev"),
    ("os", "rootfs/etc/os-release"),
    ("os", "rootfs/usr/lib/os-release"),
    ("pcidevice", "sys/bus/pci/devices/0000:00:00.0/class"),
    ("powersupplyclass", "sys/class/power_supply/BAT0/uevent"),
    ("pressure", "proc/pressure/cpu"),
    ("pressure", "proc/pressure/io"),
    ("processes", "proc/1/stat"),
    ("rapl", "sys/class/powercap/intel-rapl:0/name"),
    ("schedstat", "proc/schedstat"),
    ("slabinfo", "proc/slabinfo"),
    ("sockstat", "proc/net/sockstat"),
    ("sockstat", "proc/net/sockstat6"),
    ("softirqs", "proc/softirqs"),
    ("softnet", "proc/net/softnet_stat"),
    ("stat", "proc/stat"),
    ("swap", "proc/swaps"),
    ("tapestats", "sys/class/scsi_tape/st0/stats/io_ns"),
    ("textfile", "textfiles/a.prom"),
    ("time", "sys/devices/system/clocksource/clocksource0/available_clocksource"),
    ("udp_queues", "proc/net/udp"),
    ("udp_queues", "proc/net/udp6"),
    ("vmstat", "proc/vmstat"),
    ("wifi", "proc/net/wireless"),
    ("xfrm", "proc/net/xfrm_stat"),
    ("xfs", "sys/fs/xfs/sda1/stats/stats"),
    ("zfs", "proc/spl/kstat/zfs/abdstats"),
    ("zfs", "proc/spl/kstat/zfs/arcstats"),
    ("zfs", "proc/spl/kstat/zfs/pool1/io"),
    ("zfs", "proc/spl/kstat/zfs/pool1/objset-1"),
    ("zfs", "proc/spl/kstat/zfs/pool1/state"),
    ("zoneinfo", "proc/zoneinfo"),
];

fuzz_target!(|bytes: &[u8]| {
    let Some((&choice, content)) = bytes.split_first() else { return };
    let Some((name, file)) = FILES.get(usize::from(choice) % FILES.len()) else { return };
    let Some(spec) = host::COLLECTORS.iter().find(|spec| spec.name == *name) else { return };
    let dir = tempfile::tempdir_in("/dev/shm").expect("a temporary directory");
    let path = dir.path().join(file);
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
    std::fs::write(&path, content).expect("a file");
    let Ok(mut collector) = (spec.build)(&context(dir.path())) else { return };
    // What is kept from the first scrape meets the second.
    for _ in 0..2 {
        let mut out = Writer::default();
        // A failure is an answer.
        drop(collector.collect(&mut out));
        let block = out.finish();
        for (family, _) in block.families() {
            let declared = spec.families().any(|declared| declared.covers(&family.name));
            assert!(declared, "{} is not declared", family.name);
        }
        let text = encode(&[&block], Format::TEXT).body;
        assert!(std::str::from_utf8(&text).is_ok(), "{}", text.escape_ascii());
    }
});

/// Roots as `collect::testing::context` lays them out.
fn context(dir: &Path) -> Context {
    let mut options = Options::default();
    let textfiles = dir.join("textfiles").display().to_string();
    options.set("collector.textfile.directory", vec![textfiles]);
    // From the file rather than from this machine's netlink.
    options.set("collector.netdev.netlink", vec!["false".to_owned()]);
    options.set("collector.arp.netlink", vec!["false".to_owned()]);
    Context {
        proc: Root::new(dir.join("proc")),
        sys: Root::new(dir.join("sys")),
        rootfs: Root::new(dir.join("rootfs")),
        udev: Root::new(dir.join("udev")),
        options,
        clock: Clock::new(|| SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_323_045)),
        shared: collect::Shared::default(),
    }
}
