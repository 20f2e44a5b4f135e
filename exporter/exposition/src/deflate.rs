//! Deflate (RFC 1951) for lines that are made of parts which come again: where a part was last is
//! known, not searched for.
//!
//! A general compressor spends its time on looking for what came before. Here who writes lines says
//! which parts they have ([`Stretch`]). A part that was written lately becomes a match to there, one
//! with the part before it where both lie in a row; any other goes out as literals, whose bits were
//! made when the part was. Numbers are literals. Where a part was last is remembered by a hash alone:
//! a match is compared before it goes out, so that a wrong memory costs bytes and nothing else. All
//! blocks have one table of codes, which was counted from such lines.

use crate::mark::Mark;
use std::{array, mem, ops::Deref, sync::LazyLock};

/// Labels that stand in many lines: their text, its parts, and what they are in bits. Between runs of
/// parts a line may have more.
#[derive(Clone, Debug, Default)]
pub struct Stretch {
    text: Box<str>,
    parts: Box<[Part]>,
    /// Where runs end: before which part, and in the text.
    runs: Box<[(u32, u32)]>,
    /// The literals of the parts, [`WORD`] bits in each, how many it has above them.
    words: Box<[u64]>,
    /// Tells it from others.
    mark: u64,
}

#[derive(Clone, Copy, Debug)]
struct Part {
    slot: u16,
    len: u32,
    /// Where its words end.
    words: u32,
}

/// Writes blocks. What it is given of a text must follow what it was given before of the same text.
#[derive(Debug)]
pub(crate) struct Coder {
    out: Vec<u8>,
    /// Bits that wait for the rest of eight bytes, and how many.
    held: u64,
    bits: u32,
    /// Where parts were last, by a hash of them; counted over all texts, modulo 2³².
    slots: Box<[u32; SLOTS]>,
    /// Where the text at hand begins, as above.
    base: u32,
    /// The match that is to go out, which ends where the coder is and may go on.
    len: usize,
    distance: usize,
}

/// Codes and their lengths, the bits in the order in which they are sent.
struct Codes {
    literals: [(u64, u32); 256],
    /// By the length less 3, with the extra bits.
    lengths: [(u64, u32); 256],
    /// By the symbol; the bits with the extra bits; and the first distance less 1.
    distances: [(u64, u32, u32, usize); 30],
    /// The symbol, by the distance less 1, and by 128 of them from 256 on.
    symbols: [u8; 512],
    end: (u64, u32),
}

