//! The directories of a machine's journal below a root, and what stands in them.
//!
//! `var/log/journal/MACHINE-ID` is the persistent journal, `run/log/journal/MACHINE-ID` the volatile
//! one; `MACHINE-ID.NAME` are those of journald's namespaces. The machine id is `etc/machine-id`
//! below the same root: in a container with the host's files at `/host`, the host's.

use crate::{
    Error, Id, Result,
    origin::{Place, word},
};
use rustix::{
    fd::OwnedFd,
    fs::{CWD, Dir, Mode, OFlags, fstat, openat},
};
use std::{
    ffi::{CString, OsStr},
    fs::File,
    io::Read,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// A directory with journal files.
#[derive(Debug)]
pub(crate) struct Directory {
    pub(crate) path: PathBuf,
    pub(crate) fd: OwnedFd,
    pub(crate) device: u64,
    pub(crate) place: Place,
    pub(crate) namespace: Option<String>,
}

/// A name in a directory and the inode behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) name: CString,
    pub(crate) inode: u64,
}

/// Names that are taken of one directory.
const MAX_NAMES: usize = 4096;
/// How often a directory is looked at again that changes all the time.
const LOOKS: usize = 8;

/// Where journals are, volatile first.
pub(crate) const BASES: [(Place, &str); 2] =
    [(Place::Volatile, "run/log/journal"), (Place::Persistent, "var/log/journal")];

/// The id in `etc/machine-id` below `root`.
pub(crate) fn machine_id(root: &Path) -> Result<Id> {
    let path = root.join("etc/machine-id");
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let fd = openat(CWD, &path, flags, Mode::empty())
        .map_err(|error| Error::io(path.display().to_string(), error))?;
    let mut text = String::new();
    let read = File::from(fd).take(64).read_to_string(&mut text);
    read.ok().and_then(|_| text.trim_end().parse().ok()).ok_or(Error::NoMachineId(path))
}

/// The names in a directory as they stood at one moment; at most 4,096.
///
/// A directory is read by several calls, between which names change: a file that is rotated may be met
/// under neither of its names, and the one that follows it under its own.
pub(crate) fn list(directory: &OwnedFd) -> Result<Vec<Listed>> {
    steady(|| list_once(directory))
}

/// What is seen twice in a row; what is seen last where it changes all the time.
fn steady<T: PartialEq>(mut look: impl FnMut() -> Result<T>) -> Result<T> {
    let mut seen = look()?;
    for _ in 0..LOOKS {
        let now = look()?;
        if now == seen {
            break;
        }
        seen = now;
    }
    Ok(seen)
}

fn list_once(directory: &OwnedFd) -> Result<Vec<Listed>> {
    let listing = |error| Error::io("list", error);
    let mut names = Vec::new();
    for entry in Dir::read_from(directory).map_err(listing)? {
        let entry = entry.map_err(listing)?;
        if names.len() == MAX_NAMES {
            break;
        }
        names.push(Listed { name: entry.file_name().to_owned(), inode: entry.ino() });
    }
    Ok(names)
}

/// A machine's directories below `base`; none where there is no `base`. What cannot be opened is added
/// to `faults`.
pub(crate) fn directories(
    place: Place,
    base: &Path,
    machine: Id,
    wanted: impl Fn(Option<&str>) -> bool,
    faults: &mut Vec<(PathBuf, Error)>,
) -> Vec<Directory> {
    let own = machine.to_string();
    let mut directories = Vec::new();
    let listed = open(base).and_then(|fd| fd.map_or(Ok(Vec::new()), |fd| list(&fd)));
    let listed = listed.unwrap_or_else(|error| {
        faults.push((base.to_owned(), error));
        Vec::new()
    });
    for Listed { name, .. } in listed {
        let name = name.to_bytes();
        let Some(rest) = name.strip_prefix(own.as_bytes()) else { continue };
        let namespace = match rest {
            [] => None,
            [b'.', namespace @ ..] if !namespace.is_empty() => Some(word(namespace)),
            _ => continue,
        };
        if !wanted(namespace.as_deref()) {
            continue;
        }
        let path = base.join(OsStr::from_bytes(name));
        let opened = open(&path).and_then(|fd| {
            let Some(fd) = fd else { return Ok(None) };
            let stat = fstat(&fd).map_err(|error| Error::io("stat", error))?;
            Ok(Some((fd, stat.st_dev)))
        });
        match opened {
            Ok(Some((fd, device))) => {
                directories.push(Directory { path, fd, device, place, namespace });
            }
            Ok(None) => {}
            Err(error) => faults.push((path, error)),
        }
    }
    directories
}

/// `None` where nothing, or no directory, is.
fn open(path: &Path) -> Result<Option<OwnedFd>> {
    use rustix::io::Errno;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    match openat(CWD, path, flags, Mode::empty()) {
        Ok(fd) => Ok(Some(fd)),
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
        Err(error) => Err(Error::io("open", error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_changes_is_looked_at_again() {
        let seen = |looks: &[u32]| {
            let mut looks = looks.iter();
            steady(|| Ok(*looks.next().unwrap())).unwrap()
        };
        assert_eq!(seen(&[1, 1]), 1);
        assert_eq!(seen(&[1, 2, 3, 3]), 3);
        assert_eq!(seen(&[1, 2, 3, 4, 5, 6, 7, 8, 9]), 9);
    }
}
