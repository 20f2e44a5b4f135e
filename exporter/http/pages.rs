//! The status page: what runs, how it fared last, and where to look next.
//!
//! One page, no script, nothing from elsewhere; it follows the browser's light or dark theme.

use super::{App, answer, listening::Shown};
use crate::{
    engine::{Last, State, Status},
    registry::{self, PARTS},
};
use axum::{
    body::Body,
    extract,
    http::{
        HeaderValue, StatusCode,
        header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY},
    },
    response::Response,
};
use std::{
    fmt::{self, Write},
    sync::Arc,
    time::Duration,
};

/// The page's style stands in the page; nothing else may be loaded, run, framed or sent.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

const STYLE: &str = include_str!("pages.css");

pub(super) async fn status(extract::State(app): extract::State<Arc<App>>) -> Response {
    let page = page(&Page {
        telemetry_path: &app.telemetry_path,
        parts: PARTS.map(|part| app.part_path(part)).to_vec(),
        uptime: app.started.elapsed(),
        collectors: app.engine.status(),
        disabled: disabled(&app),
        listening: app.listening.show().await,
        errors: app.engine.evidence(ERRORS),
    });
    answer(
        StatusCode::OK,
        [
            (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
            (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
            (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        ],
        Body::from(page),
    )
}

fn disabled(app: &App) -> Vec<&'static str> {
    let enabled = app.engine.status();
    let names = registry::specs().map(|spec| spec.name);
    names.filter(|name| !enabled.iter().any(|status| status.name == *name)).collect()
}

/// What the page shows.
struct Page<'a> {
    telemetry_path: &'a str,
    parts: Vec<String>,
    uptime: Duration,
    collectors: Vec<Status>,
    disabled: Vec<&'static str>,
    listening: Option<Shown>,
    errors: Vec<journal::Evidence>,
}

/// Error lines that the page shows.
const ERRORS: usize = 20;

/// States in the order in which they are shown: what needs a look comes first.
const STATES: [(State, &str, &str); 5] = [
    (State::Failed, "failed", "failed"),
    (State::TimedOut, "timed out", "late"),
    (State::Ok, "ok", "ok"),
    (State::NoData, "no data", "none"),
    (State::NotRun, "not run yet", "idle"),
];

fn page(page: &Page<'_>) -> String {
    let mut out = String::with_capacity(32 << 10);
    // Writing to a string does not fail.
    let written = write_page(&mut out, page);
    debug_assert!(written.is_ok());
    out
}

fn write_page(out: &mut String, page: &Page<'_>) -> fmt::Result {
    let metrics = Escaped(page.telemetry_path.trim_start_matches('/'));
    write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\">\
         <title>hybrid-exporter</title><style>{STYLE}</style></head><body>\n<header>\
         <h1>hybrid-exporter</h1><p>version {} · up for {}</p>\
         <nav><a href=\"{metrics}\">{}</a>",
        Escaped(env!("CARGO_PKG_VERSION")),
        Uptime(page.uptime),
        Escaped(page.telemetry_path),
    )?;
    for part in &page.parts {
        let link = Escaped(part.trim_start_matches('/'));
        write!(out, "<a href=\"{link}\">{}</a>", Escaped(part))?;
    }
    out.push_str("<a href=\"-/healthy\">/-/healthy</a></nav></header>\n<main>\n<ul class=\"sum\">");
    for (state, word, class) in STATES {
        let count = page.collectors.iter().filter(|c| c.state == state).count();
        if count > 0 {
            write!(out, "<li class=\"{class}\"><b>{count}</b> {word}</li>")?;
        }
    }
    let series: usize =
        page.collectors.iter().filter_map(|c| c.last.as_ref()).map(|last| last.samples).sum();
    write!(out, "<li><b>{series}</b> series</li>")?;
    let left_out: usize = page.collectors.iter().map(|collector| remarks(collector).len()).sum();
    if left_out > 0 {
        write!(out, "<li class=\"late\"><b>{left_out}</b> left out</li>")?;
    }
    out.push_str("</ul>\n");
    if page.collectors.iter().all(|c| c.state == State::NotRun) {
        out.push_str("<p class=\"hint\">Nothing has been scraped yet.</p>\n");
    }
    out.push_str(
        "<table><thead><tr><th>Collector</th><th>State</th><th class=\"n\">Took</th>\
         <th class=\"n\">Series</th><th>Remarks</th></tr></thead>\n<tbody>\n",
    );
    for (state, word, class) in STATES {
        let mut rows: Vec<&Status> = page.collectors.iter().filter(|c| c.state == state).collect();
        rows.sort_by_key(|collector| (remarks(collector).is_empty(), collector.name));
        for collector in rows {
            row(out, collector, word, class)?;
        }
    }
    out.push_str("</tbody></table>\n");
    if let Some(listening) = &page.listening {
        listening.write(out)?;
    }
    if !page.errors.is_empty() {
        errors(out, &page.errors)?;
    }
    if !page.disabled.is_empty() {
        write!(
            out,
            "<section><h2>Disabled</h2><p>{} collectors; <code>--collector.NAME</code> enables one.\
             </p><ul class=\"off\">",
            page.disabled.len()
        )?;
        for name in &page.disabled {
            write!(out, "<li>{}</li>", Escaped(name))?;
        }
        out.push_str("</ul></section>\n");
    }
    out.push_str("</main></body></html>\n");
    Ok(())
}

