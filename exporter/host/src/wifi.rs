//! Wireless interfaces, the networks that they are in and the stations that they hear: dumps of the
//! generic netlink family `nl80211`. MHz → hertz, rates of 100 kbit/s → bits a second, ms and
//! seconds → seconds. What a driver does not tell of a station is 0, as in `node_exporter`.

use crate::netlink::{Attribute, GENERIC_HEADER, Generic, Message, attribute};
use collect::{Collector, Faults, Result, Spec};
use exposition::{Family, Writer};

pub(crate) static SPEC: Spec = Spec {
    name: "wifi",
    doc: "Wireless interfaces, networks and stations.",
    default: false,
    families: &[&FAMILIES, &COUNTERS, &GAUGES],
    opts: &[],
    build: |_| Ok(Box::new(Wifi { nl80211: Generic::new("nl80211") })),
};

const STATION: &[&str] = &["device", "mac_address"];

static FAMILIES: [Family; 2] = [
    Family::gauge("node_wifi_interface_frequency_hertz", "The channel's frequency.", &["device"]),
    Family::gauge(
        "node_wifi_station_info",
        "The network that an interface is in; always 1.",
        &["device", "bssid", "ssid", "mode"],
    ),
];

static COUNTERS: [Family; 8] = [
    Family::counter("node_wifi_station_connected_seconds_total", "Time connected.", STATION),
    Family::counter("node_wifi_station_receive_bytes_total", "Bytes received.", STATION),
    Family::counter("node_wifi_station_transmit_bytes_total", "Bytes sent.", STATION),
    Family::counter("node_wifi_station_received_packets_total", "Packets received.", STATION),
    Family::counter("node_wifi_station_transmitted_packets_total", "Packets sent.", STATION),
    Family::counter("node_wifi_station_transmit_retries_total", "Sent again.", STATION),
    Family::counter("node_wifi_station_transmit_failed_total", "Could not be sent.", STATION),
    Family::counter("node_wifi_station_beacon_loss_total", "Beacons that were missed.", STATION),
];

static GAUGES: [Family; 4] = [
    Family::gauge("node_wifi_station_inactive_seconds", "Time since it was heard.", STATION),
    Family::gauge("node_wifi_station_receive_bits_per_second", "Receive rate.", STATION),
    Family::gauge("node_wifi_station_transmit_bits_per_second", "Send rate.", STATION),
    Family::gauge("node_wifi_station_signal_dbm", "Signal strength, dBm.", STATION),
];

struct Wifi {
    nl80211: Generic,
}

#[derive(Debug, Default)]
struct Interface {
    index: u32,
    name: String,
    megahertz: u32,
}

#[derive(Debug, Default)]
struct Network {
    bssid: String,
    ssid: String,
    /// `NL80211_BSS_STATUS_*`; other networks in reach have none.
    status: u32,
}

#[derive(Debug, Default)]
struct Station {
    address: String,
    /// In the order of [`COUNTERS`].
    counters: [u64; 8],
    inactive_milliseconds: u32,
    /// Bits per second.
    receive_rate: f64,
    transmit_rate: f64,
    signal: i8,
}

const GET_INTERFACE: u8 = 5;
const GET_STATION: u8 = 17;
const GET_SCAN: u8 = 32;
const ATTR_IFINDEX: u16 = 3;

impl Collector for Wifi {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let mut faults = Faults::default();
        let interfaces: Vec<Interface> =
            self.nl80211.dump("NL80211_CMD_GET_INTERFACE", GET_INTERFACE, &[], take_interface)?;
        let mut found = Vec::new();
        for interface in interfaces {
            let mut request = Vec::new();
            attribute(&mut request, ATTR_IFINDEX, &interface.index.to_ne_bytes());
            let network: Option<Network> = faults
                .ok(self.nl80211.dump("NL80211_CMD_GET_SCAN", GET_SCAN, &request, take_network))
                .flatten();
            let stations: Vec<Station> = faults
                .ok(self.nl80211.dump(
                    "NL80211_CMD_GET_STATION",
                    GET_STATION,
                    &request,
                    take_station,
                ))
                .unwrap_or_default();
            found.push((interface, network, stations));
        }
        write(out, &found);
        faults.finish()
    }
}

fn write(out: &mut Writer, found: &[(Interface, Option<Network>, Vec<Station>)]) {
    let [frequency, info] = &FAMILIES;
    out.family(frequency, |s| {
        for (interface, ..) in found {
            s.row(&[&interface.name], u64::from(interface.megahertz) * 1_000_000);
        }
    });
    out.family(info, |s| {
        for (interface, network, _) in found {
            let Some(network) = network else { continue };
            let mode = match network.status {
                0 | 1 => "client",
                2 => "ad-hoc",
                _ => "unknown",
            };
            s.row(&[&interface.name, &network.bssid, &network.ssid, mode], 1u8);
        }
    });
    for (position, family) in COUNTERS.iter().enumerate() {
        out.family(family, |s| {
            for (interface, _, stations) in found {
                for station in stations {
                    if let Some(count) = station.counters.get(position) {
                        s.row(&[&interface.name, &station.address], *count);
                    }
                }
            }
        });
    }
    let values: [fn(&Station) -> f64; 4] = [
        |s| f64::from(s.inactive_milliseconds) / 1000.0,
        |s| s.receive_rate,
        |s| s.transmit_rate,
        |s| f64::from(s.signal),
    ];
    for (family, value) in GAUGES.iter().zip(values) {
        out.family(family, |s| {
            for (interface, _, stations) in found {
                for station in stations {
                    s.row(&[&interface.name, &station.address], value(station));
                }
            }
        });
    }
}

