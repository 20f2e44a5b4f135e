//! `/sys/fs/btrfs/<uuid>` and ioctls on the mounts: space, commits and devices of btrfs.
//!
//! Sectors of 512 bytes → bytes; ms → seconds. Use and errors of devices come from ioctls on a
//! mount below `--path.rootfs`; where there is none, `node_btrfs_device_size_bytes` comes from sysfs
//! and lacks the device's UUID.

use crate::number::seconds;
use collect::{Collector, Context, Faults, Result, Root, Spec, Text};
use exposition::{Family, Writer};
use mounts::{Line, Mounts};
use rustix::fs::{Mode, OFlags};
use std::{borrow::Cow, collections::HashSet, path::Path};
use syscall::btrfs::{DevInfo, DevStats, dev_info, dev_stats, fs_info};

pub(crate) static SPEC: Spec = Spec {
    name: "btrfs",
    doc: "Space, commits and devices of btrfs.",
    default: true,
    families: &[&[
        INFO,
        GLOBAL_RSV,
        COMMITS,
        LAST_COMMIT,
        MAX_COMMIT,
        COMMIT_SECONDS,
        RESERVED,
        USED,
        SIZE,
        RATIO,
        DEVICE_SIZE,
        DEVICE_UNUSED,
        DEVICE_ERRORS,
    ]],
    opts: &[],
    build: |cx| Ok(Box::new(Btrfs::new(cx))),
};

const UUID: &[&str] = &["uuid"];
const GROUP: &[&str] = &["block_group_type", "mode", "uuid"];
const DEVICE: &[&str] = &["device", "uuid", "btrfs_dev_uuid"];

const INFO: Family =
    Family::gauge("node_btrfs_info", "1 for each file system.", &["label", "uuid"]);
const GLOBAL_RSV: Family =
    Family::gauge("node_btrfs_global_rsv_size_bytes", "Size of the global reserve.", UUID);
const COMMITS: Family = Family::counter("node_btrfs_commits_total", "Commits.", UUID);
const LAST_COMMIT: Family =
    Family::gauge("node_btrfs_last_commit_seconds", "Duration of the last commit.", UUID);
const MAX_COMMIT: Family =
    Family::gauge("node_btrfs_max_commit_seconds", "Duration of the longest commit.", UUID);
const COMMIT_SECONDS: Family =
    Family::counter("node_btrfs_commit_seconds_total", "Duration of all commits.", UUID);
const RESERVED: Family = Family::gauge(
    "node_btrfs_reserved_bytes",
    "Space that is reserved, by what it is for.",
    &["block_group_type", "uuid"],
);
const USED: Family = Family::gauge(
    "node_btrfs_used_bytes",
    "Space in use, by what it is for and its layout.",
    GROUP,
);
const SIZE: Family = Family::gauge(
    "node_btrfs_size_bytes",
    "Space given to block groups, by what it is for and its layout.",
    GROUP,
);
const RATIO: Family = Family::gauge(
    "node_btrfs_allocation_ratio",
    "Bytes on disk for a byte of data, by what it is for and its layout.",
    GROUP,
);
const DEVICE_SIZE: Family =
    Family::gauge("node_btrfs_device_size_bytes", "Size of the device.", DEVICE);
const DEVICE_UNUSED: Family = Family::gauge(
    "node_btrfs_device_unused_bytes",
    "Space of the device that is given to no block group.",
    DEVICE,
);
const DEVICE_ERRORS: Family = Family::counter(
    "node_btrfs_device_errors_total",
    "Errors of the device by kind, since they were reset.",
    &["device", "type", "uuid", "btrfs_dev_uuid"],
);

struct Btrfs {
    dir: Root,
    rootfs: Root,
    mounts: Mounts,
}

/// A device as the ioctls describe it; without errors where they cannot be had.
type Device = (DevInfo, Option<DevStats>);

// === impl Btrfs ===

