//! The configuration file: one flat YAML mapping from the settings' names to their values.

use super::Error;
use crate::flags::{self, Flag, Values};
use collect::OptKind;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor,
};
use std::{
    fmt::{self, Display},
    path::Path,
};

/// The settings in the file at `path`.
///
/// Fails where the file cannot be read, is no YAML mapping, or has an unknown or repeated key or a
/// value of a wrong type; the message names the key.
pub fn read(flags: &[Flag], path: &Path) -> Result<Values, Error> {
    let text = String::from_utf8(trust::once(path)?).map_err(|error| error.to_string());
    let values = text.and_then(|text| parse(flags, &text));
    values.map_err(|what| Error::File { path: path.to_owned(), what })
}

fn parse(flags: &[Flag], text: &str) -> Result<Values, String> {
    // A file of comments only, as the example is, holds no document.
    if text.lines().all(|line| matches!(line.trim().chars().next(), None | Some('#'))) {
        return Ok(Values::new());
    }
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::with_deserializer_from_str_with_options(text, options, |deserializer| {
        deserializer.deserialize_map(Mapping(flags))
    })
    .map_err(|error| match error.without_snippet() {
        serde_saphyr::Error::DuplicateMappingKey { key: Some(key), location, .. } => {
            format!("{key} stands twice, again at line {}", location.line())
        }
        error => error.to_string(),
    })
}

/// An example: every setting with its doc and its default, commented out.
pub fn example(flags: &[Flag]) -> String {
    let mut text = String::from(
        "# Settings of hybrid-exporter. Keys are the flags' names; flags and the environment win\n\
         # over this file. What is commented out is the default.\n",
    );
    let mut heading = "";
    for flag in flags.iter().filter(|flag| !flag.hidden) {
        if flag.heading != heading {
            heading = &flag.heading;
            text.extend(["\n## ", heading, "\n"]);
        }
        let value = match flag.kind {
            OptKind::Switch(_) => flag.default_text(),
            OptKind::Text(default) => quoted(default),
            OptKind::List if flag.default_text().is_empty() => "[]".to_owned(),
            OptKind::List => format!("[{}]", quoted(&flag.default_text())),
        };
        text.extend(["# ", &flag.doc, "\n#", &flag.name, ": ", &value, "\n"]);
    }
    text
}

/// A YAML scalar; numbers stand bare, all else in single quotes.
fn quoted(text: &str) -> String {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "''"))
}

/// The whole file.
struct Mapping<'a>(&'a [Flag]);

/// The value of one setting.
struct Value<'a>(&'a Flag);

/// What value a setting takes, for messages.
struct Wanted<'a>(&'a Flag);

/// A text, as it is written: `1.50` stays `1.50`.
#[derive(Default)]
struct Scalar(String);

impl fmt::Display for Wanted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0.kind {
            OptKind::Switch(_) => "true or false",
            OptKind::Text(_) => "a text or a number",
            OptKind::List => "a list of texts",
        })?;
        write!(f, " for {}", self.0.name)
    }
}

/// An element of a list: a text, or a mapping, which becomes a text with a `KEY=VALUE` a line. Keys of
/// a mapping within it stand behind its own key and a dot.
enum Item {
    Text(String),
    Pairs(Vec<(String, String)>),
}

/// Reads an [`Item`].
struct ItemVisitor;

impl<'de> Visitor<'de> for Mapping<'_> {
    type Value = Values;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping from settings to values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Values, A::Error> {
        let mut values = Values::new();
        while let Some(key) = map.next_key::<Scalar>()? {
            let key = key.0;
            let Some(flag) = flags::find(self.0, &key) else {
                if key == flags::CONFIG_FILE.name {
                    return Err(A::Error::custom(format!("{key} cannot stand in the file itself")));
                }
                let hint = flags::hint(self.0.iter().map(|flag| &*flag.name), &key);
                return Err(A::Error::custom(format!("unknown key {key}{hint}")));
            };
            let value = map.next_value_seed(Value(flag))?;
            if values.insert(flag.name.to_string(), value).is_some() {
                return Err(A::Error::custom(format!("{key} stands twice")));
            }
        }
        Ok(values)
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = Vec<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<String>, D::Error> {
        match self.0.kind {
            // Any scalar as it is written; the library's own message does not know the key.
            OptKind::Text(_) => deserializer
                .deserialize_str(Scalar::default())
                .map(|text| vec![text.0])
                .map_err(|_| D::Error::custom(format!("expected {}", Wanted(self.0)))),
            OptKind::Switch(_) | OptKind::List => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Wanted(self.0).fmt(f)
    }

    fn visit_bool<E: serde::de::Error>(self, on: bool) -> Result<Vec<String>, E> {
        match self.0.kind {
            OptKind::Switch(_) => Ok(vec![on.to_string()]),
            _ => Err(E::invalid_type(serde::de::Unexpected::Bool(on), &self)),
        }
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Vec<String>, E> {
        match self.0.kind {
            OptKind::Switch(_) => Err(E::invalid_type(serde::de::Unexpected::Str(text), &self)),
            _ => Ok(vec![text.to_owned()]),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<String>, A::Error> {
        if self.0.kind != OptKind::List {
            return Err(A::Error::invalid_type(serde::de::Unexpected::Seq, &self));
        }
        let mut texts = Vec::new();
        while let Some(item) = seq.next_element::<Item>()? {
            texts.push(item.text());
        }
        Ok(texts)
    }
}

impl Item {
    fn text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Pairs(pairs) => {
                let lines: Vec<String> = pairs.iter().map(|(k, v)| format!("{k}={v}")).collect();
                lines.join("\n")
            }
        }
    }
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ItemVisitor)
    }
}

