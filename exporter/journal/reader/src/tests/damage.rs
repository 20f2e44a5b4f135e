//! Files that are not as they should be: named, counted, skipped; never a panic, never an endless loop.

use super::{entries, open, recorded};
use crate::{Buffers, Error, Id, Limits, Stamp, flags, testing::Writer};

fn stamp(n: u64) -> Stamp {
    Stamp { seqnum: n, realtime: 1000 + n, monotonic: n, boot_id: Id([7; 16]), xor_hash: 0 }
}

/// A file with `count` entries of two fields.
fn written(count: u64) -> Writer {
    let mut writer = Writer::new(0, Id([1; 16]), Id([2; 16]));
    for n in 1..=count {
        writer.entry(stamp(n), &[b"PRIORITY=6", format!("MESSAGE={n}").as_bytes()]);
    }
    writer
}

fn put(bytes: &mut [u8], at: usize, with: &[u8]) {
    bytes[at..at + with.len()].copy_from_slice(with);
}

/// Where the first object of this kind after `from` is.
fn object(bytes: &[u8], kind: u8, from: usize) -> usize {
    let mut at = 272;
    while at < from || bytes[at] != kind {
        let size = u64::from_le_bytes(bytes[at + 8..at + 16].try_into().unwrap());
        at = (at + usize::try_from(size).unwrap()).next_multiple_of(8);
    }
    at
}

#[test]
fn headers_are_checked() {
    let good = written(1).bytes().to_vec();
    let said = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        change(&mut bytes);
        open(&bytes).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(said(&|_| ()), Ok(()));
    for cut in [0, 7, 8, 100, 207] {
        assert_eq!(said(&|bytes| bytes.truncate(cut)), Err("no header yet".into()), "{cut}");
    }
    let blank = said(&|bytes| bytes[..272].fill(0));
    assert_eq!(blank, Err("no header yet".into()));
    let signature = "not a journal file: expected the signature LPKSHHRH";
    assert_eq!(said(&|bytes| bytes[0] = b'l'), Err(signature.into()));
    let unknown = "incompatible flags 0x8020 are not known; a newer reader is needed";
    let flags = u32::to_le_bytes(flags::COMPACT | 1 << 5 | 1 << 15);
    assert_eq!(said(&|bytes| put(bytes, 12, &flags)), Err(unknown.into()));
    assert_eq!(said(&|bytes| put(bytes, 8, &[0xFF; 4])), Ok(()), "compatible ones do not matter");
    let size = "header: expected a size of 208 bytes to 64 KiB";
    assert_eq!(said(&|bytes| put(bytes, 88, &u64::to_le_bytes(1 << 40))), Err(size.into()));
}

