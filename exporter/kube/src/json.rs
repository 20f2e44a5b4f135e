//! JSON for narrow types: as `serde_json` reads it, and quicker where most of an object is not in use.
//!
//! Two thirds of a pod's JSON are managed fields, probes, mounts and the like. What is passed over here is
//! not looked at beyond its quotes and brackets. What is in use is read as `serde_json` reads it, which the
//! tests hold it to. An error names the field's path and its place, without a second reading.

use serde::de::{
    self, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};
use std::fmt;

/// What is wrong, and where.
#[derive(Debug)]
pub(crate) struct Wrong(Box<Fault>);

#[derive(Debug)]
struct Fault {
    what: String,
    /// From the innermost field on.
    path: Vec<Step>,
    /// Line and column.
    place: Option<(usize, usize)>,
}

#[derive(Debug)]
enum Step {
    Field(String),
    Element(usize),
}

/// What stands from a place on.
struct Reader<'de> {
    text: &'de str,
    at: usize,
    /// How deep in lists and maps.
    depth: u8,
}

/// The members of a list or a map.
struct Members<'r, 'de> {
    reader: &'r mut Reader<'de>,
    close: u8,
    /// How many have begun.
    begun: usize,
    /// The key of the last, as it is written.
    key: &'de str,
}

/// As deep as `serde_json` goes.
const DEEPEST: u8 = 127;
const VALUE: &str = "expected a value";
const UNCLOSED: &str = "expected a closing quote";
/// The lowest and the highest bit of each byte of eight.
const LOW: u64 = u64::from_le_bytes([1; 8]);
const HIGH: u64 = u64::from_le_bytes([0x80; 8]);

/// Reads `text`, all of it.
pub(crate) fn read<'de, T: serde::Deserialize<'de>>(text: &'de str) -> Result<T, Wrong> {
    let mut reader = Reader { text, at: 0, depth: 0 };
    let value = T::deserialize(&mut reader)?;
    match reader.peek() {
        None => Ok(value),
        Some(_) => Err(reader.wrong("expected nothing behind the object")),
    }
}

// === impl Wrong ===

impl Wrong {
    fn within(mut self, step: Step) -> Self {
        self.0.path.push(step);
        self
    }

    /// The path of the field, such as `spec.containers[0].name`.
    pub(crate) fn path(&self) -> String {
        let mut path = String::new();
        for step in self.0.path.iter().rev() {
            match step {
                Step::Field(name) => {
                    path.push_str(if path.is_empty() { "" } else { "." });
                    path.push_str(name);
                }
                Step::Element(index) => path.extend(["[", &index.to_string(), "]"]),
            }
        }
        if path.is_empty() { "JSON".to_owned() } else { path }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.what)?;
        match self.0.place {
            Some((line, column)) => write!(f, " at line {line} column {column}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Wrong {}

impl de::Error for Wrong {
    fn custom<T: fmt::Display>(what: T) -> Self {
        Self(Box::new(Fault { what: what.to_string(), path: Vec::new(), place: None }))
    }
}

// === impl Reader ===

impl<'de> Reader<'de> {
    /// That something else was expected here.
    #[cold]
    fn wrong(&self, what: &str) -> Wrong {
        self.place(de::Error::custom(what))
    }

    /// The error with this place, unless it has one.
    #[cold]
    fn place(&self, mut wrong: Wrong) -> Wrong {
        let before = self.text.get(..self.at).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, str::len);
        wrong.0.place.get_or_insert((line, column));
        wrong
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The next byte that is no blank.
    fn peek(&mut self) -> Option<u8> {
        loop {
            match self.byte() {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                byte => return byte,
            }
        }
    }

    fn word<T>(&mut self, word: &str, value: T) -> Result<T, Wrong> {
        if !self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            return Err(self.wrong("expected true, false or null"));
        }
        self.at += word.len();
        Ok(value)
    }

    /// Goes to the next byte that is a quote, a backslash or a control character.
    fn run(&mut self) -> Option<u8> {
        while let Some(eight) = self.text.as_bytes().get(self.at..).and_then(<[u8]>::first_chunk) {
            let special = special(u64::from_le_bytes(*eight));
            if special != 0 {
                self.at += special.trailing_zeros() as usize / 8;
                return self.byte();
            }
            self.at += 8;
        }
        loop {
            match self.byte() {
                Some(b'"' | b'\\' | ..0x20) | None => return self.byte(),
                Some(_) => self.at += 1,
            }
        }
    }

    /// The text behind an opening quote; none where it has escapes.
    fn plain(&mut self) -> Result<Option<&'de str>, Wrong> {
        let start = self.at;
        match self.run() {
            Some(b'"') => {
                let text = self.text.get(start..self.at);
                self.at += 1;
                Ok(text)
            }
            Some(b'\\') => {
                self.at = start;
                Ok(None)
            }
            Some(_) | None => Err(self.wrong(UNCLOSED)),
        }
    }

    /// The text behind an opening quote, with what its escapes stand for.
    fn escaped(&mut self) -> Result<String, Wrong> {
        let start = self.at.saturating_sub(1);
        self.pass_text()?;
        let quoted = self.text.get(start..self.at).unwrap_or_default();
        serde_json::from_str(quoted).map_err(|_| self.wrong("expected another escape"))
    }

    /// Goes behind the closing quote.
    fn pass_text(&mut self) -> Result<(), Wrong> {
        loop {
            match self.run() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.at += 2,
                Some(_) | None => return Err(self.wrong(UNCLOSED)),
            }
        }
    }

