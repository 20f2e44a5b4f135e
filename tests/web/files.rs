//! Web configurations, good and bad: the program and `promtool check web-config` agree on them, but for
//! those that are listed with the reason.

use super::site::{ALICE, BOB, Site, flag, tls, users};
use crate::{
    cli::program,
    support::{child::run, peer, skip},
};

/// How the two judge a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Judged {
    Good,
    Bad,
    /// promtool takes it, and we do not: why.
    Stricter(&'static str),
}

use Judged::{Bad, Good, Stricter};

#[test]
fn promtool_agrees() {
    let promtool = match peer("promtool") {
        Ok(promtool) => promtool,
        Err(reason) => return skip("web::files::promtool_agrees", &reason),
    };
    let site = Site::new();
    for (name, text, judged) in table() {
        site.configure(&text);
        let path = site.path("web.yml");
        let output = program(&["check-config", &flag(&path)], &[]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let ours = match output.status.code() {
            Some(0) => true,
            Some(64) => false,
            code => panic!("{name}: {code:?}: {said}"),
        };
        assert!(ours || said.contains("web.yml: "), "{name}: {said}");
        let args = ["check", "web-config", path.to_str().unwrap()];
        let theirs = run(120, &promtool, &args, b"");
        let theirs_said = String::from_utf8_lossy(&theirs.stderr).into_owned();
        let expected = match judged {
            Good => (true, true),
            Bad => (false, false),
            Stricter(reason) => {
                assert!(said.contains(reason), "{name}: {said}");
                (false, true)
            }
        };
        assert_eq!((ours, theirs.status.success()), expected, "{name}: {said} {theirs_said}");
    }
}

#[test]
fn the_example_is_good() {
    let site = Site::new();
    let example = crate::support::read("tests/fixtures/web/web-config.yml");
    let server = site.serve(&example);
    let auth = super::client::basic(ALICE.0, ALICE.2);
    let client = super::client::Client::new(&site, &server.address);
    let prometheus = site.authority.client(&["prometheus.example.org"]);
    assert_eq!(client.clone().with(&prometheus).status("/metrics", &auth), 200);
    assert_eq!(client.status("/metrics", &auth), 0);
}

#[test]
fn a_broken_file_ends_the_start_and_says_where() {
    let site = Site::new();
    for (text, says) in [
        (
            "tls_server_config:\n  cert_filse: x\n",
            "line 2: tls_server_config: unknown key \"cert_filse\"; did you mean cert_file?",
        ),
        (
            "tls_server_config:\n  cert_file: no.crt\n  key_file: server.key\n",
            "line 2: tls_server_config: cert_file: read ",
        ),
        (
            "tls_server_config:\n  cert_file: server.crt\n  key_file: ca.crt\n",
            "line 1: tls_server_config: ",
        ),
        (
            "tls_server_config:\n  min_version: TLS10\n",
            "line 2: tls_server_config: min_version: TLS10 is not spoken: rustls has TLS12 and TLS13 only",
        ),
        (
            "basic_auth_users:\n  john: secret\n",
            "line 2: basic_auth_users: john: expected the bcrypt hash",
        ),
    ] {
        site.configure(text);
        let path = site.path("web.yml");
        let output = program(&[&flag(&path)], &[]).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{stderr}");
        let message = stderr.lines().last().unwrap_or_default();
        assert!(message.starts_with(&format!("error: {}: {says}", path.display())), "{stderr}");
        assert!(!stderr.contains("secret"), "{stderr}");
    }
    let output = program(&["--web.config.file=/nonexistent.yml"], &[]).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64), "{stderr}");
    let message = "error: --web.config.file: read /nonexistent.yml: No such file or directory";
    assert!(stderr.contains(message), "{stderr}");
}

