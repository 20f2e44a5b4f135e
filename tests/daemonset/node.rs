//! On a real node: from the manifests and from the chart, as the user without any privilege, scraped by a real
//! Prometheus as the monitors say; and what each missing privilege costs stands on the status page.

use super::{
    BASE, CHART, KINDS, NAMESPACE, kustomize, path,
    rendered::{Objects, at, list, own, text_at},
    tool,
};
use crate::{
    ground::{done, image, node::Node, prometheus::Prometheus},
    support::{
        child::{run, wait},
        kept, peer, skip,
    },
};
use serde_json::{Value, json};
use std::{fmt::Write as _, path::PathBuf, process::Output, time::Duration};

/// A guard against what hangs.
const GUARD: Duration = Duration::from_mins(5);

/// A node with the operator's definitions, and what is told of it where it is installed.
struct Site {
    node: Node,
    helm: PathBuf,
    /// The number of the group that reads the journal there.
    group: String,
}

// === impl Site ===

impl Site {
    fn start() -> Result<Self, String> {
        let helm = peer("helm")?;
        let definitions = kept("prometheus-operator.yaml")?;
        let dir = tempfile::tempdir().expect("a temporary directory");
        let node = Node::start(&[image::exporter(dir.path())?])?;
        let definitions = definitions.display().to_string();
        node.kubectl(&["apply", "--server-side", "-f", &definitions], "");
        node.kubectl(
            &["wait", "--for=condition=Established", "crd", "--all", "--timeout=300s"],
            "",
        );
        let group = node.run(60, &["stat", "-c", "%g", "/var/log/journal"]).trim().to_owned();
        let site = Self { node, helm, group };
        // What is established is served and discovered a moment later.
        wait("the operator's resources", GUARD, || {
            let get = ["get", "podmonitors,servicemonitors,prometheusrules", "--all-namespaces"];
            site.ask(&get, "").status.success().then_some(())
        });
        Ok(site)
    }

    /// A kustomization of this node's own: its image, its group.
    fn kustomized(&self, components: &[&str], more: &str) -> String {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (name, tag) = image::EXPORTER.rsplit_once(':').expect("a tag");
        let group = &self.group;
        let more = format!(
            "images: [{{name: hybrid-exporter, newName: {name}, newTag: '{tag}'}}]\npatches:\n\
             - target: {{kind: DaemonSet}}\n  patch: |\n    - {{op: replace, path: \
             /spec/template/spec/securityContext/supplementalGroups/0, value: {group}}}\n{more}"
        );
        let dir_of = own(dir.path(), BASE, components, &more);
        tool("kubectl", &["kustomize", &dir_of]).expect("kubectl was there")
    }

    fn apply(&self, manifests: &str) {
        let args = ["apply", "--server-side", "--force-conflicts", "--validate=strict", "-f", "-"];
        self.node.kubectl(&args, manifests);
    }

    fn helm(&self, args: &[&str]) -> String {
        let mut all = self.node.in_network();
        all.push(self.helm.display().to_string());
        all.push(format!("--kubeconfig={}", self.node.kubeconfig().display()));
        all.push(format!("--namespace={NAMESPACE}"));
        all.extend(args.iter().map(|arg| (*arg).to_owned()));
        let (program, args) = all.split_first().expect("a command");
        done(600, program, args, b"")
    }

    /// What kubectl says as the administrator, however it ends.
    fn ask(&self, args: &[&str], input: &str) -> Output {
        let mut all = self.node.in_network();
        all.push(peer("kubectl").expect("kubectl was there").display().to_string());
        all.push(format!("--kubeconfig={}", self.node.kubeconfig().display()));
        all.extend(args.iter().map(|arg| (*arg).to_owned()));
        let (program, args) = all.split_first().expect("a command");
        run(120, program, args, input.as_bytes())
    }

    fn agent_is_ready(&self) {
        self.node.rolled_out(NAMESPACE, "daemonset/hybrid-exporter", GUARD);
    }

    /// The exporter's process: nobody, without a capability, without a way to more.
    fn agent_has_no_privilege(&self) {
        let status =
            self.node.run(60, &["sh", "-c", "cat /proc/$(pgrep -x hybrid-exporter)/status"]);
        for line in [
            "Uid:\t65534\t65534\t65534\t65534",
            "CapEff:\t0000000000000000",
            "CapBnd:\t0000000000000000",
            "NoNewPrivs:\t1",
            "Seccomp:\t2",
        ] {
            assert!(status.contains(&format!("{line}\n")), "{line}: {status}");
        }
    }

