//! Sample lines of one family, compressed at rest.
//!
//! A page is a run of raw deflate blocks (RFC 1951) that refers to nothing before it and ends at a
//! byte: its last block is an empty one, which a flush makes, and none is marked as the stream's
//! last. So pages can be put one behind the other, in any order, between a header and a trailer that
//! close one gzip member; the checksum of the whole follows from theirs.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use memchr::memchr_iter;

/// Canonical lines of one family, compressed.
#[derive(Clone, PartialEq, Eq)]
pub struct Page {
    /// With [`LAST_BLOCK`] behind it: who unpacks a whole stream in one call keeps no window.
    stream: Box<[u8]>,
    len: u32,
    crc: u32,
    samples: u32,
}

/// Makes pages; keeps the compressor's state, some 300 KiB, from one to the next.
#[derive(Debug)]
pub struct Packer {
    stream: Compress,
    out: Vec<u8>,
}

/// Reads pages; keeps the state from one to the next.
#[derive(Debug)]
pub struct Unpacker {
    stream: Decompress,
}

/// Twice the time of the fastest level, and two thirds of its size; higher ones gain a twentieth.
const LEVEL: u32 = 2;
/// An empty block with fixed codes that is marked as the stream's last.
pub const LAST_BLOCK: [u8; 2] = [3, 0];
/// The most that a page may hold. Pages are meant to be far smaller: some tens of KiB.
pub const MAX_PAGE: usize = 64 << 20;

// === impl Page ===

impl Page {
    /// Lines that were deflated as a page's are.
    pub(crate) fn of(deflated: &[u8], lines: &[u8], samples: usize) -> Option<Self> {
        Some(Self {
            stream: [deflated, &LAST_BLOCK].concat().into(),
            len: u32::try_from(lines.len()).ok()?,
            crc: crc32fast::hash(lines),
            samples: u32::try_from(samples).ok()?,
        })
    }

    /// The compressed bytes.
    pub fn deflated(&self) -> &[u8] {
        self.stream.strip_suffix(&LAST_BLOCK).unwrap_or_default()
    }

    /// The bytes of the lines.
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether there are no lines.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The lines' CRC-32, as gzip has it.
    pub fn crc(&self) -> u32 {
        self.crc
    }

    /// The number of lines.
    pub fn samples(&self) -> usize {
        self.samples as usize
    }
}

impl std::fmt::Debug for Page {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Page")
            .field("len", &self.len)
            .field("deflated", &self.deflated().len())
            .finish_non_exhaustive()
    }
}

// === impl Packer ===

impl Packer {
    /// One with fresh state.
    pub fn new() -> Self {
        Self { stream: Compress::new(Compression::new(LEVEL), false), out: Vec::new() }
    }

    /// A page of `lines`; none where they are more than [`MAX_PAGE`] bytes.
    pub fn pack(&mut self, lines: &[u8]) -> Option<Page> {
        let len = u32::try_from(lines.len()).ok().filter(|_| lines.len() <= MAX_PAGE)?;
        let samples = u32::try_from(memchr_iter(b'\n', lines).count()).ok()?;
        self.stream.reset();
        self.out.clear();
        self.out.reserve(lines.len() / 4 + 64);
        loop {
            let done = usize::try_from(self.stream.total_in()).ok()?;
            let rest = lines.get(done..)?;
            let status = self.stream.compress_vec(rest, &mut self.out, FlushCompress::Sync).ok()?;
            // A flush is whole once it leaves room behind it.
            let all = usize::try_from(self.stream.total_in()).ok()? == lines.len();
            match status {
                Status::Ok | Status::BufError if all && self.out.len() < self.out.capacity() => {
                    break;
                }
                Status::Ok | Status::BufError => self.out.reserve(self.out.len() / 2 + 64),
                Status::StreamEnd => return None,
            }
        }
        self.out.extend_from_slice(&LAST_BLOCK);
        let crc = crc32fast::hash(lines);
        Some(Page { stream: self.out.as_slice().into(), len, crc, samples })
    }
}

impl Default for Packer {
    fn default() -> Self {
        Self::new()
    }
}

// === impl Unpacker ===

impl Unpacker {
    /// One with fresh state.
    pub fn new() -> Self {
        Self { stream: Decompress::new(false) }
    }

    /// Appends the lines of `page`.
    pub fn unpack(&mut self, page: &Page, out: &mut Vec<u8>) {
        self.stream.reset(false);
        // What comes in several calls is copied once more, into a window: one call does.
        out.reserve(page.len() + 1);
        let begun = out.len();
        let done = self.stream.decompress_vec(&page.stream, out, FlushDecompress::Finish);
        debug_assert!(done.is_ok() && out.len() - begun == page.len(), "{page:?}");
    }
}

impl Default for Unpacker {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_page_ends_at_a_byte_and_is_not_the_last() {
        let page = Packer::new().pack(b"a 1\nb 2\n").unwrap();
        assert_eq!((page.len(), page.samples()), (8, 2));
        assert!(page.deflated().ends_with(&[0, 0, 0xff, 0xff]), "{:?}", page.deflated());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn what_goes_in_comes_out(
            texts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20_000), 1..4),
        ) {
            let (mut packer, mut unpacker) = (Packer::new(), Unpacker::new());
            for text in texts {
                let page = packer.pack(&text).unwrap();
                let mut out = b"before".to_vec();
                unpacker.unpack(&page, &mut out);
                prop_assert_eq!(out.get(6..), Some(&*text));
                prop_assert_eq!(page.crc(), crc32fast::hash(&text));
            }
        }
    }
}
