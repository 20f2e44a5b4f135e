//! Paths into an object: keys, places in lists, and the first element of a list that has a value at
//! a key (`[type=Ready]`).

use super::{number, value::Value};
use std::fmt;

/// A path, compiled.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Path(Vec<Part>);

/// A step of a path.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Part {
    /// `[key=wanted]`: the first element of a list whose value at the key is that text, or the same
    /// as a number, or as true or false.
    Find { key: String, wanted: String, number: Option<f64>, yes: Option<bool> },
    /// A key of a mapping, or a place in a list, from its end where negative. `key=value` gives the
    /// value at the key where it is that text.
    Key { name: String, index: Option<i64>, pair: Option<(String, String)> },
}

// === impl Path ===

impl Path {
    /// Compiles a path; fails with what is wrong.
    pub(super) fn compile(parts: &[String]) -> Result<Self, String> {
        parts.iter().map(|part| Part::compile(part)).collect::<Result<_, _>>().map(Self)
    }

    /// A path of keys.
    pub(super) fn keys(names: &[&str]) -> Self {
        let key = |name: &&str| Part::Key { name: (*name).to_owned(), index: None, pair: None };
        Self(names.iter().map(key).collect())
    }

    pub(super) fn parts(&self) -> &[Part] {
        &self.0
    }

    /// The one key that the path is.
    pub(super) fn only(&self) -> Option<&str> {
        match self.0.as_slice() {
            // kube-state-metrics looks at the path as a text, in which a comma parts two keys.
            [Part::Key { name, .. }] if !name.is_empty() && !name.contains(',') => Some(name),
            _ => None,
        }
    }

    /// Where the path leads, if it leads anywhere.
    pub(super) fn get<'v, 'a>(&self, from: Option<&'v Value<'a>>) -> Option<&'v Value<'a>> {
        let present = |value: &&Value<'_>| !matches!(value, Value::Null);
        self.0.iter().try_fold(from.filter(present)?, |at, part| part.get(at).filter(present))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, part) in self.0.iter().enumerate() {
            f.write_str(if number == 0 { "" } else { "." })?;
            match part {
                Part::Find { key, wanted, .. } => write!(f, "[{key}={wanted}]")?,
                Part::Key { name, .. } => f.write_str(name)?,
            }
        }
        if self.0.is_empty() { f.write_str("the object") } else { Ok(()) }
    }
}

// === impl Part ===

impl Part {
    fn compile(text: &str) -> Result<Self, String> {
        if let Some(inner) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
            let (key, wanted) = inner.split_once('=').ok_or_else(|| {
                format!("{text:?} looks up nothing; expected [KEY=VALUE], such as [type=Ready]")
            })?;
            return Ok(Self::Find {
                key: key.to_owned(),
                wanted: wanted.to_owned(),
                number: number::of_text(wanted),
                yes: match wanted {
                    "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
                    "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
                    _ => None,
                },
            });
        }
        let pair = text.split_once('=').filter(|(_, value)| !value.contains('='));
        Ok(Self::Key {
            name: text.to_owned(),
            index: text.parse().ok(),
            pair: pair.map(|(key, value)| (key.to_owned(), value.to_owned())),
        })
    }

    #[expect(clippy::float_cmp, reason = "the same number is looked for")]
    fn get<'v, 'a>(&self, at: &'v Value<'a>) -> Option<&'v Value<'a>> {
        match (self, at) {
            (Self::Find { key, wanted, number, yes }, Value::List(items)) => {
                items.iter().find(|item| {
                    let Some(found) = item.get(key) else { return false };
                    found.text() == Some(wanted)
                        || number.is_some_and(|n| number::of(found).is_ok_and(|found| found == n))
                        || yes.is_some_and(|yes| *found == Value::Bool(yes))
                })
            }
            (Self::Key { name, pair, .. }, Value::Map(_)) => {
                let paired = pair.as_ref().and_then(|(key, value)| {
                    at.get(key).filter(|found| found.text() == Some(value.as_str()))
                });
                paired.or_else(|| at.get(name))
            }
            (Self::Key { index: Some(index), .. }, Value::List(items)) => {
                let from_start = if *index < 0 {
                    index.checked_add(i64::try_from(items.len()).ok()?)?
                } else {
                    *index
                };
                items.get(usize::try_from(from_start).ok()?)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::wanted::Wanted, *};

    fn at(path: &[&str]) -> String {
        let json = r#"{"a": [{"k": "x", "n": 1}, {"k": 5, "n": 2}, {"k": true, "n": 3}, 7, null],
            "m": {"x": "y", "p=q": 4, "0": "zero"}, "n": null}"#;
        let value = Value::read(json, Wanted::whole()).unwrap();
        let path = Path::compile(&path.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>());
        path.unwrap().get(Some(&value)).map_or("-".to_owned(), ToString::to_string)
    }

    #[test]
    fn paths_lead_somewhere_or_nowhere() {
        for (path, found) in [
            (&["a", "[k=x]", "n"][..], "1"),
            (&["a", "[k=5]", "n"], "2"),
            (&["a", "[k=5.0]", "n"], "2"),
            (&["a", "[k=yes]", "n"], "3"),
            (&["a", "[k=T]", "n"], "3"),
            (&["a", "[k=z]", "n"], "-"),
            (&["a", "[n=]", "n"], "-"),
            (&["a", "0", "n"], "1"),
            (&["a", "-2"], "7"),
            (&["a", "-1"], "-"),
            (&["a", "-9"], "-"),
            (&["a", "9"], "-"),
            (&["a", "k"], "-"),
            (&["m", "x=y"], "y"),
            (&["m", "x=z"], "-"),
            (&["m", "p=q"], "4"),
            (&["m", "0"], "zero"),
            (&["m", "x", "y"], "-"),
            (&["n"], "-"),
            (&["n", "o"], "-"),
        ] {
            assert_eq!(at(path), found, "{path:?}");
        }
        assert!(Path::compile(&["[a]".to_owned()]).unwrap_err().contains("[type=Ready]"));
    }
}
