//! The RPM: what is in it, into an empty root, and on a host that runs it (of Debian, which rpm does not mind).

use super::{SERVICE, files, host, left, package, property, serving};
use crate::{
    ground::{done, host::Host},
    support::{program, skip},
};
use expect_test::expect;

/// rpm with a database of its own, as Debian's rpm has none.
fn rpm(host: &Host, line: &str) -> String {
    host.run(300, &["sh", "-c", &format!("rpm --dbpath /shared/rpm {line} 2>&1")])
}

#[test]
fn holds_what_it_should() {
    let name = "packages::rpm::holds_what_it_should";
    let dir = tempfile::tempdir().expect("a temporary directory");
    let package = program("rpm").and_then(|_| package("rpm", "1", dir.path()));
    let package = match package {
        Ok(package) => package.display().to_string(),
        Err(reason) => return skip(name, &reason),
    };
    let query = |what: &[&str]| done(60, "rpm", &[&["-qp"], what, &[&package]].concat(), b"");
    let list = "[%{FILEMODES:perms} %{FILEUSERNAME} %{FILEFLAGS:fflags} %{FILENAMES}\\n]";
    expect![[r#"
        -rw-r--r-- root cn /etc/default/hybrid-exporter
        -rw-r--r-- root cn /etc/hybrid-exporter/config.yaml
        -rwxr-xr-x root  /usr/bin/hybrid-exporter
        -rw-r--r-- root  /usr/lib/systemd/system/hybrid-exporter.service
        -rw-r--r-- root  /usr/lib/systemd/system/hybrid-exporter.socket
        -rw-r--r-- root  /usr/lib/sysusers.d/hybrid-exporter.conf
        -rw-r--r-- root  /usr/lib/tmpfiles.d/hybrid-exporter.conf
        -rw-r--r-- root  /usr/share/bash-completion/completions/hybrid-exporter
        -rw-r--r-- root d /usr/share/doc/hybrid-exporter/README.md
        -rw-r--r-- root d /usr/share/doc/hybrid-exporter/external-host.yaml
        -rwxr-xr-x root d /usr/share/doc/hybrid-exporter/kubeconfig
        -rw-r--r-- root d /usr/share/doc/hybrid-exporter/socket.conf
        -rw-r--r-- root  /usr/share/fish/vendor_completions.d/hybrid-exporter.fish
        -rw-r--r-- root d /usr/share/licenses/hybrid-exporter/LICENSE
        -rw-r--r-- root d /usr/share/man/man1/hybrid-exporter.1.gz
        -rw-r--r-- root  /usr/share/zsh/site-functions/_hybrid-exporter
    "#]]
    .assert_eq(&query(&["--queryformat", list]));
    expect![[r#"
        /bin/sh
        /bin/sh
        /bin/sh
        /bin/sh
        config(hybrid-exporter) = 0.1.0-1
        rpmlib(CompressedFileNames) <= 3.0.4-1
        rpmlib(FileDigests) <= 4.6.0-1
        rpmlib(PayloadFilesHavePrefix) <= 4.0-1
        systemd
    "#]]
    .assert_eq(&query(&["--requires"]));
    let scripts = query(&["--scripts"]);
    for part in ["postinstall", "preuninstall", "postuninstall"] {
        assert!(scripts.contains(&format!("{part} scriptlet (using /bin/sh)")), "{scripts}");
    }

    // An empty root has no shell for the scripts.
    let root = dir.path().join("root").display().to_string();
    std::fs::create_dir(&root).expect("a folder");
    let into = ["--root", &root, "--dbpath", "/var/lib/rpm"];
    let flags = ["--nodeps", "--noscripts"];
    done(120, "rpm", &[&into[..], &flags[..], &["--install", &package]].concat(), b"");
    // Nothing but "is as it was packed" is said of no file.
    assert_eq!(
        done(60, "rpm", &[&into[..], &flags[..], &["--verify", "hybrid-exporter"]].concat(), b""),
        ""
    );
    done(120, "rpm", &[&into[..], &flags[..], &["--erase", "hybrid-exporter"]].concat(), b"");
    let left = done(60, "find", &[root.as_str(), "-name", "*hybrid*", "-not", "-type", "d"], b"");
    assert_eq!(left, "", "an erased package left files");
}

#[test]
fn runs_and_leaves_nothing() {
    let name = "packages::rpm::runs_and_leaves_nothing";
    let dir = tempfile::tempdir().expect("a temporary directory");
    let made = program("rpm").and_then(|_| {
        let [first, second] = ["1", "2"].map(|revision| package("rpm", revision, dir.path()));
        let (first, second) = (first?, second?);
        let host = host(None, &[&first, &second])?;
        Ok((
            host,
            [first, second].map(|path| path.file_name().expect("a name").display().to_string()),
        ))
    });
    let (host, [first, second]) = match made {
        Ok(made) => made,
        Err(reason) => return skip(name, &reason),
    };
    host.run(20, &["mkdir", "/shared/rpm"]);
    let before = files(&host);
    rpm(&host, &format!("--force-debian --nodeps --install /shared/{first}"));
    host.run(120, &["systemctl", "enable", "--now", SERVICE]);
    serving(&host);
    let pid = property(&host, "MainPID");
    rpm(&host, &format!("--force-debian --nodeps --upgrade /shared/{second}"));
    serving(&host);
    assert_ne!(property(&host, "MainPID"), pid, "the upgrade did not restart the service");
    assert_eq!(property(&host, "UnitFileState"), "enabled");
    rpm(&host, "--force-debian --nodeps --erase hybrid-exporter");
    assert_eq!(property(&host, "LoadState"), "not-found");
    let mut left = left(&host, &before);
    // Folders of other packages, which Debian has elsewhere.
    left.retain(|path| path.contains("hybrid") || !path.starts_with("usr/share/"));
    assert_eq!(left, Vec::<String>::new(), "an erased package left files");
}
