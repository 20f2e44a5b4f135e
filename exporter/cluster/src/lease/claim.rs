//! One Lease and one who contends for it.
//!
//! **Never two.** A holder counts its Lease from the moment before it *began* the last write that
//! succeeded. Who wants to take it counts the whole duration from the moment *after* it saw the Lease's
//! last change, and writes with the resource version that it saw, which the server refuses if anything
//! has changed since. Both by clocks of their own that nobody sets; so the second begins after the
//! first has ended, as long as no clock runs a sixth faster than another. Times written in the Lease are
//! not compared. A write whose answer was lost may have happened: what is found in the Lease later
//! tells. A Lease that is missing may have been deleted a moment ago, under a holder: who creates it
//! waits for a duration before it serves.

use super::record::{Record, Spec, micro_time};
use crate::{
    fault::{Fault, Reason},
    transport::Transport,
    uptime::Uptime,
};
use bytes::Bytes;
use collect::Clock;
use http::Method;
use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::watch::Receiver,
    time::{self, Instant},
};

/// The longest wait for an answer; a lost one leaves time for two more before the fence.
const ANSWER: Duration = Duration::from_secs(3);
/// The first pause of a candidate after a failure; it doubles.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// The longest that a server is obeyed which asks a candidate to be left alone.
const LONGEST_PATIENCE: Duration = Duration::from_mins(1);
/// The pause of a holder whose renewal failed.
const RETRY: Duration = Duration::from_millis(500);
/// How long a candidate waits for its watch to tell of the Lease before it asks.
const FIRST_SIGHT: Duration = Duration::from_secs(3);
/// Writes without an answer that are remembered; there is time for no more of them.
const MAX_UNANSWERED: usize = 8;

/// What a Lease is, and how long it holds.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    /// `/apis/coordination.k8s.io/v1/namespaces/NAMESPACE/leases`
    pub(super) leases: String,
    pub(super) name: String,
    /// Who we are; nobody else, now or ever, is the same.
    pub(super) identity: String,
    pub(super) duration: Duration,
    /// How often it is renewed.
    pub(super) renewal: Duration,
    /// How much earlier than the duration says its holder ends: more than clocks differ meanwhile.
    pub(super) margin: Duration,
    /// Over what time candidates spread who come all at once.
    pub(super) spread: Duration,
    /// Whether who creates the Lease waits before it serves.
    pub(super) probation: bool,
    /// What the times in it are by.
    pub(super) wall: Clock,
}

/// What a watch tells of a Lease.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Sight {
    /// Nothing yet.
    #[default]
    Unknown,
    /// There is none.
    Missing,
    /// It is so.
    Is(Record),
}

/// Where a candidate stands with a Lease.
#[derive(Debug)]
enum State {
    /// Nothing is known of it.
    Unknown,
    /// There is none; it may be created from this moment on.
    Missing { at: Duration },
    /// It is another's, or nobody's; it may be taken at this moment if it is the same then.
    Foreign { record: Record, at: Duration },
    /// It is ours.
    Held(Held),
}

/// A Lease of ours.
#[derive(Debug)]
struct Held {
    record: Record,
    /// When the last write that succeeded was begun.
    renewed: Duration,
    /// What is served begins here.
    from: Duration,
}

/// A write whose answer has not come.
#[derive(Debug)]
struct Unanswered {
    spec: Spec,
    begun: Duration,
    /// What was taken with it begins to be served here.
    from: Duration,
}

/// A Lease and what we know of it.
pub(super) struct Claim {
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Uptime>,
    terms: Terms,
    path: String,
    state: State,
    unanswered: Vec<Unanswered>,
    pause: Duration,
}

/// Since when and until when the holder of a Lease may act as such, by its [`Uptime`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) from: Duration,
    pub(super) until: Duration,
}

/// Hears how a claim goes.
pub(super) trait Report: Sync {
    /// A request failed, or again succeeded.
    fn trouble(&self, fault: Option<&Fault>);
    /// The Lease was seen so.
    fn seen(&self, holder: Option<&str>, transitions: u32);
}

