//! Mounted file systems: the table of mounts, and statfs(2), which may hang, on threads of its own.
//!
//! It knows no collector: whose mounts are wanted, and under which names, is theirs to say.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod statfs;
mod table;

pub use table::{Line, Mounts};
