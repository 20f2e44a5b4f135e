//! `/sys/class/infiniband/*/ports/*`: InfiniBand and RoCE ports. Data in words of four bytes →
//! bytes; the rate in Gb/s → bytes a second; the counters' life span in ms → whole seconds, as
//! `node_exporter` has it.

mod counters;

use collect::{Collector, Context, Error, Faults, Filter, Opt, Result, Root, Spec};
use counters::{COUNTERS, SOURCES};
use exposition::{Family, Writer};
use std::time::Duration;

pub(crate) static SPEC: Spec = Spec {
    name: "infiniband",
    doc: "InfiniBand and RoCE ports.",
    default: true,
    families: &[&COUNTERS, &STATES, std::slice::from_ref(&INFO)],
    opts: &[INCLUDE, EXCLUDE],
    build: |cx| Ok(Box::new(Infiniband::new(cx)?)),
};

const INCLUDE: Opt = Opt::text(
    "collector.infiniband.device-include",
    "",
    "Regular expression of devices to give (not beside device-exclude).",
);
const EXCLUDE: Opt = Opt::text(
    "collector.infiniband.device-exclude",
    "",
    "Regular expression of devices to leave out (not beside device-include).",
);

const PORT: &[&str] = &["device", "port"];

static STATES: [Family; 4] = [
    Family::gauge(
        "node_infiniband_state_id",
        "State of the port: 0 no change, 1 down, 2 init, 3 armed, 4 active, 5 active deferred.",
        PORT,
    ),
    Family::gauge(
        "node_infiniband_physical_state_id",
        "Physical state of the port: 1 sleep, 2 polling, 3 disabled, 4 training, 5 link up, \
         6 recovery, 7 test.",
        PORT,
    ),
    Family::gauge("node_infiniband_rate_bytes_per_second", "Greatest rate of the link.", PORT),
    Family::gauge(
        "node_infiniband_lifespan_seconds",
        "How old the hardware counters may be, seconds.",
        PORT,
    ),
];

static INFO: Family = Family::gauge(
    "node_infiniband_info",
    "What the device is, in labels; always 1.",
    &["board_id", "device", "firmware_version", "hca_type"],
);

struct Infiniband {
    class: Root,
    filter: Filter,
}

/// What one port gave, in the order of the tables.
struct Port {
    device: String,
    number: String,
    states: [Option<f64>; 4],
    counts: Vec<Option<u64>>,
}

impl Infiniband {
    fn new(cx: &Context) -> Result<Self> {
        let filter = Filter::new(&cx.options, &INCLUDE, &EXCLUDE)?;
        Ok(Self { class: cx.sys.at("class/infiniband"), filter })
    }

    #[expect(clippy::cast_precision_loss, reason = "exact below 2^53, as every exposed number")]
    fn port(&self, device: &str, number: &str, faults: &mut Faults) -> Port {
        let dir = self.class.at(format!("{device}/ports/{number}"));
        let mut count = |sub: &str, file: &str| {
            let path = format!("{sub}/{file}");
            match dir.attr(&path).transpose()? {
                // An adapter without a performance agent says so in words.
                Ok(text) if text.starts_with("N/A") => None,
                Ok(text) => {
                    let count = text.parse::<u64>().ok();
                    if count.is_none() {
                        let what = "expected a count";
                        faults.note(Error::Parse { path: dir.path(&path), what, line: text });
                    }
                    count
                }
                Err(error) => {
                    faults.note(error);
                    None
                }
            }
        };
        let listed =
            ["counters", "counters_ext", "hw_counters"].map(|sub| (sub, dir.list(sub).ok()));
        let has = |sub: &str, file: &str| {
            let names = listed.iter().find(|(name, _)| *name == sub).and_then(|(_, n)| n.as_ref());
            names.is_some_and(|names| names.iter().any(|name| name == file))
        };
        let mut counts = Vec::with_capacity(SOURCES.len());
        for (sub, file, factor) in SOURCES {
            let read = if has(sub, file) { count(sub, file) } else { None };
            counts.push(read.map(|words| words.saturating_mul(*factor)));
        }
        let lifespan =
            if has("hw_counters", "lifespan") { count("hw_counters", "lifespan") } else { None };
        let mut head = |file: &str, end: char| {
            let text = faults.ok(dir.attr(file)).flatten()?;
            text.split(end).next()?.trim().parse::<f64>().ok()
        };
        let states = [
            head("state", ':'),
            head("phys_state", ':'),
            head("rate", ' ').map(|gigabits| gigabits * 1e9 / 8.0),
            lifespan.map(|milli| Duration::from_millis(milli).as_secs() as f64),
        ];
        Port { device: device.to_owned(), number: number.to_owned(), states, counts }
    }
}

