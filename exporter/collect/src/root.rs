//! The only door to the file system: directories that stand for `/proc`, `/sys`, `/` and udev's
//! data, and files below them.
//!
//! What is not UTF-8 is made so with U+FFFD: device names, labels and comments come from firmware,
//! users and remote ends.
#![expect(clippy::disallowed_methods, reason = "this is the door that everybody else must take")]

use crate::{Error, Result};
use rustix::{
    buffer::spare_capacity,
    fs::{Mode, OFlags},
    io::Errno,
};
use std::{
    borrow::Cow,
    fs,
    io::{self, Read as _},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// A directory that stands for `/proc`, `/sys`, `/` or udev's data.
#[derive(Clone, Debug)]
pub struct Root(Arc<Path>);

/// A file's text that knows where it came from, so that an error names the file and the line.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    path: &'a Path,
    text: &'a str,
}

/// A file that was read once.
#[derive(Debug)]
pub struct File {
    path: PathBuf,
    text: String,
}

/// A kernel file that is read at every scrape through a descriptor and a buffer that are kept.
///
/// The kernel writes such a file anew at each read from its start, so that opening it again gains
/// nothing. Not for files that are replaced by renaming.
///
/// All of them together keep 512 descriptors, half of what a process may usually have, or what
/// [`allow_descriptors`](crate::allow_descriptors) says: on a host with more CPUs and disks than
/// that, the rest are opened at each read.
#[derive(Debug)]
pub struct Kept {
    path: PathBuf,
    file: Option<(fs::File, Place)>,
    bytes: Vec<u8>,
    /// What no line is longer than, where the reader said so.
    record: Option<usize>,
}

/// The right to keep a descriptor, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place(&'static Places);

/// How many descriptors may still be kept.
#[derive(Debug)]
pub(crate) struct Places(AtomicUsize);

pub(crate) static PLACES: Places = Places(AtomicUsize::new(512));

/// What tells one state of a file from another, links followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Whether it is a regular file.
    pub is_file: bool,
    /// Its bytes.
    pub size: u64,
    /// When it was last modified, in whole seconds since 1970.
    pub modified: i64,
    identity: (u64, u64),
    nanoseconds: i64,
    changed: (i64, i64),
}

// === impl Stamp ===

impl Stamp {
    /// Whether both are of one file, in whatever state.
    pub fn is_of_the_same(&self, other: &Self) -> bool {
        self.identity == other.identity
    }
}

/// An attribute: a small file with one value, as sysfs has them.
pub type Attr<T> = Result<Option<T>>;

/// No kernel file is larger; what is beyond is an error, not an ever growing buffer.
const MAX_BYTES: usize = 64 << 20;

/// The smallest page of any architecture.
pub(crate) const PAGE: usize = 4096;

// === impl Root ===

