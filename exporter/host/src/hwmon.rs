//! `/sys/class/hwmon/hwmon*`: temperatures, voltages, fans and what else monitoring chips measure.
//! The family's name comes from the sensor's type, the attribute and the unit: `temp1_crit` →
//! `node_hwmon_temp_crit_celsius`. m°C → °C, mV → volts, mA → amperes, µW → watts, µJ → joules;
//! intervals in ms → seconds, humidity and accuracy in millionths → ratios, clocks in Hz → MHz.

use collect::{Collector, Context, Error, Faults, Filter, Opt, Result, Root, Spec};
use exposition::{Family, Kind, Writer};
use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};

pub(crate) static SPEC: Spec = Spec {
    name: "hwmon",
    doc: "Monitoring chips: temperatures, voltages, fans, power.",
    default: true,
    families: &[&LABELS, &SENSORS],
    opts: &[CHIP_INCLUDE, CHIP_EXCLUDE, SENSOR_INCLUDE, SENSOR_EXCLUDE],
    build: |cx| Ok(Box::new(Hwmon::new(cx)?)),
};

const CHIP_INCLUDE: Opt = Opt::text(
    "collector.hwmon.chip-include",
    "",
    "Regular expression of chips to give (not beside chip-exclude).",
);
const CHIP_EXCLUDE: Opt = Opt::text(
    "collector.hwmon.chip-exclude",
    "",
    "Regular expression of chips to leave out (not beside chip-include).",
);
const SENSOR_INCLUDE: Opt = Opt::text(
    "collector.hwmon.sensor-include",
    "",
    "Regular expression of \"chip;sensor\" to give (not beside sensor-exclude).",
);
const SENSOR_EXCLUDE: Opt = Opt::text(
    "collector.hwmon.sensor-exclude",
    "",
    "Regular expression of \"chip;sensor\" to leave out (not beside sensor-include).",
);

static LABELS: [Family; 2] = [
    Family::gauge(
        "node_hwmon_chip_names",
        "The name that the chip's driver gives it; always 1.",
        &["chip", "chip_name"],
    ),
    Family::gauge(
        "node_hwmon_sensor_label",
        "What the sensor measures, in the driver's words; always 1.",
        &["chip", "label", "sensor"],
    ),
];

const SENSOR: &[&str] = &["chip", "sensor"];

const fn gauge(name: &'static str, help: &'static str) -> Family {
    Family::gauge(name, help, SENSOR)
}

const fn counter(name: &'static str, help: &'static str) -> Family {
    Family::counter(name, help, SENSOR)
}

/// The first that covers a name says what it means.
static SENSORS: [Family; 21] = [
    gauge("node_hwmon_beep_enabled", "Whether the chip may beep."),
    gauge("node_hwmon_voltage_regulator_version", "Version of the voltage regulator module."),
    gauge("node_hwmon_update_interval_seconds", "How often the chip measures, seconds."),
    gauge("node_hwmon_*_fault", "Whether the sensor is broken or not connected."),
    gauge("node_hwmon_*_beep_enabled", "Whether the sensor's alarm beeps."),
    gauge("node_hwmon_in_*volts", "Voltage or a limit of it, volts."),
    gauge("node_hwmon_cpu_*volts", "Processor voltage or a limit of it, volts."),
    gauge("node_hwmon_temp_type", "Kind of the temperature sensor."),
    gauge("node_hwmon_temp_*celsius", "Temperature or a limit of it, °C."),
    gauge("node_hwmon_curr_*amps", "Current or a limit of it, amperes."),
    counter("node_hwmon_energy_joule_total", "Energy used, joules."),
    counter("node_hwmon_energy_*_joule_total", "Energy attribute, joules."),
    gauge("node_hwmon_power_accuracy", "Accuracy of the power sensor, as a ratio."),
    gauge("node_hwmon_power_average_interval_seconds", "Time over which power is averaged."),
    gauge("node_hwmon_power_*watt", "Power or a limit of it, watts."),
    gauge("node_hwmon_humidity", "Relative humidity, as a ratio."),
    gauge("node_hwmon_fan_*rpm", "Fan speed or a limit of it, revolutions a minute."),
    gauge("node_hwmon_freq_freq_mhz", "Clock of a graphics processor, MHz."),
    gauge("node_hwmon_pwm", "Fan drive, 0 to 255."),
    gauge("node_hwmon_*_alarm", "Whether the sensor is beyond a limit."),
    gauge("node_hwmon_*", "Another attribute of a sensor, as the driver gives it."),
];

