//! What is known of the cluster: the lines of every watched resource's objects, how its watch fares, and
//! what was asked for it.
//!
//! The watches' thread writes; collectors read a snapshot that is published when a scrape asks, so
//! that a thousand changes between two scrapes cost what one does. A state is served from the
//! moment its first list is complete, through relists and faults, until the server was last heard too
//! long ago.

use crate::{
    fault::{Fault, REASONS},
    role::{Part, Watched},
    watch::{Request, Target},
};
use kubestate::{RESOURCES, Resource};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use store::{Press, Snapshot, Store};
use tokio::time::Instant;

/// What is known of the cluster; a process has one.
#[derive(Debug, Default)]
pub(crate) struct States(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// In the order of the resources' tables.
    states: Vec<Arc<State>>,
    /// By resource, since the process began.
    tallies: BTreeMap<&'static str, (&'static Resource, Arc<Tally>)>,
    status: Status,
}

/// Whether there is a server to ask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Status {
    /// Nothing has been tried.
    #[default]
    Starting,
    /// It is known where the server is; the watches tell how it fares.
    Connected,
    /// It is told where the server is, and that is of no use: why.
    Down(String),
    /// Nobody told where a server might be.
    Absent(String),
}

/// The objects of one watch.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) resource: &'static Resource,
    pub(crate) part: Part,
    pub(crate) target: Target,
    pub(crate) tally: Arc<Tally>,
    pub(crate) store: Mutex<Store>,
    view: Mutex<View>,
}

/// How a watch fares, and what scrapes see of its objects.
#[derive(Clone, Debug, Default)]
pub(crate) struct View {
    pub(crate) snapshot: Option<Arc<Snapshot>>,
    /// Whether a list was complete once.
    pub(crate) listed: bool,
    /// Whether changes are being followed now.
    pub(crate) up: bool,
    /// As of when the state is that of the server.
    pub(crate) heard: Option<Instant>,
    /// The last fault, where nothing has succeeded since.
    pub(crate) fault: Option<Fault>,
}

/// What was asked for a resource, and what came of it.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    lists: Results,
    watches: Results,
    errors: [AtomicU64; REASONS.len()],
    left_out: AtomicU64,
}

#[derive(Debug, Default)]
struct Results {
    successes: AtomicU64,
    errors: AtomicU64,
}

/// Whether a resource is served.
#[derive(Debug)]
pub(crate) enum Served {
    /// What its watches have, each object in one of them.
    Yes(Vec<Arc<Snapshot>>),
    /// A first list is not complete, or too old a state was dropped: why, where something failed.
    No(Option<String>),
}

// === impl States ===

impl States {
    fn lock(&self) -> MutexGuard<'_, Known> {
        lock(&self.0)
    }

    pub(crate) fn status(&self) -> Status {
        self.lock().status.clone()
    }

    pub(crate) fn set_status(&self, status: Status) {
        self.lock().status = status;
    }

    /// Adds the state of a watch that begins; none where nothing is known of the resource.
    pub(crate) fn add(&self, watched: &Watched) -> Option<Arc<State>> {
        let resource = kubestate::resource(&watched.resource)?;
        let mut known = self.lock();
        let tally =
            known.tallies.entry(resource.name).or_insert_with(|| (resource, Arc::default()));
        let state = Arc::new(State {
            resource,
            part: watched.part,
            target: watched.target.clone(),
            tally: Arc::clone(&tally.1),
            store: Mutex::new(Store::new(resource.families().len())),
            view: Mutex::default(),
        });
        known.states.push(Arc::clone(&state));
        let place = |resource: &Resource| RESOURCES.iter().position(|r| r.name == resource.name);
        known.states.sort_by_key(|state| (place(state.resource), state.part == Part::Cluster));
        Some(state)
    }

    /// The states of all watches, those of a resource behind one another.
    pub(crate) fn all(&self) -> Vec<Arc<State>> {
        self.lock().states.clone()
    }

    /// The resources that are watched, and how their watches fare.
    pub(crate) fn by_resource(&self) -> Vec<(&'static Resource, Vec<View>)> {
        let states = self.all();
        let chunks = states.chunk_by(|a, b| a.resource.name == b.resource.name);
        let views = |states: &[Arc<State>]| {
            Some((states.first()?.resource, states.iter().map(|state| state.view()).collect()))
        };
        chunks.filter_map(views).collect()
    }

    /// What is exported of each resource now.
    pub(crate) fn served(&self, stale: Duration) -> Vec<(&'static Resource, Served)> {
        let (now, states) = (Instant::now(), self.all());
        let same =
            |a: &Arc<State>, b: &Arc<State>| a.resource.name == b.resource.name && a.part == b.part;
        let served = |states: &[Arc<State>]| {
            let first = states.first()?;
            let exported = match first.part {
                Part::Own => true,
                Part::Cluster | Part::Facts => false,
            };
            let views = states.iter().map(|state| state.view()).collect();
            exported.then(|| (first.resource, Served::of(views, now, stale)))
        };
        states.chunk_by(same).filter_map(served).collect()
    }

    /// What was asked since the process began, by resource.
    pub(crate) fn tallies(&self) -> Vec<(&'static Resource, Arc<Tally>)> {
        self.lock().tallies.values().cloned().collect()
    }

    /// Makes what has come visible, one state after the other.
    pub(crate) async fn publish(&self, press: &Mutex<Press>) {
        for state in self.all() {
            state.publish(&mut lock(press));
            // Making pages takes up to milliseconds a state, and others wait for the thread.
            tokio::task::yield_now().await;
        }
    }

    /// Whether every watch is beyond its first list, or has failed.
    pub(crate) fn is_settled(&self) -> bool {
        self.all().iter().map(|state| state.view()).all(|v| v.listed || v.fault.is_some())
    }
}

