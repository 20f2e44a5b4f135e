//! What `alerts/` ships holds together, and an alert on one of our metrics arrives where people are told: Prometheus
//! evaluates it over a real scrape, Alertmanager sends it.
#![expect(clippy::disallowed_methods, reason = "tests keep files")]

mod routes;
mod rules;

use crate::{
    ground::{
        alertmanager::{Alertmanager, Webhook},
        prometheus::{Prometheus, Rule},
    },
    support::{child, read, root, skip},
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, fs, time::Duration};

#[test]
fn alert_arrives() {
    let name = "alerts::alert_arrives";
    let webhook = Webhook::start();
    let alertmanager = match Alertmanager::start(&webhook) {
        Ok(alertmanager) => alertmanager,
        Err(reason) => return skip(name, &reason),
    };
    let (_exporter, address) = child::exporter(&[]);
    let dir = tempfile::tempdir().expect("a temporary directory");
    let rules = dir.path().join("rules.yml");
    let rule = "groups: [{name: g, rules: [{alert: HostIsUp, expr: node_load1 >= 0}]}]\n";
    fs::write(&rules, rule).expect("a file");
    let config = format!(
        "
global: {{scrape_interval: 5s, scrape_timeout: 5s, evaluation_interval: 1s}}
rule_files: ['{}']
alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{}']}}]}}]}}
scrape_configs: [{{job_name: hosts, static_configs: [{{targets: ['{address}']}}]}}]
",
        rules.display(),
        alertmanager.address
    );
    let _prometheus = match Prometheus::start(&config, None) {
        Ok(prometheus) => prometheus,
        Err(reason) => return skip(name, &reason),
    };
    let told = webhook.wait_for("HostIsUp", Duration::from_mins(4));
    assert!(told.contains(&format!("\"instance\":\"{address}\"")), "{told}");
    assert!(told.contains("\"status\":\"firing\""), "{told}");
}

/// Every shipped rule evaluates over a real machine that is told three times, as it is by part paths and by the
/// light scrape: no join meets two of the same, and the watchdog barks.
#[test]
fn rules_run() {
    let name = "alerts::rules_run";
    let (_exporter, address) = child::exporter(&[]);
    let targets = format!("honor_labels: true, static_configs: [{{targets: ['{address}']}}]");
    let config = format!(
        "
global: {{scrape_interval: 5s, scrape_timeout: 5s, evaluation_interval: 5s}}
rule_files: ['{}/alerts/*.rules.yaml']
scrape_configs:
- {{job_name: all, {targets}}}
- {{job_name: twice, {targets}}}
- {{job_name: watch, params: {{'collect[]': [watches]}}, {targets}}}
",
        root().display()
    );
    let prometheus = match Prometheus::start(&config, None) {
        Ok(prometheus) => prometheus,
        Err(reason) => return skip(name, &reason),
    };
    prometheus.until("count(node_load1) == 2", Duration::from_mins(4), |rows| {
        (!rows.is_empty()).then_some(())
    });
    // What is evaluated from here on has seen the scrapes.
    let before = prometheus.rules();
    let rules = child::wait("every rule to run", Duration::from_mins(4), || {
        let now = prometheus.rules();
        let ran = |(rule, before): (&Rule, &Rule)| rule.evaluated != before.evaluated;
        (now.len() == before.len() && now.iter().zip(&before).all(ran)).then_some(now)
    });
    let ill: Vec<_> = rules.iter().filter(|rule| rule.health != "ok").collect();
    assert!(ill.is_empty(), "{ill:#?}");
    let barks = rules.iter().any(|rule| rule.name == "Watchdog" && rule.state == "firing");
    assert!(barks, "{rules:#?}");
}

/// The shipped scrape configuration over pods as discovery tells of them: each target is a machine, or a pod of a
/// Deployment beside one, and no two are the same.
#[test]
fn targets_are_told_apart() {
    let file: Value = serde_saphyr::from_str(&read("alerts/prometheus.yaml")).expect("YAML");
    let jobs = file.pointer("/scrape_configs").and_then(Value::as_array).expect("jobs");
    let job = jobs.iter().find(|job| job["job_name"] == "hybrid-exporter-node").expect("it");
    // Component, name, node, port, phase.
    let pods = [
        ["node", "agent-1", "n1", "10150", "Running"],
        ["cluster", "cluster-x", "n1", "10150", "Running"],
        ["node", "agent-2", "n2", "10150", "Pending"],
        // What a node that was shut down has left.
        ["node", "agent-0", "n2", "10150", "Failed"],
        ["test", "test", "n1", "", "Running"],
    ];
    let told = pods.iter().enumerate().map(|(at, [component, name, node, port, phase])| {
        json!({"targets": [format!("127.0.0.{}:1", at + 1)], "labels": {
            "__meta_kubernetes_pod_label_app_kubernetes_io_name": "hybrid-exporter",
            "__meta_kubernetes_pod_label_app_kubernetes_io_component": component,
            "__meta_kubernetes_pod_name": name,
            "__meta_kubernetes_pod_node_name": node,
            "__meta_kubernetes_pod_container_port_number": port,
            "__meta_kubernetes_pod_phase": phase,
        }})
    });
    let config = json!({"scrape_configs": [{
        "job_name": "nodes",
        "static_configs": told.collect::<Vec<_>>(),
        "relabel_configs": job["relabel_configs"],
    }]});
    let prometheus = match Prometheus::start(&config.to_string(), None) {
        Ok(prometheus) => prometheus,
        Err(reason) => return skip("alerts::targets_are_told_apart", &reason),
    };
    let targets = child::wait("the targets", Duration::from_mins(4), || {
        let targets = prometheus.targets();
        let of = |state: &str| targets[state].as_array().map_or(0, Vec::len);
        (of("activeTargets") + of("droppedTargets") == pods.len()).then_some(targets)
    });
    let active = targets["activeTargets"].as_array().expect("a list").iter();
    let labels: BTreeSet<_> = active.map(|target| target["labels"].to_string()).collect();
    let expected = [
        json!({"instance": "n1", "job": "nodes", "node": "n1"}),
        json!({"hybrid_component": "cluster", "instance": "cluster-x", "job": "nodes"}),
        json!({"instance": "n2", "job": "nodes", "node": "n2"}),
    ];
    assert_eq!(labels, expected.iter().map(Value::to_string).collect());
}
