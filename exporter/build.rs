//! Tells the program which commit it is built from, where that can be seen: `HYBRID_REVISION` where it is set, as
//! for a build from an archive, else what the clone's `.git` says. Debug builds are not told: they would be made
//! anew with each commit.
#![expect(clippy::disallowed_methods, reason = "the builder's files and variables, not a host's")]

use std::{
    env, fs,
    path::{Path, PathBuf},
};

const NAME: &str = "HYBRID_REVISION";
/// What the program is told it by: `cargo run` gives it to the program's environment, too, where a name like those of
/// settings would be taken for one.
const TOLD: &str = "BUILD_REVISION";
/// Digits of a commit's name.
const DIGITS: usize = 12;

fn main() {
    println!("cargo::rerun-if-changed=exporter/build.rs");
    println!("cargo::rerun-if-env-changed={NAME}");
    let is_debug = env::var("PROFILE").is_ok_and(|is| is == "debug");
    let given = env::var(NAME).ok();
    if let Some(revision) = given.or_else(|| (!is_debug).then(revision).flatten()) {
        println!("cargo::rustc-env={TOLD}={revision}");
    }
}

/// The commit that is checked out here.
fn revision() -> Option<String> {
    let own = git(Path::new(".git"))?;
    let head = read(&own.join("HEAD"))?;
    let Some(branch) = head.strip_prefix("ref: ") else { return short(&head) };
    // A worktree has a HEAD of its own and shares its branches.
    let shared = read(&own.join("commondir")).map_or(own.clone(), |to| own.join(to));
    if let Some(commit) = read(&shared.join(branch)) {
        return short(&commit);
    }
    let packed = read(&shared.join("packed-refs"))?;
    short(packed.lines().find_map(|line| line.strip_suffix(branch)?.strip_suffix(' '))?)
}

/// The folder behind `.git`, which is a file in a worktree.
fn git(path: &Path) -> Option<PathBuf> {
    if path.is_dir() {
        return Some(path.to_owned());
    }
    read(path)?.strip_prefix("gitdir: ").map(PathBuf::from)
}

/// A file's text without its end of line; the build is made anew when it changes.
fn read(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    println!("cargo::rerun-if-changed={}", path.display());
    Some(text.trim_end().to_owned())
}

fn short(commit: &str) -> Option<String> {
    let digits = commit.get(..DIGITS)?;
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| digits.to_owned())
}
