//! A file below a directory that is held open, read at every scrape through a descriptor that is kept,
//! into a buffer that many files share.

use crate::{
    Directory,
    directory::open_at,
    root::{PLACES, Place, has_no_value},
};
use rustix::{buffer::spare_capacity, io::Errno};
use std::{fs::File, io};

/// A file that is read often, by somebody who has thousands of them. It knows neither its path nor a
/// buffer: both are given at each read.
///
/// Of these too only so many keep their descriptor as a [`Kept`](crate::Kept) file may; the rest are
/// opened at each read. A kept descriptor of a control group's file costs 4.7 KB of the kernel's memory, a
/// page of it in the reader's account, so that one is given back that nobody reads ([`KeptBelow::tidy`]). A
/// file that is not there or has no value is not looked for again before that.
#[derive(Debug, Default)]
pub struct KeptBelow(State);

#[derive(Debug, Default)]
enum State {
    #[default]
    Closed,
    /// And whether it was read since the last [`KeptBelow::tidy`].
    Open(File, Place, bool),
    /// Its descriptor is not kept, and it was the file of this number.
    Passing(u64),
    Absent,
}

/// What a read of a file that is kept found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// What was there before.
    Same,
    /// Another file of the same name, or the first one.
    Other,
    /// No such file, or one without a value.
    Nothing,
}

/// What is read at once at most; a kernel file whose text is made at once is whole with its first read.
const ROOM: usize = 16 << 10;

/// The kernel gives as many records at once as fit a page: where it gives less than half of one, and
/// no record has that much, there are no more.
const HALF_PAGE: usize = 2048;

/// No file of this kind is larger: a group with a hundred thousand processes.
const MAX_BYTES: usize = 1 << 20;

// === impl KeptBelow ===

impl KeptBelow {
    /// Reads the file into `buffer`, which holds nothing else then, as it is. `rel` makes its path
    /// below `directory`, where it must be opened.
    ///
    /// With `at_once` a short read is the end: for files that the kernel prints as one record. Other
    /// files must be of lines shorter than half a page.
    pub fn read(
        &mut self,
        directory: &Directory,
        rel: impl Fn() -> String,
        at_once: bool,
        buffer: &mut Vec<u8>,
    ) -> io::Result<Found> {
        buffer.clear();
        let (file, place, known) = match std::mem::take(&mut self.0) {
            State::Absent => {
                self.0 = State::Absent;
                return Ok(Found::Nothing);
            }
            State::Open(file, place, _) => {
                // What was behind the descriptor may have gone and come back.
                if fill(&file, at_once, buffer).is_ok() {
                    self.0 = State::Open(file, place, true);
                    return Ok(Found::Same);
                }
                buffer.clear();
                (open_at(directory, &rel()), Some(place), None)
            }
            State::Closed => (open_at(directory, &rel()), PLACES.take(), None),
            State::Passing(number) => (open_at(directory, &rel()), PLACES.take(), Some(number)),
        };
        let read = file.and_then(|file| {
            fill(&file, at_once, buffer)?;
            Ok(file)
        });
        let same = match (read, place) {
            (Ok(file), place) => {
                let number = match (known, &place) {
                    (None, Some(_)) => None,
                    _ => Some(rustix::fs::fstat(&file)?.st_ino),
                };
                self.0 = match place {
                    Some(place) => State::Open(file, place, true),
                    None => number.map_or(State::Closed, State::Passing),
                };
                known.is_some() && known == number
            }
            (Err(error), _) if has_no_value(&error) => {
                self.0 = State::Absent;
                return Ok(Found::Nothing);
            }
            (Err(error), _) => return Err(error),
        };
        Ok(if same { Found::Same } else { Found::Other })
    }

    /// Gives the descriptor back: the next read opens the file. For files that say something new only to
    /// who opens them.
    pub fn let_go(&mut self) {
        if let State::Open(file, ..) = &self.0 {
            let number = rustix::fs::fstat(file);
            self.0 = number.map_or(State::Closed, |stat| State::Passing(stat.st_ino));
        }
    }

    /// From time to time: what was not there is looked for at the next read, and a descriptor through which
    /// nothing was read since the last time is closed.
    pub fn tidy(&mut self) {
        match &mut self.0 {
            State::Open(.., read) if *read => *read = false,
            State::Open(..) => self.let_go(),
            State::Absent => self.0 = State::Closed,
            State::Closed | State::Passing(_) => {}
        }
    }
}

