//! Shell patterns over paths, as Go's `filepath.Glob` has them: `*`, `?`, `[a-z]`, `[^a-z]` and `\`
//! in any path element. `*` takes names that start with a dot, too.

use collect::Root;

/// The existing paths that `pattern` stands for, sorted; the cleaned pattern itself where there are
/// none, so that reading it says what is wrong.
pub(crate) fn expand(pattern: &str) -> Vec<String> {
    let start = if pattern.starts_with('/') { "/" } else { "" };
    let mut paths = vec![start.to_owned()];
    for element in pattern.split('/').filter(|element| !element.is_empty()) {
        let plain = !element.contains(['*', '?', '[', '\\']);
        let mut next = Vec::new();
        for path in &paths {
            if plain {
                next.push(join(path, element));
                continue;
            }
            let names = root(path).list(if path.is_empty() { "." } else { path });
            let matching = names.unwrap_or_default().into_iter();
            next.extend(matching.filter(|name| matches(element, name)).map(|n| join(path, &n)));
        }
        paths = next;
    }
    let mut paths: Vec<String> = paths.iter().map(|path| clean(path)).collect();
    paths.retain(|path| root(path).exists(path));
    paths.sort_unstable();
    paths.dedup();
    if paths.is_empty() { vec![clean(pattern)] } else { paths }
}

/// Where a path that was given on the command line starts: at `/`, or where the process runs.
pub(crate) fn root(path: &str) -> Root {
    Root::new(if path.starts_with('/') { "/" } else { "" })
}

/// `dir/name`.
pub(crate) fn join(dir: &str, name: &str) -> String {
    match dir {
        "" | "." => name.to_owned(),
        dir if dir.ends_with('/') => format!("{dir}{name}"),
        dir => format!("{dir}/{name}"),
    }
}

/// The path without `//`, `/./`, `/x/../` and a slash at its end.
fn clean(path: &str) -> String {
    let mut out: Vec<&str> = Vec::new();
    for element in path.split('/') {
        match element {
            "" | "." => {}
            ".." => match out.last() {
                Some(&last) if last != ".." => {
                    out.pop();
                }
                _ if path.starts_with('/') => {}
                _ => out.push(".."),
            },
            element => out.push(element),
        }
    }
    match (path.starts_with('/'), out.is_empty()) {
        (true, _) => format!("/{}", out.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => out.join("/"),
    }
}

/// Whether one path element matches; a malformed pattern matches nothing.
fn matches(pattern: &str, name: &str) -> bool {
    let (mut pattern, mut name) = (pattern, name);
    // Where the last `*` stands, and the name that it has not taken yet.
    let mut star: Option<(&str, &str)> = None;
    loop {
        if let Some(after) = pattern.strip_prefix('*') {
            star = Some((after, name));
            pattern = after;
            continue;
        }
        let mut chars = name.chars();
        let first = chars.next();
        match (first, first.and_then(|c| one(pattern, c))) {
            (None, _) if pattern.is_empty() => return true,
            (Some(_), Some(after)) => (pattern, name) = (after, chars.as_str()),
            (None, _) => return false,
            (Some(_), None) => {
                let Some((after, taken)) = star else { return false };
                let mut rest = taken.chars();
                if rest.next().is_none() {
                    return false;
                }
                star = Some((after, rest.as_str()));
                (pattern, name) = (after, rest.as_str());
            }
        }
    }
}

/// The pattern behind its first term, if that term takes `c`.
fn one(pattern: &str, c: char) -> Option<&str> {
    let mut chars = pattern.chars();
    let takes = match chars.next()? {
        '?' => true,
        '\\' => chars.next()? == c,
        '[' => {
            let negated = chars.as_str().strip_prefix('^');
            if let Some(after) = negated {
                chars = after.chars();
            }
            let mut any = false;
            loop {
                let low = match chars.next()? {
                    ']' => break,
                    '\\' => chars.next()?,
                    low => low,
                };
                let mut high = low;
                if let Some(after) = chars.as_str().strip_prefix('-') {
                    chars = after.chars();
                    high = match chars.next()? {
                        ']' => return None,
                        '\\' => chars.next()?,
                        high => high,
                    };
                }
                any |= (low..=high).contains(&c);
            }
            any != negated.is_some()
        }
        plain => plain == c,
    };
    takes.then_some(chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements() {
        for (pattern, name, yes) in [
            ("*", "", true),
            ("*", ".a", true),
            ("a*c", "abbc", true),
            ("a*c", "abbcd", false),
            ("a*b*c", "axbxbxc", true),
            ("*.prom", "a.prom", true),
            ("a?c", "äbc", false),
            ("?bc", "äbc", true),
            ("[ab]x", "bx", true),
            ("[^ab]x", "bx", false),
            ("[a-c]*", "cat", true),
            ("[a-c", "a", false),
            ("[a-]", "a", false),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("a\\", "a\\", false),
        ] {
            assert_eq!(matches(pattern, name), yes, "{pattern} {name}");
        }
    }

    #[test]
    fn paths_are_cleaned() {
        for (path, becomes) in
            [("/a//b/./c/../d/", "/a/b/d"), ("../a/../b", "../b"), ("/..", "/"), ("./", ".")]
        {
            assert_eq!(clean(path), becomes);
        }
    }

    #[test]
    fn directories() {
        let dir = collect::testing::tree(&[("a1/x/", ""), ("a2/y/", ""), ("b1/x/", "")]);
        let base = dir.path().display();
        assert_eq!(expand(&format!("{base}/a*/x")), [format!("{base}/a1/x")]);
        assert_eq!(
            expand(&format!("{base}/[ab]1/?/")),
            [format!("{base}/a1/x"), format!("{base}/b1/x")]
        );
        assert_eq!(expand(&format!("{base}/c*")), [format!("{base}/c*")]);
    }
}
