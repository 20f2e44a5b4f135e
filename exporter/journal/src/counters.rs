//! What has been counted since the exporter started, under one lock that is held for memory's work only.

use crate::{
    classes::{KERNEL, TRANSPORTS},
    events::EVENTS,
    facts::{ERR, Facts},
    kernel::Kernel,
    patterns::Patterns,
    rules::{Matches, Rules},
    secrets::mask_secrets,
    units::{UnitId, Units},
};
use std::collections::VecDeque;

/// Names of the priorities as journalctl has them; the last is an entry without one.
pub(crate) const PRIORITIES: [&str; 9] =
    ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug", "none"];
/// The priorities that are counted by unit: warning and worse.
pub(crate) const BY_UNIT: usize = 5;
/// The index of `none` in [`PRIORITIES`].
pub(crate) const NO_PRIORITY: usize = 8;

/// Lines of evidence that a unit has.
const LINES: usize = 5;
/// Bytes of a line of evidence as it is shown.
const LINE_BYTES: usize = 240;
/// Bytes that are kept of it: a secret that the end of the line would cut is still known by its form.
const KEPT_BYTES: usize = 312;

#[derive(Debug)]
pub(crate) struct Counters {
    /// By priority and transport.
    pub(crate) entries: [[u64; TRANSPORTS.len()]; PRIORITIES.len()],
    pub(crate) errors: u64,
    /// Entries that were counted more than half a second after they were written.
    pub(crate) late: u64,
    /// By event, over all units.
    pub(crate) events: [u64; EVENTS.len()],
    rows: Vec<Option<Box<Row>>>,
    row_count: usize,
    max_units: usize,
    /// Entries of units beyond the cap.
    pub(crate) overflow: u64,
    pub(crate) patterns: Patterns,
    pub(crate) kernel: Kernel,
    pub(crate) matches: Matches,
}

/// What a unit has said that is counted by unit.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) unit: Box<str>,
    pub(crate) entries: [u64; BY_UNIT],
    pub(crate) events: [u64; EVENTS.len()],
    /// µs since 1970; 0 if never.
    pub(crate) last_error: u64,
    evidence: VecDeque<Line>,
}

/// A line of evidence as it was written, secrets and all.
#[derive(Debug, Default)]
struct Line {
    time: u64,
    priority: u8,
    text: Vec<u8>,
}

/// An error line, fit to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The unit.
    pub unit: String,
    /// When it was written, µs since 1970.
    pub time: u64,
    /// `emerg` to `err`.
    pub priority: &'static str,
    /// The message's beginning, secrets masked.
    pub text: String,
}

// === impl Counters ===

impl Counters {
    pub(crate) fn new(max_units: usize, max_patterns: usize, rules: &Rules) -> Self {
        Self {
            entries: Default::default(),
            errors: 0,
            late: 0,
            events: Default::default(),
            rows: Vec::new(),
            row_count: 0,
            max_units,
            overflow: 0,
            patterns: Patterns::new(max_patterns),
            kernel: Kernel::new(),
            matches: Matches::new(rules),
        }
    }

    /// Adds entries that count in no row, by priority and transport.
    pub(crate) fn add(&mut self, entries: &[[u64; TRANSPORTS.len()]; PRIORITIES.len()], late: u64) {
        let counts = self.entries.as_flattened_mut().iter_mut();
        counts.zip(entries.as_flattened()).for_each(|(count, more)| *count += more);
        self.late += late;
    }

    /// Counts an entry. Of one that lies `behind` where the reader would have begun, only what is rare
    /// counts: events and what the kernel complains about.
    pub(crate) fn count(&mut self, facts: Facts, units: &Units, message: &[u8], behind: bool) {
        if let Some(event) = facts.event.map(usize::from) {
            let unit = self.counted(facts.unit);
            let row = self.row(unit, units);
            increment(&mut row.events, event);
            increment(&mut self.events, event);
        }
        if facts.kernel {
            self.kernel.line(&String::from_utf8_lossy(message), facts.time);
        }
        if behind {
            return;
        }
        let priority = facts.priority.map_or(NO_PRIORITY, usize::from);
        if let Some(row) = self.entries.get_mut(priority) {
            increment(row, usize::from(facts.transport));
        }
        for (rule, labels) in facts.rules {
            self.matches.add(rule, labels);
        }
        if priority >= BY_UNIT {
            return;
        }
        let error = priority <= usize::from(ERR);
        let unit = self.counted(facts.unit);
        let row = self.row(unit, units);
        increment(&mut row.entries, priority);
        if error {
            row.last_error = row.last_error.max(facts.time);
            row.note(facts.time, facts.priority.unwrap_or_default(), message);
            self.errors += 1;
            self.patterns.add(unit, message);
        }
    }

