//! What network drivers say of themselves: `ioctl(SIOCETHTOOL)` for each interface, that is the
//! driver's name and versions, the modes of the link, and the driver's own counters under the names
//! that it gives them. Speeds are Mbit/s in the modes' names and bytes/s here.

use collect::{Collector, Error, Faults, Filter, Opt, Result, Root, Spec};
use exposition::{Family, Kind, Writer};
use std::{collections::BTreeMap, io};
use syscall::{Driver, Ethtool as Door, LinkModes};

pub(crate) static SPEC: Spec = Spec {
    name: "ethtool",
    doc: "Drivers of network interfaces, their link modes and their own counters.",
    default: false,
    families: &[&FAMILIES, &FLAGS, &COUNTERS],
    opts: &[INCLUDE, EXCLUDE, METRICS],
    build: |cx| {
        Ok(Box::new(Ethtool {
            devices: Filter::new(&cx.options, &INCLUDE, &EXCLUDE)?,
            metrics: Filter::including(&cx.options, &METRICS)?,
            sys: cx.sys.at("class/net"),
            door: None,
            families: BTreeMap::new(),
        }))
    },
};

const INCLUDE: Opt = Opt::text(
    "collector.ethtool.device-include",
    "",
    "Interfaces to keep, as a regular expression (not with device-exclude).",
);
const EXCLUDE: Opt = Opt::text(
    "collector.ethtool.device-exclude",
    "",
    "Interfaces to leave out, as a regular expression (not with device-include).",
);
const METRICS: Opt = Opt::text(
    "collector.ethtool.metrics-include",
    ".*",
    "Counters to keep by the driver's names, as a regular expression.",
);

const DEVICE: &[&str] = &["device"];
const MODE: &[&str] = &["device", "duplex", "mode"];

static FAMILIES: [Family; 4] = [
    Family::gauge(
        "node_ethtool_info",
        "The driver of an interface; always 1.",
        &["bus_info", "device", "driver", "expansion_rom_version", "firmware_version", "version"],
    ),
    Family::gauge(
        "node_network_supported_port_info",
        "A kind of port that the device has; always 1.",
        &["device", "type"],
    ),
    Family::gauge("node_network_supported_speed_bytes", "A speed that the port can do.", MODE),
    Family::gauge("node_network_advertised_speed_bytes", "A speed that the port offers.", MODE),
];

/// Whether a bit of the link's modes is set.
static FLAGS: [Family; 7] = [
    Family::gauge("node_network_autonegotiate", "Whether both ends negotiate.", DEVICE),
    Family::gauge("node_network_autonegotiate_supported", "Whether it can negotiate.", DEVICE),
    Family::gauge("node_network_autonegotiate_advertised", "Whether it offers that.", DEVICE),
    Family::gauge("node_network_pause_supported", "Whether it knows pause frames.", DEVICE),
    Family::gauge("node_network_pause_advertised", "Whether it offers pause frames.", DEVICE),
    Family::gauge(
        "node_network_asymmetricpause_supported",
        "Whether it knows pause frames in one direction.",
        DEVICE,
    ),
    Family::gauge(
        "node_network_asymmetricpause_advertised",
        "Whether it offers pause frames in one direction.",
        DEVICE,
    ),
];

/// The driver names the rest.
static COUNTERS: [Family; 1] =
    [Family::untyped("node_ethtool_*", "A counter of the driver.", DEVICE)];

/// `SUPPORTED_*` and `ADVERTISED_*` bits of kinds of ports.
const PORTS: [(u32, &str); 6] =
    [(7, "TP"), (8, "AUI"), (9, "MII"), (10, "FIBRE"), (11, "BNC"), (16, "Backplane")];
const AUTONEGOTIATE: u32 = 6;
const PAUSE: u32 = 13;
const ASYMMETRIC_PAUSE: u32 = 14;

