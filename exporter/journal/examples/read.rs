//! Counts a journal as the exporter does, source and collector, and tells what that cost: what the
//! budget counts, and a start for a profiler.
//!
//!     cargo run --profile ci -p journal --example read -- make DIR 100000
//!     cargo run --profile ci -p journal --example read -- read DIR
//!     cargo run --release -p journal --example read -- follow / 60
//!
//! `follow` tells how many entries of those seconds were counted half a second late, with nobody asking.
//! `make` writes a journal of so many entries, alike in shape to a service's that writes by journald's
//! own protocol: 22 fields, of which three are the entry's own; every 18th is an error.
#![expect(clippy::disallowed_methods, reason = "it makes a tree for itself")]

use collect::{Clock, Context, Line, Options, Root};
use exposition::{Format, Writer, encode};
use journal_reader::{Id, Stamp, State, flags, testing};
use rustix::time::{ClockId, clock_gettime};
use std::{
    env,
    error::Error,
    fs,
    io::Write as _,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Entries of a file; journald's have some 90,000.
const FILE: u64 = 50_000;
const MACHINE: Id = Id([0xA1; 16]);

fn main() -> Result<()> {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["make", dir, entries] => make(Path::new(dir), entries.parse()?),
        ["read", dir] => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
            // Every entry is younger than the program, so that all of them count.
            let clock = Clock::new(|| UNIX_EPOCH + Duration::from_secs(1));
            runtime.block_on(read(Path::new(dir), clock, None))
        }
        ["follow", dir, seconds] => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
            let time = Duration::from_secs(seconds.parse()?);
            runtime.block_on(read(Path::new(dir), Clock::new(SystemTime::now), Some(time)))
        }
        _ => Err("usage: read make DIR ENTRIES | read read DIR | read follow DIR SECONDS".into()),
    }
}

/// Counts all of it once, or what is written within a time, unasked.
async fn read(dir: &Path, clock: Clock, time: Option<Duration>) -> Result<()> {
    let root = |name| Root::new(dir.join(name));
    let context = Context {
        proc: root("proc"),
        sys: root("sys"),
        rootfs: Root::new(dir),
        udev: root("udev"),
        options: Options::default(),
        clock,
        shared: collect::Shared::default(),
    };
    let source = (journal::SOURCE.build)(&context)?.ok_or("the journal is off")?;
    let mut collectors = Vec::new();
    for spec in journal::COLLECTORS {
        collectors.push((spec.build)(&context)?);
    }
    let (line, bell) = Line::new();
    let task = tokio::spawn(source.run(line));
    if let Some(time) = time {
        tokio::time::sleep(time).await;
    }
    bell.ring().await;
    let mut out = Writer::default();
    for collector in &mut collectors {
        collector.collect(&mut out)?;
    }
    bell.stop();
    task.await?;
    let text = String::from_utf8(encode(&[&out.finish()], Format::TEXT).body)?;
    let sum = |family: &str| {
        let rows = text.lines().filter(|line| line.starts_with(family));
        rows.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok()).sum::<u64>()
    };
    let entries = sum("hybrid_journal_entries_total");
    let late = sum("hybrid_journal_late_entries_total");
    let used = clock_gettime(ClockId::ProcessCPUTime);
    let micros = used.tv_sec * 1_000_000 + used.tv_nsec / 1000;
    writeln!(std::io::stdout(), "{entries} entries, {late} late, {micros} us of CPU")?;
    Ok(())
}

/// Writes the journal.
fn make(dir: &Path, entries: u64) -> Result<()> {
    let logs = dir.join(format!("var/log/journal/{MACHINE}"));
    fs::create_dir_all(&logs)?;
    fs::create_dir_all(dir.join("etc"))?;
    fs::write(dir.join("etc/machine-id"), format!("{MACHINE}\n"))?;
    let mut begin = 1;
    while begin <= entries {
        let end = entries.min(begin + FILE - 1);
        let id = Id((u128::from(begin) + 1).to_be_bytes());
        let mut writer = testing::Writer::new(flags::KEYED_HASH | flags::ZSTD, MACHINE, id);
        writer.set_seqnum_id(Id([7; 16]));
        for n in begin..=end {
            write(&mut writer, n);
        }
        let last = end == entries;
        writer.set_state(if last { State::Online } else { State::Archived });
        let archived = format!("system@{:032x}-{begin:016x}-{begin:016x}.journal", 7);
        writer.save(&logs.join(if last { "system.journal".to_owned() } else { archived }))?;
        begin = end + 1;
    }
    Ok(())
}

fn write(writer: &mut testing::Writer, n: u64) {
    const WORDS: [&str; 8] =
        ["connection", "timeout", "upstream", "request", "volume", "probe", "session", "exceeded"];
    let realtime = 1_700_000_000_000_000 + n * 100;
    let stamp =
        Stamp { seqnum: n, realtime, monotonic: n * 100, boot_id: Id([3; 16]), xor_hash: n };
    let word = |k: u64| WORDS.get((n / (k + 3) % 8) as usize).copied().unwrap_or_default();
    let service = n % 3;
    let priority = if n.is_multiple_of(18) { 3 } else { 6 };
    let message = format!(
        "MESSAGE={} {} {} {} failed id={n} took={}us",
        word(0),
        word(1),
        word(2),
        word(4),
        n * 7919 % 99_999
    );
    let own = [
        message,
        format!("_SOURCE_REALTIME_TIMESTAMP={}", realtime - 30),
        format!("CODE_LINE={}", n * 31 % 2000),
        format!("PRIORITY={priority}"),
        format!("_PID={}", 1000 + service),
        format!("_CMDLINE=/usr/bin/service --number {service} --verbose"),
        format!("_SYSTEMD_CGROUP=/system.slice/service{service}.service"),
        format!("_SYSTEMD_UNIT=service{service}.service"),
        format!("_SYSTEMD_INVOCATION_ID={:032x}", 0xABCD + service),
    ];
    let shared = [
        "_TRANSPORT=journal",
        "_UID=0",
        "_GID=0",
        "_COMM=service",
        "_EXE=/usr/bin/service",
        "_CAP_EFFECTIVE=1fffeffffff",
        "_SYSTEMD_SLICE=system.slice",
        "_MACHINE_ID=a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1",
        "_HOSTNAME=host",
        "_RUNTIME_SCOPE=system",
        "_BOOT_ID=03030303030303030303030303030303",
        "CODE_FILE=src/main.c",
        "SYSLOG_IDENTIFIER=service",
    ];
    let fields: Vec<&[u8]> =
        own.iter().map(String::as_bytes).chain(shared.map(str::as_bytes)).collect();
    writer.entry(stamp, &fields);
}
