//! What the compiler cannot keep: which crate may use which, where `unsafe` may stand, how long a
//! file may be and what no file may hold.
#![expect(clippy::disallowed_methods, reason = "the test reads the sources")]

use crate::support::{child, program, read, root, skip};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Crates, what of the workspace they may depend on, and what else they must never see.
const EDGES: &[(&str, &[&str], &[&str])] = &[
    ("exposition", &[], &["tokio", "axum", "hyper", "serde", "rustix"]),
    ("syscall", &[], &["tokio", "axum", "hyper", "serde"]),
    ("model", &[], &["k8s-openapi", "kube", "zbus", "serde", "tokio", "axum"]),
    ("collect", &["exposition", "model"], &["tokio", "axum", "hyper", "kube", "zbus", "clap"]),
    (
        "host",
        &["collect", "exposition", "mounts", "syscall"],
        &["tokio", "axum", "hyper", "kube", "zbus", "clap"],
    ),
    (
        "containers",
        &["collect", "exposition", "model", "mounts"],
        &["tokio", "axum", "hyper", "kube", "zbus", "clap", "serde"],
    ),
    ("store", &["exposition"], &["tokio", "axum", "hyper", "kube", "zbus", "clap", "serde"]),
    (
        "journal-reader",
        &[],
        &["tokio", "axum", "hyper", "kube", "zbus", "clap", "serde", "tracing", "libc"],
    ),
    ("cgroup", &["collect"], &["tokio", "axum", "hyper", "kube", "zbus", "clap"]),
    (
        "mounts",
        &["collect"],
        &["exposition", "tokio", "axum", "hyper", "kube", "zbus", "clap", "serde"],
    ),
    (
        "sockets",
        &["cgroup", "collect", "model"],
        &["exposition", "tokio", "axum", "hyper", "kube", "zbus", "clap"],
    ),
    (
        "journal",
        &["collect", "exposition", "model", "journal-reader"],
        &["axum", "hyper", "kube", "clap", "host", "zbus"],
    ),
    (
        "systemd",
        &["collect", "exposition", "model", "cgroup"],
        &["axum", "hyper", "kube", "clap", "host"],
    ),
    (
        "cluster",
        &["collect", "exposition", "kubestate", "model", "store", "trust"],
        &["axum", "clap", "kube", "k8s-openapi", "zbus", "host", "systemd"],
    ),
    ("trust", &[], &["tokio", "axum", "hyper", "kube", "zbus", "clap", "serde", "rustix"]),
    (
        "upstream",
        &["collect", "exposition", "model", "mounts", "trust"],
        &["axum", "clap", "kube", "zbus", "host", "systemd", "cluster", "serde"],
    ),
    ("yaml", &[], &["tokio", "axum", "hyper", "kube", "clap", "rustix", "serde"]),
    (
        "kubestate",
        &["exposition", "model", "yaml"],
        &["tokio", "axum", "hyper", "kube", "clap", "rustix"],
    ),
];

/// Nothing links these, whoever asks for them.
const NEVER: [&str; 7] =
    ["openssl", "openssl-sys", "native-tls", "async-std", "smol", "libsystemd", "nix"];

/// Longer than the limit, and why.
const LONG: [(&str, &str); 1] =
    [("tests/fixtures/kubelet/metrics.txt", "a kubelet's answer as it was recorded")];

const MAX_LINES: usize = 800;
/// Of the one page that everybody is to read whole.
const MAX_ARCHITECTURE: usize = 200;

#[test]
fn crates_keep_to_their_edges() {
    let workspace = members();
    for (name, dir) in &workspace {
        let Some((_, may, never)) = EDGES.iter().find(|(edge, _, _)| edge == name) else {
            panic!("{dir} has no row in the table of crates")
        };
        for dependency in dependencies(&read(&format!("{dir}/Cargo.toml"))) {
            let inside = workspace.iter().any(|(member, _)| *member == dependency);
            assert!(!inside || may.contains(&dependency.as_str()), "{name} uses {dependency}");
            assert!(!never.contains(&dependency.as_str()), "{name} must never see {dependency}");
        }
    }
    let lock = read("Cargo.lock");
    for name in NEVER {
        assert!(!lock.contains(&format!("name = \"{name}\"\n")), "{name} is in Cargo.lock");
    }
}

#[test]
fn lints_hold_everywhere() {
    assert!(read("Cargo.toml").contains("\nunsafe_code = \"forbid\"\n"));
    for (name, dir) in members() {
        let manifest = read(&format!("{dir}/Cargo.toml"));
        let lib = read(&format!("{dir}/src/lib.rs"));
        let walled = name == "syscall";
        assert!(walled || manifest.contains("[lints]\nworkspace = true"), "{name}: lints");
        assert!(walled || lib.contains("#![forbid(unsafe_code)]"), "{name}: forbid(unsafe_code)");
    }
    for rel in ["exporter/lib.rs", "exporter/main.rs"] {
        assert!(read(rel).contains("#![forbid(unsafe_code)]"), "{rel}: forbid(unsafe_code)");
    }
}

