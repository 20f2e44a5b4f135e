//! `/proc/loadavg`: runnable and uninterruptible tasks, averaged over 1, 5 and 15 minutes.

use collect::{Collector, Kept, Result, Spec};
use exposition::{Family, Writer};

pub(crate) static SPEC: Spec = Spec {
    name: "loadavg",
    doc: "Load averages.",
    default: true,
    families: &[&LOADS],
    opts: &[],
    build: |cx| Ok(Box::new(Loadavg { file: cx.proc.keep("loadavg") })),
};

static LOADS: [Family; 3] = [
    Family::gauge("node_load1", "Tasks that run or wait for disk, averaged over 1 minute.", &[]),
    Family::gauge("node_load5", "Tasks that run or wait for disk, averaged over 5 minutes.", &[]),
    Family::gauge("node_load15", "Tasks that run or wait for disk, averaged over 15 minutes.", &[]),
];

struct Loadavg {
    file: Kept,
}

impl Collector for Loadavg {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let file = self.file.read()?;
        let mut fields = file.as_str().split_ascii_whitespace();
        for family in &LOADS {
            let load: f64 =
                file.parse(fields.next(), "expected three load averages", file.as_str())?;
            out.family(family, |s| s.value(load));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use collect::testing::expose;
    use expect_test::expect;

    #[test]
    fn debian_12() {
        expect![[r#"
            # HELP node_load1 Tasks that run or wait for disk, averaged over 1 minute.
            # TYPE node_load1 gauge
            node_load1 0.21
            # HELP node_load15 Tasks that run or wait for disk, averaged over 15 minutes.
            # TYPE node_load15 gauge
            node_load15 0.39
            # HELP node_load5 Tasks that run or wait for disk, averaged over 5 minutes.
            # TYPE node_load5 gauge
            node_load5 0.37
        "#]]
        .assert_eq(&expose(&super::SPEC, &[("proc/loadavg", "0.21 0.37 0.39 1/719 19737\n")]));
    }

    #[test]
    fn short() {
        expect![[r##"
            # HELP node_load1 Tasks that run or wait for disk, averaged over 1 minute.
            # TYPE node_load1 gauge
            node_load1 0.21
            # HELP node_load5 Tasks that run or wait for disk, averaged over 5 minutes.
            # TYPE node_load5 gauge
            node_load5 0.37
            error: /proc/loadavg: expected three load averages: "0.21 0.37\n"
        "##]]
        .assert_eq(&expose(&super::SPEC, &[("proc/loadavg", "0.21 0.37\n")]));
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: read /proc/loadavg: No such file or directory (os error 2)
        "#]]
        .assert_eq(&expose(&super::SPEC, &[]));
    }
}
