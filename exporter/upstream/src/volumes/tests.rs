//! Mounts and pods in, the kubelet's families out.
#![expect(clippy::disallowed_methods, reason = "tests make and change files")]

use super::*;
use crate::{collector::KUBELET, page::Rules};
use collect::{
    Clock,
    testing::{context, tree},
};
use expect_test::expect;
use exposition::{Format, encode};
use model::{Claim, ClaimMount, Claims, Container, Pod};
use std::{
    cell::Cell,
    fs,
    sync::{Condvar, Mutex},
    time::SystemTime,
};

const DATA: &str = "\
20 1 8:1 / / rw - ext4 /dev/sda1 rw
30 20 0:50 / /var/lib/kubelet/pods/1/volumes/kubernetes.io~projected/token rw - tmpfs tmpfs rw
31 20 0:51 / /var/lib/kubelet/pods/1/volumes/kubernetes.io~csi/pvc-1/mount rw - ext4 /dev/sdb rw
32 20 0:52 / /var/lib/kubelet/pods/1/volumes/kubernetes.io~csi/secrets/mount rw - tmpfs tmpfs rw
torn
";

thread_local! {
    /// How far the clock of this test has gone.
    static GONE: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    static BEGAN: Instant = Instant::now();
}

fn instant() -> Instant {
    BEGAN.with(|began| *began) + GONE.get()
}

fn pass(time: Duration) {
    GONE.set(GONE.get() + time);
}

/// A node's files, and what its volumes answer.
struct Node {
    dir: tempfile::TempDir,
    cx: Context,
    volumes: Volumes,
    answers: Answers,
}

/// By the end of the path: blocks, an error, or nothing as long as it hangs; and what was asked.
type Answers = Arc<(Mutex<(BTreeMap<String, Option<Result<u64, Errno>>>, Vec<String>)>, Condvar)>;

/// A container's id by a letter.
fn id(letter: char) -> String {
    letter.to_string().repeat(64)
}

fn claim(name: &str, mounts: &[(&str, &str, bool)]) -> Claim {
    let mount = |(container, path, whole): &(&str, &str, bool)| ClaimMount {
        container: (*container).into(),
        path: (*path).into(),
        whole: *whole,
    };
    Claim { name: name.into(), mounts: mounts.iter().map(mount).collect() }
}

/// A pod whose containers are called by their letters.
fn pod(name: &str, containers: &[char], all: Vec<Claim>, inline: &[&str]) -> Pod {
    let container = |letter: &char| Container {
        id: id(*letter).into(),
        name: letter.to_string().into(),
        ..Container::default()
    };
    let inline = inline.iter().map(|name| (*name).into()).collect();
    Pod {
        namespace: "shop".into(),
        name: name.into(),
        containers: containers.iter().map(container).collect(),
        claims: (!all.is_empty()).then(|| Arc::new(Claims { all, inline })),
        ..Pod::default()
    }
}

// === impl Node ===

impl Node {
    fn new(table: &str, options: &[(&str, &str)]) -> Self {
        let dir = tree(&[("proc/self/mountinfo", table)]);
        let mut cx = context(&KUBELET, dir.path(), options);
        cx.clock = Clock::new(|| SystemTime::UNIX_EPOCH).ticking(instant);
        let answers = Answers::default();
        let heard = Arc::clone(&answers);
        let call: Call = Arc::new(move |path: &Path| {
            let mut state = heard.0.lock().unwrap();
            let path = path.to_str().unwrap();
            state.1.push(path.rsplit_once("/volumes/").unwrap().1.to_owned());
            let answer = loop {
                let mut answers = state.0.iter();
                match answers.find(|(end, _)| path.ends_with(&***end)) {
                    None => break Ok(10),
                    Some((_, Some(answer))) => break *answer,
                    Some((_, None)) => state = heard.1.wait(state).unwrap(),
                }
            };
            answer.map(|blocks| Stat {
                block: 4096,
                blocks,
                free: blocks / 2,
                available: blocks / 4,
                files: if blocks == 0 { 0 } else { 100 },
                files_free: if blocks == 0 { 0 } else { 60 },
            })
        });
        let volumes = Volumes::new(&cx, call).unwrap();
        Self { dir, cx, volumes, answers }
    }

