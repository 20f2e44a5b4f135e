//! `v1` Secrets: that they are there, and what owns them. Their contents are never asked for.
//!
//! The type stands beside `metadata`, which alone would be without it. A table of the API server
//! (`as=Table;v=v1;g=meta.k8s.io`) has it in its column Type, in lists and in watches, beside the
//! metadata and without the contents; a server without tables gives no type, and then there is no line
//! of it.

use crate::{
    Extent, Resource, metadata,
    resource::{
        Families,
        Identity::{Name, Namespace},
        Metric, kind, stable,
    },
    wire::{Metadata, Text, narrow},
};

pub(super) static SECRETS: Resource = Resource::new(
    "secrets",
    ["", "v1", "Secret"],
    &Families::<Secret> {
        identity: &[Namespace("namespace"), Name("secret")],
        families: &[FAMILIES],
    },
)
.extent(Extent::Typed);

narrow! {
    struct Secret<'a> {
        metadata: Metadata<'a>,
        r#type: Option<Text<'a>>,
    }
}
kind!(Secret);

const FAMILIES: &[Metric<Secret<'static>>] = &[
    metadata::info("kube_secret_info"),
    stable("kube_secret_type", "Type of the Secret, where it is known.", &["type"], |s, rows| {
        if let Some(r#type) = &s.r#type {
            rows.info(&[r#type]);
        }
    }),
    metadata::annotations("kube_secret_annotations"),
    metadata::labels("kube_secret_labels"),
    metadata::created("kube_secret_created"),
    metadata::resource_version("kube_secret_metadata_resource_version"),
    metadata::owner("kube_secret_owner").alpha(),
];

#[cfg(test)]
mod tests {
    use crate::testing::expose;
    use expect_test::expect;

    #[test]
    fn every_family() {
        let yaml = r#"
metadata:
  name: cert
  namespace: shop
  resourceVersion: "812"
  creationTimestamp: "2026-01-02T03:04:05Z"
  ownerReferences:
  - {apiVersion: v1, kind: Certificate, name: main, uid: o-1, controller: true}
  - {apiVersion: v1, kind: Issuer, name: ca, uid: o-2}
type: kubernetes.io/tls
"#;
        expect![[r#"
            kube_secret_created{namespace="shop",secret="cert"} 1767323045
            kube_secret_info{namespace="shop",secret="cert"} 1
            kube_secret_metadata_resource_version{namespace="shop",secret="cert"} 812
            kube_secret_owner{namespace="shop",secret="cert",owner_kind="Certificate",owner_name="main",owner_is_controller="true"} 1
            kube_secret_owner{namespace="shop",secret="cert",owner_kind="Issuer",owner_name="ca",owner_is_controller="false"} 1
            kube_secret_type{namespace="shop",secret="cert",type="kubernetes.io/tls"} 1
        "#]].assert_eq(&expose("secrets", yaml));
        expect![[r#"
            kube_secret_info{namespace="shop",secret="cert"} 1
            kube_secret_owner{namespace="shop",secret="cert",owner_kind="",owner_name="",owner_is_controller=""} 1
        "#]].assert_eq(&expose("secrets", "metadata: {name: cert, namespace: shop}"));
    }

    #[test]
    fn contents_are_passed_over() {
        let yaml = "metadata: {name: cert, namespace: shop}\ndata: {tls.key: c2VjcmV0}\nstringData: {k: \
                    secret}";
        let text = expose("secrets", yaml);
        assert!(text.contains("kube_secret_info") && !text.contains("tls.key"), "{text}");
        assert!(!text.contains("c2VjcmV0") && !text.contains("\"secret\""), "{text}");
    }
}
