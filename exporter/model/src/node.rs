//! The Node that this process runs on, as the API server has it: how it fares, what keeps pods away from it,
//! what they may use, and where its kubelet is.

use std::{net::IpAddr, sync::Arc, time::SystemTime};

/// A Node.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node {
    /// Its name.
    pub name: Arc<str>,
    /// Whether the scheduler passes it over: `kubectl cordon`.
    pub unschedulable: bool,
    /// What pods must tolerate to be there.
    pub taints: Vec<Taint>,
    /// `Ready`, `MemoryPressure` and others, in the order of its status.
    pub conditions: Vec<Condition>,
    /// What pods may ask for, in cores, bytes or pieces, by the resource's name; sorted.
    pub allocatable: Vec<(Arc<str>, f64)>,
    /// Its addresses of type `InternalIP`, in their order.
    pub internal_ips: Vec<IpAddr>,
    /// The port of its kubelet, where that is told.
    pub kubelet_port: Option<u16>,
}

/// What pods must tolerate to be on a Node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taint {
    /// Its key.
    pub key: Arc<str>,
    /// Its value; often empty.
    pub value: Arc<str>,
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
    pub effect: Arc<str>,
}

/// A condition of a Node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Its type, such as `Ready`.
    pub kind: Arc<str>,
    /// Whether it holds; none where nobody knows, as of a Node whose kubelet is silent.
    pub holds: Option<bool>,
    /// Why, in one word.
    pub reason: Arc<str>,
    /// Why, for people.
    pub message: Arc<str>,
    /// Since when it is as it is.
    pub since: Option<SystemTime>,
    /// When the kubelet told it last.
    pub heard: Option<SystemTime>,
}

/// The Node of this process, where a source has told of it.
#[derive(Debug, Default)]
pub struct OwnNode {
    node: Option<(Arc<str>, Node)>,
    told: bool,
}

// === impl Node ===

impl Node {
    /// A condition by its type.
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        self.conditions.iter().find(|condition| *condition.kind == *kind)
    }
}

// === impl OwnNode ===

impl OwnNode {
    /// The Node, where there is one.
    pub fn get(&self) -> Option<&Node> {
        self.node.as_ref().map(|(_, node)| node)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.node.is_none()
    }

    /// Whether a source tells of it, were it that there is none.
    pub fn is_told(&self) -> bool {
        self.told
    }

    /// Notes what it is now.
    pub fn apply(&mut self, uid: &Arc<str>, node: Node) {
        self.node = Some((Arc::clone(uid), node));
    }

    /// Forgets it, if it is still this one: a Node may be made again under its name.
    pub fn delete(&mut self, uid: &str) {
        self.node.take_if(|(own, _)| **own == *uid);
    }

    /// Puts what a source tells in place of all that was known.
    pub fn reset(&mut self, nodes: impl IntoIterator<Item = (Arc<str>, Node)>) {
        *self = Self { node: nodes.into_iter().last(), told: true };
    }

    /// Nobody tells of it any more.
    pub fn forget(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_was_made_again_stays() {
        let (old, new): (Arc<str>, Arc<str>) = ("1".into(), "2".into());
        let node = |name: &str| Node { name: name.into(), ..Node::default() };
        let mut own = OwnNode::default();
        assert!(!own.is_told() && own.get().is_none());
        own.reset([(Arc::clone(&old), node("a"))]);
        own.apply(&new, node("a"));
        own.delete(&old);
        assert!(own.is_told() && own.get().is_some());
        own.delete(&new);
        assert!(own.is_told() && own.get().is_none(), "it is known that there is none");
        own.forget();
        assert!(!own.is_told());
    }
}
