//! What upstreams answer: good, odd, too much, torn, not at all.

use super::{Rig, brief};
use crate::scripted::{Reply, Server, Then};
use expect_test::{Expect, expect};
use std::fmt::Write as _;
use tokio::net::TcpSocket;

/// A scrape of one upstream called `app`, whose address is left out.
async fn scrape(reply: impl Fn(&str) -> Reply + Send + Sync + 'static, more: &str) -> String {
    let server = Server::plain(reply).await;
    let endpoint = format!("name=app\nurl=http://{}\n{more}", server.address);
    let mut rig = Rig::upstreams(&[&endpoint]);
    rig.scrape().await.replace(&server.address.to_string(), "HOST:PORT")
}

async fn check(body: &'static str, more: &str, expect: &Expect) {
    expect.assert_eq(&brief(&scrape(move |_| Reply::text(body), more).await));
}

#[tokio::test]
async fn an_answer_joins_the_scrape() {
    let body = "# HELP app_jobs_total Jobs.\n# TYPE app_jobs_total counter\n\
        app_jobs_total{queue=\"a\"} 5 1795250481778\n\
        # TYPE app_seconds histogram\napp_seconds_bucket{le=\"1\"} 1\napp_seconds_bucket{le=\"+Inf\"} 2\n\
        app_seconds_sum 3\napp_seconds_count 2\n# TYPE app_age summary\napp_age{quantile=\"0.5\"} 1\n\
        app_age_sum 1\napp_age_count 1\n";
    expect![[r##"
        # TYPE app_age summary
        app_age{quantile="0.5"} 1
        app_age_sum 1
        app_age_count 1
        # HELP app_jobs_total Jobs.
        # TYPE app_jobs_total counter
        app_jobs_total{queue="a"} 5
        # TYPE app_seconds histogram
        app_seconds_bucket{le="1"} 1
        app_seconds_bucket{le="+Inf"} 2
        app_seconds_sum 3
        app_seconds_count 2
        # HELP hybrid_upstream_dropped_samples Samples of the upstream's answer that were left out, by reason: no samples (syntax), not of their family's type (type), told before (duplicate), of a family that another upstream has with another type (conflict), too many (limit). Families that are not wanted do not count.
        # TYPE hybrid_upstream_dropped_samples gauge
        hybrid_upstream_dropped_samples{upstream="app",reason="syntax"} 0
        hybrid_upstream_dropped_samples{upstream="app",reason="type"} 0
        hybrid_upstream_dropped_samples{upstream="app",reason="duplicate"} 0
        hybrid_upstream_dropped_samples{upstream="app",reason="conflict"} 0
        hybrid_upstream_dropped_samples{upstream="app",reason="limit"} 0
        # HELP hybrid_upstream_duration_seconds How long the upstream was waited for in this scrape.
        # TYPE hybrid_upstream_duration_seconds gauge
        hybrid_upstream_duration_seconds{upstream="app"} TIME
        # HELP hybrid_upstream_errors_total Scrapes in which the upstream gave nothing or not all, by reason.
        # TYPE hybrid_upstream_errors_total counter
        hybrid_upstream_errors_total{upstream="app",reason="access"} 0
        hybrid_upstream_errors_total{upstream="app",reason="connect"} 0
        hybrid_upstream_errors_total{upstream="app",reason="tls"} 0
        hybrid_upstream_errors_total{upstream="app",reason="timeout"} 0
        hybrid_upstream_errors_total{upstream="app",reason="auth"} 0
        hybrid_upstream_errors_total{upstream="app",reason="status"} 0
        hybrid_upstream_errors_total{upstream="app",reason="format"} 0
        hybrid_upstream_errors_total{upstream="app",reason="size"} 0
        hybrid_upstream_errors_total{upstream="app",reason="torn"} 0
        hybrid_upstream_errors_total{upstream="app",reason="syntax"} 0
        # HELP hybrid_upstream_samples Samples that were taken of the upstream in this scrape.
        # TYPE hybrid_upstream_samples gauge
        hybrid_upstream_samples{upstream="app"} 8
        # HELP hybrid_upstream_up Whether the upstream answered this scrape, all of its pages in time.
        # TYPE hybrid_upstream_up gauge
        hybrid_upstream_up{upstream="app"} 1
    "##]].assert_eq(&scrape(move |_| Reply::text(body), "").await);
}

#[tokio::test]
async fn families_and_labels() {
    check(
        "go_goroutines 5\napp_a{team=\"own\",x=\"1\"} 1\napp_b 2\nother 3\n",
        "families=^app_\nlabels.team=shop\nlabels.upstream=app",
        &expect![[r#"
            app_a{team="shop",upstream="app",x="1"} 1
            app_b{team="shop",upstream="app"} 2
            hybrid_upstream_samples{upstream="app"} 2
            hybrid_upstream_up{upstream="app"} 1
        "#]],
    )
    .await;
}

#[tokio::test]
async fn openmetrics_ends_with_its_mark() {
    let open = |body: &'static str| {
        move |_: &str| {
            let kind = "Content-Type: application/openmetrics-text; version=1.0.0\r\n";
            Reply::of("200 OK", kind, body.as_bytes())
        }
    };
    let whole = "# TYPE app_jobs counter\napp_jobs_total 5 1795250481.7 # {trace=\"x\"} 1\n# EOF\n";
    let torn = "# TYPE app_jobs counter\napp_jobs_total 5\n";
    expect![[r#"
        app_jobs_total 5
        hybrid_upstream_samples{upstream="app"} 1
        hybrid_upstream_up{upstream="app"} 1
    "#]]
    .assert_eq(&brief(&scrape(open(whole), "").await));
    expect![[r#"
        hybrid_upstream_errors_total{upstream="app",reason="torn"} 1
        hybrid_upstream_up{upstream="app"} 0
        error: app: torn: http://HOST:PORT/metrics: expected # EOF at the end
    "#]]
    .assert_eq(&brief(&scrape(open(torn), "").await));
}

#[tokio::test]
async fn a_liar_costs_itself() {
    check(
        "# TYPE app_total counter\napp_total{a=\"1\"} NaN\napp_total{a=\"2\"} -1\napp_total{a=\"3\"} 1\n\
         this is no sample\nthis{is=none} either\ngood 1\ngood 2\ngood{a=\"1\"} 3\n# TYPE good gauge\n\
         # TYPE odd sometimes\nodd 1\n# TYPE h histogram\nh 1\nh_bucket 1\nh_count 1\nh_sum NaN\n",
        "",
        &expect![[r##"
            app_total{a="3"} 1
            good 1
            good{a="1"} 3
            h_count 1
            h_sum NaN
            hybrid_upstream_dropped_samples{upstream="app",reason="syntax"} 2
            hybrid_upstream_dropped_samples{upstream="app",reason="type"} 4
            hybrid_upstream_dropped_samples{upstream="app",reason="duplicate"} 1
            hybrid_upstream_samples{upstream="app"} 6
            hybrid_upstream_up{upstream="app"} 1
            odd 1
            remark: app: /metrics: "#": expected counter, gauge, histogram, summary or untyped behind TYPE and the name
            remark: app: /metrics: "app_total": expected a counter's number, neither negative nor NaN
            remark: app: /metrics: "h": expected _bucket, _sum or _count behind a histogram's name
            remark: app: /metrics: "h_bucket": expected a label le with a number
            remark: app: /metrics: "this": expected a label value in quotes
            remark: app: /metrics: "this": expected a number behind the name and labels
            remark: app: /metrics: good: a series stands twice
        "##]],
    )
    .await;
}

#[tokio::test]
async fn bytes_that_are_no_text_cost_their_line() {
    let body = b"good 1\nbad{x=\"\xff\"} 1\nalso_good 2\n";
    let reply = move |_: &str| Reply::of("200 OK", "", body);
    expect![[r#"
        also_good 2
        good 1
        hybrid_upstream_dropped_samples{upstream="app",reason="syntax"} 1
        hybrid_upstream_samples{upstream="app"} 2
        hybrid_upstream_up{upstream="app"} 1
        remark: app: /metrics: a line is not UTF-8
    "#]]
    .assert_eq(&brief(&scrape(reply, "").await));
}

#[tokio::test]
async fn too_many_samples_leave_families_out_whole() {
    check(
        "a 1\nb{x=\"1\"} 1\nb{x=\"2\"} 1\nb{x=\"3\"} 1\nc 1\n",
        "max-samples=3",
        &expect![[r#"
            a 1
            c 1
            hybrid_upstream_dropped_samples{upstream="app",reason="limit"} 3
            hybrid_upstream_samples{upstream="app"} 2
            hybrid_upstream_up{upstream="app"} 1
            remark: app: /metrics: beyond 3 samples: b
        "#]],
    )
    .await;
}

#[tokio::test]
async fn what_is_no_answer_is_named() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n";
    let cases: [(&str, Reply); 12] = [
        ("html", Reply::of("200 OK", "Content-Type: text/html\r\n", b"<html>")),
        ("nonsense", Reply::text("<html>\n<body class=x>\n")),
        ("gzip", Reply::of("200 OK", "Content-Encoding: gzip\r\n", b"\x1f\x8b\x08\0torn")),
        ("401", Reply::of("401 Unauthorized", "", b"Unauthorized")),
        ("403", Reply::of("403 Forbidden", "", "Forbidden (user=\u{1b}[1mx)\n".as_bytes())),
        ("302", Reply::of("302 Found", "Location: http://127.0.0.1:1/secret\r\n", b"")),
        ("500", Reply::of("500 Internal Server Error", "", b"broken\nmore")),
        ("long", Reply::raw(&format!("{head}Content-Length: 5000\r\n\r\n"), Then::Hang)),
        ("torn", Reply::raw(&format!("{head}Content-Length: 50\r\n\r\na 1\n"), Then::Close)),
        (
            "chunks",
            Reply::raw(
                &format!("{head}Transfer-Encoding: chunked\r\n\r\n4\r\na 1\n\r\n"),
                Then::Close,
            ),
        ),
        ("no HTTP", Reply::raw("220 mail.example.org ESMTP\r\n", Then::Close)),
        ("closes", Reply::raw("", Then::Close)),
    ];
    let mut all = String::new();
    for (what, reply) in cases {
        let Reply { bytes, then } = reply;
        let text =
            scrape(move |_| Reply { bytes: bytes.clone(), then: then.clone() }, "max-bytes=4096")
                .await;
        let error = text.lines().find_map(|line| line.strip_prefix("error: ")).unwrap_or("none");
        assert!(text.contains("\nhybrid_upstream_up{upstream=\"app\"} 0\n"), "{what}: {text}");
        assert!(!text.contains("hybrid_upstream_samples"), "{what}: {text}");
        writeln!(all, "{what}: {error}").unwrap();
    }
    expect![[r#"
        html: app: format: http://HOST:PORT/metrics: expected a text of metrics, found content type "text/html"
        nonsense: app: syntax: /metrics: no line is a sample: expected a metric name, or one in quotes between braces
        gzip: app: format: http://HOST:PORT/metrics: content encoding "gzip", which was not asked for
        401: app: auth: http://HOST:PORT/metrics: HTTP 401: "Unauthorized"
        403: app: auth: http://HOST:PORT/metrics: HTTP 403: "Forbidden (user=\u{1b}[1mx)"
        302: app: status: http://HOST:PORT/metrics: HTTP 302 to "http://127.0.0.1:1/secret", which is not followed
        500: app: status: http://HOST:PORT/metrics: HTTP 500: "broken\nmore"
        long: app: size: http://HOST:PORT/metrics: more than 4096 bytes
        torn: app: torn: http://HOST:PORT/metrics: error reading a body from connection: end of file before message length reached
        chunks: app: torn: http://HOST:PORT/metrics: error reading a body from connection: unexpected EOF during chunk size line
        no HTTP: app: connect: http://HOST:PORT/metrics: invalid HTTP version parsed
        closes: app: connect: http://HOST:PORT/metrics: connection closed before message completed
    "#]].assert_eq(&all);
}

#[tokio::test]
async fn an_endless_body_is_cut() {
    let flood = |_: &str| Reply::raw("HTTP/1.1 200 OK\r\n\r\na{x=\"1\"} 1\n", Then::Flood);
    let text = scrape(flood, "max-bytes=100000").await;
    assert!(
        text.contains("error: app: size: http://HOST:PORT/metrics: more than 100000 bytes\n"),
        "{text}"
    );
    assert!(
        text.contains("hybrid_upstream_errors_total{upstream=\"app\",reason=\"size\"} 1\n"),
        "{text}"
    );
}

#[tokio::test]
async fn nobody_is_there() {
    // Held and not listened on: nobody else gets the port.
    let held = TcpSocket::new_v4().unwrap();
    held.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = held.local_addr().unwrap();
    let mut rig = Rig::upstreams(&[&format!("app=http://{address}/")]);
    let text = rig.brief().await.replace(&address.to_string(), "HOST:PORT");
    expect![[r#"
        hybrid_upstream_errors_total{upstream="app",reason="connect"} 1
        hybrid_upstream_up{upstream="app"} 0
        error: app: connect: http://HOST:PORT: Connection refused (os error 111)
    "#]]
    .assert_eq(&text);
}

#[tokio::test]
async fn the_first_of_two_upstreams_wins() {
    let one =
        Server::plain(|_| Reply::text("# TYPE go_x gauge\ngo_x 1\n# TYPE k gauge\nk 1\n")).await;
    let two = Server::plain(|_| {
        Reply::text("# TYPE go_x gauge\ngo_x 2\ngo_x{own=\"1\"} 2\n# TYPE k histogram\nk_sum 1\nk_count 1\n")
    })
    .await;
    let (one, two) = (format!("one=http://{}", one.address), format!("two=http://{}", two.address));
    expect![[r#"
        go_x 1
        go_x{own="1"} 2
        hybrid_upstream_dropped_samples{upstream="two",reason="duplicate"} 1
        hybrid_upstream_dropped_samples{upstream="two",reason="conflict"} 2
        hybrid_upstream_samples{upstream="one"} 2
        hybrid_upstream_samples{upstream="two"} 1
        hybrid_upstream_up{upstream="one"} 1
        hybrid_upstream_up{upstream="two"} 1
        k 1
        remark: two: series that an upstream before it has; give it a label of its own
    "#]]
    .assert_eq(&Rig::upstreams(&[&one, &two]).brief().await);
}
