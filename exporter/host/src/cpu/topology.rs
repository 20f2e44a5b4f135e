//! `/sys/devices/system/cpu/{online,isolated,cpu*/topology,cpu*/thermal_throttle}`.
//!
//! Which CPU belongs to which core and package is read anew only when the list of online CPUs
//! changes; one CPU speaks for its core and one for its package.

use crate::number::digits;
use collect::{Error, Faults, Kept, Result, Root};
use exposition::{Family, Writer};
use std::collections::BTreeSet;

pub(super) static FAMILIES: [Family; 4] = [
    Family::gauge("node_cpu_online", "Whether the CPU is switched on.", &["cpu"]),
    Family::gauge("node_cpu_isolated", "1 where the scheduler leaves the CPU alone.", &["cpu"]),
    Family::counter(
        "node_cpu_core_throttles_total",
        "Times that a core was slowed down as it was too hot.",
        &["package", "core"],
    ),
    Family::counter(
        "node_cpu_package_throttles_total",
        "Times that a package was slowed down as it was too hot.",
        &["package"],
    ),
];

pub(super) struct Topology {
    root: Root,
    online: Kept,
    /// What the rest was built from.
    online_list: Option<String>,
    /// CPUs and whether they are online; empty where the first cannot be switched off.
    switchable: Vec<(String, bool)>,
    isolated: BTreeSet<u32>,
    cores: Vec<Throttled>,
    packages: Vec<Throttled>,
}

struct Throttled {
    package: String,
    core: String,
    file: Kept,
}

// === impl Topology ===

impl Topology {
    pub(super) fn new(root: Root) -> Self {
        Self {
            online: root.keep("online"),
            root,
            online_list: None,
            switchable: Vec::new(),
            isolated: BTreeSet::new(),
            cores: Vec::new(),
            packages: Vec::new(),
        }
    }

    pub(super) fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let mut faults = Faults::default();
        let online = self.online.attr();
        let online = faults.ok(online).flatten().unwrap_or_default();
        if self.online_list.as_deref() != Some(online) {
            let online = online.to_owned();
            faults.ok(self.scan(&online));
            self.online_list = Some(online);
        }
        let [online, isolated, core_throttles, package_throttles] = &FAMILIES;
        out.family(online, |s| {
            self.switchable.iter().for_each(|(cpu, online)| s.row(&[cpu], *online));
        });
        out.family(isolated, |s| {
            self.isolated.iter().for_each(|cpu| s.row(&[&cpu.to_string()], 1_u8));
        });
        out.family(core_throttles, |s| {
            for Throttled { package, core, file } in &mut self.cores {
                if let Some(Some(count)) = faults.ok(count(file)) {
                    s.row(&[package, core], count);
                }
            }
        });
        out.family(package_throttles, |s| {
            for Throttled { package, file, .. } in &mut self.packages {
                if let Some(Some(count)) = faults.ok(count(file)) {
                    s.row(&[package], count);
                }
            }
        });
        faults.finish()
    }

    fn scan(&mut self, online: &str) -> Result<()> {
        self.switchable.clear();
        self.isolated.clear();
        self.cores.clear();
        self.packages.clear();
        let mut faults = Faults::default();
        let cpus = self.root.list_if_any("")?;
        let numbers = cpus.iter().filter_map(|name| digits(name, "cpu"));
        let with_switch = self.root.exists("cpu0/online");
        for cpu in numbers {
            if with_switch {
                let online =
                    cpu.parse().is_ok_and(|cpu| ranges(online).any(|(a, b)| a <= cpu && cpu <= b));
                self.switchable.push((cpu.to_owned(), online));
            }
            let attr = |name: &str| self.root.attr(format!("cpu{cpu}/topology/{name}"));
            let package = faults.ok(attr("physical_package_id")).flatten();
            let core = faults.ok(attr("core_id")).flatten();
            let (Some(package), Some(core)) = (package, core) else { continue };
            let throttled = |of: &str| {
                let rel = format!("cpu{cpu}/thermal_throttle/{of}_throttle_count");
                self.root.exists(&rel).then(|| Throttled {
                    package: package.clone(),
                    core: core.clone(),
                    file: self.root.keep(&rel),
                })
            };
            if !self.cores.iter().any(|c| c.package == package && c.core == core) {
                self.cores.extend(throttled("core"));
            }
            if !self.packages.iter().any(|p| p.package == package) {
                self.packages.extend(throttled("package"));
            }
        }
        let isolated = faults.ok(self.root.attr("isolated")).flatten().unwrap_or_default();
        for (first, last) in ranges(&isolated) {
            self.isolated.extend(first..=last.min(MAX_CPUS));
        }
        faults.finish()
    }
}

/// More than any kernel can have; a hostile range must not make a million lines.
const MAX_CPUS: u32 = 8192;

/// The ranges of a list such as `1,3-5,9`, both ends included.
fn ranges(list: &str) -> impl Iterator<Item = (u32, u32)> {
    list.split(',').filter_map(|range| {
        let (from, to) = range.split_once('-').unwrap_or((range, range));
        Some((from.trim().parse().ok()?, to.trim().parse().ok()?))
    })
}

fn count(file: &mut Kept) -> Result<Option<u64>> {
    let text = match file.read() {
        Ok(text) => text,
        // The CPU was switched off a moment ago.
        Err(error @ Error::Read { .. }) => {
            return if error.is_not_found() { Ok(None) } else { Err(error) };
        }
        Err(error) => return Err(error),
    };
    let field = text.as_str().trim();
    text.parse(Some(field), "expected a number", field).map(Some)
}
