//! Reads and follows systemd's journal files: every entry once, in bounded memory, without
//! libsystemd and without `unsafe` code.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod buffers;
mod cache;
mod codec;
mod entry;
mod error;
mod file;
mod header;
mod id;
mod journal;
mod known;
mod limits;
mod lz4;
mod merge;
mod origin;
mod position;
mod seek;
mod start;
mod stats;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;
mod tree;
mod watch;
mod zstd;

pub use buffers::{Buffers, Payload};
pub use cache::{ClassCache, Head, Verdict};
pub use entry::{Cursor, Entry, Stamp};
pub use error::{Error, Result};
pub use file::JournalFile;
pub use header::{Header, State, flags};
pub use id::{Id, NotAnId};
pub use journal::{Event, Journal, Machine, Namespaces, Options, Progress, Seek, Start};
pub use limits::Limits;
pub use merge::Merge;
pub use origin::{Origin, Place};
pub use position::{Mark, Position};
pub use stats::Stats;
