//! `v1` `ResourceQuotas`: how much of each resource a namespace may have, and has.

use crate::{
    Resource, metadata,
    quantity::Quantity,
    resource::{
        Families,
        Identity::{Name, Namespace},
        Metric, kind, stable,
    },
    wire::{Map, Metadata, narrow},
};

pub(super) static RESOURCEQUOTAS: Resource = Resource::new(
    "resourcequotas",
    ["", "v1", "ResourceQuota"],
    &Families::<ResourceQuota> {
        identity: &[Namespace("namespace"), Name("resourcequota")],
        families: &[FAMILIES],
    },
);

narrow! {
    struct ResourceQuota<'a> {
        metadata: Metadata<'a>,
        status: Status<'a>,
    }

    struct Status<'a> {
        hard: Map<'a, Quantity>,
        used: Map<'a, Quantity>,
    }
}
kind!(ResourceQuota);

const FAMILIES: &[Metric<ResourceQuota<'static>>] = &[
    metadata::created("kube_resourcequota_created"),
    stable(
        "kube_resourcequota",
        "What of each resource the namespace may have, hard, and has, used: cores, bytes or \
         objects. The resource is named as the quota names it.",
        &["resource", "type"],
        |r, rows| {
            for (kind, quantities) in [("hard", &r.status.hard), ("used", &r.status.used)] {
                for (resource, quantity) in quantities.iter() {
                    rows.row(&[resource, kind], quantity.thousandths());
                }
            }
        },
    ),
    metadata::annotations("kube_resourcequota_annotations"),
    metadata::labels("kube_resourcequota_labels"),
];

#[cfg(test)]
mod tests {
    use crate::testing::expose;
    use expect_test::expect;

    #[test]
    fn every_family() {
        let yaml = r#"
metadata: {name: team, namespace: shop, creationTimestamp: "2026-01-02T03:04:05Z"}
spec: {hard: {pods: "99"}}
status:
  hard:
    pods: "10"
    requests.cpu: 1500m
    requests.memory: 4Gi
    requests.nvidia.com/gpu: "4"
    count/deployments.apps: "5"
    limits.cpu: 100u
    requests.storage: 9223372036854775500m
  used: {pods: "3", requests.cpu: 250m, requests.memory: "0"}
"#;
        expect![[r#"
            kube_resourcequota{namespace="shop",resourcequota="team",resource="count/deployments.apps",type="hard"} 5
            kube_resourcequota{namespace="shop",resourcequota="team",resource="limits.cpu",type="hard"} 0.001
            kube_resourcequota{namespace="shop",resourcequota="team",resource="pods",type="hard"} 10
            kube_resourcequota{namespace="shop",resourcequota="team",resource="requests.cpu",type="hard"} 1.5
            kube_resourcequota{namespace="shop",resourcequota="team",resource="requests.memory",type="hard"} 4294967296
            kube_resourcequota{namespace="shop",resourcequota="team",resource="requests.nvidia.com/gpu",type="hard"} 4
            kube_resourcequota{namespace="shop",resourcequota="team",resource="requests.storage",type="hard"} 9223372036854776
            kube_resourcequota{namespace="shop",resourcequota="team",resource="pods",type="used"} 3
            kube_resourcequota{namespace="shop",resourcequota="team",resource="requests.cpu",type="used"} 0.25
            kube_resourcequota{namespace="shop",resourcequota="team",resource="requests.memory",type="used"} 0
            kube_resourcequota_created{namespace="shop",resourcequota="team"} 1767323045
        "#]].assert_eq(&expose("resourcequotas", yaml));
        expect![[""]]
            .assert_eq(&expose("resourcequotas", "metadata: {name: team, namespace: shop}"));
    }
}
