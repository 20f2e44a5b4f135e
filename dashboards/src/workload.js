// @ts-check
/** Workload: the pods of one Deployment, StatefulSet, DaemonSet or Job, or one pod: do they run, why not, what do they use. */
import { ANY_IS_BAD, BAD, OK, WARN, graph, rising, stat, states, table } from './panels.js';
import { HERE, cell, page, to } from './page.js';
import { CONTAINER, K, M, counted, podNode, podWorkload } from './queries.js';

const NS = `${K}, namespace="$namespace"`;
/** Objects of the chosen pods. */
const P = `${NS}, pod=~"$pod"`;
/** Containers of the chosen pods. */
const C = `${M}, namespace="$namespace", pod=~"$pod", ${CONTAINER}`;
const BY = 'by (pod, container)';
/** @param {string} kind @param {string} resource */
const resources = (kind, resource) => `max ${BY} (kube_pod_container_resource_${kind}{${P}, resource="${resource}"})`;
/** Pods by their uid, as the kernel's kills name them. */
const UIDS = `max by (cluster, uid, pod) (kube_pod_info{${P}})`;
/** The machines that they are on. */
const NODES = `label_replace(${podNode(P)}, "instance", "$1", "node", "(.+)")`;
/** @param {string} reason @param {string} color */
const why = (reason, color) => ({ value: reason, text: reason, color });

