//! Neighbours in the ARP table, counted by interface: an `RTM_GETNEIGH` dump or, on request,
//! `/proc/net/arp`. Interfaces that resolve no addresses do not count with netlink.

use crate::{
    links::LinksReader,
    netlink::{self, Message, Netlink},
};
use collect::{Collector, Error, Filter, Kept, Opt, Result, Spec};
use exposition::{Family, Writer};
use std::collections::BTreeMap;

pub(crate) static SPEC: Spec = Spec {
    name: "arp",
    doc: "Entries of the ARP table by interface.",
    default: true,
    families: &[&ENTRIES],
    opts: &[INCLUDE, EXCLUDE, NETLINK],
    build: |cx| {
        Ok(Box::new(Arp {
            filter: Filter::new(&cx.options, &INCLUDE, &EXCLUDE)?,
            source: if cx.options.switch(&NETLINK) {
                Source::Netlink(Netlink::new(netlink::Family::Route), LinksReader::new())
            } else {
                Source::File(cx.proc.keep("net/arp"))
            },
        }))
    },
};

const INCLUDE: Opt = Opt::text(
    "collector.arp.device-include",
    "",
    "Interfaces to keep, as a regular expression (not with device-exclude).",
);
const EXCLUDE: Opt = Opt::text(
    "collector.arp.device-exclude",
    "",
    "Interfaces to leave out, as a regular expression (not with device-include).",
);
const NETLINK: Opt = Opt::switch(
    "collector.arp.netlink",
    true,
    "Ask the kernel by netlink instead of reading /proc/net/arp.",
);

static ENTRIES: [Family; 1] =
    [Family::gauge("node_arp_entries", "Entries of the ARP table.", &["device"])];

struct Arp {
    filter: Filter,
    source: Source,
}

enum Source {
    Netlink(Netlink, LinksReader),
    File(Kept),
}

const RTM_NEWNEIGH: u16 = 28;
const RTM_GETNEIGH: u16 = 30;
const AF_INET: u8 = 2;
/// Bytes of `struct ndmsg`.
const NDMSG: usize = 12;
const NUD_NOARP: u16 = 0x40;

impl Collector for Arp {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let [family] = &ENTRIES;
        let mut entries = BTreeMap::new();
        match &mut self.source {
            Source::Netlink(netlink, links) => {
                let mut request = [0; NDMSG];
                request[0] = AF_INET;
                let counts = netlink.dump("RTM_GETNEIGH", RTM_GETNEIGH, &request, count)?;
                let links = links.read()?;
                for (index, count) in counts {
                    if let Some(link) = links.by_index(index) {
                        entries.insert(link.name.clone(), count);
                    }
                }
            }
            Source::File(file) => {
                let text = file.read().map_err(Error::or_no_data)?;
                for line in text.lines().skip(1) {
                    let what = "expected an entry that ends in a device";
                    let device = line.split_ascii_whitespace().nth(5);
                    let device = device.ok_or_else(|| text.bad(what, line))?;
                    let count = entries.entry(device.to_owned()).or_insert(0u64);
                    *count = count.saturating_add(1);
                }
            }
        }
        out.family(family, |s| {
            for (device, count) in &entries {
                if self.filter.keeps(device) {
                    s.row(&[device], *count);
                }
            }
        });
        Ok(())
    }
}

fn count(counts: &mut BTreeMap<u32, u64>, message: Message<'_>) {
    let (Some(index), Some(state)) = (message.u32(4), message.u16(8)) else { return };
    if message.kind == RTM_NEWNEIGH && state & NUD_NOARP == 0 {
        let count = counts.entry(index).or_insert(0);
        *count = count.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect::testing::expose_with;
    use expect_test::expect;

    const OFF: (&str, &str) = ("collector.arp.netlink", "false");

    #[test]
    fn the_file() {
        let text = "IP address HW type Flags HW address Mask Device\n\
                    10.0.0.1 0x1 0x2 02:00:00:00:00:01 * eth1\n\
                    10.0.0.2 0x1 0x2 02:00:00:00:00:02 * eth0\n\
                    10.0.0.3 0x1 0x0 00:00:00:00:00:00 * eth0\n\
                    10.0.0.4 0x1 0x2 02:00:00:00:00:04 * cali9\n";
        let options = [OFF, ("collector.arp.device-exclude", "^cali")];
        expect![[r##"
            # HELP node_arp_entries Entries of the ARP table.
            # TYPE node_arp_entries gauge
            node_arp_entries{device="eth0"} 2
            node_arp_entries{device="eth1"} 1
        "##]]
        .assert_eq(&expose_with(&SPEC, &[("proc/net/arp", text)], &options));
    }

    #[test]
    fn torn() {
        let text = "IP address HW type Flags HW address Mask Device\n10.0.0.1 0x1 0x2\n";
        expect![[r#"
            error: /proc/net/arp: expected an entry that ends in a device: "10.0.0.1 0x1 0x2"
        "#]]
        .assert_eq(&expose_with(&SPEC, &[("proc/net/arp", text)], &[OFF]));
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: no data: /proc/net/arp does not exist
        "#]]
        .assert_eq(&expose_with(&SPEC, &[], &[OFF]));
    }
}
