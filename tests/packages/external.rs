//! The kubeconfig of a host outside of a cluster: the exporter sees Services and their slices with it, and the
//! account may do nothing else.

use crate::{
    ground::{cluster::Cluster, done},
    support::{child, peer, root, scrape::Scrape, skip},
};
use std::{env, fs};

#[test]
fn sees_services_and_no_more() {
    let name = "packages::external::sees_services_and_no_more";
    let started = peer("kubectl").and_then(|kubectl| Ok((kubectl, Cluster::start()?)));
    let (kubectl, cluster) = match started {
        Ok(started) => started,
        Err(reason) => return skip(name, &reason),
    };
    let bin = kubectl.parent().expect("a folder").display().to_string();
    let path = format!("PATH={bin}:{}", env::var("PATH").unwrap_or_default());
    let admin = format!("KUBECONFIG={}", cluster.kubeconfig().display());
    let script = root().join("daemonset/systemd/kubeconfig").display().to_string();
    let make = || done(300, "env", &[&path, &admin, &script, "db1.example.org"], b"");
    let text = make();
    assert_eq!(make(), text, "a second run made another account");

    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("kubeconfig");
    fs::write(&file, text).expect("a file");
    let kubeconfig = format!("--kubeconfig={}", file.display());
    let may = |verb: &str, what: &str| {
        let args =
            [&kubeconfig, "auth", "can-i", "--all-namespaces", verb, what].map(str::to_owned);
        let out = child::run(60, &kubectl, &args, b"");
        match String::from_utf8_lossy(&out.stdout).trim() {
            "yes" => true,
            "no" => false,
            other => panic!("{other:?}: {}", String::from_utf8_lossy(&out.stderr)),
        }
    };
    for resource in ["services", "endpointslices.discovery.k8s.io"] {
        for verb in ["get", "list", "watch"] {
            assert!(may(verb, resource), "may not {verb} {resource}");
        }
        for verb in ["create", "update", "patch", "delete"] {
            assert!(!may(verb, resource), "may {verb} {resource}");
        }
    }
    for resource in
        ["secrets", "configmaps", "pods", "nodes", "endpoints", "leases.coordination.k8s.io"]
    {
        for verb in ["get", "list", "watch"] {
            assert!(!may(verb, resource), "may {verb} {resource}");
        }
    }

    let (_exporter, address) = child::exporter(&[&kubeconfig]);
    child::wait("the cluster's Services", child::READY, || {
        let page = Scrape::parse(&crate::support::client::page(&address, "/metrics"));
        let up = page.value("hybrid_source_up", &[("source", "cluster")]) == Some(1.0);
        up.then_some(())
    });
}
