//! Who leads: the cluster part is served by one process, chosen by a Lease.
//!
//! There are two Leases. The **stand-by**'s holder lists and watches the cluster part without serving it,
//! and alone contends for the lead; all other candidates watch nothing but the stand-by's Lease. The
//! **lead**'s holder serves. So a lead that falls free is taken at once, by one who has everything
//! ready; and however many candidates there are, two of them write.
//!
//! | state | what it does | API server: requests | events it is sent |
//! |---|---|---|---|
//! | [`Aside`](Standing::Aside) | waits for the stand-by to fall free | a watch in 290 s | 1 in 10 s |
//! | [`StandBy`](Standing::StandBy) | holds the cluster part, waits for the lead | 1 in 10 s | 1 in 3 s, 1 in 10 s |
//! | [`Leader`](Standing::Leader) | holds the cluster part and serves it | 1 in 3 s | 1 in 3 s |
//!
//! With 1,000 candidates: 0.43 writes, 3.4 watch requests and 100 small events a second in all. A stand-by that
//! falls free is taken by the fastest of those who drew the shortest wait; a candidate that may not
//! watch the Lease tries to take it once in its duration, and learns from the refusal.
//!
//! [`Lead::serves`] is asked at scrape: a process that was stopped, or cut off, or asleep with its
//! machine, ends serving by itself, before anybody else can begin (`claim.rs` tells why). A virtual machine
//! that is halted together with its clocks cannot know; it ends with its next renewal, 3 s after it
//! runs again at the latest.

mod claim;
mod record;
#[cfg(test)]
pub(crate) mod tests;

use crate::{
    fault::{Fault, Reason},
    transport::Transport,
    uptime::{Machine, Uptime},
    watch::{self, Extent, Request, Sink, Target},
};
use claim::{Claim, Report, Sight, Terms, Window};
use collect::{Clock, lock};
use futures_util::future::BoxFuture;
use record::Record;
use std::{
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, MutexGuard, OnceLock},
    time::Duration,
};
use tokio::{sync, time};

/// How long the lead lasts without a renewal.
const LEAD: Duration = Duration::from_secs(12);
const LEAD_RENEWAL: Duration = Duration::from_secs(3);
/// How much sooner its holder ends by itself: a sixth, by which no two clocks differ.
const LEAD_MARGIN: Duration = Duration::from_secs(2);
/// The same of the stand-by, which all candidates watch.
const STAND_BY: Duration = Duration::from_secs(30);
const STAND_BY_RENEWAL: Duration = Duration::from_secs(10);
/// Over what time candidates spread who see the stand-by fall free in the same moment.
const SPREAD: Duration = Duration::from_secs(2);
/// How long giving back may take when the process ends.
const FAREWELL: Duration = Duration::from_secs(1);

/// The Leases that are contended for, and by whom.
#[derive(Clone, Debug)]
pub struct Contest {
    /// The namespace of both Leases.
    pub namespace: String,
    /// The name of the lead's; the stand-by's ends in `-standby`.
    pub name: String,
    /// Who we are: see [`identity`].
    pub identity: String,
    /// What the times in the Leases are by. Nothing is decided by them.
    pub wall: Clock,
}

/// How near to the lead this process is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// It has nothing of the cluster part.
    #[default]
    Aside,
    /// It lists and watches the cluster part, and takes the lead when that falls free.
    StandBy,
    /// The lead is its own; it serves while [`Lead::serves`].
    Leader,
}

/// Whether this process leads: written by [`run`], read by who watches and who serves.
#[derive(Clone, Default)]
pub struct Lead(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// The machine's, unless another was given before it was first read.
    clock: OnceLock<Arc<dyn Uptime>>,
    state: Mutex<State>,
    standing: sync::watch::Sender<Standing>,
}

#[derive(Default)]
struct State {
    contends: bool,
    window: Option<Window>,
    holder: Option<String>,
    transitions: Option<u32>,
    /// That with the lead's Lease, and that with the stand-by's.
    trouble: [String; 2],
}

/// Tells a [`Lead`] how the claim on a Lease goes.
struct Teller<'a> {
    lead: &'a Lead,
    contest: &'a Contest,
    /// Whether it is the lead's Lease, which is told of.
    office: bool,
}

