//! The table of settings: what the command line, the environment, the configuration file, `--help`,
//! the man page, completions and the example file are made from.
//!
//! A setting has one name everywhere: `--web.max-requests`, `HYBRID_WEB_MAX_REQUESTS`,
//! `web.max-requests:`.

use crate::registry::GROUPS;
use collect::{Opt, OptKind, STATE_DIR};
use std::{borrow::Cow, collections::BTreeMap};

/// A setting.
#[derive(Clone, Debug)]
pub struct Flag {
    /// The name without dashes.
    pub name: Cow<'static, str>,
    /// What it does, one sentence.
    pub doc: Cow<'static, str>,
    /// What values it takes, and the default.
    pub kind: OptKind,
    /// Former names that still work.
    pub aliases: &'static [&'static str],
    /// Whether help and example leave it out.
    pub hidden: bool,
    /// The heading that it stands under.
    pub heading: Cow<'static, str>,
}

/// The values that were given, by the settings' names; a switch has the one value `true` or `false`.
pub type Values = BTreeMap<String, Vec<String>>;

pub(crate) const LISTEN_ADDRESS: Opt = Opt::list(
    "web.listen-address",
    "Where to listen: :PORT for every address, or HOST:PORT, or [IPV6]:PORT; default :10150. \
     May be repeated.",
);
pub(crate) const TELEMETRY_PATH: Opt =
    Opt::text("web.telemetry-path", "/metrics", "The path of the metrics.");
pub(crate) const MAX_REQUESTS: Opt = Opt::text(
    "web.max-requests",
    "40",
    "Requests for metrics at the same time; more are answered with 503. 0 is no limit.",
);
pub(crate) const MAX_CONNECTIONS: Opt = Opt::text(
    "web.max-connections",
    "256",
    "Connections at the same time; more wait to be accepted. 0 is no limit.",
);
pub(crate) const WEB_CONFIG_FILE: Opt = Opt::text(
    "web.config.file",
    "",
    "A YAML file that says who may ask and how: TLS, client certificates, passwords, headers and a \
     limit of requests, as exporter-toolkit has it. It is read again when it changes.",
);
pub(crate) const SYSTEMD_SOCKET: Opt = Opt::switch(
    "web.systemd-socket",
    false,
    "Listen on the sockets that systemd's .socket unit made, and not on --web.listen-address.",
);
pub(crate) const UNAUTHENTICATED_HEALTH: Opt = Opt::switch(
    "web.unauthenticated-health",
    false,
    "Answer /-/healthy, /-/ready, /livez, /readyz and /healthz without a password and beyond the limit \
     of requests. TLS and client certificates stay as they are.",
);
pub(crate) const KUBERNETES_AUTH: Opt = Opt::switch(
    "web.kubernetes-auth",
    false,
    "Answer whoever has a bearer token of the cluster's and may get the path (nonResourceURLs), which the \
     API server is asked by TokenReview and SubjectAccessReview.",
);
pub(crate) const DISABLE_EXPORTER_METRICS: Opt = Opt::switch(
    "web.disable-exporter-metrics",
    false,
    "Leave out what the exporter has to say of its own process and requests.",
);
pub(crate) const PROCFS: Opt = Opt::text("path.procfs", "/proc", "Where the host's /proc is.");
pub(crate) const SYSFS: Opt = Opt::text("path.sysfs", "/sys", "Where the host's /sys is.");
pub(crate) const ROOTFS: Opt = Opt::text("path.rootfs", "/", "Where the host's / is.");
pub(crate) const UDEV_DATA: Opt =
    Opt::text("path.udev.data", "/run/udev/data", "Where udev keeps its data.");
pub(crate) const DISABLE_DEFAULTS: Opt = Opt::switch(
    "collector.disable-defaults",
    false,
    "Disable every collector that is not enabled by its own flag.",
);
pub(crate) const LOG_LEVEL: Opt = Opt::text(
    "log.level",
    "info",
    "What to log: debug, info, warn or error; of libraries warnings at most, unless one is named, as \
     in debug,h2=debug.",
);
pub(crate) const LOG_FORMAT: Opt = Opt::text("log.format", "logfmt", "How to log: logfmt or json.");
pub(crate) const GOMAXPROCS: Opt =
    Opt::text("runtime.gomaxprocs", "1", "Accepted and ignored, as node_exporter has it.").hidden();
/// Not in the table: it names the file, so that the file cannot hold it.
pub(crate) const CONFIG_FILE: Opt =
    Opt::text("config.file", "", "A YAML file with settings; `hybrid-exporter config` prints one.");

