//! Container images of static binaries: our own, and the one that holds a pod's namespaces.

use super::done;
use crate::support::{program, root};
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

/// Writes the archive of our own image below `dir`.
pub(crate) fn exporter(dir: &Path) -> Result<PathBuf, String> {
    let binary = binary()?;
    Ok(write(dir, EXPORTER, &[("bin/hybrid-exporter", &binary)], "/bin/hybrid-exporter"))
}

/// The image that the kubelet runs beside each pod, which every node has; also one of busybox, for pods.
pub(crate) const PAUSE: &str = "docker.io/ground/pause:1";

/// Writes its archive.
pub(super) fn pause(dir: &Path) -> Result<PathBuf, String> {
    let busybox = program("busybox")?;
    let script = root().join("tests/ground/pause");
    let files = [("bin/busybox", &*busybox), ("pause", &*script)];
    Ok(write(dir, PAUSE, &files, "/pause"))
}

fn write(dir: &Path, name: &str, files: &[(&str, &Path)], command: &str) -> PathBuf {
    let stem = name.rsplit(['/', ':']).nth(1).expect("a name with a tag");
    let out = dir.join(format!("{stem}.tar"));
    let mut args = vec![name.to_owned(), out.display().to_string()];
    args.extend(files.iter().map(|(path, file)| format!("{path}={}", file.display())));
    args.extend(["--".to_owned(), command.to_owned()]);
    done(300, root().join("tests/ground/image"), &args, b"");
    out
}
