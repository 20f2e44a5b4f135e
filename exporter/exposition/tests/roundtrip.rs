//! What the encoder writes reads back as what went in, in every format.
#![allow(clippy::unwrap_used, reason = "a test's failure is its answer")]

mod decode;

use exposition::{
    Block, ContentEncoding, Escaping, Family, Format, Kind, Str, Syntax, Writer, encode, parse,
};
use proptest::{collection::vec, prelude::*};
use std::collections::{BTreeMap, HashSet};

/// Samples by series; NaN as one number.
type Samples = BTreeMap<String, u64>;

#[derive(Clone, Debug)]
struct Made {
    name: String,
    kind: Kind,
    help: String,
    rows: Vec<(Vec<(String, String)>, f64)>,
}

fn label_value() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{0,3}", "\\PC{0,6}", "[\\\\\"\n,{}= #äλ\r\t]{0,6}"]
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![any::<f64>(), (0u32..1000).prop_map(f64::from), Just(f64::NAN), Just(-0.0)]
}

fn family() -> impl Strategy<Value = Made> {
    let kind = prop_oneof![Just(Kind::Gauge), Just(Kind::Counter), Just(Kind::Untyped)];
    // Few names, so that families collide and reserve each other's names.
    let name = "[ab](_created|_count|_info|_bucket)?(_total)?";
    let row = (vec(("[xyz]_?", label_value()), 0..3), number());
    (name, kind, "\\PC{0,8}", vec(row, 1..4)).prop_map(|(name, kind, help, mut rows)| {
        for (labels, _) in &mut rows {
            labels.sort();
            labels.dedup_by(|a, b| a.0 == b.0);
            labels.retain(|(_, value)| !value.is_empty());
        }
        // Within one stretch, distinct series are the collector's duty.
        rows.sort_by(|a, b| a.0.cmp(&b.0));
        rows.dedup_by(|a, b| a.0 == b.0);
        Made { name, kind, help, rows }
    })
}

/// A histogram that is whole, and its lines out of order.
fn histogram() -> impl Strategy<Value = Made> {
    (vec((0u16..50, 1u32..9), 1..6), label_value(), "[hg]").prop_map(|(steps, label, name)| {
        let labels: Vec<(String, String)> =
            if label.is_empty() { vec![] } else { vec![("a".into(), label)] };
        let with = |extra: &[(&str, String)]| {
            let extra = extra.iter().map(|(n, v)| ((*n).to_owned(), v.clone()));
            labels.iter().cloned().chain(extra).collect::<Vec<_>>()
        };
        let mut bounds: Vec<u16> = steps.iter().map(|s| s.0).collect();
        bounds.sort_unstable();
        bounds.dedup();
        let mut rows: Vec<_> = bounds
            .iter()
            .zip(1u32..)
            .map(|(bound, n)| {
                (with(&[("le", bound.to_string()), ("", "_bucket".into())]), n.into())
            })
            .collect();
        let count: f64 = 20.0;
        rows.push((with(&[("le", "+Inf".into()), ("", "_bucket".into())]), count));
        rows.reverse();
        rows.push((with(&[("", "_sum".into())]), 1.5));
        rows.insert(0, (with(&[("", "_count".into())]), count));
        Made { name, kind: Kind::Histogram, help: "Of h.".into(), rows }
    })
}

fn write(out: &mut Writer, made: &Made) {
    let family = Family::dynamic(made.kind, &made.name, made.help.as_str(), &[]);
    out.family(&family, |s| {
        for (labels, value) in &made.rows {
            // The row's pseudo label without a name is the sample's suffix.
            let suffix = labels.iter().find(|(name, _)| name.is_empty());
            let real = labels.iter().filter(|(name, _)| !name.is_empty());
            let real: Vec<_> = real.map(|(n, v)| (n.as_str(), v.as_str())).collect();
            s.part(suffix.map_or("", |(_, suffix)| suffix), &real, *value);
        }
    });
}

fn bits(value: f64) -> u64 {
    if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() }
}

/// A series with its labels sorted.
fn series(name: &str, labels: &[(String, String)]) -> String {
    let mut labels = labels.to_vec();
    labels.sort();
    format!("{name}{labels:?}")
}

fn made_samples(families: &[Made]) -> Samples {
    let mut out = Samples::new();
    for made in families {
        for (labels, value) in &made.rows {
            let suffix = labels.iter().find(|(name, _)| name.is_empty());
            let name = format!("{}{}", made.name, suffix.map_or("", |(_, suffix)| suffix));
            let mut real: Vec<_> =
                labels.iter().filter(|(name, _)| !name.is_empty()).cloned().collect();
            for (label, value) in &mut real {
                if label == "le" {
                    *value = value.parse::<f64>().unwrap().to_string();
                }
            }
            out.entry(series(&name, &real)).or_insert(bits(*value));
        }
    }
    out
}

/// What `parse` makes of a text, through the protobuf encoder: two oracles for the price of one.
fn parsed_samples(text: &str) -> Samples {
    assert_eq!(parse(text).faults, [], "{text}");
    let format = Format::PROTOBUF.escaping(Escaping::AllowUtf8);
    decoded(&encode(&[&guests(text)], format).body)
}

