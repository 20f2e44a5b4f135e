//! The comparison of `parity` over recorded nodes, for what the machine that runs the tests has not: version 2 of
//! control groups. `tests/fixtures/kubelet/record` reads a node's files, asks the kubelet, and reads them again; the
//! collector reads both trees.
//!
//! A recording is text: a line that tells the kernel and the kubelet, then sections, each with a head and its text.
//!
//! | head after `=== ` | text |
//! |---|---|
//! | `pods` | a line a container: its pod's uid, namespace, name and config hash; its name, image, id, the id before |
//! | `page` | the kubelet's `/metrics/cadvisor` |
//! | `now` | seconds since 1970, of the second tree |
//! | `/PATH` | what the file says; what belongs to the host's root is below `/rootfs` |
//! | `time /PATH` | when it was changed, seconds since 1970 |
//! | `link /PATH` | what the link says |
//! | `links /PATH/` | what the links in that directory say, a line each |
//! | `then` | none: what follows is what the second tree has otherwise |
//! | `gone …` | none: the section of the first tree that the second has not |
#![expect(clippy::disallowed_methods, reason = "tests make files")]

use super::{
    Site, label,
    parity::{Page, differences, judge},
};
use crate::{
    ground::image::PAUSE,
    support::{root, scrape::Scrape},
};
use collect::{Clock, testing::context};
use exposition::{Format, Writer, encode};
use flate2::read::GzDecoder;
use model::{Container, Model, Pod};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::Read as _,
    os::unix::fs::symlink,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, UNIX_EPOCH},
};
use tempfile::TempDir;

/// A node.
struct Recording {
    pods: String,
    page: String,
    now: u64,
    /// Sections by their heads, before and after the kubelet's page.
    trees: [BTreeMap<String, String>; 2],
}

/// These ask the running kernel (statfs), whatever the paths say.
const LIVE: [&str; 4] = [
    "container_fs_inodes_free",
    "container_fs_inodes_total",
    "container_fs_limit_bytes",
    "container_fs_usage_bytes",
];

/// The time that the collector is told, seconds since 1970.
static NOW: AtomicU64 = AtomicU64::new(0);

// === impl Recording ===

impl Recording {
    fn open(rel: &str) -> Self {
        let file = File::open(root().join(rel)).unwrap_or_else(|error| panic!("{rel}: {error}"));
        let mut text = String::new();
        GzDecoder::new(file).read_to_string(&mut text).expect("UTF-8 in gzip");
        let mut first = BTreeMap::new();
        let mut second = None;
        for section in text.split("=== ").skip(1) {
            let (head, text) = section.split_once('\n').expect("a head is a line");
            if head == "then" {
                second = Some(first.clone());
            } else if let Some(gone) = head.strip_prefix("gone ") {
                let tree = second.as_mut().expect("gone is what was there");
                assert!(tree.remove(gone).is_some(), "{gone} was not there");
            } else {
                let tree = second.as_mut().unwrap_or(&mut first);
                tree.insert(head.to_owned(), text.to_owned());
            }
        }
        let second = second.expect("two trees");
        let take = |head: &str| first.get(head).cloned().expect(head);
        let now = take("now").trim().parse().expect("seconds");
        let (pods, page) = (take("pods"), take("page"));
        Self { pods, page, now, trees: [first, second] }
    }

    /// Tells the model whose the containers are.
    fn tell(&self, model: &Model) {
        let mut pods: BTreeMap<&str, Pod> = BTreeMap::new();
        for line in self.pods.lines() {
            let columns: Vec<_> = line.split('\t').collect();
            let [uid, namespace, name, hash, container, image, id, previous] = columns[..] else {
                panic!("eight columns: {line}");
            };
            let some = |text: &str| (!text.is_empty()).then(|| text.into());
            let pod = pods.entry(uid).or_insert_with(|| Pod {
                namespace: namespace.into(),
                name: name.into(),
                config_hash: some(hash),
                ..Pod::default()
            });
            pod.containers.push(Container {
                id: id.into(),
                previous: some(previous),
                name: container.into(),
                image: image.into(),
                ..Container::default()
            });
        }
        for (uid, pod) in pods {
            model.pods_mut().apply(&uid.into(), pod);
        }
    }

