//! The exporter while its API server is killed, paused and forgetful, its token is replaced and a
//! resource is taken from its role: at each scrape every family is whole, and as it was or as it is.
#![expect(clippy::disallowed_methods, reason = "the test writes a kubeconfig and reads /proc")]

use crate::{
    ground::cluster::Cluster,
    support::{
        child::{exporter, wait},
        client, is_root,
        scrape::Scrape,
        skip,
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// Pods, and those of them that are left when a tenth was removed; all have the same families.
const PODS: usize = 100;
const LEFT: usize = 90;
const RESTARTS: &str = "kube_pod_container_status_restarts_total";
/// What a recovery may take once its cause has ended, and how many times that is a failure here,
/// where others use the processors too.
const RECOVERY: Duration = Duration::from_secs(10);
const MARGIN: u32 = 4;
/// How long the API server is paused.
const PAUSE: Duration = Duration::from_secs(30);
/// What memory may rise to, as a part of what it was, and what is no matter, in kB.
const PEAK: f64 = 1.3;
const LITTLE: f64 = 3000.0;

/// May read all that is served by default but `ConfigMaps`, and these by a binding of their own.
const ROLES: &str = r#"
apiVersion: v1
kind: List
items:
- apiVersion: rbac.authorization.k8s.io/v1
  kind: ClusterRole
  metadata: {name: exporter}
  rules:
  - {apiGroups: [apps, batch, autoscaling, policy, networking.k8s.io, storage.k8s.io, discovery.k8s.io, coordination.k8s.io, certificates.k8s.io, admissionregistration.k8s.io], resources: ["*"], verbs: [get, list, watch]}
  - {apiGroups: [""], resources: [limitranges, namespaces, nodes, persistentvolumeclaims, persistentvolumes, pods, replicationcontrollers, resourcequotas, secrets, services], verbs: [get, list, watch]}
- apiVersion: rbac.authorization.k8s.io/v1
  kind: ClusterRole
  metadata: {name: configmaps}
  rules: [{apiGroups: [""], resources: [configmaps], verbs: [get, list, watch]}]
- apiVersion: rbac.authorization.k8s.io/v1
  kind: ClusterRoleBinding
  metadata: {name: exporter}
  roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: exporter}
  subjects: [{kind: ServiceAccount, name: exporter, namespace: default}]
"#;
const BINDING: &str = r"
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: configmaps}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: configmaps}
subjects: [{kind: ServiceAccount, name: exporter, namespace: default}]
";
const ACCOUNT: &str =
    "{apiVersion: v1, kind: ServiceAccount, metadata: {name: exporter, namespace: default}}";

/// Asks without a pause, and holds each answer against what may be there.
struct Witness {
    address: String,
    /// Samples by family of the pods, in each state that the cluster has had.
    states: BTreeSet<Counts>,
    /// Families that the first state had.
    families: BTreeSet<String>,
    /// Rounds of changes so far: no container was restarted more often.
    rounds: AtomicU32,
    scrapes: AtomicU32,
    done: AtomicBool,
}

// === impl Witness ===

impl Witness {
    fn page(&self) -> Scrape {
        let scrape = Scrape::parse(&client::page(&self.address, "/metrics/kube-state"));
        assert!(scrape.faults.is_empty(), "{:#?}", scrape.faults);
        scrape
    }

