//! Which mount below the kubelet's directory of pods is which claim's.
//!
//! `…/pods/UID/volumes/PLUGIN/NAME`, with `/mount` behind it for CSI: whatever the kubelet's directory is
//! called. UID is the pod's. NAME is that of the persistent volume, or of the volume in the pod's spec where
//! that has no claim; a pod tells only claims. So what leads from the one to the other is:
//!
//! 1. what a container has where its spec wants the claim, by the container's own `/proc/PID/mountinfo`:
//!    the same device and the same directory of it, or one below where the spec has a `subPath`;
//! 2. that nothing else is left: one claim of the pod, and one mount.
//!
//! What is neither is not known, and never guessed.

use collect::{Root, Text};
use model::{Claims, Pod};
use mounts::Line;
use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    sync::Arc,
};

/// A pod that has claims.
#[derive(Debug)]
pub(super) struct Holder {
    uid: Arc<str>,
    pub(super) namespace: Arc<str>,
    pub(super) name: Arc<str>,
    pub(super) claims: Arc<Claims>,
    /// Names and ids of its containers.
    containers: Vec<(Arc<str>, Arc<str>)>,
}

/// Something that is mounted for a pod.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Volume {
    /// The directory's name.
    name: Box<str>,
    place: Place,
    pub(super) path: Arc<Path>,
    /// Whether it may hang.
    pub(super) remote: bool,
}

/// A directory of a file system: two mounts of it are the same, wherever they are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Place {
    /// The device's number.
    device: Box<str>,
    /// The directory's path from the file system's root, as the kernel escapes it.
    root: Box<str>,
}

/// What containers see.
pub(super) struct Sight<'a> {
    proc: &'a Root,
    /// A process of each container that is of interest.
    processes: HashMap<Arc<str>, String>,
}

/// Plugins whose volumes are of the pod alone.
const OWN: [&str; 6] = [
    "kubernetes.io~configmap",
    "kubernetes.io~downward-api",
    "kubernetes.io~empty-dir",
    "kubernetes.io~git-repo",
    "kubernetes.io~projected",
    "kubernetes.io~secret",
];
/// The plugin with a directory between.
const CSI: &str = "kubernetes.io~csi";

/// Processes that are looked at.
const PROCESSES: usize = 20_000;
/// Ids are longer; a shorter one would be found in other names.
const MIN_ID: usize = 32;

// === impl Holder ===

impl Holder {
    /// The pod, if it has claims.
    pub(super) fn new(uid: &Arc<str>, pod: &Pod) -> Option<Self> {
        let claims = Arc::clone(pod.claims.as_ref()?);
        let containers = pod.containers.iter();
        Some(Self {
            uid: Arc::clone(uid),
            namespace: Arc::clone(&pod.namespace),
            name: Arc::clone(&pod.name),
            claims,
            containers: containers.map(|c| (Arc::clone(&c.name), Arc::clone(&c.id))).collect(),
        })
    }
}

// === impl Volume ===

impl Volume {
    /// The kubelet's directory of pods.
    pub(super) fn pods(&self) -> &Path {
        let mut above = self.path.ancestors();
        let is_pods = |path: &&Path| path.file_name().is_some_and(|name| name == "pods");
        above.find(is_pods).unwrap_or(&self.path)
    }
}

