//! Upstreams besides the kubelet: those that the configuration names, and those that are found by what the model
//! knows of this machine's pods and units.
//!
//! | preset | where it is found | families |
//! |---|---|---|
//! | `etcd` | a pod's container `etcd`: `http://127.0.0.1:2381`, as kubeadm has it; `etcd.service`: `http://127.0.0.1:2379` | `etcd_*`, `grpc_server_*` |
//! | `kube-proxy` | a pod's container `kube-proxy`: `http://127.0.0.1:10249` | `kubeproxy_*` |
//! | `containerd` | not: its address is in its own file; `/v1/metrics` | `containerd_*` |
//! | `coredns` | pods with the label `k8s-app: kube-dns` that have an address: their port `metrics` | `coredns_*` |
//! | `crio` | not: it is off unless asked for, and its port 9090 is Prometheus's | `crio_*`, `container_runtime_crio_*` |
//!
//! A node may run two pods of `CoreDNS`: their lines have the labels `namespace` and `pod`, as those of a
//! `ServiceMonitor` do, and the second one is the upstream `coredns-2`.
//!
//! A preset says which families are its own: what every Go program has (`go_*`, `process_*`) is left with it.
//! What was found and has never answered is not spoken of: that a program runs does not say that it tells.

use crate::{
    endpoint::Endpoint,
    target::{Limits, Papers, Place, Target, Wanted},
};
use collect::{Context, Error, Opt, Result};
use model::{ActiveState, Model};
use std::{collections::BTreeSet, net::SocketAddr, sync::Arc};

/// Whether other programs are asked.
pub const MODE: Opt = Opt::text(
    "upstream",
    "auto",
    "Serve what other programs of this machine tell: auto and on those that are configured or found, or off.",
);
const ENDPOINTS: Opt = Opt::list(
    "upstream.endpoints",
    "Programs to ask: NAME=URL, or in the file a mapping with name, preset, url, families, labels, ca-file, \
     cert-file, key-file, token-file, server-name, insecure-skip-verify, timeout, max-bytes, max-samples.",
);
const DISCOVER: Opt = Opt::switch(
    "upstream.discover",
    true,
    "Look for etcd, kube-proxy and CoreDNS among this node's pods and units.",
);

pub(crate) const OPTS: &[Opt] = &[ENDPOINTS, DISCOVER];

/// Upstreams of a process at most.
const MAX_ENDPOINTS: usize = 64;

/// The preset that is found by its pods' addresses, and what these call themselves.
const COREDNS: &str = "coredns";
const DNS: &str = "kube-dns";
/// Pods of it on one node.
const MAX_DNS: usize = 4;

/// What is known of a program.
#[derive(Debug)]
pub(crate) struct Preset {
    pub(crate) name: &'static str,
    /// Where it is unless it is said.
    pub(crate) url: &'static str,
    /// Families that are its own.
    pub(crate) families: &'static str,
    /// The unit that it may be.
    unit: Option<(&'static str, &'static str)>,
    /// Whether a container of this name is it, at `url`.
    container: bool,
}

pub(crate) static PRESETS: [Preset; 5] = [
    Preset { name: "containerd", url: "", families: "^containerd_", unit: None, container: false },
    Preset { name: "coredns", url: "", families: "^coredns_", unit: None, container: false },
    Preset {
        name: "crio",
        url: "http://127.0.0.1:9090/metrics",
        families: "^(crio_|container_runtime_crio_)",
        unit: None,
        container: false,
    },
    Preset {
        name: "etcd",
        url: "http://127.0.0.1:2381/metrics",
        families: "^(etcd_|grpc_server_)",
        unit: Some(("etcd.service", "http://127.0.0.1:2379/metrics")),
        container: true,
    },
    Preset {
        name: "kube-proxy",
        url: "http://127.0.0.1:10249/metrics",
        families: "^kubeproxy_",
        unit: None,
        container: true,
    },
];

pub(crate) struct Found {
    configured: Vec<Target>,
    discover: bool,
    model: Arc<Model>,
}

// === impl Found ===

impl Found {
    pub(crate) fn new(cx: &Context) -> Result<Self> {
        let texts = cx.options.list(&ENDPOINTS);
        let wrong = |what: String| Error::Option { option: ENDPOINTS.name.to_owned(), what };
        if texts.len() > MAX_ENDPOINTS {
            return Err(wrong(format!("expected at most {MAX_ENDPOINTS}, found {}", texts.len())));
        }
        let mut names = BTreeSet::from(["kubelet".to_owned()]);
        let mut configured = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            let target = Endpoint::parse(text).and_then(Endpoint::target).map_err(|what| {
                wrong(format!("endpoint {}: {what}", Endpoint::called(text, index)))
            })?;
            if !names.insert(target.name.clone()) {
                let what = format!("endpoint {}: the name is taken", target.name);
                return Err(wrong(what));
            }
            configured.push(target);
        }
        Ok(Self { configured, discover: cx.options.switch(&DISCOVER), model: cx.shared.get() })
    }

    /// Those that are named, and those that are here besides.
    pub(crate) fn targets(&self) -> Vec<Target> {
        let mut targets = self.configured.clone();
        if self.discover {
            for preset in &PRESETS {
                let named = self.configured.iter().any(|target| target.name == preset.name);
                if named {
                    continue;
                }
                if preset.name == COREDNS {
                    targets.extend(self.dns(preset));
                } else if let Some(url) = self.url(preset) {
                    targets.extend(preset.target(url));
                }
            }
        }
        targets
    }

    /// The pods of the cluster's DNS, in the order of their names.
    fn dns(&self, preset: &Preset) -> Vec<Target> {
        let pods = self.model.pods();
        let mut known: Vec<_> = pods
            .iter()
            .filter(|(_, pod)| pod.app.as_deref() == Some(DNS))
            .filter_map(|(_, pod)| Some((pod, SocketAddr::new(pod.ip?, pod.metrics_port?))))
            .collect();
        known.sort_by(|(a, _), (b, _)| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
        let targets = known.iter().take(MAX_DNS).zip(1..).filter_map(|((pod, address), number)| {
            let mut target = preset.target(&format!("http://{address}/metrics"))?;
            if number > 1 {
                target.name = format!("{}-{number}", preset.name);
            }
            let labels = [("namespace", &pod.namespace), ("pod", &pod.name)];
            target.labels = labels.map(|(name, value)| (name.to_owned(), value.to_string())).into();
            Some(target)
        });
        targets.collect()
    }

    fn url(&self, preset: &Preset) -> Option<&'static str> {
        let pods = self.model.pods();
        let mut containers = pods.iter().flat_map(|(_, pod)| &pod.containers);
        if preset.container && containers.any(|container| *container.name == *preset.name) {
            return Some(preset.url);
        }
        let (unit, url) = preset.unit?;
        let units = self.model.units();
        let runs = units.get(unit).is_some_and(|unit| unit.state == ActiveState::Active);
        runs.then_some(url)
    }
}

// === impl Preset ===

impl Preset {
    fn target(&self, url: &str) -> Option<Target> {
        let (place, path) = Place::parse(url).ok()?;
        Some(Target {
            name: self.name.to_owned(),
            place,
            pages: vec![Wanted { path, families: self.families.to_owned() }],
            papers: Papers::default(),
            labels: Vec::new(),
            limits: Limits::default(),
            guessed: true,
        })
    }
}