/// Takes what a watch of one Lease gives.
struct Follower {
    tell: sync::watch::Sender<Sight>,
    found: bool,
}

/// Contends for the lead until `stop`; then gives back what it holds, in a second at most.
pub async fn run(
    transport: Arc<dyn Transport>,
    contest: Contest,
    lead: Lead,
    stop: impl Future<Output = ()>,
) {
    lead.state().contends = true;
    let claim = |terms| Claim::new(Arc::clone(&transport), Arc::clone(lead.clock()), terms);
    let (mut office, mut heir) = (claim(contest.lead()), claim(contest.stand_by()));
    tokio::select! {
        () = contend(&transport, &contest, &lead, &mut office, &mut heir) => {}
        () = stop => {}
    }
    lead.step(Standing::Aside, None);
    let farewell = async { tokio::join!(office.release(), heir.release()) };
    let Ok((office, heir)) = time::timeout(FAREWELL, farewell).await else {
        tracing::warn!(lease = contest.name, "lease not given back in time");
        return;
    };
    for fault in [office, heir].into_iter().filter_map(Result::err) {
        tracing::warn!(lease = contest.name, %fault, "lease not given back");
    }
}

async fn contend(
    transport: &Arc<dyn Transport>,
    contest: &Contest,
    lead: &Lead,
    office: &mut Claim,
    heir: &mut Claim,
) {
    let teller = |office| Teller { lead, contest, office };
    let (of_office, of_heir) = (teller(true), teller(false));
    loop {
        lead.step(Standing::Aside, None);
        let (mut heir_watch, mut heir_sight) = follow(transport, contest.stand_by());
        tokio::select! {
            () = &mut heir_watch => {}
            _window = heir.take(&mut heir_sight, &of_heir) => {}
        }
        lead.step(Standing::StandBy, None);
        let (mut office_watch, mut office_sight) = follow(transport, contest.lead());
        let won = tokio::select! {
            () = &mut heir_watch => None,
            () = &mut office_watch => None,
            () = heir.keep(&mut heir_sight, &of_heir, |_| {}) => None,
            window = office.take(&mut office_sight, &of_office) => Some(window),
        };
        let Some(window) = won else { continue };
        drop(heir_watch);
        lead.step(Standing::Leader, Some(window));
        // Renewed while the stand-by is given to the next.
        let given = async {
            if let Err(fault) = heir.release().await {
                tracing::debug!(lease = contest.name, %fault, "stand-by not given back");
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = &mut office_watch => {}
            () = given => {}
            () = office.keep(&mut office_sight, &of_office, |window| lead.renew(window)) => {}
        }
    }
}

/// A watch of a Lease, and what it tells.
fn follow(
    transport: &Arc<dyn Transport>,
    terms: Terms,
) -> (BoxFuture<'static, ()>, sync::watch::Receiver<Sight>) {
    let (tell, sight) = sync::watch::channel(Sight::Unknown);
    let transport = Arc::clone(transport);
    let fields = format!("metadata.name={}", terms.name);
    let target = Target { path: terms.leases, fields, extent: Extent::Whole };
    let watch = Box::pin(async move {
        let mut follower = Follower { tell, found: false };
        watch::run(transport, target, &mut follower).await;
    });
    (watch, sight)
}

/// An identity that no other process has, nor the same one after it was started again.
pub fn identity(host: &str) -> String {
    format!("{host}_{:016x}", RandomState::new().hash_one(()))
}

// === impl Contest ===

impl Contest {
    fn lead(&self) -> Terms {
        Terms {
            leases: format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases", self.namespace),
            name: self.name.clone(),
            identity: self.identity.clone(),
            duration: LEAD,
            renewal: LEAD_RENEWAL,
            margin: LEAD_MARGIN,
            // The stand-by is alone.
            spread: Duration::ZERO,
            probation: true,
            wall: self.wall,
        }
    }

    fn stand_by(&self) -> Terms {
        Terms {
            name: format!("{}-standby", self.name),
            duration: STAND_BY,
            renewal: STAND_BY_RENEWAL,
            spread: SPREAD,
            // Two of them serve no more than one does.
            probation: false,
            ..self.lead()
        }
    }
}

// === impl Lead ===

impl Lead {
    fn clock(&self) -> &Arc<dyn Uptime> {
        self.0.clock.get_or_init(|| Arc::new(Machine))
    }

    /// Whether this process serves the cluster part at this moment.
    pub fn serves(&self) -> bool {
        let window = self.state().window;
        let now = self.clock().now();
        window.is_some_and(|window| window.from <= now && now < window.until)
    }

    /// Whether this process contends for it.
    pub fn contends(&self) -> bool {
        self.state().contends
    }

    /// How near to the lead it is.
    pub fn standing(&self) -> Standing {
        *self.0.standing.borrow()
    }

    /// Tells when that changes.
    pub fn standings(&self) -> sync::watch::Receiver<Standing> {
        self.0.standing.subscribe()
    }

    /// Who was seen to lead last.
    pub fn holder(&self) -> Option<String> {
        self.state().holder.clone()
    }

    /// How often the lead went from one to another, as its Lease counts it.
    pub fn transitions(&self) -> Option<u32> {
        self.state().transitions
    }

    /// Why this process cannot contend; empty where it can.
    pub fn trouble(&self) -> String {
        let state = self.state();
        let [office, heir] = &state.trouble;
        if office.is_empty() { heir.clone() } else { office.clone() }
    }

    fn step(&self, standing: Standing, window: Option<Window>) {
        self.state().window = window;
        let before = self.0.standing.send_replace(standing);
        if before != standing {
            tracing::info!(?standing, ?before, "standing in the cluster");
        }
    }

    fn renew(&self, window: Window) {
        self.state().window = Some(window);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0.state)
    }
}

