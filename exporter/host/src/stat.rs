//! `/proc/stat` without its CPU lines: interrupts, context switches, forks, boot time (seconds
//! since 1970), tasks that run or wait, and soft interrupts by vector.

use collect::{Collector, Faults, Kept, Opt, Result, Spec};
use exposition::{Family, Writer};

pub(crate) static SPEC: Spec = Spec {
    name: "stat",
    doc: "Interrupts, context switches, forks and boot time.",
    default: true,
    families: &[&ROWS, SOFTIRQS],
    opts: &[SOFTIRQ],
    build: |cx| {
        let softirq = cx.options.switch(&SOFTIRQ);
        Ok(Box::new(Stat { file: cx.proc.keep("stat"), softirq }))
    },
};

const SOFTIRQ: Opt = Opt::switch(
    "collector.stat.softirq",
    false,
    "Count soft interrupts by vector, summed over the CPUs.",
);

static ROWS: [Family; 6] = [
    Family::counter("node_intr_total", "Interrupts served.", &[]),
    Family::counter("node_context_switches_total", "Context switches.", &[]),
    Family::gauge("node_boot_time_seconds", "When the system booted, in seconds since 1970.", &[]),
    Family::counter("node_forks_total", "Tasks created.", &[]),
    Family::gauge("node_procs_running", "Tasks that run or could run.", &[]),
    Family::gauge("node_procs_blocked", "Tasks that wait for disk.", &[]),
];

/// Row names, in the order of [`ROWS`].
const NAMES: [&str; 6] = ["intr", "ctxt", "btime", "processes", "procs_running", "procs_blocked"];

static SOFTIRQS: &[Family] =
    &[Family::counter("node_softirqs_total", "Soft interrupts by vector.", &["vector"])];

/// Vectors in the kernel's order.
const VECTORS: [&str; 10] = [
    "hi",
    "timer",
    "net_tx",
    "net_rx",
    "block",
    "block_iopoll",
    "tasklet",
    "sched",
    "hrtimer",
    "rcu",
];

struct Stat {
    file: Kept,
    softirq: bool,
}

impl Collector for Stat {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let text = self.file.read()?;
        let mut faults = Faults::default();
        for line in text.lines() {
            // Only the first numbers matter: the line of interrupts has thousands.
            let mut fields = line.split_ascii_whitespace();
            let Some(name) = fields.next() else { continue };
            if let Some(family) = NAMES.iter().zip(&ROWS).find(|(n, _)| **n == name) {
                let number = text.parse::<u64>(fields.next(), "expected a number", line);
                if let Some(number) = faults.ok(number) {
                    out.family(family.1, |s| s.value(number));
                }
            } else if self.softirq && name == "softirq" {
                let mut torn = false;
                for family in SOFTIRQS {
                    out.family(family, |s| {
                        // The first number is the sum.
                        for (vector, field) in VECTORS.iter().zip(fields.by_ref().skip(1)) {
                            match field.parse::<u64>() {
                                Ok(count) => s.row(&[vector], count),
                                Err(_) => torn = true,
                            }
                        }
                    });
                }
                if torn {
                    faults.note(text.bad("expected a sum and a number a vector", line));
                }
            }
        }
        faults.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::SPEC;
    use collect::testing::{expose, expose_with};
    use expect_test::expect;

    const TEXT: &str = "cpu  301854 612 111922\nintr 8885917 17 0 0\nctxt 38014093\n\
        btime 1418183276\nprocesses 26442\nprocs_running 2\nprocs_blocked 0\n\
        softirq 50 1 2 3 4 5 6 7 8 9 10\n";

    #[test]
    fn without_vectors() {
        expect![[r#"
            # HELP node_boot_time_seconds When the system booted, in seconds since 1970.
            # TYPE node_boot_time_seconds gauge
            node_boot_time_seconds 1418183276
            # HELP node_context_switches_total Context switches.
            # TYPE node_context_switches_total counter
            node_context_switches_total 38014093
            # HELP node_forks_total Tasks created.
            # TYPE node_forks_total counter
            node_forks_total 26442
            # HELP node_intr_total Interrupts served.
            # TYPE node_intr_total counter
            node_intr_total 8885917
            # HELP node_procs_blocked Tasks that wait for disk.
            # TYPE node_procs_blocked gauge
            node_procs_blocked 0
            # HELP node_procs_running Tasks that run or could run.
            # TYPE node_procs_running gauge
            node_procs_running 2
        "#]]
        .assert_eq(&expose(&SPEC, &[("proc/stat", TEXT)]));
    }

    #[test]
    fn with_vectors() {
        let text = "softirq 50 1 2 3 4 5 x 7 8\n";
        let options = [("collector.stat.softirq", "true")];
        expect![[r##"
            # HELP node_softirqs_total Soft interrupts by vector.
            # TYPE node_softirqs_total counter
            node_softirqs_total{vector="hi"} 1
            node_softirqs_total{vector="timer"} 2
            node_softirqs_total{vector="net_tx"} 3
            node_softirqs_total{vector="net_rx"} 4
            node_softirqs_total{vector="block"} 5
            node_softirqs_total{vector="tasklet"} 7
            node_softirqs_total{vector="sched"} 8
            error: /proc/stat: expected a sum and a number a vector: "softirq 50 1 2 3 4 5 x 7 8"
        "##]]
        .assert_eq(&expose_with(&SPEC, &[("proc/stat", text)], &options));
    }

    #[test]
    fn torn() {
        let text = "intr\nctxt 5\nbtime -1\nprocs_run";
        expect![[r##"
            # HELP node_context_switches_total Context switches.
            # TYPE node_context_switches_total counter
            node_context_switches_total 5
            error: /proc/stat: expected a number: "intr" (and 1 more)
        "##]]
        .assert_eq(&expose(&SPEC, &[("proc/stat", text)]));
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: read /proc/stat: No such file or directory (os error 2)
        "#]]
        .assert_eq(&expose(&SPEC, &[]));
    }
}
