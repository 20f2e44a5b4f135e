//! The dashboards are what their source makes, ask only for what there is, say what each panel means,
//! and lead to one another.
#![expect(clippy::disallowed_methods, reason = "the test reads and makes files")]

mod live;

use crate::support::{assert_file, child, peer, program, promql::families, read, root, skip};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
};

/// Families that are others', and whose.
const OTHERS: [(&str, &str); 6] = [
    ("ALERTS", "Prometheus makes it of the rules that are loaded"),
    ("etcd_*", "etcd's own, through our pages or its own"),
    ("kubelet_*", "the kubelet's own, through our pages or its own"),
    ("scrape_duration_seconds", "Prometheus makes it of each scrape"),
    ("scrape_samples_scraped", "Prometheus makes it of each scrape"),
    ("up", "Prometheus makes it of each scrape"),
];

const DATASOURCE: &str = "${datasource}";

/// The committed pages by their file's name.
fn pages() -> BTreeMap<String, Value> {
    let dir = fs::read_dir(root().join("dashboards")).expect("the dashboards' folder");
    let names = dir.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let pages: BTreeMap<_, _> = names
        .filter_map(|name| Some((name.strip_suffix(".json")?.to_owned(), name)))
        .map(|(stem, name)| {
            let text = read(&format!("dashboards/{name}"));
            (stem, serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}")))
        })
        .collect();
    assert!(!pages.is_empty(), "no dashboards");
    pages
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The panels that show something.
fn panels(page: &Value) -> impl Iterator<Item = &Value> {
    list(page, "panels").iter().filter(|panel| text(panel, "/type") != "row")
}

/// What a page asks Prometheus: the panel's or variable's name, which query of it, and the expression.
fn queries(page: &Value) -> Vec<(String, String, String)> {
    let asked = panels(page).flat_map(|panel| {
        let owned = |value, pointer| text(value, pointer).to_owned();
        let title = owned(panel, "/title");
        let targets = list(panel, "targets").iter();
        targets.map(move |t| (title.clone(), owned(t, "/refId"), owned(t, "/expr")))
    });
    let variables = page.pointer("/templating/list").and_then(Value::as_array);
    let chosen = variables.into_iter().flatten().filter_map(|variable| {
        let query = text(variable, "/query/query");
        let inner = query
            .strip_prefix("label_values(")
            .and_then(|rest| rest.rsplit_once(", "))
            .map(|(selector, _)| selector)
            .or_else(|| query.strip_prefix("query_result(")?.strip_suffix(')'))?;
        Some((format!("${}", text(variable, "/name")), "A".to_owned(), inner.to_owned()))
    });
    asked.chain(chosen).collect()
}

#[test]
fn pages_are_sound() {
    let mut faults = Vec::new();
    let mut titles = BTreeSet::new();
    for (name, page) in pages() {
        let mut fault = |what: String| faults.push(format!("{name}: {what}"));
        if text(&page, "/uid") != format!("hybrid-{name}") {
            fault(format!("its uid is {}", text(&page, "/uid")));
        }
        if !titles.insert(text(&page, "/title").to_owned()) {
            fault("another page has its title".to_owned());
        }
        for (pointer, want) in [
            ("/schemaVersion", 42.into()),
            ("/graphTooltip", 1.into()),
            ("/editable", false.into()),
            ("/refresh", "30s".into()),
            ("/tags/0", "hybrid-exporter".into()),
            ("/links/0/type", "dashboards".into()),
            ("/links/0/includeVars", true.into()),
            ("/links/0/keepTime", true.into()),
            ("/templating/list/0/name", "datasource".into()),
            ("/templating/list/0/type", "datasource".into()),
            ("/templating/list/0/query", "prometheus".into()),
        ] {
            if page.pointer(pointer) != Some(&want) {
                fault(format!("{pointer} is {:?}, not {want}", page.pointer(pointer)));
            }
        }
        for variable in list(page.pointer("/templating").unwrap_or(&Value::Null), "list") {
            let query = text(variable, "/type") == "query";
            if query && text(variable, "/datasource/uid") != DATASOURCE {
                fault(format!("variable {} has another data source", text(variable, "/name")));
            }
        }
        let mut ids = BTreeSet::new();
        let mut known = BTreeSet::new();
        for panel in list(&page, "panels") {
            let title = text(panel, "/title");
            if title.is_empty() || !ids.insert(panel.get("id").and_then(Value::as_u64)) {
                fault(format!("panel {title:?} has no title, or another one's id"));
            }
            if text(panel, "/type") != "row" && !known.insert(title) {
                fault(format!("two panels are called {title}"));
            }
        }
        for panel in panels(&page) {
            let title = text(panel, "/title");
            let help = text(panel, "/description");
            if help.len() < 40 || !help.ends_with(['.', ')']) {
                fault(format!("{title}: its description says too little: {help:?}"));
            }
            if text(panel, "/fieldConfig/defaults/unit").is_empty() {
                fault(format!("{title}: no unit"));
            }
            let targets = list(panel, "targets");
            let sources = std::iter::once(panel).chain(targets);
            if targets.is_empty()
                || sources.map(|s| text(s, "/datasource/uid")).any(|uid| uid != DATASOURCE)
            {
                fault(format!("{title}: no query, or another data source"));
            }
        }
        for (title, _, expr) in queries(&page) {
            let fixed = expr.replace("job=~\"$job\"", "").replace("job_name", "");
            if fixed.contains("job=") {
                fault(format!("{title}: a job of its own: {expr}"));
            }
            for rate in expr.split("rate(").skip(1) {
                let range = rate.split(['[', ']']).nth(1).unwrap_or_default();
                if range != "$__rate_interval" {
                    fault(format!("{title}: a rate over {range}"));
                }
            }
        }
        overlaps(&page, &mut fault);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Panels that lie on one another, or beside the page.
fn overlaps(page: &Value, fault: &mut impl FnMut(String)) {
    let mut taken: BTreeMap<(u64, u64), &str> = BTreeMap::new();
    for panel in list(page, "panels") {
        let at = |key: &str| panel.pointer(&format!("/gridPos/{key}")).and_then(Value::as_u64);
        let title = text(panel, "/title");
        let (Some(x), Some(y), Some(w), Some(h)) = (at("x"), at("y"), at("w"), at("h")) else {
            fault(format!("{title}: no place"));
            continue;
        };
        if w == 0 || h == 0 || x + w > 24 {
            fault(format!("{title}: {w} wide from {x}, {h} high"));
        }
        for (column, row) in (x..x + w).flat_map(|column| (y..y + h).map(move |row| (column, row)))
        {
            if let Some(other) = taken.insert((column, row), title)
                && other != title
            {
                fault(format!("{title} lies on {other}"));
            }
        }
    }
}

#[test]
fn families_exist() {
    let metrics = read("exporter/METRICS.md");
    let ours: Vec<&str> = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(name, _)| name)
        .filter(|name| !name.starts_with('-') && *name != "*")
        .collect();
    let covers = |pattern: &str, name: &str| match pattern.split_once('*') {
        Some((start, end)) => name.starts_with(start) && name.ends_with(end),
        None => pattern == name,
    };
    let mut faults = Vec::new();
    let mut used = BTreeSet::new();
    for (page, value) in pages() {
        for (title, _, expr) in queries(&value) {
            let asked = families(&expr);
            if asked.is_empty() {
                faults.push(format!("{page}: {title}: asks for nothing: {expr}"));
            }
            for name in asked {
                let other = OTHERS.iter().find(|(pattern, _)| covers(pattern, &name));
                used.extend(other.map(|(pattern, _)| *pattern));
                if other.is_none() && !ours.iter().any(|pattern| covers(pattern, &name)) {
                    faults.push(format!("{page}: {title}: {name} is in no collector's table"));
                }
            }
        }
    }
    for (pattern, whose) in OTHERS {
        if !used.contains(pattern) {
            faults.push(format!("{pattern} ({whose}) is asked for no more"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Where a count of nothing is 0 whatever else is there: what is counted is Prometheus' own, or its exporters; or the 0
/// is a part of a share, and the whole is known where the part would be.
const ALWAYS_KNOWN: [(&str, &str); 8] = [
    ("cluster", "CPU asked for"),
    ("cluster", "Memory asked for"),
    ("exporter", "Down"),
    ("exporter", "Failing collectors"),
    ("exporter", "Sources lost"),
    ("fleet", "Alerts"),
    ("fleet", "Machines down"),
    ("node", "Pods"),
];

/// A green 0 where nobody tells would be a lie at the worst time.
#[test]
fn what_is_not_known_is_no_zero() {
    let mut zeros = BTreeSet::new();
    for (page, value) in pages() {
        let asked = queries(&value).into_iter().filter(|(.., expr)| expr.contains("vector("));
        zeros.extend(asked.map(|(title, ..)| (page.clone(), title)));
    }
    let known = ALWAYS_KNOWN.map(|(page, title)| (page.to_owned(), title.to_owned()));
    assert_eq!(zeros, BTreeSet::from(known));
}

#[test]
fn links_lead_somewhere() {
    let pages = pages();
    let variables: BTreeMap<&str, BTreeSet<&str>> = pages
        .values()
        .map(|page| {
            let listed = page.pointer("/templating/list").and_then(Value::as_array);
            let names = listed.into_iter().flatten().map(|variable| text(variable, "/name"));
            (text(page, "/uid"), names.collect())
        })
        .collect();
    let mut faults = Vec::new();
    let mut reached = BTreeSet::new();
    for (name, page) in &pages {
        let mut urls = Vec::new();
        strings(page, &mut |string| {
            if string.starts_with("/d/") {
                urls.push(string.to_owned());
            }
        });
        for url in urls {
            let (uid, query) =
                url.strip_prefix("/d/").and_then(|rest| rest.split_once('?')).unwrap_or_default();
            let Some(known) = variables.get(uid) else {
                faults.push(format!("{name}: no page is {uid}: {url}"));
                continue;
            };
            reached.insert(uid.to_owned());
            for part in query.split('&') {
                let variable = part.strip_prefix("var-").and_then(|v| v.split_once('='));
                if let Some((variable, _)) = variable
                    && !known.contains(variable)
                {
                    faults.push(format!("{name}: {uid} has no variable {variable}: {url}"));
                }
            }
            // A cell of its row is named by a column of its table.
            if url.contains("__data.fields[") && !columns(page, &url) {
                faults.push(format!("{name}: no column of its table: {url}"));
            }
        }
    }
    for uid in variables.keys().filter(|uid| **uid != "hybrid-fleet" && !reached.contains(**uid)) {
        faults.push(format!("no panel leads to {uid}"));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Whether every panel with this address has the columns that it names.
fn columns(page: &Value, url: &str) -> bool {
    let wanted: Vec<&str> = url
        .split("__data.fields[\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap_or_default())
        .collect();
    panels(page).all(|panel| {
        let mut has_url = false;
        strings(panel, &mut |string| has_url |= string == url);
        let mut names = BTreeSet::new();
        for transformation in list(panel, "transformations") {
            let renamed = transformation.pointer("/options/renameByName");
            names.extend(
                renamed
                    .and_then(Value::as_object)
                    .into_iter()
                    .flatten()
                    .filter_map(|(_, name)| name.as_str()),
            );
        }
        !has_url || wanted.iter().all(|name| names.contains(name))
    })
}

fn strings(value: &Value, see: &mut impl FnMut(&str)) {
    match value {
        Value::String(string) => see(string),
        Value::Array(values) => values.iter().for_each(|value| strings(value, see)),
        Value::Object(map) => map.values().for_each(|value| strings(value, see)),
        _ => {}
    }
}

#[test]
fn prometheus_reads_every_query() {
    let name = "dashboards::prometheus_reads_every_query";
    let promtool = match peer("promtool") {
        Ok(promtool) => promtool,
        Err(reason) => return skip(name, &reason),
    };
    let mut rules = "groups:\n- name: dashboards\n  rules:\n".to_owned();
    let mut count = 0;
    for (page, value) in pages() {
        for (title, _, expr) in queries(&value) {
            let expr = expr
                .replace("$__rate_interval", "5m")
                .replace("$__range", "1h")
                .replace("$1", "SAVED")
                .replace('$', "")
                .replace("SAVED", "$1");
            let expr = Value::from(expr);
            writeln!(rules, "  - {{record: 'q:{count}', expr: {expr}}} # {page}: {title}")
                .expect("text");
            count += 1;
        }
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("rules.yml");
    fs::write(&file, rules).expect("a file");
    let args = ["check", "rules", file.to_str().expect("UTF-8")];
    let out = child::run(120, promtool, &args, b"");
    let said = String::from_utf8_lossy(&out.stdout) + String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success() && said.contains(&format!("{count} rules")), "{said}");
}

#[test]
fn pages_are_what_the_source_makes() {
    let name = "dashboards::pages_are_what_the_source_makes";
    if let Some(reason) = ["node", "npm"].iter().find_map(|tool| program(tool).err()) {
        return skip(name, &reason);
    }
    let version = child::run(60, "node", &["--version"], b"");
    let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
    let major = version.trim_start_matches('v').split('.').next().and_then(|v| v.parse().ok());
    if major.is_none_or(|major: u32| major < 20) {
        return skip(name, &format!("node is {version}, not 20 or later"));
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    let out = dir.path().to_str().expect("UTF-8");
    let build = root().join("dashboards/src/build");
    let made = child::run(300, build, &[out], b"");
    if made.status.code() == Some(3) {
        return skip(name, "the package that makes dashboards is not to be had");
    }
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(dir.path()).expect("a folder").flatten() {
        let file = entry.file_name().to_string_lossy().into_owned();
        let text = fs::read_to_string(entry.path()).expect("a page");
        assert_file(&format!("dashboards/{file}"), &text);
        names.insert(file.trim_end_matches(".json").to_owned());
    }
    assert_eq!(names, pages().into_keys().collect(), "pages that the source makes, and all");
    // Both ways to install know every page.
    let kustomization = read("dashboards/kustomization.yaml");
    let listed = kustomization.split(['[', ']', ',', ' ', '\n']);
    let listed: BTreeSet<_> = listed.filter_map(|word| word.strip_suffix(".json")).collect();
    assert_eq!(listed, names.iter().map(String::as_str).collect(), "dashboards/kustomization.yaml");
}
