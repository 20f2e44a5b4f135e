//! The machine's journal: all files of its directories, read once each and followed.

use crate::{
    Buffers, Entry, Error, Event, Fault, Id, Limits, Machine, Options, Place, Progress, Result,
    Stamp, Start, Stats,
    known::{Copied, Known, Reading},
    tree,
    watch::Watch,
};
use rustix::fd::BorrowedFd;
use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

/// A machine's journal that is being followed.
#[derive(Debug)]
pub struct Journal {
    pub(crate) options: Options,
    pub(crate) machine: Id,
    pub(crate) watch: Watch,
    pub(crate) files: Vec<Known>,
    /// How far each line of files is.
    pub(crate) lines: BTreeMap<String, Line>,
    /// Entries of a line that appears later are new if they are younger.
    pub(crate) floor: Stamp,
    /// Of volatile files that are gone.
    pub(crate) copied: VecDeque<Copied>,
    pub(crate) buffers: Buffers,
    pub(crate) stats: Stats,
    pub(crate) events: VecDeque<Event>,
    pub(crate) listed: Option<Instant>,
    /// Directories that cannot be listed, and have been told.
    pub(crate) blocked: BTreeMap<PathBuf, Arc<Error>>,
}

/// The last entry of a line of files.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Line {
    pub(crate) seqnum_id: Id,
    pub(crate) last: Stamp,
}

/// How often directories are listed although nothing was heard of them.
const LISTING: Duration = Duration::from_secs(10);

/// Files that stay open.
const MAX_OPEN: usize = 128;

/// Events, and files whose copies are known.
const MAX_HELD: usize = 64;
const MAX_LINES: usize = 1024;

// === impl Journal ===

impl Journal {
    /// Opens the journal. Directories that do not exist yet are waited for and are no error; a
    /// missing machine id is. The reader stands at the tail until [`Journal::seek`] says otherwise.
    pub fn open(options: Options) -> Result<Self> {
        let machine = match options.machine {
            Machine::Host => tree::machine_id(&options.root)?,
            Machine::Id(id) => id,
        };
        let mut journal = Self {
            machine,
            watch: Watch::new()?,
            files: Vec::new(),
            lines: BTreeMap::new(),
            floor: Stamp::default(),
            copied: VecDeque::new(),
            buffers: Buffers::new(options.limits),
            stats: Stats::default(),
            events: VecDeque::new(),
            listed: None,
            blocked: BTreeMap::new(),
            options,
        };
        journal.seek(&Start::Tail)?;
        Ok(journal)
    }

