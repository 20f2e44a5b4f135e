//! The source against scripted servers, on paused time: what scrapes see of it.

use super::*;
use crate::{
    fault::{Fault, Reason},
    lease::tests::played::{self, Candidate, Quartz},
    scripted::{Log, Server, Step, Then},
    transport::Stream,
};
use bytes::Bytes;
use collect::{Bell, Clock, Collector, Options, Root, Shared};
use expect_test::{Expect, expect};
use exposition::{Format, Writer, encode};
use futures_util::future::BoxFuture;
use http::Method;
use std::{fmt::Write as _, time::SystemTime};
use tokio::task::JoinHandle;

/// A server for each path, and one for Leases.
struct Servers(BTreeMap<&'static str, Server>, played::Server);

/// A source that runs, and scrapes of it.
struct Play {
    cx: Context,
    bell: Bell,
    servers: Arc<Servers>,
    running: JoinHandle<()>,
}

impl Transport for Servers {
    fn get<'a>(
        &'a self,
        path: &'a str,
        accept: &'static str,
    ) -> BoxFuture<'a, Result<Box<dyn Stream>, Fault>> {
        let (resource, _) = path.split_once('?').unwrap();
        if resource.ends_with("/leases") {
            return Box::pin(async { Ok(self.1.stream(path)) });
        }
        self.0.get(resource).unwrap().get(path, accept)
    }

    fn send<'a>(
        &'a self,
        method: Method,
        path: &'a str,
        _: &'static str,
        body: Bytes,
    ) -> BoxFuture<'a, Result<Bytes, Fault>> {
        Box::pin(async move { Ok(self.1.done(&method, path, &body)?.to_string().into()) })
    }
}

