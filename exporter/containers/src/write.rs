//! Groups as sample lines, family by family.

use crate::{
    devices::Devices,
    families::{DEVICE_NUMBERS, DEVICES, NETWORK, OTHERS, SIMPLE, SIMPLE_NUMBERS, STATES},
    group::Group,
    kills::Gone,
    labels::Labels,
};
use exposition::{Family, Packer, Page, Samples, Str, Value, Writer};
use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
};

/// Writes families, on a node with many groups as pages of some of them each: a node with 110 pods
/// has 10 MB of lines, which a process of a few MB cannot hold at once. What did not change since the
/// last scrape is packed already.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    packer: Option<Packer>,
    /// By family, and what tells that the groups are still those.
    packed: HashMap<&'static str, (u64, Packed)>,
}

/// A family's pages.
type Packed = Arc<[Arc<Page>]>;

/// Groups that are written as lines; more make pages.
const FEW: usize = 64;

/// Families that stand still while the groups, their names and their limits do.
const STANDING: [&str; 13] = [
    "container_cpu_load_average_10s",
    "container_cpu_load_d_average_10s",
    "container_health_state",
    "container_spec_cpu_period",
    "container_spec_cpu_quota",
    "container_spec_cpu_shares",
    "container_spec_memory_limit_bytes",
    "container_spec_memory_reservation_limit_bytes",
    "container_spec_memory_swap_limit_bytes",
    "container_start_time_seconds",
    "container_tasks_state",
    "container_threads_max",
    "container_ulimits_soft",
];

/// What is written, and where.
struct To<'a> {
    groups: &'a [&'a Group],
    pages: &'a mut Pages,
    /// Of the groups, their labels and limits.
    state: u64,
    out: &'a mut Writer,
}

impl To<'_> {
    /// Writes a family by what writes the lines of one group.
    fn family(&mut self, family: &'static Family, each: impl Fn(&mut Samples<'_>, &Group)) {
        if self.groups.len() <= FEW {
            let groups = self.groups;
            self.out.family(family, |s| groups.iter().for_each(|group| each(s, group)));
            return;
        }
        let name: &'static str = match &family.name {
            Str::Static(name) => name,
            Str::Shared(_) => "",
        };
        let stands = STANDING.contains(&name);
        if let Some((state, pages)) = self.pages.packed.get(name).filter(|_| stands)
            && *state == self.state
        {
            self.out.pages(family, Arc::clone(pages));
            return;
        }
        let packer = self.pages.packer.get_or_insert_default();
        let mut pages = Vec::with_capacity(self.groups.len() / FEW + 1);
        for groups in self.groups.chunks(FEW) {
            let mut lines = Writer::with_capacity(32 << 10);
            lines.family(family, |s| groups.iter().for_each(|group| each(s, group)));
            for (_, lines) in lines.finish().families() {
                pages.extend(packer.pack(lines).map(Arc::new));
            }
        }
        let pages: Packed = pages.into();
        if stands {
            self.pages.packed.insert(name, (self.state, Arc::clone(&pages)));
        }
        self.out.pages(family, pages);
    }
}

/// Writes every family of the groups and the kills of those that are gone; `now` is the time, seconds
/// since 1970.
pub(crate) fn write(
    groups: &[&Group],
    gone: &Gone,
    devices: &Devices,
    now: u64,
    pages: &mut Pages,
    out: &mut Writer,
) {
    let mut state = DefaultHasher::new();
    if groups.len() > FEW {
        for group in groups {
            (&group.labels.container, &group.labels.id, &group.labels.name).hash(&mut state);
            (&group.labels.pod, group.limits, group.most_open).hash(&mut state);
        }
    }
    let mut to = To { groups, pages, state: state.finish(), out };
    let [cpu_usage, failures, tasks, ulimits, blkio, kills, _] = &OTHERS;
    for (family, number) in SIMPLE.iter().zip(SIMPLE_NUMBERS) {
        to.family(family, |s, group| {
            if let Some(number) = number(group, now) {
                line(s, &group.labels, [""; 4], number);
            }
        });
    }
    to.family(kills, |s, group| line(s, &group.labels, [""; 4], group.kills));
    to.out.family(kills, |s| {
        for (labels, count) in gone.iter() {
            line(s, labels, [""; 4], count);
        }
    });
    to.family(cpu_usage, |s, group| {
        // cAdvisor has no line of a group that never ran.
        if let Some(cpu) = group.stats.cpu.filter(|cpu| *cpu > 0.0) {
            line(s, &group.labels, [",cpu=\"total\"", "", "", ""], cpu);
        }
    });
    to.family(failures, |s, group| {
        let kinds = [
            (",failure_type=\"pgfault\"", group.stats.faults),
            (",failure_type=\"pgmajfault\"", group.stats.major_faults),
        ];
        for (kind, count) in kinds {
            let Some(count) = count else { continue };
            // The kernel does not tell the two apart, and neither does cAdvisor.
            for scope in [",scope=\"container\"", ",scope=\"hierarchy\""] {
                line(s, &group.labels, [kind, "", "", scope], count);
            }
        }
    });
    to.family(tasks, |s, group| {
        for state in STATES {
            line(s, &group.labels, ["", "", "", state], 0u64);
        }
    });
    to.family(ulimits, |s, group| {
        if let Some(limit) = group.most_open {
            line(s, &group.labels, ["", "", "", ",ulimit=\"max_open_files\""], limit);
        }
    });
    for (at, family) in NETWORK.iter().enumerate() {
        to.family(family, |s, group| {
            for interface in &group.network {
                let counter = interface.counters.get(at).copied().unwrap_or_default();
                line(s, &group.labels, ["", &interface.label, "", ""], counter);
            }
        });
    }
    for (family, number) in DEVICES.iter().zip(DEVICE_NUMBERS) {
        to.family(family, |s, group| {
            for row in &group.stats.devices {
                if let (Some(number), Some(device)) = (number(row), devices.get(row.number)) {
                    line(s, &group.labels, [device, "", "", ""], number);
                }
            }
        });
    }
    to.family(blkio, |s, group| {
        for row in &group.stats.devices {
            let Some(device) = devices.get(row.number) else { continue };
            let (major, minor) = row.number;
            let number = format!(",major=\"{major}\",minor=\"{minor}\"");
            let kinds = [
                (",operation=\"Read\"", row.read_bytes),
                (",operation=\"Write\"", row.written_bytes),
            ];
            for (kind, bytes) in kinds {
                if let Some(bytes) = bytes {
                    line(s, &group.labels, [device, &number, kind, ""], bytes);
                }
            }
        }
    });
}

/// Writes a line with the group's labels and more: what comes behind `container`, behind `image`,
/// behind `namespace` and behind `pod`.
fn line(s: &mut Samples<'_>, labels: &Labels, more: [&str; 4], value: impl Value) {
    let [first, second, third, last] = more;
    let pieces =
        [&*labels.container, first, &labels.id, second, &labels.name, third, &labels.pod, last];
    s.rendered(&pieces, value);
}
