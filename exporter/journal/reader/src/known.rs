//! One file of the journal as the journal knows it, open or not.

use crate::{
    Error, Header, JournalFile, Place, Result, Stamp, State,
    file::Progress,
    origin::{Name, Origin},
    tree::{self, Directory, Listed},
};
use std::{
    os::unix::ffi::OsStrExt,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

/// A file that exists, or that is still being read although its name is gone.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) directory: Arc<Directory>,
    pub(crate) listed: Listed,
    pub(crate) name: Name,
    pub(crate) origin: Arc<Origin>,
    /// As it was last read.
    pub(crate) header: Header,
    /// The first entry, of files in the volatile journal.
    pub(crate) first: Option<Stamp>,
    pub(crate) reading: Reading,
    /// Its name was there when the directory was last listed.
    pub(crate) listed_now: bool,
    /// What is wrong with it, or was last, and has been told.
    pub(crate) told: Option<Arc<Error>>,
    /// When its header last changed.
    pub(crate) changed: Instant,
}

/// How far a file is.
#[derive(Debug)]
pub(crate) enum Reading {
    /// It has no header yet.
    Blank,
    /// Not open; there is or will be more.
    Closed(Progress),
    /// Open; followed if it is live.
    Open(Box<JournalFile>),
    /// Everything was read that it will ever have.
    Done,
    /// It cannot be read further until it changes its name.
    Fault(Progress),
}

/// How long a file that nobody will close is waited for.
const ABANDONED: Duration = Duration::from_mins(1);

// === impl Known ===

impl Known {
    pub(crate) fn new(
        directory: &Arc<Directory>,
        listed: Listed,
        name: Name,
        now: Instant,
    ) -> Self {
        let origin = Origin {
            place: directory.place,
            namespace: directory.namespace.clone(),
            owner: name.owner.clone(),
        };
        Self {
            directory: Arc::clone(directory),
            listed,
            name,
            origin: Arc::new(origin),
            header: Header::default(),
            first: None,
            reading: Reading::Blank,
            listed_now: true,
            told: None,
            changed: now,
        }
    }

    /// Follows a file to another name; whether it was rotated thereby.
    pub(crate) fn rename(&mut self, found: Self) -> bool {
        let rotated = !self.name.archived && found.name.archived;
        (self.directory, self.listed, self.name) = (found.directory, found.listed, found.name);
        self.listed_now = true;
        if let Reading::Fault(at) = self.reading {
            // Permission may have been given, or what was missing written.
            let blank = self.header.file_id.is_null();
            self.reading = if blank { Reading::Blank } else { Reading::Closed(at) };
        }
        rotated
    }

    pub(crate) fn path(&self) -> PathBuf {
        let name = std::ffi::OsStr::from_bytes(self.listed.name.to_bytes());
        self.directory.path.join(name)
    }

    /// Opens the file that has the name now.
    pub(crate) fn open(&self) -> Result<JournalFile> {
        let opened = JournalFile::open_at(&self.directory.fd, &self.listed.name)?;
        Ok(opened.with_origin(Arc::clone(&self.origin)))
    }

    /// Whether the name is still this file's: a live one goes to the next file with each rotation.
    pub(crate) fn is_there(&self) -> bool {
        let listed = || tree::list(&self.directory.fd);
        self.name.archived || listed().is_ok_and(|names| names.contains(&self.listed))
    }

    /// How far it has been read; nothing of it where that is not known.
    pub(crate) fn progress(&self) -> Progress {
        match &self.reading {
            Reading::Open(file) => file.at,
            Reading::Closed(at) | Reading::Fault(at) => *at,
            Reading::Blank | Reading::Done => Progress::head(&self.header),
        }
    }

    /// Whether nobody will write it again, so that it is finished when it is read.
    pub(crate) fn is_final(&self, now: Instant) -> bool {
        let idle = now.duration_since(self.changed) > ABANDONED;
        match self.header.state {
            State::Archived => true,
            // journald closes what it puts away; a crash leaves it open.
            State::Online => idle && (self.name.archived || !self.listed_now),
            State::Offline => self.name.archived || !self.listed_now,
        }
    }

    /// Entries that it has and that were not read.
    pub(crate) fn unread(&self) -> u64 {
        match self.reading {
            Reading::Done | Reading::Blank => 0,
            _ => self.header.n_entries.saturating_sub(self.progress().seen),
        }
    }

    /// The last entry that was read or that lies behind.
    pub(crate) fn last(&self) -> Stamp {
        match &self.reading {
            Reading::Done => self.header.tail(),
            _ => self.progress().last,
        }
    }

    /// The entries of the volatile journal that are read, so that their copies are known.
    pub(crate) fn copied(&self) -> Option<Copied> {
        let (first, last) = (self.first?, self.last());
        (self.origin.place == Place::Volatile && last.seqnum != 0).then(|| Copied {
            namespace: self.origin.namespace.clone(),
            first,
            last,
        })
    }
}

/// Entries that were read from the volatile journal. When journald flushes it, it writes them
/// again into the persistent one, with their times and other numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Copied {
    pub(crate) namespace: Option<String>,
    pub(crate) first: Stamp,
    pub(crate) last: Stamp,
}

// === impl Copied ===

impl Copied {
    pub(crate) fn holds(&self, origin: &Origin, stamp: &Stamp) -> bool {
        origin.place == Place::Persistent
            && stamp.boot_id == self.last.boot_id
            && stamp.monotonic >= self.first.monotonic
            && stamp.monotonic <= self.last.monotonic
            && origin.namespace == self.namespace
    }
}
