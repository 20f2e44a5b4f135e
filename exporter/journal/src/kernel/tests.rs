//! Texts as the kernel prints them, with the versions that do. A line of journald has no level and no
//! time in front.
//!
//! Each was compared with the format strings in the sources of 5.10.262, 6.1.192, 6.12.117 and 7.2.13 as Debian
//! has them, and these were searched for what they say in place of a text that they lack. In none of them stand
//! texts of before (4.18's OOM kills: `Task in …`, no prefix; XFS's `xlog_iodone`, `print_req_error`,
//! `temperature above threshold`, bonding's `for interface`) and NVIDIA's, which is no part of the kernel.
//! `WARNING: file:line at`, `likely owned by task` and `in I/O wait` are of after 6.12.

use super::*;
use collect::{Root, testing::tree};
use expect_test::expect;

/// Each line tells what stands before the bar: reasons, and the device if there is one.
fn check(table: &str) {
    for row in table.lines().map(str::trim).filter(|row| !row.is_empty()) {
        let (expected, line) = row.split_once("| ").unwrap();
        let mut kernel = Kernel::new();
        kernel.line(line, 1);
        let names = kernel.counts().filter(|(_, c)| c.matches > 0).map(|(reason, _)| reason.name);
        let mut found: Vec<&str> = names.collect();
        let devices = kernel.devices.rows();
        found.extend(devices.iter().map(|((_, device), _)| device.as_str()));
        assert_eq!(found.join(" "), expected.trim_end(), "{line}");
    }
}

#[test]
fn reasons_are_sorted_and_their_patterns_compile() {
    assert!(REASONS.is_sorted_by_key(|reason| reason.name));
    for reason in REASONS {
        for text in reason.texts {
            Regex::new(text.regex).unwrap_or_else(|e| panic!("{}: {e}", reason.name));
        }
    }
}

/// x86 before 5.0 and from 5.0 on, with 6.10's `Oops:` before every die; arm64, riscv, powerpc, s390.
#[test]
fn an_oops_counts_once() {
    for text in [
        // 4.18
        "BUG: unable to handle kernel NULL pointer dereference at 0000000000000008\n\
         PGD 0 P4D 0\n\
         Oops: 0002 [#1] SMP PTI\n\
         CPU: 1 PID: 1234 Comm: insmod Tainted: G           OE    --------- -  - 4.18.0-305.el8.x86_64 #1\n\
         RIP: 0010:init_module+0x5/0x1000 [bad]\n\
         ---[ end trace 0123456789abcdef ]---",
        "BUG: unable to handle kernel paging request at ffffffffc0a3b000\nOops: 0010 [#2] SMP NOPTI",
        "general protection fault: 0000 [#1] SMP PTI",
        "divide error: 0000 [#1] SMP PTI",
        "kernel BUG at fs/ext4/inode.c:2721!\ninvalid opcode: 0000 [#1] SMP NOPTI",
        // 5.4 to 6.9
        "BUG: kernel NULL pointer dereference, address: 0000000000000000\n\
         #PF: supervisor read access in kernel mode\n\
         #PF: error_code(0x0000) - not-present page\n\
         Oops: 0000 [#1] PREEMPT SMP NOPTI",
        "BUG: unable to handle page fault for address: ffffb0a2c0000000\nOops: 0000 [#1] SMP PTI",
        "general protection fault, probably for non-canonical address 0xdead000000000100: 0000 [#1] SMP NOPTI",
        "stack segment: 0000 [#1] PREEMPT SMP",
        "int3: 0000 [#1] SMP",
        // 6.10 to 6.18
        "Oops: general protection fault, probably for non-canonical address 0xdead000000000100: 0000 [#1] PREEMPT SMP NOPTI",
        "Oops: divide error: 0000 [#1] SMP",
        "kernel BUG at mm/slub.c:553!\nOops: invalid opcode: 0000 [#1] SMP NOPTI",
        "Oops: Oops: 0000 [#1] SMP NOPTI",
        // arm64 4.18, 6.6
        "Unable to handle kernel NULL pointer dereference at virtual address 0000000000000000\n\
         Mem abort info:\n\
         Internal error: Oops: 96000004 [#1] SMP",
        "Unable to handle kernel paging request at virtual address dead000000000108\n\
         Internal error: Oops: 0000000096000044 [#1] PREEMPT SMP",
        "kernel BUG at mm/usercopy.c:102!\nInternal error: Oops - BUG: 00000000f2000800 [#1] SMP",
        // riscv, powerpc, s390
        "Unable to handle kernel NULL pointer dereference at virtual address 0000000000000010\nOops [#1]",
        "Oops: Kernel access of bad area, sig: 11 [#1]",
        "Unable to handle kernel pointer dereference in virtual kernel address space\nOops: 0038 ilc:3 [#1] SMP",
    ] {
        let mut kernel = Kernel::new();
        text.lines().for_each(|line| kernel.line(line.trim_start(), 1));
        let counts: Vec<_> = kernel
            .counts()
            .filter(|(_, c)| c.matches > 0)
            .map(|(r, c)| (r.name, c.matches))
            .collect();
        assert_eq!(counts, [("KernelOops", 1)], "{text}");
    }
}

