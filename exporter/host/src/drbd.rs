//! `/proc/drbd`: mirrored block devices of DRBD up to 8.4 (9 has no such file).
//!
//! `cs:Connected ro:Primary/Secondary ds:UpToDate/UpToDate` and counters `ns:1 nr:2 …`; KiB → bytes,
//! but for `nr`, which `node_exporter` takes as it is.

use collect::{Collector, Error, Faults, Kept, Result, Spec, Text};
use exposition::{Family, Writer};

pub(crate) static SPEC: Spec = Spec {
    name: "drbd",
    doc: "Mirrored block devices of DRBD.",
    default: false,
    families: &[&NUMBERS, &[ROLE, DISK_STATE, CONNECTED]],
    opts: &[],
    build: |cx| Ok(Box::new(Drbd { file: cx.proc.keep("drbd") })),
};

const DEVICE: &[&str] = &["device"];
const NODE: &[&str] = &["device", "node"];

static NUMBERS: [Family; 12] = [
    Family::counter("node_drbd_network_sent_bytes_total", "Bytes sent to the peer.", DEVICE),
    Family::counter(
        "node_drbd_network_received_bytes_total",
        "KiB received from the peer.",
        DEVICE,
    ),
    Family::counter("node_drbd_disk_written_bytes_total", "Bytes written to the disk.", DEVICE),
    Family::counter("node_drbd_disk_read_bytes_total", "Bytes read from the disk.", DEVICE),
    Family::counter("node_drbd_activitylog_writes_total", "Updates of the activity log.", DEVICE),
    Family::counter("node_drbd_bitmap_writes_total", "Updates of the bitmap.", DEVICE),
    Family::gauge("node_drbd_local_pending", "Requests open at the local disk.", DEVICE),
    Family::gauge("node_drbd_remote_pending", "Requests that the peer has not answered.", DEVICE),
    Family::gauge(
        "node_drbd_remote_unacknowledged",
        "Requests of the peer that were not acknowledged.",
        DEVICE,
    ),
    Family::gauge("node_drbd_application_pending", "Requests of programs still open.", DEVICE),
    Family::gauge("node_drbd_epochs", "Epochs under way.", DEVICE),
    Family::gauge("node_drbd_out_of_sync_bytes", "Bytes out of sync.", DEVICE),
];
/// The keys of [`NUMBERS`] and what a count stands for.
const KEYS: [(&str, u64); 12] = [
    ("ns", 1024),
    ("nr", 1),
    ("dw", 1024),
    ("dr", 1024),
    ("al", 1),
    ("bm", 1),
    ("lo", 1),
    ("pe", 1),
    ("ua", 1),
    ("ap", 1),
    ("ep", 1),
    ("oos", 1024),
];

const ROLE: Family =
    Family::gauge("node_drbd_node_role_is_primary", "1 where the node is primary.", NODE);
const DISK_STATE: Family =
    Family::gauge("node_drbd_disk_state_is_up_to_date", "1 where the disk is up to date.", NODE);
const CONNECTED: Family =
    Family::gauge("node_drbd_connected", "1 where the peer is connected.", DEVICE);

struct Drbd {
    file: Kept,
}

impl Collector for Drbd {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let file = self.file.read().map_err(Error::or_no_data)?;
        let mut faults = Faults::default();
        let mut device = String::new();
        for line in file.lines() {
            for word in line.split_ascii_whitespace() {
                let Some((key, value)) = word.split_once(':') else { continue };
                if value.is_empty() {
                    // ` 1: cs:…` starts a device; `version: …` ends the one before.
                    device.clear();
                    if key.parse::<u32>().is_ok() {
                        device.extend(["drbd", key]);
                    }
                } else if !device.is_empty() {
                    faults.ok(field(&file, line, &device, key, value, out));
                }
            }
        }
        faults.finish()
    }
}

