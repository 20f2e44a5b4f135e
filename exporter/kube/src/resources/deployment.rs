//! `apps/v1` Deployments: how many pods there are to be, how many there are.

use crate::{
    Resource,
    condition::Condition,
    metadata,
    resource::{
        Families,
        Identity::{Name, Namespace},
        Metric, alpha, kind, stable,
    },
    wire::{IntOrString, List, Metadata, narrow},
};

pub(super) static DEPLOYMENTS: Resource = Resource::new(
    "deployments",
    ["apps", "v1", "Deployment"],
    &Families::<Deployment> {
        identity: &[Namespace("namespace"), Name("deployment")],
        families: &[FAMILIES],
    },
);

narrow! {
    struct Deployment<'a> {
        metadata: Metadata<'a>,
        spec: Spec<'a>,
        status: Status<'a>,
    }

    struct Spec<'a> {
        replicas: Option<i64>,
        paused: bool,
        strategy: Strategy<'a>,
    }

    struct Strategy<'a> {
        rolling_update: Option<RollingUpdate<'a>>,
    }

    struct RollingUpdate<'a> {
        max_unavailable: Option<IntOrString<'a>>,
        max_surge: Option<IntOrString<'a>>,
    }

    struct Status<'a> {
        replicas: i64,
        ready_replicas: i64,
        available_replicas: i64,
        unavailable_replicas: i64,
        updated_replicas: i64,
        terminating_replicas: Option<i64>,
        observed_generation: i64,
        conditions: List<Condition<'a>>,
    }
}
kind!(Deployment);

/// Reasons that the Deployment controller gives; any other is exposed as `unknown`, none as it is.
const REASONS: [&str; 11] = [
    "",
    "DeploymentPaused",
    "DeploymentResumed",
    "FoundNewReplicaSet",
    "MinimumReplicasAvailable",
    "MinimumReplicasUnavailable",
    "NewReplicaSetAvailable",
    "NewReplicaSetCreated",
    "ProgressDeadlineExceeded",
    "ReplicaSetCreateError",
    "ReplicaSetUpdated",
];

