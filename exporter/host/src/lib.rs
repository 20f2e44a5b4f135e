//! Host collectors: `/proc`, `/sys`, netlink and system calls, one file each.
//!
//! They give `node_exporter`'s families with its names, types, labels and numbers. The helps are
//! ours. What is kept between scrapes is descriptors, buffers and counters that must not fall.
#![forbid(unsafe_code)]

use collect::Spec;

mod loadavg;

/// Every host collector, sorted by name.
pub static COLLECTORS: &[&Spec] = &[&loadavg::SPEC];
