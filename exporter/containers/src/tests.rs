//! Whole hosts in, exposition text out: version 2 and 1, drivers systemd and cgroupfs, containerd,
//! CRI-O and Docker.
#![expect(clippy::disallowed_methods, reason = "tests make and change files")]

mod still;
mod unified;

use super::*;
use collect::testing::{context, samples, tree};
use expect_test::{expect, expect_file};
use exposition::{Format, encode};
use model::{Container, Pod, Victim};
use std::{fs, path::Path, time::UNIX_EPOCH};
use tempfile::TempDir;

const UID: &str = "3b1f7cf6-6a0e-4a5e-9f53-0c5f1d0a4b11";
const UNDER: &str = "3b1f7cf6_6a0e_4a5e_9f53_0c5f1d0a4b11";

/// An id of a container.
fn id(digit: char) -> String {
    digit.to_string().repeat(64)
}

/// A host whose collector lives from scrape to scrape.
struct Host {
    dir: TempDir,
    cx: Context,
    collector: Box<dyn Collector>,
}

impl Host {
    fn new(files: &[(&str, &str)], options: &[(&str, &str)]) -> Self {
        let dir = tree(files);
        stand_still(dir.path());
        let cx = context(&SPEC, dir.path(), options);
        let collector = (SPEC.build)(&cx).unwrap();
        Self { dir, cx, collector }
    }

    fn always(files: &[(&str, &str)]) -> Self {
        let mut host = Self::new(files, &[]);
        host.cx.options.set(MODE.name, vec!["on".into()]);
        host.collector = (SPEC.build)(&host.cx).unwrap();
        host
    }

    /// Tells the model of a pod whose one container `app` has this id.
    fn pod(&self, uid: &str, hash: Option<&str>, id: &str) {
        self.tell(uid, hash, id, None);
    }

    /// Tells the model that the container runs again.
    fn pod_after(&self, uid: &str, id: &str, previous: &str) {
        self.tell(uid, None, id, Some(previous));
    }

    fn tell(&self, uid: &str, hash: Option<&str>, id: &str, previous: Option<&str>) {
        let container = Container {
            id: id.into(),
            previous: previous.map(Into::into),
            name: "app".into(),
            image: "docker.io/library/app:1".into(),
            ..Container::default()
        };
        let pod = Pod {
            namespace: "default".into(),
            name: "web-0".into(),
            config_hash: hash.map(Into::into),
            containers: vec![container],
            ..Pod::default()
        };
        self.cx.shared.get::<Model>().pods_mut().apply(&uid.into(), pod);
    }

    fn scrape(&mut self) -> String {
        let mut out = Writer::default();
        let result = self.collector.collect(&mut out);
        let block = out.finish();
        let mut text = String::from_utf8(encode(&[&block], Format::TEXT).plain()).unwrap();
        if let Err(error) = result {
            text.extend(["error: ", &error.to_string(), "\n"]);
        }
        text.replace(&self.dir.path().display().to_string(), "")
    }

    /// The lines whose name is one of these, with ids cut short.
    fn lines(&mut self, names: &[&str]) -> String {
        let text = samples(&self.scrape());
        let wanted = |line: &&str| names.iter().any(|name| line.starts_with(&format!("{name}{{")));
        let mut text: String =
            text.lines().filter(wanted).map(|line| line.to_owned() + "\n").collect();
        for digit in "0123456789abcdef".chars() {
            text = text.replace(&id(digit), &format!("{digit}…"));
        }
        text.replace(UID, "UID").replace(UNDER, "UID")
    }

    fn remove(&self, rel: &str) {
        fs::remove_dir_all(self.dir.path().join(rel)).unwrap();
    }

    fn write(&self, rel: &str, text: &str) {
        let path = self.dir.path().join(rel);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// Gives everything the same time.
fn stand_still(path: &Path) {
    let time = UNIX_EPOCH + Duration::from_secs(1_767_320_000);
    let Ok(entries) = fs::read_dir(path) else { return };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            stand_still(&entry.path());
        }
        if entry.file_type().is_ok_and(|kind| !kind.is_symlink()) {
            fs::File::open(entry.path()).unwrap().set_modified(time).unwrap();
        }
    }
}

const BASE: &str = "sys/fs/cgroup";
const NET: &str = "Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:       9       9    0    0    0     0          0         0        9       9    0    0    0     0       0          0
  eth0:     136       2    3    4    0     0          0         0      594       9   10   11    0     0       0          0
";
const LIMITS: &str = "Limit                     Soft Limit           Hard Limit           Units
Max processes             96365                96365                processes
Max open files            1048576              1048576              files
";
const MEMINFO: &str =
    "MemTotal:        8000000 kB\nMemFree: 1 kB\nSwapTotal: 1000 kB\nSwapFree: 400 kB\n";

/// The files of a group of version 2 that has every number.
fn group(path: &str, pids: &str, more: &[(&str, &str)]) -> Vec<(String, String)> {
    let files = [
        ("cgroup.events", "populated 1\nfrozen 0\n"),
        ("cgroup.procs", pids),
        (
            "cpu.stat",
            "usage_usec 1500000\nuser_usec 1000000\nsystem_usec 500000\nnr_periods 40\nnr_throttled 3\nthrottled_usec 250000\nnr_bursts 2\nburst_usec 1000\n",
        ),
        ("cpu.max", "max 100000\n"),
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
        ("memory.current", "10485760\n"),
        ("memory.peak", "12582912\n"),
        ("memory.swap.current", "4096\n"),
        ("memory.max", "33554432\n"),
        ("memory.min", "1048576\n"),
        ("memory.swap.max", "max\n"),
        (
            "memory.stat",
            "anon 4194304\nfile 6291456\nkernel 524288\nfile_mapped 2097152\ninactive_anon 0\nactive_anon 4194304\ninactive_file 3145728\nactive_file 1048576\npgfault 700\npgmajfault 7\n",
        ),
        (
            "io.stat",
            "8:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n7:9 rbytes=1 wbytes=1 rios=1 wios=1\n",
        ),
        ("pids.current", "5\n"),
        ("pids.max", "max\n"),
    ];
    let mut out = Vec::new();
    for (name, text) in files {
        let text = more.iter().find(|(other, _)| *other == name).map_or(text, |(_, text)| text);
        if text != "-" {
            out.push((format!("{BASE}{path}/{name}"), text.to_owned()));
        }
    }
    out
}

