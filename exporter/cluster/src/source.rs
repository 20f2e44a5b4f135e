//! The task that keeps the states true: a thread with a runtime of its own, one watch a task.
//!
//! Ten thousand objects cost a second of decoding when they are first listed; scrapes go on meanwhile, as
//! nothing of it runs on their thread. What a scrape asks is answered with what has come: events of a
//! watch arrive when they do, and there is nobody to be asked for certainty. Before the first lists
//! are complete a scrape waits for them, as long as none has failed; so the first answer is a
//! whole one wherever that can be had in the time that a scrape gives.

use crate::{
    access::Access,
    api::Api,
    crds::{self, Definitions},
    facts,
    keeper::{Bench, Keeper, Kept},
    lease::{self, Contest, Lead, Standing},
    options,
    plan::{Customs, Plan},
    reload::Reload,
    role::Part,
    states::{Of, State, States, Status, View},
    transport::Transport,
    watch,
};
use collect::{Call, Clock, Context, Health, Line, Result, Source, SourceSpec, Ticket, lock};
use kubestate::custom;
use model::Model;
use std::{
    collections::BTreeMap,
    future::Future,
    pin::{Pin, pin},
    sync::{Arc, Mutex, atomic::Ordering::Relaxed},
    thread,
    time::Duration,
};
use tokio::{
    runtime::Builder,
    sync::{Semaphore, oneshot},
    task::{AbortHandle, Id, JoinSet},
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
/// The pause before a watch that panicked is begun anew: the same object may be there again.
const AGAIN: Duration = Duration::from_secs(10);
/// Faults that come together are told together.
const TOGETHER: Duration = Duration::from_millis(500);

pub(crate) struct Cluster {
    /// The server, or why there is none to ask.
    server: Result<Arc<dyn Transport>, Health>,
    states: Arc<States>,
    plan: Plan,
    model: Arc<Model>,
    /// The Lease that is contended for, where it is.
    contest: Option<Contest>,
    lead: Arc<Lead>,
    stale: Duration,
    clock: Clock,
}

/// The thread's own.
struct Session<'a> {
    cluster: &'a Cluster,
    line: &'a Line,
    bench: Arc<Bench>,
    lists: Arc<Semaphore>,
    watches: JoinSet<()>,
    running: BTreeMap<Id, (Arc<State>, AbortHandle)>,
    /// Whether the cluster part is watched: while this process leads or stands by.
    cluster_part: bool,
    /// The watch of definitions, and what it has told.
    discovery: Option<Arc<State>>,
    definitions: Arc<Mutex<Definitions>>,
    /// What of them is wanted: the plan's, until the configuration is another.
    wanted: Arc<Customs>,
    /// Tells when it is.
    reload: Option<Reload>,
    /// What is defined, and the watches of it.
    customs: BTreeMap<custom::Served, Vec<(Arc<State>, AbortHandle)>>,
    /// A scrape that waits for the first lists.
    waiting: Option<Ticket>,
    begun: Instant,
    complete: bool,
    /// What was told of each resource last: why it is not up.
    told: BTreeMap<Arc<str>, String>,
    tell_at: Option<Instant>,
}

// === impl Cluster ===

impl Cluster {
    fn new(cx: &Context) -> Result<Self> {
        let access = Access::find(&cx.options);
        let pod = matches!(access, Ok(Access::ServiceAccount { .. }));
        let plan = Plan::new(&cx.options, pod)?;
        let own = access.as_ref().ok().and_then(Access::namespace);
        let contest = plan.role.contends().then(|| options::contest(cx, own)).transpose()?;
        let mode = cx.options.text(&options::MODE);
        let server = if plan.role.contends() || !plan.role.watches().is_empty() {
            let server = access.map(|access| Arc::new(Api::new(access)) as Arc<dyn Transport>);
            // Who must serve the cluster and cannot is not well.
            server.map_err(|health| Health { absent: health.absent && mode != "always", ..health })
        } else {
            let what = "nothing of the cluster is asked for; give --cluster=always or --node-name";
            Err(Health::absent(format!("with --cluster={mode} and no node name {what}")))
        };
        let stale = cx.options.positive_duration(&options::STALE)?;
        let (states, lead, model) = (cx.shared.get(), cx.shared.get(), cx.shared.get());
        Ok(Self { server, states, plan, model, contest, lead, stale, clock: cx.clock })
    }

