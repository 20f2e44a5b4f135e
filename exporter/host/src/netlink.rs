//! Netlink: how the kernel's network half answers questions in one dump instead of thousands of
//! small files.
//!
//! A request goes out, datagrams of messages come back; each message is a fixed part and a list of
//! attributes (type, length, value; host byte order unless said otherwise). The reader trusts no
//! length: what does not fit ends the list.

use collect::{Error, Result};
use rustix::{
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType,
        netlink::{GENERIC, SOCK_DIAG, SocketAddrNetlink},
        recvfrom, sendto, socket_with, sockopt,
    },
};
use std::{net::IpAddr, os::fd::OwnedFd, time::Duration};

/// A netlink socket that is kept between scrapes; it is opened at the first dump.
#[derive(Debug)]
pub(crate) struct Netlink {
    family: Family,
    socket: Option<OwnedFd>,
    sequence: u32,
    buffer: Vec<u8>,
}

/// Which part of the kernel a socket talks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// `NETLINK_ROUTE`: links, addresses, neighbours, routes, queueing disciplines.
    Route,
    /// `NETLINK_SOCK_DIAG`: sockets.
    SockDiag,
    /// `NETLINK_GENERIC`: families that are found by name, such as `ethtool` and `nl80211`.
    Generic,
}

/// One message of a reply, without its header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'a> {
    pub(crate) kind: u16,
    pub(crate) body: &'a [u8],
}

/// One attribute.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attribute<'a> {
    pub(crate) kind: u16,
    pub(crate) value: &'a [u8],
}

/// The family `ethtool` or `nl80211` as the kernel numbers it, looked up once.
#[derive(Debug)]
pub(crate) struct Generic {
    netlink: Netlink,
    name: &'static str,
    id: Option<u16>,
}

const HEADER: usize = 16;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;
const NLM_F_DUMP_INTR: u16 = 0x10;
const NLM_F_DUMP: u16 = 0x300;

/// A reply that does not come costs the scrape no more than this.
const TIMEOUT: Duration = Duration::from_secs(1);
/// The kernel fills up to 32 KiB a datagram when the reader has the room.
const ROOM: usize = 32 << 10;
const MAX_ROOM: usize = 4 << 20;
/// A table that changes while it is dumped is dumped again, this often at most; then it is taken as
/// it came, since each object in it is whole.
const ATTEMPTS: usize = 3;

/// Why an attempt did not bring the whole table.
enum Stop {
    /// The kernel says that the table changed in between.
    Changed,
    /// A message was larger than the buffer.
    Short(usize),
    Failed(std::io::Error),
}

// === impl Netlink ===

impl Netlink {
    pub(crate) fn new(family: Family) -> Self {
        Self { family, socket: None, sequence: 0, buffer: Vec::new() }
    }

