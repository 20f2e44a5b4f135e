//! A number that the kernel gives in a file of its own, read at every scrape through a descriptor
//! that is kept: a thousand of them cost a sixth of what opening each by its path does.

use crate::{
    Attr, Error, Root,
    root::{PLACES, Place, has_no_value, open, parse_error},
};
use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    str::FromStr,
};

/// A file that holds one number, to be read often.
///
/// Of these too only so many keep their descriptor as a [`Kept`](crate::Kept) file may; the rest are
/// opened at each read. It has no buffer of its own.
#[derive(Debug)]
pub struct KeptNumber {
    path: Box<Path>,
    file: Option<(File, Place)>,
}

/// No number takes more.
const LONGEST: usize = 64;

/// Lets as many descriptors be kept as fit a process that may have `limit` open: half of them, but
/// no more than a host with thousands of units, or a node with 110 pods, has files to read. For the start of the process.
pub fn allow_descriptors(limit: usize) {
    PLACES.allow((limit / 2).min(MOST_KEPT));
}

/// A descriptor that is kept costs the kernel a page.
const MOST_KEPT: usize = 8192;

// === impl Root ===

impl Root {
    /// A file with one number, to be read at every scrape; it is opened at the first read.
    pub fn keep_number(&self, rel: impl AsRef<Path>) -> KeptNumber {
        KeptNumber { path: self.path(rel).into(), file: None }
    }
}

// === impl KeptNumber ===

impl KeptNumber {
    /// The number now; `None` as for [`Root::attr`], an error where it is no number.
    pub fn read<T: FromStr>(&mut self) -> Attr<T> {
        let had = self.file.is_some();
        let mut bytes = [0; LONGEST];
        let mut read = self.fill(&mut bytes);
        if read.is_err() && had {
            // What was behind the descriptor may have gone and come back.
            read = self.fill(&mut bytes);
        }
        let length = match read {
            Ok(length) => length,
            Err(source) if has_no_value(&source) => return Ok(None),
            Err(source) => return Err(Error::Read { path: self.path.to_path_buf(), source }),
        };
        let text = bytes.get(..length).and_then(|bytes| std::str::from_utf8(bytes).ok());
        let text = text.unwrap_or_default().trim();
        match text.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(parse_error(&self.path, "expected a number", text)),
        }
    }

    /// The file's path.
    pub fn path(&self) -> PathBuf {
        self.path.to_path_buf()
    }

    fn fill(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let (file, place) = match self.file.take() {
            Some((file, place)) => (file, Some(place)),
            None => (open(&self.path)?, PLACES.take()),
        };
        let length = loop {
            match file.read_at(bytes, 0) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => break done?,
            }
        };
        self.file = place.map(|place| (file, place));
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use crate::Root;
    use std::fs;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the test changes the file")]
    fn it_is_read_anew_and_found_again() {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in [("n", "7\n"), ("torn", "x"), ("empty", "")] {
            fs::write(dir.path().join(name), text).unwrap();
        }
        let root = Root::new(dir.path());
        let mut number = root.keep_number("n");
        assert_eq!(number.read::<u64>().ok(), Some(Some(7)));
        fs::write(dir.path().join("n"), "18446744073709551615\n").unwrap();
        assert_eq!(number.read::<u64>().ok(), Some(Some(u64::MAX)));
        assert!(number.path().ends_with("n"));
        assert_eq!(root.keep_number("none").read::<u64>().ok(), Some(None));
        let error = root.keep_number("torn").read::<u64>().unwrap_err().to_string();
        assert!(error.contains("torn") && error.contains("expected a number"), "{error}");
        assert!(root.keep_number("empty").read::<u64>().is_err());
    }
}