#[test]
fn lockups_stalls_and_hung_tasks() {
    check(
        r#"
        TaskHung | INFO: task kworker/u8:3:1234 blocked for more than 120 seconds.
        TaskHung | INFO: task my task:77 blocked for more than 241 seconds.
        DockerHung TaskHung | INFO: task dockerd:901 blocked for more than 122 seconds.
        DockerHung TaskHung | INFO: task containerd:55 blocked in I/O wait for more than 122 seconds.
         | INFO: task jbd2/sda1-8:301 is blocked on a mutex likely owned by task kworker/0:1:17.
        SoftLockup | watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [stress:1234]
        SoftLockup | NMI watchdog: BUG: soft lockup - CPU#3 stuck for 23s! [migration/3:24]
        HardLockup | NMI watchdog: Watchdog detected hard LOCKUP on cpu 2
        HardLockup | watchdog: Watchdog detected hard LOCKUP on cpu 2
        RCUStall | INFO: rcu_sched self-detected stall on CPU
        RCUStall | INFO: rcu_sched detected stalls on CPUs/tasks:
        RCUStall | rcu: INFO: rcu_preempt self-detected stall on CPU
        RCUStall | rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:
        RCUStall | rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: { 1-...D } 21 jiffies s: 137 root: 0x2/.
         | rcu: rcu_sched kthread starved for 5250 jiffies! g1234 f0x0 RCU_GP_WAIT_FQS(5) ->state=0x0 ->cpu=1
        KernelWarning | WARNING: CPU: 3 PID: 1234 at kernel/foo.c:12 func+0x1/0x2 [mod]
        KernelWarning | WARNING: kernel/sched/core.c:123 at try_to_wake_up+0x12/0x340, CPU#3: bash/1234
        KernelWarning | WARNING: at try_to_wake_up+0x12/0x340, CPU#3: bash/1234
         | WARNING: unknown option
        KernelBug | BUG: scheduling while atomic: swapper/0/0/0x00010000
        KernelBug | BUG: Bad page state in process bash  pfn:12345
        KernelBug | BUG: KASAN: use-after-free in foo+0x1/0x2
        KernelPanic | Kernel panic - not syncing: Fatal exception in interrupt
        ClocksourceUnstable | clocksource: timekeeping watchdog on CPU0: Marking clocksource 'tsc' as unstable because the skew is too large:
        ClocksourceUnstable | clocksource: Marking clocksource tsc unstable due to frequency skew
        UnregisterNetDevice | unregister_netdevice: waiting for veth0a1b2c3 to become free. Usage count = 1
        UnregisterNetDevice | unregister_netdevice: waiting for lo to become free. Usage count = -1
        "#,
    );
}

