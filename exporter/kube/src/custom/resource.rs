//! What is made of the objects of one custom resource.

use super::{
    conditions, config::Configuration, generator::Generator, path::Path, value::Value,
    wanted::Wanted,
};
use crate::{Error, FamilyFilter, ObjectKey, Rendered};
use exposition::{Family, Kind};

/// A resource that the API server serves, as its definition says.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Served {
    /// The API group.
    pub group: String,
    /// The version.
    pub version: String,
    /// The kind.
    pub kind: String,
    /// The plural name, as it stands in paths.
    pub plural: String,
    /// Whether objects live in namespaces.
    pub namespaced: bool,
    /// Whether its status is known to have conditions or an observed generation, and it is the
    /// version in which that is looked for.
    pub states: bool,
}

/// A custom resource and its families.
#[derive(Debug)]
pub struct CustomResource {
    served: Served,
    made: Vec<MadeFamily>,
    /// Whether conditions follow them.
    states: bool,
    families: Vec<Family>,
    wanted: Wanted,
}

/// A family and what gives it samples: several entries may share a name.
#[derive(Debug, PartialEq)]
struct MadeFamily {
    name: String,
    generators: Vec<Generator>,
}

/// What could not be made of an object; kept between objects for its memory.
#[derive(Debug, Default)]
pub struct Notes(Vec<Trouble>);

/// Why a family has not all samples of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The family's place in [`CustomResource::families`].
    pub family: usize,
    /// How many elements gave none.
    pub elements: usize,
    /// Why the first of them did not.
    pub why: String,
    /// From which verbosity on it is logged (`errorLogV`); 0 is always.
    pub verbosity: i32,
}

// === impl CustomResource ===

impl CustomResource {
    /// What the configuration makes of a resource, and its conditions, where `states` asks for them.
    /// None where there is nothing.
    ///
    /// Several entries for the same resource add up.
    pub fn new(
        configuration: &Configuration,
        served: &Served,
        filter: &FamilyFilter,
        states: bool,
    ) -> Option<Self> {
        let own = [
            ("customresource_group", &served.group),
            ("customresource_version", &served.version),
            ("customresource_kind", &served.kind),
        ];
        let is =
            |wanted: &Option<String>, found: &String| wanted.as_ref().is_none_or(|w| w == found);
        let entries = configuration.entries.iter().filter(|entry| {
            entry.group == served.group
                && is(&entry.version, &served.version)
                && is(&entry.kind, &served.kind)
        });
        let mut made: Vec<MadeFamily> = Vec::new();
        for generator in entries.flat_map(|entry| &entry.generators) {
            if !filter.has(&generator.name) {
                continue;
            }
            let mut generator = generator.clone();
            for (name, value) in own {
                generator.reserve(name, value);
            }
            match made.iter_mut().find(|family| family.name == generator.name) {
                Some(family) => family.generators.push(generator),
                None => made
                    .push(MadeFamily { name: generator.name.clone(), generators: vec![generator] }),
            }
        }
        let states =
            states && served.states && conditions::FAMILIES.iter().any(|f| filter.has(&f.name));
        if made.is_empty() && !states {
            return None;
        }
        let mut wanted = Wanted::default();
        for key in ["name", "namespace", "uid", "resourceVersion"] {
            wanted.add(&Path::keys(&["metadata", key]));
        }
        for generator in made.iter().flat_map(|family| &family.generators) {
            generator.wants(&mut wanted);
        }
        if states {
            conditions::wants(&mut wanted);
        }
        wanted.close();
        let mut families: Vec<_> = made.iter().map(MadeFamily::family).collect();
        if states {
            families.extend_from_slice(&conditions::FAMILIES);
        }
        Some(Self { served: served.clone(), made, states, families, wanted })
    }

    /// Which resource it is.
    pub fn served(&self) -> &Served {
        &self.served
    }

    /// The families in the order of [`Rendered::family`].
    pub fn families(&self) -> &[Family] {
        &self.families
    }

    /// How many of the families are the configuration's; behind them are those that need none.
    pub fn configured(&self) -> usize {
        self.made.len()
    }

    /// Writes the lines of the object that `json` holds, and what could not be made of it.
    ///
    /// Fails where it is no object with a name; `out` then holds no lines.
    pub fn render(
        &self,
        json: &[u8],
        out: &mut Rendered,
        notes: &mut Notes,
    ) -> Result<ObjectKey, Error> {
        out.begin(std::iter::empty());
        notes.0.clear();
        let json = str::from_utf8(json)
            .map_err(|error| self.error(None, "JSON", &format!("not UTF-8: {error}")))?;
        let object = Value::read(json, &self.wanted)
            .map_err(|error| self.error(None, "JSON", &error.to_string()))?;
        let metadata = object.get("metadata");
        let text = |key| metadata.and_then(|m| m.get(key)?.text()).unwrap_or_default().to_owned();
        let key = ObjectKey {
            uid: text("uid"),
            namespace: text("namespace"),
            name: text("name"),
            resource_version: text("resourceVersion"),
        };
        if key.name.is_empty() {
            return Err(self.error(Some(&key), "metadata.name", "expected a name"));
        }
        for (place, family) in self.made.iter().enumerate() {
            for generator in &family.generators {
                let made = generator.make(&object);
                for sample in &made.samples {
                    let labels = sample.labels.iter().map(|(name, value)| (&**name, &**value));
                    out.line(&family.name, labels, sample.value);
                }
                notes.0.extend(made.first_fault.map(|why| Trouble {
                    family: place,
                    elements: made.faults,
                    why: format!("{}: {why}", generator.path),
                    verbosity: generator.verbosity,
                }));
            }
            out.end();
        }
        if self.states {
            conditions::write(&self.served, &key, &object, out);
        }
        Ok(key)
    }

    fn error(&self, key: Option<&ObjectKey>, field: &str, what: &str) -> Error {
        let object = match key {
            Some(ObjectKey { namespace, .. }) if !namespace.is_empty() => format!("in {namespace}"),
            _ => "without a name".to_owned(),
        };
        let kind = self.served.kind.clone().into();
        Error::Object { kind, object, field: field.to_owned(), what: what.to_owned() }
    }
}

/// Whether the same becomes of each object; the rest follows from it.
impl PartialEq for CustomResource {
    fn eq(&self, other: &Self) -> bool {
        (&self.served, &self.made, self.states) == (&other.served, &other.made, other.states)
    }
}

// === impl MadeFamily ===

impl MadeFamily {
    /// The first entry's help text counts. Infos and state sets are gauges in text, as
    /// kube-state-metrics has them there.
    fn family(&self) -> Family {
        let help = self.generators.first().map_or("", |generator| &generator.help);
        Family::dynamic(Kind::Gauge, &self.name, help, &[])
    }
}

// === impl Notes ===

impl Notes {
    /// What there is to say of the object that was rendered last.
    pub fn troubles(&self) -> &[Trouble] {
        &self.0
    }
}
