//! The first 208 to 272 bytes of a file: what it is, whose, and how far it is written.
//!
//! All numbers are little-endian on disk, whatever the machine. Times are µs. Newer versions of
//! journald append fields; what is behind the 208 bytes that all have is not needed here.

use crate::{Error, Id, Result, Stamp};

/// What a file says about itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Features that a reader must know: see [`flags`].
    pub incompatible_flags: u32,
    /// Whether somebody writes it.
    pub state: State,
    /// The file's own id; survives renaming.
    pub file_id: Id,
    /// The machine that wrote it.
    pub machine_id: Id,
    /// The numbering of its entries.
    pub seqnum_id: Id,
    /// Where the first object is.
    pub header_size: u64,
    /// Where the last object is.
    pub tail_object_offset: u64,
    /// Entries that are completely written. Only this many are read.
    pub n_entries: u64,
    /// The last entry's number.
    pub tail_entry_seqnum: u64,
    /// The first entry's number; 0 before there is one.
    pub head_entry_seqnum: u64,
    /// The boot of the last entry; before version 254 of systemd, of whoever opened the file last.
    pub tail_entry_boot_id: Id,
    /// When the last entry was written, since its boot.
    pub tail_entry_monotonic: u64,
    /// Where the first array of entries is; 0 before there is one.
    pub entry_array_offset: u64,
    /// When the first entry was written.
    pub head_entry_realtime: u64,
    /// When the last entry was written.
    pub tail_entry_realtime: u64,
}

/// Whether a file is being written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Closed well; may be opened again and go on.
    #[default]
    Offline,
    /// Being written, or left behind by a crash.
    Online,
    /// Rotated: it will never change again.
    Archived,
}

/// The incompatible flags that are known.
pub mod flags {
    /// Long fields may be compressed with XZ.
    pub const XZ: u32 = 1;
    /// Long fields may be compressed with LZ4.
    pub const LZ4: u32 = 1 << 1;
    /// Hashes are keyed with the file id; this reader looks nothing up by hash.
    pub const KEYED_HASH: u32 = 1 << 2;
    /// Long fields may be compressed with Zstandard.
    pub const ZSTD: u32 = 1 << 3;
    /// Entries point at fields with 4 bytes in place of 16.
    pub const COMPACT: u32 = 1 << 4;
    pub(crate) const KNOWN: u32 = XZ | LZ4 | KEYED_HASH | ZSTD | COMPACT;
}

/// Bytes of a header that every version has.
pub(crate) const SIZE: usize = 208;

const SIGNATURE: &[u8; 8] = b"LPKSHHRH";

// === impl Header ===

impl Header {
    /// From the file's first bytes.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self> {
        let signature = bytes.get(..8).ok_or(Error::NoHeader)?;
        if signature == [0; 8] {
            return Err(Error::NoHeader);
        }
        if signature != SIGNATURE {
            return Err(Error::NotAJournal);
        }
        let header = Self::fields(bytes).ok_or(Error::NoHeader)?;
        let unknown = header.incompatible_flags & !flags::KNOWN;
        if unknown != 0 {
            return Err(Error::Unsupported(unknown));
        }
        if header.header_size == 0 {
            return Err(Error::NoHeader);
        }
        if header.header_size < SIZE as u64 || header.header_size > 1 << 16 {
            return Err(Error::Header("expected a size of 208 bytes to 64 KiB"));
        }
        Ok(header)
    }

    fn fields(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            incompatible_flags: le32(bytes, 12)?,
            state: match bytes.get(16)? {
                1 => State::Online,
                2 => State::Archived,
                _ => State::Offline,
            },
            file_id: id(bytes, 24)?,
            machine_id: id(bytes, 40)?,
            seqnum_id: id(bytes, 72)?,
            header_size: le64(bytes, 88)?,
            tail_object_offset: le64(bytes, 136)?,
            n_entries: le64(bytes, 152)?,
            tail_entry_seqnum: le64(bytes, 160)?,
            head_entry_seqnum: le64(bytes, 168)?,
            tail_entry_boot_id: id(bytes, 56)?,
            tail_entry_monotonic: le64(bytes, 200)?,
            entry_array_offset: le64(bytes, 176)?,
            head_entry_realtime: le64(bytes, 184)?,
            tail_entry_realtime: le64(bytes, 192)?,
        })
    }

    /// The last entry's stamp, without its hash.
    pub(crate) fn tail(&self) -> Stamp {
        Stamp {
            seqnum: self.tail_entry_seqnum,
            realtime: self.tail_entry_realtime,
            monotonic: self.tail_entry_monotonic,
            boot_id: self.tail_entry_boot_id,
            xor_hash: 0,
        }
    }

    #[inline]
    pub(crate) fn compact(&self) -> bool {
        self.incompatible_flags & flags::COMPACT != 0
    }

    /// Bytes before a field's text.
    #[inline]
    pub(crate) fn data_header(&self) -> usize {
        if self.compact() { 72 } else { 64 }
    }

    /// Bytes that an entry, or an array of entries, takes to point at one thing.
    #[inline]
    pub(crate) fn pointer(&self, in_entry: bool) -> usize {
        match (self.compact(), in_entry) {
            (true, _) => 4,
            (false, true) => 16,
            (false, false) => 8,
        }
    }
}

#[inline]
pub(crate) fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[inline]
pub(crate) fn le64(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[inline]
pub(crate) fn id(bytes: &[u8], at: usize) -> Option<Id> {
    Some(Id(*bytes.get(at..)?.first_chunk()?))
}
