//! Flags of the part `journal`.

use collect::{Error, Opt, Options, Result};

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
