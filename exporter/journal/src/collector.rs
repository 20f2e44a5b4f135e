//! The families of the part `journal`, written from the cache.
//!
//! What is known to occur starts at 0: entries by priority (transport `journal`, …), errors in all, events
//! by kind over all units, kernel problems by reason. Rows by unit, pattern or device cannot: they
//! begin with their first count, which `increase()` does not see. So alert on the families without
//! such labels and look at the others for the culprit, or ask
//! `increase(x[5m]) > 0 or (x unless x offset 5m)`. A unit that has one row of
//! `hybrid_journal_unit_entries_total` has all five from then on.

use crate::{
    cache::{Cache, Reader, State, Status},
    classes::TRANSPORTS,
    counters::{BY_UNIT, Counters, PRIORITIES},
    events::EVENTS,
    kernel::{Kernel, Mounts, Reason, Victim},
    options,
};
use collect::{Clock, Collector, Result, Root, Spec};
use exposition::{Family, Writer};
use std::{sync::Arc, time::UNIX_EPOCH};

pub(crate) static SPEC: Spec = Spec {
    name: "journal",
    doc: "The journal's entries, errors, events and error patterns by unit, and the kernel's problems.",
    default: true,
    families: &[&ENTRIES, &READER, &KERNEL, &PEER],
    opts: &[
        options::MAX_UNITS,
        options::MAX_PATTERNS,
        options::LOOKBACK,
        options::PROBLEMS,
        options::RULES,
    ],
    build: |cx| {
        Ok(Box::new(Journal {
            cache: cx.shared.get(),
            required: cx.options.text(&options::MODE) == "on",
            problems: cx.options.switch(&options::PROBLEMS),
            roots: (cx.proc.clone(), cx.sys.clone()),
            clock: cx.clock,
        }))
    },
};

static ENTRIES: [Family; 13] = [
    Family::counter(
        "hybrid_journal_entries_total",
        "Entries of the journal; priorities as journalctl names them, none for entries without one.",
        &["priority", "transport"],
    ),
    Family::counter("hybrid_journal_errors_total", "Entries of priority err and worse.", &[]),
    Family::counter(
        "hybrid_journal_late_entries_total",
        "Entries counted more than half a second after they were written: those of a time before the \
         start, and others where the exporter or journald had no time.",
        &[],
    ),
    Family::counter(
        "hybrid_journal_unit_entries_total",
        "Entries of priority warning and worse by the unit that they are about.",
        &["unit", "priority"],
    ),
    Family::gauge(
        "hybrid_journal_last_error_timestamp_seconds",
        "When the last entry of priority err or worse about the unit was written, since 1970.",
        &["unit"],
    ),
    Family::counter(
        "hybrid_journal_events_total",
        "Entries with a message id that tells an event, by the unit that they are about.",
        &["unit", "event"],
    ),
    Family::counter(
        "hybrid_journal_event_entries_total",
        "Entries with a message id that tells an event, over all units; every event starts at 0.",
        &["event"],
    ),
    Family::counter(
        "hybrid_journal_error_pattern_total",
        "Entries of priority err and worse by pattern: a hash of the message without its variable \
         parts. One that gave way and came back starts anew.",
        &["unit", "pattern"],
    ),
    Family::gauge(
        "hybrid_journal_error_pattern_info",
        "The message of a pattern, variable parts and secrets masked; always 1.",
        &["pattern", "template"],
    ),
    Family::counter(
        "hybrid_journal_error_patterns_evicted_total",
        "Patterns that gave way to newer ones.",
        &[],
    ),
    Family::counter(
        "hybrid_journal_unit_overflow_total",
        "Entries and events counted as unit=other: there were units enough, or the name is no unit's.",
        &[],
    ),
    Family::counter(
        "hybrid_journal_rule_matches_total",
        "Entries that match a rule of the configuration; further labels are what its patterns capture.",
        &["rule"],
    ),
    Family::counter(
        "hybrid_journal_rule_series_evicted_total",
        "Series of a rule that gave way to newer ones.",
        &["rule"],
    ),
];

