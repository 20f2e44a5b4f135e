//! The journal for people: lines in the order of time, or counts by unit.
//!
//! A line has the time in UTC, the priority, the unit that the entry is about, who wrote it, and the
//! message whole. Control characters are escaped, so that a log cannot talk to the terminal;
//! further lines of a message are indented, so that none looks like an entry.

use jiff::Timestamp;
use journal_reader::{
    ClassCache, Entry, Error, Event, Head, Journal, Limits, Merge, Options, Payload, Verdict,
};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{self, Write},
    path::PathBuf,
};

/// What to look for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// The host's root directory.
    pub root: PathBuf,
    /// Only entries about this unit.
    pub unit: Option<String>,
    /// Only entries at or after this time, µs since 1970.
    pub since: u64,
    /// Only entries of this priority or worse, 0 to 6; those without one are left out then. 7 is all
    /// entries, as it is for journalctl.
    pub priority: Option<u8>,
    /// Counts by unit in place of lines.
    pub count: bool,
}

/// What went wrong while looking.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The journal cannot be read.
    #[error("the journal below {}: {source}", root.display())]
    Journal {
        /// The host's root directory.
        root: PathBuf,
        /// Why.
        source: Error,
    },
    /// The lines cannot be written.
    #[error("write: {0}")]
    Write(#[from] io::Error),
}

/// What a field is.
#[derive(Clone, Copy)]
enum Field {
    Other,
    Hidden,
    Message,
    Identifier,
    Process,
    Priority(u8),
    Unit(u32),
    Subject(u8, u32),
    Root,
    First,
    Kernel,
}

/// Names of units by number.
#[derive(Default)]
struct Names {
    numbers: BTreeMap<Box<str>, u32>,
    names: Vec<Box<str>>,
}

/// An entry that was looked for.
#[derive(Default)]
struct Found {
    priority: Option<u8>,
    unit: Option<u32>,
    message: Option<usize>,
    hidden: Vec<usize>,
    identifier: Option<usize>,
    process: Option<usize>,
}

/// The last priority.
const DEBUG: u8 = 7;
/// A message that is longer is cut.
const MESSAGE: usize = 1 << 20;
const NAMES: usize = 1 << 16;
const PRIORITIES: [&str; 8] =
    ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];

/// A priority by its name or number.
pub fn priority(text: &str) -> Option<u8> {
    let by_name = PRIORITIES.iter().position(|name| *name == text);
    let number =
        by_name.or_else(|| text.parse().ok().filter(|number| *number < PRIORITIES.len()))?;
    u8::try_from(number).ok()
}

/// Writes what `query` looks for; `told` gets what could not be read.
pub fn search(
    query: &Query,
    out: &mut impl Write,
    mut told: impl FnMut(String),
) -> Result<(), Fault> {
    let mut options = Options::default();
    options.root.clone_from(&query.root);
    options.limits = Limits::full();
    let mut journal = Journal::open(options)
        .map_err(|source| Fault::Journal { root: query.root.clone(), source })?;
    for event in journal.events() {
        if let Event::Fault { path, error } = event {
            told(format!("{}: {error}", path.display()));
        }
    }
    if journal.stats().files_known == 0 {
        told(format!("there are no journal files to read below {}", query.root.display()));
    }
    let mut merge = Merge::of_journal(&journal, query.since);
    let mut cache = ClassCache::new();
    let mut names = Names::default();
    if let Some(unit) = &query.unit {
        // Whatever names others make up, there is room for this one.
        names.number(unit.as_bytes());
    }
    let mut counts: BTreeMap<u32, u64> = BTreeMap::new();
    let (mut line, mut field) = (String::new(), Vec::new());
    while let Some(entry) = merge.next() {
        let mut entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                told(error.to_string());
                continue;
            }
        };
        let found = find(&mut entry, &mut cache, &mut names);
        let worse = |least: u8| found.priority.is_some_and(|priority| priority <= least);
        let name = found.unit.map_or("", |unit| names.name(unit));
        let priority = query.priority.filter(|least| *least < DEBUG);
        if !priority.is_none_or(worse) || query.unit.as_ref().is_some_and(|unit| unit != name) {
            continue;
        }
        if query.count {
            *counts.entry(found.unit.unwrap_or(u32::MAX)).or_default() += 1;
            continue;
        }
        line.clear();
        write_line(&mut line, &mut entry, &found, name, &mut field);
        out.write_all(line.as_bytes())?;
    }
    let mut counts: Vec<(u64, &str)> = counts
        .into_iter()
        .map(|(unit, count)| (count, if unit == u32::MAX { "-" } else { names.name(unit) }))
        .collect();
    counts.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
    for (count, unit) in counts {
        writeln!(out, "{count:>10} {unit}")?;
    }
    out.flush()?;
    Ok(())
}

/// Whose the entry is and where its parts stand. Who may say what an entry is about is told beside the
/// counters (`facts`).
fn find(entry: &mut Entry<'_>, cache: &mut ClassCache<Field>, names: &mut Names) -> Found {
    let mut found = Found::default();
    let (mut unit, mut subject, mut root, mut kernel) = (None, None::<(u8, u32)>, false, false);
    let (mut managed, mut first) = (None::<u32>, false);
    for index in 0..entry.len() {
        match entry.class(index, cache, |head| classify(head, names)).unwrap_or(Field::Other) {
            Field::Other => {}
            Field::Hidden => found.hidden.push(index),
            Field::Message => found.message = found.message.or(Some(index)),
            Field::Identifier => found.identifier = Some(index),
            Field::Process => found.process = Some(index),
            Field::First => (first, found.process) = (true, Some(index)),
            Field::Priority(priority) => found.priority = found.priority.or(Some(priority)),
            Field::Unit(id) => unit = Some(id),
            Field::Subject(2, id) => managed = managed.or(Some(id)),
            Field::Subject(rank, id) => {
                if subject.is_none_or(|(known, _)| rank < known) {
                    subject = Some((rank, id));
                }
            }
            Field::Root => root = true,
            Field::Kernel => kernel = true,
        }
    }
    let coredump = unit.is_some_and(|id| names.name(id).starts_with("systemd-coredump@"));
    found.unit = match (subject, managed) {
        (Some((_, id)), _) if root || coredump => Some(id),
        (_, Some(id)) if root && first => Some(id),
        _ if unit.is_none() && kernel => Some(names.number(b"kernel")),
        _ => unit,
    };
    found
}

