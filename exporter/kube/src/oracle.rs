//! kube-state-metrics 2.20 as the oracle: `oracle/samples.tsv` is what its own generators wrote for
//! the objects of `oracle/objects.tsv`, with everything opted in and all labels and annotations
//! allowed. What is not the same here stands in this file, and why in `exceptions.tsv`.

use crate::{Rendered, Settings, resource};
use expect_test::expect;
use std::collections::BTreeSet;

/// A sample with its number in one form, or a remark as it is.
fn sample(line: &str) -> String {
    match line.rsplit_once(' ').map(|(series, number)| (series, number.parse::<f64>())) {
        Some((series, Ok(number))) => format!("{series} {number}"),
        _ => line.to_owned(),
    }
}

#[test]
fn samples_are_those_of_kube_state_metrics() {
    let settings = Settings {
        metric_opt_in_list: ".".into(),
        metric_labels_allowlist: "*=[*]".into(),
        metric_annotations_allowlist: "*=[*]".into(),
        peer_schedules: true,
        ..Settings::default()
    };
    let mut blocks = include_str!("../oracle/samples.tsv").split("# ").skip(1);
    let mut rendered = Rendered::default();
    let (mut differences, mut same) = (String::new(), 0);
    for (number, line) in (1..).zip(include_str!("../oracle/objects.tsv").lines()) {
        let (name, json) = line.split_once('\t').expect("a tab");
        let (head, theirs) = blocks.next().and_then(|b| b.split_once('\n')).expect("samples");
        assert_eq!(head, format!("{number} {name}"));
        let theirs: BTreeSet<_> = theirs.lines().map(sample).collect();
        let resource = resource(name).expect(name);
        let options = settings.options(resource).expect("settings");
        let result = resource.render(json.as_bytes(), &options, &mut rendered);
        let text = str::from_utf8(rendered.lines()).expect("UTF-8");
        let mut ours: BTreeSet<_> = text.lines().map(sample).collect();
        ours.extend(result.is_err().then(|| "error".to_owned()));
        same += ours.intersection(&theirs).count();
        for line in ours.difference(&theirs) {
            differences += &["ours   ", line, "\n"].concat();
        }
        for line in theirs.difference(&ours) {
            differences += &["theirs ", line, "\n"].concat();
        }
    }
    assert!(blocks.next().is_none());
    assert!(same > 1000, "{same}");
    expect![[r#"
        theirs kube_cronjob_next_schedule_time{namespace="b",cronjob="never"} -62135596800
        ours   error
        theirs kube_deployment_annotations{namespace="",deployment=""} 1
        theirs kube_deployment_labels{namespace="",deployment=""} 1
        theirs kube_deployment_metadata_generation{namespace="",deployment=""} 0
        theirs kube_deployment_owner{namespace="",deployment="",owner_kind="",owner_name=""} 1
        theirs kube_deployment_spec_paused{namespace="",deployment=""} 0
        theirs kube_deployment_spec_replicas{namespace="",deployment=""} 2
        theirs kube_deployment_status_observed_generation{namespace="",deployment=""} 0
        theirs kube_deployment_status_replicas_available{namespace="",deployment=""} 0
        theirs kube_deployment_status_replicas_ready{namespace="",deployment=""} 0
        theirs kube_deployment_status_replicas_unavailable{namespace="",deployment=""} 0
        theirs kube_deployment_status_replicas_updated{namespace="",deployment=""} 0
        theirs kube_deployment_status_replicas{namespace="",deployment=""} 0
        ours   kube_horizontalpodautoscaler_spec_target_metric{namespace="shop",horizontalpodautoscaler="web",metric_name="q",metric_target_type="value",container=""} 1
        theirs panic kube_horizontalpodautoscaler_spec_target_metric
        ours   kube_ingress_path{namespace="shop",ingress="main",host="",path="",path_type="",service_name="any",service_port="1"} 1
        ours   kube_ingress_path{namespace="shop",ingress="main",host="shop.example.com",path="/",path_type="Prefix",service_name="web",service_port="8080"} 1
        ours   kube_ingress_path{namespace="shop",ingress="main",host="shop.example.com",path="/api",path_type="Exact",service_name="api",service_port="0"} 1
        ours   kube_ingress_path{namespace="shop",ingress="main",host="shop.example.com",path="/core",path_type="",resource_api_group="",resource_kind="ConfigMap",resource_name="c"} 1
        ours   kube_ingress_path{namespace="shop",ingress="main",host="shop.example.com",path="/static",path_type="ImplementationSpecific",resource_api_group="k8s.example.com",resource_kind="Bucket",resource_name="static"} 1
        theirs panic kube_ingress_path
        theirs kube_networkpolicy_created{namespace="shop",networkpolicy="db"} -62135596800
        theirs kube_persistentvolume_capacity_bytes{persistentvolume="v"} 0
        theirs kube_persistentvolume_capacity_bytes{persistentvolume="v"} 0
        theirs kube_persistentvolume_capacity_bytes{persistentvolume="pvc-6f2c"} 0
        theirs kube_persistentvolume_capacity_bytes{persistentvolume="v"} 0
        theirs kube_persistentvolume_capacity_bytes{persistentvolume="v"} 0
        theirs kube_persistentvolume_capacity_bytes{persistentvolume="v"} 0
        theirs kube_persistentvolume_capacity_bytes{persistentvolume="v"} 0
        theirs kube_persistentvolume_capacity_bytes{persistentvolume="v"} 0
        theirs kube_persistentvolume_capacity_bytes{persistentvolume="v"} 0
        theirs kube_persistentvolume_capacity_bytes{persistentvolume="v"} 0
        theirs kube_persistentvolume_capacity_bytes{persistentvolume="v"} 0
        theirs kube_persistentvolume_capacity_bytes{persistentvolume="v"} 0
        theirs kube_persistentvolume_capacity_bytes{persistentvolume="v"} 0
        ours   kube_persistentvolumeclaim_resource_requests_storage_bytes{namespace="b",persistentvolumeclaim="a"} 10000000000000000000
        theirs kube_persistentvolumeclaim_resource_requests_storage_bytes{namespace="b",persistentvolumeclaim="a"} 0
        ours   kube_pod_container_resource_limits{namespace="shop",pod="web",uid="u",container="a",node="",resource="cpu",unit="core"} 10000000000000000000
        ours   kube_pod_container_resource_limits{namespace="shop",pod="web",uid="u",container="a",node="",resource="example_com_x",unit="integer"} 12345678901234567000
        ours   kube_pod_container_resource_limits{namespace="shop",pod="web",uid="u",container="a",node="",resource="memory",unit="byte"} 10000000000000000000
        theirs kube_pod_container_resource_limits{namespace="shop",pod="web",uid="u",container="a",node="",resource="cpu",unit="core"} 0
        theirs kube_pod_container_resource_limits{namespace="shop",pod="web",uid="u",container="a",node="",resource="example_com_x",unit="integer"} -6101065172474983000
        theirs kube_pod_container_resource_limits{namespace="shop",pod="web",uid="u",container="a",node="",resource="memory",unit="byte"} 0
        theirs kube_secret_type{namespace="shop",secret="cert",type=""} 1
        theirs kube_secret_type{namespace="shop",secret="cert",type=""} 1
    "#]].assert_eq(&differences);
}