static READER: [Family; 15] = [
    Family::gauge(
        "hybrid_journal_source_info",
        "What is read: journal files, or the kernel's own log where there are none; always 1.",
        &["source"],
    ),
    Family::gauge(
        "hybrid_journal_last_read_timestamp_seconds",
        "When everything that was there had last been read, in seconds since 1970.",
        &[],
    ),
    Family::gauge(
        "hybrid_journal_lag_seconds",
        "By how much the newest entry in the files is newer than the last one that was read.",
        &[],
    ),
    Family::counter("hybrid_journal_reader_entries_total", "Entries read.", &[]),
    Family::counter("hybrid_journal_reader_bytes_total", "Bytes read from journal files.", &[]),
    Family::counter(
        "hybrid_journal_reader_entries_skipped_total",
        "Entries that could not be made sense of, and second copies of the flush to disk.",
        &["reason"],
    ),
    Family::counter(
        "hybrid_journal_reader_fields_skipped_total",
        "Fields that could not be read, or that were beyond the limit of an entry.",
        &[],
    ),
    Family::counter(
        "hybrid_journal_reader_files_skipped_total",
        "Journal files that are not read, or no further.",
        &["reason"],
    ),
    Family::counter(
        "hybrid_journal_reader_files_lost_total",
        "Journal files that disappeared before all of their entries were read.",
        &[],
    ),
    Family::counter("hybrid_journal_reader_rotations_total", "Journal files rotated.", &[]),
    Family::counter(
        "hybrid_journal_reader_overflows_total",
        "Times that the kernel told of more changes to files than it keeps; all files were looked at.",
        &[],
    ),
    Family::gauge("hybrid_journal_reader_files", "Journal files that are followed.", &[]),
    Family::counter(
        "hybrid_journal_position_errors_total",
        "Positions that could not be read or written, or that the journal does not continue.",
        &["operation"],
    ),
    Family::counter("hybrid_journal_kmsg_records_total", "Records read from /dev/kmsg.", &[]),
    Family::counter(
        "hybrid_journal_kmsg_lost_total",
        "Records that the kernel overwrote in /dev/kmsg before they were read.",
        &[],
    ),
];

static KERNEL: [Family; 8] = [
    Family::counter(
        "hybrid_kernel_problems_total",
        "Complaints of the kernel by reason; names are node-problem-detector's where it has one.",
        &["reason"],
    ),
    Family::gauge(
        "hybrid_kernel_problem_timestamp_seconds",
        "When the kernel last complained, in seconds since 1970; absent where it has not.",
        &["reason"],
    ),
    Family::counter(
        "hybrid_kernel_device_problems_total",
        "Complaints of the kernel that name a device (or an NFS server).",
        &["reason", "device"],
    ),
    Family::counter(
        "hybrid_kernel_oom_kills_total",
        "Processes that the kernel killed for want of memory, by whose memory it was (global, cgroup, \
         cpuset, mempolicy) and by the unit, or the pod's uid and the container, that they were of.",
        &["scope", "unit", "uid", "container_id"],
    ),
    Family::counter(
        "hybrid_kernel_fork_rejections_total",
        "New tasks that the limit of a control group refused, as far as the kernel tells.",
        &["unit", "uid", "container_id"],
    ),
    Family::gauge(
        "hybrid_kernel_condition",
        "Whether a condition holds that the kernel told of; it ends when the machine shows so.",
        &["condition", "reason"],
    ),
    Family::counter(
        "hybrid_kernel_condition_overflow_total",
        "Messages of conditions that were taken for their reason alone, as too many devices had one.",
        &[],
    ),
    Family::counter(
        "hybrid_kernel_rows_evicted_total",
        "Rows by device, OOM kill or refused fork that gave way to newer ones.",
        &[],
    ),
];

/// node-problem-detector's own. A counter's name ends in `_total` in OpenMetrics, so that its counter is of
/// no type here.
static PEER: [Family; 2] = [
    Family::untyped(
        "problem_counter",
        "Matches of node-problem-detector's rules; of its conditions, how often they began.",
        &["reason"],
    ),
    Family::gauge(
        "problem_gauge",
        "Whether a condition of node-problem-detector's holds.",
        &["type", "reason"],
    ),
];

struct Journal {
    cache: Arc<Cache>,
    required: bool,
    problems: bool,
    /// procfs and sysfs.
    roots: (Root, Root),
    clock: Clock,
}

// === impl Journal ===

