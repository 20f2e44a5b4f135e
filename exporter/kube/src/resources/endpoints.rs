//! `v1` Endpoints: the addresses behind a Service, before there were slices of them.

use crate::{
    Resource, metadata,
    resource::{
        Families,
        Identity::{Name, Namespace},
        Metric, deprecated, kind, stable,
    },
    wire::{List, Metadata, Text, narrow},
};

pub(super) static ENDPOINTS: Resource = Resource::new(
    "endpoints",
    ["", "v1", "Endpoints"],
    &Families::<Endpoints> {
        identity: &[Namespace("namespace"), Name("endpoint")],
        families: &[FAMILIES],
    },
)
.not_default();

narrow! {
    struct Endpoints<'a> {
        metadata: Metadata<'a>,
        subsets: List<Subset<'a>>,
    }

    /// Addresses that have the same ports.
    struct Subset<'a> {
        addresses: List<Address<'a>>,
        not_ready_addresses: List<Address<'a>>,
        ports: List<Port<'a>>,
    }

    struct Address<'a> {
        ip: Text<'a>,
    }

    struct Port<'a> {
        name: Text<'a>,
        #[serde(rename = "port")]
        number: i64,
        protocol: Text<'a>,
    }
}
kind!(Endpoints);

const FAMILIES: &[Metric<Endpoints<'static>>] = &[
    metadata::info("kube_endpoint_info"),
    metadata::created("kube_endpoint_created"),
    metadata::annotations("kube_endpoint_annotations"),
    metadata::labels("kube_endpoint_labels"),
    stable(
        "kube_endpoint_address",
        "Addresses with each of their ports, and whether they are ready.",
        &["port_protocol", "port_number", "port_name", "ip", "ready"],
        |e, rows| {
            for subset in &e.subsets {
                for Port { name, number, protocol } in &subset.ports {
                    let number = number.to_string();
                    for Address { ip } in &subset.addresses {
                        rows.info(&[protocol, &number, name, ip, "true"]);
                    }
                    for Address { ip } in &subset.not_ready_addresses {
                        rows.info(&[protocol, &number, name, ip, "false"]);
                    }
                }
            }
        },
    ),
    deprecated(
        "v2.14.0",
        stable(
            "kube_endpoint_ports",
            "Ports of the addresses; kube_endpoint_address has them, too.",
            &["port_name", "port_protocol", "port_number"],
            |e, rows| {
                for Port { name, number, protocol } in e.subsets.iter().flat_map(|s| &s.ports) {
                    rows.info(&[name, protocol, &number.to_string()]);
                }
            },
        ),
    ),
];

#[cfg(test)]
mod tests {
    use crate::{resource, testing::expose};
    use expect_test::expect;

    #[test]
    fn every_family() {
        let yaml = r#"
metadata: {name: web, namespace: shop, creationTimestamp: "2026-01-02T03:04:05Z"}
subsets:
- addresses: [{ip: 10.0.0.7, nodeName: node-1}, {ip: 10.0.0.8}]
  notReadyAddresses: [{ip: 10.0.0.9}]
  ports: [{name: http, port: 8080, protocol: TCP}, {name: dns, port: 53, protocol: UDP}]
- addresses: [{ip: 10.0.1.7}]
  ports: [{port: 9090, protocol: TCP}]
- addresses: [{ip: 10.0.2.7}]
"#;
        expect![[r#"
            kube_endpoint_address{namespace="shop",endpoint="web",port_protocol="TCP",port_number="8080",port_name="http",ip="10.0.0.7",ready="true"} 1
            kube_endpoint_address{namespace="shop",endpoint="web",port_protocol="TCP",port_number="8080",port_name="http",ip="10.0.0.8",ready="true"} 1
            kube_endpoint_address{namespace="shop",endpoint="web",port_protocol="TCP",port_number="8080",port_name="http",ip="10.0.0.9",ready="false"} 1
            kube_endpoint_address{namespace="shop",endpoint="web",port_protocol="UDP",port_number="53",port_name="dns",ip="10.0.0.7",ready="true"} 1
            kube_endpoint_address{namespace="shop",endpoint="web",port_protocol="UDP",port_number="53",port_name="dns",ip="10.0.0.8",ready="true"} 1
            kube_endpoint_address{namespace="shop",endpoint="web",port_protocol="UDP",port_number="53",port_name="dns",ip="10.0.0.9",ready="false"} 1
            kube_endpoint_address{namespace="shop",endpoint="web",port_protocol="TCP",port_number="9090",port_name="",ip="10.0.1.7",ready="true"} 1
            kube_endpoint_created{namespace="shop",endpoint="web"} 1767323045
            kube_endpoint_info{namespace="shop",endpoint="web"} 1
            kube_endpoint_ports{namespace="shop",endpoint="web",port_name="http",port_protocol="TCP",port_number="8080"} 1
            kube_endpoint_ports{namespace="shop",endpoint="web",port_name="dns",port_protocol="UDP",port_number="53"} 1
            kube_endpoint_ports{namespace="shop",endpoint="web",port_name="",port_protocol="TCP",port_number="9090"} 1
        "#]].assert_eq(&expose("endpoints", yaml));
        expect![[r#"
            kube_endpoint_info{namespace="shop",endpoint="web"} 1
        "#]]
        .assert_eq(&expose("endpoints", "metadata: {name: web, namespace: shop}"));
    }

    #[test]
    fn ports_are_deprecated() {
        let endpoints = resource("endpoints").expect("endpoints");
        let ports = endpoints.families().iter().find(|f| &*f.name == "kube_endpoint_ports");
        let help = &ports.expect("the family").help;
        assert!(help.starts_with("[STABLE] (Deprecated since v2.14.0) "), "{help}");
    }
}
