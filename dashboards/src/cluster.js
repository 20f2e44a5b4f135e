// @ts-check
/** Cluster: what Kubernetes should run and does not, and what room is left. */
import { ANY_IS_BAD, ANY_IS_ODD, BAD, OK, WARN, graph, rising, stat, table } from './panels.js';
import { HERE, cell, page, to } from './page.js';
import { CONTAINER, K, M, noneOf, podNode, podProblems, podWorkload } from './queries.js';

const NS = `${K}, namespace=~"$namespace"`;
/** Pods that take up room. */
const ALIVE = `max by (cluster, namespace, pod) (kube_pod_status_phase{${K}, phase=~"Pending|Running"} == 1)`;
/** @param {string} resource @param {string} by */
const requests = (resource, by) => `sum by (${by}) (max by (cluster, namespace, pod, container, node) (kube_pod_container_resource_requests{${K}, node!="", resource="${resource}"})
  * on (cluster, namespace, pod) group_left () ${ALIVE})`;
/** @param {string} resource @param {string} by */
const allocatable = (resource, by) => `sum by (${by}) (max by (cluster, node) (kube_node_status_allocatable{${K}, resource="${resource}"}))`;
const namespace = { from: 'namespace', as: 'Namespace', width: 130 };
/** What is there against what is wanted, for a kind of workload. @param {string} kind @param {string} label @param {string} value */
const workloads = (kind, label, value) => `max by (cluster, namespace, workload, kind) (label_replace(label_replace(${value}, "workload", "$1", "${label}", "(.+)"), "kind", "${kind}", "", ""))`;
const wanted = [
  workloads('Deployment', 'deployment', `kube_deployment_spec_replicas{${NS}}`),
  workloads('StatefulSet', 'statefulset', `kube_statefulset_replicas{${NS}}`),
  workloads('DaemonSet', 'daemonset', `kube_daemonset_status_desired_number_scheduled{${NS}}`),
].join(' or ');
const ready = [
  workloads('Deployment', 'deployment', `kube_deployment_status_replicas_available{${NS}}`),
  workloads('StatefulSet', 'statefulset', `kube_statefulset_status_replicas_ready{${NS}}`),
  workloads('DaemonSet', 'daemonset', `kube_daemonset_status_number_available{${NS}}`),
].join(' or ');
const updated = [
  workloads('Deployment', 'deployment', `kube_deployment_status_replicas_updated{${NS}}`),
  workloads('StatefulSet', 'statefulset', `kube_statefulset_status_replicas_updated{${NS}}`),
  workloads('DaemonSet', 'daemonset', `kube_daemonset_status_updated_number_scheduled{${NS}}`),
].join(' or ');
const on = 'on (cluster, namespace, workload, kind)';

