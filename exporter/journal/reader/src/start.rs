//! Where the journal's reader begins, and where it is.

use crate::{
    Journal, Mark, Place, Position, Result, Seek, Stamp, Start,
    file::Progress,
    journal::Line,
    known::{Copied, Known, Reading},
    listing::is_new,
};
use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    time::Instant,
};

/// Where the entries begin that are to be read.
#[derive(Clone, Copy, Debug)]
enum Cut {
    /// With the first one.
    Head,
    /// Behind the last one.
    Tail,
    /// Behind the one with this number.
    Seqnum(u64),
    /// The same where the number was given a second time: with the first younger one, if that is earlier.
    Again(Stamp),
    /// With the first one of this time or later.
    Since(u64),
    /// Behind those that are not younger.
    Younger(Stamp),
}

// === impl Journal ===

impl Journal {
    /// Chooses where to begin, in every file that exists now. Files that appear later are read from
    /// their beginning, except for what is already known from the file that they continue.
    pub fn seek(&mut self, start: &Start<'_>) -> Result<Seek> {
        self.forget();
        self.list(Instant::now());
        self.files.retain(|known| known.listed_now);
        self.sort();
        match start {
            Start::Head => self.begin(Stamp::default(), |_| Cut::Head),
            Start::Tail => {
                let tails = self.files.iter().map(|known| known.header.tail());
                let newest = tails.max_by_key(|tail| tail.realtime).unwrap_or_default();
                self.begin(newest, |_| Cut::Tail);
            }
            Start::Since(time) => {
                let floor = Stamp { realtime: time.saturating_sub(1), ..Stamp::default() };
                self.begin(floor, |_| Cut::Since(*time));
            }
            Start::After(position) => return Ok(self.resume(position)),
        }
        Ok(Seek::Found)
    }

    /// Where the reader is: take it after `read` and keep it.
    pub fn position(&self) -> Position {
        let mark = |(line, Line { seqnum_id, last }): (&String, &Line)| Mark {
            line: line.clone(),
            seqnum_id: *seqnum_id,
            seqnum: last.seqnum,
            boot_id: last.boot_id,
            realtime: last.realtime,
            monotonic: last.monotonic,
        };
        Position { marks: self.lines.iter().map(mark).collect() }
    }

    /// Puts every file where it is to be read from, and notes where each line is.
    fn begin(&mut self, floor: Stamp, cut: impl Fn(&Known) -> Cut) {
        self.floor = floor;
        let mut files = std::mem::take(&mut self.files);
        for known in &mut files {
            let cut = cut(known);
            self.cut(known, cut);
        }
        let mut begun = BTreeMap::new();
        for known in &files {
            if matches!(known.reading, Reading::Blank) {
                continue;
            }
            let line = Line { seqnum_id: known.header.seqnum_id, last: known.last() };
            match begun.entry(known.origin.line()) {
                Entry::Vacant(first) => {
                    if line.last.seqnum != 0 || !self.lines.contains_key(first.key()) {
                        self.lines.insert(first.key().clone(), line);
                    }
                    first.insert(known.unread() == 0);
                }
                Entry::Occupied(mut read) if *read.get() => {
                    if line.last.seqnum != 0 {
                        self.lines.insert(read.key().clone(), line);
                    }
                    read.insert(known.unread() == 0);
                }
                // A file before this one is not read yet.
                Entry::Occupied(_) => {}
            }
        }
        self.files = files;
    }

    fn cut(&mut self, known: &mut Known, cut: Cut) {
        if !matches!(known.reading, Reading::Open(_) | Reading::Closed(_) | Reading::Done) {
            return;
        }
        if cut.nothing_behind(known) {
            match &mut known.reading {
                Reading::Open(file) => file.seek_head(),
                reading => *reading = Reading::Closed(Progress::head(&known.header)),
            }
            return;
        }
        if known.header.state == crate::State::Archived && cut.all_behind(known) {
            known.reading = Reading::Done;
            return;
        }
        let file = match std::mem::replace(&mut known.reading, Reading::Blank) {
            Reading::Open(file) => Ok(file),
            _ => known.open().map(Box::new),
        };
        let sought = file.and_then(|mut file| {
            file.seek(&mut self.buffers, |stamp| cut.is_behind(stamp))?;
            Ok(file)
        });
        match sought {
            Ok(file) if known.name.archived && !file.is_read() => {
                known.reading = Reading::Closed(file.at);
            }
            Ok(file) => known.reading = Reading::Open(file),
            Err(error) => {
                known.reading = Reading::Closed(Progress::head(&known.header));
                self.fault(known, error);
            }
        }
    }

