//! Decompression of fields, bounded in memory and in output.
//!
//! journald compresses a field by itself, where it is long enough, with what the file's flags name: a
//! Zstandard frame, an LZ4 block behind its plain length (8 bytes), or an XZ stream. A local user
//! chooses the text, so a few bytes here may stand for hundreds of megabytes.

use crate::{Payload, header::le64, lz4, zstd::Frame};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use std::{
    fmt,
    io::{Read, Write},
};
use xz4rust::XzDecoder;

/// How a field is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Plain,
    Xz,
    Lz4,
    Zstd,
}

/// A stored field, or its beginning.
#[derive(Clone, Copy)]
pub(crate) struct Part<'p> {
    pub(crate) bytes: &'p [u8],
    pub(crate) whole: bool,
}

/// What one decompression may give and take.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    /// Bytes of output that are wanted.
    pub(crate) limit: usize,
    /// Bytes of memory that it may take.
    pub(crate) memory: usize,
}

/// The decoders, kept from field to field.
#[derive(Default)]
pub(crate) struct Codec {
    zstd: Option<FrameDecoder>,
    xz: Option<Box<XzDecoder<'static>>>,
}

/// The most that one Zstandard block gives.
const BLOCK: usize = 128 << 10;

/// What a decoder may hold for the next field.
const KEPT: u64 = 1 << 20;

const XZ_STEP: usize = 32 << 10;

// === impl Kind ===

impl Kind {
    /// From an object's flags; `None` for what is not known.
    #[inline]
    pub(crate) fn of(flags: u8) -> Option<Self> {
        match flags {
            0 => Some(Self::Plain),
            1 => Some(Self::Xz),
            2 => Some(Self::Lz4),
            4 => Some(Self::Zstd),
            _ => None,
        }
    }

    /// The decompressed length by what stands first; XZ does not tell.
    pub(crate) fn plain_len(self, first: &[u8]) -> Option<u64> {
        match self {
            Self::Plain | Self::Xz => None,
            Self::Lz4 => le64(first, 0),
            Self::Zstd => Frame::parse(first)?.content,
        }
    }
}

// === impl Bounds ===

impl Bounds {
    /// Stored bytes that are enough for the output, or all that may be held.
    pub(crate) fn stored(self) -> usize {
        if self.limit <= BLOCK { BLOCK + BLOCK / 16 } else { self.memory.max(BLOCK + BLOCK / 16) }
    }
}

// === impl Codec ===

impl Codec {
    /// Decompresses behind what `out` holds; `None` where the field is damaged.
    pub(crate) fn read(
        &mut self,
        kind: Kind,
        part: Part<'_>,
        bounds: Bounds,
        out: &mut Vec<u8>,
    ) -> Option<Payload> {
        match kind {
            Kind::Plain => None,
            Kind::Zstd => self.zstd(part, bounds, out),
            Kind::Lz4 => {
                let len = le64(part.bytes, 0)?;
                let limit = usize::try_from(len).map_or(bounds.limit, |len| len.min(bounds.limit));
                let got = lz4::decode(part.bytes.get(8..)?, limit, out)?;
                // Less than it said: a torn block, or one whose rest was not read.
                (got == limit || !part.whole).then_some(())?;
                Some(Payload { len: Some(len), truncated: (got as u64) < len })
            }
            Kind::Xz => self.xz(part, bounds, out),
        }
    }

    fn zstd(&mut self, part: Part<'_>, bounds: Bounds, out: &mut Vec<u8>) -> Option<Payload> {
        let frame = Frame::parse(part.bytes)?;
        let fits = frame.window <= bounds.memory as u64;
        let mut decoder = self.zstd.take().unwrap_or_default();
        decoder.set_max_window_size((bounds.memory as u64).max(BLOCK as u64));
        let from = out.len();
        let mut room = Room { out, left: bounds.limit };
        let ended = if part.whole && fits && bounds.limit > BLOCK {
            let mut source = part.bytes;
            decoder.reset(&mut source).ok()?;
            while !decoder.is_finished() && room.left > 0 {
                decoder.decode_blocks(&mut source, BlockDecodingStrategy::UptoBlocks(1)).ok()?;
                decoder.collect_to_writer(&mut room).ok()?;
            }
            decoder.is_finished() && decoder.can_collect() == 0
        } else {
            // Only the first block, made the frame's last: a decoder gives nothing before it has
            // filled the window, which may be as long as the field.
            let (header, block, last) = frame.first_block(part.bytes)?;
            let mut source = header.as_slice().chain(block);
            decoder.reset(&mut source).ok()?;
            decoder.decode_blocks(&mut source, BlockDecodingStrategy::All).ok()?;
            decoder.collect_to_writer(&mut room).ok()?;
            last && decoder.can_collect() == 0
        };
        let got = (out.len() - from) as u64;
        if frame.window <= KEPT {
            self.zstd = Some(decoder);
        }
        let len = frame.content.or(ended.then_some(got));
        let truncated = len.is_none_or(|len| got < len);
        // Not what was promised: less, with nothing left, or more.
        let torn = |content| if ended { got != content } else { got > content };
        let torn = frame.content.is_some_and(torn);
        (!torn).then_some(Payload { len, truncated })
    }

    fn xz(&mut self, part: Part<'_>, bounds: Bounds, out: &mut Vec<u8>) -> Option<Payload> {
        let new = || XzDecoder::in_heap_with_alloc_dict_size(4096, bounds.memory);
        let mut decoder = self.xz.take().unwrap_or_else(new);
        decoder.reset();
        let from = out.len();
        let mut source = part.bytes;
        let mut ended = false;
        while !ended && out.len() - from < bounds.limit {
            let at = out.len();
            out.resize(at + XZ_STEP.min(bounds.limit - (at - from)), 0);
            let step = decoder.decode(source, out.get_mut(at..)?);
            let Ok(step) = step else {
                // A source that was cut ends amid a symbol.
                out.truncate(at);
                (!part.whole && at > from).then_some(())?;
                break;
            };
            out.truncate(at + step.output_produced());
            source = source.get(step.input_consumed()..)?;
            ended = step.is_end_of_stream();
            if !ended && !step.made_progress() {
                (!part.whole).then_some(())?;
                break;
            }
        }
        if bounds.memory as u64 <= KEPT {
            self.xz = Some(decoder);
        }
        let got = (out.len() - from) as u64;
        Some(Payload { len: ended.then_some(got), truncated: !ended })
    }
}

impl fmt::Debug for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Codec")
    }
}

/// Takes what fits and no more.
struct Room<'o> {
    out: &'o mut Vec<u8>,
    left: usize,
}

impl Write for Room<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let take = bytes.get(..self.left).unwrap_or(bytes);
        self.out.extend_from_slice(take);
        self.left -= take.len();
        Ok(take.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
