//! Exposition formats: syntax, version, and what becomes of names beyond `[a-zA-Z0-9_:]`.

use crate::is_metric_name;
use std::fmt::Write;

/// An exposition format, as a scrape asks for it and as `Content-Type` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Format {
    /// How families are written.
    pub syntax: Syntax,
    /// What becomes of names that older readers do not take.
    pub escaping: Escaping,
}

/// How families are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Syntax {
    /// `text/plain; version=0.0.4`, which every Prometheus reads.
    Text004,
    /// `text/plain; version=1.0.0`: the same lines, by readers that know quoted names.
    Text100,
    /// `application/openmetrics-text; version=0.0.1`
    OpenMetrics001,
    /// `application/openmetrics-text; version=1.0.0`
    OpenMetrics100,
    /// `io.prometheus.client.MetricFamily` messages, each behind its length.
    Protobuf,
}

/// What becomes of metric and label names that are not `[a-zA-Z_:][a-zA-Z0-9_:]*`. Only textfiles
/// can hold such names. Names that are take no harm under any of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Escaping {
    /// Every other character becomes `_`.
    #[default]
    Underscores,
    /// `.` becomes `_dot_`, `_` and every other character `__`.
    Dots,
    /// `U__` in front, `_` becomes `__`, every other character its code point as `_2e_`.
    Values,
    /// Names stay as they are, quoted.
    AllowUtf8,
}

// === impl Format ===

impl Format {
    /// Text 0.0.4: what a reader gets that asks for nothing.
    pub const TEXT: Self = Self::new(Syntax::Text004);
    /// OpenMetrics 1.0.0.
    pub const OPENMETRICS: Self = Self::new(Syntax::OpenMetrics100);
    /// Delimited protobuf.
    pub const PROTOBUF: Self = Self::new(Syntax::Protobuf);

    /// `syntax` with the default escaping.
    pub const fn new(syntax: Syntax) -> Self {
        Self { syntax, escaping: Escaping::Underscores }
    }

    /// The format with another escaping.
    #[must_use]
    pub const fn escaping(self, escaping: Escaping) -> Self {
        Self { escaping, ..self }
    }

    /// The value of `Content-Type`, letter for letter as Prometheus's own library gives it.
    pub const fn content_type(self) -> &'static str {
        macro_rules! with_escaping {
            ($media:literal) => {
                match self.escaping {
                    Escaping::Underscores => concat!($media, "; escaping=underscores"),
                    Escaping::Dots => concat!($media, "; escaping=dots"),
                    Escaping::Values => concat!($media, "; escaping=values"),
                    Escaping::AllowUtf8 => concat!($media, "; escaping=allow-utf-8"),
                }
            };
        }
        match self.syntax {
            Syntax::Text004 => with_escaping!("text/plain; version=0.0.4; charset=utf-8"),
            Syntax::Text100 => with_escaping!("text/plain; version=1.0.0; charset=utf-8"),
            Syntax::OpenMetrics001 => {
                with_escaping!("application/openmetrics-text; version=0.0.1; charset=utf-8")
            }
            Syntax::OpenMetrics100 => {
                with_escaping!("application/openmetrics-text; version=1.0.0; charset=utf-8")
            }
            Syntax::Protobuf => with_escaping!(
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
            ),
        }
    }

    pub(crate) const fn is_openmetrics(self) -> bool {
        matches!(self.syntax, Syntax::OpenMetrics001 | Syntax::OpenMetrics100)
    }
}

impl Default for Format {
    fn default() -> Self {
        Self::TEXT
    }
}

// === impl Escaping ===

impl Escaping {
    /// The scheme that `escaping=` names.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "underscores" => Self::Underscores,
            "dots" => Self::Dots,
            "values" => Self::Values,
            "allow-utf-8" => Self::AllowUtf8,
            _ => return None,
        })
    }

    /// `name` as it goes out: unchanged where it is a metric name already.
    pub fn metric(self, name: &str) -> String {
        if is_metric_name(name) { name.to_owned() } else { self.apply(name, true) }
    }

    /// As [`Escaping::metric`], for a label's name, which cannot hold a colon.
    pub fn label(self, name: &str) -> String {
        if is_label_name(name) { name.to_owned() } else { self.apply(name, false) }
    }

    fn apply(self, name: &str, colon: bool) -> String {
        let mut out = String::with_capacity(name.len() + 8);
        if self == Self::Values {
            out.push_str("U__");
        }
        for (i, c) in name.chars().enumerate() {
            let plain = c.is_ascii_alphabetic()
                || c == '_'
                || (c == ':' && colon)
                || (c.is_ascii_digit() && (i > 0 || self == Self::Values));
            match (self, c) {
                (Self::AllowUtf8, _) => out.push(c),
                (Self::Dots | Self::Values, '_') => out.push_str("__"),
                (Self::Dots, '.') => out.push_str("_dot_"),
                (_, c) if plain => out.push(c),
                (Self::Underscores, _) => out.push('_'),
                (Self::Dots, _) => out.push_str("__"),
                (Self::Values, c) => {
                    write!(out, "_{:x}_", u32::from(c)).expect("a String takes everything");
                }
            }
        }
        out
    }
}

/// Whether `name` is a label name that every reader takes: `[a-zA-Z_][a-zA-Z0-9_]*`.
pub(crate) fn is_label_name(name: &str) -> bool {
    is_metric_name(name) && !name.contains(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_under_each_scheme() {
        for (name, underscores, dots, values) in [
            ("node_load1", "node_load1", "node_load1", "node_load1"),
            ("my.na_me", "my_na_me", "my_dot_na__me", "U__my_2e_na__me"),
            ("1x", "_x", "__x", "U__1x"),
            ("ä b", "__b", "____b", "U___e4__20_b"),
        ] {
            assert_eq!(Escaping::Underscores.metric(name), underscores);
            assert_eq!(Escaping::Dots.metric(name), dots);
            assert_eq!(Escaping::Values.metric(name), values);
            assert_eq!(Escaping::AllowUtf8.metric(name), name);
        }
        assert_eq!(Escaping::Underscores.label("a:b"), "a_b");
    }

    #[test]
    fn content_types() {
        assert_eq!(
            Format::TEXT.content_type(),
            "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"
        );
        assert_eq!(
            Format::PROTOBUF.escaping(Escaping::AllowUtf8).content_type(),
            "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; \
             encoding=delimited; escaping=allow-utf-8"
        );
        assert_eq!(
            Format::OPENMETRICS.escaping(Escaping::Values).content_type(),
            "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=values"
        );
    }
}
