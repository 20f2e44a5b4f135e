//! What can be wrong with a file, and what with the whole journal.

use crate::Id;
use std::{fmt, io, path::PathBuf};

/// Why a file, or the journal, cannot be read further.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The system refused; `what` is the file or the call.
    Io {
        /// The path or the call.
        what: String,
        /// The system's reason.
        source: io::Error,
    },
    /// The file has no header yet: journald has just created it. Try again later.
    NoHeader,
    /// The file does not begin as a journal file does.
    NotAJournal,
    /// The file needs features that this reader does not know: these bits of its incompatible flags.
    Unsupported(u32),
    /// The header contradicts itself: what is wrong.
    Header(&'static str),
    /// An object cannot be stepped over, so everything behind it is out of reach.
    Object {
        /// Where it is, in bytes from the file's beginning.
        offset: u64,
        /// Its kind as written.
        kind: u8,
        /// Its size in bytes as written.
        size: u64,
    },
    /// The file ends where its header promises more.
    Truncated {
        /// Where bytes are missing, from the file's beginning.
        offset: u64,
    },
    /// The file was deleted while it was read; journald frees the space even of files that are open.
    Gone,
    /// The file was written by another machine than its directory says.
    Machine(Id),
    /// The machine's id cannot be had from this file.
    NoMachineId(PathBuf),
    /// A text is no [`Position`](crate::Position): the line and what is wrong in it.
    Position {
        /// Counted from 1.
        line: usize,
        /// What was expected.
        expected: &'static str,
    },
}

/// This crate's results.
pub type Result<T> = std::result::Result<T, Error>;

// === impl Error ===

impl Error {
    pub(crate) fn io(what: impl Into<String>, source: impl Into<io::Error>) -> Self {
        Self::Io { what: what.into(), source: source.into() }
    }

    /// Whether there is nothing: the name is not there, or no longer, or the machine has no id.
    pub fn is_absence(&self) -> bool {
        match self {
            Self::Io { source, .. } => source.kind() == io::ErrorKind::NotFound,
            Self::NoMachineId(_) => true,
            _ => false,
        }
    }

    /// Whether waiting may help: the file is being created.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::NoHeader)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { what, source } => write!(f, "{what}: {source}"),
            Self::NoHeader => f.write_str("no header yet"),
            Self::NotAJournal => f.write_str("not a journal file: expected the signature LPKSHHRH"),
            Self::Unsupported(flags) => {
                write!(f, "incompatible flags {flags:#x} are not known; a newer reader is needed")
            }
            Self::Header(what) => write!(f, "header: {what}"),
            Self::Object { offset, kind, size } => write!(
                f,
                "object at {offset}: kind {kind}, {size} bytes: expected a size that fits the \
                 file; what follows is out of reach until journald rotates the file"
            ),
            Self::Truncated { offset } => {
                write!(f, "ends before {offset}, where the header promises more")
            }
            Self::Gone => f.write_str("deleted while it was read"),
            Self::Machine(id) => write!(f, "written by another machine, {id}"),
            Self::NoMachineId(path) => {
                write!(f, "{}: expected a machine id of 32 hex digits", path.display())
            }
            Self::Position { line, expected } => {
                write!(f, "position: line {line}: expected {expected}")
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
