//! The Ansible role, from a binary and from a package: the first run installs and starts the service, the second
//! changes nothing, a changed setting restarts it, and a wrong one is kept out.

use super::{SERVICE, host, listens, package, page_of, property};
use crate::{
    ground::{host::Host, image},
    support::{cache, child, program, root, skip},
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The role's variables in a run.
struct Play<'a> {
    host: &'a Host,
    ansible: PathBuf,
    source: &'a str,
}

// === impl Play ===

impl Play<'_> {
    /// Runs the role with these settings; whether it went well, and what it said.
    fn run(&self, config: &str) -> (bool, String) {
        let text = format!(
            "- hosts: all\n  gather_facts: false\n  roles:\n    - role: hybrid_exporter\n      vars:\n        \
             {}\n        hybrid_exporter_config: {config}\n",
            self.source
        );
        fs::write(self.host.shared().join("play.yml"), text).expect("the shared folder");
        // How it ended is told by its last line, as the host's commands must end well.
        let line = format!(
            "cd /shared && export HOME=/root LC_ALL=C.UTF-8 ANSIBLE_NOCOLOR=1 ANSIBLE_ROLES_PATH=/shared/daemonset/ansible \
             ANSIBLE_LOCALHOST_WARNING=0 ANSIBLE_DEPRECATION_WARNINGS=0; {} --inventory=localhost, --connection=local \
             --extra-vars=ansible_python_interpreter=/usr/bin/python3 play.yml 2>&1; echo ended with $?",
            self.ansible.display()
        );
        let said = self.host.run(500, &["bash", "-c", &line]);
        (said.trim_end().ends_with("ended with 0"), said)
    }

    /// A run that must go well; how many tasks changed something.
    fn changes(&self, config: &str) -> u32 {
        let (well, said) = self.run(config);
        assert!(well, "{said}");
        let number = said.split("changed=").nth(1).and_then(|rest| rest.split(' ').next());
        number.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("no recap: {said}"))
    }
}

/// A host with the role, and Ansible's command inside it.
fn start(files: &[&Path]) -> Result<(Host, PathBuf), String> {
    program("python3")?;
    let missing = || "ansible-core is not here: tests/ground/peers installs it".to_owned();
    let ansible =
        cache().map(|cache| cache.join("ansible/bin/ansible-playbook")).ok_or_else(missing)?;
    if !ansible.is_file() {
        return Err(missing());
    }
    let host = host(None, files)?;
    if !host.path(&ansible.display().to_string()).exists() {
        return Err(
            "the cache stands on another file system than /, which a host does not have".to_owned()
        );
    }
    let from = root().join("daemonset").display().to_string();
    let to = host.shared().join("daemonset").display().to_string();
    // Links become files: what they lead to may not be inside.
    let copied = child::run(60, "cp", &["-rL", &from, &to], b"");
    assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
    Ok((host, ansible))
}

/// Runs the role as it is promised.
fn applied_twice(host: &Host, ansible: PathBuf, source: &str) {
    let play = Play { host, ansible, source };
    assert!(play.changes("{}") > 0, "nothing was installed");
    listens(host, SERVICE);
    assert_eq!(property(host, "UnitFileState"), "enabled");
    assert!(!page_of(host, 10150, "/metrics").series.is_empty(), "an empty page");
    let pid = property(host, "MainPID");
    assert_eq!(play.changes("{}"), 0, "the second run changed something");
    assert_eq!(property(host, "MainPID"), pid, "the second run restarted the service");

    let moved = "{web.listen-address: [':10250']}";
    assert!(play.changes(moved) > 0, "a setting was not taken");
    listens(host, SERVICE);
    assert!(!page_of(host, 10250, "/metrics").series.is_empty(), "an empty page");
    let pid = property(host, "MainPID");
    let (well, said) = play.run("{web.listen-adress: [':1']}");
    assert!(!well && said.contains("web.listen-address"), "a wrong key was taken: {said}");
    assert_eq!(play.changes(moved), 0, "the wrong key was written");
    assert_eq!(property(host, "MainPID"), pid, "the wrong key restarted the service");
}

#[test]
fn a_binary() {
    let name = "packages::ansible::a_binary";
    match image::binary().and_then(|binary| Ok((start(&[&binary])?, binary))) {
        Ok(((host, ansible), binary)) => {
            let file = binary.file_name().expect("a name").to_string_lossy();
            applied_twice(&host, ansible, &format!("hybrid_exporter_binary: /shared/{file}"));
        }
        Err(reason) => skip(name, &reason),
    }
}

#[test]
fn a_package() {
    let name = "packages::ansible::a_package";
    let dir = tempfile::tempdir().expect("a temporary directory");
    let bindings = Path::new("/usr/lib/python3/dist-packages/apt");
    if !bindings.is_dir() {
        return skip(name, "python3-apt is not installed");
    }
    let package = package("deb", "1", dir.path());
    match package.and_then(|package| Ok((start(&[&package])?, package))) {
        Ok(((host, ansible), package)) => {
            let file = package.file_name().expect("a name").to_string_lossy();
            applied_twice(&host, ansible, &format!("hybrid_exporter_package: /shared/{file}"));
        }
        Err(reason) => skip(name, &reason),
    }
}