    /// Contends for the lead, if that is its role, until `stop`.
    async fn contend(&self, server: &Arc<dyn Transport>, stop: impl Future<Output = ()>) {
        match &self.contest {
            Some(contest) => {
                lease::run(Arc::clone(server), contest.clone(), (*self.lead).clone(), stop).await;
            }
            None => stop.await,
        }
    }

    /// Whether a part is to be true now: what a stand-by has is on its way to be served.
    fn answers_for(&self, part: Part) -> bool {
        part != Part::Cluster || self.lead.standing() == Standing::Leader
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
        let wanted = Arc::clone(&cluster.plan.customs);
        let reload = wanted
            .file
            .as_ref()
            .map(|(path, text)| Reload::new(path, text, &cluster.states, cluster.clock));
        Self {
            cluster,
            line,
            bench: Arc::default(),
            lists: Arc::new(Semaphore::new(LISTS)),
            watches: JoinSet::new(),
            running: BTreeMap::new(),
            cluster_part: false,
            discovery: None,
            definitions: Arc::default(),
            wanted,
            reload,
            customs: BTreeMap::new(),
            waiting: None,
            begun: Instant::now(),
            complete: false,
            told: BTreeMap::new(),
            tell_at: None,
        }
    }

    async fn run(mut self, transport: &Arc<dyn Transport>) {
        self.begin(transport, Part::Own);
        self.begin(transport, Part::Facts);
        let bench = Arc::clone(&self.bench);
        let cluster = self.cluster;
        let mut standings = cluster.lead.standings();
        let (stop, stopped) = oneshot::channel::<()>();
        let mut contest = pin!(cluster.contend(transport, async {
            let _told = stopped.await;
        }));
        loop {
            let look = self.look();
            let wake = self.tell_at.map_or(look, |at| at.min(look));
            let reload = self.reload.as_ref().map_or(look, Reload::due);
            tokio::select! {
                call = self.line.next() => match call {
                    Call::Refresh(ticket) => {
                        self.discover(transport);
                        self.waiting = Some(ticket);
                        self.answer().await;
                    }
                    Call::Stop => break,
                },
                // It ends when it is told to.
                () = &mut contest => return,
                Ok(()) = standings.changed() => {
                    let standing = *standings.borrow_and_update();
                    self.stand(transport, standing);
                    self.answer().await;
                }
                () = bench.changed.notified() => {
                    self.discover(transport);
                    self.tell_at.get_or_insert_with(|| Instant::now() + TOGETHER);
                    self.answer().await;
                }
                () = time::sleep_until(wake) => {
                    if self.tell_at.take_if(|at| *at <= wake).is_some() {
                        self.tell();
                    }
                }
                () = time::sleep_until(reload) => {
                    if let Some(new) = self.reload.as_mut().and_then(|r| r.look(&self.wanted)) {
                        self.configure(transport, new);
                    }
                }
                Some(ended) = self.watches.join_next_with_id() => self.restart(transport, &ended),
            }
        }
        // The next one waits for the Lease.
        drop(stop);
        contest.await;
    }

    /// Begins the watches of a part.
    fn begin(&mut self, transport: &Arc<dyn Transport>, part: Part) {
        let plan = &self.cluster.plan;
        for watched in plan.role.watches().iter().filter(|w| w.part == part) {
            if let Some(resource) = kubestate::resource(&watched.resource) {
                let state = self.cluster.states.add(Of::Table(resource), watched);
                self.start(transport, state, Duration::ZERO);
            }
        }
        self.begin_discovery(transport, part);
    }

    /// Begins to watch which custom resources there are, where somebody wants to know.
    fn begin_discovery(&mut self, transport: &Arc<dyn Transport>, part: Part) {
        if self.wanted.are_wanted() {
            let role = &self.cluster.plan.role;
            for watched in role.custom(crds::API, false).iter().filter(|w| w.part == part) {
                let configured = Arc::new(self.wanted.are_configured().into());
                let state = self.cluster.states.add(Of::Definitions { configured }, watched);
                self.discovery = Some(Arc::clone(&state));
                self.start(transport, state, Duration::ZERO);
            }
        }
    }

    /// Takes another configuration of custom resources: watches of which something else is to be made begin
    /// anew, and all others go on.
    fn configure(&mut self, transport: &Arc<dyn Transport>, wanted: Customs) {
        self.wanted = Arc::new(wanted);
        let Some(discovery) = self.discovery.clone() else {
            for part in [Part::Own, Part::Cluster] {
                if self.runs(part) {
                    self.begin_discovery(transport, part);
                }
            }
            return;
        };
        if let Of::Definitions { configured } = &discovery.of {
            configured.store(self.wanted.are_configured(), Relaxed);
        }
        let wanted = Arc::clone(&self.wanted);
        let others = self.customs.extract_if(.., |served, watches| {
            let of = watches.first().map(|(state, _)| &state.of);
            let known =
                of.and_then(|of| if let Of::Custom(custom) = of { Some(&**custom) } else { None });
            wanted.of(served).as_ref() != known
        });
        for (_, watches) in others.collect::<Vec<_>>() {
            self.cease(watches);
        }
        lock(&self.definitions).renew();
        self.discover(transport);
    }

