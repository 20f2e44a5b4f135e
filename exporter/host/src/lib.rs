//! Host collectors: `/proc`, `/sys`, netlink and system calls, one file each.
//!
//! They give `node_exporter`'s families with its names, types, labels and numbers. The helps are
//! ours. What is kept between scrapes is descriptors, buffers and counters that must not fall.
#![forbid(unsafe_code)]

use collect::Spec;

mod conntrack;
mod cpu;
mod entropy;
mod filefd;
mod loadavg;
mod meminfo;
mod netstat;
mod number;
mod pressure;
mod rows;
mod schedstat;
mod sockstat;
mod softnet;
mod stat;
mod udp_queues;
mod vmstat;

/// Every host collector, sorted by name.
pub static COLLECTORS: &[&Spec] = &[
    &conntrack::SPEC,
    &cpu::SPEC,
    &entropy::SPEC,
    &filefd::SPEC,
    &loadavg::SPEC,
    &meminfo::SPEC,
    &netstat::SPEC,
    &pressure::SPEC,
    &schedstat::SPEC,
    &sockstat::SPEC,
    &softnet::SPEC,
    &stat::SPEC,
    &udp_queues::SPEC,
    &vmstat::SPEC,
];
