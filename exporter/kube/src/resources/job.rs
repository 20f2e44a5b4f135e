//! `batch/v1` Jobs: pods that are to end.

use crate::{
    Resource,
    condition::Condition,
    metadata,
    rendered::Rows,
    resource::{
        Families,
        Identity::{Name, Namespace},
        Metric, alpha, kind, stable,
    },
    time::Time,
    wire::{List, Metadata, narrow},
};

pub(super) static JOBS: Resource = Resource::new(
    "jobs",
    ["batch", "v1", "Job"],
    &Families::<Job> {
        identity: &[Namespace("namespace"), Name("job_name")],
        families: &[FAMILIES],
    },
);

narrow! {
    struct Job<'a> {
        metadata: Metadata<'a>,
        spec: Spec,
        status: Status<'a>,
    }

    struct Spec {
        parallelism: Option<i64>,
        completions: Option<i64>,
        active_deadline_seconds: Option<i64>,
    }

    struct Status<'a> {
        succeeded: i64,
        failed: i64,
        active: i64,
        ready: Option<i64>,
        start_time: Option<Time>,
        completion_time: Option<Time>,
        conditions: List<Condition<'a>>,
    }
}
kind!(Job);

/// Reasons that are told apart.
const REASONS: [&str; 3] = ["BackoffLimitExceeded", "DeadlineExceeded", "Evicted"];

const FAMILIES: &[Metric<Job<'static>>] = &[
    metadata::annotations("kube_job_annotations"),
    metadata::labels("kube_job_labels"),
    stable("kube_job_info", "The Job is there.", &[], |_, rows| rows.value(1u8)),
    metadata::created("kube_job_created"),
    stable("kube_job_spec_parallelism", "Pods that may run at the same time.", &[], |j, rows| {
        rows.maybe(j.spec.parallelism);
    }),
    stable("kube_job_spec_completions", "Pods that are to succeed.", &[], |j, rows| {
        rows.maybe(j.spec.completions);
    }),
    stable(
        "kube_job_spec_active_deadline_seconds",
        "Seconds after its start for which the Job may run.",
        &[],
        |j, rows| rows.maybe(j.spec.active_deadline_seconds),
    ),
    stable("kube_job_status_succeeded", "Pods that have succeeded.", &[], |j, rows| {
        rows.value(j.status.succeeded);
    }),
    stable(
        "kube_job_status_failed",
        "Pods that have failed, without a reason where none has; once the Job has failed, 1 for the \
         reason. A reason that is not told apart is empty and has the number of pods.",
        &["reason"],
        |j, rows| failed(j, rows),
    ),
    stable("kube_job_status_active", "Pods that run or are to run.", &[], |j, rows| {
        rows.value(j.status.active);
    }),
    alpha(
        "kube_job_status_ready",
        "Pods that are ready; 0 where the controller does not count them.",
        &[],
        |j, rows| rows.value(j.status.ready.unwrap_or(0)),
    ),
    stable(
        "kube_job_complete",
        "Whether the Job is done: 1 for the status that holds.",
        &["condition"],
        |j, rows| condition(j, "Complete", rows),
    ),
    stable(
        "kube_job_failed",
        "Whether the Job has failed: 1 for the status that holds.",
        &["condition"],
        |j, rows| condition(j, "Failed", rows),
    ),
    stable(
        "kube_job_status_start_time",
        "When the controller took the Job, in seconds since 1970.",
        &[],
        |j, rows| rows.maybe(j.status.start_time),
    ),
    stable(
        "kube_job_status_completion_time",
        "When the Job was done, in seconds since 1970.",
        &[],
        |j, rows| rows.maybe(j.status.completion_time),
    ),
    alpha(
        "kube_job_status_suspended",
        "Whether the Job waits until it is resumed.",
        &[],
        |j, rows| {
            if let Some(suspended) = j.conditions("Suspended").next() {
                rows.value(&*suspended.status == "True");
            }
        },
    ),
    metadata::owner("kube_job_owner"),
];

fn condition(j: &Job<'_>, r#type: &str, rows: &mut Rows<'_>) {
    for condition in j.conditions(r#type) {
        condition.write([], rows);
    }
}

fn failed(j: &Job<'_>, rows: &mut Rows<'_>) {
    if j.status.failed == 0 {
        return rows.labelled(std::iter::empty(), 0u8);
    }
    let mut known = false;
    for condition in j.conditions("Failed") {
        known = known || REASONS.contains(&&*condition.reason);
        rows.states(&REASONS, &condition.reason);
    }
    if !known {
        rows.row(&[""], j.status.failed);
    }
}

// === impl Job ===

