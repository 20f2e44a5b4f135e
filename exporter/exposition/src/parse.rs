//! The text format as files hold it, read line by line: a bad line costs itself, not its file.
//!
//! Text 0.0.4, and what else people write into textfiles: OpenMetrics types and end mark, comments,
//! CRLF, a last line without its end, names in quotes. `TYPE` and `HELP` hold for the whole file,
//! wherever they stand; the first one wins. A label with an empty value is dropped, which Prometheus
//! takes for the same thing, so that nothing has to be filled in where the lines of a family have
//! different labels. Labels come out sorted by name: a series has one spelling.

use crate::{
    Family, Kind, Str,
    line::{self, Line, unquote},
    samples::go_number,
};
use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
};

/// A text taken apart.
#[derive(Debug, Default)]
pub struct Parsed {
    /// Families that have samples, sorted by name.
    pub families: Vec<ParsedFamily>,
    /// The first lines that were refused, in the order of the file.
    pub faults: Vec<Fault>,
    /// How many samples were refused.
    pub refused: u64,
    /// How many of them are samples, but not of their family's type.
    pub misfits: u64,
}

/// How a text is taken: by default as a file of a person's, which has neither times nor families that
/// nobody wants.
#[derive(Default)]
pub struct Taking<'a> {
    /// Which families are taken, by their names; all of them where nothing is said. What stands in the
    /// lines of others is not looked at.
    pub keeps: Option<&'a mut dyn FnMut(&str) -> bool>,
    /// Labels that each line gets, in place of its own of the same names.
    pub labels: &'a [(String, String)],
    /// Whether the text is what a program answered: its timestamps are passed over, and a counter that is
    /// negative or no number is refused.
    pub answer: bool,
}

/// A family and its sample lines.
#[derive(Debug)]
pub struct ParsedFamily {
    /// Name, type and help; without labels, for each line has its own.
    pub family: Family,
    /// Whether a name in the lines stands in quotes.
    pub quoted: bool,
    lines: Vec<u8>,
    /// The number of each line in the text, and where the line ends in `lines`.
    numbers: Vec<(u32, usize)>,
}

/// A sample in canonical form.
#[derive(Clone, Copy, Debug)]
pub struct ParsedLine<'a> {
    /// The number of the line in the text, from 1 on.
    pub number: u32,
    /// The line with its end.
    pub text: &'a [u8],
    /// Name and labels: what no other line may have.
    pub series: &'a [u8],
}

/// A sample's parts.
#[derive(Clone, Debug)]
pub struct ParsedSample<'a> {
    /// The metric's name, with the suffix of a histogram's or summary's part.
    pub name: Cow<'a, str>,
    /// Labels that have a value, sorted by name.
    pub labels: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// The number.
    pub value: f64,
}

/// A line that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The number of the line, from 1 on.
    pub line: u32,
    /// What was expected.
    pub what: &'static str,
}

/// Faults kept of comments and of samples each; more are only counted.
const MAX_FAULTS: usize = 50;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Declared {
    Known(Kind),
    /// A counter as OpenMetrics or as text has it: `x_total` belongs to it as well as `x`.
    Counter,
    /// OpenMetrics `info` and `gaugehistogram`: their samples are families of their own.
    Parts(&'static [&'static str]),
}

/// Takes a text apart.
pub fn parse(text: &str) -> Parsed {
    parse_as(text, &mut Taking::default())
}

