//! Who listens: sockets of units, found by looking at their processes.
//!
//! Nothing tells when a process begins to listen, so the whole table is of one moment, and its one
//! writer is `reset`. Sockets that systemd itself holds are facts of their `.socket` units
//! ([`crate::Unit::listens`]).

use crate::{Endpoint, index::Index};
use std::{collections::BTreeMap, sync::Arc, time::Instant};

/// A socket that a unit's process listens on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listener {
    /// Where.
    pub endpoint: Endpoint,
    /// The process, or the first of several that share the socket.
    pub pid: u32,
}

/// Who listens, as of one moment.
#[derive(Debug, Default)]
pub struct Listeners {
    by_unit: BTreeMap<Arc<str>, Vec<Listener>>,
    by_port: Index<u16>,
    unknown: Vec<String>,
    found: Option<Instant>,
}

// === impl Listeners ===

impl Listeners {
    /// Every unit that listens, by name, and where.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &[Listener])> {
        self.by_unit.iter().map(|(unit, listeners)| (unit, listeners.as_slice()))
    }

    /// Where a unit listens.
    pub fn of(&self, unit: &str) -> &[Listener] {
        self.by_unit.get(unit).map_or(&[], Vec::as_slice)
    }

    /// The units that listen on a port, TCP or UDP, whatever the address.
    pub fn on_port(&self, port: u16) -> impl Iterator<Item = &Arc<str>> {
        self.by_port.get(&port)
    }

    /// What could not be known, and why, in words for people.
    pub fn unknown(&self) -> &[String] {
        &self.unknown
    }

    /// When it was found; `None` where nobody has looked yet.
    pub fn found(&self) -> Option<Instant> {
        self.found
    }

    /// Puts what was found at `found` in place of everything that was known.
    pub fn reset(
        &mut self,
        found: Instant,
        listeners: impl IntoIterator<Item = (Arc<str>, Listener)>,
        unknown: Vec<String>,
    ) {
        *self = Self { unknown, found: Some(found), ..Self::default() };
        for (unit, listener) in listeners {
            if let Some(port) = listener.endpoint.port() {
                self.by_port.add(port, &unit);
            }
            let known = self.by_unit.entry(unit).or_default();
            if let Err(place) = known.binary_search(&listener) {
                known.insert(place, listener);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reset_leaves_nothing_behind() {
        let at = |port: u16, pid| Listener {
            endpoint: Endpoint::Tcp(([127, 0, 0, 1], port).into()),
            pid,
        };
        let (a, b): (Arc<str>, Arc<str>) = ("a.service".into(), "b.service".into());
        let mut listeners = Listeners::default();
        assert!(listeners.found().is_none());
        let now = Instant::now();
        let found = [
            (Arc::clone(&b), at(80, 2)),
            (Arc::clone(&a), at(443, 1)),
            (Arc::clone(&a), at(80, 1)),
            (Arc::clone(&a), at(80, 1)),
        ];
        listeners.reset(now, found, vec!["one process".to_owned()]);
        assert_eq!(listeners.on_port(80).collect::<Vec<_>>(), [&a, &b]);
        assert_eq!(listeners.of("a.service"), [at(80, 1), at(443, 1)]);
        assert_eq!((listeners.unknown().len(), listeners.found()), (1, Some(now)));
        listeners.reset(now, [(Arc::clone(&b), at(8080, 2))], Vec::new());
        assert_eq!(listeners.on_port(80).count(), 0);
        assert_eq!(listeners.iter().collect::<Vec<_>>(), [(&b, &[at(8080, 2)][..])]);
        assert!(listeners.unknown().is_empty());
    }
}
