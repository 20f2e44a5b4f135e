//! The memory that reading takes, whatever the number of files: a window that slides over the file
//! that is being scanned, blocks for fields that stand elsewhere, and the decoders.
//!
//! Bytes come by `pread` only. A mapped file would kill the process when somebody truncates it, and
//! would count as resident memory. At most: the window (128 KiB), 28 blocks (126 KiB), one entry's places
//! (16 KiB), a compressed field and its decoder ([`Limits::decompress_bytes`] and its window again).

use crate::{
    Head, Limits,
    codec::{Bounds, Codec, Kind, Part},
    file::{ENTRY, JournalFile},
    header::le64,
};
use std::{fs::File, io, os::unix::fs::FileExt};

/// Buffers for reading any number of files, one at a time.
#[derive(Debug)]
pub struct Buffers {
    pub(crate) limits: Limits,
    pub(crate) counts: Counts,
    /// The window has been filled anew.
    pub(crate) moved: bool,
    /// The file was deleted while the current entry was read.
    pub(crate) torn: bool,
    /// Where the current entry's fields are.
    pub(crate) items: Vec<u64>,
    /// Where the entry before the current one is; what stands behind it is asked for the first time.
    pub(crate) before: u64,
    window: Window,
    blocks: Vec<Block>,
    side: Vec<u8>,
    stored: Vec<u8>,
    shown: Vec<u8>,
    codec: Codec,
}

/// What reading came to, beside entries.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) bytes: u64,
    pub(crate) entries_skipped: u64,
    pub(crate) fields_skipped: u64,
}

/// How much of a field was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payload {
    /// The whole field's length in bytes, as far as it can be told.
    pub len: Option<u64>,
    /// What was read is not all of it.
    pub truncated: bool,
}

/// A part of a file, and which.
#[derive(Debug, Default)]
struct Window {
    file: u32,
    start: u64,
    bytes: Vec<u8>,
}

/// Bytes of a file from a multiple of 4,096 on, and as many more as the longest short read takes.
type Block = Window;

const BLOCKS: usize = 64;
const BLOCK: u64 = 4096;
const OVERLAP: usize = 512;
const BLOCK_BYTES: usize = 4096 + OVERLAP;

/// A compressed field that is longer is not decompressed to be classified.
const HIDDEN: u64 = 512;

/// The most that is kept for the next compressed field.
const KEPT: usize = 1 << 20;

/// Where bytes were brought.
#[derive(Clone, Copy)]
enum Spot {
    Window,
    Block(usize),
    Side,
}

/// A field in its file.
#[derive(Clone, Copy)]
struct Data {
    kind: Kind,
    /// Bytes that it takes there.
    stored: u64,
}

const DATA: u8 = 1;

// === impl Buffers ===

