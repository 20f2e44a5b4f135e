//! Names by a key that they share: the second way into a table.

use std::{borrow::Borrow, collections::BTreeMap, sync::Arc};

/// Names by a key, sorted, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Index<K: Ord>(BTreeMap<K, Vec<Arc<str>>>);

// === impl Index ===

impl<K: Ord> Index<K> {
    pub(crate) fn add(&mut self, key: K, name: &Arc<str>) {
        // Most keys have one name: no room for more is taken.
        let names = self.0.entry(key).or_insert_with(|| Vec::with_capacity(1));
        if let Err(place) = names.binary_search(name) {
            names.insert(place, Arc::clone(name));
        }
    }

    pub(crate) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q, name: &str)
    where
        K: Borrow<Q>,
    {
        let Some(names) = self.0.get_mut(key) else { return };
        names.retain(|known| **known != *name);
        if names.is_empty() {
            self.0.remove(key);
        }
    }

    pub(crate) fn get<'a, Q: Ord + ?Sized>(
        &'a self,
        key: &Q,
    ) -> impl Iterator<Item = &'a Arc<str>> + use<'a, K, Q>
    where
        K: Borrow<Q>,
    {
        self.0.get(key).into_iter().flatten()
    }
}

impl<K: Ord> Default for Index<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}
