//! `/proc/cgroups`: control groups by controller, and whether the controller is switched on.

use collect::{Collector, Error, Faults, Kept, Result, Spec};
use exposition::{Family, Writer};

pub(crate) static SPEC: Spec = Spec {
    name: "cgroups",
    doc: "Control groups by controller.",
    default: false,
    families: &[&FAMILIES],
    opts: &[],
    build: |cx| Ok(Box::new(Cgroups { file: cx.proc.keep("cgroups") })),
};

static FAMILIES: [Family; 2] = [
    Family::gauge("node_cgroups_cgroups", "Control groups of the controller.", &["subsys_name"]),
    Family::gauge(
        "node_cgroups_enabled",
        "Whether the controller is switched on.",
        &["subsys_name"],
    ),
];

/// Columns after the name, in the order of [`FAMILIES`].
const COLUMNS: [usize; 2] = [1, 2];

struct Cgroups {
    file: Kept,
}

impl Collector for Cgroups {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let text = self.file.read().map_err(Error::or_no_data)?;
        let mut faults = Faults::default();
        for (family, column) in FAMILIES.iter().zip(COLUMNS) {
            out.family(family, |s| {
                for line in text.lines().filter(|line| !line.starts_with('#')) {
                    let mut fields = line.split_ascii_whitespace();
                    let name = fields.next().unwrap_or_default();
                    let what = "expected a name and three numbers";
                    let number = text.parse::<u64>(fields.nth(column), what, line);
                    if let Some(number) = faults.ok(number) {
                        s.row(&[name], number);
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
    fn two() {
        let text =
            "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpuset\t5\t47\t1\nrdma\t4\t1\t0\n";
        expect![[r##"
            # HELP node_cgroups_cgroups Control groups of the controller.
            # TYPE node_cgroups_cgroups gauge
            node_cgroups_cgroups{subsys_name="cpuset"} 47
            node_cgroups_cgroups{subsys_name="rdma"} 1
            # HELP node_cgroups_enabled Whether the controller is switched on.
            # TYPE node_cgroups_enabled gauge
            node_cgroups_enabled{subsys_name="cpuset"} 1
            node_cgroups_enabled{subsys_name="rdma"} 0
        "##]]
        .assert_eq(&expose(&SPEC, &[("proc/cgroups", text)]));
    }

    #[test]
    fn torn() {
        expect![[r##"
            # HELP node_cgroups_cgroups Control groups of the controller.
            # TYPE node_cgroups_cgroups gauge
            node_cgroups_cgroups{subsys_name="cpuset"} 47
            # HELP node_cgroups_enabled Whether the controller is switched on.
            # TYPE node_cgroups_enabled gauge
            node_cgroups_enabled{subsys_name="cpu"} 1
            error: /proc/cgroups: expected a name and three numbers: "cpu 1 x 1" (and 3 more)
        "##]]
        .assert_eq(&expose(&SPEC, &[("proc/cgroups", "cpuset\t5\t47\ncpu 1 x 1\nio")]));
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: no data: /proc/cgroups does not exist
        "#]]
        .assert_eq(&expose(&SPEC, &[]));
    }
}
