//! What `daemonset/` ships for Kubernetes: manifests and chart are the same objects, ask for what is served and no
//! more, and run on a real node.

mod conform;
mod node;
mod rendered;

use crate::support::{child::run, peer, read, root, skip};
use rendered::{Objects, at, list, parse, text_at};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The namespace that the manifests name, and the release that makes the chart the same.
const NAMESPACE: &str = "hybrid-exporter";
const BASE: &str = "daemonset/base";
const CHART: &str = "daemonset/chart";
/// What is kustomized, and the chart's values for the same.
const KINDS: [(&str, Option<&str>); 5] = [
    (BASE, None),
    ("daemonset/overlays/monitors", Some("monitors")),
    ("daemonset/overlays/drop-in", Some("drop-in")),
    ("daemonset/overlays/cluster-deployment", Some("cluster-deployment")),
    ("daemonset/overlays/plain", Some("plain")),
];

/// Runs a tool to a good end; its standard output.
fn tool(name: &str, args: &[&str]) -> Result<String, String> {
    let out = run(120, peer(name)?, args, b"");
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{name} {args:?}: {said}");
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}

fn path(rel: &str) -> String {
    root().join(rel).display().to_string()
}

fn kustomize(dir: &str) -> Result<Objects, String> {
    Ok(Objects::new(&tool("kubectl", &["kustomize", dir])?))
}

/// What the chart makes, with a file of `ci/` and values of the test's own.
fn template(values: Option<&str>, more: &[&str]) -> Result<Objects, String> {
    let chart = path(CHART);
    let file = values.map(|name| format!("--values={chart}/ci/{name}-values.yaml"));
    let mut args = vec!["template", NAMESPACE, &chart, "--namespace", NAMESPACE];
    args.extend(file.as_deref());
    args.extend(more);
    Ok(Objects::new(&tool("helm", &args)?))
}

fn configured(file: &str) -> BTreeSet<String> {
    strings(&parse(&read(file)), "/resources")
}

fn strings(value: &Value, pointer: &str) -> BTreeSet<String> {
    list(value, pointer).iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// What a role may list and watch: API groups with their resources. Fails where it may do anything else but `other`.
fn listed(role: &Value, other: &[[&str; 3]]) -> BTreeMap<String, BTreeSet<String>> {
    let mut listed = BTreeMap::<_, BTreeSet<_>>::new();
    for rule in list(role, "/rules") {
        let [groups, resources, verbs] =
            ["/apiGroups", "/resources", "/verbs"].map(|part| strings(rule, part));
        if verbs == BTreeSet::from(["list", "watch"].map(str::to_owned)) {
            for group in groups {
                listed.entry(group).or_default().extend(resources.clone());
            }
            continue;
        }
        for group in &groups {
            for resource in &resources {
                for verb in &verbs {
                    assert!(other.contains(&[group, resource, verb]), "{group}/{resource}: {verb}");
                }
            }
        }
    }
    listed
}

/// The same of the exporter's own tables.
fn wanted<'a>(names: impl IntoIterator<Item = &'a String>) -> BTreeMap<String, BTreeSet<String>> {
    let mut wanted = BTreeMap::<_, BTreeSet<_>>::new();
    for name in names {
        let resource = kubestate::resource(name).unwrap_or_else(|| panic!("{name} is no resource"));
        wanted.entry(resource.group.to_owned()).or_default().insert(name.clone());
    }
    wanted
}

#[test]
fn chart_and_manifests_are_the_same_objects() {
    for (dir, values) in KINDS {
        let made = kustomize(&path(dir)).and_then(|made| Ok((made, template(values, &[])?)));
        let (mut manifests, chart) = match made {
            Ok(made) => made,
            Err(reason) => {
                let name = "daemonset::chart_and_manifests_are_the_same_objects";
                return skip(name, &reason);
            }
        };
        // Helm makes it (--create-namespace); a chart that had it would take it away with everything in it.
        assert!(manifests.0.remove("Namespace/hybrid-exporter").is_some(), "{dir}");
        manifests.assert_eq(&chart, dir);
    }
    let pages = kustomize(&path("dashboards")).expect("kubectl was there");
    let chart = template(None, &["--set=dashboards.enabled=true"]).expect("helm was there");
    let name = "ConfigMap/hybrid-exporter-dashboards";
    for part in ["/data", "/metadata/annotations", "/metadata/labels/grafana_dashboard"] {
        assert_eq!(at(&pages.0[name], part), at(&chart.0[name], part), "{part}");
    }
}