    fn pods(&self, pods: Vec<Pod>) {
        let pods = pods.into_iter().enumerate();
        let pods = pods.map(|(at, pod)| ((at + 1).to_string().into(), pod));
        self.cx.shared.get::<Model>().pods_mut().reset(pods);
    }

    /// A process of a container, and its table of mounts.
    fn process(&self, pid: u32, container: char, table: &str) {
        let dir = self.dir.path().join(format!("proc/{pid}"));
        fs::create_dir_all(&dir).unwrap();
        let group = format!("0::/../kubepods.slice/cri-containerd-{}.scope\n", id(container));
        fs::write(dir.join("cgroup"), group).unwrap();
        fs::write(dir.join("mountinfo"), table).unwrap();
    }

    fn says(&self, path: &str, answer: impl Into<Option<Result<u64, Errno>>>) {
        self.answers.0.lock().unwrap().0.insert(path.to_owned(), answer.into());
        self.answers.1.notify_all();
    }

    fn fill(&mut self, heard: Option<&str>) -> String {
        let page = heard.map(answer);
        let mut out = Writer::default();
        self.volumes.fill(page.as_ref(), &mut out);
        let block = out.finish();
        let mut text = String::from_utf8(encode(&[&block], Format::TEXT).body).unwrap();
        for remark in &block.remarks {
            text.extend(["remark: ", remark, "\n"]);
        }
        text.replace(&self.dir.path().display().to_string(), "")
    }

    /// Capacities and remarks alone.
    fn brief(&mut self, heard: Option<&str>) -> String {
        let text = self.fill(heard);
        let shown = |line: &&str| {
            line.starts_with("kubelet_volume_stats_capacity_bytes{") || line.starts_with("remark")
        };
        let short = |line: &str| {
            let line = line.replace("kubelet_volume_stats_capacity_bytes", "");
            line.replace("namespace=\"shop\",persistentvolumeclaim=", "") + "\n"
        };
        text.lines().filter(shown).map(short).collect()
    }

    /// What was asked since the last look.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.answers.0.lock().unwrap().1)
    }
}

/// A kubelet's answer.
fn answer(text: &str) -> Page {
    let mut page = Page { heard: true, ..Page::default() };
    let rules = Rules { path: "/metrics", labels: &[], max_samples: 1000 };
    page.take(text.as_bytes(), &mut Filter::default(), &rules).unwrap();
    page
}

