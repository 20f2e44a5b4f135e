//! What this process watches of the cluster, and what of it it serves.
//!
//! Each object is watched and exported by one process. A node agent has its own node's pods; everything
//! else, all Nodes and the pods without a node are the **cluster part**, which the holder of a Lease
//! serves. With `--cluster=always` one process, or a set of shards, serves all of it without a Lease.
//!
//! Field selectors are as kube-state-metrics has them: `spec.nodeName=NODE` for a node's pods,
//! `spec.nodeName=` for those without one, `metadata.namespace!=NAME` for each namespace of the
//! denylist. `--namespaces` watches each of its namespaces by itself. Neither touches what lives in no
//! namespace.

use crate::{
    shard::Shard,
    watch::{Extent, Target},
};
use kubestate::{Error, Resource};
use std::{collections::BTreeSet, fmt, str::FromStr};

/// Who serves the numbers of kube-state-metrics: `--cluster`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// The node agents share them.
    #[default]
    Auto,
    /// This process serves all of them.
    Always,
    /// This process serves none of them.
    Never,
}

/// When a watch runs, and when what it has is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// Watched and exported always.
    Own,
    /// Watched by who leads or stands by, exported by who leads.
    Cluster,
    /// Watched always, exported never: only other numbers are joined with it.
    Facts,
}

/// Which namespaces are watched: `--namespaces` and `--namespaces-denylist`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// These alone, each by a watch of its own; all of them where it is empty.
    only: BTreeSet<String>,
    /// These not.
    never: BTreeSet<String>,
}

/// What a role follows from.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// `--cluster`
    pub mode: Mode,
    /// The node that this process runs on, where it knows.
    pub node: Option<String>,
    /// Whether it runs in a pod, and so in the cluster; a kubeconfig is for everybody else.
    pub pod: bool,
    /// The namespaces.
    pub scope: Scope,
    /// The resources: `--resources`.
    pub resources: Vec<&'static Resource>,
    /// The shard, with `--cluster=always`.
    pub shard: Shard,
}

/// What this process watches and serves.
#[derive(Clone, Debug)]
pub struct Role {
    kind: Kind,
    scope: Scope,
    resources: Vec<&'static Resource>,
    shard: Shard,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    /// Serves its node's pods, and contends for the cluster part.
    Agent { node: String },
    /// Contends for the cluster part, and serves nothing else.
    Candidate,
    /// Serves everything.
    Whole,
    /// Serves nothing, and knows its node's pods.
    Listener { node: String },
    /// Serves nothing, and knows which Services point at this machine.
    External,
    /// Watches nothing.
    Nothing,
}

/// One watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// The plural name of the resource.
    pub resource: String,
    /// When it runs, and when what it has is exported.
    pub part: Part,
    /// What is asked for.
    pub target: Target,
}

// === impl Mode ===

impl FromStr for Mode {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "auto" => Ok(Self::Auto),
            "always" => Ok(Self::Always),
            "never" => Ok(Self::Never),
            _ => Err(Error::Setting {
                option: "cluster",
                what: format!("expected auto, always or never, found {text:?}"),
            }),
        }
    }
}

// === impl Part ===

impl Part {
    /// Whether it is exported by a process that leads, or does not.
    pub(crate) fn is_exported(self, leads: bool) -> bool {
        match self {
            Self::Own => true,
            Self::Cluster => leads,
            Self::Facts => false,
        }
    }
}

// === impl Scope ===

impl Scope {
    /// The namespaces of the two flags, each a list with commas between the names.
    pub fn new(only: &str, never: &str) -> Result<Self, Error> {
        let names = |option, list: &str| -> Result<BTreeSet<String>, Error> {
            let names = list.split(',').map(str::trim).filter(|name| !name.is_empty());
            names.map(|name| named(option, "a namespace", name)).collect()
        };
        Ok(Self { only: names("namespaces", only)?, never: names("namespaces-denylist", never)? })
    }

    /// The targets that cover a resource under `api`, such as `/api/v1`, as far as `fields` select it.
    fn targets(&self, api: &str, plural: &str, namespaced: bool, fields: &str) -> Vec<Target> {
        let target = |path, fields| Target { path, fields, extent: Extent::Whole };
        if !namespaced {
            return vec![target(format!("{api}/{plural}"), fields.to_owned())];
        }
        if self.only.is_empty() {
            let denied = self.never.iter().map(|name| format!("metadata.namespace!={name}"));
            let terms = denied.chain((!fields.is_empty()).then(|| fields.to_owned()));
            let fields = terms.collect::<Vec<_>>().join(",");
            return vec![target(format!("{api}/{plural}"), fields)];
        }
        // A namespace of both lists is not watched; kube-state-metrics watches nothing in it.
        let names = self.only.difference(&self.never);
        names
            .map(|name| target(format!("{api}/namespaces/{name}/{plural}"), fields.to_owned()))
            .collect()
    }
}

// === impl Role ===

