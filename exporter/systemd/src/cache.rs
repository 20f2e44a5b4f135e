//! What is known of systemd: written by the source, read by the collectors.
//!
//! Times are µs since 1970 as systemd gives them, 0 where it never happened. `None` is what has not
//! been read yet, or what systemd calls "not set" (the largest number of its type).

use crate::{
    facts::{endpoints, names},
    property::{Kind, Property},
    resolved::Resolved,
    system::Manager,
};
use collect::{Error, Result, fold::PATTERNS};
use model::Endpoint;
use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;
use zbus::Variant;

/// States of a unit; the first five are those that the peers know.
pub(crate) const STATES: [&str; 8] = [
    "active",
    "activating",
    "deactivating",
    "inactive",
    "failed",
    "reloading",
    "maintenance",
    "refreshing",
];
/// How many of [`STATES`] have a series a unit.
pub(crate) const PLAIN_STATES: usize = 5;

/// How long after systemd's last word the cache is believed without a new one.
const BELIEVED: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
pub(crate) struct Cache(Mutex<State>);

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) status: Status,
    /// Whether everything has ever been read.
    pub(crate) met: bool,
    /// When systemd last said something, by the runtime's clock.
    pub(crate) heard: Option<Instant>,
    pub(crate) manager: Manager,
    pub(crate) resolved: Resolved,
    /// Units that at least one name set serves, and those that have a role for the node.
    pub(crate) units: BTreeMap<Arc<str>, Unit>,
    /// The other loaded units, folded ones apart, with the pass that saw them last.
    pub(crate) skipped: HashMap<Arc<str>, u32>,
    pub(crate) totals: Totals,
    /// Calls that systemd answered with an error, those for units that had gone apart.
    pub(crate) call_errors: u64,
    pub(crate) connections: u64,
}

/// Counts over one `ListUnits`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Totals {
    /// All units by state, loaded or not; the last is any other state.
    pub(crate) states: [u64; STATES.len() + 1],
    /// Folded units by pattern, active and not.
    pub(crate) folded: [[u64; 2]; PATTERNS.len()],
    /// Units beyond the cap.
    pub(crate) dropped: u64,
    /// Jobs by type.
    pub(crate) jobs: BTreeMap<Box<str>, u64>,
}

/// Where the source is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Status {
    /// It has not read everything for the first time.
    #[default]
    Starting,
    /// Its cache is kept true.
    Up,
    /// There is something, and it does not answer as it should.
    Down(String),
    /// The machine has no such thing.
    Absent(String),
}

