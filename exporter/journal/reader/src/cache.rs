//! What callers made of fields that entries share, by the field's place in its file.
//!
//! Bounded by construction: 16,384 places in sets of four; the set's oldest gives way. A flood of new
//! fields costs lookups, never memory and never a pause. What the entries of now share stands in a table
//! of its own before it, of one file and without sets: it stays in the processor's nearest memory and
//! answers most questions.

/// The beginning of a field that is not known yet.
#[derive(Clone, Copy, Debug)]
pub struct Head<'h> {
    /// `NAME=value`, cut at [`Limits::head_bytes`](crate::Limits). Empty if [`Head::hidden`].
    pub bytes: &'h [u8],
    /// The whole field's length in bytes, name and `=` counted; `None` where only decompressing
    /// everything would tell.
    pub len: Option<u64>,
    /// The field is compressed and longer than 512 bytes: what it is only [`Entry::read`](crate::Entry::read)
    /// tells. journald compresses nothing shorter unless `Compress=` says so; such fields are
    /// decompressed and shown.
    pub hidden: bool,
}

/// What a caller makes of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict<C> {
    /// Other entries may have the same field: remember the class.
    Shared(C),
    /// Each entry has its own (messages, times): do not fill the memory with it.
    Unique(C),
    /// Of no interest: step over it, here and in other entries.
    Ignored,
}

/// What is remembered of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept<C> {
    /// It is of no interest.
    Ignored,
    Class(C),
}

/// Classes by place, for any number of files.
#[derive(Debug)]
pub struct ClassCache<C> {
    /// A set's keys stand side by side: a look at one line of memory tells.
    keys: Vec<[Key; WAYS]>,
    classes: Vec<[Kept<C>; WAYS]>,
    near: Near<C>,
}

/// What is asked for most, of one file. A place stands in one of the two.
#[derive(Debug)]
pub(crate) struct Near<C> {
    file: u32,
    /// Places of fields that are ignored: most are, and many have thousands of values (`CODE_LINE`).
    ignored: Box<[Place; IGNORED]>,
    slots: Box<[Slot<C>; NEAR]>,
}

/// A field's offset in units of 8 bytes; 0 where nothing is, as a header stands there.
type Place = u32;

/// A place and its class.
#[derive(Clone, Copy, Debug)]
struct Slot<C> {
    place: Place,
    class: Kept<C>,
}

/// The file's number, and below it the field's place; 0 where nothing is.
type Key = u64;

const SETS: usize = 4096;
const WAYS: usize = 4;
const NEAR: usize = 512;
const IGNORED: usize = 4096;

// === impl Head ===

impl<'h> Head<'h> {
    /// The field's name; `None` where there is no `=` in what is shown.
    #[inline]
    pub fn name(&self) -> Option<&'h [u8]> {
        self.bytes.split(|byte| *byte == b'=').next().filter(|name| name.len() < self.bytes.len())
    }

    /// The value, as far as it is shown.
    #[inline]
    pub fn value(&self) -> Option<&'h [u8]> {
        self.bytes.get(self.name()?.len() + 1..)
    }
}

// === impl ClassCache ===

impl<C: Copy> ClassCache<C> {
    /// An empty one. It takes 24 KiB or so; the rest of its memory with the first class.
    pub fn new() -> Self {
        Self { keys: Vec::new(), classes: Vec::new(), near: Near::of(0) }
    }

    /// Forgets everything: after the caller's classes have changed their meaning.
    pub fn clear(&mut self) {
        *self = Self::new();
    }

    /// Turns to a file, whose classes are asked for from now on.
    #[inline]
    pub(crate) fn turn_to(&mut self, file: u32) {
        if self.near.file != file {
            self.near = Near::of(file);
        }
    }

    /// What is known of a field of the file that is turned to.
    #[inline]
    pub(crate) fn get(&mut self, offset: u64) -> Option<Kept<C>> {
        match self.near.get(offset) {
            Some(class) => Some(class),
            None => self.get_far(offset),
        }
    }

    #[inline(never)]
    fn get_far(&mut self, offset: u64) -> Option<Kept<C>> {
        let place = place(offset)?;
        let key = key(self.near.file, place);
        let set = set(key);
        let way = self.keys.get(set)?.iter().position(|held| *held == key)?;
        let class = *self.classes.get(set)?.get(way)?;
        self.near.put(place, class);
        Some(class)
    }

    /// Remembers the class of a field of the file that is turned to, or that it is ignored.
    pub(crate) fn put(&mut self, offset: u64, class: Kept<C>) {
        let Some(place) = place(offset) else { return };
        self.near.put(place, class);
        let key = key(self.near.file, place);
        if self.keys.is_empty() {
            self.keys.resize(SETS, [0; WAYS]);
            self.classes.resize(SETS, [Kept::Ignored; WAYS]);
        }
        let set = set(key);
        let (Some(keys), Some(classes)) = (self.keys.get_mut(set), self.classes.get_mut(set))
        else {
            return;
        };
        // The newest stands first; the oldest, or what was known of this key, gives way.
        let way = keys.iter().position(|held| *held == key).unwrap_or(WAYS - 1);
        if let (Some(keys), Some(classes)) = (keys.get_mut(..=way), classes.get_mut(..=way)) {
            keys.rotate_right(1);
            classes.rotate_right(1);
        }
        let ([first, ..], [known, ..]) = (keys, classes);
        (*first, *known) = (key, class);
    }
}