    /// Prometheus as the operator configures it by these objects' monitors.
    fn prometheus(&self, objects: &Objects) -> Prometheus {
        let monitors = objects
            .0
            .values()
            .filter(|object| ["PodMonitor", "ServiceMonitor"].contains(&text_at(object, "/kind")));
        let jobs: Vec<Value> = monitors.flat_map(|monitor| self.jobs(monitor)).collect();
        assert!(!jobs.is_empty());
        let config = json!({"scrape_configs": jobs}).to_string();
        Prometheus::start(&config, Some(&self.node)).expect("a machine that runs a node has it")
    }

    /// The scrape configurations of a monitor: what the operator puts before the monitor's own relabelling.
    fn jobs(&self, monitor: &Value) -> Vec<Value> {
        let (role, of, port_name, endpoints) = match text_at(monitor, "/kind") {
            "PodMonitor" => ("pod", "pod", "pod_container_port_name", "/spec/podMetricsEndpoints"),
            _ => ("endpoints", "service", "endpoint_port_name", "/spec/endpoints"),
        };
        let label = |name: &str| {
            let name = name.replace(['.', '/', '-'], "_");
            format!("__meta_kubernetes_{of}_label_{name}")
        };
        let selected = at(monitor, "/spec/selector/matchLabels").as_object().expect("labels");
        let mut jobs = Vec::new();
        for (index, endpoint) in list(monitor, endpoints).iter().enumerate() {
            let mut relabel = Vec::new();
            for (name, value) in selected {
                relabel.push(
                    json!({"action": "keep", "source_labels": [label(name)], "regex": value}),
                );
            }
            let port = text_at(endpoint, "/port");
            let port_name = format!("__meta_kubernetes_{port_name}");
            relabel.push(json!({"action": "keep", "source_labels": [port_name], "regex": port}));
            for (from, to) in [
                ("namespace", "namespace"),
                ("pod_container_name", "container"),
                ("pod_name", "pod"),
                ("service_name", "service"),
            ] {
                let from = format!("__meta_kubernetes_{from}");
                relabel.push(json!({"source_labels": [from], "target_label": to}));
            }
            let job = label(text_at(monitor, "/spec/jobLabel"));
            relabel.push(json!({"source_labels": [job], "target_label": "job", "regex": "(.+)"}));
            relabel.push(json!({"target_label": "endpoint", "replacement": port}));
            for own in list(endpoint, "/relabelings") {
                let own = own.as_object().expect("a mapping").iter().map(|(key, value)| {
                    let key = match key.as_str() {
                        "sourceLabels" => "source_labels",
                        "targetLabel" => "target_label",
                        key => key,
                    };
                    (key.to_owned(), value.clone())
                });
                relabel.push(Value::Object(own.collect()));
            }
            let mut job = json!({
                "job_name": format!("{role}/{}/{index}", text_at(monitor, "/metadata/name")),
                "honor_labels": at(endpoint, "/honorLabels"),
                "metrics_path": at(endpoint, "/path"),
                // Sooner than where there is time.
                "scrape_interval": "5s",
                "scrape_timeout": "5s",
                "kubernetes_sd_configs": [{
                    "role": role,
                    "kubeconfig_file": self.node.kubeconfig(),
                    "namespaces": {"names": [NAMESPACE]},
                }],
                "relabel_configs": relabel,
            });
            if let Some(params) = endpoint.get("params") {
                let job = job.as_object_mut().expect("a mapping");
                job.insert("params".to_owned(), params.clone());
            }
            jobs.push(job);
        }
        jobs
    }

    /// Each of these has an answer.
    fn told(prometheus: &Prometheus, queries: &[String]) {
        for query in queries {
            prometheus.until(query, GUARD, |rows| (!rows.is_empty()).then_some(()));
        }
    }

    fn manifests_serve_every_part(&self) {
        let manifests = self.kustomized(&["daemonset/components/monitors"], "");
        self.apply(&manifests);
        self.agent_is_ready();
        self.agent_has_no_privilege();
        let prometheus = self.prometheus(&Objects::new(&manifests));
        let node = self.node.name();
        let target = format!("job='hybrid-exporter',instance='{node}',node='{node}'");
        let mut queries = vec![format!("up{{{target},pod='',namespace=''}} == 1")];
        for source in ["systemd", "journal", "cluster", "kubelet", "upstream"] {
            queries.push(format!("hybrid_source_up{{{target},source='{source}'}} == 1"));
        }
        // Each part, by more than one family.
        for (families, count) in [
            ("node_.+", 200),
            ("systemd_.+", 10),
            ("hybrid_journal_.+", 10),
            ("container_.+", 40),
            ("kube_.+", 50),
            ("kubelet_.+", 20),
            ("etcd_.+", 20),
        ] {
            let names = format!("group by (__name__) ({{__name__=~'{families}',{target}}})");
            queries.push(format!("count({names}) > {count}"));
        }
        // What takes the host's namespaces and the journal's group.
        queries.push(format!("node_network_receive_bytes_total{{{target},device='node0'}}"));
        queries.push(format!(
            "container_processes{{{target},id='/system.slice/kubelet.service'}} > 0"
        ));
        queries.push(format!("hybrid_cluster_leader{{{target}}} == 1"));
        queries
            .push(format!("hybrid_watch_up{{job='hybrid-exporter-watch',instance='{node}'}} == 1"));
        Self::told(&prometheus, &queries);
        let late = prometheus.query(&format!("hybrid_scrape_collector_timed_out{{{target}}} == 1"));
        assert!(late.is_empty(), "{late:?}");
    }

