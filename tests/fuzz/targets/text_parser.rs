//! Any text as a textfile: no panic, and what is taken reads back the same from our own output.
#![no_main]

use exposition::{Block, Escaping, Format, Writer, encode, parse};
use libfuzzer_sys::fuzz_target;
use std::collections::HashSet;

fuzz_target!(|bytes: &[u8]| {
    let once = guests(&String::from_utf8_lossy(bytes));
    let format = Format::TEXT.escaping(Escaping::AllowUtf8);
    let text = encode(&[&once], format).body;
    let again = encode(&[&guests(std::str::from_utf8(&text).expect("UTF-8"))], format).body;
    assert!(text == again, "{}\n{}", text.escape_ascii(), again.escape_ascii());
    for escaping in [Escaping::Underscores, Escaping::Dots, Escaping::Values] {
        encode(&[&once], Format::OPENMETRICS.escaping(escaping));
        encode(&[&once], Format::PROTOBUF.escaping(escaping));
    }
});

fn guests(text: &str) -> Block {
    let mut seen = HashSet::new();
    let mut out = Writer::default();
    for family in &parse(text).families {
        let lines = family.lines().filter(|line| seen.insert(line.series.to_vec()));
        let lines: Vec<u8> = lines.flat_map(|line| line.text.to_vec()).collect();
        out.guest(&family.family, &lines, family.quoted);
    }
    out.finish()
}
