//! The command line, made from the table of settings.
//!
//! It takes kingpin's forms, as `node_exporter` has them: `--name=value`, `--name value`, `--switch`
//! and `--no-switch`, of which the last one wins.

mod compare;

use crate::{
    compare::Comparison,
    config::{self, Config, Error},
    flags::{self, CONFIG_FILE, Flag, Values},
};
use clap::{Arg, ArgAction, ArgMatches, Command, error::ErrorKind};
use collect::OptKind;
use exposition::Format;
use std::{ffi::OsString, io::Write, time::SystemTime};

/// What the command line asks for.
#[derive(Debug)]
pub enum Task {
    /// Serve metrics.
    Serve(Box<Config>),
    /// Print one scrape and end.
    Metrics {
        /// The settings.
        config: Box<Config>,
        /// Collectors to run; all that are enabled where it is empty.
        collect: Vec<String>,
        /// The exposition format.
        format: Format,
    },
    /// Print the journal and end.
    Journal {
        /// The settings.
        config: Box<Config>,
        /// What to look for.
        query: journal::Query,
    },
    /// Print in what two expositions differ and end.
    Compare(Box<Comparison>),
    /// Check the settings and end.
    Check(Box<Config>),
    /// Print a text and end.
    Print(String),
}

const NAME: &str = "hybrid-exporter";
const ABOUT: &str = "One Prometheus exporter for Kubernetes nodes and plain systemd servers";
const NOTES: &str = "\
Every switch NAME has a --no-NAME; the last one given wins. Every flag can also be given as an \
environment variable, HYBRID_ and the name in upper case with _ for . and - \
(HYBRID_WEB_LISTEN_ADDRESS; lists are separated by commas), or in the file that --config.file \
names. A flag wins over the environment, the environment over the file.

Exit status: 0 after an orderly end, 1 where it cannot start, 64 where the configuration is wrong. \
`compare`: 0 where nothing differs, 1 where something does, 2 where a side cannot be read.";

/// Formats that `metrics --format` takes.
const FORMATS: [(&str, Format); 3] =
    [("text", Format::TEXT), ("openmetrics", Format::OPENMETRICS), ("protobuf", Format::PROTOBUF)];

/// Reads the command line, `environment` and the configuration file.
///
/// Fails on anything that is not understood; the message is for people.
pub fn parse(
    args: impl IntoIterator<Item = OsString>,
    environment: &[(String, String)],
) -> Result<Task, Error> {
    let matches = match command().try_get_matches_from(args) {
        Ok(matches) => matches,
        Err(error)
            if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) =>
        {
            return Ok(Task::Print(error.to_string()));
        }
        Err(error) => {
            let text = error.to_string();
            let text = text.strip_prefix("error: ").unwrap_or(&text).trim_end();
            return Err(Error::Usage(text.to_owned()));
        }
    };
    let flags = flags::all();
    let mut given = given(&flags, &matches);
    let Some((name, sub)) = matches.subcommand() else {
        return Ok(Task::Serve(Box::new(config::load(&flags, given, environment)?)));
    };
    if matches!(name, "metrics" | "check-config" | "journal") {
        given.extend(self::given(&flags, sub));
    }
    Ok(match name {
        "metrics" => Task::Metrics {
            config: Box::new(config::load(&flags, given, environment)?),
            collect: texts(sub, "collect").unwrap_or_default(),
            format: texts(sub, "format")
                .and_then(|names| names.into_iter().next_back())
                .and_then(|name| FORMATS.iter().find(|(n, _)| *n == name))
                .map_or(Format::TEXT, |(_, format)| *format),
        },
        "journal" => {
            let config = Box::new(config::load(&flags, given, environment)?);
            let query = query(sub, &config)?;
            Task::Journal { config, query }
        }
        "compare" => Task::Compare(Box::new(compare::comparison(sub)?)),
        "check-config" => Task::Check(Box::new(config::load(&flags, given, environment)?)),
        "config" => Task::Print(config::example(&flags)),
        "completions" => Task::Print(completions(sub)),
        _ => Task::Print(man()),
    })
}

