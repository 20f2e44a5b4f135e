//! A server's side of TLS in the words of Go's `crypto/tls`, as exporter-toolkit's web configuration takes
//! them: rustls with ring, TLS 1.2 and 1.3.

use crate::{Certificate, Error, clients::Clients, tls::key_and_chain, x509};
use rustls::{
    ServerConfig, SupportedCipherSuite, SupportedProtocolVersion,
    crypto::{CryptoProvider, SupportedKxGroup, ring},
    server::ServerSessionMemoryCache,
    version::{TLS12, TLS13},
};
use std::sync::Arc;

/// Sessions that may be resumed; a Prometheus resumes its own.
const SESSIONS: usize = 64;

/// How a server speaks TLS.
#[derive(Clone, Debug)]
pub struct Server {
    /// Who it is.
    pub certificate: Certificate,
    /// Whom it lets in.
    pub clients: Clients,
    /// The oldest version that it speaks.
    pub oldest: Version,
    /// The newest version that it speaks.
    pub newest: Version,
    /// The cipher suites of TLS 1.2 that it speaks; all where there are none. Those of TLS 1.3 are always
    /// spoken, as Go has it.
    pub suites: Vec<Suite>,
    /// The groups for key exchange, the best first; all where there are none.
    pub groups: Vec<Group>,
    /// Whether the server's order of suites counts, and not the client's.
    pub own_order: bool,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// A cipher suite.
#[derive(Clone, Copy, Debug)]
pub struct Suite(SupportedCipherSuite);

/// A group for key exchange: what Go calls a curve.
#[derive(Clone, Copy)]
pub struct Group(&'static dyn SupportedKxGroup);

/// The suites by Go's names.
const SUITES: [(&str, SupportedCipherSuite); 9] = {
    use ring::cipher_suite as of;
    [
        ("TLS_AES_128_GCM_SHA256", of::TLS13_AES_128_GCM_SHA256),
        ("TLS_AES_256_GCM_SHA384", of::TLS13_AES_256_GCM_SHA384),
        ("TLS_CHACHA20_POLY1305_SHA256", of::TLS13_CHACHA20_POLY1305_SHA256),
        ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", of::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
        ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", of::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
        (
            "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
            of::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        ),
        ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", of::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
        ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", of::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
        (
            "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
            of::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        ),
    ]
};

/// The groups by Go's names.
static GROUPS: [(&str, &dyn SupportedKxGroup); 3] = [
    ("X25519", ring::kx_group::X25519),
    ("CurveP256", ring::kx_group::SECP256R1),
    ("CurveP384", ring::kx_group::SECP384R1),
];

/// The configuration of connections from clients, which may speak one of the protocols in `alpn`.
///
/// Fails where certificate and key do not fit, where nobody could vouch for a client, and where no suite
/// is left for the versions.
pub fn server(settings: &Server, alpn: &[&[u8]]) -> Result<ServerConfig, Error> {
    let known = ring::default_provider();
    let provider = Arc::new(CryptoProvider {
        cipher_suites: match &*settings.suites {
            [] => known.cipher_suites,
            // The order in which they stand is the server's; of TLS 1.3 it is always ring's.
            given => known
                .cipher_suites
                .into_iter()
                .filter(|suite| suite.tls13().is_some())
                .chain(given.iter().map(|suite| suite.0).filter(|suite| suite.tls13().is_none()))
                .collect(),
        },
        kx_groups: match &*settings.groups {
            [] => known.kx_groups,
            given => given.iter().map(|group| group.0).collect(),
        },
        ..known
    });
    let versions: Vec<&'static SupportedProtocolVersion> =
        [(Version::Tls13, &TLS13), (Version::Tls12, &TLS12)]
            .into_iter()
            .filter(|(version, _)| (settings.oldest..=settings.newest).contains(version))
            .map(|(_, known)| known)
            .collect();
    let (chain, key) = key_and_chain(&settings.certificate)?;
    let from = &settings.certificate.key.from;
    let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions)
        .map_err(|error| Error::new(format!("no cipher suite for these versions: {error}")))?
        .with_client_cert_verifier(settings.clients.verifier(&provider)?)
        .with_single_cert(chain, key)
        .map_err(|error| {
            let chain = &settings.certificate.chain.from;
            Error::new(format!("{from}: expected the key of {chain}: {error}"))
        })?;
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    config.ignore_client_order = settings.own_order;
    config.session_storage = ServerSessionMemoryCache::new(SESSIONS);
    Ok(config)
}

/// When a server's certificate ends to hold, in seconds since 1970; none where nothing says so.
pub fn not_after(certificate: &Certificate) -> Option<u64> {
    let (chain, _) = key_and_chain(certificate).ok()?;
    x509::not_after(chain.first()?)
}

// === impl Suite ===

impl Suite {
    /// The suite of a name.
    pub fn named(name: &str) -> Option<Self> {
        SUITES.iter().find(|(known, _)| *known == name).map(|(_, suite)| Self(*suite))
    }

    /// The names that there are.
    pub fn names() -> Vec<&'static str> {
        SUITES.iter().map(|(name, _)| *name).collect()
    }
}

// === impl Group ===

impl Group {
    /// The group of a name.
    pub fn named(name: &str) -> Option<Self> {
        GROUPS.iter().find(|(known, _)| *known == name).map(|(_, group)| Self(*group))
    }

    /// The names that there are.
    pub fn names() -> Vec<&'static str> {
        GROUPS.iter().map(|(name, _)| *name).collect()
    }
}

impl std::fmt::Debug for Group {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.0.name())
    }
}