/// What is mounted for each of the pods by a driver, in the table's order.
pub(super) fn volumes(table: &Text<'_>, holders: &[Holder], rootfs: &Root) -> Vec<Vec<Volume>> {
    let by_uid: HashMap<&str, usize> =
        holders.iter().enumerate().map(|(at, holder)| (&*holder.uid, at)).collect();
    let mut all: Vec<Vec<Volume>> = holders.iter().map(|_| Vec::new()).collect();
    for text in table.lines().filter(|line| line.contains("/volumes/")) {
        let Ok(line) = Line::parse(table, text) else { continue };
        let point = line.point(rootfs);
        let Some((uid, name)) = parts(&point) else { continue };
        let Some(at) = by_uid.get(uid) else { continue };
        let (Some(holder), Some(of_pod)) = (holders.get(*at), all.get_mut(*at)) else { continue };
        if holder.claims.inline.iter().any(|inline| **inline == *name) {
            continue;
        }
        // What is mounted over something hides it.
        of_pod.retain(|known| *known.name != *name);
        of_pod.push(Volume {
            name: name.into(),
            place: Place::of(&line),
            path: rootfs.path(&*point).into(),
            remote: line.is_remote(),
        });
    }
    all
}

/// The pod's uid and the volume's name, where a mount point is that of a volume that a driver mounted.
fn parts(point: &str) -> Option<(&str, &str)> {
    match point.strip_suffix("/mount").and_then(directory) {
        Some([uid, CSI, name]) => Some((uid, name)),
        _ => directory(point)
            .filter(|[_, plugin, _]| *plugin != CSI && !OWN.contains(plugin))
            .map(|[uid, _, name]| (uid, name)),
    }
}

/// UID, PLUGIN and NAME of a volume's directory.
fn directory(path: &str) -> Option<[&str; 3]> {
    let mut parts = path.rsplit('/');
    let (name, plugin) = (parts.next()?, parts.next()?);
    let (volumes, uid, pods) = (parts.next()?, parts.next()?, parts.next()?);
    (volumes == "volumes" && pods == "pods").then_some([uid, plugin, name])
}

/// For each claim of the pod, which of what is mounted for it is the claim's; nothing where that is not certain.
pub(super) fn assign(holder: &Holder, mounted: &[Volume], sight: &Sight<'_>) -> Vec<Option<usize>> {
    let claims = &holder.claims.all;
    let mut found: Vec<Option<usize>> = claims.iter().map(|_| None).collect();
    if mounted.is_empty() {
        return found;
    }
    // Places first: two mounts of one place have the same numbers.
    let mut seen: Vec<HashSet<&Place>> = claims.iter().map(|_| HashSet::new()).collect();
    if is_unclear(holder, mounted) {
        for (name, id) in &holder.containers {
            let places = sight.of(id, &wanted(holder, name).map(|(_, path, _)| path).collect());
            for (claim, path, whole) in wanted(holder, name) {
                let Some(place) = places.get(&path) else { continue };
                let same = mounted.iter().map(|volume| &volume.place);
                let same: HashSet<&Place> = same.filter(|own| own.has(place, whole)).collect();
                if let (1, Some(seen)) = (same.len(), seen.get_mut(claim)) {
                    seen.extend(same);
                }
            }
        }
    }
    let mut by_place: HashMap<&Place, Vec<usize>> = HashMap::new();
    let mut certain = true;
    for (claim, places) in seen.iter().enumerate() {
        let mut places = places.iter();
        match (places.next(), places.next()) {
            (Some(place), None) => by_place.entry(place).or_default().push(claim),
            (None, _) => {}
            _ => certain = false,
        }
    }
    for (place, claims) in by_place {
        let all = mounted.iter().enumerate();
        let at: Vec<usize> =
            all.filter(|(_, volume)| volume.place == *place).map(|(at, _)| at).collect();
        if claims.len() > at.len() {
            certain = false;
            continue;
        }
        for (claim, at) in claims.iter().zip(at) {
            found.get_mut(*claim).into_iter().for_each(|slot| *slot = Some(at));
        }
    }
    let used: HashSet<usize> = found.iter().flatten().copied().collect();
    let mut left = (0..mounted.len()).filter(|at| !used.contains(at));
    let mut lacking = found.iter_mut().filter(|slot| slot.is_none());
    if let (true, Some(at), None, Some(slot), None) =
        (certain, left.next(), left.next(), lacking.next(), lacking.next())
    {
        *slot = Some(at);
    }
    found
}

