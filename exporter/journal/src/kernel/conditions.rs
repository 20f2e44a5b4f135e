//! Conditions that hold from a kernel's message on until the machine shows that they are over.
//!
//! | condition | it is over when |
//! |---|---|
//! | a file system was made read-only | its mounts are writable again, or gone (`/proc/1/mountinfo`) |
//! | XFS has shut a file system down | it is mounted no longer, or mounted anew |
//! | others | an hour has passed without a further message |
//!
//! ext4 of kernels 6.12 to 6.14 refuses writes and goes on to say `rw`; 6.15 says `emergency_ro` behind
//! it. So a mount that was never seen read-only counts as read-only until it is mounted anew.
//!
//! Devices beyond the cap are told together, by the reason alone, for an hour after the last message.

use super::reasons::{READ_ONLY, REASONS, Reason};
use collect::Root;
use std::collections::BTreeMap;

/// What holds at most by reason and device; beside it each reason once without.
const MAX_HELD: usize = 64;
/// How long what nothing can be asked about holds after the last message, µs.
const FADES: u64 = 3_600_000_000;

/// What holds.
#[derive(Debug)]
pub(crate) struct Conditions {
    held: BTreeMap<(&'static str, String), Held>,
    /// Messages that counted for their reason alone, as there were too many devices.
    pub(crate) overflow: u64,
}

/// The mounts that the first process sees.
#[derive(Debug)]
pub(crate) struct Mounts(Vec<Mount>);

#[derive(Debug)]
struct Held {
    /// When the kernel last said so, µs since 1970.
    last: u64,
    /// The mounts of the device when it was first looked at; `None` before.
    mounts: Option<Vec<u64>>,
    /// Whether one of them was seen read-only.
    confirmed: bool,
}

/// A line of mountinfo.
#[derive(Debug)]
struct Mount {
    id: u64,
    device: String,
    read_only: bool,
}

// === impl Conditions ===

impl Conditions {
    pub(crate) fn new() -> Self {
        Self { held: BTreeMap::new(), overflow: 0 }
    }

    /// A message says that it holds; whether that is new.
    pub(super) fn begin(&mut self, reason: &Reason, device: &str, time: u64) -> bool {
        let mut key = (reason.name, device.to_owned());
        if !self.held.contains_key(&key) && self.held.len() >= MAX_HELD {
            self.overflow += 1;
            key.1.clear();
        }
        if let Some(held) = self.held.get_mut(&key) {
            held.last = held.last.max(time);
            return false;
        }
        self.held.insert(key, Held { last: time, mounts: None, confirmed: false });
        true
    }

    /// Whether the machine's mounts tell how long something holds.
    pub(crate) fn ask_for_mounts(&self) -> bool {
        self.held.keys().any(|(name, _)| by_mounts(name))
    }

    /// Looks at what was seen of the machine, at `now` in µs since 1970, and gives every condition with its
    /// reason and whether it holds. `mounts` are of now; without them, nothing that asks for them has changed.
    pub(crate) fn check(
        &mut self,
        now: u64,
        mounts: Option<&Mounts>,
    ) -> impl Iterator<Item = (&'static Reason, bool)> + use<> {
        self.held.retain(|(name, device), held| match mounts {
            None if by_mounts(name) => true,
            Some(Mounts(mounts)) if by_mounts(name) => held
                .holds(mounts.iter().filter(|mount| mount.device == *device), *name == READ_ONLY)
                .unwrap_or(now.saturating_sub(held.last) < FADES),
            _ => now.saturating_sub(held.last) < FADES,
        });
        let held: Vec<bool> = REASONS
            .iter()
            .map(|reason| self.held.keys().any(|(name, _)| *name == reason.name))
            .collect();
        REASONS.iter().zip(held).filter(|(reason, _)| reason.condition.is_some())
    }
}

/// Whether the end of a reason's condition is seen by mounts.
fn by_mounts(reason: &str) -> bool {
    matches!(reason, READ_ONLY | "XfsHasShutdown")
}

// === impl Mounts ===

impl Mounts {
    /// Reads them; `None` where they cannot be read.
    pub(crate) fn read(proc: &Root, sys: &Root) -> Option<Self> {
        let file = proc.read("1/mountinfo").or_else(|_| proc.read("self/mountinfo")).ok()?;
        Some(Self(file.text().lines().filter_map(|line| Mount::parse(line, sys)).collect()))
    }
}

// === impl Mount ===

impl Mount {
    /// `id parent major:minor root point options… - type source super-options`
    fn parse(line: &str, sys: &Root) -> Option<Self> {
        let (before, after) = line.split_once(" - ")?;
        let mut fields = before.split(' ');
        let id = fields.next()?.parse().ok()?;
        let number = fields.nth(1)?;
        let mut behind = after.split(' ').skip(1);
        let from = behind.next()?;
        let flags = behind.next().unwrap_or_default();
        let read_only = flags.split(',').any(|option| matches!(option, "ro" | "emergency_ro"));
        // The kernel names the device as sysfs does (`dm-0`), mounts as the user did (`/dev/mapper/x`).
        // btrfs has a number of its own, which sysfs does not know.
        let device = match sys.link(format!("dev/block/{number}")) {
            Some(target) => target.rsplit('/').next().unwrap_or_default().to_owned(),
            None => from.rsplit('/').next().unwrap_or_default().to_owned(),
        };
        Some(Self { id, device, read_only })
    }
}

// === impl Held ===

impl Held {
    /// Whether it holds, by the mounts of its device; `None` where there were none to begin with.
    fn holds<'m>(
        &mut self,
        mounts: impl Iterator<Item = &'m Mount>,
        by_option: bool,
    ) -> Option<bool> {
        let mounts: Vec<&Mount> = mounts.collect();
        let known =
            self.mounts.get_or_insert_with(|| mounts.iter().map(|mount| mount.id).collect());
        if known.is_empty() {
            return None;
        }
        if !mounts.iter().any(|mount| known.contains(&mount.id)) {
            return Some(false);
        }
        let read_only = mounts.iter().any(|mount| mount.read_only);
        self.confirmed |= by_option && read_only;
        Some(read_only || !self.confirmed)
    }
}
