//! `coordination.k8s.io/v1` Leases: who holds them, and until when they were renewed.
//!
//! The namespace is no default label here; each family has it where kube-state-metrics has it.

use crate::{
    Resource,
    resource::{Families, Identity::Name, Metric, alpha, kind},
    time::Time,
    wire::{Metadata, Text, narrow},
};

pub(super) static LEASES: Resource = Resource::new(
    "leases",
    ["coordination.k8s.io", "v1", "Lease"],
    &Families::<Lease> { identity: &[Name("lease")], families: &[FAMILIES] },
);

narrow! {
    struct Lease<'a> {
        metadata: Metadata<'a>,
        spec: Spec<'a>,
    }

    struct Spec<'a> {
        holder_identity: Text<'a>,
        renew_time: Time,
    }
}
kind!(Lease);

const FAMILIES: &[Metric<Lease<'static>>] = &[
    alpha(
        "kube_lease_owner",
        "What owns the Lease, and who holds it.",
        &["owner_kind", "owner_name", "namespace", "lease_holder"],
        |l, rows| {
            let (namespace, holder) = (&l.metadata.namespace, &l.spec.holder_identity);
            if l.metadata.owner_references.is_empty() {
                rows.info(&["", "", namespace, holder]);
            }
            for owner in &l.metadata.owner_references {
                rows.info(&[&owner.kind, &owner.name, namespace, holder]);
            }
        },
    ),
    alpha(
        "kube_lease_renew_time",
        "When the holder renewed the Lease last, in whole seconds since 1970.",
        &["namespace"],
        |l, rows| {
            if let Some(time) = l.spec.renew_time.known() {
                rows.row(&[&l.metadata.namespace], time);
            }
        },
    ),
];

#[cfg(test)]
mod tests {
    use crate::testing::expose;
    use expect_test::expect;

    #[test]
    fn every_family() {
        let yaml = r#"
metadata:
  name: node-1
  namespace: kube-node-lease
  ownerReferences:
  - {apiVersion: v1, kind: Node, name: node-1, uid: n-1}
  - {apiVersion: v1, kind: Rack, name: r-1, uid: r-1}
spec: {holderIdentity: node-1, leaseDurationSeconds: 40, renewTime: "2026-01-02T03:04:05.999999Z"}
"#;
        expect![[r#"
            kube_lease_owner{lease="node-1",owner_kind="Node",owner_name="node-1",namespace="kube-node-lease",lease_holder="node-1"} 1
            kube_lease_owner{lease="node-1",owner_kind="Rack",owner_name="r-1",namespace="kube-node-lease",lease_holder="node-1"} 1
            kube_lease_renew_time{lease="node-1",namespace="kube-node-lease"} 1767323045
        "#]].assert_eq(&expose("leases", yaml));
        expect![[r#"
            kube_lease_owner{lease="l",owner_kind="",owner_name="",namespace="shop",lease_holder=""} 1
        "#]].assert_eq(&expose("leases", "metadata: {name: l, namespace: shop}"));
    }
}
