//! `v1` `LimitRanges`: bounds and defaults for what the pods of a namespace ask for.

use crate::{
    Resource, metadata,
    quantity::Quantity,
    resource::{
        Families,
        Identity::{Name, Namespace},
        Metric, kind, stable,
    },
    wire::{List, Map, Metadata, Text, narrow},
};

pub(super) static LIMITRANGES: Resource = Resource::new(
    "limitranges",
    ["", "v1", "LimitRange"],
    &Families::<LimitRange> {
        identity: &[Namespace("namespace"), Name("limitrange")],
        families: &[FAMILIES],
    },
);

narrow! {
    struct LimitRange<'a> {
        metadata: Metadata<'a>,
        spec: Spec<'a>,
    }

    struct Spec<'a> {
        limits: List<Limit<'a>>,
    }

    struct Limit<'a> {
        r#type: Text<'a>,
        min: Map<'a, Quantity>,
        max: Map<'a, Quantity>,
        default: Map<'a, Quantity>,
        default_request: Map<'a, Quantity>,
        max_limit_request_ratio: Map<'a, Quantity>,
    }
}
kind!(LimitRange);

const FAMILIES: &[Metric<LimitRange<'static>>] = &[
    stable(
        "kube_limitrange",
        "Bounds and defaults by resource and by what they are for: cores, bytes, or a ratio of \
         limit and request. The resource is named as the object names it.",
        &["resource", "type", "constraint"],
        |l, rows| {
            for limit in &l.spec.limits {
                for (constraint, quantities) in [
                    ("min", &limit.min),
                    ("max", &limit.max),
                    ("default", &limit.default),
                    ("defaultRequest", &limit.default_request),
                    ("maxLimitRequestRatio", &limit.max_limit_request_ratio),
                ] {
                    for (resource, quantity) in quantities.iter() {
                        rows.row(&[resource, &limit.r#type, constraint], quantity.thousandths());
                    }
                }
            }
        },
    ),
    metadata::created("kube_limitrange_created"),
];

#[cfg(test)]
mod tests {
    use crate::testing::expose;
    use expect_test::expect;

    #[test]
    fn every_family() {
        let yaml = r#"
metadata: {name: bounds, namespace: shop, creationTimestamp: "2026-01-02T03:04:05Z"}
spec:
  limits:
  - type: Container
    min: {cpu: 10m, memory: 4Mi}
    max: {cpu: "2", memory: 1Gi, nvidia.com/gpu: "1"}
    default: {cpu: 500m}
    defaultRequest: {cpu: 100m}
    maxLimitRequestRatio: {cpu: "2.5"}
  - {type: PersistentVolumeClaim, min: {storage: 1Gi}, max: {storage: 1500m}}
"#;
        expect![[r#"
            kube_limitrange{namespace="shop",limitrange="bounds",resource="cpu",type="Container",constraint="min"} 0.01
            kube_limitrange{namespace="shop",limitrange="bounds",resource="memory",type="Container",constraint="min"} 4194304
            kube_limitrange{namespace="shop",limitrange="bounds",resource="cpu",type="Container",constraint="max"} 2
            kube_limitrange{namespace="shop",limitrange="bounds",resource="memory",type="Container",constraint="max"} 1073741824
            kube_limitrange{namespace="shop",limitrange="bounds",resource="nvidia.com/gpu",type="Container",constraint="max"} 1
            kube_limitrange{namespace="shop",limitrange="bounds",resource="cpu",type="Container",constraint="default"} 0.5
            kube_limitrange{namespace="shop",limitrange="bounds",resource="cpu",type="Container",constraint="defaultRequest"} 0.1
            kube_limitrange{namespace="shop",limitrange="bounds",resource="cpu",type="Container",constraint="maxLimitRequestRatio"} 2.5
            kube_limitrange{namespace="shop",limitrange="bounds",resource="storage",type="PersistentVolumeClaim",constraint="min"} 1073741824
            kube_limitrange{namespace="shop",limitrange="bounds",resource="storage",type="PersistentVolumeClaim",constraint="max"} 1.5
            kube_limitrange_created{namespace="shop",limitrange="bounds"} 1767323045
        "#]].assert_eq(&expose("limitranges", yaml));
        expect![[""]]
            .assert_eq(&expose("limitranges", "metadata: {name: bounds, namespace: shop}"));
    }
}
