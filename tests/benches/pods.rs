//! A node's pods as files: a pod has a group, a sandbox and three containers.

use collect::Context;
use model::{Container, Model, Pod};
use std::{fmt::Write as _, fs, io, os::unix::fs::symlink, path::Path};

const CONTAINERS: usize = 3;
const GROUP: [(&str, &str); 18] = [
    ("cgroup.events", "populated 1\nfrozen 0\n"),
    ("cpu.stat", CPU),
    ("cpu.max", "50000 100000\n"),
    ("cpu.weight", "39\n"),
    (
        "cpu.pressure",
        "some avg10=0.00 avg60=0.00 avg300=0.00 total=2500000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=1500000\n",
    ),
    (
        "memory.pressure",
        "some avg10=0.00 avg60=0.00 avg300=0.00 total=20\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=10\n",
    ),
    (
        "io.pressure",
        "some avg10=0.00 avg60=0.00 avg300=0.00 total=40\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=30\n",
    ),
    ("memory.current", "104857600\n"),
    ("memory.peak", "125829120\n"),
    ("memory.swap.current", "0\n"),
    ("memory.max", "335544320\n"),
    ("memory.min", "0\n"),
    ("memory.swap.max", "max\n"),
    ("memory.stat", MEMORY),
    ("io.stat", "259:0 rbytes=409600 wbytes=819200 rios=100 wios=200 dbytes=0 dios=0\n"),
    ("pids.current", "25\n"),
    ("pids.max", "9000\n"),
    ("cgroup.procs", ""),
];
const CPU: &str = "usage_usec 81234567\nuser_usec 61234567\nsystem_usec 20000000\nnice_usec 0\ncore_sched.force_idle_usec 0\nnr_periods 40123\nnr_throttled 312\nthrottled_usec 2512345\nnr_bursts 0\nburst_usec 0\n";
/// As Linux 6.8 has it.
const MEMORY: &str = "anon 41943040\nfile 52428800\nkernel 2523136\nkernel_stack 180224\npagetables 417792\nsec_pagetables 0\npercpu 1680\nsock 8192\nvmalloc 0\nshmem 0\nzswap 0\nzswapped 0\nfile_mapped 20971520\nfile_dirty 4096\nfile_writeback 0\nswapcached 0\nanon_thp 0\nfile_thp 0\nshmem_thp 0\ninactive_anon 41906176\nactive_anon 12288\ninactive_file 31457280\nactive_file 20971520\nunevictable 0\nslab_reclaimable 1443472\nslab_unreclaimable 419560\nslab 1863032\nworkingset_refault_anon 0\nworkingset_refault_file 1024\nworkingset_activate_anon 0\nworkingset_activate_file 512\nworkingset_restore_anon 0\nworkingset_restore_file 12\nworkingset_nodereclaim 0\npgdemote_kswapd 0\npgdemote_direct 0\npgdemote_khugepaged 0\npgscan 20480\npgsteal 20000\npgscan_kswapd 20480\npgscan_direct 0\npgscan_khugepaged 0\npgsteal_kswapd 20000\npgsteal_direct 0\npgsteal_khugepaged 0\npgfault 512345\npgmajfault 123\npgrefill 256\npgactivate 4096\npgdeactivate 128\npglazyfree 0\npglazyfreed 0\nzswpin 0\nzswpout 0\nthp_fault_alloc 0\nthp_collapse_alloc 0\n";
const NET: &str = "Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0
  eth0: 1360000    2000    0    0    0     0          0         0  5940000    9000    0    0    0     0       0          0
";
const LIMITS: &str = "Limit                     Soft Limit           Hard Limit           Units
Max open files            1048576              1048576              files
";
const BASE: &str = "sys/fs/cgroup";

/// Makes the node's files below `dir`.
pub(crate) fn make(dir: &Path, pods: usize) -> io::Result<()> {
    let cgroup = dir.join(BASE);
    group(&cgroup, None)?;
    fs::write(cgroup.join("cgroup.controllers"), "cpu io memory pids\n")?;
    let slice = cgroup.join("kubepods.slice");
    group(&slice, None)?;
    fs::create_dir_all(dir.join("sys/dev/block"))?;
    symlink("../../devices/pci0/nvme0n1", dir.join("sys/dev/block/259:0"))?;
    process(dir, 1, "systemd")?;
    fs::write(dir.join("proc/meminfo"), "MemTotal: 8000000 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n")?;
    fs::write(dir.join("proc/stat"), "btime 1\n")?;
    fs::write(dir.join("proc/cpuinfo"), "processor\t: 0\n")?;
    for pod in 0..pods {
        let path = slice.join(format!("kubepods-pod{}.slice", uid(pod).replace('-', "_")));
        group(&path, None)?;
        for at in 0..=CONTAINERS {
            let pid = pid(pod, at);
            let scope = format!("cri-containerd-{}.scope", id(pod, at));
            group(&path.join(scope), Some(pid))?;
            process(dir, pid, if at == 0 { "pause" } else { "server" })?;
        }
    }
    Ok(())
}