    /// Every object that is shipped, as the API server takes it.
    fn objects_are_valid(&self) {
        let dry = ["apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-"];
        let dry = [&dry[..], &["--force-conflicts"]].concat();
        for (dir, _) in KINDS {
            let text = tool("kubectl", &["kustomize", &path(dir)]).expect("kubectl was there");
            self.node.kubectl(&dry, &text);
        }
        let chart = path(CHART);
        let values = format!("--values={chart}/ci/everything-values.yaml");
        let args = ["template", "estate", &chart, &values, "--namespace", NAMESPACE];
        self.node.kubectl(&dry, &tool("helm", &args).expect("helm was there"));
    }

    /// Without a group that reads the journal, the host's namespaces, the kubelet's metrics and a resource.
    fn what_is_missing_is_said(&self) {
        let more = "- target: {kind: DaemonSet}\n  patch: |\n    \
             - {op: replace, path: /spec/template/spec/securityContext/supplementalGroups/0, value: 65533}\n    \
             - {op: remove, path: /spec/template/spec/hostNetwork}\n    \
             - {op: remove, path: /spec/template/spec/hostPID}\n\
             - target: {kind: ClusterRole, name: hybrid-exporter}\n  patch: |\n    \
             - {op: remove, path: /rules/0}\n\
             - target: {kind: ClusterRole, name: hybrid-exporter-cluster}\n  patch: |\n    \
             - {op: replace, path: /rules/2/resources, value: [deployments]}\n";
        self.apply(&self.kustomized(&[], more));
        let pods = ["get", "pods", "-n", NAMESPACE, "-o", "json"];
        let said = [
            "the group systemd-journal may read it",
            "give the pod hostNetwork",
            "give the pod hostPID",
            "nodes, subresource(s)=[metrics]",
            "daemonsets are not served: forbidden",
        ];
        wait("what is missing", GUARD, || {
            let pods: Value = serde_json::from_str(&self.node.kubectl(&pods, "")).expect("JSON");
            let [pod] = list(&pods, "/items") else { return None };
            let waits = pod.pointer("/metadata/deletionTimestamp").is_some()
                || at(pod, "/spec/hostNetwork") == true
                || at(pod, "/status/containerStatuses/0/started") != true;
            if waits {
                return None;
            }
            let name = text_at(pod, "/metadata/name");
            // It may not listen yet.
            let page = |path: &str| {
                let path = format!("/api/v1/namespaces/{NAMESPACE}/pods/{name}:10150/proxy{path}");
                let out = self.ask(&["get", "--raw", &path], "");
                out.status.success().then(|| String::from_utf8_lossy(&out.stdout).into_owned())
            };
            // The status page tells of the last scrape.
            page("/metrics")?;
            let status = page("/")?;
            said.iter().all(|text| status.contains(text)).then_some(())
        });
    }

    fn remove_the_manifests(&self) {
        let manifests = kustomize(&path(BASE)).expect("kubectl was there");
        for key in manifests.0.keys() {
            // All else is in the namespace.
            if key.starts_with("ClusterRole") || key.starts_with("Namespace/") {
                self.node.kubectl(&["delete", &key.to_lowercase()], "");
            }
        }
    }

