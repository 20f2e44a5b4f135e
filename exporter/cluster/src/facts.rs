//! What the model is told of the cluster's objects: of this node's pods, of its Node, and of Services and
//! their `EndpointSlices`.
//!
//! The model learns of a list when it is whole, so that nobody takes an object for gone which has not come
//! yet; and forgets nothing where the API server is away, as pods and Services go on then. What a watch
//! told goes with it: who does not lead any more knows no Services.

mod endpointslice;
mod node;
mod pod;
mod service;

use kubestate::Resource;
use model::{EndpointSlices, Model, OwnNode, Pods, Services};
use serde::Deserialize;
use std::{
    borrow::Cow,
    collections::BTreeSet,
    sync::{Arc, RwLockWriteGuard},
};

/// Tells the model of the objects of one watch.
pub(crate) trait Tell: Send {
    /// A list begins.
    fn list(&mut self);
    /// Takes an object's JSON.
    fn apply(&mut self, json: &[u8]) -> serde_json::Result<()>;
    /// An object is gone.
    fn delete(&mut self, uid: &str);
    /// The list is whole.
    fn listed(&mut self);
}

/// A table of the model.
trait Table: Sized {
    type Fact: Send;

    fn of(model: &Model) -> RwLockWriteGuard<'_, Self>;
    /// Reads an object: its uid, and what is known by it.
    fn read(json: &[u8]) -> serde_json::Result<(Arc<str>, Self::Fact)>;
    fn told(&self) -> bool;
    fn note(&mut self, uid: &Arc<str>, fact: Self::Fact);
    fn lose(&mut self, uid: &str);
    fn replace(&mut self, all: Vec<(Arc<str>, Self::Fact)>);
    /// Where nothing is left, nobody tells any more.
    fn end(&mut self);
}

/// The writers of a table under the names that it has for them itself.
macro_rules! forwards {
    ($fact:ty) => {
        fn told(&self) -> bool {
            self.is_told()
        }

        fn note(&mut self, uid: &Arc<str>, fact: $fact) {
            self.apply(uid, fact);
        }

        fn lose(&mut self, uid: &str) {
            self.delete(uid);
        }

        fn replace(&mut self, all: Vec<(Arc<str>, $fact)>) {
            self.reset(all);
        }

        fn end(&mut self) {
            if self.is_empty() {
                self.forget();
            }
        }
    };
}
use forwards;

struct Teller<T: Table> {
    model: Arc<Model>,
    /// What the watch has told.
    known: BTreeSet<Arc<str>>,
    /// What has come of a list that is not whole yet.
    list: Option<Vec<(Arc<str>, T::Fact)>>,
}

/// `metadata`, as far as facts have it.
#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(borrow)]
    uid: Cow<'a, str>,
    #[serde(borrow, default)]
    namespace: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
}

/// Who tells the model of a resource's objects, if anybody does. Of pods and Nodes only those of this
/// process's own `node` are facts.
pub(crate) fn of(resource: &Resource, node: bool, model: &Arc<Model>) -> Option<Box<dyn Tell>> {
    let model = Arc::clone(model);
    match resource.name {
        "pods" if node => Some(Box::new(Teller::<Pods>::new(model))),
        "nodes" if node => Some(Box::new(Teller::<OwnNode>::new(model))),
        "services" => Some(Box::new(Teller::<Services>::new(model))),
        "endpointslices" => Some(Box::new(Teller::<EndpointSlices>::new(model))),
        _ => None,
    }
}

// === impl Teller ===

impl<T: Table> Teller<T> {
    fn new(model: Arc<Model>) -> Self {
        Self { model, known: BTreeSet::new(), list: None }
    }
}

impl<T: Table> Tell for Teller<T> {
    fn list(&mut self) {
        self.list = Some(Vec::new());
    }

    fn apply(&mut self, json: &[u8]) -> serde_json::Result<()> {
        let (uid, fact) = T::read(json)?;
        if let Some(list) = &mut self.list {
            list.push((uid, fact));
        } else {
            T::of(&self.model).note(&uid, fact);
            self.known.insert(uid);
        }
        Ok(())
    }

    fn delete(&mut self, uid: &str) {
        if self.known.remove(uid) {
            T::of(&self.model).lose(uid);
        }
    }

    fn listed(&mut self) {
        let list = self.list.take().unwrap_or_default();
        let new: BTreeSet<_> = list.iter().map(|(uid, _)| Arc::clone(uid)).collect();
        let mut table = T::of(&self.model);
        if table.told() {
            // Other watches may have told of objects in other namespaces.
            self.known.difference(&new).for_each(|gone| table.lose(gone));
            for (uid, fact) in list {
                table.note(&uid, fact);
            }
        } else {
            table.replace(list);
        }
        drop(table);
        self.known = new;
    }
}

impl<T: Table> Drop for Teller<T> {
    fn drop(&mut self) {
        let mut table = T::of(&self.model);
        self.known.iter().for_each(|uid| table.lose(uid));
        table.end();
    }
}

/// A text that is kept.
fn kept(text: &str) -> Arc<str> {
    text.into()
}

/// A port, where the number is one.
fn port(number: Option<i64>) -> Option<u16> {
    u16::try_from(number?).ok().filter(|port| *port > 0)
}
