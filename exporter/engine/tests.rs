//! The engine over collectors that hang, panic and lack data.

use super::*;
use collect::{Clock, Options, Result, Root};
use std::sync::atomic::AtomicU32;

static VALUE: Family = Family::gauge("test_value", "A number.", &["from"]);

macro_rules! spec {
    ($name:literal, $collect:expr) => {
        Spec {
            name: $name,
            doc: "",
            default: true,
            families: &[],
            opts: &[],
            build: |_| Ok(Box::new(Function($collect))),
        }
    };
}

struct Function(fn(&mut Writer) -> Result<()>);

impl Collector for Function {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        (self.0)(out)
    }
}

/// A latch that holds a collector until the test opens it.
struct Latch(Mutex<bool>, Condvar);

impl Latch {
    const fn new() -> Self {
        Self(Mutex::new(false), Condvar::new())
    }

    fn wait(&self) {
        let guard = self.1.wait_while(lock(&self.0), |open| !*open);
        drop(guard.unwrap_or_else(PoisonError::into_inner));
    }

    fn open(&self) {
        *lock(&self.0) = true;
        self.1.notify_all();
    }
}

fn engine(specs: &[&'static Spec]) -> Arc<Engine> {
    engine_with(specs, None)
}

fn engine_with(specs: &[&'static Spec], own: Option<Arc<SelfMetrics>>) -> Arc<Engine> {
    Arc::new(Engine::new(&nowhere(&[]), specs, own).unwrap())
}

/// A machine that has nothing.
fn nowhere(options: &[(&'static str, &str)]) -> Context {
    let root = Root::new("/nonexistent");
    let mut given = Options::default();
    for (name, text) in options {
        given.set(name, vec![(*text).to_owned()]);
    }
    Context {
        proc: root.clone(),
        sys: root.clone(),
        rootfs: root.clone(),
        udev: root,
        options: given,
        clock: Clock::new(|| std::time::SystemTime::UNIX_EPOCH),
        shared: collect::Shared::default(),
    }
}

/// A deadline that no test waits for: time is paused where one is to pass.
const MINUTE: Duration = Duration::from_mins(1);

async fn text(engine: &Arc<Engine>, select: &Select) -> String {
    let scrape = engine.scrape(select, time::Instant::now() + MINUTE).await.unwrap();
    body(&scrape)
}

fn body(scrape: &Scrape) -> String {
    String::from_utf8(scrape.encode(Format::TEXT).body).unwrap()
}

/// Waits for what another thread or task is about to do; the bound is for a defect only.
async fn until(what: &str, reached: impl Fn() -> bool) {
    let begun = Instant::now();
    while !reached() {
        assert!(begun.elapsed() < Duration::from_mins(5), "{what}: never");
        tokio::task::yield_now().await;
    }
}

/// Lets so much time pass that whatever keeps a worker has kept it too long.
async fn stall() {
    for _ in 0..10 {
        time::advance(STALL).await;
        tokio::task::yield_now().await;
    }
}

static GOOD: Spec = spec!("good", |out| {
    out.family(&VALUE, |s| s.row(&["good"], 1u64));
    Ok(())
});

#[tokio::test(start_paused = true)]
async fn a_stuck_collector_costs_its_own_families_only_and_recovers() {
    static LATCH: Latch = Latch::new();
    static STARTED: Notify = Notify::const_new();
    static STARTS: AtomicU32 = AtomicU32::new(0);
    static STUCK: Spec = spec!("stuck", |out| {
        STARTS.fetch_add(1, Ordering::Relaxed);
        STARTED.notify_one();
        LATCH.wait();
        out.family(&VALUE, |s| s.row(&["stuck"], 1u64));
        Ok(())
    });
    let engine = engine(&[&STUCK, &GOOD]);
    let run = Run::new(engine.slots.clone(), time::Instant::now() + MINUTE);
    let beside = async {
        STARTED.notified().await;
        assert_eq!(lock(&run.results).done, 0);
        stall().await;
        until("another worker runs the rest", || lock(&run.results).done == 1).await;
        time::advance(MINUTE).await;
    };
    let (first, ()) = tokio::join!(engine.conduct(&run), beside);
    let first = body(&first);
    assert!(first.contains("test_value{from=\"good\"} 1\n"), "{first}");
    assert!(!first.contains("test_value{from=\"stuck\"}"), "{first}");
    assert!(first.contains("hybrid_scrape_collector_timed_out{collector=\"stuck\"} 1\n"));
    assert!(first.contains("node_scrape_collector_success{collector=\"stuck\"} 0\n"));
    // The second scrape does not wait for it again, nor start it again: no time passes.
    let begun = time::Instant::now();
    let second = text(&engine, &Select::All).await;
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert!(second.contains("test_value{from=\"good\"} 1\n"), "{second}");
    assert!(second.contains("hybrid_scrape_collector_timed_out{collector=\"stuck\"} 1\n"));
    assert_eq!(STARTS.load(Ordering::Relaxed), 1);
    LATCH.open();
    let back = || engine.slots.iter().all(|slot| matches!(*lock(&slot.seat), Seat::Idle(_)));
    until("the collector comes back", back).await;
    let third = text(&engine, &Select::All).await;
    assert!(third.contains("test_value{from=\"stuck\"} 1\n"), "{third}");
    assert_eq!(STARTS.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn a_collector_that_outlives_a_scrape_given_up_is_late() {
    static LATCH: Latch = Latch::new();
    static STARTED: Notify = Notify::const_new();
    static STUCK: Spec = spec!("stuck", |_| {
        STARTED.notify_one();
        LATCH.wait();
        Ok(())
    });
    let engine = engine(&[&STUCK, &GOOD]);
    // The client goes away in the middle of its scrape.
    tokio::select! {
        _ = text(&engine, &Select::All) => panic!("not stuck"),
        () = STARTED.notified() => {}
    }
    time::advance(MINUTE).await;
    let begun = time::Instant::now();
    let body = text(&engine, &Select::All).await;
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert!(body.contains("test_value{from=\"good\"} 1\n"), "{body}");
    assert!(body.contains("hybrid_scrape_collector_timed_out{collector=\"stuck\"} 1\n"), "{body}");
    LATCH.open();
}

#[tokio::test]
async fn nothing_begins_after_the_deadline() {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    static COUNTED: Spec = spec!("counted", |_| {
        RUNS.fetch_add(1, Ordering::Relaxed);
        Ok(())
    });
    let engine = engine(&[&COUNTED]);
    let late = engine.scrape(&Select::All, time::Instant::now()).await.unwrap();
    let late = body(&late);
    assert!(late.contains("hybrid_scrape_collector_timed_out{collector=\"counted\"} 1\n"));
    let body = text(&engine, &Select::All).await;
    assert!(body.contains("node_scrape_collector_success{collector=\"counted\"} 1\n"), "{body}");
    assert_eq!(RUNS.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_panic_is_a_failure_and_no_data_is_none() {
    static PANICS: Spec = spec!("panics", |_| panic!("on purpose"));
    static EMPTY: Spec = spec!("empty", |_| Err(Error::no_data("no such device")));
    let engine = engine(&[&PANICS, &EMPTY, &GOOD]);
    for _ in 0..2 {
        let body = text(&engine, &Select::All).await;
        assert!(body.contains("test_value{from=\"good\"} 1\n"), "{body}");
        assert!(body.contains("node_scrape_collector_success{collector=\"panics\"} 0\n"));
        assert!(body.contains("hybrid_scrape_collector_no_data{collector=\"panics\"} 0\n"));
        assert!(body.contains("node_scrape_collector_success{collector=\"empty\"} 0\n"));
        assert!(body.contains("hybrid_scrape_collector_no_data{collector=\"empty\"} 1\n"));
    }
    let states: Vec<State> = engine.status().into_iter().map(|s| s.state).collect();
    assert_eq!(states, [State::Failed, State::NoData, State::Ok]);
}

#[tokio::test]
async fn forty_clients_share_scrapes() {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    static STARTED: Notify = Notify::const_new();
    static LATCH: Latch = Latch::new();
    static COUNTED: Spec = spec!("counted", |out| {
        let n = RUNS.fetch_add(1, Ordering::Relaxed);
        STARTED.notify_one();
        LATCH.wait();
        out.family(&VALUE, |s| s.row(&["counted"], n));
        Ok(())
    });
    let engine = engine(&[&COUNTED]);
    let client = || {
        let engine = Arc::clone(&engine);
        tokio::spawn(async move { text(&engine, &Select::All).await })
    };
    let first = client();
    STARTED.notified().await;
    // They ask while the first one's run is held.
    let others: Vec<_> = (1..40).map(|_| client()).collect();
    let [gate, ..] = &engine.gates;
    until("all have asked", || lock(&gate.guests).count == 40).await;
    LATCH.open();
    assert!(first.await.unwrap().contains("test_value{from=\"counted\"} 0\n"));
    for client in others {
        assert!(client.await.unwrap().contains("test_value{from=\"counted\"} 1\n"));
    }
    assert_eq!(RUNS.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn shadowed_families_stay_known_beside_scrapes_of_some_collectors() {
    static GUEST: Spec = spec!("guest", |out| {
        out.guest(&VALUE, b"test_value 2\n", false);
        Ok(())
    });
    let engine = engine_with(&[&GOOD, &GUEST], Some(Arc::new(SelfMetrics::new())));
    let shadowed = async |select: &Select| {
        let body = text(&engine, select).await;
        let number = body.split("\nhybrid_scrape_shadowed_families ").nth(1);
        number.and_then(|rest| rest.lines().next()).unwrap().to_owned()
    };
    // Each tells what the one before it found.
    assert_eq!(shadowed(&Select::All).await, "0");
    assert_eq!(shadowed(&Select::Only(vec!["good".into()])).await, "1");
    assert_eq!(shadowed(&Select::All).await, "1");
}

#[tokio::test]
async fn what_the_machine_lacks_is_no_source_that_is_down() {
    let fed: Vec<&Spec> = registry::GROUPS
        .iter()
        .filter(|group| group.source.is_some_and(|source| source.name != "systemd"))
        .flat_map(|group| (group.collectors)().iter().copied())
        .chain(systemd::COLLECTORS.iter().copied())
        .collect();
    let down = ["\"cluster\"} 0", "\"journal\"} 0", "\"systemd\"} 0"];
    let must = [("systemd", "on"), ("journal", "on"), ("cluster", "always")];
    for (options, expected) in [(&[][..], &[][..]), (&must, &down)] {
        let engine = Arc::new(Engine::new(&nowhere(options), &fed, None).unwrap());
        engine.start();
        let begun = Instant::now();
        loop {
            let body = text(&engine, &Select::All).await;
            let rows = body.lines().filter_map(|l| l.strip_prefix("hybrid_source_up{source="));
            let mut rows: Vec<_> = rows.collect();
            rows.sort_unstable();
            if rows == expected {
                break;
            }
            // A source that has not come to say anything is not up.
            assert!(begun.elapsed() < Duration::from_mins(5), "{options:?}: {rows:?}");
        }
        engine.stop().await;
    }
}

#[tokio::test]
async fn selections() {
    let engine = engine(&[&GOOD]);
    let only = |name: &str| Select::Only(vec![name.to_owned()]);
    let refusal = async |select| {
        let deadline = time::Instant::now() + MINUTE;
        engine.scrape(&select, deadline).await.map(drop)
    };
    assert_eq!(refusal(only("nope")).await, Err(Refusal::Missing("nope".into())));
    assert_eq!(refusal(only("loadavg")).await, Err(Refusal::Disabled("loadavg".into())));
    assert_eq!(refusal(only("good")).await, Ok(()));
    let rest = Select::Except(vec!["good".into(), "nope".into()]);
    let body = text(&engine, &rest).await;
    assert!(!body.contains("test_value"), "{body}");
}

#[tokio::test]
async fn a_part_runs_its_own_collectors() {
    let engine = engine(&[&GOOD]);
    for (part, has) in [(NODE, true), ("systemd", false)] {
        let body = text(&engine, &Select::Part(part)).await;
        assert_eq!(body.contains("test_value{from=\"good\"} 1\n"), has, "{part}: {body}");
    }
}
