//! Rules of the configuration: entries that match are counted, with labels from what the patterns
//! capture.
//!
//! ```yaml
//! journal.rules:
//!   - name: smart_failure
//!     match:
//!       _SYSTEMD_UNIT: '^smartd\.service$'
//!       MESSAGE: 'Device: (?<device>/dev/\w+).*FAILED'
//!     max_series: 20
//! ```
//!
//! Every condition must hold. A pattern is a regular expression that matches anywhere in the field's
//! value: in its first 4,096 bytes for `MESSAGE`, in the first 288 of the field for others. Its named
//! groups become labels. On the command line, and in here, a rule is a text with a `KEY=VALUE` a
//! line: `name=`, `match.FIELD=`, `max_series=`.
//!
//! A rule that names only `MESSAGE` has every message read and matched; one that names a unit or an
//! identifier, too, costs nothing for other entries.

use crate::series::Series;
use collect::{Error, Result};
use regex_lite::Regex;
use std::collections::BTreeSet;

/// Rules, and the conditions that they are made of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    rules: Vec<Rule>,
    /// Of fields other than the message; the number is the bit in a class.
    conditions: Vec<Condition>,
}

#[derive(Clone, Debug)]
struct Rule {
    name: String,
    /// Bits of the conditions that must hold.
    needs: u32,
    message: Option<Regex>,
    /// Names of the groups, sorted: the labels.
    labels: Vec<String>,
    max_series: usize,
}

#[derive(Clone, Debug)]
struct Condition {
    field: String,
    regex: Regex,
}

/// What the rules have counted.
#[derive(Debug, Default)]
pub(crate) struct Matches(Vec<Counted>);

#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) rule: String,
    pub(crate) labels: Vec<String>,
    pub(crate) series: Series<Vec<String>>,
}

/// The option that rules are given by.
pub(crate) const OPTION: &str = "journal.rules";
/// The bits of a class.
const MAX_CONDITIONS: usize = 32;
const MAX_RULES: usize = 64;
const DEFAULT_SERIES: usize = 100;
const MAX_SERIES: usize = 1000;
/// Longer label values are cut.
const MAX_VALUE: usize = 128;

// === impl Rules ===

impl Rules {
    /// Compiles the rules' texts. The error names the rule.
    pub(crate) fn new(texts: &[String]) -> Result<Self> {
        let mut rules = Self::default();
        for (index, text) in texts.iter().enumerate() {
            let named = text.lines().find_map(|line| line.trim().strip_prefix("name="));
            let named =
                named.map_or_else(|| format!("rule {}", index + 1), |n| format!("rule {n}"));
            rules.add(text).map_err(|what| Error::Option {
                option: OPTION.to_owned(),
                what: format!("{named}: {what}"),
            })?;
        }
        Ok(rules)
    }

