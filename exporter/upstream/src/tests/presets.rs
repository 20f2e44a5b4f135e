//! The kubelet as it really answers, what is found by itself, and what the configuration may say.

use super::Rig;
use crate::{
    collector::{KUBELET, UPSTREAMS},
    found::Found,
    kubelet::Kubelet,
    scripted::{Reply, Server},
};
use collect::{Context, testing::context};
use expect_test::{expect, expect_file};
use model::{ActiveState, Container, Model, Node, Pod, Unit};
use std::{collections::BTreeMap, fmt::Write as _, path::Path, sync::Arc};

const METRICS: &str = include_str!("../../../../tests/fixtures/kubelet/metrics.txt");
const PROBES: &str = include_str!("../../../../tests/fixtures/kubelet/probes.txt");
const RESOURCE: &str = include_str!("../../../../tests/fixtures/kubelet/resource.txt");

fn cx(spec: &'static collect::Spec, options: &[(&str, &str)]) -> Context {
    context(spec, Path::new("/nonexistent"), options)
}

async fn kubelet() -> Server {
    Server::plain(|head| match head.split(' ').nth(1) {
        Some("/metrics") => Reply::text(METRICS),
        Some("/metrics/probes") => Reply::text(PROBES),
        Some("/metrics/resource") => Reply::text(RESOURCE),
        _ => Reply::of("404 Not Found", "", b""),
    })
    .await
}

fn on(mut cx: Context) -> Context {
    cx.options.set("kubelet", vec!["on".to_owned()]);
    cx
}

