//! One scrape: every selected collector, within a deadline.
//!
//! A scrape starts one worker on the blocking pool, which runs the collectors one after the other;
//! where one of them stalls, further workers run the rest beside it. So a healthy scrape pays for
//! one hand-over between threads, and a stuck collector delays the others by milliseconds only.
//! What is not ready at the deadline is left out and flagged; it is not started again until it has
//! come back.

use crate::{
    registry::{self, NODE, PARTS},
    selfmetrics::SelfMetrics,
};
use collect::{Bell, Collector, Context, Error, Line, Source, SourceSpec, Spec, lock};
use exposition::{Block, Encoded, Family, Format, Writer, encode};
use std::{
    collections::HashSet,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{sync::Notify, task::JoinHandle, time};

/// How long a worker may be busy with one collector before another worker takes over the rest.
const STALL: Duration = Duration::from_millis(10);

static SUCCESS: Family = Family::gauge(
    "node_scrape_collector_success",
    "Whether the collector gave all that it has: 0 where it failed, ran late or has no data.",
    &["collector"],
);
static DURATION: Family = Family::gauge(
    "node_scrape_collector_duration_seconds",
    "How long the collector ran in this scrape.",
    &["collector"],
);
static TIMED_OUT: Family = Family::gauge(
    "hybrid_scrape_collector_timed_out",
    "Whether the collector was not done at the scrape's deadline.",
    &["collector"],
);
static NO_DATA: Family = Family::gauge(
    "hybrid_scrape_collector_no_data",
    "Whether the machine has nothing for the collector to read, which is no failure.",
    &["collector"],
);
static SOURCE_UP: Family = Family::gauge(
    "hybrid_source_up",
    "Whether what pushes to the exporter is connected and its cache is kept true; absent where the \
     machine has no such thing.",
    &["source"],
);
/// The families that the engine adds to every scrape.
pub static FAMILIES: [&Family; 5] = [&SUCCESS, &DURATION, &TIMED_OUT, &NO_DATA, &SOURCE_UP];

/// How long a scrape waits for sources to make their caches certain, while other collectors run.
const REFRESH: Duration = Duration::from_secs(2);
/// The same before a source has answered for the first time: it reads everything then.
const FIRST_REFRESH: Duration = Duration::from_secs(3);

/// How long the sources may take to end.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// The collectors that are enabled, and the scrapes that run over them.
#[derive(Debug)]
pub struct Engine {
    slots: Vec<Arc<Slot>>,
    sources: Vec<Running>,
    /// Scrapes of everything, and of each part: those that peers ask for at the same time share.
    gates: [Gate; 1 + PARTS.len()],
    own: Option<Arc<SelfMetrics>>,
    journal: Arc<journal::Cache>,
}

/// Which collectors a scrape is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Select {
    /// All that are enabled.
    All,
    /// Those of one part, such as `node`.
    Part(&'static str),
    /// Those named, all of which must be enabled.
    Only(Vec<String>),
    /// All but those named.
    Except(Vec<String>),
}

/// Why a selection cannot be served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such collector.
    #[error("missing collector: {0}")]
    Missing(String),
    /// The collector is not enabled.
    #[error("disabled collector: {0}")]
    Disabled(String),
}

/// What a scrape gave.
#[derive(Debug)]
pub struct Scrape {
    begun: Instant,
    blocks: Vec<Block>,
    /// Where shadowed families are noted.
    own: Option<Arc<SelfMetrics>>,
}

/// How a collector fared last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// No scrape has asked for it.
    #[default]
    NotRun,
    /// It gave all that it has.
    Ok,
    /// The machine has nothing for it to read.
    NoData,
    /// It failed, wholly or in part.
    Failed,
    /// It was not done at the scrape's deadline.
    TimedOut,
}

/// A collector, for people to see.
#[derive(Clone, Debug)]
pub struct Status {
    /// Its name.
    pub name: &'static str,
    /// What it gives.
    pub doc: &'static str,
    /// The part that it belongs to, as in `/metrics/node`.
    pub part: &'static str,
    /// How it fared last.
    pub state: State,
    /// Its last run, if there was one.
    pub last: Option<Last>,
}

