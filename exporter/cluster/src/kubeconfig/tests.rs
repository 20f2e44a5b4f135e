//! Kubeconfigs: what they say, and how each that is broken is named.

use super::*;
use expect_test::{Expect, expect};
use std::fmt::Write as _;

const GOOD: &str = "
apiVersion: v1
kind: Config
current-context: here
preferences: {}
clusters:
- name: one
  cluster:
    server: https://[fd00::1]:6443/k8s/clusters/c-1/
    certificate-authority-data: cGVt
    tls-server-name: kubernetes
    extensions: [{name: x, extension: {a: 1}}]
contexts:
- {name: here, context: {cluster: one, user: me, namespace: default}}
- {name: there, context: {cluster: two, user: me}}
users:
- name: me
  user: {token: secret, as: system:auditor, as-uid: '7', as-groups: [a, b]}
";

/// A folder with files, and what a list of them says.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    #[expect(clippy::disallowed_methods, reason = "the test plays the administrator")]
    fn with(self, name: &str, text: &str) -> Self {
        std::fs::write(self.0.path().join(name), text).unwrap();
        self
    }

    fn read(&self, names: &[&str]) -> Result<Identity, String> {
        let paths: Vec<PathBuf> = names.iter().map(|name| self.0.path().join(name)).collect();
        let dir = format!("{}/", self.0.path().display());
        read(&paths).map_err(|fault| fault.to_string().replace(&dir, ""))
    }

    fn shows(&self, names: &[&str], expected: &Expect) {
        let text = match self.read(names) {
            Ok(identity) => show(&identity),
            Err(fault) => fault,
        };
        expected.assert_eq(&text.replace(&format!("{}/", self.0.path().display()), ""));
    }
}

fn show(Identity { server, headers }: &Identity) -> String {
    let mut text = format!("{}{}\n", server.authority(), server.prefix);
    if let Some(Security { name, trust, certificate }) = &server.security {
        writeln!(text, "as {name}").unwrap();
        let pem = |pem: &Pem| format!("{} ({})", pem.text.escape_ascii(), pem.from);
        match trust {
            Trust::Machine => text.push_str("trusted by the machine\n"),
            Trust::These(these) => writeln!(text, "trusted by {}", pem(these)).unwrap(),
            Trust::Same { .. } => panic!("no kubeconfig has that"),
            Trust::Anybody => text.push_str("whoever it is\n"),
        }
        if let Some(Certificate { chain, key }) = certificate {
            writeln!(text, "we are {} with {}", pem(chain), pem(key)).unwrap();
        }
    }
    for (name, value) in headers {
        writeln!(text, "{name}: {}", value.as_bytes().escape_ascii()).unwrap();
    }
    text
}

