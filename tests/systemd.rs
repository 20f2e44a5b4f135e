//! systemd's units beside a real systemd: what is served is what systemd says, what hurts the bus
//! leaves nothing stale behind, and a thousand units cost what was promised.
//!
//! Debian 12's 252 always; 257 and later where `tests/ground/trees` has made their trees.
#![expect(clippy::disallowed_methods, reason = "the test puts programs into the host")]

mod estate;
mod faults;
mod parity;
mod places;

use crate::{
    ground::host::Host,
    support::{
        EXPORTER, child, read,
        scrape::{Scrape, Series},
    },
};
use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    time::{Duration, Instant},
};

/// Services that are generated; the number for the measurements is in `tests/ground/units.py`.
const SERVICES: &str = "90";
const FLAGS: &str = "--collector.disable-defaults --collector.systemd --systemd=on \
    --collector.systemd.enable-task-metrics --collector.systemd.enable-restarts-metrics \
    --collector.systemd.enable-start-time-metrics";
const PORT: u16 = 10150;

/// What each scrape is given, in Prometheus's header.
const DEADLINE: Duration = Duration::from_secs(30);
/// A guard against what hangs; nothing is proved by it.
const GUARD: Duration = Duration::from_mins(2);

/// A Debian suite with another systemd than the machine's.
type Release = Option<&'static str>;
const V257: Release = Some("trixie");
const V260: Release = Some("forky");

/// A booted host on which the exporter is about to be a unit.
struct Site {
    host: Host,
}

// === impl Site ===

impl Site {
    /// Boots a host and puts the exporter into it; or why there is none.
    fn boot(release: Release, exporter: &Path) -> Result<Self, String> {
        let host = release.map_or_else(Host::start, Host::start_from)?;
        fs::copy(exporter, host.shared().join("hybrid-exporter"))
            .map_err(|error| format!("{}: {error}", exporter.display()))?;
        for script in ["units.py", "odd_units"] {
            let text = read(&format!("tests/ground/{script}"));
            fs::write(host.shared().join(script), text).map_err(|error| error.to_string())?;
        }
        Ok(Self { host })
    }

    /// A host with generated units, and the exporter that serves them.
    fn with_units(release: Release) -> Result<Self, String> {
        let site = Self::boot(release, Path::new(EXPORTER))?;
        site.run(&["python3", "/shared/units.py", SERVICES]);
        site.start(FLAGS);
        Ok(site)
    }

    fn run(&self, command: &[&str]) -> String {
        self.host.run(120, command)
    }

    /// Runs a line of shell.
    fn shell(&self, line: &str) -> String {
        self.run(&["sh", "-c", line])
    }

    fn systemctl(&self, line: &str) -> String {
        self.shell(&format!("systemctl {line}"))
    }

    /// Runs the exporter as a unit, when no other unit is on its way.
    fn start(&self, flags: &str) {
        self.settle();
        self.host.unit("exporter", &format!("/shared/hybrid-exporter {flags}"));
        self.said("exporter", "listening");
    }

    /// Waits until a service has said something since it was started last.
    fn said(&self, service: &str, text: &str) {
        let log = format!(
            "journalctl --quiet --output=cat \
             _SYSTEMD_INVOCATION_ID=$(systemctl show --property=InvocationID --value {service})"
        );
        child::wait(text, GUARD, || self.shell(&log).contains(text).then_some(()));
    }

    /// Waits until no unit is on its way, but those that stay so.
    fn settle(&self) {
        child::wait("no job", GUARD, || {
            let jobs = self.systemctl("list-jobs --no-legend");
            jobs.lines().all(|job| job.contains(" odd-")).then_some(())
        });
    }

    /// A page, within its deadline.
    fn page(&self, path: &str) -> Scrape {
        self.page_of(PORT, path)
    }

    fn page_of(&self, port: u16, path: &str) -> Scrape {
        let deadline = DEADLINE.as_secs().to_string();
        let begun = Instant::now();
        let headers = [("X-Prometheus-Scrape-Timeout-Seconds", deadline.as_str())];
        let answer = self.host.get(port, path, &headers);
        let took = begun.elapsed();
        assert!(took < DEADLINE, "{path} took {took:?}");
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let page = Scrape::parse(&answer.text());
        assert!(page.faults.is_empty(), "{path}: {:#?}", page.faults);
        page
    }