fn fill(file: &File, at_once: bool, buffer: &mut Vec<u8>) -> io::Result<()> {
    loop {
        if buffer.len() >= MAX_BYTES {
            return Err(io::Error::other("larger than 1 MiB"));
        }
        // Never filled up, so that a read that stops short of it is short.
        buffer.reserve(ROOM.max(buffer.len()));
        let room = buffer.capacity() - buffer.len();
        let offset = buffer.len() as u64;
        match rustix::io::pread(file, spare_capacity(buffer), offset) {
            Ok(0) => break,
            Ok(n) if n < if at_once { room } else { HALF_PAGE } => break,
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Root;
    use std::fs;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the test changes the files")]
    fn it_is_read_anew_and_found_again() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("a")).unwrap();
        let directory = Root::new(dir.path()).directory("").unwrap();
        let (mut kept, mut buffer) = (KeptBelow::default(), Vec::new());
        let mut read = |kept: &mut KeptBelow, at_once| {
            let found = kept.read(&directory, || "a/x".to_owned(), at_once, &mut buffer).unwrap();
            (found, String::from_utf8_lossy(&buffer).into_owned())
        };
        assert_eq!(read(&mut kept, true), (Found::Nothing, String::new()));
        fs::write(dir.path().join("a/x"), "1\n").unwrap();
        assert_eq!(read(&mut kept, true), (Found::Nothing, String::new()));
        kept.tidy();
        assert_eq!(read(&mut kept, true), (Found::Other, "1\n".to_owned()));
        fs::write(dir.path().join("a/x"), [b'2', 0xff]).unwrap();
        assert_eq!(read(&mut kept, true), (Found::Same, "2\u{fffd}".to_owned()));
        kept.tidy();
        assert!(matches!(kept.0, State::Open(..)), "it was read a moment ago");
        kept.tidy();
        assert!(matches!(kept.0, State::Passing(_)), "it was not read since");
        kept.tidy();
        assert_eq!(read(&mut kept, true), (Found::Same, "2\u{fffd}".to_owned()));
        assert!(matches!(kept.0, State::Open(..)));
        kept.let_go();
        assert!(matches!(kept.0, State::Passing(_)));
        assert_eq!(read(&mut kept, true), (Found::Same, "2\u{fffd}".to_owned()));
        for _ in 0..2 {
            kept.tidy();
        }
        fs::rename(dir.path().join("a/x"), dir.path().join("a/y")).unwrap();
        fs::write(dir.path().join("a/x"), "3").unwrap();
        assert_eq!(read(&mut kept, true), (Found::Other, "3".to_owned()), "another one");
        let long = "7\n".repeat(40_000);
        fs::write(dir.path().join("a/x"), &long).unwrap();
        assert_eq!(read(&mut kept, false), (Found::Same, long));
        fs::write(dir.path().join("a/x"), vec![b'x'; MAX_BYTES + 1]).unwrap();
        let error = kept.read(&directory, || "a/x".to_owned(), true, &mut Vec::new());
        assert!(error.is_err_and(|error| error.to_string().contains("1 MiB")));
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the test makes directories")]
    fn directories_are_counted_and_told_from_others() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a/b", "a/c"] {
            fs::create_dir_all(dir.path().join(name)).unwrap();
        }
        fs::write(dir.path().join("a/file"), "").unwrap();
        std::os::unix::fs::symlink("socket:[7]", dir.path().join("a/link")).unwrap();
        let directory = Root::new(dir.path()).directory("").unwrap();
        let mut names = directory.directory("a").unwrap().directories().unwrap();
        names.sort_unstable();
        assert_eq!(names, ["b", "c"]);
        // A file system that does not count says 1.
        let (links, first) = directory.links("a").unwrap();
        assert!(matches!(links, 1 | 4), "{links}");
        assert_ne!(directory.links("a/b").unwrap().1, first);
        assert!(directory.links("none").is_err());
        assert!(directory.link_starts_with("a/link", b"socket:"));
        assert!(!directory.link_starts_with("a/file", b"socket:"));
        assert!(directory.modified("a").unwrap() > 1_000_000_000);
    }
}
