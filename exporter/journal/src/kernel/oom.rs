//! OOM kills: whose memory ran out, and whose process paid for it.
//!
//! The kernel tells a kill in several lines. Which there are depends on its version:
//! - `Task in A killed as a result of limit of B` (before 5.0): the victim's control group;
//! - `oom-kill:constraint=C,…,task_memcg=A,task=…,pid=P,uid=U` (since 5.0; vendors brought it to 4.18):
//!   the same, and why;
//! - `Memory cgroup out of memory: Killed process …`, `Out of memory: Killed process …`, or
//!   `Killed process …` alone (before 5.1): the kill itself, the only line that is counted;
//! - `Tasks in A are going to be killed due to memory.oom.group set`: kills without a line of their
//!   own about the group follow.

use crate::cgroup::Owner;

/// Whose limit it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Scope {
    /// The machine ran out of memory.
    Global,
    /// A control group came to its limit.
    Cgroup,
    /// The nodes that a cpuset allows ran out.
    Cpuset,
    /// The nodes that a memory policy allows ran out.
    Policy,
    /// The kernel's lines did not tell.
    #[default]
    Unknown,
}

/// What has been told about the kill that comes next.
#[derive(Debug, Default)]
pub(crate) struct Oom {
    told: Option<Told>,
    /// Of the last kill, for the rest of its group.
    last: Scope,
}

#[derive(Debug, Default)]
struct Told {
    scope: Scope,
    owner: Owner,
    /// The victim, where it was told; nothing else may be blamed on it.
    pid: Option<u64>,
    /// Whether the whole group is killed.
    group: bool,
}

// === impl Scope ===

impl Scope {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::Cgroup => "cgroup",
            Self::Cpuset => "cpuset",
            Self::Policy => "mempolicy",
            Self::Unknown => "unknown",
        }
    }

    fn of_constraint(text: &str) -> Self {
        match text {
            "CONSTRAINT_NONE" => Self::Global,
            "CONSTRAINT_MEMCG" => Self::Cgroup,
            "CONSTRAINT_CPUSET" => Self::Cpuset,
            "CONSTRAINT_MEMORY_POLICY" => Self::Policy,
            _ => Self::Unknown,
        }
    }
}

// === impl Oom ===

impl Oom {
    /// Takes a line that may tell about the next kill.
    pub(crate) fn hear(&mut self, line: &str) {
        if let Some(rest) = line.strip_prefix("oom-kill:") {
            // A command's name may hold commas and equals signs: what follows `task=` is taken from
            // the end.
            let (head, tail) = rest.split_once(",task=").unwrap_or((rest, ""));
            let scope = rest.strip_prefix("constraint=").and_then(|rest| rest.split(',').next());
            let pid = tail.rsplit_once(",pid=").and_then(|(_, rest)| rest.split(',').next());
            self.told = Some(Told {
                scope: Scope::of_constraint(scope.unwrap_or_default()),
                owner: victim(head).map(Owner::of).unwrap_or_default(),
                pid: pid.and_then(|pid| pid.parse().ok()),
                group: false,
            });
        } else if let Some(rest) = line.strip_prefix("Task in ") {
            if let Some((victim, _)) = rest.split_once(" killed as a result of limit of ") {
                let owner = Owner::of(victim);
                self.told = Some(Told { scope: Scope::Cgroup, owner, pid: None, group: false });
            }
        } else if let Some(rest) = line.strip_prefix("Tasks in ")
            && let Some((group, _)) = rest.split_once(" are going to be killed")
        {
            self.told =
                Some(Told { scope: self.last, owner: Owner::of(group), pid: None, group: true });
        }
    }

    /// What was told about a kill, by its line.
    pub(crate) fn kill(&mut self, line: &str) -> (Scope, Owner) {
        let pid = line.split_once("Killed process ").and_then(|(_, rest)| {
            rest.split(|c: char| !c.is_ascii_digit()).next()?.parse::<u64>().ok()
        });
        let by_text = if line.starts_with("Memory cgroup out of memory") {
            Scope::Cgroup
        } else if line.starts_with("Out of memory") {
            Scope::Global
        } else {
            Scope::Unknown
        };
        let told = match self.told.take() {
            Some(told) if told.pid.is_none() || told.pid == pid => told,
            other => {
                self.told = other.filter(|told| told.group);
                self.last = by_text;
                return (by_text, Owner::default());
            }
        };
        let scope = if told.scope == Scope::Unknown { by_text } else { told.scope };
        self.last = scope;
        let owner = told.owner.clone();
        if told.group {
            self.told = Some(told);
        }
        (scope, owner)
    }
}

/// The victim's control group. Its name is a user's choice and may look like further fields; but it
/// is never outside the group whose limit it was, which stands before it.
fn victim(head: &str) -> Option<&str> {
    const VICTIM: &str = ",task_memcg=";
    let (before, first) = head.split_once(",task_memcg=/")?;
    // Nothing stands before these two that has a slash, but for `cpuset=/`.
    let limit = before.split_once(",oom_memcg=/").map(|(before, _)| before.len());
    let Some(limited) = limit.and_then(|at| head.get(at + ",oom_memcg=/".len()..)) else {
        return Some(first);
    };
    limited.match_indices(VICTIM).find_map(|(at, found)| {
        let limit = limited.get(..at)?;
        let victim = limited.get(at + found.len()..)?.strip_prefix('/')?;
        victim.starts_with(limit).then_some(victim)
    })
}
