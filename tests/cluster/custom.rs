//! Custom resources of a real API server beside what kube-state-metrics shows of them under the same
//! configuration; definitions that come and go while the exporter runs, and nothing else moves.

use super::kube_state_metrics;
use crate::{
    ground::cluster::Cluster,
    support::{
        child::{exporter, wait},
        client, peer,
        scrape::{Scrape, Series, show},
        skip,
    },
};
use std::{collections::BTreeMap, time::Duration};

/// Wide enough for any machine: a hang ends here.
const LONG: Duration = Duration::from_mins(2);

const CONFIGURATION: &str = r#"
kind: CustomResourceStateMetrics
spec:
  resources:
  - groupVersionKind: {group: myteam.io, version: v1, kind: Widget}
    labelsFromPath: {namespace: [metadata, namespace], widget: [metadata, name], "label_*": [metadata, labels]}
    metrics:
    - name: size
      help: Size that is wanted.
      each: {type: Gauge, gauge: {path: [spec, size]}}
    - name: limit
      help: Limits by what they limit.
      each: {type: Gauge, gauge: {path: [spec, limits], labelFromKey: resource}}
    - name: condition
      help: What it reports.
      each: {type: Gauge, gauge: {path: [status, conditions], labelsFromPath: {type: [type]}, valueFrom: [status]}}
    - name: ready_since
      help: Since when it is ready.
      each: {type: Gauge, gauge: {path: [status, conditions, "[type=Ready]", lastTransitionTime]}}
    - name: phase
      help: Its phase.
      each: {type: StateSet, stateSet: {path: [status, phase], labelName: phase, list: [Pending, Running, Failed]}}
    - name: part_info
      help: What it is made of.
      each: {type: Info, info: {path: [spec, parts], labelsFromPath: {part: [name], version: [version]}}}
  - groupVersionKind: {group: other.io, version: "*", kind: "*"}
    metricNamePrefix: other
    labelsFromPath: {name: [metadata, name]}
    metrics:
    - {name: level, help: Level., each: {type: Gauge, gauge: {path: [spec, level]}}}
"#;

const WIDGETS: &str = r#"
apiVersion: myteam.io/v1
kind: Widget
metadata: {name: big, namespace: default, labels: {app.kubernetes.io/name: shop, tier: "1"}}
spec:
  size: 3
  limits: {cpu: 250m, memory: 2Gi, share: 25%}
  parts: [{name: wheel, version: v2}, {name: axle}]
status:
  phase: Running
  observedGeneration: 1
  conditions:
  - {type: Ready, status: "True", lastTransitionTime: "2026-01-02T03:04:05Z"}
  - {type: Stalled, status: "False"}
  - {type: Reachable, status: Unknown}
---
apiVersion: myteam.io/v1
kind: Widget
metadata: {name: new, namespace: default}
spec: {size: 0}
"#;

const GAUGE: &str =
    r#"{"apiVersion":"other.io/v1","kind":"Gauge","metadata":{"name":"g"},"spec":{"level":7}}"#;

fn definition(kind: &str, plural: &str, group: &str, scope: &str) -> String {
    let schema = "{type: object, x-kubernetes-preserve-unknown-fields: true}";
    format!(
        "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: {plural}.{group}}}
spec:
  group: {group}
  names: {{kind: {kind}, plural: {plural}, singular: {singular}, listKind: {kind}List}}
  scope: {scope}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {{status: {{}}}}
    schema:
      openAPIV3Schema: {{type: object, properties: {{spec: {schema}, status: {schema}}}}}
",
        singular = kind.to_lowercase(),
    )
}

fn define(cluster: &Cluster, [kind, plural, group, scope]: [&str; 4]) {
    let text = definition(kind, plural, group, scope);
    cluster.kubectl(&["create", "-f", "-"], &text);
    cluster.serves(&format!("{plural}.{group}"));
}

/// The samples of a part of the families.
fn of(text: &str, names: &[&str]) -> BTreeMap<Series, f64> {
    let scrape = Scrape::parse(text);
    assert!(scrape.faults.is_empty(), "{:#?}", scrape.faults);
    let wanted = |series: &Series| names.iter().any(|start| series.0.starts_with(start));
    scrape.series.into_iter().filter(|(series, _)| wanted(series)).collect()
}