    /// Reads what is there and not read yet, in the order of each line of files, at most about
    /// `bytes` bytes of files (a window more), and hands each entry to `each`. Never waits.
    ///
    /// `each` asks [`Entry::is_torn`] before it makes something of an entry.
    ///
    /// Files that are at fault are left behind, counted, and told by [`Journal::events`]; the only
    /// error is one of the journal as a whole.
    pub fn read(&mut self, bytes: u64, mut each: impl FnMut(&mut Entry<'_>)) -> Result<Progress> {
        let now = Instant::now();
        let noise = self.watch.drain();
        self.stats.overflows += u64::from(noise.overflow);
        let due = self.listed.is_none_or(|listed| now.duration_since(listed) > LISTING);
        let list = noise.names || due || self.watch.blind;
        if list {
            self.list(now);
        }
        // Headers of the persistent journal first: what a flush has copied by then stands whole in the
        // volatile one, which is read first.
        for volatile in [false, true] {
            self.refresh(now, volatile);
        }
        if list {
            self.sort();
        }
        let (from, before) = (self.buffers.counts.bytes, self.stats.entries);
        let mut more = false;
        let mut copies: Option<Vec<Copied>> = None;
        let mut files = std::mem::take(&mut self.files);
        for known in &mut files {
            if known.origin.place == Place::Persistent && copies.is_none() {
                copies = Some(self.copied.iter().cloned().collect());
            }
            let left = bytes.saturating_sub(self.buffers.counts.bytes - from);
            more = !self.read_file(known, left, copies.as_deref().unwrap_or_default(), &mut each);
            if known.origin.place == Place::Volatile
                && let Some(copied) = known.copied()
            {
                self.remember(copied);
            }
            if more {
                break;
            }
        }
        self.files = files;
        self.settle(now);
        Ok(Progress {
            entries: self.stats.entries - before,
            bytes: self.buffers.counts.bytes - from,
            more,
        })
    }

    /// Reads a file as far as it goes; `false` where the budget ended first.
    fn read_file(
        &mut self,
        known: &mut Known,
        bytes: u64,
        copies: &[Copied],
        each: &mut impl FnMut(&mut Entry<'_>),
    ) -> bool {
        if known.unread() == 0 {
            return true;
        }
        if let Reading::Closed(at) = known.reading {
            match known.open() {
                // Another file has its name by now.
                Ok(file) if file.header().file_id != known.header.file_id => {
                    self.listed = None;
                    return true;
                }
                Ok(mut file) => {
                    file.resume(at);
                    known.reading = Reading::Open(Box::new(file));
                }
                Err(error) => {
                    // A file that was renamed in between is found again.
                    if error.is_absence() {
                        self.listed = None;
                    } else {
                        self.fault(known, error);
                    }
                    return true;
                }
            }
        }
        let Reading::Open(file) = &mut known.reading else { return true };
        let from = self.buffers.counts.bytes;
        let mut within;
        let ended = loop {
            within = self.buffers.counts.bytes - from < bytes || file.is_read();
            if !within {
                break Ok(());
            }
            match file.advance(&mut self.buffers) {
                Ok(Some(stamp)) => {
                    if copies.iter().any(|copied| copied.holds(&known.origin, &stamp)) {
                        self.stats.copies_skipped += 1;
                        continue;
                    }
                    if known.first.is_none() && known.origin.place == Place::Volatile {
                        // It was empty when it was met.
                        known.first = Some(stamp);
                    }
                    self.stats.entries += 1;
                    self.stats.last_realtime = stamp.realtime;
                    each(&mut Entry { file: &*file, buffers: &mut self.buffers, stamp });
                    if self.buffers.torn {
                        self.stats.entries -= 1;
                        file.at.seen = file.at.seen.saturating_sub(1);
                        break Err(Error::Gone);
                    }
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        if file.at.last.seqnum != 0 {
            let line = Line { seqnum_id: file.header().seqnum_id, last: file.at.last };
            self.lines.insert(known.origin.line(), line);
        }
        if let Err(error) = ended {
            self.fault(known, error);
        }
        within
    }

    /// Looks how far files are written.
    fn refresh(&mut self, now: Instant, volatile: bool) {
        let mut files = std::mem::take(&mut self.files);
        for known in &mut files {
            if (known.origin.place == Place::Volatile) != volatile {
                continue;
            }
            let read = known.unread() == 0;
            let header = match &mut known.reading {
                Reading::Open(file) => {
                    let read = file.refresh(&mut self.buffers);
                    read.map(|()| *file.header())
                }
                // Files that are not kept open; those that were archived meanwhile once more.
                Reading::Closed(_) if !known.name.archived || read => {
                    known.open().map(|file| *file.header())
                }
                Reading::Blank => match known.open() {
                    Ok(_) if !known.is_there() => {
                        self.listed = None;
                        continue;
                    }
                    Ok(mut file) => {
                        let welcome = self.welcome(known, &mut file);
                        known.reading = Reading::Open(Box::new(file));
                        // It can be read, or again: another fault would be news.
                        known.told = known.told.take().filter(|_| welcome.is_err());
                        welcome.map(|()| known.header)
                    }
                    Err(error) => Err(error),
                },
                _ => continue,
            };
            match header {
                Ok(header) if header != known.header => {
                    if !header.file_id.is_null() && header.file_id != known.header.file_id {
                        // Another file under this name; the listing will tell.
                        self.listed = None;
                        continue;
                    }
                    (known.header, known.changed) = (header, now);
                }
                Ok(_) => {}
                Err(error)
                    if error.is_transient() && !known.name.archived || error.is_absence() => {}
                Err(error) => self.fault(known, error),
            }
        }
        self.files = files;
    }

    /// Closes what is finished, and keeps within the number of open files.
    fn settle(&mut self, now: Instant) {
        let mut open = 0;
        for known in &mut self.files {
            if matches!(known.reading, Reading::Closed(_))
                && known.unread() == 0
                && known.is_final(now)
            {
                known.reading = Reading::Done;
            }
            let Reading::Open(file) = &known.reading else { continue };
            open += 1;
            if file.is_read() && known.is_final(now) {
                known.reading = Reading::Done;
            } else if open > MAX_OPEN && file.is_read() && known.listed_now {
                known.reading = Reading::Closed(file.at);
            }
        }
        self.leave();
        while self.lines.len() > MAX_LINES {
            let held: HashSet<String> =
                self.files.iter().map(|known| known.origin.line()).collect();
            let unused = self.lines.keys().find(|line| !held.contains(*line)).cloned();
            let Some(line) = unused else { break };
            self.lines.remove(&line);
        }
    }

    fn remember(&mut self, copied: Copied) {
        let held = self
            .copied
            .iter_mut()
            .find(|held| held.first == copied.first && held.namespace == copied.namespace);
        match held {
            Some(held) => *held = copied,
            None => push(&mut self.copied, copied),
        }
    }

    /// A file that cannot be read further.
    pub(crate) fn fault(&mut self, known: &mut Known, error: Error) {
        if matches!(error, Error::Gone) {
            let entries = known.unread();
            // Of what it had, only what was read is known to others.
            if let Some(copied) = known.copied() {
                self.remember(copied);
            }
            known.first = None;
            known.reading = Reading::Done;
            self.stats.files_lost += u64::from(entries > 0);
            if entries > 0 {
                push(&mut self.events, Event::Vanished { path: known.path(), entries });
            }
            return;
        }
        known.reading = Reading::Fault(known.progress());
        let kind = |error: &Error| std::mem::discriminant(error);
        let error = Arc::new(error);
        let told = known.told.replace(Arc::clone(&error));
        if told.is_some_and(|told| kind(&told) == kind(&error)) {
            return;
        }
        let count = match &*error {
            Error::Unsupported(_) => &mut self.stats.files_unsupported,
            Error::Io { .. } => &mut self.stats.files_unreadable,
            Error::Machine(_) => &mut self.stats.files_foreign,
            _ => &mut self.stats.files_damaged,
        };
        *count += 1;
        self.tell(known.path(), error);
    }

    pub(crate) fn tell(&mut self, path: PathBuf, error: Arc<Error>) {
        push(&mut self.events, Event::Fault { path, error });
    }

    pub(crate) fn limits(&self) -> Limits {
        self.options.limits
    }

    /// Becomes readable when something happens to the files. Level-triggered until the next
    /// [`Journal::read`], so that it fits `poll`, `epoll` and tokio's `AsyncFd`. Call `read` at least
    /// each second as well: not every file system tells.
    pub fn poll_fd(&self) -> BorrowedFd<'_> {
        self.watch.fd()
    }

    /// Waits until something happens to the files, or for `timeout`. `true` if something did.
    pub fn wait(&self, timeout: Duration) -> Result<bool> {
        self.watch.wait(timeout)
    }

    /// What has been done and seen since [`Journal::open`].
    pub fn stats(&self) -> Stats {
        let faulty = |known: &&Known| matches!(known.reading, Reading::Fault(_));
        let live = self.files.iter().filter(|known| !known.name.archived && !faulty(known));
        let counts = self.buffers.counts;
        Stats {
            bytes: counts.bytes,
            entries_skipped: counts.entries_skipped,
            fields_skipped: counts.fields_skipped,
            files_live: live.clone().count() as u64,
            files_known: self.files.len() as u64,
            files_faulty: (self.files.iter().filter(faulty).count() + self.blocked.len()) as u64,
            newest_realtime: live.map(|known| known.header.tail_entry_realtime).max().unwrap_or(0),
            ..self.stats
        }
    }

    /// What is left out now because something is wrong with it.
    pub fn faults(&self) -> impl Iterator<Item = Fault> + '_ {
        let files = self.files.iter().filter_map(|known| {
            let (Reading::Fault(_), Some(error)) = (&known.reading, &known.told) else {
                return None;
            };
            let missed = !known.name.archived && known.name.owner == "system";
            Some(Fault { path: known.path(), error: Arc::clone(error), missed })
        });
        let directories = self.blocked.iter().map(|(path, error)| Fault {
            path: path.clone(),
            error: Arc::clone(error),
            missed: true,
        });
        directories.chain(files)
    }

    /// What has happened since the last call, at most 64 of them.
    pub fn events(&mut self) -> impl Iterator<Item = Event> + '_ {
        self.events.drain(..)
    }
}

/// Appends to a bounded list; the oldest gives way.
pub(crate) fn push<T>(list: &mut VecDeque<T>, new: T) {
    if list.len() >= MAX_HELD {
        list.pop_front();
    }
    list.push_back(new);
}
