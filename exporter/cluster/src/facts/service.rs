//! Services.

use super::{Metadata, Table, kept, port};
use model::{Model, Service, ServicePort, Services};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::{
    borrow::Cow,
    collections::BTreeMap,
    sync::{Arc, RwLockWriteGuard},
};

#[derive(Deserialize)]
struct Object<'a> {
    #[serde(borrow)]
    metadata: Metadata<'a>,
    #[serde(borrow, default)]
    spec: Option<Spec<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    selector: Option<BTreeMap<Cow<'a, str>, Cow<'a, str>>>,
    #[serde(borrow)]
    ports: Option<Vec<Wire<'a>>>,
    #[serde(borrow)]
    external_name: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    protocol: Cow<'a, str>,
    port: Option<i64>,
    /// A number or a name.
    #[serde(borrow)]
    target_port: Option<&'a RawValue>,
    node_port: Option<i64>,
}

impl Table for Services {
    type Fact = Service;

    fn of(model: &Model) -> RwLockWriteGuard<'_, Self> {
        model.services_mut()
    }

    fn read(json: &[u8]) -> serde_json::Result<(Arc<str>, Service)> {
        let Object { metadata, spec } = serde_json::from_slice(json)?;
        let spec = spec.unwrap_or_default();
        let ports = spec.ports.iter().flatten().filter_map(|of| {
            let target = of.target_port.map_or("", |target| target.get().trim_matches('"'));
            Some(ServicePort {
                name: kept(&of.name),
                protocol: kept(&of.protocol),
                port: port(of.port)?,
                target: kept(if target == "0" { "" } else { target }),
                node_port: port(of.node_port),
            })
        });
        let selector = spec.selector.iter().flatten();
        let service = Service {
            namespace: kept(&metadata.namespace),
            name: kept(&metadata.name),
            kind: kept(&spec.kind),
            selector: selector.map(|(key, value)| (kept(key), kept(value))).collect(),
            ports: ports.collect(),
            external_name: spec.external_name.as_deref().filter(|n| !n.is_empty()).map(kept),
        };
        Ok((kept(&metadata.uid), service))
    }

    super::forwards!(Service);
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Tell as _, Teller},
        *,
    };
    use expect_test::expect;

    #[test]
    fn what_a_service_selects() {
        let model = Arc::new(Model::default());
        let mut services = Teller::<Services>::new(Arc::clone(&model));
        services.list();
        services.listed();
        let json = r#"{"metadata":{"uid":"u","namespace":"shop","name":"web"},"spec":{"type":"NodePort",
            "clusterIP":"10.96.0.7","selector":{"b":"2","a":"1"},"ports":[
            {"name":"http","protocol":"TCP","port":80,"targetPort":"web","nodePort":30080},
            {"name":"dns","protocol":"UDP","port":53,"targetPort":5353,"nodePort":0},{"port":70000}]}}"#;
        services.apply(json.as_bytes()).unwrap();
        expect![[r#"
            Some(
                Service {
                    namespace: "shop",
                    name: "web",
                    kind: "NodePort",
                    selector: [
                        (
                            "a",
                            "1",
                        ),
                        (
                            "b",
                            "2",
                        ),
                    ],
                    ports: [
                        ServicePort {
                            name: "http",
                            protocol: "TCP",
                            port: 80,
                            target: "web",
                            node_port: Some(
                                30080,
                            ),
                        },
                        ServicePort {
                            name: "dns",
                            protocol: "UDP",
                            port: 53,
                            target: "5353",
                            node_port: None,
                        },
                    ],
                    external_name: None,
                },
            )
        "#]]
        .assert_debug_eq(&model.services().get("u"));
        let named = r#"{"metadata":{"uid":"e","namespace":"shop","name":"db"},"spec":{"type":"ExternalName",
            "externalName":"db.example.com","selector":null}}"#;
        services.apply(named.as_bytes()).unwrap();
        let external = model.services().get("e").and_then(|of| of.external_name.clone());
        assert_eq!(external.as_deref(), Some("db.example.com"));
        assert!(services.apply(br#"{"metadata":{"uid":7}}"#).is_err());
        assert_eq!(model.services().len(), 2);
    }
}