#[derive(Debug)]
pub(crate) struct Unit {
    /// Its index in [`STATES`]; beyond it for a state that nobody knows.
    pub(crate) state: usize,
    /// Whether the part `systemd` serves it.
    pub(crate) served: bool,
    /// Whether `node_exporter`'s collector serves it.
    pub(crate) served_by_node: bool,
    /// The `ListUnits` that saw it last.
    pub(crate) pass: u32,
    /// Another one whenever a number of the unit changed; no two units ever have the same.
    pub(crate) version: u64,
    pub(crate) times: Times,
    /// How its last run ended; of what is no service, only where it has failed since we look.
    pub(crate) result: Option<Arc<str>>,
    pub(crate) own: Own,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Times {
    pub(crate) active_enter: Option<u64>,
    pub(crate) active_exit: Option<u64>,
    pub(crate) inactive_enter: Option<u64>,
    pub(crate) inactive_exit: Option<u64>,
}

/// What a kind of unit has for itself.
#[derive(Debug)]
pub(crate) enum Own {
    Service(Box<Service>),
    Mount(Option<Box<str>>),
    Timer(Timer),
    Socket(Socket),
    Other,
}

#[derive(Debug, Default)]
pub(crate) struct Service {
    pub(crate) kind: Option<Box<str>>,
    pub(crate) tasks_max: Option<u64>,
    pub(crate) tasks_accounting: Option<bool>,
    pub(crate) restarts: Option<u32>,
    pub(crate) exit_code: Option<i32>,
    pub(crate) exit_status: Option<i32>,
    pub(crate) main_pid: Option<u32>,
    pub(crate) control_pid: Option<u32>,
    pub(crate) group: Option<Arc<str>>,
    /// Ingress bytes, egress bytes, ingress packets, egress packets.
    pub(crate) ip: [Option<u64>; 4],
}

#[derive(Debug, Default)]
pub(crate) struct Timer {
    pub(crate) last_trigger: Option<u64>,
    pub(crate) next_realtime: Option<u64>,
    pub(crate) next_monotonic: Option<u64>,
}

#[derive(Debug, Default)]
pub(crate) struct Socket {
    /// Whether systemd itself accepts connections; the counters of other sockets stand still.
    pub(crate) accept: Option<bool>,
    pub(crate) accepted: Option<u32>,
    pub(crate) connections: Option<u32>,
    pub(crate) refused: Option<u32>,
    pub(crate) listens: Vec<Endpoint>,
    /// The units that it starts.
    pub(crate) triggers: Vec<Arc<str>>,
}

// === impl Cache ===

impl Cache {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl State ===

impl State {
    /// Whether what is cached may be served: a unit that may be stale is absent, not frozen.
    ///
    /// `required` tells a machine that must have systemd from one that may.
    pub(crate) fn believed(&self, required: bool) -> Result<()> {
        match &self.status {
            Status::Up if self.heard.is_some_and(|heard| heard.elapsed() < BELIEVED) => Ok(()),
            Status::Up => Err(Error::Other("systemd does not answer".to_owned())),
            Status::Starting => {
                Err(Error::Other("the units have not been read for the first time".to_owned()))
            }
            Status::Absent(reason) if !required => Err(Error::no_data(reason)),
            Status::Absent(reason) | Status::Down(reason) => Err(Error::Other(reason.clone())),
        }
    }

    /// Forgets what may be another when systemd is heard of again.
    pub(crate) fn reset(&mut self, status: Status) {
        let Self { met, call_errors, connections, .. } = *self;
        *self = Self { status, met, call_errors, connections, ..Self::default() };
    }
}

/// The index of a state in [`STATES`].
pub(crate) fn state(name: &str) -> usize {
    STATES.iter().position(|known| *known == name).unwrap_or(STATES.len())
}

// === impl Unit ===

impl Unit {
    pub(crate) fn new(kind: Kind, state: usize) -> Self {
        let own = match kind {
            Kind::Service => Own::Service(Box::default()),
            Kind::Mount => Own::Mount(None),
            Kind::Timer => Own::Timer(Timer::default()),
            Kind::Socket => Own::Socket(Socket::default()),
            Kind::Other => Own::Other,
        };
        let (served, served_by_node, pass, version) = (false, false, 0, next_version());
        let (times, result) = (Times::default(), None);
        Self { state, served, served_by_node, pass, version, times, result, own }
    }

    /// Notes the unit's state.
    pub(crate) fn turn(&mut self, state: usize) {
        if put(&mut self.state, state) {
            self.version = next_version();
        }
    }

    /// Notes a property's value; `None` where it could not be read.
    pub(crate) fn set(&mut self, property: Property, value: Option<&Variant<'_>>) {
        use Property as P;
        let number = || value.and_then(as_u64);
        let when = &mut self.times;
        let changed = match (property, &mut self.own) {
            (P::ActiveEnter, _) => put(&mut when.active_enter, number()),
            (P::ActiveExit, _) => put(&mut when.active_exit, number()),
            (P::InactiveEnter, _) => put(&mut when.inactive_enter, number()),
            (P::InactiveExit, _) => put(&mut when.inactive_exit, number()),
            (P::Result | P::MountResult | P::TimerResult | P::SocketResult, _) => {
                let text = value.and_then(as_str).filter(|text| !text.is_empty());
                put(&mut self.result, text.map(Into::into))
            }
            (_, Own::Service(service)) => service.set(property, value),
            (P::MountType, Own::Mount(kind)) => put(kind, value.and_then(as_str).map(Into::into)),
            (P::LastTrigger, Own::Timer(timer)) => put(&mut timer.last_trigger, number()),
            (P::NextRealtime, Own::Timer(timer)) => put(&mut timer.next_realtime, number()),
            (P::NextMonotonic, Own::Timer(timer)) => put(&mut timer.next_monotonic, number()),
            (P::Accept, Own::Socket(socket)) => put(&mut socket.accept, value.and_then(as_bool)),
            (P::Accepted, Own::Socket(socket)) => put(&mut socket.accepted, value.and_then(as_u32)),
            (P::Connections, Own::Socket(socket)) => {
                put(&mut socket.connections, value.and_then(as_u32))
            }
            (P::Refused, Own::Socket(socket)) => put(&mut socket.refused, value.and_then(as_u32)),
            (P::Listen, Own::Socket(socket)) => {
                socket.listens = value.map(endpoints).unwrap_or_default();
                false
            }
            (P::Triggers, Own::Socket(socket)) => {
                socket.triggers = value.map(names).unwrap_or_default();
                false
            }
            _ => false,
        };
        if changed {
            self.version = next_version();
        }
    }