// === impl Claim ===

impl Claim {
    pub(super) fn new(transport: Arc<dyn Transport>, clock: Arc<dyn Uptime>, terms: Terms) -> Self {
        let path = format!("{}/{}", terms.leases, terms.name);
        let (state, unanswered) = (State::Unknown, Vec::new());
        Self { transport, clock, terms, path, state, unanswered, pause: PAUSE }
    }

    /// Waits until the Lease is ours.
    pub(super) async fn take(
        &mut self,
        sight: &mut Receiver<Sight>,
        report: &dyn Report,
    ) -> Window {
        sight.mark_changed();
        loop {
            if let Some(window) = self.window() {
                return window;
            }
            tokio::select! {
                biased;
                sight = news(sight) => {
                    self.observe(sight);
                    self.tell(report);
                    continue;
                }
                () = time::sleep(self.wait()) => {}
            }
            let done = self.act().await;
            report.trouble(done.as_ref().err());
            self.tell(report);
            match done {
                Ok(()) => self.pause = PAUSE,
                Err(fault) => time::sleep(self.pause(&fault)).await,
            }
        }
    }

    /// Renews the Lease until it is another's, and tells each window that is won.
    pub(super) async fn keep(
        &mut self,
        sight: &mut Receiver<Sight>,
        report: &dyn Report,
        mut won: impl FnMut(Window),
    ) {
        let mut next = Instant::now() + self.terms.renewal;
        loop {
            tokio::select! {
                () = time::sleep_until(next) => {}
                () = self.doubt(sight) => {}
            }
            let (begun, before) = (Instant::now(), self.window());
            let done = self.renew().await;
            report.trouble(done.as_ref().err());
            self.tell(report);
            let Some(window) = self.window() else { return };
            won(window);
            next = if before == Some(window) {
                let asked = done.err().and_then(|fault| fault.retry_after).unwrap_or_default();
                Instant::now() + spread(RETRY, RETRY).max(asked.min(self.terms.renewal))
            } else {
                begun + self.terms.renewal
            };
        }
    }

    /// Gives the Lease back, so that the next need not wait; whoever served by it has stopped before.
    pub(super) async fn release(&mut self) -> Result<(), Fault> {
        // A second time where an earlier write, whose answer did not come, was faster.
        for _ in 0..2 {
            if !matches!(self.state, State::Held(_)) {
                if self.unanswered.is_empty() {
                    return Ok(());
                }
                self.look().await?;
            }
            let State::Held(held) = &self.state else { return Ok(()) };
            if self.clock.now() < held.from {
                // Whoever comes next must wait for the same reason as we did.
                return Ok(());
            }
            let released = Spec {
                holder_identity: Some(String::new()),
                lease_duration_seconds: Some(1),
                renew_time: Some(micro_time(self.terms.wall.now())),
                ..held.record.spec.clone()
            };
            match self.patch(&held.record, &released).await {
                Ok(record) => {
                    self.state = State::Foreign { record, at: self.clock.now() };
                    return Ok(());
                }
                Err(fault) if fault.code == Some(409) => self.look().await?,
                Err(fault) => return Err(fault),
            }
        }
        Ok(())
    }

    fn window(&self) -> Option<Window> {
        let State::Held(Held { renewed, from, .. }) = self.state else { return None };
        let until = renewed + self.terms.duration.saturating_sub(self.terms.margin);
        Some(Window { from, until })
    }

    /// How long nothing is to be done but to listen.
    fn wait(&self) -> Duration {
        match self.state {
            State::Unknown => FIRST_SIGHT,
            State::Missing { at } | State::Foreign { at, .. } => {
                at.saturating_sub(self.clock.now())
            }
            State::Held(_) => Duration::ZERO,
        }
    }

    /// Waits until a watch shows the Lease in other hands. That may be how it was before it was taken, so
    /// that it is only asked sooner.
    async fn doubt(&self, sight: &mut Receiver<Sight>) {
        loop {
            let foreign = match news(sight).await {
                Sight::Is(record) => record.spec.holder() != Some(&self.terms.identity),
                Sight::Missing => true,
                Sight::Unknown => false,
            };
            if foreign {
                return;
            }
        }
    }

