//! What the narrow types of the objects are made of.
//!
//! The API server's JSON leaves out what is empty and may write `null` for it; both are the empty
//! value here, as in the API's own types. Fields that are not in use are passed over unread.

use crate::time::Time;
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use std::{borrow::Cow, fmt, marker::PhantomData, ops::Deref};

/// Defines narrow types: structs whose fields are those of the API in snake case, each absent one
/// having its default. Texts are borrowed from the JSON, where it has no escapes in them.
macro_rules! narrow {
    ($($(#[$meta:meta])* struct $name:ident $(<$life:lifetime>)? { $($body:tt)* })*) => {$(
        narrow!(@one $(#[$meta])* $name $(<$life>)? { $($body)* });
    )*};
    (@one $(#[$meta:meta])* $name:ident <$life:lifetime> { $($body:tt)* }) => {
        $(#[$meta])*
        #[derive(Debug, Default, serde::Deserialize)]
        #[serde(default, rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
        pub(crate) struct $name<$life> { $($body)* }
    };
    (@one $(#[$meta:meta])* $name:ident { $($body:tt)* }) => {
        $(#[$meta])*
        #[derive(Debug, Default, serde::Deserialize)]
        #[serde(default, rename_all = "camelCase")]
        pub(crate) struct $name { $($body)* }
    };
}
pub(crate) use narrow;

/// A text; where the API has none, the empty one.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Text<'a>(Cow<'a, str>);

/// A list, empty where the API has none.
#[derive(Clone, Debug)]
pub(crate) struct List<T>(Vec<T>);

/// A map in the order of the JSON, empty where the API has none; of a key that is written twice the
/// last value counts.
#[derive(Clone, Debug)]
pub(crate) struct Map<'a, V>(Vec<(Text<'a>, V)>);

/// A number, or a text that stands for one or names something: a percentage, a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum IntOrString<'a> {
    Int(i64),
    String(Text<'a>),
}

narrow! {
    /// `metadata` of every object.
    struct Metadata<'a> {
        pub(crate) name: Text<'a>,
        pub(crate) namespace: Text<'a>,
        pub(crate) uid: Text<'a>,
        pub(crate) resource_version: Text<'a>,
        pub(crate) generation: i64,
        pub(crate) creation_timestamp: Time,
        pub(crate) deletion_timestamp: Time,
        pub(crate) labels: Map<'a, Text<'a>>,
        pub(crate) annotations: Map<'a, Text<'a>>,
        pub(crate) owner_references: List<OwnerReference<'a>>,
    }

    /// One of the object's owners.
    struct OwnerReference<'a> {
        pub(crate) kind: Text<'a>,
        pub(crate) name: Text<'a>,
        pub(crate) controller: Option<bool>,
    }
}

// === impl Text ===

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts;
        impl<'de> Visitor<'de> for Texts {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }

            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(Text::default())
            }
        }
        deserializer.deserialize_any(Texts)
    }
}

// === impl List ===

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Deref for List<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'l, T> IntoIterator for &'l List<T> {
    type Item = &'l T;
    type IntoIter = std::slice::Iter<'l, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Lists<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Lists<T> {
            type Value = List<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut list = Vec::new();
                while let Some(element) = seq.next_element()? {
                    list.push(element);
                }
                Ok(List(list))
            }

            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(List::default())
            }
        }
        deserializer.deserialize_any(Lists(PhantomData))
    }
}

// === impl Map ===

impl<V> Default for Map<'_, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<V> Map<'_, V> {
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &V)> {
        self.0.iter().map(|(key, value)| (&**key, value))
    }

    pub(crate) fn get(&self, key: &str) -> Option<&V> {
        self.0.iter().find(|(name, _)| **name == *key).map(|(_, value)| value)
    }
}

impl<'de: 'a, 'a, V: Deserialize<'de>> Deserialize<'de> for Map<'a, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Maps<'a, V>(PhantomData<(&'a (), V)>);
        impl<'de: 'a, 'a, V: Deserialize<'de>> Visitor<'de> for Maps<'a, V> {
            type Value = Map<'a, V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries: Vec<(Text<'a>, V)> = Vec::new();
                let mut sorted = true;
                while let Some((key, value)) = map.next_entry::<Text<'a>, V>()? {
                    // The API server sorts; then no key can come twice.
                    sorted = sorted && entries.last().is_none_or(|(last, _)| *last < key);
                    entries.push((key, value));
                }
                if !sorted {
                    entries.reverse();
                    entries.sort_by(|(a, _), (b, _)| a.cmp(b));
                    entries.dedup_by(|(next, _), (kept, _)| next == kept);
                }
                Ok(Map(entries))
            }

            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(Map::default())
            }
        }
        deserializer.deserialize_any(Maps(PhantomData))
    }
}

// === impl IntOrString ===

impl Default for IntOrString<'_> {
    fn default() -> Self {
        Self::Int(0)
    }
}

impl IntOrString<'_> {
    /// The number itself, or the percentage of `total`, rounded up or down; none for any other text.
    pub(crate) fn scaled(&self, total: i64, up: bool) -> Option<i64> {
        let percent = match self {
            Self::Int(number) => return Some(*number),
            Self::String(text) => text.strip_suffix('%')?.parse::<i64>().ok()?,
        };
        let share = i128::from(percent) * i128::from(total);
        let floor = share.div_euclid(100);
        let scaled = if up && share.rem_euclid(100) != 0 { floor + 1 } else { floor };
        i64::try_from(scaled).ok()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for IntOrString<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = IntOrString<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an integer or a string")
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
                Ok(IntOrString::Int(number))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
                i64::try_from(number).map(IntOrString::Int).map_err(E::custom)
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(IntOrString::String(Text(Cow::Borrowed(text))))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(IntOrString::String(Text(Cow::Owned(text.to_owned()))))
            }
        }
        deserializer.deserialize_any(Either)
    }
}
