//! Custom resources: definitions that come and go, conditions that nobody asked for, a configuration that
//! changes.

use super::*;

macro_rules! definition {
    ($kind:literal, $plural:literal) => {
        event!(
            $kind,
            concat!(
                r#"{"metadata":{"name":""#,
                $plural,
                r#".a.io","resourceVersion":"8"},"spec":{"group":"a.io","scope":"Namespaced","names":{"kind":""#,
                $plural,
                r#"K","plural":""#,
                $plural,
                r#""},"versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"properties":{"status":{"properties":{"conditions":{}}}}}}}]}}"#
            )
        )
    };
}

const FOO: &str = event!(
    "ADDED",
    r#"{"metadata":{"name":"f","namespace":"n","uid":"u","generation":3},"spec":{"size":7},"status":{"observedGeneration":1,"conditions":[{"type":"Ready","status":"False"}]}}"#
);

#[tokio::test(start_paused = true)]
async fn a_definition_begins_one_watch_and_ends_one() {
    let [definitions, foos, bars] = [
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
        "/apis/a.io/v1/foos",
        "/apis/a.io/v1/bars",
    ];
    let configuration = "{spec: {resources: [{groupVersionKind: {group: a.io, version: '*', \
        kind: foosK}, metricNamePrefix: kube_custom, metrics: [{name: size, \
        each: {type: gauge, gauge: {path: [spec, size]}}}]}]}}";
    let play = Play::new(
        &[
            ("resources", "nodes"),
            ("cluster.conditions", "true"),
            ("custom-resource-state-config", configuration),
            ("metric-allowlist", "created,custom"),
        ],
        vec![
            (NODES, vec![Step::Send(vec![A, LISTED], Then::Silence)]),
            (
                definitions,
                vec![
                    Step::Send(vec![definition!("ADDED", "foos"), LISTED], Then::End),
                    Step::Send(
                        vec![definition!("MODIFIED", "foos"), definition!("ADDED", "bars")],
                        Then::End,
                    ),
                    Step::Send(vec![definition!("DELETED", "foos")], Then::End),
                ],
            ),
            (foos, vec![Step::Send(vec![FOO, LISTED], Then::Silence)]),
            (bars, vec![Step::Send(vec![LISTED], Then::Silence)]),
        ],
    );
    play.scrape(expect![[r#"
        up: true 
        hybrid_custom_resource_condition{group="a.io",version="v1",kind="foosK",namespace="n",name="f",condition="Ready",status="false"} 1
        hybrid_custom_resource_generation_lag{group="a.io",version="v1",kind="foosK",namespace="n",name="f"} 2
        hybrid_watch_objects{resource="nodes"} 1
        hybrid_watch_objects{resource="foos.v1.a.io"} 1
        hybrid_watch_up{resource="nodes"} 1
        hybrid_watch_up{resource="customresourcedefinitions"} 1
        hybrid_watch_up{resource="foos.v1.a.io"} 1
        kube_custom_size{customresource_group="a.io",customresource_kind="foosK",customresource_version="v1"} 7
        kube_node_created{node="a"} 1767323045
    "#]]).await;
    // The next stream of definitions begins after a pause of a quarter of a second.
    time::sleep(Duration::from_millis(300)).await;
    play.scrape(expect![[r#"
        up: true 
        hybrid_custom_resource_condition{group="a.io",version="v1",kind="foosK",namespace="n",name="f",condition="Ready",status="false"} 1
        hybrid_custom_resource_generation_lag{group="a.io",version="v1",kind="foosK",namespace="n",name="f"} 2
        hybrid_watch_objects{resource="nodes"} 1
        hybrid_watch_objects{resource="foos.v1.a.io"} 1
        hybrid_watch_up{resource="nodes"} 1
        hybrid_watch_up{resource="customresourcedefinitions"} 1
        hybrid_watch_up{resource="bars.v1.a.io"} 1
        hybrid_watch_up{resource="foos.v1.a.io"} 1
        kube_custom_size{customresource_group="a.io",customresource_kind="foosK",customresource_version="v1"} 7
        kube_node_created{node="a"} 1767323045
    "#]]).await;
    play.done(definitions).await;
    play.scrape(expect![[r#"
        up: true 
        hybrid_watch_objects{resource="nodes"} 1
        hybrid_watch_up{resource="nodes"} 1
        hybrid_watch_up{resource="customresourcedefinitions"} 1
        hybrid_watch_up{resource="bars.v1.a.io"} 1
        kube_node_created{node="a"} 1767323045
    "#]])
        .await;
    let asked = |path| play.lists_of(path);
    // Nobody was asked twice for a list but of the definitions.
    assert_eq!([NODES, foos, bars].map(asked), [1, 1, 1]);
    play.stop().await;
}

/// A conversion that hangs holds up the list of what it converts, and nobody else.
#[tokio::test(start_paused = true)]
async fn conditions_that_do_not_come_hold_up_no_scrape() {
    let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let defined = vec![definition!("ADDED", "foos"), LISTED];
    let play = Play::new(
        &[
            ("resources", "nodes"),
            ("cluster.conditions", "true"),
            ("metric-allowlist", "created,custom"),
        ],
        vec![
            (NODES, vec![Step::Send(vec![A, LISTED], Then::Silence)]),
            (definitions, vec![Step::Send(defined, Then::Silence)]),
            ("/apis/a.io/v1/foos", vec![Step::Send(vec![FOO], Then::Silence)]),
        ],
    );
    // They are watched by now.
    time::sleep(Duration::from_secs(1)).await;
    let begun = Instant::now();
    play.scrape(expect![[r#"
        up: true 
        hybrid_watch_objects{resource="nodes"} 1
        hybrid_watch_up{resource="nodes"} 1
        hybrid_watch_up{resource="customresourcedefinitions"} 1
        kube_node_created{node="a"} 1767323045
    "#]])
        .await;
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_eq!(play.lists_of("/apis/a.io/v1/foos"), 1);
    play.stop().await;
}

#[tokio::test(start_paused = true)]
async fn conditions_that_nobody_asked_for_hold_up_nothing() {
    let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let forbidden = || Step::Refuse(Fault::new(Reason::Forbidden, "HTTP 403: no"));
    let play = Play::new(
        &[("resources", "nodes"), ("cluster.conditions", "true")],
        vec![
            (NODES, vec![Step::Send(vec![A, LISTED], Then::Silence)]),
            (definitions, vec![forbidden()]),
        ],
    );
    play.scrape(expect![[r#"
        up: true 
        hybrid_watch_errors_total{resource="customresourcedefinitions",reason="forbidden"} 1
        hybrid_watch_objects{resource="nodes"} 1
        hybrid_watch_up{resource="nodes"} 1
        kube_node_created{node="a"} 1767323045
    "#]])
        .await;
    play.stop().await;
}

#[tokio::test(start_paused = true)]
#[expect(clippy::disallowed_methods, reason = "the test changes the configuration's file")]
async fn another_configuration_begins_anew_what_it_changes() {
    let [definitions, foos, bars] = [
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
        "/apis/a.io/v1/foos",
        "/apis/a.io/v1/bars",
    ];
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("crs.yaml");
    let put = |kinds: &[(&str, &str)]| {
        let entries = kinds.iter().map(|(kind, name)| {
            format!(
                "{{groupVersionKind: {{group: a.io, version: '*', kind: {kind}}}, metricNamePrefix: \
                 kube_custom, metrics: [{{name: {name}, each: {{type: gauge, gauge: {{path: [spec, \
                 size]}}}}}}]}}"
            )
        });
        let entries = entries.collect::<Vec<_>>().join(",");
        std::fs::write(&file, format!("{{spec: {{resources: [{entries}]}}}}")).unwrap();
    };
    put(&[("foosK", "size"), ("barsK", "bar")]);
    let list = || Step::Send(vec![FOO, LISTED], Then::Silence);
    let defined = vec![definition!("ADDED", "foos"), definition!("ADDED", "bars"), LISTED];
    let play = Play::new(
        &[
            ("resources", "nodes"),
            ("custom-resource-state-config-file", file.to_str().unwrap()),
            ("metric-allowlist", "created,custom"),
        ],
        vec![
            (NODES, vec![Step::Send(vec![A, LISTED], Then::Silence)]),
            (definitions, vec![Step::Send(defined, Then::Silence)]),
            (foos, vec![list(), list()]),
            (bars, vec![list()]),
        ],
    );
    play.scrape(expect![[r#"
        up: true 
        hybrid_watch_objects{resource="nodes"} 1
        hybrid_watch_objects{resource="bars.v1.a.io"} 1
        hybrid_watch_objects{resource="foos.v1.a.io"} 1
        hybrid_watch_up{resource="nodes"} 1
        hybrid_watch_up{resource="customresourcedefinitions"} 1
        hybrid_watch_up{resource="bars.v1.a.io"} 1
        hybrid_watch_up{resource="foos.v1.a.io"} 1
        kube_custom_bar{customresource_group="a.io",customresource_kind="barsK",customresource_version="v1"} 7
        kube_custom_size{customresource_group="a.io",customresource_kind="foosK",customresource_version="v1"} 7
        kube_node_created{node="a"} 1767323045
    "#]]).await;
    put(&[("foosK", "length"), ("barsK", "bar")]);
    time::sleep(Duration::from_secs(11)).await;
    play.scrape(expect![[r#"
        up: true 
        hybrid_watch_age_seconds{resource="nodes"} 10
        hybrid_watch_age_seconds{resource="customresourcedefinitions"} 10
        hybrid_watch_age_seconds{resource="bars.v1.a.io"} 10
        hybrid_watch_objects{resource="nodes"} 1
        hybrid_watch_objects{resource="bars.v1.a.io"} 1
        hybrid_watch_objects{resource="foos.v1.a.io"} 1
        hybrid_watch_up{resource="nodes"} 1
        hybrid_watch_up{resource="customresourcedefinitions"} 1
        hybrid_watch_up{resource="bars.v1.a.io"} 1
        hybrid_watch_up{resource="foos.v1.a.io"} 1
        kube_custom_bar{customresource_group="a.io",customresource_kind="barsK",customresource_version="v1"} 7
        kube_custom_length{customresource_group="a.io",customresource_kind="foosK",customresource_version="v1"} 7
        kube_node_created{node="a"} 1767323045
    "#]]).await;
    // A torn file changes nothing.
    std::fs::write(&file, "{spec: {resources: [").unwrap();
    time::sleep(Duration::from_secs(11)).await;
    play.scrape(expect![[r#"
        up: true 
        hybrid_watch_age_seconds{resource="nodes"} 20
        hybrid_watch_age_seconds{resource="customresourcedefinitions"} 20
        hybrid_watch_age_seconds{resource="bars.v1.a.io"} 20
        hybrid_watch_age_seconds{resource="foos.v1.a.io"} 10
        hybrid_watch_objects{resource="nodes"} 1
        hybrid_watch_objects{resource="bars.v1.a.io"} 1
        hybrid_watch_objects{resource="foos.v1.a.io"} 1
        hybrid_watch_up{resource="nodes"} 1
        hybrid_watch_up{resource="customresourcedefinitions"} 1
        hybrid_watch_up{resource="bars.v1.a.io"} 1
        hybrid_watch_up{resource="foos.v1.a.io"} 1
        kube_custom_bar{customresource_group="a.io",customresource_kind="barsK",customresource_version="v1"} 7
        kube_custom_length{customresource_group="a.io",customresource_kind="foosK",customresource_version="v1"} 7
        kube_node_created{node="a"} 1767323045
    "#]]).await;
    put(&[]);
    time::sleep(Duration::from_secs(11)).await;
    play.scrape(expect![[r#"
        up: true 
        hybrid_watch_age_seconds{resource="nodes"} 30
        hybrid_watch_age_seconds{resource="customresourcedefinitions"} 30
        hybrid_watch_objects{resource="nodes"} 1
        hybrid_watch_up{resource="nodes"} 1
        hybrid_watch_up{resource="customresourcedefinitions"} 1
        kube_node_created{node="a"} 1767323045
    "#]])
        .await;
    let asked = |path| play.lists_of(path);
    assert_eq!([NODES, definitions, foos, bars].map(asked), [1, 1, 2, 1]);
    play.stop().await;
}
