//! Queueing disciplines at the root of each interface: an `RTM_GETQDISC` dump. Those below a root,
//! and those for what comes in, do not count.

use crate::{
    links::LinksReader,
    netlink::{self, Message, Netlink},
};
use collect::{Collector, Filter, Opt, Result, Spec};
use exposition::{Family, Value, Writer};

pub(crate) static SPEC: Spec = Spec {
    name: "qdisc",
    doc: "Queues of network interfaces.",
    default: false,
    families: &[&COUNTERS, &GAUGES],
    opts: &[INCLUDE, EXCLUDE],
    build: |cx| {
        let filter = Filter::new(&cx.options, &INCLUDE, &EXCLUDE)?;
        let netlink = Netlink::new(netlink::Family::Route);
        Ok(Box::new(Qdisc { filter, netlink, links: LinksReader::new() }))
    },
};

const INCLUDE: Opt = Opt::text(
    "collector.qdisc.device-include",
    "",
    "Interfaces to keep, as a regular expression (not with device-exclude).",
)
.aliases(&["collector.qdisk.device-include"]);
const EXCLUDE: Opt = Opt::text(
    "collector.qdisc.device-exclude",
    "",
    "Interfaces to leave out, as a regular expression (not with device-include).",
)
.aliases(&["collector.qdisk.device-exclude"]);

const LABELS: &[&str] = &["device", "kind"];

static COUNTERS: [Family; 5] = [
    Family::counter("node_qdisc_bytes_total", "Bytes sent.", LABELS),
    Family::counter("node_qdisc_packets_total", "Packets sent.", LABELS),
    Family::counter("node_qdisc_drops_total", "Packets dropped.", LABELS),
    Family::counter("node_qdisc_requeues_total", "Packets put back into the queue.", LABELS),
    Family::counter("node_qdisc_overlimits_total", "Packets over the limit.", LABELS),
];

static GAUGES: [Family; 2] = [
    Family::gauge("node_qdisc_current_queue_length", "Packets in the queue.", LABELS),
    Family::gauge("node_qdisc_backlog", "Bytes in the queue.", LABELS),
];

struct Qdisc {
    filter: Filter,
    netlink: Netlink,
    links: LinksReader,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Queue {
    index: u32,
    kind: String,
    bytes: Option<u64>,
    packets: Option<u64>,
    drops: Option<u32>,
    requeues: Option<u32>,
    overlimits: Option<u32>,
    length: Option<u32>,
    backlog: Option<u32>,
}

const RTM_NEWQDISC: u16 = 36;
const RTM_GETQDISC: u16 = 38;
/// Bytes of `struct tcmsg`.
const TCMSG: usize = 20;
const TC_H_ROOT: u32 = u32::MAX;

impl Collector for Qdisc {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let queues: Vec<Queue> =
            self.netlink.dump("RTM_GETQDISC", RTM_GETQDISC, &[0; TCMSG], take_queue)?;
        let links = self.links.read()?;
        let queues: Vec<(&str, Queue)> = queues
            .into_iter()
            .filter_map(|queue| Some((links.by_index(queue.index)?.name.as_str(), queue)))
            .filter(|(device, _)| self.filter.keeps(device))
            .collect();
        write(out, &queues);
        Ok(())
    }
}

fn write(out: &mut Writer, queues: &[(&str, Queue)]) {
    let [bytes, packets, drops, requeues, overlimits] = &COUNTERS;
    let [length, backlog] = &GAUGES;
    write_one(out, bytes, queues, |queue| queue.bytes);
    write_one(out, packets, queues, |queue| queue.packets);
    write_one(out, drops, queues, |queue| queue.drops);
    write_one(out, requeues, queues, |queue| queue.requeues);
    write_one(out, overlimits, queues, |queue| queue.overlimits);
    write_one(out, length, queues, |queue| queue.length);
    write_one(out, backlog, queues, |queue| queue.backlog);
}

fn write_one<V: Value>(
    out: &mut Writer,
    family: &Family,
    queues: &[(&str, Queue)],
    number: impl Fn(&Queue) -> Option<V>,
) {
    out.family(family, |s| {
        for (device, queue) in queues {
            if let Some(number) = number(queue) {
                s.row(&[device, &queue.kind], number);
            }
        }
    });
}

