//! Container images of static binaries: our own, and the one that holds a pod's namespaces.

use super::done;
use crate::support::{program, read, root};
use std::{
    env,
    path::{Path, PathBuf},
};

/// Our own image's name.
pub(crate) const EXPORTER: &str = "docker.io/ground/hybrid-exporter:1";

/// Our own binary, linked statically, or why there is none.
pub(crate) fn binary() -> Result<PathBuf, String> {
    let file = env::var_os("HYBRID_STATIC_BINARY").map(PathBuf::from);
    file.filter(|file| file.is_file())
        .ok_or_else(|| "no static binary: tests/run builds it (HYBRID_STATIC_BINARY)".to_owned())
}

/// Writes the archive of our own image below `dir`, as `daemonset/Containerfile` makes it.
pub(crate) fn exporter(dir: &Path) -> Result<PathBuf, String> {
    let binary = binary()?;
    let file = read("daemonset/Containerfile");
    let said = |word: &str| file.lines().find_map(|line| line.strip_prefix(word));
    assert_eq!(said("FROM "), Some("scratch"));
    let user = said("USER ").expect("a user");
    let command = said("ENTRYPOINT [\"").and_then(|rest| rest.strip_suffix("\"]"));
    let command = command.expect("a program as entry point");
    let path = said("COPY hybrid-exporter /").expect("the program is copied");
    assert_eq!(file.matches("\nCOPY ").count(), 1, "nothing but the program");
    Ok(write(dir, EXPORTER, user, &[(path, &binary)], command))
}

/// The image that the kubelet runs beside each pod, which every node has; also one of busybox, for pods.
pub(crate) const PAUSE: &str = "docker.io/ground/pause:1";

/// Writes its archive.
pub(super) fn pause(dir: &Path) -> Result<PathBuf, String> {
    let busybox = program("busybox")?;
    let script = root().join("tests/ground/pause");
    let files = [("bin/busybox", &*busybox), ("pause", &*script)];
    Ok(write(dir, PAUSE, "0:0", &files, "/pause"))
}

fn write(dir: &Path, name: &str, user: &str, files: &[(&str, &Path)], command: &str) -> PathBuf {
    let stem = name.rsplit(['/', ':']).nth(1).expect("a name with a tag");
    let out = dir.join(format!("{stem}.tar"));
    let mut args = vec![name.to_owned(), out.display().to_string(), format!("--user={user}")];
    args.extend(files.iter().map(|(path, file)| format!("{path}={}", file.display())));
    args.extend(["--".to_owned(), command.to_owned()]);
    done(300, root().join("tests/ground/image"), &args, b"");
    out
}
