//! What is packed unpacks to the same, and the tables are those of the RFC.

use super::*;
use crate::{Draw, Drawn, Family, Pen, Samples, Sheets, Written};
use flate2::{Decompress, FlushDecompress};
use proptest::prelude::*;
use std::{ops::Range, sync::Arc};

static FAMILY: Family = Family::gauge("family", "", &[]);

/// Rows of stretches as their parts, what comes behind the first, and a number; and what is kept of them.
#[derive(Debug)]
struct Rows(Vec<Row>, Sheets);

#[derive(Debug)]
struct Row {
    labels: Stretch,
    more: String,
    number: f64,
}

impl Draw for Rows {
    fn rows(&self) -> usize {
        self.0.len()
    }

    fn draw(&self, family: usize, rows: Range<usize>, samples: &mut Samples<'_>) {
        for Row { labels, more, number } in self.0.get(rows).unwrap() {
            match family {
                0 => samples.stretch(labels, &[more], *number),
                1 => samples.rendered(&[labels], 1u64),
                2 => samples.stretch(labels, &[], *number),
                _ => samples.row(&[], 7u64),
            }
        }
    }

    fn sheets(&self) -> Option<&Sheets> {
        Some(&self.1)
    }
}

/// The lines of families, and what comes out of their blocks behind one another.
fn there_and_back(rows: Vec<Row>, families: &[usize]) -> (Vec<u8>, Vec<u8>, usize) {
    let (mut lines, mut blocks, mut pen) = (Vec::new(), Vec::new(), Pen::new());
    let rows = Arc::new(Rows(rows, Sheets::default()));
    let mut times = [0; 4];
    for number in families {
        let drawn = Drawn::new(&FAMILY, *number, Arc::<Rows>::clone(&rows));
        assert_eq!(drawn.samples(), rows.0.len());
        times[*number] += 1;
        for sheet in 0..drawn.sheets() {
            let from = lines.len();
            drawn.write(sheet, &mut lines);
            match pen.deflate(&drawn, sheet, &mut blocks) {
                Written::Anew(text) => {
                    assert!(times[*number] < 3);
                    assert_eq!(&lines[from..], text);
                }
                Written::Again(page) => {
                    assert!(times[*number] > 2, "only what came twice is kept");
                    assert_eq!(page.len(), lines.len() - from);
                    assert_eq!(page.crc(), crc32fast::hash(&lines[from..]));
                }
            }
            assert!(blocks.ends_with(&[0, 0, 0xff, 0xff]));
        }
    }
    let size = blocks.len();
    blocks.extend_from_slice(&[3, 0]);
    let mut out = Vec::with_capacity(lines.len() + 1);
    let mut stream = Decompress::new(false);
    stream.decompress_vec(&blocks, &mut out, FlushDecompress::Finish).unwrap();
    assert_eq!(stream.total_in(), blocks.len() as u64, "all of it was read");
    (lines, out, size)
}

#[test]
fn codes_are_whole() {
    for lengths in [&LITERAL_BITS[..], &DISTANCE_BITS] {
        let sum: u32 = lengths.iter().map(|len| 1 << (15 - u32::from(*len))).sum();
        assert_eq!(sum, 1 << 15, "neither too many codes nor a gap");
    }
    // RFC 1951, 3.2.5.
    for (len, symbol, extra) in
        [(3, 257, 0), (10, 264, 0), (13, 266, 0), (14, 266, 1), (257, 284, 30), (258, 285, 0)]
    {
        let (code, bits) = canonical(&LITERAL_BITS)[symbol];
        assert_eq!(CODES.length(len).0, code | extra << bits, "{len}");
    }
    for (distance, symbol, extra) in [
        (1, 0, 0),
        (4, 3, 0),
        (5, 4, 0),
        (256, 15, 63),
        (257, 16, 0),
        (24577, 29, 0),
        (32768, 29, 8191),
    ] {
        let (code, bits) = canonical(&DISTANCE_BITS)[symbol];
        assert_eq!(CODES.distance(distance).0, code | extra << bits, "{distance}");
    }
}

#[test]
fn what_comes_again_costs_little() {
    let row = |at: u32| {
        let id = format!(
            "{:064x}",
            u128::from(at + 1).wrapping_pow(9).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        );
        let parts =
            ["name=\"a-name-that-all-have-0123456789\",id=\"", &id, "\",image=\"some/image\""];
        let labels = Stretch::new([&parts[..], &[",again=\"", &id, "\""]]);
        Row { labels, more: ",kind=\"one of few\"".into(), number: at.into() }
    };
    let (lines, out, size) = there_and_back((0..2000).map(row).collect(), &[0]);
    assert!(lines == out);
    assert!(size * 4 < lines.len(), "{size} of {}", lines.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_goes_in_comes_out(
        parts in prop::collection::vec(prop_oneof!["[a-z0-9]{0,12}", "\\PC{0,9}", "(ab){0,400}"], 1..9),
        rows in prop::collection::vec(
            (prop::collection::vec(any::<prop::sample::Index>(), 0..6), "[a-c]{0,3}", any::<f64>()),
            0..300,
        ),
    ) {
        let rows = rows.into_iter().map(|(picks, more, number)| {
            let first: Vec<_> =
                picks.iter().map(|pick| parts[pick.index(parts.len())].as_str()).collect();
            let second: Vec<_> = first.iter().rev().copied().collect();
            Row { labels: Stretch::new([&first[..], &[], &second]), more, number }
        });
        let (lines, out, _) = there_and_back(rows.collect(), &[0, 0, 1, 3, 2, 0, 2, 0]);
        prop_assert!(lines == out);
    }
}
