//! A bare cluster on loopback: etcd, the API server, the scheduler and the controllers, with kwok to
//! play nodes by the thousand; or etcd and the API server alone.

use super::{Part, done, folder, programs, text};
use crate::support::{
    child::{self, wait},
    peer, root,
};
use std::{
    fmt::Write as _,
    path::PathBuf,
    time::{Duration, Instant},
};

/// A ready cluster without a node.
pub(crate) struct Cluster {
    dir: PathBuf,
    kubectl: PathBuf,
    part: Part,
}

// === impl Cluster ===

impl Cluster {
    /// Starts a cluster and waits until it takes pods.
    pub(crate) fn start() -> Result<Self, String> {
        programs(&["setsid", "setpriv", "openssl"])?;
        let peers = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok"];
        Self::with(&peers, &[])
    }

    /// Starts etcd and the API server alone: no object changes by itself there.
    pub(crate) fn api() -> Result<Self, String> {
        programs(&["setsid", "setpriv", "openssl", "python3"])?;
        Self::with(&["etcd", "kube-apiserver"], &["api"])
    }

    fn with(peers: &[&str], args: &[&str]) -> Result<Self, String> {
        peers.iter().try_for_each(|name| peer(name).map(|_| ()))?;
        let kubectl = peer("kubectl")?;
        let dir = folder("cluster");
        let (part, _url) = Part::start("cluster", &dir, args, Duration::from_mins(6));
        Ok(Self { dir, kubectl, part })
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

    /// Waits until a resource that was defined is served and discovered: that comes after it is established.
    pub(crate) fn serves(&self, resource: &str) {
        let config = format!("--kubeconfig={}", self.kubeconfig().display());
        let args = [&config, "get", resource, "--all-namespaces"];
        wait(resource, Duration::from_mins(3), || {
            child::run(60, &self.kubectl, &args, b"").status.success().then_some(())
        });
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

    /// Where etcd is.
    pub(crate) fn etcd(&self) -> String {
        text(self.dir.join("etcd.url")).trim().to_owned()
    }

    /// Runs `tests/ground/pods.py` on this cluster's etcd.
    pub(crate) fn pods(&self, what: &str, args: &[&str]) {
        let script = root().join("tests/ground/pods.py").to_string_lossy().into_owned();
        let etcd = self.etcd();
        let all = [&[script.as_str(), what, &etcd], args].concat();
        done(300, "python3", &all, b"");
    }

    /// Kills a part such as `kube-apiserver`.
    pub(crate) fn kill(&mut self, name: &str) {
        self.part.tell(&format!("KILL {name}"));
        let pid = text(self.dir.join(name).with_extension("pid"));
        let gone = || (!PathBuf::from("/proc").join(pid.trim()).exists()).then_some(());
        wait(&format!("{name} to end"), Duration::from_mins(1), gone);
    }

    /// Sends a part a signal such as `STOP` or `CONT`.
    pub(crate) fn signal(&mut self, signal: &str, name: &str) {
        self.part.tell(&format!("{signal} {name}"));
    }

    /// Starts a part again that was killed; it gets ready later.
    pub(crate) fn restart(&mut self, name: &str) {
        self.part.tell(&format!("start {name}"));
    }

    /// Waits until the API server serves; a moment at which it did not yet.
    pub(crate) fn ready(&self) -> Instant {
        let config = format!("--kubeconfig={}", self.kubeconfig().display());
        let args = [&config, "--request-timeout=10s", "get", "--raw", "/readyz"];
        wait("the API server", Duration::from_mins(3), || {
            let before = Instant::now();
            child::run(60, &self.kubectl, &args, b"").status.success().then_some(before)
        })
    }
}
