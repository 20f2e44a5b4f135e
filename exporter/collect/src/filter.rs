//! Include and exclude patterns over names that the kernel chooses.

use crate::{Error, Opt, Options, Result};
use regex_lite::Regex;
use std::collections::HashMap;

/// Which names a collector keeps: those that match the include pattern, if there is one, less those
/// that match the exclude pattern. A pattern matches anywhere in the name, as Go's do.
///
/// Verdicts are remembered, so that a pattern costs once a name and not once a scrape.
#[derive(Debug, Default)]
pub struct Filter {
    include: Option<Regex>,
    exclude: Option<Regex>,
    verdicts: HashMap<Box<str>, bool>,
}

/// Names remembered; beyond it the memory starts anew, so that passing names cannot fill it.
const MAX_VERDICTS: usize = 8192;

// === impl Filter ===

impl Filter {
    /// A filter from a collector's include and exclude options; an empty pattern is none.
    ///
    /// Fails when a pattern is no regular expression, or when both are given on the command line
    /// (an exclude default gives way to an include).
    pub fn new(options: &Options, include: &Opt, exclude: &Opt) -> Result<Self> {
        let given = |option: &Opt| options.is_set(option) && !options.text(option).is_empty();
        if given(include) && given(exclude) {
            return Err(Error::Option {
                option: include.name.to_owned(),
                what: format!("cannot stand beside --{}; give one of the two", exclude.name),
            });
        }
        let included = pattern(options, include)?;
        let excluded = if given(include) { None } else { pattern(options, exclude)? };
        Ok(Self { include: included, exclude: excluded, verdicts: HashMap::new() })
    }

    /// A filter that keeps what matches one option's pattern; an empty pattern keeps everything.
    pub fn including(options: &Options, include: &Opt) -> Result<Self> {
        Ok(Self { include: pattern(options, include)?, ..Self::default() })
    }

    /// A filter that drops what matches one option's pattern; an empty pattern drops nothing.
    pub fn excluding(options: &Options, exclude: &Opt) -> Result<Self> {
        Ok(Self { exclude: pattern(options, exclude)?, ..Self::default() })
    }

    /// A filter that keeps what matches `pattern`; an empty one keeps everything.
    pub fn matching(pattern: &str) -> Result<Self, String> {
        Ok(Self { include: compiled(pattern)?, ..Self::default() })
    }

    /// Whether `name` is kept.
    pub fn keeps(&mut self, name: &str) -> bool {
        if self.include.is_none() && self.exclude.is_none() {
            return true;
        }
        if let Some(verdict) = self.verdicts.get(name) {
            return *verdict;
        }
        let verdict = self.include.as_ref().is_none_or(|r| r.is_match(name))
            && !self.exclude.as_ref().is_some_and(|r| r.is_match(name));
        if self.verdicts.len() >= MAX_VERDICTS {
            self.verdicts.clear();
        }
        self.verdicts.insert(name.into(), verdict);
        verdict
    }
}

fn pattern(options: &Options, option: &Opt) -> Result<Option<Regex>> {
    compiled(options.text(option))
        .map_err(|what| Error::Option { option: option.name.to_owned(), what })
}

fn compiled(pattern: &str) -> Result<Option<Regex>, String> {
    if pattern.is_empty() {
        return Ok(None);
    }
    let wrong = |error| format!("{pattern:?} is no regular expression: {error}");
    Regex::new(pattern).map(Some).map_err(wrong)
}
