//! The machine as cAdvisor tells it: processors, memory, and who it is.
//!
//! - `/proc/cpuinfo`: a `processor` a logical processor;
//! - `/sys/devices/system/cpu/cpuN/topology/`: `physical_package_id` is the socket, and with `core_id`
//!   the core; `book_id` and `drawer_id` are IBM Z's;
//! - `/proc/meminfo`: `MemTotal`, `SwapTotal`, `SwapFree`: kB, which is KiB → bytes;
//! - `/sys/devices/system/edac/mc/mc*/dimm*/`: `dimm_mem_type`, `size` (MiB → bytes);
//! - `/etc/machine-id` below the host's root, `/sys/class/dmi/id/product_uuid` (root alone may read it;
//!   elsewhere `system_uuid` is the machine's id, as in cAdvisor), `/proc/sys/kernel/random/boot_id`.
//!
//! Non-volatile memory is 0, as cAdvisor has it where it is built without its library: in the kubelet.

use crate::{
    group::Group,
    limits::{Cpu, Memory},
};
use collect::{Context, Kept, Result, Root};
use exposition::{Family, Writer};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

const LABELS: &[&str] = &["boot_id", "machine_id", "system_uuid"];
const MODE: &[&str] = &["boot_id", "machine_id", "mode", "system_uuid"];
const TYPE: &[&str] = &["boot_id", "machine_id", "system_uuid", "type"];

pub(crate) static FAMILIES: [Family; 11] = [
    Family::gauge("machine_cpu_physical_cores", "Number of physical CPU cores.", LABELS),
    Family::gauge("machine_cpu_cores", "Number of logical CPU cores.", LABELS),
    Family::gauge("machine_cpu_sockets", "Number of CPU sockets.", LABELS),
    Family::gauge("machine_cpu_books", "Number of CPU books.", LABELS),
    Family::gauge("machine_cpu_drawers", "Number of CPU drawers.", LABELS),
    Family::gauge("machine_memory_bytes", "Amount of memory installed on the machine.", LABELS),
    Family::gauge("machine_swap_bytes", "Amount of swap memory available on the machine.", LABELS),
    Family::gauge(
        "machine_dimm_count",
        "Number of RAM DIMM (all types memory modules) value labeled by dimm type.",
        TYPE,
    ),
    Family::gauge(
        "machine_dimm_capacity_bytes",
        "Total RAM DIMM capacity (all types memory modules) value labeled by dimm type.",
        TYPE,
    ),
    Family::gauge(
        "machine_nvm_capacity",
        "NVM capacity value labeled by NVM mode (memory mode or app direct mode).",
        MODE,
    ),
    Family::gauge("machine_nvm_avg_power_budget_watts", "NVM power budget.", LABELS),
];

/// Reads what the machine is.
#[derive(Debug)]
pub(crate) struct Machine {
    cx: Context,
    meminfo: Kept,
    /// What rarely changes, and when it was read.
    facts: Option<(Facts, Instant)>,
}

#[derive(Debug, Default)]
struct Facts {
    boot: String,
    machine: String,
    system: String,
    processors: Option<usize>,
    cores: BTreeSet<(i64, i64)>,
    sockets: BTreeSet<i64>,
    books: BTreeSet<i64>,
    drawers: BTreeSet<i64>,
    /// Modules and bytes by type.
    dimms: BTreeMap<String, (usize, u64)>,
}

/// How long the facts are believed.
const FACTS_FOR: Duration = Duration::from_mins(5);

// === impl Machine ===

impl Machine {
    pub(crate) fn new(cx: &Context) -> Self {
        Self { cx: cx.clone(), meminfo: cx.proc.keep("meminfo"), facts: None }
    }

    /// Writes the families.
    pub(crate) fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let stale = self.facts.as_ref().is_none_or(|(_, read)| read.elapsed() >= FACTS_FOR);
        if stale {
            self.facts = Some((Facts::read(&self.cx)?, Instant::now()));
        }
        let Some((facts, _)) = &self.facts else { return Ok(()) };
        let [cores, processors, sockets, books, drawers, memory, swap, count, capacity, nvm, power] =
            &FAMILIES;
        let ids = [&*facts.boot, &facts.machine, &facts.system];
        let known = !facts.cores.is_empty();
        let gauges = [
            (cores, known.then_some(facts.cores.len())),
            (processors, facts.processors),
            (sockets, known.then_some(facts.sockets.len())),
            (books, Some(facts.books.len())),
            (drawers, Some(facts.drawers.len())),
            (power, Some(0)),
        ];
        for (family, number) in gauges {
            out.family(family, |s| {
                if let Some(number) = number {
                    s.row(&ids, number);
                }
            });
        }
        let [boot, machine, system] = ids;
        out.family(nvm, |s| {
            for mode in ["app_direct_mode", "memory_mode"] {
                s.row(&[boot, machine, mode, system], 0u64);
            }
        });
        out.family(count, |s| {
            for (kind, (modules, _)) in &facts.dimms {
                s.row(&[boot, machine, system, kind], *modules);
            }
        });
        out.family(capacity, |s| {
            for (kind, (_, bytes)) in &facts.dimms {
                s.row(&[boot, machine, system, kind], *bytes);
            }
        });
        let text = self.meminfo.read()?;
        for (family, key) in [(memory, "MemTotal:"), (swap, "SwapTotal:")] {
            let bytes = meminfo(text.as_str(), key)
                .ok_or_else(|| text.bad("expected a line MemTotal and a line SwapTotal", key))?;
            out.family(family, |s| s.row(&ids, bytes));
        }
        Ok(())
    }
}

