//! One sample line, taken apart: `name{label="value",…} number`, as written by people too.
//!
//! The grammar is Prometheus's: blanks where its parser takes them, a trailing comma, names in
//! quotes (`{"my.name","my.label"="x"} 1`), and a backslash before any other character than `\`,
//! `"` and `n` stands for itself. An exemplar behind the number is passed over.

use crate::{
    format::is_label_name,
    is_metric_name,
    samples::{Value, quote},
};
use std::borrow::Cow;

/// A sample line's parts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line<'a> {
    pub(crate) name: Cow<'a, str>,
    pub(crate) labels: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    pub(crate) value: f64,
    /// As written: milliseconds in text, seconds in OpenMetrics.
    pub(crate) timestamp: Option<&'a str>,
}

/// Labels that a line may have; more are a mistake, and looking for doubles among them is not free.
const MAX_LABELS: usize = 256;

/// What a line should have held and did not.
type Expected = &'static str;

// === impl Line ===

impl<'a> Line<'a> {
    pub(crate) fn parse(line: &'a str) -> Result<Self, Expected> {
        let line = blank(line);
        let end = line.find([' ', '\t', '{']).unwrap_or(line.len());
        let (name, mut rest) = line.split_at_checked(end).unwrap_or((line, ""));
        let mut name = (!name.is_empty()).then_some(Cow::Borrowed(name));
        if name.as_ref().is_some_and(|name| !is_metric_name(name)) {
            return Err("expected a metric name, or one in quotes between braces");
        }
        let mut labels = Vec::new();
        rest = blank(rest);
        if let Some(inner) = rest.strip_prefix('{') {
            rest = braces(inner, &mut name, &mut labels)?;
        }
        let Some(name) = name.filter(|name| !name.is_empty()) else {
            return Err("expected a metric name");
        };
        let mut fields = rest.split([' ', '\t']).filter(|field| !field.is_empty());
        let value = fields.next().ok_or("expected a number behind the name and labels")?;
        let value = value.parse().map_err(|_| "expected a number behind the name and labels")?;
        let timestamp = fields.next().filter(|field| !field.starts_with('#'));
        if timestamp.is_some() && fields.next().is_some_and(|field| !field.starts_with('#')) {
            return Err("expected nothing behind the number and the timestamp");
        }
        Ok(Self { name, labels, value, timestamp })
    }

    /// Whether the canonical form has a name in quotes.
    pub(crate) fn has_quoted_name(&self) -> bool {
        !is_metric_name(&self.name) || self.labels.iter().any(|(name, _)| !is_label_name(name))
    }

    /// Appends the line in canonical form.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        write(out, &self.name, &self.labels, self.value);
        if let Some(timestamp) = self.timestamp {
            out.pop();
            out.push(b' ');
            out.extend_from_slice(timestamp.as_bytes());
            out.push(b'\n');
        }
    }
}

/// Appends a canonical line: names in quotes where they need them.
pub(crate) fn write<N: AsRef<str>, V: AsRef<str>>(
    out: &mut Vec<u8>,
    name: &str,
    labels: &[(N, V)],
    value: impl Value,
) {
    let mut open: &[u8] = b"{";
    if is_metric_name(name) {
        out.extend_from_slice(name.as_bytes());
    } else {
        out.push(b'{');
        quote(out, name);
        open = b",";
    }
    for (name, text) in labels {
        out.extend_from_slice(open);
        if is_label_name(name.as_ref()) {
            out.extend_from_slice(name.as_ref().as_bytes());
        } else {
            quote(out, name.as_ref());
        }
        out.push(b'=');
        quote(out, text.as_ref());
        open = b",";
    }
    if open == b"," {
        out.push(b'}');
    }
    out.push(b' ');
    value.write(out);
    out.push(b'\n');
}

/// The part of a canonical line that identifies its series: everything before the number.
pub fn series(line: &[u8]) -> &[u8] {
    let end = match line.iter().rposition(|&b| b == b'}') {
        Some(brace) => brace + 1,
        None => line.iter().position(|&b| b == b' ').unwrap_or(line.len()),
    };
    line.get(..end).unwrap_or(line)
}

/// What stands between braces; the rest behind them.
fn braces<'a>(
    mut rest: &'a str,
    name: &mut Option<Cow<'a, str>>,
    labels: &mut Vec<(Cow<'a, str>, Cow<'a, str>)>,
) -> Result<&'a str, Expected> {
    loop {
        rest = blank(rest);
        if let Some(after) = rest.strip_prefix('}') {
            return Ok(after);
        }
        let quoted = rest.strip_prefix('"');
        let (key, after) = if let Some(text) = quoted {
            unquote(text)?
        } else {
            let end = rest.find([' ', '\t', '=', '}', ',', '"']).unwrap_or(rest.len());
            let (key, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
            (Cow::Borrowed(key), after)
        };
        let (quoted, after) = (quoted.is_some(), blank(after));
        match after.strip_prefix('=') {
            None if quoted && name.is_none() => {
                *name = Some(key);
                rest = after;
            }
            None => return Err("expected = and a label value behind the label name"),
            Some(after) => {
                let known = if quoted { !key.is_empty() } else { is_label_name(&key) };
                if !known || key == "__name__" {
                    return Err("expected a label name, or one in quotes");
                }
                if labels.iter().any(|(other, _)| *other == key) {
                    return Err("expected each label once");
                }
                if labels.len() >= MAX_LABELS {
                    return Err("expected at most 256 labels");
                }
                let text = blank(after).strip_prefix('"');
                let (value, after) = unquote(text.ok_or("expected a label value in quotes")?)?;
                labels.push((key, value));
                rest = after;
            }
        }
        rest = blank(rest);
        match rest.strip_prefix(',') {
            Some(after) => rest = after,
            None if rest.starts_with('}') => {}
            None => return Err("expected a comma or a closing brace behind a label"),
        }
    }
}

