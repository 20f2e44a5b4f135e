//! `v1` Namespaces: whether they are there or going.

use crate::{
    Resource,
    condition::Condition,
    metadata,
    resource::{Families, Identity::Name, Metric, alpha, kind, stable},
    wire::{List, Metadata, Text, narrow},
};

pub(super) static NAMESPACES: Resource = Resource::new(
    "namespaces",
    ["", "v1", "Namespace"],
    &Families::<Namespace> { identity: &[Name("namespace")], families: &[FAMILIES] },
)
.cluster_scoped();

narrow! {
    struct Namespace<'a> {
        metadata: Metadata<'a>,
        status: Status<'a>,
    }

    struct Status<'a> {
        phase: Text<'a>,
        conditions: List<Condition<'a>>,
    }
}
kind!(Namespace);

const FAMILIES: &[Metric<Namespace<'static>>] = &[
    metadata::created("kube_namespace_created"),
    metadata::annotations("kube_namespace_annotations"),
    metadata::labels("kube_namespace_labels"),
    stable(
        "kube_namespace_status_phase",
        "Phase of the Namespace: 1 for the one it is in.",
        &["phase"],
        // Both are written where the phase is unknown, too.
        |n, rows| rows.states(&["Active", "Terminating"], &n.status.phase),
    ),
    alpha(
        "kube_namespace_status_condition",
        "What keeps the Namespace from going: 1 for the status that holds.",
        &["condition", "status"],
        |n, rows| n.status.conditions.iter().for_each(|c| c.write([&c.r#type], rows)),
    ),
];

#[cfg(test)]
mod tests {
    use crate::testing::expose;
    use expect_test::expect;

    #[test]
    fn every_family() {
        let yaml = r#"
metadata: {name: shop, creationTimestamp: "2026-01-02T03:04:05Z"}
status:
  phase: Terminating
  conditions: [{type: NamespaceContentRemaining, status: "True", reason: SomeResourcesRemain}]
"#;
        expect![[r#"
            kube_namespace_created{namespace="shop"} 1767323045
            kube_namespace_status_condition{namespace="shop",condition="NamespaceContentRemaining",status="true"} 1
            kube_namespace_status_condition{namespace="shop",condition="NamespaceContentRemaining",status="false"} 0
            kube_namespace_status_condition{namespace="shop",condition="NamespaceContentRemaining",status="unknown"} 0
            kube_namespace_status_phase{namespace="shop",phase="Active"} 0
            kube_namespace_status_phase{namespace="shop",phase="Terminating"} 1
        "#]].assert_eq(&expose("namespaces", yaml));
        expect![[r#"
            kube_namespace_status_phase{namespace="shop",phase="Active"} 0
            kube_namespace_status_phase{namespace="shop",phase="Terminating"} 0
        "#]]
        .assert_eq(&expose("namespaces", "metadata: {name: shop}"));
    }
}