const TYPES: [&str; 14] = [
    "beep_enable",
    "cpu",
    "curr",
    "energy",
    "fan",
    "freq",
    "humidity",
    "in",
    "intrusion",
    "power",
    "pwm",
    "temp",
    "update_interval",
    "vrm",
];

struct Hwmon {
    class: Root,
    chips: Filter,
    sensors: Filter,
    /// Entries of the class and where they lead, when `named` was made.
    named_for: Vec<(String, Option<String>)>,
    named: Vec<Chip>,
    /// Families by name, so that they are made once.
    families: HashMap<String, Family>,
}

struct Chip {
    entry: String,
    /// The label `chip`.
    label: String,
    /// The label `chip_name`; empty where the driver gives none.
    name: String,
}

/// Sensors by name, such as `temp1`, with their type.
type Sensors = BTreeMap<String, Sensor>;

struct Sensor {
    kind: &'static str,
    /// Texts by property; that of `temp1_crit` is `crit`, that of `pwm1` is empty.
    values: BTreeMap<String, String>,
}

/// Samples by family name: chip, sensor, number.
type Rows = BTreeMap<String, (Kind, Vec<(usize, String, f64)>)>;

impl Hwmon {
    fn new(cx: &Context) -> Result<Self> {
        Ok(Self {
            class: cx.sys.at("class/hwmon"),
            chips: Filter::new(&cx.options, &CHIP_INCLUDE, &CHIP_EXCLUDE)?,
            sensors: Filter::new(&cx.options, &SENSOR_INCLUDE, &SENSOR_EXCLUDE)?,
            named_for: Vec::new(),
            named: Vec::new(),
            families: HashMap::new(),
        })
    }

    /// Names the chips anew when one came or went.
    fn refresh(&mut self) -> Result<()> {
        let entries = self.class.list("").map_err(Error::or_no_data)?;
        let entries: Vec<_> =
            entries.into_iter().map(|entry| (self.class.link(&entry), entry)).collect();
        let entries: Vec<_> = entries.into_iter().map(|(link, entry)| (entry, link)).collect();
        if entries == self.named_for && entries.iter().all(|(_, link)| link.is_some()) {
            return Ok(());
        }
        let dirs = entries.iter().map(|(entry, _)| entry).filter(|entry| self.class.is_dir(entry));
        self.named = names(&self.class, dirs);
        self.named_for = entries;
        Ok(())
    }
}

/// Labels of chips: the device's place and name, the driver's name where there is no device, and
/// whatever makes them different where two would be equal.
fn names<'a>(class: &Root, entries: impl Iterator<Item = &'a String>) -> Vec<Chip> {
    let mut chips = Vec::new();
    for entry in entries {
        let name = class.attr(format!("{entry}/name")).ok().flatten();
        let name = clean(&name.unwrap_or_default());
        let device = class.resolve(format!("{entry}/device"));
        let label = match (device.as_deref().and_then(place), name.as_str()) {
            (Some(place), _) => place,
            (None, "") => entry.clone(),
            (None, name) => name.to_owned(),
        };
        chips.push(Chip { entry: entry.clone(), label, name });
    }
    let count = |chips: &[Chip], same: &dyn Fn(&Chip) -> bool| {
        chips.iter().filter(|chip| same(chip)).count() > 1
    };
    let labels: Vec<String> = chips
        .iter()
        .map(|chip| {
            if !count(&chips, &|other| other.label == chip.label) {
                chip.label.clone()
            } else if chip.name.is_empty()
                || count(&chips, &|other| other.label == chip.label && other.name == chip.name)
            {
                format!("{}_{}", chip.label, chip.entry)
            } else {
                format!("{}_{}", chip.label, chip.name)
            }
        })
        .collect();
    for (chip, label) in chips.iter_mut().zip(labels) {
        chip.label = label;
    }
    chips
}

