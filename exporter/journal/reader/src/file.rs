//! One journal file: its header, and its entries one after the other.
//!
//! A file is a header and objects, each with its kind and size, padded to 8 bytes. Entries are read by
//! stepping from object to object: `n_entries` is read first and only that many entries are taken, as
//! journald counts an entry when it is complete; the last object's offset bounds the scan. So a file
//! can be read while it is written, without a lock.

use crate::{
    Buffers, Entry, Error, Result, Stamp,
    buffers::read_at,
    header::{Header, SIZE, State, id, le64},
    origin::Origin,
};
use rustix::{
    fd::AsFd,
    fs::{CWD, FileType, Mode, OFlags, fstat, openat},
    path::Arg,
};
use std::{
    fs::File,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

/// A journal file and how far it has been read.
#[derive(Debug)]
pub struct JournalFile {
    fd: File,
    number: u32,
    header: Header,
    pub(crate) origin: Arc<Origin>,
    pub(crate) at: Progress,
}

/// How far a file has been read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Progress {
    /// Where the next object is.
    pub(crate) next: u64,
    /// Entries of the file that lie behind.
    pub(crate) seen: u64,
    /// The last of them.
    pub(crate) last: Stamp,
    /// Where that one is.
    pub(crate) last_offset: u64,
}

pub(crate) const ENTRY: u8 = 3;
/// Bytes before an entry's pointers to its fields.
pub(crate) const ENTRY_HEADER: usize = 64;

// === impl Progress ===

impl Progress {
    /// Nothing is read.
    pub(crate) fn head(header: &Header) -> Self {
        Self { next: header.header_size, ..Self::default() }
    }
}

// === impl JournalFile ===

impl JournalFile {
    /// Opens a file by its path.
    pub fn open(path: impl Arg) -> Result<Self> {
        Self::open_at(CWD, path)
    }

    /// Opens a file below a directory that is open. Only regular files are, and no symbolic links.
    pub fn open_at(directory: impl AsFd, path: impl Arg) -> Result<Self> {
        let flags =
            OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::NOFOLLOW;
        let opened = openat(directory, path, flags, Mode::empty());
        Self::new(File::from(opened.map_err(|error| Error::io("open", error))?))
    }

