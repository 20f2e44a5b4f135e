//! Which parts of an object some path leads into: the rest of its JSON is passed over unread.

use super::path::{Part, Path};
use std::collections::BTreeMap;

/// What of a value is wanted: all of it, or what stands at some keys.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    whole: bool,
    keys: BTreeMap<String, Wanted>,
    /// What is wanted of each element of a list and each value of a mapping.
    each: Option<Box<Wanted>>,
}

static WHOLE: Wanted = Wanted { whole: true, keys: BTreeMap::new(), each: None };

// === impl Wanted ===

impl Wanted {
    /// All of a value.
    #[cfg(test)]
    pub(super) fn whole() -> &'static Self {
        &WHOLE
    }

    /// Wants all of what `path` leads to.
    pub(super) fn add(&mut self, path: &Path) {
        if let Some(end) = self.descend(path) {
            end.whole = true;
        }
    }

    /// What is wanted of that to which `path` leads; nothing where that is wanted as a whole.
    pub(super) fn descend(&mut self, path: &Path) -> Option<&mut Self> {
        let mut at = self;
        for part in path.parts() {
            match part {
                Part::Key { name, index: None, pair: None } if !at.whole => {
                    at = at.keys.entry(name.clone()).or_default();
                }
                _ => {
                    at.whole = true;
                    return None;
                }
            }
        }
        Some(at)
    }

    /// What is wanted of each element.
    pub(super) fn each(&mut self) -> &mut Self {
        self.each.get_or_insert_default()
    }

    /// Ends the collecting: what is wanted of each value is wanted of those with a key, too.
    pub(super) fn close(&mut self) {
        for wanted in self.keys.values_mut() {
            if let Some(each) = &self.each {
                wanted.merge(each);
            }
            wanted.close();
        }
        if let Some(each) = &mut self.each {
            each.close();
        }
    }

    fn merge(&mut self, other: &Self) {
        self.whole |= other.whole;
        for (key, wanted) in &other.keys {
            self.keys.entry(key.clone()).or_default().merge(wanted);
        }
        if let Some(each) = &other.each {
            self.each().merge(each);
        }
    }

    /// What is wanted of the value at a key.
    pub(super) fn key(&self, key: &str) -> Option<&Self> {
        if self.whole {
            return Some(&WHOLE);
        }
        self.keys.get(key).or(self.each.as_deref())
    }

    /// What is wanted of an element of a list.
    pub(super) fn element(&self) -> Option<&Self> {
        if self.whole { Some(&WHOLE) } else { self.each.as_deref() }
    }
}