/// Bits of speeds, Mbit/s, duplex and mode.
const SPEEDS: [(u32, u64, &str, &str); 22] = [
    (0, 10, "half", "10baseT"),
    (1, 10, "full", "10baseT"),
    (2, 100, "half", "100baseT"),
    (3, 100, "full", "100baseT"),
    (4, 1000, "half", "1000baseT"),
    (5, 1000, "full", "1000baseT"),
    (12, 10000, "full", "10000baseT"),
    (15, 2500, "full", "2500baseX"),
    (17, 1000, "full", "1000baseKX"),
    (18, 10000, "full", "10000baseKX4"),
    (19, 10000, "full", "10000baseKR"),
    (20, 10000, "full", "10000baseR_FEC"),
    (21, 20000, "full", "20000baseMLD2"),
    (22, 20000, "full", "20000baseKR2"),
    (23, 40000, "full", "40000baseKR4"),
    (24, 40000, "full", "40000baseCR4"),
    (25, 40000, "full", "40000baseSR4"),
    (26, 40000, "full", "40000baseLR4"),
    (27, 56000, "full", "56000baseKR4"),
    (28, 56000, "full", "56000baseCR4"),
    (29, 56000, "full", "56000baseSR4"),
    (30, 56000, "full", "56000baseLR4"),
];

struct Ethtool {
    devices: Filter,
    metrics: Filter,
    sys: Root,
    door: Option<Door>,
    /// Families of counters by the driver's name, made once.
    families: BTreeMap<String, Family>,
}

/// What one scrape found, by device; counters by family.
#[derive(Default)]
struct Found {
    drivers: Vec<(String, Driver)>,
    links: Vec<(String, LinkModes)>,
    counters: BTreeMap<String, Vec<(String, u64)>>,
}

/// Counters whose names a driver could go on inventing; beyond it the memory starts anew.
const MAX_FAMILIES: usize = 65_536;

impl Collector for Ethtool {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let mut faults = Faults::default();
        let door = match &mut self.door {
            Some(door) => door,
            none => {
                let door = Door::new().map_err(|e| system("ethtool socket", e))?;
                none.insert(door)
            }
        };
        let mut found = Found::default();
        for device in self.sys.list("").map_err(Error::or_no_data)? {
            // Links to directories; `bonding_masters` is a file.
            if !self.devices.keeps(&device) || !self.sys.is_dir(&device) {
                continue;
            }
            let driver = faults.ok(told(door.driver(&device), &device)).flatten();
            if let Some(modes) = faults.ok(told(door.link_modes(&device), &device)).flatten() {
                found.links.push((device.clone(), modes));
            }
            let Some(driver) = driver else { continue };
            let result = door.counters(&device, &driver, |name, value| {
                if !name.is_empty() && self.metrics.keeps(name) {
                    let rows = match found.counters.get_mut(name) {
                        Some(rows) => rows,
                        None => found.counters.entry(name.to_owned()).or_default(),
                    };
                    // Some drivers repeat a name.
                    if rows.last().is_none_or(|(last, _)| *last != device) {
                        rows.push((device.clone(), value));
                    }
                }
            });
            faults.ok(told(result, &device));
            found.drivers.push((device, driver));
        }
        if self.families.len() > MAX_FAMILIES {
            self.families.clear();
        }
        write(out, &found, &mut self.families);
        faults.finish()
    }
}

/// An answer, or `None` where the driver has none or the interface is no more.
fn told<T>(answer: io::Result<T>, device: &str) -> Result<Option<T>> {
    use std::io::ErrorKind::{PermissionDenied, Unsupported, WouldBlock};
    const ENODEV: i32 = 19;
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(e) if matches!(e.kind(), PermissionDenied | Unsupported | WouldBlock) => Ok(None),
        Err(e) if e.raw_os_error() == Some(ENODEV) => Ok(None),
        Err(e) => Err(system(&format!("ioctl SIOCETHTOOL {device}"), e)),
    }
}

fn system(what: &str, source: io::Error) -> Error {
    Error::System { what: what.to_owned(), source }
}

