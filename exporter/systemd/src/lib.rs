//! systemd's units over one D-Bus connection: the source, its cache, and the collectors that write
//! from it under the names of `systemd_exporter`, of `node_exporter` and of our own.
//!
//! Signals keep the cache true between scrapes; a scrape has it checked against one `ListUnits`.
//! Tasks, CPU, memory and IO come from control group files.
#![forbid(unsafe_code)]

mod bus;
mod cache;
mod facts;
mod filter;
mod hybrid;
mod listing;
mod node;
mod options;
mod private;
mod property;
mod resolved;
mod shelf;
mod source;
mod system;
mod units;
mod usage;

pub use options::{BUS_ADDRESS, MODE, USER_BUS_ADDRESS};
pub use source::SOURCE;

use collect::Spec;

/// The collectors of the part `systemd`, sorted by name.
pub static COLLECTORS: &[&Spec] = &[&units::SPEC];

/// `node_exporter`'s collector, which reads the same cache.
pub static NODE_COLLECTORS: &[&Spec] = &[&node::SPEC];
