//! Who is told of an alert, and what is kept quiet by another: amtool's and a running Alertmanager's word on
//! `alerts/alertmanager.yaml`.

use crate::{
    ground::alertmanager::Alertmanager,
    support::{
        child::{run, wait},
        program, read, root, skip,
    },
};
use serde_json::Value;
use std::{collections::BTreeSet, time::Duration};

const CONFIG: &str = "alerts/alertmanager.yaml";

/// Labels of an alert, and its receiver.
const ROUTES: [(&str, &[&str]); 7] = [
    ("watchdog", &["alertname=Watchdog", "severity=none"]),
    ("nobody", &["alertname=Other", "severity=none"]),
    ("pager", &["alertname=NodeCutOffFromAPI", "severity=critical", "node=n1"]),
    ("pager", &["alertname=NodeDown", "severity=critical", "node=n1"]),
    ("pager", &["alertname=WorkloadUnavailable", "severity=critical", "component=workload"]),
    ("ticket", &["alertname=PodCrashed", "severity=warning", "component=workload"]),
    ("ticket", &["alertname=UnitFailed", "severity=warning", "component=systemd"]),
];

/// Alerts that fire together, and which of them are told. A label that is missing on both sides must not make
/// strangers equal.
const TOGETHER: [&[(bool, &[&str])]; 6] = [
    &[
        (true, &["NodeDown", "severity=critical", "component=node", "cluster=c", "node=n1"]),
        (false, &["NodeNotReady", "severity=critical", "component=node", "cluster=c", "node=n1"]),
        (
            false,
            &[
                "PodCrashed",
                "severity=warning",
                "component=workload",
                "cluster=c",
                "node=n1",
                "pod=a",
            ],
        ),
        (
            false,
            &[
                "UnitFailed",
                "severity=warning",
                "component=systemd",
                "cluster=c",
                "node=n1",
                "unit=u",
            ],
        ),
        (
            true,
            &[
                "PodCrashed",
                "severity=warning",
                "component=workload",
                "cluster=c",
                "node=n2",
                "pod=b",
            ],
        ),
        (
            true,
            &[
                "UnitFailed",
                "severity=warning",
                "component=systemd",
                "cluster=d",
                "node=n1",
                "unit=u",
            ],
        ),
        (
            true,
            &["RolloutStuck", "severity=warning", "component=workload", "cluster=c", "workload=w"],
        ),
        (
            true,
            &[
                "QuotaNearLimit",
                "severity=warning",
                "component=cluster",
                "cluster=c",
                "namespace=s",
            ],
        ),
    ],
    &[
        (true, &["NodeDown", "severity=critical", "component=node", "cluster=e"]),
        (true, &["PodCrashed", "severity=warning", "component=workload", "cluster=e", "pod=a"]),
    ],
    &[
        (
            true,
            &[
                "NodeServiceDown",
                "severity=critical",
                "component=node",
                "cluster=f",
                "node=n1",
                "unit=kubelet.service",
            ],
        ),
        (false, &["NodeNotReady", "severity=critical", "component=node", "cluster=f", "node=n1"]),
        (
            false,
            &[
                "UnitFailed",
                "severity=warning",
                "component=systemd",
                "cluster=f",
                "node=n1",
                "unit=kubelet.service",
            ],
        ),
        (
            true,
            &[
                "UnitFailed",
                "severity=warning",
                "component=systemd",
                "cluster=f",
                "node=n1",
                "unit=web.service",
            ],
        ),
    ],
    &[
        (true, &["APIServerUnreachable", "severity=critical", "component=cluster", "cluster=g"]),
        (
            false,
            &["NodeCutOffFromAPI", "severity=critical", "component=node", "cluster=g", "node=n1"],
        ),
        (false, &["ClusterUnserved", "severity=warning", "component=exporter", "cluster=g"]),
        (
            true,
            &["NodeCutOffFromAPI", "severity=critical", "component=node", "cluster=h", "node=n1"],
        ),
    ],
    &[
        (
            true,
            &[
                "WorkloadUnavailable",
                "severity=critical",
                "component=workload",
                "cluster=i",
                "namespace=s",
                "workload=w",
            ],
        ),
        (
            false,
            &[
                "PodCrashLooping",
                "severity=warning",
                "component=workload",
                "cluster=i",
                "namespace=s",
                "workload=w",
                "pod=w-1",
            ],
        ),
        (
            true,
            &[
                "PodCrashLooping",
                "severity=warning",
                "component=workload",
                "cluster=i",
                "namespace=s",
                "workload=v",
                "pod=v-1",
            ],
        ),
        (
            false,
            &[
                "PodCrashed",
                "severity=warning",
                "component=workload",
                "cluster=i",
                "namespace=s",
                "workload=v",
                "pod=v-1",
            ],
        ),
        (
            true,
            &["HPAAtMaximum", "severity=warning", "component=workload", "cluster=i", "namespace=s"],
        ),
    ],
    &[
        (
            true,
            &["FilesystemFilling", "severity=critical", "component=host", "node=db1", "device=sda"],
        ),
        (
            false,
            &["FilesystemFilling", "severity=warning", "component=host", "node=db1", "device=sda"],
        ),
        (
            true,
            &["FilesystemFilling", "severity=warning", "component=host", "node=db1", "device=sdb"],
        ),
        (true, &["FilesystemReadOnly", "severity=critical", "component=host", "node=db1"]),
        (false, &["KernelProblem", "severity=warning", "component=host", "node=db1"]),
    ],
];

