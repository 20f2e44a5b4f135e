//! A bare cluster on loopback: etcd, the API server, the scheduler and the controllers, with kwok to
//! play nodes by the thousand.

use super::{Part, done, folder, programs};
use crate::support::peer;
use std::{fmt::Write as _, path::PathBuf, time::Duration};

/// A ready cluster without a node.
pub(crate) struct Cluster {
    dir: PathBuf,
    kubectl: PathBuf,
    _part: Part,
}

// === impl Cluster ===

impl Cluster {
    /// Starts a cluster and waits until it takes pods.
    pub(crate) fn start() -> Result<Self, String> {
        programs(&["setsid", "setpriv", "openssl"])?;
        let peers = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok"];
        peers.iter().try_for_each(|name| peer(name).map(|_| ()))?;
        let kubectl = peer("kubectl")?;
        let dir = folder("cluster");
        let none: [&str; 0] = [];
        let (part, _url) = Part::start("cluster", &dir, &none, Duration::from_mins(6));
        Ok(Self { dir, kubectl, _part: part })
    }

    /// A kubeconfig of the cluster's administrator.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.dir.join("admin.conf")
    }

    /// Runs kubectl as the administrator; its standard output.
    pub(crate) fn kubectl(&self, args: &[&str], input: &str) -> String {
        let mut all = vec![format!("--kubeconfig={}", self.kubeconfig().display())];
        all.extend(args.iter().map(|arg| (*arg).to_owned()));
        done(300, &self.kubectl, &all, input.as_bytes())
    }

    /// Makes nodes that kwok plays, named `NAME-0`, `NAME-1` and so on.
    pub(crate) fn nodes(&self, name: &str, count: u32) {
        let mut text = String::new();
        for number in 0..count {
            let _written = write!(
                text,
                "---\napiVersion: v1\nkind: Node\nmetadata:\n  name: {name}-{number}\n  \
                 annotations: {{kwok.x-k8s.io/node: fake}}\n"
            );
        }
        self.kubectl(&["create", "-f", "-"], &text);
    }
}
