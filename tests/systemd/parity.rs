//! Every value is what `systemctl show` says, also of units that are easily got wrong, and
//! `node_exporter` says the same of its families.

use super::{FLAGS, Release, Site, V257, V260, is_own, note};
use crate::support::{
    EXPORTER, peer,
    scrape::{Scrape, Series},
    skip,
};
use std::{collections::BTreeMap, fs, path::Path};

/// What `systemctl show` says of one unit.
type Shown = BTreeMap<String, String>;

/// A host with generated units and odd ones.
fn site(release: Release) -> Result<Site, String> {
    let site = Site::boot(release, Path::new(EXPORTER))?;
    site.run(&["python3", "/shared/units.py", super::SERVICES]);
    site.settle();
    site.run(&["bash", "/shared/odd_units"]);
    site.start(FLAGS);
    Ok(site)
}

/// What `systemctl show` says, by unit.
fn shown(site: &Site) -> BTreeMap<String, Shown> {
    let text = site.systemctl("show --timestamp=us+utc --all '*'");
    let block = |block: &str| {
        let pairs = block.lines().filter_map(|line| line.split_once('='));
        let pairs: BTreeMap<_, _> = pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        Some((pairs.get("Id")?.clone(), pairs))
    };
    text.split("\n\n").filter_map(block).collect()
}