#[test]
fn disks_and_file_systems() {
    check(
        r#"
        BlockIOError sda | print_req_error: I/O error, dev sda, sector 2048
        BlockIOError sda | blk_update_request: I/O error, dev sda, sector 2048 op 0x0:(READ) flags 0x80700 phys_seg 1 prio class 0
        BlockIOError nvme0n1 | I/O error, dev nvme0n1, sector 0 op 0x1:(WRITE) flags 0x800 phys_seg 1 prio class 2
        BlockIOError sdb | blk_update_request: critical medium error, dev sdb, sector 123 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 0
        BlockIOError sdc | critical target error, dev sdc, sector 8 op 0x3:(DISCARD) flags 0x800 phys_seg 1 prio class 2
         | operation not supported error, dev loop0, sector 0 op 0x9:(WRITE_ZEROES) flags 0x1000800 phys_seg 0 prio class 2
        IOError sda1 | Buffer I/O error on dev sda1, logical block 0, async page read
        IOError sdb | Buffer I/O error on device sdb, logical block 7
        Ext4Error sda1 | EXT4-fs error (device sda1): ext4_find_entry:1455: inode #2: comm systemd: reading directory lblock 0
        Ext4Warning dm-0 | EXT4-fs warning (device dm-0): ext4_end_bio:323: I/O error 10 writing to inode 12 (offset 0 size 4096 starting block 34)
         | EXT4-fs (sda1): error count since last fsck: 4
        FilesystemIsReadOnly sda1 | EXT4-fs (sda1): Remounting filesystem read-only
         | EXT4-fs (sda1): re-mounted. Opts: errors=remount-ro
        FilesystemIsReadOnly sda1 | EXT3-fs (sda1): error: remounting filesystem read-only
        FilesystemIsReadOnly sda2 | F2FS-fs (sda2): Remounting filesystem read-only
        FilesystemIsReadOnly sdb1 | FAT-fs (sdb1): Filesystem has been set read-only
        FilesystemIsReadOnly sda3 | BTRFS info (device sda3): forced readonly
        FilesystemIsReadOnly sda3 | BTRFS info (device sda3 state E): forced readonly
        BtrfsError sda3 | BTRFS error (device sda3): bdev /dev/sda3 errs: wr 1, rd 0, flush 0, corrupt 0, gen 0
        BtrfsError dm-1 | BTRFS: error (device dm-1) in btrfs_commit_transaction:2275: errno=-5 IO failure (Error while writing out transaction)
        BtrfsError sda3 | BTRFS critical (device sda3 state EA): corrupt leaf: root=5 block=30408704 slot=0
         | BTRFS info (device sda3): using crc32c (crc32c-intel) checksum algorithm
        JournalAborted sda1-8 | Aborting journal on device sda1-8.
        XfsError dm-2 | XFS (dm-2): Metadata corruption detected at xfs_agf_read_verify+0x10/0x20 [xfs], xfs_agf block 0x1
        XfsError sda1 | XFS (sda1): metadata I/O error in "xfs_trans_read_buf_map" at daddr 0x0 len 8 error 5
        XfsError sda1 | XFS (sda1): metadata I/O error: block 0x1 ("xlog_iodone") error 5 numblks 64
         | XFS (sda1): xfs_do_force_shutdown(0x2) called from line 1250 of file fs/xfs/xfs_log.c.  Return address = 00000000a1b2c3d4
        XfsHasShutdown sda1 | XFS (sda1): Log I/O Error Detected. Shutting down filesystem
        XfsHasShutdown dm-2 | XFS (dm-2): Corruption of in-memory data detected.  Shutting down filesystem
        XfsHasShutdown dm-2 | XFS (dm-2): Log I/O Error (0x2) detected at xlog_ioend_work+0x6e/0x70 [xfs] (fs/xfs/xfs_log.c:1377).  Shutting down filesystem.
        XfsHasShutdown dm-2 | XFS (dm-2): Filesystem has been shut down due to log error (0x2).
        XfsHasShutdown sda1 | XFS (sda1): User initiated shutdown received.
         | XFS (sda1): Mounting V5 Filesystem
        NVMeTimeout nvme0 | nvme nvme0: I/O 123 QID 4 timeout, aborting
        NVMeTimeout nvme0 | nvme nvme0: I/O 0 QID 0 timeout, reset controller
        NVMeTimeout nvme1 | nvme nvme1: I/O tag 123 (107b) QID 4 timeout, aborting req_op:READ(0) size:4096
        NVMeTimeout nvme1 | nvme nvme1: I/O tag 5 (c005) opcode 0x2 (Admin Cmd) QID 0 timeout, reset controller
        NVMeError nvme0 | nvme nvme0: controller is down; will reset: CSTS=0xffffffff, PCI_STATUS=0x10
        NVMeError nvme0 | nvme nvme0: Device not ready; aborting reset, CSTS=0x1
        NVMeError nvme0 | nvme nvme0: Removing after probe failure status: -19
        NVMeError nvme0n1 | nvme0n1: Read(0x2) @ LBA 123, 8 blocks, Unrecovered Read Error (sct 0x2 / sc 0x81) DNR
         | nvme nvme0: 8/0/0 default/read/poll queues
        AtaError ata1.00 | ata1.00: exception Emask 0x0 SAct 0x0 SErr 0x0 action 0x6 frozen
         | ata1: SATA link up 6.0 Gbps (SStatus 133 SControl 300)
        DeviceOffline 2:0:0:0 | sd 2:0:0:0: rejecting I/O to offline device
        DeviceOffline 2:0:0:0 | sd 2:0:0:0: Device offlined - not ready after error recovery
        RaidDiskFailed sda1 | md/raid1:md0: Disk failure on sda1, disabling device.
        RaidDiskFailed sdb | md/raid0md1: Disk failure on sdb detected, failing array.
        FilesystemIsReadOnly sdc1 | ERROR: (device sdc1): remounting filesystem as read-only
        FilesystemIsReadOnly sdd | zonefs (sdd) WARNING: remounting filesystem read-only
        FilesystemIsReadOnly | Remounting filesystem read-only
        RCUStall | INFO: rcu_tasks detected stalls on tasks:
        RCUStall | INFO: rcu_preempt detected expedited stalls, but suppressed full report due to a stuck CSD-lock.
        MultipathPathFailed 8:16 | device-mapper: multipath: 253:0: Failing path 8:16.
        ThinPoolFull 253:4 | device-mapper: thin: 253:4: switching pool to out-of-data-space (queue IO) mode
        NfsServerNotResponding 10.0.0.1 | nfs: server 10.0.0.1 not responding, still trying
         | nfs: server 10.0.0.1 OK
        "#,
    );
}

