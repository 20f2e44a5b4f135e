//! Why a collector could not give a number.

use std::{io, path::PathBuf};

/// Why a collector failed, wholly or in part. The message names the path, what was expected and
/// what was there.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or directory could not be read.
    #[error("read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the kernel answered.
        source: io::Error,
    },
    /// A file did not hold what was expected.
    #[error("{}: {what}: {line:?}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// What was expected.
        what: &'static str,
        /// The line, shortened.
        line: String,
    },
    /// A system call, a socket or another interface of the kernel answered with an error.
    #[error("{what}: {source}")]
    System {
        /// The call and its object, such as `netlink RTM_GETLINK`.
        what: String,
        /// What the kernel answered.
        source: io::Error,
    },
    /// This host has no such thing. It is no failure, though `node_scrape_collector_success` is 0
    /// as it is in `node_exporter`.
    #[error("no data: {0}")]
    NoData(String),
    /// An option's value is wrong; start-up ends with it.
    #[error("--{option}: {what}")]
    Option {
        /// The flag's name without dashes.
        option: String,
        /// What is wrong and what would be right.
        what: String,
    },
    /// Anything else that came out wrong.
    #[error("{0}")]
    Other(String),
    /// Several parts failed; the other parts were exposed.
    #[error("{first} (and {more} more)")]
    Several {
        /// The first failure.
        first: Box<Error>,
        /// How many followed it.
        more: usize,
    },
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Collects the failures of parts, so that one part's failure does not cost the others.
#[derive(Debug, Default)]
pub struct Faults {
    first: Option<Error>,
    more: usize,
}

// === impl Error ===

impl Error {
    /// The host has no such thing.
    pub fn no_data(what: impl Into<String>) -> Self {
        Self::NoData(what.into())
    }

    /// Whether the host simply lacks the source.
    pub fn is_no_data(&self) -> bool {
        matches!(self, Self::NoData(_))
    }

    /// Whether a file or directory does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    /// A missing file or directory as "no data", anything else as it is.
    #[must_use]
    pub fn or_no_data(self) -> Self {
        match self {
            Self::Read { path, source } if source.kind() == io::ErrorKind::NotFound => {
                Self::NoData(format!("{} does not exist", path.display()))
            }
            other => other,
        }
    }
}

// === impl Faults ===

impl Faults {
    /// The value of a part, or `None` with the failure noted.
    pub fn ok<T>(&mut self, result: Result<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.note(error);
                None
            }
        }
    }

    /// Notes a failure.
    pub fn note(&mut self, error: Error) {
        match self.first {
            None => self.first = Some(error),
            Some(_) => self.more += 1,
        }
    }

    /// The first failure, if there was any, with the number of the others.
    pub fn finish(self) -> Result<()> {
        match (self.first, self.more) {
            (None, _) => Ok(()),
            (Some(error), 0) => Err(error),
            (Some(first), more) => Err(Error::Several { first: Box::new(first), more }),
        }
    }
}

/// An error with its causes: hyper's own words are "client error (Connect)".
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.ends_with(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = error.source();
    }
    text
}
