//! `/sys/block/dm-*`: multipath devices of the device mapper, whose UUID starts with `mpath-`, and
//! their paths.
//!
//! `size` is in sectors of 512 bytes → bytes. A path is well where its SCSI device is `running` or
//! its `NVMe` controller `live`.

use collect::{Collector, Error, Faults, Result, Root, Spec};
use exposition::{Family, Writer};

pub(crate) static SPEC: Spec = Spec {
    name: "dmmultipath",
    doc: "Multipath devices and their paths.",
    default: true,
    families: &[&[INFO, PATH_STATE], &NUMBERS],
    opts: &[],
    build: |cx| Ok(Box::new(Multipath { block: cx.sys.at("block") })),
};

const LABELS: &[&str] = &["device", "sysfs_name"];

const INFO: Family = Family::gauge(
    "node_dmmultipath_device_info",
    "1 for each multipath device.",
    &["device", "sysfs_name", "uuid"],
);
const PATH_STATE: Family = Family::gauge(
    "node_dmmultipath_path_state",
    "1 for each path, with the state of its device.",
    &["device", "path", "state"],
);
static NUMBERS: [Family; 5] = [
    Family::gauge(
        "node_dmmultipath_device_active",
        "1 where the device is active, 0 where it is suspended.",
        LABELS,
    ),
    Family::gauge("node_dmmultipath_device_size_bytes", "Size of the device in bytes.", LABELS),
    Family::gauge("node_dmmultipath_device_paths", "Paths to the device.", LABELS),
    Family::gauge("node_dmmultipath_device_paths_active", "Paths that are well.", LABELS),
    Family::gauge("node_dmmultipath_device_paths_failed", "Paths that are not well.", LABELS),
];

struct Multipath {
    block: Root,
}

impl Collector for Multipath {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let names = self.block.list("").map_err(Error::or_no_data)?;
        let mut faults = Faults::default();
        for name in names.iter().filter(|name| name.starts_with("dm-")) {
            faults.ok(device(&self.block, name, out));
        }
        faults.finish()
    }
}

fn device(block: &Root, sysfs_name: &str, out: &mut Writer) -> Result<()> {
    let dir = block.at(sysfs_name);
    let uuid = dir.attr("dm/uuid")?.filter(|uuid| uuid.starts_with("mpath-"));
    let Some(uuid) = uuid else { return Ok(()) };
    let mut faults = Faults::default();
    let name = faults.ok(dir.attr("dm/name")).flatten().unwrap_or_default();
    out.family(&INFO, |s| s.row(&[&name, sysfs_name, &uuid], 1));
    let (mut paths, mut well) = (0u64, 0u64);
    for path in dir.list_if_any("slaves")? {
        let state = faults.ok(block.attr(format!("{path}/device/state"))).flatten();
        let state = state.as_deref().unwrap_or("unknown");
        paths += 1;
        well += u64::from(["running", "live"].contains(&state));
        out.family(&PATH_STATE, |s| s.row(&[&name, &path, state], 1));
    }
    let active = faults.ok(dir.number::<u64>("dm/suspended")).flatten();
    let size = faults.ok(dir.number::<u64>("size")).flatten();
    let numbers = [
        active.map(|suspended| u64::from(suspended == 0)),
        size.map(|sectors| sectors.saturating_mul(512)),
        Some(paths),
        Some(well),
        Some(paths - well),
    ];
    for (family, number) in NUMBERS.iter().zip(numbers) {
        if let Some(number) = number {
            out.family(family, |s| s.row(&[&name, sysfs_name], number));
        }
    }
    faults.finish()
}

#[cfg(test)]
mod tests {
    use collect::testing::{expose, samples};
    use expect_test::expect;

    #[test]
    fn two_paths() {
        let files = [
            ("sys/block/dm-0/dm/uuid", "mpath-360\n"),
            ("sys/block/dm-0/dm/name", "data\n"),
            ("sys/block/dm-0/dm/suspended", "0\n"),
            ("sys/block/dm-0/size", "2048\n"),
            ("sys/block/dm-0/slaves/sda", "-> ../../sda"),
            ("sys/block/dm-0/slaves/sdb", "-> ../../sdb"),
            ("sys/block/dm-0/slaves/sdc", "-> ../../sdc"),
            ("sys/block/sda/device/state", "running\n"),
            ("sys/block/sdb/device/state", "offline\n"),
            ("sys/block/dm-1/dm/uuid", "LVM-x\n"),
        ];
        expect![[r#"
            node_dmmultipath_device_active{device="data",sysfs_name="dm-0"} 1
            node_dmmultipath_device_info{device="data",sysfs_name="dm-0",uuid="mpath-360"} 1
            node_dmmultipath_device_paths{device="data",sysfs_name="dm-0"} 3
            node_dmmultipath_device_paths_active{device="data",sysfs_name="dm-0"} 1
            node_dmmultipath_device_paths_failed{device="data",sysfs_name="dm-0"} 2
            node_dmmultipath_device_size_bytes{device="data",sysfs_name="dm-0"} 1048576
            node_dmmultipath_path_state{device="data",path="sda",state="running"} 1
            node_dmmultipath_path_state{device="data",path="sdb",state="offline"} 1
            node_dmmultipath_path_state{device="data",path="sdc",state="unknown"} 1
        "#]]
        .assert_eq(&samples(&expose(&super::SPEC, &files)));
    }

    #[test]
    fn torn() {
        let files = [("sys/block/dm-0/dm/uuid", "mpath-360\n"), ("sys/block/dm-0/size", "x\n")];
        expect![[r#"
            node_dmmultipath_device_info{device="",sysfs_name="dm-0",uuid="mpath-360"} 1
            node_dmmultipath_device_paths{device="",sysfs_name="dm-0"} 0
            node_dmmultipath_device_paths_active{device="",sysfs_name="dm-0"} 0
            node_dmmultipath_device_paths_failed{device="",sysfs_name="dm-0"} 0
            error: /sys/block/dm-0/size: expected a number: "x"
        "#]]
        .assert_eq(&samples(&expose(&super::SPEC, &files)));
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: no data: /sys/block/ does not exist
        "#]]
        .assert_eq(&expose(&super::SPEC, &[]));
        assert_eq!(expose(&super::SPEC, &[("sys/block/sda/size", "1")]), "");
    }
}
