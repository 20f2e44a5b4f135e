//! `storage.k8s.io/v1` `StorageClasses`: how volumes for claims are made.

use crate::{
    Resource, metadata,
    resource::{Families, Identity::Name, Metric, kind, stable},
    wire::{Metadata, Text, narrow},
};

pub(super) static STORAGECLASSES: Resource = Resource::new(
    "storageclasses",
    ["storage.k8s.io", "v1", "StorageClass"],
    &Families::<StorageClass> { identity: &[Name("storageclass")], families: &[FAMILIES] },
)
.cluster_scoped();

narrow! {
    struct StorageClass<'a> {
        metadata: Metadata<'a>,
        provisioner: Text<'a>,
        reclaim_policy: Option<Text<'a>>,
        volume_binding_mode: Option<Text<'a>>,
    }
}
kind!(StorageClass);

const FAMILIES: &[Metric<StorageClass<'static>>] = &[
    stable(
        "kube_storageclass_info",
        "What makes the volumes of the class, what becomes of them when their claims go, and when \
         they are bound.",
        &["provisioner", "reclaim_policy", "volume_binding_mode"],
        |s, rows| {
            rows.info(&[
                &s.provisioner,
                // The API's defaults.
                s.reclaim_policy.as_deref().unwrap_or("Delete"),
                s.volume_binding_mode.as_deref().unwrap_or("Immediate"),
            ]);
        },
    ),
    metadata::created("kube_storageclass_created"),
    metadata::annotations("kube_storageclass_annotations"),
    metadata::labels("kube_storageclass_labels"),
];

#[cfg(test)]
mod tests {
    use crate::testing::expose;
    use expect_test::expect;

    #[test]
    fn every_family() {
        let yaml = r#"
metadata: {name: fast, creationTimestamp: "2026-01-02T03:04:05Z"}
provisioner: csi.example.com
reclaimPolicy: Retain
volumeBindingMode: WaitForFirstConsumer
"#;
        expect![[r#"
            kube_storageclass_created{storageclass="fast"} 1767323045
            kube_storageclass_info{storageclass="fast",provisioner="csi.example.com",reclaim_policy="Retain",volume_binding_mode="WaitForFirstConsumer"} 1
        "#]].assert_eq(&expose("storageclasses", yaml));
        expect![[r#"
            kube_storageclass_info{storageclass="fast",provisioner="",reclaim_policy="Delete",volume_binding_mode="Immediate"} 1
        "#]].assert_eq(&expose("storageclasses", "metadata: {name: fast}"));
    }
}
