//! Configurations and what they make of an object, as text; what is wrong in one, as it is told.

use super::super::{Configuration, CustomResource, Notes, Served};
use crate::{Rendered, Settings};
use expect_test::expect;
use proptest::prelude::*;

fn served(states: bool) -> Served {
    Served {
        group: "myteam.io".into(),
        version: "v1".into(),
        kind: "Foo".into(),
        plural: "foos".into(),
        namespaced: true,
        states,
    }
}

/// The lines that a configuration makes of an object, and what it could not make.
fn exposed(configuration: &str, states: bool, object: &str) -> String {
    exposed_with(&Settings::default(), configuration, states, object)
}

fn exposed_with(settings: &Settings, configuration: &str, states: bool, object: &str) -> String {
    let configuration = Configuration::parse(configuration).expect("a configuration");
    let filter = settings.filter().expect("settings");
    let Some(custom) = CustomResource::new(&configuration, &served(states), &filter, true) else {
        return "nothing\n".to_owned();
    };
    let object: serde_json::Value = serde_saphyr::from_str(object).expect("YAML");
    let (mut rendered, mut notes) = (Rendered::default(), Notes::default());
    let result = custom.render(object.to_string().as_bytes(), &mut rendered, &mut notes);
    let mut text = String::new();
    for (place, family) in custom.families().iter().enumerate() {
        text.extend(["# ", &family.name, " ", &family.help, "\n"]);
        text += str::from_utf8(rendered.family(place)).expect("UTF-8");
    }
    for trouble in notes.troubles() {
        text.extend([format!("{trouble:?}\n")]);
    }
    text + &result.err().map(|error| format!("error: {error}\n")).unwrap_or_default()
}

const OBJECT: &str = r#"
kind: Foo
apiVersion: myteam.io/v1
metadata:
  annotations: {bar: baz, qux: quxx}
  labels: {foo: bar}
  name: foo
  namespace: shop
  uid: u
  generation: 5
spec:
  version: v1.2.3
  order: [{id: 1, value: true}, {id: 3, value: false}]
  replicas: 1
  refs: [my_other_foo, foo_2, foo_with_extensions]
status:
  phase: Pending
  observedGeneration: 3
  active: {type-a: 1, type-b: 3}
  conditions:
  - {type: Ready, status: "True", name: a, value: 45}
  - {type: Synced, status: "False", name: b, value: 66}
  - {type: Odd, status: Perhaps}
  - {type: Ready, status: "True"}
  - {status: "True"}
  sub:
    type-a: {active: 1, ready: 2}
    type-b: {active: 3, ready: 4}
  uptime: 43.21
"#;

