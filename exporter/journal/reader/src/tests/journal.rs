//! Directories that are followed, as journald leaves them from one moment to the next.
#![expect(clippy::disallowed_methods, reason = "the test is the host")]

use crate::{
    Event, Id, Journal, Machine, Merge, Namespaces, Options, Position, Seek, Stamp, Start, State,
    flags,
    known::{Known, Reading},
    origin::{Name, Place},
    testing::Writer,
    tree::{Listed, directories, list},
};
use std::{
    collections::BTreeSet,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use tempfile::TempDir;

const MACHINE: Id = Id([0xA1; 16]);
const BOOT: Id = Id([0xB0; 16]);

/// A host's files.
struct Host {
    root: TempDir,
}

impl Host {
    fn new() -> Self {
        let host = Self { root: TempDir::new().unwrap() };
        host.make("etc");
        host.write("etc/machine-id", format!("{MACHINE}\n").as_bytes());
        host
    }

    fn path(&self, below: &str) -> PathBuf {
        self.root.path().join(below)
    }

    fn write(&self, below: &str, bytes: &[u8]) {
        std::fs::write(self.path(below), bytes).unwrap();
    }

    fn make(&self, below: &str) -> PathBuf {
        std::fs::create_dir_all(self.path(below)).unwrap();
        self.path(below)
    }

    fn var(&self) -> PathBuf {
        self.make(&format!("var/log/journal/{MACHINE}"))
    }

    fn run(&self) -> PathBuf {
        self.make(&format!("run/log/journal/{MACHINE}"))
    }

    fn open(&self) -> Journal {
        Journal::open(Options { root: self.root.path().to_owned(), ..Options::default() }).unwrap()
    }
}

/// One of journald's files, and the numbers that it gives.
struct Log {
    writer: Writer,
    path: PathBuf,
    id: u8,
}

impl Log {
    fn new(directory: &Path, name: &str, id: u8) -> Self {
        let writer = Writer::new(flags::COMPACT | flags::KEYED_HASH, MACHINE, Id([id; 16]));
        let log = Self { writer, path: directory.join(name), id };
        log.writer.save(&log.path).unwrap();
        log
    }

    /// Entries with these numbers; their times follow from them.
    fn put(&mut self, seqnums: impl IntoIterator<Item = u64>) {
        for n in seqnums {
            self.put_at(n, n);
        }
    }

    fn put_at(&mut self, seqnum: u64, time: u64) {
        let text = format!("MESSAGE={time}");
        self.writer.entry(stamp(seqnum, time), &[b"PRIORITY=6", text.as_bytes()]);
        self.writer.save(&self.path).unwrap();
    }

    fn close(&mut self, state: State) {
        self.writer.set_state(state);
        self.writer.save(&self.path).unwrap();
    }

    /// Renames the file as journald does and begins the next one with the same numbering.
    fn rotate(&mut self, id: u8) {
        let name = self.path.file_name().unwrap().to_str().unwrap().to_owned();
        let archive = name.replace(".journal", &format!("@{:032x}-{:016x}.journal", 7, self.id));
        std::fs::rename(&self.path, self.path.with_file_name(archive)).unwrap();
        let to = self.path.with_file_name(
            name.replace(".journal", &format!("@{:032x}-{:016x}.journal", 7, self.id)),
        );
        self.writer.set_state(State::Archived);
        self.writer.save(&to).unwrap();
        let numbering = self.numbering();
        *self = Self::new(self.path.parent().unwrap(), &name, id);
        self.writer.set_seqnum_id(numbering);
        self.writer.save(&self.path).unwrap();
    }

    fn numbering(&self) -> Id {
        Id(self.writer.bytes()[72..88].try_into().unwrap())
    }
}

fn stamp(seqnum: u64, time: u64) -> Stamp {
    Stamp { seqnum, realtime: 1_000_000 + time, monotonic: time, boot_id: BOOT, xor_hash: time }
}

/// The times of all entries that are new, in the order in which they come.
fn read(journal: &mut Journal) -> Vec<u64> {
    let mut times = Vec::new();
    loop {
        let progress = journal.read(1 << 20, |entry| {
            let mut text = Vec::new();
            entry.read(1, 100, &mut text).unwrap();
            let text = String::from_utf8(text).unwrap();
            let time = text.strip_prefix("MESSAGE=").unwrap().parse().unwrap();
            assert_eq!(entry.stamp().monotonic, time);
            times.push(time);
        });
        if !progress.unwrap().more {
            return times;
        }
    }
}

fn names(events: impl Iterator<Item = Event>) -> Vec<String> {
    let name = |path: PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
    let told = events.map(|event| match event {
        Event::Fault { path, error } => format!("{}: {error}", name(path)),
        Event::Vanished { path, entries } => format!("{}: {entries} lost", name(path)),
    });
    told.collect()
}

#[test]
fn from_the_tail_over_rotations_every_entry_once() {
    let host = Host::new();
    let mut log = Log::new(&host.var(), "system.journal", 1);
    log.put(1..=5);
    let mut journal = host.open();
    assert_eq!(read(&mut journal), [0; 0], "what was there before");
    log.put(6..=8);
    assert!(journal.wait(Duration::from_mins(1)).unwrap(), "the file has changed");
    assert_eq!(read(&mut journal), [6, 7, 8]);
    log.put(9..=10);
    log.rotate(2);
    log.put(11..=12);
    assert_eq!(read(&mut journal), [9, 10, 11, 12]);
    // Twice between two looks.
    log.put(13..=13);
    log.rotate(3);
    log.put(14..=15);
    log.rotate(4);
    log.put(16..=16);
    assert_eq!(read(&mut journal), [13, 14, 15, 16]);
    assert_eq!(read(&mut journal), [0; 0]);
    let stats = journal.stats();
    assert_eq!((stats.entries, stats.files_known, stats.files_live), (11, 4, 1));
    assert_eq!(stats.last_realtime, stats.newest_realtime);
    assert_eq!(names(journal.events()), [""; 0]);
}

#[test]
fn a_finished_file_is_never_read_again() {
    let host = Host::new();
    let mut log = Log::new(&host.var(), "system.journal", 1);
    log.put(1..=50);
    let mut journal = host.open();
    journal.seek(&Start::Head).unwrap();
    log.rotate(2);
    assert_eq!(read(&mut journal).len(), 50);
    let before = journal.stats().bytes;
    for n in 0..20 {
        // Names come and go; the live file is empty.
        host.write(&format!("var/log/journal/{MACHINE}/note{n}"), b"");
        assert_eq!(read(&mut journal), [0; 0]);
    }
    let headers = journal.stats().bytes - before;
    assert!(headers <= 20 * 2 * 208, "{headers} bytes: a header a look, of the live file");
}

#[test]
fn a_budget_ends_a_call_and_nothing_is_lost() {
    let host = Host::new();
    let mut log = Log::new(&host.var(), "system.journal", 1);
    log.put(1..=2000);
    let mut user = Log::new(&host.var(), "user-1000.journal", 2);
    user.put(1..=10);
    let mut journal = host.open();
    journal.seek(&Start::Head).unwrap();
    let (mut calls, mut entries) = (0, 0);
    loop {
        let progress = journal.read(10_000, |_| ()).unwrap();
        calls += 1;
        entries += progress.entries;
        if !progress.more {
            break;
        }
    }
    assert!(calls > 1, "{calls}");
    assert_eq!(entries, 2010);
}

#[test]
fn a_flush_is_not_counted_twice() {
    let host = Host::new();
    let run = host.run();
    let mut volatile = Log::new(&run, "system.journal", 1);
    volatile.put(1..=4);
    let mut journal = host.open();
    volatile.put(5..=6);
    assert_eq!(read(&mut journal), [5, 6]);
    // The flush copies everything, with other numbers, while the volatile files still stand.
    volatile.put(7..=7);
    let mut persistent = Log::new(&host.var(), "system.journal", 2);
    for time in 1..=7 {
        persistent.put_at(100 + time, time);
    }
    assert_eq!(read(&mut journal), [7]);
    volatile.close(State::Offline);
    std::fs::remove_file(&volatile.path).unwrap();
    std::fs::remove_dir_all(&run).unwrap();
    persistent.put_at(108, 8);
    assert_eq!(read(&mut journal), [8]);
    assert_eq!(journal.stats().copies_skipped, 3, "of those that were read");
    // And back: `journalctl --relinquish-var`, then another flush.
    let mut volatile = Log::new(&host.run(), "system.journal", 3);
    persistent.close(State::Offline);
    volatile.put(9..=10);
    assert_eq!(read(&mut journal), [9, 10]);
    for time in 9..=11 {
        persistent.put_at(100 + time, time);
    }
    assert_eq!(read(&mut journal), [11]);
}

#[test]
fn a_flush_of_what_was_empty_or_unknown_is_not_counted_twice() {
    let host = Host::new();
    let mut persistent = Log::new(&host.var(), "system.journal", 2);
    persistent.put(1..=2);
    let mut user = Log::new(&host.var(), "user-5.journal", 5);
    let mut journal = host.open();
    assert_eq!(read(&mut journal), [0; 0]);
    let mut volatile = Log::new(&host.run(), "system.journal", 1);
    assert_eq!(read(&mut journal), [0; 0], "met while it is empty");
    volatile.put(3..=4);
    assert_eq!(read(&mut journal), [3, 4]);
    for time in 3..=4 {
        persistent.put_at(100 + time, time);
    }
    std::fs::remove_dir_all(host.run()).unwrap();
    assert_eq!(read(&mut journal), [0; 0]);
    // The flush has begun before the volatile file is met, and goes on behind it.
    persistent.put_at(105, 5);
    let mut volatile = Log::new(&host.path("etc"), "system.journal", 3);
    volatile.put(6..=9);
    persistent.put_at(106, 6);
    persistent.put_at(108, 8);
    assert_eq!(read(&mut journal), [5, 6, 8]);
    std::fs::rename(&volatile.path, host.run().join("system.journal")).unwrap();
    assert_eq!(read(&mut journal), [9]);
    user.put_at(107, 7);
    persistent.put_at(109, 9);
    assert_eq!(read(&mut journal), [7], "a user's, whose copy comes later");
}

#[test]
fn a_flush_while_nobody_reads_is_not_counted_twice() {
    let host = Host::new();
    let run = host.run();
    let mut volatile = Log::new(&run, "system.journal", 1);
    volatile.put(1..=4);
    let mut journal = host.open();
    journal.seek(&Start::Head).unwrap();
    assert_eq!(read(&mut journal), [1, 2, 3, 4]);
    let kept = journal.position().to_string();
    drop(journal);
    let mut persistent = Log::new(&host.var(), "system.journal", 2);
    for time in 1..=6 {
        persistent.put_at(100 + time, time);
    }
    std::fs::remove_dir_all(&run).unwrap();
    let mut journal = host.open();
    assert_eq!(journal.seek(&Start::After(&kept.parse().unwrap())).unwrap(), Seek::Found);
    assert_eq!(read(&mut journal), [5, 6]);
}

#[test]
fn a_restart_neither_loses_nor_repeats() {
    // Every point at which a reader may stop, in the midst of rotations and users.
    for stop in 0..=12 {
        let host = Host::new();
        let mut system = Log::new(&host.var(), "system.journal", 1);
        let mut user = Log::new(&host.var(), "user-1000.journal", 9);
        let mut seen = Vec::new();
        let mut journal = host.open();
        for step in 0..12_u64 {
            if step == stop {
                let kept = journal.position().to_string();
                drop(journal);
                journal = host.open();
                let position: Position = kept.parse().unwrap();
                assert_eq!(journal.seek(&Start::After(&position)).unwrap(), Seek::Found, "{stop}");
            }
            let time = step * 10;
            system.put_at(2 * step + 1, time + 1);
            user.put_at(2 * step + 2, time + 2);
            if step % 4 == 3 {
                system.rotate(u8::try_from(20 + step).unwrap());
            }
            if step % 5 == 2 {
                user.rotate(u8::try_from(40 + step).unwrap());
            }
            if step % 2 == 1 {
                seen.extend(read(&mut journal));
            }
        }
        let expected: Vec<u64> = (0..12).flat_map(|step| [step * 10 + 1, step * 10 + 2]).collect();
        assert_eq!(seen.len(), expected.len(), "{stop}");
        assert!(seen.iter().collect::<BTreeSet<_>>().into_iter().eq(&expected), "{stop}");
    }
}

/// What the reader had seen of a host that crashed is more than what came to its disk.
#[test]
fn numbers_that_are_given_again_after_a_crash_are_new() {
    for last in [8, 12] {
        let host = Host::new();
        let mut log = Log::new(&host.var(), "system.journal", 1);
        log.put(1..=9);
        let (position, numbering) = (host.open().position(), log.numbering());
        let name = format!("system@{:016x}-{:016x}.journal~", 1, 2);
        let mut dirty = Log::new(&host.var(), &name, 1);
        dirty.writer.set_seqnum_id(numbering);
        dirty.put(1..=5);
        let mut log = Log::new(&host.var(), "system.journal", 2);
        log.writer.set_seqnum_id(numbering);
        for n in 6..=last {
            let boot_id = Id([0xB1; 16]);
            let stamp = Stamp { boot_id, realtime: 2_000_000 + n, ..stamp(n, n) };
            log.writer.entry(stamp, &[b"PRIORITY=6", format!("MESSAGE={n}").as_bytes()]);
        }
        log.close(State::Online);
        let mut journal = host.open();
        assert_eq!(journal.seek(&Start::After(&position)).unwrap(), Seek::Found);
        assert_eq!(read(&mut journal), (6..=last).collect::<Vec<_>>());
        let position = journal.position();
        assert_eq!(journal.seek(&Start::After(&position)).unwrap(), Seek::Found);
        assert_eq!(read(&mut journal), [] as [u64; 0]);
    }
}

#[test]
fn a_clock_that_was_wrong_in_an_earlier_boot_makes_nothing_new() {
    let host = Host::new();
    let mut log = Log::new(&host.var(), "system.journal", 1);
    for n in 1..=3 {
        let stamp = Stamp { boot_id: Id([0xB1; 16]), realtime: 9_000_000, ..stamp(n, n) };
        log.writer.entry(stamp, &[b"PRIORITY=6", format!("MESSAGE={n}").as_bytes()]);
    }
    log.put(4..=6);
    let position = host.open().position();
    log.put(7..=7);
    let mut journal = host.open();
    assert_eq!(journal.seek(&Start::After(&position)).unwrap(), Seek::Found);
    assert_eq!(read(&mut journal), [7]);
}

#[test]
fn what_has_changed_in_between_is_told() {
    let host = Host::new();
    let mut log = Log::new(&host.var(), "system.journal", 1);
    log.put(1..=5);
    let mut journal = host.open();
    let position = journal.position();
    log.put(6..=9);
    log.rotate(2);
    log.put(10..=12);
    journal.seek(&Start::After(&position)).unwrap();
    assert_eq!(read(&mut journal), [6, 7, 8, 9, 10, 11, 12]);
    // Vacuumed.
    let mut listed = std::fs::read_dir(host.var()).unwrap().flatten();
    let archive = listed.find(|entry| entry.file_name().to_string_lossy().contains('@'));
    std::fs::remove_file(archive.unwrap().path()).unwrap();
    assert_eq!(journal.seek(&Start::After(&position)).unwrap(), Seek::Gap);
    assert_eq!(read(&mut journal), [10, 11, 12]);
    // All new, as after a reinstallation.
    std::fs::remove_file(&log.path).unwrap();
    let mut other = Log::new(&host.var(), "system.journal", 3);
    other.put(1..=3);
    assert_eq!(journal.seek(&Start::After(&position)).unwrap(), Seek::Lost);
    assert_eq!(journal.stats().positions_lost, 1);
    other.put(4..=4);
    assert_eq!(read(&mut journal), [4], "from the tail");
    journal.seek(&Start::Since(1_000_003)).unwrap();
    assert_eq!(read(&mut journal), [3, 4]);
}

#[test]
fn directories_are_waited_for() {
    let host = Host::new();
    let mut journal = host.open();
    assert_eq!(read(&mut journal), [0; 0]);
    assert!(journal.position().is_empty());
    host.make("var/log");
    assert_eq!(read(&mut journal), [0; 0]);
    let mut log = Log::new(&host.var(), "system.journal", 1);
    assert!(journal.wait(Duration::from_mins(1)).unwrap(), "the directory has come");
    log.put(1..=2);
    assert_eq!(read(&mut journal), [1, 2]);
}

#[test]
fn a_file_that_is_rotated_before_it_is_opened_is_not_taken_for_the_next() {
    let host = Host::new();
    let mut journal = host.open();
    let directory = host.var();
    let mut log = Log::new(&directory, "system.journal", 1);
    log.put(1..=3);
    let base = directory.parent().unwrap();
    let found = directories(Place::Persistent, base, MACHINE, |_| true, &mut Vec::new());
    let found = Arc::new(found.into_iter().next().unwrap());
    let named = |listed: Listed| Some((Name::parse(listed.name.to_bytes())?, listed));
    let (name, listed) = list(&found.fd).unwrap().into_iter().find_map(named).unwrap();
    log.rotate(2);
    log.put(4..=5);
    journal.meet(Known::new(&found, listed, name, Instant::now()));
    assert_eq!(read(&mut journal), [1, 2, 3, 4, 5]);
}

/// The kernel has no queue left for us.
#[test]
fn what_nobody_tells_of_is_found() {
    let host = Host::new();
    let mut journal = host.open();
    journal.watch = crate::watch::Watch::deaf().unwrap();
    journal.listed = None;
    assert_eq!(read(&mut journal), [0; 0]);
    let mut log = Log::new(&host.var(), "system.journal", 1);
    log.put(1..=3);
    assert_eq!(read(&mut journal), [1, 2, 3]);
    log.put(4..=5);
    log.rotate(2);
    log.put(6..=7);
    assert_eq!(read(&mut journal), [4, 5, 6, 7]);
    assert!(!journal.wait(Duration::ZERO).unwrap());
}

#[test]
fn namespaces_are_chosen() {
    let host = Host::new();
    Log::new(&host.var(), "system.journal", 1).put([1]);
    let net = host.make(&format!("var/log/journal/{MACHINE}.net"));
    Log::new(&net, "system.journal", 2).put([2]);
    let other = host.make(&format!("var/log/journal/{}", Id([0xC0; 16])));
    Log::new(&other, "system.journal", 3).put([3]);
    let given = |namespaces: Namespaces| {
        let root = host.root.path().to_owned();
        let mut journal =
            Journal::open(Options { root, namespaces, ..Options::default() }).unwrap();
        journal.seek(&Start::Head).unwrap();
        read(&mut journal)
    };
    assert_eq!(given(Namespaces::All), [1, 2]);
    assert_eq!(given(Namespaces::Default), [1]);
    assert_eq!(given(Namespaces::Named("net".into())), [2]);
}

#[test]
fn files_at_fault_are_told_once_and_the_rest_goes_on() {
    let host = Host::new();
    let var = host.var();
    let mut log = Log::new(&var, "system.journal", 1);
    log.put(1..=3);
    let mut later = Log::new(&var, "user-1.journal", 2);
    later.put(4..=4);
    later.writer.set_state(State::Offline);
    let mut bytes = later.writer.bytes().to_vec();
    bytes[12] |= 0x40;
    host.write(&format!("var/log/journal/{MACHINE}/user-1.journal"), &bytes);
    host.write(&format!("var/log/journal/{MACHINE}/user-2.journal"), b"a letter, of no kind");
    host.write(&format!("var/log/journal/{MACHINE}/user-3.journal"), b"");
    let mut torn = Log::new(&var, "user-4.journal", 4);
    torn.put(5..=6);
    let cut = torn.writer.bytes()[..torn.writer.bytes().len() - 200].to_vec();
    host.write(&format!("var/log/journal/{MACHINE}/user-4.journal"), &cut);
    let foreign = Writer::new(0, Id([0xEE; 16]), Id([5; 16]));
    foreign.save(&var.join("system@1.journal")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", var.join("user-6.journal")).unwrap();
    host.make(&format!("var/log/journal/{MACHINE}/user-7.journal"));

    let mut journal = host.open();
    journal.seek(&Start::Head).unwrap();
    let mut told: Vec<String> = names(journal.events());
    assert_eq!(read(&mut journal), [1, 2, 3, 5]);
    told.extend(names(journal.events()));
    for n in 0..3 {
        host.write(&format!("var/log/journal/{MACHINE}/note{n}"), b"");
        log.put([10 + n]);
        assert_eq!(read(&mut journal), [10 + n]);
    }
    assert_eq!(names(journal.events()), [""; 0], "once each");
    told.sort();
    told.dedup();
    expect_test::expect![[r#"
        system@1.journal: written by another machine, eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee
        user-1.journal: incompatible flags 0x40 are not known; a newer reader is needed
        user-2.journal: not a journal file: expected the signature LPKSHHRH
        user-4.journal: ends before 552, where the header promises more
        user-6.journal: open: Too many levels of symbolic links (os error 40)
        user-7.journal: not a journal file: expected the signature LPKSHHRH"#]]
    .assert_eq(&told.join("\n"));
    let stats = journal.stats();
    assert_eq!(
        (stats.files_unsupported, stats.files_foreign, stats.entries_skipped),
        (1, 1, 0),
        "{stats:?}"
    );
    // The empty one was being created.
    let mut late = Log::new(&var, "user-3.journal", 3);
    late.put([20]);
    assert_eq!(read(&mut journal), [20]);
}

/// A rotation may leave a file that cannot be read; later it can, and then again it cannot.
#[test]
fn a_live_file_is_a_fault_for_as_long_as_it_cannot_be_read() {
    let host = Host::new();
    let mut log = Log::new(&host.var(), "system.journal", 1);
    log.put(1..=3);
    let mut journal = host.open();
    journal.seek(&Start::Head).unwrap();
    assert_eq!(read(&mut journal), [1, 2, 3]);
    let faults = |journal: &Journal| {
        let name = |fault: crate::Fault| {
            let name = fault.path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fault.error.to_string(), fault.missed)
        };
        journal.faults().map(name).collect::<Vec<_>>()
    };
    assert_eq!(faults(&journal), []);
    let no_journal = "not a journal file: expected the signature LPKSHHRH".to_owned();
    for (id, next) in [(2, 4), (4, 5)] {
        log.rotate(id);
        let good = log.writer.clone();
        std::fs::remove_file(&log.path).unwrap();
        host.write(&format!("var/log/journal/{MACHINE}/system.journal"), b"a letter, of no kind");
        host.write(&format!("var/log/journal/{MACHINE}/user-1.journal"), b"another letter");
        assert_eq!(read(&mut journal), [0; 0]);
        let mut now = faults(&journal);
        now.sort();
        let user = ("user-1.journal".to_owned(), no_journal.clone(), false);
        assert_eq!(now, [("system.journal".to_owned(), no_journal.clone(), true), user]);
        let told = if id == 2 { 2 } else { 1 };
        assert_eq!(names(journal.events()).len(), told, "what is new is told");
        // journald would make another file; whoever repairs it may keep the name and the number.
        let path = log.path.clone();
        std::fs::write(&path, good.bytes()).unwrap();
        host.write(&format!("var/log/journal/{MACHINE}/note{id}"), b"");
        log.put([next]);
        assert_eq!(read(&mut journal), [next]);
        assert_eq!(faults(&journal).len(), 1, "only the user's is left");
    }
}

#[test]
fn files_that_go_unread_are_told() {
    let host = Host::new();
    let mut log = Log::new(&host.var(), "system.journal", 1);
    log.put(1..=3);
    log.rotate(2);
    let mut journal = host.open();
    journal.seek(&Start::Head).unwrap();
    let listed = std::fs::read_dir(host.var()).unwrap().flatten();
    let archive = listed.map(|entry| entry.path()).find(|path| *path != log.path).unwrap();
    std::fs::remove_file(archive).unwrap();
    assert_eq!(read(&mut journal), [0; 0]);
    let told = names(journal.events());
    assert!(told.len() == 1 && told[0].ends_with(": 3 lost"), "{told:?}");
    assert_eq!(journal.stats().files_lost, 1);
}

#[test]
fn a_live_file_that_is_deleted_is_read_to_its_end() {
    let host = Host::new();
    let mut log = Log::new(&host.var(), "system.journal", 1);
    let mut journal = host.open();
    log.put(1..=3);
    let inode = std::fs::File::options().write(true).open(&log.path).unwrap();
    std::fs::remove_file(&log.path).unwrap();
    let mut next = Log::new(&host.var(), "system.journal", 2);
    assert_ne!(inode.metadata().unwrap().ino(), next.path.metadata().unwrap().ino());
    next.put(4..=5);
    assert_eq!(read(&mut journal), [1, 2, 3, 4, 5]);
}

#[test]
fn a_vacuumed_file_reads_as_zeros_and_gives_no_torn_entry() {
    let host = Host::new();
    let mut log = Log::new(&host.var(), "system.journal", 1);
    let mut journal = host.open();
    log.put(1..=2000);
    let kept = std::fs::File::options().write(true).open(&log.path).unwrap();
    let mut seen = 0;
    // Most of it is in the window; then its blocks are freed.
    let mut torn = 0;
    let progress = journal.read(1 << 20, |entry| {
        seen += 1;
        if seen == 1 {
            std::fs::remove_file(&log.path).unwrap();
            let len = kept.metadata().unwrap().len();
            kept.set_len(0).unwrap();
            kept.set_len(len).unwrap();
        }
        let mut text = Vec::new();
        let whole = (0..entry.len()).all(|index| entry.read(index, 100, &mut text).is_some());
        assert_eq!(whole, !entry.is_torn());
        torn += u64::from(entry.is_torn());
    });
    let stats = journal.stats();
    assert_eq!(progress.unwrap().entries, seen - torn);
    assert!(torn <= 1 && stats.files_lost == 1 && stats.files_damaged == 0, "{stats:?}");
    let told = names(journal.events());
    assert_eq!(told, [format!("system.journal: {} lost", 2000 - (seen - torn))]);
}

#[test]
fn a_machine_without_an_id_is_an_error_that_names_the_file() {
    let host = Host::new();
    let said = |text: &[u8]| {
        host.write("etc/machine-id", text);
        let options = Options { root: host.root.path().to_owned(), ..Options::default() };
        Journal::open(options).map(|_| ()).unwrap_err().to_string()
    };
    for text in [&b""[..], b"uninitialized\n", b"0123", &[0xFF; 40]] {
        assert!(said(text).ends_with("etc/machine-id: expected a machine id of 32 hex digits"));
    }
    let root = host.root.path().to_owned();
    let given = Options { root, machine: Machine::Id(MACHINE), ..Options::default() };
    assert!(Journal::open(given).is_ok());
}

#[test]
fn files_are_merged_by_time() {
    let host = Host::new();
    let mut system = Log::new(&host.var(), "system.journal", 1);
    system.put([1, 4, 5]);
    system.rotate(2);
    system.put([8, 9]);
    Log::new(&host.var(), "user-1.journal", 3).put([2, 6, 7, 10]);
    let journal = host.open();
    let times = |since: u64| {
        let mut merge = Merge::of_journal(&journal, since);
        let mut times = Vec::new();
        while let Some(entry) = merge.next() {
            times.push(entry.unwrap().stamp().monotonic);
        }
        times
    };
    assert_eq!(times(0), [1, 2, 4, 5, 6, 7, 8, 9, 10]);
    assert_eq!(times(1_000_006), [6, 7, 8, 9, 10]);
    assert_eq!(times(2_000_000), [0; 0]);
}

#[test]
fn more_users_than_files_may_stay_open() {
    let host = Host::new();
    let var = host.var();
    let user = |n: u64| Log::new(&var, &format!("user-{n}.journal"), u8::try_from(n).unwrap());
    let mut users: Vec<Log> = (1..=140).map(user).collect();
    let mut journal = host.open();
    let mut seen = BTreeSet::new();
    for round in 1..=4_u64 {
        for (n, user) in (0..).zip(&mut users) {
            user.put([round * 1000 + n]);
            if round == 3 && n % 2 == 0 {
                user.rotate(u8::try_from(n / 2 + 150).unwrap());
            }
        }
        let times = read(&mut journal);
        assert_eq!(times.len(), 140, "round {round}");
        seen.extend(times);
        let open = journal.files.iter().filter(|known| matches!(known.reading, Reading::Open(_)));
        assert!(open.count() <= 128);
    }
    assert_eq!(seen.len(), 560);
    assert_eq!(names(journal.events()), [""; 0]);
}

#[test]
fn a_copy_of_a_file_is_not_read_again() {
    let host = Host::new();
    let mut log = Log::new(&host.var(), "system.journal", 1);
    log.put(1..=3);
    let mut journal = host.open();
    journal.seek(&Start::Head).unwrap();
    assert_eq!(read(&mut journal), [1, 2, 3]);
    std::fs::copy(&log.path, host.var().join("user-5.journal")).unwrap();
    std::fs::hard_link(&log.path, host.var().join("user-6.journal")).unwrap();
    log.put(4..=5);
    assert_eq!(read(&mut journal), [4, 5]);
    // And where the file system gives a file another number, it is the same one.
    std::fs::copy(&log.path, host.var().join("new")).unwrap();
    for name in ["user-5.journal", "user-6.journal"] {
        std::fs::remove_file(host.var().join(name)).unwrap();
    }
    std::fs::rename(host.var().join("new"), host.var().join("system@1.journal")).unwrap();
    std::fs::remove_file(&log.path).unwrap();
    assert_eq!(read(&mut journal), [0; 0]);
    assert_eq!(journal.stats().entries, 5);
}

#[test]
fn a_directory_that_cannot_be_opened_is_told_once() {
    let host = Host::new();
    let mut log = Log::new(&host.run(), "system.journal", 1);
    host.make("var/log");
    std::os::unix::fs::symlink("journal", host.path("var/log/journal")).unwrap();
    let mut journal = host.open();
    log.put([1]);
    for n in 0..3 {
        host.write(&format!("run/log/journal/{MACHINE}/note{n}"), b"");
        assert_eq!(read(&mut journal).len(), usize::from(n == 0));
    }
    let told = names(journal.events());
    assert_eq!(told, ["journal: open: Too many levels of symbolic links (os error 40)"]);
    assert_eq!(journal.stats().files_faulty, 1);
}

#[test]
fn a_journal_may_move_to_another_thread() {
    fn moves<T: Send + 'static>() {}
    moves::<Journal>();
    moves::<Merge>();
}
