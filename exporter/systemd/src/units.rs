//! `systemd_exporter`'s families, from the cache; tasks from control group files.

use crate::{
    cache::{Cache, Own, PLAIN_STATES, STATES, State, Timer, Unit, seconds},
    hybrid, options,
    property::suffix,
    resolved,
    shelf::Shelf,
    system,
    usage::{self, Meter},
};
use cgroup::Cgroups;
use collect::{Collector, Result, Spec};
use exposition::{Family, Samples, Writer};
use std::sync::Arc;

pub(crate) static SPEC: Spec = Spec {
    name: "units",
    doc: "systemd's units under systemd_exporter's names, and what it lacks.",
    default: true,
    families: &[&FAMILIES, &system::FAMILIES, &resolved::FAMILIES, &hybrid::FAMILIES],
    opts: &[
        options::BUS_ADDRESS,
        options::PRIVATE,
        options::USER,
        options::USER_BUS_ADDRESS,
        options::INCLUDE,
        options::EXCLUDE,
        options::RESTARTS,
        options::IP,
        options::RESOLVED,
        options::RESOURCES,
        options::FOLD,
        options::MAX_UNITS,
    ],
    build: |cx| {
        Ok(Box::new(Units {
            cache: cx.shared.get(),
            shelf: Shelf::default(),
            meter: Meter::new(Cgroups::new(&cx.sys)),
            required: cx.options.text(&options::MODE) == "on",
            restarts: cx.options.switch(&options::RESTARTS),
            ip: cx.options.switch(&options::IP),
            resources: cx.options.switch(&options::RESOURCES),
        }))
    },
};

static FAMILIES: [Family; 18] = [
    Family::gauge(
        "systemd_unit_state",
        "Whether the unit is in the state; all are 0 in states beyond these.",
        &["name", "type", "state"],
    ),
    Family::gauge(
        "systemd_unit_info",
        "The Type= of a service or the file system of a mount; always 1.",
        &["name", "type", "mount_type", "service_type"],
    ),
    Family::gauge(
        "systemd_unit_start_time_seconds",
        "When the service became active, in seconds since 1970; 0 where it is not active.",
        &["name", "type"],
    ),
    Family::gauge("systemd_unit_tasks_current", "Tasks of the service.", &["name"]),
    Family::gauge("systemd_unit_tasks_max", "Tasks that the service may have.", &["name", "type"]),
    Family::gauge(
        "systemd_unit_active_enter_time_seconds",
        "When the unit last became active, in seconds since 1970; 0 if never.",
        &["name", "type"],
    ),
    Family::gauge(
        "systemd_unit_active_exit_time_seconds",
        "When the unit last ceased to be active, in seconds since 1970; 0 if never.",
        &["name", "type"],
    ),
    Family::gauge(
        "systemd_unit_inactive_enter_time_seconds",
        "When the unit last became inactive, in seconds since 1970; 0 if never.",
        &["name", "type"],
    ),
    Family::gauge(
        "systemd_unit_inactive_exit_time_seconds",
        "When the unit last ceased to be inactive, in seconds since 1970; 0 if never.",
        &["name", "type"],
    ),
    Family::counter("systemd_service_restart_total", "Restarts by systemd.", &["name"]),
    Family::gauge(
        "systemd_timer_last_trigger_seconds",
        "When the timer last elapsed, in seconds since 1970; 0 if never.",
        &["name"],
    ),
    Family::counter(
        "systemd_socket_accepted_connections_total",
        "Connections that systemd accepted on the socket.",
        &["name"],
    ),
    Family::gauge(
        "systemd_socket_current_connections",
        "Connections of the socket that are open.",
        &["name"],
    ),
    Family::gauge(
        "systemd_socket_refused_connections_total",
        "Connections that systemd refused on the socket.",
        &["name"],
    ),
    Family::untyped("systemd_service_ip_ingress_bytes", "Bytes that the service got.", &["name"]),
    Family::untyped("systemd_service_ip_egress_bytes", "Bytes that the service sent.", &["name"]),
    Family::counter(
        "systemd_service_ip_ingress_packets_total",
        "Packets that the service got.",
        &["name"],
    ),
    Family::counter(
        "systemd_service_ip_egress_packets_total",
        "Packets that the service sent.",
        &["name"],
    ),
];

/// One of a unit's times.
type Time = fn(&Unit) -> Option<u64>;

#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
struct Units {
    cache: Arc<Cache>,
    shelf: Shelf,
    meter: Meter,
    required: bool,
    restarts: bool,
    ip: bool,
    resources: bool,
}

impl Collector for Units {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let state = self.cache.lock();
        state.believed(self.required)?;
        let families: Vec<&Family> = FAMILIES.iter().chain(&hybrid::FAMILIES).collect();
        let mut kept = std::mem::take(&mut self.shelf);
        let units = state.units.iter().filter(|(_, unit)| unit.served);
        kept.write(units, &families, |units, out| self.write(units, out), out);
        self.shelf = kept;
        state.manager.write(out);
        state.resolved.write(out);
        hybrid::write(&state, out);
        let places = places(&state, |unit| unit.served);
        drop(state);
        let [_, _, _, tasks, ..] = &FAMILIES;
        let usage = self.meter.read(&places, self.resources);
        out.family(tasks, |s| {
            for (name, usage) in &usage {
                if let Some(tasks) = usage.tasks {
                    s.row(&[name], tasks);
                }
            }
        });
        usage::write(&usage, out);
        Ok(())
    }
}

