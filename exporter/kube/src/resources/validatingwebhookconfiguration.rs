//! `admissionregistration.k8s.io/v1` `ValidatingWebhookConfigurations`: which Services may refuse
//! objects on their way in.
//!
//! The objects live in no namespace; their label for it is there and empty.

use super::mutatingwebhookconfiguration::{SERVICE, WebhookConfiguration, services};
use crate::{
    Resource, metadata,
    resource::{
        Families,
        Identity::{Name, Namespace},
        Metric, alpha,
    },
};

pub(super) static VALIDATINGWEBHOOKCONFIGURATIONS: Resource = Resource::new(
    "validatingwebhookconfigurations",
    ["admissionregistration.k8s.io", "v1", "ValidatingWebhookConfiguration"],
    &Families::<WebhookConfiguration> {
        identity: &[Namespace("namespace"), Name("validatingwebhookconfiguration")],
        families: &[FAMILIES],
    },
)
.cluster_scoped();

const FAMILIES: &[Metric<WebhookConfiguration<'static>>] = &[
    metadata::info("kube_validatingwebhookconfiguration_info").alpha(),
    metadata::created("kube_validatingwebhookconfiguration_created").alpha(),
    metadata::resource_version("kube_validatingwebhookconfiguration_metadata_resource_version"),
    alpha(
        "kube_validatingwebhookconfiguration_webhook_clientconfig_service",
        "Service behind each webhook; empty where the webhook is called by a URL.",
        SERVICE,
        |c, rows| services(c, rows),
    ),
];

#[cfg(test)]
mod tests {
    use crate::testing::expose;
    use expect_test::expect;

    #[test]
    fn every_family() {
        let yaml = r#"
metadata: {name: checks, resourceVersion: "812", creationTimestamp: "2026-01-02T03:04:05Z"}
webhooks:
- name: images.example.com
  clientConfig: {service: {name: checker, namespace: policy}}
- {name: remote.example.com, clientConfig: {url: "https://hooks.example.com/"}}
"#;
        expect![[r#"
            kube_validatingwebhookconfiguration_created{namespace="",validatingwebhookconfiguration="checks"} 1767323045
            kube_validatingwebhookconfiguration_info{namespace="",validatingwebhookconfiguration="checks"} 1
            kube_validatingwebhookconfiguration_metadata_resource_version{namespace="",validatingwebhookconfiguration="checks"} 812
            kube_validatingwebhookconfiguration_webhook_clientconfig_service{namespace="",validatingwebhookconfiguration="checks",webhook_name="images.example.com",service_name="checker",service_namespace="policy"} 1
            kube_validatingwebhookconfiguration_webhook_clientconfig_service{namespace="",validatingwebhookconfiguration="checks",webhook_name="remote.example.com",service_name="",service_namespace=""} 1
        "#]].assert_eq(&expose("validatingwebhookconfigurations", yaml));
        expect![[r#"
            kube_validatingwebhookconfiguration_info{namespace="",validatingwebhookconfiguration="checks"} 1
        "#]]
            .assert_eq(&expose("validatingwebhookconfigurations", "metadata: {name: checks}"));
    }
}
