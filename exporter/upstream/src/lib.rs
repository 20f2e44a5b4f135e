//! The one place through which programs of this machine that have metrics of their own join the scrape: the
//! kubelet, etcd, kube-proxy, and whatever has a URL.
//!
//! A [`Target`](target) is asked when a scrape begins and at no other time; what it answers is taken apart,
//! filtered by family, and written as guests of the scrape: a family that the exporter has itself always wins.
//! An upstream that does not answer in time is absent and says why (`hybrid_upstream_up`); it delays nobody
//! beyond its bound, and after a few times nobody at all.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod asker;
mod cache;
mod client;
mod collector;
mod connection;
mod endpoint;
mod fault;
mod found;
mod kubelet;
mod page;
mod question;
mod source;
mod target;
mod volumes;

pub use collector::{KUBELET_COLLECTORS, UPSTREAM_COLLECTORS};
pub use found::MODE as UPSTREAM_MODE;
pub use kubelet::MODE as KUBELET_MODE;
pub use question::{Credentials, Question};
pub use source::{KUBELET_SOURCE, UPSTREAM_SOURCE};

#[cfg(test)]
mod scripted;
#[cfg(test)]
mod tests;