/// A collector's last run.
#[derive(Clone, Debug, Default)]
pub struct Last {
    /// How long it took, or has taken so far.
    pub duration: Duration,
    /// How many samples it wrote.
    pub samples: usize,
    /// Why it failed or has no data.
    pub error: Option<String>,
    /// What it left out, and why.
    pub remarks: Vec<String>,
}

/// A source that runs, or will once [`Engine::start`] is called.
struct Running {
    name: &'static str,
    bell: Bell,
    holds_readiness: bool,
    answered: Arc<AtomicBool>,
    waiting: Mutex<Option<(Box<dyn Source>, Line)>>,
    /// Its task, once it runs.
    task: Mutex<Option<JoinHandle<()>>>,
}

/// One enabled collector.
#[derive(Debug)]
struct Slot {
    spec: &'static Spec,
    part: &'static str,
    /// The source that feeds it.
    source: Option<&'static str>,
    context: Context,
    seat: Mutex<Seat>,
    returned: Condvar,
    room: AtomicUsize,
    status: Mutex<(State, Option<Last>)>,
}

/// Where the collector of a slot is.
enum Seat {
    /// It waits for a scrape.
    Idle(Box<dyn Collector>),
    /// A scrape with this deadline runs it, and may have been given up; past the deadline it is late.
    Running(time::Instant),
}

/// One scrape in progress, shared by its workers.
struct Run {
    slots: Vec<Arc<Slot>>,
    begun: Instant,
    /// By the runtime's clock, which the workers read too.
    deadline: time::Instant,
    /// The collectors that read for themselves, then those that a source feeds.
    lanes: [Lane; 2],
    results: Mutex<Results>,
    finished: Notify,
}

/// A stretch of a run's slots, and how many of them have begun.
struct Lane {
    next: AtomicUsize,
    /// Workers that wait for a thread.
    queued: AtomicUsize,
    end: usize,
}

#[derive(Default)]
struct Results {
    outcomes: Vec<Option<Outcome>>,
    done: usize,
    closed: bool,
}

/// What one collector gave in one scrape.
struct Outcome {
    state: State,
    duration: Duration,
    block: Block,
    error: Option<String>,
}

/// Lets requests that come while a scrape runs share the next one, which begins after they came.
#[derive(Debug, Default)]
struct Gate {
    turn: tokio::sync::Mutex<()>,
    guests: Mutex<Guests>,
}

/// The requests at a gate, and the scrape that they may share.
#[derive(Debug, Default)]
struct Guests {
    count: usize,
    latest: Option<Arc<Scrape>>,
}

/// A request at a gate, until it is served or given up.
struct Guest<'a>(&'a Gate);

// === impl Engine ===