impl Collector for Journal {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        // Files are read before the lock is taken that counting waits for.
        let asked = self.cache.lock().counters.as_ref().is_some_and(|c| c.kernel.ask_for_mounts());
        let mounts = asked.then(|| Mounts::read(&self.roots.0, &self.roots.1)).flatten();
        let mut state = self.cache.lock();
        if state.has_read() {
            let State { status, counters, reader, .. } = &mut *state;
            write_reader(out, status, reader);
            if let Some(counters) = counters {
                // Nothing is known of what only a journal holds.
                let kernel_alone = *status == Status::Kmsg && reader.stats.entries == 0;
                write_entries(out, counters, kernel_alone);
                write_kernel(out, &counters.kernel);
                let now = self.clock.now().duration_since(UNIX_EPOCH).unwrap_or_default();
                let now = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
                let held =
                    counters.kernel.conditions.check(now, mounts.as_ref()).collect::<Vec<_>>();
                write_conditions(out, &counters.kernel, &held, self.problems);
            }
        }
        let health = state.health(self.required);
        self.cache.scraped(state);
        health
    }
}

/// µs as seconds.
#[expect(clippy::cast_precision_loss, reason = "a sample is a float")]
fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

fn write_entries(out: &mut Writer, counters: &mut Counters, kernel_alone: bool) {
    let [
        entries,
        errors,
        late,
        unit_entries,
        last_error,
        events,
        event_entries,
        pattern,
        pattern_info,
        patterns_evicted,
        overflow,
        matches,
        matches_evicted,
    ] = &ENTRIES;
    out.family(entries, |s| {
        for (priority, counts) in PRIORITIES.iter().zip(counters.entries) {
            for (transport, count) in TRANSPORTS.iter().zip(counts) {
                // Transports that a machine never uses would be noise; errors are awaited from all.
                let awaited = match *transport {
                    "kernel" => true,
                    "journal" | "stdout" | "syslog" => !kernel_alone,
                    _ => false,
                };
                if count > 0 || awaited && *priority != "none" {
                    s.row(&[priority, transport], count);
                }
            }
        }
    });
    out.family(errors, |s| s.value(counters.errors));
    out.family(late, |s| s.value(counters.late));
    let rows = counters.rows();
    out.family(unit_entries, |s| {
        for row in rows.iter().filter(|row| row.entries.iter().any(|count| *count > 0)) {
            for (priority, count) in PRIORITIES.iter().take(BY_UNIT).zip(row.entries) {
                s.row(&[&row.unit, priority], count);
            }
        }
    });
    out.family(last_error, |s| {
        for row in rows.iter().filter(|row| row.last_error > 0) {
            s.row(&[&row.unit], seconds(row.last_error));
        }
    });
    out.family(events, |s| {
        for row in &rows {
            for ((_, event), count) in EVENTS.iter().zip(row.events) {
                if count > 0 {
                    s.row(&[&row.unit, event], count);
                }
            }
        }
    });
    if !kernel_alone {
        out.family(event_entries, |s| {
            for ((_, event), count) in EVENTS.iter().zip(counters.events) {
                s.row(&[event], count);
            }
        });
    }
    let (patterns, templates) = counters.patterns.rows();
    out.family(pattern, |s| {
        for (unit, pattern, count) in &patterns {
            s.row(&[counters.unit_name(*unit), pattern], *count);
        }
    });
    out.family(pattern_info, |s| {
        for (pattern, template) in &templates {
            s.row(&[pattern, template], 1u64);
        }
    });
    out.family(patterns_evicted, |s| s.value(counters.patterns.evicted));
    out.family(overflow, |s| s.value(counters.overflow));
    out.family(matches, |s| {
        for rule in counters.matches.iter() {
            if rule.labels.is_empty() && rule.series.rows().is_empty() {
                s.row(&[&rule.rule], 0u64);
            }
            for (values, count) in rule.series.rows() {
                let own = rule.labels.iter().zip(values).map(|(label, value)| (&**label, &**value));
                let labels: Vec<(&str, &str)> =
                    std::iter::once(("rule", &*rule.rule)).chain(own).collect();
                s.sample(&labels, count);
            }
        }
    });
    out.family(matches_evicted, |s| {
        for rule in counters.matches.iter() {
            s.row(&[&rule.rule], rule.series.evicted);
        }
    });
}

