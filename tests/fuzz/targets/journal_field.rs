//! A compressed field of any bytes: what comes out keeps to its bounds.
//!
//! The input is the compression, a limit, and the field as it is stored.
#![no_main]

use journal_reader::{
    Buffers, ClassCache, Id, JournalFile, Limits, Stamp, Verdict, flags, testing::Writer,
};
use libfuzzer_sys::fuzz_target;
use std::{fs::File, os::unix::fs::FileExt};

fuzz_target!(|input: &[u8]| {
    let [kind, low, high, stored @ ..] = input else { return };
    let limit =
        usize::from(u16::from_le_bytes([*low, *high])) * if kind & 0x80 == 0 { 1 } else { 16 };
    let kind = [1, 2, 4][usize::from(kind & 0x7F) % 3];
    let mut writer = Writer::new(flags::XZ | flags::LZ4 | flags::ZSTD, Id([1; 16]), Id([2; 16]));
    let stamp = Stamp { seqnum: 1, realtime: 1, monotonic: 1, boot_id: Id([3; 16]), xor_hash: 0 };
    writer.stored_entry(stamp, &[(kind, stored), (0, b"MESSAGE=after")]);
    let file =
        rustix::fs::memfd_create("journal", rustix::fs::MemfdFlags::CLOEXEC).expect("a file");
    let file = File::from(file);
    file.write_all_at(writer.bytes(), 0).expect("room");
    let mut file = JournalFile::new(file).expect("a header");
    let mut buffers = Buffers::new(Limits::default());
    let mut entry = file.next(&mut buffers).expect("an entry").expect("an entry");
    let mut field = Vec::new();
    for limit in [limit, 160, limit] {
        if let Some(read) = entry.read(0, limit, &mut field) {
            assert!(field.len() <= limit);
            let len = read.len.unwrap_or(u64::MAX);
            assert!(field.len() as u64 <= len);
            assert_eq!(read.truncated, (field.len() as u64) < len);
        }
    }
    entry.class(0, &mut ClassCache::new(), |head| Verdict::Unique(head.bytes.len()));
    entry.read(1, limit, &mut field).expect("the next field");
    assert_eq!(field, &b"MESSAGE=after"[..limit.min(13)]);
});
