//! `rbac.authorization.k8s.io/v1` `ClusterRoleBindings`: who has a role in the whole cluster.

use super::rolebinding::{ROLE, RoleBinding, info};
use crate::{
    Resource, metadata,
    resource::{Families, Identity::Name, Metric, alpha},
};

pub(super) static CLUSTERROLEBINDINGS: Resource = Resource::new(
    "clusterrolebindings",
    ["rbac.authorization.k8s.io", "v1", "ClusterRoleBinding"],
    &Families::<RoleBinding> { identity: &[Name("clusterrolebinding")], families: &[FAMILIES] },
)
.cluster_scoped()
.not_default();

const FAMILIES: &[Metric<RoleBinding<'static>>] = &[
    metadata::annotations("kube_clusterrolebinding_annotations"),
    metadata::labels("kube_clusterrolebinding_labels").alpha(),
    alpha("kube_clusterrolebinding_info", "Role that is given.", ROLE, |b, rows| info(b, rows)),
    metadata::created("kube_clusterrolebinding_created").alpha(),
    metadata::resource_version("kube_clusterrolebinding_metadata_resource_version"),
];

#[cfg(test)]
mod tests {
    use crate::testing::expose;
    use expect_test::expect;

    #[test]
    fn every_family() {
        let yaml = r#"
metadata: {name: admins, resourceVersion: "812", creationTimestamp: "2026-01-02T03:04:05Z"}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{kind: Group, name: "system:masters"}]
"#;
        expect![[r#"
            kube_clusterrolebinding_created{clusterrolebinding="admins"} 1767323045
            kube_clusterrolebinding_info{clusterrolebinding="admins",roleref_kind="ClusterRole",roleref_name="cluster-admin"} 1
            kube_clusterrolebinding_metadata_resource_version{clusterrolebinding="admins"} 812
        "#]].assert_eq(&expose("clusterrolebindings", yaml));
        expect![[r#"
            kube_clusterrolebinding_info{clusterrolebinding="admins",roleref_kind="",roleref_name=""} 1
        "#]].assert_eq(&expose("clusterrolebindings", "metadata: {name: admins}"));
    }
}
