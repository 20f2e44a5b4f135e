//! Objects that share pages.

use crate::cell::Cell;
use exposition::{Packer, Page, Unpacker};
use std::{mem, sync::Arc};

/// Objects in one rack.
///
/// More of them compress better and make a scrape cheaper, as fewer checksums are combined; fewer make
/// a change cheaper, as the neighbours of a changed object are compressed again with it.
pub const PLACES: usize = 64;

/// Up to [`PLACES`] objects and a page for each family.
#[derive(Debug)]
pub(crate) struct Rack {
    /// By family, then by place.
    cells: Box<[[Cell; PLACES]]>,
    pages: Box<[Option<Arc<Page>>]>,
    /// Bit n: place n is taken.
    taken: u64,
    /// The round in which the object of a place was listed last.
    rounds: [u32; PLACES],
    /// Lines that are newer than the page of their family.
    waiting: Vec<Waiting>,
    /// By family, bit n: lines of place n wait.
    dirty: Box<[u64]>,
    /// The bytes that wait.
    bytes: usize,
}

/// Lines of one object in one family that wait to come into their page.
#[derive(Debug)]
struct Waiting {
    family: usize,
    place: usize,
    /// The length in the page as it is.
    was: usize,
    lines: Box<[u8]>,
}

/// What making pages needs, kept from one to the next: some 350 KiB, so that stores share one.
#[derive(Debug, Default)]
pub struct Press {
    packer: Packer,
    unpacker: Unpacker,
    old: Vec<u8>,
    new: Vec<u8>,
}

// === impl Rack ===

impl Rack {
    pub(crate) fn new(families: usize) -> Self {
        Self {
            cells: vec![[Cell::default(); PLACES]; families].into(),
            pages: vec![None; families].into(),
            taken: 0,
            rounds: [0; PLACES],
            waiting: Vec::new(),
            dirty: vec![0; families].into(),
            bytes: 0,
        }
    }

    /// A place that is free, taken now.
    pub(crate) fn take(&mut self) -> Option<u8> {
        let place = u8::try_from((!self.taken).trailing_zeros()).ok()?;
        // There is no 65th.
        self.taken |= 1u64.checked_shl(place.into())?;
        Some(place)
    }

    pub(crate) fn free(&mut self, place: u8) {
        self.taken &= !(1 << place);
    }

    pub(crate) fn is_full(&self) -> bool {
        self.taken == u64::MAX
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.taken == 0
    }

    pub(crate) fn see(&mut self, place: usize, round: u32) {
        if let Some(seen) = self.rounds.get_mut(place) {
            *seen = round;
        }
    }

    /// When the object of a place was listed last.
    pub(crate) fn seen(&self, place: usize) -> u32 {
        self.rounds.get(place).copied().unwrap_or_default()
    }

    /// Puts the lines of an object in a family; gives whether they are others than before.
    pub(crate) fn put(&mut self, family: usize, place: usize, cell: Cell, lines: &[u8]) -> bool {
        let known = self.cells.get_mut(family).and_then(|cells| cells.get_mut(place));
        let (Some(known), Some(dirty)) = (known, self.dirty.get_mut(family)) else { return false };
        if *known == cell {
            return false;
        }
        let was = mem::replace(known, cell).len();
        let bit = 1 << place;
        let same = |waiting: &&mut Waiting| waiting.family == family && waiting.place == place;
        if *dirty & bit == 0 {
            *dirty |= bit;
            self.bytes += lines.len() + size_of::<Waiting>();
            self.waiting.push(Waiting { family, place, was, lines: lines.into() });
        } else if let Some(waiting) = self.waiting.iter_mut().find(same) {
            self.bytes = self.bytes.saturating_sub(waiting.lines.len()) + lines.len();
            waiting.lines = lines.into();
        }
        true
    }

    /// The bytes of lines that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.bytes
    }

    /// Makes the pages that have changed.
    pub(crate) fn press(&mut self, press: &mut Press) {
        // Most racks stand still from now on: nothing is kept for the next change.
        let mut waiting = mem::take(&mut self.waiting);
        self.bytes = 0;
        self.dirty.fill(0);
        waiting.sort_unstable_by_key(|waiting| (waiting.family, waiting.place));
        for changes in waiting.chunk_by(|a, b| a.family == b.family) {
            let Some(family) = changes.first().map(|change| change.family) else { continue };
            let slot = self.cells.get(family).zip(self.pages.get_mut(family));
            let Some((cells, page)) = slot else { continue };
            press.old.clear();
            press.new.clear();
            if let Some(page) = page.as_deref() {
                press.unpacker.unpack(page, &mut press.old);
            }
            let (mut rest, mut changes) = (&*press.old, changes.iter().peekable());
            for (place, cell) in cells.iter().enumerate() {
                let change = changes.next_if(|change| change.place == place);
                let len = change.map_or(cell.len(), |change| change.was);
                let (lines, after) = rest.split_at_checked(len).unwrap_or_default();
                rest = after;
                press.new.extend_from_slice(change.map_or(lines, |change| &change.lines));
            }
            debug_assert!(rest.is_empty(), "lengths add up to the page");
            *page = match press.new.as_slice() {
                [] => None,
                lines => press.packer.pack(lines).map(Arc::new),
            };
        }
    }

    pub(crate) fn page(&self, family: usize) -> Option<&Arc<Page>> {
        self.pages.get(family)?.as_ref()
    }
}
