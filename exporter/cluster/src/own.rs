//! What kube-state-metrics tells of itself, as far as the alerts of its mixin read it: whether lists and
//! watches fail, and which shards there are. The `resource` is the Go type, as it is there.

use crate::{
    plan::Plan,
    shard::Shard,
    states::{Of, States},
    watch::Request,
};
use collect::{Collector, Result, Spec};
use exposition::{Family, Writer};
use std::{collections::BTreeMap, sync::Arc};

pub(crate) static SPEC: Spec = Spec {
    name: "kube_state_metrics",
    doc: "What kube-state-metrics tells of itself, as far as its alerts read it.",
    default: true,
    families: &[&FAMILIES],
    opts: &[],
    build: |cx| {
        // Whether it runs in a pod is of no importance for the shard.
        let shard = Plan::new(&cx.options, false)?.role.shard();
        Ok(Box::new(Own { states: cx.shared.get(), shard }))
    },
};

static FAMILIES: [Family; 4] = [
    Family::counter(
        "kube_state_metrics_list_total",
        "Lists of the resource's objects, by how they ended.",
        &["resource", "result"],
    ),
    Family::counter(
        "kube_state_metrics_watch_total",
        "Watches of the resource's objects, by how they began or ended.",
        &["resource", "result"],
    ),
    Family::gauge(
        "kube_state_metrics_shard_ordinal",
        "The shard that this exporter serves, from 0.",
        &["shard_ordinal"],
    ),
    Family::gauge("kube_state_metrics_total_shards", "The number of shards.", &[]),
];

struct Own {
    states: Arc<States>,
    shard: Shard,
}

impl Collector for Own {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        self.states.answers()?;
        let [lists, watches, ordinal, shards] = &FAMILIES;
        let tallies = self.states.tallies();
        for (family, what) in [(lists, Request::List), (watches, Request::Watch)] {
            out.family(family, |s| {
                // All custom resources are of one type there.
                let mut by_type = BTreeMap::<_, (u64, u64)>::new();
                for (_, of, tally) in &tallies {
                    let Some(name) = go_type(of) else { continue };
                    let (successes, errors) = tally.requests(what);
                    let sums = by_type.entry(name).or_default();
                    *sums = (sums.0 + successes, sums.1 + errors);
                }
                for (name, (successes, errors)) in by_type {
                    s.row(&[&name, "success"], successes);
                    s.row(&[&name, "error"], errors);
                }
            });
        }
        let index = self.shard.index();
        out.family(ordinal, |s| s.row(&[&index.to_string()], index));
        out.family(shards, |s| s.value(self.shard.total()));
        Ok(())
    }
}

fn go_type(of: &Of) -> Option<String> {
    match of {
        Of::Table(resource) => Some(format!("*{}.{}", resource.version, resource.kind)),
        Of::Custom(_) => Some("*unstructured.Unstructured".to_owned()),
        // There they are not counted.
        Of::Definitions { .. } => None,
    }
}
