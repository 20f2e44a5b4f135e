//! `/proc/net/stat/*`: caches of the network (neighbours, routes, connection tracking). Each file is
//! a table with a header, one line a CPU, hexadecimal; each column is a family.

use crate::rows::Rows;
use collect::{Collector, Error, Faults, Result, Root, Spec, Text};
use exposition::{Family, Kind, Writer};

pub(crate) static SPEC: Spec = Spec {
    name: "lnstat",
    doc: "Caches of the network, by CPU.",
    default: false,
    families: &[PATTERNS],
    opts: &[],
    build: |cx| Ok(Box::new(Lnstat { root: cx.proc.at("net/stat"), columns: Rows::new() })),
};

const LABELS: &[&str] = &["subsystem", "cpu"];

static PATTERNS: &[Family] =
    &[Family::counter("node_lnstat_*_total", "A column of a table in /proc/net/stat.", LABELS)];

struct Lnstat {
    root: Root,
    columns: Rows<Family>,
}

impl Collector for Lnstat {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let mut faults = Faults::default();
        self.columns.rewind();
        for table in self.root.list("").map_err(Error::or_no_data)? {
            if let Some(file) = faults.ok(self.root.read(&table)) {
                write(file.text(), &table, &mut self.columns, out, &mut faults);
            }
        }
        faults.finish()
    }
}

fn write(
    text: Text<'_>,
    table: &str,
    columns: &mut Rows<Family>,
    out: &mut Writer,
    faults: &mut Faults,
) {
    let header = text.lines().next().unwrap_or_default();
    for (column, name) in header.split_ascii_whitespace().enumerate() {
        let family = columns.get(name, || {
            let help = format!("Column {name} of a table in /proc/net/stat.");
            Family::dynamic(Kind::Counter, &format!("node_lnstat_{name}_total"), help, LABELS)
        });
        let Some(family) = family else { continue };
        out.family(family, |s| {
            for (cpu, line) in (0_u32..).zip(text.lines().skip(1)) {
                let field = line.split_ascii_whitespace().nth(column);
                match field.and_then(|field| u64::from_str_radix(field, 16).ok()) {
                    Some(number) => s.row(&[table, itoa::Buffer::new().format(cpu)], number),
                    None => faults.note(text.bad("expected a hexadecimal number a column", line)),
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::SPEC;
    use collect::testing::expose;
    use expect_test::expect;

    #[test]
    fn two_tables() {
        let files = [
            (
                "proc/net/stat/arp_cache",
                "entries  allocs\n00000014  00000001\n00000014  0000000d\n",
            ),
            ("proc/net/stat/rt_cache", "entries\tgc_total\n00000005\tffffffff\n"),
        ];
        expect![[r##"
            # HELP node_lnstat_allocs_total Column allocs of a table in /proc/net/stat.
            # TYPE node_lnstat_allocs_total counter
            node_lnstat_allocs_total{subsystem="arp_cache",cpu="0"} 1
            node_lnstat_allocs_total{subsystem="arp_cache",cpu="1"} 13
            # HELP node_lnstat_entries_total Column entries of a table in /proc/net/stat.
            # TYPE node_lnstat_entries_total counter
            node_lnstat_entries_total{subsystem="arp_cache",cpu="0"} 20
            node_lnstat_entries_total{subsystem="arp_cache",cpu="1"} 20
            node_lnstat_entries_total{subsystem="rt_cache",cpu="0"} 5
            # HELP node_lnstat_gc_total_total Column gc_total of a table in /proc/net/stat.
            # TYPE node_lnstat_gc_total_total counter
            node_lnstat_gc_total_total{subsystem="rt_cache",cpu="0"} 4294967295
        "##]]
        .assert_eq(&expose(&SPEC, &files));
    }

    #[test]
    fn torn() {
        let files = [
            ("proc/net/stat/arp_cache", "entries  allocs\n00000014\n0000001g 2\n"),
            ("proc/net/stat/empty", ""),
        ];
        expect![[r##"
            # HELP node_lnstat_allocs_total Column allocs of a table in /proc/net/stat.
            # TYPE node_lnstat_allocs_total counter
            node_lnstat_allocs_total{subsystem="arp_cache",cpu="1"} 2
            # HELP node_lnstat_entries_total Column entries of a table in /proc/net/stat.
            # TYPE node_lnstat_entries_total counter
            node_lnstat_entries_total{subsystem="arp_cache",cpu="0"} 20
            error: /proc/net/stat/arp_cache: expected a hexadecimal number a column: "0000001g 2" (and 1 more)
        "##]].assert_eq(&expose(&SPEC, &files));
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: no data: /proc/net/stat/ does not exist
        "#]]
        .assert_eq(&expose(&SPEC, &[]));
    }
}
