//! Host collectors: `/proc`, `/sys`, netlink and system calls, one file each.
//!
//! They give `node_exporter`'s families with its names, types, labels and numbers. The helps are
//! ours. What is kept between scrapes is descriptors, buffers and counters that must not fall.
#![forbid(unsafe_code)]

use collect::Spec;

mod conntrack;
mod cpu;
mod cpufreq;
mod diskstats;
mod dmi;
mod dmmultipath;
mod drbd;
mod edac;
mod entropy;
mod fibrechannel;
mod filefd;
mod filesystem;
mod hwmon;
mod infiniband;
mod links;
mod loadavg;
mod mdadm;
mod meminfo;
mod netclass;
mod netclass_rtnl;
mod netdev;
mod netlink;
mod netstat;
mod number;
mod nvme;
mod os;
mod pcidevice;
mod powersupplyclass;
mod pressure;
mod rapl;
mod rows;
mod schedstat;
mod selinux;
mod sockstat;
mod softnet;
mod stat;
mod tapestats;
mod thermal_zone;
mod time;
mod timex;
mod udp_queues;
mod uname;
mod vmstat;
mod watchdog;
mod xfs;

/// Every host collector, sorted by name.
pub static COLLECTORS: &[&Spec] = &[
    &conntrack::SPEC,
    &cpu::SPEC,
    &cpufreq::SPEC,
    &diskstats::SPEC,
    &dmi::SPEC,
    &dmmultipath::SPEC,
    &drbd::SPEC,
    &edac::SPEC,
    &entropy::SPEC,
    &fibrechannel::SPEC,
    &filefd::SPEC,
    &filesystem::SPEC,
    &hwmon::SPEC,
    &infiniband::SPEC,
    &loadavg::SPEC,
    &mdadm::SPEC,
    &meminfo::SPEC,
    &netclass::SPEC,
    &netdev::SPEC,
    &netstat::SPEC,
    &nvme::SPEC,
    &os::SPEC,
    &pcidevice::SPEC,
    &powersupplyclass::SPEC,
    &pressure::SPEC,
    &rapl::SPEC,
    &schedstat::SPEC,
    &selinux::SPEC,
    &sockstat::SPEC,
    &softnet::SPEC,
    &stat::SPEC,
    &tapestats::SPEC,
    &thermal_zone::SPEC,
    &time::SPEC,
    &timex::SPEC,
    &udp_queues::SPEC,
    &uname::SPEC,
    &vmstat::SPEC,
    &watchdog::SPEC,
    &xfs::SPEC,
];