/// A device's bus and name: `platform_coretemp_0`.
fn place(device: &Path) -> Option<String> {
    let name = clean(&device.file_name()?.to_string_lossy());
    let parent = device.parent().and_then(Path::file_name);
    let parent = parent.map(|parent| clean(&parent.to_string_lossy())).unwrap_or_default();
    match (parent.as_str(), name.as_str()) {
        ("", "") => None,
        ("", name) => Some(name.to_owned()),
        (parent, "") => Some(parent.to_owned()),
        (parent, name) => Some(format!("{parent}_{name}")),
    }
}

/// A text as part of a label or a name: what is neither letter, digit nor `:` becomes `_`.
fn clean(text: &str) -> String {
    let keep = |c: char| if c.is_ascii_alphanumeric() || c == ':' { c } else { '_' };
    let text: String = text.trim().to_lowercase().chars().map(keep).collect();
    text.trim_matches('_').to_owned()
}

/// Type, number and property of an attribute such as `temp1_crit`.
fn parse(file: &str) -> Option<(&'static str, u64, &str)> {
    let digits = file.find(|c: char| c.is_ascii_digit()).unwrap_or(file.len());
    let (kind, rest) = file.split_at_checked(digits)?;
    let kind = TYPES.into_iter().find(|known| *known == kind)?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (number, property) = rest.split_at_checked(end)?;
    let number = if number.is_empty() { 0 } else { number.parse().ok()? };
    match property {
        "" => Some((kind, number, "")),
        _ => Some((kind, number, property.strip_prefix('_').filter(|p| !p.is_empty())?)),
    }
}

/// Reads the sensors in `dir` over those that are there; what cannot be read is left out, for
/// drivers answer with all kinds of errors when a sensor is asleep.
fn read(dir: &Root, sensors: &mut Sensors) -> Result<()> {
    for file in dir.list("")? {
        let Some((kind, number, property)) = parse(&file) else { continue };
        let Ok(text) = dir.read(&file) else { continue };
        let text = text.text().as_str().trim_end_matches('\n').to_owned();
        let sensor = sensors
            .entry(format!("{kind}{number}"))
            .or_insert_with(|| Sensor { kind, values: BTreeMap::new() });
        let property = if property.is_empty() { String::new() } else { clean(property) };
        sensor.values.insert(property, text);
    }
    Ok(())
}

impl Sensor {
    fn label(&self) -> Option<&str> {
        self.values.get("label").map(String::as_str)
    }

    /// The family's name behind `node_hwmon_` and the number in its unit.
    fn sample(&self, property: &str, number: f64) -> Option<(String, Kind, f64)> {
        let kind = self.kind;
        let gauge = |name: String, number| Some((name, Kind::Gauge, number));
        // `in1_input` is the measurement itself, unless there is a plain `in1` too.
        let suffix = match property {
            "input" if !self.values.contains_key("") => String::new(),
            "" => String::new(),
            _ => format!("_{property}"),
        };
        match (kind, property) {
            ("beep_enable", "") => gauge(
                "beep_enabled".into(),
                f64::from(u8::from(number.to_bits() == 1f64.to_bits())),
            ),
            ("vrm", "") => gauge("voltage_regulator_version".into(), number),
            ("update_interval", "") => gauge("update_interval_seconds".into(), number * 0.001),
            ("beep_enable" | "vrm" | "update_interval", _) | (_, "label") => None,
            (_, "fault" | "alarm") => gauge(format!("{kind}_{property}"), number),
            (_, "beep") => gauge(format!("{kind}_beep_enabled"), number),
            ("in" | "cpu", _) => gauge(format!("{kind}{suffix}_volts"), number * 0.001),
            ("temp", property) if property != "type" => {
                gauge(format!("temp{suffix}_celsius"), number * 0.001)
            }
            ("curr", _) => gauge(format!("curr{suffix}_amps"), number * 0.001),
            ("energy", _) => {
                Some((format!("energy{suffix}_joule_total"), Kind::Counter, number / 1e6))
            }
            ("power", "accuracy") => gauge("power_accuracy".into(), number / 1e6),
            ("power", "average_interval") => {
                gauge("power_average_interval_seconds".into(), number * 0.001)
            }
            ("power", _) => gauge(format!("power{suffix}_watt"), number / 1e6),
            ("humidity", _) => gauge(format!("humidity{suffix}"), number / 1e6),
            ("fan", "input" | "min" | "max" | "target") => {
                gauge(format!("fan{suffix}_rpm"), number)
            }
            ("freq", "input") => {
                self.label().and_then(|_| gauge("freq_freq_mhz".into(), number / 1e6))
            }
            _ => gauge(format!("{kind}{suffix}"), number),
        }
    }
}

