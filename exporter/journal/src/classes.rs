//! What a field says, as far as anything is counted by it. Entries share most of their fields, so that
//! the reader remembers the class of a field by its place and the field itself is not read again.

use crate::{
    events,
    rules::Rules,
    units::{UnitId, Units},
};
use journal_reader::{Head, Verdict};

/// What a field says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Class {
    pub(crate) what: What,
    /// The rules' conditions that it fulfils, a bit each.
    pub(crate) rules: u32,
}

/// What a field is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// Nothing that is counted.
    Other,
    /// `MESSAGE`
    Message,
    /// A long compressed field, whatever it is.
    Hidden,
    /// `PRIORITY`, 0 to 7.
    Priority(u8),
    /// `_TRANSPORT`, as [`TRANSPORTS`] has it.
    Transport(u8),
    /// `_SYSTEMD_UNIT`
    Unit(UnitId),
    /// `COREDUMP_UNIT`, `OBJECT_SYSTEMD_UNIT` or `UNIT`, the first of which wins. Anybody can write
    /// them: a unit that has no number gets one only where the entry is believed.
    Subject(u8, Option<UnitId>),
    /// `_UID=0`
    Root,
    /// `_PID=1`
    First,
    /// `SYSLOG_FACILITY=0`
    KernelFacility,
    /// `SYSLOG_IDENTIFIER=kernel`
    KernelName,
    /// A known `MESSAGE_ID`, as [`events::EVENTS`] has it.
    Event(u8),
}

/// Of a field that nothing is counted by.
pub(crate) const NOTHING: Class = Class { what: What::Other, rules: 0 };

/// The rank of `UNIT` among the fields that name a subject.
pub(crate) const UNIT: u8 = 2;

/// Transports of journald; the last is any other.
pub(crate) const TRANSPORTS: [&str; 7] =
    ["audit", "driver", "journal", "kernel", "stdout", "syslog", "other"];
/// The index of `kernel` in [`TRANSPORTS`].
pub(crate) const KERNEL: u8 = 3;
/// The index of `other`.
pub(crate) const OTHER: u8 = 6;

/// The class of a field by its beginning.
pub(crate) fn classify(head: Head<'_>, units: &mut Units, rules: &Rules) -> Verdict<Class> {
    if head.hidden {
        return Verdict::Shared(Class { what: What::Hidden, rules: 0 });
    }
    // What each entry has of its own comes by every time.
    if head.bytes.starts_with(b"MESSAGE=") {
        return Verdict::Unique(Class { what: What::Message, rules: 0 });
    }
    if head.bytes.starts_with(b"_SOURCE_") && !rules.ask_for_fields() {
        return Verdict::Unique(NOTHING);
    }
    let at = head.bytes.iter().position(|b| *b == b'=');
    let split = at.and_then(|at| head.bytes.split_at_checked(at));
    let Some((name, [_, value @ ..])) = split else {
        return Verdict::Unique(NOTHING);
    };
    let what = match name {
        b"PRIORITY" => match value {
            [digit @ b'0'..=b'7'] => What::Priority(digit - b'0'),
            _ => What::Other,
        },
        b"_TRANSPORT" => {
            let known = TRANSPORTS.iter().position(|known| known.as_bytes() == value);
            What::Transport(known.and_then(|at| at.try_into().ok()).unwrap_or(OTHER))
        }
        b"_SYSTEMD_UNIT" => What::Unit(units.id(value)),
        b"COREDUMP_UNIT" => What::Subject(0, units.known(value)),
        b"OBJECT_SYSTEMD_UNIT" => What::Subject(1, units.known(value)),
        b"UNIT" => What::Subject(UNIT, units.known(value)),
        b"_UID" if value == b"0" => What::Root,
        b"_PID" if value == b"1" => What::First,
        b"SYSLOG_FACILITY" if value == b"0" => What::KernelFacility,
        b"SYSLOG_IDENTIFIER" if value == b"kernel" => What::KernelName,
        b"MESSAGE_ID" => events::find(value).map_or(What::Other, What::Event),
        _ => What::Other,
    };
    let class = Class { what, rules: rules.fulfilled(name, value) };
    // Each entry has its own.
    let unique = name.starts_with(b"_SOURCE_")
        || matches!(what, What::Subject(_, None))
        || name.starts_with(b"COREDUMP_") && what == What::Other
        || matches!(name, b"SYSLOG_RAW" | b"SYSLOG_TIMESTAMP" | b"N_DROPPED" | b"CPU_USAGE_NSEC");
    match class {
        _ if unique => Verdict::Unique(class),
        NOTHING => Verdict::Ignored,
        _ => Verdict::Shared(class),
    }
}
