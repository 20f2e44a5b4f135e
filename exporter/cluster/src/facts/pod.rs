//! This node's pods: names, the ids of their containers, where their own metrics are, and their claims.

mod claims;

use super::Table;
use model::{Container, ContainerKind, Model, Pod, Pods};
use serde::Deserialize;
use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{Arc, RwLockWriteGuard},
};

/// On the mirror of a pod that the kubelet read from a file: the uid under which that runs.
const CONFIG_HASH: &str = "kubernetes.io/config.hash";

/// How a port is called that has metrics.
const METRICS_PORT: &str = "metrics";

#[derive(Deserialize)]
struct Object<'a> {
    #[serde(borrow)]
    metadata: Metadata<'a>,
    #[serde(borrow, default)]
    spec: Option<Spec<'a>>,
    #[serde(borrow, default)]
    status: Option<Status<'a>>,
}

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(borrow)]
    uid: Cow<'a, str>,
    #[serde(borrow)]
    namespace: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    annotations: Option<HashMap<Cow<'a, str>, Cow<'a, str>>>,
    #[serde(borrow, default)]
    labels: Option<Labels<'a>>,
}

/// The one label that is read.
#[derive(Deserialize)]
struct Labels<'a> {
    #[serde(rename = "k8s-app", borrow, default)]
    app: Option<Cow<'a, str>>,
}

#[derive(Default, Deserialize)]
struct Spec<'a> {
    #[serde(borrow, default)]
    containers: Option<Vec<ContainerSpec<'a>>>,
    /// Whether there are claims among its volumes.
    #[serde(default)]
    volumes: claims::Any,
}

#[derive(Deserialize)]
struct ContainerSpec<'a> {
    #[serde(borrow, default)]
    ports: Option<Vec<Port<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Port<'a> {
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    container_port: u16,
}

#[derive(Default, Deserialize)]
struct Status<'a> {
    #[serde(rename = "podIP", borrow, default)]
    ip: Option<Cow<'a, str>>,
    #[serde(rename = "containerStatuses", borrow, default)]
    normal: Option<Vec<ContainerStatus<'a>>>,
    #[serde(rename = "initContainerStatuses", borrow, default)]
    init: Option<Vec<ContainerStatus<'a>>>,
    #[serde(rename = "ephemeralContainerStatuses", borrow, default)]
    ephemeral: Option<Vec<ContainerStatus<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ContainerStatus<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    image: Cow<'a, str>,
    #[serde(rename = "containerID", borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    last_state: Option<LastState<'a>>,
}

#[derive(Deserialize)]
struct LastState<'a> {
    #[serde(borrow, default)]
    terminated: Option<Terminated<'a>>,
}

#[derive(Deserialize)]
struct Terminated<'a> {
    #[serde(rename = "containerID", borrow, default)]
    id: Option<Cow<'a, str>>,
}

impl Table for Pods {
    type Fact = Pod;

    fn of(model: &Model) -> RwLockWriteGuard<'_, Self> {
        model.pods_mut()
    }

    fn read(json: &[u8]) -> serde_json::Result<(Arc<str>, Pod)> {
        let object: Object<'_> = serde_json::from_slice(json)?;
        let (uid, mut pod) = pod(&object);
        // Few pods have any, so that all others need not be looked through for where they are mounted.
        if object.spec.is_some_and(|spec| spec.volumes.claimed) {
            pod.claims = claims::read(json, &pod.name)?;
        }
        Ok((uid, pod))
    }

    super::forwards!(Pod);
}

fn pod(object: &Object<'_>) -> (Arc<str>, Pod) {
    let Object { metadata, spec, status } = object;
    let none = Status::default();
    let status = status.as_ref().unwrap_or(&none);
    let containers = [
        (&status.normal, ContainerKind::Normal),
        (&status.init, ContainerKind::Init),
        (&status.ephemeral, ContainerKind::Ephemeral),
    ];
    let made = |(statuses, kind): (&Option<Vec<ContainerStatus<'_>>>, ContainerKind)| {
        let made = |status: &ContainerStatus<'_>| container(status, kind);
        statuses.iter().flatten().filter_map(made).collect::<Vec<_>>()
    };
    let specs = spec.iter().flat_map(|spec| &spec.containers).flatten();
    let mut ports = specs.flat_map(|container| &container.ports).flatten();
    let metrics = ports.find(|port| port.name.as_deref() == Some(METRICS_PORT));
    let labels = metadata.labels.as_ref();
    let pod = Pod {
        app: labels.and_then(|labels| Some((&**labels.app.as_ref()?).into())),
        ip: status.ip.as_ref().and_then(|ip| ip.parse().ok()),
        metrics_port: metrics.map(|port| port.container_port),
        namespace: (&*metadata.namespace).into(),
        name: (&*metadata.name).into(),
        config_hash: metadata
            .annotations
            .as_ref()
            .and_then(|annotations| annotations.get(CONFIG_HASH))
            .map(|hash| (&**hash).into()),
        containers: containers.into_iter().flat_map(made).collect(),
        claims: None,
    };
    ((&*metadata.uid).into(), pod)
}