impl Collector for Hwmon {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        self.refresh()?;
        let [chip_names, sensor_label] = &LABELS;
        let mut faults = Faults::default();
        let mut rows = Rows::new();
        let mut labels = Vec::new();
        for (index, chip) in self.named.iter().enumerate() {
            if !self.chips.keeps(&chip.label) {
                continue;
            }
            let mut sensors = Sensors::new();
            let dir = self.class.at(&chip.entry);
            faults.ok(read(&dir, &mut sensors));
            if dir.is_dir("device") {
                faults.ok(read(&dir.at("device"), &mut sensors));
            }
            for (name, sensor) in sensors {
                if !self.sensors.keeps(&format!("{};{name}", chip.label)) {
                    continue;
                }
                if let Some(label) = sensor.label() {
                    labels.push((index, label.to_owned(), name.clone()));
                }
                for (property, text) in &sensor.values {
                    let Ok(number) = text.trim().parse::<f64>() else { continue };
                    let Some((family, kind, number)) = sensor.sample(property, number) else {
                        continue;
                    };
                    let by_label = family == "freq_freq_mhz";
                    let name = if by_label {
                        clean(sensor.label().unwrap_or_default())
                    } else {
                        name.clone()
                    };
                    rows.entry(family).or_insert((kind, Vec::new())).1.push((index, name, number));
                }
            }
        }
        let chip = |index: usize| self.named.get(index).map_or("", |chip| chip.label.as_str());
        out.family(chip_names, |s| {
            for chip in self.named.iter().filter(|chip| !chip.name.is_empty()) {
                if self.chips.keeps(&chip.label) {
                    s.row(&[&chip.label, &chip.name], 1u64);
                }
            }
        });
        out.family(sensor_label, |s| {
            for (index, label, sensor) in &labels {
                s.row(&[chip(*index), label, sensor], 1u64);
            }
        });
        for (name, (kind, rows)) in &rows {
            let family = self.families.entry(name.clone()).or_insert_with(|| family(name, *kind));
            out.family(family, |s| {
                for (index, sensor, number) in rows {
                    s.row(&[chip(*index), sensor], *number);
                }
            });
        }
        faults.finish()
    }
}

fn family(name: &str, kind: Kind) -> Family {
    let name = format!("node_hwmon_{name}");
    let declared = SENSORS.iter().find(|declared| declared.covers(&name));
    let help = declared.map_or("", |declared| &*declared.help);
    Family::dynamic(kind, &name, help, SENSOR)
}

#[cfg(test)]
mod tests {
    use collect::testing::{expose, expose_with};
    use expect_test::expect;

