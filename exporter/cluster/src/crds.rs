//! Which custom resources there are: the `CustomResourceDefinition`s of `apiextensions.k8s.io/v1`.
//!
//! A definition is mostly schema, up to a megabyte of it. What is kept are group, names, scope and the
//! versions that are served; of the schema it is asked only whether a status has conditions or an
//! observed generation. A change of anything else changes nothing here, and no watch begins anew for
//! it.

use kubestate::custom::Served;
use serde::{Deserialize, de::IgnoredAny};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

/// Group, version and plural name of the definitions.
pub(crate) const API: [&str; 3] = ["apiextensions.k8s.io", "v1", "customresourcedefinitions"];

/// The definitions that there are, by name.
#[derive(Debug, Default)]
pub(crate) struct Definitions {
    known: BTreeMap<Box<str>, Known>,
    round: u32,
    /// Whether anything has come since somebody asked.
    changed: bool,
}

#[derive(Debug)]
struct Known {
    served: Vec<Served>,
    round: u32,
}

/// A definition, as far as it is read.
#[derive(Deserialize)]
struct Definition<'a> {
    #[serde(borrow, default)]
    metadata: Metadata<'a>,
    #[serde(borrow)]
    spec: Spec<'a>,
}

/// Which object it is, and which state of it.
#[derive(Default, Deserialize)]
struct Metadata<'a> {
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(rename = "resourceVersion", borrow)]
    version: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Spec<'a> {
    #[serde(borrow)]
    group: Cow<'a, str>,
    #[serde(borrow)]
    names: Names<'a>,
    #[serde(borrow, default)]
    scope: Cow<'a, str>,
    #[serde(borrow, default)]
    versions: Vec<Version<'a>>,
}

#[derive(Deserialize)]
struct Names<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    plural: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Version<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    /// The API requires it.
    served: Option<bool>,
    storage: Option<bool>,
    schema: Option<Schema>,
}

#[derive(Deserialize)]
struct Schema {
    #[serde(rename = "openAPIV3Schema")]
    root: Option<Part<Root>>,
}

/// A part of a schema: what it has, or that it has whatever comes.
#[derive(Deserialize)]
struct Part<T> {
    properties: Option<T>,
    #[serde(rename = "x-kubernetes-preserve-unknown-fields")]
    anything: Option<bool>,
}

#[derive(Deserialize)]
struct Root {
    status: Option<Part<Status>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    conditions: Option<IgnoredAny>,
    observed_generation: Option<IgnoredAny>,
}

// === impl Definitions ===

impl Definitions {
    /// Begins a list: what is not applied before its end is gone then.
    pub(crate) fn list(&mut self) {
        self.round = self.round.wrapping_add(1);
    }

    /// Ends a list.
    pub(crate) fn listed(&mut self) {
        let round = self.round;
        self.changed = true;
        self.known.retain(|_, known| known.round == round);
    }

    /// Takes a definition as it is now; gives its resource version. Whether it can be read or not, what was
    /// known of it is no more.
    pub(crate) fn apply(&mut self, json: &[u8]) -> Result<Option<String>, serde_json::Error> {
        let Definition { metadata, spec } = match serde_json::from_slice(json) {
            Ok(definition) => definition,
            Err(error) => {
                self.delete(json)?;
                return Err(error);
            }
        };
        let known = Known { served: spec.served(), round: self.round };
        self.known.insert(metadata.name.into(), known);
        self.changed = true;
        Ok(metadata.version.map(Cow::into_owned))
    }

    /// Forgets a definition; gives its resource version.
    pub(crate) fn delete(&mut self, json: &[u8]) -> Result<Option<String>, serde_json::Error> {
        #[derive(Deserialize)]
        struct Named<'a> {
            #[serde(borrow, default)]
            metadata: Metadata<'a>,
        }
        let Named { metadata } = serde_json::from_slice(json)?;
        self.known.remove(&*metadata.name);
        self.changed = true;
        Ok(metadata.version.map(Cow::into_owned))
    }

    /// The resources that are served, if something has come since they were asked for last.
    pub(crate) fn changed(&mut self) -> Option<BTreeSet<Served>> {
        std::mem::take(&mut self.changed).then(|| self.served().cloned().collect())
    }

    /// Has them asked for once more.
    pub(crate) fn renew(&mut self) {
        self.changed = true;
    }

    /// Whether something has come that nobody has asked for.
    pub(crate) fn has_news(&self) -> bool {
        self.changed
    }

    /// The resources that are served.
    fn served(&self) -> impl Iterator<Item = &Served> {
        self.known.values().flat_map(|known| &known.served)
    }
}

// === impl Spec ===

