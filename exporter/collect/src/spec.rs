//! A collector and its entry in the registry.

use crate::{Opt, Options, Result, Root, Shared};
use exposition::{Family, Writer};
use std::{
    fmt,
    time::{Instant, SystemTime},
};

/// Anything that can write its families now, without waiting on the network.
///
/// A collector owns what it keeps between scrapes (descriptors, buffers, counters that must not
/// fall); the engine never runs one twice at the same time, so it takes no locks.
pub trait Collector: Send {
    /// Writes what is known now. What was written before an error is exposed all the same.
    fn collect(&mut self, out: &mut Writer) -> Result<()>;
}

/// A collector's entry in the registry: data that drives flags, docs, goldens and lints.
pub struct Spec {
    /// The name in flags, in `collect[]` and in the `collector` label.
    pub name: &'static str,
    /// What it gives, one sentence.
    pub doc: &'static str,
    /// Whether it runs unless told otherwise.
    pub default: bool,
    /// Every family that it may write; open-ended names as patterns with `*`.
    pub families: &'static [&'static [Family]],
    /// Its options.
    pub opts: &'static [Opt],
    /// Makes the collector; fails on a wrong option only.
    pub build: fn(&Context) -> Result<Box<dyn Collector>>,
}

/// What a collector may be built from.
#[derive(Clone, Debug)]
pub struct Context {
    /// `--path.procfs`
    pub proc: Root,
    /// `--path.sysfs`
    pub sys: Root,
    /// `--path.rootfs`: the host's `/`.
    pub rootfs: Root,
    /// `--path.udev.data`
    pub udev: Root,
    /// The options that were given.
    pub options: Options,
    /// The clocks.
    pub clock: Clock,
    /// What a source and its collectors share.
    pub shared: Shared,
}

/// The wall clock, or one that stands still in tests; and the clock that only goes forward.
#[derive(Clone, Copy)]
pub struct Clock {
    wall: fn() -> SystemTime,
    instant: fn() -> Instant,
}

// === impl Spec ===

impl Spec {
    /// Every declared family.
    pub fn families(&self) -> impl Iterator<Item = &'static Family> {
        self.families.iter().copied().flatten()
    }
}

impl fmt::Debug for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spec").field("name", &self.name).finish_non_exhaustive()
    }
}

// === impl Clock ===

impl Clock {
    /// A clock that reads `now`.
    pub const fn new(now: fn() -> SystemTime) -> Self {
        Self { wall: now, instant: Instant::now }
    }

    /// The same, and `instant` for durations.
    #[must_use]
    pub const fn ticking(self, instant: fn() -> Instant) -> Self {
        Self { instant, ..self }
    }

    /// The time now.
    pub fn now(&self) -> SystemTime {
        (self.wall)()
    }

    /// A moment, for durations.
    pub fn instant(&self) -> Instant {
        (self.instant)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}
