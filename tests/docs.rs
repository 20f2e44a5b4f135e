//! What is written for people is what the program has: `METRICS.md` and `CONFIGURATION.md` are made from
//! the tables, the pages' flags and commands exist, and every family that `node_exporter` documents by
//! its output is declared with its type and labels.

use crate::support::{EXPORTER, assert_file, child, peer, read, root, skip};
use collect::{Opt, OptKind, Spec};
use exposition::{Family, Kind, is_metric_name};
use hybrid_exporter::{engine, flags, registry, selfmetrics};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::{Path, PathBuf},
};

fn kind(family: &Family) -> &'static str {
    match family.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Untyped => "untyped",
        Kind::Histogram => "histogram",
        Kind::Summary => "summary",
    }
}

fn own() -> impl Iterator<Item = &'static Family> {
    engine::FAMILIES.into_iter().chain(selfmetrics::FAMILIES)
}

/// Counters of peers that are not called as counters are; `OpenMetrics` has them as unknown.
const ODD_COUNTERS: [&str; 1] = ["container_memory_failcnt"];

#[test]
fn metrics_md() {
    let mut out = "# Metrics\n\nMade from the collectors' tables by `tests/docs.rs`; `just bless` \
        writes it anew. A `*` stands for what the kernel or a file names.\nA collector that is on \
        by default is turned off by `--no-collector.NAME`, the others are turned on by \
        `--collector.NAME`.\n"
        .to_owned();
    for spec in registry::specs() {
        let state = match (registry::group(spec).mode, spec.default) {
            (Some(mode), _) => {
                let group = registry::group(spec);
                let [_, off] = group.words;
                let ends = if group.enduring { "leaves it on" } else { "turns it off" };
                format!("`--{}={off}` {ends}.", mode.name)
            }
            (None, true) => "On by default.".to_owned(),
            (None, false) => "Off by default.".to_owned(),
        };
        write!(out, "\n## {}\n{} {state}\n", spec.name, spec.doc).expect("text");
        options(&mut out, spec);
        families(&mut out, spec.families());
    }
    out.push_str("\n## The exporter's own\nAbout each scrape and about the process.\n");
    families(&mut out, own());
    assert_file("exporter/METRICS.md", &out);
}

#[test]
fn configuration_md() {
    let mut out = CONFIGURATION.to_owned();
    let flags = flags::all();
    let mut headings: Vec<&str> = Vec::new();
    for flag in flags.iter().filter(|flag| !flag.hidden) {
        if !headings.contains(&&*flag.heading) {
            headings.push(&flag.heading);
        }
    }
    for heading in headings {
        write!(out, "\n## {heading}\n\n| setting | takes | default | |\n|---|---|---|---|\n")
            .expect("text");
        for flag in flags.iter().filter(|flag| !flag.hidden && flag.heading == heading) {
            let takes = match flag.kind {
                OptKind::Switch(_) => "`true`, `false`".to_owned(),
                OptKind::Text(_) => flag.placeholder().to_ascii_lowercase(),
                OptKind::List => format!("{}, …", flag.placeholder().to_ascii_lowercase()),
            };
            let default = match flag.default_text().replace('|', "\\|") {
                text if text.is_empty() => String::new(),
                text => format!("`{text}`"),
            };
            let doc = flag.doc.replace('|', "\\|");
            writeln!(out, "| `{}` | {takes} | {default} | {doc} |", flag.name).expect("text");
        }
    }
    assert_file("exporter/CONFIGURATION.md", &out);
}

const CONFIGURATION: &str = "\
# Configuration

Made from the program's tables by `tests/docs.rs`; `just bless` writes it anew.

A setting has one name everywhere:

| where | how | which wins |
|---|---|---|
| command line | `--web.max-requests=10`; a switch `--NAME` or `--no-NAME`; a list by repeating the flag | first; of flags the last one |
| environment | `HYBRID_WEB_MAX_REQUESTS=10`: upper case, `_` for `.` and `-`; `true` or `false`; a list with commas | second |
| file, `--config.file` or `HYBRID_CONFIG_FILE` | `web.max-requests: 10`; YAML, one flat mapping; a list is a sequence | third |

