//! One scrape's blocks as one body: families sorted by name, each whole and once.

use crate::{
    Block, Drawn, Escaping, Family, Format, Kind, Page, Syntax, Unpacker,
    format::is_label_name,
    is_metric_name,
    line::{self, Line},
    protobuf,
    samples::quote,
    shape,
    writer::Span,
};
use std::{borrow::Cow, collections::HashSet, sync::Arc};

/// A body, and what had to be left out of it.
#[derive(Debug, Default)]
pub struct Encoded {
    /// The exposition, but for what is kept compressed.
    pub body: Vec<u8>,
    /// What stands before the byte of the body at these places, in ascending order.
    pub inserts: Vec<(usize, Insert)>,
    /// Names of guest families (textfiles) that built-in families of the same name replaced.
    pub shadowed: Vec<String>,
}

/// Lines on their way out that are compressed, or not written yet.
#[derive(Debug)]
pub enum Insert {
    /// Lines that go out as they are.
    Pages(Vec<Arc<Page>>),
    /// Lines that are yet to be written.
    Drawn(Drawn),
    /// A family that becomes one protobuf message.
    Message(Message),
}

/// A family whose lines are yet to be transcoded, as all of them are needed at once then.
#[derive(Debug)]
pub struct Message {
    name: String,
    help: String,
    kind: Kind,
    lines: Vec<u8>,
    pages: Vec<Arc<Page>>,
    drawn: Vec<Drawn>,
}

/// A family on its way out: all its lines, under the name that the format gives it.
#[derive(Clone, Debug)]
pub(crate) struct Part<'a> {
    pub(crate) name: Cow<'a, str>,
    pub(crate) help: &'a str,
    pub(crate) kind: Kind,
    pub(crate) lines: Cow<'a, [u8]>,
    pub(crate) pages: Vec<&'a Arc<Page>>,
    pub(crate) drawn: Vec<&'a Drawn>,
    pub(crate) guest: bool,
}

/// Joins `blocks` into one body.
///
/// Stretches of the same family are put under one header, also across blocks. Where they disagree
/// on the family's type, the first one's wins. A guest family goes out only if no built-in family
/// has one of its sample names and no block claims one. Of lines in several stretches that have the same name and labels,
/// the first goes out.
pub fn encode(blocks: &[&Block], format: Format) -> Encoded {
    let mut out = Encoded::default();
    let spans = blocks.iter().flat_map(|block| block.spans());
    let mut parts: Vec<Part<'_>> =
        spans.map(|(span, lines)| part(span, lines, format.escaping)).collect();
    let paged = blocks.iter().flat_map(|block| &block.pages);
    parts.extend(paged.map(|(family, pages)| Part::of_pages(family, pages)));
    parts.extend(blocks.iter().flat_map(|block| &block.drawn).map(Part::of_drawn));
    if parts.iter().any(|part| part.guest) {
        let claims: Vec<&Family> =
            blocks.iter().flat_map(|block| block.claims.iter().copied().flatten()).collect();
        shadow(&mut parts, &claims, &mut out.shadowed);
    }
    parts.sort_by(|a, b| a.name.cmp(&b.name));
    if format.is_openmetrics() || format.syntax == Syntax::Protobuf {
        let joined = parts.chunk_by(|a, b| a.name == b.name).filter_map(join).collect();
        let parts = shape::untype(joined, format.is_openmetrics());
        for part in &parts {
            if format.syntax != Syntax::Protobuf {
                openmetrics(&mut out.body, part);
                out.insert(part);
            } else if part.pages.is_empty() && part.drawn.is_empty() {
                protobuf::family(&mut out.body, part);
            } else {
                out.inserts.push((out.body.len(), Insert::Message(Message::of(part))));
            }
        }
        if format.is_openmetrics() {
            out.body.extend_from_slice(b"# EOF\n");
        }
        return out;
    }
    out.body.reserve(parts.iter().map(|part| part.lines.len() + part.help.len() + 128).sum());
    for group in parts.chunk_by(|a, b| a.name == b.name) {
        let Some(first) = group.first() else { continue };
        let kind = match first.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Untyped => "untyped",
            Kind::Histogram => "histogram",
            Kind::Summary => "summary",
        };
        header(&mut out.body, &first.name, kind, first.help, false);
        together(&mut out.body, group);
        for part in group {
            out.insert(part);
        }
    }
    out
}

