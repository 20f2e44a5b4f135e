//! The units that matter to a node, and what each is to it.
//!
//! | role | units |
//! |---|---|
//! | `Kubelet` | `kubelet`; what has the kubelet inside: `k3s`, `k3s-agent`, `rke2-server`, `rke2-agent`, `k0scontroller`, `k0sworker`, `snap.microk8s.daemon-kubelite`, `snap.kubelet-eks.daemon` |
//! | `Runtime` | `containerd`, `crio`, `cri-o`, `docker`, `cri-docker`, `podman`, `snap.microk8s.daemon-containerd` |
//! | `Bus` | `dbus`, `dbus-broker` |
//! | `Journal` | `systemd-journald` and its instances |
//! | `Devices` | `systemd-udevd` |
//! | `Login` | `systemd-logind` |
//! | `Network` | `systemd-networkd`, `NetworkManager`, `wicked`, `networking` |
//! | `Names` | `systemd-resolved`, `dnsmasq`, `unbound`, `named`, `nscd` |
//! | `Time` | `systemd-timesyncd`, `chronyd`, `chrony`, `ntpd`, `ntp`, `ntpsec` |
//! | `Init` | every other `systemd-*`, and `init.scope`, which is systemd itself |
//!
//! Each stands for the `.service` and for the `.socket` by which it may be started; an instance
//! (`systemd-journald@audit`) has its template's role.

/// What a unit is to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Runs the node's pods.
    Kubelet,
    /// Runs containers.
    Runtime,
    /// Carries what services say to each other.
    Bus,
    /// Keeps the log.
    Journal,
    /// Names devices.
    Devices,
    /// Keeps sessions.
    Login,
    /// Configures interfaces and routes.
    Network,
    /// Looks names up.
    Names,
    /// Sets the clock.
    Time,
    /// systemd itself, and its other parts.
    Init,
}

const TABLE: [(Role, &[&str]); 9] = [
    (
        Role::Kubelet,
        &[
            "kubelet",
            "k3s",
            "k3s-agent",
            "rke2-server",
            "rke2-agent",
            "k0scontroller",
            "k0sworker",
            "snap.microk8s.daemon-kubelite",
            "snap.kubelet-eks.daemon",
        ],
    ),
    (
        Role::Runtime,
        &[
            "containerd",
            "crio",
            "cri-o",
            "docker",
            "cri-docker",
            "podman",
            "snap.microk8s.daemon-containerd",
        ],
    ),
    (Role::Bus, &["dbus", "dbus-broker"]),
    (Role::Journal, &["systemd-journald", "systemd-journald-dev-log", "systemd-journald-audit"]),
    (Role::Devices, &["systemd-udevd", "systemd-udevd-control", "systemd-udevd-kernel"]),
    (Role::Login, &["systemd-logind"]),
    (Role::Network, &["systemd-networkd", "NetworkManager", "wicked", "networking"]),
    (Role::Names, &["systemd-resolved", "dnsmasq", "unbound", "named", "nscd"]),
    (Role::Time, &["systemd-timesyncd", "chronyd", "chrony", "ntpd", "ntp", "ntpsec"]),
];

// === impl Role ===

impl Role {
    /// What the unit is to a node; `None` for one that a node can do without.
    pub fn of(unit: &str) -> Option<Self> {
        if unit == "init.scope" {
            return Some(Self::Init);
        }
        let (stem, "service" | "socket") = unit.rsplit_once('.')? else { return None };
        let template = stem.split_once('@').map_or(stem, |(template, _)| template);
        let row = TABLE.iter().find(|(_, names)| names.contains(&template));
        match row {
            Some((role, _)) => Some(*role),
            None => template.starts_with("systemd-").then_some(Self::Init),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table() {
        for (unit, role) in [
            ("kubelet.service", Some(Role::Kubelet)),
            ("snap.microk8s.daemon-kubelite.service", Some(Role::Kubelet)),
            ("docker.socket", Some(Role::Runtime)),
            ("dbus.socket", Some(Role::Bus)),
            ("systemd-journald@audit.service", Some(Role::Journal)),
            ("systemd-journald-dev-log.socket", Some(Role::Journal)),
            ("systemd-udevd-kernel.socket", Some(Role::Devices)),
            ("systemd-fsck@dev-sda1.service", Some(Role::Init)),
            ("init.scope", Some(Role::Init)),
            ("docker.slice", None),
            ("my-kubelet.service", None),
            ("systemd.service", None),
            ("system-systemd\\x2dfsck.slice", None),
            ("kubelet", None),
            ("", None),
        ] {
            assert_eq!(Role::of(unit), role, "{unit}");
        }
    }
}
