//! `/sys/class/powercap/*`: energy that parts of the processor used since the counter last wrapped,
//! µJ → joules. The zone's name becomes the family's: `package-0` → `node_rapl_package_joules_total`
//! with `index` 0.

use collect::{Collector, Context, Error, Faults, Opt, Result, Root, Spec};
use exposition::{Family, Kind, Writer, metric_name};
use std::collections::HashMap;

pub(crate) static SPEC: Spec = Spec {
    name: "rapl",
    doc: "Energy used by processor packages, cores and memory.",
    default: true,
    families: &[&FAMILIES],
    opts: &[ZONE_LABEL],
    build: |cx| Ok(Box::new(Rapl::new(cx))),
};

const ZONE_LABEL: Opt = Opt::switch(
    "collector.rapl.enable-zone-label",
    false,
    "Give one family with the label rapl_zone instead of one family a zone.",
);

static FAMILIES: [Family; 2] = [
    Family::counter(
        "node_rapl_joules_total",
        "Energy that the zone used, joules; wraps.",
        &["index", "path", "rapl_zone"],
    ),
    Family::counter(
        "node_rapl_*_joules_total",
        "Energy that the zones of this name used, joules; wraps.",
        &["index", "path"],
    ),
];

struct Rapl {
    class: Root,
    zone_label: bool,
    /// Families by zone name, so that their names are made once.
    families: HashMap<String, Family>,
}

/// A zone as it is labelled.
struct Zone {
    name: String,
    index: u64,
    path: String,
    joules: f64,
}

impl Rapl {
    fn new(cx: &Context) -> Self {
        let zone_label = cx.options.switch(&ZONE_LABEL);
        Self { class: cx.sys.at("class/powercap"), zone_label, families: HashMap::new() }
    }

    fn zones(&self, faults: &mut Faults) -> Result<Vec<Zone>> {
        let mut zones = Vec::new();
        let mut seen: HashMap<String, u64> = HashMap::new();
        for entry in self.class.list("").map_err(Error::or_no_data)? {
            let Some(name) = faults.ok(self.class.attr(format!("{entry}/name"))).flatten() else {
                continue; // a control type, such as `intel-rapl` itself
            };
            let (name, index) = if let Some((name, index)) = split_index(&name) {
                (name.to_owned(), index)
            } else {
                let next = seen.entry(name.clone()).or_default();
                let index = *next;
                *next += 1;
                (name, index)
            };
            // Since Linux 5.10 only root may read it: then there is no sample.
            let energy = self.class.number::<f64>(format!("{entry}/energy_uj"));
            let Some(micro) = faults.ok(energy).flatten() else { continue };
            let path = self.class.path(&entry).display().to_string();
            zones.push(Zone { name, index, path, joules: micro / 1e6 });
        }
        if zones.is_empty() {
            return Err(Error::no_data("no power zone with a readable counter"));
        }
        Ok(zones)
    }
}

/// The name and the index of `package-0`; `None` for `core` and for `package-0-die-1`.
fn split_index(name: &str) -> Option<(&str, u64)> {
    let (name, index) = name.split_once('-')?;
    Some((name, index.parse().ok()?))
}

fn family(name: &str) -> Family {
    let mut clean = String::new();
    for c in name.chars() {
        if c.is_ascii_alphanumeric() {
            clean.push(c);
        } else if !clean.ends_with('_') {
            clean.push('_');
        }
    }
    let [_, pattern] = &FAMILIES;
    let name = metric_name(&format!("node_rapl_{clean}_joules_total"));
    Family::dynamic(Kind::Counter, &name, &*pattern.help, pattern.labels)
}

impl Collector for Rapl {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let mut faults = Faults::default();
        let mut zones = self.zones(&mut faults)?;
        if self.zone_label {
            let [labelled, _] = &FAMILIES;
            out.family(labelled, |s| {
                for zone in &zones {
                    s.row(&[&zone.index.to_string(), &zone.path, &zone.name], zone.joules);
                }
            });
            return faults.finish();
        }
        zones.sort_by(|a, b| a.name.cmp(&b.name));
        for zones in zones.chunk_by(|a, b| a.name == b.name) {
            let Some(first) = zones.first() else { continue };
            let family =
                self.families.entry(first.name.clone()).or_insert_with(|| family(&first.name));
            out.family(family, |s| {
                for zone in zones {
                    s.row(&[&zone.index.to_string(), &zone.path], zone.joules);
                }
            });
        }
        faults.finish()
    }
}