/// What the command `journal` is to look for.
fn query(matches: &ArgMatches, config: &Config) -> Result<journal::Query, Error> {
    let text = |name: &str| texts(matches, name).and_then(|texts| texts.into_iter().next_back());
    let wrong = |name: &str, what: String| Error::Value { name: format!("--{name}"), what };
    let priority = text("priority")
        .map(|text| {
            let what = format!("expected emerg, alert, … debug or 0 to 7, found {text:?}");
            journal::priority(&text).ok_or_else(|| wrong("priority", what))
        })
        .transpose()?;
    let since = text("since").map(|text| {
        let what = format!(
            "expected 10m, 2h, a time such as 2026-01-02T03:04:05Z, or @SECONDS, found {text:?}"
        );
        since(&text, config.context.clock.now()).ok_or_else(|| wrong("since", what))
    });
    Ok(journal::Query {
        root: config.context.rootfs.as_path().to_owned(),
        unit: text("unit"),
        since: since.transpose()?.unwrap_or(0),
        priority,
        count: matches.get_flag("count"),
    })
}

/// A time, µs since 1970: how long ago, a date and time with its zone, or @ and seconds since 1970.
fn since(text: &str, now: SystemTime) -> Option<u64> {
    if let Some(seconds) = text.strip_prefix('@') {
        return seconds.parse::<u64>().ok()?.checked_mul(1_000_000);
    }
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Some(u64::try_from(time.as_microsecond()).unwrap_or(0));
    }
    let ago = collect::parse_duration(text)?;
    let time = now.checked_sub(ago)?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    u64::try_from(time.as_micros()).ok()
}

fn given(flags: &[Flag], matches: &ArgMatches) -> Values {
    let mut values = Values::new();
    let set = |id: &str| matches.get_flag(id);
    for flag in flags {
        let name = &*flag.name;
        let texts = match flag.kind {
            OptKind::Switch(_) if set(name) => Some(vec!["true".to_owned()]),
            OptKind::Switch(_) if set(&negation(name)) => Some(vec!["false".to_owned()]),
            OptKind::Switch(_) => None,
            OptKind::Text(_) | OptKind::List => texts(matches, name),
        };
        values.extend(texts.map(|texts| (name.to_owned(), texts)));
    }
    values.extend(texts(matches, CONFIG_FILE.name).map(|path| (CONFIG_FILE.name.to_owned(), path)));
    values
}

fn texts(matches: &ArgMatches, name: &str) -> Option<Vec<String>> {
    Some(matches.get_many::<String>(name)?.cloned().collect())
}

fn negation(name: &str) -> String {
    format!("no-{name}")
}