const FAMILIES: &[Metric<Deployment<'static>>] = &[
    alpha(
        "kube_deployment_owner",
        "What owns the Deployment.",
        &["owner_kind", "owner_name"],
        |d, rows| {
            if d.metadata.owner_references.is_empty() {
                rows.info(&["", ""]);
            }
            for owner in &d.metadata.owner_references {
                rows.info(&[&owner.kind, &owner.name]);
            }
        },
    ),
    metadata::created("kube_deployment_created"),
    stable("kube_deployment_status_replicas", "Pods that there are.", &[], |d, rows| {
        rows.value(d.status.replicas);
    }),
    stable("kube_deployment_status_replicas_ready", "Pods that are ready.", &[], |d, rows| {
        rows.value(d.status.ready_replicas);
    }),
    stable(
        "kube_deployment_status_replicas_available",
        "Pods that have been ready for the time that the Deployment asks for.",
        &[],
        |d, rows| rows.value(d.status.available_replicas),
    ),
    stable(
        "kube_deployment_status_replicas_unavailable",
        "Pods that are still needed to have all that are wanted available.",
        &[],
        |d, rows| rows.value(d.status.unavailable_replicas),
    ),
    stable(
        "kube_deployment_status_replicas_updated",
        "Pods of the newest template.",
        &[],
        |d, rows| rows.value(d.status.updated_replicas),
    ),
    alpha(
        "kube_deployment_status_terminating_replicas",
        "Pods that are going, where the controller counts them.",
        &[],
        |d, rows| rows.maybe(d.status.terminating_replicas),
    ),
    stable(
        "kube_deployment_status_observed_generation",
        "Newest desired state that the controller has seen.",
        &[],
        |d, rows| rows.value(d.status.observed_generation),
    ),
    stable(
        "kube_deployment_status_condition",
        "Conditions of the Deployment: 1 for the status that holds. Reasons that the controller \
         does not give are unknown.",
        &["reason", "condition", "status"],
        |d, rows| {
            for condition in &d.status.conditions {
                let known = REASONS.contains(&&*condition.reason);
                let reason = if known { &*condition.reason } else { "unknown" };
                condition.write([reason, &condition.r#type], rows);
            }
        },
    ),
    stable("kube_deployment_spec_replicas", "Pods that are wanted.", &[], |d, rows| {
        rows.maybe(d.spec.replicas);
    }),
    stable(
        "kube_deployment_spec_paused",
        "Whether changes of the template wait.",
        &[],
        |d, rows| rows.value(d.spec.paused),
    ),
    stable(
        "kube_deployment_spec_strategy_rollingupdate_max_unavailable",
        "Pods that may be missing during a rolling update; a percentage is of the wanted ones, \
         rounded down.",
        &[],
        |d, rows| rows.maybe(d.scaled(|update| update.max_unavailable.as_ref(), false)),
    ),
    stable(
        "kube_deployment_spec_strategy_rollingupdate_max_surge",
        "Pods that there may be beyond the wanted ones during a rolling update; a percentage is of \
         the wanted ones, rounded up.",
        &[],
        |d, rows| rows.maybe(d.scaled(|update| update.max_surge.as_ref(), true)),
    ),
    metadata::generation("kube_deployment_metadata_generation"),
    metadata::deletion_timestamp("kube_deployment_deletion_timestamp"),
    metadata::annotations("kube_deployment_annotations"),
    metadata::labels("kube_deployment_labels"),
];

// === impl Deployment ===

impl<'a> Deployment<'a> {
    /// A bound of a rolling update in pods.
    fn scaled(
        &self,
        bound: for<'o> fn(&'o RollingUpdate<'a>) -> Option<&'o IntOrString<'a>>,
        up: bool,
    ) -> Option<i64> {
        let update = self.spec.strategy.rolling_update.as_ref()?;
        bound(update)?.scaled(self.spec.replicas?, up)
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{expose, expose_only, expose_with};
    use expect_test::expect;

    #[test]
    fn every_family() {
        let yaml = r#"
metadata:
  name: web
  namespace: shop
  uid: u-1
  resourceVersion: "7"
  generation: 21
  creationTimestamp: "2026-01-02T03:04:05Z"
  deletionTimestamp: "2026-01-02T04:04:05Z"
  ownerReferences:
  - {apiVersion: v1, kind: Shop, name: main, uid: o-1, controller: true}
spec:
  replicas: 7
  paused: true
  strategy:
    type: RollingUpdate
    rollingUpdate: {maxUnavailable: 25%, maxSurge: 25%}
status:
  replicas: 8
  readyReplicas: 6
  availableReplicas: 5
  unavailableReplicas: 3
  updatedReplicas: 4
  terminatingReplicas: 2
  observedGeneration: 20
  conditions:
  - {type: Available, status: "True", reason: MinimumReplicasAvailable, message: m}
  - {type: Progressing, status: "False", reason: SomethingElse}
  - {type: ReplicaFailure, status: Unknown}
"#;
        expect![[r#"
            kube_deployment_created{namespace="shop",deployment="web"} 1767323045
            kube_deployment_deletion_timestamp{namespace="shop",deployment="web"} 1767326645
            kube_deployment_metadata_generation{namespace="shop",deployment="web"} 21
            kube_deployment_owner{namespace="shop",deployment="web",owner_kind="Shop",owner_name="main"} 1
            kube_deployment_spec_paused{namespace="shop",deployment="web"} 1
            kube_deployment_spec_replicas{namespace="shop",deployment="web"} 7
            kube_deployment_spec_strategy_rollingupdate_max_surge{namespace="shop",deployment="web"} 2
            kube_deployment_spec_strategy_rollingupdate_max_unavailable{namespace="shop",deployment="web"} 1
            kube_deployment_status_condition{namespace="shop",deployment="web",reason="MinimumReplicasAvailable",condition="Available",status="true"} 1
            kube_deployment_status_condition{namespace="shop",deployment="web",reason="MinimumReplicasAvailable",condition="Available",status="false"} 0
            kube_deployment_status_condition{namespace="shop",deployment="web",reason="MinimumReplicasAvailable",condition="Available",status="unknown"} 0
            kube_deployment_status_condition{namespace="shop",deployment="web",reason="unknown",condition="Progressing",status="true"} 0
            kube_deployment_status_condition{namespace="shop",deployment="web",reason="unknown",condition="Progressing",status="false"} 1
            kube_deployment_status_condition{namespace="shop",deployment="web",reason="unknown",condition="Progressing",status="unknown"} 0
            kube_deployment_status_condition{namespace="shop",deployment="web",reason="",condition="ReplicaFailure",status="true"} 0
            kube_deployment_status_condition{namespace="shop",deployment="web",reason="",condition="ReplicaFailure",status="false"} 0
            kube_deployment_status_condition{namespace="shop",deployment="web",reason="",condition="ReplicaFailure",status="unknown"} 1
            kube_deployment_status_observed_generation{namespace="shop",deployment="web"} 20
            kube_deployment_status_replicas{namespace="shop",deployment="web"} 8
            kube_deployment_status_replicas_available{namespace="shop",deployment="web"} 5
            kube_deployment_status_replicas_ready{namespace="shop",deployment="web"} 6
            kube_deployment_status_replicas_unavailable{namespace="shop",deployment="web"} 3
            kube_deployment_status_replicas_updated{namespace="shop",deployment="web"} 4
            kube_deployment_status_terminating_replicas{namespace="shop",deployment="web"} 2
        "#]].assert_eq(&expose("deployments", yaml));
    }

    #[test]
    fn what_is_absent() {
        expect![[r#"
            kube_deployment_metadata_generation{namespace="shop",deployment="web"} 0
            kube_deployment_owner{namespace="shop",deployment="web",owner_kind="",owner_name=""} 1
            kube_deployment_spec_paused{namespace="shop",deployment="web"} 0
            kube_deployment_status_observed_generation{namespace="shop",deployment="web"} 0
            kube_deployment_status_replicas{namespace="shop",deployment="web"} 0
            kube_deployment_status_replicas_available{namespace="shop",deployment="web"} 0
            kube_deployment_status_replicas_ready{namespace="shop",deployment="web"} 0
            kube_deployment_status_replicas_unavailable{namespace="shop",deployment="web"} 0
            kube_deployment_status_replicas_updated{namespace="shop",deployment="web"} 0
        "#]]
        .assert_eq(&expose("deployments", "metadata: {name: web, namespace: shop}"));
    }

    #[test]
    fn bounds_of_a_rolling_update() {
        let yaml = |replicas, unavailable, surge| {
            format!(
                "metadata: {{name: web, namespace: shop}}\nspec: {{replicas: {replicas}, strategy: \
                 {{rollingUpdate: {{maxUnavailable: {unavailable}, maxSurge: {surge}}}}}}}"
            )
        };
        let exposed: String = [
            yaml("10", "2", "3"),
            yaml("7", "30%", "30%"),
            yaml("7", "0%", "100%"),
            yaml("7", "some", "null"),
            yaml("null", "2", "3"),
        ]
        .iter()
        .map(|yaml| expose_only("deployments", "rollingupdate", yaml) + "\n")
        .collect();
        expect![[r#"
            kube_deployment_spec_strategy_rollingupdate_max_surge{namespace="shop",deployment="web"} 3
            kube_deployment_spec_strategy_rollingupdate_max_unavailable{namespace="shop",deployment="web"} 2

            kube_deployment_spec_strategy_rollingupdate_max_surge{namespace="shop",deployment="web"} 3
            kube_deployment_spec_strategy_rollingupdate_max_unavailable{namespace="shop",deployment="web"} 2

            kube_deployment_spec_strategy_rollingupdate_max_surge{namespace="shop",deployment="web"} 7
            kube_deployment_spec_strategy_rollingupdate_max_unavailable{namespace="shop",deployment="web"} 0



        "#]].assert_eq(&exposed);
    }

    #[test]
    fn labels_and_annotations() {
        let yaml = r#"
metadata:
  name: web
  namespace: shop
  labels: {app: web, team/oneThing: "a\"b", team/one_thing: c}
  annotations: {example.com/note: "x\ny\\z"}
"#;
        let settings = crate::Settings {
            metric_allowlist: "_labels,_annotations".into(),
            metric_labels_allowlist: "deployments=[team/*,absent]".into(),
            metric_annotations_allowlist: "*=[*]".into(),
            ..crate::Settings::default()
        };
        expect![[r#"
            kube_deployment_annotations{namespace="shop",deployment="web",annotation_example_com_note="x\ny\\z"} 1
            kube_deployment_labels{namespace="shop",deployment="web",label_team_one_thing_conflict1="a\"b",label_team_one_thing_conflict2="c"} 1
        "#]].assert_eq(&expose_with(&settings, "deployments", yaml));
        let settings =
            crate::Settings { metric_labels_allowlist: "deployments=[absent]".into(), ..settings };
        expect![[r#"
            kube_deployment_annotations{namespace="shop",deployment="web",annotation_example_com_note="x\ny\\z"} 1
            kube_deployment_labels{namespace="shop",deployment="web"} 1
        "#]].assert_eq(&expose_with(&settings, "deployments", yaml));
    }

    #[test]
    fn a_wrong_type_names_its_field() {
        let yaml = "\
metadata: {name: web, namespace: shop}
spec: {replicas: many}
---
metadata: {name: next, namespace: shop}
spec: {replicas: 2}
---
metadata: {name: third, namespace: shop}
status: {conditions: [{type: [A]}]}
---
spec: {replicas: 2}
---
metadata: web
---
metadata: {name: time, namespace: shop, creationTimestamp: yesterday}
";
        expect![[r#"
            kube_deployment_spec_replicas{namespace="shop",deployment="next"} 2
            error: Deployment shop/web: spec.replicas: invalid type: string "many", expected i64 at line 1 column 71
            error: Deployment shop/third: status.conditions[0].type: invalid type: sequence, expected a string at line 1 column 81
            error: Deployment without a name: metadata.name: expected a name
            error: Deployment without a name: metadata: invalid type: string "web", expected struct Metadata at line 1 column 17
            error: Deployment shop/time: metadata.creationTimestamp: invalid value: string "yesterday", expected a time as RFC 3339 has it at line 1 column 44
        "#]].assert_eq(&expose_only("deployments", "spec_replicas", yaml));
    }
}
