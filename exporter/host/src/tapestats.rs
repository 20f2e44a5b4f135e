//! `/sys/class/scsi_tape/st*/stats`: reads and writes of SCSI tapes.
//!
//! ns → seconds. Of each drive's nodes (`st0`, `nst0`, `st0a`, …) only `st0` is taken.

use crate::number::digits;
use collect::{Collector, Context, Error, Faults, Filter, Opt, Result, Root, Spec};
use exposition::{Family, Writer};

pub(crate) static SPEC: Spec = Spec {
    name: "tapestats",
    doc: "Reads and writes of SCSI tapes.",
    default: true,
    families: &[&FAMILIES],
    opts: &[IGNORED_DEVICES],
    build: |cx| Ok(Box::new(Tapestats::new(cx)?)),
};

const IGNORED_DEVICES: Opt = Opt::text(
    "collector.tapestats.ignored-devices",
    "^$",
    "Regular expression of tapes to leave out.",
);

const DEVICE: &[&str] = &["device"];

static FAMILIES: [Family; 10] = [
    Family::gauge("node_tape_io_now", "Operations in progress.", DEVICE),
    Family::counter("node_tape_io_time_seconds_total", "Seconds that all operations took.", DEVICE),
    Family::counter("node_tape_io_others_total", "Operations other than reads and writes.", DEVICE),
    Family::counter("node_tape_read_bytes_total", "Bytes read.", DEVICE),
    Family::counter("node_tape_reads_completed_total", "Reads that completed.", DEVICE),
    Family::counter("node_tape_read_time_seconds_total", "Seconds that all reads took.", DEVICE),
    Family::counter(
        "node_tape_residual_total",
        "Reads and writes that moved less than they asked for.",
        DEVICE,
    ),
    Family::counter("node_tape_written_bytes_total", "Bytes written.", DEVICE),
    Family::counter("node_tape_writes_completed_total", "Writes that completed.", DEVICE),
    Family::counter("node_tape_write_time_seconds_total", "Seconds that all writes took.", DEVICE),
];
const FILES: [&str; 10] = [
    "in_flight",
    "io_ns",
    "other_cnt",
    "read_byte_cnt",
    "read_cnt",
    "read_ns",
    "resid_cnt",
    "write_byte_cnt",
    "write_cnt",
    "write_ns",
];

struct Tapestats {
    class: Root,
    devices: Filter,
}

// === impl Tapestats ===

impl Tapestats {
    fn new(cx: &Context) -> Result<Self> {
        let devices = Filter::excluding(&cx.options, &IGNORED_DEVICES)?;
        Ok(Self { class: cx.sys.at("class/scsi_tape"), devices })
    }
}

impl Collector for Tapestats {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let names = self.class.list("").map_err(Error::or_no_data)?;
        let mut faults = Faults::default();
        for name in &names {
            if digits(name, "st").is_none() || !self.devices.keeps(name) {
                continue;
            }
            for (family, file) in FAMILIES.iter().zip(FILES) {
                let number = self.class.number::<u64>(format!("{name}/stats/{file}"));
                let Some(number) = faults.ok(number).flatten() else { continue };
                out.family(family, |s| {
                    if file.ends_with("_ns") {
                        s.row(&[name], seconds(number));
                    } else {
                        s.row(&[name], number);
                    }
                });
            }
        }
        faults.finish()
    }
}

#[expect(clippy::cast_precision_loss, reason = "a tape does not run for 104 days without a pause")]
fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 * 1e-9
}

#[cfg(test)]
mod tests {
    use collect::testing::{expose, expose_with, samples};
    use expect_test::expect;

    #[test]
    fn drive() {
        let dir = |file: &str| format!("sys/class/scsi_tape/st0/stats/{file}");
        let paths = super::FILES.map(dir);
        let mut files: Vec<(&str, &str)> =
            paths.iter().map(|path| (&**path, "7000000\n")).collect();
        files.push(("sys/class/scsi_tape/nst0/stats/read_cnt", "1\n"));
        files.push(("sys/class/scsi_tape/st0a/stats/read_cnt", "1\n"));
        files.push(("sys/class/scsi_tape/st1/stats/read_cnt", "1\n"));
        let options = [("collector.tapestats.ignored-devices", "^st1$")];
        expect![[r#"
            node_tape_io_now{device="st0"} 7000000
            node_tape_io_others_total{device="st0"} 7000000
            node_tape_io_time_seconds_total{device="st0"} 0.007
            node_tape_read_bytes_total{device="st0"} 7000000
            node_tape_read_time_seconds_total{device="st0"} 0.007
            node_tape_reads_completed_total{device="st0"} 7000000
            node_tape_residual_total{device="st0"} 7000000
            node_tape_write_time_seconds_total{device="st0"} 0.007
            node_tape_writes_completed_total{device="st0"} 7000000
            node_tape_written_bytes_total{device="st0"} 7000000
        "#]]
        .assert_eq(&samples(&expose_with(&super::SPEC, &files, &options)));
    }

    #[test]
    fn torn() {
        let files = [
            ("sys/class/scsi_tape/st0/stats/read_cnt", "\n"),
            ("sys/class/scsi_tape/st0/stats/write_cnt", "2\n"),
        ];
        expect![[r#"
            node_tape_writes_completed_total{device="st0"} 2
            error: /sys/class/scsi_tape/st0/stats/read_cnt: expected a number: ""
        "#]]
        .assert_eq(&samples(&expose(&super::SPEC, &files)));
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: no data: /sys/class/scsi_tape/ does not exist
        "#]]
        .assert_eq(&expose(&super::SPEC, &[]));
    }
}
