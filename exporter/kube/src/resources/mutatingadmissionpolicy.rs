//! `admissionregistration.k8s.io/v1` `MutatingAdmissionPolicies` (since Kubernetes 1.36): rules that
//! change objects on their way in.
//!
//! The objects live in no namespace; their label for it is there and empty.

use crate::{
    Resource, metadata,
    resource::{
        Families,
        Identity::{Name, Namespace},
        Metric, alpha, kind,
    },
    wire::{Metadata, Text, narrow},
};

pub(super) static MUTATINGADMISSIONPOLICIES: Resource = Resource::new(
    "mutatingadmissionpolicies",
    ["admissionregistration.k8s.io", "v1", "MutatingAdmissionPolicy"],
    &Families::<AdmissionPolicy> {
        identity: &[Namespace("namespace"), Name("mutatingadmissionpolicy")],
        families: &[FAMILIES],
    },
)
.cluster_scoped();

narrow! {
    /// One that changes objects or one that refuses them.
    struct AdmissionPolicy<'a> {
        metadata: Metadata<'a>,
        pub(super) spec: Spec<'a>,
    }

    struct Spec<'a> {
        pub(super) param_kind: ParamKind<'a>,
        pub(super) failure_policy: Text<'a>,
        reinvocation_policy: Text<'a>,
    }

    /// The kind of the objects that parameters are taken from.
    struct ParamKind<'a> {
        pub(super) api_version: Text<'a>,
        pub(super) kind: Text<'a>,
    }
}
kind!(AdmissionPolicy);

const FAMILIES: &[Metric<AdmissionPolicy<'static>>] = &[
    alpha(
        "kube_mutatingadmissionpolicy_info",
        "Kind of the policy's parameters, what holds where it fails, and whether it is asked again \
         after others.",
        &["param_api_version", "param_kind", "failure_policy", "reinvocation_policy"],
        |m, rows| {
            let Spec { param_kind, failure_policy, reinvocation_policy } = &m.spec;
            rows.info(&[
                &param_kind.api_version,
                &param_kind.kind,
                failure_policy,
                reinvocation_policy,
            ]);
        },
    ),
    metadata::created("kube_mutatingadmissionpolicy_created").alpha(),
];

#[cfg(test)]
mod tests {
    use crate::testing::expose;
    use expect_test::expect;

    #[test]
    fn every_family() {
        let yaml = r#"
metadata: {name: sidecars, creationTimestamp: "2026-01-02T03:04:05Z"}
spec:
  paramKind: {apiVersion: rules.example.com/v1, kind: Sidecar}
  failurePolicy: Ignore
  reinvocationPolicy: IfNeeded
"#;
        expect![[r#"
            kube_mutatingadmissionpolicy_created{namespace="",mutatingadmissionpolicy="sidecars"} 1767323045
            kube_mutatingadmissionpolicy_info{namespace="",mutatingadmissionpolicy="sidecars",param_api_version="rules.example.com/v1",param_kind="Sidecar",failure_policy="Ignore",reinvocation_policy="IfNeeded"} 1
        "#]].assert_eq(&expose("mutatingadmissionpolicies", yaml));
        expect![[r#"
            kube_mutatingadmissionpolicy_info{namespace="",mutatingadmissionpolicy="sidecars",param_api_version="",param_kind="",failure_policy="",reinvocation_policy=""} 1
        "#]].assert_eq(&expose("mutatingadmissionpolicies", "metadata: {name: sidecars}"));
    }
}
