//! systemd itself: `org.freedesktop.systemd1.Manager`. Times are µs, served in seconds.

use crate::cache::{as_str, as_u64, seconds};
use exposition::{Family, Writer};
use std::collections::HashMap;
use zbus::Variant;

/// The stages of a boot, as the label has them; the property is `<stage>Timestamp`.
const STAGES: [&str; 18] = [
    "Finish",
    "Firmware",
    "GeneratorsFinish",
    "GeneratorsStart",
    "InitRD",
    "InitRDGeneratorsFinish",
    "InitRDGeneratorsStart",
    "InitRDSecurityFinish",
    "InitRDSecurityStart",
    "InitRDUnitsLoadFinish",
    "InitRDUnitsLoadStart",
    "Kernel",
    "Loader",
    "SecurityFinish",
    "SecurityStart",
    "UnitsLoadFinish",
    "UnitsLoadStart",
    "Userspace",
];

/// What a scrape reads anew.
pub(crate) const STATE: &str = "SystemState";
/// What a scrape reads anew where there is a watchdog.
pub(crate) const WATCHDOG: [&str; 3] =
    ["RuntimeWatchdogUSec", "WatchdogLastPingTimestamp", "WatchdogLastPingTimestampMonotonic"];

pub(crate) static FAMILIES: [Family; 8] = [
    Family::gauge(
        "systemd_boot_monotonic_seconds",
        "When the stage of the boot was reached, in seconds of the monotonic clock; 0 if never.",
        &["stage"],
    ),
    Family::gauge(
        "systemd_boot_time_seconds",
        "When the stage of the boot was reached, in seconds since 1970; 0 if never.",
        &["stage"],
    ),
    Family::gauge("systemd_watchdog_enabled", "Whether systemd feeds a hardware watchdog.", &[]),
    Family::gauge(
        "systemd_watchdog_last_ping_monotonic_seconds",
        "When the watchdog was last fed, in seconds of the monotonic clock.",
        &["device"],
    ),
    Family::gauge(
        "systemd_watchdog_last_ping_time_seconds",
        "When the watchdog was last fed, in seconds since 1970.",
        &["device"],
    ),
    Family::gauge(
        "systemd_watchdog_runtime_seconds",
        "How long the watchdog waits to be fed before it resets the machine, in seconds.",
        &["device"],
    ),
    Family::gauge(
        "hybrid_systemd_system_state",
        "The state of the system as a whole, such as running or degraded; always 1.",
        &["state"],
    ),
    Family::gauge(
        "hybrid_systemd_info",
        "The version of systemd and what the machine is virtualised by; always 1.",
        &["version", "virtualization"],
    ),
];

#[derive(Debug, Default)]
pub(crate) struct Manager {
    /// Wall clock and monotonic, by stage.
    stages: [(Option<u64>, Option<u64>); STAGES.len()],
    pub(crate) version: Option<Box<str>>,
    pub(crate) virtualization: Option<Box<str>>,
    pub(crate) state: Option<Box<str>>,
    watchdog_device: Option<Box<str>>,
    watchdog: [Option<u64>; WATCHDOG.len()],
}

// === impl Manager ===

impl Manager {
    /// What `GetAll` of the manager gave.
    pub(crate) fn new(properties: &HashMap<&str, Variant<'_>>) -> Self {
        let number = |name: &str| properties.get(name).and_then(as_u64);
        let text = |name: &str| properties.get(name).and_then(as_str).map(Into::into);
        let stages = STAGES.map(|stage| {
            let wall = format!("{stage}Timestamp");
            (number(&wall), number(&format!("{wall}Monotonic")))
        });
        Self {
            stages,
            version: text("Version"),
            virtualization: text("Virtualization"),
            state: text(STATE),
            watchdog_device: text("WatchdogDevice"),
            watchdog: WATCHDOG.map(number),
        }
    }

    /// What a scrape reads anew.
    pub(crate) fn refreshed(&self) -> impl Iterator<Item = &'static str> + use<> {
        let watchdog = if self.has_watchdog() { &WATCHDOG[..] } else { &[] };
        std::iter::once(STATE).chain(watchdog.iter().copied())
    }

    pub(crate) fn set(&mut self, property: &str, value: Option<&Variant<'_>>) {
        if property == STATE {
            self.state = value.and_then(as_str).map(Into::into);
        }
        for (_, number) in WATCHDOG.iter().zip(&mut self.watchdog).filter(|(n, _)| **n == property)
        {
            *number = value.and_then(as_u64);
        }
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        let [monotonic, wall, enabled, ping_monotonic, ping_wall, runtime, state, info] = &FAMILIES;
        out.family(monotonic, |s| {
            for (stage, (_, usec)) in STAGES.iter().zip(self.stages) {
                if let Some(usec) = usec {
                    s.row(&[stage], seconds(usec));
                }
            }
        });
        out.family(wall, |s| {
            for (stage, (usec, _)) in STAGES.iter().zip(self.stages) {
                if let Some(usec) = usec {
                    s.row(&[stage], seconds(usec));
                }
            }
        });
        out.family(enabled, |s| s.value(self.has_watchdog()));
        if let Some(device) = self.watchdog_device.as_deref().filter(|_| self.has_watchdog()) {
            for (family, usec) in
                [runtime, ping_wall, ping_monotonic].into_iter().zip(self.watchdog)
            {
                out.family(family, |s| {
                    if let Some(usec) = usec {
                        s.row(&[device], seconds(usec));
                    }
                });
            }
        }
        out.family(state, |s| {
            if let Some(state) = &self.state {
                s.row(&[state], 1u64);
            }
        });
        out.family(info, |s| {
            if let Some(version) = &self.version {
                let virtualization = self.virtualization.as_deref().unwrap_or_default();
                s.row(&[version, virtualization], 1u64);
            }
        });
    }

    fn has_watchdog(&self) -> bool {
        self.watchdog_device.as_ref().is_some_and(|device| !device.is_empty())
    }
}
