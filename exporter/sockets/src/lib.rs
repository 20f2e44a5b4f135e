//! Who listens where: sockets of the host's network namespace (`/proc/1/net`) joined, by inode, with
//! the open files of the processes in each unit's control group (`/proc/PID/fd`).
//!
//! Nothing tells when a process begins to listen, so it is looked up when somebody asks, never at a
//! scrape. A look is bounded in bytes, processes and files; what was not looked at is said in words.
//! It needs root or `CAP_SYS_PTRACE`, for the files of other people's processes, and the host's PID
//! namespace.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod table;

use cgroup::Cgroups;
use collect::{Error, Result, Root};
use model::{Endpoint, Listener, Model};
use std::{
    collections::{HashMap, HashSet},
    io,
    sync::Arc,
    time::Instant,
};
use table::{FILES, Kind};

/// Bytes of a table that are read: some 7,000 sockets.
const TABLE: usize = 1 << 20;
/// Processes of one unit, and of all.
const PROCESSES: usize = 512;
const ALL_PROCESSES: usize = 4096;
/// Files of one process, and of all.
const FILES_OF_PROCESS: usize = 4096;
const ALL_FILES: usize = 65_536;

/// Looks for sockets.
#[derive(Clone, Debug)]
pub struct Sockets {
    proc: Root,
    groups: Cgroups,
}

/// One look: what is still to be found, and what was passed over.
struct Look<'a> {
    proc: &'a Root,
    sockets: HashMap<u64, Endpoint>,
    found: Vec<(Arc<str>, Listener)>,
    processes: usize,
    files: usize,
    /// Processes whose files may not be read, and those that had more than are looked at.
    forbidden: usize,
    cut: usize,
    /// Units whose processes have no number here.
    foreign: usize,
    unknown: Vec<String>,
}

// === impl Sockets ===

impl Sockets {
    /// Over the host's `/proc` and `/sys`.
    pub fn new(proc: &Root, sys: &Root) -> Self {
        Self { proc: proc.clone(), groups: Cgroups::new(sys) }
    }

    /// Looks once, on behalf of the units that the model knows, and notes there what was found.
    ///
    /// Takes milliseconds to tens of them; not for a thread that must not wait.
    pub fn look(&self, model: &Model) {
        let begun = Instant::now();
        let units = model.units();
        let of = |(name, unit): (&Arc<str>, &model::Unit)| {
            Some((Arc::clone(name), Arc::clone(unit.group.as_ref()?), unit.main_pid))
        };
        // What matters to the node comes first, in case that not all can be looked at.
        let mut places: Vec<_> = units.iter().filter_map(of).collect();
        drop(units);
        places.sort_by_cached_key(|(name, ..)| model::Role::of(name).is_none());
        let mut look = Look::new(&self.proc);
        look.tables();
        for (name, group, main) in places {
            if look.sockets.is_empty() || !look.has_room() {
                break;
            }
            match self.groups.processes(&group, PROCESSES) {
                Ok((processes, all)) => look.unit(&name, main, &processes, all),
                // The unit has stopped meanwhile.
                Err(error) if error.is_not_found() => {}
                Err(error) => look.unknown.push(format!("{name}: {error}")),
            }
        }
        look.end();
        model.listeners_mut().reset(begun, look.found, look.unknown);
    }
}

// === impl Look ===

impl<'a> Look<'a> {
    fn new(proc: &'a Root) -> Self {
        Self {
            proc,
            sockets: HashMap::new(),
            found: Vec::new(),
            processes: 0,
            files: 0,
            forbidden: 0,
            cut: 0,
            foreign: 0,
            unknown: Vec::new(),
        }
    }

    /// Every socket of the host's network namespace that waits for somebody.
    fn tables(&mut self) {
        for (name, kind) in FILES {
            match self.proc.head(format!("1/net/{name}"), TABLE) {
                Ok((file, whole)) => {
                    let more = table::read(kind, file.text(), &mut self.sockets);
                    if !whole && more {
                        let path = file.text().path().display().to_string();
                        self.unknown.push(format!("{path}: only the first MiB was read"));
                    }
                }
                // A kernel without IPv6.
                Err(error) if error.is_not_found() && kind != Kind::Unix => {}
                Err(error) => self.unknown.push(error.to_string()),
            }
        }
    }

    fn has_room(&self) -> bool {
        self.processes < ALL_PROCESSES && self.files < ALL_FILES
    }

    /// Looks at the processes of a unit; a socket that several have is the main one's, or the first's.
    fn unit(&mut self, name: &Arc<str>, main: Option<u32>, processes: &[u32], all: bool) {
        if processes.contains(&0) {
            self.foreign += 1;
        }
        if !all {
            self.cut += 1;
        }
        let mut mine: Vec<u32> = processes.iter().copied().filter(|pid| *pid != 0).collect();
        mine.sort_unstable_by_key(|pid| (Some(*pid) != main, *pid));
        let mut inodes = HashSet::new();
        for pid in mine {
            if !self.has_room() {
                self.cut += 1;
                return;
            }
            self.processes += 1;
            match self.process(pid) {
                Ok(sockets) => {
                    for inode in sockets {
                        let Some(endpoint) = self.sockets.get(&inode) else { continue };
                        if inodes.insert(inode) {
                            let listener = Listener { endpoint: endpoint.clone(), pid };
                            self.found.push((Arc::clone(name), listener));
                        }
                    }
                }
                Err(Error::Read { source, .. })
                    if source.kind() == io::ErrorKind::PermissionDenied =>
                {
                    self.forbidden += 1;
                }
                // It has ended: `ENOENT`, or `ESRCH` where it was just being read.
                Err(_) => {}
            }
        }
    }

    /// The inodes of a process's sockets.
    fn process(&mut self, pid: u32) -> Result<Vec<u64>> {
        let left = ALL_FILES.saturating_sub(self.files).min(FILES_OF_PROCESS);
        let fds = format!("{pid}/fd");
        let (names, all) = self.proc.first(&fds, left)?;
        if !all {
            self.cut += 1;
        }
        self.files += names.len();
        let inode = |name: &String| {
            let target = self.proc.link(format!("{fds}/{name}"))?;
            target.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
        };
        Ok(names.iter().filter_map(inode).collect())
    }

    /// Says what was passed over.
    fn end(&mut self) {
        if !self.has_room() {
            self.cut += 1;
        }
        for (count, what) in [
            (self.forbidden, "processes whose files only root or CAP_SYS_PTRACE may read"),
            (self.foreign, "units whose processes are of another PID namespace (see hostPID)"),
            (self.cut, "units and processes that have more than is looked at"),
        ] {
            if count > 0 {
                self.unknown.push(format!("{what}: {count}"));
            }
        }
    }
}

#[cfg(test)]
mod tests;
