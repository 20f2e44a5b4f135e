//! Flags: those of kube-state-metrics under their names, and ours.

use crate::lease::{self, Contest};
use collect::{Context, Error, Opt, Options, Result};

/// Who serves what the cluster is made of.
pub const MODE: Opt = Opt::text(
    "cluster",
    "auto",
    "Serve the cluster's objects as kube-state-metrics does: auto shares them among the exporters of \
     a cluster, always has this one serve all of them, never none.",
);
/// The node that this process runs on.
pub(crate) const NODE_NAME: Opt = Opt::text(
    "node-name",
    "",
    "The name of the node that the exporter runs on; default $NODE_NAME.",
);

pub(crate) const RESOURCES: Opt = Opt::list(
    "resources",
    "Resources to serve, parted by commas; default those of kube-state-metrics.",
);
pub(crate) const NAMESPACES: Opt = Opt::list(
    "namespaces",
    "Namespaces whose objects are served, parted by commas; default all. What lives in no namespace \
     is served all the same.",
);
pub(crate) const NAMESPACES_DENYLIST: Opt =
    Opt::list("namespaces-denylist", "Namespaces whose objects are not served, parted by commas.");
pub(crate) const METRIC_ALLOWLIST: Opt = Opt::list(
    "metric-allowlist",
    "Regular expressions of the families of the cluster's objects that are served, parted by commas; \
     they match anywhere in a name. Not together with the denylist.",
);
pub(crate) const METRIC_DENYLIST: Opt = Opt::list(
    "metric-denylist",
    "Regular expressions of the families of the cluster's objects that are not served.",
);
pub(crate) const METRIC_OPT_IN_LIST: Opt = Opt::list(
    "metric-opt-in-list",
    "Regular expressions of the families that are served only where they are named here.",
);
pub(crate) const METRIC_LABELS_ALLOWLIST: Opt = Opt::text(
    "metric-labels-allowlist",
    "",
    "Labels of objects that kube_*_labels shows: pods=[app,team/*],nodes=[*].",
);
pub(crate) const METRIC_ANNOTATIONS_ALLOWLIST: Opt = Opt::text(
    "metric-annotations-allowlist",
    "",
    "Annotations of objects that kube_*_annotations shows, in the same way.",
);
pub(crate) const PEER_SCHEDULES: Opt = Opt::switch(
    "cluster.peer-schedules",
    false,
    "Read the schedules of CronJobs as kube-state-metrics does, in place of as their controller does.",
);
pub(crate) const SHARD: Opt = Opt::text(
    "shard",
    "0",
    "Which shard of the objects is served, from 0; with --cluster=always and --total-shards.",
);
pub(crate) const TOTAL_SHARDS: Opt = Opt::text(
    "total-shards",
    "1",
    "The number of shards that share the objects, each an exporter with --cluster=always.",
);
pub(crate) const CUSTOM_CONFIG_FILE: Opt = Opt::text(
    "custom-resource-state-config-file",
    "",
    "A file that says which fields of custom resources become families, as kube-state-metrics takes \
     it. It is read again when it changes.",
);
pub(crate) const CUSTOM_CONFIG: Opt = Opt::text(
    "custom-resource-state-config",
    "",
    "The same as YAML in place; it wins over the file.",
);
pub(crate) const CUSTOM_ONLY: Opt = Opt::switch(
    "custom-resource-state-only",
    false,
    "Serve nothing of the cluster but what the configuration of custom resources says.",
);
pub(crate) const CONDITIONS: Opt = Opt::switch(
    "cluster.conditions",
    true,
    "Serve the conditions of every custom resource, whether a configuration names it or not.",
);
pub(crate) const CONDITIONS_MAX: Opt = Opt::text(
    "cluster.conditions-max-objects",
    "10000",
    "Objects of an API group whose conditions are served; those beyond are counted only.",
);
pub(crate) const STALE: Opt = Opt::text(
    "cluster.stale",
    "5m",
    "How long the last known state of a resource is served after the API server was last heard.",
);

pub(crate) const LEASE_NAMESPACE: Opt = Opt::text(
    "cluster.lease-namespace",
    "",
    "The namespace of the Leases that say which exporter serves what belongs to no node; default \
     $POD_NAMESPACE, that of the service account, or default.",
);
pub(crate) const LEASE_NAME: Opt = Opt::text(
    "cluster.lease-name",
    "hybrid-exporter",
    "The name of the leader's Lease; that of the stand-by has -standby behind it.",
);

/// The contest for the lead, by a pod of the namespace `own`.
pub(crate) fn contest(cx: &Context, own: Option<String>) -> Result<Contest> {
    let text = |opt: &Opt| {
        let text = cx.options.text(opt);
        let fits = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
        if text.len() <= 240 && text.bytes().all(fits) {
            return Ok(text.to_owned());
        }
        let what =
            format!("expected a name of lower-case letters, digits, - and ., found {text:?}");
        Err(wrong(opt, what))
    };
    let (namespace, name) = (text(&LEASE_NAMESPACE)?, text(&LEASE_NAME)?);
    if name.is_empty() {
        return Err(wrong(&LEASE_NAME, "expected a name, found none".to_owned()));
    }
    let own = || own.filter(|own| !own.is_empty()).unwrap_or_else(|| "default".to_owned());
    let namespace = if namespace.is_empty() { own() } else { namespace };
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    Ok(Contest { namespace, name, identity: lease::identity(&host), wall: cx.clock })
}

/// The texts of a list, each of which may hold several parted by commas.
pub(crate) fn texts<'o>(options: &'o Options, opt: &Opt) -> impl Iterator<Item = &'o str> {
    let texts = options.list(opt).iter().flat_map(|text| text.split(','));
    texts.map(str::trim).filter(|text| !text.is_empty())
}

pub(crate) fn wrong(opt: &Opt, what: String) -> Error {
    Error::Option { option: opt.name.to_owned(), what }
}
