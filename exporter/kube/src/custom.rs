//! Numbers of custom resources: those that a configuration names, as kube-state-metrics' custom
//! resource state gives them, and without any configuration the conditions that objects report.
//!
//! A [`Configuration`] is the YAML that kube-state-metrics takes, as it is. Its entries name groups,
//! versions and kinds, some of them `*`; which of them there are is what the cluster's definitions
//! say, one [`Served`] each. A [`CustomResource`] is what is made of the objects of one of those.

mod conditions;
mod config;
mod generator;
mod number;
#[cfg(test)]
mod oracle;
mod path;
mod resource;
mod value;
mod wanted;

pub use conditions::FAMILIES;
pub use config::Configuration;
pub use resource::{CustomResource, Notes, Served, Trouble};
pub use yaml::Fault;
