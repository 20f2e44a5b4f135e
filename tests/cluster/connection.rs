//! The connection to a real API server: with the same kubeconfigs we are there who kubectl is; and while
//! connections are cut, a token is replaced and a right is taken away, a watch tells each change once.
#![expect(clippy::disallowed_methods, reason = "the test writes kubeconfigs and tokens")]

use super::relay::Relay;
use crate::{
    ground::{cluster::Cluster, done},
    support::{child::wait, peer, skip},
};
use bytes::Bytes;
use cluster::{
    access::{Access, KUBECONFIG},
    api::Api,
    fault::{Fault, Reason},
    transport::Transport,
    watch::{self, Extent, Request, Sink, Target},
};
use collect::Options;
use http::Method;
use serde_json::Value;
use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};
use tokio::runtime::{Builder, Runtime};

/// The longest that anything here may take on a machine that others use too.
const BOUND: Duration = Duration::from_mins(2);
const JSON: &str = "application/json";
/// Watches that share a connection.
const WATCHES: usize = 30;

const ACCOUNT: &str =
    "{apiVersion: v1, kind: ServiceAccount, metadata: {name: reader, namespace: default}}";
const ROLE: &str = r#"
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: reader}
rules: [{apiGroups: [""], resources: [configmaps], verbs: [get, list, watch]}]
"#;
const BINDING: &str = r"
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: reader}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: reader}
subjects: [{kind: ServiceAccount, name: reader, namespace: default}]
";

/// What a watch told, in order.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Listed,
    /// An object and its number.
    Applied(String, String),
    Deleted(String),
    Failed(Reason),
}

struct Teller(Sender<Told>);

// === impl Teller ===

impl Teller {
    fn tell(&self, told: Told) {
        // Nobody listens any more at the test's end.
        let _told = self.0.send(told);
    }
}

impl Sink for Teller {
    fn list(&mut self) {}

    fn apply(&mut self, object: &[u8]) -> Option<String> {
        let object = json(object);
        let number = text(&object, "/data/number").unwrap_or_default();
        self.tell(Told::Applied(name(&object), number));
        text(&object, "/metadata/resourceVersion")
    }

    fn delete(&mut self, object: &[u8]) -> Option<String> {
        let object = json(object);
        self.tell(Told::Deleted(name(&object)));
        text(&object, "/metadata/resourceVersion")
    }

    fn listed(&mut self) {
        self.tell(Told::Listed);
    }

    fn heard(&mut self, _: tokio::time::Instant) {}

    fn asked(&mut self, _: Request) {}

    fn failed(&mut self, _: Request, fault: &Fault) {
        self.tell(Told::Failed(fault.reason));
    }
}

#[test]
fn who_we_are_and_what_we_are_told() {
    match Cluster::api() {
        Ok(cluster) => {
            cluster.kubectl(&["create", "-f", "-"], ACCOUNT);
            with_the_same_kubeconfigs_we_are_who_kubectl_is(&cluster);
            each_change_is_told_once(&cluster);
        }
        Err(reason) => skip("cluster::connection::who_we_are_and_what_we_are_told", &reason),
    }
}

