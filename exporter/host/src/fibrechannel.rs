//! `/sys/class/fc_host/host*`: fibre channel ports. Counters are hexadecimal; all ones says that
//! the driver does not count, and gives no sample.

use collect::{Collector, Context, Error, Faults, Result, Root, Spec};
use exposition::{Family, Writer};

pub(crate) static SPEC: Spec = Spec {
    name: "fibrechannel",
    doc: "Fibre channel ports.",
    default: true,
    families: &[&COUNTERS, std::slice::from_ref(&INFO)],
    opts: &[],
    build: |cx| Ok(Box::new(FibreChannel::new(cx))),
};

const fn counter(name: &'static str, help: &'static str) -> Family {
    Family::counter(name, help, &["fc_host"])
}

static COUNTERS: [Family; 14] = [
    counter("node_fibrechannel_dumped_frames_total", "Frames that were dropped."),
    counter("node_fibrechannel_error_frames_total", "Frames with errors."),
    counter("node_fibrechannel_fcp_packet_aborts_total", "SCSI packets that were aborted."),
    counter("node_fibrechannel_invalid_crc_total", "Frames with a wrong checksum."),
    counter("node_fibrechannel_invalid_tx_words_total", "Invalid words sent."),
    counter("node_fibrechannel_link_failure_total", "Failures of the link."),
    counter("node_fibrechannel_loss_of_signal_total", "Losses of the signal."),
    counter("node_fibrechannel_loss_of_sync_total", "Losses of synchronisation."),
    counter("node_fibrechannel_nos_total", "\"Not operational\" sequences received."),
    counter("node_fibrechannel_rx_frames_total", "Frames received."),
    counter("node_fibrechannel_rx_words_total", "Words received."),
    counter("node_fibrechannel_seconds_since_last_reset_total", "Seconds since the last reset."),
    counter("node_fibrechannel_tx_frames_total", "Frames sent."),
    counter("node_fibrechannel_tx_words_total", "Words sent."),
];

/// The files of [`COUNTERS`].
const FILES: [&str; 14] = [
    "dumped_frames",
    "error_frames",
    "fcp_packet_aborts",
    "invalid_crc_count",
    "invalid_tx_word_count",
    "link_failure_count",
    "loss_of_signal_count",
    "loss_of_sync_count",
    "nos_count",
    "rx_frames",
    "rx_words",
    "seconds_since_last_reset",
    "tx_frames",
    "tx_words",
];

static INFO: Family = Family::gauge(
    "node_fibrechannel_info",
    "What the port is and to what it is attached, in labels; always 1.",
    &[
        "dev_loss_tmo",
        "fabric_name",
        "port_id",
        "port_name",
        "port_state",
        "port_type",
        "speed",
        "supported_classes",
        "supported_speeds",
        "symbolic_name",
        "fc_host",
    ],
);

struct FibreChannel {
    class: Root,
}

impl FibreChannel {
    fn new(cx: &Context) -> Self {
        Self { class: cx.sys.at("class/fc_host") }
    }

    fn count(&self, host: &str, file: &str) -> Result<Option<u64>> {
        let file = format!("{host}/statistics/{file}");
        let Some(text) = self.class.attr(&file)? else { return Ok(None) };
        let count = match text.strip_prefix("0x") {
            Some(hex) => u64::from_str_radix(hex, 16).ok(),
            None => text.parse().ok(),
        };
        match count {
            Some(count) => Ok((count != u64::MAX).then_some(count)),
            None => Err(Error::Parse {
                path: self.class.path(&file),
                what: "expected a hexadecimal count",
                line: text,
            }),
        }
    }
}

/// World wide names and port ids come without `0x`.
fn label(name: &str, text: String) -> String {
    match (name, text.strip_prefix("0x")) {
        ("fabric_name" | "port_id" | "port_name", Some(hex)) => hex.to_owned(),
        _ => text,
    }
}

impl Collector for FibreChannel {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let hosts = self.class.list("").map_err(Error::or_no_data)?;
        let mut faults = Faults::default();
        for (family, file) in COUNTERS.iter().zip(FILES) {
            out.family(family, |s| {
                for host in &hosts {
                    if let Some(count) = faults.ok(self.count(host, file)).flatten() {
                        s.row(&[host], count);
                    }
                }
            });
        }
        out.family(&INFO, |s| {
            for host in &hosts {
                let texts = INFO.labels.iter().map(|name| {
                    if *name == "fc_host" {
                        return host.clone();
                    }
                    let text = faults.ok(self.class.attr(format!("{host}/{name}"))).flatten();
                    label(name, text.unwrap_or_default())
                });
                let texts: Vec<_> = texts.collect();
                let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                s.row(&texts, 1u64);
            }
        });
        faults.finish()
    }
}

#[cfg(test)]
mod tests {
    use collect::testing::expose;
    use expect_test::expect;

    #[test]
    fn one_port() {
        expect![[r##"
            # HELP node_fibrechannel_info What the port is and to what it is attached, in labels; always 1.
            # TYPE node_fibrechannel_info gauge
            node_fibrechannel_info{dev_loss_tmo="",fabric_name="",port_id="",port_name="500143802426baf4",port_state="Online",port_type="",speed="16 Gbit",supported_classes="",supported_speeds="",symbolic_name="",fc_host="host3"} 1
            # HELP node_fibrechannel_rx_frames_total Frames received.
            # TYPE node_fibrechannel_rx_frames_total counter
            node_fibrechannel_rx_frames_total{fc_host="host3"} 31
        "##]].assert_eq(&expose(
            &super::SPEC,
            &[
                ("sys/class/fc_host/host3/port_name", "0x500143802426baf4\n"),
                ("sys/class/fc_host/host3/port_state", "Online\n"),
                ("sys/class/fc_host/host3/speed", "16 Gbit\n"),
                ("sys/class/fc_host/host3/statistics/rx_frames", "0x1f\n"),
                ("sys/class/fc_host/host3/statistics/tx_frames", "0xffffffffffffffff\n"),
            ],
        ));
    }

    #[test]
    fn torn() {
        expect![[r##"
            # HELP node_fibrechannel_info What the port is and to what it is attached, in labels; always 1.
            # TYPE node_fibrechannel_info gauge
            node_fibrechannel_info{dev_loss_tmo="",fabric_name="",port_id="",port_name="",port_state="",port_type="",speed="",supported_classes="",supported_speeds="",symbolic_name="",fc_host="host3"} 1
            # HELP node_fibrechannel_nos_total "Not operational" sequences received.
            # TYPE node_fibrechannel_nos_total counter
            node_fibrechannel_nos_total{fc_host="host3"} 2
            error: /sys/class/fc_host/host3/statistics/rx_frames: expected a hexadecimal count: "0x" (and 1 more)
        "##]].assert_eq(&expose(
            &super::SPEC,
            &[
                ("sys/class/fc_host/host3/statistics/rx_frames", "0x\n"),
                ("sys/class/fc_host/host3/statistics/tx_frames", "0x1ffffffffffffffff\n"),
                ("sys/class/fc_host/host3/statistics/nos_count", "0x2\n"),
            ],
        ));
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: no data: /sys/class/fc_host/ does not exist
        "#]]
        .assert_eq(&expose(&super::SPEC, &[]));
    }
}
