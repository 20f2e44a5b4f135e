//! `hybrid-exporter compare`: two expositions read, taken apart and set side by side.
//!
//! A side is a URL, a file or standard input, in text 0.0.4, 1.0.0 or OpenMetrics. Both are read at the same
//! time, within one bound of time and of bytes, and taken apart as answers of programs are: timestamps are
//! passed over, and a line that is no sample is told by its number.

mod difference;

pub use difference::{Rules, Sum};

use collect::Filter;
use exposition::{Parsed, Taking, parse_as};
use std::{
    fmt,
    io::{self, Read, Write},
    path::PathBuf,
    time::Duration,
};
use tokio::{task, time};
use upstream::Question;

/// What is to be compared, and how.
#[derive(Debug)]
pub struct Comparison {
    /// What is there today.
    pub left: Side,
    /// What is to take its place.
    pub right: Side,
    /// Which families are compared, a regular expression; empty: all.
    pub families: Filter,
    /// What counts as a difference.
    pub rules: Rules,
    /// How long reading may take.
    pub timeout: Duration,
}

/// Where an exposition comes from.
#[derive(Debug)]
pub enum Side {
    /// A server; its URL for messages.
    Url(String, Box<Question>),
    /// A file.
    File(PathBuf),
    /// Standard input.
    Input,
}

/// Why there is nothing to compare.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

/// Bytes of one side. kube-state-metrics beside 30,000 pods has some 300 MB.
pub const MAX_BYTES: usize = 512 << 20;

// === impl Comparison ===

impl Comparison {
    /// Reads both sides. Needs a runtime with I/O and time.
    pub async fn read(&self) -> Result<[String; 2], Error> {
        let (left, right) =
            tokio::join!(self.left.read(self.timeout), self.right.read(self.timeout));
        Ok([named("left", left)?, named("right", right)?])
    }

    /// Prints what differs and a sum; whether anything does.
    pub fn print(&mut self, texts: &[String; 2], out: &mut impl Write) -> anyhow::Result<bool> {
        let [left, right] = texts;
        let [left, right] = [self.parse(left), self.parse(right)];
        for (side, parsed) in [("left", &left), ("right", &right)] {
            let fault = parsed.faults.first().filter(|_| parsed.families.is_empty());
            if let Some(fault) = fault.filter(|_| parsed.refused > 0) {
                let what =
                    format!("{side}: no line is a sample; line {}: {}", fault.line, fault.what);
                return Err(Error(what).into());
            }
        }
        if left.families.is_empty() && right.families.is_empty() {
            return Err(Error("neither side has a sample to compare".to_owned()).into());
        }
        let sum = difference::write(&left, &right, &self.rules, out)?;
        let size = |parsed: &Parsed| {
            let series: usize = parsed.families.iter().map(|family| family.lines().len()).sum();
            format!("{} families, {series} series", parsed.families.len())
        };
        writeln!(out, "left: {} ({})", size(&left), self.left)?;
        writeln!(out, "right: {} ({})", size(&right), self.right)?;
        writeln!(out, "{sum}")?;
        Ok(sum.differs())
    }

    fn parse(&mut self, text: &str) -> Parsed {
        let mut keeps = |name: &str| self.families.keeps(name);
        parse_as(text, &mut Taking { keeps: Some(&mut keeps), labels: &[], answer: true })
    }
}

// === impl Side ===

impl Side {
    async fn read(&self, bound: Duration) -> Result<String, String> {
        let bytes = match self {
            Self::Url(_, question) => question.ask().await?,
            Self::File(path) => {
                let path = path.clone();
                in_time(bound, move || {
                    #[expect(clippy::disallowed_methods, reason = "a file that a person names")]
                    let file = std::fs::File::open(&path);
                    file.and_then(all).map_err(|error| {
                        let hint = match error.kind() {
                            io::ErrorKind::NotFound => "; a URL begins with http:// or https://",
                            _ => "",
                        };
                        format!("read {}: {error}{hint}", path.display())
                    })
                })
                .await?
            }
            Self::Input => {
                let read = || all(io::stdin()).map_err(|error| format!("standard input: {error}"));
                in_time(bound, read).await?
            }
        };
        String::from_utf8(bytes).map_err(|error| {
            let before = error.as_bytes().get(..error.utf8_error().valid_up_to());
            let line = before.unwrap_or_default().split(|byte| *byte == b'\n').count();
            format!("line {line}: expected UTF-8")
        })
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url, _) => f.write_str(url),
            Self::File(path) => path.display().fmt(f),
            Self::Input => f.write_str("standard input"),
        }
    }
}

