// @ts-check
/** Journal: who writes errors, which ones are new, and what the kernel complains of. */
import { ANY_IS_BAD, ANY_IS_ODD, BAD, OK, graph, rising, stat, states, table } from './panels.js';
import { HERE, cell, page, to } from './page.js';
import { M, counted } from './queries.js';

const J = `${M}, instance=~"$instance"`;
const ERRORS = 'priority=~"emerg|alert|crit|err"';
const machine = { from: 'instance', as: 'Machine', width: 170, url: to('host', { instance: HERE }) };
const unit = { from: 'unit', as: 'Unit', url: to('units', { instance: cell('Machine'), unit: HERE }) };
/** What was counted in the time that is looked at. @param {string} family @param {string} by @param {string} [more] */
const inTime = (family, by, more = '') => `sum by (${by}) (${counted(`${family}{${J}${more}}`, '$__range')})`;

export default page('journal', {
  title: 'Journal',
  about: 'The journal as numbers: errors by unit and by pattern, events, and what the kernel complains of.',
  variables: ['cluster', 'job', 'machines'],
  panels: [
    stat({
      title: 'Errors a minute', w: 4, h: 4, decimals: 1, line: true, expr: `sum(rate(hybrid_journal_errors_total{${J}}[$__rate_interval])) * 60`,
      help: 'Entries of priority err and worse. What is normal differs by machine: compare with the hours before.',
    }),
    stat({
      title: 'Units with errors', w: 4, h: 4, expr: `count(sum by (instance, unit) (increase(hybrid_journal_unit_entries_total{${J}, ${ERRORS}}[15m])) > 0) or 0 * max(hybrid_journal_errors_total{${J}})`,
      help: 'Units that wrote an error in the last quarter of an hour. One is a fault of its own; many at once have a cause in common: disk, name service, network.',
    }),
    stat({
      title: 'Kernel problems', w: 4, h: 4, decimals: 0, expr: `round(sum(increase(hybrid_kernel_problems_total{${J}}[$__range])))`, steps: ANY_IS_ODD,
      help: 'Complaints of the kernel in the time that is looked at. Reason and device stand below.',
    }),
    stat({
      title: 'OOM kills', w: 4, h: 4, decimals: 0, steps: ANY_IS_BAD, expr: `round(sum(increase(hybrid_kernel_problems_total{${J}, reason="OOMKilling"}[$__range])))`,
      help: 'Processes that the kernel killed for want of memory in the time that is looked at. Whose they were stands below: a limit too small, a leak, or a machine too full.',
    }),
    stat({
      title: 'Core dumps', w: 4, h: 4, decimals: 0, steps: ANY_IS_ODD, expr: `round(sum(increase(hybrid_journal_event_entries_total{${J}, event="coredump"}[$__range])))`,
      help: 'Programs that crashed in the time that is looked at, as systemd-coredump tells. coredumpctl list names them.',
    }),
    stat({
      title: 'Behind', w: 4, h: 4, unit: 's', decimals: 0, steps: rising(10, 60), expr: `max(hybrid_journal_lag_seconds{${J}})`,
      help: 'By how much the newest entry is newer than the last one that was read. Seconds in a storm of entries are normal; growing for minutes is not: the other numbers here are then late.',
    }),
    graph({
      title: 'Errors by unit', w: 12, h: 9, bars: true, stack: true, none: 'No errors in this time.',
      queries: [[`topk(10, sum by (instance, unit) (rate(hybrid_journal_unit_entries_total{${J}, ${ERRORS}}[$__rate_interval])) * 60 > 0)`, '{{unit}} on {{instance}}']],
      help: 'Entries of priority err and worse a minute, the ten units with most of them. Read what they say: journalctl -u UNIT -p err.',
    }),
    table({
      title: 'Patterns of errors', w: 12, h: 9, sort: 'Count', none: 'No errors in this time.',
      queries: [`topk(50, round(${inTime('hybrid_journal_error_pattern_total', 'cluster, instance, unit, pattern')})
        * on (cluster, instance, pattern) group_left (template) max by (cluster, instance, pattern, template) (hybrid_journal_error_pattern_info{${J}}) > 0)`],
      columns: [{ from: 'A', as: 'Count', width: 75, decimals: 0 }, { ...unit, width: 150 }, { from: 'template', as: 'Message' }, { ...machine, width: 130 }],
      help: 'What the errors say, with numbers, names and secrets masked, and how often in the time that is looked at. The most frequent one is seldom the first cause: look for the rare one that began with it.',
    }),
    graph({
      title: 'Entries by priority', w: 12, h: 8, stack: true,
      queries: [[`sum by (priority) (rate(hybrid_journal_entries_total{${J}}[$__rate_interval])) * 60`, '{{priority}}']],
      help: 'All entries a minute. A wall of debug or info costs disk and hides the rest; journald drops beyond its rate limit.',
    }),
    table({
      title: 'Last error of each unit', w: 12, h: 8, sort: 'Last error', none: 'No errors.',
      queries: [
        `topk(50, 1000 * max by (cluster, instance, unit) (hybrid_journal_last_error_timestamp_seconds{${J}}))`,
        `topk(50, round(${inTime('hybrid_journal_unit_entries_total', 'cluster, instance, unit', `, ${ERRORS}`)}) > 0)`,
      ],
      columns: [unit, { from: 'A', as: 'Last error', unit: 'dateTimeAsIso', width: 180 }, { from: 'B', as: 'Errors', width: 80, decimals: 0 }, machine],
      help: 'When each unit last wrote an error, newest first, and how many in the time that is looked at.',
    }),
    { row: 'What the system tells' },
    graph({
      title: 'Events a minute', w: 12, h: 8, bars: true, stack: true, none: 'No events in this time.',
      queries: [[`sum by (event) (rate(hybrid_journal_event_entries_total{${J}}[$__rate_interval])) * 60 > 0`, '{{event}}']],
      help: 'Entries with a message id that tells an event: a unit failed, was restarted, dumped core, ran out of memory, messages were lost. The table beside says of which unit.',
    }),
    table({
      title: 'Events by unit', w: 12, h: 8, sort: 'Count', none: 'No events in this time.',
      queries: [`topk(50, round(${inTime('hybrid_journal_events_total', 'cluster, instance, unit, event')}) > 0)`],
      columns: [{ from: 'A', as: 'Count', width: 75, decimals: 0 }, { from: 'event', as: 'Event', width: 170 }, unit, machine],
      help: 'How often each event happened to each unit in the time that is looked at. Any program may send an entry with an event’s id: the unit tells who did.',
    }),
    { row: 'What the kernel tells' },
    graph({
      title: 'Kernel problems a minute', w: 12, h: 8, bars: true, stack: true, none: 'The kernel complained of nothing in this time.',
      queries: [[`topk(15, sum by (instance, reason) (rate(hybrid_kernel_problems_total{${J}}[$__rate_interval])) * 60 > 0)`, '{{reason}} on {{instance}}']],
      help: 'Complaints of the kernel by reason. I/O errors: save the data, change the disk. Hung tasks: storage or NFS that does not answer. Oops: a bug; the machine needs a reboot.',
    }),
    table({
      title: 'Killed for want of memory', w: 12, h: 8, sort: 'Count', none: 'Nobody was killed.',
      queries: [`max by (cluster, instance, unit, uid, container_id, scope) (hybrid_kernel_oom_kills_total{${J}}) > 0`],
      columns: [
        { from: 'Value', as: 'Count', width: 75, decimals: 0 }, { from: 'scope', as: 'Memory of', width: 95 }, { from: 'unit', as: 'Unit' },
        { from: 'uid', as: 'Pod’s uid', width: 270 }, { ...machine, width: 140 },
      ],
      help: 'Who was killed since the exporter began to count: scope cgroup is a limit of its own that was reached (raise it or mend the leak); global is the machine without memory (too much runs here).',
    }),
    states({
      title: 'Conditions of the kernel', w: 12, h: 7, none: 'No condition held in this time.',
      queries: [[`max by (instance, condition) (hybrid_kernel_condition{${J}})
        and topk(20, max by (instance, condition) (max_over_time(hybrid_kernel_condition{${J}}[$__range] @ end())) > 0)`, '{{condition}} {{instance}}']],
      mapped: [{ value: 0, text: 'fine', color: OK }, { value: 1, text: 'holds', color: BAD }],
      help: 'Conditions that the kernel told of and that hold until the machine shows otherwise: deadlock, read-only filesystem, a device in trouble. Red needs hands, most often a reboot.',
    }),
    table({
      title: 'Devices in trouble', w: 12, h: 7, sort: 'Count', none: 'No device is in trouble.',
      queries: [`max by (cluster, instance, reason, device) (hybrid_kernel_device_problems_total{${J}}) > 0`],
      columns: [{ from: 'Value', as: 'Count', width: 75, decimals: 0 }, { from: 'reason', as: 'Reason', width: 180 }, { from: 'device', as: 'Device' }, machine],
      help: 'Complaints that name a device or an NFS server, since the exporter began to count. smartctl -a and dmesg tell the rest.',
    }),
  ],
});
