//! Prometheus exposition: what a metric family is, and how its samples become bytes.
//!
//! A collector writes sample lines through a [`Writer`]; a scrape's [`Block`]s are joined by
//! [`encode`], which puts every family out whole, once, sorted by name, in the asked [`Format`].
//! Text lines are the canonical form: OpenMetrics differs in headers and the end mark, protobuf is
//! transcoded from the lines. The crate knows no source, no I/O and no HTTP.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod accept;
mod deflate;
mod drawn;
mod encode;
mod encoding;
mod family;
mod format;
mod line;
mod mark;
mod page;
mod parse;
mod protobuf;
mod samples;
mod shape;
mod sheets;
mod writer;

pub use deflate::Stretch;
pub use drawn::{Draw, Drawn, Pen, Written};
pub use encode::{Encoded, Insert, Message, encode};
pub use encoding::ContentEncoding;
pub use family::{Family, Kind, Str, is_metric_name, metric_name};
pub use format::{Escaping, Format, Syntax};
pub use line::series;
pub use page::{LAST_BLOCK, MAX_PAGE, Packer, Page, Unpacker};
pub use parse::{Fault, Parsed, ParsedFamily, ParsedLine, ParsedSample, Taking, parse, parse_as};
pub use samples::{Samples, Value, escape as escape_label, render_labels};
pub use sheets::Sheets;
pub use writer::{Block, Writer};