/// What may wait, such as a pipe, on a thread that the end of the program does not wait for.
async fn in_time(
    bound: Duration,
    read: impl FnOnce() -> Result<Vec<u8>, String> + Send + 'static,
) -> Result<Vec<u8>, String> {
    match time::timeout(bound, task::spawn_blocking(read)).await {
        Ok(Ok(read)) => read,
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("not read within {bound:?}")),
    }
}

fn all(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > MAX_BYTES {
        return Err(io::Error::other(format!("more than {MAX_BYTES} bytes")));
    }
    Ok(bytes)
}

fn named(side: &str, read: Result<String, String>) -> Result<String, Error> {
    read.map_err(|what| Error(format!("{side}: {what}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn comparison(left: Side, right: Side, rules: Rules, families: &str) -> Comparison {
        let families = Filter::matching(families).unwrap();
        Comparison { left, right, families, rules, timeout: Duration::from_mins(1) }
    }

    fn compared(left: &str, right: &str, rules: Rules, families: &str) -> (String, Option<bool>) {
        let mut out = Vec::new();
        let mut comparison = comparison(Side::Input, Side::Input, rules, families);
        let differs = match comparison.print(&[left.to_owned(), right.to_owned()], &mut out) {
            Ok(differs) => Some(differs),
            Err(error) => {
                writeln!(out, "error: {error}").unwrap();
                None
            }
        };
        (String::from_utf8(out).unwrap().replace(" (standard input)", ""), differs)
    }

    fn check(left: &str, right: &str, rules: Rules, expect: &Expect) {
        let (out, differs) = compared(left, right, rules, "");
        expect.assert_eq(&format!("{out}{differs:?}"));
    }

    const LEFT: &str = "# HELP a Of a.\n# TYPE a gauge\na{x=\"1\"} 1\na{x=\"2\"} 2\n\
         # TYPE b_total counter\nb_total 100\n# TYPE gone gauge\ngone{x=\"1\"} 1\n\
         # TYPE l gauge\nl{old=\"1\",x=\"1\"} 1\nl{old=\"1\",x=\"2\"} 2\n# TYPE t gauge\nt 1\n";
    const RIGHT: &str = "# HELP a Of A.\n# TYPE a gauge\na{x=\"2\"} 2\na{x=\"3\"} 2\n\
         # TYPE b counter\nb_total 101.0\n# TYPE l gauge\nl{new=\"1\",x=\"1\"} 1\n\
         l{new=\"1\",x=\"2\"} 3\n# TYPE more gauge\nmore 1\n# TYPE t unknown\nt 1\n# EOF\n";

    #[test]
    fn what_differs_is_told_by_kind() {
        check(
            LEFT,
            RIGHT,
            Rules::default(),
            &expect![[r#"
                series a{x="1"}: only left
                series a{x="3"}: only right
                family gone: only left, gauge, 1 series
                labels l: only left old; only right new
                family more: only right, gauge, 1 series
                type t: left gauge, right untyped
                left: 5 families, 7 series
                right: 5 families, 7 series
                only left: 1 families, 1 series of shared ones
                only right: 1 families, 1 series of shared ones
                differ: 1 types, 1 labels, values were not compared
                Some(true)"#]],
        );
    }

    #[test]
    fn helps_and_values_where_they_are_asked_for() {
        let rules = Rules { helps: true, tolerance: Some(0.05), ..Rules::default() };
        check(
            LEFT,
            RIGHT,
            rules,
            &expect![[r#"
                help a: left "Of a.", right "Of A."
                series a{x="1"}: only left
                series a{x="3"}: only right
                family gone: only left, gauge, 1 series
                labels l: only left old; only right new
                value l{x="2"}: left 2, right 3
                family more: only right, gauge, 1 series
                type t: left gauge, right untyped
                left: 5 families, 7 series
                right: 5 families, 7 series
                only left: 1 families, 1 series of shared ones
                only right: 1 families, 1 series of shared ones
                differ: 1 types, 1 labels, 1 values, 1 helps
                Some(true)"#]],
        );
        // One in a hundred is more than one in a thousand.
        let rules = Rules { tolerance: Some(0.001), ..Rules::default() };
        let (out, _) = compared(LEFT, RIGHT, rules, "^b_");
        expect![[r#"
            value b_total: left 100, right 101
            left: 1 families, 1 series
            right: 1 families, 1 series
            only left: 0 families, 0 series of shared ones
            only right: 0 families, 0 series of shared ones
            differ: 0 types, 0 labels, 1 values
        "#]]
        .assert_eq(&out);
    }

    #[test]
    fn the_right_may_have_more() {
        let rules = Rules { more: true, ..Rules::default() };
        check(
            "a{x=\"1\"} 1\n",
            "a{x=\"1\"} 1\na{x=\"2\"} 1\nb 1\n",
            rules.clone(),
            &expect![[r#"
            left: 1 families, 1 series
            right: 2 families, 3 series
            nothing differs; values were not compared
            Some(false)"#]],
        );
        check(
            "a{x=\"1\"} 1\nb 1\n",
            "a{x=\"1\"} 1\n",
            rules,
            &expect![[r#"
                family b: only left, untyped, 1 series
                left: 2 families, 2 series
                right: 1 families, 1 series
                only left: 1 families, 0 series of shared ones
                only right: 0 families, 0 series of shared ones
                differ: 0 types, 0 labels, values were not compared
                Some(true)"#]],
        );
    }

    #[test]
    fn labels_that_are_ignored_make_series_equal() {
        let rules =
            Rules { ignored: vec!["pod".to_owned()], tolerance: Some(0.0), ..Rules::default() };
        let left = "a{pod=\"1\",x=\"1\"} 1\na{pod=\"2\",x=\"1\"} 2\n";
        check(
            left,
            "a{x=\"1\"} 2\na{pod=\"3\",x=\"1\"} 1\n",
            rules.clone(),
            &expect![[r#"
            left: 1 families, 2 series
            right: 1 families, 2 series
            nothing differs
            Some(false)"#]],
        );
        check(
            left,
            "a{x=\"1\"} 2\n",
            rules,
            &expect![[r#"
                series a{x="1"}: left 2 times, right 1 times
                left: 1 families, 2 series
                right: 1 families, 1 series
                only left: 0 families, 1 series of shared ones
                only right: 0 families, 0 series of shared ones
                differ: 0 types, 0 labels, 0 values
                Some(true)"#]],
        );
    }

    #[test]
    fn a_family_shows_so_many_lines() {
        let left = [0, 1, 2, 3, 4].map(|i| format!("a{{x=\"{i}\"}} 1\n")).concat();
        let rules = Rules { limit: 2, tolerance: Some(0.0), ..Rules::default() };
        check(
            &left,
            "a{x=\"9\"} 1\n",
            rules.clone(),
            &expect![[r#"
                series a{x="0"}: only left
                series a{x="1"}: only left
                series a: 3 more only left
                series a{x="9"}: only right
                left: 1 families, 5 series
                right: 1 families, 1 series
                only left: 0 families, 5 series of shared ones
                only right: 0 families, 1 series of shared ones
                differ: 0 types, 0 labels, 0 values
                Some(true)"#]],
        );
        check(
            &left,
            &left.replace(" 1\n", " 2\n"),
            rules,
            &expect![[r#"
                value a{x="0"}: left 1, right 2
                value a{x="1"}: left 1, right 2
                value a: 3 more differ
                left: 1 families, 5 series
                right: 1 families, 5 series
                only left: 0 families, 0 series of shared ones
                only right: 0 families, 0 series of shared ones
                differ: 0 types, 0 labels, 5 values
                Some(true)"#]],
        );
    }

    #[test]
    fn numbers_that_are_none() {
        let text = "a NaN\nb +Inf\nc -Inf\nd 0\ne 0\nf NaN\n";
        let rules = Rules { tolerance: Some(0.5), ..Rules::default() };
        check(
            text,
            text,
            rules.clone(),
            &expect![[r#"
            left: 6 families, 6 series
            right: 6 families, 6 series
            nothing differs
            Some(false)"#]],
        );
        check(
            text,
            "a NaN\nb -Inf\nc 1\nd -0\ne 1\nf 1\n",
            rules,
            &expect![[r#"
                value b: left inf, right -inf
                value c: left -inf, right 1
                value e: left 0, right 1
                value f: left NaN, right 1
                left: 6 families, 6 series
                right: 6 families, 6 series
                only left: 0 families, 0 series of shared ones
                only right: 0 families, 0 series of shared ones
                differ: 0 types, 0 labels, 4 values
                Some(true)"#]],
        );
    }

    #[test]
    fn timestamps_and_spelling_are_no_difference() {
        let left = "a{y=\"2\",x=\"1\",e=\"\"} 1e3 1700000000000\n";
        check(
            left,
            "  a { x=\"1\", y=\"2\", } 1000\n",
            Rules::default(),
            &expect![[r#"
            left: 1 families, 1 series
            right: 1 families, 1 series
            nothing differs; values were not compared
            Some(false)"#]],
        );
    }

    #[test]
    fn lines_that_are_none() {
        let right = "a 1\na{x=1} 1\n# TYPE b what\nb 1 2 3\n";
        check(
            "a 1\n",
            right,
            Rules::default(),
            &expect![[r#"
                line right:2: expected a label value in quotes
                line right:3: expected counter, gauge, histogram, summary or untyped behind TYPE and the name
                line right:4: expected nothing behind the number and the timestamp
                left: 1 families, 1 series
                right: 1 families, 1 series
                only left: 0 families, 0 series of shared ones
                only right: 0 families, 0 series of shared ones
                differ: 0 types, 0 labels, values were not compared, 3 lines that are none
                Some(true)"#]],
        );
        check(
            "a 1\n",
            "<html>\n<p>no metrics\n",
            Rules::default(),
            &expect![[r#"
            error: right: no line is a sample; line 1: expected a metric name, or one in quotes between braces
            None"#]],
        );
        check(
            "",
            "# nothing\n",
            Rules::default(),
            &expect![[r#"
            error: neither side has a sample to compare
            None"#]],
        );
    }

    #[tokio::test(flavor = "current_thread")]
    #[expect(clippy::disallowed_methods, reason = "the files under test")]
    async fn sides_that_cannot_be_read() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, bytes: &[u8]| {
            let path = dir.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            Side::File(path)
        };
        let missing = || Side::File(dir.path().join("missing"));
        let mut out = String::new();
        for (left, right) in [
            (missing(), file("good", b"a 1\n")),
            (file("good", b"a 1\n"), file("torn", b"a 1\nb{x=\"\xff\"} 1\n")),
            (Side::File(dir.path().to_owned()), file("good", b"a 1\n")),
        ] {
            let read = comparison(left, right, Rules::default(), "").read().await;
            out.extend([&read.unwrap_err().to_string(), "\n"]);
        }
        let out = out.replace(&*dir.path().to_string_lossy(), "DIR");
        expect![[r#"
            left: read DIR/missing: No such file or directory (os error 2); a URL begins with http:// or https://
            right: line 2: expected UTF-8
            left: read DIR: Is a directory (os error 21)
        "#]].assert_eq(&out);
        let sides = comparison(file("l", b"a 1\n"), file("r", b"b 1\n"), Rules::default(), "");
        assert_eq!(sides.read().await.unwrap(), ["a 1\n", "b 1\n"]);
    }
}