/// The command with its flags. Subcommands get theirs only when they are asked for.
fn command() -> Command {
    let shell = Arg::new("shell")
        .required(true)
        .value_name("SHELL")
        .value_parser(clap::value_parser!(clap_complete::Shell))
        .help("bash, elvish, fish, powershell or zsh");
    with_flags(Command::new(NAME), false)
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .after_help(NOTES)
        .args_override_self(true)
        .infer_long_args(false)
        .next_line_help(true)
        .disable_help_subcommand(true)
        .subcommand_negates_reqs(true)
        .subcommand(
            Command::new("metrics").about("Print one scrape to standard output and end").defer(
                |command| {
                    let formats: Vec<&str> = FORMATS.iter().map(|(name, _)| *name).collect();
                    with_flags(command, true)
                        .args_override_self(true)
                        .arg(
                            Arg::new("collect")
                                .long("collect")
                                .value_name("COLLECTOR")
                                .action(ArgAction::Append)
                                .help("Run this collector alone; may be repeated"),
                        )
                        .arg(
                            Arg::new("format")
                                .long("format")
                                .value_name("FORMAT")
                                .value_parser(formats)
                                .help("The exposition format; default text"),
                        )
                        .after_help("The server's flags apply too: see hybrid-exporter --help.")
                },
            ),
        )
        .subcommand(
            Command::new("journal").about("Print the journal's lines, or counts by unit").defer(
                |command| {
                    let text = |name: &'static str, value: &'static str, help: &'static str| {
                        Arg::new(name).long(name).value_name(value).help(help)
                    };
                    let count = Arg::new("count").long("count").action(ArgAction::SetTrue);
                    with_flags(command, true)
                        .args_override_self(true)
                        .arg(text("unit", "UNIT", "Only entries about this unit"))
                        .arg(text(
                            "since",
                            "TIME",
                            "Only since 10m, 2h or 1d ago, 2026-01-02T03:04:05Z, or @SECONDS",
                        ))
                        .arg(text(
                            "priority",
                            "PRIORITY",
                            "Only this priority and worse: err, warning, …, or 0 to 7",
                        ))
                        .arg(
                            count.help(
                                "Print how many entries there are by unit, in place of lines",
                            ),
                        )
                        .after_help("The server's flags apply too: see hybrid-exporter --help.")
                },
            ),
        )
        .subcommand(compare::command())
        .subcommand(Command::new("check-config").about("Check the configuration and end").defer(
            |command| {
                with_flags(command, true)
                    .args_override_self(true)
                    .after_help("The server's flags apply too: see hybrid-exporter --help.")
            },
        ))
        .subcommand(Command::new("config").about("Print an example of a configuration file"))
        .subcommand(Command::new("completions").about("Print completions for a shell").arg(shell))
        .subcommand(Command::new("man").about("Print the man page"))
}

fn with_flags(command: Command, hidden: bool) -> Command {
    let mut args = vec![
        Arg::new(CONFIG_FILE.name)
            .long(CONFIG_FILE.name)
            .value_name("PATH")
            .help(CONFIG_FILE.doc.trim_end_matches('.'))
            .hide(hidden),
    ];
    for flag in flags::all() {
        let hidden = hidden || flag.hidden;
        let name = flag.name.to_string();
        let arg = Arg::new(name.clone())
            .long(name.clone())
            .aliases(flag.aliases)
            .help_heading(flag.heading.to_string())
            .hide(hidden);
        let doc = flag.doc.trim_end_matches('.').to_owned();
        let arg = match flag.kind {
            OptKind::Switch(default) => {
                let no = negation(&name);
                args.push(
                    Arg::new(no.clone())
                        .long(no.clone())
                        .aliases(flag.aliases.iter().map(|alias| negation(alias)))
                        .action(ArgAction::SetTrue)
                        .overrides_with(&name)
                        .hide(true),
                );
                arg.help(format!("{doc} [{}]", if default { "on" } else { "off" }))
                    .action(ArgAction::SetTrue)
                    .overrides_with(no)
            }
            OptKind::Text(default) => {
                let default = match default {
                    "" => String::new(),
                    text => format!(" [{text}]"),
                };
                arg.help(doc + &default)
                    .value_name(flag.placeholder())
                    .allow_hyphen_values(true)
                    .value_parser(clap::value_parser!(String))
            }
            OptKind::List => arg.help(doc).value_name(flag.placeholder()).action(ArgAction::Append),
        };
        args.push(arg);
    }
    command.args(args)
}

fn completions(matches: &ArgMatches) -> String {
    let mut script = Vec::new();
    if let Some(shell) = matches.get_one::<clap_complete::Shell>("shell") {
        clap_complete::generate(*shell, &mut command(), NAME, &mut script);
    }
    String::from_utf8_lossy(&script).into_owned()
}

