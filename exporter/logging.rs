//! The log: one line an event to standard error, as logfmt or as JSON.
//!
//! Values may come from devices and clients: whatever they hold, an event stays one line.

use crate::config::LogFormat;
use collect::Clock;
use std::{
    collections::BTreeSet,
    fmt::{self, Debug, Write},
    panic,
    sync::{Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

/// Sends events of `level` and above to standard error from now on.
pub fn start(level: Level, format: LogFormat, clock: Clock) {
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        // It would print to standard error that standard error takes nothing, and panic.
        .log_internal_errors(false)
        .event_format(Lines { format, clock })
        .finish();
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
