//! systemd's units: how each fares, and the ways to it from a process, a control group, a role and
//! from what it starts.
//!
//! Numbers are as systemd has them; paths of control groups begin with `/` at the root of the
//! machine's hierarchy. `None` is what is not known or what the unit does not have.

use crate::{Endpoint, Role, index::Index};
use std::{collections::BTreeMap, sync::Arc};

/// A unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unit {
    /// Its active state.
    pub state: ActiveState,
    /// How its last run ended in systemd's words, such as `success` or `oom-kill`; of mounts, sockets
    /// and timers only since it failed.
    pub result: Option<Arc<str>>,
    /// Its control group, where it has one.
    pub group: Option<Arc<str>>,
    /// Its main process. Services only.
    pub main_pid: Option<u32>,
    /// The process that starts, reloads or stops it now. Services only.
    pub control_pid: Option<u32>,
    /// How often systemd has restarted it. Services only.
    pub restarts: Option<u32>,
    /// Where systemd listens for it. Sockets only.
    pub listens: Vec<Endpoint>,
    /// The units that it starts. Sockets only.
    pub triggers: Vec<Arc<str>>,
}

/// A unit's active state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ActiveState {
    /// It runs, or has done what it is for.
    Active,
    /// It starts.
    Activating,
    /// It stops.
    Deactivating,
    /// It does not run.
    Inactive,
    /// It does not run because it failed.
    Failed,
    /// It runs and reads its configuration anew.
    Reloading,
    /// A maintenance operation is under way.
    Maintenance,
    /// It runs and its mounts are made anew; since systemd 256.
    Refreshing,
    /// A state that is newer than this program.
    #[default]
    Other,
}

/// Every unit that a source told of.
#[derive(Debug, Default)]
pub struct Units {
    all: BTreeMap<Arc<str>, Unit>,
    groups: Index<Arc<str>>,
    pids: Index<u32>,
    roles: Index<Role>,
    triggers: Index<Arc<str>>,
}

// === impl Units ===

impl Units {
    /// A unit by its name.
    pub fn get(&self, name: &str) -> Option<&Unit> {
        self.all.get(name)
    }

    /// Every unit, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Unit)> {
        self.all.iter()
    }

    /// How many units there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The unit whose control group is `group` or the nearest one above it: that of a process whose
    /// group this is.
    pub fn of_group(&self, group: &str) -> Option<&Arc<str>> {
        let mut group = group.trim_end_matches('/');
        loop {
            if let Some(name) = self.groups.get(group).next() {
                return Some(name);
            }
            (group, _) = group.rsplit_once('/')?;
        }
    }

    /// The units of which the process is the main or the control process: one, unless a number was
    /// used again and not all is known yet.
    pub fn of_pid(&self, pid: u32) -> impl Iterator<Item = &Arc<str>> {
        self.pids.get(&pid)
    }

    /// The units that are this to a node.
    pub fn with_role(&self, role: Role) -> impl Iterator<Item = &Arc<str>> {
        self.roles.get(&role)
    }

    /// The units that start `name`.
    pub fn triggering(&self, name: &str) -> impl Iterator<Item = &Arc<str>> {
        self.triggers.get(name)
    }

    /// Notes what a unit is now.
    pub fn apply(&mut self, name: &Arc<str>, unit: Unit) {
        if self.all.get(name) == Some(&unit) {
            return;
        }
        self.delete(name);
        unit.keys(|key| self.add(key, name));
        if let Some(role) = Role::of(name) {
            self.roles.add(role, name);
        }
        self.all.insert(Arc::clone(name), unit);
    }

    /// Forgets a unit that is gone.
    pub fn delete(&mut self, name: &str) {
        let Some(unit) = self.all.remove(name) else { return };
        unit.keys(|key| self.remove(key, name));
        if let Some(role) = Role::of(name) {
            self.roles.remove(&role, name);
        }
    }

    /// Puts these units in place of all that were known.
    pub fn reset(&mut self, units: impl IntoIterator<Item = (Arc<str>, Unit)>) {
        *self = Self::default();
        for (name, unit) in units {
            self.apply(&name, unit);
        }
    }

    fn add(&mut self, key: Key<'_>, name: &Arc<str>) {
        match key {
            Key::Group(group) => self.groups.add(Arc::clone(group), name),
            Key::Pid(pid) => self.pids.add(pid, name),
            Key::Trigger(unit) => self.triggers.add(Arc::clone(unit), name),
        }
    }

    fn remove(&mut self, key: Key<'_>, name: &str) {
        match key {
            Key::Group(group) => self.groups.remove(&**group, name),
            Key::Pid(pid) => self.pids.remove(&pid, name),
            Key::Trigger(unit) => self.triggers.remove(&**unit, name),
        }
    }
}

/// A key under which an index has a unit.
#[derive(Clone, Copy)]
enum Key<'a> {
    Group(&'a Arc<str>),
    Pid(u32),
    Trigger(&'a Arc<str>),
}

// === impl Unit ===

impl Unit {
    /// Every key of the unit, in one place for those that add and those that remove.
    fn keys(&self, mut each: impl FnMut(Key<'_>)) {
        self.group.iter().for_each(|group| each(Key::Group(group)));
        self.main_pid.iter().chain(&self.control_pid).for_each(|pid| each(Key::Pid(*pid)));
        self.triggers.iter().for_each(|unit| each(Key::Trigger(unit)));
    }
}

// === impl ActiveState ===

impl ActiveState {
    const NAMES: [(Self, &str); 8] = [
        (Self::Active, "active"),
        (Self::Activating, "activating"),
        (Self::Deactivating, "deactivating"),
        (Self::Inactive, "inactive"),
        (Self::Failed, "failed"),
        (Self::Reloading, "reloading"),
        (Self::Maintenance, "maintenance"),
        (Self::Refreshing, "refreshing"),
    ];

    /// The state that systemd calls by this name.
    pub fn from_name(name: &str) -> Self {
        let row = Self::NAMES.iter().find(|(_, known)| *known == name);
        row.map_or(Self::Other, |(state, _)| *state)
    }
}

#[cfg(test)]
mod tests;
