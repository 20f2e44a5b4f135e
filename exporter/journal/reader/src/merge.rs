//! Files read together in the order of time, for people.

use crate::{Entry, JournalFile, Limits, Result};

/// Entries of several files in the order of their realtime; within a file, in the file's order,
/// whatever the clock did.
#[derive(Debug)]
pub struct Merge {}

// === impl Merge ===

impl Merge {
    /// Merges these files, each from where it stands.
    pub fn new(files: Vec<JournalFile>, limits: Limits) -> Self {
        unimplemented!("{files:?} {limits:?}")
    }

    /// The next entry; `None` at the end of all files. A file at fault is given once as an error
    /// and is left out from then on.
    #[expect(clippy::should_implement_trait, reason = "the entry borrows the merge")]
    pub fn next(&mut self) -> Option<Result<Entry<'_>>> {
        unimplemented!()
    }
}
