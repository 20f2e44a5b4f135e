//! What one `metrics` entry makes of an object: samples of a gauge, a state set or an info.

use super::{number, path::Path, value::Value, wanted::Wanted};
use crate::label::{is_label_name, sanitized};
use std::collections::{BTreeMap, BTreeSet};

/// A `metrics` entry, compiled.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Generator {
    /// The full name of the family.
    pub(super) name: String,
    pub(super) help: String,
    pub(super) each: Each,
    /// What the samples are about.
    pub(super) path: Path,
    /// Labels from what `path` leads to.
    pub(super) from_value: LabelPaths,
    pub(super) common: BTreeMap<String, String>,
    /// Names of those of `common` that the family's own entry gives.
    pub(super) own_labels: BTreeSet<String>,
    /// Labels from the object.
    pub(super) from_object: LabelPaths,
    /// From which verbosity on its faults are logged.
    pub(super) verbosity: i32,
}

/// The type of the family and what is particular to it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Each {
    /// A number: that of the value, or of each element.
    Gauge { value: Path, label_from_key: Option<String>, nil_is_zero: bool },
    /// 1, with labels from the value or each element.
    Info { label_from_key: Option<String> },
    /// A sample a state, 1 for the one that the value is.
    StateSet { states: Vec<String>, label: String, value: Path },
}

/// Labels whose values stand in the object.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct LabelPaths {
    /// A prefix, and the path of a mapping whose pairs become labels.
    copies: Vec<(String, Path)>,
    /// A name and the path of a value.
    single: Vec<(String, Path)>,
}

/// Labels of a sample.
pub(super) type Labels = BTreeMap<String, String>;

/// A sample.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sample {
    pub(super) labels: Labels,
    pub(super) value: f64,
}

/// What a generator made of an object.
#[derive(Debug, Default)]
pub(super) struct Made {
    pub(super) samples: Vec<Sample>,
    /// Elements of which it could make nothing, and why not the first of them.
    pub(super) faults: usize,
    pub(super) first_fault: Option<String>,
}

// === impl Generator ===

impl Generator {
    /// The samples of an object, in the order of their labels.
    pub(super) fn make(&self, object: &Value<'_>) -> Made {
        let value = self.path.get(Some(object));
        let mut made = Made::default();
        match &self.each {
            Each::Gauge { value: from, label_from_key, nil_is_zero } => {
                let gauge = Gauge { from, zero: *nil_is_zero, labels: &self.from_value };
                gauge.make(value, label_from_key.as_deref(), &mut made);
            }
            Each::Info { label_from_key } => {
                info(value, label_from_key.as_deref(), &self.from_value, &mut made);
            }
            Each::StateSet { states, label, value: from } => {
                let one = |value, made: &mut _| {
                    state_set(value, from, states, label, &self.from_value, made);
                };
                match value {
                    Some(Value::List(items)) => {
                        for item in items {
                            one(Some(item), &mut made);
                        }
                    }
                    value => one(value, &mut made),
                }
            }
        }
        made.samples.sort_by(|a, b| a.labels.cmp(&b.labels));
        if !made.samples.is_empty() {
            let mut base = self.common.clone();
            self.from_object.add(Some(object), &mut base);
            for sample in &mut made.samples {
                for (name, value) in &base {
                    if !sample.labels.contains_key(name) {
                        sample.labels.insert(name.clone(), value.clone());
                    }
                }
            }
        }
        made
    }

    /// Gives all samples a label, unless the family's own entry has one of that name.
    pub(super) fn reserve(&mut self, name: &str, value: &str) {
        if !self.own_labels.contains(name) {
            self.common.insert(name.to_owned(), value.to_owned());
        }
    }

    /// Tells what of an object it reads.
    pub(super) fn wants(&self, wanted: &mut Wanted) {
        self.from_object.wants(wanted);
        let Some(at) = wanted.descend(&self.path) else { return };
        self.from_value.wants(at);
        self.from_value.wants(at.each());
        match &self.each {
            Each::Gauge { value, .. } | Each::StateSet { value, .. } => {
                at.add(value);
                at.each().add(value);
            }
            Each::Info { .. } => {}
        }
    }
}

/// How a gauge makes samples.
struct Gauge<'g> {
    from: &'g Path,
    zero: bool,
    labels: &'g LabelPaths,
}

// === impl Gauge ===

