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
    support::{child, root, skip},
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
