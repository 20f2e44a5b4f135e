//! The whole source, from its entry in the registry to its end, over files that change.
#![expect(clippy::disallowed_methods, reason = "the test plays journald")]

use super::SPEC;
use collect::{
    Bell, Clock, Collector, Context, Line,
    testing::{context, tree},
};
use exposition::{Format, Writer, encode};
use journal_reader::{Id, Stamp, State, flags, testing};
use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, UNIX_EPOCH},
};
use tempfile::TempDir;
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};

const MACHINE: Id = Id([0xA1; 16]);
const MACHINE_ID: &str = "rootfs/etc/machine-id";
/// A hang-guard.
const READY: Duration = Duration::from_mins(1);

/// A source that runs, and its collector.
struct Running {
    dir: TempDir,
    bell: Bell,
    task: JoinHandle<()>,
    collector: Box<dyn Collector>,
}

impl Running {
    fn start(files: &[(&str, &str)], options: &[(&str, String)]) -> Self {
        Self::start_under(None, files, options)
    }

    fn start_under(
        clock: Option<Clock>,
        files: &[(&str, &str)],
        options: &[(&str, String)],
    ) -> Self {
        let id = format!("{MACHINE}\n");
        let mut all = vec![("proc/", ""), ("state/", "")];
        all.extend(files);
        if files.iter().all(|(path, _)| *path != MACHINE_ID) {
            all.push((MACHINE_ID, id.as_str()));
        }
        let dir = tree(&all);
        let mut context: Context = context(&SPEC, dir.path(), &[]);
        let state = dir.path().join("state").to_string_lossy().into_owned();
        context.options.set("state.dir", vec![state]);
        for (name, value) in options {
            context.options.set(name, vec![value.clone()]);
        }
        context.clock = clock.unwrap_or(context.clock);
        let source = (crate::SOURCE.build)(&context).unwrap().unwrap();
        let collector = (SPEC.build)(&context).unwrap();
        let (line, bell) = Line::new();
        let task = tokio::spawn(source.run(line));
        Self { dir, bell, task, collector }
    }

    fn path(&self, below: &str) -> PathBuf {
        self.dir.path().join(below)
    }

    fn journal(&self, name: &str) -> PathBuf {
        let directory = self.path(&format!("rootfs/var/log/journal/{MACHINE}"));
        fs::create_dir_all(&directory).unwrap();
        directory.join(name)
    }

    /// Lets the source look at the files; what it says of itself.
    async fn look(&self) -> Result<(), String> {
        self.bell.ring().await;
        let health = self.bell.health();
        if health.up { Ok(()) } else { Err(health.reason) }
    }

    /// A scrape.
    async fn scrape(&mut self) -> (String, Option<String>) {
        self.bell.ring().await;
        let mut out = Writer::default();
        let error = self.collector.collect(&mut out).err().map(|error| error.to_string());
        let text = String::from_utf8(encode(&[&out.finish()], Format::TEXT).body).unwrap();
        (text, error)
    }

    /// The number of the last entry that is kept as read; waits until it is `seqnum`.
    async fn kept(&self, seqnum: u64) {
        let path = self.path("state/journal.position");
        let marks = || fs::read_to_string(&path).unwrap_or_default();
        let wanted = format!(" {seqnum} ");
        let kept = async {
            while !marks().contains(&wanted) {
                sleep(Duration::from_millis(5)).await;
            }
        };
        assert!(timeout(READY, kept).await.is_ok(), "{wanted}is not in {}", marks());
    }

    async fn stop(mut self) {
        self.bell.stop();
        (&mut self.task).await.unwrap();
    }
}

fn log(id: u8) -> testing::Writer {
    let mut log = testing::Writer::new(flags::COMPACT | flags::KEYED_HASH, MACHINE, Id([id; 16]));
    log.set_seqnum_id(Id([9; 16]));
    log
}