    /// Ends the watches of a custom resource.
    fn cease(&mut self, watches: Vec<(Arc<State>, AbortHandle)>) {
        let states: Vec<_> = watches.iter().map(|(state, _)| Arc::clone(state)).collect();
        for (_, task) in watches {
            task.abort();
        }
        self.cluster.states.remove(&states);
        if let Some(state) = states.first() {
            self.told.remove(&state.name);
        }
    }

    /// Ends the watches of a part, and forgets what they told.
    fn end(&mut self, part: Part) {
        for (_, task) in self.running.values().filter(|(state, _)| state.part == part) {
            task.abort();
        }
        if self.discovery.take_if(|state| state.part == part).is_some() {
            self.customs.clear();
            self.definitions = Arc::default();
        }
        self.cluster.states.forget(part);
        let known = self.cluster.states.all();
        self.told.retain(|name, _| known.iter().any(|state| state.name == *name));
    }

    /// Does what another standing asks for. A stand-by watches what a leader does, so that it lists
    /// nothing when it takes the lead.
    fn stand(&mut self, transport: &Arc<dyn Transport>, standing: Standing) {
        let watched = standing != Standing::Aside;
        if watched == std::mem::replace(&mut self.cluster_part, watched) {
            return;
        }
        if watched {
            self.begin(transport, Part::Cluster);
        } else {
            self.end(Part::Cluster);
        }
    }

    /// Whether the watches of a part run now.
    fn runs(&self, part: Part) -> bool {
        match part {
            Part::Own | Part::Facts => true,
            Part::Cluster => self.cluster_part,
        }
    }

    /// Begins to watch custom resources that are new, and ceases to watch those that are gone. The watches
    /// of all others go on.
    fn discover(&mut self, transport: &Arc<dyn Transport>) {
        // Half of a list says nothing of the other half.
        if !self.discovery.as_ref().is_some_and(|state| state.view().listed) {
            return;
        }
        let Some(served) = lock(&self.definitions).changed() else { return };
        let gone: Vec<_> =
            self.customs.extract_if(.., |known, _| !served.contains(known)).collect();
        for (_, watches) in gone {
            if let Some((state, _)) = watches.first() {
                tracing::info!(source = NAME, resource = &*state.name, "a custom resource is gone");
            }
            self.cease(watches);
        }
        let (plan, states) = (&self.cluster.plan, &self.cluster.states);
        for custom in served {
            if self.customs.contains_key(&custom) {
                continue;
            }
            let mut watches = Vec::new();
            if let Some(resource) = self.wanted.of(&custom).map(Arc::new) {
                let api = [&*custom.group, &custom.version, &custom.plural];
                for watched in plan.role.custom(api, custom.namespaced) {
                    if self.runs(watched.part) {
                        let state = states.add(Of::Custom(Arc::clone(&resource)), &watched);
                        let task = self.start(transport, Arc::clone(&state), Duration::ZERO);
                        watches.extend(task.map(|task| (state, task)));
                    }
                }
                let families = resource.configured();
                let name = watches.first().map(|(state, _)| &*state.name);
                tracing::info!(
                    source = NAME,
                    resource = name,
                    families,
                    "a custom resource is watched"
                );
            }
            // Those of which nothing is wanted stand here too, so that they are looked at once.
            self.customs.insert(custom, watches);
        }
    }

