//! The tables as a whole: what they declare is what kube-state-metrics has, as `families.tsv` lists
//! it, and every family is in some test's text.

use crate::{Declared, RESOURCES, Rendered, Resource, Settings, Stability, resource};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// `families.tsv` by resource.
fn peer() -> BTreeMap<&'static str, BTreeSet<String>> {
    let mut peer = BTreeMap::<_, BTreeSet<_>>::new();
    for line in include_str!("../families.tsv").lines().filter(|line| !line.starts_with('#')) {
        let (resource, family) = line.split_once('\t').expect("a tab");
        peer.entry(resource).or_default().insert(family.to_owned());
    }
    peer
}

fn line(resource: &Resource, family: &Declared) -> String {
    let stability = match family.stability {
        Stability::Alpha => "ALPHA".to_owned(),
        Stability::Stable => "STABLE".to_owned(),
        Stability::Deprecated(since) => format!("STABLE deprecated {since}"),
    };
    let labels = [&*resource.default_labels(), family.labels].concat().join(",");
    let on = match (family.opt_in, resource.default) {
        (true, _) => "opt-in",
        (false, true) => "yes",
        (false, false) => "no",
    };
    let kind = if family.counter { "counter" } else { "gauge" };
    [family.name, kind, &stability, &labels, on].join("\t")
}

#[test]
fn families_are_those_of_kube_state_metrics() {
    for (name, families) in peer() {
        let resource = resource(name).unwrap_or_else(|| panic!("{name} has no table"));
        let declared = resource.declared();
        let own: BTreeSet<_> = declared.iter().map(|family| line(resource, family)).collect();
        assert_eq!(own.len(), declared.len(), "{name} declares a family twice");
        let only = |a: &BTreeSet<String>, b: &BTreeSet<String>| {
            a.difference(b).cloned().collect::<Vec<_>>().join("\n")
        };
        assert_eq!(
            own,
            families,
            "{name}\nours:\n{}theirs:\n{}",
            only(&own, &families),
            only(&families, &own)
        );
    }
    for resource in RESOURCES {
        assert!(
            peer().contains_key(resource.name),
            "{} is not a resource of theirs",
            resource.name
        );
    }
}

#[test]
fn help_is_one_sentence_at_least() {
    for (resource, family) in
        RESOURCES.iter().flat_map(|r| r.declared().into_iter().map(move |f| (r, f)))
    {
        assert!(
            family.help.ends_with('.') && !family.help.contains('\n'),
            "{resource:?} {family:?}"
        );
        assert!(family.counter == family.name.ends_with("_total"), "{}", family.name);
    }
}

#[test]
fn exposed_families_carry_their_mark_and_all_labels() {
    let pods = resource("pods").expect("pods");
    let of = |name: &str| {
        let family = pods.families().iter().find(|family| &*family.name == name).expect(name);
        (family.help.to_string(), family.labels.join(","))
    };
    assert_eq!(
        of("kube_pod_status_phase"),
        (
            "[STABLE] Phase of the pod: 1 for the one it is in.".to_owned(),
            "namespace,pod,uid,phase".to_owned()
        )
    );
    assert!(!of("kube_pod_ips").0.starts_with('['));
}

#[test]
fn labels_and_annotations_of_every_resource() {
    let settings = Settings {
        metric_labels_allowlist: "*=[a/*]".into(),
        metric_annotations_allowlist: "*=[b]".into(),
        ..Settings::default()
    };
    let json =
        br#"{"metadata":{"name":"x","labels":{"a/one":"1","z":"2"},"annotations":{"b":"3"}}}"#;
    let mut rendered = Rendered::default();
    for resource in RESOURCES {
        for (settings, samples) in [(&settings, 1), (&Settings::default(), 0)] {
            let options = settings.options(resource).expect("settings");
            resource.render(json, &options, &mut rendered).expect("an object");
            for (family, declared) in resource.declared().iter().enumerate() {
                let end = match declared.labels {
                    ["label_*"] if resource.name != "volumeattachments" => "label_a_one=\"1\"} 1\n",
                    ["annotation_*"] => "annotation_b=\"3\"} 1\n",
                    _ => continue,
                };
                let text = str::from_utf8(rendered.family(family)).expect("UTF-8");
                assert_eq!(text.lines().count(), samples, "{}: {text}", declared.name);
                assert!(text.is_empty() || text.ends_with(end), "{}: {text}", declared.name);
            }
        }
    }
}

