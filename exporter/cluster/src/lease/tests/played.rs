//! An API server that has Leases, the network to it, and processes that stop and clocks that differ; all on
//! paused time.

use crate::{
    fault::{Fault, Reason},
    lease::{Contest, LEAD, LEAD_MARGIN, Lead, run},
    transport::{Stream, Transport},
    uptime::Uptime,
};
use bytes::Bytes;
use collect::Clock;
use futures_util::future::BoxFuture;
use http::Method;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::{self, Instant, Sleep},
};

/// The server.
#[derive(Clone, Default)]
pub(crate) struct Server(Arc<Mutex<Stored>>);

#[derive(Default)]
struct Stored {
    leases: BTreeMap<String, Value>,
    version: u64,
    watchers: Vec<(String, mpsc::UnboundedSender<Bytes>)>,
    /// When each holder of the lead last wrote it.
    landed: BTreeMap<String, Instant>,
    /// Verbs, as they were done or refused.
    pub(super) asked: Vec<String>,
    forbidden: bool,
}

/// What goes wrong between `from` and `until`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trouble {
    pub(super) from: Duration,
    pub(super) until: Duration,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The process does not run.
    Stopped,
    /// Requests do not arrive, and what is streamed neither.
    Silence,
    /// Requests are done, and their answers do not arrive.
    Lost,
    /// Requests are done so much later, and answered; the one who asked may have given up.
    Late(Duration),
    /// Requests are done at once, and answered so much later.
    Slow(Duration),
    /// Requests are refused at once.
    Refused,
    /// Watches and lists are forbidden.
    Deaf,
}

/// A candidate's way to the server.
struct Link {
    server: Server,
    born: Instant,
    troubles: Vec<Trouble>,
}

struct Body {
    stream: mpsc::UnboundedReceiver<Bytes>,
    born: Instant,
    troubles: Vec<Trouble>,
}

/// A clock that runs `rate` times as fast as the true one, and that was started long before it.
pub(crate) struct Quartz {
    pub(super) born: Instant,
    pub(super) rate: f64,
}

/// A process that contends.
pub(crate) struct Candidate {
    name: String,
    server: Server,
    pub(super) lead: Lead,
    pub(super) clock: Arc<Quartz>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

/// A future that is not polled while its process is stopped.
struct Stoppable {
    inner: BoxFuture<'static, ()>,
    born: Instant,
    troubles: Vec<Trouble>,
    woken: Option<Pin<Box<Sleep>>>,
}

const BEGUN: Duration = Duration::from_hours(1_000);

// === impl Server ===

impl Server {
    pub(super) fn forbid(&self, forbidden: bool) {
        self.0.lock().unwrap().forbidden = forbidden;
    }

    /// What was asked since the last time, each with how often.
    pub(super) fn asked(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for verb in std::mem::take(&mut self.0.lock().unwrap().asked) {
            *counts.entry(verb).or_default() += 1;
        }
        counts
    }

    pub(super) fn lease(&self, name: &str) -> Option<Value> {
        self.0.lock().unwrap().leases.get(name).cloned()
    }

    /// Somebody deletes a Lease.
    pub(super) fn delete(&self, name: &str) {
        let mut stored = self.0.lock().unwrap();
        if let Some(lease) = stored.leases.remove(name) {
            stored.tell(name, "DELETED", &lease);
        }
    }

    /// Somebody puts a label on a Lease.
    pub(super) fn label(&self, name: &str, value: &str) {
        let mut stored = self.0.lock().unwrap();
        let Some(mut lease) = stored.leases.get(name).cloned() else { return };
        lease["metadata"]["labels"] = json!({ "label": value });
        stored.put(name, lease, "MODIFIED");
    }

    /// When this holder of the lead last wrote it.
    pub(super) fn landed(&self, holder: &str) -> Option<Instant> {
        self.0.lock().unwrap().landed.get(holder).copied()
    }

    /// What a request does and gives.
    pub(crate) fn done(&self, method: &Method, path: &str, body: &[u8]) -> Result<Value, Fault> {
        let mut stored = self.0.lock().unwrap();
        let name = path.strip_prefix("/apis/coordination.k8s.io/v1/namespaces/ns/leases").unwrap();
        let name = name.trim_start_matches('/').to_owned();
        let done = stored.done(method, &name, body);
        let result = done.as_ref().map_or_else(|fault| fault.code.unwrap(), |_| 200);
        stored.asked.push(format!("{method} {result}"));
        done
    }

    /// A watch's events from now on.
    pub(crate) fn stream(&self, path: &str) -> Box<dyn Stream> {
        let (stream, born) = (self.watch(path), Instant::now());
        Box::new(Body { stream, born, troubles: Vec::new() })
    }

