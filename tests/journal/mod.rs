//! The journal beside a real journald and `journalctl`: what is read is what it says, entry by entry, and what is
//! counted is counted once.
#![expect(
    clippy::disallowed_methods,
    reason = "the tests read journals and put programs into hosts"
)]
#![expect(clippy::indexing_slicing, reason = "a test may panic on what is no export")]

mod command;
mod counted;
mod damage;
mod equal;
mod hostile;
mod live;
mod oracle;

use crate::{
    ground::host::Host,
    support::{child, program, read, root},
};
use journal_reader::{Buffers, JournalFile, Limits};
use oracle::Canon;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A booted host that can write entries, or why there is none.
fn host() -> Result<Host, String> {
    program("python3")?;
    program("journalctl")?;
    let host = Host::start()?;
    let script = host.shared().join("entries.py");
    fs::write(script, read("tests/ground/entries.py")).expect("the folder takes a file");
    Ok(host)
}

/// The command that writes entries inside, as a shell line.
fn entries(args: &str) -> String {
    format!("/usr/bin/python3 /shared/entries.py {args}")
}

/// The host's journal files that nobody writes any more, among them all that was written until now.
fn archived(host: &Host) -> Vec<PathBuf> {
    rotate(host);
    let mut files = journals(&directory(host));
    files.retain(|path| path.to_string_lossy().contains('@'));
    files
}

/// Rotates the files behind what was written until now: what journald's socket still holds would come after.
fn rotate(host: &Host) {
    host.run(30, &["journalctl", "--sync"]);
    host.run(30, &["journalctl", "--rotate"]);
}

/// The folder of the host's journal files.
fn directory(host: &Host) -> PathBuf {
    host.path("/var/log/journal").join(host.run(5, &["cat", "/etc/machine-id"]).trim())
}

/// The journal files in a directory, sorted by name: archived ones in the order of their entries.
fn journals(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(dir)
        .unwrap_or_else(|error| panic!("{}: {error}", dir.display()))
        .map(|entry| entry.expect("an entry of the directory").path())
        .filter(|path| path.extension().is_some_and(|e| e == "journal" || e == "journal~"))
        .collect();
    files.sort();
    files
}

/// Every entry of a file as our reader has it.
fn file_entries(file: &Path) -> Vec<Canon> {
    let fault = |error| -> ! { panic!("{}: {error}", file.display()) };
    let mut open = JournalFile::open(file).unwrap_or_else(|error| fault(error));
    let mut buffers = Buffers::new(Limits::full());
    let mut entries = Vec::new();
    while let Some(mut entry) = open.next(&mut buffers).unwrap_or_else(|error| fault(error)) {
        entries.push(canon(&mut entry));
    }
    entries
}

/// An entry of our reader's as it is compared.
fn canon(entry: &mut journal_reader::Entry<'_>) -> Canon {
    let stamp = entry.stamp();
    let mut canon = Canon {
        seqnum: stamp.seqnum,
        realtime: stamp.realtime,
        monotonic: stamp.monotonic,
        ..Canon::EMPTY
    };
    let mut field = Vec::new();
    for index in 0..entry.len() {
        let read = entry.read(index, usize::MAX, &mut field);
        assert!(read.is_some(), "field {index} of entry {} cannot be read", stamp.seqnum);
        if !field.starts_with(b"_BOOT_ID=") {
            canon.add(&field);
        }
    }
    // `journalctl` takes this one from the entry's head.
    canon.add(format!("_BOOT_ID={}", stamp.boot_id).as_bytes());
    canon
}

/// A recorded file of `tests/fixtures/journal`, unpacked.
fn fixture(name: &str) -> Vec<u8> {
    let path = root().join("tests/fixtures/journal").join(name);
    let out = child::run(30, "gzip", &["-dc".as_ref(), path.as_os_str()], b"");
    assert!(out.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&out.stderr));
    out.stdout
}
