//! The resources, one file each.

mod deployment;
mod node;
mod pod;

use crate::Resource;

/// Every resource, in the order in which they are documented.
pub static RESOURCES: [&Resource; 3] = [&deployment::DEPLOYMENTS, &node::NODES, &pod::PODS];

/// The resource of a plural name.
pub fn resource(name: &str) -> Option<&'static Resource> {
    RESOURCES.iter().copied().find(|resource| resource.name == name)
}