fn decoded(body: &[u8]) -> Samples {
    let samples = decode::samples(body).into_iter();
    samples.map(|(name, labels, value)| (series(&name, &labels), bits(value))).collect()
}

/// The families of a text as a textfile's, each series once.
fn guests(text: &str) -> Block {
    let mut seen = HashSet::new();
    let mut out = Writer::default();
    for family in &parse(text).families {
        let lines = family.lines().filter(|line| seen.insert(line.series.to_vec()));
        let lines: Vec<u8> = lines.flat_map(|line| line.text.to_vec()).collect();
        out.guest(&family.family, &lines, family.quoted);
    }
    out.finish()
}

fn textfile_line() -> impl Strategy<Value = String> {
    let name = "(h|s|x|ä)(_bucket|_sum|_count|_created|_total)?";
    let kind = "counter|gauge|histogram|summary|unknown|info";
    let label = "|a=\"1\",|a=\"\",|a=\"2\",b=\"\\\\ }\",";
    let bound = "|le=\"(1|2.0|1e6|-1|\\+Inf)\"|quantile=\"(0|0.5|1.0|2)\"";
    let number = "[0-3]|0\\.5|NaN|-1|\\+Inf";
    prop_oneof![
        1 => (name, kind).prop_map(|(name, kind)| format!("# TYPE \"{name}\" {kind}\n")),
        3 => (name, label, bound, number)
            .prop_map(|(name, label, bound, number)| {
                format!("{{\"{name}\",{label}{bound}}} {number}\n")
            }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_format_holds_the_same_samples(
        mut families in vec(family(), 1..6),
        histograms in vec(histogram(), 0..2),
    ) {
        families.sort_by(|a, b| a.name.cmp(&b.name));
        families.dedup_by(|a, b| a.name == b.name);
        families.extend(histograms.into_iter().take(1));
        let mut out = Writer::default();
        for made in &families {
            write(&mut out, made);
        }
        let block = out.finish();
        let made = made_samples(&families);
        for syntax in [
            Syntax::Text004, Syntax::Text100, Syntax::OpenMetrics001, Syntax::OpenMetrics100,
        ] {
            let body = encode(&[&block], Format::new(syntax)).body;
            prop_assert_eq!(&parsed_samples(&String::from_utf8(body).unwrap()), &made);
        }
        let body = encode(&[&block], Format::PROTOBUF).body;
        prop_assert_eq!(&decoded(&body), &made);
    }

    /// Torn histograms, summaries and clashing names of textfiles: what goes out in OpenMetrics and
    /// protobuf still has every sample.
    #[test]
    fn torn_families_lose_no_sample(lines in vec(textfile_line(), 1..24)) {
        let block = guests(&lines.concat());
        let text = encode(&[&block], Format::TEXT.escaping(Escaping::AllowUtf8)).body;
        let text = parsed_samples(&String::from_utf8(text).unwrap());
        for syntax in [Syntax::OpenMetrics100, Syntax::Protobuf] {
            let format = Format::new(syntax).escaping(Escaping::AllowUtf8);
            let body = encode(&[&block], format).body;
            let samples = match syntax {
                Syntax::Protobuf => decoded(&body),
                _ => parsed_samples(&String::from_utf8(body).unwrap()),
            };
            prop_assert_eq!(&samples, &text);
        }
    }

    #[test]
    fn names_survive_unless_escaped(name in "\\PC{1,8}", label in "\\PC{1,8}", text in "\\PC{1,8}") {
        prop_assume!(label != "__name__" && name.trim() == name);
        let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
        let line = format!("{{\"{}\",\"{}\"=\"{}\"}} 1\n", quoted(&name), quoted(&label), quoted(&text));
        let parsed = parse(&line);
        prop_assert_eq!(&parsed.faults, &[]);
        let family = Family {
            name: Str::Shared(name.as_str().into()),
            help: Str::Static(""),
            kind: Kind::Untyped,
            labels: &[],
        };
        let mut out = Writer::default();
        for parsed in &parsed.families {
            prop_assert_eq!(&parsed.family.name, &family.name);
            for line in parsed.lines() {
                out.guest(&parsed.family, line.text, parsed.quoted);
            }
        }
        let block = out.finish();
        for escaping in [Escaping::AllowUtf8, Escaping::Underscores, Escaping::Dots, Escaping::Values] {
            let body = encode(&[&block], Format::PROTOBUF.escaping(escaping)).body;
            let expected = (escaping.metric(&name), vec![(escaping.label(&label), text.clone())], 1.0);
            prop_assert_eq!(decode::samples(&body), [expected]);
        }
    }

    #[test]
    fn no_text_breaks_the_parser(text in "[ab{}\"\\\\=,#\n\r\t 01+.HELPTY_le]{0,64}") {
        let parsed = parse(&text);
        let mut out = Writer::default();
        for family in &parsed.families {
            for line in family.lines() {
                out.guest(&family.family, line.text, family.quoted);
            }
        }
        let block = out.finish();
        for syntax in [Syntax::Text004, Syntax::OpenMetrics100, Syntax::Protobuf] {
            encode(&[&block], Format::new(syntax));
        }
    }

    #[test]
    fn no_header_breaks_the_negotiation(text in "[a-z*/;=,.\"q0159 ]{0,48}") {
        Format::negotiate(Some(&text));
        ContentEncoding::negotiate(Some(&text));
    }
}
