//! `batch/v1` `CronJobs`: Jobs at set times.
//!
//! The next time is computed from the last one, or from the creation where there was none: it is a
//! fact of the object, and how late it is is for the query to say.

use crate::{
    Resource, metadata,
    rendered::Rows,
    resource::{
        Families,
        Identity::{Name, Namespace},
        Metric, alpha, kind, stable,
    },
    schedule::Schedule,
    time::Time,
    wire::{List, Metadata, Text, narrow},
};

pub(super) static CRONJOBS: Resource = Resource::new(
    "cronjobs",
    ["batch", "v1", "CronJob"],
    &Families::<CronJob> {
        identity: &[Namespace("namespace"), Name("cronjob")],
        families: &[FAMILIES],
    },
);

narrow! {
    struct CronJob<'a> {
        metadata: Metadata<'a>,
        spec: Spec<'a>,
        status: Status,
    }

    struct Spec<'a> {
        schedule: Text<'a>,
        time_zone: Option<Text<'a>>,
        concurrency_policy: Text<'a>,
        suspend: Option<bool>,
        starting_deadline_seconds: Option<i64>,
        successful_jobs_history_limit: Option<i64>,
        failed_jobs_history_limit: Option<i64>,
    }

    struct Status {
        active: List<Active>,
        last_schedule_time: Option<Time>,
        last_successful_time: Option<Time>,
    }

    /// A Job that runs; that there is one is all that is in use.
    struct Active {}
}
kind!(CronJob);

const FAMILIES: &[Metric<CronJob<'static>>] = &[
    metadata::annotations("kube_cronjob_annotations"),
    metadata::labels("kube_cronjob_labels"),
    stable(
        "kube_cronjob_info",
        "When the CronJob is to run, and what becomes of a Job that still runs then.",
        &["schedule", "concurrency_policy", "timezone"],
        |c, rows| {
            let Spec { schedule, time_zone, concurrency_policy, .. } = &c.spec;
            rows.info(&[schedule, concurrency_policy, time_zone.as_deref().unwrap_or("local")]);
        },
    ),
    metadata::created("kube_cronjob_created"),
    stable("kube_cronjob_status_active", "Jobs that run.", &[], |c, rows| {
        rows.value(c.status.active.len());
    }),
    stable(
        "kube_cronjob_status_last_schedule_time",
        "When a Job was made last, in seconds since 1970.",
        &[],
        |c, rows| rows.maybe(c.status.last_schedule_time),
    ),
    stable(
        "kube_cronjob_status_last_successful_time",
        "When a Job was done last, in seconds since 1970.",
        &[],
        |c, rows| rows.maybe(c.status.last_successful_time),
    ),
    stable(
        "kube_cronjob_spec_suspend",
        "Whether no Jobs are made until the CronJob is resumed.",
        &[],
        |c, rows| rows.value(c.is_suspended()),
    ),
    stable(
        "kube_cronjob_spec_starting_deadline_seconds",
        "Seconds after its time for which a Job that was missed is still made.",
        &[],
        |c, rows| rows.maybe(c.spec.starting_deadline_seconds),
    ),
    stable(
        "kube_cronjob_next_schedule_time",
        "When a Job is to be made after the last one, or after the CronJob was, in seconds since \
         1970. A time that has passed tells that the Job is late.",
        &[],
        |c, rows| next(c, rows),
    ),
    alpha(
        "kube_cronjob_schedule_invalid",
        "1 where the schedule cannot be read, or its time zone is unknown.",
        &[],
        |c, rows| {
            if c.schedule(rows).is_none() {
                rows.value(1u8);
            }
        },
    ),
    metadata::resource_version("kube_cronjob_metadata_resource_version").stable(),
    alpha(
        "kube_cronjob_spec_successful_job_history_limit",
        "Jobs that have succeeded and are kept.",
        &[],
        |c, rows| rows.maybe(c.spec.successful_jobs_history_limit),
    ),
    alpha(
        "kube_cronjob_spec_failed_job_history_limit",
        "Jobs that have failed and are kept.",
        &[],
        |c, rows| rows.maybe(c.spec.failed_jobs_history_limit),
    ),
];

fn next(c: &CronJob<'_>, rows: &mut Rows<'_>) {
    let last = c.status.last_schedule_time.and_then(Time::known);
    if let (false, Some(after), Some(schedule)) =
        (c.is_suspended(), last.or(c.metadata.creation_timestamp.known()), c.schedule(rows))
    {
        rows.maybe(schedule.next(after.0));
    }
}

// === impl CronJob ===

