//! One entry: its stamp and its fields, read as far as the caller asks.

use crate::{
    Buffers, ClassCache, Head, Id, JournalFile, Payload, Point, Verdict, cache::Kept,
    origin::Origin,
};
use std::{fmt, sync::Arc};

/// When and where an entry was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// Its number within the numbering; grows by one with each entry that journald writes.
    pub seqnum: u64,
    /// µs since 1970.
    pub realtime: u64,
    /// µs since the boot.
    pub monotonic: u64,
    /// The boot.
    pub boot_id: Id,
    /// A hash over the fields, as journald keeps it.
    pub xor_hash: u64,
}

/// An entry that was reached; it borrows the file and the buffers until the next one.
#[derive(Debug)]
pub struct Entry<'r> {
    pub(crate) file: &'r JournalFile,
    pub(crate) buffers: &'r mut Buffers,
    pub(crate) stamp: Stamp,
}

/// An entry's name as `journalctl` prints it (`__CURSOR`).
#[derive(Clone, Copy, Debug)]
pub struct Cursor {
    seqnum_id: Id,
    stamp: Stamp,
}

// === impl Entry ===

impl Entry<'_> {
    /// When and where it was written.
    #[inline]
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// The numbering that the stamp's seqnum belongs to.
    pub fn seqnum_id(&self) -> Id {
        self.file.header().seqnum_id
    }

    /// Which journal it comes from: place, namespace, owner.
    pub fn origin(&self) -> &Origin {
        self.file.origin()
    }

    /// Its name as `journalctl` prints it.
    pub fn cursor(&self) -> Cursor {
        Cursor { seqnum_id: self.seqnum_id(), stamp: self.stamp }
    }

    /// Where it stands, to move a [`Position`](crate::Position) to.
    #[inline]
    pub fn point(&self) -> Point {
        let origin = Arc::clone(&self.file.origin);
        Point { origin, seqnum_id: self.file.header().seqnum_id, stamp: self.stamp }
    }

    /// Moves a point on to this entry; `false` where the point is of another file or line.
    #[inline]
    pub fn follows(&self, point: &mut Point) -> bool {
        let same = Arc::ptr_eq(&self.file.origin, &point.origin)
            && self.file.header().seqnum_id == point.seqnum_id;
        if same {
            point.stamp = self.stamp;
        }
        same
    }

    /// How many fields it has, duplicates counted.
    #[inline]
    pub fn len(&self) -> usize {
        self.buffers.items.len()
    }

    /// Whether it has no field.
    pub fn is_empty(&self) -> bool {
        self.buffers.items.is_empty()
    }

    /// What the caller made of the field at `index` (below [`Entry::len`]), this time or before.
    ///
    /// A field that many entries share (`PRIORITY=6`) stands once in a file; its class is looked up by
    /// its place and the field is not read again. Only the first bytes of a field
    /// ([`Limits::head_bytes`](crate::Limits)) are read. `None` where the caller ignores it, or where the field
    /// cannot be read; that is counted.
    #[inline]
    pub fn class<C: Copy>(
        &mut self,
        index: usize,
        cache: &mut ClassCache<C>,
        classify: impl FnOnce(Head<'_>) -> Verdict<C>,
    ) -> Option<C> {
        let offset = *self.buffers.items.get(index)?;
        cache.turn_to(self.file.number());
        match cache.get(offset) {
            Some(Kept::Class(class)) => Some(class),
            Some(Kept::Ignored) => None,
            None => self.look(offset, cache, classify),
        }
    }

    /// Gives `each` the index and the class of every field that [`Entry::class`] has one of: the fast way
    /// to go through an entry.
    #[inline]
    pub fn classes<C: Copy>(
        &mut self,
        cache: &mut ClassCache<C>,
        mut classify: impl FnMut(Head<'_>) -> Verdict<C>,
        mut each: impl FnMut(usize, C),
    ) {
        cache.turn_to(self.file.number());
        let items = std::mem::take(&mut self.buffers.items);
        let before = self.buffers.before;
        for (index, &offset) in items.iter().enumerate() {
            // What was written since the entry before was asked for by nobody yet.
            let known = if offset <= before { cache.get(offset) } else { None };
            let class = match known {
                Some(Kept::Class(class)) => Some(class),
                Some(Kept::Ignored) => None,
                None => self.look(offset, cache, &mut classify),
            };
            if let Some(class) = class {
                each(index, class);
            }
        }
        self.buffers.items = items;
    }

    /// Looks at a field that is not known.
    fn look<C: Copy>(
        &mut self,
        offset: u64,
        cache: &mut ClassCache<C>,
        classify: impl FnOnce(Head<'_>) -> Verdict<C>,
    ) -> Option<C> {
        let verdict = match self.buffers.plain_head(self.file, offset) {
            Some(head) => Some(classify(head)),
            None => self.buffers.head(self.file, offset).map(classify),
        };
        match verdict {
            Some(Verdict::Unique(class)) => return Some(class),
            Some(Verdict::Shared(class)) => cache.put(offset, Kept::Class(class)),
            Some(Verdict::Ignored) => cache.put(offset, Kept::Ignored),
            None => self.missed(),
        }
        match verdict {
            Some(Verdict::Shared(class)) => Some(class),
            _ => None,
        }
    }

    #[cold]
    fn missed(&mut self) {
        self.buffers.counts.fields_skipped += 1;
        self.buffers.torn |= self.file.is_gone();
    }

    /// Whether a field could not be read because the file was deleted in between. The entry is then not
    /// whole, and [`Journal::read`](crate::Journal::read) counts it among those that are lost: ask when
    /// its fields have been read and before anything is made of it.
    pub fn is_torn(&self) -> bool {
        self.buffers.torn
    }

    /// Gives the field at `index` its class from now on, as [`Verdict::Shared`] does: for fields
    /// whose [`Head`] was hidden and that were read since.
    pub fn remember<C: Copy>(&self, index: usize, cache: &mut ClassCache<C>, class: C) {
        if let Some(offset) = self.buffers.items.get(index) {
            cache.turn_to(self.file.number());
            cache.put(*offset, Kept::Class(class));
        }
    }

    /// Reads the field at `index`, decompressed, as `NAME=value`, into `out`: at most `limit` bytes
    /// of it. `None` where it cannot be read; that is counted.
    pub fn read(&mut self, index: usize, limit: usize, out: &mut Vec<u8>) -> Option<Payload> {
        out.clear();
        let offset = *self.buffers.items.get(index)?;
        let read = self.buffers.payload(self.file, offset, limit, out);
        if read.is_none() {
            out.clear();
            self.missed();
        }
        read
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stamp { seqnum, realtime, monotonic, boot_id, xor_hash } = self.stamp;
        write!(
            f,
            "s={};i={seqnum:x};b={boot_id};m={monotonic:x};t={realtime:x};x={xor_hash:x}",
            self.seqnum_id
        )
    }
}
