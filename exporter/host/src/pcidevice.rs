//! `/sys/bus/pci/devices/*`: PCI devices, where they sit, their links and their power state. Link
//! speeds in GT/s → transfers a second. Names come from a `pci.ids` file, which is read only when
//! it is asked for and a device appears that was not there before.

mod ids;

use collect::{Attr, Collector, Context, Error, Faults, Opt, Result, Root, Spec};
use exposition::{Family, Samples, Writer};
use ids::{Key, Names};
use std::collections::HashMap;

pub(crate) static SPEC: Spec = Spec {
    name: "pcidevice",
    doc: "PCI devices.",
    default: false,
    families: &[&FAMILIES],
    opts: &[NAMES, IDS_FILE],
    build: |cx| Ok(Box::new(PciDevice::new(cx))),
};

const NAMES: Opt =
    Opt::switch("collector.pcidevice.names", false, "Add names of vendors, devices and classes.");
const IDS_FILE: Opt = Opt::text(
    "collector.pcidevice.idsfile",
    "",
    "The pci.ids file that has the names; where it usually is unless given.",
);

/// Where distributions keep pci.ids, below the host's root.
const IDS_FILES: [&str; 4] = [
    "usr/share/misc/pci.ids",
    "usr/share/hwdata/pci.ids",
    "usr/share/pci.ids",
    "var/lib/pciutils/pci.ids",
];

const DEVICE: &[&str] = &["segment", "bus", "device", "function"];

const fn gauge(name: &'static str, help: &'static str) -> Family {
    Family::gauge(name, help, DEVICE)
}

static FAMILIES: [Family; 12] = [
    Family::gauge(
        "node_pcidevice_info",
        "What the device is and where it sits, in labels; always 1.",
        &[
            "segment",
            "bus",
            "device",
            "function",
            "parent_segment",
            "parent_bus",
            "parent_device",
            "parent_function",
            "class_id",
            "vendor_id",
            "device_id",
            "subsystem_vendor_id",
            "subsystem_device_id",
            "revision",
            "vendor_name",
            "device_name",
            "subsystem_vendor_name",
            "subsystem_device_name",
            "class_name",
        ],
    ),
    gauge(
        "node_pcidevice_max_link_transfers_per_second",
        "Greatest rate of the link; -1 where there is none.",
    ),
    gauge("node_pcidevice_max_link_width", "Greatest number of lanes; -1 where there are none."),
    gauge(
        "node_pcidevice_current_link_transfers_per_second",
        "Rate of the link now; -1 where there is none.",
    ),
    gauge("node_pcidevice_current_link_width", "Number of lanes now; -1 where there are none."),
    gauge("node_pcidevice_d3cold_allowed", "Whether power may be cut (1 or 0)."),
    gauge("node_pcidevice_numa_node", "The NUMA node to which the device belongs."),
    gauge("node_pcidevice_sriov_drivers_autoprobe", "Whether drivers bind to virtual functions."),
    gauge("node_pcidevice_sriov_numvfs", "Virtual functions that are enabled."),
    gauge("node_pcidevice_sriov_totalvfs", "Virtual functions that the device could have."),
    gauge("node_pcidevice_sriov_vf_total_msix", "Interrupt vectors for virtual functions."),
    Family::gauge(
        "node_pcidevice_power_state",
        "Whether the device is in this power state (1 or 0).",
        &["segment", "bus", "device", "function", "state"],
    ),
];

const POWER_STATES: [&str; 7] = ["D0", "D1", "D2", "D3hot", "D3cold", "unknown", "error"];

struct PciDevice {
    bus: Root,
    rootfs: Root,
    with_names: bool,
    ids_file: String,
    names: HashMap<Key, Names>,
}

/// Where a device sits: segment, bus, device and function.
type Place<'a> = [&'a str; 4];

const NO_PLACE: Place<'static> = ["*"; 4];

/// The attributes of [`Device::ids`].
const IDS: [&str; 6] =
    ["class", "vendor", "device", "subsystem_vendor", "subsystem_device", "revision"];

struct Device {
    name: String,
    parent: String,
    ids: [String; 6],
}