export default page('workload', {
  title: 'Workload and pod',
  about: 'The pods of one workload, or one pod: whether they run, why not, and what they use of what they may.',
  variables: ['cluster', 'job', 'oneNamespace', ['workload', {
    label: 'Workload', query: `query_result(group by (workload) (${podWorkload(NS)}))`, regex: '/workload="([^"]+)"/', all: '.*', multi: true,
    describe: 'What owns the pods; a ReplicaSet’s Deployment in its place.',
  }], ['pod', {
    // The expression cannot choose by a label that it made; the pattern here does.
    label: 'Pod', query: `query_result(group by (chosen, pod) (label_replace(${podWorkload(NS)}, "chosen", "yes", "workload", "$workload")))`,
    regex: '/chosen="yes".*pod="([^"]+)"/', all: true, multi: true, describe: 'The pods that there are now.',
  }]],
  panels: [
    stat({
      title: 'Pods ready', w: 4, h: 4, unit: 'percentunit', decimals: 0, base: BAD, steps: [[0.5, WARN], [1, OK]],
      expr: `sum(max by (pod) (kube_pod_status_ready{${P}, condition="true"})) / sum(max by (pod) (kube_pod_status_phase{${P}, phase!="Succeeded"}))`,
      help: 'Share of the chosen pods that are ready to serve, those that are done left out. Pods that run and are not ready fail their readiness probe.',
    }),
    stat({
      title: 'Restarts, 1 h', w: 4, h: 4, decimals: 0, steps: rising(1, 5), expr: `round(sum(increase(kube_pod_container_status_restarts_total{${P}}[1h])))`,
      help: 'Containers that were started again in the last hour. How the last one ended stands in the table: an exit code is the program’s, OOMKilled the memory limit’s.',
    }),
    stat({
      title: 'OOM kills, 1 h', w: 4, h: 4, decimals: 0, steps: ANY_IS_BAD,
      expr: `round(sum(sum by (cluster, uid) (${counted(`hybrid_kernel_oom_kills_total{${M}, uid!=""}`, '1h')}) * on (cluster, uid) group_left () ${UIDS}))
        or 0 * max(hybrid_kernel_problems_total{${M}, reason="OOMKilling"} and on (cluster, instance) ${NODES})`,
      help: 'Processes of these pods that the kernel killed for want of memory, as the kernel’s own log tells: also those whose container is long gone. Raise the limit or find the leak.',
    }),
    stat({
      title: 'Nearest to CPU limit', w: 4, h: 4, unit: 'percentunit', decimals: 0, steps: rising(0.8, 0.95), none: 'no limit',
      expr: `max(sum ${BY} (rate(container_cpu_usage_seconds_total{${C}}[$__rate_interval])) / on (pod, container) ${resources('limits', 'cpu')})`,
      help: 'CPU of the container that is nearest to its limit. At the limit it is held up: see “Held up by the CPU limit”.',
    }),
    stat({
      title: 'Nearest to memory limit', w: 4, h: 4, unit: 'percentunit', decimals: 0, steps: rising(0.8, 0.95), none: 'no limit',
      expr: `max(max ${BY} (container_memory_working_set_bytes{${C}}) / on (pod, container) ${resources('limits', 'memory')})`,
      help: 'Working set of the container that is nearest to its limit. At the limit the kernel kills it.',
    }),
    stat({
      title: 'Errors on their nodes, 15 min', w: 4, h: 4, decimals: 0, steps: rising(20, 200),
      expr: `round(sum(increase(hybrid_journal_errors_total{${M}}[15m]) and on (cluster, instance) ${NODES}))`,
      help: 'Errors in the journals of the nodes on which these pods run. Where pods on one node only are in trouble, open that node from the table.',
    }),
    table({
      title: 'Containers', w: 24, h: 9, sort: 'Restarts',
      queries: [
        `max by (cluster, namespace, pod, container) (kube_pod_container_status_ready{${P}}) * on (cluster, namespace, pod) group_left (node) ${podNode(P)}
          or on (cluster, namespace, pod, container) max by (cluster, namespace, pod, container) (kube_pod_container_status_ready{${P}})`,
        `max by (cluster, namespace, pod, container) (kube_pod_container_status_restarts_total{${P}})`,
        `max by (cluster, namespace, pod, container, waits) (label_replace(kube_pod_container_status_waiting_reason{${P}} == 1, "waits", "$1", "reason", "(.+)"))`,
        `max by (cluster, namespace, pod, container, ended) (label_replace(kube_pod_container_status_last_terminated_reason{${P}} == 1, "ended", "$1", "reason", "(.+)"))`,
        `max by (cluster, namespace, pod, container) (kube_pod_container_status_last_terminated_exitcode{${P}})`,
        `1000 * max by (cluster, namespace, pod, container) (kube_pod_container_state_started{${P}})`,
      ],
      columns: [
        { from: 'pod', as: 'Pod', url: to('workload', { namespace: cell('Namespace'), pod: HERE }) }, { from: 'container', as: 'Container', width: 120 },
        { from: 'A', as: 'Ready', width: 70, mapped: [{ value: 1, text: 'yes', color: OK }, { value: 0, text: 'no', color: BAD }] },
        { from: 'B', as: 'Restarts', width: 90, steps: rising(1, 10) },
        { from: 'waits', as: 'Waits for', width: 170, mapped: ['CrashLoopBackOff', 'ImagePullBackOff', 'ErrImagePull', 'CreateContainerConfigError', 'CreateContainerError', 'InvalidImageName'].map((reason) => why(reason, BAD)) },
        { from: 'ended', as: 'Ended before by', width: 140, mapped: [why('OOMKilled', BAD), why('Error', WARN), why('ContainerCannotRun', BAD)] },
        { from: 'E', as: 'Exit code', width: 90 }, { from: 'F', as: 'Runs since', unit: 'dateTimeAsIso', width: 180 },
        { from: 'node', as: 'Node', width: 180, url: to('node', { node: HERE }) }, { from: 'namespace', as: 'Namespace', width: 110 },
      ],
      help: 'Each container: whether it is ready, why it waits, and how it ended before. Exit 137 is a kill (OOMKilled: memory limit; else the kubelet or a person), 143 a stop that was asked for, 1 and others are the program’s own: kubectl logs --previous.',
    }),
    states({
      title: 'Pods over time', w: 24, h: 8,
      queries: [[`(0 * max by (pod) (kube_pod_container_status_waiting_reason{${P}, reason=~"CrashLoopBackOff|.*Err.*|.*BackOff"} == 1)
        or 0 * max by (pod) (kube_pod_status_phase{${P}, phase="Pending"} == 1) + 1
        or 0 * max by (pod) (kube_pod_status_phase{${P}, phase="Failed"} == 1) + 2
        or 0 * max by (pod) (kube_pod_status_phase{${P}, phase="Succeeded"} == 1) + 5
        or 0 * max by (pod) (kube_pod_status_ready{${P}, condition="true"} == 1) + 4
        or 0 * max by (pod) (kube_pod_info{${P}}) + 3)`, '{{pod}}']],
      mapped: [
        { value: 0, text: 'stuck', color: BAD }, { value: 1, text: 'pending', color: 'orange' }, { value: 2, text: 'failed', color: BAD },
        { value: 3, text: 'not ready', color: WARN }, { value: 4, text: 'ready', color: OK }, { value: 5, text: 'done', color: 'light-blue' },
      ],
      help: 'When it began, and whether all pods at once or one after the other. All at once: a rollout, a configuration, something they share. One: its node or its data.',
    }),
    { row: 'What they use' },
    graph({
      title: 'CPU', w: 12, h: 8, unit: 'none', dashed: '/^(smallest limit|largest request)$/',
      queries: [
        [`topk(10, sum by (pod) (rate(container_cpu_usage_seconds_total{${C}}[$__rate_interval])))`, '{{pod}}'],
        [`min(sum by (pod) (${resources('limits', 'cpu')}))`, 'smallest limit'], [`max(sum by (pod) (${resources('requests', 'cpu')}))`, 'largest request'],
      ],
      help: 'CPUs by pod, with what one of them asks for and may have. Far below the request: it asks for too much. At the limit: it is held up.',
    }),
    graph({
      title: 'Memory', w: 12, h: 8, unit: 'bytes', dashed: '/^(smallest limit|largest request)$/',
      queries: [
        [`topk(10, sum by (pod) (container_memory_working_set_bytes{${C}}))`, '{{pod}}'],
        [`min(sum by (pod) (${resources('limits', 'memory')}))`, 'smallest limit'], [`max(sum by (pod) (${resources('requests', 'memory')}))`, 'largest request'],
      ],
      help: 'Working set by pod. A saw-tooth that ends at the limit is a leak and its kills.',
    }),
    graph({
      title: 'Held up by the CPU limit', w: 8, h: 9, unit: 'percentunit', max: 1, steps: [[0.25, WARN]], none: 'No CPU limits.',
      queries: [[`topk(10, max ${BY} (rate(container_cpu_cfs_throttled_periods_total{${C}}[$__rate_interval]) / (rate(container_cpu_cfs_periods_total{${C}}[$__rate_interval]) > 0)))`, '{{pod}} {{container}}']],
      help: 'Share of periods of 100 ms in which the container had used up its CPU limit and had to stop. It matters where answers are slow: raise the limit or remove it.',
    }),
    graph({
      title: 'Who waits', w: 8, h: 9, unit: 'percentunit', none: 'Needs control groups version 2 with pressure stall information.',
      queries: [
        [`topk(5, max ${BY} (rate(container_pressure_cpu_waiting_seconds_total{${C}}[$__rate_interval])))`, 'CPU {{pod}} {{container}}'],
        [`topk(5, max ${BY} (rate(container_pressure_memory_waiting_seconds_total{${C}}[$__rate_interval])))`, 'memory {{pod}} {{container}}'],
        [`topk(5, max ${BY} (rate(container_pressure_io_waiting_seconds_total{${C}}[$__rate_interval])))`, 'disk {{pod}} {{container}}'],
      ],
      help: 'Share of time in which something in the container waited for CPU, memory or disk (PSI). Unlike “held up” it also tells waiting for other pods of the node.',
    }),
    graph({
      title: 'Network', w: 8, h: 9, unit: 'Bps', mirror: '/sent$/',
      queries: [
        [`topk(5, sum by (pod) (rate(container_network_receive_bytes_total{${M}, namespace="$namespace", pod=~"$pod"}[$__rate_interval])))`, '{{pod}} received'],
        [`topk(5, sum by (pod) (rate(container_network_transmit_bytes_total{${M}, namespace="$namespace", pod=~"$pod"}[$__rate_interval])))`, '{{pod}} sent'],
      ],
      help: 'Received upwards, sent downwards, by pod. A pod that gets nothing while its siblings do is not behind its Service: not ready, or its labels do not match.',
    }),
    graph({
      title: 'Restarts a minute', w: 12, h: 7, bars: true, stack: true, none: 'No restarts in this time.',
      queries: [[`topk(10, sum ${BY} (rate(kube_pod_container_status_restarts_total{${P}}[$__rate_interval])) * 60 > 0)`, '{{pod}} {{container}}']],
      help: 'Containers that were started again. Ever wider gaps are Kubernetes’ back-off, up to five minutes.',
    }),
    graph({
      title: 'Disk', w: 12, h: 7, unit: 'Bps', mirror: '/written$/', none: 'No disk was used, or the control groups do not count it.',
      queries: [
        [`topk(5, sum by (pod) (rate(container_fs_reads_bytes_total{${C}}[$__rate_interval])))`, '{{pod}} read'],
        [`topk(5, sum by (pod) (rate(container_fs_writes_bytes_total{${C}}[$__rate_interval])))`, '{{pod}} written'],
      ],
      help: 'Read upwards, written downwards, by pod, of block devices.',
    }),
  ],
});
