//! The configuration of custom resource state as kube-state-metrics takes it: which fields of which
//! custom resources become which families.
//!
//! An unknown key or a wrong type is an error that names the line, the resource, the metric, the key
//! and the nearest right one; kube-state-metrics passes over unknown keys.

use super::{
    generator::{Each, Generator, LabelPaths},
    path::Path,
};
use crate::label::is_label_name;
use exposition::is_metric_name;
use std::collections::BTreeMap;
use yaml::{Content, Fault, Node, Within as _, fields, flag, list, map, text, texts};

/// The configuration, checked.
#[derive(Debug, Default)]
pub struct Configuration {
    pub(super) entries: Vec<Entry>,
}

/// What is said of one resource, or of several by wildcards.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) group: String,
    /// None for any.
    pub(super) version: Option<String>,
    /// None for any.
    pub(super) kind: Option<String>,
    pub(super) generators: Vec<Generator>,
}

/// Labels that metrics of a resource, or of one family, carry.
#[derive(Clone, Default)]
struct Labels {
    common: BTreeMap<String, String>,
    from_path: BTreeMap<String, Path>,
}

type Result<T> = std::result::Result<T, Fault>;

/// Before the names of families where an entry says nothing else.
const PREFIX: &str = "kube_customresource";

// === impl Configuration ===

impl Configuration {
    /// Reads the YAML that kube-state-metrics takes in `--custom-resource-state-config-file`.
    ///
    /// Fails where it is none, with the line and what would be right.
    pub fn parse(text: &str) -> Result<Self> {
        let root = yaml::parse(text)?;
        let [_, _, _, spec] = fields(&root, ["kind", "apiVersion", "metadata", "spec"])?;
        let Some(spec) = spec else {
            return Err(Fault::new(root.line, "expected the key spec with the key resources"));
        };
        let entries = fields(spec, ["resources"])
            .and_then(|[resources]| list(resources))
            .and_then(|resources| resources.iter().map(entry).collect());
        entries.map(|entries| Self { entries }).within("spec")
    }

    /// The groups, versions and kinds that entries name, `*` for any.
    pub fn wanted(&self) -> impl Iterator<Item = [&str; 3]> {
        self.entries.iter().map(|entry| {
            let [version, kind] =
                [&entry.version, &entry.kind].map(|part| part.as_deref().unwrap_or("*"));
            [&entry.group, version, kind]
        })
    }
}

fn entry(node: &Node) -> Result<Entry> {
    let part = |key| match node.peek("groupVersionKind").and_then(|names| names.peek(key)) {
        Some(Node { content: Content::Scalar(text), .. }) => text,
        _ => "*",
    };
    let name = format!("resource {}/{} {}", part("group"), part("version"), part("kind"));
    let known = [
        "groupVersionKind",
        "resourcePlural",
        "metricNamePrefix",
        "commonLabels",
        "labelsFromPath",
        "metrics",
        "errorLogV",
    ];
    let read = || {
        let [names, plural, prefix, common, from_path, metrics, verbosity] = fields(node, known)?;
        let [group, version, kind] = group_version_kind(node, names).within("groupVersionKind")?;
        // The definition of the resource knows its plural; kube-state-metrics takes it from there, too.
        text(plural).within("resourcePlural")?;
        let verbosity = level(verbosity).within("errorLogV")?;
        // An empty prefix is none, and not the default.
        let prefix = match prefix.map(|node| (&node.content, node)) {
            None | Some((Content::Null, _)) => PREFIX.to_owned(),
            Some((_, node)) => text(Some(node)).within("metricNamePrefix")?,
        };
        let labels = Labels::read(common, from_path)?;
        let metrics = list(metrics).within("metrics")?.iter();
        let generators = metrics.map(|node| generator(node, &prefix, &labels, verbosity));
        let any = |name: String| Some(name).filter(|name| !matches!(&**name, "" | "*"));
        let generators = generators.collect::<Result<_>>()?;
        Ok(Entry { group, version: any(version), kind: any(kind), generators })
    };
    read().within(name)
}

fn group_version_kind(entry: &Node, node: Option<&Node>) -> Result<[String; 3]> {
    let names = node.map_or(Ok([None; 3]), |node| fields(node, ["group", "version", "kind"]));
    let ([group, version, kind], node) = (names?, node.unwrap_or(entry));
    let name = text(group).within("group")?;
    if matches!(&*name, "" | "*") {
        let line = group.map_or(node.line, |group| group.line);
        let fault = Fault::new(line, "expected the name of a group, such as myteam.io");
        return Err(fault.within("group"));
    }
    Ok([name, text(version).within("version")?, text(kind).within("kind")?])
}