    pub(crate) fn service(&self) -> Option<&Service> {
        match &self.own {
            Own::Service(service) => Some(service),
            _ => None,
        }
    }

    /// When it became active, 0 where it is not active.
    pub(crate) fn start_time(&self) -> Option<u64> {
        if self.state == 0 { self.times.active_enter } else { Some(0) }
    }
}

// === impl Service ===

impl Service {
    fn set(&mut self, property: Property, value: Option<&Variant<'_>>) -> bool {
        use Property as P;
        let text = || value.and_then(as_str).filter(|text| !text.is_empty());
        let [ingress_bytes, egress_bytes, ingress_packets, egress_packets] = &mut self.ip;
        match property {
            P::ServiceType => put(&mut self.kind, text().map(Into::into)),
            P::TasksMax => put(&mut self.tasks_max, value.and_then(as_u64)),
            P::TasksAccounting => put(&mut self.tasks_accounting, value.and_then(as_bool)),
            P::Restarts => put(&mut self.restarts, value.and_then(as_u32)),
            P::ExitCode => put(&mut self.exit_code, value.and_then(as_i32)),
            P::ExitStatus => put(&mut self.exit_status, value.and_then(as_i32)),
            P::MainPid => put(&mut self.main_pid, value.and_then(as_u32)),
            P::ControlPid => put(&mut self.control_pid, value.and_then(as_u32)),
            P::ControlGroup => put(&mut self.group, text().map(Into::into)),
            P::IngressBytes => put(ingress_bytes, value.and_then(as_u64)),
            P::EgressBytes => put(egress_bytes, value.and_then(as_u64)),
            P::IngressPackets => put(ingress_packets, value.and_then(as_u64)),
            P::EgressPackets => put(egress_packets, value.and_then(as_u64)),
            _ => false,
        }
    }
}

/// Notes a value; whether it is another than the one before.
fn put<T: PartialEq>(place: &mut T, value: T) -> bool {
    let changed = *place != value;
    *place = value;
    changed
}

/// A version that no unit had.
fn next_version() -> u64 {
    static VERSIONS: AtomicU64 = AtomicU64::new(1);
    VERSIONS.fetch_add(1, Ordering::Relaxed)
}

/// A number; the largest is systemd's "not set".
pub(crate) fn as_u64(value: &Variant<'_>) -> Option<u64> {
    match value {
        Variant::U64(u64::MAX) => None,
        Variant::U64(number) => Some(*number),
        _ => None,
    }
}

fn as_u32(value: &Variant<'_>) -> Option<u32> {
    match value {
        Variant::U32(number) => Some(*number),
        _ => None,
    }
}

fn as_i32(value: &Variant<'_>) -> Option<i32> {
    match value {
        Variant::I32(number) => Some(*number),
        _ => None,
    }
}

fn as_bool(value: &Variant<'_>) -> Option<bool> {
    match value {
        Variant::Bool(is) => Some(*is),
        _ => None,
    }
}

pub(crate) fn as_str<'a>(value: &'a Variant<'_>) -> Option<&'a str> {
    match value {
        Variant::Str(text) => Some(text.as_str()),
        _ => None,
    }
}

/// µs as seconds.
#[expect(clippy::cast_precision_loss, reason = "a sample is a float, as the peers' are")]
pub(crate) fn seconds(usec: u64) -> f64 {
    usec as f64 / 1e6
}