const SLOTS: usize = 4096;
/// Bits of a word, so few that eight more say how many it has.
const WORD: u32 = 56;
const WINDOW: usize = 32 << 10;
/// Shorter ones take more bits than their literals.
const SHORTEST: usize = 5;
const LONGEST: usize = 258;
/// The symbol that ends a block; those of lengths follow.
const END: usize = 256;
/// The order in which a block's head has the lengths of the code of lengths.
const ORDER: [u8; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// The bits of literals, of the end and of lengths, counted from a node's page; each byte has a code.
#[rustfmt::skip]
static LITERAL_BITS: [u8; 286] = [
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 8, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,
    15, 15, 15, 15, 15, 15, 9, 13, 7, 12, 12, 12, 12, 12, 12, 12, 12, 12, 8, 8, 9, 9, 5, 4, 4, 4,
    4, 4, 4, 4, 4, 4, 9, 12, 12, 8, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12,
    12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 7, 12, 5, 5, 5, 5, 5, 5, 9,
    9, 9, 8, 8, 8, 8, 8, 7, 7, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 12, 12, 9, 12, 15, 15, 15,
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 13, 13, 13, 13,
    9, 7, 13, 13, 13, 8, 13, 7, 11, 8, 7, 8, 9, 8, 9, 8, 6, 10, 7, 8, 10, 11, 11, 13, 13, 13,
];
/// The same of distances.
#[rustfmt::skip]
static DISTANCE_BITS: [u8; 30] = [
    11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 5, 3, 6, 4, 2, 2, 4, 4, 5, 5, 4, 9, 9, 9,
    9, 11, 11, 10,
];
static CODES: LazyLock<Codes> = LazyLock::new(Codes::new);

// === impl Stretch ===

impl Stretch {
    /// The stretch that these runs of parts come to: each part should be what comes again as a whole
    /// elsewhere, and behind each run a line may have more.
    pub fn new<'a>(runs: impl IntoIterator<Item = &'a [&'a str]>) -> Self {
        // No label has 4 GiB.
        let short = |number| u32::try_from(number).unwrap_or(u32::MAX);
        let (mut text, mut known, mut words) = (String::new(), Vec::new(), Vec::new());
        let (mut ends, mut mark) = (Vec::new(), Mark::default());
        for run in runs {
            let begun = text.len();
            for part in run.iter().filter(|part| !part.is_empty()) {
                text.push_str(part);
                let (mut word, mut bits) = (0, 0);
                for byte in part.bytes() {
                    let (code, len) = CODES.literal(byte);
                    if bits + len > WORD {
                        words.push(word | u64::from(bits) << WORD);
                        (word, bits) = (0, 0);
                    }
                    word |= code << bits;
                    bits += len;
                }
                words.push(word | u64::from(bits) << WORD);
                let (slot, len) = (slot(part.as_bytes()), short(part.len()));
                known.push(Part { slot, len, words: short(words.len()) });
            }
            ends.push((short(known.len()), short(text.len())));
            mark.add(Mark::of(text.get(begun..).unwrap_or_default().as_bytes()));
        }
        Self {
            text: text.into(),
            parts: known.into(),
            runs: ends.into(),
            words: words.into(),
            mark: mark.parts(),
        }
    }

    /// The text of each run.
    pub(crate) fn runs(&self) -> impl Iterator<Item = &str> {
        let mut from = 0;
        self.runs.iter().map(move |(_, to)| {
            let run = self.text.get(from..*to as usize).unwrap_or_default();
            from = *to as usize;
            run
        })
    }

    #[inline]
    pub(crate) fn mark(&self) -> u64 {
        self.mark
    }
}

impl Deref for Stretch {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

/// Where a part is remembered.
fn slot(part: &[u8]) -> u16 {
    let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    mixed(part.iter().fold(0xcbf2_9ce4_8422_2325, fold))
}

/// A number below that of the slots.
fn mixed(hash: u64) -> u16 {
    // Multiplying moves what differs up only.
    ((hash ^ hash >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 52) as u16
}

// === impl Coder ===

impl Coder {
    pub(crate) fn new() -> Self {
        Self {
            out: Vec::new(),
            held: 0,
            bits: 0,
            slots: Box::new([0; SLOTS]),
            base: 0,
            len: 0,
            distance: 0,
        }
    }

    /// Begins a block, at a byte.
    pub(crate) fn begin(&mut self) {
        static HEAD: LazyLock<(Vec<u8>, u64, u32)> = LazyLock::new(|| {
            let mut coder = Coder::new();
            coder.push_head();
            (coder.out, coder.held, coder.bits)
        });
        let (bytes, held, bits) = &*HEAD;
        self.out.extend_from_slice(bytes);
        (self.held, self.bits) = (*held, *bits);
    }

    fn push_head(&mut self) {
        // Not the last one, and with codes of its own: as many as there can be, whose lengths have
        // four bits each.
        self.push(0b100, 3);
        self.push(29, 5);
        self.push(29, 5);
        self.push(15, 4);
        for len in ORDER {
            self.push(if len < 16 { 4 } else { 0 }, 3);
        }
        for len in LITERAL_BITS.iter().chain(&DISTANCE_BITS) {
            self.push(u64::from(len.reverse_bits() >> 4), 4);
        }
    }

    /// Ends the block at a byte, by an empty one.
    pub(crate) fn end(&mut self) {
        let (code, len) = CODES.end;
        self.push(code, len);
        // Not the last one, stored, of no bytes.
        self.push(0, 3);
        let left = self.bits.div_ceil(8);
        let bytes = self.held.to_le_bytes();
        self.out.extend(bytes.iter().take(left as usize));
        (self.held, self.bits) = (0, 0);
        self.out.extend_from_slice(&[0, 0, 0xff, 0xff]);
    }

    /// Moves what is whole bytes to the end of `out`.
    pub(crate) fn take(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.out);
    }

    /// Ends a text, which nothing refers to any more.
    pub(crate) fn turn(&mut self, text: &[u8]) {
        self.flush(text, text.len());
        let far = u32::try_from(text.len() + WINDOW).unwrap_or(u32::MAX);
        self.base = self.base.wrapping_add(far);
    }

    /// Writes a stretch with more behind its runs, which `text` has at `at`.
    pub(crate) fn stretch(&mut self, text: &[u8], mut at: usize, stretch: &Stretch, more: &[&str]) {
        let (mut words, mut number) = (0, 0);
        let mut more = more.iter();
        for (end, _) in &stretch.runs {
            for part in stretch.parts.get(number..*end as usize).unwrap_or_default() {
                let (from, len) = (words, part.len as usize);
                words = part.words as usize;
                if !self.again(text, at, len, part.slot) {
                    for word in stretch.words.get(from..words).unwrap_or_default() {
                        self.push(word & !(!0 << WORD), (word >> WORD) as u32);
                    }
                }
                at += len;
            }
            number = *end as usize;
            if let Some(more) = more.next() {
                self.more(text, at, more);
                at += more.len();
            }
        }
    }

    /// Writes what `text` has at `at`, the beginning of a line, which all lines at hand have.
    pub(crate) fn head(&mut self, text: &[u8], at: usize, len: usize) {
        if !self.again(text, at, len, 0) {
            self.literals(text.get(at..at + len).unwrap_or_default());
        }
    }

    /// Writes what `text` has at `at`, and is one of few in its place.
    fn more(&mut self, text: &[u8], at: usize, more: &str) {
        if more.is_empty() {
            return;
        }
        // Its last bytes tell it from the others.
        let last = more.as_bytes().last_chunk().map_or(0, |last| u64::from_le_bytes(*last));
        if !self.again(text, at, more.len(), mixed(last)) {
            self.literals(more.as_bytes());
        }
    }

    /// Writes what `text` has at `at` and is likely to be new, a number.
    pub(crate) fn new_part(&mut self, text: &[u8], at: usize, len: usize) {
        let part = text.get(at..at + len).unwrap_or_default();
        let from = at.wrapping_sub(self.distance);
        if self.len > 0 && text.get(from..from.wrapping_add(len)) == Some(part) {
            self.len += len;
        } else {
            self.flush(text, at);
            self.literals(part);
        }
    }

    /// Whether a part goes out as what was in its slot before, which may be found out later.
    #[expect(clippy::cast_possible_truncation, reason = "modulo 2³²")]
    fn again(&mut self, text: &[u8], at: usize, len: usize, slot: u16) -> bool {
        let Some(slot) = self.slots.get_mut(usize::from(slot) % SLOTS) else { return false };
        let here = self.base.wrapping_add(at as u32);
        let distance = here.wrapping_sub(mem::replace(slot, here)) as usize;
        if self.len > 0 && self.distance == distance {
            self.len += len;
            return true;
        }
        self.flush(text, at);
        let reaches = (1..=WINDOW.min(at)).contains(&distance) && len >= SHORTEST;
        if reaches {
            (self.len, self.distance) = (len, distance);
        }
        reaches
    }

    /// Lets the match go out that ends at `at`, or its literals, if it is none.
    fn flush(&mut self, text: &[u8], at: usize) {
        let mut len = mem::take(&mut self.len);
        if len == 0 {
            return;
        }
        let (from, distance) = (at.wrapping_sub(len), self.distance);
        let new = text.get(from..at).unwrap_or_default();
        let old = from.wrapping_sub(distance)..at.wrapping_sub(distance);
        if text.get(old) != Some(new) {
            self.literals(new);
            return;
        }
        let (code, bits) = CODES.distance(distance);
        while len > 0 {
            // What is left must not be too short for a match.
            let step = if len > LONGEST && len < LONGEST + 3 { len - 3 } else { len.min(LONGEST) };
            let (length, more) = CODES.length(step);
            self.push(length | code << more, more + bits);
            len -= step;
        }
    }

    fn literals(&mut self, text: &[u8]) {
        let codes = &*CODES;
        for bytes in text.chunks(3) {
            let (mut word, mut bits) = (0, 0);
            for byte in bytes {
                let (code, len) = codes.literal(*byte);
                word |= code << bits;
                bits += len;
            }
            self.push(word, bits);
        }
    }

    /// Appends bits, [`WORD`] at most.
    #[inline]
    fn push(&mut self, bits: u64, count: u32) {
        self.held |= bits << self.bits;
        let all = self.bits + count;
        if all < 64 {
            self.bits = all;
            return;
        }
        self.out.extend_from_slice(&self.held.to_le_bytes());
        // At least eight were held before: the shift is less than 64.
        self.held = bits >> (64 - self.bits);
        self.bits = all - 64;
    }
}

// === impl Codes ===

impl Codes {
    fn new() -> Self {
        let all = canonical(&LITERAL_BITS);
        let of = |symbol: usize| all.get(symbol).copied().unwrap_or_default();
        let length = |len: usize| {
            // Symbols 0 to 27 have lengths from 3 on, in steps that double every fourth.
            let symbol = |len| (0..28).rfind(|symbol| steps(*symbol, 4).0 + 3 <= len);
            if len == LONGEST {
                return of(END + 29);
            }
            let symbol = symbol(len).unwrap_or_default();
            let (first, extra) = steps(symbol, 4);
            let (code, bits) = of(END + 1 + symbol);
            (code | ((len - 3 - first) as u64) << bits, bits + extra)
        };
        let codes = canonical(&DISTANCE_BITS);
        let distances = array::from_fn(|symbol| {
            let (first, extra) = steps(symbol, 2);
            let (code, bits) = codes.get(symbol).copied().unwrap_or_default();
            (code, bits, bits + extra, first)
        });
        let symbols = array::from_fn(|at| {
            let distance = if at < 256 { at } else { (at - 256) << 7 };
            let symbol = (0..30u8).rfind(|symbol| steps((*symbol).into(), 2).0 <= distance);
            symbol.unwrap_or_default()
        });
        Self {
            literals: array::from_fn(of),
            end: of(END),
            lengths: array::from_fn(|at| length(at + 3)),
            distances,
            symbols,
        }
    }

    fn literal(&self, byte: u8) -> (u64, u32) {
        self.literals.get(usize::from(byte)).copied().unwrap_or_default()
    }

    fn length(&self, len: usize) -> (u64, u32) {
        self.lengths.get(len.wrapping_sub(3)).copied().unwrap_or_default()
    }

    fn distance(&self, distance: usize) -> (u64, u32) {
        let less = distance.wrapping_sub(1);
        let at = if less < 256 { less } else { 256 + (less >> 7) };
        let symbol = usize::from(self.symbols.get(at).copied().unwrap_or_default());
        let (code, bits, all, first) = self.distances.get(symbol).copied().unwrap_or_default();
        (code | (less.wrapping_sub(first) as u64) << bits, all)
    }
}

/// The first number of a symbol, counted from 0, and its extra bits, where steps double with every `run`th
/// symbol (2 or 4), after the first two runs.
fn steps(symbol: usize, run: usize) -> (usize, u32) {
    let extra = u32::try_from(symbol / run).unwrap_or_default().saturating_sub(1);
    let first = if symbol < 2 * run { symbol } else { (run + symbol % run) << extra };
    (first, extra)
}

/// The codes of symbols with these lengths, in the order in which their bits are sent.
fn canonical<const N: usize>(lengths: &[u8; N]) -> [(u64, u32); N] {
    let mut codes = [(0, 0); N];
    let mut next = 0u16;
    for len in 1..=15 {
        for (code, _) in codes.iter_mut().zip(lengths).filter(|(_, own)| **own == len) {
            *code = (u64::from(next.reverse_bits() >> (16 - len)), len.into());
            next = next.wrapping_add(1);
        }
        next <<= 1;
    }
    codes
}

#[cfg(test)]
mod tests;