#[test]
fn samples_are_those_of_kube_state_metrics_and_definitions_come_and_go() {
    let name =
        "cluster::custom::samples_are_those_of_kube_state_metrics_and_definitions_come_and_go";
    let theirs = match peer("kube-state-metrics") {
        Ok(path) => path,
        Err(reason) => return skip(name, &reason),
    };
    let cluster = match Cluster::api() {
        Ok(cluster) => cluster,
        Err(reason) => return skip(name, &reason),
    };
    define(&cluster, ["Widget", "widgets", "myteam.io", "Namespaced"]);
    cluster.kubectl(&["create", "-f", "-"], WIDGETS);
    cluster.kubectl(&["replace", "--subresource=status", "-f", "-"], WIDGETS);
    let config = format!("--kubeconfig={}", cluster.kubeconfig().display());
    let configuration = format!("--custom-resource-state-config={CONFIGURATION}");
    let own = [
        &config,
        &configuration,
        "--cluster=always",
        "--resources=namespaces",
        "--collector.disable-defaults",
    ];
    let (_ours, address) = exporter(&own);
    wait("every list", LONG, || {
        (client::get(&address, "/readyz", &[]).status == 200).then_some(())
    });
    let page = || client::page(&address, "/metrics/kube-state");
    let flags = [config.as_str(), &configuration, "--custom-resource-state-only=true"];
    let (_theirs, their_address) = kube_state_metrics(&theirs, &flags);

    // What is configured is as it is there.
    let configured = ["kube_customresource_", "other_"];
    let ours = of(&page(), &configured);
    wait("the peer's samples, which are ours", LONG, || {
        let theirs = of(&client::page(&their_address, "/metrics"), &configured);
        (!theirs.is_empty() && theirs.len() >= ours.len()).then(|| {
            let shown = |of: &BTreeMap<Series, f64>| {
                of.iter().map(|(s, v)| format!("{} {v}", show(s))).collect::<Vec<_>>().join("\n")
            };
            assert_eq!(shown(&ours), shown(&theirs));
        })
    });
    assert_eq!(ours.len(), 14, "{ours:#?}");

    // What needs no configuration.
    let states: Vec<_> =
        of(&page(), &["hybrid_custom_resource_condition", "hybrid_custom_resource_gen"])
            .iter()
            .map(|(series, value)| format!("{} {value}", show(series)))
            .collect();
    expect_test::expect![[r#"
        hybrid_custom_resource_condition{condition="Reachable",group="myteam.io",kind="Widget",name="big",namespace="default",status="unknown",version="v1"} 1
        hybrid_custom_resource_condition{condition="Ready",group="myteam.io",kind="Widget",name="big",namespace="default",status="true",version="v1"} 1
        hybrid_custom_resource_condition{condition="Stalled",group="myteam.io",kind="Widget",name="big",namespace="default",status="false",version="v1"} 1
        hybrid_custom_resource_generation_lag{group="myteam.io",kind="Widget",name="big",namespace="default",version="v1"} 0"#]].assert_eq(&states.join("\n"));

    // A definition comes, with an object.
    define(&cluster, ["Gauge", "gauges", "other.io", "Cluster"]);
    cluster.kubectl(&["create", "-f", "-"], GAUGE);
    let whole = |text: &str| {
        let scrape = Scrape::parse(text);
        let lists = [("resource", "*v1.Namespace"), ("result", "success")];
        // Nothing else was listed again, and nothing was missing meanwhile.
        assert_eq!(scrape.value("kube_state_metrics_list_total", &lists), Some(1.0));
        assert_eq!(of(text, &["kube_customresource_"]), ours);
        assert!(scrape.series.keys().any(|series| series.0 == "kube_namespace_created"));
        scrape
    };
    wait("the new resource's sample", LONG, || {
        let scrape = whole(&page());
        let labels = [
            ("customresource_group", "other.io"),
            ("customresource_kind", "Gauge"),
            ("customresource_version", "v1"),
            ("name", "g"),
        ];
        (scrape.value("other_level", &labels) == Some(7.0)).then_some(())
    });
    let watched = [("resource", "gauges.v1.other.io")];
    assert_eq!(whole(&page()).value("hybrid_watch_up", &watched), Some(1.0));

    // It goes, and everything of it.
    cluster.kubectl(&["delete", "crd", "gauges.other.io"], "");
    wait("the end of the resource", LONG, || {
        let text = page();
        let scrape = whole(&text);
        let gone = of(&text, &["other_"]).is_empty();
        (gone && scrape.value("hybrid_watch_up", &watched).is_none()).then_some(())
    });
}