/// Takes a text apart as `taking` says.
pub fn parse_as(text: &str, taking: &mut Taking<'_>) -> Parsed {
    let mut out = Parsed::default();
    let mut types: HashMap<Cow<'_, str>, Declared> = HashMap::new();
    let mut helps: HashMap<Cow<'_, str>, String> = HashMap::new();
    let lines = || {
        let numbered = (1..).zip(text.lines());
        // A help that ended in a carriage return would lose it when it is read back.
        numbered.map(|(number, line)| {
            (number, line.trim_start_matches([' ', '\t']).trim_end_matches('\r'))
        })
    };
    for (number, line) in lines() {
        let Some(comment) = line.strip_prefix('#') else { continue };
        let what = match metadata(comment) {
            None => continue,
            Some(Err(what)) => what,
            Some(Ok(("TYPE", name, rest))) => match declared(rest.trim()) {
                None => {
                    "expected counter, gauge, histogram, summary or untyped behind TYPE and the name"
                }
                Some(kind) if *types.entry(name).or_insert(kind) != kind => {
                    "expected the type that an earlier TYPE gave the name"
                }
                Some(_) => continue,
            },
            Some(Ok((_, name, rest))) => {
                // Differing helps are harmless.
                helps.entry(name).or_insert_with(|| unescape_help(rest));
                continue;
            }
        };
        if out.faults.len() < MAX_FAULTS {
            out.faults.push(Fault { line: number, what });
        }
    }
    let mut families: BTreeMap<String, ParsedFamily> = BTreeMap::new();
    let mut wanted = Wanted::default();
    for (number, line) in lines() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        // Most lines of an answer may be those of families that nobody wants.
        if let Some(name) = bare_name(line)
            && !wanted.has(name, &types, taking)
        {
            continue;
        }
        let result = Line::parse(line).map_err(|what| (what, false)).and_then(|mut line| {
            let full = line.name.clone();
            let (base, name, kind) = family_of(&full, &types);
            if !wanted.has(&full, &types, taking) {
                return Ok(());
            }
            mend(&mut line, kind, name, taking)?;
            if !families.contains_key(name) {
                let help = helps.get(name).or_else(|| helps.get(base)).cloned();
                let family = ParsedFamily::new(name, kind, help.unwrap_or_default());
                families.insert(name.to_owned(), family);
            }
            let Some(family) = families.get_mut(name) else { return Ok(()) };
            family.quoted |= line.has_quoted_name();
            line.write(&mut family.lines);
            family.numbers.push((number, family.lines.len()));
            Ok(())
        });
        if let Err((what, misfit)) = result {
            out.refused += 1;
            out.misfits += u64::from(misfit);
            if out.faults.len() < 2 * MAX_FAULTS {
                out.faults.push(Fault { line: number, what });
            }
        }
    }
    out.faults.sort_by_key(|fault| fault.line);
    out.families.extend(families.into_values());
    out
}

/// Whether the last sample's family is wanted: its other samples follow it.
#[derive(Default)]
struct Wanted {
    name: String,
    verdict: bool,
}

impl Wanted {
    fn has(
        &mut self,
        sample: &str,
        types: &HashMap<Cow<'_, str>, Declared>,
        taking: &mut Taking<'_>,
    ) -> bool {
        let Some(keeps) = taking.keeps.as_mut() else { return true };
        if self.name != sample {
            let (_, family, _) = family_of(sample, types);
            self.verdict = keeps(family);
            self.name.clear();
            self.name.push_str(sample);
        }
        self.verdict
    }
}

/// The name of a sample, where the line begins with it.
fn bare_name(line: &str) -> Option<&str> {
    let end = line.find([' ', '\t', '{'])?;
    line.get(..end).filter(|name| crate::is_metric_name(name))
}

/// `TYPE` or `HELP`, the name and what follows.
type Metadata<'a> = (&'a str, Cow<'a, str>, &'a str);

/// A comment's meaning; `None` where it has none.
fn metadata(comment: &str) -> Option<Result<Metadata<'_>, &'static str>> {
    let blank = [' ', '\t'];
    let comment = comment.trim_start_matches(blank);
    let (keyword, rest) = comment.split_once(blank)?;
    if !matches!(keyword, "TYPE" | "HELP") {
        return None;
    }
    let rest = rest.trim_start_matches(blank);
    let (name, rest) = match rest.strip_prefix('"').map(unquote) {
        Some(Ok(parts)) => parts,
        Some(Err(what)) => return Some(Err(what)),
        None => {
            let (name, rest) = rest.split_once(blank).unwrap_or((rest, ""));
            if !crate::is_metric_name(name) {
                return Some(Err("expected a metric name behind TYPE or HELP"));
            }
            (Cow::Borrowed(name), rest)
        }
    };
    Some(Ok((keyword, name, rest.trim_start_matches(blank))))
}

fn declared(kind: &str) -> Option<Declared> {
    Some(match kind {
        "counter" => Declared::Counter,
        "gauge" | "stateset" => Declared::Known(Kind::Gauge),
        "untyped" | "unknown" => Declared::Known(Kind::Untyped),
        "histogram" => Declared::Known(Kind::Histogram),
        "summary" => Declared::Known(Kind::Summary),
        "info" => Declared::Parts(&["_info"]),
        "gaugehistogram" => Declared::Parts(&["_bucket", "_gcount", "_gsum"]),
        _ => return None,
    })
}

