//! What network interfaces are and how they stand: `/sys/class/net/<interface>/*`, one value a file.
//!
//! The files answer one at a time and some take the kernel's network lock, so that a hundred
//! interfaces cost tens of milliseconds. Where sysfs shows our own network namespace, all but three
//! of the values come from netlink: the `RTM_GETLINK` dump that `netdev` makes anyway, and one dump
//! of the ethtool family. sysfs has the last word on what a value is: while an interface is down it
//! has no carrier, dormant, speed and duplex, though netlink would tell. Speed is in Mbit/s there
//! and in bytes/s here.

use crate::{
    links::{IFF_UP, Link, Links, LinksReader},
    netclass_rtnl::{self, modes},
    netlink::Generic,
};
use collect::{Attr, Collector, Error, Faults, Filter, Opt, Result, Root, Spec};
use exposition::{Family, Writer};
use std::{borrow::Cow, collections::HashMap, path::Path};

pub(crate) static SPEC: Spec = Spec {
    name: "netclass",
    doc: "Addresses, state, speed and other properties of network interfaces.",
    default: true,
    families: &[&NUMBERS, &STATE, &netclass_rtnl::ALTNAMES, &netclass_rtnl::STATISTICS],
    opts: &[IGNORED, IGNORE_INVALID_SPEED, NETLINK, WITH_STATS],
    build: |cx| {
        let options = &cx.options;
        let ignored = Filter::excluding(options, &IGNORED)?;
        let sys = cx.sys.at("class/net");
        if options.switch(&NETLINK) {
            let with_stats = options.switch(&WITH_STATS);
            return Ok(Box::new(netclass_rtnl::Netclass::new(ignored, sys, with_stats)));
        }
        // A tree of files says nothing about what netlink tells, and the other way round. The
        // machine's own sysfs may well be mounted elsewhere, as it is in a pod.
        let own = is_sysfs(cx.sys.as_path());
        Ok(Box::new(Netclass {
            ignored,
            ignore_invalid_speed: options.switch(&IGNORE_INVALID_SPEED),
            links: own.then(LinksReader::new),
            ethtool: Generic::new("ethtool"),
            sys,
            known: HashMap::new(),
            scrape: 0,
            pause: 0,
            next_pause: 1,
        }))
    },
};

const IGNORED: Opt = Opt::text(
    "collector.netclass.ignored-devices",
    "^$",
    "Interfaces to leave out, as a regular expression.",
);
const IGNORE_INVALID_SPEED: Opt = Opt::switch(
    "collector.netclass.ignore-invalid-speed",
    false,
    "Leave a negative speed out instead of giving it as it is.",
);
const NETLINK: Opt = Opt::switch(
    "collector.netclass.netlink",
    false,
    "Give what netlink tells, which lacks the label adminstate and has values of interfaces that are down.",
);
const WITH_STATS: Opt = Opt::switch(
    "collector.netclass_rtnl.with-stats",
    false,
    "With netlink, give the statistics of each interface too.",
);

const DEVICE: &[&str] = &["device"];

/// Families of one number, in the order of [`Values::numbers`].
pub(crate) static NUMBERS: [Family; 17] = [
    Family::gauge(
        "node_network_address_assign_type",
        "How the address came: 0 permanent, 1 random, 2 stolen, 3 set.",
        DEVICE,
    ),
    Family::gauge("node_network_carrier", "Whether there is a carrier.", DEVICE),
    Family::counter("node_network_carrier_changes_total", "Times the carrier changed.", DEVICE),
    Family::counter("node_network_carrier_up_changes_total", "Times the carrier came.", DEVICE),
    Family::counter("node_network_carrier_down_changes_total", "Times the carrier went.", DEVICE),
    Family::gauge("node_network_device_id", "Tells devices apart that share an address.", DEVICE),
    Family::gauge("node_network_dormant", "Whether it waits for something else.", DEVICE),
    Family::gauge("node_network_flags", "IFF_* flags as one number.", DEVICE),
    Family::gauge("node_network_iface_id", "The interface's index.", DEVICE),
    Family::gauge(
        "node_network_iface_link",
        "The index of the interface that this one is stacked on or paired with, else its own.",
        DEVICE,
    ),
    Family::gauge("node_network_iface_link_mode", "0 default, 1 dormant.", DEVICE),
    Family::gauge("node_network_mtu_bytes", "Largest payload of a frame.", DEVICE),
    Family::gauge(
        "node_network_name_assign_type",
        "Who named it: 1 kernel by counting, 2 kernel by predicting, 3 user, 4 renamed.",
        DEVICE,
    ),
    Family::gauge("node_network_net_dev_group", "The group that it belongs to.", DEVICE),
    Family::gauge("node_network_speed_bytes", "Link speed, bytes per second.", DEVICE),
    Family::gauge("node_network_transmit_queue_length", "Length of the queue, packets.", DEVICE),
    Family::gauge("node_network_protocol_type", "ARPHRD_* type of the interface.", DEVICE),
];

