//! What is read of a file is what `journalctl -o export` says of it, entry by entry, in every format that journald has
//! written since systemd 219.

use super::{archived, entries, fixture, host, oracle};
use crate::{
    ground::host::Host,
    support::{program, skip},
};
use std::{env, fs, path::Path};

/// Entries of the large comparison; the environment variable has another number.
const ENTRIES: usize = 60_000;

/// Bits of a header's incompatible flags.
const KEYED: u32 = 4;
const ZSTD: u32 = 8;
const COMPACT: u32 = 16;

/// The incompatible flags that stand in a file's header.
fn flags(file: &Path) -> u32 {
    let bytes = fs::read(file).expect("a journal file");
    u32::from_le_bytes(*bytes[12..].first_chunk().expect("a header"))
}

/// Lets three units write `count` entries in all, at the same time.
fn write(host: &Host, count: usize) {
    let each = count.div_ceil(3);
    let run = |n: u64| {
        let command = entries(&format!("{each} {n}"));
        let command: Vec<_> = command.split(' ').collect();
        host.as_unit(300, &format!("writer{n}"), &command);
    };
    std::thread::scope(|scope| {
        for n in 0..3 {
            scope.spawn(move || run(n));
        }
    });
}

#[test]
fn to_journalctl_in_the_default_format() {
    let host = match host() {
        Ok(host) => host,
        Err(reason) => return skip("journal::equal::to_journalctl_in_the_default_format", &reason),
    };
    let wanted = env::var("HYBRID_JOURNAL_ENTRIES").ok();
    let wanted = wanted.map_or(ENTRIES, |text| text.parse().expect("a number of entries"));
    write(&host, wanted);
    host.run(30, &["python3", "/shared/entries.py", "poison"]);
    host.run(30, &["python3", "/shared/entries.py", "spoof", "ssh.service"]);
    host.run(30, &["logger", "-p", "user.err", "by syslog"]);
    let files = archived(&host);
    assert!(files.iter().any(|file| flags(file) == KEYED | ZSTD | COMPACT), "{files:?}");
    let compared = oracle::assert_equal(&files);
    assert!(compared >= wanted + 8, "only {compared} entries were compared");
}

#[test]
fn to_journalctl_in_formats_that_are_set() {
    let host = match host() {
        Ok(host) => host,
        Err(reason) => {
            return skip("journal::equal::to_journalctl_in_formats_that_are_set", &reason);
        }
    };
    for (variable, compress, expected) in [
        ("SYSTEMD_JOURNAL_COMPACT=0", "yes", KEYED | ZSTD),
        ("SYSTEMD_JOURNAL_KEYED_HASH=0", "yes", ZSTD | COMPACT),
        ("SYSTEMD_JOURNAL_COMPACT=0 SYSTEMD_JOURNAL_KEYED_HASH=0", "no", 0),
        // The least size that is compressed: nearly every field.
        ("SYSTEMD_LOG_LEVEL=info", "8", KEYED | ZSTD | COMPACT),
    ] {
        let unit = format!("[Service]\nEnvironment={variable}\n");
        let settings = format!("[Journal]\nCompress={compress}\n");
        let place = |inside: &str, text: &str| {
            fs::create_dir_all(host.path(inside)).expect("a directory");
            fs::write(host.path(inside).join("90-test.conf"), text).expect("a file");
        };
        place("/etc/systemd/system/systemd-journald.service.d", &unit);
        place("/etc/systemd/journald.conf.d", &settings);
        host.run(20, &["systemctl", "daemon-reload"]);
        host.run(20, &["systemctl", "restart", "systemd-journald"]);
        host.run(20, &["journalctl", "--rotate"]);
        host.run(20, &["journalctl", "--vacuum-files=1"]);
        write(&host, 3000);
        let files = archived(&host);
        assert!(
            files.iter().any(|file| flags(file) & !1 == expected),
            "{variable} {compress}: {:?}",
            files.iter().map(|file| (file, flags(file))).collect::<Vec<_>>()
        );
        let compared = oracle::assert_equal(&files);
        assert!(compared >= 3000, "only {compared} entries were compared");
    }
}

#[test]
fn to_what_was_written_in_recorded_formats() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let export = fixture("entries.export.gz");
    for name in ["xz", "lz4", "lz4-compact", "zstd"] {
        let file = dir.path().join(format!("{name}.journal"));
        fs::write(&file, fixture(&format!("{name}.journal.gz"))).expect("a file");
        let mut written = oracle::parse(&export);
        assert_eq!(written.len(), 240);
        for (entry, seqnum) in written.iter_mut().zip(1..) {
            entry.seqnum = seqnum;
        }
        oracle::assert_same(&file, &written);
        if program("journalctl").is_ok() {
            oracle::assert_equal(&[file]);
        }
    }
}
