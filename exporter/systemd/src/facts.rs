//! What the cache knows of units as facts of the model: state, result, control group, processes, and
//! where systemd listens for whom.
//!
//! A unit is told of when nothing is left to read of it, so that no reader of the model sees one that
//! is half read; a lost connection takes all of them back.

use crate::cache::{Own, STATES, State, Unit};
use model::{ActiveState, Endpoint, Model, UnixKind};
use std::{collections::BTreeSet, net::SocketAddr, sync::Arc};
use zbus::Variant;

/// The model, and the units of which it has not been told yet.
pub(crate) struct Facts {
    model: Arc<Model>,
    changed: BTreeSet<Arc<str>>,
}

// === impl Facts ===

impl Facts {
    pub(crate) fn new(model: &Arc<Model>) -> Self {
        Self { model: Arc::clone(model), changed: BTreeSet::new() }
    }

    /// Notes a unit that has changed or gone.
    pub(crate) fn note(&mut self, name: Arc<str>) {
        self.changed.insert(name);
    }

    pub(crate) fn is_told(&self) -> bool {
        self.changed.is_empty()
    }

    /// What is to be told of the units that were noted; `None` of one that has gone.
    pub(crate) fn take(&mut self, state: &State) -> Vec<(Arc<str>, Option<model::Unit>)> {
        let changed = std::mem::take(&mut self.changed);
        let fact = |name: Arc<str>| {
            let unit = state.units.get(&name).map(of);
            (name, unit)
        };
        changed.into_iter().map(fact).collect()
    }

    pub(crate) fn tell(&self, units: Vec<(Arc<str>, Option<model::Unit>)>) {
        let mut known = self.model.units_mut();
        for (name, unit) in units {
            match unit {
                Some(unit) => known.apply(&name, unit),
                None => known.delete(&name),
            }
        }
    }
}

fn of(unit: &Unit) -> model::Unit {
    let state = ActiveState::from_name(STATES.get(unit.state).unwrap_or(&""));
    let runs = !matches!(state, ActiveState::Inactive | ActiveState::Failed);
    let result = unit.result.clone();
    let mut fact = model::Unit { state, result, ..model::Unit::default() };
    match &unit.own {
        Own::Service(service) => {
            // systemd tells what it last had; a service that does not run has neither.
            let process = |pid: Option<u32>| pid.filter(|pid| runs && *pid != 0);
            fact.group = service.group.clone().filter(|_| runs);
            fact.main_pid = process(service.main_pid);
            fact.control_pid = process(service.control_pid);
            fact.restarts = service.restarts;
        }
        Own::Socket(socket) => {
            fact.listens.clone_from(&socket.listens);
            fact.triggers.clone_from(&socket.triggers);
        }
        _ => {}
    }
    fact
}

/// What `Listen` of a socket says: pairs of a kind and an address. What is neither TCP, UDP nor a
/// unix socket (a FIFO, netlink, a message queue, vsock) is left out.
pub(crate) fn endpoints(value: &Variant<'_>) -> Vec<Endpoint> {
    let Variant::Array(rows) = value else { return Vec::new() };
    let endpoint = |row: &Variant<'_>| match row {
        Variant::Structure(row) => match row.fields() {
            [Variant::Str(kind), Variant::Str(address)] => endpoint(kind, address),
            _ => None,
        },
        _ => None,
    };
    rows.inner().iter().filter_map(endpoint).collect()
}

fn endpoint(kind: &str, address: &str) -> Option<Endpoint> {
    let unix = match kind {
        "Stream" => UnixKind::Stream,
        "Datagram" => UnixKind::Datagram,
        "SequentialPacket" => UnixKind::Seqpacket,
        _ => return None,
    };
    if address.starts_with(['/', '@']) {
        return Some(Endpoint::Unix(unix, address.into()));
    }
    // `%eth0` behind an address, and `[::]:80 %eth0` of older versions, name an interface.
    let (whole, _) = address.split_once(' ').unwrap_or((address, ""));
    let address: SocketAddr = match (whole.parse(), whole.split_once('%')) {
        (Ok(address), _) => address,
        (Err(_), Some((ip, zone))) => {
            let (_, port) = zone.rsplit_once("]:")?;
            format!("{ip}]:{port}").parse().ok()?
        }
        (Err(_), None) => return None,
    };
    match unix {
        UnixKind::Stream => Some(Endpoint::Tcp(address)),
        UnixKind::Datagram => Some(Endpoint::Udp(address)),
        UnixKind::Seqpacket => None,
    }
}

/// The names in an array of strings.
pub(crate) fn names(value: &Variant<'_>) -> Vec<Arc<str>> {
    let Variant::Array(names) = value else { return Vec::new() };
    let name = |name: &Variant<'_>| match name {
        Variant::Str(name) => Some(name.as_str().into()),
        _ => None,
    };
    names.inner().iter().filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_of_sockets() {
        for (kind, address, shown) in [
            ("Stream", "0.0.0.0:80", Some("tcp 0.0.0.0:80")),
            ("Stream", "[::]:22", Some("tcp [::]:22")),
            ("Stream", "[fe80::1%eth0]:22", Some("tcp [fe80::1]:22")),
            ("Datagram", "127.0.0.1:53", Some("udp 127.0.0.1:53")),
            ("Stream", "/run/docker.sock", Some("unix stream /run/docker.sock")),
            ("Datagram", "@abstract", Some("unix datagram @abstract")),
            ("SequentialPacket", "/run/udev/control", Some("unix seqpacket /run/udev/control")),
            ("SequentialPacket", "[::]:80", None),
            ("FIFO", "/run/initctl", None),
            ("Netlink", "audit 1", None),
            ("Stream", "vsock:2:1", None),
            ("Stream", "[::]:99999", None),
            ("Stream", "%", None),
            ("Stream", "", None),
        ] {
            let endpoint = endpoint(kind, address);
            let text = endpoint.map(|e| format!("{} {e}", e.protocol()));
            assert_eq!(text.as_deref(), shown, "{kind} {address}");
        }
    }

    #[test]
    fn values_of_other_types_are_nothing() {
        let number = Variant::from(1u32);
        assert!(endpoints(&number).is_empty() && names(&number).is_empty());
        let rows = Variant::from(vec![("Stream", "/a"), ("FIFO", "/b")]);
        assert_eq!(endpoints(&rows).len(), 1);
        assert!(names(&rows).is_empty());
        assert_eq!(names(&Variant::from(vec!["a.service"])), [Arc::from("a.service")]);
    }
}
