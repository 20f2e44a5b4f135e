//! What is known of the cluster: the lines of every watched resource's objects, how its watch fares, and
//! what was asked for it.
//!
//! The watches' thread writes; collectors read a snapshot that is published when a list is complete, and
//! when a scrape asks, so that a thousand changes between two scrapes cost what one does. A state is
//! served from the moment its first list is complete, through relists and faults, until the server was
//! last heard too long ago.

use crate::{
    fault::{Fault, REASONS},
    quota::Quotas,
    role::{Part, Watched},
    watch::{Request, Target},
};
use collect::lock;
use exposition::Family;
use kubestate::{RESOURCES, Resource, custom::CustomResource};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};
use store::{Press, Snapshot, Store};
use tokio::time::Instant;

/// What is known of the cluster; a process has one.
#[derive(Debug, Default)]
pub(crate) struct States {
    known: Mutex<Known>,
    /// How many custom resources tell their conditions.
    pub(crate) quotas: Quotas,
}

#[derive(Debug, Default)]
struct Known {
    /// In the order of the resources' tables; custom resources behind them.
    states: Vec<Arc<State>>,
    /// By resource; since the process began, but those of custom resources that are gone.
    tallies: BTreeMap<Arc<str>, (Of, Arc<Tally>)>,
    status: Status,
    configured: Option<Configured>,
}

/// The file that configures custom resources, and what came of its last reading.
#[derive(Clone, Debug)]
pub(crate) struct Configured {
    pub(crate) file: String,
    /// That of what is in force.
    pub(crate) hash: u64,
    /// Whether what was read last is.
    pub(crate) well: bool,
    /// When it was taken.
    pub(crate) at: SystemTime,
}

/// What the objects of a watch are.
#[derive(Clone, Debug)]
pub(crate) enum Of {
    /// Of a resource with a table.
    Table(&'static Resource),
    /// Of a custom resource.
    Custom(Arc<CustomResource>),
    /// Definitions of custom resources, which give no families.
    Definitions {
        /// Whether a configuration waits for them, which may be another later.
        configured: Arc<AtomicBool>,
    },
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
    /// The resource's plural name; of a custom one with version and group, as kubectl takes it.
    pub(crate) name: Arc<str>,
    pub(crate) of: Of,
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
        lock(&self.known)
    }

    /// The file that configures custom resources, where there is one.
    pub(crate) fn configuration(&self) -> Option<Configured> {
        self.lock().configured.clone()
    }

    /// Notes what came of reading it.
    pub(crate) fn configured(&self, of: impl FnOnce(Option<Configured>) -> Configured) {
        let mut known = self.lock();
        let before = known.configured.take();
        known.configured = Some(of(before));
    }

    pub(crate) fn status(&self) -> Status {
        self.lock().status.clone()
    }

    pub(crate) fn set_status(&self, status: Status) {
        self.lock().status = status;
    }

    /// Adds the state of a watch that begins.
    pub(crate) fn add(&self, of: Of, watched: &Watched) -> Arc<State> {
        let name: Arc<str> = of.name().into();
        let mut known = self.lock();
        let tally = known.tallies.entry(Arc::clone(&name));
        let tally = tally.or_insert_with(|| (of.clone(), Arc::default()));
        let state = Arc::new(State {
            name,
            part: watched.part,
            target: watched.target.clone(),
            tally: Arc::clone(&tally.1),
            store: Mutex::new(Store::new(of.families().len())),
            view: Mutex::default(),
            of,
        });
        known.states.push(Arc::clone(&state));
        known.states.sort_by_cached_key(|state| {
            (state.of.place(), Arc::clone(&state.name), state.part == Part::Cluster)
        });
        state
    }

    /// Takes out the states of a custom resource that is gone, and what was asked for it.
    pub(crate) fn remove(&self, gone: &[Arc<State>]) {
        let mut known = self.lock();
        known.states.retain(|state| !gone.iter().any(|gone| Arc::ptr_eq(gone, state)));
        for state in gone {
            known.tallies.remove(&state.name);
        }
    }

    /// Forgets the states of a part, whose watches have ended. What was asked for them stays counted.
    pub(crate) fn forget(&self, part: Part) {
        self.lock().states.retain(|state| state.part != part);
    }

    /// The states of all watches, those of a resource behind one another.
    pub(crate) fn all(&self) -> Vec<Arc<State>> {
        self.lock().states.clone()
    }

