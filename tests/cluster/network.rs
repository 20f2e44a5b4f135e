//! The exporter behind a network that loses everything without a word, with more watches than one connection
//! of the API server takes, and while the cluster's authority and our certificate are replaced.
#![expect(clippy::disallowed_methods, reason = "the test swaps certificates")]

use super::relay::Relay;
use crate::{
    ground::{cluster::Cluster, done},
    support::{
        child::{exporter, wait},
        client, root,
        scrape::Scrape,
        skip,
    },
};
use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

/// Namespaces that are watched, each by a watch a resource.
const NAMESPACES: usize = 40;
const RESOURCES: &str = "configmaps,limitranges,resourcequotas,services";
/// Watches on one connection of ours; the API server takes 100.
const STREAMS: usize = 80;
/// How long the last state is served, in seconds.
const STALE: f64 = 50.0;
/// A connection that gives no answer to HTTP/2's probes is given up after this time: 30 s to the probe, 15 s to
/// the answer that does not come.
const NOTICED: Duration = Duration::from_secs(45);
/// What a recovery may take once its cause has ended.
const RECOVERY: Duration = Duration::from_secs(10);
/// How many times that is a failure here, where others use the processors too.
const MARGIN: u32 = 4;
/// Two collectors of a scrape do not look at the same moment.
const BLUR: f64 = 2.0;

struct Watching<'a> {
    cluster: &'a Cluster,
    address: String,
    rounds: u32,
}

// === impl Watching ===

impl Watching<'_> {
    /// A scrape, in which the `ConfigMaps` are there exactly as long as they are not too old.
    fn look(&self) -> Scrape {
        let scrape = Scrape::parse(&client::page(&self.address, "/metrics/kube-state"));
        assert!(scrape.faults.is_empty(), "{:#?}", scrape.faults);
        let age = scrape.value("hybrid_watch_age_seconds", &[("resource", "configmaps")]);
        let age = age.expect("it was heard once");
        let served = scrape.series.keys().any(|(name, _)| name == "kube_configmap_info");
        if (age - STALE).abs() > BLUR {
            assert_eq!(served, age < STALE, "the last state is {age} s old");
        }
        scrape
    }

    fn is_up(&self) -> bool {
        self.look().value("hybrid_watch_up", &[("resource", "configmaps")]) == Some(1.0)
    }

    fn errors(&self, reason: &str) -> f64 {
        let labels = [("resource", "configmaps"), ("reason", reason)];
        self.look().value("hybrid_watch_errors_total", &labels).expect("it counts from 0")
    }

    fn change(&mut self) {
        self.rounds += 1;
        self.cluster.kubectl(&["create", "configmap", &format!("round-{}", self.rounds)], "");
    }

    /// Waits until the last change is there and every watch goes on; how long that took.
    fn recovered(&self, what: &str) -> f64 {
        let since = Instant::now();
        let round = format!("round-{}", self.rounds);
        wait(&format!("{what}: the last change"), RECOVERY * MARGIN, || {
            let labels = [("namespace", "default"), ("configmap", round.as_str())];
            let seen = self.look().value("kube_configmap_info", &labels);
            (seen == Some(1.0) && self.is_up()).then_some(())
        });
        since.elapsed().as_secs_f64()
    }
}

#[test]
fn a_silent_network_and_another_authority() {
    let cluster = match Cluster::api() {
        Ok(cluster) => cluster,
        Err(reason) => {
            return skip("cluster::network::a_silent_network_and_another_authority", &reason);
        }
    };
    let home = cluster.kubeconfig().parent().expect("the cluster's folder").to_owned();
    let text = fs::read_to_string(cluster.kubeconfig()).expect("the administrator's kubeconfig");
    let (_, url) = text.split_once("server: \"").expect("a server");
    let (url, _) = url.split_once('"').expect("its end");
    let relay = Relay::start(url.trim_start_matches("https://"));
    let dir = tempfile::tempdir().expect("a temporary directory");
    let swap = |from: &Path, names: &[&str]| {
        for name in names {
            let text = fs::read(from.join(name)).expect("a file of the cluster's");
            fs::write(dir.path().join("new"), text).expect("a file");
            fs::rename(dir.path().join("new"), dir.path().join(name)).expect("swapped as a whole");
        }
    };
    swap(&home, &["ca.crt", "admin.crt", "key"]);
    let config = dir.path().join("config");
    let text = format!(
        "{{current-context: a, contexts: [{{name: a, context: {{cluster: a, user: a}}}}],
          clusters: [{{name: a, cluster: {{server: 'https://{}', certificate-authority: ca.crt}}}}],
          users: [{{name: a, user: {{client-certificate: admin.crt, client-key: key}}}}]}}",
        relay.address()
    );
    fs::write(&config, text).expect("a kubeconfig");
    let names: Vec<_> = (1..NAMESPACES).map(|number| format!("n{number}")).collect();
    let (_ours, address) = exporter(&[
        "--cluster=always",
        "--collector.disable-defaults",
        "--no-cluster.conditions",
        &format!("--kubeconfig={}", config.display()),
        &format!("--resources={RESOURCES}"),
        &format!("--namespaces=default,{}", names.join(",")),
        &format!("--cluster.stale={STALE}s"),
    ]);
    wait("every list", Duration::from_mins(2), || {
        (client::get(&address, "/readyz", &[]).status == 200).then_some(())
    });
    let mut watching = Watching { cluster: &cluster, address, rounds: 0 };

    // All watches stand, on as many connections as they need, and one more where a server took its time.
    let watches = NAMESPACES * RESOURCES.split(',').count();
    let least = watches.div_ceil(STREAMS);
    assert!((least..least + 3).contains(&relay.open()), "{} connections", relay.open());
    watching.change();
    let nothing = watching.recovered("nothing happened");

    // What is sent comes nowhere, and nobody says so.
    relay.silence();
    let since = Instant::now();
    watching.change();
    wait("the silence to be noticed", NOTICED * MARGIN, || (!watching.is_up()).then_some(()));
    println!("silence: noticed in {:.1} s", since.elapsed().as_secs_f64());
    wait("the last state to be dropped", Duration::from_mins(3), || {
        let scrape = watching.look();
        (!scrape.series.keys().any(|(name, _)| name == "kube_configmap_info")).then_some(())
    });
    relay.mend();
    let silence = watching.recovered("silence");

    // Another authority signs what the API server shows and what it takes from us.
    let other = dir.path().join("other");
    fs::create_dir(&other).expect("a folder");
    let pki = root().join("tests/ground/pki");
    let alternatives = "DNS:localhost,IP:127.0.0.1";
    done(60, &pki, &[&other.display().to_string(), url, alternatives], b"");
    for name in ["key", "server.crt", "ca.crt", "admin.crt", "admin.conf"] {
        fs::copy(other.join(name), home.join(name)).expect("a file of the cluster's");
    }
    // It is the new one that knows us with the new ones.
    cluster.ready();
    watching.change();
    // A session that is resumed shows no certificate again: then it is only ours that is refused.
    let refused = || watching.errors("connect") + watching.errors("unauthorized");
    let before = refused();
    relay.cut();
    relay.mend();
    wait("both to be strangers", Duration::from_mins(2), || (refused() > before).then_some(()));
    swap(&other, &["ca.crt", "admin.crt", "key"]);
    let authority = watching.recovered("another authority");
    println!("recovered after {nothing:.1} s, {silence:.1} s and {authority:.1} s");
}
