//! What is remembered of one object's lines in one family.

use std::hash::{BuildHasher, RandomState};

/// Length and hash of an object's lines in a family: 20 bits and 44 bits.
///
/// The hash decides whether lines that come again are the same. It is keyed with a number that this
/// process chose, so that nobody can look for two texts with the same one; by chance, one change in
/// 2⁴⁴ would go unseen until the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cell(u64);

/// Makes cells.
#[derive(Debug, Default)]
pub(crate) struct Hasher(RandomState);

const LEN_BITS: u32 = 20;
/// The most bytes of lines that one object may have in one family.
pub(crate) const MAX_LINES: usize = (1 << LEN_BITS) - 1;

// === impl Cell ===

impl Cell {
    /// The bytes of the lines.
    pub(crate) fn len(self) -> usize {
        // Twenty bits.
        usize::try_from(self.0 & MAX_LINES as u64).unwrap_or_default()
    }
}

// === impl Hasher ===

impl Hasher {
    /// The cell of `lines`; none where they are too long.
    pub(crate) fn cell(&self, lines: &[u8]) -> Option<Cell> {
        if lines.is_empty() {
            return Some(Cell::default());
        }
        let len = u64::try_from(lines.len()).ok().filter(|_| lines.len() <= MAX_LINES)?;
        Some(Cell(self.0.hash_one(lines) << LEN_BITS | len))
    }
}
