//! A stream of bytes as the lines of a watch: one JSON event each.

use crate::fault::{Fault, Reason};
use memchr::memchr;
use std::{
    mem,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

/// The longest event or object. etcd takes objects of 1.5 MiB; their JSON with its event is not ten times that.
const MAX_EVENT: usize = 16 << 20;
/// The most of what has not come whole yet, over all watches: a process has as many of them as
/// there are resources and namespaces.
const MAX_HELD: usize = 64 << 20;
/// A buffer that grew beyond this for one of them is given back after it.
const KEPT: usize = 64 << 10;

/// What all watches hold of them, beyond what each keeps anyway.
static HELD: AtomicUsize = AtomicUsize::new(0);

/// Splits what comes into lines; holds no more than one event and one chunk.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    event: Held,
}

/// The begin of something that has not come whole yet.
#[derive(Debug, Default)]
pub(crate) struct Held {
    buffer: Vec<u8>,
    /// What it has beyond what is kept, as it is counted among what all hold.
    counted: usize,
}

/// An event of a watch.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Event<'a> {
    pub(crate) kind: Kind,
    /// The object's JSON.
    pub(crate) object: &'a [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Added,
    Modified,
    Deleted,
    Bookmark,
    Error,
    /// A kind that is not known here: of a later version of the API.
    Other,
}

// === impl Frames ===

impl Frames {
    /// Takes a chunk and gives each line that it completes to `each`, until that fails.
    pub(crate) fn feed(
        &mut self,
        mut chunk: &[u8],
        mut each: impl FnMut(&[u8]) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        while let Some(at) = memchr(b'\n', chunk) {
            let (line, rest) = chunk.split_at_checked(at + 1).unwrap_or((chunk, &[]));
            chunk = rest;
            self.event.complete(line, &mut each)?;
        }
        self.event.take(chunk, "an event")
    }
}

// === impl Held ===

impl Held {
    /// Takes a piece that is not the last one of `what`.
    pub(crate) fn take(&mut self, piece: &[u8], what: &str) -> Result<(), Fault> {
        if self.buffer.len() + piece.len() > MAX_EVENT {
            let detail = format!("{what} of more than {} MiB", MAX_EVENT >> 20);
            return Err(Fault::new(Reason::Malformed, detail));
        }
        self.buffer.extend_from_slice(piece);
        if self.count() > MAX_HELD && self.counted > 0 {
            let detail = format!("pieces of {what} and others of more than {} MiB", MAX_HELD >> 20);
            return Err(Fault::new(Reason::Malformed, detail));
        }
        Ok(())
    }

    /// Gives all of it, of which this is the last piece, without the blanks around it.
    pub(crate) fn complete(
        &mut self,
        piece: &[u8],
        each: impl FnOnce(&[u8]) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        if self.buffer.is_empty() {
            return each(piece.trim_ascii());
        }
        self.buffer.extend_from_slice(piece);
        let done = each(self.buffer.trim_ascii());
        self.buffer.clear();
        self.buffer.shrink_to(KEPT);
        self.count();
        done
    }

    /// Has what it holds counted; gives what all hold.
    fn count(&mut self) -> usize {
        let before = mem::replace(&mut self.counted, self.buffer.capacity().saturating_sub(KEPT));
        if before != self.counted {
            HELD.fetch_add(self.counted, Relaxed);
            HELD.fetch_sub(before, Relaxed);
        }
        HELD.load(Relaxed)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        HELD.fetch_sub(self.counted, Relaxed);
    }
}

// === impl Event ===

