//! A resource as data: which objects, which families, and how an object becomes lines.

use crate::{
    Error, Rendered, json,
    rendered::Rows,
    settings::RenderOptions,
    wire::{Metadata, narrow},
};
use exposition::{Family, Kind as Type};
use serde::Deserialize;
use std::{fmt, sync::OnceLock};

/// A Kubernetes resource and its metric families.
pub struct Resource {
    /// The plural name, as the API's paths and kube-state-metrics' flags have it.
    pub name: &'static str,
    /// The API group; empty for the core one.
    pub group: &'static str,
    /// The version that the fields are read from.
    pub version: &'static str,
    /// The kind.
    pub kind: &'static str,
    /// Whether objects live in namespaces.
    pub namespaced: bool,
    /// Whether kube-state-metrics watches it by default.
    pub default: bool,
    /// How much of its objects may be asked for.
    pub extent: Extent,
    pub(crate) table: &'static dyn Table,
    pub(crate) families: OnceLock<Vec<Family>>,
}

/// How much of an object is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    #[default]
    Whole,
    /// `metadata` alone (`PartialObjectMetadata`), because the rest holds secrets.
    Metadata,
    /// `metadata` and the `type` beside it, which tables of the API server (`meta.k8s.io/v1` Table) have
    /// without the rest.
    Typed,
}

/// A family as it is declared: what the tables say beside its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Declared {
    /// The full metric name.
    pub name: &'static str,
    /// What the number means, without the mark of a stable family.
    pub help: &'static str,
    /// Whether it is a counter; the others are gauges.
    pub counter: bool,
    /// What kube-state-metrics promises of it.
    pub stability: Stability,
    /// Labels behind the resource's default ones; `label_*` stands for names that depend on the
    /// object.
    pub labels: &'static [&'static str],
    /// Whether the family is written only where the opt-in list names it.
    pub opt_in: bool,
}

/// What kube-state-metrics promises of a family; its help text begins with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stability {
    /// It may change.
    Alpha,
    /// It stays.
    Stable,
    /// It is stable and will go; the version that said so.
    Deprecated(&'static str),
}

/// Which object it is and which state of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ObjectKey {
    /// `metadata.uid`
    pub uid: String,
    /// `metadata.namespace`, empty for what lives in none.
    pub namespace: String,
    /// `metadata.name`
    pub name: String,
    /// `metadata.resourceVersion`
    pub resource_version: String,
}

/// A narrow type: the fields of a kind that are in use.
pub(crate) trait Kind: 'static {
    /// The type with the JSON's lifetime.
    type Object<'a>: Deserialize<'a> + Object;
}

/// What every object has.
pub(crate) trait Object {
    fn metadata(&self) -> &Metadata<'_>;
}

/// Makes a narrow type with the field `metadata` the [`Kind`] of a table.
macro_rules! kind {
    ($name:ident) => {
        impl crate::resource::Kind for $name<'static> {
            type Object<'a> = $name<'a>;
        }

        impl crate::resource::Object for $name<'_> {
            fn metadata(&self) -> &crate::wire::Metadata<'_> {
                &self.metadata
            }
        }
    };
}
pub(crate) use kind;

/// The families of a kind, and the labels that all of them begin with.
pub(crate) struct Families<K: Kind> {
    /// Names of the default labels, in their order, and where the values come from.
    pub(crate) identity: &'static [Identity<K>],
    pub(crate) families: &'static [&'static [Metric<K>]],
}