    /// Asks for a whole table. `each` puts a message into the value, which starts anew (as its
    /// default) when the table changed under the dump.
    ///
    /// `what` names the request in errors. Fails when the kernel refuses it, or when it does not
    /// answer in time.
    pub(crate) fn dump<T: Default>(
        &mut self,
        what: &'static str,
        kind: u16,
        body: &[u8],
        each: impl FnMut(&mut T, Message<'_>),
    ) -> Result<T> {
        self.ask(what, kind, NLM_F_DUMP, body, each)
    }

    /// Asks for one thing.
    pub(crate) fn get<T: Default>(
        &mut self,
        what: &'static str,
        kind: u16,
        body: &[u8],
        each: impl FnMut(&mut T, Message<'_>),
    ) -> Result<T> {
        self.ask(what, kind, NLM_F_ACK, body, each)
    }

    fn ask<T: Default>(
        &mut self,
        what: &'static str,
        kind: u16,
        flags: u16,
        body: &[u8],
        mut each: impl FnMut(&mut T, Message<'_>),
    ) -> Result<T> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let mut value = T::default();
            let stop = match self.attempt(kind, flags, body, |message| each(&mut value, message)) {
                Ok(()) => return Ok(value),
                Err(stop) => stop,
            };
            match stop {
                Stop::Changed if attempt >= ATTEMPTS => return Ok(value),
                // What was lost on the way can be asked for again.
                Stop::Failed(error)
                    if attempt < ATTEMPTS
                        && Errno::from_io_error(&error) == Some(Errno::NOBUFS) =>
                {
                    self.socket = None;
                }
                Stop::Changed => {}
                Stop::Short(needed) if needed <= MAX_ROOM && attempt <= ATTEMPTS => {
                    self.buffer.resize(needed.next_power_of_two(), 0);
                    self.socket = None;
                }
                Stop::Short(_) => {
                    self.socket = None;
                    return Err(Error::Other(format!("netlink {what}: message larger than 4 MiB")));
                }
                Stop::Failed(source) => {
                    // What is still under way must not meet the next request.
                    self.socket = None;
                    return Err(Error::System { what: format!("netlink {what}"), source });
                }
            }
        }
    }

    fn attempt(
        &mut self,
        kind: u16,
        flags: u16,
        body: &[u8],
        mut each: impl FnMut(Message<'_>),
    ) -> Result<(), Stop> {
        self.sequence = self.sequence.wrapping_add(1);
        let sequence = self.sequence;
        let length = u32::try_from(HEADER.saturating_add(body.len())).unwrap_or(u32::MAX);
        let mut request = Vec::with_capacity(HEADER + body.len());
        request.extend_from_slice(&length.to_ne_bytes());
        request.extend_from_slice(&kind.to_ne_bytes());
        request.extend_from_slice(&(NLM_F_REQUEST | flags).to_ne_bytes());
        request.extend_from_slice(&sequence.to_ne_bytes());
        request.extend_from_slice(&0u32.to_ne_bytes());
        request.extend_from_slice(body);

        let socket = match &mut self.socket {
            Some(socket) => &*socket,
            none => &*none.insert(open(self.family).map_err(|e| Stop::Failed(e.into()))?),
        };
        if self.buffer.len() < ROOM {
            self.buffer.resize(ROOM, 0);
        }
        let kernel = SocketAddrNetlink::new(0, 0);
        sendto(socket, &request, SendFlags::empty(), &kernel)
            .map_err(|e| Stop::Failed(e.into()))?;
        let mut changed = false;
        loop {
            let (length, from) = loop {
                match recvfrom(socket, self.buffer.as_mut_slice(), RecvFlags::TRUNC) {
                    Ok((_, length, from)) => break (length, from),
                    Err(Errno::INTR) => {}
                    Err(error) => return Err(Stop::Failed(error.into())),
                }
            };
            let Some(datagram) = self.buffer.get(..length) else {
                return Err(Stop::Short(length));
            };
            let sender = from.and_then(|from| SocketAddrNetlink::try_from(from).ok());
            if sender.is_none_or(|sender| sender.pid() != 0) {
                continue; // Any process may write to our port; only the kernel answers.
            }
            for header in messages(datagram) {
                if header.sequence != sequence {
                    continue;
                }
                changed |= header.flags & NLM_F_DUMP_INTR != 0;
                let message = Message { kind: header.kind, body: header.body };
                match header.kind {
                    NLMSG_ERROR | NLMSG_DONE => {
                        // Both start with a negative errno or 0.
                        let errno = message.i32(0).unwrap_or(0);
                        return match (errno.checked_neg(), changed) {
                            (Some(errno), _) if errno > 0 => {
                                Err(Stop::Failed(std::io::Error::from_raw_os_error(errno)))
                            }
                            (_, true) => Err(Stop::Changed),
                            (_, false) => Ok(()),
                        };
                    }
                    0..NLMSG_ERROR => {} // NLMSG_NOOP
                    _ => each(message),
                }
            }
        }
    }
}

fn open(family: Family) -> rustix::io::Result<OwnedFd> {
    let protocol = match family {
        Family::Route => None, // Number 0.
        Family::SockDiag => Some(SOCK_DIAG),
        Family::Generic => Some(GENERIC),
    };
    let socket =
        socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, protocol)?;
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, Some(TIMEOUT))?;
    Ok(socket)
}