impl Engine {
    /// Builds the collectors. Fails on a wrong option.
    pub fn new(
        context: &Context,
        enabled: &[&'static Spec],
        own: Option<Arc<SelfMetrics>>,
    ) -> Result<Self, Error> {
        let slots = enabled
            .iter()
            .map(|spec| Ok(Arc::new(Slot::new(spec, context)?)))
            .collect::<Result<_, Error>>()?;
        let mut sources: Vec<Running> = Vec::new();
        for source in enabled.iter().filter_map(|spec| registry::group(spec).source) {
            if sources.iter().any(|running| running.name == source.name) {
                continue;
            }
            if let Some(waiting) = (source.build)(context)? {
                sources.push(Running::new(source, waiting));
            }
        }
        let gates = <[Gate; 1 + PARTS.len()]>::default();
        Ok(Self { slots, sources, gates, own, journal: context.shared.get() })
    }

    /// Starts the sources on the runtime that this is called from.
    pub fn start(&self) {
        for running in &self.sources {
            if let Some((source, line)) = lock(&running.waiting).take() {
                *lock(&running.task) = Some(tokio::spawn(source.run(line)));
            }
        }
    }

    /// Tells the sources to end, and waits a moment for what they have to bring to an end.
    pub async fn stop(&self) {
        self.sources.iter().for_each(|running| running.bell.stop());
        let until = time::Instant::now() + LAST_WORDS;
        for running in &self.sources {
            let task = lock(&running.task).take();
            if let Some(task) = task
                && time::timeout_at(until, task).await.is_err()
            {
                tracing::warn!(source = running.name, "the source did not end in time");
            }
        }
    }

    /// Runs the selected collectors and gives what was ready at `deadline`.
    ///
    /// Requests for the same selection that come while a scrape runs wait for it and then share one
    /// scrape that begins after the last of them came, so that any number of clients cost two
    /// scrapes and nobody gets numbers older than the request.
    pub async fn scrape(
        self: &Arc<Self>,
        select: &Select,
        deadline: time::Instant,
    ) -> Result<Arc<Scrape>, Refusal> {
        let slots = self.select(select)?;
        let [all, parts @ ..] = &self.gates;
        let gate = match select {
            Select::All => Some(all),
            Select::Part(part) => {
                PARTS.iter().zip(parts).find(|(name, _)| *name == part).map(|(_, gate)| gate)
            }
            Select::Only(_) | Select::Except(_) => None,
        };
        let Some(gate) = gate else { return Ok(self.run(slots, deadline).await) };
        let came = Instant::now();
        let guest = gate.enter();
        // A scrape in progress may have a later deadline than this request: after half of the time
        // that is left, this request goes its own way.
        let patience = deadline.saturating_duration_since(time::Instant::now()) / 2;
        let turn = time::timeout(patience, gate.turn.lock()).await;
        if let Some(scrape) = guest.shared(came) {
            return Ok(scrape);
        }
        let scrape = self.run(slots, deadline).await;
        if turn.is_ok() {
            lock(&gate.guests).latest = Some(Arc::clone(&scrape));
        }
        Ok(scrape)
    }

    /// Every enabled collector and how it fared last.
    pub fn status(&self) -> Vec<Status> {
        let status = |slot: &Arc<Slot>| {
            let (state, last) = lock(&slot.status).clone();
            Status { name: slot.spec.name, doc: slot.spec.doc, part: slot.part, state, last }
        };
        self.slots.iter().map(status).collect()
    }

    /// Why what is served is not yet, or no more, what it should be; `None` where the exporter is ready.
    pub fn unready(&self) -> Option<String> {
        self.sources.iter().filter(|running| running.holds_readiness).find_map(|running| {
            let health = running.bell.health();
            let reason = if health.reason.is_empty() { "starting" } else { &health.reason };
            (!health.up && !health.absent).then(|| format!("{}: {reason}", running.name))
        })
    }

    /// The last error lines of the journal, the newest first, secrets masked.
    pub fn evidence(&self, limit: usize) -> Vec<journal::Evidence> {
        self.journal.evidence(limit)
    }

    fn select(&self, select: &Select) -> Result<Vec<Arc<Slot>>, Refusal> {
        let pick = |keep: &dyn Fn(&str) -> bool| {
            self.slots.iter().filter(|slot| keep(slot.spec.name)).cloned().collect()
        };
        match select {
            Select::All => Ok(self.slots.clone()),
            Select::Part(part) => {
                Ok(self.slots.iter().filter(|slot| slot.part == *part).cloned().collect())
            }
            Select::Except(names) => Ok(pick(&|name| !names.iter().any(|n| n == name))),
            Select::Only(names) => {
                let enabled: HashSet<&str> = self.slots.iter().map(|s| s.spec.name).collect();
                match names.iter().find(|name| !enabled.contains(name.as_str())) {
                    None => Ok(pick(&|name| names.iter().any(|n| n == name))),
                    Some(name) if registry::specs().any(|spec| spec.name == name) => {
                        Err(Refusal::Disabled(name.clone()))
                    }
                    Some(name) => Err(Refusal::Missing(name.clone())),
                }
            }
        }
    }

    async fn run(&self, slots: Vec<Arc<Slot>>, deadline: time::Instant) -> Arc<Scrape> {
        self.conduct(&Run::new(slots, deadline)).await
    }

    /// Sees a run through to its end or its deadline.
    async fn conduct(&self, run: &Arc<Run>) -> Arc<Scrape> {
        let refreshed = self.refresh(&run.slots, run.deadline);
        tokio::pin!(refreshed);
        run.start_worker(0);
        let (mut begun, mut fed) = ([0; 2], false);
        while !run.slots.is_empty() {
            let now = run.begun();
            tokio::select! {
                () = run.finished.notified() => break,
                () = time::sleep_until(run.deadline) => break,
                () = &mut refreshed, if !fed => {
                    fed = true;
                    run.start_worker(1);
                }
                () = time::sleep(STALL) => {
                    for (lane, (now, before)) in now.iter().zip(begun).enumerate() {
                        if *now == before && (lane == 0 || fed) && run.queued(lane) == 0 {
                            run.start_worker(lane);
                        }
                    }
                }
            }
            begun = now;
        }
        Arc::new(self.finish(run))
    }

    /// Tells the sources of these slots that a scrape begins, and waits a little for their answers.
    fn refresh(
        &self,
        slots: &[Arc<Slot>],
        deadline: time::Instant,
    ) -> impl Future<Output = ()> + use<> {
        let now = time::Instant::now();
        let half = deadline.saturating_duration_since(now) / 2;
        let feeds = |running: &&Running| slots.iter().any(|s| s.source == Some(running.name));
        let rung: Vec<_> = self
            .sources
            .iter()
            .filter(feeds)
            .map(|running| {
                let known = running.answered.load(Ordering::Relaxed);
                let bound = if known { REFRESH } else { FIRST_REFRESH };
                (running.bell.ring(), now + bound.min(half), Arc::clone(&running.answered))
            })
            .collect();
        async move {
            for (answer, until, answered) in rung {
                if time::timeout_at(until, answer).await.is_ok() {
                    answered.store(true, Ordering::Relaxed);
                }
            }
        }
    }

    /// Closes the run, flags what is not ready and adds what the engine itself has to say.
    fn finish(&self, run: &Run) -> Scrape {
        let mut results = lock(&run.results);
        results.closed = true;
        let outcomes = mem::take(&mut results.outcomes);
        drop(results);
        let outcomes: Vec<Outcome> = outcomes
            .into_iter()
            .zip(&run.slots)
            .map(|(outcome, slot)| outcome.unwrap_or_else(|| run.late(slot)))
            .collect();
        let mut out = Writer::default();
        let rows = || run.slots.iter().zip(&outcomes).map(|(slot, o)| (slot.spec.name, o));
        // These two are node_exporter's, about its collectors.
        let node = || run.slots.iter().zip(rows()).filter(|(slot, _)| slot.part == NODE);
        out.family(&DURATION, |s| {
            node().for_each(|(_, (name, o))| s.row(&[name], o.duration.as_secs_f64()));
        });
        out.family(&SUCCESS, |s| {
            node().for_each(|(_, (name, o))| s.row(&[name], o.state == State::Ok));
        });
        out.family(&SOURCE_UP, |s| {
            for running in &self.sources {
                let health = running.bell.health();
                if !health.absent && run.slots.iter().any(|slot| slot.source == Some(running.name))
                {
                    s.row(&[running.name], health.up);
                }
            }
        });
        out.family(&TIMED_OUT, |s| {
            rows().for_each(|(name, o)| s.row(&[name], o.state == State::TimedOut));
        });
        out.family(&NO_DATA, |s| {
            rows().for_each(|(name, o)| s.row(&[name], o.state == State::NoData));
        });
        if let Some(own) = &self.own {
            own.scraped(
                outcomes.iter().filter(|o| o.state == State::Failed).count(),
                outcomes.iter().filter(|o| o.state == State::TimedOut).count(),
            );
            own.write(&mut out);
        }
        for (slot, outcome) in run.slots.iter().zip(&outcomes) {
            slot.note(outcome);
        }
        let mut blocks: Vec<Block> = outcomes.into_iter().map(|o| o.block).collect();
        blocks.push(out.finish());
        // A scrape of some collectors does not tell which families are shadowed in a whole one.
        let own = self.own.clone().filter(|_| run.slots.len() == self.slots.len());
        Scrape { begun: run.begun, blocks, own }
    }
}

// === impl Scrape ===

impl Scrape {
    /// The body in `format`.
    pub fn encode(&self, format: Format) -> Encoded {
        let blocks: Vec<&Block> = self.blocks.iter().collect();
        let encoded = encode(&blocks, format);
        if let Some(own) = &self.own {
            own.shadowed(&encoded.shadowed);
        }
        encoded
    }