#[test]
fn sources_are_tidy() {
    let mut faults = Vec::new();
    let sources = match sources() {
        Ok(sources) => sources,
        Err(reason) => return skip("tidy::sources_are_tidy", &reason),
    };
    for path in sources {
        let rel = relative(&path);
        let text = fs::read_to_string(&path).unwrap_or_default();
        let rust = path.extension().is_some_and(|extension| extension == "rs");
        let mut fault = |what: &str| faults.push(format!("{rel}: {what}"));
        let lines = text.lines().count();
        if lines > MAX_LINES && !LONG.iter().any(|(long, _)| *long == rel) {
            fault(&format!("{lines} lines"));
        }
        for (word, what) in forbidden() {
            if text.contains(&word) {
                fault(what);
            }
        }
        if !rust {
            continue;
        }
        if !text.starts_with("//!") {
            fault("does not open with what it is (`//!`)");
        }
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if ["utils", "util", "common", "helpers", "helper", "manager"].contains(&stem.as_str()) {
            fault("a name that tells nothing");
        }
        for word in [concat!("to", "do!("), concat!("#[ig", "nore"), concat!("db", "g!(")] {
            if text.contains(word) {
                fault(word);
            }
        }
        let unsafe_word = concat!("un", "safe ");
        let has_unsafe = text.lines().any(|line| {
            let code = line.split("//").next().unwrap_or_default();
            code.contains(&format!("{unsafe_word}{{")) || code.contains(&format!("{unsafe_word}fn"))
        });
        if has_unsafe && !rel.starts_with("exporter/syscall/") {
            fault("has unsafe code");
        }
        let tests = rel.ends_with("/tests.rs");
        let below_root = ["host", "syscall", "sockets", "cgroup", "containers", "mounts"]
            .iter()
            .any(|name| rel.starts_with(&format!("exporter/{name}/src")));
        let own = text.split("#[cfg(test)]").next().unwrap_or_default();
        if below_root && !tests && (own.contains("std::fs") || own.contains("process::Command")) {
            fault("reads a file past `Root`, or runs a process");
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_architecture_is_short() {
    let lines = read("exporter/ARCHITECTURE.md").lines().count();
    assert!(lines <= MAX_ARCHITECTURE, "exporter/ARCHITECTURE.md: {lines} lines");
}

#[test]
fn long_files_are_still_long() {
    for (rel, reason) in LONG {
        assert!(
            read(rel).lines().count() > MAX_LINES && !reason.is_empty(),
            "{rel} has become short"
        );
    }
}

/// Texts that no file may hold: paths of a machine that somebody worked on, and hosts that packages
/// come from, which are the package managers' business.
fn forbidden() -> Vec<(String, &'static str)> {
    let paths = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/home/", "user")];
    let hosts = [
        concat!("proxy.go", "lang.org"),
        concat!("sum.go", "lang.org"),
        concat!("crates", ".io"),
        concat!("pypi", ".org"),
        concat!("registry.np", "mjs"),
        concat!("deb.deb", "ian.org"),
    ];
    let paths = paths.map(|path| (path.to_owned(), "a path of somebody's machine"));
    let hosts = hosts.map(|host| (host.to_owned(), "the host of a package registry"));
    paths.into_iter().chain(hosts).collect()
}

/// The files that people write: those that git has or would take; or why it cannot be asked.
fn sources() -> Result<Vec<PathBuf>, String> {
    let git = program("git")?;
    if !root().join(".git").exists() {
        return Err("the sources are no clone".to_owned());
    }
    let root = root().to_str().expect("a UTF-8 path");
    // The clone may be another user's than who runs the tests.
    let args = ["-C", root, "-c", "safe.directory=*", "ls-files", "-co", "--exclude-standard"];
    let listed = child::run(120, git, &args, b"");
    assert!(listed.status.success(), "git: {}", String::from_utf8_lossy(&listed.stderr));
    let made = [
        "go.mod",
        "go.sum",
        "Cargo.lock",
        "LICENSE",
        "METRICS.md",
        "CONFIGURATION.md",
        "package-lock.json",
    ];
    let sources = String::from_utf8_lossy(&listed.stdout)
        .lines()
        .filter(|rel| {
            let kept = ["tests/fixtures/host/", "tests/golden/", "tests/fuzz/"];
            let name = rel.rsplit('/').next().unwrap_or_default();
            let is = |kind| Path::new(rel).extension().is_some_and(|extension| extension == kind);
            let page = rel.starts_with("dashboards/") && is("json");
            !kept.iter().any(|dir| rel.starts_with(dir))
                && !page
                && !is("tsv")
                && !made.contains(&name)
        })
        .map(|rel| Path::new(root).join(rel))
        // What a link leads to is looked at where it stands.
        .filter(|path| path.is_file() && !path.is_symlink())
        .collect();
    Ok(sources)
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).to_string_lossy().into_owned()
}

/// The crates below `exporter/`, also within one another: their names and directories.
fn members() -> Vec<(String, String)> {
    let mut members = Vec::new();
    let mut unseen = vec!["exporter".to_owned()];
    while let Some(dir) = unseen.pop() {
        for entry in fs::read_dir(root().join(&dir)).expect("a directory").flatten() {
            let below = format!("{dir}/{}", entry.file_name().to_string_lossy());
            if entry.path().join("Cargo.toml").is_file() {
                let manifest = read(&format!("{below}/Cargo.toml"));
                let name = manifest.lines().find_map(|line| line.strip_prefix("name = "));
                members.push((name.expect("a name").trim_matches('"').to_owned(), below.clone()));
            }
            if entry.path().is_dir() {
                unseen.push(below);
            }
        }
    }
    members.sort();
    members
}

/// The names in a manifest's `[dependencies]`.
fn dependencies(manifest: &str) -> Vec<String> {
    let mut inside = false;
    let mut names = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line == "[dependencies]";
            let table = line.strip_prefix("[dependencies.").and_then(|l| l.strip_suffix(']'));
            names.extend(table.map(str::to_owned));
        } else if inside && !line.starts_with('#') {
            let name = line.split(['=', '.', ' ']).next().unwrap_or_default();
            if !name.is_empty() {
                names.push(name.to_owned());
            }
        }
    }
    names
}