`hybrid-exporter config` prints an example of the file, `hybrid-exporter check-config` tells what is wrong with all three
together. A flag, a key or a value that is not understood ends the start with exit code 64, and the message has the nearest name
that there is; a variable of that kind is a warning. Other variables that are heeded, as others have named them: `NODE_NAME` and `POD_NAMESPACE` of the downward API,
`KUBECONFIG`, systemd's `STATE_DIRECTORY`, `DBUS_SYSTEM_BUS_ADDRESS`, `TZ`.

`journal.rules` and `upstream.endpoints` are sequences of mappings in the file: their keys stand in
[journal/README.md](journal/README.md) and [upstream/README.md](upstream/README.md). A collector's families are in
[METRICS.md](METRICS.md).
";

fn options(out: &mut String, spec: &Spec) {
    let shown: Vec<&Opt> = spec.opts.iter().filter(|opt| !opt.hidden).collect();
    if shown.is_empty() {
        return;
    }
    out.push_str("\n| option | default | |\n|---|---|---|\n");
    for opt in shown {
        let default = match opt.kind {
            OptKind::Switch(true) => "on".to_owned(),
            OptKind::Switch(false) => "off".to_owned(),
            OptKind::Text("") => String::new(),
            OptKind::Text(text) => format!("`{}`", text.replace('|', "\\|")),
            OptKind::List => "repeatable".to_owned(),
        };
        writeln!(out, "| `--{}` | {default} | {} |", opt.name, opt.doc.replace('|', "\\|"))
            .expect("text");
    }
}

fn families(out: &mut String, families: impl Iterator<Item = &'static Family>) {
    out.push_str("\n| family | type | labels | |\n|---|---|---|---|\n");
    for family in families {
        let help = family.help.replace('|', "\\|").replace('\n', " ");
        let labels = family.labels.join(", ");
        writeln!(out, "| `{}` | {} | {labels} | {help} |", family.name, kind(family))
            .expect("text");
    }
}

/// netclass gives netdev's counters as gauges where `netclass_rtnl.with-stats` asks for them, as the
/// peer's does: who asks turns netdev off.
const TWO_TYPES: [&str; 1] = ["netclass"];

/// Options that have a peer's name, and those that say where the exporter is.
const PEERS: [&str; 15] = [
    "custom-resource-state-config",
    "custom-resource-state-config-file",
    "custom-resource-state-only",
    "kubeconfig",
    "metric-allowlist",
    "metric-annotations-allowlist",
    "metric-denylist",
    "metric-labels-allowlist",
    "metric-opt-in-list",
    "namespaces",
    "namespaces-denylist",
    "node-name",
    "resources",
    "shard",
    "total-shards",
];

