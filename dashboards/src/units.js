// @ts-check
/** Units: systemd's services, timers and sockets on one machine: what failed and why, what flaps, what did not run, who uses most. */
import { ANY_IS_BAD, ANY_IS_ODD, BAD, OK, WARN, graph, rising, stat, states, table } from './panels.js';
import { HERE, page, to } from './page.js';
import { I } from './queries.js';

const NAME = `${I}, name=~"$unit"`;
const UNIT = `${I}, unit=~"$unit"`;
/** systemd_exporter's label as ours. @param {string} expr */
const asUnit = (expr) => `max by (unit) (label_replace(${expr}, "unit", "$1", "name", "(.+)"))`;
const FAILED = asUnit(`(systemd_unit_state{${NAME}, state="failed"} == 1)`);
const unit = { from: 'unit', as: 'Unit', url: to('units', { instance: '${instance}', unit: HERE }) };
/** systemd's words for the system as a whole. */
const SYSTEM = [
  { value: 1, text: 'running', color: OK }, { value: 2, text: 'degraded', color: WARN }, { value: 3, text: 'starting', color: 'light-blue' },
  { value: 4, text: 'initializing', color: 'light-blue' }, { value: 5, text: 'stopping', color: 'purple' }, { value: 6, text: 'maintenance', color: BAD },
];
/** 0, where systemd is heard. */
const HEARD = `0 * max(hybrid_source_up{${I}, source="systemd"} == 1)`;
/** Milliseconds since 1970, as Grafana's dates are. @param {string} expr */
const date = (expr) => `1000 * (${expr} > 0)`;

