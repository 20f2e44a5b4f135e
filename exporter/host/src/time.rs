//! The wall clock, the time zone (`/etc/localtime` of the host, unless `TZ` names another) and
//! `/sys/devices/system/clocksource`. Seconds since 1970; offsets from UTC in seconds.

use collect::{Clock, Collector, Context, Error, Faults, Kept, Opt, Result, Root, Spec};
use exposition::{Family, Writer};
use jiff::{Timestamp, tz::TimeZone};
use std::time::{Duration, UNIX_EPOCH};

pub(crate) static SPEC: Spec = Spec {
    name: "time",
    doc: "The wall clock, the time zone and the clock sources.",
    default: true,
    families: &[&FAMILIES],
    opts: &[ZONE],
    build: |cx| Ok(Box::new(Time::new(cx))),
};

const ZONE: Opt = Opt::text(
    "collector.time.zone",
    "",
    "The time zone instead of the host's own, by name or file; TZ unless given, empty for UTC.",
)
.hidden();

static FAMILIES: [Family; 4] = [
    Family::gauge("node_time_seconds", "The wall clock, seconds since 1970.", &[]),
    Family::gauge(
        "node_time_zone_offset_seconds",
        "How far local time is ahead of UTC now, seconds.",
        &["time_zone"],
    ),
    Family::gauge(
        "node_time_clocksource_available_info",
        "A clock source that the kernel could use; always 1.",
        &["device", "clocksource"],
    ),
    Family::gauge(
        "node_time_clocksource_current_info",
        "The clock source that the kernel uses; always 1.",
        &["device", "clocksource"],
    ),
];

struct Time {
    clock: Clock,
    rootfs: Root,
    sources: Root,
    devices: Option<Vec<Device>>,
    /// What stands for the host's own zone.
    given: Option<String>,
    zone: TimeZone,
    /// The zone file and its modification time when `zone` was read.
    zone_of: Option<(String, f64)>,
}

/// A clock source device; there is one, and it does not come and go.
struct Device {
    number: String,
    available: Kept,
    current: Kept,
}

impl Time {
    fn new(cx: &Context) -> Self {
        Self {
            clock: cx.clock,
            rootfs: cx.rootfs.clone(),
            sources: cx.sys.at("devices/system/clocksource"),
            devices: None,
            given: cx.options.is_set(&ZONE).then(|| cx.options.text(&ZONE).to_owned()),
            zone: TimeZone::UTC,
            zone_of: None,
        }
    }

    /// The zone's file below the host's root; `None` is UTC.
    fn zone_file(&self) -> Option<String> {
        let Some(given) = &self.given else {
            // The link is the host's own: an absolute target starts at the host's root, not at ours.
            return Some(match self.rootfs.link("etc/localtime") {
                Some(target) if target.starts_with('/') => target,
                Some(target) => format!("etc/{target}"),
                None => "etc/localtime".to_owned(),
            });
        };
        match given.strip_prefix(':').unwrap_or(given) {
            "" | "UTC" => None,
            file if file.starts_with('/') => Some(file.to_owned()),
            name if name.contains("..") => None,
            name => Some(format!("usr/share/zoneinfo/{name}")),
        }
    }

    /// Reads the zone again when its file is another one or changed; none is UTC.
    fn refresh_zone(&mut self) -> Result<()> {
        let found = self.zone_file().and_then(|file| {
            let modified = self.rootfs.modified(&file).ok()?;
            Some((file, modified))
        });
        let Some((file, modified)) = found else {
            (self.zone, self.zone_of) = (TimeZone::UTC, None);
            return Ok(());
        };
        let from = Some((file, modified));
        if from == self.zone_of {
            return Ok(());
        }
        let Some((file, _)) = &from else { return Ok(()) };
        let bytes = self.rootfs.bytes(file)?;
        let zone = TimeZone::tzif("", &bytes).map_err(|error| Error::Parse {
            path: self.rootfs.path(file),
            what: "expected a time zone (TZif)",
            line: error.to_string(),
        });
        self.zone = zone?;
        self.zone_of = from;
        Ok(())
    }

    fn devices(&mut self) -> Result<&mut Vec<Device>> {
        if self.devices.is_none() {
            let mut devices = Vec::new();
            for name in self.sources.list_if_any("")? {
                let Some(number) = name.strip_prefix("clocksource") else { continue };
                devices.push(Device {
                    number: number.to_owned(),
                    available: self.sources.keep(format!("{name}/available_clocksource")),
                    current: self.sources.keep(format!("{name}/current_clocksource")),
                });
            }
            self.devices = Some(devices);
        }
        Ok(self.devices.get_or_insert_default())
    }

    fn clock_sources(&mut self, out: &mut Writer, faults: &mut Faults) -> Result<()> {
        let [_, _, available, current] = &FAMILIES;
        let devices = self.devices()?;
        out.family(available, |s| {
            for device in &mut *devices {
                let sources = faults.ok(device.available.attr()).flatten().unwrap_or_default();
                for source in sources.split_ascii_whitespace() {
                    s.row(&[&device.number, source], 1u64);
                }
            }
        });
        out.family(current, |s| {
            for device in devices {
                if let Some(source) = faults.ok(device.current.attr()).flatten() {
                    s.row(&[&device.number, source], 1u64);
                }
            }
        });
        Ok(())
    }
}

