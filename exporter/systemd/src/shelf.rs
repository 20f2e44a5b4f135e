//! Lines of units that stand still: rendered and compressed once, then copied at each scrape.
//!
//! Units are taken in the order of their names, so many at a time. Where none of them has changed
//! since the last scrape, their lines are kept as a page a family; what did change is written as it
//! is, and not compressed before it stood still for a scrape. So a quiet host costs no formatting,
//! and the lines of a thousand units take a tenth of their size.

use crate::units::Named;
use exposition::{Family, Packer, Page, Writer};
use std::{mem, sync::Arc};

/// Units that share their pages. More make pages that compress better and are fewer to put
/// together, fewer make less to write anew where one unit changes.
const STACK: usize = 64;

/// What is kept of one name set.
#[derive(Debug, Default)]
pub(crate) struct Shelf(Vec<Stack>);

#[derive(Debug, Default)]
struct Stack {
    /// The units' versions; no two units ever had the same.
    versions: Vec<u64>,
    /// Pages with the place of their family; none until the units stood still.
    pages: Option<Vec<(usize, Arc<Page>)>>,
}

// === impl Shelf ===

impl Shelf {
    /// Writes what `write` writes of these units, all of it in `families`.
    pub(crate) fn write<'a>(
        &mut self,
        units: impl Iterator<Item = Named<'a>>,
        families: &[&Family],
        write: impl Fn(&[Named<'a>], &mut Writer),
        out: &mut Writer,
    ) {
        let units: Vec<Named<'a>> = units.collect();
        let mut known = mem::take(&mut self.0).into_iter();
        let mut packer = None;
        let mut changed = Vec::new();
        let mut kept: Vec<Vec<Arc<Page>>> = families.iter().map(|_| Vec::new()).collect();
        for units in units.chunks(STACK) {
            let mut stack = known.next().unwrap_or_default();
            let versions = || units.iter().map(|(_, unit)| unit.version);
            if !versions().eq(stack.versions.iter().copied()) {
                stack = Stack { versions: versions().collect(), pages: None };
            } else if stack.pages.is_none() {
                let mut lines = Writer::default();
                write(units, &mut lines);
                let packer = packer.get_or_insert_with(Packer::new);
                stack.pages = pack(packer, families, lines);
            }
            match &stack.pages {
                Some(pages) => {
                    for (family, page) in pages {
                        kept.get_mut(*family).into_iter().for_each(|f| f.push(Arc::clone(page)));
                    }
                }
                None => changed.extend_from_slice(units),
            }
            self.0.push(stack);
        }
        write(&changed, out);
        for (family, pages) in families.iter().zip(kept) {
            out.pages(family, pages.into());
        }
    }
}

/// A page of each family; none where one cannot be packed.
fn pack(
    packer: &mut Packer,
    families: &[&Family],
    lines: Writer,
) -> Option<Vec<(usize, Arc<Page>)>> {
    let block = lines.finish();
    let page = |(family, lines): (&Family, &[u8])| {
        let place = families.iter().position(|known| known.name == family.name)?;
        Some((place, Arc::new(packer.pack(lines)?)))
    };
    block.families().map(page).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cache::Unit, property::Kind};
    use exposition::{Format, encode};
    use std::{cell::Cell, collections::BTreeMap};

    static STATE: Family = Family::gauge("state", "", &["name"]);
    static OTHER: Family = Family::gauge("other", "", &["name"]);

    #[test]
    fn lines_are_the_same_whether_kept_or_not() {
        let mut units: BTreeMap<Arc<str>, Unit> =
            (0..300).map(|n| (format!("{n:03}.path").into(), Unit::new(Kind::Other, 0))).collect();
        let (mut shelf, written) = (Shelf::default(), Cell::new(0));
        let write = |units: &[Named<'_>], out: &mut Writer| {
            written.set(written.get() + units.len());
            out.family(&STATE, |s| units.iter().for_each(|(n, u)| s.row(&[n], u.state)));
            let odd = || units.iter().filter(|(_, unit)| unit.state == 1);
            out.family(&OTHER, |s| odd().for_each(|(name, _)| s.row(&[name], 1u64)));
        };
        let mut scrape = |units: &BTreeMap<Arc<str>, Unit>| {
            written.set(0);
            let mut out = Writer::default();
            shelf.write(units.iter(), &[&STATE, &OTHER], write, &mut out);
            let count = written.get();
            let text = |block| {
                let text = String::from_utf8(encode(&[&block], Format::TEXT).plain()).unwrap();
                let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
                lines.sort_unstable();
                lines
            };
            let kept = text(out.finish());
            let mut out = Writer::default();
            write(&units.iter().collect::<Vec<_>>(), &mut out);
            assert_eq!(kept, text(out.finish()));
            count
        };
        assert_eq!(scrape(&units), 300);
        // They stood still: they are packed, once.
        assert_eq!((scrape(&units), scrape(&units)), (300, 0));
        units.get_mut("007.path").unwrap().turn(1);
        assert_eq!((scrape(&units), scrape(&units), scrape(&units)), (64, 64, 0));
        // To be told the same again changes nothing.
        units.get_mut("007.path").unwrap().turn(1);
        assert_eq!(scrape(&units), 0);
        units.remove("299.path");
        assert_eq!((scrape(&units), scrape(&units), scrape(&units)), (43, 43, 0));
        units.insert("0.path".into(), Unit::new(Kind::Other, 0));
        assert_eq!((scrape(&units), scrape(&units), scrape(&units)), (300, 300, 0));
        assert_eq!((scrape(&BTreeMap::new()), scrape(&units)), (0, 300));
    }
}