impl Gauge<'_> {
    fn make(&self, value: Option<&Value<'_>>, label_from_key: Option<&str>, made: &mut Made) {
        match value {
            Some(all @ Value::Map(pairs)) => {
                for (key, item) in pairs {
                    // The mapping may hold the number itself, and not its values.
                    let number = if self.from.only() == Some(key) {
                        self.number(Some(item)).map(Some)
                    } else {
                        // Values in which there is no number are none of ours.
                        Ok(self.at(item).unwrap_or_default())
                    };
                    let mut labels = Labels::new();
                    if let Some(name) = label_from_key.filter(|_| !key.is_empty()) {
                        labels.insert(name.to_owned(), key.clone().into_owned());
                    }
                    made.take(
                        number,
                        |labels| {
                            self.labels.add(Some(item), labels);
                            self.labels.add(Some(all), labels);
                        },
                        labels,
                    );
                }
            }
            Some(Value::List(items)) => {
                for item in items {
                    made.take(
                        self.at(item),
                        |labels| self.labels.add(Some(item), labels),
                        Labels::new(),
                    );
                }
            }
            None if !self.zero => made.fault("nothing stands at its path".to_owned()),
            None => made.take(Ok(Some(0.0)), |_| (), Labels::new()),
            Some(item) => {
                made.take(
                    self.at(item),
                    |labels| self.labels.add(Some(item), labels),
                    Labels::new(),
                );
            }
        }
    }

    /// The number of an element, if it has one.
    fn at(&self, item: &Value<'_>) -> Result<Option<f64>, String> {
        match self.from.get(Some(item)) {
            None if self.zero => Ok(Some(0.0)),
            None if matches!(item, Value::Null) => Err("nothing stands at its path".to_owned()),
            None => Ok(None),
            found => self.number(found).map(Some),
        }
    }

    fn number(&self, value: Option<&Value<'_>>) -> Result<f64, String> {
        match value.filter(|value| !matches!(value, Value::Null)) {
            Some(value) => number::of(value),
            None if self.zero => Ok(0.0),
            None => Err("expected a number, found nothing".to_owned()),
        }
    }
}

fn info(
    value: Option<&Value<'_>>,
    label_from_key: Option<&str>,
    paths: &LabelPaths,
    made: &mut Made,
) {
    let one = |item: &Value<'_>, mut labels: Labels, made: &mut Made| {
        paths.add(Some(item), &mut labels);
        if !labels.is_empty() {
            made.samples.push(Sample { labels, value: 1.0 });
        }
    };
    match value {
        Some(Value::List(items)) => {
            for item in items {
                one(item, Labels::new(), made);
            }
        }
        Some(all @ Value::Map(pairs)) => {
            for (key, item) in pairs {
                let mut labels = Labels::new();
                if let Some(name) = label_from_key.filter(|_| !key.is_empty()) {
                    labels.insert(name.to_owned(), key.clone().into_owned());
                }
                one(item, labels, made);
            }
            let before = made.samples.len();
            one(all, Labels::new(), made);
            let own = made.samples.get(before);
            if let Some(name) = label_from_key
                .filter(|name| own.is_some_and(|sample| sample.labels.contains_key(*name)))
            {
                made.fault(format!("the label {name} stands for a key, and at a path, too"));
            }
        }
        Some(item) => one(item, Labels::new(), made),
        None => {}
    }
}

fn state_set(
    value: Option<&Value<'_>>,
    from: &Path,
    states: &[String],
    label: &str,
    paths: &LabelPaths,
    made: &mut Made,
) {
    match from.get(value) {
        None => {}
        Some(Value::Text(found)) => {
            for state in states {
                let mut labels = Labels::from([(label.to_owned(), state.clone())]);
                paths.add(value, &mut labels);
                made.samples.push(Sample { labels, value: f64::from(u8::from(found == state)) });
            }
        }
        Some(other) => made.fault(format!("expected a text, found {}", other.kind())),
    }
}

// === impl Made ===

impl Made {
    fn take(
        &mut self,
        number: Result<Option<f64>, String>,
        add: impl FnOnce(&mut Labels),
        mut labels: Labels,
    ) {
        match number {
            Ok(Some(value)) => {
                add(&mut labels);
                self.samples.push(Sample { labels, value });
            }
            Ok(None) => {}
            Err(fault) => self.fault(fault),
        }
    }

    fn fault(&mut self, fault: String) {
        self.faults += 1;
        self.first_fault.get_or_insert(fault);
    }
}

// === impl LabelPaths ===

impl LabelPaths {
    /// A name that begins or ends with `*` copies a mapping: what is before a last `*` comes before
    /// the keys.
    pub(super) fn new(paths: BTreeMap<String, Path>) -> Self {
        let (copies, single): (Vec<_>, Vec<_>) =
            paths.into_iter().partition(|(name, _)| name.starts_with('*') || name.ends_with('*'));
        let prefix = |name: String| name.strip_suffix('*').unwrap_or_default().to_owned();
        Self {
            copies: copies.into_iter().map(|(name, path)| (prefix(name), path)).collect(),
            single: single.into_iter().map(|(name, path)| (mended(&name), path)).collect(),
        }
    }

    /// Adds the labels of what stands in `value`; later ones win.
    fn add(&self, value: Option<&Value<'_>>, labels: &mut Labels) {
        for (prefix, path) in &self.copies {
            let Some(Value::Map(pairs)) = path.get(value) else { continue };
            for (key, value) in pairs {
                labels.insert(mended(&[prefix, &**key].concat()), value.to_string());
            }
        }
        for (name, path) in &self.single {
            if let Some(value) = path.get(value) {
                labels.insert(name.clone(), value.to_string());
            }
        }
    }

    fn wants(&self, wanted: &mut Wanted) {
        for (_, path) in self.copies.iter().chain(&self.single) {
            wanted.add(path);
        }
    }
}

/// A label name for a key: what it cannot hold becomes `_`.
fn mended(key: &str) -> String {
    let mut name = sanitized(key);
    if !is_label_name(&name) {
        name.insert(0, '_');
    }
    name
}
