//! `--metric-labels-allowlist` and `--metric-annotations-allowlist`: which keys of an object's labels
//! and annotations become labels, such as `pods=[app,team/*],nodes=[*]`.
//!
//! `*` alone means every key, and only as the first of a list; in a key it stands for any text, once.
//! The resource `*` is every resource and leaves the others without effect.

/// Keys of labels or annotations that become labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Allowlist {
    /// `*`
    Every,
    Some(Vec<Pattern>),
}

/// A key, or what is before and behind its `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    Key(String),
    Wild(String, String),
}

/// What is wrong with an allowlist, in words that follow the flag's name.
pub(crate) type Fault = String;

// === impl Allowlist ===

impl Allowlist {
    /// The list of one resource out of a flag's value; none where it has no list or an empty one.
    ///
    /// `known` tells which names are resources.
    pub(crate) fn parse(
        text: &str,
        resource: &str,
        known: impl Fn(&str) -> bool,
    ) -> Result<Option<Self>, Fault> {
        let (mut own, mut every) = (None, None);
        for (name, keys) in groups(text)? {
            if name == "*" {
                every = Some(keys);
            } else if !known(name) {
                return Err(format!(
                    "{name:?} is no resource; expected a plural name such as pods, or *"
                ));
            } else if name == resource {
                own = Some(keys);
            }
        }
        Self::of(&every.or(own).unwrap_or_default())
    }

    fn of(keys: &[&str]) -> Result<Option<Self>, Fault> {
        if keys.first() == Some(&"*") {
            return Ok(Some(Self::Every));
        }
        let pattern = |key: &&str| match key.split_once('*') {
            None => Ok(Pattern::Key((*key).to_owned())),
            Some((_, end)) if end.contains('*') => {
                Err(format!("{key:?} has more than one *; expected one at most in a key"))
            }
            Some((start, end)) => Ok(Pattern::Wild(start.to_owned(), end.to_owned())),
        };
        if keys.is_empty() {
            return Ok(None);
        }
        let keys = keys.iter().filter(|key| **key != "*").map(pattern);
        keys.collect::<Result<_, _>>().map(|patterns| Some(Self::Some(patterns)))
    }

    /// Whether a key becomes a label.
    pub(crate) fn has(&self, key: &str) -> bool {
        let Self::Some(patterns) = self else { return true };
        patterns.iter().any(|pattern| match pattern {
            Pattern::Key(name) => name == key,
            Pattern::Wild(start, end) => {
                key.strip_prefix(&**start).is_some_and(|rest| rest.ends_with(&**end))
            }
        })
    }
}

/// `resource=[key,key],resource=[key]` taken apart.
fn groups(text: &str) -> Result<Vec<(&str, Vec<&str>)>, Fault> {
    let fault = || format!("{text:?} is no allowlist; expected resource=[key,key],resource=[key]");
    let mut groups = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (name, behind) = rest.split_once("=[").ok_or_else(fault)?;
        let (keys, behind) = behind.split_once(']').ok_or_else(fault)?;
        let name = name.trim();
        if name.is_empty() || name.contains([',', '[', ']', '=']) || keys.contains('[') {
            return Err(fault());
        }
        let keys = match keys.trim() {
            "" => Vec::new(),
            keys => keys.split(',').map(str::trim).collect(),
        };
        if keys.contains(&"") {
            return Err(fault());
        }
        groups.push((name, keys));
        rest = behind.trim();
        if !rest.is_empty() {
            rest = rest
                .strip_prefix(',')
                .map(str::trim)
                .filter(|rest| !rest.is_empty())
                .ok_or_else(fault)?;
        }
    }
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(list: &str, key: &str) -> Option<bool> {
        let known = |name: &str| ["pods", "nodes"].contains(&name);
        Allowlist::parse(list, "pods", known).unwrap().map(|list| list.has(key))
    }

    #[test]
    fn keys_and_wildcards() {
        assert_eq!(has("", "app"), None);
        assert_eq!(has("pods=[]", "app"), None);
        assert_eq!(has("nodes=[app]", "app"), None);
        assert_eq!(has("pods=[app]", "app"), Some(true));
        assert_eq!(has("pods=[app]", "App"), Some(false));
        assert_eq!(has("nodes=[x], pods=[ app , team/* ]", "team/a"), Some(true));
        assert_eq!(has("pods=[*]", "any"), Some(true));
        assert_eq!(has("pods=[app,*]", "any"), Some(false));
        assert_eq!(has("pods=[app,*]", "app"), Some(true));
        assert_eq!(has("pods=[*/x]", "a.b/x"), Some(true));
        assert_eq!(has("pods=[a*a]", "a"), Some(false));
        assert_eq!(has("pods=[a*b]", "axxb"), Some(true));
        assert_eq!(has("pods=[app],*=[team]", "app"), Some(false));
        assert_eq!(has("pods=[app],*=[team]", "team"), Some(true));
    }

    #[test]
    fn faults_say_what_is_right() {
        let fault = |list| Allowlist::parse(list, "pods", |name| name == "pods").unwrap_err();
        assert!(fault("pod=[app]").contains("\"pod\" is no resource"));
        assert!(fault("pods=[*a*]").contains("more than one *"));
        for wrong in [
            "pods",
            "pods=app",
            "pods=[app",
            "pods=[app],",
            "pods=[a,]",
            "=[a]",
            "pods=[a]x=[b]",
            ",pods=[a]",
            "pods=[[a]]",
        ] {
            assert!(fault(wrong).contains("expected resource=[key,key]"), "{wrong}");
        }
    }
}