// === messages ===

struct Header<'a> {
    kind: u16,
    flags: u16,
    sequence: u32,
    body: &'a [u8],
}

/// The messages of a datagram; a length that does not fit ends them.
fn messages(mut bytes: &[u8]) -> impl Iterator<Item = Header<'_>> {
    std::iter::from_fn(move || {
        let length = usize::try_from(u32::from_ne_bytes(array(bytes, 0)?)).ok()?;
        let message = Header {
            kind: u16::from_ne_bytes(array(bytes, 4)?),
            flags: u16::from_ne_bytes(array(bytes, 6)?),
            sequence: u32::from_ne_bytes(array(bytes, 8)?),
            body: bytes.get(HEADER..length)?,
        };
        bytes = bytes.get(aligned(length)?..).unwrap_or_default();
        Some(message)
    })
}

/// The attributes in `bytes`; a length that does not fit ends them.
pub(crate) fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = Attribute<'_>> {
    std::iter::from_fn(move || {
        let length = usize::from(u16::from_ne_bytes(array(bytes, 0)?));
        let kind = u16::from_ne_bytes(array(bytes, 2)?);
        let value = bytes.get(4..length)?;
        bytes = bytes.get(aligned(length)?..).unwrap_or_default();
        // The two upper bits say "nested" and "network byte order".
        Some(Attribute { kind: kind & 0x3fff, value })
    })
}

/// An attribute of a request.
pub(crate) fn attribute(out: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(value.len() + 4).unwrap_or(u16::MAX);
    out.extend_from_slice(&length.to_ne_bytes());
    out.extend_from_slice(&kind.to_ne_bytes());
    out.extend_from_slice(value);
    out.resize(out.len().next_multiple_of(4), 0);
}

fn aligned(length: usize) -> Option<usize> {
    length.checked_next_multiple_of(4)
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

// === impl Message ===

impl<'a> Message<'a> {
    /// The attributes after a fixed part of `size` bytes.
    pub(crate) fn attributes(&self, size: usize) -> impl Iterator<Item = Attribute<'a>> {
        attributes(self.body.get(size..).unwrap_or_default())
    }

    pub(crate) fn u8(&self, at: usize) -> Option<u8> {
        self.body.get(at).copied()
    }

    pub(crate) fn u16(&self, at: usize) -> Option<u16> {
        array(self.body, at).map(u16::from_ne_bytes)
    }

    pub(crate) fn u32(&self, at: usize) -> Option<u32> {
        array(self.body, at).map(u32::from_ne_bytes)
    }

    pub(crate) fn i32(&self, at: usize) -> Option<i32> {
        array(self.body, at).map(i32::from_ne_bytes)
    }
}

// === impl Attribute ===

impl<'a> Attribute<'a> {
    pub(crate) fn u8(&self) -> Option<u8> {
        self.value.first().copied()
    }

    pub(crate) fn u16(&self) -> Option<u16> {
        array(self.value, 0).map(u16::from_ne_bytes)
    }

    pub(crate) fn u32(&self) -> Option<u32> {
        self.u32_at(0)
    }

    pub(crate) fn u64(&self) -> Option<u64> {
        self.u64_at(0)
    }

    pub(crate) fn u32_at(&self, at: usize) -> Option<u32> {
        array(self.value, at).map(u32::from_ne_bytes)
    }

    pub(crate) fn u64_at(&self, at: usize) -> Option<u64> {
        array(self.value, at).map(u64::from_ne_bytes)
    }

    /// The text up to its first NUL.
    pub(crate) fn text(&self) -> String {
        let text = self.value.split(|&b| b == 0).next().unwrap_or_default();
        String::from_utf8_lossy(text).into_owned()
    }

    /// An IPv4 or IPv6 address, told apart by its length.
    pub(crate) fn ip(&self) -> Option<IpAddr> {
        match self.value.len() {
            4 => array::<4>(self.value, 0).map(IpAddr::from),
            16 => array::<16>(self.value, 0).map(IpAddr::from),
            _ => None,
        }
    }

