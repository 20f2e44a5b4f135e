//! TLS: versions, suites, protocols, and clients' certificates.

use super::{
    client::{Client, rest},
    site::{Authority, Identity, Site, tls},
};
use rustls::{
    CipherSuite, ProtocolVersion,
    crypto::ring::cipher_suite,
    version::{TLS12, TLS13},
};
use std::io::{Read as _, Write as _};

#[test]
fn versions() {
    let site = Site::new();
    let both = site.serve(&tls(&[]));
    let new = site.serve(&tls(&["min_version: TLS13"]));
    let old = site.serve(&tls(&["max_version: TLS12"]));
    for (server, speaks) in [(&both, [true, true]), (&new, [false, true]), (&old, [true, false])] {
        let client = Client::new(&site, &server.address);
        for (version, spoken) in [&TLS12, &TLS13].into_iter().zip(speaks) {
            let got = client.clone().only(version).get("/metrics", "");
            match got {
                Ok(answer) => {
                    assert!(spoken && answer.status == 200, "{version:?}");
                    assert!(answer.text().contains("\nnode_load1 "), "{}", answer.text());
                }
                Err(error) => assert!(!spoken && error.contains("alert"), "{version:?}: {error}"),
            }
        }
        let newest = if speaks[1] { ProtocolVersion::TLSv1_3 } else { ProtocolVersion::TLSv1_2 };
        assert_eq!(client.agreed().unwrap().version, Some(newest));
    }
}

