//! The `netclass` collector as `--collector.netclass.netlink` asks for it: what `RTM_GETLINK` and the
//! ethtool family tell, as they tell it, with three values that only sysfs has.
//!
//! It differs from the values of sysfs: carrier, dormant, speed and duplex are there while an
//! interface is down, an unknown speed is the largest 32-bit number, the flags are those that
//! processes see, and the label `adminstate` is missing.

use crate::{
    links::{Link, Links, LinksReader, Stats},
    netclass::{STATE, Values, read_number, write_numbers, write_up},
    netlink::{GENERIC_HEADER, Generic, Message, attribute},
};
use collect::{Collector, Faults, Filter, Result, Root};
use exposition::{Family, Writer};
use std::{borrow::Cow, collections::HashMap};

const DEVICE: &[&str] = &["device"];

pub(crate) static ALTNAMES: [Family; 1] = [Family::gauge(
    "node_network_altnames_info",
    "An alternative name of an interface; always 1.",
    &["altname", "device"],
)];

macro_rules! statistics { ($($name:literal $position:ident $help:literal,)*) => {
    /// Gauges, though their names end in `_total` and `netdev` has some of them as counters.
    pub(crate) static STATISTICS: [Family; 24] = [
        $(Family::gauge(concat!("node_network_", $name, "_total"), $help, DEVICE),)*
    ];
    static POSITIONS: [usize; 24] = [$(Stats::$position,)*];
}}
statistics! {
    "receive_packets" RX_PACKETS "Packets received.",
    "transmit_packets" TX_PACKETS "Packets sent.",
    "receive_bytes" RX_BYTES "Bytes received.",
    "transmit_bytes" TX_BYTES "Bytes sent.",
    "receive_errors" RX_ERRORS "Bad packets received.",
    "transmit_errors" TX_ERRORS "Packets that could not be sent.",
    "receive_dropped" RX_DROPPED "Received packets dropped by the host.",
    "transmit_dropped" TX_DROPPED "Packets dropped before sending.",
    "multicast" MULTICAST "Multicast packets received.",
    "collisions" COLLISIONS "Collisions while sending.",
    "receive_length_errors" RX_LENGTH_ERRORS "Received packets of a wrong length.",
    "receive_over_errors" RX_OVER_ERRORS "Receive ring overflows.",
    "receive_crc_errors" RX_CRC_ERRORS "Received packets with a wrong checksum.",
    "receive_frame_errors" RX_FRAME_ERRORS "Received packets of a wrong alignment.",
    "receive_fifo_errors" RX_FIFO_ERRORS "Receive FIFO overruns.",
    "receive_missed_errors" RX_MISSED_ERRORS "Received packets dropped by the device for want of room.",
    "transmit_aborted_errors" TX_ABORTED_ERRORS "Packets aborted while sending.",
    "transmit_carrier_errors" TX_CARRIER_ERRORS "Packets lost to the carrier.",
    "transmit_fifo_errors" TX_FIFO_ERRORS "Send FIFO underruns.",
    "transmit_heartbeat_errors" TX_HEARTBEAT_ERRORS "Heartbeat errors.",
    "transmit_window_errors" TX_WINDOW_ERRORS "Late collisions.",
    "receive_compressed" RX_COMPRESSED "Compressed packets received.",
    "transmit_compressed" TX_COMPRESSED "Compressed packets sent.",
    "receive_nohandler" RX_NOHANDLER "Received packets dropped because nobody was there to take them.",
}

pub(crate) struct Netclass {
    ignored: Filter,
    sys: Root,
    links: LinksReader,
    ethtool: Generic,
    with_stats: bool,
}

/// Speed in Mbit/s and duplex of an interface.
#[derive(Clone, Copy, Default)]
pub(crate) struct Mode {
    pub(crate) speed: Option<u32>,
    pub(crate) duplex: Option<u8>,
}

impl Netclass {
    pub(crate) fn new(ignored: Filter, sys: Root, with_stats: bool) -> Self {
        let (links, ethtool) = (LinksReader::new(), Generic::new("ethtool"));
        Self { ignored, sys, links, ethtool, with_stats }
    }
}

