//! Small journal files, written by the book: for tests of what reads journals.
//!
//! A [`Writer`] keeps a file's bytes; [`Writer::save`] writes those that are new over the file as
//! journald does, so that a reader can follow. What nobody looks up (hashes, chains) is left out.

use crate::{Id, Stamp, State, flags};
use rustix::fs::{CWD, Mode, OFlags, openat};
use std::{collections::HashMap, fs::File, io, os::unix::fs::FileExt, path::Path};

/// A journal file in memory.
#[derive(Clone, Debug)]
pub struct Writer {
    bytes: Vec<u8>,
    fields: HashMap<(u8, Vec<u8>), u64>,
    /// Entries that no array points at yet.
    entries: Vec<u64>,
    /// Where the last array's pointer to the next one is.
    next_array: usize,
    tail: u64,
    compact: bool,
    last: Stamp,
    count: u64,
}

const HEADER: usize = 272;
const DATA: u8 = 1;
const ENTRY: u8 = 3;
const ENTRY_ARRAY: u8 = 6;

// === impl Writer ===

impl Writer {
    /// An empty file with these incompatible flags. Its file id and numbering are `id`'s, its machine
    /// is `machine`.
    pub fn new(flags: u32, machine: Id, id: Id) -> Self {
        let mut writer = Self {
            bytes: vec![0; HEADER],
            fields: HashMap::new(),
            entries: Vec::new(),
            next_array: 176,
            tail: 0,
            compact: flags & flags::COMPACT != 0,
            last: Stamp::default(),
            count: 0,
        };
        writer.put(0, b"LPKSHHRH");
        writer.put(12, &flags.to_le_bytes());
        writer.put(24, &id.0);
        writer.put(40, &machine.0);
        writer.put(72, &id.0);
        writer.put(88, &(HEADER as u64).to_le_bytes());
        writer.set_state(State::Online);
        writer
    }

    /// Another numbering than the file's own.
    pub fn set_seqnum_id(&mut self, id: Id) {
        self.put(72, &id.0);
    }

    /// Whether somebody writes it.
    pub fn set_state(&mut self, state: State) {
        let state = match state {
            State::Offline => 0,
            State::Online => 1,
            State::Archived => 2,
        };
        self.put(16, &[state]);
    }

    /// Appends an entry with these fields, `NAME=value` each, and counts it.
    pub fn entry(&mut self, stamp: Stamp, fields: &[&[u8]]) {
        let stored: Vec<(u8, &[u8])> = fields.iter().map(|field| (0, *field)).collect();
        self.stored_entry(stamp, &stored);
    }

    /// Appends an entry with fields as they stand in the file, each with its object's flags.
    pub fn stored_entry(&mut self, stamp: Stamp, fields: &[(u8, &[u8])]) {
        let places: Vec<u64> =
            fields.iter().map(|(flags, text)| self.field(*flags, text)).collect();
        let mut body = Vec::new();
        body.extend(stamp.seqnum.to_le_bytes());
        body.extend(stamp.realtime.to_le_bytes());
        body.extend(stamp.monotonic.to_le_bytes());
        body.extend(stamp.boot_id.0);
        body.extend(stamp.xor_hash.to_le_bytes());
        for place in places {
            self.pointer(&mut body, place, true);
        }
        let at = self.object(ENTRY, 0, &body);
        self.entries.push(at);
        if self.count == 0 {
            self.put(168, &stamp.seqnum.to_le_bytes());
            self.put(184, &stamp.realtime.to_le_bytes());
        }
        (self.last, self.count) = (stamp, self.count + 1);
        self.publish();
    }

    /// The file as it is now.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Writes the file, or what has changed of it, without ever shortening it.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC;
        let file = File::from(openat(CWD, path, flags, Mode::from_raw_mode(0o640))?);
        // The header last, as it tells of the rest.
        let (header, objects) = self.bytes.split_at(HEADER);
        file.write_all_at(objects, HEADER as u64)?;
        file.write_all_at(header, 0)?;
        // As journald does, so that those who watch hear of it.
        file.set_len(self.bytes.len() as u64)
    }

    fn field(&mut self, flags: u8, text: &[u8]) -> u64 {
        if let Some(place) = self.fields.get(&(flags, text.to_vec())) {
            return *place;
        }
        let mut body = vec![0; if self.compact { 72 - 16 } else { 64 - 16 }];
        body.extend(text);
        let place = self.object(DATA, flags, &body);
        self.fields.insert((flags, text.to_vec()), place);
        place
    }

    /// An array for the entries that have none, and the header that counts them.
    fn publish(&mut self) {
        let mut body = vec![0; 8];
        for place in std::mem::take(&mut self.entries) {
            self.pointer(&mut body, place, false);
        }
        let at = self.object(ENTRY_ARRAY, 0, &body);
        self.put(self.next_array, &at.to_le_bytes());
        self.next_array = usize::try_from(at).unwrap_or(usize::MAX) + 16;
        let Stamp { seqnum, realtime, monotonic, boot_id, .. } = self.last;
        self.put(56, &boot_id.0);
        self.put(136, &self.tail.to_le_bytes());
        self.put(152, &self.count.to_le_bytes());
        self.put(160, &seqnum.to_le_bytes());
        self.put(192, &realtime.to_le_bytes());
        self.put(200, &monotonic.to_le_bytes());
    }

    fn object(&mut self, kind: u8, flags: u8, body: &[u8]) -> u64 {
        let at = self.bytes.len() as u64;
        self.bytes.extend([kind, flags, 0, 0, 0, 0, 0, 0]);
        self.bytes.extend((16 + body.len() as u64).to_le_bytes());
        self.bytes.extend(body);
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        self.tail = at;
        at
    }

    fn pointer(&self, body: &mut Vec<u8>, place: u64, in_entry: bool) {
        match u32::try_from(place) {
            Ok(place) if self.compact => body.extend(place.to_le_bytes()),
            _ => body.extend(place.to_le_bytes()),
        }
        if in_entry && !self.compact {
            // The field's hash, which nobody asks for.
            body.extend([0; 8]);
        }
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        if let Some(place) = self.bytes.get_mut(at..at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }
}
