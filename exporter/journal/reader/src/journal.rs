//! The machine's journal: all files of its directories, read once each and followed.

use crate::{
    Buffers, Entry, Error, Header, Id, JournalFile, Limits, Place, Position, Result, Stamp, Stats,
    known::{Copied, Known, Reading},
    origin::Name,
    tree::{self, Directory},
    watch::Watch,
};
use rustix::fd::BorrowedFd;
use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

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
    /// With the first entry at or after this time, µs since 1970: the tail less a lookback.
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
        error: Error,
    },
    /// The file disappeared before all of its entries were read.
    Vanished {
        /// Its last path.
        path: PathBuf,
        /// Entries that nobody will see.
        entries: u64,
    },
}

/// A machine's journal that is being followed.
#[derive(Debug)]
pub struct Journal {
    options: Options,
    machine: Id,
    watch: Watch,
    pub(crate) files: Vec<Known>,
    /// How far each line of files is.
    pub(crate) lines: BTreeMap<String, Line>,
    /// Entries of a line that appears later are new if they are younger.
    pub(crate) floor: Stamp,
    /// Of volatile files that are gone.
    pub(crate) copied: VecDeque<Copied>,
    pub(crate) buffers: Buffers,
    pub(crate) stats: Stats,
    events: VecDeque<Event>,
    listed: Option<Instant>,
}

/// The last entry of a line of files.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Line {
    pub(crate) seqnum_id: Id,
    pub(crate) last: Stamp,
}

/// How often directories are listed although nothing was heard of them.
const LISTING: Duration = Duration::from_secs(10);

/// Files that are known; more are not read.
const MAX_FILES: usize = 8192;

/// Files that stay open.
const MAX_OPEN: usize = 128;

