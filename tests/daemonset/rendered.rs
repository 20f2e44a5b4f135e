//! Manifests as objects, without what only their maker knows: who made them, which state of a configuration.
#![expect(clippy::disallowed_methods, reason = "tests keep files")]

use crate::support::root;
use serde_json::Value;
use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

/// By kind and name.
pub(super) struct Objects(pub(super) BTreeMap<String, Value>);

// === impl Objects ===

impl Objects {
    /// Those of a stream of YAML, but for Helm's hooks.
    pub(super) fn new(text: &str) -> Self {
        let mut all = BTreeMap::new();
        for document in text.split("\n---\n").map(|part| part.trim_start_matches("---\n")) {
            if document.lines().all(|line| line.is_empty() || line.starts_with('#')) {
                continue;
            }
            let mut object = parse(document);
            if at(&object, "/metadata/annotations/helm.sh~1hook") != &Value::Null {
                continue;
            }
            for pointer in ["/metadata", "/spec/template/metadata"] {
                if let Some(metadata) = object.pointer_mut(pointer) {
                    forget(metadata);
                }
            }
            let name =
                format!("{}/{}", text_at(&object, "/kind"), text_at(&object, "/metadata/name"));
            let before = all.insert(name.clone(), object);
            assert!(before.is_none(), "{name} twice");
        }
        let mut objects = Self(all);
        objects.unhash();
        objects
    }

    /// kustomize puts a hash of its contents behind the name of a `ConfigMap`.
    fn unhash(&mut self) {
        const NAME: &str = "hybrid-exporter-config";
        let hashed = self.0.keys().find_map(|key| {
            let hash = key.strip_prefix("ConfigMap/")?.strip_prefix(NAME)?;
            (!hash.is_empty()).then(|| format!("{NAME}{hash}"))
        });
        let of_text = |(name, mut object): (String, Value)| {
            if let Some(hashed) = &hashed {
                let text = object.to_string().replace(hashed, NAME);
                object = serde_json::from_str(&text).expect("JSON");
            }
            let name = hashed.as_ref().map_or(name.clone(), |hashed| name.replace(hashed, NAME));
            if name == format!("ConfigMap/{NAME}") {
                let data = object.pointer_mut("/data").and_then(Value::as_object_mut);
                for file in data.expect("a ConfigMap has data").values_mut() {
                    *file = parse(file.as_str().expect("a file is text"));
                }
            }
            (name, object)
        };
        self.0 = std::mem::take(&mut self.0).into_iter().map(of_text).collect();
    }

    /// Fails where they differ, with what differs first in each object.
    pub(super) fn assert_eq(&self, other: &Self, of: &str) {
        let mut faults = String::new();
        for key in self.0.keys().chain(other.0.keys().filter(|key| !self.0.contains_key(*key))) {
            match (self.0.get(key), other.0.get(key)) {
                (Some(one), Some(two)) => {
                    if let Some(difference) = differ(one, two, key) {
                        let _written = writeln!(faults, "{difference}");
                    }
                }
                (one, _) => {
                    let maker = if one.is_some() { "kustomize" } else { "Helm" };
                    let _written = writeln!(faults, "{key} is made by {maker} alone");
                }
            }
        }
        assert!(faults.is_empty(), "{of}:\n{faults}");
    }
}

/// Takes out the labels and annotations that name the maker or a state.
fn forget(metadata: &mut Value) {
    const OWN: [&str; 4] = [
        "helm.sh/chart",
        "app.kubernetes.io/managed-by",
        "app.kubernetes.io/version",
        "checksum/config",
    ];
    let Some(metadata) = metadata.as_object_mut() else { return };
    for part in ["labels", "annotations"] {
        let Some(entries) = metadata.get_mut(part).and_then(Value::as_object_mut) else { continue };
        entries.retain(|key, _| !OWN.contains(&key.as_str()));
        if entries.is_empty() {
            metadata.remove(part);
        }
    }
}

/// The first place in which two objects differ.
fn differ(one: &Value, two: &Value, place: &str) -> Option<String> {
    match (one, two) {
        (Value::Object(a), Value::Object(b)) => {
            let keys = a.keys().chain(b.keys());
            keys.into_iter().find_map(|key| {
                let (a, b) =
                    (a.get(key).unwrap_or(&Value::Null), b.get(key).unwrap_or(&Value::Null));
                differ(a, b, &format!("{place}/{key}"))
            })
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let mut pairs = a.iter().zip(b).enumerate();
            pairs.find_map(|(index, (a, b))| differ(a, b, &format!("{place}/{index}")))
        }
        _ => (one != two).then(|| format!("{place}: kustomize {one}, Helm {two}")),
    }
}

pub(super) fn parse(yaml: &str) -> Value {
    serde_saphyr::from_str(yaml).unwrap_or_else(|error| panic!("{error}:\n{yaml}"))
}

/// What stands at a JSON pointer; null where nothing does.
pub(super) fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or(&Value::Null)
}

pub(super) fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    at(value, pointer).as_array().map_or(&[], Vec::as_slice)
}

pub(super) fn text_at<'a>(value: &'a Value, pointer: &str) -> &'a str {
    at(value, pointer).as_str().unwrap_or_default()
}

/// Writes a kustomization as people have one of their own: the base, components, and what else it says. Its folder.
pub(super) fn own(dir: &Path, base: &str, components: &[&str], more: &str) -> String {
    // kustomize takes relative paths alone.
    let up = "../".repeat(dir.components().count() - 1);
    let below = |rel: &str| format!("{}{}", up.trim_end_matches('/'), root().join(rel).display());
    let mut text = format!("resources: [{}]\nnamespace: hybrid-exporter\n", below(base));
    let components: Vec<_> = components.iter().map(|component| below(component)).collect();
    let _written = write!(text, "components: [{}]\n{more}", components.join(", "));
    fs::write(dir.join("kustomization.yaml"), text).expect("a file");
    dir.display().to_string()
}