/// A span under the names that the format's escaping gives it.
fn part<'a>(span: &'a Span, lines: &'a [u8], escaping: Escaping) -> Part<'a> {
    let family = &span.family;
    let mut part = Part {
        name: Cow::Borrowed(&family.name),
        help: &family.help,
        kind: family.kind,
        lines: Cow::Borrowed(lines),
        pages: Vec::new(),
        drawn: Vec::new(),
        guest: span.guest,
    };
    if span.quoted && escaping != Escaping::AllowUtf8 {
        let name = escaping.metric(&family.name);
        let mut escaped = Vec::with_capacity(lines.len() + lines.len() / 4);
        for text in String::from_utf8_lossy(lines).lines() {
            let Ok(mut line) = Line::parse(text) else { continue };
            let suffix = line.name.strip_prefix(&*family.name).unwrap_or_default();
            line.name = Cow::Owned(format!("{name}{suffix}"));
            // A label that needs no escaping keeps its name before one that comes to the same.
            let plain = line.labels.iter().map(|(label, _)| label.to_string());
            let mut taken: HashSet<String> = plain.filter(|l| is_label_name(l)).collect();
            for (at, (label, _)) in line.labels.iter_mut().enumerate() {
                if is_label_name(label) {
                    continue;
                }
                let mut name = escaping.label(label);
                if taken.contains(&name) {
                    name = format!("{name}_{at}");
                }
                taken.insert(name.clone());
                *label = Cow::Owned(name);
            }
            if taken.len() < line.labels.len() {
                continue;
            }
            line.write(&mut escaped);
        }
        let mut lines = Vec::with_capacity(escaped.len());
        distinct(&mut lines, [&*escaped]);
        (part.name, part.lines) = (Cow::Owned(name), Cow::Owned(lines));
    }
    part
}

/// Takes out guest families one of whose sample names a built-in family has or claims.
fn shadow(parts: &mut Vec<Part<'_>>, claims: &[&Family], shadowed: &mut Vec<String>) {
    let own: HashSet<Cow<'_, str>> =
        parts.iter().filter(|part| !part.guest).flat_map(Part::names).collect();
    let taken = |name: &str| own.contains(name) || claims.iter().any(|family| family.covers(name));
    let keeps = |part: &Part<'_>| !part.guest || !part.names().any(|name| taken(&name));
    let keeps: Vec<bool> = parts.iter().map(keeps).collect();
    let mut verdicts = keeps.into_iter();
    parts.retain(|part| {
        let keeps = verdicts.next().unwrap_or(true);
        if !keeps && !shadowed.iter().any(|name| *name == part.name) {
            shadowed.push(part.name.to_string());
        }
        keeps
    });
}

/// The stretches of one family as one.
fn join<'a>(group: &[Part<'a>]) -> Option<Part<'a>> {
    let mut part = group.first()?.clone();
    if group.len() > 1 {
        let mut lines = Vec::new();
        together(&mut lines, group);
        part.lines = Cow::Owned(lines);
        part.pages = group.iter().flat_map(|part| part.pages.iter().copied()).collect();
        part.drawn = group.iter().flat_map(|part| part.drawn.iter().copied()).collect();
    }
    Some(part)
}

/// Appends the lines of a family's stretches: as they are where only one has any, others having
/// pages alone.
fn together(out: &mut Vec<u8>, group: &[Part<'_>]) {
    let mut written = group.iter().map(|part| &*part.lines).filter(|lines| !lines.is_empty());
    match (written.next(), written.next()) {
        (Some(only), None) => out.extend_from_slice(only),
        _ => distinct(out, group.iter().map(|part| &*part.lines)),
    }
}

/// Appends the lines whose series was not there before.
pub(crate) fn distinct<'a>(out: &mut Vec<u8>, stretches: impl IntoIterator<Item = &'a [u8]>) {
    let mut seen = HashSet::new();
    for lines in stretches {
        for line in lines.split_inclusive(|&b| b == b'\n') {
            if seen.insert(line::series(line)) {
                out.extend_from_slice(line);
            }
        }
    }
}