/// Events, and files whose copies are known.
const MAX_HELD: usize = 64;
const MAX_LINES: usize = 1024;

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
            options,
        };
        journal.seek(&Start::Tail)?;
        Ok(journal)
    }

    /// Reads what is there and not read yet, in the order of each line of files, at most about
    /// `bytes` bytes of files (a window more), and hands each entry to `each`. Never waits.
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
            let header = match &mut known.reading {
                Reading::Open(file) => {
                    let read = file.refresh(&mut self.buffers);
                    read.map(|()| *file.header())
                }
                // Live files that are not kept open, and those that were created a moment ago.
                Reading::Closed(_) if !known.name.archived => {
                    known.open().map(|file| *file.header())
                }
                Reading::Blank => match known.open() {
                    Ok(mut file) => {
                        let header = self.welcome(known, &mut file);
                        known.reading = Reading::Open(Box::new(file));
                        header
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

    /// Lists the directories: finds new files, follows renamed ones, lets those go that are gone.
    pub(crate) fn list(&mut self, now: Instant) {
        self.listed = Some(now);
        self.watch.begin();
        for known in &mut self.files {
            known.listed_now = false;
        }
        let inodes = self.files.iter().enumerate();
        let mut inodes: HashMap<(u64, u64), usize> =
            inodes.map(|(n, known)| ((known.directory.device, known.listed.inode), n)).collect();
        for (place, below) in tree::BASES {
            let base = self.options.root.join(below);
            self.watch.appearing(&self.options.root, Path::new(below));
            let wanted = |namespace: Option<&str>| match &self.options.namespaces {
                Namespaces::All => true,
                Namespaces::Default => namespace.is_none(),
                Namespaces::Named(name) => namespace == Some(name),
            };
            match tree::directories(place, &base, self.machine, wanted) {
                Ok(directories) => {
                    for directory in directories {
                        self.watch.files(&directory.path);
                        self.list_one(&Arc::new(directory), &mut inodes, now);
                    }
                }
                Err(error) => self.tell(base, error),
            }
        }
        self.watch.end();
        self.leave();
    }

    fn list_one(
        &mut self,
        directory: &Arc<Directory>,
        inodes: &mut HashMap<(u64, u64), usize>,
        now: Instant,
    ) {
        let listed = match tree::list(&directory.fd) {
            Ok(listed) => listed,
            Err(error) => return self.tell(directory.path.clone(), error),
        };
        for listed in listed {
            let Some(name) = Name::parse(listed.name.to_bytes()) else { continue };
            let key = (directory.device, listed.inode);
            let mut known = Known::new(directory, listed, name, now);
            if let Some(held) = inodes.get(&key).and_then(|n| self.files.get_mut(*n))
                && Self::same(held, &known)
            {
                self.stats.rotations += u64::from(!held.name.archived && known.name.archived);
                held.directory = Arc::clone(directory);
                (held.listed, held.name) = (known.listed, known.name);
                held.listed_now = true;
                if let Reading::Fault(at) = held.reading {
                    // Permission may have been given, or what was missing written.
                    let blank = held.header.file_id.is_null();
                    held.reading = if blank { Reading::Blank } else { Reading::Closed(at) };
                }
                continue;
            }
            if self.files.len() >= MAX_FILES {
                self.stats.files_unreadable += 1;
                continue;
            }
            self.meet(&mut known);
            inodes.insert(key, self.files.len());
            self.files.push(known);
        }
    }

    /// Whether a file that was known and one that is listed, of one inode, are one file: numbers are
    /// given again as soon as a file is deleted.
    fn same(held: &Known, found: &Known) -> bool {
        let named = held.listed.name == found.listed.name;
        match &held.reading {
            // While it is open, the number is its own.
            Reading::Open(_) => true,
            Reading::Closed(_) | Reading::Done if named && found.name.archived => true,
            _ if held.header.file_id.is_null() => named && held.told.is_some(),
            _ => found.open().is_ok_and(|file| file.header().file_id == held.header.file_id),
        }
    }

    /// Looks at a file for the first time.
    fn meet(&mut self, known: &mut Known) {
        match known.open() {
            Ok(mut file) => match self.welcome(known, &mut file) {
                Ok(header) => {
                    known.header = header;
                    known.reading = Self::keep(known, file);
                }
                Err(error) => self.fault(known, error),
            },
            Err(error) if error.is_transient() && !known.name.archived || error.is_absence() => {}
            Err(error) => self.fault(known, error),
        }
    }

    /// Puts a file that was not known to where it is new.
    fn welcome(&mut self, known: &mut Known, file: &mut JournalFile) -> Result<Header> {
        let header = *file.header();
        if header.machine_id != self.machine && !header.machine_id.is_null() {
            return Err(Error::Machine(header.machine_id));
        }
        let id = header.file_id;
        if self.files.iter().any(|other| other.header.file_id == id) {
            // Somebody has copied a file.
            file.seek_tail(&mut self.buffers)?;
        } else {
            match self.lines.get(&known.origin.line()).copied() {
                Some(line) if line.seqnum_id == header.seqnum_id => {
                    file.seek(&mut self.buffers, |stamp| stamp.seqnum <= line.last.seqnum)?;
                }
                Some(line) => file.seek(&mut self.buffers, |stamp| !is_new(stamp, &line.last))?,
                None => file.seek(&mut self.buffers, |stamp| !is_new(stamp, &self.floor))?,
            }
        }
        if known.origin.place == Place::Volatile {
            known.first = file.first();
        }
        known.header = header;
        Ok(header)
    }

    /// A file that was looked at: live ones stay open, finished ones never need to be again.
    fn keep(known: &Known, file: JournalFile) -> Reading {
        if file.is_finished() {
            Reading::Done
        } else if known.name.archived && !file.is_read() {
            Reading::Closed(file.at)
        } else {
            Reading::Open(Box::new(file))
        }
    }

    /// Lets go of files that are gone and read.
    fn leave(&mut self) {
        let (stats, events, copied) = (&mut self.stats, &mut self.events, &mut self.copied);
        self.files.retain(|known| {
            if known.listed_now || matches!(known.reading, Reading::Open(_)) {
                return true;
            }
            let entries = known.unread();
            if entries > 0 {
                stats.files_lost += 1;
                push(events, Event::Vanished { path: known.path(), entries });
            }
            if let Some(range) = known.copied() {
                push(copied, range);
            }
            false
        });
    }

    /// Closes what is finished, and keeps within the number of open files.
    fn settle(&mut self, now: Instant) {
        let mut open = 0;
        for known in &mut self.files {
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

    /// Reading order: the volatile journal first, then line by line, each in its own order.
    pub(crate) fn sort(&mut self) {
        let mut begins: HashMap<(Arc<crate::Origin>, Id), u64> = HashMap::new();
        for known in &self.files {
            let key = (Arc::clone(&known.origin), known.header.seqnum_id);
            let begin = begins.entry(key).or_insert(u64::MAX);
            *begin = (*begin).min(known.header.head_entry_realtime.wrapping_sub(1));
        }
        self.files.sort_by_cached_key(|known| {
            let key = (Arc::clone(&known.origin), known.header.seqnum_id);
            let begin = begins.get(&key).copied().unwrap_or(u64::MAX);
            let head = known.header.head_entry_seqnum.wrapping_sub(1);
            (Arc::clone(&known.origin), begin, known.header.seqnum_id, head)
        });
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
        let kind = std::mem::discriminant(&error);
        if known.told.replace(kind) == Some(kind) {
            return;
        }
        let count = match &error {
            Error::Unsupported(_) => &mut self.stats.files_unsupported,
            Error::Io { .. } => &mut self.stats.files_unreadable,
            Error::Machine(_) => &mut self.stats.files_foreign,
            _ => &mut self.stats.files_damaged,
        };
        *count += 1;
        self.tell(known.path(), error);
    }

    fn tell(&mut self, path: PathBuf, error: Error) {
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
        let live = self.files.iter().filter(|known| !known.name.archived);
        let counts = self.buffers.counts;
        Stats {
            bytes: counts.bytes,
            entries_skipped: counts.entries_skipped,
            fields_skipped: counts.fields_skipped,
            files_live: live.clone().count() as u64,
            files_known: self.files.len() as u64,
            newest_realtime: live.map(|known| known.header.tail_entry_realtime).max().unwrap_or(0),
            ..self.stats
        }
    }

    /// What has happened since the last call, at most 64 of them.
    pub fn events(&mut self) -> impl Iterator<Item = Event> + '_ {
        self.events.drain(..)
    }
}

/// Appends to a bounded list; the oldest gives way.
fn push<T>(list: &mut VecDeque<T>, new: T) {
    if list.len() >= MAX_HELD {
        list.pop_front();
    }
    list.push_back(new);
}

/// Whether an entry is younger than another one of the same machine.
pub(crate) fn is_new(stamp: &Stamp, than: &Stamp) -> bool {
    if stamp.boot_id == than.boot_id {
        stamp.monotonic > than.monotonic
    } else {
        stamp.realtime > than.realtime
    }
}
