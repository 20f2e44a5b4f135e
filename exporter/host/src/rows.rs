//! What a collector remembers about the named rows of a kernel file, so that a name is judged and
//! made into a family once and not once a scrape.

/// Values by row name, in the order in which the rows stand in the file.
///
/// The kernel keeps its order, so that the next row is nearly always where it was the last time: a
/// comparison and no hashing.
#[derive(Debug)]
pub(crate) struct Rows<V> {
    known: Vec<(Box<str>, V)>,
    next: usize,
}

/// Rows remembered; beyond it the memory starts anew, so that passing names cannot fill it.
const MAX_ROWS: usize = 4096;

// === impl Rows ===

impl<V> Rows<V> {
    pub(crate) const fn new() -> Self {
        Self { known: Vec::new(), next: 0 }
    }

    /// Expects the first row next.
    pub(crate) fn rewind(&mut self) {
        self.next = 0;
    }

    /// What is remembered of the row `name`; made when the row is new.
    pub(crate) fn get(&mut self, name: &str, make: impl FnOnce() -> V) -> Option<&mut V> {
        let is_it = |(known, _): &(Box<str>, V)| **known == *name;
        let at = if self.known.get(self.next).is_some_and(is_it) {
            self.next
        } else if let Some(at) = self.known.iter().position(is_it) {
            at
        } else {
            if self.known.len() >= MAX_ROWS {
                self.known.clear();
            }
            self.known.push((name.into(), make()));
            self.known.len() - 1
        };
        self.next = at + 1;
        self.known.get_mut(at).map(|(_, value)| value)
    }
}

impl<V> Default for Rows<V> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_go_and_swap() {
        let mut rows = Rows::new();
        let mut made = 0;
        for name in ["a", "b", "c", "a", "c", "b", "d", "a"] {
            let value = rows.get(name, || {
                made += 1;
                name.to_owned()
            });
            assert_eq!(value.map(|v| v.as_str()), Some(name));
        }
        assert_eq!(made, 4);
    }

    #[test]
    fn passing_names_do_not_pile_up() {
        let mut rows = Rows::new();
        for i in 0..3 * MAX_ROWS {
            rows.get(&i.to_string(), || ());
        }
        assert!(rows.known.len() <= MAX_ROWS);
    }
}
