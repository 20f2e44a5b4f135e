//! Usage of persistent volumes: the kubelet's while it answers, the same series with the same values by
//! ourselves while it does not, and in every scrape each of them once.

use super::{GUARD, PKI, Site, label};
use crate::support::{
    child::wait,
    scrape::{Scrape, Series},
};
use std::collections::BTreeMap;

/// Two file systems of different sizes, as volumes: `two` has something in it from the start.
const MOUNTS: &str = "mkdir -p /mnt/one /mnt/two && \
    mount -t tmpfs -o size=8m,nr_inodes=100 one /mnt/one && \
    mount -t tmpfs -o size=16m,nr_inodes=1000 two /mnt/two && \
    mkdir /mnt/two/below && dd if=/dev/zero of=/mnt/two/below/filled bs=1M count=3";

/// `holder` has both claims, of one of them a part; `sharer` has the other one, too.
const CLAIMED: &str = "
apiVersion: v1
kind: Pod
metadata: {name: holder}
spec:
  containers:
    - name: app
      image: IMAGE
      imagePullPolicy: Never
      command: [/bin/busybox, sleep, infinity]
      volumeMounts: [{name: a, mountPath: /one/}, {name: b, mountPath: /srv/two, subPath: below}, {name: tmp, mountPath: /tmp}]
  volumes:
    - {name: a, persistentVolumeClaim: {claimName: one}}
    - {name: b, persistentVolumeClaim: {claimName: two}}
    - {name: tmp, emptyDir: {medium: Memory}}
---
apiVersion: v1
kind: Pod
metadata: {name: sharer}
spec:
  containers:
    - name: app
      image: IMAGE
      imagePullPolicy: Never
      command: [/bin/busybox, sleep, infinity]
      volumeMounts: [{name: data, mountPath: /data}]
  volumes: [{name: data, persistentVolumeClaim: {claimName: one}}]
";

const CLAIM: &str = "
apiVersion: v1
kind: PersistentVolume
metadata: {name: disk-NAME}
spec:
  capacity: {storage: 8Mi}
  accessModes: [ReadWriteOnce]
  storageClassName: ''
  local: {path: /mnt/NAME}
  nodeAffinity:
    required: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [NODE]}]}]}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: NAME}
spec:
  accessModes: [ReadWriteOnce]
  storageClassName: ''
  volumeName: disk-NAME
  resources: {requests: {storage: 1Mi}}
---";

const FAMILIES: [&str; 6] =
    ["available_bytes", "capacity_bytes", "inodes", "inodes_free", "inodes_used", "used_bytes"];

/// Where exporters that may do less listen, and nobody else does.
const NOBODY: u16 = 10151;
const GROUP: u16 = 10152;

/// Bytes and inodes.
type Stats = BTreeMap<Series, u64>;

/// Makes volumes and claims, and pods that have them.
pub(super) fn are_claimed(site: &Site) {
    site.run(60, &["sh", "-c", MOUNTS]);
    let claims = ["one", "two"].map(|name| CLAIM.replace("NAME", name)).concat();
    site.apply(&(claims.replace("NODE", &site.name()) + CLAIMED));
    site.until("condition=Ready", &["pod/holder", "pod/sharer"]);
}

/// The kubelet's own, which take a minute to come.
pub(super) fn the_kubelet_tells(site: &Site) -> Stats {
    let before = wait("the kubelet's volumes", GUARD, || {
        let stats = theirs(site);
        (stats.len() == 2 * FAMILIES.len()).then_some(stats)
    });
    assert_eq!(served(site), before);
    let used = |claim| value(&before, "used_bytes", claim);
    assert!(used("one") < 1 << 20 && used("two") >= 3 << 20, "{before:?}");
    assert_eq!(value(&before, "capacity_bytes", "one"), 8 << 20);
    before
}

/// Beside the kubelet, with one that is never there: nobody may not look and says so, and a group may. That one
/// has the host as a pod has it, below a directory.
pub(super) fn who_may_look(site: &Site, before: &Stats) {
    let flags = format!(
        "--kubeconfig=/run/admin.conf --node-name={} --kubelet=on --kubelet.url=http://127.0.0.1:1",
        site.name()
    );
    site.run(60, &["install", "-m", "644", "/shared/admin.conf", "/run/admin.conf"]);
    let below = "--path.rootfs=/host --path.procfs=/host/proc --path.sysfs=/host/sys";
    for (name, port, more, paths) in [
        ("nobody", NOBODY, "", ""),
        ("group", GROUP, "SupplementaryGroups=root\nBindReadOnlyPaths=/:/host\n", below),
    ] {
        let start = format!("/shared/hybrid-exporter {flags} --web.listen-address=:{port} {paths}");
        site.service(name, &format!("User=nobody\n{more}ExecStart={start}\n"));
        site.run(120, &["systemctl", "start", name]);
    }
    wait("the group's volumes", GUARD, || {
        let page = alone(site, GROUP, "/metrics/kubelet")?;
        (stats(&Scrape::parse(&page)) == *before).then_some(())
    });
    let said = "/var/lib/kubelet/pods: only root and its group may look there";
    wait("what nobody may not", GUARD, || {
        let page = alone(site, NOBODY, "/metrics/kubelet")?;
        assert_eq!(stats(&Scrape::parse(&page)), Stats::new());
        alone(site, NOBODY, "/")?.contains(said).then_some(())
    });
    // Once, and not at each scrape.
    wait("a line of the log", GUARD, || {
        let log = site.run(60, &["journalctl", "--unit=nobody", "--output=cat"]);
        let lines = log.matches(said).count();
        assert!(lines < 2, "{log}");
        (lines == 1).then_some(())
    });
    site.run(120, &["systemctl", "stop", "nobody", "group"]);
}

