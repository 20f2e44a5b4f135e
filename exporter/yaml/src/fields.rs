//! A mapping's values by the names that a configuration knows.

use crate::{Content, Fault, Node};

type Result<T> = std::result::Result<T, Fault>;

/// The values at `known` keys of a mapping, which has no others. Nothing is a mapping without keys.
pub fn fields<'n, const N: usize>(
    node: &'n Node,
    known: [&str; N],
) -> Result<[Option<&'n Node>; N]> {
    let pairs = map(Some(node))?;
    if let Some((key, node)) = pairs.iter().find(|(key, _)| !known.contains(&key.as_str())) {
        let hint = nearest(key, &known);
        return Err(Fault::new(node.line, format!("unknown key {key:?}{hint}")));
    }
    Ok(known.map(|name| pairs.iter().find(|(key, _)| key == name).map(|(_, node)| node)))
}

/// The pairs of a mapping; none of nothing.
pub fn map(node: Option<&Node>) -> Result<&[(String, Node)]> {
    match node.map(|node| (&node.content, node)) {
        None | Some((Content::Null, _)) => Ok(&[]),
        Some((Content::Map(pairs), _)) => Ok(pairs),
        Some((_, node)) => Err(node.is_not("a mapping")),
    }
}

/// The items of a list; none of nothing.
pub fn list(node: Option<&Node>) -> Result<&[Node]> {
    match node.map(|node| (&node.content, node)) {
        None | Some((Content::Null, _)) => Ok(&[]),
        Some((Content::List(items), _)) => Ok(items),
        Some((_, node)) => Err(node.is_not("a list, such as [a, b]")),
    }
}

/// A scalar as it is written; the empty one of nothing.
pub fn text(node: Option<&Node>) -> Result<String> {
    match node.map(|node| (&node.content, node)) {
        None | Some((Content::Null, _)) => Ok(String::new()),
        Some((Content::Scalar(text), _)) => Ok(text.clone()),
        Some((_, node)) => Err(node.is_not("a text")),
    }
}

/// A list of scalars.
pub fn texts(node: Option<&Node>) -> Result<Vec<String>> {
    list(node)?.iter().map(|node| text(Some(node))).collect()
}

/// A switch in the words of YAML 1.1; off for nothing.
pub fn flag(node: Option<&Node>) -> Result<bool> {
    let given = text(node)?;
    match (&*given, node) {
        ("true" | "True" | "TRUE" | "yes" | "on", _) => Ok(true),
        ("" | "false" | "False" | "FALSE" | "no" | "off", _) | (_, None) => Ok(false),
        (_, Some(node)) => Err(node.is_not("true or false")),
    }
}

/// The known name that is nearest to what was written, as a question.
pub fn nearest(written: &str, known: &[&str]) -> String {
    let distance =
        |name: &&&str| strsim::damerau_levenshtein(&written.to_lowercase(), &name.to_lowercase());
    match known.iter().min_by_key(distance) {
        Some(name) if distance(&name) <= name.len().max(written.len()) / 2 => {
            format!("; did you mean {name}?")
        }
        _ => format!("; expected one of {}", known.join(", ")),
    }
}

/// [`Fault::within`] of results.
pub trait Within {
    /// Says that what is wrong stands within something.
    #[must_use]
    fn within(self, what: impl Into<String>) -> Self;
}

impl<T> Within for Result<T> {
    fn within(self, what: impl Into<String>) -> Self {
        self.map_err(|fault| fault.within(what))
    }
}
