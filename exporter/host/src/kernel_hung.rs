//! `/proc/sys/kernel/hung_task_detect_count`: tasks that waited for longer than
//! `hung_task_timeout_secs` without a break, since Linux 6.13.

use collect::{Collector, Error, Kept, Result, Spec};
use exposition::{Family, Writer};

pub(crate) static SPEC: Spec = Spec {
    name: "kernel_hung",
    doc: "Tasks that hung.",
    default: true,
    families: &[FAMILIES],
    opts: &[],
    build: |cx| {
        Ok(Box::new(KernelHung { file: cx.proc.keep("sys/kernel/hung_task_detect_count") }))
    },
};

static FAMILIES: &[Family] = &[Family::counter(
    "node_kernel_hung_tasks_total",
    "Tasks that the kernel found hanging since boot.",
    &[],
)];

struct KernelHung {
    file: Kept,
}

impl Collector for KernelHung {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let text = self.file.read().map_err(Error::or_no_data)?;
        let field = text.as_str().trim();
        let count: u64 = text.parse(Some(field), "expected a number", field)?;
        for family in FAMILIES {
            out.family(family, |s| s.value(count));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::SPEC;
    use collect::testing::expose;
    use expect_test::expect;

    const FILE: &str = "proc/sys/kernel/hung_task_detect_count";

    #[test]
    fn some() {
        expect![[r#"
            # HELP node_kernel_hung_tasks_total Tasks that the kernel found hanging since boot.
            # TYPE node_kernel_hung_tasks_total counter
            node_kernel_hung_tasks_total 42
        "#]]
        .assert_eq(&expose(&SPEC, &[(FILE, "42\n")]));
    }

    #[test]
    fn torn() {
        expect![[r#"
            error: /proc/sys/kernel/hung_task_detect_count: expected a number: ""
        "#]]
        .assert_eq(&expose(&SPEC, &[(FILE, "")]));
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: no data: /proc/sys/kernel/hung_task_detect_count does not exist
        "#]]
        .assert_eq(&expose(&SPEC, &[]));
    }
}