#[test]
fn suites_and_their_order() {
    let site = Site::new();
    let one = site.serve(&tls(&["cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]"]));
    let client = Client::new(&site, &one.address);
    let agreed = client.clone().only(&TLS12).agreed().unwrap();
    assert_eq!(agreed.suite, Some(CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384));
    // As with Go, those of TLS 1.3 are no choice.
    assert_eq!(client.agreed().unwrap().version, Some(ProtocolVersion::TLSv1_3));
    let wrong = [cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256];
    let refused = client.only(&TLS12).suites(&wrong).agreed().unwrap_err();
    assert!(refused.contains("HandshakeFailure"), "{refused}");

    let two = "cipher_suites: [TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, \
               TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]";
    let ours = site.serve(&tls(&[two]));
    let theirs = site.serve(&tls(&[two, "prefer_server_cipher_suites: false"]));
    let offered = [
        cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    ];
    for (server, suite) in [
        (&ours, CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256),
        (&theirs, CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
    ] {
        let client = Client::new(&site, &server.address).only(&TLS12).suites(&offered);
        assert_eq!(client.agreed().unwrap().suite, Some(suite));
    }
}

#[test]
fn client_certificates_by_policy() {
    let site = Site::new();
    let stranger = Authority::new("a stranger");
    let good = site.authority.client(&["prometheus"]);
    let (other, late) = (stranger.client(&["prometheus"]), site.authority.late_client());
    let not_for_clients = site.authority.server(&["prometheus"]);
    for (policy, verifies, [none, unknown]) in [
        ("NoClientCert", false, [true, true]),
        ("RequestClientCert", false, [true, true]),
        ("RequireAnyClientCert", false, [false, true]),
        ("RequireClientCert", false, [false, true]),
        ("VerifyClientCertIfGiven", true, [true, false]),
        ("RequireAndVerifyClientCert", true, [false, false]),
    ] {
        let policy_line = format!("client_auth_type: {policy}");
        let authority = "client_ca_file: ca.crt";
        let server = if verifies {
            site.serve(&tls(&[&policy_line, authority]))
        } else {
            site.serve(&tls(&[&policy_line]))
        };
        for version in [&TLS12, &TLS13] {
            let client = Client::new(&site, &server.address).only(version);
            let passes = |client: Client| match client.get("/metrics", "") {
                Ok(answer) => answer.status == 200,
                Err(_) => false,
            };
            assert_eq!(passes(client.clone()), none, "{policy} {version:?}: no certificate");
            assert!(passes(client.clone().with(&good)), "{policy} {version:?}: a good one");
            for (which, identity) in
                [("another's", &other), ("a late one", &late), ("a server's", &not_for_clients)]
            {
                let got = passes(client.clone().with(identity));
                assert_eq!(got, unknown, "{policy} {version:?}: {which}");
            }
        }
    }
}

#[test]
fn names_that_a_client_must_have_one_of() {
    let site = Site::new();
    let authority = &site.authority;
    let names = "client_allowed_sans: [prometheus.example, 10.1.2.3, '2001:db8::1', \
                 monitoring@example.org, 'spiffe://example.org/prometheus']";
    let policy = "client_auth_type: VerifyClientCertIfGiven";
    let server = site.serve(&tls(&[policy, "client_ca_file: ca.crt", names]));
    let client = Client::new(&site, &server.address);
    let mailbox = authority.client_with("monitoring@example.org", "spiffe://x/y");
    let resource = authority.client_with("x@y.z", "spiffe://example.org/prometheus");
    for (identity, status) in [
        (authority.client(&["prometheus.example"]), 200),
        (authority.client(&["other", "10.1.2.3"]), 200),
        (authority.client(&["2001:db8:0::1"]), 200),
        (mailbox, 200),
        (resource, 200),
        (authority.client(&["prometheus.example.org"]), 0),
        (authority.client(&["10.1.2.30"]), 0),
        (authority.client_with("x@y.z", "spiffe://example.org/prometheus/2"), 0),
        (authority.client(&[]), 0),
        (Authority::new("a stranger").client(&["prometheus.example"]), 0),
    ] {
        assert_eq!(client.clone().with(&identity).status("/metrics", ""), status);
    }
    // Who has no certificate has none of the names, whatever the policy.
    assert_eq!(client.status("/metrics", ""), 0);
}

#[test]
fn a_certificate_that_is_named_itself() {
    let site = Site::new();
    let (own, other) = (Identity::own(), Identity::own());
    site.write("own.crt", &own.certificate);
    let policy = "client_auth_type: RequireAndVerifyClientCert";
    let server = site.serve(&tls(&[policy, "client_ca_file: own.crt"]));
    let client = Client::new(&site, &server.address);
    assert_eq!(client.clone().with(&own).status("/metrics", ""), 200);
    assert_eq!(client.clone().with(&other).status("/metrics", ""), 0);
}

#[test]
fn everything_may_stand_in_the_file_itself() {
    let site = Site::new();
    let identity = site.authority.server(&["localhost"]);
    let indented =
        |pem: &str| pem.lines().map(|line| format!("    {line}\n")).collect::<Vec<_>>().concat();
    let text = format!(
        "tls_server_config:\n  cert: |\n{}  key: |\n{}  client_auth_type: RequireAndVerifyClientCert\n  \
         client_ca: |\n{}",
        indented(&identity.certificate),
        indented(&identity.key),
        indented(&site.authority.pem())
    );
    let server = site.serve(&text);
    let client = Client::new(&site, &server.address);
    let good = site.authority.client(&["x"]);
    assert_eq!(client.clone().with(&good).status("/metrics", ""), 200);
    assert_eq!(client.status("/metrics", ""), 0);
}

/// A GET of `/` without anything else, as HTTP/2 spells it: preface, settings, headers that end stream.
fn http2_request() -> Vec<u8> {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    // :method GET, :scheme https, :path /, :authority x: indices of RFC 7541's static table.
    let block = [0x82, 0x87, 0x84, 0x41, 1, b'x'];
    bytes.extend([0, 0, u8::try_from(block.len()).unwrap(), 1, 5, 0, 0, 0, 1]);
    bytes.extend(block);
    bytes
}

#[test]
fn http2_where_it_is_wanted() {
    let site = Site::new();
    let on = site.serve(&tls(&[]));
    let off = site.serve(&(tls(&[]) + "http_server_config:\n  http2: false\n"));
    let client = |address: &str| Client::new(&site, address);
    let protocol = |client: Client| client.agreed().unwrap().protocol;
    assert_eq!(protocol(client(&on.address).http2()).as_deref(), Some("h2"));
    assert_eq!(protocol(client(&on.address)).as_deref(), Some("http/1.1"));
    assert_eq!(protocol(client(&off.address).http2()).as_deref(), Some("http/1.1"));
    let mut connection = client(&on.address).http2().connect().unwrap();
    connection.write_all(&http2_request()).unwrap();
    // Frames until the headers of the answer: length, type, flags, stream, payload.
    loop {
        let mut head = [0; 9];
        connection.read_exact(&mut head).unwrap();
        let [a, b, c, kind, ..] = head;
        let mut payload = vec![0; usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap()];
        connection.read_exact(&mut payload).unwrap();
        if kind == 1 {
            assert_eq!(payload.first(), Some(&0x88), ":status 200 of the static table");
            break;
        }
    }
}

#[test]
fn who_speaks_no_tls_is_told_and_counted() {
    let site = Site::new();
    let server = site.serve(&tls(&[]));
    let answer = server.get("/metrics", "");
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nthis port speaks TLS: ask with https://\n"), "{answer}");
    let client = Client::new(&site, &server.address);
    let page = client.get("/metrics", "").unwrap().text();
    assert!(page.contains("\nhybrid_web_failed_handshakes_total 1\n"), "{page}");
    assert!(page.contains("\nhybrid_web_certificate_not_after_timestamp_seconds "), "{page}");
    let mut connection = client.connect().unwrap();
    connection.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let text = String::from_utf8(rest(&mut connection).unwrap()).unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with("\r\n\r\nok\n"), "{text}");
}
