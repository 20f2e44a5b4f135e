//! A metric family: the unit of documentation, of tests and of encoding.

use std::{fmt, ops::Deref, sync::Arc};

/// A metric type, as the data model has it; each format spells it in its own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Only rises, or starts again at 0.
    Counter,
    /// Rises and falls.
    Gauge,
    /// Of no declared type: `untyped` in text, `unknown` in OpenMetrics.
    Untyped,
    /// Cumulative buckets; comes from textfiles only.
    Histogram,
    /// Precomputed quantiles; comes from textfiles only.
    Summary,
}

/// A text that is either part of the program or shared between scrapes.
#[derive(Clone)]
pub enum Str {
    /// Part of the program.
    Static(&'static str),
    /// Named by the kernel or by a file.
    Shared(Arc<str>),
}

/// A metric family: its name, its type, what it means and which labels its samples carry.
///
/// The declared families of a collector drive `METRICS.md` and the tests: nothing is exposed that
/// is not declared. A name that the kernel completes is declared as a pattern, such as
/// `node_memory_*_bytes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// The full metric name.
    pub name: Str,
    /// One line: what the number means, in its unit as exposed.
    pub help: Str,
    /// The metric type.
    pub kind: Kind,
    /// Label names, in the order in which [`Samples::row`](crate::Samples::row) takes the values.
    pub labels: &'static [&'static str],
}

// === impl Family ===

impl Family {
    /// A number that rises and falls.
    pub const fn gauge(
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
    ) -> Self {
        Self { name: Str::Static(name), help: Str::Static(help), kind: Kind::Gauge, labels }
    }

    /// A number that only rises; the name must end in `_total`, so that every format prints the
    /// same line. A static that breaks the rule does not compile.
    pub const fn counter(
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
    ) -> Self {
        assert!(ends_in_total(name.as_bytes()), "a counter's name ends in _total");
        Self { name: Str::Static(name), help: Str::Static(help), kind: Kind::Counter, labels }
    }

    /// A number whose peer declares no type.
    pub const fn untyped(
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
    ) -> Self {
        Self { name: Str::Static(name), help: Str::Static(help), kind: Kind::Untyped, labels }
    }

    /// A family whose name or help is known at run time only, such as one row of `/proc/vmstat`.
    ///
    /// A name that is no metric name is mended by [`metric_name`].
    pub fn dynamic(
        kind: Kind,
        name: &str,
        help: impl Into<Arc<str>>,
        labels: &'static [&'static str],
    ) -> Self {
        let name = if is_metric_name(name) { name.into() } else { metric_name(name).into() };
        Self { name: Str::Shared(name), help: Str::Shared(help.into()), kind, labels }
    }

    /// Whether this declaration covers `name`: equal, or equal up to each `*` of a pattern.
    pub fn covers(&self, name: &str) -> bool {
        let mut parts = self.name.split('*');
        let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else {
            return false;
        };
        let mut last = "";
        let mut open = false;
        for part in parts {
            if open {
                match rest.split_once(last) {
                    Some((_, after)) => rest = after,
                    None => return false,
                }
            }
            (last, open) = (part, true);
        }
        if open { rest.ends_with(last) } else { rest.is_empty() }
    }
}

#[expect(
    clippy::indexing_slicing,
    reason = "slices have no get in const functions; `i` is in range"
)]
const fn ends_in_total(name: &[u8]) -> bool {
    let suffix = b"_total";
    if name.len() <= suffix.len() {
        return false;
    }
    let mut i = 0;
    while i < suffix.len() {
        if name[name.len() - suffix.len() + i] != suffix[i] {
            return false;
        }
        i += 1;
    }
    true
}

/// Whether every format and every Prometheus takes `name` unquoted: `[a-zA-Z_:][a-zA-Z0-9_:]*`.
pub fn is_metric_name(name: &str) -> bool {
    name.bytes().enumerate().all(|(i, b)| {
        b.is_ascii_alphabetic() || b == b'_' || b == b':' || (i > 0 && b.is_ascii_digit())
    }) && !name.is_empty()
}

/// `name` with every character that a metric name cannot hold replaced by `_`.
pub fn metric_name(name: &str) -> String {
    let mut out: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '_' || c == ':' { c } else { '_' })
        .collect();
    if out.is_empty() || out.starts_with(|c: char| c.is_ascii_digit()) {
        out.insert(0, '_');
    }
    out
}

// === impl Str ===

impl Deref for Str {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Static(text) => text,
            Self::Shared(text) => text,
        }
    }
}

impl PartialEq for Str {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Str {}

impl fmt::Debug for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl fmt::Display for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_cover_the_names_they_describe() {
        let covers = |pattern, name| Family::gauge(pattern, "", &[]).covers(name);
        assert!(covers("node_load1", "node_load1"));
        assert!(!covers("node_load1", "node_load15"));
        assert!(covers("node_memory_*_bytes", "node_memory_MemFree_bytes"));
        assert!(!covers("node_memory_*_bytes", "node_memory_HugePages_Free"));
        assert!(covers("node_zfs_*", "node_zfs_arc_hits"));
        assert!(covers("a_*_b_*_c", "a_x_b_y_c"));
        assert!(!covers("a_*_b_*_c", "a_x_y_c"));
    }

    #[test]
    fn names_are_mended() {
        assert_eq!(metric_name("rx-queue.0 (bytes)"), "rx_queue_0__bytes_");
        assert_eq!(metric_name("0x"), "_0x");
        assert_eq!(metric_name(""), "_");
        assert!(is_metric_name("node:load_1") && !is_metric_name("1x") && !is_metric_name("ä"));
    }
}
