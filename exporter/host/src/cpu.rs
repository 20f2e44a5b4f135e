//! `/proc/stat`: seconds that each CPU spent in each mode, from `USER_HZ` ticks. The kernel's idle and
//! iowait times now and then fall a little; what is exposed never does. Where idle falls by three
//! seconds or more, the CPU was plugged in anew and all its counters start again.
//!
//! `/sys/devices/system/cpu`: which CPUs are online (where the first can be switched off) and
//! isolated, and how often cores and packages were slowed down by heat. `/proc/cpuinfo`: what CPUs
//! they are, only with `--collector.cpu.info`.

mod info;
mod topology;

use crate::number::seconds;
use collect::{Collector, Faults, Kept, Opt, Result, Spec, Text};
use exposition::{Family, Writer};
use info::Info;
use topology::Topology;

pub(crate) static SPEC: Spec = Spec {
    name: "cpu",
    doc: "Time that each CPU spent in each mode.",
    default: true,
    families: &[SECONDS, GUEST_SECONDS, &topology::FAMILIES, &info::FAMILIES],
    opts: &[GUEST, info::INFO, info::FLAGS, info::BUGS],
    build: |cx| {
        Ok(Box::new(Cpu {
            stat: cx.proc.keep("stat"),
            ticks_per_second: rustix::param::clock_ticks_per_second(),
            times: Vec::new(),
            guest: cx.options.switch(&GUEST),
            topology: Topology::new(cx.sys.at("devices/system/cpu")),
            info: Info::new(cx)?,
        }))
    },
};

const GUEST: Opt = Opt::switch(
    "collector.cpu.guest",
    true,
    "Expose node_cpu_guest_seconds_total, the time spent in virtual machines.",
);

static SECONDS: &[Family] = &[Family::counter(
    "node_cpu_seconds_total",
    "Time that a CPU spent in a mode.",
    &["cpu", "mode"],
)];

static GUEST_SECONDS: &[Family] = &[Family::counter(
    "node_cpu_guest_seconds_total",
    "Time that a CPU spent in virtual machines; user and nice contain it.",
    &["cpu", "mode"],
)];

/// Columns of `/proc/stat`; two for guests follow.
const MODES: [&str; 8] = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];
const IDLE: usize = 3;
const COLUMNS: usize = MODES.len() + 2;

struct Cpu {
    stat: Kept,
    ticks_per_second: u64,
    times: Vec<Times>,
    guest: bool,
    topology: Topology,
    info: Option<Info>,
}

/// What was last exposed of one CPU, in ticks.
struct Times {
    cpu: Box<str>,
    ticks: [u64; COLUMNS],
}

impl Collector for Cpu {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let mut faults = Faults::default();
        let stat = self.stat.read();
        if let Some(text) = faults.ok(stat) {
            update(&mut self.times, text, self.ticks_per_second, &mut faults);
            expose(&self.times, self.ticks_per_second, self.guest, out);
        }
        faults.ok(self.topology.collect(out));
        if let Some(info) = &mut self.info {
            faults.ok(info.collect(out));
        }
        faults.finish()
    }
}

/// Brings `times` up to the lines of `/proc/stat`; CPUs that have no line any more are forgotten.
fn update(times: &mut Vec<Times>, text: Text<'_>, ticks_per_second: u64, faults: &mut Faults) {
    let mut at = 0;
    for line in text.lines() {
        let Some(fields) = line.strip_prefix("cpu") else { break };
        let mut fields = fields.split_ascii_whitespace();
        // The first line has the sum of all and no number: its fields follow a space.
        let Some(cpu) = fields.next().filter(|_| !line.starts_with("cpu ")) else { continue };
        let mut ticks = [0; COLUMNS];
        let number = |field: &str| field.parse::<u64>().ok();
        let mut torn = !cpu.bytes().all(|b| b.is_ascii_digit());
        let mut found = 0;
        for (column, field) in ticks.iter_mut().zip(fields) {
            match number(field) {
                Some(number) => *column = number,
                None => torn = true,
            }
            found += 1;
        }
        if torn || found <= IDLE {
            faults.note(text.bad("expected a CPU and four or more numbers", line));
            continue;
        }
        let is_it = |known: &Times| *known.cpu == *cpu;
        let place =
            if times.get(at).is_some_and(is_it) { Some(at) } else { times.iter().position(is_it) };
        match place {
            None => times.insert(at, Times { cpu: cpu.into(), ticks }),
            Some(place) if place < at => {
                faults.note(text.bad("expected one line a CPU", line));
                continue;
            }
            Some(place) => {
                // Those between have no line any more.
                times.drain(at..place);
                if let Some(known) = times.get_mut(at) {
                    known.update(&ticks, ticks_per_second);
                }
            }
        }
        at += 1;
    }
    times.truncate(at);
}

fn expose(times: &[Times], ticks_per_second: u64, guest: bool, out: &mut Writer) {
    for family in SECONDS {
        out.family(family, |s| {
            for Times { cpu, ticks } in times {
                for (mode, ticks) in MODES.iter().zip(ticks) {
                    s.row(&[cpu, mode], seconds(*ticks, ticks_per_second));
                }
            }
        });
    }
    for family in GUEST_SECONDS.iter().filter(|_| guest) {
        out.family(family, |s| {
            for Times { cpu, ticks: [.., user, nice] } in times {
                s.row(&[cpu, "user"], seconds(*user, ticks_per_second));
                s.row(&[cpu, "nice"], seconds(*nice, ticks_per_second));
            }
        });
    }
}

// === impl Times ===

impl Times {
    fn update(&mut self, ticks: &[u64; COLUMNS], ticks_per_second: u64) {
        let fell =
            self.ticks.get(IDLE).zip(ticks.get(IDLE)).map_or(0, |(a, b)| a.saturating_sub(*b));
        if fell >= ticks_per_second.saturating_mul(3) {
            self.ticks = *ticks;
            return;
        }
        for (known, now) in self.ticks.iter_mut().zip(ticks) {
            *known = (*known).max(*now);
        }
    }
}

#[cfg(test)]
mod tests;
