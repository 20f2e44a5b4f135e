//! A pod's containers and init containers; those that run beside the others for the pod's life
//! ("native sidecars") are init containers.
//!
//! Both sets have the same families under two names. What a family reads from the status it writes
//! for each status that there is, whether or not the specification has such a container.

use super::{Container, ContainerStatus, Pod, Terminated};
use crate::{
    label,
    quantity::Quantity,
    rendered::Rows,
    resource::{Metric, alpha, counter, stable},
    unit,
    wire::Map,
};

const RESOURCES: &[&str] = &["container", "node", "resource", "unit"];
const CONTAINER: &[&str] = &["container"];
const REASON: &[&str] = &["container", "reason"];

pub(super) const FAMILIES: &[Metric<Pod<'static>>] = &[
    stable(
        "kube_pod_container_info",
        "Images and identity of a container.",
        &["container", "image_spec", "image", "image_id", "container_id"],
        |p, rows| {
            pairs(&p.spec.containers, &p.status.container_statuses, |c, s| {
                rows.info(&[&s.name, &c.image, &s.image, &s.image_id, &s.container_id]);
            });
        },
    ),
    stable(
        "kube_pod_init_container_info",
        "Images and identity of an init container.",
        &["container", "image_spec", "image", "image_id", "container_id", "restart_policy"],
        |p, rows| {
            pairs(&p.spec.init_containers, &p.status.init_container_statuses, |c, s| {
                let (id, policy) = (&s.container_id, &c.restart_policy);
                rows.info(&[&s.name, &c.image, &s.image, &s.image_id, id, policy]);
            });
        },
    ),
    stable(
        "kube_pod_container_resource_limits",
        "What of a resource a container may use, in its unit.",
        RESOURCES,
        |p, rows| resources(p, &p.spec.containers, |c| &c.resources.limits, rows),
    ),
    alpha(
        "kube_pod_init_container_resource_limits",
        "What of a resource an init container may use, in its unit.",
        RESOURCES,
        |p, rows| resources(p, &p.spec.init_containers, |c| &c.resources.limits, rows),
    ),
    stable(
        "kube_pod_container_resource_requests",
        "What of a resource a container asks for, in its unit.",
        RESOURCES,
        |p, rows| resources(p, &p.spec.containers, |c| &c.resources.requests, rows),
    ),
    alpha(
        "kube_pod_init_container_resource_requests",
        "What of a resource an init container asks for, in its unit.",
        RESOURCES,
        |p, rows| resources(p, &p.spec.init_containers, |c| &c.resources.requests, rows),
    ),
    stable(
        "kube_pod_container_state_started",
        "When a container that runs or has ended was started, in seconds since 1970.",
        CONTAINER,
        |p, rows| started(&p.status.container_statuses, rows),
    ),
    alpha(
        "kube_pod_init_container_state_started",
        "When an init container that runs or has ended was started, in seconds since 1970.",
        CONTAINER,
        |p, rows| started(&p.status.init_container_statuses, rows),
    ),
    alpha(
        "kube_pod_container_status_last_terminated_reason",
        "Why a container ended before it was started anew.",
        REASON,
        |p, rows| last(&p.status.container_statuses, |s, t| rows.info(&[&s.name, &t.reason])),
    ),
    alpha(
        "kube_pod_init_container_status_last_terminated_reason",
        "Why an init container ended before it was started anew.",
        REASON,
        |p, rows| last(&p.status.init_container_statuses, |s, t| rows.info(&[&s.name, &t.reason])),
    ),
    alpha(
        "kube_pod_container_status_last_terminated_exitcode",
        "Exit code of a container before it was started anew.",
        CONTAINER,
        |p, rows| last(&p.status.container_statuses, |s, t| rows.row(&[&s.name], t.exit_code)),
    ),
    alpha(
        "kube_pod_init_container_status_last_terminated_exitcode",
        "Exit code of an init container before it was started anew.",
        CONTAINER,
        |p, rows| last(&p.status.init_container_statuses, |s, t| rows.row(&[&s.name], t.exit_code)),
    ),
    alpha(
        "kube_pod_container_status_last_terminated_timestamp",
        "When a container ended before it was started anew, in seconds since 1970.",
        CONTAINER,
        |p, rows| last(&p.status.container_statuses, |s, t| rows.row(&[&s.name], t.finished_at)),
    ),
    alpha(
        "kube_pod_init_container_status_last_terminated_timestamp",
        "When an init container ended before it was started anew, in seconds since 1970.",
        CONTAINER,
        |p, rows| {
            last(&p.status.init_container_statuses, |s, t| rows.row(&[&s.name], t.finished_at));
        },
    ),
    stable(
        "kube_pod_container_status_ready",
        "Whether a container is ready.",
        CONTAINER,
        |p, rows| is(&p.status.container_statuses, |s| s.ready, rows),
    ),
    stable(
        "kube_pod_init_container_status_ready",
        "Whether an init container is done or ready.",
        CONTAINER,
        |p, rows| is(&p.status.init_container_statuses, |s| s.ready, rows),
    ),
    counter(stable(
        "kube_pod_container_status_restarts_total",
        "Starts of a container after its first.",
        CONTAINER,
        |p, rows| restarts(&p.status.container_statuses, rows),
    )),
    counter(stable(
        "kube_pod_init_container_status_restarts_total",
        "Starts of an init container after its first.",
        CONTAINER,
        |p, rows| restarts(&p.status.init_container_statuses, rows),
    )),
    stable(
        "kube_pod_container_status_running",
        "Whether a container runs.",
        CONTAINER,
        |p, rows| is(&p.status.container_statuses, |s| s.state.running.is_some(), rows),
    ),
    stable(
        "kube_pod_init_container_status_running",
        "Whether an init container runs.",
        CONTAINER,
        |p, rows| is(&p.status.init_container_statuses, |s| s.state.running.is_some(), rows),
    ),
    stable(
        "kube_pod_container_status_terminated",
        "Whether a container has ended.",
        CONTAINER,
        |p, rows| is(&p.status.container_statuses, |s| s.state.terminated.is_some(), rows),
    ),
    stable(
        "kube_pod_init_container_status_terminated",
        "Whether an init container has ended.",
        CONTAINER,
        |p, rows| is(&p.status.init_container_statuses, |s| s.state.terminated.is_some(), rows),
    ),
    alpha(
        "kube_pod_container_status_terminated_reason",
        "Why a container has ended.",
        REASON,
        |p, rows| terminated(&p.status.container_statuses, rows),
    ),
    alpha(
        "kube_pod_init_container_status_terminated_reason",
        "Why an init container has ended.",
        REASON,
        |p, rows| terminated(&p.status.init_container_statuses, rows),
    ),
    stable(
        "kube_pod_container_status_waiting",
        "Whether a container waits to be started.",
        CONTAINER,
        |p, rows| is(&p.status.container_statuses, |s| s.state.waiting.is_some(), rows),
    ),
    stable(
        "kube_pod_init_container_status_waiting",
        "Whether an init container waits to be started.",
        CONTAINER,
        |p, rows| is(&p.status.init_container_statuses, |s| s.state.waiting.is_some(), rows),
    ),
    stable(
        "kube_pod_container_status_waiting_reason",
        "Why a container waits.",
        REASON,
        |p, rows| waiting(&p.status.container_statuses, rows),
    ),
    alpha(
        "kube_pod_init_container_status_waiting_reason",
        "Why an init container waits.",
        REASON,
        |p, rows| waiting(&p.status.init_container_statuses, rows),
    ),
];