    /// Goes behind a value, whatever it is.
    fn pass(&mut self) -> Result<(), Wrong> {
        match self.peek() {
            Some(b'"') => {
                self.at += 1;
                self.pass_text()
            }
            Some(b'{' | b'[') => {
                let mut depth = 0_usize;
                loop {
                    let Some(byte) = self.byte() else {
                        return Err(self.wrong("expected a closing bracket"));
                    };
                    self.at += 1;
                    match byte {
                        b'"' => self.pass_text()?,
                        b'{' | b'[' => depth += 1,
                        b'}' | b']' if depth == 1 => return Ok(()),
                        b'}' | b']' => depth -= 1,
                        _ => {}
                    }
                }
            }
            Some(b't') => self.word("true", ()),
            Some(b'f') => self.word("false", ()),
            Some(b'n') => self.word("null", ()),
            Some(b'-' | b'0'..=b'9') => {
                self.number();
                Ok(())
            }
            Some(_) | None => Err(self.wrong(VALUE)),
        }
    }

    /// The digits of a number and what else stands among them.
    fn number(&mut self) -> &'de str {
        let start = self.at;
        while let Some(b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9') = self.byte() {
            self.at += 1;
        }
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn visit_number<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Wrong> {
        let text = self.number();
        let digits = text.strip_prefix('-').unwrap_or(text);
        let whole = digits.bytes().all(|b| b.is_ascii_digit());
        // Zeros ahead are no JSON, and neither is all that Rust reads as a number.
        let small = whole && digits.len() < 19 && !(digits.len() > 1 && digits.starts_with('0'));
        if let Some(number) = small.then(|| text.parse::<i64>().ok()).flatten() {
            return match u64::try_from(number) {
                Ok(number) if digits.len() == text.len() => visitor.visit_u64(number),
                _ if number == 0 => visitor.visit_f64(-0.0),
                _ => visitor.visit_i64(number),
            };
        }
        match serde_json::from_str::<serde_json::Number>(text) {
            Ok(number) => number.deserialize_any(visitor).map_err(de::Error::custom),
            Err(_) => Err(self.wrong("expected a number")),
        }
    }

    fn any<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Wrong> {
        match self.peek() {
            Some(b'"') => {
                self.at += 1;
                match self.plain()? {
                    Some(text) => visitor.visit_borrowed_str(text),
                    None => visitor.visit_string(self.escaped()?),
                }
            }
            Some(b'{') => self.members(b'}', |members| visitor.visit_map(members)),
            Some(b'[') => self.members(b']', |members| visitor.visit_seq(members)),
            Some(b't') => self.word("true", true).and_then(|yes| visitor.visit_bool(yes)),
            Some(b'f') => self.word("false", false).and_then(|no| visitor.visit_bool(no)),
            Some(b'n') => self.word("null", ()).and_then(|()| visitor.visit_unit()),
            Some(b'-' | b'0'..=b'9') => self.visit_number(visitor),
            Some(_) | None => Err(self.wrong(VALUE)),
        }
    }

