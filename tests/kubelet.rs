//! Beside a real kubelet: one node with pods of several shapes, for everything that is shown against
//! one. Steps that stop something come last.

mod parity;
mod recorded;
mod upstream;
mod volumes;

use crate::{
    ground::{image::PAUSE, node::Node},
    support::{
        EXPORTER,
        child::wait,
        scrape::{Scrape, Series},
        skip,
    },
};
use std::{collections::BTreeSet, fs, ops::Deref, time::Duration};

const PORT: u16 = 10150;
/// Where the node has the cluster's certificates.
const PKI: &str = "/etc/kubernetes/pki";
/// A guard against what hangs; nothing is proved by it.
const GUARD: Duration = Duration::from_mins(5);

/// A node with its pods and the exporter.
struct Site {
    node: Node,
}

/// A pod's containers are busybox; one that ends once has a folder to remember it by.
const PODS: &str = "
apiVersion: v1
kind: Pod
metadata: {name: plain}
spec:
  containers: [{name: app, image: IMAGE, imagePullPolicy: Never, command: [/bin/busybox, sleep, infinity]}]
---
apiVersion: v1
kind: Pod
metadata: {name: limited}
spec:
  containers:
    - name: web
      image: IMAGE
      imagePullPolicy: Never
      command: [/bin/busybox, httpd, -f, -p, '8080']
      resources: {limits: {cpu: 200m, memory: 64Mi}}
    - name: busy
      image: IMAGE
      imagePullPolicy: Never
      command: [/bin/busybox, sh, -c, 'while :; do :; done']
      resources: {limits: {cpu: 20m}, requests: {cpu: 10m, memory: 16Mi}}
---
apiVersion: v1
kind: Pod
metadata: {name: beside}
spec:
  initContainers:
    - {name: first, image: IMAGE, imagePullPolicy: Never, command: [/bin/busybox, 'true']}
    - {name: sidecar, image: IMAGE, imagePullPolicy: Never, command: [/bin/busybox, sleep, infinity], restartPolicy: Always}
  containers: [{name: app, image: IMAGE, imagePullPolicy: Never, command: [/bin/busybox, sleep, infinity]}]
---
apiVersion: v1
kind: Pod
metadata: {name: hostwide}
spec:
  hostNetwork: true
  containers: [{name: app, image: IMAGE, imagePullPolicy: Never, command: [/bin/busybox, sleep, infinity]}]
---
apiVersion: v1
kind: Pod
metadata: {name: again}
spec:
  containers:
    - name: app
      image: IMAGE
      imagePullPolicy: Never
      command: [/bin/busybox, sh, -c, 'test -e /kept/once && exec /bin/busybox sleep infinity; : >/kept/once; exit 1']
      volumeMounts: [{name: kept, mountPath: /kept}]
  volumes: [{name: kept, emptyDir: {}}]
";

/// One that the kubelet runs from a file.
const FIXED: &str = "
apiVersion: v1
kind: Pod
metadata: {name: fixed, namespace: kube-system}
spec:
  containers: [{name: app, image: IMAGE, imagePullPolicy: Never, command: [/bin/busybox, sleep, infinity]}]
";

const LATE: &str = "
apiVersion: v1
kind: Pod
metadata: {name: late}
spec:
  containers: [{name: app, image: IMAGE, imagePullPolicy: Never, command: [/bin/busybox, sleep, infinity]}]
";

/// Eats more memory than it may, once it is told to, and not again.
const HUNGRY: &str = "
apiVersion: v1
kind: Pod
metadata: {name: hungry}
spec:
  containers:
    - name: app
      image: IMAGE
      imagePullPolicy: Never
      command:
        - /bin/busybox
        - sh
        - -c
        - |
          test -e /kept/once && exec /bin/busybox sleep infinity
          : >/kept/once
          until test -e /told/eat; do /bin/busybox sleep 1; done
          exec /bin/busybox dd if=/dev/zero of=/dev/null bs=256M
      resources: {limits: {memory: 16Mi}}
      volumeMounts: [{name: kept, mountPath: /kept}, {name: told, mountPath: /told}]
  volumes: [{name: kept, emptyDir: {}}, {name: told, hostPath: {path: /run/hungry, type: DirectoryOrCreate}}]
