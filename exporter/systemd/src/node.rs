//! `node_exporter`'s systemd families, from the same cache.

use crate::{
    cache::{Cache, Own, PLAIN_STATES, STATES, State, seconds},
    options,
    shelf::Shelf,
    units::{Named, places, write_restarts, write_sockets, write_triggers},
    usage::Meter,
};
use cgroup::Cgroups;
use collect::{Collector, Result, Spec};
use exposition::{Family, Writer};
use std::sync::Arc;

pub(crate) static SPEC: Spec = Spec {
    name: "systemd",
    doc: "systemd's units under node_exporter's names.",
    default: false,
    families: &[&FAMILIES],
    opts: &[
        options::NODE_INCLUDE,
        options::NODE_EXCLUDE,
        options::NODE_TASKS,
        options::NODE_RESTARTS,
        options::NODE_START_TIME,
        options::NODE_PRIVATE,
    ],
    build: |cx| {
        Ok(Box::new(Node {
            cache: cx.shared.get(),
            shelf: Shelf::default(),
            meter: Meter::new(Cgroups::new(&cx.sys)),
            tasks: cx.options.switch(&options::NODE_TASKS),
            restarts: cx.options.switch(&options::NODE_RESTARTS),
            start_time: cx.options.switch(&options::NODE_START_TIME),
        }))
    },
};

static FAMILIES: [Family; 13] = [
    Family::gauge(
        "node_systemd_unit_state",
        "Whether the unit is in the state; the type is that of the service or mount.",
        &["name", "state", "type"],
    ),
    Family::gauge("node_systemd_units", "Units by state, filtered or not.", &["state"]),
    Family::gauge("node_systemd_system_running", "Whether the system's state is running.", &[]),
    Family::gauge("node_systemd_version", "The version of systemd.", &["version"]),
    Family::gauge(
        "node_systemd_virtualization_info",
        "What the machine is virtualised by; always 1.",
        &["virtualization_type"],
    ),
    Family::gauge(
        "node_systemd_timer_last_trigger_seconds",
        "When the timer last elapsed, in seconds since 1970; 0 if never.",
        &["name"],
    ),
    Family::counter(
        "node_systemd_socket_accepted_connections_total",
        "Connections that systemd accepted on the socket.",
        &["name"],
    ),
    Family::gauge(
        "node_systemd_socket_current_connections",
        "Connections of the socket that are open.",
        &["name"],
    ),
    Family::gauge(
        "node_systemd_socket_refused_connections_total",
        "Connections that systemd refused on the socket.",
        &["name"],
    ),
    Family::counter("node_systemd_service_restart_total", "Restarts by systemd.", &["name"]),
    Family::gauge(
        "node_systemd_unit_start_time_seconds",
        "When the unit became active, in seconds since 1970; 0 where it is not active.",
        &["name"],
    ),
    Family::gauge("node_systemd_unit_tasks_current", "Tasks of the service.", &["name"]),
    Family::gauge("node_systemd_unit_tasks_max", "Tasks that the service may have.", &["name"]),
];

struct Node {
    cache: Arc<Cache>,
    shelf: Shelf,
    meter: Meter,
    tasks: bool,
    restarts: bool,
    start_time: bool,
}

impl Collector for Node {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let state = self.cache.lock();
        // Who enables it wants it.
        state.believed(true)?;
        let families: Vec<&Family> = FAMILIES.iter().collect();
        let mut kept = std::mem::take(&mut self.shelf);
        let units = state.units.iter().filter(|(_, unit)| unit.served_by_node);
        kept.write(units, &families, |units, out| self.write(units, out), out);
        self.shelf = kept;
        write_system(&state, out);
        if self.tasks {
            let places = places(&state, |unit| unit.served_by_node);
            drop(state);
            let [.., tasks, _] = &FAMILIES;
            out.family(tasks, |s| {
                for (name, usage) in self.meter.read(&places, false) {
                    if let Some(tasks) = usage.tasks {
                        s.row(&[&name], tasks);
                    }
                }
            });
        }
        Ok(())
    }
}

// === impl Node ===

impl Node {
    fn write(&self, units: &[Named<'_>], out: &mut Writer) {
        let units = || units.iter().copied();
        let [
            unit_state,
            _,
            _,
            _,
            _,
            last_trigger,
            accepted,
            connections,
            refused,
            restarts,
            start_time,
            _,
            tasks_max,
        ] = &FAMILIES;
        out.family(unit_state, |s| {
            for (name, unit) in units() {
                let kind = match &unit.own {
                    Own::Service(service) => service.kind.as_deref(),
                    Own::Mount(kind) => kind.as_deref(),
                    _ => None,
                };
                for (index, state) in STATES.iter().enumerate().take(PLAIN_STATES) {
                    s.row(&[name, state, kind.unwrap_or_default()], unit.state == index);
                }
            }
        });
        out.family(last_trigger, |s| write_triggers(s, units()));
        write_sockets(out, [accepted, connections, refused], units);
        if self.restarts {
            out.family(restarts, |s| write_restarts(s, units()));
        }
        if self.start_time {
            out.family(start_time, |s| {
                for (name, unit) in units() {
                    if let Some(usec) = unit.start_time() {
                        s.row(&[name], seconds(usec));
                    }
                }
            });
        }
        if self.tasks {
            out.family(tasks_max, |s| {
                for (name, unit) in units() {
                    let max = unit.service().and_then(|service| service.tasks_max);
                    if let Some(max) = max {
                        s.row(&[name], max);
                    }
                }
            });
        }
    }
}

/// What is said of systemd itself.
fn write_system(state: &State, out: &mut Writer) {
    let [_, counts, running, version, virtualization, ..] = &FAMILIES;
    out.family(counts, |s| {
        // The peer has a row for any other state that there is.
        for (index, (name, count)) in STATES.iter().zip(state.totals.states).enumerate() {
            if index < PLAIN_STATES || count > 0 {
                s.row(&[name], count);
            }
        }
    });
    let manager = &state.manager;
    out.family(running, |s| s.maybe(manager.state.as_deref().map(|s| s == "running")));
    out.family(version, |s| {
        let version = manager.version.as_deref();
        if let Some((text, number)) = version.and_then(|text| Some((text, number(text)?))) {
            s.row(&[text], number);
        }
    });
    out.family(virtualization, |s| {
        let kind = match manager.virtualization.as_deref() {
            Some("") => "none",
            Some(kind) => kind,
            None => "unknown",
        };
        s.row(&[kind], 1u64);
    });
}

/// The first number of three digits or more in a version, with what follows one dot.
fn number(version: &str) -> Option<f64> {
    let mut rest = version;
    loop {
        let start = rest.find(|c: char| c.is_ascii_digit())?;
        let from = rest.get(start..)?;
        let whole = from.find(|c: char| !c.is_ascii_digit()).unwrap_or(from.len());
        if whole >= 3 {
            let tail = from.get(whole..)?.strip_prefix('.').unwrap_or_default();
            let part = tail.find(|c: char| !c.is_ascii_digit()).unwrap_or(tail.len());
            let end = if part > 0 { whole + 1 + part } else { whole };
            return from.get(..end)?.parse().ok();
        }
        rest = from.get(whole..)?;
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn versions() {
        for (text, number) in [
            ("252.39-1~deb12u2", Some(252.39)),
            ("v239 (239-82.el8)", Some(239.0)),
            ("257.x", Some(257.0)),
            ("1.2", None),
            ("", None),
        ] {
            assert_eq!(super::number(text), number, "{text}");
        }
    }
}