#[test]
fn exceptions_are_about_families_that_are_there() {
    for line in include_str!("../exceptions.tsv").lines().filter(|line| !line.starts_with('#')) {
        let [family, differs, why] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let known = |resource: &&Resource| resource.declared().iter().any(|d| d.name == family);
        assert!(
            ["*", "custom resources"].contains(&family) || RESOURCES.iter().any(known),
            "{family}"
        );
        assert!(!differs.is_empty() && !why.is_empty(), "{line}");
    }
}

/// An object that has something of every resource in it.
const OBJECT: &str = r#"{"metadata":{"name":"a\"b","namespace":"c","uid":"d\\","generation":3,"resourceVersion":"9",
"labels":{"x-y":"1","x_y":"2"},"annotations":{"z":"\n"},"creationTimestamp":"2026-01-02T03:04:05Z",
"ownerReferences":[{"kind":"K","name":"n","controller":true}]},
"spec":{"replicas":3,"schedule":"*/5 1-7 * * mon","timeZone":"Europe/Berlin","type":"ClusterIP",
"containers":[{"name":"e","resources":{"limits":{"cpu":"1500m","a.b/c":"2Gi"}}}],
"tolerations":[{"key":"t","tolerationSeconds":5}],"taints":[{"key":"k"}],"overhead":{"cpu":"1"},
"strategy":{"rollingUpdate":{"maxSurge":"25%","maxUnavailable":1}},
"accessModes":["m"],"resources":{"requests":{"storage":"1Gi"}},"claimRef":{"name":"v"},"ingress":[{}],
"fc":{"lun":1,"wwids":["w"]},"iscsi":{"lun":0},"csi":{"volumeAttributes":{"mounter":"m"}},
"metrics":[{"type":"Resource","resource":{"name":"cpu","target":{"averageValue":"5m"}}}],
"behavior":{"scaleUp":{"tolerance":"35m"}},"limits":[{"type":"Pod","min":{"cpu":"1"}}],
"rules":[{"host":"h","http":{"paths":[{"backend":{"service":{"port":{"number":80}}}},
{"backend":{"resource":{"kind":"k"}}}]}}],"tls":[{"hosts":["h"]}],"renewTime":"2026-01-02T03:04:05.9Z",
"signerName":"s","paramRef":{"name":"p"},"source":{"persistentVolumeName":"p"},"validationActions":["Deny"]},
"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True","reason":"r"}],
"capacity":{"cpu":"4","memory":"1e3"},"podIPs":[{"ip":"::1"}],"failed":2,
"hard":{"pods":"1"},"certificate":"YQ==","attached":true,"attachmentMetadata":{"d":"e"},
"containerStatuses":[{"name":"e","restartCount":7,"state":{"waiting":{"reason":"w"}},
"lastState":{"terminated":{"exitCode":1,"finishedAt":"2026-01-02T03:04:05.5+01:00"}}}]},
"endpoints":[{"addresses":["f"],"conditions":{"ready":true},"hints":{"forZones":[{"name":"z"}]}}],
"ports":[{"port":1}],"subsets":[{"addresses":[{"ip":"i"}],"ports":[{"port":2}]}],"roleRef":{"kind":"k"},
"webhooks":[{"name":"w","clientConfig":{"service":{"name":"s"}}}],"imagePullSecrets":[{"name":"s"}]}"#;

#[test]
fn the_object_is_one_of_every_resource() {
    for resource in RESOURCES {
        let options = Settings::default().options(resource).expect("settings");
        let mut rendered = Rendered::default();
        resource.render(OBJECT.as_bytes(), &options, &mut rendered).expect(resource.name);
        assert!(!rendered.lines().is_empty(), "{}", resource.name);
    }
}

proptest! {
    #[test]
    fn torn_objects_cost_themselves(
        edits in prop::collection::vec((0..OBJECT.len(), prop::sample::select(b"{}[]\":,0-9.eEnulltrue\\ \n\xff%*/".to_vec())), 1..4),
        end in 0..=2 * OBJECT.len(),
    ) {
        let settings = Settings {
            metric_opt_in_list: ".".into(),
            metric_labels_allowlist: "*=[*]".into(),
            metric_annotations_allowlist: "*=[*]".into(),
            ..Settings::default()
        };
        let mut json = OBJECT.as_bytes().to_vec();
        for (at, byte) in edits {
            json[at] = byte;
        }
        json.truncate(end);
        let mut rendered = Rendered::default();
        for resource in RESOURCES {
            let options = settings.options(resource).expect("settings");
            let result = resource.render(&json, &options, &mut rendered);
            prop_assert!(result.is_ok() || rendered.lines().is_empty());
            let text = str::from_utf8(rendered.lines()).expect("UTF-8");
            let parsed = exposition::parse(text);
            prop_assert!(parsed.faults.is_empty(), "{}: {text}", resource.name);
        }
    }
}
