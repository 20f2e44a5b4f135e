//! Options of collectors: declared beside the collector, given by flag, environment or file.

use std::collections::BTreeMap;

/// An option of a collector: one declaration for the flag, the file's key and the docs.
#[derive(Clone, Copy, Debug)]
pub struct Opt {
    /// The flag's full name without dashes, such as `collector.netdev.device-exclude`.
    pub name: &'static str,
    /// What it does, one sentence.
    pub doc: &'static str,
    /// What values it takes, and the default.
    pub kind: OptKind,
    /// Names that peers used before and that still work, undocumented.
    pub aliases: &'static [&'static str],
    /// Whether `--help` leaves it out.
    pub hidden: bool,
}

/// What values an option takes, and its default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptKind {
    /// On or off; `--no-NAME` turns it off.
    Switch(bool),
    /// Any text, a regular expression or a number.
    Text(&'static str),
    /// Any number of texts; the flag may be repeated.
    List,
}

/// The values that were given; an option that was not given has its default.
#[derive(Clone, Debug, Default)]
pub struct Options(BTreeMap<String, Vec<String>>);

// === impl Opt ===

impl Opt {
    /// An option that is on or off.
    pub const fn switch(name: &'static str, default: bool, doc: &'static str) -> Self {
        Self { name, doc, kind: OptKind::Switch(default), aliases: &[], hidden: false }
    }

    /// An option with a text.
    pub const fn text(name: &'static str, default: &'static str, doc: &'static str) -> Self {
        Self { name, doc, kind: OptKind::Text(default), aliases: &[], hidden: false }
    }

    /// An option that may be repeated.
    pub const fn list(name: &'static str, doc: &'static str) -> Self {
        Self { name, doc, kind: OptKind::List, aliases: &[], hidden: false }
    }

    /// The option with names that it had before.
    #[must_use]
    pub const fn aliases(self, aliases: &'static [&'static str]) -> Self {
        Self { aliases, ..self }
    }

    /// The option left out of `--help`.
    #[must_use]
    pub const fn hidden(self) -> Self {
        Self { hidden: true, ..self }
    }
}

// === impl Options ===

impl Options {
    /// Sets an option's values by its full name; a switch has the one value `true` or `false`.
    pub fn set(&mut self, name: &str, values: Vec<String>) {
        self.0.insert(name.to_owned(), values);
    }

    /// Whether the option was given.
    pub fn is_set(&self, option: &Opt) -> bool {
        self.0.contains_key(option.name)
    }

    /// Whether a switch is on.
    pub fn switch(&self, option: &Opt) -> bool {
        match (self.last(option), option.kind) {
            (Some(text), _) => text == "true",
            (None, OptKind::Switch(default)) => default,
            (None, _) => false,
        }
    }

    /// An option's text.
    pub fn text<'a>(&'a self, option: &Opt) -> &'a str {
        match (self.last(option), option.kind) {
            (Some(text), _) => text,
            (None, OptKind::Text(default)) => default,
            (None, _) => "",
        }
    }

    /// The texts of an option that may be repeated.
    pub fn list(&self, option: &Opt) -> &[String] {
        self.0.get(option.name).map_or(&[], Vec::as_slice)
    }

    fn last(&self, option: &Opt) -> Option<&str> {
        self.0.get(option.name)?.last().map(String::as_str)
    }
}
