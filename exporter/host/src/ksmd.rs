//! `/sys/kernel/mm/ksm/*`: merging of equal pages. `sleep_millisecs` → seconds, the rest as it is.

use collect::{Attr, Collector, Error, Faults, Result, Root, Spec};
use exposition::{Family, Writer};

pub(crate) static SPEC: Spec = Spec {
    name: "ksmd",
    doc: "Merging of equal pages (KSM).",
    default: false,
    families: &[&FAMILIES, SLEEP],
    opts: &[],
    build: |cx| Ok(Box::new(Ksmd { root: cx.sys.at("kernel/mm/ksm") })),
};

static FAMILIES: [Family; 9] = [
    Family::counter(
        "node_ksmd_full_scans_total",
        "Times that all mergeable areas were scanned.",
        &[],
    ),
    Family::gauge(
        "node_ksmd_merge_across_nodes",
        "Whether pages of different NUMA nodes are merged.",
        &[],
    ),
    Family::gauge("node_ksmd_pages_shared", "Pages that stand for several.", &[]),
    Family::gauge("node_ksmd_pages_sharing", "Pages saved.", &[]),
    Family::gauge("node_ksmd_pages_to_scan", "Pages to scan before it sleeps.", &[]),
    Family::gauge(
        "node_ksmd_pages_unshared",
        "Pages that have no equal and are scanned in vain.",
        &[],
    ),
    Family::gauge("node_ksmd_pages_volatile", "Pages that change too fast to be merged.", &[]),
    Family::gauge("node_ksmd_run", "0 stopped, 1 running, 2 stopped and pages split again.", &[]),
    Family::gauge(
        "node_ksmd_general_profit_bytes",
        "Memory saved less what the merging takes.",
        &[],
    ),
];

/// Files, in the order of [`FAMILIES`].
const FILES: [&str; 9] = [
    "full_scans",
    "merge_across_nodes",
    "pages_shared",
    "pages_sharing",
    "pages_to_scan",
    "pages_unshared",
    "pages_volatile",
    "run",
    "general_profit",
];

static SLEEP: &[Family] = &[Family::gauge("node_ksmd_sleep_seconds", "Pause between scans.", &[])];

struct Ksmd {
    root: Root,
}

impl Collector for Ksmd {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        if !self.root.is_dir("") {
            return Err(Error::no_data("/sys/kernel/mm/ksm does not exist"));
        }
        let mut faults = Faults::default();
        for (file, family) in FILES.iter().zip(&FAMILIES) {
            let number: Attr<i64> = self.root.number(file);
            if let Some(number) = faults.ok(number) {
                out.family(family, |s| s.maybe(number));
            }
        }
        let pause: Attr<u32> = self.root.number("sleep_millisecs");
        if let Some(pause) = faults.ok(pause) {
            for family in SLEEP {
                out.family(family, |s| s.maybe(pause.map(|pause| f64::from(pause) / 1000.0)));
            }
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
    fn some() {
        let files = [
            ("sys/kernel/mm/ksm/full_scans", "323\n"),
            ("sys/kernel/mm/ksm/general_profit", "-4096\n"),
            ("sys/kernel/mm/ksm/run", "x\n"),
            ("sys/kernel/mm/ksm/sleep_millisecs", "20\n"),
        ];
        expect![[r##"
            # HELP node_ksmd_full_scans_total Times that all mergeable areas were scanned.
            # TYPE node_ksmd_full_scans_total counter
            node_ksmd_full_scans_total 323
            # HELP node_ksmd_general_profit_bytes Memory saved less what the merging takes.
            # TYPE node_ksmd_general_profit_bytes gauge
            node_ksmd_general_profit_bytes -4096
            # HELP node_ksmd_sleep_seconds Pause between scans.
            # TYPE node_ksmd_sleep_seconds gauge
            node_ksmd_sleep_seconds 0.02
            error: /sys/kernel/mm/ksm/run: expected a number: "x"
        "##]]
        .assert_eq(&expose(&SPEC, &files));
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: no data: /sys/kernel/mm/ksm does not exist
        "#]]
        .assert_eq(&expose(&SPEC, &[]));
    }
}
