//! `/sys/class/dmi/id`: what the firmware says of board, chassis, product and itself. Texts that
//! do not change while the host runs: they are read once.

use collect::{Collector, Context, Error, Result, Spec};
use exposition::{Family, Writer};

pub(crate) static SPEC: Spec = Spec {
    name: "dmi",
    doc: "Vendor, model, serial numbers and firmware of the machine.",
    default: true,
    families: &[std::slice::from_ref(&INFO)],
    opts: &[],
    build: |cx| Ok(Box::new(Dmi::new(cx))),
};

/// Only labels whose attribute exists and may be read are written.
static INFO: Family = Family::gauge(
    "node_dmi_info",
    "What the firmware says of the machine, in labels; always 1.",
    &[
        "bios_date",
        "bios_release",
        "bios_vendor",
        "bios_version",
        "board_asset_tag",
        "board_name",
        "board_serial",
        "board_vendor",
        "board_version",
        "chassis_asset_tag",
        "chassis_serial",
        "chassis_vendor",
        "chassis_version",
        "product_family",
        "product_name",
        "product_serial",
        "product_sku",
        "product_uuid",
        "product_version",
        "system_vendor",
    ],
);

struct Dmi {
    labels: Result<Vec<(&'static str, String)>>,
}

impl Dmi {
    fn new(cx: &Context) -> Self {
        Self { labels: read(cx) }
    }
}

fn read(cx: &Context) -> Result<Vec<(&'static str, String)>> {
    let id = cx.sys.at("class/dmi/id");
    let present = id.list("").map_err(Error::or_no_data)?;
    let mut labels = Vec::new();
    for label in INFO.labels {
        let file = if *label == "system_vendor" { "sys_vendor" } else { label };
        if !present.iter().any(|name| name == file) {
            continue;
        }
        if let Some(text) = id.attr(file)? {
            labels.push((*label, text));
        }
    }
    Ok(labels)
}

impl Collector for Dmi {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        match &self.labels {
            Ok(labels) => {
                let labels: Vec<_> = labels.iter().map(|(n, text)| (*n, text.as_str())).collect();
                out.family(&INFO, |s| s.sample(&labels, 1u64));
                Ok(())
            }
            Err(error) if error.is_no_data() => Err(Error::no_data("the firmware gives no DMI")),
            Err(error) => Err(Error::Other(error.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use collect::testing::expose;
    use expect_test::expect;

    #[test]
    fn without_serial_numbers() {
        expect![[r##"
            # HELP node_dmi_info What the firmware says of the machine, in labels; always 1.
            # TYPE node_dmi_info gauge
            node_dmi_info{bios_vendor="SeaBIOS",chassis_asset_tag="",system_vendor="QEMU"} 1
        "##]]
        .assert_eq(&expose(
            &super::SPEC,
            &[
                ("sys/class/dmi/id/bios_vendor", "SeaBIOS\n"),
                ("sys/class/dmi/id/sys_vendor", "  QEMU \n"),
                ("sys/class/dmi/id/chassis_asset_tag", "\n"),
                ("sys/class/dmi/id/chassis_type", "1\n"),
            ],
        ));
    }

    #[test]
    fn torn() {
        expect![[r##"
            # HELP node_dmi_info What the firmware says of the machine, in labels; always 1.
            # TYPE node_dmi_info gauge
            node_dmi_info{product_name="a \"b\"\\c"} 1
        "##]]
        .assert_eq(&expose(
            &super::SPEC,
            &[
                ("sys/class/dmi/id/product_name", "a \"b\"\\c\n"),
                ("sys/class/dmi/id/product_uuid/", ""),
            ],
        ));
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: no data: the firmware gives no DMI
        "#]]
        .assert_eq(&expose(&super::SPEC, &[]));
    }
}