fn generator(node: &Node, prefix: &str, labels: &Labels, verbosity: i32) -> Result<Generator> {
    let given = match node.peek("name") {
        Some(Node { content: Content::Scalar(name), .. }) => name,
        _ => "",
    };
    let parts = [prefix, given].into_iter().filter(|part| !part.is_empty());
    let name = parts.collect::<Vec<_>>().join("_");
    let known = ["name", "help", "each", "commonLabels", "labelsFromPath", "errorLogV"];
    let read = || {
        let [_, help, each, common, from_path, own_verbosity] = fields(node, known)?;
        if given.is_empty() || !is_metric_name(&name) {
            let what = format!(
                "{name:?} is no name of a metric; expected letters, digits and _, no digit first"
            );
            return Err(Fault::new(node.line, what).within("name"));
        }
        let Some(each) = each else {
            return Err(Fault::new(
                node.line,
                "expected the key each with a type and its settings",
            ));
        };
        let own = Labels::read(common, from_path)?;
        let verbosity = match level(own_verbosity).within("errorLogV")? {
            0 => verbosity,
            own => own,
        };
        let mut labels = labels.clone();
        let own_labels = own.common.keys().cloned().collect();
        labels.common.extend(own.common);
        labels.from_path.extend(own.from_path);
        let (each, path, from_value) = each_of(each).within("each")?;
        Ok(Generator {
            name: name.clone(),
            help: text(help).within("help")?,
            each,
            path,
            from_value,
            common: labels.common,
            own_labels,
            from_object: LabelPaths::new(labels.from_path),
            verbosity,
        })
    };
    read().within(format!("metric {given:?}"))
}

/// What a family makes of an object, from where, and with which labels.
fn each_of(node: &Node) -> Result<(Each, Path, LabelPaths)> {
    let [kind, gauge, states, info] = fields(node, ["type", "gauge", "stateSet", "info"])?;
    let (line, kind) = (kind.map_or(node.line, |kind| kind.line), text(kind).within("type")?);
    let needed = |settings: Option<_>, key: &'static str| {
        settings.ok_or_else(|| Fault::new(line, format!("a {kind} needs the key {key}")))
    };
    let common = |path, from_path| {
        let from_path = paths(from_path).within("labelsFromPath")?;
        Ok((compiled(path).within("path")?, LabelPaths::new(from_path)))
    };
    match &*kind.to_lowercase() {
        "gauge" => {
            let settings = needed(gauge, "gauge")?;
            let known = ["path", "labelsFromPath", "labelFromKey", "valueFrom", "nilIsZero"];
            let read = || {
                let [path, from_path, key, value, zero] = fields(settings, known)?;
                let (path, labels) = common(path, from_path)?;
                let each = Each::Gauge {
                    value: compiled(value).within("valueFrom")?,
                    label_from_key: label(key).within("labelFromKey")?,
                    nil_is_zero: flag(zero).within("nilIsZero")?,
                };
                Ok((each, path, labels))
            };
            read().within("gauge")
        }
        "info" => {
            let settings = needed(info, "info")?;
            let read = || {
                let [path, from_path, key] =
                    fields(settings, ["path", "labelsFromPath", "labelFromKey"])?;
                let (path, labels) = common(path, from_path)?;
                let each = Each::Info { label_from_key: label(key).within("labelFromKey")? };
                Ok((each, path, labels))
            };
            read().within("info")
        }
        "stateset" => {
            let settings = needed(states, "stateSet")?;
            let known = ["path", "labelsFromPath", "list", "labelName", "valueFrom"];
            let read = || {
                let [path, from_path, states, name, value] = fields(settings, known)?;
                let (path, labels) = common(path, from_path)?;
                let label = label(name).within("labelName")?.ok_or_else(|| {
                    Fault::new(settings.line, "expected the name of a label").within("labelName")
                })?;
                let value = compiled(value).within("valueFrom")?;
                let states = texts(states).within("list")?;
                Ok((Each::StateSet { states, label, value }, path, labels))
            };
            read().within("stateSet")
        }
        _ => {
            let what = format!("expected Gauge, StateSet or Info, found {kind:?}");
            Err(Fault::new(line, what).within("type"))
        }
    }
}

// === impl Labels ===

impl Labels {
    fn read(common: Option<&Node>, from_path: Option<&Node>) -> Result<Self> {
        let pair = |(name, node): &(String, Node)| {
            if !is_label_name(name) {
                return Err(no_label(node.line, name));
            }
            Ok((name.clone(), text(Some(node)).within(name)?))
        };
        let common = map(common).and_then(|pairs| pairs.iter().map(pair).collect());
        let from_path = paths(from_path).within("labelsFromPath")?;
        Ok(Self { common: common.within("commonLabels")?, from_path })
    }
}

fn compiled(node: Option<&Node>) -> Result<Path> {
    let line = node.map_or(0, |node| node.line);
    Path::compile(&texts(node)?).map_err(|what| Fault::new(line, what))
}

fn paths(node: Option<&Node>) -> Result<BTreeMap<String, Path>> {
    let pair =
        |(name, node): &(String, Node)| Ok((name.clone(), compiled(Some(node)).within(name)?));
    map(node)?.iter().map(pair).collect()
}

/// The name of a label, if one is given.
fn label(node: Option<&Node>) -> Result<Option<String>> {
    let name = text(node)?;
    match node {
        Some(node) if !name.is_empty() && !is_label_name(&name) => Err(no_label(node.line, &name)),
        _ => Ok(Some(name).filter(|name| !name.is_empty())),
    }
}

fn level(node: Option<&Node>) -> Result<i32> {
    let given = text(node)?;
    match (&*given, node) {
        ("", _) | (_, None) => Ok(0),
        (given, Some(node)) => given.parse().map_err(|_| node.is_not("a whole number")),
    }
}

fn no_label(line: usize, name: &str) -> Fault {
    let what =
        format!("{name:?} is no name of a label; expected letters, digits and _, no digit first");
    Fault::new(line, what)
}

#[cfg(test)]
mod tests;
