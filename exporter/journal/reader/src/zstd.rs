//! The outside of a Zstandard frame: how long its content is, how much memory it takes, and its first
//! block as a frame of its own (RFC 8878, section 3.1.1).

use crate::header::{le32, le64};

/// What a frame's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Bytes of the header.
    header: usize,
    /// Bytes of the content, if told.
    pub(crate) content: Option<u64>,
    /// Bytes that a decoder has to keep.
    pub(crate) window: u64,
}

const MAGIC: u32 = 0xFD2F_B528;

/// A frame with a window of 128 KiB and nothing else told, up to its first block's header.
const SHORT: [u8; 6] = [0x28, 0xB5, 0x2F, 0xFD, 0, 7 << 3];

// === impl Frame ===

impl Frame {
    /// From a frame's first bytes; `None` where they are none, or need a dictionary.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        if le32(bytes, 0)? != MAGIC {
            return None;
        }
        let descriptor = *bytes.get(4)?;
        let single = descriptor & 0x20 != 0;
        if descriptor & 0b11 != 0 {
            return None;
        }
        let at = if single { 5 } else { 6 };
        let byte = |n: usize| bytes.get(at + n).copied();
        let (content, len) = match (descriptor >> 6, single) {
            (0, false) => (None, 0),
            (0, true) => (Some(u64::from(byte(0)?)), 1),
            (1, _) => (Some(u64::from(u16::from_le_bytes([byte(0)?, byte(1)?])) + 256), 2),
            (2, _) => (Some(u64::from(le32(bytes, at)?)), 4),
            _ => (Some(le64(bytes, at)?), 8),
        };
        let window = if single {
            content?
        } else {
            let window = *bytes.get(5)?;
            let base = 1_u64 << (10 + (window >> 3));
            base + base / 8 * u64::from(window & 7)
        };
        Some(Self { header: at + len, content, window })
    }

    /// The first block as a frame: its header, its bytes, and whether it was the last one.
    pub(crate) fn first_block<'b>(&self, bytes: &'b [u8]) -> Option<([u8; 9], &'b [u8], bool)> {
        let behind = bytes.get(self.header..)?;
        let [a, b, c] = *behind.first_chunk::<3>()?;
        let word = u32::from_le_bytes([a, b, c, 0]);
        // A repeated byte is stored once.
        let len = if word >> 1 & 3 == 1 { 1 } else { word >> 3 };
        let block = behind.get(3..)?.get(..usize::try_from(len).ok()?)?;
        let mut header = [0; 9];
        header.first_chunk_mut().map(|first| *first = SHORT)?;
        header.last_chunk_mut().map(|last| *last = [a | 1, b, c])?;
        Some((header, block, word & 1 != 0))
    }
}
