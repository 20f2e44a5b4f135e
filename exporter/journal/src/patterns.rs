//! Error patterns: how often each kind of error message came, by unit.
//!
//! Patterns are capped in all and a unit has a quarter of the places at most, so that one that says
//! something new each time does not push out the others. Where all places are taken, the unit that has most of
//! them gives one back, the one not seen for longest: units that say ever new things, however many, never
//! push out those of one that says little. A pattern that comes back counts from 1, which Prometheus takes for a
//! reset.

use crate::{secrets::mask_secrets, template, units::UnitId};
use std::collections::{BTreeMap, HashMap};

/// Patterns with their counts.
#[derive(Debug)]
pub(crate) struct Patterns {
    /// By unit and hash.
    rows: HashMap<(UnitId, u64), Row>,
    /// The hashes of each unit's patterns in the order in which they were last seen.
    ages: BTreeMap<UnitId, BTreeMap<u64, u64>>,
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
            ages: BTreeMap::new(),
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
        let hash = template::hash(&self.scratch);
        self.turn += 1;
        if let Some(row) = self.rows.get_mut(&(unit, hash)) {
            row.count += 1;
            let before = std::mem::replace(&mut row.seen, self.turn);
            let ages = self.ages.entry(unit).or_default();
            ages.remove(&before);
            ages.insert(self.turn, hash);
            return;
        }
        if self.share(unit) >= (self.cap / 4).max(1) {
            self.evict(unit);
        } else if self.rows.len() >= self.cap {
            self.evict(self.largest(unit));
        }
        // One byte more than is considered tells that there was more.
        let message = message.get(..=template::CONSIDERED).unwrap_or(message).into();
        let row = Row { count: 1, seen: self.turn, message, template: None };
        self.rows.insert((unit, hash), row);
        self.ages.entry(unit).or_default().insert(self.turn, hash);
    }

    /// How many of the patterns a unit has.
    fn share(&self, unit: UnitId) -> usize {
        self.ages.get(&unit).map_or(0, BTreeMap::len)
    }

    /// The unit that has most patterns: `unit` itself, or of several the one with the oldest.
    fn largest(&self, unit: UnitId) -> UnitId {
        let most = self.ages.values().map(BTreeMap::len).max().unwrap_or(0);
        if self.share(unit) == most {
            return unit;
        }
        let largest = self.ages.iter().filter(|(_, ages)| ages.len() == most);
        let oldest = largest.min_by_key(|(_, ages)| ages.keys().next());
        oldest.map_or(unit, |(unit, _)| *unit)
    }

    /// Takes away what a unit has not said for longest.
    fn evict(&mut self, unit: UnitId) {
        if let Some((_, hash)) = self.ages.get_mut(&unit).and_then(BTreeMap::pop_first) {
            self.rows.remove(&(unit, hash));
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
    use crate::units::Units;

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

    /// As many units as it takes to fill every place, which say something new each time.
    #[test]
    fn units_that_say_much_do_not_push_out_one_that_says_little() {
        let mut units = Units::new();
        let names = ["quiet", "a", "b", "c", "d", "e"];
        let ids = names.map(|name| units.id(format!("{name}.service").as_bytes()));
        let [quiet, loud @ ..] = ids;
        let letters = |n: usize| {
            let letter = |at: usize| char::from(b'a' + u8::try_from(n / at % 20).unwrap_or(0));
            [400, 20, 1].map(letter).iter().collect::<String>()
        };
        let mut patterns = Patterns::new(20);
        for text in ["disk is gone", "disk is back"] {
            patterns.add(quiet, text.as_bytes());
        }
        for n in 0..1000 {
            for unit in loud {
                patterns.add(unit, letters(n).as_bytes());
            }
        }
        patterns.add(quiet, b"disk is gone");
        let (rows, _) = patterns.rows();
        let of = |unit| rows.iter().filter(|(of, ..)| *of == unit).map(|(.., n)| *n).sum::<u64>();
        assert_eq!((rows.len(), of(quiet)), (20, 3), "{rows:?}");
        // The places are shared evenly by those who want more.
        for unit in loud {
            assert!((3..=5).contains(&of(unit)), "{rows:?}");
        }
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