impl Root {
    /// A root at `path`, which need not exist.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self(path.as_ref().into())
    }

    /// The root's own path.
    pub fn as_path(&self) -> &Path {
        &self.0
    }

    /// The path of `rel` below the root; a leading slash of `rel` is ignored.
    pub fn path(&self, rel: impl AsRef<Path>) -> PathBuf {
        let rel = rel.as_ref();
        self.0.join(rel.strip_prefix("/").unwrap_or(rel))
    }

    /// The directory `rel` as a root of its own.
    #[must_use]
    pub fn at(&self, rel: impl AsRef<Path>) -> Self {
        Self(self.path(rel).into())
    }

    /// Reads a file whole. Fails when it does not exist or cannot be read.
    pub fn read(&self, rel: impl AsRef<Path>) -> Result<File> {
        let path = self.path(rel);
        let mut bytes = Vec::new();
        match open(&path).and_then(|file| read_from_start(&file, &mut bytes, None)) {
            Ok(()) => Ok(File { path, text: lossy(bytes) }),
            Err(source) => Err(Error::Read { path, source }),
        }
    }

    /// Reads the first bytes of a file, up to the end of a line, at most `limit`; whether that is
    /// all of it. For files that outgrow what anybody needs of them.
    pub fn head(&self, rel: impl AsRef<Path>, limit: usize) -> Result<(File, bool)> {
        let path = self.path(rel);
        let mut bytes = Vec::new();
        let read = open(&path).and_then(|file| {
            // One more byte tells whether there is more.
            let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
            file.take(most).read_to_end(&mut bytes)
        });
        if let Err(source) = read {
            return Err(Error::Read { path, source });
        }
        let whole = bytes.len() <= limit;
        if !whole {
            bytes.truncate(limit);
            let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            bytes.truncate(end);
        }
        Ok((File { path, text: lossy(bytes) }, whole))
    }

    /// Reads a file whole, as it is: for formats that are no text.
    pub fn bytes(&self, rel: impl AsRef<Path>) -> Result<Vec<u8>> {
        let path = self.path(rel);
        let mut bytes = Vec::new();
        match open(&path).and_then(|file| read_from_start(&file, &mut bytes, None)) {
            Ok(()) => Ok(bytes),
            Err(source) => Err(Error::Read { path, source }),
        }
    }

    /// A kernel file to be read at every scrape; it is opened at the first read.
    pub fn keep(&self, rel: impl AsRef<Path>) -> Kept {
        Kept { path: self.path(rel), file: None, bytes: Vec::new(), record: None }
    }

    /// An attribute's text without surrounding white space; `None` where the attribute does not
    /// exist or the device has no value for it (`EINVAL`, `ENODEV`, `EOPNOTSUPP`, …) or it may not
    /// be read.
    pub fn attr(&self, rel: impl AsRef<Path>) -> Attr<String> {
        let path = self.path(rel);
        let mut bytes = Vec::new();
        // What fits half a page is the whole value: the kernel prints it at once.
        match open(&path).and_then(|file| read_from_start(&file, &mut bytes, Some(PAGE / 2))) {
            Ok(()) => Ok(Some(lossy(bytes).trim().to_owned())),
            Err(source) if has_no_value(&source) => Ok(None),
            Err(source) => Err(Error::Read { path, source }),
        }
    }

    /// An attribute's number; `None` as for [`Root::attr`], an error where it is no number.
    pub fn number<T: FromStr>(&self, rel: impl AsRef<Path>) -> Attr<T> {
        let rel = rel.as_ref();
        match self.attr(rel)? {
            None => Ok(None),
            Some(text) => match text.parse() {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(parse_error(&self.path(rel), "expected a number", &text)),
            },
        }
    }

    /// The sorted names in a directory. Fails when it does not exist.
    pub fn list(&self, rel: impl AsRef<Path>) -> Result<Vec<String>> {
        let path = self.path(rel);
        let names = fs::read_dir(&path).and_then(|entries| {
            entries
                .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
                .collect::<io::Result<Vec<_>>>()
        });
        match names {
            Ok(mut names) => {
                names.sort_unstable();
                Ok(names)
            }
            Err(source) => Err(Error::Read { path, source }),
        }
    }

    /// The sorted names in a directory; none where it does not exist.
    pub fn list_if_any(&self, rel: impl AsRef<Path>) -> Result<Vec<String>> {
        match self.list(rel) {
            Err(error) if error.is_not_found() => Ok(Vec::new()),
            other => other,
        }
    }

    /// The first `limit` names in a directory, in its own order; whether those are all.
    pub fn first(&self, rel: impl AsRef<Path>, limit: usize) -> Result<(Vec<String>, bool)> {
        let path = self.path(rel);
        let names = fs::read_dir(&path).and_then(|mut entries| {
            let names = entries.by_ref().take(limit);
            let names = names.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
            let names = names.collect::<io::Result<Vec<_>>>()?;
            Ok((names, entries.next().is_none()))
        });
        names.map_err(|source| Error::Read { path, source })
    }

    /// The sorted names of the directories in a directory, links apart. Fails when it does not exist.
    pub fn directories(&self, rel: impl AsRef<Path>) -> Result<Vec<String>> {
        let path = self.path(rel);
        let names = fs::read_dir(&path).and_then(|entries| {
            let mut names = Vec::new();
            for entry in entries {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    names.push(entry.file_name().to_string_lossy().into_owned());
                }
            }
            Ok(names)
        });
        match names {
            Ok(mut names) => {
                names.sort_unstable();
                Ok(names)
            }
            Err(source) => Err(Error::Read { path, source }),
        }
    }

    /// The target of a symbolic link as it is written; `None` where `rel` is no link.
    pub fn link(&self, rel: impl AsRef<Path>) -> Option<String> {
        let target = fs::read_link(self.path(rel)).ok()?;
        Some(target.to_string_lossy().into_owned())
    }

    /// The path that `rel` leads to when every link is followed; `None` where it leads nowhere.
    pub fn resolve(&self, rel: impl AsRef<Path>) -> Option<PathBuf> {
        fs::canonicalize(self.path(rel)).ok()
    }

    /// Whether `rel` exists; links are followed.
    pub fn exists(&self, rel: impl AsRef<Path>) -> bool {
        self.path(rel).exists()
    }

    /// Whether `rel` is a directory; links are followed.
    pub fn is_dir(&self, rel: impl AsRef<Path>) -> bool {
        self.path(rel).is_dir()
    }

    /// What tells the file's present state from a later one. Fails when it does not exist.
    pub fn stamp(&self, rel: impl AsRef<Path>) -> Result<Stamp> {
        let path = self.path(rel);
        match fs::metadata(&path) {
            Ok(m) => Ok(Stamp {
                is_file: m.is_file(),
                size: m.size(),
                modified: m.mtime(),
                identity: (m.dev(), m.ino()),
                nanoseconds: m.mtime_nsec(),
                changed: (m.ctime(), m.ctime_nsec()),
            }),
            Err(source) => Err(Error::Read { path, source }),
        }
    }

    /// When `rel` was last modified, in seconds since 1970.
    pub fn modified(&self, rel: impl AsRef<Path>) -> Result<f64> {
        let path = self.path(rel);
        let modified = fs::metadata(&path)
            .and_then(|m| m.modified())
            .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).map_err(io::Error::other));
        match modified {
            Ok(since) => Ok(since.as_secs_f64()),
            Err(source) => Err(Error::Read { path, source }),
        }
    }
}

