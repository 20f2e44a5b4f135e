//! An alert on one of our metrics arrives where people are told: Prometheus evaluates it over a real
//! scrape, Alertmanager sends it.
#![expect(clippy::disallowed_methods, reason = "tests keep files")]

use crate::{
    ground::{
        alertmanager::{Alertmanager, Webhook},
        prometheus::Prometheus,
    },
    support::{child, skip},
};
use std::{fs, time::Duration};

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