impl Spec<'_> {
    /// What is served. Conditions are looked for in one version, so that each object tells them once: in
    /// the stored one, which needs no conversion, or else in the first.
    fn served(&self) -> Vec<Served> {
        let served = || self.versions.iter().filter(|version| version.served != Some(false));
        let best = served().find(|version| version.storage == Some(true)).or(served().next());
        let best = best.filter(|version| version.has_states()).map(|version| &version.name);
        let one = |version: &Version<'_>| Served {
            group: self.group.clone().into_owned(),
            version: version.name.clone().into_owned(),
            kind: self.names.kind.clone().into_owned(),
            plural: self.names.plural.clone().into_owned(),
            namespaced: self.scope != "Cluster",
            states: best == Some(&version.name),
        };
        served().map(one).collect()
    }
}

// === impl Version ===

impl Version<'_> {
    /// Whether a status has conditions or an observed generation, or may have.
    fn has_states(&self) -> bool {
        let Some(root) = self.schema.as_ref().and_then(|schema| schema.root.as_ref()) else {
            return false;
        };
        match root.properties.as_ref().and_then(|root| root.status.as_ref()) {
            None => root.anything == Some(true),
            Some(status) => {
                let named = status.properties.as_ref().is_some_and(|status| {
                    status.conditions.is_some() || status.observed_generation.is_some()
                });
                named || status.anything == Some(true)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    fn definition(name: &str, versions: &str) -> String {
        format!(
            r#"{{"kind":"CustomResourceDefinition","metadata":{{"name":"{name}.myteam.io","resourceVersion":"7"}},
            "spec":{{"group":"myteam.io","names":{{"kind":"Foo","plural":"{name}","shortNames":["f"]}},
            "scope":"Namespaced","versions":[{versions}]}},"status":{{"conditions":[]}}}}"#
        )
    }

    fn version(rest: &str, status: &str) -> String {
        format!(
            r#"{{"name":"v1","served":true,"storage":true,{rest}"schema":{{"openAPIV3Schema":
            {{"type":"object","properties":{{"spec":{{"type":"object"}},"status":{{{status}}}}}}}}}}}"#
        )
    }

    fn shown(definitions: &Definitions) -> String {
        let line = |s: &Served| {
            let Served { group, version, kind, plural, namespaced, states } = s;
            format!("{plural}.{version}.{group} {kind} namespaced={namespaced} states={states}\n")
        };
        definitions.served().map(line).collect::<Vec<_>>().concat()
    }

    const CONDITIONS: &str = r#""type":"object","properties":{"conditions":{"type":"array"}}"#;

    #[test]
    fn a_definition_gives_its_served_versions() {
        let mut definitions = Definitions::default();
        let mut apply = |name, versions: &[String]| {
            definitions.apply(definition(name, &versions.join(",")).as_bytes()).unwrap()
        };
        let old = r#"{"name":"v1alpha1","served":true,"storage":false}"#.to_owned();
        let never = r#"{"name":"v0","served":false,"storage":false}"#.to_owned();
        assert_eq!(apply("foos", &[never, old, version("", CONDITIONS)]), Some("7".to_owned()));
        let generation = r#""properties":{"observedGeneration":{"type":"integer"}}"#;
        apply("generations", &[version("", generation)]);
        apply("any", &[version("", r#""x-kubernetes-preserve-unknown-fields":true"#)]);
        apply("phases", &[version("", r#""properties":{"phase":{"type":"string"}}"#)]);
        expect![[r#"
            any.v1.myteam.io Foo namespaced=true states=true
            foos.v1alpha1.myteam.io Foo namespaced=true states=false
            foos.v1.myteam.io Foo namespaced=true states=true
            generations.v1.myteam.io Foo namespaced=true states=true
            phases.v1.myteam.io Foo namespaced=true states=false
        "#]]
        .assert_eq(&shown(&definitions));
    }

    #[test]
    fn a_list_replaces_what_was_known() {
        let mut definitions = Definitions::default();
        let foos = definition("foos", &version("", CONDITIONS));
        let bars = definition("bars", &version("", CONDITIONS));
        definitions.list();
        definitions.apply(foos.as_bytes()).unwrap();
        definitions.apply(bars.as_bytes()).unwrap();
        definitions.listed();
        assert!(definitions.has_news());
        assert_eq!(definitions.changed().map(|served| served.len()), Some(2));
        assert!(!definitions.has_news() && definitions.changed().is_none());
        definitions.list();
        definitions.apply(bars.as_bytes()).unwrap();
        // Until the list is complete, what was known stands.
        assert_eq!(definitions.served().count(), 2);
        definitions.listed();
        assert!(shown(&definitions).starts_with("bars."));
        // One that cannot be read is none.
        let torn = bars.replace("\"kind\":\"Foo\"", "\"kind\":7");
        assert!(definitions.apply(torn.as_bytes()).is_err());
        assert_eq!(definitions.served().count(), 0);
        definitions.apply(foos.as_bytes()).unwrap();
        assert_eq!(definitions.delete(foos.as_bytes()).unwrap(), Some("7".to_owned()));
        assert_eq!(definitions.served().count(), 0);
        assert!(definitions.delete(b"[").is_err());
    }
}