impl Buffers {
    /// Buffers within these limits. They take memory when they are used.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            counts: Counts::default(),
            moved: false,
            torn: false,
            items: Vec::new(),
            before: u64::MAX,
            window: Window::default(),
            blocks: Vec::new(),
            side: Vec::new(),
            stored: Vec::new(),
            shown: Vec::new(),
            codec: Codec::default(),
        }
    }

    /// Bytes of a file that the scan has come to: `len` of them, fewer only where the file ends. Fields
    /// stand before their entry: what stands behind the one before, from `since` on, is wanted with it.
    #[inline]
    pub(crate) fn scan(
        &mut self,
        file: &JournalFile,
        since: u64,
        at: u64,
        len: usize,
    ) -> io::Result<&[u8]> {
        if self.window.part(file.number(), at, len).is_none() {
            let before = usize::try_from(at.saturating_sub(since)).unwrap_or(usize::MAX);
            let before = if before <= self.limits.window_bytes / 16 { before } else { 0 };
            let (start, len) = (at - before as u64, len + before);
            // Behind the tail nothing is written yet: do not keep it, and do not copy its zeros.
            let end = file.header().tail_object_offset.saturating_add(BLOCK);
            let most = self.limits.window_bytes.max(len);
            let written = usize::try_from(end.saturating_sub(start)).unwrap_or(most);
            self.counts.bytes += self.window.fill(file, start, written.clamp(len, most))?;
            self.moved = true;
        }
        Ok(self.window.part(file.number(), at, len).unwrap_or_else(|| self.window.from(at)))
    }

    /// Steps from `at` over objects that stand whole in the window and are no entries, not beyond the
    /// first one behind `tail`; whatever is odd is left to who scans.
    #[inline]
    pub(crate) fn hop(&self, file: u32, mut at: u64, tail: u64) -> u64 {
        let mut rest = if self.window.file == file { self.window.from(at) } else { &[] };
        while at <= tail
            && let Some((head, _)) = rest.split_first_chunk::<16>()
            && let [kind, _, _, _, _, _, _, _, size @ ..] = head
            && *kind != ENTRY
        {
            let size = u64::from_le_bytes(*size);
            let step = (16..=self.limits.object_bytes).contains(&size).then(|| (size + 7) & !7);
            let behind = step.and_then(|step| rest.get(usize::try_from(step).ok()?..));
            let (Some(step), Some(behind)) = (step, behind) else { break };
            (at, rest) = (at + step, behind);
        }
        at
    }

    /// Forgets what of this file may have been read before it was written.
    pub(crate) fn stale(&mut self, file: u32) {
        if self.window.file == file {
            self.window.bytes.clear();
        }
    }

    /// Brings a few bytes of anywhere in a file near.
    #[inline]
    fn near(&mut self, file: &JournalFile, at: u64, len: usize) -> Option<Spot> {
        if self.window.part(file.number(), at, len).is_some() {
            return Some(Spot::Window);
        }
        self.fetch(file, at, len).ok()
    }

    fn fetch(&mut self, file: &JournalFile, at: u64, len: usize) -> io::Result<Spot> {
        let number = file.number();
        let start = at - at % BLOCK;
        // A block that is not written to its end yet would be held as it is now.
        let behind = start.saturating_add(BLOCK + OVERLAP as u64);
        if behind > file.header().tail_object_offset || len > OVERLAP {
            self.side.resize(len, 0);
            let n = read_at(file.fd(), &mut self.side, at)?;
            self.side.truncate(n);
            self.counts.bytes += n as u64;
            return Ok(Spot::Side);
        }
        if self.blocks.is_empty() {
            let blocks = (self.limits.window_bytes / BLOCK_BYTES).clamp(4, BLOCKS);
            self.blocks.resize_with(blocks, Block::default);
        }
        let mixed = (start / BLOCK) ^ u64::from(number).wrapping_mul(31);
        let slot = usize::try_from(mixed % self.blocks.len() as u64).unwrap_or(0);
        let Some(block) = self.blocks.get_mut(slot) else { return Ok(Spot::Block(slot)) };
        if block.file != number || block.start != start || block.bytes.is_empty() {
            self.counts.bytes += block.fill(file, start, BLOCK_BYTES)?;
        }
        Ok(Spot::Block(slot))
    }

    /// Bytes that were brought near; fewer only where the file ends.
    #[inline]
    fn view(&self, spot: Spot, at: u64, len: usize) -> &[u8] {
        let bytes = match spot {
            Spot::Window => self.window.from(at),
            Spot::Block(n) => self.blocks.get(n).map(|block| block.from(at)).unwrap_or_default(),
            Spot::Side => &self.side,
        };
        bytes.get(..len).unwrap_or(bytes)
    }

    /// The beginning of a field that stands plain in the window, as most do that are not known yet.
    #[inline]
    pub(crate) fn plain_head(&self, file: &JournalFile, at: u64) -> Option<Head<'_>> {
        let (before, most) = (file.header().data_header(), self.limits.head_bytes);
        let bytes = self.window.part(file.number(), at, before + most)?;
        let data = data(bytes, file, &self.limits).filter(|data| data.kind == Kind::Plain)?;
        let text = bytes.get(before..)?;
        let take = usize::try_from(data.stored).unwrap_or(most);
        let bytes = text.get(..take).unwrap_or(text);
        Some(Head { bytes, len: Some(data.stored), hidden: false })
    }

    /// The beginning of a field; `None` where it is none.
    pub(crate) fn head(&mut self, file: &JournalFile, at: u64) -> Option<Head<'_>> {
        let (before, most) = (file.header().data_header(), self.limits.head_bytes);
        let spot = self.near(file, at, before + most)?;
        let data = data(self.view(spot, at, before), file, &self.limits)?;
        if data.kind != Kind::Plain {
            return self.compressed_head(file, at, data);
        }
        let take = usize::try_from(data.stored).map_or(most, |stored| stored.min(most));
        let bytes = self.view(spot, at, before + take).get(before..)?;
        (bytes.len() == take).then_some(Head { bytes, len: Some(data.stored), hidden: false })
    }

    fn compressed_head(&mut self, file: &JournalFile, at: u64, data: Data) -> Option<Head<'_>> {
        let before = file.header().data_header();
        let spot = self.near(file, at, before + 32)?;
        let len = data.kind.plain_len(self.view(spot, at, before + 32).get(before..)?);
        if len.unwrap_or(data.stored) > HIDDEN {
            return Some(Head { bytes: &[], len, hidden: true });
        }
        let mut shown = std::mem::take(&mut self.shown);
        shown.clear();
        let read = self.payload(file, at, self.limits.head_bytes, &mut shown);
        self.shown = shown;
        read.map(|read| Head { bytes: &self.shown, len: read.len, hidden: false })
    }

    /// A field's text behind what `out` holds, at most `limit` bytes of it.
    pub(crate) fn payload(
        &mut self,
        file: &JournalFile,
        at: u64,
        limit: usize,
        out: &mut Vec<u8>,
    ) -> Option<Payload> {
        let before = file.header().data_header();
        let near = before + self.limits.head_bytes;
        let spot = self.near(file, at, near)?;
        let data = data(self.view(spot, at, before), file, &self.limits)?;
        let most = usize::try_from(data.stored).unwrap_or(usize::MAX);
        let text = at.checked_add(before as u64)?;
        if data.kind == Kind::Plain {
            let take = most.min(limit);
            match self.view(spot, at, near).get(before..before.saturating_add(take)) {
                Some(bytes) => out.extend_from_slice(bytes),
                None => self.long(file, text, take, out)?,
            }
            return Some(Payload { len: Some(data.stored), truncated: take < most });
        }
        let bounds = Bounds { limit, memory: self.limits.decompress_bytes };
        let take = most.min(bounds.stored());
        let mut stored = std::mem::take(&mut self.stored);
        stored.clear();
        let read = self.long(file, text, take, &mut stored);
        let read = read.and_then(|()| {
            let part = Part { bytes: &stored, whole: take == most };
            self.codec.read(data.kind, part, bounds, out)
        });
        if stored.capacity() <= KEPT {
            self.stored = stored;
        }
        read
    }

    /// Bytes of a file, all of them, behind what `out` holds.
    fn long(&mut self, file: &JournalFile, at: u64, len: usize, out: &mut Vec<u8>) -> Option<()> {
        if let Some(part) = self.window.part(file.number(), at, len) {
            out.extend_from_slice(part);
            return Some(());
        }
        // A size that the file does not have must not become memory.
        if len > 1 << 16 && at.checked_add(len as u64)? > file.len()? {
            return None;
        }
        let from = out.len();
        out.resize(from + len, 0);
        let n = read_at(file.fd(), out.get_mut(from..)?, at).ok()?;
        self.counts.bytes += n as u64;
        (n == len).then_some(())
    }
}