    /// Begins behind a position, if any of its marks is found.
    fn resume(&mut self, position: &Position) -> Seek {
        let marks: BTreeMap<&str, &Mark> =
            position.marks.iter().map(|mark| (mark.line.as_str(), mark)).collect();
        let read = || position.marks.iter().filter(|mark| mark.seqnum != 0);
        let Some(newest) = read().max_by_key(|mark| mark.realtime) else {
            // It was taken where there was no entry: all are new.
            self.begin(Stamp::default(), |_| Cut::Head);
            return Seek::Found;
        };
        let (mut found, mut gap) = (false, false);
        for mark in read() {
            let heads = self.files.iter().filter(|known| {
                known.header.seqnum_id == mark.seqnum_id && known.origin.line() == mark.line
            });
            match heads.map(|known| known.header.head_entry_seqnum).min() {
                Some(head) => {
                    found = true;
                    gap |= head > mark.seqnum.saturating_add(1);
                }
                None => found |= self.flushed(mark, &marks),
            }
        }
        if !found {
            self.stats.positions_lost += 1;
            let tails = self.files.iter().map(|known| known.header.tail());
            let tail = tails.max_by_key(|tail| tail.realtime).unwrap_or_default();
            self.begin(tail, |_| Cut::Tail);
            return Seek::Lost;
        }
        let again: BTreeSet<&str> =
            read().filter(|mark| self.came_again(mark)).map(|mark| mark.line.as_str()).collect();
        for mark in &position.marks {
            let line = Line { seqnum_id: mark.seqnum_id, last: mark.stamp() };
            self.lines.insert(mark.line.clone(), line);
        }
        let newest = newest.stamp();
        self.begin(newest, |known| match marks.get(known.origin.line().as_str()) {
            Some(mark) if mark.seqnum_id == known.header.seqnum_id => {
                if again.contains(mark.line.as_str()) {
                    Cut::Again(mark.stamp())
                } else {
                    Cut::Seqnum(mark.seqnum)
                }
            }
            Some(mark) if mark.seqnum != 0 => Cut::Younger(mark.stamp()),
            _ => Cut::Younger(newest),
        });
        if gap { Seek::Gap } else { Seek::Found }
    }

    /// Whether the numbers up to a mark's were given a second time: after a crash a newer journald goes on
    /// with the last one that came to the disk, and the reader had been further.
    fn came_again(&mut self, mark: &Mark) -> bool {
        let numbered = |known: &&Known| {
            let Known { header, origin, .. } = known;
            header.n_entries > 0 && header.seqnum_id == mark.seqnum_id && origin.line() == mark.line
        };
        let mut files = self.files.iter().filter(numbered).peekable();
        if files.peek().is_none() {
            return false;
        }
        let holder = files.clone().find(|Known { header, .. }| {
            (header.head_entry_seqnum..=header.tail_entry_seqnum).contains(&mark.seqnum)
        });
        let Some(known) = holder else {
            // Behind all of them, and not deleted in front of them.
            return files.all(|known| known.header.tail_entry_seqnum < mark.seqnum);
        };
        let Ok(mut file) = known.open() else { return false };
        let sought = file.seek(&mut self.buffers, |stamp| stamp.seqnum <= mark.seqnum);
        let (there, was) = (file.at.last, mark.stamp());
        let same = there.boot_id == was.boot_id
            && there.monotonic == was.monotonic
            && there.realtime == was.realtime;
        sought.is_ok() && there.seqnum == mark.seqnum && !same
    }

    /// Whether a mark in the volatile journal is gone because journald has flushed it since; what
    /// was read of it is then skipped in the persistent one.
    fn flushed(&mut self, mark: &Mark, marks: &BTreeMap<&str, &Mark>) -> bool {
        let Some((place, _)) = mark.line.split_once('/') else { return false };
        let Some(namespace) = place.strip_prefix("run") else { return false };
        let persistent = format!("var{namespace}/");
        let namespace = namespace.strip_prefix('.').map(str::to_owned);
        let continued = self.files.iter().any(|known| {
            known.origin.place == Place::Persistent
                && known.origin.namespace == namespace
                && known.header.tail_entry_boot_id == mark.boot_id
        });
        if continued {
            let originals = marks.iter().filter(|(line, other)| {
                line.starts_with(&persistent) && other.boot_id == mark.boot_id
            });
            let behind = originals.map(|(_, mark)| mark.monotonic.saturating_add(1)).max();
            let first = Stamp { monotonic: behind.unwrap_or(0), ..mark.stamp() };
            self.copied.push_back(Copied { namespace, first, last: mark.stamp() });
        }
        continued
    }

    /// Nothing has been read; what is wrong with files is remembered.
    fn forget(&mut self) {
        for known in &mut self.files {
            let head = Progress::head(&known.header);
            match &mut known.reading {
                Reading::Blank => {}
                Reading::Open(file) => file.seek_head(),
                Reading::Fault(at) => *at = head,
                reading @ (Reading::Closed(_) | Reading::Done) => *reading = Reading::Closed(head),
            }
        }
        self.lines.clear();
        self.copied.clear();
        self.floor = Stamp::default();
    }
}

// === impl Cut ===

impl Cut {
    fn is_behind(&self, stamp: &Stamp) -> bool {
        match self {
            Self::Head => false,
            Self::Tail => true,
            Self::Seqnum(seqnum) => stamp.seqnum <= *seqnum,
            Self::Again(mark) => stamp.seqnum <= mark.seqnum && !is_new(stamp, mark),
            Self::Since(time) => stamp.realtime < *time,
            Self::Younger(than) => !is_new(stamp, than),
        }
    }

    /// Whether the header alone tells that everything is to be read.
    fn nothing_behind(&self, known: &Known) -> bool {
        match self {
            _ if known.header.n_entries == 0 => true,
            Self::Head => true,
            Self::Tail | Self::Again(_) | Self::Younger(_) => false,
            Self::Seqnum(seqnum) => known.header.head_entry_seqnum > *seqnum,
            Self::Since(time) => known.header.head_entry_realtime >= *time,
        }
    }

    /// Whether the header alone tells that nothing is to be read.
    fn all_behind(&self, known: &Known) -> bool {
        match self {
            Self::Head | Self::Again(_) | Self::Younger(_) => false,
            Self::Tail => true,
            Self::Seqnum(seqnum) => known.header.tail_entry_seqnum <= *seqnum,
            Self::Since(time) => known.header.tail_entry_realtime < *time,
        }
    }
}

// === impl Mark ===

impl Mark {
    fn stamp(&self) -> Stamp {
        Stamp {
            seqnum: self.seqnum,
            realtime: self.realtime,
            monotonic: self.monotonic,
            boot_id: self.boot_id,
            xor_hash: 0,
        }
    }
}
