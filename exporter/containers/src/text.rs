//! The kernel's small formats: one number, lines of `key number`, and words `key=number`. They are
//! read as bytes: a group's files are, at each scrape, and nothing in them is anybody's text.

/// The one number of a file; `max`, which stands for none, is `None`.
pub(crate) fn number(text: impl AsRef<[u8]>) -> Option<u64> {
    let text = text.as_ref().trim_ascii();
    let digits = digits(text)?;
    (digits.1 == text.len()).then_some(digits.0)
}

/// The number that the text begins with, and how many digits it has.
fn digits(text: &[u8]) -> Option<(u64, usize)> {
    let (mut number, mut count) = (0u64, 0);
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        number = number.checked_mul(10)?.checked_add(digit.into())?;
        count += 1;
    }
    (count > 0).then_some((number, count))
}

/// Where keys stood in a file when it was last read: mostly they still do.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Places([u16; 10]);

// === impl Places ===

impl Places {
    /// Calls `each` with the number of every key, in lines `key number`, and its place in `keys`, ten at
    /// most. Torn lines and keys that are not there are passed over.
    pub(crate) fn find(&mut self, text: &[u8], keys: &[&str], mut each: impl FnMut(usize, u64)) {
        for (at, (place, key)) in self.0.iter_mut().zip(keys).enumerate() {
            let here = line(text, (*place).into(), key);
            let number = here.or_else(|| {
                let mut start = 0;
                loop {
                    if let Some(number) = line(text, start, key) {
                        *place = u16::try_from(start).unwrap_or_default();
                        return Some(number);
                    }
                    start += text.get(start..)?.iter().position(|byte| *byte == b'\n')? + 1;
                }
            });
            if let Some(number) = number {
                each(at, number);
            }
        }
    }
}

/// The number of the line that begins at `start`, if it has this key.
fn line(text: &[u8], start: usize, key: &str) -> Option<u64> {
    let rest = text.get(start..)?.strip_prefix(key.as_bytes())?.strip_prefix(b" ")?;
    let (number, count) = digits(rest)?;
    let before = start.checked_sub(1).and_then(|at| text.get(at));
    let is_line = matches!(before, None | Some(b'\n'));
    (is_line && matches!(rest.get(count), None | Some(b'\n'))).then_some(number)
}

/// The lines of a text.
pub(crate) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

/// The words of a line.
pub(crate) fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

/// A word `key=number`; `None` where it is torn.
pub(crate) fn field(word: &[u8]) -> Option<(&[u8], u64)> {
    let (key, value) = word.split_at_checked(word.iter().position(|byte| *byte == b'=')?)?;
    Some((key, number(value.get(1..)?)?))
}

/// A device's number, `major:minor`.
pub(crate) fn device(text: &[u8]) -> Option<(u32, u32)> {
    let (major, minor) = text.split_at_checked(text.iter().position(|byte| *byte == b':')?)?;
    Some((number(major)?.try_into().ok()?, number(minor.get(1..)?)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for (text, is) in [
            ("7\n", Some(7)),
            (" 18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("max", None),
            ("-1", None),
            ("1 2", None),
            ("", None),
        ] {
            assert_eq!(number(text), is, "{text}");
        }
        assert_eq!(device(b"8:16"), Some((8, 16)));
        assert_eq!((device(b"8"), device(b"8:x"), device(b"8:4294967296")), (None, None, None));
        assert_eq!(field(b"rbytes=10"), Some((&b"rbytes"[..], 10)));
        assert_eq!((field(b"rbytes"), field(b"rbytes=x")), (None, None));
    }

    #[test]
    fn keys_are_found_where_they_were_and_where_they_are_now() {
        let mut places = Places::default();
        let mut found = |text: &str| {
            let mut found = Vec::new();
            places.find(text.as_bytes(), &["anon", "file"], |at, number| found.push((at, number)));
            found
        };
        assert_eq!(found("anon 5\nfile 60\nx 1"), [(0, 5), (1, 60)]);
        assert_eq!(found("anon 7\nfile 61\nx 1"), [(0, 7), (1, 61)]);
        assert_eq!(found("anon 12\nfile 61\nx 1"), [(0, 12), (1, 61)], "one digit more");
        assert_eq!(found("x 1\nanon_thp 3\nfile 6"), [(1, 6)]);
        assert_eq!(found("nofile 3\nfile 6"), [(1, 6)]);
        assert_eq!(found("anon x\nfile 6y\nfile 8\n"), [(1, 8)]);
        assert_eq!(found("file"), []);
        assert_eq!(found(""), []);
    }
}