/// A default label: its name, and what of the object it holds.
pub(crate) enum Identity<K: Kind> {
    Namespace(&'static str),
    Name(&'static str),
    Uid(&'static str),
    Of(&'static str, for<'o> fn(&'o K::Object<'_>) -> &'o str),
}

/// A family and the function that writes its lines.
pub(crate) struct Metric<K: Kind> {
    pub(crate) declared: Declared,
    pub(crate) write: fn(&K::Object<'_>, &mut Rows<'_>),
}

/// [`Families`] of some kind.
pub(crate) trait Table: Sync {
    fn declared(&self) -> Vec<&'static Declared>;
    fn identity(&self) -> Vec<&'static str>;
    fn render(
        &self,
        resource: &Resource,
        json: &[u8],
        options: &RenderOptions,
        out: &mut Rendered,
    ) -> Result<ObjectKey, Error>;
}

narrow! {
    /// Enough of an object to name it.
    struct Named<'a> {
        metadata: Name<'a>,
    }

    struct Name<'a> {
        name: crate::wire::Text<'a>,
        namespace: crate::wire::Text<'a>,
    }
}

// === impl Resource ===

impl Resource {
    /// A resource in namespaces that kube-state-metrics watches by default.
    pub(crate) const fn new(
        name: &'static str,
        api: [&'static str; 3],
        table: &'static dyn Table,
    ) -> Self {
        let [group, version, kind] = api;
        Self {
            name,
            group,
            version,
            kind,
            namespaced: true,
            default: true,
            extent: Extent::Whole,
            table,
            families: OnceLock::new(),
        }
    }

    /// The resource, as one whose objects live in no namespace.
    pub(crate) const fn cluster_scoped(mut self) -> Self {
        self.namespaced = false;
        self
    }

    /// The resource, as one that kube-state-metrics watches only where it is told to.
    pub(crate) const fn not_default(mut self) -> Self {
        self.default = false;
        self
    }

    /// The resource, as one of which no more is asked for.
    pub(crate) const fn extent(mut self, extent: Extent) -> Self {
        self.extent = extent;
        self
    }

    /// The families as declared, in the order of [`Rendered::family`].
    pub fn declared(&self) -> Vec<&'static Declared> {
        self.table.declared()
    }

    /// Names of the labels that each line of the resource begins with.
    pub fn default_labels(&self) -> Vec<&'static str> {
        self.table.identity()
    }

    /// The families in the order of [`Rendered::family`], with help texts as they are exposed and
    /// all labels.
    pub fn families(&'static self) -> &'static [Family] {
        self.families.get_or_init(|| {
            let identity = self.default_labels();
            let family = |declared: &'static Declared| {
                // Made once for the program's life, as the tables themselves are.
                let labels: Vec<_> = identity.iter().chain(declared.labels).copied().collect();
                let kind = if declared.counter { Type::Counter } else { Type::Gauge };
                Family::dynamic(kind, declared.name, declared.exposed_help(), labels.leak())
            };
            self.declared().into_iter().map(family).collect()
        })
    }

    /// Writes the lines of the object that `json` holds.
    ///
    /// Fails where it is no object of this kind: a field of another type than the API says, broken
    /// JSON, no name. `out` then holds no lines.
    pub fn render(
        &self,
        json: &[u8],
        options: &RenderOptions,
        out: &mut Rendered,
    ) -> Result<ObjectKey, Error> {
        let result = self.table.render(self, json, options, out);
        if result.is_err() {
            out.begin(std::iter::empty());
        }
        result
    }

    fn error(&self, json: &str, field: &str, what: impl fmt::Display) -> Error {
        let named: Named<'_> = json::read(json).unwrap_or_default();
        let Name { name, namespace } = named.metadata;
        let object = match (&*namespace, &*name) {
            (_, "") => "without a name".to_owned(),
            ("", name) => name.to_owned(),
            (namespace, name) => format!("{namespace}/{name}"),
        };
        Error::Object {
            kind: self.kind.into(),
            object,
            field: field.to_owned(),
            what: what.to_string(),
        }
    }
}

impl fmt::Debug for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Resource").field(&self.name).finish()
    }
}

// === impl Declared ===

impl Declared {
    /// The help text with the mark of a stable or deprecated family before it.
    pub fn exposed_help(&self) -> String {
        match self.stability {
            Stability::Alpha => self.help.to_owned(),
            Stability::Stable => format!("[STABLE] {}", self.help),
            Stability::Deprecated(since) => {
                format!("[STABLE] (Deprecated since {since}) {}", self.help)
            }
        }
    }
}

