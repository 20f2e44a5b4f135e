//! Where a collector writes: sample lines in one buffer, and which family each stretch belongs to.

use crate::{Draw, Drawn, Family, Kind, Page, Samples};
use std::sync::Arc;

/// What one collector wrote in one scrape.
#[derive(Debug, Default)]
pub struct Block {
    pub(crate) lines: Vec<u8>,
    pub(crate) spans: Vec<Span>,
    pub(crate) pages: Vec<(Family, Arc<[Arc<Page>]>)>,
    pub(crate) drawn: Vec<Drawn>,
    /// What was left out and why, one clause each; the collector as a whole went on.
    pub remarks: Vec<String>,
    /// Declared families that no guest may stand in for, though they are not here: those of a
    /// collector that failed or ran late.
    pub claims: &'static [&'static [Family]],
}

/// A stretch of lines of one family: it ends at `end` and starts where the one before it ends.
#[derive(Debug)]
pub(crate) struct Span {
    pub(crate) family: Family,
    pub(crate) end: usize,
    /// Whether a built-in family of the same name replaces this one (textfiles).
    pub(crate) guest: bool,
    /// Whether a name in the lines stands in quotes, so that the format's escaping applies.
    pub(crate) quoted: bool,
}

/// Where a collector writes its families.
///
/// A family may be written in several stretches and by several collectors: [`encode`](crate::encode)
/// joins them under one header. A family without a sample leaves no trace.
#[derive(Debug, Default)]
pub struct Writer {
    block: Block,
}

/// Remarks kept of one collector in one scrape; more are only counted.
const MAX_REMARKS: usize = 20;

// === impl Writer ===

impl Writer {
    /// A writer whose buffer already has room for `bytes` of lines.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { block: Block { lines: Vec::with_capacity(bytes), ..Block::default() } }
    }

    /// Writes samples of one family.
    pub fn family(&mut self, family: &Family, write: impl FnOnce(&mut Samples<'_>)) {
        let start = self.block.lines.len();
        write(&mut Samples::new(&mut self.block.lines, family));
        if self.block.lines.len() > start {
            let end = self.block.lines.len();
            let span = Span { family: family.clone(), end, guest: false, quoted: false };
            self.block.spans.push(span);
        }
    }

    /// Adds lines that are kept compressed. No line may be in another page or stretch of the
    /// family: they go out as they are, without a look at them. Not for histograms and summaries.
    pub fn pages(&mut self, family: &Family, pages: Arc<[Arc<Page>]>) {
        debug_assert!(!matches!(family.kind, Kind::Histogram | Kind::Summary), "{family:?}");
        if pages.iter().any(|page| !page.is_empty()) {
            self.block.pages.push((family.clone(), pages));
        }
    }

    /// Adds lines that are written when they are sent: those that `what` has under `number`. As with
    /// pages, no line may be in another stretch of the family, and not for histograms and summaries.
    pub fn drawn(&mut self, family: &Family, number: usize, what: Arc<dyn Draw>) {
        debug_assert!(!matches!(family.kind, Kind::Histogram | Kind::Summary), "{family:?}");
        let drawn = Drawn::new(family, number, what);
        if drawn.samples() > 0 {
            self.block.drawn.push(drawn);
        }
    }

    /// Copies canonical lines of a family that came from outside ([`parse`](crate::parse) renders
    /// them): a built-in family of one of its names replaces it. `quoted` says whether a name in the
    /// lines stands in quotes, so that the format's escaping applies.
    pub fn guest(&mut self, family: &Family, lines: &[u8], quoted: bool) {
        if !lines.is_empty() {
            self.block.lines.extend_from_slice(lines);
            let end = self.block.lines.len();
            self.block.spans.push(Span { family: family.clone(), end, guest: true, quoted });
        }
    }

    /// Notes something that was left out while the collector went on; it is logged once and shown
    /// on the status page. `text` names the thing and the reason.
    pub fn remark(&mut self, text: impl Into<String>) {
        match self.block.remarks.len() {
            n if n < MAX_REMARKS => self.block.remarks.push(text.into()),
            MAX_REMARKS => self.block.remarks.push("further remarks were left out".into()),
            _ => {}
        }
    }

    /// What was written.
    pub fn finish(self) -> Block {
        self.block
    }
}

// === impl Block ===

impl Block {
    /// The number of samples.
    #[expect(clippy::naive_bytecount, reason = "the compiler makes vector code of it")]
    pub fn samples(&self) -> usize {
        let paged = self.pages.iter().flat_map(|(_, pages)| pages.iter());
        let lines = self.lines.iter().filter(|&&b| b == b'\n').count();
        let drawn = self.drawn.iter().map(Drawn::samples).sum::<usize>();
        lines + paged.map(|page| page.samples()).sum::<usize>() + drawn
    }

    /// The bytes of sample lines that stand in it: no headers, no pages, nothing that is yet to be written.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.pages.is_empty() && self.drawn.is_empty()
    }

    /// Built-in families and their lines, pages apart, in the order in which they were written.
    pub fn families(&self) -> impl Iterator<Item = (&Family, &[u8])> {
        self.spans().filter(|(span, _)| !span.guest).map(|(span, lines)| (&span.family, lines))
    }

    pub(crate) fn spans(&self) -> impl Iterator<Item = (&Span, &[u8])> {
        let mut start = 0;
        self.spans.iter().map(move |span| {
            let lines = self.lines.get(start..span.end).unwrap_or_default();
            start = span.end;
            (span, lines)
        })
    }
}