impl<'de> Visitor<'de> for ItemVisitor {
    type Value = Item;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, or a mapping to texts")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Item, E> {
        Ok(Item::Text(text.to_owned()))
    }

    fn visit_bool<E: serde::de::Error>(self, on: bool) -> Result<Item, E> {
        Ok(Item::Text(on.to_string()))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Item, E> {
        Ok(Item::Text(number.to_string()))
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Item, E> {
        Ok(Item::Text(number.to_string()))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Item, E> {
        Ok(Item::Text(number.to_string()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Item, A::Error> {
        let mut pairs = Vec::new();
        while let Some(Scalar(key)) = map.next_key()? {
            match map.next_value()? {
                Item::Text(text) if text.contains('\n') => {
                    return Err(A::Error::custom(format!("{key}: expected a text of one line")));
                }
                Item::Text(text) => pairs.push((key, text)),
                Item::Pairs(inner) => {
                    pairs.extend(inner.into_iter().map(|(k, v)| (format!("{key}.{k}"), v)));
                }
            }
        }
        Ok(Item::Pairs(pairs))
    }
}

impl Visitor<'_> for Scalar {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self, E> {
        Ok(Self(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Self::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    fn error(text: &str) -> String {
        parse(&flags::all(), text).unwrap_err()
    }

    #[test]
    fn values_of_every_kind() {
        let text = "\
            collector.loadavg: false\n\
            web.listen-address: [\":1\", '[::1]:2']\n\
            web.max-requests: 10\n\
            web.telemetry-path: /m\n";
        let values = parse(&flags::all(), text).unwrap();
        let of = |name: &str| values.get(name).unwrap().join("|");
        assert_eq!(of("collector.loadavg"), "false");
        assert_eq!(of("web.listen-address"), ":1|[::1]:2");
        assert_eq!(of("web.max-requests"), "10");
        assert_eq!(of("web.telemetry-path"), "/m");
        let one = parse(&flags::all(), "web.listen-address: ':1'").unwrap();
        assert_eq!(one.get("web.listen-address").unwrap(), &[":1"]);
        assert!(parse(&flags::all(), "\n# nothing\n").unwrap().is_empty());
    }

    #[test]
    fn rules_are_mappings() {
        let text = "journal.rules:\n\
            - name: disk\n  \
              match:\n    \
                _SYSTEMD_UNIT: '^smartd\\.service$'\n    \
                MESSAGE: 'a=(?<x>\\d+)'\n  \
              max_series: 5\n\
            - \"name=b\\nmatch.MESSAGE=x\"\n";
        let values = parse(&flags::all(), text).unwrap();
        assert_eq!(
            values.get("journal.rules").unwrap(),
            &[
                "name=disk\nmatch._SYSTEMD_UNIT=^smartd\\.service$\nmatch.MESSAGE=a=(?<x>\\d+)\nmax_series=5",
                "name=b\nmatch.MESSAGE=x"
            ]
        );
        let error = error("journal.rules:\n- name: |\n    a\n    b\n");
        assert!(error.starts_with("name: expected a text of one line"), "{error}");
    }

    #[test]
    fn errors_name_the_key() {
        let mut all = String::new();
        for text in [
            "web.max-request: 1\n",
            "web.max-requests: 1\nweb.max-requests: 2\n",
            "web.max-requests: [1]\n",
            "web.max-requests: {a: b}\n",
            "web.max-requests:\n",
            "collector.loadavg: maybe\n",
            "collector.loadavg: 1\n",
            "web.listen-address: true\n",
            "web.listen-address: {a: b}\n",
            "web:\n  max-requests: 1\n",
            "config.file: x\n",
            "- a\n",
            "a: [\n",
            "a: &a [*a]\n",
        ] {
            all.extend([text, "    ", &error(text), "\n"]);
        }
        expect![[r#"
            web.max-request: 1
                unknown key web.max-request; did you mean web.max-requests?
            web.max-requests: 1
            web.max-requests: 2
                web.max-requests stands twice, again at line 2
            web.max-requests: [1]
                expected a text or a number for web.max-requests at line 1, column 19
            web.max-requests: {a: b}
                expected a text or a number for web.max-requests at line 1, column 19
            web.max-requests:
                expected a text or a number for web.max-requests at line 1, column 17
            collector.loadavg: maybe
                invalid type: string "maybe", expected true or false for collector.loadavg at line 1, column 1
            collector.loadavg: 1
                invalid type: integer `1`, expected true or false for collector.loadavg at line 1, column 1
            web.listen-address: true
                invalid type: boolean `true`, expected a list of texts for web.listen-address at line 1, column 1
            web.listen-address: {a: b}
                invalid type: map, expected a list of texts for web.listen-address at line 1, column 21
            web:
              max-requests: 1
                unknown key web; did you mean web.config.file?
            config.file: x
                config.file cannot stand in the file itself
            - a
                expected mapping start at line 1, column 1
            a: [
                unknown key a
            a: &a [*a]
                unknown key a
        "#]].assert_eq(&all);
    }

    #[test]
    fn the_example_is_the_default() {
        let flags = flags::all();
        let example = example(&flags);
        assert!(parse(&flags, &example).unwrap().is_empty());
        let bare: String = example
            .lines()
            .filter_map(|line| line.strip_prefix('#'))
            .filter(|line| !line.starts_with(['#', ' ']))
            .flat_map(|line| [line, "\n"])
            .collect();
        let values = parse(&flags, &bare).unwrap();
        assert_eq!(values.len(), flags.iter().filter(|flag| !flag.hidden).count());
        for flag in flags.iter().filter(|flag| !flag.hidden) {
            assert_eq!(values.get(&*flag.name).unwrap().join(","), flag.default_text());
        }
    }
}
