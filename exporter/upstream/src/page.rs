//! What an upstream answered, taken apart: text in, families out.
//!
//! Text 0.0.4 and 1.0.0, and OpenMetrics. Timestamps are passed over: what is served is what the upstream says
//! now, and a time of its own would keep a series alive that it no longer has. A bad line costs itself, a
//! family goes out whole or not at all where there are too many samples, and a series that was there before
//! is left out; all of it is counted, and the first of each kind is named.

use crate::fault::{Fault, Reason};
use collect::Filter;
use exposition::{Family, Kind, ParsedFamily, Taking, parse_as, series};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashSet},
};

/// The families of an upstream, of all its pages.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// Whether the page came that the upstream is about, the first one.
    pub(crate) heard: bool,
    pub(crate) families: BTreeMap<String, Taken>,
    pub(crate) samples: usize,
    pub(crate) dropped: Dropped,
    /// What was left out and why.
    pub(crate) remarks: BTreeSet<String>,
}

/// A family and its lines.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) family: Family,
    pub(crate) lines: Vec<u8>,
    pub(crate) quoted: bool,
}

/// Samples that are left out.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Dropped {
    pub(crate) syntax: u64,
    pub(crate) kind: u64,
    pub(crate) duplicate: u64,
    pub(crate) limit: u64,
}

/// How a page is taken.
pub(crate) struct Rules<'a> {
    /// What it is called in remarks.
    pub(crate) path: &'a str,
    pub(crate) labels: &'a [(String, String)],
    pub(crate) max_samples: usize,
}

/// Remarks kept of an upstream.
const MAX_REMARKS: usize = 10;
/// How much of an odd line is shown.
const SHOWN: usize = 60;

// === impl Page ===

impl Page {
    /// Takes one page. Fails where there were samples and none was understood.
    pub(crate) fn take(
        &mut self,
        body: &[u8],
        filter: &mut Filter,
        rules: &Rules<'_>,
    ) -> Result<(), Fault> {
        let (text, torn) = text(body);
        let mut unwanted = false;
        let mut keeps = |name: &str| {
            let keeps = filter.keeps(name);
            unwanted |= !keeps;
            keeps
        };
        let mut taking = Taking { keeps: Some(&mut keeps), labels: rules.labels, answer: true };
        let parsed = parse_as(&text, &mut taking);
        if parsed.families.is_empty() && !unwanted && parsed.refused > 0 {
            let what = parsed.faults.first().map_or("", |fault| fault.what);
            let what = format!("{}: no line is a sample: {what}", rules.path);
            return Err(Fault::new(Reason::Syntax, what));
        }
        if torn > 0 {
            self.remark(|| format!("{}: a line is not UTF-8", rules.path));
        }
        self.dropped.syntax += torn + parsed.refused - parsed.misfits;
        self.dropped.kind += parsed.misfits;
        for fault in &parsed.faults {
            let at = usize::try_from(fault.line).unwrap_or(usize::MAX).saturating_sub(1);
            let line = text.lines().nth(at).unwrap_or_default();
            // Without its numbers, which change: the same fault is told once.
            let name: String =
                line.chars().take(SHOWN).take_while(|c| !matches!(c, '{' | ' ' | '\t')).collect();
            self.remark(|| format!("{}: {name:?}: {}", rules.path, fault.what));
        }
        for family in &parsed.families {
            self.take_family(family, rules);
        }
        Ok(())
    }

    fn take_family(&mut self, parsed: &ParsedFamily, rules: &Rules<'_>) {
        let name = &*parsed.family.name;
        let lines = parsed.lines();
        if self.samples.saturating_add(lines.len()) > rules.max_samples {
            self.dropped.limit += lines.len() as u64;
            self.remark(|| format!("{}: beyond {} samples: {name}", rules.path, rules.max_samples));
            return;
        }
        let known = self.families.entry(name.to_owned()).or_insert_with(|| Taken {
            family: parsed.family.clone(),
            lines: Vec::new(),
            quoted: false,
        });
        if !alike(known.family.kind, parsed.family.kind) {
            self.dropped.kind += lines.len() as u64;
            self.remark(|| format!("{}: {name}: another type than on the page before", rules.path));
            return;
        }
        known.quoted |= parsed.quoted;
        let before = std::mem::take(&mut known.lines);
        let mut had: HashSet<&[u8]> = before.split_inclusive(|&b| b == b'\n').map(series).collect();
        let mut new = Vec::new();
        let mut twice = 0;
        for line in lines {
            if had.insert(line.series) {
                new.extend_from_slice(line.text);
                self.samples += 1;
            } else {
                twice += 1;
            }
        }
        drop(had);
        known.lines = before;
        known.lines.append(&mut new);
        if twice > 0 {
            self.dropped.duplicate += twice;
            self.remark(|| format!("{}: {name}: a series stands twice", rules.path));
        }
    }

    fn remark(&mut self, remark: impl FnOnce() -> String) {
        if self.remarks.len() < MAX_REMARKS {
            self.remarks.insert(remark());
        }
    }
}

/// Whether lines of a family of the one type may stand among those of the other.
pub(crate) fn alike(one: Kind, other: Kind) -> bool {
    let simple = |kind| !matches!(kind, Kind::Histogram | Kind::Summary);
    one == other || simple(one) && simple(other)
}

/// The lines that are text, each where it was; and how many were none.
fn text(body: &[u8]) -> (Cow<'_, str>, u64) {
    if let Ok(text) = std::str::from_utf8(body) {
        return (Cow::Borrowed(text), 0);
    }
    let mut torn = 0;
    let mut text = String::with_capacity(body.len());
    for line in body.split_inclusive(|&b| b == b'\n') {
        if let Ok(line) = std::str::from_utf8(line) {
            text.push_str(line);
        } else {
            torn += 1;
            text.push('\n');
        }
    }
    (Cow::Owned(text), torn)
}
