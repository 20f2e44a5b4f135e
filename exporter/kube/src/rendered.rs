//! The lines of one object, by family, in one buffer that is used again for the next object.

use crate::{settings::RenderOptions, time::Time};
use exposition::{Value, escape_label};
use std::{collections::HashSet, ops::Range};

/// The lines of one object, by family.
///
/// [`Resource::render`](crate::Resource::render) fills it; its buffers are kept between objects.
#[derive(Debug, Default)]
pub struct Rendered {
    lines: Vec<u8>,
    /// Where each family's lines end.
    ends: Vec<usize>,
    /// The object's default labels with the brace before them, rendered once.
    identity: Vec<u8>,
    /// The series of each line of the family that is being written, from its last default label on.
    series: Vec<Range<usize>>,
}

/// Writes the lines of one family of one object.
pub(crate) struct Rows<'r> {
    lines: &'r mut Vec<u8>,
    series: &'r mut Vec<Range<usize>>,
    name: &'static str,
    identity: &'r [u8],
    labels: &'static [&'static str],
    options: &'r RenderOptions,
}

/// Lines of a family up to which each is compared with each.
const FEW: usize = 16;

// === impl Rendered ===

impl Rendered {
    /// The lines of a family, by its place in [`Resource::families`](crate::Resource::families);
    /// none where the family is off or has nothing to say of this object.
    pub fn family(&self, family: usize) -> &[u8] {
        let start = family.checked_sub(1).and_then(|before| self.ends.get(before)).copied();
        let range = start.unwrap_or(0)..self.ends.get(family).copied().unwrap_or(0);
        self.lines.get(range).unwrap_or_default()
    }

    /// The families that have lines, and their lines.
    pub fn families(&self) -> impl Iterator<Item = (usize, &[u8])> {
        let all = (0..self.ends.len()).map(|family| (family, self.family(family)));
        all.filter(|(_, lines)| !lines.is_empty())
    }

    /// All lines, family by family.
    pub fn lines(&self) -> &[u8] {
        &self.lines
    }

    /// Forgets the object before and takes the default labels of the next.
    pub(crate) fn begin<'l>(&mut self, labels: impl Iterator<Item = (&'static str, &'l str)>) {
        self.lines.clear();
        self.ends.clear();
        self.identity.clear();
        self.series.clear();
        let mut open = b'{';
        for (name, value) in labels {
            self.identity.push(open);
            label(&mut self.identity, name, value);
            open = b',';
        }
    }

    /// The rows of the next family.
    pub(crate) fn rows<'r>(
        &'r mut self,
        name: &'static str,
        labels: &'static [&'static str],
        options: &'r RenderOptions,
    ) -> Rows<'r> {
        self.series.clear();
        let Self { lines, identity, series, .. } = self;
        Rows { lines, series, name, identity, labels, options }
    }

    /// A line of the family that is being written, with all its labels.
    pub(crate) fn line<'l>(
        &mut self,
        name: &str,
        labels: impl Iterator<Item = (&'l str, &'l str)>,
        value: impl Value,
    ) {
        self.lines.extend_from_slice(name.as_bytes());
        let start = self.lines.len();
        let mut before = b'{';
        for (name, value) in labels {
            self.lines.push(before);
            label(&mut self.lines, name, value);
            before = b',';
        }
        self.series.push(start..self.lines.len());
        self.lines.extend_from_slice(if before == b'{' { b" " } else { b"} " });
        value.write(&mut self.lines);
        self.lines.push(b'\n');
    }

    /// Ends the family that was begun last, or leaves one out that is off. A line whose series the
    /// family has already is taken out: two samples of one series are a fault of the scrape.
    pub(crate) fn end(&mut self) {
        if self.series.len() > 1 && self.has_doubles() {
            self.drop_doubles();
        }
        self.series.clear();
        self.ends.push(self.lines.len());
    }

    fn has_doubles(&self) -> bool {
        let text = |range: &Range<usize>| self.lines.get(range.clone()).unwrap_or_default();
        if self.series.len() <= FEW {
            let mut rest = &*self.series;
            while let Some((first, others)) = rest.split_first() {
                if others.iter().any(|other| text(other) == text(first)) {
                    return true;
                }
                rest = others;
            }
            return false;
        }
        let mut seen = HashSet::with_capacity(self.series.len());
        !self.series.iter().all(|range| seen.insert(text(range)))
    }

    fn drop_doubles(&mut self) {
        let start = self.ends.last().copied().unwrap_or(0);
        let family = self.lines.get(start..).unwrap_or_default().to_vec();
        let series: Vec<_> = self
            .series
            .iter()
            .map(|range| self.lines.get(range.clone()).unwrap_or_default().to_vec())
            .collect();
        self.lines.truncate(start);
        let mut seen = HashSet::new();
        for (line, series) in family.split_inclusive(|&b| b == b'\n').zip(&series) {
            if seen.insert(series) {
                self.lines.extend_from_slice(line);
            }
        }
    }
}

// === impl Rows ===

impl<'r> Rows<'r> {
    /// What of the resource is wanted.
    pub(crate) fn options(&self) -> &'r RenderOptions {
        self.options
    }

    /// A sample with the default labels only.
    pub(crate) fn value(&mut self, value: impl Value) {
        self.line(std::iter::empty(), value);
    }

    /// A sample with the default labels only, if there is a number: an absent one is an absent line.
    pub(crate) fn maybe(&mut self, value: Option<impl Value>) {
        if let Some(value) = value {
            self.value(value);
        }
    }

    /// A time with the default labels only, if there is one.
    pub(crate) fn time(&mut self, time: Time) {
        self.maybe(time.known());
    }

    /// A sample whose label values stand in the order of the family's declared labels.
    pub(crate) fn row(&mut self, values: &[&str], value: impl Value) {
        debug_assert_eq!(values.len(), self.labels.len(), "{}", self.name);
        self.line(self.labels.iter().copied().zip(values.iter().copied()), value);
    }

    /// As [`Self::row`], with the value of the last label by itself.
    pub(crate) fn row_and(&mut self, values: &[&str], last: &str, value: impl Value) {
        debug_assert_eq!(values.len() + 1, self.labels.len(), "{}", self.name);
        let values = values.iter().copied().chain([last]);
        self.line(self.labels.iter().copied().zip(values), value);
    }

    /// A fact: 1, with label values in the order of the family's declared labels.
    pub(crate) fn info(&mut self, values: &[&str]) {
        self.row(values, 1u8);
    }

    /// One sample a state, 1 for the one that holds: the family's one label names it.
    pub(crate) fn states(&mut self, states: &[&str], holds: &str) {
        for state in states {
            self.row(&[state], *state == holds);
        }
    }

    /// A sample with labels whose names depend on the object.
    pub(crate) fn labelled<'l>(
        &mut self,
        labels: impl Iterator<Item = (&'l str, &'l str)>,
        value: impl Value,
    ) {
        self.line(labels, value);
    }

    fn line<'l>(&mut self, labels: impl Iterator<Item = (&'l str, &'l str)>, value: impl Value) {
        self.lines.extend_from_slice(self.name.as_bytes());
        self.lines.extend_from_slice(self.identity);
        let start = self.lines.len();
        for (name, value) in labels {
            self.lines.push(b',');
            label(self.lines, name, value);
        }
        self.series.push(start..self.lines.len());
        self.lines.extend_from_slice(b"} ");
        value.write(self.lines);
        self.lines.push(b'\n');
    }
}

fn label(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"=\"");
    escape_label(out, value);
    out.push(b'"');
}
