//! Families that many resources have, from `metadata` alone.

use crate::{
    label,
    rendered::Rows,
    resource::{Declared, Kind, Metric, Object, alpha, stable},
    wire::{Map, Text},
};

/// `*_info` without labels of its own: the object is there.
pub(crate) const fn info<K: Kind>(name: &'static str) -> Metric<K> {
    stable(name, "1 for each object that there is.", &[], |_, rows| rows.info(&[]))
}

/// `*_created`: when the object was created, in seconds of the Unix epoch.
pub(crate) const fn created<K: Kind>(name: &'static str) -> Metric<K> {
    stable(name, "When the object was created, in seconds since 1970.", &[], |object, rows| {
        rows.time(object.metadata().creation_timestamp);
    })
}

/// `*_deletion_timestamp`: when the object goes, once it was asked to.
pub(crate) const fn deletion_timestamp<K: Kind>(name: &'static str) -> Metric<K> {
    let help =
        "When the object is to be gone, in seconds since 1970, once its deletion was asked for.";
    alpha(name, help, &[], |object, rows| rows.time(object.metadata().deletion_timestamp))
}

/// `*_metadata_generation`: how often the desired state was changed.
pub(crate) const fn generation<K: Kind>(name: &'static str) -> Metric<K> {
    let help = "Number of the object's desired state; each change of it counts on.";
    stable(name, help, &[], |object, rows| rows.value(object.metadata().generation))
}

/// `*_metadata_resource_version`: the object's state as a number.
pub(crate) const fn resource_version<K: Kind>(name: &'static str) -> Metric<K> {
    let help = "Number of the object's state in the API server's storage.";
    alpha(name, help, &[], |object, rows| {
        rows.maybe(object.metadata().resource_version.parse::<u64>().ok());
    })
}

/// `*_labels`: the labels that the allowlist names.
pub(crate) const fn labels<K: Kind>(name: &'static str) -> Metric<K> {
    let help = "Kubernetes labels as labels, those that --metric-labels-allowlist names.";
    stable(name, help, &["label_*"], |object, rows| {
        if let Some(allowed) = rows.options().labels() {
            let kept = object.metadata().labels.iter().filter(|(key, _)| allowed.has(key));
            converted("label", &kept.collect::<Vec<_>>(), rows);
        }
    })
}

/// `*_annotations`: the annotations that the allowlist names.
pub(crate) const fn annotations<K: Kind>(name: &'static str) -> Metric<K> {
    let help = "Kubernetes annotations as labels, those that --metric-annotations-allowlist names.";
    alpha(name, help, &["annotation_*"], |object, rows| {
        if let Some(allowed) = rows.options().annotations() {
            let kept = object.metadata().annotations.iter().filter(|(key, _)| allowed.has(key));
            converted("annotation", &kept.collect::<Vec<_>>(), rows);
        }
    })
}

/// `*_owner`: one sample an owner, or one with empty labels where nothing owns the object.
pub(crate) const fn owner<K: Kind>(name: &'static str) -> Metric<K> {
    let labels = &["owner_kind", "owner_name", "owner_is_controller"];
    stable(name, "What owns the object, and whether it controls it.", labels, |object, rows| {
        let owners = &object.metadata().owner_references;
        if owners.is_empty() {
            rows.info(&["", "", ""]);
        }
        for owner in owners {
            let controls = if owner.controller == Some(true) { "true" } else { "false" };
            rows.info(&[&owner.kind, &owner.name, controls]);
        }
    })
}

/// A map, all of it, as the labels of one sample.
pub(crate) fn map(prefix: &str, map: &Map<'_, Text<'_>>, rows: &mut Rows<'_>) {
    converted(prefix, &map.iter().collect::<Vec<_>>(), rows);
}

fn converted(prefix: &str, entries: &[(&str, &Text<'_>)], rows: &mut Rows<'_>) {
    let names = label::names(prefix, entries.iter().map(|(key, _)| *key));
    let values = entries.iter().map(|(_, value)| &***value);
    rows.labelled(names.iter().map(String::as_str).zip(values), 1u8);
}

impl<K: Kind> Metric<K> {
    /// The shared family as one that kube-state-metrics calls alpha here.
    pub(crate) const fn alpha(self) -> Self {
        let declared = Declared { stability: crate::Stability::Alpha, ..self.declared };
        Self { declared, write: self.write }
    }

    /// The shared family as one that kube-state-metrics calls stable here.
    pub(crate) const fn stable(self) -> Self {
        let declared = Declared { stability: crate::Stability::Stable, ..self.declared };
        Self { declared, write: self.write }
    }
}
