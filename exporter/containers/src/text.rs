//! The kernel's small formats: one number, lines of `key number`, and lines of `key name=number`.

/// The one number of a file; `max`, which stands for none, is `None`.
pub(crate) fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

/// The lines `key number`, the number as text: most are not asked for.
pub(crate) fn pairs(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = text;
    // Keys and numbers are short: looking at each byte once is faster than any search.
    std::iter::from_fn(move || {
        loop {
            let bytes = rest.as_bytes();
            let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
            let (line, after) = rest.split_at_checked(end).filter(|_| !rest.is_empty())?;
            rest = after.get(1..).unwrap_or_default();
            let blank = line.as_bytes().iter().position(|byte| *byte == b' ');
            if let Some((key, number)) = blank.and_then(|blank| line.split_at_checked(blank)) {
                return Some((key, number));
            }
        }
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
