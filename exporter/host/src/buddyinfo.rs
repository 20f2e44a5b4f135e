//! `/proc/buddyinfo`: free blocks of memory by node, zone and size, which is the power of two of
//! their pages.

use collect::{Collector, Error, Faults, Kept, Result, Spec};
use exposition::{Family, Writer};

pub(crate) static SPEC: Spec = Spec {
    name: "buddyinfo",
    doc: "Free blocks of memory by size.",
    default: false,
    families: &[FAMILIES],
    opts: &[],
    build: |cx| Ok(Box::new(Buddyinfo { file: cx.proc.keep("buddyinfo") })),
};

static FAMILIES: &[Family] = &[Family::gauge(
    "node_buddyinfo_blocks",
    "Free blocks of 2^size pages.",
    &["node", "zone", "size"],
)];

struct Buddyinfo {
    file: Kept,
}

impl Collector for Buddyinfo {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let text = self.file.read().map_err(Error::or_no_data)?;
        let mut faults = Faults::default();
        for family in FAMILIES {
            out.family(family, |s| {
                for line in text.lines() {
                    let Some((node, zone, counts)) = parse(line) else {
                        faults.note(text.bad("expected Node N, zone NAME and numbers", line));
                        continue;
                    };
                    for (size, field) in (0_u32..).zip(counts) {
                        let count = text.parse::<u64>(Some(field), "expected a number", line);
                        let Some(count) = faults.ok(count) else { break };
                        s.row(&[node, zone, itoa::Buffer::new().format(size)], count);
                    }
                }
            });
        }
        faults.finish()
    }
}

/// Node, zone and counts of a line such as `Node 0, zone DMA 1 0 2`.
fn parse(line: &str) -> Option<(&str, &str, impl Iterator<Item = &str>)> {
    let (node, rest) = line.strip_prefix("Node ")?.split_once(',')?;
    let mut fields = rest.split_ascii_whitespace();
    fields.next().filter(|word| *word == "zone")?;
    Some((node.trim(), fields.next()?, fields))
}

#[cfg(test)]
mod tests {
    use super::SPEC;
    use collect::testing::expose;
    use expect_test::expect;

    #[test]
    fn two_zones() {
        let text =
            "Node 0, zone      DMA      1      0      3 \nNode 1, zone   Normal   4381   1093\n";
        expect![[r##"
            # HELP node_buddyinfo_blocks Free blocks of 2^size pages.
            # TYPE node_buddyinfo_blocks gauge
            node_buddyinfo_blocks{node="0",zone="DMA",size="0"} 1
            node_buddyinfo_blocks{node="0",zone="DMA",size="1"} 0
            node_buddyinfo_blocks{node="0",zone="DMA",size="2"} 3
            node_buddyinfo_blocks{node="1",zone="Normal",size="0"} 4381
            node_buddyinfo_blocks{node="1",zone="Normal",size="1"} 1093
        "##]]
        .assert_eq(&expose(&SPEC, &[("proc/buddyinfo", text)]));
    }

    #[test]
    fn torn() {
        let text = "Node 0, zone\nNode 0, zone DMA 1 x 3\nnode\nNode 1, zone";
        expect![[r##"
            # HELP node_buddyinfo_blocks Free blocks of 2^size pages.
            # TYPE node_buddyinfo_blocks gauge
            node_buddyinfo_blocks{node="0",zone="DMA",size="0"} 1
            error: /proc/buddyinfo: expected Node N, zone NAME and numbers: "Node 0, zone" (and 3 more)
        "##]].assert_eq(&expose(&SPEC, &[("proc/buddyinfo", text)]));
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: no data: /proc/buddyinfo does not exist
        "#]]
        .assert_eq(&expose(&SPEC, &[]));
    }
}
