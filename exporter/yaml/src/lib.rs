//! YAML as a tree that keeps what a configuration needs: scalars as they are written (`1.10` stays
//! `1.10`, as Go programs read it into a text) and the line of each, for messages; and a mapping's keys
//! by name, of which unknown ones are errors.
//!
//! Of a stream the first document is read; anchors, aliases and merge keys (`<<`) are followed.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod fields;

pub use fields::{Within, fields, flag, list, map, nearest, text, texts};

use granit_parser::{Event, Parser, ScalarStyle};
use std::{collections::HashMap, fmt};

/// A value and its line: that of its key in a mapping, or the one on which it begins.
#[derive(Clone, Debug)]
pub struct Node {
    /// The line, from 1.
    pub line: usize,
    /// What it is.
    pub content: Content,
}

/// What a value is.
#[derive(Clone, Debug)]
pub enum Content {
    /// Nothing, `~` or `null`.
    Null,
    /// A text as it is written.
    Scalar(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping; keys are distinct.
    Map(Vec<(String, Node)>),
}

/// What is wrong with a configuration, and where.
#[derive(Debug)]
pub struct Fault {
    line: usize,
    /// From the innermost key outwards.
    trail: Vec<String>,
    what: String,
}

/// What is being read: a collection that has not ended.
struct Open {
    line: usize,
    anchor: usize,
    entries: Entries,
}

enum Entries {
    List(Vec<Node>),
    Map { pairs: Vec<(String, Node)>, key: Option<Node>, merged: Vec<Node> },
}

/// Collections within collections; no configuration has a tenth.
const MAX_DEPTH: usize = 64;
/// Values in all, those that aliases stand for included.
const MAX_NODES: usize = 1 << 18;

/// The first document of `text`. Fails where it is no YAML, or there is none.
pub fn parse(text: &str) -> Result<Node, Fault> {
    let mut stack: Vec<Open> = Vec::new();
    let mut anchors: HashMap<usize, Node> = HashMap::new();
    let (mut nodes, mut document) = (0usize, None);
    for next in Parser::new_from_str(text) {
        let (event, span) = next.map_err(|error| {
            Fault::new(error.marker().line(), format!("is no YAML: {}", error.info()))
        })?;
        let line = span.start.line();
        let (node, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = matches!(style, ScalarStyle::Plain) && tag.is_none();
                let null = plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let content = if null { Content::Null } else { Content::Scalar(text.into_owned()) };
                (Node { line, content }, anchor)
            }
            Event::Alias(anchor) => {
                let Some(node) = anchors.get(&anchor) else {
                    return Err(Fault::new(line, "an alias within what it stands for"));
                };
                nodes = nodes.saturating_add(node.size());
                (Node { line, ..node.clone() }, 0)
            }
            Event::SequenceStart(..) | Event::MappingStart(..) if stack.len() >= MAX_DEPTH => {
                return Err(Fault::new(line, format!("nested deeper than {MAX_DEPTH}")));
            }
            Event::SequenceStart(_, anchor, _) => {
                stack.push(Open { line, anchor, entries: Entries::List(Vec::new()) });
                continue;
            }
            Event::MappingStart(_, anchor, _) => {
                let entries = Entries::Map { pairs: Vec::new(), key: None, merged: Vec::new() };
                stack.push(Open { line, anchor, entries });
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(Open { line, anchor, entries }) = stack.pop() else { continue };
                (Node { line, content: entries.close()? }, anchor)
            }
            _ => continue,
        };
        nodes = nodes.saturating_add(1);
        if nodes > MAX_NODES {
            return Err(Fault::new(line, format!("more than {MAX_NODES} values")));
        }
        if anchor > 0 {
            anchors.insert(anchor, node.clone());
        }
        match stack.last_mut() {
            Some(open) => open.entries.add(node)?,
            None if document.is_none() => document = Some(node),
            None if matches!(node.content, Content::Null) => {}
            None => return Err(Fault::new(node.line, "a second document; one file has one")),
        }
    }
    document.ok_or_else(|| Fault::new(1, "nothing stands in it"))
}

// === impl Entries ===

impl Entries {
    fn add(&mut self, node: Node) -> Result<(), Fault> {
        match self {
            Self::List(items) => items.push(node),
            Self::Map { pairs, key, merged } => match key.take() {
                None => *key = Some(node),
                Some(Node { line, content: Content::Scalar(key) }) if key == "<<" => {
                    match node.content {
                        Content::Map(_) => merged.push(node),
                        Content::List(items) => merged.extend(items),
                        _ => return Err(Fault::new(line, "<<: expected a mapping to merge")),
                    }
                }
                Some(Node { line, content: Content::Scalar(key) }) => {
                    if pairs.iter().any(|(known, _)| *known == key) {
                        return Err(Fault::new(line, format!("{key} stands twice")));
                    }
                    pairs.push((key, Node { line, ..node }));
                }
                Some(Node { line, .. }) => {
                    return Err(Fault::new(line, "expected a text as the key of a mapping"));
                }
            },
        }
        Ok(())
    }