/// The journal's last error lines.
fn errors(out: &mut String, errors: &[journal::Evidence]) -> fmt::Result {
    out.push_str(
        "<section><h2>Last errors in the journal</h2><table><thead><tr><th>Unit</th>\
         <th>Priority</th><th>Time (UTC)</th><th>Message</th></tr></thead>\n<tbody>\n",
    );
    for line in errors {
        let time = i64::try_from(line.time / 1_000_000).unwrap_or(i64::MAX);
        let time =
            jiff::Timestamp::from_second(time).map_or_else(|_| String::new(), |t| t.to_string());
        writeln!(
            out,
            "<tr><th scope=\"row\">{}</th><td><span class=\"failed\">{}</span></td><td>{}</td>\
             <td class=\"why\"><p>{}</p></td></tr>",
            Escaped(&line.unit),
            Escaped(line.priority),
            Escaped(&time),
            Escaped(&line.text),
        )?;
    }
    out.push_str("</tbody></table></section>\n");
    Ok(())
}

/// What a collector left out.
fn remarks(collector: &Status) -> &[String] {
    collector.last.as_ref().map_or(&[], |last| &last.remarks)
}

fn row(out: &mut String, collector: &Status, word: &str, class: &str) -> fmt::Result {
    write!(
        out,
        "<tr class=\"{class}\"><th scope=\"row\">{}<small>{}</small></th><td><span class=\"{class}\">{word}</span></td>",
        Escaped(collector.name),
        Escaped(collector.doc),
    )?;
    let none = Last::default();
    match &collector.last {
        Some(last) => write!(
            out,
            "<td class=\"n\">{}</td><td class=\"n\">{}</td>",
            Took(last.duration),
            last.samples
        )?,
        None => out.push_str("<td class=\"n\"></td><td class=\"n\"></td>"),
    }
    out.push_str("<td class=\"why\">");
    let last = collector.last.as_ref().unwrap_or(&none);
    for text in last.error.iter().chain(&last.remarks) {
        let text = text.strip_prefix("no data: ").unwrap_or(text);
        write!(out, "<p>{}</p>", Escaped(text))?;
    }
    out.push_str("</td></tr>\n");
    Ok(())
}

/// Text as HTML shows it.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c if c.is_control() => f.write_char(char::REPLACEMENT_CHARACTER)?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// A run's duration, to three figures.
struct Took(Duration);

