//! Most entries count in nothing but a sum: they are gathered here, and the counters' lock is taken for a
//! thousand of them at once.

use crate::{
    cache::State,
    classes::TRANSPORTS,
    counters::{BY_UNIT, NO_PRIORITY, PRIORITIES},
    facts::Facts,
};
use journal_reader::{Entry, Point};

/// Entries that are not counted yet.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// By priority and transport.
    entries: [[u64; TRANSPORTS.len()]; PRIORITIES.len()],
    late: u64,
    count: usize,
    /// The last of them, or the one before the first.
    last: Option<Point>,
}

/// Entries that wait at most.
const MOST: usize = 1024;

// === impl Tally ===

impl Tally {
    /// Takes an entry where it needs nothing but a sum; `false` where it has to be counted by itself. `late`
    /// tells one that was written long ago, `behind` one that counts for what is rare only.
    #[inline]
    pub(crate) fn take(
        &mut self,
        facts: &Facts,
        entry: &Entry<'_>,
        behind: bool,
        late: bool,
    ) -> bool {
        let priority = facts.priority.map_or(NO_PRIORITY, usize::from);
        let plain = facts.event.is_none() && !facts.kernel && facts.rules.is_empty();
        if !plain || priority < BY_UNIT || self.count >= MOST {
            return false;
        }
        if !self.last.as_mut().is_some_and(|last| entry.follows(last)) {
            return false;
        }
        self.count += 1;
        if !behind
            && let Some(count) = self
                .entries
                .get_mut(priority)
                .and_then(|row| row.get_mut(usize::from(facts.transport)))
        {
            *count += 1;
            self.late += u64::from(late);
        }
        true
    }

    /// An entry that follows has been counted by itself.
    pub(crate) fn follow(&mut self, point: Point) {
        self.last = Some(point);
    }

    /// Counts what was taken.
    pub(crate) fn settle(&mut self, state: &mut State) {
        if self.count == 0 {
            return;
        }
        if let Some(counters) = &mut state.counters {
            counters.add(&self.entries, self.late);
        }
        if let Some(last) = &self.last {
            state.pass(last);
        }
        (self.entries, self.late, self.count) = (Default::default(), 0, 0);
    }
}
