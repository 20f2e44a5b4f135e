//! Takes what a watch gives: objects become lines at once, and are dropped.

use crate::{
    crds::Definitions,
    facts::Tell,
    fault::{Fault, Reason},
    quota::Quota,
    shard::Shard,
    states::State,
    watch::{Request, Sink},
};
use collect::lock;
use kubestate::{
    ObjectKey, RenderOptions, Rendered, Resource,
    custom::{CustomResource, Notes, Trouble},
};
use serde::{
    Deserialize, Deserializer as _,
    de::{IgnoredAny, MapAccess, Visitor},
};
use std::{
    borrow::Cow,
    collections::HashSet,
    fmt,
    sync::{Arc, Mutex},
};
use store::{Lines, Press};
use tokio::{
    sync::{Notify, OwnedSemaphorePermit},
    time::Instant,
};

/// Keeps a state true from what its watch gives.
pub(crate) struct Keeper {
    state: Arc<State>,
    kept: Kept,
    /// Who else wants to know of the objects.
    facts: Option<Box<dyn Tell>>,
    shard: Shard,
    bench: Arc<Bench>,
    /// The turn to list for the first time; given back when that has been done, or has failed.
    turn: Option<OwnedSemaphorePermit>,
    /// Whether what is heard goes on from what is known. Between a state that is too old to be taken
    /// up and the end of the next list, it does not.
    following: bool,
    /// Objects that could not be read, each of which is told once.
    odd: HashSet<Box<str>>,
}

/// What is made of the objects.
pub(crate) enum Kept {
    /// The lines of a resource with a table.
    Table(&'static Resource, RenderOptions),
    /// The lines of a custom resource.
    Custom(Box<Customs>),
    /// Nothing but which custom resources there are.
    Definitions(Arc<Mutex<Definitions>>),
    /// Nothing: only others are told of them.
    Nothing,
}

/// What a custom resource needs besides.
pub(crate) struct Customs {
    resource: Arc<CustomResource>,
    quota: Quota,
    notes: Notes,
    /// Families of which something could not be made, each of which is told once.
    told: HashSet<usize>,
}

/// What all keepers share: buffers, of which one thread needs one each, and the bell for changes.
#[derive(Debug, Default)]
pub(crate) struct Bench {
    rendered: Mutex<Rendered>,
    pub(crate) press: Mutex<Press>,
    /// A state has become complete, or a watch fares otherwise than before.
    pub(crate) changed: Notify,
}

/// Objects of a resource that are named in the log; more are counted only.
const MAX_ODD: usize = 100;

/// Which object it is, whatever else is wrong with it.
#[derive(Default, Deserialize)]
struct Identified<'a> {
    #[serde(borrow, default)]
    metadata: Identity<'a>,
}

#[derive(Default, Deserialize)]
struct Identity<'a> {
    #[serde(borrow, default)]
    uid: Cow<'a, str>,
    #[serde(borrow, default)]
    namespace: Cow<'a, str>,
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(rename = "resourceVersion", borrow)]
    version: Option<Cow<'a, str>>,
}

/// The lines of the first so many families.
struct First<'a>(usize, &'a Rendered);

// === impl Keeper ===

impl Keeper {
    pub(crate) fn new(
        state: Arc<State>,
        (kept, facts, shard): (Kept, Option<Box<dyn Tell>>, Shard),
        bench: Arc<Bench>,
        turn: Option<OwnedSemaphorePermit>,
    ) -> Self {
        Self { state, kept, facts, shard, bench, turn, following: false, odd: HashSet::new() }
    }

    /// Takes an object out.
    fn forget(&mut self, key: &str) {
        lock(&self.state.store).delete(key);
        if let Kept::Custom(custom) = &mut self.kept {
            custom.quota.delete(key);
        }
    }

    /// Tells that definitions are others than before; during a list they are not before its end.
    fn defined(&mut self, result: serde_json::Result<Option<String>>) -> Option<String> {
        if self.following {
            self.bench.changed.notify_one();
        }
        result.unwrap_or_else(|error| {
            self.left_out("", &error);
            None
        })
    }

    /// Tells of an object that could not be read, whole or in part, once.
    fn left_out(&mut self, key: &str, what: &dyn fmt::Display) {
        self.state.tally.left_out();
        let resource = &*self.state.name;
        if self.odd.len() < MAX_ODD && self.odd.insert(key.into()) {
            tracing::warn!(resource, error = %what, "an object is left out");
        } else {
            tracing::debug!(resource, error = %what, "an object is left out");
        }
    }
}

