//! Where the API server is, and who we are there.
//!
//! `--kubeconfig`, or `KUBECONFIG` as kubectl has it, or the service account of a pod, in this order.
//! Which of them is decided once; what they say is read again while the process runs, as tokens and
//! certificates are renewed in place. `~/.kube/config` is not looked for: a service that runs as root would
//! become the administrator who once logged in there.

use crate::{
    fault::{Fault, Reason},
    kubeconfig,
};
use collect::{Health, Opt, Options};
use http::{HeaderName, HeaderValue};
use std::path::PathBuf;
pub(crate) use trust::{Certificate, Pem, Trust, bearer, bytes, token};

/// `--kubeconfig`; the configuration fills it from `KUBECONFIG` where it is not given.
pub const KUBECONFIG: Opt = Opt::text(
    "kubeconfig",
    "",
    "Kubeconfig that says where the API server is and who we are; several, separated by colons, are \
     merged (KUBECONFIG; in a pod, its service account).",
);
/// The API server as a pod sees it: `KUBERNETES_SERVICE_HOST`, which the configuration passes on.
pub const SERVICE_HOST: Opt =
    Opt::text("cluster.service-host", "", "Address of the API server in a pod.").hidden();
/// Its port: `KUBERNETES_SERVICE_PORT`.
pub const SERVICE_PORT: Opt =
    Opt::text("cluster.service-port", "443", "Port of the API server in a pod.").hidden();
/// Which variable of the environment fills which of the options where that is not given.
pub const ENVIRONMENT: [(&str, &Opt); 3] = [
    ("KUBECONFIG", &KUBECONFIG),
    ("KUBERNETES_SERVICE_HOST", &SERVICE_HOST),
    ("KUBERNETES_SERVICE_PORT", &SERVICE_PORT),
];

/// Where the kubelet puts a service account's token and the cluster's certificate.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// What says where the API server is and who we are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Kubeconfigs, the first one first.
    Kubeconfig(Vec<PathBuf>),
    /// A pod's service account.
    ServiceAccount {
        /// The API server's address.
        host: String,
        /// Its port.
        port: u16,
        /// The folder with `token` and `ca.crt`.
        dir: PathBuf,
    },
}

/// What an [`Access`] says now.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) server: Server,
    /// Who asks, beyond a certificate: they go with each request.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

/// What a connection depends on.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Server {
    /// A name or an address; that of IPv6 without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Before each path; empty, or with a slash in front and none behind.
    pub(crate) prefix: String,
    /// None: without TLS.
    pub(crate) security: Option<Security>,
}

#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Security {
    /// The name in the server's certificate.
    pub(crate) name: String,
    pub(crate) trust: Trust,
    pub(crate) certificate: Option<Certificate>,
}

// === impl Access ===

impl Access {
    /// What the options name. Without any there is no cluster here, and the health says so.
    pub fn find(options: &Options) -> Result<Self, Health> {
        let files: Vec<PathBuf> = options
            .text(&KUBECONFIG)
            .split(':')
            .filter(|path| !path.is_empty())
            .map(PathBuf::from)
            .collect();
        if !files.is_empty() {
            return Ok(Self::Kubeconfig(files));
        }
        let host = options.text(&SERVICE_HOST);
        if host.is_empty() {
            return Err(Health::absent(
                "no --kubeconfig, no KUBECONFIG, and not in a pod (KUBERNETES_SERVICE_HOST)",
            ));
        }
        let port = options.text(&SERVICE_PORT);
        let Ok(port) = port.parse() else {
            let what = format!("KUBERNETES_SERVICE_PORT: expected a port, found {port:?}");
            return Err(Health::down(what));
        };
        let dir = PathBuf::from(SERVICE_ACCOUNT);
        if !dir.exists() {
            return Err(Health::absent(format!(
                "no service account in {SERVICE_ACCOUNT}: set automountServiceAccountToken, or give \
                 --kubeconfig"
            )));
        }
        Ok(Self::ServiceAccount { host: host.to_owned(), port, dir })
    }

