//! The table of network interfaces: `RTM_GETLINK`, one dump for every collector of a scrape.
//!
//! Whoever asks twice starts a new scrape and gets a new dump; the others get the one that is there,
//! unless it is older than a scrape takes.

use crate::netlink::{Attribute, Family, Message, Netlink, attributes};
use collect::Result;
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

/// One interface.
#[derive(Debug, Default)]
pub(crate) struct Link {
    pub(crate) index: u32,
    pub(crate) name: String,
    /// `ARPHRD_*`
    pub(crate) kind: u16,
    /// `IFF_*` as the kernel shows them to processes; see [`Link::own_flags`].
    pub(crate) flags: u32,
    /// `IFLA_LINK`, or the interface itself.
    pub(crate) lower: u32,
    pub(crate) address: String,
    pub(crate) broadcast: String,
    pub(crate) alias: String,
    pub(crate) altnames: Vec<String>,
    pub(crate) mtu: Option<u32>,
    pub(crate) queue_length: Option<u32>,
    pub(crate) group: Option<u32>,
    /// RFC 2863, see [`Link::operstate`].
    pub(crate) operstate: Option<u8>,
    pub(crate) mode: Option<u8>,
    pub(crate) carrier: Option<u8>,
    pub(crate) carrier_changes: Option<u32>,
    pub(crate) carrier_up: Option<u32>,
    pub(crate) carrier_down: Option<u32>,
    pub(crate) promiscuous: Option<u32>,
    /// Since Linux 6.0.
    pub(crate) all_multicast: Option<u32>,
    pub(crate) stats: Option<Stats>,
}

/// `struct rtnl_link_stats64` up to `rx_nohandler`: numbers by their position, see the constants.
#[derive(Debug, Default)]
pub(crate) struct Stats(pub(crate) [Option<u64>; 24]);

/// The interfaces at one moment.
#[derive(Debug, Default)]
pub(crate) struct Links {
    all: Vec<Link>,
    by_index: HashMap<u32, usize>,
    by_name: HashMap<String, usize>,
}

/// A collector's door to the table.
#[derive(Debug)]
pub(crate) struct LinksReader {
    id: u32,
}

/// The socket and the dump that collectors share.
struct Shared {
    netlink: Option<Netlink>,
    dump: Dump,
}

/// A dump, when it was asked for, and who has had it.
struct Dump {
    links: Option<(Arc<Links>, Instant)>,
    had_by: Vec<u32>,
}

static SHARED: Mutex<Shared> = Mutex::new(Shared { netlink: None, dump: Dump::none() });
static READERS: AtomicU32 = AtomicU32::new(0);

/// Collectors of one scrape run at the same time or close together; a dump that is older belongs
/// to a scrape that did not run all of them.
const MAX_AGE: Duration = Duration::from_millis(250);

pub(crate) const IFF_UP: u32 = 1;
const IFF_RUNNING: u32 = 1 << 6;
const IFF_PROMISC: u32 = 1 << 8;
const IFF_ALLMULTI: u32 = 1 << 9;
const IFF_LOWER_UP: u32 = 1 << 16;
const IFF_DORMANT: u32 = 1 << 17;

const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
/// Bytes of `struct ifinfomsg`.
const IFINFOMSG: usize = 16;

// === impl LinksReader ===

impl LinksReader {
    pub(crate) fn new() -> Self {
        Self { id: READERS.fetch_add(1, Ordering::Relaxed) }
    }

    /// The interfaces as of this scrape.
    pub(crate) fn read(&mut self) -> Result<Arc<Links>> {
        self.read_shared(false)
    }

    /// The interfaces as of now.
    pub(crate) fn read_anew(&mut self) -> Result<Arc<Links>> {
        self.read_shared(true)
    }

    fn read_shared(&mut self, anew: bool) -> Result<Arc<Links>> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = &mut *shared;
        let netlink = shared.netlink.get_or_insert_with(|| Netlink::new(Family::Route));
        shared.dump.get(self.id, anew, Instant::now(), || Links::dump(netlink))
    }
}

// === impl Dump ===

impl Dump {
    const fn none() -> Self {
        Self { links: None, had_by: Vec::new() }
    }

    /// The dump for a reader: the one that is there, unless it is not for this scrape.
    fn get(
        &mut self,
        reader: u32,
        anew: bool,
        now: Instant,
        dump: impl FnOnce() -> Result<Links>,
    ) -> Result<Arc<Links>> {
        if !anew
            && let Some((links, taken)) = &self.links
            && now.saturating_duration_since(*taken) <= MAX_AGE
            && !self.had_by.contains(&reader)
        {
            self.had_by.push(reader);
            return Ok(Arc::clone(links));
        }
        *self = Self::none();
        let links = Arc::new(dump()?);
        self.links = Some((Arc::clone(&links), now));
        self.had_by.push(reader);
        Ok(links)
    }
}