// === impl Facts ===

impl Facts {
    fn read(cx: &Context) -> Result<Self> {
        let text = |root: &Root, rel: &str| root.attr(rel).ok().flatten();
        let machine = text(&cx.rootfs, "etc/machine-id")
            .or_else(|| text(&cx.rootfs, "var/lib/dbus/machine-id"))
            .unwrap_or_default();
        let system = text(&cx.sys, "class/dmi/id/product_uuid");
        let info = cx.proc.read("cpuinfo")?;
        // Some architectures begin the lines otherwise, or have a summary of that name.
        let processors = info.text().lines().filter(|line| {
            line.strip_prefix("processor").is_some_and(|rest| {
                rest.starts_with(|c: char| c.is_whitespace() || c == ':' || c == ' ')
            })
        });
        let mut facts = Self {
            boot: text(&cx.proc, "sys/kernel/random/boot_id").unwrap_or_default(),
            system: system.unwrap_or_else(|| machine.clone()),
            machine,
            processors: Some(processors.count()).filter(|count| *count > 0),
            ..Self::default()
        };
        facts.topology(&cx.sys.at("devices/system/cpu"))?;
        facts.modules(&cx.sys.at("devices/system/edac/mc"))?;
        Ok(facts)
    }

    fn topology(&mut self, cpus: &Root) -> Result<()> {
        for cpu in cpus.list_if_any("")? {
            let is_cpu = cpu
                .strip_prefix("cpu")
                .is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
            if !is_cpu {
                continue;
            }
            let number =
                |file: &str| cpus.number::<i64>(format!("{cpu}/topology/{file}")).ok().flatten();
            // Processors that are off have no topology.
            let (Some(socket), Some(core)) = (number("physical_package_id"), number("core_id"))
            else {
                continue;
            };
            self.sockets.insert(socket);
            self.cores.insert((socket, core));
            self.books.extend(number("book_id"));
            self.drawers.extend(number("drawer_id"));
        }
        Ok(())
    }

    fn modules(&mut self, controllers: &Root) -> Result<()> {
        for controller in controllers.list_if_any("")? {
            for module in controllers.list_if_any(&controller).unwrap_or_default() {
                if !module.starts_with("dimm") {
                    continue;
                }
                let at = controllers.at(&controller).at(&module);
                let (Some(kind), Some(size)) =
                    (at.attr("dimm_mem_type")?, at.number::<u64>("size")?)
                else {
                    continue;
                };
                let row = self.dimms.entry(kind).or_default();
                row.0 += 1;
                row.1 = row.1.saturating_add(size.saturating_mul(1 << 20));
            }
        }
        Ok(())
    }
}

/// The machine's own group: it has no files for what the machine itself tells.
pub(crate) fn root(group: &mut Group, kept: &mut Kept, is_unified: bool) {
    let text = kept.read().ok().map(|text| text.as_str());
    let of = |key: &str| text.and_then(|text| meminfo(text, key));
    let (total, swap, free) = (of("MemTotal:"), of("SwapTotal:"), of("SwapFree:"));
    let stats = &mut group.stats;
    // The root of a namespace (a machine that is a container) is another's group, and has its files.
    if is_unified && stats.memory.is_none() {
        stats.memory = stats.rss.zip(stats.cache).map(|(anon, file)| anon.saturating_add(file));
        stats.swap = swap.zip(free).map(|(swap, free)| swap.saturating_sub(free));
    }
    // cAdvisor counts the processes of version 2's root, which has no file either, and nothing of version 1's.
    let processes = stats.processes.and_then(|number| number.try_into().ok());
    stats.threads = if is_unified { stats.threads.or(processes) } else { Some(0) };
    let reservation = group.limits.memory.unwrap_or_default().reservation;
    let limits = &mut group.limits;
    limits.threads = limits.threads.filter(|_| is_unified).or(Some(0));
    limits.cpu = limits.cpu.or(Some(Cpu::default()));
    limits.memory =
        total.map(|limit| Memory { limit, swap: swap.unwrap_or_default(), reservation });
}

/// Bytes of swap that the machine has.
pub(crate) fn swap(text: &str) -> Option<u64> {
    meminfo(text, "SwapTotal:")
}

/// Bytes of a line of meminfo.
fn meminfo(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_ascii_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}