    /// The namespace of our own pod, where that is known.
    pub(crate) fn namespace(&self) -> Option<String> {
        let Self::ServiceAccount { dir, .. } = self else { return None };
        let text = bytes(&dir.join("namespace")).ok()?;
        Some(std::str::from_utf8(&text).ok()?.trim().to_owned())
    }

    /// What it says now.
    pub(crate) fn read(&self) -> Result<Identity, Fault> {
        match self {
            Self::Kubeconfig(files) => kubeconfig::read(files),
            Self::ServiceAccount { host, port, dir } => {
                let ca = dir.join("ca.crt");
                let trust = Trust::These(Pem::read(&ca)?);
                let security = Security { name: host.clone(), trust, certificate: None };
                let server = Server {
                    host: host.clone(),
                    port: *port,
                    prefix: String::new(),
                    security: Some(security),
                };
                Ok(Identity { server, headers: vec![bearer(&dir.join("token"))?] })
            }
        }
    }
}

// === impl Server ===

impl Server {
    /// Whether the server's certificate is not looked at.
    pub(crate) fn trusts_anybody(&self) -> bool {
        self.security.as_ref().is_some_and(|security| security.trust == Trust::Anybody)
    }

    /// The host and its port as a URL has them.
    pub(crate) fn authority(&self) -> String {
        trust::authority(&self.host, self.port)
    }
}

/// A fault of what says where and who.
pub(crate) fn access(what: impl Into<String>) -> Fault {
    Fault::new(Reason::Access, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(given: &[(&Opt, &str)]) -> Options {
        let mut options = Options::default();
        for (opt, text) in given {
            options.set(opt.name, vec![(*text).to_owned()]);
        }
        options
    }

    #[test]
    fn a_kubeconfig_wins_over_the_service_account() {
        let given = [(&KUBECONFIG, "/a:/b:"), (&SERVICE_HOST, "10.0.0.1")];
        let both = Access::find(&options(&given));
        assert_eq!(both, Ok(Access::Kubeconfig(vec!["/a".into(), "/b".into()])));
        let none = Access::find(&options(&[(&KUBECONFIG, "")])).unwrap_err();
        assert!(none.absent && none.reason.contains("--kubeconfig"), "{}", none.reason);
        let odd = options(&[(&SERVICE_HOST, "10.0.0.1"), (&SERVICE_PORT, "tcp://10.0.0.1:443")]);
        let odd = Access::find(&odd).unwrap_err();
        assert!(!odd.absent && odd.reason.contains("KUBERNETES_SERVICE_PORT"), "{}", odd.reason);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the test plays the kubelet")]
    fn a_service_account_is_read_anew() {
        let dir = tempfile::tempdir().unwrap();
        let access =
            Access::ServiceAccount { host: "fd00::1".into(), port: 443, dir: dir.path().into() };
        let missing = access.read().err().unwrap();
        assert_eq!(missing.reason, Reason::Access);
        assert!(missing.detail.contains("ca.crt: No such file"), "{missing}");
        std::fs::write(dir.path().join("ca.crt"), "pem").unwrap();
        std::fs::write(dir.path().join("token"), " \n").unwrap();
        let empty = access.read().err().unwrap();
        assert!(empty.detail.ends_with("token: expected a token, found 2 bytes that are none"));
        std::fs::write(dir.path().join("token"), "one\n").unwrap();
        let first = access.read().unwrap();
        assert_eq!(first.server.authority(), "[fd00::1]:443");
        assert_eq!(first.headers[0].1, "Bearer one");
        assert!(!format!("{:?}", first.headers).contains("one"), "a token in a log");
        std::fs::write(dir.path().join("token"), "two").unwrap();
        assert_eq!(access.read().unwrap().headers[0].1, "Bearer two");
        assert!(access.read().unwrap().server == first.server);
    }
}
