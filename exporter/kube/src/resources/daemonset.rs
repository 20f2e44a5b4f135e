//! `apps/v1` `DaemonSets`: a pod on each node.

use crate::{
    Resource, metadata,
    resource::{
        Families,
        Identity::{Name, Namespace},
        Metric, kind, stable,
    },
    wire::{Metadata, narrow},
};

pub(super) static DAEMONSETS: Resource = Resource::new(
    "daemonsets",
    ["apps", "v1", "DaemonSet"],
    &Families::<DaemonSet> {
        identity: &[Namespace("namespace"), Name("daemonset")],
        families: &[FAMILIES],
    },
);

narrow! {
    struct DaemonSet<'a> {
        metadata: Metadata<'a>,
        status: Status,
    }

    struct Status {
        current_number_scheduled: i64,
        desired_number_scheduled: i64,
        number_available: i64,
        number_misscheduled: i64,
        number_ready: i64,
        number_unavailable: i64,
        observed_generation: i64,
        updated_number_scheduled: i64,
    }
}
kind!(DaemonSet);

const FAMILIES: &[Metric<DaemonSet<'static>>] = &[
    metadata::created("kube_daemonset_created"),
    stable(
        "kube_daemonset_status_current_number_scheduled",
        "Nodes that have the pod and are to have it.",
        &[],
        |d, rows| rows.value(d.status.current_number_scheduled),
    ),
    stable(
        "kube_daemonset_status_desired_number_scheduled",
        "Nodes that are to have the pod.",
        &[],
        |d, rows| rows.value(d.status.desired_number_scheduled),
    ),
    stable(
        "kube_daemonset_status_number_available",
        "Nodes whose pod has been ready for the time that the DaemonSet asks for.",
        &[],
        |d, rows| rows.value(d.status.number_available),
    ),
    stable(
        "kube_daemonset_status_number_misscheduled",
        "Nodes that have the pod and are not to have it.",
        &[],
        |d, rows| rows.value(d.status.number_misscheduled),
    ),
    stable("kube_daemonset_status_number_ready", "Nodes whose pod is ready.", &[], |d, rows| {
        rows.value(d.status.number_ready);
    }),
    stable(
        "kube_daemonset_status_number_unavailable",
        "Nodes that are to have the pod and have none available.",
        &[],
        |d, rows| rows.value(d.status.number_unavailable),
    ),
    stable(
        "kube_daemonset_status_observed_generation",
        "Newest desired state that the controller has seen.",
        &[],
        |d, rows| rows.value(d.status.observed_generation),
    ),
    stable(
        "kube_daemonset_status_updated_number_scheduled",
        "Nodes that have the pod of the newest template.",
        &[],
        |d, rows| rows.value(d.status.updated_number_scheduled),
    ),
    metadata::generation("kube_daemonset_metadata_generation"),
    metadata::deletion_timestamp("kube_daemonset_deletion_timestamp"),
    metadata::annotations("kube_daemonset_annotations"),
    metadata::labels("kube_daemonset_labels"),
];

#[cfg(test)]
mod tests {
    use crate::testing::expose;
    use expect_test::expect;

    #[test]
    fn every_family() {
        let yaml = r#"
metadata:
  name: agent
  namespace: shop
  generation: 3
  creationTimestamp: "2026-01-02T03:04:05Z"
  deletionTimestamp: "2026-01-02T04:04:05Z"
status:
  currentNumberScheduled: 4
  desiredNumberScheduled: 5
  numberAvailable: 6
  numberMisscheduled: 7
  numberReady: 8
  numberUnavailable: 9
  observedGeneration: 10
  updatedNumberScheduled: 11
"#;
        expect![[r#"
            kube_daemonset_created{namespace="shop",daemonset="agent"} 1767323045
            kube_daemonset_deletion_timestamp{namespace="shop",daemonset="agent"} 1767326645
            kube_daemonset_metadata_generation{namespace="shop",daemonset="agent"} 3
            kube_daemonset_status_current_number_scheduled{namespace="shop",daemonset="agent"} 4
            kube_daemonset_status_desired_number_scheduled{namespace="shop",daemonset="agent"} 5
            kube_daemonset_status_number_available{namespace="shop",daemonset="agent"} 6
            kube_daemonset_status_number_misscheduled{namespace="shop",daemonset="agent"} 7
            kube_daemonset_status_number_ready{namespace="shop",daemonset="agent"} 8
            kube_daemonset_status_number_unavailable{namespace="shop",daemonset="agent"} 9
            kube_daemonset_status_observed_generation{namespace="shop",daemonset="agent"} 10
            kube_daemonset_status_updated_number_scheduled{namespace="shop",daemonset="agent"} 11
        "#]]
        .assert_eq(&expose("daemonsets", yaml));
        expect![[r#"
            kube_daemonset_metadata_generation{namespace="shop",daemonset="agent"} 0
            kube_daemonset_status_current_number_scheduled{namespace="shop",daemonset="agent"} 0
            kube_daemonset_status_desired_number_scheduled{namespace="shop",daemonset="agent"} 0
            kube_daemonset_status_number_available{namespace="shop",daemonset="agent"} 0
            kube_daemonset_status_number_misscheduled{namespace="shop",daemonset="agent"} 0
            kube_daemonset_status_number_ready{namespace="shop",daemonset="agent"} 0
            kube_daemonset_status_number_unavailable{namespace="shop",daemonset="agent"} 0
            kube_daemonset_status_observed_generation{namespace="shop",daemonset="agent"} 0
            kube_daemonset_status_updated_number_scheduled{namespace="shop",daemonset="agent"} 0
        "#]]
        .assert_eq(&expose("daemonsets", "metadata: {name: agent, namespace: shop}"));
    }
}