    const SERVER: &[(&str, &str)] = &[
        ("sys/class/hwmon/hwmon0", "-> ../../devices/platform/coretemp.0/hwmon/hwmon0"),
        ("sys/devices/platform/coretemp.0/hwmon/hwmon0/device", "-> ../.."),
        ("sys/devices/platform/coretemp.0/hwmon/hwmon0/name", "coretemp\n"),
        ("sys/devices/platform/coretemp.0/hwmon/hwmon0/temp1_input", "55000\n"),
        ("sys/devices/platform/coretemp.0/hwmon/hwmon0/temp1_crit", "100000\n"),
        ("sys/devices/platform/coretemp.0/hwmon/hwmon0/temp1_crit_alarm", "0\n"),
        ("sys/devices/platform/coretemp.0/hwmon/hwmon0/temp1_label", "Package id 0\n"),
        ("sys/class/hwmon/hwmon1/name", "nct-6779\n"),
        ("sys/class/hwmon/hwmon1/fan2_input", "1098\n"),
        ("sys/class/hwmon/hwmon1/fan2_alarm", "0\n"),
        ("sys/class/hwmon/hwmon1/in0_input", "792\n"),
        ("sys/class/hwmon/hwmon1/pwm1", "127\n"),
        ("sys/class/hwmon/hwmon1/pwm1_enable", "5\n"),
        ("sys/class/hwmon/hwmon1/energy1_input", "1500000\n"),
        ("sys/class/hwmon/hwmon1/freq1_input", "300000000\n"),
        ("sys/class/hwmon/hwmon1/freq1_label", "mclk\n"),
        ("sys/class/hwmon/hwmon1/uevent", "\n"),
    ];

