//! What a collector is, what it may read, what it may fail with and how it is configured.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod below;
mod directory;
mod duration;
mod error;
mod filter;
pub mod fold;
mod number;
mod options;
mod poison;
mod root;
mod source;
mod spec;
mod state;
#[cfg(feature = "testing")]
pub mod testing;

pub use below::{Found, KeptBelow};
pub use directory::Directory;
pub use duration::parse_duration;
pub use error::{Error, Faults, Result, chain};
pub use filter::Filter;
pub use number::{KeptNumber, allow_descriptors};
pub use options::{Opt, OptKind, Options};
pub use poison::lock;
pub use root::{Attr, File, Kept, Root, Stamp, Text};
pub use source::{Bell, BuildSource, Call, Health, Line, Shared, Source, SourceSpec, Ticket};
pub use spec::{Clock, Collector, Context, Spec};
pub use state::{STATE_DIR, StateDir};
