//! `v1` `PersistentVolumes`: storage that claims are bound to.

use crate::{
    Resource, metadata,
    quantity::Quantity,
    rendered::Rows,
    resource::{Families, Identity::Name, Metric, alpha, kind, opt_in, stable},
    wire::{List, Map, Metadata, Text, narrow},
};

pub(super) static PERSISTENTVOLUMES: Resource = Resource::new(
    "persistentvolumes",
    ["", "v1", "PersistentVolume"],
    &Families::<PersistentVolume> { identity: &[Name("persistentvolume")], families: &[FAMILIES] },
)
.cluster_scoped();

narrow! {
    struct PersistentVolume<'a> {
        metadata: Metadata<'a>,
        spec: Spec<'a>,
        status: Status<'a>,
    }

    struct Spec<'a> {
        access_modes: List<Text<'a>>,
        capacity: Map<'a, Quantity>,
        claim_ref: Option<Claim<'a>>,
        #[serde(rename = "persistentVolumeReclaimPolicy")]
        reclaim_policy: Text<'a>,
        storage_class_name: Text<'a>,
        volume_mode: Option<Text<'a>>,
        gce_persistent_disk: GceDisk<'a>,
        aws_elastic_block_store: EbsVolume<'a>,
        azure_disk: AzureDisk<'a>,
        fc: FibreChannel<'a>,
        iscsi: Option<Iscsi<'a>>,
        nfs: Nfs<'a>,
        csi: Option<Csi<'a>>,
        local: Local<'a>,
        host_path: HostPath<'a>,
    }

    struct Claim<'a> {
        name: Text<'a>,
        namespace: Text<'a>,
    }

    struct GceDisk<'a> {
        pd_name: Text<'a>,
    }

    struct EbsVolume<'a> {
        #[serde(rename = "volumeID")]
        volume_id: Text<'a>,
    }

    struct AzureDisk<'a> {
        disk_name: Text<'a>,
    }

    struct FibreChannel<'a> {
        #[serde(rename = "targetWWNs")]
        target_wwns: List<Text<'a>>,
        lun: Option<i64>,
        wwids: List<Text<'a>>,
    }

    struct Iscsi<'a> {
        target_portal: Text<'a>,
        iqn: Text<'a>,
        lun: i64,
        initiator_name: Text<'a>,
    }

    struct Nfs<'a> {
        server: Text<'a>,
        path: Text<'a>,
    }

    struct Csi<'a> {
        driver: Text<'a>,
        volume_handle: Text<'a>,
        volume_attributes: Map<'a, Text<'a>>,
    }

    struct Local<'a> {
        path: Text<'a>,
        fs_type: Text<'a>,
    }

    struct HostPath<'a> {
        path: Text<'a>,
        r#type: Text<'a>,
    }

    struct Status<'a> {
        phase: Text<'a>,
    }
}
kind!(PersistentVolume);

const PHASES: &[&str] = &["Pending", "Available", "Bound", "Released", "Failed"];

const FAMILIES: &[Metric<PersistentVolume<'static>>] = &[
    stable(
        "kube_persistentvolume_claim_ref",
        "Claim that the volume is bound to.",
        &["name", "claim_namespace"],
        |p, rows| {
            if let Some(claim) = &p.spec.claim_ref {
                rows.info(&[&claim.name, &claim.namespace]);
            }
        },
    ),
    metadata::annotations("kube_persistentvolume_annotations"),
    metadata::labels("kube_persistentvolume_labels"),
    stable(
        "kube_persistentvolume_status_phase",
        "Phase of the volume: 1 for the one it is in.",
        &["phase"],
        |p, rows| {
            if !p.status.phase.is_empty() {
                rows.states(PHASES, &p.status.phase);
            }
        },
    ),
    stable(
        "kube_persistentvolume_info",
        "Where the volume's storage is, and what becomes of it when its claim goes; labels of \
         other kinds of storage are empty.",
        &[
            "storageclass",
            "gce_persistent_disk_name",
            "ebs_volume_id",
            "azure_disk_name",
            "fc_wwids",
            "fc_lun",
            "fc_target_wwns",
            "iscsi_target_portal",
            "iscsi_iqn",
            "iscsi_lun",
            "iscsi_initiator_name",
            "nfs_server",
            "nfs_path",
            "csi_driver",
            "csi_volume_handle",
            "local_path",
            "local_fs",
            "host_path",
            "host_path_type",
            "reclaim_policy",
        ],
        |p, rows| info(&p.spec, rows),
    ),
    stable(
        "kube_persistentvolume_capacity_bytes",
        "Size of the volume in bytes.",
        &[],
        |p, rows| rows.maybe(p.spec.capacity.get("storage").map(|storage| storage.whole())),
    ),
    metadata::created("kube_persistentvolume_created").alpha(),
    metadata::deletion_timestamp("kube_persistentvolume_deletion_timestamp"),
    opt_in(alpha(
        "kube_persistentvolume_csi_attributes",
        "How the volume's CSI driver maps and mounts it, as its attributes mounter and mapOptions \
         say.",
        &["csi_mounter", "csi_map_options"],
        |p, rows| {
            if let Some(csi) = &p.spec.csi {
                let attribute = |key| csi.volume_attributes.get(key).map_or("", |value| &**value);
                rows.info(&[attribute("mounter"), attribute("mapOptions")]);
            }
        },
    )),
    alpha(
        "kube_persistentvolume_volume_mode",
        "How pods get the volume: as a file system, which is the default, or as a block device.",
        &["volumemode"],
        |p, rows| rows.info(&[p.spec.volume_mode.as_deref().unwrap_or("Filesystem")]),
    ),
    alpha(
        "kube_persistentvolume_access_mode",
        "Ways in which the volume can be mounted.",
        &["access_mode"],
        |p, rows| p.spec.access_modes.iter().for_each(|mode| rows.info(&[mode])),
    ),
];

