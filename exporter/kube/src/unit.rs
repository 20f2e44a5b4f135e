//! Names of compute resources, and the unit of each as kube-state-metrics has it: `core`, `byte` or
//! `integer`. A name of another kind is left out.

/// The unit of a resource of a container or a node. Attachable volumes are counted, yet the unit is
/// said to be `byte`.
pub(crate) fn of(resource: &str) -> Option<&'static str> {
    match resource {
        "cpu" => Some("core"),
        "memory" | "storage" | "ephemeral-storage" => Some("byte"),
        _ if resource.starts_with("hugepages-") || resource.starts_with("attachable-volumes-") => {
            Some("byte")
        }
        _ => is_extended(resource).then_some("integer"),
    }
}

/// Whether a name is that of a resource that a vendor added: a domain that is not Kubernetes's own,
/// `/`, and a name, such as `nvidia.com/gpu`.
fn is_extended(resource: &str) -> bool {
    if resource.contains("kubernetes.io/") || resource.starts_with("requests.") {
        return false;
    }
    // With `requests.` before it, as a quota names it, it has to be a qualified name.
    let Some((domain, name)) = resource.split_once('/') else { return false };
    let ends = |text: &str| {
        let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric());
        edge(text.bytes().next()) && edge(text.bytes().next_back())
    };
    let small = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    domain.len() + "requests.".len() <= 253
        && domain.split('.').all(|part| ends(part) && part.bytes().all(small))
        && name.len() <= 63
        && ends(name)
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units() {
        for (resource, unit) in [
            ("cpu", Some("core")),
            ("memory", Some("byte")),
            ("storage", Some("byte")),
            ("ephemeral-storage", Some("byte")),
            ("hugepages-2Mi", Some("byte")),
            ("attachable-volumes-aws-ebs", Some("byte")),
            ("nvidia.com/gpu", Some("integer")),
            ("example.com/a_b.C-d", Some("integer")),
            ("pods", None),
            ("gpu", None),
            ("kubernetes.io/x", None),
            ("a.kubernetes.io/x", None),
            ("requests.nvidia.com/gpu", None),
            ("Nvidia.com/gpu", None),
            ("nvidia.com/gpu/x", None),
            ("nvidia.com/", None),
            ("/gpu", None),
            ("-a.com/gpu", None),
        ] {
            assert_eq!(of(resource), unit, "{resource}");
        }
    }
}
