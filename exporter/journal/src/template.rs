//! What two error messages of one kind have in common: the text with its variable parts masked.
//!
//! | in the message | in the template |
//! |---|---|
//! | a number, with unit, sign, fraction, or a time and date | `<num>` |
//! | `0x…`, eight hexadecimal digits or more with a digit among them | `<hex>` |
//! | a UUID, an IP address with or without port, a MAC address | `<uuid>`, `<ip>`, `<mac>` |
//! | a path, a URL, what stands in quotes | `<path>`, `<url>`, `<str>` |
//! | a part of a word in which letters and digits take turns | `<id>` |
//! | digits in any other word | `<num>`: `eth0` is `eth<num>` |
//!
//! Only the first line counts, and of it the first 160 bytes: what follows is mostly variable, and
//! an error line costs the same however long it is.

/// Bytes of a message that are looked at.
pub(crate) const CONSIDERED: usize = 160;

/// Writes the template of `message` to `out`, which is cleared first.
pub(crate) fn write(message: &[u8], out: &mut Vec<u8>) {
    out.clear();
    // One byte more than is considered tells that there was more.
    let message = message.get(..=CONSIDERED).unwrap_or(message);
    let line = message.split(|&b| b == b'\n').next().unwrap_or_default();
    let considered = line.get(..CONSIDERED).unwrap_or(line);
    let mut rest = considered.trim_ascii();
    let mut before = b' ';
    let mut key = false;
    while let Some((&first, after)) = rest.split_first() {
        if first <= b' ' || first == 0x7f {
            if before != b' ' {
                out.push(b' ');
            }
            (before, rest) = (b' ', after);
            continue;
        }
        if matches!(first, b'"' | b'\'' | b'`')
            && !before.is_ascii_alphanumeric()
            && let Some(behind) = quoted(first, after)
        {
            out.extend_from_slice(b"<str>");
            (before, rest) = (first, behind);
            continue;
        }
        let (end, kinds) = first_word(rest);
        if end == 0 {
            out.push(first);
            (before, rest) = (first, after);
            continue;
        }
        let (word, behind) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        if kinds & COLON != 0 && word.windows(3).any(|w| w == b"://") {
            let ends =
                |b: &u8| *b <= b' ' || matches!(b, b'"' | b'\'' | b'`' | b'<' | b'>' | b',' | b')');
            let end = rest.iter().position(ends).unwrap_or(rest.len());
            out.extend_from_slice(b"<url>");
            (before, rest) = (b'a', rest.get(end..).unwrap_or_default());
            continue;
        }
        // A full stop or colon at a word's end belongs to the sentence.
        let trimmed = word.iter().rposition(|b| !matches!(b, b'.' | b':')).map_or(0, |at| at + 1);
        let (word, tail) = word.split_at_checked(trimmed).unwrap_or((word, &[]));
        if key && before == b'=' {
            out.extend_from_slice(b"***");
        } else {
            write_word(word, kinds, out);
        }
        key = names_secret(word);
        out.extend_from_slice(tail);
        (before, rest) = (b'a', behind);
    }
    if line.len() > CONSIDERED {
        out.extend_from_slice("…".as_bytes());
    }
}

/// Whether a word is a key whose value is masked here already, so that each of them is no pattern of its own.
fn names_secret(word: &[u8]) -> bool {
    let secrets: &[&[u8]] = match word.last().map(u8::to_ascii_lowercase) {
        Some(b'd') => &[b"password", b"passwd"],
        Some(b't') => &[b"secret"],
        Some(b'n') => &[b"token"],
        Some(b'y') => &[b"key"],
        Some(b'e') => &[b"cookie"],
        _ => return false,
    };
    secrets.iter().any(|secret| ends_with(word, secret))
}

fn ends_with(word: &[u8], end: &[u8]) -> bool {
    let at = word.len().checked_sub(end.len());
    at.and_then(|at| word.get(at..)).is_some_and(|tail| tail.eq_ignore_ascii_case(end))
}