impl CronJob<'_> {
    fn is_suspended(&self) -> bool {
        self.spec.suspend == Some(true)
    }

    fn schedule(&self, rows: &Rows<'_>) -> Option<Schedule> {
        let zone = self.spec.time_zone.as_deref();
        Schedule::parse(&self.spec.schedule, zone, rows.options().schedules())
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Settings,
        testing::{expose, expose_only, expose_with},
    };
    use expect_test::expect;

    #[test]
    fn every_family() {
        let yaml = r#"
metadata:
  name: backup
  namespace: shop
  resourceVersion: "812"
  creationTimestamp: "2026-01-02T03:04:05Z"
spec:
  schedule: 30 4 * * *
  timeZone: Europe/Berlin
  concurrencyPolicy: Forbid
  suspend: false
  startingDeadlineSeconds: 600
  successfulJobsHistoryLimit: 3
  failedJobsHistoryLimit: 1
status:
  active: [{kind: Job, name: backup-1}, {kind: Job, name: backup-2}]
  lastScheduleTime: "2026-01-02T03:30:00Z"
  lastSuccessfulTime: "2026-01-02T03:31:00Z"
"#;
        expect![[r#"
            kube_cronjob_created{namespace="shop",cronjob="backup"} 1767323045
            kube_cronjob_info{namespace="shop",cronjob="backup",schedule="30 4 * * *",concurrency_policy="Forbid",timezone="Europe/Berlin"} 1
            kube_cronjob_metadata_resource_version{namespace="shop",cronjob="backup"} 812
            kube_cronjob_next_schedule_time{namespace="shop",cronjob="backup"} 1767411000
            kube_cronjob_spec_failed_job_history_limit{namespace="shop",cronjob="backup"} 1
            kube_cronjob_spec_starting_deadline_seconds{namespace="shop",cronjob="backup"} 600
            kube_cronjob_spec_successful_job_history_limit{namespace="shop",cronjob="backup"} 3
            kube_cronjob_spec_suspend{namespace="shop",cronjob="backup"} 0
            kube_cronjob_status_active{namespace="shop",cronjob="backup"} 2
            kube_cronjob_status_last_schedule_time{namespace="shop",cronjob="backup"} 1767324600
            kube_cronjob_status_last_successful_time{namespace="shop",cronjob="backup"} 1767324660
        "#]].assert_eq(&expose("cronjobs", yaml));
        expect![[r#"
            kube_cronjob_info{namespace="shop",cronjob="backup",schedule="",concurrency_policy="",timezone="local"} 1
            kube_cronjob_schedule_invalid{namespace="shop",cronjob="backup"} 1
            kube_cronjob_spec_suspend{namespace="shop",cronjob="backup"} 0
            kube_cronjob_status_active{namespace="shop",cronjob="backup"} 0
        "#]].assert_eq(&expose("cronjobs", "metadata: {name: backup, namespace: shop}"));
    }

    #[test]
    fn next_times() {
        let yaml = |name: &str, spec: &str| {
            format!(
                "metadata: {{name: {name}, namespace: b, creationTimestamp: \
                 \"2026-01-02T03:04:05Z\"}}\nspec: {{{spec}}}\n---\n"
            )
        };
        let yaml = [
            yaml("hourly", "schedule: \"@hourly\""),
            yaml("suspended", "schedule: \"@hourly\", suspend: true"),
            yaml("wrong", "schedule: 61 * * * *, suspend: true"),
            yaml("nowhere", "schedule: \"@hourly\", timeZone: Nowhere/Land"),
            yaml("never", "schedule: 0 0 31 2 *"),
            yaml("either", "schedule: 0 0 13 * 5"),
            yaml("seven", "schedule: 0 0 * * 7"),
        ]
        .concat();
        expect![[r#"
            kube_cronjob_next_schedule_time{namespace="b",cronjob="hourly"} 1767326400
            kube_cronjob_next_schedule_time{namespace="b",cronjob="either"} 1767916800
            kube_cronjob_schedule_invalid{namespace="b",cronjob="wrong"} 1
            kube_cronjob_schedule_invalid{namespace="b",cronjob="nowhere"} 1
            kube_cronjob_schedule_invalid{namespace="b",cronjob="seven"} 1
        "#]]
        .assert_eq(&expose_only("cronjobs", "next,invalid", &yaml));
        let peer = Settings {
            metric_allowlist: "next,invalid".into(),
            peer_schedules: true,
            ..Settings::default()
        };
        expect![[r#"
            kube_cronjob_next_schedule_time{namespace="b",cronjob="hourly"} 1767326400
            kube_cronjob_next_schedule_time{namespace="b",cronjob="either"} 1770940800
            kube_cronjob_next_schedule_time{namespace="b",cronjob="seven"} 1767484800
            kube_cronjob_schedule_invalid{namespace="b",cronjob="wrong"} 1
            kube_cronjob_schedule_invalid{namespace="b",cronjob="nowhere"} 1
        "#]]
        .assert_eq(&expose_with(&peer, "cronjobs", &yaml));
    }
}
