//! Traffic, errors and drops of network interfaces: `IFLA_STATS64` of an `RTM_GETLINK` dump or, on
//! request, `/proc/net/dev`. Bytes, packets and events since the interface was made.
//!
//! The default names are those of `/proc/net/dev`, whose columns add up several of the kernel's
//! counters; `--collector.netdev.enable-detailed-metrics` gives each counter by itself.

use crate::{
    links::{Link, LinksReader, Stats},
    netlink::{self, Message, Netlink},
};
use collect::{Collector, Faults, Filter, Kept, Opt, Result, Root, Spec};
use exposition::{Family, Writer};
use std::net::IpAddr;

pub(crate) static SPEC: Spec = Spec {
    name: "netdev",
    doc: "Traffic, errors and drops of network interfaces.",
    default: true,
    families: &[&COMMON, &SUMS, &DETAILED, std::slice::from_ref(&ADDRESS_INFO)],
    opts: &[INCLUDE, EXCLUDE, NETLINK, ADDRESSES, DETAILS, ALIAS],
    build: |cx| {
        let options = &cx.options;
        let netlink = options.switch(&NETLINK);
        Ok(Box::new(Netdev {
            filter: Filter::new(options, &INCLUDE, &EXCLUDE)?,
            source: if netlink {
                Source::Links(LinksReader::new())
            } else {
                Source::File { file: cx.proc.keep("net/dev"), sys: cx.sys.clone() }
            },
            detailed: options.switch(&DETAILS),
            alias: options.switch(&ALIAS),
            addresses: options
                .switch(&ADDRESSES)
                .then(|| (Netlink::new(netlink::Family::Route), LinksReader::new())),
            is_strange: is_strange(&cx.proc),
        }))
    },
};

const INCLUDE: Opt = Opt::text(
    "collector.netdev.device-include",
    "",
    "Interfaces to keep, as a regular expression (not with device-exclude).",
)
.aliases(&["collector.netdev.device-whitelist"]);
const EXCLUDE: Opt = Opt::text(
    "collector.netdev.device-exclude",
    "",
    "Interfaces to leave out, as a regular expression (not with device-include).",
)
.aliases(&["collector.netdev.device-blacklist"]);
const NETLINK: Opt = Opt::switch(
    "collector.netdev.netlink",
    true,
    "Ask the kernel by netlink instead of reading /proc/net/dev.",
);
const ADDRESSES: Opt = Opt::switch(
    "collector.netdev.address-info",
    false,
    "Add the addresses of each interface as node_network_address_info.",
);
const DETAILS: Opt = Opt::switch(
    "collector.netdev.enable-detailed-metrics",
    false,
    "Give each error counter by itself, under other names.",
);
const ALIAS: Opt = Opt::switch(
    "collector.netdev.label-ifalias",
    false,
    "Add the interface's alias as the label ifalias.",
);

const DEVICE: &[&str] = &["device"];

/// Families of both namings.
static COMMON: [Family; 7] = [
    Family::counter("node_network_receive_bytes_total", "Bytes received.", DEVICE),
    Family::counter("node_network_receive_packets_total", "Packets received.", DEVICE),
    Family::counter(
        "node_network_receive_compressed_total",
        "Compressed packets received.",
        DEVICE,
    ),
    Family::counter(
        "node_network_receive_nohandler_total",
        "Received packets dropped because nobody was there to take them.",
        DEVICE,
    ),
    Family::counter("node_network_transmit_bytes_total", "Bytes sent.", DEVICE),
    Family::counter("node_network_transmit_packets_total", "Packets sent.", DEVICE),
    Family::counter("node_network_transmit_compressed_total", "Compressed packets sent.", DEVICE),
];
static COMMON_COUNTERS: [&[usize]; 7] = [
    &[Stats::RX_BYTES],
    &[Stats::RX_PACKETS],
    &[Stats::RX_COMPRESSED],
    &[Stats::RX_NOHANDLER],
    &[Stats::TX_BYTES],
    &[Stats::TX_PACKETS],
    &[Stats::TX_COMPRESSED],
];