    /// What the collector says of a tree.
    fn ours(&self, tree: &BTreeMap<String, String>, now: u64) -> Scrape {
        let dir = unpack(tree);
        let options = [("containers.sandbox-image", PAUSE)];
        let mut cx = context(&containers::SPEC, dir.path(), &options);
        NOW.store(now, Ordering::Relaxed);
        cx.clock = Clock::new(|| UNIX_EPOCH + Duration::from_secs(NOW.load(Ordering::Relaxed)));
        self.tell(&cx.shared.get::<Model>());
        let mut collector = (containers::SPEC.build)(&cx).expect("a collector");
        let mut out = Writer::default();
        collector.collect(&mut out).expect("everything can be read");
        let text = encode(&[&out.finish()], Format::TEXT).plain();
        let page = Scrape::parse(&String::from_utf8(text).expect("UTF-8"));
        assert!(page.faults.is_empty(), "{:#?}", page.faults);
        page
    }
}

/// Makes the files of a tree.
fn unpack(tree: &BTreeMap<String, String>) -> TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    let at = |path: &str| dir.path().join(path.trim_start_matches('/'));
    let above = |path: &Path| {
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
    };
    for (head, text) in tree {
        let (kind, path) = head.split_once(' ').unwrap_or(("file", head));
        let to = at(path);
        match kind {
            "file" if path.starts_with('/') => {
                above(&to);
                fs::write(&to, text).expect("a file");
            }
            "link" => {
                above(&to);
                symlink(text.trim_end(), &to).expect("a link");
            }
            "links" => {
                fs::create_dir_all(&to).expect("a directory");
                for (number, line) in text.lines().enumerate() {
                    symlink(line, to.join(number.to_string())).expect("a link");
                }
            }
            _ => {}
        }
    }
    // Last, as what is made in a directory changes its time.
    for (head, text) in tree {
        if let Some(path) = head.strip_prefix("time ") {
            let time = UNIX_EPOCH + Duration::from_secs(text.trim().parse().expect("seconds"));
            File::open(at(path)).and_then(|file| file.set_modified(time)).expect("a time");
        }
    }
    dir
}

/// The groups of pods and containers that a page has numbers of, and of what is above them.
fn groups(page: &Scrape) -> BTreeSet<String> {
    let named = page.series.keys().filter(|(family, _)| family == "container_start_time_seconds");
    let ids = named.map(|series| label(series, "id").to_owned());
    ids.filter(|id| id.starts_with("/kubepods")).collect()
}

#[test]
fn a_recorded_node_of_version_2() {
    let recording = Recording::open("tests/fixtures/kubelet/unified.txt.gz");
    let [first, second] = &recording.trees;
    let mut before = recording.ours(first, 0);
    let mut after = recording.ours(second, recording.now);
    let mut theirs = Page::parse(&recording.page).scrape;
    for page in [&mut before, &mut theirs, &mut after] {
        page.series.retain(|(family, _), _| !LIVE.contains(&family.as_str()));
    }
    assert_eq!(groups(&after), groups(&theirs));
    let found = differences(&before, &theirs, &after);
    judge("tests/kubelet/recorded.tsv", &found);

    // What the node was made to do is in the numbers: nothing agrees by being 0.
    let of = |family: &str, pod: &str, container: &str| {
        let labels = [("pod", pod), ("container", container)];
        let all = Site::series(&theirs, family, &labels);
        all.first().map(|(_, number)| *number).unwrap_or_default()
    };
    let (limited, writer) = ("limited-ground-vm", "writer-ground-vm");
    for (family, pod, container, least) in [
        ("container_cpu_cfs_throttled_periods_total", limited, "busy", 100.0),
        ("container_pressure_cpu_waiting_seconds_total", limited, "busy", 1.0),
        ("container_fs_writes_bytes_total", writer, "app", 16.0 * 1024.0 * 1024.0),
        ("container_memory_cache", writer, "app", 1.0),
        ("container_memory_max_usage_bytes", writer, "app", 1.0),
        ("container_spec_memory_limit_bytes", limited, "web", 64.0 * 1024.0 * 1024.0),
        ("container_network_receive_bytes_total", limited, "", 1.0),
    ] {
        let number = of(family, pod, container);
        assert!(number >= least, "{family} of {pod} {container}: {number}");
    }
    assert!(theirs.types.len() > 75 && theirs.series.len() > 1450, "{}", theirs.series.len());
}