impl Btrfs {
    fn new(cx: &Context) -> Self {
        Self {
            dir: cx.sys.at("fs/btrfs"),
            rootfs: cx.rootfs.clone(),
            mounts: Mounts::new(&cx.proc),
        }
    }

    /// The devices of each mounted file system, by UUID.
    fn mounted(&mut self) -> Vec<(String, Vec<Device>)> {
        let Ok(file) = self.mounts.read() else { return Vec::new() };
        let mut done = HashSet::new();
        let mut found = Vec::new();
        for (source, point) in places(&file, &self.rootfs) {
            // One file system may be mounted hundreds of times, by subvolumes.
            if !done.contains(source)
                && let Some(devices) = devices(&self.rootfs, &point)
            {
                done.insert(source);
                found.push(devices);
            }
        }
        found
    }
}

impl Collector for Btrfs {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let names = self.dir.list_if_any("")?;
        // Beside the UUIDs stands `features`.
        let uuids: Vec<&String> = names.iter().filter(|name| name.contains('-')).collect();
        if uuids.is_empty() {
            return Ok(());
        }
        let mounted = self.mounted();
        let mut faults = Faults::default();
        for uuid in uuids {
            let devices = mounted.iter().find(|(mounted, _)| mounted == uuid);
            let devices = devices.map(|(_, devices)| devices.as_slice());
            faults.ok(file_system(&self.dir.at(uuid), uuid, devices, out));
        }
        faults.finish()
    }
}

/// Source and mount point of each mount of btrfs that can be opened without waiting: the way to it
/// leads through no file system that may hang. (The mount of an `autofs` is there already.)
fn places<'a>(file: &Text<'a>, rootfs: &Root) -> Vec<(&'a str, Cow<'a, str>)> {
    let (mut places, mut remote) = (Vec::new(), Vec::new());
    for line in file.lines().filter_map(|line| Line::parse(file, line).ok()) {
        if line.fstype == "btrfs" {
            places.push((line.device, line.point(rootfs)));
        } else if line.is_remote() && line.fstype != "autofs" {
            remote.push(line.point(rootfs));
        }
    }
    places
        .retain(|(_, point)| !remote.iter().any(|above| Path::new(&**point).starts_with(&**above)));
    places
}

/// The UUID and the devices of the file system that is mounted at `point`.
fn devices(rootfs: &Root, point: &str) -> Option<(String, Vec<Device>)> {
    let path = rootfs.path(point);
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = rustix::fs::open(path, flags, Mode::empty()).ok()?;
    let info = fs_info(&file).ok()?;
    let mut devices = Vec::new();
    // Numbers are not used again, so that there may be gaps; 0 is a device being replaced.
    for id in 0..=info.max_id {
        if let Ok(device) = dev_info(&file, id) {
            devices.push((device, dev_stats(&file, id).ok()));
        }
        if devices.len() as u64 >= info.num_devices {
            break;
        }
    }
    Some((hex(info.fsid), devices))
}

