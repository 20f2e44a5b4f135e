//! `v1` Nodes: what they are, what they can hold, how they feel.

use crate::{
    Resource,
    condition::Condition,
    label, metadata,
    quantity::Quantity,
    rendered::Rows,
    resource::{Families, Identity::Name, Metric, alpha, kind, stable},
    unit,
    wire::{List, Map, Metadata, Text, narrow},
};

pub(super) static NODES: Resource = Resource::new(
    "nodes",
    ["", "v1", "Node"],
    &Families::<Node> { identity: &[Name("node")], families: &[FAMILIES] },
)
.cluster_scoped();

narrow! {
    struct Node<'a> {
        metadata: Metadata<'a>,
        spec: Spec<'a>,
        status: Status<'a>,
    }

    struct Spec<'a> {
        #[serde(rename = "providerID")]
        provider_id: Text<'a>,
        #[serde(rename = "podCIDR")]
        pod_cidr: Text<'a>,
        #[serde(rename = "podCIDRs")]
        pod_cidrs: List<Text<'a>>,
        taints: List<Taint<'a>>,
        unschedulable: bool,
    }

    struct Taint<'a> {
        key: Text<'a>,
        value: Text<'a>,
        effect: Text<'a>,
    }

    struct Status<'a> {
        node_info: Info<'a>,
        addresses: List<Address<'a>>,
        allocatable: Map<'a, Quantity>,
        capacity: Map<'a, Quantity>,
        conditions: List<Condition<'a>>,
    }

    struct Info<'a> {
        kernel_version: Text<'a>,
        os_image: Text<'a>,
        container_runtime_version: Text<'a>,
        kubelet_version: Text<'a>,
        #[serde(rename = "systemUUID")]
        system_uuid: Text<'a>,
    }

    struct Address<'a> {
        r#type: Text<'a>,
        address: Text<'a>,
    }
}
kind!(Node);