// === impl State ===

impl State {
    pub(crate) fn view(&self) -> View {
        lock(&self.view).clone()
    }

    pub(crate) fn set(&self, set: impl FnOnce(&mut View)) {
        set(&mut lock(&self.view));
    }

    /// The number of objects.
    pub(crate) fn len(&self) -> usize {
        lock(&self.store).len()
    }

    /// Forgets everything, as before the first list.
    pub(crate) fn reset(&self) {
        lock(&self.store).reset();
        self.set(|view| *view = View::default());
    }

    fn publish(&self, press: &mut Press) {
        if lock(&self.view).listed {
            let snapshot = lock(&self.store).publish(press);
            lock(&self.view).snapshot = snapshot;
        }
    }
}

// === impl View ===

impl View {
    /// How old the state is.
    pub(crate) fn age(&self, now: Instant) -> Option<Duration> {
        self.heard.map(|heard| now.saturating_duration_since(heard))
    }

    /// Whether the state is whole and not too old.
    pub(crate) fn is_true(&self, now: Instant, stale: Duration) -> bool {
        self.listed && self.age(now).is_some_and(|age| age <= stale)
    }

    /// Why it is not.
    pub(crate) fn reason(&self) -> Option<String> {
        self.fault.as_ref().map(ToString::to_string)
    }
}

// === impl Served ===

impl Served {
    /// That of these watches of a resource. None of them is served without the others: half of what a
    /// selector takes would be a lie about the rest.
    fn of(views: Vec<View>, now: Instant, stale: Duration) -> Self {
        if let Some(view) = views.iter().find(|view| !view.is_true(now, stale)) {
            return Self::No(view.reason());
        }
        Self::Yes(views.into_iter().filter_map(|view| view.snapshot).collect())
    }
}

// === impl Tally ===

impl Tally {
    pub(crate) fn asked(&self, what: Request) {
        self.results(what).successes.fetch_add(1, Relaxed);
    }

    pub(crate) fn failed(&self, what: Request, fault: &Fault) {
        self.results(what).errors.fetch_add(1, Relaxed);
        let reasons = REASONS.iter().zip(&self.errors);
        for (_, errors) in reasons.filter(|(reason, _)| **reason == fault.reason) {
            errors.fetch_add(1, Relaxed);
        }
    }

    /// Notes an object that could not be read.
    pub(crate) fn left_out(&self) {
        self.left_out.fetch_add(1, Relaxed);
    }

    /// How often objects came that could not be read.
    pub(crate) fn objects_left_out(&self) -> u64 {
        self.left_out.load(Relaxed)
    }

    /// Errors by reason.
    pub(crate) fn errors(&self) -> impl Iterator<Item = (&'static str, u64)> {
        REASONS.iter().zip(&self.errors).map(|(reason, n)| (reason.name(), n.load(Relaxed)))
    }

    /// Requests that succeeded and that failed.
    pub(crate) fn requests(&self, what: Request) -> (u64, u64) {
        let results = self.results(what);
        (results.successes.load(Relaxed), results.errors.load(Relaxed))
    }

    fn results(&self, what: Request) -> &Results {
        match what {
            Request::List => &self.lists,
            Request::Watch => &self.watches,
        }
    }
}

/// A lock whose holder panicked still guards whole values.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
