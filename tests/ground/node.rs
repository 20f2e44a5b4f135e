//! A node: a host that runs a real single-node Kubernetes 1.36 with containerd and kubelet.

use super::{done, host::Host, image, programs};
use crate::support::{cache, peer, root};
use std::{fs::File, ops::Deref, path::PathBuf, time::Duration};

/// What a node runs, besides the distribution's own.
const PEERS: [&str; 13] = [
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kubectl",
    "containerd",
    "containerd-shim-runc-v2",
    "ctr",
    "bridge",
    "loopback",
    "host-local",
    "portmap",
];

/// A ready node; also the host that it runs on.
pub(crate) struct Node {
    host: Host,
    kubectl: PathBuf,
    /// Two nodes at a time would be too much for two processors.
    _only: File,
}

// === impl Node ===

impl Node {
    /// Why this machine cannot run a node.
    pub(crate) fn possible() -> Result<(), String> {
        Host::possible()?;
        programs(&["runc", "openssl", "busybox", "iptables"])?;
        PEERS.iter().try_for_each(|name| peer(name).map(|_| ()))
    }

    /// Boots a node whose containerd has these images (archives) and waits until it is ready. One
    /// node runs at a time on a machine: the next waits here.
    pub(crate) fn start(images: &[PathBuf]) -> Result<Self, String> {
        Self::possible()?;
        let lock = cache().expect("a cache folder").join("node.lock");
        let only = File::create(lock).expect("the cache folder takes a file");
        only.lock().expect("a lock");
        let host = Host::boot("node");
        let pause = image::pause(&host.shared())?;
        let mut args = vec![host.dir().to_path_buf(), pause];
        args.extend_from_slice(images);
        done(900, root().join("tests/ground/node"), &args, b"");
        Ok(Self { host, kubectl: peer("kubectl")?, _only: only })
    }

    /// A kubeconfig of the cluster's administrator, good in the host's network.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.host.shared().join("admin.conf")
    }

    /// Runs kubectl as the administrator; its standard output.
    pub(crate) fn kubectl(&self, args: &[&str], input: &str) -> String {
        let mut all = self.host.in_network();
        all.push(self.kubectl.display().to_string());
        all.push(format!("--kubeconfig={}", self.kubeconfig().display()));
        all.extend(args.iter().map(|arg| (*arg).to_owned()));
        let (program, args) = all.split_first().expect("a command");
        done(420, program, args, input.as_bytes())
    }

    /// What the kubelet answers, asked through the API server, which has a certificate for it. Who asks
    /// it directly finds it at `10.10.0.1:10250` of the host's network; in the host's
    /// `/etc/kubernetes/pki` are `ca.crt`, which signed its certificate, and `admin.crt` and `key` of
    /// somebody who may ask.
    pub(crate) fn kubelet(&self, path: &str) -> String {
        let path = format!("/api/v1/nodes/{}/proxy{path}", self.host.name());
        self.kubectl(&["get", "--raw", &path], "")
    }

    /// Applies manifests.
    pub(crate) fn apply(&self, manifests: &str) {
        self.kubectl(&["apply", "-f", "-"], manifests);
    }

    /// Waits until a rollout is done.
    pub(crate) fn rolled_out(&self, namespace: &str, what: &str, bound: Duration) {
        let bound = format!("--timeout={}s", bound.as_secs());
        self.kubectl(&["-n", namespace, "rollout", "status", what, &bound], "");
    }
}

impl Deref for Node {
    type Target = Host;

    fn deref(&self) -> &Host {
        &self.host
    }
}
