//! What one entry says, gathered field by field, before anything is counted: so that the files may
//! make it wait without anybody else waiting for the counters.

use crate::{
    classes::{self, Class, NOTHING, UNIT, What, classify},
    rules::Rules,
    units::{UnitId, Units},
};
use journal_reader::{ClassCache, Entry, Head, Verdict};

/// An entry, as far as anything is counted by it.
pub(crate) trait Record {
    /// When it was written, µs since 1970.
    fn time(&self) -> u64;
    /// Gives the index and the class of each field that is not ignored, this time's class or one that was
    /// remembered.
    fn classes(
        &mut self,
        cache: &mut ClassCache<Class>,
        classify: impl FnMut(Head<'_>) -> Verdict<Class>,
        each: impl FnMut(usize, Class),
    );
    /// Reads `NAME=value`, at most `limit` bytes of it.
    fn read(&mut self, index: usize, limit: usize, out: &mut Vec<u8>);
    /// Gives a field its class from now on.
    fn remember(&self, index: usize, cache: &mut ClassCache<Class>, class: Class);
}

/// What an entry says.
#[derive(Debug)]
pub(crate) struct Facts {
    /// When it was written, µs since 1970.
    pub(crate) time: u64,
    /// 0 to 7; `None` where it has none.
    pub(crate) priority: Option<u8>,
    /// As [`classes::TRANSPORTS`] has it.
    pub(crate) transport: u8,
    /// The unit that it is about.
    pub(crate) unit: UnitId,
    /// As [`crate::events::EVENTS`] has it.
    pub(crate) event: Option<u8>,
    /// Whether the kernel itself wrote it.
    pub(crate) kernel: bool,
    /// The rules that match, with their labels.
    pub(crate) rules: Vec<(usize, Vec<String>)>,
}

/// Gathers facts; it keeps what one entry leaves for the next.
#[derive(Debug)]
pub(crate) struct Gatherer {
    cache: ClassCache<Class>,
    pub(crate) units: Units,
    rules: Rules,
    /// systemd-coredump's instances, which write for the unit whose process died.
    coredump: UnitId,
    message: Vec<u8>,
    field: Vec<u8>,
    /// Long compressed fields of the entry, whatever they are.
    hidden: Vec<usize>,
}

/// A field that names a unit; one byte more tells that it is too long.
const NAME_BYTES: usize = "OBJECT_SYSTEMD_UNIT=".len() + 256;
/// What is read of a message: enough for a pattern and a line of evidence.
const ERROR_BYTES: usize = 320;
/// The kernel's longest record.
const KERNEL_BYTES: usize = 1100;
const RULE_BYTES: usize = 4096;
/// Of the priorities, 0 to 3 are errors.
pub(crate) const ERR: u8 = 3;
/// Long compressed fields of an entry that are looked into, for the message and for rules.
const MAX_HIDDEN: usize = 8;

// === impl Record ===

impl Record for Entry<'_> {
    fn time(&self) -> u64 {
        self.stamp().realtime
    }

    #[inline]
    fn classes(
        &mut self,
        cache: &mut ClassCache<Class>,
        classify: impl FnMut(Head<'_>) -> Verdict<Class>,
        each: impl FnMut(usize, Class),
    ) {
        Entry::classes(self, cache, classify, each);
    }

    fn read(&mut self, index: usize, limit: usize, out: &mut Vec<u8>) {
        Entry::read(self, index, limit, out);
    }

    fn remember(&self, index: usize, cache: &mut ClassCache<Class>, class: Class) {
        Entry::remember(self, index, cache, class);
    }
}

// === impl Gatherer ===

impl Gatherer {
    pub(crate) fn new(rules: Rules) -> Self {
        let mut units = Units::new();
        let coredump = units.id(b"systemd-coredump@0-0-0.service");
        Self {
            cache: ClassCache::new(),
            units,
            rules,
            coredump,
            message: Vec::new(),
            field: Vec::new(),
            hidden: Vec::new(),
        }
    }

    /// The message that was read with the last facts; empty where it was not of interest.
    pub(crate) fn message(&self) -> &[u8] {
        &self.message
    }