impl std::fmt::Debug for Lead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Lead").field(&self.standing()).finish()
    }
}

// === impl Teller ===

impl Report for Teller<'_> {
    fn trouble(&self, fault: Option<&Fault>) {
        let Contest { namespace, .. } = self.contest;
        let terms = if self.office { self.contest.lead() } else { self.contest.stand_by() };
        let name = terms.name;
        let trouble = match fault {
            None => String::new(),
            Some(fault) if fault.reason == Reason::Forbidden => format!(
                "{fault}; who contends for the cluster part needs get, list, watch, create and patch of \
                 leases in the namespace {namespace}; --cluster=never contends for nothing"
            ),
            Some(fault) => format!("the lease {namespace}/{name}: {fault}"),
        };
        let mut state = self.lead.state();
        let [office, heir] = &mut state.trouble;
        let place = if self.office { office } else { heir };
        let before = std::mem::replace(place, trouble.clone());
        drop(state);
        if before == trouble {
            return;
        }
        if trouble.is_empty() {
            tracing::info!(lease = name, "lease reached again");
        } else {
            tracing::warn!(lease = name, reason = trouble, "lease out of reach");
        }
    }

    fn seen(&self, holder: Option<&str>, transitions: u32) {
        if self.office {
            let mut state = self.lead.state();
            state.holder = holder.map(str::to_owned);
            state.transitions = Some(transitions);
        }
    }
}

// === impl Follower ===

impl Follower {
    fn tell(&self, sight: Sight) {
        self.tell.send_if_modified(|known| {
            let changed = *known != sight;
            *known = sight;
            changed
        });
    }
}

impl Sink for Follower {
    fn list(&mut self) {
        self.found = false;
    }

    fn apply(&mut self, object: &[u8]) -> Option<String> {
        let record = Record::parse(object).ok()?;
        self.found = true;
        let version = record.version.clone();
        self.tell(Sight::Is(record));
        Some(version)
    }

    fn delete(&mut self, _: &[u8]) -> Option<String> {
        self.tell(Sight::Missing);
        None
    }

    fn listed(&mut self) {
        if !self.found {
            self.tell(Sight::Missing);
        }
    }

    fn heard(&mut self, _: time::Instant) {}

    fn asked(&mut self, _: Request) {}

    fn failed(&mut self, what: Request, fault: &Fault) {
        tracing::debug!(?what, %fault, "a lease is not watched");
    }
}
