//! Finding a place in a file without reading all of it.
//!
//! Beside the entries a file has arrays of their offsets, each twice as long as the one before. They
//! are searched by halves; where they make no sense, the entries are read one after the other.

use crate::{
    Buffers, JournalFile, Result, Stamp,
    buffers::read_at,
    file::{ENTRY, ENTRY_HEADER, Progress, stamp},
    header::{le32, le64},
};

const ENTRY_ARRAY: u8 = 6;
/// Bytes before an array's offsets.
const ARRAY_HEADER: u64 = 24;

/// Arrays that a file may have; they double, so that more would not fit any disk.
const MAX_ARRAYS: usize = 64;

/// An entry that the search came to.
#[derive(Clone, Copy)]
struct Found {
    offset: u64,
    end: u64,
    stamp: Stamp,
}

// === impl JournalFile ===

impl JournalFile {
    /// Goes to the first entry for which `before` is false. Entries for which it is true must all
    /// stand before the others.
    pub fn seek(
        &mut self,
        buffers: &mut Buffers,
        mut before: impl FnMut(&Stamp) -> bool,
    ) -> Result<()> {
        if let Some(at) = self.search(&mut before) {
            self.at = at;
            return Ok(());
        }
        self.seek_head();
        loop {
            let behind = self.at;
            match self.advance(buffers)? {
                Some(stamp) if before(&stamp) => {}
                Some(_) => {
                    self.at =
                        Progress { next: self.at.last_offset, seen: self.at.seen - 1, ..behind };
                    return Ok(());
                }
                None => return Ok(()),
            }
        }
    }

    /// Goes to the first entry.
    pub fn seek_head(&mut self) {
        self.at = Progress::head(self.header());
    }

    /// Goes behind the last entry that the header tells of.
    pub fn seek_tail(&mut self, buffers: &mut Buffers) -> Result<()> {
        self.seek(buffers, |_| true)
    }

    /// Goes to where this file was left, earlier and perhaps by another descriptor.
    pub(crate) fn resume(&mut self, at: Progress) {
        self.at = at;
    }

    /// The first entry.
    pub(crate) fn first(&self) -> Option<Stamp> {
        self.array(self.header().entry_array_offset)?;
        let offset = self.pointer(self.header().entry_array_offset, 0)?;
        Some(self.found(offset)?.stamp)
    }

    fn search(&self, before: &mut impl FnMut(&Stamp) -> bool) -> Option<Progress> {
        let n = self.header().n_entries;
        let mut behind: Option<Found> = None;
        let (mut array, mut index) = (self.header().entry_array_offset, 0);
        for _ in 0..MAX_ARRAYS {
            if index >= n {
                break;
            }
            let (count, next) = self.array(array)?;
            let count = count.min(n - index);
            let last = self.found(self.pointer(array, count.checked_sub(1)?)?)?;
            if before(&last.stamp) {
                behind = Some(last);
                (array, index) = (next, index + count);
                continue;
            }
            // The last one is known to be too far.
            let (mut low, mut high, mut first) = (0, count - 1, last);
            while low < high {
                let middle = low + (high - low) / 2;
                let entry = self.found(self.pointer(array, middle)?)?;
                if before(&entry.stamp) {
                    (low, behind) = (middle + 1, Some(entry));
                } else {
                    (high, first) = (middle, entry);
                }
            }
            return Some(self.progress(first.offset, index + low, behind));
        }
        (index >= n).then(|| {
            let next = behind.map_or(self.header().header_size, |behind| behind.end);
            self.progress(next, n, behind)
        })
    }

    fn progress(&self, next: u64, seen: u64, behind: Option<Found>) -> Progress {
        let (last, last_offset) =
            behind.map_or((Stamp::default(), 0), |behind| (behind.stamp, behind.offset));
        Progress { next: next.max(self.header().header_size), seen, last, last_offset }
    }

    /// How many offsets the array at `at` has, and where the next array is.
    fn array(&self, at: u64) -> Option<(u64, u64)> {
        let bytes = self.bytes::<24>(at)?;
        let size = le64(&bytes, 8)?;
        let count = size.checked_sub(ARRAY_HEADER)? / self.header().pointer(false) as u64;
        (bytes.first() == Some(&ENTRY_ARRAY)).then_some((count, le64(&bytes, 16)?))
    }

    fn pointer(&self, array: u64, index: u64) -> Option<u64> {
        let len = self.header().pointer(false) as u64;
        let at = array.checked_add(ARRAY_HEADER)?.checked_add(index.checked_mul(len)?)?;
        let bytes = self.bytes::<8>(at)?;
        if len == 4 { le32(&bytes, 0).map(u64::from) } else { le64(&bytes, 0) }
    }

    /// The entry at `at`, which must lie where entries do.
    fn found(&self, at: u64) -> Option<Found> {
        let inside = at >= self.header().header_size && at <= self.header().tail_object_offset;
        let bytes = self.bytes::<ENTRY_HEADER>(at).filter(|_| inside && at.is_multiple_of(8))?;
        let size = le64(&bytes, 8).filter(|size| *size >= ENTRY_HEADER as u64)?;
        let end = at.checked_add(size)?.checked_next_multiple_of(8)?;
        (bytes.first() == Some(&ENTRY)).then_some(())?;
        Some(Found { offset: at, end, stamp: stamp(&bytes)? })
    }

    /// `N` bytes at `at`; zeros behind the file's end.
    fn bytes<const N: usize>(&self, at: u64) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        read_at(self.fd(), &mut bytes, at).ok().filter(|n| *n > 0)?;
        Some(bytes)
    }
}
