// @ts-check
/** Host: one machine by the USE method: how much of each resource is used, who waits for it, what errs. */
import { ANY_IS_BAD, BAD, NONE, OK, WARN, graph, rising, stat, table } from './panels.js';
import { page, to } from './page.js';
import { I, K, REAL, SEVERITY, cpuUsed, filesystemUsed, memoryUsed, problems, waiting } from './queries.js';

const NET = 'device!~"lo|veth.*|cali.*|lxc.*|cni.*|docker.*|br-.*|flannel.*|dummy.*|ifb.*"';
const DISK = 'device!~"loop.*|ram.*|zram.*|sr.*|fd.*"';
const here = { instance: '${instance}' };
/** @param {string} name @param {string} selector */
const rate = (name, selector) => `rate(${name}{${I}${selector ? `, ${selector}` : ''}}[$__rate_interval])`;

export default page('host', {
  title: 'Host',
  about: 'One machine, in a cluster or not: use, saturation and errors of each resource.',
  variables: ['cluster', 'job', 'instance'],
  panels: [
    stat({
      title: 'Exporter', w: 3, h: 4, expr: `min(up{${I}})`, mapped: [{ value: 1, text: 'up', color: OK }, { value: 0, text: 'down', color: BAD }],
      help: 'Whether the exporter on this machine answers. Down and the machine answers: systemctl status hybrid-exporter. Otherwise power, kernel or network.',
    }),
    stat({
      title: 'CPU used', w: 3, h: 4, unit: 'percentunit', decimals: 0, expr: cpuUsed(I), steps: rising(0.8, 0.95), line: true,
      help: 'Share of all CPUs that worked. Above 80 % for long, look at the wait for CPU below: without waiting it is a well-used machine.',
    }),
    stat({
      title: 'Memory used', w: 3, h: 4, unit: 'percentunit', decimals: 0, expr: memoryUsed(I), steps: rising(0.85, 0.95), line: true,
      help: 'Share of memory that programs could not get without swapping. Above 95 % the kernel soon kills: find the largest unit on the Units page.',
    }),
    stat({
      title: 'Fullest filesystem', w: 3, h: 4, unit: 'percentunit', decimals: 0, expr: `max(${filesystemUsed(I, 'cluster, instance, mountpoint')})`, steps: rising(0.8, 0.9),
      help: 'Used share of the fullest filesystem, of what others than root may use. The table below says which and when it is full.',
    }),
    stat({
      title: 'Worst wait', w: 3, h: 4, unit: 'percentunit', decimals: 0,
      expr: `max(${['cpu', 'memory', 'io'].map((resource) => `label_replace(${waiting(I, resource)}, "resource", "${resource}", "", "")`).join(' or ')})`,
      steps: rising(0.2, 0.5), none: 'no PSI',
      help: 'The largest share of time in which something waited for CPU, memory or disk (PSI). Which of them: the panel “Who waits”. Needs a kernel with pressure stall information.',
    }),
    stat({
      title: 'Failed units', w: 3, h: 4, expr: `sum(systemd_unit_state{${I}, state="failed"})`, steps: ANY_IS_BAD, url: to('units', here), none: 'no systemd',
      help: 'Units in the state failed. Click for which, why, and since when.',
    }),
    stat({
      title: 'Errors, 15 min', w: 3, h: 4, decimals: 0, expr: `sum(increase(hybrid_journal_errors_total{${I}}[15m]))`, steps: rising(20, 200), url: to('journal', here), none: 'no journal',
      help: 'Journal entries of priority err and worse in the last quarter of an hour. Click for the units that wrote them.',
    }),
    stat({
      title: 'Up for, days', w: 3, h: 4, unit: 'none', decimals: 1, expr: `(time() - max(node_boot_time_seconds{${I}})) / 86400`, base: BAD, steps: [[0.01, WARN], [0.05, NONE]],
      help: 'Time since the machine booted. Red: it booted a quarter of an hour ago or less; if nobody did that, look for a crash or an OOM in the journal of the boot before (journalctl -b -1 -e).',
    }),
    table({
      title: 'Problems now', w: 12, h: 7, sort: 'Severity', none: 'No problem.',
      queries: [problems(I, `${K}, node="$instance"`)],
      columns: [{ from: 'Value', as: 'Severity', width: 90, mapped: SEVERITY }, { from: 'problem', as: 'Problem', width: 260 }, { from: 'object', as: 'With' }],
      help: 'What is wrong on this machine, found from the numbers themselves. Begin with the red rows.',
    }),
    graph({
      title: 'Who waits', w: 12, h: 7, unit: 'percentunit', steps: rising(0.2, 0.5), none: 'This kernel has no pressure stall information.',
      queries: [
        [waiting(I, 'cpu'), 'CPU'], [waiting(I, 'memory'), 'memory'], [waiting(I, 'io'), 'disk'],
        [`max(${rate('node_pressure_memory_stalled_seconds_total', '')})`, 'memory, all stand still'],
        [`max(${rate('node_pressure_io_stalled_seconds_total', '')})`, 'disk, all stand still'],
      ],
      help: 'Share of time in which at least one task waited for the resource; in “all stand still” no task could go on. The best single sign of an overloaded machine: CPU above 50 %, or memory above a few per cent, is felt by users.',
    }),
    { row: 'CPU' },
    graph({
      title: 'CPU by mode', w: 12, h: 8, unit: 'percentunit', stack: true, max: 1,
      queries: [[`sum by (mode) (${rate('node_cpu_seconds_total', 'mode!~"idle|guest|guest_nice"')}) / scalar(count(count by (cpu) (node_cpu_seconds_total{${I}})))`, '{{mode}}']],
      help: 'What the CPUs did. Much system: system calls or the kernel itself; iowait: the disk; steal: the hypervisor gives the time to others, which only its owner can mend; softirq: network.',
    }),
    graph({
      title: 'Load and tasks by CPU', w: 12, h: 8, steps: [[1, WARN]], softMax: 1,
      queries: [
        [`max(node_load1{${I}}) / scalar(count(count by (cpu) (node_cpu_seconds_total{${I}})))`, 'load, 1 min'],
        [`max(node_procs_running{${I}}) / scalar(count(count by (cpu) (node_cpu_seconds_total{${I}})))`, 'run or could run'],
        [`max(node_procs_blocked{${I}}) / scalar(count(count by (cpu) (node_cpu_seconds_total{${I}})))`, 'wait for disk'],
      ],
      help: 'Tasks for each CPU. Above 1 they queue. Load counts those that wait for the disk too, so that a high load with few running tasks is a slow or hung device.',
    }),
    { row: 'Memory' },
    graph({
      title: 'Memory', w: 12, h: 8, unit: 'bytes', stack: true, dashed: 'installed',
      queries: [
        [`max(node_memory_MemTotal_bytes{${I}} - node_memory_MemFree_bytes{${I}} - node_memory_Buffers_bytes{${I}} - node_memory_Cached_bytes{${I}} - node_memory_SReclaimable_bytes{${I}})`, 'used'],
        [`max(node_memory_SReclaimable_bytes{${I}})`, 'kernel, can be freed'],
        [`max(node_memory_Buffers_bytes{${I}} + node_memory_Cached_bytes{${I}})`, 'cache'],
        [`max(node_memory_MemFree_bytes{${I}})`, 'free'],
        [`max(node_memory_MemTotal_bytes{${I}})`, 'installed'],
      ],
      help: 'Where the memory is. Cache is given back when it is needed; “used” that only grows is a leak: find the unit or pod on its page.',
    }),
    graph({
      title: 'Paging and kills', w: 12, h: 8,
      queries: [
        [`sum(${rate('node_vmstat_pgmajfault', '')})`, 'major faults/s'],
        [`sum(${rate('node_vmstat_pswpin', '')})`, 'pages swapped in/s'], [`sum(${rate('node_vmstat_pswpout', '')})`, 'pages swapped out/s'],
        [`sum(rate(node_vmstat_oom_kill{${I}}[$__rate_interval])) * 60`, 'OOM kills/min'],
      ],
      help: 'Pages that had to be read from disk. Swapping in and out at the same time for minutes is thrashing: stop something. An OOM kill names its victim on the Journal page.',
    }),
    { row: 'Disk' },
    graph({
      title: 'Disks: busy', w: 8, h: 9, unit: 'percentunit', max: 1, steps: [[0.9, WARN]],
      queries: [[`topk(10, max by (device) (${rate('node_disk_io_time_seconds_total', DISK)}))`, '{{device}}']],
      help: 'Share of time in which the device had something to do. 100 % is saturation for one spindle; SSDs and arrays take more at once, so look at the wait beside it.',
    }),
    graph({
      title: 'Disks: wait for an operation', w: 8, h: 9, unit: 's', steps: rising(0.05, 0.2),
      queries: [
        [`topk(10, max by (device) (${rate('node_disk_read_time_seconds_total', DISK)} / (${rate('node_disk_reads_completed_total', DISK)} > 0)))`, '{{device}} read'],
        [`topk(10, max by (device) (${rate('node_disk_write_time_seconds_total', DISK)} / (${rate('node_disk_writes_completed_total', DISK)} > 0)))`, '{{device}} write'],
      ],
      help: 'How long a read or a write took, queue included. Above 20 ms on an SSD, or above 50 ms on a spinning disk, databases and etcd suffer.',
    }),
    graph({
      title: 'Disks: bytes', w: 8, h: 9, unit: 'Bps', mirror: '/write$/',
      queries: [
        [`topk(10, max by (device) (${rate('node_disk_read_bytes_total', DISK)}))`, '{{device}} read'],
        [`topk(10, max by (device) (${rate('node_disk_written_bytes_total', DISK)}))`, '{{device}} write'],
      ],
      help: 'Read upwards, written downwards. A flat top is a limit of the device or of the cloud’s volume. Who does it: the Units page.',
    }),
    { row: 'Network' },
    graph({
      title: 'Network', w: 8, h: 9, unit: 'bps', mirror: '/sent$/',
      queries: [
        [`topk(10, max by (device) (${rate('node_network_receive_bytes_total', NET)})) * 8`, '{{device}} received'],
        [`topk(10, max by (device) (${rate('node_network_transmit_bytes_total', NET)})) * 8`, '{{device}} sent'],
      ],
      help: 'Received upwards, sent downwards, without the interfaces of containers. Compare with the link’s speed (ethtool).',
    }),
    graph({
      title: 'Network errors and drops', w: 8, h: 9, unit: 'pps', softMax: 10,
      queries: [
        [`topk(10, max by (device) (${rate('node_network_receive_errs_total', NET)} + ${rate('node_network_transmit_errs_total', NET)}))`, '{{device}} errors'],
        [`topk(10, max by (device) (${rate('node_network_receive_drop_total', NET)} + ${rate('node_network_transmit_drop_total', NET)}))`, '{{device}} drops'],
      ],
      help: 'Packets that were broken or thrown away. Errors: cable, transceiver or driver. Drops when receiving: queues too small, or protocols nobody here speaks.',
    }),
    graph({
      title: 'TCP sent again, connection table', w: 8, h: 9, unit: 'percentunit', softMax: 0.1, steps: [[0.9, BAD]],
      queries: [
        [`sum(${rate('node_netstat_Tcp_RetransSegs', '')}) / sum(${rate('node_netstat_Tcp_OutSegs', '')})`, 'segments sent again'],
        [`max(node_nf_conntrack_entries{${I}} / node_nf_conntrack_entries_limit{${I}})`, 'connection table, used'],
      ],
      help: 'Above 1 to 2 % of segments sent again, the way to somebody loses packets. A full connection table drops new connections: raise net.netfilter.nf_conntrack_max or find who opens them.',
    }),
    { row: 'Filesystems and time' },
    table({
      title: 'Filesystems', w: 12, h: 9, sort: 'Used',
      queries: [
        filesystemUsed(I, 'mountpoint, device, fstype'),
        `min by (mountpoint, device, fstype) (node_filesystem_avail_bytes{${I}, ${REAL}} and node_filesystem_size_bytes{${I}, ${REAL}} > 0)`,
        `1 - min by (mountpoint, device, fstype) (node_filesystem_files_free{${I}, ${REAL}}) / max by (mountpoint, device, fstype) (node_filesystem_files{${I}, ${REAL}} > 0)`,
        `max by (mountpoint, device, fstype) (node_filesystem_readonly{${I}, ${REAL}} and node_filesystem_size_bytes{${I}, ${REAL}} > 0)`,
        `min by (mountpoint, device, fstype) (node_filesystem_avail_bytes{${I}, ${REAL}}) / - min by (mountpoint, device, fstype) (deriv(node_filesystem_avail_bytes{${I}, ${REAL}}[6h]) < -1000)`,
      ],
      columns: [
        { from: 'mountpoint', as: 'Mounted at' }, { from: 'A', as: 'Used', unit: 'percentunit', decimals: 0, bar: true, max: 1, steps: rising(0.8, 0.9) },
        { from: 'B', as: 'Left', unit: 'bytes', decimals: 1, width: 90 }, { from: 'C', as: 'Inodes', unit: 'percentunit', decimals: 0, width: 75, steps: rising(0.8, 0.9) },
        { from: 'E', as: 'Full in', unit: 's', decimals: 0, width: 90 },
        { from: 'D', as: 'Writes', width: 85, mapped: [{ value: 0, text: 'yes', color: NONE }, { value: 1, text: 'read-only', color: WARN }] },
        { from: 'fstype', as: 'Type', width: 70 }, { from: 'device', as: 'Device', width: 110 },
      ],
      help: 'What is left, and when it is used up at the pace of the last six hours (empty where it does not shrink). A filesystem that became read-only by itself had I/O errors: see kernel problems on the Journal page. Used inodes with free bytes: many small files.',
    }),
    graph({
      title: 'Clock', w: 12, h: 9, unit: 's', signed: true,
      queries: [
        [`max(node_timex_offset_seconds{${I}})`, 'away from its reference'], [`max(node_timex_maxerror_seconds{${I}})`, 'at most wrong by'],
      ],
      help: 'How far the clock is from what it is synchronised with, and by how much it may be wrong at most. The second grows by 0.5 ms a second while nobody synchronises it: look at chronyd, ntpd or systemd-timesyncd. Certificates, Kerberos and etcd fail with wrong clocks.',
    }),
  ],
});
