//! Bodies with compressed lines in them, made while they are sent, some 64 KiB at a time.
//!
//! A gzip body is one member (RFC 1952): pages go into it as they are kept, the text between them is
//! deflated when the body is made, and the checksum of the whole is combined from theirs. A body that
//! is not compressed unpacks a page when its turn comes, so that one is held unpacked, not all. Lines
//! that are yet to be written are, a sheet at a time, when theirs comes.

use super::compress::GZIP_HEADER;
use exposition::{
    ContentEncoding, Drawn, Encoded, Insert, LAST_BLOCK, Message, Packer, Page, Pen, Unpacker,
    Written,
};
use hyper::body::Bytes;
use std::{collections::VecDeque, mem, sync::Arc};

/// A frame goes out once it has this many bytes.
const FRAME: usize = 64 << 10;
/// Text up to this size is stored: deflating a family's header costs more than its bytes.
const STORED: usize = 512;

/// A body that is yet to be made.
#[derive(Debug)]
pub(super) struct Pieces {
    rest: VecDeque<Piece>,
    gzip: Option<Gzip>,
    unpacker: Unpacker,
    pen: Option<Pen>,
    /// The bytes to come, where all of them are known.
    left: Option<u64>,
}

#[derive(Debug)]
enum Piece {
    Text(Bytes),
    /// Text as deflate blocks, its length and its checksum.
    Deflated(Bytes, u64, u32),
    Page(Arc<Page>),
    /// Lines, and the sheet to go on at.
    Drawn(Drawn, usize),
    Message(Message),
}

/// What the trailer of a member will tell, so far.
#[derive(Debug)]
struct Gzip {
    packer: Packer,
    crc: crc32fast::Hasher,
    len: u64,
    begun: bool,
    ended: bool,
}

// === impl Pieces ===

impl Pieces {
    /// A body of `encoded`; and the encoding that it has: gzip where that was asked for, else none, as
    /// no other encoding takes pages as they are kept.
    pub(super) fn new(encoded: Encoded, encoding: ContentEncoding) -> (Self, ContentEncoding) {
        let mut gzip = (encoding == ContentEncoding::Gzip).then(Gzip::new);
        let (body, mut done) = (Bytes::from(encoded.body), 0);
        let mut rest = VecDeque::new();
        let mut text = |from: usize, to: usize, rest: &mut VecDeque<Piece>| {
            // Positions ascend and lie in the body: `encode` made them.
            let bytes = body.slice(from.min(to)..to.min(body.len()));
            match &mut gzip {
                _ if bytes.is_empty() => {}
                Some(gzip) => rest.push_back(gzip.deflate(&bytes)),
                None => rest.push_back(Piece::Text(bytes)),
            }
        };
        for (at, insert) in encoded.inserts {
            text(done, at, &mut rest);
            done = at;
            match insert {
                Insert::Pages(pages) => rest.extend(pages.into_iter().map(Piece::Page)),
                Insert::Drawn(drawn) => rest.push_back(Piece::Drawn(drawn, 0)),
                Insert::Message(message) => rest.push_back(Piece::Message(message)),
            }
        }
        text(done, body.len(), &mut rest);
        let frame = if gzip.is_some() { GZIP_HEADER.len() + LAST_BLOCK.len() + 8 } else { 0 };
        let left = rest
            .iter()
            .try_fold(frame as u64, |sum, piece| Some(sum + piece.wire_len(gzip.is_some())?));
        let encoding = if gzip.is_some() { encoding } else { ContentEncoding::Identity };
        (Self { rest, gzip, unpacker: Unpacker::new(), pen: None, left }, encoding)
    }

    /// The bytes to come, where all of them are known.
    pub(super) fn left(&self) -> Option<u64> {
        self.left
    }

