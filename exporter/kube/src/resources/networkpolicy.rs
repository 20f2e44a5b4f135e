//! `networking.k8s.io/v1` `NetworkPolicies`: which traffic pods may take and send.

use crate::{
    Resource, metadata,
    resource::{
        Families,
        Identity::{Name, Namespace},
        Metric, alpha, kind,
    },
    wire::{List, Metadata, narrow},
};

pub(super) static NETWORKPOLICIES: Resource = Resource::new(
    "networkpolicies",
    ["networking.k8s.io", "v1", "NetworkPolicy"],
    &Families::<NetworkPolicy> {
        identity: &[Namespace("namespace"), Name("networkpolicy")],
        families: &[FAMILIES],
    },
);

narrow! {
    struct NetworkPolicy<'a> {
        metadata: Metadata<'a>,
        spec: Spec,
    }

    struct Spec {
        ingress: List<Rule>,
        egress: List<Rule>,
    }

    /// Rules are counted.
    struct Rule {}
}
kind!(NetworkPolicy);

const FAMILIES: &[Metric<NetworkPolicy<'static>>] = &[
    metadata::created("kube_networkpolicy_created").alpha(),
    metadata::annotations("kube_networkpolicy_annotations"),
    metadata::labels("kube_networkpolicy_labels").alpha(),
    alpha(
        "kube_networkpolicy_spec_ingress_rules",
        "Rules for traffic that comes in.",
        &[],
        |n, rows| rows.value(n.spec.ingress.len()),
    ),
    alpha(
        "kube_networkpolicy_spec_egress_rules",
        "Rules for traffic that goes out.",
        &[],
        |n, rows| rows.value(n.spec.egress.len()),
    ),
];

#[cfg(test)]
mod tests {
    use crate::testing::expose;
    use expect_test::expect;

    #[test]
    fn every_family() {
        let yaml = r#"
metadata: {name: db, namespace: shop, creationTimestamp: "2026-01-02T03:04:05Z"}
spec:
  podSelector: {}
  ingress: [{from: [{podSelector: {}}], ports: [{port: 5432}]}, {}]
  egress: [{}]
"#;
        expect![[r#"
            kube_networkpolicy_created{namespace="shop",networkpolicy="db"} 1767323045
            kube_networkpolicy_spec_egress_rules{namespace="shop",networkpolicy="db"} 1
            kube_networkpolicy_spec_ingress_rules{namespace="shop",networkpolicy="db"} 2
        "#]]
        .assert_eq(&expose("networkpolicies", yaml));
        expect![[r#"
            kube_networkpolicy_spec_egress_rules{namespace="shop",networkpolicy="db"} 0
            kube_networkpolicy_spec_ingress_rules{namespace="shop",networkpolicy="db"} 0
        "#]]
        .assert_eq(&expose("networkpolicies", "metadata: {name: db, namespace: shop}"));
    }
}