fn write_reader(out: &mut Writer, health: &Status, reader: &Reader) {
    let [
        info,
        read_at,
        lag,
        entries,
        bytes,
        entries_skipped,
        fields_skipped,
        files_skipped,
        files_lost,
        rotations,
        overflows,
        files,
        position,
        kmsg_records,
        kmsg_lost,
    ] = &READER;
    let stats = &reader.stats;
    match health {
        Status::Journal => out.family(info, |s| s.row(&["journal"], 1u64)),
        Status::Kmsg => out.family(info, |s| s.row(&["kmsg"], 1u64)),
        Status::Starting | Status::Down(_) | Status::Absent(_) => {}
    }
    out.family(read_at, |s| s.value(seconds(reader.read_at)));
    if stats.last_realtime > 0 {
        out.family(lag, |s| {
            s.value(seconds(stats.newest_realtime.saturating_sub(stats.last_realtime)));
        });
    }
    out.family(entries, |s| s.value(stats.entries));
    out.family(bytes, |s| s.value(stats.bytes));
    out.family(entries_skipped, |s| {
        s.row(&["copy"], stats.copies_skipped);
        s.row(&["damaged"], stats.entries_skipped);
    });
    out.family(fields_skipped, |s| s.value(stats.fields_skipped));
    out.family(files_skipped, |s| {
        s.row(&["damaged"], stats.files_damaged);
        s.row(&["foreign"], stats.files_foreign);
        s.row(&["unreadable"], stats.files_unreadable);
        s.row(&["unsupported"], stats.files_unsupported);
    });
    out.family(files_lost, |s| s.value(stats.files_lost));
    out.family(rotations, |s| s.value(stats.rotations));
    out.family(overflows, |s| s.value(stats.overflows));
    out.family(files, |s| s.value(stats.files_live));
    out.family(position, |s| {
        s.row(&["load"], reader.position.load);
        s.row(&["save"], reader.position.save);
        s.row(&["seek"], reader.position.lost);
    });
    if reader.kmsg_records > 0 || *health == Status::Kmsg {
        out.family(kmsg_records, |s| s.value(reader.kmsg_records));
        out.family(kmsg_lost, |s| s.value(reader.kmsg_lost));
    }
}

fn write_kernel(out: &mut Writer, kernel: &Kernel) {
    let [problems, times, devices, kills, forks, _, _, evicted] = &KERNEL;
    out.family(problems, |s| {
        kernel.counts().for_each(|(reason, count)| s.row(&[reason.name], count.matches));
    });
    out.family(times, |s| {
        for (reason, count) in kernel.counts().filter(|(_, count)| count.last > 0) {
            s.row(&[reason.name], seconds(count.last));
        }
    });
    out.family(devices, |s| {
        for ((reason, device), count) in kernel.devices.rows() {
            s.row(&[reason, device], count);
        }
    });
    out.family(kills, |s| {
        for ((scope, Victim { unit, pod, container }), count) in kernel.kills.rows() {
            s.row(&[scope, unit, pod, container], count);
        }
    });
    out.family(forks, |s| {
        for (Victim { unit, pod, container }, count) in kernel.forks.rows() {
            s.row(&[unit, pod, container], count);
        }
    });
    let count = kernel.devices.evicted + kernel.kills.evicted + kernel.forks.evicted;
    out.family(evicted, |s| s.value(count));
}

fn write_conditions(out: &mut Writer, kernel: &Kernel, held: &[(&Reason, bool)], peer: bool) {
    let [.., condition, overflow, _] = &KERNEL;
    out.family(overflow, |s| s.value(kernel.conditions.overflow));
    out.family(condition, |s| {
        for (reason, holds) in held {
            s.row(&[reason.condition.unwrap_or_default(), reason.name], *holds);
        }
    });
    if !peer {
        return;
    }
    let [counter, gauge] = &PEER;
    out.family(counter, |s| {
        for (reason, count) in kernel.counts().filter(|(reason, _)| reason.peer) {
            s.row(&[reason.name], count.peer);
        }
    });
    out.family(gauge, |s| {
        for (reason, holds) in held {
            s.row(&[reason.condition.unwrap_or_default(), reason.name], *holds);
        }
    });
}
