//! `v1` `ConfigMaps`: that they are there. Their contents are never asked for.

use crate::{
    Extent, Resource, metadata,
    resource::{
        Families,
        Identity::{Name, Namespace},
        Metric, kind,
    },
    wire::{Metadata, narrow},
};

pub(super) static CONFIGMAPS: Resource = Resource::new(
    "configmaps",
    ["", "v1", "ConfigMap"],
    &Families::<ConfigMap> {
        identity: &[Namespace("namespace"), Name("configmap")],
        families: &[FAMILIES],
    },
)
.extent(Extent::Metadata);

narrow! {
    struct ConfigMap<'a> {
        metadata: Metadata<'a>,
    }
}
kind!(ConfigMap);

const FAMILIES: &[Metric<ConfigMap<'static>>] = &[
    metadata::annotations("kube_configmap_annotations"),
    metadata::labels("kube_configmap_labels"),
    metadata::info("kube_configmap_info"),
    metadata::created("kube_configmap_created"),
    metadata::resource_version("kube_configmap_metadata_resource_version"),
];

#[cfg(test)]
mod tests {
    use crate::{Extent, resource, testing::expose};
    use expect_test::expect;

    #[test]
    fn every_family() {
        let yaml = r#"
metadata: {name: settings, namespace: shop, resourceVersion: "812", creationTimestamp: "2026-01-02T03:04:05Z"}
"#;
        expect![[r#"
            kube_configmap_created{namespace="shop",configmap="settings"} 1767323045
            kube_configmap_info{namespace="shop",configmap="settings"} 1
            kube_configmap_metadata_resource_version{namespace="shop",configmap="settings"} 812
        "#]]
        .assert_eq(&expose("configmaps", yaml));
        expect![[r#"
            kube_configmap_info{namespace="shop",configmap="settings"} 1
        "#]]
        .assert_eq(&expose("configmaps", "metadata: {name: settings, namespace: shop}"));
    }

    #[test]
    fn only_metadata_is_asked_for() {
        let extent = |name| resource(name).expect(name).extent;
        assert_eq!(extent("configmaps"), Extent::Metadata);
        assert_eq!(extent("secrets"), Extent::Typed);
        assert_eq!(extent("pods"), Extent::Whole);
    }

    #[test]
    fn versions_that_are_no_numbers() {
        let yaml = r#"
metadata: {name: a, namespace: b, resourceVersion: opaque}
"#;
        expect![[r#"
            kube_configmap_info{namespace="b",configmap="a"} 1
        "#]]
        .assert_eq(&expose("configmaps", yaml));
    }
}
