//! `admissionregistration.k8s.io/v1` `MutatingWebhookConfigurations`: which Services may change
//! objects on their way in.
//!
//! The objects live in no namespace; their label for it is there and empty.

use crate::{
    Resource, metadata,
    rendered::Rows,
    resource::{
        Families,
        Identity::{Name, Namespace},
        Metric, alpha, kind,
    },
    wire::{List, Metadata, Text, narrow},
};

pub(super) static MUTATINGWEBHOOKCONFIGURATIONS: Resource = Resource::new(
    "mutatingwebhookconfigurations",
    ["admissionregistration.k8s.io", "v1", "MutatingWebhookConfiguration"],
    &Families::<WebhookConfiguration> {
        identity: &[Namespace("namespace"), Name("mutatingwebhookconfiguration")],
        families: &[FAMILIES],
    },
)
.cluster_scoped();

narrow! {
    /// Of mutating and of validating webhooks.
    struct WebhookConfiguration<'a> {
        metadata: Metadata<'a>,
        webhooks: List<Webhook<'a>>,
    }

    struct Webhook<'a> {
        name: Text<'a>,
        client_config: ClientConfig<'a>,
    }

    struct ClientConfig<'a> {
        service: Service<'a>,
    }

    struct Service<'a> {
        name: Text<'a>,
        namespace: Text<'a>,
    }
}
kind!(WebhookConfiguration);

const FAMILIES: &[Metric<WebhookConfiguration<'static>>] = &[
    metadata::info("kube_mutatingwebhookconfiguration_info").alpha(),
    metadata::created("kube_mutatingwebhookconfiguration_created").alpha(),
    metadata::resource_version("kube_mutatingwebhookconfiguration_metadata_resource_version"),
    alpha(
        "kube_mutatingwebhookconfiguration_webhook_clientconfig_service",
        "Service behind each webhook; empty where the webhook is called by a URL.",
        SERVICE,
        |c, rows| services(c, rows),
    ),
];

pub(super) const SERVICE: &[&str] = &["webhook_name", "service_name", "service_namespace"];

pub(super) fn services(configuration: &WebhookConfiguration<'_>, rows: &mut Rows<'_>) {
    for Webhook { name, client_config: ClientConfig { service } } in &configuration.webhooks {
        rows.info(&[name, &service.name, &service.namespace]);
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::expose;
    use expect_test::expect;

    #[test]
    fn every_family() {
        let yaml = r#"
metadata: {name: sidecars, resourceVersion: "812", creationTimestamp: "2026-01-02T03:04:05Z"}
webhooks:
- name: inject.example.com
  clientConfig: {service: {name: injector, namespace: mesh, path: /inject}}
- {name: remote.example.com, clientConfig: {url: "https://hooks.example.com/"}}
"#;
        expect![[r#"
            kube_mutatingwebhookconfiguration_created{namespace="",mutatingwebhookconfiguration="sidecars"} 1767323045
            kube_mutatingwebhookconfiguration_info{namespace="",mutatingwebhookconfiguration="sidecars"} 1
            kube_mutatingwebhookconfiguration_metadata_resource_version{namespace="",mutatingwebhookconfiguration="sidecars"} 812
            kube_mutatingwebhookconfiguration_webhook_clientconfig_service{namespace="",mutatingwebhookconfiguration="sidecars",webhook_name="inject.example.com",service_name="injector",service_namespace="mesh"} 1
            kube_mutatingwebhookconfiguration_webhook_clientconfig_service{namespace="",mutatingwebhookconfiguration="sidecars",webhook_name="remote.example.com",service_name="",service_namespace=""} 1
        "#]].assert_eq(&expose("mutatingwebhookconfigurations", yaml));
        expect![[r#"
            kube_mutatingwebhookconfiguration_info{namespace="",mutatingwebhookconfiguration="sidecars"} 1
        "#]]
            .assert_eq(&expose("mutatingwebhookconfigurations", "metadata: {name: sidecars}"));
    }
}
