//! What the reader has done and seen, as counters since it was made.

/// Counters and facts of a [`Journal`](crate::Journal).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Entries handed to the caller.
    pub entries: u64,
    /// Bytes read from journal files.
    pub bytes: u64,
    /// Entries that could not be made sense of and were stepped over.
    pub entries_skipped: u64,
    /// Fields of delivered entries that could not be read, or that were beyond the limit.
    pub fields_skipped: u64,
    /// Entries that the flush to the persistent journal wrote a second time.
    pub copies_skipped: u64,
    /// Files skipped because they need features that this reader does not know.
    pub files_unsupported: u64,
    /// Files given up because of what is in them: no journal, torn header, an object without end.
    pub files_damaged: u64,
    /// Files that could not be opened or read: permission, input/output errors.
    pub files_unreadable: u64,
    /// Files in the machine's directory that another machine wrote.
    pub files_foreign: u64,
    /// Live files that were rotated.
    pub rotations: u64,
    /// Files that disappeared before all of their entries were read.
    pub files_lost: u64,
    /// Positions that were not found, so that the reader began elsewhere.
    pub positions_lost: u64,
    /// Times that the kernel's queue of file events overflowed.
    pub overflows: u64,
    /// Files that are followed now: written by journald, and readable.
    pub files_live: u64,
    /// Files and directories that are left out now because something is wrong with them.
    pub files_faulty: u64,
    /// Files known now, finished ones too.
    pub files_known: u64,
    /// When the last delivered entry was written, µs since 1970; 0 before the first one.
    pub last_realtime: u64,
    /// The newest entry in any live file by the files' headers, µs since 1970; 0 if there is none.
    /// What it is ahead of `last_realtime` is the reader's lag.
    pub newest_realtime: u64,
}