    /// What stands between brackets.
    fn members<T>(
        &mut self,
        close: u8,
        visit: impl FnOnce(Members<'_, 'de>) -> Result<T, Wrong>,
    ) -> Result<T, Wrong> {
        if self.depth >= DEEPEST {
            return Err(self.wrong("expected fewer lists and maps within one another"));
        }
        self.depth += 1;
        self.at += 1;
        let value = visit(Members { reader: self, close, begun: 0, key: "" })?;
        self.depth -= 1;
        if self.peek() != Some(close) {
            return Err(self.wrong("expected the end of the list or map"));
        }
        self.at += 1;
        Ok(value)
    }
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.any(visitor).map_err(|wrong| self.place(wrong))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        if self.peek() == Some(b'n') {
            self.word("null", ())?;
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.pass()?;
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct enum identifier
    }
}

// === impl Members ===

impl Members<'_, '_> {
    /// Whether there is another one; goes to where it begins.
    fn next(&mut self) -> Result<bool, Wrong> {
        match self.reader.peek() {
            Some(byte) if byte == self.close => return Ok(false),
            Some(b',') if self.begun > 0 => {
                self.reader.at += 1;
                if self.reader.peek() == Some(self.close) {
                    return Err(self.reader.wrong("expected a member behind the comma"));
                }
            }
            Some(_) if self.begun == 0 => {}
            Some(_) | None => {
                return Err(self.reader.wrong("expected a comma or the end of the list or map"));
            }
        }
        self.begun += 1;
        Ok(true)
    }
}

impl<'de> SeqAccess<'de> for Members<'_, 'de> {
    type Error = Wrong;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Wrong> {
        if !self.next()? {
            return Ok(None);
        }
        let element = seed.deserialize(&mut *self.reader);
        element.map(Some).map_err(|wrong| wrong.within(Step::Element(self.begun - 1)))
    }
}

impl<'de> MapAccess<'de> for Members<'_, 'de> {
    type Error = Wrong;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Wrong> {
        if !self.next()? {
            return Ok(None);
        }
        if self.reader.peek() != Some(b'"') {
            return Err(self.reader.wrong("expected a key in quotes"));
        }
        self.reader.at += 1;
        let start = self.reader.at;
        let key = match self.reader.plain()? {
            Some(key) => seed.deserialize(de::value::BorrowedStrDeserializer::new(key)),
            None => seed.deserialize(self.reader.escaped()?.into_deserializer()),
        };
        let written = self.reader.text.get(start..self.reader.at.saturating_sub(1));
        self.key = written.unwrap_or_default();
        key.map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Wrong> {
        if self.reader.peek() != Some(b':') {
            return Err(self.reader.wrong("expected a colon behind the key"));
        }
        self.reader.at += 1;
        let value = seed.deserialize(&mut *self.reader);
        value.map_err(|wrong| wrong.within(Step::Field(self.key.to_owned())))
    }
}

/// The highest bit of each byte that is a quote, a backslash or a control character; right up to the first of
/// them, of which alone it is to be asked.
fn special(eight: u64) -> u64 {
    let below = |bytes: u64, bound: u64| bytes.wrapping_sub(LOW * bound) & !bytes;
    let quote = eight ^ (LOW * u64::from(b'"'));
    let slash = eight ^ (LOW * u64::from(b'\\'));
    (below(quote, 1) | below(slash, 1) | below(eight, 0x20)) & HIGH
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        condition::Condition,
        quantity::Quantity,
        wire::{IntOrString, List, Map, Metadata, Text, narrow},
    };
    use proptest::prelude::*;
    use serde_json::Value;

    narrow! {
        /// What the narrow types are made of, once each.
        struct Thing<'a> {
            metadata: Metadata<'a>,
            text: Text<'a>,
            maybe: Option<Text<'a>>,
            number: i64,
            flag: bool,
            real: Option<f64>,
            either: Option<IntOrString<'a>>,
            amounts: Map<'a, Quantity>,
            conditions: List<Condition<'a>>,
            inner: Option<Inner>,
        }

