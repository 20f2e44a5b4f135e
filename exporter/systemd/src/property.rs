//! The properties of units that are read, and which of them a kind of unit has.

use Property as P;

const UNIT: &str = "org.freedesktop.systemd1.Unit";
const SERVICE: &str = "org.freedesktop.systemd1.Service";
const MOUNT: &str = "org.freedesktop.systemd1.Mount";
const TIMER: &str = "org.freedesktop.systemd1.Timer";
const SOCKET: &str = "org.freedesktop.systemd1.Socket";

/// A property that is read by name; never all of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Property {
    ActiveEnter,
    ActiveExit,
    InactiveEnter,
    InactiveExit,
    ServiceType,
    TasksMax,
    TasksAccounting,
    Restarts,
    Result,
    ExitCode,
    ExitStatus,
    MainPid,
    ControlPid,
    ControlGroup,
    MountType,
    LastTrigger,
    NextRealtime,
    NextMonotonic,
    Accept,
    Accepted,
    Connections,
    Refused,
    Listen,
    Triggers,
    MountResult,
    TimerResult,
    SocketResult,
    IngressBytes,
    EgressBytes,
    IngressPackets,
    EgressPackets,
}

/// Every property with its interface and name, in the order of [`Property`].
const TABLE: [(Property, &str, &str); 31] = [
    (P::ActiveEnter, UNIT, "ActiveEnterTimestamp"),
    (P::ActiveExit, UNIT, "ActiveExitTimestamp"),
    (P::InactiveEnter, UNIT, "InactiveEnterTimestamp"),
    (P::InactiveExit, UNIT, "InactiveExitTimestamp"),
    (P::ServiceType, SERVICE, "Type"),
    (P::TasksMax, SERVICE, "TasksMax"),
    (P::TasksAccounting, SERVICE, "TasksAccounting"),
    (P::Restarts, SERVICE, "NRestarts"),
    (P::Result, SERVICE, "Result"),
    (P::ExitCode, SERVICE, "ExecMainCode"),
    (P::ExitStatus, SERVICE, "ExecMainStatus"),
    (P::MainPid, SERVICE, "MainPID"),
    (P::ControlPid, SERVICE, "ControlPID"),
    (P::ControlGroup, SERVICE, "ControlGroup"),
    (P::MountType, MOUNT, "Type"),
    (P::LastTrigger, TIMER, "LastTriggerUSec"),
    (P::NextRealtime, TIMER, "NextElapseUSecRealtime"),
    (P::NextMonotonic, TIMER, "NextElapseUSecMonotonic"),
    (P::Accept, SOCKET, "Accept"),
    (P::Accepted, SOCKET, "NAccepted"),
    (P::Connections, SOCKET, "NConnections"),
    (P::Refused, SOCKET, "NRefused"),
    (P::Listen, SOCKET, "Listen"),
    (P::Triggers, UNIT, "Triggers"),
    (P::MountResult, MOUNT, "Result"),
    (P::TimerResult, TIMER, "Result"),
    (P::SocketResult, SOCKET, "Result"),
    (P::IngressBytes, SERVICE, "IPIngressBytes"),
    (P::EgressBytes, SERVICE, "IPEgressBytes"),
    (P::IngressPackets, SERVICE, "IPIngressPackets"),
    (P::EgressPackets, SERVICE, "IPEgressPackets"),
];

/// A set of properties.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Set(u32);

// === impl Property ===

impl Property {
    /// The interface and the name.
    pub(crate) fn names(self) -> (&'static str, &'static str) {
        TABLE.get(self as usize).map_or(("", ""), |(_, interface, name)| (interface, name))
    }

    /// The property of an interface by its name, where it is one of those that are read.
    pub(crate) fn find(interface: &str, name: &str) -> Option<Self> {
        let row = TABLE.iter().find(|(_, i, n)| *n == name && *i == interface);
        row.map(|(property, _, _)| *property)
    }
}

// === impl Set ===

