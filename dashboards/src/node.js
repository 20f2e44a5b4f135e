// @ts-check
/** Node: a node of Kubernetes as one thing: its host, its kubelet and what runs on it, on one page. */
import { ANY_IS_BAD, BAD, OK, WARN, graph, rising, stat, states, table } from './panels.js';
import { HERE, cell, page, to } from './page.js';
import { CONTAINER, K, M, SEVERITY, cpuUsed, memoryUsed, problems, waiting } from './queries.js';

/** The node as a machine. */
const H = `${M}, instance="$node"`;
const N = `${K}, node="$node"`;
const here = { instance: '${node}' };
/** Pods of this node, of the chosen namespaces. */
const HERE_PODS = `max by (cluster, namespace, pod) (kube_pod_info{${N}, namespace=~"$namespace"})`;
/** @param {string} expr */
const ofHere = (expr) => `${expr} * on (cluster, namespace, pod) ${HERE_PODS}`;
/** What the pods that run here asked for. @param {string} resource @param {string} [kind] */
const asked = (resource, kind = 'requests') => `sum(max by (cluster, namespace, pod, container) (kube_pod_container_resource_${kind}{${N}, resource="${resource}"})
  * on (cluster, namespace, pod) group_left () max by (cluster, namespace, pod) (kube_pod_status_phase{${K}, phase=~"Pending|Running"} == 1))`;
/** @param {string} resource */
const allocatable = (resource) => `max(kube_node_status_allocatable{${N}, resource="${resource}"})`;
const IN = `${H}, ${CONTAINER}`;
/** What makes a machine a node. */
const SERVICES = `systemd_unit_state{${H}, state="active", name=~"kubelet.*\\\\.service|containerd\\\\.service|crio\\\\.service|docker\\\\.service"}`;

