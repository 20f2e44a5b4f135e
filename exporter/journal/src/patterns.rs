//! Error patterns: how often each kind of error message came, by unit.
//!
//! Patterns are capped in all and a unit has a quarter of the places at most, so that one that says
//! something new each time does not push out the others. What has not been seen for longest gives
//! way; a pattern that comes back counts from 1, which Prometheus takes for a reset.

use crate::{secrets::mask_secrets, template, units::UnitId};
use std::collections::{BTreeMap, HashMap};

/// Patterns with their counts.
#[derive(Debug)]
pub(crate) struct Patterns {
    rows: HashMap<(UnitId, u64), Row>,
    /// How many of the rows a unit has.
    shares: HashMap<UnitId, usize>,
    cap: usize,
    turn: u64,
    /// Patterns that gave way.
    pub(crate) evicted: u64,
    scratch: Vec<u8>,
}

#[derive(Debug)]
struct Row {
    count: u64,
    seen: u64,
    /// The message that came first, as far as the template needs it.
    message: Box<[u8]>,
    /// The template; it is made when somebody first asks, since most patterns of a flood are gone by
    /// then.
    template: Option<Box<str>>,
}

/// A unit, a pattern and its count.
type Counted = (UnitId, String, u64);

// === impl Patterns ===

impl Patterns {
    pub(crate) fn new(cap: usize) -> Self {
        Self {
            rows: HashMap::new(),
            shares: HashMap::new(),
            cap,
            turn: 0,
            evicted: 0,
            scratch: Vec::new(),
        }
    }

    /// Counts an error message of a unit.
    pub(crate) fn add(&mut self, unit: UnitId, message: &[u8]) {
        if self.cap == 0 {
            return;
        }
        template::write(message, &mut self.scratch);
        let key = (unit, template::hash(&self.scratch));
        self.turn += 1;
        if let Some(row) = self.rows.get_mut(&key) {
            row.count += 1;
            row.seen = self.turn;
            return;
        }
        let share = (self.cap / 4).max(1);
        if self.shares.get(&unit).is_some_and(|own| *own >= share) {
            self.evict(Some(unit));
        } else if self.rows.len() >= self.cap {
            self.evict(None);
        }
        // One byte more than is considered tells that there was more.
        let message = message.get(..=template::CONSIDERED).unwrap_or(message).into();
        *self.shares.entry(unit).or_default() += 1;
        self.rows.insert(key, Row { count: 1, seen: self.turn, message, template: None });
    }

    fn evict(&mut self, of: Option<UnitId>) {
        let rows = self.rows.iter().filter(|((unit, _), _)| of.is_none_or(|of| of == *unit));
        if let Some(key) = rows.min_by_key(|(_, row)| row.seen).map(|(key, _)| *key) {
            self.rows.remove(&key);
            if let Some(own) = self.shares.get_mut(&key.0) {
                *own -= 1;
            }
            self.evicted += 1;
        }
    }

    /// Unit, pattern and count, sorted; and the template of each pattern.
    pub(crate) fn rows(&mut self) -> (Vec<Counted>, BTreeMap<String, String>) {
        let mut templates = BTreeMap::new();
        let mut rows = Vec::new();
        // Two units' first messages may be masked in two ways: the same one is shown each time.
        let mut sorted: Vec<_> = self.rows.iter_mut().collect();
        sorted.sort_unstable_by_key(|(key, _)| **key);
        for ((unit, hash), row) in sorted {
            let pattern = format!("{hash:016x}");
            let shown = row.template.get_or_insert_with(|| {
                // Secrets first: masked digits would hide what they look like.
                let text = String::from_utf8_lossy(&row.message);
                template::write(mask_secrets(&text).as_bytes(), &mut self.scratch);
                String::from_utf8_lossy(&self.scratch).into()
            });
            if !templates.contains_key(&pattern) {
                templates.insert(pattern.clone(), shown.to_string());
            }
            rows.push((*unit, pattern, row.count));
        }
        rows.sort_unstable();
        (rows, templates)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_counted_and_the_oldest_gives_way() {
        let mut patterns = Patterns::new(8);
        for n in 0..5 {
            let text = format!("request {n} failed: token=abc{n}");
            patterns.add(UnitId::NONE, text.as_bytes());
        }
        let (rows, templates) = patterns.rows();
        let counts: Vec<u64> = rows.iter().map(|(_, _, count)| *count).collect();
        assert_eq!(counts, [5]);
        assert_eq!(templates.values().collect::<Vec<_>>(), ["request <num> failed: token=***"]);
        // A unit's share is two of eight.
        for word in ["alpha", "beta", "gamma", "beta"] {
            patterns.add(UnitId::KERNEL, word.as_bytes());
        }
        let (_, templates) = patterns.rows();
        let mut texts: Vec<_> = templates.into_values().collect();
        texts.sort();
        assert_eq!(texts, ["beta", "gamma", "request <num> failed: token=***"]);
        assert_eq!(patterns.evicted, 1);
    }

    /// The hash is of the template before secrets are masked.
    #[test]
    fn a_pattern_has_one_template_whoever_was_first() {
        let secret = concat!("n AK", "IA1A2B3C4D5E6F7G8H x");
        for _ in 0..16 {
            let mut patterns = Patterns::new(8);
            patterns.add(UnitId::KERNEL, b"n a1b2c3 x");
            patterns.add(UnitId::NONE, secret.as_bytes());
            assert_eq!(patterns.rows().1.into_values().collect::<Vec<_>>(), ["n *** x"]);
        }
    }

    #[test]
    fn none_are_kept_where_none_are_wanted() {
        let mut patterns = Patterns::new(0);
        patterns.add(UnitId::NONE, b"x");
        assert!(patterns.rows().0.is_empty());
    }
}
