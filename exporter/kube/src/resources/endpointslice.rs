//! `discovery.k8s.io/v1` `EndpointSlices`: where the pods behind a Service are.

use crate::{
    Resource,
    label::yes_or_no,
    metadata,
    resource::{
        Families,
        Identity::{Name, Namespace},
        Metric, alpha, kind,
    },
    wire::{List, Metadata, Text, narrow},
};

pub(super) static ENDPOINTSLICES: Resource = Resource::new(
    "endpointslices",
    ["discovery.k8s.io", "v1", "EndpointSlice"],
    &Families::<EndpointSlice> {
        identity: &[Name("endpointslice"), Namespace("namespace")],
        families: &[FAMILIES],
    },
);

narrow! {
    struct EndpointSlice<'a> {
        metadata: Metadata<'a>,
        address_type: Text<'a>,
        endpoints: List<Endpoint<'a>>,
        ports: List<Port<'a>>,
    }

    struct Endpoint<'a> {
        addresses: List<Text<'a>>,
        conditions: Conditions,
        hostname: Text<'a>,
        target_ref: Target<'a>,
        node_name: Text<'a>,
        zone: Text<'a>,
        hints: Hints<'a>,
    }

    struct Conditions {
        ready: Option<bool>,
        serving: Option<bool>,
        terminating: Option<bool>,
    }

    struct Target<'a> {
        kind: Text<'a>,
        name: Text<'a>,
        namespace: Text<'a>,
    }

    struct Hints<'a> {
        for_zones: List<Zone<'a>>,
    }

    struct Zone<'a> {
        name: Text<'a>,
    }

    struct Port<'a> {
        name: Text<'a>,
        protocol: Text<'a>,
        #[serde(rename = "port")]
        number: Option<i64>,
    }
}
kind!(EndpointSlice);

const FAMILIES: &[Metric<EndpointSlice<'static>>] = &[
    alpha(
        "kube_endpointslice_info",
        "Type of the addresses in the slice.",
        &["addresstype"],
        |s, rows| rows.info(&[&s.address_type]),
    ),
    metadata::created("kube_endpointslice_created").alpha(),
    alpha(
        "kube_endpointslice_endpoints_hints",
        "Zones whose traffic an endpoint is meant for, by its first address.",
        &["address", "for_zone"],
        |s, rows| {
            for endpoint in &s.endpoints {
                if let Some(address) = endpoint.addresses.first() {
                    for zone in &endpoint.hints.for_zones {
                        rows.info(&[address, &zone.name]);
                    }
                }
            }
        },
    ),
    alpha(
        "kube_endpointslice_endpoints",
        "Addresses in the slice, what is behind them, and whether it is ready.",
        &[
            "ready",
            "serving",
            "hostname",
            "terminating",
            "targetref_kind",
            "targetref_name",
            "targetref_namespace",
            "endpoint_nodename",
            "endpoint_zone",
            "address",
        ],
        |s, rows| {
            for endpoint in &s.endpoints {
                let Conditions { ready, serving, terminating } = endpoint.conditions;
                for address in &endpoint.addresses {
                    rows.info(&[
                        yes_or_no(ready),
                        yes_or_no(serving),
                        &endpoint.hostname,
                        yes_or_no(terminating),
                        &endpoint.target_ref.kind,
                        &endpoint.target_ref.name,
                        &endpoint.target_ref.namespace,
                        &endpoint.node_name,
                        &endpoint.zone,
                        address,
                    ]);
                }
            }
        },
    ),
    alpha(
        "kube_endpointslice_ports",
        "Ports of the slice's endpoints; without a number, any port.",
        &["port_name", "port_protocol", "port_number"],
        |s, rows| {
            for Port { name, protocol, number } in &s.ports {
                let number = number.map(|number| number.to_string());
                rows.info(&[name, protocol, number.as_deref().unwrap_or_default()]);
            }
        },
    ),
    metadata::annotations("kube_endpointslice_annotations"),
    metadata::labels("kube_endpointslice_labels").alpha(),
];

#[cfg(test)]
mod tests {
    use crate::testing::expose;
    use expect_test::expect;

    #[test]
    fn every_family() {
        let yaml = r#"
metadata: {name: web-x7f, namespace: shop, creationTimestamp: "2026-01-02T03:04:05Z"}
addressType: IPv4
endpoints:
- addresses: [10.0.0.7, 10.0.0.8]
  conditions: {ready: true, serving: true, terminating: false}
  hostname: web-0
  nodeName: node-1
  zone: zone-a
  targetRef: {kind: Pod, name: web-0, namespace: shop, uid: p-1}
  hints: {forZones: [{name: zone-a}, {name: zone-b}]}
- addresses: [10.0.0.9]
  conditions: {ready: false, serving: null}
  hints: {}
- {addresses: [], hints: {forZones: [{name: zone-c}]}}
ports:
- {name: http, protocol: TCP, port: 8080}
- {name: ""}
"#;
        expect![[r#"
            kube_endpointslice_created{endpointslice="web-x7f",namespace="shop"} 1767323045
            kube_endpointslice_endpoints{endpointslice="web-x7f",namespace="shop",ready="true",serving="true",hostname="web-0",terminating="false",targetref_kind="Pod",targetref_name="web-0",targetref_namespace="shop",endpoint_nodename="node-1",endpoint_zone="zone-a",address="10.0.0.7"} 1
            kube_endpointslice_endpoints{endpointslice="web-x7f",namespace="shop",ready="true",serving="true",hostname="web-0",terminating="false",targetref_kind="Pod",targetref_name="web-0",targetref_namespace="shop",endpoint_nodename="node-1",endpoint_zone="zone-a",address="10.0.0.8"} 1
            kube_endpointslice_endpoints{endpointslice="web-x7f",namespace="shop",ready="false",serving="",hostname="",terminating="",targetref_kind="",targetref_name="",targetref_namespace="",endpoint_nodename="",endpoint_zone="",address="10.0.0.9"} 1
            kube_endpointslice_endpoints_hints{endpointslice="web-x7f",namespace="shop",address="10.0.0.7",for_zone="zone-a"} 1
            kube_endpointslice_endpoints_hints{endpointslice="web-x7f",namespace="shop",address="10.0.0.7",for_zone="zone-b"} 1
            kube_endpointslice_info{endpointslice="web-x7f",namespace="shop",addresstype="IPv4"} 1
            kube_endpointslice_ports{endpointslice="web-x7f",namespace="shop",port_name="http",port_protocol="TCP",port_number="8080"} 1
            kube_endpointslice_ports{endpointslice="web-x7f",namespace="shop",port_name="",port_protocol="",port_number=""} 1
        "#]].assert_eq(&expose("endpointslices", yaml));
        expect![[r#"
            kube_endpointslice_info{endpointslice="web-x7f",namespace="shop",addresstype=""} 1
        "#]]
        .assert_eq(&expose(
            "endpointslices",
            "metadata: {name: web-x7f, namespace: shop}\nendpoints: null\nports: null",
        ));
    }
}
