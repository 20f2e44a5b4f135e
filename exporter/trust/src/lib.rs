//! Whom we believe and who we are, towards servers that we ask and clients that ask us: files with tokens
//! and certificates, and the TLS that follows from them.
//!
//! Files are read again while the process runs, as tokens and certificates are renewed in place; what they
//! held is compared, so that a connection is made anew only where something changed. rustls with ring, TLS
//! 1.2 and 1.3. Nothing here connects, and nothing needs a runtime.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod clients;
mod server;
mod tls;
mod x509;

pub use clients::{Clients, Policy};
pub use server::{Group, Server, Suite, Version, not_after, server};
pub use tls::client;

use http::{HeaderName, HeaderValue, header};
use std::{io::Read as _, path::Path};

/// Why who we are cannot be told: which file, what was expected, what was there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

/// Whose word is taken for the server's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// That of the machine's authorities.
    Machine,
    /// That of these, in PEM.
    These(Pem),
    /// Nobody's for the first certificate of a file, which the server wrote down itself on this machine,
    /// whatever its name and its date: the server must have its key. Else that of authorities.
    Same {
        /// The file's certificates.
        certificate: Pem,
        /// Who may vouch for another one.
        authorities: Option<Pem>,
    },
    /// Anybody's.
    Anybody,
}

/// A certificate of our own and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The certificate, and those between it and the authority.
    pub chain: Pem,
    /// Its key.
    pub key: Pem,
}

/// A text in PEM and where it stands, for messages.
#[derive(Clone, PartialEq, Eq)]
pub struct Pem {
    /// The text.
    pub text: Vec<u8>,
    /// Where it stands.
    pub from: String,
}

/// The longest file that is read. A kubeconfig of a thousand clusters is shorter.
const MAX_FILE: u64 = 8 << 20;

/// A host and its port as a URL has them: addresses of IPv6, which have none here, get brackets.
pub fn authority(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

// === impl Error ===

impl Error {
    /// One with these words.
    pub fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

// === impl Pem ===

impl Pem {
    /// What stands in a file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        Ok(Self { text: bytes(path)?, from: path.display().to_string() })
    }
}

impl std::fmt::Debug for Pem {
    /// It may be a key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pem").field("from", &self.from).finish_non_exhaustive()
    }
}

/// Reads one of our own files.
#[expect(clippy::disallowed_methods, reason = "a file of the exporter's own, not the host's")]
pub fn bytes(path: &Path) -> Result<Vec<u8>, Error> {
    let wrong = |error| Error(format!("read {}: {error}", path.display()));
    let mut text = Vec::new();
    let file = std::fs::File::open(path).map_err(wrong)?;
    file.take(MAX_FILE + 1).read_to_end(&mut text).map_err(wrong)?;
    if text.len() as u64 > MAX_FILE {
        return Err(Error(format!("{}: more than {} MiB", path.display(), MAX_FILE >> 20)));
    }
    Ok(text)
}

/// The header of the token in a file.
pub fn bearer(path: &Path) -> Result<(HeaderName, HeaderValue), Error> {
    token(&bytes(path)?, &path.display().to_string())
}

/// The header of a token.
pub fn token(text: &[u8], from: &str) -> Result<(HeaderName, HeaderValue), Error> {
    let token = text.trim_ascii();
    let value = [b"Bearer ", token].concat();
    match HeaderValue::from_bytes(&value) {
        Ok(mut value) if !token.is_empty() => {
            value.set_sensitive(true);
            Ok((header::AUTHORIZATION, value))
        }
        _ => Err(Error(format!(
            "{from}: expected a token, found {} bytes that are none",
            text.len()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_ipv6_have_brackets() {
        let all = [("fd00::1", 6443), ("127.0.0.1", 443), ("api.example", 80)];
        let all = all.map(|(host, port)| authority(host, port));
        assert_eq!(all, ["[fd00::1]:6443", "127.0.0.1:443", "api.example:80"]);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the test makes the file")]
    fn a_token_is_a_header_that_no_log_shows() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        let missing = bearer(&path).unwrap_err().to_string();
        assert!(missing.contains("token: No such file"), "{missing}");
        std::fs::write(&path, " one\n").unwrap();
        let (name, value) = bearer(&path).unwrap();
        assert_eq!((name, value.as_bytes()), (header::AUTHORIZATION, &b"Bearer one"[..]));
        assert!(!format!("{value:?}").contains("one"), "a token in a log");
        for (text, says) in [("\n", "found 1 bytes"), ("a\nb", "found 3 bytes")] {
            let error = token(text.as_bytes(), "x").unwrap_err().to_string();
            assert_eq!(error, format!("x: expected a token, {says} that are none"));
        }
        let pem = Pem { text: b"secret".to_vec(), from: "/key".to_owned() };
        assert_eq!(format!("{pem:?}"), "Pem { from: \"/key\", .. }");
    }
}