    fn watch(&self, path: &str) -> mpsc::UnboundedReceiver<Bytes> {
        let (sender, stream) = mpsc::unbounded_channel();
        let name = path.split("metadata.name%3D").nth(1).unwrap().split('&').next().unwrap();
        let mut stored = self.0.lock().unwrap();
        stored.asked.push("WATCH".to_owned());
        if path.contains("sendInitialEvents") {
            if let Some(lease) = stored.leases.get(name) {
                sender.send(event("ADDED", lease)).unwrap();
            }
            let mark = json!({"metadata": {"resourceVersion": stored.version.to_string(),
                "annotations": {"k8s.io/initial-events-end": "true"}}});
            sender.send(event("BOOKMARK", &mark)).unwrap();
        }
        stored.watchers.push((name.to_owned(), sender));
        stream
    }
}

impl Stored {
    fn done(&mut self, method: &Method, name: &str, body: &[u8]) -> Result<Value, Fault> {
        let refused = |code| Err(Fault::of_status(code, b"", None));
        if self.forbidden {
            return refused(403);
        }
        match *method {
            Method::GET => self.leases.get(name).cloned().map_or_else(|| refused(404), Ok),
            Method::POST => {
                let lease: Value = serde_json::from_slice(body).unwrap();
                let name = lease["metadata"]["name"].as_str().unwrap().to_owned();
                if self.leases.contains_key(&name) {
                    return refused(409);
                }
                Ok(self.put(&name, lease, "ADDED"))
            }
            Method::PATCH => {
                let Some(mut lease) = self.leases.get(name).cloned() else { return refused(404) };
                let patch: Value = serde_json::from_slice(body).unwrap();
                if patch["metadata"]["resourceVersion"] != lease["metadata"]["resourceVersion"] {
                    return refused(409);
                }
                lease["spec"] = patch["spec"].clone();
                Ok(self.put(name, lease, "MODIFIED"))
            }
            _ => refused(405),
        }
    }

    fn put(&mut self, name: &str, mut lease: Value, kind: &str) -> Value {
        self.version += 1;
        lease["metadata"]["resourceVersion"] = json!(self.version.to_string());
        if let ("lead", Some(holder)) = (name, lease["spec"]["holderIdentity"].as_str())
            && lease["spec"] != self.leases.get(name).map_or(Value::Null, |old| old["spec"].clone())
        {
            self.landed.insert(holder.to_owned(), Instant::now());
        }
        self.leases.insert(name.to_owned(), lease.clone());
        self.tell(name, kind, &lease);
        lease
    }

    fn tell(&mut self, name: &str, kind: &str, lease: &Value) {
        self.watchers
            .retain(|(of, watcher)| of != name || watcher.send(event(kind, lease)).is_ok());
    }
}

fn event(kind: &str, object: &Value) -> Bytes {
    format!("{}\n", json!({ "type": kind, "object": object })).into()
}

// === impl Link ===

fn trouble(troubles: &[Trouble], born: Instant) -> Option<Trouble> {
    let now = born.elapsed();
    troubles.iter().find(|t| t.kind != Kind::Stopped && t.from <= now && now < t.until).copied()
}

impl Transport for Link {
    fn get<'a>(
        &'a self,
        path: &'a str,
        _: &'static str,
    ) -> BoxFuture<'a, Result<Box<dyn Stream>, Fault>> {
        Box::pin(async move {
            time::sleep(Duration::from_millis(3)).await;
            match trouble(&self.troubles, self.born).map(|trouble| trouble.kind) {
                Some(Kind::Refused) => return Err(Fault::of_status(503, b"", None)),
                Some(Kind::Deaf) => return Err(Fault::of_status(403, b"", None)),
                Some(Kind::Silence | Kind::Lost) => return std::future::pending().await,
                _ => {}
            }
            let stream = self.server.watch(path);
            let (born, troubles) = (self.born, self.troubles.clone());
            Ok(Box::new(Body { stream, born, troubles }) as Box<dyn Stream>)
        })
    }

    fn send<'a>(
        &'a self,
        method: Method,
        path: &'a str,
        content: &'static str,
        body: Bytes,
    ) -> BoxFuture<'a, Result<Bytes, Fault>> {
        assert_eq!(method == Method::PATCH, content == "application/merge-patch+json");
        Box::pin(async move {
            let kind = trouble(&self.troubles, self.born).map(|trouble| trouble.kind);
            let late = match kind {
                Some(Kind::Refused) => return Err(Fault::of_status(503, b"", None)),
                Some(Kind::Silence) => return std::future::pending().await,
                Some(Kind::Late(late)) => late,
                _ => Duration::from_millis(3),
            };
            // What is on its way is done, whoever still waits for it.
            let (server, path) = (self.server.clone(), path.to_owned());
            let done = tokio::spawn(async move {
                time::sleep(late).await;
                server.done(&method, &path, &body)
            });
            let done = done.await.unwrap()?;
            time::sleep(Duration::from_millis(3)).await;
            if let Some(Kind::Slow(slow)) = kind {
                time::sleep(slow).await;
            }
            if kind == Some(Kind::Lost) {
                return Err(Fault::new(Reason::Broken, "reset by peer"));
            }
            Ok(done.to_string().into())
        })
    }
}

