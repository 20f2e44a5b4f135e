//! The Kubernetes API as a source: what is watched, and how a watch is kept true.
//!
//! A [`watch`](watch::run) lists objects and follows what changes, one resource a task, so that the
//! trouble of one is that one's alone. It gives objects as JSON, as they came, to a [`Sink`](watch::Sink).
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod fault;
mod frames;
pub mod lease;
pub mod role;
#[cfg(test)]
mod scripted;
pub mod shard;
pub mod transport;
pub mod uptime;
pub mod watch;
