//! What is followed, from where, and what comes of it: the words of [`Journal`](crate::Journal).

use crate::{Error, Id, Limits, Position};
use std::{path::PathBuf, sync::Arc};

/// What to follow.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// The host's root directory; below it stand `etc/machine-id`, `var/log/journal` and `run/log/journal`.
    pub root: PathBuf,
    /// The machine whose journal it is.
    pub machine: Machine,
    /// Which of journald's namespaces.
    pub namespaces: Namespaces,
    /// What one file, entry or field may cost.
    pub limits: Limits,
}

/// Whose journal is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Machine {
    /// The one that `etc/machine-id` below the root names.
    #[default]
    Host,
    /// This one.
    Id(Id),
}

/// Which of journald's namespaces are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Namespaces {
    /// The machine's own and every other.
    #[default]
    All,
    /// Only the machine's own.
    Default,
    /// Only the one with this name.
    Named(String),
}

/// Where a reader begins.
#[derive(Clone, Debug)]
pub enum Start<'p> {
    /// With the oldest entry there is.
    Head,
    /// With the entries that are written from now on.
    Tail,
    /// With the first entry at or after this time, µs since 1970: the tail less a lookback. It is
    /// found by halves; where the clock was set back, entries of that time may be on the other side.
    Since(u64),
    /// Behind the entries that were read when the position was taken.
    After(&'p Position),
}

/// How [`Journal::seek`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seek {
    /// Nothing is lost and nothing comes twice.
    Found,
    /// The place was found, but some of what stood behind it has been deleted since (vacuum).
    Gap,
    /// No file continues the position's numbering: the journal was deleted or belongs to another
    /// machine. The reader stands at the tail; seek again to choose another start.
    Lost,
}

/// What one [`Journal::read`] came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Entries that the caller was given.
    pub entries: u64,
    /// Bytes that were read from files.
    pub bytes: u64,
    /// The budget ended before the entries did: call again, after others had their turn.
    pub more: bool,
}

/// Something that happened to a file and that people may want to know, once.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// The file is not read, or no further, and why.
    Fault {
        /// The file or directory.
        path: PathBuf,
        /// What is wrong with it.
        error: Arc<Error>,
    },
    /// The file disappeared before all of its entries were read.
    Vanished {
        /// Its last path.
        path: PathBuf,
        /// Entries that nobody will see.
        entries: u64,
    },
}

/// A file or directory that is left out now because something is wrong with it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Fault {
    /// The file or directory.
    pub path: PathBuf,
    /// What is wrong with it.
    pub error: Arc<Error>,
    /// Whether what journald writes for the machine is missed by it: a live `system.journal`, or a
    /// directory. Otherwise it is what was put away, or one user's.
    pub missed: bool,
}

// === impl Options ===

impl Default for Options {
    fn default() -> Self {
        Self {
            root: PathBuf::from("/"),
            machine: Machine::Host,
            namespaces: Namespaces::All,
            limits: Limits::default(),
        }
    }
}
