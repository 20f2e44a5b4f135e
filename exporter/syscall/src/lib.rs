//! System calls that rustix does not have, and what the C library is told of memory, each behind a safe function.
//!
//! This is the one crate of the host half that may hold `unsafe`; it reads no files and knows no
//! metrics.
#![warn(missing_docs)]

mod adjtimex;
pub mod btrfs;
mod ethtool;
mod malloc;

pub use adjtimex::{STA_NANO, TIME_ERROR, Timex, adjtimex};
pub use ethtool::{Driver, Ethtool, LinkModes};
pub use malloc::keep_little_memory;