impl<'a> Job<'a> {
    fn conditions(&self, r#type: &str) -> impl Iterator<Item = &Condition<'a>> {
        self.status.conditions.iter().filter(move |c| *c.r#type == *r#type)
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{expose, expose_only};
    use expect_test::expect;

    #[test]
    fn every_family() {
        let yaml = r#"
metadata:
  name: backup-1
  namespace: shop
  creationTimestamp: "2026-01-02T03:04:05Z"
  ownerReferences: [{apiVersion: batch/v1, kind: CronJob, name: backup, uid: o-1, controller: true}]
spec: {parallelism: 2, completions: 3, activeDeadlineSeconds: 900}
status:
  succeeded: 4
  failed: 5
  active: 6
  ready: 7
  startTime: "2026-01-02T03:04:06Z"
  completionTime: "2026-01-02T03:05:06Z"
  conditions:
  - {type: Complete, status: "True"}
  - {type: Failed, status: "False", reason: DeadlineExceeded}
  - {type: Suspended, status: "False"}
"#;
        expect![[r#"
            kube_job_complete{namespace="shop",job_name="backup-1",condition="true"} 1
            kube_job_complete{namespace="shop",job_name="backup-1",condition="false"} 0
            kube_job_complete{namespace="shop",job_name="backup-1",condition="unknown"} 0
            kube_job_created{namespace="shop",job_name="backup-1"} 1767323045
            kube_job_failed{namespace="shop",job_name="backup-1",condition="true"} 0
            kube_job_failed{namespace="shop",job_name="backup-1",condition="false"} 1
            kube_job_failed{namespace="shop",job_name="backup-1",condition="unknown"} 0
            kube_job_info{namespace="shop",job_name="backup-1"} 1
            kube_job_owner{namespace="shop",job_name="backup-1",owner_kind="CronJob",owner_name="backup",owner_is_controller="true"} 1
            kube_job_spec_active_deadline_seconds{namespace="shop",job_name="backup-1"} 900
            kube_job_spec_completions{namespace="shop",job_name="backup-1"} 3
            kube_job_spec_parallelism{namespace="shop",job_name="backup-1"} 2
            kube_job_status_active{namespace="shop",job_name="backup-1"} 6
            kube_job_status_completion_time{namespace="shop",job_name="backup-1"} 1767323106
            kube_job_status_failed{namespace="shop",job_name="backup-1",reason="BackoffLimitExceeded"} 0
            kube_job_status_failed{namespace="shop",job_name="backup-1",reason="DeadlineExceeded"} 1
            kube_job_status_failed{namespace="shop",job_name="backup-1",reason="Evicted"} 0
            kube_job_status_ready{namespace="shop",job_name="backup-1"} 7
            kube_job_status_start_time{namespace="shop",job_name="backup-1"} 1767323046
            kube_job_status_succeeded{namespace="shop",job_name="backup-1"} 4
            kube_job_status_suspended{namespace="shop",job_name="backup-1"} 0
        "#]].assert_eq(&expose("jobs", yaml));
        expect![[r#"
            kube_job_info{namespace="shop",job_name="backup-1"} 1
            kube_job_owner{namespace="shop",job_name="backup-1",owner_kind="",owner_name="",owner_is_controller=""} 1
            kube_job_status_active{namespace="shop",job_name="backup-1"} 0
            kube_job_status_failed{namespace="shop",job_name="backup-1"} 0
            kube_job_status_ready{namespace="shop",job_name="backup-1"} 0
            kube_job_status_succeeded{namespace="shop",job_name="backup-1"} 0
        "#]].assert_eq(&expose("jobs", "metadata: {name: backup-1, namespace: shop}"));
    }

    #[test]
    fn failures() {
        let exposed = |status: &str| {
            let yaml = format!("metadata: {{name: a, namespace: b}}\nstatus: {{{status}}}");
            expose_only("jobs", "failed,suspended", &yaml)
        };
        expect![[r#"
            kube_job_status_failed{namespace="b",job_name="a",reason=""} 2
        "#]]
        .assert_eq(&exposed("failed: 2"));
        expect![[r#"
            kube_job_failed{namespace="b",job_name="a",condition="true"} 1
            kube_job_failed{namespace="b",job_name="a",condition="false"} 0
            kube_job_failed{namespace="b",job_name="a",condition="unknown"} 0
            kube_job_status_failed{namespace="b",job_name="a",reason="BackoffLimitExceeded"} 0
            kube_job_status_failed{namespace="b",job_name="a",reason="DeadlineExceeded"} 0
            kube_job_status_failed{namespace="b",job_name="a",reason="Evicted"} 0
            kube_job_status_failed{namespace="b",job_name="a",reason=""} 2
        "#]]
        .assert_eq(&exposed(
            "failed: 2, conditions: [{type: Failed, status: \"True\", reason: PodFailurePolicy}]",
        ));
        expect![[r#"
            kube_job_status_failed{namespace="b",job_name="a"} 0
            kube_job_status_suspended{namespace="b",job_name="a"} 1
        "#]]
        .assert_eq(&exposed("conditions: [{type: Suspended, status: \"True\"}]"));
    }
}