fn hex(uuid: [u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (i, byte) in uuid.iter().enumerate() {
        if [4, 6, 8, 10].contains(&i) {
            text.push('-');
        }
        let digits = [byte >> 4, byte & 15];
        text.extend(digits.iter().filter_map(|&digit| char::from_digit(digit.into(), 16)));
    }
    text
}

fn file_system(dir: &Root, uuid: &str, devices: Option<&[Device]>, out: &mut Writer) -> Result<()> {
    let mut faults = Faults::default();
    let label = faults.ok(dir.attr("label")).flatten().unwrap_or_default();
    out.family(&INFO, |s| s.row(&[&label, uuid], 1));
    let reserve = faults.ok(dir.number::<u64>("allocation/global_rsv_size")).flatten();
    out.family(&GLOBAL_RSV, |s| {
        if let Some(reserve) = reserve {
            s.row(&[uuid], reserve);
        }
    });
    faults.ok(commits(dir, uuid, out));
    let listed = faults.ok(dir.list_if_any("devices")).unwrap_or_default();
    faults.ok(allocation(&dir.at("allocation"), uuid, listed.len(), out));
    if let Some(devices) = devices {
        for device in devices {
            device_rows(device, uuid, out);
        }
    } else {
        for name in listed {
            let sectors = faults.ok(dir.number::<u64>(format!("devices/{name}/size"))).flatten();
            if let Some(sectors) = sectors {
                let labels = [("device", name.as_str()), ("uuid", uuid)];
                out.family(&DEVICE_SIZE, |s| s.sample(&labels, sectors.saturating_mul(512)));
            }
        }
    }
    faults.finish()
}

fn device_rows((info, stats): &Device, uuid: &str, out: &mut Writer) {
    let name = info.path.strip_prefix("/dev/").unwrap_or(&info.path);
    let own = hex(info.uuid);
    let labels = [name, uuid, &own];
    out.family(&DEVICE_SIZE, |s| s.row(&labels, info.total_bytes));
    let unused = info.total_bytes.saturating_sub(info.bytes_used);
    out.family(&DEVICE_UNUSED, |s| s.row(&labels, unused));
    let Some(stats) = stats else { return };
    out.family(&DEVICE_ERRORS, |s| {
        for (kind, number) in [
            ("write", stats.write),
            ("read", stats.read),
            ("flush", stats.flush),
            ("corruption", stats.corruption),
            ("generation", stats.generation),
        ] {
            s.row(&[name, kind, uuid, &own], number);
        }
    });
}

/// Lines `commits 3`, `last_commit_ms 10`, …; since Linux 6.0, before which the peer says 0.
fn commits(dir: &Root, uuid: &str, out: &mut Writer) -> Result<()> {
    let mut faults = Faults::default();
    let mut numbers = [Some(0); 4];
    match dir.read("commit_stats") {
        Err(error) if error.is_not_found() => {}
        file => {
            let file = file?;
            numbers = [None; 4];
            for line in file.text().lines() {
                let Some((key, text)) = line.split_once(' ') else { continue };
                let slot = COMMIT_KEYS.iter().zip(&mut numbers).find(|(known, _)| **known == key);
                let Some((_, slot)) = slot else { continue };
                *slot = faults.ok(file.text().parse(Some(text.trim()), "expected a number", line));
            }
        }
    }
    let [commits, last, max, total] = numbers;
    out.family(&COMMITS, |s| commits.into_iter().for_each(|number| s.row(&[uuid], number)));
    for (family, number) in [(&LAST_COMMIT, last), (&MAX_COMMIT, max), (&COMMIT_SECONDS, total)] {
        if let Some(number) = number {
            out.family(family, |s| s.row(&[uuid], seconds(number, 1000)));
        }
    }
    faults.finish()
}

const COMMIT_KEYS: [&str; 4] = ["commits", "last_commit_ms", "max_commit_ms", "total_commit_ms"];

/// A directory for each type of block group, with one for each of its layouts.
fn allocation(dir: &Root, uuid: &str, devices: usize, out: &mut Writer) -> Result<()> {
    let mut faults = Faults::default();
    for group in dir.list_if_any("")? {
        if !dir.is_dir(&group) {
            continue;
        }
        let dir = dir.at(&group);
        if let Some(reserved) = faults.ok(dir.number::<u64>("bytes_reserved")).flatten() {
            out.family(&RESERVED, |s| s.row(&[&group, uuid], reserved));
        }
        for mode in faults.ok(dir.list("")).unwrap_or_default() {
            if !dir.is_dir(&mode) {
                continue;
            }
            let labels = [group.as_str(), mode.as_str(), uuid];
            for (family, path) in [(&USED, "used_bytes"), (&SIZE, "total_bytes")] {
                let number = faults.ok(dir.number::<u64>(format!("{mode}/{path}"))).flatten();
                if let Some(number) = number {
                    out.family(family, |s| s.row(&labels, number));
                }
            }
            if let Some(ratio) = ratio(&mode, devices) {
                out.family(&RATIO, |s| s.row(&labels, ratio));
            }
        }
    }
    faults.finish()
}

/// Bytes on disk for a byte of data; `None` for a layout that is not known.
fn ratio(mode: &str, devices: usize) -> Option<f64> {
    let parity = |parity: u32| {
        let devices = u32::try_from(devices).ok().filter(|&devices| devices > parity)?;
        Some(f64::from(devices) / f64::from(devices - parity))
    };
    match mode {
        "single" | "raid0" => Some(1.0),
        "dup" | "raid1" | "raid10" => Some(2.0),
        "raid1c3" => Some(3.0),
        "raid1c4" => Some(4.0),
        "raid5" => parity(1),
        "raid6" => parity(2),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect::testing::{expose, samples, tree};
    use expect_test::expect;

    #[test]
    fn unmounted() {
        let files = [
            ("sys/fs/btrfs/features/raid56", "0\n"),
            ("sys/fs/btrfs/u-1/label", "data\n"),
            ("sys/fs/btrfs/u-1/allocation/global_rsv_size", "16\n"),
            ("sys/fs/btrfs/u-1/allocation/data/bytes_reserved", "5\n"),
            ("sys/fs/btrfs/u-1/allocation/data/raid5/total_bytes", "100\n"),
            ("sys/fs/btrfs/u-1/allocation/data/raid5/used_bytes", "40\n"),
            ("sys/fs/btrfs/u-1/allocation/system/dup/total_bytes", "10\n"),
            ("sys/fs/btrfs/u-1/devices/sda/size", "8\n"),
            ("sys/fs/btrfs/u-1/devices/sdb/size", "8\n"),
            ("sys/fs/btrfs/u-1/devices/sdc/size", "8\n"),
            (
                "sys/fs/btrfs/u-1/commit_stats",
                "commits 3\nlast_commit_ms 10\nmax_commit_ms 20\ntotal_commit_ms 1500\n",
            ),
        ];
        expect![[r#"
            node_btrfs_allocation_ratio{block_group_type="data",mode="raid5",uuid="u-1"} 1.5
            node_btrfs_allocation_ratio{block_group_type="system",mode="dup",uuid="u-1"} 2
            node_btrfs_commit_seconds_total{uuid="u-1"} 1.5
            node_btrfs_commits_total{uuid="u-1"} 3
            node_btrfs_device_size_bytes{device="sda",uuid="u-1"} 4096
            node_btrfs_device_size_bytes{device="sdb",uuid="u-1"} 4096
            node_btrfs_device_size_bytes{device="sdc",uuid="u-1"} 4096
            node_btrfs_global_rsv_size_bytes{uuid="u-1"} 16
            node_btrfs_info{label="data",uuid="u-1"} 1
            node_btrfs_last_commit_seconds{uuid="u-1"} 0.01
            node_btrfs_max_commit_seconds{uuid="u-1"} 0.02
            node_btrfs_reserved_bytes{block_group_type="data",uuid="u-1"} 5
            node_btrfs_size_bytes{block_group_type="data",mode="raid5",uuid="u-1"} 100
            node_btrfs_size_bytes{block_group_type="system",mode="dup",uuid="u-1"} 10
            node_btrfs_used_bytes{block_group_type="data",mode="raid5",uuid="u-1"} 40
        "#]]
        .assert_eq(&samples(&expose(&SPEC, &files)));
    }

    #[test]
    fn devices_of_a_mount() {
        let uuid = std::array::from_fn(|i| u8::try_from(i).unwrap() * 17);
        let info = DevInfo { uuid, bytes_used: 3, total_bytes: 10, path: "/dev/sda2".into() };
        let mut out = Writer::default();
        device_rows(&(info, Some(DevStats { read: 1, ..DevStats::default() })), "u-1", &mut out);
        let text = exposition::encode(&[&out.finish()], exposition::Format::TEXT).body;
        expect![[r#"
            node_btrfs_device_errors_total{device="sda2",type="write",uuid="u-1",btrfs_dev_uuid="00112233-4455-6677-8899-aabbccddeeff"} 0
            node_btrfs_device_errors_total{device="sda2",type="read",uuid="u-1",btrfs_dev_uuid="00112233-4455-6677-8899-aabbccddeeff"} 1
            node_btrfs_device_errors_total{device="sda2",type="flush",uuid="u-1",btrfs_dev_uuid="00112233-4455-6677-8899-aabbccddeeff"} 0
            node_btrfs_device_errors_total{device="sda2",type="corruption",uuid="u-1",btrfs_dev_uuid="00112233-4455-6677-8899-aabbccddeeff"} 0
            node_btrfs_device_errors_total{device="sda2",type="generation",uuid="u-1",btrfs_dev_uuid="00112233-4455-6677-8899-aabbccddeeff"} 0
            node_btrfs_device_size_bytes{device="sda2",uuid="u-1",btrfs_dev_uuid="00112233-4455-6677-8899-aabbccddeeff"} 10
            node_btrfs_device_unused_bytes{device="sda2",uuid="u-1",btrfs_dev_uuid="00112233-4455-6677-8899-aabbccddeeff"} 7
        "#]]
        .assert_eq(&samples(&String::from_utf8(text).unwrap()));
    }

    #[test]
    fn mounts() {
        let mountinfo = "\
36 35 0:32 /sub /srv/a\\040b rw shared:1 - btrfs /dev/sda2 rw,subvol=/sub
37 35 0:32 / /host/srv/data rw - btrfs /dev/sda2 rw
38 35 8:1 / / rw - ext4 /dev/sda1 rw
39 35 0:40 / /mnt/dead rw - nfs4 filer:/vol rw
40 39 0:33 / /mnt/dead/disk rw - btrfs /dev/sdb rw
41 35 0:33 / /mnt/deadly rw - btrfs /dev/sdb rw
42 35 0:41 / /auto rw - autofs systemd-1 rw
43 42 0:34 / /auto rw - btrfs /dev/sdc rw
44 35 0:35 / /torn rw
";
        let dir = tree(&[("proc/1/mountinfo", mountinfo)]);
        let file = Root::new(dir.path()).read("proc/1/mountinfo").unwrap();
        let places = places(&file.text(), &Root::new("/host"));
        let places: Vec<_> = places.iter().map(|(source, point)| (*source, &**point)).collect();
        let expected = [
            ("/dev/sda2", "/srv/a b"),
            ("/dev/sda2", "/srv/data"),
            ("/dev/sdb", "/mnt/deadly"),
            ("/dev/sdc", "/auto"),
        ];
        assert_eq!(places, expected);
    }

    #[test]
    fn torn() {
        let files = [
            ("sys/fs/btrfs/u-1/commit_stats", "commits x\nlast_commit_ms\nmax_commit_ms 2\n"),
            ("sys/fs/btrfs/u-1/allocation/data/raid6/total_bytes", "-1\n"),
            ("sys/fs/btrfs/u-1/allocation/data/raid9/used_bytes", "1\n"),
            ("sys/fs/btrfs/u-1/devices/sda/size", "18446744073709551615\n"),
            ("proc/1/mountinfo", "36 35 0:32 / /gone rw - btrfs /dev/sda2 rw\n"),
        ];
        expect![[r#"
            node_btrfs_device_size_bytes{device="sda",uuid="u-1"} 18446744073709551615
            node_btrfs_info{label="",uuid="u-1"} 1
            node_btrfs_max_commit_seconds{uuid="u-1"} 0.002
            node_btrfs_used_bytes{block_group_type="data",mode="raid9",uuid="u-1"} 1
            error: /sys/fs/btrfs/u-1/commit_stats: expected a number: "commits x" (and 1 more)
        "#]]
        .assert_eq(&samples(&expose(&SPEC, &files)));
    }

    #[test]
    fn absent() {
        assert_eq!(expose(&SPEC, &[]), "");
    }
}
