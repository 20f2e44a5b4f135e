//! Services: what each selects, and under which ports it is there.

use crate::index::Index;
use std::{collections::BTreeMap, sync::Arc};

/// A Service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// `ClusterIP`, `NodePort`, `LoadBalancer` or `ExternalName`.
    pub kind: Arc<str>,
    /// Labels that its pods have, sorted; none where somebody else makes its slices.
    pub selector: Vec<(Arc<str>, Arc<str>)>,
    /// Its ports.
    pub ports: Vec<ServicePort>,
    /// The name that it stands for, where its type is `ExternalName`.
    pub external_name: Option<Arc<str>>,
}

/// A port of a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServicePort {
    /// Its name; empty where it is the only one.
    pub name: Arc<str>,
    /// `TCP`, `UDP` or `SCTP`.
    pub protocol: Arc<str>,
    /// The port of the Service.
    pub port: u16,
    /// The port of its pods: a number, or the name of a container's port; empty where it is the same.
    pub target: Arc<str>,
    /// The port of every node, where it has one.
    pub node_port: Option<u16>,
}

/// Every Service that a source told of, by uid.
#[derive(Debug, Default)]
pub struct Services {
    all: BTreeMap<Arc<str>, Service>,
    names: Index<(Arc<str>, Arc<str>)>,
    told: bool,
}

// === impl Services ===

impl Services {
    /// A Service by its uid.
    pub fn get(&self, uid: &str) -> Option<&Service> {
        self.all.get(uid)
    }

    /// A Service by its namespace and name.
    pub fn named(&self, namespace: &Arc<str>, name: &Arc<str>) -> Option<&Service> {
        let key = (Arc::clone(namespace), Arc::clone(name));
        self.names.get(&key).find_map(|uid| self.all.get(uid))
    }

    /// Every Service, by uid.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Service)> {
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

    /// Notes what a Service is now.
    pub fn apply(&mut self, uid: &Arc<str>, service: Service) {
        if self.all.get(uid) == Some(&service) {
            return;
        }
        self.delete(uid);
        self.names.add(key(&service), uid);
        self.all.insert(Arc::clone(uid), service);
    }

    /// Forgets a Service that is gone.
    pub fn delete(&mut self, uid: &str) {
        if let Some(service) = self.all.remove(uid) {
            self.names.remove(&key(&service), uid);
        }
    }

    /// Puts these Services in place of all that were known.
    pub fn reset(&mut self, services: impl IntoIterator<Item = (Arc<str>, Service)>) {
        *self = Self { told: true, ..Self::default() };
        for (uid, service) in services {
            self.apply(&uid, service);
        }
    }

    /// Nobody tells of them any more.
    pub fn forget(&mut self) {
        *self = Self::default();
    }
}

fn key(service: &Service) -> (Arc<str>, Arc<str>) {
    (Arc::clone(&service.namespace), Arc::clone(&service.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_keep_step() {
        let (old, new): (Arc<str>, Arc<str>) = ("1".into(), "2".into());
        let (shop, web): (Arc<str>, Arc<str>) = ("shop".into(), "web".into());
        let service = |kind: &str| Service {
            namespace: Arc::clone(&shop),
            name: Arc::clone(&web),
            kind: kind.into(),
            ..Service::default()
        };
        let mut services = Services::default();
        services.reset([(Arc::clone(&old), service("ClusterIP"))]);
        assert!(services.is_told() && services.named(&web, &shop).is_none());
        services.delete(&old);
        services.apply(&new, service("NodePort"));
        let kind = services.named(&shop, &web).map(|service| &*service.kind);
        assert_eq!((kind, services.len()), (Some("NodePort"), 1));
        services.reset([]);
        assert!(services.is_told() && services.named(&shop, &web).is_none());
        services.forget();
        assert!(!services.is_told());
    }
}
