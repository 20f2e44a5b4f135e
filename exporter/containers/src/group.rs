//! One control group: its files, what they said, and whose it is.

use crate::{
    labels::Labels,
    layout::Layout,
    limits::{self, Limits},
    names::Place,
    network::Interface,
    process::Processes,
    stats::{self, Device, File, Stats},
    text::Places,
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
    pub(crate) pod: Option<Arc<str>>,
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
    /// Where the keys of `cpu.stat`, version 1's, and `memory.stat` stand.
    places: [Places; 3],
    /// When limits are read again, and open files counted again.
    due: Option<Instant>,
    /// How often some limits were read since all were.
    often: u32,
    round: u32,
    /// Whether every file was read then.
    whole: bool,
    still: Still,
    /// Of which processes the open files were counted, and the group's CPU time before that.
    counted: (Option<f64>, Vec<u32>),
    /// Whether there was no time for that.
    uncounted: bool,
}

/// The files of a group of version 2 that say what they said at the scrape before.
///
/// What they count only grows, and a group counts what those below it do: where it stood still, all
/// below did, and their files need not be read. (The kernel weighs the stalls of a group's
/// processors, so that a stall of some µs below may show above, and thus here, at a later scrape.)
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Still(u32);

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
    devices: Vec<Device>,
    /// Groups that were read for the first time.
    begun: u32,
}

/// How long limits are believed, and the number of open files where nothing tells of another one.
const LIMITS_FOR: Duration = Duration::from_mins(1);
/// In how many parts of that time groups have theirs read.
const PARTS: u32 = 4;
/// How often some limits are read before all are again.
const OFTEN: u32 = 4;

// === impl Still ===

impl Still {
    /// Whether this file stood still.
    fn has(self, file: File) -> bool {
        self.0 >> (file as u32) & 1 != 0
    }

    fn add(&mut self, file: File) {
        self.0 |= 1 << (file as u32);
    }
}

// === impl Files ===

