//! The resources, one file each.

mod cronjob;
mod daemonset;
mod deployment;
mod job;
mod namespace;
mod node;
mod persistentvolume;
mod persistentvolumeclaim;
mod pod;
mod replicaset;
mod service;
mod statefulset;
mod storageclass;
mod volumeattachment;

use crate::Resource;

/// Every resource, in the order in which they are documented.
pub static RESOURCES: [&Resource; 14] = [
    &cronjob::CRONJOBS,
    &daemonset::DAEMONSETS,
    &deployment::DEPLOYMENTS,
    &job::JOBS,
    &namespace::NAMESPACES,
    &node::NODES,
    &persistentvolumeclaim::PERSISTENTVOLUMECLAIMS,
    &persistentvolume::PERSISTENTVOLUMES,
    &pod::PODS,
    &replicaset::REPLICASETS,
    &service::SERVICES,
    &statefulset::STATEFULSETS,
    &storageclass::STORAGECLASSES,
    &volumeattachment::VOLUMEATTACHMENTS,
];

/// The resource of a plural name.
pub fn resource(name: &str) -> Option<&'static Resource> {
    RESOURCES.iter().copied().find(|resource| resource.name == name)
}
