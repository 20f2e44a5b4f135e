//! Series that the outside can grow, capped: what has not been seen for longest gives way.
//!
//! A row that comes back starts anew. Prometheus takes a counter that is smaller than before for one
//! that was reset, so that nothing is counted twice and only what was counted while the row was out
//! is lost to it.

use std::{collections::HashMap, hash::Hash};

/// Counters by a key, at most a fixed number of them.
#[derive(Debug)]
pub(crate) struct Series<K> {
    rows: HashMap<K, Row>,
    cap: usize,
    /// Rows that gave way.
    pub(crate) evicted: u64,
    turn: u64,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    count: u64,
    /// When it was last seen, in calls of `add`.
    seen: u64,
}

// === impl Series ===

impl<K: Clone + Eq + Hash + Ord> Series<K> {
    pub(crate) fn new(cap: usize) -> Self {
        Self { rows: HashMap::new(), cap: cap.max(1), evicted: 0, turn: 0 }
    }

    /// Counts one.
    pub(crate) fn add(&mut self, key: K) {
        self.turn += 1;
        let seen = self.turn;
        if let Some(row) = self.rows.get_mut(&key) {
            row.count += 1;
            row.seen = seen;
            return;
        }
        if self.rows.len() >= self.cap {
            // Only what is new pays for the search.
            let oldest =
                self.rows.iter().min_by_key(|(_, row)| row.seen).map(|(key, _)| key.clone());
            if let Some(oldest) = oldest {
                self.rows.remove(&oldest);
                self.evicted += 1;
            }
        }
        self.rows.insert(key, Row { count: 1, seen });
    }

    /// How often it was added to: while it is the same, so are the rows.
    pub(crate) fn turn(&self) -> u64 {
        self.turn
    }

    /// The rows, sorted by key.
    pub(crate) fn rows(&self) -> Vec<(&K, u64)> {
        let mut rows: Vec<_> = self.rows.iter().map(|(key, row)| (key, row.count)).collect();
        rows.sort_unstable();
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_not_seen_for_longest_gives_way_and_starts_anew() {
        let mut series = Series::new(2);
        for key in ["a", "a", "b", "a", "c"] {
            series.add(key);
        }
        assert_eq!(series.rows(), [(&"a", 3), (&"c", 1)]);
        series.add("b");
        assert_eq!((series.rows(), series.evicted), (vec![(&"b", 1), (&"c", 1)], 2));
    }
}