        struct Inner {
            number: i32,
        }
    }

    /// Both give the same, or neither gives anything. What is passed over may be torn for this reader.
    fn same(text: &str) {
        match (read::<Thing<'_>>(text), serde_json::from_str::<Thing<'_>>(text)) {
            (Ok(ours), Ok(theirs)) => {
                assert_eq!(format!("{ours:?}"), format!("{theirs:?}"), "{text}");
            }
            (Err(_), Err(_)) => {}
            (ours, theirs) => panic!("{text}: {ours:?}, {theirs:?}"),
        }
        match (read::<Value>(text), serde_json::from_str::<Value>(text)) {
            (Ok(ours), Ok(theirs)) => assert_eq!(ours, theirs, "{text}"),
            (Err(_), Err(_)) => {}
            (ours, theirs) => panic!("{text}: {ours:?}, {theirs:?}"),
        }
    }

    #[test]
    fn what_is_read_is_what_serde_json_reads() {
        for text in [
            "",
            "{}",
            " {\"text\" : \"a\" , \"number\":-12,\"flag\":true,\"real\":1e3}\n",
            r#"{"text":"a\"b\u00e9\n","maybe":null,"te\u0078t":"twice is an error"}"#,
            r#"{"te\u0078t":"\ud83d\ude00","maybe":"\ud83d"}"#,
            r#"{"number":9223372036854775807,"real":-0}"#,
            r#"{"number":9223372036854775808}"#,
            r#"{"real":18446744073709551616,"number":1.0}"#,
            r#"{"number":01}"#,
            r#"{"number":-}"#,
            r#"{"real":.5}"#,
            r#"{"real":5.}"#,
            r#"{"either":"50%","amounts":{"cpu":"100m","memory":1,"x":0.5,"cpu":2}}"#,
            r#"{"either":-3,"conditions":[{"type":"Ready","status":"True","lastTransitionTime":"2026-01-02T03:04:05Z"}]}"#,
            r#"{"conditions":[{},],"x":1}"#,
            r#"{"conditions":[,{}]}"#,
            r#"{"conditions":null,"amounts":null,"metadata":null}"#,
            r#"{"metadata":{"name":"n","labels":{"b":"1","a":"2"},"managedFields":[{"f:a":{"k:{\"x\":\"]}\"}":{}}}],"uid":"u"}}"#,
            r#"{"inner":[7]}"#,
            r#"{"inner":{"number":2147483648}}"#,
            r#"{"flag":1}"#,
            r#"{"flag":null}"#,
            r#"{"text":["a"]}"#,
            r#"{"text":"a"} x"#,
            r#"{"text":"a""#,
            r#"{"text" "a"}"#,
            r#"{"text":"a",}"#,
            "{\"text\":\"a\u{1}\"}",
            "[1,2,{\"a\":[]}]",
            "nul",
            "nulll",
            "\"\\",
        ] {
            same(text);
        }
        same(&("[".repeat(127) + &"]".repeat(127)));
        same(&("[".repeat(128) + &"]".repeat(128)));
    }

    #[test]
    fn what_is_not_in_use_is_passed_over() {
        let deep = format!("{{\"x\":{}{},\"text\":\"a\"}}", "[".repeat(1000), "]".repeat(1000));
        assert_eq!(&*read::<Thing<'_>>(&deep).unwrap().text, "a");
        for torn in [r#"{"x":{"a":[1}"#, r#"{"x":"a"#, r#"{"x":"\"#, r#"{"x":}"#, r#"{"x":tru}"#] {
            assert!(read::<Thing<'_>>(torn).is_err(), "{torn}");
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "\\PC{0,20}".prop_map(Value::from),
            "[\"\\\\a\u{1}é]{0,12}".prop_map(Value::from),
        ];
        let key = prop_oneof![
            "\\PC{0,8}",
            "(metadata|text|number|amounts|conditions|name|labels|real|inner)"
        ];
        leaf.prop_recursive(4, 48, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(key.clone(), inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn any_value(value in value()) {
            same(&value.to_string());
            same(&serde_json::to_string_pretty(&value).unwrap());
        }

        #[test]
        fn any_text(value in value(), at in any::<prop::sample::Index>(), c in prop::option::of("[\\[\\]{},:\"\\\\0-9a-z. -]")) {
            // One character changed or taken out.
            let text = value.to_string();
            let mut chars: Vec<char> = text.chars().collect();
            let at = at.index(chars.len());
            match c.and_then(|c| c.chars().next()) {
                Some(c) => chars[at] = c,
                None => drop(chars.remove(at)),
            }
            let text: String = chars.into_iter().collect();
            match (read::<Value>(&text), serde_json::from_str::<Value>(&text)) {
                (Ok(ours), Ok(theirs)) => prop_assert_eq!(ours, theirs),
                (Err(_), Err(_)) => {}
                (ours, theirs) => prop_assert!(false, "{}: {:?}, {:?}", text, ours, theirs),
            }
            if let Ok(theirs) = serde_json::from_str::<Thing<'_>>(&text) {
                prop_assert_eq!(format!("{:?}", read::<Thing<'_>>(&text).unwrap()), format!("{theirs:?}"));
            }
        }
    }
}
