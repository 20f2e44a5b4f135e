//! Files that are as they should be.

use super::{entries, file_of, open, recorded, recording};
use crate::{
    Buffers, ClassCache, Head, Id, JournalFile, Limits, Payload, Stamp, State, Verdict, flags,
    testing::Writer,
};
use expect_test::expect;
use std::os::unix::fs::FileExt;

fn stamp(n: u64) -> Stamp {
    Stamp { seqnum: n, realtime: 1000 + n, monotonic: n, boot_id: Id([7; 16]), xor_hash: 0 }
}

#[test]
fn every_format_gives_every_byte() {
    let (expected, ended) = entries(&mut open(recording("plain")).unwrap(), Limits::full());
    ended.unwrap();
    let shown: Vec<String> = expected
        .iter()
        .map(|(seqnum, time, fields)| {
            let last = fields.last().map(|field| field.escape_ascii().to_string());
            let last = last.filter(|last| last.len() < 40).unwrap_or_else(|| "…".to_owned());
            let sizes: usize = fields.iter().map(Vec::len).sum();
            format!("{seqnum} {time} {} fields, {sizes} bytes, {last}", fields.len())
        })
        .collect();
    expect![[r#"
        1 1700000000000000 6 fields, 893 bytes, MESSAGE=entry number 0
        2 1700000001000000 6 fields, 893 bytes, MESSAGE=entry number 1
        3 1700000002000000 6 fields, 893 bytes, MESSAGE=entry number 2
        4 1700000003000000 6 fields, 888 bytes, MESSAGE=two\nlines
        5 1700000004000000 6 fields, 893 bytes, MESSAGE=entry number 4
        6 1700000005000000 6 fields, 1135 bytes, …
        7 1700000006000000 6 fields, 893 bytes, MESSAGE=entry number 6
        8 1700000007000000 6 fields, 879 bytes, MESSAGE=
        9 1700000008000000 6 fields, 893 bytes, MESSAGE=entry number 8
        10 1700000009000000 6 fields, 1879 bytes, …
        11 1700000010000000 6 fields, 894 bytes, MESSAGE=entry number 10
        12 1700000011000000 6 fields, 1579 bytes, …
        13 1700000012000000 6 fields, 894 bytes, MESSAGE=entry number 12
        14 1700000013000000 6 fields, 233768 bytes, …
        15 1700000014000000 6 fields, 894 bytes, MESSAGE=entry number 14
        16 1700000015000000 6 fields, 400879 bytes, …
        17 1700000016000000 6 fields, 894 bytes, MESSAGE=entry number 16
        18 1700000017000000 8 fields, 904 bytes, TAG=b
        19 1700000018000000 6 fields, 894 bytes, MESSAGE=entry number 18
        20 1700000019000000 206 fields, 3584 bytes, FIELD199=value
        21 1700000020000000 6 fields, 894 bytes, MESSAGE=entry number 20
        22 1700000021000000 6 fields, 894 bytes, MESSAGE=entry number 21
        23 1700000022000000 6 fields, 894 bytes, MESSAGE=entry number 22
        24 1700000023000000 6 fields, 894 bytes, MESSAGE=entry number 23
        25 1700000024000000 6 fields, 894 bytes, MESSAGE=entry number 24
        26 1700000025000000 6 fields, 894 bytes, MESSAGE=entry number 25
        27 1700000026000000 6 fields, 894 bytes, MESSAGE=entry number 26
        28 1700000027000000 6 fields, 894 bytes, MESSAGE=entry number 27
        29 1700000028000000 6 fields, 894 bytes, MESSAGE=entry number 28
        30 1700000029000000 6 fields, 894 bytes, MESSAGE=entry number 29
        31 1700000030000000 6 fields, 894 bytes, MESSAGE=entry number 30
        32 1700000031000000 6 fields, 894 bytes, MESSAGE=entry number 31"#]]
    .assert_eq(&shown.join("\n"));
    for (name, bytes) in recorded() {
        let (given, ended) = entries(&mut open(bytes).unwrap(), Limits::full());
        ended.unwrap();
        assert!(given == expected, "{name}");
    }
}

#[test]
fn duplicates_and_order_are_kept() {
    let mut file = open(recording("zstd, compact")).unwrap();
    let (given, _) = entries(&mut file, Limits::default());
    let tags: Vec<_> = given[17].2.iter().filter(|field| field.starts_with(b"TAG")).collect();
    assert_eq!(tags, [b"TAG=a", b"TAG=b"], "journald itself drops what is equal");
    assert!(given[7].2.contains(&b"MESSAGE=".to_vec()), "an empty value");
}

#[test]
fn a_limit_cuts_and_tells() {
    for (name, bytes) in recorded() {
        let mut file = open(bytes).unwrap();
        // Entry 14 has 230 KB, two blocks; 16 has 400 KB.
        let mut buffers = Buffers::new(Limits::default());
        file.seek(&mut buffers, |stamp| stamp.seqnum < 14).unwrap();
        let whole = Limits::full().decompress_bytes;
        for (limit, truncated) in
            [(0, true), (1, true), (4096, true), (200_000, true), (whole, false)]
        {
            let at = file.at;
            let mut entry = file.next(&mut buffers).unwrap().unwrap();
            let message = (0..entry.len()).find(|index| {
                let mut field = Vec::new();
                entry.read(*index, 8, &mut field);
                field == b"MESSAGE="
            });
            let mut field = Vec::new();
            let read = entry.read(message.unwrap(), limit, &mut field).unwrap();
            assert_eq!(read.truncated, truncated, "{name}, {limit}");
            assert_eq!(field.len(), limit.min(232_897), "{name}, {limit}");
            assert!(b"MESSAGE=0 1 4 9".starts_with(&field[..field.len().min(15)]));
            assert!(truncated || read == Payload { len: Some(field.len() as u64), truncated });
            file.at = at;
        }
    }
}

#[test]
fn memory_bounds_what_a_field_gives() {
    // A frame as long as 230 KB within 64 KiB: its first block, and no more.
    let limits = Limits { decompress_bytes: 64 << 10, ..Limits::default() };
    let mut file = open(recording("zstd, compact")).unwrap();
    let mut buffers = Buffers::new(limits);
    file.seek(&mut buffers, |stamp| stamp.seqnum < 14).unwrap();
    let mut entry = file.next(&mut buffers).unwrap().unwrap();
    let mut longest = (0, false);
    let mut field = Vec::new();
    for index in 0..entry.len() {
        let read = entry.read(index, 1 << 20, &mut field).unwrap();
        longest = longest.max((field.len(), read.truncated));
    }
    assert_eq!(longest, (128 << 10, true));
}

/// What `classify` was asked, entry by entry.
fn asked(file: &mut JournalFile) -> Vec<Vec<String>> {
    let (mut buffers, mut cache) = (Buffers::new(Limits::default()), ClassCache::new());
    let mut all = Vec::new();
    while let Some(mut entry) = file.next(&mut buffers).unwrap() {
        let mut asked = Vec::new();
        for index in 0..entry.len() {
            let class = entry.class(index, &mut cache, |head: Head<'_>| {
                let name =
                    head.name().map_or("hidden".into(), |name| name.escape_ascii().to_string());
                asked.push(format!("{name} {}", head.len.unwrap_or(0)));
                if head.name() == Some(b"MESSAGE") {
                    Verdict::Unique('m')
                } else {
                    Verdict::Shared('s')
                }
            });
            assert!(class.is_some());
        }
        all.push(asked);
    }
    all
}

#[test]
fn shared_fields_are_asked_once_and_long_ones_are_hidden() {
    let mut file = open(recording("zstd, compact")).unwrap();
    let asked = asked(&mut file);
    expect![[r#"
        _BOOT_ID 41, _TRANSPORT 18, PRIORITY 10, _SYSTEMD_UNIT 27, hidden 775, MESSAGE 22
        PRIORITY 10, _SYSTEMD_UNIT 27, MESSAGE 22
        PRIORITY 10, _SYSTEMD_UNIT 27, MESSAGE 22
        PRIORITY 10, MESSAGE 17
        PRIORITY 10, MESSAGE 22
        PRIORITY 10, MESSAGE 264
        PRIORITY 10, MESSAGE 22
        PRIORITY 10, MESSAGE 8
        MESSAGE 22
        hidden 1008"#]]
    .assert_eq(&asked[..10].iter().map(|asked| asked.join(", ")).collect::<Vec<_>>().join("\n"));
}

#[test]
fn seeking_finds_every_entry_with_and_without_arrays() {
    for (name, bytes) in recorded() {
        let mut bytes = bytes.to_vec();
        for arrays in [true, false] {
            if !arrays {
                bytes[176..184].fill(0);
            }
            let mut file = open(&bytes).unwrap();
            let mut buffers = Buffers::new(Limits::default());
            for target in 0..=33 {
                file.seek(&mut buffers, |stamp| stamp.seqnum <= target).unwrap();
                assert_eq!(file.last().seqnum, target.min(32), "{name}, {arrays}");
                let next = file.next(&mut buffers).unwrap().map(|entry| entry.stamp().seqnum);
                assert_eq!(next, (target < 32).then_some(target + 1), "{name}, {arrays}");
            }
            file.seek_tail(&mut buffers).unwrap();
            assert!(file.is_read() && !file.is_finished());
        }
    }
}

#[test]
fn a_file_is_read_while_it_grows() {
    for flags in [0, flags::COMPACT | flags::KEYED_HASH] {
        let mut writer = Writer::new(flags, Id([1; 16]), Id([2; 16]));
        let kept = file_of(writer.bytes());
        let mut file = JournalFile::new(kept.try_clone().unwrap()).unwrap();
        let mut buffers = Buffers::new(Limits::default());
        for n in 1..=200 {
            writer.entry(stamp(n), &[b"PRIORITY=6", format!("MESSAGE={n}").as_bytes()]);
            if n % 3 == 1 {
                assert!(file.next(&mut buffers).unwrap().is_none(), "not before the header tells");
            }
            kept.write_all_at(writer.bytes(), 0).unwrap();
            file.refresh(&mut buffers).unwrap();
            if n % 3 == 0 {
                let mut fields = Vec::new();
                let mut field = Vec::new();
                while let Some(mut entry) = file.next(&mut buffers).unwrap() {
                    entry.read(1, 100, &mut field).unwrap();
                    fields.push(String::from_utf8(field.clone()).unwrap());
                }
                assert_eq!(fields, [n - 2, n - 1, n].map(|n| format!("MESSAGE={n}")));
            }
        }
        writer.set_state(State::Archived);
        kept.write_all_at(writer.bytes(), 0).unwrap();
        file.refresh(&mut buffers).unwrap();
        assert!(!file.is_finished());
        file.seek_tail(&mut buffers).unwrap();
        assert!(file.is_finished());
    }
}

#[test]
fn cursors_are_as_journalctl_prints_them() {
    let mut file = open(recording("plain")).unwrap();
    let mut buffers = Buffers::new(Limits::default());
    let entry = file.next(&mut buffers).unwrap().unwrap();
    let cursor = entry.cursor().to_string();
    let (numbering, rest) = cursor.split_at(34);
    assert_eq!(numbering, format!("s={}", entry.seqnum_id()));
    expect![";i=1;b=0123456789abcdef0123456789abcdef;m=4c4b40;t=60a24181e4000;x=ee7aa5c97ac23d3b"]
        .assert_eq(rest);
}
