//! `/proc/interrupts`: interrupts by line and CPU. A line is a number with its controller and
//! devices, or a short name with what it means.
//!
//! The header names the CPUs that are online; their numbers are the labels. (`node_exporter` counts
//! columns, which is the same until a CPU is switched off.)

use collect::{Collector, Faults, Filter, Kept, Opt, Result, Spec};
use exposition::{Family, Writer};

pub(crate) static SPEC: Spec = Spec {
    name: "interrupts",
    doc: "Interrupts by line and CPU.",
    default: false,
    families: &[FAMILIES],
    opts: &[INCLUDE, EXCLUDE, ZEROS],
    build: |cx| {
        Ok(Box::new(Interrupts {
            file: cx.proc.keep("interrupts"),
            filter: Filter::new(&cx.options, &INCLUDE, &EXCLUDE)?,
            zeros: cx.options.switch(&ZEROS),
            name: String::new(),
        }))
    },
};

const INCLUDE: Opt = Opt::text(
    "collector.interrupts.name-include",
    "",
    "Interrupts to expose, a regular expression over <type>;<info>;<devices>.",
);

const EXCLUDE: Opt = Opt::text(
    "collector.interrupts.name-exclude",
    "",
    "Interrupts to leave out, a regular expression over <type>;<info>;<devices>.",
);

const ZEROS: Opt =
    Opt::switch("collector.interrupts.include-zeros", true, "Expose interrupts that never came.");

static FAMILIES: &[Family] = &[Family::counter(
    "node_interrupts_total",
    "Interrupts served.",
    &["cpu", "type", "info", "devices"],
)];

struct Interrupts {
    file: Kept,
    filter: Filter,
    zeros: bool,
    /// The name being built.
    name: String,
}

impl Collector for Interrupts {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let text = self.file.read()?;
        let mut faults = Faults::default();
        let mut lines = text.lines();
        let header = lines.next().unwrap_or_default();
        let Some(cpus) = cpus(header) else {
            return Err(text.bad("expected a header of CPUs", header));
        };
        let mut counts: Vec<u64> = Vec::with_capacity(cpus.len());
        for family in FAMILIES {
            out.family(family, |s| {
                for line in lines.by_ref() {
                    let Some((kind, rest)) = line.split_once(':') else {
                        faults.note(text.bad("expected a name and a colon", line));
                        continue;
                    };
                    let mut fields = rest.split_ascii_whitespace();
                    counts.clear();
                    let of_cpus = fields.by_ref().take(cpus.len());
                    counts.extend(of_cpus.map_while(|field| field.parse::<u64>().ok()));
                    // `ERR` and `MIS` are sums without a CPU, and have no description.
                    let Some(first) = fields.next().filter(|_| counts.len() == cpus.len()) else {
                        continue;
                    };
                    let kind = kind.trim();
                    self.name.clear();
                    self.name.extend([kind, ";", first]);
                    let mut devices = self.name.len() + 1;
                    let numbered = kind.bytes().all(|b| b.is_ascii_digit());
                    let mut gap = if numbered { ";" } else { " " };
                    for word in fields {
                        self.name.extend([gap, word]);
                        gap = " ";
                    }
                    if !numbered || gap == ";" {
                        devices = self.name.len();
                        self.name.push(';');
                        devices += 1;
                    }
                    if !self.filter.keeps(&self.name) {
                        continue;
                    }
                    let devices = self.name.get(devices..).unwrap_or_default();
                    let info = self.name.get(kind.len() + 1..).unwrap_or_default();
                    let info = info.get(..info.len().saturating_sub(devices.len() + 1));
                    for (cpu, count) in cpus.iter().zip(&counts) {
                        if self.zeros || *count > 0 {
                            s.row(&[cpu, kind, info.unwrap_or_default(), devices], *count);
                        }
                    }
                }
            });
        }
        faults.finish()
    }
}

/// The numbers of a header such as `CPU0 CPU2`.
pub(crate) fn cpus(header: &str) -> Option<Vec<&str>> {
    let cpus: Option<Vec<_>> =
        header.split_ascii_whitespace().map(|field| field.strip_prefix("CPU")).collect();
    cpus.filter(|cpus| !cpus.is_empty())
}

#[cfg(test)]
mod tests {
    use super::SPEC;
    use collect::testing::{expose, expose_with};
    use expect_test::expect;

    const TEXT: &str = "            CPU0       CPU2\n\
        \x20  0:         18          0  IR-IO-APIC    2-edge      timer\n\
        \x20 16:     328511     322879  IR-IO-APIC-fasteoi   ehci_hcd:usb1, mmc0\n\
        \x20 17:          0          1  dummy\n\
        NMI:         47       5031   Non-maskable interrupts\n\
        ERR:          0\nMIS:          0\n";

    #[test]
    fn whole() {
        expect![[r##"
            # HELP node_interrupts_total Interrupts served.
            # TYPE node_interrupts_total counter
            node_interrupts_total{cpu="0",type="0",info="IR-IO-APIC",devices="2-edge timer"} 18
            node_interrupts_total{cpu="2",type="0",info="IR-IO-APIC",devices="2-edge timer"} 0
            node_interrupts_total{cpu="0",type="16",info="IR-IO-APIC-fasteoi",devices="ehci_hcd:usb1, mmc0"} 328511
            node_interrupts_total{cpu="2",type="16",info="IR-IO-APIC-fasteoi",devices="ehci_hcd:usb1, mmc0"} 322879
            node_interrupts_total{cpu="0",type="17",info="dummy",devices=""} 0
            node_interrupts_total{cpu="2",type="17",info="dummy",devices=""} 1
            node_interrupts_total{cpu="0",type="NMI",info="Non-maskable interrupts",devices=""} 47
            node_interrupts_total{cpu="2",type="NMI",info="Non-maskable interrupts",devices=""} 5031
        "##]].assert_eq(&expose(&SPEC, &[("proc/interrupts", TEXT)]));
    }

    #[test]
    fn chosen() {
        let options = [
            ("collector.interrupts.name-include", "^0;IR-IO-APIC;2-edge timer$|^17;dummy;$"),
            ("collector.interrupts.include-zeros", "false"),
        ];
        expect![[r##"
            # HELP node_interrupts_total Interrupts served.
            # TYPE node_interrupts_total counter
            node_interrupts_total{cpu="0",type="0",info="IR-IO-APIC",devices="2-edge timer"} 18
            node_interrupts_total{cpu="2",type="17",info="dummy",devices=""} 1
        "##]]
        .assert_eq(&expose_with(&SPEC, &[("proc/interrupts", TEXT)], &options));
    }

    #[test]
    fn torn() {
        let text = "  CPU0 CPU1\n1: 5 x edge a\nnothing\n2: 18446744073709551616 1 edge\n3: 1 2 ed";
        expect![[r##"
            # HELP node_interrupts_total Interrupts served.
            # TYPE node_interrupts_total counter
            node_interrupts_total{cpu="0",type="3",info="ed",devices=""} 1
            node_interrupts_total{cpu="1",type="3",info="ed",devices=""} 2
            error: /proc/interrupts: expected a name and a colon: "nothing"
        "##]]
        .assert_eq(&expose(&SPEC, &[("proc/interrupts", text)]));
        expect![[r#"
            error: /proc/interrupts: expected a header of CPUs: "1: 5 edge"
        "#]]
        .assert_eq(&expose(&SPEC, &[("proc/interrupts", "1: 5 edge\n")]));
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: read /proc/interrupts: No such file or directory (os error 2)
        "#]]
        .assert_eq(&expose(&SPEC, &[]));
    }
}
