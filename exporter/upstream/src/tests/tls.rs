//! Whom we believe and who we are.

use super::Rig;
use crate::scripted::{Reply, Server};
use expect_test::expect;
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use std::{fmt::Write as _, path::Path, sync::Arc};
use tokio_rustls::TlsAcceptor;

/// A test authority; a server's certificate of it for the name `node-1`, a client's; another authority. All of
/// them hold from 2000 to 2126.
pub(super) fn pki(name: &str) -> String {
    format!("{}/src/tests/pki/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn certificate(name: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(pki(name)).unwrap()
}

pub(super) fn acceptor(asks_for_a_certificate: bool) -> TlsAcceptor {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = if asks_for_a_certificate {
        let mut roots = RootCertStore::empty();
        roots.add(certificate("ca.crt")).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        builder.with_client_cert_verifier(verifier.build().unwrap())
    } else {
        builder.with_no_client_auth()
    };
    let key = PrivateKeyDer::from_pem_file(pki("server.key")).unwrap();
    let config = builder.with_single_cert(vec![certificate("server.crt")], key).unwrap();
    TlsAcceptor::from(Arc::new(config))
}

async fn scrape(server: &Server, more: &str) -> String {
    let endpoint = format!("name=app\nurl=https://{}\n{more}", server.address);
    let text = Rig::upstreams(&[&endpoint]).scrape().await;
    if text.contains("\na 1\n") {
        return "up".to_owned();
    }
    let error = text.lines().find_map(|line| line.strip_prefix("error: ")).unwrap_or("none");
    error.replace(&server.address.to_string(), "HOST:PORT").replace(&pki(""), "")
}

#[tokio::test]
async fn a_server_is_believed_for_a_reason() {
    let server = Server::secure(acceptor(false), |_| Reply::text("a 1\n")).await;
    let (ca, other) = (pki("ca.crt"), pki("other.crt"));
    let mut all = String::new();
    for more in [
        &*format!("ca-file={ca}\nserver-name=node-1"),
        &format!("ca-file={ca}"),
        &format!("ca-file={other}\nserver-name=node-1"),
        &format!("ca-file={}\nserver-name=node-1", pki("missing.crt")),
        &format!("ca-file={}\nserver-name=node-1", pki("server.key")),
        "insecure-skip-verify=true",
    ] {
        writeln!(
            all,
            "{}: {}",
            more.replace(&pki(""), "").replace('\n', " "),
            scrape(&server, more).await
        )
        .unwrap();
    }
    expect![[r#"
        ca-file=ca.crt server-name=node-1: up
        ca-file=ca.crt: app: tls: https://HOST:PORT: invalid peer certificate: certificate not valid for name "127.0.0.1"; certificate is only valid for DnsName("node-1"); give ca-file, server-name or insecure-skip-verify
        ca-file=other.crt server-name=node-1: app: tls: https://HOST:PORT: invalid peer certificate: UnknownIssuer; give ca-file, server-name or insecure-skip-verify
        ca-file=missing.crt server-name=node-1: app: access: read missing.crt: No such file or directory (os error 2)
        ca-file=server.key server-name=node-1: app: access: server.key: expected certificates in PEM: found none
        insecure-skip-verify=true: up
    "#]].assert_eq(&all);
}

#[tokio::test]
async fn a_client_shows_its_certificate() {
    let server = Server::secure(acceptor(true), |_| Reply::text("a 1\n")).await;
    let base = format!("ca-file={}\nserver-name=node-1\n", pki("ca.crt"));
    let with = |chain, key| format!("{base}cert-file={}\nkey-file={}", pki(chain), pki(key));
    assert_eq!(scrape(&server, &with("client.crt", "client.key")).await, "up");
    // The server says so after the handshake, and the end of the connection may come before its word.
    let without = scrape(&server, &base).await;
    assert!(
        without.starts_with("app: tls: ") || without.starts_with("app: connect: "),
        "{without}"
    );
    let mut all = String::new();
    for more in [with("client.crt", "server.key"), with("client.crt", "none.key")] {
        writeln!(all, "{}", scrape(&server, &more).await).unwrap();
    }
    expect![[r#"
        app: access: server.key: expected the key of client.crt: keys may not be consistent: KeyMismatch
        app: access: read none.key: No such file or directory (os error 2)
    "#]].assert_eq(&all);
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the test plays the kubelet")]
async fn a_token_is_read_anew_and_goes_over_tls_alone() {
    let dir = tempfile::tempdir().unwrap();
    let token = dir.path().join("token");
    std::fs::write(&token, "one").unwrap();
    let server = Server::secure(acceptor(false), |_| Reply::text("a 1\n")).await;
    let endpoint = format!(
        "name=app\nurl=https://{}\ninsecure-skip-verify=true\ntoken-file={}",
        server.address,
        token.display()
    );
    let mut rig = Rig::upstreams(&[&endpoint]);
    assert!(rig.scrape().await.contains("\na 1\n"));
    std::fs::write(&token, "two").unwrap();
    assert!(rig.scrape().await.contains("\na 1\n"));
    let shown = |head: &String| {
        let line = head.lines().find_map(|line| line.strip_prefix("authorization: "));
        line.unwrap_or_default().to_owned()
    };
    assert_eq!(server.asked().iter().map(shown).collect::<Vec<_>>(), ["Bearer one", "Bearer two"]);
    std::fs::remove_file(&token).unwrap();
    let text = rig.scrape().await;
    assert!(text.contains("error: app: access: read ") && !text.contains("\na 1\n"), "{text}");
}

#[tokio::test]
async fn the_kubelets_own_certificate_is_believed_for_its_key() {
    let server = Server::secure(acceptor(false), |_| Reply::text("kubelet_running_pods 1\n")).await;
    let dir = tempfile::tempdir().unwrap();
    let own = dir.path().join("rootfs/var/lib/kubelet/pki");
    std::fs::create_dir_all(&own).unwrap();
    let rig = |dir: &Path| {
        let url = format!("https://{}", server.address);
        let (cert, key) = (pki("client.crt"), pki("client.key"));
        let options = [
            ("kubelet.url", &*url),
            ("kubelet.ca-file", &pki("other.crt")),
            ("kubelet.cert-file", &cert),
            ("kubelet.key-file", &key),
        ];
        Rig::new(
            &collect::testing::context(&crate::collector::KUBELET, dir, &options),
            &crate::collector::KUBELET,
        )
    };
    let mut rig = rig(dir.path());
    let error = rig.scrape().await;
    let error = error.lines().find_map(|line| line.strip_prefix("error: ")).unwrap();
    expect!["kubelet: tls: https://HOST:PORT: invalid peer certificate: UnknownIssuer; give --kubelet.ca-file, let --path.rootfs show the kubelet's own certificate, or give --kubelet.insecure-skip-verify"].assert_eq(&error.replace(&server.address.to_string(), "HOST:PORT"));
    // Another one's certificate there changes nothing; its own does, whoever signed it and whatever its name.
    for (file, up) in [("client.crt", false), ("server.crt", true)] {
        std::fs::copy(pki(file), own.join("kubelet.crt")).unwrap();
        let text = rig.scrape().await;
        assert_eq!(text.contains("\nkubelet_running_pods 1\n"), up, "{file}: {text}");
    }
}