/// Seconds since 1970 of `Sat 2026-11-21 13:36:16.804264 UTC`; 0 of what never happened.
fn seconds(text: &str) -> Option<f64> {
    if text.is_empty() || text == "n/a" {
        return Some(0.0);
    }
    let mut words = text.split(' ').skip(1);
    let mut date = words.next()?.splitn(3, '-').map(str::parse::<u64>);
    let (year, month, day) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
    let (clock, part) = words.next()?.split_once('.')?;
    let mut clock = clock.splitn(3, ':').map(str::parse::<u64>);
    let (hour, minute, second) = (clock.next()?.ok()?, clock.next()?.ok()?, clock.next()?.ok()?);
    // Years begin in March here, so that a leap day is a year's last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days =
        year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 719_469;
    let usec = (((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000;
    #[expect(clippy::cast_precision_loss, reason = "a sample is a float")]
    let usec = (usec + part.parse::<u64>().ok()?) as f64;
    Some(usec / 1e6)
}

#[test]
fn times_are_read() {
    assert_eq!(seconds("Sat 2026-11-21 13:36:16.804264 UTC"), Some(1_795_268_176.804_264));
    assert_eq!(seconds("Thu 1970-01-01 00:00:00.000001 UTC"), Some(0.000_001));
    assert_eq!(seconds("Sun 2004-02-29 23:59:59.000000 UTC"), Some(1_078_099_199.0));
    assert_eq!(seconds(""), Some(0.0));
}

/// What differs between a page and what `systemctl show` said, and how many values were compared.
struct Comparison<'a> {
    page: &'a Scrape,
    compared: usize,
    faults: Vec<String>,
}

// === impl Comparison ===

impl Comparison<'_> {
    fn same(&mut self, family: &str, labels: &[(&str, &str)], want: Option<f64>) {
        self.compared += 1;
        let got = self.page.value(family, labels);
        if got != want {
            self.faults.push(format!("{family} {labels:?}: {got:?}, systemctl says {want:?}"));
        }
    }

    fn unit(&mut self, name: &str, unit: &Shown) {
        let kind = name.rsplit('.').next().unwrap_or_default();
        let text = |property: &str| unit.get(property).map_or("", String::as_str);
        let number = |property: &str| text(property).parse::<f64>().ok().filter(|n| *n < 1e19);
        let active = text("ActiveState");
        for state in ["active", "activating", "deactivating", "inactive", "failed"] {
            let labels = [("name", name), ("type", kind), ("state", state)];
            self.same("systemd_unit_state", &labels, Some(f64::from(u8::from(active == state))));
        }
        let other = matches!(active, "reloading" | "maintenance" | "refreshing").then_some(1.0);
        self.same("hybrid_unit_state_info", &[("unit", name), ("state", active)], other);
        let labels = [("name", name), ("type", kind)];
        let [named, _] = labels;
        for (family, property) in [
            ("systemd_unit_active_enter_time_seconds", "ActiveEnterTimestamp"),
            ("systemd_unit_active_exit_time_seconds", "ActiveExitTimestamp"),
            ("systemd_unit_inactive_enter_time_seconds", "InactiveEnterTimestamp"),
            ("systemd_unit_inactive_exit_time_seconds", "InactiveExitTimestamp"),
        ] {
            self.same(family, &labels, seconds(text(property)));
        }
        match kind {
            "service" => {
                self.same("systemd_unit_tasks_max", &labels, number("TasksMax"));
                // The exporter's own threads come and go.
                if name != "exporter.service" {
                    self.same("systemd_unit_tasks_current", &[named], number("TasksCurrent"));
                }
                self.same("systemd_service_restart_total", &[named], number("NRestarts"));
                let info = [named, ("type", kind), ("service_type", text("Type"))];
                self.same("systemd_unit_info", &info, Some(1.0));
                let started = if active == "active" { text("ActiveEnterTimestamp") } else { "" };
                self.same("systemd_unit_start_time_seconds", &labels, seconds(started));
                let result = text("Result");
                let failed = (result != "success").then_some(1.0);
                let labels = [("unit", name), ("result", result)];
                self.same("hybrid_unit_result_info", &labels, failed);
                let (code, status) = (text("ExecMainCode"), number("ExecMainStatus"));
                self.same(
                    "hybrid_unit_exit_code",
                    &[("unit", name)],
                    status.filter(|_| code == "1"),
                );
                let killed = status.filter(|_| code == "2" || code == "3");
                self.same("hybrid_unit_exit_signal", &[("unit", name)], killed);
                self.same("hybrid_unit_restarts_total", &[("unit", name)], number("NRestarts"));
            }
            "socket" => {
                self.same(
                    "systemd_socket_accepted_connections_total",
                    &[named],
                    number("NAccepted"),
                );
                self.same("systemd_socket_current_connections", &[named], number("NConnections"));
                self.same("systemd_socket_refused_connections_total", &[named], number("NRefused"));
            }
            "mount" => {
                let info = [named, ("type", kind), ("mount_type", text("Type"))];
                self.same("systemd_unit_info", &info, Some(1.0));
            }
            "timer" => self.timer(name, text("LastTriggerUSec")),
            _ => {}
        }
    }

    /// systemd 252 tells this one in whole seconds.
    fn timer(&mut self, name: &str, last: &str) {
        let want = match last.strip_suffix(" UTC").filter(|last| !last.contains('.')) {
            Some(whole) => seconds(&format!("{whole}.000000 UTC")),
            None => seconds(last),
        };
        let got = self.page.value("systemd_timer_last_trigger_seconds", &[("name", name)]);
        self.compared += 1;
        if got.map(f64::floor) != want.map(f64::floor) {
            self.faults.push(format!("last trigger of {name}: {got:?}, systemctl says {last}"));
        }
    }
}

fn assert_shown(site: &Site) {
    site.served();
    let units = |series: &Series| {
        let (name, _) = series;
        let of_unit = ["systemd_unit_", "systemd_service_", "systemd_socket_", "systemd_timer_"];
        let of_unit = of_unit.iter().chain(&["hybrid_unit_", "hybrid_systemd_info"]);
        !is_own(series) && of_unit.into_iter().any(|family| name.starts_with(family))
    };
    let (page, shown) = site.steady("/metrics/systemd", units, || shown(site));
    let mut comparison = Comparison { page: &page, compared: 0, faults: Vec::new() };
    let mut odd = 0;
    for (name, unit) in &shown {
        let loaded = unit.get("LoadState").is_some_and(|load| load == "loaded");
        let labels = [("name", name.as_str()), ("state", "active")];
        if loaded && !name.ends_with(".device") {
            odd += usize::from(name.contains("odd"));
            comparison.unit(name, unit);
        } else if let Some((series, _)) =
            page.series.iter().find(|((_, l), _)| l.iter().any(|(_, v)| v == name))
        {
            comparison.faults.push(format!("{series:?} of a unit that is not loaded, {labels:?}"));
        }
    }
    let Comparison { compared, faults, .. } = comparison;
    assert!(faults.is_empty(), "{} of {compared}: {faults:#?}", faults.len());
    assert!(compared > 2000 && odd > 35, "only {compared} values, {odd} odd units were compared");
    for missing in ["odd-nowhere", "odd-masked", "odd-bytes", "odd-broken"] {
        let load = shown.get(&format!("{missing}.service")).and_then(|unit| unit.get("LoadState"));
        assert!(load.is_some_and(|load| load != "loaded"), "{missing} is {load:?}");
    }
    let version = page.series.keys().find(|(name, _)| name == "hybrid_systemd_info");
    note(&format!("{compared} values of {} units are equal, {version:?}", shown.len()));
}

#[test]
fn values_equal_systemctl_show() {
    match site(None) {
        Ok(site) => assert_shown(&site),
        Err(reason) => skip("systemd::parity::values_equal_systemctl_show", &reason),
    }
}

#[test]
fn values_equal_systemctl_show_of_257() {
    match site(V257) {
        Ok(site) => assert_shown(&site),
        Err(reason) => skip("systemd::parity::values_equal_systemctl_show_of_257", &reason),
    }
}

#[test]
fn values_equal_systemctl_show_of_260() {
    match site(V260) {
        Ok(site) => assert_shown(&site),
        Err(reason) => skip("systemd::parity::values_equal_systemctl_show_of_260", &reason),
    }
}

#[test]
fn node_exporter_says_the_same() {
    let name = "systemd::parity::node_exporter_says_the_same";
    let (peer, site) = match (peer("node_exporter"), site(None)) {
        (Ok(peer), Ok(site)) => (peer, site),
        (Err(reason), _) | (_, Err(reason)) => return skip(name, &reason),
    };
    fs::copy(peer, site.host.shared().join("node_exporter")).expect("the folder takes a file");
    let flags = FLAGS.replace("--systemd=on", "--web.listen-address=:9100");
    site.host.unit("peer", &format!("/shared/node_exporter {flags}"));
    site.served();
    site.said("peer", "Listening on");
    let units = |series: &Series| series.0.starts_with("node_systemd_") && !is_own(series);
    let (ours, theirs) = site.steady("/metrics/node", units, || {
        let theirs = Scrape::parse(&site.host.get(9100, "/metrics", &[]).text()).series;
        theirs.into_iter().filter(|(series, _)| units(series)).collect::<BTreeMap<_, _>>()
    });
    let ours = ours.series;
    assert!(theirs.len() > 500, "only {} series", theirs.len());
    let differ: Vec<_> = theirs.iter().filter(|(k, v)| ours.get(*k) != Some(v)).collect();
    assert!(differ.is_empty(), "{differ:#?}");
    let more: Vec<_> = ours.keys().filter(|series| !theirs.contains_key(*series)).collect();
    assert!(more.is_empty(), "{more:#?}");
}
