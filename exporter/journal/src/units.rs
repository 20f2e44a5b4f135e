//! Units by name and by number, and what each of them is folded into.
//!
//! Beside the table that systemd's units are folded by ([`collect::fold`]): connections of a socket
//! unit with `Accept=yes` (`sshd@12-10.0.0.1:22-10.0.0.2:999.service` is `sshd@*.service`) and the
//! managers of users (`user@1000.service` is `user@*.service`). Other instances of templates stay: people
//! name them. Units are never forgotten; beyond the cap they count as `other`.

use collect::fold;
use std::{borrow::Cow, collections::HashMap};

/// A unit's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct UnitId(u16);

/// Units by number.
#[derive(Debug)]
pub(crate) struct Units {
    ids: HashMap<Box<str>, UnitId>,
    names: Vec<Box<str>>,
}

/// Names that stand for no unit: they have no dot, as every unit's name has.
const SPECIAL: [&str; 3] = ["none", "kernel", "other"];
/// Units that are told apart at all; those with a series are far fewer.
const MAX_NAMES: usize = 8192;
/// The longest name that systemd takes, in bytes.
const MAX_BYTES: usize = 255;

// === impl UnitId ===

impl UnitId {
    /// What has no unit.
    pub(crate) const NONE: Self = Self(0);
    /// What the kernel wrote.
    pub(crate) const KERNEL: Self = Self(1);
    /// Units beyond the cap.
    pub(crate) const OTHER: Self = Self(2);

    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }
}

// === impl Units ===

impl Units {
    pub(crate) fn new() -> Self {
        let names = SPECIAL.map(Box::from).to_vec();
        Self { ids: HashMap::new(), names }
    }

    /// The number of a unit, as a field has its name.
    pub(crate) fn id(&mut self, name: &[u8]) -> UnitId {
        let folded = match self.find(name) {
            Ok(id) => return id,
            Err(folded) => folded,
        };
        let Some(id) =
            u16::try_from(self.names.len()).ok().filter(|_| self.names.len() < MAX_NAMES)
        else {
            return UnitId::OTHER;
        };
        self.names.push(folded.as_ref().into());
        self.ids.insert(folded.into_owned().into_boxed_str(), UnitId(id));
        UnitId(id)
    }

    /// The number of a unit that has one: what anybody claims takes none.
    pub(crate) fn known(&self, name: &[u8]) -> Option<UnitId> {
        self.find(name).ok()
    }

    fn find<'n>(&self, name: &'n [u8]) -> Result<UnitId, Cow<'n, str>> {
        let Ok(name) = std::str::from_utf8(name) else { return Ok(UnitId::OTHER) };
        if name.is_empty() {
            return Ok(UnitId::NONE);
        }
        if name.len() > MAX_BYTES || !name.contains('.') || name.chars().any(char::is_control) {
            return Ok(UnitId::OTHER);
        }
        let name = folded(name);
        self.ids.get(&*name).copied().ok_or(name)
    }

    pub(crate) fn name(&self, id: UnitId) -> &str {
        self.names.get(id.index()).map_or("other", |name| name)
    }
}

/// What a unit counts as.
pub(crate) fn folded(name: &str) -> Cow<'_, str> {
    if let Some(pattern) = fold::pattern(name).and_then(|index| fold::PATTERNS.get(index)) {
        return Cow::Borrowed(pattern);
    }
    let Some((template, instance)) = name.split_once('@') else { return Cow::Borrowed(name) };
    let Some((instance, "service")) = instance.rsplit_once('.') else { return Cow::Borrowed(name) };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let users = matches!(template, "user" | "user-runtime-dir") && digits(instance);
    if users || is_connection(instance, digits) {
        return Cow::Owned(format!("{template}@*.service"));
    }
    Cow::Borrowed(name)
}

/// `NUMBER-LOCAL-REMOTE` of IP sockets, `NUMBER-PID_INODE-UID` or `NUMBER-PID-UID` of local ones.
fn is_connection(instance: &str, digits: impl Fn(&str) -> bool) -> bool {
    let mut parts = instance.splitn(3, '-');
    let (Some(number), Some(from)) = (parts.next(), parts.next()) else { return false };
    let Some(to) = parts.next() else { return digits(number) && from == "unknown" };
    let process = |text: &str| text.split('_').all(&digits);
    digits(number) && (from.contains(':') && to.contains(':') || process(from) && digits(to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_units_count_as() {
        for (name, counts_as) in [
            ("ssh.service", "ssh.service"),
            ("session-3.scope", "session-*.scope"),
            ("run-u3.service", "run-*"),
            ("user@1000.service", "user@*.service"),
            ("user@me.service", "user@me.service"),
            ("user-runtime-dir@0.service", "user-runtime-dir@*.service"),
            ("sshd@12-10.0.0.1:22-10.0.0.2:50000.service", "sshd@*.service"),
            ("sshd@0-::1:22-::1:50000.service", "sshd@*.service"),
            ("systemd-coredump@3-1234-0.service", "systemd-coredump@*.service"),
            ("systemd-coredump@3-1234_567-0.service", "systemd-coredump@*.service"),
            ("x@1-unknown.service", "x@*.service"),
            ("postgresql@15-main.service", "postgresql@15-main.service"),
            ("getty@tty1.service", "getty@tty1.service"),
            ("a@1-2.timer", "a@1-2.timer"),
        ] {
            assert_eq!(folded(name), counts_as, "{name}");
        }
    }

    #[test]
    fn numbers_are_bounded_and_names_are_checked() {
        let mut units = Units::new();
        let ssh = units.id(b"ssh.service");
        assert_eq!((units.id(b"ssh.service"), units.name(ssh)), (ssh, "ssh.service"));
        assert_eq!(units.id(b""), UnitId::NONE);
        for odd in [&b"kernel"[..], b"a\n.service", b"\xff.service", &[b'.'; 256]] {
            assert_eq!(units.id(odd), UnitId::OTHER);
        }
        for n in 0..2 * MAX_NAMES {
            units.id(format!("u{n}x.service").as_bytes());
        }
        assert_eq!(units.names.len(), MAX_NAMES);
        assert_eq!((units.id(b"new.service"), units.id(b"ssh.service")), (UnitId::OTHER, ssh));
    }
}
