//! systemd's units beside a real systemd 252: every value is what `systemctl show` says, `node_exporter`
//! says the same of its families, and losing the bus leaves nothing stale behind.
#![expect(clippy::disallowed_methods, reason = "the test puts programs into the host")]

use crate::{
    ground::host::Host,
    support::{
        EXPORTER, peer, read,
        scrape::{Scrape, Series},
        skip,
    },
};
use std::{collections::BTreeMap, fs, time::Duration};

/// Services that are generated; the number for the measurements is in `tests/ground/units.py`.
const SERVICES: &str = "90";
const FLAGS: &str = "--collector.disable-defaults --collector.systemd --systemd=on \
    --collector.systemd.enable-task-metrics --collector.systemd.enable-restarts-metrics \
    --collector.systemd.enable-start-time-metrics";

/// A guard against what hangs; nothing is proved by it.
const BOUND: Duration = Duration::from_mins(2);

/// A host with generated units, and the exporter as one of them; or why there is none.
fn host() -> Result<Host, String> {
    let host = Host::start()?;
    fs::copy(EXPORTER, host.shared().join("hybrid-exporter")).expect("the folder takes a file");
    let script = host.shared().join("units.py");
    fs::write(script, read("tests/ground/units.py")).expect("the folder takes a file");
    host.run(120, &["python3", "/shared/units.py", SERVICES]);
    host.unit("exporter", &format!("/shared/hybrid-exporter {FLAGS}"));
    settle(&host);
    Ok(host)
}

/// Waits until no unit is on its way.
fn settle(host: &Host) {
    crate::support::child::wait("no job", BOUND, || {
        host.run(60, &["systemctl", "list-jobs"]).starts_with("No jobs").then_some(())
    });
}

fn page(host: &Host, path: &str) -> Scrape {
    Scrape::parse(&host.run(60, &["curl", "-s", &format!("http://localhost:10150{path}")]))
}

/// Waits until units are served; a service that systemd has started need not listen yet.
fn served(host: &Host) -> Scrape {
    let command = "curl -s http://localhost:10150/metrics/systemd || true";
    crate::support::child::wait("units", BOUND, || {
        let page = Scrape::parse(&host.run(60, &["sh", "-c", command]));
        has_units(&page).then_some(page)
    })
}

fn has_units(page: &Scrape) -> bool {
    page.series.keys().any(|(name, _)| name == "systemd_unit_state")
}

/// What `beside` saw of the host while a page of ours stood still around it, so that both tell of the same
/// moment; `kept` are the series of the page that count.
fn steady<T>(
    host: &Host,
    path: &str,
    kept: impl Fn(&Series) -> bool,
    beside: impl Fn() -> Option<T>,
) -> (BTreeMap<Series, f64>, T) {
    let ours = || -> BTreeMap<_, _> {
        page(host, path).series.into_iter().filter(|(series, _)| kept(series)).collect()
    };
    crate::support::child::wait("units that stand still", BOUND, || {
        let before = ours();
        let seen = beside()?;
        (!before.is_empty() && before == ours()).then_some((before, seen))
    })
}

/// The tasks of the exporters themselves come and go.
fn is_own((name, labels): &Series) -> bool {
    name.ends_with("_tasks_current")
        && labels.iter().any(|(_, v)| v == "exporter.service" || v == "peer.service")
}

/// What `systemctl show` says, by unit.
fn shown(host: &Host) -> BTreeMap<String, BTreeMap<String, String>> {
    let text = host.run(60, &["systemctl", "show", "--timestamp=us+utc", "--all", "*"]);
    let block = |block: &str| {
        let pairs = block.lines().filter_map(|line| line.split_once('='));
        let pairs: BTreeMap<_, _> = pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        Some((pairs.get("Id")?.clone(), pairs))
    };
    text.split("\n\n").filter_map(block).collect()
}