#[test]
fn memory_hardware_and_processes() {
    check(
        r#"
        MachineCheck | mce: [Hardware Error]: Machine check events logged
        MachineCheck | mce: [Hardware Error]: CPU 0: Machine Check Exception: 5 Bank 4: be00000000800400
         | mce: [Hardware Error]: CPU 2: Machine Check: 0 Bank 5: bea0000000000108
        CperHardwareErrorCorrected | {1}[Hardware Error]: event severity: corrected
        CperHardwareErrorRecoverable | {2}[Hardware Error]: event severity: recoverable
        CperHardwareErrorFatal | {3}[Hardware Error]: event severity: fatal
        MemoryReadError | EDAC MC0: 1 CE memory read error on CPU_SrcID#0_Ha#0_Chan#1_DIMM#0 (channel:1 slot:0 page:0x1 offset:0x0 grain:32)
        MemoryUncorrectedError | EDAC MC1: 1 UE memory scrubbing error on CPU_SrcID#1_MC#0_Chan#0_DIMM#0 (channel:0 slot:0 page:0x1)
        MemoryFailure | Memory failure: 0x1234: recovery action for dirty LRU page: Recovered
        PCIeCorrectedError 0000:00:1c.0 | pcieport 0000:00:1c.0: PCIe Bus Error: severity=Corrected, type=Physical Layer, (Receiver ID)
        PCIeUncorrectedError 0000:00:1c.0 | pcieport 0000:00:1c.0: AER: PCIe Bus Error: severity=Uncorrected (Non-Fatal), type=Transaction Layer, (Requester ID)
        PCIeCorrectedError 0000:01:00.0 | nvme 0000:01:00.0: PCIe Bus Error: severity=Correctable, type=Physical Layer, (Receiver ID)
        ThermalThrottle | CPU3: Core temperature above threshold, cpu clock throttled (total events = 1)
        ThermalThrottle | mce: CPU3: Package temperature above threshold, cpu clock throttled (total events = 7)
        ThermalThrottle | CPU0: Package temperature is above threshold, cpu clock is throttled (total events = 2)
         | CPU3: Core temperature/speed normal
        NvidiaXid PCI:0000:3b:00 | NVRM: Xid (PCI:0000:3b:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus.
        PageAllocationFailure | kswapd0: page allocation failure: order:0, mode:0x80020(GFP_ATOMIC), nodemask=(null)
        PageAllocationFailure | swapper/0: page allocation failure: order:2, mode:0x40a20(GFP_ATOMIC|__GFP_COMP), nodemask=(null),cpuset=/,mems_allowed=0
        Segfault | web[1234]: segfault at 0 ip 000055d0c0de0139 sp 00007ffd0 error 4 in web[55d0c0de0000+1000]
        Segfault | web[1234]: segfault at 0 ip 000055d0c0de0139 sp 00007ffd0 error 4 in web[55d0c0de0000+1000] likely on CPU 3 (core 1, socket 0)
        Segfault | traps: web[1234] general protection fault ip:55d0 sp:7ffd error:0 in web[55d0+1000]
        Segfault | traps: web[1234] trap divide error ip:55d0 sp:7ffd error:0 in web[55d0+1000]
        Segfault | web[1234]: unhandled exception: DABT (lower EL), ESR 0x0000000092000006, level 2 translation fault in web[aaaa+1000]
        Segfault | web[1234]: unhandled level 2 translation fault (11) at 0x00000000, esr 0x92000006, in web[aaaa+1000]
        FileLimit | VFS: file-max limit 1000 reached
        AuditBacklog | audit: backlog limit exceeded
        ForkRejected | cgroup: fork rejected by pids controller in /system.slice/web.service
        "#,
    );
}

#[test]
fn the_network() {
    check(
        r#"
        NetdevWatchdog eth0 | NETDEV WATCHDOG: eth0 (e1000e): transmit queue 0 timed out
        NetdevWatchdog eth0 | e1000e 0000:00:19.0 eth0: NETDEV WATCHDOG: CPU: 3: transmit queue 0 timed out 5012 ms
        NetdevWatchdog veth1 | veth1: NETDEV WATCHDOG: CPU: 3: transmit queue 0 timed out 5012 ms
        LinkDown eth0 | e1000e 0000:00:1f.6 eth0: NIC Link is Down
        LinkDown eth1 | ixgbe 0000:03:00.0 eth1: NIC Link is Down
        LinkDown enp2s0 | r8169 0000:02:00.0 enp2s0: Link is Down
        LinkDown eth0 | bond0: link status definitely down for interface eth0, disabling it
        LinkDown eth0 | bond0: (slave eth0): link status definitely down, disabling slave
         | e1000e 0000:00:1f.6 eth0: NIC Link is Up 1000 Mbps Full Duplex, Flow Control: Rx/Tx
        ConntrackFull | nf_conntrack: table full, dropping packet
        ConntrackFull | nf_conntrack: nf_conntrack: table full, dropping packet
        NeighbourTableFull | neighbour: arp_cache: neighbor table overflow!
        TcpMemory | TCP: out of memory -- consider tuning tcp_mem
        TcpMemory | TCP: too many orphaned sockets
        SynFlood | TCP: request_sock_TCP: Possible SYN flooding on port 80. Sending cookies.  Check SNMP counters.
        SynFlood | TCP: request_sock_TCP: Possible SYN flooding on port 0.0.0.0:80. Sending cookies.
         | IN=eth0 OUT= MAC=00:00 SRC=10.0.0.1 DST=10.0.0.2 LEN=40
        "#,
    );
}

/// The kills that some lines tell.
fn kills(text: &str) -> String {
    let mut kernel = Kernel::new();
    text.lines().map(str::trim).for_each(|line| kernel.line(line, 1));
    let rows = kernel.kills.rows();
    let rows = rows.into_iter().map(|((scope, victim), count)| {
        let Victim { unit, pod, container } = victim;
        format!(
            "{count} {scope} unit={unit} pod={pod} container={}\n",
            container.get(..8).unwrap_or("")
        )
    });
    rows.collect()
}

#[test]
fn oom_kills_are_told_apart() {
    let id = "0123456789abcdef".repeat(4);
    // 4.18 without the report of 5.0.
    expect![[r#"
        1 cgroup unit=web.service pod= container=
    "#]].assert_eq(&kills(
        "stress invoked oom-killer: gfp_mask=0x6000c0(GFP_KERNEL), nodemask=(null), order=0, oom_score_adj=0
        Task in /system.slice/web.service killed as a result of limit of /system.slice/web.service
        Memory cgroup out of memory: Kill process 1234 (stress) score 1001 or sacrifice child
        Killed process 1234 (stress) total-vm:108284kB, anon-rss:101376kB, file-rss:288kB, shmem-rss:0kB",
    ));
    // 5.4 to 6.18, a control group's limit; RHEL 8's 4.18 has the same.
    expect![[r#"
        1 cgroup unit=web.service pod= container=
    "#]].assert_eq(&kills(
        "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/system.slice/web.service,task_memcg=/system.slice/web.service,task=stress,pid=1234,uid=0
        Memory cgroup out of memory: Killed process 1234 (stress) total-vm:108284kB, anon-rss:101376kB, file-rss:288kB, shmem-rss:0kB, UID:0 pgtables:244kB oom_score_adj:0",
    ));
    // The machine's memory; the process is a container's.
    expect![[r#"
        1 global unit= pod=3b1f7cf6-6a0e-4a5e-9f53-0c5f1d0a4b11 container=01234567
    "#]].assert_eq(&kills(&format!(
        "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=cri-containerd-{id}.scope,mems_allowed=0-1,global_oom,task_memcg=/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod3b1f7cf6_6a0e_4a5e_9f53_0c5f1d0a4b11.slice/cri-containerd-{id}.scope,task=java,pid=77,uid=1000
        Out of memory: Killed process 77 (java) total-vm:8000000kB, anon-rss:7000000kB, file-rss:0kB, shmem-rss:0kB, UID:1000 pgtables:14000kB oom_score_adj:985",
    )));
    // A command's name that looks like the kernel's fields, and one with parentheses.
    expect![[r#"
        1 cgroup unit=a.service pod= container=
    "#]].assert_eq(&kills(
        "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/system.slice,task_memcg=/system.slice/a.service,task=x,pid=1,uid=0,,pid=9,uid=0
        Memory cgroup out of memory: Killed process 9 (x),pid=1 (y)) total-vm:1kB, anon-rss:1kB, file-rss:0kB, shmem-rss:0kB",
    ));
    // memory.oom.group: one report, several kills; then a kill by itself.
    expect![[r#"
        3 cgroup unit=web.service pod= container=
        1 cpuset unit=init.scope pod= container=
    "#]].assert_eq(&kills(
        "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/system.slice/web.service,task_memcg=/system.slice/web.service/a,task=stress,pid=1,uid=0
        Memory cgroup out of memory: Killed process 1 (stress) total-vm:1kB, anon-rss:1kB, file-rss:0kB, shmem-rss:0kB
        Tasks in /system.slice/web.service are going to be killed due to memory.oom.group set
        Memory cgroup out of memory: Killed process 2 (stress) total-vm:1kB, anon-rss:1kB, file-rss:0kB, shmem-rss:0kB
        Memory cgroup out of memory: Killed process 3 (stress) total-vm:1kB, anon-rss:1kB, file-rss:0kB, shmem-rss:0kB
        oom-kill:constraint=CONSTRAINT_CPUSET,nodemask=0,cpuset=/x,mems_allowed=0,global_oom,task_memcg=/init.scope,task=y,pid=5,uid=0
        Out of memory: Killed process 5 (y) total-vm:1kB, anon-rss:1kB, file-rss:0kB, shmem-rss:0kB",
    ));
    // A user's control groups that are named like the kernel's fields blame nobody else.
    expect![[r#"
        2 cgroup unit=user@*.service pod= container=
        1 global unit=user@*.service pod= container=
    "#]].assert_eq(&kills(
        "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/user.slice/user@1.service/x,task_memcg=/system.slice/web.service,task_memcg=/user.slice/user@1.service/x,task_memcg=/system.slice/web.service,task=y,pid=1,uid=1
        Memory cgroup out of memory: Killed process 1 (y) total-vm:1kB, anon-rss:1kB, file-rss:0kB, shmem-rss:0kB
        oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/user.slice/user@1.service/x,oom_memcg=/system.slice,task_memcg=/system.slice/web.service,task=y,pid=2,uid=1
        Out of memory: Killed process 2 (y) total-vm:1kB, anon-rss:1kB, file-rss:0kB, shmem-rss:0kB
        oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/user.slice,task_memcg=/user.slice/user@1.service/x,task=/a.service,task=y,pid=3,uid=1
        Memory cgroup out of memory: Killed process 3 (y) total-vm:1kB, anon-rss:1kB, file-rss:0kB, shmem-rss:0kB",
    ));
    // Nothing was told, or of another process.
    expect![[r#"
        1 cgroup unit= pod= container=
        1 global unit= pod= container=
    "#]].assert_eq(&kills(
        "Out of memory: Killed process 5 (y) total-vm:1kB, anon-rss:1kB, file-rss:0kB, shmem-rss:0kB
        oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/system.slice,task_memcg=/system.slice/a.service,task=x,pid=1,uid=0
        Memory cgroup out of memory: Killed process 2 (y) total-vm:1kB, anon-rss:1kB, file-rss:0kB, shmem-rss:0kB",
    ));
}

