//! The Kubernetes API as a source: what is watched, how a watch is kept true, and what is served of it.
//!
//! A [`watch`](watch::run) lists objects and follows what changes, one resource a task, so that the
//! trouble of one is that one's alone. It gives objects as JSON, as they came, to a [`Sink`](watch::Sink):
//! the keeper of a state, which renders their lines into a store and drops them. Collectors hand the
//! stores' pages on.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod access;
pub mod api;
mod connection;
mod crds;
mod facts;
pub mod fault;
mod frames;
mod keeper;
mod kube_state;
mod kubeconfig;
mod leading;
pub mod lease;
mod list;
mod options;
mod own;
mod plan;
mod quota;
mod reload;
pub mod review;
pub mod role;
#[cfg(test)]
mod scripted;
pub mod shard;
mod source;
mod states;
mod table;
mod tls;
pub mod transport;
pub mod uptime;
pub mod watch;
mod watches;

pub use options::MODE;
pub use source::SOURCE;

use collect::{Opt, Spec};
use std::sync::LazyLock;

/// Which variable of the environment fills which option, where that is not given.
pub fn environment() -> impl Iterator<Item = (&'static str, &'static Opt)> {
    access::ENVIRONMENT
        .into_iter()
        .chain([("NODE_NAME", &options::NODE_NAME), ("POD_NAMESPACE", &options::LEASE_NAMESPACE)])
}

/// The collectors of the part `kube-state`, sorted by name.
pub fn collectors() -> &'static [&'static Spec] {
    static COLLECTORS: LazyLock<[&Spec; 3]> =
        LazyLock::new(|| [&*kube_state::SPEC, &own::SPEC, &leading::SPEC]);
    &*COLLECTORS
}

/// Those that tell of the watches, which other parts may need where nothing of the cluster is served.
pub static WATCH_COLLECTORS: &[&Spec] = &[&watches::SPEC];