/// A number that is the same for the same template on every host and in every version.
pub(crate) fn hash(template: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ template.len() as u64;
    let mut mix =
        |word: u64| hash = (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    let (words, rest) = template.as_chunks::<8>();
    for word in words {
        mix(u64::from_le_bytes(*word));
    }
    let mut last = [0; 8];
    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    mix(u64::from_le_bytes(last));
    mix(0);
    hash
}

/// What stands behind the closing quote; nothing where there is none, or where it is an apostrophe.
fn quoted(quote: u8, text: &[u8]) -> Option<&[u8]> {
    let close = if quote == b'`' { b"`'".as_slice() } else { std::slice::from_ref(&quote) };
    let mut from = 0;
    loop {
        let at = from + text.get(from..)?.iter().position(|b| close.contains(b))?;
        let behind = text.get(at + 1..)?;
        let escaped = at.checked_sub(1).and_then(|before| text.get(before)) == Some(&b'\\');
        if !escaped && !behind.first().is_some_and(u8::is_ascii_alphanumeric) {
            return Some(behind);
        }
        from = at + 1;
    }
}

/// How long the word is that a text begins with, and which kinds of bytes it has.
fn first_word(text: &[u8]) -> (usize, u8) {
    let mut kinds = 0;
    let ends = |b: &u8| {
        let kind = KINDS.get(usize::from(*b)).copied().unwrap_or(0);
        kinds |= kind;
        kind == 0
    };
    (text.iter().position(ends).unwrap_or(text.len()), kinds)
}

/// Kinds of bytes that words are of.
const WORD: u8 = 1;
const DIGIT: u8 = 2;
const COLON: u8 = 4;

/// Most of the work on an error is the question of which kind a byte is; 0 is of no word.
static KINDS: [u8; 256] = {
    let mut table = [0; 256];
    let mut b = 0;
    while b < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "it is below 256")]
        let kind = match b as u8 {
            b'0'..=b'9' => DIGIT,
            b':' => COLON,
            b'_' | b'.' | b'/' | b'@' | b'%' | b'+' | b'-' | b'\\' | b'~' | 0x80.. => WORD,
            letter if letter.is_ascii_alphabetic() => WORD,
            _ => 0,
        };
        #[expect(clippy::indexing_slicing, reason = "the compiler does it")]
        {
            table[b] = kind;
        }
        b += 1;
    }
    table
};

fn write_word(word: &[u8], kinds: u8, out: &mut Vec<u8>) {
    if word.first() == Some(&b'/') && word.len() > 1 {
        out.extend_from_slice(b"<path>");
    } else if kinds & DIGIT == 0 {
        if kinds & COLON != 0 && is_ip6(word) {
            out.extend_from_slice(b"<ip>");
        } else {
            out.extend_from_slice(word);
        }
    } else if let Some(name) = name_of(word, kinds) {
        out.extend_from_slice(name);
    } else {
        write_parts(word, out);
    }
}

/// A word that is a whole a variable part.
fn name_of(word: &[u8], kinds: u8) -> Option<&'static [u8]> {
    if is_uuid(word) {
        return Some(b"<uuid>");
    }
    if let Some(hex) = word.strip_prefix(b"0x").or_else(|| word.strip_prefix(b"0X")) {
        return hex.iter().all(u8::is_ascii_hexdigit).then_some(b"<hex>");
    }
    if is_ip4(word) || kinds & COLON != 0 && is_ip6(word) {
        return Some(b"<ip>");
    }
    if is_mac(word) {
        return Some(b"<mac>");
    }
    if is_number(word) {
        return Some(b"<num>");
    }
    is_hex(word).then_some(b"<hex>")
}

/// The word part by part: parts that are neither digits nor letters stay.
fn write_parts(word: &[u8], out: &mut Vec<u8>) {
    for part in word.split_inclusive(|b| !b.is_ascii_alphanumeric()) {
        let (body, separator) = match part.split_last() {
            Some((last, body)) if !last.is_ascii_alphanumeric() => (body, Some(*last)),
            _ => (part, None),
        };
        if is_hex(body) {
            out.extend_from_slice(b"<hex>");
        } else if turns(body) > 2 {
            out.extend_from_slice(b"<id>");
        } else {
            write_digits(body, out);
        }
        out.extend(separator);
    }
}

fn write_digits(part: &[u8], out: &mut Vec<u8>) {
    let mut digits = false;
    for &b in part {
        if !b.is_ascii_digit() {
            out.push(b);
        } else if !digits {
            out.extend_from_slice(b"<num>");
        }
        digits = b.is_ascii_digit();
    }
}

/// How often letters and digits take turns.
fn turns(part: &[u8]) -> usize {
    part.windows(2)
        .filter(|pair| matches!(pair, [a, b] if a.is_ascii_digit() != b.is_ascii_digit()))
        .count()
}

fn is_hex(part: &[u8]) -> bool {
    part.len() >= 8 && part.iter().all(u8::is_ascii_hexdigit) && part.iter().any(u8::is_ascii_digit)
}

/// Digits with what stands in numbers, dates and times, and a unit of four letters at most.
fn is_number(word: &[u8]) -> bool {
    let unit = word.iter().rev().take_while(|b| b.is_ascii_alphabetic() || **b == b'%').count();
    let (digits, unit) = word.split_at_checked(word.len() - unit).unwrap_or((word, &[]));
    let kept = |b: &u8| b.is_ascii_digit() || matches!(b, b'.' | b':' | b'-' | b'+' | b'/' | b'T');
    let alone = |b: &u8| b.is_ascii_digit() || matches!(b, b'-' | b'+');
    unit.len() <= 4 && digits.first().is_some_and(alone) && digits.iter().all(kept)
}

