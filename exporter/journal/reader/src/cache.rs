//! What callers made of fields that entries share, by the field's place in its file.
//!
//! Bounded by construction: 16,384 places in sets of four; the set's oldest gives way. A flood of new
//! fields costs lookups, never memory and never a pause.

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
}

/// Classes by place, for any number of files.
#[derive(Debug)]
pub struct ClassCache<C> {
    /// A set's keys stand side by side: a look at one line of memory tells.
    keys: Vec<[Key; WAYS]>,
    classes: Vec<[Option<C>; WAYS]>,
}

/// The file's number, and below it the field's offset in units of 8 bytes; 0 where nothing is.
type Key = u64;

const SETS: usize = 4096;
const WAYS: usize = 4;

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
    /// An empty one; it takes memory with the first class.
    pub fn new() -> Self {
        Self { keys: Vec::new(), classes: Vec::new() }
    }

    /// Forgets everything: after the caller's classes have changed their meaning.
    pub fn clear(&mut self) {
        self.keys.clear();
        self.classes.clear();
    }

    #[inline]
    pub(crate) fn get(&self, file: u32, offset: u64) -> Option<C> {
        let key = key(file, offset)?;
        let set = set(key);
        let way = self.keys.get(set)?.iter().position(|held| *held == key)?;
        *self.classes.get(set)?.get(way)?
    }

    pub(crate) fn put(&mut self, file: u32, offset: u64, class: C) {
        let Some(key) = key(file, offset) else { return };
        if self.keys.is_empty() {
            self.keys.resize(SETS, [0; WAYS]);
            self.classes.resize(SETS, [None; WAYS]);
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
        (*first, *known) = (key, Some(class));
    }
}

impl<C: Copy> Default for ClassCache<C> {
    fn default() -> Self {
        Self::new()
    }
}

/// `None` beyond 32 GiB, where nothing is remembered.
#[inline]
fn key(file: u32, offset: u64) -> Option<Key> {
    Some(u64::from(file) << 32 | u64::from(u32::try_from(offset / 8).ok()?))
}

#[inline]
fn set(key: Key) -> usize {
    (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 52) as usize % SETS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_stays_bounded_and_the_newest_are_known() {
        let mut cache = ClassCache::new();
        for n in 0..1_000_000_u64 {
            cache.put(1, n * 8, n);
        }
        assert_eq!(cache.keys.len() * WAYS, 16_384);
        assert_eq!(cache.get(1, 999_999 * 8), Some(999_999));
        assert_eq!(cache.get(1, 0), None);
        assert_eq!(cache.get(2, 999_999 * 8), None, "another file");
        let known = (0..1_000_000).filter(|n| cache.get(1, n * 8) == Some(*n)).count();
        assert!(known > 12_000, "{known}: places are spread over the sets");
    }

    #[test]
    fn a_place_has_one_class() {
        let mut cache = ClassCache::new();
        cache.put(1, 64, 'a');
        cache.put(1, 64, 'b');
        assert_eq!(cache.get(1, 64), Some('b'));
        cache.put(1, 1 << 40, 'c');
        assert_eq!(cache.get(1, 1 << 40), None, "beyond what is remembered");
        cache.clear();
        assert_eq!(cache.get(1, 64), None);
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
