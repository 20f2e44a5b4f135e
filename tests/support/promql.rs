//! Which metrics an expression of Prometheus asks for: enough of `PromQL` to know names from words, labels and strings.

use std::collections::BTreeSet;

/// Words that are no metric, as far as they are not followed by a bracket.
const WORDS: [&str; 10] =
    ["and", "atan2", "bool", "end", "inf", "nan", "offset", "or", "start", "unless"];

/// Words whose brackets hold labels.
const OF_LABELS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];

/// The names of the metrics in an expression, Grafana's variables in it or not.
pub(crate) fn families(expr: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut rest = expr;
    while let Some(first) = rest.chars().next() {
        let after = rest.get(first.len_utf8()..).unwrap_or_default();
        rest = match first {
            '"' | '\'' | '`' => after_string(after, first),
            '{' => after_bracket(after, '}'),
            '[' => after_bracket(after, ']'),
            // A number with its unit or exponent, or a variable.
            '0'..='9' | '$' | '.' => after.trim_start_matches(is_word),
            _ if is_word(first) => {
                let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                let (word, after) = rest.split_at(end);
                let after = after.trim_start();
                match after.strip_prefix('(') {
                    Some(labels) if OF_LABELS.contains(&word) => after_bracket(labels, ')'),
                    Some(_) => after,
                    None => {
                        let plain = word.to_ascii_lowercase();
                        let next = after.split(|c| !is_word(c)).next().unwrap_or_default();
                        // `sum by (…) (…)`
                        let aggregates = ["by", "without"].contains(&next);
                        let labels = OF_LABELS.contains(&word);
                        if !WORDS.contains(&plain.as_str()) && !labels && !aggregates {
                            found.insert(word.to_owned());
                        }
                        after
                    }
                }
            }
            _ => after,
        };
    }
    found
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

/// What follows a string that has begun.
fn after_string(text: &str, quote: char) -> &str {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if c == quote && !escaped {
            return text.get(at + c.len_utf8()..).unwrap_or_default();
        }
        escaped = c == '\\' && !escaped && quote != '`';
    }
    ""
}

/// What follows a bracket that has begun; strings in it may hold brackets.
fn after_bracket(text: &str, close: char) -> &str {
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let after = rest.get(first.len_utf8()..).unwrap_or_default();
        rest = match first {
            '"' | '\'' | '`' => after_string(after, first),
            _ if first == close => return after,
            _ => after,
        };
    }
    ""
}

#[test]
fn names_are_told_from_words() {
    let cases = [
        ("up", "up"),
        (r#"sum by (a, b) (rate(x_total{m=~"}(y|$z)"}[$__rate_interval])) / 1e9"#, "x_total"),
        ("1 - max(a) / on (c) group_left (d) b:c offset 5m > bool 0 or vector(1)", "a,b:c"),
        (r#"label_replace(k == 1, "kind", "up", "x", "(.+)") and l[1h:5m] @ end()"#, "k,l"),
        (r#"topk(3, m) unless ignoring(n) o{p="q\"r{"} * 0x1f"#, "m,o"),
        ("query_result(group by (pod) (kube_pod_info))", "kube_pod_info"),
    ];
    for (expr, want) in cases {
        let want: BTreeSet<String> = want.split(',').map(str::to_owned).collect();
        assert_eq!(families(expr), want, "{expr}");
    }
}
