//! Sheets of drawn lines that stand still, as they were sent before.
//!
//! Of the lines about a container most say what they said before: its limits, when it began, what it
//! does not use. So whole sheets are the same from scrape to scrape, and cost a copy of their bytes
//! where those are kept. What changes each time never is.

use crate::Page;
use std::sync::{Arc, Mutex, PoisonError};

/// Kept from scrape to scrape by who draws. Holds 896 KiB at most.
#[derive(Debug, Default)]
pub struct Sheets(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    /// By family, and by their place in it.
    all: Vec<Vec<Sheet>>,
    bytes: usize,
}

/// What a sheet was when it was last sent.
#[derive(Clone, Debug, Default)]
struct Sheet {
    mark: Option<u64>,
    page: Option<Arc<Page>>,
}

/// Compressed bytes that are kept.
const MOST: usize = 896 << 10;

// === impl Sheets ===

impl Sheets {
    /// Forgets what is beyond the sheets that a family has.
    pub(crate) fn fit(&self, family: usize, sheets: usize) {
        self.with(|table| {
            if table.all.len() <= family {
                table.all.resize_with(family + 1, Vec::new);
            }
            let Table { all, bytes } = table;
            let Some(all) = all.get_mut(family) else { return };
            let gone = all.drain(sheets.min(all.len())..);
            *bytes -= gone.filter_map(|sheet| Some(sheet.page?.deflated().len())).sum::<usize>();
            all.resize(sheets, Sheet::default());
        });
    }

    /// The lines with this mark; or whether they are worth keeping, as they were the same before.
    pub(crate) fn find(&self, family: usize, sheet: usize, mark: u64) -> Result<Arc<Page>, bool> {
        self.with(|Table { all, bytes }| {
            let Some(sheet) = all.get_mut(family).and_then(|all| all.get_mut(sheet)) else {
                return Err(false);
            };
            if sheet.mark != Some(mark) {
                let old = sheet.page.take();
                *bytes -= old.map_or(0, |page| page.deflated().len());
                sheet.mark = Some(mark);
                return Err(false);
            }
            sheet.page.clone().ok_or(*bytes < MOST)
        })
    }

    /// Keeps lines that stand still.
    pub(crate) fn keep(&self, family: usize, sheet: usize, mark: u64, page: Page) {
        self.with(|Table { all, bytes }| {
            let sheet = all.get_mut(family).and_then(|all| all.get_mut(sheet));
            let Some(sheet) = sheet.filter(|sheet| sheet.mark == Some(mark)) else { return };
            if sheet.page.is_none() {
                *bytes += page.deflated().len();
                sheet.page = Some(Arc::new(page));
            }
        });
    }

    fn with<T>(&self, what: impl FnOnce(&mut Table) -> T) -> T {
        what(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_still_is_kept_and_what_is_gone_is_not() {
        let (sheets, lines) = (Sheets::default(), [b'a'; 100]);
        let bytes = || sheets.with(|table| table.bytes);
        let page = |byte: u8| Page::of(&vec![byte; 400 << 10], &lines, 1).unwrap();
        sheets.fit(1, 4);
        assert_eq!(sheets.find(1, 0, 7).err(), Some(false), "the first time");
        assert_eq!(sheets.find(1, 0, 7).err(), Some(true), "the second time");
        sheets.keep(1, 0, 8, page(0));
        assert_eq!(bytes(), 0, "another one came between");
        sheets.keep(1, 0, 7, page(1));
        sheets.keep(1, 0, 7, page(2));
        assert_eq!(bytes(), 400 << 10);
        assert_eq!(*sheets.find(1, 0, 7).unwrap(), page(1));
        for sheet in 1..4 {
            assert_eq!(sheets.find(1, sheet, 7).err(), Some(false));
            assert_eq!(
                sheets.find(1, sheet, 7).err(),
                Some(sheet < 3),
                "there is room for two more"
            );
            if sheet < 3 {
                sheets.keep(1, sheet, 7, page(3));
            }
        }
        assert_eq!(sheets.find(1, 1, 9).err(), Some(false), "it changed");
        assert_eq!(bytes(), 800 << 10);
        sheets.fit(1, 2);
        assert_eq!(bytes(), 400 << 10);
        sheets.fit(1, 0);
        assert_eq!(bytes(), 0);
        assert_eq!(sheets.find(1, 0, 7).err(), Some(false));
        assert_eq!(sheets.find(9, 0, 7).err(), Some(false));
    }
}
