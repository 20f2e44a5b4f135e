// @ts-check
/** Exporter: what the exporters themselves cost, and whether what they say is whole and true. */
import { ANY_IS_BAD, ANY_IS_ODD, BAD, OK, WARN, graph, rising, stat, states, table } from './panels.js';
import { HERE, page, to } from './page.js';
import { M, failedCollectors, lostSources } from './queries.js';

const E = `${M}, instance=~"$instance"`;
const BY = 'by (cluster, instance)';
const machine = { from: 'instance', as: 'Machine', url: to('host', { instance: HERE }) };

export default page('exporter', {
  title: 'Exporter',
  about: 'The exporters themselves: whether they are up, what they cost, and what is missing from what they serve.',
  variables: ['cluster', 'job', 'machines'],
  panels: [
    stat({
      title: 'Down', w: 4, h: 4, steps: ANY_IS_BAD, expr: `count(min ${BY} (up{${E}}) == 0) or vector(0)`,
      help: 'Exporters that do not answer Prometheus.',
    }),
    stat({
      title: 'Failing collectors', w: 4, h: 4, steps: ANY_IS_ODD, expr: `count(${failedCollectors(E)}) or vector(0)`,
      help: 'Collectors that gave not all that they should, on all machines; those that have nothing to read do not count. The table below and the exporter’s status page say which and why.',
    }),
    stat({
      title: 'Sources lost', w: 4, h: 4, steps: ANY_IS_BAD, expr: `count(${lostSources(E)}) or vector(0)`,
      help: 'Connections to systemd, the journal, the cluster or an upstream that are down: their numbers are absent. What a machine does not have does not count.',
    }),
    stat({
      title: 'Leaders', w: 4, h: 4, base: BAD, steps: [[1, OK], [2, BAD]], none: 'no cluster',
      expr: `max(sum by (cluster) (hybrid_cluster_leader{${M}}))`,
      help: 'Exporters that serve what belongs to no node: one a cluster. None for more than a minute: nobody serves deployments, jobs and claims; look at the Lease and the right to renew it.',
    }),
    stat({
      title: 'CPU each, mean', w: 4, h: 4, unit: 'percentunit', decimals: 2, line: true, expr: `avg(rate(process_cpu_seconds_total{${E}}[$__rate_interval]))`,
      help: 'CPU of one exporter, of one CPU. It grows with series and with how often it is scraped.',
    }),
    stat({
      title: 'Largest memory', w: 4, h: 4, unit: 'bytes', decimals: 1, line: true, expr: `max(process_resident_memory_bytes{${E}})`,
      help: 'Resident memory of the largest exporter; the cluster’s leader is larger than the others.',
    }),
    table({
      title: 'Exporters', w: 24, h: 8, sort: 'CPU',
      queries: [
        `min ${BY} (up{${E}})`,
        `max ${BY} (rate(process_cpu_seconds_total{${E}}[$__rate_interval]))`,
        `max ${BY} (process_resident_memory_bytes{${E}})`,
        `max ${BY} (scrape_duration_seconds{${E}})`,
        `sum ${BY} (scrape_samples_scraped{${E}})`,
        `max ${BY} (process_open_fds{${E}} / (process_max_fds{${E}} > 0))`,
        `time() - min ${BY} (process_start_time_seconds{${E}})`,
        `max by (cluster, instance, version) (hybrid_exporter_build_info{${E}})`,
        `max ${BY} (hybrid_cluster_leader{${E}} * 2 or hybrid_cluster_stand_by{${E}})`,
      ],
      columns: [
        machine, { from: 'cluster', as: 'Cluster', width: 110 }, { from: 'A', as: 'State', width: 70, mapped: [{ value: 1, text: 'up', color: OK }, { value: 0, text: 'down', color: BAD }] },
        { from: 'I', as: 'Role', width: 90, mapped: [{ value: 2, text: 'leader', color: 'light-blue' }, { value: 1, text: 'stand-by', color: 'text' }, { value: 0, text: '–', color: 'text' }] },
        { from: 'B', as: 'CPU', unit: 'percentunit', decimals: 2, width: 90, steps: rising(0.1, 0.5) }, { from: 'C', as: 'Memory', unit: 'bytes', decimals: 1, width: 100 },
        { from: 'D', as: 'Scrape took', unit: 's', decimals: 2, width: 105, steps: rising(1, 5) }, { from: 'E', as: 'Samples', width: 95, unit: 'short' },
        { from: 'F', as: 'Files open', unit: 'percentunit', decimals: 1, width: 95, steps: rising(0.7, 0.9) }, { from: 'G', as: 'Runs for', unit: 'dtdurations', decimals: 0, width: 120 },
        { from: 'version', as: 'Version', width: 100 },
      ],
      help: 'One row an exporter. A scrape of seconds is a slow collector: see below. Different versions are a rollout under way, or one that was forgotten.',
    }),
    table({
      title: 'Collectors that fail', w: 12, h: 8, none: 'Every collector gives what it has.', sort: 'Machine', asc: true,
      queries: [
        `max by (cluster, instance, collector) (${failedCollectors(E)})`,
        `max by (cluster, instance, collector) (hybrid_scrape_collector_timed_out{${E}} == 1)`,
      ],
      columns: [machine, { from: 'collector', as: 'Collector', width: 160 }, { from: 'A', as: 'State', width: 90, mapped: [{ value: 0, text: 'failed', color: WARN }] }, { from: 'B', as: 'In time', width: 90, mapped: [{ value: 1, text: 'too late', color: BAD }] }],
      help: 'Collectors whose numbers are missing or not whole. “Too late” is something that hangs, often an NFS mount or a dying disk; the others of the scrape are not touched by it.',
    }),
    graph({
      title: 'Slowest collectors', w: 12, h: 8, unit: 's',
      queries: [['topk(8, max by (collector) (node_scrape_collector_duration_seconds{' + E + '}))', '{{collector}}']],
      help: 'Time that a collector takes in a scrape, the slowest of the chosen machines. A jump is a slow device or bus, not the exporter.',
    }),
    { row: 'Cost' },
    graph({
      title: 'CPU', w: 8, h: 9, unit: 'percentunit',
      queries: [[`topk(10, max ${BY} (rate(process_cpu_seconds_total{${E}}[$__rate_interval])))`, '{{instance}}']],
      help: 'CPU of the exporters, of one CPU, the ten largest. It follows what the machine has: units, pods, entries of the journal.',
    }),
    graph({
      title: 'Memory', w: 8, h: 9, unit: 'bytes',
      queries: [[`topk(10, max ${BY} (process_resident_memory_bytes{${E}}))`, '{{instance}}']],
      help: 'Resident memory, the ten largest. It follows what exists, not what happened: growth with nothing new on the machine is a fault worth telling us.',
    }),
    graph({
      title: 'How long scrapes take', w: 8, h: 9, unit: 's', steps: [[5, WARN]],
      queries: [[`topk(10, max ${BY} (scrape_duration_seconds{${E}}))`, '{{instance}}']],
      help: 'As Prometheus measures it, network included. Scrapes answer before their timeout with all that is ready, so that this never exceeds it while the exporter lives.',
    }),
    graph({
      title: 'Samples a scrape', w: 8, h: 9, unit: 'short',
      queries: [[`topk(10, sum ${BY} (scrape_samples_scraped{${E}}))`, '{{instance}}']],
      help: 'What each exporter gives Prometheus to keep. Steps are new pods, units or options; this number is what Prometheus’ memory is paid for.',
    }),
    graph({
      title: 'Answers a second by status', w: 8, h: 9, unit: 'short', stack: true,
      queries: [[`sum by (code) (max by (cluster, instance, code) (rate(hybrid_http_requests_total{${E}}[$__rate_interval])))`, '{{code}}']],
      help: 'Requests that were answered. 401 and 403: somebody without the right; 503: more at the same time than are let in.',
    }),
    graph({
      title: 'Bytes sent', w: 8, h: 9, unit: 'Bps', stack: true,
      queries: [[`sum by (encoding) (max by (cluster, instance, encoding) (rate(hybrid_http_response_bytes_total{${E}}[$__rate_interval])))`, '{{encoding}}']],
      help: 'Bytes of metrics on the wire by encoding. Much without encoding is a client that does not ask for gzip or zstd.',
    }),
    { row: 'Is it true' },
    states({
      title: 'Sources that were down', w: 12, h: 8, none: 'Every source was up all the time.',
      queries: [[`max by (instance, source) (hybrid_source_up{${E}})
        and bottomk(20, min by (instance, source) (min_over_time(hybrid_source_up{${E}}[$__range] @ end())) < 1)`, '{{source}} {{instance}}']],
      mapped: [{ value: 1, text: 'up', color: OK }, { value: 0, text: 'down', color: BAD }],
      help: 'Whether what pushes to the exporter is connected. While it is down its numbers are absent, never old. What the machine does not have is not here. Down all the time: the exporter lacks a right or a socket; its log names the reason once.',
    }),
    graph({
      title: 'How old the view of the cluster is', w: 12, h: 8, unit: 's', steps: rising(180, 300), none: 'No watches.',
      queries: [[`topk(10, max ${BY} (hybrid_watch_age_seconds{${E}}))`, '{{instance}}']],
      help: 'How long ago the API server was last heard, the oldest of each exporter’s watches. One exporter alone: its way to the API server. All of them: the API server. Which watch: the table of watches.',
    }),
    table({
      title: 'Watches', w: 12, h: 8, sort: 'Objects', none: 'No watches.',
      queries: [
        `topk(100, max by (cluster, instance, resource) (hybrid_watch_objects{${E}}))`,
        `max by (cluster, instance, resource) (hybrid_watch_up{${E}})`,
        `sum by (cluster, instance, resource) (increase(hybrid_watch_errors_total{${E}}[1h])) > 0`,
        `sum by (cluster, instance, resource) (hybrid_watch_objects_left_out_total{${E}}) > 0`,
        `max by (cluster, instance, resource) (hybrid_watch_age_seconds{${E}})`,
      ],
      columns: [
        { from: 'resource', as: 'Resource' }, { from: 'B', as: 'State', width: 80, mapped: [{ value: 1, text: 'up', color: OK }, { value: 0, text: 'down', color: BAD }] },
        { from: 'A', as: 'Objects', width: 90 }, { from: 'E', as: 'Heard', width: 95, unit: 's', decimals: 0, steps: rising(180, 300) }, { from: 'C', as: 'Errors, 1 h', width: 100, decimals: 0, steps: rising(1, 20) }, { from: 'D', as: 'Left out', width: 90, steps: ANY_IS_ODD },
        { ...machine, width: 170 },
      ],
      help: 'What is followed of the cluster, by exporter. Down: the right to list and watch is missing, or the resource does not exist. Left out: objects that could not be read; the log names them.',
    }),
    table({
      title: 'Upstreams', w: 12, h: 8, sort: 'Machine', asc: true, none: 'No kubelet, no etcd and nothing else is passed on.',
      queries: [
        `min by (cluster, instance, upstream) (hybrid_upstream_up{${E}})`,
        `max by (cluster, instance, upstream) (hybrid_upstream_duration_seconds{${E}})`,
        `max by (cluster, instance, upstream) (hybrid_upstream_samples{${E}})`,
        `sum by (cluster, instance, upstream) (increase(hybrid_upstream_errors_total{${E}}[1h]))`,
        `sum by (cluster, instance, upstream) (hybrid_upstream_dropped_samples{${E}})`,
      ],
      columns: [
        machine, { from: 'upstream', as: 'Upstream', width: 110 }, { from: 'A', as: 'State', width: 70, mapped: [{ value: 1, text: 'up', color: OK }, { value: 0, text: 'down', color: BAD }] },
        { from: 'B', as: 'Took', unit: 's', decimals: 2, width: 85, steps: rising(1, 5) }, { from: 'C', as: 'Samples', unit: 'short', width: 90 },
        { from: 'D', as: 'Errors, 1 h', decimals: 0, width: 100, steps: rising(1, 20) }, { from: 'E', as: 'Left out', width: 85, steps: ANY_IS_ODD },
      ],
      help: 'Programs whose own metrics the exporter passes on: the kubelet, etcd, kube-proxy, CoreDNS and what is configured. Down: it does not run, or the right or the certificate to ask it is missing; the exporter’s log names the reason once. Left out: samples that made no sense or were too many.',
    }),
    table({
      title: 'What was dropped', w: 12, h: 8, sort: 'Machine', asc: true,
      queries: [
        `max ${BY} (hybrid_systemd_units_dropped{${E}})`,
        `sum ${BY} (increase(hybrid_journal_unit_overflow_total{${E}}[1h]))`,
        `sum ${BY} (increase(hybrid_journal_error_patterns_evicted_total{${E}}[1h]))`,
        `sum ${BY} (increase(hybrid_journal_reader_entries_skipped_total{${E}}[1h]))`,
        `max ${BY} (hybrid_container_groups_left_out{${E}})`,
        `max ${BY} (hybrid_scrape_shadowed_families{${E}})`,
      ],
      columns: [
        machine, { from: 'A', as: 'Units', width: 75, steps: ANY_IS_ODD }, { from: 'B', as: 'Journal units, 1 h', width: 125, decimals: 0, steps: ANY_IS_ODD },
        { from: 'C', as: 'Patterns, 1 h', width: 105, decimals: 0, steps: ANY_IS_ODD }, { from: 'D', as: 'Entries, 1 h', width: 100, decimals: 0, steps: ANY_IS_ODD },
        { from: 'E', as: 'Groups', width: 75, steps: ANY_IS_ODD }, { from: 'F', as: 'Families', width: 85, steps: ANY_IS_ODD },
      ],
      help: 'What exceeded a cap, so that nothing can grow without end: units, journal units counted as “other”, patterns that gave way, entries that made no sense, control groups, families of textfiles and upstreams that have a built-in name. Raise the cap that matters to you.',
    }),
    graph({
      title: 'How long upstreams take', w: 12, h: 8, unit: 's', none: 'Nothing is passed on.',
      queries: [[`topk(10, max by (cluster, instance, upstream) (hybrid_upstream_duration_seconds{${E}}))`, '{{upstream}} {{instance}}']],
      help: 'How long a scrape waited for what it passes on, the ten slowest. A slow kubelet is as a rule a slow runtime or disk. Whatever does not answer in time is left out of that scrape, and the rest is served.',
    }),
  ],
});
