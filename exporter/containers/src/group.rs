//! One control group: its files, what they said, and whose it is.

use crate::{
    labels::Labels,
    layout::Layout,
    limits::Limits,
    names::Place,
    network::Interface,
    process::Processes,
    stats::{File, Stats},
};
use collect::{Directory, Found, KeptBelow};
use std::{
    io::ErrorKind,
    sync::Arc,
    time::{Duration, Instant},
};

/// A control group that is served.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    /// From the hierarchy's root, with a slash before each name; empty for the root.
    pub(crate) path: Box<str>,
    pub(crate) place: Place,
    /// The uid of its pod as the path has it.
    pub(crate) pod: Option<Box<str>>,
    pub(crate) stats: Stats,
    pub(crate) limits: Limits,
    pub(crate) labels: Arc<Labels>,
    /// Whether it is what holds a pod's network, and nothing of the pod's work.
    pub(crate) sandbox: bool,
    /// Open files, and sockets among them.
    pub(crate) open: Option<(usize, usize)>,
    /// Of its first process, -1 for no limit.
    pub(crate) most_open: Option<i64>,
    pub(crate) network: Vec<Interface>,
    /// OOM kills.
    pub(crate) kills: u64,
}

/// What a group is read through.
#[derive(Debug, Default)]
pub(crate) struct Files {
    /// In the order of [`Layout::files`].
    kept: Vec<KeptBelow>,
    /// When the limits are read again.
    due: Option<Instant>,
    round: u32,
    /// Of which processes the open files were counted, and the group's CPU time before that.
    counted: (Option<f64>, Vec<u32>),
}

/// What groups are read with.
#[derive(Debug)]
pub(crate) struct Reader {
    base: Directory,
    pub(crate) layout: Layout,
    pub(crate) processes: Processes,
    /// Seconds since 1970.
    pub(crate) boot: Option<i64>,
    /// Whether the machine has swap: without it no group has any.
    pub(crate) has_swap: bool,
    /// Whether `cgroup.procs` names processes as `/proc` does: by the namespace of who reads it.
    pub(crate) knows_processes: bool,
    pub(crate) now: Instant,
    round: u32,
    /// Whether a group has gone since the walk.
    pub(crate) lost: bool,
    /// The first file that could not be read, and why.
    pub(crate) fault: Option<(String, std::io::Error)>,
    buffer: Vec<u8>,
}

/// How long limits are believed.
const LIMITS_FOR: Duration = Duration::from_mins(1);

// === impl Reader ===

impl Reader {
    pub(crate) fn new(base: Directory, layout: Layout, processes: Processes) -> Self {
        Self {
            base,
            layout,
            processes,
            boot: None,
            has_swap: true,
            knows_processes: true,
            now: Instant::now(),
            round: 0,
            lost: false,
            fault: None,
            buffer: Vec::new(),
        }
    }

    /// Begins a scrape.
    pub(crate) fn begin(&mut self) {
        self.round = self.round.wrapping_add(1);
        self.now = Instant::now();
        self.lost = false;
        self.fault = None;
        self.processes.begin();
    }

    pub(crate) fn links(&self, path: &str) -> Option<(u64, u64)> {
        self.base.links(&self.layout.rel(self.layout.walked(), path, "")?).ok()
    }

    pub(crate) fn directories(&self, path: &str) -> Option<Vec<String>> {
        let rel = self.layout.rel(self.layout.walked(), path, "")?;
        self.base.directory(&rel).and_then(|directory| directory.directories()).ok()
    }
}

// === impl Group ===

impl Group {
    pub(crate) fn new(path: &str, place: &Place, pod: Option<&str>) -> Self {
        Self {
            path: path.into(),
            place: place.clone(),
            pod: pod.map(Into::into),
            stats: Stats::default(),
            limits: Limits::default(),
            labels: Arc::default(),
            sandbox: false,
            open: None,
            most_open: None,
            network: Vec::new(),
            kills: 0,
        }
    }

    /// The path as it stands in the label.
    pub(crate) fn id(&self) -> &str {
        if self.path.is_empty() { "/" } else { &self.path }
    }

    /// Reads everything; whether the group is still there. A group that was read in this round stays
    /// as it is.
    pub(crate) fn read(&mut self, with: &mut Files, reader: &mut Reader) -> bool {
        if with.round == reader.round {
            return true;
        }
        with.round = reader.round;
        let Reader { base, layout, now, buffer, .. } = reader;
        let rows = layout.files();
        with.kept.resize_with(rows.len(), KeptBelow::default);
        let due = with.due.is_none_or(|due| *now >= due);
        if due {
            with.kept.iter_mut().for_each(KeptBelow::look_again);
        }
        self.stats.clear();
        let (mut there, mut other) = (false, false);
        let is_unified = layout.is_unified();
        let had = with.due.is_some();
        for ((file, controller, name, at_once), kept) in rows.iter().zip(&mut with.kept) {
            match file {
                File::Swap if !reader.has_swap => continue,
                // Version 2 has processes only in groups that have none below.
                File::Processes if is_unified && matches!(self.place, Place::Pod(_)) => continue,
                _ => {}
            }
            let rel = || layout.rel(controller, &self.path, name).unwrap_or_default();
            match kept.read(base, rel, *at_once, buffer) {
                Ok(Found::Nothing) => {}
                Ok(found) => {
                    there = true;
                    other |= had && found == Found::Other;
                    let text = std::str::from_utf8(buffer).unwrap_or_default();
                    self.stats.take(*file, text, is_unified);
                }
                // Older kernels that were booted with psi=0 have files of it that cannot be read.
                Err(error) if error.kind() == ErrorKind::Unsupported => there = true,
                Err(error) => {
                    there = true;
                    if reader.fault.is_none() {
                        reader.fault = Some((rel(), error));
                    }
                }
            }
        }
        if !reader.knows_processes {
            self.stats.strange_processes(is_unified);
        }
        if is_unified && !reader.has_swap {
            self.stats.swap = self.stats.rss.map(|_| 0);
        }
        if is_unified && matches!(self.place, Place::Pod(_)) {
            self.stats.processes = there.then_some(0);
        }
        if !there {
            return reader.links(&self.path).is_some();
        }
        if due || other {
            // It may have been made anew, under the name that it had.
            with.kept.iter_mut().for_each(KeptBelow::look_again);
            self.limits = Limits::read(base, layout, &self.path, reader.boot, buffer);
            with.due = now.checked_add(LIMITS_FOR);
        }
        let is_root = matches!(self.place, Place::Root);
        let processes = &mut reader.processes;
        // Only a process that runs opens and closes files.
        let (cpu, pids) = &with.counted;
        let ran = cpu.is_none() || *cpu != self.stats.cpu || *pids != self.stats.pids;
        let count = if is_root { due } else { ran || other };
        if count {
            self.open = processes.open(&self.stats.pids);
            with.counted.0 = self.stats.cpu.filter(|_| self.open.is_some());
            with.counted.1.clone_from(&self.stats.pids);
        }
        if due || other {
            let first = if is_root { Some(1) } else { self.first() };
            let is_task = is_root || matches!(self.place, Place::Container(..));
            self.most_open = first.filter(|_| is_task).and_then(|pid| processes.most_open(pid));
        }
        true
    }

    /// The group's first process that the reader can see.
    pub(crate) fn first(&self) -> Option<u32> {
        self.stats.pids.iter().copied().find(|pid| *pid != 0)
    }
}
