//! OOM kills: how many there were of whom, as far as the kernel's log was read.
//!
//! It is what has passed, and bounded by its writer: who was not hit for longest gives way.

use std::collections::BTreeMap;

/// Whose process was killed; empty what is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Victim {
    /// The unit, where it is no container's.
    pub unit: String,
    /// The pod's uid as the control group has it, with dashes.
    pub pod: String,
    /// The container's id.
    pub container: String,
}

/// OOM kills by victim.
#[derive(Debug, Default)]
pub struct Kills {
    all: BTreeMap<Victim, u64>,
}

// === impl Kills ===

impl Kills {
    /// Every victim, and how often.
    pub fn iter(&self) -> impl Iterator<Item = (&Victim, u64)> {
        self.all.iter().map(|(victim, count)| (victim, *count))
    }

    /// Whether there was none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Puts these in place of all that were known; those of one victim are added up.
    pub fn reset(&mut self, kills: impl IntoIterator<Item = (Victim, u64)>) {
        self.all.clear();
        for (victim, count) in kills {
            let all = self.all.entry(victim).or_default();
            *all = all.saturating_add(count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reset_leaves_nothing_behind() {
        let victim = |container: &str| Victim { container: container.into(), ..Victim::default() };
        let mut kills = Kills::default();
        assert!(kills.is_empty());
        kills.reset([(victim("a"), 1), (victim("a"), 2), (victim("b"), u64::MAX)]);
        assert_eq!(kills.iter().collect::<Vec<_>>(), [(&victim("a"), 3), (&victim("b"), u64::MAX)]);
        kills.reset([(victim("c"), 1)]);
        assert_eq!(kills.iter().count(), 1);
    }
}
