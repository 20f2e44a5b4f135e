//! `/sys/class/nvme`: controllers and namespaces of `NVMe` disks.
//!
//! `size` and `nuse` × the logical block size → bytes, as `node_exporter` has it.

use collect::{Collector, Error, Faults, Result, Root, Spec};
use exposition::{Family, Writer};

pub(crate) static SPEC: Spec = Spec {
    name: "nvme",
    doc: "Controllers and namespaces of NVMe disks.",
    default: true,
    families: &[&[INFO, NAMESPACE_INFO], &BYTES],
    opts: &[],
    build: |cx| Ok(Box::new(Nvme { class: cx.sys.at("class/nvme") })),
};

const INFO: Family = Family::gauge(
    "node_nvme_info",
    "1 for each controller, with its identity and its state.",
    &["device", "firmware_revision", "model", "serial", "state", "cntlid"],
);
const NAMESPACE_INFO: Family = Family::gauge(
    "node_nvme_namespace_info",
    "1 for each namespace, with its asymmetric access state.",
    &["device", "nsid", "ana_state"],
);
static BYTES: [Family; 4] = [
    Family::gauge(
        "node_nvme_namespace_capacity_bytes",
        "Capacity of the namespace in bytes.",
        &["device", "nsid"],
    ),
    Family::gauge(
        "node_nvme_namespace_size_bytes",
        "Size of the namespace in bytes.",
        &["device", "nsid"],
    ),
    Family::gauge(
        "node_nvme_namespace_used_bytes",
        "Bytes of the namespace that are in use.",
        &["device", "nsid"],
    ),
    Family::gauge(
        "node_nvme_namespace_logical_block_size_bytes",
        "Logical block of the namespace in bytes.",
        &["device", "nsid"],
    ),
];

struct Nvme {
    class: Root,
}

impl Collector for Nvme {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let devices = self.class.list("").map_err(Error::or_no_data)?;
        let mut faults = Faults::default();
        for device in &devices {
            faults.ok(controller(&self.class.at(device), device, out));
        }
        faults.finish()
    }
}

fn controller(dir: &Root, device: &str, out: &mut Writer) -> Result<()> {
    let mut faults = Faults::default();
    let mut text = |name: &str| faults.ok(dir.attr(name)).flatten().unwrap_or_default();
    let (firmware, model, serial) = (text("firmware_rev"), text("model"), text("serial"));
    let (state, id) = (text("state"), text("cntlid"));
    out.family(&INFO, |s| s.row(&[device, &firmware, &model, &serial, &state, &id], 1));
    for name in dir.list("")? {
        // nvme0n1 is a namespace, nvme0c1n1 a path to one.
        let Some(id) = name.strip_prefix(device).and_then(|rest| rest.strip_prefix('n')) else {
            continue;
        };
        if id.parse::<u32>().is_ok() {
            faults.ok(namespace(&dir.at(&name), device, id, out));
        }
    }
    faults.finish()
}

fn namespace(dir: &Root, device: &str, id: &str, out: &mut Writer) -> Result<()> {
    let state = dir.attr("ana_state")?.unwrap_or_else(|| "unknown".into());
    out.family(&NAMESPACE_INFO, |s| s.row(&[device, id, &state], 1));
    let Some(block) = dir.number::<u64>("queue/logical_block_size")? else { return Ok(()) };
    let mut faults = Faults::default();
    let mut bytes = |name: &str| {
        faults.ok(dir.number::<u64>(name)).flatten().map(|blocks| blocks.saturating_mul(block))
    };
    let (size, used) = (bytes("size"), bytes("nuse"));
    for (family, number) in BYTES.iter().zip([size, size, used, Some(block)]) {
        if let Some(number) = number {
            out.family(family, |s| s.row(&[device, id], number));
        }
    }
    faults.finish()
}

#[cfg(test)]
mod tests {
    use collect::testing::{expose, samples};
    use expect_test::expect;

    #[test]
    fn disk() {
        let files = [
            ("sys/class/nvme/nvme0/model", "ACME 1TB       \n"),
            ("sys/class/nvme/nvme0/serial", "S1\n"),
            ("sys/class/nvme/nvme0/firmware_rev", "F\n"),
            ("sys/class/nvme/nvme0/state", "live\n"),
            ("sys/class/nvme/nvme0/cntlid", "4\n"),
            ("sys/class/nvme/nvme0/nvme0n1/size", "1000\n"),
            ("sys/class/nvme/nvme0/nvme0n1/nuse", "10\n"),
            ("sys/class/nvme/nvme0/nvme0n1/queue/logical_block_size", "512\n"),
            ("sys/class/nvme/nvme0/nvme0c0n2/size", "1000\n"),
            ("sys/class/nvme/nvme0/ng0n1/dev", "1:2\n"),
        ];
        expect![[r#"
            node_nvme_info{device="nvme0",firmware_revision="F",model="ACME 1TB",serial="S1",state="live",cntlid="4"} 1
            node_nvme_namespace_capacity_bytes{device="nvme0",nsid="1"} 512000
            node_nvme_namespace_info{device="nvme0",nsid="1",ana_state="unknown"} 1
            node_nvme_namespace_logical_block_size_bytes{device="nvme0",nsid="1"} 512
            node_nvme_namespace_size_bytes{device="nvme0",nsid="1"} 512000
            node_nvme_namespace_used_bytes{device="nvme0",nsid="1"} 5120
        "#]]
        .assert_eq(&samples(&expose(&super::SPEC, &files)));
    }

    #[test]
    fn torn() {
        let files = [
            ("sys/class/nvme/nvme0/nvme0n1/nuse", "x\n"),
            ("sys/class/nvme/nvme0/nvme0n1/ana_state", "optimized\n"),
            ("sys/class/nvme/nvme0/nvme0n1/size", "18446744073709551615\n"),
            ("sys/class/nvme/nvme0/nvme0n1/queue/logical_block_size", "4096\n"),
            ("sys/class/nvme/nvme0/nvme0n2/size", "1\n"),
        ];
        expect![[r#"
            node_nvme_info{device="nvme0",firmware_revision="",model="",serial="",state="",cntlid=""} 1
            node_nvme_namespace_capacity_bytes{device="nvme0",nsid="1"} 18446744073709551615
            node_nvme_namespace_info{device="nvme0",nsid="1",ana_state="optimized"} 1
            node_nvme_namespace_info{device="nvme0",nsid="2",ana_state="unknown"} 1
            node_nvme_namespace_logical_block_size_bytes{device="nvme0",nsid="1"} 4096
            node_nvme_namespace_size_bytes{device="nvme0",nsid="1"} 18446744073709551615
            error: /sys/class/nvme/nvme0/nvme0n1/nuse: expected a number: "x"
        "#]]
        .assert_eq(&samples(&expose(&super::SPEC, &files)));
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: no data: /sys/class/nvme/ does not exist
        "#]]
        .assert_eq(&expose(&super::SPEC, &[]));
    }
}