    /// The resources that are watched in some parts, and how their watches fare.
    pub(crate) fn by_resource(&self, parts: impl Fn(Part) -> bool) -> Vec<(Arc<State>, Vec<View>)> {
        let mut states = self.all();
        states.retain(|state| parts(state.part));
        let chunks = states.chunk_by(|a, b| a.name == b.name);
        let views = |states: &[Arc<State>]| {
            let views = states.iter().map(|state| state.view()).collect();
            Some((Arc::clone(states.first()?), views))
        };
        chunks.filter_map(views).collect()
    }

    /// What is exported of each resource now: of the cluster part, only where this process leads.
    pub(crate) fn served(&self, stale: Duration, leads: bool) -> Vec<(Arc<State>, Served)> {
        let (now, states) = (Instant::now(), self.all());
        let same = |a: &Arc<State>, b: &Arc<State>| a.name == b.name && a.part == b.part;
        let served = |states: &[Arc<State>]| {
            let first = states.first()?;
            let exported = first.part.is_exported(leads);
            let views = states.iter().map(|state| state.view()).collect();
            exported.then(|| (Arc::clone(first), Served::of(views, now, stale)))
        };
        states.chunk_by(same).filter_map(served).collect()
    }

    /// What was asked since the process began, by resource.
    pub(crate) fn tallies(&self) -> Vec<(Arc<str>, Of, Arc<Tally>)> {
        let known = self.lock();
        let tally = |(name, (of, tally)): (&Arc<str>, &(Of, Arc<Tally>))| {
            (Arc::clone(name), of.clone(), Arc::clone(tally))
        };
        known.tallies.iter().map(tally).collect()
    }

    /// Makes what has come visible, one state after the other.
    pub(crate) async fn publish(&self, press: &Mutex<Press>) {
        for state in self.all() {
            state.publish(&mut lock(press));
            // Making pages takes up to milliseconds a state, and others wait for the thread.
            tokio::task::yield_now().await;
        }
    }

    /// Whether every watch of some parts is beyond its first list, or has failed. What nobody asked for is
    /// not waited for.
    pub(crate) fn is_settled(&self, parts: impl Fn(Part) -> bool) -> bool {
        let states = self.all();
        let states = states.iter().filter(|state| parts(state.part) && state.of.is_asked_for());
        let mut views = states.map(|state| state.view());
        views.all(|view| view.listed || view.fault.is_some())
    }
}

// === impl Of ===

impl Of {
    fn name(&self) -> String {
        match self {
            Self::Table(resource) => resource.name.to_owned(),
            Self::Custom(custom) => {
                let served = custom.served();
                [&*served.plural, &served.version, &served.group].join(".")
            }
            Self::Definitions { .. } => "customresourcedefinitions".to_owned(),
        }
    }

    /// The families of the objects' lines.
    pub(crate) fn families(&self) -> &[Family] {
        match self {
            Self::Table(resource) => resource.families(),
            Self::Custom(custom) => custom.families(),
            Self::Definitions { .. } => &[],
        }
    }

    /// Whether all is well only where this is. Conditions of custom resources that nobody asked for may be
    /// missing: a role that allows everything else need not know of every definition.
    pub(crate) fn is_asked_for(&self) -> bool {
        match self {
            Self::Table(_) => true,
            Self::Custom(custom) => custom.configured() > 0,
            Self::Definitions { configured } => configured.load(Relaxed),
        }
    }

    fn place(&self) -> usize {
        match self {
            Self::Table(table) => {
                let same = |resource: &&Resource| resource.name == table.name;
                RESOURCES.iter().position(same).unwrap_or(RESOURCES.len())
            }
            Self::Definitions { .. } => RESOURCES.len(),
            Self::Custom(_) => RESOURCES.len() + 1,
        }
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
        let snapshots = views.into_iter().map(|view| view.snapshot).collect::<Option<_>>();
        snapshots.map_or(Self::No(None), Self::Yes)
    }
}

// === impl Tally ===

impl Tally {
    pub(crate) fn asked(&self, what: Request) {
        if let Some(results) = self.results(what) {
            results.successes.fetch_add(1, Relaxed);
        }
    }

    pub(crate) fn failed(&self, what: Request, fault: &Fault) {
        if let Some(results) = self.results(what) {
            results.errors.fetch_add(1, Relaxed);
        }
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
        self.results(what)
            .map_or((0, 0), |of| (of.successes.load(Relaxed), of.errors.load(Relaxed)))
    }

    /// As kube-state-metrics counts them: of a watch, how it began, and not how it ended.
    fn results(&self, what: Request) -> Option<&Results> {
        match what {
            Request::List => Some(&self.lists),
            Request::Watch => Some(&self.watches),
            Request::Stream => None,
        }
    }
}
