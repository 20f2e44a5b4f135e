//! Where the exporter runs: as nobody, and as in a pod that sees of its node the folder of the bus
//! and no more. Both serve the units that root does.

use super::{FLAGS, PORT, Site, has_units, state, up};
use crate::support::{
    child,
    scrape::{Scrape, Series},
    skip,
};
use std::collections::{BTreeMap, BTreeSet};

/// As the `DaemonSet` runs it. The folder is mounted, not the socket, which is another file after
/// each restart of the bus.
const POD: &str = "User=65534\nGroup=65534\nNoNewPrivileges=yes\nCapabilityBoundingSet=\n\
    PrivateDevices=yes\nMountAPIVFS=yes\nTemporaryFileSystem=/:ro\n\
    BindReadOnlyPaths=/shared/hybrid-exporter:/hybrid-exporter /run/dbus:/host/run/dbus \
    /lib /lib64 /usr/lib\n";

/// The series of a page whose families start so, without those of the exporters' own units.
fn series<'a>(page: &'a Scrape, prefix: &str) -> BTreeSet<&'a Series> {
    let own = |labels: &[(String, String)]| {
        labels.iter().any(|(_, value)| value == "exporter.service" || value == "other.service")
    };
    page.series.keys().filter(|(name, labels)| name.starts_with(prefix) && !own(labels)).collect()
}

/// Runs a second exporter beside root's, with these settings of its unit; both pages.
fn beside(site: &Site, program: &str, settings: &str) -> (Scrape, Scrape) {
    let flags = format!("{FLAGS} --web.listen-address=127.0.0.1:{}", PORT + 1);
    site.host.service("other", &format!("ExecStart={program} {flags}\n{settings}"));
    site.systemctl("start other.service");
    site.said("other", "listening");
    site.served();
    let page = child::wait("the other's units", super::GUARD, || {
        Some(site.page_of(PORT + 1, "/metrics")).filter(has_units)
    });
    (site.page("/metrics"), page)
}

#[test]
fn nobody_and_a_pod_see_what_root_sees() {
    let name = "systemd::places::nobody_and_a_pod_see_what_root_sees";
    let site = match Site::with_units(None) {
        Ok(site) => site,
        Err(reason) => return skip(name, &reason),
    };
    let settings = "User=nobody\nNoNewPrivileges=yes\nCapabilityBoundingSet=\n";
    let (root, nobody) = beside(&site, "/shared/hybrid-exporter", settings);
    for prefix in ["systemd_", "node_systemd_", "hybrid_unit_", "hybrid_timer_"] {
        let (root, nobody) = (series(&root, prefix), series(&nobody, prefix));
        let differ: Vec<_> = root.symmetric_difference(&nobody).collect();
        assert!(differ.is_empty(), "{prefix}: {differ:#?}");
        assert!(prefix == "hybrid_timer_" || root.len() > 50, "{prefix}: {}", root.len());
    }
    assert_eq!(up(&nobody), Some(1.0));
    site.systemctl("stop other.service");

    let (root, pod) = beside(&site, "/hybrid-exporter --path.rootfs=/host", POD);
    let uid = site.shell(&format!("grep ^Uid: /proc/{}/status", site.pid("other")));
    assert!(uid.contains("65534"), "{uid}");
    for prefix in ["systemd_", "node_systemd_"] {
        let (root, pod) = (series(&root, prefix), series(&pod, prefix));
        // Control groups are another mount's business.
        let differ = root.symmetric_difference(&pod);
        let differ: Vec<_> = differ.filter(|(name, _)| !name.ends_with("tasks_current")).collect();
        assert!(differ.is_empty(), "{prefix}: {differ:#?}");
        assert!(root.len() > 500, "{prefix}: {}", root.len());
    }
    // A new bus is a new socket.
    let made = |page: &Scrape| page.value("hybrid_systemd_connections_total", &[]);
    let before = made(&pod);
    site.systemctl("restart dbus.socket dbus.service");
    let back = child::wait("the units of the new bus", super::GUARD, || {
        let page = site.page_of(PORT + 1, "/metrics");
        Some(page).filter(|page| has_units(page) && made(page) > before)
    });
    assert_eq!(up(&back), Some(1.0));
}

#[test]
fn the_private_socket_says_the_same_without_a_bus() {
    let name = "systemd::places::the_private_socket_says_the_same_without_a_bus";
    let site = match Site::with_units(None) {
        Ok(site) => site,
        Err(reason) => return skip(name, &reason),
    };
    beside(&site, "/shared/hybrid-exporter --systemd.collector.private", "");
    let direct = || site.page_of(PORT + 1, "/metrics/systemd");
    let units = |series: &Series| {
        let (name, labels) = series;
        let other = labels.iter().any(|(_, v)| v == "exporter.service" || v == "other.service");
        (name.starts_with("systemd_") || name.starts_with("hybrid_unit_"))
            && !(name.ends_with("_tasks_current") && other)
    };
    let (ours, theirs) = site.steady("/metrics/systemd", units, || {
        let theirs = direct().series.into_iter();
        theirs.filter(|(series, _)| units(series)).collect::<BTreeMap<_, _>>()
    });
    assert!(theirs.len() > 1000, "only {} series", theirs.len());
    let differ: Vec<_> = ours.series.iter().filter(|(k, v)| theirs.get(*k) != Some(v)).collect();
    assert!(differ.is_empty(), "{differ:#?}");
    assert_eq!(ours.series.len(), theirs.len());
    // No bus is needed, neither for what changes nor for a systemd that begins anew.
    site.systemctl("stop dbus.service dbus.socket");
    let active = |page: &Scrape| state(page, "gen-0.timer", "active");
    assert_eq!(active(&direct()), Some(1.0));
    site.systemctl("stop gen-0.timer");
    let page = direct();
    // What stopped may be unloaded.
    assert!(has_units(&page) && active(&page) != Some(1.0));
    site.systemctl("daemon-reexec");
    child::wait("units after systemd began anew", super::GUARD, || {
        Some(direct()).filter(|page| has_units(page) && active(page) != Some(1.0))
    });
}