impl Collector for Time {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let mut faults = Faults::default();
        let [seconds, offset, ..] = &FAMILIES;
        let now = self.clock.now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        out.family(seconds, |s| s.value(now.as_secs_f64()));
        if faults.ok(self.refresh_zone()).is_some() {
            let second = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
            let timestamp = Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
            let local = self.zone.to_offset_info(timestamp);
            let ahead = local.offset().seconds();
            out.family(offset, |s| s.row(&[local.abbreviation()], ahead));
        }
        if let Err(error) = self.clock_sources(out, &mut faults) {
            faults.note(error);
        }
        faults.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{SPEC, ZONE};
    use collect::testing::{expose, expose_tree, tree};
    use expect_test::expect;

    /// A version 2 file without transitions whose footer has Central European rules.
    fn berlin() -> Vec<u8> {
        let mut block = b"TZif2".to_vec();
        block.extend([0; 15]);
        for count in [0u32, 0, 0, 0, 1, 4] {
            block.extend(count.to_be_bytes());
        }
        block.extend(3600u32.to_be_bytes());
        block.extend(b"\0\0CET\0");
        let mut file = block.clone();
        file.extend(block);
        file.extend(b"\nCET-1CEST,M3.5.0,M10.5.0/3\n");
        file
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the test's own file is no text")]
    fn berlin_in_winter() {
        let dir = tree(&[
            ("rootfs/etc/localtime", "-> /usr/share/zoneinfo/Europe/Berlin"),
            ("rootfs/usr/share/zoneinfo/Europe/", ""),
            ("sys/devices/system/clocksource/clocksource0/available_clocksource", "tsc hpet \n"),
            ("sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n"),
        ]);
        let zone = dir.path().join("rootfs/usr/share/zoneinfo/Europe/Berlin");
        std::fs::write(zone, berlin()).unwrap();
        expect![[r##"
            # HELP node_time_clocksource_available_info A clock source that the kernel could use; always 1.
            # TYPE node_time_clocksource_available_info gauge
            node_time_clocksource_available_info{device="0",clocksource="tsc"} 1
            node_time_clocksource_available_info{device="0",clocksource="hpet"} 1
            # HELP node_time_clocksource_current_info The clock source that the kernel uses; always 1.
            # TYPE node_time_clocksource_current_info gauge
            node_time_clocksource_current_info{device="0",clocksource="tsc"} 1
            # HELP node_time_seconds The wall clock, seconds since 1970.
            # TYPE node_time_seconds gauge
            node_time_seconds 1767323045
            # HELP node_time_zone_offset_seconds How far local time is ahead of UTC now, seconds.
            # TYPE node_time_zone_offset_seconds gauge
            node_time_zone_offset_seconds{time_zone="CET"} 3600
        "##]].assert_eq(&expose_tree(&SPEC, dir.path(), &[]));
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the test's own file is no text")]
    fn a_zone_that_was_given() {
        let dir = tree(&[("rootfs/usr/share/zoneinfo/Europe/", "")]);
        let file = dir.path().join("rootfs/usr/share/zoneinfo/Europe/Berlin");
        std::fs::write(file, berlin()).unwrap();
        let zone = |given| {
            let text = expose_tree(&SPEC, dir.path(), &[(ZONE.name, given)]);
            text.lines().find(|line| line.contains("_offset_seconds{")).unwrap().to_owned()
        };
        let berlin = "node_time_zone_offset_seconds{time_zone=\"CET\"} 3600";
        for given in ["Europe/Berlin", ":Europe/Berlin", "/usr/share/zoneinfo/Europe/Berlin"] {
            assert_eq!(zone(given), berlin, "{given}");
        }
        let utc = "node_time_zone_offset_seconds{time_zone=\"UTC\"} 0";
        for given in ["", ":", "UTC", "Mars/Base", "../zoneinfo/Europe/Berlin"] {
            assert_eq!(zone(given), utc, "{given}");
        }
    }

    #[test]
    fn torn_zone() {
        expect![[r##"
            # HELP node_time_seconds The wall clock, seconds since 1970.
            # TYPE node_time_seconds gauge
            node_time_seconds 1767323045
            error: /rootfs/etc/localtime: expected a time zone (TZif): "invalid 32-bit TZif header: too short"
        "##]].assert_eq(&expose(&SPEC, &[("rootfs/etc/localtime", "TZif2\0\0")]));
    }

    #[test]
    fn absent() {
        expect![[r##"
            # HELP node_time_seconds The wall clock, seconds since 1970.
            # TYPE node_time_seconds gauge
            node_time_seconds 1767323045
            # HELP node_time_zone_offset_seconds How far local time is ahead of UTC now, seconds.
            # TYPE node_time_zone_offset_seconds gauge
            node_time_zone_offset_seconds{time_zone="UTC"} 0
        "##]]
        .assert_eq(&expose(&SPEC, &[]));
    }
}
