//! The clock that a Lease is kept by: `CLOCK_BOOTTIME`, in nanoseconds.
//!
//! Nobody sets it, and it goes on while the machine sleeps: a process that wakes up must not take its
//! Lease for fresh.

use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// How long the machine has been up.
pub trait Uptime: Send + Sync {
    /// At this moment.
    fn now(&self) -> Duration;
}

/// The machine's own.
#[derive(Clone, Copy, Debug, Default)]
pub struct Machine;

impl Uptime for Machine {
    fn now(&self) -> Duration {
        let now = clock_gettime(ClockId::Boottime);
        let nanoseconds = u32::try_from(now.tv_nsec).unwrap_or(0);
        Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), nanoseconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_has_been_up() {
        let before = Machine.now();
        assert!(before > Duration::ZERO && Machine.now() >= before);
    }
}
