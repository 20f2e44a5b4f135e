//! `/proc/sys/net/netfilter/nf_conntrack_{count,max}` and `/proc/net/stat/nf_conntrack`: connection
//! tracking. The statistics stand one line a CPU in hexadecimal and are summed.

use collect::{Collector, Error, Faults, Kept, Result, Spec, Text};
use exposition::{Family, Writer};

pub(crate) static SPEC: Spec = Spec {
    name: "conntrack",
    doc: "Connections tracked by netfilter.",
    default: true,
    families: &[&LEVELS, &STATISTICS],
    opts: &[],
    build: |cx| {
        Ok(Box::new(Conntrack {
            levels: [
                cx.proc.keep("sys/net/netfilter/nf_conntrack_count"),
                cx.proc.keep("sys/net/netfilter/nf_conntrack_max"),
            ],
            statistics: cx.proc.keep("net/stat/nf_conntrack"),
        }))
    },
};

static LEVELS: [Family; 2] = [
    Family::gauge("node_nf_conntrack_entries", "Connections tracked now.", &[]),
    Family::gauge("node_nf_conntrack_entries_limit", "Connections that can be tracked.", &[]),
];

static STATISTICS: [Family; 8] = [
    Family::gauge("node_nf_conntrack_stat_found", "Lookups that found a connection.", &[]),
    Family::gauge("node_nf_conntrack_stat_invalid", "Packets that cannot be tracked.", &[]),
    Family::gauge("node_nf_conntrack_stat_ignore", "Packets that were not to be tracked.", &[]),
    Family::gauge("node_nf_conntrack_stat_insert", "Connections entered into the table.", &[]),
    Family::gauge(
        "node_nf_conntrack_stat_insert_failed",
        "Connections that could not be entered into the table.",
        &[],
    ),
    Family::gauge("node_nf_conntrack_stat_drop", "Packets dropped as tracking failed.", &[]),
    Family::gauge(
        "node_nf_conntrack_stat_early_drop",
        "Connections thrown out of a full table to make room.",
        &[],
    ),
    Family::gauge(
        "node_nf_conntrack_stat_search_restart",
        "Lookups started again as the table changed its size.",
        &[],
    ),
];

/// Columns, in the order of [`STATISTICS`].
const COLUMNS: [&str; 8] = [
    "found",
    "invalid",
    "ignore",
    "insert",
    "insert_failed",
    "drop",
    "early_drop",
    "search_restart",
];

struct Conntrack {
    levels: [Kept; 2],
    statistics: Kept,
}

impl Collector for Conntrack {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let mut faults = Faults::default();
        for (file, family) in self.levels.iter_mut().zip(&LEVELS) {
            let text = file.read().map_err(Error::or_no_data)?;
            let field = text.as_str().trim();
            let number = text.parse::<u64>(Some(field), "expected a number", field);
            if let Some(number) = faults.ok(number) {
                out.family(family, |s| s.value(number));
            }
        }
        let text = self.statistics.read().map_err(Error::or_no_data)?;
        faults.ok(statistics(text, out));
        faults.finish()
    }
}

fn statistics(text: Text<'_>, out: &mut Writer) -> Result<()> {
    let mut lines = text.lines();
    let header = lines.next().unwrap_or_default();
    let place = |name: &str| COLUMNS.iter().position(|column| *column == name);
    let mut sums: [Option<u64>; COLUMNS.len()] = [None; COLUMNS.len()];
    for line in lines {
        for (name, field) in header.split_ascii_whitespace().zip(line.split_ascii_whitespace()) {
            let Some(sum) = place(name).and_then(|at| sums.get_mut(at)) else { continue };
            let number = u64::from_str_radix(field, 16)
                .map_err(|_| text.bad("expected hexadecimal numbers", line))?;
            *sum = Some(sum.unwrap_or(0).saturating_add(number));
        }
    }
    for (family, sum) in STATISTICS.iter().zip(sums) {
        out.family(family, |s| s.maybe(sum));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::SPEC;
    use collect::testing::expose;
    use expect_test::expect;

    const COUNT: (&str, &str) = ("proc/sys/net/netfilter/nf_conntrack_count", "123\n");
    const MAX: (&str, &str) = ("proc/sys/net/netfilter/nf_conntrack_max", "65536\n");
    const STAT: &str = "proc/net/stat/nf_conntrack";

    #[test]
    fn two_cpus() {
        let stat = "entries  clashres found new invalid ignore insert drop\n\
                    00000021  00000000 00000001 00000000 00000003 0000588a 00000000 00000001\n\
                    00000021  00000000 00000001 00000000 00000002 000056a4 00000000 00000001\n";
        expect![[r#"
            # HELP node_nf_conntrack_entries Connections tracked now.
            # TYPE node_nf_conntrack_entries gauge
            node_nf_conntrack_entries 123
            # HELP node_nf_conntrack_entries_limit Connections that can be tracked.
            # TYPE node_nf_conntrack_entries_limit gauge
            node_nf_conntrack_entries_limit 65536
            # HELP node_nf_conntrack_stat_drop Packets dropped as tracking failed.
            # TYPE node_nf_conntrack_stat_drop gauge
            node_nf_conntrack_stat_drop 2
            # HELP node_nf_conntrack_stat_found Lookups that found a connection.
            # TYPE node_nf_conntrack_stat_found gauge
            node_nf_conntrack_stat_found 2
            # HELP node_nf_conntrack_stat_ignore Packets that were not to be tracked.
            # TYPE node_nf_conntrack_stat_ignore gauge
            node_nf_conntrack_stat_ignore 44846
            # HELP node_nf_conntrack_stat_insert Connections entered into the table.
            # TYPE node_nf_conntrack_stat_insert gauge
            node_nf_conntrack_stat_insert 0
            # HELP node_nf_conntrack_stat_invalid Packets that cannot be tracked.
            # TYPE node_nf_conntrack_stat_invalid gauge
            node_nf_conntrack_stat_invalid 5
        "#]]
        .assert_eq(&expose(&SPEC, &[COUNT, MAX, (STAT, stat)]));
    }

    #[test]
    fn torn() {
        let files = [COUNT, (MAX.0, "x\n"), (STAT, "entries found\n00000021 0000g000\n")];
        expect![[r##"
            # HELP node_nf_conntrack_entries Connections tracked now.
            # TYPE node_nf_conntrack_entries gauge
            node_nf_conntrack_entries 123
            error: /proc/sys/net/netfilter/nf_conntrack_max: expected a number: "x" (and 1 more)
        "##]]
        .assert_eq(&expose(&SPEC, &files));
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: no data: /proc/sys/net/netfilter/nf_conntrack_count does not exist
        "#]]
        .assert_eq(&expose(&SPEC, &[]));
        expect![[r#"
            # HELP node_nf_conntrack_entries Connections tracked now.
            # TYPE node_nf_conntrack_entries gauge
            node_nf_conntrack_entries 123
            # HELP node_nf_conntrack_entries_limit Connections that can be tracked.
            # TYPE node_nf_conntrack_entries_limit gauge
            node_nf_conntrack_entries_limit 65536
            error: no data: /proc/net/stat/nf_conntrack does not exist
        "#]]
        .assert_eq(&expose(&SPEC, &[COUNT, MAX]));
    }
}