#[test]
fn declarations_are_sound() {
    let mut kinds: BTreeMap<&str, Kind> = BTreeMap::new();
    let mut names = BTreeSet::new();
    let mut faults = Vec::new();
    for spec in registry::specs() {
        if !names.insert(spec.name) {
            faults.push(format!("two collectors are called {}", spec.name));
        }
        if !spec.doc.ends_with('.') || spec.doc.contains('\n') {
            faults.push(format!("{}: its doc is no sentence on one line", spec.name));
        }
        for opt in spec.opts {
            let mode = registry::group(spec).mode.map_or("collector", |mode| mode.name);
            let right = opt.name.starts_with(&format!("{mode}.")) || PEERS.contains(&opt.name);
            if !right || !opt.doc.ends_with('.') {
                faults.push(format!("{}: option {} has an odd name or doc", spec.name, opt.name));
            }
        }
    }
    if !registry::GROUPS.iter().all(|g| (g.collectors)().is_sorted_by_key(|spec| spec.name)) {
        faults.push("the collectors are not sorted by name".to_owned());
    }
    let declared = registry::specs()
        .flat_map(|spec| spec.families().map(move |family| (spec.name, family)))
        .chain(own().map(|family| ("", family)));
    for (collector, family) in declared {
        let name: &str = &family.name;
        if !is_metric_name(&name.replace('*', "x")) {
            faults.push(format!("{name} is no metric name"));
        }
        let odd = ODD_COUNTERS.contains(&name);
        if family.kind == Kind::Counter && !odd && !name.ends_with("_total") {
            faults.push(format!("{name} is a counter without _total"));
        }
        if family.help.is_empty() && name != "*" {
            faults.push(format!("{name} has no help"));
        }
        if TWO_TYPES.contains(&collector) {
            // Checked against itself only.
        } else if *kinds.entry(name).or_insert(family.kind) != family.kind {
            faults.push(format!("{name} is declared with two types"));
        }
        let mut labels = BTreeSet::new();
        for label in family.labels {
            if !is_metric_name(&label.replace('*', "x"))
                || label.contains(':')
                || !labels.insert(label)
            {
                faults.push(format!("{name}: label {label}"));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn node_exporter_families_are_declared() {
    let exceptions = read("tests/declared_exceptions.tsv");
    let exceptions: Vec<Vec<&str>> = exceptions
        .lines()
        .filter(|l| !l.starts_with('#'))
        .map(|l| l.split('\t').collect())
        .collect();
    let mut used = vec![false; exceptions.len()];
    let mut faults = Vec::new();
    let mut absent = BTreeSet::new();
    for line in read("tests/node_exporter_families.tsv").lines().filter(|l| !l.starts_with('#')) {
        let row: Vec<&str> = line.split('\t').collect();
        let [collector, default, name, their_kind, labels] = row[..] else {
            panic!("five columns: {line}")
        };
        let mut fault = |what: String| match exceptions.iter().position(|row| covers(row[0], name))
        {
            Some(row) => used[row] = true,
            None => faults.push(format!("{collector}\t{name}\t{what}")),
        };
        let Some(spec) = registry::specs().find(|spec| spec.name == collector) else {
            absent.insert(collector.to_owned());
            continue;
        };
        if spec.default != (default == "on") {
            fault(format!("{collector} is {default} by default"));
        }
        let declared: Vec<_> = spec.families().filter(|family| family.covers(name)).collect();
        if !declared.iter().any(|family| kind(family) == their_kind) {
            let ours: Vec<_> = declared.iter().map(|family| kind(family)).collect();
            fault(format!("is {their_kind}; declared: {ours:?}"));
            continue;
        }
        for label in labels.split(',').filter(|label| !label.is_empty()) {
            if !declared.iter().any(|family| family.labels.contains(&label)) {
                fault(format!("label {label} is not declared"));
            }
        }
    }
    for (row, _) in exceptions.iter().zip(used).filter(|(_, used)| !used) {
        faults.push(format!("excepts nothing any more: {}", row.join("\t")));
    }
    faults.extend(absent.into_iter().map(|collector| format!("{collector}: no such collector")));
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// What is written by hand for people.
const PAGES: [&str; 11] = [
    "README.md",
    "daemonset/SCALING.md",
    "daemonset/SIZING.md",
    "exporter/ARCHITECTURE.md",
    "exporter/MOVING.md",
    "exporter/TROUBLESHOOTING.md",
    "exporter/containers/README.md",
    "exporter/http/README.md",
    "exporter/journal/README.md",
    "exporter/kube/README.md",
    "exporter/upstream/README.md",
];

/// Flags of other programs, and a collector's that stands for all.
const OTHERS: [&str; 8] =
    ["agent", "collector", "locked", "no-collector", "now", "release", "target", "workspace"];

#[test]
fn flags_and_commands_of_the_pages_exist() {
    let pages: String = PAGES.map(read).concat();
    let help = |args: &[&str]| {
        let out = child::run(120, EXPORTER, args, b"");
        assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).expect("UTF-8")
    };
    let mut flags = help(&["--help"]);
    for command in after(&pages, "hybrid-exporter ") {
        if command.starts_with(|c: char| c.is_ascii_lowercase()) && has_command(&pages, &command) {
            flags.push_str(&help(&[&command, "--help"]));
        }
    }
    for flag in after(&pages, "--") {
        let known = flags.contains(&format!("--{flag}"))
            || flags.contains(&format!("--[no-]{}", flag.trim_start_matches("no-")));
        let other = OTHERS.contains(&flag.as_str());
        assert!(other || flag.is_empty() || known, "--{flag} is in a page and not in --help");
    }
}

#[test]
fn links_of_the_pages_lead_somewhere() {
    let others = [
        "exporter/METRICS.md",
        "exporter/CONFIGURATION.md",
        "daemonset/README.md",
        "daemonset/systemd/README.md",
    ];
    let mut faults = Vec::new();
    for page in PAGES.into_iter().chain(others) {
        let text = read(page);
        let here = Path::new(page).parent().expect("a page stands in a directory");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { PathBuf::from(page) } else { here.join(path) };
            let there = root().join(&target).exists();
            let has = || headings(&read(&target.to_string_lossy())).contains(&heading.to_owned());
            if !link.contains("://") && !(there && (heading.is_empty() || has())) {
                faults.push(format!("{page}: {link}"));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

/// The names by which a page's headings can be linked to.
fn headings(text: &str) -> Vec<String> {
    let headings = text.lines().filter_map(|line| line.strip_prefix('#'));
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, '_' | '-' | ' ');
    headings
        .map(|line| line.trim_start_matches('#').trim().to_lowercase())
        .map(|line| line.chars().filter(kept).collect::<String>().replace(' ', "-"))
        .collect()
}

#[test]
fn examples_of_the_pages_are_right() {
    let promtool = peer("promtool");
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut prometheus = 0;
    for (page, block) in PAGES.into_iter().flat_map(|page| examples(&read(page), page)) {
        let file = dir.path().join("example.yml");
        write_file(&file, &block);
        let path = file.to_str().expect("a UTF-8 path");
        let out = if block.starts_with("# prometheus.yml\n") {
            prometheus += 1;
            let Ok(promtool) = &promtool else { continue };
            child::run(60, promtool, &["check", "config", "--syntax-only", path], b"")
        } else {
            child::run(60, EXPORTER, &["check-config", "--config.file", path], b"")
        };
        let text = [out.stdout, out.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        assert!(out.status.success(), "{page}: {}\n{block}", text.concat());
    }
    assert!(prometheus >= 3, "the pages have lost their examples of Prometheus");
    if let Err(reason) = promtool {
        skip("docs::examples_of_the_pages_are_right", &reason);
    }
}

/// The blocks of YAML in a page.
fn examples<'a>(text: &str, page: &'a str) -> Vec<(&'a str, String)> {
    let blocks = text.split("```yaml\n").skip(1);
    blocks.filter_map(|rest| Some((page, rest.split("```").next()?.to_owned()))).collect()
}

#[expect(clippy::disallowed_methods, reason = "the example that is checked")]
fn write_file(path: &Path, text: &str) {
    std::fs::write(path, text).expect("a file");
}

fn covers(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        Some((start, end)) => name.starts_with(start) && name.ends_with(end),
        None => pattern == name,
    }
}

/// Whether a word after the program's name is told as a command, between back-ticks.
fn has_command(pages: &str, command: &str) -> bool {
    pages.contains(&format!("`hybrid-exporter {command}"))
}

/// The names that follow each `mark` in a text.
fn after(text: &str, mark: &str) -> Vec<String> {
    text.split(mark)
        .skip(1)
        .map(|rest| {
            let end = rest
                .find(|c: char| {
                    !(c.is_ascii_lowercase() || c.is_ascii_digit() || "-._".contains(c))
                })
                .unwrap_or(rest.len());
            rest.get(..end).unwrap_or_default().trim_end_matches(['.', '-']).to_owned()
        })
        .collect()
}
