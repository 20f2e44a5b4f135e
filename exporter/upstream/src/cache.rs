//! What the sources have learnt last, for the collectors to write.

use crate::{asker::Outcome, fault::Reason};
use collect::Result;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How old an outcome may be that is served: a scrape that asked gets what came of its own question, or of one
/// that was asked at nearly the same time. Older numbers are absent.
pub(crate) const FRESH: Duration = Duration::from_secs(5);

/// The upstreams of both parts; the process has one.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    kubelet: Mutex<Roll>,
    others: Mutex<Roll>,
}

/// A part of the exposition that upstreams belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Kubelet,
    Others,
}

/// The upstreams of a part, in the order in which the first wins.
#[derive(Clone, Debug, Default)]
pub(crate) struct Roll {
    pub(crate) rows: Vec<Row>,
    /// Why there are none.
    pub(crate) absent: String,
}

/// An upstream.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: Arc<str>,
    /// Found by itself, and it has never answered: nothing is said of it.
    pub(crate) silent: bool,
    pub(crate) outcome: Option<Arc<Outcome>>,
    /// In the order of [`Reason::ALL`].
    pub(crate) errors: [u64; Reason::ALL.len()],
}

// === impl Cache ===

impl Cache {
    /// The part's roll, for its source to write.
    pub(crate) fn roll(&self, part: Part) -> MutexGuard<'_, Roll> {
        let roll = match part {
            Part::Kubelet => &self.kubelet,
            Part::Others => &self.others,
        };
        roll.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Row ===

impl Row {
    pub(crate) fn new(name: &str, silent: bool) -> Self {
        Self { name: name.into(), silent, outcome: None, errors: [0; Reason::ALL.len()] }
    }

    /// Notes what a round came to.
    pub(crate) fn note(&mut self, outcome: Outcome) {
        match &outcome.fault {
            None => self.silent = false,
            Some(fault) => {
                let counts = Reason::ALL.iter().zip(&mut self.errors);
                for (_, count) in counts.filter(|(reason, _)| **reason == fault.reason) {
                    *count = count.saturating_add(1);
                }
            }
        }
        self.outcome = Some(Arc::new(outcome));
    }

    /// What came of the question that a scrape has just asked.
    pub(crate) fn fresh(&self) -> Option<&Arc<Outcome>> {
        self.outcome.as_ref().filter(|outcome| outcome.at.elapsed() <= FRESH)
    }
}

/// A reason to have no data.
pub(crate) fn absent(reason: &str) -> Result<()> {
    Err(collect::Error::no_data(reason))
}