impl<'a> Event<'a> {
    pub(crate) fn parse(line: &'a [u8]) -> Result<Self, Fault> {
        // What the API server writes, without a second look at the object's bytes: whoever takes the
        // object parses it.
        const PREFIXES: [(Kind, &[u8]); 5] = [
            (Kind::Modified, br#"{"type":"MODIFIED","object":"#),
            (Kind::Added, br#"{"type":"ADDED","object":"#),
            (Kind::Deleted, br#"{"type":"DELETED","object":"#),
            (Kind::Bookmark, br#"{"type":"BOOKMARK","object":"#),
            (Kind::Error, br#"{"type":"ERROR","object":"#),
        ];
        for (kind, prefix) in PREFIXES {
            let object = line.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(b"}"));
            if let Some(object) = object.filter(|object| object.ends_with(b"}")) {
                return Ok(Self { kind, object });
            }
        }
        let event: Spelt<'a> = serde_json::from_slice(line)
            .map_err(|error| Fault::new(Reason::Malformed, format!("an event: {error}")))?;
        let kind = match &*event.kind {
            "ADDED" => Kind::Added,
            "MODIFIED" => Kind::Modified,
            "DELETED" => Kind::Deleted,
            "BOOKMARK" => Kind::Bookmark,
            "ERROR" => Kind::Error,
            _ => Kind::Other,
        };
        Ok(Self { kind, object: event.object.get().as_bytes() })
    }
}

/// An event in any spelling of its JSON.
#[derive(serde::Deserialize)]
struct Spelt<'a> {
    #[serde(rename = "type", borrow)]
    kind: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    object: &'a serde_json::value::RawValue,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_in_any_pieces() {
        let text = b"{\"a\":1}\n\n{\"b\":2}\r\n{\"c\"";
        for size in 1..text.len() {
            let (mut frames, mut lines) = (Frames::default(), Vec::new());
            for chunk in text.chunks(size) {
                let each = |line: &[u8]| {
                    lines.push(String::from_utf8(line.to_vec()).unwrap());
                    Ok(())
                };
                frames.feed(chunk, each).unwrap();
            }
            assert_eq!(lines, ["{\"a\":1}", "", "{\"b\":2}"], "{size}");
        }
    }

    #[test]
    fn endless_lines_are_refused() {
        let mut frames = Frames::default();
        let fed = (0..20).try_for_each(|_| frames.feed(&vec![b'x'; 1 << 20], |_| Ok(())));
        assert_eq!(fed.unwrap_err().to_string(), "malformed: an event of more than 16 MiB");
        drop(frames);
        // Those of many watches are refused together.
        let mut all: Vec<_> = (0..20).map(|_| Frames::default()).collect();
        let chunk = vec![b'x'; 1 << 20];
        let fed = (0..15).flat_map(|_| 0..20).find_map(|at| all[at].feed(&chunk, |_| Ok(())).err());
        let error = fed.unwrap().to_string();
        assert_eq!(error, "malformed: pieces of an event and others of more than 64 MiB");
        // A short event comes through all the same, and what has ended is held no more.
        all.truncate(5);
        assert!(all.iter().all(|frames| frames.event.counted > 0));
        let mut small = Frames::default();
        small.feed(b"{\"a\"", |_| Ok(())).unwrap();
        drop(all);
        let mut after = Frames::default();
        (0..10).try_for_each(|_| after.feed(&chunk, |_| Ok(()))).unwrap();
        after.feed(b"\n", |_| Ok(())).unwrap();
        assert_eq!(after.event.counted, 0);
    }

    #[test]
    fn events_in_any_spelling() {
        for (line, kind, object) in [
            (r#"{"type":"ADDED","object":{"a":{}}}"#, Kind::Added, r#"{"a":{}}"#),
            (r#"{ "type": "ADDED", "object": {"a":{}} }"#, Kind::Added, r#"{"a":{}}"#),
            (r#"{"object":{"b":1},"type":"DELETED"}"#, Kind::Deleted, r#"{"b":1}"#),
            (r#"{"type":"NEW","object":{}}"#, Kind::Other, "{}"),
        ] {
            let event = Event { kind, object: object.as_bytes() };
            assert_eq!(Event::parse(line.as_bytes()).unwrap(), event, "{line}");
        }
        for line in ["", "{}", "null", r#"{"type":"ADDED"}"#, r#"{"type":"ADDED","object":{}"#] {
            assert_eq!(
                Event::parse(line.as_bytes()).unwrap_err().reason,
                Reason::Malformed,
                "{line}"
            );
        }
    }
}