/// A volume has one kind of storage: the API takes no other.
fn info(spec: &Spec<'_>, rows: &mut Rows<'_>) {
    let (fc, iscsi, csi) = (&spec.fc, spec.iscsi.as_ref(), spec.csi.as_ref());
    rows.info(&[
        &spec.storage_class_name,
        &spec.gce_persistent_disk.pd_name,
        &spec.aws_elastic_block_store.volume_id,
        &spec.azure_disk.disk_name,
        &joined(&fc.wwids),
        &fc.lun.map(|lun| lun.to_string()).unwrap_or_default(),
        &joined(&fc.target_wwns),
        iscsi.map_or("", |iscsi| &iscsi.target_portal),
        iscsi.map_or("", |iscsi| &iscsi.iqn),
        &iscsi.map(|iscsi| iscsi.lun.to_string()).unwrap_or_default(),
        iscsi.map_or("", |iscsi| &iscsi.initiator_name),
        &spec.nfs.server,
        &spec.nfs.path,
        csi.map_or("", |csi| &csi.driver),
        csi.map_or("", |csi| &csi.volume_handle),
        &spec.local.path,
        &spec.local.fs_type,
        &spec.host_path.path,
        &spec.host_path.r#type,
        &spec.reclaim_policy,
    ]);
}