/// The text up to the closing quote, and what stands behind it.
pub(crate) fn unquote(text: &str) -> Result<(Cow<'_, str>, &str), Expected> {
    const OPEN: Expected = "expected a closing quote";
    let end = text.find(['"', '\\']).ok_or(OPEN)?;
    let (plain, mut rest) = text.split_at_checked(end).ok_or(OPEN)?;
    if let Some(after) = rest.strip_prefix('"') {
        return Ok((Cow::Borrowed(plain), after));
    }
    let mut out = plain.to_owned();
    loop {
        let mut chars = rest.chars();
        match chars.next().ok_or(OPEN)? {
            '"' => return Ok((Cow::Owned(out), chars.as_str())),
            '\\' => match chars.next().ok_or(OPEN)? {
                'n' => out.push('\n'),
                c @ ('\\' | '"') => out.push(c),
                c => out.extend(['\\', c]),
            },
            c => out.push(c),
        }
        rest = chars.as_str();
    }
}

fn blank(text: &str) -> &str {
    text.trim_start_matches([' ', '\t'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(line: &str) -> String {
        match Line::parse(line) {
            Ok(line) => {
                let mut out = Vec::new();
                line.write(&mut out);
                String::from_utf8(out).unwrap()
            }
            Err(expected) => expected.to_owned(),
        }
    }

    #[test]
    fn lines_as_people_write_them() {
        for (line, becomes) in [
            ("a 1", "a 1\n"),
            ("  a\t{ } \t1e3 ", "a 1000\n"),
            ("a{}1", "a 1\n"),
            (
                "a { b = \"1\" , c=\"\\\"\\\\\\n\\d\", } +inf",
                "a{b=\"1\",c=\"\\\"\\\\\\n\\\\d\"} +Inf\n",
            ),
            ("{\"my.name\",\"l.x\"=\"v\"} NaN", "{\"my.name\",\"l.x\"=\"v\"} NaN\n"),
            ("{l=\"v\",\"plain\"} 2", "plain{l=\"v\"} 2\n"),
            ("a 1 1700000000000", "a 1 1700000000000\n"),
            ("a_total 1 # {trace=\"x\"} 0.5", "a_total 1\n"),
            ("a{b=\"}{ 1\"} 1 2 # {} 1", "a{b=\"}{ 1\"} 1 2\n"),
            ("a{b=\"ä\"} -0.5", "a{b=\"ä\"} -0.5\n"),
            ("bad line here", "expected a number behind the name and labels"),
            ("a", "expected a number behind the name and labels"),
            ("a 0x1f", "expected a number behind the name and labels"),
            ("1a 1", "expected a metric name, or one in quotes between braces"),
            ("{} 1", "expected a metric name"),
            ("{\"\"} 1", "expected a metric name"),
            ("a{\"b\"} 1", "expected = and a label value behind the label name"),
            ("a{b} 1", "expected = and a label value behind the label name"),
            ("a{b=1} 1", "expected a label value in quotes"),
            ("a{b=\"1} 1", "expected a closing quote"),
            ("a{b=\"1\\", "expected a closing quote"),
            ("a{b=\"1\" c=\"2\"} 1", "expected a comma or a closing brace behind a label"),
            ("a{b=\"1\"", "expected a comma or a closing brace behind a label"),
            ("a{b=\"1\",b=\"2\"} 1", "expected each label once"),
            ("a{__name__=\"1\"} 1", "expected a label name, or one in quotes"),
            ("a{,} 1", "expected = and a label value behind the label name"),
            ("a 1 2 3", "expected nothing behind the number and the timestamp"),
        ] {
            assert_eq!(canonical(line), becomes, "{line}");
        }
    }

    #[test]
    fn labels_are_bounded() {
        let labels = |n| (0..n).map(|i| format!("l{i}=\"\",")).collect::<Vec<_>>().concat();
        assert!(Line::parse(&format!("a{{{}}} 1", labels(256))).is_ok());
        assert!(Line::parse(&format!("a{{{}}} 1", labels(257))).is_err());
    }

    #[test]
    fn a_series_ends_before_its_number() {
        assert_eq!(series(b"a 1\n"), b"a");
        assert_eq!(series(b"a{b=\"} 1\"} 1 2\n"), b"a{b=\"} 1\"}");
    }
}
