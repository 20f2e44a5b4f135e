//! `/sys/devices/system/edac/mc/mc*`: memory errors that were corrected and that could not be, by
//! controller, row (`csrow`) and channel. Counts; they start again when the driver is loaded.

use crate::number::digits;
use collect::{Collector, Faults, Result, Root, Spec};
use exposition::{Family, Writer};

pub(crate) static SPEC: Spec = Spec {
    name: "edac",
    doc: "Memory errors: corrected and uncorrectable.",
    default: true,
    families: &[&FAMILIES],
    opts: &[],
    build: |cx| Ok(Box::new(Edac { controllers: cx.sys.at("devices/system/edac/mc") })),
};

const CHANNEL: &[&str] = &["controller", "csrow", "channel", "dimm_label"];

static FAMILIES: [Family; 6] = [
    Family::counter(
        "node_edac_correctable_errors_total",
        "Errors that the controller corrected.",
        &["controller"],
    ),
    Family::counter(
        "node_edac_uncorrectable_errors_total",
        "Errors that the controller could not correct.",
        &["controller"],
    ),
    Family::counter(
        "node_edac_csrow_correctable_errors_total",
        "Errors that were corrected in the row; the row \"unknown\" has those of no known row.",
        &["controller", "csrow"],
    ),
    Family::counter(
        "node_edac_csrow_uncorrectable_errors_total",
        "Errors that could not be corrected in the row; \"unknown\" has those of no known row.",
        &["controller", "csrow"],
    ),
    Family::counter(
        "node_edac_channel_correctable_errors_total",
        "Errors that were corrected in the row and channel.",
        CHANNEL,
    ),
    Family::counter(
        "node_edac_channel_uncorrectable_errors_total",
        "Errors that could not be corrected in the row and channel.",
        CHANNEL,
    ),
];

struct Edac {
    controllers: Root,
}

/// Label values and a count, one list a family.
type Rows = [Vec<(Vec<String>, u64)>; 6];

impl Edac {
    fn read(&self, rows: &mut Rows, faults: &mut Faults) -> Result<()> {
        for mc in self.controllers.list_if_any("")? {
            let Some(controller) = digits(&mc, "mc") else { continue };
            if let Err(error) = self.controller(&mc, controller, rows, faults) {
                faults.note(error);
            }
        }
        Ok(())
    }

    fn controller(
        &self,
        mc: &str,
        controller: &str,
        rows: &mut Rows,
        faults: &mut Faults,
    ) -> Result<()> {
        let dir = self.controllers.at(mc);
        let own = |csrow: &[&str]| {
            std::iter::once(&controller).chain(csrow).map(ToString::to_string).collect::<Vec<_>>()
        };
        let mut count = |rows: &mut Vec<_>, file: String, labels: Vec<String>| {
            if let Some(count) = faults.ok(dir.number::<u64>(file)).flatten() {
                rows.push((labels, count));
            }
        };
        let [
            corrected,
            uncorrectable,
            row_ce,
            row_uncorrectable,
            channel_ce,
            channel_uncorrectable,
        ] = rows;
        count(corrected, "ce_count".into(), own(&[]));
        count(uncorrectable, "ue_count".into(), own(&[]));
        count(row_ce, "ce_noinfo_count".into(), own(&["unknown"]));
        count(row_uncorrectable, "ue_noinfo_count".into(), own(&["unknown"]));
        for entry in dir.list("")? {
            let Some(csrow) = digits(&entry, "csrow") else { continue };
            count(row_ce, format!("{entry}/ce_count"), own(&[csrow]));
            count(row_uncorrectable, format!("{entry}/ue_count"), own(&[csrow]));
            for file in dir.list(&entry)? {
                let Some((channel, what)) = file.split_once('_') else { continue };
                let Some(channel) = digits(channel, "ch") else { continue };
                let rows = match what {
                    "ce_count" => &mut *channel_ce,
                    "ue_count" => &mut *channel_uncorrectable,
                    _ => continue,
                };
                let label = dir.attr(format!("{entry}/ch{channel}_dimm_label")).ok().flatten();
                let label = clean(label.as_deref().unwrap_or("unknown"));
                count(rows, format!("{entry}/{file}"), own(&[csrow, channel, &label]));
            }
        }
        Ok(())
    }
}