impl PciDevice {
    fn new(cx: &Context) -> Self {
        Self {
            bus: cx.sys.at("bus/pci/devices"),
            rootfs: cx.rootfs.clone(),
            with_names: cx.options.switch(&NAMES),
            ids_file: cx.options.text(&IDS_FILE).to_owned(),
            names: HashMap::new(),
        }
    }

    fn device(&self, name: &str, faults: &mut Faults) -> Device {
        let resolved = self.bus.resolve(name);
        let parent = resolved.as_deref().and_then(|path| path.parent()?.file_name());
        let parent = parent.map(|parent| parent.to_string_lossy().into_owned()).unwrap_or_default();
        let ids = IDS.map(|file| {
            faults.ok(self.bus.attr(format!("{name}/{file}"))).flatten().unwrap_or_default()
        });
        Device { name: name.to_owned(), parent, ids }
    }

    /// Finds the names of devices that are new.
    fn refresh_names(&mut self, devices: &[Device], out: &mut Writer) {
        let missing: Vec<Key> = devices
            .iter()
            .filter_map(Device::key)
            .filter(|key| !self.names.contains_key(key))
            .collect();
        if missing.is_empty() {
            return;
        }
        let text = self.ids_text();
        if text.is_none() {
            out.remark("no pci.ids file: devices are named by their numbers");
        }
        self.names.extend(ids::lookup(text.as_deref().unwrap_or_default(), missing));
    }

    fn ids_text(&self) -> Option<String> {
        let read = |root: &Root, file: &str| {
            let bytes = root.bytes(file).ok()?;
            Some(String::from_utf8_lossy(&bytes).into_owned())
        };
        match self.ids_file.as_str() {
            "" => IDS_FILES.iter().find_map(|file| read(&self.rootfs, file)),
            file if file.starts_with('/') => read(&Root::new("/"), file),
            file => read(&Root::new("."), file),
        }
    }

    fn info(&self, samples: &mut Samples<'_>, device: &Device) {
        let Some([segment, bus, slot, function]) = place(&device.name) else { return };
        let parent = place(&device.parent).unwrap_or(NO_PLACE);
        let [parent_segment, parent_bus, parent_slot, parent_function] = parent;
        let [class, vendor, id, subsystem_vendor, subsystem_device, revision] = &device.ids;
        let mut labels = vec![
            ("segment", segment),
            ("bus", bus),
            ("device", slot),
            ("function", function),
            ("parent_segment", parent_segment),
            ("parent_bus", parent_bus),
            ("parent_device", parent_slot),
            ("parent_function", parent_function),
            ("class_id", class),
            ("vendor_id", vendor),
            ("device_id", id),
            ("subsystem_vendor_id", subsystem_vendor),
            ("subsystem_device_id", subsystem_device),
            ("revision", revision),
        ];
        if let Some(names) = device.key().and_then(|key| self.names.get(&key)) {
            labels.extend([
                ("vendor_name", names.vendor.as_str()),
                ("device_name", &names.device),
                ("subsystem_vendor_name", &names.subsystem_vendor),
                ("subsystem_device_name", &names.subsystem_device),
                ("class_name", &names.class),
            ]);
        }
        samples.sample(&labels, 1u64);
    }

    fn number(&self, device: &Device, file: &str) -> Attr<i64> {
        self.bus.number(format!("{}/{file}", device.name))
    }

    /// `8.0 GT/s PCIe` → 8e9; -1 where there is no link or its speed is unknown.
    fn transfers(&self, device: &Device, file: &str) -> Result<f64> {
        let text = self.bus.attr(format!("{}/{file}", device.name))?.unwrap_or_default();
        let number = text.split_once(" GT/s").and_then(|(number, _)| number.parse::<f64>().ok());
        Ok(number.map_or(-1.0, |giga| giga * 1e9))
    }
}

impl Device {
    fn key(&self) -> Option<Key> {
        let hex = |text: &str| u32::from_str_radix(text.strip_prefix("0x")?, 16).ok();
        let [class, vendor, device, subsystem_vendor, subsystem_device, _] = &self.ids;
        Some(Key {
            class: hex(class)?,
            vendor: hex(vendor)?,
            device: hex(device)?,
            subsystem_vendor: hex(subsystem_vendor)?,
            subsystem_device: hex(subsystem_device)?,
        })
    }
}

