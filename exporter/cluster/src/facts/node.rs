//! The Node of this process.

use super::{Metadata, Table, kept, port};
use jiff::Timestamp;
use model::{Condition, Model, Node, OwnNode, Taint};
use serde::Deserialize;
use std::{
    borrow::Cow,
    collections::BTreeMap,
    sync::{Arc, RwLockWriteGuard},
    time::{Duration, SystemTime},
};

#[derive(Deserialize)]
struct Object<'a> {
    #[serde(borrow)]
    metadata: Metadata<'a>,
    #[serde(borrow, default)]
    spec: Option<Spec<'a>>,
    #[serde(borrow, default)]
    status: Option<Status<'a>>,
}

#[derive(Default, Deserialize)]
struct Spec<'a> {
    unschedulable: Option<bool>,
    #[serde(borrow)]
    taints: Option<Vec<WireTaint<'a>>>,
}

#[derive(Deserialize)]
struct WireTaint<'a> {
    #[serde(borrow)]
    key: Cow<'a, str>,
    #[serde(borrow, default)]
    value: Cow<'a, str>,
    #[serde(borrow, default)]
    effect: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status<'a> {
    #[serde(borrow)]
    conditions: Option<Vec<WireCondition<'a>>>,
    #[serde(borrow)]
    allocatable: Option<BTreeMap<Cow<'a, str>, Cow<'a, str>>>,
    #[serde(borrow)]
    addresses: Option<Vec<Address<'a>>>,
    daemon_endpoints: Option<Daemons>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireCondition<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    status: Cow<'a, str>,
    #[serde(borrow, default)]
    reason: Cow<'a, str>,
    #[serde(borrow, default)]
    message: Cow<'a, str>,
    #[serde(borrow)]
    last_transition_time: Option<Cow<'a, str>>,
    #[serde(borrow)]
    last_heartbeat_time: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Address<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    address: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Daemons {
    kubelet_endpoint: Option<Daemon>,
}

#[derive(Deserialize)]
struct Daemon {
    #[serde(rename = "Port")]
    port: Option<i64>,
}

impl Table for OwnNode {
    type Fact = Node;

    fn of(model: &Model) -> RwLockWriteGuard<'_, Self> {
        model.node_mut()
    }

    fn read(json: &[u8]) -> serde_json::Result<(Arc<str>, Node)> {
        let Object { metadata, spec, status } = serde_json::from_slice(json)?;
        let (spec, status) = (spec.unwrap_or_default(), status.unwrap_or_default());
        let taints = spec.taints.iter().flatten().map(|taint| Taint {
            key: kept(&taint.key),
            value: kept(&taint.value),
            effect: kept(&taint.effect),
        });
        let allocatable = status.allocatable.iter().flatten();
        let internal = status.addresses.iter().flatten().filter(|a| a.kind == "InternalIP");
        let kubelet = status.daemon_endpoints.and_then(|daemons| daemons.kubelet_endpoint);
        let node = Node {
            name: kept(&metadata.name),
            unschedulable: spec.unschedulable == Some(true),
            taints: taints.collect(),
            conditions: status.conditions.iter().flatten().map(condition).collect(),
            allocatable: allocatable
                .filter_map(|(name, text)| Some((kept(name), kubestate::quantity(text)?)))
                .collect(),
            internal_ips: internal.filter_map(|a| a.address.parse().ok()).collect(),
            kubelet_port: port(kubelet.and_then(|kubelet| kubelet.port)),
        };
        Ok((kept(&metadata.uid), node))
    }

    super::forwards!(Node);
}

fn condition(of: &WireCondition<'_>) -> Condition {
    let time = |text: &Option<Cow<'_, str>>| -> Option<SystemTime> {
        let seconds = text.as_ref()?.parse::<Timestamp>().ok()?.as_second();
        // A time that nobody has set is in the year 1.
        let since = Duration::from_secs(u64::try_from(seconds).ok()?);
        SystemTime::UNIX_EPOCH.checked_add(since)
    };
    Condition {
        kind: kept(&of.kind),
        holds: match &*of.status {
            "True" => Some(true),
            "False" => Some(false),
            _ => None,
        },
        reason: kept(&of.reason),
        message: kept(&of.message),
        since: time(&of.last_transition_time),
        heard: time(&of.last_heartbeat_time),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Tell as _, Teller},
        *,
    };
    use expect_test::expect;

    #[test]
    fn a_node_is_known_while_it_is_told_of() {
        let model = Arc::new(Model::default());
        let mut node = Teller::<OwnNode>::new(Arc::clone(&model));
        node.list();
        let json = r#"{"metadata":{"uid":"u","name":"n1"},"spec":{"unschedulable":true,"podCIDR":"10.0.0.0/24",
            "taints":[{"key":"node.kubernetes.io/unschedulable","effect":"NoSchedule","timeAdded":null}]},
            "status":{"allocatable":{"cpu":"1900m","memory":"2Gi","odd":"many"},
            "addresses":[{"type":"Hostname","address":"n1"},{"type":"InternalIP","address":"10.1.2.3"},
              {"type":"InternalIP","address":"fd00::1"},{"type":"InternalIP","address":"x"}],
            "daemonEndpoints":{"kubeletEndpoint":{"Port":10250}},
            "conditions":[{"type":"Ready","status":"Unknown","reason":"NodeStatusUnknown","message":"Kubelet stopped.",
              "lastTransitionTime":"2026-01-02T03:04:05Z","lastHeartbeatTime":"odd"},
              {"type":"DiskPressure","status":"False"}],"images":[{"names":["a"]}]}}"#;
        node.apply(json.as_bytes()).unwrap();
        assert!(!model.node().is_told());
        node.listed();
        expect![[r#"
            Some(
                Node {
                    name: "n1",
                    unschedulable: true,
                    taints: [
                        Taint {
                            key: "node.kubernetes.io/unschedulable",
                            value: "",
                            effect: "NoSchedule",
                        },
                    ],
                    conditions: [
                        Condition {
                            kind: "Ready",
                            holds: None,
                            reason: "NodeStatusUnknown",
                            message: "Kubelet stopped.",
                            since: Some(
                                SystemTime {
                                    tv_sec: 1767323045,
                                    tv_nsec: 0,
                                },
                            ),
                            heard: None,
                        },
                        Condition {
                            kind: "DiskPressure",
                            holds: Some(
                                false,
                            ),
                            reason: "",
                            message: "",
                            since: None,
                            heard: None,
                        },
                    ],
                    allocatable: [
                        (
                            "cpu",
                            1.9,
                        ),
                        (
                            "memory",
                            2147483648.0,
                        ),
                    ],
                    internal_ips: [
                        10.1.2.3,
                        fd00::1,
                    ],
                    kubelet_port: Some(
                        10250,
                    ),
                },
            )
        "#]]
        .assert_debug_eq(&model.node().get());
        let ready = model.node().get().and_then(|node| node.condition("Ready").cloned());
        assert!(ready.is_some_and(|ready| ready.holds.is_none()));
        node.apply(br#"{"metadata":{"uid":"u","name":"n1"},"spec":null,"status":{}}"#).unwrap();
        assert_eq!(model.node().get().map(|node| node.unschedulable), Some(false));
        let torn = br#"{"metadata":{"uid":"u","name":"n1"},"status":{"conditions":7}}"#;
        assert!(node.apply(torn).is_err());
        node.delete("u");
        assert!(model.node().get().is_none() && model.node().is_told());
        drop(node);
        assert!(!model.node().is_told());
    }
}