fn with_the_same_kubeconfigs_we_are_who_kubectl_is(cluster: &Cluster) {
    let kubectl = peer("kubectl").expect("the cluster started with it");
    let token = cluster.kubectl(&["create", "token", "reader"], "");
    let dir = tempfile::tempdir().expect("a temporary directory");
    let put = |name: &str, text: &[u8]| {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().expect("below a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    };
    let home = cluster.kubeconfig().parent().expect("the cluster's folder").to_owned();
    for name in ["ca.crt", "admin.crt", "key"] {
        put(&format!("pki/{name}"), &fs::read(home.join(name)).expect("the cluster's own"));
    }
    put("tokens/reader", token.as_bytes());
    let admin = fs::read_to_string(cluster.kubeconfig()).expect("the administrator's kubeconfig");
    let (_, url) = admin.split_once("server: \"").expect("a server");
    let (url, _) = url.split_once('"').expect("its end");
    let config = |cluster: &str, user: &str| {
        format!(
            "{{current-context: a, contexts: [{{name: a, context: {{cluster: a, user: a}}}}],
              clusters: [{{name: a, cluster: {{server: '{url}', {cluster}}}}}],
              users: [{{name: a, user: {{{user}}}}}]}}"
        )
    };
    let (ca, us) = (
        "certificate-authority: ../pki/ca.crt",
        "client-certificate: ../pki/admin.crt, client-key: ../pki/key",
    );
    put("c/relative", config(ca, us).as_bytes());
    put("c/token", config(ca, "token: wrong, tokenFile: ../tokens/reader").as_bytes());
    put("c/inline", config(ca, &format!("token: '{}'", token.trim())).as_bytes());
    let named = format!("{ca}, tls-server-name: kubernetes.default.svc");
    put("c/named", config(&named, us).as_bytes());
    put("c/anybody", config("insecure-skip-tls-verify: true", us).as_bytes());
    let acting = format!("{us}, as: somebody, as-uid: '7', as-groups: [one, two]");
    put("c/acting", config(ca, &acting).as_bytes());
    put("c/nobody", config(ca, "").as_bytes());
    put("c/stranger", config("certificate-authority: ../pki/admin.crt", us).as_bytes());
    let other = format!("{ca}, tls-server-name: elsewhere");
    put("c/other", config(&other, us).as_bytes());
    // The first of a name counts, and each path is its own file's.
    put("d/first", b"{users: [{name: a, user: {tokenFile: ../tokens/reader}}]}");
    let here = |names: &[&str]| {
        let paths: Vec<_> =
            names.iter().map(|name| dir.path().join(name).display().to_string()).collect();
        paths.join(":")
    };

    let runtime = runtime();
    for (names, known) in [
        (&["c/relative"][..], true),
        (&["c/token"], true),
        (&["c/inline"], true),
        (&["c/named"], true),
        (&["c/anybody"], true),
        (&["c/acting"], true),
        (&["d/first", "missing", "c/relative"], true),
        (&["c/relative", "d/first"], true),
        (&["c/nobody"], false),
        (&["c/stranger"], false),
        (&["c/other"], false),
    ] {
        let paths = here(names);
        let ours = runtime.block_on(whoami(&api(&paths)));
        if !known {
            let fault = ours.expect_err("nobody knows us with these");
            // Without credentials we are somebody all the same: anonymous, without rights.
            let expected = if names == ["c/nobody"] { Reason::Forbidden } else { Reason::Connect };
            assert_eq!(fault.reason, expected, "{names:?}: {fault}");
            continue;
        }
        let variable = format!("KUBECONFIG={paths}");
        let kubectl = kubectl.display().to_string();
        let theirs = done(60, "env", &[&variable, &kubectl, "auth", "whoami", "-o", "json"], b"");
        let ours = ours.unwrap_or_else(|fault| panic!("{names:?}: {fault}"));
        assert_eq!(ours, user(theirs.as_bytes()), "{names:?}");
    }
}

fn each_change_is_told_once(cluster: &Cluster) {
    for text in [ROLE, BINDING] {
        cluster.kubectl(&["create", "-f", "-"], text);
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    let token = dir.path().join("token");
    let new_token = || {
        let text = cluster.kubectl(&["create", "token", "reader"], "");
        fs::write(dir.path().join("new"), text).expect("a token");
        fs::rename(dir.path().join("new"), &token)
            .expect("swapped as a whole, as the kubelet does");
    };
    new_token();
    let admin = api(&cluster.kubeconfig().display().to_string());
    let server = admin.server().expect("a server");
    let relay = Relay::start(server.trim_start_matches("https://"));
    let ca = cluster.kubeconfig().with_file_name("ca.crt");
    let config = dir.path().join("config");
    let text = format!(
        "{{current-context: a, contexts: [{{name: a, context: {{cluster: a, user: a}}}}],
          clusters: [{{name: a, cluster: {{server: 'https://{}', certificate-authority: {}}}}}],
          users: [{{name: a, user: {{tokenFile: token}}}}]}}",
        relay.address(),
        ca.display()
    );
    fs::write(&config, text).expect("a kubeconfig");

    let runtime = runtime();
    let change = |number: u32| {
        let path = "/api/v1/namespaces/default/configmaps/watched";
        let body = Bytes::from(format!("{{\"data\":{{\"number\":\"{number}\"}}}}"));
        let merge = "application/merge-patch+json";
        runtime.block_on(admin.send(Method::PATCH, path, merge, body)).expect("a change");
    };
    cluster.kubectl(&["create", "configmap", "watched", "--from-literal=number=0"], "");
    let told = watch(&config);
    // A connection that was not made in time is made again.
    wait_for(&told, &Told::Listed, |list| {
        let list: Vec<_> = list.iter().filter(|t| !matches!(t, Told::Failed(_))).collect();
        assert_eq!(list, [&applied(0)]);
    });
    // What else is watched goes the same way; where the server took its time there is another.
    assert!((1..4).contains(&relay.open()), "{} connections", relay.open());
    (1..4).for_each(change);
    wait_for(&told, &applied(3), |told| assert_eq!(told, [applied(1), applied(2)]));

    // Cut, while there are changes; and by then we are nobody there any more, and have no rights.
    relay.cut();
    cluster.kubectl(&["delete", "serviceaccount", "reader"], "");
    cluster.kubectl(&["create", "-f", "-"], ACCOUNT);
    cluster.kubectl(&["delete", "clusterrolebinding", "reader"], "");
    (4..7).for_each(change);
    // The server takes a right away when it has heard of it.
    wait("the right to be gone", BOUND, || (!may_read(&runtime, &admin)).then_some(()));
    relay.mend();
    let quiet = |told: &[Told]| {
        let faults = told.iter().all(|told| matches!(told, Told::Failed(_)));
        assert!(faults, "somebody without rights is told {told:?}");
    };
    wait_for(&told, &Told::Failed(Reason::Unauthorized), quiet);
    change(7);
    new_token();
    wait_for(&told, &Told::Failed(Reason::Forbidden), quiet);
    change(8);
    cluster.kubectl(&["create", "-f", "-"], BINDING);
    // Where it was left off: nothing is listed anew, nothing is missing, nothing comes twice.
    wait_for(&told, &applied(8), |told| {
        let told: Vec<_> = told.iter().filter(|t| !matches!(t, Told::Failed(_))).collect();
        assert_eq!(told, [&applied(4), &applied(5), &applied(6), &applied(7)]);
    });
    assert!((1..4).contains(&relay.open()), "{} connections", relay.open());

    // Only the connection is lost.
    relay.cut();
    cluster.kubectl(&["delete", "configmap", "watched"], "");
    relay.mend();
    wait_for(&told, &Told::Deleted("watched".to_owned()), |told| {
        assert!(told.iter().all(|told| matches!(told, Told::Failed(_))), "{told:?}");
    });
}

