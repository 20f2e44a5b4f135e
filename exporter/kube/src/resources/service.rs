//! `v1` Services: names and addresses of sets of pods.

use crate::{
    Resource, metadata,
    resource::{
        Families,
        Identity::{Name, Namespace, Uid},
        Metric, kind, stable,
    },
    wire::{List, Metadata, Text, narrow},
};

pub(super) static SERVICES: Resource = Resource::new(
    "services",
    ["", "v1", "Service"],
    &Families::<Service> {
        identity: &[Namespace("namespace"), Name("service"), Uid("uid")],
        families: &[FAMILIES],
    },
);

narrow! {
    struct Service<'a> {
        metadata: Metadata<'a>,
        spec: Spec<'a>,
        status: Status<'a>,
    }

    struct Spec<'a> {
        #[serde(rename = "clusterIP")]
        cluster_ip: Text<'a>,
        external_name: Text<'a>,
        #[serde(rename = "loadBalancerIP")]
        load_balancer_ip: Text<'a>,
        external_traffic_policy: Text<'a>,
        #[serde(rename = "externalIPs")]
        external_ips: List<Text<'a>>,
        r#type: Text<'a>,
    }

    struct Status<'a> {
        load_balancer: LoadBalancer<'a>,
    }

    struct LoadBalancer<'a> {
        ingress: List<Ingress<'a>>,
    }

    struct Ingress<'a> {
        ip: Text<'a>,
        hostname: Text<'a>,
    }
}
kind!(Service);

const FAMILIES: &[Metric<Service<'static>>] = &[
    stable(
        "kube_service_info",
        "Addresses of the Service, and how traffic from outside is passed on.",
        &["cluster_ip", "external_name", "load_balancer_ip", "external_traffic_policy"],
        |s, rows| {
            rows.info(&[
                &s.spec.cluster_ip,
                &s.spec.external_name,
                &s.spec.load_balancer_ip,
                &s.spec.external_traffic_policy,
            ]);
        },
    ),
    metadata::created("kube_service_created"),
    stable("kube_service_spec_type", "Type of the Service.", &["type"], |s, rows| {
        rows.info(&[&s.spec.r#type]);
    }),
    metadata::annotations("kube_service_annotations"),
    metadata::labels("kube_service_labels"),
    stable(
        "kube_service_spec_external_ip",
        "Addresses outside the cluster that are routed to the Service.",
        &["external_ip"],
        |s, rows| s.spec.external_ips.iter().for_each(|ip| rows.info(&[ip])),
    ),
    stable(
        "kube_service_status_load_balancer_ingress",
        "Addresses of the Service's load balancer.",
        &["ip", "hostname"],
        |s, rows| {
            for Ingress { ip, hostname } in &s.status.load_balancer.ingress {
                rows.info(&[ip, hostname]);
            }
        },
    ),
    metadata::deletion_timestamp("kube_service_deletion_timestamp"),
];

#[cfg(test)]
mod tests {
    use crate::testing::expose;
    use expect_test::expect;

    #[test]
    fn every_family() {
        let yaml = r#"
metadata:
  name: web
  namespace: shop
  uid: 6f2c
  creationTimestamp: "2026-01-02T03:04:05Z"
  deletionTimestamp: "2026-01-02T04:04:05Z"
spec:
  type: LoadBalancer
  clusterIP: 10.96.0.7
  externalName: web.example.com
  loadBalancerIP: 192.0.2.9
  externalTrafficPolicy: Local
  externalIPs: [192.0.2.7, 192.0.2.8]
status:
  loadBalancer: {ingress: [{ip: 192.0.2.9}, {hostname: lb.example.com}]}
"#;
        expect![[r#"
            kube_service_created{namespace="shop",service="web",uid="6f2c"} 1767323045
            kube_service_deletion_timestamp{namespace="shop",service="web",uid="6f2c"} 1767326645
            kube_service_info{namespace="shop",service="web",uid="6f2c",cluster_ip="10.96.0.7",external_name="web.example.com",load_balancer_ip="192.0.2.9",external_traffic_policy="Local"} 1
            kube_service_spec_external_ip{namespace="shop",service="web",uid="6f2c",external_ip="192.0.2.7"} 1
            kube_service_spec_external_ip{namespace="shop",service="web",uid="6f2c",external_ip="192.0.2.8"} 1
            kube_service_spec_type{namespace="shop",service="web",uid="6f2c",type="LoadBalancer"} 1
            kube_service_status_load_balancer_ingress{namespace="shop",service="web",uid="6f2c",ip="192.0.2.9",hostname=""} 1
            kube_service_status_load_balancer_ingress{namespace="shop",service="web",uid="6f2c",ip="",hostname="lb.example.com"} 1
        "#]].assert_eq(&expose("services", yaml));
        expect![[r#"
            kube_service_info{namespace="shop",service="web",uid="",cluster_ip="",external_name="",load_balancer_ip="",external_traffic_policy=""} 1
            kube_service_spec_type{namespace="shop",service="web",uid="",type=""} 1
        "#]].assert_eq(&expose("services", "metadata: {name: web, namespace: shop}"));
    }
}
