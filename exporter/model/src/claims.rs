//! What a pod's spec tells of its persistent volumes: which claims they are of, and where its containers
//! have them.
//!
//! A claim is known by its name; the volume that it is bound to, and that the kubelet's directories are
//! called after, by another one, which a pod does not tell. Where containers mount it leads from the one
//! to the other.

use std::sync::Arc;

/// The claims of a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// Each once, by the name that it has in the pod's namespace.
    pub all: Vec<Claim>,
    /// Names of volumes that a driver mounts for the pod without any claim, such as NFS or CSI in the
    /// pod's spec: their directories stand beside those of claims.
    pub inline: Vec<Arc<str>>,
}

/// A claim that a pod uses as a file system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claim {
    /// Its name.
    pub name: Arc<str>,
    /// Where the pod's containers have it.
    pub mounts: Vec<ClaimMount>,
}

/// Where a container has a volume.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimMount {
    /// The container's name.
    pub container: Arc<str>,
    /// The path in the container, as the spec has it.
    pub path: Arc<str>,
    /// Whether all of the volume is there, and not something below its root (`subPath`).
    pub whole: bool,
}