/// Where the services run whose tasks are counted.
pub(crate) fn places(state: &State, wanted: impl Fn(&Unit) -> bool) -> Vec<(Arc<str>, Arc<str>)> {
    let place = |(name, unit): (&Arc<str>, &Unit)| {
        let service = unit.service().filter(|_| wanted(unit))?;
        let counted = service.tasks_accounting != Some(false) && unit.state != INACTIVE;
        let group = service.group.as_ref().filter(|_| counted)?;
        Some((Arc::clone(name), Arc::clone(group)))
    };
    state.units.iter().filter_map(place).collect()
}

/// The index of `inactive` in the states.
const INACTIVE: usize = 3;

// === impl Units ===

impl Units {
    fn write(&self, units: &[Named<'_>], out: &mut Writer) {
        let all = units;
        let units = || all.iter().copied();
        let [
            unit_state,
            info,
            start_time,
            _,
            tasks_max,
            active_enter,
            active_exit,
            inactive_enter,
            inactive_exit,
            restarts,
            last_trigger,
            accepted,
            connections,
            refused,
            ip @ ..,
        ] = &FAMILIES;
        out.family(unit_state, |s| {
            for (name, unit) in units() {
                for (index, state) in STATES.iter().enumerate().take(PLAIN_STATES) {
                    s.row(&[name, suffix(name), state], unit.state == index);
                }
            }
        });
        out.family(info, |s| {
            for (name, unit) in units() {
                match &unit.own {
                    Own::Service(service) => service.kind.iter().for_each(|kind| {
                        s.row(&[name, "service", "", kind], 1u64);
                    }),
                    Own::Mount(Some(kind)) => s.row(&[name, "mount", kind, ""], 1u64),
                    _ => {}
                }
            }
        });
        out.family(start_time, |s| {
            for (name, unit) in units().filter(|(_, unit)| unit.service().is_some()) {
                if let Some(usec) = unit.start_time() {
                    s.row(&[name, "service"], seconds(usec));
                }
            }
        });
        out.family(tasks_max, |s| {
            for (name, unit) in units() {
                let max = unit.service().and_then(|service| service.tasks_max);
                if let Some(max) = max {
                    s.row(&[name, "service"], max);
                }
            }
        });
        let times: [(_, Time); 4] = [
            (active_enter, |unit| unit.times.active_enter),
            (active_exit, |unit| unit.times.active_exit),
            (inactive_enter, |unit| unit.times.inactive_enter),
            (inactive_exit, |unit| unit.times.inactive_exit),
        ];
        for (family, time) in times {
            out.family(family, |s| {
                for (name, unit) in units() {
                    if let Some(usec) = time(unit) {
                        s.row(&[name, suffix(name)], seconds(usec));
                    }
                }
            });
        }
        if self.restarts {
            out.family(restarts, |s| write_restarts(s, units()));
        }
        out.family(last_trigger, |s| write_triggers(s, units()));
        let sockets = [accepted, connections, refused];
        write_sockets(out, sockets, units);
        if self.ip {
            for (index, family) in ip.iter().enumerate() {
                out.family(family, |s| {
                    for (name, unit) in units() {
                        let number = unit.service().and_then(|s| s.ip.get(index).copied()?);
                        if let Some(number) = number {
                            s.row(&[name], number);
                        }
                    }
                });
            }
        }
        hybrid::write_units(all, out);
    }
}

/// A unit with its name.
pub(crate) type Named<'a> = (&'a Arc<str>, &'a Unit);

pub(crate) fn write_restarts<'a>(s: &mut Samples<'_>, units: impl Iterator<Item = Named<'a>>) {
    for (name, unit) in units {
        let restarts = unit.service().and_then(|service| service.restarts);
        if let Some(restarts) = restarts {
            s.row(&[name], restarts);
        }
    }
}

pub(crate) fn write_triggers<'a>(s: &mut Samples<'_>, units: impl Iterator<Item = Named<'a>>) {
    for (name, unit) in units {
        if let Own::Timer(Timer { last_trigger: Some(usec), .. }) = &unit.own {
            s.row(&[name], seconds(*usec));
        }
    }
}

/// Accepted, open and refused connections.
pub(crate) fn write_sockets<'a, I: Iterator<Item = Named<'a>>>(
    out: &mut Writer,
    [accepted, connections, refused]: [&Family; 3],
    units: impl Fn() -> I,
) {
    let sockets = || {
        units().filter_map(|(name, unit)| match &unit.own {
            Own::Socket(socket) => Some((name, socket)),
            _ => None,
        })
    };
    out.family(accepted, |s| {
        for (name, socket) in sockets() {
            if let Some(number) = socket.accepted {
                s.row(&[name], number);
            }
        }
    });
    out.family(connections, |s| {
        for (name, socket) in sockets() {
            if let Some(number) = socket.connections {
                s.row(&[name], number);
            }
        }
    });
    out.family(refused, |s| {
        for (name, socket) in sockets() {
            if let Some(number) = socket.refused {
                s.row(&[name], number);
            }
        }
    });
}
