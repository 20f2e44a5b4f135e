//! A directory with many entries, walked and read from without an allocation per entry.

use crate::{Error, Result, Root, root};
use rustix::{
    fs::{Access, AtFlags, Mode, OFlags, RawDir},
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

    /// Reads the file `rel` into `buffer`; what is not UTF-8 becomes U+FFFD.
    pub fn read<'b>(&self, rel: &str, buffer: &'b mut Vec<u8>) -> io::Result<&'b str> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = fs::File::from(rustix::fs::openat(&self.0, rel, flags, Mode::empty())?);
        root::read_from_start(&file, buffer, None)?;
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