/// A process: its command, its open files, its network.
fn process(pid: u32, command: &str, links: &[&str]) -> Vec<(String, String)> {
    let mut files = vec![
        (format!("proc/{pid}/comm"), format!("{command}\n")),
        (format!("proc/{pid}/limits"), LIMITS.to_owned()),
        (format!("proc/{pid}/net/dev"), NET.to_owned()),
        (format!("proc/{pid}/fd/"), String::new()),
    ];
    for (at, link) in links.iter().enumerate() {
        files.push((format!("proc/{pid}/fd/{at}"), format!("-> {link}")));
    }
    files
}

fn machine() -> Vec<(String, String)> {
    vec![
        ("proc/meminfo".into(), MEMINFO.into()),
        ("proc/cpuinfo".into(), "processor\t: 0\n".into()),
        ("proc/stat".into(), "cpu 1\nbtime 1767310000\n".into()),
        ("proc/1/limits".into(), LIMITS.into()),
        ("proc/1/net/dev".into(), NET.into()),
        ("sys/dev/block/8:0".into(), "-> ../../devices/pci0/host0/block/sda".into()),
        (format!("{BASE}/cgroup.controllers"), "cpu io memory pids\n".into()),
    ]
}

fn borrowed(files: &[(String, String)]) -> Vec<(&str, &str)> {
    files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect()
}

/// A node with the systemd driver and containerd: a pod with its sandbox and one container.
fn node() -> Vec<(String, String)> {
    let pods = "/kubepods.slice";
    let pod = format!("{pods}/kubepods-pod{UNDER}.slice");
    let root = [
        ("cgroup.events", "-"),
        ("cgroup.procs", "2\n3\n"),
        ("memory.current", "-"),
        ("memory.peak", "-"),
        ("memory.swap.current", "-"),
        ("memory.max", "-"),
        ("cpu.max", "-"),
        ("cpu.weight", "-"),
        ("pids.current", "-"),
        ("pids.max", "-"),
    ];
    let app = [("cpu.max", "50000 100000\n"), ("pids.max", "1000\n")];
    let mut files = machine();
    files.extend(group("", "", &root));
    files.extend(group(pods, "", &[]));
    files.extend(group(&pod, "", &[]));
    files.extend(group(&format!("{pod}/cri-containerd-{}.scope", id('a')), "70\n", &[]));
    files.extend(group(&format!("{pod}/cri-containerd-{}.scope", id('b')), "80\n81\n", &app));
    files.extend(process(70, "pause", &["/dev/null"]));
    files.extend(process(80, "app", &["/dev/null", "socket:[7]", "socket:[8]"]));
    files.extend(process(81, "app", &["pipe:[1]"]));
    files.extend(group("/system.slice", "", &[]));
    files.extend(group("/system.slice/kubelet.service", "90\n", &[]));
    files.extend(process(90, "kubelet", &["socket:[9]"]));
    files.extend(group("/system.slice/dev-hugepages.mount", "", &[]));
    files
}

#[test]
fn a_node_of_version_2_with_systemd_and_containerd() {
    let mut host = Host::new(&borrowed(&node()), &[]);
    host.pod(UID, None, &id('b'));
    let mut text = host.scrape();
    for digit in ['a', 'b'] {
        text = text.replace(&id(digit), &format!("{digit}…"));
    }
    expect_file!["tests/node.txt"].assert_eq(&text.replace(UNDER, "UID"));
    // What is kept from scrape to scrape changes nothing.
    assert_eq!(host.scrape(), host.scrape());
}

/// Names that tell groups apart, and the network.
const WHO: [&str; 2] = ["container_memory_rss", "container_network_receive_bytes_total"];

