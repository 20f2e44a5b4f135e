//! `apps/v1` `StatefulSets`: pods with names and volumes of their own.

use crate::{
    Resource, metadata,
    resource::{
        Families,
        Identity::{Name, Namespace},
        Metric, kind, stable,
    },
    wire::{Metadata, Text, narrow},
};

pub(super) static STATEFULSETS: Resource = Resource::new(
    "statefulsets",
    ["apps", "v1", "StatefulSet"],
    &Families::<StatefulSet> {
        identity: &[Namespace("namespace"), Name("statefulset")],
        families: &[FAMILIES],
    },
);

narrow! {
    struct StatefulSet<'a> {
        metadata: Metadata<'a>,
        spec: Spec<'a>,
        status: Status<'a>,
    }

    struct Spec<'a> {
        replicas: Option<i64>,
        ordinals: Option<Ordinals>,
        #[serde(rename = "persistentVolumeClaimRetentionPolicy")]
        retention: Retention<'a>,
    }

    struct Ordinals {
        start: i64,
    }

    struct Retention<'a> {
        when_deleted: Text<'a>,
        when_scaled: Text<'a>,
    }

    struct Status<'a> {
        replicas: i64,
        available_replicas: i64,
        current_replicas: i64,
        ready_replicas: i64,
        updated_replicas: i64,
        observed_generation: i64,
        current_revision: Text<'a>,
        update_revision: Text<'a>,
    }
}
kind!(StatefulSet);

const FAMILIES: &[Metric<StatefulSet<'static>>] = &[
    metadata::created("kube_statefulset_created"),
    stable("kube_statefulset_status_replicas", "Pods that there are.", &[], |s, rows| {
        rows.value(s.status.replicas);
    }),
    stable(
        "kube_statefulset_status_replicas_available",
        "Pods that have been ready for the time that the StatefulSet asks for.",
        &[],
        |s, rows| rows.value(s.status.available_replicas),
    ),
    stable(
        "kube_statefulset_status_replicas_current",
        "Pods of the revision that was there before an update.",
        &[],
        |s, rows| rows.value(s.status.current_replicas),
    ),
    stable("kube_statefulset_status_replicas_ready", "Pods that are ready.", &[], |s, rows| {
        rows.value(s.status.ready_replicas);
    }),
    stable(
        "kube_statefulset_status_replicas_updated",
        "Pods of the newest revision.",
        &[],
        |s, rows| rows.value(s.status.updated_replicas),
    ),
    stable(
        "kube_statefulset_status_observed_generation",
        "Newest desired state that the controller has seen.",
        &[],
        |s, rows| rows.value(s.status.observed_generation),
    ),
    stable("kube_statefulset_replicas", "Pods that are wanted.", &[], |s, rows| {
        rows.maybe(s.spec.replicas);
    }),
    stable(
        "kube_statefulset_ordinals_start",
        "Number of the first pod, where it is set.",
        &[],
        |s, rows| rows.maybe(s.spec.ordinals.as_ref().map(|ordinals| ordinals.start)),
    ),
    metadata::generation("kube_statefulset_metadata_generation"),
    stable(
        "kube_statefulset_persistentvolumeclaim_retention_policy",
        "What becomes of the pods' claims when the StatefulSet is deleted or made smaller.",
        &["when_deleted", "when_scaled"],
        |s, rows| {
            let Retention { when_deleted, when_scaled } = &s.spec.retention;
            if !when_deleted.is_empty() || !when_scaled.is_empty() {
                rows.info(&[when_deleted, when_scaled]);
            }
        },
    ),
    metadata::annotations("kube_statefulset_annotations").stable(),
    metadata::labels("kube_statefulset_labels"),
    stable(
        "kube_statefulset_status_current_revision",
        "Revision of the pods that an update has not reached.",
        &["revision"],
        |s, rows| rows.info(&[&s.status.current_revision]),
    ),
    stable(
        "kube_statefulset_status_update_revision",
        "Revision of the pods that an update has reached.",
        &["revision"],
        |s, rows| rows.info(&[&s.status.update_revision]),
    ),
    metadata::deletion_timestamp("kube_statefulset_deletion_timestamp").stable(),
];