    fn add(&mut self, text: &str) -> Result<(), String> {
        if self.rules.len() >= MAX_RULES {
            return Err(format!("more than {MAX_RULES} rules"));
        }
        let mut name = None;
        let mut max_series = DEFAULT_SERIES;
        let (mut needs, mut message) = (0, None);
        let mut labels = BTreeSet::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let Some((key, value)) = line.split_once('=') else {
                return Err(format!("expected KEY=VALUE, found {line:?}"));
            };
            match key.split_once('.') {
                None if key == "name" => name = Some(value.to_owned()),
                None if key == "max_series" => {
                    let number = value.parse().ok().filter(|n| (1..=MAX_SERIES).contains(n));
                    max_series = number.ok_or_else(|| {
                        format!(
                            "max_series: expected a number from 1 to {MAX_SERIES}, found {value:?}"
                        )
                    })?;
                }
                Some(("match", field)) => {
                    let regex = pattern(field, value)?;
                    for group in regex.capture_names().flatten() {
                        label(group)?;
                        if !labels.insert(group.to_owned()) {
                            return Err(format!("match.{field}: a group {group} stands twice"));
                        }
                    }
                    if field == "MESSAGE" {
                        message = Some(regex);
                    } else {
                        needs |= self.condition(field, regex)?;
                    }
                }
                _ => {
                    return Err(format!(
                        "unknown key {key}; expected name, match.FIELD or max_series"
                    ));
                }
            }
        }
        let name = name.filter(|name| !name.is_empty()).ok_or("has no name")?;
        if self.rules.iter().any(|rule| rule.name == name) {
            return Err("another rule has the same name".to_owned());
        }
        if needs == 0 && message.is_none() {
            return Err("has no condition: match would count every entry".to_owned());
        }
        let labels = labels.into_iter().collect();
        self.rules.push(Rule { name, needs, message, labels, max_series });
        Ok(())
    }

    /// The bit of a condition; equal ones share it.
    fn condition(&mut self, field: &str, regex: Regex) -> Result<u32, String> {
        let same = |c: &Condition| c.field == field && c.regex.as_str() == regex.as_str();
        let at = self.conditions.iter().position(same).unwrap_or(self.conditions.len());
        if at >= MAX_CONDITIONS {
            return Err(format!("more than {MAX_CONDITIONS} conditions in all rules"));
        }
        if at == self.conditions.len() {
            self.conditions.push(Condition { field: field.to_owned(), regex });
        }
        Ok(1 << at)
    }

    /// Whether any rule has a condition on another field than the message.
    pub(crate) fn ask_for_fields(&self) -> bool {
        !self.conditions.is_empty()
    }

    /// The conditions that a field fulfils.
    pub(crate) fn fulfilled(&self, name: &[u8], value: &[u8]) -> u32 {
        let mut bits = 0;
        for (at, condition) in self.conditions.iter().enumerate() {
            if condition.field.as_bytes() == name
                && condition.regex.is_match(&String::from_utf8_lossy(value))
            {
                bits |= 1 << at;
            }
        }
        bits
    }

    /// The rules whose conditions hold, messages apart.
    pub(crate) fn candidates(&self, fulfilled: u32) -> impl Iterator<Item = usize> {
        let holds = move |rule: &Rule| rule.needs & fulfilled == rule.needs;
        self.rules.iter().enumerate().filter(move |(_, rule)| holds(rule)).map(|(at, _)| at)
    }

    /// Whether any rule's conditions hold, so that the message is of interest.
    pub(crate) fn any(&self, fulfilled: u32) -> bool {
        self.rules.iter().any(|rule| rule.needs & fulfilled == rule.needs)
    }

    /// The conditions that a candidate takes labels from.
    pub(crate) fn captures(&self, rule: usize) -> u32 {
        let needs = self.rules.get(rule).map_or(0, |rule| rule.needs);
        let has_groups = |c: &Condition| c.regex.capture_names().flatten().next().is_some();
        let bits = self.conditions.iter().enumerate().filter(|(_, c)| has_groups(c));
        bits.fold(0, |bits, (at, _)| bits | 1 << at) & needs
    }

    /// The labels of an entry that a candidate's conditions hold for; `None` where its message does
    /// not match. `fields` are those that conditions capture from, as `NAME=value`.
    pub(crate) fn labels(
        &self,
        rule: usize,
        message: &str,
        fields: &[String],
    ) -> Option<Vec<String>> {
        let rule = self.rules.get(rule)?;
        let mut labels = vec![String::new(); rule.labels.len()];
        let mut fill = |regex: &Regex, text: &str| {
            let Some(captures) = regex.captures(text) else { return false };
            for (label, value) in rule.labels.iter().zip(&mut labels) {
                if let Some(found) = captures.name(label) {
                    value.clear();
                    value.extend(found.as_str().chars().take(MAX_VALUE));
                }
            }
            true
        };
        if let Some(regex) = &rule.message
            && !fill(regex, message)
        {
            return None;
        }
        for (at, condition) in self.conditions.iter().enumerate() {
            for field in fields {
                if let Some((name, value)) = field.split_once('=')
                    && rule.needs & (1 << at) != 0
                    && name == condition.field
                {
                    fill(&condition.regex, value);
                }
            }
        }
        Some(labels)
    }
}

fn pattern(field: &str, text: &str) -> Result<Regex, String> {
    let plain = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    if field.is_empty() || !field.bytes().all(plain) {
        return Err(format!("match.{field}: a field's name has capitals, digits and _ only"));
    }
    Regex::new(text)
        .map_err(|error| format!("match.{field}: {text:?} is no regular expression: {error}"))
}

fn label(name: &str) -> Result<(), String> {
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !plain || name.starts_with("__") || name == "rule" {
        return Err(format!("group {name} cannot be a label"));
    }
    Ok(())
}

// === impl Matches ===

impl Matches {
    pub(crate) fn new(rules: &Rules) -> Self {
        let counted = |rule: &Rule| Counted {
            rule: rule.name.clone(),
            labels: rule.labels.clone(),
            series: Series::new(rule.max_series),
        };
        Self(rules.rules.iter().map(counted).collect())
    }

    pub(crate) fn add(&mut self, rule: usize, labels: Vec<String>) {
        if let Some(counted) = self.0.get_mut(rule) {
            counted.series.add(labels);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Counted> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn errors_name_the_rule() {
        let mut all = String::new();
        for text in [
            "name=a\nmatch.MESSAGE=(",
            "name=a\nmatch.message=x",
            "match.MESSAGE=x",
            "name=a",
            "name=a\nmatch.MESSAGE=x\nlabels=y",
            "name=a\nmatch.MESSAGE=(?<rule>x)",
            "name=a\nmatch.MESSAGE=x\nmax_series=0",
            "name=a\nmatch.MESSAGE=(?<x>1)\nmatch.UNIT=(?<x>2)",
            "nonsense",
        ] {
            all.push_str(&Rules::new(&[text.to_owned()]).unwrap_err().to_string());
            all.push('\n');
        }
        let twice = ["name=a\nmatch.MESSAGE=x".to_owned(), "name=a\nmatch.MESSAGE=y".to_owned()];
        all.push_str(&Rules::new(&twice).unwrap_err().to_string());
        expect![[r#"
            --journal.rules: rule a: match.MESSAGE: "(" is no regular expression: found open group without closing ')'
            --journal.rules: rule a: match.message: a field's name has capitals, digits and _ only
            --journal.rules: rule 1: has no name
            --journal.rules: rule a: has no condition: match would count every entry
            --journal.rules: rule a: unknown key labels; expected name, match.FIELD or max_series
            --journal.rules: rule a: group rule cannot be a label
            --journal.rules: rule a: max_series: expected a number from 1 to 1000, found "0"
            --journal.rules: rule a: match.UNIT: a group x stands twice
            --journal.rules: rule 1: expected KEY=VALUE, found "nonsense"
            --journal.rules: rule a: another rule has the same name"#]].assert_eq(&all);
    }
}
