//! `EndpointSlices`.

use super::{Table, kept, port};
use model::{EndpointSlice, EndpointSlices, Model, SliceEndpoint, SlicePort};
use serde::Deserialize;
use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{Arc, RwLockWriteGuard},
};

/// The label that names the Service.
const SERVICE: &str = "kubernetes.io/service-name";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Object<'a> {
    #[serde(borrow)]
    metadata: Labelled<'a>,
    #[serde(borrow)]
    ports: Option<Vec<Wire<'a>>>,
    #[serde(borrow)]
    endpoints: Option<Vec<Endpoint<'a>>>,
}

#[derive(Deserialize)]
struct Labelled<'a> {
    #[serde(borrow)]
    uid: Cow<'a, str>,
    #[serde(borrow, default)]
    namespace: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    labels: Option<HashMap<Cow<'a, str>, Cow<'a, str>>>,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    protocol: Option<Cow<'a, str>>,
    port: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Endpoint<'a> {
    #[serde(borrow)]
    addresses: Option<Vec<Cow<'a, str>>>,
    conditions: Option<Conditions>,
    #[serde(borrow)]
    target_ref: Option<Target<'a>>,
    #[serde(borrow)]
    node_name: Option<Cow<'a, str>>,
}

#[derive(Default, Deserialize)]
struct Conditions {
    ready: Option<bool>,
    serving: Option<bool>,
    terminating: Option<bool>,
}

#[derive(Deserialize)]
struct Target<'a> {
    #[serde(borrow, default)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    namespace: Cow<'a, str>,
    #[serde(borrow, default)]
    name: Cow<'a, str>,
}

impl Table for EndpointSlices {
    type Fact = EndpointSlice;

    fn of(model: &Model) -> RwLockWriteGuard<'_, Self> {
        model.endpoint_slices_mut()
    }

    fn read(json: &[u8]) -> serde_json::Result<(Arc<str>, EndpointSlice)> {
        let Object { metadata, ports, endpoints } = serde_json::from_slice(json)?;
        let text = |text: &Option<Cow<'_, str>>| kept(text.as_deref().unwrap_or_default());
        let ports = ports.iter().flatten().map(|of| SlicePort {
            name: text(&of.name),
            protocol: text(&of.protocol),
            port: port(of.port),
        });
        let service = metadata.labels.as_ref().and_then(|labels| labels.get(SERVICE));
        let slice = EndpointSlice {
            namespace: kept(&metadata.namespace),
            name: kept(&metadata.name),
            service: kept(service.map_or("", |name| name)),
            ports: ports.collect(),
            endpoints: endpoints.into_iter().flatten().map(endpoint).collect(),
        };
        Ok((kept(&metadata.uid), slice))
    }

    super::forwards!(EndpointSlice);
}

fn endpoint(of: Endpoint<'_>) -> SliceEndpoint {
    let conditions = of.conditions.unwrap_or_default();
    // What is not said is to be taken for true, says the API, and serving for ready.
    let ready = conditions.ready.unwrap_or(true);
    SliceEndpoint {
        addresses: of.addresses.iter().flatten().map(|address| kept(address)).collect(),
        ready,
        serving: conditions.serving.unwrap_or(ready),
        terminating: conditions.terminating.unwrap_or(false),
        target: of.target_ref.map(|to| [kept(&to.kind), kept(&to.namespace), kept(&to.name)]),
        node: of.node_name.as_deref().map(kept),
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
    fn where_requests_go() {
        let model = Arc::new(Model::default());
        let mut slices = Teller::<EndpointSlices>::new(Arc::clone(&model));
        slices.list();
        let json = r#"{"metadata":{"uid":"u","namespace":"shop","name":"web-x1",
            "labels":{"kubernetes.io/service-name":"web"}},"addressType":"IPv4",
            "ports":[{"name":"http","protocol":"TCP","port":8080},{"port":null}],"endpoints":[
            {"addresses":["10.0.0.1"],"conditions":{"ready":false,"serving":true,"terminating":true},
             "targetRef":{"kind":"Pod","namespace":"shop","name":"web-1","uid":"p"},"nodeName":"n1"},
            {"addresses":["192.0.2.7","192.0.2.8"]}]}"#;
        slices.apply(json.as_bytes()).unwrap();
        slices.listed();
        expect![[r#"
            Some(
                EndpointSlice {
                    namespace: "shop",
                    name: "web-x1",
                    service: "web",
                    ports: [
                        SlicePort {
                            name: "http",
                            protocol: "TCP",
                            port: Some(
                                8080,
                            ),
                        },
                        SlicePort {
                            name: "",
                            protocol: "",
                            port: None,
                        },
                    ],
                    endpoints: [
                        SliceEndpoint {
                            addresses: [
                                "10.0.0.1",
                            ],
                            ready: false,
                            serving: true,
                            terminating: true,
                            target: Some(
                                [
                                    "Pod",
                                    "shop",
                                    "web-1",
                                ],
                            ),
                            node: Some(
                                "n1",
                            ),
                        },
                        SliceEndpoint {
                            addresses: [
                                "192.0.2.7",
                                "192.0.2.8",
                            ],
                            ready: true,
                            serving: true,
                            terminating: false,
                            target: None,
                            node: None,
                        },
                    ],
                },
            )
        "#]]
        .assert_debug_eq(&model.endpoint_slices().get("u"));
        assert_eq!(model.endpoint_slices().at("192.0.2.8").count(), 1);
        let bare = r#"{"metadata":{"uid":"u","name":"web-x1"},"ports":null,"endpoints":null}"#;
        slices.apply(bare.as_bytes()).unwrap();
        assert_eq!(model.endpoint_slices().at("192.0.2.8").count(), 0);
        let torn = br#"{"metadata":{"uid":"v","name":"b"},"endpoints":[{"addresses":7}]}"#;
        assert!(slices.apply(torn).is_err());
        assert_eq!(model.endpoint_slices().len(), 1);
    }
}
