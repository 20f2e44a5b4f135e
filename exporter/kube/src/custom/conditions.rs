//! What any custom resource tells of itself: the conditions of its status, and how far its controller
//! is behind.
//!
//! A condition gives one sample, with the status that holds: `status!="true"` finds what is wrong, and
//! there is a third of the series that one for each status would be.

use super::{path::Path, resource::Served, value::Value, wanted::Wanted};
use crate::{ObjectKey, Rendered};
use exposition::Family;

/// The families that need no configuration, in the order in which they are written.
pub static FAMILIES: [Family; 2] = [
    Family::gauge(
        "hybrid_custom_resource_condition",
        "1 for each condition that a custom resource reports, with the status that holds: true, \
         false, unknown, or other for any other word.",
        &["group", "version", "kind", "namespace", "name", "condition", "status"],
    ),
    Family::gauge(
        "hybrid_custom_resource_generation_lag",
        "How many changes of its desired state the custom resource's controller has not seen: \
         metadata.generation less status.observedGeneration.",
        &["group", "version", "kind", "namespace", "name"],
    ),
];

/// Conditions of one object; more are left out.
const MAX_CONDITIONS: usize = 32;

/// Tells what of an object is read.
pub(super) fn wants(wanted: &mut Wanted) {
    wanted.add(&Path::keys(&["metadata", "generation"]));
    wanted.add(&Path::keys(&["status", "observedGeneration"]));
    if let Some(conditions) = wanted.descend(&Path::keys(&["status", "conditions"])) {
        for key in ["type", "status"] {
            conditions.each().add(&Path::keys(&[key]));
        }
    }
}

/// Writes the families of an object.
pub(super) fn write(of: &Served, key: &ObjectKey, object: &Value<'_>, out: &mut Rendered) {
    let identity = [
        ("group", &*of.group),
        ("version", &of.version),
        ("kind", &of.kind),
        ("namespace", &key.namespace),
        ("name", &key.name),
    ];
    let [condition_family, lag_family] = &FAMILIES;
    let status = object.get("status");
    if let Some(Value::List(conditions)) = status.and_then(|status| status.get("conditions")) {
        for condition in conditions.iter().take(MAX_CONDITIONS) {
            let text = |key| condition.get(key).and_then(Value::text);
            let (Some(kind), Some(status)) = (text("type"), text("status")) else { continue };
            let status =
                ["true", "false", "unknown"].into_iter().find(|s| status.eq_ignore_ascii_case(s));
            let own = [("condition", kind), ("status", status.unwrap_or("other"))];
            out.line(&condition_family.name, identity.into_iter().chain(own), 1u8);
        }
    }
    out.end();
    let number = |value: Option<&Value<'_>>| match value {
        Some(Value::Int(number)) => Some(*number),
        _ => None,
    };
    let wanted = number(object.get("metadata").and_then(|metadata| metadata.get("generation")));
    let seen = number(status.and_then(|status| status.get("observedGeneration")));
    if let (Some(wanted), Some(seen)) = (wanted, seen) {
        out.line(&lag_family.name, identity.into_iter(), wanted.saturating_sub(seen));
    }
    out.end();
}