#[test]
fn the_account_may_list_what_is_served_and_no_more() {
    let served = configured("daemonset/base/config.yaml");
    assert_eq!(configured("daemonset/components/cluster-deployment/cluster.yaml"), served);
    // What kube-state-metrics serves by default, but for Secrets.
    let defaults = kubestate::RESOURCES.iter().filter(|resource| resource.default);
    let defaults: BTreeSet<_> = defaults.map(|resource| resource.name.to_owned()).collect();
    let left_out: Vec<_> = defaults.difference(&served).map(String::as_str).collect();
    assert_eq!((left_out, served.difference(&defaults).count()), (vec!["secrets"], 0));
    let values = parse(&read("daemonset/chart/values.yaml"));
    assert_eq!(strings(&values, "/kubeState/resources"), served);

    let every: Vec<String> =
        kubestate::RESOURCES.iter().map(|resource| resource.name.to_owned()).collect();
    let all = format!("--set-json=kubeState.resources={}", Value::from(every.clone()));
    let made = kustomize(&path(BASE)).and_then(|made| Ok((made, template(None, &[&all])?)));
    let (manifests, chart) = match made {
        Ok(made) => made,
        Err(reason) => {
            let name = "daemonset::the_account_may_list_what_is_served_and_no_more";
            return skip(name, &reason);
        }
    };
    let kubelet = ["", "nodes/metrics", "get"];
    let own = [String::from("nodes"), String::from("pods")];
    for (objects, cluster) in [(&manifests, wanted(&served)), (&chart, wanted(&every))] {
        let agent = listed(&objects.0["ClusterRole/hybrid-exporter"], &[kubelet]);
        assert_eq!(agent, wanted(&own));
        let leader = &objects.0["ClusterRole/hybrid-exporter-cluster"];
        assert_eq!(listed(leader, &[]), cluster);
        // Of Leases, their own two; kustomize took the name for a ConfigMap's once.
        let [create, hold] = list(&objects.0["Role/hybrid-exporter-leases"], "/rules") else {
            panic!("two rules of Leases")
        };
        assert_eq!(strings(create, "/verbs"), BTreeSet::from(["create".to_owned()]));
        let leases = ["hybrid-exporter", "hybrid-exporter-standby"].map(str::to_owned);
        assert_eq!(strings(hold, "/resourceNames"), BTreeSet::from(leases));
    }
    // The component adds Secrets to both, and nothing else.
    let dir = tempfile::tempdir().expect("a temporary directory");
    let with = rendered::own(dir.path(), BASE, &["daemonset/components/secrets"], "");
    let with = kustomize(&with).expect("kubectl was there");
    let leader = listed(&with.0["ClusterRole/hybrid-exporter-cluster"], &[]);
    let container = at(&with.0["DaemonSet/hybrid-exporter"], "/spec/template/spec/containers/0");
    let env = list(container, "/env").iter();
    let resources = env.clone().find(|env| at(env, "/name") == "HYBRID_RESOURCES");
    let resources = at(resources.expect("the list of resources"), "/value").as_str().expect("text");
    let resources: BTreeSet<_> = resources.split(',').map(str::to_owned).collect();
    assert_eq!(resources, defaults);
    assert_eq!(leader, wanted(&resources));
}

