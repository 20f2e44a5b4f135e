//! What is kept over a restart: small texts in the exporter's own directory, `--state.dir`.
#![expect(clippy::disallowed_methods, reason = "a directory of the exporter's own, not the host's")]

use crate::{Error, Opt, Options, Result};
use std::{
    fs,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

/// Where the exporter keeps what it must know after a restart.
pub const STATE_DIR: Opt = Opt::text(
    "state.dir",
    "",
    "A directory that outlives the process, for how far the journal was read; none where it is empty.",
);

/// The exporter's own directory.
#[derive(Clone, Debug)]
pub struct StateDir(PathBuf);

/// Nothing that is kept is larger.
const MAX_BYTES: u64 = 1 << 20;

// === impl StateDir ===

impl StateDir {
    /// The directory that was given; `None` where there is none.
    pub fn new(options: &Options) -> Option<Self> {
        let path = options.text(&STATE_DIR);
        (!path.is_empty()).then(|| Self(path.into()))
    }

    /// The text `name`; `None` where there is none yet. Fails where it cannot be read, is no UTF-8 or
    /// is larger than 1 MiB.
    pub fn read(&self, name: &str) -> Result<Option<String>> {
        let path = self.0.join(name);
        let mut text = String::new();
        let read = fs::File::open(&path).and_then(|file| {
            file.take(MAX_BYTES + 1).read_to_string(&mut text)?;
            if text.len() as u64 > MAX_BYTES {
                Err(io::Error::other("larger than 1 MiB"))
            } else {
                Ok(())
            }
        });
        match read {
            Ok(()) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::Read { path, source }),
        }
    }

    /// Puts `text` in the place of the text `name`, whole or not at all: it is written beside it,
    /// brought to the disk, and renamed. The directory is made where it does not exist.
    pub fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.0.join(name);
        let beside = self.0.join(format!("{name}.new"));
        let written = fs::create_dir_all(&self.0).and_then(|()| {
            let mut file = fs::File::create(&beside)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&beside, &path)?;
            sync(&self.0)
        });
        written.map_err(|source| Error::System {
            what: format!("write {} (--state.dir)", path.display()),
            source,
        })
    }
}

/// Brings the directory's names to the disk, so that a crash leaves the new text or the old one.
fn sync(dir: &Path) -> io::Result<()> {
    fs::File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_replaced_whole() {
        let dir = tempfile::tempdir().unwrap();
        let mut options = Options::default();
        assert!(StateDir::new(&options).is_none());
        let path = dir.path().join("a/b");
        options.set(STATE_DIR.name, vec![path.to_str().unwrap().to_owned()]);
        let state = StateDir::new(&options).unwrap();
        assert_eq!(state.read("x").unwrap(), None);
        state.write("x", "one").unwrap();
        state.write("x", "two").unwrap();
        assert_eq!(state.read("x").unwrap().as_deref(), Some("two"));
        assert_eq!(fs::read_dir(&path).unwrap().count(), 1);
        fs::write(path.join("x"), vec![b'x'; (1 << 20) + 1]).unwrap();
        assert!(state.read("x").unwrap_err().to_string().ends_with("larger than 1 MiB"));
        // A full disk, a directory that is none: the error names both.
        options.set(STATE_DIR.name, vec![path.join("x").to_str().unwrap().to_owned()]);
        let error = StateDir::new(&options).unwrap().write("y", "").unwrap_err().to_string();
        assert!(error.contains("x/y (--state.dir)"), "{error}");
    }
}
