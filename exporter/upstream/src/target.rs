//! What is asked: where it is, which of its families are taken, whom we believe and who we are there.

use collect::Filter;
use http::Uri;
use std::{path::PathBuf, time::Duration};

/// How long an upstream may take for all its pages: less than a scrape waits for sources.
pub(crate) const TIMEOUT: Duration = Duration::from_millis(1_500);
/// The most that may be set: what is between it and the two seconds that a scrape waits is for taking the
/// answer apart.
pub(crate) const MAX_TIMEOUT: Duration = Duration::from_millis(1_800);
/// Bytes of an answer. A kubelet with 110 pods has some 400 KB.
pub(crate) const MAX_BYTES: usize = 16 << 20;
/// Samples that are taken of an upstream.
pub(crate) const MAX_SAMPLES: usize = 50_000;

/// An upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// The value of the label `upstream`.
    pub(crate) name: String,
    pub(crate) place: Place,
    /// What is asked for, one after the other on one connection; the first one is the one that it is about.
    pub(crate) pages: Vec<Wanted>,
    pub(crate) papers: Papers,
    /// Labels that every line gets.
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) limits: Limits,
    /// Whether nobody named it: it counts from its first answer on.
    pub(crate) guessed: bool,
}

/// Where an upstream is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Whether it speaks TLS.
    pub(crate) secure: bool,
    /// A name or an address; that of IPv6 without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// One page of an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Path and query.
    pub(crate) path: String,
    /// Families that are taken, a regular expression; empty: all.
    pub(crate) families: String,
}

/// Files that say whom we believe and who we are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Papers {
    /// Whoever answers is believed.
    pub(crate) anybody: bool,
    /// The certificate that the server itself left on this machine; it may be missing.
    pub(crate) own: Option<PathBuf>,
    /// Authorities; where there are none, those of the machine.
    pub(crate) ca: Option<PathBuf>,
    /// The name in the server's certificate, where it is not the host's.
    pub(crate) server_name: Option<String>,
    pub(crate) token: Option<PathBuf>,
    /// Our certificate and its key.
    pub(crate) certificate: Option<(PathBuf, PathBuf)>,
    /// What to do where the server is not believed.
    pub(crate) hint: &'static str,
}

/// How much of an upstream is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) timeout: Duration,
    pub(crate) bytes: usize,
    pub(crate) samples: usize,
}

// === impl Target ===

impl Target {
    /// Filters of the pages. Their patterns were compiled when the target was made.
    pub(crate) fn filters(&self) -> Vec<Filter> {
        let filter = |page: &Wanted| Filter::matching(&page.families).unwrap_or_default();
        self.pages.iter().map(filter).collect()
    }
}

// === impl Place ===

impl Place {
    /// The place and the path of a URL.
    pub(crate) fn parse(url: &str) -> Result<(Self, String), String> {
        let expected = || format!("expected http://HOST:PORT/PATH or https://…, found {url:?}");
        let uri: Uri = url.parse().map_err(|_| expected())?;
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(expected()),
        };
        let authority = uri.authority().ok_or_else(expected)?;
        if authority.as_str().contains('@') {
            return Err("a password stands in the URL; give token-file, or cert-file".to_owned());
        }
        let behind = authority.as_str().strip_prefix(authority.host()).unwrap_or_default();
        let port = match behind.strip_prefix(':').map(str::parse) {
            None if behind.is_empty() => {
                if secure {
                    443
                } else {
                    80
                }
            }
            Some(Ok(port)) => port,
            _ => return Err(expected()),
        };
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let path = match uri.path_and_query().map_or("/", |path| path.as_str()) {
            "/" => "/metrics".to_owned(),
            path => path.to_owned(),
        };
        if host.is_empty() || url.contains('#') {
            return Err(expected());
        }
        Ok((Self { secure, host, port }, path))
    }

    /// The host and its port as a URL has them.
    pub(crate) fn authority(&self) -> String {
        trust::authority(&self.host, self.port)
    }

    /// The place as a URL.
    pub(crate) fn url(&self) -> String {
        format!("{}://{}", if self.secure { "https" } else { "http" }, self.authority())
    }
}

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Self { timeout: TIMEOUT, bytes: MAX_BYTES, samples: MAX_SAMPLES }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let parse = |url| Place::parse(url).map(|(place, path)| format!("{}{path}", place.url()));
        for (url, becomes) in [
            ("http://127.0.0.1:2381", "http://127.0.0.1:2381/metrics"),
            ("https://[::1]:2379/x?a=b", "https://[::1]:2379/x?a=b"),
            ("https://node/", "https://node:443/metrics"),
        ] {
            assert_eq!(parse(url).as_deref(), Ok(becomes));
        }
        for url in [
            "",
            "node",
            "ftp://x/",
            "http://",
            "http:///x",
            "http://x:y",
            "http://a@b/",
            "http://a/#b",
        ] {
            assert!(parse(url).is_err(), "{url}");
        }
    }
}
