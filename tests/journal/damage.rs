//! Files that are torn: what stands before the damage is read, what lies behind is skipped, and nothing ends the reader.

use super::{Canon, canon, fixture};
use journal_reader::{Buffers, Error, JournalFile, Limits};
use std::{fs, os::unix::fs::FileExt, path::Path};

const NAMES: [&str; 4] = ["xz", "lz4", "lz4-compact", "zstd"];
/// Damaged copies of each file that are tried.
const TRIALS: u64 = 40;

/// A recorded file, and where its entries end.
struct Recorded {
    bytes: Vec<u8>,
    /// Where the first object stands that is no table.
    first: u64,
    /// Where each entry's object ends, in bytes from the beginning; all it needs stands before.
    ends: Vec<u64>,
    entries: Vec<Canon>,
}

// === impl Recorded ===

impl Recorded {
    fn new(name: &str) -> Self {
        let bytes = fixture(&format!("{name}.journal.gz"));
        let number = |at: usize| u64::from_le_bytes(*bytes[at..].first_chunk().expect("8 bytes"));
        let (mut at, tail) = (number(88), number(136));
        let (mut first, mut ends) = (0, Vec::new());
        while at <= tail {
            let start = usize::try_from(at).expect("an offset");
            match bytes[start] {
                4 | 5 => first = at + number(start + 8),
                3 => ends.push(at + number(start + 8)),
                _ => {}
            }
            at = (at + number(start + 8)).next_multiple_of(8);
        }
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        fs::write(file.path(), &bytes).expect("a file");
        let entries = super::file_entries(file.path());
        assert_eq!((ends.len(), entries.len()), (240, 240));
        Self { bytes, first, ends, entries }
    }

    /// How many entries stand before this place, whole.
    fn before(&self, place: u64) -> usize {
        self.ends.iter().take_while(|end| **end <= place).count()
    }

    /// Where the last object ends.
    fn end(&self) -> u64 {
        *self.ends.last().expect("an entry")
    }
}

/// What can be read of a file, and what ended it; a field that cannot be read is left out.
fn readable(path: &Path) -> (Vec<Canon>, Option<Error>) {
    let mut file = match JournalFile::open(path) {
        Ok(file) => file,
        Err(error) => return (Vec::new(), Some(error)),
    };
    let mut buffers = Buffers::new(Limits::default());
    let mut entries = Vec::new();
    loop {
        match file.next(&mut buffers) {
            Ok(Some(mut entry)) => {
                let readable = (0..entry.len())
                    .all(|index| entry.read(index, 1 << 20, &mut Vec::new()).is_some());
                entries.push(if readable { canon(&mut entry) } else { Canon::EMPTY });
            }
            Ok(None) => return (entries, None),
            Err(error) => {
                let again = file.next(&mut buffers).expect_err("the same error again");
                assert_eq!(again.to_string(), error.to_string());
                return (entries, Some(error));
            }
        }
    }
}

/// The next of a sequence of numbers that is the same in every run (xorshift64).
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[test]
fn flipped_bits_cost_what_they_hit() {
    let (mut state, mut errors, mut changed) = (0x9e37_79b9_7f4a_7c15, 0, 0);
    for name in NAMES {
        let recorded = Recorded::new(name);
        let copy = tempfile::NamedTempFile::new().expect("a temporary file");
        fs::write(copy.path(), &recorded.bytes).expect("a file");
        for trial in 0..TRIALS {
            // Up to 16 bits; in one trial of four one of the header's.
            let (first, end) = (recorded.first, recorded.end());
            let mut places: Vec<_> = (0..=trial % 16)
                .map(|_| (first + next(&mut state) % (end - first), next(&mut state) % 8))
                .collect();
            if trial % 4 == 0 {
                places.push((next(&mut state) % 272, next(&mut state) % 8));
            }
            for (place, bit) in &places {
                let byte = recorded.bytes[usize::try_from(*place).expect("an offset")];
                copy.as_file().write_all_at(&[byte ^ 1 << bit], *place).expect("a byte");
            }
            let (entries, error) = readable(copy.path());
            let first = places.iter().map(|(place, _)| *place).min().expect("a place");
            if first >= 272 {
                let sure = recorded.before(first);
                let same = entries.get(..sure) == recorded.entries.get(..sure);
                assert!(same, "{name}, trial {trial}: {places:?} changed one of the first {sure}");
            }
            assert!(entries.len() <= recorded.entries.len(), "{name}, trial {trial}: {places:?}");
            errors += usize::from(error.is_some());
            changed += usize::from(entries != recorded.entries);
            for (place, _) in places {
                let byte = recorded.bytes[usize::try_from(place).expect("an offset")];
                copy.as_file().write_all_at(&[byte], place).expect("a byte");
            }
        }
        assert_eq!(readable(copy.path()).0, recorded.entries, "{name}: the copy is as it was");
    }
    assert!(errors > 10 && changed > 150, "the damage does too little: {errors}, {changed}");
}

#[test]
fn a_cut_file_gives_what_it_still_has() {
    for name in NAMES {
        let recorded = Recorded::new(name);
        let copy = tempfile::NamedTempFile::new().expect("a temporary file");
        fs::write(copy.path(), &recorded.bytes).expect("a file");
        let step = (recorded.end() - recorded.first) / 25;
        for place in (0..25).rev().map(|n| recorded.first + n * step) {
            copy.as_file().set_len(place).expect("a shorter file");
            let (entries, error) = readable(copy.path());
            let sure = recorded.before(place);
            assert_eq!(entries, recorded.entries[..sure], "{name} at {place}");
            assert!(error.is_some(), "{name} at {place}: the missing rest is told");
        }
        for place in [271, 264, 208, 100, 8, 0] {
            copy.as_file().set_len(place).expect("a shorter file");
            let (entries, error) = readable(copy.path());
            assert!(entries.is_empty(), "{name} at {place}");
            let transient = error.is_some_and(|error| error.is_transient());
            assert!(transient || place > 100, "{name} at {place}: journald may be creating it");
        }
    }
}

#[test]
fn an_unknown_format_is_named() {
    let copy = tempfile::NamedTempFile::new().expect("a temporary file");
    fs::write(copy.path(), fixture("zstd.journal.gz")).expect("a file");
    copy.as_file().write_all_at(&[0x48], 12).expect("a flag");
    let (entries, error) = readable(copy.path());
    let said = error.expect("an error").to_string();
    assert!(entries.is_empty() && said.contains("flags 0x40"), "{said}");
    fs::write(copy.path(), "no journal at all, but long enough to have a header: ".repeat(9))
        .expect("a file");
    let said = readable(copy.path()).1.expect("an error").to_string();
    assert!(said.starts_with("not a journal file"), "{said}");
}
