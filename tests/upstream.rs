//! Other programs' metrics in a scrape of the built exporter: they join it, never replace what is built in, and
//! what is wrong with one of them costs nobody else.

use crate::support::{
    child::{exporter, wait},
    client::{get, page},
    scrape::Scrape,
};
use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

/// A program that answers every request with `body`, or never where there is none. Its threads end with the
/// test's process.
fn program(body: Option<&'static str>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || converse(stream, body));
        }
    });
    address
}

fn converse(stream: TcpStream, body: Option<&str>) -> Option<()> {
    let mut out = stream.try_clone().ok()?;
    let mut lines = BufReader::new(stream).lines();
    loop {
        if !lines.next()?.ok()?.is_empty() {
            continue;
        }
        // The end of a request's head.
        let Some(body) = body else {
            loop {
                thread::park();
            }
        };
        let length = body.len();
        write!(
            out,
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .ok()?;
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the test writes the configuration")]
fn programs_join_the_scrape() {
    let billing = program(Some(
        "# TYPE billing_jobs_total counter\nbilling_jobs_total 5 1700000000000\nnode_load1 99\ngo_threads 7\n\
         # TYPE hybrid_upstream_up gauge\nhybrid_upstream_up{upstream=\"liar\"} 1\n",
    ));
    let hung = program(None);
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("config.yaml");
    let text = format!(
        "upstream.endpoints:\n\
         - name: billing\n  url: http://{billing}/metrics\n  families: '^(billing_|node_|hybrid_)'\n  labels: {{team: shop}}\n\
         - name: hung\n  url: http://{hung}\n  timeout: 200ms\n"
    );
    fs::write(&file, text).expect("a file");
    let (_child, address) = exporter(&[&format!("--config.file={}", file.display())]);

    // On a busy machine it may be late once.
    let part = wait("an answer in time", Duration::from_mins(2), || {
        let part = Scrape::parse(&page(&address, "/metrics/upstream"));
        let up = part.value("hybrid_upstream_up", &[("upstream", "billing")]);
        (up == Some(1.0)).then_some(part)
    });
    assert!(part.faults.is_empty(), "{:#?}", part.faults);
    assert_eq!(part.value("billing_jobs_total", &[("team", "shop")]), Some(5.0));
    assert_eq!(part.value("hybrid_upstream_up", &[("upstream", "hung")]), Some(0.0));
    assert_eq!(part.value("hybrid_upstream_up", &[("team", "shop"), ("upstream", "liar")]), None);
    assert_eq!(part.value("go_threads", &[("team", "shop")]), None);

    let answer = get(&address, "/metrics", &[("Accept", "application/openmetrics-text")]);
    let text = answer.text();
    assert!(text.contains("\nbilling_jobs_total{team=\"shop\"} 5\n"), "{text}");
    assert!(text.contains("\nnode_load1 ") && !text.contains("\nnode_load1{team"), "{text}");
    assert!(text.ends_with("# EOF\n"));
    let all = Scrape::parse(&page(&address, "/metrics"));
    for (series, value) in &all.series {
        assert!(series.0 != "hybrid_scrape_collector_timed_out" || *value == 0.0, "{series:?}");
    }
    // The one that replaces nothing and the one that says it is up.
    assert_eq!(all.value("hybrid_scrape_shadowed_families", &[]), Some(2.0));
    let node = page(&address, "/metrics/node");
    assert!(node.contains("\nnode_load1 ") && !node.contains("billing"), "{node}");
    assert!(!node.contains("\nhybrid_upstream_"), "{node}");
}

#[test]
fn a_machine_without_upstreams_says_nothing_of_them() {
    let (_child, address) = exporter(&["--no-upstream.discover", "--kubelet=auto"]);
    let text = page(&address, "/metrics");
    assert!(!text.contains("\nhybrid_upstream_"), "{text}");
    assert!(text.contains("hybrid_scrape_collector_no_data{collector=\"upstreams\"} 1\n"));
    let (_child, address) = exporter(&["--upstream=off", "--kubelet=off"]);
    let text = page(&address, "/metrics");
    assert!(!text.contains("\nhybrid_upstream_") && !text.contains("=\"upstream"), "{text}");
}
