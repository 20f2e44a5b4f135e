//! What the source and the collector share.

use crate::{Evidence, counters::Counters, position::PositionErrors};
use collect::{Error, Result, lock};
use journal_reader::{Point, Position, Stats};
use rustix::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

/// What has been read, and how reading goes.
#[derive(Debug, Default)]
pub struct Cache {
    state: Mutex<State>,
    /// What the thread that reads sleeps on.
    wake: OnceLock<Arc<OwnedFd>>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) status: Status,
    /// Made when the source is built.
    pub(crate) counters: Option<Box<Counters>>,
    pub(crate) reader: Reader,
    /// How far what is counted goes, when it was last looked at as a whole.
    pub(crate) position: Position,
    /// What was counted since then, the last entry of each line.
    pub(crate) passed: Vec<Point>,
    /// How far what the last scrape shows goes, until it is kept.
    pub(crate) shown: Option<Position>,
    /// The same, kept or not.
    last_shown: Position,
}

/// How reading goes.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    pub(crate) stats: Stats,
    /// Of readers that had to end.
    pub(crate) before: Stats,
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
        lock(&self.state)
    }

    /// Says what the thread that reads sleeps on.
    pub(crate) fn wakes(&self, wake: &Arc<OwnedFd>) {
        self.wake.get_or_init(|| Arc::clone(wake));
    }

    /// Says that a scrape has copied what `state` holds: its position shall be kept.
    pub(crate) fn scraped(&self, mut state: MutexGuard<'_, State>) {
        let position = state.reached();
        if position == state.last_shown {
            return;
        }
        state.last_shown.clone_from(&position);
        state.shown = Some(position);
        drop(state);
        if let Some(wake) = self.wake.get() {
            // It fails only where the count is full, and then the thread is awake.
            rustix::io::write(wake, &1_u64.to_ne_bytes()).ok();
        }
    }

    /// The last error lines of all units, the newest first, secrets masked.
    pub fn evidence(&self, limit: usize) -> Vec<Evidence> {
        self.lock().counters.as_ref().map_or_else(Vec::new, |counters| counters.evidence(limit))
    }
}

// === impl State ===

impl State {
    /// An entry has been counted.
    pub(crate) fn pass(&mut self, point: &Point) {
        match self.passed.iter_mut().find(|held| held.continues(point)) {
            Some(held) => held.clone_from(point),
            None => self.passed.push(point.clone()),
        }
    }

    /// How far what is counted goes.
    pub(crate) fn reached(&self) -> Position {
        let mut position = self.position.clone();
        self.passed.iter().for_each(|point| position.pass(point));
        position
    }

    /// Everything up to there has been counted, or stepped over.
    pub(crate) fn reach(&mut self, position: Position) {
        self.position = position;
        self.passed.clear();
    }

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
