//! What a pod is to be.

use super::{Claim, Pod, Volume};
use crate::{
    metadata,
    rendered::Rows,
    resource::{Metric, alpha, opt_in, stable},
};

const VOLUME: &[&str] = &["volume", "persistentvolumeclaim", "ephemeral"];

pub(super) const FAMILIES: &[Metric<Pod<'static>>] = &[
    stable(
        "kube_pod_info",
        "Where the pod runs, under which addresses, and what made it.",
        &[
            "host_ip",
            "pod_ip",
            "node",
            "created_by_kind",
            "created_by_name",
            "priority_class",
            "host_network",
        ],
        |p, rows| {
            let owners = &p.metadata.owner_references;
            let controller = owners.iter().find(|owner| owner.controller == Some(true));
            let (kind, name) = controller.map_or(("", ""), |owner| (&owner.kind, &owner.name));
            rows.info(&[
                &p.status.host_ip,
                &p.status.pod_ip,
                &p.spec.node_name,
                kind,
                name,
                &p.spec.priority_class_name,
                if p.spec.host_network { "true" } else { "false" },
            ]);
        },
    ),
    alpha(
        "kube_pod_overhead_cpu_cores",
        "CPU that running the pod takes beside its containers, in cores.",
        &[],
        |p, rows| rows.maybe(p.spec.overhead.get("cpu").map(|cpu| cpu.thousandths())),
    ),
    alpha(
        "kube_pod_overhead_memory_bytes",
        "Memory that running the pod takes beside its containers.",
        &[],
        |p, rows| rows.maybe(p.spec.overhead.get("memory").map(|memory| memory.whole())),
    ),
    alpha(
        "kube_pod_resourceclaim_info",
        "Resource claims of the pod: its own name for each, the claim's, and that of the template \
         that the claim is made from. A claim that is not made yet has no name.",
        &["claim_name", "resourceclaim_name", "resourceclaim_template_name"],
        |p, rows| resource_claims(p, rows),
    ),
    stable(
        "kube_pod_restart_policy",
        "When the pod's containers are started anew.",
        &["type"],
        |p, rows| rows.info(&[&p.spec.restart_policy]),
    ),
    alpha(
        "kube_pod_runtimeclass_name_info",
        "Runtime class of the pod.",
        &["runtimeclass_name"],
        |p, rows| {
            if let Some(class) = &p.spec.runtime_class_name {
                rows.info(&[class]);
            }
        },
    ),
    stable(
        "kube_pod_spec_volumes_persistentvolumeclaims_info",
        "Claims of the pod's volumes; an ephemeral volume's is made with the pod.",
        VOLUME,
        |p, rows| volumes(p, rows, |_| true),
    ),
    stable(
        "kube_pod_spec_volumes_persistentvolumeclaims_readonly",
        "Whether a claim is mounted read-only; 0 for ephemeral volumes, which cannot be.",
        VOLUME,
        |p, rows| volumes(p, rows, |claim| claim.is_some_and(|claim| claim.read_only)),
    ),
    alpha(
        "kube_pod_tolerations",
        "Taints that the pod tolerates.",
        &["key", "operator", "value", "effect", "toleration_seconds"],
        |p, rows| {
            for toleration in &p.spec.tolerations {
                let seconds = toleration.seconds.map(|s| s.to_string());
                rows.info(&[
                    &toleration.key,
                    &toleration.operator,
                    &toleration.value,
                    &toleration.effect,
                    seconds.as_deref().unwrap_or_default(),
                ]);
            }
        },
    ),
    opt_in(alpha(
        "kube_pod_nodeselectors",
        "Labels that a node needs to take the pod.",
        &["nodeselector_*"],
        |p, rows| metadata::map("nodeselector", &p.spec.node_selector, rows),
    )),
    alpha(
        "kube_pod_service_account",
        "Service account of the pod.",
        &["service_account"],
        |p, rows| rows.info(&[&p.spec.service_account_name]),
    ),
    alpha("kube_pod_scheduler", "Scheduler of the pod.", &["name"], |p, rows| {
        rows.info(&[&p.spec.scheduler_name]);
    }),
];

fn resource_claims(p: &Pod<'_>, rows: &mut Rows<'_>) {
    for claim in &p.spec.resource_claims {
        let template = claim.template.as_deref();
        let name = match (&claim.claim, template) {
            (Some(name), _) => &**name,
            // The name of a claim that is made from a template comes with the status.
            (None, Some(_)) => {
                let statuses = p.status.resource_claim_statuses.iter();
                let named = statuses.filter(|status| *status.name == *claim.name);
                named.filter_map(|s| s.claim.as_deref()).next_back().unwrap_or("")
            }
            (None, None) => continue,
        };
        rows.info(&[&claim.name, name, template.unwrap_or_default()]);
    }
}

fn volumes(p: &Pod<'_>, rows: &mut Rows<'_>, value: impl Fn(Option<&Claim<'_>>) -> bool) {
    for Volume { name, persistent_volume_claim, ephemeral } in &p.spec.volumes {
        match (persistent_volume_claim, ephemeral) {
            (Some(claim), _) => rows.row(&[name, &claim.claim_name, "false"], value(Some(claim))),
            (None, Some(_)) => {
                let made = format!("{}-{}", &*p.metadata.name, &**name);
                rows.row(&[name, &made, "true"], value(None));
            }
            (None, None) => {}
        }
    }
}