    /// The bytes of sample lines, headers apart.
    pub fn bytes(&self) -> usize {
        self.blocks.iter().map(Block::len).sum()
    }
}

// === impl Gate ===

impl Gate {
    fn enter(&self) -> Guest<'_> {
        lock(&self.guests).count += 1;
        Guest(self)
    }
}

impl Guest<'_> {
    /// The latest scrape, if it began after `came`.
    fn shared(&self, came: Instant) -> Option<Arc<Scrape>> {
        let guests = lock(&self.0.guests);
        guests.latest.as_ref().filter(|scrape| scrape.begun >= came).cloned()
    }
}

impl Drop for Guest<'_> {
    /// The last one lets go of the scrape: nobody else can want it.
    fn drop(&mut self) {
        let mut guests = lock(&self.0.guests);
        guests.count -= 1;
        if guests.count == 0 {
            guests.latest = None;
        }
    }
}

// === impl Slot ===

impl Slot {
    fn new(spec: &'static Spec, context: &Context) -> Result<Self, Error> {
        let collector = (spec.build)(context)?;
        let group = registry::group(spec);
        Ok(Self {
            spec,
            part: group.part,
            source: group.source.map(|source| source.name),
            context: context.clone(),
            seat: Mutex::new(Seat::Idle(collector)),
            returned: Condvar::new(),
            room: AtomicUsize::new(1024),
            status: Mutex::default(),
        })
    }