/// Once it has been stopped: the same, and it is we who say so.
pub(super) fn the_file_systems_tell(site: &Site, before: &Stats) {
    assert_eq!(served(site), *before);
    site.run(60, &["dd", "if=/dev/zero", "of=/mnt/one/file", "bs=4096", "count=100"]);
    let after = served(site);
    let grown = |family, claim| value(&after, family, claim) - value(before, family, claim);
    assert_eq!(grown("used_bytes", "one"), 409_600);
    assert_eq!(grown("inodes_used", "one"), 1);
    assert_eq!(grown("used_bytes", "two"), 0);
}

/// It is started again: no scrape lacks a series or has one twice, and in the end they are its own again.
pub(super) fn the_kubelet_is_back(site: &Site) {
    site.run(120, &["systemctl", "start", "kubelet"]);
    let mut count = 100;
    wait("the kubelet's own volumes again", GUARD, || {
        served(site);
        // What is written now it finds within a minute or two, and we would at once.
        count += 1;
        let count = format!("count={count}");
        site.run(60, &["dd", "if=/dev/zero", "of=/mnt/one/file", "bs=4096", &count]);
        let theirs = || value_of(&theirs(site), "used_bytes", "one");
        let (first, ours, then) = (theirs()?, served(site), theirs()?);
        let ours = value(&ours, "used_bytes", "one");
        let now = site.run(60, &["stat", "-f", "-c", "%b %f %S", "/mnt/one"]);
        let now: Vec<u64> = now.split_whitespace().flat_map(str::parse).collect();
        let [blocks, free, block] = now[..] else { panic!("{now:?}") };
        let live = (blocks - free) * block;
        (first == then && ours == then && ours != live).then_some(())
    });
}

/// The kubelet's own page's; none where it does not answer.
fn theirs(site: &Site) -> Stats {
    let ask = format!(
        "curl -s --cacert {PKI}/ca.crt --cert {PKI}/admin.crt --key {PKI}/key https://10.10.0.1:10250/metrics \
         | grep ^kubelet_volume_stats_ || true"
    );
    stats(&Scrape::parse(&site.run(60, &["sh", "-c", &ask])))
}

/// Our whole page's; no series is there twice, and none is missing.
fn served(site: &Site) -> Stats {
    let answer = site.get(super::PORT, "/metrics", &[]);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let page = Scrape::parse(&answer.text());
    assert!(page.faults.is_empty(), "{:#?}", page.faults);
    let stats = stats(&page);
    assert_eq!(stats.len(), 2 * FAMILIES.len(), "{stats:?}");
    for family in FAMILIES {
        let family = format!("kubelet_volume_stats_{family}");
        assert_eq!(page.types.get(&family).map(String::as_str), Some("gauge"), "{family}");
    }
    stats
}

/// What one of the others answers, once it listens.
fn alone(site: &Site, port: u16, path: &str) -> Option<String> {
    let url = format!("http://localhost:{port}{path}");
    let text = site.run(60, &["sh", "-c", &format!("curl -s {url} || true")]);
    (!text.is_empty()).then_some(text)
}

fn stats(page: &Scrape) -> Stats {
    let of_claims =
        |series: &Series| ["one", "two"].contains(&label(series, "persistentvolumeclaim"));
    let wanted = |series: &Series| {
        let family = series.0.strip_prefix("kubelet_volume_stats_");
        of_claims(series) && family.is_some_and(|family| FAMILIES.contains(&family))
    };
    let all = page.series.iter().filter(|(series, _)| wanted(series));
    // All of them are whole.
    let whole = |value: &f64| format!("{value}").parse().expect("a whole number");
    all.map(|(series, value)| (series.clone(), whole(value))).collect()
}

fn value_of(stats: &Stats, family: &str, claim: &str) -> Option<u64> {
    let labels = [("namespace", "default"), ("persistentvolumeclaim", claim)];
    let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
    stats.get(&(format!("kubelet_volume_stats_{family}"), labels.to_vec())).copied()
}

fn value(stats: &Stats, family: &str, claim: &str) -> u64 {
    value_of(stats, family, claim).unwrap_or_else(|| panic!("{family} of {claim}: {stats:?}"))
}
