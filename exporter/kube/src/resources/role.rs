//! `rbac.authorization.k8s.io/v1` Roles: what may be done in a namespace.

use crate::{
    Resource, metadata,
    resource::{
        Families,
        Identity::{Name, Namespace},
        Metric, kind,
    },
    wire::{Metadata, narrow},
};

pub(super) static ROLES: Resource = Resource::new(
    "roles",
    ["rbac.authorization.k8s.io", "v1", "Role"],
    &Families::<Role> { identity: &[Namespace("namespace"), Name("role")], families: &[FAMILIES] },
)
.not_default();

narrow! {
    /// Of a namespace or of the cluster.
    struct Role<'a> {
        metadata: Metadata<'a>,
    }
}
kind!(Role);

const FAMILIES: &[Metric<Role<'static>>] = &[
    metadata::annotations("kube_role_annotations"),
    metadata::labels("kube_role_labels").alpha(),
    metadata::info("kube_role_info").alpha(),
    metadata::created("kube_role_created").alpha(),
    metadata::resource_version("kube_role_metadata_resource_version"),
];

#[cfg(test)]
mod tests {
    use crate::testing::expose;
    use expect_test::expect;

    #[test]
    fn every_family() {
        let yaml = r#"
metadata: {name: reader, namespace: shop, resourceVersion: "812", creationTimestamp: "2026-01-02T03:04:05Z"}
rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
"#;
        expect![[r#"
            kube_role_created{namespace="shop",role="reader"} 1767323045
            kube_role_info{namespace="shop",role="reader"} 1
            kube_role_metadata_resource_version{namespace="shop",role="reader"} 812
        "#]]
        .assert_eq(&expose("roles", yaml));
        expect![[r#"
            kube_role_info{namespace="shop",role="reader"} 1
        "#]]
        .assert_eq(&expose("roles", "metadata: {name: reader, namespace: shop}"));
    }
}
