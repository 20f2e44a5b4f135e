//! What the kernel complains about: for each reason, the texts that tell it.
//!
//! Reasons that node-problem-detector has keep their names and count what theirs count, but for
//! texts that its patterns no longer match (or never did): today's oopses, block layer and XFS. A text
//! is looked for by its literal first, and only then matched as a regular expression.
//!
//! The kernel's formats are told with the versions that have them in `kernel/tests.rs`.

/// A reason and its texts.
#[derive(Debug)]
pub(crate) struct Reason {
    /// The label's value.
    pub(crate) name: &'static str,
    /// Texts; one match counts once.
    pub(crate) texts: &'static [Pattern],
    /// Whether node-problem-detector has a rule of this name, so that `problem_counter` has it too.
    pub(crate) peer: bool,
    /// The condition that holds from the first match on, as node-problem-detector calls it.
    pub(crate) condition: Option<&'static str>,
}

/// A text: `regex` is tried where `literal` is found. Its group `device` names what is concerned.
#[derive(Debug)]
pub(crate) struct Pattern {
    pub(crate) literal: &'static str,
    pub(crate) regex: &'static str,
}

const fn text(literal: &'static str, regex: &'static str) -> Pattern {
    Pattern { literal, regex }
}

/// One of node-problem-detector's reasons.
const fn peer(name: &'static str, texts: &'static [Pattern]) -> Reason {
    Reason { name, texts, peer: true, condition: None }
}

/// One that it lacks.
const fn own(name: &'static str, texts: &'static [Pattern]) -> Reason {
    Reason { name, texts, peer: false, condition: None }
}

const fn holds(mut reason: Reason, condition: &'static str) -> Reason {
    reason.condition = Some(condition);
    reason
}

/// The reason of OOM kills, which are told apart further.
pub(crate) const OOM: &str = "OOMKilling";
/// The reason of file systems that were made read-only.
pub(crate) const READ_ONLY: &str = "FilesystemIsReadOnly";
/// The reason of forks that the limit of a control group refused.
pub(crate) const FORK: &str = "ForkRejected";

/// The reason of processes that did what they may not.
const SEGFAULT: &str = "Segfault";

/// Whether a line holds a name that anybody on the machine may choose, long enough to look like
/// another of the kernel's texts: a file's, a control group's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// None that is known of.
    Nothing,
    /// One, in a line that tells this reason and no other.
    Only(&'static str),
    /// One, in a line that tells no reason.
    Silent,
}

/// What names a line holds. A process has 15 bytes for its name, which no pattern fits into; the name
/// of a file that was executed or of a control group has 255.
pub(super) fn named(line: &str) -> Named {
    const SILENT: [&str; 7] = [
        "oom-kill:",
        "Task in ",
        "Tasks in ",
        "Memory cgroup stats for ",
        "overlayfs: ",
        "process '",
        "audit: type=",
    ];
    if SILENT.iter().any(|start| line.starts_with(start)) {
        return Named::Silent;
    }
    if line.starts_with("cgroup: ") {
        return Named::Only(FORK);
    }
    // Behind a process's name, which stands first.
    let crash =
        ["]: segfault at ", "]: unhandled "].iter().filter_map(|text| line.find(text)).min();
    if line.starts_with("traps: ") || crash.is_some_and(|at| at <= COMMAND + PROCESS) {
        return Named::Only(SEGFAULT);
    }
    Named::Nothing
}

/// Bytes of a process's name, and those of its number with the bracket before it.
const COMMAND: usize = 15;
const PROCESS: usize = 11;

