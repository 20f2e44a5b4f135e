//! Lines that are written while the body is sent, some at a time.
//!
//! A node with 110 pods has 10 MB of lines about its containers at each scrape, all of them new. So
//! that they never stand in memory together, their collector gives what it read, as [`Draw`], and
//! lines are made of it row by row once their bytes have a way out.

use crate::{Family, Samples, deflate::Coder};
use std::{fmt, ops::Range, sync::Arc};

/// What lines of some families can be made of, the same as often as they are.
pub trait Draw: fmt::Debug + Send + Sync {
    /// How many rows there are, each with some lines in some families.
    fn rows(&self) -> usize;

    /// Writes the lines of these rows in the family that has this number.
    fn draw(&self, family: usize, rows: Range<usize>, samples: &mut Samples<'_>);
}

/// The lines of one family that are yet to be written.
#[derive(Clone, Debug)]
pub struct Drawn {
    pub(crate) family: Family,
    number: usize,
    samples: usize,
    rows: usize,
    what: Arc<dyn Draw>,
}

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
        what.draw(number, 0..rows, &mut Samples::count(&mut samples, family));
        Self { family: family.clone(), number, samples, rows, what }
    }

    /// The number of lines.
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Appends the lines of these rows.
    pub fn write(&self, rows: Range<usize>, out: &mut Vec<u8>) {
        self.what.draw(self.number, rows, &mut Samples::new(out, &self.family));
    }
}

// === impl Pen ===

impl Pen {
    /// One with fresh state.
    pub fn new() -> Self {
        Self { text: Vec::new(), coder: Coder::new() }
    }

    /// Appends the lines of these rows as deflate has them, and gives their text. All rows, in their
    /// order, make a run of blocks as a [`Page`](crate::Page) is one: it refers to nothing before it,
    /// ends at a byte, and none of the blocks is marked as the last.
    pub fn deflate(&mut self, drawn: &Drawn, rows: Range<usize>, out: &mut Vec<u8>) -> &[u8] {
        let Self { text, coder } = self;
        text.clear();
        if rows.start == 0 {
            coder.begin();
        }
        let last = rows.end >= drawn.rows;
        drawn.what.draw(drawn.number, rows, &mut Samples::coded(text, coder, &drawn.family));
        coder.turn(text);
        if last {
            coder.end();
        }
        coder.take(out);
        text
    }
}

impl Default for Pen {
    fn default() -> Self {
        Self::new()
    }
}
