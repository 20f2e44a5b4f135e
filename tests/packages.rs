//! From a machine without the exporter to one that is scraped, and back: packages, the role and the plain
//! install, each on a host with a real systemd; the service as it is locked down beside itself as root.
#![expect(clippy::disallowed_methods, reason = "the tests put files into hosts and read them")]

mod ansible;
mod deb;
mod external;
mod hardened;
mod plain;
mod rpm;

use crate::{
    ground::{done, host::Host, image},
    support::{child, peer, program, root, scrape::Scrape},
};
use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
};

/// Where the service listens by default.
const PORT: u16 = 10150;
const SERVICE: &str = "hybrid-exporter.service";

/// Makes a package of the exporter in `dir`; its path, or why there is none.
fn package(kind: &str, revision: &str, dir: &Path) -> Result<PathBuf, String> {
    let binary = image::binary()?;
    let tool = match kind {
        "deb" => {
            program("xz")?;
            Some("cargo-deb")
        }
        "rpm" => Some("cargo-generate-rpm"),
        _ => None,
    };
    let mut path = env::var("PATH").unwrap_or_default();
    if let Some(tool) = tool {
        let tool = peer(tool)?;
        let bin = tool.parent().expect("a folder").display().to_string();
        path = format!("{bin}:{path}");
    }
    let build = root().join("daemonset/packages/build").display().to_string();
    let (path, dir) = (format!("PATH={path}"), dir.display().to_string());
    let binary = binary.display().to_string();
    let args = [&path, &build, "--fast", "--revision", revision, "--binary", &binary, &dir, kind]
        .map(str::to_owned);
    let made = done(600, "env", &args, b"");
    Ok(made.lines().last().expect("the path of the package").into())
}

/// A host on which packages may start services, with a copy of `file` in its shared folder.
fn host(release: Option<&str>, files: &[&Path]) -> Result<Host, String> {
    let host = release.map_or_else(Host::start, Host::start_from)?;
    // What keeps services from being started while an image is made.
    host.run(20, &["rm", "-f", "/usr/sbin/policy-rc.d"]);
    for file in files {
        let name = file.file_name().expect("a name");
        fs::copy(file, host.shared().join(name)).expect("the shared folder takes a file");
    }
    Ok(host)
}

/// Every file of the host that a package could have left; the rest of it is the machine's, which others use.
fn files(host: &Host) -> BTreeSet<String> {
    let find = "cd / && find etc opt srv var/lib usr/bin usr/sbin usr/local usr/lib/systemd usr/lib/sysusers.d \
        usr/lib/tmpfiles.d usr/share/man usr/share/doc usr/share/licenses usr/share/bash-completion usr/share/zsh \
        usr/share/fish -xdev 2>/dev/null || true";
    let found = host.run(120, &["sh", "-c", find]);
    found.lines().map(str::to_owned).collect()
}

/// What the host has now that it had not before. The list of accounts is always another, and has a copy.
fn left(host: &Host, before: &BTreeSet<String>) -> Vec<String> {
    let mut left: Vec<String> = files(host).difference(before).cloned().collect();
    left.retain(|path| !path.starts_with("etc/") || !path.ends_with('-'));
    left
}

/// Waits until a service that was just started listens: what it says in this life of its own.
fn listens(host: &Host, service: &str) {
    let log = format!(
        "journalctl --quiet --output=cat \
         _SYSTEMD_INVOCATION_ID=$(systemctl show --property=InvocationID --value {service})"
    );
    child::wait(&format!("{service} to listen"), child::READY, || {
        let said = host.run(60, &["sh", "-c", &log]);
        let failed = host.run(20, &["sh", "-c", &format!("systemctl is-failed {service} || true")]);
        assert!(failed.trim() != "failed", "{service}: {said}");
        said.contains("msg=listening").then_some(())
    });
}

/// Scrapes the service.
fn page(host: &Host, path: &str) -> Scrape {
    page_of(host, PORT, path)
}

fn page_of(host: &Host, port: u16, path: &str) -> Scrape {
    let answer = host.get(port, path, &[]);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    let page = Scrape::parse(&answer.text());
    assert_eq!(page.faults, Vec::<String>::new());
    page
}

/// Waits until the service, just started, serves systemd's units and the journal.
fn serving(host: &Host) {
    listens(host, SERVICE);
    child::wait("systemd and the journal", child::READY, || {
        let page = page(host, "/metrics");
        let up = |source| page.value("hybrid_source_up", &[("source", source)]) == Some(1.0);
        (up("systemd") && up("journal")).then_some(())
    });
}

/// A property of the service, as systemd has it.
fn property(host: &Host, name: &str) -> String {
    let args = ["systemctl", "show", "--property", name, "--value", SERVICE];
    host.run(20, &args).trim().to_owned()
}
