//! `/sys/class/thermal`: zone temperatures, milli-°C → °C, and how hard cooling devices work, in
//! steps of their own.

use collect::{Collector, Faults, Result, Root, Spec};
use exposition::{Family, Writer};

pub(crate) static SPEC: Spec = Spec {
    name: "thermal_zone",
    doc: "Thermal zones and cooling devices.",
    default: true,
    families: &[&FAMILIES],
    opts: &[],
    build: |cx| Ok(Box::new(Thermal { class: cx.sys.at("class/thermal") })),
};

static FAMILIES: [Family; 3] = [
    Family::gauge("node_thermal_zone_temp", "Temperature of the zone, °C.", &["type", "zone"]),
    Family::gauge(
        "node_cooling_device_cur_state",
        "Step at which the device cools now; 0 is off.",
        &["name", "type"],
    ),
    Family::gauge(
        "node_cooling_device_max_state",
        "Highest step at which the device can cool.",
        &["name", "type"],
    ),
];

struct Thermal {
    class: Root,
}

impl Thermal {
    fn kind(&self, name: &str) -> Result<String> {
        Ok(self.class.attr(format!("{name}/type"))?.unwrap_or_default())
    }
}

impl Collector for Thermal {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let names = self.class.list_if_any("")?;
        let [temperature, cur_state, max_state] = &FAMILIES;
        let mut faults = Faults::default();
        out.family(temperature, |s| {
            for name in &names {
                let Some(zone) = name.strip_prefix("thermal_zone") else { continue };
                // A zone whose sensor is asleep answers EAGAIN or ENODATA: it is left out.
                let milli = faults.ok(self.class.number::<f64>(format!("{name}/temp"))).flatten();
                let Some(milli) = milli else { continue };
                let kind = faults.ok(self.kind(name)).unwrap_or_default();
                s.row(&[&kind, zone], milli / 1000.0);
            }
        });
        for (family, file) in [(cur_state, "cur_state"), (max_state, "max_state")] {
            out.family(family, |s| {
                for name in &names {
                    let Some(device) = name.strip_prefix("cooling_device") else { continue };
                    let state = self.class.number::<i64>(format!("{name}/{file}"));
                    let Some(state) = faults.ok(state).flatten() else { continue };
                    let kind = faults.ok(self.kind(name)).unwrap_or_default();
                    s.row(&[device, &kind], state);
                }
            });
        }
        faults.finish()
    }
}

#[cfg(test)]
mod tests {
    use collect::testing::expose;
    use expect_test::expect;

    #[test]
    fn zones_and_fans() {
        expect![[r##"
            # HELP node_cooling_device_cur_state Step at which the device cools now; 0 is off.
            # TYPE node_cooling_device_cur_state gauge
            node_cooling_device_cur_state{name="0",type="Fan"} -1
            # HELP node_cooling_device_max_state Highest step at which the device can cool.
            # TYPE node_cooling_device_max_state gauge
            node_cooling_device_max_state{name="0",type="Fan"} 10
            # HELP node_thermal_zone_temp Temperature of the zone, °C.
            # TYPE node_thermal_zone_temp gauge
            node_thermal_zone_temp{type="acpitz",zone="0"} -5.5
            node_thermal_zone_temp{type="x86_pkg_temp",zone="10"} 45
        "##]]
        .assert_eq(&expose(
            &super::SPEC,
            &[
                ("sys/class/thermal/thermal_zone0/type", "acpitz\n"),
                ("sys/class/thermal/thermal_zone0/temp", "-5500\n"),
                ("sys/class/thermal/thermal_zone10/type", "x86_pkg_temp\n"),
                ("sys/class/thermal/thermal_zone10/temp", "45000\n"),
                ("sys/class/thermal/cooling_device0/type", "Fan\n"),
                ("sys/class/thermal/cooling_device0/cur_state", "-1\n"),
                ("sys/class/thermal/cooling_device0/max_state", "10\n"),
            ],
        ));
    }

    #[test]
    fn one_zone_sleeps_and_one_is_torn() {
        expect![[r##"
            # HELP node_thermal_zone_temp Temperature of the zone, °C.
            # TYPE node_thermal_zone_temp gauge
            node_thermal_zone_temp{type="good",zone="2"} 45
            error: /sys/class/thermal/thermal_zone1/temp: expected a number: "45k"
        "##]]
        .assert_eq(&expose(
            &super::SPEC,
            &[
                ("sys/class/thermal/thermal_zone0/type", "asleep\n"),
                ("sys/class/thermal/thermal_zone1/type", "torn\n"),
                ("sys/class/thermal/thermal_zone1/temp", "45k\n"),
                ("sys/class/thermal/thermal_zone2/type", "good\n"),
                ("sys/class/thermal/thermal_zone2/temp", "45000\n"),
            ],
        ));
    }

    #[test]
    fn absent() {
        expect![[""]].assert_eq(&expose(&super::SPEC, &[]));
    }
}
