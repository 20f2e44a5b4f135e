//! Names of units that come and go with sessions, commands and containers: whoever has a series for
//! each unit counts these by pattern, for their names never come back and would only fill the
//! database. Both systemd's units and the journal's entries are counted so.
//!
//! | pattern | what it is |
//! |---|---|
//! | `session-*.scope` | a login |
//! | `run-*` service, scope, timer, path, socket | `systemd-run`: `run-u7.service`, `run-r<hex>.scope`, `run-p<n>-i<n>.scope` |
//! | `*-<64 hex>.scope` | a container of docker, containerd, CRI-O or podman |
//! | `kubepods*-pod*.slice` | a pod |
//! | `var-lib-kubelet-pods-*.mount` | a pod's volume |
//! | `var-lib-containers-*.mount`, `var-lib-docker-*.mount`, `run-containerd-*.mount`, `run-docker-*.mount`, `run-netns-*.mount` | a container's file system |

/// Names of the patterns, as they stand in the label.
pub const PATTERNS: [&str; 6] = [
    "session-*.scope",
    "run-*",
    "*-<id>.scope",
    "kubepods*-pod*.slice",
    "var-lib-kubelet-pods-*.mount",
    "container mounts",
];

/// The index in [`PATTERNS`] of what the unit is folded into.
pub fn pattern(name: &str) -> Option<usize> {
    let (stem, suffix) = name.rsplit_once('.')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let hex = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit());
    match suffix {
        "scope" if stem.strip_prefix("session-").is_some_and(is_session) => Some(0),
        "service" | "scope" | "timer" | "path" | "socket" if is_run(stem, digits, hex) => Some(1),
        "scope" if stem.rsplit_once('-').is_some_and(|(_, id)| id.len() == 64 && hex(id)) => {
            Some(2)
        }
        "slice" if stem.starts_with("kubepods") && stem.contains("-pod") => Some(3),
        "mount" if stem.starts_with("var-lib-kubelet-pods-") => Some(4),
        "mount" if MOUNTS.iter().any(|prefix| stem.starts_with(prefix)) => Some(5),
        _ => None,
    }
}

const MOUNTS: [&str; 5] =
    ["var-lib-containers-", "var-lib-docker-", "run-containerd-", "run-docker-", "run-netns-"];

/// logind numbers sessions; those without audit have a `c` before the number.
fn is_session(id: &str) -> bool {
    let number = id.strip_prefix('c').unwrap_or(id);
    !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
}

fn is_run(stem: &str, digits: impl Fn(&str) -> bool, hex: impl Fn(&str) -> bool) -> bool {
    let Some(id) = stem.strip_prefix("run-") else { return false };
    if let Some(random) = id.strip_prefix('r') {
        return random.len() >= 16 && hex(random);
    }
    let numbered = |text: &str| match text.split_once("-i") {
        Some((process, inode)) => digits(process) && digits(inode),
        None => digits(text),
    };
    id.strip_prefix('u').is_some_and(&digits) || id.strip_prefix('p').is_some_and(numbered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table() {
        let id = "0123456789abcdef".repeat(4);
        for (name, folds) in [
            ("session-1.scope", Some(0)),
            ("session-c12.scope", Some(0)),
            ("session-x.scope", None),
            ("session-1.service", None),
            ("run-u7.service", Some(1)),
            ("run-r0123456789abcdef0123.scope", Some(1)),
            ("run-p12-i34.scope", Some(1)),
            ("run-backup.service", None),
            ("run-user.mount", None),
            (&format!("docker-{id}.scope"), Some(2)),
            (&format!("cri-containerd-{id}.scope"), Some(2)),
            ("cri-containerd-abc.scope", None),
            ("kubepods-burstable-pod12_3.slice", Some(3)),
            ("kubepods-burstable.slice", None),
            (r"var-lib-kubelet-pods-x\x2dy-volumes.mount", Some(4)),
            ("run-netns-cni.mount", Some(5)),
            ("ssh.service", None),
            ("nothing", None),
        ] {
            assert_eq!(pattern(name), folds, "{name}");
        }
    }
}
