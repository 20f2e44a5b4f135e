//! What neither peer has: why a unit failed, how long it took to start, what is under way, what it
//! uses, and what was not served.

use crate::{
    cache::{Own, PLAIN_STATES, STATES, State, seconds},
    units::Named,
};
use collect::fold::PATTERNS;
use exposition::{Family, Writer};

pub(crate) static FAMILIES: [Family; 18] = [
    Family::gauge(
        "hybrid_unit_result_info",
        "Why the service, mount, socket or timer last failed, in systemd's words; absent where it did not. Always 1.",
        &["unit", "result"],
    ),
    Family::gauge(
        "hybrid_unit_exit_code",
        "With what the service's main process last exited, where it exited.",
        &["unit"],
    ),
    Family::gauge(
        "hybrid_unit_exit_signal",
        "By what signal the service's main process was last ended, where it was.",
        &["unit"],
    ),
    Family::counter("hybrid_unit_restarts_total", "Restarts of the service by systemd.", &["unit"]),
    Family::gauge(
        "hybrid_unit_activation_seconds",
        "How long the unit took to become active, where it is, in seconds.",
        &["unit"],
    ),
    Family::gauge(
        "hybrid_unit_state_info",
        "The unit's state where it is none of the five usual ones; always 1.",
        &["unit", "state"],
    ),
    Family::gauge(
        "hybrid_timer_next_elapse_time_seconds",
        "When the timer elapses next by the wall clock, in seconds since 1970.",
        &["unit"],
    ),
    Family::gauge(
        "hybrid_timer_next_elapse_monotonic_seconds",
        "When the timer elapses next by the monotonic clock, in seconds.",
        &["unit"],
    ),
    Family::gauge("hybrid_systemd_jobs", "Jobs that run or wait, by type.", &["type"]),
    Family::gauge(
        "hybrid_systemd_units_folded",
        "Units that are counted by pattern instead of served one by one.",
        &["pattern", "active"],
    ),
    Family::gauge(
        "hybrid_systemd_units_dropped",
        "Units beyond --systemd.collector.max-units, which are not served.",
        &[],
    ),
    Family::counter(
        "hybrid_systemd_call_errors_total",
        "Calls that systemd answered with an error.",
        &[],
    ),
    Family::counter("hybrid_systemd_connections_total", "Connections made to the bus.", &[]),
    Family::gauge("hybrid_unit_tasks", "Tasks of the service.", &["unit"]),
    Family::counter(
        "hybrid_unit_cpu_seconds_total",
        "CPU time of the service since its control group was made, in seconds.",
        &["unit"],
    ),
    Family::gauge("hybrid_unit_memory_bytes", "Memory charged to the service.", &["unit"]),
    Family::counter(
        "hybrid_unit_io_read_bytes_total",
        "Bytes that the service read from block devices.",
        &["unit"],
    ),
    Family::counter(
        "hybrid_unit_io_written_bytes_total",
        "Bytes that the service wrote to block devices.",
        &["unit"],
    ),
];

/// `CLD_EXITED`, `CLD_KILLED` and `CLD_DUMPED`, as `ExecMainCode` has them.
const EXITED: i32 = 1;
const KILLED: i32 = 2;
const DUMPED: i32 = 3;

/// What each unit has.
pub(crate) fn write_units(units: &[Named<'_>], out: &mut Writer) {
    let units = || units.iter().copied();
    let services = || units().filter_map(|(name, unit)| Some((name, unit.service()?)));
    let timers = || {
        units().filter_map(|(name, unit)| match &unit.own {
            Own::Timer(timer) => Some((name, timer)),
            _ => None,
        })
    };
    let [
        result,
        exit_code,
        exit_signal,
        restarts,
        activation,
        other_state,
        next_time,
        next_monotonic,
        ..,
    ] = &FAMILIES;
    out.family(result, |s| {
        for (name, unit) in units() {
            let result = unit.result.as_deref().filter(|result| *result != "success");
            if let Some(result) = result {
                s.row(&[name, result], 1u64);
            }
        }
    });
    let exit = |service: &crate::cache::Service, codes: &[i32]| {
        service.exit_code.filter(|code| codes.contains(code)).and(service.exit_status)
    };
    out.family(exit_code, |s| {
        for (name, service) in services() {
            if let Some(code) = exit(service, &[EXITED]) {
                s.row(&[name], code);
            }
        }
    });
    out.family(exit_signal, |s| {
        for (name, service) in services() {
            if let Some(signal) = exit(service, &[KILLED, DUMPED]) {
                s.row(&[name], signal);
            }
        }
    });
    out.family(restarts, |s| {
        for (name, service) in services() {
            if let Some(restarts) = service.restarts {
                s.row(&[name], restarts);
            }
        }
    });
    out.family(activation, |s| {
        for (name, unit) in units().filter(|(_, unit)| unit.state == 0) {
            let (entered, left) = (unit.times.active_enter, unit.times.inactive_exit);
            if let (Some(entered), Some(left @ 1..)) = (entered, left)
                && let Some(took) = entered.checked_sub(left)
            {
                s.row(&[name], seconds(took));
            }
        }
    });
    out.family(other_state, |s| {
        for (name, unit) in units().filter(|(_, unit)| unit.state >= PLAIN_STATES) {
            s.row(&[name, STATES.get(unit.state).unwrap_or(&"unknown")], 1u64);
        }
    });
    for (family, monotonic) in [(next_time, false), (next_monotonic, true)] {
        out.family(family, |s| {
            for (name, timer) in timers() {
                let next = if monotonic { timer.next_monotonic } else { timer.next_realtime };
                if let Some(next) = next.filter(|next| *next > 0) {
                    s.row(&[name], seconds(next));
                }
            }
        });
    }
}

/// What all of systemd has.
pub(crate) fn write(state: &State, out: &mut Writer) {
    let [_, _, _, _, _, _, _, _, jobs, folded, dropped, errors, connections, ..] = &FAMILIES;
    let totals = &state.totals;
    out.family(jobs, |s| totals.jobs.iter().for_each(|(kind, count)| s.row(&[kind], *count)));
    out.family(folded, |s| {
        for (pattern, [active, other]) in PATTERNS.iter().zip(totals.folded) {
            if active + other > 0 {
                s.row(&[pattern, "true"], active);
                s.row(&[pattern, "false"], other);
            }
        }
    });
    out.family(dropped, |s| s.value(totals.dropped));
    out.family(errors, |s| s.value(state.call_errors));
    out.family(connections, |s| s.value(state.connections));
}