#[test]
fn the_chart_is_well_formed() {
    let name = "daemonset::the_chart_is_well_formed";
    let chart = path(CHART);
    let version = env!("CARGO_PKG_VERSION");
    let about = parse(&read("daemonset/chart/Chart.yaml"));
    assert_eq!([at(&about, "/version"), at(&about, "/appVersion")], [version; 2]);
    let mut files: Vec<_> = KINDS.iter().filter_map(|(_, values)| *values).collect();
    files.push("everything");
    for file in files {
        let values = format!("--values={chart}/ci/{file}-values.yaml");
        if let Err(reason) = tool("helm", &["lint", "--strict", &chart, &values]) {
            return skip(name, &reason);
        }
    }
    // A value that is none is named, and so is a resource that is none.
    let helm = peer("helm").expect("helm was there");
    for (wrong, said) in [
        ("--set=node.resorces.requests.cpu=1", "additional properties 'resorces' not allowed"),
        (
            "--set-json=kubeState.resources=[\"pod\"]",
            "\"pod\" is no resource that the exporter knows",
        ),
        ("--set-json=kubeState.customResourceGroups=[\"*\"]", "does not match pattern"),
        ("--set-json=config={\"resources\":[\"pods\"]}", "invalid propertyName 'resources'"),
        // By which pods are found.
        (
            "--set-json=labels={\"app.kubernetes.io/name\":\"x\"}",
            "invalid propertyName 'app.kubernetes.io/name'",
        ),
        ("--set=fullnameOverride=a.b", "'a.b' does not match pattern"),
    ] {
        let out = run(60, &helm, &["template", "x", &chart, wrong], b"");
        let text = String::from_utf8_lossy(&out.stderr);
        assert!(!out.status.success() && text.contains(said), "{wrong}: {text}");
    }
    // Everything else that can be set, together.
    let all = template(Some("everything"), &[]).expect("helm was there");
    let pods = at(&all.0["DaemonSet/estate"], "/spec/template/spec");
    assert_eq!(at(pods, "/securityContext/supplementalGroups"), &Value::Null);
    assert_eq!(at(pods, "/securityContext/seLinuxOptions/type"), "spc_t");
    // The group that may look at volumes, by a component and by a value.
    let dir = tempfile::tempdir().expect("a temporary directory");
    let with = rendered::own(dir.path(), BASE, &["daemonset/components/volumes"], "");
    let groups = "--set-json=node.supplementalGroups=[0]";
    for made in [kustomize(&with), template(None, &[groups])] {
        let made = made.expect("both were there");
        let pods = at(&made.0["DaemonSet/hybrid-exporter"], "/spec/template/spec");
        assert_eq!(at(pods, "/securityContext/supplementalGroups"), &serde_json::json!([190, 0]));
    }
    // The user's number is the cluster's to give.
    for (more, user) in
        [("--set=test.image=x", 65534.into()), ("--set=cluster.runAsUser=null", Value::Null)]
    {
        let made = template(Some("cluster-deployment"), &[more]).expect("helm was there");
        let security = "/spec/template/spec/securityContext";
        let context = at(&made.0["Deployment/hybrid-exporter-cluster"], security);
        assert_eq!(at(context, "/runAsUser"), &user, "{context}");
        assert_eq!(at(context, "/runAsGroup"), &user, "{context}");
        assert_eq!(at(context, "/runAsNonRoot"), true, "{context}");
    }
    // By TLS: who probes, who is told by annotations, and who is told by monitors.
    for name in ["DaemonSet/estate", "Deployment/estate-cluster", "Deployment/estate-cluster-1"] {
        let template = at(&all.0[name], "/spec/template");
        for probe in ["readinessProbe", "livenessProbe"] {
            let scheme = format!("/spec/containers/0/{probe}/httpGet/scheme");
            assert_eq!(at(template, &scheme), "HTTPS", "{name}");
        }
        assert_eq!(at(template, "/metadata/annotations/prometheus.io~1scheme"), "https", "{name}");
    }
    for (name, endpoints, count) in [
        ("PodMonitor/estate", "/spec/podMetricsEndpoints", 8),
        ("ServiceMonitor/estate-cluster", "/spec/endpoints", 1),
    ] {
        let endpoints = list(&all.0[name], endpoints);
        let by_tls = endpoints.iter().filter(|endpoint| {
            at(endpoint, "/scheme") == "https"
                && at(endpoint, "/tlsConfig/insecureSkipVerify") == true
                && at(endpoint, "/port") == "metrics"
        });
        assert_eq!((by_tls.count(), endpoints.len()), (count, count), "{name}");
    }
    let shards = ["Deployment/estate-cluster", "Deployment/estate-cluster-1"];
    for (shard, name) in ["0", "1"].iter().zip(shards) {
        let env = list(&all.0[name], "/spec/template/spec/containers/0/env");
        let values: Vec<_> = env.iter().filter_map(|env| at(env, "/value").as_str()).collect();
        assert_eq!(values, [shard, "2"]);
    }
    let rules = &all.0["PrometheusRule/estate-node"];
    assert!(rules.to_string().contains("https://runbooks.example.com/nodedown.md"), "{rules}");
    let custom = &all.0["ClusterRole/estate-cluster"];
    let listed = listed(custom, &[]);
    assert_eq!(listed.get("cert-manager.io"), Some(&BTreeSet::from(["*".to_owned()])));
}

/// Helm takes names of releases that YAML takes for numbers, and names that no Service may have.
#[test]
fn an_odd_release_is_a_release() {
    let chart = path(CHART);
    let values = format!("--values={chart}/ci/everything-values.yaml");
    let long = "a".repeat(53);
    for release in
        ["123", "1e5", "true", "null", "a.b", "1.2", &long, &long.replace("aaaaa", "a-a.a")]
    {
        let args = ["template", release, &chart, &values, "--set=fullnameOverride="];
        let objects = match tool("helm", &args) {
            Ok(text) => Objects::new(&text),
            Err(reason) => return skip("daemonset::an_odd_release_is_a_release", &reason),
        };
        for (key, object) in &objects.0 {
            let name = text_at(object, "/metadata/name");
            let fits = name.len() <= 63
                && name.starts_with(|c: char| c.is_ascii_lowercase())
                && name.ends_with(|c: char| c.is_ascii_alphanumeric())
                && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
            assert!(fits, "{release}: {key}");
            for place in ["/metadata/labels", "/spec/selector", "/spec/template/metadata/labels"] {
                let labels = at(object, place).as_object().into_iter().flatten();
                for (label, value) in labels.filter(|(label, _)| *label != "matchLabels") {
                    assert!(value.is_string(), "{release}: {key}: {label} is {value}");
                }
            }
            let label = "/metadata/labels/app.kubernetes.io~1instance";
            assert_eq!(text_at(object, label), release, "{key}");
        }
        assert!(objects.0.len() > 20, "{}", objects.0.len());
    }
}