// === impl Links ===

impl Links {
    fn dump(netlink: &mut Netlink) -> Result<Self> {
        let mut table: Self = netlink.dump(
            "RTM_GETLINK",
            RTM_GETLINK,
            &[0; IFINFOMSG],
            |table: &mut Self, message| {
                if message.kind == RTM_NEWLINK {
                    table.all.extend(Link::parse(message));
                }
            },
        )?;
        table.all.sort_by(|a, b| a.name.cmp(&b.name));
        for (position, link) in table.all.iter().enumerate() {
            table.by_index.insert(link.index, position);
            table.by_name.insert(link.name.clone(), position);
        }
        Ok(table)
    }

    /// The interfaces, sorted by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Link> {
        self.all.iter()
    }

    pub(crate) fn by_index(&self, index: u32) -> Option<&Link> {
        self.all.get(*self.by_index.get(&index)?)
    }

    pub(crate) fn by_name(&self, name: &str) -> Option<&Link> {
        self.all.get(*self.by_name.get(name)?)
    }
}

// === impl Link ===

impl Link {
    fn parse(message: Message<'_>) -> Option<Self> {
        let index = message.u32(4)?;
        let mut link = Self {
            index,
            lower: index,
            kind: message.u16(2)?,
            flags: message.u32(8)?,
            ..Self::default()
        };
        for attribute in message.attributes(IFINFOMSG) {
            link.take(attribute);
        }
        (!link.name.is_empty()).then_some(link)
    }

    /// Numbers are `IFLA_*` of `linux/if_link.h`.
    fn take(&mut self, attribute: Attribute<'_>) {
        match attribute.kind {
            1 => self.address = attribute.mac(),
            2 => self.broadcast = attribute.mac(),
            3 => self.name = attribute.text(),
            4 => self.mtu = attribute.u32(),
            5 => self.lower = attribute.u32().unwrap_or(self.lower),
            13 => self.queue_length = attribute.u32(),
            16 => self.operstate = attribute.u8(),
            17 => self.mode = attribute.u8(),
            20 => self.alias = attribute.text(),
            23 => self.stats = Some(Stats::parse(attribute)),
            27 => self.group = attribute.u32(),
            30 => self.promiscuous = attribute.u32(),
            33 => self.carrier = attribute.u8(),
            35 => self.carrier_changes = attribute.u32(),
            47 => self.carrier_up = attribute.u32(),
            48 => self.carrier_down = attribute.u32(),
            52 => self.altnames.extend(
                attributes(attribute.value).filter(|prop| prop.kind == 53).map(|prop| prop.text()),
            ),
            61 => self.all_multicast = attribute.u32(),
            _ => {}
        }
    }

    pub(crate) fn is_up(&self) -> bool {
        self.flags & IFF_UP != 0
    }

    pub(crate) fn is_dormant(&self) -> bool {
        self.flags & IFF_DORMANT != 0
    }

    /// The flags as the interface holds them and as sysfs shows them: without those that the
    /// kernel computes for processes (running, lower up, dormant), and with "promiscuous" and "all
    /// multicast" by whether anybody wants them rather than by who set the flag. `None` where the
    /// kernel does not say how many want all multicast.
    pub(crate) fn own_flags(&self) -> Option<u32> {
        let computed = IFF_RUNNING | IFF_LOWER_UP | IFF_DORMANT | IFF_PROMISC | IFF_ALLMULTI;
        let mut flags = self.flags & !computed;
        if self.promiscuous? != 0 {
            flags |= IFF_PROMISC;
        }
        if self.all_multicast? != 0 {
            flags |= IFF_ALLMULTI;
        }
        Some(flags)
    }

    /// The operational state in the words of sysfs.
    pub(crate) fn operstate(&self) -> &'static str {
        match self.operstate {
            Some(1) => "notpresent",
            Some(2) => "down",
            Some(3) => "lowerlayerdown",
            Some(4) => "testing",
            Some(5) => "dormant",
            Some(6) => "up",
            _ => "unknown",
        }
    }
}

// === impl Stats ===