    /// Runs until it is told to end.
    fn run(&self) {
        let mut restarts = BTreeMap::new();
        while !self.done.load(Ordering::Relaxed) {
            let scrape = self.page();
            let rounds = f64::from(self.rounds.load(Ordering::SeqCst));
            for (series, value) in &scrape.series {
                if series.0 == RESTARTS {
                    let before = restarts.insert(series.clone(), *value).unwrap_or(0.0);
                    let true_ = before <= *value && *value <= rounds;
                    assert!(true_, "{series:?}: {before}, then {value} in round {rounds}");
                }
            }
            let counts = count(&scrape);
            let missing: Vec<_> =
                self.families.iter().filter(|name| !counts.contains_key(*name)).collect();
            assert!(missing.is_empty(), "not there: {missing:?}");
            let pods = of_pods(&counts);
            let known = self.states.contains(&pods);
            assert!(known, "the pods are in part there: {pods:?}");
            self.scrapes.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Samples by family.
type Counts = BTreeMap<String, usize>;

fn count(scrape: &Scrape) -> Counts {
    let mut counts = Counts::new();
    for (name, _) in scrape.series.keys() {
        *counts.entry(name.clone()).or_default() += 1;
    }
    counts
}

/// Those of the pods, which nobody but this test makes or removes.
fn of_pods(counts: &Counts) -> Counts {
    let pods = counts.iter().filter(|(name, _)| name.starts_with("kube_pod_"));
    pods.map(|(name, samples)| (name.clone(), *samples)).collect()
}

#[expect(clippy::too_many_lines, reason = "one cluster's story, from its start to its end")]
#[test]
fn each_scrape_is_whole_and_true() {
    let name = "cluster::faults::each_scrape_is_whole_and_true";
    if !is_root() {
        return skip(name, "not root, who may forget a peak of memory");
    }
    let mut cluster = match Cluster::api() {
        Ok(cluster) => cluster,
        Err(reason) => return skip(name, &reason),
    };
    let (pods, left) = (PODS.to_string(), LEFT.to_string());
    cluster.pods("fill", &["--pods", &pods, "--nodes", "10"]);
    cluster.kubectl(&["create", "-f", "-"], ROLES);
    cluster.kubectl(&["create", "-f", "-"], BINDING);
    cluster.kubectl(&["create", "-f", "-"], ACCOUNT);
    cluster.kubectl(&["create", "configmap", "settings"], "");
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (token, config) = (dir.path().join("token"), dir.path().join("config"));
    let new_token = |cluster: &Cluster| {
        let text = cluster.kubectl(&["create", "token", "exporter"], "");
        fs::write(&token, text).expect("a token");
    };
    new_token(&cluster);
    let text = cluster.kubectl(&["config", "view", "--raw", "--minify"], "");
    let (clusters, _) = text.split_once("contexts:").expect("kubectl's form");
    let users = format!(
        "contexts: [{{name: a, context: {{cluster: ground, user: exporter}}}}]\ncurrent-context: a\n\
         users: [{{name: exporter, user: {{tokenFile: {}}}}}]\n",
        token.display()
    );
    fs::write(&config, [clusters, &users].concat()).expect("a kubeconfig");

    let config = format!("--kubeconfig={}", config.display());
    let flags = ["--cluster=always", "--collector.disable-defaults", &config];
    let (ours, address) = exporter(&flags);
    wait("every resource's list", Duration::from_mins(2), || {
        (client::get(&address, "/readyz", &[]).status == 200).then_some(())
    });
    let whole = count(&Scrape::parse(&client::page(&address, "/metrics/kube-state")));
    assert_eq!(whole.get("kube_pod_info"), Some(&PODS));
    let later = of_pods(&whole).into_iter().map(|(name, samples)| (name, samples * LEFT / PODS));
    let witness = Arc::new(Witness {
        address: address.clone(),
        states: BTreeSet::from([of_pods(&whole), later.collect()]),
        families: whole.into_keys().collect(),
        rounds: AtomicU32::new(0),
        scrapes: AtomicU32::new(0),
        done: AtomicBool::new(false),
    });
    let started = Instant::now();
    let runs = {
        let witness = Arc::clone(&witness);
        thread::spawn(move || witness.run())
    };
    let change = |cluster: &Cluster| {
        let round = (witness.rounds.fetch_add(1, Ordering::SeqCst) + 1).to_string();
        let share = ["--nodes", "10", "--pods", &left, "--share", "0.1", "--round", &round];
        cluster.pods("change", &share);
    };
    // The whole of the last round is there.
    let changed = || {
        let round = f64::from(witness.rounds.load(Ordering::SeqCst));
        let page = witness.page();
        let restarted = page
            .series
            .iter()
            .filter(|(series, value)| series.0 == RESTARTS && value.total_cmp(&round).is_eq());
        (restarted.count() == 2 * LEFT / 10).then_some(())
    };
    let recovered = |what: &str, since: Instant| {
        wait(&format!("{what}: the last changes"), RECOVERY * MARGIN, changed);
        println!("{what}: recovered in {:.1} s", since.elapsed().as_secs_f64());
    };
    let watch = |family: &str, labels: &[(&str, &str)]| {
        Scrape::parse(&client::page(&address, "/metrics")).value(family, labels)
    };
    change(&cluster);
    recovered("no fault", Instant::now());
    let steady = memory(ours.pid(), "VmRSS");
    fs::write(format!("/proc/{}/clear_refs", ours.pid()), "5").expect("the peak is forgotten");

    // Killed; started again, it knows nothing of what was before, so that the list is a new one.
    let gone = || watch("hybrid_watch_errors_total", &[("resource", "pods"), ("reason", "gone")]);
    let before = gone();
    cluster.kill("kube-apiserver");
    cluster.pods("remove", &["--nodes", "10", "--pods", &pods, "--share", "0.1"]);
    change(&cluster);
    cluster.pods("compact", &[]);
    wait("the pods' watch to be down", Duration::from_mins(1), || {
        (watch("hybrid_watch_up", &[("resource", "pods")]) == Some(0.0)).then_some(())
    });
    cluster.restart("kube-apiserver");
    let since = cluster.ready();
    recovered("killed, started and compacted", since);
    wait("the pods' watch to be up", RECOVERY * MARGIN, || {
        (watch("hybrid_watch_up", &[("resource", "pods")]) == Some(1.0)).then_some(())
    });
    assert!(gone() > before, "the old resource version was taken");

    // Paused: nothing is heard, and nothing is lost.
    cluster.signal("STOP", "kube-apiserver");
    change(&cluster);
    thread::park_timeout(PAUSE);
    cluster.signal("CONT", "kube-apiserver");
    recovered("paused", Instant::now());

    // Another account by the same name, whose token comes late; and no right to ConfigMaps.
    cluster.kubectl(&["delete", "serviceaccount", "exporter"], "");
    cluster.kubectl(&["create", "-f", "-"], ACCOUNT);
    cluster.kubectl(&["delete", "clusterrolebinding", "configmaps"], "");
    cluster.kill("kube-apiserver");
    change(&cluster);
    cluster.restart("kube-apiserver");
    cluster.ready();
    wait("the old token to be refused", Duration::from_mins(1), || {
        let refused = [("resource", "pods"), ("reason", "unauthorized")];
        (watch("hybrid_watch_errors_total", &refused) > Some(0.0)).then_some(())
    });
    new_token(&cluster);
    recovered("token replaced", Instant::now());
    wait("ConfigMaps to be refused", Duration::from_mins(1), || {
        let refused = [("resource", "configmaps"), ("reason", "forbidden")];
        (watch("hybrid_watch_errors_total", &refused) > Some(0.0)).then_some(())
    });
    assert_eq!(watch("hybrid_watch_up", &[("resource", "configmaps")]), Some(0.0));
    // Refused with the old token too, each watch asks again in its own time.
    wait("Secrets", RECOVERY * MARGIN, || {
        (watch("hybrid_watch_up", &[("resource", "secrets")]) == Some(1.0)).then_some(())
    });
    cluster.kubectl(&["create", "-f", "-"], BINDING);
    let since = Instant::now();
    wait("ConfigMaps", RECOVERY * MARGIN, || {
        (watch("hybrid_watch_up", &[("resource", "configmaps")]) == Some(1.0)).then_some(())
    });
    println!("right given back: recovered in {:.1} s", since.elapsed().as_secs_f64());

    witness.done.store(true, Ordering::Relaxed);
    let verdict = runs.join();
    let peak = memory(ours.pid(), "VmHWM");
    println!(
        "{} scrapes in {:.0} s; memory {steady} kB, at most {peak} kB",
        witness.scrapes.load(Ordering::Relaxed),
        started.elapsed().as_secs_f64()
    );
    if let Err(reason) = verdict {
        std::panic::resume_unwind(reason);
    }
    assert!(peak <= steady * PEAK + LITTLE, "memory rose from {steady} to {peak} kB");
}

/// A field of a process's status, in kB.
fn memory(pid: u32, field: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).expect("a number")
}
