//! A large server: a thousand units are served whole, at the cost that was promised, and what happens
//! between two scrapes is in the next one.
//!
//! The promises are CPU time, which other load on the machine stretches less than anything else; each
//! is asserted with half as much again. The optimised binary of `tests/ground/static` is what counts.

use super::{FLAGS, PORT, Site, has_units, named, note};
use crate::support::{scrape::Scrape, skip};
use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    path::PathBuf,
    time::{Duration, Instant, SystemTime},
};

/// What a scrape may cost the exporter, and PID 1 with the bus, once all is read, in ms.
const OURS: f64 = 8.0;
const THEIRS: f64 = 5.0;
/// What the first reading of everything may cost PID 1, in ms.
const FIRST: f64 = 300.0;
/// What the units may take of memory, in KiB.
const MEMORY: f64 = 4096.0;
/// How many times that is a failure: CPU time is longer where others share the core's caches.
const MARGIN: f64 = 2.5;
/// The same for memory, which nobody else changes.
const ROOM: f64 = 1.5;
const SCRAPES: u32 = 60;

/// Families that have each unit of a kind, or of every kind; by label `name` or `unit`.
const COMPLETE: [(&str, &str); 24] = [
    ("systemd_unit_state", ""),
    ("systemd_unit_active_enter_time_seconds", ""),
    ("systemd_unit_active_exit_time_seconds", ""),
    ("systemd_unit_inactive_enter_time_seconds", ""),
    ("systemd_unit_inactive_exit_time_seconds", ""),
    ("systemd_unit_start_time_seconds", "service"),
    ("systemd_unit_tasks_max", "service"),
    ("systemd_service_restart_total", "service"),
    ("systemd_timer_last_trigger_seconds", "timer"),
    ("systemd_socket_accepted_connections_total", "socket"),
    ("systemd_socket_current_connections", "socket"),
    ("systemd_socket_refused_connections_total", "socket"),
    ("systemd_unit_info", "service mount"),
    ("hybrid_unit_restarts_total", "service"),
    ("node_systemd_unit_state", "service socket timer target path swap"),
    ("node_systemd_unit_start_time_seconds", "service socket timer target path swap"),
    ("node_systemd_service_restart_total", "service"),
    ("node_systemd_unit_tasks_max", "service"),
    ("node_systemd_timer_last_trigger_seconds", "timer"),
    ("node_systemd_socket_accepted_connections_total", "socket"),
    ("node_systemd_socket_current_connections", "socket"),
    ("node_systemd_socket_refused_connections_total", "socket"),
    ("systemd_unit_tasks_current", "running"),
    ("node_systemd_unit_tasks_current", "running"),
];
/// Families that have to be there at all.
const PRESENT: [&str; 9] = [
    "systemd_boot_monotonic_seconds",
    "systemd_boot_time_seconds",
    "systemd_watchdog_enabled",
    "node_systemd_units",
    "node_systemd_system_running",
    "node_systemd_version",
    "node_systemd_virtualization_info",
    "hybrid_systemd_info",
    "hybrid_unit_result_info",
];

/// CPU time of a process inside, in ticks of a hundredth of a second.
fn cpu(site: &Site, pid: u32) -> Duration {
    let stat = site.shell(&format!("cat /proc/{pid}/stat"));
    let (_, fields) = stat.rsplit_once(") ").expect("a name in brackets");
    let ticks = |at| fields.split(' ').nth(at).and_then(|text| text.parse::<u64>().ok());
    let ticks = ticks(11).zip(ticks(12)).expect("utime and stime");
    Duration::from_millis((ticks.0 + ticks.1) * 10)
}

/// Resident memory of a process inside, in KiB.
fn memory(site: &Site, pid: u32) -> u32 {
    let rss = site.shell(&format!("awk '/^VmRSS/ {{ print $2 }}' /proc/{pid}/status"));
    rss.trim().parse().expect("a number of KiB")
}