// === impl Near ===

impl<C: Copy> Near<C> {
    fn of(file: u32) -> Self {
        let slots = Box::new([Slot { place: 0, class: Kept::Ignored }; NEAR]);
        Self { file, ignored: Box::new([0; IGNORED]), slots }
    }

    #[inline]
    fn get(&self, offset: u64) -> Option<Kept<C>> {
        // What is no multiple of 8 comes to a place that nothing has.
        let place = offset.rotate_right(3);
        let slot = slot(place);
        if place == 0 {
            None
        } else if self.ignored.get(slot % IGNORED).is_some_and(|held| u64::from(*held) == place) {
            Some(Kept::Ignored)
        } else {
            let held = self.slots.get(slot % NEAR)?;
            (u64::from(held.place) == place).then_some(held.class)
        }
    }

    fn put(&mut self, place: Place, class: Kept<C>) {
        let slot = slot(u64::from(place));
        let ignored = self.ignored.get_mut(slot % IGNORED);
        let held = self.slots.get_mut(slot % NEAR);
        let (Some(ignored), Some(held)) = (ignored, held) else { return };
        match class {
            Kept::Ignored => {
                *ignored = place;
                if held.place == place {
                    held.place = 0;
                }
            }
            Kept::Class(_) => {
                *held = Slot { place, class };
                if *ignored == place {
                    *ignored = 0;
                }
            }
        }
    }
}

impl<C: Copy> Default for ClassCache<C> {
    fn default() -> Self {
        Self::new()
    }
}

/// `None` beyond 32 GiB, of which nothing is remembered, in the header, and where no object can be.
#[inline]
fn place(offset: u64) -> Option<Place> {
    u32::try_from(offset / 8).ok().filter(|place| *place != 0 && offset.is_multiple_of(8))
}

#[inline]
fn key(file: u32, place: Place) -> Key {
    u64::from(file) << 32 | u64::from(place)
}

#[inline]
fn set(key: Key) -> usize {
    (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 52) as usize % SETS
}

/// Fields stand 64 bytes apart or more: the lowest bits alone would leave slots empty.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the lowest bits are what is wanted")]
fn slot(place: u64) -> usize {
    (place ^ place >> 9) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is known of a field of a file.
    fn get<C: Copy>(cache: &mut ClassCache<C>, file: u32, offset: u64) -> Option<Kept<C>> {
        cache.turn_to(file);
        cache.get(offset)
    }

    #[test]
    fn a_flood_stays_bounded_and_the_newest_are_known() {
        let mut cache = ClassCache::new();
        cache.turn_to(1);
        for n in 1..1_000_000_u64 {
            cache.put(n * 8, Kept::Class(n));
        }
        assert_eq!(cache.keys.len() * WAYS, 16_384);
        assert_eq!(get(&mut cache, 1, 999_999 * 8), Some(Kept::Class(999_999)));
        assert_eq!(get(&mut cache, 1, 8), None);
        assert_eq!(get(&mut cache, 2, 999_999 * 8), None, "another file");
        let known =
            (1..1_000_000).filter(|n| get(&mut cache, 1, n * 8) == Some(Kept::Class(*n))).count();
        assert!(known > 12_000, "{known}: places are spread over the sets");
    }

    /// Two files are read in turns, and a place's class changes.
    #[test]
    fn what_is_near_is_of_one_file_and_of_now() {
        let mut cache = ClassCache::new();
        for turn in 0..3_u64 {
            for file in 1..=2 {
                for n in 1..700_u64 {
                    let class = |turn| match n {
                        5 => Kept::Ignored,
                        _ => Kept::Class((turn, file, n)),
                    };
                    let known = (turn > 0).then(|| class(turn - 1));
                    assert_eq!(get(&mut cache, file, n * 64), known);
                    assert_eq!(get(&mut cache, file, n * 64), known, "as it was brought near");
                    cache.put(n * 64, class(turn));
                    assert_eq!(get(&mut cache, file, n * 64), Some(class(turn)));
                }
            }
        }
    }

    #[test]
    fn a_place_has_one_class() {
        let mut cache = ClassCache::new();
        cache.turn_to(1);
        cache.put(64, Kept::Class('a'));
        cache.put(64, Kept::Class('b'));
        assert_eq!(cache.get(64), Some(Kept::Class('b')));
        cache.put(64, Kept::Ignored);
        assert_eq!(cache.get(64), Some(Kept::Ignored), "ignored from now on");
        cache.put(1 << 40, Kept::Class('c'));
        cache.put(65, Kept::Class('d'));
        let nowhere = [1 << 40, 0, 65].map(|offset| cache.get(offset));
        assert_eq!(nowhere, [None; 3], "where nothing is remembered");
        assert_eq!(cache.get(64), Some(Kept::Ignored));
        cache.clear();
        cache.turn_to(1);
        assert_eq!(cache.get(64), None);
    }

    #[test]
    fn a_head_is_split_at_the_first_sign() {
        let head = |bytes| Head { bytes, len: None, hidden: false };
        assert_eq!(head(b"A=b=c").name(), Some(&b"A"[..]));
        assert_eq!(head(b"A=b=c").value(), Some(&b"b=c"[..]));
        assert_eq!(head(b"A=").value(), Some(&b""[..]));
        assert_eq!(head(b"A").name(), None);
        assert_eq!(head(b"").value(), None);
    }
}