pub(crate) static STATE: [Family; 2] = [
    Family::gauge(
        "node_network_info",
        "Texts of an interface; always 1.",
        &["device", "address", "broadcast", "duplex", "operstate", "adminstate", "ifalias"],
    ),
    Family::gauge("node_network_up", "Whether the operational state is up.", DEVICE),
];

/// The files of [`NUMBERS`].
const FILES: [&str; 17] = [
    "addr_assign_type",
    "carrier",
    "carrier_changes",
    "carrier_up_count",
    "carrier_down_count",
    "dev_id",
    "dormant",
    "flags",
    "ifindex",
    "iflink",
    "link_mode",
    "mtu",
    "name_assign_type",
    "netdev_group",
    "speed",
    "tx_queue_len",
    "type",
];
const FLAGS: usize = 7;
const IFINDEX: usize = 8;
const SPEED: usize = 14;

/// What is known of one interface.
pub(crate) struct Values<'a> {
    pub(crate) name: &'a str,
    pub(crate) address: Cow<'a, str>,
    pub(crate) broadcast: Cow<'a, str>,
    pub(crate) duplex: Cow<'a, str>,
    pub(crate) operstate: Cow<'a, str>,
    pub(crate) alias: Cow<'a, str>,
    pub(crate) numbers: [Option<i64>; 17],
}

struct Netclass {
    ignored: Filter,
    ignore_invalid_speed: bool,
    /// Present where netlink may stand in for sysfs, if they show the same interfaces.
    links: Option<LinksReader>,
    ethtool: Generic,
    sys: Root,
    known: HashMap<u32, Known>,
    scrape: u32,
    /// Scrapes in which netlink is not tried, since sysfs showed another network namespace, and how
    /// many it would be the next time.
    pause: u32,
    next_pause: u32,
}

/// What sysfs alone tells of an interface, kept from scrape to scrape.
///
/// `addr_assign_type` and `name_assign_type` change when the address or the name is set, `dev_id`
/// never while an interface lives; so what was read holds as long as index, name and address are
/// the same. (An address that is set to what it was already is noticed at the next check.)
struct Known {
    name: String,
    address: String,
    address_assign_type: Option<i64>,
    device_id: Option<i64>,
    name_assign_type: Option<i64>,
}

/// Speed and duplex, which the ethtool family has from the same question to the driver as sysfs.
#[derive(Clone, Copy, Default)]
struct Mode {
    speed: Option<i64>,
    duplex: &'static str,
}

/// Each interface is compared with sysfs anew once in so many scrapes.
const CHECK_EVERY: u32 = 64;
/// How long netlink is left alone at most.
const MAX_PAUSE: u32 = 64;
const SYSFS_MAGIC: u64 = 0x6265_6572;

/// Why netlink cannot stand in for sysfs in this scrape.
struct Mismatch;

impl Collector for Netclass {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let mut faults = Faults::default();
        let mut names = self.sys.list("").map_err(Error::or_no_data)?;
        if self.pause > 0 {
            self.pause -= 1;
        } else if let Some(mut reader) = self.links.take() {
            let result = self.collect_by_netlink(&mut reader, &mut names, out, &mut faults);
            self.links = Some(reader);
            if result.is_ok() {
                self.next_pause = 1;
                return faults.finish();
            }
            self.known.clear();
            self.pause = self.next_pause;
            self.next_pause = self.next_pause.saturating_mul(2).min(MAX_PAUSE);
        }
        let kept = self.keep(&names);
        let interfaces: Vec<_> =
            kept.iter().filter_map(|name| from_files(&self.sys, name, &mut faults)).collect();
        write(out, &interfaces, self.ignore_invalid_speed);
        faults.finish()
    }
}

// === impl Netclass ===