    fn the_chart_serves_what_peers_did(&self) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (name, tag) = image::EXPORTER.rsplit_once(':').expect("a tag");
        let values = json!({
            "image": {"repository": name, "tag": tag, "pullPolicy": "Never"},
            "journal": {"group": self.group.parse::<u32>().expect("a number")},
            "monitors": {"enabled": true, "dropIn": true},
            "rules": {"enabled": true},
            "dashboards": {"enabled": true},
            "test": {"image": image::PAUSE},
        });
        let file = dir.path().join("values.yaml");
        #[expect(clippy::disallowed_methods, reason = "tests keep files")]
        std::fs::write(&file, values.to_string()).expect("a file");
        let (chart, values) = (path(CHART), format!("--values={}", file.display()));
        let wait = ["--wait", "--timeout=5m", "--create-namespace"];
        self.helm(&[&["install", NAMESPACE, &chart, &values], &wait[..]].concat());
        self.agent_is_ready();
        self.agent_has_no_privilege();
        self.helm(&["test", NAMESPACE, "--timeout=5m", "--logs"]);
        let args = ["template", NAMESPACE, &chart, &values, "--namespace", NAMESPACE];
        let objects = Objects::new(&tool("helm", &args).expect("helm was there"));
        let prometheus = self.prometheus(&objects);
        let node = self.node.name();
        let kubelet = format!("job='kubelet',instance='{node}',node='{node}',pod=''");
        let mut queries: Vec<String> = [
            "job='node-exporter',namespace='hybrid-exporter',pod=~'hybrid-exporter-.+'",
            "job='kube-state-metrics',node='',pod=''",
            "job='systemd-exporter'",
            "job='hybrid-exporter',metrics_path='/metrics/journal'",
            "job='hybrid-exporter',metrics_path='/metrics/upstream'",
            "job='hybrid-exporter-watch'",
        ]
        .iter()
        .map(|labels| format!("up{{{labels},instance='{node}'}} == 1"))
        .collect();
        for path in ["/metrics", "/metrics/cadvisor"] {
            queries.push(format!("up{{{kubelet},metrics_path='{path}'}} == 1"));
        }
        // As kubernetes-mixin and node-mixin ask.
        queries.extend([
            "count by (node) (node_cpu_seconds_total{mode='idle',job='node-exporter'} * on (namespace, pod) \
             group_left (node) topk by (namespace, pod) (1, max by (node, namespace, pod) \
             (kube_pod_info{job='kube-state-metrics',node!=''})))"
                .to_owned(),
            "kubelet_running_pods{job='kubelet',metrics_path='/metrics'} * on (instance) group_left (node) \
             kubelet_node_name{job='kubelet',metrics_path='/metrics'}"
                .to_owned(),
            "container_memory_working_set_bytes{job='kubelet',metrics_path='/metrics/cadvisor',image!=''} * on \
             (namespace, pod) group_left (node) topk by (namespace, pod) (1, max by (namespace, pod, node) \
             (kube_pod_info{node!=''}))"
                .to_owned(),
            "systemd_unit_state{job='systemd-exporter',name='kubelet.service',state='active'} == 1".to_owned(),
        ]);
        Self::told(&prometheus, &queries);
        self.helm(&["uninstall", NAMESPACE, "--wait", "--timeout=5m"]);
    }

    /// The cluster's part needs nothing of the node; the agents need the host's namespaces and files, and nothing else.
    fn restricted(&self) {
        let label = "pod-security.kubernetes.io/enforce=restricted";
        self.node.kubectl(&["create", "namespace", "restricted"], "");
        self.node.kubectl(&["label", "namespace", "restricted", label], "");
        let text = self.kustomized(&["daemonset/components/cluster-deployment"], "");
        let text = text.replace("namespace: hybrid-exporter\n", "namespace: restricted\n");
        let mut cluster = String::new();
        for document in text.split("\n---\n") {
            if !document.contains("kind: DaemonSet\n") && !document.contains("kind: Namespace\n") {
                let _written = write!(cluster, "---\n{document}\n");
            }
        }
        self.apply(&cluster);
        self.node.rolled_out("restricted", "deployment/hybrid-exporter-cluster", GUARD);

        let objects = Objects::new(&text);
        let agent = objects.0.get("DaemonSet/hybrid-exporter").expect("the agents");
        let mut agent = at(agent, "/spec/template/spec").clone();
        let account = ("serviceAccountName".to_owned(), "default".into());
        agent.as_object_mut().expect("a mapping").extend([account]);
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "spec": agent,
            "metadata": {"name": "agent", "namespace": "restricted"}});
        let warn = "pod-security.kubernetes.io/enforce=privileged";
        let more = "pod-security.kubernetes.io/warn=restricted";
        self.node.kubectl(&["label", "--overwrite", "namespace", "restricted", warn, more], "");
        let out = self.ask(&["create", "--dry-run=server", "-f", "-"], &pod.to_string());
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{said}");
        let (_, said) = said.split_once("\"restricted:latest\": ").expect("a warning");
        assert_eq!(
            said.trim(),
            "host namespaces (hostNetwork=true, hostPID=true), hostPort (container \"hybrid-exporter\" uses hostPort \
             10150), restricted volume types (volume \"host\" uses restricted volume type \"hostPath\")"
        );
    }
}

#[test]
fn on_a_node() {
    let site = match Site::start() {
        Ok(site) => site,
        Err(reason) => return skip("daemonset::node::on_a_node", &reason),
    };
    site.manifests_serve_every_part();
    site.objects_are_valid();
    site.what_is_missing_is_said();
    site.remove_the_manifests();
    site.the_chart_serves_what_peers_did();
    site.restricted();
}
