//! `/sys/devices/system/node/node*/{meminfo,numastat}`: how the memory of each NUMA node is used.
//! Rows in kB, which is KiB, are exposed in bytes without a suffix in the name; allocations by
//! where they went are counters.

use crate::{number::digits, rows::Rows};
use collect::{Collector, Error, Faults, Result, Root, Spec, Text};
use exposition::{Family, Kind, Writer};

pub(crate) static SPEC: Spec = Spec {
    name: "meminfo_numa",
    doc: "Memory use by NUMA node.",
    default: false,
    families: &[&PATTERNS],
    opts: &[],
    build: |cx| {
        Ok(Box::new(MeminfoNuma {
            root: cx.sys.at("devices/system/node"),
            rows: Rows::new(),
            counters: Rows::new(),
        }))
    },
};

const LABELS: &[&str] = &["node"];

static PATTERNS: [Family; 2] = [
    Family::counter(
        "node_memory_numa_*_total",
        "Pages allocated, by whether the node was the one that was wanted.",
        LABELS,
    ),
    Family::gauge(
        "node_memory_numa_*",
        "A row of the node's meminfo, in bytes or as a count.",
        LABELS,
    ),
];

struct MeminfoNuma {
    root: Root,
    rows: Rows<Family>,
    counters: Rows<Family>,
}

impl Collector for MeminfoNuma {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let mut faults = Faults::default();
        for name in self.root.list("").map_err(Error::or_no_data)? {
            let Some(node) = digits(&name, "node") else { continue };
            if let Some(file) = faults.ok(self.root.read(format!("{name}/meminfo"))) {
                meminfo(file.text(), node, &mut self.rows, out, &mut faults);
            }
            if let Some(file) = faults.ok(self.root.read(format!("{name}/numastat"))) {
                numastat(file.text(), node, &mut self.counters, out, &mut faults);
            }
        }
        faults.finish()
    }
}

fn meminfo(
    text: Text<'_>,
    node: &str,
    rows: &mut Rows<Family>,
    out: &mut Writer,
    faults: &mut Faults,
) {
    rows.rewind();
    for line in text.lines() {
        // `Node 0 MemTotal: 5 kB`
        let mut fields = line.split_ascii_whitespace().skip(2);
        let name = fields.next().and_then(|name| name.strip_suffix(':'));
        let number = fields.next().and_then(|field| field.parse::<u64>().ok());
        let factor = match fields.next() {
            None => Some(1),
            Some("kB") => Some(1024),
            Some(_) => None,
        };
        let (Some(name), Some(number), Some(factor)) = (name, number, factor) else {
            faults.note(text.bad("expected Node N NAME: and a size in kB or a count", line));
            continue;
        };
        let family = rows.get(name, || {
            let plain = name.replace('(', "_").replace(')', "");
            let help = format!("Row {name} of the node's meminfo.");
            Family::dynamic(Kind::Gauge, &format!("node_memory_numa_{plain}"), help, LABELS)
        });
        if let Some(family) = family {
            out.family(family, |s| s.row(&[node], number.saturating_mul(factor)));
        }
    }
}

fn numastat(
    text: Text<'_>,
    node: &str,
    rows: &mut Rows<Family>,
    out: &mut Writer,
    faults: &mut Faults,
) {
    rows.rewind();
    for line in text.lines() {
        let mut fields = line.split_ascii_whitespace();
        let name = fields.next().unwrap_or_default();
        let number = text.parse::<u64>(fields.next(), "expected a name and a number", line);
        let Some(number) = faults.ok(number) else { continue };
        let family = rows.get(name, || {
            let help = format!("Pages that the node's numastat counts as {name}.");
            Family::dynamic(Kind::Counter, &format!("node_memory_numa_{name}_total"), help, LABELS)
        });
        if let Some(family) = family {
            out.family(family, |s| s.row(&[node], number));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::SPEC;
    use collect::testing::expose;
    use expect_test::expect;

    const NODE: &str = "sys/devices/system/node";

    fn files(nodes: &[(&'static str, &'static str, &'static str)]) -> Vec<(String, &'static str)> {
        let file = |node, name| format!("{NODE}/{node}/{name}");
        nodes
            .iter()
            .flat_map(|(n, mem, numa)| [(file(n, "meminfo"), *mem), (file(n, "numastat"), *numa)])
            .collect()
    }

    #[test]
    fn two_nodes() {
        let files = files(&[
            ("node0", "Node 0 MemTotal: 5 kB\nNode 0 Active(anon): 4 kB\n", "numa_hit 7\n"),
            ("node1", "Node 1 MemTotal: 6 kB\nNode 1 HugePages_Free:  3\n", "other_node 8\n"),
            ("nodex", "Node x MemTotal: 6 kB\n", ""),
        ]);
        let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        expect![[r##"
            # HELP node_memory_numa_Active_anon Row Active(anon) of the node's meminfo.
            # TYPE node_memory_numa_Active_anon gauge
            node_memory_numa_Active_anon{node="0"} 4096
            # HELP node_memory_numa_HugePages_Free Row HugePages_Free of the node's meminfo.
            # TYPE node_memory_numa_HugePages_Free gauge
            node_memory_numa_HugePages_Free{node="1"} 3
            # HELP node_memory_numa_MemTotal Row MemTotal of the node's meminfo.
            # TYPE node_memory_numa_MemTotal gauge
            node_memory_numa_MemTotal{node="0"} 5120
            node_memory_numa_MemTotal{node="1"} 6144
            # HELP node_memory_numa_numa_hit_total Pages that the node's numastat counts as numa_hit.
            # TYPE node_memory_numa_numa_hit_total counter
            node_memory_numa_numa_hit_total{node="0"} 7
            # HELP node_memory_numa_other_node_total Pages that the node's numastat counts as other_node.
            # TYPE node_memory_numa_other_node_total counter
            node_memory_numa_other_node_total{node="1"} 8
        "##]].assert_eq(&expose(&SPEC, &files));
    }

    #[test]
    fn torn() {
        let files = files(&[("node0", "Node 0 MemTotal:\nNode 0\nNode 0 A: 5 MB\n", "numa_hit")]);
        let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        expect![[r#"
            error: /sys/devices/system/node/node0/meminfo: expected Node N NAME: and a size in kB or a count: "Node 0 MemTotal:" (and 3 more)
        "#]].assert_eq(&expose(&SPEC, &files));
        expect![[r#"
            error: /sys/devices/system/node/node0/meminfo: expected Node N NAME: and a size in kB or a count: "Node 0 MemTotal:" (and 3 more)
        "#]].assert_eq(&expose(&SPEC, &files[..1]));
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: no data: /sys/devices/system/node/ does not exist
        "#]]
        .assert_eq(&expose(&SPEC, &[]));
    }
}