impl Role {
    /// The role that follows; fails where shards are asked for without `--cluster=always`, and
    /// where no node can have the name.
    pub fn new(given: Given) -> Result<Self, Error> {
        let Given { mode, node, pod, scope, resources, shard } = given;
        if mode != Mode::Always && shard != Shard::WHOLE {
            return Err(Error::Setting {
                option: "total-shards",
                what:
                    "parts what one process would serve alone; give --cluster=always too, or leave \
                       the parting to the node agents"
                        .to_owned(),
            });
        }
        let node = node.filter(|node| !node.is_empty());
        let node = node.map(|node| named("node-name", "a node", &node)).transpose()?;
        let kind = match (mode, node) {
            (Mode::Always, _) => Kind::Whole,
            (Mode::Auto, Some(node)) => Kind::Agent { node },
            (Mode::Auto, None) if pod => Kind::Candidate,
            (Mode::Auto, None) => Kind::External,
            (Mode::Never, Some(node)) => Kind::Listener { node },
            (Mode::Never, None) => Kind::Nothing,
        };
        Ok(Self { kind, scope, resources, shard })
    }

    /// Whether this process contends for the Lease of the cluster part.
    pub fn contends(&self) -> bool {
        matches!(self.kind, Kind::Agent { .. } | Kind::Candidate)
    }

    /// Whether it knows the pods of its node apart from others.
    pub fn has_node(&self) -> bool {
        matches!(self.kind, Kind::Agent { .. } | Kind::Listener { .. })
    }

    /// Which objects of what it watches are exported.
    pub fn shard(&self) -> Shard {
        self.shard
    }

    /// The watches of the resources, in their order.
    pub fn watches(&self) -> Vec<Watched> {
        let mut watches = Vec::new();
        let all = |part| self.resources.iter().map(move |resource| (*resource, "", part));
        match &self.kind {
            Kind::Whole => all(Part::Own).for_each(|of| self.add(&mut watches, of)),
            Kind::Candidate => self.cluster(&mut watches),
            Kind::Agent { node } => {
                let part = if self.enabled("pods") { Part::Own } else { Part::Facts };
                self.node(&mut watches, node, part);
                self.cluster(&mut watches);
            }
            Kind::Listener { node } => self.node(&mut watches, node, Part::Facts),
            Kind::External => {
                for name in ["services", "endpointslices"] {
                    self.add_named(&mut watches, name, "", Part::Facts);
                }
            }
            Kind::Nothing => {}
        }
        watches
    }

    /// The watches of a custom resource.
    pub fn custom(&self, api: [&str; 3], namespaced: bool) -> Vec<Watched> {
        let [group, version, plural] = api;
        let part = match self.kind {
            Kind::Whole => Part::Own,
            Kind::Agent { .. } | Kind::Candidate => Part::Cluster,
            Kind::Listener { .. } | Kind::External | Kind::Nothing => return Vec::new(),
        };
        let targets = self.scope.targets(&prefix(group, version), plural, namespaced, "");
        let watched = |target| Watched { resource: plural.to_owned(), part, target };
        targets.into_iter().map(watched).collect()
    }

    fn enabled(&self, name: &str) -> bool {
        self.resources.iter().any(|resource| resource.name == name)
    }

    /// A node's pods and its Node.
    fn node(&self, watches: &mut Vec<Watched>, node: &str, pods: Part) {
        self.add_named(watches, "pods", &format!("spec.nodeName={node}"), pods);
        // A dead node's numbers must not die with its agent: they are of the cluster part.
        self.add_named(watches, "nodes", &format!("metadata.name={node}"), Part::Facts);
    }

    /// What no node agent has for itself.
    fn cluster(&self, watches: &mut Vec<Watched>) {
        for resource in &self.resources {
            let fields = if resource.name == "pods" { "spec.nodeName=" } else { "" };
            self.add(watches, (resource, fields, Part::Cluster));
        }
    }

    fn add_named(&self, watches: &mut Vec<Watched>, name: &str, fields: &str, part: Part) {
        if let Some(resource) = kubestate::resource(name) {
            self.add(watches, (resource, fields, part));
        }
    }

    fn add(&self, watches: &mut Vec<Watched>, (of, fields, part): (&Resource, &str, Part)) {
        let api = prefix(of.group, of.version);
        for target in self.scope.targets(&api, of.name, of.namespaced, fields) {
            let target = Target { extent: of.extent, ..target };
            watches.push(Watched { resource: of.name.to_owned(), part, target });
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Agent { node } => {
                write!(f, "the pods of node {node}; the cluster part while it leads")
            }
            Kind::Candidate => f.write_str("the cluster part while it leads"),
            Kind::Whole if self.shard == Shard::WHOLE => f.write_str("the whole cluster"),
            Kind::Whole => {
                write!(f, "shard {} of {} of the cluster", self.shard.index(), self.shard.total())
            }
            Kind::Listener { node } => write!(f, "nothing of the cluster; knows node {node}"),
            Kind::External => f.write_str("nothing of the cluster; knows its Services"),
            Kind::Nothing => f.write_str("nothing of the cluster"),
        }
    }
}

/// A name that goes into paths and selectors, where the API takes it for one.
fn named(option: &'static str, what: &str, name: &str) -> Result<String, Error> {
    let fits = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
    if name.len() <= 253 && name.bytes().all(fits) {
        return Ok(name.to_owned());
    }
    let what =
        format!("expected {what}'s name of lower-case letters, digits, - and ., found {name:?}");
    Err(Error::Setting { option, what })
}

fn prefix(group: &str, version: &str) -> String {
    if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") }
}

#[cfg(test)]
mod tests;