    /// What a candidate does when its time has come.
    async fn act(&mut self) -> Result<(), Fault> {
        match &self.state {
            State::Unknown => self.look().await,
            State::Missing { .. } => {
                self.create().await?;
                self.put_off();
                Ok(())
            }
            State::Foreign { .. } => {
                // Where the watch was deaf, the refusal leads to a look, and the time is counted anew.
                self.seize().await?;
                self.put_off();
                Ok(())
            }
            State::Held(_) => Ok(()),
        }
    }

    /// Reads the Lease as it is now.
    async fn look(&mut self) -> Result<(), Fault> {
        match self.send(Method::GET, &self.path, Bytes::new()).await {
            Ok(record) => self.observe(Sight::Is(record)),
            Err(fault) if fault.code == Some(404) => self.observe(Sight::Missing),
            Err(fault) => return Err(fault),
        }
        Ok(())
    }

    async fn create(&mut self) -> Result<(), Fault> {
        let begun = self.clock.now();
        let from = if self.terms.probation { begun + self.terms.duration } else { begun };
        let spec = self.spec(None, 0);
        let body = spec.create(&self.terms.name);
        self.note(Unanswered { spec, begun, from });
        match self.send(Method::POST, &self.terms.leases, body).await {
            // There is no such namespace.
            Err(fault) if fault.code == Some(404) => Err(fault),
            created => self.wrote(created, begun, from).await,
        }
    }

    async fn seize(&mut self) -> Result<(), Fault> {
        let State::Foreign { record, .. } = &self.state else { return Ok(()) };
        let begun = self.clock.now();
        let transitions = record.spec.lease_transitions.unwrap_or(0).saturating_add(1);
        let spec = self.spec(None, transitions);
        self.write(spec, begun, begun).await
    }

    /// Puts off the next try, where the last one changed nothing.
    fn put_off(&mut self) {
        let now = self.clock.now();
        if let State::Missing { at } | State::Foreign { at, .. } = &mut self.state {
            *at = (*at).max(now + spread(PAUSE / 2, PAUSE / 2));
        }
    }

    async fn renew(&mut self) -> Result<(), Fault> {
        let before = self.window();
        self.renew_once().await?;
        if before.is_some() && before == self.window() {
            // It is ours still: somebody has changed something else of it.
            self.renew_once().await?;
        }
        Ok(())
    }

    async fn renew_once(&mut self) -> Result<(), Fault> {
        let State::Held(held) = &self.state else { return Ok(()) };
        let (begun, from) = (self.clock.now(), held.from);
        let of = &held.record.spec;
        let spec = self.spec(of.acquire_time.clone(), of.lease_transitions.unwrap_or(0));
        self.write(spec, begun, from).await
    }

    /// Writes the Lease over the state in which we know it.
    async fn write(&mut self, spec: Spec, begun: Duration, from: Duration) -> Result<(), Fault> {
        let (State::Held(Held { record, .. }) | State::Foreign { record, .. }) = &self.state else {
            return Ok(());
        };
        let body = record.patch(&spec);
        self.note(Unanswered { spec, begun, from });
        let path = self.path.clone();
        let written = self.send(Method::PATCH, &path, body).await;
        self.wrote(written, begun, from).await
    }

    /// What follows from a write's answer.
    async fn wrote(
        &mut self,
        written: Result<Record, Fault>,
        renewed: Duration,
        from: Duration,
    ) -> Result<(), Fault> {
        match written {
            Ok(record) => {
                // Whatever else is under way was for an older state of the Lease.
                self.unanswered.clear();
                self.state = State::Held(Held { record, renewed, from });
                Ok(())
            }
            // Somebody was faster: another, or a write of ours whose answer was lost.
            // Or it is gone.
            Err(fault) if matches!(fault.code, Some(404 | 409)) => self.look().await,
            Err(fault) => Err(fault),
        }
    }

