//! `EndpointSlices`: where the requests to a Service go.
//!
//! A Service has one or more of them, of one address family each. Those of Services without a selector are
//! made by people, and lead to machines outside of the cluster.

use crate::index::Index;
use std::{collections::BTreeMap, sync::Arc};

/// An `EndpointSlice`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointSlice {
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// The Service that it is of (`kubernetes.io/service-name`); empty where it is of none.
    pub service: Arc<str>,
    /// The ports of every endpoint.
    pub ports: Vec<SlicePort>,
    /// Its endpoints.
    pub endpoints: Vec<SliceEndpoint>,
}

/// A port of all endpoints of a slice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SlicePort {
    /// The name of the Service's port.
    pub name: Arc<str>,
    /// `TCP`, `UDP` or `SCTP`.
    pub protocol: Arc<str>,
    /// Its number; none where every port is meant.
    pub port: Option<u16>,
}

/// Where requests may go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SliceEndpoint {
    /// Addresses, or names where the slice is of type FQDN; all of them are the same endpoint.
    pub addresses: Vec<Arc<str>>,
    /// Whether it takes new requests; where nothing is said it does.
    pub ready: bool,
    /// Whether it answers, also while it is ending; where nothing is said it does as it is ready.
    pub serving: bool,
    /// Whether it is ending.
    pub terminating: bool,
    /// What it is: kind, namespace and name; of most a Pod.
    pub target: Option<[Arc<str>; 3]>,
    /// The node that it is on.
    pub node: Option<Arc<str>>,
}

/// Every `EndpointSlice` that a source told of, by uid.
#[derive(Debug, Default)]
pub struct EndpointSlices {
    all: BTreeMap<Arc<str>, EndpointSlice>,
    services: Index<(Arc<str>, Arc<str>)>,
    addresses: Index<Arc<str>>,
    told: bool,
}

// === impl EndpointSlices ===

impl EndpointSlices {
    /// A slice by its uid.
    pub fn get(&self, uid: &str) -> Option<&EndpointSlice> {
        self.all.get(uid)
    }

    /// Every slice, by uid.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &EndpointSlice)> {
        self.all.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Whether a source tells which there are, were it none.
    pub fn is_told(&self) -> bool {
        self.told
    }

    /// The slices of a Service.
    pub fn of_service(
        &self,
        namespace: &Arc<str>,
        name: &Arc<str>,
    ) -> impl Iterator<Item = &EndpointSlice> {
        let key = (Arc::clone(namespace), Arc::clone(name));
        self.services.get(&key).filter_map(|uid| self.all.get(uid))
    }

    /// The slices with an endpoint at an address, written as the API writes it.
    pub fn at(&self, address: &str) -> impl Iterator<Item = &EndpointSlice> {
        self.addresses.get(address).filter_map(|uid| self.all.get(uid))
    }

    /// Notes what a slice is now.
    pub fn apply(&mut self, uid: &Arc<str>, slice: EndpointSlice) {
        if self.all.get(uid) == Some(&slice) {
            return;
        }
        self.delete(uid);
        self.services.add(slice.of(), uid);
        for address in slice.addresses() {
            self.addresses.add(Arc::clone(address), uid);
        }
        self.all.insert(Arc::clone(uid), slice);
    }

    /// Forgets a slice that is gone.
    pub fn delete(&mut self, uid: &str) {
        let Some(slice) = self.all.remove(uid) else { return };
        self.services.remove(&slice.of(), uid);
        for address in slice.addresses() {
            self.addresses.remove(&**address, uid);
        }
    }

    /// Puts these slices in place of all that were known.
    pub fn reset(&mut self, slices: impl IntoIterator<Item = (Arc<str>, EndpointSlice)>) {
        *self = Self { told: true, ..Self::default() };
        for (uid, slice) in slices {
            self.apply(&uid, slice);
        }
    }

    /// Nobody tells of them any more.
    pub fn forget(&mut self) {
        *self = Self::default();
    }
}

// === impl EndpointSlice ===

impl EndpointSlice {
    fn of(&self) -> (Arc<str>, Arc<str>) {
        (Arc::clone(&self.namespace), Arc::clone(&self.service))
    }

    fn addresses(&self) -> impl Iterator<Item = &Arc<str>> {
        self.endpoints.iter().flat_map(|endpoint| &endpoint.addresses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(name: &str, service: &str, addresses: &[&str]) -> EndpointSlice {
        let endpoint = |address: &&str| SliceEndpoint {
            addresses: vec![(*address).into()],
            ready: true,
            ..SliceEndpoint::default()
        };
        EndpointSlice {
            namespace: "shop".into(),
            name: name.into(),
            service: service.into(),
            endpoints: addresses.iter().map(endpoint).collect(),
            ..EndpointSlice::default()
        }
    }

    #[test]
    fn indexes_keep_step() {
        let (a, b): (Arc<str>, Arc<str>) = ("1".into(), "2".into());
        let (shop, web): (Arc<str>, Arc<str>) = ("shop".into(), "web".into());
        let mut slices = EndpointSlices::default();
        slices.reset([(Arc::clone(&a), slice("a", "web", &["10.0.0.1", "10.0.0.2"]))]);
        slices.apply(&b, slice("b", "web", &["fd00::1", "10.0.0.1"]));
        let names = |found: Vec<&EndpointSlice>| {
            found.into_iter().map(|slice| slice.name.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(names(slices.of_service(&shop, &web).collect()), ["a", "b"]);
        assert_eq!(names(slices.at("10.0.0.1").collect()), ["a", "b"]);
        slices.apply(&a, slice("a", "", &["10.0.0.3"]));
        assert_eq!(names(slices.at("10.0.0.1").collect()), ["b"]);
        assert_eq!(names(slices.of_service(&shop, &web).collect()), ["b"]);
        assert_eq!(slices.at("10.0.0.2").count(), 0);
        slices.delete("2");
        assert_eq!((slices.at("fd00::1").count(), slices.len()), (0, 1));
        slices.forget();
        assert!(!slices.is_told() && slices.at("10.0.0.3").next().is_none());
    }
}