#[test]
fn what_a_kubeconfig_says() {
    Folder::new().with("config", GOOD).shows(
        &["config"],
        &expect![[r#"
        [fd00::1]:6443/k8s/clusters/c-1
        as kubernetes
        trusted by pem (config: cluster "one": certificate-authority-data)
        authorization: Bearer secret
        impersonate-user: system:auditor
        impersonate-uid: 7
        impersonate-group: a
        impersonate-group: b
    "#]],
    );
    let old = GOOD.replace("certificate-authority-data: cGVt", "insecure-skip-tls-verify: true");
    let old = old.replace("    tls-server-name: kubernetes\n", "");
    Folder::new().with("config", &old).shows(
        &["config"],
        &expect![[r#"
        [fd00::1]:6443/k8s/clusters/c-1
        as fd00::1
        whoever it is
        authorization: Bearer secret
        impersonate-user: system:auditor
        impersonate-uid: 7
        impersonate-group: a
        impersonate-group: b
    "#]],
    );
    let plain = "{current-context: a, contexts: [{name: a, context: {cluster: a}}],
        clusters: [{name: a, cluster: {server: 'http://localhost:8001'}}]}";
    Folder::new().with("config", plain).shows(
        &["config"],
        &expect![[r#"
        localhost:8001
    "#]],
    );
}

#[test]
fn files_are_relative_to_theirs_and_the_first_of_a_name_counts() {
    let first = "{users: [{name: me, user: {tokenFile: token, token: other,
        client-certificate: crt, client-key: key, client-key-data: a2V5}}]}";
    Folder::new()
        .with("first", first)
        .with("config", GOOD)
        .with("token", "one\n")
        .with("crt", "chain")
        .shows(
            &["first", "missing", "config"],
            &expect![[r#"
            [fd00::1]:6443/k8s/clusters/c-1
            as kubernetes
            trusted by pem (config: cluster "one": certificate-authority-data)
            we are chain (crt) with key (first: user "me": client-key-data)
            authorization: Bearer one
        "#]],
        );
}

#[test]
fn what_is_broken_is_named() {
    let with = |from: &str, to: &str| {
        assert!(GOOD.contains(from), "{from}");
        Folder::new().with("config", &GOOD.replace(from, to)).read(&["config"]).err().unwrap()
    };
    let user = "{token: secret, as: system:auditor, as-uid: '7', as-groups: [a, b]}";
    let mut text = String::new();
    for (from, to) in [
        ("current-context: here", "current-context: nowhere"),
        ("current-context: here", ""),
        ("current-context: here", "current-context: there"),
        ("{cluster: one, user: me,", "{cluster: one, user: you,"),
        ("{cluster: one, user: me,", "{user: me,"),
        ("https://[fd00::1]:6443/k8s/clusters/c-1/", "10.0.0.1:6443"),
        ("https://[fd00::1]:6443/k8s/clusters/c-1/", "ftp://10.0.0.1"),
        ("cGVt", "cGV"),
        ("tls-server-name: kubernetes", "insecure-skip-tls-verify: true"),
        ("tls-server-name: kubernetes", "proxy-url: socks5://proxy"),
        (user, "{exec: {apiVersion: client.authentication.k8s.io/v1, command: aws, args: [eks]}}"),
        (user, "{auth-provider: {name: oidc, config: {}}}"),
        (user, "{username: a, password: b}"),
        (user, "{client-certificate-data: cGVt}"),
        (user, "{tokenFile: token}"),
        (user, "{as: a, as-user-extra: {b: [c]}}"),
        ("users:", "users: ["),
        ("token: secret", "token: [secret]"),
        ("token: secret", r#"token: "a\nb""#),
    ] {
        writeln!(text, "{}", with(from, to)).unwrap();
    }
    writeln!(text, "{}", Folder::new().read(&["config"]).err().unwrap()).unwrap();
    writeln!(text, "{}", Folder::new().read(&["config", "other"]).err().unwrap()).unwrap();
    writeln!(text, "{}", Folder::new().with("a", "").read(&["a"]).err().unwrap()).unwrap();
    expect![[r#"
        access: config: expected the context "nowhere", found here, there
        access: config: expected a current-context, found none
        access: config: expected the cluster "two", found one
        access: config: expected the user "you", found me
        access: config: context "here": expected the name of a cluster, found none
        access: config: cluster "one": server: expected https://HOST[:PORT][/PATH], found "10.0.0.1:6443"
        access: config: cluster "one": server: expected https://HOST[:PORT][/PATH], found "ftp://10.0.0.1"
        access: config: cluster "one": certificate-authority-data: expected base64
        access: config: cluster "one": insecure-skip-tls-verify and certificate-authority exclude each other
        access: config: cluster "one": proxy-url is not supported: give a server that is reached directly
        access: config: user "me": exec of "aws": no program is ever run from here; give a token, a tokenFile or a client-certificate, such as those of a ServiceAccount (kubectl create token)
        access: config: user "me": auth-provider "oidc" is not supported; give a token, a tokenFile or a client-certificate, such as those of a ServiceAccount (kubectl create token)
        access: config: user "me": username: Kubernetes takes no passwords since 1.19; give a token, a tokenFile or a client-certificate, such as those of a ServiceAccount (kubectl create token)
        access: config: user "me": expected both client-certificate and client-key, found one
        access: read token: No such file or directory (os error 2)
        access: config: user "me": as-user-extra is not supported: leave it out
        access: config: expected a kubeconfig: "-" is only valid inside a block at line 17, column 1
        access: config: expected a kubeconfig: expected string scalar at line 18, column 17
        access: config: user "me": token: expected a token, found 3 bytes that are none
        access: read config: No such file or directory (os error 2)
        access: config:other: no such files
        access: a: expected a current-context, found none
    "#]].assert_eq(&text);
}

#[test]
fn base64_in_any_form() {
    for (text, bytes) in [
        ("", Some("")),
        ("Zg==", Some("f")),
        ("Zm8=", Some("fo")),
        ("Zm9v", Some("foo")),
        ("Zm9v\nYg= =\n", Some("foob")),
        ("/+A=", None),
        ("Z", None),
        ("Zg", None),
        ("Zg=", None),
        ("Zg===", None),
        ("Z===", None),
        ("Zg==Zg==", None),
        ("Zm9v!", None),
    ] {
        let bytes = bytes.map(|text| text.as_bytes().to_vec());
        let expected = if text == "/+A=" { Some(vec![0xff, 0xe0]) } else { bytes };
        assert_eq!(base64(text), expected, "{text}");
    }
}
