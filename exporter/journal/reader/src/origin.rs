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

/// What a file's name says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) owner: String,
    /// Nobody will write it again, as soon as it is closed.
    pub(crate) archived: bool,
    /// It was put aside as it is.
    pub(crate) aside: bool,
}

// === impl Origin ===

impl Origin {
    /// The line's name in a [`Position`](crate::Position): `var/system`, `run.NAMESPACE/user-1000`.
    pub fn line(&self) -> String {
        let place = match self.place {
            Place::Volatile => "run",
            Place::Persistent => "var",
            Place::Elsewhere => "file",
        };
        match &self.namespace {
            None => format!("{place}/{}", self.owner),
            Some(namespace) => format!("{place}.{namespace}/{}", self.owner),
        }
    }

    /// The user whose journal it is; `None` for the system's and others.
    pub fn uid(&self) -> Option<u32> {
        self.owner.strip_prefix("user-")?.parse().ok()
    }
}

// === impl Name ===

impl Name {
    /// `None` for what is no journal file by its name.
    pub(crate) fn parse(name: &[u8]) -> Option<Self> {
        let aside = name.ends_with(b"~");
        let stem = name.strip_suffix(b"~").unwrap_or(name).strip_suffix(b".journal")?;
        let owner = stem.split(|byte| *byte == b'@').next().filter(|owner| !owner.is_empty())?;
        let archived = aside || stem.contains(&b'@');
        Some(Self { owner: word(owner), archived, aside })
    }
}

/// Text that stands in a line of words, whatever a name holds.
pub(crate) fn word(name: &[u8]) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte);
    name.iter().map(|byte| if plain(byte) { char::from(*byte) } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let said = |name: &str| {
            Name::parse(name.as_bytes()).map(|name| (name.owner, name.archived, name.aside))
        };
        let is = |owner: &str, archived, aside| Some((owner.to_owned(), archived, aside));
        assert_eq!(said("system.journal"), is("system", false, false));
        assert_eq!(said("user-1000.journal"), is("user-1000", false, false));
        assert_eq!(said("system@1f3789e9-1-000660c.journal"), is("system", true, false));
        assert_eq!(said("user-1000@000660c98c9ae038-d6.journal~"), is("user-1000", true, true));
        assert_eq!(said("my host \n.journal"), is("my_host__", false, false));
        for other in ["", ".journal", "system.journal.gz", "fss", "@.journal", "system.journal~~"] {
            assert_eq!(said(other), None, "{other}");
        }
    }

    #[test]
    fn lines() {
        let origin = |place, namespace: Option<&str>| Origin {
            place,
            namespace: namespace.map(str::to_owned),
            owner: "user-7".to_owned(),
        };
        assert_eq!(origin(Place::Persistent, None).line(), "var/user-7");
        assert_eq!(origin(Place::Volatile, Some("net")).line(), "run.net/user-7");
        assert_eq!(origin(Place::Persistent, None).uid(), Some(7));
    }
}