/// Load and active state of each unit that is loaded and no device.
fn listed(site: &Site) -> BTreeMap<String, (String, String)> {
    let listed = site.systemctl("list-units --all --plain --no-legend --full");
    let unit = |line: &str| {
        let mut words = line.split_whitespace().map(str::to_owned);
        let (name, load, active) = (words.next()?, words.next()?, words.next()?);
        let served = load == "loaded" && !name.ends_with(".device");
        served.then_some((name, (load, active)))
    };
    listed.lines().filter_map(unit).collect()
}

fn assert_complete(site: &Site, page: &Scrape) {
    let listed = listed(site);
    let kind = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    for (family, kinds) in COMPLETE {
        let of_kind = |(name, (_, active)): (&String, &(String, String))| {
            let wanted = match kinds {
                "" => true,
                // A service whose command runs has tasks; one that only stays active has none.
                "running" => name == "systemd-journald.service" && active == "active",
                _ => kinds.split(' ').any(|wanted| wanted == kind(name)),
            };
            wanted.then(|| name.clone())
        };
        let want: BTreeSet<String> = listed.iter().filter_map(of_kind).collect();
        let got = named(page, family);
        let lacks: Vec<_> = want.iter().filter(|name| !got.contains(name.as_str())).collect();
        assert!(lacks.is_empty(), "{family} lacks {} units: {lacks:?}", lacks.len());
        assert!(!want.is_empty(), "no {kinds} for {family}");
    }
    for family in PRESENT {
        assert!(page.series.keys().any(|(name, _)| name == family), "no {family}");
    }
    let stages = page.series.keys().filter(|(name, _)| name == "systemd_boot_time_seconds");
    assert_eq!(stages.count(), 18);
    for state in ["active", "activating", "deactivating", "inactive", "failed"] {
        let now = listed.iter().filter(|(_, (_, active))| active == state);
        for (name, _) in now {
            assert_eq!(super::state(page, name, state), Some(1.0), "{name} is {state}");
        }
    }
    assert!(listed.len() > 1000, "only {} units", listed.len());
    note(&format!("{} units, {} series", listed.len(), page.series.len()));
}

/// 200 restarts between two scrapes are all in the next one.
fn assert_restarts_seen(site: &Site) {
    site.page("/metrics/systemd");
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    let names: Vec<_> =
        (0..600).filter(|n| n % 3 != 0).map(|n| format!("gen-{n}.service")).collect();
    let names = names.get(..200).expect("enough services that run");
    site.host.run(200, &["sh", "-c", &format!("systemctl restart {}", names.join(" "))]);
    let page = site.page("/metrics/systemd");
    let missed: Vec<_> = names
        .iter()
        .filter(|name| {
            let labels = [("name", name.as_str()), ("type", "service")];
            let entered = page.value("systemd_unit_active_enter_time_seconds", &labels);
            let started = page.value("systemd_unit_start_time_seconds", &labels);
            let seen = entered.is_some_and(|at| at > now.as_secs_f64()) && started == entered;
            !seen || super::state(&page, name, "active") != Some(1.0)
        })
        .collect();
    assert!(missed.is_empty(), "{} of {} restarts: {missed:?}", missed.len(), names.len());
}

/// CPU time of PID 1, of the bus and of the exporter since the last question.
struct Meter<'a> {
    site: &'a Site,
    pids: [u32; 3],
    last: [Duration; 3],
}

// === impl Meter ===

impl<'a> Meter<'a> {
    fn new(site: &'a Site, pids: [u32; 3]) -> Self {
        Self { site, pids, last: pids.map(|pid| cpu(site, pid)) }
    }

    fn spent(&mut self) -> [Duration; 3] {
        let now = self.pids.map(|pid| cpu(self.site, pid));
        let before = std::mem::replace(&mut self.last, now).into_iter();
        let mut spent = now.into_iter().zip(before).map(|(now, then)| now.saturating_sub(then));
        std::array::from_fn(|_| spent.next().unwrap_or_default())
    }
}

