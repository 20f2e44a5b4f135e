//! What the kernel itself wrote: problems by reason, by device, and OOM kills by whom they hit.
//!
//! The source is the journal's entries of transport `kernel`, facility 0 and identifier `kernel`: what
//! others write to `/dev/kmsg` has the transport, too, and never facility 0, which the kernel does not
//! let them use. Without a journal it is `/dev/kmsg` itself.

mod conditions;
mod oom;
mod reasons;

pub(crate) use conditions::{Conditions, Mounts};
pub(crate) use reasons::{REASONS, Reason};

use crate::{cgroup::Owner, series::Series};
use oom::Oom;
use reasons::{FORK, Named, OOM, Pattern};
use regex_lite::Regex;
use std::sync::OnceLock;

/// Rows by device, by OOM kill and by refused fork.
const MAX_ROWS: usize = 200;
/// What a device's name may have; more is no name.
const MAX_DEVICE: usize = 64;

/// What the kernel has complained about since the exporter started.
#[derive(Debug)]
pub(crate) struct Kernel {
    /// In the order of [`REASONS`].
    counts: Vec<Count>,
    patterns: Vec<(usize, &'static Pattern, OnceLock<Option<Regex>>)>,
    /// By reason and device.
    pub(crate) devices: Series<(&'static str, String)>,
    pub(crate) kills: Series<(&'static str, Victim)>,
    pub(crate) forks: Series<Victim>,
    pub(crate) conditions: Conditions,
    oom: Oom,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Count {
    pub(crate) matches: u64,
    /// What `problem_counter` has: matches, and for conditions how often they began.
    pub(crate) peer: u64,
    /// When it last matched, µs since 1970; 0 if never.
    pub(crate) last: u64,
}

/// Unit, pod and container; empty what is not known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Victim {
    pub(crate) unit: String,
    pub(crate) pod: String,
    pub(crate) container: String,
}

// === impl Kernel ===

impl Kernel {
    pub(crate) fn new() -> Self {
        let texts = |(index, reason): (usize, &'static reasons::Reason)| {
            reason.texts.iter().map(move |pattern| (index, pattern, OnceLock::new()))
        };
        Self {
            counts: vec![Count::default(); REASONS.len()],
            patterns: REASONS.iter().enumerate().flat_map(texts).collect(),
            devices: Series::new(MAX_ROWS),
            kills: Series::new(MAX_ROWS),
            forks: Series::new(MAX_ROWS),
            conditions: Conditions::new(),
            oom: Oom::default(),
        }
    }

    /// The counts with their reasons.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (&'static reasons::Reason, Count)> {
        REASONS.iter().zip(self.counts.iter().copied())
    }

    /// Whether a condition holds whose end the machine's mounts tell.
    pub(crate) fn ask_for_mounts(&self) -> bool {
        self.conditions.ask_for_mounts()
    }

    /// Takes a line that the kernel wrote at `time`, µs since 1970.
    pub(crate) fn line(&mut self, line: &str, time: u64) {
        self.oom.hear(line);
        let only = match reasons::named(line) {
            Named::Nothing => None,
            Named::Only(reason) => Some(reason),
            Named::Silent => return,
        };
        let mut matched = usize::MAX;
        for at in 0..self.patterns.len() {
            let Some((index, pattern, regex)) = self.patterns.get(at) else { break };
            let index = *index;
            // The texts of a reason stand beside each other.
            if index == matched || !line.contains(pattern.literal) {
                continue;
            }
            if only.is_some_and(|only| REASONS.get(index).is_none_or(|reason| reason.name != only))
            {
                continue;
            }
            let regex = regex.get_or_init(|| Regex::new(pattern.regex).ok());
            let Some(found) = regex.as_ref().and_then(|regex| regex.captures(line)) else {
                continue;
            };
            matched = index;
            let device = found.name("device").map_or("", |device| device.as_str());
            let device: String = device.chars().take(MAX_DEVICE).collect();
            self.matched(index, device, line, time);
        }
    }

    fn matched(&mut self, index: usize, device: String, line: &str, time: u64) {
        let Some(reason) = REASONS.get(index) else { return };
        let began = reason.condition.is_none() || self.conditions.begin(reason, &device, time);
        if let Some(count) = self.counts.get_mut(index) {
            count.matches += 1;
            count.peer += u64::from(began);
            count.last = count.last.max(time);
        }
        if !device.is_empty() {
            self.devices.add((reason.name, device));
        }
        match reason.name {
            OOM => {
                let (scope, owner) = self.oom.kill(line);
                self.kills.add((scope.as_str(), owner.into()));
            }
            FORK => {
                let group = line.rsplit_once(" in ").map_or("", |(_, group)| group);
                self.forks.add(Owner::of(group).into());
            }
            _ => {}
        }
    }
}

// === impl Victim ===

impl From<Owner> for Victim {
    fn from(owner: Owner) -> Self {
        let unit = crate::units::folded(&owner.unit).into_owned();
        Self { unit, pod: owner.pod, container: owner.container }
    }
}

impl From<&Victim> for model::Victim {
    fn from(victim: &Victim) -> Self {
        let Victim { unit, pod, container } = victim.clone();
        Self { unit, pod, container }
    }
}

#[cfg(test)]
mod tests;
