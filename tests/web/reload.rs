//! Files that are read again: certificates, users, and configurations that cannot be taken.

use super::{
    client::{Client, basic},
    site::{ALICE, BOB, Site, tls, users},
};
use crate::{
    http::Server,
    support::{child::wait, client},
};
use std::{fs, time::Duration};

const BOUND: Duration = Duration::from_mins(2);

/// The value of a metric without labels.
fn value(page: &str, name: &str) -> f64 {
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name}: {page}")).parse().unwrap()
}

const TAKEN: &str = "hybrid_web_config_last_reload_successful";
const TIME: &str = "hybrid_web_config_last_reload_success_timestamp_seconds";

/// Waits until a user may ask, or may not.
fn status_becomes(server: &Server, (user, _, password): (&str, &str, &str), status: &str) {
    wait(&format!("{status} for {user}"), BOUND, || {
        let answer = server.get("/metrics", &basic(user, password));
        (answer.get(9..12) == Some(status)).then_some(())
    });
}

#[test]
fn users_come_and_go() {
    let site = Site::new();
    let server = site.serve(&users(&[ALICE]));
    status_becomes(&server, ALICE, "200");
    status_becomes(&server, BOB, "401");
    site.configure(&users(&[ALICE, BOB]));
    status_becomes(&server, BOB, "200");
    status_becomes(&server, ALICE, "200");
    // The same name with another's hash: a password that was right is not.
    let changed = (ALICE.0, BOB.1, BOB.2);
    site.configure(&users(&[changed]));
    status_becomes(&server, BOB, "401");
    status_becomes(&server, ALICE, "401");
    status_becomes(&server, changed, "200");
    site.configure("basic_auth_users: {}\n");
    status_becomes(&server, BOB, "200");
}

#[test]
fn a_renewed_certificate() {
    let site = Site::new();
    let mut server = site.serve(&tls(&[]));
    let client = Client::new(&site, &server.address);
    let old = client.agreed().unwrap().certificate;
    site.certify(&site.authority.server(&["localhost"]));
    wait("the new certificate", BOUND, || {
        (client.agreed().unwrap().certificate != old).then_some(())
    });
    server.wait_for("the web configuration is taken");
    // An authority of clients comes, and a policy with it.
    let policy = "client_auth_type: RequireAndVerifyClientCert";
    site.configure(&tls(&[policy, "client_ca_file: ca.crt"]));
    wait("the policy", BOUND, || (client.status("/livez", "") == 0).then_some(()));
    let good = site.authority.client(&["x"]);
    assert_eq!(client.with(&good).status("/livez", ""), 200);
}

#[test]
fn what_cannot_be_taken_is_kept_out() {
    let site = Site::new();
    let mut server = site.serve(&users(&[ALICE]));
    let auth = basic(ALICE.0, ALICE.2);
    let becomes = |server: &Server, taken: &str| {
        wait(&format!("{TAKEN} {taken}"), BOUND, || {
            let page = server.get("/metrics", &auth);
            (value(&page, TAKEN).to_string() == taken).then_some(page)
        })
    };
    let mut taken = value(&becomes(&server, "1"), TIME);
    assert!(taken > 1.6e9, "{taken}");
    for (broken, says) in [
        ("basic_auth_users:\n  alice: secret\n", "line 2: basic_auth_users: alice: expected"),
        ("basic_auth_user:\n", "line 1: unknown key"),
        ("# nothing\n", "nothing stands in it"),
        ("", "nothing stands in it"),
        ("tls_server_config: {cert_file: no.crt}\n", "line 1: tls_server_config: cert_file: read"),
    ] {
        site.configure(broken);
        let page = becomes(&server, "0");
        assert!((value(&page, TIME) - taken).abs() < 1e-6, "{broken}: {page}");
        let line = server.wait_for("the web configuration cannot be taken");
        assert!(line.contains("level=warn") && line.contains("/web.yml"), "{line}");
        assert!(line.contains(says) && !line.contains("secret"), "{line}");
        assert!(server.get("/metrics", "").starts_with("HTTP/1.1 401 "), "{broken}");
        site.configure(&users(&[ALICE]));
        let page = becomes(&server, "1");
        assert!(value(&page, TIME) > taken, "{broken}: {page}");
        taken = value(&page, TIME);
        server.wait_for("the web configuration is taken");
    }
    server.signal(rustix::process::Signal::TERM);
    let (_, log) = server.end();
    assert_eq!(log.matches("cannot be taken").count(), 5, "one line a change: {log}");
}

#[test]
fn tls_is_not_lost_by_a_slip() {
    let site = Site::new();
    let mut server = site.serve(&tls(&[]));
    site.configure("http_server_config: {http2: false}\n");
    let client = Client::new(&site, &server.address).http2();
    wait("the refusal", BOUND, || {
        let page = Client::new(&site, &server.address).get("/metrics", "").unwrap().text();
        (value(&page, TAKEN).to_string() == "0").then_some(())
    });
    let line = server.wait_for("cannot be taken");
    assert!(line.contains("TLS is turned off by a restart only"), "{line}");
    assert_eq!(client.agreed().unwrap().protocol.as_deref(), Some("h2"));
}

#[test]
fn a_folder_that_is_swapped_as_kubernetes_does() {
    let site = Site::new();
    for (version, of) in [("1", ALICE), ("2", BOB)] {
        fs::create_dir(site.path(version)).unwrap();
        fs::write(site.path(version).join("web.yml"), users(&[of])).unwrap();
    }
    let link = |version: &str| {
        std::os::unix::fs::symlink(version, site.path("..data.new")).unwrap();
        fs::rename(site.path("..data.new"), site.path("..data")).unwrap();
    };
    link("1");
    std::os::unix::fs::symlink("..data/web.yml", site.path("link.yml")).unwrap();
    let flag = super::site::flag(&site.path("link.yml"));
    let server = Server::start(&["--collector.disable-defaults", &flag]);
    status_becomes(&server, ALICE, "200");
    link("2");
    status_becomes(&server, BOB, "200");
    assert_eq!(client::get(&server.address, "/metrics", &[]).status, 401);
}