    async fn patch(&self, record: &Record, spec: &Spec) -> Result<Record, Fault> {
        self.send(Method::PATCH, &self.path, record.patch(spec)).await
    }

    async fn send(&self, method: Method, path: &str, body: Bytes) -> Result<Record, Fault> {
        let content = if method == Method::PATCH {
            "application/merge-patch+json"
        } else {
            "application/json"
        };
        let answer = self.transport.send(method, path, content, body);
        let late = |_| Fault::new(Reason::Timeout, format!("no answer in {} s", ANSWER.as_secs()));
        Record::parse(&time::timeout(ANSWER, answer).await.map_err(late)??)
    }

    /// Takes what was seen of the Lease.
    fn observe(&mut self, sight: Sight) {
        let record = match sight {
            Sight::Unknown => return,
            Sight::Missing => {
                if !matches!(self.state, State::Missing { .. }) {
                    let at = self.clock.now() + spread(Duration::ZERO, self.terms.spread);
                    self.state = State::Missing { at };
                }
                return;
            }
            Sight::Is(record) => record,
        };
        let known = match &mut self.state {
            State::Foreign { record, .. } => Some(&*record),
            State::Held(held) if held.record.spec == record.spec => {
                // Somebody has changed something else of it.
                held.record = record;
                return;
            }
            State::Held(held) => Some(&held.record),
            State::Unknown | State::Missing { .. } => None,
        };
        if known.is_some_and(|known| known.version == record.version) {
            return;
        }
        let ours = self.unanswered.iter().find(|write| write.spec == record.spec);
        self.state = if let Some(&Unanswered { begun: renewed, from, .. }) = ours {
            State::Held(Held { record, renewed, from })
        } else {
            let free = match record.spec.holder() {
                // Its own duration where that is longer: whoever wrote it counts on it.
                Some(_) => record.spec.duration().max(self.terms.duration),
                None => Duration::ZERO,
            };
            let at = self.clock.now() + free + spread(Duration::ZERO, self.terms.spread);
            State::Foreign { record, at }
        };
        self.unanswered.clear();
    }

    fn note(&mut self, write: Unanswered) {
        if self.unanswered.len() >= MAX_UNANSWERED {
            self.unanswered.remove(0);
        }
        self.unanswered.push(write);
    }

    /// The Lease as ours, from now.
    fn spec(&self, acquired: Option<String>, transitions: u32) -> Spec {
        let now = micro_time(self.terms.wall.now());
        let seconds = u32::try_from(self.terms.duration.as_secs()).unwrap_or(u32::MAX);
        Spec {
            holder_identity: Some(self.terms.identity.clone()),
            lease_duration_seconds: Some(seconds),
            acquire_time: Some(acquired.unwrap_or_else(|| now.clone())),
            renew_time: Some(now),
            lease_transitions: Some(transitions),
        }
    }

    /// A candidate's pause after a failure.
    fn pause(&mut self, fault: &Fault) -> Duration {
        let pause = self.pause;
        self.pause = (pause * 2).min(LONGEST_PAUSE);
        let asked = fault.retry_after.unwrap_or_default().min(LONGEST_PATIENCE);
        spread(pause / 2, pause / 2).max(asked)
    }

    fn tell(&self, report: &dyn Report) {
        if let State::Foreign { record, .. } | State::Held(Held { record, .. }) = &self.state {
            report.seen(record.spec.holder(), record.spec.lease_transitions.unwrap_or(0));
        }
    }
}

/// What a watch tells next; of a watch that has ended, nothing.
async fn news(sight: &mut Receiver<Sight>) -> Sight {
    if sight.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
    sight.borrow_and_update().clone()
}

/// Between `least` and `more` beyond it.
fn spread(least: Duration, more: Duration) -> Duration {
    let draw = u16::try_from(RandomState::new().hash_one(()) >> 48).unwrap_or(0);
    least + more.mul_f64(f64::from(draw) / f64::from(u16::MAX))
}
