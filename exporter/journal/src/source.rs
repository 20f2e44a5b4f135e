//! The task that counts the journal: a thread of its own that sleeps until journald writes, a scrape
//! begins, or a nap is over.
//!
//! Reading files can wait for the disk, so it is no work for the runtime's one thread. The counters'
//! lock is taken for memory's work only: a scrape never waits for a file, and counting for no scrape. A
//! scrape makes the thread look at the files at once, since journald tells of what it wrote 250 ms late,
//! and later where it has much to write. So naps are short as long as entries come: what has to be
//! counted is counted half a second after it was written, also where nobody scrapes.

use crate::{
    cache::{Cache, Status},
    counters::{self, Counters},
    facts::Gatherer,
    kmsg::Kmsg,
    options,
    position::Keeper,
    rules::Rules,
    tally::Tally,
};
use collect::{
    Call, Clock, Context, Health, Line, Result, Source, SourceSpec, StateDir, Ticket, lock,
};
use journal_reader::{Event, Journal, Options, Position, Progress, Seek, Start};
use model::Model;
use rustix::{
    event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll},
    fd::OwnedFd,
};
use std::{
    future::Future,
    io::ErrorKind,
    path::{Path, PathBuf},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, UNIX_EPOCH},
};
use tokio::{task, time};

/// The source's entry in the registry.
pub static SOURCE: SourceSpec = SourceSpec {
    name: "journal",
    build: |cx| Ok(Some(Box::new(Reading::new(cx)?))),
    holds_readiness: false,
};

/// Bytes of files that are read before others have their turn.
const TURN: u64 = 1 << 20;
/// How long the thread sleeps at most where nothing comes: not every file system tells of its changes.
const NAP: Duration = Duration::from_secs(1);
/// The same where entries come.
const SHORT_NAP: Duration = Duration::from_millis(100);
/// How long a journal that cannot be opened is left alone.
const PAUSE: Duration = Duration::from_secs(10);
/// Within so much time after it happened it is noticed that the clock was set back, µs.
const LOOK: u64 = 2_000_000;
/// What is counted later than this after it was written is late, µs.
const LATE: u64 = 500_000;

/// Made when the source is built; runs in [`Source::run`].
struct Reading {
    cache: Arc<Cache>,
    model: Arc<Model>,
    settings: Settings,
}

struct Settings {
    /// Whether there must be a journal.
    required: bool,
    max_units: usize,
    max_patterns: usize,
    root: PathBuf,
    rules: Rules,
    lookback: Duration,
    state: Option<StateDir>,
    clock: Clock,
}

/// What the runtime has for the thread.
struct Bridge {
    wake: Arc<OwnedFd>,
    tickets: Mutex<Vec<Ticket>>,
    /// Scrapes that wait for what is being read.
    waiting: Mutex<Vec<Ticket>>,
    stop: AtomicBool,
}

/// Ends the thread with the task that started it: a runtime that goes waits for its threads.
struct Ending(Arc<Bridge>);

/// The thread's own.
struct Thread<'a> {
    reading: &'a Reading,
    line: &'a Line,
    bridge: &'a Bridge,
    keeper: Keeper,
    gatherer: Gatherer,
    /// Entries before this are behind: only what is rare counts. µs since 1970.
    begun: u64,
    at_tail: bool,
    kmsg: Option<Kmsg>,
    /// The record that comes next in `/dev/kmsg`.
    kmsg_next: Option<u64>,
    /// What the kernel wrote until then has been counted from there. µs since 1970.
    kmsg_until: u64,
    /// How many kills the model was told of.
    kills: u64,
}

// === impl Reading ===