    /// The unit that is counted: `other` where no more have a row of their own.
    fn counted(&mut self, unit: UnitId) -> UnitId {
        let known = self.rows.get(unit.index()).is_some_and(Option::is_some);
        // Beyond the numbers that there are, a unit is `other` before it comes here.
        if unit != UnitId::OTHER && (known || self.row_count < self.max_units) {
            return unit;
        }
        self.overflow += 1;
        UnitId::OTHER
    }

    fn row(&mut self, unit: UnitId, units: &Units) -> &mut Row {
        let index = unit.index();
        if self.rows.len() <= index {
            self.rows.resize_with(index + 1, || None);
        }
        let place = self.rows.get_mut(index).expect("the rows were made long enough");
        self.row_count += usize::from(place.is_none());
        place.get_or_insert_with(|| Box::new(Row::new(units.name(unit))))
    }

    /// The rows, sorted by unit.
    pub(crate) fn rows(&self) -> Vec<&Row> {
        let mut rows: Vec<&Row> = self.rows.iter().flatten().map(|row| &**row).collect();
        rows.sort_unstable_by(|a, b| a.unit.cmp(&b.unit));
        rows
    }

    /// The name of a unit that has a row; `other` stands for those that have none.
    pub(crate) fn unit_name(&self, unit: UnitId) -> &str {
        let row = self.rows.get(unit.index()).and_then(Option::as_ref);
        row.map_or("other", |row| &row.unit)
    }

    /// The last error lines, the newest first, at most `limit` of them.
    pub(crate) fn evidence(&self, limit: usize) -> Vec<Evidence> {
        let lines = |row: &'_ Row| {
            row.evidence
                .iter()
                .map(|line| (line.time, line.priority, row.unit.clone(), line.text.clone()))
                .collect::<Vec<_>>()
        };
        let mut all: Vec<_> = self.rows().into_iter().flat_map(lines).collect();
        all.sort_by(|a, b| b.cmp(a));
        all.truncate(limit);
        let shown = |(time, priority, unit, text): (u64, u8, Box<str>, Vec<u8>)| Evidence {
            unit: unit.into(),
            time,
            priority: PRIORITIES.get(usize::from(priority)).unwrap_or(&"none"),
            text: shown_text(&text),
        };
        all.into_iter().map(shown).collect()
    }
}

// === impl Row ===

impl Row {
    fn new(unit: &str) -> Self {
        Self {
            unit: unit.into(),
            entries: Default::default(),
            events: Default::default(),
            last_error: 0,
            evidence: VecDeque::new(),
        }
    }

    /// Keeps a line in place of the oldest.
    fn note(&mut self, time: u64, priority: u8, message: &[u8]) {
        let full = self.evidence.len() >= LINES;
        let mut line = if full { self.evidence.pop_front() } else { None }.unwrap_or_default();
        line.text.clear();
        line.text.extend_from_slice(message.get(..KEPT_BYTES).unwrap_or(message));
        (line.time, line.priority) = (time, priority);
        self.evidence.push_back(line);
    }
}

/// A line's beginning, secrets masked.
fn shown_text(line: &[u8]) -> String {
    let mut text = mask_secrets(&String::from_utf8_lossy(line)).into_owned();
    text.truncate(text.floor_char_boundary(LINE_BYTES));
    text
}

fn increment(counts: &mut [u64], index: usize) {
    if let Some(count) = counts.get_mut(index) {
        *count += 1;
    }
}

/// Facts of a line that came from `/dev/kmsg`.
pub(crate) fn of_kmsg(time: u64, priority: u8, facility: u64) -> Facts {
    let mut facts = Facts::new(time);
    facts.priority = Some(priority);
    facts.transport = KERNEL;
    facts.kernel = facility == 0;
    facts.unit = if facts.kernel { UnitId::KERNEL } else { UnitId::NONE };
    facts
}