impl Play {
    /// With only the creation of objects to be seen.
    fn new(given: &[(&str, &str)], scripts: Vec<(&'static str, Vec<Step>)>) -> Self {
        Self::with(&played::Server::default(), given, scripts)
    }

    /// One of several that contend for the same Leases.
    fn with(
        leases: &played::Server,
        given: &[(&str, &str)],
        scripts: Vec<(&'static str, Vec<Step>)>,
    ) -> Self {
        let cx = context(given);
        let server = |(path, script)| (path, Server::new(script, Log::default()));
        let servers = Arc::new(Servers(scripts.into_iter().map(server).collect(), leases.clone()));
        let transport: Arc<dyn Transport> = Arc::clone(&servers) as _;
        let mut cluster = Cluster::new(&cx).unwrap();
        Arc::new(Quartz::plain()).keep(&cluster.lead);
        cluster.server = Ok(transport);
        let (line, bell) = Line::new();
        let running = tokio::spawn(async move { cluster.serve(&line).await });
        Self { cx, bell, servers, running }
    }

    /// Waits until the server of a path was asked for more than it has in its script.
    async fn done(&self, path: &str) {
        self.servers.0.get(path).unwrap().done().await;
    }

    /// How often a list was asked for.
    fn lists_of(&self, path: &str) -> usize {
        let asked = self.servers.0.get(path).unwrap().asked();
        asked.lines().filter(|line| !line.contains("watch=true")).count()
    }

    /// A scrape, whether the source is up, and why not.
    async fn scrape(&self, expected: Expect) {
        self.bell.ring().await;
        self.serve(&expected);
    }

    /// A scrape that waits for the source in vain.
    async fn scrape_in_vain(&self, expected: Expect) {
        let answer = time::timeout(Duration::from_secs(2), self.bell.ring()).await;
        assert!(answer.is_err(), "it was answered");
        self.serve(&expected);
    }

    fn serve(&self, expected: &Expect) {
        let mut blocks = Vec::new();
        let mut text = String::new();
        for spec in crate::collectors().iter().chain(crate::WATCH_COLLECTORS) {
            let mut collector: Box<dyn Collector> = (spec.build)(&self.cx).unwrap();
            let mut out = Writer::default();
            if let Err(error) = collector.collect(&mut out) {
                writeln!(text, "{}: {error}", spec.name).unwrap();
            }
            blocks.push(out.finish());
        }
        let health = self.bell.health();
        writeln!(text, "up: {} {}", health.up, health.reason).unwrap();
        let blocks: Vec<_> = blocks.iter().collect();
        let body = String::from_utf8(encode(&blocks, Format::TEXT).plain()).unwrap();
        let wanted = ["kube_c", "kube_n", "hybrid_cl", "hybrid_cu", "hybrid_w"];
        for line in body.lines().filter(|line| wanted.iter().any(|w| line.starts_with(w))) {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let value: f64 = value.parse().unwrap();
            // Pauses have jitter.
            let value = match series.split_once('{') {
                Some(("hybrid_watch_age_seconds", _)) => (value / 10.0).floor() * 10.0,
                Some(("hybrid_watch_errors_total", _)) => value.min(9.0),
                _ => value,
            };
            if value != 0.0 {
                writeln!(text, "{series} {value}").unwrap();
            }
        }
        expected.assert_eq(&text);
    }

    async fn stop(self) {
        self.bell.stop();
        self.running.await.unwrap();
    }
}

fn gone() -> Step {
    Step::Refuse(Fault::new(Reason::Gone, "too old"))
}

fn context(given: &[(&str, &str)]) -> Context {
    let mut options = Options::default();
    let flags =
        [("cluster", "always"), ("metric-allowlist", "created"), ("cluster.conditions", "false")];
    for (name, text) in flags.iter().chain(given) {
        options.set(name, vec![(*text).to_owned()]);
    }
    let root = Root::new("/nonexistent");
    Context {
        proc: root.clone(),
        sys: root.clone(),
        rootfs: root.clone(),
        udev: root,
        options,
        clock: Clock::new(|| SystemTime::UNIX_EPOCH),
        shared: Shared::default(),
    }
}

macro_rules! object {
    ($name:literal) => {
        concat!(
            r#"{"metadata":{"name":""#,
            $name,
            r#"","uid":"u-"#,
            $name,
            r#"","resourceVersion":"7","creationTimestamp":"2026-01-02T03:04:05Z"}}"#
        )
    };
}

macro_rules! event {
    ($kind:literal, $object:expr) => {
        concat!(r#"{"type":""#, $kind, r#"","object":"#, $object, "}\n")
    };
}

mod custom;

const LISTED: &str = event!(
    "BOOKMARK",
    r#"{"metadata":{"resourceVersion":"9","annotations":{"k8s.io/initial-events-end":"true"}}}"#
);
const A: &str = event!("ADDED", object!("a"));
const B: &str = event!("ADDED", object!("b"));
const NODES: &str = "/api/v1/nodes";
const PODS_PATH: &str = "/api/v1/pods";
const MAPS: &str = "/api/v1/configmaps";
const TWO: (&str, &str) = ("resources", "nodes,configmaps");

/// Time in which whatever the scripts have happens, faults and pauses apart.
async fn moment() {
    time::sleep(Duration::from_millis(1)).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_served_before_it_is_whole() {
    let play = Play::new(
        &[TWO],
        vec![
            (NODES, vec![Step::Send(vec![A, LISTED], Then::Silence)]),
            (
                MAPS,
                vec![Step::Send(vec![A], Then::Break), Step::Send(vec![B, LISTED], Then::Silence)],
            ),
        ],
    );
    play.scrape(expect![[r#"
        kube_state: configmaps are not served: broken: reset by peer
        up: false configmaps: broken: reset by peer
        hybrid_watch_errors_total{resource="configmaps",reason="broken"} 1
        hybrid_watch_objects{resource="nodes"} 1
        hybrid_watch_up{resource="nodes"} 1
        kube_node_created{node="a"} 1767323045
    "#]])
        .await;
    time::sleep(Duration::from_secs(1)).await;
    play.scrape(expect![[r#"
        up: true 
        hybrid_watch_errors_total{resource="configmaps",reason="broken"} 1
        hybrid_watch_objects{resource="configmaps"} 1
        hybrid_watch_objects{resource="nodes"} 1
        hybrid_watch_up{resource="configmaps"} 1
        hybrid_watch_up{resource="nodes"} 1
        kube_configmap_created{namespace="",configmap="b"} 1767323045
        kube_node_created{node="a"} 1767323045
    "#]])
        .await;
    play.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_there_is_as_of_now_while_the_rest_comes() {
    let c = event!("ADDED", object!("c"));
    let play = Play::new(
        &[TWO],
        vec![
            (
                NODES,
                vec![Step::Send(vec![A, LISTED, B], Then::End), Step::Send(vec![c], Then::End)],
            ),
            // A list that has begun and does not get on.
            (MAPS, vec![Step::Send(vec![A], Then::Silence)]),
        ],
    );
    play.scrape_in_vain(expect![[r#"
        up: false configmaps: the first list is not complete
        hybrid_watch_objects{resource="nodes"} 2
        hybrid_watch_up{resource="nodes"} 1
        kube_node_created{node="a"} 1767323045
        kube_node_created{node="b"} 1767323045
    "#]])
        .await;
    play.done(NODES).await;
    play.scrape_in_vain(expect![[r#"
        up: false configmaps: the first list is not complete
        hybrid_watch_objects{resource="nodes"} 3
        hybrid_watch_up{resource="nodes"} 1
        kube_node_created{node="a"} 1767323045
        kube_node_created{node="b"} 1767323045
        kube_node_created{node="c"} 1767323045
    "#]])
        .await;
    play.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_namespace_is_not_served_without_the_others() {
    let (one, two) = ("/api/v1/namespaces/one/configmaps", "/api/v1/namespaces/two/configmaps");
    let forbidden = || Step::Refuse(Fault::new(Reason::Forbidden, "HTTP 403: no"));
    let play = Play::new(
        &[("resources", "configmaps"), ("namespaces", "one,two")],
        vec![
            (one, vec![Step::Send(vec![A, LISTED], Then::Silence)]),
            (two, vec![forbidden(), Step::Send(vec![B, LISTED], Then::Silence)]),
        ],
    );
    play.scrape(expect![[r#"
        kube_state: configmaps are not served: forbidden: HTTP 403: no
        up: false configmaps: forbidden: HTTP 403: no
        hybrid_watch_errors_total{resource="configmaps",reason="forbidden"} 1
    "#]])
        .await;
    time::sleep(Duration::from_secs(1)).await;
    play.scrape(expect![[r#"
        up: true 
        hybrid_watch_errors_total{resource="configmaps",reason="forbidden"} 1
        hybrid_watch_objects{resource="configmaps"} 2
        hybrid_watch_up{resource="configmaps"} 1
        kube_configmap_created{namespace="",configmap="a"} 1767323045
        kube_configmap_created{namespace="",configmap="b"} 1767323045
    "#]])
        .await;
    play.stop().await;
}

#[tokio::test(start_paused = true)]
async fn changes_are_seen_at_the_next_scrape_and_relists_swap() {
    let torn = concat!(r#"{"metadata":{"resourceVersion":"8"},"items":["#, object!("d"), ",");
    let last = concat!(r#"{"metadata":{"resourceVersion":"8"},"items":["#, object!("c"), "]}");
    let play = Play::new(
        &[("resources", "nodes")],
        vec![(
            NODES,
            vec![
                Step::Send(vec![A, LISTED, B, event!("DELETED", object!("a"))], Then::End),
                gone(),
                Step::Send(vec![torn], Then::End),
                Step::Refuse(Fault::new(Reason::Server, "HTTP 500")),
                Step::Send(vec![last], Then::End),
            ],
        )],
    );
    play.scrape(expect![[r#"
        up: true 
        hybrid_watch_objects{resource="nodes"} 1
        hybrid_watch_up{resource="nodes"} 1
        kube_node_created{node="b"} 1767323045
    "#]])
        .await;
    // The list breaks in the middle: what was there before it stands.
    time::sleep(Duration::from_millis(600)).await;
    play.scrape(expect![[r#"
        up: true 
        hybrid_watch_errors_total{resource="nodes",reason="gone"} 1
        hybrid_watch_errors_total{resource="nodes",reason="malformed"} 1
        hybrid_watch_objects{resource="nodes"} 1
        kube_node_created{node="b"} 1767323045
    "#]])
        .await;
    play.done(NODES).await;
    play.scrape(expect![[r#"
        up: true 
        hybrid_watch_errors_total{resource="nodes",reason="gone"} 1
        hybrid_watch_errors_total{resource="nodes",reason="server"} 1
        hybrid_watch_errors_total{resource="nodes",reason="malformed"} 1
        hybrid_watch_objects{resource="nodes"} 1
        hybrid_watch_up{resource="nodes"} 1
        kube_node_created{node="c"} 1767323045
    "#]])
        .await;
    play.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_too_old_is_dropped_until_the_server_is_heard_again() {
    let mut script = vec![Step::Send(vec![A, LISTED], Then::Break)];
    // A pause is between six and eight seconds long, soon.
    script.extend((0..60).map(|_| Step::Refuse(Fault::new(Reason::Connect, "refused"))));
    script.push(Step::Send(vec![B], Then::End));
    let play = Play::new(&[("resources", "nodes")], vec![(NODES, script)]);
    moment().await;
    play.scrape(expect![[r#"
        up: true 
        hybrid_watch_errors_total{resource="nodes",reason="broken"} 1
        hybrid_watch_objects{resource="nodes"} 1
        kube_node_created{node="a"} 1767323045
    "#]])
        .await;
    time::sleep(Duration::from_secs(290)).await;
    play.scrape(expect![[r#"
        up: true 
        hybrid_watch_age_seconds{resource="nodes"} 290
        hybrid_watch_errors_total{resource="nodes",reason="connect"} 9
        hybrid_watch_errors_total{resource="nodes",reason="broken"} 1
        hybrid_watch_objects{resource="nodes"} 1
        kube_node_created{node="a"} 1767323045
    "#]])
        .await;
    time::sleep(Duration::from_secs(11)).await;
    // Nobody has to scrape for the source to know.
    assert!(!play.bell.health().up);
    play.scrape(expect![[r#"
        kube_state: nodes are not served: connect: refused
        up: false nodes: connect: refused
        hybrid_watch_age_seconds{resource="nodes"} 300
        hybrid_watch_errors_total{resource="nodes",reason="connect"} 9
        hybrid_watch_errors_total{resource="nodes",reason="broken"} 1
    "#]])
        .await;
    play.done(NODES).await;
    play.scrape(expect![[r#"
        up: true 
        hybrid_watch_errors_total{resource="nodes",reason="connect"} 9
        hybrid_watch_errors_total{resource="nodes",reason="broken"} 1
        hybrid_watch_objects{resource="nodes"} 2
        hybrid_watch_up{resource="nodes"} 1
        kube_node_created{node="a"} 1767323045
        kube_node_created{node="b"} 1767323045
    "#]])
        .await;
    play.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_object_that_cannot_be_read_costs_itself() {
    let odd = event!(
        "MODIFIED",
        r#"{"metadata":{"name":"a","uid":"u-a","resourceVersion":"8","labels":"none"}}"#
    );
    let script = vec![Step::Send(vec![A, B, LISTED, odd, odd], Then::Silence)];
    let play = Play::new(&[("resources", "nodes")], vec![(NODES, script)]);
    moment().await;
    play.scrape(expect![[r#"
        up: true 
        hybrid_watch_objects{resource="nodes"} 1
        hybrid_watch_objects_left_out_total{resource="nodes"} 2
        hybrid_watch_up{resource="nodes"} 1
        kube_node_created{node="b"} 1767323045
    "#]])
        .await;
    play.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_shard_has_its_objects_only() {
    let mut seen = Vec::new();
    for shard in ["0", "1"] {
        let list = vec![A, B, event!("ADDED", object!("c")), event!("ADDED", object!("d")), LISTED];
        let play = Play::new(
            &[("resources", "nodes"), ("shard", shard), ("total-shards", "2")],
            vec![(NODES, vec![Step::Send(list, Then::Silence)])],
        );
        play.bell.ring().await;
        let states = play.cx.shared.get::<States>();
        seen.push(states.all().iter().map(|state| state.len()).sum::<usize>());
        play.stop().await;
    }
    assert_eq!(seen.iter().sum::<usize>(), 4, "{seen:?}");
    assert!(seen.iter().all(|objects| *objects > 0), "{seen:?}");
}

#[tokio::test(start_paused = true)]
async fn a_machine_without_a_cluster_has_no_data() {
    let cx = context(&[]);
    let (line, bell) = Line::new();
    let mut cluster = Cluster::new(&cx).unwrap();
    cluster.server = Err(Health::absent("no kubeconfig"));
    let running = tokio::spawn(Box::new(cluster).run(line));
    bell.ring().await;
    assert!(bell.health().absent);
    for spec in crate::collectors().iter().chain(crate::WATCH_COLLECTORS) {
        let error = (spec.build)(&cx).unwrap().collect(&mut Writer::default()).unwrap_err();
        assert_eq!(error.to_string(), "no data: no kubeconfig");
    }
    bell.stop();
    running.await.unwrap();
}

#[tokio::test]
async fn who_must_serve_a_cluster_and_knows_none_is_not_well() {
    for (mode, absent) in [("auto", true), ("always", false)] {
        let cluster = Cluster::new(&context(&[("cluster", mode)])).unwrap();
        let health = cluster.server.err().unwrap();
        assert_eq!(health.absent, absent, "{mode}: {}", health.reason);
        assert!(absent || health.reason.contains("--kubeconfig"), "{}", health.reason);
    }
}

#[tokio::test(start_paused = true)]
async fn one_leads_and_another_has_everything_ready() {
    let leases = played::Server::default();
    let given = [
        ("cluster", "auto"),
        ("node-name", "n1"),
        ("resources", "nodes"),
        ("cluster.lease-namespace", "ns"),
        ("cluster.lease-name", "lead"),
    ];
    let agent = || {
        let script = (0..3).map(|_| Step::Send(vec![A, LISTED], Then::Silence)).collect();
        let pods = vec![Step::Send(vec![LISTED], Then::Silence)];
        Play::with(&leases, &given, vec![(NODES, script), (PODS_PATH, pods)])
    };
    // Somebody else led before, and has ended.
    let mut before = Candidate::plain(&leases, "before");
    time::sleep(Duration::from_secs(30)).await;
    before.stop().await;
    let (first, second) = (agent(), agent());
    // Both have taken their places in five seconds at most.
    time::sleep(Duration::from_secs(7)).await;
    let lead = first.cx.shared.get::<Lead>();
    let leads = lead.standing() == Standing::Leader;
    let (first, second) = if leads { (first, second) } else { (second, first) };
    first
        .scrape(expect![[r#"
            up: true 
            hybrid_cluster_leader 1
            hybrid_cluster_lease_transitions_total 1
            hybrid_watch_objects{resource="nodes"} 1
            hybrid_watch_up{resource="nodes"} 1
            hybrid_watch_up{resource="pods"} 1
            kube_node_created{node="a"} 1767323045
        "#]])
        .await;
    second
        .scrape(expect![[r#"
            up: true 
            hybrid_cluster_lease_transitions_total 1
            hybrid_cluster_stand_by 1
            hybrid_watch_up{resource="nodes"} 1
            hybrid_watch_up{resource="pods"} 1
        "#]])
        .await;
    // The next one has what it serves.
    first.stop().await;
    time::sleep(Duration::from_secs(1)).await;
    second
        .scrape(expect![[r#"
            up: true 
            hybrid_cluster_leader 1
            hybrid_cluster_lease_transitions_total 2
            hybrid_watch_objects{resource="nodes"} 1
            hybrid_watch_up{resource="nodes"} 1
            hybrid_watch_up{resource="pods"} 1
            kube_node_created{node="a"} 1767323045
        "#]])
        .await;
    second.stop().await;
}

#[tokio::test(start_paused = true)]
async fn pods_of_the_node_are_known_where_nothing_is_served() {
    let pod = event!(
        "ADDED",
        r#"{"metadata":{"name":"web","namespace":"shop","uid":"u","resourceVersion":"8"},
        "status":{"containerStatuses":[{"name":"app","containerID":"containerd://1"}]}}"#
    )
    .replace('\n', "")
        + "\n";
    let chunks = vec![&*pod.leak(), LISTED];
    let play = Play::new(
        &[("cluster", "never"), ("node-name", "here")],
        vec![
            (PODS_PATH, vec![Step::Send(chunks, Then::Silence)]),
            (NODES, vec![Step::Send(vec![A, LISTED], Then::Silence)]),
        ],
    );
    play.scrape(expect![[r#"
        up: true 
        hybrid_watch_up{resource="nodes"} 1
        hybrid_watch_up{resource="pods"} 1
    "#]])
        .await;
    let model = play.cx.shared.get::<model::Model>();
    let known = model.pods().of_container("1").map(|(pod, container)| {
        [&pod.namespace, &pod.name, &container.name].map(ToString::to_string)
    });
    assert_eq!(known.unwrap(), ["shop", "web", "app"]);
    assert_eq!(model.node().get().map(|node| node.name.to_string()).as_deref(), Some("a"));
    // What no watch tells any more is not known any more.
    play.stop().await;
    assert!(!model.pods().is_told() && !model.node().is_told());
}

#[tokio::test(start_paused = true)]
async fn a_host_outside_of_the_cluster_knows_services_and_serves_none() {
    let service = event!(
        "ADDED",
        r#"{"metadata":{"name":"web","namespace":"shop","uid":"u"},"spec":{"type":"ClusterIP"}}"#
    );
    let slice = event!(
        "ADDED",
        r#"{"metadata":{"name":"web-x","namespace":"shop","uid":"v"},"endpoints":[{"addresses":["192.0.2.7"]}]}"#
    );
    let list = |object| vec![Step::Send(vec![object, LISTED], Then::Silence)];
    let slices = "/apis/discovery.k8s.io/v1/endpointslices";
    let play = Play::new(
        &[("cluster", "auto")],
        vec![("/api/v1/services", list(service)), (slices, list(slice))],
    );
    play.scrape(expect![[r#"
        up: true 
        hybrid_watch_up{resource="endpointslices"} 1
        hybrid_watch_up{resource="services"} 1
    "#]])
        .await;
    let model = play.cx.shared.get::<model::Model>();
    assert_eq!((model.services().len(), model.endpoint_slices().at("192.0.2.7").count()), (1, 1));
    play.stop().await;
    assert!(!model.services().is_told() && !model.endpoint_slices().is_told());
}

#[tokio::test(start_paused = true)]
async fn one_cause_of_all_is_told_once() {
    let refused = || vec![Step::Refuse(Fault::new(Reason::Connect, "refused"))];
    let play = Play::new(&[TWO], vec![(NODES, refused()), (MAPS, refused())]);
    moment().await;
    play.scrape(expect![[r#"
        kube_state: 2 resources are not served: connect: refused
        up: false 2 resources: connect: refused
        hybrid_watch_errors_total{resource="configmaps",reason="connect"} 1
        hybrid_watch_errors_total{resource="nodes",reason="connect"} 1
    "#]])
        .await;
    play.stop().await;
}
