//! The kubelet of this node: where it is, whom we believe there and who we are.
//!
//! The own Node object tells its port; without one it is asked on port 10250 of this machine. Three pages:
//! `/metrics`, of which the families are taken that rules and dashboards read; `/metrics/probes`; and of
//! `/metrics/resource` what has no other source. That page also repeats three of cAdvisor's families with
//! other labels, which would double every sum: they are never taken.
//!
//! Its certificate is signed by itself, unless the cluster renews it (`serverTLSBootstrap`). So what is
//! believed is the certificate that it leaves in `/var/lib/kubelet/pki/kubelet.crt` below `--path.rootfs`,
//! whose key the server must have, or one that the cluster's authority signed for the address; anybody only
//! where that is asked for.

use crate::target::{Limits, Papers, Place, Target, Wanted};
use collect::{Context, Error, Filter, Opt, Result};
use model::{Model, Role};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// Whether the kubelet is asked.
pub const MODE: Opt = Opt::text(
    "kubelet",
    "auto",
    "Serve what only the kubelet knows: auto where a kubelet is and we may ask it, on everywhere, or off.",
);
const URL: Opt = Opt::text(
    "kubelet.url",
    "",
    "Where the kubelet is; default https://127.0.0.1:10250, or as the Node object says.",
);
pub(crate) const FAMILIES: Opt = Opt::text(
    "kubelet.families",
    "^(kubelet_.+|volume_manager_.+|storage_operation_.+|volume_operation_.+|rest_client_requests_total|rest_client_request_duration_seconds|kubernetes_build_info|go_goroutines)$",
    "Which families of the kubelet's /metrics are served: those whose name matches; . is all.",
);
const CA_FILE: Opt = Opt::text(
    "kubelet.ca-file",
    "",
    "The authority of the kubelet's certificate; default the service account's.",
);
const CERTIFICATE: Opt = Opt::text(
    "kubelet.certificate-file",
    "/var/lib/kubelet/pki/kubelet.crt",
    "The certificate that the kubelet made for itself, below --path.rootfs; it is believed whoever signed \
     it. Empty: none.",
);
const INSECURE: Opt = Opt::switch(
    "kubelet.insecure-skip-verify",
    false,
    "Believe any certificate of the kubelet's. Who listens in its place gets the token.",
);
const TOKEN_FILE: Opt = Opt::text(
    "kubelet.token-file",
    "",
    "The token that is shown to the kubelet; default the service account's.",
);
const CERT_FILE: Opt =
    Opt::text("kubelet.cert-file", "", "The certificate that is shown to the kubelet.");
const KEY_FILE: Opt = Opt::text("kubelet.key-file", "", "Its key.");

pub(crate) const OPTS: &[Opt] =
    &[URL, FAMILIES, CA_FILE, CERTIFICATE, INSECURE, TOKEN_FILE, CERT_FILE, KEY_FILE];

/// As `cluster` declares it.
const NODE_NAME: Opt = Opt::text("node-name", "", "");
/// Where the kubelet puts a service account's token and the cluster's certificate.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// Where it is while the Node has not told its address.
const LOOPBACK: &str = "127.0.0.1";
/// The kubelet's port, unless its Node says another.
const PORT: u16 = 10250;

const PROBES: &str = "^(prober_.+|probe_.+)$";
const RESOURCE: &str = "^(pod_.+|container_swap_.+)$";
const HINT: &str = "; give --kubelet.ca-file, let --path.rootfs show the kubelet's own certificate, or give \
    --kubelet.insecure-skip-verify";

pub(crate) struct Kubelet {
    always: bool,
    /// The node's name; empty where none is given.
    node: String,
    given: Option<Place>,
    families: String,
    papers: Papers,
    model: Arc<Model>,
    /// Whether a unit of a kubelet was seen: it stays a node when that is gone.
    seen: bool,
}

// === impl Kubelet ===

impl Kubelet {
    pub(crate) fn new(cx: &Context) -> Result<Self> {
        let text = |opt: &Opt| cx.options.text(opt);
        let account = |name: &str| {
            let path = Path::new(SERVICE_ACCOUNT).join(name);
            path.exists().then_some(path)
        };
        let file = |opt: &Opt| Some(text(opt)).filter(|path| !path.is_empty()).map(PathBuf::from);
        let given = match text(&URL) {
            "" => None,
            url => {
                let (place, path) = Place::parse(url).map_err(|what| wrong(&URL, what))?;
                if path != "/metrics" {
                    return Err(wrong(&URL, format!("expected no path, found {path:?}")));
                }
                Some(place)
            }
        };
        Filter::matching(text(&FAMILIES)).map_err(|what| wrong(&FAMILIES, what))?;
        let certificate = match (file(&CERT_FILE), file(&KEY_FILE)) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => {
                let what = format!("expected it together with --{}", KEY_FILE.name);
                return Err(wrong(&CERT_FILE, what));
            }
        };
        let own = text(&CERTIFICATE).trim_start_matches('/');
        let papers = Papers {
            anybody: cx.options.switch(&INSECURE),
            own: (!own.is_empty()).then(|| cx.rootfs.path(own)),
            ca: file(&CA_FILE).or_else(|| account("ca.crt")),
            server_name: None,
            token: file(&TOKEN_FILE).or_else(|| account("token")),
            certificate,
            hint: HINT,
        };
        Ok(Self {
            always: text(&MODE) == "on",
            node: text(&NODE_NAME).to_owned(),
            given,
            families: text(&FAMILIES).to_owned(),
            papers,
            model: cx.shared.get(),
            seen: false,
        })
    }

    /// The kubelet; nothing, and why, where there is none or none that we may ask.
    pub(crate) fn target(&mut self) -> Result<Target, String> {
        if !self.always {
            self.seen |= self.model.units().with_role(Role::Kubelet).next().is_some();
            if self.node.is_empty() && self.given.is_none() && !self.seen {
                return Err("no kubelet: no --node-name, and no unit of one".to_owned());
            }
            if self.papers.token.is_none() && self.papers.certificate.is_none() {
                let what = "a kubelet is here, and there is nothing to show it: give --kubelet.token-file, \
                    or --kubelet.cert-file and --kubelet.key-file";
                return Err(what.to_owned());
            }
        }
        let place = self.given.clone().unwrap_or_else(|| self.place());
        let mut papers = self.papers.clone();
        if !place.secure {
            // A token is not shown to whoever listens on the wire.
            papers = Papers::default();
        } else if place.host == LOOPBACK && !self.node.is_empty() {
            // An authority signs for names and addresses that others know.
            papers.server_name = Some(self.node.clone());
        }
        let page = |path: &str, families: &str| Wanted {
            path: path.to_owned(),
            families: families.to_owned(),
        };
        Ok(Target {
            name: "kubelet".to_owned(),
            place,
            pages: vec![
                page("/metrics", &self.families),
                page("/metrics/probes", PROBES),
                page("/metrics/resource", RESOURCE),
            ],
            papers,
            labels: Vec::new(),
            limits: Limits::default(),
            guessed: false,
        })
    }

    /// Where it is, by what the API server has of the node.
    fn place(&self) -> Place {
        let node = self.model.node();
        let node = node.get();
        let address = node.and_then(|node| node.internal_ips.first());
        let port = node.and_then(|node| node.kubelet_port).filter(|port| *port > 0);
        Place {
            secure: true,
            host: address.map_or_else(|| LOOPBACK.to_owned(), ToString::to_string),
            port: port.unwrap_or(PORT),
        }
    }
}

fn wrong(opt: &Opt, what: String) -> Error {
    Error::Option { option: opt.name.to_owned(), what }
}
