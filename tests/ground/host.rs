//! A host: a real systemd with journald and D-Bus, in namespaces of its own: 252, or what a tree that
//! `tests/ground/trees` made has.
#![expect(clippy::disallowed_methods, reason = "tests look at processes and files")]

use super::{Part, done, folder, programs, text};
use crate::support::{
    cache, child,
    client::{self, Answer},
    is_root, root,
};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::{
    fs::{self, File},
    os::fd::AsFd,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

/// A booted host.
pub(crate) struct Host {
    dir: PathBuf,
    pid: u32,
    part: Part,
}

/// What is left to look for when a host has ended.
pub(crate) struct Traces {
    name: String,
    dir: PathBuf,
    cgroups: Vec<String>,
    namespaces: Vec<PathBuf>,
}

// === impl Host ===

impl Host {
    /// Why this machine cannot boot a host.
    pub(crate) fn possible() -> Result<(), String> {
        if !is_root() {
            return Err("not root: cannot boot a host".to_owned());
        }
        programs(&["unshare", "nsenter", "setpriv", "setsid", "ip", "flock", "pgrep"])?;
        programs(&["dbus-daemon", "pivot_root", "curl", "python3"])?;
        if !Path::new("/lib/systemd/systemd").is_file() {
            return Err("systemd is not installed".to_owned());
        }
        let probe = ["--mount", "--pid", "--cgroup", "--net", "--fork", "--mount-proc", "true"];
        if !child::run(60, "unshare", &probe, b"").status.success() {
            return Err("may not make namespaces".to_owned());
        }
        Ok(())
    }

    /// Boots a host.
    pub(crate) fn start() -> Result<Self, String> {
        Self::possible()?;
        Ok(Self::boot("host"))
    }

    /// Boots a host from the tree of a Debian suite.
    pub(crate) fn start_from(suite: &str) -> Result<Self, String> {
        Self::possible()?;
        let tree = cache().map(|cache| cache.join("trees").join(suite));
        let tree = tree.filter(|tree| tree.is_dir());
        let tree = tree.ok_or(format!("no tree of {suite}: tests/ground/trees makes it"))?;
        Ok(Self::boot_from("host", &[tree]))
    }

    pub(super) fn boot(kind: &str) -> Self {
        Self::boot_from(kind, &[])
    }

    fn boot_from(kind: &str, tree: &[PathBuf]) -> Self {
        let dir = folder(kind);
        let (part, pid) = Part::start("host", &dir, tree, Duration::from_mins(5));
        let pid = pid.parse().expect("the pid of the host's systemd");
        Self { dir, pid, part }
    }

    /// Its name, which is also its host name.
    pub(crate) fn name(&self) -> String {
        self.dir.file_name().expect("a name").to_string_lossy().into_owned()
    }

    /// A path inside, as it is reached from outside.
    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{inside}", self.pid))
    }

    /// The folder that is `/shared` inside.
    pub(crate) fn shared(&self) -> PathBuf {
        self.dir.join("shared")
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Runs a command inside, at most `seconds` long, which must end well; its standard output.
    pub(crate) fn run(&self, seconds: u32, command: &[&str]) -> String {
        let script = root().join("tests/ground/host");
        let mut args = vec!["exec", self.dir.to_str().expect("a UTF-8 path")];
        args.extend(command);
        done(seconds, script, &args, b"")
    }

    /// The command line that runs a program of this machine in the host's network.
    pub(crate) fn in_network(&self) -> Vec<String> {
        ["nsenter", "-t", &self.pid.to_string(), "-n", "--"].map(str::to_owned).to_vec()
    }

    /// Asks a server of the host, by its port on loopback.
    pub(crate) fn get(&self, port: u16, path: &str, headers: &[(&str, &str)]) -> Answer {
        let namespace = File::open(format!("/proc/{}/ns/net", self.pid)).expect("its network");
        let ask = || {
            // A namespace is entered by one thread, which ends with the question.
            let kind = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(namespace.as_fd(), kind).expect("the host's network");
            client::get(&format!("127.0.0.1:{port}"), path, headers)
        };
        thread::scope(|scope| scope.spawn(ask).join().expect("an answer"))
    }

    /// Joins two hosts by a cable; the other's address. A pair of hosts needs a number of its own.
    pub(crate) fn link(&self, number: u8, other: &Self) -> String {
        let script = root().join("tests/ground/host");
        let number = number.to_string();
        let (from, to) = (self.dir.to_string_lossy(), other.dir.to_string_lossy());
        done(60, script, &["link", &from, &number, &to], b"");
        format!("10.77.{number}.2")
    }

    /// Runs a program as a unit of the host's systemd.
    pub(crate) fn unit(&self, name: &str, command: &str) {
        self.service(name, &format!("ExecStart={command}\n"));
        self.run(120, &["systemctl", "start", name]);
    }

    /// Writes a service with these settings and has systemd load it.
    pub(crate) fn service(&self, name: &str, settings: &str) {
        let text = format!("[Service]\n{settings}[Install]\nWantedBy=multi-user.target\n");
        self.write(&format!("/etc/systemd/system/{name}.service"), &text);
        self.run(120, &["systemctl", "daemon-reload"]);
    }

    /// Writes a file inside.
    pub(crate) fn write(&self, path: &str, text: &str) {
        fs::write(self.shared().join("file"), text).expect("the shared folder takes a file");
        self.run(60, &["cp", "/shared/file", path]);
    }

    /// Runs a command inside as a unit of that name until it ends well.
    pub(crate) fn as_unit(&self, seconds: u32, name: &str, command: &[&str]) {
        let unit = format!("--unit={name}");
        let mut all = vec!["systemd-run", "--quiet", "--wait", "--collect", &unit, "--"];
        all.extend(command);
        self.run(seconds, &all);
    }

    /// What must be gone when the host has ended.
    pub(crate) fn traces(&self) -> Traces {
        let namespace = |kind| fs::read_link(format!("/proc/{}/ns/{kind}", self.pid));
        Traces {
            name: self.name(),
            dir: self.dir.clone(),
            cgroups: text(self.dir.join("cgroups")).lines().map(str::to_owned).collect(),
            namespaces: ["net", "mnt", "pid", "cgroup"].into_iter().flat_map(namespace).collect(),
        }
    }
}

// === impl Traces ===

impl Traces {
    /// As lines of text, for another process.
    pub(crate) fn to_text(&self) -> String {
        let namespaces = self.namespaces.iter().map(|path| path.display().to_string());
        let lines = [self.name.clone(), self.dir.display().to_string(), self.cgroups.join(" ")];
        lines.into_iter().chain(namespaces).map(|line| line + "\n").collect()
    }

    /// Reads what `to_text` wrote.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let name = lines.next()?.to_owned();
        let dir = lines.next()?.into();
        let cgroups = lines.next()?.split(' ').map(str::to_owned).collect();
        Some(Self { name, dir, cgroups, namespaces: lines.map(PathBuf::from).collect() })
    }

    /// What of the host is there: its folder, mounts of it, cgroups, processes and namespaces; a veth
    /// is gone with its namespace.
    pub(crate) fn found(&self) -> Vec<String> {
        let mut found = Vec::new();
        let folders = self.cgroups.iter().map(Path::new).chain([self.dir.as_path()]);
        found.extend(folders.filter(|dir| dir.exists()).map(|dir| dir.display().to_string()));
        let mounts = text("/proc/self/mountinfo");
        found.extend(mounts.lines().filter(|line| line.contains(&self.name)).map(str::to_owned));
        for entry in fs::read_dir("/proc").expect("/proc").flatten() {
            let process = entry.path();
            let inside = text(process.join("cgroup")).contains(&self.name);
            let held = ["net", "mnt", "pid", "cgroup"].iter().any(|kind| {
                let of = fs::read_link(process.join("ns").join(kind));
                of.is_ok_and(|of| self.namespaces.contains(&of))
            });
            if inside || held {
                let command = text(process.join("cmdline")).replace('\0', " ");
                found.push(format!("{}: {command}", process.display()));
            }
        }
        found
    }

    /// Waits until nothing is found, at most two minutes.
    pub(crate) fn assert_gone(&self) {
        let mut left = Vec::new();
        for _ in 0..1200 {
            left = self.found();
            if left.is_empty() {
                return;
            }
            std::thread::park_timeout(Duration::from_millis(100));
        }
        panic!("left of {}: {left:#?}", self.name);
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({}, {})", self.name(), self.pid, self.part.process.id())
    }
}
