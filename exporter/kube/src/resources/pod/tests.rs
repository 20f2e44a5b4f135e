//! Pods as YAML in, text out.

use crate::{
    Settings,
    testing::{expose, expose_only, expose_with},
};
use expect_test::expect;

const WEB: &str = r#"
metadata:
  name: web-0
  namespace: shop
  uid: 6f2c
  resourceVersion: "812"
  creationTimestamp: "2026-01-02T03:04:05Z"
  deletionTimestamp: "2026-01-02T04:04:05Z"
  labels: {app: web}
  managedFields: [{manager: kubelet, fieldsV1: {"f:status": {}}}]
  ownerReferences:
  - {apiVersion: v1, kind: Shop, name: main, uid: o-2}
  - {apiVersion: apps/v1, kind: StatefulSet, name: web, uid: o-1, controller: true}
spec:
  nodeName: node-1
  restartPolicy: Always
  priorityClassName: high
  serviceAccountName: web
  schedulerName: default-scheduler
  runtimeClassName: gvisor
  hostNetwork: true
  nodeSelector: {disk: ssd}
  overhead: {cpu: 250m, memory: 64Mi}
  containers:
  - name: app
    image: registry.example/web:1
    resources:
      limits: {cpu: 1500m, memory: 2Gi, nvidia.com/gpu: "1", ephemeral-storage: 1500m}
      requests: {cpu: 100u, memory: 2Gi, hugepages-2Mi: 4Mi, example: "1"}
  - {name: log, image: "registry.example/log:2"}
  initContainers:
  - name: setup
    image: registry.example/setup:1
    resources: {limits: {cpu: "2"}, requests: {storage: 1k}}
  - {name: proxy, image: "registry.example/proxy:3", restartPolicy: Always}
  volumes:
  - {name: data, persistentVolumeClaim: {claimName: data-web-0, readOnly: true}}
  - {name: scratch, ephemeral: {volumeClaimTemplate: {spec: {}}}}
  - {name: token, projected: {}}
  tolerations:
  - {key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute, tolerationSeconds: 300}
  - {key: dedicated, operator: Equal, value: web, effect: NoSchedule}
  - {operator: Exists}
  - {operator: Exists}
  resourceClaims:
  - {name: gpu, resourceClaimName: shared-gpu}
  - {name: nic, resourceClaimTemplateName: nic-template}
  - {name: late, resourceClaimTemplateName: late-template}
  - {name: neither}
status:
  phase: Running
  qosClass: Burstable
  hostIP: 192.0.2.1
  podIP: 10.0.0.7
  podIPs: [{ip: 10.0.0.7}, {ip: "2001:db8::7"}, {ip: "::ffff:10.0.0.9"}, {ip: nonsense}]
  startTime: "2026-01-02T03:04:06Z"
  resourceClaimStatuses: [{name: nic, resourceClaimName: nic-x7}]
  conditions:
  - {type: PodScheduled, status: "True", lastTransitionTime: "2026-01-02T03:04:06Z"}
  - {type: Initialized, status: "True", lastTransitionTime: "2026-01-02T03:04:07Z", lastProbeTime: null}
  - {type: ContainersReady, status: "True", lastTransitionTime: "2026-01-02T03:04:08Z"}
  - {type: Ready, status: "True", lastTransitionTime: "2026-01-02T03:04:09Z"}
  - {type: DisruptionTarget, status: "True", reason: EvictionByEvictionAPI}
  containerStatuses:
  - name: app
    image: docker.io/web:1
    imageID: sha256:aa
    containerID: containerd://a1
    ready: true
    restartCount: 3
    state: {running: {startedAt: "2026-01-02T03:05:00Z"}}
    lastState:
      terminated: {exitCode: 137, reason: OOMKilled, startedAt: "2026-01-02T03:04:10Z", finishedAt: "2026-01-02T03:04:50Z"}
  - name: log
    image: docker.io/log:2
    imageID: sha256:bb
    ready: false
    restartCount: 0
    state: {waiting: {reason: CrashLoopBackOff, message: back-off}}
    lastState: {}
  initContainerStatuses:
  - name: setup
    image: docker.io/setup:1
    imageID: sha256:cc
    containerID: containerd://c1
    ready: true
    restartCount: 1
    state:
      terminated: {exitCode: 0, reason: Completed, startedAt: "2026-01-02T03:04:06Z", finishedAt: "2026-01-02T03:04:07Z"}
    lastState:
      terminated: {exitCode: 1, reason: Error, startedAt: "2026-01-02T03:04:05Z", finishedAt: "2026-01-02T03:04:06Z"}
  - name: proxy
    image: docker.io/proxy:3
    imageID: sha256:dd
    containerID: containerd://d1
    ready: true
    restartCount: 0
    state: {running: {startedAt: "2026-01-02T03:04:08Z"}}