/// Numbers of attributes are `NL80211_ATTR_*`. A device without a name is no interface.
fn take_interface(interfaces: &mut Vec<Interface>, message: Message<'_>) {
    let mut interface = Interface::default();
    for attribute in message.attributes(GENERIC_HEADER) {
        match attribute.kind {
            ATTR_IFINDEX => interface.index = attribute.u32().unwrap_or(0),
            4 => interface.name = attribute.text(),
            38 => interface.megahertz = attribute.u32().unwrap_or(0),
            _ => {}
        }
    }
    if !interface.name.is_empty() {
        interfaces.push(interface);
    }
}

/// Within the attribute are `NL80211_BSS_*`.
fn take_network(found: &mut Option<Network>, message: Message<'_>) {
    for bss in message.attributes(GENERIC_HEADER).filter(|attribute| attribute.kind == 47) {
        let (mut network, mut status) = (Network::default(), None);
        for attribute in bss.nested() {
            match attribute.kind {
                1 => network.bssid = attribute.mac(),
                6 => network.ssid = ssid(attribute.value),
                9 => status = attribute.u32(),
                _ => {}
            }
        }
        if let Some(status) = status {
            found.get_or_insert(Network { status, ..network });
        }
    }
}

/// The network's name among information elements: type, length, value.
fn ssid(mut elements: &[u8]) -> String {
    while let Some((&[kind, length], rest)) = elements.split_first_chunk() {
        let Some((value, rest)) = rest.split_at_checked(length.into()) else { break };
        if kind == 0 {
            return String::from_utf8_lossy(value).into_owned();
        }
        elements = rest;
    }
    String::new()
}

/// Within the attribute are `NL80211_STA_INFO_*`.
fn take_station(stations: &mut Vec<Station>, message: Message<'_>) {
    let mut station = Station::default();
    let mut told = false;
    for attribute in message.attributes(GENERIC_HEADER) {
        match attribute.kind {
            6 => station.address = attribute.mac(),
            21 => {
                told = true;
                attribute.nested().for_each(|part| station.take(part));
            }
            _ => {}
        }
    }
    if told {
        stations.push(station);
    }
}

// === impl Station ===

impl Station {
    fn take(&mut self, part: Attribute<'_>) {
        let [connected, received, sent, received_packets, sent_packets, retries, failed, beacons] =
            &mut self.counters;
        let number = u64::from(part.u32().unwrap_or(0));
        match part.kind {
            1 => self.inactive_milliseconds = part.u32().unwrap_or(0),
            // The 64-bit numbers follow the short ones, where the kernel has them.
            2 => *received = number,
            3 => *sent = number,
            7 => self.signal = part.u8().unwrap_or(0).cast_signed(),
            8 => self.transmit_rate = rate(part),
            9 => *received_packets = number,
            10 => *sent_packets = number,
            11 => *retries = number,
            12 => *failed = number,
            14 => self.receive_rate = rate(part),
            16 => *connected = number,
            18 => *beacons = number,
            23 => *received = part.u64().unwrap_or(*received),
            24 => *sent = part.u64().unwrap_or(*sent),
            _ => {}
        }
    }
}

