//! The resources, one file each.

mod cronjob;
mod daemonset;
mod deployment;
mod endpoints;
mod endpointslice;
mod ingress;
mod ingressclass;
mod job;
mod namespace;
mod networkpolicy;
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
pub static RESOURCES: [&Resource; 19] = [
    &cronjob::CRONJOBS,
    &daemonset::DAEMONSETS,
    &deployment::DEPLOYMENTS,
    &endpoints::ENDPOINTS,
    &endpointslice::ENDPOINTSLICES,
    &ingressclass::INGRESSCLASSES,
    &ingress::INGRESSES,
    &job::JOBS,
    &namespace::NAMESPACES,
    &networkpolicy::NETWORKPOLICIES,
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
