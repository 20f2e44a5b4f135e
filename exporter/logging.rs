//! The log: one line an event to standard error, as logfmt or as JSON.
//!
//! Values may come from devices and clients: whatever they hold, an event stays one line. Of libraries
//! only warnings are taken, unless they are asked for by name: at level debug the frames of HTTP/2 alone are
//! more lines than everything else.

use crate::config::LogFormat;
use collect::Clock;
use std::{
    collections::BTreeSet,
    fmt::{self, Debug, Write},
    panic,
    str::FromStr,
    sync::{Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    filter::Targets,
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    layer::SubscriberExt,
    registry::LookupSpan,
};

/// The crates whose events are the exporter's own.
const OWN: [&str; 19] = [
    "cgroup",
    "cluster",
    "collect",
    "containers",
    "exposition",
    "host",
    "hybrid_exporter",
    "journal",
    "journal_reader",
    "kubestate",
    "model",
    "mounts",
    "sockets",
    "store",
    "syscall",
    "systemd",
    "trust",
    "upstream",
    "yaml",
];

/// From which level on events are logged: `debug`, or `info,h2=debug`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Levels {
    own: Level,
    /// Crates or modules with levels of their own.
    named: Vec<(String, Level)>,
}

// === impl Levels ===

impl Levels {
    fn targets(&self) -> Targets {
        let own = OWN.map(|name| (name, self.own));
        let named = self.named.iter().map(|(name, level)| (name.as_str(), *level));
        Targets::new().with_default(self.own.min(Level::WARN)).with_targets(own).with_targets(named)
    }

    fn most(&self) -> Level {
        self.named.iter().map(|(_, level)| *level).fold(self.own, Level::max)
    }
}

impl FromStr for Levels {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let level = |text| match text {
            "debug" => Ok(Level::DEBUG),
            "info" => Ok(Level::INFO),
            "warn" => Ok(Level::WARN),
            "error" => Ok(Level::ERROR),
            other => Err(format!("expected debug, info, warn or error, found {other:?}")),
        };
        let (own, rest) =
            text.split_once(',').map_or((text, None), |(own, rest)| (own, Some(rest)));
        let named = rest.into_iter().flat_map(|rest| rest.split(',')).map(|one| {
            let named = one.split_once('=').filter(|(name, _)| !name.is_empty());
            let (name, of) = named.ok_or_else(|| {
                format!("expected a library and its level, such as h2=debug, found {one:?}")
            })?;
            Ok((name.to_owned(), level(of)?))
        });
        Ok(Self { own: level(own)?, named: named.collect::<Result<_, String>>()? })
    }
}

/// Sends events of these levels and above to standard error from now on.
pub fn start(levels: &Levels, format: LogFormat, clock: Clock) {
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(levels.most())
        .with_writer(std::io::stderr)
        // It would print to standard error that standard error takes nothing, and panic.
        .log_internal_errors(false)
        .event_format(Lines { format, clock })
        .finish()
        .with(levels.targets());
    // It fails where there is a subscriber already, as in tests: that one stays.
    drop(tracing::subscriber::set_global_default(subscriber));
    panic::set_hook(Box::new(log_panic));
}

/// Logs a panic as a line like any other; one that comes with each scrape is an error only once.
fn log_panic(info: &panic::PanicHookInfo<'_>) {
    static KNOWN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    let what = info.payload_as_str().unwrap_or_default();
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let new = known.insert(place.clone());
    drop(known);
    if new {
        tracing::error!(place, what, "panicked; please report it");
    } else {
        tracing::debug!(place, what, "panicked again");
    }
}

struct Lines {
    format: LogFormat,
    clock: Clock,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = Line::new(self.format);
        line.text("time", &rfc3339(self.clock.now()));
        line.text(
            "level",
            match *event.metadata().level() {
                Level::ERROR => "error",
                Level::WARN => "warn",
                Level::INFO => "info",
                _ => "debug",
            },
        );
        event.record(&mut line);
        writeln!(out, "{}", line.finish())
    }
}

/// One event in the making.
struct Line {
    format: LogFormat,
    text: String,
}

impl Line {
    fn new(format: LogFormat) -> Self {
        let start = if format == LogFormat::Json { "{" } else { "" };
        Self { format, text: start.to_owned() }
    }

    fn key(&mut self, key: &str) {
        let key = if key == "message" { "msg" } else { key };
        match self.format {
            LogFormat::Json => {
                if self.text.len() > 1 {
                    self.text.push(',');
                }
                quote(&mut self.text, key);
                self.text.push(':');
            }
            LogFormat::Logfmt => {
                if !self.text.is_empty() {
                    self.text.push(' ');
                }
                self.text.extend([key, "="]);
            }
        }
    }

    fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        let bare = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '=' | '\\');
        if self.format == LogFormat::Logfmt && !value.is_empty() && value.chars().all(bare) {
            self.text.push_str(value);
        } else {
            quote(&mut self.text, value);
        }
    }

    fn bare(&mut self, key: &str, value: &impl ToString) {
        self.key(key);
        self.text.push_str(&value.to_string());
    }

    fn finish(mut self) -> String {
        if self.format == LogFormat::Json {
            self.text.push('}');
        }
        self.text
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.text(field.name(), &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.bare(field.name(), &value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.bare(field.name(), &value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.bare(field.name(), &value);
    }
}

/// A JSON string, which logfmt reads too.
fn quote(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                // Writing to a string does not fail.
                let written = write!(out, "\\u{:04x}", u32::from(c));
                debug_assert!(written.is_ok());
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// `2026-01-02T03:04:05.678Z`
fn rfc3339(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (seconds, millis) = (since.as_secs(), since.subsec_millis());
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Days count from 0000-03-01, so that a leap day is the last of its year.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = year + era * 400 + carry;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn times() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399, "2000-02-28T23:59:59.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (951_868_800, "2000-03-01T00:00:00.000Z"),
            (1_767_323_045, "2026-01-02T03:04:05.000Z"),
            (4_102_444_799, "2099-12-31T23:59:59.000Z"),
        ] {
            assert_eq!(rfc3339(UNIX_EPOCH + Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn libraries_are_asked_for_by_name() {
        let targets = |text: &str| text.parse::<Levels>().unwrap().targets();
        let takes = |targets: &Targets, name, level| targets.would_enable(name, &level);
        let debug = targets("debug");
        assert!(takes(&debug, "cluster::watch", Level::DEBUG));
        assert!(takes(&debug, "hybrid_exporter::http", Level::DEBUG));
        assert!(!takes(&debug, "h2::codec", Level::INFO) && takes(&debug, "h2", Level::WARN));
        let named = targets("warn,h2=debug,cluster::watch=info");
        assert!(takes(&named, "h2::codec", Level::DEBUG) && !takes(&named, "hyper", Level::INFO));
        assert!(takes(&named, "cluster::watch", Level::INFO));
        assert!(!takes(&named, "cluster::lease", Level::INFO));
        assert!(!takes(&targets("error"), "hyper", Level::WARN));
        for (text, why) in [
            ("trace", "expected debug, info, warn or error, found \"trace\""),
            ("h2=debug", "expected debug, info, warn or error, found \"h2=debug\""),
            ("info,h2", "expected a library and its level, such as h2=debug, found \"h2\""),
            ("info,=debug", "expected a library and its level, such as h2=debug, found \"=debug\""),
            ("info,h2=all", "expected debug, info, warn or error, found \"all\""),
        ] {
            assert_eq!(text.parse::<Levels>(), Err(why.to_owned()), "{text}");
        }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the workspace's own manifests")]
    fn every_crate_of_the_workspace_is_our_own() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let text = include_str!("../Cargo.toml");
        let (_, members) = text.split_once("members = [").unwrap();
        let (members, _) = members.split_once(']').unwrap();
        for member in members.split(',').map(|m| m.trim().trim_matches('"')) {
            let path = root.join(member).join("Cargo.toml");
            let manifest = std::fs::read_to_string(path).unwrap_or_default();
            let name = manifest.lines().find_map(|line| line.strip_prefix("name = "));
            let Some(name) = name.map(|name| name.trim_matches('"').replace('-', "_")) else {
                continue;
            };
            assert!(OWN.contains(&&*name), "{name} is not in OWN");
        }
    }

    #[test]
    fn an_event_is_one_line() {
        let line = |format| {
            let mut line = Line::new(format);
            line.text("message", "left out");
            line.text("collector", "arp");
            line.text("error", "a\n\"b\"\\\u{1b}[0m=");
            line.text("empty", "");
            line.bare("count", &3);
            line.finish()
        };
        assert_eq!(
            line(LogFormat::Logfmt),
            r#"msg="left out" collector=arp error="a\n\"b\"\\\u001b[0m=" empty="" count=3"#
        );
        assert_eq!(
            line(LogFormat::Json),
            r#"{"msg":"left out","collector":"arp","error":"a\n\"b\"\\\u001b[0m=","empty":"","count":3}"#
        );
    }
}
