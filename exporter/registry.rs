//! Every collector that there is: which part it belongs to, and which source feeds it.

use collect::{Opt, SourceSpec, Spec};

/// Collectors of one part that are enabled and fed in the same way.
#[derive(Debug)]
pub struct Group {
    /// The part, as in `/metrics/node`.
    pub part: &'static str,
    /// The flag that enables the collectors together; without one each has its own switch.
    pub mode: Option<&'static Opt>,
    /// What feeds them; nothing where they read for themselves.
    pub source: Option<&'static SourceSpec>,
    /// The collectors.
    pub collectors: &'static [&'static Spec],
}

/// The part whose collectors are those of `node_exporter`.
pub const NODE: &str = "node";

/// The parts that have a path of their own below the metrics' path.
pub const PARTS: [&str; 3] = [NODE, "systemd", "journal"];

/// Every group. Names of collectors are unique over all of them.
pub static GROUPS: [Group; 4] = [
    Group { part: NODE, mode: None, source: None, collectors: host::COLLECTORS },
    Group {
        part: NODE,
        mode: None,
        source: Some(&systemd::SOURCE),
        collectors: systemd::NODE_COLLECTORS,
    },
    Group {
        part: "systemd",
        mode: Some(&systemd::MODE),
        source: Some(&systemd::SOURCE),
        collectors: systemd::COLLECTORS,
    },
    Group {
        part: "journal",
        mode: Some(&journal::MODE),
        source: Some(&journal::SOURCE),
        collectors: journal::COLLECTORS,
    },
];

/// Every collector, group by group.
pub fn specs() -> impl Iterator<Item = &'static Spec> {
    GROUPS.iter().flat_map(|group| group.collectors.iter().copied())
}

/// The group of a collector; that of the host's where the collector is not in the tables.
pub fn group(spec: &Spec) -> &'static Group {
    let holds = |group: &&Group| group.collectors.iter().any(|known| std::ptr::eq(*known, spec));
    let [host, ..] = &GROUPS;
    GROUPS.iter().find(holds).unwrap_or(host)
}