impl Stream for Body {
    fn next(&mut self) -> BoxFuture<'_, Option<Result<Bytes, Fault>>> {
        Box::pin(async {
            let chunk = self.stream.recv().await;
            // What is streamed into silence comes when that ends.
            while let Some(Trouble { until, kind: Kind::Silence, .. }) =
                trouble(&self.troubles, self.born)
            {
                time::sleep_until(self.born + until).await;
            }
            chunk.map(Ok)
        })
    }
}

// === impl Quartz ===

impl Quartz {
    /// When it is truly that late by this clock.
    fn truly(&self, at: Duration) -> Instant {
        self.born + at.saturating_sub(BEGUN).div_f64(self.rate)
    }
}

impl Uptime for Quartz {
    fn now(&self) -> Duration {
        BEGUN + self.born.elapsed().mul_f64(self.rate)
    }
}

/// A wall clock that is set to another year each time that it is read.
fn wall() -> SystemTime {
    static READ: AtomicU64 = AtomicU64::new(0);
    let read = READ.fetch_add(1, Ordering::Relaxed);
    UNIX_EPOCH + Duration::from_hours(500_000 + read % 2 * 9_000) + Duration::from_micros(read)
}

// === impl Candidate ===

impl Candidate {
    pub(super) fn start(
        server: &Server,
        name: &str,
        clock: Quartz,
        troubles: Vec<Trouble>,
    ) -> Self {
        let clock = Arc::new(clock);
        let born = clock.born;
        let lead = Lead::default();
        clock.keep(&lead);
        let link = Link { server: server.clone(), born, troubles: troubles.clone() };
        let contest = Contest {
            namespace: "ns".to_owned(),
            name: "lead".to_owned(),
            identity: name.to_owned(),
            wall: Clock::new(wall),
        };
        let (stop, stopped) = oneshot::channel();
        let stopped = async {
            let _stop_or_gone = stopped.await;
        };
        let inner = Box::pin(run(Arc::new(link), contest, lead.clone(), stopped));
        let task = tokio::spawn(Stoppable { inner, born, troubles, woken: None });
        let (name, server) = (name.to_owned(), server.clone());
        Self { name, server, lead, clock, stop: Some(stop), task }
    }

    /// A candidate with a true clock and no trouble.
    pub(crate) fn plain(server: &Server, name: &str) -> Self {
        Self::start(server, name, Quartz::plain(), Vec::new())
    }

    /// Ends it as a kill does.
    pub(super) async fn kill(mut self) {
        self.task.abort();
        let _aborted = (&mut self.task).await;
        assert!(self.stop.take().is_some(), "it was stopped before");
    }

    /// Ends it as its service manager does.
    pub(crate) async fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        (&mut self.task).await.unwrap();
    }

    /// From when until when it serves or will serve, in true time.
    pub(super) fn window(&self) -> Option<(Instant, Instant)> {
        let window = self.lead.state().window?;
        Some((self.clock.truly(window.from), self.clock.truly(window.until)))
    }

    /// That it ends serving so long after its last write that the next one cannot have begun.
    pub(super) fn ends_in_time(&self) -> Result<(), String> {
        let Some((_, until)) = self.window() else { return Ok(()) };
        let landed = self.server.landed(&self.name).ok_or("it never had the lead")?;
        let most = landed + LEAD.saturating_sub(LEAD_MARGIN).div_f64(self.clock.rate);
        // A nanosecond is lost when times are scaled.
        if until > most + Duration::from_micros(1) {
            return Err(format!("{} serves for {:?} too long", self.name, until - most));
        }
        Ok(())
    }
}

impl Quartz {
    /// Has a lead counted by this clock.
    pub(crate) fn keep(self: &Arc<Self>, lead: &Lead) {
        assert!(lead.0.clock.set(Arc::clone(self) as _).is_ok(), "it has been read already");
    }

    pub(crate) fn plain() -> Self {
        Self { born: Instant::now(), rate: 1.0 }
    }
}

impl Future for Stoppable {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if let Some(sleep) = &mut self.woken {
                std::task::ready!(sleep.as_mut().poll(cx));
                self.woken = None;
            }
            let now = self.born.elapsed();
            let stop = self
                .troubles
                .iter()
                .find(|t| t.kind == Kind::Stopped && t.from <= now && now < t.until);
            let Some(stop) = stop else { return self.inner.as_mut().poll(cx) };
            self.woken = Some(Box::pin(time::sleep_until(self.born + stop.until)));
        }
    }
}
