//! Whose a control group is: a unit, a container, a pod. By its path alone, as the kernel prints it in
//! the message about an OOM kill.
//!
//! | path | whose |
//! |---|---|
//! | `/system.slice/web.service/sub` | the unit `web.service` |
//! | `/user.slice/user-1000.slice/user@1000.service/app.slice/a.service` | the unit `user@1000.service`: the user's own units are below it |
//! | `/kubepods.slice/…-pod<uid>.slice/cri-containerd-<id>.scope` | the pod and the container (driver systemd; the uid's dashes are underscores) |
//! | `/kubepods/burstable/pod<uid>/<id>` | the same (driver cgroupfs) |
//! | `/system.slice/docker-<id>.scope`, `/docker/<id>`, `/machine.slice/libpod-<id>.scope` | the container |

/// Whose a control group is; what is not known is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Owner {
    /// The first unit on the path that is no slice.
    pub(crate) unit: String,
    /// The pod's uid, with dashes.
    pub(crate) pod: String,
    /// The container's id, 64 hexadecimal digits.
    pub(crate) container: String,
}

/// Kinds of units that hold processes.
const KINDS: [&str; 5] = [".service", ".scope", ".mount", ".socket", ".swap"];

// === impl Owner ===

impl Owner {
    /// The owner of a control group's path.
    pub(crate) fn of(path: &str) -> Self {
        let mut owner = Self::default();
        // What a user names below the manager that the user has is no pod, whatever it is called.
        let pods = !path.trim_start_matches('/').starts_with("user.slice/");
        for part in path.split('/') {
            // systemd puts an underscore before names that the kernel has for itself.
            let part = part.strip_prefix('_').unwrap_or(part);
            let stem = part.rsplit_once('.').map_or(part, |(stem, _)| stem);
            if owner.unit.is_empty() && KINDS.iter().any(|kind| part.ends_with(kind)) {
                part.clone_into(&mut owner.unit);
            }
            if pods && let Some(uid) = stem.rsplit_once("pod").and_then(|(_, uid)| uid_of(uid)) {
                owner.pod = uid;
            }
            let id = stem.rsplit_once('-').map_or(stem, |(_, id)| id);
            if id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit()) {
                id.clone_into(&mut owner.container);
            }
        }
        if !owner.pod.is_empty() || !owner.container.is_empty() && is_scope(&owner.unit) {
            // The scope is the container's own: its name says nothing that the id does not.
            owner.unit.clear();
        }
        owner
    }
}

fn is_scope(unit: &str) -> bool {
    unit.rsplit_once('.').is_some_and(|(_, kind)| kind == "scope")
}

/// A uid as the API has it: a UUID, or the 32 digits of a mirror pod's hash.
fn uid_of(text: &str) -> Option<String> {
    let uid = text.replace('_', "-");
    let digits = uid.bytes().filter(u8::is_ascii_hexdigit).count();
    let dashes = uid.bytes().filter(|b| *b == b'-').count();
    (digits == 32 && uid.len() == digits + dashes && matches!(dashes, 0 | 4)).then_some(uid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners() {
        let id = "0123456789abcdef".repeat(4);
        let uid = "3b1f7cf6-6a0e-4a5e-9f53-0c5f1d0a4b11";
        let under = uid.replace('-', "_");
        let static_pod = "0123456789abcdef0123456789abcdef";
        for (path, unit, pod, container) in [
            ("/", "", "", ""),
            ("/system.slice/web.service", "web.service", "", ""),
            ("/system.slice/web.service/workers", "web.service", "", ""),
            (
                "/user.slice/user-1000.slice/user@1000.service/app.slice/app-x.service",
                "user@1000.service",
                "",
                "",
            ),
            ("/user.slice/user-0.slice/session-3.scope", "session-3.scope", "", ""),
            ("/init.scope", "init.scope", "", ""),
            ("/system.slice/_cpu.service", "cpu.service", "", ""),
            (&format!("/kubepods/burstable/pod{uid}/{id}"), "", uid, &id),
            (&format!("/kubepods/pod{static_pod}/{id}"), "", static_pod, &id),
            (
                &format!(
                    "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{under}.slice/cri-containerd-{id}.scope"
                ),
                "",
                uid,
                &id,
            ),
            (
                &format!("/docker/{id}/kubelet/kubepods/besteffort/pod{uid}/{}", "f".repeat(64)),
                "",
                uid,
                &"f".repeat(64),
            ),
            (&format!("/docker/{id}"), "", "", &id),
            (&format!("/system.slice/docker-{id}.scope"), "", "", &id),
            (&format!("/machine.slice/libpod-{id}.scope/container"), "", "", &id),
            ("/system.slice/podman.service", "podman.service", "", ""),
            ("/../../../../..", "", "", ""),
            (
                &format!("/user.slice/user-1.slice/user@1.service/pod{uid}"),
                "user@1.service",
                "",
                "",
            ),
        ] {
            let owner = Owner { unit: unit.into(), pod: pod.into(), container: container.into() };
            assert_eq!(Owner::of(path), owner, "{path}");
        }
    }
}
