//! The task that counts the journal: a thread of its own that sleeps until journald writes, a scrape
//! begins, or a second has passed.
//!
//! Reading files can wait for the disk, so it is no work for the runtime's one thread. The counters'
//! lock is taken for each entry and for memory's work only: a scrape never waits for a file. A scrape
//! makes the thread look at the files at once, since journald tells of what it wrote up to 250 ms late.

use crate::{
    cache::{Cache, Status},
    counters::{self, Counters},
    facts::Gatherer,
    kmsg::Kmsg,
    options,
    position::Keeper,
    rules::Rules,
};
use collect::{
    Call, Clock, Context, Health, Line, Result, Root, Source, SourceSpec, StateDir, Ticket,
};
use journal_reader::{Event, Journal, Options, Position, Seek, Start};
use rustix::{
    event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll},
    fd::OwnedFd,
};
use std::{
    future::Future,
    io::ErrorKind,
    mem,
    path::PathBuf,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
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
/// How long the thread sleeps at most: not every file system tells of its changes.
const NAP: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };
/// How long a journal that cannot be opened is left alone.
const PAUSE: Timespec = Timespec { tv_sec: 10, tv_nsec: 0 };

/// Made when the source is built; runs in [`Source::run`].
struct Reading {
    cache: Arc<Cache>,
    settings: Settings,
}

struct Settings {
    /// procfs and sysfs.
    roots: (Root, Root),
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
    wake: OwnedFd,
    tickets: Mutex<Vec<Ticket>>,
    stop: AtomicBool,
}

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
    /// The last fault that a file had, for people.
    fault: Option<String>,
}

// === impl Reading ===

impl Reading {
    fn new(cx: &Context) -> Result<Self> {
        let rules = Rules::new(cx.options.list(&options::RULES))?;
        let max_units = options::number(&cx.options, &options::MAX_UNITS, 5000)?;
        let max_patterns = options::number(&cx.options, &options::MAX_PATTERNS, 5000)?;
        let lookback = options::duration(&cx.options, &options::LOOKBACK)?;
        let cache: Arc<Cache> = cx.shared.get();
        let roots = (cx.proc.clone(), cx.sys.clone());
        let root = cx.rootfs.as_path().to_owned();
        let state = StateDir::new(&cx.options);
        let clock = cx.clock;
        let settings =
            Settings { roots, max_units, max_patterns, root, rules, lookback, state, clock };
        let reading = Self { cache, settings };
        reading.reset();
        Ok(reading)
    }

    /// Lets counting begin at 0: units have their numbers from whoever gathers, so that the counters of
    /// one that is gone are of no use.
    fn reset(&self) {
        let Settings { roots, max_units, max_patterns, rules, .. } = &self.settings;
        let counters = Counters::new(roots.clone(), *max_units, *max_patterns, rules);
        self.cache.lock().counters = Some(Box::new(counters));
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
                Ok(wake) => Arc::new(Bridge::new(wake)),
                Err(errno) => {
                    let reason = format!("eventfd: {}", std::io::Error::from(errno));
                    self.cache.lock().status = Status::Down(reason.clone());
                    line.health(Health::down(reason));
                    return;
                }
            };
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
                for ticket in bridge.take() {
                    line.answer(ticket);
                }
                time::sleep(Duration::from_secs(10)).await;
            }
        })
    }
}

/// Whether the exporter may not read a file.
fn is_refused(error: &journal_reader::Error) -> bool {
    matches!(error, journal_reader::Error::Io { source, .. } if source.kind() == ErrorKind::PermissionDenied)
}

// === impl Bridge ===

impl Bridge {
    fn new(wake: OwnedFd) -> Self {
        Self { wake, tickets: Mutex::default(), stop: AtomicBool::new(false) }
    }

    fn ask(&self, ticket: Ticket) {
        self.tickets.lock().unwrap_or_else(PoisonError::into_inner).push(ticket);
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

    fn take(&self) -> Vec<Ticket> {
        rustix::io::read(&self.wake, &mut [0; 8]).ok();
        mem::take(&mut self.tickets.lock().unwrap_or_else(PoisonError::into_inner))
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
            keeper: Keeper::new(reading.settings.state.clone()),
            gatherer: Gatherer::new(reading.settings.rules.clone()),
            begun: 0,
            at_tail: false,
            kmsg: None,
            kmsg_next: None,
            kmsg_until: 0,
            fault: None,
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
            match Journal::open(options) {
                Ok(mut journal) => {
                    let ended = self
                        .begin(&mut journal, last.as_ref())
                        .and_then(|()| self.follow(&mut journal));
                    last = Some(journal.position()).filter(|position| !position.is_empty());
                    if let Err(error) = ended {
                        self.tell_health(Status::Down(error.to_string()));
                    }
                }
                Err(error) => self.without_journal(&error),
            }
            self.pause();
        }
    }

