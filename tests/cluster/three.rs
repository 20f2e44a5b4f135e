//! Three exporters share a cluster: what belongs to no node is served by one of them, whichever of them
//! ends and however, and no object is served by two.

use crate::{
    ground::cluster::Cluster,
    support::{
        child::{self, Child, exporter, wait},
        client,
        scrape::Scrape,
        skip,
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

const PODS: usize = 60;
const NODES: usize = 3;
/// What a new leader may take when the old one was killed, and when it was ended; and how many times
/// that is a failure here, where others use the processors too.
const KILLED: Duration = Duration::from_secs(20);
const ENDED: Duration = Duration::from_secs(3);
const MARGIN: u32 = 8;
/// The longest wait for what nothing is promised of.
const PATIENCE: Duration = Duration::from_mins(3);
/// Families with one series an object, and the labels that name it.
const OBJECTS: [(&str, &[&str]); 5] = [
    ("kube_pod_info", &["uid", "node"]),
    ("kube_node_info", &["node"]),
    ("kube_replicaset_created", &["namespace", "replicaset"]),
    ("kube_namespace_created", &["namespace"]),
    ("kube_configmap_created", &["namespace", "configmap"]),
];

/// A family and what names the object in it; of a pod without a node, the uid alone.
type Object = (&'static str, Vec<String>);

/// An exporter of a node.
struct Agent {
    child: Child,
    address: String,
    number: u32,
}

/// Asks all exporters, again and again.
#[derive(Default)]
struct Witness {
    /// Where those are that run, by number.
    agents: Mutex<BTreeMap<u32, String>>,
    /// Who served each object, one after the other, each with the term of the lead.
    served: Mutex<BTreeMap<Object, Vec<(u64, u32)>>>,
    started: AtomicU32,
    rounds: AtomicU32,
    done: AtomicBool,
}

/// Ends a witness, however a test ends.
struct Done<'a>(&'a AtomicBool);

// === impl Agent ===

impl Agent {
    fn text(&self) -> Scrape {
        Scrape::parse(&client::page(&self.address, "/metrics/kube-state"))
    }

    fn leads(&self) -> bool {
        self.text().value("hybrid_cluster_leader", &[]) == Some(1.0)
    }

    fn stands_by(&self) -> bool {
        self.text().value("hybrid_cluster_stand_by", &[]) == Some(1.0)
    }
}

// === impl Witness ===

impl Witness {
    /// Starts the exporter of a node; from then on it is asked.
    fn start(&self, cluster: &Cluster, node: usize) -> Agent {
        let config = format!("--kubeconfig={}", cluster.kubeconfig().display());
        let node = format!("--node-name=node-{node}.example.com");
        let (child, address) = exporter(&[&config, &node, "--systemd=off", "--journal=off"]);
        let number = self.started.fetch_add(1, Ordering::SeqCst);
        lock(&self.agents).insert(number, address.clone());
        Agent { child, address, number }
    }

    fn run(&self) {
        while !self.done.load(Ordering::SeqCst) {
            let agents = lock(&self.agents).clone();
            for (number, address) in agents {
                let Some((term, objects)) = objects(&address) else { continue };
                self.note(number, term, objects);
            }
            self.rounds.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Who serves an object may change, and what belongs to no node changes hands with a new term. If one
    /// serves it after another has begun to, two have served it at the same time.
    fn note(&self, number: u32, term: Option<u64>, objects: BTreeSet<Object>) {
        let mut served = lock(&self.served);
        for object in objects {
            let mine = match (is_bound(&object), term) {
                // Agents of a node are numbered one after the other.
                (true, _) => (u64::from(number), number),
                (false, Some(term)) => (term, number),
                // It has lost the lead since this part of the scrape was made.
                (false, None) => continue,
            };
            let by = served.entry(object.clone()).or_default();
            if by.last() != Some(&mine) {
                let after = by.last().is_none_or(|(before, _)| *before < mine.0);
                assert!(after, "{object:?}: by {by:?} (term, exporter), then by {mine:?}");
                by.push(mine);
            }
        }
    }
}

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// The term of the lead that an exporter knows of, and what it serves; nothing where it has ended.
fn objects(address: &str) -> Option<(Option<u64>, BTreeSet<Object>)> {
    let scrape = Scrape::parse(&client::last_page(address, "/metrics/kube-state")?);
    // A series that is there twice is one.
    assert!(scrape.faults.is_empty(), "{:#?}", scrape.faults);
    let object = |(name, labels): &(String, Vec<(String, String)>)| {
        let (family, keys) = OBJECTS.iter().find(|(family, _)| family == name)?;
        let key = |key: &&str| labels.iter().find(|(k, _)| k == key).map(|(_, v)| v.clone());
        Some((*family, keys.iter().filter_map(key).collect()))
    };
    let term = scrape.value("hybrid_cluster_lease_transitions_total", &[]);
    let term = term.and_then(|term| format!("{term}").parse().ok());
    Some((term, scrape.series.keys().filter_map(object).collect()))
}

/// Whether it is a pod that has a node.
fn is_bound((family, key): &Object) -> bool {
    *family == "kube_pod_info" && key.len() == 2
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What belongs to no node, of what an exporter serves.
fn of_no_node(agent: &Agent) -> BTreeSet<Object> {
    let (_, mut objects) = objects(&agent.address).unwrap_or_default();
    objects.retain(|object| !is_bound(object));
    objects
}

#[test]
fn what_belongs_to_no_node_is_served_by_one() {
    let cluster = match Cluster::api() {
        Ok(cluster) => cluster,
        Err(reason) => {
            return skip("cluster::three::what_belongs_to_no_node_is_served_by_one", &reason);
        }
    };
    let (pods, nodes) = (PODS.to_string(), NODES.to_string());
    cluster.pods("fill", &["--pods", &pods, "--nodes", &nodes]);
    cluster.kubectl(&["create", "configmap", "settings"], "");
    let waiting = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"waiting"},
        "spec":{"containers":[{"name":"a","image":"none"}]}}"#;
    cluster.kubectl(&["create", "-f", "-"], waiting);

    let witness = Witness::default();
    let mut agents: Vec<_> = (0..NODES).map(|node| witness.start(&cluster, node)).collect();
    thread::scope(|scope| {
        let done = Done(&witness.done);
        scope.spawn(|| witness.run());
        let whole = wait("a leader that serves all", PATIENCE, || {
            let leader = agents.iter().find(|agent| agent.leads())?;
            let objects = of_no_node(leader);
            let all = OBJECTS.iter().all(|(name, _)| objects.iter().any(|(n, _)| n == name));
            all.then_some(objects)
        });
        assert_eq!(whole.iter().filter(|(family, _)| *family == "kube_node_info").count(), NODES);
        for (signal, promise) in [("-KILL", KILLED), ("-TERM", ENDED)] {
            let node = wait("a leader and a stand-by", PATIENCE, || {
                agents.iter().find(|agent| agent.stands_by())?;
                agents.iter().position(Agent::leads)
            });
            let old = agents.remove(node);
            lock(&witness.agents).remove(&old.number);
            let begun = Instant::now();
            child::run(60, "kill", &[signal, &old.child.pid().to_string()], b"");
            wait("another that serves all", promise * MARGIN, || {
                agents.iter().any(|agent| whole.is_subset(&of_no_node(agent))).then_some(())
            });
            println!("{signal}: back after {:?}, promised {promise:?}", begun.elapsed());
            drop(old);
            agents.insert(node, witness.start(&cluster, node));
        }
        // Whoever was seen last is looked at once more.
        let rounds = witness.rounds.load(Ordering::SeqCst);
        wait("two more looks at all", PATIENCE, || {
            (witness.rounds.load(Ordering::SeqCst) > rounds + 2).then_some(())
        });
        drop(done);
    });
    let served = witness.served.into_inner().unwrap();
    assert_eq!(served.keys().filter(|object| is_bound(object)).count(), PODS);
    let hands = hands_of_nodes(&served);
    println!(
        "{} looks; what belongs to no node went through {hands} hands",
        witness.rounds.into_inner()
    );
    assert!(hands >= 3, "{hands}");
}

/// Through how many hands the Nodes went.
fn hands_of_nodes(served: &BTreeMap<Object, Vec<(u64, u32)>>) -> usize {
    let nodes = served.iter().filter(|((family, _), _)| *family == "kube_node_info");
    nodes.map(|(_, by)| by.len()).min().unwrap_or(0)
}
