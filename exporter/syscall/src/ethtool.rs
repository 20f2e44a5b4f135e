//! `ioctl(SIOCETHTOOL)`: what a network driver says of itself, of the link and of its counters.
//!
//! The kernel writes as many counters and names as the driver has at that moment, however many the
//! caller has room for. The answers therefore go into a mapping that ends in a page which nobody
//! may write: what does not fit fails with `EFAULT` instead of running over.

use rustix::{
    fd::OwnedFd,
    ffi::c_void,
    io::Errno,
    ioctl::{Ioctl, IoctlOutput, Opcode, ioctl},
    mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap},
    net::{AddressFamily, SocketFlags, SocketType, socket_with},
};
use std::{io, ptr};

/// A door to the drivers of the network interfaces of this process's network namespace.
#[derive(Debug)]
pub struct Ethtool {
    socket: OwnedFd,
    room: Room,
}

/// How a driver calls itself; a text that it does not have is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Driver {
    /// The driver's name.
    pub name: String,
    /// The driver's version, or the kernel's.
    pub version: String,
    /// The device's firmware.
    pub firmware: String,
    /// Where the device is, such as `0000:00:03.0`.
    pub bus: String,
    /// The expansion ROM.
    pub expansion_rom: String,
    /// How many counters it has of its own.
    pub counters: u32,
}

/// The link's modes as the bits of `SUPPORTED_*` and `ADVERTISED_*` of `linux/ethtool.h`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkModes {
    /// What the port can do.
    pub supported: u32,
    /// What it offers to the other end.
    pub advertised: u32,
    /// Whether both ends negotiate.
    pub autonegotiate: bool,
}

/// Memory for one question and its answer, followed by a page that may not be touched.
#[derive(Debug)]
struct Room {
    start: ptr::NonNull<c_void>,
}

/// Enough for 100 000 counters' names; pages that are never written cost nothing.
const ROOM: usize = 4 << 20;
/// At least a page, whatever the architecture's page size.
const GUARD: usize = 64 << 10;

const SIOCETHTOOL: Opcode = 0x8946;
const ETHTOOL_GSET: u32 = 0x1;
const ETHTOOL_GDRVINFO: u32 = 0x3;
const ETHTOOL_GSTRINGS: u32 = 0x1b;
const ETHTOOL_GSTATS: u32 = 0x1d;
const ETH_SS_STATS: u32 = 1;
/// Bytes of a counter's name.
const ETH_GSTRING_LEN: usize = 32;

/// `struct ifreq`, whose union is at most three words.
#[repr(C)]
struct Request {
    name: [u8; 16],
    data: *mut c_void,
    _rest: [usize; 3],
}

// === impl Ethtool ===

impl Ethtool {
    /// Opens the door; any socket will do.
    pub fn new() -> io::Result<Self> {
        let socket =
            socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
        Ok(Self { socket, room: Room::new()? })
    }

    /// What the driver says of itself. Fails with `EOPNOTSUPP` where there is no driver to ask.
    pub fn driver(&mut self, interface: &str) -> io::Result<Driver> {
        // cmd, five texts of 32 bytes, 12 reserved, n_priv_flags, n_stats, …
        let answer = self.ask(interface, &[ETHTOOL_GDRVINFO], 196)?;
        let text = |at: usize| text(answer.get(at..at + 32).unwrap_or_default());
        Ok(Driver {
            name: text(4),
            version: text(36),
            firmware: text(68),
            bus: text(100),
            expansion_rom: text(132),
            counters: number(answer, 180),
        })
    }

    /// The link's modes. Fails with `EOPNOTSUPP` where the driver does not tell.
    pub fn link_modes(&mut self, interface: &str) -> io::Result<LinkModes> {
        let answer = self.ask(interface, &[ETHTOOL_GSET], 44)?;
        Ok(LinkModes {
            supported: number(answer, 4),
            advertised: number(answer, 8),
            autonegotiate: answer.get(18).is_some_and(|&autoneg| autoneg != 0),
        })
    }

    /// Calls `each` with the name and the value of each of the driver's own counters.
    pub fn counters(
        &mut self,
        interface: &str,
        driver: &Driver,
        mut each: impl FnMut(&str, u64),
    ) -> io::Result<()> {
        let wanted = driver.counters;
        if wanted == 0 {
            return Ok(());
        }
        let question = [ETHTOOL_GSTRINGS, ETH_SS_STATS, wanted];
        let answer = self.ask(interface, &question, ROOM)?;
        let count = usize::try_from(number(answer, 8)).unwrap_or(0);
        let names = answer.get(12..).unwrap_or_default().chunks_exact(ETH_GSTRING_LEN);
        let names: Vec<String> = names.take(count).map(text).collect();
        let answer = self.ask(interface, &[ETHTOOL_GSTATS, wanted], ROOM)?;
        if usize::try_from(number(answer, 4)) != Ok(names.len()) {
            // The driver was set up anew in between, and names and values do not belong together.
            return Err(Errno::AGAIN.into());
        }
        let values = answer.get(8..).unwrap_or_default().chunks_exact(8);
        for (name, value) in names.iter().zip(values) {
            each(name, value.first_chunk().copied().map_or(0, u64::from_ne_bytes));
        }
        Ok(())
    }

