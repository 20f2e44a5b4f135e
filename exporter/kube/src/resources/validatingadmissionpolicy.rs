//! `admissionregistration.k8s.io/v1` `ValidatingAdmissionPolicies` (since Kubernetes 1.30): rules that
//! refuse objects on their way in.
//!
//! The objects live in no namespace; their label for it is there and empty.

use super::mutatingadmissionpolicy::AdmissionPolicy;
use crate::{
    Resource, metadata,
    resource::{
        Families,
        Identity::{Name, Namespace},
        Metric, alpha,
    },
};

pub(super) static VALIDATINGADMISSIONPOLICIES: Resource = Resource::new(
    "validatingadmissionpolicies",
    ["admissionregistration.k8s.io", "v1", "ValidatingAdmissionPolicy"],
    &Families::<AdmissionPolicy> {
        identity: &[Namespace("namespace"), Name("validatingadmissionpolicy")],
        families: &[FAMILIES],
    },
)
.cluster_scoped();

const FAMILIES: &[Metric<AdmissionPolicy<'static>>] = &[
    alpha(
        "kube_validatingadmissionpolicy_info",
        "Kind of the policy's parameters, and what holds where it fails.",
        &["param_api_version", "param_kind", "failure_policy"],
        |v, rows| {
            let params = &v.spec.param_kind;
            rows.info(&[&params.api_version, &params.kind, &v.spec.failure_policy]);
        },
    ),
    metadata::created("kube_validatingadmissionpolicy_created").alpha(),
];

#[cfg(test)]
mod tests {
    use crate::testing::expose;
    use expect_test::expect;

    #[test]
    fn every_family() {
        let yaml = r#"
metadata: {name: images, creationTimestamp: "2026-01-02T03:04:05Z"}
spec:
  paramKind: {apiVersion: rules.example.com/v1, kind: Registry}
  failurePolicy: Fail
  validations: [{expression: "true"}]
"#;
        expect![[r#"
            kube_validatingadmissionpolicy_created{namespace="",validatingadmissionpolicy="images"} 1767323045
            kube_validatingadmissionpolicy_info{namespace="",validatingadmissionpolicy="images",param_api_version="rules.example.com/v1",param_kind="Registry",failure_policy="Fail"} 1
        "#]].assert_eq(&expose("validatingadmissionpolicies", yaml));
        expect![[r#"
            kube_validatingadmissionpolicy_info{namespace="",validatingadmissionpolicy="images",param_api_version="",param_kind="",failure_policy=""} 1
        "#]].assert_eq(&expose("validatingadmissionpolicies", "metadata: {name: images}"));
    }
}
