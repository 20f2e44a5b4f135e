//! Every collector that there is: which part it belongs to, and which source feeds it.

use collect::{Opt, SourceSpec, Spec};

/// Collectors of one part that are enabled and fed in the same way.
#[derive(Debug)]
pub struct Group {
    /// The part, as in `/metrics/node`.
    pub part: &'static str,
    /// The flag that enables the collectors together; without one each has its own switch.
    pub mode: Option<&'static Opt>,
    /// The flag's words beside `auto`: for what must be, and for what must not.
    pub words: [&'static str; 2],
    /// Whether the collectors are enabled even where the flag says that there must be none: other parts
    /// need what the source knows, and these tell how it fares.
    pub enduring: bool,
    /// What feeds them; nothing where they read for themselves.
    pub source: Option<&'static SourceSpec>,
    /// The collectors; some are made at start-up, from tables.
    pub collectors: fn() -> &'static [&'static Spec],
}

const ON_OFF: [&str; 2] = ["on", "off"];

/// The part whose collectors are those of `node_exporter`.
pub const NODE: &str = "node";

/// The parts that have a path of their own below the metrics' path.
pub const PARTS: [&str; 7] =
    [NODE, "systemd", "journal", "cadvisor", "kube-state", "kubelet", "upstream"];

/// Every group. Names of collectors are unique over all of them.
pub static GROUPS: [Group; 9] = [
    Group {
        part: NODE,
        mode: None,
        words: ON_OFF,
        enduring: false,
        source: None,
        collectors: || host::COLLECTORS,
    },
    Group {
        part: NODE,
        mode: None,
        words: ON_OFF,
        enduring: false,
        source: Some(&systemd::SOURCE),
        collectors: || systemd::NODE_COLLECTORS,
    },
    Group {
        part: "systemd",
        mode: Some(&systemd::MODE),
        words: ON_OFF,
        enduring: false,
        source: Some(&systemd::SOURCE),
        collectors: || systemd::COLLECTORS,
    },
    Group {
        part: "journal",
        mode: Some(&journal::MODE),
        words: ON_OFF,
        enduring: false,
        source: Some(&journal::SOURCE),
        collectors: || journal::COLLECTORS,
    },
    Group {
        part: "cadvisor",
        mode: Some(&containers::MODE),
        words: ON_OFF,
        enduring: false,
        source: None,
        collectors: || containers::COLLECTORS,
    },
    Group {
        part: "kube-state",
        mode: Some(&cluster::MODE),
        words: ["always", "never"],
        enduring: false,
        source: Some(&cluster::SOURCE),
        collectors: cluster::collectors,
    },
    Group {
        part: "kube-state",
        mode: Some(&cluster::MODE),
        words: ["always", "never"],
        enduring: true,
        source: Some(&cluster::SOURCE),
        collectors: || cluster::WATCH_COLLECTORS,
    },
    Group {
        part: "kubelet",
        mode: Some(&upstream::KUBELET_MODE),
        words: ON_OFF,
        enduring: false,
        source: Some(&upstream::KUBELET_SOURCE),
        collectors: || upstream::KUBELET_COLLECTORS,
    },
    Group {
        part: "upstream",
        mode: Some(&upstream::UPSTREAM_MODE),
        words: ON_OFF,
        enduring: false,
        source: Some(&upstream::UPSTREAM_SOURCE),
        collectors: || upstream::UPSTREAM_COLLECTORS,
    },
];

/// Every collector, group by group.
pub fn specs() -> impl Iterator<Item = &'static Spec> {
    GROUPS.iter().flat_map(|group| (group.collectors)().iter().copied())
}

/// The group of a collector; that of the host's where the collector is not in the tables.
pub fn group(spec: &Spec) -> &'static Group {
    let holds =
        |group: &&Group| (group.collectors)().iter().any(|known| std::ptr::eq(*known, spec));
    let [host, ..] = &GROUPS;
    GROUPS.iter().find(holds).unwrap_or(host)
}
