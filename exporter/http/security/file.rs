//! The web configuration: the file that exporter-toolkit (0.19) takes as `--web.config.file`, key by key.
//!
//! Stricter than the toolkit only where it would start and then refuse every client: authorities without a
//! certificate, a `min_version` above `max_version`, TLS 1.0 and 1.1, suites and curves that rustls lacks.

use super::{basic::Users, bucket::Rate};
use axum::http::{HeaderName, HeaderValue};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use trust::{Certificate, Clients, Group, Pem, Policy, Server, Suite, Version};
use yaml::{Content, Fault, Node, Within as _, fields, flag, list, map, nearest, text};

type Result<T> = std::result::Result<T, Fault>;

/// What the file says.
#[derive(Debug)]
pub(super) struct WebConfig {
    /// None where plain HTTP is spoken.
    pub(super) tls: Option<Server>,
    /// Where the file says how.
    pub(super) tls_line: usize,
    /// Whether HTTP/2 is offered within TLS.
    pub(super) http2: bool,
    /// What answers carry.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// Who may ask; everybody where there are none.
    pub(super) users: Users,
    /// How often one may ask.
    pub(super) rate: Option<Rate>,
    /// What is odd, yet no fault.
    pub(super) warnings: Vec<String>,
}

/// What was read, and which other files it led to.
pub(super) struct Read {
    pub(super) config: Result<WebConfig>,
    pub(super) files: Vec<PathBuf>,
}