/// The parts of `0000:45:00.0`.
fn place(name: &str) -> Option<Place<'_>> {
    let (segment, rest) = name.split_once(':')?;
    let (bus, rest) = rest.split_once(':')?;
    let (device, function) = rest.split_once('.')?;
    let parts = [segment, bus, device, function];
    let hex = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_hexdigit());
    parts.iter().all(hex).then_some(parts)
}

impl Collector for PciDevice {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let mut faults = Faults::default();
        let mut devices = Vec::new();
        for name in self.bus.list("").map_err(Error::or_no_data)? {
            if place(&name).is_none() {
                continue;
            }
            let device = self.device(&name, &mut faults);
            let [class, vendor, ..] = &device.ids;
            // Neither is ever missing: the device went while it was read.
            if !class.is_empty() || !vendor.is_empty() {
                devices.push(device);
            }
        }
        if self.with_names {
            self.refresh_names(&devices, out);
        }
        let places: Vec<Place<'_>> =
            devices.iter().map(|device| place(&device.name).unwrap_or(NO_PLACE)).collect();
        let rows = || devices.iter().zip(&places);
        let [
            info,
            max_rate,
            max_width,
            rate,
            width,
            d3cold,
            numa,
            probe,
            vfs,
            all_vfs,
            msix,
            power,
        ] = &FAMILIES;
        out.family(info, |s| {
            for device in &devices {
                self.info(s, device);
            }
        });
        for (family, file) in [(max_rate, "max_link_speed"), (rate, "current_link_speed")] {
            out.family(family, |s| {
                for (device, place) in rows() {
                    if let Some(rate) = faults.ok(self.transfers(device, file)) {
                        s.row(place, rate);
                    }
                }
            });
        }
        // What a device lacks is -1 or 0 here, as node_exporter has it; only a node is left out.
        for (family, file, default) in [
            (max_width, "max_link_width", Some(-1)),
            (width, "current_link_width", Some(-1)),
            (d3cold, "d3cold_allowed", Some(0)),
            (numa, "numa_node", None),
            (probe, "sriov_drivers_autoprobe", Some(0)),
            (vfs, "sriov_numvfs", Some(0)),
            (all_vfs, "sriov_totalvfs", Some(0)),
            (msix, "sriov_vf_total_msix", Some(0)),
        ] {
            out.family(family, |s| {
                for (device, place) in rows() {
                    let Some(number) = faults.ok(self.number(device, file)) else { continue };
                    let number =
                        if default.is_none() { number.filter(|n| *n >= 0) } else { number };
                    if let Some(number) = number.or(default) {
                        s.row(place, number);
                    }
                }
            });
        }
        out.family(power, |s| {
            for (device, [segment, bus, slot, function]) in rows() {
                let state = self.bus.attr(format!("{}/power_state", device.name));
                let Some(now) = faults.ok(state).flatten() else { continue };
                for state in POWER_STATES {
                    s.row(&[segment, bus, slot, function, state], now == state);
                }
            }
        });
        faults.finish()
    }
}

#[cfg(test)]
mod tests {
    use collect::testing::{expose, expose_with};
    use expect_test::expect;

    const ROOT_PORT: &str = "sys/devices/pci0000:00/0000:00:02.1";

    fn files() -> Vec<(String, String)> {
        let mut files = vec![
            ("sys/bus/pci/devices/0000:00:02.1", "-> ../../../devices/pci0000:00/0000:00:02.1"),
            (
                "sys/bus/pci/devices/0000:01:00.0",
                "-> ../../../devices/pci0000:00/0000:00:02.1/0000:01:00.0",
            ),
        ]
        .into_iter()
        .map(|(path, text)| (path.to_owned(), text.to_owned()))
        .collect::<Vec<_>>();
        for (file, text) in [
            ("class", "0x060400\n"),
            ("vendor", "0x1022\n"),
            ("device", "0x1634\n"),
            ("max_link_speed", "Unknown\n"),
            ("numa_node", "-1\n"),
            ("power_state", "D3hot\n"),
            ("0000:01:00.0/class", "0x010802\n"),
            ("0000:01:00.0/vendor", "0xc0a9\n"),
            ("0000:01:00.0/device", "0x540a\n"),
            ("0000:01:00.0/subsystem_vendor", "0xc0a9\n"),
            ("0000:01:00.0/subsystem_device", "0x5021\n"),
            ("0000:01:00.0/revision", "0x01\n"),
            ("0000:01:00.0/max_link_speed", "16.0 GT/s PCIe\n"),
            ("0000:01:00.0/current_link_width", "4\n"),
            ("0000:01:00.0/numa_node", "1\n"),
        ] {
            files.push((format!("{ROOT_PORT}/{file}"), text.to_owned()));
        }
        files
    }

