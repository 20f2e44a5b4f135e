//! `v1` `ServiceAccounts`: as whom pods speak to the API server.

use crate::{
    Resource,
    label::yes_or_no,
    metadata,
    resource::{
        Families,
        Identity::{Name, Namespace, Uid},
        Metric, alpha, kind,
    },
    wire::{List, Metadata, Text, narrow},
};

pub(super) static SERVICEACCOUNTS: Resource = Resource::new(
    "serviceaccounts",
    ["", "v1", "ServiceAccount"],
    &Families::<ServiceAccount> {
        identity: &[Namespace("namespace"), Name("serviceaccount"), Uid("uid")],
        families: &[FAMILIES],
    },
)
.not_default();

narrow! {
    struct ServiceAccount<'a> {
        metadata: Metadata<'a>,
        automount_service_account_token: Option<bool>,
        secrets: List<Reference<'a>>,
        image_pull_secrets: List<Reference<'a>>,
    }

    struct Reference<'a> {
        name: Text<'a>,
    }
}
kind!(ServiceAccount);

const FAMILIES: &[Metric<ServiceAccount<'static>>] = &[
    alpha(
        "kube_serviceaccount_info",
        "Whether pods get a token of the account unasked; empty where the account does not say.",
        &["automount_token"],
        |s, rows| rows.info(&[yes_or_no(s.automount_service_account_token)]),
    ),
    metadata::created("kube_serviceaccount_created").alpha(),
    metadata::deletion_timestamp("kube_serviceaccount_deleted"),
    alpha(
        "kube_serviceaccount_secret",
        "Secrets that pods of the account may use.",
        &["name"],
        |s, rows| s.secrets.iter().for_each(|secret| rows.info(&[&secret.name])),
    ),
    alpha(
        "kube_serviceaccount_image_pull_secret",
        "Secrets that images for pods of the account are pulled with.",
        &["name"],
        |s, rows| s.image_pull_secrets.iter().for_each(|secret| rows.info(&[&secret.name])),
    ),
    metadata::annotations("kube_serviceaccount_annotations"),
    metadata::labels("kube_serviceaccount_labels").alpha(),
];

#[cfg(test)]
mod tests {
    use crate::testing::expose;
    use expect_test::expect;

    #[test]
    fn every_family() {
        let yaml = r#"
metadata:
  name: web
  namespace: shop
  uid: 6f2c
  creationTimestamp: "2026-01-02T03:04:05Z"
  deletionTimestamp: "2026-01-02T04:04:05Z"
automountServiceAccountToken: false
secrets: [{name: token-1}, {name: token-2}]
imagePullSecrets: [{name: registry}]
"#;
        expect![[r#"
            kube_serviceaccount_created{namespace="shop",serviceaccount="web",uid="6f2c"} 1767323045
            kube_serviceaccount_deleted{namespace="shop",serviceaccount="web",uid="6f2c"} 1767326645
            kube_serviceaccount_image_pull_secret{namespace="shop",serviceaccount="web",uid="6f2c",name="registry"} 1
            kube_serviceaccount_info{namespace="shop",serviceaccount="web",uid="6f2c",automount_token="false"} 1
            kube_serviceaccount_secret{namespace="shop",serviceaccount="web",uid="6f2c",name="token-1"} 1
            kube_serviceaccount_secret{namespace="shop",serviceaccount="web",uid="6f2c",name="token-2"} 1
        "#]].assert_eq(&expose("serviceaccounts", yaml));
        expect![[r#"
            kube_serviceaccount_info{namespace="shop",serviceaccount="web",uid="",automount_token=""} 1
        "#]]
            .assert_eq(&expose("serviceaccounts", "metadata: {name: web, namespace: shop}"));
    }
}