export default page('units', {
  title: 'Units',
  about: 'The units of systemd on one machine: failed, flapping, overdue, hungry.',
  variables: ['cluster', 'job', 'instance', ['unit', {
    label: 'Unit', query: 'label_values(systemd_unit_state{cluster=~"$cluster", job=~"$job", instance="$instance", type!~"device|mount|slice|scope|target"}, name)', all: '.+', multi: true,
    describe: 'Services, timers, sockets and paths of the machine.',
  }]],
  panels: [
    stat({
      title: 'System', w: 6, h: 4, 
      expr: `max(${SYSTEM.map(({ text, value }) => `${value} * hybrid_systemd_system_state{${I}, state="${text}"}`).join(' or ')})`, mapped: SYSTEM,
      help: 'systemd’s own word for the whole: running, degraded (something failed), starting, stopping, maintenance.',
    }),
    stat({
      title: 'Failed', w: 3, h: 4, expr: `sum(systemd_unit_state{${I}, state="failed"})`, steps: ANY_IS_BAD,
      help: 'Units in the state failed, of all types. The table below says why.',
    }),
    stat({
      title: 'Restarts, 1 h', w: 4, h: 4, decimals: 0, expr: `round(sum(increase(hybrid_unit_restarts_total{${I}}[1h])))`, steps: rising(1, 10),
      help: 'Restarts of services by systemd (Restart=) in the last hour. A service that restarts for ever is never failed: see “Restarts a minute”.',
    }),
    stat({
      title: 'Jobs', w: 3, h: 4, expr: `sum(hybrid_systemd_jobs{${I}}) or ${HEARD}`, steps: rising(5, 50),
      help: 'Jobs of systemd that run or wait. Many for long: something blocks the others (systemctl list-jobs).',
    }),
    stat({
      title: 'Overdue timers', w: 4, h: 4, steps: ANY_IS_ODD,
      expr: `count(hybrid_timer_next_elapse_time_seconds{${I}} > 0 and hybrid_timer_next_elapse_time_seconds{${I}} < time() - 300) or ${HEARD}`,
      help: 'Timers that should have elapsed more than five minutes ago and have not: their service still runs, or systemd is stuck.',
    }),
    stat({
      title: 'Not served', w: 4, h: 4, expr: `max(hybrid_systemd_units_dropped{${I}})`, steps: ANY_IS_ODD,
      help: 'Units beyond --systemd.collector.max-units, which have no series. Raise it, or leave units out.',
    }),
    table({
      title: 'Failed units, and why', w: 12, h: 8, sort: 'Since', none: 'No unit has failed.',
      queries: [
        `max by (unit, result) (${FAILED} * on (unit) group_right () hybrid_unit_result_info{${UNIT}}) or on (unit) ${FAILED}`,
        `${FAILED} * on (unit) group_right () max by (unit) (hybrid_unit_exit_code{${UNIT}})`,
        `${FAILED} * on (unit) group_right () max by (unit) (hybrid_unit_exit_signal{${UNIT}})`,
        `${FAILED} * on (unit) group_right () ${asUnit(date(`systemd_unit_inactive_enter_time_seconds{${NAME}}`))}`,
      ],
      columns: [
        unit, { from: 'result', as: 'Result', width: 130 }, { from: 'B', as: 'Exit code', width: 90 }, { from: 'C', as: 'Signal', width: 80 },
        { from: 'D', as: 'Since', unit: 'dateTimeAsIso', width: 180 },
      ],
      help: 'Result is systemd’s reason: exit-code, signal, timeout, oom-kill, start-limit-hit … (man systemd.service). Next: journalctl -u UNIT -e. Exit codes from 200 on are systemd’s own: the program was never started.',
    }),
    table({
      title: 'Slowest to start', w: 12, h: 8, sort: 'Took',
      queries: [`topk(20, max by (unit) (hybrid_unit_activation_seconds{${UNIT}}))`],
      columns: [unit, { from: 'A', as: 'Took', unit: 's', decimals: 2, width: 120, steps: rising(30, 90) }],
      help: 'How long units took to become active when they last started. A start near its TimeoutStartSec (90 s by default) fails on the next slow day.',
    }),
    states({
      title: 'Units that changed', w: 24, h: 9, none: 'No unit changed its state in this time.',
      queries: [[`sum by (name) (
          systemd_unit_state{${NAME}, state="active"} * 1 or systemd_unit_state{${NAME}, state="activating"} * 2
          or systemd_unit_state{${NAME}, state="deactivating"} * 3 or systemd_unit_state{${NAME}, state="failed"} * 4)
        and on (name) topk(20, max by (name) (changes(systemd_unit_state{${NAME}, type!~"device|mount|scope|slice|target", state=~"active|activating|failed"}[$__range] @ end()) > 0))`, '{{name}}']],
      mapped: [
        { value: 0, text: 'inactive', color: '#6e7680' }, { value: 1, text: 'active', color: OK }, { value: 2, text: 'starting', color: 'light-blue' },
        { value: 3, text: 'stopping', color: 'purple' }, { value: 4, text: 'failed', color: BAD },
      ],
      help: 'The 20 units that changed their state most often in this time. Regular stripes are a timer’s work or a restart loop; a unit that goes with another one depends on it.',
    }),
    graph({
      title: 'Restarts a minute', w: 12, h: 8, bars: true, stack: true, none: 'No restarts in this time.',
      queries: [[`topk(10, sum by (unit) (rate(hybrid_unit_restarts_total{${UNIT}}[$__rate_interval])) * 60 > 0)`, '{{unit}}']],
      help: 'Restarts by systemd. More than a few an hour is a flapping service, even where it looks active whenever you look: see its errors on the Journal page.',
    }),
    table({
      title: 'Timers', w: 12, h: 8, sort: 'Next', asc: true,
      queries: [
        asUnit(date(`systemd_timer_last_trigger_seconds{${NAME}}`)),
        date(`(max by (unit) (hybrid_timer_next_elapse_time_seconds{${UNIT}})
          or max by (unit) (hybrid_timer_next_elapse_monotonic_seconds{${UNIT}}) + on () group_left () max(node_boot_time_seconds{${I}}))`),
        asUnit(`systemd_unit_state{${NAME}, type="timer", state="active"}`),
      ],
      columns: [
        unit, { from: 'C', as: 'State', width: 80, mapped: [{ value: 1, text: 'active', color: OK }, { value: 0, text: 'stopped', color: WARN }] },
        { from: 'A', as: 'Last', unit: 'dateTimeAsIso', width: 175 }, { from: 'B', as: 'Next', unit: 'dateTimeAsIso', width: 175 },
      ],
      help: 'When each timer last elapsed (empty: never) and when it elapses next; of timers that count from boot or from their last run without the time that the machine slept. A stopped timer does nothing: systemctl enable --now TIMER.',
    }),
    { row: 'Resources (CPU, memory and disk need --systemd.collector.enable-resources)' },
    graph({
      title: 'CPU', w: 12, h: 8, unit: 'none', none: 'Needs --systemd.collector.enable-resources.',
      queries: [[`topk(10, sum by (unit) (rate(hybrid_unit_cpu_seconds_total{${UNIT}}[$__rate_interval])))`, '{{unit}}']],
      help: 'CPUs that the services use; 1 is one CPU. The ten largest at each moment.',
    }),
    graph({
      title: 'Memory', w: 12, h: 8, unit: 'bytes', none: 'Needs --systemd.collector.enable-resources.',
      queries: [[`topk(10, sum by (unit) (hybrid_unit_memory_bytes{${UNIT}}))`, '{{unit}}']],
      help: 'Memory charged to the services, with the file cache that they filled. Growth without end is a leak; MemoryHigh= holds it back.',
    }),
    graph({
      title: 'Disk', w: 12, h: 8, unit: 'Bps', mirror: '/written$/', none: 'Needs --systemd.collector.enable-resources and control groups with I/O accounting.',
      queries: [
        [`topk(5, sum by (unit) (rate(hybrid_unit_io_read_bytes_total{${UNIT}}[$__rate_interval])))`, '{{unit}} read'],
        [`topk(5, sum by (unit) (rate(hybrid_unit_io_written_bytes_total{${UNIT}}[$__rate_interval])))`, '{{unit}} written'],
      ],
      help: 'Read upwards, written downwards, by service. Writes that go to the cache first are counted when they reach the disk.',
    }),
    table({
      title: 'Tasks and sockets', w: 12, h: 8, sort: 'Tasks',
      queries: [
        asUnit(`systemd_unit_tasks_current{${NAME}} / on (cluster, job, instance, name) (systemd_unit_tasks_max{${NAME}} < 1e9)`),
        asUnit(`systemd_unit_tasks_current{${NAME}}`),
        asUnit(`systemd_socket_current_connections{${NAME}}`),
        asUnit(`systemd_socket_accepted_connections_total{${NAME}}`),
        asUnit(`systemd_socket_refused_connections_total{${NAME}}`),
      ],
      columns: [
        unit, { from: 'A', as: 'Of limit', unit: 'percentunit', decimals: 1, width: 90, steps: rising(0.7, 0.9) }, { from: 'B', as: 'Tasks', width: 75 },
        { from: 'C', as: 'Connections', width: 105 }, { from: 'D', as: 'Accepted', width: 85 }, { from: 'E', as: 'Refused', width: 80, steps: ANY_IS_ODD },
      ],
      help: 'Tasks of services and how near they are to TasksMax=; at the limit, fork fails with EAGAIN. For sockets: open, accepted and refused connections; refused means MaxConnections= was reached.',
    }),
  ],
});