    /// The next bytes; none at the end.
    pub(super) fn next(&mut self) -> Option<Bytes> {
        let mut out = Vec::with_capacity(FRAME);
        if let Some(gzip) = &mut self.gzip
            && !mem::replace(&mut gzip.begun, true)
        {
            out.extend_from_slice(&GZIP_HEADER);
        }
        while out.len() < FRAME {
            let Some(piece) = self.rest.pop_front() else {
                if let Some(gzip) = &mut self.gzip
                    && !mem::replace(&mut gzip.ended, true)
                {
                    gzip.end(&mut out);
                }
                break;
            };
            match (piece, &mut self.gzip) {
                (Piece::Text(bytes), _) => {
                    // Large as it is, it needs no copy.
                    if out.is_empty() {
                        return Some(self.count(bytes));
                    }
                    out.extend_from_slice(&bytes);
                }
                (Piece::Deflated(bytes, len, crc), Some(gzip)) => {
                    gzip.add(&bytes, len, crc, &mut out);
                }
                (Piece::Deflated(..), None) => {}
                (Piece::Page(page), Some(gzip)) => {
                    gzip.add(page.deflated(), page.len() as u64, page.crc(), &mut out);
                }
                (Piece::Page(page), None) => self.unpacker.unpack(&page, &mut out),
                (Piece::Drawn(drawn, sheet), gzip) => {
                    match gzip {
                        None => drawn.write(sheet, &mut out),
                        Some(gzip) => {
                            let pen = self.pen.get_or_insert_default();
                            match pen.deflate(&drawn, sheet, &mut out) {
                                Written::Anew(text) => {
                                    gzip.crc.update(text);
                                    gzip.len += text.len() as u64;
                                }
                                Written::Again(page) => gzip.count(page.len() as u64, page.crc()),
                            }
                        }
                    }
                    if sheet + 1 < drawn.sheets() {
                        self.rest.push_front(Piece::Drawn(drawn, sheet + 1));
                    }
                }
                (Piece::Message(message), None) => message.encode(&mut self.unpacker, &mut out),
                (Piece::Message(message), Some(gzip)) => {
                    let mut bytes = Vec::new();
                    message.encode(&mut self.unpacker, &mut bytes);
                    if let Piece::Deflated(bytes, len, crc) = gzip.deflate(&bytes) {
                        gzip.add(&bytes, len, crc, &mut out);
                    }
                }
            }
        }
        (!out.is_empty()).then(|| self.count(out.into()))
    }

    fn count(&mut self, bytes: Bytes) -> Bytes {
        self.left = self.left.map(|left| left.saturating_sub(bytes.len() as u64));
        bytes
    }
}

// === impl Piece ===

impl Piece {
    /// The bytes that it has in a body.
    fn wire_len(&self, gzip: bool) -> Option<u64> {
        match self {
            Self::Text(bytes) | Self::Deflated(bytes, ..) => Some(bytes.len() as u64),
            Self::Page(page) if gzip => Some(page.deflated().len() as u64),
            Self::Page(page) => Some(page.len() as u64),
            Self::Drawn(..) | Self::Message(_) => None,
        }
    }
}

// === impl Gzip ===

impl Gzip {
    fn new() -> Self {
        Self {
            packer: Packer::new(),
            crc: crc32fast::Hasher::new(),
            len: 0,
            begun: false,
            ended: false,
        }
    }

    /// Text as blocks that end at a byte and of which none is the last.
    fn deflate(&mut self, text: &[u8]) -> Piece {
        let crc = crc32fast::hash(text);
        match u16::try_from(text.len()) {
            Ok(len) if text.len() <= STORED => {
                let mut out = Vec::with_capacity(5 + text.len());
                out.push(0);
                out.extend_from_slice(&len.to_le_bytes());
                out.extend_from_slice(&(!len).to_le_bytes());
                out.extend_from_slice(text);
                Piece::Deflated(out.into(), text.len() as u64, crc)
            }
            _ => {
                let mut out = Vec::new();
                for chunk in text.chunks(exposition::MAX_PAGE) {
                    if let Some(page) = self.packer.pack(chunk) {
                        out.extend_from_slice(page.deflated());
                    }
                }
                Piece::Deflated(out.into(), text.len() as u64, crc)
            }
        }
    }

    fn add(&mut self, deflated: &[u8], len: u64, crc: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(deflated);
        self.count(len, crc);
    }

    fn count(&mut self, len: u64, crc: u32) {
        self.crc.combine(&crc32fast::Hasher::new_with_initial_len(crc, len));
        self.len += len;
    }