/// Tells the model of the pods.
pub(crate) fn tell(context: &Context, pods: usize) {
    let container = |pod, at| Container {
        id: id(pod, at).into(),
        name: format!("container-{at}").into(),
        image: "registry.example/some/image:v1.2.3".into(),
        ..Container::default()
    };
    let pod = |pod| Pod {
        namespace: "some-namespace".into(),
        name: format!("deployment-7d4b9c6f5-{pod:05}").into(),
        config_hash: None,
        containers: (1..=CONTAINERS).map(|at| container(pod, at)).collect(),
        ..Pod::default()
    };
    let all = (0..pods).map(|number| (uid(number).into(), pod(number)));
    context.shared.get::<Model>().pods_mut().reset(all);
}

/// Lets the containers work: every one of them has run, waited for a processor, and has other memory
/// than before, and one of each pod has written. The groups above count what those below do.
pub(crate) fn work(dir: &Path, pods: usize, round: u32) -> io::Result<()> {
    let slice = dir.join(BASE).join("kubepods.slice");
    for pod in 0..pods {
        let path = slice.join(format!("kubepods-pod{}.slice", uid(pod).replace('-', "_")));
        for at in 1..=CONTAINERS {
            let scope = path.join(format!("cri-containerd-{}.scope", id(pod, at)));
            let number = 7919 * (1 + pod * CONTAINERS + at) + 104_729 * round as usize;
            let number = if at == 1 { number } else { number / 3 };
            worked(&scope, number, at == 1)?;
        }
        worked(&path, 7919 * (1 + pod) + 304_729 * round as usize, true)?;
    }
    worked(&slice, 30_304_729 * round as usize, true)
}

/// Writes what a group says that did `number` of everything.
fn worked(path: &Path, number: usize, wrote: bool) -> io::Result<()> {
    let more = |text: &str, rows: &[(&str, usize, usize)]| {
        let mut out = String::new();
        for line in text.lines() {
            let row = rows.iter().find(|(key, ..)| line.split(' ').next() == Some(*key));
            match row {
                Some((key, from, step)) => writeln!(out, "{key} {}", from + step * number),
                None => writeln!(out, "{line}"),
            }
            .expect("a string takes it");
        }
        out
    };
    let cpu = [
        ("usage_usec", 81_234_567, 3),
        ("user_usec", 61_234_567, 2),
        ("system_usec", 20_000_000, 1),
        ("nr_periods", 40_123, 1),
    ];
    let memory = [
        ("anon", 41_943_040, 4096),
        ("file", 52_428_800, 4096),
        ("active_file", 20_971_520, 4096),
        ("pgfault", 512_345, 1),
    ];
    let waited = format!(
        "some avg10=0.10 avg60=0.00 avg300=0.00 total={}\nfull avg10=0.00 avg60=0.00 avg300=0.00 total={}\n",
        2_500_000 + 2 * number,
        1_500_000 + number,
    );
    fs::write(path.join("cpu.stat"), more(CPU, &cpu))?;
    fs::write(path.join("memory.stat"), more(MEMORY, &memory))?;
    fs::write(path.join("memory.current"), format!("{}\n", 104_857_600 + 4096 * number))?;
    fs::write(path.join("cpu.pressure"), waited)?;
    if wrote {
        let (bytes, times) = (819_200 + 4096 * number, 200 + number);
        let text =
            format!("259:0 rbytes=409600 wbytes={bytes} rios=100 wios={times} dbytes=0 dios=0\n");
        fs::write(path.join("io.stat"), text)?;
    }
    Ok(())
}

fn group(path: &Path, pid: Option<usize>) -> io::Result<()> {
    fs::create_dir_all(path)?;
    for (name, text) in GROUP {
        fs::write(path.join(name), text)?;
    }
    pid.map_or(Ok(()), |pid| fs::write(path.join("cgroup.procs"), format!("{pid}\n")))
}

fn process(dir: &Path, pid: usize, command: &str) -> io::Result<()> {
    let path = dir.join(format!("proc/{pid}"));
    for name in ["net", "fd"] {
        fs::create_dir_all(path.join(name))?;
    }
    for (name, text) in [("net/dev", NET), ("limits", LIMITS), ("comm", command)] {
        fs::write(path.join(name), text)?;
    }
    for (at, link) in ["/dev/null", "pipe:[1]", "pipe:[2]", "socket:[3]"].iter().enumerate() {
        symlink(link, path.join(format!("fd/{at}")))?;
    }
    Ok(())
}

fn pid(pod: usize, at: usize) -> usize {
    1000 + pod * (CONTAINERS + 1) + at
}

fn uid(pod: usize) -> String {
    format!("3b1f7cf6-6a0e-4a5e-9f53-{pod:012x}")
}

/// Ids have nothing in common, as in life.
fn id(pod: usize, at: usize) -> String {
    let mut state = pid(pod, at) as u64;
    let mut part = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("{state:016x}")
    };
    [part(), part(), part(), part()].concat()
}
