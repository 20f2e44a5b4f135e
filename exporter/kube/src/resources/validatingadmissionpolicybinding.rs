//! `admissionregistration.k8s.io/v1` `ValidatingAdmissionPolicyBindings` (since Kubernetes 1.30): what
//! puts a policy into force, with which parameters, and what becomes of what it refuses.
//!
//! The objects live in no namespace; their label for it is there and empty.

use super::mutatingadmissionpolicybinding::{AdmissionPolicyBinding, INFO, PARAMETERS, info};
use crate::{
    Resource, metadata,
    resource::{
        Families,
        Identity::{Name, Namespace},
        Metric, alpha,
    },
};

pub(super) static VALIDATINGADMISSIONPOLICYBINDINGS: Resource = Resource::new(
    "validatingadmissionpolicybindings",
    ["admissionregistration.k8s.io", "v1", "ValidatingAdmissionPolicyBinding"],
    &Families::<AdmissionPolicyBinding> {
        identity: &[Namespace("namespace"), Name("validatingadmissionpolicybinding")],
        families: &[FAMILIES],
    },
)
.cluster_scoped();

const FAMILIES: &[Metric<AdmissionPolicyBinding<'static>>] = &[
    alpha("kube_validatingadmissionpolicybinding_info", INFO, PARAMETERS, |b, rows| info(b, rows)),
    metadata::created("kube_validatingadmissionpolicybinding_created").alpha(),
    alpha(
        "kube_validatingadmissionpolicybinding_validation_action",
        "What becomes of a request that the policy refuses.",
        &["action"],
        |v, rows| v.spec.validation_actions.iter().for_each(|action| rows.info(&[action])),
    ),
];

#[cfg(test)]
mod tests {
    use crate::testing::expose;
    use expect_test::expect;

    #[test]
    fn every_family() {
        let yaml = r#"
metadata: {name: images-in-shop, creationTimestamp: "2026-01-02T03:04:05Z"}
spec:
  policyName: images
  paramRef: {selector: {}, parameterNotFoundAction: Allow}
  validationActions: [Warn, Audit]
"#;
        expect![[r#"
            kube_validatingadmissionpolicybinding_created{namespace="",validatingadmissionpolicybinding="images-in-shop"} 1767323045
            kube_validatingadmissionpolicybinding_info{namespace="",validatingadmissionpolicybinding="images-in-shop",policy_name="images",param_name="",param_namespace="",param_not_found_action="Allow"} 1
            kube_validatingadmissionpolicybinding_validation_action{namespace="",validatingadmissionpolicybinding="images-in-shop",action="Warn"} 1
            kube_validatingadmissionpolicybinding_validation_action{namespace="",validatingadmissionpolicybinding="images-in-shop",action="Audit"} 1
        "#]].assert_eq(&expose("validatingadmissionpolicybindings", yaml));
        expect![[r#"
            kube_validatingadmissionpolicybinding_info{namespace="",validatingadmissionpolicybinding="images-in-shop",policy_name="",param_name="",param_namespace="",param_not_found_action=""} 1
        "#]].assert_eq(&expose(
            "validatingadmissionpolicybindings",
            "metadata: {name: images-in-shop}",
        ));
    }
}
