//! The Debian package: installed, locked down, upgraded while the journal is written, removed and purged.

use super::{SERVICE, files, hardened, host, left, package, page, property, serving};
use crate::{
    ground::host::Host,
    support::{child, program, scrape::Scrape, skip},
};
use std::fs;

/// Complains until it is told to stop; then it stays, as journald asks for a writer's unit when it takes the line.
const COMPLAINER: &str = "#!/bin/sh
number=0
while [ ! -e /shared/enough ]; do
  number=$((number + 1))
  echo \"<3>complaint $number\"
  sleep 0.02
done
echo $number >/shared/complaints.new
mv /shared/complaints.new /shared/complaints
exec sleep infinity
";

/// A Debian suite with another systemd than the machine's, where `tests/ground/trees` has made it.
const LATER: [&str; 2] = ["trixie", "forky"];

#[test]
fn comes_serves_and_leaves_nothing() {
    comes_serves_and_leaves_nothing_on(None, "packages::deb::comes_serves_and_leaves_nothing");
}

#[test]
fn the_same_with_later_systemds() {
    for release in LATER {
        let name = "packages::deb::the_same_with_later_systemds";
        comes_serves_and_leaves_nothing_on(Some(release), name);
    }
}

fn comes_serves_and_leaves_nothing_on(release: Option<&str>, name: &str) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let made = program("dpkg").and_then(|_| {
        let [first, second] = ["1", "2"].map(|revision| package("deb", revision, dir.path()));
        let packages = [first?, second?];
        let host = host(release, &[&packages[0], &packages[1]])?;
        Ok((host, packages.map(|path| name_of(&path))))
    });
    let (host, [first, second]) = match made {
        Ok(made) => made,
        Err(reason) => return skip(name, &reason),
    };
    let before = files(&host);

    dpkg(&host, &["--install", &first]);
    serving(&host);
    // It is told which commit it is made from.
    let page = page(&host, "/metrics");
    let mut infos = page.series.keys().filter(|(name, _)| name == "hybrid_exporter_build_info");
    let revision =
        infos.next().and_then(|(_, labels)| labels.iter().find(|(k, _)| k == "revision"));
    let revision = revision.map_or("", |(_, revision)| revision);
    assert!(revision.len() == 12 && revision.bytes().all(|b| b.is_ascii_hexdigit()), "{revision}");
    assert_eq!(property(&host, "UnitFileState"), "enabled");
    assert_eq!(property(&host, "ActiveState"), "active");
    let socket = ["sh", "-c", "systemctl is-enabled hybrid-exporter.socket || true"];
    assert_eq!(host.run(20, &socket).trim(), "disabled");
    let man = host.run(60, &["sh", "-c", "zcat /usr/share/man/man1/hybrid-exporter.1.gz"]);
    assert!(man.contains("hybrid\\-exporter"), "no man page: {man}");
    let completions = ["sh", "-nc", ". /usr/share/bash-completion/completions/hybrid-exporter"];
    host.run(60, &completions);

    hardened::compare(&host);
    held_socket(&host);
    upgrade(&host, &second);

    dpkg(&host, &["--remove", "hybrid-exporter"]);
    assert_eq!(property(&host, "LoadState"), "not-found");
    let position = host.path("/var/lib/hybrid-exporter/journal.position");
    assert!(position.exists(), "a removal took the state");
    let configuration = host.path("/etc/hybrid-exporter/config.yaml");
    assert!(configuration.exists(), "a removal took the configuration");

    // What the administrator put there is gone too.
    host.write("/etc/hybrid-exporter/kubeconfig", "a token");
    dpkg(&host, &["--purge", "hybrid-exporter"]);
    assert_eq!(left(&host, &before), Vec::<String>::new(), "a purge left files");
    let processes = host.run(20, &["sh", "-c", "pgrep -f hybrid-expor[t]er || true"]);
    assert_eq!(processes, "", "a purge left processes");
}

/// With the drop-in systemd holds the port: whoever asks starts the service.
fn held_socket(host: &Host) {
    let (socket, drop_in) =
        ("hybrid-exporter.socket", "/etc/systemd/system/hybrid-exporter.service.d");
    host.run(20, &["mkdir", drop_in]);
    host.run(20, &["cp", "/usr/share/doc/hybrid-exporter/examples/socket.conf", drop_in]);
    host.run(60, &["systemctl", "daemon-reload"]);
    host.run(120, &["systemctl", "stop", SERVICE]);
    host.run(120, &["systemctl", "enable", "--now", socket]);
    assert_eq!(property(host, "ActiveState"), "inactive");
    assert!(!page(host, "/metrics").series.is_empty(), "an empty page");
    assert_eq!(property(host, "ActiveState"), "active");
    host.run(120, &["systemctl", "disable", "--now", socket]);
    host.run(120, &["systemctl", "stop", SERVICE]);
    host.run(20, &["rm", "-r", drop_in]);
    host.run(60, &["systemctl", "daemon-reload"]);
    host.run(120, &["systemctl", "start", SERVICE]);
    serving(host);
}

/// Upgrades while a service complains: no complaint is counted twice, none is lost.
fn upgrade(host: &Host, package: &str) {
    fs::write(host.shared().join("complainer"), COMPLAINER).expect("the shared folder");
    host.unit("complainer", "/bin/sh /shared/complainer");
    let count = |page: &Scrape| {
        let labels = [("unit", "complainer.service"), ("priority", "err")];
        page.value("hybrid_journal_unit_entries_total", &labels).unwrap_or(0.0)
    };
    let before = child::wait("complaints", child::READY, || {
        Some(count(&page(host, "/metrics/journal"))).filter(|count| *count >= 20.0)
    });
    let pid = property(host, "MainPID");

    dpkg(host, &["--install", package]);
    serving(host);
    assert_ne!(property(host, "MainPID"), pid, "the upgrade did not restart the service");
    let version = ["dpkg-query", "--show", "--showformat=${Version}", "hybrid-exporter"];
    assert!(host.run(20, &version).ends_with("-2"), "the old version is there");
    assert_eq!(property(host, "UnitFileState"), "enabled");

    fs::write(host.shared().join("enough"), "").expect("the shared folder");
    let told = child::wait("the last complaint", child::READY, || {
        fs::read_to_string(host.shared().join("complaints")).ok()
    });
    let told: f64 = told.trim().parse().expect("a number");
    host.run(60, &["journalctl", "--sync"]);
    let after = child::wait("all complaints", child::READY, || {
        Some(count(&page(host, "/metrics/journal"))).filter(|after| before + after >= told)
    });
    // Once more: what would be counted twice might come late.
    let after = after.max(count(&page(host, "/metrics/journal")));
    assert!(after > 0.0, "nothing was written while the new version ran");
    let counted = before + after;
    let once = (counted - told).abs() < 0.5;
    assert!(once, "of {told} complaints {before} are counted before the upgrade, {after} after it");
    host.run(60, &["systemctl", "stop", "complainer", SERVICE]);
    host.run(20, &["rm", "/etc/systemd/system/complainer.service"]);
    host.run(60, &["systemctl", "daemon-reload"]);
}

fn dpkg(host: &Host, args: &[&str]) {
    host.run(300, &[&["dpkg", "--force-confold"], args].concat());
}

fn name_of(package: &std::path::Path) -> String {
    format!("/shared/{}", package.file_name().expect("a name").to_string_lossy())
}
