//! Containers, pods, slices and services as their control groups count them, read at each scrape:
//! cAdvisor's families without cAdvisor, and the machine's own.
//!
//! | module | what it does |
//! |---|---|
//! | [`names`] | what a group is, by its path |
//! | [`tree`] | which groups there are |
//! | [`layout`], [`stats`], [`limits`], [`process`], [`network`] | what their files say |
//! | [`labels`], [`kills`] | whose they are and who was killed, by the model |
//! | [`families`], [`write`] | the lines |
//! | [`machine`], [`filesystems`] | `machine_*`, and the machine's disks |
//!
//! Nothing is asked of a container runtime or the kubelet, so that the numbers go on while those are
//! down; and every number is of the scrape's moment, so that no line has a time of its own.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod devices;
mod families;
mod filesystems;
mod group;
mod kills;
mod labels;
mod layout;
mod limits;
mod machine;
mod names;
mod network;
mod process;
mod stats;
mod text;
mod tree;
mod write;

use collect::{Collector, Context, Error, Faults, Filter, Kept, Opt, Result, Root, Spec};
use devices::Devices;
use exposition::{Sheets, Writer};
use filesystems::FileSystems;
use group::{Group, Reader, Still};
use kills::Gone;
use layout::Layout;
use machine::Machine;
use model::Model;
use mounts::statfs::statfs;
use names::Place;
use process::Processes;
use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};
use tree::Tree;
use write::Groups;

/// Whether containers are served.
pub const MODE: Opt = Opt::text(
    "containers",
    "auto",
    "Serve control groups with cAdvisor's names: auto where there are containers or pods, on \
     everywhere, or off.",
);
const UNITS: Opt = Opt::text(
    "containers.units",
    ".",
    "Which control groups are served besides the machine's, pods' and containers': those of slices, \
     services and scopes whose path matches, 512 at most.",
);
const SANDBOX_IMAGE: Opt = Opt::text(
    "containers.sandbox-image",
    "pause",
    "The image of the containers that hold pods' namespaces, which no pod's status tells.",
);

/// The collectors of the part `cadvisor`.
pub const COLLECTORS: &[&Spec] = &[&SPEC];

/// The collector of control groups.
pub static SPEC: Spec = Spec {
    name: "containers",
    doc: "Containers, pods, slices and services by their control groups, and the machine, with cAdvisor's names.",
    default: true,
    families: &[
        &families::SIMPLE,
        &families::DEVICES,
        &families::NETWORK,
        &families::OTHERS,
        &families::ERRORS,
        &filesystems::SPACE,
        &filesystems::DISK,
        &machine::FAMILIES,
    ],
    opts: &[UNITS, SANDBOX_IMAGE],
    build: |cx| Ok(Box::new(Containers::new(cx)?)),
};

struct Containers {
    cx: Context,
    model: Arc<Model>,
    units: Filter,
    sandbox_image: String,
    always: bool,
    machine: Machine,
    known: Option<Known>,
}

/// What is kept once control groups were found.
struct Known {
    tree: Tree,
    reader: Reader,
    devices: Devices,
    meminfo: Kept,
    gone: Gone,
    filesystems: FileSystems,
    /// Lines that stand still.
    sheets: Arc<Sheets>,
    /// When devices are looked up again.
    due: Instant,
}

/// Walks in one scrape, where groups come and go meanwhile.
const ROUNDS: usize = 3;
/// How long devices' names are believed.
const DEVICES_FOR: Duration = Duration::from_mins(1);

/// What a pod without `hostPID` is told.
const STRANGE: &str = "open files, limits and network interfaces: control groups name processes by the exporter's own \
    PID namespace, and /proc by another; give the pod hostPID";

// === impl Containers ===

impl Containers {
    fn new(cx: &Context) -> Result<Self> {
        Ok(Self {
            cx: cx.clone(),
            model: cx.shared.get::<Model>(),
            units: Filter::including(&cx.options, &UNITS)?,
            sandbox_image: cx.options.text(&SANDBOX_IMAGE).to_owned(),
            always: cx.options.text(&MODE) == "on",
            machine: Machine::new(cx),
            known: None,
        })
    }

    fn open(cx: &Context) -> Result<Known> {
        let base = cx.sys.directory("fs/cgroup").map_err(Error::or_no_data)?;
        let Some(layout) = Layout::find(&base) else {
            let what = format!(
                "{} has neither cgroup.controllers nor a directory of the controllers memory or cpuacct",
                cx.sys.path("fs/cgroup").display()
            );
            return Err(Error::no_data(what));
        };
        let processes = Processes::new(cx.proc.directory("")?);
        let mut reader = Reader::new(base, layout, processes);
        reader.knows_processes = knows_processes(&cx.proc);
        Ok(Known {
            tree: Tree::new(),
            reader,
            devices: Devices::new(cx.sys.clone()),
            meminfo: cx.proc.keep("meminfo"),
            gone: Gone::default(),
            filesystems: FileSystems::new(cx, Arc::new(statfs)),
            sheets: Arc::default(),
            due: cx.clock.instant(),
        })
    }
}

