//! The resources, one file each.

mod certificatesigningrequest;
mod clusterrole;
mod clusterrolebinding;
mod configmap;
mod cronjob;
mod daemonset;
mod deployment;
mod endpoints;
mod endpointslice;
mod horizontalpodautoscaler;
mod ingress;
mod ingressclass;
mod job;
mod lease;
mod limitrange;
mod mutatingadmissionpolicy;
mod mutatingadmissionpolicybinding;
mod mutatingwebhookconfiguration;
mod namespace;
mod networkpolicy;
mod node;
mod persistentvolume;
mod persistentvolumeclaim;
mod pod;
mod poddisruptionbudget;
mod replicaset;
mod replicationcontroller;
mod resourcequota;
mod role;
mod rolebinding;
mod secret;
mod service;
mod serviceaccount;
mod statefulset;
mod storageclass;
mod validatingadmissionpolicy;
mod validatingadmissionpolicybinding;
mod validatingwebhookconfiguration;
mod volumeattachment;

use crate::Resource;

/// Every resource, in the order in which they are documented.
pub static RESOURCES: [&Resource; 39] = [
    &certificatesigningrequest::CERTIFICATESIGNINGREQUESTS,
    &clusterrolebinding::CLUSTERROLEBINDINGS,
    &clusterrole::CLUSTERROLES,
    &configmap::CONFIGMAPS,
    &cronjob::CRONJOBS,
    &daemonset::DAEMONSETS,
    &deployment::DEPLOYMENTS,
    &endpoints::ENDPOINTS,
    &endpointslice::ENDPOINTSLICES,
    &horizontalpodautoscaler::HORIZONTALPODAUTOSCALERS,
    &ingressclass::INGRESSCLASSES,
    &ingress::INGRESSES,
    &job::JOBS,
    &lease::LEASES,
    &limitrange::LIMITRANGES,
    &mutatingadmissionpolicy::MUTATINGADMISSIONPOLICIES,
    &mutatingadmissionpolicybinding::MUTATINGADMISSIONPOLICYBINDINGS,
    &mutatingwebhookconfiguration::MUTATINGWEBHOOKCONFIGURATIONS,
    &namespace::NAMESPACES,
    &networkpolicy::NETWORKPOLICIES,
    &node::NODES,
    &persistentvolumeclaim::PERSISTENTVOLUMECLAIMS,
    &persistentvolume::PERSISTENTVOLUMES,
    &poddisruptionbudget::PODDISRUPTIONBUDGETS,
    &pod::PODS,
    &replicaset::REPLICASETS,
    &replicationcontroller::REPLICATIONCONTROLLERS,
    &resourcequota::RESOURCEQUOTAS,
    &rolebinding::ROLEBINDINGS,
    &role::ROLES,
    &secret::SECRETS,
    &serviceaccount::SERVICEACCOUNTS,
    &service::SERVICES,
    &statefulset::STATEFULSETS,
    &storageclass::STORAGECLASSES,
    &validatingadmissionpolicy::VALIDATINGADMISSIONPOLICIES,
    &validatingadmissionpolicybinding::VALIDATINGADMISSIONPOLICYBINDINGS,
    &validatingwebhookconfiguration::VALIDATINGWEBHOOKCONFIGURATIONS,
    &volumeattachment::VOLUMEATTACHMENTS,
];

/// The resource of a plural name.
pub fn resource(name: &str) -> Option<&'static Resource> {
    RESOURCES.iter().copied().find(|resource| resource.name == name)
}