static OWN: [(&str, &[Opt]); 4] = [
    (
        "Web",
        &[
            LISTEN_ADDRESS,
            SYSTEMD_SOCKET,
            WEB_CONFIG_FILE,
            KUBERNETES_AUTH,
            UNAUTHENTICATED_HEALTH,
            TELEMETRY_PATH,
            MAX_REQUESTS,
            MAX_CONNECTIONS,
            DISABLE_EXPORTER_METRICS,
        ],
    ),
    ("Paths", &[PROCFS, SYSFS, ROOTFS, UDEV_DATA, STATE_DIR]),
    ("Logging", &[LOG_LEVEL, LOG_FORMAT]),
    ("Collectors", &[DISABLE_DEFAULTS, GOMAXPROCS]),
];

/// Every setting: the exporter's own first, then collector by collector.
pub fn all() -> Vec<Flag> {
    let mut flags = Vec::new();
    for (heading, opts) in &OWN {
        flags.extend(opts.iter().map(|opt| Flag::new(opt, Cow::Borrowed(heading))));
    }
    for group in &GROUPS {
        let part: Option<Cow<'static, str>> =
            group.mode.map(|mode| Cow::Owned(format!("Part {}", mode.name)));
        if let (Some(mode), Some(heading)) = (group.mode, &part)
            && find(&flags, mode.name).is_none()
        {
            flags.push(Flag::new(mode, heading.clone()));
        }
        for spec in (group.collectors)() {
            let heading = part.clone().unwrap_or_else(|| {
                let heading = Cow::Owned(format!("Collector {}", spec.name));
                flags.push(Flag {
                    name: Cow::Owned(switch_of(spec.name)),
                    doc: Cow::Borrowed(spec.doc),
                    kind: OptKind::Switch(spec.default),
                    aliases: &[],
                    hidden: false,
                    heading: Cow::clone(&heading),
                });
                heading
            });
            flags.extend(spec.opts.iter().map(|opt| Flag::new(opt, heading.clone())));
        }
    }
    flags
}

/// The name of the switch that enables a collector.
pub fn switch_of(collector: &str) -> String {
    format!("collector.{collector}")
}

/// The environment variable of a setting.
pub fn variable(name: &str) -> String {
    let name = name.replace(['.', '-'], "_").to_ascii_uppercase();
    format!("HYBRID_{name}")
}

/// The flag that `name` names, by its own name or a former one.
pub fn find<'a>(flags: &'a [Flag], name: &str) -> Option<&'a Flag> {
    flags.iter().find(|flag| flag.name == name || flag.aliases.contains(&name))
}

/// A hint at the name that was probably meant: "; did you mean X?", or nothing where none is near.
pub fn hint<'a>(names: impl Iterator<Item = &'a str>, wrong: &str) -> String {
    let near = names
        .map(|name| (strsim::jaro_winkler(name, wrong), name))
        .filter(|(score, _)| *score > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    near.map_or_else(String::new, |(_, name)| format!("; did you mean {name}?"))
}

// === impl Flag ===

impl Flag {
    fn new(opt: &Opt, heading: Cow<'static, str>) -> Self {
        Self {
            name: Cow::Borrowed(opt.name),
            doc: Cow::Borrowed(opt.doc),
            kind: opt.kind,
            aliases: opt.aliases,
            hidden: opt.hidden,
            heading,
        }
    }

    /// What stands behind `--NAME=` in help.
    pub fn placeholder(&self) -> &'static str {
        match &*self.name {
            "log.level" => "LEVEL",
            "log.format" => "FORMAT",
            "web.listen-address" => "ADDRESS",
            "web.max-requests" | "web.max-connections" => "NUMBER",
            name if name.starts_with("path.") || name.ends_with("-path") => "PATH",
            "state.dir" => "PATH",
            name if name.ends_with("directory") || name.ends_with("file") => "PATH",
            name if name.ends_with("include") || name.ends_with("exclude") => "REGEX",
            _ => "VALUE",
        }
    }

    /// The default as the configuration file spells it.
    pub fn default_text(&self) -> String {
        match self.kind {
            OptKind::Switch(on) => on.to_string(),
            OptKind::Text(text) => text.to_owned(),
            OptKind::List if self.name == LISTEN_ADDRESS.name => ":10150".to_owned(),
            OptKind::List => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_in_every_spelling() {
        let flags = all();
        let mut seen = HashSet::new();
        for flag in &flags {
            assert!(seen.insert(variable(&flag.name)), "{} twice", flag.name);
            for alias in flag.aliases {
                assert!(seen.insert(variable(alias)), "{alias} twice");
            }
            assert!(!flag.name.starts_with("no-"), "{}", flag.name);
            assert!(!flag.name.starts_with("exporter"), "{} may be Kubernetes'", flag.name);
        }
    }

    #[test]
    fn a_hint_names_the_nearest() {
        let flags = all();
        let names = || flags.iter().map(|f| &*f.name);
        assert_eq!(hint(names(), "web.max-request"), "; did you mean web.max-requests?");
        assert_eq!(hint(names(), "zzz"), "");
    }
}
