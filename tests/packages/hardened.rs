//! The service in its sandbox: what systemd's own audit says of it, what the kernel says of its process, and what it
//! serves beside the same binary as root without any sandbox.

use super::{SERVICE, listens, page, page_of, property, serving};
use crate::{
    ground::{done, host::Host, text},
    support::{program, root, scrape::Scrape, skip},
};
use hybrid_exporter::registry;
use std::{collections::BTreeSet, fmt::Write as _};

/// What `systemd-analyze security` may say at most, in tenths.
const EXPOSURE: &str = "--threshold=20";

/// The port of the exporter that is not locked down.
const ROOTS: u16 = 10151;

/// Families that only root is served, where all collectors are on; the table in daemonset/systemd/README.md names them.
const ROOTS_FAMILIES: [&str; 7] = [
    "container_file_descriptors",
    "container_sockets",
    "node_slabinfo_active_objects",
    "node_slabinfo_object_size_bytes",
    "node_slabinfo_objects",
    "node_slabinfo_objects_per_slab",
    "node_slabinfo_pages_per_slab",
];
/// Collectors that fail without root.
const ROOTS_COLLECTORS: [&str; 1] = ["slabinfo"];

#[test]
fn the_unit_is_locked_down() {
    let name = "packages::hardened::the_unit_is_locked_down";
    if let Err(reason) = program("systemd-analyze") {
        return skip(name, &reason);
    }
    let unit = root().join("daemonset/systemd").join(SERVICE).display().to_string();
    let said = done(
        60,
        "systemd-analyze",
        &["security", "--offline=true", "--no-pager", EXPOSURE, &unit],
        b"",
    );
    assert!(said.contains("Overall exposure level"), "{said}");
}

/// Has the service and an exporter of root's serve every collector that there is, and compares.
pub(super) fn compare(host: &Host) {
    let audit = ["systemd-analyze", "security", "--no-pager", EXPOSURE, SERVICE];
    let said = host.run(60, &audit);
    note(said.lines().last().unwrap_or_default());

    let mut args = "ARGS=--systemd=on --journal=on --containers=on".to_owned();
    for spec in registry::specs().filter(|spec| registry::group(spec).mode.is_none()) {
        let _written = write!(args, " --collector.{}", spec.name);
    }
    host.run(20, &["cp", "/etc/default/hybrid-exporter", "/shared/default"]);
    host.write("/etc/default/hybrid-exporter", &args);
    let command = format!(
        "EnvironmentFile=/etc/default/hybrid-exporter\n\
         ExecStart=/usr/bin/hybrid-exporter $ARGS --web.listen-address=:{ROOTS}\n"
    );
    host.service("roots", &command);
    host.run(120, &["systemctl", "restart", SERVICE, "roots"]);
    serving(host);
    listens(host, "roots");
    sandboxed(host);

    // Both see the same moment only where nothing changes between two scrapes.
    let mut told = String::new();
    for _ in 0..100 {
        let (ours, roots) = (page(host, "/metrics"), page_of(host, ROOTS, "/metrics"));
        told = differences(&ours, &roots);
        if told.is_empty() {
            break;
        }
    }
    assert!(told.is_empty(), "{told}");
    host.run(60, &["systemctl", "stop", "roots"]);
    host.run(20, &["rm", "/etc/systemd/system/roots.service"]);
    host.run(20, &["cp", "/shared/default", "/etc/default/hybrid-exporter"]);
    host.run(60, &["systemctl", "daemon-reload"]);
    host.run(120, &["systemctl", "restart", SERVICE]);
}

/// What the locked-down exporter lacks beyond what is told, as lines of text.
fn differences(ours: &Scrape, roots: &Scrape) -> String {
    let mut told = String::new();
    let names = |page: &Scrape| -> BTreeSet<String> {
        // What is counted since a process began is each one's own.
        let own = ["hybrid_journal_", "hybrid_kernel_", "hybrid_http_", "process_"];
        let families = page.series.keys().map(|(name, _)| name.clone());
        families.filter(|name| !own.iter().any(|prefix| name.starts_with(prefix))).collect()
    };
    let (mut lacks, extra): (BTreeSet<_>, Vec<_>) = {
        let (ours, roots) = (names(ours), names(roots));
        (roots.difference(&ours).cloned().collect(), ours.difference(&roots).cloned().collect())
    };
    for known in ROOTS_FAMILIES {
        // Of its own processes the exporter may say all.
        let lost = lacks.remove(known) || known.starts_with("container_");
        if !lost && roots.series.keys().any(|(name, _)| name == known) {
            let _written = writeln!(told, "{known} needs no root");
        }
    }
    let _written = lacks.iter().try_for_each(|name| writeln!(told, "only root is served {name}"));
    let _written = extra.iter().try_for_each(|name| writeln!(told, "root is not served {name}"));
    for ((name, labels), value) in &roots.series {
        let label = labels.first().map_or("", |(_, value)| value.as_str());
        let ours = ours.series.get(&(name.clone(), labels.clone()));
        let same = match name.as_str() {
            "node_scrape_collector_success" => {
                let lost = ROOTS_COLLECTORS.contains(&label);
                ours.copied() == Some(if lost { 0.0 } else { *value })
            }
            // Sizes and kinds of what is mounted: a sandbox may show other mounts than the host's.
            "hybrid_source_up"
            | "node_filesystem_size_bytes"
            | "node_filesystem_files"
            | "node_filesystem_readonly"
            | "node_filesystem_device_error"
            | "node_filesystem_mount_info"
            | "node_uname_info"
            | "node_os_info" => ours == Some(value),
            _ => true,
        };
        if !same {
            let _written = writeln!(told, "{name}{labels:?}: root has {value}, we {ours:?}");
        }
    }
    told
}

/// What the kernel has to say of the service's process.
fn sandboxed(host: &Host) {
    let pid = property(host, "MainPID");
    let status = text(host.path(&format!("/proc/{pid}/status")));
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("no {name} in {status}")).trim().to_owned()
    };
    let user = host.run(20, &["id", "-u", "hybrid-exporter"]);
    assert_eq!(
        field("Uid").split_whitespace().collect::<BTreeSet<_>>(),
        BTreeSet::from([user.trim()])
    );
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(field(set), "0000000000000000", "{set}");
    }
    assert_eq!(field("NoNewPrivs"), "1");
    // A filter, not the strict mode.
    assert_eq!(field("Seccomp"), "2");
    let mounts = text(host.path(&format!("/proc/{pid}/mountinfo")));
    let root = mounts.lines().find(|line| line.split(' ').nth(4) == Some("/")).expect("a root");
    assert!(root.split(' ').nth(5).is_some_and(|options| options.starts_with("ro,")), "{root}");
    // What root may write to, and the service may not: asked in its own mounts, by root without a sandbox.
    let ask = format!(
        "nsenter -t {pid} -m -- sh -c 'for d in /etc /usr /home /root /var /sys/kernel; do touch $d/x && echo $d; done' 2>/dev/null || true"
    );
    assert_eq!(host.run(20, &["sh", "-c", &ask]), "", "the service's mounts take writes");
}

/// What was measured, for whoever reads the log.
#[expect(clippy::print_stderr, reason = "a measurement is for people")]
fn note(what: &str) {
    eprintln!("packages: {what}");
}