/// The headers that may be set, and the values that some must have.
const HEADERS: [(&str, &[&str]); 5] = [
    ("Content-Security-Policy", &[]),
    ("Strict-Transport-Security", &[]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-XSS-Protection", &[]),
];

/// Go's names of the policies, and one of the toolkit's own from before it had those.
const POLICIES: [(&str, Policy); 6] = [
    ("NoClientCert", Policy::Nothing),
    ("RequestClientCert", Policy::Request),
    ("RequireAnyClientCert", Policy::RequireAny),
    ("RequireClientCert", Policy::RequireAny),
    ("VerifyClientCertIfGiven", Policy::VerifyIfGiven),
    ("RequireAndVerifyClientCert", Policy::RequireAndVerify),
];

/// Suites and curves that Go has and ring, by its maker's choice, has not.
const NOT_OURS: [&str; 5] = [
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "CurveP521",
];

/// Reads `text`, whose paths are relative to `dir`, and the files that it names.
pub(super) fn read(text: &str, dir: &Path) -> Read {
    let mut files = Vec::new();
    let config = parse(text, dir, &mut files);
    Read { config, files }
}

/// Whether nothing stands in the file, which the toolkit takes for an empty configuration.
pub(super) fn is_empty(text: &str) -> bool {
    text.lines().all(|line| matches!(line.trim(), "" | "---") || line.trim().starts_with('#'))
}

fn parse(text: &str, dir: &Path, files: &mut Vec<PathBuf>) -> Result<WebConfig> {
    let root =
        if is_empty(text) { Node { line: 1, content: Content::Null } } else { yaml::parse(text)? };
    let [tls, http, limit, users] = fields(
        &root,
        ["tls_server_config", "http_server_config", "rate_limit", "basic_auth_users"],
    )?;
    let mut warnings = Vec::new();
    let read = |node| tls_server_config(node, dir, files, &mut warnings);
    let tls_line = tls.map_or(1, |node| node.line);
    let tls = tls.map_or(Ok(None), read).within("tls_server_config")?;
    let (http2, headers) = http_server_config(http).within("http_server_config")?;
    let rate = rate_limit(limit).within("rate_limit")?;
    let users = basic_auth_users(users).within("basic_auth_users")?;
    Ok(WebConfig { tls, tls_line, http2, headers, users, rate, warnings })
}

fn tls_server_config(
    node: &Node,
    dir: &Path,
    files: &mut Vec<PathBuf>,
    warnings: &mut Vec<String>,
) -> Result<Option<Server>> {
    let known = [
        "cert",
        "key",
        "client_ca",
        "cert_file",
        "key_file",
        "client_auth_type",
        "client_ca_file",
        "client_allowed_sans",
        "min_version",
        "max_version",
        "cipher_suites",
        "prefer_server_cipher_suites",
        "curve_preferences",
    ];
    let all = fields(node, known)?;
    let [cert, key, ca, cert_file, key_file, auth, ca_file, sans, min, max, suites, order, curves] =
        all;
    let oldest = version(min, Version::Tls12).within("min_version")?;
    let newest = version(max, Version::Tls13).within("max_version")?;
    if oldest > newest {
        let line = min.or(max).map_or(node.line, |node| node.line);
        return Err(Fault::new(line, "min_version is above max_version: no client could connect"));
    }
    let suites = named(suites, Suite::named, &Suite::names()).within("cipher_suites")?;
    let groups = named(curves, Group::named, &Group::names()).within("curve_preferences")?;
    let own_order = order.map_or(Ok(true), |order| flag(Some(order)));
    let own_order = own_order.within("prefer_server_cipher_suites")?;
    let names = match sans {
        None | Some(Node { content: Content::Null, .. }) => None,
        given => Some(yaml::texts(given).within("client_allowed_sans")?),
    };
    let policy = policy(auth).within("client_auth_type")?;
    let mut pem = |inline: Option<&Node>, file: Option<&Node>, keys: [&str; 2]| {
        one_of(inline, file, keys, dir, files)
    };
    let certificate = pem(cert, cert_file, ["cert", "cert_file"]);
    let private = pem(key, key_file, ["key", "key_file"]);
    let authorities = pem(ca, ca_file, ["client_ca", "client_ca_file"]);
    let (certificate, private, authorities) = (certificate?, private?, authorities?);
    let asked = !text(auth)?.is_empty() || authorities.is_some();
    let (chain, key) = match (certificate, private) {
        (Some(chain), Some(key)) => (chain, key),
        (None, None) if !asked => {
            if all.iter().flatten().next().is_some() {
                let what = "tls_server_config has no certificate: TLS is off";
                warnings.push(what.to_owned());
            }
            return Ok(None);
        }
        (None, _) => return Err(Fault::new(node.line, "expected one of cert_file or cert")),
        (_, None) => return Err(Fault::new(node.line, "expected one of key_file or key")),
    };
    if authorities.is_some() && policy == Policy::Nothing {
        let what = "client_ca_file is given, and client_auth_type does not ask for certificates";
        return Err(Fault::new(node.line, what));
    }
    if names.is_some() && policy == Policy::Nothing {
        let what = "client_allowed_sans is given, and client_auth_type does not ask for \
                    certificates: nobody is refused";
        warnings.push(what.to_owned());
    }
    Ok(Some(Server {
        certificate: Certificate { chain, key },
        clients: Clients { policy, authorities, names },
        oldest,
        newest,
        suites,
        groups,
        own_order,
    }))
}

/// A PEM in the file itself or, with precedence, in another one.
fn one_of(
    inline: Option<&Node>,
    file: Option<&Node>,
    [inline_key, file_key]: [&str; 2],
    dir: &Path,
    files: &mut Vec<PathBuf>,
) -> Result<Option<Pem>> {
    let path = text(file).within(file_key)?;
    if let (false, Some(node)) = (path.is_empty(), file) {
        let path = dir.join(path);
        files.push(path.clone());
        let read = Pem::read(&path).map_err(|error| Fault::new(node.line, error.to_string()));
        return read.map(Some).within(file_key);
    }
    let inline = text(inline).within(inline_key)?;
    let from = format!("the inline {inline_key}");
    Ok(Some(Pem { text: inline.into_bytes(), from }).filter(|pem| !pem.text.is_empty()))
}

fn version(node: Option<&Node>, default: Version) -> Result<Version> {
    let Some(node) = node else { return Ok(default) };
    match &*text(Some(node))? {
        "TLS12" => Ok(Version::Tls12),
        "TLS13" => Ok(Version::Tls13),
        old @ ("TLS10" | "TLS11") => {
            let what = format!("{old} is not spoken: rustls has TLS12 and TLS13 only");
            Err(Fault::new(node.line, what))
        }
        _ => Err(node.is_not("TLS12 or TLS13")),
    }
}

/// What the names of a list stand for.
fn named<T>(node: Option<&Node>, of: impl Fn(&str) -> Option<T>, known: &[&str]) -> Result<Vec<T>> {
    let item = |node: &Node| {
        let name = text(Some(node))?;
        of(&name).ok_or_else(|| {
            if NOT_OURS.contains(&&*name) {
                let what = format!("rustls has no {name}; it has {}", known.join(", "));
                return Fault::new(node.line, what);
            }
            Fault::new(node.line, format!("unknown name {name:?}{}", nearest(&name, known)))
        })
    };
    list(node)?.iter().map(item).collect()
}

fn policy(node: Option<&Node>) -> Result<Policy> {
    let name = text(node)?;
    match (POLICIES.iter().find(|(known, _)| *known == name), node) {
        (Some((_, policy)), _) => Ok(*policy),
        (None, Some(node)) if !name.is_empty() => {
            let known = POLICIES.map(|(known, _)| known);
            Err(Fault::new(node.line, format!("unknown name {name:?}{}", nearest(&name, &known))))
        }
        _ => Ok(Policy::Nothing),
    }
}

fn http_server_config(node: Option<&Node>) -> Result<(bool, Vec<(HeaderName, HeaderValue)>)> {
    let Some(node) = node else { return Ok((true, Vec::new())) };
    let [http2, given] = fields(node, ["http2", "headers"])?;
    let http2 = http2.map_or(Ok(true), |http2| flag(Some(http2))).within("http2")?;
    Ok((http2, headers(given).within("headers")?))
}

fn headers(node: Option<&Node>) -> Result<Vec<(HeaderName, HeaderValue)>> {
    let known = HEADERS.map(|(name, _)| name);
    let mut headers = Vec::new();
    for (name, node) in map(node)? {
        let Some((_, values)) = HEADERS.iter().find(|(known, _)| known == name) else {
            let hint = nearest(name, &known);
            return Err(Fault::new(node.line, format!("{name} cannot be set{hint}")));
        };
        let value = text(Some(node)).within(name)?;
        if !values.is_empty() && !values.contains(&&*value) {
            return Err(node.is_not(&values.join(" or "))).within(name);
        }
        let parsed = (name.parse::<HeaderName>(), value.parse::<HeaderValue>());
        let (Ok(name), Ok(value)) = parsed else {
            return Err(node.is_not("a text of one line")).within(name);
        };
        if !value.is_empty() {
            headers.push((name, value));
        }
    }
    Ok(headers)
}

fn rate_limit(node: Option<&Node>) -> Result<Option<Rate>> {
    let Some(node) = node else { return Ok(None) };
    let [interval, burst] = fields(node, ["interval", "burst"])?;
    let interval = interval.map_or(Ok(Duration::ZERO), duration).within("interval")?;
    let burst = match burst {
        None | Some(Node { content: Content::Null, .. }) => 0,
        Some(burst) => {
            let number = text(Some(burst)).within("burst")?;
            let number = number.parse().map_err(|_| burst.is_not("a whole number"));
            number.within("burst")?
        }
    };
    Ok((interval > Duration::ZERO).then_some(Rate { interval, burst }))
}

/// A duration as Go writes it; a bare number is of nanoseconds.
fn duration(node: &Node) -> Result<Duration> {
    let given = text(Some(node))?;
    if given.is_empty() {
        return Ok(Duration::ZERO);
    }
    if let Ok(nanoseconds) = given.parse() {
        return Ok(Duration::from_nanos(nanoseconds));
    }
    let go = !given.contains('d');
    let parsed = collect::parse_duration(&given).filter(|_| go);
    parsed.ok_or_else(|| node.is_not("a duration, such as 1s or 100ms"))
}

fn basic_auth_users(node: Option<&Node>) -> Result<Users> {
    let mut users = Users::default();
    for (user, node) in map(node)? {
        let hash = text(Some(node)).within(user)?;
        // The text itself may be a password: no message shows it.
        let what = "expected the bcrypt hash of a password, such as htpasswd -nBC 10 '' prints";
        users.add(user, &hash).ok_or_else(|| Fault::new(node.line, what)).within(user)?;
    }
    Ok(users)
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    fn fault(text: &str) -> String {
        parse(text, Path::new("/nonexistent"), &mut Vec::new()).unwrap_err().to_string()
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table")]
    fn what_is_wrong_is_named_with_its_line() {
        let mut all = String::new();
        for text in [
            "tls_sever_config:\n  cert_file: a\n",
            "tls_server_config:\n  cert_filse: a\n",
            "tls_server_config:\n  cert_file: a\n  key_file: b\n",
            "tls_server_config:\n  key: b\n",
            "tls_server_config:\n  cert: a\n",
            "tls_server_config:\n  client_auth_type: RequireAndVerifyClientCert\n",
            "tls_server_config:\n  client_auth_type: RequireAndVerifyClientCertificate\n",
            "tls_server_config:\n  cert: a\n  key: b\n  client_ca: c\n",
            "tls_server_config:\n  min_version: TLS111\n",
            "tls_server_config:\n  min_version: TLS10\n",
            "tls_server_config:\n  min_version: TLS13\n  max_version: TLS12\n",
            "tls_server_config:\n  cipher_suites:\n  - TLS_AES_128_GCM_SHA256\n  - TLS_RSA_WITH_RC4\n",
            "tls_server_config:\n  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA]\n",
            "tls_server_config:\n  cipher_suites: X\n",
            "tls_server_config:\n  curve_preferences: [CurveP521]\n",
            "tls_server_config:\n  curve_preferences: [CurveP257]\n",
            "tls_server_config:\n  prefer_server_cipher_suites: 3\n",
            "http_server_config:\n  headers:\n    X-Frame-Options: deny\n    Content-Type: foo\n",
            "http_server_config:\n  headers:\n    X-Frame-Options: foo\n",
            "http_server_config:\n  headers:\n    X-Content-Type-Options: sniff\n",
            "http_server_config:\n  headers:\n    X-XSS-Protection: \"a\\nb\"\n",
            "http_server_config:\n  http2: maybe\n",
            "http_server_config: []\n",
            "basic_auth_users:\n  john: doe\n",
            "basic_auth_users:\n  john: $2y$03$abcdefghijklmnopqrstuuWmCpSmvT.lKyqVFXqiKUXdTWRWDANxW\n",
            "basic_auth_users: [john]\n",
            "rate_limit:\n  interval: soon\n",
            "rate_limit:\n  interval: 1d\n",
            "rate_limit:\n  interval: 1s\n  burst: -1\n",
            "rate_limit:\n  intervall: 1s\n",
            "hWkNKCp3fvIx3jKnsaBI\nTuEjdwNS8A2vYdFbiKqr\n",
            "a: [\n",
        ] {
            all.extend([text, "    ", &fault(text), "\n"]);
        }
        expect![[r#"
            tls_sever_config:
              cert_file: a
                line 1: unknown key "tls_sever_config"; did you mean tls_server_config?
            tls_server_config:
              cert_filse: a
                line 2: tls_server_config: unknown key "cert_filse"; did you mean cert_file?
            tls_server_config:
              cert_file: a
              key_file: b
                line 2: tls_server_config: cert_file: read /nonexistent/a: No such file or directory (os error 2)
            tls_server_config:
              key: b
                line 1: tls_server_config: expected one of cert_file or cert
            tls_server_config:
              cert: a
                line 1: tls_server_config: expected one of key_file or key
            tls_server_config:
              client_auth_type: RequireAndVerifyClientCert
                line 1: tls_server_config: expected one of cert_file or cert
            tls_server_config:
              client_auth_type: RequireAndVerifyClientCertificate
                line 2: tls_server_config: client_auth_type: unknown name "RequireAndVerifyClientCertificate"; did you mean RequireAndVerifyClientCert?
            tls_server_config:
              cert: a
              key: b
              client_ca: c
                line 1: tls_server_config: client_ca_file is given, and client_auth_type does not ask for certificates
            tls_server_config:
              min_version: TLS111
                line 2: tls_server_config: min_version: expected TLS12 or TLS13, found "TLS111"
            tls_server_config:
              min_version: TLS10
                line 2: tls_server_config: min_version: TLS10 is not spoken: rustls has TLS12 and TLS13 only
            tls_server_config:
              min_version: TLS13
              max_version: TLS12
                line 2: tls_server_config: min_version is above max_version: no client could connect
            tls_server_config:
              cipher_suites:
              - TLS_AES_128_GCM_SHA256
              - TLS_RSA_WITH_RC4
                line 4: tls_server_config: cipher_suites: unknown name "TLS_RSA_WITH_RC4"; expected one of TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
            tls_server_config:
              cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA]
                line 2: tls_server_config: cipher_suites: rustls has no TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA; it has TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
            tls_server_config:
              cipher_suites: X
                line 2: tls_server_config: cipher_suites: expected a list, such as [a, b], found "X"
            tls_server_config:
              curve_preferences: [CurveP521]
                line 2: tls_server_config: curve_preferences: rustls has no CurveP521; it has X25519, CurveP256, CurveP384
            tls_server_config:
              curve_preferences: [CurveP257]
                line 2: tls_server_config: curve_preferences: unknown name "CurveP257"; did you mean CurveP256?
            tls_server_config:
              prefer_server_cipher_suites: 3
                line 2: tls_server_config: prefer_server_cipher_suites: expected true or false, found "3"
            http_server_config:
              headers:
                X-Frame-Options: deny
                Content-Type: foo
                line 4: http_server_config: headers: Content-Type cannot be set; did you mean X-Content-Type-Options?
            http_server_config:
              headers:
                X-Frame-Options: foo
                line 3: http_server_config: headers: X-Frame-Options: expected deny or sameorigin, found "foo"
            http_server_config:
              headers:
                X-Content-Type-Options: sniff
                line 3: http_server_config: headers: X-Content-Type-Options: expected nosniff, found "sniff"
            http_server_config:
              headers:
                X-XSS-Protection: "a\nb"
                line 3: http_server_config: headers: X-XSS-Protection: expected a text of one line, found "a\nb"
            http_server_config:
              http2: maybe
                line 2: http_server_config: http2: expected true or false, found "maybe"
            http_server_config: []
                line 1: http_server_config: expected a mapping, found a list
            basic_auth_users:
              john: doe
                line 2: basic_auth_users: john: expected the bcrypt hash of a password, such as htpasswd -nBC 10 '' prints
            basic_auth_users:
              john: $2y$03$abcdefghijklmnopqrstuuWmCpSmvT.lKyqVFXqiKUXdTWRWDANxW
                line 2: basic_auth_users: john: expected the bcrypt hash of a password, such as htpasswd -nBC 10 '' prints
            basic_auth_users: [john]
                line 1: basic_auth_users: expected a mapping, found a list
            rate_limit:
              interval: soon
                line 2: rate_limit: interval: expected a duration, such as 1s or 100ms, found "soon"
            rate_limit:
              interval: 1d
                line 2: rate_limit: interval: expected a duration, such as 1s or 100ms, found "1d"
            rate_limit:
              interval: 1s
              burst: -1
                line 3: rate_limit: burst: expected a whole number, found "-1"
            rate_limit:
              intervall: 1s
                line 2: rate_limit: unknown key "intervall"; did you mean interval?
            hWkNKCp3fvIx3jKnsaBI
            TuEjdwNS8A2vYdFbiKqr
                line 1: expected a mapping, found "hWkNKCp3fvIx3jKnsaBI TuEjdwNS8A2vYdFbiKqr"
            a: [
                line 1: is no YAML: unclosed bracket '['
        "#]].assert_eq(&all);
    }

    #[test]
    fn defaults_and_every_key() {
        let config = parse("", Path::new("/"), &mut Vec::new()).unwrap();
        assert!(config.tls.is_none() && config.http2 && config.users.is_empty());
        assert!(config.headers.is_empty() && config.rate.is_none() && config.warnings.is_empty());
        let text = "\
            tls_server_config:\n  \
              cert: c\n  key: k\n  client_ca: a\n  \
              client_auth_type: VerifyClientCertIfGiven\n  \
              client_allowed_sans: [one, '10.0.0.1']\n  \
              min_version: TLS13\n  max_version: TLS13\n  \
              cipher_suites: [TLS_AES_128_GCM_SHA256]\n  \
              prefer_server_cipher_suites: false\n  \
              curve_preferences: [CurveP384, X25519]\n\
            http_server_config:\n  http2: off\n  headers:\n    X-XSS-Protection: 1\n    \
              Content-Security-Policy: ''\n\
            rate_limit: {interval: 1m30s, burst: 5}\n\
            basic_auth_users:\n  \
              alice: $2y$10$abcdefghijklmnopqrstuuWmCpSmvT.lKyqVFXqiKUXdTWRWDANxW\n";
        let config = parse(text, Path::new("/"), &mut Vec::new()).unwrap();
        let tls = config.tls.unwrap();
        assert_eq!(tls.clients.policy, Policy::VerifyIfGiven);
        assert_eq!(tls.clients.names.unwrap(), ["one", "10.0.0.1"]);
        assert_eq!((tls.oldest, tls.newest), (Version::Tls13, Version::Tls13));
        assert_eq!((tls.suites.len(), tls.own_order), (1, false));
        assert_eq!(format!("{:?}", tls.groups), "[secp384r1, X25519]");
        assert!(!config.http2 && !config.users.is_empty());
        let headers: Vec<_> =
            config.headers.iter().map(|(n, v)| (n.as_str(), v.as_bytes())).collect();
        assert_eq!(headers, [("x-xss-protection", &b"1"[..])]);
        assert_eq!(config.rate.unwrap(), Rate { interval: Duration::from_secs(90), burst: 5 });
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        let mut files = Vec::new();
        let text = "tls_server_config: {cert_file: a/b.pem, key_file: /c.pem}\n";
        parse(text, Path::new("/nonexistent"), &mut files).unwrap_err();
        assert_eq!(files, [Path::new("/nonexistent/a/b.pem"), Path::new("/c.pem")]);
    }

    #[test]
    fn what_is_odd_is_told() {
        let warnings =
            |text: &str| parse(text, Path::new("/"), &mut Vec::new()).unwrap().warnings.join("; ");
        let odd = warnings("tls_server_config: {min_version: TLS13}\n");
        assert_eq!(odd, "tls_server_config has no certificate: TLS is off");
        let odd = warnings("tls_server_config: {cert: c, key: k, client_allowed_sans: [a]}\n");
        assert!(odd.contains("nobody is refused"), "{odd}");
        assert_eq!(warnings("tls_server_config:\nbasic_auth_users:\n"), "");
    }
}