impl Sink for Keeper {
    fn list(&mut self) {
        self.following = false;
        lock(&self.state.store).begin_relist();
        if let Some(facts) = &mut self.facts {
            facts.list();
        }
        match &mut self.kept {
            Kept::Table(..) | Kept::Nothing => {}
            Kept::Custom(custom) => custom.quota.list(),
            Kept::Definitions(known) => lock(known).list(),
        }
    }

    fn apply(&mut self, object: &[u8]) -> Option<String> {
        if let Some(Err(error)) = self.facts.as_mut().map(|facts| facts.apply(object)) {
            self.left_out("", &error);
        }
        // Of an object of another shard nothing but its metadata is read.
        if self.shard != Shard::WHOLE
            && let Some(metadata) = Identity::peek(object)
            && !self.shard.takes(&metadata.uid)
        {
            return metadata.version.map(Cow::into_owned);
        }
        let bench = Arc::clone(&self.bench);
        let mut rendered = lock(&bench.rendered);
        let result = match &mut self.kept {
            Kept::Table(resource, options) => resource.render(object, options, &mut rendered),
            Kept::Custom(custom) => custom.render(object, &mut rendered),
            Kept::Definitions(known) => {
                let result = lock(known).apply(object);
                return self.defined(result);
            }
            Kept::Nothing => return Identified::of(object).version.map(Cow::into_owned),
        };
        match result {
            Ok(id) if !self.shard.takes(&id.uid) => Some(id.resource_version),
            Ok(id) => {
                let key = key(&id.uid, &id.namespace, &id.name);
                let families = match &mut self.kept {
                    Kept::Custom(custom) => custom.families_of(&key),
                    Kept::Table(..) | Kept::Definitions(_) | Kept::Nothing => usize::MAX,
                };
                let mut press = lock(&bench.press);
                let lines = First(families, &rendered);
                let long = lock(&self.state.store).apply(&key, &lines, &mut press);
                if let Some(family) = long.and_then(|at| self.state.of.families().get(at)) {
                    let name = format!("{}/{}", id.namespace, id.name);
                    let what = format!("{name}: more than 1 MiB of lines in {}", family.name);
                    self.left_out(&key, &what);
                } else if !self.odd.is_empty() {
                    self.odd.remove(&*key);
                }
                Some(id.resource_version)
            }
            Err(error) => {
                // What was known of it is no longer true.
                let metadata = Identified::of(object);
                let key = metadata.key();
                self.forget(&key);
                self.left_out(&key, &error);
                metadata.version.map(Cow::into_owned)
            }
        }
    }

    fn delete(&mut self, object: &[u8]) -> Option<String> {
        if let Kept::Definitions(known) = &self.kept {
            let result = lock(known).delete(object);
            return self.defined(result);
        }
        let metadata = match serde_json::from_slice(object) {
            Ok(Identified { metadata }) => metadata,
            Err(error) => {
                self.left_out("", &error);
                return None;
            }
        };
        let key = metadata.key();
        self.forget(&key);
        if let Some(facts) = &mut self.facts {
            facts.delete(&key);
        }
        self.odd.remove(&*key);
        metadata.version.map(Cow::into_owned)
    }

    fn listed(&mut self) {
        let snapshot = {
            let (mut press, mut store) = (lock(&self.bench.press), lock(&self.state.store));
            store.end_relist();
            store.publish(&mut press)
        };
        if let Some(facts) = &mut self.facts {
            facts.listed();
        }
        match &mut self.kept {
            Kept::Table(..) | Kept::Nothing => {}
            Kept::Custom(custom) => custom.quota.listed(),
            Kept::Definitions(known) => lock(known).listed(),
        }
        self.turn = None;
        self.following = true;
        // Who is told that there is a list finds it, be nobody there to ask for it yet.
        self.state.set(|view| {
            view.snapshot = snapshot;
            view.listed = true;
            view.up = true;
            view.heard = Some(Instant::now());
            view.fault = None;
        });
        self.bench.changed.notify_one();
    }

    fn heard(&mut self, at: Instant) {
        if self.following {
            self.state.set(|view| view.heard = Some(at));
        }
    }

    fn asked(&mut self, what: Request) {
        self.state.tally.asked(what);
        if self.following {
            let was = self.state.view().up;
            self.state.set(|view| {
                view.up = true;
                view.fault = None;
            });
            if !was {
                self.bench.changed.notify_one();
            }
        }
    }