#[test]
fn the_driver_cgroupfs_crio_docker_and_static_pods() {
    let hash = "0123456789abcdef0123456789abcdef";
    let mut files = machine();
    for (path, pids) in [
        ("/kubepods/burstable".to_owned(), ""),
        // CRI-O, which makes no sandbox unless it must, and the process that watches a container.
        (format!("/kubepods/burstable/pod{UID}"), ""),
        (format!("/kubepods/burstable/pod{UID}/crio-{}", id('c')), "70\n"),
        (format!("/kubepods/burstable/pod{UID}/crio-conmon-{}", id('c')), "71\n"),
        // A static pod whose container is too new for its status.
        (format!("/kubepods/pod{hash}"), ""),
        (format!("/kubepods/pod{hash}/{}", id('d')), "72\n"),
        (format!("/docker/{}", id('e')), "73\n"),
        (format!("/docker/{}/init.scope", id('e')), "74\n"),
        // containerd's own driver below the kubelet's.
        (
            format!(
                "/system.slice/containerd.service/kubepods-pod{UNDER}.slice:cri-containerd:{}",
                id('f')
            ),
            "75\n",
        ),
        ("/user.slice/user-0.slice/session-3.scope".to_owned(), "76\n"),
        ("/user.slice/user-0.slice/user@0.service/app.slice".to_owned(), "77\n"),
    ] {
        files.extend(group(&path, pids, &[]));
    }
    for pid in 70..78 {
        files.extend(process(pid, "app", &[]));
    }
    let mut host = Host::new(&borrowed(&files), &[("containers.units", "^/(docker|kubepods)")]);
    host.pod(UID, None, &id('c'));
    host.pod("uid-of-the-mirror", Some(hash), &id('0'));
    expect![[r#"
        container_memory_rss{container="",id="/docker/e…",image="",name="e…",namespace="",pod=""} 4194304
        container_memory_rss{container="",id="/kubepods/burstable",image="",name="",namespace="",pod=""} 4194304
        container_memory_rss{container="",id="/kubepods/burstable/podUID",image="",name="",namespace="default",pod="web-0"} 4194304
        container_memory_rss{container="app",id="/kubepods/burstable/podUID/crio-c…",image="docker.io/library/app:1",name="c…",namespace="default",pod="web-0"} 4194304
        container_memory_rss{container="",id="/kubepods/pod0123456789abcdef0123456789abcdef",image="",name="",namespace="default",pod="web-0"} 4194304
        container_memory_rss{container="",id="/kubepods/pod0123456789abcdef0123456789abcdef/d…",image="",name="d…",namespace="default",pod="web-0"} 4194304
        container_memory_rss{container="",id="/system.slice/containerd.service/kubepods-podUID.slice:cri-containerd:f…",image="",name="f…",namespace="default",pod="web-0"} 4194304
        container_network_receive_bytes_total{container="",id="/",image="",interface="eth0",name="",namespace="",pod=""} 136
        container_network_receive_bytes_total{container="",id="/kubepods/burstable/podUID",image="",interface="eth0",name="",namespace="default",pod="web-0"} 136
        container_network_receive_bytes_total{container="",id="/kubepods/pod0123456789abcdef0123456789abcdef",image="",interface="eth0",name="",namespace="default",pod="web-0"} 136
    "#]].assert_eq(&host.lines(&WHO));
    // The status came.
    host.pod("uid-of-the-mirror", Some(hash), &id('d'));
    expect![[r#"
        container_memory_rss{container="",id="/docker/e…",image="",name="e…",namespace="",pod=""} 4194304
        container_memory_rss{container="",id="/kubepods/burstable",image="",name="",namespace="",pod=""} 4194304
        container_memory_rss{container="",id="/kubepods/burstable/podUID",image="",name="",namespace="default",pod="web-0"} 4194304
        container_memory_rss{container="app",id="/kubepods/burstable/podUID/crio-c…",image="docker.io/library/app:1",name="c…",namespace="default",pod="web-0"} 4194304
        container_memory_rss{container="",id="/kubepods/pod0123456789abcdef0123456789abcdef",image="",name="",namespace="default",pod="web-0"} 4194304
        container_memory_rss{container="app",id="/kubepods/pod0123456789abcdef0123456789abcdef/d…",image="docker.io/library/app:1",name="d…",namespace="default",pod="web-0"} 4194304
        container_memory_rss{container="",id="/system.slice/containerd.service/kubepods-podUID.slice:cri-containerd:f…",image="",name="f…",namespace="default",pod="web-0"} 4194304
    "#]].assert_eq(&host.lines(&WHO[..1]));
}

#[test]
fn groups_come_and_go() {
    let mut host = Host::new(&borrowed(&node()), &[("containers.units", "kubelet")]);
    host.pod(UID, None, &id('b'));
    let names = ["container_memory_rss", "container_processes"];
    expect![[r#"
        container_memory_rss{container="",id="/",image="",name="",namespace="",pod=""} 4194304
        container_memory_rss{container="",id="/kubepods.slice/kubepods-podUID.slice",image="",name="",namespace="default",pod="web-0"} 4194304
        container_memory_rss{container="",id="/kubepods.slice/kubepods-podUID.slice/cri-containerd-a….scope",image="pause",name="a…",namespace="default",pod="web-0"} 4194304
        container_memory_rss{container="app",id="/kubepods.slice/kubepods-podUID.slice/cri-containerd-b….scope",image="docker.io/library/app:1",name="b…",namespace="default",pod="web-0"} 4194304
        container_memory_rss{container="",id="/system.slice/kubelet.service",image="",name="",namespace="",pod=""} 4194304
        container_processes{container="",id="/",image="",name="",namespace="",pod=""} 2
        container_processes{container="",id="/kubepods.slice/kubepods-podUID.slice",image="",name="",namespace="default",pod="web-0"} 0
        container_processes{container="",id="/kubepods.slice/kubepods-podUID.slice/cri-containerd-a….scope",image="pause",name="a…",namespace="default",pod="web-0"} 1
        container_processes{container="app",id="/kubepods.slice/kubepods-podUID.slice/cri-containerd-b….scope",image="docker.io/library/app:1",name="b…",namespace="default",pod="web-0"} 2
        container_processes{container="",id="/system.slice/kubelet.service",image="",name="",namespace="",pod=""} 1
    "#]].assert_eq(&host.lines(&names));
    // The container runs again: one goes, one comes.
    let pod = format!("{BASE}/kubepods.slice/kubepods-pod{UNDER}.slice");
    host.remove(&format!("{pod}/cri-containerd-{}.scope", id('b')));
    assert!(!host.lines(&names).contains("b…"));
    let scope =
        format!("/kubepods.slice/kubepods-pod{UNDER}.slice/cri-containerd-{}.scope", id('c'));
    for (rel, text) in group(&scope, "80\n", &[]) {
        host.write(&rel, &text);
    }
    host.pod(UID, None, &id('c'));
    // The service was stopped.
    host.remove(&format!("{BASE}/system.slice/kubelet.service"));
    expect![[r#"
        container_memory_rss{container="",id="/",image="",name="",namespace="",pod=""} 4194304
        container_memory_rss{container="",id="/kubepods.slice/kubepods-podUID.slice",image="",name="",namespace="default",pod="web-0"} 4194304
        container_memory_rss{container="",id="/kubepods.slice/kubepods-podUID.slice/cri-containerd-a….scope",image="pause",name="a…",namespace="default",pod="web-0"} 4194304
        container_memory_rss{container="app",id="/kubepods.slice/kubepods-podUID.slice/cri-containerd-c….scope",image="docker.io/library/app:1",name="c…",namespace="default",pod="web-0"} 4194304
        container_processes{container="",id="/",image="",name="",namespace="",pod=""} 2
        container_processes{container="",id="/kubepods.slice/kubepods-podUID.slice",image="",name="",namespace="default",pod="web-0"} 0
        container_processes{container="",id="/kubepods.slice/kubepods-podUID.slice/cri-containerd-a….scope",image="pause",name="a…",namespace="default",pod="web-0"} 1
        container_processes{container="app",id="/kubepods.slice/kubepods-podUID.slice/cri-containerd-c….scope",image="docker.io/library/app:1",name="c…",namespace="default",pod="web-0"} 1
    "#]].assert_eq(&host.lines(&names));
    // The pod has gone, and with it the last that is a container.
    host.remove(&pod);
    assert_eq!(host.scrape(), "");
}

#[test]
fn a_group_comes_as_what_nobody_reads_goes() {
    for (options, gone) in [
        (&[][..], "system.slice/data.mount"),
        (&[("containers.units", "kubelet|new")], "system.slice/old.service"),
    ] {
        let mut host = Host::new(&borrowed(&node()), options);
        host.pod(UID, None, &id('b'));
        host.write(&format!("{BASE}/{gone}/cgroup.procs"), "");
        let services =
            |host: &mut Host| host.lines(&["container_memory_rss"]).matches(".service").count();
        assert_eq!(services(&mut host), 1, "{gone}");
        // The directory has as many in it as before.
        host.remove(&format!("{BASE}/{gone}"));
        for (rel, text) in group("/system.slice/new.service", "", &[]) {
            host.write(&rel, &text);
        }
        assert_eq!(services(&mut host), 2, "{gone}");
    }
}

#[test]
fn the_count_of_oom_kills_survives_the_container() {
    let mut host = Host::new(&borrowed(&node()), &[("containers.units", "kubelet")]);
    let victim = |unit: &str, container: &str| {
        let pod = if container.is_empty() { "" } else { UID };
        Victim { unit: unit.into(), pod: pod.into(), container: container.into() }
    };
    let model = host.cx.shared.get::<Model>();
    let kills =
        [(victim("kubelet.service", ""), 1), (victim("", &id('b')), 2), (victim("", &id('c')), 7)];
    model.kills_mut().reset(kills);
    host.pod(UID, None, &id('b'));
    let name = ["container_oom_events_total"];
    expect![[r#"
        container_oom_events_total{container="",id="/",image="",name="",namespace="",pod=""} 0
        container_oom_events_total{container="",id="/kubepods.slice/kubepods-podUID.slice",image="",name="",namespace="default",pod="web-0"} 0
        container_oom_events_total{container="",id="/kubepods.slice/kubepods-podUID.slice/cri-containerd-a….scope",image="pause",name="a…",namespace="default",pod="web-0"} 0
        container_oom_events_total{container="app",id="/kubepods.slice/kubepods-podUID.slice/cri-containerd-b….scope",image="docker.io/library/app:1",name="b…",namespace="default",pod="web-0"} 2
        container_oom_events_total{container="",id="/system.slice/kubelet.service",image="",name="",namespace="",pod=""} 1
    "#]].assert_eq(&host.lines(&name));
    // It was killed, and another runs in its place; then that one, too.
    let pod = format!("{BASE}/kubepods.slice/kubepods-pod{UNDER}.slice");
    host.remove(&format!("{pod}/cri-containerd-{}.scope", id('b')));
    host.pod_after(UID, &id('d'), &id('b'));
    let text = host.lines(&name);
    expect![[r#"
        container_oom_events_total{container="",id="/",image="",name="",namespace="",pod=""} 0
        container_oom_events_total{container="",id="/kubepods.slice/kubepods-podUID.slice",image="",name="",namespace="default",pod="web-0"} 0
        container_oom_events_total{container="",id="/kubepods.slice/kubepods-podUID.slice/cri-containerd-a….scope",image="pause",name="a…",namespace="default",pod="web-0"} 0
        container_oom_events_total{container="",id="/system.slice/kubelet.service",image="",name="",namespace="",pod=""} 1
        container_oom_events_total{container="app",id="/kubepods.slice/kubepods-podUID.slice/cri-containerd-b….scope",image="docker.io/library/app:1",name="b…",namespace="default",pod="web-0"} 2
    "#]].assert_eq(&text);
    host.pod_after(UID, &id('e'), &id('d'));
    assert_eq!(host.lines(&name), text);
    // The pod has ended, and is not the machine's last one; then it is deleted.
    host.write(&format!("{BASE}/docker/{}/cgroup.procs", id('f')), "");
    host.remove(&pod);
    let row = r#"container_oom_events_total{container="app",id="/kubepods.slice/kubepods-podUID.slice/cri-containerd-b….scope",image="docker.io/library/app:1",name="b…",namespace="default",pod="web-0"} 2"#;
    assert!(host.lines(&name).lines().any(|line| line == row));
    model.pods_mut().delete(UID);
    assert!(!host.lines(&name).contains("b…"));
}

#[test]
fn lines_of_many_groups_are_written_when_they_are_sent() {
    let mut files = machine();
    let services = 0..100;
    for number in services.clone() {
        let path = format!("/system.slice/s{number}.service");
        files.extend(group(&path, "5\n", &[("memory.max", &format!("{number}\n"))]));
    }
    let mut host = Host::always(&borrowed(&files));
    let name = "container_spec_memory_limit_bytes";
    let of = |text: &str, number: usize| {
        let id = format!("id=\"/system.slice/s{number}.service\"");
        let line = text.lines().find(|line| line.starts_with(name) && line.contains(&id));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<usize>().ok())
    };
    let text = host.scrape();
    for number in services {
        assert_eq!(of(&text, number), Some(number));
    }
    let lines = text.lines().count();
    assert_eq!(host.scrape(), text);
    // Who takes a body slowly gets what was read for it, whatever was read since.
    let mut slow = Writer::default();
    host.collector.collect(&mut slow).unwrap();
    let slow = slow.finish();
    assert_eq!(slow.samples(), text.lines().filter(|line| !line.starts_with('#')).count());
    // One comes, one goes.
    host.remove(&format!("{BASE}/system.slice/s7.service"));
    for (rel, file) in group("/system.slice/s100.service", "5\n", &[("memory.max", "7000\n")]) {
        host.write(&rel, &file);
    }
    host.write(&format!("{BASE}/system.slice/odd.service/cpu.stat"), "usage_usec 1\n");
    host.write(&format!("{BASE}/system.slice/s3.service/memory.current"), "5\n");
    let (old, text) = (text, host.scrape());
    let usage = "container_memory_usage_bytes{container=\"\",id=\"/system.slice/s3.service\"";
    assert!(text.lines().any(|line| line.starts_with(usage) && line.ends_with(" 5")));
    assert_eq!(encode(&[&slow], Format::TEXT).plain(), old.as_bytes());
    assert_eq!((of(&text, 7), of(&text, 100), of(&text, 99)), (None, Some(7000), Some(99)));
    host.remove(&format!("{BASE}/system.slice/odd.service"));
    assert_eq!(host.scrape().lines().count(), lines);
}

#[test]
fn a_plain_host() {
    let mut files = machine();
    files.extend(group("/system.slice/web.service", "5\n", &[]));
    files.extend(group("/system.slice/run-u7.service", "6\n", &[]));
    // Nothing, unless it is asked for: systemd's units have families of their own.
    assert_eq!(Host::new(&borrowed(&files), &[]).scrape(), "");
    let text = Host::always(&borrowed(&files)).lines(&["container_memory_rss"]);
    expect![[r#"
        container_memory_rss{container="",id="/system.slice/web.service",image="",name="",namespace="",pod=""} 4194304
    "#]].assert_eq(&text);
}

#[test]
fn torn_and_absent_files_cost_themselves() {
    let scope = format!("/machine.slice/libpod-{}.scope", id('a'));
    let more = [
        ("cpu.stat", "usage_usec 1000000\nuser_usec\nsystem_usec x\n"),
        ("memory.current", "torn"),
        ("memory.peak", "-"),
        ("memory.stat", "anon\nfile 4096\n"),
        ("memory.pressure", "some avg10=0.00\nfull total=\n"),
        ("io.pressure", "-"),
        ("io.stat", "8:0\nx:y rbytes=1\n8:0 rbytes=x wbytes=3\n"),
        ("pids.current", "18446744073709551616\n"),
        ("cpu.max", "torn\n"),
        ("cpu.weight", "0\n"),
        ("memory.max", "max\n"),
    ];
    let mut files = machine();
    // A process of another namespace: how many there are is known, what they have open is not.
    files.extend(group(&scope, "0\n", &more));
    let mut host = Host::new(&borrowed(&files), &[("containers.units", "^$")]);
    let text = host.scrape();
    let of_scope = |line: &&str| line.contains("libpod") && !line.contains("_tasks_state");
    let text: String = text.lines().filter(of_scope).map(|line| line.to_owned() + "\n").collect();
    let text = text.replace(&scope, "/SCOPE").replace(&id('a'), "a…");
    expect![[r#"
        container_blkio_device_usage_total{container="",device="/dev/sda",id="/SCOPE",image="",major="8",minor="0",name="a…",namespace="",operation="Write",pod=""} 3
        container_cpu_load_average_10s{container="",id="/SCOPE",image="",name="a…",namespace="",pod=""} 0
        container_cpu_load_d_average_10s{container="",id="/SCOPE",image="",name="a…",namespace="",pod=""} 0
        container_cpu_usage_seconds_total{container="",cpu="total",id="/SCOPE",image="",name="a…",namespace="",pod=""} 1
        container_fs_writes_bytes_total{container="",device="/dev/sda",id="/SCOPE",image="",name="a…",namespace="",pod=""} 3
        container_health_state{container="",id="/SCOPE",image="",name="a…",namespace="",pod=""} -1
        container_last_seen{container="",id="/SCOPE",image="",name="a…",namespace="",pod=""} 1767323045
        container_memory_cache{container="",id="/SCOPE",image="",name="a…",namespace="",pod=""} 4096
        container_memory_swap{container="",id="/SCOPE",image="",name="a…",namespace="",pod=""} 4096
        container_oom_events_total{container="",id="/SCOPE",image="",name="a…",namespace="",pod=""} 0
        container_pressure_cpu_stalled_seconds_total{container="",id="/SCOPE",image="",name="a…",namespace="",pod=""} 1.5
        container_pressure_cpu_waiting_seconds_total{container="",id="/SCOPE",image="",name="a…",namespace="",pod=""} 2.5
        container_processes{container="",id="/SCOPE",image="",name="a…",namespace="",pod=""} 1
        container_spec_memory_limit_bytes{container="",id="/SCOPE",image="",name="a…",namespace="",pod=""} 0
        container_spec_memory_reservation_limit_bytes{container="",id="/SCOPE",image="",name="a…",namespace="",pod=""} 1048576
        container_spec_memory_swap_limit_bytes{container="",id="/SCOPE",image="",name="a…",namespace="",pod=""} 0
        container_start_time_seconds{container="",id="/SCOPE",image="",name="a…",namespace="",pod=""} 1767320000
        container_threads_max{container="",id="/SCOPE",image="",name="a…",namespace="",pod=""} 0
    "#]].assert_eq(&text);
}

#[test]
fn version_1() {
    let scope = format!("/docker/{}", id('a'));
    let mut files: Vec<_> =
        machine().into_iter().filter(|(path, _)| !path.contains(BASE)).collect();
    let rows = [
        ("cpu,cpuacct", "cgroup.procs", "80\n0\n"),
        ("cpu,cpuacct", "cgroup.clone_children", "0\n"),
        (
            "cpu,cpuacct",
            "cpu.stat",
            "nr_periods 4\nnr_throttled 3\nthrottled_time 2000000000\nnr_bursts 1\nburst_time 500000000\n",
        ),
        ("cpu,cpuacct", "cpu.shares", "51\n"),
        ("cpu,cpuacct", "cpu.cfs_quota_us", "5000\n"),
        ("cpu,cpuacct", "cpu.cfs_period_us", "100000\n"),
        ("cpu,cpuacct", "cpuacct.usage", "2500000000\n"),
        ("cpu,cpuacct", "cpuacct.stat", "user 120\nsystem 30\n"),
        ("memory", "cgroup.procs", "80\n0\n"),
        (
            "memory",
            "memory.stat",
            "cache 1\nrss 2\npgfault 7\npgmajfault 3\ntotal_cache 6291456\ntotal_rss 4194304\ntotal_mapped_file 4096\ntotal_swap 8192\ntotal_inactive_file 20000000\ntotal_active_file 5\n",
        ),
        ("memory", "memory.usage_in_bytes", "10485760\n"),
        ("memory", "memory.max_usage_in_bytes", "12582912\n"),
        ("memory", "memory.failcnt", "4\n"),
        ("memory", "memory.kmem.usage_in_bytes", "180224\n"),
        ("memory", "memory.limit_in_bytes", "33554432\n"),
        ("memory", "memory.memsw.limit_in_bytes", "33554432\n"),
        ("memory", "memory.soft_limit_in_bytes", "9223372036854771712\n"),
        ("blkio", "cgroup.procs", "80\n"),
        ("blkio", "blkio.throttle.io_service_bytes", "8:0 Read 1\nTotal 1\n"),
        (
            "blkio",
            "blkio.throttle.io_service_bytes_recursive",
            "8:0 Read 4096\n8:0 Write 8192\n8:0 Sync 1\nTotal 12288\n",
        ),
        ("blkio", "blkio.throttle.io_serviced", "8:0 Read 1\n8:0 Write 2\n8:0 Total 3\n"),
        ("pids", "cgroup.procs", "80\n"),
        ("pids", "pids.current", "5\n"),
        ("pids", "pids.max", "max\n"),
    ];
    for (tree, name, text) in rows {
        files.push((format!("{BASE}/{tree}{scope}/{name}"), text.into()));
        files.push((format!("{BASE}/{tree}/cgroup.procs"), "2\n".into()));
    }
    files.extend(process(80, "app", &[]));
    let mut host = Host::new(&borrowed(&files), &[("containers.units", "^$")]);
    let text = host.scrape();
    let of_scope = |line: &&str| line.contains(&scope) && !line.contains("_tasks_state");
    let text: String = text.lines().filter(of_scope).map(|line| line.to_owned() + "\n").collect();
    expect![[r#"
        container_blkio_device_usage_total{container="",device="/dev/sda",id="/docker/a…",image="",major="8",minor="0",name="a…",namespace="",operation="Read",pod=""} 4096
        container_blkio_device_usage_total{container="",device="/dev/sda",id="/docker/a…",image="",major="8",minor="0",name="a…",namespace="",operation="Write",pod=""} 8192
        container_cpu_cfs_burst_periods_total{container="",id="/docker/a…",image="",name="a…",namespace="",pod=""} 1
        container_cpu_cfs_burst_seconds_total{container="",id="/docker/a…",image="",name="a…",namespace="",pod=""} 0.5
        container_cpu_cfs_periods_total{container="",id="/docker/a…",image="",name="a…",namespace="",pod=""} 4
        container_cpu_cfs_throttled_periods_total{container="",id="/docker/a…",image="",name="a…",namespace="",pod=""} 3
        container_cpu_cfs_throttled_seconds_total{container="",id="/docker/a…",image="",name="a…",namespace="",pod=""} 2
        container_cpu_load_average_10s{container="",id="/docker/a…",image="",name="a…",namespace="",pod=""} 0
        container_cpu_load_d_average_10s{container="",id="/docker/a…",image="",name="a…",namespace="",pod=""} 0
        container_cpu_system_seconds_total{container="",id="/docker/a…",image="",name="a…",namespace="",pod=""} 0.3
        container_cpu_usage_seconds_total{container="",cpu="total",id="/docker/a…",image="",name="a…",namespace="",pod=""} 2.5
        container_cpu_user_seconds_total{container="",id="/docker/a…",image="",name="a…",namespace="",pod=""} 1.2
        container_fs_reads_bytes_total{container="",device="/dev/sda",id="/docker/a…",image="",name="a…",namespace="",pod=""} 4096
        container_fs_reads_total{container="",device="/dev/sda",id="/docker/a…",image="",name="a…",namespace="",pod=""} 1
        container_fs_writes_bytes_total{container="",device="/dev/sda",id="/docker/a…",image="",name="a…",namespace="",pod=""} 8192
        container_fs_writes_total{container="",device="/dev/sda",id="/docker/a…",image="",name="a…",namespace="",pod=""} 2
        container_health_state{container="",id="/docker/a…",image="",name="a…",namespace="",pod=""} -1
        container_last_seen{container="",id="/docker/a…",image="",name="a…",namespace="",pod=""} 1767323045
        container_memory_cache{container="",id="/docker/a…",image="",name="a…",namespace="",pod=""} 6291456
        container_memory_failcnt{container="",id="/docker/a…",image="",name="a…",namespace="",pod=""} 4
        container_memory_failures_total{container="",failure_type="pgfault",id="/docker/a…",image="",name="a…",namespace="",pod="",scope="container"} 7
        container_memory_failures_total{container="",failure_type="pgfault",id="/docker/a…",image="",name="a…",namespace="",pod="",scope="hierarchy"} 7
        container_memory_failures_total{container="",failure_type="pgmajfault",id="/docker/a…",image="",name="a…",namespace="",pod="",scope="container"} 3
        container_memory_failures_total{container="",failure_type="pgmajfault",id="/docker/a…",image="",name="a…",namespace="",pod="",scope="hierarchy"} 3
        container_memory_kernel_usage{container="",id="/docker/a…",image="",name="a…",namespace="",pod=""} 180224
        container_memory_mapped_file{container="",id="/docker/a…",image="",name="a…",namespace="",pod=""} 4096
        container_memory_max_usage_bytes{container="",id="/docker/a…",image="",name="a…",namespace="",pod=""} 12582912
        container_memory_rss{container="",id="/docker/a…",image="",name="a…",namespace="",pod=""} 4194304
        container_memory_swap{container="",id="/docker/a…",image="",name="a…",namespace="",pod=""} 8192
        container_memory_total_active_file_bytes{container="",id="/docker/a…",image="",name="a…",namespace="",pod=""} 5
        container_memory_total_inactive_file_bytes{container="",id="/docker/a…",image="",name="a…",namespace="",pod=""} 20000000
        container_memory_usage_bytes{container="",id="/docker/a…",image="",name="a…",namespace="",pod=""} 10485760
        container_memory_working_set_bytes{container="",id="/docker/a…",image="",name="a…",namespace="",pod=""} 0
        container_oom_events_total{container="",id="/docker/a…",image="",name="a…",namespace="",pod=""} 0
        container_processes{container="",id="/docker/a…",image="",name="a…",namespace="",pod=""} 2
        container_spec_cpu_period{container="",id="/docker/a…",image="",name="a…",namespace="",pod=""} 100000
        container_spec_cpu_quota{container="",id="/docker/a…",image="",name="a…",namespace="",pod=""} 5000
        container_spec_cpu_shares{container="",id="/docker/a…",image="",name="a…",namespace="",pod=""} 51
        container_spec_memory_limit_bytes{container="",id="/docker/a…",image="",name="a…",namespace="",pod=""} 33554432
        container_spec_memory_reservation_limit_bytes{container="",id="/docker/a…",image="",name="a…",namespace="",pod=""} 0
        container_spec_memory_swap_limit_bytes{container="",id="/docker/a…",image="",name="a…",namespace="",pod=""} 33554432
        container_start_time_seconds{container="",id="/docker/a…",image="",name="a…",namespace="",pod=""} 1767320000
        container_threads{container="",id="/docker/a…",image="",name="a…",namespace="",pod=""} 5
        container_threads_max{container="",id="/docker/a…",image="",name="a…",namespace="",pod=""} 0
        container_ulimits_soft{container="",id="/docker/a…",image="",name="a…",namespace="",pod="",ulimit="max_open_files"} 1048576
    "#]].assert_eq(&text.replace(&id('a'), "a…"));
}

/// A pod without `hostPID`: there `/proc/self` is another than the kernel tells the process.
#[test]
fn processes_of_another_namespace_are_absent() {
    let names = [
        "container_processes",
        "container_file_descriptors",
        "container_sockets",
        "container_threads",
    ];
    let mut version_1: Vec<_> =
        machine().into_iter().filter(|(path, _)| !path.contains(BASE)).collect();
    for (path, text) in [
        ("memory/cgroup.procs", ""),
        ("pids/cgroup.procs", ""),
        ("memory/a.service/cgroup.procs", ""),
        ("memory/a.service/memory.usage_in_bytes", "4096\n"),
        ("pids/a.service/pids.current", "5\n"),
    ] {
        version_1.push((format!("{BASE}/{path}"), text.to_owned()));
    }
    // 1 is the exporter itself, and somebody else in /proc.
    let version_2 = [machine(), group("/a.service", "0\n1\n", &[])].concat();
    let mut text = String::new();
    for files in [version_1, version_2] {
        let mut host = Host::always(&borrowed(&files));
        std::os::unix::fs::symlink("4000000000", host.dir.path().join("proc/self")).unwrap();
        let lines = host.lines(&names);
        text.extend(
            lines.lines().filter(|line| line.contains("a.service")).map(|l| l.to_owned() + "\n"),
        );
        let mut out = Writer::default();
        host.collector.collect(&mut out).unwrap();
        text.extend(out.finish().remarks.iter().map(|remark| format!("remark: {remark}\n")));
    }
    expect![[r#"
        container_threads{container="",id="/a.service",image="",name="",namespace="",pod=""} 5
        remark: open files, limits and network interfaces: control groups name processes by the exporter's own PID namespace, and /proc by another; give the pod hostPID
        container_processes{container="",id="/a.service",image="",name="",namespace="",pod=""} 2
        container_threads{container="",id="/a.service",image="",name="",namespace="",pod=""} 5
        remark: open files, limits and network interfaces: control groups name processes by the exporter's own PID namespace, and /proc by another; give the pod hostPID
    "#]].assert_eq(&text);
}

#[test]
fn the_hybrid_layout_has_cpu_time_where_no_controller_has() {
    let mut files: Vec<_> =
        machine().into_iter().filter(|(path, _)| !path.contains(BASE)).collect();
    let unit = "/system.slice/a.service";
    for (rel, text) in [
        ("memory/cgroup.procs", ""),
        ("cpuacct/cgroup.procs", ""),
        ("unified/cgroup.procs", ""),
        (&format!("unified{unit}/cpu.stat"), "usage_usec 7000000\n"),
        (&format!("memory{unit}/memory.usage_in_bytes"), "1\n"),
    ] {
        files.push((format!("{BASE}/{rel}"), text.into()));
    }
    let name = "container_cpu_usage_seconds_total";
    expect![[r#"
        container_cpu_usage_seconds_total{container="",cpu="total",id="/system.slice/a.service",image="",name="",namespace="",pod=""} 7
    "#]].assert_eq(&Host::always(&borrowed(&files)).lines(&[name]));
}

#[test]
fn a_machine_without_control_groups_has_no_data() {
    let files = [("sys/fs/cgroup/", ""), ("proc/meminfo", MEMINFO)];
    let text = Host::new(&files, &[]).scrape();
    expect![[r#"
        error: no data: /sys/fs/cgroup has neither cgroup.controllers nor a directory of the controllers memory or cpuacct
    "#]].assert_eq(&text);
}

#[test]
fn the_machine() {
    let files = [
        ("proc/meminfo", MEMINFO),
        ("proc/cpuinfo", "processor\t: 0\nmodel name: processor\nprocessor\t: 1\n"),
        ("proc/sys/kernel/random/boot_id", "boot\n"),
        ("rootfs/etc/machine-id", "machine\n"),
        ("sys/class/dmi/id/product_uuid", "uuid\n"),
        ("sys/devices/system/cpu/cpu0/topology/physical_package_id", "0\n"),
        ("sys/devices/system/cpu/cpu0/topology/core_id", "0\n"),
        ("sys/devices/system/cpu/cpu1/topology/physical_package_id", "0\n"),
        ("sys/devices/system/cpu/cpu1/topology/core_id", "0\n"),
        ("sys/devices/system/cpu/cpufreq/x", ""),
        ("sys/devices/system/edac/mc/mc0/dimm0/dimm_mem_type", "Registered-DDR4\n"),
        ("sys/devices/system/edac/mc/mc0/dimm0/size", "32768\n"),
        ("sys/devices/system/edac/mc/mc0/dimm1/dimm_mem_type", "Registered-DDR4\n"),
        ("sys/devices/system/edac/mc/mc0/dimm1/size", "32768\n"),
    ];
    let base = [("sys/fs/cgroup/cgroup.controllers", "cpu\n")];
    let machine = |files: &[(&str, &str)]| {
        let text = samples(&Host::always(&[files, &base].concat()).scrape());
        let lines = text.lines().filter(|line| line.starts_with("machine_"));
        lines.map(|line| line.to_owned() + "\n").collect::<String>()
    };
    expect![[r#"
        machine_cpu_books{boot_id="boot",machine_id="machine",system_uuid="uuid"} 0
        machine_cpu_cores{boot_id="boot",machine_id="machine",system_uuid="uuid"} 2
        machine_cpu_drawers{boot_id="boot",machine_id="machine",system_uuid="uuid"} 0
        machine_cpu_physical_cores{boot_id="boot",machine_id="machine",system_uuid="uuid"} 1
        machine_cpu_sockets{boot_id="boot",machine_id="machine",system_uuid="uuid"} 1
        machine_dimm_capacity_bytes{boot_id="boot",machine_id="machine",system_uuid="uuid",type="Registered-DDR4"} 68719476736
        machine_dimm_count{boot_id="boot",machine_id="machine",system_uuid="uuid",type="Registered-DDR4"} 2
        machine_memory_bytes{boot_id="boot",machine_id="machine",system_uuid="uuid"} 8192000000
        machine_nvm_avg_power_budget_watts{boot_id="boot",machine_id="machine",system_uuid="uuid"} 0
        machine_nvm_capacity{boot_id="boot",machine_id="machine",mode="app_direct_mode",system_uuid="uuid"} 0
        machine_nvm_capacity{boot_id="boot",machine_id="machine",mode="memory_mode",system_uuid="uuid"} 0
        machine_scrape_error 0
        machine_swap_bytes{boot_id="boot",machine_id="machine",system_uuid="uuid"} 1024000
    "#]].assert_eq(&machine(&files));
    // Who may not read the firmware's id has the machine's, as cAdvisor has.
    expect![[r#"
        machine_cpu_books{boot_id="",machine_id="machine",system_uuid="machine"} 0
        machine_cpu_cores{boot_id="",machine_id="machine",system_uuid="machine"} 2
        machine_cpu_drawers{boot_id="",machine_id="machine",system_uuid="machine"} 0
        machine_memory_bytes{boot_id="",machine_id="machine",system_uuid="machine"} 8192000000
        machine_nvm_avg_power_budget_watts{boot_id="",machine_id="machine",system_uuid="machine"} 0
        machine_nvm_capacity{boot_id="",machine_id="machine",mode="app_direct_mode",system_uuid="machine"} 0
        machine_nvm_capacity{boot_id="",machine_id="machine",mode="memory_mode",system_uuid="machine"} 0
        machine_scrape_error 0
        machine_swap_bytes{boot_id="",machine_id="machine",system_uuid="machine"} 1024000
    "#]].assert_eq(&machine(&[files[0], files[1], files[3]]));
}
