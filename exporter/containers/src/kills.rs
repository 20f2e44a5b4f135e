//! `container_oom_events_total`: OOM kills as the kernel's log tells them, by the victim's control group.
//!
//! The kernel's log is read by the journal's source, which tells the model; without it every count is
//! 0, as in a cAdvisor that has just begun. A container that was killed is gone with its group before
//! anybody can count: its row stays, with the labels that it had, for as long as its pod is there: its
//! group, or the pod itself, which a Job that was killed leaves behind.

use crate::{
    group::Group,
    labels::{self, Labels},
    names::Place,
};
use model::{Kills, Pods};
use std::{collections::HashMap, sync::Arc};

/// Containers that were killed and are gone: their labels, and how often.
#[derive(Debug, Default)]
pub(crate) struct Gone(HashMap<Box<str>, (Arc<Labels>, u64)>);

// === impl Gone ===

impl Gone {
    /// Brings the counts of the groups and of those that are gone up to date.
    pub(crate) fn update(&mut self, groups: &mut [&mut Group], kills: &Kills, pods: &Pods) {
        for group in groups.iter_mut() {
            group.kills = 0;
        }
        if kills.is_empty() {
            self.0.clear();
            return;
        }
        let mut there = HashMap::new();
        for (victim, count) in kills.iter() {
            let hit = groups.iter_mut().find(|group| match &group.place {
                Place::Container(id, _) => **id == *victim.container,
                Place::Unit if victim.container.is_empty() => {
                    let name = group.path.rsplit('/').next().unwrap_or_default();
                    !name.is_empty() && name.strip_prefix('_').unwrap_or(name) == victim.unit
                }
                _ => false,
            });
            if let Some(group) = hit {
                group.kills = group.kills.saturating_add(count);
                continue;
            }
            if victim.container.is_empty() || victim.pod.is_empty() {
                continue;
            }
            let id = victim.container.as_str();
            let known = self.0.remove(id).map(|(labels, _)| labels);
            let labels = known.or_else(|| labels(victim.pod.as_str(), id, groups, pods));
            let is_there = pods.of_group(&victim.pod).is_some()
                || groups.iter().any(|group| is_pod(group, &victim.pod));
            if let Some(labels) = labels.filter(|_| is_there) {
                there.insert(id.into(), (labels, count));
            }
        }
        self.0 = there;
    }

    /// The rows, by no order of theirs.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Labels, u64)> {
        self.0.values().map(|(labels, count)| (&**labels, *count))
    }
}

fn is_pod(group: &Group, uid: &str) -> bool {
    matches!(&group.place, Place::Pod(own) if **own == *uid)
}

/// The labels of a container that is gone, by what the pod's status still says of it; its group was
/// called as those beside it are.
fn labels(uid: &str, id: &str, groups: &[&mut Group], pods: &Pods) -> Option<Arc<Labels>> {
    let (pod, container) = pods.of_container(id)?;
    let beside = groups.iter().find_map(|group| match &group.place {
        Place::Container(other, _) if group.pod.as_deref() == Some(uid) => {
            Some(group.path.replace(&**other, id))
        }
        _ => None,
    });
    let above = || {
        let pod = groups.iter().find(|group| is_pod(group, uid))?;
        Some(format!("{}/{id}", pod.path))
    };
    let path = beside.or_else(above)?;
    Some(Arc::new(labels::of_container(&path, uid, id, pod, container)))
}