    fn failed(&mut self, what: Request, fault: &Fault) {
        self.state.tally.failed(what, fault);
        self.turn = None;
        let resource = &*self.state.name;
        tracing::debug!(resource, ?what, error = %fault, "a request failed");
        if what == Request::List || fault.reason == Reason::Gone {
            self.following = false;
        }
        // That a state is too old to be taken up is no trouble as long as a new list can be had.
        if fault.reason != Reason::Gone {
            self.state.set(|view| {
                view.up = false;
                view.fault = Some(fault.clone());
            });
            self.bench.changed.notify_one();
        }
    }
}

// === impl Identified ===

impl<'a> Identified<'a> {
    /// What can be read of it.
    fn of(object: &'a [u8]) -> Identity<'a> {
        serde_json::from_slice::<Self>(object).unwrap_or_default().metadata
    }
}

// === impl Identity ===

impl<'a> Identity<'a> {
    /// That of an object of which nothing behind its metadata is read, which stand near its begin.
    fn peek(object: &'a [u8]) -> Option<Self> {
        struct Begin<'a, 's>(&'s mut Option<Identity<'a>>);

        impl<'de> Visitor<'de> for Begin<'de, '_> {
            type Value = ();

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
                while let Some(key) = map.next_key::<Cow<'de, str>>()? {
                    if key == "metadata" {
                        *self.0 = Some(map.next_value()?);
                        // Whoever reads on to the end is told that there is more.
                        return Ok(());
                    }
                    map.next_value::<IgnoredAny>()?;
                }
                Ok(())
            }
        }

        let mut found = None;
        let mut json = serde_json::Deserializer::from_slice(object);
        let _more_follows = json.deserialize_map(Begin(&mut found));
        found
    }
}

impl Identity<'_> {
    fn key(&self) -> Cow<'_, str> {
        key(&self.uid, &self.namespace, &self.name)
    }
}

/// What an object is kept under: its uid, as an object that was made again under its name is another.
fn key<'a>(uid: &'a str, namespace: &str, name: &str) -> Cow<'a, str> {
    if uid.is_empty() { format!("{namespace}/{name}").into() } else { uid.into() }
}

// === impl Kept ===

impl Kept {
    /// The lines of a custom resource, with conditions of so many objects of its group.
    pub(crate) fn custom(resource: Arc<CustomResource>, quota: Quota) -> Self {
        let (notes, told) = (Notes::default(), HashSet::new());
        Self::Custom(Box::new(Customs { resource, quota, notes, told }))
    }
}

// === impl Customs ===

impl Customs {
    /// How many of its families an object has lines of.
    fn families_of(&mut self, key: &str) -> usize {
        let (configured, all) = (self.resource.configured(), self.resource.families().len());
        if all > configured && !self.quota.takes(key) { configured } else { all }
    }

    fn render(&mut self, object: &[u8], out: &mut Rendered) -> Result<ObjectKey, kubestate::Error> {
        let id = self.resource.render(object, out, &mut self.notes)?;
        for Trouble { family, elements, why, verbosity } in self.notes.troubles() {
            let name = self.resource.families().get(*family).map_or("", |family| &family.name);
            let object = format_args!("{}/{}", id.namespace, id.name);
            // Where an object has no status yet each of its families would be a line.
            if self.told.insert(*family) && *verbosity <= 0 {
                let what =
                    "samples are missing; further ones of the family are told at level debug";
                tracing::warn!(family = name, %object, elements, error = why, "{what}");
            } else {
                tracing::debug!(family = name, %object, elements, error = why, "samples are missing");
            }
        }
        Ok(id)
    }
}

// === impl First ===

impl Lines for First<'_> {
    fn family(&self, index: usize) -> &[u8] {
        if index < self.0 { self.1.family(index) } else { b"" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peek_ends_behind_the_metadata() {
        let peek = |json: &'static str| {
            Identity::peek(json.as_bytes()).map(|found| (found.uid, found.version))
        };
        let whole =
            r#"{"kind":"Pod","metadata":{"name":"a","uid":"u","resourceVersion":"7"},"spec":{}}"#;
        assert_eq!(peek(whole), Some(("u".into(), Some("7".into()))));
        // What follows is not looked at.
        assert_eq!(peek(r#"{"metadata":{"uid":"u"},"spec":{"#), Some(("u".into(), None)));
        assert_eq!(
            peek(r#"{"spec":{"metadata":{"uid":"x"}},"metadata":{}}"#),
            Some(("".into(), None))
        );
        for none in
            ["", "[]", "{}", r#"{"metadata":7}"#, r#"{"metadata":{"uid":7}}"#, r#"{"spec":{"#]
        {
            assert_eq!(peek(none), None, "{none}");
        }
    }
}
