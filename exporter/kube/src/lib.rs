//! kube-state-metrics' numbers: the JSON of a Kubernetes object in, sample lines by family out.
//!
//! A [`Resource`] is a table: which objects it reads, the few fields of them that are in use, and
//! one small function a family. [`Resource::render`] decodes an object into a narrow type, writes
//! its lines into a [`Rendered`] that is reused, and drops the object. The crate does no I/O, knows
//! no clock and keeps nothing: each line is a function of the object alone.
//!
//! Names, types, labels, label values and numbers are those of kube-state-metrics 2.20; where it is
//! wrong, `exceptions.tsv` says what is right.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod allowlist;
mod condition;
pub mod custom;
mod error;
mod filter;
mod json;
mod label;
mod metadata;
#[cfg(test)]
mod oracle;
mod quantity;
mod rendered;
mod resource;
mod resources;
mod schedule;
mod settings;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod time;
mod unit;
mod wire;

pub use error::Error;
pub use quantity::quantity;
pub use rendered::Rendered;
pub use resource::{Declared, Extent, ObjectKey, Resource, Stability};
pub use resources::{RESOURCES, resource};
pub use settings::{FamilyFilter, RenderOptions, Settings};