// === impl Families ===

impl<K: Kind> Table for Families<K> {
    fn declared(&self) -> Vec<&'static Declared> {
        self.families.iter().copied().flatten().map(|metric| &metric.declared).collect()
    }

    fn identity(&self) -> Vec<&'static str> {
        self.identity.iter().map(Identity::label).collect()
    }

    fn render(
        &self,
        resource: &Resource,
        json: &[u8],
        options: &RenderOptions,
        out: &mut Rendered,
    ) -> Result<ObjectKey, Error> {
        // One check of the whole is cheaper than one a string.
        let json = str::from_utf8(json)
            .map_err(|error| resource.error("", "JSON", format_args!("not UTF-8: {error}")))?;
        let object: K::Object<'_> =
            json::read(json).map_err(|wrong| resource.error(json, &wrong.path(), wrong))?;
        let metadata = object.metadata();
        if metadata.name.is_empty() {
            return Err(resource.error(json, "metadata.name", "expected a name"));
        }
        out.begin(self.identity.iter().map(|identity| (identity.label(), identity.value(&object))));
        let metrics = self.families.iter().copied().flatten();
        for (metric, on) in metrics.zip(options.families()) {
            if *on {
                let Declared { name, labels, .. } = metric.declared;
                (metric.write)(&object, &mut out.rows(name, labels, options));
            }
            out.end();
        }
        Ok(ObjectKey {
            uid: metadata.uid.to_string(),
            namespace: metadata.namespace.to_string(),
            name: metadata.name.to_string(),
            resource_version: metadata.resource_version.to_string(),
        })
    }
}

// === impl Identity ===

impl<K: Kind> Identity<K> {
    fn label(&self) -> &'static str {
        match self {
            Self::Namespace(label) | Self::Name(label) | Self::Uid(label) | Self::Of(label, _) => {
                label
            }
        }
    }

    fn value<'o>(&self, object: &'o K::Object<'_>) -> &'o str {
        let metadata = object.metadata();
        match self {
            Self::Namespace(_) => &metadata.namespace,
            Self::Name(_) => &metadata.name,
            Self::Uid(_) => &metadata.uid,
            Self::Of(_, value) => value(object),
        }
    }
}

// === impl Metric ===

/// A gauge that kube-state-metrics calls stable.
pub(crate) const fn stable<K: Kind>(
    name: &'static str,
    help: &'static str,
    labels: &'static [&'static str],
    write: fn(&K::Object<'_>, &mut Rows<'_>),
) -> Metric<K> {
    let (counter, stability, opt_in) = (false, Stability::Stable, false);
    Metric { declared: Declared { name, help, counter, stability, labels, opt_in }, write }
}

/// A gauge that kube-state-metrics calls alpha.
pub(crate) const fn alpha<K: Kind>(
    name: &'static str,
    help: &'static str,
    labels: &'static [&'static str],
    write: fn(&K::Object<'_>, &mut Rows<'_>),
) -> Metric<K> {
    let metric = stable(name, help, labels, write);
    Metric { declared: Declared { stability: Stability::Alpha, ..metric.declared }, write }
}

/// The family as a counter.
pub(crate) const fn counter<K: Kind>(Metric { declared, write }: Metric<K>) -> Metric<K> {
    Metric { declared: Declared { counter: true, ..declared }, write }
}

/// The family as one that goes; since which version kube-state-metrics says so.
pub(crate) const fn deprecated<K: Kind>(
    since: &'static str,
    Metric { declared, write }: Metric<K>,
) -> Metric<K> {
    Metric { declared: Declared { stability: Stability::Deprecated(since), ..declared }, write }
}

/// The family as one that is written only where the opt-in list names it.
pub(crate) const fn opt_in<K: Kind>(Metric { declared, write }: Metric<K>) -> Metric<K> {
    Metric { declared: Declared { opt_in: true, ..declared }, write }
}