fn man() -> String {
    // clap's own synopsis names every flag.
    let synopsis = "[FLAG…] [COMMAND]";
    let man = clap_mangen::Man::new(command()).section("1");
    let mut page = Vec::new();
    let rendered = man.render_title(&mut page).and_then(|()| {
        man.render_name_section(&mut page)?;
        writeln!(page, ".SH SYNOPSIS\n\\fB{}\\fR {synopsis}", NAME.replace('-', "\\-"))?;
        man.render_description_section(&mut page)?;
        man.render_options_section(&mut page)?;
        man.render_subcommands_section(&mut page)?;
        man.render_extra_section(&mut page)?;
        man.render_version_section(&mut page)
    });
    match rendered {
        Ok(()) => String::from_utf8_lossy(&page).into_owned(),
        Err(error) => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(args: &[&str]) -> Result<Box<Config>, Error> {
        let args = ["hybrid-exporter"].iter().chain(args).map(OsString::from);
        match parse(args, &[])? {
            Task::Serve(config)
            | Task::Check(config)
            | Task::Metrics { config, .. }
            | Task::Journal { config, .. } => Ok(config),
            other @ (Task::Compare(_) | Task::Print(_)) => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_command_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn the_last_of_a_switch_wins() {
        let enabled = |args: &[&str]| {
            options(args).unwrap().enabled.iter().any(|spec| spec.name == "loadavg")
        };
        assert!(enabled(&[]));
        assert!(!enabled(&["--no-collector.loadavg"]));
        assert!(!enabled(&["--collector.loadavg", "--no-collector.loadavg"]));
        assert!(enabled(&["--no-collector.loadavg", "--collector.loadavg"]));
        assert!(!enabled(&["--collector.disable-defaults"]));
        assert!(enabled(&["--collector.disable-defaults", "--collector.loadavg"]));
        assert!(!enabled(&["--no-collector.loadavg", "check-config"]));
        assert!(enabled(&["--no-collector.loadavg", "check-config", "--collector.loadavg"]));
    }

    #[test]
    fn values_with_and_without_equals() {
        let config = options(&["--web.max-requests", "1", "--web.max-requests=2"]).unwrap();
        assert_eq!(config.max_requests, 2);
        let config = options(&["--runtime.gomaxprocs=4", "--path.procfs", "/host/proc"]).unwrap();
        assert_eq!(config.context.proc.as_path().to_str(), Some("/host/proc"));
    }

    #[test]
    fn times_to_look_from() {
        let now = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(10_000);
        let since = |text: &str| since(text, now);
        assert_eq!(since("10m"), Some(9_400_000_000));
        assert_eq!(since("2h"), Some(2_800_000_000));
        assert_eq!(since("@12"), Some(12_000_000));
        assert_eq!(since("1970-01-01T01:00:00.5+01:00"), Some(500_000));
        assert_eq!([since("yesterday"), since("5x"), since("1d"), since("")], [None; 4]);
        let error =
            parse(["x", "journal", "--priority", "9"].map(OsString::from), &[]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "--priority: expected emerg, alert, … debug or 0 to 7, found \"9\""
        );
    }

    #[test]
    fn unknown_flags_are_named_with_the_nearest() {
        let error = options(&["--colector.loadavg"]).unwrap_err().to_string();
        assert!(error.contains("'--colector.loadavg'"), "{error}");
        assert!(error.contains("'--collector.loadavg'"), "{error}");
        assert!(options(&["serve"]).unwrap_err().to_string().contains("'serve'"));
    }

    #[test]
    fn help_is_grouped_and_hides() {
        let Ok(Task::Print(help)) = parse(["x", "--help"].map(OsString::from), &[]) else {
            panic!("no help")
        };
        assert!(help.contains("Collector loadavg:\n"), "{help}");
        assert!(!help.contains("gomaxprocs") && !help.contains("--no-collector."), "{help}");
    }

    #[test]
    fn generated_texts() {
        let print = |args: &[&str]| match parse(args.iter().map(OsString::from), &[]) {
            Ok(Task::Print(text)) => text,
            other => panic!("{other:?}"),
        };
        assert!(print(&["x", "completions", "bash"]).contains("--collector.loadavg"));
        let man = print(&["x", "man"]);
        let title = man.lines().find(|line| line.starts_with(".TH")).unwrap();
        assert!(title.starts_with(".TH hybrid-exporter 1"), "{title}");
        assert!(
            man.contains(".SH SYNOPSIS\n\\fBhybrid\\-exporter\\fR [FLAG…] [COMMAND]\n"),
            "{man}"
        );
        assert!(print(&["x", "config"]).contains("#collector.loadavg: true"));
    }
}
