//! `/proc/softirqs`: soft interrupts by kind and CPU.

use crate::interrupts::cpus;
use collect::{Collector, Faults, Kept, Result, Spec};
use exposition::{Family, Writer};

pub(crate) static SPEC: Spec = Spec {
    name: "softirqs",
    doc: "Soft interrupts by kind and CPU.",
    default: false,
    families: &[FAMILIES],
    opts: &[],
    build: |cx| Ok(Box::new(Softirqs { file: cx.proc.keep("softirqs") })),
};

static FAMILIES: &[Family] = &[Family::counter(
    "node_softirqs_functions_total",
    "Soft interrupts served.",
    &["cpu", "type"],
)];

struct Softirqs {
    file: Kept,
}

impl Collector for Softirqs {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let text = self.file.read()?;
        let mut faults = Faults::default();
        let mut lines = text.lines();
        let header = lines.next().unwrap_or_default();
        let cpus = cpus(header).ok_or_else(|| text.bad("expected a header of CPUs", header))?;
        for family in FAMILIES {
            out.family(family, |s| {
                for line in lines.by_ref() {
                    let (kind, counts) = line.split_once(':').unwrap_or((line, ""));
                    let mut counts = counts.split_ascii_whitespace();
                    for cpu in &cpus {
                        let count =
                            text.parse::<u64>(counts.next(), "expected a number a CPU", line);
                        let Some(count) = faults.ok(count) else { break };
                        s.row(&[cpu, kind.trim()], count);
                    }
                }
            });
        }
        faults.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::SPEC;
    use collect::testing::expose;
    use expect_test::expect;

    #[test]
    fn two_cpus() {
        let text = "                    CPU0       CPU3\n          HI:          7          1\n\
                    \x20     NET_RX:      43066     104508\n";
        expect![[r##"
            # HELP node_softirqs_functions_total Soft interrupts served.
            # TYPE node_softirqs_functions_total counter
            node_softirqs_functions_total{cpu="0",type="HI"} 7
            node_softirqs_functions_total{cpu="3",type="HI"} 1
            node_softirqs_functions_total{cpu="0",type="NET_RX"} 43066
            node_softirqs_functions_total{cpu="3",type="NET_RX"} 104508
        "##]]
        .assert_eq(&expose(&SPEC, &[("proc/softirqs", text)]));
    }

    #[test]
    fn torn() {
        let text = "CPU0 CPU1\nHI: 7\nTIMER 5 5\nRCU: 1 2";
        expect![[r##"
            # HELP node_softirqs_functions_total Soft interrupts served.
            # TYPE node_softirqs_functions_total counter
            node_softirqs_functions_total{cpu="0",type="HI"} 7
            node_softirqs_functions_total{cpu="0",type="RCU"} 1
            node_softirqs_functions_total{cpu="1",type="RCU"} 2
            error: /proc/softirqs: expected a number a CPU: "HI: 7" (and 1 more)
        "##]]
        .assert_eq(&expose(&SPEC, &[("proc/softirqs", text)]));
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: read /proc/softirqs: No such file or directory (os error 2)
        "#]]
        .assert_eq(&expose(&SPEC, &[]));
    }
}
