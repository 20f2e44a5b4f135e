// @ts-check
/**
 * What several pages ask: which series are meant, how much of a machine is used, and what is wrong right now.
 *
 * `instance` is the machine, `cluster` tells equal names of two clusters apart. Objects of Kubernetes are not chosen by job and
 * are taken once (`max by`), so that a kube-state-metrics beside this exporter doubles nothing; its target labels say nothing
 * about an object and never come through.
 */

/** Series of the chosen machines. */
export const M = 'cluster=~"$cluster", job=~"$job"';
/** Series of the one machine that a page is about. */
export const I = `${M}, instance="$instance"`;
/** Objects of the chosen clusters. */
export const K = 'cluster=~"$cluster"';
/** Filesystems that can fill up. */
export const REAL = 'fstype!~"tmpfs|ramfs|overlay|squashfs|iso9660|nsfs"';
/** Containers themselves: neither the pod's group nor the one that holds its network. */
export const CONTAINER = 'container!="", container!="POD"';

const BY = 'by (cluster, instance)';

/** Used share of the CPUs. @param {string} m */
export const cpuUsed = (m) => `1 - avg ${BY} (sum by (cluster, instance, cpu) (
  rate(node_cpu_seconds_total{${m}, mode=~"idle|iowait|steal"}[$__rate_interval])))`;

/** Share of memory that is not to be had without swapping. @param {string} m */
export const memoryUsed = (m) => `1 - max ${BY} (node_memory_MemAvailable_bytes{${m}}) / max ${BY} (node_memory_MemTotal_bytes{${m}})`;

/** Used share of what others than root may use, by filesystem. @param {string} m @param {string} by */
export const filesystemUsed = (m, by) => `1 - min by (${by}) (node_filesystem_avail_bytes{${m}, ${REAL}})
  / max by (${by}) (node_filesystem_size_bytes{${m}, ${REAL}} > 0)`;

/** Share of the time in which somebody waited for a resource. @param {string} m @param {string} resource */
export const waiting = (m, resource) => `clamp_max(max ${BY} (rate(node_pressure_${resource}_waiting_seconds_total{${m}}[$__rate_interval])), 1)`;

/** Collectors that failed, apart from those that have nothing to read. @param {string} m */
export const failedCollectors = (m) => `(node_scrape_collector_success{${m}} == 0)
  unless on (cluster, job, instance, collector) (hybrid_scrape_collector_no_data{${m}} == 1)`;

/** Sources that are down; what a machine does not have has no row. @param {string} m */
export const lostSources = (m) => `hybrid_source_up{${m}} == 0`;

/** What was counted in a time, a series' first count too, which increase() does not see. @param {string} series @param {string} time */
export const counted = (series, time) => `((${series} unless ${series} offset ${time}) or increase(${series}[${time}]))`;

/** Behind a count: none of them, where the objects of a kind are served. Where nobody serves them it is not known. @param {string} resource */
export const noneOf = (resource) => `or 0 * max(hybrid_watch_objects{${K}, resource="${resource}"})`;

/** Where each pod is. @param {string} k */
export const podNode = (k) => `max by (cluster, namespace, pod, node) (kube_pod_info{${k}, node!=""})`;

/** Reasons for which a container waits that do not go away by waiting. */
export const STUCK = 'reason=~"CrashLoopBackOff|ImagePullBackOff|ErrImagePull|InvalidImageName|CreateContainerConfigError|CreateContainerError|RunContainerError"';

/** The workload of each pod: what owns it, a Deployment in its ReplicaSet's place; empty for a pod on its own. @param {string} k */
export const podWorkload = (k) => `(
  max by (cluster, namespace, pod, workload) (
    max by (cluster, namespace, pod, replicaset) (label_replace(kube_pod_owner{${k}, owner_kind="ReplicaSet"}, "replicaset", "$1", "owner_name", "(.+)"))
    * on (cluster, namespace, replicaset) group_left (workload)
    max by (cluster, namespace, replicaset, workload) (label_replace(kube_replicaset_owner{${k}, owner_kind!=""}, "workload", "$1", "owner_name", "(.+)")))
  or on (cluster, namespace, pod) max by (cluster, namespace, pod, workload) (
    label_replace(kube_pod_owner{${k}}, "workload", "$1", "owner_name", "(.*)")))`;

