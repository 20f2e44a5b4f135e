//! Routes: an `RTM_GETROUTE` dump of the unicast routes of all tables, IPv4 and IPv6, one row for
//! each next hop. The priority is the metric; the weight is that of a hop among several.

use crate::{
    links::LinksReader,
    netlink::{self, Attribute, Message, Netlink, attributes},
};
use collect::{Collector, Result, Spec};
use exposition::{Family, Writer};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

pub(crate) static SPEC: Spec = Spec {
    name: "network_route",
    doc: "Routes by interface.",
    default: false,
    families: &[&FAMILIES],
    opts: &[],
    build: |_| {
        let netlink = Netlink::new(netlink::Family::Route);
        Ok(Box::new(Routes { netlink, links: LinksReader::new() }))
    },
};

static FAMILIES: [Family; 2] = [
    Family::gauge(
        "node_network_route_info",
        "A route, or one of its next hops; always 1.",
        &["device", "src", "dest", "gw", "priority", "proto", "weight"],
    ),
    Family::gauge("node_network_routes", "Routes and next hops of the interface.", &["device"]),
];

struct Routes {
    netlink: Netlink,
    links: LinksReader,
}

/// A next hop with its route.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Hop {
    index: Option<u32>,
    source: Option<IpAddr>,
    /// Without an address: the default.
    destination: Option<IpAddr>,
    prefix: u8,
    gateway: Option<IpAddr>,
    priority: u32,
    protocol: u8,
    weight: Option<u32>,
}

const RTM_NEWROUTE: u16 = 24;
const RTM_GETROUTE: u16 = 26;
/// Bytes of `struct rtmsg`.
const RTMSG: usize = 12;
const RTN_UNICAST: u8 = 1;

impl Collector for Routes {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let hops: Vec<Hop> =
            self.netlink.dump("RTM_GETROUTE", RTM_GETROUTE, &[0; RTMSG], take_route)?;
        let links = self.links.read()?;
        let (mut rows, mut counts) = (BTreeSet::new(), BTreeMap::new());
        for hop in &hops {
            let Some(link) = hop.index.and_then(|index| links.by_index(index)) else { continue };
            let count = counts.entry(link.name.as_str()).or_insert(0u64);
            *count = count.saturating_add(1);
            let text = |ip: Option<IpAddr>| ip.map_or_else(String::new, |ip| ip.to_string());
            let destination = match hop.destination {
                Some(ip) => format!("{ip}/{}", hop.prefix),
                None => "default".to_owned(),
            };
            // A set, since tables may agree on a route.
            rows.insert([
                link.name.clone(),
                text(hop.source),
                destination,
                text(hop.gateway),
                hop.priority.to_string(),
                protocol(hop.protocol).to_owned(),
                hop.weight.map_or_else(String::new, |weight| weight.to_string()),
            ]);
        }
        let [info, routes] = &FAMILIES;
        out.family(info, |s| {
            for row in &rows {
                s.row(&row.each_ref().map(String::as_str), 1u8);
            }
        });
        out.family(routes, |s| {
            for (device, count) in counts {
                s.row(&[device], count);
            }
        });
        Ok(())
    }
}

/// Numbers of attributes are `RTA_*` of `linux/rtnetlink.h`.
fn take_route(hops: &mut Vec<Hop>, message: Message<'_>) {
    let (Some(prefix), Some(protocol), Some(kind)) = (message.u8(1), message.u8(5), message.u8(7))
    else {
        return;
    };
    if message.kind != RTM_NEWROUTE || kind != RTN_UNICAST {
        return;
    }
    let mut hop = Hop {
        index: None,
        source: None,
        destination: None,
        prefix,
        gateway: None,
        priority: 0,
        protocol,
        weight: None,
    };
    let mut several = None;
    for attribute in message.attributes(RTMSG) {
        match attribute.kind {
            1 => hop.destination = attribute.ip(),
            4 => hop.index = attribute.u32(),
            5 => hop.gateway = attribute.ip(),
            6 => hop.priority = attribute.u32().unwrap_or(0),
            7 => hop.source = attribute.ip(),
            9 => several = Some(attribute),
            _ => {}
        }
    }
    match several {
        None => hops.push(hop),
        Some(several) => take_hops(hops, &hop, several),
    }
}

/// `struct rtnexthop`, each with attributes of its own: length, flags, weight less 1, index.
fn take_hops(hops: &mut Vec<Hop>, route: &Hop, several: Attribute<'_>) {
    let mut bytes = several.value;
    while let Some(&[low, high, _flags, weight, a, b, c, d]) = bytes.first_chunk() {
        let length = usize::from(u16::from_ne_bytes([low, high]));
        let Some(inner) = bytes.get(8..length) else { return };
        let gateway = attributes(inner).find(|a| a.kind == 5).and_then(|a| a.ip());
        hops.push(Hop {
            index: Some(u32::from_ne_bytes([a, b, c, d])),
            gateway,
            weight: Some(u32::from(weight) + 1),
            ..route.clone()
        });
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
}

/// Who made the route: `RTPROT_*`, as far as `node_exporter` names them.
fn protocol(number: u8) -> &'static str {
    match number {
        0 => "unspec",
        1 => "redirect",
        2 => "kernel",
        3 => "boot",
        4 => "static",
        8 => "gated",
        9 => "ra",
        10 => "mrt",
        11 => "zebra",
        12 => "bird",
        13 => "dnrouted",
        14 => "xorp",
        15 => "ntk",
        16 => "dhcp",
        17 => "mrouted",
        42 => "babel",
        186 => "bgp",
        187 => "isis",
        188 => "ospf",
        189 => "rip",
        192 => "eigrp",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::attribute;

    fn hops(kind: u8, change: impl FnOnce(&mut Vec<u8>)) -> Vec<Hop> {
        let mut body = vec![2, 16, 0, 0, 254, 3, 0, kind, 0, 0, 0, 0];
        attribute(&mut body, 1, &[10, 7, 0, 0]);
        change(&mut body);
        let mut hops = Vec::new();
        take_route(&mut hops, Message { kind: RTM_NEWROUTE, body: &body });
        hops
    }

    #[test]
    fn one_hop_and_several() {
        let one = hops(RTN_UNICAST, |body| {
            attribute(body, 4, &3u32.to_ne_bytes());
            attribute(body, 5, &[10, 1, 2, 9]);
        });
        let [hop] = one.as_slice() else { panic!("{one:?}") };
        assert_eq!(
            (hop.index, hop.gateway, hop.weight),
            (Some(3), Some([10, 1, 2, 9].into()), None)
        );

        let mut next = vec![16, 0, 0, 2, 5, 0, 0, 0];
        attribute(&mut next, 5, &[10, 1, 2, 9]);
        next.extend([8, 0, 0, 0, 6, 0, 0, 0]);
        for end in 0..=next.len() {
            let several = hops(RTN_UNICAST, |body| attribute(body, 9, &next[..end]));
            let weights: Vec<_> = several.iter().map(|hop| (hop.index, hop.weight)).collect();
            let expected = [(Some(5), Some(3)), (Some(6), Some(1))];
            assert_eq!(
                weights,
                expected[..usize::from(end >= 16) + usize::from(end >= 24)],
                "{end}"
            );
        }
    }

    #[test]
    fn only_unicast_routes_count() {
        assert!(hops(2, |_| {}).is_empty());
    }
}
