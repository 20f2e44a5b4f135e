//! The lines of one family: `name{label="value",…} number`.

use crate::{Family, Stretch, deflate::Coder, mark::Mark};

/// A number that can stand at the end of a sample line.
pub trait Value: Sized {
    /// Appends the shortest text that parses back to the same number.
    fn write(self, out: &mut Vec<u8>);

    /// Other bits where the text is another one: for who wants to know whether it is.
    fn bits(self) -> u64 {
        let mut text = Vec::new();
        self.write(&mut text);
        Mark::of(&text)
    }
}

/// Writes the sample lines of one family.
pub struct Samples<'a> {
    to: To<'a>,
    family: &'a Family,
}

/// Where lines go.
enum To<'a> {
    Text(&'a mut Vec<u8>),
    /// And what is written of them goes to the coder.
    Coded(&'a mut Vec<u8>, &'a mut Coder),
    /// They are counted, and told from others.
    Mark(&'a mut Mark),
}

macro_rules! integers { ($($t:ty: $bits:expr),*) => {$(
    impl Value for $t {
        fn write(self, out: &mut Vec<u8>) {
            out.extend_from_slice(itoa::Buffer::new().format(self).as_bytes());
        }

        fn bits(self) -> u64 {
            $bits(self)
        }
    }
)*}}
integers!(
    u8: u64::from,
    u16: u64::from,
    u32: u64::from,
    u64: std::convert::identity,
    i32: |number| i64::from(number).cast_unsigned(),
    i64: i64::cast_unsigned,
    usize: |number| number as u64
);

impl Value for f64 {
    fn write(self, out: &mut Vec<u8>) {
        if self.is_nan() {
            out.extend_from_slice(b"NaN");
        } else if self.is_infinite() {
            out.extend_from_slice(if self > 0.0 { b"+Inf" } else { b"-Inf" });
        } else {
            let mut buffer = zmij::Buffer::new();
            let text = buffer.format(self);
            out.extend_from_slice(text.strip_suffix(".0").unwrap_or(text).as_bytes());
        }
    }

    fn bits(self) -> u64 {
        self.to_bits()
    }
}

impl Value for bool {
    fn write(self, out: &mut Vec<u8>) {
        out.push(b'0' + u8::from(self));
    }
}

// === impl Samples ===

impl<'a> Samples<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>, family: &'a Family) -> Self {
        Self { to: To::Text(out), family }
    }

    pub(crate) fn coded(out: &'a mut Vec<u8>, coder: &'a mut Coder, family: &'a Family) -> Self {
        Self { to: To::Coded(out, coder), family }
    }

    pub(crate) fn mark(mark: &'a mut Mark, family: &'a Family) -> Self {
        Self { to: To::Mark(mark), family }
    }

    /// Writes the sample of a family that has no labels.
    pub fn value(&mut self, value: impl Value) {
        self.sample(&[], value);
    }

    /// Writes a sample if the source has the number: an absent number is an absent line, never 0.
    pub fn maybe(&mut self, value: Option<impl Value>) {
        if let Some(value) = value {
            self.value(value);
        }
    }

    /// Writes a sample whose label values stand in the order of the family's declared labels.
    pub fn row(&mut self, values: &[&str], value: impl Value) {
        debug_assert_eq!(values.len(), self.family.labels.len(), "{}", self.family.name);
        self.line("", self.family.labels.iter().copied().zip(values.iter().copied()), value);
    }

    /// Writes a sample with labels of its own, for families whose label set depends on the source.
    pub fn sample(&mut self, labels: &[(&str, &str)], value: impl Value) {
        self.line("", labels.iter().copied(), value);
    }

    /// Writes a sample whose labels stand in `labels`, in pieces that come one behind another: for who
    /// writes the same labels to many families. They must be as [`Samples::sample`] writes them,
    /// values escaped ([`escape`]), without braces.
    pub fn rendered(&mut self, labels: &[&str], value: impl Value) {
        let (out, coder) = match &mut self.to {
            To::Text(out) => (out, None),
            To::Coded(out, coder) => (out, Some(coder)),
            To::Mark(mark) => {
                for piece in labels {
                    mark.text(piece);
                }
                return mark.line(value.bits());
            }
        };
        let begun = out.len();
        out.extend_from_slice(self.family.name.as_bytes());
        out.push(b'{');
        for piece in labels {
            out.extend_from_slice(piece.as_bytes());
        }
        out.extend_from_slice(b"} ");
        value.write(out);
        out.push(b'\n');
        if let Some(coder) = coder {
            coder.new_part(out, begun, out.len() - begun);
        }
    }

    /// Writes a sample with these labels, and `more` behind its runs, in their order, where there is any;
    /// otherwise as [`Samples::rendered`], and cheaper to compress.
    pub fn stretch(&mut self, labels: &Stretch, more: &[&str], value: impl Value) {
        let (out, coder) = match &mut self.to {
            To::Text(out) => (out, None),
            To::Coded(out, coder) => (out, Some(coder)),
            To::Mark(mark) => {
                mark.add(labels.mark());
                for more in more {
                    mark.add(Mark::of(more.as_bytes()));
                }
                return mark.line(value.bits());
            }
        };
        let begun = out.len();
        out.extend_from_slice(self.family.name.as_bytes());
        out.push(b'{');
        let labels_begin = out.len();
        if more.is_empty() {
            out.extend_from_slice(labels.as_bytes());
        } else {
            let mut more = more.iter();
            for run in labels.runs() {
                out.extend_from_slice(run.as_bytes());
                out.extend_from_slice(more.next().map_or(&[], |more| more.as_bytes()));
            }
        }
        let labelled = out.len();
        out.extend_from_slice(b"} ");
        value.write(out);
        out.push(b'\n');
        if let Some(coder) = coder {
            coder.head(out, begun, labels_begin - begun);
            coder.stretch(out, labels_begin, labels, more);
            coder.new_part(out, labelled, 2);
            coder.new_part(out, labelled + 2, out.len() - labelled - 2);
        }
    }

    /// Writes a sample of a histogram or summary: `suffix` is `_bucket`, `_sum`, `_count` or empty.
    pub fn part(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl Value) {
        self.line(suffix, labels.iter().copied(), value);
    }

    fn line<'l>(
        &mut self,
        suffix: &str,
        labels: impl Iterator<Item = (&'l str, &'l str)>,
        value: impl Value,
    ) {
        let (out, coder) = match &mut self.to {
            To::Text(out) => (out, None),
            To::Coded(out, coder) => (out, Some(coder)),
            To::Mark(mark) => {
                mark.text(suffix);
                for (name, text) in labels {
                    mark.text(name);
                    mark.text(text);
                }
                return mark.line(value.bits());
            }
        };
        let begun = out.len();
        out.extend_from_slice(self.family.name.as_bytes());
        out.extend_from_slice(suffix.as_bytes());
        if push_labels(out, b'{', labels) {
            out.push(b'}');
        }
        out.push(b' ');
        value.write(out);
        out.push(b'\n');
        if let Some(coder) = coder {
            coder.new_part(out, begun, out.len() - begun);
        }
    }
}

