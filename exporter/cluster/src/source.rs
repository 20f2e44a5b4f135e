//! The task that keeps the states true: a thread with a runtime of its own, one watch a task.
//!
//! Ten thousand objects cost a second of decoding when they are first listed; scrapes go on meanwhile, as
//! nothing of it runs on their thread. What a scrape asks is answered with what has come: events of a
//! watch arrive when they do, and there is nobody to be asked for certainty. Before the first lists
//! are complete a scrape waits for them, as long as none has failed; so the first answer is a
//! whole one wherever that can be had in the time that a scrape gives.

use crate::{
    keeper::{Bench, Keeper},
    options,
    plan::Plan,
    role::Part,
    states::{State, States, Status, View},
    transport::Transport,
    watch,
};
use collect::{Call, Context, Health, Line, Result, Source, SourceSpec, Ticket};
use std::{collections::BTreeMap, future::Future, pin::Pin, sync::Arc, thread, time::Duration};
use tokio::{
    runtime::Builder,
    sync::{Semaphore, oneshot},
    task::{Id, JoinSet},
    time::{self, Instant},
};

/// The source's entry in the registry.
pub static SOURCE: SourceSpec = SourceSpec {
    name: NAME,
    build: |cx| Ok(Some(Box::new(Cluster::new(cx)?))),
    holds_readiness: true,
};

const NAME: &str = "cluster";
/// First lists that run at the same time: each holds what has come of a line or a page.
const LISTS: usize = 4;
/// The thread's stack: objects of any depth are refused by the parser long before it is used up.
const STACK: usize = 1 << 20;
/// Faults that come together are told together.
const TOGETHER: Duration = Duration::from_millis(500);

pub(crate) struct Cluster {
    /// The server, or why there is none to ask.
    server: Result<Arc<dyn Transport>, Health>,
    states: Arc<States>,
    plan: Plan,
    stale: Duration,
}

/// The thread's own.
struct Session<'a> {
    cluster: &'a Cluster,
    line: &'a Line,
    bench: Arc<Bench>,
    lists: Arc<Semaphore>,
    watches: JoinSet<()>,
    running: BTreeMap<Id, Arc<State>>,
    /// A scrape that waits for the first lists.
    waiting: Option<Ticket>,
    begun: Instant,
    complete: bool,
    /// What was told of each resource last: why it is not up.
    told: BTreeMap<&'static str, String>,
    tell_at: Option<Instant>,
}

// === impl Cluster ===

impl Cluster {
    fn new(cx: &Context) -> Result<Self> {
        let server = Err(Health::absent("nobody told where a server is"));
        let plan = Plan::new(&cx.options, false)?;
        let stale = options::duration(&cx.options, &options::STALE)?;
        Ok(Self { server, states: cx.shared.get(), plan, stale })
    }

    /// Runs until `line` says stop.
    async fn serve(&self, line: &Line) {
        match &self.server {
            Ok(server) => {
                self.states.set_status(Status::Connected);
                Session::new(self, line).run(server).await;
            }
            Err(health) => {
                let Health { absent, reason, .. } = health.clone();
                if absent {
                    self.states.set_status(Status::Absent(reason));
                } else {
                    tracing::warn!(source = NAME, reason, "no server to ask");
                    self.states.set_status(Status::Down(reason));
                }
                line.health(health.clone());
                while let Call::Refresh(ticket) = line.next().await {
                    line.answer(ticket);
                }
            }
        }
    }
}

impl Source for Cluster {
    fn run(self: Box<Self>, line: Line) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            if self.server.is_err() {
                return self.serve(&line).await;
            }
            let (end, ended) = oneshot::channel::<()>();
            let own = line.clone();
            let begun =
                thread::Builder::new().name(NAME.to_owned()).stack_size(STACK).spawn(move || {
                    // Let go of however the thread ends.
                    let _end = end;
                    match Builder::new_current_thread().enable_all().build() {
                        Ok(runtime) => {
                            runtime.block_on(self.serve(&own));
                            // A look-up of a name must not hold up the end.
                            runtime.shutdown_background();
                        }
                        Err(error) => down(&own, &format!("a runtime: {error}")),
                    }
                });
            match begun {
                Ok(_) => drop(ended.await),
                Err(error) => down(&line, &format!("a thread: {error}")),
            }
        })
    }
}

fn down(line: &Line, reason: &str) {
    tracing::error!(source = NAME, reason, "the source cannot run");
    line.health(Health::down(reason));
}

// === impl Session ===

impl<'a> Session<'a> {
    fn new(cluster: &'a Cluster, line: &'a Line) -> Self {
        Self {
            cluster,
            line,
            bench: Arc::default(),
            lists: Arc::new(Semaphore::new(LISTS)),
            watches: JoinSet::new(),
            running: BTreeMap::new(),
            waiting: None,
            begun: Instant::now(),
            complete: false,
            told: BTreeMap::new(),
            tell_at: None,
        }
    }