fn field(
    file: &Text<'_>,
    line: &str,
    device: &str,
    key: &str,
    value: &str,
    out: &mut Writer,
) -> Result<()> {
    let mut pair = |family: &Family, well: &str| {
        let (local, remote) =
            value.split_once('/').ok_or_else(|| file.bad("expected local/remote", line))?;
        out.family(family, |s| {
            s.row(&[device, "local"], local == well);
            s.row(&[device, "remote"], remote == well);
        });
        Ok(())
    };
    match key {
        "ro" => pair(&ROLE, "Primary")?,
        "ds" => pair(&DISK_STATE, "UpToDate")?,
        "cs" => out.family(&CONNECTED, |s| s.row(&[device], value == "Connected")),
        _ => {
            let known = NUMBERS.iter().zip(KEYS).find(|(_, (name, _))| *name == key);
            if let Some((family, (_, unit))) = known {
                let number: u64 = file.parse(Some(value), "expected a number", line)?;
                out.family(family, |s| s.row(&[device], number.saturating_mul(unit)));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use collect::testing::{expose, samples};
    use expect_test::expect;

    #[test]
    fn mirror() {
        let files = [(
            "proc/drbd",
            "version: 8.4.3 (api:1/proto:86-101)\nsrcversion: X\n\n 0: cs:Connected ro:Primary/Secondary \
             ds:UpToDate/Inconsistent C r-----\n    ns:1 nr:2 dw:3 dr:4 al:5 bm:6 lo:7 pe:8 ua:9 ap:10 \
             ep:11 wo:d oos:12\n 1: cs:WFConnection ro:Secondary/Unknown ds:UpToDate/DUnknown C r-----\n",
        )];
        expect![[r#"
            node_drbd_activitylog_writes_total{device="drbd0"} 5
            node_drbd_application_pending{device="drbd0"} 10
            node_drbd_bitmap_writes_total{device="drbd0"} 6
            node_drbd_connected{device="drbd0"} 1
            node_drbd_connected{device="drbd1"} 0
            node_drbd_disk_read_bytes_total{device="drbd0"} 4096
            node_drbd_disk_state_is_up_to_date{device="drbd0",node="local"} 1
            node_drbd_disk_state_is_up_to_date{device="drbd0",node="remote"} 0
            node_drbd_disk_state_is_up_to_date{device="drbd1",node="local"} 1
            node_drbd_disk_state_is_up_to_date{device="drbd1",node="remote"} 0
            node_drbd_disk_written_bytes_total{device="drbd0"} 3072
            node_drbd_epochs{device="drbd0"} 11
            node_drbd_local_pending{device="drbd0"} 7
            node_drbd_network_received_bytes_total{device="drbd0"} 2
            node_drbd_network_sent_bytes_total{device="drbd0"} 1024
            node_drbd_node_role_is_primary{device="drbd0",node="local"} 1
            node_drbd_node_role_is_primary{device="drbd0",node="remote"} 0
            node_drbd_node_role_is_primary{device="drbd1",node="local"} 0
            node_drbd_node_role_is_primary{device="drbd1",node="remote"} 0
            node_drbd_out_of_sync_bytes{device="drbd0"} 12288
            node_drbd_remote_pending{device="drbd0"} 8
            node_drbd_remote_unacknowledged{device="drbd0"} 9
        "#]]
        .assert_eq(&samples(&expose(&super::SPEC, &files)));
    }

    #[test]
    fn torn() {
        let files = [("proc/drbd", " 0: cs:Connected ro:Primary ns:x oos:18446744073709551615 ds")];
        expect![[r#"
            node_drbd_connected{device="drbd0"} 1
            node_drbd_out_of_sync_bytes{device="drbd0"} 18446744073709551615
            error: /proc/drbd: expected local/remote: " 0: cs:Connected ro:Primary ns:x oos:18446744073709551615 ds" (and 1 more)
        "#]]
        .assert_eq(&samples(&expose(&super::SPEC, &files)));
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: no data: /proc/drbd does not exist
        "#]]
        .assert_eq(&expose(&super::SPEC, &[]));
    }
}