    #[test]
    fn server() {
        expect![[r##"
            # HELP node_hwmon_chip_names The name that the chip's driver gives it; always 1.
            # TYPE node_hwmon_chip_names gauge
            node_hwmon_chip_names{chip="platform_coretemp_0",chip_name="coretemp"} 1
            node_hwmon_chip_names{chip="nct_6779",chip_name="nct_6779"} 1
            # HELP node_hwmon_energy_joule_total Energy used, joules.
            # TYPE node_hwmon_energy_joule_total counter
            node_hwmon_energy_joule_total{chip="nct_6779",sensor="energy1"} 1.5
            # HELP node_hwmon_fan_alarm Whether the sensor is beyond a limit.
            # TYPE node_hwmon_fan_alarm gauge
            node_hwmon_fan_alarm{chip="nct_6779",sensor="fan2"} 0
            # HELP node_hwmon_fan_rpm Fan speed or a limit of it, revolutions a minute.
            # TYPE node_hwmon_fan_rpm gauge
            node_hwmon_fan_rpm{chip="nct_6779",sensor="fan2"} 1098
            # HELP node_hwmon_freq_freq_mhz Clock of a graphics processor, MHz.
            # TYPE node_hwmon_freq_freq_mhz gauge
            node_hwmon_freq_freq_mhz{chip="nct_6779",sensor="mclk"} 300
            # HELP node_hwmon_in_volts Voltage or a limit of it, volts.
            # TYPE node_hwmon_in_volts gauge
            node_hwmon_in_volts{chip="nct_6779",sensor="in0"} 0.792
            # HELP node_hwmon_pwm Fan drive, 0 to 255.
            # TYPE node_hwmon_pwm gauge
            node_hwmon_pwm{chip="nct_6779",sensor="pwm1"} 127
            # HELP node_hwmon_pwm_enable Another attribute of a sensor, as the driver gives it.
            # TYPE node_hwmon_pwm_enable gauge
            node_hwmon_pwm_enable{chip="nct_6779",sensor="pwm1"} 5
            # HELP node_hwmon_sensor_label What the sensor measures, in the driver's words; always 1.
            # TYPE node_hwmon_sensor_label gauge
            node_hwmon_sensor_label{chip="platform_coretemp_0",label="Package id 0",sensor="temp1"} 1
            node_hwmon_sensor_label{chip="nct_6779",label="mclk",sensor="freq1"} 1
            # HELP node_hwmon_temp_celsius Temperature or a limit of it, °C.
            # TYPE node_hwmon_temp_celsius gauge
            node_hwmon_temp_celsius{chip="platform_coretemp_0",sensor="temp1"} 55
            # HELP node_hwmon_temp_crit_alarm_celsius Temperature or a limit of it, °C.
            # TYPE node_hwmon_temp_crit_alarm_celsius gauge
            node_hwmon_temp_crit_alarm_celsius{chip="platform_coretemp_0",sensor="temp1"} 0
            # HELP node_hwmon_temp_crit_celsius Temperature or a limit of it, °C.
            # TYPE node_hwmon_temp_crit_celsius gauge
            node_hwmon_temp_crit_celsius{chip="platform_coretemp_0",sensor="temp1"} 100
        "##]].assert_eq(&expose(&super::SPEC, SERVER));
    }

    #[test]
    fn filtered() {
        let options = [
            ("collector.hwmon.chip-exclude", "^platform"),
            ("collector.hwmon.sensor-include", "^nct_6779;(fan|pwm)"),
        ];
        expect![[r##"
            # HELP node_hwmon_chip_names The name that the chip's driver gives it; always 1.
            # TYPE node_hwmon_chip_names gauge
            node_hwmon_chip_names{chip="nct_6779",chip_name="nct_6779"} 1
            # HELP node_hwmon_fan_alarm Whether the sensor is beyond a limit.
            # TYPE node_hwmon_fan_alarm gauge
            node_hwmon_fan_alarm{chip="nct_6779",sensor="fan2"} 0
            # HELP node_hwmon_fan_rpm Fan speed or a limit of it, revolutions a minute.
            # TYPE node_hwmon_fan_rpm gauge
            node_hwmon_fan_rpm{chip="nct_6779",sensor="fan2"} 1098
            # HELP node_hwmon_pwm Fan drive, 0 to 255.
            # TYPE node_hwmon_pwm gauge
            node_hwmon_pwm{chip="nct_6779",sensor="pwm1"} 127
            # HELP node_hwmon_pwm_enable Another attribute of a sensor, as the driver gives it.
            # TYPE node_hwmon_pwm_enable gauge
            node_hwmon_pwm_enable{chip="nct_6779",sensor="pwm1"} 5
        "##]]
        .assert_eq(&expose_with(&super::SPEC, SERVER, &options));
    }

    #[test]
    fn twins_and_torn() {
        expect![[r##"
            # HELP node_hwmon_chip_names The name that the chip's driver gives it; always 1.
            # TYPE node_hwmon_chip_names gauge
            node_hwmon_chip_names{chip="nvme_hwmon0",chip_name="nvme"} 1
            node_hwmon_chip_names{chip="nvme_hwmon1",chip_name="nvme"} 1
            # HELP node_hwmon_sensor_label What the sensor measures, in the driver's words; always 1.
            # TYPE node_hwmon_sensor_label gauge
            node_hwmon_sensor_label{chip="hwmon2",label="\"a\"",sensor="temp1"} 1
            # HELP node_hwmon_temp_celsius Temperature or a limit of it, °C.
            # TYPE node_hwmon_temp_celsius gauge
            node_hwmon_temp_celsius{chip="nvme_hwmon0",sensor="temp1"} 30.85
            node_hwmon_temp_celsius{chip="nvme_hwmon1",sensor="temp2"} 0.001
        "##]].assert_eq(&expose(
            &super::SPEC,
            &[
                ("sys/class/hwmon/hwmon0/name", "nvme\n"),
                ("sys/class/hwmon/hwmon0/temp1_input", "30850\n"),
                ("sys/class/hwmon/hwmon1/name", "nvme\n"),
                ("sys/class/hwmon/hwmon1/temp1_input", "3O850\n"),
                ("sys/class/hwmon/hwmon1/temp99999999999999999999_input", "1\n"),
                ("sys/class/hwmon/hwmon1/temp2_ü", "1\n"),
                ("sys/class/hwmon/hwmon1/temp3_", "1\n"),
                ("sys/class/hwmon/hwmon1/temp4_input/", ""),
                ("sys/class/hwmon/hwmon2/temp1_label", "\u{1}\"a\"\n"),
                ("sys/class/hwmon/hwmon3", "a file\n"),
            ],
        ));
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: no data: /sys/class/hwmon/ does not exist
        "#]]
        .assert_eq(&expose(&super::SPEC, &[]));
    }
}
