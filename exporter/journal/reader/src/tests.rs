//! Tests over recorded and over written files.

mod damage;
mod file;
mod journal;

use crate::{Buffers, JournalFile, Limits, Result};
use std::{fs::File, io::Read, os::unix::fs::FileExt, sync::LazyLock};

/// The recorded files: their entries are the same.
const RECORDED: [(&str, &[u8]); 4] = [
    ("plain", include_bytes!("../testdata/plain.journal.zst")),
    ("lz4", include_bytes!("../testdata/lz4.journal.zst")),
    ("xz", include_bytes!("../testdata/xz.journal.zst")),
    ("zstd, compact", include_bytes!("../testdata/zstd-compact.journal.zst")),
];

/// Their names and bytes.
fn recorded() -> impl Iterator<Item = (&'static str, &'static [u8])> {
    static UNPACKED: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
        let unpacked = RECORDED.iter().map(|(_, packed)| {
            let mut bytes = Vec::new();
            let mut decoder = ruzstd::decoding::StreamingDecoder::new(*packed).unwrap();
            decoder.read_to_end(&mut bytes).unwrap();
            bytes
        });
        unpacked.collect()
    });
    RECORDED.iter().zip(UNPACKED.iter()).map(|((name, _), bytes)| (*name, bytes.as_slice()))
}

/// The one in a format.
fn recording(format: &str) -> &'static [u8] {
    recorded().find(|(name, _)| *name == format).unwrap().1
}

/// A file without a name.
fn open(bytes: &[u8]) -> Result<JournalFile> {
    JournalFile::new(file_of(bytes))
}

fn file_of(bytes: &[u8]) -> File {
    let fd = rustix::fs::memfd_create("journal", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
    let file = File::from(fd);
    file.write_all_at(bytes, 0).unwrap();
    file
}

/// Seqnum, realtime, and all fields of what can be read, until the first error.
type Entries = Vec<(u64, u64, Vec<Vec<u8>>)>;

fn entries(file: &mut JournalFile, limits: Limits) -> (Entries, Result<()>) {
    let mut buffers = Buffers::new(limits);
    let (mut entries, mut field) = (Vec::new(), Vec::new());
    loop {
        match file.next(&mut buffers) {
            Ok(Some(mut entry)) => {
                let mut fields = Vec::new();
                for index in 0..entry.len() {
                    if entry.read(index, 1 << 20, &mut field).is_some() {
                        fields.push(field.clone());
                    }
                }
                let stamp = entry.stamp();
                entries.push((stamp.seqnum, stamp.realtime, fields));
            }
            Ok(None) => return (entries, Ok(())),
            Err(error) => return (entries, Err(error)),
        }
    }
}