/// Sums, as `/proc/net/dev` forms them.
static SUMS: [Family; 10] = [
    Family::counter("node_network_receive_errs_total", "Bad packets received.", DEVICE),
    Family::counter(
        "node_network_receive_drop_total",
        "Received packets dropped by the host, or by the device for want of room.",
        DEVICE,
    ),
    Family::counter("node_network_receive_fifo_total", "Receive FIFO overruns.", DEVICE),
    Family::counter(
        "node_network_receive_frame_total",
        "Received packets of a wrong length, alignment or checksum.",
        DEVICE,
    ),
    Family::counter("node_network_receive_multicast_total", "Multicast packets received.", DEVICE),
    Family::counter("node_network_transmit_errs_total", "Packets that could not be sent.", DEVICE),
    Family::counter("node_network_transmit_drop_total", "Packets dropped before sending.", DEVICE),
    Family::counter("node_network_transmit_fifo_total", "Send FIFO underruns.", DEVICE),
    Family::counter("node_network_transmit_colls_total", "Collisions while sending.", DEVICE),
    Family::counter(
        "node_network_transmit_carrier_total",
        "Packets lost to the carrier, an abort, a heartbeat or a late collision.",
        DEVICE,
    ),
];
static SUMS_COUNTERS: [&[usize]; 10] = [
    &[Stats::RX_ERRORS],
    &[Stats::RX_DROPPED, Stats::RX_MISSED_ERRORS],
    &[Stats::RX_FIFO_ERRORS],
    &[Stats::RX_LENGTH_ERRORS, Stats::RX_OVER_ERRORS, Stats::RX_CRC_ERRORS, Stats::RX_FRAME_ERRORS],
    &[Stats::MULTICAST],
    &[Stats::TX_ERRORS],
    &[Stats::TX_DROPPED],
    &[Stats::TX_FIFO_ERRORS],
    &[Stats::COLLISIONS],
    &[
        Stats::TX_ABORTED_ERRORS,
        Stats::TX_CARRIER_ERRORS,
        Stats::TX_HEARTBEAT_ERRORS,
        Stats::TX_WINDOW_ERRORS,
    ],
];

/// The kernel's counters one by one.
static DETAILED: [Family; 17] = [
    Family::counter("node_network_receive_errors_total", "Bad packets received.", DEVICE),
    Family::counter(
        "node_network_receive_dropped_total",
        "Received packets dropped by the host.",
        DEVICE,
    ),
    Family::counter(
        "node_network_receive_length_errors_total",
        "Received packets of a wrong length.",
        DEVICE,
    ),
    Family::counter("node_network_receive_over_errors_total", "Receive ring overflows.", DEVICE),
    Family::counter(
        "node_network_receive_crc_errors_total",
        "Received packets with a wrong checksum.",
        DEVICE,
    ),
    Family::counter(
        "node_network_receive_frame_errors_total",
        "Received packets of a wrong alignment.",
        DEVICE,
    ),
    Family::counter("node_network_receive_fifo_errors_total", "Receive FIFO overruns.", DEVICE),
    Family::counter(
        "node_network_receive_missed_errors_total",
        "Received packets dropped by the device for want of room.",
        DEVICE,
    ),
    Family::counter(
        "node_network_transmit_errors_total",
        "Packets that could not be sent.",
        DEVICE,
    ),
    Family::counter(
        "node_network_transmit_dropped_total",
        "Packets dropped before sending.",
        DEVICE,
    ),
    Family::counter(
        "node_network_transmit_aborted_errors_total",
        "Packets aborted while sending.",
        DEVICE,
    ),
    Family::counter(
        "node_network_transmit_carrier_errors_total",
        "Packets lost to the carrier.",
        DEVICE,
    ),
    Family::counter("node_network_transmit_fifo_errors_total", "Send FIFO underruns.", DEVICE),
    Family::counter("node_network_transmit_heartbeat_errors_total", "Heartbeat errors.", DEVICE),
    Family::counter("node_network_transmit_window_errors_total", "Late collisions.", DEVICE),
    Family::counter("node_network_multicast_total", "Multicast packets received.", DEVICE),
    Family::counter("node_network_collisions_total", "Collisions while sending.", DEVICE),
];
static DETAILED_COUNTERS: [&[usize]; 17] = [
    &[Stats::RX_ERRORS],
    &[Stats::RX_DROPPED],
    &[Stats::RX_LENGTH_ERRORS],
    &[Stats::RX_OVER_ERRORS],
    &[Stats::RX_CRC_ERRORS],
    &[Stats::RX_FRAME_ERRORS],
    &[Stats::RX_FIFO_ERRORS],
    &[Stats::RX_MISSED_ERRORS],
    &[Stats::TX_ERRORS],
    &[Stats::TX_DROPPED],
    &[Stats::TX_ABORTED_ERRORS],
    &[Stats::TX_CARRIER_ERRORS],
    &[Stats::TX_FIFO_ERRORS],
    &[Stats::TX_HEARTBEAT_ERRORS],
    &[Stats::TX_WINDOW_ERRORS],
    &[Stats::MULTICAST],
    &[Stats::COLLISIONS],
];

