//! A directory with many entries, walked and read from without an allocation per entry.

use crate::{Error, Result, Root, root};
use rustix::{
    fs::{Access, AtFlags, FileType, Mode, OFlags, RawDir},
    io::Errno,
};
use std::{fs, io, mem::MaybeUninit, os::fd::OwnedFd, path::Path};

/// An open directory such as `/proc`, whose entries come and go while it is walked.
#[derive(Debug)]
pub struct Directory(OwnedFd);

// === impl Root ===

impl Root {
    /// Opens the directory `rel`. Fails when it does not exist.
    pub fn directory(&self, rel: impl AsRef<Path>) -> Result<Directory> {
        let path = self.path(rel);
        match rustix::fs::open(&path, FLAGS, Mode::empty()) {
            Ok(descriptor) => Ok(Directory(descriptor)),
            Err(errno) => Err(Error::Read { path, source: errno.into() }),
        }
    }
}

const FLAGS: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

// === impl Directory ===

impl Directory {
    /// Opens the directory `rel` below.
    pub fn directory(&self, rel: &str) -> io::Result<Self> {
        Ok(Self(rustix::fs::openat(&self.0, rel, FLAGS, Mode::empty())?))
    }

    /// Calls `each` with every name that is UTF-8, in the kernel's order. An opened directory can
    /// be walked once.
    pub fn each(&self, mut each: impl FnMut(&str)) -> io::Result<()> {
        let mut buffer = [MaybeUninit::uninit(); 8192];
        let mut entries = RawDir::new(&self.0, &mut buffer);
        while let Some(entry) = entries.next() {
            match entry {
                Ok(entry) => {
                    if let Ok(name) = entry.file_name().to_str() {
                        each(name);
                    }
                }
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }

    /// The names of the directories in it, in the kernel's order, links apart. As with
    /// [`Directory::each`], once.
    pub fn directories(&self) -> io::Result<Vec<String>> {
        let mut buffer = [MaybeUninit::uninit(); 8192];
        let mut entries = RawDir::new(&self.0, &mut buffer);
        let mut names = Vec::new();
        while let Some(entry) = entries.next() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(Errno::INTR) => continue,
                Err(errno) => return Err(errno.into()),
            };
            let Ok(name) = entry.file_name().to_str() else { continue };
            let is_dir = match entry.file_type() {
                FileType::Directory => true,
                FileType::Unknown => {
                    let stat = rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW);
                    stat.is_ok_and(|s| FileType::from_raw_mode(s.st_mode) == FileType::Directory)
                }
                _ => false,
            };
            if is_dir && !matches!(name, "." | "..") {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }

    /// How many names lead to `rel` below: to a directory of a file system that counts, two more than
    /// it has directories in it; 1 where it does not count. The second number is another one for
    /// another directory of the same name.
    pub fn links(&self, rel: &str) -> io::Result<(u64, u64)> {
        let stat = rustix::fs::statat(&self.0, rel, AtFlags::empty())?;
        #[cfg_attr(
            target_arch = "x86_64",
            expect(clippy::useless_conversion, reason = "the number is smaller elsewhere")
        )]
        Ok((u64::from(stat.st_nlink), stat.st_ino))
    }

    /// When `rel` below was last modified, in whole seconds since 1970.
    pub fn modified(&self, rel: &str) -> io::Result<i64> {
        Ok(rustix::fs::statat(&self.0, rel, AtFlags::empty())?.st_mtime)
    }

    /// Whether `rel` below is a link whose text starts with `prefix`, of 64 bytes at most.
    pub fn link_starts_with(&self, rel: &str, prefix: &[u8]) -> bool {
        let mut buffer = [MaybeUninit::uninit(); 64];
        let target = rustix::fs::readlinkat_raw(&self.0, rel, &mut buffer);
        target.is_ok_and(|(target, _)| target.starts_with(prefix))
    }

    /// Reads the file `rel`, whose lines are shorter than half a page, into `buffer`; what is not UTF-8
    /// becomes U+FFFD.
    pub fn read<'b>(&self, rel: &str, buffer: &'b mut Vec<u8>) -> io::Result<&'b str> {
        let file = open_at(self, rel)?;
        root::read_from_start(&file, buffer, Some(root::PAGE / 2))?;
        if std::str::from_utf8(buffer).is_err() {
            *buffer = root::lossy(std::mem::take(buffer)).into_bytes();
        }
        Ok(std::str::from_utf8(buffer).unwrap_or_default())
    }

    /// Whether `rel` exists below.
    pub fn exists(&self, rel: &str) -> bool {
        rustix::fs::accessat(&self.0, rel, Access::EXISTS, AtFlags::empty()).is_ok()
    }
}

/// Opens for reading without waiting, as the root does.
pub(crate) fn open_at(directory: &Directory, rel: &str) -> io::Result<fs::File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let descriptor = rustix::fs::openat(&directory.0, rel, flags, Mode::empty())?;
    Ok(fs::File::from(descriptor))
}
