//! What services use, from the files of their control groups: read at each scrape, the number of tasks
//! through a descriptor that is kept, for it is served by default.

use crate::hybrid::FAMILIES;
use cgroup::Cgroups;
use collect::KeptNumber;
use exposition::Writer;
use std::{collections::HashMap, sync::Arc};

/// What a service uses, where it is counted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    pub(crate) tasks: Option<u64>,
    /// Whether more than tasks was asked for.
    whole: bool,
    cpu: Option<f64>,
    memory: Option<u64>,
    io: Option<cgroup::Io>,
}

/// Reads what services use.
#[derive(Debug)]
pub(crate) struct Meter {
    groups: Cgroups,
    /// By control group, with the round that read it last.
    tasks: HashMap<Arc<str>, (KeptNumber, u32)>,
    round: u32,
}

// === impl Meter ===

impl Meter {
    pub(crate) fn new(groups: Cgroups) -> Self {
        Self { groups, tasks: HashMap::new(), round: 0 }
    }

    /// Reads the control groups of services; one that has gone or is torn is left out.
    pub(crate) fn read(
        &mut self,
        places: &[(Arc<str>, Arc<str>)],
        all: bool,
    ) -> Vec<(Arc<str>, Usage)> {
        self.round = self.round.wrapping_add(1);
        let usages = places.iter().map(|(name, group)| (Arc::clone(name), self.usage(group, all)));
        let usages = usages.collect();
        self.tasks.retain(|_, (_, round)| *round == self.round);
        usages
    }

    fn usage(&mut self, group: &Arc<str>, all: bool) -> Usage {
        let groups = &self.groups;
        let new = || (groups.keep_tasks(group), 0);
        let (tasks, round) = self.tasks.entry(Arc::clone(group)).or_insert_with(new);
        *round = self.round;
        let mut usage =
            Usage { tasks: tasks.read().ok().flatten(), whole: all, ..Usage::default() };
        if all {
            usage.cpu = groups.cpu_seconds(group).ok().flatten();
            usage.memory = groups.memory_bytes(group).ok().flatten();
            usage.io = groups.io(group).ok().flatten();
        }
        usage
    }
}

/// What the services use.
pub(crate) fn write(usage: &[(Arc<str>, Usage)], out: &mut Writer) {
    let [.., tasks, cpu, memory, read, written] = &FAMILIES;
    out.family(tasks, |s| {
        for (name, usage) in usage.iter().filter(|(_, usage)| usage.whole) {
            if let Some(tasks) = usage.tasks {
                s.row(&[name], tasks);
            }
        }
    });
    out.family(cpu, |s| {
        for (name, usage) in usage {
            if let Some(cpu) = usage.cpu {
                s.row(&[name], cpu);
            }
        }
    });
    out.family(memory, |s| {
        for (name, usage) in usage {
            if let Some(bytes) = usage.memory {
                s.row(&[name], bytes);
            }
        }
    });
    out.family(read, |s| {
        for (name, usage) in usage {
            if let Some(io) = usage.io {
                s.row(&[name], io.read_bytes);
            }
        }
    });
    out.family(written, |s| {
        for (name, usage) in usage {
            if let Some(io) = usage.io {
                s.row(&[name], io.written_bytes);
            }
        }
    });
}
