//! kube-state-metrics' families, from the states: pages of compressed lines, handed on as they are.

use crate::{
    access,
    lease::Lead,
    options,
    states::{Served, States, Status},
};
use collect::{Collector, Context, Error, Result, Spec};
use exposition::{Family, Writer};
use kubestate::{RESOURCES, custom};
use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

/// Made at start-up, as the tables' families are.
pub(crate) static SPEC: LazyLock<Spec> = LazyLock::new(|| Spec {
    name: "kube_state",
    doc: "The cluster's objects under kube-state-metrics' names.",
    default: true,
    families: families(),
    opts: &[
        access::KUBECONFIG,
        access::SERVICE_HOST,
        access::SERVICE_PORT,
        options::NODE_NAME,
        options::RESOURCES,
        options::NAMESPACES,
        options::NAMESPACES_DENYLIST,
        options::METRIC_ALLOWLIST,
        options::METRIC_DENYLIST,
        options::METRIC_OPT_IN_LIST,
        options::METRIC_LABELS_ALLOWLIST,
        options::METRIC_ANNOTATIONS_ALLOWLIST,
        options::SHARD,
        options::TOTAL_SHARDS,
        options::PEER_SCHEDULES,
        options::CUSTOM_CONFIG_FILE,
        options::CUSTOM_CONFIG,
        options::CUSTOM_ONLY,
        options::CONDITIONS,
        options::CONDITIONS_MAX,
        options::STALE,
        options::LEASE_NAMESPACE,
        options::LEASE_NAME,
    ],
    build: |cx| Ok(Box::new(KubeState::new(cx)?)),
});

struct KubeState {
    states: Arc<States>,
    lead: Arc<Lead>,
    stale: Duration,
}

fn families() -> &'static [&'static [Family]] {
    let tables = RESOURCES.iter().map(|resource| resource.families());
    tables.chain([&custom::FAMILIES[..]]).collect::<Vec<_>>().leak()
}

// === impl KubeState ===

impl KubeState {
    fn new(cx: &Context) -> Result<Self> {
        let stale = cx.options.positive_duration(&options::STALE)?;
        Ok(Self { states: cx.shared.get(), lead: cx.shared.get(), stale })
    }
}

impl Collector for KubeState {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        self.states.answers()?;
        let mut missing = Vec::new();
        for (state, served) in self.states.served(self.stale, self.lead.serves()) {
            match served {
                Served::Yes(snapshots) => {
                    for snapshot in snapshots {
                        for (at, family) in state.of.families().iter().enumerate() {
                            if let Some(pages) = snapshot.family(at) {
                                out.pages(family, Arc::clone(pages));
                            }
                        }
                    }
                }
                Served::No(Some(reason)) if state.of.is_asked_for() => {
                    missing.push((Arc::clone(&state.name), reason));
                }
                // It is on its way, or nobody asked for it.
                Served::No(_) => {}
            }
        }
        let more = missing.len().saturating_sub(1);
        let same = missing.windows(2).all(|two| matches!(two, [(_, a), (_, b)] if a == b));
        match missing.into_iter().next() {
            None => Ok(()),
            Some((_, reason)) if same && more > 0 => {
                Err(Error::Other(format!("{} resources are not served: {reason}", more + 1)))
            }
            Some((resource, reason)) => {
                let first = Box::new(Error::Other(format!("{resource} are not served: {reason}")));
                Err(if more == 0 { *first } else { Error::Several { first, more } })
            }
        }
    }
}

// === impl States ===

impl States {
    /// Fails where there is no server to ask.
    pub(crate) fn answers(&self) -> Result<()> {
        match self.status() {
            Status::Starting | Status::Connected => Ok(()),
            Status::Down(reason) => Err(Error::Other(reason)),
            Status::Absent(reason) => Err(Error::no_data(reason)),
        }
    }
}