#[test]
fn read_only_file_systems_clear() {
    let mounts = |sda: &str, dm: &str| {
        format!(
            "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 {sda},errors=remount-ro\n\
             30 22 253:0 / /data rw,relatime - xfs /dev/mapper/vg-data {dm},attr2\n"
        )
    };
    let dir = tree(&[
        ("proc/1/mountinfo", &mounts("rw", "rw")),
        ("sys/dev/block/8:1", "-> ../../devices/pci/block/sda/sda1"),
        ("sys/dev/block/253:0", "-> ../../devices/virtual/block/dm-0"),
    ]);
    let write = |text: &str| {
        #[expect(clippy::disallowed_methods, reason = "the test plays the kernel")]
        std::fs::write(dir.path().join("proc/1/mountinfo"), text).unwrap();
    };
    let [proc, sys] = ["proc", "sys"].map(|name| Root::new(dir.path().join(name)));
    let held = |kernel: &mut Kernel, now: u64| -> Vec<&'static str> {
        let asked = kernel.conditions.ask_for_mounts();
        let mounts = if asked { Mounts::read(&proc, &sys) } else { None };
        let conditions = kernel.conditions.check(now, mounts.as_ref());
        conditions.filter(|(_, holds)| *holds).map(|(r, _)| r.name).collect()
    };
    let gone_read_only = "EXT4-fs (sda1): Remounting filesystem read-only";

    // Until 6.11: mountinfo says ro, until somebody mounts it rw again.
    let mut kernel = Kernel::new();
    assert!(held(&mut kernel, 0).is_empty());
    write(&mounts("ro", "rw"));
    kernel.line(gone_read_only, 1);
    kernel.line(gone_read_only, 2);
    assert_eq!(held(&mut kernel, 9), ["FilesystemIsReadOnly"]);
    write(&mounts("rw", "rw"));
    assert!(held(&mut kernel, 9).is_empty());
    // Both messages count; the peer counts that it began.
    let count = kernel.counts().find(|(r, _)| r.name == reasons::READ_ONLY).unwrap().1;
    assert_eq!((count.matches, count.peer), (2, 1));

    // 6.12: mountinfo says rw all the time; a new mount ends it.
    let mut kernel = Kernel::new();
    kernel.line(gone_read_only, 1);
    assert_eq!(held(&mut kernel, 9), ["FilesystemIsReadOnly"]);
    write(&mounts("rw", "rw").replace("22 1", "50 1"));
    assert!(held(&mut kernel, 9).is_empty());

    // 6.15 says emergency_ro.
    let mut kernel = Kernel::new();
    kernel.line(gone_read_only, 1);
    write(&mounts("rw,emergency_ro", "rw"));
    assert_eq!(held(&mut kernel, 9), ["FilesystemIsReadOnly"]);

    // XFS stays shut down until it is unmounted; a device without a mount fades, as do others.
    let mut kernel = Kernel::new();
    kernel.line("XFS (dm-0): Log I/O Error Detected. Shutting down filesystem", 1);
    kernel.line("FAT-fs (sdz1): Filesystem has been set read-only", 1);
    kernel.line("INFO: task dockerd:901 blocked for more than 122 seconds.", 1);
    assert_eq!(held(&mut kernel, 9), ["DockerHung", "FilesystemIsReadOnly", "XfsHasShutdown"]);
    assert_eq!(held(&mut kernel, 3_600_000_002), ["XfsHasShutdown"]);
    write(&mounts("rw", "rw").replace("30 22", "31 22"));
    assert!(held(&mut kernel, 9).is_empty());
}

