//! What kube-state-metrics tells of itself, as far as alerts read it: whether lists and watches fail, which
//! shards there are, and whether its configuration could be read again. The `resource` is the Go type, as it is
//! there; the hash of the configuration is another than there, as nothing is to be read from it but a change.

use crate::{
    plan,
    shard::Shard,
    states::{Of, States},
    watch::Request,
};
use collect::{Collector, Result, Spec};
use exposition::{Family, Writer};
use std::{collections::BTreeMap, sync::Arc, time::SystemTime};

pub(crate) static SPEC: Spec = Spec {
    name: "kube_state_metrics",
    doc: "What kube-state-metrics tells of itself, as far as its alerts read it.",
    default: true,
    families: &[&FAMILIES],
    opts: &[],
    build: |cx| {
        let shard = plan::shard(&cx.options)?;
        Ok(Box::new(Own { states: cx.shared.get(), shard }))
    },
};

static FAMILIES: [Family; 7] = [
    Family::counter(
        "kube_state_metrics_list_total",
        "Lists of the resource's objects, by how they ended.",
        &["resource", "result"],
    ),
    Family::counter(
        "kube_state_metrics_watch_total",
        "Watches of the resource's objects, by how they began.",
        &["resource", "result"],
    ),
    Family::gauge(
        "kube_state_metrics_shard_ordinal",
        "The shard that this exporter serves, from 0.",
        &["shard_ordinal"],
    ),
    Family::gauge("kube_state_metrics_total_shards", "The number of shards.", &[]),
    Family::gauge(
        "kube_state_metrics_config_hash",
        "A number that stands for the contents of the file that is in force.",
        &["type", "filename"],
    ),
    Family::gauge(
        "kube_state_metrics_last_config_reload_successful",
        "Whether the file as it was read last could be taken; what was taken before it stays in force.",
        &["type", "filename"],
    ),
    Family::gauge(
        "kube_state_metrics_last_config_reload_success_timestamp_seconds",
        "When a file was taken last, in seconds since 1970.",
        &["type", "filename"],
    ),
];

/// What kube-state-metrics calls the configuration of custom resources.
const CONFIGURATION: &str = "customresourceconfig";

struct Own {
    states: Arc<States>,
    shard: Shard,
}

impl Collector for Own {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        self.states.answers()?;
        let [lists, watches, ordinal, shards, hash, well, taken] = &FAMILIES;
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
        if let Some(configured) = self.states.configuration() {
            let labels = [CONFIGURATION, &*configured.file];
            // No number of more bits would come through.
            out.family(hash, |s| s.row(&labels, configured.hash >> 16));
            out.family(well, |s| s.row(&labels, configured.well));
            let at = configured.at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            out.family(taken, |s| s.row(&labels, at.as_secs_f64()));
        }
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