"#;

#[test]
fn every_family() {
    let settings = Settings {
        metric_opt_in_list: "kube_pod_nodeselectors".into(),
        metric_labels_allowlist: "pods=[app]".into(),
        metric_annotations_allowlist: "pods=[*]".into(),
        ..Settings::default()
    };
    expect![[r#"
        kube_pod_annotations{namespace="shop",pod="web-0",uid="6f2c"} 1
        kube_pod_container_info{namespace="shop",pod="web-0",uid="6f2c",container="app",image_spec="registry.example/web:1",image="docker.io/web:1",image_id="sha256:aa",container_id="containerd://a1"} 1
        kube_pod_container_info{namespace="shop",pod="web-0",uid="6f2c",container="log",image_spec="registry.example/log:2",image="docker.io/log:2",image_id="sha256:bb",container_id=""} 1
        kube_pod_container_resource_limits{namespace="shop",pod="web-0",uid="6f2c",container="app",node="node-1",resource="cpu",unit="core"} 1.5
        kube_pod_container_resource_limits{namespace="shop",pod="web-0",uid="6f2c",container="app",node="node-1",resource="ephemeral_storage",unit="byte"} 2
        kube_pod_container_resource_limits{namespace="shop",pod="web-0",uid="6f2c",container="app",node="node-1",resource="memory",unit="byte"} 2147483648
        kube_pod_container_resource_limits{namespace="shop",pod="web-0",uid="6f2c",container="app",node="node-1",resource="nvidia_com_gpu",unit="integer"} 1
        kube_pod_container_resource_requests{namespace="shop",pod="web-0",uid="6f2c",container="app",node="node-1",resource="cpu",unit="core"} 0.001
        kube_pod_container_resource_requests{namespace="shop",pod="web-0",uid="6f2c",container="app",node="node-1",resource="hugepages_2Mi",unit="byte"} 4194304
        kube_pod_container_resource_requests{namespace="shop",pod="web-0",uid="6f2c",container="app",node="node-1",resource="memory",unit="byte"} 2147483648
        kube_pod_container_state_started{namespace="shop",pod="web-0",uid="6f2c",container="app"} 1767323100
        kube_pod_container_status_last_terminated_exitcode{namespace="shop",pod="web-0",uid="6f2c",container="app"} 137
        kube_pod_container_status_last_terminated_reason{namespace="shop",pod="web-0",uid="6f2c",container="app",reason="OOMKilled"} 1
        kube_pod_container_status_last_terminated_timestamp{namespace="shop",pod="web-0",uid="6f2c",container="app"} 1767323090
        kube_pod_container_status_ready{namespace="shop",pod="web-0",uid="6f2c",container="app"} 1
        kube_pod_container_status_ready{namespace="shop",pod="web-0",uid="6f2c",container="log"} 0
        kube_pod_container_status_restarts_total{namespace="shop",pod="web-0",uid="6f2c",container="app"} 3
        kube_pod_container_status_restarts_total{namespace="shop",pod="web-0",uid="6f2c",container="log"} 0
        kube_pod_container_status_running{namespace="shop",pod="web-0",uid="6f2c",container="app"} 1
        kube_pod_container_status_running{namespace="shop",pod="web-0",uid="6f2c",container="log"} 0
        kube_pod_container_status_terminated{namespace="shop",pod="web-0",uid="6f2c",container="app"} 0
        kube_pod_container_status_terminated{namespace="shop",pod="web-0",uid="6f2c",container="log"} 0
        kube_pod_container_status_waiting{namespace="shop",pod="web-0",uid="6f2c",container="app"} 0
        kube_pod_container_status_waiting{namespace="shop",pod="web-0",uid="6f2c",container="log"} 1
        kube_pod_container_status_waiting_reason{namespace="shop",pod="web-0",uid="6f2c",container="log",reason="CrashLoopBackOff"} 1
        kube_pod_created{namespace="shop",pod="web-0",uid="6f2c"} 1767323045
        kube_pod_deletion_timestamp{namespace="shop",pod="web-0",uid="6f2c"} 1767326645
        kube_pod_info{namespace="shop",pod="web-0",uid="6f2c",host_ip="192.0.2.1",pod_ip="10.0.0.7",node="node-1",created_by_kind="StatefulSet",created_by_name="web",priority_class="high",host_network="true"} 1
        kube_pod_init_container_info{namespace="shop",pod="web-0",uid="6f2c",container="setup",image_spec="registry.example/setup:1",image="docker.io/setup:1",image_id="sha256:cc",container_id="containerd://c1",restart_policy=""} 1
        kube_pod_init_container_info{namespace="shop",pod="web-0",uid="6f2c",container="proxy",image_spec="registry.example/proxy:3",image="docker.io/proxy:3",image_id="sha256:dd",container_id="containerd://d1",restart_policy="Always"} 1
        kube_pod_init_container_resource_limits{namespace="shop",pod="web-0",uid="6f2c",container="setup",node="node-1",resource="cpu",unit="core"} 2
        kube_pod_init_container_resource_requests{namespace="shop",pod="web-0",uid="6f2c",container="setup",node="node-1",resource="storage",unit="byte"} 1000
        kube_pod_init_container_state_started{namespace="shop",pod="web-0",uid="6f2c",container="setup"} 1767323046
        kube_pod_init_container_state_started{namespace="shop",pod="web-0",uid="6f2c",container="proxy"} 1767323048
        kube_pod_init_container_status_last_terminated_exitcode{namespace="shop",pod="web-0",uid="6f2c",container="setup"} 1
        kube_pod_init_container_status_last_terminated_reason{namespace="shop",pod="web-0",uid="6f2c",container="setup",reason="Error"} 1
        kube_pod_init_container_status_last_terminated_timestamp{namespace="shop",pod="web-0",uid="6f2c",container="setup"} 1767323046
        kube_pod_init_container_status_ready{namespace="shop",pod="web-0",uid="6f2c",container="setup"} 1
        kube_pod_init_container_status_ready{namespace="shop",pod="web-0",uid="6f2c",container="proxy"} 1
        kube_pod_init_container_status_restarts_total{namespace="shop",pod="web-0",uid="6f2c",container="setup"} 1
        kube_pod_init_container_status_restarts_total{namespace="shop",pod="web-0",uid="6f2c",container="proxy"} 0
        kube_pod_init_container_status_running{namespace="shop",pod="web-0",uid="6f2c",container="setup"} 0
        kube_pod_init_container_status_running{namespace="shop",pod="web-0",uid="6f2c",container="proxy"} 1
        kube_pod_init_container_status_terminated{namespace="shop",pod="web-0",uid="6f2c",container="setup"} 1
        kube_pod_init_container_status_terminated{namespace="shop",pod="web-0",uid="6f2c",container="proxy"} 0
        kube_pod_init_container_status_terminated_reason{namespace="shop",pod="web-0",uid="6f2c",container="setup",reason="Completed"} 1
        kube_pod_init_container_status_waiting{namespace="shop",pod="web-0",uid="6f2c",container="setup"} 0
        kube_pod_init_container_status_waiting{namespace="shop",pod="web-0",uid="6f2c",container="proxy"} 0
        kube_pod_ips{namespace="shop",pod="web-0",uid="6f2c",ip="10.0.0.7",ip_family="4"} 1
        kube_pod_ips{namespace="shop",pod="web-0",uid="6f2c",ip="2001:db8::7",ip_family="6"} 1
        kube_pod_ips{namespace="shop",pod="web-0",uid="6f2c",ip="::ffff:10.0.0.9",ip_family="4"} 1
        kube_pod_labels{namespace="shop",pod="web-0",uid="6f2c",label_app="web"} 1
        kube_pod_nodeselectors{namespace="shop",pod="web-0",uid="6f2c",nodeselector_disk="ssd"} 1
        kube_pod_overhead_cpu_cores{namespace="shop",pod="web-0",uid="6f2c"} 0.25
        kube_pod_overhead_memory_bytes{namespace="shop",pod="web-0",uid="6f2c"} 67108864
        kube_pod_owner{namespace="shop",pod="web-0",uid="6f2c",owner_kind="Shop",owner_name="main",owner_is_controller="false"} 1
        kube_pod_owner{namespace="shop",pod="web-0",uid="6f2c",owner_kind="StatefulSet",owner_name="web",owner_is_controller="true"} 1
        kube_pod_resourceclaim_info{namespace="shop",pod="web-0",uid="6f2c",claim_name="gpu",resourceclaim_name="shared-gpu",resourceclaim_template_name=""} 1
        kube_pod_resourceclaim_info{namespace="shop",pod="web-0",uid="6f2c",claim_name="nic",resourceclaim_name="nic-x7",resourceclaim_template_name="nic-template"} 1
        kube_pod_resourceclaim_info{namespace="shop",pod="web-0",uid="6f2c",claim_name="late",resourceclaim_name="",resourceclaim_template_name="late-template"} 1
        kube_pod_restart_policy{namespace="shop",pod="web-0",uid="6f2c",type="Always"} 1
        kube_pod_runtimeclass_name_info{namespace="shop",pod="web-0",uid="6f2c",runtimeclass_name="gvisor"} 1
        kube_pod_scheduler{namespace="shop",pod="web-0",uid="6f2c",name="default-scheduler"} 1
        kube_pod_service_account{namespace="shop",pod="web-0",uid="6f2c",service_account="web"} 1
        kube_pod_spec_volumes_persistentvolumeclaims_info{namespace="shop",pod="web-0",uid="6f2c",volume="data",persistentvolumeclaim="data-web-0",ephemeral="false"} 1
        kube_pod_spec_volumes_persistentvolumeclaims_info{namespace="shop",pod="web-0",uid="6f2c",volume="scratch",persistentvolumeclaim="web-0-scratch",ephemeral="true"} 1
        kube_pod_spec_volumes_persistentvolumeclaims_readonly{namespace="shop",pod="web-0",uid="6f2c",volume="data",persistentvolumeclaim="data-web-0",ephemeral="false"} 1
        kube_pod_spec_volumes_persistentvolumeclaims_readonly{namespace="shop",pod="web-0",uid="6f2c",volume="scratch",persistentvolumeclaim="web-0-scratch",ephemeral="true"} 0
        kube_pod_start_time{namespace="shop",pod="web-0",uid="6f2c"} 1767323046
        kube_pod_status_container_ready_time{namespace="shop",pod="web-0",uid="6f2c"} 1767323048
        kube_pod_status_disruption_reason{namespace="shop",pod="web-0",uid="6f2c",reason="EvictionByEvictionAPI"} 1
        kube_pod_status_initialized_time{namespace="shop",pod="web-0",uid="6f2c"} 1767323047
        kube_pod_status_phase{namespace="shop",pod="web-0",uid="6f2c",phase="Pending"} 0
        kube_pod_status_phase{namespace="shop",pod="web-0",uid="6f2c",phase="Succeeded"} 0
        kube_pod_status_phase{namespace="shop",pod="web-0",uid="6f2c",phase="Failed"} 0
        kube_pod_status_phase{namespace="shop",pod="web-0",uid="6f2c",phase="Unknown"} 0
        kube_pod_status_phase{namespace="shop",pod="web-0",uid="6f2c",phase="Running"} 1
        kube_pod_status_qos_class{namespace="shop",pod="web-0",uid="6f2c",qos_class="BestEffort"} 0
        kube_pod_status_qos_class{namespace="shop",pod="web-0",uid="6f2c",qos_class="Burstable"} 1
        kube_pod_status_qos_class{namespace="shop",pod="web-0",uid="6f2c",qos_class="Guaranteed"} 0
        kube_pod_status_ready{namespace="shop",pod="web-0",uid="6f2c",condition="true"} 1
        kube_pod_status_ready{namespace="shop",pod="web-0",uid="6f2c",condition="false"} 0
        kube_pod_status_ready{namespace="shop",pod="web-0",uid="6f2c",condition="unknown"} 0
        kube_pod_status_ready_time{namespace="shop",pod="web-0",uid="6f2c"} 1767323049
        kube_pod_status_scheduled{namespace="shop",pod="web-0",uid="6f2c",condition="true"} 1
        kube_pod_status_scheduled{namespace="shop",pod="web-0",uid="6f2c",condition="false"} 0
        kube_pod_status_scheduled{namespace="shop",pod="web-0",uid="6f2c",condition="unknown"} 0
        kube_pod_status_scheduled_time{namespace="shop",pod="web-0",uid="6f2c"} 1767323046
        kube_pod_tolerations{namespace="shop",pod="web-0",uid="6f2c",key="node.kubernetes.io/not-ready",operator="Exists",value="",effect="NoExecute",toleration_seconds="300"} 1
        kube_pod_tolerations{namespace="shop",pod="web-0",uid="6f2c",key="dedicated",operator="Equal",value="web",effect="NoSchedule",toleration_seconds=""} 1
        kube_pod_tolerations{namespace="shop",pod="web-0",uid="6f2c",key="",operator="Exists",value="",effect="",toleration_seconds=""} 1
    "#]].assert_eq(&expose_with(&settings, "pods", WEB));
}

#[test]
fn what_is_absent() {
    expect![[r#"
        kube_pod_info{namespace="shop",pod="web",uid="u",host_ip="",pod_ip="",node="",created_by_kind="",created_by_name="",priority_class="",host_network="false"} 1
        kube_pod_owner{namespace="shop",pod="web",uid="u",owner_kind="",owner_name="",owner_is_controller=""} 1
        kube_pod_restart_policy{namespace="shop",pod="web",uid="u",type=""} 1
        kube_pod_scheduler{namespace="shop",pod="web",uid="u",name=""} 1
        kube_pod_service_account{namespace="shop",pod="web",uid="u",service_account=""} 1
    "#]].assert_eq(&expose("pods", "metadata: {name: web, namespace: shop, uid: u}"));
}

#[test]
fn a_pod_that_waits_for_a_node() {
    let yaml = r#"
metadata: {name: web, namespace: shop, uid: u}
spec: {containers: [{name: app, image: web, resources: {requests: {cpu: "1"}}}]}
status:
  phase: Pending
  conditions:
  - {type: PodScheduled, status: "False", reason: Unschedulable, lastTransitionTime: "2026-01-02T03:04:06Z"}
"#;
    let names = "unsch,sched,phase,requests,pod_info,container_info,status_reason,qos,start_time";
    expect![[r#"
        kube_pod_container_resource_requests{namespace="shop",pod="web",uid="u",container="app",node="",resource="cpu",unit="core"} 1
        kube_pod_info{namespace="shop",pod="web",uid="u",host_ip="",pod_ip="",node="",created_by_kind="",created_by_name="",priority_class="",host_network="false"} 1
        kube_pod_scheduler{namespace="shop",pod="web",uid="u",name=""} 1
        kube_pod_status_phase{namespace="shop",pod="web",uid="u",phase="Pending"} 1
        kube_pod_status_phase{namespace="shop",pod="web",uid="u",phase="Succeeded"} 0
        kube_pod_status_phase{namespace="shop",pod="web",uid="u",phase="Failed"} 0
        kube_pod_status_phase{namespace="shop",pod="web",uid="u",phase="Unknown"} 0
        kube_pod_status_phase{namespace="shop",pod="web",uid="u",phase="Running"} 0
        kube_pod_status_scheduled{namespace="shop",pod="web",uid="u",condition="true"} 0
        kube_pod_status_scheduled{namespace="shop",pod="web",uid="u",condition="false"} 1
        kube_pod_status_scheduled{namespace="shop",pod="web",uid="u",condition="unknown"} 0
        kube_pod_status_unschedulable{namespace="shop",pod="web",uid="u"} 1
        kube_pod_status_unscheduled_time{namespace="shop",pod="web",uid="u"} 1767323046
    "#]].assert_eq(&expose_only("pods", names, yaml));
}

#[test]
fn reasons() {
    let yaml = |status: &str| {
        format!("metadata: {{name: web, namespace: shop, uid: u}}\nstatus: {{{status}}}\n")
    };
    let exposed = |status: &str| expose_only("pods", "status_reason,disruption", &yaml(status));
    expect![[r#"
        kube_pod_status_reason{namespace="shop",pod="web",uid="u",reason="Evicted"} 1
    "#]]
    .assert_eq(&exposed("reason: Evicted"));
    expect![[r#"
        kube_pod_status_reason{namespace="shop",pod="web",uid="u",reason="Other"} 1
    "#]]
    .assert_eq(&exposed("reason: OutOfcpu"));
    expect![[r#"
        kube_pod_status_reason{namespace="shop",pod="web",uid="u",reason="SchedulingGated"} 1
        kube_pod_status_reason{namespace="shop",pod="web",uid="u",reason="Shutdown"} 1
        kube_pod_status_reason{namespace="shop",pod="web",uid="u",reason="Other"} 1
    "#]].assert_eq(&exposed(
        "reason: OutOfcpu, conditions: [{type: PodScheduled, status: \"False\", reason: SchedulingGated}], \
         containerStatuses: [{name: a, state: {terminated: {reason: Shutdown}}}], \
         initContainerStatuses: [{name: b, state: {terminated: {reason: NodeLost}}}]",
    ));
    expect![[r#"
        kube_pod_status_disruption_reason{namespace="shop",pod="web",uid="u",reason="DeletionByPodGC"} 1
        kube_pod_status_disruption_reason{namespace="shop",pod="web",uid="u",reason="Other"} 1
    "#]].assert_eq(&exposed(
        "conditions: [{type: DisruptionTarget, status: \"False\", reason: DeletionByPodGC}, \
         {type: DisruptionTarget, reason: Odd}]",
    ));
}

#[test]
fn a_pod_that_is_done() {
    let yaml = r#"
metadata: {name: job, namespace: shop, uid: u}
status:
  phase: Succeeded
  containerStatuses:
  - {name: a, state: {terminated: {exitCode: 0, reason: Completed, startedAt: "2026-01-02T03:04:06Z", finishedAt: "2026-01-02T03:04:07Z"}}}
  - {name: b, state: {terminated: {exitCode: 0, startedAt: null, finishedAt: "2026-01-02T03:04:09Z"}}}
  - {name: c, state: {running: {}}}
  initContainerStatuses:
  - {name: d, state: {terminated: {exitCode: 0, finishedAt: "2026-01-02T03:05:00Z"}}}
"#;
    expect![[r#"
        kube_pod_completion_time{namespace="shop",pod="job",uid="u"} 1767323049
        kube_pod_container_state_started{namespace="shop",pod="job",uid="u",container="a"} 1767323046
        kube_pod_container_state_started{namespace="shop",pod="job",uid="u",container="b"} -62135596800
        kube_pod_container_state_started{namespace="shop",pod="job",uid="u",container="c"} -62135596800
        kube_pod_container_status_terminated{namespace="shop",pod="job",uid="u",container="a"} 1
        kube_pod_container_status_terminated{namespace="shop",pod="job",uid="u",container="b"} 1
        kube_pod_container_status_terminated{namespace="shop",pod="job",uid="u",container="c"} 0
        kube_pod_container_status_terminated_reason{namespace="shop",pod="job",uid="u",container="a",reason="Completed"} 1
        kube_pod_container_status_terminated_reason{namespace="shop",pod="job",uid="u",container="b",reason=""} 1
        kube_pod_init_container_state_started{namespace="shop",pod="job",uid="u",container="d"} -62135596800
        kube_pod_init_container_status_terminated{namespace="shop",pod="job",uid="u",container="d"} 1
        kube_pod_init_container_status_terminated_reason{namespace="shop",pod="job",uid="u",container="d",reason=""} 1
    "#]].assert_eq(&expose_only("pods", "completion,terminated,started", yaml));
}

#[test]
fn zero_times() {
    let yaml = r#"
metadata: {name: web, namespace: shop, uid: u, creationTimestamp: null}
status:
  startTime: null
  conditions: [{type: Ready, status: "True", lastTransitionTime: null}, {type: Ready, status: "True"}]
  containerStatuses:
  - {name: a, state: {running: {startedAt: null}}, lastState: {terminated: {exitCode: 1}}}
"#;
    expect![[r#"
        kube_pod_container_state_started{namespace="shop",pod="web",uid="u",container="a"} -62135596800
        kube_pod_container_status_last_terminated_timestamp{namespace="shop",pod="web",uid="u",container="a"} -62135596800
        kube_pod_status_ready_time{namespace="shop",pod="web",uid="u"} -62135596800
    "#]].assert_eq(&expose_only("pods", "created,_time,started,timestamp", yaml));
}

#[test]
fn statuses_without_a_container_and_the_other_way_round() {
    let yaml = r#"
metadata: {name: web, namespace: shop, uid: u}
spec: {containers: [{name: new, image: web}]}
status: {phase: Odd, qosClass: Odd, containerStatuses: [{name: old, ready: true, restartCount: 2}]}
"#;
    let names = "container_info,status_ready,restarts,running,waiting,terminated,phase,qos";
    expect![[r#"
        kube_pod_container_status_ready{namespace="shop",pod="web",uid="u",container="old"} 1
        kube_pod_container_status_restarts_total{namespace="shop",pod="web",uid="u",container="old"} 2
        kube_pod_container_status_running{namespace="shop",pod="web",uid="u",container="old"} 0
        kube_pod_container_status_terminated{namespace="shop",pod="web",uid="u",container="old"} 0
        kube_pod_container_status_waiting{namespace="shop",pod="web",uid="u",container="old"} 0
        kube_pod_status_phase{namespace="shop",pod="web",uid="u",phase="Pending"} 0
        kube_pod_status_phase{namespace="shop",pod="web",uid="u",phase="Succeeded"} 0
        kube_pod_status_phase{namespace="shop",pod="web",uid="u",phase="Failed"} 0
        kube_pod_status_phase{namespace="shop",pod="web",uid="u",phase="Unknown"} 0
        kube_pod_status_phase{namespace="shop",pod="web",uid="u",phase="Running"} 0
        kube_pod_status_qos_class{namespace="shop",pod="web",uid="u",qos_class="BestEffort"} 0
        kube_pod_status_qos_class{namespace="shop",pod="web",uid="u",qos_class="Burstable"} 0
        kube_pod_status_qos_class{namespace="shop",pod="web",uid="u",qos_class="Guaranteed"} 0
    "#]].assert_eq(&expose_only("pods", names, yaml));
}

#[test]
fn escapes() {
    let yaml = "metadata: {name: \"a\\\\b\", namespace: \"c\\\"d\", uid: \"e\\nf\"}\nspec: {schedulerName: \"x\\\"y\"}";
    expect![[r#"
        kube_pod_scheduler{namespace="c\"d",pod="a\\b",uid="e\nf",name="x\"y"} 1
    "#]]
    .assert_eq(&expose_only("pods", "scheduler", yaml));
}

#[test]
fn large_quantities() {
    let yaml = r#"
metadata: {name: web, namespace: shop, uid: u}
spec:
  containers:
  - {name: a, resources: {limits: {cpu: 10E, memory: 10E, example.com/x: 12345678901234567890}}}
"#;
    expect![[r#"
        kube_pod_container_resource_limits{namespace="shop",pod="web",uid="u",container="a",node="",resource="cpu",unit="core"} 1e+19
        kube_pod_container_resource_limits{namespace="shop",pod="web",uid="u",container="a",node="",resource="example_com_x",unit="integer"} 1.2345678901234567e+19
        kube_pod_container_resource_limits{namespace="shop",pod="web",uid="u",container="a",node="",resource="memory",unit="byte"} 1e+19
    "#]].assert_eq(&expose_only("pods", "limits", yaml));
}