    fn with(more: &[(&str, &str)], options: &[(&str, &str)]) -> String {
        let files = files();
        let mut all: Vec<_> = files.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
        all.extend(more);
        expose_with(&super::SPEC, &all, options)
    }

    #[test]
    fn port_and_disk() {
        expect![[r##"
            # HELP node_pcidevice_current_link_transfers_per_second Rate of the link now; -1 where there is none.
            # TYPE node_pcidevice_current_link_transfers_per_second gauge
            node_pcidevice_current_link_transfers_per_second{segment="0000",bus="00",device="02",function="1"} -1
            node_pcidevice_current_link_transfers_per_second{segment="0000",bus="01",device="00",function="0"} -1
            # HELP node_pcidevice_current_link_width Number of lanes now; -1 where there are none.
            # TYPE node_pcidevice_current_link_width gauge
            node_pcidevice_current_link_width{segment="0000",bus="00",device="02",function="1"} -1
            node_pcidevice_current_link_width{segment="0000",bus="01",device="00",function="0"} 4
            # HELP node_pcidevice_d3cold_allowed Whether power may be cut (1 or 0).
            # TYPE node_pcidevice_d3cold_allowed gauge
            node_pcidevice_d3cold_allowed{segment="0000",bus="00",device="02",function="1"} 0
            node_pcidevice_d3cold_allowed{segment="0000",bus="01",device="00",function="0"} 0
            # HELP node_pcidevice_info What the device is and where it sits, in labels; always 1.
            # TYPE node_pcidevice_info gauge
            node_pcidevice_info{segment="0000",bus="00",device="02",function="1",parent_segment="*",parent_bus="*",parent_device="*",parent_function="*",class_id="0x060400",vendor_id="0x1022",device_id="0x1634",subsystem_vendor_id="",subsystem_device_id="",revision=""} 1
            node_pcidevice_info{segment="0000",bus="01",device="00",function="0",parent_segment="0000",parent_bus="00",parent_device="02",parent_function="1",class_id="0x010802",vendor_id="0xc0a9",device_id="0x540a",subsystem_vendor_id="0xc0a9",subsystem_device_id="0x5021",revision="0x01"} 1
            # HELP node_pcidevice_max_link_transfers_per_second Greatest rate of the link; -1 where there is none.
            # TYPE node_pcidevice_max_link_transfers_per_second gauge
            node_pcidevice_max_link_transfers_per_second{segment="0000",bus="00",device="02",function="1"} -1
            node_pcidevice_max_link_transfers_per_second{segment="0000",bus="01",device="00",function="0"} 16000000000
            # HELP node_pcidevice_max_link_width Greatest number of lanes; -1 where there are none.
            # TYPE node_pcidevice_max_link_width gauge
            node_pcidevice_max_link_width{segment="0000",bus="00",device="02",function="1"} -1
            node_pcidevice_max_link_width{segment="0000",bus="01",device="00",function="0"} -1
            # HELP node_pcidevice_numa_node The NUMA node to which the device belongs.
            # TYPE node_pcidevice_numa_node gauge
            node_pcidevice_numa_node{segment="0000",bus="01",device="00",function="0"} 1
            # HELP node_pcidevice_power_state Whether the device is in this power state (1 or 0).
            # TYPE node_pcidevice_power_state gauge
            node_pcidevice_power_state{segment="0000",bus="00",device="02",function="1",state="D0"} 0
            node_pcidevice_power_state{segment="0000",bus="00",device="02",function="1",state="D1"} 0
            node_pcidevice_power_state{segment="0000",bus="00",device="02",function="1",state="D2"} 0
            node_pcidevice_power_state{segment="0000",bus="00",device="02",function="1",state="D3hot"} 1
            node_pcidevice_power_state{segment="0000",bus="00",device="02",function="1",state="D3cold"} 0
            node_pcidevice_power_state{segment="0000",bus="00",device="02",function="1",state="unknown"} 0
            node_pcidevice_power_state{segment="0000",bus="00",device="02",function="1",state="error"} 0
            # HELP node_pcidevice_sriov_drivers_autoprobe Whether drivers bind to virtual functions.
            # TYPE node_pcidevice_sriov_drivers_autoprobe gauge
            node_pcidevice_sriov_drivers_autoprobe{segment="0000",bus="00",device="02",function="1"} 0
            node_pcidevice_sriov_drivers_autoprobe{segment="0000",bus="01",device="00",function="0"} 0
            # HELP node_pcidevice_sriov_numvfs Virtual functions that are enabled.
            # TYPE node_pcidevice_sriov_numvfs gauge
            node_pcidevice_sriov_numvfs{segment="0000",bus="00",device="02",function="1"} 0
            node_pcidevice_sriov_numvfs{segment="0000",bus="01",device="00",function="0"} 0
            # HELP node_pcidevice_sriov_totalvfs Virtual functions that the device could have.
            # TYPE node_pcidevice_sriov_totalvfs gauge
            node_pcidevice_sriov_totalvfs{segment="0000",bus="00",device="02",function="1"} 0
            node_pcidevice_sriov_totalvfs{segment="0000",bus="01",device="00",function="0"} 0
            # HELP node_pcidevice_sriov_vf_total_msix Interrupt vectors for virtual functions.
            # TYPE node_pcidevice_sriov_vf_total_msix gauge
            node_pcidevice_sriov_vf_total_msix{segment="0000",bus="00",device="02",function="1"} 0
            node_pcidevice_sriov_vf_total_msix{segment="0000",bus="01",device="00",function="0"} 0
        "##]].assert_eq(&with(&[], &[]));
    }

    #[test]
    fn named_and_torn() {
        let ids = "c0a9  Micron/Crucial Technology\n\t540a  P2 [Nick P2]\nC 01  Storage\n";
        let more = [
            ("rootfs/usr/share/misc/pci.ids", ids),
            ("sys/bus/pci/devices/0000:0g:00.0/class", "0x010802\n"),
            ("sys/bus/pci/devices/0001:02:00.0/class", "0x01\n"),
            ("sys/bus/pci/devices/0001:02:00.0/d3cold_allowed", "yes\n"),
            ("sys/bus/pci/devices/0001:03:00.0", "a file\n"),
        ];
        let text = with(&more, &[("collector.pcidevice.names", "true")]);
        let kept: Vec<_> =
            text.lines().filter(|l| l.contains("_info{") || l.starts_with("error")).collect();
        expect![[r#"
            node_pcidevice_info{segment="0000",bus="00",device="02",function="1",parent_segment="*",parent_bus="*",parent_device="*",parent_function="*",class_id="0x060400",vendor_id="0x1022",device_id="0x1634",subsystem_vendor_id="",subsystem_device_id="",revision=""} 1
            node_pcidevice_info{segment="0000",bus="01",device="00",function="0",parent_segment="0000",parent_bus="00",parent_device="02",parent_function="1",class_id="0x010802",vendor_id="0xc0a9",device_id="0x540a",subsystem_vendor_id="0xc0a9",subsystem_device_id="0x5021",revision="0x01",vendor_name="Micron/Crucial Technology",device_name="P2 [Nick P2]",subsystem_vendor_name="Micron/Crucial Technology",subsystem_device_name="5021",class_name="Storage"} 1
            node_pcidevice_info{segment="0001",bus="02",device="00",function="0",parent_segment="*",parent_bus="*",parent_device="*",parent_function="*",class_id="0x01",vendor_id="",device_id="",subsystem_vendor_id="",subsystem_device_id="",revision=""} 1
            error: /sys/bus/pci/devices/0001:02:00.0/d3cold_allowed: expected a number: "yes""#]].assert_eq(&kept.join("\n"));
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: no data: /sys/bus/pci/devices/ does not exist
        "#]]
        .assert_eq(&expose(&super::SPEC, &[]));
    }
}