#[test]
fn what_the_peers_documentation_shows() {
    let configuration = r#"
kind: CustomResourceStateMetrics
spec:
  resources:
    - groupVersionKind: {group: myteam.io, kind: "Foo", version: "v1"}
      commonLabels:
        crd_type: "foo"
      labelsFromPath:
        name: [metadata, name]
      metrics:
        - name: uptime
          help: Foo uptime
          each:
            type: Gauge
            gauge:
              path: [status, uptime]
        - name: "ready_count"
          help: "Number Foo Bars ready"
          each:
            type: Gauge
            gauge:
              path: [status, sub]
              labelFromKey: type
              labelsFromPath:
                active: [active]
              valueFrom: [ready]
          commonLabels:
            custom_metric: "yes"
          labelsFromPath:
            "*": [metadata, labels]
            "lorem_*": [metadata, annotations]
            "**": [metadata, annotations]
            name: [metadata, name]
            foo: [metadata, labels, foo]
        - name: ref_info
          each:
            type: Info
            info:
              path: [spec, refs]
              labelsFromPath:
                ref: []
        - name: status_phase
          each:
            type: StateSet
            stateSet:
              labelName: phase
              path: [status, phase]
              list: [Pending, Bar, Baz]
"#;
    expect![[r##"
        # kube_customresource_uptime Foo uptime
        kube_customresource_uptime{crd_type="foo",customresource_group="myteam.io",customresource_kind="Foo",customresource_version="v1",name="foo"} 43.21
        # kube_customresource_ready_count Number Foo Bars ready
        kube_customresource_ready_count{_bar="baz",_qux="quxx",active="1",crd_type="foo",custom_metric="yes",customresource_group="myteam.io",customresource_kind="Foo",customresource_version="v1",foo="bar",lorem_bar="baz",lorem_qux="quxx",name="foo",type="type-a"} 2
        kube_customresource_ready_count{_bar="baz",_qux="quxx",active="3",crd_type="foo",custom_metric="yes",customresource_group="myteam.io",customresource_kind="Foo",customresource_version="v1",foo="bar",lorem_bar="baz",lorem_qux="quxx",name="foo",type="type-b"} 4
        # kube_customresource_ref_info 
        kube_customresource_ref_info{crd_type="foo",customresource_group="myteam.io",customresource_kind="Foo",customresource_version="v1",name="foo",ref="foo_2"} 1
        kube_customresource_ref_info{crd_type="foo",customresource_group="myteam.io",customresource_kind="Foo",customresource_version="v1",name="foo",ref="foo_with_extensions"} 1
        kube_customresource_ref_info{crd_type="foo",customresource_group="myteam.io",customresource_kind="Foo",customresource_version="v1",name="foo",ref="my_other_foo"} 1
        # kube_customresource_status_phase 
        kube_customresource_status_phase{crd_type="foo",customresource_group="myteam.io",customresource_kind="Foo",customresource_version="v1",name="foo",phase="Bar"} 0
        kube_customresource_status_phase{crd_type="foo",customresource_group="myteam.io",customresource_kind="Foo",customresource_version="v1",name="foo",phase="Baz"} 0
        kube_customresource_status_phase{crd_type="foo",customresource_group="myteam.io",customresource_kind="Foo",customresource_version="v1",name="foo",phase="Pending"} 1
    "##]].assert_eq(&exposed(configuration, false, OBJECT));
}

#[test]
fn conditions_need_no_configuration() {
    let none = "spec: {resources: []}";
    assert_eq!(exposed(none, false, OBJECT), "nothing\n");
    expect![[r##"
        # hybrid_custom_resource_condition 1 for each condition that a custom resource reports, with the status that holds: true, false, unknown, or other for any other word.
        hybrid_custom_resource_condition{group="myteam.io",version="v1",kind="Foo",namespace="shop",name="foo",condition="Ready",status="true"} 1
        hybrid_custom_resource_condition{group="myteam.io",version="v1",kind="Foo",namespace="shop",name="foo",condition="Synced",status="false"} 1
        hybrid_custom_resource_condition{group="myteam.io",version="v1",kind="Foo",namespace="shop",name="foo",condition="Odd",status="other"} 1
        # hybrid_custom_resource_generation_lag How many changes of its desired state the custom resource's controller has not seen: metadata.generation less status.observedGeneration.
        hybrid_custom_resource_generation_lag{group="myteam.io",version="v1",kind="Foo",namespace="shop",name="foo"} 2
    "##]].assert_eq(&exposed(none, true, OBJECT));
    let only = Settings { metric_allowlist: "kube_".into(), ..Settings::default() };
    assert_eq!(exposed_with(&only, none, true, OBJECT), "nothing\n");
    expect![[r#"
        # hybrid_custom_resource_condition 1 for each condition that a custom resource reports, with the status that holds: true, false, unknown, or other for any other word.
        # hybrid_custom_resource_generation_lag How many changes of its desired state the custom resource's controller has not seen: metadata.generation less status.observedGeneration.
        error: Foo in x: metadata.name: expected a name
    "#]].assert_eq(&exposed(none, true, "{metadata: {namespace: x}, status: []}"));
}

#[test]
fn entries_for_the_same_resource_add_up_and_wildcards_match() {
    let configuration = r#"
spec:
  resources:
  - &each
    groupVersionKind: {group: myteam.io, version: "*", kind: Foo}
    metricNamePrefix: ""
    metrics:
    - name: number
      commonLabels: {of: replicas}
      each: {type: gauge, gauge: {path: [spec, replicas]}}
  - <<: *each
    groupVersionKind: {group: myteam.io, version: v1, kind: ""}
    errorLogV: 4
    metrics:
    - {name: number, help: Of the other., each: {type: gauge, gauge: {path: [status, phase]}}}
    - name: number
      commonLabels: {of: uptime}
      each: {type: gauge, gauge: {path: [status, uptime]}}
  - <<: *each
    groupVersionKind: {group: other.io}
"#;
    expect![[r##"
        # number 
        number{customresource_group="myteam.io",customresource_kind="Foo",customresource_version="v1",of="replicas"} 1
        number{customresource_group="myteam.io",customresource_kind="Foo",customresource_version="v1",of="uptime"} 43.21
        Trouble { family: 0, elements: 1, why: "status.phase: expected a number, found \"Pending\"", verbosity: 4 }
    "##]].assert_eq(&exposed(configuration, false, OBJECT));
    let denied = Settings { metric_denylist: "^number$".into(), ..Settings::default() };
    assert_eq!(exposed_with(&denied, configuration, false, OBJECT), "nothing\n");
    let parsed = Configuration::parse(configuration).unwrap();
    assert_eq!(
        parsed.wanted().collect::<Vec<_>>(),
        [["myteam.io", "*", "Foo"], ["myteam.io", "v1", "*"], ["other.io", "*", "*"]]
    );
}

#[test]
fn names_that_no_label_can_have_are_mended() {
    let configuration = r#"
spec:
  resources:
  - groupVersionKind: {group: myteam.io, version: v1, kind: Foo}
    metrics:
    - name: x_info
      each: {type: Info, info: {path: [spec], labelsFromPath: {"1st-name": [a], "*": [b]}}}
"#;
    let object =
        r#"{metadata: {name: x}, spec: {a: 1, b: {"__name__": n, "é:x": "q\"\\", "": e}}}"#;
    expect![[r##"
        # kube_customresource_x_info 
        kube_customresource_x_info{_="e",_1st_name="1",___name__="false",__x="q\"\\",customresource_group="myteam.io",customresource_kind="Foo",customresource_version="v1"} 1
    "##]].assert_eq(&exposed(configuration, false, object));
}

/// What is said of a configuration that has one thing wrong.
fn fault(wrong: &str) -> String {
    let entry = "groupVersionKind: {group: myteam.io, version: v1, kind: Foo}";
    let metric = "name: up";
    let text = match wrong.split_once(": ").map_or(("", wrong), |(at, text)| (at, text)) {
        ("top", text) => text.to_owned(),
        ("resource", text) => format!("spec:\n  resources:\n  - {entry}\n    {text}\n"),
        ("metric", text) => {
            format!(
                "spec:\n  resources:\n  - {entry}\n    metrics:\n    - {metric}\n      {text}\n"
            )
        }
        ("each", text) => format!(
            "spec:\n  resources:\n  - {entry}\n    metrics:\n    - {metric}\n      each: {{{text}}}\n"
        ),
        (at, _) => panic!("{at}"),
    };
    Configuration::parse(&text).expect_err(wrong).to_string()
}

#[test]
fn faults_say_where_and_what_would_be_right() {
    let wrong = [
        "top: ",
        "top: [a]",
        "top: kind: CustomResourceStateMetrics",
        "top: spec: {resource: []}",
        "top: spec: {resources: {}}",
        "top: spec: {resources: [{metrics: []}]}",
        "top: spec: {resources: [{groupVersionKind: {version: v1, kind: Foo}}]}",
        "top: spec: {resources: [{groupVersionKind: {group: [a]}}]}",
        "resource: metricsNamePrefix: x",
        "resource: commonLabels: {a-b: x}",
        "resource: commonLabels: {a: [x]}",
        "resource: labelsFromPath: {a: x}",
        "resource: metrics: [{name: a-b, each: {}}]",
        "resource: metrics: [{each: {}}]",
        "resource: errorLogV: high",
        "metric: help: x",
        "metric: labels: {}",
        "each: gauge: {path: [a]}",
        "each: type: Counter, counter: {}",
        "each: type: gage, gauge: {}",
        "each: type: Gauge, info: {}",
        "each: type: Gauge, gauge: {pth: [a]}",
        "each: type: Gauge, gauge: {path: status}",
        "each: type: Gauge, gauge: {path: [a, [b]]}",
        "each: type: Gauge, gauge: {path: [a, \"[type]\"]}",
        "each: type: Gauge, gauge: {nilIsZero: 2}",
        "each: type: Info, info: {labelFromKey: a.b}",
        "each: type: Info, info: {valueFrom: [a]}",
        "each: type: StateSet, stateSet: {path: [a], list: [b]}",
        "each: type: StateSet, stateSet: {path: [a], list: b, labelName: c}",
    ];
    let said = wrong.map(|wrong| format!("{wrong}\n    {}\n", fault(wrong))).concat();
    expect![[r#"
        top: 
            line 1: nothing stands in it
        top: [a]
            line 1: expected a mapping, found a list
        top: kind: CustomResourceStateMetrics
            line 1: expected the key spec with the key resources
        top: spec: {resource: []}
            line 1: spec: unknown key "resource"; did you mean resources?
        top: spec: {resources: {}}
            line 1: spec: expected a list, such as [a, b], found a mapping
        top: spec: {resources: [{metrics: []}]}
            line 1: spec: resource */* *: groupVersionKind: group: expected the name of a group, such as myteam.io
        top: spec: {resources: [{groupVersionKind: {version: v1, kind: Foo}}]}
            line 1: spec: resource */v1 Foo: groupVersionKind: group: expected the name of a group, such as myteam.io
        top: spec: {resources: [{groupVersionKind: {group: [a]}}]}
            line 1: spec: resource */* *: groupVersionKind: group: expected a text, found a list
        resource: metricsNamePrefix: x
            line 4: spec: resource myteam.io/v1 Foo: unknown key "metricsNamePrefix"; did you mean metricNamePrefix?
        resource: commonLabels: {a-b: x}
            line 4: spec: resource myteam.io/v1 Foo: commonLabels: "a-b" is no name of a label; expected letters, digits and _, no digit first
        resource: commonLabels: {a: [x]}
            line 4: spec: resource myteam.io/v1 Foo: commonLabels: a: expected a text, found a list
        resource: labelsFromPath: {a: x}
            line 4: spec: resource myteam.io/v1 Foo: labelsFromPath: a: expected a list, such as [a, b], found "x"
        resource: metrics: [{name: a-b, each: {}}]
            line 4: spec: resource myteam.io/v1 Foo: metric "a-b": name: "kube_customresource_a-b" is no name of a metric; expected letters, digits and _, no digit first
        resource: metrics: [{each: {}}]
            line 4: spec: resource myteam.io/v1 Foo: metric "": name: "kube_customresource" is no name of a metric; expected letters, digits and _, no digit first
        resource: errorLogV: high
            line 4: spec: resource myteam.io/v1 Foo: errorLogV: expected a whole number, found "high"
        metric: help: x
            line 5: spec: resource myteam.io/v1 Foo: metric "up": expected the key each with a type and its settings
        metric: labels: {}
            line 6: spec: resource myteam.io/v1 Foo: metric "up": unknown key "labels"; expected one of name, help, each, commonLabels, labelsFromPath, errorLogV
        each: gauge: {path: [a]}
            line 6: spec: resource myteam.io/v1 Foo: metric "up": each: type: expected Gauge, StateSet or Info, found ""
        each: type: Counter, counter: {}
            line 6: spec: resource myteam.io/v1 Foo: metric "up": each: unknown key "counter"; expected one of type, gauge, stateSet, info
        each: type: gage, gauge: {}
            line 6: spec: resource myteam.io/v1 Foo: metric "up": each: type: expected Gauge, StateSet or Info, found "gage"
        each: type: Gauge, info: {}
            line 6: spec: resource myteam.io/v1 Foo: metric "up": each: a Gauge needs the key gauge
        each: type: Gauge, gauge: {pth: [a]}
            line 6: spec: resource myteam.io/v1 Foo: metric "up": each: gauge: unknown key "pth"; did you mean path?
        each: type: Gauge, gauge: {path: status}
            line 6: spec: resource myteam.io/v1 Foo: metric "up": each: gauge: path: expected a list, such as [a, b], found "status"
        each: type: Gauge, gauge: {path: [a, [b]]}
            line 6: spec: resource myteam.io/v1 Foo: metric "up": each: gauge: path: expected a text, found a list
        each: type: Gauge, gauge: {path: [a, "[type]"]}
            line 6: spec: resource myteam.io/v1 Foo: metric "up": each: gauge: path: "[type]" looks up nothing; expected [KEY=VALUE], such as [type=Ready]
        each: type: Gauge, gauge: {nilIsZero: 2}
            line 6: spec: resource myteam.io/v1 Foo: metric "up": each: gauge: nilIsZero: expected true or false, found "2"
        each: type: Info, info: {labelFromKey: a.b}
            line 6: spec: resource myteam.io/v1 Foo: metric "up": each: info: labelFromKey: "a.b" is no name of a label; expected letters, digits and _, no digit first
        each: type: Info, info: {valueFrom: [a]}
            line 6: spec: resource myteam.io/v1 Foo: metric "up": each: info: unknown key "valueFrom"; expected one of path, labelsFromPath, labelFromKey
        each: type: StateSet, stateSet: {path: [a], list: [b]}
            line 6: spec: resource myteam.io/v1 Foo: metric "up": each: stateSet: labelName: expected the name of a label
        each: type: StateSet, stateSet: {path: [a], list: b, labelName: c}
            line 6: spec: resource myteam.io/v1 Foo: metric "up": each: stateSet: list: expected a list, such as [a, b], found "b"
    "#]].assert_eq(&said);
}

/// A configuration that leads into all of [`OBJECT`].
const ALL: &str = r#"
spec:
  resources:
  - groupVersionKind: {group: myteam.io, version: v1, kind: Foo}
    labelsFromPath: {"*": [metadata, labels], refs: [spec, refs]}
    metrics:
    - {name: a, each: {type: Gauge, gauge: {path: [status, sub], valueFrom: [ready], labelFromKey: k}}}
    - {name: b, each: {type: Gauge, gauge: {path: [status, conditions], valueFrom: [value], labelsFromPath: {"*": []}}}}
    - {name: c_info, each: {type: Info, info: {path: [], labelFromKey: k, labelsFromPath: {x: [order, "-1"]}}}}
    - {name: d, each: {type: StateSet, stateSet: {path: [status, conditions, "[type=Ready]"], valueFrom: [status], list: ["True"], labelName: s}}}
"#;

proptest! {
    #[test]
    fn torn_objects_cost_themselves(
        edits in prop::collection::vec((0..usize::MAX, prop::sample::select(b"{}[]\":,0-9.eEnulltrue\\ \n\xff%*/".to_vec())), 1..4),
        end in 0..usize::MAX,
    ) {
        let object: serde_json::Value = serde_saphyr::from_str(OBJECT).unwrap();
        let mut json = object.to_string().into_bytes();
        let length = json.len();
        for (at, byte) in edits {
            json[at % length] = byte;
        }
        json.truncate(end % (2 * length));
        let configuration = Configuration::parse(ALL).unwrap();
        let filter = Settings::default().filter().unwrap();
        let custom = CustomResource::new(&configuration, &served(true), &filter, true).unwrap();
        let (mut rendered, mut notes) = (Rendered::default(), Notes::default());
        let result = custom.render(&json, &mut rendered, &mut notes);
        prop_assert!(result.is_ok() || rendered.lines().is_empty());
        let text = str::from_utf8(rendered.lines()).unwrap();
        prop_assert!(exposition::parse(text).faults.is_empty(), "{text}");
    }

    #[test]
    fn torn_configurations_are_refused_or_taken(
        edits in prop::collection::vec((0..ALL.len(), prop::sample::select(b"{}[]\":,0-*&<#|>! \n\t".to_vec())), 1..6),
    ) {
        let mut text = ALL.as_bytes().to_vec();
        for (at, byte) in edits {
            text[at] = byte;
        }
        let text = String::from_utf8(text).unwrap();
        if let Err(fault) = Configuration::parse(&text) {
            prop_assert!(fault.to_string().starts_with("line "), "{fault}");
        }
    }
}
