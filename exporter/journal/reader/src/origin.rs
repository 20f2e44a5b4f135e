//! Which journal a file belongs to, from its path.
//!
//! `system.journal` and `user-UID.journal` are written; `system@….journal` and `user-UID@….journal`
//! are what they were rotated into; `*.journal~` is one that was not closed well and was put aside.

/// Where a file stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// `/run/log/journal`: gone after the boot.
    Volatile,
    /// `/var/log/journal`.
    Persistent,
    /// Elsewhere: a file or a directory that the caller named.
    #[default]
    Elsewhere,
}

/// Place, namespace and owner: what files have in common that are rotated into one another.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// Where it stands.
    pub place: Place,
    /// journald's namespace; `None` for the machine's own journal.
    pub namespace: Option<String>,
    /// `system`, `user-1000`; of other files, their name up to `@` or the ending.
    pub owner: String,
}
