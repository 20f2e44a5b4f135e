//! The kernel's small formats: one number, lines of `key number`, and lines of `key name=number`.

/// The one number of a file; `max`, which stands for none, is `None`.
pub(crate) fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

/// The lines `key number`; torn ones are left out.
pub(crate) fn pairs(text: &str) -> impl Iterator<Item = (&str, u64)> {
    text.lines().filter_map(|line| {
        let (key, number) = line.split_once(' ')?;
        Some((key, number.trim().parse().ok()?))
    })
}

/// The words `key=number` of a line; torn ones are left out.
pub(crate) fn fields(line: &str) -> impl Iterator<Item = (&str, u64)> {
    line.split_ascii_whitespace().filter_map(|word| {
        let (key, number) = word.split_once('=')?;
        Some((key, number.parse().ok()?))
    })
}

/// A device's number, `major:minor`.
pub(crate) fn device(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once(':')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
