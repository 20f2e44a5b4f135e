//! `policy/v1` `PodDisruptionBudgets`: how many of an application's pods may be taken away at a time.

use crate::{
    Resource, metadata,
    resource::{
        Families,
        Identity::{Name, Namespace},
        Metric, kind, stable,
    },
    wire::{Metadata, narrow},
};

pub(super) static PODDISRUPTIONBUDGETS: Resource = Resource::new(
    "poddisruptionbudgets",
    ["policy", "v1", "PodDisruptionBudget"],
    &Families::<PodDisruptionBudget> {
        identity: &[Namespace("namespace"), Name("poddisruptionbudget")],
        families: &[FAMILIES],
    },
);

narrow! {
    struct PodDisruptionBudget<'a> {
        metadata: Metadata<'a>,
        status: Status,
    }

    struct Status {
        current_healthy: i64,
        desired_healthy: i64,
        disruptions_allowed: i64,
        expected_pods: i64,
        observed_generation: i64,
    }
}
kind!(PodDisruptionBudget);

const FAMILIES: &[Metric<PodDisruptionBudget<'static>>] = &[
    metadata::annotations("kube_poddisruptionbudget_annotations"),
    metadata::labels("kube_poddisruptionbudget_labels").alpha(),
    metadata::created("kube_poddisruptionbudget_created"),
    stable(
        "kube_poddisruptionbudget_status_current_healthy",
        "Pods that are healthy.",
        &[],
        |p, rows| rows.value(p.status.current_healthy),
    ),
    stable(
        "kube_poddisruptionbudget_status_desired_healthy",
        "Pods that have to stay healthy.",
        &[],
        |p, rows| rows.value(p.status.desired_healthy),
    ),
    stable(
        "kube_poddisruptionbudget_status_pod_disruptions_allowed",
        "Pods that may be taken away now.",
        &[],
        |p, rows| rows.value(p.status.disruptions_allowed),
    ),
    stable(
        "kube_poddisruptionbudget_status_expected_pods",
        "Pods that the budget is about.",
        &[],
        |p, rows| rows.value(p.status.expected_pods),
    ),
    stable(
        "kube_poddisruptionbudget_status_observed_generation",
        "Newest desired state that the controller has seen.",
        &[],
        |p, rows| rows.value(p.status.observed_generation),
    ),
    metadata::deletion_timestamp("kube_poddisruptionbudget_deletion_timestamp"),
];

#[cfg(test)]
mod tests {
    use crate::testing::expose;
    use expect_test::expect;

    #[test]
    fn every_family() {
        let yaml = r#"
metadata:
  name: db
  namespace: shop
  creationTimestamp: "2026-01-02T03:04:05Z"
  deletionTimestamp: "2026-01-02T04:04:05Z"
status:
  currentHealthy: 3
  desiredHealthy: 2
  disruptionsAllowed: 1
  expectedPods: 4
  observedGeneration: 5
"#;
        expect![[r#"
            kube_poddisruptionbudget_created{namespace="shop",poddisruptionbudget="db"} 1767323045
            kube_poddisruptionbudget_deletion_timestamp{namespace="shop",poddisruptionbudget="db"} 1767326645
            kube_poddisruptionbudget_status_current_healthy{namespace="shop",poddisruptionbudget="db"} 3
            kube_poddisruptionbudget_status_desired_healthy{namespace="shop",poddisruptionbudget="db"} 2
            kube_poddisruptionbudget_status_expected_pods{namespace="shop",poddisruptionbudget="db"} 4
            kube_poddisruptionbudget_status_observed_generation{namespace="shop",poddisruptionbudget="db"} 5
            kube_poddisruptionbudget_status_pod_disruptions_allowed{namespace="shop",poddisruptionbudget="db"} 1
        "#]].assert_eq(&expose("poddisruptionbudgets", yaml));
        expect![[r#"
            kube_poddisruptionbudget_status_current_healthy{namespace="shop",poddisruptionbudget="db"} 0
            kube_poddisruptionbudget_status_desired_healthy{namespace="shop",poddisruptionbudget="db"} 0
            kube_poddisruptionbudget_status_expected_pods{namespace="shop",poddisruptionbudget="db"} 0
            kube_poddisruptionbudget_status_observed_generation{namespace="shop",poddisruptionbudget="db"} 0
            kube_poddisruptionbudget_status_pod_disruptions_allowed{namespace="shop",poddisruptionbudget="db"} 0
        "#]]
            .assert_eq(&expose("poddisruptionbudgets", "metadata: {name: db, namespace: shop}"));
    }
}