// === impl Kept ===

impl Kept {
    /// The file with no record longer than `bytes`: a read that would have had room for another
    /// one has reached the end, and the read that would say so is saved.
    ///
    /// For files that the kernel walks a table for, from its start at each read. A record is what
    /// the kernel prints at once: mostly a line, sometimes the file. Its buffer has a page at least.
    #[must_use]
    pub fn with_records(self, bytes: usize) -> Self {
        Self { record: Some(bytes), ..self }
    }

    /// The file's text as it is now.
    pub fn read(&mut self) -> Result<Text<'_>> {
        let had = self.file.is_some();
        let mut result = self.fill();
        if result.is_err() && had {
            // The device behind the descriptor may have gone and come back.
            self.file = None;
            result = self.fill();
        }
        if let Err(source) = result {
            self.file = None;
            return Err(Error::Read { path: self.path.clone(), source });
        }
        if std::str::from_utf8(&self.bytes).is_err() {
            self.bytes = lossy(std::mem::take(&mut self.bytes)).into_bytes();
        }
        let text = std::str::from_utf8(&self.bytes).unwrap_or_default();
        Ok(Text { path: &self.path, text })
    }

    /// The file's text without surrounding white space; `None` as for [`Root::attr`].
    pub fn attr(&mut self) -> Result<Option<&str>> {
        match self.read() {
            Ok(text) => Ok(Some(text.text.trim())),
            Err(Error::Read { source, .. }) if has_no_value(&source) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn fill(&mut self) -> io::Result<()> {
        let (file, place) = match self.file.take() {
            Some((file, place)) => (file, Some(place)),
            None => (open(&self.path)?, PLACES.take()),
        };
        self.bytes.clear();
        let result = read_from_start(&file, &mut self.bytes, self.record);
        self.file = place.map(|place| (file, place));
        result
    }
}

// === impl Places ===

impl Places {
    /// Makes `most` of them, those that are taken apart.
    pub(crate) fn allow(&self, most: usize) {
        self.0.store(most, Ordering::Relaxed);
    }

    pub(crate) fn take(&'static self) -> Option<Place> {
        let taken =
            self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        taken.is_ok().then_some(Place(self))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::Relaxed);
    }
}

// === impl File ===

impl File {
    /// The file's text with its path.
    pub fn text(&self) -> Text<'_> {
        Text { path: &self.path, text: &self.text }
    }
}

// === impl Text ===

