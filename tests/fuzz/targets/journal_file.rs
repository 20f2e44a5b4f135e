//! A journal file that somebody has scribbled on, or any bytes at all: reading ends, whole, fast, from a
//! place within, again after the header has changed, and merged.
//!
//! The input is a kind of file, a length to cut it to, and pieces to write over it (place, length, bytes).
#![no_main]

use journal_reader::{
    Buffers, ClassCache, Head, Id, JournalFile, Limits, Merge, Stamp, State, Verdict, flags,
    testing::Writer,
};
use libfuzzer_sys::fuzz_target;
use std::{fs::File, os::unix::fs::FileExt, sync::LazyLock};

/// "word word … word", by xz --check=none.
const XZ: &[u8] = include_bytes!("journal_field.xz");

static FILES: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| [written(0), written(flags::COMPACT)]);

fuzz_target!(|input: &[u8]| {
    let Some((kind, rest)) = input.split_first() else { return };
    let mut bytes = match kind % 4 {
        0 => rest.to_vec(),
        n => FILES[usize::from(n % 2)].clone(),
    };
    if kind % 4 != 0 {
        scribble(&mut bytes, rest);
    }
    let file =
        rustix::fs::memfd_create("journal", rustix::fs::MemfdFlags::CLOEXEC).expect("a file");
    let file = File::from(file);
    file.write_all_at(&bytes, 0).expect("room");
    let open = || JournalFile::new(file.try_clone().expect("a descriptor"));
    let Ok(mut whole) = open() else { return };
    let most = bytes.len() / 64 + 1;

    let mut buffers = Buffers::new(Limits { window_bytes: 4096, ..Limits::default() });
    let mut field = Vec::new();
    let mut entries = 0;
    while let Ok(Some(mut entry)) = whole.next(&mut buffers) {
        entries += 1;
        for index in 0..entry.len() {
            entry.read(index, 70_000, &mut field);
            assert!(field.len() <= 70_000);
        }
    }
    assert!(entries <= most, "{entries} entries in {} bytes", bytes.len());

    let mut fast = open().expect("as before");
    let mut buffers = Buffers::new(Limits { window_bytes: 4096, ..Limits::default() });
    let (mut cache, mut other) = (ClassCache::new(), ClassCache::new());
    let mut seen = 0;
    while let Ok(Some(mut entry)) = fast.next(&mut buffers) {
        seen += 1;
        let classify = |head: Head<'_>| {
            assert!(head.bytes.len() <= 288);
            match head.bytes.len() % 3 {
                _ if head.hidden => Verdict::Unique(0),
                0 => Verdict::Ignored,
                _ => Verdict::Shared(head.bytes.len()),
            }
        };
        let mut all = Vec::new();
        entry.classes(&mut cache, classify, |index, class| all.push((index, class)));
        let fields = 0..entry.len();
        let class = |index| Some((index, entry.class(index, &mut other, classify)?));
        let one_by_one: Vec<_> = fields.filter_map(class).collect();
        assert_eq!(all, one_by_one);
    }
    assert_eq!(seen, entries, "both ways see the same entries");

    for target in 0..4 {
        if fast.seek(&mut buffers, |stamp| stamp.seqnum <= target).is_ok() {
            let mut steps = 0;
            while let Ok(Some(_)) = fast.next(&mut buffers) {
                steps += 1;
                assert!(steps <= most);
            }
        }
    }
    drop(file.write_all_at(&bytes[..bytes.len().min(100)], 100));
    if fast.refresh(&mut buffers).is_ok() {
        drop(fast.next(&mut buffers).map(|_| ()));
    }
    let files = [open(), open()].into_iter().flatten().collect();
    let mut merged = Merge::new(files, Limits { window_bytes: 4096, ..Limits::default() });
    let mut steps = 0;
    while let Some(_) = merged.next() {
        steps += 1;
        assert!(steps <= 2 * most + 2);
    }
});

fn scribble(bytes: &mut Vec<u8>, mut input: &[u8]) {
    while let [a, b, len, rest @ ..] = input {
        let len = usize::from(len % 17).min(rest.len());
        let at = usize::from(u16::from_le_bytes([*a, *b]));
        let (piece, rest) = rest.split_at(len);
        if len == 0 {
            bytes.truncate(at.max(208));
        } else if let Some(place) = bytes.get_mut(at..at + len) {
            place.copy_from_slice(piece);
        }
        input = rest;
    }
}

/// Six entries of all kinds, 4 to 5 KB.
fn written(flags: u32) -> Vec<u8> {
    let compressions = flags::XZ | flags::LZ4 | flags::ZSTD;
    let mut writer = Writer::new(flags | compressions, Id([1; 16]), Id([2; 16]));
    let text = b"MESSAGE=".iter().copied().chain(b"word ".iter().copied().cycle().take(900));
    let text: Vec<u8> = text.collect();
    let zstd = ruzstd::encoding::compress_to_vec(
        text.as_slice(),
        ruzstd::encoding::CompressionLevel::Fastest,
    );
    let mut lz4 = 13_u64.to_le_bytes().to_vec();
    lz4.extend([0x90, b'M', b'E', b'S', b'S', b'A', b'G', b'E', b'=', b'x', 1, 0, 0]);
    for n in 1..=6 {
        let stamp =
            Stamp { seqnum: n, realtime: 10 + n, monotonic: n, boot_id: Id([3; 16]), xor_hash: 5 };
        let own = format!("OWN={n}");
        let kinds: [(u8, &[u8]); 4] = [(0, &text), (1, XZ), (2, &lz4), (4, &zstd)];
        writer
            .stored_entry(stamp, &[(0, b"PRIORITY=6"), (0, own.as_bytes()), kinds[n as usize % 4]]);
    }
    writer.set_state(State::Archived);
    writer.bytes().to_vec()
}
