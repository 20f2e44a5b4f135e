//! Lines that are written while the body is sent, some at a time.
//!
//! A node with 110 pods has 10 MB of lines about its containers at each scrape, all of them new. So
//! that they never stand in memory together, their collector gives what it read, as [`Draw`], and
//! lines are made of it row by row once their bytes have a way out.

use crate::{Family, Page, Samples, Sheets, deflate::Coder, mark::Mark};
use std::{fmt, ops::Range, sync::Arc};

/// What lines of some families can be made of, the same as often as they are.
pub trait Draw: fmt::Debug + Send + Sync {
    /// How many rows there are, each with some lines in some families.
    fn rows(&self) -> usize;

    /// Writes the lines of these rows in the family that has this number.
    fn draw(&self, family: usize, rows: Range<usize>, samples: &mut Samples<'_>);

    /// Where lines are kept that stand still from one scrape to the next.
    fn sheets(&self) -> Option<&Sheets> {
        None
    }
}

/// The lines of one family that are yet to be written.
#[derive(Clone, Debug)]
pub struct Drawn {
    pub(crate) family: Family,
    number: usize,
    samples: usize,
    rows: usize,
    /// What tells the lines of each sheet from others.
    marks: Arc<[u64]>,
    what: Arc<dyn Draw>,
}

/// What went out of a sheet's lines.
#[derive(Debug)]
pub enum Written<'a> {
    /// They were written anew, this is their text.
    Anew(&'a [u8]),
    /// They went out as they did before.
    Again(Arc<Page>),
}

/// Rows whose lines are written at once: a sheet.
const ROWS: usize = 64;

/// What lines are written with, kept from one family to the next: some 100 KiB.
#[derive(Debug)]
pub struct Pen {
    text: Vec<u8>,
    coder: Coder,
}

// === impl Drawn ===

impl Drawn {
    pub(crate) fn new(family: &Family, number: usize, what: Arc<dyn Draw>) -> Self {
        let (rows, mut samples) = (what.rows(), 0);
        let marks: Arc<[u64]> = (0..rows.div_ceil(ROWS))
            .map(|sheet| {
                let mut mark = Mark::default();
                what.draw(number, rows_of(sheet, rows), &mut Samples::mark(&mut mark, family));
                samples += mark.lines;
                mark.number()
            })
            .collect();
        if let Some(sheets) = what.sheets() {
            sheets.fit(number, marks.len());
        }
        Self { family: family.clone(), number, samples, rows, marks, what }
    }

    /// The number of lines.
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// The number of sheets.
    pub fn sheets(&self) -> usize {
        self.marks.len()
    }

    /// Appends the lines of a sheet.
    pub fn write(&self, sheet: usize, out: &mut Vec<u8>) {
        self.draw(sheet, &mut Samples::new(out, &self.family));
    }

    fn draw(&self, sheet: usize, samples: &mut Samples<'_>) {
        self.what.draw(self.number, rows_of(sheet, self.rows), samples);
    }
}

fn rows_of(sheet: usize, rows: usize) -> Range<usize> {
    (sheet * ROWS).min(rows)..((sheet + 1) * ROWS).min(rows)
}

// === impl Pen ===

impl Pen {
    /// One with fresh state.
    pub fn new() -> Self {
        Self { text: Vec::new(), coder: Coder::new() }
    }

    /// Appends the lines of a sheet as deflate has them: a run of blocks as a [`Page`] is one, which
    /// refers to nothing before it and ends at a byte, and of which none is marked as the last.
    pub fn deflate(&mut self, drawn: &Drawn, sheet: usize, out: &mut Vec<u8>) -> Written<'_> {
        let Self { text, coder } = self;
        let mark = drawn.marks.get(sheet).copied().unwrap_or_default();
        let sheets = drawn.what.sheets();
        let stays = match sheets.map(|sheets| sheets.find(drawn.number, sheet, mark)) {
            Some(Ok(page)) => {
                out.extend_from_slice(page.deflated());
                return Written::Again(page);
            }
            Some(Err(stays)) => stays,
            None => false,
        };
        text.clear();
        coder.begin();
        drawn.draw(sheet, &mut Samples::coded(text, coder, &drawn.family));
        coder.turn(text);
        coder.end();
        let begun = out.len();
        coder.take(out);
        let deflated = out.get(begun..).unwrap_or_default();
        if let Some(sheets) = sheets.filter(|_| stays)
            && let Some(page) = Page::of(deflated, text, 0)
        {
            sheets.keep(drawn.number, sheet, mark, page);
        }
        Written::Anew(text)
    }
}

impl Default for Pen {
    fn default() -> Self {
        Self::new()
    }
}