/// Every reason, sorted by name.
pub(crate) static REASONS: &[Reason] = &[
    own("AtaError", &[text("exception Emask", r"^(?<device>ata\d+(?:\.\d+)?): exception Emask ")]),
    own("AuditBacklog", &[text("backlog limit exceeded", r"^audit: backlog limit exceeded")]),
    own(
        "BlockIOError",
        &[text(
            " error, dev ",
            r"(?:I/O|timeout|protection|critical [a-z ]+|recoverable transport|kernel resource) error, dev (?<device>[^\s,]+), sector \d+",
        )],
    ),
    own("BtrfsError", &[text("BTRFS", r"BTRFS:? (?:error|critical) \(device (?<device>[^\s):]+)")]),
    own(
        "ClocksourceUnstable",
        &[text(
            "Marking clocksource",
            r"Marking clocksource '?[\w-]+'? (?:as unstable|unstable due to )",
        )],
    ),
    own(
        "ConntrackFull",
        &[text("table full, dropping packet", r"nf_conntrack: table full, dropping packet")],
    ),
    peer(
        "CperHardwareErrorCorrected",
        &[text("event severity: corrected", r"\[Hardware Error\]: event severity: corrected$")],
    ),
    holds(
        peer(
            "CperHardwareErrorFatal",
            &[text("event severity: fatal", r"\[Hardware Error\]: event severity: fatal$")],
        ),
        "CperHardwareErrorFatal",
    ),
    peer(
        "CperHardwareErrorRecoverable",
        &[text("event severity: recoverable", r"\[Hardware Error\]: event severity: recoverable$")],
    ),
    own(
        "DeviceOffline",
        &[
            text(
                "rejecting I/O to offline device",
                r"(?<device>\d+:\d+:\d+:\d+): rejecting I/O to offline device",
            ),
            text(
                "offlined - not ready",
                r"(?<device>\d+:\d+:\d+:\d+): Device offlined - not ready after error recovery",
            ),
        ],
    ),
    holds(
        peer(
            "DockerHung",
            &[text(
                " for more than ",
                r"task (?:dockerd?|containerd|crio):\w+ blocked(?: in I/O wait)? for more than \w+ seconds\.",
            )],
        ),
        "KernelDeadlock",
    ),
    peer("Ext4Error", &[text("EXT4-fs error", r"EXT4-fs error \(device (?<device>[^)]+)\)")]),
    peer("Ext4Warning", &[text("EXT4-fs warning", r"EXT4-fs warning \(device (?<device>[^)]+)\)")]),
    own("FileLimit", &[text("VFS: file-max limit", r"^VFS: file-max limit \d+ reached")]),
    holds(
        peer(
            READ_ONLY,
            &[
                text(
                    "emounting filesystem read-only",
                    r"\((?:device )?(?<device>[^\s):]+)[^)]*\): (?:error: )?[Rr]emounting filesystem read-only",
                ),
                text(
                    "emounting filesystem as read-only",
                    r"\(device (?<device>[^\s):]+)\): remounting filesystem as read-only",
                ),
                text(
                    "emounting filesystem read-only",
                    r"^zonefs \((?<device>[^\s)]+)\) WARNING: remounting filesystem read-only|^Remounting filesystem read-only$",
                ),
                text(
                    "forced readonly",
                    r"BTRFS:? \w+ \(device (?<device>[^\s):]+)[^)]*\):? forced readonly",
                ),
                text(
                    "has been set read-only",
                    r"\((?<device>[^\s)]+)\): Filesystem has been set read-only",
                ),
            ],
        ),
        "ReadonlyFilesystem",
    ),
    own(
        FORK,
        &[text(
            "fork rejected by pids controller",
            r"^cgroup: fork rejected by pids controller in ",
        )],
    ),
    own(
        "HardLockup",
        &[text("hard LOCKUP on cpu", r"[Ww]atchdog detected hard LOCKUP on cpu \d+")],
    ),
    peer(
        "IOError",
        &[text("Buffer I/O error", r"Buffer I/O error on dev(?:ice)? (?<device>[^\s,]+)")],
    ),
    own(
        "JournalAborted",
        &[text("Aborting journal on device", r"Aborting journal on device (?<device>[^\s.]+)")],
    ),
    own(
        "KernelBug",
        &[text(
            "BUG: ",
            r"^BUG: (?:scheduling while atomic|sleeping function called|Bad page|Bad rss-counter|workqueue lockup|KASAN|KFENCE|KCSAN|spinlock|stack guard page|non-zero pgtables_bytes|Dentry|using )",
        )],
    ),
    // Every oops ends its first line of a kind in the number of oopses so far; the texts before it
    // ("BUG: …", "Unable to handle …", "kernel BUG at …") belong to the same one. Behind it stand words
    // such as PREEMPT only, so that a process named `Oops [#1]` is none.
    peer(
        "KernelOops",
        &[text(
            " [#",
            r"(?:Oops|Internal error|[Ff]ault|error|opcode|segment|exception|bounds|int3|Kernel BUG)[^\[]*\[#\d+\][A-Z0-9_ ]*$",
        )],
    ),
    own("KernelPanic", &[text("Kernel panic - not syncing", r"^Kernel panic - not syncing")]),
    own(
        "KernelWarning",
        &[text("WARNING: ", r"^WARNING: (?:(?:CPU: \d+ PID: \d+|[\w./-]+:\d+) )?at ")],
    ),
    own(
        "LinkDown",
        &[
            text("ink is Down", r"(?<device>[\w.-]+)(?: \([^)]*\))?: (?:NIC )?Link is Down"),
            text(
                "link status definitely down",
                r"(?:slave |interface )(?<device>[\w.-]+)\)?[:,] (?:link status definitely down|disabling it)",
            ),
        ],
    ),
    own(
        "MachineCheck",
        &[text(
            "[Hardware Error]",
            r"mce: \[Hardware Error\]: (?:Machine check events logged|CPU \d+: Machine Check Exception)",
        )],
    ),
    own(
        "MemoryFailure",
        &[text("Memory failure: 0x", r"^Memory failure: 0x[0-9a-f]+: recovery action for ")],
    ),
    peer("MemoryReadError", &[text("CE memory read error", r"CE memory read error ")]),
    own("MemoryUncorrectedError", &[text(" UE ", r"^EDAC [\w#]+: \d+ UE ")]),
    own(
        "MultipathPathFailed",
        &[text("Failing path", r"device-mapper: multipath: .*[Ff]ailing path (?<device>\d+:\d+)")],
    ),
    own(
        "NVMeError",
        &[
            text("controller is down", r"^nvme (?<device>nvme\d+): controller is down; will reset"),
            text(
                "Removing after probe failure",
                r"^nvme (?<device>nvme\d+): Removing after probe failure",
            ),
            text("Device not ready", r"^nvme (?<device>nvme\d+): Device not ready; aborting"),
            text(" (sct 0x", r"^(?<device>nvme\d+\w*): .* \(sct 0x[0-9a-f]+ / sc 0x[0-9a-f]+\)"),
        ],
    ),
    own("NVMeTimeout", &[text("timeout, ", r"^nvme (?<device>nvme\d+): I/O .*QID \d+ timeout, ")]),
    own(
        "NeighbourTableFull",
        &[text("neighbor table overflow", r"^neighbour: \w+: neighbor table overflow")],
    ),
    own(
        "NetdevWatchdog",
        &[
            text(
                "NETDEV WATCHDOG",
                r"^NETDEV WATCHDOG: (?<device>[\w.-]+) \([^)]*\): transmit queue \d+ timed out",
            ),
            text(
                "NETDEV WATCHDOG",
                r"(?<device>[\w.-]+): NETDEV WATCHDOG: CPU: \d+: transmit queue \d+ timed out",
            ),
        ],
    ),
    own(
        "NfsServerNotResponding",
        &[text("not responding", r"^nfs: server (?<device>\S+) not responding, ")],
    ),
    own("NvidiaXid", &[text("NVRM: Xid", r"^NVRM: Xid \((?<device>[^)]+)\): \d+")]),
    peer(OOM, &[text("Killed process", r"Killed process \d+ \(.*\),? .*total-vm:\d+kB")]),
    own(
        "PCIeCorrectedError",
        &[text(
            "severity=Correct",
            r"(?<device>[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.\d): (?:AER: )?PCIe Bus Error: severity=Correct",
        )],
    ),
    own(
        "PCIeUncorrectedError",
        &[text(
            "severity=Uncorrect",
            r"(?<device>[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.\d): (?:AER: )?PCIe Bus Error: severity=Uncorrect",
        )],
    ),
    own(
        "PageAllocationFailure",
        &[text("page allocation failure", r": page allocation failure: order:\d+")],
    ),
    own(
        "RCUStall",
        &[text(
            " stall",
            r"INFO: rcu\w* (?:self-detected stall on CPU|detected (?:expedited )?stalls(?: on (?:CPUs/)?tasks|, but))",
        )],
    ),
    own(
        "RaidDiskFailed",
        &[text(
            "Disk failure on",
            r"^md/\S+: Disk failure on (?<device>[^\s,]+)(?:, disabling device| detected, failing array)",
        )],
    ),
    own(
        SEGFAULT,
        &[
            text("segfault at", r"^.*\[\d+\]: segfault at "),
            text("traps: ", r"^traps: .*\[\d+\] (?:general protection|trap )"),
            text(": unhandled ", r"^.*\[\d+\]: unhandled (?:exception|level \d|\w+ fault)"),
        ],
    ),
    own("SoftLockup", &[text("soft lockup - CPU#", r"BUG: soft lockup - CPU#\d+ stuck for ")]),
    own("SynFlood", &[text("Possible SYN flooding", r"Possible SYN flooding on port ")]),
    peer(
        "TaskHung",
        &[text(
            " for more than ",
            r"task [\S ]+:\w+ blocked(?: in I/O wait)? for more than \w+ seconds\.",
        )],
    ),
    own("TcpMemory", &[text("TCP: ", r"^TCP: (?:out of memory|too many orphaned sockets)")]),
    own(
        "ThermalThrottle",
        &[text("above threshold", r"CPU\d+: \w+ temperature (?:is )?above threshold")],
    ),
    own(
        "ThinPoolFull",
        &[text(
            "switching pool to",
            r"^device-mapper: thin: (?<device>\d+:\d+): switching pool to (?:out-of-data-space|read-only|fail)",
        )],
    ),
    peer(
        "UnregisterNetDevice",
        &[text(
            "unregister_netdevice",
            r"unregister_netdevice: waiting for \S+ to become free\. Usage count = -?\d+",
        )],
    ),
    own(
        "XfsError",
        &[text(
            "XFS (",
            r"XFS \((?<device>[^)]+)\): (?:Metadata (?:corruption|CRC error) detected|metadata I/O error|Internal error)",
        )],
    ),
    holds(
        peer(
            "XfsHasShutdown",
            &[text(
                "XFS (",
                r"XFS \((?<device>[^)]+)\): .*(?:[Ss]hutting down filesystem|has been shut down|User initiated shutdown)",
            )],
        ),
        "XfsShutdown",
    ),
];
