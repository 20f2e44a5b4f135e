//! The machine's file systems and the disks below them, as cAdvisor has them of the group `/`.
//!
//! - `/proc/1/mountinfo`: which there are. A device is served once, by its name there; a tmpfs by its
//!   mount point; of overlays the machine's root alone. What belongs to pods and containers is left
//!   out: it comes and goes, and the kubelet shows what of it was there when it began.
//! - statfs(2): blocks × the block's size → bytes, inodes. One that hangs is absent (see `mounts`).
//! - `/proc/diskstats`: reads and writes, merged ones, sectors of 512 bytes, ms → s, by the device's
//!   number or name. A file system without a disk has none of these.
//!
//! cAdvisor takes the times' ms for ns: its seconds are a million times too few.

use crate::{devices::Devices, families, group::Group, stats::seconds, write::line};
use collect::{Context, Kept};
use exposition::{Family, Writer, render_labels};
use mounts::{
    Line, Mounts,
    statfs::{Answer, Call, Job, Pool, Stat},
};
use std::{
    collections::HashSet,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

/// The file systems, kept from scrape to scrape.
pub(crate) struct FileSystems {
    cx: Context,
    table: Mounts,
    disks: Kept,
    rows: Vec<Row>,
    jobs: Vec<Job>,
    answers: Vec<Answer>,
    pool: Pool,
    /// When the table is read again: on a node it has a line for each container.
    due: Option<Instant>,
}

#[derive(Debug)]
struct Row {
    /// `,device="…"`
    label: Box<str>,
    /// Its name in `/dev`; empty where it has none.
    name: Box<str>,
    number: (u32, u32),
    /// How many blocks it had: where it has others, it may be another one.
    blocks: Option<u64>,
}

/// The numbers of a line of diskstats, which begin with the reads.
type Disk = [u64; 11];

const LABELS: &[&str] = &["container", "device", "id", "image", "name", "namespace", "pod"];

pub(crate) static SPACE: [Family; 4] = [
    Family::gauge("container_fs_inodes_free", "Number of available Inodes", LABELS),
    Family::gauge("container_fs_inodes_total", "Number of Inodes", LABELS),
    Family::gauge(
        "container_fs_limit_bytes",
        "Number of bytes that can be consumed by the container on this filesystem.",
        LABELS,
    ),
    Family::gauge(
        "container_fs_usage_bytes",
        "Number of bytes that are consumed by the container on this filesystem.",
        LABELS,
    ),
];
const SPACE_NUMBERS: [fn(&Stat) -> u64; 4] =
    [|s| s.files_free, |s| s.files, Stat::bytes, Stat::used_bytes];

/// Families of disks alone; the numbers are those of diskstats, by their place.
pub(crate) static DISK: [Family; 9] = [
    Family::counter("container_fs_reads_merged_total", "Cumulative count of reads merged", LABELS),
    Family::counter(
        "container_fs_sector_reads_total",
        "Cumulative count of sector reads completed",
        LABELS,
    ),
    Family::counter(
        "container_fs_read_seconds_total",
        "Cumulative count of seconds spent reading",
        LABELS,
    ),
    Family::counter(
        "container_fs_writes_merged_total",
        "Cumulative count of writes merged",
        LABELS,
    ),
    Family::counter(
        "container_fs_sector_writes_total",
        "Cumulative count of sector writes completed",
        LABELS,
    ),
    Family::counter(
        "container_fs_write_seconds_total",
        "Cumulative count of seconds spent writing",
        LABELS,
    ),
    Family::gauge("container_fs_io_current", "Number of I/Os currently in progress", LABELS),
    Family::counter(
        "container_fs_io_time_seconds_total",
        "Cumulative count of seconds spent doing I/Os",
        LABELS,
    ),
    Family::counter(
        "container_fs_io_time_weighted_seconds_total",
        "Cumulative weighted I/O time in seconds",
        LABELS,
    ),
];
/// Where each of them stands in a line, and whether it is ms.
const DISK_NUMBERS: [(usize, bool); 9] = [
    (1, false),
    (2, false),
    (3, true),
    (5, false),
    (6, false),
    (7, true),
    (8, false),
    (9, true),
    (10, true),
];

/// Types that cAdvisor serves too, besides those that begin with `ext` and `nfs`.
const TYPES: [&str; 17] = [
    "btrfs", "exfat", "f2fs", "fat", "hfs", "hfsplus", "iso9660", "jfs", "msdos", "ntfs",
    "reiserfs", "squashfs", "tmpfs", "udf", "vfat", "xfs", "zfs",
];

/// Where pods, containers, services and sessions have mounts of their own.
const LEFT_OUT: [&str; 9] = [
    "/run/containerd/",
    "/run/containers/",
    "/run/credentials/",
    "/run/crio/",
    "/run/k3s/",
    "/run/user/",
    "/var/lib/containers/",
    "/var/lib/docker/",
    "/var/lib/kubelet/pods/",
];

/// File systems that are served.
const MOST: usize = 256;
/// How long the table is believed.
const TABLE_FOR: Duration = Duration::from_mins(1);
/// How long a file system may take to answer.
const PATIENCE: Duration = Duration::from_millis(500);
/// Threads that may be lost.
const THREADS: usize = 2;

// === impl FileSystems ===

impl FileSystems {
    pub(crate) fn new(cx: &Context, call: Call) -> Self {
        Self {
            cx: cx.clone(),
            table: Mounts::new(&cx.proc),
            disks: cx.proc.keep("diskstats"),
            rows: Vec::new(),
            jobs: Vec::new(),
            answers: Vec::new(),
            pool: Pool::new(call, PATIENCE, THREADS),
            due: None,
        }
    }

    /// Reads everything, and writes it with the labels of the machine's own group.
    pub(crate) fn collect(&mut self, root: &Group, devices: &Devices, out: &mut Writer) {
        if self.due.is_none_or(|due| Instant::now() >= due) {
            self.refresh();
        }
        if self.ask() {
            // A mount point without its mount has the numbers of what is below it.
            self.refresh();
            self.ask();
        }
        let labels = &root.labels;
        for (family, number) in SPACE.iter().zip(SPACE_NUMBERS) {
            out.family(family, |s| {
                for (row, answer) in self.rows.iter().zip(&self.answers) {
                    if let Answer::Stat(stat) = answer {
                        line(s, labels, &[&row.label], number(stat));
                    }
                }
            });
        }
        let Ok(text) = self.disks.read() else { return };
        let disks: Vec<_> = text.lines().filter_map(disk).collect();
        let of = |row: &Row| {
            let same = |number: (u32, u32), name: &str| {
                number == row.number || (row.number.0 == 0 && *row.name == *name)
            };
            disks.iter().find(|(number, name, _)| same(*number, name)).map(|(.., disk)| disk)
        };
        let found: Vec<_> = self.rows.iter().filter_map(|row| Some((row, of(row)?))).collect();
        for (family, (place, is_time)) in DISK.iter().zip(DISK_NUMBERS) {
            out.family(family, |s| {
                for (row, disk) in &found {
                    let number = disk.get(place).copied().unwrap_or_default();
                    if is_time {
                        line(s, labels, &[&row.label], seconds(number, 1e3));
                    } else {
                        line(s, labels, &[&row.label], number);
                    }
                }
            });
        }
        // The group may have counted a disk itself.
        let counted = |row: &Row| {
            let mut devices = root.stats.devices.iter().map(|device| devices.get(device.number));
            devices.any(|device| device.is_some_and(|device| device.name == row.label))
        };
        let [_, reads, _, writes, ..] = &families::DEVICES;
        for (family, place) in [(reads, 0), (writes, 4)] {
            out.family(family, |s| {
                for (row, disk) in found.iter().filter(|(row, _)| !counted(row)) {
                    line(s, labels, &[&row.label], disk.get(place).copied().unwrap_or_default());
                }
            });
        }
    }

    /// Asks each; whether one of them may be another one than it was.
    fn ask(&mut self) -> bool {
        // Without a thread nothing is known of any.
        let _asked = self.pool.ask(&self.jobs, &mut self.answers);
        let mut other = false;
        for ((row, job), answer) in self.rows.iter_mut().zip(&mut self.jobs).zip(&self.answers) {
            if let Answer::Stat(stat) = answer {
                job.trusted = true;
                other |= row.blocks.replace(stat.blocks).is_some_and(|was| was != stat.blocks);
            }
        }
        other
    }

    /// Reads the table.
    fn refresh(&mut self) {
        self.due = Instant::now().checked_add(TABLE_FOR);
        let known: HashSet<Arc<Path>> =
            self.jobs.drain(..).filter(|job| job.trusted).map(|job| job.path).collect();
        self.rows.clear();
        let Ok(file) = self.table.read() else { return };
        let mut seen = HashSet::new();
        for line in file.lines().filter_map(|line| Line::parse(&file, line).ok()) {
            let point = line.point(&self.cx.rootfs);
            let is_root = point == "/";
            let served = TYPES.contains(&line.fstype)
                || ["ext", "nfs"].iter().any(|prefix| line.fstype.starts_with(prefix))
                || (is_root && line.fstype == "overlay");
            if !served || LEFT_OUT.iter().any(|prefix| point.starts_with(prefix)) {
                continue;
            }
            let device = if line.fstype == "tmpfs" { &*point } else { line.device };
            if self.rows.len() >= MOST || !seen.insert(device.to_owned()) {
                continue;
            }
            let path: Arc<Path> = self.cx.rootfs.path(point.trim_start_matches('/')).into();
            let trusted = known.contains(&path) || !line.is_remote();
            let number = |text: &str| text.parse().unwrap_or_default();
            self.rows.push(Row {
                label: format!(",{}", render_labels(&[("device", device)])).into(),
                name: line.device.strip_prefix("/dev/").unwrap_or_default().into(),
                number: (number(line.major), number(line.minor)),
                blocks: None,
            });
            self.jobs.push(Job { path, trusted });
        }
    }
}

/// A line such as `8 0 sda 1 2 3 4 5 6 7 8 9 10 11 …`: number, name, and the first eleven numbers.
fn disk(line: &str) -> Option<((u32, u32), &str, Disk)> {
    let mut words = line.split_ascii_whitespace();
    let number = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let name = words.next()?;
    let mut disk = Disk::default();
    for field in &mut disk {
        *field = words.next()?.parse().ok()?;
    }
    Some((number, name, disk))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make and change files")]
mod tests {
    use super::*;
    use crate::{labels, names::Place, process::Processes, stats};
    use collect::testing::{context, samples, tree};
    use expect_test::expect;
    use exposition::{Format, encode};
    use model::Model;
    use mounts::statfs::Errno;
    use std::{
        fs,
        sync::atomic::{AtomicU64, Ordering::Relaxed},
    };

    const TABLE: &str = "\
20 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
21 20 0:20 / /proc rw - proc proc rw
22 20 0:21 / /run rw - tmpfs tmpfs rw
23 20 8:1 /srv /var/srv rw - ext4 /dev/sda1 rw
24 20 0:30 /@data /data rw - btrfs /dev/nvme0n1p3 rw
25 20 0:40 / /mnt/nfs rw - nfs4 server:/export rw
26 20 0:41 / /mnt/dead rw - nfs4 server:/dead rw
27 22 0:50 / /run/containerd/io.containerd.grpc.v1.cri/sandboxes/a/shm rw - tmpfs shm rw
28 20 0:51 / /var/lib/kubelet/pods/a/volumes/kubernetes.io~projected/token rw - tmpfs tmpfs rw
29 20 0:52 / /run/containerd/io.containerd.runtime.v2.task/k8s.io/a/rootfs rw - overlay overlay rw
30 20 8:32 / /var/lib/kubelet/plugins/csi/mount rw - xfs /dev/sdc rw
torn
";
    const DISKS: &str = "\
   8       0 sda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17
   8       1 sda1 100 10 2000 3000 400 40 5000 6000 7 8000 9000
 259       3 nvme0n1p3 1 1 1 1000 1 1 1 1000 1 1000 1000
   8      32 sdc 7 torn
";

    struct Machine {
        dir: tempfile::TempDir,
        filesystems: FileSystems,
        /// The blocks of what is mounted on `/mnt/nfs`.
        blocks: Arc<AtomicU64>,
    }

    fn machine() -> Machine {
        let dir = tree(&[("proc/1/mountinfo", TABLE), ("proc/diskstats", DISKS)]);
        let cx = context(&crate::SPEC, dir.path(), &[]);
        let blocks = Arc::new(AtomicU64::new(50));
        let (of_nfs, root) = (Arc::clone(&blocks), cx.rootfs.path(""));
        let call: Call = Arc::new(move |path| {
            let stat = |blocks| Stat {
                block: 4096,
                blocks,
                free: 10,
                available: 5,
                files: 1000,
                files_free: 900,
            };
            match path.strip_prefix(&root).unwrap().to_str().unwrap() {
                "mnt/dead" => Err(Errno::IO),
                "mnt/nfs" => Ok(stat(of_nfs.load(Relaxed))),
                _ => Ok(stat(100)),
            }
        });
        Machine { filesystems: FileSystems::new(&cx, call), dir, blocks }
    }

    fn scrape(machine: &mut Machine, devices: Vec<stats::Device>) -> String {
        let cx = machine.filesystems.cx.clone();
        let mut root = Group::new("", &Place::Root, None);
        let model = Model::default();
        let mut processes = Processes::new(cx.proc.directory("").unwrap());
        labels::name(&mut root, &model.pods(), &mut processes, "");
        let mut names = Devices::new(cx.sys);
        for device in &devices {
            names.learn(device.number);
        }
        root.stats.devices = devices;
        let mut out = Writer::default();
        machine.filesystems.collect(&root, &names, &mut out);
        let block = out.finish();
        let text = encode(&[&block], Format::TEXT).plain();
        let text = samples(&String::from_utf8(text).unwrap());
        text.replace(",image=\"\",name=\"\",namespace=\"\",pod=\"\"", "")
            .replace("container=\"\",", "")
    }

    #[test]
    fn file_systems_and_their_disks() {
        let mut machine = machine();
        expect![[r#"
            container_fs_inodes_free{device="/dev/sda1",id="/"} 900
            container_fs_inodes_free{device="/run",id="/"} 900
            container_fs_inodes_free{device="/dev/nvme0n1p3",id="/"} 900
            container_fs_inodes_free{device="server:/export",id="/"} 900
            container_fs_inodes_free{device="/dev/sdc",id="/"} 900
            container_fs_inodes_total{device="/dev/sda1",id="/"} 1000
            container_fs_inodes_total{device="/run",id="/"} 1000
            container_fs_inodes_total{device="/dev/nvme0n1p3",id="/"} 1000
            container_fs_inodes_total{device="server:/export",id="/"} 1000
            container_fs_inodes_total{device="/dev/sdc",id="/"} 1000
            container_fs_io_current{device="/dev/sda1",id="/"} 7
            container_fs_io_current{device="/dev/nvme0n1p3",id="/"} 1
            container_fs_io_time_seconds_total{device="/dev/sda1",id="/"} 8
            container_fs_io_time_seconds_total{device="/dev/nvme0n1p3",id="/"} 1
            container_fs_io_time_weighted_seconds_total{device="/dev/sda1",id="/"} 9
            container_fs_io_time_weighted_seconds_total{device="/dev/nvme0n1p3",id="/"} 1
            container_fs_limit_bytes{device="/dev/sda1",id="/"} 409600
            container_fs_limit_bytes{device="/run",id="/"} 409600
            container_fs_limit_bytes{device="/dev/nvme0n1p3",id="/"} 409600
            container_fs_limit_bytes{device="server:/export",id="/"} 204800
            container_fs_limit_bytes{device="/dev/sdc",id="/"} 409600
            container_fs_read_seconds_total{device="/dev/sda1",id="/"} 3
            container_fs_read_seconds_total{device="/dev/nvme0n1p3",id="/"} 1
            container_fs_reads_merged_total{device="/dev/sda1",id="/"} 10
            container_fs_reads_merged_total{device="/dev/nvme0n1p3",id="/"} 1
            container_fs_reads_total{device="/dev/sda1",id="/"} 100
            container_fs_reads_total{device="/dev/nvme0n1p3",id="/"} 1
            container_fs_sector_reads_total{device="/dev/sda1",id="/"} 2000
            container_fs_sector_reads_total{device="/dev/nvme0n1p3",id="/"} 1
            container_fs_sector_writes_total{device="/dev/sda1",id="/"} 5000
            container_fs_sector_writes_total{device="/dev/nvme0n1p3",id="/"} 1
            container_fs_usage_bytes{device="/dev/sda1",id="/"} 368640
            container_fs_usage_bytes{device="/run",id="/"} 368640
            container_fs_usage_bytes{device="/dev/nvme0n1p3",id="/"} 368640
            container_fs_usage_bytes{device="server:/export",id="/"} 163840
            container_fs_usage_bytes{device="/dev/sdc",id="/"} 368640
            container_fs_write_seconds_total{device="/dev/sda1",id="/"} 6
            container_fs_write_seconds_total{device="/dev/nvme0n1p3",id="/"} 1
            container_fs_writes_merged_total{device="/dev/sda1",id="/"} 40
            container_fs_writes_merged_total{device="/dev/nvme0n1p3",id="/"} 1
            container_fs_writes_total{device="/dev/sda1",id="/"} 400
            container_fs_writes_total{device="/dev/nvme0n1p3",id="/"} 1
        "#]]
        .assert_eq(&scrape(&mut machine, Vec::new()));
    }

    #[test]
    fn what_the_group_counted_itself_is_not_there_twice() {
        let mut machine = machine();
        let sys = machine.dir.path().join("sys/dev/block");
        fs::create_dir_all(&sys).unwrap();
        std::os::unix::fs::symlink("../../block/sda/sda1", sys.join("8:1")).unwrap();
        let device = stats::Device { number: (8, 1), ..stats::Device::default() };
        let text = scrape(&mut machine, vec![device]);
        assert!(!text.contains("fs_reads_total{device=\"/dev/sda1\""), "{text}");
        assert!(text.contains("fs_reads_total{device=\"/dev/nvme0n1p3\""), "{text}");
        assert!(text.contains("fs_sector_reads_total{device=\"/dev/sda1\""), "{text}");
    }

    #[test]
    fn another_size_may_be_another_file_system() {
        let mut machine = machine();
        let nfs = "container_fs_limit_bytes{device=\"server:/export\"";
        assert!(scrape(&mut machine, Vec::new()).contains(nfs));
        let less = TABLE.lines().filter(|line| !line.contains("/mnt/nfs"));
        let less: String = less.map(|line| line.to_owned() + "\n").collect();
        fs::write(machine.dir.path().join("proc/1/mountinfo"), less).unwrap();
        // The table is believed for a while, unless something speaks against it.
        assert!(scrape(&mut machine, Vec::new()).contains(nfs));
        machine.blocks.store(100, Relaxed);
        assert!(!scrape(&mut machine, Vec::new()).contains(nfs));
    }
}
