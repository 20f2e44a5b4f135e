//! Flags of the part `journal`.

use collect::{Error, Opt, Options, Result};
use std::time::Duration;

/// Whether the journal is read.
pub const MODE: Opt = Opt::text(
    "journal",
    "auto",
    "Count the journal's entries: auto where there is a journal, on where there must be, or off.",
);
pub(crate) const MAX_UNITS: Opt = Opt::text(
    "journal.max-units",
    "500",
    "Units that have series of their own; entries of others count as unit=other.",
);
pub(crate) const MAX_PATTERNS: Opt = Opt::text(
    "journal.max-patterns",
    "200",
    "Error patterns that have series; the one not seen for longest gives way. 0 turns them off.",
);
pub(crate) const LOOKBACK: Opt = Opt::text(
    "journal.lookback",
    "5m",
    "How far back events and kernel problems are counted at start-up where no position was kept.",
);
pub(crate) const PROBLEMS: Opt = Opt::switch(
    "journal.problem-metrics",
    false,
    "Serve problem_counter and problem_gauge too, as node-problem-detector names them.",
);
pub(crate) const RULES: Opt = Opt::list(
    crate::rules::OPTION,
    "Rules that count entries: texts of a KEY=VALUE a line (name, match.FIELD, max_series), \
     or mappings in the configuration file.",
);

/// A number up to `max`.
pub(crate) fn number(options: &Options, opt: &Opt, max: usize) -> Result<usize> {
    let text = options.text(opt);
    text.parse().ok().filter(|number| *number <= max).ok_or_else(|| Error::Option {
        option: opt.name.to_owned(),
        what: format!("expected a number from 0 to {max}, found {text:?}"),
    })
}

/// A duration: `90s`, `5m`, `2h`, `1d`, or seconds.
pub(crate) fn duration(options: &Options, opt: &Opt) -> Result<Duration> {
    let text = options.text(opt);
    parse_duration(text).ok_or_else(|| Error::Option {
        option: opt.name.to_owned(),
        what: format!("expected a duration such as 90s, 5m, 2h or 1d, found {text:?}"),
    })
}

/// A duration as flags have it: a number of seconds, or one followed by s, m, h or d.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = match text.char_indices().next_back()? {
        (_, last) if last.is_ascii_digit() => (text, 1),
        (at, 's') => (text.get(..at)?, 1),
        (at, 'm') => (text.get(..at)?, 60),
        (at, 'h') => (text.get(..at)?, 3600),
        (at, 'd') => (text.get(..at)?, 86_400),
        _ => return None,
    };
    let number: u32 = number.parse().ok()?;
    Some(Duration::from_secs(u64::from(number) * unit))
}
