//! `autoscaling/v2` `HorizontalPodAutoscalers`: how many pods metrics call for.

use crate::{
    Resource,
    condition::Condition,
    metadata,
    quantity::Quantity,
    rendered::Rows,
    resource::{
        Families,
        Identity::{Name, Namespace},
        Metric, alpha, kind, stable,
    },
    wire::{List, Metadata, Text, narrow},
};

pub(super) static HORIZONTALPODAUTOSCALERS: Resource = Resource::new(
    "horizontalpodautoscalers",
    ["autoscaling", "v2", "HorizontalPodAutoscaler"],
    &Families::<HorizontalPodAutoscaler> {
        identity: &[Namespace("namespace"), Name("horizontalpodautoscaler")],
        families: &[FAMILIES],
    },
);

narrow! {
    struct HorizontalPodAutoscaler<'a> {
        metadata: Metadata<'a>,
        spec: Spec<'a>,
        status: Status<'a>,
    }

    struct Spec<'a> {
        scale_target_ref: Scaled<'a>,
        min_replicas: Option<i64>,
        max_replicas: i64,
        metrics: List<Scaling<'a>>,
        behavior: Behavior,
    }

    struct Scaled<'a> {
        api_version: Text<'a>,
        kind: Text<'a>,
        name: Text<'a>,
    }

    struct Behavior {
        scale_up: Rules,
        scale_down: Rules,
    }

    struct Rules {
        tolerance: Option<Quantity>,
    }

    /// A metric that is scaled by; the field of its type holds it.
    struct Scaling<'a> {
        r#type: Text<'a>,
        object: Option<Source<'a>>,
        pods: Option<Source<'a>>,
        external: Option<Source<'a>>,
        resource: Option<Source<'a>>,
        container_resource: Option<Source<'a>>,
    }

    struct Source<'a> {
        /// Of a compute resource.
        name: Text<'a>,
        container: Text<'a>,
        /// Of anything else.
        metric: MetricName<'a>,
        /// What it is to be, or in the status what it is.
        #[serde(alias = "current")]
        target: Numbers,
    }

    struct MetricName<'a> {
        name: Text<'a>,
    }

    struct Numbers {
        value: Option<Quantity>,
        average_value: Option<Quantity>,
        average_utilization: Option<i64>,
    }

    struct Status<'a> {
        current_replicas: i64,
        desired_replicas: i64,
        current_metrics: List<Scaling<'a>>,
        conditions: List<Condition<'a>>,
    }
}
kind!(HorizontalPodAutoscaler);

const TARGET: &[&str] = &["metric_name", "metric_target_type", "container"];

