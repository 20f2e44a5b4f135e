//! What a person asks for once: the page as it is, or why there is none.

use super::tls::{acceptor, pki};
use crate::{
    Credentials, Question,
    scripted::{Reply, Server, Then},
};
use expect_test::expect;
use std::{fmt::Write as _, time::Duration};

const BOUND: Duration = Duration::from_mins(1);

async fn ask(server: &Server, scheme: &str, credentials: Credentials) -> String {
    let url = format!("{scheme}://{}/m?x=1", server.address);
    let answer = match Question::new(&url, credentials, BOUND, 1000) {
        Ok(question) => question.ask().await,
        Err(what) => Err(what),
    };
    let told = match answer {
        Ok(body) => format!("{:?}", String::from_utf8_lossy(&body)),
        Err(what) => what,
    };
    told.replace(&server.address.to_string(), "HOST:PORT").replace(&pki(""), "")
}

#[tokio::test]
async fn answers() {
    let mut all = String::new();
    for (what, reply) in [
        ("a page", Reply::text("a 1\n# no sample\n")),
        ("nothing", Reply::text("")),
        ("a refusal", Reply::of("403 Forbidden", "", b"not you")),
        ("a redirect", Reply::of("302 Found", "Location: /login\r\n", b"")),
        ("a page for people", Reply::of("200 OK", "Content-Type: text/html\r\n", b"<p>")),
        ("too much", Reply::text(&"a 1\n".repeat(251))),
        (
            "a torn one",
            Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\na 1\n", Then::Close),
        ),
        ("no HTTP", Reply::raw("SSH-2.0-x\r\n", Then::Close)),
    ] {
        let bytes = reply.bytes.clone();
        let then = reply.then.clone();
        let server =
            Server::plain(move |_| Reply { bytes: bytes.clone(), then: then.clone() }).await;
        writeln!(all, "{what}: {}", ask(&server, "http", Credentials::default()).await).unwrap();
        let head = server.asked().concat();
        assert!(head.starts_with("GET /m?x=1 HTTP/1.1\r\n"), "{head}");
    }
    expect![[r#"
        a page: "a 1\n# no sample\n"
        nothing: ""
        a refusal: auth: http://HOST:PORT/m?x=1: HTTP 403: "not you"
        a redirect: status: http://HOST:PORT/m?x=1: HTTP 302 to "/login", which is not followed
        a page for people: format: http://HOST:PORT/m?x=1: expected a text of metrics, found content type "text/html"
        too much: size: http://HOST:PORT/m?x=1: more than 1000 bytes
        a torn one: torn: http://HOST:PORT/m?x=1: error reading a body from connection: end of file before message length reached
        no HTTP: connect: http://HOST:PORT/m?x=1: invalid HTTP version parsed
    "#]].assert_eq(&all);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_has_its_time() {
    let server = Server::plain(|_| Reply::hang()).await;
    let told = ask(&server, "http", Credentials::default()).await;
    assert_eq!(told, "timeout: http://HOST:PORT/m?x=1: no answer within 60s");
}

#[tokio::test]
async fn who_asks() {
    let dir = tempfile::tempdir().unwrap();
    let token = dir.path().join("token");
    #[expect(clippy::disallowed_methods, reason = "the file under test")]
    std::fs::write(&token, "secret\n").unwrap();
    let server = Server::secure(acceptor(false), |_| Reply::text("a 1\n")).await;
    let file = |name: &str| Some(pki(name).into());
    let node = Credentials {
        ca_file: file("ca.crt"),
        server_name: Some("node-1".to_owned()),
        token_file: Some(token),
        ..Credentials::default()
    };
    assert_eq!(ask(&server, "https", node.clone()).await, "\"a 1\\n\"");
    assert!(server.asked().concat().to_ascii_lowercase().contains("authorization: bearer secret"));
    let mut all = String::new();
    for (scheme, credentials) in [
        ("https", Credentials { server_name: None, ..node.clone() }),
        ("https", Credentials { ca_file: file("missing.crt"), ..node.clone() }),
        ("https", Credentials { insecure_skip_verify: true, ..Credentials::default() }),
        ("https", Credentials { cert_file: file("client.crt"), ..node.clone() }),
        ("http", node),
    ] {
        writeln!(all, "{}", ask(&server, scheme, credentials).await).unwrap();
    }
    expect![[r#"
        tls: https://HOST:PORT: invalid peer certificate: certificate not valid for name "127.0.0.1"; certificate is only valid for DnsName("node-1"); give ca-file, server-name or insecure-skip-verify
        access: read missing.crt: No such file or directory (os error 2)
        "a 1\n"
        a certificate and its key stand together
        expected https:// where a token, a certificate or an authority is given, found "http://HOST:PORT/m?x=1"
    "#]].assert_eq(&all);
}
