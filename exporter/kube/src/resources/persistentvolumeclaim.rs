//! `v1` `PersistentVolumeClaims`: the storage that pods ask for.

use crate::{
    Resource,
    condition::Condition,
    metadata,
    quantity::Quantity,
    resource::{
        Families,
        Identity::{Name, Namespace},
        Metric, alpha, kind, stable,
    },
    wire::{List, Map, Metadata, Text, narrow},
};

pub(super) static PERSISTENTVOLUMECLAIMS: Resource = Resource::new(
    "persistentvolumeclaims",
    ["", "v1", "PersistentVolumeClaim"],
    &Families::<PersistentVolumeClaim> {
        identity: &[Namespace("namespace"), Name("persistentvolumeclaim")],
        families: &[FAMILIES],
    },
);

narrow! {
    struct PersistentVolumeClaim<'a> {
        metadata: Metadata<'a>,
        spec: Spec<'a>,
        status: Status<'a>,
    }

    struct Spec<'a> {
        access_modes: List<Text<'a>>,
        resources: Resources<'a>,
        storage_class_name: Text<'a>,
        volume_mode: Text<'a>,
        volume_name: Text<'a>,
    }

    struct Resources<'a> {
        requests: Map<'a, Quantity>,
    }

    struct Status<'a> {
        phase: Text<'a>,
        conditions: List<Condition<'a>>,
    }
}
kind!(PersistentVolumeClaim);

/// Where the storage class stood before the field for it; it still goes first.
const CLASS_ANNOTATION: &str = "volume.beta.kubernetes.io/storage-class";

/// In the order of kube-state-metrics.
const PHASES: &[&str] = &["Lost", "Bound", "Pending"];

