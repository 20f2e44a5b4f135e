//! One page that a person asks for, once: the same connections, files and bounds as an upstream's.

use crate::{
    client::Client,
    target::{Limits, Papers, Place, Target, Wanted},
};
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::time;

/// A page, and who asks for it.
#[derive(Clone, Debug)]
pub struct Question {
    target: Target,
}

/// Files that say whom to believe and who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// Whoever answers is believed.
    pub insecure_skip_verify: bool,
    /// Authorities in PEM; without them those of the machine.
    pub ca_file: Option<PathBuf>,
    /// The name in the server's certificate, where it is not the URL's.
    pub server_name: Option<String>,
    /// A bearer token.
    pub token_file: Option<PathBuf>,
    /// A client's certificate.
    pub cert_file: Option<PathBuf>,
    /// Its key.
    pub key_file: Option<PathBuf>,
}

// === impl Question ===

impl Question {
    /// What is asked of `url`, for at most so long, and for at most so many bytes.
    ///
    /// Fails where the URL is none, or where a secret would go over a connection without TLS.
    pub fn new(
        url: &str,
        credentials: Credentials,
        timeout: Duration,
        bytes: usize,
    ) -> Result<Self, String> {
        let (place, path) = Place::parse(url)?;
        if !place.secure && credentials != Credentials::default() {
            return Err(format!(
                "expected https:// where a token, a certificate or an authority is given, found {url:?}"
            ));
        }
        let certificate = match (credentials.cert_file, credentials.key_file) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => return Err("a certificate and its key stand together".to_owned()),
        };
        let papers = Papers {
            anybody: credentials.insecure_skip_verify,
            own: None,
            ca: credentials.ca_file,
            server_name: credentials.server_name,
            token: credentials.token_file,
            certificate,
            hint: "; give ca-file, server-name or insecure-skip-verify",
        };
        let pages = vec![Wanted { path, families: String::new() }];
        let limits = Limits { timeout, bytes, ..Limits::default() };
        let (name, labels) = (url.to_owned(), Vec::new());
        Ok(Self { target: Target { name, place, pages, papers, labels, limits, guessed: false } })
    }

    /// The page's text as it came. Needs a runtime with I/O and time.
    ///
    /// Fails with the kind of trouble and where it was.
    pub async fn ask(&self) -> Result<Vec<u8>, String> {
        let target = Arc::new(self.target.clone());
        let bound = target.limits.timeout;
        match time::timeout(bound, Client::new(target).body()).await {
            Ok(answer) => answer.map_err(|fault| fault.to_string()),
            Err(_) => Err(format!("timeout: {}: no answer within {bound:?}", self.target.name)),
        }
    }
}