/// Numbers of attributes are `TCA_*` and, within, `TCA_STATS_*`.
fn take_queue(queues: &mut Vec<Queue>, message: Message<'_>) {
    let (Some(index), Some(parent)) = (message.u32(4), message.u32(12)) else { return };
    if message.kind != RTM_NEWQDISC || parent != TC_H_ROOT {
        return;
    }
    let mut queue = Queue { index, ..Queue::default() };
    for attribute in message.attributes(TCMSG) {
        match attribute.kind {
            1 => queue.kind = attribute.text(),
            7 => {
                for part in attribute.nested() {
                    match part.kind {
                        1 => {
                            queue.bytes = part.u64();
                            queue.packets = queue.packets.or(part.u32_at(8).map(Into::into));
                        }
                        3 => {
                            queue.length = part.u32();
                            queue.backlog = part.u32_at(4);
                            queue.drops = part.u32_at(8);
                            queue.requeues = part.u32_at(12);
                            queue.overlimits = part.u32_at(16);
                        }
                        // The packets whole, once they are more than 32 bits hold (Linux 5.5).
                        8 => queue.packets = part.u64(),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    queues.push(queue);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::attribute;
    use expect_test::expect;
    use exposition::{Format, encode};

    fn body(parent: u32, stats: &[u8]) -> Vec<u8> {
        let mut body = vec![0; TCMSG];
        body[4] = 2;
        body[12..16].copy_from_slice(&parent.to_ne_bytes());
        attribute(&mut body, 1, b"fq_codel\0");
        attribute(&mut body, 0x8007, stats);
        body
    }

    fn expose(bodies: &[Vec<u8>]) -> String {
        let mut queues = Vec::new();
        for body in bodies {
            take_queue(&mut queues, Message { kind: RTM_NEWQDISC, body });
        }
        let mut out = Writer::default();
        let queues: Vec<_> = queues.into_iter().map(|queue| ("eth0", queue)).collect();
        write(&mut out, &queues);
        String::from_utf8(encode(&[&out.finish()], Format::TEXT).body).expect("UTF-8")
    }

    #[test]
    fn roots_only() {
        let mut stats = Vec::new();
        let mut basic = 1000u64.to_ne_bytes().to_vec();
        basic.extend([7, 0, 0, 0, 0, 0, 0, 0]);
        attribute(&mut stats, 1, &basic);
        attribute(&mut stats, 3, &[1u32, 2, 3, 4, 5].map(u32::to_ne_bytes).concat());
        let others = [0xffff_fff1, 0x0001_0001].map(|parent| body(parent, &stats));
        assert_eq!(expose(&others), "");
        expect![[r##"
            # HELP node_qdisc_backlog Bytes in the queue.
            # TYPE node_qdisc_backlog gauge
            node_qdisc_backlog{device="eth0",kind="fq_codel"} 2
            # HELP node_qdisc_bytes_total Bytes sent.
            # TYPE node_qdisc_bytes_total counter
            node_qdisc_bytes_total{device="eth0",kind="fq_codel"} 1000
            # HELP node_qdisc_current_queue_length Packets in the queue.
            # TYPE node_qdisc_current_queue_length gauge
            node_qdisc_current_queue_length{device="eth0",kind="fq_codel"} 1
            # HELP node_qdisc_drops_total Packets dropped.
            # TYPE node_qdisc_drops_total counter
            node_qdisc_drops_total{device="eth0",kind="fq_codel"} 3
            # HELP node_qdisc_overlimits_total Packets over the limit.
            # TYPE node_qdisc_overlimits_total counter
            node_qdisc_overlimits_total{device="eth0",kind="fq_codel"} 5
            # HELP node_qdisc_packets_total Packets sent.
            # TYPE node_qdisc_packets_total counter
            node_qdisc_packets_total{device="eth0",kind="fq_codel"} 7
            # HELP node_qdisc_requeues_total Packets put back into the queue.
            # TYPE node_qdisc_requeues_total counter
            node_qdisc_requeues_total{device="eth0",kind="fq_codel"} 4
        "##]]
        .assert_eq(&expose(&[body(TC_H_ROOT, &stats)]));
    }

    #[test]
    fn torn() {
        let mut stats = Vec::new();
        attribute(&mut stats, 8, &(1u64 << 33).to_ne_bytes());
        attribute(&mut stats, 3, &[1, 0, 0, 0, 2]);
        expect![[r##"
            # HELP node_qdisc_current_queue_length Packets in the queue.
            # TYPE node_qdisc_current_queue_length gauge
            node_qdisc_current_queue_length{device="eth0",kind="fq_codel"} 1
            # HELP node_qdisc_packets_total Packets sent.
            # TYPE node_qdisc_packets_total counter
            node_qdisc_packets_total{device="eth0",kind="fq_codel"} 8589934592
        "##]]
        .assert_eq(&expose(&[body(TC_H_ROOT, &stats), vec![0; 11]]));
    }
}