const FAMILIES: &[Metric<HorizontalPodAutoscaler<'static>>] = &[
    alpha(
        "kube_horizontalpodautoscaler_info",
        "What is scaled.",
        &["scaletargetref_kind", "scaletargetref_name", "scaletargetref_api_version"],
        |h, rows| {
            let Scaled { api_version, kind, name } = &h.spec.scale_target_ref;
            let version = ("scaletargetref_api_version", &**api_version);
            let version = Some(version).filter(|(_, version)| !version.is_empty());
            let labels = [("scaletargetref_kind", &**kind), ("scaletargetref_name", &**name)];
            rows.labelled(version.into_iter().chain(labels), 1u8);
        },
    ),
    metadata::generation("kube_horizontalpodautoscaler_metadata_generation"),
    stable(
        "kube_horizontalpodautoscaler_spec_max_replicas",
        "Pods beyond which it does not scale.",
        &[],
        |h, rows| rows.value(h.spec.max_replicas),
    ),
    stable(
        "kube_horizontalpodautoscaler_spec_min_replicas",
        "Pods below which it does not scale; 1 where none are given.",
        &[],
        |h, rows| rows.value(h.spec.min_replicas.unwrap_or(1)),
    ),
    alpha(
        "kube_horizontalpodautoscaler_spec_target_metric",
        "What the metrics that it scales by are to be: a value, an average over the pods, or a \
         utilization in percent of what they request.",
        TARGET,
        |h, rows| target_metrics(&h.spec.metrics, rows),
    ),
    alpha(
        "kube_horizontalpodautoscaler_spec_behavior_scale_down_tolerance",
        "Part of its target by which a metric may fall short before pods are taken away.",
        &[],
        |h, rows| rows.maybe(h.spec.behavior.scale_down.tolerance.map(Quantity::float)),
    ),
    alpha(
        "kube_horizontalpodautoscaler_spec_behavior_scale_up_tolerance",
        "Part of its target by which a metric may exceed it before pods are added.",
        &[],
        |h, rows| rows.maybe(h.spec.behavior.scale_up.tolerance.map(Quantity::float)),
    ),
    stable(
        "kube_horizontalpodautoscaler_status_target_metric",
        "What the metrics that it scales by are, as of its last look.",
        TARGET,
        |h, rows| target_metrics(&h.status.current_metrics, rows),
    ),
    stable(
        "kube_horizontalpodautoscaler_status_current_replicas",
        "Pods that there are.",
        &[],
        |h, rows| rows.value(h.status.current_replicas),
    ),
    stable(
        "kube_horizontalpodautoscaler_status_desired_replicas",
        "Pods that the metrics call for, within the bounds.",
        &[],
        |h, rows| rows.value(h.status.desired_replicas),
    ),
    metadata::annotations("kube_horizontalpodautoscaler_annotations"),
    metadata::labels("kube_horizontalpodautoscaler_labels"),
    stable(
        "kube_horizontalpodautoscaler_status_condition",
        "Whether it can scale and does: 1 for the status that holds.",
        &["condition", "status"],
        |h, rows| h.status.conditions.iter().for_each(|c| c.write([&c.r#type], rows)),
    ),
    metadata::created("kube_horizontalpodautoscaler_created").alpha(),
    metadata::deletion_timestamp("kube_horizontalpodautoscaler_deletion_timestamp"),
];

/// One sample a number; a metric of an unknown type, or without what its type says, has none.
fn target_metrics(metrics: &[Scaling<'_>], rows: &mut Rows<'_>) {
    for scaling in metrics {
        let (source, of_pods) = match &*scaling.r#type {
            "Object" => (&scaling.object, false),
            "Pods" => (&scaling.pods, false),
            "External" => (&scaling.external, false),
            "Resource" => (&scaling.resource, true),
            "ContainerResource" => (&scaling.container_resource, true),
            _ => continue,
        };
        let Some(Source { name, container, metric, target }) = source else { continue };
        let name = if of_pods { name } else { &metric.name };
        if let Some(value) = target.value {
            rows.row(&[name, "value", container], value.thousandths());
        }
        if let Some(utilization) = target.average_utilization {
            rows.row(&[name, "utilization", container], utilization);
        }
        if let Some(average) = target.average_value {
            rows.row(&[name, "average", container], average.thousandths());
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{expose, expose_only};
    use expect_test::expect;

    #[test]
    fn every_family() {
        let yaml = r#"
metadata:
  name: web
  namespace: shop
  generation: 3
  creationTimestamp: "2026-01-02T03:04:05Z"
  deletionTimestamp: "2026-01-02T04:04:05Z"
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 2
  maxReplicas: 8
  metrics:
  - {type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}
  - type: ContainerResource
    containerResource: {name: memory, container: app, target: {type: AverageValue, averageValue: 512Mi}}
  - {type: Pods, pods: {metric: {name: requests}, target: {type: AverageValue, averageValue: 1500m}}}
  - type: Object
    object:
      describedObject: {kind: Ingress, name: main}
      metric: {name: hits}
      target: {type: Value, value: 10k, averageValue: "2"}
  - {type: External, external: {metric: {name: queue}, target: {type: Value, value: "30"}}}
  behavior: {scaleUp: {tolerance: 50m}, scaleDown: {tolerance: "0.25"}}
status:
  currentReplicas: 4
  desiredReplicas: 5
  currentMetrics:
  - {type: Resource, resource: {name: cpu, current: {averageUtilization: 91, averageValue: 455m}}}
  - type: ContainerResource
    containerResource: {name: memory, container: app, current: {averageValue: 600Mi}}
  - {type: Pods, pods: {metric: {name: requests}, current: {averageValue: "1"}}}
  - {type: Object, object: {describedObject: {kind: Ingress, name: main}, metric: {name: hits}, current: {value: 9k}}}
  - {type: External, external: {metric: {name: queue}, current: {value: "31"}}}
  conditions:
  - {type: AbleToScale, status: "True", reason: ReadyForNewScale}
  - {type: ScalingLimited, status: "False"}
"#;
        expect![[r#"
            kube_horizontalpodautoscaler_created{namespace="shop",horizontalpodautoscaler="web"} 1767323045
            kube_horizontalpodautoscaler_deletion_timestamp{namespace="shop",horizontalpodautoscaler="web"} 1767326645
            kube_horizontalpodautoscaler_info{namespace="shop",horizontalpodautoscaler="web",scaletargetref_api_version="apps/v1",scaletargetref_kind="Deployment",scaletargetref_name="web"} 1
            kube_horizontalpodautoscaler_metadata_generation{namespace="shop",horizontalpodautoscaler="web"} 3
            kube_horizontalpodautoscaler_spec_behavior_scale_down_tolerance{namespace="shop",horizontalpodautoscaler="web"} 0.25
            kube_horizontalpodautoscaler_spec_behavior_scale_up_tolerance{namespace="shop",horizontalpodautoscaler="web"} 0.05
            kube_horizontalpodautoscaler_spec_max_replicas{namespace="shop",horizontalpodautoscaler="web"} 8
            kube_horizontalpodautoscaler_spec_min_replicas{namespace="shop",horizontalpodautoscaler="web"} 2
            kube_horizontalpodautoscaler_spec_target_metric{namespace="shop",horizontalpodautoscaler="web",metric_name="cpu",metric_target_type="utilization",container=""} 80
            kube_horizontalpodautoscaler_spec_target_metric{namespace="shop",horizontalpodautoscaler="web",metric_name="memory",metric_target_type="average",container="app"} 536870912
            kube_horizontalpodautoscaler_spec_target_metric{namespace="shop",horizontalpodautoscaler="web",metric_name="requests",metric_target_type="average",container=""} 1.5
            kube_horizontalpodautoscaler_spec_target_metric{namespace="shop",horizontalpodautoscaler="web",metric_name="hits",metric_target_type="value",container=""} 10000
            kube_horizontalpodautoscaler_spec_target_metric{namespace="shop",horizontalpodautoscaler="web",metric_name="hits",metric_target_type="average",container=""} 2
            kube_horizontalpodautoscaler_spec_target_metric{namespace="shop",horizontalpodautoscaler="web",metric_name="queue",metric_target_type="value",container=""} 30
            kube_horizontalpodautoscaler_status_condition{namespace="shop",horizontalpodautoscaler="web",condition="AbleToScale",status="true"} 1
            kube_horizontalpodautoscaler_status_condition{namespace="shop",horizontalpodautoscaler="web",condition="AbleToScale",status="false"} 0
            kube_horizontalpodautoscaler_status_condition{namespace="shop",horizontalpodautoscaler="web",condition="AbleToScale",status="unknown"} 0
            kube_horizontalpodautoscaler_status_condition{namespace="shop",horizontalpodautoscaler="web",condition="ScalingLimited",status="true"} 0
            kube_horizontalpodautoscaler_status_condition{namespace="shop",horizontalpodautoscaler="web",condition="ScalingLimited",status="false"} 1
            kube_horizontalpodautoscaler_status_condition{namespace="shop",horizontalpodautoscaler="web",condition="ScalingLimited",status="unknown"} 0
            kube_horizontalpodautoscaler_status_current_replicas{namespace="shop",horizontalpodautoscaler="web"} 4
            kube_horizontalpodautoscaler_status_desired_replicas{namespace="shop",horizontalpodautoscaler="web"} 5
            kube_horizontalpodautoscaler_status_target_metric{namespace="shop",horizontalpodautoscaler="web",metric_name="cpu",metric_target_type="utilization",container=""} 91
            kube_horizontalpodautoscaler_status_target_metric{namespace="shop",horizontalpodautoscaler="web",metric_name="cpu",metric_target_type="average",container=""} 0.455
            kube_horizontalpodautoscaler_status_target_metric{namespace="shop",horizontalpodautoscaler="web",metric_name="memory",metric_target_type="average",container="app"} 629145600
            kube_horizontalpodautoscaler_status_target_metric{namespace="shop",horizontalpodautoscaler="web",metric_name="requests",metric_target_type="average",container=""} 1
            kube_horizontalpodautoscaler_status_target_metric{namespace="shop",horizontalpodautoscaler="web",metric_name="hits",metric_target_type="value",container=""} 9000
            kube_horizontalpodautoscaler_status_target_metric{namespace="shop",horizontalpodautoscaler="web",metric_name="queue",metric_target_type="value",container=""} 31
        "#]].assert_eq(&expose("horizontalpodautoscalers", yaml));
        expect![[r#"
            kube_horizontalpodautoscaler_info{namespace="shop",horizontalpodautoscaler="web",scaletargetref_kind="",scaletargetref_name=""} 1
            kube_horizontalpodautoscaler_metadata_generation{namespace="shop",horizontalpodautoscaler="web"} 0
            kube_horizontalpodautoscaler_spec_max_replicas{namespace="shop",horizontalpodautoscaler="web"} 0
            kube_horizontalpodautoscaler_spec_min_replicas{namespace="shop",horizontalpodautoscaler="web"} 1
            kube_horizontalpodautoscaler_status_current_replicas{namespace="shop",horizontalpodautoscaler="web"} 0
            kube_horizontalpodautoscaler_status_desired_replicas{namespace="shop",horizontalpodautoscaler="web"} 0
        "#]].assert_eq(&expose(
            "horizontalpodautoscalers",
            "metadata: {name: web, namespace: shop}\nstatus: {currentMetrics: null, conditions: \
             null}",
        ));
    }

    #[test]
    fn metrics_without_what_their_type_says() {
        let yaml = r#"
metadata: {name: web, namespace: shop}
spec:
  scaleTargetRef: {kind: Deployment, name: web}
  metrics:
  - {type: Resource}
  - {type: Other, resource: {name: cpu, target: {averageUtilization: 1}}}
  - {type: Pods, pods: {metric: {name: p}, target: {}}}
  - {type: External, external: {metric: {name: q, selector: {matchLabels: {a: a}}}, target: {value: "1"}}}
  - {type: External, external: {metric: {name: q, selector: {matchLabels: {a: b}}}, target: {value: "2"}}}
  behavior: {scaleUp: {tolerance: "0"}, scaleDown: {stabilizationWindowSeconds: 3}}
status:
  currentMetrics:
  - {type: ""}
  - {type: Pods}
  - {type: ContainerResource, resource: {name: cpu, current: {averageUtilization: 1}}}
  - {type: Resource, resource: {name: memory, current: {averageValue: 100u}}}
"#;
        expect![[r#"
            kube_horizontalpodautoscaler_info{namespace="shop",horizontalpodautoscaler="web",scaletargetref_kind="Deployment",scaletargetref_name="web"} 1
            kube_horizontalpodautoscaler_spec_behavior_scale_up_tolerance{namespace="shop",horizontalpodautoscaler="web"} 0
            kube_horizontalpodautoscaler_spec_target_metric{namespace="shop",horizontalpodautoscaler="web",metric_name="q",metric_target_type="value",container=""} 1
            kube_horizontalpodautoscaler_status_target_metric{namespace="shop",horizontalpodautoscaler="web",metric_name="memory",metric_target_type="average",container=""} 0.001
        "#]].assert_eq(&expose_only(
            "horizontalpodautoscalers",
            "target_metric,tolerance,_info",
            yaml,
        ));
    }
}
