//! `rbac.authorization.k8s.io/v1` `ClusterRoles`: what may be done in the cluster.

use super::role::Role;
use crate::{
    Resource, metadata,
    resource::{Families, Identity::Name, Metric},
};

pub(super) static CLUSTERROLES: Resource = Resource::new(
    "clusterroles",
    ["rbac.authorization.k8s.io", "v1", "ClusterRole"],
    &Families::<Role> { identity: &[Name("clusterrole")], families: &[FAMILIES] },
)
.cluster_scoped()
.not_default();

const FAMILIES: &[Metric<Role<'static>>] = &[
    metadata::annotations("kube_clusterrole_annotations"),
    metadata::labels("kube_clusterrole_labels").alpha(),
    metadata::info("kube_clusterrole_info").alpha(),
    metadata::created("kube_clusterrole_created").alpha(),
    metadata::resource_version("kube_clusterrole_metadata_resource_version"),
];

#[cfg(test)]
mod tests {
    use crate::testing::expose;
    use expect_test::expect;

    #[test]
    fn every_family() {
        let yaml = r#"
metadata: {name: view, resourceVersion: "812", creationTimestamp: "2026-01-02T03:04:05Z"}
rules: null
aggregationRule: {clusterRoleSelectors: []}
"#;
        expect![[r#"
            kube_clusterrole_created{clusterrole="view"} 1767323045
            kube_clusterrole_info{clusterrole="view"} 1
            kube_clusterrole_metadata_resource_version{clusterrole="view"} 812
        "#]]
        .assert_eq(&expose("clusterroles", yaml));
        expect![[r#"
            kube_clusterrole_info{clusterrole="view"} 1
        "#]]
        .assert_eq(&expose("clusterroles", "metadata: {name: view}"));
    }
}
