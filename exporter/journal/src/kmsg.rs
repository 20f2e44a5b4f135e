//! The kernel's own log, for machines without a journal: `/dev/kmsg`, one record a read.
//!
//! A record is `PRIORITY,SEQUENCE,MICROSECONDS,FLAGS;TEXT`, since 3.5; the priority's upper bits are the
//! facility, the time is since boot. What is not printable is `\xNN`. The kernel overwrites what is
//! not read in time: the sequence tells how many records that were. It needs `CAP_SYSLOG` where
//! `kernel.dmesg_restrict` is 1.

use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::{Mode, OFlags},
    io::Errno,
    time::{ClockId, clock_gettime},
};
use std::{io, path::Path};

/// The log, open.
#[derive(Debug)]
pub(crate) struct Kmsg {
    file: OwnedFd,
    /// The sequence number that comes next; `None` before the first record.
    pub(crate) next: Option<u64>,
    /// Records that were overwritten before they were read.
    pub(crate) lost: u64,
    pub(crate) records: u64,
}

/// One record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kernel<'t> {
    pub(crate) priority: u8,
    pub(crate) facility: u64,
    pub(crate) sequence: u64,
    /// µs since boot.
    pub(crate) uptime: u64,
    pub(crate) text: &'t [u8],
}

/// The kernel refuses to read into less than a record, which is 8 KiB at most.
const RECORD: usize = 8192;
/// Records that one turn reads.
const TURN: usize = 4096;

// === impl Kmsg ===

impl Kmsg {
    /// Opens the log at its oldest record, or behind the one before `next`.
    pub(crate) fn open(path: &Path, next: Option<u64>) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        let file = rustix::fs::open(path, flags, Mode::empty())?;
        Ok(Self { file, next, lost: 0, records: 0 })
    }

    /// Gives every record that is there, with its time in µs since 1970 by `now`. Whether there may be
    /// more. Fails where the log must be opened again.
    pub(crate) fn read(
        &mut self,
        now: u64,
        mut each: impl FnMut(&Kernel<'_>, u64),
    ) -> io::Result<bool> {
        let mut buffer = [0; RECORD];
        let uptime = clock_gettime(ClockId::Monotonic);
        let uptime = micros(uptime.tv_sec, uptime.tv_nsec);
        for _ in 0..TURN {
            let len = match rustix::io::read(&self.file, &mut buffer) {
                Ok(0) | Err(Errno::AGAIN) => return Ok(false),
                Ok(len) => len,
                // Overwritten while nobody looked: the next read begins with the oldest that is left.
                Err(Errno::PIPE | Errno::INTR) => continue,
                Err(errno) => return Err(errno.into()),
            };
            let Some(record) = buffer.get(..len).and_then(parse) else { continue };
            if self.next.is_some_and(|next| record.sequence < next) {
                continue;
            }
            self.records += 1;
            if let Some(next) = self.next {
                self.lost += record.sequence.saturating_sub(next);
            }
            self.next = Some(record.sequence.saturating_add(1));
            each(&record, now.saturating_sub(uptime.saturating_sub(record.uptime)));
        }
        Ok(true)
    }

    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

fn micros(seconds: i64, nanoseconds: i64) -> u64 {
    let seconds = u64::try_from(seconds).unwrap_or_default();
    let nanoseconds = u64::try_from(nanoseconds).unwrap_or_default();
    seconds.saturating_mul(1_000_000).saturating_add(nanoseconds / 1000)
}

fn parse(bytes: &[u8]) -> Option<Kernel<'_>> {
    let at = bytes.iter().position(|b| *b == b';')?;
    let head = std::str::from_utf8(bytes.get(..at)?).ok()?;
    // Lines behind the first hold the record's dictionary.
    let text = bytes.get(at + 1..)?.split(|b| *b == b'\n').next()?;
    let mut fields = head.split(',');
    let priority: u64 = fields.next()?.parse().ok()?;
    let sequence = fields.next()?.parse().ok()?;
    let uptime = fields.next()?.parse().ok()?;
    let level = u8::try_from(priority & 7).ok()?;
    Some(Kernel { priority: level, facility: priority >> 3, sequence, uptime, text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records() {
        let record = |priority, facility, sequence, uptime, text| {
            Some(Kernel { priority, facility, sequence, uptime, text })
        };
        assert_eq!(
            parse(b"4,1234,5678901,-;Out of memory: Killed process 5 (y)\n SUBSYSTEM=x\n"),
            record(4, 0, 1234, 5_678_901, &b"Out of memory: Killed process 5 (y)"[..])
        );
        assert_eq!(parse(b"30,1,2,-,caller=T1;a;b"), record(6, 3, 1, 2, &b"a;b"[..]));
        for torn in [&b"4,1234,5678901,-"[..], b"x,1,2,-;a", b"4,1;a", b"", b";"] {
            assert_eq!(parse(torn), None);
        }
    }

    /// Every read of a file gives what is left of it, as the kernel gives a record.
    #[test]
    fn a_log_is_read_to_its_end_and_gaps_are_counted() {
        let dir = collect::testing::tree(&[("kmsg", "6,7,1000000,-;hello\n")]);
        let mut log = Kmsg::open(&dir.path().join("kmsg"), Some(5)).unwrap();
        let mut seen = Vec::new();
        let more = log
            .read(1 << 60, |record, time| {
                seen.push((record.sequence, time < 1 << 60, record.text.to_vec()));
            })
            .unwrap();
        assert_eq!(seen, [(7, true, b"hello".to_vec())]);
        assert_eq!((more, log.lost, log.records), (false, 2, 1));
        assert!(Kmsg::open(&dir.path().join("none"), None).is_err());
    }
}
