//! adjtimex(2): the kernel's clock discipline. Offset and jitter are read in µs or, with
//! `STA_NANO`, in ns and exposed in seconds; errors and the tick in µs → seconds; frequencies in
//! parts per million × 2^16 → ratios.

use collect::{Collector, Error, Result, Spec};
use exposition::{Family, Writer};
use syscall::{STA_NANO, TIME_ERROR, Timex};

pub(crate) static SPEC: Spec = Spec {
    name: "timex",
    doc: "The kernel's clock discipline: offset, errors, synchronisation.",
    default: true,
    families: &[&FAMILIES],
    opts: &[],
    build: |_| Ok(Box::new(Discipline)),
};

const fn gauge(name: &'static str, help: &'static str) -> Family {
    Family::gauge(name, help, &[])
}

const fn counter(name: &'static str, help: &'static str) -> Family {
    Family::counter(name, help, &[])
}

/// In the order of [`numbers`].
static FAMILIES: [Family; 17] = [
    gauge("node_timex_estimated_error_seconds", "Error of the clock as estimated, seconds."),
    gauge(
        "node_timex_frequency_adjustment_ratio",
        "Speed of the clock against its own oscillator.",
    ),
    gauge("node_timex_loop_time_constant", "Time constant of the phase-locked loop."),
    gauge("node_timex_maxerror_seconds", "Greatest error that the clock may have, seconds."),
    gauge("node_timex_offset_seconds", "Offset from the reference clock, seconds."),
    counter("node_timex_pps_calibration_total", "Pulse-per-second calibration intervals."),
    counter("node_timex_pps_error_total", "Pulse-per-second calibration errors."),
    gauge("node_timex_pps_frequency_hertz", "Frequency offset by the pulse per second."),
    gauge("node_timex_pps_jitter_seconds", "Jitter of the pulse per second, seconds."),
    counter("node_timex_pps_jitter_total", "Times that the pulse's jitter was beyond its limit."),
    gauge("node_timex_pps_shift_seconds", "Length of a pulse-per-second calibration interval."),
    counter(
        "node_timex_pps_stability_exceeded_total",
        "Times that the pulse's stability was beyond its limit.",
    ),
    gauge("node_timex_pps_stability_hertz", "Stability of the pulse per second."),
    gauge("node_timex_status", "STA_* bits of adjtimex(2)."),
    gauge("node_timex_sync_status", "Whether the clock is synchronised to a reference (1 or 0)."),
    gauge("node_timex_tai_offset_seconds", "Offset of TAI from UTC, seconds."),
    gauge("node_timex_tick_seconds", "Length of a clock tick, seconds."),
];

struct Discipline;

impl Collector for Discipline {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let timex = syscall::adjtimex()
            .map_err(|source| Error::System { what: "adjtimex".to_owned(), source })?;
        for (family, number) in FAMILIES.iter().zip(numbers(&timex)) {
            out.family(family, |s| s.value(number));
        }
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact below 2^53, as every exposed number")]
fn numbers(timex: &Timex) -> [f64; 17] {
    let micro = 1e6;
    let parts = 1e6 * 65536.0;
    let fine = if timex.status & STA_NANO == 0 { 1e6 } else { 1e9 };
    [
        timex.esterror as f64 / micro,
        1.0 + timex.freq as f64 / parts,
        timex.constant as f64,
        timex.maxerror as f64 / micro,
        timex.offset as f64 / fine,
        timex.calcnt as f64,
        timex.errcnt as f64,
        timex.ppsfreq as f64 / parts,
        timex.jitter as f64 / fine,
        timex.jitcnt as f64,
        f64::from(timex.shift),
        timex.stbcnt as f64,
        timex.stabil as f64 / parts,
        f64::from(timex.status),
        if timex.state == TIME_ERROR { 0.0 } else { 1.0 },
        f64::from(timex.tai),
        timex.tick as f64 / micro,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    fn lines(timex: &Timex) -> String {
        let mut lines = String::new();
        for (family, number) in FAMILIES.iter().zip(numbers(timex)) {
            let name = family.name.trim_start_matches("node_timex_");
            lines.extend([name, " ", &number.to_string(), "\n"]);
        }
        lines
    }

    #[test]
    fn disciplined_in_nanoseconds() {
        let timex = Timex {
            state: 0,
            status: 0x2001,
            offset: -12_345,
            freq: -327_680,
            maxerror: 24_500,
            esterror: 210,
            constant: 7,
            tick: 10_000,
            jitter: 3_000,
            shift: 2,
            calcnt: 4,
            tai: 37,
            ..Timex::default()
        };
        expect![[r#"
            estimated_error_seconds 0.00021
            frequency_adjustment_ratio 0.999995
            loop_time_constant 7
            maxerror_seconds 0.0245
            offset_seconds -0.000012345
            pps_calibration_total 4
            pps_error_total 0
            pps_frequency_hertz 0
            pps_jitter_seconds 0.000003
            pps_jitter_total 0
            pps_shift_seconds 2
            pps_stability_exceeded_total 0
            pps_stability_hertz 0
            status 8193
            sync_status 1
            tai_offset_seconds 37
            tick_seconds 0.01
        "#]]
        .assert_eq(&lines(&timex));
    }

    #[test]
    fn free_running_in_microseconds() {
        let timex = Timex { state: 5, status: 0x40, offset: 1_000, ..Timex::default() };
        let lines = lines(&timex);
        assert!(lines.contains("offset_seconds 0.001\n"), "{lines}");
        assert!(lines.contains("sync_status 0\n"), "{lines}");
    }
}
