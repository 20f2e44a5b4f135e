//! Which process serves what belongs to no node, and which one would take over: from the Leases, as
//! this process knows them.

use crate::{
    lease::{Lead, Standing},
    states::States,
};
use collect::{Collector, Error, Result, Spec};
use exposition::{Family, Writer};
use std::sync::Arc;

pub(crate) static SPEC: Spec = Spec {
    name: "leader",
    doc: "Which exporter serves the objects that belong to no node.",
    default: true,
    families: &[&FAMILIES],
    opts: &[],
    build: |cx| Ok(Box::new(Leading { states: cx.shared.get(), lead: cx.shared.get() })),
};

static FAMILIES: [Family; 3] = [
    Family::gauge(
        "hybrid_cluster_leader",
        "Whether this exporter serves the objects that belong to no node. The sum over the exporters \
         of a cluster is 1; 0 while nobody does. Absent where it does not contend.",
        &[],
    ),
    Family::gauge(
        "hybrid_cluster_stand_by",
        "Whether this exporter has those objects ready to take over, and does not serve them.",
        &[],
    ),
    Family::counter(
        "hybrid_cluster_lease_transitions_total",
        "How often the lead went from one exporter to another, as its Lease counts it; known to the \
         leader and the stand-by.",
        &[],
    ),
];

struct Leading {
    states: Arc<States>,
    lead: Arc<Lead>,
}

impl Collector for Leading {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        self.states.answers()?;
        let [leader, stand_by, transitions] = &FAMILIES;
        if !self.lead.contends() {
            return Ok(());
        }
        out.family(leader, |s| s.value(self.lead.serves()));
        out.family(stand_by, |s| s.value(self.lead.standing() == Standing::StandBy));
        if self.lead.standing() != Standing::Aside
            && let Some(count) = self.lead.transitions()
        {
            out.family(transitions, |s| s.value(u64::from(count)));
        }
        match self.lead.trouble() {
            trouble if trouble.is_empty() => Ok(()),
            trouble => Err(Error::Other(trouble)),
        }
    }
}
