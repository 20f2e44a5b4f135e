//! One scrape's blocks as one body: families sorted by name, each whole and once.

use crate::{Block, Family, Kind};

/// An exposition format, by its media type and version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// `text/plain; version=0.0.4`, which every Prometheus reads.
    Text,
    /// `application/openmetrics-text`.
    OpenMetrics,
}

/// A body, and what had to be left out of it.
#[derive(Debug, Default)]
pub struct Encoded {
    /// The exposition.
    pub body: Vec<u8>,
    /// Names of families of guest blocks that built-in families of the same name replaced.
    pub shadowed: Vec<String>,
}

/// Joins `blocks` into one body.
///
/// Stretches of the same family are put under one header, also across blocks. Where the blocks
/// disagree on a family's type, the first block's wins, and a guest's lines are left out. A line
/// whose name and labels repeat one before it in the same family is left out.
pub fn encode(blocks: &[&Block], format: Format) -> Encoded {
    let mut families: Vec<(&Family, &[u8], bool)> = Vec::new();
    for block in blocks {
        families.extend(block.families().map(|(family, lines)| (family, lines, block.guest)));
    }
    families.sort_by(|a, b| a.0.name.cmp(&b.0.name).then(a.2.cmp(&b.2)));
    let size: usize = families.iter().map(|(f, lines, _)| lines.len() + f.help.len() + 128).sum();
    let mut out = Encoded { body: Vec::with_capacity(size), shadowed: Vec::new() };
    for group in families.chunk_by(|a, b| a.0.name == b.0.name) {
        let Some((family, first, guest)) = group.first() else { continue };
        header(&mut out.body, family, format);
        if group.len() == 1 {
            out.body.extend_from_slice(first);
            continue;
        }
        let mut seen = std::collections::HashSet::new();
        for (_, lines, from_guest) in group {
            if *from_guest != *guest {
                out.shadowed.push(family.name.to_string());
                continue;
            }
            for line in lines.split_inclusive(|&b| b == b'\n') {
                let end = line.iter().rposition(|&b| b == b' ').unwrap_or(line.len());
                if seen.insert(line.get(..end).unwrap_or(line)) {
                    out.body.extend_from_slice(line);
                }
            }
        }
    }
    if format == Format::OpenMetrics {
        out.body.extend_from_slice(b"# EOF\n");
    }
    out
}

fn header(out: &mut Vec<u8>, family: &Family, format: Format) {
    let openmetrics = format == Format::OpenMetrics;
    let name: &str = &family.name;
    let (name, kind) = match (family.kind, openmetrics) {
        (Kind::Counter, true) => match name.strip_suffix("_total") {
            Some(base) => (base, "counter"),
            None => (name, "unknown"),
        },
        (Kind::Counter, false) => (name, "counter"),
        (Kind::Gauge, _) => (name, "gauge"),
        (Kind::Untyped, true) => (name, "unknown"),
        (Kind::Untyped, false) => (name, "untyped"),
        (Kind::Histogram, _) => (name, "histogram"),
        (Kind::Summary, _) => (name, "summary"),
    };
    if !family.help.is_empty() {
        out.extend_from_slice(b"# HELP ");
        out.extend_from_slice(name.as_bytes());
        out.push(b' ');
        for &b in family.help.as_bytes() {
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
    out.extend_from_slice(name.as_bytes());
    out.push(b' ');
    out.extend_from_slice(kind.as_bytes());
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Writer;

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
            text(&[&a, &b], Format::Text),
            "# HELP node_cpu_frequency_hertz Frequency.\n# TYPE node_cpu_frequency_hertz gauge\n\
             node_cpu_frequency_hertz{cpu=\"0\"} 1\nnode_cpu_frequency_hertz{cpu=\"1\"} 2.5\n"
        );
    }

    #[test]
    fn a_guest_never_replaces_a_built_in_family() {
        let mut guest = block(|w| w.family(&FREQUENCY, |s| s.row(&["9"], 99u64)));
        guest.guest = true;
        let own = block(|w| w.family(&FREQUENCY, |s| s.row(&["0"], 1u64)));
        let encoded = encode(&[&guest, &own], Format::Text);
        let body = String::from_utf8(encoded.body).unwrap();
        assert!(body.contains("{cpu=\"0\"} 1\n") && !body.contains("99"), "{body}");
        assert_eq!(encoded.shadowed, ["node_cpu_frequency_hertz"]);
    }

    #[test]
    fn openmetrics_strips_total_from_headers_only_and_ends() {
        let family = Family::counter("a_total", "Say \"a\".\n", &[]);
        let a = block(|w| w.family(&family, |s| s.value(f64::INFINITY)));
        assert_eq!(
            text(&[&a], Format::OpenMetrics),
            "# HELP a Say \\\"a\\\".\\n\n# TYPE a counter\na_total +Inf\n# EOF\n"
        );
    }

    #[test]
    fn label_values_are_escaped() {
        let a = block(|w| w.family(&FREQUENCY, |s| s.row(&["a\\b\"c\nd"], 1u64)));
        assert!(text(&[&a], Format::Text).contains("{cpu=\"a\\\\b\\\"c\\nd\"} 1\n"));
    }
}