impl Netclass {
    fn keep<'a>(&mut self, names: &'a [String]) -> Vec<&'a str> {
        let wanted = |name: &&'a str| self.ignored.keeps(name);
        let names = names.iter().map(String::as_str).filter(wanted);
        // The one file among the interfaces; others are found out when they have no index.
        names.filter(|name| *name != "bonding_masters").collect()
    }

    /// Writes the interfaces by netlink; `names` is as of now when it fails.
    fn collect_by_netlink(
        &mut self,
        reader: &mut LinksReader,
        names: &mut Vec<String>,
        out: &mut Writer,
        faults: &mut Faults,
    ) -> Result<(), Mismatch> {
        self.scrape = self.scrape.wrapping_add(1);
        let mut links = reader.read();
        // An interface may have come or gone between the dump and the listing: look again.
        for last in [false, true] {
            let table = match links {
                Ok(table) => table,
                Err(error) => {
                    out.remark(format!("read file by file: {error}"));
                    return Err(Mismatch);
                }
            };
            let kept = self.keep(names);
            if let Ok(interfaces) = self.values_by_netlink(&kept, &table, faults) {
                write(out, &interfaces, self.ignore_invalid_speed);
                return Ok(());
            }
            *names = self.sys.list("").map_err(|_| Mismatch)?;
            if last {
                break;
            }
            links = reader.read_anew();
        }
        Err(Mismatch)
    }

    /// The interfaces by netlink, less what it does not tell; fails where sysfs shows others.
    fn values_by_netlink<'a>(
        &mut self,
        names: &[&str],
        links: &'a Links,
        faults: &mut Faults,
    ) -> Result<Vec<Values<'a>>, Mismatch> {
        let expected = links.iter().filter(|link| self.ignored.keeps(&link.name));
        if !expected.map(|link| link.name.as_str()).eq(names.iter().copied()) {
            return Err(Mismatch);
        }
        let modes = modes(&mut self.ethtool).ok();
        let mut interfaces = Vec::with_capacity(names.len());
        for link in names.iter().filter_map(|name| links.by_name(name)) {
            let known = match self.known.remove(&link.index) {
                Some(known)
                    if known.name == link.name
                        && known.address == link.address
                        && self.scrape.wrapping_add(link.index) % CHECK_EVERY != 0 =>
                {
                    known
                }
                _ => {
                    if !self.agrees(link, faults) {
                        return Err(Mismatch);
                    }
                    self.learn(link, faults)
                }
            };
            let known = self.known.entry(link.index).or_insert(known);
            let mode = match &modes {
                _ if !link.is_up() => Mode::default(),
                Some(modes) => modes.get(&link.index).map_or_else(Mode::default, Mode::new),
                None => read_mode(&self.sys, &link.name, faults),
            };
            let flags = match link.own_flags() {
                Some(flags) => Some(flags.into()),
                None => faults.ok(read_number(&self.sys, &link.name, "flags")).flatten(),
            };
            let values = from_link(link, known, mode, flags).ok_or(Mismatch)?;
            interfaces.push(values);
        }
        if self.known.len() > interfaces.len() {
            self.known.retain(|index, _| links.by_index(*index).is_some());
        }
        Ok(interfaces)
    }

    /// Whether sysfs and netlink speak of the same interface.
    fn agrees(&self, link: &Link, faults: &mut Faults) -> bool {
        let mut read = |file| faults.ok(read_number(&self.sys, &link.name, file)).flatten();
        read("ifindex") == Some(link.index.into())
            && read("iflink") == Some(link.lower.into())
            && link.own_flags().is_none_or(|flags| read("flags") == Some(flags.into()))
            && self.sys.attr(format!("{}/address", link.name)).ok().flatten().as_deref()
                == Some(link.address.as_str())
    }

    fn learn(&self, link: &Link, faults: &mut Faults) -> Known {
        let mut read = |file| faults.ok(read_number(&self.sys, &link.name, file)).flatten();
        Known {
            name: link.name.clone(),
            address: link.address.clone(),
            address_assign_type: read("addr_assign_type"),
            device_id: read("dev_id"),
            name_assign_type: read("name_assign_type"),
        }
    }
}

/// Whether a directory is the kernel's.
fn is_sysfs(path: &Path) -> bool {
    rustix::fs::statfs(path).is_ok_and(|fs| u64::try_from(fs.f_type) == Ok(SYSFS_MAGIC))
}

// === one interface ===

