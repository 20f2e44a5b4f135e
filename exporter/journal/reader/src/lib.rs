//! Reads and follows systemd's journal files: every entry once, in bounded memory, without
//! libsystemd and without `unsafe` code.
//!
//! ```no_run
//! use journal_reader::{Journal, Options, Seek, Start};
//! use std::time::Duration;
//!
//! # fn main() -> journal_reader::Result<()> {
//! # let kept = String::new();
//! let mut journal = Journal::open(Options::default())?;
//! // Go on where the last run ended, if it left a position; else at the tail.
//! if let Ok(position) = kept.parse() {
//!     if journal.seek(&Start::After(&position))? == Seek::Lost {
//!         // Another journal than then: choose how far to look back.
//!         journal.seek(&Start::Since(1_700_000_000_000_000))?;
//!     }
//! }
//! let mut field = Vec::new();
//! loop {
//!     // A megabyte at a time, so that others have their turn.
//!     while journal
//!         .read(1 << 20, |entry| {
//!             for index in 0..entry.len() {
//!                 if entry.read(index, 4096, &mut field).is_some() {
//!                     // `field` is `NAME=value`, decompressed, at most 4,096 bytes of it.
//!                 }
//!             }
//!         })?
//!         .more
//!     {}
//!     let kept = journal.position().to_string();
//!     # drop(kept);
//!     for event in journal.events() {
//!         // A file that cannot be read, or that was deleted too early: tell somebody.
//!         # drop(event);
//!     }
//!     journal.wait(Duration::from_secs(1))?;
//! }
//! # }
//! ```
//!
//! # What it reads
//! The format is [systemd's](https://systemd.io/JOURNAL_FILE_FORMAT/): with and without `KEYED-HASH` and `COMPACT`, fields
//! compressed with XZ, LZ4 or Zstandard. A file that needs anything else is [`Error::Unsupported`]; compatible flags do
//! not matter. It was compared with `journalctl` entry by entry, on files of systemd 252 and 257.
//!
//! # Three ways to read
//! - [`Journal`] follows all of a machine's files from a [`Position`] or a time on. Within a line of files (system,
//!   each user, each namespace) entries come in journald's order; lines come one after the other.
//! - [`Merge`] gives entries of many files in the order of time, for people.
//! - [`JournalFile`] reads one file, with [`Buffers`] that any number of files may share.
//!
//! An [`Entry`] has two faces. [`Entry::read`] gives a field as it is: bytes, not text; duplicates and order are kept.
//! [`Entry::class`] is for counting: journald stores equal fields once, so that what `PRIORITY=6` at some place
//! means is asked once and then known ([`ClassCache`]). That is what makes two million entries a second of CPU time.
//!
//! # Exactly once
//! - An entry is taken when the header counts it, which journald does last.
//! - A rotated file is read to its end through the descriptor that is open; a finished one is remembered by inode and
//!   file id for as long as it exists and never read again.
//! - When journald flushes the volatile journal, it writes all entries again with other numbers. Those that were read
//!   are known by boot and monotonic time and stepped over ([`Stats::copies_skipped`]).
//! - [`Journal::position`] has a mark for each line of files. Keep it *after* what was read has been put somewhere.
//! - What nobody could read is told: deleted files ([`Event::Vanished`]), an entry that a deletion tore
//!   ([`Entry::is_torn`]), positions whose continuation is gone ([`Seek::Gap`], [`Seek::Lost`]).
//!
//! # Hostile input
//! Every local user writes to the journal, and disks decay. Sizes, numbers of fields and decompressed bytes have bounds
//! ([`Limits`]); a field that makes no sense costs itself, an entry too, and an object that cannot be stepped over costs
//! the rest of its file. Files are read with `pread` only: a mapped file that is truncated would kill the process.
//! Symbolic links and anything but regular files are refused.
//!
//! With the default limits a [`Journal`] takes about 2 MiB: a window of 128 KiB, 126 KiB of blocks, 0.5 MiB of classes
//! for a caller that uses them, 1 MiB while something is decompressed, and 0.7 KiB for each file that exists.
//!
//! # Features
//! `testing` gives `testing::Writer`, which writes small journal files for tests.
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
mod listing;
mod lz4;
mod merge;
mod options;
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
pub use journal::Journal;
pub use limits::Limits;
pub use merge::Merge;
pub use options::{Event, Fault, Machine, Namespaces, Options, Progress, Seek, Start};
pub use origin::{Origin, Place};
pub use position::{Mark, Point, Position};
pub use stats::Stats;