impl Collector for Containers {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        if self.known.is_none() {
            self.known = Some(Self::open(&self.cx)?);
        }
        let Some(known) = &mut self.known else { return Ok(()) };
        known.reader.begin(self.cx.clock.instant());
        if known.reader.boot.is_none() {
            known.reader.boot = boot(&self.cx.proc);
        }
        let swap = known.meminfo.read().ok().and_then(|text| machine::swap(text.as_str()));
        known.reader.has_swap = swap != Some(0);
        let mut rounds = 0;
        let walk = loop {
            let walk = known.tree.walk(&known.reader, &mut self.units);
            if walk.owned == 0 && !self.always {
                return Ok(());
            }
            known.reader.lost = false;
            known.tree.read(Still::default(), &mut known.reader);
            // Where a group has gone another one may have come: the next walk finds it.
            rounds += 1;
            if !known.reader.lost || rounds == ROUNDS {
                break walk;
            }
        };
        known.finish(&self.model, &self.sandbox_image);
        let mut groups = Vec::new();
        known.tree.groups(&mut groups);
        let now = self.cx.clock.now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.unwrap_or_default().as_secs();
        if let Some(root) = groups.first() {
            known.filesystems.collect(root, &known.devices, out);
        }
        let groups = Groups {
            all: groups,
            devices: known.devices.clone(),
            now,
            sheets: Arc::clone(&known.sheets),
        };
        groups.write(&known.gone, out);
        let [.., left_out] = &families::OTHERS;
        out.family(left_out, |s| s.value(walk.left_out));
        let mut faults = Faults::default();
        let [of_groups, of_machine] = &families::ERRORS;
        out.family(of_groups, |s| s.value(known.reader.fault.is_some()));
        if let Some((rel, source)) = known.reader.fault.take() {
            let path = self.cx.sys.path("fs/cgroup").join(rel);
            faults.note(Error::Read { path, source });
        }
        if !known.reader.knows_processes {
            out.remark(STRANGE);
        }
        let machine = faults.ok(self.machine.collect(out));
        out.family(of_machine, |s| s.value(machine.is_none()));
        faults.finish()
    }
}

// === impl Known ===

impl Known {
    /// Brings together what is read by more than a group's own files.
    fn finish(&mut self, model: &Model, sandbox_image: &str) {
        if self.reader.now >= self.due {
            self.devices.forget();
            self.due = self.reader.now + DEVICES_FOR;
        }
        let Reader { processes, layout, .. } = &mut self.reader;
        let pods = model.pods();
        let (devices, meminfo) = (&mut self.devices, &mut self.meminfo);
        self.tree.each(&mut |group, _| {
            if !group.labels.are_of(pods.revision()) {
                labels::name(group, &pods, processes, sandbox_image);
            }
            group.stats.devices.iter().for_each(|row| devices.learn(row.number));
            if matches!(group.place, Place::Root) {
                machine::root(group, meminfo, layout.is_unified());
            }
            if layout.is_unified() {
                // Version 2 does not count these, and cAdvisor writes 0.
                group.stats.kernel = group.stats.memory.map(|_| 0);
                group.stats.failures = group.stats.kernel;
            }
        });
        let mut groups = Vec::new();
        self.tree.groups_mut(&mut groups);
        self.gone.update(&mut groups, &model.kills(), &pods);
        drop(pods);
        self.tree.each(&mut |group, below| network(group, below, processes));
    }
}

/// The network of the machine is that of its first process; a pod's that of its sandbox, and where it
/// has none (CRI-O makes none unless it must), of any process of the pod.
fn network(group: &mut Group, below: &mut [&mut Group], processes: &mut Processes) {
    match &group.place {
        Place::Root => processes.network(1, &mut group.network),
        Place::Container(..) if group.sandbox => match group.first() {
            Some(pid) => processes.network(pid, &mut group.network),
            None => group.network.clear(),
        },
        Place::Pod(_) if !below.iter().any(|container| container.sandbox) => {
            match below.iter().find_map(|container| container.first()) {
                Some(pid) => processes.network(pid, &mut group.network),
                None => group.network.clear(),
            }
        }
        _ => group.network.clear(),
    }
}

/// Whether `/proc` names processes as the kernel names them to us. A directory without a process of ours, as tests
/// have, is taken for one that does.
fn knows_processes(proc: &Root) -> bool {
    proc.link("self").is_none_or(|pid| pid == std::process::id().to_string())
}

/// When the machine started, seconds since 1970.
fn boot(proc: &Root) -> Option<i64> {
    let text = proc.read("stat").ok()?;
    let line = text.text().lines().find_map(|line| line.strip_prefix("btime "))?;
    line.trim().parse().ok()
}

#[cfg(test)]
mod tests;