/// An interface's values as sysfs would show them; `None` where netlink does not tell one that
/// sysfs always has (old kernels).
fn from_link<'a>(
    link: &'a Link,
    known: &Known,
    mode: Mode,
    flags: Option<i64>,
) -> Option<Values<'a>> {
    let up = link.is_up();
    Some(Values {
        name: &link.name,
        address: Cow::Borrowed(&link.address),
        broadcast: Cow::Borrowed(&link.broadcast),
        duplex: Cow::Borrowed(mode.duplex),
        operstate: Cow::Borrowed(link.operstate()),
        alias: Cow::Borrowed(link.alias.trim()),
        numbers: [
            known.address_assign_type,
            if up { Some(link.carrier?.into()) } else { None },
            Some(link.carrier_changes?.into()),
            Some(link.carrier_up?.into()),
            Some(link.carrier_down?.into()),
            known.device_id,
            up.then_some(link.is_dormant().into()),
            Some(flags?),
            Some(link.index.into()),
            Some(link.lower.into()),
            Some(link.mode?.into()),
            Some(link.mtu?.into()),
            known.name_assign_type,
            Some(link.group?.into()),
            mode.speed,
            Some(link.queue_length?.into()),
            Some(link.kind.into()),
        ],
    })
}

/// An interface's values, file by file; `None` where it is gone.
fn from_files<'a>(sys: &Root, name: &'a str, faults: &mut Faults) -> Option<Values<'a>> {
    let numbers = FILES.map(|file| faults.ok(read_number(sys, name, file)).flatten());
    let index = numbers.get(IFINDEX).copied().flatten();
    if index.is_none() && !sys.is_dir(name) {
        return None;
    }
    let mut text = |file| {
        Cow::Owned(faults.ok(sys.attr(format!("{name}/{file}"))).flatten().unwrap_or_default())
    };
    Some(Values {
        name,
        address: text("address"),
        broadcast: text("broadcast"),
        duplex: text("duplex"),
        operstate: text("operstate"),
        alias: text("ifalias"),
        numbers,
    })
}

/// Speed and duplex where the kernel has no ethtool family (before Linux 5.6).
fn read_mode(sys: &Root, name: &str, faults: &mut Faults) -> Mode {
    let speed = faults.ok(read_number(sys, name, "speed")).flatten();
    let duplex = faults.ok(sys.attr(format!("{name}/duplex"))).flatten();
    let duplex = match duplex.as_deref() {
        None => "",
        Some("half") => "half",
        Some("full") => "full",
        Some(_) => "unknown",
    };
    Mode { speed, duplex }
}

// === impl Mode ===

impl Mode {
    fn new(mode: &netclass_rtnl::Mode) -> Self {
        Self {
            // Unknown is the largest number there and -1 in sysfs.
            speed: mode.speed.map(|speed| speed.cast_signed().into()),
            duplex: match mode.duplex {
                None => "",
                Some(0) => "half",
                Some(1) => "full",
                Some(_) => "unknown",
            },
        }
    }
}

/// A number of an interface: decimal, or hexadecimal with `0x`.
pub(crate) fn read_number(sys: &Root, name: &str, file: &str) -> Attr<i64> {
    let path = format!("{name}/{file}");
    let Some(text) = sys.attr(&path)? else { return Ok(None) };
    if let Some(number) = number(&text) {
        return Ok(Some(number));
    }
    Err(Error::Parse { path: sys.path(path), what: "expected a number", line: text })
}

