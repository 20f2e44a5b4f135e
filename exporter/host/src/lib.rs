//! Host collectors: `/proc`, `/sys`, netlink and system calls, one file each.
//!
//! They give `node_exporter`'s families with its names, types, labels and numbers. The helps are
//! ours. What is kept between scrapes is descriptors, buffers and counters that must not fall.
#![forbid(unsafe_code)]

use collect::Spec;

mod arp;
mod bcache;
mod bcachefs;
mod bonding;
mod btrfs;
mod buddyinfo;
mod cgroups;
mod conntrack;
mod cpu;
mod cpu_vulnerabilities;
mod cpufreq;
mod diskstats;
mod dmi;
mod dmmultipath;
mod drbd;
mod edac;
mod entropy;
mod ethtool;
mod fibrechannel;
mod filefd;
mod filesystem;
mod glob;
mod hwmon;
mod infiniband;
mod interrupts;
mod ipvs;
mod kernel_hung;
mod ksmd;
mod links;
mod lnstat;
mod loadavg;
mod mdadm;
mod meminfo;
mod meminfo_numa;
mod mountstats;
mod netclass;
mod netclass_rtnl;
mod netdev;
mod netlink;
mod netstat;
mod network_route;
mod nfs;
mod nfsd;
mod number;
mod nvme;
mod os;
mod pcidevice;
mod powersupplyclass;
mod pressure;
mod processes;
mod qdisc;
mod rapl;
mod rows;
mod schedstat;
mod selinux;
mod slabinfo;
mod sockstat;
mod softirqs;
mod softnet;
mod stat;
mod swap;
mod sysctl;
mod tapestats;
mod tcpstat;
mod textfile;
mod thermal_zone;
mod time;
mod timex;
mod udp_queues;
mod uname;
mod vmstat;
mod watchdog;
mod wifi;
mod xfrm;
mod xfs;
mod zfs;
mod zoneinfo;

/// Every host collector, sorted by name.
pub static COLLECTORS: &[&Spec] = &[
    &arp::SPEC,
    &bcache::SPEC,
    &bcachefs::SPEC,
    &bonding::SPEC,
    &btrfs::SPEC,
    &buddyinfo::SPEC,
    &cgroups::SPEC,
    &conntrack::SPEC,
    &cpu::SPEC,
    &cpu_vulnerabilities::SPEC,
    &cpufreq::SPEC,
    &diskstats::SPEC,
    &dmi::SPEC,
    &dmmultipath::SPEC,
    &drbd::SPEC,
    &edac::SPEC,
    &entropy::SPEC,
    &ethtool::SPEC,
    &fibrechannel::SPEC,
    &filefd::SPEC,
    &filesystem::SPEC,
    &hwmon::SPEC,
    &infiniband::SPEC,
    &interrupts::SPEC,
    &ipvs::SPEC,
    &kernel_hung::SPEC,
    &ksmd::SPEC,
    &lnstat::SPEC,
    &loadavg::SPEC,
    &mdadm::SPEC,
    &meminfo::SPEC,
    &meminfo_numa::SPEC,
    &mountstats::SPEC,
    &netclass::SPEC,
    &netdev::SPEC,
    &netstat::SPEC,
    &network_route::SPEC,
    &nfs::SPEC,
    &nfsd::SPEC,
    &nvme::SPEC,
    &os::SPEC,
    &pcidevice::SPEC,
    &powersupplyclass::SPEC,
    &pressure::SPEC,
    &processes::SPEC,
    &qdisc::SPEC,
    &rapl::SPEC,
    &schedstat::SPEC,
    &selinux::SPEC,
    &slabinfo::SPEC,
    &sockstat::SPEC,
    &softirqs::SPEC,
    &softnet::SPEC,
    &stat::SPEC,
    &swap::SPEC,
    &sysctl::SPEC,
    &tapestats::SPEC,
    &tcpstat::SPEC,
    &textfile::SPEC,
    &thermal_zone::SPEC,
    &time::SPEC,
    &timex::SPEC,
    &udp_queues::SPEC,
    &uname::SPEC,
    &vmstat::SPEC,
    &watchdog::SPEC,
    &wifi::SPEC,
    &xfrm::SPEC,
    &xfs::SPEC,
    &zfs::SPEC,
    &zoneinfo::SPEC,
];