#[cfg(test)]
mod tests {
    use collect::testing::{expose, expose_with};
    use expect_test::expect;

    const TWO_SOCKETS: &[(&str, &str)] = &[
        ("sys/class/powercap/intel-rapl/enabled", "1\n"),
        ("sys/class/powercap/intel-rapl:0/name", "package-0\n"),
        ("sys/class/powercap/intel-rapl:0/energy_uj", "240422366267\n"),
        ("sys/class/powercap/intel-rapl:0:0/name", "dram\n"),
        ("sys/class/powercap/intel-rapl:0:0/energy_uj", "1500000\n"),
        ("sys/class/powercap/intel-rapl:1/name", "package-1-die-0\n"),
        ("sys/class/powercap/intel-rapl:1/energy_uj", "7\n"),
        ("sys/class/powercap/intel-rapl:1:0/name", "dram\n"),
        ("sys/class/powercap/intel-rapl:1:0/energy_uj", "2500000\n"),
    ];

    #[test]
    fn two_sockets() {
        expect![[r##"
            # HELP node_rapl_dram_joules_total Energy that the zones of this name used, joules; wraps.
            # TYPE node_rapl_dram_joules_total counter
            node_rapl_dram_joules_total{index="0",path="/sys/class/powercap/intel-rapl:0:0"} 1.5
            node_rapl_dram_joules_total{index="1",path="/sys/class/powercap/intel-rapl:1:0"} 2.5
            # HELP node_rapl_package_1_die_0_joules_total Energy that the zones of this name used, joules; wraps.
            # TYPE node_rapl_package_1_die_0_joules_total counter
            node_rapl_package_1_die_0_joules_total{index="0",path="/sys/class/powercap/intel-rapl:1"} 7e-6
            # HELP node_rapl_package_joules_total Energy that the zones of this name used, joules; wraps.
            # TYPE node_rapl_package_joules_total counter
            node_rapl_package_joules_total{index="0",path="/sys/class/powercap/intel-rapl:0"} 240422.366267
        "##]].assert_eq(&expose(&super::SPEC, TWO_SOCKETS));
    }

    #[test]
    fn zone_label() {
        let options = [("collector.rapl.enable-zone-label", "true")];
        expect![[r##"
            # HELP node_rapl_joules_total Energy that the zone used, joules; wraps.
            # TYPE node_rapl_joules_total counter
            node_rapl_joules_total{index="0",path="/sys/class/powercap/intel-rapl:0",rapl_zone="package"} 240422.366267
            node_rapl_joules_total{index="0",path="/sys/class/powercap/intel-rapl:0:0",rapl_zone="dram"} 1.5
            node_rapl_joules_total{index="0",path="/sys/class/powercap/intel-rapl:1",rapl_zone="package-1-die-0"} 7e-6
            node_rapl_joules_total{index="1",path="/sys/class/powercap/intel-rapl:1:0",rapl_zone="dram"} 2.5
        "##]].assert_eq(&expose_with(&super::SPEC, TWO_SOCKETS, &options));
    }

    #[test]
    fn torn_and_unreadable() {
        expect![[r##"
            # HELP node_rapl__99999999999999999999_joules_total Energy that the zones of this name used, joules; wraps.
            # TYPE node_rapl__99999999999999999999_joules_total counter
            node_rapl__99999999999999999999_joules_total{index="0",path="/sys/class/powercap/a"} 5e-6
            error: /sys/class/powercap/b/energy_uj: expected a number: "five"
        "##]].assert_eq(&expose(
            &super::SPEC,
            &[
                ("sys/class/powercap/a/name", "ä/ \"-99999999999999999999\n"),
                ("sys/class/powercap/a/energy_uj", "5\n"),
                ("sys/class/powercap/b/name", "core\n"),
                ("sys/class/powercap/b/energy_uj", "five\n"),
                ("sys/class/powercap/c/name", "core\n"),
            ],
        ));
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: no data: /sys/class/powercap/ does not exist
        "#]]
        .assert_eq(&expose(&super::SPEC, &[]));
    }
}