#[cfg(test)]
mod tests {
    use crate::testing::{expose, expose_only};
    use expect_test::expect;

    #[test]
    fn every_family() {
        let yaml = r#"
metadata:
  name: db
  namespace: shop
  generation: 3
  creationTimestamp: "2026-01-02T03:04:05Z"
  deletionTimestamp: "2026-01-02T04:04:05Z"
spec:
  replicas: 4
  ordinals: {start: 5}
  persistentVolumeClaimRetentionPolicy: {whenDeleted: Retain, whenScaled: Delete}
status:
  replicas: 6
  availableReplicas: 7
  currentReplicas: 8
  readyReplicas: 9
  updatedReplicas: 10
  observedGeneration: 11
  currentRevision: db-1
  updateRevision: db-2
"#;
        expect![[r#"
            kube_statefulset_created{namespace="shop",statefulset="db"} 1767323045
            kube_statefulset_deletion_timestamp{namespace="shop",statefulset="db"} 1767326645
            kube_statefulset_metadata_generation{namespace="shop",statefulset="db"} 3
            kube_statefulset_ordinals_start{namespace="shop",statefulset="db"} 5
            kube_statefulset_persistentvolumeclaim_retention_policy{namespace="shop",statefulset="db",when_deleted="Retain",when_scaled="Delete"} 1
            kube_statefulset_replicas{namespace="shop",statefulset="db"} 4
            kube_statefulset_status_current_revision{namespace="shop",statefulset="db",revision="db-1"} 1
            kube_statefulset_status_observed_generation{namespace="shop",statefulset="db"} 11
            kube_statefulset_status_replicas{namespace="shop",statefulset="db"} 6
            kube_statefulset_status_replicas_available{namespace="shop",statefulset="db"} 7
            kube_statefulset_status_replicas_current{namespace="shop",statefulset="db"} 8
            kube_statefulset_status_replicas_ready{namespace="shop",statefulset="db"} 9
            kube_statefulset_status_replicas_updated{namespace="shop",statefulset="db"} 10
            kube_statefulset_status_update_revision{namespace="shop",statefulset="db",revision="db-2"} 1
        "#]].assert_eq(&expose("statefulsets", yaml));
        expect![[r#"
            kube_statefulset_metadata_generation{namespace="shop",statefulset="db"} 0
            kube_statefulset_status_current_revision{namespace="shop",statefulset="db",revision=""} 1
            kube_statefulset_status_observed_generation{namespace="shop",statefulset="db"} 0
            kube_statefulset_status_replicas{namespace="shop",statefulset="db"} 0
            kube_statefulset_status_replicas_available{namespace="shop",statefulset="db"} 0
            kube_statefulset_status_replicas_current{namespace="shop",statefulset="db"} 0
            kube_statefulset_status_replicas_ready{namespace="shop",statefulset="db"} 0
            kube_statefulset_status_replicas_updated{namespace="shop",statefulset="db"} 0
            kube_statefulset_status_update_revision{namespace="shop",statefulset="db",revision=""} 1
        "#]].assert_eq(&expose("statefulsets", "metadata: {name: db, namespace: shop}"));
    }

    #[test]
    fn a_start_of_0_and_half_a_policy() {
        let yaml = "metadata: {name: db, namespace: shop}\nspec: {ordinals: {}, \
                    persistentVolumeClaimRetentionPolicy: {whenScaled: Retain}}";
        expect![[r#"
            kube_statefulset_ordinals_start{namespace="shop",statefulset="db"} 0
            kube_statefulset_persistentvolumeclaim_retention_policy{namespace="shop",statefulset="db",when_deleted="",when_scaled="Retain"} 1
        "#]].assert_eq(&expose_only("statefulsets", "ordinals,retention", yaml));
    }
}
