//! What `journalctl -o export` says, entry by entry, and the same of our own reader.
//!
//! The export format: a line `NAME=value` a field, or, where the value is no text, the name alone, the value's length as
//! 64 bits little-endian, the value and a line's end; an empty line after each entry. Fields that begin with `__` are
//! the entry's address.

use super::file_entries;
use crate::support::child;
use std::{collections::BTreeSet, fmt, path::Path};

/// An entry as far as it is compared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Canon {
    pub(crate) seqnum: u64,
    pub(crate) realtime: u64,
    pub(crate) monotonic: u64,
    /// How many fields it has; a field that comes twice counts twice.
    pub(crate) fields: u64,
    /// The sum of the hashes of every `NAME=value`: the order of fields means nothing.
    pub(crate) sum: u64,
}

// === impl Canon ===

impl Canon {
    /// Adds a field, `NAME=value`.
    pub(crate) fn add(&mut self, field: &[u8]) {
        // FNV-1a.
        let hash = field.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        self.fields += 1;
        self.sum = self.sum.wrapping_add(hash);
    }

    pub(crate) const EMPTY: Self = Self { seqnum: 0, realtime: 0, monotonic: 0, fields: 0, sum: 0 };
}

impl fmt::Debug for Canon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seqnum, realtime, monotonic, fields, sum } = self;
        write!(f, "{seqnum} at {realtime} ({monotonic}): {fields} fields, {sum:016x}")
    }
}

/// The entries of an export.
pub(crate) fn parse(export: &[u8]) -> Vec<Canon> {
    let mut entries = Vec::new();
    fields(export, |entry| {
        let mut canon = Canon::EMPTY;
        // journald keeps a field once that a writer gave twice with the same value.
        let unique: BTreeSet<_> = entry.iter().collect();
        for (name, value) in unique {
            let text = || std::str::from_utf8(value).expect("an address is text");
            let number = || text().parse().expect("a number");
            match *name {
                b"__CURSOR" => {
                    let seqnum = text().split(';').find_map(|part| part.strip_prefix("i="));
                    canon.seqnum = u64::from_str_radix(seqnum.expect("a seqnum"), 16).expect("hex");
                }
                b"__REALTIME_TIMESTAMP" => canon.realtime = number(),
                b"__MONOTONIC_TIMESTAMP" => canon.monotonic = number(),
                name if name.starts_with(b"__") => {}
                name => canon.add(&[name, b"=", value].concat()),
            }
        }
        entries.push(canon);
    });
    entries
}

/// Hands the fields of each entry of an export to `each`.
pub(crate) fn fields<'a>(export: &'a [u8], mut each: impl FnMut(&[(&'a [u8], &'a [u8])])) {
    fields_then(export, |entry, _| each(entry));
}

/// The same, with what follows the entry.
fn fields_then<'a>(mut rest: &'a [u8], mut each: impl FnMut(&[(&'a [u8], &'a [u8])], &'a [u8])) {
    let mut entry = Vec::new();
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, after) = (&rest[..end], &rest[end + 1..]);
        rest = after;
        if line.is_empty() {
            if !entry.is_empty() {
                each(&entry, rest);
                entry.clear();
            }
        } else if let Some(sign) = line.iter().position(|byte| *byte == b'=') {
            entry.push((&line[..sign], &line[sign + 1..]));
        } else {
            let (len, after) = rest.split_first_chunk().expect("a value's length");
            let len = usize::try_from(u64::from_le_bytes(*len)).expect("a length");
            entry.push((line, &after[..len]));
            rest = &after[len + 1..];
        }
    }
    assert!(rest.is_empty() && entry.is_empty(), "the export is cut: {rest:?}");
}

/// The first entries of an export.
pub(crate) fn first(export: &[u8], entries: usize) -> &[u8] {
    let (mut seen, mut left) = (0, export.len());
    fields_then(export, |_, rest| {
        seen += 1;
        if seen <= entries {
            left = rest.len();
        }
    });
    &export[..export.len() - left]
}

/// `journalctl -o export` of one file.
pub(crate) fn exported(file: &Path) -> Vec<u8> {
    let args = [format!("--file={}", file.display()), "--output=export".into(), "--quiet".into()];
    let out = child::run(300, "journalctl", &args, b"");
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success() && said.is_empty(), "journalctl {args:?}: {said}");
    out.stdout
}

/// Compares each file, entry by entry; how many entries that were.
pub(crate) fn assert_equal(files: &[std::path::PathBuf]) -> usize {
    files.iter().map(|file| assert_same(file, &parse(&exported(file)))).sum()
}

/// Compares what our reader says of a file with `theirs`; how many entries that are.
pub(crate) fn assert_same(file: &Path, theirs: &[Canon]) -> usize {
    let ours = file_entries(file);
    let differ: Vec<_> =
        ours.iter().zip(theirs).enumerate().filter(|(_, (ours, theirs))| ours != theirs).collect();
    assert!(
        differ.is_empty() && ours.len() == theirs.len(),
        "{}: {} entries, {} expected; {} differ, the first (number, (ours, theirs)): {:#?}",
        file.display(),
        ours.len(),
        theirs.len(),
        differ.len(),
        differ.first()
    );
    ours.len()
}
