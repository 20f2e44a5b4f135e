//! `rbac.authorization.k8s.io/v1` `RoleBindings`: who has a role in a namespace.

use crate::{
    Resource, metadata,
    rendered::Rows,
    resource::{
        Families,
        Identity::{Name, Namespace},
        Metric, alpha, kind,
    },
    wire::{Metadata, Text, narrow},
};

pub(super) static ROLEBINDINGS: Resource = Resource::new(
    "rolebindings",
    ["rbac.authorization.k8s.io", "v1", "RoleBinding"],
    &Families::<RoleBinding> {
        identity: &[Namespace("namespace"), Name("rolebinding")],
        families: &[FAMILIES],
    },
)
.not_default();

narrow! {
    /// In a namespace or in the cluster.
    struct RoleBinding<'a> {
        metadata: Metadata<'a>,
        role_ref: Bound<'a>,
    }

    struct Bound<'a> {
        kind: Text<'a>,
        name: Text<'a>,
    }
}
kind!(RoleBinding);

const FAMILIES: &[Metric<RoleBinding<'static>>] = &[
    metadata::annotations("kube_rolebinding_annotations"),
    metadata::labels("kube_rolebinding_labels").alpha(),
    alpha("kube_rolebinding_info", "Role that is given.", ROLE, |b, rows| info(b, rows)),
    metadata::created("kube_rolebinding_created").alpha(),
    metadata::resource_version("kube_rolebinding_metadata_resource_version"),
];

pub(super) const ROLE: &[&str] = &["roleref_kind", "roleref_name"];

pub(super) fn info(binding: &RoleBinding<'_>, rows: &mut Rows<'_>) {
    rows.info(&[&binding.role_ref.kind, &binding.role_ref.name]);
}

#[cfg(test)]
mod tests {
    use crate::testing::expose;
    use expect_test::expect;

    #[test]
    fn every_family() {
        let yaml = r#"
metadata: {name: readers, namespace: shop, resourceVersion: "812", creationTimestamp: "2026-01-02T03:04:05Z"}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects: [{kind: ServiceAccount, name: web, namespace: shop}]
"#;
        expect![[r#"
            kube_rolebinding_created{namespace="shop",rolebinding="readers"} 1767323045
            kube_rolebinding_info{namespace="shop",rolebinding="readers",roleref_kind="Role",roleref_name="reader"} 1
            kube_rolebinding_metadata_resource_version{namespace="shop",rolebinding="readers"} 812
        "#]].assert_eq(&expose("rolebindings", yaml));
        expect![[r#"
            kube_rolebinding_info{namespace="shop",rolebinding="readers",roleref_kind="",roleref_name=""} 1
        "#]]
            .assert_eq(&expose("rolebindings", "metadata: {name: readers, namespace: shop}"));
    }
}
