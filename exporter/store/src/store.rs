//! Objects by key, and what scrapes see of them.

use crate::{
    cell::{Cell, Hasher},
    rack::{Press, Rack},
};
use exposition::Page;
use std::{
    collections::HashMap,
    mem,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

/// The lines of objects of one kind.
#[derive(Debug)]
pub struct Store {
    places: HashMap<Box<str>, Place>,
    racks: Vec<Option<Rack>>,
    /// Racks with free places, and numbers of racks that are no more.
    open: Vec<u32>,
    hasher: Hasher,
    /// The bytes of changed lines that wait.
    waiting: usize,
    /// The same as it is counted among those of all stores.
    counted: Counted,
    round: u32,
    relisting: bool,
    published: Option<Arc<Snapshot>>,
    /// Whether a family has changed since.
    stale: Box<[bool]>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    rack: u32,
    place: u8,
}

/// The lines of one object.
pub trait Lines {
    /// Its lines in the family with this index, each ended by a newline.
    fn family(&self, index: usize) -> &[u8];
}

/// What scrapes see: pages by family.
#[derive(Debug, Default)]
pub struct Snapshot {
    pages: Vec<Arc<[Arc<Page>]>>,
    objects: usize,
}

/// Changed lines that may wait for the next scrape; beyond, their pages are made at once.
const MAX_WAITING: usize = 4 << 20;
/// The same where all stores of a press together have more than that.
const FEW_WAITING: usize = 16 << 10;

/// What of a sum over all stores is a store's.
#[derive(Debug, Default)]
struct Counted {
    sum: Arc<AtomicUsize>,
    own: usize,
}

// === impl Store ===

impl Store {
    /// An empty store of objects with so many families.
    pub fn new(families: usize) -> Self {
        Self {
            places: HashMap::new(),
            racks: Vec::new(),
            open: Vec::new(),
            hasher: Hasher::default(),
            waiting: 0,
            counted: Counted::default(),
            round: 0,
            relisting: false,
            published: None,
            stale: vec![true; families].into(),
        }
    }

    /// Adds an object, or puts its new lines in the place of the old ones. Gives the first family in which it
    /// has more lines than can be kept (1 MiB); those are left out, and the others kept.
    pub fn apply(&mut self, key: &str, lines: &impl Lines, press: &mut Press) -> Option<usize> {
        let place = if let Some(&place) = self.places.get(key) {
            place
        } else {
            let place = self.take();
            self.places.insert(key.into(), place);
            place
        };
        let rack = self.racks.get_mut(place.rack as usize).and_then(Option::as_mut)?;
        let (at, mut left_out) = (usize::from(place.place), None);
        rack.see(at, self.round);
        self.waiting = self.waiting.saturating_sub(rack.waiting());
        for (family, stale) in self.stale.iter_mut().enumerate() {
            let mut lines = lines.family(family);
            debug_assert!(lines.is_empty() || lines.ends_with(b"\n"));
            let cell = self.hasher.cell(lines).unwrap_or_else(|| {
                left_out.get_or_insert(family);
                lines = &[];
                Cell::default()
            });
            *stale |= rack.put((family, at), (cell, lines), &mut press.spare);
        }
        self.waiting += rack.waiting();
        // A full rack is likely to be whole, as in a list.
        let bound = if rack.is_full() { MAX_WAITING / 4 } else { MAX_WAITING };
        let all = self.counted.set(&press.waiting, self.waiting);
        if self.waiting > bound || (all > MAX_WAITING && self.waiting > FEW_WAITING) {
            self.press(press);
        }
        left_out
    }

    /// Takes an object out.
    pub fn delete(&mut self, key: &str) {
        if let Some(place) = self.places.remove(key) {
            self.clear(place);
        }
    }

    /// Takes everything out, as after an end of which nobody knows what went on since; nothing is
    /// published until the next relist ends.
    pub fn reset(&mut self) {
        *self = Self::new(self.stale.len());
    }

    /// Begins a relist: what is not applied before its end is gone then. Scrapes see what they saw
    /// before.
    pub fn begin_relist(&mut self) {
        self.round = self.round.wrapping_add(1);
        self.relisting = true;
    }

    /// Ends a relist.
    pub fn end_relist(&mut self) {
        let (round, racks) = (self.round, &self.racks);
        let gone = self.places.extract_if(|_, place| {
            let rack = racks.get(place.rack as usize).and_then(Option::as_ref);
            rack.is_none_or(|rack| rack.seen(place.place.into()) != round)
        });
        for (_, place) in gone.collect::<Vec<_>>() {
            self.clear(place);
        }
        self.relisting = false;
    }

    /// Whether a relist has begun and not ended.
    pub fn is_relisting(&self) -> bool {
        self.relisting
    }

    /// The number of objects.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is no object.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Makes what changed visible and gives what scrapes are to see: during a relist, what was there
    /// before it; during the first, nothing.
    pub fn publish(&mut self, press: &mut Press) -> Option<Arc<Snapshot>> {
        if self.relisting {
            return self.published.clone();
        }
        self.press(press);
        if self.published.is_some() && !self.stale.contains(&true) {
            return self.published.clone();
        }
        let racks = || self.racks.iter().flatten();
        let old = self.published.take();
        let pages = self.stale.iter_mut().enumerate().map(|(family, stale)| {
            let same = old.as_ref().and_then(|old| old.pages.get(family)).filter(|_| !*stale);
            *stale = false;
            let new = || racks().filter_map(|rack| rack.page(family).map(Arc::clone)).collect();
            same.map_or_else(new, Arc::clone)
        });
        let snapshot = Snapshot { pages: pages.collect(), objects: self.places.len() };
        self.published = Some(Arc::new(snapshot));
        self.published.clone()
    }

    /// Makes the pages that have changed.
    fn press(&mut self, press: &mut Press) {
        for rack in self.racks.iter_mut().flatten().filter(|rack| rack.waiting() > 0) {
            rack.press(press);
        }
        self.waiting = 0;
        self.counted.set(&press.waiting, 0);
    }

    fn take(&mut self) -> Place {
        loop {
            let Some(&at) = self.open.last() else {
                // Four billion racks have no room in any memory.
                self.open.push(u32::try_from(self.racks.len()).unwrap_or(u32::MAX));
                self.racks.push(None);
                continue;
            };
            let rack = self.racks.get_mut(at as usize).map(|rack| {
                let families = self.stale.len();
                rack.get_or_insert_with(|| Rack::new(families))
            });
            let place = rack.and_then(|rack| Some((rack.take()?, rack.is_full())));
            if place.is_none_or(|(_, full)| full) {
                self.open.pop();
            }
            if let Some((place, _)) = place {
                return Place { rack: at, place };
            }
        }
    }

    /// Empties a place; and lets go of the rack if that was the last.
    fn clear(&mut self, Place { rack: at, place }: Place) {
        let Some(slot) = self.racks.get_mut(at as usize) else { return };
        let Some(rack) = slot else { return };
        if rack.is_full() {
            self.open.push(at);
        }
        rack.free(place);
        self.waiting = self.waiting.saturating_sub(rack.waiting());
        for (family, stale) in self.stale.iter_mut().enumerate() {
            let nothing = (Cell::default(), &[][..]);
            *stale |= rack.put((family, place.into()), nothing, &mut Vec::new());
        }
        if rack.is_empty() {
            *slot = None;
        } else {
            self.waiting += rack.waiting();
        }
    }
}

// === impl Counted ===

impl Counted {
    /// Puts a number in the place of the one before; gives the sum.
    fn set(&mut self, sum: &Arc<AtomicUsize>, own: usize) -> usize {
        if !Arc::ptr_eq(sum, &self.sum) {
            *self = Self { sum: Arc::clone(sum), own: 0 };
        }
        let before = mem::replace(&mut self.own, own);
        if before != own {
            self.sum.fetch_add(own, Relaxed);
            self.sum.fetch_sub(before, Relaxed);
        }
        self.sum.load(Relaxed)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.sum.fetch_sub(self.own, Relaxed);
    }
}

// === impl Snapshot ===

impl Snapshot {
    /// The pages of the family with this index.
    pub fn family(&self, index: usize) -> Option<&Arc<[Arc<Page>]>> {
        self.pages.get(index)
    }

    /// The number of objects.
    pub fn objects(&self) -> usize {
        self.objects
    }
}

#[cfg(test)]
mod tests;
