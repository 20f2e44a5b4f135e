//! `storage.k8s.io/v1` `VolumeAttachments`: which volume is, or is to be, on which node.

use crate::{
    Resource, metadata,
    resource::{Families, Identity::Name, Metric, alpha, kind},
    wire::{Map, Metadata, Text, narrow},
};

pub(super) static VOLUMEATTACHMENTS: Resource = Resource::new(
    "volumeattachments",
    ["storage.k8s.io", "v1", "VolumeAttachment"],
    &Families::<VolumeAttachment> { identity: &[Name("volumeattachment")], families: &[FAMILIES] },
)
.cluster_scoped();

narrow! {
    struct VolumeAttachment<'a> {
        metadata: Metadata<'a>,
        spec: Spec<'a>,
        status: Status<'a>,
    }

    struct Spec<'a> {
        attacher: Text<'a>,
        node_name: Text<'a>,
        source: Source<'a>,
    }

    struct Source<'a> {
        persistent_volume_name: Option<Text<'a>>,
    }

    struct Status<'a> {
        attached: bool,
        attachment_metadata: Map<'a, Text<'a>>,
    }
}
kind!(VolumeAttachment);

const FAMILIES: &[Metric<VolumeAttachment<'static>>] = &[
    // kube-state-metrics asks no allowlist here.
    alpha(
        "kube_volumeattachment_labels",
        "Kubernetes labels as labels, all of them.",
        &["label_*"],
        |v, rows| metadata::map("label", &v.metadata.labels, rows),
    ),
    alpha(
        "kube_volumeattachment_info",
        "What attaches the volume, and the node that it is for.",
        &["attacher", "node"],
        |v, rows| rows.info(&[&v.spec.attacher, &v.spec.node_name]),
    ),
    metadata::created("kube_volumeattachment_created").alpha(),
    alpha(
        "kube_volumeattachment_spec_source_persistentvolume",
        "PersistentVolume that is attached.",
        &["volumename"],
        |v, rows| {
            if let Some(name) = &v.spec.source.persistent_volume_name {
                rows.info(&[name]);
            }
        },
    ),
    alpha(
        "kube_volumeattachment_status_attached",
        "Whether the volume is attached.",
        &[],
        |v, rows| rows.value(v.status.attached),
    ),
    alpha(
        "kube_volumeattachment_status_attachment_metadata",
        "What the attacher tells whoever mounts the volume.",
        &["metadata_*"],
        |v, rows| metadata::map("metadata", &v.status.attachment_metadata, rows),
    ),
];

#[cfg(test)]
mod tests {
    use crate::testing::expose;
    use expect_test::expect;

    #[test]
    fn every_family() {
        let yaml = r#"
metadata:
  name: csi-6f2c
  creationTimestamp: "2026-01-02T03:04:05Z"
  labels: {app: db, team/name: shop}
spec: {attacher: csi.example.com, nodeName: node-1, source: {persistentVolumeName: pvc-6f2c}}
status: {attached: true, attachmentMetadata: {devicePath: /dev/xvdba, lun-id: "3"}}
"#;
        expect![[r#"
            kube_volumeattachment_created{volumeattachment="csi-6f2c"} 1767323045
            kube_volumeattachment_info{volumeattachment="csi-6f2c",attacher="csi.example.com",node="node-1"} 1
            kube_volumeattachment_labels{volumeattachment="csi-6f2c",label_app="db",label_team_name="shop"} 1
            kube_volumeattachment_spec_source_persistentvolume{volumeattachment="csi-6f2c",volumename="pvc-6f2c"} 1
            kube_volumeattachment_status_attached{volumeattachment="csi-6f2c"} 1
            kube_volumeattachment_status_attachment_metadata{volumeattachment="csi-6f2c",metadata_device_path="/dev/xvdba",metadata_lun_id="3"} 1
        "#]].assert_eq(&expose("volumeattachments", yaml));
        expect![[r#"
            kube_volumeattachment_info{volumeattachment="csi-6f2c",attacher="",node=""} 1
            kube_volumeattachment_labels{volumeattachment="csi-6f2c"} 1
            kube_volumeattachment_status_attached{volumeattachment="csi-6f2c"} 0
            kube_volumeattachment_status_attachment_metadata{volumeattachment="csi-6f2c"} 1
        "#]]
        .assert_eq(&expose(
            "volumeattachments",
            "metadata: {name: csi-6f2c}\nspec: {source: {inlineVolumeSpec: {}}}",
        ));
    }
}