static ADDRESS_INFO: Family = Family::gauge(
    "node_network_address_info",
    "An address of an interface; always 1.",
    &["address", "device", "netmask", "scope"],
);

/// The column of `/proc/net/dev` that gives each family, sums or not; it has no `nohandler`.
static COMMON_COLUMNS: [usize; 7] = [0, 1, 6, NONE, 8, 9, 15];
static SUMS_COLUMNS: [usize; 10] = [2, 3, 4, 5, 7, 10, 11, 12, 13, 14];
/// Detailed names exist for bad and dropped packets only.
static DETAILED_COLUMNS: [usize; 10] = [2, 3, NONE, NONE, NONE, NONE, NONE, NONE, 10, 11];
const NONE: usize = usize::MAX;
/// Columns of `/proc/net/dev` after the name.
const COLUMNS: usize = 16;

struct Netdev {
    filter: Filter,
    source: Source,
    detailed: bool,
    alias: bool,
    addresses: Option<(Netlink, LinksReader)>,
    /// Whether the network that is asked is not the first process's.
    is_strange: bool,
}

enum Source {
    Links(LinksReader),
    File { file: Kept, sys: Root },
}

impl Collector for Netdev {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let mut faults = Faults::default();
        let result = match &mut self.source {
            Source::Links(links) => links.read().map(|links| {
                let kept: Vec<&Link> =
                    links.iter().filter(|link| self.filter.keeps(&link.name)).collect();
                write_links(out, &kept, self.detailed, self.alias);
            }),
            Source::File { file, sys } => {
                let sys = self.alias.then_some(&*sys);
                write_file(out, file, &mut self.filter, self.detailed, sys, &mut faults)
            }
        };
        faults.ok(result);
        if let Some((netlink, links)) = &mut self.addresses {
            let filter = &mut self.filter;
            faults.ok(write_addresses(out, netlink, links, filter));
        }
        if self.is_strange {
            out.remark(STRANGE);
        }
        faults.finish()
    }
}

/// What a container with a network of its own is told; it is true of everything about networks.
const STRANGE: &str = "traffic, protocols and sockets are those of a network namespace of the exporter's own, not the \
    host's; give the pod hostNetwork";

/// Whether our network is another than that of the first process: `/proc/PID/net` shows the process's, and each network
/// has files of its own. False where that cannot be seen.
fn is_strange(proc: &Root) -> bool {
    let [first, own] = ["1/net/dev", "self/net/dev"].map(|file| proc.stamp(file));
    matches!((first, own), (Ok(first), Ok(own)) if !first.is_of_the_same(&own))
}

fn write_links(out: &mut Writer, links: &[&Link], detailed: bool, alias: bool) {
    let others: (&[Family], &[&[usize]]) =
        if detailed { (&DETAILED, &DETAILED_COUNTERS) } else { (&SUMS, &SUMS_COUNTERS) };
    for (families, counters) in [(&COMMON[..], &COMMON_COUNTERS[..]), others] {
        for (family, counters) in families.iter().zip(counters) {
            out.family(family, |s| {
                for link in links {
                    let Some(value) = link.stats.as_ref().and_then(|s| s.sum(counters)) else {
                        continue;
                    };
                    if alias {
                        let labels = [("device", &*link.name), ("ifalias", &*link.alias)];
                        s.sample(&labels, value);
                    } else {
                        s.row(&[&link.name], value);
                    }
                }
            });
        }
    }
}