impl Collector for Infiniband {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let mut devices = self.class.list("").map_err(Error::or_no_data)?;
        devices.retain(|device| self.filter.keeps(device));
        let mut faults = Faults::default();
        out.family(&INFO, |s| {
            for device in &devices {
                let mut text = |file: &str| {
                    let text = faults.ok(self.class.attr(format!("{device}/{file}"))).flatten();
                    text.unwrap_or_default()
                };
                let (board, firmware, kind) = (text("board_id"), text("fw_ver"), text("hca_type"));
                s.row(&[&board, device, &firmware, &kind], 1u64);
            }
        });
        let mut ports = Vec::new();
        for device in &devices {
            let numbers = faults.ok(self.class.list_if_any(format!("{device}/ports")));
            for number in numbers.unwrap_or_default() {
                ports.push(self.port(device, &number, &mut faults));
            }
        }
        for (index, family) in STATES.iter().enumerate() {
            out.family(family, |s| {
                for port in &ports {
                    if let Some(number) = port.states.get(index).copied().flatten() {
                        s.row(&[&port.device, &port.number], number);
                    }
                }
            });
        }
        for (index, family) in COUNTERS.iter().enumerate() {
            out.family(family, |s| {
                for port in &ports {
                    if let Some(count) = port.counts.get(index).copied().flatten() {
                        s.row(&[&port.device, &port.number], count);
                    }
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

    const TWO: &[(&str, &str)] = &[
        ("sys/class/infiniband/mlx5_0/fw_ver", "20.31.1014\n"),
        ("sys/class/infiniband/mlx5_0/hca_type", "MT4123\n"),
        ("sys/class/infiniband/mlx5_0/ports/1/state", "4: ACTIVE\n"),
        ("sys/class/infiniband/mlx5_0/ports/1/phys_state", "5: LinkUp\n"),
        ("sys/class/infiniband/mlx5_0/ports/1/rate", "2.5 Gb/sec (1X SDR)\n"),
        ("sys/class/infiniband/mlx5_0/ports/1/counters/port_rcv_data", "1000\n"),
        ("sys/class/infiniband/mlx5_0/ports/1/hw_counters/lifespan", "12\n"),
        ("sys/class/infiniband/mlx5_0/ports/1/hw_counters/roce_slow_restart", "3\n"),
        ("sys/class/infiniband/irdma1/ports/1/counters/port_xmit_data", "N/A (no PMA)\n"),
    ];

    #[test]
    fn two_adapters() {
        expect![[r##"
            # HELP node_infiniband_info What the device is, in labels; always 1.
            # TYPE node_infiniband_info gauge
            node_infiniband_info{board_id="",device="irdma1",firmware_version="",hca_type=""} 1
            node_infiniband_info{board_id="",device="mlx5_0",firmware_version="20.31.1014",hca_type="MT4123"} 1
            # HELP node_infiniband_lifespan_seconds How old the hardware counters may be, seconds.
            # TYPE node_infiniband_lifespan_seconds gauge
            node_infiniband_lifespan_seconds{device="mlx5_0",port="1"} 0
            # HELP node_infiniband_physical_state_id Physical state of the port: 1 sleep, 2 polling, 3 disabled, 4 training, 5 link up, 6 recovery, 7 test.
            # TYPE node_infiniband_physical_state_id gauge
            node_infiniband_physical_state_id{device="mlx5_0",port="1"} 5
            # HELP node_infiniband_port_data_received_bytes_total Bytes received on all virtual lanes.
            # TYPE node_infiniband_port_data_received_bytes_total counter
            node_infiniband_port_data_received_bytes_total{device="mlx5_0",port="1"} 4000
            # HELP node_infiniband_rate_bytes_per_second Greatest rate of the link.
            # TYPE node_infiniband_rate_bytes_per_second gauge
            node_infiniband_rate_bytes_per_second{device="mlx5_0",port="1"} 312500000
            # HELP node_infiniband_roce_slow_restart_used_total Times that RoCE slow restart was used.
            # TYPE node_infiniband_roce_slow_restart_used_total counter
            node_infiniband_roce_slow_restart_used_total{device="mlx5_0",port="1"} 3
            # HELP node_infiniband_state_id State of the port: 0 no change, 1 down, 2 init, 3 armed, 4 active, 5 active deferred.
            # TYPE node_infiniband_state_id gauge
            node_infiniband_state_id{device="mlx5_0",port="1"} 4
        "##]].assert_eq(&expose(&super::SPEC, TWO));
    }

    #[test]
    fn included_and_torn() {
        let files = [
            TWO,
            &[
                ("sys/class/infiniband/irdma1/ports/1/state", "up\n"),
                ("sys/class/infiniband/irdma1/ports/1/counters/link_downed", "x\n"),
                ("sys/class/infiniband/irdma1/ports/2", "a file\n"),
            ],
        ];
        let options = [("collector.infiniband.device-include", "^irdma")];
        expect![[r##"
            # HELP node_infiniband_info What the device is, in labels; always 1.
            # TYPE node_infiniband_info gauge
            node_infiniband_info{board_id="",device="irdma1",firmware_version="",hca_type=""} 1
            error: /sys/class/infiniband/irdma1/ports/1/counters/link_downed: expected a count: "x"
        "##]]
        .assert_eq(&expose_with(&super::SPEC, &files.concat(), &options));
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: no data: /sys/class/infiniband/ does not exist
        "#]]
        .assert_eq(&expose(&super::SPEC, &[]));
    }
}
