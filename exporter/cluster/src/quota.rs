//! How many objects of an API group tell their conditions: custom resources are made by whoever may, as
//! many as they like, and nobody asked for these numbers. What configurations ask for has no bound, as
//! it has none in kube-state-metrics.

use collect::lock;
use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

/// The groups, each with its number of objects.
#[derive(Debug, Default)]
pub(crate) struct Quotas(Mutex<BTreeMap<String, Arc<Group>>>);

#[derive(Debug, Default)]
struct Group {
    taken: AtomicUsize,
    left_out: AtomicUsize,
}

/// The objects of one watch, and which of them are taken.
#[derive(Debug)]
pub(crate) struct Quota {
    most: usize,
    group: Arc<Group>,
    objects: HashMap<Box<str>, Place>,
    round: u32,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    taken: bool,
    round: u32,
}

// === impl Quotas ===

impl Quotas {
    /// That of one watch of a group, of which `most` objects are taken.
    pub(crate) fn of(&self, group: &str, most: usize) -> Quota {
        let mut groups = lock(&self.0);
        let group = Arc::clone(groups.entry(group.to_owned()).or_default());
        Quota { most, group, objects: HashMap::new(), round: 0 }
    }

    /// How many objects are left out, by group; of groups that are watched.
    pub(crate) fn left_out(&self) -> Vec<(String, usize)> {
        let mut groups = lock(&self.0);
        groups.retain(|_, group| Arc::strong_count(group) > 1);
        groups.iter().map(|(name, group)| (name.clone(), group.left_out.load(Relaxed))).collect()
    }
}

// === impl Quota ===

impl Quota {
    /// Whether an object is taken; one that is, stays.
    pub(crate) fn takes(&mut self, key: &str) -> bool {
        let was = self.objects.get(key).is_some_and(|place| place.taken);
        // One thread watches all of a cluster, so that nobody comes between.
        let taken = was || self.group.taken.load(Relaxed) < self.most;
        if !was {
            self.delete(key);
            self.group.count(taken).fetch_add(1, Relaxed);
        }
        self.objects.insert(key.into(), Place { taken, round: self.round });
        taken
    }

    /// Forgets an object.
    pub(crate) fn delete(&mut self, key: &str) {
        if let Some(place) = self.objects.remove(key) {
            self.group.count(place.taken).fetch_sub(1, Relaxed);
        }
    }

    /// Begins a list: what is not asked for before its end is forgotten then.
    pub(crate) fn list(&mut self) {
        self.round = self.round.wrapping_add(1);
    }

    /// Ends a list.
    pub(crate) fn listed(&mut self) {
        let round = self.round;
        let gone = self.objects.extract_if(|_, place| place.round != round);
        for (_, place) in gone {
            self.group.count(place.taken).fetch_sub(1, Relaxed);
        }
    }
}

impl Drop for Quota {
    fn drop(&mut self) {
        for place in self.objects.values() {
            self.group.count(place.taken).fetch_sub(1, Relaxed);
        }
    }
}

// === impl Group ===

impl Group {
    fn count(&self, taken: bool) -> &AtomicUsize {
        if taken { &self.taken } else { &self.left_out }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_has_so_many_objects_over_all_its_watches() {
        let quotas = Quotas::default();
        let (mut foos, mut bars) = (quotas.of("a.io", 3), quotas.of("a.io", 3));
        let mut other = quotas.of("b.io", 3);
        foos.list();
        assert_eq!(["1", "2"].map(|key| foos.takes(key)), [true, true]);
        foos.listed();
        assert_eq!(["3", "4", "5"].map(|key| bars.takes(key)), [true, false, false]);
        assert!(other.takes("1"));
        assert_eq!(quotas.left_out(), [("a.io".to_owned(), 2), ("b.io".to_owned(), 0)]);
        // One that is taken stays when it changes; one that is not, is when there is room.
        assert!(!bars.takes("4") && foos.takes("2"));
        foos.delete("1");
        assert!(bars.takes("4") && !bars.takes("5"));
        assert_eq!(quotas.left_out()[0].1, 1);
        // What a list does not have, has no place.
        foos.list();
        foos.listed();
        assert!(bars.takes("5"));
        assert_eq!(quotas.left_out()[0].1, 0);
        drop(bars);
        assert_eq!(["6", "7", "8", "9"].map(|key| foos.takes(key)), [true, true, true, false]);
        drop((foos, other));
        assert!(quotas.left_out().is_empty());
    }
}
