//! What one file, entry or field may cost.

/// Bounds that hold whatever stands in the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest object that is believed; a larger one ends the file. journald's own bound for a
    /// field is 768 MiB.
    pub object_bytes: u64,
    /// Fields of an entry that are looked at; journald writes 1,024 and its own.
    pub entry_fields: usize,
    /// First bytes of a field that a classifier is shown: a unit has 255 for its name.
    pub head_bytes: usize,
    /// Bytes of the window that slides over a file.
    pub window_bytes: usize,
    /// The most that decompressing one field may take, in bytes of memory. A compressed field that
    /// needs more gives its first 128 KiB.
    pub decompress_bytes: usize,
}

impl Default for Limits {
    /// For counting beside the machine's work: 128 KiB of window, which leave room in a processor's
    /// second cache for what else is asked for, and 1 MiB to decompress.
    fn default() -> Self {
        Self {
            object_bytes: 1 << 30,
            entry_fields: 2048,
            head_bytes: 288,
            window_bytes: 128 << 10,
            decompress_bytes: 1 << 20,
        }
    }
}

impl Limits {
    /// For people: every field whole, up to 64 MiB.
    pub fn full() -> Self {
        Self { decompress_bytes: 64 << 20, ..Self::default() }
    }
}
