//! The journal as numbers: entries by priority and transport, errors, events and error patterns by
//! unit, what the kernel complains about, and rules of the configuration.
//!
//! A thread follows the files ([`journal_reader`]), gathers what an entry says from fields whose meaning
//! is remembered, and counts it; a scrape copies the counters. No message is read that nothing is counted
//! by. Where there is no journal, `/dev/kmsg` tells what the kernel has to say.
#![forbid(unsafe_code)]

mod cache;
mod cgroup;
mod classes;
mod collector;
mod counters;
mod events;
mod facts;
mod kernel;
mod kmsg;
mod options;
mod patterns;
mod position;
mod rules;
mod search;
mod secrets;
mod series;
mod source;
mod tally;
mod template;
mod units;

pub use cache::Cache;
pub use counters::Evidence;
pub use options::MODE;
pub use search::{Fault, Query, priority, search};
pub use secrets::mask_secrets;
pub use source::SOURCE;

use collect::Spec;

/// The collectors of the part `journal`.
pub static COLLECTORS: &[&Spec] = &[&collector::SPEC];

#[cfg(test)]
mod tests;
