//! What a control group is, by its name and what is above it: a container, a pod, a slice, a service.
//!
//! | path | what it is |
//! |---|---|
//! | `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod<uid>.slice` | a pod (driver systemd; the uid's dashes are underscores) |
//! | `/kubepods/burstable/pod<uid>` | a pod (driver cgroupfs) |
//! | `…/cri-containerd-<id>.scope`, `…/crio-<id>.scope`, `…/docker-<id>.scope`, `…/libpod-<id>.scope` | a container |
//! | `…/<id>`, `…/crio-<id>`, `/docker/<id>` | a container (driver cgroupfs) |
//! | `…/kubepods-burstable-pod<uid>.slice:cri-containerd:<id>` | a container of that pod (driver cgroupfs of the runtime alone) |
//! | `…/crio-conmon-<id>.scope`, `…/libpod-conmon-<id>.scope` | who watches a container: left out, as cAdvisor does |
//! | `*.mount` | left out, as cAdvisor does |
//! | `session-*.scope`, `run-*` | left out: their names never come back |
//!
//! An id is 64 hexadecimal digits. Nothing below a container is a group of its own here, nor what is
//! below a service that is no container runtime: there its own parts and users' names begin.

use collect::fold;
use model::Role;
use std::sync::Arc;

/// What a control group is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The machine.
    Root,
    /// A slice, a service, a scope, or any directory between.
    Unit,
    /// A pod, by the uid in its path, with dashes.
    Pod(Arc<str>),
    /// A container by its id; the uid of a pod that its own name tells.
    Container(Arc<str>, Option<Arc<str>>),
}

/// How deep groups are looked for.
pub(crate) const DEPTH: usize = 10;

// === impl Place ===

impl Place {
    /// What a directory of this name is; `None` for what is left out with all below it.
    pub(crate) fn named(name: &str) -> Option<Self> {
        if name.strip_suffix(".mount").is_some() {
            return None;
        }
        // systemd puts an underscore before names that the kernel has for itself.
        let name = name.strip_prefix('_').unwrap_or(name);
        let stem = name.strip_suffix(".scope").unwrap_or(name);
        let (before, id) = stem.rsplit_once(['-', ':']).unwrap_or(("", stem));
        if id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit()) {
            if before.ends_with("conmon") {
                return None;
            }
            let slice = before.split_once(':').map_or("", |(slice, _)| slice);
            return Some(Self::Container(id.into(), pod_uid(slice)));
        }
        if let Some(uid) = pod_uid(name) {
            return Some(Self::Pod(uid));
        }
        if fold::pattern(name).is_some() {
            return None;
        }
        Some(Self::Unit)
    }

    /// Whether groups below it, whose name is `name`, may be groups of their own.
    pub(crate) fn opens(&self, name: &str) -> bool {
        match self {
            Self::Root | Self::Pod(_) => true,
            Self::Container(..) => false,
            Self::Unit if name.strip_suffix(".service").is_some() => {
                matches!(Role::of(name), Some(Role::Kubelet | Role::Runtime))
            }
            Self::Unit => name.strip_suffix(".scope").is_none(),
        }
    }
}

/// The uid in a pod's directory name: a UUID, or the 32 digits of a static pod's hash.
fn pod_uid(name: &str) -> Option<Arc<str>> {
    let slice = name.strip_suffix(".slice");
    let stem = slice.unwrap_or(name);
    let (before, uid) = stem.rsplit_once("pod")?;
    let before = before.strip_suffix('-').unwrap_or(before);
    // `pod<uid>` by itself, or with the names of all slices above it.
    if !before.is_empty() && slice.is_none() {
        return None;
    }
    let uid = uid.replace('_', "-");
    let digits = uid.bytes().filter(u8::is_ascii_hexdigit).count();
    let dashes = uid.bytes().filter(|b| *b == b'-').count();
    let whole = digits == 32 && uid.len() == digits + dashes && matches!(dashes, 0 | 4);
    whole.then(|| uid.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table() {
        let id = "0123456789abcdef".repeat(4);
        let uid = "3b1f7cf6-6a0e-4a5e-9f53-0c5f1d0a4b11";
        let under = uid.replace('-', "_");
        let hash = "0123456789abcdef0123456789abcdef";
        let container =
            |pod: Option<&str>| Some(Place::Container(id.as_str().into(), pod.map(Into::into)));
        let pod = |uid: &str| Some(Place::Pod(uid.into()));
        for (name, place) in [
            (format!("kubepods-besteffort-pod{under}.slice"), pod(uid)),
            (format!("kubepods-pod{hash}.slice"), pod(hash)),
            (format!("pod{uid}"), pod(uid)),
            (format!("pod{hash}"), pod(hash)),
            (format!("tripod{uid}"), Some(Place::Unit)),
            ("podman.service".into(), Some(Place::Unit)),
            (format!("cri-containerd-{id}.scope"), container(None)),
            (format!("crio-{id}.scope"), container(None)),
            (format!("docker-{id}.scope"), container(None)),
            (format!("libpod-{id}.scope"), container(None)),
            (id.clone(), container(None)),
            (format!("crio-{id}"), container(None)),
            (
                format!("kubepods-burstable-pod{under}.slice:cri-containerd:{id}"),
                container(Some(uid)),
            ),
            (format!("crio-conmon-{id}.scope"), None),
            (format!("libpod-conmon-{id}.scope"), None),
            (format!("cri-containerd-{}.scope", id.replace('a', "z")), Some(Place::Unit)),
            ("dev-hugepages.mount".into(), None),
            ("session-3.scope".into(), None),
            ("run-u7.service".into(), None),
            ("system.slice".into(), Some(Place::Unit)),
            ("kubepods".into(), Some(Place::Unit)),
            ("web.service".into(), Some(Place::Unit)),
        ] {
            assert_eq!(Place::named(&name), place, "{name}");
        }
    }

    #[test]
    fn what_may_have_groups_below() {
        for (name, opens) in [
            ("system.slice", true),
            ("burstable", true),
            ("containerd.service", true),
            ("web.service", false),
            ("user@1000.service", false),
            ("init.scope", false),
        ] {
            assert_eq!(Place::Unit.opens(name), opens, "{name}");
        }
    }
}
