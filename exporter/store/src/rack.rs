//! Objects that share pages.

use crate::cell::Cell;
use exposition::{Packer, Page, Unpacker};
use std::{
    mem,
    ops::Range,
    sync::{Arc, atomic::AtomicUsize},
};

/// Objects in one rack.
///
/// More of them compress better and make a scrape cheaper, as fewer checksums are combined; fewer make
/// a change cheaper, as the neighbours of a changed object are compressed again with it.
pub const PLACES: usize = 64;
/// The most room that is kept from one rack to the next: what the lines of 64 pods need.
const MAX_SPARE: usize = 1 << 20;

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
    /// Lines that are newer than the page of their family, in the order in which they came.
    waiting: Vec<Waiting>,
    /// By family, bit n: lines of place n wait.
    dirty: Box<[u64]>,
    /// The lines that wait, and some that gave way to longer ones while they waited.
    text: Vec<u8>,
}

/// Lines of one object in one family that wait to come into their page.
#[derive(Clone, Copy, Debug, Default)]
struct Waiting {
    family: u32,
    place: u32,
    /// The length in the page as it is.
    was: u32,
    /// Where they stand in the text.
    start: u32,
    len: u32,
}

/// What making pages needs, kept from one to the next: some 350 KiB, so that stores share one.
#[derive(Debug, Default)]
pub struct Press {
    packer: Packer,
    unpacker: Unpacker,
    old: Vec<u8>,
    new: Vec<u8>,
    order: Vec<Waiting>,
    /// Room that a rack gave back.
    pub(crate) spare: Vec<u8>,
    /// Bytes of changed lines that wait in all stores.
    pub(crate) waiting: Arc<AtomicUsize>,
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
            text: Vec::new(),
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

    /// Puts the lines of an object in a family; gives whether they are others than before. A rack in which
    /// nothing has waited takes `room` for what does.
    pub(crate) fn put(
        &mut self,
        (family, place): (usize, usize),
        (cell, lines): (Cell, &[u8]),
        room: &mut Vec<u8>,
    ) -> bool {
        let known = self.cells.get_mut(family).and_then(|cells| cells.get_mut(place));
        let (Some(known), Some(dirty)) = (known, self.dirty.get_mut(family)) else { return false };
        if *known == cell {
            return false;
        }
        let was = narrow(mem::replace(known, cell).len());
        if self.text.capacity() == 0 {
            self.text = mem::take(room);
        }
        let (bit, family, place) = (1 << place, narrow(family), narrow(place));
        let (start, len) = (narrow(self.text.len()), narrow(lines.len()));
        let same = |waiting: &&mut Waiting| waiting.family == family && waiting.place == place;
        if *dirty & bit == 0 {
            *dirty |= bit;
            self.waiting.push(Waiting { family, place, was, start, len });
        } else if let Some(waiting) = self.waiting.iter_mut().find(same) {
            let room =
                waiting.lines_mut(&mut self.text).and_then(|room| room.get_mut(..lines.len()));
            waiting.len = len;
            if let Some(room) = room {
                room.copy_from_slice(lines);
                return true;
            }
            waiting.start = start;
        }
        self.text.extend_from_slice(lines);
        true
    }

    /// The bytes that are kept for lines that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.text.len() + self.waiting.len() * size_of::<Waiting>()
    }

    /// Makes the pages that have changed.
    pub(crate) fn press(&mut self, press: &mut Press) {
        // Most racks stand still from now on: nothing is kept for the next change.
        let (waiting, text) = (mem::take(&mut self.waiting), mem::take(&mut self.text));
        sort(&waiting, &self.dirty, &mut press.order);
        self.dirty.fill(0);
        for changes in press.order.chunk_by(|a, b| a.family == b.family) {
            let family = changes.first().map_or(usize::MAX, |change| change.family as usize);
            let slot = self.cells.get(family).zip(self.pages.get_mut(family));
            let Some((cells, page)) = slot else { continue };
            press.old.clear();
            press.new.clear();
            if let Some(page) = page.as_deref() {
                press.unpacker.unpack(page, &mut press.old);
            }
            let (mut rest, mut changes) = (&*press.old, changes.iter().peekable());
            for (place, cell) in cells.iter().enumerate() {
                let change = changes.next_if(|change| change.place as usize == place);
                let len = change.map_or(cell.len(), |change| change.was as usize);
                let (lines, after) = rest.split_at_checked(len).unwrap_or_default();
                rest = after;
                press.new.extend_from_slice(change.map_or(lines, |change| change.lines(&text)));
            }
            debug_assert!(rest.is_empty(), "lengths add up to the page");
            *page = match press.new.as_slice() {
                [] => None,
                lines => press.packer.pack(lines).map(Arc::new),
            };
        }
        press.keep(text);
    }

    pub(crate) fn page(&self, family: usize) -> Option<&Arc<Page>> {
        self.pages.get(family)?.as_ref()
    }
}

// === impl Waiting ===

impl Waiting {
    fn range(self) -> Range<usize> {
        let start = self.start as usize;
        start..start + self.len as usize
    }

    fn lines(self, text: &[u8]) -> &[u8] {
        text.get(self.range()).unwrap_or_default()
    }

    fn lines_mut(self, text: &mut [u8]) -> Option<&mut [u8]> {
        text.get_mut(self.range())
    }
}

// === impl Press ===

impl Press {
    /// Keeps room for the next rack.
    fn keep(&mut self, mut text: Vec<u8>) {
        if text.capacity() > self.spare.capacity() && text.capacity() <= MAX_SPARE {
            text.clear();
            self.spare = text;
        }
    }
}

/// Puts what waits in the order of families and places, both of which `dirty` has as bits: one for each.
fn sort(waiting: &[Waiting], dirty: &[u64], out: &mut Vec<Waiting>) {
    let counts = dirty.iter().scan(0, |sum, places| {
        let ahead = *sum;
        *sum += places.count_ones() as usize;
        Some(ahead)
    });
    let ahead: Vec<usize> = counts.collect();
    out.clear();
    out.resize(waiting.len(), Waiting::default());
    for waiting in waiting {
        let family = waiting.family as usize;
        let Some((ahead, places)) = ahead.get(family).zip(dirty.get(family)) else { continue };
        let before = places & ((1u64 << waiting.place) - 1);
        if let Some(slot) = out.get_mut(ahead + before.count_ones() as usize) {
            *slot = *waiting;
        }
    }
}

/// Places, families, and the bytes that wait are all far below four billion.
fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