fn classify(head: Head<'_>, names: &mut Names) -> Verdict<Field> {
    if head.hidden {
        return Verdict::Shared(Field::Hidden);
    }
    let (Some(name), Some(value)) = (head.name(), head.value()) else {
        return Verdict::Unique(Field::Other);
    };
    Verdict::Shared(match (name, value) {
        (b"MESSAGE", _) => return Verdict::Unique(Field::Message),
        (b"PRIORITY", [digit @ b'0'..=b'7']) => Field::Priority(digit - b'0'),
        (b"SYSLOG_IDENTIFIER", _) => Field::Identifier,
        (b"_PID", b"1") => Field::First,
        (b"_PID", _) => Field::Process,
        (b"_SYSTEMD_UNIT", _) => Field::Unit(names.number(value)),
        (b"COREDUMP_UNIT", [_, ..]) => Field::Subject(0, names.number(value)),
        (b"OBJECT_SYSTEMD_UNIT", [_, ..]) => Field::Subject(1, names.number(value)),
        (b"UNIT", [_, ..]) => Field::Subject(2, names.number(value)),
        (b"_UID", b"0") => Field::Root,
        (b"_TRANSPORT", b"kernel") => Field::Kernel,
        _ if name.starts_with(b"_SOURCE_") => return Verdict::Unique(Field::Other),
        _ => Field::Other,
    })
}

fn write_line(
    line: &mut String,
    entry: &mut Entry<'_>,
    found: &Found,
    unit: &str,
    field: &mut Vec<u8>,
) {
    let time = i64::try_from(entry.stamp().realtime).ok();
    match time.and_then(|time| Timestamp::from_microsecond(time).ok()) {
        // Writing to a string does not fail.
        Some(time) => drop(write!(line, "{time:.3}")),
        None => line.push('-'),
    }
    let priority = found.priority.and_then(|at| PRIORITIES.get(usize::from(at))).unwrap_or(&"-");
    line.extend([" ", priority, " "]);
    escape(if unit.is_empty() { "-" } else { unit }, line);
    let mut value = |entry: &mut Entry<'_>, index: usize| -> Option<(String, bool)> {
        let Payload { truncated: cut, .. } = entry.read(index, MESSAGE, field)?;
        let at = field.iter().position(|b| *b == b'=')?;
        Some((String::from_utf8_lossy(field.get(at + 1..)?).into_owned(), cut))
    };
    if let Some((identifier, _)) = found.identifier.and_then(|index| value(entry, index)) {
        line.push(' ');
        escape(&identifier, line);
    }
    if let Some((process, _)) = found.process.and_then(|index| value(entry, index)) {
        line.push('[');
        escape(&process, line);
        line.push(']');
    }
    line.push_str(": ");
    let hidden = |entry: &mut Entry<'_>, field: &mut Vec<u8>| {
        let is_message = |index: &&usize| {
            entry.read(**index, MESSAGE, field).is_some() && field.starts_with(b"MESSAGE=")
        };
        found.hidden.iter().find(is_message).copied()
    };
    let index = match found.message {
        Some(index) => Some(index),
        None => hidden(entry, &mut Vec::new()),
    };
    if let Some((message, cut)) = index.and_then(|index| value(entry, index)) {
        for (number, text) in message.trim_end_matches('\n').split('\n').enumerate() {
            line.push_str(if number == 0 { "" } else { "\n    " });
            escape(text, line);
        }
        line.push_str(if cut { "…" } else { "" });
    }
    line.push('\n');
}

/// Appends a text without anything that a terminal acts upon, or that makes it read otherwise.
fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if c == '\t' || !c.is_control() && !turns {
            out.push(c);
        } else {
            out.extend(c.escape_default());
        }
    }
}

// === impl Names ===

impl Names {
    fn number(&mut self, name: &[u8]) -> u32 {
        let name = String::from_utf8_lossy(name);
        if let Some(number) = self.numbers.get(&*name) {
            return *number;
        }
        let known = self.names.len().min(NAMES);
        let number = u32::try_from(known).unwrap_or(u32::MAX - 1);
        if self.names.len() < NAMES {
            self.names.push(name.as_ref().into());
            self.numbers.insert(name.into_owned().into(), number);
        }
        number
    }

    /// Of what is beyond the table: `other`.
    fn name(&self, number: u32) -> &str {
        self.names.get(number as usize).map_or("other", |name| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_acts_upon_is_escaped() {
        let mut out = String::new();
        escape("a\u{1b}[31mred\u{9b}2J\t\r\u{202e}\u{7f}ü", &mut out);
        assert_eq!(out, "a\\u{1b}[31mred\\u{9b}2J\t\\r\\u{202e}\\u{7f}ü");
    }

    #[test]
    fn priorities() {
        assert_eq!((priority("err"), priority("3"), priority("8")), (Some(3), Some(3), None));
    }
}
