//! Takes what a watch gives: objects become lines at once, and are dropped.

use crate::{
    fault::{Fault, Reason},
    shard::Shard,
    states::{State, lock},
    watch::{Request, Sink},
};
use kubestate::{RenderOptions, Rendered};
use serde::Deserialize;
use std::{
    borrow::Cow,
    collections::HashSet,
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
    options: RenderOptions,
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

struct Of<'a>(&'a Rendered);

// === impl Keeper ===

impl Keeper {
    pub(crate) fn new(
        state: Arc<State>,
        (options, shard): (RenderOptions, Shard),
        bench: Arc<Bench>,
        turn: Option<OwnedSemaphorePermit>,
    ) -> Self {
        Self { state, options, shard, bench, turn, following: false, odd: HashSet::new() }
    }

    /// Tells of an object that could not be read, whole or in part, once.
    fn left_out(&mut self, key: &str, what: &dyn std::fmt::Display) {
        self.state.tally.left_out();
        let resource = self.state.resource.name;
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
    }

    fn apply(&mut self, object: &[u8]) -> Option<String> {
        let bench = Arc::clone(&self.bench);
        let mut rendered = lock(&bench.rendered);
        match self.state.resource.render(object, &self.options, &mut rendered) {
            Ok(id) if !self.shard.takes(&id.uid) => Some(id.resource_version),
            Ok(id) => {
                let key = key(&id.uid, &id.namespace, &id.name);
                let mut press = lock(&bench.press);
                let long = lock(&self.state.store).apply(&key, &Of(&rendered), &mut press);
                if let Some(family) = long.and_then(|at| self.state.resource.families().get(at)) {
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
                let Identified { metadata } = serde_json::from_slice(object).unwrap_or_default();
                let key = metadata.key();
                lock(&self.state.store).delete(&key);
                self.left_out(&key, &error);
                metadata.version.map(Cow::into_owned)
            }
        }
    }

    fn delete(&mut self, object: &[u8]) -> Option<String> {
        let metadata = match serde_json::from_slice(object) {
            Ok(Identified { metadata }) => metadata,
            Err(error) => {
                self.left_out("", &error);
                return None;
            }
        };
        let key = metadata.key();
        lock(&self.state.store).delete(&key);
        self.odd.remove(&*key);
        metadata.version.map(Cow::into_owned)
    }

    fn listed(&mut self) {
        lock(&self.state.store).end_relist();
        self.turn = None;
        self.following = true;
        self.state.set(|view| {
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
        let resource = self.state.resource.name;
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

// === impl Identity ===

impl Identity<'_> {
    fn key(&self) -> Cow<'_, str> {
        key(&self.uid, &self.namespace, &self.name)
    }
}

/// What an object is kept under: its uid, as an object that was made again under its name is another.
fn key<'a>(uid: &'a str, namespace: &str, name: &str) -> Cow<'a, str> {
    if uid.is_empty() { format!("{namespace}/{name}").into() } else { uid.into() }
}

// === impl Of ===

impl Lines for Of<'_> {
    fn family(&self, index: usize) -> &[u8] {
        self.0.family(index)
    }
}