/// Each container of the specification with each status of its name.
fn pairs<'p>(
    containers: &'p [Container<'p>],
    statuses: &'p [ContainerStatus<'p>],
    mut write: impl FnMut(&Container<'p>, &ContainerStatus<'p>),
) {
    for container in containers {
        statuses.iter().filter(|s| *s.name == *container.name).for_each(|s| write(container, s));
    }
}

/// CPU counts in thousandths of a core, everything else in whole units.
fn resources<'p>(
    p: &'p Pod<'p>,
    containers: &'p [Container<'p>],
    of: impl Fn(&'p Container<'p>) -> &'p Map<'p, Quantity>,
    rows: &mut Rows<'_>,
) {
    for container in containers {
        for (name, quantity) in of(container).iter() {
            let number = if name == "cpu" { quantity.thousandths() } else { quantity.whole() };
            let mut row = |resource: &str, unit: &str| {
                rows.row(&[&container.name, &p.spec.node_name, resource, unit], number);
            };
            match (name, unit::of(name)) {
                // The two that nearly every container has need no copy of their names.
                ("cpu" | "memory", Some(unit)) => row(name, unit),
                (_, Some(unit)) => row(&label::sanitized(name), unit),
                (_, None) => {}
            }
        }
    }
}

fn started(statuses: &[ContainerStatus<'_>], rows: &mut Rows<'_>) {
    for status in statuses {
        match (&status.state.running, &status.state.terminated) {
            (Some(running), _) => rows.row(&[&status.name], running.started_at),
            (None, Some(terminated)) => rows.row(&[&status.name], terminated.started_at),
            (None, None) => {}
        }
    }
}

/// Containers that were started anew, and how they had ended.
fn last<'p>(
    statuses: &'p [ContainerStatus<'p>],
    mut write: impl FnMut(&ContainerStatus<'p>, &Terminated<'p>),
) {
    for status in statuses {
        if let Some(terminated) = &status.last_state.terminated {
            write(status, terminated);
        }
    }
}

fn restarts(statuses: &[ContainerStatus<'_>], rows: &mut Rows<'_>) {
    for status in statuses {
        rows.row(&[&status.name], status.restart_count);
    }
}

fn is<'p>(
    statuses: &'p [ContainerStatus<'p>],
    holds: impl Fn(&ContainerStatus<'p>) -> bool,
    rows: &mut Rows<'_>,
) {
    for status in statuses {
        rows.row(&[&status.name], holds(status));
    }
}

fn terminated(statuses: &[ContainerStatus<'_>], rows: &mut Rows<'_>) {
    for status in statuses {
        if let Some(terminated) = &status.state.terminated {
            rows.info(&[&status.name, &terminated.reason]);
        }
    }
}

fn waiting(statuses: &[ContainerStatus<'_>], rows: &mut Rows<'_>) {
    for status in statuses {
        if let Some(waiting) = &status.state.waiting {
            rows.info(&[&status.name, &waiting.reason]);
        }
    }
}
