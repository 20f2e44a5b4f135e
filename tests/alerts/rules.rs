//! The rules, their tests and their runbooks belong together: promtool accepts them, each alert is whole, is tested
//! in both directions, has a runbook and a row in the table, and asks only for families that somebody serves.
#![expect(clippy::disallowed_methods, reason = "the test lists the rules' files")]

use crate::support::{assert_file, child::run, peer, promql, read, root, skip};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

/// Where runbooks are; who hosts them elsewhere replaces it in the rules.
const RUNBOOKS: &str = "https://hybrid-exporter.example/alerts/runbooks/";

/// Families of others: who has them.
const OTHERS: &[(&str, &str)] = &[
    ("up", "Prometheus"),
    ("etcd_disk_backend_commit_duration_seconds_bucket", "etcd"),
    ("etcd_disk_wal_fsync_duration_seconds_bucket", "etcd"),
    ("etcd_server_leader_changes_seen_total", "etcd"),
    ("kubelet_certificate_manager_client_expiration_renew_errors", "the kubelet"),
    ("kubelet_certificate_manager_client_ttl_seconds", "the kubelet"),
    ("kubelet_certificate_manager_server_ttl_seconds", "the kubelet"),
    ("kubelet_server_expiration_renew_errors", "the kubelet"),
    ("kubelet_volume_stats_available_bytes", "the kubelet"),
    ("kubelet_volume_stats_capacity_bytes", "the kubelet"),
    ("kubelet_volume_stats_inodes", "the kubelet"),
    ("kubelet_volume_stats_inodes_free", "the kubelet"),
    ("probe_ssl_earliest_cert_expiry", "blackbox_exporter"),
    ("http_requests_total", "applications"),
    ("http_server_request_duration_seconds_count", "applications by OpenTelemetry"),
    ("http_server_requests_seconds_count", "applications by Micrometer"),
    ("istio_requests_total", "Istio's proxies"),
];

const HEADINGS: [&str; 4] =
    ["\n## Meaning\n", "\n## Impact\n", "\n## Diagnosis\n", "\n## Mitigation\n"];

const COMPONENTS: [&str; 8] =
    ["application", "cluster", "exporter", "host", "journal", "node", "systemd", "workload"];

/// A rule: what it is called, its expression, labels and annotations.
struct Rule {
    alert: Option<String>,
    record: Option<String>,
    expr: String,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
}

/// The names of files in `alerts/` that end so, sorted.
fn files(dir: &str, end: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(dir)).expect("a folder").flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(end)).collect();
    names.sort();
    assert!(!names.is_empty(), "no {end} in {dir}");
    names
}

fn yaml(rel: &str) -> Value {
    serde_saphyr::from_str(&read(rel)).unwrap_or_else(|error| panic!("{rel}: {error}"))
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key).and_then(Value::as_str).map(str::to_owned)
}

fn map(value: &Value, key: &str) -> BTreeMap<String, String> {
    let entries = value.get(key).and_then(Value::as_object).into_iter().flatten();
    entries
        .map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned()))
        .collect()
}

fn rules() -> Vec<Rule> {
    let mut all = Vec::new();
    for name in files("alerts", ".rules.yaml") {
        let file = yaml(&format!("alerts/{name}"));
        for rule in list(&file, "groups").iter().flat_map(|group| list(group, "rules")) {
            all.push(Rule {
                alert: text(rule, "alert"),
                record: text(rule, "record"),
                expr: text(rule, "expr").expect("a rule has an expression"),
                labels: map(rule, "labels"),
                annotations: map(rule, "annotations"),
            });
        }
    }
    all
}