/// Whether the number of claims and mounts alone does not tell which is which.
fn is_unclear(holder: &Holder, mounted: &[Volume]) -> bool {
    !mounted.is_empty() && (holder.claims.all.len() > 1 || mounted.len() > 1)
}

/// Where a container of this name has claims: the claim's number, the path, and whether it is all of it.
fn wanted(holder: &Holder, container: &str) -> impl Iterator<Item = (usize, String, bool)> {
    let claims = holder.claims.all.iter().enumerate();
    claims.flat_map(move |(at, claim)| {
        let mounts = claim.mounts.iter().filter(move |mount| *mount.container == *container);
        mounts.map(move |mount| (at, clean(&mount.path), mount.whole))
    })
}

/// A path as the kernel tells it: from the root, without a slash behind it, without dots.
fn clean(path: &str) -> String {
    let mut clean = PathBuf::from("/");
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                clean.pop();
            }
            part => clean.push(part),
        }
    }
    clean.to_string_lossy().into_owned()
}

// === impl Place ===

impl Place {
    fn of(line: &Line<'_>) -> Self {
        let device = format!("{}:{}", line.major, line.minor).into();
        Self { device, root: line.root.into() }
    }

    /// Whether what a container has is this, or lies below it where that is not `whole`.
    fn has(&self, seen: &Self, whole: bool) -> bool {
        let Some(rest) = seen.root.strip_prefix(self.root.trim_end_matches('/')) else {
            return false;
        };
        let same = self.root == seen.root;
        self.device == seen.device && (same || !whole && rest.starts_with('/'))
    }
}

// === impl Sight ===

impl<'a> Sight<'a> {
    /// Looks for a process of each container by which a pod's claims are told apart.
    pub(super) fn new(proc: &'a Root, holders: &[Holder], mounted: &[Vec<Volume>]) -> Self {
        let all = holders.iter().zip(mounted);
        let several = all.filter(|(holder, mounted)| is_unclear(holder, mounted));
        let containers = several.flat_map(|(holder, _)| {
            let has = |name: &str| wanted(holder, name).next().is_some();
            holder.containers.iter().filter(move |(name, _)| has(name))
        });
        let mut sought: Vec<Arc<str>> =
            containers.map(|(_, id)| Arc::clone(id)).filter(|id| id.len() >= MIN_ID).collect();
        let mut processes = HashMap::new();
        if sought.is_empty() {
            return Self { proc, processes };
        }
        let mut pids = Vec::new();
        // What cannot be listed has no processes.
        let Ok(all) = proc.directory("") else { return Self { proc, processes } };
        let _listed = all.each(|name| {
            if name.bytes().all(|b| b.is_ascii_digit()) && pids.len() < PROCESSES {
                pids.push(name.to_owned());
            }
        });
        let mut buffer = Vec::new();
        for pid in pids {
            if sought.is_empty() {
                break;
            }
            let Ok(groups) = all.read(&format!("{pid}/cgroup"), &mut buffer) else { continue };
            if let Some(at) = sought.iter().position(|id| groups.contains(&**id)) {
                processes.insert(sought.swap_remove(at), pid);
            }
        }
        Self { proc, processes }
    }

    /// What a container has at these paths.
    fn of(&self, container: &str, paths: &HashSet<String>) -> HashMap<String, Place> {
        let mut seen = HashMap::new();
        if paths.is_empty() {
            return seen;
        }
        let Some(pid) = self.processes.get(container) else { return seen };
        let Ok(file) = self.proc.read(format!("{pid}/mountinfo")) else { return seen };
        let (text, root) = (file.text(), Root::new("/"));
        for line in text.lines().filter_map(|line| Line::parse(&text, line).ok()) {
            let point = line.point(&root);
            if paths.contains(&*point) {
                // The last one is on top.
                seen.insert(point.into_owned(), Place::of(&line));
            }
        }
        seen
    }
}