";

// === impl Site ===

impl Site {
    fn start(node: Node) -> Self {
        fs::copy(EXPORTER, node.shared().join("hybrid-exporter")).expect("the program");
        let name = node.name();
        let flags = format!(
            "--kubeconfig=/etc/kubernetes/admin.conf --node-name={name} --containers.sandbox-image={PAUSE} \
             --kubelet.ca-file={PKI}/ca.crt --kubelet.cert-file={PKI}/admin.crt --kubelet.key-file={PKI}/key"
        );
        node.unit("hybrid-exporter", &format!("/shared/hybrid-exporter {flags}"));
        node.write("/etc/kubernetes/manifests/fixed.yaml", &FIXED.replace("IMAGE", PAUSE));
        let site = Self { node };
        site.apply(PODS);
        let all = ["plain", "limited", "beside", "hostwide", "again"];
        let pods: Vec<_> = all.iter().map(|name| format!("pod/{name}")).collect();
        let pods: Vec<_> = pods.iter().map(String::as_str).collect();
        let again = "jsonpath={.status.containerStatuses[0].restartCount}=1";
        site.until(again, &["pod/again"]);
        site.until("condition=Ready", &pods);
        let mirror = format!("pod/fixed-{}", site.name());
        let mirrored = || {
            let names = site.kubectl(&["-n", "kube-system", "get", "pods", "-o", "name"], "");
            names.contains(&mirror).then_some(())
        };
        wait("the mirror of the pod from a file", GUARD, mirrored);
        site.until("condition=Ready", &["-n", "kube-system", &mirror]);
        site
    }

    fn apply(&self, manifests: &str) {
        self.node.apply(&manifests.replace("IMAGE", PAUSE));
    }

    fn until(&self, condition: &str, what: &[&str]) {
        let condition = format!("--for={condition}");
        self.kubectl(&[&["wait", "--timeout=300s", &condition], what].concat(), "");
    }

    /// Our page, by the text format's rules.
    fn ours(&self) -> Scrape {
        let answer = self.get(PORT, "/metrics/cadvisor", &[]);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let page = Scrape::parse(&answer.text());
        assert!(page.faults.is_empty(), "{:#?}", page.faults);
        page
    }

    /// The series of a family that have these labels, among others.
    fn series(page: &Scrape, family: &str, labels: &[(&str, &str)]) -> Vec<(Series, f64)> {
        let has = |series: &Series| {
            labels.iter().all(|(label, value)| self::label(series, label) == *value)
        };
        let all = page.series.iter().filter(|(series, _)| series.0 == family && has(series));
        all.map(|(series, value)| (series.clone(), *value)).collect()
    }

    fn a_new_pod_has_its_names(&self) {
        self.apply(LATE);
        let app = [("namespace", "default"), ("pod", "late"), ("container", "app")];
        wait("the new pod's names", GUARD, || {
            let page = self.ours();
            let named = Self::series(&page, "container_start_time_seconds", &app);
            // Until then it has none, and never another's.
            let of_pod = Self::series(&page, "container_processes", &[("pod", "late")]);
            for (series, _) in &of_pod {
                assert!(["", "app"].contains(&label(series, "container")), "{series:?}");
            }
            (named.len() == 1).then_some(())
        });
    }