/// `NL80211_RATE_INFO_*`: the longer number wins, since the shorter may not hold it.
fn rate(info: Attribute<'_>) -> f64 {
    let (mut short, mut long) = (None, None);
    for attribute in info.nested() {
        match attribute.kind {
            1 => short = attribute.u16().map(u32::from),
            5 => long = attribute.u32(),
            _ => {}
        }
    }
    f64::from(long.or(short).unwrap_or(0)) * 100_000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use exposition::{Format, encode};

    fn nest(parts: &[(u16, &[u8])]) -> Vec<u8> {
        let mut out = Vec::new();
        for (kind, value) in parts {
            attribute(&mut out, *kind, value);
        }
        out
    }

    fn body(parts: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = vec![0; GENERIC_HEADER];
        body.extend(nest(parts));
        body
    }

    fn message(body: &[u8]) -> Message<'_> {
        Message { kind: 30, body }
    }

    #[test]
    fn a_client_with_one_station() {
        let mut interfaces = Vec::new();
        let bodies = [
            body(&[(3, &[4, 0, 0, 0]), (4, b"wlan0\0"), (38, &2412u32.to_ne_bytes())]),
            body(&[(153, &[1, 0, 0, 0])]),
        ];
        for body in &bodies {
            take_interface(&mut interfaces, message(body));
        }

        let mut network = None;
        let elements = [1, 1, 2, 0, 4, b'h', b'o', b'm', b'e', 9, 200];
        let other = nest(&[(1, &[9; 6]), (6, &elements)]);
        let own = nest(&[(1, &[0, 17, 34, 51, 68, 85]), (6, &elements), (9, &[1, 0, 0, 0])]);
        for bss in [other, own] {
            take_network(&mut network, message(&body(&[(47, &bss)])));
        }

        let mut stations = Vec::new();
        let rates = nest(&[(1, &[255, 255]), (5, &70_000u32.to_ne_bytes())]);
        let info = nest(&[
            (1, &400u32.to_ne_bytes()),
            (2, &[1, 0, 0, 0]),
            (7, &[204]),
            (14, &rates),
            (16, &30u32.to_ne_bytes()),
            (23, &(1u64 << 33).to_ne_bytes()),
        ]);
        take_station(&mut stations, message(&body(&[(6, &[2; 6]), (21, &info)])));
        take_station(&mut stations, message(&body(&[(6, &[3; 6])])));

        let interface = interfaces.pop().expect("one interface");
        let mut out = Writer::default();
        write(&mut out, &[(interface, network, stations)]);
        let text = String::from_utf8(encode(&[&out.finish()], Format::TEXT).body).expect("UTF-8");
        expect![[r##"
            # HELP node_wifi_interface_frequency_hertz The channel's frequency.
            # TYPE node_wifi_interface_frequency_hertz gauge
            node_wifi_interface_frequency_hertz{device="wlan0"} 2412000000
            # HELP node_wifi_station_beacon_loss_total Beacons that were missed.
            # TYPE node_wifi_station_beacon_loss_total counter
            node_wifi_station_beacon_loss_total{device="wlan0",mac_address="02:02:02:02:02:02"} 0
            # HELP node_wifi_station_connected_seconds_total Time connected.
            # TYPE node_wifi_station_connected_seconds_total counter
            node_wifi_station_connected_seconds_total{device="wlan0",mac_address="02:02:02:02:02:02"} 30
            # HELP node_wifi_station_inactive_seconds Time since it was heard.
            # TYPE node_wifi_station_inactive_seconds gauge
            node_wifi_station_inactive_seconds{device="wlan0",mac_address="02:02:02:02:02:02"} 0.4
            # HELP node_wifi_station_info The network that an interface is in; always 1.
            # TYPE node_wifi_station_info gauge
            node_wifi_station_info{device="wlan0",bssid="00:11:22:33:44:55",ssid="home",mode="client"} 1
            # HELP node_wifi_station_receive_bits_per_second Receive rate.
            # TYPE node_wifi_station_receive_bits_per_second gauge
            node_wifi_station_receive_bits_per_second{device="wlan0",mac_address="02:02:02:02:02:02"} 7000000000
            # HELP node_wifi_station_receive_bytes_total Bytes received.
            # TYPE node_wifi_station_receive_bytes_total counter
            node_wifi_station_receive_bytes_total{device="wlan0",mac_address="02:02:02:02:02:02"} 8589934592
            # HELP node_wifi_station_received_packets_total Packets received.
            # TYPE node_wifi_station_received_packets_total counter
            node_wifi_station_received_packets_total{device="wlan0",mac_address="02:02:02:02:02:02"} 0
            # HELP node_wifi_station_signal_dbm Signal strength, dBm.
            # TYPE node_wifi_station_signal_dbm gauge
            node_wifi_station_signal_dbm{device="wlan0",mac_address="02:02:02:02:02:02"} -52
            # HELP node_wifi_station_transmit_bits_per_second Send rate.
            # TYPE node_wifi_station_transmit_bits_per_second gauge
            node_wifi_station_transmit_bits_per_second{device="wlan0",mac_address="02:02:02:02:02:02"} 0
            # HELP node_wifi_station_transmit_bytes_total Bytes sent.
            # TYPE node_wifi_station_transmit_bytes_total counter
            node_wifi_station_transmit_bytes_total{device="wlan0",mac_address="02:02:02:02:02:02"} 0
            # HELP node_wifi_station_transmit_failed_total Could not be sent.
            # TYPE node_wifi_station_transmit_failed_total counter
            node_wifi_station_transmit_failed_total{device="wlan0",mac_address="02:02:02:02:02:02"} 0
            # HELP node_wifi_station_transmit_retries_total Sent again.
            # TYPE node_wifi_station_transmit_retries_total counter
            node_wifi_station_transmit_retries_total{device="wlan0",mac_address="02:02:02:02:02:02"} 0
            # HELP node_wifi_station_transmitted_packets_total Packets sent.
            # TYPE node_wifi_station_transmitted_packets_total counter
            node_wifi_station_transmitted_packets_total{device="wlan0",mac_address="02:02:02:02:02:02"} 0
        "##]].assert_eq(&text);
    }

    #[test]
    fn torn_elements() {
        for torn in [&[0u8][..], &[0, 5, 1], &[1, 0, 0], &[]] {
            assert_eq!(ssid(torn), "");
        }
    }
}
