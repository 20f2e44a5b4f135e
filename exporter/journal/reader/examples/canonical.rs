//! Prints a line for each entry of journal files, to compare readers: seqnum, realtime in µs, number of
//! fields, and the sum of the FNV-1a hashes of all `NAME=value`.
//!
//!     cargo run -p journal-reader --example canonical -- FILE…

use journal_reader::{Buffers, JournalFile, Limits};
use std::io::{BufWriter, Write};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    let limits = Limits::full();
    let mut buffers = Buffers::new(limits);
    let mut field = Vec::new();
    for path in std::env::args_os().skip(1) {
        let mut file = JournalFile::open(&path)?;
        while let Some(mut entry) = file.next(&mut buffers)? {
            let (mut fields, mut sum) = (0, 0_u64);
            for index in 0..entry.len() {
                if entry.read(index, limits.decompress_bytes, &mut field).is_some() {
                    fields += 1;
                    sum = sum.wrapping_add(fnv(&field));
                }
            }
            let stamp = entry.stamp();
            writeln!(out, "{} {} {fields} {sum:x}", stamp.seqnum, stamp.realtime)?;
        }
    }
    Ok(out.flush()?)
}

fn fnv(bytes: &[u8]) -> u64 {
    let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, mix)
}