/// `/proc/net/dev`: two lines of headings, then `name: ` and 16 numbers.
fn write_file(
    out: &mut Writer,
    file: &mut Kept,
    filter: &mut Filter,
    detailed: bool,
    sys: Option<&Root>,
    faults: &mut Faults,
) -> Result<()> {
    let text = file.read()?;
    let mut rows = Vec::new();
    for line in text.lines().skip(2) {
        // An alias device has a colon in its name.
        let Some((name, numbers)) = line.rsplit_once(':') else {
            faults.note(text.bad("expected a name, a colon and numbers", line));
            continue;
        };
        let name = name.trim();
        if !filter.keeps(name) {
            continue;
        }
        let numbers: Vec<u64> =
            numbers.split_ascii_whitespace().map_while(|field| field.parse().ok()).collect();
        if numbers.len() < COLUMNS {
            faults.note(text.bad("expected 16 numbers", line));
            continue;
        }
        let alias = match sys {
            Some(sys) => faults.ok(sys.attr(format!("class/net/{name}/ifalias"))).flatten(),
            None => None,
        };
        rows.push((name, alias.unwrap_or_default(), numbers));
    }
    let families: &[Family] = if detailed { &DETAILED } else { &[] };
    let others = families.iter().zip(&DETAILED_COLUMNS);
    // Where a column has a detailed name, it is given under that name only.
    let sums = SUMS.iter().zip(&SUMS_COLUMNS);
    let sums = sums.filter(|(_, column)| !detailed || !DETAILED_COLUMNS.contains(column));
    for (family, column) in COMMON.iter().zip(&COMMON_COLUMNS).chain(others).chain(sums) {
        out.family(family, |s| {
            for (name, alias, numbers) in &rows {
                let Some(value) = numbers.get(*column) else { continue };
                if sys.is_some() {
                    s.sample(&[("device", name), ("ifalias", alias)], *value);
                } else {
                    s.row(&[name], *value);
                }
            }
        });
    }
    Ok(())
}

const RTM_GETADDR: u16 = 22;
/// Bytes of `struct ifaddrmsg`.
const IFADDRMSG: usize = 8;

fn write_addresses(
    out: &mut Writer,
    netlink: &mut Netlink,
    links: &mut LinksReader,
    filter: &mut Filter,
) -> Result<()> {
    let links = links.read()?;
    let addresses = netlink.dump("RTM_GETADDR", RTM_GETADDR, &[0; IFADDRMSG], parse_address)?;
    out.family(&ADDRESS_INFO, |s| {
        for (index, prefix, ip) in addresses {
            let link = links.by_index(index).filter(|link| filter.keeps(&link.name));
            let Some(link) = link else { continue };
            let address = ip.to_string();
            s.row(&[&address, &link.name, &prefix.to_string(), scope(ip)], 1u8);
        }
    });
    Ok(())
}

fn parse_address(addresses: &mut Vec<(u32, u8, IpAddr)>, message: Message<'_>) {
    let (Some(prefix), Some(index)) = (message.u8(1), message.u32(4)) else { return };
    let (mut address, mut local) = (None, None);
    for attribute in message.attributes(IFADDRMSG) {
        match attribute.kind {
            1 => address = attribute.ip(),
            // On a point-to-point link, the other is the far end's.
            2 => local = attribute.ip(),
            _ => {}
        }
    }
    addresses.extend(local.or(address).map(|ip| (index, prefix, ip)));
}

