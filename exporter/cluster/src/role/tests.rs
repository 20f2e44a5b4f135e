//! Roles as their watches.

use super::*;
use expect_test::{Expect, expect};
use std::fmt::Write as _;

fn given(mode: Mode, node: &str, pod: bool) -> Given {
    let names = ["configmaps", "deployments", "nodes", "pods"];
    Given {
        mode,
        node: Some(node.to_owned()),
        pod,
        resources: names.map(|name| kubestate::resource(name).unwrap()).to_vec(),
        ..Given::default()
    }
}

fn check(given: Given, expected: &Expect) {
    let role = Role::new(given).unwrap();
    let mut text = format!("{role}; contends: {}\n", role.contends());
    let widgets = role.custom(["example.com", "v1", "widgets"], true);
    for Watched { resource, part, target } in role.watches().into_iter().chain(widgets) {
        let Target { path, fields, extent } = target;
        let meta = if extent == Extent::Metadata { " (metadata)" } else { "" };
        let line = format!("{part:?} {resource}{meta}: {path} {fields}");
        writeln!(text, "{}", line.trim_end()).unwrap();
    }
    expected.assert_eq(&text);
}

#[test]
fn an_agent_has_its_node_and_contends_for_the_rest() {
    check(
        given(Mode::Auto, "n1", true),
        &expect![[r#"
            the pods of node n1; the cluster part while it leads; contends: true
            Own pods: /api/v1/pods spec.nodeName=n1
            Facts nodes: /api/v1/nodes metadata.name=n1
            Cluster configmaps (metadata): /api/v1/configmaps
            Cluster deployments: /apis/apps/v1/deployments
            Cluster nodes: /api/v1/nodes
            Cluster pods: /api/v1/pods spec.nodeName=
            Cluster widgets: /apis/example.com/v1/widgets
        "#]],
    );
}

#[test]
fn an_agent_that_exports_no_pods_knows_them_still() {
    let mut given = given(Mode::Auto, "n1", true);
    given.resources.retain(|resource| resource.name == "nodes");
    check(
        given,
        &expect![[r#"
            the pods of node n1; the cluster part while it leads; contends: true
            Facts pods: /api/v1/pods spec.nodeName=n1
            Facts nodes: /api/v1/nodes metadata.name=n1
            Cluster nodes: /api/v1/nodes
            Cluster widgets: /apis/example.com/v1/widgets
        "#]],
    );
}

#[test]
fn a_pod_that_knows_no_node_has_the_cluster_part_alone() {
    check(
        given(Mode::Auto, "", true),
        &expect![[r#"
            the cluster part while it leads; contends: true
            Cluster configmaps (metadata): /api/v1/configmaps
            Cluster deployments: /apis/apps/v1/deployments
            Cluster nodes: /api/v1/nodes
            Cluster pods: /api/v1/pods spec.nodeName=
            Cluster widgets: /apis/example.com/v1/widgets
        "#]],
    );
}

#[test]
fn one_process_has_it_all() {
    let shard = Shard::new(1, 3).unwrap();
    check(
        Given { shard, ..given(Mode::Always, "n1", true) },
        &expect![[r#"
            shard 1 of 3 of the cluster; contends: false
            Own configmaps (metadata): /api/v1/configmaps
            Own deployments: /apis/apps/v1/deployments
            Own nodes: /api/v1/nodes
            Own pods: /api/v1/pods
            Own widgets: /apis/example.com/v1/widgets
        "#]],
    );
}

#[test]
fn a_machine_outside_knows_what_points_at_it() {
    check(
        given(Mode::Auto, "", false),
        &expect![[r#"
            nothing of the cluster; knows its Services; contends: false
            Facts services: /api/v1/services
            Facts endpointslices: /apis/discovery.k8s.io/v1/endpointslices
        "#]],
    );
}

#[test]
fn never_is_never_exported() {
    check(
        given(Mode::Never, "n1", true),
        &expect![[r#"
        nothing of the cluster; knows node n1; contends: false
        Facts pods: /api/v1/pods spec.nodeName=n1
        Facts nodes: /api/v1/nodes metadata.name=n1
    "#]],
    );
    check(
        given(Mode::Never, "", true),
        &expect![[r#"
        nothing of the cluster; contends: false
    "#]],
    );
}

#[test]
fn namespaces_by_name() {
    let scope = Scope::new("a, b,a,", "b,c").unwrap();
    check(
        Given { scope, ..given(Mode::Auto, "n1", true) },
        &expect![[r#"
            the pods of node n1; the cluster part while it leads; contends: true
            Own pods: /api/v1/namespaces/a/pods spec.nodeName=n1
            Facts nodes: /api/v1/nodes metadata.name=n1
            Cluster configmaps (metadata): /api/v1/namespaces/a/configmaps
            Cluster deployments: /apis/apps/v1/namespaces/a/deployments
            Cluster nodes: /api/v1/nodes
            Cluster pods: /api/v1/namespaces/a/pods spec.nodeName=
            Cluster widgets: /apis/example.com/v1/namespaces/a/widgets
        "#]],
    );
}

#[test]
fn namespaces_but_some() {
    let scope = Scope::new("", "b,c").unwrap();
    check(
        Given { scope, ..given(Mode::Auto, "n1", true) },
        &expect![[r#"
            the pods of node n1; the cluster part while it leads; contends: true
            Own pods: /api/v1/pods metadata.namespace!=b,metadata.namespace!=c,spec.nodeName=n1
            Facts nodes: /api/v1/nodes metadata.name=n1
            Cluster configmaps (metadata): /api/v1/configmaps metadata.namespace!=b,metadata.namespace!=c
            Cluster deployments: /apis/apps/v1/deployments metadata.namespace!=b,metadata.namespace!=c
            Cluster nodes: /api/v1/nodes
            Cluster pods: /api/v1/pods metadata.namespace!=b,metadata.namespace!=c,spec.nodeName=
            Cluster widgets: /apis/example.com/v1/widgets metadata.namespace!=b,metadata.namespace!=c
        "#]],
    );
}

#[test]
fn names_that_nothing_can_have() {
    let error = Scope::new("a/../b", "").unwrap_err();
    expect![[r#"--namespaces: expected a namespace's name of lower-case letters, digits, - and ., found "a/../b""#]].assert_eq(&error.to_string());
    let error = Role::new(given(Mode::Auto, "n,spec.nodeName=", true)).unwrap_err();
    expect![[r#"--node-name: expected a node's name of lower-case letters, digits, - and ., found "n,spec.nodeName=""#]].assert_eq(&error.to_string());
}

#[test]
fn shards_are_for_one_who_has_it_all() {
    let shard = Shard::new(1, 3).unwrap();
    let error = Role::new(Given { shard, ..given(Mode::Auto, "n1", true) }).unwrap_err();
    expect!["--total-shards: parts what one process would serve alone; give --cluster=always too, or leave the parting to the node agents"].assert_eq(&error.to_string());
    expect![[r#"--cluster: expected auto, always or never, found "on""#]]
        .assert_eq(&"on".parse::<Mode>().unwrap_err().to_string());
}
