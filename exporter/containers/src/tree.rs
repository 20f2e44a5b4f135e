//! The groups that there are, found again at each scrape at little cost.
//!
//! The kernel counts a directory's subdirectories in its links, so that a directory is listed only
//! where that number has changed, where it is another directory of the same name, or where a group in
//! it has gone. Listed each time is what holds directories that are not read, such as mounts': one of
//! them may go while a group comes; and what is on a file system that does not count (links are 1).

use crate::{
    group::{Files, Group, Reader, Still},
    names::{DEPTH, Place},
};
use collect::Filter;
use std::sync::Arc;

/// A directory of the walk, and the group that it is.
#[derive(Debug)]
pub(crate) struct Tree {
    name: Box<str>,
    place: Place,
    /// Its links and its identity when it was listed; `None` makes it be listed.
    seen: Option<(u64, u64)>,
    /// Whether it held more than what is below.
    more: bool,
    below: Vec<Tree>,
    /// Shared with lines that are yet to be written.
    group: Option<Arc<Group>>,
    files: Files,
}

/// What a walk found.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Walk {
    /// Pods and containers.
    pub(crate) owned: usize,
    /// Slices, services and scopes.
    pub(crate) units: usize,
    /// Groups beyond the most that are served.
    pub(crate) left_out: usize,
}

/// The most units that are served. Beyond, those that come last by path are left out.
pub(crate) const MOST_UNITS: usize = 512;
/// The most pods and containers that are served.
const MOST_OWNED: usize = 4096;
/// The most directories that are looked at in one directory.
const MOST_BELOW: usize = 8192;

// === impl Tree ===

impl Tree {
    /// The machine's own group, and nothing known below it.
    pub(crate) fn new() -> Self {
        Self::at("", Place::Root)
    }

    fn at(name: &str, place: Place) -> Self {
        Self {
            name: name.into(),
            place,
            seen: None,
            more: false,
            below: Vec::new(),
            group: None,
            files: Files::default(),
        }
    }

    /// Finds which groups there are; which units are wanted, `units` says.
    pub(crate) fn walk(&mut self, reader: &Reader, units: &mut Filter) -> Walk {
        let mut walk = Walk::default();
        self.step(&mut String::new(), None, 0, &mut (reader, units, &mut walk));
        walk
    }

    fn step(
        &mut self,
        path: &mut String,
        pod: Option<&Arc<str>>,
        depth: usize,
        with: &mut (&Reader, &mut Filter, &mut Walk),
    ) {
        let here = path.len();
        if depth > 0 {
            path.push('/');
            path.push_str(&self.name);
        }
        let pod = match &self.place {
            Place::Pod(uid) | Place::Container(_, Some(uid)) => Some(Arc::clone(uid)),
            _ => pod.cloned(),
        };
        self.serve(path, pod.as_ref(), with);
        if depth < DEPTH && self.place.opens(&self.name) {
            self.list(path, with.0);
            for tree in &mut self.below {
                tree.step(path, pod.as_ref(), depth + 1, with);
            }
        }
        path.truncate(here);
    }

    /// Makes the group, where it is served.
    fn serve(
        &mut self,
        path: &str,
        pod: Option<&Arc<str>>,
        (_, units, walk): &mut (&Reader, &mut Filter, &mut Walk),
    ) {
        let served = match &self.place {
            Place::Root => true,
            Place::Pod(_) | Place::Container(..) => {
                walk.owned += 1;
                walk.owned <= MOST_OWNED
            }
            Place::Unit => {
                if !units.keeps(path) {
                    self.group = None;
                    return;
                }
                walk.units += 1;
                walk.units <= MOST_UNITS
            }
        };
        if !served {
            walk.left_out += 1;
            self.group = None;
        } else if self.group.is_none() {
            self.group = Some(Arc::new(Group::new(path, &self.place, pod.cloned())));
            self.files = Files::default();
        }
    }

    /// Brings what is below up to date.
    fn list(&mut self, path: &str, reader: &Reader) {
        let Some(now) = reader.links(path) else {
            self.below.clear();
            self.seen = None;
            return;
        };
        if self.seen.is_some_and(|seen| seen.1 != now.1) {
            // Another one of the same name: nothing of the old one is below it.
            self.below.clear();
        }
        let all_are_read = !self.more && self.below.iter().all(|tree| tree.group.is_some());
        if now.0 != 1 && self.seen == Some(now) && all_are_read {
            return;
        }
        self.seen = Some(now);
        let Some(names) = reader.directories(path) else {
            self.below.clear();
            return;
        };
        let all = names.len();
        let mut old = std::mem::take(&mut self.below);
        let mut names: Vec<_> = names
            .into_iter()
            .filter_map(|name| Some((Place::named(&name)?, name)))
            .take(MOST_BELOW)
            .collect();
        names.sort_unstable_by(|(_, a), (_, b)| a.cmp(b));
        for (place, name) in names {
            // Both are sorted: what comes before is gone.
            let known = old.iter().position(|tree| *tree.name >= *name);
            old.drain(..known.unwrap_or(old.len()));
            let same = old.first().is_some_and(|tree| *tree.name == *name);
            self.below.push(if same { old.remove(0) } else { Self::at(&name, place) });
        }
        self.more = self.below.len() < all;
        self.below.shrink_to_fit();
    }

    /// Reads the groups that were not read in this round; whether this one is still there.
    pub(crate) fn read(&mut self, above: Still, reader: &mut Reader) -> bool {
        let (mut there, mut still) = (true, above);
        if let Some(group) = &mut self.group {
            there = Arc::make_mut(group).read(&mut self.files, above, reader)
                || matches!(self.place, Place::Root);
            still = self.files.still();
        }
        let all = self.below.len();
        self.below.retain_mut(|tree| tree.read(still, reader));
        if self.below.len() < all {
            self.seen = None;
            reader.lost = true;
        }
        there
    }

    /// Every group, to change.
    pub(crate) fn groups_mut<'a>(&'a mut self, out: &mut Vec<&'a mut Group>) {
        out.extend(self.group.as_mut().map(Arc::make_mut));
        self.below.iter_mut().for_each(|tree| tree.groups_mut(out));
    }

    /// Every group, in the order of their paths.
    pub(crate) fn groups(&self, out: &mut Vec<Arc<Group>>) {
        out.extend(self.group.clone());
        self.below.iter().for_each(|tree| tree.groups(out));
    }

    /// Calls `each` with every group and those right below it, from the top.
    pub(crate) fn each(&mut self, each: &mut impl FnMut(&mut Group, &mut [&mut Group])) {
        if let Some(group) = &mut self.group {
            let below =
                self.below.iter_mut().filter_map(|tree| tree.group.as_mut().map(Arc::make_mut));
            each(Arc::make_mut(group), &mut below.collect::<Vec<_>>());
        }
        self.below.iter_mut().for_each(|tree| tree.each(each));
    }
}
