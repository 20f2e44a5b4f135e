//! Which units a name set serves: a fully anchored include and exclude, both of which may be given,
//! as both peers have them. A unit is asked about once: the verdict is kept with the unit.

use collect::{Error, Opt, Options, Result};
use regex_lite::Regex;

#[derive(Debug)]
pub(crate) struct Filter {
    include: Regex,
    exclude: Option<Regex>,
}

// === impl Filter ===

impl Filter {
    /// Fails where a pattern is no regular expression.
    pub(crate) fn new(options: &Options, include: &Opt, exclude: &Opt) -> Result<Self> {
        let exclude = match options.text(exclude) {
            "" => None,
            _ => Some(anchored(options, exclude)?),
        };
        Ok(Self { include: anchored(options, include)?, exclude })
    }

    pub(crate) fn keeps(&self, name: &str) -> bool {
        self.include.is_match(name) && !self.exclude.as_ref().is_some_and(|r| r.is_match(name))
    }
}

fn anchored(options: &Options, opt: &Opt) -> Result<Regex> {
    let text = options.text(opt);
    Regex::new(&format!("^(?:{text})$")).map_err(|error| Error::Option {
        option: opt.name.to_owned(),
        what: format!("{text:?} is no regular expression: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_anchored_and_both_count() {
        let mut options = Options::default();
        let (include, exclude) = (Opt::text("i", ".+", ""), Opt::text("e", r".+\.(device)", ""));
        let keeps = |options: &Options, name: &str| {
            Filter::new(options, &include, &exclude).map(|f| f.keeps(name)).ok()
        };
        assert_eq!(keeps(&options, "a.device"), Some(false));
        assert_eq!(keeps(&options, "a.devices"), Some(true));
        options.set("i", vec!["a|b".to_owned()]);
        options.set("e", vec![String::new()]);
        assert_eq!(keeps(&options, "ab"), Some(false));
        assert_eq!(keeps(&options, "b"), Some(true));
        options.set("i", vec!["(".to_owned()]);
        assert_eq!(keeps(&options, "b"), None);
    }
}
