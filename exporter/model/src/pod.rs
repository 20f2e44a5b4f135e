//! The pods of this node: how each is called, and the ways to it from a control group's path, which
//! has a pod's uid, and from a container's id.
//!
//! The kubelet runs a pod that it read from a file under a uid of its own, the hash of the file: it
//! is the annotation `kubernetes.io/config.hash` of the mirror that the API server has, and stands in
//! the paths of control groups where others have their uid.

use crate::{claims::Claims, index::Index};
use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

/// A pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pod {
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// `kubernetes.io/config.hash`, which only mirrors of static pods have.
    pub config_hash: Option<Arc<str>>,
    /// Its label `k8s-app`, by which parts of the cluster itself are known.
    pub app: Option<Arc<str>>,
    /// Its address.
    pub ip: Option<IpAddr>,
    /// The port that one of its containers calls `metrics`.
    pub metrics_port: Option<u16>,
    /// Its containers that have been made, of every kind.
    pub containers: Vec<Container>,
    /// Its persistent volumes; nothing where it has none, as most pods.
    pub claims: Option<Arc<Claims>>,
}

/// A container of a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Container {
    /// The runtime's id without the runtime's name: of `containerd://<id>`, what follows.
    pub id: Arc<str>,
    /// The id of the one that ran before it, where the pod's status still tells.
    pub previous: Option<Arc<str>>,
    /// Its name in the pod.
    pub name: Arc<str>,
    /// Its image as the status has it.
    pub image: Arc<str>,
    /// What it is for.
    pub kind: ContainerKind,
}

/// What a container is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ContainerKind {
    /// The pod's work.
    #[default]
    Normal,
    /// Runs before it, or beside it as a sidecar.
    Init,
    /// Was added to look into it.
    Ephemeral,
}

/// Every pod of this node that a source told of, by uid.
#[derive(Debug, Default)]
pub struct Pods {
    all: BTreeMap<Arc<str>, Pod>,
    hashes: Index<Arc<str>>,
    containers: Index<Arc<str>>,
    revision: u64,
    told: bool,
}

// === impl Pods ===

impl Pods {
    /// A pod by its uid in the API.
    pub fn get(&self, uid: &str) -> Option<&Pod> {
        self.all.get(uid)
    }

    /// Every pod, by uid.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Pod)> {
        self.all.iter()
    }

    /// How many pods there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Whether a source has told which pods there are, were it none.
    pub fn is_told(&self) -> bool {
        self.told
    }

    /// Another number after each change: who derives something from the pods need not look while it
    /// stays.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The pod of a control group, by the uid in its path: the one in the API, or a static pod's hash.
    pub fn of_group(&self, uid: &str) -> Option<&Pod> {
        let by_hash = || self.all.get(&**self.hashes.get(uid).next()?);
        self.all.get(uid).or_else(by_hash)
    }

    /// A container that runs or ran last, and its pod.
    pub fn of_container(&self, id: &str) -> Option<(&Pod, &Container)> {
        let pod = self.all.get(&**self.containers.get(id).next()?)?;
        let container = pod.containers.iter().find(|container| container.has(id))?;
        Some((pod, container))
    }

    /// Notes what a pod is now.
    pub fn apply(&mut self, uid: &Arc<str>, pod: Pod) {
        if self.all.get(uid) == Some(&pod) {
            return;
        }
        self.delete(uid);
        if let Some(hash) = &pod.config_hash {
            self.hashes.add(Arc::clone(hash), uid);
        }
        for id in pod.containers.iter().flat_map(Container::ids) {
            self.containers.add(Arc::clone(id), uid);
        }
        self.all.insert(Arc::clone(uid), pod);
        self.revision = self.revision.wrapping_add(1);
    }

    /// Forgets a pod that is gone.
    pub fn delete(&mut self, uid: &str) {
        let Some(pod) = self.all.remove(uid) else { return };
        if let Some(hash) = &pod.config_hash {
            self.hashes.remove(&**hash, uid);
        }
        for id in pod.containers.iter().flat_map(Container::ids) {
            self.containers.remove(&**id, uid);
        }
        self.revision = self.revision.wrapping_add(1);
    }

    /// Puts these pods, which are all of the node's, in place of all that were known.
    pub fn reset(&mut self, pods: impl IntoIterator<Item = (Arc<str>, Pod)>) {
        let revision = self.revision.wrapping_add(1);
        *self = Self { revision, told: true, ..Self::default() };
        for (uid, pod) in pods {
            self.apply(&uid, pod);
        }
    }

    /// Nobody tells of them any more.
    pub fn forget(&mut self) {
        let revision = self.revision.wrapping_add(1);
        *self = Self { revision, ..Self::default() };
    }
}

// === impl Container ===

impl Container {
    fn ids(&self) -> impl Iterator<Item = &Arc<str>> {
        let ids = std::iter::once(&self.id).chain(&self.previous);
        ids.filter(|id| !id.is_empty())
    }

    fn has(&self, id: &str) -> bool {
        self.ids().any(|own| **own == *id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str, hash: Option<&str>, ids: &[(&str, Option<&str>)]) -> Pod {
        let container = |(id, previous): &(&str, Option<&str>)| Container {
            id: (*id).into(),
            previous: previous.map(Into::into),
            name: "app".into(),
            ..Container::default()
        };
        Pod {
            namespace: "default".into(),
            name: name.into(),
            config_hash: hash.map(Into::into),
            containers: ids.iter().map(container).collect(),
            ..Pod::default()
        }
    }

    #[test]
    fn indexes_keep_step() {
        let (a, b): (Arc<str>, Arc<str>) = ("uid-a".into(), "uid-b".into());
        let mut pods = Pods::default();
        assert!(!pods.is_told() && pods.is_empty());
        pods.reset([(Arc::clone(&a), pod("a", None, &[("1", None), ("", None)]))]);
        assert!(pods.is_told());
        let first = pods.revision();
        pods.apply(&b, pod("b", Some("hash"), &[("2", None)]));
        assert_ne!(pods.revision(), first);
        let name = |pod: Option<&Pod>| pod.map(|pod| pod.name.to_string());
        let of_container = |pods: &Pods, id| name(pods.of_container(id).map(|(pod, _)| pod));
        assert_eq!(name(pods.of_group("uid-a")).as_deref(), Some("a"));
        assert_eq!(name(pods.of_group("hash")).as_deref(), Some("b"));
        assert_eq!(of_container(&pods, "2").as_deref(), Some("b"));
        // A container that has not been made yet has no id.
        assert_eq!(of_container(&pods, ""), None);
        // The container was killed and runs again: both ids lead to it, the one before them to none.
        pods.apply(&a, pod("a", None, &[("3", Some("1"))]));
        assert_eq!(of_container(&pods, "3").as_deref(), Some("a"));
        assert_eq!(of_container(&pods, "1").as_deref(), Some("a"));
        pods.apply(&a, pod("a", None, &[("4", Some("3"))]));
        assert_eq!(of_container(&pods, "1"), None);
        let same = pods.revision();
        pods.apply(&a, pod("a", None, &[("4", Some("3"))]));
        assert_eq!(pods.revision(), same);
        pods.delete("uid-b");
        pods.delete("uid-b");
        assert_eq!((name(pods.of_group("hash")), of_container(&pods, "2")), (None, None));
        pods.reset([]);
        assert!(pods.is_empty() && pods.is_told() && pods.of_container("4").is_none());
        assert!(pods.revision() > same);
        pods.forget();
        assert!(!pods.is_told());
    }
}