fn write(out: &mut Writer, found: &Found, families: &mut BTreeMap<String, Family>) {
    let [info, ports, supported, advertised] = &FAMILIES;
    out.family(info, |s| {
        for (device, d) in &found.drivers {
            s.row(&[&d.bus, device, &d.name, &d.expansion_rom, &d.firmware, &d.version], 1u8);
        }
    });
    out.family(ports, |s| {
        for (device, modes) in &found.links {
            for (_, kind) in PORTS.iter().filter(|(bit, _)| has(modes.supported, *bit)) {
                s.row(&[device, kind], 1u8);
            }
        }
    });
    write_speeds(out, supported, found, |modes| modes.supported);
    write_speeds(out, advertised, found, |modes| modes.advertised);
    let values: [fn(&LinkModes) -> bool; 7] = [
        |m| m.autonegotiate,
        |m| has(m.supported, AUTONEGOTIATE),
        |m| has(m.advertised, AUTONEGOTIATE),
        |m| has(m.supported, PAUSE),
        |m| has(m.advertised, PAUSE),
        |m| has(m.supported, ASYMMETRIC_PAUSE),
        |m| has(m.advertised, ASYMMETRIC_PAUSE),
    ];
    for (family, value) in FLAGS.iter().zip(values) {
        out.family(family, |s| {
            found.links.iter().for_each(|(device, modes)| s.row(&[device], value(modes)));
        });
    }
    for (name, rows) in &found.counters {
        let family = families.entry(name.clone()).or_insert_with(|| counter(name));
        out.family(family, |s| rows.iter().for_each(|(device, value)| s.row(&[device], *value)));
    }
}

fn write_speeds(
    out: &mut Writer,
    family: &Family,
    found: &Found,
    bits: impl Fn(&LinkModes) -> u32,
) {
    out.family(family, |s| {
        for (device, modes) in &found.links {
            for (bit, speed, duplex, mode) in SPEEDS {
                if has(bits(modes), bit) {
                    s.row(&[device, duplex, mode], speed * 125_000);
                }
            }
        }
    });
}

fn has(bits: u32, bit: u32) -> bool {
    bits.checked_shr(bit).is_some_and(|bits| bits & 1 == 1)
}

/// The family of a driver's counter: `rx` and `tx` as words of their own are spelled out, what no
/// name can hold becomes `_`, and seven counters that most drivers have end in `_total`.
fn counter(name: &str) -> Family {
    let help = format!("Counter {name} of the driver.");
    let known = match name {
        "rx_bytes" => Some("received_bytes_total"),
        "rx_dropped" => Some("received_dropped_total"),
        "rx_errors" => Some("received_errors_total"),
        "rx_packets" => Some("received_packets_total"),
        "tx_bytes" => Some("transmitted_bytes_total"),
        "tx_errors" => Some("transmitted_errors_total"),
        "tx_packets" => Some("transmitted_packets_total"),
        _ => None,
    };
    let rest = known.map_or_else(|| spelled(name), str::to_owned);
    Family::dynamic(Kind::Untyped, &format!("node_ethtool_{rest}"), help, DEVICE)
}

fn spelled(name: &str) -> String {
    let mut clean = String::with_capacity(name.len());
    let mut gap = false;
    for c in name.chars() {
        let good = c.is_ascii_alphanumeric() || c == '_';
        if good {
            clean.push(c.to_ascii_lowercase());
        } else if !gap {
            clean.push('_');
        }
        gap = !good;
    }
    let clean = clean.trim_start_matches('_');
    let received = replace_word(clean, "rx", "received");
    replace_word(&received, "tx", "transmitted")
}