/// The name that `TYPE` gave, the family's name and its type for a sample's name.
fn family_of<'a>(
    sample: &'a str,
    types: &HashMap<Cow<'_, str>, Declared>,
) -> (&'a str, &'a str, Kind) {
    match types.get(sample) {
        Some(Declared::Known(kind)) => return (sample, sample, *kind),
        Some(Declared::Counter) => return (sample, sample, Kind::Counter),
        Some(Declared::Parts(_)) | None => {}
    }
    for suffix in ["_bucket", "_sum", "_count", "_total", "_info", "_gcount", "_gsum"] {
        let Some(base) = sample.strip_suffix(suffix) else { continue };
        match types.get(base) {
            Some(Declared::Known(kind @ Kind::Histogram)) if suffix != "_total" => {
                return (base, base, *kind);
            }
            Some(Declared::Known(kind @ Kind::Summary)) if matches!(suffix, "_sum" | "_count") => {
                return (base, base, *kind);
            }
            Some(Declared::Counter) if suffix == "_total" => return (base, sample, Kind::Counter),
            Some(Declared::Parts(suffixes)) if suffixes.contains(&suffix) => {
                return (base, sample, Kind::Gauge);
            }
            _ => {}
        }
    }
    (sample, sample, Kind::Untyped)
}

/// Why a line is refused, and whether that is because it does not fit its family's type.
type Refusal = (&'static str, bool);

/// Checks a line and brings its labels into their one spelling.
fn mend(line: &mut Line<'_>, kind: Kind, family: &str, taking: &Taking<'_>) -> Result<(), Refusal> {
    if taking.answer {
        line.timestamp = None;
        if kind == Kind::Counter && (line.value.is_nan() || line.value < 0.0) {
            return Err(("expected a counter's number, neither negative nor NaN", true));
        }
    } else if line.timestamp.is_some() {
        return Err(("expected no timestamp: it would stand still between scrapes", false));
    }
    for (name, value) in taking.labels {
        line.labels.retain(|(own, _)| own != name);
        line.labels.push((Cow::Owned(name.clone()), Cow::Owned(value.clone())));
    }
    line.labels.retain(|(_, value)| !value.is_empty());
    line.labels.sort_unstable();
    let bound = match (kind, line.name.strip_prefix(family)) {
        (Kind::Histogram, Some("_bucket")) => Some(("le", "expected a label le with a number")),
        (Kind::Histogram, Some("_sum" | "_count")) => None,
        (Kind::Histogram, _) => {
            return Err(("expected _bucket, _sum or _count behind a histogram's name", true));
        }
        (Kind::Summary, Some("")) => Some(("quantile", "expected a label quantile with a number")),
        _ => None,
    };
    if let Some((name, what)) = bound {
        let label = line.labels.iter_mut().find(|(label, _)| label == name).ok_or((what, true))?;
        let number: f64 = label.1.parse().map_err(|_| (what, true))?;
        if number.is_nan() {
            return Err((what, true));
        }
        label.1 = Cow::Owned(go_number(number));
    }
    Ok(())
}

fn unescape_help(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n') => out.push('\n'),
                Some(c @ ('\\' | '"')) => out.push(c),
                Some(c) => out.extend(['\\', c]),
                None => out.push('\\'),
            },
            c => out.push(c),
        }
    }
    out
}

// === impl ParsedFamily ===

impl ParsedFamily {
    fn new(name: &str, kind: Kind, help: String) -> Self {
        let (name, help) = (Str::Shared(name.into()), Str::Shared(help.into()));
        Self {
            family: Family { name, help, kind, labels: &[] },
            quoted: false,
            lines: Vec::new(),
            numbers: Vec::new(),
        }
    }

    /// The sample lines in the order of the text.
    pub fn lines(&self) -> impl ExactSizeIterator<Item = ParsedLine<'_>> {
        let mut start = 0;
        self.numbers.iter().map(move |&(number, end)| {
            let text = self.lines.get(start..end).unwrap_or_default();
            start = end;
            ParsedLine { number, text, series: line::series(text) }
        })
    }
}

// === impl ParsedLine ===

impl<'a> ParsedLine<'a> {
    /// The line taken apart; nothing where it is none, which a parsed one is not.
    pub fn sample(&self) -> Option<ParsedSample<'a>> {
        let text = std::str::from_utf8(self.text).ok()?;
        let Line { name, labels, value, timestamp: _ } = Line::parse(text.trim_end()).ok()?;
        Some(ParsedSample { name, labels, value })
    }
}