fn openmetrics(out: &mut Vec<u8>, part: &Part<'_>) {
    let (name, kind) = match part.kind {
        Kind::Counter => (part.name.strip_suffix("_total").unwrap_or(&part.name), "counter"),
        Kind::Gauge => (&*part.name, "gauge"),
        Kind::Untyped => (&*part.name, "unknown"),
        Kind::Histogram => (&*part.name, "histogram"),
        Kind::Summary => (&*part.name, "summary"),
    };
    header(out, name, kind, part.help, true);
    if !matches!(part.kind, Kind::Histogram | Kind::Summary) {
        out.extend_from_slice(&part.lines);
        return;
    }
    for group in shape::groups(name, part.kind, &part.lines).unwrap_or_default() {
        shape::write_group(out, name, part.kind, &group);
    }
}

fn header(out: &mut Vec<u8>, name: &str, kind: &str, help: &str, openmetrics: bool) {
    let spelt = |out: &mut Vec<u8>| {
        if is_metric_name(name) {
            out.extend_from_slice(name.as_bytes());
        } else {
            quote(out, name);
        }
        out.push(b' ');
    };
    if !help.is_empty() {
        out.extend_from_slice(b"# HELP ");
        spelt(out);
        for &b in help.as_bytes() {
            match b {
                b'\\' => out.extend_from_slice(b"\\\\"),
                b'\n' => out.extend_from_slice(b"\\n"),
                b'"' if openmetrics => out.extend_from_slice(b"\\\""),
                _ => out.push(b),
            }
        }
        out.push(b'\n');
    }
    out.extend_from_slice(b"# TYPE ");
    spelt(out);
    out.extend_from_slice(kind.as_bytes());
    out.push(b'\n');
}

// === impl Encoded ===

impl Encoded {
    /// Puts what a part has besides its lines where the body ends now.
    fn insert(&mut self, part: &Part<'_>) {
        let at = self.body.len();
        if !part.pages.is_empty() {
            let pages = part.pages.iter().map(|page| Arc::clone(page)).collect();
            self.inserts.push((at, Insert::Pages(pages)));
        }
        let drawn = part.drawn.iter().map(|drawn| (at, Insert::Drawn((*drawn).clone())));
        self.inserts.extend(drawn);
    }

    /// The whole exposition as one.
    pub fn plain(self) -> Vec<u8> {
        let Self { body, inserts, .. } = self;
        if inserts.is_empty() {
            return body;
        }
        let (mut out, mut done, mut unpacker) = (Vec::new(), 0, Unpacker::new());
        for (at, insert) in &inserts {
            out.extend_from_slice(body.get(done..*at).unwrap_or_default());
            done = *at;
            match insert {
                Insert::Pages(pages) => pages.iter().for_each(|p| unpacker.unpack(p, &mut out)),
                Insert::Drawn(drawn) => {
                    (0..drawn.sheets()).for_each(|sheet| drawn.write(sheet, &mut out));
                }
                Insert::Message(message) => message.encode(&mut unpacker, &mut out),
            }
        }
        out.extend_from_slice(body.get(done..).unwrap_or_default());
        out
    }
}

// === impl Message ===

impl Message {
    fn of(part: &Part<'_>) -> Self {
        Self {
            name: part.name.to_string(),
            help: part.help.to_owned(),
            kind: part.kind,
            lines: part.lines.to_vec(),
            pages: part.pages.iter().map(|page| Arc::clone(page)).collect(),
            drawn: part.drawn.iter().map(|drawn| (*drawn).clone()).collect(),
        }
    }

    /// Appends the message behind its length.
    pub fn encode(&self, unpacker: &mut Unpacker, out: &mut Vec<u8>) {
        let mut lines = self.lines.clone();
        self.pages.iter().for_each(|page| unpacker.unpack(page, &mut lines));
        for drawn in &self.drawn {
            (0..drawn.sheets()).for_each(|sheet| drawn.write(sheet, &mut lines));
        }
        let part = Part {
            name: Cow::Borrowed(&*self.name),
            help: &self.help,
            kind: self.kind,
            lines: Cow::Owned(lines),
            pages: Vec::new(),
            drawn: Vec::new(),
            guest: false,
        };
        protobuf::family(out, &part);
    }
}

