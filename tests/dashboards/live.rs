//! Every query of every page has an answer on a real node in trouble: units that fail, flap, wait for
//! their time and use more than nothing, pods that crash, starve and are refused, an alert that fires.
//! What such a node cannot tell stands in `tests/dashboards_without_data.tsv` with the reason; where the reason is
//! the machine and this one is another, it is asked for.

use super::{pages, queries};
use crate::{
    ground::{image::PAUSE, node::Node, prometheus::Prometheus},
    support::{EXPORTER, child::wait, read, skip},
};
use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

/// A guard against what hangs; nothing is proved by it.
const GUARD: Duration = Duration::from_mins(12);

/// The queries that this does not ask for, and why.
const WITHOUT: &str = "tests/dashboards_without_data.tsv";

/// Where the node has the cluster's certificates.
const PKI: &str = "/etc/kubernetes/pki";

/// Services of the node, by name.
const UNITS: [(&str, &str); 7] = [
    ("busy", "ExecStart=/bin/sh -c 'while :; do :; done'\nCPUQuota=5%\n"),
    ("limited", "ExecStart=/bin/sleep infinity\nTasksMax=20\n"),
    ("shot", "ExecStart=/bin/sleep infinity\n"),
    ("broken", "ExecStart=/bin/sh -c 'echo \"<3>cannot open the data\"; sleep 1; exit 7'\n"),
    (
        "flappy",
        "ExecStart=/bin/sh -c 'echo \"<3>lost the connection to db 5432\"; sleep 3; exit 1'\n\
         Restart=always\nRestartSec=3\nStartLimitIntervalSec=0\n",
    ),
    ("backup", "Type=oneshot\nExecStart=/bin/true\n"),
    ("nightly", "Type=oneshot\nExecStart=/bin/true\n"),
];

/// What they are beside: files of units.
const OTHER_UNITS: [(&str, &str); 4] = [
    ("backup.timer", "[Timer]\nOnActiveSec=5\nOnUnitActiveSec=30\nAccuracySec=1s\n"),
    ("nightly.timer", "[Timer]\nOnCalendar=*-*-* 04:00:00\n"),
    ("echo.socket", "[Socket]\nListenStream=/run/echo.sock\nAccept=yes\n"),
    ("echo@.service", "[Service]\nExecStart=/bin/cat\nStandardInput=socket\n"),
];

const OBJECTS: &str = include_str!("live.yaml");

const RULES: &str = "groups: [{name: g, rules: [{alert: UnitFailed, expr: \
    'systemd_unit_state{state=\"failed\"} == 1', labels: {severity: warning}}]}]\n";

#[test]
fn every_query_has_data() {
    let name = "dashboards::live::every_query_has_data";
    if let Err(reason) = Node::possible() {
        return skip(name, &reason);
    }
    let node = Node::start(&[]).unwrap_or_else(|error| panic!("a node: {error}"));
    put_to_work(&node);
    let machine = node.name();
    let dir = tempfile::tempdir().expect("a temporary directory");
    let rules = dir.path().join("rules.yml");
    fs::write(&rules, RULES).expect("a file");
    let config = format!(
        "
global: {{scrape_interval: 10s, scrape_timeout: 10s, evaluation_interval: 10s}}
rule_files: ['{}']
scrape_configs:
- job_name: any
  honor_labels: true
  static_configs:
  - {{targets: ['127.0.0.1:10150'], labels: {{instance: {machine}, node: {machine}, cluster: c}}}}
  - {{targets: ['127.0.0.1:1'], labels: {{instance: gone}}}}
",
        rules.display()
    );
    let prometheus = match Prometheus::start(&config, Some(&node)) {
        Ok(prometheus) => prometheus,
        Err(reason) => return skip(name, &reason),
    };
    let without = read(WITHOUT);
    let mut listed: Vec<(&str, &str)> = without
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit_once('\t'))
        .collect();
    let mut open = Vec::new();
    for (page, value) in pages() {
        for (title, number, expr) in queries(&value) {
            let query = format!("{page}\t{title}\t{number}");
            let at = listed.iter().position(|(known, _)| *known == query);
            let reason = at.map(|at| listed.swap_remove(at).1);
            if reason.is_none_or(is_met) {
                open.push((query, chosen(&expr, &machine)));
            }
        }
    }
    assert!(listed.is_empty(), "{WITHOUT} has queries that no page has: {listed:#?}");
    let all = open.len();
    let end = Instant::now() + GUARD;
    wait("an answer to every query, or which have none", GUARD * 2, || {
        open.retain(|(_, expr)| prometheus.query(expr).is_empty());
        (open.is_empty() || Instant::now() > end).then_some(())
    });
    assert!(open.is_empty(), "{} of {all} queries have no data: {open:#?}", open.len());
}

/// The exporter, and what it is to tell of.
fn put_to_work(node: &Node) {
    fs::copy(EXPORTER, node.shared().join("hybrid-exporter")).expect("the program");
    let flags = format!(
        "--kubeconfig=/etc/kubernetes/admin.conf --node-name={} --cluster.lease-namespace=kube-system \
         --systemd.collector.enable-resources --containers.sandbox-image={PAUSE} \
         --kubelet.ca-file={PKI}/ca.crt --kubelet.cert-file={PKI}/admin.crt --kubelet.key-file={PKI}/key",
        node.name()
    );
    node.unit("hybrid-exporter", &format!("/shared/hybrid-exporter {flags}"));
    for (name, settings) in UNITS {
        node.service(name, settings);
    }
    for (name, text) in OTHER_UNITS {
        node.write(&format!("/etc/systemd/system/{name}"), text);
    }
    node.run(120, &["systemctl", "daemon-reload"]);
    let started = ["busy", "limited", "shot", "broken", "flappy"].map(|s| format!("{s}.service"));
    let others = ["backup.timer", "nightly.timer", "echo.socket"];
    let mut start = vec!["systemctl", "start"];
    start.extend(started.iter().map(String::as_str).chain(others));
    node.run(120, &start);
    node.run(120, &["systemctl", "kill", "--signal=SEGV", "shot.service"]);
    node.run(60, &["mkdir", "/var/lib/kept"]);
    let taint = "team=data:PreferNoSchedule";
    node.kubectl(&["taint", "node", &node.name(), taint], "");
    node.apply(&OBJECTS.replace("IMAGE", PAUSE));
}

/// Whether this machine has what a query was left out for.
fn is_met(reason: &str) -> bool {
    match reason {
        "needs a kernel with pressure stall information" => {
            Path::new("/proc/pressure/cpu").exists()
        }
        "needs the kernel's module for tracking connections" => {
            Path::new("/proc/sys/net/netfilter/nf_conntrack_count").exists()
        }
        "needs a disk" => {
            let disks = fs::read_to_string("/proc/diskstats").unwrap_or_default();
            let mut names = disks.lines().filter_map(|line| line.split_whitespace().nth(2));
            names.any(|name| !["loop", "ram", "zram", "fd"].iter().any(|own| name.starts_with(own)))
        }
        _ => false,
    }
}

/// A query with the variables chosen: this machine, every pod.
fn chosen(expr: &str, machine: &str) -> String {
    let mut expr = expr.replace("$__rate_interval", "5m").replace("$__range", "15m");
    for (variable, value) in [
        ("$cluster", ".*"),
        ("$job", ".+"),
        ("$instance", machine),
        ("$node", machine),
        ("$namespace", "shop"),
        ("$workload", ".*"),
        ("$pod", ".+"),
        ("$unit", ".+"),
    ] {
        expr = expr.replace(variable, value);
    }
    expr
}