fn is_uuid(word: &[u8]) -> bool {
    let dash = |at: usize| matches!(at, 8 | 13 | 18 | 23);
    word.len() == 36
        && word
            .iter()
            .enumerate()
            .all(|(at, b)| if dash(at) { matches!(b, b'-' | b'_') } else { b.is_ascii_hexdigit() })
}

fn is_ip4(word: &[u8]) -> bool {
    let mut halves = word.splitn(2, |b| matches!(b, b':' | b'/'));
    let (address, port) = (halves.next().unwrap_or_default(), halves.next());
    let digits = |part: &[u8]| (1..=5).contains(&part.len()) && part.iter().all(u8::is_ascii_digit);
    let parts = || address.split(|&b| b == b'.');
    parts().count() == 4
        && parts().all(|part| digits(part) && part.len() <= 3)
        && port.is_none_or(digits)
}

/// Two colons at least, and nothing but hexadecimal digits between them.
fn is_ip6(word: &[u8]) -> bool {
    let address = word.split(|b| matches!(b, b'%' | b'/')).next().unwrap_or_default();
    let colons = address.split(|&b| b == b':').count() - 1;
    let plain = address.iter().all(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.'));
    let short = address.split(|&b| b == b':').all(|part| part.len() <= 4 || part.contains(&b'.'));
    let whole = colons == 7 || address.windows(2).any(|pair| pair == b"::");
    (2..=7).contains(&colons) && plain && short && whole
}

fn is_mac(word: &[u8]) -> bool {
    word.len() == 17
        && word.iter().enumerate().all(|(at, b)| {
            if at % 3 == 2 { matches!(b, b':' | b'-') } else { b.is_ascii_hexdigit() }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(message: &str) -> String {
        let mut out = Vec::new();
        write(message.as_bytes(), &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn variable_parts_are_masked() {
        for (message, masked) in [
            ("connect to 10.0.0.1:5432 failed after 12.5ms", "connect to <ip> failed after <num>"),
            ("connect to [fe80::1%eth0]:80 failed", "connect to [<ip>]:<num> failed"),
            ("peer 2001:db8::1 is gone", "peer <ip> is gone"),
            ("std::io::Error: x", "std::io::Error: x"),
            ("request 550e8400-e29b-41d4-a716-446655440000: timeout", "request <uuid>: timeout"),
            ("at 0xffff8000 in deadbeef01: x", "at <hex> in <hex>: x"),
            ("defaced feedface", "defaced feedface"),
            ("aa:bb:cc:dd:ee:01 left", "<mac> left"),
            ("open /var/lib/x/1: no such file", "open <path>: no such file"),
            ("get https://a.b/c?d=e: 500", "get <url> <num>"),
            ("cannot find \"foo bar\" or 'baz'", "cannot find <str> or <str>"),
            ("can't open 'a': it's gone", "can't open <str>: it's gone"),
            ("unterminated 'quote here", "unterminated 'quote here"),
            ("`x' and `y`", "<str> and <str>"),
            ("eth0 is down on sda1", "eth<num> is down on sda<num>"),
            ("pod web-5d4f8c7b9d-x7k2p died", "pod web-<hex>-<id> died"),
            ("2026-01-02T03:04:05.678Z E x", "<num> E x"),
            ("took -3% of 17GiB", "took <num> of <num>"),
            ("  two   blanks\tand tab ", "two blanks and tab"),
            ("first\nsecond", "first"),
            ("id=4711 dur=12us", "id=<num> dur=<num>"),
            ("größe 5", "größe <num>"),
            ("login DB_PASSWORD=ab1cd=x token: y", "login DB_PASSWORD=***=x token: y"),
            ("", ""),
        ] {
            assert_eq!(template(message), masked, "{message}");
        }
        let long = "x".repeat(500);
        assert_eq!(template(&long), "x".repeat(160) + "…");
    }

    #[test]
    fn bytes_of_all_kinds_are_taken() {
        let mut out = Vec::new();
        let all: Vec<u8> = (0..=255).filter(|b| *b != b'\n').collect();
        for start in 0..all.len() {
            write(&all[start..], &mut out);
            assert!(out.len() <= 5 * CONSIDERED);
        }
    }

    #[test]
    fn hashes_are_the_same_everywhere() {
        assert_eq!(hash(b""), hash(b""));
        assert_ne!(hash(b"a"), hash(b"a\0"));
        // A change of this number changes the label of every pattern.
        assert_eq!(format!("{:016x}", hash(b"connect to <ip> failed")), "f3e98299eebae24d");
    }
}