/// Replaces a word between underscores. The underscore after a word that was replaced is spent, so
/// that of `tx_tx` only the first goes.
fn replace_word(text: &str, word: &str, with: &str) -> String {
    let mut parts = Vec::new();
    let mut spent = false;
    for part in text.split('_') {
        spent = part == word && !spent;
        parts.push(if spent { with } else { part });
    }
    parts.join("_")
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect::testing::expose;
    use expect_test::expect;
    use exposition::{Format, encode};

    #[test]
    fn names_of_counters() {
        let names = [
            "rx_bytes",
            "rx_queue_0_bytes",
            "rx0_xdp_tx",
            "tx_tx_timeouts",
            "[3]: tx_bytes",
            "Queue[0] AllocFails",
            "port.VF_admin",
            "",
            "é",
        ];
        let names = names.map(|name| counter(name).name.to_string());
        expect![[r#"
            node_ethtool_received_bytes_total
            node_ethtool_received_queue_0_bytes
            node_ethtool_rx0_xdp_transmitted
            node_ethtool_transmitted_tx_timeouts
            node_ethtool_3_transmitted_bytes
            node_ethtool_queue_0_allocfails
            node_ethtool_port_vf_admin
            node_ethtool_
            node_ethtool_"#]]
        .assert_eq(&names.join("\n"));
    }

    #[test]
    fn a_port_of_copper() {
        let modes = LinkModes {
            supported: 1 << 5 | 1 << 3 | 1 << 7 | 1 << 6 | 1 << 13,
            advertised: 1 << 5 | 1 << 31,
            autonegotiate: true,
        };
        let driver =
            Driver { name: "e1000".into(), bus: "0000:00:03.0".into(), ..Driver::default() };
        let found = Found {
            drivers: vec![("eth0".into(), driver)],
            links: vec![("eth0".into(), modes)],
            counters: [("rx_missed".into(), vec![("eth0".into(), 7)])].into(),
        };
        let mut out = Writer::default();
        write(&mut out, &found, &mut BTreeMap::new());
        let text = String::from_utf8(encode(&[&out.finish()], Format::TEXT).body).expect("UTF-8");
        expect![[r##"
            # HELP node_ethtool_info The driver of an interface; always 1.
            # TYPE node_ethtool_info gauge
            node_ethtool_info{bus_info="0000:00:03.0",device="eth0",driver="e1000",expansion_rom_version="",firmware_version="",version=""} 1
            # HELP node_ethtool_received_missed Counter rx_missed of the driver.
            # TYPE node_ethtool_received_missed untyped
            node_ethtool_received_missed{device="eth0"} 7
            # HELP node_network_advertised_speed_bytes A speed that the port offers.
            # TYPE node_network_advertised_speed_bytes gauge
            node_network_advertised_speed_bytes{device="eth0",duplex="full",mode="1000baseT"} 125000000
            # HELP node_network_asymmetricpause_advertised Whether it offers pause frames in one direction.
            # TYPE node_network_asymmetricpause_advertised gauge
            node_network_asymmetricpause_advertised{device="eth0"} 0
            # HELP node_network_asymmetricpause_supported Whether it knows pause frames in one direction.
            # TYPE node_network_asymmetricpause_supported gauge
            node_network_asymmetricpause_supported{device="eth0"} 0
            # HELP node_network_autonegotiate Whether both ends negotiate.
            # TYPE node_network_autonegotiate gauge
            node_network_autonegotiate{device="eth0"} 1
            # HELP node_network_autonegotiate_advertised Whether it offers that.
            # TYPE node_network_autonegotiate_advertised gauge
            node_network_autonegotiate_advertised{device="eth0"} 0
            # HELP node_network_autonegotiate_supported Whether it can negotiate.
            # TYPE node_network_autonegotiate_supported gauge
            node_network_autonegotiate_supported{device="eth0"} 1
            # HELP node_network_pause_advertised Whether it offers pause frames.
            # TYPE node_network_pause_advertised gauge
            node_network_pause_advertised{device="eth0"} 0
            # HELP node_network_pause_supported Whether it knows pause frames.
            # TYPE node_network_pause_supported gauge
            node_network_pause_supported{device="eth0"} 1
            # HELP node_network_supported_port_info A kind of port that the device has; always 1.
            # TYPE node_network_supported_port_info gauge
            node_network_supported_port_info{device="eth0",type="TP"} 1
            # HELP node_network_supported_speed_bytes A speed that the port can do.
            # TYPE node_network_supported_speed_bytes gauge
            node_network_supported_speed_bytes{device="eth0",duplex="full",mode="100baseT"} 12500000
            node_network_supported_speed_bytes{device="eth0",duplex="full",mode="1000baseT"} 125000000
        "##]].assert_eq(&text);
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: no data: /sys/class/net/ does not exist
        "#]]
        .assert_eq(&expose(&SPEC, &[]));
    }
}