export default page('cluster', {
  title: 'Cluster',
  about: 'What a cluster should run and does not, and what room is left on its nodes and in its quotas.',
  variables: ['cluster', 'job', 'namespace'],
  panels: [
    stat({
      title: 'Nodes not ready', w: 3, h: 4, steps: ANY_IS_BAD, expr: `sum(max by (cluster, node) (kube_node_status_condition{${K}, condition="Ready", status!="true"}))`, url: to('fleet'),
      help: 'Nodes that are not ready. Pods on them count as lost after five minutes.',
    }),
    stat({
      title: 'Short of pods', w: 3, h: 4, steps: ANY_IS_BAD, expr: `count((${wanted}) > ${on} (${ready})) ${noneOf('deployments')}`,
      help: 'Deployments, StatefulSets and DaemonSets with fewer available pods than they should have. During a rollout that is normal for minutes.',
    }),
    stat({
      title: 'Pods pending', w: 3, h: 4, steps: ANY_IS_ODD, expr: `sum(max by (cluster, namespace, pod) (kube_pod_status_phase{${NS}, phase="Pending"}))`,
      help: 'Pods whose containers were not started yet. More than a minute: no node takes them, or an image or volume is missing; the table of pods says which.',
    }),
    stat({
      title: 'Failed jobs', w: 3, h: 4, steps: ANY_IS_ODD, expr: `sum(max by (cluster, namespace, job_name) (kube_job_failed{${NS}, condition="true"})) ${noneOf('jobs')}`,
      help: 'Jobs that have given up. They stand here until they are deleted; ttlSecondsAfterFinished does that by itself.',
    }),
    stat({
      title: 'Claims not bound', w: 3, h: 4, steps: ANY_IS_ODD, expr: `sum(max by (cluster, namespace, persistentvolumeclaim, phase) (kube_persistentvolumeclaim_status_phase{${NS}, phase!="Bound"})) ${noneOf('persistentvolumeclaims')}`,
      help: 'Claims for volumes that nothing fulfils, or whose volume is lost. Pods that use them do not start.',
    }),
    stat({
      title: 'CPU asked for', w: 3, h: 4, unit: 'percentunit', decimals: 0, steps: rising(0.8, 0.95), expr: `(sum(${requests('cpu', 'cluster')}) or vector(0)) / sum(${allocatable('cpu', 'cluster')})`,
      help: 'Requests of all pods that have a node, as a share of what the nodes can give. Near 100 % new pods find no node; what is left may be in pieces too small.',
    }),
    stat({
      title: 'Memory asked for', w: 3, h: 4, unit: 'percentunit', decimals: 0, steps: rising(0.8, 0.95), expr: `(sum(${requests('memory', 'cluster')}) or vector(0)) / sum(${allocatable('memory', 'cluster')})`,
      help: 'Requests of all pods as a share of what the nodes can give.',
    }),
    stat({
      title: 'API server last heard', w: 3, h: 4, unit: 's', decimals: 0, steps: rising(180, 300), expr: `max(hybrid_watch_age_seconds{${M}})`, none: 'no watch', url: to('exporter'),
      help: 'How old the oldest of the exporters’ views of the cluster is. They are refreshed each minute or so even when nothing changes; beyond three minutes the API server is away, or a part of it.',
    }),
    table({
      title: 'Workloads short of pods, or not rolled out', w: 12, h: 9, sort: 'Missing', none: 'Every workload has its pods.',
      queries: [
        `((${wanted}) - ${on} (${ready})) > 0 or (((${wanted}) - ${on} (${updated})) > 0) * 0`,
        `(${wanted}) and ${on} ((${wanted}) > ${on} (${ready}) or (${wanted}) > ${on} (${updated}))`,
        `((${updated}) and ${on} ((${wanted}) > ${on} (${ready}) or (${wanted}) > ${on} (${updated})))`,
      ],
      columns: [
        namespace, { from: 'workload', as: 'Workload', url: to('workload', { namespace: cell('Namespace'), workload: HERE }) }, { from: 'kind', as: 'Kind', width: 110 },
        { from: 'A', as: 'Missing', width: 85, steps: ANY_IS_BAD }, { from: 'B', as: 'Wanted', width: 80 }, { from: 'C', as: 'Updated', width: 85 },
      ],
      help: 'Missing pods are wanted and not available. Updated below wanted for long: a rollout is stuck, kubectl rollout status says on what; kubectl rollout undo goes back.',
    }),
    table({
      title: 'Pods: problems now', w: 12, h: 9, none: 'No pod has a problem.', sort: 'Namespace', asc: true,
      queries: [podProblems(NS)],
      columns: [
        namespace, { from: 'pod', as: 'Pod', url: to('workload', { namespace: cell('Namespace'), pod: HERE }) }, { from: 'problem', as: 'Problem', width: 180 },
        { from: 'container', as: 'Container', width: 100 }, { from: 'node', as: 'Node', width: 150, url: to('node', { node: HERE }) },
      ],
      help: 'Pods that cannot run, and why, in Kubernetes’ words. Many on one node: it is the node.',
    }),
    { row: 'Room' },
    graph({
      title: 'CPU', w: 12, h: 8, unit: 'none', dashed: '/can be given/',
      queries: [
        [`sum by (cluster) (rate(container_cpu_usage_seconds_total{${M}, ${CONTAINER}}[$__rate_interval]))`, 'used by containers {{cluster}}'],
        [requests('cpu', 'cluster'), 'requests {{cluster}}'], [allocatable('cpu', 'cluster'), 'can be given {{cluster}}'],
      ],
      help: 'In CPUs. A wide gap between requests and use is money; requests near what can be given is a cluster that takes nothing new.',
    }),
    graph({
      title: 'Memory', w: 12, h: 8, unit: 'bytes', dashed: '/can be given/',
      queries: [
        [`sum by (cluster) (container_memory_working_set_bytes{${M}, ${CONTAINER}})`, 'used by containers {{cluster}}'],
        [requests('memory', 'cluster'), 'requests {{cluster}}'], [allocatable('memory', 'cluster'), 'can be given {{cluster}}'],
      ],
      help: 'Use above requests is borrowed: when a node runs short, those pods are evicted first.',
    }),
    table({
      title: 'Nodes', w: 12, h: 9, sort: 'Memory asked',
      queries: [
        `max by (cluster, node) (kube_node_status_condition{${K}, condition="Ready", status="true"})`,
        `count by (cluster, node) (${podNode(K)}) / on (cluster, node) ${allocatable('pods', 'cluster, node')}`,
        `${requests('cpu', 'cluster, node')} / on (cluster, node) ${allocatable('cpu', 'cluster, node')}`,
        `${requests('memory', 'cluster, node')} / on (cluster, node) ${allocatable('memory', 'cluster, node')}`,
        `max by (cluster, node) (kube_node_spec_unschedulable{${K}})`,
        `count by (cluster, node) (max by (cluster, node, key, effect) (kube_node_spec_taint{${K}}))`,
      ],
      columns: [
        { from: 'node', as: 'Node', url: to('node', { node: HERE }) },
        { from: 'A', as: 'State', width: 85, mapped: [{ value: 1, text: 'ready', color: OK }, { value: 0, text: 'not ready', color: BAD }] },
        { from: 'E', as: 'Takes pods', width: 95, mapped: [{ value: 0, text: 'yes', color: OK }, { value: 1, text: 'cordoned', color: WARN }] },
        { from: 'F', as: 'Taints', width: 70 },
        { from: 'B', as: 'Pods', unit: 'percentunit', decimals: 0, width: 70, steps: rising(0.8, 0.95) },
        { from: 'C', as: 'CPU asked', unit: 'percentunit', decimals: 0, width: 120, bar: true, max: 1, steps: rising(0.8, 0.95) },
        { from: 'D', as: 'Memory asked', unit: 'percentunit', decimals: 0, width: 120, bar: true, max: 1, steps: rising(0.8, 0.95) },
      ],
      help: 'What of each node is promised to pods. Click a node for the machine below it.',
    }),
    table({
      title: 'Quotas', w: 12, h: 9, sort: 'Used', none: 'No namespace has a quota.',
      queries: [
        `max by (cluster, namespace, resourcequota, resource) (kube_resourcequota{${NS}, type="used"}) / (max by (cluster, namespace, resourcequota, resource) (kube_resourcequota{${NS}, type="hard"}) > 0)`,
        `max by (cluster, namespace, resourcequota, resource) (kube_resourcequota{${NS}, type="hard"})`,
      ],
      columns: [
        namespace, { from: 'resourcequota', as: 'Quota', width: 120 }, { from: 'resource', as: 'Resource' },
        { from: 'A', as: 'Used', unit: 'percentunit', decimals: 0, bar: true, max: 1, width: 160, steps: rising(0.8, 1) }, { from: 'B', as: 'Limit', unit: 'short', width: 90 },
      ],
      help: 'How much of its quota each namespace has used. At 100 % new pods are refused, and a rollout stands still without any pod that would tell why.',
    }),
    { row: 'Over time' },
    graph({
      title: 'Pods by phase', w: 8, h: 9, stack: true,
      queries: [[`sum by (phase) (max by (cluster, namespace, pod, phase) (kube_pod_status_phase{${NS}})) > 0`, '{{phase}}']],
      help: 'A growing band of Pending is a full cluster; one of Failed, jobs or evictions; Unknown, nodes that are gone.',
    }),
    graph({
      title: 'Restarts a minute', w: 8, h: 9, bars: true, stack: true, none: 'No restarts in this time.',
      queries: [[`label_replace(topk(10, sum by (namespace, workload) (
        sum by (cluster, namespace, pod) (rate(kube_pod_container_status_restarts_total{${NS}}[$__rate_interval]))
        * on (cluster, namespace, pod) group_left (workload) ${podWorkload(NS)}) * 60 > 0), "workload", "pods of their own", "workload", "")`, '{{namespace}}/{{workload}}']],
      help: 'Containers that were started again. All replicas of one workload at once: its code, its configuration, or what it depends on.',
    }),
    graph({
      title: 'Largest namespaces, memory', w: 8, h: 9, unit: 'bytes',
      queries: [[`topk(10, sum by (namespace) (container_memory_working_set_bytes{${M}, ${CONTAINER}, namespace=~"$namespace"}))`, '{{namespace}}']],
      help: 'Working set of the containers, the ten largest namespaces at each moment.',
    }),
    { row: 'Jobs, scaling, operators' },
    table({
      title: 'Jobs and CronJobs', w: 12, h: 8, sort: 'Last success', none: 'No CronJobs, no failed Jobs.',
      queries: [
        `max by (cluster, namespace, name) (label_replace(kube_job_failed{${NS}, condition="true"} == 1, "name", "$1", "job_name", "(.+)"))`,
        `1000 * max by (cluster, namespace, name) (label_replace(kube_cronjob_status_last_successful_time{${NS}}, "name", "$1", "cronjob", "(.+)"))`,
        `1000 * max by (cluster, namespace, name) (label_replace(kube_cronjob_next_schedule_time{${NS}}, "name", "$1", "cronjob", "(.+)"))`,
      ],
      columns: [
        { ...namespace, width: 100 }, { from: 'name', as: 'Name' }, { from: 'A', as: 'Failed', width: 80, mapped: [{ value: 1, text: 'failed', color: BAD }] },
        { from: 'B', as: 'Last success', unit: 'dateTimeAsIso', width: 160 }, { from: 'C', as: 'Next', unit: 'dateTimeAsIso', width: 160 },
      ],
      help: 'Jobs that failed, and when each CronJob last succeeded and is to run next. A last success older than two of its intervals is a job that silently does not do its work.',
    }),
    table({
      title: 'Autoscalers', w: 12, h: 8, sort: 'Of most', none: 'No autoscalers.',
      queries: [
        `max by (cluster, namespace, horizontalpodautoscaler) (kube_horizontalpodautoscaler_status_current_replicas{${NS}}) / max by (cluster, namespace, horizontalpodautoscaler) (kube_horizontalpodautoscaler_spec_max_replicas{${NS}})`,
        `max by (cluster, namespace, horizontalpodautoscaler) (kube_horizontalpodautoscaler_status_desired_replicas{${NS}})`,
        `max by (cluster, namespace, horizontalpodautoscaler) (kube_horizontalpodautoscaler_spec_max_replicas{${NS}})`,
        `max by (cluster, namespace, horizontalpodautoscaler) (kube_horizontalpodautoscaler_status_condition{${NS}, condition="ScalingActive", status="true"})`,
      ],
      columns: [
        { ...namespace, width: 100 }, { from: 'horizontalpodautoscaler', as: 'Autoscaler' },
        { from: 'A', as: 'Of most', unit: 'percentunit', decimals: 0, width: 80, steps: [[1, WARN]] }, { from: 'B', as: 'Wants', width: 70 }, { from: 'C', as: 'Most', width: 70 },
        { from: 'D', as: 'Works', width: 70, mapped: [{ value: 1, text: 'yes', color: OK }, { value: 0, text: 'no', color: BAD }] },
      ],
      help: 'At its most, an autoscaler cannot follow the load any further. “Works: no” means that it gets no metrics and holds still: kubectl describe hpa.',
    }),
    table({
      title: 'Custom resources not ready', w: 24, h: 7, sort: 'Kind', asc: true, none: 'Every custom resource with a Ready condition is ready.',
      queries: [`max by (cluster, namespace, kind, name, condition, status) (hybrid_custom_resource_condition{${K}, namespace=~"$namespace|", condition=~"Ready|Available|Synced|Healthy", status!="true"})`],
      columns: [{ from: 'kind', as: 'Kind', width: 120 }, { ...namespace, width: 100 }, { from: 'name', as: 'Name' }, { from: 'condition', as: 'Condition', width: 90 }, { from: 'status', as: 'Is', width: 80 }],
      help: 'What operators say of what they run: databases, certificates, pipelines. Look at the resource’s conditions (kubectl describe), then at its operator’s pod.',
    }),
  ],
});