impl fmt::Display for Took {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        match seconds {
            s if s < 1e-3 => write!(f, "{:.0} µs", s * 1e6),
            s if s < 1.0 => write!(f, "{:.1} ms", s * 1e3),
            s => write!(f, "{s:.2} s"),
        }
    }
}

/// A time in its two largest units.
pub(super) struct Uptime(pub(super) Duration);

impl fmt::Display for Uptime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
        match seconds {
            0..60 => write!(f, "{seconds} s"),
            60..3600 => write!(f, "{minutes} min"),
            3600..86_400 => write!(f, "{hours} h {minutes} min"),
            _ => write!(f, "{days} d {hours} h"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(name: &'static str, state: State, error: Option<&str>, remarks: &[&str]) -> Status {
        let last = Last {
            duration: Duration::from_micros(1234),
            samples: 7,
            error: error.map(ToOwned::to_owned),
            remarks: remarks.iter().map(|&r| r.to_owned()).collect(),
        };
        let last = (state != State::NotRun).then_some(last);
        Status { name, doc: "What it <gives>.", part: "node", state, last }
    }

    fn shown(collectors: Vec<Status>) -> String {
        page(&Page {
            telemetry_path: "/metrics",
            parts: vec!["/metrics/node".to_owned()],
            uptime: Duration::from_secs(90_061),
            collectors,
            disabled: vec!["wifi"],
            listening: None,
            errors: vec![journal::Evidence {
                unit: "web.service".to_owned(),
                time: 1_767_323_045_000_000,
                priority: "err",
                text: "no <b>\u{1b}".to_owned(),
            }],
        })
    }

    #[test]
    fn failures_come_first_and_everything_is_escaped() {
        let html = shown(vec![
            status("aaa", State::Ok, None, &[]),
            status("arp", State::Ok, None, &["skipped <script>alert('1')</script>"]),
            status("cpu", State::Failed, Some("a & \"b\"\u{1b}"), &[]),
            status("dmi", State::NoData, Some("no data: /sys/class/dmi does not exist"), &[]),
        ]);
        assert!(html.find(">cpu<") < html.find(">arp<"), "{html}");
        assert!(html.find(">arp<") < html.find(">aaa<"), "{html}");
        assert!(html.contains("<b>1</b> left out"), "{html}");
        assert!(html.contains("skipped &lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;"), "{html}");
        assert!(html.contains("<p>a &amp; &quot;b&quot;\u{fffd}</p>"), "{html}");
        assert!(html.contains("<p>/sys/class/dmi does not exist</p>"), "{html}");
        assert!(html.contains("<small>What it &lt;gives&gt;.</small>"), "{html}");
        assert!(html.contains("up for 1 d 1 h") && html.contains("<b>28</b> series"), "{html}");
        assert!(html.contains("href=\"metrics/node\"") && html.contains("<li>wifi</li>"), "{html}");
        assert!(html.contains("<th scope=\"row\">web.service</th>"), "{html}");
        assert!(html.contains("<td>2026-01-02T03:04:05Z</td>"), "{html}");
        assert!(html.contains("<p>no &lt;b&gt;\u{fffd}</p>"), "{html}");
        assert!(!html.contains("<script") && !html.contains("Nothing has been scraped"), "{html}");
    }

    #[test]
    fn before_the_first_scrape() {
        let html = shown(vec![status("arp", State::NotRun, None, &[])]);
        assert!(html.contains("Nothing has been scraped yet"), "{html}");
        assert!(html.contains("not run yet"), "{html}");
    }

    #[test]
    fn durations() {
        let took = |micros| Took(Duration::from_micros(micros)).to_string();
        assert_eq!([took(42), took(1234), took(1_500_000)], ["42 µs", "1.2 ms", "1.50 s"]);
        let up = |seconds| Uptime(Duration::from_secs(seconds)).to_string();
        assert_eq!(
            [up(0), up(119), up(3700), up(200_000)],
            ["0 s", "1 min", "1 h 1 min", "2 d 7 h"]
        );
    }
}
