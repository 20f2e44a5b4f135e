//! Usage of persistent volumes while the kubelet is silent: `kubelet_volume_stats_*` as the kubelet has
//! them, by statfs(2) of what is mounted below its directory of pods.
//!
//! - `/proc/self/mountinfo`: what is mounted on `…/pods/UID/volumes/PLUGIN/NAME`, as we ourselves see it: a
//!   mount that did not reach us has no numbers, rather than those of what lies below it.
//! - the model's pods: which claims those are ([`mounted`]).
//! - statfs(2): blocks × the block's size → bytes, inodes. One that hangs is absent, and not asked again
//!   before it has come back. No file below the directory is read.
//!
//! The kubelet's own numbers go first, always: as long as it answers nothing of this is done. Who decides
//! is the collector that writes the kubelet's, by the same look at its answer, so that no scrape has both
//! and none lacks both. A kubelet that has just started knows no volume yet, for some minutes at most: for a while
//! after it was silent, what its answer does not have is still served. It counts volumes once a minute, and
//! so do drivers for it where they are asked; here the file system says what it says now.

mod mounted;

use crate::{kubelet::FAMILIES, page::Page};
use collect::{Context, Error, Filter, Kept, Result};
use exposition::{Family, Writer, render_labels, series};
use model::Model;
use mounted::{Holder, Sight, Volume};
use mounts::statfs::{Answer, Call, Errno, Job, Pool, Stat};
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

const LABELS: &[&str] = &["namespace", "persistentvolumeclaim"];

/// As the kubelet calls and describes them; they are guests as its own are.
static SPACE: [Family; 6] = [
    Family::gauge(
        "kubelet_volume_stats_available_bytes",
        "[ALPHA] Number of available bytes in the volume",
        LABELS,
    ),
    Family::gauge(
        "kubelet_volume_stats_capacity_bytes",
        "[ALPHA] Capacity in bytes of the volume",
        LABELS,
    ),
    Family::gauge(
        "kubelet_volume_stats_inodes",
        "[ALPHA] Maximum number of inodes in the volume",
        LABELS,
    ),
    Family::gauge(
        "kubelet_volume_stats_inodes_free",
        "[ALPHA] Number of free inodes in the volume",
        LABELS,
    ),
    Family::gauge(
        "kubelet_volume_stats_inodes_used",
        "[ALPHA] Number of used inodes in the volume",
        LABELS,
    ),
    Family::gauge(
        "kubelet_volume_stats_used_bytes",
        "[ALPHA] Number of used bytes in the volume",
        LABELS,
    ),
];
const NUMBERS: [fn(&Stat) -> u64; 6] = [
    |s| s.available.saturating_mul(s.block),
    Stat::bytes,
    |s| s.files,
    |s| s.files_free,
    |s| s.files.saturating_sub(s.files_free),
    Stat::used_bytes,
];

/// Volumes that are asked.
const MOST: usize = 1024;
/// How long a volume may take to answer.
const PATIENCE: Duration = Duration::from_millis(500);
/// Threads that may be lost.
const THREADS: usize = 2;
/// How long a kubelet may lack volumes once it answers again: it looks for them once a minute, and where it
/// looked too soon, at each of them again within two.
const WARM_UP: Duration = Duration::from_mins(5);
/// When containers are looked at again, where it is not certain which volume is whose.
const AGAIN: Duration = Duration::from_mins(1);

/// Why nobody may look.
const CLOSED: &str = "only root and its group may look there: volumes have no numbers while the kubelet does not answer; \
    the supplementary group 0 may look, and may read pods' secrets, too";

/// What is known of volumes from one silence of the kubelet to the next.
pub(crate) struct Volumes {
    cx: Context,
    model: Arc<Model>,
    /// Which of the families are served at all.
    wanted: [bool; SPACE.len()],
    table: Kept,
    pool: Pool,
    /// Volumes that have answered.
    answered: HashSet<Arc<Path>>,
    /// When the kubelet was last found silent.
    silent: Option<Instant>,
    /// Pods with claims, and the revision of the pods that they are from.
    holders: Option<(u64, Vec<Holder>)>,
    known: Option<Known>,
}