    fn close(self) -> Result<Content, Fault> {
        let (mut pairs, merged) = match self {
            Self::List(items) => return Ok(Content::List(items)),
            Self::Map { pairs, merged, .. } => (pairs, merged),
        };
        for Node { line, content } in merged {
            let Content::Map(more) = content else {
                return Err(Fault::new(line, "<<: expected a mapping to merge"));
            };
            for (key, node) in more {
                if !pairs.iter().any(|(known, _)| *known == key) {
                    pairs.push((key, node));
                }
            }
        }
        Ok(Content::Map(pairs))
    }
}

// === impl Node ===

impl Node {
    /// How many values it is made of.
    fn size(&self) -> usize {
        match &self.content {
            Content::Null | Content::Scalar(_) => 1,
            Content::List(items) => 1 + items.iter().map(Self::size).sum::<usize>(),
            Content::Map(pairs) => 1 + pairs.iter().map(|(_, node)| node.size()).sum::<usize>(),
        }
    }

    /// The value at a key, whatever else is wrong.
    pub fn peek(&self, key: &str) -> Option<&Self> {
        let Content::Map(pairs) = &self.content else { return None };
        pairs.iter().find(|(known, _)| known == key).map(|(_, node)| node)
    }

    /// That it is something else than what was expected.
    pub fn is_not(&self, expected: &str) -> Fault {
        Fault::new(self.line, format!("expected {expected}, found {}", self.found()))
    }

    /// What it is, for messages.
    fn found(&self) -> String {
        match &self.content {
            Content::Null => "nothing".to_owned(),
            Content::Scalar(text) => format!("{text:?}"),
            Content::List(_) => "a list".to_owned(),
            Content::Map(_) => "a mapping".to_owned(),
        }
    }
}

// === impl Fault ===

impl Fault {
    /// Something that is wrong on a line.
    pub fn new(line: usize, what: impl Into<String>) -> Self {
        Self { line, trail: Vec::new(), what: what.into() }
    }

    /// Says that what is wrong stands within something.
    #[must_use]
    pub fn within(mut self, what: impl Into<String>) -> Self {
        self.trail.push(what.into());
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        for part in self.trail.iter().rev() {
            write!(f, "{part}: ")?;
        }
        f.write_str(&self.what)
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(node: &Node) -> String {
        match &node.content {
            Content::Null => "null".to_owned(),
            Content::Scalar(text) => format!("{text:?}"),
            Content::List(items) => {
                format!("[{}]", items.iter().map(shape).collect::<Vec<_>>().join(", "))
            }
            Content::Map(pairs) => {
                let pairs = pairs.iter().map(|(key, node)| format!("{key}: {}", shape(node)));
                format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
            }
        }
    }

    fn parsed(text: &str) -> String {
        parse(text).map_or_else(|fault| fault.to_string(), |node| shape(&node))
    }

    #[test]
    fn scalars_stay_as_they_are_written() {
        assert_eq!(
            parsed("a: [1.10, 007, yes, ~, '', null, \"null\"]\nb:\n"),
            r#"{a: ["1.10", "007", "yes", null, "", null, "null"], b: null}"#
        );
        assert_eq!(parsed("a: |\n  x\n  y\n"), r#"{a: "x\ny\n"}"#);
        assert_eq!(parsed("# c\n---\na: b # d\n---\n"), r#"{a: "b"}"#);
    }

    #[test]
    fn anchors_aliases_and_merges() {
        assert_eq!(
            parsed("x: &x {a: 1, b: [2]}\ny: *x\nz: {<<: *x, a: 3}\n"),
            r#"{x: {a: "1", b: ["2"]}, y: {a: "1", b: ["2"]}, z: {a: "3", b: ["2"]}}"#
        );
    }

    #[test]
    fn faults_name_the_line() {
        assert_eq!(parsed("a: 1\nb: 2\na: 3\n"), "line 3: a stands twice");
        assert_eq!(parsed("a: 1\n---\nb: 2\n"), "line 3: a second document; one file has one");
        assert_eq!(parsed("[a]: 1\n"), "line 1: expected a text as the key of a mapping");
        assert_eq!(parsed(""), "line 1: nothing stands in it");
        assert!(parsed("a: [\n").contains("is no YAML"), "{}", parsed("a: [\n"));
        let deep = ["[".repeat(70), "]".repeat(70)].concat();
        assert_eq!(parsed(&deep), "line 1: nested deeper than 64");
    }

    #[test]
    fn aliases_do_not_multiply_without_end() {
        let mut text = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for (name, before) in ["b", "c", "d", "e", "f", "g"].iter().zip("abcdef".chars()) {
            let ten = vec![format!("*{before}"); 10].join(", ");
            text.extend([name, ": &", name, " [", &ten, "]\n"]);
        }
        assert!(parsed(&text).contains("more than 262144 values"));
    }
}