#[test]
fn values_equal_systemctl_show() {
    let host = match host() {
        Ok(host) => host,
        Err(reason) => return skip("systemd::values_equal_systemctl_show", &reason),
    };
    served(&host);
    let units = |series: &Series| series.0.starts_with("systemd_") && !is_own(series);
    let (ours, shown) = steady(&host, "/metrics/systemd", units, || Some(shown(&host)));
    let get = |family: &str, labels: &[(&str, &str)]| {
        let mut labels: Vec<(String, String)> =
            labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        labels.sort();
        ours.get(&(family.to_owned(), labels)).copied()
    };
    let mut faults = Vec::new();
    let mut compared = 0;
    for (name, unit) in &shown {
        let kind = name.rsplit('.').next().unwrap_or_default();
        if unit.get("LoadState").map(String::as_str) != Some("loaded") || kind == "device" {
            continue;
        }
        let mut same = |family: &str, labels: &[(&str, &str)], want: Option<f64>| {
            compared += 1;
            let got = get(family, labels);
            if got != want {
                faults.push(format!("{family} {labels:?}: {got:?}, systemctl says {want:?}"));
            }
        };
        let text = |property: &str| unit.get(property).map_or("", String::as_str);
        let number = |property: &str| text(property).parse::<f64>().ok().filter(|n| *n < 1e19);
        for state in ["active", "activating", "deactivating", "inactive", "failed"] {
            let is = f64::from(u8::from(text("ActiveState") == state));
            let labels = [("name", name.as_str()), ("type", kind), ("state", state)];
            same("systemd_unit_state", &labels, Some(is));
        }
        let labels = [("name", name.as_str()), ("type", kind)];
        let named = &labels[..1];
        match kind {
            "service" => {
                same("systemd_unit_tasks_max", &labels, number("TasksMax"));
                if name != "exporter.service" {
                    same("systemd_unit_tasks_current", named, number("TasksCurrent"));
                }
                same("systemd_service_restart_total", named, number("NRestarts"));
                let service = [labels[0], labels[1], ("service_type", text("Type"))];
                same("systemd_unit_info", &service, Some(1.0));
            }
            "socket" => {
                same("systemd_socket_accepted_connections_total", named, number("NAccepted"));
                same("systemd_socket_current_connections", named, number("NConnections"));
                same("systemd_socket_refused_connections_total", named, number("NRefused"));
            }
            _ => {}
        }
    }
    assert!(faults.is_empty(), "{} of {compared}: {faults:#?}", faults.len());
    assert!(compared > 500, "only {compared} values were compared");
}

#[test]
fn node_exporter_says_the_same() {
    let name = "systemd::node_exporter_says_the_same";
    let (peer, host) = match (peer("node_exporter"), host()) {
        (Ok(peer), Ok(host)) => (peer, host),
        (Err(reason), _) | (_, Err(reason)) => return skip(name, &reason),
    };
    fs::copy(peer, host.shared().join("node_exporter")).expect("the folder takes a file");
    let flags = FLAGS.replace("--systemd=on", "--web.listen-address=:9100");
    host.unit("peer", &format!("/shared/node_exporter {flags}"));
    served(&host);
    let units = |series: &Series| series.0.starts_with("node_systemd_") && !is_own(series);
    let (ours, theirs) = steady(&host, "/metrics/node", units, || {
        let text = host.run(60, &["sh", "-c", "curl -s http://localhost:9100/metrics || true"]);
        let series = Scrape::parse(&text).series.into_iter();
        let theirs: BTreeMap<_, _> = series.filter(|(series, _)| units(series)).collect();
        theirs.keys().any(|(name, _)| name == "node_systemd_unit_state").then_some(theirs)
    });
    assert!(theirs.len() > 500, "only {} series", theirs.len());
    let differ: Vec<_> = theirs.iter().filter(|(k, v)| ours.get(*k) != Some(v)).collect();
    assert!(differ.is_empty(), "{differ:#?}");
    assert_eq!(ours.len(), theirs.len());
}