impl Files {
    /// What stood still in the last round.
    pub(crate) fn still(&self) -> Still {
        self.still
    }
}

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
            devices: Vec::new(),
            begun: 0,
        }
    }

    /// Begins a scrape.
    pub(crate) fn begin(&mut self, now: Instant) {
        self.round = self.round.wrapping_add(1);
        self.now = now;
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
    pub(crate) fn new(path: &str, place: &Place, pod: Option<Arc<str>>) -> Self {
        Self {
            path: path.into(),
            place: place.clone(),
            pod,
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

    /// Reads everything but what stood still in a group above; whether the group is still there. A
    /// group that was read in this round stays as it is.
    pub(crate) fn read(&mut self, with: &mut Files, above: Still, reader: &mut Reader) -> bool {
        if with.round == reader.round {
            return true;
        }
        let had = with.whole && with.round.wrapping_add(1) == reader.round;
        with.round = reader.round;
        let (due, first) = match with.due {
            Some(due) => (reader.now >= due, false),
            None => (true, true),
        };
        if due {
            with.kept.iter_mut().for_each(KeptBelow::tidy);
        }
        let (there, other) = self.read_files(with, above, had, reader);
        let other = other && !first;
        if !there {
            return reader.links(&self.path).is_some();
        }
        let Reader { base, layout, now, buffer, processes, .. } = reader;
        let is_root = matches!(self.place, Place::Root);
        if other {
            // It was made anew, under the name that it had.
            with.kept.iter_mut().for_each(KeptBelow::tidy);
        }
        if due || other {
            let start = if first || other {
                limits::start(base, layout, &self.path, reader.boot)
            } else {
                self.limits.start
            };
            let all = first || other || with.often >= OFTEN;
            if all {
                self.limits = Limits { start, ..Limits::read(base, layout, &self.path, buffer) };
                let of = if is_root { Some(1) } else { self.first() };
                let is_task = is_root || matches!(self.place, Place::Container(..));
                self.most_open = of.filter(|_| is_task).and_then(|pid| processes.most_open(pid));
            } else {
                self.limits.read_often(base, layout, &self.path, buffer);
            }
            with.often = match (first, all) {
                (true, _) => reader.begun / PARTS % (OFTEN + 1),
                (false, true) => 0,
                (false, false) => with.often + 1,
            };
            // The first time is everybody's: the next ones are not.
            let part = if first {
                reader.begun = reader.begun.wrapping_add(1);
                1 + reader.begun % PARTS
            } else {
                PARTS
            };
            with.due = now.checked_add(LIMITS_FOR * part / PARTS);
        }
        // Only a process that runs opens and closes files.
        let (cpu, pids) = &with.counted;
        let ran = *cpu != self.stats.cpu || self.open.is_none();
        let changed = *pids != self.stats.pids && !is_root;
        if first || other || changed || with.uncounted || (due && (ran || is_root)) {
            self.open = processes.open(&self.stats.pids);
            with.uncounted = self.open.is_none() && processes.is_spent();
            with.counted.0 = self.stats.cpu;
            with.counted.1.clone_from(&self.stats.pids);
        }
        true
    }

    /// Reads the files that are read at each scrape; whether there are any, and whether one is another
    /// than it was. Of version 2, `had` says that what they said before still stands.
    fn read_files(
        &mut self,
        with: &mut Files,
        above: Still,
        had: bool,
        reader: &mut Reader,
    ) -> (bool, bool) {
        let Reader { base, layout, buffer, devices, .. } = reader;
        let rows = layout.files();
        with.kept.resize_with(rows.len(), KeptBelow::default);
        let is_unified = layout.is_unified();
        let is_pod = matches!(self.place, Place::Pod(_));
        let before = (self.stats.cpu, self.stats.threads, self.stats.pressure);
        if !is_unified {
            self.stats.clear();
        }
        (with.whole, with.still) = (true, Still::default());
        let (mut there, mut other) = (false, false);
        for ((file, controller, name, at_once), kept) in rows.iter().zip(&mut with.kept) {
            let stats = &mut self.stats;
            // A group that was made anew has nothing from before; its first file tells.
            let had = had && is_unified && !other;
            // Without running nothing forks, ends, takes memory or waits for a processor.
            let idle = had && stats.cpu.is_some() && stats.cpu == before.0;
            match file {
                File::Swap if !reader.has_swap => continue,
                // Version 2 has processes only in groups that have none below.
                File::Processes if is_unified && is_pod => continue,
                File::Processes if idle && stats.threads == before.1 => continue,
                File::CpuPressure if idle => {
                    with.still.add(*file);
                    continue;
                }
                File::MemoryPeak if idle && stats.peak.is_some() && stats.memory <= stats.peak => {
                    continue;
                }
                file if had && above.has(*file) => {
                    with.still.add(*file);
                    continue;
                }
                _ => {}
            }
            let rel = || layout.rel(controller, &self.path, name).unwrap_or_default();
            let found = kept.read(base, rel, *at_once, buffer);
            if *file == File::Processes && !is_unified {
                // Version 1 makes the list when the file is opened, and anew only after a second without a read.
                kept.let_go();
            }
            if is_unified && *file != File::Io {
                stats.forget(*file);
            }
            match found {
                Ok(Found::Nothing) if *file == File::Io => stats.forget(*file),
                Ok(Found::Nothing) => {}
                Ok(found) => {
                    there = true;
                    other |= found == Found::Other;
                    if *file == File::Io {
                        devices.clear();
                        stats::io(buffer, devices);
                        if had && *devices == stats.devices {
                            with.still.add(*file);
                        } else {
                            stats.devices.clear();
                            stats.devices.reserve_exact(devices.len());
                            stats.devices.extend_from_slice(devices);
                        }
                    } else {
                        stats.take(*file, buffer, is_unified, &mut with.places);
                    }
                    let pressure = match file {
                        File::CpuPressure => 0,
                        File::MemoryPressure => 1,
                        File::IoPressure => 2,
                        _ => continue,
                    };
                    let now = stats.pressure.get(pressure);
                    if had
                        && now == before.2.get(pressure)
                        && now.is_some_and(|now| now[0].is_some())
                    {
                        with.still.add(*file);
                    }
                }
                // Older kernels that were booted with psi=0 have files of it that cannot be read.
                Err(error) if error.kind() == ErrorKind::Unsupported => there = true,
                Err(error) => {
                    there = true;
                    with.whole = false;
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
        if is_unified && is_pod {
            self.stats.processes = there.then_some(0);
        }
        if matches!(self.place, Place::Root) {
            // The machine's own files count by other rules.
            with.still = Still::default();
        }
        (there, other)
    }

    /// The group's first process that the reader can see.
    pub(crate) fn first(&self) -> Option<u32> {
        self.stats.pids.iter().copied().find(|pid| *pid != 0)
    }
}