    /// The attributes within.
    pub(crate) fn nested(&self) -> impl Iterator<Item = Attribute<'a>> {
        attributes(self.value)
    }

    /// The address as `aa:bb:cc`, whatever its length.
    pub(crate) fn mac(&self) -> String {
        mac(self.value)
    }
}

/// Bytes as `aa:bb:cc`.
pub(crate) fn mac(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 3);
    for byte in bytes {
        if !text.is_empty() {
            text.push(':');
        }
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
    }
    text
}

// === impl Generic ===

/// `GENL_ID_CTRL`, the family that knows the others.
const CONTROLLER: u16 = 16;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;
/// Bytes of `struct genlmsghdr`, which starts each message.
pub(crate) const GENERIC_HEADER: usize = 4;

impl Generic {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { netlink: Netlink::new(Family::Generic), name, id: None }
    }

    /// Asks for a whole table by the family's command. "No data" where the kernel has no such
    /// family.
    pub(crate) fn dump<T: Default>(
        &mut self,
        what: &'static str,
        command: u8,
        attributes: &[u8],
        each: impl FnMut(&mut T, Message<'_>),
    ) -> Result<T> {
        let id = match self.id {
            Some(id) => id,
            None => self.find()?,
        };
        let mut body = vec![command, 1, 0, 0];
        body.extend_from_slice(attributes);
        let result = self.netlink.dump(what, id, &body, each);
        if result.is_err() {
            self.id = None; // The module may have been loaded anew, under another number.
        }
        result
    }

    fn find(&mut self) -> Result<u16> {
        let mut body = vec![CTRL_CMD_GETFAMILY, 1, 0, 0];
        let mut name = self.name.as_bytes().to_vec();
        name.push(0);
        attribute(&mut body, CTRL_ATTR_FAMILY_NAME, &name);
        let found = self.netlink.get("CTRL_CMD_GETFAMILY", CONTROLLER, &body, |id, message| {
            for attribute in message.attributes(GENERIC_HEADER) {
                if attribute.kind == CTRL_ATTR_FAMILY_ID {
                    *id = attribute.u16();
                }
            }
        });
        let absent = || Error::no_data(format!("the kernel has no netlink family {}", self.name));
        match found {
            Ok(id) => {
                self.id = id;
                id.ok_or_else(absent)
            }
            Err(Error::System { source, .. })
                if Errno::from_io_error(&source) == Some(Errno::NOENT) =>
            {
                Err(absent())
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_that_do_not_fit_end_the_list() {
        let mut bytes = Vec::new();
        attribute(&mut bytes, 3, b"eth0\0");
        attribute(&mut bytes, 0x8001, &7u32.to_ne_bytes());
        let kinds: Vec<_> = attributes(&bytes).map(|a| (a.kind, a.value.len())).collect();
        assert_eq!(kinds, [(3, 5), (1, 4)]);
        assert_eq!(attributes(&bytes).next().map(|a| a.text()).as_deref(), Some("eth0"));
        for end in 0..bytes.len() {
            assert!(attributes(&bytes[..end]).count() <= 1 + end / 20);
        }
        for length in [0u8, 1, 3, 200, 255] {
            bytes[0] = length;
            assert_eq!(attributes(&bytes).count(), 0, "{length}");
        }
    }

    #[test]
    fn messages_that_do_not_fit_end_the_datagram() {
        let mut bytes = vec![0; 40];
        for length in [0u8, 15, 16, 20, 40, 41, 255] {
            bytes[0] = length;
            let bodies: Vec<_> = messages(&bytes).map(|m| m.body.len()).collect();
            match length {
                16..=40 => assert_eq!(bodies, [usize::from(length) - 16]),
                _ => assert_eq!(bodies, [0usize; 0]),
            }
        }
    }

    #[test]
    fn addresses_of_any_length() {
        assert_eq!(mac(&[0, 0xab, 0x1f]), "00:ab:1f");
        assert_eq!(mac(&[]), "");
    }
}
