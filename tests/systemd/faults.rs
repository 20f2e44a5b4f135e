//! What hurts the bus, done to a real one: every scrape is in time, no unit is served that may be
//! stale, all come back by themselves over one connection, and the bus has nothing to complain about.

use super::{FLAGS, Site, V257, V260, has_units, named, note, state, up};
use crate::support::{EXPORTER, scrape::Scrape, skip};
use std::{
    collections::BTreeSet,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Instant,
};

/// What the bus is told to refuse, whoever asks.
const DENIED: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><policy context="mandatory"><deny send_destination="org.freedesktop.systemd1" RULE/></policy></busconfig>
"#;
const POLICY: &str = "/etc/dbus-1/system.d/zz-denied.conf";

// === impl Site ===

impl Site {
    /// While the bus is away: waits until nothing is served, stops a unit that nobody can hear of,
    /// and shows that it stays so.
    fn assert_absent(&self, what: &str) -> Scrape {
        // Units go with the first scrape that is not answered, the source's word with the call's end.
        let gone = self.until(what, |page| !has_units(page));
        self.until(what, |page| up(page) == Some(0.0));
        self.systemctl("stop gen-0.service");
        for _ in 0..3 {
            let page = self.page("/metrics");
            assert!(!has_units(&page), "{what}: units are there again");
            assert_eq!(up(&page), Some(0.0), "{what}");
            let node = page.series.keys().find(|(name, _)| name.starts_with("node_systemd_"));
            assert_eq!(node, None, "{what}");
            for family in ["hybrid_unit_", "systemd_", "hybrid_timer_"] {
                let stale = page.series.keys().find(|(name, _)| name.starts_with(family));
                assert_eq!(stale, None, "{what}");
            }
        }
        gone
    }

    /// The bus is back: the first page that has units tells what happened meanwhile.
    fn assert_back(&self, what: &str) {
        let begun = Instant::now();
        let page = self.served();
        note(&format!("units after {what}: {:?}", begun.elapsed()));
        // A unit that nobody names is unloaded with its end.
        assert_ne!(state(&page, "gen-0.service", "active"), Some(1.0), "{what}: stale");
        assert_eq!(up(&page), Some(1.0), "{what}");
        assert_eq!(page.value("hybrid_systemd_units_dropped", &[]), Some(0.0), "{what}");
        self.systemctl("start gen-0.service");
        assert_eq!(state(&self.page("/metrics"), "gen-0.service", "active"), Some(1.0), "{what}");
    }

    fn deny(&self, rule: &str) {
        self.host.write(POLICY, &DENIED.replace("RULE", rule));
        self.systemctl("reload dbus.service");
    }

    fn allow(&self) {
        self.run(&["rm", POLICY]);
        self.systemctl("reload dbus.service");
    }
}

fn connections_made(page: &Scrape) -> Option<f64> {
    page.value("hybrid_systemd_connections_total", &[])
}

/// Stopped, restarted, hung, and systemd that executes itself anew and reads its files again.
fn lose_the_bus(site: &Site) {
    assert_eq!(up(&site.served()), Some(1.0));
    let descriptors = site.descriptors();

    site.systemctl("stop dbus.service dbus.socket");
    site.assert_absent("stopped");
    site.systemctl("start dbus.socket dbus.service");
    site.assert_back("a stop");

    site.systemctl("restart dbus.service");
    site.systemctl("stop gen-0.service");
    site.until("a new connection", |page| {
        let stale = has_units(page) && state(page, "gen-0.service", "active") == Some(1.0);
        assert!(!stale, "served a stopped unit as active");
        has_units(page)
    });
    site.assert_back("a restart");

    let bus = site.pid("dbus.service");
    site.shell(&format!("kill -STOP {bus}"));
    site.assert_absent("hung");
    site.shell(&format!("kill -CONT {bus}"));
    site.assert_back("a hang");

    site.systemctl("stop gen-0.service");
    site.systemctl("daemon-reexec");
    site.assert_back("daemon-reexec");

    let before = connections_made(&site.page("/metrics"));
    site.shell("sed -i 's/^Type=.*/Type=idle/' /run/systemd/system/gen-0.service");
    site.systemctl("daemon-reload");
    let labels = [("name", "gen-0.service"), ("type", "service"), ("service_type", "idle")];
    site.until("the new type", |page| {
        assert!(has_units(page), "a reload costs nothing that is served");
        page.value("systemd_unit_info", &labels) == Some(1.0)
    });
    assert_eq!(connections_made(&site.page("/metrics")), before);
    site.assert_tidy(descriptors);

    // Each change was worth a line: a stop, a restart, a hang, daemon-reexec.
    let log = site.shell("journalctl --quiet --unit=exporter --output=cat");
    let lines = |text: &str| log.lines().filter(|line| line.contains(text)).count();
    // Five; a machine that gives us no time for seconds may add to them.
    assert!((5..=7).contains(&lines("source connected")), "{log}");
    assert!((4..=8).contains(&lines("source lost")), "{log}");
}

#[test]
fn a_lost_bus_leaves_nothing_stale() {
    match Site::with_units(None) {
        Ok(site) => lose_the_bus(&site),
        Err(reason) => skip("systemd::faults::a_lost_bus_leaves_nothing_stale", &reason),
    }
}

