//! `v1` `ReplicationControllers`: what there was before `ReplicaSets`.

use crate::{
    Resource, metadata,
    resource::{
        Families,
        Identity::{Name, Namespace},
        Metric, kind, stable,
    },
    wire::{Metadata, narrow},
};

pub(super) static REPLICATIONCONTROLLERS: Resource = Resource::new(
    "replicationcontrollers",
    ["", "v1", "ReplicationController"],
    &Families::<ReplicationController> {
        identity: &[Namespace("namespace"), Name("replicationcontroller")],
        families: &[FAMILIES],
    },
);

narrow! {
    struct ReplicationController<'a> {
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
        available_replicas: i64,
        observed_generation: i64,
    }
}
kind!(ReplicationController);

const FAMILIES: &[Metric<ReplicationController<'static>>] = &[
    metadata::created("kube_replicationcontroller_created"),
    stable("kube_replicationcontroller_status_replicas", "Pods that there are.", &[], |r, rows| {
        rows.value(r.status.replicas);
    }),
    stable(
        "kube_replicationcontroller_status_fully_labeled_replicas",
        "Pods that have all labels of the template.",
        &[],
        |r, rows| rows.value(r.status.fully_labeled_replicas),
    ),
    stable(
        "kube_replicationcontroller_status_ready_replicas",
        "Pods that are ready.",
        &[],
        |r, rows| rows.value(r.status.ready_replicas),
    ),
    stable(
        "kube_replicationcontroller_status_available_replicas",
        "Pods that have been ready for the time that the ReplicationController asks for.",
        &[],
        |r, rows| rows.value(r.status.available_replicas),
    ),
    stable(
        "kube_replicationcontroller_status_observed_generation",
        "Newest desired state that the controller has seen.",
        &[],
        |r, rows| rows.value(r.status.observed_generation),
    ),
    stable("kube_replicationcontroller_spec_replicas", "Pods that are wanted.", &[], |r, rows| {
        rows.maybe(r.spec.replicas);
    }),
    metadata::generation("kube_replicationcontroller_metadata_generation"),
    metadata::owner("kube_replicationcontroller_owner").alpha(),
];

#[cfg(test)]
mod tests {
    use crate::testing::expose;
    use expect_test::expect;

    #[test]
    fn every_family() {
        let yaml = r#"
metadata:
  name: web
  namespace: shop
  generation: 3
  creationTimestamp: "2026-01-02T03:04:05Z"
  ownerReferences: [{apiVersion: v1, kind: DeploymentConfig, name: web, uid: o-1, controller: true}]
spec: {replicas: 4}
status:
  replicas: 5
  fullyLabeledReplicas: 2
  readyReplicas: 1
  availableReplicas: 6
  observedGeneration: 7
"#;
        expect![[r#"
            kube_replicationcontroller_created{namespace="shop",replicationcontroller="web"} 1767323045
            kube_replicationcontroller_metadata_generation{namespace="shop",replicationcontroller="web"} 3
            kube_replicationcontroller_owner{namespace="shop",replicationcontroller="web",owner_kind="DeploymentConfig",owner_name="web",owner_is_controller="true"} 1
            kube_replicationcontroller_spec_replicas{namespace="shop",replicationcontroller="web"} 4
            kube_replicationcontroller_status_available_replicas{namespace="shop",replicationcontroller="web"} 6
            kube_replicationcontroller_status_fully_labeled_replicas{namespace="shop",replicationcontroller="web"} 2
            kube_replicationcontroller_status_observed_generation{namespace="shop",replicationcontroller="web"} 7
            kube_replicationcontroller_status_ready_replicas{namespace="shop",replicationcontroller="web"} 1
            kube_replicationcontroller_status_replicas{namespace="shop",replicationcontroller="web"} 5
        "#]].assert_eq(&expose("replicationcontrollers", yaml));
        expect![[r#"
            kube_replicationcontroller_metadata_generation{namespace="shop",replicationcontroller="web"} 0
            kube_replicationcontroller_owner{namespace="shop",replicationcontroller="web",owner_kind="",owner_name="",owner_is_controller=""} 1
            kube_replicationcontroller_status_available_replicas{namespace="shop",replicationcontroller="web"} 0
            kube_replicationcontroller_status_fully_labeled_replicas{namespace="shop",replicationcontroller="web"} 0
            kube_replicationcontroller_status_observed_generation{namespace="shop",replicationcontroller="web"} 0
            kube_replicationcontroller_status_ready_replicas{namespace="shop",replicationcontroller="web"} 0
            kube_replicationcontroller_status_replicas{namespace="shop",replicationcontroller="web"} 0
        "#]]
            .assert_eq(&expose("replicationcontrollers", "metadata: {name: web, namespace: shop}"));
    }
}
