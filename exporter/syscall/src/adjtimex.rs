//! adjtimex(2), read only: the state of the kernel's clock discipline.

use std::{io, mem};

/// The kernel's clock discipline, in the kernel's own units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timex {
    /// The clock's state: `TIME_OK` 0 … `TIME_ERROR` 5.
    pub state: i32,
    /// `STA_*` bits.
    pub status: i32,
    /// Offset from the reference; ns where `status` has [`STA_NANO`], else µs.
    pub offset: i64,
    /// Frequency offset, parts per million × 2^16.
    pub freq: i64,
    /// Upper bound of the error, µs.
    pub maxerror: i64,
    /// Estimated error, µs.
    pub esterror: i64,
    /// Time constant of the phase-locked loop.
    pub constant: i64,
    /// Least step of the clock, µs.
    pub precision: i64,
    /// Greatest frequency offset that is borne, parts per million × 2^16.
    pub tolerance: i64,
    /// Length of a tick, µs.
    pub tick: i64,
    /// Frequency by the pulse-per-second signal, parts per million × 2^16.
    pub ppsfreq: i64,
    /// Jitter of that signal; ns where `status` has [`STA_NANO`], else µs.
    pub jitter: i64,
    /// Length of its calibration interval, log2 of seconds.
    pub shift: i32,
    /// Stability of that signal, parts per million × 2^16.
    pub stabil: i64,
    /// Times that its jitter was beyond the limit.
    pub jitcnt: i64,
    /// Calibration intervals.
    pub calcnt: i64,
    /// Calibration errors.
    pub errcnt: i64,
    /// Times that its stability was beyond the limit.
    pub stbcnt: i64,
    /// Offset of TAI from UTC, seconds.
    pub tai: i32,
}

/// The clock is not synchronised: a value of [`Timex::state`].
pub const TIME_ERROR: i32 = libc::TIME_ERROR;
/// Offset and jitter are in nanoseconds: a bit of [`Timex::status`].
pub const STA_NANO: i32 = libc::STA_NANO;

/// Reads the state of the clock discipline and changes nothing.
///
/// Fails where a sandbox forbids the call (`EPERM`, `ENOSYS`).
pub fn adjtimex() -> io::Result<Timex> {
    // SAFETY: `timex` is plain integers, for which all zeroes is a value; `modes` 0 only reads.
    let mut buffer: libc::timex = unsafe { mem::zeroed() };
    // SAFETY: the pointer is to a whole, writable `timex` that outlives the call.
    let state = unsafe { libc::adjtimex(&raw mut buffer) };
    if state < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Timex {
        state,
        status: buffer.status,
        offset: buffer.offset,
        freq: buffer.freq,
        maxerror: buffer.maxerror,
        esterror: buffer.esterror,
        constant: buffer.constant,
        precision: buffer.precision,
        tolerance: buffer.tolerance,
        tick: buffer.tick,
        ppsfreq: buffer.ppsfreq,
        jitter: buffer.jitter,
        shift: buffer.shift,
        stabil: buffer.stabil,
        jitcnt: buffer.jitcnt,
        calcnt: buffer.calcnt,
        errcnt: buffer.errcnt,
        stbcnt: buffer.stbcnt,
        tai: buffer.tai,
    })
}

#[cfg(test)]
mod tests {
    /// Every Linux answers, in a container too; the tick is 10 ms within 10 %.
    #[test]
    fn reads() {
        match super::adjtimex() {
            Ok(timex) => {
                assert!((0..=super::TIME_ERROR).contains(&timex.state), "{timex:?}");
                assert!((9_000..=11_000).contains(&timex.tick), "{timex:?}");
            }
            Err(error) => assert!(error.raw_os_error().is_some(), "{error}"),
        }
    }
}
