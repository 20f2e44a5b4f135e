//! What two expositions differ in, family by family: parsed texts in, lines for people out.
//!
//! A line begins with its kind (`line`, `family`, `type`, `help`, `labels`, `series`, `value`). Labels that only
//! one side has are told once a family, and its series are then compared by the labels that both have: a new
//! label is one difference and not one a series.

use exposition::{Kind, Parsed, ParsedFamily, ParsedSample};
use std::{
    borrow::Cow,
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    fmt,
    io::{self, Write},
};

/// What counts as a difference.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Whether helps are compared.
    pub helps: bool,
    /// Labels that are not looked at.
    pub ignored: Vec<String>,
    /// Values are compared where this is set: the part of the greater one by which two may differ.
    pub tolerance: Option<f64>,
    /// Whether the right side may have families and series that the left one lacks.
    pub more: bool,
    /// Lines about series and about values of one family; 0 is no limit.
    pub limit: usize,
}

/// How much differs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum {
    lines: u64,
    families: [usize; 2],
    series: [usize; 2],
    types: usize,
    helps: usize,
    labels: usize,
    /// Nothing where values were not compared.
    values: Option<usize>,
}

/// Values by series, sorted: several where labels were left out of the comparison.
type Values = BTreeMap<String, Vec<f64>>;

/// What is printed of one family, within its limit.
struct Shown<'a, W> {
    out: &'a mut W,
    limit: usize,
    count: usize,
}

const SIDES: [&str; 2] = ["left", "right"];

/// Prints what differs.
pub(super) fn write(
    left: &Parsed,
    right: &Parsed,
    rules: &Rules,
    out: &mut impl Write,
) -> io::Result<Sum> {
    let mut sum = Sum { values: rules.tolerance.map(|_| 0), ..Sum::default() };
    for (side, parsed) in SIDES.iter().zip([left, right]) {
        let told = u64::try_from(parsed.faults.len()).unwrap_or(u64::MAX);
        sum.lines = sum.lines.saturating_add(parsed.refused.max(told));
        for fault in &parsed.faults {
            writeln!(out, "line {side}:{}: {}", fault.line, fault.what)?;
        }
    }
    let [mut lefts, mut rights] =
        [left.families.iter().peekable(), right.families.iter().peekable()];
    loop {
        let order = match (lefts.peek(), rights.peek()) {
            (Some(left), Some(right)) => left.family.name.cmp(&right.family.name),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return Ok(sum),
        };
        match order {
            Ordering::Less => {
                let Some(family) = lefts.next() else { continue };
                alone(family, "left", out)?;
                sum.families[0] += 1;
            }
            Ordering::Greater => {
                let Some(family) = rights.next() else { continue };
                if !rules.more {
                    alone(family, "right", out)?;
                    sum.families[1] += 1;
                }
            }
            Ordering::Equal => {
                if let (Some(left), Some(right)) = (lefts.next(), rights.next()) {
                    both(left, right, rules, &mut sum, out)?;
                }
            }
        }
    }
}

fn alone(family: &ParsedFamily, side: &str, out: &mut impl Write) -> io::Result<()> {
    let (name, kind) = (&family.family.name, kind(family));
    writeln!(out, "family {name}: only {side}, {kind}, {} series", family.lines().len())
}

fn both(
    left: &ParsedFamily,
    right: &ParsedFamily,
    rules: &Rules,
    sum: &mut Sum,
    out: &mut impl Write,
) -> io::Result<()> {
    let name = &left.family.name;
    if left.family.kind != right.family.kind {
        sum.types += 1;
        writeln!(out, "type {name}: left {}, right {}", kind(left), kind(right))?;
    }
    if rules.helps && left.family.help != right.family.help {
        sum.helps += 1;
        let [left, right]: [&str; 2] = [&left.family.help, &right.family.help];
        writeln!(out, "help {name}: left {left:?}, right {right:?}")?;
    }
    let [lefts, rights] = [left, right].map(|family| names(family, rules));
    let only = |of: &BTreeSet<String>, others: &BTreeSet<String>| {
        of.difference(others).cloned().collect::<Vec<_>>()
    };
    let [only_left, only_right] = [only(&lefts, &rights), only(&rights, &lefts)];
    if !only_left.is_empty() || !only_right.is_empty() {
        sum.labels += 1;
        let parts = [("left", &only_left), ("right", &only_right)].into_iter();
        let parts = parts.filter(|(_, names)| !names.is_empty());
        let parts: Vec<_> =
            parts.map(|(side, names)| format!("only {side} {}", names.join(", "))).collect();
        writeln!(out, "labels {name}: {}", parts.join("; "))?;
    }
    let shared: BTreeSet<String> = lefts.intersection(&rights).cloned().collect();
    let [lefts, rights] = [left, right].map(|family| values(family, &shared));
    series(name, [&lefts, &rights], rules, sum, out)?;
    match rules.tolerance {
        Some(tolerance) => numbers(name, [&lefts, &rights], tolerance, rules.limit, sum, out),
        None => Ok(()),
    }
}