    fn end(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&LAST_BLOCK);
        out.extend_from_slice(&self.crc.clone().finalize().to_le_bytes());
        // The trailer has the length modulo 2³².
        let [a, b, c, d, ..] = self.len.to_le_bytes();
        out.extend_from_slice(&[a, b, c, d]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use exposition::{Block, Draw, Family, Format, Samples, Stretch, Writer, encode};
    use std::{fmt::Write, io::Read, ops::Range};

    static PODS: Family = Family::gauge("kube_pod_info", "Pods.", &["pod"]);

    #[derive(Debug)]
    struct Rows(Vec<Stretch>);

    impl Draw for Rows {
        fn rows(&self) -> usize {
            self.0.len()
        }

        fn draw(&self, family: usize, rows: Range<usize>, samples: &mut Samples<'_>) {
            for (number, stretch) in self.0.iter().enumerate().take(rows.end).skip(rows.start) {
                if number % 3 != family {
                    samples.stretch(stretch, &[], number);
                }
            }
        }
    }

    /// Small text, pages, a text that is worth deflating, lines that are yet to be written, if so, and
    /// pages again.
    fn block(drawn: bool) -> Block {
        let (mut out, mut packer) = (Writer::default(), Packer::new());
        let mut page = |from: u32, to: u32| {
            let mut lines = String::new();
            for n in from..to {
                writeln!(lines, "kube_pod_info{{pod=\"{n}\"}} 1").unwrap();
            }
            Arc::new(packer.pack(lines.as_bytes()).unwrap())
        };
        let pages = [page(0, 1), page(1, 5_000), page(5_000, 5_000), page(5_000, 20_000)].into();
        let more = [page(20_000, 20_001)].into();
        out.family(&Family::gauge("a", "", &[]), |s| s.value(1u64));
        out.pages(&PODS, pages);
        out.family(&Family::gauge("m", "", &["n"]), |s| {
            (0..10_000).for_each(|n: u32| s.row(&[&n.to_string()], n));
        });
        let row = |number: u32| Stretch::new([&["id=\"", &number.to_string(), "\""][..]]);
        let rows = Arc::new(Rows((0..5_000).map(row).collect()));
        let families =
            [Family::counter("d_total", "", &["id"]), Family::gauge("e", "Of rows.", &["id"])];
        for (number, family) in families.iter().enumerate().filter(|_| drawn) {
            out.drawn(family, number, Arc::<Rows>::clone(&rows));
        }
        out.pages(&Family::gauge("z", "", &["pod"]), more);
        out.finish()
    }

    fn sent(encoded: Encoded, encoding: ContentEncoding) -> (Vec<u8>, Option<u64>) {
        let (mut pieces, has) = Pieces::new(encoded, encoding);
        assert_eq!(has, encoding);
        let (left, mut out) = (pieces.left(), Vec::new());
        while let Some(bytes) = pieces.next() {
            assert!(!bytes.is_empty());
            out.extend_from_slice(&bytes);
        }
        assert!(pieces.left().is_none_or(|left| left == 0));
        (out, left)
    }

    #[test]
    fn every_way_says_the_same() {
        let formats = [Format::TEXT, Format::OPENMETRICS, Format::PROTOBUF];
        for (drawn, format) in [true, false].iter().flat_map(|d| formats.map(|f| (*d, f))) {
            let block = block(drawn);
            let whole = encode(&[&block], format).plain();
            let (body, left) = sent(encode(&[&block], format), ContentEncoding::Identity);
            assert!(body == whole);
            let known = format != Format::PROTOBUF && !drawn;
            assert_eq!(left, known.then_some(whole.len() as u64));
            let (packed, left) = sent(encode(&[&block], format), ContentEncoding::Gzip);
            assert_eq!(left, known.then_some(packed.len() as u64));
            let mut back = Vec::new();
            // Not MultiGzDecoder: it is one member, and some clients read no more than one.
            let mut decoder = flate2::bufread::GzDecoder::new(&*packed);
            decoder.read_to_end(&mut back).unwrap();
            assert!(back == whole);
            assert!(decoder.into_inner().is_empty());
        }
    }

    #[test]
    fn zstd_has_no_way_to_take_pages() {
        let encoded = encode(&[&block(true)], Format::TEXT);
        let (_, encoding) = Pieces::new(encoded, ContentEncoding::Zstd);
        assert_eq!(encoding, ContentEncoding::Identity);
    }
}