/// A storage that goes away takes hundreds of file systems with it.
#[test]
fn devices_beyond_the_cap_hold_their_condition_together() {
    let mut kernel = Kernel::new();
    let peer = |kernel: &Kernel| {
        let count = kernel.counts().find(|(r, _)| r.name == reasons::READ_ONLY).unwrap().1;
        (count.matches, count.peer, kernel.conditions.overflow)
    };
    for disk in 0..100 {
        kernel.line(&format!("XFS (dm-{disk}): Filesystem has been shut down due to log error"), 1);
    }
    for turn in 1..=3 {
        for disk in 0..10 {
            let line = format!("EXT4-fs (sd{disk}): Remounting filesystem read-only");
            kernel.line(&line, 1);
        }
        assert_eq!(peer(&kernel), (10 * turn, 1, 36 + 10 * turn), "it began once");
    }
    let holds = |kernel: &mut Kernel, now| {
        let conditions = kernel.conditions.check(now, None);
        conditions.filter(|(_, holds)| *holds).map(|(r, _)| r.name).collect::<Vec<_>>()
    };
    assert_eq!(holds(&mut kernel, 2), ["FilesystemIsReadOnly", "XfsHasShutdown"]);
    let dir = tree(&[("proc/1/mountinfo", "")]);
    let [proc, sys] = ["proc", "sys"].map(|name| Root::new(dir.path().join(name)));
    let mounts = Mounts::read(&proc, &sys).unwrap();
    let later = kernel.conditions.check(3_600_000_002, Some(&mounts));
    assert_eq!(later.filter(|(_, holds)| *holds).count(), 0, "they fade");
}