    /// What `beside` saw of the host while a page stood still around it, so that both tell of the
    /// same moment; `kept` are the series of the page that count.
    fn steady<T>(
        &self,
        path: &str,
        kept: impl Fn(&Series) -> bool,
        beside: impl Fn() -> T,
    ) -> (Scrape, T) {
        let ours = || {
            let mut page = self.page(path);
            page.series.retain(|series, _| kept(series));
            page
        };
        child::wait("units that stand still", GUARD, || {
            let before = ours();
            let seen = beside();
            let still = !before.series.is_empty() && before.series == ours().series;
            still.then_some((before, seen))
        })
    }

    /// Scrapes until units are served; the page.
    fn served(&self) -> Scrape {
        self.until("units", has_units)
    }

    /// Scrapes until the page of units is as wanted; each scrape is in time.
    fn until(&self, what: &str, wanted: impl Fn(&Scrape) -> bool) -> Scrape {
        child::wait(what, GUARD, || Some(self.page("/metrics/systemd")).filter(|page| wanted(page)))
    }

    /// The main process of a service, as a number inside.
    fn pid(&self, service: &str) -> u32 {
        let pid = self.systemctl(&format!("show --property=MainPID --value {service}"));
        pid.trim()
            .parse()
            .ok()
            .filter(|pid| *pid != 0)
            .unwrap_or_else(|| panic!("{service} is off"))
    }

    /// What the exporter has open, a line a descriptor.
    fn open(&self) -> Vec<String> {
        // Each collector may keep files of units open: what all of them keep is the measure.
        self.page("/metrics");
        let listed = self.shell(&format!("ls -l /proc/{}/fd", self.pid("exporter")));
        listed.lines().skip(1).map(str::to_owned).collect()
    }

    /// Descriptors that the exporter has open.
    fn descriptors(&self) -> usize {
        self.open().len()
    }

    /// Connections of the exporter to the bus.
    fn connections(&self) -> usize {
        let pid = self.pid("exporter").to_string();
        let names = self.run(&["busctl", "list", "--unique", "--no-legend"]);
        names.lines().filter(|line| line.split_whitespace().nth(1) == Some(&pid)).count()
    }

    /// The exporter has one connection and no descriptor more than before.
    fn assert_kept(&self, descriptors: usize) {
        assert_eq!(self.connections(), 1, "{}", self.run(&["busctl", "list", "--unique"]));
        let now = self.descriptors();
        assert!(now <= descriptors, "{descriptors} descriptors have become {now}");
    }

    /// And the bus has nothing to complain about.
    fn assert_tidy(&self, descriptors: usize) {
        self.assert_kept(descriptors);
        let complaints = self.complaints();
        assert!(complaints.is_empty(), "{complaints:#?}");
    }

    /// Warnings of the bus; a line that it writes at this moment shows that its lines are found.
    fn complaints(&self) -> Vec<String> {
        self.systemctl("reload dbus.service");
        let told = "journalctl --sync; journalctl --quiet --identifier=dbus-daemon --output=cat";
        child::wait("the bus's own words", GUARD, || {
            self.shell(told).contains("Reloaded configuration").then_some(())
        });
        let warnings = self.shell(&format!("{told} --priority=warning"));
        // Whoever starts it here may not raise limits.
        let own = |line: &&str| !line.is_empty() && !line.contains("Failed to set fd limit");
        warnings.lines().filter(own).map(str::to_owned).collect()
    }
}

/// The tasks of the exporters themselves come and go.
fn is_own((name, labels): &Series) -> bool {
    name.ends_with("_tasks_current")
        && labels.iter().any(|(_, v)| v == "exporter.service" || v == "peer.service")
}

fn has_units(page: &Scrape) -> bool {
    page.series.keys().any(|(name, _)| name == "systemd_unit_state")
}

/// `hybrid_source_up` of the source.
fn up(page: &Scrape) -> Option<f64> {
    page.value("hybrid_source_up", &[("source", "systemd")])
}

/// Whether a unit is in a state.
fn state(page: &Scrape, name: &str, state: &str) -> Option<f64> {
    let kind = name.rsplit('.').next().unwrap_or_default();
    page.value("systemd_unit_state", &[("name", name), ("type", kind), ("state", state)])
}

/// The units that a family has.
fn named<'a>(page: &'a Scrape, family: &str) -> BTreeSet<&'a str> {
    let of_family = page.series.keys().filter(|(name, _)| name == family);
    let label = |labels: &'a [(String, String)]| {
        labels.iter().find(|(key, _)| key == "name" || key == "unit").map(|(_, v)| v.as_str())
    };
    of_family.filter_map(|(_, labels)| label(labels)).collect()
}

/// What was measured, for whoever reads the log.
#[expect(clippy::print_stderr, reason = "a measurement is for people")]
fn note(what: &str) {
    eprintln!("systemd: {what}");
}
