//! How the watches fare: what tells a number that stands still from a server that is gone.

use crate::{
    lease::Lead,
    options,
    states::{State, States, View},
};
use collect::{Collector, Result, Spec};
use exposition::{Family, Writer};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

pub(crate) static SPEC: Spec = Spec {
    name: "watches",
    doc: "How the watches of the cluster's objects fare.",
    default: true,
    families: &[&FAMILIES],
    opts: &[],
    build: |cx| {
        let stale = cx.options.positive_duration(&options::STALE)?;
        Ok(Box::new(Watches { states: cx.shared.get(), lead: cx.shared.get(), stale }))
    },
};

static FAMILIES: [Family; 6] = [
    Family::gauge(
        "hybrid_watch_age_seconds",
        "How long ago the API server was last heard on what keeps the resource's objects true: \
         bookmarks come each minute or so. Absent before the first list is complete.",
        &["resource"],
    ),
    Family::gauge(
        "hybrid_watch_up",
        "Whether changes of the resource's objects are being followed.",
        &["resource"],
    ),
    Family::gauge(
        "hybrid_watch_objects",
        "Objects of the resource that are known; absent where they are not served.",
        &["resource"],
    ),
    Family::counter(
        "hybrid_watch_errors_total",
        "Requests for the resource's objects that failed, and streams that ended early, by reason.",
        &["resource", "reason"],
    ),
    Family::counter(
        "hybrid_watch_objects_left_out_total",
        "Objects that came and could not be read, wholly or in part; the log names them.",
        &["resource"],
    ),
    Family::gauge(
        "hybrid_custom_resource_objects_left_out",
        "Custom resources of an API group whose conditions are not served, because there are more of \
         them than --cluster.conditions-max-objects.",
        &["group"],
    ),
];

struct Watches {
    states: Arc<States>,
    lead: Arc<Lead>,
    stale: Duration,
}

impl Collector for Watches {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        self.states.answers()?;
        let [age, up, objects, errors, left_out, beyond] = &FAMILIES;
        let now = Instant::now();
        let resources = self.states.by_resource(|_| true);
        let leads = self.lead.serves();
        let exported = self.states.by_resource(|part| part.is_exported(leads));
        // The oldest of a resource's watches tells how true the resource is.
        let oldest = |views: &[View]| {
            let ages: Option<Vec<_>> = views.iter().map(|view| view.age(now)).collect();
            ages?.into_iter().max()
        };
        out.family(age, |s| {
            for (state, views) in &resources {
                if let Some(age) = oldest(views) {
                    s.row(&[&state.name], age.as_secs_f64());
                }
            }
        });
        out.family(up, |s| {
            for (state, views) in &resources {
                s.row(&[&state.name], views.iter().all(|view| view.up));
            }
        });
        out.family(objects, |s| {
            // Of definitions nothing is served.
            let served = |(state, _): &&(Arc<State>, _)| !state.of.families().is_empty();
            for (state, views) in exported.iter().filter(served) {
                if views.iter().all(|view| view.is_true(now, self.stale)) {
                    let count = |view: &View| Some(view.snapshot.as_ref()?.objects());
                    if let Some(count) = views.iter().map(count).sum::<Option<usize>>() {
                        s.row(&[&state.name], count);
                    }
                }
            }
        });
        let tallies = self.states.tallies();
        out.family(errors, |s| {
            for (name, _, tally) in &tallies {
                for (reason, count) in tally.errors() {
                    s.row(&[name, reason], count);
                }
            }
        });
        out.family(left_out, |s| {
            for (name, _, tally) in &tallies {
                s.row(&[name], tally.objects_left_out());
            }
        });
        out.family(beyond, |s| {
            for (group, objects) in self.states.quotas.left_out() {
                s.row(&[&group], objects);
            }
        });
        Ok(())
    }
}
