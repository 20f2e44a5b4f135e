//! `/sys/devices/system/cpu/vulnerabilities/*`: whether each known weakness of CPUs is there and
//! what is done about it.

use collect::{Collector, Error, Faults, Result, Root, Spec};
use exposition::{Family, Writer};

pub(crate) static SPEC: Spec = Spec {
    name: "cpu_vulnerabilities",
    doc: "Known weaknesses of the CPU and what is done about them.",
    default: false,
    families: &[FAMILIES],
    opts: &[],
    build: |cx| {
        Ok(Box::new(Vulnerabilities { root: cx.sys.at("devices/system/cpu/vulnerabilities") }))
    },
};

static FAMILIES: &[Family] = &[Family::gauge(
    "node_cpu_vulnerabilities_info",
    "1; state is not affected, vulnerable, mitigation or unknown.",
    &["codename", "state", "mitigation"],
)];

struct Vulnerabilities {
    root: Root,
}

impl Collector for Vulnerabilities {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let mut faults = Faults::default();
        let names = self.root.list("").map_err(Error::or_no_data)?;
        for family in FAMILIES {
            out.family(family, |s| {
                for name in &names {
                    if let Some(Some(text)) = faults.ok(self.root.attr(name)) {
                        let (state, mitigation) = parse(&text);
                        s.row(&[name, state, mitigation], 1_u8);
                    }
                }
            });
        }
        faults.finish()
    }
}

/// State and what is done about it.
fn parse(text: &str) -> (&'static str, &str) {
    let states = [
        ("Not affected", "not affected"),
        ("Vulnerable", "vulnerable"),
        ("Mitigation", "mitigation"),
    ];
    for (prefix, state) in states.into_iter().chain([("Unknown", "unknown")]) {
        if let Some(rest) = text.strip_prefix(prefix) {
            return (state, rest.trim_start_matches([':', ' ']));
        }
    }
    ("unknown", text)
}

#[cfg(test)]
mod tests {
    use super::SPEC;
    use collect::testing::expose;
    use expect_test::expect;

    #[test]
    fn states() {
        let dir = "sys/devices/system/cpu/vulnerabilities";
        let files = [
            ("itlb_multihit", "KVM: Mitigation: VMX disabled\n"),
            ("l1tf", "Not affected\n"),
            ("mds", "Vulnerable: Clear CPU buffers attempted; SMT vulnerable\n"),
            ("meltdown", "Vulnerable\n"),
            ("spectre_v2", "Mitigation: Retpolines, IBPB: conditional\n"),
            ("srbds", "Unknown: Dependent on hypervisor status\n"),
            ("torn", ""),
        ];
        let files: Vec<_> =
            files.iter().map(|(name, text)| (format!("{dir}/{name}"), *text)).collect();
        let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        expect![[r##"
            # HELP node_cpu_vulnerabilities_info 1; state is not affected, vulnerable, mitigation or unknown.
            # TYPE node_cpu_vulnerabilities_info gauge
            node_cpu_vulnerabilities_info{codename="itlb_multihit",state="unknown",mitigation="KVM: Mitigation: VMX disabled"} 1
            node_cpu_vulnerabilities_info{codename="l1tf",state="not affected",mitigation=""} 1
            node_cpu_vulnerabilities_info{codename="mds",state="vulnerable",mitigation="Clear CPU buffers attempted; SMT vulnerable"} 1
            node_cpu_vulnerabilities_info{codename="meltdown",state="vulnerable",mitigation=""} 1
            node_cpu_vulnerabilities_info{codename="spectre_v2",state="mitigation",mitigation="Retpolines, IBPB: conditional"} 1
            node_cpu_vulnerabilities_info{codename="srbds",state="unknown",mitigation="Dependent on hypervisor status"} 1
            node_cpu_vulnerabilities_info{codename="torn",state="unknown",mitigation=""} 1
        "##]].assert_eq(&expose(&SPEC, &files));
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: no data: /sys/devices/system/cpu/vulnerabilities/ does not exist
        "#]]
        .assert_eq(&expose(&SPEC, &[]));
    }
}