    /// Runs the collector, after the scrape that has it now; `None` where that takes past either's
    /// deadline.
    fn collect(&self, run: &Run) -> Option<Outcome> {
        let mut collector = self.take(run)?;
        let begun = Instant::now();
        let mut out = Writer::with_capacity(self.room.load(Ordering::Relaxed));
        let result = catch_unwind(AssertUnwindSafe(|| collector.collect(&mut out)));
        let duration = begun.elapsed();
        let (state, error) = match result {
            Ok(Ok(())) => (State::Ok, None),
            Ok(Err(error)) if error.is_no_data() => (State::NoData, Some(error.to_string())),
            Ok(Err(error)) => (State::Failed, Some(error.to_string())),
            Err(_) => {
                // Its state may be half made: a new one takes its place.
                if let Ok(fresh) = (self.spec.build)(&self.context) {
                    collector = fresh;
                }
                (State::Failed, Some("panicked; please report it".to_owned()))
            }
        };
        *lock(&self.seat) = Seat::Idle(collector);
        self.returned.notify_all();
        let mut block = out.finish();
        if state == State::Failed {
            block.claims = self.spec.families;
        }
        self.room.store(block.len() + block.len() / 8, Ordering::Relaxed);
        Some(Outcome { state, duration, block, error })
    }

    fn take(&self, run: &Run) -> Option<Box<dyn Collector>> {
        let mut seat = lock(&self.seat);
        loop {
            let now = time::Instant::now();
            let until = match *seat {
                _ if now >= run.deadline => return None,
                Seat::Idle(_) => run.deadline,
                Seat::Running(until) => until.min(run.deadline),
            };
            if now >= until {
                return None;
            }
            match mem::replace(&mut *seat, Seat::Running(run.deadline)) {
                Seat::Idle(collector) => return Some(collector),
                running @ Seat::Running(_) => *seat = running,
            }
            let waited = self.returned.wait_timeout(seat, until - now);
            seat = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Keeps the outcome for people to see, and logs what changed.
    fn note(&self, outcome: &Outcome) {
        let last = Last {
            duration: outcome.duration,
            samples: outcome.block.samples(),
            error: outcome.error.clone(),
            remarks: outcome.block.remarks.clone(),
        };
        let mut status = lock(&self.status);
        let (was, before) = mem::replace(&mut *status, (outcome.state, Some(last)));
        drop(status);
        let collector = self.spec.name;
        let known = before.as_ref().map_or(&[][..], |last| &last.remarks);
        for remark in outcome.block.remarks.iter().filter(|r| !known.contains(r)) {
            tracing::warn!(collector, remark, "left out");
        }
        let error = outcome.error.as_deref().unwrap_or_default();
        let same = was == outcome.state && before.and_then(|b| b.error) == outcome.error;
        match outcome.state {
            _ if same => {}
            State::Failed => tracing::warn!(collector, error, "collector failed"),
            State::TimedOut => tracing::warn!(collector, "collector timed out"),
            State::NoData => tracing::debug!(collector, error, "collector has no data"),
            State::Ok if matches!(was, State::Failed | State::TimedOut) => {
                tracing::info!(collector, "collector recovered");
            }
            State::Ok | State::NotRun => {}
        }
    }
}

impl std::fmt::Debug for Seat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Idle(_) => "Idle",
            Self::Running(_) => "Running",
        })
    }
}

