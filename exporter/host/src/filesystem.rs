//! `/proc/1/mountinfo` and statfs(2): space and inodes of mounted file systems.
//!
//! Blocks × the block size → bytes. Mount points are as the host sees them: statfs asks below
//! `--path.rootfs`, whose path the labels lose. A mount whose statfs does not answer is shown by
//! `node_filesystem_device_error` 1 with `device_error="mountpoint timeout"`.

mod errno;

use collect::{Collector, Context, Error, Faults, Filter, Opt, Result, Root, Spec};
use exposition::{Family, Writer};
use mounts::{
    Line, Mounts,
    statfs::{self, Answer, Job, Pool, Stat},
};
use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    path::Path,
    sync::Arc,
    time::Duration,
};

pub(crate) static SPEC: Spec = Spec {
    name: "filesystem",
    doc: "Space and inodes of mounted file systems.",
    default: true,
    families: &[&[DEVICE_ERROR, READONLY, MOUNT_INFO], &SIZES],
    opts: &[
        MOUNT_POINTS_EXCLUDE,
        MOUNT_POINTS_INCLUDE,
        FS_TYPES_EXCLUDE,
        FS_TYPES_INCLUDE,
        MOUNT_TIMEOUT,
        STAT_WORKERS,
    ],
    build: |cx| Ok(Box::new(Filesystem::new(cx, Arc::new(statfs::statfs))?)),
};

const MOUNT_POINTS_EXCLUDE: Opt = Opt::text(
    "collector.filesystem.mount-points-exclude",
    "^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)",
    "Regular expression of mount points to leave out.",
)
.aliases(&["collector.filesystem.ignored-mount-points"]);
const MOUNT_POINTS_INCLUDE: Opt = Opt::text(
    "collector.filesystem.mount-points-include",
    "",
    "Regular expression of mount points to keep, instead of the exclusion.",
);
const FS_TYPES_EXCLUDE: Opt = Opt::text(
    "collector.filesystem.fs-types-exclude",
    "^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660|\
     mqueue|nsfs|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|erofs|sysfs|\
     tracefs)$",
    "Regular expression of file system types to leave out.",
)
.aliases(&["collector.filesystem.ignored-fs-types"]);
const FS_TYPES_INCLUDE: Opt = Opt::text(
    "collector.filesystem.fs-types-include",
    "",
    "Regular expression of file system types to keep, instead of the exclusion.",
);
const MOUNT_TIMEOUT: Opt = Opt::text(
    "collector.filesystem.mount-timeout",
    "5s",
    "How long a mount may take to answer before it counts as stuck; never more than 1s.",
)
.hidden();
const STAT_WORKERS: Opt = Opt::text(
    "collector.filesystem.stat-workers",
    "4",
    "How many threads may be lost to mounts that do not answer.",
)
.hidden();

const LABELS: &[&str] = &["device", "device_error", "fstype", "mountpoint"];

const DEVICE_ERROR: Family = Family::gauge(
    "node_filesystem_device_error",
    "1 where the file system could not be asked for its numbers; device_error says why.",
    LABELS,
);
const READONLY: Family = Family::gauge(
    "node_filesystem_readonly",
    "1 where the mount or the file system is read-only.",
    LABELS,
);
const MOUNT_INFO: Family = Family::gauge(
    "node_filesystem_mount_info",
    "1 for each mount point, with the device's numbers.",
    &["device", "major", "minor", "mountpoint"],
);
static SIZES: [Family; 6] = [
    Family::gauge("node_filesystem_size_bytes", "Size of the file system in bytes.", LABELS),
    Family::gauge("node_filesystem_free_bytes", "Free space in bytes.", LABELS),
    Family::gauge("node_filesystem_avail_bytes", "Free space for non-root users in bytes.", LABELS),
    Family::gauge("node_filesystem_files", "Inodes in all.", LABELS),
    Family::gauge("node_filesystem_files_free", "Free inodes.", LABELS),
    Family::gauge(
        "node_filesystem_purgeable_bytes",
        "Space that could be freed by purging, in bytes; always 0 on Linux.",
        LABELS,
    ),
];

/// The longest patience with a mount. A scrape has 10 s in most configurations, so that four stuck
/// mounts, each met for the first time, leave more than half of it.
const PATIENCE: Duration = Duration::from_secs(1);

struct Filesystem {
    table: Mounts,
    rootfs: Root,
    mount_points: Filter,
    fs_types: Filter,
    /// The text that `mounts` was made from: it changes rarely.
    text: String,
    mounts: Vec<Mount>,
    jobs: Vec<Job>,
    answers: Vec<Answer>,
    pool: Pool,
}

/// A line of mountinfo that the filters let through.
struct Mount {
    device: String,
    fstype: String,
    point: String,
    major: String,
    minor: String,
    readonly: bool,
    /// Its place among the jobs; mounts over one another share one.
    job: usize,
    /// Whether no line before had the same device, type and mount point.
    first: bool,
    /// Whether no line before had the same device, numbers and mount point.
    first_info: bool,
}

// === impl Filesystem ===