fn promtool(args: &[&str]) -> Result<(), String> {
    let promtool = peer("promtool")?;
    let args: Vec<String> = args
        .iter()
        .map(|arg| {
            if arg.starts_with("alerts/") {
                root().join(arg).display().to_string()
            } else {
                (*arg).to_owned()
            }
        })
        .collect();
    let out = run(300, &promtool, &args, b"");
    let said =
        [out.stdout, out.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(out.status.success(), "{args:?}: {said}");
    Ok(())
}

#[test]
fn promtool_accepts_rules_and_tests() {
    let mut all: Vec<(&[&str], String)> = Vec::new();
    all.extend(
        files("alerts", ".rules.yaml")
            .into_iter()
            .map(|name| (&["check", "rules"][..], format!("alerts/{name}"))),
    );
    all.extend(
        files("alerts/tests", ".test.yaml")
            .into_iter()
            .map(|name| (&["test", "rules"][..], format!("alerts/tests/{name}"))),
    );
    all.push((&["check", "config", "--syntax-only"], "alerts/prometheus.yaml".to_owned()));
    for (command, file) in all {
        let args: Vec<&str> = command.iter().copied().chain([file.as_str()]).collect();
        if let Err(reason) = promtool(&args) {
            return skip("alerts::rules::promtool_accepts_rules_and_tests", &reason);
        }
    }
}

#[test]
fn alerts_are_whole() {
    let table = read("alerts/README.md");
    let mut faults = Vec::new();
    let mut pages = BTreeSet::new();
    for rule in rules() {
        let Some(alert) = &rule.alert else {
            let record = rule.record.unwrap_or_default();
            if record.split(':').count() != 3 {
                faults.push(format!("{record} is not level:metric:operation"));
            }
            continue;
        };
        let mut fault = |what: &str| faults.push(format!("{alert}: {what}"));
        let label = |key: &str| rule.labels.get(key).map_or("", String::as_str);
        let severity = label("severity");
        if !["critical", "warning", "none"].contains(&severity) {
            fault("severity is critical, warning or none");
        }
        if !COMPONENTS.contains(&label("component")) {
            fault("no such component");
        }
        if rule.expr.contains("job=") || rule.expr.contains("absent(") {
            fault("names a job, or asks for what was never seen");
        }
        if rule.labels.values().any(|value| value.contains("$value") || value.contains("query")) {
            fault("a label that changes makes another alert");
        }
        let page = format!("{}.md", alert.to_lowercase());
        let note = |key: &str| rule.annotations.get(key).map_or("", String::as_str);
        for key in ["summary", "description", "evidence"] {
            if note(key).is_empty() && (alert != "Watchdog" || key != "evidence") {
                fault(&format!("no {key}"));
            }
        }
        if note("runbook_url") != format!("{RUNBOOKS}{page}") {
            fault("runbook_url is not its page");
        }
        if !table.contains(&format!("| [{alert}](runbooks/{page}) | {severity}")) {
            fault("has no row with its severity in alerts/README.md");
        }
        pages.insert(page);
    }
    let there: BTreeSet<String> = files("alerts/runbooks", ".md").into_iter().collect();
    for page in pages.symmetric_difference(&there) {
        faults.push(format!("runbooks/{page} and its alert: one of them is missing"));
    }
    for page in &there {
        let text = read(&format!("alerts/runbooks/{page}"));
        for heading in HEADINGS {
            let body = text.split(heading).nth(1).and_then(|rest| rest.split("\n## ").next());
            if body.is_none_or(|body| body.trim().len() < 40) {
                faults.push(format!("runbooks/{page}: nothing under {}", heading.trim()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Who fires in a test that promtool runs, with its severity, and who is silent in one.
#[test]
fn alerts_are_tested_in_both_directions() {
    let mut fires = BTreeSet::new();
    let mut is_silent = BTreeSet::new();
    for name in files("alerts/tests", ".test.yaml") {
        let file = yaml(&format!("alerts/tests/{name}"));
        for case in list(&file, "tests").iter().flat_map(|test| list(test, "alert_rule_test")) {
            let alert = text(case, "alertname").expect("a case has an alert");
            let expected = list(case, "exp_alerts");
            for one in expected {
                let severity = map(one, "exp_labels").remove("severity").unwrap_or_default();
                fires.insert((alert.clone(), severity));
            }
            if expected.is_empty() {
                is_silent.insert(alert);
            }
        }
    }
    let mut faults = Vec::new();
    for rule in rules() {
        let Some(alert) = rule.alert else { continue };
        let severity = rule.labels.get("severity").cloned().unwrap_or_default();
        // It fires at all times.
        if !is_silent.contains(&alert) && alert != "Watchdog" {
            faults.push(format!("{alert} is silent in no test"));
        }
        if !fires.contains(&(alert.clone(), severity.clone())) {
            faults.push(format!("{alert} ({severity}) fires in no test"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn families_exist() {
    let metrics = read("exporter/METRICS.md");
    let ours: Vec<&str> = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` | ").map(|(name, _)| name))
        .filter(|name| *name != "*")
        .collect();
    let rules = rules();
    let recorded: BTreeSet<&str> = rules.iter().filter_map(|rule| rule.record.as_deref()).collect();
    let mut unused: BTreeSet<&str> =
        OTHERS.iter().map(|(name, _)| *name).chain(recorded.iter().copied()).collect();
    let mut faults = BTreeSet::new();
    for rule in &rules {
        // Every second part between back-ticks is a query of an annotation.
        let notes = rule.annotations.values().flat_map(|note| note.split('`').skip(1).step_by(2));
        for name in notes.chain([rule.expr.as_str()]).flat_map(promql::families) {
            let is_other = unused.remove(name.as_str())
                || recorded.contains(name.as_str())
                || OTHERS.iter().any(|(other, _)| *other == name);
            if !is_other && !ours.iter().any(|pattern| covers(pattern, &name)) {
                faults.insert(format!("nobody serves {name}"));
            }
        }
    }
    faults.extend(unused.into_iter().map(|name| format!("nobody asks for {name}")));
    assert!(faults.is_empty(), "{faults:#?}");
}

/// Whether a name of METRICS.md, with `*` for what the kernel names, is that of a metric.
fn covers(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        Some((start, end)) => name.starts_with(start) && name.ends_with(end),
        None => pattern == name,
    }
}

/// For the operator: each file in the resource that it reads, its text as it is.
#[test]
fn prometheus_rules_are_fresh() {
    let mut wanted = BTreeSet::new();
    for name in files("alerts", ".rules.yaml") {
        let subject = name.strip_suffix(".rules.yaml").unwrap_or_default();
        let mut out = format!(
            "# Made from alerts/{name} by tests/alerts/rules.rs; `just bless` writes it anew.\n\
             apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata:\n  name: hybrid-exporter-{subject}\n  \
             labels:\n    app.kubernetes.io/name: hybrid-exporter\nspec:\n"
        );
        for line in read(&format!("alerts/{name}")).lines() {
            if !line.is_empty() {
                out.extend(["  ", line]);
            }
            out.push('\n');
        }
        let file = format!("{subject}.yaml");
        assert_file(&format!("alerts/prometheusrule/{file}"), &out);
        let manifest = yaml(&format!("alerts/prometheusrule/{file}"));
        assert_eq!(manifest.get("spec"), Some(&yaml(&format!("alerts/{name}"))), "{file}");
        wanted.insert(file);
    }
    let kustomization = "kustomization.yaml";
    let all = yaml(&format!("alerts/prometheusrule/{kustomization}"));
    let all: BTreeSet<_> = list(&all, "resources").iter().filter_map(Value::as_str).collect();
    assert!(all.iter().copied().eq(wanted.iter()), "{kustomization} lists {all:?}");
    wanted.insert(kustomization.to_owned());
    let there: BTreeSet<String> = files("alerts/prometheusrule", ".yaml").into_iter().collect();
    assert_eq!(there, wanted);
}