// === impl ParsedSample ===

impl ParsedSample<'_> {
    /// Name and labels in their one spelling.
    pub fn series(&self) -> String {
        let mut line = Vec::new();
        line::write(&mut line, &self.name, &self.labels, 0_u64);
        String::from_utf8_lossy(line::series(&line)).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Escaping, Format, Writer, encode};
    use expect_test::{Expect, expect};

    fn check(text: &str, expect: &Expect) {
        let parsed = parse(text);
        let mut writer = Writer::default();
        for family in &parsed.families {
            let lines: Vec<u8> = family.lines().flat_map(|line| line.text.to_vec()).collect();
            writer.guest(&family.family, &lines, family.quoted);
        }
        let format = Format::TEXT.escaping(Escaping::AllowUtf8);
        let mut out = String::from_utf8(encode(&[&writer.finish()], format).body).unwrap();
        for fault in &parsed.faults {
            out.extend([&fault.line.to_string(), ": ", fault.what, "\n"]);
        }
        expect.assert_eq(&out);
    }

    #[test]
    fn every_type() {
        check(
            "# HELP b_total Say \\\"b\\\" \\\\ \\n.\n# TYPE b_total counter\nb_total{x=\"1\",e=\"\"} 1\n\
             # TYPE h histogram\nh_bucket{le=\"1.0\"} 1\nh_bucket{le=\"1000000\"} 1\n\
             h_bucket{le=\"+Inf\"} 2\nh_sum 3\nh_count 2\n\
             # TYPE s summary\ns{quantile=\"0.50\"} 1\ns_sum 3\ns_count 2\n\
             a{z=\"1\",b=\"2\"} 1e3\n# A comment.\n#HELP\n# TYPE late gauge\nlate 1",
            &expect![[r##"
                # TYPE a untyped
                a{b="2",z="1"} 1000
                # HELP b_total Say "b" \\ \n.
                # TYPE b_total counter
                b_total{x="1"} 1
                # TYPE h histogram
                h_bucket{le="1"} 1
                h_bucket{le="1e+06"} 1
                h_bucket{le="+Inf"} 2
                h_sum 3
                h_count 2
                # TYPE late gauge
                late 1
                # TYPE s summary
                s{quantile="0.5"} 1
                s_sum 3
                s_count 2
            "##]],
        );
    }

    #[test]
    fn carriage_returns_end_with_the_line() {
        check(
            "# HELP a help\r\r\n# TYPE a gauge\r\r\na 1\r\r\n",
            &expect![[r##"
                # HELP a help
                # TYPE a gauge
                a 1
            "##]],
        );
    }

    #[test]
    fn a_bad_line_costs_itself() {
        check(
            "good 1\nbad line here\n\t\r\ngood{a=\"1\"} 2\r\ngood 1 1700000000000\n# TYPE 1 gauge\n\
             # TYPE good what\n# TYPE late histogram\nlate 1\nlate_bucket 1\n\
             late_bucket{le=\"x\"} 1\nlate_bucket{le=\"NaN\"} 1\n# TYPE late gauge\n\
             # TYPE s summary\ns 1\nlate_count 0\n",
            &expect![[r##"
                # TYPE good untyped
                good 1
                good{a="1"} 2
                # TYPE late histogram
                late_count 0
                2: expected a number behind the name and labels
                5: expected no timestamp: it would stand still between scrapes
                6: expected a metric name behind TYPE or HELP
                7: expected counter, gauge, histogram, summary or untyped behind TYPE and the name
                9: expected _bucket, _sum or _count behind a histogram's name
                10: expected a label le with a number
                11: expected a label le with a number
                12: expected a label le with a number
                13: expected the type that an earlier TYPE gave the name
                15: expected a label quantile with a number
            "##]],
        );
    }

    #[test]
    fn types_stand_anywhere_and_repeat() {
        check(
            "x_bucket{le=\"+Inf\"} 1\n# HELP x First.\n# HELP x Second.\nx_sum 1\n# TYPE x histogram\n\
             # TYPE x histogram\nx_count 1\n",
            &expect![[r##"
                # HELP x First.
                # TYPE x histogram
                x_bucket{le="+Inf"} 1
                x_sum 1
                x_count 1
            "##]],
        );
    }

    #[test]
    fn openmetrics_as_people_paste_it() {
        check(
            "# TYPE c counter\n# UNIT c seconds\n# HELP c Of c.\nc_total 5 # {trace=\"1\"} 2\n\
             c_created 1.5\n# TYPE i info\n# HELP i Of i.\ni_info{a=\"1\"} 1\n\
             # TYPE u unknown\nu 1\n# TYPE g gaugehistogram\ng_bucket{le=\"1\"} 1\ng_gsum 2\n# EOF\n",
            &expect![[r##"
                # TYPE c_created untyped
                c_created 1.5
                # HELP c_total Of c.
                # TYPE c_total counter
                c_total 5
                # TYPE g_bucket gauge
                g_bucket{le="1"} 1
                # TYPE g_gsum gauge
                g_gsum 2
                # HELP i_info Of i.
                # TYPE i_info gauge
                i_info{a="1"} 1
                # TYPE u untyped
                u 1
            "##]],
        );
    }

    #[test]
    fn answers_of_programs() {
        let text = "# TYPE c_total counter\nc_total{a=\"1\",team=\"x\"} NaN 5\nc_total{a=\"2\"} 1 5\n\
             c_total -1\n# TYPE h histogram\nh_bucket{le=\"1\"} 1 5\nh_bucket 1\nh_count 1\nh_sum 1\n\
             unwanted this line is not looked at\n{\"unwanted\"} 1\nwanted{team=\"x\"} 1 1.5\nwanted\n";
        let mut asked = Vec::new();
        let mut keeps = |name: &str| {
            asked.push(name.to_owned());
            name != "unwanted"
        };
        let labels = [("team".to_owned(), "shop".to_owned())];
        let mut taking = Taking { keeps: Some(&mut keeps), labels: &labels, answer: true };
        let parsed = parse_as(text, &mut taking);
        let mut out = String::new();
        for line in parsed.families.iter().flat_map(ParsedFamily::lines) {
            out.push_str(std::str::from_utf8(line.text).unwrap());
        }
        for fault in &parsed.faults {
            out.extend([&fault.line.to_string(), ": ", fault.what, "\n"]);
        }
        out.extend([
            parsed.refused.to_string(),
            " refused, ".to_owned(),
            parsed.misfits.to_string(),
        ]);
        expect![[r#"
            c_total{a="2",team="shop"} 1
            h_bucket{le="1",team="shop"} 1
            h_count{team="shop"} 1
            h_sum{team="shop"} 1
            wanted{team="shop"} 1
            2: expected a counter's number, neither negative nor NaN
            4: expected a counter's number, neither negative nor NaN
            7: expected a label le with a number
            13: expected a number behind the name and labels
            4 refused, 3"#]]
        .assert_eq(&out);
        // Once a sample's name, not once a line.
        assert_eq!(asked, ["c_total", "h", "h", "h", "unwanted", "wanted"]);
    }

    #[test]
    fn a_sample_without_one_of_its_labels() {
        let parsed =
            parse("a{b=\"x \\\"} 1\",c=\"2\"} 3\n# TYPE h histogram\nh_bucket{le=\"1.0\"} 4\n");
        let mut out = String::new();
        for line in parsed.families.iter().flat_map(ParsedFamily::lines) {
            let mut sample = line.sample().unwrap();
            sample.labels.retain(|(name, _)| name != "c");
            out.extend([&sample.series(), " ", &sample.value.to_string(), "\n"]);
        }
        expect![[r#"
            a{b="x \"} 1"} 3
            h_bucket{le="1"} 4
        "#]]
        .assert_eq(&out);
    }

    #[test]
    fn names_in_quotes() {
        check(
            "# TYPE \"my.name\" gauge\n# HELP \"my.name\" Mine.\n{\"my.name\",\"l.x\"=\"v\"} 1\n\
             # TYPE \"my.h\" histogram\n{\"my.h_bucket\",le=\"+Inf\"} 1\n{\"my.h_sum\"} 1\n\
             {\"my.h_count\"} 1\n# TYPE \"open gauge\n",
            &expect![[r##"
                # TYPE "my.h" histogram
                {"my.h_bucket",le="+Inf"} 1
                {"my.h_sum"} 1
                {"my.h_count"} 1
                # HELP "my.name" Mine.
                # TYPE "my.name" gauge
                {"my.name","l.x"="v"} 1
                8: expected a closing quote
            "##]],
        );
    }
}