    fn a_kill_is_counted_and_outlives_the_container(&self) {
        const FAMILY: &str = "container_oom_events_total";
        self.apply(HUNGRY);
        let app = [("namespace", "default"), ("pod", "hungry"), ("container", "app")];
        let before = wait("the container that will be killed", GUARD, || {
            let all = Self::series(&self.ours(), FAMILY, &app);
            all.into_iter().next()
        });
        assert!(before.1 < 1.0, "{before:?}");
        self.run(120, &["touch", "/run/hungry/eat"]);
        let again = "jsonpath={.status.containerStatuses[0].restartCount}=1";
        self.until(again, &["pod/hungry"]);
        // Why, the kubelet does not always know: here it was the pod's limit, not the container's.
        let code = "jsonpath={.status.containerStatuses[0].lastState.terminated.exitCode}";
        assert_eq!(self.kubectl(&["get", "pod", "hungry", "-o", code], ""), "137");
        self.until("condition=Ready", &["pod/hungry"]);
        // The series that it had goes on, and the one that runs now has its own.
        wait("the kill and the next container", GUARD, || {
            let page = self.ours();
            let alive = Self::series(&page, "container_start_time_seconds", &app);
            let counted = page.series.get(&before.0) == Some(&1.0);
            let other =
                alive.iter().all(|(series, _)| label(series, "id") != label(&before.0, "id"));
            (counted && other && alive.len() == 1).then_some(())
        });
        self.kubectl(&["delete", "pod", "hungry", "--grace-period=1"], "");
        let (pod, _) = label(&before.0, "id").rsplit_once('/').expect("a pod's group");
        wait("nothing of the pod", GUARD, || {
            let of_pod = |series: &Series| {
                label(series, "id").starts_with(pod) || label(series, "pod") == "hungry"
            };
            (!self.ours().series.keys().any(of_pod)).then_some(())
        });
    }

    fn the_kubelet_stops(&self) {
        let who = |page: &Scrape| -> BTreeSet<Series> {
            let all = Self::series(page, "container_start_time_seconds", &[]);
            let all = all.into_iter().map(|(series, _)| series);
            all.filter(|series| label(series, "id").starts_with("/kubepods")).collect()
        };
        let busy = |page: &Scrape| {
            let busy = [("pod", "limited"), ("container", "busy")];
            let all = Self::series(page, "container_cpu_usage_seconds_total", &busy);
            all.first().map(|(_, seconds)| *seconds)
        };
        let before = self.ours();
        assert!(busy(&before).is_some_and(|seconds| seconds > 0.0));
        self.run(120, &["systemctl", "stop", "kubelet"]);
        wait("work of the container that works", GUARD, || {
            let page = self.ours();
            assert_eq!(who(&page), who(&before), "who there is does not change");
            let late = Self::series(&page, "hybrid_scrape_collector_timed_out", &[]);
            assert!(!late.is_empty() && late.iter().all(|(_, late)| *late == 0.0), "{late:?}");
            (busy(&page) > busy(&before)).then_some(())
        });
    }
}

impl Deref for Site {
    type Target = Node;

    fn deref(&self) -> &Node {
        &self.node
    }
}

/// A label's value; empty where there is none.
fn label<'a>(series: &'a Series, name: &str) -> &'a str {
    series.1.iter().find(|(label, _)| label == name).map_or("", |(_, value)| value)
}

#[test]
fn beside_a_kubelet() {
    let node = match Node::start(&[]) {
        Ok(node) => node,
        Err(reason) => return skip("kubelet::beside_a_kubelet", &reason),
    };
    let site = Site::start(node);
    parity::the_page_is_the_kubelets(&site);
    volumes::are_claimed(&site);
    site.a_new_pod_has_its_names();
    site.a_kill_is_counted_and_outlives_the_container();
    upstream::the_kubelet_and_etcd_join(&site);
    let volumes = volumes::the_kubelet_tells(&site);
    volumes::who_may_look(&site, &volumes);
    site.the_kubelet_stops();
    upstream::the_kubelet_is_down(&site);
    volumes::the_file_systems_tell(&site, &volumes);
    volumes::the_kubelet_is_back(&site);
}