    /// The answer to a question, of which `size` bytes are of interest.
    fn ask(&mut self, interface: &str, question: &[u32], size: usize) -> io::Result<&[u8]> {
        let mut request = Request { name: [0; 16], data: self.room.start.as_ptr(), _rest: [0; 3] };
        // The last byte stays 0.
        if interface.len() >= request.name.len() || interface.contains('\0') {
            return Err(Errno::NODEV.into());
        }
        for (to, from) in request.name.iter_mut().zip(interface.bytes()) {
            *to = from;
        }
        let bytes = self.room.bytes();
        bytes.get_mut(..size.min(256)).unwrap_or_default().fill(0);
        for (to, from) in bytes.iter_mut().zip(question_bytes(question)) {
            *to = from;
        }
        // SAFETY: `request` is a whole `ifreq` with a terminated name, and its pointer leads to
        // memory that is ours alone and ends in a guard; the commands above only write there, from
        // its start on.
        unsafe { ioctl(&self.socket, &mut request)? };
        Ok(self.room.bytes().get(..size).unwrap_or_default())
    }
}

fn question_bytes(question: &[u32]) -> Vec<u8> {
    question.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

fn number(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).copied().map_or(0, u32::from_ne_bytes)
}

/// The text up to its first NUL.
fn text(bytes: &[u8]) -> String {
    let bytes = bytes.split(|&b| b == 0).next().unwrap_or_default();
    String::from_utf8_lossy(bytes).into_owned()
}

// SAFETY: the opcode takes a pointer to `ifreq`, which `Request` is at least as large as, and
// answers through the pointer inside it.
unsafe impl Ioctl for &mut Request {
    type Output = ();

    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        SIOCETHTOOL
    }

    fn as_ptr(&mut self) -> *mut c_void {
        ptr::from_mut::<Request>(self).cast()
    }

    unsafe fn output_from_ptr(_: IoctlOutput, _: *mut c_void) -> rustix::io::Result<()> {
        Ok(())
    }
}

// === impl Room ===

// SAFETY: the mapping belongs to this value alone.
unsafe impl Send for Room {}

impl Room {
    fn new() -> io::Result<Self> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new anonymous mapping touches no memory that exists.
        let start =
            unsafe { mmap_anonymous(ptr::null_mut(), ROOM + GUARD, access, MapFlags::PRIVATE)? };
        let start = ptr::NonNull::new(start).ok_or(Errno::NOMEM)?;
        let room = Self { start };
        // SAFETY: the last `GUARD` bytes of the mapping, to which there is no reference.
        unsafe {
            mprotect(start.as_ptr().byte_add(ROOM), GUARD, MprotectFlags::empty())?;
        }
        Ok(room)
    }

    fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: the mapping's first `ROOM` bytes are readable, writable and zeroed at first; the
        // borrow of `self` keeps them from being unmapped or borrowed twice.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr().cast(), ROOM) }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // SAFETY: the whole mapping, which nobody borrows any more. It cannot fail on a mapping
        // that exists, and there is nobody to tell.
        let _gone = unsafe { munmap(self.start.as_ptr(), ROOM + GUARD) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_that_does_not_exist() {
        let mut ethtool = Ethtool::new().expect("a socket");
        for name in ["none such", "", "a name that is too long", "nul\0"] {
            let error = ethtool.driver(name).expect_err("no such interface");
            assert_eq!(Errno::from_io_error(&error), Some(Errno::NODEV), "{name}");
        }
    }

    #[test]
    fn what_is_beyond_the_room_may_not_be_written() {
        let mut room = Room::new().expect("memory");
        room.bytes().fill(1);
        assert_eq!(room.bytes().len(), ROOM);
        let pipe = rustix::net::socketpair(
            AddressFamily::UNIX,
            SocketType::STREAM,
            SocketFlags::empty(),
            None,
        );
        let (a, b) = pipe.expect("sockets");
        rustix::net::send(&b, &[2; 16], rustix::net::SendFlags::empty()).expect("room");
        // SAFETY: what is tested is that the kernel refuses to write here.
        let guard = unsafe {
            std::slice::from_raw_parts_mut(
                room.start.as_ptr().byte_add(ROOM).cast::<std::mem::MaybeUninit<u8>>(),
                16,
            )
        };
        let error = rustix::net::recv(&a, guard, rustix::net::RecvFlags::empty());
        assert_eq!(error.err(), Some(Errno::FAULT));
    }
}