/// Files by what they show. Certificates are the site's; `web.yml` stands beside them.
#[expect(clippy::too_many_lines, reason = "a table")]
fn table() -> Vec<(&'static str, String, Judged)> {
    let with = |lines: &[&str]| tls(lines);
    let only = |text: &str| text.to_owned();
    let policy = "client_auth_type: RequireAndVerifyClientCert";
    let all_suites = "cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, \
        TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, \
        TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, \
        TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, TLS_AES_128_GCM_SHA256, \
        TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256]";
    vec![
        ("nothing", only(""), Good),
        ("comments only", only("# nothing yet\n"), Good),
        ("TLS", with(&[]), Good),
        ("a certificate alone", only("tls_server_config: {cert_file: server.crt}\n"), Bad),
        ("a key alone", only("tls_server_config: {key_file: server.key}\n"), Bad),
        ("empty paths", only("tls_server_config: {cert_file: '', key_file: ''}\n"), Good),
        ("an empty path", only("tls_server_config: {cert_file: '', key_file: server.key}\n"), Bad),
        (
            "a missing file",
            only("tls_server_config: {cert_file: no.crt, key_file: server.key}\n"),
            Bad,
        ),
        (
            "another's key",
            only("tls_server_config: {cert_file: ca.crt, key_file: server.key}\n"),
            Bad,
        ),
        (
            "a certificate for a key",
            only("tls_server_config: {cert_file: ca.crt, key_file: ca.crt}\n"),
            Bad,
        ),
        ("every policy", with(&["client_auth_type: RequestClientCert"]), Good),
        ("a former name", with(&["client_auth_type: RequireClientCert"]), Good),
        (
            "a policy without authorities of its own",
            with(&["client_auth_type: NoClientCert"]),
            Good,
        ),
        ("no policy", with(&["client_auth_type: Require"]), Bad),
        ("authorities", with(&[policy, "client_ca_file: ca.crt"]), Good),
        ("missing authorities", with(&[policy, "client_ca_file: no.crt"]), Bad),
        ("authorities without a policy", with(&["client_ca_file: ca.crt"]), Bad),
        (
            "a policy without a certificate",
            only("tls_server_config: {client_auth_type: NoClientCert}\n"),
            Bad,
        ),
        (
            "authorities that are none",
            with(&[policy, "client_ca_file: server.key"]),
            Stricter("expected certificates in PEM"),
        ),
        ("names", with(&[policy, "client_ca_file: ca.crt", "client_allowed_sans: [a, b]"]), Good),
        ("names without a policy", with(&["client_allowed_sans: [a]"]), Good),
        ("names that are no list", with(&["client_allowed_sans: {a: b}"]), Bad),
        ("versions", with(&["min_version: TLS12", "max_version: TLS13"]), Good),
        ("an unknown version", with(&["min_version: TLS111"]), Bad),
        ("an old version", with(&["min_version: TLS10"]), Stricter("TLS10 is not spoken")),
        (
            "versions that exclude all",
            with(&["min_version: TLS13", "max_version: TLS12"]),
            Stricter("no client could connect"),
        ),
        ("suites", with(&[all_suites]), Good),
        ("a suite that nobody has", with(&["cipher_suites: [TLS_ECDHE_AES_2048]"]), Bad),
        (
            "a suite that Go calls insecure",
            with(&["cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]"]),
            Bad,
        ),
        (
            "a suite that rustls lacks",
            with(&["cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA]"]),
            Stricter("rustls has no TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"),
        ),
        ("curves", with(&["curve_preferences: [CurveP256, CurveP384, X25519]"]), Good),
        ("a curve that nobody has", with(&["curve_preferences: [CurveP257]"]), Bad),
        (
            "a curve that ring lacks",
            with(&["curve_preferences: [CurveP521]"]),
            Stricter("rustls has no CurveP521"),
        ),
        ("whose order", with(&["prefer_server_cipher_suites: false"]), Good),
        ("whose order, oddly", with(&["prefer_server_cipher_suites: maybe"]), Bad),
        ("an unknown key", with(&["cert_filse: x"]), Bad),
        ("an unknown section", only("tls_config: {}\n"), Bad),
        ("a key twice", with(&["cert_file: server.crt"]), Bad),
        ("junk", only("hWkNKCp3fvIx3jKnsaBI\nTuEjdwNS8A2vYdFbiKqr\n"), Bad),
        ("a list", only("- a\n"), Bad),
        ("no YAML", only("tls_server_config: [\n"), Bad),
        ("HTTP/2 off", with(&[]) + "http_server_config: {http2: false}\n", Good),
        ("HTTP/2, oddly", only("http_server_config: {http2: maybe}\n"), Bad),
        (
            "headers",
            only(
                "http_server_config:\n  headers:\n    X-Frame-Options: sameorigin\n    X-XSS-Protection: 1\n",
            ),
            Good,
        ),
        ("another header", only("http_server_config: {headers: {Content-Type: foo}}\n"), Bad),
        (
            "a header in lower case",
            only("http_server_config: {headers: {x-frame-options: deny}}\n"),
            Bad,
        ),
        (
            "a value that it cannot have",
            only("http_server_config: {headers: {X-Frame-Options: foo}}\n"),
            Bad,
        ),
        ("sniffing", only("http_server_config: {headers: {X-Content-Type-Options: sniff}}\n"), Bad),
        ("users", users(&[ALICE, BOB]), Good),
        ("users within TLS", with(&[]) + &users(&[ALICE]), Good),
        ("a password in the clear", only("basic_auth_users: {john: doe}\n"), Bad),
        ("a cost that is too high", users(&[ALICE]).replace("$05$", "$32$"), Bad),
        (
            "a hash that is cut",
            only("basic_auth_users: {john: $2y$10$abcdefghijklmnopqrstuu}\n"),
            Bad,
        ),
        ("a limit", only("rate_limit: {interval: 1s, burst: 5}\n"), Good),
        ("no limit", only("rate_limit: {interval: 0s, burst: 0}\n"), Good),
        ("a limit without a unit", only("rate_limit: {interval: soon}\n"), Bad),
        ("a limit in days", only("rate_limit: {interval: 1d}\n"), Bad),
        ("a burst that is no number", only("rate_limit: {interval: 1s, burst: many}\n"), Bad),
    ]
}
