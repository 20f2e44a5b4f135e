//! A client that speaks TLS, with a bound on every wait.

use super::site::{Identity, Site};
use crate::support::client::{Answer, parse};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rustls::{
    CipherSuite, ClientConfig, ClientConnection, ProtocolVersion, RootCertStore, StreamOwned,
    SupportedCipherSuite, SupportedProtocolVersion,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    version::{TLS12, TLS13},
};
use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

/// How long anything may take.
const BOUND: Duration = Duration::from_mins(2);

/// How to connect.
#[derive(Clone)]
pub(super) struct Client {
    address: SocketAddr,
    authority: String,
    identity: Option<Identity>,
    versions: Vec<&'static SupportedProtocolVersion>,
    suites: Vec<SupportedCipherSuite>,
    protocols: Vec<Vec<u8>>,
}

pub(super) type Connection = StreamOwned<ClientConnection, TcpStream>;

/// What was agreed upon.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Agreed {
    pub(super) version: Option<ProtocolVersion>,
    pub(super) suite: Option<CipherSuite>,
    pub(super) protocol: Option<String>,
    /// The certificate that the server showed.
    pub(super) certificate: Vec<u8>,
}

// === impl Client ===

impl Client {
    /// One that trusts the site's authority, and offers what rustls has.
    pub(super) fn new(site: &Site, address: &str) -> Self {
        Self {
            address: address.parse().unwrap(),
            authority: site.authority.pem(),
            identity: None,
            versions: vec![&TLS13, &TLS12],
            suites: ring::ALL_CIPHER_SUITES.to_vec(),
            protocols: vec![b"http/1.1".to_vec()],
        }
    }

    /// One that shows a certificate.
    pub(super) fn with(mut self, identity: &Identity) -> Self {
        self.identity = Some(identity.clone());
        self
    }

    /// One that speaks one version only.
    pub(super) fn only(mut self, version: &'static SupportedProtocolVersion) -> Self {
        self.versions = vec![version];
        self
    }

    /// One that offers these suites only.
    pub(super) fn suites(mut self, suites: &[SupportedCipherSuite]) -> Self {
        self.suites = suites.to_vec();
        self
    }

    /// One that offers HTTP/2 first.
    pub(super) fn http2(mut self) -> Self {
        self.protocols.insert(0, b"h2".to_vec());
        self
    }

    /// Connects; why it cannot.
    pub(super) fn connect(&self) -> Result<Connection, String> {
        let provider =
            CryptoProvider { cipher_suites: self.suites.clone(), ..ring::default_provider() };
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.authority.as_bytes()).unwrap()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&self.versions)
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some(Identity { certificate, key }) => {
                let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        };
        config.alpn_protocols.clone_from(&self.protocols);
        let mut session =
            ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
        let mut stream =
            TcpStream::connect_timeout(&self.address, BOUND).map_err(|error| error.to_string())?;
        stream.set_read_timeout(Some(BOUND)).unwrap();
        while session.is_handshaking() {
            session.complete_io(&mut stream).map_err(|error| error.to_string())?;
        }
        Ok(StreamOwned::new(session, stream))
    }

    /// What is agreed upon with the server.
    pub(super) fn agreed(&self) -> Result<Agreed, String> {
        let connection = self.connect()?;
        let session = &connection.conn;
        let chain = session.peer_certificates().unwrap();
        Ok(Agreed {
            version: session.protocol_version(),
            suite: session.negotiated_cipher_suite().map(|suite| suite.suite()),
            protocol: session
                .alpn_protocol()
                .map(|name| String::from_utf8_lossy(name).into_owned()),
            certificate: chain.first().unwrap().to_vec(),
        })
    }

    /// Asks; why there is no answer.
    pub(super) fn get(&self, path: &str, headers: &str) -> Result<Answer, String> {
        let mut connection = self.connect()?;
        write!(connection, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n")
            .map_err(|error| error.to_string())?;
        let bytes = rest(&mut connection)?;
        parse(&bytes).ok_or_else(|| format!("no HTTP: {:?}", String::from_utf8_lossy(&bytes)))
    }

    /// The answer's status; 0 where the connection is refused.
    pub(super) fn status(&self, path: &str, headers: &str) -> u16 {
        self.get(path, headers).map_or(0, |answer| answer.status)
    }
}

/// What comes until the end of the connection.
pub(super) fn rest(connection: &mut Connection) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    match connection.read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof && !bytes.is_empty() => Ok(bytes),
        Err(error) => Err(error.to_string()),
    }
}

/// The header of a user and a password.
pub(super) fn basic(user: &str, password: &str) -> String {
    format!("Authorization: Basic {}\r\n", STANDARD.encode(format!("{user}:{password}")))
}