/// Names in one label; as in kube-state-metrics, no comma stands before the first that is not empty.
fn joined(names: &[Text<'_>]) -> String {
    let names = names.iter().map(|name| &**name).skip_while(|name| name.is_empty());
    names.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use crate::{
        Settings,
        testing::{expose, expose_only, expose_with},
    };
    use expect_test::expect;

    #[test]
    fn every_family() {
        let yaml = r#"
metadata:
  name: pvc-6f2c
  creationTimestamp: "2026-01-02T03:04:05Z"
  deletionTimestamp: "2026-01-02T04:04:05Z"
spec:
  accessModes: [ReadWriteOnce, ReadOnlyMany]
  capacity: {storage: 10Gi}
  claimRef: {kind: PersistentVolumeClaim, name: data-db-0, namespace: shop, uid: c-1}
  persistentVolumeReclaimPolicy: Delete
  storageClassName: fast
  volumeMode: Block
  csi:
    driver: csi.example.com
    volumeHandle: vol-1
    volumeAttributes: {mounter: rbd, mapOptions: lock_on_read, pool: p}
status: {phase: Released}
"#;
        let settings =
            Settings { metric_opt_in_list: "csi_attributes".into(), ..Settings::default() };
        expect![[r#"
            kube_persistentvolume_access_mode{persistentvolume="pvc-6f2c",access_mode="ReadWriteOnce"} 1
            kube_persistentvolume_access_mode{persistentvolume="pvc-6f2c",access_mode="ReadOnlyMany"} 1
            kube_persistentvolume_capacity_bytes{persistentvolume="pvc-6f2c"} 10737418240
            kube_persistentvolume_claim_ref{persistentvolume="pvc-6f2c",name="data-db-0",claim_namespace="shop"} 1
            kube_persistentvolume_created{persistentvolume="pvc-6f2c"} 1767323045
            kube_persistentvolume_csi_attributes{persistentvolume="pvc-6f2c",csi_mounter="rbd",csi_map_options="lock_on_read"} 1
            kube_persistentvolume_deletion_timestamp{persistentvolume="pvc-6f2c"} 1767326645
            kube_persistentvolume_info{persistentvolume="pvc-6f2c",storageclass="fast",gce_persistent_disk_name="",ebs_volume_id="",azure_disk_name="",fc_wwids="",fc_lun="",fc_target_wwns="",iscsi_target_portal="",iscsi_iqn="",iscsi_lun="",iscsi_initiator_name="",nfs_server="",nfs_path="",csi_driver="csi.example.com",csi_volume_handle="vol-1",local_path="",local_fs="",host_path="",host_path_type="",reclaim_policy="Delete"} 1
            kube_persistentvolume_status_phase{persistentvolume="pvc-6f2c",phase="Pending"} 0
            kube_persistentvolume_status_phase{persistentvolume="pvc-6f2c",phase="Available"} 0
            kube_persistentvolume_status_phase{persistentvolume="pvc-6f2c",phase="Bound"} 0
            kube_persistentvolume_status_phase{persistentvolume="pvc-6f2c",phase="Released"} 1
            kube_persistentvolume_status_phase{persistentvolume="pvc-6f2c",phase="Failed"} 0
            kube_persistentvolume_volume_mode{persistentvolume="pvc-6f2c",volumemode="Block"} 1
        "#]].assert_eq(&expose_with(&settings, "persistentvolumes", yaml));
        expect![[r#"
            kube_persistentvolume_info{persistentvolume="pvc-6f2c",storageclass="",gce_persistent_disk_name="",ebs_volume_id="",azure_disk_name="",fc_wwids="",fc_lun="",fc_target_wwns="",iscsi_target_portal="",iscsi_iqn="",iscsi_lun="",iscsi_initiator_name="",nfs_server="",nfs_path="",csi_driver="",csi_volume_handle="",local_path="",local_fs="",host_path="",host_path_type="",reclaim_policy=""} 1
            kube_persistentvolume_volume_mode{persistentvolume="pvc-6f2c",volumemode="Filesystem"} 1
        "#]].assert_eq(&expose("persistentvolumes", "metadata: {name: pvc-6f2c}"));
    }

    #[test]
    fn kinds_of_storage() {
        let sources = [
            "gcePersistentDisk: {pdName: disk-1}",
            "awsElasticBlockStore: {volumeID: vol-1}",
            "azureDisk: {diskName: disk-1, diskURI: /disks/1}",
            "fc: {wwids: [w1, w2], targetWWNs: [t1, t2], lun: 0}",
            "fc: {wwids: [\"\", w1, \"\", w2]}",
            "iscsi: {targetPortal: 192.0.2.1, iqn: iqn.2026-01.com.example, lun: 0}",
            "iscsi: {targetPortal: 192.0.2.1, iqn: i, lun: 3, initiatorName: init}",
            "nfs: {server: nfs.example.com, path: /export}",
            "local: {path: /mnt/disk, fsType: ext4}",
            "hostPath: {path: /data, type: Directory}",
        ];
        let objects = sources.map(|source| format!("metadata: {{name: v}}\nspec: {{{source}}}\n"));
        let yaml = objects.join("---\n");
        expect![[r#"
            kube_persistentvolume_info{persistentvolume="v",storageclass="",gce_persistent_disk_name="disk-1",ebs_volume_id="",azure_disk_name="",fc_wwids="",fc_lun="",fc_target_wwns="",iscsi_target_portal="",iscsi_iqn="",iscsi_lun="",iscsi_initiator_name="",nfs_server="",nfs_path="",csi_driver="",csi_volume_handle="",local_path="",local_fs="",host_path="",host_path_type="",reclaim_policy=""} 1
            kube_persistentvolume_info{persistentvolume="v",storageclass="",gce_persistent_disk_name="",ebs_volume_id="vol-1",azure_disk_name="",fc_wwids="",fc_lun="",fc_target_wwns="",iscsi_target_portal="",iscsi_iqn="",iscsi_lun="",iscsi_initiator_name="",nfs_server="",nfs_path="",csi_driver="",csi_volume_handle="",local_path="",local_fs="",host_path="",host_path_type="",reclaim_policy=""} 1
            kube_persistentvolume_info{persistentvolume="v",storageclass="",gce_persistent_disk_name="",ebs_volume_id="",azure_disk_name="disk-1",fc_wwids="",fc_lun="",fc_target_wwns="",iscsi_target_portal="",iscsi_iqn="",iscsi_lun="",iscsi_initiator_name="",nfs_server="",nfs_path="",csi_driver="",csi_volume_handle="",local_path="",local_fs="",host_path="",host_path_type="",reclaim_policy=""} 1
            kube_persistentvolume_info{persistentvolume="v",storageclass="",gce_persistent_disk_name="",ebs_volume_id="",azure_disk_name="",fc_wwids="w1,w2",fc_lun="0",fc_target_wwns="t1,t2",iscsi_target_portal="",iscsi_iqn="",iscsi_lun="",iscsi_initiator_name="",nfs_server="",nfs_path="",csi_driver="",csi_volume_handle="",local_path="",local_fs="",host_path="",host_path_type="",reclaim_policy=""} 1
            kube_persistentvolume_info{persistentvolume="v",storageclass="",gce_persistent_disk_name="",ebs_volume_id="",azure_disk_name="",fc_wwids="w1,,w2",fc_lun="",fc_target_wwns="",iscsi_target_portal="",iscsi_iqn="",iscsi_lun="",iscsi_initiator_name="",nfs_server="",nfs_path="",csi_driver="",csi_volume_handle="",local_path="",local_fs="",host_path="",host_path_type="",reclaim_policy=""} 1
            kube_persistentvolume_info{persistentvolume="v",storageclass="",gce_persistent_disk_name="",ebs_volume_id="",azure_disk_name="",fc_wwids="",fc_lun="",fc_target_wwns="",iscsi_target_portal="192.0.2.1",iscsi_iqn="iqn.2026-01.com.example",iscsi_lun="0",iscsi_initiator_name="",nfs_server="",nfs_path="",csi_driver="",csi_volume_handle="",local_path="",local_fs="",host_path="",host_path_type="",reclaim_policy=""} 1
            kube_persistentvolume_info{persistentvolume="v",storageclass="",gce_persistent_disk_name="",ebs_volume_id="",azure_disk_name="",fc_wwids="",fc_lun="",fc_target_wwns="",iscsi_target_portal="192.0.2.1",iscsi_iqn="i",iscsi_lun="3",iscsi_initiator_name="init",nfs_server="",nfs_path="",csi_driver="",csi_volume_handle="",local_path="",local_fs="",host_path="",host_path_type="",reclaim_policy=""} 1
            kube_persistentvolume_info{persistentvolume="v",storageclass="",gce_persistent_disk_name="",ebs_volume_id="",azure_disk_name="",fc_wwids="",fc_lun="",fc_target_wwns="",iscsi_target_portal="",iscsi_iqn="",iscsi_lun="",iscsi_initiator_name="",nfs_server="nfs.example.com",nfs_path="/export",csi_driver="",csi_volume_handle="",local_path="",local_fs="",host_path="",host_path_type="",reclaim_policy=""} 1
            kube_persistentvolume_info{persistentvolume="v",storageclass="",gce_persistent_disk_name="",ebs_volume_id="",azure_disk_name="",fc_wwids="",fc_lun="",fc_target_wwns="",iscsi_target_portal="",iscsi_iqn="",iscsi_lun="",iscsi_initiator_name="",nfs_server="",nfs_path="",csi_driver="",csi_volume_handle="",local_path="/mnt/disk",local_fs="ext4",host_path="",host_path_type="",reclaim_policy=""} 1
            kube_persistentvolume_info{persistentvolume="v",storageclass="",gce_persistent_disk_name="",ebs_volume_id="",azure_disk_name="",fc_wwids="",fc_lun="",fc_target_wwns="",iscsi_target_portal="",iscsi_iqn="",iscsi_lun="",iscsi_initiator_name="",nfs_server="",nfs_path="",csi_driver="",csi_volume_handle="",local_path="",local_fs="",host_path="/data",host_path_type="Directory",reclaim_policy=""} 1
        "#]].assert_eq(&expose_only("persistentvolumes", "volume_info", &yaml));
    }

    #[test]
    fn csi_attributes_without_any() {
        let settings =
            Settings { metric_opt_in_list: "csi_attributes".into(), ..Settings::default() };
        let attributes = |spec: &str| {
            let yaml = format!("metadata: {{name: v}}\nspec: {spec}");
            let text = expose_with(&settings, "persistentvolumes", &yaml);
            let lines = text.lines().filter(|line| line.contains("csi_attributes"));
            lines.collect::<Vec<_>>().join("\n")
        };
        expect![[r#"kube_persistentvolume_csi_attributes{persistentvolume="v",csi_mounter="",csi_map_options=""} 1"#]].assert_eq(&attributes("{csi: {driver: d, volumeHandle: h}}"));
        expect![[""]].assert_eq(&attributes("{nfs: {server: s, path: /}}"));
    }
}
