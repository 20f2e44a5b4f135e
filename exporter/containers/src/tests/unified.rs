//! Version 2 beyond a plain node: other runtimes under systemd's driver, many devices, no limits, no
//! swap, no pressure.

use super::*;

/// A machine with groups, each with its processes' ids; a process's command is `pause` where its id
/// ends in 0.
fn host(groups: &[(String, &str)], units: &str) -> Host {
    let mut files = machine();
    for (path, pids) in groups {
        files.extend(group(path, pids, &[]));
        for pid in pids.split_whitespace() {
            let command = if pid.ends_with('0') { "pause" } else { "app" };
            files.extend(process(pid.parse().unwrap(), command, &[]));
        }
    }
    Host::new(&borrowed(&files), &[("containers.units", units)])
}

#[test]
fn crio_with_systemd() {
    let pod =
        format!("/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{UNDER}.slice");
    let host = host(
        &[
            (pod.clone(), ""),
            (format!("{pod}/crio-{}.scope", id('a')), "70\n"),
            (format!("{pod}/crio-{}.scope", id('b')), "71\n"),
            // With crun, what a container's own manager makes is below `container`.
            (format!("{pod}/crio-{}.scope/container", id('b')), "72\n"),
            (format!("{pod}/crio-conmon-{}.scope", id('b')), "73\n"),
        ],
        "^$",
    );
    expect![[r#"
        container_memory_rss{container="",id="/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podUID.slice",image="",name="",namespace="default",pod="web-0"} 4194304
        container_memory_rss{container="",id="/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podUID.slice/crio-a….scope",image="pause",name="a…",namespace="default",pod="web-0"} 4194304
        container_memory_rss{container="app",id="/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podUID.slice/crio-b….scope",image="docker.io/library/app:1",name="b…",namespace="default",pod="web-0"} 4194304
        container_network_receive_bytes_total{container="",id="/",image="",interface="eth0",name="",namespace="",pod=""} 136
        container_network_receive_bytes_total{container="",id="/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podUID.slice/crio-a….scope",image="pause",interface="eth0",name="a…",namespace="default",pod="web-0"} 136
    "#]].assert_eq(&who(host, &id('b')));
}

#[test]
fn docker_and_podman_with_systemd() {
    let pod =
        format!("/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{UNDER}.slice");
    let host = host(
        &[
            // Through cri-dockerd, and by itself.
            (pod.clone(), ""),
            (format!("{pod}/docker-{}.scope", id('a')), "70\n"),
            (format!("{pod}/docker-{}.scope", id('b')), "71\n"),
            (format!("/system.slice/docker-{}.scope", id('c')), "72\n"),
            (format!("/machine.slice/libpod-{}.scope", id('d')), "73\n"),
            (format!("/machine.slice/libpod-conmon-{}.scope", id('d')), "74\n"),
        ],
        "^$",
    );
    expect![[r#"
        container_memory_rss{container="",id="/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podUID.slice",image="",name="",namespace="default",pod="web-0"} 4194304
        container_memory_rss{container="",id="/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podUID.slice/docker-a….scope",image="pause",name="a…",namespace="default",pod="web-0"} 4194304
        container_memory_rss{container="app",id="/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podUID.slice/docker-b….scope",image="docker.io/library/app:1",name="b…",namespace="default",pod="web-0"} 4194304
        container_memory_rss{container="",id="/machine.slice/libpod-d….scope",image="",name="d…",namespace="",pod=""} 4194304
        container_memory_rss{container="",id="/system.slice/docker-c….scope",image="",name="c…",namespace="",pod=""} 4194304
        container_network_receive_bytes_total{container="",id="/",image="",interface="eth0",name="",namespace="",pod=""} 136
        container_network_receive_bytes_total{container="",id="/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podUID.slice/docker-a….scope",image="pause",interface="eth0",name="a…",namespace="default",pod="web-0"} 136
    "#]].assert_eq(&who(host, &id('b')));
}

#[test]
fn containerd_with_cgroupfs() {
    let pod = format!("/kubepods/besteffort/pod{UID}");
    let host = host(
        &[
            ("/kubepods".into(), ""),
            ("/kubepods/besteffort".into(), ""),
            (pod.clone(), ""),
            (format!("{pod}/{}", id('a')), "70\n"),
            (format!("{pod}/{}", id('b')), "71\n"),
        ],
        "^/kubepods",
    );
    expect![[r#"
        container_memory_rss{container="",id="/kubepods",image="",name="",namespace="",pod=""} 4194304
        container_memory_rss{container="",id="/kubepods/besteffort",image="",name="",namespace="",pod=""} 4194304
        container_memory_rss{container="",id="/kubepods/besteffort/podUID",image="",name="",namespace="default",pod="web-0"} 4194304
        container_memory_rss{container="",id="/kubepods/besteffort/podUID/a…",image="pause",name="a…",namespace="default",pod="web-0"} 4194304
        container_memory_rss{container="app",id="/kubepods/besteffort/podUID/b…",image="docker.io/library/app:1",name="b…",namespace="default",pod="web-0"} 4194304
        container_network_receive_bytes_total{container="",id="/",image="",interface="eth0",name="",namespace="",pod=""} 136
        container_network_receive_bytes_total{container="",id="/kubepods/besteffort/podUID/a…",image="pause",interface="eth0",name="a…",namespace="default",pod="web-0"} 136
    "#]].assert_eq(&who(host, &id('b')));
}

/// Who is served, and whose the network is, where `app` has this id.
fn who(mut host: Host, app: &str) -> String {
    host.pod(UID, None, app);
    host.lines(&WHO)
}

#[test]
fn many_devices() {
    let scope = format!("/docker/{}", id('a'));
    let io = "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6 cost.vrate=100.00 cost.usage=7000000 cost.wait=8000000 cost.indebt=9000000 cost.indelay=10000000
259:0 rbytes=11 wbytes=12 rios=13 wios=14 dbytes=0 dios=0
8:16 
253:0 rbytes=21 wbytes=22 rios=23 wios=24 dbytes=0 dios=0
104:0 rbytes=31 wbytes=32 rios=33 wios=34
7:7 rbytes=1 wbytes=1 rios=1 wios=1
";
    let mut files = machine();
    files.extend(group(&scope, "", &[("io.stat", io)]));
    for (number, name) in
        [("259:0", "nvme0n1"), ("8:16", "sdb"), ("253:0", "dm-0"), ("104:0", "cciss!c0d0")]
    {
        files.push((format!("sys/dev/block/{number}"), format!("-> ../../block/{name}")));
    }
    let mut host = Host::new(&borrowed(&files), &[("containers.units", "^$")]);
    let text = samples(&host.scrape());
    let of_device = |line: &&str| line.contains(&scope) && line.contains("device=");
    let text: String = text.lines().filter(of_device).map(|line| line.to_owned() + "\n").collect();
    expect![[r#"
        container_blkio_device_usage_total{container="",device="/dev/sda",id="/docker/a…",image="",major="8",minor="0",name="a…",namespace="",operation="Read",pod=""} 1
        container_blkio_device_usage_total{container="",device="/dev/sda",id="/docker/a…",image="",major="8",minor="0",name="a…",namespace="",operation="Write",pod=""} 2
        container_blkio_device_usage_total{container="",device="/dev/nvme0n1",id="/docker/a…",image="",major="259",minor="0",name="a…",namespace="",operation="Read",pod=""} 11
        container_blkio_device_usage_total{container="",device="/dev/nvme0n1",id="/docker/a…",image="",major="259",minor="0",name="a…",namespace="",operation="Write",pod=""} 12
        container_blkio_device_usage_total{container="",device="/dev/dm-0",id="/docker/a…",image="",major="253",minor="0",name="a…",namespace="",operation="Read",pod=""} 21
        container_blkio_device_usage_total{container="",device="/dev/dm-0",id="/docker/a…",image="",major="253",minor="0",name="a…",namespace="",operation="Write",pod=""} 22
        container_blkio_device_usage_total{container="",device="/dev/cciss/c0d0",id="/docker/a…",image="",major="104",minor="0",name="a…",namespace="",operation="Read",pod=""} 31
        container_blkio_device_usage_total{container="",device="/dev/cciss/c0d0",id="/docker/a…",image="",major="104",minor="0",name="a…",namespace="",operation="Write",pod=""} 32
        container_fs_io_cost_indebt_seconds_total{container="",device="/dev/sda",id="/docker/a…",image="",name="a…",namespace="",pod=""} 9
        container_fs_io_cost_indelay_seconds_total{container="",device="/dev/sda",id="/docker/a…",image="",name="a…",namespace="",pod=""} 10
        container_fs_io_cost_usage_seconds_total{container="",device="/dev/sda",id="/docker/a…",image="",name="a…",namespace="",pod=""} 7
        container_fs_io_cost_wait_seconds_total{container="",device="/dev/sda",id="/docker/a…",image="",name="a…",namespace="",pod=""} 8
        container_fs_reads_bytes_total{container="",device="/dev/sda",id="/docker/a…",image="",name="a…",namespace="",pod=""} 1
        container_fs_reads_bytes_total{container="",device="/dev/nvme0n1",id="/docker/a…",image="",name="a…",namespace="",pod=""} 11
        container_fs_reads_bytes_total{container="",device="/dev/dm-0",id="/docker/a…",image="",name="a…",namespace="",pod=""} 21
        container_fs_reads_bytes_total{container="",device="/dev/cciss/c0d0",id="/docker/a…",image="",name="a…",namespace="",pod=""} 31
        container_fs_reads_total{container="",device="/dev/sda",id="/docker/a…",image="",name="a…",namespace="",pod=""} 3
        container_fs_reads_total{container="",device="/dev/nvme0n1",id="/docker/a…",image="",name="a…",namespace="",pod=""} 13
        container_fs_reads_total{container="",device="/dev/dm-0",id="/docker/a…",image="",name="a…",namespace="",pod=""} 23
        container_fs_reads_total{container="",device="/dev/cciss/c0d0",id="/docker/a…",image="",name="a…",namespace="",pod=""} 33
        container_fs_writes_bytes_total{container="",device="/dev/sda",id="/docker/a…",image="",name="a…",namespace="",pod=""} 2
        container_fs_writes_bytes_total{container="",device="/dev/nvme0n1",id="/docker/a…",image="",name="a…",namespace="",pod=""} 12
        container_fs_writes_bytes_total{container="",device="/dev/dm-0",id="/docker/a…",image="",name="a…",namespace="",pod=""} 22
        container_fs_writes_bytes_total{container="",device="/dev/cciss/c0d0",id="/docker/a…",image="",name="a…",namespace="",pod=""} 32
        container_fs_writes_total{container="",device="/dev/sda",id="/docker/a…",image="",name="a…",namespace="",pod=""} 4
        container_fs_writes_total{container="",device="/dev/nvme0n1",id="/docker/a…",image="",name="a…",namespace="",pod=""} 14
        container_fs_writes_total{container="",device="/dev/dm-0",id="/docker/a…",image="",name="a…",namespace="",pod=""} 24
        container_fs_writes_total{container="",device="/dev/cciss/c0d0",id="/docker/a…",image="",name="a…",namespace="",pod=""} 34
    "#]].assert_eq(&text.replace(&id('a'), "a…"));
}

#[test]
fn no_limits_no_swap_no_pressure() {
    let scope = format!("/docker/{}", id('a'));
    let more = [
        ("memory.max", "max\n"),
        ("memory.min", "0\n"),
        ("memory.swap.current", "-"),
        ("memory.swap.max", "-"),
        ("cpu.max", "max 100000\n"),
        ("cpu.pressure", "-"),
        ("memory.pressure", "-"),
        ("io.pressure", "-"),
        ("memory.peak", "-"),
    ];
    let mut files = machine();
    files.retain(|(path, _)| path != "proc/meminfo");
    files.push(("proc/meminfo".into(), "MemTotal: 8 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n".into()));
    files.extend(group(&scope, "", &more));
    let mut host = Host::new(&borrowed(&files), &[("containers.units", "^$")]);
    let text = samples(&host.scrape());
    let names = ["_spec_", "_swap", "_pressure_", "_cfs_", "_max_usage_", "_threads_max"];
    let wanted =
        |line: &&str| line.contains(&scope) && names.iter().any(|name| line.contains(name));
    let text: String = text.lines().filter(wanted).map(|line| line.to_owned() + "\n").collect();
    expect![[r#"
        container_memory_swap{container="",id="/docker/a…",image="",name="a…",namespace="",pod=""} 0
        container_spec_cpu_period{container="",id="/docker/a…",image="",name="a…",namespace="",pod=""} 100000
        container_spec_cpu_shares{container="",id="/docker/a…",image="",name="a…",namespace="",pod=""} 998
        container_spec_memory_limit_bytes{container="",id="/docker/a…",image="",name="a…",namespace="",pod=""} 0
        container_spec_memory_reservation_limit_bytes{container="",id="/docker/a…",image="",name="a…",namespace="",pod=""} 0
        container_spec_memory_swap_limit_bytes{container="",id="/docker/a…",image="",name="a…",namespace="",pod=""} 0
        container_threads_max{container="",id="/docker/a…",image="",name="a…",namespace="",pod=""} 0
    "#]].assert_eq(&text.replace(&id('a'), "a…"));
}

/// Of a machine that is a container itself, such as a node of kind: its root is a group of its host's.
#[test]
fn the_root_of_a_namespace_counts_for_itself() {
    let mut files = machine();
    files.extend(group("", "", &[("cgroup.procs", "-")]));
    let mut host = Host::always(&borrowed(&files));
    let names = ["usage_bytes", "working_set_bytes", "max_usage_bytes", "swap", "rss", "cache"];
    let names = names.map(|name| format!("container_memory_{name}"));
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    expect![[r#"
        container_memory_cache{container="",id="/",image="",name="",namespace="",pod=""} 6291456
        container_memory_max_usage_bytes{container="",id="/",image="",name="",namespace="",pod=""} 12582912
        container_memory_rss{container="",id="/",image="",name="",namespace="",pod=""} 4194304
        container_memory_swap{container="",id="/",image="",name="",namespace="",pod=""} 4096
        container_memory_usage_bytes{container="",id="/",image="",name="",namespace="",pod=""} 10485760
        container_memory_working_set_bytes{container="",id="/",image="",name="",namespace="",pod=""} 7340032
    "#]].assert_eq(&host.lines(&names));
}
