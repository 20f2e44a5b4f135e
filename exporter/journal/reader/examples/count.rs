//! Counts entries by priority, as cheap as it gets, and tells what it cost.
//!
//!     cargo run --release -p journal-reader --example count -- FILE…

use journal_reader::{Buffers, ClassCache, Head, JournalFile, Limits, Verdict};
use rustix::time::{ClockId, clock_gettime};
use std::io::Write;

/// What a field is to this program.
#[derive(Clone, Copy)]
enum Class {
    Priority(u8),
    Message,
    Time,
}

fn classify(head: Head<'_>) -> Verdict<Class> {
    match (head.name(), head.value()) {
        (Some(b"PRIORITY"), Some([digit @ b'0'..=b'7'])) => {
            Verdict::Shared(Class::Priority(digit - b'0'))
        }
        // Hidden fields are long: messages, most of them.
        (Some(b"MESSAGE") | None, _) => Verdict::Unique(Class::Message),
        // Each entry has its own.
        (Some(name), _) if name.starts_with(b"_SOURCE") => Verdict::Unique(Class::Time),
        (Some(_), _) => Verdict::Ignored,
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut buffers = Buffers::new(Limits::default());
    let mut cache = ClassCache::new();
    let mut counts = [0_u64; 8];
    let (mut entries, mut letters) = (0_u64, 0);
    let mut text = Vec::new();
    for path in std::env::args_os().skip(1) {
        let mut file = JournalFile::open(&path)?;
        while let Some(mut entry) = file.next(&mut buffers)? {
            entries += 1;
            let (mut priority, mut message) = (6, None);
            entry.classes(&mut cache, classify, |index, class| match class {
                Class::Priority(level) => priority = level,
                Class::Message => message = Some(index),
                Class::Time => {}
            });
            if let Some(count) = counts.get_mut(usize::from(priority)) {
                *count += 1;
            }
            if let Some(index) = message.filter(|_| priority <= 3) {
                entry.read(index, 4096, &mut text);
                letters += text.len();
            }
        }
    }
    let used = clock_gettime(ClockId::ProcessCPUTime);
    let micros = used.tv_sec * 1_000_000 + used.tv_nsec / 1000;
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{entries} entries, {counts:?} by priority, {letters} bytes of errors, {micros} us of CPU"
    )?;
    Ok(())
}