/// Which volume is whose.
struct Known {
    revision: u64,
    /// What is mounted for each of the pods.
    mounted: Vec<Vec<Volume>>,
    /// For each claim of each of the pods, which of what is mounted for it.
    found: Vec<Vec<Option<usize>>>,
    /// When it is looked for again, though nothing has changed.
    due: Option<Instant>,
}

// === impl Volumes ===

impl Volumes {
    pub(crate) fn new(cx: &Context, call: Call) -> Result<Self> {
        let option = FAMILIES.name;
        let wrong = |what| Error::Option { option: option.to_owned(), what };
        let mut filter = Filter::matching(cx.options.text(&FAMILIES)).map_err(wrong)?;
        Ok(Self {
            cx: cx.clone(),
            model: cx.shared.get(),
            wanted: SPACE.each_ref().map(|family| filter.keeps(&family.name)),
            table: cx.proc.keep("self/mountinfo"),
            pool: Pool::new(call, PATIENCE, THREADS),
            answered: HashSet::new(),
            silent: None,
            holders: None,
            known: None,
        })
    }

    /// Writes what the kubelet does not tell: nothing where it is `heard`, unless it was silent just before.
    pub(crate) fn fill(&mut self, heard: Option<&Page>, out: &mut Writer) {
        let now = self.cx.clock.instant();
        let warm = |silent: Instant| now.saturating_duration_since(silent) >= WARM_UP;
        if heard.is_none() {
            self.silent = Some(now);
        } else if self.silent.is_none_or(warm) {
            (self.silent, self.holders, self.known) = (None, None, None);
            return;
        }
        if !self.wanted.contains(&true) {
            return;
        }
        let theirs = heard.map(told).unwrap_or_default();
        let revision = self.look();
        let Some((_, holders)) = &self.holders else { return };
        let labels = |holder: &Holder, claim: &str| labels(&holder.namespace, claim);
        let lacks = |holder: &Holder| {
            let mut claims = holder.claims.all.iter().map(|claim| labels(holder, &claim.name));
            claims.any(|labels| !theirs.contains(labels.as_bytes()))
        };
        if !holders.iter().any(lacks) {
            return;
        }
        if let Err(error) = self.find(revision, now) {
            out.remark(format!("volumes: {error}"));
            return;
        }
        let (Some((_, holders)), Some(known)) = (&self.holders, &self.known) else { return };
        // A claim is served once, however many pods of the node have it.
        let mut rows = BTreeMap::new();
        for ((holder, mounted), found) in holders.iter().zip(&known.mounted).zip(&known.found) {
            for (claim, at) in holder.claims.all.iter().zip(found) {
                let labels = labels(holder, &claim.name);
                let volume = at.and_then(|at| mounted.get(at));
                if let Some(volume) = volume.filter(|_| !theirs.contains(labels.as_bytes())) {
                    rows.entry(labels).or_insert(volume);
                }
            }
        }
        let paths: HashSet<&Arc<Path>> = rows.values().map(|volume| &volume.path).collect();
        self.answered.retain(|path| paths.contains(path));
        let jobs: Vec<Job> = rows
            .values()
            .take(MOST)
            .map(|volume| {
                let trusted = !volume.remote || self.answered.contains(&volume.path);
                Job { path: Arc::clone(&volume.path), trusted }
            })
            .collect();
        let mut answers = Vec::new();
        if let Err(error) = self.pool.ask(&jobs, &mut answers) {
            out.remark(format!("volumes: no thread for statfs: {error}"));
        }
        let mut stats = Vec::new();
        let mut remarks = BTreeSet::new();
        for ((labels, volume), answer) in rows.iter().zip(&answers) {
            let path = volume.path.display();
            match answer {
                Answer::Stat(stat) => {
                    self.answered.insert(Arc::clone(&volume.path));
                    // FUSE says so to users whom it does not serve.
                    if stat.blocks == 0 && stat.files == 0 {
                        remarks.insert(format!("volumes: {path}: tells no numbers"));
                    } else {
                        stats.push((labels, stat));
                    }
                }
                Answer::Failed(Errno::ACCESS | Errno::PERM) => {
                    remarks.insert(format!("volumes: {}: {CLOSED}", volume.pods().display()));
                }
                Answer::Failed(errno) => {
                    remarks.insert(format!("volumes: {path}: {errno}"));
                }
                Answer::Timeout => {
                    remarks.insert(format!("volumes: {path}: does not answer"));
                }
            }
        }
        if rows.len() > MOST {
            remarks.insert(format!("volumes: more than {MOST} claims: the others are left out"));
        }
        remarks.extend(known.unclear(holders));
        for remark in remarks {
            out.remark(remark);
        }
        write(&stats, self.wanted, out);
    }

