//! `/proc/vmstat`: counters and levels of the virtual memory, in pages, events or KiB as the kernel
//! has them. By default only out-of-memory kills, paging, swapping and faults.

use crate::{number::Whole, rows::Rows};
use collect::{Collector, Faults, Filter, Kept, Opt, Result, Spec};
use exposition::{Family, Kind, Writer};

pub(crate) static SPEC: Spec = Spec {
    name: "vmstat",
    doc: "Virtual memory: paging, swapping, faults, out-of-memory kills.",
    default: true,
    families: &[PATTERNS],
    opts: &[FIELDS],
    build: |cx| {
        let filter = Filter::including(&cx.options, &FIELDS)?;
        Ok(Box::new(Vmstat { file: cx.proc.keep("vmstat"), filter, rows: Rows::new() }))
    },
};

const FIELDS: Opt = Opt::text(
    "collector.vmstat.fields",
    "^(oom_kill|pgpg|pswp|pg.*fault).*",
    "Rows of /proc/vmstat to expose, a regular expression.",
);

static PATTERNS: &[Family] = &[Family::untyped("node_vmstat_*", "A row of /proc/vmstat.", &[])];

struct Vmstat {
    file: Kept,
    filter: Filter,
    rows: Rows<Option<Family>>,
}

impl Collector for Vmstat {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let text = self.file.read()?;
        let mut faults = Faults::default();
        self.rows.rewind();
        for line in text.lines() {
            let (name, number) = line.split_once(' ').unwrap_or((line, ""));
            let family = self.rows.get(name, || self.filter.keeps(name).then(|| family(name)));
            let Some(Some(family)) = family else { continue };
            match Whole::parse(number.trim()) {
                Some(number) => out.family(family, |s| s.value(number)),
                None => faults.note(text.bad("expected a name and a number", line)),
            }
        }
        faults.finish()
    }
}

fn family(name: &str) -> Family {
    let help = match name {
        "oom_kill" => "Tasks killed because memory ran out.",
        "pgfault" => "Page faults, those without disk included.",
        "pgmajfault" => "Page faults that had to read from disk.",
        "pgpgin" => "KiB read from block devices.",
        "pgpgout" => "KiB written to block devices.",
        "pswpin" => "Pages read from swap.",
        "pswpout" => "Pages written to swap.",
        _ => "",
    };
    let help = if help.is_empty() { format!("Row {name} of /proc/vmstat.") } else { help.into() };
    Family::dynamic(Kind::Untyped, &format!("node_vmstat_{name}"), help, &[])
}

#[cfg(test)]
mod tests {
    use super::SPEC;
    use collect::testing::{expose, expose_with};
    use expect_test::expect;

    const TEXT: &str = "nr_free_pages 977769\npgpgin 7344136\npgfault 2320168809\noom_kill 0\n";

    #[test]
    fn default_fields() {
        expect![[r#"
            # HELP node_vmstat_oom_kill Tasks killed because memory ran out.
            # TYPE node_vmstat_oom_kill untyped
            node_vmstat_oom_kill 0
            # HELP node_vmstat_pgfault Page faults, those without disk included.
            # TYPE node_vmstat_pgfault untyped
            node_vmstat_pgfault 2320168809
            # HELP node_vmstat_pgpgin KiB read from block devices.
            # TYPE node_vmstat_pgpgin untyped
            node_vmstat_pgpgin 7344136
        "#]]
        .assert_eq(&expose(&SPEC, &[("proc/vmstat", TEXT)]));
    }

    #[test]
    fn chosen_fields() {
        let options = [("collector.vmstat.fields", "^nr_free")];
        expect![[r#"
            # HELP node_vmstat_nr_free_pages Row nr_free_pages of /proc/vmstat.
            # TYPE node_vmstat_nr_free_pages untyped
            node_vmstat_nr_free_pages 977769
        "#]]
        .assert_eq(&expose_with(&SPEC, &[("proc/vmstat", TEXT)], &options));
    }

    #[test]
    fn torn() {
        expect![[r##"
            # HELP node_vmstat_pgpgin KiB read from block devices.
            # TYPE node_vmstat_pgpgin untyped
            node_vmstat_pgpgin -5
            error: /proc/vmstat: expected a name and a number: "pgpgout x"
        "##]]
        .assert_eq(&expose(&SPEC, &[("proc/vmstat", "pgpgin -5\npgpgout x\npgfau")]));
    }

    #[test]
    fn wrong_pattern() {
        let options = [("collector.vmstat.fields", "(")];
        expect![[r#"
            error: --collector.vmstat.fields: "(" is no regular expression: found open group without closing ')'
        "#]].assert_eq(&expose_with(&SPEC, &[("proc/vmstat", TEXT)], &options));
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: read /proc/vmstat: No such file or directory (os error 2)
        "#]]
        .assert_eq(&expose(&SPEC, &[]));
    }
}