#[tokio::test]
async fn a_kubelets_families() {
    let server = kubelet().await;
    let url = format!("http://{}", server.address);
    let mut rig = Rig::new(&on(cx(&KUBELET, &[("kubelet.url", &url)])), &KUBELET);
    let text = rig.scrape().await;
    let mut families: BTreeMap<&str, usize> = BTreeMap::new();
    let mut family = "";
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            family = rest.split(' ').next().unwrap();
        } else if !line.starts_with('#') {
            *families.entry(family).or_default() += 1;
        }
    }
    // These would double cAdvisor's.
    for name in [
        "container_cpu_usage_seconds_total",
        "container_memory_working_set_bytes",
        "container_start_time_seconds",
    ] {
        assert!(RESOURCE.contains(name) && !families.contains_key(name), "{name}");
    }
    assert!(!families.keys().any(|name| name.starts_with("process_") || name.starts_with("node_")));
    let mut all = String::new();
    for (name, count) in &families {
        writeln!(all, "{name} {count}").unwrap();
    }
    expect_file!["kubelet_families.txt"].assert_eq(&all);
    let pods = text.lines().filter(|line| line.starts_with("pod_memory")).collect::<Vec<_>>();
    expect![[r#"
        pod_memory_working_set_bytes{namespace="default",pod="web-59f498474d-d8jx4"} 499712
        pod_memory_working_set_bytes{namespace="default",pod="web-59f498474d-shhcd"} 503808"#]]
    .assert_eq(&pods.join("\n"));
}

#[tokio::test]
async fn all_families_and_none() {
    let server = kubelet().await;
    let url = format!("http://{}", server.address);
    for (families, has) in [(".", true), ("^$", false)] {
        let options = [("kubelet.url", &*url), ("kubelet.families", families)];
        let text = Rig::new(&on(cx(&KUBELET, &options)), &KUBELET).scrape().await;
        assert_eq!(text.contains("\ngo_threads "), has);
        assert!(text.contains("\npod_cpu_usage_seconds_total{"));
        assert!(text.contains("hybrid_upstream_up{upstream=\"kubelet\"} 1\n"), "{text}");
    }
}

#[tokio::test]
async fn a_page_that_is_missing_costs_itself() {
    let server = Server::plain(|head| match head.split(' ').nth(1) {
        Some("/metrics") => Reply::text("kubelet_running_pods 2\n"),
        Some("/metrics/resource") => Reply::text("pod_swap_usage_bytes{pod=\"a\"} 2\n"),
        _ => Reply::of("404 Not Found", "", b"404 page not found\n"),
    })
    .await;
    let url = format!("http://{}", server.address);
    let mut rig = Rig::new(&on(cx(&KUBELET, &[("kubelet.url", &url)])), &KUBELET);
    let text = rig.brief().await.replace(&server.address.to_string(), "HOST:PORT");
    expect![[r#"
        hybrid_upstream_errors_total{upstream="kubelet",reason="status"} 1
        hybrid_upstream_samples{upstream="kubelet"} 2
        hybrid_upstream_up{upstream="kubelet"} 0
        kubelet_running_pods 2
        pod_swap_usage_bytes{pod="a"} 2
        error: kubelet: status: http://HOST:PORT/metrics/probes: HTTP 404: "404 page not found"
    "#]]
    .assert_eq(&text);
}

#[tokio::test]
async fn the_kubelet_wins_over_others() {
    let server = kubelet().await;
    let other =
        Server::plain(|_| Reply::text("# TYPE go_goroutines gauge\ngo_goroutines 1\n")).await;
    let url = format!("http://{}", server.address);
    let kubelet = on(cx(&KUBELET, &[("kubelet.url", &url)]));
    let endpoint = format!("app=http://{}", other.address);
    let mut others = cx(&UPSTREAMS, &[("upstream.endpoints", &endpoint)]);
    others.shared = kubelet.shared.clone();
    let mut one = Rig::new(&kubelet, &KUBELET);
    assert!(one.scrape().await.contains("\ngo_goroutines "));
    expect![[r#"
        hybrid_upstream_dropped_samples{upstream="app",reason="duplicate"} 1
        hybrid_upstream_up{upstream="app"} 1
        remark: app: series that an upstream before it has; give it a label of its own
    "#]]
    .assert_eq(&Rig::new(&others, &UPSTREAMS).brief().await);
}

#[tokio::test]
async fn where_there_is_no_kubelet_nothing_is_said() {
    let mut rig = Rig::new(&cx(&KUBELET, &[]), &KUBELET);
    expect![[r#"
        error: no data: no kubelet: no --node-name, and no unit of one
    "#]]
    .assert_eq(&rig.scrape().await);
    assert!(rig.bell.health().absent);
}

#[test]
fn a_kubelet_is_asked_where_it_is_and_we_may() {
    let reason = |cx: &Context| Kubelet::new(cx).unwrap().target().err();
    let plain = cx(&KUBELET, &[]);
    assert_eq!(reason(&plain).unwrap(), "no kubelet: no --node-name, and no unit of one");
    let unit = Unit { state: ActiveState::Active, ..Unit::default() };
    let name: Arc<str> = "kubelet.service".into();
    plain.shared.get::<Model>().units_mut().apply(&name, unit);
    assert!(reason(&plain).unwrap().contains("give --kubelet.token-file"));
    let mut told = cx(&KUBELET, &[("kubelet.token-file", "/token")]);
    told.shared = plain.shared.clone();
    let mut kubelet = Kubelet::new(&told).unwrap();
    assert_eq!(kubelet.target().unwrap().place.url(), "https://127.0.0.1:10250");
    // Its unit may be unloaded when it is stopped: the node is still one.
    told.shared.get::<Model>().units_mut().delete(&name);
    assert!(kubelet.target().is_ok());
    // What the API server has of the node is better.
    let node = Node {
        internal_ips: vec!["fd00::1".parse().unwrap()],
        kubelet_port: Some(10_251),
        ..Node::default()
    };
    told.shared.get::<Model>().node_mut().apply(&"uid".into(), node);
    assert_eq!(kubelet.target().unwrap().place.url(), "https://[fd00::1]:10251");
    // A token is not shown to whoever listens without TLS.
    let url = [("kubelet.token-file", "/token"), ("kubelet.url", "http://127.0.0.1:10255")];
    let target = Kubelet::new(&cx(&KUBELET, &url)).unwrap().target().unwrap();
    assert_eq!((target.papers.token, target.place.port), (None, 10255));
}

#[tokio::test]
async fn what_is_found_counts_from_its_first_answer() {
    let cx = cx(&UPSTREAMS, &[]);
    let model = cx.shared.get::<Model>();
    let found = Found::new(&cx).unwrap();
    assert!(found.targets().is_empty());
    let container = |name: &str| Container { name: name.into(), ..Container::default() };
    let pod =
        Pod { containers: vec![container("etcd"), container("kube-proxy")], ..Pod::default() };
    model.pods_mut().apply(&"uid".into(), pod);
    let urls = |found: &Found| {
        let url =
            |target: &crate::target::Target| format!("{} {}", target.name, target.place.url());
        found.targets().iter().map(url).collect::<Vec<_>>()
    };
    assert_eq!(urls(&found), ["etcd http://127.0.0.1:2381", "kube-proxy http://127.0.0.1:10249"]);
    model.pods_mut().delete("uid");
    let unit = Unit { state: ActiveState::Active, ..Unit::default() };
    model.units_mut().apply(&"etcd.service".into(), unit);
    assert_eq!(urls(&found), ["etcd http://127.0.0.1:2379"]);
}

#[test]
fn coredns_is_where_its_pods_are() {
    let shared = collect::Shared::default();
    let model = shared.get::<Model>();
    let pod = |name: &str, app: &str, ip: &str, port: Option<u16>| Pod {
        namespace: "kube-system".into(),
        name: name.into(),
        app: Some(app.into()),
        ip: ip.parse().ok(),
        metrics_port: port,
        ..Pod::default()
    };
    let port = Some(9153);
    model.pods_mut().reset([
        ("1".into(), pod("coredns-b", "kube-dns", "fd00::7", port)),
        ("2".into(), pod("coredns-a", "kube-dns", "10.244.0.7", port)),
        ("3".into(), pod("starts", "kube-dns", "", port)),
        ("4".into(), pod("silent", "kube-dns", "10.244.0.8", None)),
        ("5".into(), pod("other", "other", "10.244.0.9", port)),
    ]);
    let targets = |options: &[(&str, &str)]| {
        let cx = Context { shared: shared.clone(), ..cx(&UPSTREAMS, options) };
        Found::new(&cx).unwrap().targets()
    };
    let all: Vec<_> = targets(&[])
        .iter()
        .map(|target| format!("{} {} {:?}", target.name, target.place.url(), target.labels))
        .collect();
    expect![[r#"
        coredns http://10.244.0.7:9153 [("namespace", "kube-system"), ("pod", "coredns-a")]
        coredns-2 http://[fd00::7]:9153 [("namespace", "kube-system"), ("pod", "coredns-b")]"#]]
    .assert_eq(&all.join("\n"));
    assert!(targets(&[("upstream.discover", "false")]).is_empty());
    let named = targets(&[("upstream.endpoints", "preset=coredns\nurl=http://10.96.0.10:9153")]);
    assert_eq!(named.len(), 1, "the configuration wins");
}

#[test]
fn wrong_settings() {
    let mut all = String::new();
    for endpoint in [
        "nonsense",
        "app=ftp://x",
        "name=app",
        "url=http://x:1",
        "preset=etcdd",
        "preset=containerd",
        "name=app\nurl=http://x:1\nfamilies=(",
        "name=app\nurl=http://x:1\ntimeout=5s",
        "name=app\nurl=http://x:1\nmax-bytes=0",
        "name=app\nurl=http://x:1\ncolour=red",
        "name=app\nurl=http://x:1\nlabels.le=1",
        "name=app\nurl=http://x:1\nlabels.a-b=1",
        "name=app\nurl=http://x:1\ntoken-file=/t",
        "name=app\nurl=http://u:p@x:1",
        "name=app\nurl=https://x:1\ncert-file=/c",
        "name=app\nurl=https://x:1\ninsecure-skip-verify=1",
        "kubelet=http://x:1",
    ] {
        let error = Found::new(&cx(&UPSTREAMS, &[("upstream.endpoints", endpoint)])).err().unwrap();
        writeln!(all, "{}\n    {error}", endpoint.replace('\n', " ")).unwrap();
    }
    for (option, text) in [
        ("kubelet.url", "x"),
        ("kubelet.url", "https://x/y"),
        ("kubelet.families", "("),
        ("kubelet.cert-file", "/c"),
    ] {
        let error = Kubelet::new(&cx(&KUBELET, &[(option, text)])).err().unwrap();
        writeln!(all, "{option}={text}\n    {error}").unwrap();
    }
    expect![[r#"
        nonsense
            --upstream.endpoints: endpoint 1: expected KEY=VALUE or NAME=URL, found "nonsense"
        app=ftp://x
            --upstream.endpoints: endpoint 1: expected http:// or https:// behind app=, found "ftp://x"
        name=app
            --upstream.endpoints: endpoint app: has no url
        url=http://x:1
            --upstream.endpoints: endpoint 1: has no name
        preset=etcdd
            --upstream.endpoints: endpoint etcdd: preset: expected one of containerd, coredns, crio, etcd, kube-proxy, found "etcdd"
        preset=containerd
            --upstream.endpoints: endpoint containerd: has no url
        name=app url=http://x:1 families=(
            --upstream.endpoints: endpoint app: families: "(" is no regular expression: found open group without closing ')'
        name=app url=http://x:1 timeout=5s
            --upstream.endpoints: endpoint app: timeout: expected a time of at most 1800ms, found "5s"
        name=app url=http://x:1 max-bytes=0
            --upstream.endpoints: endpoint app: max-bytes: expected a number from 1 to 268435456, found "0"
        name=app url=http://x:1 colour=red
            --upstream.endpoints: endpoint app: unknown key colour; expected name, preset, url, families, ca-file, cert-file, key-file, token-file, server-name, insecure-skip-verify, timeout, max-bytes, max-samples or labels.NAME
        name=app url=http://x:1 labels.le=1
            --upstream.endpoints: endpoint app: labels: "le" cannot be a label's name
        name=app url=http://x:1 labels.a-b=1
            --upstream.endpoints: endpoint app: labels: "a-b" cannot be a label's name
        name=app url=http://x:1 token-file=/t
            --upstream.endpoints: endpoint app: url: expected https:// where a token, a certificate or an authority is given
        name=app url=http://u:p@x:1
            --upstream.endpoints: endpoint app: url: a password stands in the URL; give token-file, or cert-file
        name=app url=https://x:1 cert-file=/c
            --upstream.endpoints: endpoint app: cert-file and key-file stand together
        name=app url=https://x:1 insecure-skip-verify=1
            --upstream.endpoints: endpoint app: insecure-skip-verify: expected true or false, found "1"
        kubelet=http://x:1
            --upstream.endpoints: endpoint kubelet: the name is taken
        kubelet.url=x
            --kubelet.url: expected http://HOST:PORT/PATH or https://…, found "x"
        kubelet.url=https://x/y
            --kubelet.url: expected no path, found "/y"
        kubelet.families=(
            --kubelet.families: "(" is no regular expression: found open group without closing ')'
        kubelet.cert-file=/c
            --kubelet.cert-file: expected it together with --kubelet.key-file
    "#]].assert_eq(&all);
    let two = [("upstream.endpoints", "a=http://x:1"), ("upstream.endpoints", "a=http://y:1")];
    let error = Found::new(&cx(&UPSTREAMS, &two)).err().unwrap().to_string();
    assert_eq!(error, "--upstream.endpoints: endpoint a: the name is taken");
}