impl Filesystem {
    fn new(cx: &Context, call: statfs::Call) -> Result<Self> {
        let options = &cx.options;
        let patience = options.positive_duration(&MOUNT_TIMEOUT)?.min(PATIENCE);
        let workers = options.text(&STAT_WORKERS);
        let workers: usize =
            workers.parse().ok().filter(|&n| n > 0).ok_or_else(|| Error::Option {
                option: STAT_WORKERS.name.to_owned(),
                what: format!("{workers:?} is no number of threads, such as 4"),
            })?;
        Ok(Self {
            table: Mounts::new(&cx.proc),
            rootfs: cx.rootfs.clone(),
            mount_points: Filter::new(options, &MOUNT_POINTS_INCLUDE, &MOUNT_POINTS_EXCLUDE)?,
            fs_types: Filter::new(options, &FS_TYPES_INCLUDE, &FS_TYPES_EXCLUDE)?,
            text: String::new(),
            mounts: Vec::new(),
            jobs: Vec::new(),
            answers: Vec::new(),
            pool: Pool::new(call, patience, workers),
        })
    }

    /// Reads the mounts anew where they have changed.
    fn refresh(&mut self) -> Result<()> {
        let file = self.table.read()?;
        if file.as_str() == self.text {
            return Ok(());
        }
        let known: HashSet<Arc<Path>> =
            self.jobs.drain(..).filter(|job| job.trusted).map(|job| job.path).collect();
        self.mounts.clear();
        let mut places: HashMap<Arc<Path>, usize> = HashMap::new();
        let (mut shown, mut shown_info) = (HashSet::new(), HashSet::new());
        let mut faults = Faults::default();
        for line in file.lines() {
            let Some(line) = faults.ok(Line::parse(&file, line)) else { continue };
            let mount_point = line.point(&self.rootfs);
            if !self.fs_types.keeps(line.fstype) || !self.mount_points.keeps(&mount_point) {
                continue;
            }
            let path: Arc<Path> = self.rootfs.path(mount_point.trim_start_matches('/')).into();
            let job = *places.entry(Arc::clone(&path)).or_insert_with(|| {
                let trusted = known.contains(&path) || !line.is_remote();
                self.jobs.push(Job { path, trusted });
                self.jobs.len() - 1
            });
            let first = shown.insert((job, line.device, line.fstype));
            let first_info = shown_info.insert((job, line.device, line.major, line.minor));
            self.mounts.push(Mount {
                device: line.device.to_owned(),
                fstype: line.fstype.to_owned(),
                point: mount_point.into_owned(),
                major: line.major.to_owned(),
                minor: line.minor.to_owned(),
                readonly: line.readonly,
                job,
                first,
                first_info,
            });
        }
        let finished = faults.finish();
        // A torn line is told at every scrape as long as it stands there.
        self.text.clear();
        if finished.is_ok() {
            self.text.push_str(file.as_str());
        }
        finished
    }
}

impl Collector for Filesystem {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let mut faults = Faults::default();
        let refreshed = self.refresh();
        if matches!(refreshed, Err(Error::Read { .. })) {
            return refreshed;
        }
        faults.ok(refreshed);
        if let Err(source) = self.pool.ask(&self.jobs, &mut self.answers) {
            faults.note(Error::System { what: "start a thread for statfs".into(), source });
        }
        for (job, answer) in self.jobs.iter_mut().zip(&self.answers) {
            job.trusted |= matches!(answer, Answer::Stat(_));
        }
        let answer = |mount: &Mount| self.answers.get(mount.job).copied().unwrap_or_default();
        let firsts = || self.mounts.iter().filter(|mount| mount.first);
        let why = |mount: &Mount| match answer(mount) {
            Answer::Stat(_) => Cow::Borrowed(""),
            Answer::Failed(errno) => errno::words(errno),
            Answer::Timeout => Cow::Borrowed("mountpoint timeout"),
        };
        out.family(&DEVICE_ERROR, |s| {
            for m in firsts() {
                let why = why(m);
                s.row(&[&m.device, &why, &m.fstype, &m.point], !why.is_empty());
            }
        });
        out.family(&READONLY, |s| {
            for m in firsts() {
                s.row(&[&m.device, &why(m), &m.fstype, &m.point], m.readonly);
            }
        });
        let answered = || {
            self.mounts.iter().filter_map(|mount| match answer(mount) {
                Answer::Stat(stat) => Some((mount, stat)),
                _ => None,
            })
        };
        for (family, number) in SIZES.iter().zip(NUMBERS) {
            out.family(family, |s| {
                for (m, stat) in answered().filter(|(m, _)| m.first) {
                    s.row(&[&m.device, "", &m.fstype, &m.point], number(&stat));
                }
            });
        }
        out.family(&MOUNT_INFO, |s| {
            for (m, _) in answered().filter(|(m, _)| m.first_info) {
                s.row(&[&m.device, &m.major, &m.minor, &m.point], 1);
            }
        });
        faults.finish()
    }
}

/// The numbers of [`SIZES`], in their order.
#[expect(clippy::cast_precision_loss, reason = "the peer's numbers are floats, and so rounded")]
const NUMBERS: [fn(&Stat) -> f64; 6] = [
    |s| s.blocks as f64 * s.block as f64,
    |s| s.free as f64 * s.block as f64,
    |s| s.available as f64 * s.block as f64,
    |s| s.files as f64,
    |s| s.files_free as f64,
    |_| 0.0,
];

#[cfg(test)]
mod tests;