    /// Looks for pods that have claims, where pods have changed; the revision of the pods.
    fn look(&mut self) -> u64 {
        let pods = self.model.pods();
        let revision = pods.revision();
        if self.holders.as_ref().is_none_or(|(of, _)| *of != revision) {
            let holder = |(uid, pod): (&Arc<str>, &model::Pod)| Holder::new(uid, pod);
            self.holders = Some((revision, pods.iter().filter_map(holder).collect()));
        }
        revision
    }

    /// Finds the volumes of claims, where pods or mounts have changed.
    fn find(&mut self, revision: u64, now: Instant) -> Result<()> {
        let Some((_, holders)) = &self.holders else { return Ok(()) };
        let table = self.table.read()?;
        let mounted = mounted::volumes(&table, holders, &self.cx.rootfs);
        let same = |known: &Known| {
            let due = known.due.is_some_and(|due| now >= due);
            known.revision == revision && known.mounted == mounted && !due
        };
        if self.known.as_ref().is_some_and(same) {
            return Ok(());
        }
        let sight = Sight::new(&self.cx.proc, holders, &mounted);
        let found: Vec<_> = holders
            .iter()
            .zip(&mounted)
            .map(|(holder, mounted)| mounted::assign(holder, mounted, &sight))
            .collect();
        let mut known = Known { revision, mounted, found, due: None };
        if known.unclear(holders).next().is_some() {
            known.due = now.checked_add(AGAIN);
        }
        self.known = Some(known);
        Ok(())
    }
}

// === impl Known ===

impl Known {
    /// Pods of whose claims and volumes some could not be brought together.
    fn unclear<'a>(&'a self, holders: &'a [Holder]) -> impl Iterator<Item = String> + 'a {
        let all = holders.iter().zip(&self.mounted).zip(&self.found);
        all.filter_map(|((holder, mounted), found)| {
            let used = found.iter().flatten().collect::<HashSet<_>>().len();
            let unclear = found.contains(&None) && used < mounted.len();
            unclear.then(|| {
                let (namespace, name) = (&holder.namespace, &holder.name);
                format!("volumes: {namespace}/{name}: which volume is which claim's is not certain")
            })
        })
    }
}

/// The series of volumes that an answer has, by their labels.
fn told(page: &Page) -> HashSet<&[u8]> {
    let mut told = HashSet::new();
    for name in SPACE.iter().map(|family| &*family.name) {
        let lines = page.families.get(name).map_or(&[][..], |taken| &taken.lines);
        for line in lines.split_inclusive(|&b| b == b'\n') {
            let labels = series(line).strip_prefix(name.as_bytes());
            let labels = labels.and_then(|labels| labels.strip_prefix(b"{")?.strip_suffix(b"}"));
            told.extend(labels);
        }
    }
    told
}

/// A claim's labels, as they stand in a line.
fn labels(namespace: &str, claim: &str) -> String {
    render_labels(&[("namespace", namespace), ("persistentvolumeclaim", claim)])
}

/// Writes the families as guests: what the kubelet has of them stands beside.
fn write(stats: &[(&String, &Stat)], wanted: [bool; SPACE.len()], out: &mut Writer) {
    let mut own = Writer::default();
    for ((family, number), wanted) in SPACE.iter().zip(NUMBERS).zip(wanted) {
        if wanted {
            own.family(family, |s| {
                for (labels, stat) in stats {
                    s.rendered(&[labels], number(stat));
                }
            });
        }
    }
    for (family, lines) in own.finish().families() {
        out.guest(family, lines, false);
    }
}

#[cfg(test)]
mod tests;