/// Series that one side lacks.
fn series(
    name: &str,
    [lefts, rights]: [&Values; 2],
    rules: &Rules,
    sum: &mut Sum,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut shown = Shown { out, limit: rules.limit, count: 0 };
    for (series, values) in lefts {
        match (values.len(), rights.get(series).map_or(0, Vec::len)) {
            (_, 0) => {
                sum.series[0] += values.len();
                shown.line(&format!("series {series}: only left"))?;
            }
            (left, right) if left > right || (left < right && !rules.more) => {
                let [more_left, more_right] =
                    [left.saturating_sub(right), right.saturating_sub(left)];
                sum.series[0] += more_left;
                sum.series[1] += more_right;
                shown.line(&format!("series {series}: left {left} times, right {right} times"))?;
            }
            _ => {}
        }
    }
    shown.rest("series", name, "only left")?;
    let only = rights.iter().filter(|(series, _)| !rules.more && !lefts.contains_key(*series));
    for (series, values) in only {
        sum.series[1] += values.len();
        shown.line(&format!("series {series}: only right"))?;
    }
    shown.rest("series", name, "only right")
}

fn numbers(
    name: &str,
    [lefts, rights]: [&Values; 2],
    tolerance: f64,
    limit: usize,
    sum: &mut Sum,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut shown = Shown { out, limit, count: 0 };
    for (series, lefts) in lefts {
        let rights = rights.get(series).filter(|rights| rights.len() == lefts.len());
        for (left, right) in lefts.iter().zip(rights.into_iter().flatten()) {
            if !near(*left, *right, tolerance) {
                sum.values = sum.values.map(|count| count + 1);
                shown.line(&format!("value {series}: left {left}, right {right}"))?;
            }
        }
    }
    shown.rest("value", name, "differ")
}

fn near(left: f64, right: f64, tolerance: f64) -> bool {
    if left.is_finite() && right.is_finite() {
        (left - right).abs() <= tolerance * left.abs().max(right.abs())
    } else {
        left.total_cmp(&right).is_eq() || (left.is_nan() && right.is_nan())
    }
}

/// The labels' names in a family's series.
fn names(family: &ParsedFamily, rules: &Rules) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for ParsedSample { labels, .. } in family.lines().filter_map(|line| line.sample()) {
        for (name, _) in labels {
            if !names.contains(&*name) && !rules.ignored.iter().any(|ignored| *ignored == name) {
                names.insert(name.into_owned());
            }
        }
    }
    names
}

/// A family's values by its series, of which only these labels are looked at.
fn values(family: &ParsedFamily, labels: &BTreeSet<String>) -> Values {
    let mut values = Values::new();
    for mut sample in family.lines().filter_map(|line| line.sample()) {
        sample.labels.retain(|(name, _): &(Cow<'_, str>, _)| labels.contains(&**name));
        values.entry(sample.series()).or_default().push(sample.value);
    }
    for values in values.values_mut() {
        values.sort_unstable_by(f64::total_cmp);
    }
    values
}

fn kind(family: &ParsedFamily) -> &'static str {
    match family.family.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Untyped => "untyped",
        Kind::Histogram => "histogram",
        Kind::Summary => "summary",
    }
}

// === impl Shown ===

impl<W: Write> Shown<'_, W> {
    fn line(&mut self, text: &str) -> io::Result<()> {
        self.count += 1;
        if self.limit == 0 || self.count <= self.limit {
            writeln!(self.out, "{text}")?;
        }
        Ok(())
    }

    /// Tells how many lines were not shown, and begins to count anew.
    fn rest(&mut self, kind: &str, name: &str, what: &str) -> io::Result<()> {
        let rest = if self.limit == 0 { 0 } else { self.count.saturating_sub(self.limit) };
        self.count = 0;
        if rest > 0 {
            writeln!(self.out, "{kind} {name}: {rest} more {what}")?;
        }
        Ok(())
    }
}

// === impl Sum ===

impl Sum {
    /// Whether anything differs.
    pub fn differs(&self) -> bool {
        let [left, right] = [self.families, self.series].map(|sides| sides.iter().sum::<usize>());
        self.lines > 0
            || left + right + self.types + self.helps + self.labels > 0
            || self.values.is_some_and(|values| values > 0)
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lines, families, series, types, helps, labels, values } = self;
        if !self.differs() {
            let rest = if values.is_some() { "" } else { "; values were not compared" };
            return write!(f, "nothing differs{rest}");
        }
        for (side, (families, series)) in SIDES.iter().zip(families.iter().zip(series)) {
            writeln!(f, "only {side}: {families} families, {series} series of shared ones")?;
        }
        write!(f, "differ: {types} types, {labels} labels")?;
        match values {
            Some(values) => write!(f, ", {values} values")?,
            None => f.write_str(", values were not compared")?,
        }
        for (what, count) in [("helps", *helps as u64), ("lines that are none", *lines)] {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        Ok(())
    }
}
