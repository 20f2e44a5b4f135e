//! Histograms and summaries as wholes, and which families may keep their type in OpenMetrics.
//!
//! The text format asks nothing of a histogram's lines. OpenMetrics and protobuf do: a family that
//! is not whole goes out there as families of unknown type, one for each sample name.

use crate::{
    Kind,
    encode::Part,
    line::{self, Line},
    samples::go_number,
};
use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap, HashSet},
};

/// The lines of a histogram or summary that share their labels.
#[derive(Debug)]
pub(crate) struct Group<'a> {
    pub(crate) labels: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// Upper bounds with cumulative counts, or quantiles with values; ascending.
    pub(crate) steps: Vec<(f64, f64)>,
    pub(crate) sum: f64,
    pub(crate) count: f64,
}

#[derive(Default)]
struct Draft<'a> {
    labels: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    steps: Vec<(f64, f64)>,
    sum: Option<f64>,
    count: Option<f64>,
}

/// The groups of a histogram or summary in the order of their first lines; `None` where the family
/// is not whole or holds what OpenMetrics forbids.
pub(crate) fn groups<'a>(name: &str, kind: Kind, lines: &'a [u8]) -> Option<Vec<Group<'a>>> {
    let step = if kind == Kind::Histogram { "le" } else { "quantile" };
    let mut drafts: Vec<Draft<'a>> = Vec::new();
    let mut known: HashMap<Vec<u8>, usize> = HashMap::new();
    for text in std::str::from_utf8(lines).ok()?.lines() {
        let mut line = Line::parse(text).ok()?;
        if line.timestamp.is_some() {
            return None;
        }
        let bound = match line.labels.iter().position(|(label, _)| label == step) {
            Some(at) => Some(line.labels.remove(at).1.parse::<f64>().ok()?),
            None => None,
        };
        line.labels.sort_unstable();
        let mut key = Vec::new();
        line::write(&mut key, "", &line.labels, 0u8);
        let at = *known.entry(key).or_insert(drafts.len());
        if at == drafts.len() {
            drafts.push(Draft::default());
        }
        let draft = drafts.get_mut(at)?;
        draft.labels = line.labels;
        let slot = match (line.name.strip_prefix(name)?, bound, kind) {
            ("_bucket", Some(bound), Kind::Histogram) | ("", Some(bound), Kind::Summary) => {
                draft.steps.push((bound, line.value));
                continue;
            }
            ("_sum", None, _) => &mut draft.sum,
            ("_count", None, _) => &mut draft.count,
            _ => return None,
        };
        if line.value.is_nan() || line.value < 0.0 || slot.replace(line.value).is_some() {
            return None;
        }
    }
    drafts.into_iter().map(|draft| whole(draft, kind)).collect()
}

