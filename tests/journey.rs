//! From a machine to a graph: the exporter runs as a unit of a real systemd and as a pod of a real
//! `DaemonSet`; a real Prometheus finds the pod by itself, scrapes both, and answers a query.

use crate::{
    ground::{host::Host, image, node::Node, prometheus::Prometheus},
    support::skip,
};
use std::{fs, time::Duration};

/// The least that a node agent needs.
const MANIFEST: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: monitoring}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: hybrid-exporter, namespace: monitoring}
spec:
  selector: {matchLabels: {app: hybrid-exporter}}
  template:
    metadata: {labels: {app: hybrid-exporter}}
    spec:
      automountServiceAccountToken: false
      containers:
        - name: exporter
          image: docker.io/ground/hybrid-exporter:1
          imagePullPolicy: Never
          args: [--path.procfs=/host/proc, --path.sysfs=/host/sys, --path.rootfs=/host]
          ports: [{name: metrics, containerPort: 10150}]
          readinessProbe: {httpGet: {path: /-/ready, port: metrics}, periodSeconds: 1}
          volumeMounts: [{name: host, mountPath: /host, readOnly: true}]
      hostPID: true
      volumes: [{name: host, hostPath: {path: /}}]
";

#[test]
fn from_a_machine_to_a_query() {
    let name = "journey::from_a_machine_to_a_query";
    let dir = tempfile::tempdir().expect("a temporary directory");
    let started = image::exporter(dir.path()).and_then(|image| Node::start(&[image]));
    let node = match started {
        Ok(node) => node,
        Err(reason) => return skip(name, &reason),
    };
    let host = Host::start().expect("a machine that runs a node can boot a host");
    let address = node.link(1, &host);
    let binary = image::binary().expect("the image was made of it");
    fs::copy(binary, host.shared().join("hybrid-exporter")).expect("the shared folder");
    host.unit("hybrid-exporter", "/shared/hybrid-exporter");
    node.apply(MANIFEST);
    let bound = Duration::from_mins(5);
    node.rolled_out("monitoring", "daemonset/hybrid-exporter", bound);

    let config = format!(
        "
global: {{scrape_interval: 5s, scrape_timeout: 5s}}
scrape_configs:
  - job_name: pods
    kubernetes_sd_configs: [{{role: pod, kubeconfig_file: {kubeconfig}}}]
    relabel_configs:
      - {{source_labels: [__meta_kubernetes_pod_container_port_name], regex: metrics, action: keep}}
      - {{source_labels: [__meta_kubernetes_pod_node_name], target_label: node}}
      - {{source_labels: [__meta_kubernetes_pod_name], target_label: pod}}
  - job_name: hosts
    static_configs: [{{targets: ['{address}:10150']}}]
",
        kubeconfig = node.kubeconfig().display()
    );
    let prometheus = match Prometheus::start(&config, Some(&node)) {
        Ok(prometheus) => prometheus,
        Err(reason) => return skip(name, &reason),
    };
    let first = |lines: &[String]| lines.first().cloned();
    prometheus.until("up{job='pods'} == 1", bound, first);
    prometheus.until("up{job='hosts'} == 1", bound, first);

    // The pod's own address, which only the cluster knows.
    let pods = ["-n", "monitoring", "get", "pods", "-o", "jsonpath={.items[*].status.podIP}"];
    let pod = node.kubectl(&pods, "");
    assert!(pod.starts_with("10.244.0."), "{pod}");
    let one = |lines: &[String]| match lines {
        [] => None,
        [line] => Some(line.clone()),
        more => panic!("{more:#?}"),
    };
    let memory = prometheus.until("node_memory_MemTotal_bytes{job='pods'}", bound, one);
    let (line, value) = memory.split_once(" => ").expect("a sample");
    assert!(line.contains(&format!("node=\"{}\"", node.name())), "{line}");
    assert!(line.contains(&format!("instance=\"{pod}:10150\"")), "{line}");
    let told =
        node.run(60, &["sed", "-n", "s/^MemTotal: *\\([0-9]*\\) kB$/\\1/p", "/proc/meminfo"]);
    let told: f64 = told.trim().parse().expect("a number of KiB");
    let value: f64 = value.split(' ').next().unwrap_or_default().parse().expect("a number");
    assert!((value - told * 1024.0).abs() < 1.0, "{value} is not {told} KiB");

    // The unit's host says its own name.
    let named = prometheus.until("node_uname_info{job='hosts'}", bound, one);
    assert!(named.contains(&format!("nodename=\"{}\"", host.name())), "{named}");
}
