//! Follows a machine's journal and prints a line for each entry: line of files, numbering, seqnum, realtime
//! in µs, and how many µs later it was seen. Ends when standard input does; with a file's name, begins
//! behind the position in it and keeps it there.
//!
//!     cargo run -p journal-reader --example follow -- ROOT [POSITION-FILE]
#![expect(clippy::disallowed_methods, reason = "a program of its own, outside of the exporter")]

use journal_reader::{Journal, Options, Position, Start};
use std::{
    io::{BufWriter, Read, Write},
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

static ENDED: AtomicBool = AtomicBool::new(false);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let mut options = Options::default();
    options.root = arguments.next().map_or_else(|| PathBuf::from("/"), PathBuf::from);
    let kept = arguments.next();
    let mut journal = Journal::open(options)?;
    let mut err = std::io::stderr().lock();
    match kept.as_ref().and_then(|kept| std::fs::read_to_string(kept).ok()) {
        Some(text) => {
            let sought = journal.seek(&Start::After(&text.parse::<Position>()?))?;
            writeln!(err, "{sought:?}")?;
        }
        None => drop(journal.seek(&Start::Head)?),
    }
    std::thread::spawn(|| {
        let mut end = Vec::new();
        std::io::stdin().read_to_end(&mut end).unwrap_or_default();
        ENDED.store(true, Ordering::Relaxed);
    });
    let mut out = BufWriter::new(std::io::stdout().lock());
    loop {
        let ended = ENDED.load(Ordering::Relaxed);
        let mut fault = Ok(());
        let read = journal.read(1 << 20, |entry| {
            let stamp = entry.stamp();
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let late = now.as_micros().saturating_sub(u128::from(stamp.realtime));
            let line = entry.origin().line();
            let (id, seqnum, time) = (entry.seqnum_id(), stamp.seqnum, stamp.realtime);
            fault = writeln!(out, "{line} {id} {seqnum} {time} {late}");
        })?;
        fault?;
        for event in journal.events() {
            writeln!(err, "{event:?}")?;
        }
        if read.more {
            continue;
        }
        out.flush()?;
        if let Some(kept) = &kept {
            std::fs::write(kept, journal.position().to_string())?;
        }
        if ended {
            break;
        }
        journal.wait(Duration::from_secs(1))?;
    }
    writeln!(err, "{:?}", journal.stats())?;
    writeln!(err, "{}", journal.position())?;
    Ok(())
}
