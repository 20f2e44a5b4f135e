//! How far a reader has come: a value that is kept over restarts, as text.
//!
//! journald numbers entries (seqnum) and names the numbering (seqnum id). Whether its files share
//! one numbering depends on its version, and a reader may be further in one file than in another. So
//! a position has a mark for each **line** of files: those that journald rotates into one another,
//! named by place and owner (`var/system`, `run/system`, `var/user-1000`, `var.NAMESPACE/system`).

use crate::{Error, Id, Origin, Result, Stamp};
use std::{fmt, str::FromStr, sync::Arc};

/// Where a reader is in every line of files. `Display` and `FromStr` give the text to keep.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// A mark for each line of files, sorted by line.
    pub(crate) marks: Vec<Mark>,
}

/// The last entry that was read, or stepped over, of a line of files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// The line's name: `var/system`.
    pub line: String,
    /// The numbering that `seqnum` belongs to.
    pub seqnum_id: Id,
    /// The entry's number; 0 where nothing of the line has been read.
    pub seqnum: u64,
    /// The boot during which the entry was written.
    pub boot_id: Id,
    /// When the entry was written, µs since 1970.
    pub realtime: u64,
    /// When the entry was written, µs since the boot.
    pub monotonic: u64,
}

/// Where one entry stands: cheap to take and to move on, so that a position can be kept with every
/// entry that was put somewhere ([`Entry::point`](crate::Entry::point)).
#[derive(Clone, Debug)]
pub struct Point {
    pub(crate) origin: Arc<Origin>,
    pub(crate) seqnum_id: Id,
    pub(crate) stamp: Stamp,
}

const VERSION: &str = "journal-position 1";

/// Lines that a text may have; the machine has two and one more a user.
const MAX_MARKS: usize = 1024;

// === impl Point ===

impl Point {
    /// Whether both are of one line of files, and of one file or of one that was made from it.
    #[inline]
    pub fn continues(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.origin, &other.origin) && self.seqnum_id == other.seqnum_id
    }
}

// === impl Position ===

impl Position {
    /// The marks, sorted by line.
    pub fn marks(&self) -> &[Mark] {
        &self.marks
    }

    /// Moves on to an entry that was read behind it.
    pub fn pass(&mut self, point: &Point) {
        let Point { origin, seqnum_id, stamp } = point;
        let mark = Mark {
            line: origin.line(),
            seqnum_id: *seqnum_id,
            seqnum: stamp.seqnum,
            boot_id: stamp.boot_id,
            realtime: stamp.realtime,
            monotonic: stamp.monotonic,
        };
        match self.marks.binary_search_by(|held| held.line.cmp(&mark.line)) {
            Ok(at) => {
                if let Some(held) = self.marks.get_mut(at) {
                    *held = mark;
                }
            }
            Err(at) => self.marks.insert(at, mark),
        }
    }

    /// Whether nothing is marked: a reader with such a position has seen no file.
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{VERSION}")?;
        for mark in &self.marks {
            let Mark { line, seqnum_id, seqnum, boot_id, realtime, monotonic } = mark;
            writeln!(f, "{line} {seqnum_id} {seqnum} {boot_id} {realtime} {monotonic}")?;
        }
        Ok(())
    }
}

impl FromStr for Position {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut lines = text.lines();
        if lines.next() != Some(VERSION) {
            return Err(Error::Position { line: 1, expected: VERSION });
        }
        let mut marks = Vec::new();
        for (row, text) in lines.enumerate() {
            let wrong = Error::Position {
                line: row + 2,
                expected: "line, seqnum id, seqnum, boot id, realtime and monotonic time",
            };
            if row == MAX_MARKS {
                return Err(Error::Position { line: row + 2, expected: "no more lines" });
            }
            marks.push(mark(text).ok_or(wrong)?);
        }
        marks.sort_by(|a: &Mark, b| a.line.cmp(&b.line));
        Ok(Self { marks })
    }
}

fn mark(text: &str) -> Option<Mark> {
    let mut words = text.split(' ');
    let mark = Mark {
        line: words.next().filter(|line| !line.is_empty())?.to_owned(),
        seqnum_id: words.next()?.parse().ok()?,
        seqnum: words.next()?.parse().ok()?,
        boot_id: words.next()?.parse().ok()?,
        realtime: words.next()?.parse().ok()?,
        monotonic: words.next()?.parse().ok()?,
    };
    words.next().is_none().then_some(mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        let text = "journal-position 1\n\
            run/system 00000000000000000000000000000001 7 00000000000000000000000000000002 1700000000000000 12\n\
            var/user-1000 00000000000000000000000000000003 0 00000000000000000000000000000000 0 0\n";
        assert_eq!(text.parse::<Position>().unwrap().to_string(), text);
        let none = Position::default();
        assert_eq!(none.to_string().parse::<Position>().unwrap(), none);
    }

    #[test]
    fn a_position_moves_line_by_line() {
        let point = |owner: &str, seqnum| Point {
            origin: Arc::new(Origin { owner: owner.to_owned(), ..Origin::default() }),
            seqnum_id: Id([1; 16]),
            stamp: Stamp { seqnum, ..Stamp::default() },
        };
        let mut position = Position::default();
        for (owner, seqnum) in [("system", 1), ("b", 2), ("z", 3), ("b", 4)] {
            position.pass(&point(owner, seqnum));
        }
        let marks: Vec<_> = position.marks.iter().map(|m| (m.line.as_str(), m.seqnum)).collect();
        assert_eq!(marks, [("file/b", 4), ("file/system", 1), ("file/z", 3)]);
    }

    #[test]
    fn other_texts_are_refused_by_line() {
        let said = |text: &str| text.parse::<Position>().unwrap_err().to_string();
        assert_eq!(said(""), "position: line 1: expected journal-position 1");
        assert_eq!(said("journal-position 2\n"), "position: line 1: expected journal-position 1");
        let torn = "journal-position 1\nvar/system 00000000000000000000000000000001 7 0000\n";
        assert_eq!(
            said(torn),
            "position: line 2: expected line, seqnum id, seqnum, boot id, realtime and monotonic time"
        );
    }
}
