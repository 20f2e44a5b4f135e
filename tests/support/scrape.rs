//! A parser of the text format, written for the tests from the format's documentation and
//! independent of the exporter's own.

use std::collections::{BTreeMap, BTreeSet};

/// A series: its metric name and its labels, sorted, those with an empty value left out.
pub(crate) type Series = (String, Vec<(String, String)>);

/// An exposition in text format 0.0.4.
#[derive(Debug, Default)]
pub(crate) struct Scrape {
    /// Types by family.
    pub(crate) types: BTreeMap<String, String>,
    /// Values by series.
    pub(crate) series: BTreeMap<Series, f64>,
    /// Lines that break the format's rules.
    pub(crate) faults: Vec<String>,
}

// === impl Scrape ===

impl Scrape {
    /// Reads an exposition; what breaks the rules is noted as a fault.
    pub(crate) fn parse(text: &str) -> Self {
        let mut scrape = Self::default();
        let mut closed = BTreeSet::new();
        let mut current = String::new();
        for (number, line) in text.lines().enumerate() {
            if line.is_empty() {
                continue;
            }
            let Some(name) = scrape.line(line) else {
                scrape.faults.push(format!("line {}: {line}", number + 1));
                continue;
            };
            let family = scrape.family(&name);
            if family != current {
                if !closed.insert(family.clone()) {
                    scrape
                        .faults
                        .push(format!("line {}: {family} is not in one piece", number + 1));
                }
                current = family;
            }
        }
        if !text.is_empty() && !text.ends_with('\n') {
            scrape.faults.push("the last line has no end".to_owned());
        }
        scrape
    }

    /// A series' value; a label without a value is none.
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let labels = labels.iter().filter(|(_, value)| !value.is_empty());
        let mut labels: Vec<(String, String)> =
            labels.map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        labels.sort();
        self.series.get(&(name.to_owned(), labels)).copied()
    }

    /// The family of a series' name: for histograms and summaries without its suffix.
    pub(crate) fn family(&self, name: &str) -> String {
        for suffix in ["_bucket", "_sum", "_count"] {
            let base = name.strip_suffix(suffix);
            let kind = base.and_then(|base| self.types.get(base));
            if let (Some(base), Some("histogram" | "summary")) = (base, kind.map(String::as_str)) {
                return base.to_owned();
            }
        }
        name.to_owned()
    }

    fn line(&mut self, line: &str) -> Option<String> {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ')?;
            let again = self.types.insert(name.to_owned(), kind.to_owned());
            return again.is_none().then(|| name.to_owned());
        }
        if let Some(rest) = line.strip_prefix("# HELP ") {
            return Some(rest.split(' ').next()?.to_owned());
        }
        if line.starts_with('#') {
            return None;
        }
        let end = line.find(['{', ' '])?;
        let name = line.get(..end)?.to_owned();
        let mut rest = line.get(end..)?;
        let mut labels = Vec::new();
        if let Some(inner) = rest.strip_prefix('{') {
            rest = read_labels(inner, &mut labels)?;
        }
        let value = match rest.strip_prefix(' ')? {
            "+Inf" => f64::INFINITY,
            "-Inf" => f64::NEG_INFINITY,
            text => text.parse().ok()?,
        };
        labels.retain(|(_, value)| !value.is_empty());
        labels.sort();
        let again = self.series.insert((name.clone(), labels), value);
        again.is_none().then_some(name)
    }
}

/// Reads labels up to the closing brace; what follows it.
fn read_labels<'a>(mut rest: &'a str, labels: &mut Vec<(String, String)>) -> Option<&'a str> {
    loop {
        if let Some(after) = rest.strip_prefix('}') {
            return Some(after);
        }
        let (name, after) = rest.split_once("=\"")?;
        let mut value = String::new();
        let mut chars = after.char_indices();
        let end = loop {
            match chars.next()? {
                (_, '\\') => value.push(match chars.next()?.1 {
                    'n' => '\n',
                    c @ ('\\' | '"') => c,
                    _ => return None,
                }),
                (at, '"') => break at + 1,
                (_, c) => value.push(c),
            }
        };
        labels.push((name.to_owned(), value));
        rest = after.get(end..)?;
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
}

/// A series as a line without its value.
pub(crate) fn show((name, labels): &Series) -> String {
    let labels: Vec<_> = labels.iter().map(|(n, v)| format!("{n}={v:?}")).collect();
    format!("{name}{{{}}}", labels.join(","))
}