/// A label as `node_exporter` gives it: the kernel's `mc#0csrow#1channel#0` in readable parts.
fn clean(label: &str) -> String {
    let label = label.replace('#', "");
    label.replace("csrow", "_csrow").replace("channel", "_channel").trim().to_owned()
}

impl Collector for Edac {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let mut faults = Faults::default();
        let mut rows = Rows::default();
        self.read(&mut rows, &mut faults)?;
        for (family, rows) in FAMILIES.iter().zip(&rows) {
            out.family(family, |s| {
                for (labels, count) in rows {
                    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
                    s.row(&labels, *count);
                }
            });
        }
        faults.finish()
    }
}

#[cfg(test)]
mod tests {
    use collect::testing::expose;
    use expect_test::expect;

    #[test]
    fn one_controller() {
        expect![[r##"
            # HELP node_edac_channel_correctable_errors_total Errors that were corrected in the row and channel.
            # TYPE node_edac_channel_correctable_errors_total counter
            node_edac_channel_correctable_errors_total{controller="0",csrow="10",channel="0",dimm_label="CPU_SrcID0_Ha0"} 2
            node_edac_channel_correctable_errors_total{controller="0",csrow="10",channel="1",dimm_label="unknown"} 0
            # HELP node_edac_correctable_errors_total Errors that the controller corrected.
            # TYPE node_edac_correctable_errors_total counter
            node_edac_correctable_errors_total{controller="0"} 3
            # HELP node_edac_csrow_correctable_errors_total Errors that were corrected in the row; the row "unknown" has those of no known row.
            # TYPE node_edac_csrow_correctable_errors_total counter
            node_edac_csrow_correctable_errors_total{controller="0",csrow="unknown"} 1
            node_edac_csrow_correctable_errors_total{controller="0",csrow="10"} 2
            # HELP node_edac_csrow_uncorrectable_errors_total Errors that could not be corrected in the row; "unknown" has those of no known row.
            # TYPE node_edac_csrow_uncorrectable_errors_total counter
            node_edac_csrow_uncorrectable_errors_total{controller="0",csrow="10"} 0
            # HELP node_edac_uncorrectable_errors_total Errors that the controller could not correct.
            # TYPE node_edac_uncorrectable_errors_total counter
            node_edac_uncorrectable_errors_total{controller="0"} 0
        "##]].assert_eq(&expose(
            &super::SPEC,
            &[
                ("sys/devices/system/edac/mc/mc0/ce_count", "3\n"),
                ("sys/devices/system/edac/mc/mc0/ue_count", "0\n"),
                ("sys/devices/system/edac/mc/mc0/ce_noinfo_count", "1\n"),
                ("sys/devices/system/edac/mc/mc0/csrow10/ce_count", "2\n"),
                ("sys/devices/system/edac/mc/mc0/csrow10/ue_count", "0\n"),
                ("sys/devices/system/edac/mc/mc0/csrow10/ch0_ce_count", "2\n"),
                ("sys/devices/system/edac/mc/mc0/csrow10/ch0_dimm_label", "CPU_SrcID#0_Ha#0\n"),
                ("sys/devices/system/edac/mc/mc0/csrow10/ch1_ce_count", "0\n"),
                ("sys/devices/system/edac/mc/power/control", "auto\n"),
            ],
        ));
    }

    #[test]
    fn torn() {
        expect![[r##"
            # HELP node_edac_uncorrectable_errors_total Errors that the controller could not correct.
            # TYPE node_edac_uncorrectable_errors_total counter
            node_edac_uncorrectable_errors_total{controller="0"} 2
            error: /sys/devices/system/edac/mc/mc0/ce_count: expected a number: "-3" (and 2 more)
        "##]].assert_eq(&expose(
            &super::SPEC,
            &[
                ("sys/devices/system/edac/mc/mc0/ce_count", "-3\n"),
                ("sys/devices/system/edac/mc/mc0/ue_count", "2\n"),
                ("sys/devices/system/edac/mc/mc0/csrow0/ch_ce_count", "5\n"),
                ("sys/devices/system/edac/mc/mc0/csrow0/chä_ce_count", "5\n"),
                ("sys/devices/system/edac/mc/mc0/csrow0/ce_count", "\n"),
                ("sys/devices/system/edac/mc/mc1", "a file\n"),
            ],
        ));
    }

    #[test]
    fn absent() {
        expect![[""]].assert_eq(&expose(&super::SPEC, &[]));
    }
}
