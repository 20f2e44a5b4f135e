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

// === impl Stats ===

impl Stats {
    /// The counters of an earlier reader and of this one together; what is now is this one's.
    #[must_use]
    pub fn after(self, earlier: &Self) -> Self {
        Self {
            entries: self.entries + earlier.entries,
            bytes: self.bytes + earlier.bytes,
            entries_skipped: self.entries_skipped + earlier.entries_skipped,
            fields_skipped: self.fields_skipped + earlier.fields_skipped,
            copies_skipped: self.copies_skipped + earlier.copies_skipped,
            files_unsupported: self.files_unsupported + earlier.files_unsupported,
            files_damaged: self.files_damaged + earlier.files_damaged,
            files_unreadable: self.files_unreadable + earlier.files_unreadable,
            files_foreign: self.files_foreign + earlier.files_foreign,
            rotations: self.rotations + earlier.rotations,
            files_lost: self.files_lost + earlier.files_lost,
            positions_lost: self.positions_lost + earlier.positions_lost,
            overflows: self.overflows + earlier.overflows,
            files_live: self.files_live,
            files_faulty: self.files_faulty,
            files_known: self.files_known,
            last_realtime: self.last_realtime.max(earlier.last_realtime),
            newest_realtime: self.newest_realtime,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_go_on_and_facts_are_of_now() {
        let earlier = Stats {
            entries: 5,
            bytes: 100,
            rotations: 1,
            files_live: 2,
            last_realtime: 9,
            ..Stats::default()
        };
        let now = Stats { entries: 2, bytes: 10, files_live: 1, ..Stats::default() };
        let sum = Stats {
            entries: 7,
            bytes: 110,
            rotations: 1,
            files_live: 1,
            last_realtime: 9,
            ..Stats::default()
        };
        assert_eq!(now.after(&earlier), sum);
    }
}