/// Labels as they stand in a line, without braces: for [`Samples::rendered`].
pub fn render_labels(labels: &[(&str, &str)]) -> String {
    let mut out = Vec::new();
    push_labels(&mut out, b',', labels.iter().copied());
    // Whole texts but for the comma before the first one.
    String::from_utf8_lossy(out.get(1..).unwrap_or_default()).into_owned()
}

/// Appends labels with `open` before the first one; whether there are any.
fn push_labels<'l>(
    out: &mut Vec<u8>,
    mut open: u8,
    labels: impl Iterator<Item = (&'l str, &'l str)>,
) -> bool {
    let begun = out.len();
    for (name, text) in labels {
        out.push(open);
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"=\"");
        escape(out, text);
        out.push(b'"');
        open = b',';
    }
    out.len() > begun
}

/// A number as Go prints it, as `le` and `quantile` are spelt: `1e+06`, `0.5`, `+Inf`.
pub(crate) fn go_number(number: f64) -> String {
    if !number.is_finite() {
        return if number.is_nan() {
            "NaN"
        } else if number > 0.0 {
            "+Inf"
        } else {
            "-Inf"
        }
        .into();
    }
    let text = format!("{number:e}");
    match text.split_once('e').map(|(digits, power)| (digits, power.parse::<i32>())) {
        Some((digits, Ok(power))) if !(-4..6).contains(&power) => {
            format!("{digits}e{}{:02}", if power < 0 { '-' } else { '+' }, power.abs())
        }
        _ => number.to_string(),
    }
}

/// Appends a text between quotes.
pub(crate) fn quote(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    escape(out, text);
    out.push(b'"');
}

/// Appends a label value: backslash, quote and newline are escaped.
pub fn escape(out: &mut Vec<u8>, text: &str) {
    // Without a way out of the loop the compiler looks at 16 bytes at a time; most texts are short
    // and have nothing to escape.
    let special = |b: u8| u8::from(matches!(b, b'\\' | b'"' | b'\n'));
    if text.bytes().fold(0, |found, b| found | special(b)) == 0 {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    for &b in text.as_bytes() {
        match b {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'"' => out.extend_from_slice(b"\\\""),
            b'\n' => out.extend_from_slice(b"\\n"),
            _ => out.push(b),
        }
    }
}
