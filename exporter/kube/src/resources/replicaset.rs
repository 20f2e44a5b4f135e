//! `apps/v1` `ReplicaSets`: one version of a Deployment's pods each.

use crate::{
    Resource, metadata,
    resource::{
        Families,
        Identity::{Name, Namespace},
        Metric, alpha, kind, stable,
    },
    wire::{Metadata, narrow},
};

pub(super) static REPLICASETS: Resource = Resource::new(
    "replicasets",
    ["apps", "v1", "ReplicaSet"],
    &Families::<ReplicaSet> {
        identity: &[Namespace("namespace"), Name("replicaset")],
        families: &[FAMILIES],
    },
);

narrow! {
    struct ReplicaSet<'a> {
        metadata: Metadata<'a>,
        spec: Spec,
        status: Status,
    }

    struct Spec {
        replicas: Option<i64>,
    }

    struct Status {
        replicas: i64,
        fully_labeled_replicas: i64,
        ready_replicas: i64,
        terminating_replicas: Option<i64>,
        observed_generation: i64,
    }
}
kind!(ReplicaSet);

const FAMILIES: &[Metric<ReplicaSet<'static>>] = &[
    metadata::created("kube_replicaset_created"),
    stable("kube_replicaset_status_replicas", "Pods that there are.", &[], |r, rows| {
        rows.value(r.status.replicas);
    }),
    stable(
        "kube_replicaset_status_fully_labeled_replicas",
        "Pods that have all labels of the template.",
        &[],
        |r, rows| rows.value(r.status.fully_labeled_replicas),
    ),
    stable("kube_replicaset_status_ready_replicas", "Pods that are ready.", &[], |r, rows| {
        rows.value(r.status.ready_replicas);
    }),
    alpha(
        "kube_replicaset_status_terminating_replicas",
        "Pods that are going, where the controller counts them.",
        &[],
        |r, rows| rows.maybe(r.status.terminating_replicas),
    ),
    stable(
        "kube_replicaset_status_observed_generation",
        "Newest desired state that the controller has seen.",
        &[],
        |r, rows| rows.value(r.status.observed_generation),
    ),
    stable("kube_replicaset_spec_replicas", "Pods that are wanted.", &[], |r, rows| {
        rows.maybe(r.spec.replicas);
    }),
    metadata::generation("kube_replicaset_metadata_generation"),
    metadata::owner("kube_replicaset_owner"),
    metadata::annotations("kube_replicaset_annotations"),
    metadata::labels("kube_replicaset_labels"),
];

#[cfg(test)]
mod tests {
    use crate::testing::expose;
    use expect_test::expect;

    #[test]
    fn every_family() {
        let yaml = r#"
metadata:
  name: web-7d9c
  namespace: shop
  generation: 3
  creationTimestamp: "2026-01-02T03:04:05Z"
  ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: o-1, controller: true}]
spec: {replicas: 4}
status:
  replicas: 5
  fullyLabeledReplicas: 2
  readyReplicas: 1
  terminatingReplicas: 6
  observedGeneration: 7
"#;
        expect![[r#"
            kube_replicaset_created{namespace="shop",replicaset="web-7d9c"} 1767323045
            kube_replicaset_metadata_generation{namespace="shop",replicaset="web-7d9c"} 3
            kube_replicaset_owner{namespace="shop",replicaset="web-7d9c",owner_kind="Deployment",owner_name="web",owner_is_controller="true"} 1
            kube_replicaset_spec_replicas{namespace="shop",replicaset="web-7d9c"} 4
            kube_replicaset_status_fully_labeled_replicas{namespace="shop",replicaset="web-7d9c"} 2
            kube_replicaset_status_observed_generation{namespace="shop",replicaset="web-7d9c"} 7
            kube_replicaset_status_ready_replicas{namespace="shop",replicaset="web-7d9c"} 1
            kube_replicaset_status_replicas{namespace="shop",replicaset="web-7d9c"} 5
            kube_replicaset_status_terminating_replicas{namespace="shop",replicaset="web-7d9c"} 6
        "#]].assert_eq(&expose("replicasets", yaml));
        expect![[r#"
            kube_replicaset_metadata_generation{namespace="shop",replicaset="web"} 0
            kube_replicaset_owner{namespace="shop",replicaset="web",owner_kind="",owner_name="",owner_is_controller=""} 1
            kube_replicaset_status_fully_labeled_replicas{namespace="shop",replicaset="web"} 0
            kube_replicaset_status_observed_generation{namespace="shop",replicaset="web"} 0
            kube_replicaset_status_ready_replicas{namespace="shop",replicaset="web"} 0
            kube_replicaset_status_replicas{namespace="shop",replicaset="web"} 0
        "#]].assert_eq(&expose("replicasets", "metadata: {name: web, namespace: shop}"));
    }
}