#[test]
fn a_lost_bus_of_257() {
    match Site::with_units(V257) {
        Ok(site) => lose_the_bus(&site),
        Err(reason) => skip("systemd::faults::a_lost_bus_of_257", &reason),
    }
}

#[test]
fn a_lost_bus_of_260() {
    match Site::with_units(V260) {
        Ok(site) => lose_the_bus(&site),
        Err(reason) => skip("systemd::faults::a_lost_bus_of_260", &reason),
    }
}

/// Two thousand starts and stops, with somebody who scrapes all the while.
fn storm(site: &Site) {
    let (before, descriptors) = (site.served(), site.descriptors());
    let done = AtomicBool::new(false);
    let scrapes = thread::scope(|scope| {
        let scraper = scope.spawn(|| {
            let mut scrapes = 0;
            while !done.load(Ordering::Relaxed) {
                assert!(has_units(&site.page("/metrics")), "a storm costs nothing that is served");
                scrapes += 1;
            }
            scrapes
        });
        // Forty services that run, 25 times started and 25 times stopped.
        let storm =
            "names=$(cd /run/systemd/system && grep -l Type=exec gen-*.service | head -n 40)
            [ $(echo $names | wc -w) = 40 ] || exit 1
            for _ in $(seq 25); do systemctl stop $names && systemctl start $names || exit 1; done";
        site.host.run(300, &["sh", "-c", storm]);
        done.store(true, Ordering::Relaxed);
        scraper.join().expect("every scrape is in time")
    });
    assert!(scrapes > 10, "{scrapes} scrapes");
    note(&format!("{scrapes} scrapes during 2,000 starts and stops"));
    site.settle();
    let page = site.page("/metrics");
    let listed = site.systemctl("list-units --all --plain --no-legend --full");
    let mut compared = 0;
    for line in listed.lines() {
        let mut words = line.split_whitespace();
        let (Some(name), Some("loaded"), Some(active)) = (words.next(), words.next(), words.next())
        else {
            continue;
        };
        if !name.ends_with(".device") {
            compared += 1;
            assert_eq!(state(&page, name, active), Some(1.0), "{name} is {active}");
        }
    }
    assert!(compared > 200, "only {compared} units");
    assert_eq!(connections_made(&page), connections_made(&before), "the connection was kept");
    assert_eq!(page.value("hybrid_systemd_call_errors_total", &[]), Some(0.0));
    site.assert_tidy(descriptors);
}

#[test]
fn a_storm_of_starts_and_stops() {
    match Site::with_units(None) {
        Ok(site) => storm(&site),
        Err(reason) => skip("systemd::faults::a_storm_of_starts_and_stops", &reason),
    }
}

#[test]
fn a_bus_that_refuses() {
    let site = match Site::with_units(None) {
        Ok(site) => site,
        Err(reason) => return skip("systemd::faults::a_bus_that_refuses", &reason),
    };
    let before = site.served();
    let descriptors = site.descriptors();

    // Everything that one could ask.
    site.deny("");
    site.assert_absent("refused");
    site.allow();
    site.assert_back("refusal");

    // ListUnits is answered, properties are not, and nothing is known from before.
    site.deny(r#"send_interface="org.freedesktop.DBus.Properties""#);
    let connections = connections_made(&site.page("/metrics"));
    site.systemctl("restart dbus.service");
    let page =
        site.until("a connection", |page| has_units(page) && connections_made(page) > connections);
    assert_eq!(state(&page, "gen-0.service", "active"), Some(1.0));
    // A number that is not known is absent, not 0.
    for family in ["systemd_unit_info", "systemd_unit_active_enter_time_seconds"] {
        assert_eq!(named(&page, family).len(), 0, "{family}");
    }
    let errors = page.value("hybrid_systemd_call_errors_total", &[]);
    assert!(errors.is_some_and(|errors| errors > 0.0), "{errors:?}");
    site.allow();
    let begun = Instant::now();
    let families = |page: &Scrape| -> BTreeSet<_> {
        page.series.keys().map(|(name, _)| name.clone()).collect()
    };
    let whole = families(&before);
    site.until("what was refused", |page| {
        whole.is_subset(&families(page))
            && named(page, "systemd_unit_info") == named(&before, "systemd_unit_info")
    });
    note(&format!("complete after refused properties: {:?}", begun.elapsed()));
    site.assert_tidy(descriptors);
}

#[test]
fn no_bus_from_the_start() {
    let site = match Site::boot(None, Path::new(EXPORTER)) {
        Ok(site) => site,
        Err(reason) => return skip("systemd::faults::no_bus_from_the_start", &reason),
    };
    site.run(&["python3", "/shared/units.py", super::SERVICES]);
    site.settle();
    site.systemctl("stop dbus.service dbus.socket");
    site.run(&["rm", "-f", "/run/dbus/system_bus_socket"]);
    site.start(FLAGS);
    site.assert_absent("no bus");
    // Files of units are kept once there are units.
    let others = || {
        let open = site.open().into_iter();
        open.filter(|file| !file.contains("pids.current")).collect::<Vec<_>>()
    };
    let before = others();
    site.systemctl("start dbus.socket dbus.service");
    site.assert_back("no bus");
    let now = others();
    assert!(now.len() <= before.len() + 1, "but for the connection: {before:#?} became {now:#?}");
    site.assert_tidy(site.descriptors());
}
