//! Files read together in the order of time, for people.

use crate::{
    Buffers, Entry, Journal, JournalFile, Limits, Result, Stamp,
    known::{Known, Reading},
    tree::Directory,
};
use std::{ffi::CString, sync::Arc};

/// Entries of several files in the order of their realtime; within a file, in the file's order,
/// whatever the clock did.
///
/// Files are opened when their time comes and closed when they end. Each open file has a window of
/// its own, as reading jumps between them; together they take 1 MiB, or 16 KiB a file where more than
/// 64 files overlap.
#[derive(Debug)]
pub struct Merge {
    limits: Limits,
    waiting: Vec<Waiting>,
    open: Vec<Open>,
    /// Entries before this are stepped over.
    since: u64,
}

/// A file whose time has not come.
#[derive(Debug)]
struct Waiting {
    begin: u64,
    source: Source,
}

#[derive(Debug)]
enum Source {
    File(Box<JournalFile>),
    Named(Arc<Directory>, CString, Arc<crate::Origin>),
}

/// A file and its next entry.
#[derive(Debug)]
struct Open {
    file: Box<JournalFile>,
    buffers: Buffers,
    stamp: Stamp,
    /// The entry has been given; the next one is to be found.
    given: bool,
}

const WINDOWS: usize = 1 << 20;
const LEAST_WINDOW: usize = 16 << 10;

// === impl Merge ===

impl Merge {
    /// Merges these files, each from where it stands.
    pub fn new(files: Vec<JournalFile>, limits: Limits) -> Self {
        let waiting = files.into_iter().map(|file| Waiting {
            begin: file.header().head_entry_realtime,
            source: Source::File(Box::new(file)),
        });
        Self::of(waiting.collect(), limits, 0)
    }

    /// Merges all files that a journal knows, from the first entry at or after `since`, µs since
    /// 1970, whatever the journal itself has read. Files at fault are left out.
    pub fn of_journal(journal: &Journal, since: u64) -> Self {
        let wanted = journal.files.iter().filter(|known| {
            known.header.n_entries > 0
                && known.header.tail_entry_realtime >= since
                && !matches!(known.reading, Reading::Blank | Reading::Fault(_))
        });
        let waiting = wanted.map(|known: &Known| Waiting {
            begin: known.header.head_entry_realtime.max(since),
            source: Source::Named(
                Arc::clone(&known.directory),
                known.listed.name.clone(),
                Arc::clone(&known.origin),
            ),
        });
        Self::of(waiting.collect(), journal.limits(), since)
    }

    fn of(mut waiting: Vec<Waiting>, limits: Limits, since: u64) -> Self {
        waiting.sort_by_key(|waiting| std::cmp::Reverse(waiting.begin));
        Self { limits, waiting, open: Vec::new(), since }
    }

    /// The next entry; `None` at the end of all files. A file at fault is given once as an error
    /// and is left out from then on.
    #[expect(clippy::should_implement_trait, reason = "the entry borrows the merge")]
    pub fn next(&mut self) -> Option<Result<Entry<'_>>> {
        // At most one entry was given since the last time.
        if let Some(n) = self.open.iter().position(|open| open.given)
            && let Err(error) = self.step(n)
        {
            return Some(Err(error));
        }
        loop {
            let least = self.open.iter().enumerate().min_by_key(|(_, open)| open.stamp.realtime);
            let least = least.map(|(n, open)| (n, open.stamp.realtime));
            let begin = self.waiting.last().map(|waiting| waiting.begin);
            match (least, begin) {
                (None, None) => return None,
                (Some((n, time)), begin) if begin.is_none_or(|begin| begin > time) => {
                    let Open { file, buffers, stamp, given } = self.open.get_mut(n)?;
                    *given = true;
                    return Some(Ok(Entry { file, buffers, stamp: *stamp }));
                }
                _ => {
                    if let Err(error) = self.start() {
                        return Some(Err(error));
                    }
                }
            }
        }
    }

    /// Opens the file whose time has come.
    fn start(&mut self) -> Result<()> {
        let Some(Waiting { source, .. }) = self.waiting.pop() else { return Ok(()) };
        let mut file = match source {
            Source::File(file) => file,
            Source::Named(directory, name, origin) => {
                Box::new(JournalFile::open_at(&directory.fd, &name)?.with_origin(origin))
            }
        };
        let share = WINDOWS / (self.open.len() + 1);
        let window_bytes = share.clamp(LEAST_WINDOW, self.limits.window_bytes.max(LEAST_WINDOW));
        let mut buffers = Buffers::new(Limits { window_bytes, ..self.limits });
        if self.since > 0 {
            file.seek(&mut buffers, |stamp| stamp.realtime < self.since)?;
        }
        self.open.push(Open { file, buffers, stamp: Stamp::default(), given: true });
        self.step(self.open.len() - 1)
    }

    /// Finds the next entry of an open file, or closes it.
    fn step(&mut self, n: usize) -> Result<()> {
        let Some(open) = self.open.get_mut(n) else { return Ok(()) };
        match open.file.advance(&mut open.buffers) {
            Ok(Some(stamp)) => {
                (open.stamp, open.given) = (stamp, false);
                Ok(())
            }
            Ok(None) => {
                self.open.swap_remove(n);
                Ok(())
            }
            Err(error) => {
                self.open.swap_remove(n);
                Err(error)
            }
        }
    }
}