const FAMILIES: &[Metric<Node<'static>>] = &[
    metadata::annotations("kube_node_annotations"),
    metadata::created("kube_node_created"),
    metadata::deletion_timestamp("kube_node_deletion_timestamp"),
    stable(
        "kube_node_info",
        "What the node is: its kernel, system image, runtime, kubelet and addresses.",
        &[
            "kernel_version",
            "os_image",
            "container_runtime_version",
            "kubelet_version",
            "kubeproxy_version",
            "provider_id",
            "pod_cidr",
            "system_uuid",
            "internal_ip",
        ],
        |n, rows| {
            let Info {
                kernel_version,
                os_image,
                container_runtime_version,
                kubelet_version,
                system_uuid,
            } = &n.status.node_info;
            // With more than one, kube-state-metrics shows the last.
            let internal = n.status.addresses.iter().rfind(|a| &*a.r#type == "InternalIP");
            rows.info(&[
                kernel_version,
                os_image,
                container_runtime_version,
                kubelet_version,
                // The kubelet does not know it; the API's field is deprecated since 1.31.
                "deprecated",
                &n.spec.provider_id,
                &n.spec.pod_cidr,
                system_uuid,
                internal.map_or("", |a| &a.address),
            ]);
        },
    ),
    metadata::labels("kube_node_labels"),
    alpha(
        "kube_node_role",
        "Roles of the node, of its labels node-role.kubernetes.io/ROLE.",
        &["role"],
        |n, rows| {
            for (key, _) in n.metadata.labels.iter() {
                if let Some(role) = key.strip_prefix("node-role.kubernetes.io/") {
                    rows.info(&[role]);
                }
            }
        },
    ),
    alpha(
        "kube_node_spec_pod_cidrs",
        "Networks of the node's pods, one an address family.",
        &["pod_cidr"],
        |n, rows| n.spec.pod_cidrs.iter().for_each(|cidr| rows.info(&[cidr])),
    ),
    stable(
        "kube_node_spec_taint",
        "Taints, which keep pods away that do not tolerate them.",
        &["key", "value", "effect"],
        |n, rows| {
            for Taint { key, value, effect } in &n.spec.taints {
                rows.info(&[key, value, effect]);
            }
        },
    ),
    stable(
        "kube_node_spec_unschedulable",
        "Whether the node takes no new pods.",
        &[],
        |n, rows| rows.value(n.spec.unschedulable),
    ),
    stable(
        "kube_node_status_allocatable",
        "What of each resource pods can have, in its unit.",
        &["resource", "unit"],
        |n, rows| resources(&n.status.allocatable, rows),
    ),
    stable(
        "kube_node_status_capacity",
        "What of each resource the node has, in its unit.",
        &["resource", "unit"],
        |n, rows| resources(&n.status.capacity, rows),
    ),
    stable(
        "kube_node_status_condition",
        "Conditions of the node: 1 for the status that holds.",
        &["condition", "status"],
        |n, rows| {
            n.status.conditions.iter().for_each(|c| c.write([&c.r#type], rows));
        },
    ),
    alpha(
        "kube_node_status_addresses",
        "Addresses of the node.",
        &["type", "address"],
        |n, rows| n.status.addresses.iter().for_each(|a| rows.info(&[&a.r#type, &a.address])),
    ),
];

/// Every resource of a node is counted in thousandths.
fn resources(resources: &Map<'_, Quantity>, rows: &mut Rows<'_>) {
    for (name, quantity) in resources.iter() {
        let unit = if name == "pods" { Some("integer") } else { unit::of(name) };
        if let Some(unit) = unit {
            rows.row(&[&label::sanitized(name), unit], quantity.thousandths());
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{expose, expose_only};
    use expect_test::expect;

    #[test]
    fn every_family() {
        let yaml = r#"
metadata:
  name: node-1
  creationTimestamp: "2026-01-02T03:04:05Z"
  deletionTimestamp: "2026-01-02T04:04:05Z"
  labels:
    kubernetes.io/hostname: node-1
    node-role.kubernetes.io/control-plane: ""
    node-role.kubernetes.io/edge: ""
spec:
  providerID: aws:///eu/i-1
  podCIDR: 10.0.0.0/24
  podCIDRs: [10.0.0.0/24, "fd00::/64"]
  unschedulable: true
  taints:
  - {key: node.kubernetes.io/unschedulable, effect: NoSchedule}
  - {key: dedicated, value: gpu, effect: NoExecute}
status:
  nodeInfo:
    kernelVersion: 6.18.0
    osImage: Debian GNU/Linux 13 (trixie)
    containerRuntimeVersion: containerd://2.1.0
    kubeletVersion: v1.36.3
    kubeProxyVersion: v1.36.3
    systemUUID: 6a9f
  addresses:
  - {type: InternalIP, address: 192.0.2.1}
  - {type: Hostname, address: node-1}
  - {type: InternalIP, address: "2001:db8::1"}
  allocatable: {cpu: 3920m, memory: 7000Mi, pods: "110"}
  capacity:
    cpu: "4"
    memory: 8003124Ki
    ephemeral-storage: 100Gi
    storage: 1k
    hugepages-2Mi: "0"
    attachable-volumes-aws-ebs: "25"
    pods: "110"
    nvidia.com/gpu: "2"
    example: "3"
    example.kubernetes.io/what: "1"
  conditions:
  - {type: Ready, status: "True"}
  - {type: MemoryPressure, status: "False"}
  - {type: DiskPressure, status: Unknown}
  - {type: Odd, status: Maybe}
"#;
        expect![[r#"
            kube_node_created{node="node-1"} 1767323045
            kube_node_deletion_timestamp{node="node-1"} 1767326645
            kube_node_info{node="node-1",kernel_version="6.18.0",os_image="Debian GNU/Linux 13 (trixie)",container_runtime_version="containerd://2.1.0",kubelet_version="v1.36.3",kubeproxy_version="deprecated",provider_id="aws:///eu/i-1",pod_cidr="10.0.0.0/24",system_uuid="6a9f",internal_ip="2001:db8::1"} 1
            kube_node_role{node="node-1",role="control-plane"} 1
            kube_node_role{node="node-1",role="edge"} 1
            kube_node_spec_pod_cidrs{node="node-1",pod_cidr="10.0.0.0/24"} 1
            kube_node_spec_pod_cidrs{node="node-1",pod_cidr="fd00::/64"} 1
            kube_node_spec_taint{node="node-1",key="node.kubernetes.io/unschedulable",value="",effect="NoSchedule"} 1
            kube_node_spec_taint{node="node-1",key="dedicated",value="gpu",effect="NoExecute"} 1
            kube_node_spec_unschedulable{node="node-1"} 1
            kube_node_status_addresses{node="node-1",type="InternalIP",address="192.0.2.1"} 1
            kube_node_status_addresses{node="node-1",type="Hostname",address="node-1"} 1
            kube_node_status_addresses{node="node-1",type="InternalIP",address="2001:db8::1"} 1
            kube_node_status_allocatable{node="node-1",resource="cpu",unit="core"} 3.92
            kube_node_status_allocatable{node="node-1",resource="memory",unit="byte"} 7340032000
            kube_node_status_allocatable{node="node-1",resource="pods",unit="integer"} 110
            kube_node_status_capacity{node="node-1",resource="attachable_volumes_aws_ebs",unit="byte"} 25
            kube_node_status_capacity{node="node-1",resource="cpu",unit="core"} 4
            kube_node_status_capacity{node="node-1",resource="ephemeral_storage",unit="byte"} 107374182400
            kube_node_status_capacity{node="node-1",resource="hugepages_2Mi",unit="byte"} 0
            kube_node_status_capacity{node="node-1",resource="memory",unit="byte"} 8195198976
            kube_node_status_capacity{node="node-1",resource="nvidia_com_gpu",unit="integer"} 2
            kube_node_status_capacity{node="node-1",resource="pods",unit="integer"} 110
            kube_node_status_capacity{node="node-1",resource="storage",unit="byte"} 1000
            kube_node_status_condition{node="node-1",condition="Ready",status="true"} 1
            kube_node_status_condition{node="node-1",condition="Ready",status="false"} 0
            kube_node_status_condition{node="node-1",condition="Ready",status="unknown"} 0
            kube_node_status_condition{node="node-1",condition="MemoryPressure",status="true"} 0
            kube_node_status_condition{node="node-1",condition="MemoryPressure",status="false"} 1
            kube_node_status_condition{node="node-1",condition="MemoryPressure",status="unknown"} 0
            kube_node_status_condition{node="node-1",condition="DiskPressure",status="true"} 0
            kube_node_status_condition{node="node-1",condition="DiskPressure",status="false"} 0
            kube_node_status_condition{node="node-1",condition="DiskPressure",status="unknown"} 1
            kube_node_status_condition{node="node-1",condition="Odd",status="true"} 0
            kube_node_status_condition{node="node-1",condition="Odd",status="false"} 0
            kube_node_status_condition{node="node-1",condition="Odd",status="unknown"} 0
        "#]].assert_eq(&expose("nodes", yaml));
    }

    #[test]
    fn what_is_absent() {
        expect![[r#"
            kube_node_info{node="node-1",kernel_version="",os_image="",container_runtime_version="",kubelet_version="",kubeproxy_version="deprecated",provider_id="",pod_cidr="",system_uuid="",internal_ip=""} 1
            kube_node_spec_unschedulable{node="node-1"} 0
        "#]].assert_eq(&expose(
            "nodes",
            "metadata: {name: node-1, labels: null}\nspec: {taints: null}",
        ));
    }

    #[test]
    fn a_series_is_written_once() {
        let yaml = r#"
metadata: {name: node-1}
status:
  addresses:
  - {type: Hostname, address: node-1}
  - {type: InternalDNS, address: node-1}
  - {type: Hostname, address: node-1}
"#;
        expect![[r#"
            kube_node_status_addresses{node="node-1",type="Hostname",address="node-1"} 1
            kube_node_status_addresses{node="node-1",type="InternalDNS",address="node-1"} 1
        "#]]
        .assert_eq(&expose_only("nodes", "status_addresses", yaml));
        let addresses = "  - {type: Hostname, address: node-a}\n".repeat(40);
        let yaml = format!(
            "metadata: {{name: node-1}}\nstatus:\n  addresses:\n{addresses}  - {{type: Hostname, \
             address: node-b}}\n"
        );
        assert_eq!(expose_only("nodes", "status_addresses", &yaml).lines().count(), 2);
    }
}
