//! `networking.k8s.io/v1` `IngressClasses`: which controllers serve Ingresses.

use crate::{
    Resource, metadata,
    resource::{Families, Identity::Name, Metric, alpha, kind},
    wire::{Metadata, Text, narrow},
};

pub(super) static INGRESSCLASSES: Resource = Resource::new(
    "ingressclasses",
    ["networking.k8s.io", "v1", "IngressClass"],
    &Families::<IngressClass> { identity: &[Name("ingressclass")], families: &[FAMILIES] },
)
.cluster_scoped()
.not_default();

narrow! {
    struct IngressClass<'a> {
        metadata: Metadata<'a>,
        spec: Spec<'a>,
    }

    struct Spec<'a> {
        controller: Text<'a>,
    }
}
kind!(IngressClass);

const FAMILIES: &[Metric<IngressClass<'static>>] = &[
    alpha(
        "kube_ingressclass_info",
        "Controller that serves the Ingresses of the class.",
        &["controller"],
        |i, rows| rows.info(&[&i.spec.controller]),
    ),
    metadata::created("kube_ingressclass_created").alpha(),
    metadata::annotations("kube_ingressclass_annotations"),
    metadata::labels("kube_ingressclass_labels").alpha(),
];

#[cfg(test)]
mod tests {
    use crate::testing::expose;
    use expect_test::expect;

    #[test]
    fn every_family() {
        let yaml = r#"
metadata: {name: nginx, creationTimestamp: "2026-01-02T03:04:05Z"}
spec: {controller: k8s.io/ingress-nginx}
"#;
        expect![[r#"
            kube_ingressclass_created{ingressclass="nginx"} 1767323045
            kube_ingressclass_info{ingressclass="nginx",controller="k8s.io/ingress-nginx"} 1
        "#]]
        .assert_eq(&expose("ingressclasses", yaml));
        expect![[r#"
            kube_ingressclass_info{ingressclass="nginx",controller=""} 1
        "#]]
        .assert_eq(&expose("ingressclasses", "metadata: {name: nginx}"));
    }
}