fn applied(number: u32) -> Told {
    Told::Applied("watched".to_owned(), number.to_string())
}

/// Waits until a watch tells `end`; what it told before goes to `before`.
fn wait_for(told: &Receiver<Told>, end: &Told, before: impl Fn(&[Told])) {
    let (mut all, limit) = (Vec::new(), Instant::now() + BOUND);
    loop {
        let left = limit.saturating_duration_since(Instant::now());
        match told.recv_timeout(left) {
            Ok(told) if told == *end => return before(&all),
            Ok(told) => all.push(told),
            Err(error) => panic!("no {end:?}: {error}, but {all:?}"),
        }
    }
}

/// Watches a `ConfigMap`, besides other watches of the same sort, in a thread that ends with the test.
fn watch(config: &Path) -> Receiver<Told> {
    let api = Arc::new(api(&config.display().to_string()));
    let (sender, told) = channel();
    thread::spawn(move || {
        runtime().block_on(async {
            let target = |fields: &str| Target {
                path: "/api/v1/namespaces/default/configmaps".to_owned(),
                fields: fields.to_owned(),
                extent: Extent::Whole,
            };
            for number in 1..WATCHES {
                let (api, target) = (Arc::clone(&api), target(&format!("metadata.name=n{number}")));
                tokio::spawn(async { watch::run(api, target, &mut Teller(channel().0)).await });
            }
            watch::run(api, target("metadata.name=watched"), &mut Teller(sender)).await;
        });
    });
    told
}

/// Whether the server lets the account watch `ConfigMaps`, by its own word.
fn may_read(runtime: &Runtime, admin: &Api) -> bool {
    let path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
    let body = r#"{"apiVersion":"authorization.k8s.io/v1","kind":"SubjectAccessReview","spec":{
        "user":"system:serviceaccount:default:reader",
        "resourceAttributes":{"namespace":"default","verb":"watch","resource":"configmaps"}}}"#;
    let body = Bytes::from_static(body.as_bytes());
    let answer = runtime.block_on(admin.send(Method::POST, path, JSON, body)).expect("a review");
    json(&answer).pointer("/status/allowed").and_then(Value::as_bool).expect("a word")
}

/// Who the server says that we are.
async fn whoami(api: &Api) -> Result<Value, Fault> {
    let path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    let body = r#"{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}"#;
    let answer = api.send(Method::POST, path, JSON, Bytes::from_static(body.as_bytes())).await?;
    Ok(user(&answer))
}

fn api(paths: &str) -> Api {
    let mut options = Options::default();
    options.set(KUBECONFIG.name, vec![paths.to_owned()]);
    Api::new(Access::find(&options).expect("a kubeconfig is named"))
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn user(review: &[u8]) -> Value {
    json(review).pointer("/status/userInfo").expect("a user").clone()
}

fn name(object: &Value) -> String {
    text(object, "/metadata/name").unwrap_or_default()
}

fn text(object: &Value, pointer: &str) -> Option<String> {
    object.pointer(pointer)?.as_str().map(str::to_owned)
}

fn json(text: &[u8]) -> Value {
    serde_json::from_slice(text).expect("JSON")
}