#[test]
fn a_lost_bus_leaves_nothing_stale() {
    let host = match host() {
        Ok(host) => host,
        Err(reason) => return skip("systemd::a_lost_bus_leaves_nothing_stale", &reason),
    };
    let up = |page: &Scrape| {
        let series = ("hybrid_source_up".to_owned(), vec![("source".into(), "systemd".into())]);
        page.series.get(&series).copied()
    };
    assert_eq!(up(&served(&host)), Some(1.0));
    host.run(60, &["systemctl", "stop", "dbus.service", "dbus.socket"]);
    // Counted in scrapes, whatever the time that they take.
    let mut pages = (0..5).map(|_| page(&host, "/metrics/systemd"));
    let gone = pages.find(|page| !has_units(page)).expect("units are served without a bus");
    assert_eq!(up(&gone), Some(0.0));
    host.run(60, &["systemctl", "start", "dbus.socket", "dbus.service"]);
    served(&host);
    host.run(60, &["systemctl", "daemon-reexec"]);
    served(&host);
}

#[test]
fn the_private_socket_says_the_same_without_a_bus() {
    let host = match host() {
        Ok(host) => host,
        Err(reason) => {
            return skip("systemd::the_private_socket_says_the_same_without_a_bus", &reason);
        }
    };
    let flags = FLAGS.replace("--systemd=on", "--systemd=on --systemd.collector.private");
    let command = format!("/shared/hybrid-exporter {flags} --web.listen-address=:10151");
    host.unit("direct", &command);
    settle(&host);
    let direct = || {
        let url = "http://localhost:10151/metrics/systemd";
        Scrape::parse(&host.run(15, &["sh", "-c", &format!("curl -s {url} || true")]))
    };
    let wait = |what: &str, good: &dyn Fn(&Scrape) -> bool| {
        crate::support::child::wait(what, Duration::from_secs(15), || {
            let page = direct();
            good(&page).then_some(page)
        })
    };
    served(&host);
    wait("units over the private socket", &has_units);
    // Once more: both have heard of the other's start by then.
    let (ours, theirs) = (page(&host, "/metrics/systemd"), wait("units", &has_units));
    let of = |page: &Scrape| -> BTreeMap<_, _> {
        let kept = page.series.iter().filter(|((name, labels), _)| {
            // Both exporters' own tasks come and go.
            let own = |(_, v): &(String, String)| v == "exporter.service" || v == "direct.service";
            (name.starts_with("systemd_") || name.starts_with("hybrid_unit_"))
                && !(name.ends_with("_tasks_current") && labels.iter().any(own))
        });
        kept.map(|(series, value)| (series.clone(), *value)).collect()
    };
    let (ours, theirs) = (of(&ours), of(&theirs));
    assert!(ours.len() > 1000, "only {} series", ours.len());
    let differ: Vec<_> = ours.iter().filter(|(k, v)| theirs.get(*k) != Some(v)).collect();
    assert!(differ.is_empty(), "{differ:#?}");
    assert_eq!(ours.len(), theirs.len());
    // No bus is needed, neither for what changes nor for a systemd that begins anew.
    host.run(20, &["systemctl", "stop", "dbus.service", "dbus.socket"]);
    let active = |page: &Scrape| {
        let labels = [("name", "gen-0.timer"), ("state", "active"), ("type", "timer")];
        let labels = labels.map(|(k, v)| (k.to_owned(), v.to_owned())).to_vec();
        page.series.get(&("systemd_unit_state".to_owned(), labels)).copied()
    };
    assert_eq!(active(&direct()), Some(1.0));
    host.run(20, &["systemctl", "stop", "gen-0.timer"]);
    let page = direct();
    // What stopped may be unloaded.
    assert!(has_units(&page) && active(&page) != Some(1.0));
    host.run(20, &["systemctl", "daemon-reexec"]);
    wait("units after systemd began anew", &|page| has_units(page) && active(page) != Some(1.0));
}