/// A container; none where it has not been made yet.
fn container(status: &ContainerStatus<'_>, kind: ContainerKind) -> Option<Container> {
    let previous = status.last_state.as_ref().and_then(|state| state.terminated.as_ref());
    Some(Container {
        id: id(status.id.as_deref())?,
        previous: previous.and_then(|terminated| id(terminated.id.as_deref())),
        name: (&*status.name).into(),
        image: (&*status.image).into(),
        kind,
    })
}

/// The runtime's id, of `containerd://ID`.
fn id(text: Option<&str>) -> Option<Arc<str>> {
    let text = text?;
    let id = text.split_once("://").map_or(text, |(_, id)| id);
    (!id.is_empty()).then(|| id.into())
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Tell as _, Teller},
        *,
    };

    fn json(uid: &str, id: &str, previous: &str) -> String {
        format!(
            r#"{{"metadata":{{"uid":"{uid}","namespace":"shop","name":"web","annotations":{{
            "kubernetes.io/config.hash":"{uid}-hash","other":"x"}}}},"status":{{
            "containerStatuses":[{{"name":"app","image":"web:1","containerID":"{id}",
              "lastState":{{"terminated":{{"containerID":"{previous}"}}}}}},{{"name":"later"}}],
            "initContainerStatuses":[{{"name":"first","containerID":"cri-o://{uid}-i","lastState":{{}}}}],
            "ephemeralContainerStatuses":null}}}}"#
        )
    }

    fn name(model: &Model, id: &str) -> Option<(String, String, ContainerKind)> {
        let pods = model.pods();
        let (pod, container) = pods.of_container(id)?;
        Some((pod.name.to_string(), container.name.to_string(), container.kind))
    }

    #[test]
    fn containers_lead_to_their_pods() {
        let model = Arc::new(Model::default());
        let mut pods = Teller::<Pods>::new(Arc::clone(&model));
        pods.list();
        pods.apply(json("a", "containerd://1", "containerd://0").as_bytes()).unwrap();
        assert!(!model.pods().is_told() && name(&model, "1").is_none(), "half of a list is none");
        pods.listed();
        let app = Some(("web".to_owned(), "app".to_owned(), ContainerKind::Normal));
        assert_eq!([name(&model, "1"), name(&model, "0")], [app.clone(), app]);
        assert_eq!(name(&model, "a-i").unwrap().2, ContainerKind::Init);
        assert_eq!(name(&model, ""), None);
        assert!(model.pods().of_group("a-hash").is_some());
        pods.apply(json("b", "docker://2", "").as_bytes()).unwrap();
        assert!(name(&model, "2").is_some());
        pods.delete("b");
        assert!(name(&model, "2").is_none() && name(&model, "1").is_some());
        assert!(pods.apply(b"{}").is_err());
        pods.apply(br#"{"metadata":{"uid":"c","namespace":"x","name":"y"}}"#).unwrap();
        assert_eq!(model.pods().len(), 2);
    }

    #[test]
    fn where_a_pod_has_metrics() {
        let model = Arc::new(Model::default());
        let mut pods = Teller::<Pods>::new(Arc::clone(&model));
        pods.list();
        let dns = r#"{"metadata":{"uid":"a","namespace":"kube-system","name":"dns","labels":{
            "k8s-app":"kube-dns","pod-template-hash":"x"}},"spec":{"containers":[{"name":"none"},
            {"name":"coredns","ports":[{"name":"dns","containerPort":53,"protocol":"UDP"},
            {"containerPort":8080},{"name":"metrics","containerPort":9153}]}]},
            "status":{"podIP":"10.244.0.7"}}"#;
        let bare = r#"{"metadata":{"uid":"b","namespace":"x","name":"y","labels":{}},"spec":{
            "containers":null},"status":{"podIP":""}}"#;
        for json in [dns, bare] {
            pods.apply(json.as_bytes()).unwrap();
        }
        pods.listed();
        let pods = model.pods();
        let known = |uid| {
            let pod = pods.get(uid).unwrap();
            (pod.app.as_deref(), pod.ip.map(|ip| ip.to_string()), pod.metrics_port)
        };
        assert_eq!(known("a"), (Some("kube-dns"), Some("10.244.0.7".to_owned()), Some(9153)));
        assert_eq!(known("b"), (None, None, None));
    }

    #[test]
    fn lists_of_two_watches_do_not_undo_each_other() {
        let model = Arc::new(Model::default());
        let (mut one, mut two) =
            (Teller::<Pods>::new(Arc::clone(&model)), Teller::<Pods>::new(Arc::clone(&model)));
        for (pods, uid) in [(&mut one, "a"), (&mut two, "b")] {
            pods.list();
            pods.apply(json(uid, &format!("x://{uid}1"), "").as_bytes()).unwrap();
            pods.listed();
        }
        assert!(name(&model, "a1").is_some() && name(&model, "b1").is_some());
        // The next list of one has its pod no more; one that broke in the middle had told nothing.
        one.list();
        one.apply(json("c", "x://c1", "").as_bytes()).unwrap();
        one.list();
        one.listed();
        assert!(name(&model, "a1").is_none() && name(&model, "c1").is_none());
        assert!(name(&model, "b1").is_some());
        // A watch that has ended tells nothing, and the last one took all knowledge with it.
        drop(one);
        assert!(name(&model, "c1").is_none() && model.pods().is_told());
        drop(two);
        assert!(!model.pods().is_told() && model.pods().is_empty());
    }
}
