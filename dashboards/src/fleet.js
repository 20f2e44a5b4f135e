// @ts-check
/** Fleet: the first page. Which machine, which pod, is it one or all of them, and where to look next. */
import { ANY_IS_BAD, ANY_IS_ODD, BAD, OK, WARN, graph, rising, stat, states, table } from './panels.js';
import { HERE, cell, page, to } from './page.js';
import { CONTAINER, K, M, SEVERITY, STUCK, cpuUsed, filesystemUsed, memoryUsed, noneOf, podProblems, problems, waiting } from './queries.js';

const BY = 'by (cluster, instance)';
const MACHINES = `min ${BY} (up{${M}})`;
const NOT_READY = `(kube_node_status_condition{${K}, condition="Ready", status!="true"} == 1)`;
/** Nodes as machines. @param {string} expr */
const asMachine = (expr) => `max ${BY} (label_replace(${expr}, "instance", "$1", "node", "(.+)"))`;
const machine = { from: 'instance', as: 'Machine', width: 190, url: to('host', { cluster: cell('Cluster'), instance: HERE }) };
const clusterColumn = { from: 'cluster', as: 'Cluster', width: 100 };

export default page('fleet', {
  title: 'Fleet',
  about: 'Every host and every node, in a cluster or in none: what is wrong now, where, and the way to the page about it.',
  variables: ['cluster', 'job'],
  panels: [
    stat({
      title: 'Machines down', w: 3, h: 4, expr: `count(${MACHINES} == 0) or vector(0)`, steps: ANY_IS_BAD,
      help: 'Machines whose exporter does not answer Prometheus. Look at the table below for which; if the machine answers ping, look at the exporter’s unit or pod, else at its power and network.',
    }),
    stat({
      title: 'Machines up', w: 3, h: 4, expr: `count(${MACHINES} == 1)`,
      help: 'Machines whose exporter answers. A number below what you own means targets that Prometheus was never told of.',
    }),
    stat({
      title: 'Nodes not ready', w: 3, h: 4, expr: `count(max by (cluster, node) (${NOT_READY})) ${noneOf('nodes')}`, steps: ANY_IS_BAD,
      help: 'Nodes that Kubernetes does not call ready: pods leave them after five minutes. Open the node’s page from the table of machines.',
    }),
    stat({
      title: 'Failed units', w: 3, h: 4, expr: `sum(max by (cluster, instance, name) (systemd_unit_state{${M}, state="failed"}))`, steps: ANY_IS_BAD,
      url: to('units'),
      help: 'Units of systemd in the state failed, on all machines. They stay so until they are started again or reset (systemctl reset-failed).',
    }),
    stat({
      title: 'Containers stuck', w: 3, h: 4, expr: `count(max by (cluster, namespace, pod, container) (kube_pod_container_status_waiting_reason{${K}, ${STUCK}} == 1)) ${noneOf('pods')}`, steps: ANY_IS_BAD,
      url: to('cluster'),
      help: 'Containers that crash in a loop or cannot be started: a missing image, a wrong configuration. The table of pods below says which and why.',
    }),
    stat({
      title: 'Pods without a node', w: 3, h: 4, expr: `sum(max by (cluster, namespace, pod) (kube_pod_status_unschedulable{${K}})) ${noneOf('nodes')}`, steps: ANY_IS_ODD,
      help: 'Pods that no node takes: too little of some resource, a taint, an affinity, an unbound claim. kubectl describe pod says which.',
    }),
    stat({
      title: 'Kernel problems, 1 h', w: 3, h: 4, expr: `round(sum(increase(hybrid_kernel_problems_total{${M}}[1h])))`, steps: ANY_IS_ODD, url: to('journal'), decimals: 0,
      help: 'Complaints of kernels in the last hour: OOM kills, I/O errors, hung tasks, full tables. The Journal page says which reason and device.',
    }),
    stat({
      title: 'Alerts', w: 3, h: 4, expr: 'count(ALERTS{alertstate="firing", alertname!~"Watchdog|InfoInhibitor"}) or vector(0)', steps: ANY_IS_ODD,
      help: 'Alerts of Prometheus that fire, all rules taken together, the watchdog left out. The table below lists them.',
    }),
    table({
      title: 'Machines: problems now', w: 12, h: 9, sort: 'Severity', none: 'No machine has a problem.',
      queries: [problems(M, K)],
      columns: [
        { from: 'Value', as: 'Severity', width: 80, mapped: SEVERITY }, machine,
        { from: 'problem', as: 'Problem', width: 200 }, { from: 'object', as: 'With' }, clusterColumn,
      ],
      help: 'What is wrong on each machine, found from the numbers themselves: no rule needs to be loaded. Begin with the red rows; click the machine for its page.',
    }),
    table({
      title: 'Pods: problems now', w: 12, h: 9, sort: 'Namespace', asc: true, none: 'No pod has a problem.',
      queries: [podProblems(K)],
      columns: [
        { from: 'namespace', as: 'Namespace', width: 110, url: to('cluster', { cluster: cell('Cluster'), namespace: HERE }) },
        { from: 'pod', as: 'Pod', width: 190, url: to('workload', { cluster: cell('Cluster'), namespace: cell('Namespace'), pod: HERE }) },
        { from: 'problem', as: 'Problem', width: 170 }, { from: 'container', as: 'Container', width: 90 },
        { from: 'node', as: 'Node', url: to('node', { cluster: cell('Cluster'), node: HERE }) }, clusterColumn,
      ],
      help: 'Pods that cannot run, and why, in Kubernetes’ words. Many on one node: open the node. Many of one workload: open the pod.',
    }),
    table({
      title: 'Machines', w: 24, h: 10, sort: 'CPU',
      queries: [
        `min ${BY} (up{${M}})`,
        asMachine(`kube_node_status_condition{${K}, condition="Ready", status="true"}`),
        cpuUsed(M), memoryUsed(M),
        `max ${BY} (${filesystemUsed(M, 'cluster, instance, mountpoint')})`,
        waiting(M, 'cpu'), waiting(M, 'memory'), waiting(M, 'io'),
        `sum ${BY} (systemd_unit_state{${M}, state="failed"})`,
        `sum ${BY} (increase(hybrid_journal_errors_total{${M}}[15m]))`,
        `time() - max ${BY} (node_boot_time_seconds{${M}})`,
      ],
      columns: [
        machine, clusterColumn,
        { from: 'A', as: 'State', width: 70, mapped: [{ value: 1, text: 'up', color: OK }, { value: 0, text: 'down', color: BAD }] },
        { from: 'B', as: 'Node', width: 90, mapped: [{ value: 1, text: 'ready', color: OK }, { value: 0, text: 'not ready', color: BAD }], url: to('node', { cluster: cell('Cluster'), node: cell('Machine') }) },
        { from: 'C', as: 'CPU', unit: 'percentunit', decimals: 0, bar: true, max: 1, steps: rising(0.8, 0.95) },
        { from: 'D', as: 'Memory', unit: 'percentunit', decimals: 0, bar: true, max: 1, steps: rising(0.85, 0.95) },
        { from: 'E', as: 'Fullest disk', unit: 'percentunit', decimals: 0, bar: true, max: 1, steps: rising(0.8, 0.9) },
        { from: 'F', as: 'Waits: CPU', width: 100, unit: 'percentunit', decimals: 1, steps: rising(0.2, 0.5) },
        { from: 'G', as: 'memory', width: 90, unit: 'percentunit', decimals: 1, steps: rising(0.05, 0.2) },
        { from: 'H', as: 'disk', width: 80, unit: 'percentunit', decimals: 1, steps: rising(0.2, 0.5) },
        { from: 'I', as: 'Failed units', width: 100, steps: ANY_IS_BAD, url: to('units', { cluster: cell('Cluster'), instance: cell('Machine') }) },
        { from: 'J', as: 'Errors, 15 min', width: 115, decimals: 0, steps: rising(20, 200), url: to('journal', { cluster: cell('Cluster'), instance: cell('Machine') }) },
        { from: 'K', as: 'Up for', width: 100, unit: 'dtdurations', decimals: 0 },
      ],
      help: 'One row a machine. Node is empty for a host outside of Kubernetes. “Waits” is the share of time in which something waited for the resource (PSI): high with a low use means a limit or a slow device. Click the machine, its node state, its failed units or its errors for the page about them.',
    }),
    states({
      title: 'Machines over time', w: 12, h: 9,
      queries: [[`(
        0 * (${MACHINES} == 0)
        or 0 * ${asMachine(NOT_READY)} + 1
        or 0 * max ${BY} (systemd_unit_state{${M}, state="failed"} == 1) + 2
        or 0 * ${MACHINES} + 3
      ) and on (cluster, instance) bottomk(30, min ${BY} (avg_over_time(up{${M}}[$__range] @ end())))`, '{{instance}}']],
      mapped: [
        { value: 0, text: 'down', color: BAD }, { value: 1, text: 'not ready', color: 'orange' },
        { value: 2, text: 'failed units', color: WARN }, { value: 3, text: 'up', color: OK },
      ],
      help: 'When did it begin, and did several begin together? The 30 machines that were down for longest in this time; several at the same moment share a cause: a switch, a hypervisor, a rollout.',
    }),
    table({
      title: 'Alerts firing', w: 12, h: 9, sort: 'Severity', asc: true, none: 'No alert fires.',
      queries: [`max by (cluster, severity, alertname, machine, namespace, pod, unit) (label_replace(label_replace(
        ALERTS{alertstate="firing", alertname!~"Watchdog|InfoInhibitor"}, "machine", "$1", "instance", "(.+)"), "machine", "$1", "node", "(.+)"))`],
      columns: [
        { from: 'severity', as: 'Severity', width: 85, mapped: [{ value: 'critical', text: 'critical', color: BAD }, { value: 'warning', text: 'warning', color: WARN }] },
        { from: 'alertname', as: 'Alert', width: 170 },
        { from: 'machine', as: 'Machine', width: 160, url: to('host', { instance: HERE }) },
        { from: 'namespace', as: 'Namespace', width: 100 }, { from: 'pod', as: 'Pod' }, { from: 'unit', as: 'Unit' },
      ],
      help: 'Alerts of Prometheus that fire. Alertmanager decides who is told; what is inhibited or silenced there is listed here all the same.',
    }),
    { row: 'Who uses most' },
    table({
      title: 'Units', w: 12, h: 9, sort: 'CPU', none: 'Needs --systemd.collector.enable-resources.',
      queries: [
        `topk(15, sum by (cluster, instance, unit) (rate(hybrid_unit_cpu_seconds_total{${M}}[$__rate_interval])))`,
        `sum by (cluster, instance, unit) (hybrid_unit_memory_bytes{${M}})
          and topk(15, sum by (cluster, instance, unit) (rate(hybrid_unit_cpu_seconds_total{${M}}[$__rate_interval])))`,
      ],
      columns: [
        { from: 'unit', as: 'Unit', url: to('units', { cluster: cell('Cluster'), instance: cell('Machine'), unit: HERE }) }, machine,
        { from: 'A', as: 'CPU', unit: 'none', decimals: 3, width: 90 }, { from: 'B', as: 'Memory', unit: 'bytes', decimals: 1, width: 110 }, clusterColumn,
      ],
      help: 'The 15 services that use most CPU (in CPUs) on all machines, with their memory. A service that was not here yesterday is where to begin.',
    }),
    table({
      title: 'Pods', w: 12, h: 9, sort: 'CPU', none: 'No containers.',
      queries: [
        `topk(15, sum by (cluster, instance, namespace, pod) (rate(container_cpu_usage_seconds_total{${M}, ${CONTAINER}}[$__rate_interval])))`,
        `sum by (cluster, instance, namespace, pod) (container_memory_working_set_bytes{${M}, ${CONTAINER}})
          and topk(15, sum by (cluster, instance, namespace, pod) (rate(container_cpu_usage_seconds_total{${M}, ${CONTAINER}}[$__rate_interval])))`,
      ],
      columns: [
        { from: 'pod', as: 'Pod', url: to('workload', { cluster: cell('Cluster'), namespace: cell('Namespace'), pod: HERE }) },
        { from: 'namespace', as: 'Namespace', width: 110 }, { ...machine, width: 160 },
        { from: 'A', as: 'CPU', unit: 'none', decimals: 3, width: 80 }, { from: 'B', as: 'Memory', unit: 'bytes', decimals: 1, width: 100 }, clusterColumn,
      ],
      help: 'The 15 pods that use most CPU (in CPUs) on all nodes, with their working set.',
    }),
    graph({
      title: 'Journal errors by machine', w: 24, h: 8, unit: 'short', url: to('journal', { instance: '${__field.labels.instance}' }),
      queries: [[`topk(15, sum ${BY} (rate(hybrid_journal_errors_total{${M}}[$__rate_interval]))) * 60`, '{{instance}}']],
      help: 'Entries of priority err and worse a minute, the 15 machines with most of them. A step on one machine is a local fault; on all of them at once, something they share.',
    }),
  ],
});