fn number(text: &str) -> Option<i64> {
    match text.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

fn write(out: &mut Writer, interfaces: &[Values<'_>], ignore_invalid_speed: bool) {
    write_numbers(out, interfaces, ignore_invalid_speed);
    let [info, up] = &STATE;
    out.family(info, |s| {
        for i in interfaces {
            let adminstate = match i.numbers.get(FLAGS).copied().flatten() {
                Some(flags) if flags & i64::from(IFF_UP) != 0 => "up",
                Some(_) => "down",
                None => "unknown",
            };
            s.row(
                &[i.name, &i.address, &i.broadcast, &i.duplex, &i.operstate, adminstate, &i.alias],
                1u8,
            );
        }
    });
    write_up(out, up, interfaces);
}

pub(crate) fn write_up(out: &mut Writer, up: &Family, interfaces: &[Values<'_>]) {
    out.family(up, |s| {
        for interface in interfaces {
            s.row(&[interface.name], interface.operstate == "up");
        }
    });
}

pub(crate) fn write_numbers(
    out: &mut Writer,
    interfaces: &[Values<'_>],
    ignore_invalid_speed: bool,
) {
    for (position, family) in NUMBERS.iter().enumerate() {
        out.family(family, |s| {
            for interface in interfaces {
                let Some(number) = interface.numbers.get(position).copied().flatten() else {
                    continue;
                };
                if position != SPEED {
                    s.row(&[interface.name], number);
                } else if number >= 0 || !ignore_invalid_speed {
                    // Mbit/s → bytes/s.
                    s.row(&[interface.name], number.saturating_mul(125_000));
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect::testing::{expose, expose_with};
    use expect_test::expect;

    #[test]
    fn files_of_two_interfaces() {
        let files = [
            ("sys/class/net/bonding_masters", "bond0\n"),
            ("sys/class/net/eth0/addr_assign_type", "3\n"),
            ("sys/class/net/eth0/address", "02:fc:00:00:00:01\n"),
            ("sys/class/net/eth0/broadcast", "ff:ff:ff:ff:ff:ff\n"),
            ("sys/class/net/eth0/carrier_changes", "2\n"),
            ("sys/class/net/eth0/dev_id", "0x20\n"),
            ("sys/class/net/eth0/duplex", "full\n"),
            ("sys/class/net/eth0/flags", "0x1003\n"),
            ("sys/class/net/eth0/ifalias", "  uplink \"a\"\n"),
            ("sys/class/net/eth0/ifindex", "2\n"),
            ("sys/class/net/eth0/operstate", "up\n"),
            ("sys/class/net/eth0/speed", "1000\n"),
            ("sys/class/net/tun0/flags", "0x1090\n"),
            ("sys/class/net/tun0/operstate", "down\n"),
            ("sys/class/net/tun0/speed", "-1\n"),
        ];
        expect![[r##"
            # HELP node_network_address_assign_type How the address came: 0 permanent, 1 random, 2 stolen, 3 set.
            # TYPE node_network_address_assign_type gauge
            node_network_address_assign_type{device="eth0"} 3
            # HELP node_network_carrier_changes_total Times the carrier changed.
            # TYPE node_network_carrier_changes_total counter
            node_network_carrier_changes_total{device="eth0"} 2
            # HELP node_network_device_id Tells devices apart that share an address.
            # TYPE node_network_device_id gauge
            node_network_device_id{device="eth0"} 32
            # HELP node_network_flags IFF_* flags as one number.
            # TYPE node_network_flags gauge
            node_network_flags{device="eth0"} 4099
            node_network_flags{device="tun0"} 4240
            # HELP node_network_iface_id The interface's index.
            # TYPE node_network_iface_id gauge
            node_network_iface_id{device="eth0"} 2
            # HELP node_network_info Texts of an interface; always 1.
            # TYPE node_network_info gauge
            node_network_info{device="eth0",address="02:fc:00:00:00:01",broadcast="ff:ff:ff:ff:ff:ff",duplex="full",operstate="up",adminstate="up",ifalias="uplink \"a\""} 1
            node_network_info{device="tun0",address="",broadcast="",duplex="",operstate="down",adminstate="down",ifalias=""} 1
            # HELP node_network_speed_bytes Link speed, bytes per second.
            # TYPE node_network_speed_bytes gauge
            node_network_speed_bytes{device="eth0"} 125000000
            node_network_speed_bytes{device="tun0"} -125000
            # HELP node_network_up Whether the operational state is up.
            # TYPE node_network_up gauge
            node_network_up{device="eth0"} 1
            node_network_up{device="tun0"} 0
        "##]].assert_eq(&expose(&SPEC, &files));
    }

    #[test]
    fn a_bad_attribute_costs_itself() {
        let files = [
            ("sys/class/net/a/mtu", "many\n"),
            ("sys/class/net/a/speed", "-1\n"),
            ("sys/class/net/b/ifindex", "99999999999999999999\n"),
            ("sys/class/net/veth1/ifindex", "7\n"),
            ("sys/class/net/gone", "-> nowhere"),
        ];
        let options = [
            ("collector.netclass.ignored-devices", "^veth"),
            ("collector.netclass.ignore-invalid-speed", "true"),
        ];
        expect![[r##"
            # HELP node_network_info Texts of an interface; always 1.
            # TYPE node_network_info gauge
            node_network_info{device="a",address="",broadcast="",duplex="",operstate="",adminstate="unknown",ifalias=""} 1
            node_network_info{device="b",address="",broadcast="",duplex="",operstate="",adminstate="unknown",ifalias=""} 1
            # HELP node_network_up Whether the operational state is up.
            # TYPE node_network_up gauge
            node_network_up{device="a"} 0
            node_network_up{device="b"} 0
            error: /sys/class/net/a/mtu: expected a number: "many" (and 1 more)
        "##]].assert_eq(&expose_with(&SPEC, &files, &options));
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: no data: /sys/class/net/ does not exist
        "#]]
        .assert_eq(&expose(&SPEC, &[]));
    }
}
