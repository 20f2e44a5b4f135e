//! Support for fixture tests: a collector over a few files, compared with its whole exposition.
#![expect(clippy::disallowed_methods, clippy::missing_panics_doc, reason = "tests make files")]

use crate::{Clock, Context, Opt, Options, Root, Spec};
use exposition::{Format, Writer, encode};
use std::{
    path::Path,
    time::{Duration, SystemTime},
};

/// Runs `spec` over a root that holds just `files`; the exposition, then the error's one line.
///
/// Paths start with `proc/`, `sys/`, `udev/` or, for the host's root, `rootfs/`. A text that starts
/// with `-> ` makes a symbolic link to what follows, a path that ends in `/` a directory.
pub fn expose(spec: &Spec, files: &[(&str, &str)]) -> String {
    expose_with(spec, files, &[])
}

/// As [`expose`], with options by their full names; a repeated name makes a list.
pub fn expose_with(spec: &Spec, files: &[(&str, &str)], options: &[(&str, &str)]) -> String {
    let dir = tree(files);
    expose_tree(spec, dir.path(), options)
}

/// The sample lines of an exposition, without its headers.
pub fn samples(text: &str) -> String {
    text.lines().filter(|line| !line.starts_with('#')).map(|line| line.to_owned() + "\n").collect()
}

/// A temporary directory that holds `files`, as [`expose`] takes them.
pub fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a temporary directory");
    for (rel, text) in files {
        let path = dir.path().join(rel);
        if rel.ends_with('/') {
            std::fs::create_dir_all(&path).expect("a directory");
            continue;
        }
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        match text.strip_prefix("-> ") {
            Some(target) => std::os::unix::fs::symlink(target, &path).expect("a link"),
            None => std::fs::write(&path, text).expect("a file"),
        }
    }
    dir
}

/// A context whose roots are `proc`, `sys`, `udev` and `rootfs` below `dir`, at 2026-01-02 03:04:05 UTC.
pub fn context(spec: &Spec, dir: &Path, options: &[(&str, &str)]) -> Context {
    let mut given = Options::default();
    for (name, _) in options {
        let known = spec.opts.iter().any(|opt: &Opt| opt.name == *name);
        assert!(known, "{} has no option {name}", spec.name);
        let values = options.iter().filter(|(n, _)| n == name).map(|(_, v)| (*v).to_owned());
        given.set(name, values.collect());
    }
    Context {
        proc: Root::new(dir.join("proc")),
        sys: Root::new(dir.join("sys")),
        rootfs: Root::new(dir.join("rootfs")),
        udev: Root::new(dir.join("udev")),
        options: given,
        clock: Clock::new(|| SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_323_045)),
        shared: crate::Shared::default(),
    }
}

/// As [`expose_with`], over a directory that exists.
pub fn expose_tree(spec: &Spec, dir: &Path, options: &[(&str, &str)]) -> String {
    let cx = context(spec, dir, options);
    let mut out = Writer::default();
    let result = (spec.build)(&cx).and_then(|mut c| c.collect(&mut out));
    let block = out.finish();
    for (family, lines) in block.families() {
        let declared = spec.families().find(|declared| declared.covers(&family.name));
        let declared = declared.unwrap_or_else(|| panic!("{} is not declared", family.name));
        assert_eq!(declared.kind, family.kind, "{}", family.name);
        assert!(!lines.is_empty(), "{} has no sample", family.name);
    }
    let mut text = String::from_utf8(encode(&[&block], Format::TEXT).body).expect("UTF-8");
    for remark in &block.remarks {
        text.extend(["remark: ", remark, "\n"]);
    }
    if let Err(error) = result {
        text.extend(["error: ", &error.to_string(), "\n"]);
    }
    text.replace(&dir.display().to_string(), "")
}