    /// No journal can be opened at all: the kernel's own log may do.
    fn without_journal(&mut self, error: &journal_reader::Error) {
        if self.read_kmsg() {
            self.reading.cache.lock().reader.read_at = self.reading.now();
            self.tell_health(Status::Kmsg);
        } else {
            self.tell_health(Status::Absent(error.to_string()));
        }
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
        let cache = Arc::clone(&self.reading.cache);
        loop {
            // A journal that has just appeared begins with what the kernel had written before.
            let kmsg_until = if self.kmsg.is_some() { self.reading.now() } else { self.kmsg_until };
            let (gatherer, begun) = (&mut self.gatherer, self.begun);
            let progress = journal.read(TURN, |entry| {
                let facts = gatherer.gather(entry);
                // The reader counts it among those that were lost with their file.
                if entry.is_torn() {
                    return;
                }
                if facts.kernel && facts.time <= kmsg_until {
                    return;
                }
                let behind = facts.time < begun;
                let mut state = cache.lock();
                if let Some(counters) = &mut state.counters {
                    counters.count(facts, &gatherer.units, gatherer.message(), behind);
                }
            })?;
            self.tell(journal);
            self.publish(journal, progress.more);
            if self.bridge.stopped() {
                return Ok(());
            }
            if progress.more {
                continue;
            }
            self.answer(journal);
            if self.bridge.stopped() {
                return Ok(());
            }
            self.wait(Some(journal), NAP);
        }
    }

    /// Lets the scrapes that asked go on, and keeps the position that the first of them shows: nothing is
    /// counted until it has copied the counters.
    fn answer(&mut self, journal: &Journal) {
        let tickets = self.bridge.take();
        if tickets.is_empty() {
            return;
        }
        let scrapes = self.reading.cache.lock().scrapes;
        for ticket in tickets {
            self.line.answer(ticket);
        }
        if self.reading.cache.wait_scraped(scrapes) {
            self.keeper.save(journal.position());
        }
    }

    /// Says how reading goes.
    fn publish(&mut self, journal: &Journal, more: bool) {
        let stats = journal.stats();
        let now_is = match self.fault.clone() {
            // Nothing could ever be read. While files rotate there may be no live one for a moment.
            Some(fault) if stats.files_live == 0 && stats.last_realtime == 0 => Status::Down(fault),
            _ if stats.files_known > 0 => Status::Journal,
            Some(fault) => Status::Down(fault),
            None if self.read_kmsg() => Status::Kmsg,
            None => {
                Status::Absent("there are no journal files, and no /dev/kmsg to read".to_owned())
            }
        };
        if now_is == Status::Journal && self.kmsg.is_some() {
            self.read_kmsg();
            self.kmsg = None;
        }
        let now = self.reading.now();
        let mut shared = self.reading.cache.lock();
        shared.reader.stats = stats;
        shared.reader.position = self.keeper.errors;
        if !more && matches!(now_is, Status::Journal | Status::Kmsg) {
            shared.reader.read_at = now;
        }
        drop(shared);
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
    fn tell(&mut self, journal: &mut Journal) {
        for event in journal.events() {
            match event {
                Event::Fault { path, error } => {
                    let mut fault = format!("{}: {error}", path.display());
                    if is_refused(&error) {
                        fault.push_str("; the group systemd-journal may read it");
                    }
                    tracing::warn!(source = "journal", error = fault, "a journal file is not read");
                    self.fault = Some(fault);
                }
                Event::Vanished { path, entries } => {
                    let path = path.display().to_string();
                    tracing::warn!(source = "journal", path, entries, "deleted before it was read");
                }
                _ => {}
            }
        }
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
            Status::Absent(reason) => {
                self.line.health(Health::absent(reason.clone()));
                tracing::debug!(source = "journal", reason, "no such source here");
            }
            Status::Starting => {}
        }
    }

    /// Waits before another attempt; scrapes are answered meanwhile.
    fn pause(&mut self) {
        if self.bridge.stopped() {
            return;
        }
        for ticket in self.bridge.take() {
            self.line.answer(ticket);
        }
        self.wait(None, PAUSE);
        for ticket in self.bridge.take() {
            self.line.answer(ticket);
        }
    }

    /// Sleeps until something happens.
    fn wait(&self, journal: Option<&Journal>, nap: Timespec) {
        let mut fds = vec![PollFd::new(&self.bridge.wake, PollFlags::IN)];
        let (files, log);
        if let Some(journal) = journal {
            files = journal.poll_fd();
            fds.push(PollFd::new(&files, PollFlags::IN));
        }
        if let Some(kmsg) = &self.kmsg {
            log = kmsg.as_fd();
            fds.push(PollFd::new(&log, PollFlags::IN));
        }
        // An interruption or an error is as good as something that happened: all is looked at.
        poll(&mut fds, Some(&nap)).ok();
    }
}
