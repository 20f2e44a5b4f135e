//! Whose a group is, as labels: rendered once, for every family writes them.
//!
//! All six are there for every group; what is not known or has no such thing is empty, as cAdvisor
//! has it. Names come from the model: a container's by its id, a pod's by the uid in the path.
//!
//! A container of a pod that the pod does not know is either too new for the pod's status, or what
//! holds the pod's namespaces. Its command tells: it is `pause` nearly everywhere, `pod` on `OpenShift`.

use crate::{group::Group, names::Place, process::Processes};
use exposition::{Stretch, escape_label};
use model::{Container, Pod, Pods};
use std::sync::Arc;

/// A group's labels, as they stand in a line.
#[derive(Debug, Default)]
pub(crate) struct Labels {
    /// In four runs, behind each of which a line may have labels of its own: `container="…"`;
    /// `,id="…",image="…"`; `,name="…",namespace="…"`; `,pod="…"`.
    pub(crate) text: Stretch,
    /// The revision of the pods that they are from.
    revision: Option<u64>,
}

/// Who a group is.
#[derive(Debug, Default)]
struct Identity<'a> {
    container: &'a str,
    image: &'a str,
    name: &'a str,
    namespace: &'a str,
    pod: &'a str,
}

/// Commands that hold a pod's namespaces and do nothing.
const SANDBOXES: [&str; 2] = ["pause", "pod"];

// === impl Labels ===

impl Labels {
    /// Whether they are those of this revision.
    pub(crate) fn are_of(&self, revision: u64) -> bool {
        self.revision == Some(revision)
    }
}

/// Names a group, by what the model knows now.
pub(crate) fn name(group: &mut Group, pods: &Pods, processes: &mut Processes, sandbox_image: &str) {
    let mut identity = Identity::default();
    let (mut sandbox, mut known) = (false, true);
    let pod = group.pod.as_deref().and_then(|uid| pods.of_group(uid));
    if let Some(pod) = pod {
        (identity.namespace, identity.pod) = (&pod.namespace, &pod.name);
    }
    if let Place::Container(id, _) = &group.place {
        identity.name = id;
        if let Some((pod, container)) = pods.of_container(id) {
            (identity.namespace, identity.pod) = (&pod.namespace, &pod.name);
            (identity.container, identity.image) = (&container.name, &container.image);
        } else if group.pod.is_some() {
            let command = group.first().and_then(|pid| processes.command(pid));
            sandbox = command.is_some_and(|command| SANDBOXES.contains(&command));
            known = sandbox;
            if sandbox {
                identity.image = sandbox_image;
            }
        }
    }
    let mut labels = identity.labels(group.id(), group.pod.as_deref());
    // What is not known yet is asked again at the next scrape.
    labels.revision = known.then(|| pods.revision());
    (group.labels, group.sandbox) = (Arc::new(labels), sandbox);
}

/// The labels of a container whose group is gone.
pub(crate) fn of_container(
    path: &str,
    uid: &str,
    id: &str,
    pod: &Pod,
    container: &Container,
) -> Labels {
    let identity = Identity {
        container: &container.name,
        image: &container.image,
        name: id,
        namespace: &pod.namespace,
        pod: &pod.name,
    };
    identity.labels(path, Some(uid))
}

impl Identity<'_> {
    /// The labels of the group with this path, in whose name this pod's uid is.
    fn labels(&self, path: &str, uid: Option<&str>) -> Labels {
        // What a pod's groups have in common, and what those of all pods have, is a part by itself.
        let (above, pod, own) = uid.and_then(|uid| around(path, uid)).unwrap_or_else(|| {
            let (above, own) =
                path.split_at_checked(path.rfind('/').unwrap_or(0) + 1).unwrap_or(("", path));
            (above, "", own)
        });
        let (before, id, after) = around(own, self.name).unwrap_or((own, "", ""));
        let text = Stretch::new([
            &[&*format!("container=\"{}\"", escaped(self.container))][..],
            &[
                &*format!(",id=\"{}", escaped(above)),
                pod,
                &escaped(before),
                id,
                &format!("{}\",image=\"", escaped(after)),
                &format!("{}\"", escaped(self.image)),
            ],
            &[
                ",name=\"",
                &escaped(self.name),
                &format!("\",namespace=\"{}\"", escaped(self.namespace)),
            ],
            &[&*format!(",pod=\"{}\"", escaped(self.pod))],
        ]);
        Labels { text, revision: None }
    }
}

/// What stands before `name` in `path`, the name as it stands there, and what stands behind it. systemd's
/// slices have underscores where a pod's uid has dashes.
fn around<'a>(path: &'a str, name: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let at = path.rfind(name).or_else(|| path.rfind(&name.replace('-', "_")))?;
    let (before, rest) = path.split_at_checked(at)?;
    let (name, after) = rest.split_at_checked(name.len()).filter(|(name, _)| !name.is_empty())?;
    Some((before, name, after))
}

fn escaped(value: &str) -> String {
    let mut out = Vec::new();
    escape_label(&mut out, value);
    String::from_utf8_lossy(&out).into_owned()
}