const FAMILIES: &[Metric<PersistentVolumeClaim<'static>>] = &[
    metadata::labels("kube_persistentvolumeclaim_labels"),
    metadata::annotations("kube_persistentvolumeclaim_annotations"),
    stable(
        "kube_persistentvolumeclaim_info",
        "Storage class of the claim, the volume that it is bound to, and how pods get it.",
        &["storageclass", "volumename", "volumemode"],
        |p, rows| {
            let class = p.metadata.annotations.get(CLASS_ANNOTATION);
            rows.info(&[
                class.unwrap_or(&p.spec.storage_class_name),
                &p.spec.volume_name,
                &p.spec.volume_mode,
            ]);
        },
    ),
    stable(
        "kube_persistentvolumeclaim_status_phase",
        "Phase of the claim: 1 for the one it is in.",
        &["phase"],
        |p, rows| {
            if !p.status.phase.is_empty() {
                rows.states(PHASES, &p.status.phase);
            }
        },
    ),
    stable(
        "kube_persistentvolumeclaim_resource_requests_storage_bytes",
        "Storage that the claim asks for, in bytes.",
        &[],
        |p, rows| {
            rows.maybe(p.spec.resources.requests.get("storage").map(|storage| storage.whole()));
        },
    ),
    stable(
        "kube_persistentvolumeclaim_access_mode",
        "Ways in which the claim's volume has to be mountable.",
        &["access_mode"],
        |p, rows| p.spec.access_modes.iter().for_each(|mode| rows.info(&[mode])),
    ),
    alpha(
        "kube_persistentvolumeclaim_status_condition",
        "Conditions of the claim: 1 for the status that holds.",
        &["condition", "status"],
        |p, rows| p.status.conditions.iter().for_each(|c| c.write([&c.r#type], rows)),
    ),
    metadata::created("kube_persistentvolumeclaim_created").alpha(),
    metadata::deletion_timestamp("kube_persistentvolumeclaim_deletion_timestamp"),
];

#[cfg(test)]
mod tests {
    use crate::testing::{expose, expose_only};
    use expect_test::expect;

    #[test]
    fn every_family() {
        let yaml = r#"
metadata:
  name: data-db-0
  namespace: shop
  creationTimestamp: "2026-01-02T03:04:05Z"
  deletionTimestamp: "2026-01-02T04:04:05Z"
spec:
  accessModes: [ReadWriteOnce, ReadOnlyMany]
  resources: {requests: {storage: 10Gi}, limits: {storage: 20Gi}}
  storageClassName: fast
  volumeMode: Filesystem
  volumeName: pvc-6f2c
status:
  phase: Bound
  capacity: {storage: 11Gi}
  conditions:
  - {type: FileSystemResizePending, status: "True"}
  - {type: Resizing, status: "False"}
"#;
        expect![[r#"
            kube_persistentvolumeclaim_access_mode{namespace="shop",persistentvolumeclaim="data-db-0",access_mode="ReadWriteOnce"} 1
            kube_persistentvolumeclaim_access_mode{namespace="shop",persistentvolumeclaim="data-db-0",access_mode="ReadOnlyMany"} 1
            kube_persistentvolumeclaim_created{namespace="shop",persistentvolumeclaim="data-db-0"} 1767323045
            kube_persistentvolumeclaim_deletion_timestamp{namespace="shop",persistentvolumeclaim="data-db-0"} 1767326645
            kube_persistentvolumeclaim_info{namespace="shop",persistentvolumeclaim="data-db-0",storageclass="fast",volumename="pvc-6f2c",volumemode="Filesystem"} 1
            kube_persistentvolumeclaim_resource_requests_storage_bytes{namespace="shop",persistentvolumeclaim="data-db-0"} 10737418240
            kube_persistentvolumeclaim_status_condition{namespace="shop",persistentvolumeclaim="data-db-0",condition="FileSystemResizePending",status="true"} 1
            kube_persistentvolumeclaim_status_condition{namespace="shop",persistentvolumeclaim="data-db-0",condition="FileSystemResizePending",status="false"} 0
            kube_persistentvolumeclaim_status_condition{namespace="shop",persistentvolumeclaim="data-db-0",condition="FileSystemResizePending",status="unknown"} 0
            kube_persistentvolumeclaim_status_condition{namespace="shop",persistentvolumeclaim="data-db-0",condition="Resizing",status="true"} 0
            kube_persistentvolumeclaim_status_condition{namespace="shop",persistentvolumeclaim="data-db-0",condition="Resizing",status="false"} 1
            kube_persistentvolumeclaim_status_condition{namespace="shop",persistentvolumeclaim="data-db-0",condition="Resizing",status="unknown"} 0
            kube_persistentvolumeclaim_status_phase{namespace="shop",persistentvolumeclaim="data-db-0",phase="Lost"} 0
            kube_persistentvolumeclaim_status_phase{namespace="shop",persistentvolumeclaim="data-db-0",phase="Bound"} 1
            kube_persistentvolumeclaim_status_phase{namespace="shop",persistentvolumeclaim="data-db-0",phase="Pending"} 0
        "#]].assert_eq(&expose("persistentvolumeclaims", yaml));
        expect![[r#"
            kube_persistentvolumeclaim_info{namespace="shop",persistentvolumeclaim="data-db-0",storageclass="",volumename="",volumemode=""} 1
        "#]].assert_eq(&expose(
            "persistentvolumeclaims",
            "metadata: {name: data-db-0, namespace: shop}",
        ));
    }

    #[test]
    fn classes_and_requests() {
        let claim = |annotations: &str, spec: &str| {
            let yaml = format!(
                "metadata: {{name: a, namespace: b, annotations: {annotations}}}\nspec: {spec}"
            );
            expose_only("persistentvolumeclaims", "_info,_requests,_phase", &yaml)
        };
        // The annotation goes before the field, even an empty one.
        expect![[r#"
            kube_persistentvolumeclaim_info{namespace="b",persistentvolumeclaim="a",storageclass="slow",volumename="",volumemode=""} 1
            kube_persistentvolumeclaim_resource_requests_storage_bytes{namespace="b",persistentvolumeclaim="a"} 2
        "#]].assert_eq(&claim(
            "{volume.beta.kubernetes.io/storage-class: slow}",
            "{storageClassName: fast, resources: {requests: {storage: 1500m}}}",
        ));
        expect![[r#"
            kube_persistentvolumeclaim_info{namespace="b",persistentvolumeclaim="a",storageclass="",volumename="",volumemode=""} 1
            kube_persistentvolumeclaim_resource_requests_storage_bytes{namespace="b",persistentvolumeclaim="a"} 1e+19
        "#]].assert_eq(&claim(
            "{volume.beta.kubernetes.io/storage-class: \"\"}",
            "{storageClassName: fast, resources: {requests: {storage: 10E}}}",
        ));
        expect![[r#"
            kube_persistentvolumeclaim_info{namespace="b",persistentvolumeclaim="a",storageclass="",volumename="",volumemode=""} 1
        "#]].assert_eq(&claim("null", "{resources: {requests: {memory: 1Gi}}}"));
    }
}