// === impl Window ===

impl Window {
    /// These bytes, if all of them are here.
    #[inline]
    fn part(&self, file: u32, at: u64, len: usize) -> Option<&[u8]> {
        if self.file != file {
            return None;
        }
        let from = usize::try_from(at.checked_sub(self.start)?).ok()?;
        self.bytes.get(from..from.checked_add(len)?)
    }

    /// What is here from `at` on.
    #[inline]
    fn from(&self, at: u64) -> &[u8] {
        let from = at.checked_sub(self.start).and_then(|from| usize::try_from(from).ok());
        from.and_then(|from| self.bytes.get(from..)).unwrap_or_default()
    }

    /// Reads `len` bytes from `at` on; how many there were.
    fn fill(&mut self, file: &JournalFile, at: u64, len: usize) -> io::Result<u64> {
        (self.file, self.start) = (file.number(), at);
        self.bytes.resize(len, 0);
        let n = read_at(file.fd(), &mut self.bytes, at);
        self.bytes.truncate(*n.as_ref().unwrap_or(&0));
        n.map(|n| n as u64)
    }
}

/// What the object at the beginning of `bytes` is; `None` where it is no field.
#[inline]
fn data(bytes: &[u8], file: &JournalFile, limits: &Limits) -> Option<Data> {
    let [kind, flags, ..] = bytes else { return None };
    let size = le64(bytes, 8)?;
    let stored = size.checked_sub(file.header().data_header() as u64)?;
    let known = *kind == DATA && size <= limits.object_bytes && stored > 0;
    known.then_some(Data { kind: Kind::of(*flags)?, stored })
}

/// Reads until `bytes` are full or the file ends.
pub(crate) fn read_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<usize> {
    let mut n = 0;
    while let Some(rest) = bytes.get_mut(n..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, at.saturating_add(n as u64)) {
            Ok(0) => break,
            Ok(read) => n += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(n)
}
