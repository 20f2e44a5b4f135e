//! What the world's own tools say to the exporter's output: `promtool check metrics`, Python's
//! `prometheus_client`, and a real Prometheus that scrapes it in each of its scrape protocols.
#![expect(clippy::disallowed_methods, reason = "tests make files")]

use crate::{
    parity::MORE,
    support::{child, client, skip},
};
use std::{collections::BTreeSet, time::Duration};

fn everything() -> Vec<String> {
    MORE.iter().map(|name| format!("--collector.{name}")).collect()
}

#[test]
fn promtool() {
    let name = "accepted::promtool";
    let promtool = match crate::support::peer("promtool") {
        Ok(promtool) => promtool,
        Err(reason) => return skip(name, &reason),
    };
    let lints = |program: &std::ffi::OsStr| -> BTreeSet<String> {
        let args = everything();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let (_child, address) = child::serve(program, &args);
        let text = client::page(&address, "/metrics");
        let out = child::run(120, &promtool, &["check", "metrics"], text.as_bytes());
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&out.stdout),
            String::from_utf8_lossy(&out.stderr)
        );
        // 3: parsed, with remarks on names.
        assert!(matches!(out.status.code(), Some(0 | 3)), "promtool: {:?}\n{said}", out.status);
        said.lines().map(str::to_owned).collect()
    };
    let ours = lints(crate::support::EXPORTER.as_ref());
    // Names that node_exporter gave the world are not ours to mend.
    let theirs = match crate::support::peer("node_exporter") {
        Ok(peer) => lints(peer.as_ref()),
        Err(reason) => return skip(name, &reason),
    };
    // Rows of /proc/meminfo that are newer than node_exporter's list are named as it names the others.
    let as_theirs = |remark: &&String| {
        remark.starts_with("node_memory_") && remark.contains("'snake_case' not 'camelCase'")
    };
    let new: Vec<_> = ours.difference(&theirs).filter(|remark| !as_theirs(remark)).collect();
    assert!(new.is_empty(), "promtool remarks on ours and not on node_exporter's: {new:#?}");
}

#[test]
fn python_client() {
    let name = "accepted::python_client";
    let python = match crate::support::python() {
        Ok(python) => python,
        Err(reason) => return skip(name, &reason),
    };
    let args = everything();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let (_exporter, address) = child::exporter(&args);
    let script = crate::support::root().join("tests/ground/parse.py");
    for (accept, kind, parser) in [
        (
            "application/openmetrics-text;version=1.0.0",
            "application/openmetrics-text",
            "openmetrics",
        ),
        (
            "application/openmetrics-text;version=0.0.1",
            "application/openmetrics-text",
            "openmetrics",
        ),
        ("text/plain;version=1.0.0", "text/plain", "text"),
        ("text/plain;version=0.0.4", "text/plain", "text"),
    ] {
        let answer = client::get(&address, "/metrics", &[("Accept", accept)]);
        assert_eq!(answer.status, 200, "{accept}");
        let got = answer.header("content-type");
        assert!(got.starts_with(kind), "{accept} got {got}");
        let script = script.to_str().expect("a UTF-8 path");
        let out = child::run(120, &python, &[script, parser], &answer.body);
        let errors = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{accept}: {errors}");
        let said = String::from_utf8_lossy(&out.stdout);
        let families: usize = said.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0);
        assert!(families > 150, "{accept}: {said}");
    }
}

const PROTOCOLS: [&str; 5] = [
    "PrometheusText0.0.4",
    "PrometheusText1.0.0",
    "OpenMetricsText0.0.1",
    "OpenMetricsText1.0.0",
    "PrometheusProto",
];

#[test]
fn prometheus() {
    let name = "accepted::prometheus";
    let prometheus = match crate::support::peer("prometheus") {
        Ok(prometheus) => prometheus,
        Err(reason) => return skip(name, &reason),
    };
    let (_exporter, target) = child::exporter(&[]);
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut config =
        "global: {scrape_interval: 5s, scrape_timeout: 5s}\nscrape_configs:\n".to_owned();
    for protocol in PROTOCOLS {
        config.extend([
            "- {job_name: ",
            protocol,
            ", scrape_protocols: [",
            protocol,
            "], static_configs: [{targets: ['",
            &target,
            "']}]}\n",
        ]);
    }
    let file = dir.path().join("prometheus.yml");
    std::fs::write(&file, config).expect("a file");
    let file = format!("--config.file={}", file.display());
    let data = format!("--storage.tsdb.path={}", dir.path().join("data").display());
    let (_prometheus, address) = child::serve(prometheus, &[&file, &data, "--log.level=info"]);

    for protocol in PROTOCOLS {
        for (query, check) in [
            // Three scrapes, all of them good.
            ("min_over_time(up{job='J'}[1m]) == 1 and count_over_time(up{job='J'}[1m]) >= 3", "up"),
            ("node_load1{job='J'} >= 0", "node_load1"),
            ("rate(node_cpu_seconds_total{job='J',cpu='0',mode='idle'}[1m]) >= 0", "rate"),
            ("scrape_samples_scraped{job='J'} > 300", "samples"),
        ] {
            let query = query.replace('J', protocol);
            let path = format!("/api/v1/query?query={}", encoded(&query));
            child::wait(&format!("{protocol}: {check}"), Duration::from_mins(4), || {
                let answer = client::get(&address, &path, &[]);
                answer.text().contains("\"value\":[").then_some(())
            });
        }
    }
    // Every format carries the same families, in rounds in which no collector of any was late.
    let query = "count(count by (__name__) ({__name__=~'node_.*'}) unless \
                 (count by (__name__) (count by (__name__, job) ({__name__=~'node_.*'})) == 5)) or vector(0)";
    let path = format!("/api/v1/query?query={}", encoded(query));
    child::wait("the same families in each format", Duration::from_mins(4), || {
        client::get(&address, &path, &[]).text().contains(",\"0\"]").then_some(())
    });
}

/// A query as a URL takes it.
fn encoded(query: &str) -> String {
    use std::fmt::Write as _;
    query.bytes().fold(String::new(), |mut out, b| {
        if b.is_ascii_alphanumeric() {
            out.push(char::from(b));
        } else {
            write!(out, "%{b:02X}").expect("a String takes text");
        }
        out
    })
}