impl Collector for Netclass {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let mut faults = Faults::default();
        let links = self.links.read()?;
        let modes = faults.ok(modes(&mut self.ethtool)).unwrap_or_default();
        let kept = kept(&links, &mut self.ignored);
        let interfaces: Vec<_> = kept
            .iter()
            .map(|link| {
                let mode = modes.get(&link.index).copied().unwrap_or_default();
                values(link, mode, &self.sys, &mut faults)
            })
            .collect();
        write_numbers(out, &interfaces, false);
        let [info, up] = &STATE;
        out.family(info, |s| {
            for i in &interfaces {
                s.sample(
                    &[
                        ("device", i.name),
                        ("address", &i.address),
                        ("broadcast", &i.broadcast),
                        ("duplex", &i.duplex),
                        ("operstate", &i.operstate),
                        ("ifalias", &i.alias),
                    ],
                    1u8,
                );
            }
        });
        write_up(out, up, &interfaces);
        let [altnames] = &ALTNAMES;
        out.family(altnames, |s| {
            for link in &kept {
                for altname in &link.altnames {
                    s.row(&[altname, &link.name], 1u8);
                }
            }
        });
        if self.with_stats {
            for (family, position) in STATISTICS.iter().zip(POSITIONS) {
                out.family(family, |s| {
                    for link in &kept {
                        if let Some(value) = link.stats.as_ref().and_then(|s| s.sum(&[position])) {
                            s.row(&[&link.name], value);
                        }
                    }
                });
            }
        }
        faults.finish()
    }
}

fn kept<'a>(links: &'a Links, ignored: &mut Filter) -> Vec<&'a Link> {
    links.iter().filter(|link| ignored.keeps(&link.name)).collect()
}

fn values<'a>(link: &'a Link, mode: Mode, sys: &Root, faults: &mut Faults) -> Values<'a> {
    let mut file = |file| faults.ok(read_number(sys, &link.name, file)).flatten();
    let duplex = match mode.duplex {
        None => "",
        Some(0) => "Half",
        Some(1) => "Full",
        Some(_) => "Unknown",
    };
    Values {
        name: &link.name,
        address: Cow::Borrowed(&link.address),
        broadcast: Cow::Borrowed(&link.broadcast),
        duplex: Cow::Borrowed(duplex),
        operstate: Cow::Borrowed(link.operstate()),
        alias: Cow::Borrowed(&link.alias),
        numbers: [
            file("addr_assign_type"),
            link.carrier.map(Into::into),
            link.carrier_changes.map(Into::into),
            link.carrier_up.map(Into::into),
            link.carrier_down.map(Into::into),
            file("dev_id"),
            // IF_OPER_DORMANT
            link.operstate.map(|state| (state == 5).into()),
            Some(link.flags.into()),
            Some(link.index.into()),
            Some(link.lower.into()),
            link.mode.map(Into::into),
            link.mtu.map(Into::into),
            file("name_assign_type"),
            link.group.map(Into::into),
            mode.speed.map(Into::into),
            link.queue_length.map(Into::into),
            Some(link.kind.into()),
        ],
    }
}

const ETHTOOL_MSG_LINKMODES_GET: u8 = 4;
const HEADER: u16 = 1;
const HEADER_DEV_INDEX: u16 = 1;
const HEADER_FLAGS: u16 = 3;
const COMPACT_BITSETS: u32 = 1;
const SPEED: u16 = 5;
const DUPLEX: u16 = 6;

/// Speed and duplex of every interface that has them, by index. Linux before 5.6 has no such
/// family.
pub(crate) fn modes(ethtool: &mut Generic) -> Result<HashMap<u32, Mode>> {
    let (mut header, mut request) = (Vec::new(), Vec::new());
    attribute(&mut header, HEADER_FLAGS, &COMPACT_BITSETS.to_ne_bytes());
    attribute(&mut request, 0x8000 | HEADER, &header);
    let what = "ETHTOOL_MSG_LINKMODES_GET";
    ethtool.dump(what, ETHTOOL_MSG_LINKMODES_GET, &request, take_mode)
}

fn take_mode(modes: &mut HashMap<u32, Mode>, message: Message<'_>) {
    let (mut index, mut mode) = (None, Mode::default());
    for attribute in message.attributes(GENERIC_HEADER) {
        match attribute.kind {
            HEADER => {
                let mut inner = attribute.nested();
                index = inner.find(|a| a.kind == HEADER_DEV_INDEX).and_then(|a| a.u32());
            }
            SPEED => mode.speed = attribute.u32(),
            DUPLEX => mode.duplex = attribute.u8(),
            _ => {}
        }
    }
    modes.extend(index.map(|index| (index, mode)));
}
