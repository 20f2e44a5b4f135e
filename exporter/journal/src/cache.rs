//! What the source and the collector share.

use crate::{Evidence, counters::Counters, position::PositionErrors};
use collect::{Error, Result};
use journal_reader::Stats;
use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// What has been read, and how reading goes.
#[derive(Debug, Default)]
pub struct Cache {
    state: Mutex<State>,
    told: Condvar,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) status: Status,
    /// Made when the source is built.
    pub(crate) counters: Option<Box<Counters>>,
    pub(crate) reader: Reader,
    /// Scrapes that have copied the counters.
    pub(crate) scrapes: u64,
}

/// How reading goes.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    pub(crate) stats: Stats,
    /// When everything that was there had last been read, µs since 1970; 0 if never.
    pub(crate) read_at: u64,
    pub(crate) position: PositionErrors,
    /// Records of `/dev/kmsg` that the kernel overwrote before they were read.
    pub(crate) kmsg_lost: u64,
    pub(crate) kmsg_records: u64,
}

/// Where the source is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Status {
    /// It has not read anything yet.
    #[default]
    Starting,
    /// Journal files are followed.
    Journal,
    /// There is no journal; the kernel's own log is followed.
    Kmsg,
    /// There is something, and it cannot be read.
    Down(String),
    /// The machine has no such thing.
    Absent(String),
}

// === impl Cache ===

impl Cache {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that a scrape has copied what `state` holds.
    pub(crate) fn scraped(&self, mut state: MutexGuard<'_, State>) {
        state.scrapes += 1;
        drop(state);
        self.told.notify_all();
    }

    /// Waits until there are more scrapes than `scrapes`, at most for a second; whether there are.
    pub(crate) fn wait_scraped(&self, scrapes: u64) -> bool {
        let waiting = |state: &mut State| state.scrapes == scrapes;
        let bound = Duration::from_secs(1);
        let ended = self.told.wait_timeout_while(self.lock(), bound, waiting);
        !ended.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// The last error lines of all units, the newest first, secrets masked.
    pub fn evidence(&self, limit: usize) -> Vec<Evidence> {
        self.lock().counters.as_ref().map_or_else(Vec::new, |counters| counters.evidence(limit))
    }
}

// === impl State ===

impl State {
    /// Whether anything has ever been read, so that a zero means that nothing happened.
    pub(crate) fn has_read(&self) -> bool {
        self.reader.read_at > 0
    }

    /// How the source is. `required` tells a machine that must have a journal from one that may.
    pub(crate) fn health(&self, required: bool) -> Result<()> {
        match &self.status {
            Status::Journal | Status::Kmsg => Ok(()),
            Status::Starting => Err(Error::Other("the journal has not been opened yet".to_owned())),
            Status::Absent(reason) if !required => Err(Error::no_data(reason)),
            Status::Absent(reason) | Status::Down(reason) => Err(Error::Other(reason.clone())),
        }
    }
}
