//! What one entry says, gathered field by field, before anything is counted: so that the files may
//! make it wait without anybody else waiting for the counters.

use crate::{
    classes::{self, Class, UNIT, What, classify},
    rules::Rules,
    units::{UnitId, Units},
};
use journal_reader::{ClassCache, Entry, Head, Verdict};

/// An entry, as far as anything is counted by it.
pub(crate) trait Record {
    /// When it was written, µs since 1970.
    fn time(&self) -> u64;
    /// How many fields it has.
    fn len(&self) -> usize;
    /// The class of a field, this time's or one that was remembered.
    fn class(
        &mut self,
        index: usize,
        cache: &mut ClassCache<Class>,
        classify: impl FnOnce(Head<'_>) -> Verdict<Class>,
    ) -> Option<Class>;
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
/// Long compressed fields of an entry that are looked into for the message.
const MAX_HIDDEN: usize = 4;

// === impl Record ===

impl Record for Entry<'_> {
    fn time(&self) -> u64 {
        self.stamp().realtime
    }

    fn len(&self) -> usize {
        Entry::len(self)
    }

    fn class(
        &mut self,
        index: usize,
        cache: &mut ClassCache<Class>,
        classify: impl FnOnce(Head<'_>) -> Verdict<Class>,
    ) -> Option<Class> {
        Entry::class(self, index, cache, classify)
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
        let (message, field) = (Vec::new(), Vec::new());
        Self { cache: ClassCache::new(), units, rules, coredump, message, field }
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
        let (mut message, mut hidden, mut fulfilled) = (None, [None; MAX_HIDDEN], 0);
        for index in 0..entry.len() {
            let class = entry.class(index, cache, |head| classify(head, units, rules));
            let Some(class) = class else { continue };
            fulfilled |= class.rules;
            match class.what {
                What::Other => {}
                What::Message => message = message.or(Some(index)),
                What::Hidden => {
                    if let Some(place) = hidden.iter_mut().find(|place| place.is_none()) {
                        *place = Some(index);
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
            self.read_message(entry, message, &hidden, limit);
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

    /// Reads the message without its name; where no field is seen to be it, one of the hidden ones may.
    fn read_message(
        &mut self,
        entry: &mut impl Record,
        message: Option<usize>,
        hidden: &[Option<usize>],
        limit: usize,
    ) {
        const NAME: &[u8] = b"MESSAGE=";
        let places = message.into_iter().chain(hidden.iter().copied().flatten());
        for index in places.take(if message.is_some() { 1 } else { MAX_HIDDEN }) {
            entry.read(index, limit, &mut self.message);
            if self.message.starts_with(NAME) {
                self.message.drain(..NAME.len());
                return;
            }
            // Never to be looked into again.
            entry.remember(index, &mut self.cache, Class { what: What::Other, rules: 0 });
        }
        self.message.clear();
    }

    fn match_rules(&mut self, entry: &mut impl Record, fulfilled: u32, facts: &mut Facts) {
        let text = String::from_utf8_lossy(&self.message).into_owned();
        let candidates: Vec<usize> = self.rules.candidates(fulfilled).collect();
        for rule in candidates {
            let wanted = self.rules.captures(rule);
            let mut fields = Vec::new();
            for index in 0..if wanted == 0 { 0 } else { entry.len() } {
                let Self { cache, units, rules, .. } = &mut *self;
                let class = entry.class(index, cache, |head| classify(head, units, rules));
                if class.is_some_and(|class| class.rules & wanted != 0) {
                    entry.read(index, RULE_BYTES, &mut self.field);
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