impl<'a> Text<'a> {
    /// The whole text.
    pub fn as_str(&self) -> &'a str {
        self.text
    }

    /// The lines that are not empty.
    pub fn lines(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.text.lines().filter(|line| !line.trim().is_empty())
    }

    /// The file's path.
    pub fn path(&self) -> &'a Path {
        self.path
    }

    /// An error that names the file, what was expected and the line that did not have it.
    pub fn bad(&self, what: &'static str, line: &str) -> Error {
        parse_error(self.path, what, line)
    }

    /// Parses `field`, a part of `line`.
    pub fn parse<T: FromStr>(
        &self,
        field: Option<&str>,
        what: &'static str,
        line: &str,
    ) -> Result<T> {
        field.and_then(|f| f.parse().ok()).ok_or_else(|| self.bad(what, line))
    }
}

pub(crate) fn parse_error(path: &Path, what: &'static str, line: &str) -> Error {
    let mut short: String = line.chars().take(160).collect();
    if short.len() < line.len() {
        short.push('…');
    }
    Error::Parse { path: path.to_owned(), what, line: short }
}

/// Whether an attribute's error says that the device has no such value, rather than that something
/// is broken.
pub(crate) fn has_no_value(error: &io::Error) -> bool {
    let Some(errno) = Errno::from_io_error(error) else { return false };
    [
        Errno::NOENT,
        Errno::NOTDIR,
        Errno::NODEV,
        Errno::NXIO,
        Errno::INVAL,
        Errno::OPNOTSUPP,
        Errno::NODATA,
        Errno::NOSYS,
        Errno::ACCESS,
        Errno::PERM,
        Errno::IO,
        Errno::AGAIN,
        Errno::BUSY,
        Errno::TIMEDOUT,
        Errno::ISDIR,
    ]
    .contains(&errno)
}

/// Opens for reading without waiting: a FIFO that somebody put there must not block the scrape.
pub(crate) fn open(path: &Path) -> io::Result<fs::File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let descriptor = rustix::fs::open(path, flags, Mode::empty())?;
    Ok(fs::File::from(descriptor))
}

pub(crate) fn read_from_start(
    file: &fs::File,
    bytes: &mut Vec<u8>,
    record: Option<usize>,
) -> io::Result<()> {
    bytes.clear();
    bytes.reserve(PAGE);
    loop {
        if bytes.len() == bytes.capacity() {
            if bytes.len() >= MAX_BYTES {
                bytes.clear();
                return Err(io::Error::other("larger than 64 MiB"));
            }
            bytes.reserve(bytes.len());
        }
        let (room, offset) = (bytes.capacity() - bytes.len(), bytes.len() as u64);
        match rustix::io::pread(file, spare_capacity(bytes), offset) {
            Ok(0) => break,
            Ok(n) => {
                let short = n < room;
                if short && record.is_some_and(|record| n.saturating_add(record) <= PAGE) {
                    break;
                }
            }
            Err(Errno::INTR) => {}
            Err(errno) => {
                bytes.clear();
                return Err(errno.into());
            }
        }
    }
    Ok(())
}

pub(crate) fn lossy(bytes: Vec<u8>) -> String {
    match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => match String::from_utf8_lossy(error.as_bytes()) {
            Cow::Borrowed(text) => text.to_owned(),
            Cow::Owned(text) => text,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_read_than_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::new(dir.path());
        fs::create_dir_all(dir.path().join("d/inner")).unwrap();
        for name in ["a", "b"] {
            fs::write(dir.path().join("d").join(name), "one\ntwo\n").unwrap();
        }
        let head = |limit| {
            let (file, whole) = root.head("d/a", limit).unwrap();
            (file.text, whole)
        };
        assert_eq!(head(8), ("one\ntwo\n".to_owned(), true));
        assert_eq!(head(7), ("one\n".to_owned(), false));
        assert_eq!(head(2), (String::new(), false));
        assert!(root.head("none", 1).is_err_and(|error| error.is_not_found()));
        assert_eq!(root.first("d", 3).unwrap().0.len(), 3);
        assert!(root.first("d", 3).unwrap().1);
        let (names, all) = root.first("d", 2).unwrap();
        assert_eq!((names.len(), all), (2, false));
        assert_eq!(root.directories("d").unwrap(), ["inner"]);
        assert!(root.directories("none").is_err());
    }

    #[test]
    fn descriptors_are_kept_up_to_a_limit() {
        static PLACES: Places = Places(AtomicUsize::new(2));
        let (first, second) = (PLACES.take(), PLACES.take());
        assert!(first.is_some() && second.is_some() && PLACES.take().is_none());
        drop(first);
        assert!(PLACES.take().is_some());
    }
}