/** @param {string} expr @param {number} severity @param {string} problem @param {string} [label] what the problem is with */
const problem = (expr, severity, problem, label) => {
  const named = `label_replace(${expr}, "problem", "${problem}", "", "")`;
  const about = label ? `label_replace(${named}, "object", "$1", "${label}", "(.+)")` : named;
  return `0 * max by (cluster, instance, problem, object) (${about}) + ${severity}`;
};

/**
 * What is wrong with machines now, without any rule being loaded: rows of machine, problem, object; 2 is bad, 1 deserves a look.
 * @param {string} m the machines @param {string} nodes their nodes, as Kubernetes knows them
 */
export function problems(m, nodes) {
  const node = (/** @type {string} */ expr) => `label_replace(${expr}, "instance", "$1", "node", "(.+)")`;
  return [
    problem(`(up{${m}} == 0)`, 2, 'is not scraped', 'job'),
    problem(node(`(kube_node_status_condition{${nodes}, condition="Ready", status!="true"} == 1)`), 2, 'node is not ready', 'status'),
    problem(node(`(kube_node_status_condition{${nodes}, condition!="Ready", status="true"} == 1)`), 2, 'node condition', 'condition'),
    problem(`(hybrid_kernel_condition{${m}} == 1)`, 2, 'kernel condition', 'reason'),
    problem(`(increase(hybrid_kernel_problems_total{${m}}[15m]) > 0)`, 2, 'kernel problem in 15 min', 'reason'),
    problem(`(systemd_unit_state{${m}, state="failed"} == 1)`, 2, 'unit failed', 'name'),
    problem(`(increase(hybrid_unit_restarts_total{${m}}[15m]) > 2)`, 1, 'unit restarts again and again', 'unit'),
    problem(`(topk by (cluster, instance, device) (1, ${filesystemUsed(m, 'cluster, instance, device, mountpoint')}) > 0.9)`, 2, 'filesystem is nearly full', 'mountpoint'),
    problem(`(node_filesystem_files_free{${m}, ${REAL}} / (node_filesystem_files{${m}, ${REAL}} > 0) < 0.1)`, 2, 'inodes are nearly used up', 'mountpoint'),
    problem(`(${memoryUsed(m)} > 0.95)`, 2, 'memory is nearly used up'),
    problem(`(rate(node_pressure_memory_stalled_seconds_total{${m}}[$__rate_interval]) > 0.1)`, 2, 'stands still for want of memory'),
    problem(`(node_timex_sync_status{${m}} == 0)`, 1, 'clock is not synchronised'),
    problem(`(node_nf_conntrack_entries{${m}} / node_nf_conntrack_entries_limit{${m}} > 0.9)`, 2, 'connection table is nearly full'),
    problem(`(node_md_disks{${m}, state="failed"} > 0)`, 2, 'disk of an array failed', 'device'),
    problem(`(${lostSources(m)})`, 1, 'exporter lost a source', 'source'),
    problem(`(${failedCollectors(m)})`, 1, 'collector failed', 'collector'),
  ].join('\nor ');
}

/** What is wrong with pods now: rows of namespace, pod, container, problem, node. @param {string} k */
export function podProblems(k) {
  const placed = (/** @type {string} */ expr) => `(${expr}) * on (cluster, namespace, pod) group_left (node) ${podNode(k)}`;
  const why = (/** @type {string} */ expr) => `label_replace(${expr}, "problem", "$1", "reason", "(.+)")`;
  const named = (/** @type {string} */ expr, /** @type {string} */ text) => `label_replace(${expr}, "problem", "${text}", "", "")`;
  return [
    placed(`max by (cluster, namespace, pod, container, problem) (${why(`(kube_pod_container_status_waiting_reason{${k}, ${STUCK}} == 1)`)})`),
    placed(`max by (cluster, namespace, pod, container, problem) (${why(`(kube_pod_init_container_status_waiting_reason{${k}, ${STUCK}} == 1)`)})`),
    `max by (cluster, namespace, pod, problem) (${named(`(kube_pod_status_unschedulable{${k}} == 1)`, 'no node takes it')})`,
    placed(`max by (cluster, namespace, pod, problem) (${why(`(kube_pod_status_reason{${k}, reason!="Shutdown"} == 1)`)})`),
    placed(`max by (cluster, namespace, pod, container, problem) (${named(`(increase(kube_pod_container_status_restarts_total{${k}}[15m]) > 2)`, 'restarts again and again')}) * 0 + 1`),
  ].join('\nor ');
}

/** How bad. */
export const SEVERITY = [{ value: 2, text: 'bad', color: 'red' }, { value: 1, text: 'look', color: 'yellow' }];
