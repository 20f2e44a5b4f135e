//! A list as it comes: its objects one by one, without the whole of it ever being held.
//!
//! The API server writes `{"kind":"PodList",…,"metadata":{…},"items":[{…},{…}]}`; of custom resources the
//! metadata come behind the objects, and of a table (`table.rs`) the objects are called rows.

use crate::{
    fault::{Fault, Reason},
    frames::Held,
};
use memchr::memchr2;

/// The most that stands beside the objects.
const MAX_REST: usize = 1 << 20;
/// How deep the objects are in it: in an object, in a list.
const OBJECTS: u32 = 2;

/// Splits what comes into objects; holds no more than one of them.
#[derive(Debug, Default)]
pub(crate) struct List {
    /// What is not objects.
    rest: Vec<u8>,
    object: Held,
    place: Place,
    depth: u32,
    /// Within a string.
    text: bool,
    /// Behind a backslash.
    escaped: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Before,
    Within,
    Behind,
}

/// A part of a list.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    /// What stands before the objects, as a list without any.
    Head(&'a [u8]),
    Object(&'a [u8]),
}

// === impl List ===

impl List {
    /// Takes a chunk and gives each part that it completes to `each`, until that fails.
    pub(crate) fn feed(
        &mut self,
        chunk: &[u8],
        mut each: impl FnMut(Part<'_>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        // Up to where `chunk` has been taken, and how far it has been looked at.
        let (mut taken, mut at) = (0, 0);
        let part = |from: usize, to: usize| chunk.get(from..to).unwrap_or_default();
        while let Some(&byte) = chunk.get(at) {
            if self.escaped {
                self.escaped = false;
                at += 1;
                continue;
            }
            if self.text {
                let Some(found) = memchr2(b'"', b'\\', part(at, chunk.len())) else { break };
                at += found + 1;
                self.escaped = chunk.get(at - 1) == Some(&b'\\');
                self.text = self.escaped;
                continue;
            }
            at += 1;
            match byte {
                b'"' => self.text = true,
                b'{' | b'[' => {
                    self.depth = self.depth.saturating_add(1);
                    if byte == b'[' && self.depth == OBJECTS && self.place == Place::Before {
                        self.rest.extend_from_slice(part(taken, at));
                        taken = at;
                        if names_objects(&self.rest) {
                            self.place = Place::Within;
                            each(Part::Head(&[&self.rest, b"]}".as_slice()].concat()))?;
                        }
                    }
                }
                b',' if self.depth == OBJECTS && self.place == Place::Within => {
                    self.complete(part(taken, at - 1), &mut each)?;
                    taken = at;
                }
                b'}' | b']' => {
                    if self.depth == OBJECTS && self.place == Place::Within {
                        self.complete(part(taken, at - 1), &mut each)?;
                        self.place = Place::Behind;
                        taken = at - 1;
                    }
                    self.depth = self.depth.checked_sub(1).ok_or_else(torn)?;
                }
                _ => {}
            }
        }
        let left = part(taken, chunk.len());
        if self.place == Place::Within {
            return self.object.take(left, "an object");
        }
        if self.rest.len() + left.len() > MAX_REST {
            let detail = format!("a list with more than {} MiB beside its objects", MAX_REST >> 20);
            return Err(Fault::new(Reason::Malformed, detail));
        }
        self.rest.extend_from_slice(left);
        Ok(())
    }

    /// Gives an object of which this is the end.
    fn complete(
        &mut self,
        end: &[u8],
        each: &mut impl FnMut(Part<'_>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.object.complete(end, |object| match object {
            // A list without any.
            b"" => Ok(()),
            object => each(Part::Object(object)),
        })
    }

    /// The list without its objects, where it has come whole.
    pub(crate) fn rest(self) -> Result<Vec<u8>, Fault> {
        if self.depth == 0 && !self.text { Ok(self.rest) } else { Err(torn()) }
    }
}

fn torn() -> Fault {
    Fault::new(Reason::Malformed, "a list whose brackets do not match")
}

/// Whether the list that begins at the end of `text` is the one of the objects.
fn names_objects(text: &[u8]) -> bool {
    let name = text.strip_suffix(b"[").map(<[u8]>::trim_ascii_end);
    let name = name.and_then(|name| name.strip_suffix(b":")).map(<[u8]>::trim_ascii_end);
    name.is_some_and(|name| name.ends_with(b"\"items\"") || name.ends_with(b"\"rows\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};
    use std::fmt::Write as _;

    /// What comes of `text` in chunks of `size`, a line each, with the rest.
    fn parts(text: &str, size: usize) -> String {
        let (mut list, mut out) = (List::default(), String::new());
        for chunk in text.as_bytes().chunks(size) {
            let each = |part: Part<'_>| {
                let (Part::Head(text) | Part::Object(text)) = part;
                writeln!(out, "{}", String::from_utf8_lossy(text)).unwrap();
                Ok(())
            };
            if let Err(fault) = list.feed(chunk, each) {
                return format!("{out}{fault}\n");
            }
        }
        match list.rest() {
            Ok(rest) => format!("{out}rest {}\n", String::from_utf8_lossy(&rest)),
            Err(fault) => format!("{out}{fault}\n"),
        }
    }

    fn check(text: &str, expected: &Expect) {
        let whole = parts(text, text.len());
        expected.assert_eq(&whole);
        for size in 1..text.len() {
            assert_eq!(parts(text, size), whole, "in chunks of {size}");
        }
    }

    #[test]
    fn objects_come_one_by_one() {
        check(
            r#"{"kind":"PodList","metadata":{"resourceVersion":"7"},"items":[{"a":"]},{[\\","b":[1,{"c":"\""}]}, {"items":[{}]} ]}"#,
            &expect![[r#"
                {"kind":"PodList","metadata":{"resourceVersion":"7"},"items":[]}
                {"a":"]},{[\\","b":[1,{"c":"\""}]}
                {"items":[{}]}
                rest {"kind":"PodList","metadata":{"resourceVersion":"7"},"items":[]}
            "#]],
        );
        check(
            r#"{"apiVersion":"a/v1","items":[{"a":1}],"kind":"FooList","metadata":{"resourceVersion":"7"}}"#,
            &expect![[r#"
                {"apiVersion":"a/v1","items":[]}
                {"a":1}
                rest {"apiVersion":"a/v1","items":[],"kind":"FooList","metadata":{"resourceVersion":"7"}}
            "#]],
        );
        check(
            r#"{"columnDefinitions":[{"name":"Type"}], "rows" : [{"cells":["x"]},7]}"#,
            &expect![[r#"
                {"columnDefinitions":[{"name":"Type"}], "rows" : []}
                {"cells":["x"]}
                7
                rest {"columnDefinitions":[{"name":"Type"}], "rows" : []}
            "#]],
        );
    }

    #[test]
    fn lists_without_objects() {
        check(
            r#"{"items":[]}"#,
            &expect![[r#"
            {"items":[]}
            rest {"items":[]}
        "#]],
        );
        check(
            r#"{"metadata":{},"items":null}"#,
            &expect![[r#"
            rest {"metadata":{},"items":null}
        "#]],
        );
        check(
            "<html>",
            &expect![[r#"
            rest <html>
        "#]],
        );
    }

    #[test]
    fn torn_lists() {
        check(
            r#"{"items":[{"a":1},{"b""#,
            &expect![[r#"
            {"items":[]}
            {"a":1}
            malformed: a list whose brackets do not match
        "#]],
        );
        check(
            r#"{"items":[]}}"#,
            &expect![[r#"
            {"items":[]}
            malformed: a list whose brackets do not match
        "#]],
        );
    }

    #[test]
    fn endless_lists_are_refused() {
        let mut list = List::default();
        let fed = (0..20).try_for_each(|_| list.feed(&vec![b' '; 1 << 20], |_| Ok(())));
        let error = fed.unwrap_err().to_string();
        assert_eq!(error, "malformed: a list with more than 1 MiB beside its objects");
        let mut list = List::default();
        list.feed(b"{\"items\":[{\"", |_| Ok(())).unwrap();
        let fed = (0..20).try_for_each(|_| list.feed(&vec![b'x'; 1 << 20], |_| Ok(())));
        assert_eq!(fed.unwrap_err().to_string(), "malformed: an object of more than 16 MiB");
    }
}
