//! Passwords, headers and limits of requests.

use super::{
    client::{Client, basic},
    site::{ALICE, BOB, Site, tls, users},
};
use crate::support::client;

#[test]
fn right_wrong_and_unknown() {
    let site = Site::new();
    let server = site.serve(&users(&[ALICE, BOB]));
    let status = |path: &str, headers: &str| {
        let answer = server.get(path, headers);
        answer.get(9..12).unwrap_or_default().to_owned()
    };
    for _ in 0..2 {
        assert_eq!(status("/metrics", &basic(ALICE.0, ALICE.2)), "200");
        assert_eq!(status("/metrics", &basic(BOB.0, BOB.2)), "200");
        assert_eq!(status("/metrics", &basic(ALICE.0, BOB.2)), "401");
        assert_eq!(status("/metrics", &basic("carol", ALICE.2)), "401");
        assert_eq!(status("/metrics", &basic(ALICE.0, "")), "401");
        assert_eq!(status("/metrics", &basic(ALICE.0, ALICE.1)), "401");
        assert_eq!(status("/metrics", "Authorization: Bearer x\r\n"), "401");
    }
    // Every path is behind it, also those that are none.
    for path in ["/", "/metrics", "/metrics/node", "/-/healthy", "/readyz", "/nope", "/metrics?x"] {
        let answer = server.get(path, "");
        assert!(answer.starts_with("HTTP/1.1 401 Unauthorized\r\n"), "{path}: {answer}");
        assert!(answer.contains("\r\nwww-authenticate: Basic\r\n"), "{path}: {answer}");
        assert!(answer.ends_with("\r\n\r\nunauthorized\n"), "{path}: {answer}");
    }
    let page = server.get("/metrics", &basic(ALICE.0, ALICE.2));
    assert!(page.contains("\nhybrid_http_requests_total{code=\"401\"} 17\n"), "{page}");
    assert!(!page.contains("hybrid_web_failed_handshakes_total"), "{page}");
}

#[test]
fn health_by_choice() {
    let site = Site::new();
    let text = users(&[ALICE]) + "rate_limit: {interval: 1h, burst: 1}\n";
    let server = site.serve_with(&text, &["--web.unauthenticated-health"]);
    for path in ["/-/healthy", "/livez", "/healthz", "/-/ready", "/readyz"] {
        assert!(server.get(path, "").starts_with("HTTP/1.1 200 OK\r\n"), "{path}");
    }
    for path in ["/metrics", "/", "/livez/", "/livez/../metrics"] {
        let answer = server.get(path, "");
        assert!(answer.starts_with("HTTP/1.1 4"), "{path}: {answer}");
    }
}

#[test]
fn passwords_within_tls() {
    let site = Site::new();
    let server = site.serve(&(tls(&[]) + &users(&[ALICE])));
    let client = Client::new(&site, &server.address);
    assert_eq!(client.status("/metrics", &basic(ALICE.0, ALICE.2)), 200);
    assert_eq!(client.status("/metrics", &basic(ALICE.0, "x")), 401);
    assert_eq!(client.status("/metrics", ""), 401);
}

#[test]
fn headers_on_every_answer() {
    let site = Site::new();
    let headers = "http_server_config:\n  headers:\n    X-Frame-Options: deny\n    \
                   Strict-Transport-Security: max-age=31536000; includeSubDomains\n    \
                   X-Content-Type-Options: nosniff\n    X-XSS-Protection: 1\n    \
                   Content-Security-Policy: \"default-src 'self'\"\n";
    let server = site.serve(&(headers.to_owned() + &users(&[ALICE])));
    let auth = basic(ALICE.0, ALICE.2);
    for (path, auth, status) in [
        ("/metrics", auth.as_str(), 200),
        ("/", auth.as_str(), 200),
        ("/nope", auth.as_str(), 404),
        ("/metrics", "", 401),
    ] {
        let answer = server.get(path, auth);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        for line in [
            "x-frame-options: deny",
            "strict-transport-security: max-age=31536000; includeSubDomains",
            "x-content-type-options: nosniff",
            "x-xss-protection: 1",
            "content-security-policy: default-src 'self'",
        ] {
            assert_eq!(answer.matches(&format!("\r\n{line}\r\n")).count(), 1, "{line}: {answer}");
        }
    }
}

#[test]
fn too_many_requests() {
    let site = Site::new();
    // One an hour, so that no pace of the machine adds a second one.
    let server = site.serve("rate_limit:\n  interval: 1h\n  burst: 3\n");
    for _ in 0..3 {
        assert_eq!(client::get(&server.address, "/metrics", &[]).status, 200);
    }
    let many = client::get(&server.address, "/metrics", &[]);
    assert_eq!((many.status, many.text().as_str()), (429, "too many requests\n"));
    let wait: u64 = many.header("retry-after").parse().unwrap();
    assert!((1..=3601).contains(&wait), "{wait}");
    assert_eq!(client::get(&server.address, "/livez", &[]).status, 429);
}