#[test]
fn a_claim_and_a_mount_while_the_kubelet_is_silent() {
    let mut node = Node::new(DATA, &[]);
    node.pods(vec![
        pod("db-0", &['a'], vec![claim("data-db-0", &[])], &["secrets"]),
        pod("plain", &['b'], Vec::new(), &[]),
    ]);
    expect![[r#"
        # HELP kubelet_volume_stats_available_bytes [ALPHA] Number of available bytes in the volume
        # TYPE kubelet_volume_stats_available_bytes gauge
        kubelet_volume_stats_available_bytes{namespace="shop",persistentvolumeclaim="data-db-0"} 8192
        # HELP kubelet_volume_stats_capacity_bytes [ALPHA] Capacity in bytes of the volume
        # TYPE kubelet_volume_stats_capacity_bytes gauge
        kubelet_volume_stats_capacity_bytes{namespace="shop",persistentvolumeclaim="data-db-0"} 40960
        # HELP kubelet_volume_stats_inodes [ALPHA] Maximum number of inodes in the volume
        # TYPE kubelet_volume_stats_inodes gauge
        kubelet_volume_stats_inodes{namespace="shop",persistentvolumeclaim="data-db-0"} 100
        # HELP kubelet_volume_stats_inodes_free [ALPHA] Number of free inodes in the volume
        # TYPE kubelet_volume_stats_inodes_free gauge
        kubelet_volume_stats_inodes_free{namespace="shop",persistentvolumeclaim="data-db-0"} 60
        # HELP kubelet_volume_stats_inodes_used [ALPHA] Number of used inodes in the volume
        # TYPE kubelet_volume_stats_inodes_used gauge
        kubelet_volume_stats_inodes_used{namespace="shop",persistentvolumeclaim="data-db-0"} 40
        # HELP kubelet_volume_stats_used_bytes [ALPHA] Number of used bytes in the volume
        # TYPE kubelet_volume_stats_used_bytes gauge
        kubelet_volume_stats_used_bytes{namespace="shop",persistentvolumeclaim="data-db-0"} 20480
    "#]]
    .assert_eq(&node.fill(None));
    assert_eq!(node.asked(), ["kubernetes.io~csi/pvc-1/mount"]);
}

#[test]
fn a_kubelet_that_answers_costs_nothing_and_is_believed() {
    const NOTHING: &str = "kubelet_running_pods 1\n";
    const ALL: &str = "kubelet_volume_stats_capacity_bytes{namespace=\"shop\",persistentvolumeclaim=\"data-db-0\"} 1e9\n";
    let mut node = Node::new(DATA, &[]);
    node.pods(vec![pod("db-0", &['a'], vec![claim("data-db-0", &[])], &["secrets"])]);
    // It has never been silent: what it does not tell is not told.
    for heard in [ALL, NOTHING] {
        assert_eq!(node.fill(Some(heard)), "");
    }
    assert!(node.volumes.holders.is_none() && node.asked().is_empty());
    assert_eq!(node.brief(None), "{\"data-db-0\"} 40960\n");
    // It is back and knows no volume yet, then it knows: at no moment both, at no moment none.
    assert_eq!(node.brief(Some(NOTHING)), "{\"data-db-0\"} 40960\n");
    node.asked();
    assert_eq!(node.fill(Some(ALL)), "");
    assert!(node.asked().is_empty());
    assert_eq!(node.brief(Some(NOTHING)), "{\"data-db-0\"} 40960\n");
    pass(WARM_UP);
    assert_eq!(node.fill(Some(NOTHING)), "");
    assert!(node.volumes.known.is_none());
}

#[test]
fn families_that_nobody_wants() {
    for (families, count) in [("^kubelet_running_pods$", 0), ("volume_stats_inodes", 3)] {
        let mut node = Node::new(DATA, &[("kubelet.families", families)]);
        node.pods(vec![pod("db-0", &['a'], vec![claim("data-db-0", &[])], &["secrets"])]);
        assert_eq!(node.fill(None).matches("\nkubelet_").count(), count);
        assert_eq!(node.asked().is_empty(), count == 0);
    }
}

/// Two claims, one of them of a part; their volumes are directories of one file system and a file system.
const SEVERAL: &str = "\
40 20 8:1 /disks/a /var/lib/kubelet/pods/1/volumes/kubernetes.io~local-volume/pv-a rw - ext4 /dev/sda1 rw
41 20 0:61 / /var/lib/kubelet/pods/1/volumes/kubernetes.io~nfs/pv-b rw - nfs4 server:/b rw
42 20 0:61 / /var/lib/kubelet/pods/1/volume-subpaths/pv-b/b/0 rw - nfs4 server:/b rw
";

#[test]
fn several_claims_are_told_apart_by_what_containers_see() {
    let mut node = Node::new(SEVERAL, &[]);
    let all = || {
        vec![
            claim("one", &[("a", "/one/", true)]),
            claim("two", &[("a", "/srv/two", true), ("b", "two", false)]),
        ]
    };
    node.pods(vec![pod("web-0", &['a', 'b'], all(), &[])]);
    node.says("pv-b", Ok(20));
    let unclear = "remark: volumes: shop/web-0: which volume is which claim's is not certain\n";
    assert_eq!(node.brief(None), unclear);
    // Another container has it at its own path; that of the container tells, and the other one is left.
    node.process(30, 'c', "1 1 8:1 /disks/a /two rw - ext4 /dev/sda1 rw\n");
    node.process(31, 'b', "1 1 0:61 /below/it /two rw - nfs4 server:/b rw\n");
    assert_eq!(node.brief(None), unclear, "nothing has changed, and it is not looked for at once");
    pass(AGAIN);
    assert_eq!(node.brief(None), "{\"one\"} 40960\n{\"two\"} 81920\n");
    // A whole volume is not its part, and what two containers see differently is not certain.
    let mut other = Node::new(SEVERAL, &[]);
    other.pods(vec![pod("web-0", &['a', 'b'], all(), &[])]);
    other.process(30, 'a', "1 1 0:61 /below /srv/two rw - nfs4 server:/b rw\n");
    assert_eq!(other.brief(None), unclear);
    pass(AGAIN);
    let table =
        "1 1 8:1 / / rw - ext4 /dev/sda1 rw\n1 1 8:1 /disks/a /srv/two rw - ext4 /dev/sda1 rw\n";
    other.process(30, 'a', table);
    other.process(31, 'b', "1 1 0:61 / /two rw - nfs4 server:/b rw\n");
    assert_eq!(other.brief(None), unclear);
}

#[test]
fn one_directory_under_two_claims_and_one_claim_in_two_pods() {
    let table = SEVERAL.replace("8:1 /disks/a", "0:61 /")
        + "43 20 0:62 / /mnt/kube let/pods/2/volumes/kubernetes.io~nfs/pv-c rw - nfs4 server:/c rw\n";
    let table = table.replace("kube let", "kube\\040let");
    let mut node = Node::new(&table, &[]);
    let two = claim("two", &[("a", "/two", true)]);
    node.pods(vec![
        pod("a", &['a'], vec![claim("one", &[("a", "/one", true)]), two.clone()], &[]),
        pod("b", &['b'], vec![two], &[]),
    ]);
    let seen = "1 1 0:61 / /one rw - nfs4 server:/b rw\n2 1 0:61 / /two rw - nfs4 server:/b rw\n";
    node.process(30, 'a', seen);
    assert_eq!(node.brief(None), "{\"one\"} 40960\n{\"two\"} 40960\n");
    assert_eq!(node.asked(), ["kubernetes.io~local-volume/pv-a", "kubernetes.io~nfs/pv-b"]);
    // More claims than mounts of the directory: somebody is wrong.
    let mut node = Node::new(SEVERAL, &[]);
    let claims = vec![claim("one", &[("a", "/one", true)]), claim("two", &[("a", "/two", true)])];
    node.pods(vec![pod("a", &['a'], claims, &[])]);
    node.process(30, 'a', seen);
    assert!(node.brief(None).starts_with("remark: "));
}

#[test]
fn what_does_not_answer_costs_itself() {
    let table = DATA.to_owned()
        + "33 20 0:70 / /var/lib/kubelet/pods/2/volumes/kubernetes.io~nfs/pv-2 rw - nfs4 server:/ rw\n\
           34 20 0:71 / /var/lib/kubelet/pods/3/volumes/kubernetes.io~nfs/pv-3 rw - nfs4 server:/ rw\n";
    let mut node = Node::new(&table, &[]);
    let of = |name: &str| pod(name, &['a'], vec![claim(name, &[])], &["secrets"]);
    node.pods(vec![of("closed"), of("stale"), of("good")]);
    node.says("pvc-1/mount", Err(Errno::ACCESS));
    node.says("pv-2", Err(Errno::STALE));
    expect![[r#"
        {"good"} 40960
        remark: volumes: /rootfs/var/lib/kubelet/pods/2/volumes/kubernetes.io~nfs/pv-2: Stale file handle (os error 116)
        remark: volumes: /rootfs/var/lib/kubelet/pods: only root and its group may look there: volumes have no numbers while the kubelet does not answer; the supplementary group 0 may look, and may read pods' secrets, too
    "#]]
    .assert_eq(&node.brief(None));
    // One that hangs is asked no second time before it has come back.
    node.says("pv-2", None);
    node.asked();
    let hangs = "pv-2: does not answer\n";
    for _ in 0..2 {
        let text = node.brief(None);
        assert!(text.starts_with("{\"good\"} 40960\n") && text.contains(hangs), "{text}");
    }
    assert_eq!(node.asked().iter().filter(|path| path.ends_with("pv-2")).count(), 1);
    node.says("pv-2", Ok(0));
    while node.brief(None).contains(hangs) {}
    let text = node.brief(None);
    assert!(text.contains("pv-2: tells no numbers\n") && !text.contains("stale"), "{text}");
    // Nothing is below a mount that is gone.
    fs::write(node.dir.path().join("proc/self/mountinfo"), "").unwrap();
    assert_eq!(node.brief(None), "");
}