/// The scope in the words that `node_exporter` uses: loopback counts as link-local.
fn scope(ip: IpAddr) -> &'static str {
    let (local, interface_local) = match ip {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            (v4.is_loopback() || v4.is_link_local() || (a, b, c) == (224, 0, 0), false)
        }
        IpAddr::V6(v6) => {
            let [first, ..] = v6.segments();
            let local = v6.is_unicast_link_local() || first & 0xff0f == 0xff02;
            (v6.is_loopback() || local, first & 0xff0f == 0xff01)
        }
    };
    match (local, interface_local, ip.is_unspecified() || ip.is_multicast()) {
        (true, ..) => "link-local",
        (_, true, _) => "interface-local",
        (.., true) => "",
        _ => "global",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect::testing::expose_with;
    use expect_test::expect;
    use exposition::{Format, encode};

    const OFF: (&str, &str) = ("collector.netdev.netlink", "false");
    const HEAD: &str = "Inter-| Receive | Transmit\n face |bytes packets …|bytes packets …\n";

    #[test]
    fn another_network_than_the_hosts_is_said() {
        let net = format!("{HEAD}    lo: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n");
        let own = [("proc/net/dev", &*net), ("proc/self/net/dev", &net)];
        let both = [own[0], own[1], ("proc/1/net/dev", &net)];
        let one = [own[0], ("proc/1/net/dev", &net), ("proc/self", "-> 1")];
        let remark = "remark: traffic, protocols and sockets are those of a network namespace";
        for (files, strange) in [(&own[..], false), (&both, true), (&one, false)] {
            let text = expose_with(&SPEC, files, &[OFF]);
            assert_eq!(text.contains(remark), strange, "{text}");
        }
    }

    #[test]
    fn the_file_with_aliases() {
        let text = format!(
            "{HEAD}    lo: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n\
             eth0:18446744073709551615 2 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n"
        );
        let files =
            [("proc/net/dev", &*text), ("sys/class/net/eth0/ifalias", "up \"link\" to core\n")];
        let options = [OFF, ("collector.netdev.label-ifalias", "true")];
        expect![[r##"
            # HELP node_network_receive_bytes_total Bytes received.
            # TYPE node_network_receive_bytes_total counter
            node_network_receive_bytes_total{device="lo",ifalias=""} 1
            node_network_receive_bytes_total{device="eth0",ifalias="up \"link\" to core"} 18446744073709551615
            # HELP node_network_receive_compressed_total Compressed packets received.
            # TYPE node_network_receive_compressed_total counter
            node_network_receive_compressed_total{device="lo",ifalias=""} 7
            node_network_receive_compressed_total{device="eth0",ifalias="up \"link\" to core"} 0
            # HELP node_network_receive_drop_total Received packets dropped by the host, or by the device for want of room.
            # TYPE node_network_receive_drop_total counter
            node_network_receive_drop_total{device="lo",ifalias=""} 4
            node_network_receive_drop_total{device="eth0",ifalias="up \"link\" to core"} 0
            # HELP node_network_receive_errs_total Bad packets received.
            # TYPE node_network_receive_errs_total counter
            node_network_receive_errs_total{device="lo",ifalias=""} 3
            node_network_receive_errs_total{device="eth0",ifalias="up \"link\" to core"} 0
            # HELP node_network_receive_fifo_total Receive FIFO overruns.
            # TYPE node_network_receive_fifo_total counter
            node_network_receive_fifo_total{device="lo",ifalias=""} 5
            node_network_receive_fifo_total{device="eth0",ifalias="up \"link\" to core"} 0
            # HELP node_network_receive_frame_total Received packets of a wrong length, alignment or checksum.
            # TYPE node_network_receive_frame_total counter
            node_network_receive_frame_total{device="lo",ifalias=""} 6
            node_network_receive_frame_total{device="eth0",ifalias="up \"link\" to core"} 0
            # HELP node_network_receive_multicast_total Multicast packets received.
            # TYPE node_network_receive_multicast_total counter
            node_network_receive_multicast_total{device="lo",ifalias=""} 8
            node_network_receive_multicast_total{device="eth0",ifalias="up \"link\" to core"} 0
            # HELP node_network_receive_packets_total Packets received.
            # TYPE node_network_receive_packets_total counter
            node_network_receive_packets_total{device="lo",ifalias=""} 2
            node_network_receive_packets_total{device="eth0",ifalias="up \"link\" to core"} 2
            # HELP node_network_transmit_bytes_total Bytes sent.
            # TYPE node_network_transmit_bytes_total counter
            node_network_transmit_bytes_total{device="lo",ifalias=""} 9
            node_network_transmit_bytes_total{device="eth0",ifalias="up \"link\" to core"} 0
            # HELP node_network_transmit_carrier_total Packets lost to the carrier, an abort, a heartbeat or a late collision.
            # TYPE node_network_transmit_carrier_total counter
            node_network_transmit_carrier_total{device="lo",ifalias=""} 15
            node_network_transmit_carrier_total{device="eth0",ifalias="up \"link\" to core"} 0
            # HELP node_network_transmit_colls_total Collisions while sending.
            # TYPE node_network_transmit_colls_total counter
            node_network_transmit_colls_total{device="lo",ifalias=""} 14
            node_network_transmit_colls_total{device="eth0",ifalias="up \"link\" to core"} 0
            # HELP node_network_transmit_compressed_total Compressed packets sent.
            # TYPE node_network_transmit_compressed_total counter
            node_network_transmit_compressed_total{device="lo",ifalias=""} 16
            node_network_transmit_compressed_total{device="eth0",ifalias="up \"link\" to core"} 0
            # HELP node_network_transmit_drop_total Packets dropped before sending.
            # TYPE node_network_transmit_drop_total counter
            node_network_transmit_drop_total{device="lo",ifalias=""} 12
            node_network_transmit_drop_total{device="eth0",ifalias="up \"link\" to core"} 0
            # HELP node_network_transmit_errs_total Packets that could not be sent.
            # TYPE node_network_transmit_errs_total counter
            node_network_transmit_errs_total{device="lo",ifalias=""} 11
            node_network_transmit_errs_total{device="eth0",ifalias="up \"link\" to core"} 0
            # HELP node_network_transmit_fifo_total Send FIFO underruns.
            # TYPE node_network_transmit_fifo_total counter
            node_network_transmit_fifo_total{device="lo",ifalias=""} 13
            node_network_transmit_fifo_total{device="eth0",ifalias="up \"link\" to core"} 0
            # HELP node_network_transmit_packets_total Packets sent.
            # TYPE node_network_transmit_packets_total counter
            node_network_transmit_packets_total{device="lo",ifalias=""} 10
            node_network_transmit_packets_total{device="eth0",ifalias="up \"link\" to core"} 0
        "##]].assert_eq(&expose_with(&SPEC, &files, &options));
    }

    #[test]
    fn torn_lines_and_left_out_devices() {
        let text = format!(
            "{HEAD} a: 1 2 3 4\n b\n veth1: 0\n c: x\n d: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17\n"
        );
        let options = [OFF, ("collector.netdev.device-exclude", "^veth")];
        expect![[r##"
            # HELP node_network_receive_bytes_total Bytes received.
            # TYPE node_network_receive_bytes_total counter
            node_network_receive_bytes_total{device="d"} 1
            # HELP node_network_receive_compressed_total Compressed packets received.
            # TYPE node_network_receive_compressed_total counter
            node_network_receive_compressed_total{device="d"} 7
            # HELP node_network_receive_drop_total Received packets dropped by the host, or by the device for want of room.
            # TYPE node_network_receive_drop_total counter
            node_network_receive_drop_total{device="d"} 4
            # HELP node_network_receive_errs_total Bad packets received.
            # TYPE node_network_receive_errs_total counter
            node_network_receive_errs_total{device="d"} 3
            # HELP node_network_receive_fifo_total Receive FIFO overruns.
            # TYPE node_network_receive_fifo_total counter
            node_network_receive_fifo_total{device="d"} 5
            # HELP node_network_receive_frame_total Received packets of a wrong length, alignment or checksum.
            # TYPE node_network_receive_frame_total counter
            node_network_receive_frame_total{device="d"} 6
            # HELP node_network_receive_multicast_total Multicast packets received.
            # TYPE node_network_receive_multicast_total counter
            node_network_receive_multicast_total{device="d"} 8
            # HELP node_network_receive_packets_total Packets received.
            # TYPE node_network_receive_packets_total counter
            node_network_receive_packets_total{device="d"} 2
            # HELP node_network_transmit_bytes_total Bytes sent.
            # TYPE node_network_transmit_bytes_total counter
            node_network_transmit_bytes_total{device="d"} 9
            # HELP node_network_transmit_carrier_total Packets lost to the carrier, an abort, a heartbeat or a late collision.
            # TYPE node_network_transmit_carrier_total counter
            node_network_transmit_carrier_total{device="d"} 15
            # HELP node_network_transmit_colls_total Collisions while sending.
            # TYPE node_network_transmit_colls_total counter
            node_network_transmit_colls_total{device="d"} 14
            # HELP node_network_transmit_compressed_total Compressed packets sent.
            # TYPE node_network_transmit_compressed_total counter
            node_network_transmit_compressed_total{device="d"} 16
            # HELP node_network_transmit_drop_total Packets dropped before sending.
            # TYPE node_network_transmit_drop_total counter
            node_network_transmit_drop_total{device="d"} 12
            # HELP node_network_transmit_errs_total Packets that could not be sent.
            # TYPE node_network_transmit_errs_total counter
            node_network_transmit_errs_total{device="d"} 11
            # HELP node_network_transmit_fifo_total Send FIFO underruns.
            # TYPE node_network_transmit_fifo_total counter
            node_network_transmit_fifo_total{device="d"} 13
            # HELP node_network_transmit_packets_total Packets sent.
            # TYPE node_network_transmit_packets_total counter
            node_network_transmit_packets_total{device="d"} 10
            error: /proc/net/dev: expected 16 numbers: " a: 1 2 3 4" (and 2 more)
        "##]].assert_eq(&expose_with(&SPEC, &[("proc/net/dev", &text)], &options));
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: read /proc/net/dev: No such file or directory (os error 2)
        "#]]
        .assert_eq(&expose_with(&SPEC, &[], &[OFF]));
    }

    fn links(detailed: bool) -> String {
        // Bits of their own, so that a sum shows what it is made of.
        let stats = std::array::from_fn(|position| Some(1 << position));
        let whole = Link { name: "eth0".into(), stats: Some(Stats(stats)), ..Link::default() };
        let mut old = Stats(stats);
        old.0[Stats::RX_NOHANDLER] = None;
        let old = Link { name: "old".into(), stats: Some(old), ..Link::default() };
        let none = Link { name: "none".into(), ..Link::default() };
        let mut out = Writer::default();
        write_links(&mut out, &[&whole, &none, &old], detailed, false);
        let body = encode(&[&out.finish()], Format::TEXT).body;
        let text = String::from_utf8(body).expect("UTF-8");
        text.split_inclusive('\n').filter(|line| !line.starts_with('#')).collect()
    }

    #[test]
    fn sums_of_counters() {
        expect![[r#"
            node_network_receive_bytes_total{device="eth0"} 4
            node_network_receive_bytes_total{device="old"} 4
            node_network_receive_compressed_total{device="eth0"} 2097152
            node_network_receive_compressed_total{device="old"} 2097152
            node_network_receive_drop_total{device="eth0"} 32832
            node_network_receive_drop_total{device="old"} 32832
            node_network_receive_errs_total{device="eth0"} 16
            node_network_receive_errs_total{device="old"} 16
            node_network_receive_fifo_total{device="eth0"} 16384
            node_network_receive_fifo_total{device="old"} 16384
            node_network_receive_frame_total{device="eth0"} 15360
            node_network_receive_frame_total{device="old"} 15360
            node_network_receive_multicast_total{device="eth0"} 256
            node_network_receive_multicast_total{device="old"} 256
            node_network_receive_nohandler_total{device="eth0"} 8388608
            node_network_receive_packets_total{device="eth0"} 1
            node_network_receive_packets_total{device="old"} 1
            node_network_transmit_bytes_total{device="eth0"} 8
            node_network_transmit_bytes_total{device="old"} 8
            node_network_transmit_carrier_total{device="eth0"} 1769472
            node_network_transmit_carrier_total{device="old"} 1769472
            node_network_transmit_colls_total{device="eth0"} 512
            node_network_transmit_colls_total{device="old"} 512
            node_network_transmit_compressed_total{device="eth0"} 4194304
            node_network_transmit_compressed_total{device="old"} 4194304
            node_network_transmit_drop_total{device="eth0"} 128
            node_network_transmit_drop_total{device="old"} 128
            node_network_transmit_errs_total{device="eth0"} 32
            node_network_transmit_errs_total{device="old"} 32
            node_network_transmit_fifo_total{device="eth0"} 262144
            node_network_transmit_fifo_total{device="old"} 262144
            node_network_transmit_packets_total{device="eth0"} 2
            node_network_transmit_packets_total{device="old"} 2
        "#]]
        .assert_eq(&links(false));
    }

    #[test]
    fn counters_one_by_one() {
        expect![[r#"
            node_network_collisions_total{device="eth0"} 512
            node_network_collisions_total{device="old"} 512
            node_network_multicast_total{device="eth0"} 256
            node_network_multicast_total{device="old"} 256
            node_network_receive_bytes_total{device="eth0"} 4
            node_network_receive_bytes_total{device="old"} 4
            node_network_receive_compressed_total{device="eth0"} 2097152
            node_network_receive_compressed_total{device="old"} 2097152
            node_network_receive_crc_errors_total{device="eth0"} 4096
            node_network_receive_crc_errors_total{device="old"} 4096
            node_network_receive_dropped_total{device="eth0"} 64
            node_network_receive_dropped_total{device="old"} 64
            node_network_receive_errors_total{device="eth0"} 16
            node_network_receive_errors_total{device="old"} 16
            node_network_receive_fifo_errors_total{device="eth0"} 16384
            node_network_receive_fifo_errors_total{device="old"} 16384
            node_network_receive_frame_errors_total{device="eth0"} 8192
            node_network_receive_frame_errors_total{device="old"} 8192
            node_network_receive_length_errors_total{device="eth0"} 1024
            node_network_receive_length_errors_total{device="old"} 1024
            node_network_receive_missed_errors_total{device="eth0"} 32768
            node_network_receive_missed_errors_total{device="old"} 32768
            node_network_receive_nohandler_total{device="eth0"} 8388608
            node_network_receive_over_errors_total{device="eth0"} 2048
            node_network_receive_over_errors_total{device="old"} 2048
            node_network_receive_packets_total{device="eth0"} 1
            node_network_receive_packets_total{device="old"} 1
            node_network_transmit_aborted_errors_total{device="eth0"} 65536
            node_network_transmit_aborted_errors_total{device="old"} 65536
            node_network_transmit_bytes_total{device="eth0"} 8
            node_network_transmit_bytes_total{device="old"} 8
            node_network_transmit_carrier_errors_total{device="eth0"} 131072
            node_network_transmit_carrier_errors_total{device="old"} 131072
            node_network_transmit_compressed_total{device="eth0"} 4194304
            node_network_transmit_compressed_total{device="old"} 4194304
            node_network_transmit_dropped_total{device="eth0"} 128
            node_network_transmit_dropped_total{device="old"} 128
            node_network_transmit_errors_total{device="eth0"} 32
            node_network_transmit_errors_total{device="old"} 32
            node_network_transmit_fifo_errors_total{device="eth0"} 262144
            node_network_transmit_fifo_errors_total{device="old"} 262144
            node_network_transmit_heartbeat_errors_total{device="eth0"} 524288
            node_network_transmit_heartbeat_errors_total{device="old"} 524288
            node_network_transmit_packets_total{device="eth0"} 2
            node_network_transmit_packets_total{device="old"} 2
            node_network_transmit_window_errors_total{device="eth0"} 1048576
            node_network_transmit_window_errors_total{device="old"} 1048576
        "#]]
        .assert_eq(&links(true));
    }

    #[test]
    fn scopes() {
        let scopes = ["127.0.0.1", "::1", "fe80::1", "10.0.0.1", "fd00::5", "224.0.0.5", "ff01::1"]
            .map(|ip| scope(ip.parse().expect("an address")));
        assert_eq!(
            scopes,
            [
                "link-local",
                "link-local",
                "link-local",
                "global",
                "global",
                "link-local",
                "interface-local"
            ]
        );
    }
}
