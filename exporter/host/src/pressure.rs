//! `/proc/pressure/*`: how long tasks waited for CPU, memory or disk (`some`: at least one task
//! waited, `full`: none could go on), since Linux 4.20. Microseconds → seconds.
//!
//! `full` of the CPU is 0 at the system's level and left out; interrupts (Linux 6.1) have `full`
//! only.

use crate::number::seconds;
use collect::{Collector, Error, Faults, Kept, Result, Spec};
use exposition::{Family, Writer};
use rustix::io::Errno;

pub(crate) static SPEC: Spec = Spec {
    name: "pressure",
    doc: "Pressure stall information.",
    default: true,
    families: &[&WAITING, &STALLED],
    opts: &[],
    build: |cx| {
        let resource = |name: &str,
                        some: Option<&'static Family>,
                        full: Option<&'static Family>| {
            Resource { file: cx.proc.keep(format!("pressure/{name}")), some, full }
        };
        let ([cpu, io, memory], [io_full, memory_full, irq_full]) = (&WAITING, &STALLED);
        Ok(Box::new(Pressure([
            resource("cpu", Some(cpu), None),
            resource("io", Some(io), Some(io_full)),
            resource("memory", Some(memory), Some(memory_full)),
            resource("irq", None, Some(irq_full)),
        ])))
    },
};

static WAITING: [Family; 3] = [
    Family::counter(
        "node_pressure_cpu_waiting_seconds_total",
        "Time in which some task waited for a CPU.",
        &[],
    ),
    Family::counter(
        "node_pressure_io_waiting_seconds_total",
        "Time in which some task waited for disk or network storage.",
        &[],
    ),
    Family::counter(
        "node_pressure_memory_waiting_seconds_total",
        "Time in which some task waited for memory.",
        &[],
    ),
];

static STALLED: [Family; 3] = [
    Family::counter(
        "node_pressure_io_stalled_seconds_total",
        "Time in which all tasks waited for disk or network storage.",
        &[],
    ),
    Family::counter(
        "node_pressure_memory_stalled_seconds_total",
        "Time in which all tasks waited for memory.",
        &[],
    ),
    Family::counter(
        "node_pressure_irq_stalled_seconds_total",
        "Time in which interrupts kept all tasks waiting.",
        &[],
    ),
];

struct Pressure([Resource; 4]);

struct Resource {
    file: Kept,
    some: Option<&'static Family>,
    full: Option<&'static Family>,
}

impl Collector for Pressure {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let mut faults = Faults::default();
        let mut any = false;
        for resource in &mut self.0 {
            match resource.collect(out) {
                Ok(there) => any |= there,
                Err(error) => {
                    any = true;
                    faults.note(error);
                }
            }
        }
        if any {
            faults.finish()
        } else {
            Err(Error::no_data("/proc/pressure has no readable file"))
        }
    }
}

// === impl Resource ===

impl Resource {
    /// Whether the kernel has this resource.
    fn collect(&mut self, out: &mut Writer) -> Result<bool> {
        let text = match self.file.read() {
            Ok(text) => text,
            Err(Error::Read { source, .. }) if is_absent(&source) => return Ok(false),
            Err(error) => return Err(error),
        };
        let mut faults = Faults::default();
        for line in text.lines() {
            let mut fields = line.split_ascii_whitespace();
            let family = match fields.next() {
                Some("some") => self.some,
                Some("full") => self.full,
                _ => None,
            };
            let Some(family) = family else { continue };
            let total = fields.find_map(|field| field.strip_prefix("total="));
            let total = text.parse::<u64>(total, "expected total= and microseconds", line);
            if let Some(total) = faults.ok(total) {
                // Two steps, as node_exporter rounds.
                out.family(family, |s| s.value(seconds(total, 1000) / 1000.0));
            }
        }
        faults.finish().map(|()| true)
    }
}

/// Whether the kernel has no such file, or has it switched off.
fn is_absent(error: &std::io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::NOENT | Errno::OPNOTSUPP))
}

#[cfg(test)]
mod tests {
    use super::SPEC;
    use collect::testing::expose;
    use expect_test::expect;

    #[test]
    fn linux_6() {
        let both = "some avg10=0.18 avg60=0.34 avg300=0.10 total=159886802\n\
                    full avg10=0.18 avg60=0.34 avg300=0.10 total=159229614\n";
        let files = [
            ("proc/pressure/cpu", both),
            ("proc/pressure/io", both),
            ("proc/pressure/irq", "full avg10=0.00 avg60=0.00 avg300=0.00 total=8494\n"),
            ("proc/pressure/memory", both),
        ];
        expect![[r#"
            # HELP node_pressure_cpu_waiting_seconds_total Time in which some task waited for a CPU.
            # TYPE node_pressure_cpu_waiting_seconds_total counter
            node_pressure_cpu_waiting_seconds_total 159.886802
            # HELP node_pressure_io_stalled_seconds_total Time in which all tasks waited for disk or network storage.
            # TYPE node_pressure_io_stalled_seconds_total counter
            node_pressure_io_stalled_seconds_total 159.229614
            # HELP node_pressure_io_waiting_seconds_total Time in which some task waited for disk or network storage.
            # TYPE node_pressure_io_waiting_seconds_total counter
            node_pressure_io_waiting_seconds_total 159.886802
            # HELP node_pressure_irq_stalled_seconds_total Time in which interrupts kept all tasks waiting.
            # TYPE node_pressure_irq_stalled_seconds_total counter
            node_pressure_irq_stalled_seconds_total 0.008494
            # HELP node_pressure_memory_stalled_seconds_total Time in which all tasks waited for memory.
            # TYPE node_pressure_memory_stalled_seconds_total counter
            node_pressure_memory_stalled_seconds_total 159.229614
            # HELP node_pressure_memory_waiting_seconds_total Time in which some task waited for memory.
            # TYPE node_pressure_memory_waiting_seconds_total counter
            node_pressure_memory_waiting_seconds_total 159.886802
        "#]].assert_eq(&expose(&SPEC, &files));
    }

    #[test]
    fn torn() {
        let files = [
            ("proc/pressure/cpu", "some avg10=0.00 tot"),
            ("proc/pressure/io", "some total=x\nfull total=-1\nmost total=5\n"),
            ("proc/pressure/memory", "some total=5"),
        ];
        expect![[r##"
            # HELP node_pressure_memory_waiting_seconds_total Time in which some task waited for memory.
            # TYPE node_pressure_memory_waiting_seconds_total counter
            node_pressure_memory_waiting_seconds_total 5e-6
            error: /proc/pressure/cpu: expected total= and microseconds: "some avg10=0.00 tot" (and 1 more)
        "##]].assert_eq(&expose(&SPEC, &files));
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: no data: /proc/pressure has no readable file
        "#]]
        .assert_eq(&expose(&SPEC, &[]));
    }
}
