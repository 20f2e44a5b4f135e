//! `Accept`: which format a scrape gets.

use crate::{Escaping, Format, Syntax};

/// Every syntax, in the order in which a wildcard prefers them.
const PREFERRED: [Syntax; 5] = [
    Syntax::Text004,
    Syntax::OpenMetrics100,
    Syntax::OpenMetrics001,
    Syntax::Text100,
    Syntax::Protobuf,
];

/// One entry of a header such as `Accept`: `text/plain;version=0.0.4;q=0.2`.
pub(crate) struct Clause {
    pub(crate) value: String,
    params: Vec<(String, String)>,
    /// In thousandths.
    pub(crate) quality: u16,
}

// === impl Format ===

impl Format {
    /// The format for a value of `Accept`; text 0.0.4 where there is none or none is acceptable.
    ///
    /// The highest quality wins, then a named type before a wildcard, then the header's order. The
    /// most specific clause that matches a format decides on it, so that `q=0` refuses one beside a
    /// wildcard. Types that we do not have and clauses that are no clauses are passed over.
    pub fn negotiate(accept: Option<&str>) -> Self {
        let clauses: Vec<Clause> = clauses(accept.unwrap_or_default()).collect();
        let offers = PREFERRED.into_iter().filter_map(|syntax| {
            let matching = clauses
                .iter()
                .enumerate()
                .filter_map(|(at, clause)| Some((clause.names(syntax)?, usize::MAX - at, clause)));
            let (specificity, earliness, clause) = matching.max_by_key(|m| (m.0, m.1))?;
            let rank = (clause.quality, specificity >= NAMED, earliness);
            (clause.quality > 0).then_some((rank, syntax, clause))
        });
        // `max_by_key` keeps the last of equals; the preferred syntax is to win.
        let offers: Vec<_> = offers.collect();
        match offers.iter().rev().max_by_key(|(rank, ..)| *rank) {
            Some((_, syntax, clause)) => Self::new(*syntax).escaping(
                clause.param("escaping").and_then(Escaping::from_name).unwrap_or_default(),
            ),
            None => Self::TEXT,
        }
    }
}

/// The specificity from which on a clause names a type rather than a range of types.
const NAMED: u8 = 2;

// === impl Clause ===

impl Clause {
    fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// How specifically the clause matches a syntax, if it does.
    fn names(&self, syntax: Syntax) -> Option<u8> {
        let (range, media, version) = match syntax {
            Syntax::Text004 => ("text/*", "text/plain", "0.0.4"),
            Syntax::Text100 => ("text/*", "text/plain", "1.0.0"),
            Syntax::OpenMetrics001 => ("application/*", "application/openmetrics-text", "0.0.1"),
            Syntax::OpenMetrics100 => ("application/*", "application/openmetrics-text", "1.0.0"),
            Syntax::Protobuf => ("application/*", "application/vnd.google.protobuf", ""),
        };
        match self.value.as_str() {
            "*/*" => Some(0),
            value if value == range => Some(1),
            value if value == media && syntax == Syntax::Protobuf => {
                let ours = self.param("proto") == Some("io.prometheus.client.MetricFamily")
                    && self.param("encoding") == Some("delimited");
                ours.then_some(NAMED + 1)
            }
            value if value == media => match self.param("version") {
                None | Some("") => Some(NAMED),
                Some(asked) => (asked == version).then_some(NAMED + 1),
            },
            _ => None,
        }
    }
}

/// The clauses of a header; one that is no clause is passed over.
pub(crate) fn clauses(header: &str) -> impl Iterator<Item = Clause> {
    split(header, ',').filter_map(|text| {
        let mut fields = split(text, ';').map(str::trim);
        let value = fields.next().filter(|value| !value.is_empty())?.to_ascii_lowercase();
        let mut clause = Clause { value, params: Vec::new(), quality: 1000 };
        for field in fields.filter(|field| !field.is_empty()) {
            let (name, value) = field.split_once('=')?;
            let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
            let bare = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value);
            if name == "q" {
                clause.quality = quality(bare)?;
            } else {
                clause.params.push((name, bare.to_owned()));
            }
        }
        Some(clause)
    })
}

/// `0.25` as 250; a number beyond 0 to 1 is none.
fn quality(text: &str) -> Option<u16> {
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let number: f64 = text.parse().ok().filter(|number| plain && (0.0..=1.0).contains(number))?;
    // A quality below a thousandth is still more than none.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 to 1000 after the check above"
    )]
    Some((number * 1000.0).ceil() as u16)
}

/// Splits at `separator` outside quotes.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |c: char| {
        quoted ^= c == '"';
        c == separator && !quoted
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROTOBUF: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";

    fn negotiated(accept: &str) -> String {
        let format = Format::negotiate(Some(accept));
        format!("{:?} {:?}", format.syntax, format.escaping)
    }

    #[test]
    fn prometheus_3() {
        let accept = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
            application/openmetrics-text;version=0.0.1;q=0.4,\
            text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
            text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
        assert_eq!(negotiated(accept), "OpenMetrics100 AllowUtf8");
        let native = format!("{PROTOBUF};escaping=allow-utf-8;q=0.6,{accept}");
        assert_eq!(negotiated(&native), "Protobuf AllowUtf8");
    }

    #[test]
    fn tables() {
        for (accept, format) in [
            ("", "Text004 Underscores"),
            ("text/html", "Text004 Underscores"),
            ("*/*", "Text004 Underscores"),
            ("text/plain", "Text004 Underscores"),
            ("text/*", "Text004 Underscores"),
            ("Text/Plain; Version=1.0.0", "Text100 Underscores"),
            ("text/plain;version=2.0.0", "Text004 Underscores"),
            ("text/plain;version=0.0.4;escaping=dots", "Text004 Dots"),
            ("text/plain;version=0.0.4;escaping=what", "Text004 Underscores"),
            ("application/openmetrics-text", "OpenMetrics100 Underscores"),
            ("application/openmetrics-text;version=\"0.0.1\"", "OpenMetrics001 Underscores"),
            ("application/openmetrics-text;version=2.0.0", "Text004 Underscores"),
            ("application/*", "OpenMetrics100 Underscores"),
            ("application/vnd.google.protobuf", "Text004 Underscores"),
            (PROTOBUF, "Protobuf Underscores"),
            ("text/plain;q=0, */*", "OpenMetrics100 Underscores"),
            ("text/plain;q=0", "Text004 Underscores"),
            ("*/*, application/openmetrics-text", "OpenMetrics100 Underscores"),
            ("*/*;q=0.9, application/openmetrics-text;q=0.8", "Text004 Underscores"),
            (
                "application/openmetrics-text;version=1.0.0;q=0, application/openmetrics-text",
                "OpenMetrics001 Underscores",
            ),
            (
                "text/plain;version=0.0.4;q=0.5,application/openmetrics-text;q=0.5",
                "Text004 Underscores",
            ),
            (
                "application/openmetrics-text;q=0.5,text/plain;version=0.0.4;q=0.5",
                "OpenMetrics100 Underscores",
            ),
            ("application/openmetrics-text;q=2,text/plain;q=0.1", "Text004 Underscores"),
            ("application/openmetrics-text;q=0.0001,text/html", "OpenMetrics100 Underscores"),
            ("application/openmetrics-text;q=NaN", "Text004 Underscores"),
            (",;,=;q, text/plain;x=\"a,b;c\";version=1.0.0", "Text100 Underscores"),
        ] {
            assert_eq!(negotiated(accept), format, "{accept}");
        }
        assert_eq!(Format::negotiate(None), Format::TEXT);
    }
}
