//! `/proc/PID/net/{tcp,tcp6,udp,udp6,unix}`: sockets that wait for somebody, by inode.
//!
//! An address is hexadecimal, as the words of the machine's memory print: `0100007F:1F90` is
//! `127.0.0.1:8080` where bytes are little-endian; the port is a plain hexadecimal number. TCP sockets
//! that listen are in state `0A` and come before all others; a UDP socket that nobody is connected to
//! is in state `07`. A unix socket listens where its flags have `00010000`; one for datagrams (type
//! `0002`) where it has a name.

use collect::Text;
use model::{Endpoint, UnixKind};
use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Tcp,
    Udp,
    Unix,
}

pub(crate) const FILES: [(&str, Kind); 5] = [
    ("tcp", Kind::Tcp),
    ("tcp6", Kind::Tcp),
    ("udp", Kind::Udp),
    ("udp6", Kind::Udp),
    ("unix", Kind::Unix),
];

/// Adds a file's sockets by their inodes; lines that are torn are left out. Gives whether what would
/// follow the last line may hold more of them.
pub(crate) fn read(kind: Kind, text: Text<'_>, sockets: &mut HashMap<u64, Endpoint>) -> bool {
    let mut more = true;
    for line in text.lines().skip(1) {
        let socket = match kind {
            Kind::Tcp => internet(line, "0A").map(|(i, address)| (i, Endpoint::Tcp(address))),
            Kind::Udp => internet(line, "07").map(|(i, address)| (i, Endpoint::Udp(address))),
            Kind::Unix => unix(line),
        };
        more = kind != Kind::Tcp || socket.is_some();
        sockets.extend(socket.filter(|(inode, _)| *inode != 0));
    }
    more
}

/// `sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode …`
fn internet(line: &str, state: &str) -> Option<(u64, SocketAddr)> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let local = fields.next()?;
    let is = fields.nth(1)?;
    let inode = fields.nth(5)?.parse().ok()?;
    (is == state).then_some((inode, address(local)?))
}

fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |from: usize| {
        let word = u32::from_str_radix(ip.get(from..from + 8)?, 16).ok()?;
        Some(word.to_ne_bytes())
    };
    let ip: IpAddr = match ip.len() {
        8 => Ipv4Addr::from(word(0)?).into(),
        32 => {
            let words = [word(0)?, word(8)?, word(16)?, word(24)?];
            let bytes: [u8; 16] = words.concat().try_into().ok()?;
            Ipv6Addr::from(bytes).into()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// `Num: RefCount Protocol Flags Type St Inode Path`; the path is the rest and may hold spaces.
fn unix(line: &str) -> Option<(u64, Endpoint)> {
    let mut rest = line;
    let mut field = || {
        let (field, after) = rest.trim_start().split_once(' ')?;
        rest = after;
        Some(field)
    };
    let (_number, _references, _protocol) = (field()?, field()?, field()?);
    let flags = u32::from_str_radix(field()?, 16).ok()?;
    let kind = match field()? {
        "0001" => UnixKind::Stream,
        "0002" => UnixKind::Datagram,
        "0005" => UnixKind::Seqpacket,
        _ => return None,
    };
    let (_state, inode) = (field()?, field()?.parse().ok()?);
    let waits = match kind {
        UnixKind::Datagram => !is_bound_by_kernel(rest),
        UnixKind::Stream | UnixKind::Seqpacket => flags & LISTENS != 0,
    };
    (waits && !rest.is_empty()).then(|| (inode, Endpoint::Unix(kind, rest.into())))
}

/// `__SO_ACCEPTCON`
const LISTENS: u32 = 0x1_0000;

/// Whether the kernel made the name up, for a client that wants answers and has no name to offer.
fn is_bound_by_kernel(name: &str) -> bool {
    let random = name.strip_prefix('@');
    random.is_some_and(|r| r.len() == 5 && r.bytes().all(|b| b.is_ascii_hexdigit()))
}