impl Set {
    /// When the unit changed its state.
    pub(crate) const TIMES: Self =
        Self::of(&[P::ActiveEnter, P::ActiveExit, P::InactiveEnter, P::InactiveExit]);
    /// What a scrape reads of a socket that accepts connections itself.
    pub(crate) const SOCKET_COUNTERS: Self = Self::of(&[P::Accepted, P::Connections, P::Refused]);
    /// What a scrape reads of a service where IP accounting is served.
    pub(crate) const IP: Self =
        Self::of(&[P::IngressBytes, P::EgressBytes, P::IngressPackets, P::EgressPackets]);
    /// What a service has while it starts, reloads or stops.
    pub(crate) const CONTROL: Self = Self::of(&[P::ControlPid]);
    const SOCKET: Self = Self::of(&[P::Accept, P::Listen, P::Triggers]);
    const SERVICE: Self = Self::of(&[
        P::ServiceType,
        P::TasksMax,
        P::Restarts,
        P::Result,
        P::ExitCode,
        P::ExitStatus,
    ]);
    const SERVICE_ACTIVE: Self = Self::of(&[P::MainPid, P::ControlGroup, P::TasksAccounting]);
    const SERVICE_CHANGED: Self =
        Self::of(&[P::Restarts, P::Result, P::ExitCode, P::ExitStatus]).with(Self::SERVICE_ACTIVE);
    const TIMER: Self = Self::of(&[P::LastTrigger, P::NextRealtime, P::NextMonotonic]);

    const fn of(list: &[Property]) -> Self {
        let mut bits = 0;
        let mut rest = list;
        while let [first, others @ ..] = rest {
            bits |= 1 << *first as u32;
            rest = others;
        }
        Self(bits)
    }

    /// Everything that a unit with this suffix has.
    pub(crate) const fn whole(kind: Kind, active: bool) -> Self {
        let own = match (kind, active) {
            (Kind::Service, true) => Self::SERVICE.with(Self::SERVICE_ACTIVE),
            (Kind::Service, false) => Self::SERVICE,
            (Kind::Mount, _) => Self::of(&[P::MountType]),
            (Kind::Timer, _) => Self::TIMER,
            (Kind::Socket, _) => Self::SOCKET_COUNTERS.with(Self::SOCKET),
            (Kind::Other, _) => Self(0),
        };
        own.with(Self::TIMES)
    }

    /// What may be another value after a change of state.
    pub(crate) const fn changed(kind: Kind) -> Self {
        match kind {
            Kind::Service => Self::SERVICE_CHANGED.with(Self::TIMES).with(Self::CONTROL),
            Kind::Timer => Self::TIMER.with(Self::TIMES),
            Kind::Socket => Self::SOCKET_COUNTERS.with(Self::TIMES),
            Kind::Mount | Kind::Other => Self::TIMES,
        }
    }

    /// Why a unit that is no service has failed; of a service it is always read.
    pub(crate) const fn failed(kind: Kind) -> Self {
        match kind {
            Kind::Mount => Self::of(&[P::MountResult]),
            Kind::Timer => Self::of(&[P::TimerResult]),
            Kind::Socket => Self::of(&[P::SocketResult]),
            Kind::Service | Kind::Other => Self(0),
        }
    }

    /// A timer's own numbers.
    pub(crate) const fn timer() -> Self {
        Self::TIMER
    }

    /// Where a service runs.
    pub(crate) const fn place() -> Self {
        Self::SERVICE_ACTIVE
    }

    pub(crate) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Takes one property out.
    pub(crate) fn take(&mut self) -> Option<Property> {
        let (property, _, _) = TABLE.get(self.0.trailing_zeros() as usize)?;
        self.0 &= self.0 - 1;
        Some(*property)
    }
}

/// A unit's kind, as far as its kind has numbers of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Service,
    Mount,
    Timer,
    Socket,
    Other,
}

// === impl Kind ===

impl Kind {
    pub(crate) fn of(name: &str) -> Self {
        match suffix(name) {
            "service" => Self::Service,
            "mount" => Self::Mount,
            "timer" => Self::Timer,
            "socket" => Self::Socket,
            _ => Self::Other,
        }
    }
}

/// A unit's type: what stands behind the last dot.
pub(crate) fn suffix(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(_, suffix)| suffix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_sets_are_taken_whole() {
        for (index, (property, _, _)) in TABLE.iter().enumerate() {
            assert_eq!(*property as usize, index);
        }
        let mut set = Set::whole(Kind::Timer, true);
        let mut taken = Vec::new();
        while let Some(property) = set.take() {
            taken.push(property.names().1);
        }
        assert_eq!(
            taken,
            [
                "ActiveEnterTimestamp",
                "ActiveExitTimestamp",
                "InactiveEnterTimestamp",
                "InactiveExitTimestamp",
                "LastTriggerUSec",
                "NextElapseUSecRealtime",
                "NextElapseUSecMonotonic"
            ]
        );
        assert_eq!(Property::find(SERVICE, "Type"), Some(P::ServiceType));
        assert_eq!(Property::find(MOUNT, "Result"), Some(P::MountResult));
        assert_eq!(Property::find(MOUNT, "Type"), Some(P::MountType));
    }
}
