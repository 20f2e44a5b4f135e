//! The flags of `hybrid-exporter compare`. It takes none of the server's.

use super::texts;
use crate::{
    compare::{Comparison, MAX_BYTES, Rules, Side},
    config::Error,
};
use clap::{Arg, ArgAction, ArgMatches, Command};
use collect::Filter;
use std::{path::PathBuf, time::Duration};
use upstream::{Credentials, Question};

const NOTES: &str = "\
A line begins with what differs: line (one that is no sample), family, type, help, labels, series or value. \
Families without samples, times of samples, and the order of labels are no difference. Both sides are read at \
the same time; let --right be a part, such as /metrics/node, to compare it with what it stands in for.

Exit status: 0 where nothing differs, 1 where something does, 2 where a side cannot be read, 64 where a flag \
is wrong.";

/// The flags of one side, and what each is for.
const CREDENTIALS: [(&str, &str, &str); 6] = [
    ("token-file", "PATH", "The file of a bearer token"),
    (
        "ca-file",
        "PATH",
        "The authorities that sign the server's certificate, PEM; default the machine's",
    ),
    ("cert-file", "PATH", "A client's certificate, PEM"),
    ("key-file", "PATH", "Its key, PEM"),
    ("server-name", "NAME", "The name in the server's certificate, where it is not the URL's"),
    ("insecure-skip-verify", "", "Believe whoever answers, who then has the token"),
];

/// The command with its flags.
pub(super) fn command() -> Command {
    Command::new("compare").about("Print in what two expositions differ and end").defer(|command| {
        let text = |name: &'static str, value: &'static str, help: &'static str| {
            Arg::new(name).long(name).value_name(value).help(help)
        };
        let switch = |name: &'static str, help: &'static str| {
            Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
        };
        let command = command
            .args_override_self(true)
            .next_line_help(true)
            .arg(text("left", "SOURCE", "What is there today: a URL, a file, or - for standard input").required(true))
            .arg(text("right", "SOURCE", "What is to take its place").required(true))
            .arg(text("families", "REGEX", "Only these families"))
            .arg(
                text("ignore-labels", "NAMES", "Labels that are not looked at, separated by commas")
                    .action(ArgAction::Append),
            )
            .arg(switch("allow-more", "What only the right side has is no difference"))
            .arg(switch("help-texts", "Compare what HELP says, too"))
            .arg(switch("values", "Compare values, too"))
            .arg(text(
                "tolerance",
                "PART",
                "The part of the greater value by which two may differ [0.05]; 0 is exactly. Asks for --values",
            ))
            .arg(text("limit", "NUMBER", "Lines about series, and about values, of one family [10]; 0 is all"))
            .arg(text("timeout", "TIME", "How long reading may take [30s]"))
            .after_help(NOTES);
        let sides = ["left", "right"].into_iter().flat_map(|side| {
            CREDENTIALS.map(|(name, value, help)| {
                let name = format!("{side}.{name}");
                let heading = format!("Who asks the {side} side, and whom to believe");
                let arg = Arg::new(name.clone()).long(name).help(help).help_heading(heading);
                if value.is_empty() { arg.action(ArgAction::SetTrue) } else { arg.value_name(value) }
            })
        });
        command.args(sides)
    })
}

/// What the flags ask for.
pub(super) fn comparison(matches: &ArgMatches) -> Result<Comparison, Error> {
    let wrong = |name: &str, what: String| Error::Value { name: format!("--{name}"), what };
    let text = |name: &str| texts(matches, name).and_then(|texts| texts.into_iter().next_back());
    let timeout = match text("timeout") {
        None => Duration::from_secs(30),
        Some(text) => {
            collect::parse_duration(&text).filter(|time| !time.is_zero()).ok_or_else(|| {
                wrong("timeout", format!("expected a time such as 30s, found {text:?}"))
            })?
        }
    };
    let limit = match text("limit") {
        None => 10,
        Some(text) => text
            .parse()
            .map_err(|_| wrong("limit", format!("expected a number, found {text:?}")))?,
    };
    let tolerance = match text("tolerance") {
        None => matches.get_flag("values").then_some(0.05),
        Some(text) => match text.parse() {
            Ok(part) if (0.0..=1.0).contains(&part) => Some(part),
            _ => {
                let what = format!("expected a number from 0 to 1, found {text:?}");
                return Err(wrong("tolerance", what));
            }
        },
    };
    let pattern = text("families").unwrap_or_default();
    let families = Filter::matching(&pattern).map_err(|what| wrong("families", what))?;
    let ignored = texts(matches, "ignore-labels").unwrap_or_default();
    let ignored = ignored.iter().flat_map(|names| names.split(','));
    let ignored = ignored.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    let rules = Rules {
        helps: matches.get_flag("help-texts"),
        ignored: ignored.collect(),
        tolerance,
        more: matches.get_flag("allow-more"),
        limit,
    };
    let side = |name: &str| side(matches, name, timeout).map_err(|what| wrong(name, what));
    let (left, right) = (side("left")?, side("right")?);
    if matches!((&left, &right), (Side::Input, Side::Input)) {
        return Err(wrong("right", "expected another side than --left, found -".to_owned()));
    }
    Ok(Comparison { left, right, families, rules, timeout })
}

fn side(matches: &ArgMatches, side: &str, timeout: Duration) -> Result<Side, String> {
    let text = |name: &str| texts(matches, name).and_then(|texts| texts.into_iter().next_back());
    let of = |name: &str| text(&format!("{side}.{name}"));
    let file = |name: &str| of(name).map(PathBuf::from);
    let credentials = Credentials {
        insecure_skip_verify: matches.get_flag(&format!("{side}.insecure-skip-verify")),
        ca_file: file("ca-file"),
        server_name: of("server-name"),
        token_file: file("token-file"),
        cert_file: file("cert-file"),
        key_file: file("key-file"),
    };
    let source = text(side).unwrap_or_default();
    if source.contains("://") {
        let question = Question::new(&source, credentials, timeout, MAX_BYTES)?;
        return Ok(Side::Url(source, Box::new(question)));
    }
    if credentials != Credentials::default() {
        return Err(format!("expected a URL where --{side}.… are given, found {source:?}"));
    }
    Ok(match &*source {
        "" => return Err("expected a URL, a file, or -".to_owned()),
        "-" => Side::Input,
        path => Side::File(PathBuf::from(path)),
    })
}