impl Reading {
    fn new(cx: &Context) -> Result<Self> {
        let rules = Rules::new(cx.options.list(&options::RULES))?;
        let max_units = options::number(&cx.options, &options::MAX_UNITS, 5000)?;
        let max_patterns = options::number(&cx.options, &options::MAX_PATTERNS, 5000)?;
        let lookback = cx.options.duration(&options::LOOKBACK)?;
        let cache: Arc<Cache> = cx.shared.get();
        let required = cx.options.text(&options::MODE) == "on";
        let root = cx.rootfs.as_path().to_owned();
        let state = StateDir::new(&cx.options);
        let clock = cx.clock;
        let settings =
            Settings { required, max_units, max_patterns, root, rules, lookback, state, clock };
        let reading = Self { cache, model: cx.shared.get(), settings };
        reading.reset();
        Ok(reading)
    }

    /// Lets counting begin at 0: units have their numbers from whoever gathers, so that the counters of
    /// one that is gone are of no use.
    fn reset(&self) {
        let Settings { max_units, max_patterns, rules, .. } = &self.settings;
        let counters = Counters::new(*max_units, *max_patterns, rules);
        let mut state = self.cache.lock();
        state.counters = Some(Box::new(counters));
        state.reach(Position::default());
    }

    /// µs since 1970.
    fn now(&self) -> u64 {
        let since = self.settings.clock.now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    }
}

impl Source for Reading {
    fn run(self: Box<Self>, line: Line) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            let bridge = match eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK) {
                Ok(wake) => Arc::new(Bridge::new(Arc::new(wake))),
                Err(errno) => {
                    let reason = format!("eventfd: {}", std::io::Error::from(errno));
                    self.cache.lock().status = Status::Down(reason.clone());
                    line.health(Health::down(reason));
                    return;
                }
            };
            self.cache.wakes(&bridge.wake);
            let _ending = Ending(Arc::clone(&bridge));
            let reading = Arc::new(*self);
            let mut again = false;
            loop {
                let thread = (Arc::clone(&reading), line.clone(), Arc::clone(&bridge));
                let mut thread = task::spawn_blocking(move || {
                    let (reading, line, bridge) = thread;
                    Thread::new(&reading, &line, &bridge).run(again);
                });
                loop {
                    tokio::select! {
                        ended = &mut thread => {
                            if ended.is_ok() {
                                return;
                            }
                            break;
                        }
                        call = line.next() => match call {
                            Call::Refresh(ticket) => bridge.ask(ticket),
                            Call::Stop => bridge.stop(),
                        }
                    }
                    if bridge.stop.load(Ordering::Relaxed) {
                        drop(thread.await);
                        return;
                    }
                }
                // What it stumbled over is there still: it goes on behind it.
                again = true;
                reading.reset();
                let reason = "the reader panicked; please report it";
                tracing::error!(source = "journal", reason, "source lost");
                reading.cache.lock().status = Status::Down(reason.to_owned());
                line.health(Health::down(reason));
                bridge.begin();
                bridge.answer(&line);
                time::sleep(Duration::from_secs(10)).await;
            }
        })
    }
}

/// What is wrong with a file, and the way out where the exporter may not read it.
fn told(path: &Path, error: &journal_reader::Error) -> String {
    let hint = match error {
        journal_reader::Error::Io { source, .. }
            if source.kind() == ErrorKind::PermissionDenied =>
        {
            "; the group systemd-journal may read it"
        }
        _ => "",
    };
    format!("{}: {error}{hint}", path.display())
}

// === impl Ending ===

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.stop();
    }
}

// === impl Bridge ===

impl Bridge {
    fn new(wake: Arc<OwnedFd>) -> Self {
        Self {
            wake,
            tickets: Mutex::default(),
            waiting: Mutex::default(),
            stop: AtomicBool::new(false),
        }
    }

    fn ask(&self, ticket: Ticket) {
        lock(&self.tickets).push(ticket);
        self.wake();
    }

    fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        self.wake();
    }

    fn wake(&self) {
        // It fails only where the count is full, and then the thread is awake.
        rustix::io::write(&self.wake, &1_u64.to_ne_bytes()).ok();
    }

    /// A look at the files begins, for the scrapes that have asked until now.
    fn begin(&self) {
        rustix::io::read(&self.wake, &mut [0; 8]).ok();
        lock(&self.waiting).append(&mut lock(&self.tickets));
    }

    /// It has ended: they may go on.
    fn answer(&self, line: &Line) {
        lock(&self.waiting).drain(..).for_each(|ticket| line.answer(ticket));
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

// === impl Thread ===

impl<'a> Thread<'a> {
    fn new(reading: &'a Reading, line: &'a Line, bridge: &'a Bridge) -> Self {
        Self {
            reading,
            line,
            bridge,
            keeper: Keeper::new(
                reading.settings.state.clone(),
                reading.cache.lock().reader.position,
            ),
            gatherer: Gatherer::new(reading.settings.rules.clone()),
            begun: 0,
            at_tail: false,
            kmsg: None,
            kmsg_next: None,
            kmsg_until: 0,
            kills: 0,
        }
    }

    /// Until the process ends; after a panic, `again` with what is written from now on.
    fn run(&mut self, again: bool) {
        self.begun = self.reading.now();
        self.at_tail = again;
        let mut last = if again { None } else { self.keeper.load() };
        while !self.bridge.stopped() {
            let mut options = Options::default();
            options.root.clone_from(&self.reading.settings.root);
            // What the last reader counted stays counted.
            let mut state = self.reading.cache.lock();
            state.reader.before = state.reader.stats;
            drop(state);
            match Journal::open(options) {
                Ok(mut journal) => {
                    let ended = self
                        .begin(&mut journal, last.as_ref())
                        .and_then(|()| self.follow(&mut journal));
                    last = Some(journal.position()).filter(|position| !position.is_empty());
                    self.note_stats(&journal);
                    if let Err(error) = ended {
                        self.tell_health(Status::Down(error.to_string()));
                    }
                }
                Err(error) => self.without_journal(&error),
            }
            self.pause();
        }
        self.keep_shown();
    }

    /// No journal can be opened at all: the kernel's own log may do.
    fn without_journal(&mut self, error: &journal_reader::Error) {
        if self.read_kmsg() {
            self.reading.cache.lock().reader.read_at = self.reading.now();
            self.tell_kills();
            self.tell_health(Status::Kmsg);
        } else if error.is_absence() {
            self.tell_health(self.absent(error));
        } else {
            self.tell_health(Status::Down(error.to_string()));
        }
    }

    /// There is nothing to read, and what can be done.
    fn absent(&self, reason: impl std::fmt::Display) -> Status {
        let Settings { root, required, .. } = &self.reading.settings;
        if !required {
            let reason = reason.to_string();
            // What was there is not lacking: it is lost.
            let read = self.reading.cache.lock().has_read();
            return if read { Status::Down(reason) } else { Status::Absent(reason) };
        }
        Status::Absent(format!(
            "{reason}; expected journal files in var/log/journal or run/log/journal below {root}, or a readable \
             dev/kmsg: mount the host's there and its etc/machine-id, or set --path.rootfs; with \
             --journal=auto a machine may have none",
            root = root.display()
        ))
    }

    /// Finds the place where reading begins.
    fn begin(
        &mut self,
        journal: &mut Journal,
        last: Option<&Position>,
    ) -> journal_reader::Result<()> {
        if let Some(position) = last {
            match journal.seek(&Start::After(position))? {
                Seek::Found => {
                    self.begun = 0;
                    return Ok(());
                }
                Seek::Gap => {
                    self.begun = 0;
                    self.keeper.errors.lost += 1;
                    tracing::warn!("journal entries were deleted before they were read");
                    return Ok(());
                }
                Seek::Lost => {
                    self.keeper.errors.lost += 1;
                    tracing::warn!(
                        "the journal does not continue what was read before; it is read from now on"
                    );
                }
            }
        }
        if self.at_tail {
            journal.seek(&Start::Tail)?;
            return Ok(());
        }
        let lookback =
            u64::try_from(self.reading.settings.lookback.as_micros()).unwrap_or(u64::MAX);
        journal.seek(&Start::Since(self.begun.saturating_sub(lookback)))?;
        Ok(())
    }

    /// Reads until the process ends or the journal as a whole cannot be read.
    fn follow(&mut self, journal: &mut Journal) -> journal_reader::Result<()> {
        let mut nap = NAP;
        loop {
            // Those that come later are answered by the next look at the files.
            self.bridge.begin();
            self.keep_shown();
            if self.bridge.stopped() {
                return Ok(());
            }
            let progress = self.count(journal)?;
            Self::tell(journal);
            self.publish(journal, progress.more);
            if progress.more {
                continue;
            }
            self.bridge.answer(self.line);
            nap = if progress.entries > 0 { SHORT_NAP } else { NAP.min(nap * 2) };
            self.wait(Some(journal), nap);
        }
    }

    /// Counts what is there, up to a turn's bytes.
    fn count(&mut self, journal: &mut Journal) -> journal_reader::Result<Progress> {
        self.heed_clock();
        // A journal that has just appeared begins with what the kernel had written before.
        let kmsg_until = if self.kmsg.is_some() { self.reading.now() } else { self.kmsg_until };
        let (reading, gatherer, begun) = (self.reading, &mut self.gatherer, self.begun);
        let (mut tally, mut now) = (Tally::default(), reading.now());
        let progress = journal.read(TURN, |entry| {
            let facts = gatherer.gather(entry);
            // The reader counts it among those that were lost with their file.
            if entry.is_torn() || facts.kernel && facts.time <= kmsg_until {
                return;
            }
            let (behind, late) = (facts.time < begun, facts.time.saturating_add(LATE) < now);
            if tally.take(&facts, entry, behind, late) {
                return;
            }
            now = reading.now();
            let point = entry.point();
            let mut state = reading.cache.lock();
            tally.settle(&mut state);
            if let Some(counters) = &mut state.counters {
                counters.late += u64::from(late && !behind);
                counters.count(facts, &gatherer.units, gatherer.message(), behind);
            }
            state.pass(&point);
            drop(state);
            tally.follow(point);
        });
        let mut state = reading.cache.lock();
        tally.settle(&mut state);
        state.reach(journal.position());
        drop(state);
        progress
    }

    /// Where the clock was set back, as when a machine that booted with a wrong one hears of the right one,
    /// what is written from then on is no older than the start.
    fn heed_clock(&mut self) {
        let now = self.reading.now();
        let since = now.saturating_sub(LOOK);
        for time in [&mut self.begun, &mut self.kmsg_until] {
            if now < *time {
                *time = since;
            }
        }
    }

    /// Keeps the position that the last scrape shows.
    fn keep_shown(&mut self) {
        let shown = self.reading.cache.lock().shown.take();
        if let Some(position) = shown {
            self.keeper.save(position);
        }
    }

    /// Says what the reader has done.
    fn note_stats(&self, journal: &Journal) {
        let mut shared = self.reading.cache.lock();
        shared.reader.stats = journal.stats().after(&shared.reader.before);
        shared.reader.position = self.keeper.errors;
    }

    /// Says how reading goes.
    fn publish(&mut self, journal: &Journal, more: bool) {
        let missed = journal.faults().find(|fault| fault.missed);
        let now_is = match missed {
            Some(fault) => Status::Down(told(&fault.path, &fault.error)),
            None if journal.stats().files_known > 0 => Status::Journal,
            None if self.read_kmsg() => Status::Kmsg,
            None => self.absent("there are no journal files, and no /dev/kmsg to read"),
        };
        self.tell_kills();
        if now_is == Status::Journal && self.kmsg.is_some() {
            self.read_kmsg();
            self.kmsg = None;
        }
        self.note_stats(journal);
        if !more && matches!(now_is, Status::Journal | Status::Kmsg) {
            self.reading.cache.lock().reader.read_at = self.reading.now();
        }
        self.tell_health(now_is);
    }

    /// Reads the kernel's own log; whether there is one.
    fn read_kmsg(&mut self) -> bool {
        let path = self.reading.settings.root.join("dev/kmsg");
        let opened = match self.kmsg.take() {
            Some(log) => Ok(log),
            None => Kmsg::open(&path, self.kmsg_next),
        };
        let Ok(mut log) = opened else { return false };
        self.heed_clock();
        let now = self.reading.now();
        let lookback =
            u64::try_from(self.reading.settings.lookback.as_micros()).unwrap_or(u64::MAX);
        let from = self.begun.saturating_sub(lookback);
        let (cache, units, begun) = (&self.reading.cache, &self.gatherer.units, self.begun);
        let (lost, records) = (log.lost, log.records);
        let read = log.read(now, |record, time| {
            if time >= from
                && let Some(counters) = &mut cache.lock().counters
            {
                let facts = counters::of_kmsg(time, record.priority, record.facility);
                counters.count(facts, units, record.text, time < begun);
            }
        });
        (self.kmsg_next, self.kmsg_until) = (log.next, now);
        let mut state = cache.lock();
        state.reader.kmsg_lost += log.lost - lost;
        state.reader.kmsg_records += log.records - records;
        drop(state);
        if read.is_ok() {
            self.kmsg = Some(log);
        }
        read.is_ok()
    }

    /// Tells what happened to files, once each.
    fn tell(journal: &mut Journal) {
        for event in journal.events() {
            match event {
                Event::Fault { path, error } => {
                    let error = told(&path, &error);
                    tracing::warn!(source = "journal", error, "a journal file is not read");
                }
                Event::Vanished { path, entries } => {
                    let path = path.display().to_string();
                    tracing::warn!(source = "journal", path, entries, "deleted before it was read");
                }
                _ => {}
            }
        }
    }

    /// Tells the model who was killed for want of memory, where that has changed.
    fn tell_kills(&mut self) {
        let state = self.reading.cache.lock();
        let Some(counters) = &state.counters else { return };
        let kills = &counters.kernel.kills;
        if kills.turn() == self.kills {
            return;
        }
        self.kills = kills.turn();
        let rows: Vec<_> =
            kills.rows().into_iter().map(|((_, victim), count)| (victim.into(), count)).collect();
        drop(state);
        self.reading.model.kills_mut().reset(rows);
    }

    /// Says how the source is, where that has changed.
    fn tell_health(&self, status: Status) {
        let mut state = self.reading.cache.lock();
        if state.status == status {
            return;
        }
        state.status = status.clone();
        drop(state);
        match status {
            Status::Journal => {
                self.line.health(Health::up());
                tracing::info!(source = "journal", "source connected");
            }
            Status::Kmsg => {
                self.line.health(Health::up());
                tracing::info!(source = "journal", "there is no journal; /dev/kmsg is read");
            }
            Status::Down(reason) => {
                self.line.health(Health::down(reason.clone()));
                tracing::warn!(source = "journal", reason, "source lost");
            }
            Status::Absent(reason) if self.reading.settings.required => {
                self.line.health(Health::down(reason.clone()));
                tracing::warn!(source = "journal", reason, "there is no journal");
            }
            Status::Absent(reason) => {
                self.line.health(Health::absent(reason.clone()));
                tracing::debug!(source = "journal", reason, "no such source here");
            }
            Status::Starting => {}
        }
    }

    /// Waits before another attempt; scrapes are answered meanwhile.
    fn pause(&mut self) {
        for again in [true, false] {
            self.bridge.begin();
            self.keep_shown();
            self.bridge.answer(self.line);
            if again && !self.bridge.stopped() {
                self.wait(None, PAUSE);
            }
        }
    }

    /// Sleeps until something happens.
    fn wait(&self, journal: Option<&Journal>, nap: Duration) {
        let mut fds = vec![PollFd::new(&*self.bridge.wake, PollFlags::IN)];
        let (files, log);
        if let Some(journal) = journal {
            files = journal.poll_fd();
            fds.push(PollFd::new(&files, PollFlags::IN));
        }
        if let Some(kmsg) = &self.kmsg {
            log = kmsg.as_fd();
            fds.push(PollFd::new(&log, PollFlags::IN));
        }
        let nap = Timespec::try_from(nap).ok();
        // An interruption or an error is as good as something that happened: all is looked at.
        poll(&mut fds, nap.as_ref()).ok();
    }
}