    async fn run(mut self, transport: &Arc<dyn Transport>) {
        let watches = self.cluster.plan.role.watches();
        for watched in watches.iter().filter(|watched| watched.part == Part::Own) {
            if let Some(state) = self.cluster.states.add(watched) {
                self.start(transport, state);
            }
        }
        let bench = Arc::clone(&self.bench);
        loop {
            let look = self.look();
            let wake = self.tell_at.map_or(look, |at| at.min(look));
            tokio::select! {
                call = self.line.next() => match call {
                    Call::Refresh(ticket) => {
                        self.waiting = Some(ticket);
                        self.answer().await;
                    }
                    Call::Stop => return,
                },
                () = bench.changed.notified() => {
                    self.tell_at.get_or_insert_with(|| Instant::now() + TOGETHER);
                    self.answer().await;
                }
                () = time::sleep_until(wake) => {
                    if self.tell_at.take_if(|at| *at <= wake).is_some() {
                        self.tell();
                    }
                }
                Some(ended) = self.watches.join_next_with_id() => self.restart(transport, &ended),
            }
        }
    }

    fn start(&mut self, transport: &Arc<dyn Transport>, state: Arc<State>) {
        let options = match self.cluster.plan.options(state.resource) {
            Ok(options) => options,
            // Start-up has looked at each.
            Err(error) => return tracing::error!(%error, "a resource is not watched"),
        };
        let (transport, lists) = (Arc::clone(transport), Arc::clone(&self.lists));
        let shard = self.cluster.plan.role.shard();
        let (bench, known) = (Arc::clone(&self.bench), Arc::clone(&state));
        let task = self.watches.spawn(async move {
            let turn = lists.acquire_owned().await.ok();
            let target = known.target.clone();
            let mut keeper = Keeper::new(known, (options, shard), bench, turn);
            watch::run(transport, target, &mut keeper).await;
        });
        self.running.insert(task.id(), state);
    }

    /// A watch never ends; one that panicked is begun anew, as its state may be half made.
    fn restart(
        &mut self,
        transport: &Arc<dyn Transport>,
        ended: &Result<(Id, ()), tokio::task::JoinError>,
    ) {
        let id = match ended {
            Ok((id, ())) => *id,
            Err(error) => error.id(),
        };
        let Some(state) = self.running.remove(&id) else { return };
        tracing::error!(resource = state.resource.name, "a watch panicked; please report it");
        state.reset();
        self.start(transport, state);
    }

    /// Answers the scrape that waits, if there is nothing that it should wait for.
    async fn answer(&mut self) {
        self.look();
        if self.cluster.states.is_settled()
            && let Some(ticket) = self.waiting.take()
        {
            self.cluster.states.publish(&self.bench.press).await;
            self.line.answer(ticket);
        }
    }

    /// Says how the source is, and gives when to look again: a state grows too old by itself.
    fn look(&mut self) -> Instant {
        let (now, stale) = (Instant::now(), self.cluster.stale);
        let mut untrue = BTreeMap::new();
        let mut next = now + stale;
        for (resource, views) in self.cluster.states.by_resource() {
            for view in views {
                if !view.is_true(now, stale) {
                    untrue.entry(resource.name).or_insert_with(|| cause(&view));
                } else if let Some(heard) = view.heard {
                    next = next.min(heard + stale + Duration::from_millis(1));
                }
            }
        }
        let health = match untrue.iter().next() {
            None => Health::up(),
            Some((resource, reason)) if untrue.len() == 1 => {
                Health::down(format!("{resource}: {reason}"))
            }
            Some((resource, reason)) => {
                Health::down(format!("{resource}: {reason} (and {} more)", untrue.len() - 1))
            }
        };
        if health.up && !self.complete {
            let objects: usize = self.cluster.states.all().iter().map(|state| state.len()).sum();
            let seconds = self.begun.elapsed().as_secs_f64();
            tracing::info!(source = NAME, objects, seconds, "the cluster's state is complete");
        }
        self.complete = health.up;
        self.line.health(health);
        next
    }

    /// Tells which watches have begun to fail, and which have ceased to.
    fn tell(&mut self) {
        let mut faults = BTreeMap::new();
        for (resource, views) in self.cluster.states.by_resource() {
            if let Some(reason) = views.iter().find(|view| !view.up).and_then(View::reason) {
                faults.insert(resource.name, reason);
            }
        }
        let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (resource, reason) in faults.iter().filter(|(name, _)| !self.told.contains_key(*name)) {
            by_reason.entry(reason).or_default().push(resource);
        }
        for (error, resources) in by_reason {
            let resources = resources.join(",");
            tracing::warn!(
                source = NAME,
                resources,
                error,
                "watches fail; their last state stands"
            );
        }
        let well: Vec<_> =
            self.told.keys().filter(|name| !faults.contains_key(*name)).copied().collect();
        if !well.is_empty() {
            tracing::info!(source = NAME, resources = well.join(","), "watches go on");
        }
        self.told = faults;
    }
}

fn cause(view: &View) -> String {
    match (view.reason(), view.listed) {
        (Some(reason), _) => reason,
        (None, false) => "the first list is not complete".to_owned(),
        (None, true) => "the server has not been heard for too long".to_owned(),
    }
}

#[cfg(test)]
mod tests;
