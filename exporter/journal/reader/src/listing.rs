//! Which files there are: new ones, renamed ones, and those that are gone.

use crate::{
    Error, Event, Id, Journal, JournalFile, Namespaces, Place, Result, Stamp,
    journal::push,
    known::{Known, Reading},
    origin::Name,
    tree::{self, Directory},
};
use std::{collections::HashMap, path::Path, sync::Arc, time::Instant};

/// Files that are known; more are not read.
const MAX_FILES: usize = 8192;

// === impl Journal ===

impl Journal {
    /// Lists the directories: finds new files, follows renamed ones, lets those go that are gone.
    pub(crate) fn list(&mut self, now: Instant) {
        self.listed = Some(now);
        self.watch.begin();
        for known in &mut self.files {
            known.listed_now = false;
        }
        let inode = |known: &Known| (known.directory.device, known.listed.inode);
        let inodes: HashMap<(u64, u64), usize> =
            self.files.iter().enumerate().map(|(n, known)| (inode(known), n)).collect();
        let (mut unknown, mut faults) = (Vec::new(), Vec::new());
        for (place, below) in tree::BASES {
            let base = self.options.root.join(below);
            self.watch.appearing(&self.options.root, Path::new(below));
            let wanted = |namespace: Option<&str>| match &self.options.namespaces {
                Namespaces::All => true,
                Namespaces::Default => namespace.is_none(),
                Namespaces::Named(name) => namespace == Some(name),
            };
            for directory in tree::directories(place, &base, self.machine, wanted, &mut faults) {
                self.watch.files(&directory.path);
                let directory = Arc::new(directory);
                if let Err(error) = self.list_one(&directory, &inodes, &mut unknown, now) {
                    faults.push((directory.path.clone(), error));
                }
            }
        }
        self.watch.end();
        // Now it is known which of the others have kept their names.
        for found in unknown {
            if self.files.len() < MAX_FILES {
                self.meet(found);
            } else {
                self.stats.files_unreadable += 1;
            }
        }
        self.leave();
        let told = std::mem::take(&mut self.blocked);
        for (path, error) in faults {
            let error = Arc::new(error);
            if !told.contains_key(&path) {
                self.tell(path.clone(), Arc::clone(&error));
            }
            self.blocked.insert(path, error);
        }
    }

    fn list_one(
        &mut self,
        directory: &Arc<Directory>,
        inodes: &HashMap<(u64, u64), usize>,
        unknown: &mut Vec<Known>,
        now: Instant,
    ) -> Result<()> {
        for listed in tree::list(&directory.fd)? {
            let Some(name) = Name::parse(listed.name.to_bytes()) else { continue };
            let inode = (directory.device, listed.inode);
            let found = Known::new(directory, listed, name, now);
            match inodes.get(&inode).and_then(|n| self.files.get_mut(*n)) {
                Some(held) if Self::same(held, &found) => {
                    self.stats.rotations += u64::from(held.rename(found));
                }
                _ if unknown.len() < MAX_FILES => unknown.push(found),
                _ => self.stats.files_unreadable += 1,
            }
        }
        Ok(())
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
    pub(crate) fn meet(&mut self, mut known: Known) {
        match known.open() {
            // It was renamed since it was listed, and what was opened is another.
            Ok(_) if !known.is_there() => {
                self.listed = None;
                return;
            }
            Ok(mut file) => {
                let id = file.header().file_id;
                let twin = self.files.iter_mut().find(|other| other.header.file_id == id);
                match twin {
                    // The file system has given it another number.
                    Some(held) if !held.listed_now => {
                        self.stats.rotations += u64::from(held.rename(known));
                        return;
                    }
                    // Somebody has copied it.
                    Some(_) => known.reading = Reading::Done,
                    None => match self.welcome(&mut known, &mut file) {
                        Ok(()) => known.reading = Self::keep(&known, file),
                        Err(error) => self.fault(&mut known, error),
                    },
                }
            }
            Err(error) if error.is_absence() => return,
            Err(error) if error.is_transient() && !known.name.archived => {}
            Err(error) => self.fault(&mut known, error),
        }
        self.files.push(known);
    }

    /// Puts a file that was not known to where it is new.
    pub(crate) fn welcome(&mut self, known: &mut Known, file: &mut JournalFile) -> Result<()> {
        let header = *file.header();
        if header.machine_id != self.machine && !header.machine_id.is_null() {
            return Err(Error::Machine(header.machine_id));
        }
        match self.lines.get(&known.origin.line()).copied() {
            Some(line) if line.seqnum_id == header.seqnum_id => {
                file.seek(&mut self.buffers, |stamp| stamp.seqnum <= line.last.seqnum)?;
            }
            Some(line) => file.seek(&mut self.buffers, |stamp| !is_new(stamp, &line.last))?,
            None => file.seek(&mut self.buffers, |stamp| !is_new(stamp, &self.floor))?,
        }
        if known.origin.place == Place::Volatile {
            known.first = file.first();
            self.skip_flushed(known, file)?;
        }
        known.header = header;
        Ok(())
    }

    /// Steps over what was read of a new volatile file already, as its flush was faster: all of
    /// its entries are younger than what the persistent journal had before.
    fn skip_flushed(&mut self, known: &mut Known, file: &mut JournalFile) -> Result<()> {
        let Some(first) = known.first else { return Ok(()) };
        let mut persistent = (*known.origin).clone();
        persistent.place = Place::Persistent;
        persistent.owner.clear();
        let lines = persistent.line();
        let read = self.lines.iter().filter(|(line, _)| line.starts_with(&lines));
        let read = read.map(|(_, line)| line.last).filter(|last| last.boot_id == first.boot_id);
        let Some(read) = read.map(|last| last.monotonic).max() else { return Ok(()) };
        if first.monotonic <= read {
            let behind = file.at.last.monotonic.max(read);
            file.seek(&mut self.buffers, |stamp| stamp.monotonic <= behind)?;
            // Of these the persistent journal's copies count, read or not.
            known.first = Some(Stamp { monotonic: read.saturating_add(1), ..first });
        }
        Ok(())
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
    pub(crate) fn leave(&mut self) {
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
}

/// Whether an entry is younger than another one of the same machine.
pub(crate) fn is_new(stamp: &Stamp, than: &Stamp) -> bool {
    if stamp.boot_id == than.boot_id {
        stamp.monotonic > than.monotonic
    } else {
        stamp.realtime > than.realtime
    }
}
