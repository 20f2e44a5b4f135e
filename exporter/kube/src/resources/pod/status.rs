//! How a pod is.

use super::Pod;
use crate::{
    rendered::Rows,
    resource::{Metric, alpha, stable},
    time::Time,
};
use std::net::IpAddr;

/// In the order of kube-state-metrics.
const PHASES: &[&str] = &["Pending", "Succeeded", "Failed", "Unknown", "Running"];

const QOS_CLASSES: &[&str] = &["BestEffort", "Burstable", "Guaranteed"];

/// Reasons that are told apart.
const REASONS: [&str; 8] = [
    "Evicted",
    "NodeAffinity",
    "NodeLost",
    "PreemptionByScheduler",
    "SchedulingGated",
    "Shutdown",
    "TerminationByKubelet",
    "UnexpectedAdmissionError",
];

/// Reasons of a disruption that are told apart.
const DISRUPTIONS: [&str; 5] = [
    "PreemptionByScheduler",
    "DeletionByTaintManager",
    "EvictionByEvictionAPI",
    "DeletionByPodGC",
    "TerminationByKubelet",
];

pub(super) const FAMILIES: &[Metric<Pod<'static>>] = &[
    stable(
        "kube_pod_completion_time",
        "When the container that ended last did so, in seconds since 1970.",
        &[],
        |p, rows| {
            let ended =
                p.status.container_statuses.iter().filter_map(|c| c.state.terminated.as_ref());
            rows.maybe(ended.map(|t| t.finished_at).max().filter(|time| time.0 > 0));
        },
    ),
    alpha("kube_pod_ips", "Addresses of the pod.", &["ip", "ip_family"], |p, rows| {
        for address in &p.status.pod_ips {
            // What is no address is left out.
            if let Ok(parsed) = without_zone(&address.ip).parse::<IpAddr>() {
                let family = if parsed.to_canonical().is_ipv4() { "4" } else { "6" };
                rows.info(&[&address.ip, family]);
            }
        }
    }),
    stable(
        "kube_pod_start_time",
        "When the kubelet took the pod, in seconds since 1970.",
        &[],
        |p, rows| rows.maybe(p.status.start_time),
    ),
    stable(
        "kube_pod_status_phase",
        "Phase of the pod: 1 for the one it is in.",
        &["phase"],
        |p, rows| {
            if !p.status.phase.is_empty() {
                rows.states(PHASES, &p.status.phase);
            }
        },
    ),
    alpha(
        "kube_pod_status_qos_class",
        "Quality-of-service class of the pod: 1 for the one it has.",
        &["qos_class"],
        |p, rows| {
            if !p.status.qos_class.is_empty() {
                rows.states(QOS_CLASSES, &p.status.qos_class);
            }
        },
    ),
    stable(
        "kube_pod_status_ready",
        "Whether the pod is ready to serve: 1 for the status that holds.",
        &["condition"],
        |p, rows| condition(p, "Ready", rows),
    ),
    alpha(
        "kube_pod_status_ready_time",
        "When the pod became ready, in seconds since 1970.",
        &[],
        |p, rows| since(p, "Ready", "True", rows),
    ),
    alpha(
        "kube_pod_status_initialized_time",
        "When the init containers were done, in seconds since 1970.",
        &[],
        |p, rows| since(p, "Initialized", "True", rows),
    ),
    alpha(
        "kube_pod_status_container_ready_time",
        "When all containers were ready, in seconds since 1970.",
        &[],
        |p, rows| since(p, "ContainersReady", "True", rows),
    ),
    alpha(
        "kube_pod_status_reason",
        "Why the pod is as it is; Other where its status names a reason that is not told apart.",
        &["reason"],
        |p, rows| {
            for reason in REASONS {
                if has_reason(p, reason) {
                    rows.info(&[reason]);
                }
            }
            if !p.status.reason.is_empty() && !REASONS.contains(&&*p.status.reason) {
                rows.info(&["Other"]);
            }
        },
    ),
    alpha(
        "kube_pod_status_disruption_reason",
        "Why the pod is to be disrupted; Other where it is no reason that is told apart.",
        &["reason"],
        |p, rows| {
            for c in p.status.conditions.iter().filter(|c| &*c.r#type == "DisruptionTarget") {
                let known = DISRUPTIONS.contains(&&*c.reason);
                rows.info(&[if known { &c.reason } else { "Other" }]);
            }
        },
    ),
    stable(
        "kube_pod_status_scheduled",
        "Whether the pod has a node: 1 for the status that holds.",
        &["condition"],
        |p, rows| condition(p, "PodScheduled", rows),
    ),
    stable(
        "kube_pod_status_scheduled_time",
        "When the pod got its node, in seconds since 1970.",
        &[],
        |p, rows| since(p, "PodScheduled", "True", rows),
    ),
    stable(
        "kube_pod_status_unschedulable",
        "1 where the scheduler finds no node.",
        &[],
        |p, rows| {
            if p.status.conditions.iter().any(|c| c.is("PodScheduled", "False")) {
                rows.value(1u8);
            }
        },
    ),
    alpha(
        "kube_pod_status_unscheduled_time",
        "Since when the scheduler finds no node, in seconds since 1970.",
        &[],
        |p, rows| since(p, "PodScheduled", "False", rows),
    ),
];

/// The three samples of a condition.
fn condition(p: &Pod<'_>, r#type: &str, rows: &mut Rows<'_>) {
    p.status.conditions.iter().filter(|c| *c.r#type == *r#type).for_each(|c| c.write([], rows));
}

/// Since when a condition has a status; the zero time is written as it is.
fn since(p: &Pod<'_>, r#type: &str, status: &str, rows: &mut Rows<'_>) {
    let held = p.status.conditions.iter().filter(|c| c.is(r#type, status));
    let times: Option<Time> = held.map(|c| c.last_transition_time).next();
    rows.maybe(times);
}

fn has_reason(p: &Pod<'_>, reason: &str) -> bool {
    let terminated = |c: &super::ContainerStatus<'_>| {
        c.state.terminated.as_ref().is_some_and(|t| *t.reason == *reason)
    };
    *p.status.reason == *reason
        || p.status.conditions.iter().any(|c| *c.reason == *reason)
        || p.status.container_statuses.iter().any(terminated)
}

/// An address without the interface that a link-local one names.
fn without_zone(address: &str) -> &str {
    match address.split_once('%') {
        Some((address, zone)) if !zone.is_empty() && address.contains(':') => address,
        _ => address,
    }
}