    /// What an entry says.
    ///
    /// An entry is about the unit that `COREDUMP_UNIT` or `OBJECT_SYSTEMD_UNIT` names only where root
    /// wrote it, or systemd-coredump, which drops to the user whose process died, and about the one that
    /// `UNIT` names only where PID 1 wrote it, as for `journalctl -u`: anybody can send these fields,
    /// and nobody shall blame another unit. journald itself adds `_UID`, `_PID` and `_SYSTEMD_UNIT`. What
    /// others send is about the unit that they run in.
    pub(crate) fn gather(&mut self, entry: &mut impl Record) -> Facts {
        let Self { cache, units, rules, .. } = self;
        let mut facts = Facts::new(entry.time());
        let (mut unit, mut subject) = (UnitId::NONE, None::<(u8, Option<UnitId>, usize)>);
        let mut managed = None::<(Option<UnitId>, usize)>;
        let (mut root, mut first, mut facility, mut name) = (false, false, false, false);
        let (mut message, mut fulfilled) = (None, 0);
        self.hidden.clear();
        let hidden = &mut self.hidden;
        let classify = |head: Head<'_>| classify(head, units, rules);
        entry.classes(cache, classify, |index, class| {
            fulfilled |= class.rules;
            match class.what {
                What::Other => {}
                What::Message => message = message.or(Some(index)),
                What::Hidden => {
                    if hidden.len() < MAX_HIDDEN {
                        hidden.push(index);
                    }
                }
                What::Priority(priority) => {
                    facts.priority.get_or_insert(priority);
                }
                What::Transport(transport) => facts.transport = transport,
                What::Unit(id) => unit = id,
                What::Subject(UNIT, id) => managed = managed.or(Some((id, index))),
                What::Subject(rank, id) => {
                    if subject.is_none_or(|(known, ..)| rank < known) {
                        subject = Some((rank, id, index));
                    }
                }
                What::Root => root = true,
                What::First => first = true,
                What::KernelFacility => facility = true,
                What::KernelName => name = true,
                What::Event(event) => facts.event = Some(event),
            }
        });
        if self.rules.ask_for_fields() && !self.hidden.is_empty() {
            fulfilled |= self.look_into_hidden(entry, &mut message);
        }
        facts.kernel = facts.transport == classes::KERNEL && facility && name;
        let subject = subject.filter(|_| root || unit == self.coredump);
        let subject =
            subject.map(|(_, id, index)| (id, index)).or(managed.filter(|_| root && first));
        let subject = subject.map(|(id, index)| id.unwrap_or_else(|| self.believe(entry, index)));
        facts.unit = match subject {
            Some(id) if id != UnitId::NONE => id,
            _ if facts.kernel => UnitId::KERNEL,
            _ => unit,
        };
        let by_rule = self.rules.any(fulfilled);
        let error = facts.priority.is_some_and(|priority| priority <= ERR);
        let limit = match (by_rule, facts.kernel, error) {
            (true, _, _) => RULE_BYTES,
            (_, true, _) => KERNEL_BYTES,
            (_, _, true) => ERROR_BYTES,
            _ => 0,
        };
        self.message.clear();
        if limit > 0 {
            self.read_message(entry, message, limit);
        }
        if by_rule {
            self.match_rules(entry, fulfilled, &mut facts);
        }
        facts
    }

    /// The number of a unit that is heard of for the first time.
    fn believe(&mut self, entry: &mut impl Record, index: usize) -> UnitId {
        entry.read(index, NAME_BYTES, &mut self.field);
        let at = self.field.iter().position(|b| *b == b'=');
        at.and_then(|at| self.field.get(at + 1..)).map_or(UnitId::NONE, |name| self.units.id(name))
    }

    /// The conditions of rules that long compressed fields fulfil; which of them is the message.
    fn look_into_hidden(&mut self, entry: &mut impl Record, message: &mut Option<usize>) -> u32 {
        let mut fulfilled = 0;
        for &index in &self.hidden {
            entry.read(index, RULE_BYTES, &mut self.field);
            let at = self.field.iter().position(|b| *b == b'=');
            let split = at.and_then(|at| self.field.split_at_checked(at));
            let Some((name, [_, value @ ..])) = split else { continue };
            if name == b"MESSAGE" {
                message.get_or_insert(index);
                continue;
            }
            let rules = self.rules.fulfilled(name, value);
            entry.remember(index, &mut self.cache, Class { what: What::Other, rules });
            fulfilled |= rules;
        }
        fulfilled
    }

    /// Reads the message without its name; where no field is seen to be it, one of the hidden ones may.
    fn read_message(&mut self, entry: &mut impl Record, message: Option<usize>, limit: usize) {
        const NAME: &[u8] = b"MESSAGE=";
        let hidden = self.hidden.iter().copied().filter(|_| message.is_none());
        for index in message.into_iter().chain(hidden) {
            entry.read(index, limit, &mut self.message);
            if self.message.starts_with(NAME) {
                self.message.drain(..NAME.len());
                return;
            }
            // Never to be looked into again.
            entry.remember(index, &mut self.cache, NOTHING);
        }
        self.message.clear();
    }

    fn match_rules(&mut self, entry: &mut impl Record, fulfilled: u32, facts: &mut Facts) {
        let text = String::from_utf8_lossy(&self.message).into_owned();
        let candidates: Vec<usize> = self.rules.candidates(fulfilled).collect();
        let wanted = candidates.iter().fold(0, |bits, rule| bits | self.rules.captures(*rule));
        let mut places = Vec::new();
        if wanted != 0 {
            let Self { cache, units, rules, .. } = &mut *self;
            let classify = |head: Head<'_>| classify(head, units, rules);
            entry.classes(cache, classify, |index, class| places.push((index, class.rules)));
            // What is hidden is remembered as long as there is room.
            places.extend(self.hidden.iter().map(|index| (*index, u32::MAX)));
        }
        for rule in candidates {
            let wanted = self.rules.captures(rule);
            let mut fields = Vec::new();
            for (index, rules) in &places {
                if rules & wanted != 0 {
                    entry.read(*index, RULE_BYTES, &mut self.field);
                    fields.push(String::from_utf8_lossy(&self.field).into_owned());
                }
            }
            if let Some(labels) = self.rules.labels(rule, &text, &fields) {
                facts.rules.push((rule, labels));
            }
        }
    }
}

// === impl Facts ===

impl Facts {
    pub(crate) fn new(time: u64) -> Self {
        Self {
            time,
            priority: None,
            transport: classes::OTHER,
            unit: UnitId::NONE,
            event: None,
            kernel: false,
            rules: Vec::new(),
        }
    }
}
