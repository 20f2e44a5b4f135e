//! Accounts of a cluster as a real API server knows them: `--web.kubernetes-auth`.

use crate::{
    ground::cluster::Cluster,
    support::{
        child::{exporter, wait},
        client, skip,
    },
};
use std::time::Duration;

const NAME: &str = "web::accounts::whoever_may_get_the_path_gets_it";
/// One account may get metrics, the other nothing.
const ACCOUNTS: &str = "
{apiVersion: v1, kind: ServiceAccount, metadata: {name: reader, namespace: default}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: stranger, namespace: default}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: reader}
rules: [{nonResourceURLs: [/metrics], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: reader}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: reader}
subjects: [{kind: ServiceAccount, name: reader, namespace: default}]
";

#[test]
fn whoever_may_get_the_path_gets_it() {
    let mut cluster = match Cluster::api() {
        Ok(cluster) => cluster,
        Err(reason) => return skip(NAME, &reason),
    };
    cluster.kubectl(&["create", "-f", "-"], ACCOUNTS);
    let token = |name: &str| {
        let token = cluster.kubectl(&["create", "token", name], "");
        format!("Bearer {}", token.trim())
    };
    let (reader, stranger) = (token("reader"), token("stranger"));
    let (mut ours, address) = exporter(&[
        "--web.kubernetes-auth",
        "--web.unauthenticated-health",
        "--cluster=never",
        "--collector.disable-defaults",
        "--collector.loadavg",
        &format!("--kubeconfig={}", cluster.kubeconfig().display()),
    ]);
    let get = |path: &str, token: &str| {
        client::get(&address, path, &[("Authorization", token), ("Connection", "close")])
    };
    let answer = client::get(&address, "/metrics", &[]);
    assert_eq!((answer.status, answer.header("www-authenticate")), (401, "Bearer"));
    assert_eq!(client::get(&address, "/-/healthy", &[]).status, 200);
    assert_eq!(get("/metrics", "Bearer nobody's").status, 401);
    assert_eq!(get("/metrics", "Basic YTpi").status, 401, "a password where there are none");
    assert_eq!(get("/metrics", &stranger).status, 403);
    let answer = get("/metrics", &reader);
    assert!(answer.status == 200 && answer.text().contains("\nnode_load1 "), "{}", answer.status);
    // Only what the role names.
    assert_eq!(get("/", &reader).status, 403);
    assert_eq!(get("/metrics/node", &reader).status, 403);

    assert!(
        get("/metrics", &reader).text().contains("\nhybrid_http_requests_total{code=\"403\"} 3\n")
    );

    // Who was let in is, while nobody can be asked; who was not is not.
    cluster.kill("kube-apiserver");
    assert_eq!(get("/metrics", &reader).status, 200);
    wait("the stranger's verdict to be too old", Duration::from_mins(2), || {
        (get("/metrics", &stranger).status == 503).then_some(())
    });
    assert_eq!(get("/metrics", &reader).status, 200);
    let said = ours.log().matches("does not say who may ask").count();
    assert_eq!(said, 1, "told once");
    cluster.restart("kube-apiserver");
    cluster.ready();
    wait("the stranger to be known again", Duration::from_mins(2), || {
        (get("/metrics", &stranger).status == 403).then_some(())
    });
}
