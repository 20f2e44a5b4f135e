//! `/sys/class/power_supply/*`: batteries, mains adapters and USB ports. Currents, charges,
//! voltages, powers and energies are read in µA, µAh, µV, µW and µWh and exposed without the µ;
//! temperatures in tenths of °C → °C; times in seconds, capacities in percent.

use collect::{Collector, Context, Error, Faults, Filter, Opt, Result, Root, Spec};
use exposition::{Family, Writer};

pub(crate) static SPEC: Spec = Spec {
    name: "powersupplyclass",
    doc: "Batteries and mains adapters.",
    default: true,
    families: &[&NUMBERS, std::slice::from_ref(&INFO)],
    opts: &[IGNORED],
    build: |cx| Ok(Box::new(PowerSupply::new(cx)?)),
};

const IGNORED: Opt = Opt::text(
    "collector.powersupply.ignored-supplies",
    "^$",
    "Regular expression of power supplies to leave out.",
);

/// An attribute, and by what its number is divided.
type Source = (&'static str, f64);

const ONE: f64 = 1.0;
const TENTH: f64 = 10.0;
const MICRO: f64 = 1e6;

macro_rules! numbers { ($(($name:literal, $file:literal, $unit:expr, $help:literal),)*) => {
    static NUMBERS: [Family; SOURCES.len()] = [
        $(Family::gauge(concat!("node_power_supply_", $name), $help, &["power_supply"]),)*
    ];
    const SOURCES: &[Source] = &[$(($file, $unit),)*];
}}

numbers![
    ("authentic", "authentic", ONE, "Whether the supply proved to be the maker's own."),
    ("calibrate", "calibrate", ONE, "Whether the battery is being calibrated."),
    ("capacity", "capacity", ONE, "Charge in percent of a full battery."),
    ("capacity_alert_max", "capacity_alert_max", ONE, "Charge in percent above which it alerts."),
    ("capacity_alert_min", "capacity_alert_min", ONE, "Charge in percent below which it alerts."),
    ("charge_ampere", "charge_now", MICRO, "Charge now, ampere hours."),
    ("charge_control_limit", "charge_control_limit", MICRO, "Limit of the charging current."),
    (
        "charge_control_limit_max",
        "charge_control_limit_max",
        MICRO,
        "Greatest limit of the charging current."
    ),
    ("charge_counter", "charge_counter", MICRO, "Charge that was counted, ampere hours."),
    ("charge_empty", "charge_empty", MICRO, "Charge at which it counts as empty, ampere hours."),
    ("charge_empty_design", "charge_empty_design", MICRO, "Charge when empty, by design, Ah."),
    ("charge_full", "charge_full", MICRO, "Charge at which it counts as full, ampere hours."),
    ("charge_full_design", "charge_full_design", MICRO, "Charge when full, by design, Ah."),
    ("charge_term_current", "charge_term_current", MICRO, "Current that ends charging, amperes."),
    ("constant_charge_current", "constant_charge_current", MICRO, "Charging current, amperes."),
    (
        "constant_charge_current_max",
        "constant_charge_current_max",
        MICRO,
        "Greatest charging current, amperes."
    ),
    ("constant_charge_voltage", "constant_charge_voltage", MICRO, "Charging voltage, volts."),
    (
        "constant_charge_voltage_max",
        "constant_charge_voltage_max",
        MICRO,
        "Greatest charging voltage, volts."
    ),
    ("current_ampere", "current_now", MICRO, "Current now, amperes."),
    ("current_boot", "current_boot", MICRO, "Current when the host started, amperes."),
    ("current_max", "current_max", MICRO, "Greatest current, amperes."),
    ("cyclecount", "cycle_count", ONE, "Charge cycles of the battery."),
    ("energy_empty", "energy_empty", MICRO, "Energy at which it counts as empty, watt hours."),
    ("energy_empty_design", "energy_empty_design", MICRO, "Energy when empty, by design, Wh."),
    ("energy_full", "energy_full", MICRO, "Energy at which it counts as full, watt hours."),
    ("energy_full_design", "energy_full_design", MICRO, "Energy when full, by design, Wh."),
    ("energy_watthour", "energy_now", MICRO, "Energy now, watt hours."),
    ("input_current_limit", "input_current_limit", MICRO, "Limit of the input current, amperes."),
    ("online", "online", ONE, "Whether the supply gives power."),
    ("power_watt", "power_now", MICRO, "Power now, watts."),
    ("precharge_current", "precharge_current", MICRO, "Current of the first phase of charging, A."),
    ("present", "present", ONE, "Whether the battery is there."),
    ("temp_alert_max_celsius", "temp_alert_max", TENTH, "Temperature above which it alerts, °C."),
    ("temp_alert_min_celsius", "temp_alert_min", TENTH, "Temperature below which it alerts, °C."),
    ("temp_ambient_celsius", "temp_ambient", TENTH, "Temperature around the battery, °C."),
    ("temp_ambient_max_celsius", "temp_ambient_max", TENTH, "Greatest temperature around it, °C."),
    ("temp_ambient_min_celsius", "temp_ambient_min", TENTH, "Least temperature around it, °C."),
    ("temp_celsius", "temp", TENTH, "Temperature of the battery, °C."),
    ("temp_max_celsius", "temp_max", TENTH, "Greatest temperature that it bears, °C."),
    ("temp_min_celsius", "temp_min", TENTH, "Least temperature that it bears, °C."),
    ("time_to_empty_seconds", "time_to_empty_now", ONE, "Seconds until the battery is empty."),
    ("time_to_full_seconds", "time_to_full_now", ONE, "Seconds until the battery is full."),
    ("voltage_boot", "voltage_boot", MICRO, "Voltage when the host started, volts."),
    ("voltage_max", "voltage_max", MICRO, "Greatest voltage, volts."),
    ("voltage_max_design", "voltage_max_design", MICRO, "Greatest voltage by design, volts."),
    ("voltage_min", "voltage_min", MICRO, "Least voltage, volts."),
    ("voltage_min_design", "voltage_min_design", MICRO, "Least voltage by design, volts."),
    ("voltage_ocv", "voltage_ocv", MICRO, "Voltage without load, volts."),
    ("voltage_volt", "voltage_now", MICRO, "Voltage now, volts."),
];

/// Only labels whose attribute exists and is not empty are written.
static INFO: Family = Family::gauge(
    "node_power_supply_info",
    "What the supply is and how it is, in labels; always 1.",
    &[
        "power_supply",
        "capacity_level",
        "charge_type",
        "health",
        "manufacturer",
        "model_name",
        "scope",
        "serial_number",
        "status",
        "technology",
        "type",
        "usb_type",
    ],
);

struct PowerSupply {
    class: Root,
    ignored: Filter,
}

impl PowerSupply {
    fn new(cx: &Context) -> Result<Self> {
        let ignored = Filter::excluding(&cx.options, &IGNORED)?;
        Ok(Self { class: cx.sys.at("class/power_supply"), ignored })
    }
}

impl Collector for PowerSupply {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let mut faults = Faults::default();
        let mut supplies = Vec::new();
        for name in self.class.list("").map_err(Error::or_no_data)? {
            if !self.ignored.keeps(&name) {
                continue;
            }
            // A driver offers the attributes that it has: most of the table is not there.
            if let Some(files) = faults.ok(self.class.list(&name)) {
                supplies.push((name, files));
            }
        }
        let has = |files: &[String], file: &str| files.iter().any(|f| f == file);
        for (family, (file, divisor)) in NUMBERS.iter().zip(SOURCES) {
            out.family(family, |s| {
                for (name, files) in &supplies {
                    if !has(files, file) {
                        continue;
                    }
                    let number = faults.ok(self.class.number::<i64>(format!("{name}/{file}")));
                    if let Some(number) = number.flatten() {
                        s.row(&[name], scaled(number, *divisor));
                    }
                }
            });
        }
        out.family(&INFO, |s| {
            for (name, files) in &supplies {
                let mut texts = Vec::new();
                for label in INFO.labels.iter().skip(1).filter(|label| has(files, label)) {
                    let text = faults.ok(self.class.attr(format!("{name}/{label}"))).flatten();
                    texts.extend(text.filter(|t| !t.is_empty()).map(|text| (*label, text)));
                }
                let mut labels = vec![("power_supply", name.as_str())];
                labels.extend(texts.iter().map(|(label, text)| (*label, text.as_str())));
                s.sample(&labels, 1u64);
            }
        });
        faults.finish()
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact below 2^53, as every exposed number")]
fn scaled(number: i64, divisor: f64) -> f64 {
    number as f64 / divisor
}

#[cfg(test)]
mod tests {
    use collect::testing::{expose, expose_with};
    use expect_test::expect;

    const LAPTOP: &[(&str, &str)] = &[
        ("sys/class/power_supply/AC0/type", "Mains\n"),
        ("sys/class/power_supply/AC0/online", "1\n"),
        ("sys/class/power_supply/BAT1/type", "Battery\n"),
        ("sys/class/power_supply/BAT1/status", "Discharging\n"),
        ("sys/class/power_supply/BAT1/manufacturer", " \n"),
        ("sys/class/power_supply/BAT1/capacity", "81\n"),
        ("sys/class/power_supply/BAT1/current_now", "-1450000\n"),
        ("sys/class/power_supply/BAT1/temp", "297\n"),
        ("sys/class/power_supply/BAT1/uevent", "POWER_SUPPLY_NAME=BAT1\n"),
    ];

    #[test]
    fn laptop() {
        expect![[r##"
            # HELP node_power_supply_capacity Charge in percent of a full battery.
            # TYPE node_power_supply_capacity gauge
            node_power_supply_capacity{power_supply="BAT1"} 81
            # HELP node_power_supply_current_ampere Current now, amperes.
            # TYPE node_power_supply_current_ampere gauge
            node_power_supply_current_ampere{power_supply="BAT1"} -1.45
            # HELP node_power_supply_info What the supply is and how it is, in labels; always 1.
            # TYPE node_power_supply_info gauge
            node_power_supply_info{power_supply="AC0",type="Mains"} 1
            node_power_supply_info{power_supply="BAT1",status="Discharging",type="Battery"} 1
            # HELP node_power_supply_online Whether the supply gives power.
            # TYPE node_power_supply_online gauge
            node_power_supply_online{power_supply="AC0"} 1
            # HELP node_power_supply_temp_celsius Temperature of the battery, °C.
            # TYPE node_power_supply_temp_celsius gauge
            node_power_supply_temp_celsius{power_supply="BAT1"} 29.7
        "##]]
        .assert_eq(&expose(&super::SPEC, LAPTOP));
    }

    #[test]
    fn ignored_and_torn() {
        let files = [LAPTOP, &[("sys/class/power_supply/AC0/present", "yes\n")]].concat();
        let options = [("collector.powersupply.ignored-supplies", "^BAT")];
        expect![[r##"
            # HELP node_power_supply_info What the supply is and how it is, in labels; always 1.
            # TYPE node_power_supply_info gauge
            node_power_supply_info{power_supply="AC0",type="Mains"} 1
            # HELP node_power_supply_online Whether the supply gives power.
            # TYPE node_power_supply_online gauge
            node_power_supply_online{power_supply="AC0"} 1
            error: /sys/class/power_supply/AC0/present: expected a number: "yes"
        "##]]
        .assert_eq(&expose_with(&super::SPEC, &files, &options));
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: no data: /sys/class/power_supply/ does not exist
        "#]]
        .assert_eq(&expose(&super::SPEC, &[]));
    }
}
