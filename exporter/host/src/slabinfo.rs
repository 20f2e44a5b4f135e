//! `/proc/slabinfo`: the kernel's object caches. Only root may read it.

use collect::{Collector, Error, Faults, Filter, Kept, Opt, Result, Spec};
use exposition::{Family, Writer};

pub(crate) static SPEC: Spec = Spec {
    name: "slabinfo",
    doc: "The kernel's object caches.",
    default: false,
    families: &[&FAMILIES],
    opts: &[INCLUDE, EXCLUDE],
    build: |cx| {
        Ok(Box::new(Slabinfo {
            file: cx.proc.keep("slabinfo"),
            include: Filter::including(&cx.options, &INCLUDE)?,
            exclude: Filter::excluding(&cx.options, &EXCLUDE)?,
        }))
    },
};

const INCLUDE: Opt =
    Opt::text("collector.slabinfo.slabs-include", ".*", "Caches to expose, a regular expression.");

const EXCLUDE: Opt =
    Opt::text("collector.slabinfo.slabs-exclude", "", "Caches to leave out, a regular expression.");

static FAMILIES: [Family; 5] = [
    Family::gauge("node_slabinfo_active_objects", "Objects in use.", &["slab"]),
    Family::gauge("node_slabinfo_objects", "Objects allocated, in use or not.", &["slab"]),
    Family::gauge("node_slabinfo_object_size_bytes", "Size of an object.", &["slab"]),
    Family::gauge("node_slabinfo_objects_per_slab", "Objects in a slab.", &["slab"]),
    Family::gauge("node_slabinfo_pages_per_slab", "Pages of a slab.", &["slab"]),
];

struct Slabinfo {
    file: Kept,
    include: Filter,
    exclude: Filter,
}

impl Collector for Slabinfo {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let text = self.file.read().map_err(Error::or_no_data)?;
        let mut faults = Faults::default();
        for (column, family) in FAMILIES.iter().enumerate() {
            out.family(family, |s| {
                for line in text.lines() {
                    if line.starts_with('#') || line.starts_with("slabinfo - version") {
                        continue;
                    }
                    let mut fields = line.split_ascii_whitespace();
                    let name = fields.next().unwrap_or_default();
                    if !self.include.keeps(name) || !self.exclude.keeps(name) {
                        continue;
                    }
                    let what = "expected a name and five numbers";
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
    use collect::testing::{expose, expose_with};
    use expect_test::expect;

    const HEADER: &str = "slabinfo - version: 2.1\n# name            <active_objs> <num_objs>\n";

    #[test]
    fn two() {
        let text = format!(
            "{HEADER}tw_sock_TCP          704    864    256   32    2 : tunables    0    0    0\n\
             kmalloc-8192         132    148   8192    4    8 : tunables    0    0    0\n"
        );
        let files = [("proc/slabinfo", text.as_str())];
        let options = [
            ("collector.slabinfo.slabs-include", "^(tw|kmalloc)"),
            ("collector.slabinfo.slabs-exclude", "kmalloc"),
        ];
        expect![[r##"
            # HELP node_slabinfo_active_objects Objects in use.
            # TYPE node_slabinfo_active_objects gauge
            node_slabinfo_active_objects{slab="tw_sock_TCP"} 704
            # HELP node_slabinfo_object_size_bytes Size of an object.
            # TYPE node_slabinfo_object_size_bytes gauge
            node_slabinfo_object_size_bytes{slab="tw_sock_TCP"} 256
            # HELP node_slabinfo_objects Objects allocated, in use or not.
            # TYPE node_slabinfo_objects gauge
            node_slabinfo_objects{slab="tw_sock_TCP"} 864
            # HELP node_slabinfo_objects_per_slab Objects in a slab.
            # TYPE node_slabinfo_objects_per_slab gauge
            node_slabinfo_objects_per_slab{slab="tw_sock_TCP"} 32
            # HELP node_slabinfo_pages_per_slab Pages of a slab.
            # TYPE node_slabinfo_pages_per_slab gauge
            node_slabinfo_pages_per_slab{slab="tw_sock_TCP"} 2
        "##]]
        .assert_eq(&expose_with(&SPEC, &files, &options));
    }

    #[test]
    fn torn() {
        let text = format!("{HEADER}a 1 2 3 4 5\nb 1 x");
        expect![[r##"
            # HELP node_slabinfo_active_objects Objects in use.
            # TYPE node_slabinfo_active_objects gauge
            node_slabinfo_active_objects{slab="a"} 1
            node_slabinfo_active_objects{slab="b"} 1
            # HELP node_slabinfo_object_size_bytes Size of an object.
            # TYPE node_slabinfo_object_size_bytes gauge
            node_slabinfo_object_size_bytes{slab="a"} 3
            # HELP node_slabinfo_objects Objects allocated, in use or not.
            # TYPE node_slabinfo_objects gauge
            node_slabinfo_objects{slab="a"} 2
            # HELP node_slabinfo_objects_per_slab Objects in a slab.
            # TYPE node_slabinfo_objects_per_slab gauge
            node_slabinfo_objects_per_slab{slab="a"} 4
            # HELP node_slabinfo_pages_per_slab Pages of a slab.
            # TYPE node_slabinfo_pages_per_slab gauge
            node_slabinfo_pages_per_slab{slab="a"} 5
            error: /proc/slabinfo: expected a name and five numbers: "b 1 x" (and 3 more)
        "##]]
        .assert_eq(&expose(&SPEC, &[("proc/slabinfo", &text)]));
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: no data: /proc/slabinfo does not exist
        "#]]
        .assert_eq(&expose(&SPEC, &[]));
    }
}