// === impl Run ===

impl Run {
    /// Nothing of it has begun.
    fn new(mut slots: Vec<Arc<Slot>>, deadline: time::Instant) -> Arc<Self> {
        slots.sort_by_key(|slot| slot.source.is_some());
        let pulled = slots.iter().filter(|slot| slot.source.is_none()).count();
        Arc::new(Self {
            begun: Instant::now(),
            deadline,
            lanes: [Lane::new(0, pulled), Lane::new(pulled, slots.len())],
            results: Mutex::new(Results {
                outcomes: slots.iter().map(|_| None).collect(),
                ..Results::default()
            }),
            finished: Notify::new(),
            slots,
        })
    }

    /// Starts a worker where the lane has something left to begin.
    fn start_worker(self: &Arc<Self>, lane: usize) {
        let left = |lane: &Lane| lane.next.load(Ordering::Relaxed) < lane.end;
        if self.lanes.get(lane).is_some_and(left) {
            let run = Arc::clone(self);
            self.lanes.get(lane).map(|lane| lane.queued.fetch_add(1, Ordering::Relaxed));
            drop(tokio::task::spawn_blocking(move || run.work(lane)));
        }
    }

    /// Workers of a lane that wait for a thread.
    fn queued(&self, lane: usize) -> usize {
        self.lanes.get(lane).map_or(0, |lane| lane.queued.load(Ordering::Relaxed))
    }

    /// How far each lane has begun.
    fn begun(&self) -> [usize; 2] {
        self.lanes.each_ref().map(|lane| lane.next.load(Ordering::Relaxed))
    }

    /// The outcome of a collector that is not done at the deadline.
    fn late(&self, slot: &Slot) -> Outcome {
        let mut block = Block::default();
        block.claims = slot.spec.families;
        Outcome {
            state: State::TimedOut,
            duration: self.begun.elapsed(),
            block,
            error: Some("not done at the scrape's deadline".to_owned()),
        }
    }

    /// Runs collectors until none is left to begin in the lane.
    fn work(&self, lane: usize) {
        let Some(lane) = self.lanes.get(lane) else { return };
        lane.queued.fetch_sub(1, Ordering::Relaxed);
        loop {
            let index = lane.next.fetch_add(1, Ordering::Relaxed);
            let slot = self.slots.get(..lane.end).and_then(|slots| slots.get(index));
            let Some(slot) = slot else { return };
            let outcome = slot.collect(self).unwrap_or_else(|| self.late(slot));
            let mut results = lock(&self.results);
            if results.closed {
                return;
            }
            if let Some(place) = results.outcomes.get_mut(index) {
                *place = Some(outcome);
                results.done += 1;
            }
            if results.done == self.slots.len() {
                self.finished.notify_one();
                return;
            }
        }
    }
}

// === impl Lane ===

impl Lane {
    fn new(start: usize, end: usize) -> Self {
        Self { next: AtomicUsize::new(start), queued: AtomicUsize::new(0), end }
    }
}

// === impl Running ===

impl Running {
    fn new(spec: &SourceSpec, source: Box<dyn Source>) -> Self {
        let (line, bell) = Line::new();
        Self {
            name: spec.name,
            bell,
            holds_readiness: spec.holds_readiness,
            answered: Arc::default(),
            waiting: Mutex::new(Some((source, line))),
            task: Mutex::default(),
        }
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