fn whole(draft: Draft<'_>, kind: Kind) -> Option<Group<'_>> {
    let Draft { labels, mut steps, sum: Some(sum), count: Some(count) } = draft else {
        return None;
    };
    steps.sort_by(|a, b| a.0.total_cmp(&b.0));
    let ascending = steps.is_sorted_by(|a, b| a.0 < b.0);
    let fits = match kind {
        Kind::Histogram => {
            steps.iter().all(|&(bound, n)| bound >= 0.0 && is_count(n))
                && steps.is_sorted_by(|a, b| a.1 <= b.1)
                && steps.last() == Some(&(f64::INFINITY, count))
        }
        _ => steps.iter().all(|&(quantile, value)| {
            (0.0..=1.0).contains(&quantile) && (value.is_nan() || value >= 0.0)
        }),
    };
    (fits && ascending && is_count(count)).then_some(Group { labels, steps, sum, count })
}

fn is_count(number: f64) -> bool {
    number >= 0.0 && number.is_finite() && number.fract() == 0.0
}

/// Appends a group's lines as OpenMetrics has them: bounds in order and spelt as floats.
pub(crate) fn write_group(out: &mut Vec<u8>, name: &str, kind: Kind, group: &Group<'_>) {
    let (suffix, label) =
        if kind == Kind::Histogram { ("_bucket", "le") } else { ("", "quantile") };
    let step_name = format!("{name}{suffix}");
    let mut labels = group.labels.clone();
    for &(bound, value) in &group.steps {
        labels.push((Cow::Borrowed(label), Cow::Owned(openmetrics_number(bound))));
        line::write(out, &step_name, &labels, value);
        labels.pop();
    }
    line::write(out, &format!("{name}_sum"), &labels, group.sum);
    line::write(out, &format!("{name}_count"), &labels, group.count);
}

fn openmetrics_number(number: f64) -> String {
    let mut text = go_number(number);
    if number.is_finite() && !text.contains(['.', 'e']) {
        text.push_str(".0");
    }
    text
}

/// The exceptions rule of OpenMetrics and protobuf: families that cannot go out under their type
/// become untyped.
///
/// - a histogram or summary that is not whole, or one of whose sample names another family has,
///   falls apart into a family for each sample name;
/// - in OpenMetrics, a counter whose name does not end in `_total`, or that is negative or NaN;
/// - in OpenMetrics, a counter `x_total`, a histogram or a summary `x` where another family has one
///   of the names that the type reserves: `x` and `x_created`.
pub(crate) fn untype<'a>(parts: Vec<Part<'a>>, openmetrics: bool) -> Vec<Part<'a>> {
    let mut names: HashSet<String> = HashSet::new();
    let mut twice: HashSet<String> = HashSet::new();
    for part in &parts {
        for name in part.sample_names() {
            if let Some(name) = names.replace(name.into_owned()) {
                twice.insert(name);
            }
        }
    }
    let mut reserved: HashSet<String> = HashSet::new();
    let mut out: BTreeMap<String, Part<'a>> = BTreeMap::new();
    for mut part in parts {
        let name = part.name.to_string();
        let complex = matches!(part.kind, Kind::Histogram | Kind::Summary);
        let mut keeps = match part.kind {
            Kind::Counter if openmetrics => name.ends_with("_total") && only_rises(&part.lines),
            Kind::Histogram | Kind::Summary => {
                !part.sample_names().any(|name| twice.contains(&*name))
                    && groups(&name, part.kind, &part.lines).is_some()
            }
            _ => true,
        };
        if keeps && openmetrics && (complex || part.kind == Kind::Counter) {
            let base = name.strip_suffix("_total").filter(|_| !complex).unwrap_or(&name);
            let claims = [base.to_owned(), format!("{base}_created")];
            keeps = claims.iter().all(|claim| {
                part.sample_names().any(|own| own == **claim)
                    || !names.contains(claim) && !reserved.contains(claim)
            });
            if keeps {
                reserved.extend(claims);
            }
        }
        if !keeps {
            part.kind = Kind::Untyped;
        }
        if keeps || !complex {
            merge(&mut out, name, part);
            continue;
        }
        let mut split: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        for line in part.lines.split_inclusive(|&b| b == b'\n') {
            let parsed =
                std::str::from_utf8(line).ok().and_then(|text| Line::parse(text.trim_end()).ok());
            if let Some(parsed) = parsed {
                split.entry(parsed.name.into_owned()).or_default().extend_from_slice(line);
            }
        }
        for (name, lines) in split {
            let part =
                Part { name: Cow::Owned(name.clone()), lines: Cow::Owned(lines), ..part.clone() };
            merge(&mut out, name, part);
        }
    }
    out.into_values().collect()
}

/// Adds a family, or its lines to the family of the same name.
fn merge<'a>(out: &mut BTreeMap<String, Part<'a>>, name: String, part: Part<'a>) {
    match out.entry(name) {
        std::collections::btree_map::Entry::Vacant(entry) => {
            entry.insert(part);
        }
        std::collections::btree_map::Entry::Occupied(mut entry) => {
            let had = entry.get_mut();
            let mut lines = Vec::with_capacity(had.lines.len() + part.lines.len());
            crate::encode::distinct(&mut lines, [&*had.lines, &*part.lines]);
            had.lines = Cow::Owned(lines);
            had.pages.extend(part.pages);
            had.drawn.extend(part.drawn);
        }
    }
}

/// Whether every number of the lines may stand in a counter.
fn only_rises(lines: &[u8]) -> bool {
    lines.split(|&b| b == b'\n').all(|line| {
        let number = line.get(line::series(line).len()..).unwrap_or_default();
        !matches!(number, [b' ', b'-' | b'N', ..])
    })
}