    /// Reads the header of a file that is open.
    pub fn new(fd: File) -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let stat = fstat(&fd).map_err(|error| Error::io("stat", error))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(Error::NotAJournal);
        }
        let header = read_header(&fd)?;
        Ok(Self {
            fd,
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
            header,
            origin: Arc::default(),
            at: Progress::head(&header),
        })
    }

    /// What the file said about itself when it was last asked.
    #[inline]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Which journal it belongs to.
    #[inline]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Reads the header again: whether there is more.
    pub fn refresh(&mut self, buffers: &mut Buffers) -> Result<()> {
        let header = match read_header(&self.fd) {
            Err(Error::NoHeader) => return Err(Error::Gone),
            header => header?,
        };
        buffers.counts.bytes += SIZE as u64;
        if header == self.header {
            // Nobody writes it and the scan has come to its end: what is missing was never there.
            if self.at.next > header.tail_object_offset && self.at.seen < header.n_entries {
                buffers.counts.entries_skipped += header.n_entries - self.at.seen;
                self.at.seen = header.n_entries;
            }
            return Ok(());
        }
        buffers.stale(self.number);
        self.header = header;
        Ok(())
    }

    /// Whether every entry has been read that there will ever be.
    pub fn is_finished(&self) -> bool {
        self.header.state == State::Archived && self.is_read()
    }

    /// Whether every entry has been read that the header tells of.
    pub fn is_read(&self) -> bool {
        self.at.seen >= self.header.n_entries || self.at.next > self.header.tail_object_offset
    }

    /// The last entry that was read or stepped over.
    pub fn last(&self) -> Stamp {
        self.at.last
    }

    /// The next entry; `None` after the last one that the header told of.
    ///
    /// An entry that makes no sense is stepped over and counted. An error means that the file cannot
    /// be read further; the same error comes again.
    #[inline]
    pub fn next<'r>(&'r mut self, buffers: &'r mut Buffers) -> Result<Option<Entry<'r>>> {
        Ok(self.advance(buffers)?.map(move |stamp| Entry { file: self, buffers, stamp }))
    }

    /// Steps to the next entry and reads where its fields are.
    pub(crate) fn advance(&mut self, buffers: &mut Buffers) -> Result<Option<Stamp>> {
        let tail = self.header.tail_object_offset;
        buffers.torn = false;
        let since = self.at.next;
        while self.at.seen < self.header.n_entries && self.at.next <= tail {
            let at = buffers.hop(self.number, self.at.next, tail);
            self.at.next = at;
            if at > tail {
                break;
            }
            let object =
                buffers.scan(self, since, at, 16).map_err(|error| Error::io("read", error))?;
            let (Some(kind), Some(size)) = (object.first().copied(), le64(object, 8)) else {
                return Err(Error::Truncated { offset: at });
            };
            let end = at.checked_add(size).and_then(|end| end.checked_next_multiple_of(8));
            let end = end.filter(|_| size >= 16 && size <= buffers.limits.object_bytes);
            if (end.is_none() || std::mem::take(&mut buffers.moved)) && self.is_gone() {
                return Err(Error::Gone);
            }
            let Some(end) = end else { return Err(Error::Object { offset: at, kind, size }) };
            if kind == ENTRY {
                let stamp = self.entry(buffers, since, at, size)?;
                self.at.seen += 1;
                self.at.next = end;
                if let Some(stamp) = stamp {
                    (self.at.last, self.at.last_offset) = (stamp, at);
                    return Ok(Some(stamp));
                }
                buffers.counts.entries_skipped += 1;
            }
            self.at.next = end;
        }
        Ok(None)
    }

    /// The entry at `at`, its fields' places in the buffers; `None` where it makes no sense.
    #[inline]
    fn entry(
        &self,
        buffers: &mut Buffers,
        since: u64,
        at: u64,
        size: u64,
    ) -> Result<Option<Stamp>> {
        let pointer = self.header.pointer(true);
        let Some(pointers) = size.checked_sub(ENTRY_HEADER as u64) else { return Ok(None) };
        let count = pointers / pointer as u64;
        let most = buffers.limits.entry_fields;
        let taken = usize::try_from(count).map_or(most, |count| count.min(most));
        let len = ENTRY_HEADER + taken * pointer;
        buffers.before = self.at.last_offset;
        let mut items = std::mem::take(&mut buffers.items);
        items.clear();
        let bytes = buffers.scan(self, since, at, len).map_err(|error| Error::io("read", error))?;
        let Some(bytes) = bytes.get(..len) else { return Err(Error::Truncated { offset: at }) };
        let Some((head, places)) = bytes.split_first_chunk() else { return Ok(None) };
        let stamp = stamp(head);
        if self.header.compact() {
            items.extend(
                places.as_chunks::<4>().0.iter().map(|p| u64::from(u32::from_le_bytes(*p))),
            );
        } else {
            // The place, and the field's hash, which is of no use here.
            items.extend(places.as_chunks::<16>().0.iter().map(|pair| {
                let (place, _) = pair.split_first_chunk().unwrap_or((&[0; 8], &[]));
                u64::from_le_bytes(*place)
            }));
        }
        buffers.items = items;
        buffers.counts.fields_skipped += count - taken as u64;
        Ok(stamp.filter(|_| pointers % pointer as u64 == 0))
    }

    /// Whether journald has deleted the file. It then frees its blocks as well, whoever has it open:
    /// all of it reads as zeros, the header too.
    pub(crate) fn is_gone(&self) -> bool {
        fstat(&self.fd).is_ok_and(|stat| stat.st_nlink == 0)
            && matches!(read_header(&self.fd), Err(Error::NoHeader))
    }

    pub(crate) fn with_origin(mut self, origin: Arc<Origin>) -> Self {
        self.origin = origin;
        self
    }

    #[inline]
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    #[inline]
    pub(crate) fn fd(&self) -> &File {
        &self.fd
    }

    /// The file's length now.
    pub(crate) fn len(&self) -> Option<u64> {
        u64::try_from(fstat(&self.fd).ok()?.st_size).ok()
    }
}

fn read_header(fd: &File) -> Result<Header> {
    let mut bytes = [0; SIZE];
    let n = read_at(fd, &mut bytes, 0).map_err(|error| Error::io("read", error))?;
    Header::parse(bytes.get(..n).unwrap_or_default())
}

/// What an entry says of itself; `None` where it cannot be so.
#[inline]
pub(crate) fn stamp(bytes: &[u8; ENTRY_HEADER]) -> Option<Stamp> {
    let stamp = Stamp {
        seqnum: le64(bytes, 16)?,
        realtime: le64(bytes, 24)?,
        monotonic: le64(bytes, 32)?,
        boot_id: id(bytes, 40)?,
        xor_hash: le64(bytes, 56)?,
    };
    // journald's own bound: the year 3111.
    (stamp.seqnum != 0 && (1..1 << 55).contains(&stamp.realtime)).then_some(stamp)
}
