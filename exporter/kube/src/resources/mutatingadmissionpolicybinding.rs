//! `admissionregistration.k8s.io/v1` `MutatingAdmissionPolicyBindings` (since Kubernetes 1.36): what
//! puts a policy into force, and with which parameters.
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

pub(super) static MUTATINGADMISSIONPOLICYBINDINGS: Resource = Resource::new(
    "mutatingadmissionpolicybindings",
    ["admissionregistration.k8s.io", "v1", "MutatingAdmissionPolicyBinding"],
    &Families::<AdmissionPolicyBinding> {
        identity: &[Namespace("namespace"), Name("mutatingadmissionpolicybinding")],
        families: &[FAMILIES],
    },
)
.cluster_scoped();

narrow! {
    /// Of a policy that changes objects or of one that refuses them.
    struct AdmissionPolicyBinding<'a> {
        metadata: Metadata<'a>,
        pub(super) spec: Spec<'a>,
    }

    struct Spec<'a> {
        policy_name: Text<'a>,
        param_ref: ParamRef<'a>,
        pub(super) validation_actions: List<Text<'a>>,
    }

    struct ParamRef<'a> {
        name: Text<'a>,
        namespace: Text<'a>,
        parameter_not_found_action: Text<'a>,
    }
}
kind!(AdmissionPolicyBinding);

const FAMILIES: &[Metric<AdmissionPolicyBinding<'static>>] = &[
    alpha("kube_mutatingadmissionpolicybinding_info", INFO, PARAMETERS, |b, rows| info(b, rows)),
    metadata::created("kube_mutatingadmissionpolicybinding_created").alpha(),
];

pub(super) const INFO: &str =
    "Policy that is bound, the object with its parameters, and what holds where there is none.";

pub(super) const PARAMETERS: &[&str] =
    &["policy_name", "param_name", "param_namespace", "param_not_found_action"];

pub(super) fn info(binding: &AdmissionPolicyBinding<'_>, rows: &mut Rows<'_>) {
    let Spec { policy_name, param_ref, .. } = &binding.spec;
    rows.info(&[
        policy_name,
        &param_ref.name,
        &param_ref.namespace,
        &param_ref.parameter_not_found_action,
    ]);
}

#[cfg(test)]
mod tests {
    use crate::testing::expose;
    use expect_test::expect;

    #[test]
    fn every_family() {
        let yaml = r#"
metadata: {name: sidecars-in-shop, creationTimestamp: "2026-01-02T03:04:05Z"}
spec:
  policyName: sidecars
  paramRef: {name: small, namespace: shop, parameterNotFoundAction: Deny}
"#;
        expect![[r#"
            kube_mutatingadmissionpolicybinding_created{namespace="",mutatingadmissionpolicybinding="sidecars-in-shop"} 1767323045
            kube_mutatingadmissionpolicybinding_info{namespace="",mutatingadmissionpolicybinding="sidecars-in-shop",policy_name="sidecars",param_name="small",param_namespace="shop",param_not_found_action="Deny"} 1
        "#]].assert_eq(&expose("mutatingadmissionpolicybindings", yaml));
        expect![[r#"
            kube_mutatingadmissionpolicybinding_info{namespace="",mutatingadmissionpolicybinding="sidecars-in-shop",policy_name="",param_name="",param_namespace="",param_not_found_action=""} 1
        "#]].assert_eq(&expose(
            "mutatingadmissionpolicybindings",
            "metadata: {name: sidecars-in-shop}",
        ));
    }
}
