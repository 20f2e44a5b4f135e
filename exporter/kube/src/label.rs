//! Names of labels that are made from the keys of an object's labels, annotations and the like.
//!
//! What a label name cannot hold becomes `_`, a capital behind a small letter or digit gets one
//! before it, and all is put in small letters: `app.kubernetes.io/myName` with the prefix `label` is
//! `label_app_kubernetes_io_my_name`. Keys that come to the same name get `_conflict1`,
//! `_conflict2`, … in the order of the keys.

use std::collections::HashMap;

/// `text` with every character that a label name cannot hold replaced by `_`.
pub(crate) fn sanitized(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect()
}

/// Whether every Prometheus takes `name` as the name of a label unquoted, and it is not the one that
/// holds the metric's name.
pub(crate) fn is_label_name(name: &str) -> bool {
    exposition::is_metric_name(name) && !name.contains(':') && name != "__name__"
}

/// The value of a label that says yes or no, empty where the API says neither.
pub(crate) fn yes_or_no(flag: Option<bool>) -> &'static str {
    match flag {
        Some(true) => "true",
        Some(false) => "false",
        None => "",
    }
}

/// The name of the label for a key, before conflicts.
fn name(prefix: &str, key: &str) -> String {
    let mut out = String::with_capacity(prefix.len() + key.len() + 4);
    out.push_str(prefix);
    out.push('_');
    // A capital that was put apart from what is before it cannot part the one behind it as well:
    // `aBC` is `a_bc`.
    let mut small = false;
    for c in key.chars() {
        let c = if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' };
        if small && c.is_ascii_uppercase() {
            out.push('_');
        }
        small = c.is_ascii_lowercase() || c.is_ascii_digit();
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// Label names for keys that come sorted, one a key.
pub(crate) fn names<'k>(prefix: &str, keys: impl Iterator<Item = &'k str>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut used: HashMap<String, usize> = HashMap::new();
    let mut conflicts: HashMap<String, usize> = HashMap::new();
    for key in keys {
        let base = name(prefix, key);
        let chosen = if let Some(&count) = conflicts.get(&base) {
            let (chosen, count) = free(&base, count, &used);
            conflicts.insert(base, count);
            chosen
        } else if let Some(first) = used.remove(&base) {
            // While the first one is renamed its old name counts as taken; no suffixed name equals
            // it, so that it makes no difference that it is gone already.
            let (renamed, count) = free(&base, 0, &used);
            if let Some(slot) = names.get_mut(first) {
                slot.clone_from(&renamed);
            }
            used.insert(renamed, first);
            let (chosen, count) = free(&base, count, &used);
            conflicts.insert(base, count);
            chosen
        } else {
            base
        };
        used.insert(chosen.clone(), names.len());
        names.push(chosen);
    }
    names
}

/// The next name of a conflict that nobody has, and its number.
fn free(base: &str, mut count: usize, used: &HashMap<String, usize>) -> (String, usize) {
    loop {
        count += 1;
        let candidate = format!("{base}_conflict{count}");
        if !used.contains_key(&candidate) {
            return (candidate, count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keys_become_names() {
        for (key, label) in [
            ("app", "label_app"),
            ("app.kubernetes.io/name", "label_app_kubernetes_io_name"),
            ("myTeamName", "label_my_team_name"),
            ("HTTPServerID", "label_httpserver_id"),
            ("aBC1D", "label_a_bc1_d"),
            ("grün", "label_gr_n"),
            ("日本", "label___"),
            ("", "label_"),
        ] {
            assert_eq!(names("label", [key].into_iter()), [label]);
        }
    }

    #[test]
    fn conflicts_are_numbered() {
        assert_eq!(
            names("label", ["a-b", "a.b", "a_b", "z"].into_iter()),
            ["label_a_b_conflict1", "label_a_b_conflict2", "label_a_b_conflict3", "label_z"]
        );
        assert_eq!(
            names("label", ["a-b", "a_b", "a_b_conflict1"].into_iter()),
            [
                "label_a_b_conflict1_conflict1",
                "label_a_b_conflict2",
                "label_a_b_conflict1_conflict2"
            ]
        );
    }

    proptest! {
        #[test]
        fn names_are_distinct_and_valid(keys in prop::collection::btree_set("[a-cA-C._/1é-]{0,4}(_conflict[12])?", 0..12)) {
            let names = names("label", keys.iter().map(String::as_str));
            let distinct: std::collections::HashSet<_> = names.iter().collect();
            prop_assert_eq!(distinct.len(), keys.len());
            prop_assert!(names.iter().all(|n| exposition::is_metric_name(n)));
        }
    }
}