impl Stats {
    pub(crate) const RX_PACKETS: usize = 0;
    pub(crate) const TX_PACKETS: usize = 1;
    pub(crate) const RX_BYTES: usize = 2;
    pub(crate) const TX_BYTES: usize = 3;
    pub(crate) const RX_ERRORS: usize = 4;
    pub(crate) const TX_ERRORS: usize = 5;
    pub(crate) const RX_DROPPED: usize = 6;
    pub(crate) const TX_DROPPED: usize = 7;
    pub(crate) const MULTICAST: usize = 8;
    pub(crate) const COLLISIONS: usize = 9;
    pub(crate) const RX_LENGTH_ERRORS: usize = 10;
    pub(crate) const RX_OVER_ERRORS: usize = 11;
    pub(crate) const RX_CRC_ERRORS: usize = 12;
    pub(crate) const RX_FRAME_ERRORS: usize = 13;
    pub(crate) const RX_FIFO_ERRORS: usize = 14;
    pub(crate) const RX_MISSED_ERRORS: usize = 15;
    pub(crate) const TX_ABORTED_ERRORS: usize = 16;
    pub(crate) const TX_CARRIER_ERRORS: usize = 17;
    pub(crate) const TX_FIFO_ERRORS: usize = 18;
    pub(crate) const TX_HEARTBEAT_ERRORS: usize = 19;
    pub(crate) const TX_WINDOW_ERRORS: usize = 20;
    pub(crate) const RX_COMPRESSED: usize = 21;
    pub(crate) const TX_COMPRESSED: usize = 22;
    /// Since Linux 4.6.
    pub(crate) const RX_NOHANDLER: usize = 23;

    fn parse(attribute: Attribute<'_>) -> Self {
        let mut stats = Self::default();
        for (position, number) in stats.0.iter_mut().enumerate() {
            *number = attribute.u64_at(position * 8);
        }
        stats
    }

    /// The sum of the numbers at these positions, as the kernel's own counters wrap; `None` where
    /// one is missing.
    pub(crate) fn sum(&self, positions: &[usize]) -> Option<u64> {
        positions.iter().try_fold(0u64, |sum, position| {
            let number = self.0.get(*position).copied().flatten()?;
            Some(sum.wrapping_add(number))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::attribute;

    #[test]
    fn one_dump_serves_the_readers_of_a_scrape() {
        let (mut dump, start) = (Dump::none(), Instant::now());
        let mut get = |reader, anew, milliseconds| {
            let mut fresh = false;
            let now = start + Duration::from_millis(milliseconds);
            let links = dump.get(reader, anew, now, || {
                fresh = true;
                Ok(Links::default())
            });
            links.is_ok() && fresh
        };
        assert!(get(0, false, 0));
        assert!(!get(1, false, 10), "another reader of the same scrape");
        assert!(get(1, false, 20), "the same reader again: the next scrape");
        assert!(!get(0, false, 30));
        assert!(get(2, true, 40), "whoever wants it anew");
        assert!(!get(0, false, 290));
        assert!(get(1, false, 291), "too old");
    }

    fn parse(change: impl FnOnce(&mut Vec<u8>)) -> Option<Link> {
        let mut body = vec![0; IFINFOMSG];
        body[2..4].copy_from_slice(&772u16.to_ne_bytes());
        body[4..8].copy_from_slice(&7u32.to_ne_bytes());
        body[8..12].copy_from_slice(&0x0003_1043u32.to_ne_bytes());
        change(&mut body);
        Link::parse(Message { kind: RTM_NEWLINK, body: &body })
    }

    #[test]
    fn flags_are_those_of_the_interface() {
        let link = parse(|body| {
            attribute(body, 3, b"eth0\0");
            attribute(body, 30, &1u32.to_ne_bytes());
            attribute(body, 61, &0u32.to_ne_bytes());
        });
        let link = link.expect("a name");
        assert_eq!((link.index, link.lower, link.kind), (7, 7, 772));
        assert_eq!(link.own_flags(), Some(0x1103));
        assert!(link.is_up() && link.is_dormant());
        assert_eq!(link.operstate(), "unknown");
    }

    #[test]
    fn what_the_kernel_does_not_say_is_absent() {
        let link = parse(|body| {
            attribute(body, 3, b"eth0\0");
            attribute(body, 23, &[1; 12]);
            attribute(body, 4, &[1]);
        });
        let link = link.expect("a name");
        assert_eq!((link.own_flags(), link.mtu), (None, None));
        let stats = link.stats.expect("statistics");
        assert_eq!(stats.sum(&[Stats::RX_PACKETS]), Some(0x0101_0101_0101_0101));
        assert_eq!(stats.sum(&[Stats::RX_PACKETS, Stats::TX_PACKETS]), None);
        assert!(parse(|_| {}).is_none());
        assert!(parse(|body| body.truncate(9)).is_none());
    }
}