// === impl Part ===

impl<'a> Part<'a> {
    fn of_drawn(drawn: &'a Drawn) -> Self {
        Self { drawn: vec![drawn], ..Self::of_pages(&drawn.family, &[]) }
    }

    fn of_pages(family: &'a Family, pages: &'a [Arc<Page>]) -> Self {
        Self {
            name: Cow::Borrowed(&family.name),
            help: &family.help,
            kind: family.kind,
            lines: Cow::Borrowed(&[]),
            pages: pages.iter().filter(|page| !page.is_empty()).collect(),
            drawn: Vec::new(),
            guest: false,
        }
    }
}

impl Part<'_> {
    /// The names that the family's samples can have.
    pub(crate) fn sample_names(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let suffixes: &[&str] = match self.kind {
            Kind::Histogram => &["_bucket", "_sum", "_count"],
            Kind::Summary => &["", "_sum", "_count"],
            _ => &[""],
        };
        suffixes.iter().map(|suffix| match *suffix {
            "" => Cow::Borrowed(&*self.name),
            suffix => Cow::Owned(format!("{}{suffix}", self.name)),
        })
    }

    /// The family's own name and those of its samples.
    fn names(&self) -> impl Iterator<Item = Cow<'_, str>> {
        self.sample_names().chain([Cow::Borrowed(&*self.name)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Family, Writer};
    use expect_test::expect;

    static FREQUENCY: Family = Family::gauge("node_cpu_frequency_hertz", "Frequency.", &["cpu"]);

    fn text(blocks: &[&Block], format: Format) -> String {
        String::from_utf8(encode(blocks, format).body).unwrap()
    }

    fn block(write: impl FnOnce(&mut Writer)) -> Block {
        let mut writer = Writer::default();
        write(&mut writer);
        writer.finish()
    }

    #[test]
    fn two_collectors_share_a_family() {
        let a = block(|w| w.family(&FREQUENCY, |s| s.row(&["0"], 1u64)));
        let b = block(|w| {
            w.family(&FREQUENCY, |s| {
                s.row(&["0"], 7u64);
                s.row(&["1"], 2.5);
            });
        });
        assert_eq!(
            text(&[&a, &b], Format::TEXT),
            "# HELP node_cpu_frequency_hertz Frequency.\n# TYPE node_cpu_frequency_hertz gauge\n\
             node_cpu_frequency_hertz{cpu=\"0\"} 1\nnode_cpu_frequency_hertz{cpu=\"1\"} 2.5\n"
        );
    }

    fn guest(kind: Kind, name: &str, lines: &str) -> Block {
        let family = Family {
            name: crate::Str::Shared(name.into()),
            help: crate::Str::Static("Of a file."),
            kind,
            labels: &[],
        };
        block(|w| w.guest(&family, lines.as_bytes(), true))
    }

    #[test]
    fn a_guest_never_replaces_a_built_in_family() {
        let guest_gauge =
            guest(Kind::Gauge, "node_cpu_frequency_hertz", "node_cpu_frequency_hertz 99\n");
        let guest_summary = guest(Kind::Summary, "node_cpu", "node_cpu_sum 99\n");
        let own = block(|w| {
            w.family(&FREQUENCY, |s| s.row(&["0"], 1u64));
            w.family(&Family::gauge("node_cpu_sum", "", &[]), |s| s.value(1u64));
        });
        let encoded = encode(&[&guest_gauge, &guest_summary, &own], Format::TEXT);
        let body = String::from_utf8(encoded.body).unwrap();
        assert!(body.contains("{cpu=\"0\"} 1\n") && !body.contains("99"), "{body}");
        assert_eq!(encoded.shadowed, ["node_cpu_frequency_hertz", "node_cpu"]);
    }

    #[test]
    fn a_guest_does_not_stand_in_for_a_collector_that_failed() {
        static CLAIMS: &[&[Family]] = &[&[Family::gauge("node_cpu_*_hertz", "", &[])]];
        let gauge = guest(Kind::Gauge, "node_cpu_frequency_hertz", "node_cpu_frequency_hertz 99\n");
        let failed = Block { claims: CLAIMS, ..Block::default() };
        let encoded = encode(&[&gauge, &failed], Format::TEXT);
        assert_eq!(String::from_utf8(encoded.body).unwrap(), "");
        assert_eq!(encoded.shadowed, ["node_cpu_frequency_hertz"]);
    }

    #[test]
    fn names_beyond_ascii_are_escaped_or_quoted() {
        let lines = "{\"my.c_total\",\"a.b\"=\"1\",a_b=\"2\"} 1\n";
        let counter = guest(Kind::Counter, "my.c_total", lines);
        let histogram = guest(
            Kind::Histogram,
            "my.h",
            "{\"my.h_bucket\",le=\"+Inf\"} 1\n{\"my.h_sum\"} 2\n{\"my.h_count\"} 1\n",
        );
        expect![[r##"
            # HELP my_c_total Of a file.
            # TYPE my_c_total counter
            my_c_total{a_b_0="1",a_b="2"} 1
            # HELP my_h Of a file.
            # TYPE my_h histogram
            my_h_bucket{le="+Inf"} 1
            my_h_sum 2
            my_h_count 1
        "##]]
        .assert_eq(&text(&[&counter, &histogram], Format::TEXT));
        expect![[r##"
            # HELP "my.c_total" Of a file.
            # TYPE "my.c_total" counter
            {"my.c_total","a.b"="1",a_b="2"} 1
            # HELP "my.h" Of a file.
            # TYPE "my.h" histogram
            {"my.h_bucket",le="+Inf"} 1
            {"my.h_sum"} 2
            {"my.h_count"} 1
        "##]]
        .assert_eq(&text(&[&counter, &histogram], Format::TEXT.escaping(Escaping::AllowUtf8)));
        expect![[r##"
            # HELP U__my_2e_c_ Of a file.
            # TYPE U__my_2e_c_ counter
            U__my_2e_c__total{U__a_2e_b="1",a_b="2"} 1
            # HELP U__my_2e_h Of a file.
            # TYPE U__my_2e_h histogram
            U__my_2e_h_bucket{le="+Inf"} 1
            U__my_2e_h_sum 2
            U__my_2e_h_count 1
            # EOF
        "##]]
        .assert_eq(&text(&[&counter, &histogram], Format::OPENMETRICS.escaping(Escaping::Values)));
    }

    #[test]
    fn openmetrics_unknown_is_what_its_rules_forbid() {
        let own = block(|w| {
            let mut one = |kind, name, value: f64| {
                w.family(&Family::dynamic(kind, name, "", &[]), |s| s.value(value));
            };
            one(Kind::Counter, "a_total", 1.0);
            one(Kind::Counter, "b_total", f64::NAN);
            one(Kind::Counter, "c", 1.0);
            one(Kind::Counter, "d_total", 1.0);
            one(Kind::Gauge, "d", 1.0);
            one(Kind::Counter, "e_total", 1.0);
            one(Kind::Counter, "e_created_total", 1.0);
            one(Kind::Gauge, "f_total", 1.0);
            one(Kind::Gauge, "g_info", 1.0);
            one(Kind::Gauge, "h_count", 7.0);
        });
        let torn = guest(Kind::Histogram, "h", "h_bucket{le=\"+Inf\"} 1\nh_count 1\n");
        let whole = guest(
            Kind::Histogram,
            "i",
            "i_bucket{x=\"1\",le=\"+Inf\"} 2\ni_sum{x=\"1\"} 2\ni_count{x=\"1\"} 2\n\
             i_bucket{le=\"1e+06\",x=\"1\"} 2\ni_bucket{le=\"5\",x=\"1\"} 0\n",
        );
        let encoded = encode(&[&own, &torn, &whole], Format::OPENMETRICS);
        assert_eq!(encoded.shadowed, ["h"]);
        expect![[r##"
            # TYPE a counter
            a_total 1
            # TYPE b_total unknown
            b_total NaN
            # TYPE c unknown
            c 1
            # TYPE d gauge
            d 1
            # TYPE d_total unknown
            d_total 1
            # TYPE e_created counter
            e_created_total 1
            # TYPE e_total unknown
            e_total 1
            # TYPE f_total gauge
            f_total 1
            # TYPE g_info gauge
            g_info 1
            # TYPE h_count gauge
            h_count 7
            # HELP i Of a file.
            # TYPE i histogram
            i_bucket{x="1",le="5.0"} 0
            i_bucket{x="1",le="1e+06"} 2
            i_bucket{x="1",le="+Inf"} 2
            i_sum{x="1"} 2
            i_count{x="1"} 2
            # EOF
        "##]]
        .assert_eq(&String::from_utf8(encoded.body).unwrap());
        expect![[r##"
            # HELP h_bucket Of a file.
            # TYPE h_bucket unknown
            h_bucket{le="+Inf"} 1
            # HELP h_count Of a file.
            # TYPE h_count unknown
            h_count 1
            # EOF
        "##]]
        .assert_eq(&text(&[&torn], Format::OPENMETRICS));
    }

    #[test]
    fn openmetrics_strips_total_from_headers_only_and_ends() {
        let family = Family::counter("a_total", "Say \"a\".\n", &[]);
        let a = block(|w| w.family(&family, |s| s.value(f64::INFINITY)));
        assert_eq!(
            text(&[&a], Format::OPENMETRICS),
            "# HELP a Say \\\"a\\\".\\n\n# TYPE a counter\na_total +Inf\n# EOF\n"
        );
    }

    #[test]
    fn pages_stand_where_their_family_is() {
        static PODS: Family = Family::counter("kube_x_total", "Pods.", &["pod"]);
        let page = |lines: &str| Arc::new(crate::Packer::new().pack(lines.as_bytes()).unwrap());
        let other: Arc<[_]> = [page("kube_x_total{pod=\"d\"} 4\n")].into();
        let pages: Arc<[_]> = [
            page("kube_x_total{pod=\"a\"} 1\nkube_x_total{pod=\"b\"} 2\n"),
            page(""),
            page("kube_x_total{pod=\"c\"} 3\n"),
        ]
        .into();
        let a = block(|w| {
            w.family(&Family::gauge("a", "", &[]), |s| s.value(1u64));
            w.pages(&PODS, pages);
            w.family(&Family::gauge("z", "", &[]), |s| s.value(1u64));
        });
        let b = block(|w| w.pages(&PODS, other));
        assert_eq!((a.samples(), b.is_empty()), (5, false));
        let blocks = [&a, &b];
        expect![[r##"
            # TYPE a gauge
            a 1
            # HELP kube_x Pods.
            # TYPE kube_x counter
            kube_x_total{pod="a"} 1
            kube_x_total{pod="b"} 2
            kube_x_total{pod="c"} 3
            kube_x_total{pod="d"} 4
            # TYPE z gauge
            z 1
            # EOF
        "##]]
        .assert_eq(&String::from_utf8(encode(&blocks, Format::OPENMETRICS).plain()).unwrap());
        let text = encode(&blocks, Format::TEXT);
        assert_eq!(text.inserts.len(), 2);
        // What is compressed and what is not come to the same, in every format.
        let lines = |block: &mut Writer| {
            block.family(&Family::gauge("a", "", &[]), |s| s.value(1u64));
            block.family(&PODS, |s| {
                for (pod, value) in [("a", 1u64), ("b", 2), ("c", 3), ("d", 4)] {
                    s.row(&[pod], value);
                }
            });
            block.family(&Family::gauge("z", "", &[]), |s| s.value(1u64));
        };
        let whole = block(lines);
        for format in [Format::TEXT, Format::OPENMETRICS, Format::PROTOBUF] {
            assert_eq!(encode(&blocks, format).plain(), encode(&[&whole], format).body);
        }
    }

    #[test]
    fn label_values_are_escaped() {
        let a = block(|w| w.family(&FREQUENCY, |s| s.row(&["a\\b\"c\nd"], 1u64)));
        assert!(text(&[&a], Format::TEXT).contains("{cpu=\"a\\\\b\\\"c\\nd\"} 1\n"));
    }
}
