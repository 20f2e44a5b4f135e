//! The archive with its script: installed, installed again over itself, removed, purged.

use super::{SERVICE, files, host, left, package, property, serving};
use crate::support::skip;

#[test]
fn comes_and_leaves_nothing() {
    let name = "packages::plain::comes_and_leaves_nothing";
    let dir = tempfile::tempdir().expect("a temporary directory");
    let made = package("tar", "1", dir.path()).and_then(|archive| {
        let host = host(None, &[&archive])?;
        Ok((host, archive.file_name().expect("a name").display().to_string()))
    });
    let (host, archive) = match made {
        Ok(made) => made,
        Err(reason) => return skip(name, &reason),
    };
    host.run(60, &["sh", "-c", &format!("cd /shared && tar -xzf {archive} --strip-components=1")]);
    let before = files(&host);
    let install = ["/shared/systemd/install", "/shared/hybrid-exporter"];
    host.run(300, &install);
    serving(&host);
    assert_eq!(property(&host, "UnitFileState"), "enabled");
    let audit = ["systemd-analyze", "security", "--no-pager", "--threshold=20", SERVICE];
    host.run(60, &audit);

    // A configuration that the binary does not take keeps the service that runs as it is.
    host.write("/etc/hybrid-exporter/config.yaml", "no.such.key: 1\n");
    let pid = property(&host, "MainPID");
    let refused = format!("{} >/shared/said 2>&1; echo $?", install.join(" "));
    assert_eq!(host.run(300, &["sh", "-c", &refused]).trim(), "64");
    assert_eq!(property(&host, "MainPID"), pid);
    host.write("/etc/hybrid-exporter/config.yaml", "web.max-requests: 7\n");
    host.run(300, &install);
    serving(&host);
    assert_ne!(property(&host, "MainPID"), pid, "an upgrade did not restart the service");
    let kept = host.run(20, &["cat", "/etc/hybrid-exporter/config.yaml"]);
    assert_eq!(kept, "web.max-requests: 7\n", "an upgrade replaced the configuration");

    host.run(120, &[install[0], "--remove"]);
    assert_eq!(property(&host, "LoadState"), "not-found");
    host.run(120, &[install[0], "--purge"]);
    let mut left = left(&host, &before);
    // Empty folders for anybody's files.
    left.retain(|path| !path.starts_with("usr/local/share/") || path.contains("hybrid"));
    let folders =
        ["etc/sysusers.d", "etc/tmpfiles.d", "etc/systemd/system/multi-user.target.wants"];
    left.retain(|path| !folders.contains(&path.as_str()));
    assert_eq!(left, Vec::<String>::new(), "a purge left files");
}
