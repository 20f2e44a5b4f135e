//! `/proc/swaps`: swap files and partitions. Sizes in KiB → bytes. Names are as the kernel escapes
//! them, a space as `\040`.

use collect::{Collector, Error, Faults, Kept, Result, Spec};
use exposition::{Family, Writer};

pub(crate) static SPEC: Spec = Spec {
    name: "swap",
    doc: "Swap files and partitions.",
    default: false,
    families: &[&FAMILIES],
    opts: &[],
    build: |cx| Ok(Box::new(Swap { file: cx.proc.keep("swaps") })),
};

static FAMILIES: [Family; 3] = [
    Family::gauge("node_swap_size_bytes", "Size of the swap space.", &["device", "swap_type"]),
    Family::gauge("node_swap_used_bytes", "Swap space in use.", &["device", "swap_type"]),
    Family::gauge("node_swap_priority", "The highest is used first.", &["device", "swap_type"]),
];

struct Swap {
    file: Kept,
}

impl Collector for Swap {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let text = self.file.read().map_err(Error::or_no_data)?;
        let mut faults = Faults::default();
        for (column, family) in FAMILIES.iter().enumerate() {
            out.family(family, |s| {
                for line in text.lines().skip(1) {
                    let mut fields = line.split_ascii_whitespace();
                    let labels =
                        [fields.next().unwrap_or_default(), fields.next().unwrap_or_default()];
                    let what = "expected a name, a type and three numbers";
                    let number = text.parse::<i64>(fields.nth(column), what, line);
                    let Some(number) = faults.ok(number) else { continue };
                    // The last column is the priority, the others are sizes.
                    s.row(&labels, if column == 2 { number } else { number.saturating_mul(1024) });
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

    const HEADER: &str = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";

    #[test]
    fn two() {
        let text = format!(
            "{HEADER}/dev/zram0 partition\t8388604\t\t76\t\t100\n/a\\040b\tfile\t100\t5\t-2\n"
        );
        expect![[r##"
            # HELP node_swap_priority The highest is used first.
            # TYPE node_swap_priority gauge
            node_swap_priority{device="/dev/zram0",swap_type="partition"} 100
            node_swap_priority{device="/a\\040b",swap_type="file"} -2
            # HELP node_swap_size_bytes Size of the swap space.
            # TYPE node_swap_size_bytes gauge
            node_swap_size_bytes{device="/dev/zram0",swap_type="partition"} 8589930496
            node_swap_size_bytes{device="/a\\040b",swap_type="file"} 102400
            # HELP node_swap_used_bytes Swap space in use.
            # TYPE node_swap_used_bytes gauge
            node_swap_used_bytes{device="/dev/zram0",swap_type="partition"} 77824
            node_swap_used_bytes{device="/a\\040b",swap_type="file"} 5120
        "##]]
        .assert_eq(&expose(&SPEC, &[("proc/swaps", &text)]));
    }

    #[test]
    fn torn() {
        let text = format!("{HEADER}/dev/zram0 partition\t8388604\t\tx");
        expect![[r##"
            # HELP node_swap_size_bytes Size of the swap space.
            # TYPE node_swap_size_bytes gauge
            node_swap_size_bytes{device="/dev/zram0",swap_type="partition"} 8589930496
            error: /proc/swaps: expected a name, a type and three numbers: "/dev/zram0 partition\t8388604\t\tx" (and 1 more)
        "##]].assert_eq(&expose(&SPEC, &[("proc/swaps", &text)]));
    }

    #[test]
    fn none() {
        expect![[""]].assert_eq(&expose(&SPEC, &[("proc/swaps", HEADER)]));
        expect![[r#"
            error: no data: /proc/swaps does not exist
        "#]]
        .assert_eq(&expose(&SPEC, &[]));
    }
}
