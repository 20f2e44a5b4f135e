//! `v1` Pods: what they are to run, where, and how it goes; their containers in `pod/`.

mod container;
mod spec;
mod status;

use crate::{
    Resource,
    condition::Condition,
    metadata,
    quantity::Quantity,
    resource::{
        Families,
        Identity::{Name, Namespace, Uid},
        Metric, kind,
    },
    time::Time,
    wire::{List, Map, Metadata, Text, narrow},
};

pub(super) static PODS: Resource = Resource::new(
    "pods",
    ["", "v1", "Pod"],
    &Families::<Pod> {
        identity: &[Namespace("namespace"), Name("pod"), Uid("uid")],
        families: &[METADATA, spec::FAMILIES, status::FAMILIES, container::FAMILIES],
    },
);

narrow! {
    struct Pod<'a> {
        metadata: Metadata<'a>,
        spec: Spec<'a>,
        status: Status<'a>,
    }

    struct Spec<'a> {
        node_name: Text<'a>,
        containers: List<Container<'a>>,
        init_containers: List<Container<'a>>,
        volumes: List<Volume<'a>>,
        tolerations: List<Toleration<'a>>,
        node_selector: Map<'a, Text<'a>>,
        overhead: Map<'a, Quantity>,
        resource_claims: List<ResourceClaim<'a>>,
        restart_policy: Text<'a>,
        priority_class_name: Text<'a>,
        runtime_class_name: Option<Text<'a>>,
        service_account_name: Text<'a>,
        scheduler_name: Text<'a>,
        host_network: bool,
    }

    struct Container<'a> {
        name: Text<'a>,
        image: Text<'a>,
        resources: Resources<'a>,
        restart_policy: Text<'a>,
    }

    struct Resources<'a> {
        limits: Map<'a, Quantity>,
        requests: Map<'a, Quantity>,
    }

    struct Volume<'a> {
        name: Text<'a>,
        persistent_volume_claim: Option<Claim<'a>>,
        ephemeral: Option<Ephemeral>,
    }

    struct Claim<'a> {
        claim_name: Text<'a>,
        read_only: bool,
    }

    /// A volume whose claim is made with the pod; that it is one is all that is in use.
    struct Ephemeral {}

    struct Toleration<'a> {
        key: Text<'a>,
        operator: Text<'a>,
        value: Text<'a>,
        effect: Text<'a>,
        #[serde(rename = "tolerationSeconds")]
        seconds: Option<i64>,
    }

    struct ResourceClaim<'a> {
        name: Text<'a>,
        #[serde(rename = "resourceClaimName")]
        claim: Option<Text<'a>>,
        #[serde(rename = "resourceClaimTemplateName")]
        template: Option<Text<'a>>,
    }

    struct Status<'a> {
        phase: Text<'a>,
        reason: Text<'a>,
        qos_class: Text<'a>,
        #[serde(rename = "hostIP")]
        host_ip: Text<'a>,
        #[serde(rename = "podIP")]
        pod_ip: Text<'a>,
        #[serde(rename = "podIPs")]
        pod_ips: List<PodIp<'a>>,
        start_time: Option<Time>,
        conditions: List<Condition<'a>>,
        container_statuses: List<ContainerStatus<'a>>,
        init_container_statuses: List<ContainerStatus<'a>>,
        resource_claim_statuses: List<ResourceClaim<'a>>,
    }

    struct PodIp<'a> {
        ip: Text<'a>,
    }

    struct ContainerStatus<'a> {
        name: Text<'a>,
        image: Text<'a>,
        #[serde(rename = "imageID")]
        image_id: Text<'a>,
        #[serde(rename = "containerID")]
        container_id: Text<'a>,
        ready: bool,
        restart_count: i64,
        state: State<'a>,
        last_state: State<'a>,
    }

    struct State<'a> {
        running: Option<Running>,
        waiting: Option<Waiting<'a>>,
        terminated: Option<Terminated<'a>>,
    }

    struct Running {
        started_at: Time,
    }

    struct Waiting<'a> {
        reason: Text<'a>,
    }

    struct Terminated<'a> {
        reason: Text<'a>,
        exit_code: i64,
        started_at: Time,
        finished_at: Time,
    }
}
kind!(Pod);

const METADATA: &[Metric<Pod<'static>>] = &[
    metadata::created("kube_pod_created"),
    metadata::deletion_timestamp("kube_pod_deletion_timestamp"),
    metadata::annotations("kube_pod_annotations"),
    metadata::labels("kube_pod_labels"),
    metadata::owner("kube_pod_owner"),
];

#[cfg(test)]
mod tests;