export default page('node', {
  title: 'Node',
  about: 'A node of Kubernetes: what the cluster says of it, what the machine says, and what runs on it.',
  variables: ['cluster', 'job', 'node', 'namespace'],
  panels: [
    stat({
      title: 'Ready', w: 3, h: 4, expr: `max(kube_node_status_condition{${N}, condition="Ready", status="true"})`,
      mapped: [{ value: 1, text: 'ready', color: OK }, { value: 0, text: 'not ready', color: BAD }],
      help: 'What Kubernetes thinks of the node. Not ready while the exporter is up: the kubelet or its way to the API server is at fault, look at its unit below. Both down: the machine or its network.',
    }),
    stat({
      title: 'Exporter', w: 3, h: 4, expr: `min(up{${H}})`, url: to('host', here), mapped: [{ value: 1, text: 'up', color: OK }, { value: 0, text: 'down', color: BAD }],
      help: 'Whether the exporter on the node answers Prometheus: the machine’s own sign of life, which needs no API server.',
    }),
    stat({
      title: 'Takes pods', w: 3, h: 4, expr: `max(kube_node_spec_unschedulable{${N}})`, mapped: [{ value: 0, text: 'yes', color: OK }, { value: 1, text: 'cordoned', color: WARN }],
      help: 'Cordoned: somebody, or a tool, keeps new pods away. kubectl uncordon ends it.',
    }),
    stat({
      title: 'Pods', w: 3, h: 4, unit: 'percentunit', decimals: 0, steps: rising(0.8, 0.95), expr: `(count(${HERE_PODS}) or vector(0)) / ${allocatable('pods')}`,
      help: 'Pods as a share of those that the node may have. At 100 % it takes none, whatever resources are left.',
    }),
    stat({
      title: 'CPU used', w: 3, h: 4, unit: 'percentunit', decimals: 0, expr: cpuUsed(H), steps: rising(0.8, 0.95), line: true, url: to('host', here),
      help: 'Share of the machine’s CPUs that worked, pods and system together.',
    }),
    stat({
      title: 'Memory used', w: 3, h: 4, unit: 'percentunit', decimals: 0, expr: memoryUsed(H), steps: rising(0.85, 0.95), line: true, url: to('host', here),
      help: 'Share of memory that is not to be had without swapping. Near 100 % the kubelet evicts pods, then the kernel kills.',
    }),
    stat({
      title: 'Failed units', w: 3, h: 4, expr: `sum(systemd_unit_state{${H}, state="failed"})`, steps: ANY_IS_BAD, url: to('units', here), none: 'no systemd',
      help: 'Failed units of the host. Click for which.',
    }),
    stat({
      title: 'Errors, 15 min', w: 3, h: 4, decimals: 0, expr: `sum(increase(hybrid_journal_errors_total{${H}}[15m]))`, steps: rising(20, 200), url: to('journal', here), none: 'no journal',
      help: 'Errors in the host’s journal, the kubelet’s and the runtime’s among them. Click for who wrote them.',
    }),
    table({
      title: 'Problems now', w: 12, h: 8, sort: 'Severity', none: 'No problem.',
      queries: [problems(H, N)],
      columns: [{ from: 'Value', as: 'Severity', width: 90, mapped: SEVERITY }, { from: 'problem', as: 'Problem', width: 240 }, { from: 'object', as: 'With' }],
      help: 'What is wrong with the machine and with the node, together. What the machine says is usually the cause of what Kubernetes says.',
    }),
    states({
      title: 'Conditions', w: 12, h: 8,
      queries: [
        [`1 - max by (condition) (kube_node_status_condition{${N}, condition="Ready", status="true"})`, '{{condition}}'],
        [`max by (condition) (kube_node_status_condition{${N}, condition!="Ready", status="true"})`, '{{condition}}'],
        [`1 - min(up{${H}})`, 'exporter'],
        // A unit that is not enabled is forgotten when it stops: it ran within the hour, and says nothing more.
        [`1 - max by (name) (${SERVICES}) or max by (name) (max_over_time(${SERVICES}[1h]) == 1) and on () max(up{${H}}) == 1`, '{{name}}'],
        [`1 - max by (upstream) (hybrid_upstream_up{${H}})`, '{{upstream}} answers'],
        [`max by (condition) (hybrid_kernel_condition{${H}})`, 'kernel: {{condition}}'],
      ],
      mapped: [{ value: 0, text: 'fine', color: OK }, { value: 1, text: 'bad', color: BAD }],
      help: 'When it began, in order: the conditions that Kubernetes knows, the units that make the node, whether the kubelet and others here answer the exporter, the kernel’s conditions. What turned red first is the cause.',
    }),
    { row: 'Who has what' },
    graph({
      title: 'CPU: used, asked for, there', w: 12, h: 9, unit: 'none', dashed: '/requests|can be given|limits/',
      queries: [
        [`sum(rate(container_cpu_usage_seconds_total{${IN}}[$__rate_interval]))`, 'used by containers'],
        [`(${cpuUsed(H)}) * on () group_left () count(count by (cpu) (node_cpu_seconds_total{${H}}))`, 'used by all'],
        [asked('cpu'), 'requests'], [asked('cpu', 'limits'), 'limits'], [allocatable('cpu'), 'can be given'],
      ],
      help: 'In CPUs. “All” far above “containers”: the host itself works, see its units below. Requests near what can be given: no new pod fits, however idle the machine is.',
    }),
    graph({
      title: 'Memory: used, asked for, there', w: 12, h: 9, unit: 'bytes', dashed: '/requests|can be given|limits/',
      queries: [
        [`sum(container_memory_working_set_bytes{${IN}})`, 'used by containers'],
        [`max(node_memory_MemTotal_bytes{${H}} - node_memory_MemAvailable_bytes{${H}})`, 'used by all'],
        [asked('memory'), 'requests'], [asked('memory', 'limits'), 'limits'], [allocatable('memory'), 'can be given'],
      ],
      help: 'Limits above what can be given are promises that cannot all be kept: under pressure pods above their requests are evicted first.',
    }),
    table({
      title: 'Pods here', w: 24, h: 10, sort: 'CPU', none: 'No pods here.',
      queries: [
        `sum by (cluster, namespace, pod) (rate(container_cpu_usage_seconds_total{${IN}, namespace=~"$namespace"}[$__rate_interval]))`,
        `sum by (cluster, namespace, pod) (container_memory_working_set_bytes{${IN}, namespace=~"$namespace"})`,
        `max by (cluster, namespace, pod) (max by (cluster, namespace, pod, container) (container_memory_working_set_bytes{${IN}, namespace=~"$namespace"})
          / (max by (cluster, namespace, pod, container) (container_spec_memory_limit_bytes{${IN}, namespace=~"$namespace"}) > 0))`,
        `max by (cluster, namespace, pod) (rate(container_cpu_cfs_throttled_periods_total{${IN}, namespace=~"$namespace"}[$__rate_interval])
          / (rate(container_cpu_cfs_periods_total{${IN}, namespace=~"$namespace"}[$__rate_interval]) > 0))`,
        ofHere(`sum by (cluster, namespace, pod) (max by (cluster, namespace, pod, container) (kube_pod_container_status_restarts_total{${K}}))`),
        ofHere(`max by (cluster, namespace, pod) (kube_pod_status_ready{${K}, condition="true"})`),
        `${HERE_PODS} * on (cluster, namespace, pod) group_right () max by (cluster, namespace, pod, phase) (kube_pod_status_phase{${K}} == 1)`,
      ],
      columns: [
        { from: 'namespace', as: 'Namespace', width: 140 }, { from: 'pod', as: 'Pod', url: to('workload', { namespace: cell('Namespace'), pod: HERE }) },
        { from: 'phase', as: 'Phase', width: 100, mapped: [{ value: 'Running', text: 'Running', color: OK }, { value: 'Pending', text: 'Pending', color: WARN }, { value: 'Failed', text: 'Failed', color: BAD }, { value: 'Unknown', text: 'Unknown', color: BAD }] },
        { from: 'F', as: 'Ready', width: 80, mapped: [{ value: 1, text: 'yes', color: OK }, { value: 0, text: 'no', color: WARN }] },
        { from: 'E', as: 'Restarts', width: 90, decimals: 0, steps: rising(1, 10) },
        { from: 'A', as: 'CPU', unit: 'none', decimals: 3, width: 90 }, { from: 'D', as: 'Throttled', unit: 'percentunit', decimals: 0, width: 100, steps: rising(0.25, 0.5) },
        { from: 'B', as: 'Memory', unit: 'bytes', decimals: 1, width: 110 }, { from: 'C', as: 'Of its limit', unit: 'percentunit', decimals: 0, width: 160, bar: true, max: 1, steps: rising(0.8, 0.95) },
      ],
      help: 'What runs here: CPU in CPUs, memory as working set and as a share of the limit of the container nearest to it. Throttled: share of periods in which the CPU limit held it up.',
    }),
    { row: 'What makes the node' },
    graph({
      title: 'Who waits', w: 8, h: 9, unit: 'percentunit', steps: rising(0.2, 0.5), none: 'This kernel has no pressure stall information.',
      queries: [[waiting(H, 'cpu'), 'CPU'], [waiting(H, 'memory'), 'memory'], [waiting(H, 'io'), 'disk']],
      help: 'Share of time in which something on the machine waited (PSI). The kubelet and the runtime wait too: a node that flaps between ready and not ready is often a node whose disk is slow.',
    }),
    graph({
      title: 'Units of the host, CPU', w: 8, h: 9, unit: 'none', none: 'Needs --systemd.collector.enable-resources.',
      queries: [[`topk(8, sum by (unit) (rate(hybrid_unit_cpu_seconds_total{${H}}[$__rate_interval])))`, '{{unit}}']],
      help: 'CPUs that services of the host use, the kubelet and the runtime among them; pods are not. What it uses beyond what was reserved (--system-reserved, --kube-reserved) is missing for pods.',
    }),
    graph({
      title: 'Errors of the host by unit', w: 8, h: 9, bars: true, stack: true, url: to('journal', here), none: 'No errors in this time.',
      queries: [[`topk(8, sum by (unit) (rate(hybrid_journal_unit_entries_total{${H}, priority=~"emerg|alert|crit|err"}[$__rate_interval])) * 60 > 0)`, '{{unit}}']],
      help: 'Errors a minute in the host’s journal. The kubelet’s and the runtime’s tell why pods do not start.',
    }),
    graph({
      title: 'Kubelet: how long its work takes', w: 8, h: 9, unit: 's', steps: [[3, BAD]], none: 'Needs the kubelet’s metrics.',
      queries: [
        [`histogram_quantile(0.99, sum by (le) (rate(kubelet_pleg_relist_duration_seconds_bucket{${N}}[$__rate_interval]))) >= 0`, 'look at all pods, p99'],
        [`histogram_quantile(0.99, sum by (le) (rate(kubelet_pod_worker_duration_seconds_bucket{${N}}[$__rate_interval]))) >= 0`, 'bring a pod to its state, p99'],
      ],
      help: 'Above 3 s for the look at all pods (PLEG) the runtime is slow or stuck; at 3 minutes the node becomes not ready. Look at containerd’s or CRI-O’s unit and the disk.',
    }),
    table({
      title: 'Volumes', w: 8, h: 9, sort: 'Used', none: 'Needs the kubelet’s metrics, and claims in use here.',
      queries: [
        `max by (namespace, persistentvolumeclaim) (kubelet_volume_stats_used_bytes{${N}, namespace=~"$namespace"} / kubelet_volume_stats_capacity_bytes{${N}, namespace=~"$namespace"})`,
        `min by (namespace, persistentvolumeclaim) (kubelet_volume_stats_available_bytes{${N}, namespace=~"$namespace"})`,
      ],
      columns: [
        { from: 'namespace', as: 'Namespace', width: 110 }, { from: 'persistentvolumeclaim', as: 'Claim' },
        { from: 'A', as: 'Used', unit: 'percentunit', decimals: 0, width: 110, bar: true, max: 1, steps: rising(0.8, 0.9) }, { from: 'B', as: 'Left', unit: 'bytes', decimals: 1, width: 90 },
      ],
      help: 'How full the volumes of pods on this node are. A claim whose class allows it is made larger by its spec.resources; others need a new volume.',
    }),
    graph({
      title: 'Restarts and kills a minute', w: 8, h: 9, bars: true, stack: true, none: 'None in this time.',
      queries: [
        [`topk(8, sum by (namespace, pod) (rate(kube_pod_container_status_restarts_total{${K}, namespace=~"$namespace"}[$__rate_interval])
          * on (cluster, namespace, pod) group_left () ${HERE_PODS}) * 60 > 0)`, '{{namespace}}/{{pod}}'],
        [`sum by (reason) (rate(hybrid_kernel_problems_total{${H}, reason="OOMKilling"}[$__rate_interval])) * 60 > 0`, 'kernel: {{reason}}'],
      ],
      help: 'Containers that were started again, and kills for want of memory, in time. Together: the limit of that container is too small.',
    }),
    graph({
      title: 'Kubelet: calls of the runtime that failed, a minute', w: 12, h: 9, bars: true, stack: true, none: 'None in this time, or the kubelet does not answer.',
      queries: [[`topk(8, sum by (operation_type) (rate(kubelet_runtime_operations_errors_total{${N}}[$__rate_interval])) * 60 > 0)`, '{{operation_type}}']],
      help: 'What the kubelet asked containerd or CRI-O for in vain. Of pulling images: a name or a secret that is wrong, or the registry. Of anything else: the runtime’s own journal says why.',
    }),
    graph({
      title: 'etcd: how long its writes take, p99', w: 12, h: 9, unit: 's', steps: [[0.2, BAD]], none: 'No etcd here.',
      queries: [
        [`histogram_quantile(0.99, sum by (le) (rate(etcd_disk_wal_fsync_duration_seconds_bucket{${H}}[$__rate_interval]))) >= 0`, 'log (WAL fsync)'],
        [`histogram_quantile(0.99, sum by (le) (rate(etcd_disk_backend_commit_duration_seconds_bucket{${H}}[$__rate_interval]))) >= 0`, 'backend commit'],
      ],
      help: 'Where this node has an etcd. 10 ms is healthy; above 200 ms heartbeats are late and every write of the cluster waits. It is the disk, or somebody else on it: see the host’s page.',
    }),
  ],
});
