//! Facts to join on: what sources know about the machine, in the field's own terms, without the wire
//! types that it came in and without the families that it leaves in.
//!
//! One file a kind of fact. A kind is a table: a primary map, and indexes that its writers keep in
//! step with it. Writers are `apply`, `delete` and `reset`, nothing else; a reader that holds a
//! table's guard sees it before such a step or after it. A table holds what exists now, never what
//! has passed, so that it is bounded by what the machine has.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod claims;
mod endpoint;
mod endpointslice;
mod index;
mod kill;
mod listeners;
mod node;
mod pod;
mod role;
mod service;
mod unit;

pub use claims::{Claim, ClaimMount, Claims};
pub use endpoint::{Endpoint, UnixKind};
pub use endpointslice::{EndpointSlice, EndpointSlices, SliceEndpoint, SlicePort};
pub use kill::{Kills, Victim};
pub use listeners::{Listener, Listeners};
pub use node::{Condition, Node, OwnNode, Taint};
pub use pod::{Container, ContainerKind, Pod, Pods};
pub use role::Role;
pub use service::{Service, ServicePort, Services};
pub use unit::{ActiveState, Unit, Units};

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The process's one model: a table a kind of fact, each behind a lock of its own.
///
/// A writer must not hold a guard while it waits for anything else.
#[derive(Debug, Default)]
pub struct Model {
    units: RwLock<Units>,
    listeners: RwLock<Listeners>,
    pods: RwLock<Pods>,
    kills: RwLock<Kills>,
    node: RwLock<OwnNode>,
    services: RwLock<Services>,
    endpoint_slices: RwLock<EndpointSlices>,
}

// === impl Model ===

impl Model {
    /// systemd's units, to read.
    pub fn units(&self) -> RwLockReadGuard<'_, Units> {
        self.units.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// systemd's units, for the source that writes them.
    pub fn units_mut(&self) -> RwLockWriteGuard<'_, Units> {
        self.units.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who listens, to read.
    pub fn listeners(&self) -> RwLockReadGuard<'_, Listeners> {
        self.listeners.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who listens, for the source that writes it.
    pub fn listeners_mut(&self) -> RwLockWriteGuard<'_, Listeners> {
        self.listeners.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// OOM kills, to read.
    pub fn kills(&self) -> RwLockReadGuard<'_, Kills> {
        self.kills.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// OOM kills, for the source that writes them.
    pub fn kills_mut(&self) -> RwLockWriteGuard<'_, Kills> {
        self.kills.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The node's pods, to read.
    pub fn pods(&self) -> RwLockReadGuard<'_, Pods> {
        self.pods.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The node's pods, for the source that writes them.
    pub fn pods_mut(&self) -> RwLockWriteGuard<'_, Pods> {
        self.pods.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The Node of this process, to read.
    pub fn node(&self) -> RwLockReadGuard<'_, OwnNode> {
        self.node.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The Node of this process, for the source that writes it.
    pub fn node_mut(&self) -> RwLockWriteGuard<'_, OwnNode> {
        self.node.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Services, to read.
    pub fn services(&self) -> RwLockReadGuard<'_, Services> {
        self.services.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Services, for the source that writes them.
    pub fn services_mut(&self) -> RwLockWriteGuard<'_, Services> {
        self.services.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// `EndpointSlices`, to read.
    pub fn endpoint_slices(&self) -> RwLockReadGuard<'_, EndpointSlices> {
        self.endpoint_slices.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// `EndpointSlices`, for the source that writes them.
    pub fn endpoint_slices_mut(&self) -> RwLockWriteGuard<'_, EndpointSlices> {
        self.endpoint_slices.write().unwrap_or_else(PoisonError::into_inner)
    }
}