#[test]
fn a_file_without_end_stops_there() {
    let good = written(3).bytes().to_vec();
    let second = object(&good, 3, object(&good, 3, 0) + 1);
    let cases: [(u64, &str); 4] = [
        (0, "object at 640: kind 3, 0 bytes"),
        (15, "object at 640: kind 3, 15 bytes"),
        (1 << 40, "object at 640: kind 3, 1099511627776 bytes"),
        (u64::MAX, "object at 640: kind 3, 18446744073709551615 bytes"),
    ];
    for (size, expected) in cases {
        let mut bytes = good.clone();
        put(&mut bytes, second + 8, &size.to_le_bytes());
        let (read, ended) = entries(&mut open(&bytes).unwrap(), Limits::default());
        assert_eq!(read.len(), 1, "what stands before it is read");
        let error = ended.unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
    // A header that promises more than there is.
    let (read, ended) = entries(&mut open(&good[..second + 10]).unwrap(), Limits::default());
    assert_eq!(read.len(), 1);
    assert!(matches!(ended, Err(Error::Truncated { .. })), "{ended:?}");
    let (read, ended) = entries(&mut open(&good[..272]).unwrap(), Limits::default());
    assert!(read.is_empty() && matches!(ended, Err(Error::Truncated { offset: 272 })), "{ended:?}");
}

#[test]
fn an_odd_entry_costs_itself() {
    let good = written(3).bytes().to_vec();
    let second = object(&good, 3, object(&good, 3, 0) + 1);
    let changes: [(usize, Vec<u8>); 4] = [
        (16, vec![0; 8]),                          // no number
        (24, vec![0; 8]),                          // no time
        (24, u64::MAX.to_le_bytes().to_vec()),     // no time that there is
        (8, (64_u64 + 31).to_le_bytes().to_vec()), // a pointer and a half
    ];
    for (at, with) in changes {
        let mut bytes = good.clone();
        put(&mut bytes, second + at, &with);
        let mut file = open(&bytes).unwrap();
        let mut buffers = Buffers::new(Limits::default());
        let mut seen = Vec::new();
        while let Some(entry) = file.next(&mut buffers).unwrap() {
            seen.push(entry.stamp().seqnum);
        }
        assert_eq!((seen, buffers.counts.entries_skipped), (vec![1, 3], 1), "{at}");
    }
}

#[test]
fn an_odd_field_costs_itself() {
    let good = written(2).bytes().to_vec();
    let first = object(&good, 3, 0);
    let data = object(&good, 1, 0);
    let changes: [(usize, Vec<u8>); 8] = [
        (first + 64, u64::MAX.to_le_bytes().to_vec()), // nowhere
        (first + 64, vec![0; 8]),                      // the header
        (first + 64, (first as u64).to_le_bytes().to_vec()), // an entry
        (data, vec![2]),                               // another kind
        (data + 1, vec![8]),                           // an unknown compression
        (data + 1, vec![4]),                           // not what it says
        (data + 8, 64_u64.to_le_bytes().to_vec()),     // empty
        (data + 8, (1_u64 << 33).to_le_bytes().to_vec()), // longer than any
    ];
    for (at, with) in changes {
        let mut bytes = good.clone();
        put(&mut bytes, at, &with);
        // Stepping over a field that lies about its size is another matter: read one entry.
        put(&mut bytes, 152, &1_u64.to_le_bytes());
        let mut file = open(&bytes).unwrap();
        file.at.next = first as u64;
        let mut buffers = Buffers::new(Limits::default());
        let mut entry = file.next(&mut buffers).unwrap().unwrap();
        let mut field = Vec::new();
        assert_eq!(entry.read(0, 100, &mut field), None, "{at} {with:?}");
        assert!(entry.read(1, 100, &mut field).is_some() && field == b"MESSAGE=1");
        assert_eq!(buffers.counts.fields_skipped, 1);
    }
}

#[test]
fn fields_beyond_the_limit_are_counted() {
    let mut writer = Writer::new(flags::COMPACT, Id([1; 16]), Id([2; 16]));
    let texts: Vec<String> = (0..3000).map(|n| format!("FIELD{n}=")).collect();
    let fields: Vec<&[u8]> = texts.iter().map(String::as_bytes).collect();
    writer.entry(stamp(1), &fields);
    writer.entry(stamp(2), &[b"MESSAGE=after"]);
    let mut file = open(writer.bytes()).unwrap();
    let mut buffers = Buffers::new(Limits::default());
    assert_eq!(file.next(&mut buffers).unwrap().unwrap().len(), 2048);
    assert_eq!(file.next(&mut buffers).unwrap().unwrap().len(), 1);
    assert_eq!(buffers.counts.fields_skipped, 3000 - 2048);
}

#[test]
fn an_entry_that_was_never_there_is_not_waited_for() {
    let mut bytes = written(2).bytes().to_vec();
    put(&mut bytes, 152, &5_u64.to_le_bytes());
    let mut file = open(&bytes).unwrap();
    let mut buffers = Buffers::new(Limits::default());
    while file.next(&mut buffers).unwrap().is_some() {}
    assert!(file.is_read());
    file.refresh(&mut buffers).unwrap();
    assert_eq!((file.at.seen, buffers.counts.entries_skipped), (5, 3));
}

/// xorshift: the same changes each time.
fn random(state: &mut u64) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    usize::try_from(*state >> 11).unwrap()
}

#[test]
fn flipped_bits_and_cuts_end_in_order() {
    let mut state = 88_172_645_463_325_252;
    for (name, good) in recorded() {
        // Behind the two tables of hashes, which nobody reads.
        let objects = object(good, 1, 0);
        for round in 0..16 {
            let mut bytes = good.to_vec();
            for _ in 0..=round % 8 {
                let at = objects + random(&mut state) % (good.len() - objects).min(40_000);
                bytes[at] ^= 1 << (random(&mut state) % 8);
            }
            if round % 5 == 0 {
                bytes.truncate(objects + random(&mut state) % (good.len() - objects));
            }
            let mut file = open(&bytes).unwrap();
            let (read, _) = entries(&mut file, Limits::default());
            assert!(read.len() <= 32, "{name}");
            let mut buffers = Buffers::new(Limits::default());
            if file.seek(&mut buffers, |stamp| stamp.seqnum < 9).is_ok() {
                file.next(&mut buffers).map(|_| ()).unwrap_or_default();
            }
        }
    }
}
