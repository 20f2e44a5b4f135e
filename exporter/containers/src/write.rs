//! Groups as sample lines, family by family.

use crate::{
    devices::Devices,
    families::{DEVICE_NUMBERS, DEVICES, NETWORK, Number, OTHERS, SIMPLE, SIMPLE_NUMBERS, STATES},
    group::Group,
    kills::Gone,
    labels::Labels,
    stats,
};
use exposition::{Draw, Family, Samples, Sheets, Value, Writer};
use std::{
    ops::Range,
    sync::{Arc, LazyLock},
};

/// Groups as they were read, and what else their lines are made of.
#[derive(Debug)]
pub(crate) struct Groups {
    pub(crate) all: Vec<Arc<Group>>,
    pub(crate) devices: Devices,
    /// Seconds since 1970.
    pub(crate) now: u64,
    pub(crate) sheets: Arc<Sheets>,
}

/// What a group's lines in a family are.
enum Lines {
    /// One, with the six labels alone.
    Simple(fn(&Group, u64) -> Option<Number>),
    /// One a device.
    Device(fn(&stats::Device) -> Option<Number>),
    /// One an interface, of this counter.
    Interface(usize),
    CpuUsage,
    Failures,
    Tasks,
    Limits,
    Blkio,
    Kills,
}

/// Groups that are written at once; the lines of more are left until they are sent.
const FEW: usize = 64;

/// The families of groups.
static FAMILIES: LazyLock<Vec<(&Family, Lines)>> = LazyLock::new(|| {
    let [cpu_usage, failures, tasks, limits, blkio, kills, _] = &OTHERS;
    let simple = SIMPLE.iter().zip(SIMPLE_NUMBERS.map(Lines::Simple));
    let devices = DEVICES.iter().zip(DEVICE_NUMBERS.map(Lines::Device));
    let interfaces = NETWORK.iter().enumerate().map(|(at, family)| (family, Lines::Interface(at)));
    let others = [
        (cpu_usage, Lines::CpuUsage),
        (failures, Lines::Failures),
        (tasks, Lines::Tasks),
        (limits, Lines::Limits),
        (blkio, Lines::Blkio),
        (kills, Lines::Kills),
    ];
    simple.chain(devices).chain(interfaces).chain(others).collect()
});

// === impl Groups ===

impl Groups {
    /// Writes every family of the groups, and the kills of those that are gone.
    pub(crate) fn write(self, gone: &Gone, out: &mut Writer) {
        let groups = Arc::new(self);
        for (number, (family, _)) in FAMILIES.iter().enumerate() {
            let rows = groups.rows();
            if rows <= FEW {
                out.family(family, |s| groups.draw(number, 0..rows, s));
            } else {
                out.drawn(family, number, Arc::<Self>::clone(&groups));
            }
        }
        let [.., kills, _] = &OTHERS;
        out.family(kills, |s| {
            for (labels, count) in gone.iter() {
                line(s, labels, &[], count);
            }
        });
    }
}

impl Draw for Groups {
    fn rows(&self) -> usize {
        self.all.len()
    }

    fn draw(&self, family: usize, rows: Range<usize>, s: &mut Samples<'_>) {
        let Some((_, lines)) = FAMILIES.get(family) else { return };
        for group in self.all.get(rows).unwrap_or_default() {
            lines.write(group, self, s);
        }
    }

    fn sheets(&self) -> Option<&Sheets> {
        Some(&self.sheets)
    }
}

// === impl Lines ===

impl Lines {
    fn write(&self, group: &Group, of: &Groups, s: &mut Samples<'_>) {
        let (labels, devices) = (&group.labels, &of.devices);
        match self {
            Self::Simple(number) => {
                if let Some(number) = number(group, of.now) {
                    line(s, labels, &[], number);
                }
            }
            Self::Device(number) => {
                for row in &group.stats.devices {
                    if let (Some(number), Some(device)) = (number(row), devices.get(row.number)) {
                        line(s, labels, &[&device.name], number);
                    }
                }
            }
            Self::Interface(at) => {
                for interface in &group.network {
                    let counter = interface.counters.get(*at).copied().unwrap_or_default();
                    line(s, labels, &["", &interface.label], counter);
                }
            }
            Self::CpuUsage => {
                // cAdvisor has no line of a group that never ran.
                if let Some(cpu) = group.stats.cpu.filter(|cpu| *cpu > 0.0) {
                    line(s, labels, &[",cpu=\"total\""], cpu);
                }
            }
            Self::Failures => {
                let kinds = [
                    (",failure_type=\"pgfault\"", group.stats.faults),
                    (",failure_type=\"pgmajfault\"", group.stats.major_faults),
                ];
                for (kind, count) in kinds {
                    let Some(count) = count else { continue };
                    // The kernel does not tell the two apart, and neither does cAdvisor.
                    for scope in [",scope=\"container\"", ",scope=\"hierarchy\""] {
                        line(s, labels, &[kind, "", "", scope], count);
                    }
                }
            }
            Self::Tasks => {
                for state in STATES {
                    line(s, labels, &["", "", "", state], 0u64);
                }
            }
            Self::Limits => {
                if let Some(limit) = group.most_open {
                    line(s, labels, &["", "", "", ",ulimit=\"max_open_files\""], limit);
                }
            }
            Self::Blkio => {
                for row in &group.stats.devices {
                    let Some(device) = devices.get(row.number) else { continue };
                    let kinds = [
                        (",operation=\"Read\"", row.read_bytes),
                        (",operation=\"Write\"", row.written_bytes),
                    ];
                    for (kind, bytes) in kinds {
                        if let Some(bytes) = bytes {
                            line(s, labels, &[&device.name, &device.number, kind], bytes);
                        }
                    }
                }
            }
            Self::Kills => line(s, labels, &[], group.kills),
        }
    }
}

/// Writes a line with the group's labels and more, where there is any: what comes behind `container`,
/// behind `image`, behind `namespace` and behind `pod`.
pub(crate) fn line(s: &mut Samples<'_>, labels: &Labels, more: &[&str], value: impl Value) {
    s.stretch(&labels.text, more, value);
}
