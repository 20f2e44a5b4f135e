//! An object's JSON as a tree, as far as some path leads into it.
//!
//! Whole numbers are kept apart from others, as the API's own decoder does: a label shows `1` for
//! both `1` and `1.0`, and all 64 bits of a whole number.

use super::wanted::Wanted;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::{borrow::Cow, fmt};

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Cow<'a, str>),
    List(Vec<Value<'a>>),
    /// Keys are sorted and distinct.
    Map(Vec<(Cow<'a, str>, Value<'a>)>),
}

/// Reads what of a value is wanted.
struct Seed<'w>(&'w Wanted);

/// The key of a mapping.
struct Key;

// === impl Value ===

impl<'a> Value<'a> {
    /// Reads what is wanted of an object.
    pub(super) fn read(json: &'a str, wanted: &Wanted) -> Result<Self, serde_json::Error> {
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let value = Seed(wanted).deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(value)
    }

    /// The value at a key of a mapping; `null` is none.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        let Self::Map(pairs) = self else { return None };
        let at = pairs.binary_search_by(|(known, _)| known.as_ref().cmp(key)).ok()?;
        pairs.get(at).map(|(_, value)| value).filter(|value| !matches!(value, Self::Null))
    }

    /// A text.
    pub(super) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// What it is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Int(_) | Self::Float(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

/// As Go prints a value: what kube-state-metrics puts into labels.
impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("<nil>"),
            Self::Bool(yes) => yes.fmt(f),
            Self::Int(number) => number.fmt(f),
            Self::Float(number) => {
                let scientific = format!("{number:e}");
                match scientific.split_once('e').and_then(|(m, e)| Some((m, e.parse().ok()?))) {
                    Some((digits, power @ (..-4 | 6..))) => {
                        let sign = if power < 0 { '-' } else { '+' };
                        write!(f, "{digits}e{sign}{:02}", i32::abs(power))
                    }
                    _ => number.fmt(f),
                }
            }
            Self::Text(text) => f.write_str(text),
            Self::List(items) => {
                f.write_str("[")?;
                for (number, item) in items.iter().enumerate() {
                    f.write_str(if number == 0 { "" } else { " " })?;
                    item.fmt(f)?;
                }
                f.write_str("]")
            }
            Self::Map(pairs) => {
                f.write_str("map[")?;
                for (number, (key, value)) in pairs.iter().enumerate() {
                    f.write_str(if number == 0 { "" } else { " " })?;
                    write!(f, "{key}:{value}")?;
                }
                f.write_str("]")
            }
        }
    }
}

// === impl Seed ===

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value<'de>, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, yes: bool) -> Result<Value<'de>, E> {
        Ok(Value::Bool(yes))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value<'de>, E> {
        Ok(Value::Int(number))
    }

    #[expect(clippy::cast_precision_loss, reason = "what is beyond 63 bits is a float in the API")]
    fn visit_u64<E: Error>(self, number: u64) -> Result<Value<'de>, E> {
        Ok(i64::try_from(number).map_or(Value::Float(number as f64), Value::Int))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value<'de>, E> {
        Ok(Value::Float(number))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value<'de>, A::Error> {
        let mut items = Vec::new();
        match self.0.element() {
            Some(wanted) => {
                while let Some(item) = seq.next_element_seed(Seed(wanted))? {
                    items.push(item);
                }
            }
            None => while seq.next_element::<IgnoredAny>()?.is_some() {},
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value<'de>, A::Error> {
        let mut pairs: Vec<(Cow<'de, str>, Value<'de>)> = Vec::new();
        while let Some(key) = map.next_key_seed(Key)? {
            match self.0.key(&key) {
                Some(wanted) => pairs.push((key, map.next_value_seed(Seed(wanted))?)),
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        // Of a key that is written twice the last value counts.
        pairs.reverse();
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        pairs.dedup_by(|later, kept| later.0 == kept.0);
        Ok(Value::Map(pairs))
    }
}

// === impl Key ===

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(json: &str) -> String {
        Value::read(json, Wanted::whole()).map_or_else(|e| e.to_string(), |value| value.to_string())
    }

    #[test]
    fn values_print_as_go_prints_them() {
        for (json, text) in [
            ("null", "<nil>"),
            ("true", "true"),
            ("9223372036854775807", "9223372036854775807"),
            ("9223372036854775808", "9.223372036854776e+18"),
            ("1.0", "1"),
            ("43.21", "43.21"),
            ("0.00001", "1e-05"),
            ("0.0001", "0.0001"),
            ("123456789.5", "1.234567895e+08"),
            ("123456.5", "123456.5"),
            ("1e6", "1e+06"),
            ("1e100", "1e+100"),
            ("[1, \"a b\", null]", "[1 a b <nil>]"),
            (r#"{"b": {"d": 1}, "a": [], "b": 2}"#, "map[a:[] b:2]"),
        ] {
            assert_eq!(printed(json), text, "{json}");
        }
        assert!(printed("1 2").contains("trailing"));
    }
}