    /// Begins a watch after a pause.
    fn start(
        &mut self,
        transport: &Arc<dyn Transport>,
        state: Arc<State>,
        pause: Duration,
    ) -> Option<AbortHandle> {
        let plan = &self.cluster.plan;
        // Of the part of the cluster, a node's agent has the pods that no node has, and all Nodes.
        let own = state.part != Part::Cluster && plan.role.has_node();
        let facts = match state.of {
            Of::Table(resource) => facts::of(resource, own, &self.cluster.model),
            Of::Custom(_) | Of::Definitions { .. } => None,
        };
        let kept = match &state.of {
            Of::Table(_) if state.part == Part::Facts => Kept::Nothing,
            Of::Table(resource) => match plan.options(resource) {
                Ok(options) => Kept::Table(resource, options),
                // Start-up has looked at each.
                Err(error) => {
                    tracing::error!(%error, "a resource is not watched");
                    return None;
                }
            },
            Of::Custom(resource) => {
                let group = &resource.served().group;
                let quota = self.cluster.states.quotas.of(group, self.wanted.most);
                Kept::custom(Arc::clone(resource), quota)
            }
            Of::Definitions { .. } => Kept::Definitions(Arc::clone(&self.definitions)),
        };
        let (transport, lists) = (Arc::clone(transport), Arc::clone(&self.lists));
        let shard = self.cluster.plan.role.shard();
        let (bench, known) = (Arc::clone(&self.bench), Arc::clone(&state));
        let task = self.watches.spawn(async move {
            time::sleep(pause).await;
            let turn = lists.acquire_owned().await.ok();
            let target = known.target.clone();
            let mut keeper = Keeper::new(known, (kept, facts, shard), bench, turn);
            watch::run(transport, target, &mut keeper).await;
        });
        self.running.insert(task.id(), (state, task.clone()));
        Some(task)
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
        let Some((state, _)) = self.running.remove(&id) else { return };
        if ended.as_ref().is_err_and(tokio::task::JoinError::is_cancelled) {
            return;
        }
        tracing::error!(resource = &*state.name, "a watch panicked; please report it");
        state.reset();
        let task = self.start(transport, Arc::clone(&state), AGAIN);
        let mut watches = self.customs.values_mut().flatten();
        if let Some(watch) = watches.find(|(known, _)| Arc::ptr_eq(known, &state)) {
            watch.1 = task.unwrap_or_else(|| watch.1.clone());
        }
    }

    /// Shows the scrape that waits what there is, and answers it, if there is nothing that it should
    /// wait for: it goes on without an answer when its time is over.
    async fn answer(&mut self) {
        self.look();
        if self.waiting.is_none() {
            return;
        }
        // What comes while this is shown is not.
        let is_settled = self.cluster.states.is_settled(|part| self.cluster.answers_for(part));
        self.cluster.states.publish(&self.bench.press).await;
        if is_settled && let Some(ticket) = self.waiting.take() {
            self.line.answer(ticket);
        }
    }

    /// Says how the source is, and gives when to look again: a state grows too old by itself.
    fn look(&mut self) -> Instant {
        let (now, stale) = (Instant::now(), self.cluster.stale);
        let mut untrue = BTreeMap::new();
        let mut next = now + stale;
        let answers = |part| self.cluster.answers_for(part);
        for (state, views) in self.cluster.states.by_resource(answers) {
            for view in views.into_iter().filter(|_| state.of.is_asked_for()) {
                if !view.is_true(now, stale) {
                    untrue.entry(Arc::clone(&state.name)).or_insert_with(|| cause(&view));
                } else if let Some(heard) = view.heard {
                    next = next.min(heard + stale + Duration::from_millis(1));
                }
            }
        }
        // Between the end of that list and the watches that follow from it nothing is whole.
        if let Some(state) = self.discovery.as_ref().filter(|state| {
            let waits = !self.complete && state.of.is_asked_for() && answers(state.part);
            waits && lock(&self.definitions).has_news()
        }) {
            untrue
                .entry(Arc::clone(&state.name))
                .or_insert_with(|| "what they define is not watched yet".to_owned());
        }
        let health = match untrue.iter().next() {
            None => Health::up(),
            Some((resource, reason)) if untrue.len() == 1 => {
                Health::down(format!("{resource}: {reason}"))
            }
            // One server, and one cause for all of them.
            Some((_, reason)) if untrue.values().all(|other| other == reason) => {
                Health::down(format!("{} resources: {reason}", untrue.len()))
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
        for (state, views) in self.cluster.states.by_resource(|_| true) {
            if let Some(reason) = views.iter().find(|view| !view.up).and_then(View::reason) {
                faults.insert(Arc::clone(&state.name), reason);
            }
        }
        let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (resource, reason) in faults.iter().filter(|(name, _)| !self.told.contains_key(*name)) {
            by_reason.entry(reason).or_default().push(resource);
        }
        for (error, resources) in by_reason {
            let resources = resources.join(",");
            tracing::warn!(source = NAME, resources, error, "watches fail");
        }
        let well: Vec<_> = self
            .told
            .keys()
            .filter(|name| !faults.contains_key(*name))
            .map(|name| &**name)
            .collect();
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