/// Entries that are younger than the test's clock.
fn put(log: &mut testing::Writer, seqnums: impl IntoIterator<Item = u64>) {
    for seqnum in seqnums {
        let text = format!("MESSAGE={seqnum}");
        let fields: [&[u8]; 3] = [b"PRIORITY=6", b"_TRANSPORT=journal", text.as_bytes()];
        let realtime = 1_900_000_000_000_000 + seqnum;
        let stamp =
            Stamp { seqnum, realtime, monotonic: seqnum, boot_id: Id([3; 16]), xor_hash: 1 };
        log.entry(stamp, &fields);
    }
}

fn counted(text: &str) -> &str {
    let row = "hybrid_journal_entries_total{priority=\"info\",transport=\"journal\"} ";
    text.lines().find_map(|line| line.strip_prefix(row)).unwrap_or("absent")
}

#[tokio::test]
async fn without_a_journal_the_kernels_own_log_is_read() {
    // As if it were written now, whenever the machine was booted.
    let record = "3,7,9000000000000000,-;INFO: task a:1 blocked for more than 120 seconds.\n";
    let mut running = Running::start(&[("rootfs/dev/kmsg", record)], &[]);
    assert_eq!(running.look().await, Ok(()));
    let (text, error) = running.scrape().await;
    assert_eq!(error, None);
    for line in [
        "hybrid_journal_source_info{source=\"kmsg\"} 1\n",
        "hybrid_journal_kmsg_records_total 1\n",
        "hybrid_kernel_problems_total{reason=\"TaskHung\"} 1\n",
        "hybrid_journal_errors_total 1\n",
        "hybrid_journal_entries_total{priority=\"emerg\",transport=\"kernel\"} 0\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
    // Nobody knows what only a journal would tell.
    for name in ["transport=\"syslog\"", "hybrid_journal_event_entries_total"] {
        assert!(!text.contains(name), "{name}: {text}");
    }
    let mut file = log(1);
    put(&mut file, 1..=3);
    file.save(&running.journal("system.journal")).unwrap();
    assert_eq!(running.look().await, Ok(()));
    let (text, _) = running.scrape().await;
    assert!(text.contains("transport=\"syslog\"} 0\n"), "{text}");
    assert!(
        text.contains("hybrid_journal_event_entries_total{event=\"unit_failed\"} 0\n"),
        "{text}"
    );
    running.stop().await;
}

#[tokio::test]
async fn a_live_file_that_can_no_longer_be_read_takes_the_source_down_for_as_long() {
    let mut running = Running::start(&[], &[]);
    let live = running.journal("system.journal");
    let mut first = log(1);
    put(&mut first, 1..=3);
    first.save(&live).unwrap();
    assert_eq!(running.look().await, Ok(()));
    // The next one after a rotation is no journal.
    first.set_state(State::Archived);
    let archived = running.journal(&format!("system@{:032x}-{:016x}-{:016x}.journal", 9, 1, 1));
    first.save(&live).unwrap();
    fs::rename(&live, &archived).unwrap();
    fs::write(&live, "a letter, of no kind").unwrap();
    let down = format!("{}: not a journal file: expected the signature LPKSHHRH", live.display());
    assert_eq!(running.look().await, Err(down.clone()));
    let (text, error) = running.scrape().await;
    assert_eq!((counted(&text), error), ("3", Some(down)), "what was counted stays");
    // journald puts it aside and makes another.
    fs::rename(&live, running.journal("system@1-2.journal~")).unwrap();
    let mut second = log(2);
    put(&mut second, 4..=5);
    second.save(&live).unwrap();
    assert_eq!(running.look().await, Ok(()));
    let (text, error) = running.scrape().await;
    assert_eq!((counted(&text), error), ("5", None));
    running.stop().await;
}

#[tokio::test]
async fn a_fault_goes_with_its_file() {
    let running = Running::start(&[("rootfs/dev/kmsg", "")], &[]);
    let live = running.journal("system.journal");
    fs::write(&live, "a letter, of no kind").unwrap();
    assert!(running.look().await.is_err_and(|reason| reason.contains("/system.journal: not a")));
    fs::remove_file(&live).unwrap();
    assert_eq!(running.look().await, Ok(()), "the kernel's own log is read");
    running.stop().await;
}

#[tokio::test]
async fn a_journal_that_must_be_there_is_asked_for_by_the_way_out() {
    for (mode, asks) in [("on", true), ("auto", false)] {
        let mut running = Running::start(&[], &[("journal", mode.to_owned())]);
        let reason = running.look().await.unwrap_err();
        let (_, error) = running.scrape().await;
        for said in [reason, error.unwrap()] {
            for word in ["--journal=auto", "--path.rootfs", "var/log/journal", "etc/machine-id"] {
                assert_eq!(said.contains(word), asks, "{mode}: {said}");
            }
        }
        assert_eq!(running.bell.health().absent, !asks);
        running.stop().await;
    }
}

/// A machine whose clock was eight hours ahead when the exporter started.
#[tokio::test]
async fn a_clock_that_is_set_back_makes_nothing_old() {
    static NOW: AtomicU64 = AtomicU64::new(1_900_028_800);
    let clock = Clock::new(|| UNIX_EPOCH + Duration::from_secs(NOW.load(Ordering::Relaxed)));
    let mut running = Running::start_under(Some(clock), &[], &[]);
    let live = running.journal("system.journal");
    let mut file = log(1);
    put(&mut file, 1..=3);
    file.save(&live).unwrap();
    assert_eq!(running.look().await, Ok(()));
    assert_eq!(counted(&running.scrape().await.0), "0");
    NOW.store(1_900_000_001, Ordering::Relaxed);
    put(&mut file, 4..=6);
    file.save(&live).unwrap();
    assert_eq!(counted(&running.scrape().await.0), "3");
    running.stop().await;
}

/// What was read is not lacking where it is gone; nor is what may not be looked for.
#[tokio::test]
async fn a_journal_that_is_lost_is_not_one_that_the_machine_lacks() {
    let running = Running::start(&[], &[]);
    assert!(running.look().await.is_err() && running.bell.health().absent);
    let live = running.journal("system.journal");
    let mut file = log(1);
    put(&mut file, 1..=3);
    file.set_state(State::Offline);
    file.save(&live).unwrap();
    assert_eq!(running.look().await, Ok(()));
    fs::remove_file(&live).unwrap();
    let lost = async {
        while running.look().await.is_ok() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(timeout(READY, lost).await.is_ok());
    assert!(!running.bell.health().absent, "{}", running.bell.health().reason);
    running.stop().await;

    let running = Running::start(&[(MACHINE_ID, "-> machine-id")], &[]);
    assert!(running.look().await.is_err_and(|reason| reason.contains("/etc/machine-id: ")));
    assert!(!running.bell.health().absent);
    running.stop().await;
}

/// A scrape that asked and did not come (its client went away) keeps nothing and holds nothing up.
#[tokio::test]
async fn the_position_that_is_kept_is_that_of_the_last_scrape() {
    let mut running = Running::start(&[], &[]);
    let live = running.journal("system.journal");
    let mut file = log(1);
    put(&mut file, 1..=3);
    file.save(&live).unwrap();
    assert_eq!(counted(&running.scrape().await.0), "3");
    running.kept(3).await;
    put(&mut file, 4..=6);
    file.save(&live).unwrap();
    for _ in 0..20 {
        assert_eq!(running.look().await, Ok(()));
    }
    running.kept(3).await;
    assert_eq!(counted(&running.scrape().await.0), "6");
    running.kept(6).await;
    put(&mut file, 7..=9);
    file.save(&live).unwrap();
    assert_eq!(running.look().await, Ok(()));
    // Nobody has seen what came since.
    running.bell.stop();
    (&mut running.task).await.unwrap();
    running.kept(6).await;
}