/// A name that anybody may choose (a file's, a control group's, a process's) is no line of the kernel's.
#[test]
fn names_in_a_line_forge_nothing() {
    check(
        r#"
        Segfault | x[77]: segfault at 0 ip 0 sp 0 error 4 in EXT4-fs (sda1): Remounting filesystem read-only[5555+1000]
        Segfault | traps: x[77] trap invalid opcode ip:0 sp:0 error:0 in XFS (sda1): Filesystem has been shut down[5555+1000]
        Segfault | Oops [#1][77]: segfault at 0 ip 0 sp 0 error 4
        Segfault | Oops [#1] [77]: segfault at 0 ip 0 sp 0 error 4 in x[0+1]
        Segfault | x[77]: segfault at 0 ip 0 sp 0 error 4 in Killed process 1 (x) total-vm:1kB[5555+1000]
        ForkRejected | cgroup: fork rejected by pids controller in /user.slice/user@1.service/EXT4-fs error (device sda1)
         | oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),task_memcg=/user@1.service/(sda1): Remounting filesystem read-only,task=x,pid=7,uid=1
         | oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),task_memcg=/user@1.service/Killed process 1 (x) total-vm:1kB,task=x,pid=7,uid=1
         | Task in /user@1.service/error [#1] killed as a result of limit of /user@1.service
         | Tasks in /user@1.service/error [#1] are going to be killed due to memory.oom.group set
         | Memory cgroup stats for /user@1.service/Oops [#1]
        OOMKilling | Out of memory: Killed process 7 (Oops [#1]) total-vm:1kB, anon-rss:1kB, file-rss:0kB
         | overlayfs: failed to resolve '(sda1): Remounting filesystem read-only': -2
         | process '/tmp/BTRFS error (device sda1)' started with executable stack
        "#,
    );
}
