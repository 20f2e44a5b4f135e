//! `/sys/class/watchdog/*`: hardware and software watchdogs. Times are read and exposed in seconds.

use collect::{Collector, Error, Faults, Result, Root, Spec};
use exposition::{Family, Writer};

pub(crate) static SPEC: Spec = Spec {
    name: "watchdog",
    doc: "Watchdog timers.",
    default: true,
    families: &[&NUMBERS, std::slice::from_ref(&INFO)],
    opts: &[],
    build: |cx| Ok(Box::new(Watchdog { class: cx.sys.at("class/watchdog") })),
};

const fn gauge(name: &'static str, help: &'static str) -> Family {
    Family::gauge(name, help, &["name"])
}

static NUMBERS: [Family; 7] = [
    gauge("node_watchdog_access_cs0", "Whether the boot flash chip select 0 was switched to."),
    gauge("node_watchdog_bootstatus", "WDIOF_* bits that tell why the host last started."),
    gauge("node_watchdog_fw_version", "Firmware version of the watchdog."),
    gauge("node_watchdog_nowayout", "Whether the watchdog cannot be stopped once it was started."),
    gauge("node_watchdog_pretimeout_seconds", "Warning time before the watchdog fires."),
    gauge("node_watchdog_timeleft_seconds", "Time left until the watchdog fires."),
    gauge("node_watchdog_timeout_seconds", "Time after which the watchdog fires unless it is fed."),
];

/// The attributes of [`NUMBERS`].
const FILES: [&str; 7] =
    ["access_cs0", "bootstatus", "fw_version", "nowayout", "pretimeout", "timeleft", "timeout"];

static INFO: Family = Family::gauge(
    "node_watchdog_info",
    "A watchdog's identity, governor and state, in labels; always 1.",
    &["identity", "name", "options", "pretimeout_governor", "state", "status"],
);

struct Watchdog {
    class: Root,
}

impl Collector for Watchdog {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let names = self.class.list("").map_err(Error::or_no_data)?;
        let mut faults = Faults::default();
        for (family, file) in NUMBERS.iter().zip(FILES) {
            out.family(family, |s| {
                for name in &names {
                    let number = faults.ok(self.class.number::<i64>(format!("{name}/{file}")));
                    if let Some(number) = number.flatten() {
                        s.row(&[name], number);
                    }
                }
            });
        }
        out.family(&INFO, |s| {
            for name in &names {
                let mut text = |file: &str| {
                    let text = faults.ok(self.class.attr(format!("{name}/{file}")));
                    text.flatten().unwrap_or_default()
                };
                let identity = text("identity");
                let options = text("options");
                let governor = text("pretimeout_governor");
                let (state, status) = (text("state"), text("status"));
                s.row(&[&identity, name, &options, &governor, &state, &status], 1u64);
            }
        });
        faults.finish()
    }
}

#[cfg(test)]
mod tests {
    use collect::testing::expose;
    use expect_test::expect;

    #[test]
    fn software_and_itco() {
        expect![[r##"
            # HELP node_watchdog_bootstatus WDIOF_* bits that tell why the host last started.
            # TYPE node_watchdog_bootstatus gauge
            node_watchdog_bootstatus{name="watchdog1"} 32
            # HELP node_watchdog_info A watchdog's identity, governor and state, in labels; always 1.
            # TYPE node_watchdog_info gauge
            node_watchdog_info{identity="Software Watchdog",name="watchdog0",options="",pretimeout_governor="panic",state="active",status="0x8000"} 1
            node_watchdog_info{identity="iTCO_wdt",name="watchdog1",options="",pretimeout_governor="",state="",status=""} 1
            # HELP node_watchdog_timeleft_seconds Time left until the watchdog fires.
            # TYPE node_watchdog_timeleft_seconds gauge
            node_watchdog_timeleft_seconds{name="watchdog0"} 41
            # HELP node_watchdog_timeout_seconds Time after which the watchdog fires unless it is fed.
            # TYPE node_watchdog_timeout_seconds gauge
            node_watchdog_timeout_seconds{name="watchdog0"} 60
        "##]].assert_eq(&expose(
            &super::SPEC,
            &[
                ("sys/class/watchdog/watchdog0/identity", "Software Watchdog\n"),
                ("sys/class/watchdog/watchdog0/timeout", "60\n"),
                ("sys/class/watchdog/watchdog0/timeleft", "41\n"),
                ("sys/class/watchdog/watchdog0/state", "active\n"),
                ("sys/class/watchdog/watchdog0/status", "0x8000\n"),
                ("sys/class/watchdog/watchdog0/pretimeout_governor", "panic\n"),
                ("sys/class/watchdog/watchdog1/identity", "iTCO_wdt\n"),
                ("sys/class/watchdog/watchdog1/bootstatus", "32\n"),
            ],
        ));
    }

    #[test]
    fn torn() {
        expect![[r##"
            # HELP node_watchdog_info A watchdog's identity, governor and state, in labels; always 1.
            # TYPE node_watchdog_info gauge
            node_watchdog_info{identity="",name="watchdog0",options="",pretimeout_governor="",state="",status=""} 1
            # HELP node_watchdog_nowayout Whether the watchdog cannot be stopped once it was started.
            # TYPE node_watchdog_nowayout gauge
            node_watchdog_nowayout{name="watchdog0"} 1
            error: /sys/class/watchdog/watchdog0/timeout: expected a number: "6O"
        "##]].assert_eq(&expose(
            &super::SPEC,
            &[
                ("sys/class/watchdog/watchdog0/timeout", "6O\n"),
                ("sys/class/watchdog/watchdog0/nowayout", "1\n"),
            ],
        ));
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: no data: /sys/class/watchdog/ does not exist
        "#]]
        .assert_eq(&expose(&super::SPEC, &[]));
    }
}