fn amtool(args: &[&str]) -> String {
    let out = run(120, "amtool", args, b"");
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.success(), "{args:?}: {said}{}", String::from_utf8_lossy(&out.stderr));
    said
}

#[test]
fn receivers_are_right() {
    if let Err(reason) = program("amtool") {
        return skip("alerts::routes::receivers_are_right", &reason);
    }
    let file = root().join(CONFIG).display().to_string();
    amtool(&["check-config", &file]);
    for (receiver, labels) in ROUTES {
        let (config, verify) =
            (format!("--config.file={file}"), format!("--verify.receivers={receiver}"));
        let mut args = vec!["config", "routes", "test", &config, &verify];
        args.extend(labels);
        amtool(&args);
    }
}

#[test]
fn what_explains_keeps_the_rest_quiet() {
    let name = "alerts::routes::what_explains_keeps_the_rest_quiet";
    if let Err(reason) = program("amtool") {
        return skip(name, &reason);
    }
    let alertmanager = match Alertmanager::with(&read(CONFIG)) {
        Ok(alertmanager) => alertmanager,
        Err(reason) => return skip(name, &reason),
    };
    let url = format!("--alertmanager.url=http://{}", alertmanager.address);
    let mut all = BTreeSet::new();
    let mut quiet = BTreeSet::new();
    for (is_told, labels) in TOGETHER.into_iter().flatten() {
        let mut args = vec!["alert", "add", url.as_str()];
        args.extend(*labels);
        amtool(&args);
        let mut labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        if let Some(first) = labels.first_mut() {
            first.insert_str(0, "alertname=");
        }
        labels.sort();
        if !is_told {
            quiet.insert(labels.clone());
        }
        all.insert(labels);
    }
    // An alert's state is known once it has been looked at; until then it is unprocessed.
    let seen = wait("all alerts to be looked at", Duration::from_mins(4), || {
        let said = amtool(&[
            "alert",
            "query",
            &url,
            "--active",
            "--inhibited",
            "--unprocessed",
            "--output=json",
        ]);
        let seen: Value = serde_json::from_str(&said).expect("JSON");
        let alerts = seen.as_array().cloned().unwrap_or_default();
        let is_known = alerts.iter().all(|alert| state(alert) != "unprocessed");
        (alerts.len() == all.len() && is_known).then_some(alerts)
    });
    let suppressed: BTreeSet<Vec<String>> =
        seen.iter().filter(|alert| state(alert) == "suppressed").map(labels).collect();
    assert_eq!(suppressed, quiet);
}

fn state(alert: &Value) -> &str {
    alert.pointer("/status/state").and_then(Value::as_str).unwrap_or_default()
}

fn labels(alert: &Value) -> Vec<String> {
    let labels = alert.get("labels").and_then(Value::as_object).into_iter().flatten();
    let mut labels: Vec<String> = labels
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    labels.sort();
    labels
}