/// A family of what was promised, as measured: what it is, what was found, what was promised.
type Promise = (&'static str, f64, f64);

/// What the first reading of everything costs, and then a scrape.
fn cost(site: &Site) -> Vec<Promise> {
    let bus = site.pid("dbus.service");
    let mut meter = Meter::new(site, [1, bus, bus]);
    site.systemctl("start exporter.service");
    site.said("exporter", "source connected");
    let [first, bus_first, _] = meter.spent();
    let exporter = site.pid("exporter.service");
    let ours = cpu(site, exporter);
    note(&format!("first reading: PID 1 {first:?}, bus {bus_first:?}, exporter {ours:?}"));

    for _ in 0..5 {
        assert!(has_units(&site.page("/metrics/systemd")));
    }
    let mut meter = Meter::new(site, [1, bus, exporter]);
    let mut took = Vec::new();
    for _ in 0..SCRAPES {
        let begun = Instant::now();
        let answer = site.host.get(PORT, "/metrics/systemd", &[]);
        took.push(begun.elapsed());
        assert!(answer.status == 200 && answer.body.len() > 500_000, "{} bytes", answer.body.len());
    }
    let [pid1, bus, ours] = meter.spent().map(|spent| spent / SCRAPES);
    took.sort();
    let median = took.get(took.len() / 2);
    note(&format!("a scrape: exporter {ours:?}, PID 1 {pid1:?}, bus {bus:?}, wall {median:?}"));
    let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
    vec![
        ("ms of PID 1 for the first reading", ms(first), FIRST),
        ("ms of the exporter for a scrape", ms(ours), OURS),
        ("ms of PID 1 and the bus for a scrape", ms(pid1 + bus), THEIRS),
    ]
}

/// Memory beside that of an exporter that serves nothing, asked as often.
fn weight(site: &Site) -> Promise {
    site.systemctl("start empty.service");
    site.said("empty", "listening");
    for _ in 0..SCRAPES + 5 {
        site.page_of(PORT + 1, "/metrics");
    }
    let [empty, full] = ["empty", "exporter"].map(|unit| memory(site, site.pid(unit)));
    note(&format!("{full} KiB beside the {empty} KiB of an empty exporter"));
    ("KiB for the units", f64::from(full) - f64::from(empty), MEMORY * ROOM)
}

#[test]
fn a_thousand_units_at_the_promised_cost() {
    let name = "systemd::estate::a_thousand_units_at_the_promised_cost";
    let Some(binary) = env::var_os("HYBRID_STATIC_BINARY").map(PathBuf::from) else {
        return skip(name, "HYBRID_STATIC_BINARY is not set: tests/run builds it");
    };
    let site = match Site::boot(None, &binary) {
        Ok(site) => site,
        Err(reason) => return skip(name, &reason),
    };
    site.host.run(200, &["python3", "/shared/units.py"]);
    let whole = format!("{FLAGS} {}", listen(PORT + 2));
    let alone = format!("--collector.disable-defaults --systemd=on {}", listen(PORT));
    let empty = format!("--collector.disable-defaults --systemd=off {}", listen(PORT + 1));
    for (unit, flags) in [("exporter", alone), ("empty", empty), ("whole", whole)] {
        site.host.service(unit, &format!("ExecStart=/shared/hybrid-exporter {flags}\n"));
    }
    site.settle();

    let mut promises = cost(&site);
    for (_, _, most) in &mut promises {
        *most *= MARGIN;
    }
    promises.push(weight(&site));
    assert_restarts_seen(&site);
    site.assert_kept(usize::MAX);
    site.systemctl("start whole.service");
    site.said("whole", "source connected");
    assert_complete(&site, &site.page_of(PORT + 2, "/metrics"));
    assert_eq!(site.complaints(), Vec::<String>::new());
    let broken: Vec<_> = promises.iter().filter(|(_, is, most)| is > most).collect();
    assert!(broken.is_empty(), "what, measured, promised: {broken:?}");
}

fn listen(port: u16) -> String {
    format!("--web.listen-address=127.0.0.1:{port}")
}
