//! `/proc/self/mountstats`: what NFS mounts have done, by mount, operation and transport.
//!
//! ms → seconds, modulo 2^53 ms as `node_exporter` has it, since kernels let some of them fall below
//! zero. The server's address comes from `/proc/self/mountinfo` (`addr=`). Mounts of one export over
//! one protocol share their numbers and are given once.

use collect::{Collector, Context, Error, Faults, Kept, Result, Spec, Text};
use exposition::{Family, Writer};
use std::collections::{HashMap, HashSet};

pub(crate) static SPEC: Spec = Spec {
    name: "mountstats",
    doc: "Operations of NFS mounts.",
    default: false,
    families: &[&[AGE, INFO], &BYTES, &EVENTS, &TRANSPORT, &OPERATIONS],
    opts: &[],
    build: |cx| Ok(Box::new(Mountstats::new(cx))),
};

const MOUNT: &[&str] = &["export", "protocol", "mountaddr"];
const TRANSPORTS: &[&str] = &["export", "protocol", "mountaddr", "transport"];
const OPERATION: &[&str] = &["export", "protocol", "mountaddr", "operation"];

const AGE: Family =
    Family::counter("node_mountstats_nfs_age_seconds_total", "Seconds since mounted.", MOUNT);
const INFO: Family = Family::gauge(
    "node_mountstats_nfs_mountpoint_info",
    "1 for each NFS mount point.",
    &["export", "protocol", "mountaddr", "mountpoint"],
);

macro_rules! families {
    ($name:ident, $n:literal, $prefix:literal, $labels:ident, $help:literal: $($field:literal),* $(,)?) => {
        static $name: [Family; $n] = [$(Family::counter(
            concat!("node_mountstats_nfs_", $prefix, $field, "_total"),
            concat!($help, $field, "."),
            $labels,
        )),*];
    };
}

families!(BYTES, 8, "", MOUNT, "Bytes or pages: ":
    "read_bytes", "write_bytes", "direct_read_bytes", "direct_write_bytes", "total_read_bytes",
    "total_write_bytes", "read_pages", "write_pages");
// The kernel's `nfs_stat_eventcounters`, without the one that it no longer counts.
families!(EVENTS, 26, "event_", MOUNT, "Events of the client: ":
    "inode_revalidate", "dnode_revalidate", "data_invalidate", "attribute_invalidate", "vfs_open",
    "vfs_lookup", "vfs_access", "vfs_update_page", "vfs_read_page", "vfs_read_pages",
    "vfs_write_page", "vfs_write_pages", "vfs_getdents", "vfs_setattr", "vfs_flush", "vfs_fsync",
    "vfs_lock", "vfs_file_release", "truncation", "write_extension", "silly_rename", "short_read",
    "short_write", "jukebox_delay", "pnfs_read", "pnfs_write");
/// The place of the event that is no longer counted: waits for a congested device.
const CONGESTION_WAIT: usize = 18;

static TRANSPORT: [Family; 10] = [
    Family::counter("node_mountstats_nfs_transport_bind_total", "Sockets bound.", TRANSPORTS),
    Family::counter("node_mountstats_nfs_transport_connect_total", "Connections made.", TRANSPORTS),
    Family::gauge(
        "node_mountstats_nfs_transport_idle_time_seconds",
        "Seconds since the transport was used.",
        TRANSPORTS,
    ),
    Family::counter("node_mountstats_nfs_transport_sends_total", "Requests sent.", TRANSPORTS),
    Family::counter(
        "node_mountstats_nfs_transport_receives_total",
        "Replies received.",
        TRANSPORTS,
    ),
    Family::counter(
        "node_mountstats_nfs_transport_bad_transaction_ids_total",
        "Replies to no request.",
        TRANSPORTS,
    ),
    Family::counter(
        "node_mountstats_nfs_transport_backlog_queue_total",
        "Requests in the backlog queue, summed at each send.",
        TRANSPORTS,
    ),
    Family::gauge(
        "node_mountstats_nfs_transport_maximum_rpc_slots",
        "Most requests under way at once.",
        TRANSPORTS,
    ),
    Family::counter(
        "node_mountstats_nfs_transport_sending_queue_total",
        "Requests in the sending queue, summed at each send.",
        TRANSPORTS,
    ),
    Family::counter(
        "node_mountstats_nfs_transport_pending_queue_total",
        "Requests that wait for a reply, summed at each send.",
        TRANSPORTS,
    ),
];
/// Where the numbers of [`TRANSPORT`] stand after a TCP transport's name; RDMA has the first seven.
const TCP: [usize; 10] = [1, 2, 4, 5, 6, 7, 9, 10, 11, 12];
/// UDP makes no connections. An absent number is 0, as `node_exporter` has it.
const UDP: [usize; 10] = [1, usize::MAX, usize::MAX, 2, 3, 4, 6, 7, 8, 9];

static OPERATIONS: [Family; 8] = [
    Family::counter("node_mountstats_nfs_operations_requests_total", "Requests.", OPERATION),
    Family::counter(
        "node_mountstats_nfs_operations_transmissions_total",
        "Requests sent, again or not.",
        OPERATION,
    ),
    Family::counter(
        "node_mountstats_nfs_operations_major_timeouts_total",
        "Requests that timed out.",
        OPERATION,
    ),
    Family::counter("node_mountstats_nfs_operations_sent_bytes_total", "Bytes sent.", OPERATION),
    Family::counter(
        "node_mountstats_nfs_operations_received_bytes_total",
        "Bytes received.",
        OPERATION,
    ),
    Family::counter(
        "node_mountstats_nfs_operations_queue_time_seconds_total",
        "Seconds before requests were sent.",
        OPERATION,
    ),
    Family::counter(
        "node_mountstats_nfs_operations_response_time_seconds_total",
        "Seconds until requests were answered.",
        OPERATION,
    ),
    Family::counter(
        "node_mountstats_nfs_operations_request_time_seconds_total",
        "Seconds from begin to end of requests.",
        OPERATION,
    ),
];
/// The first of [`OPERATIONS`] that is a time.
const TIMES: usize = 5;

struct Mountstats {
    file: Kept,
    mounts: Kept,
}

/// A mount's lines.
#[derive(Default)]
struct Mount<'a> {
    export: &'a str,
    point: &'a str,
    age: Option<u64>,
    bytes: Vec<u64>,
    events: Vec<u64>,
    transports: Vec<(&'a str, Vec<u64>)>,
    operations: Vec<(&'a str, Vec<u64>)>,
}

// === impl Mountstats ===

impl Mountstats {
    fn new(cx: &Context) -> Self {
        Self { file: cx.proc.keep("self/mountstats"), mounts: cx.proc.keep("self/mountinfo") }
    }
}

impl Collector for Mountstats {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let file = self.file.read().map_err(Error::or_no_data)?;
        let mut faults = Faults::default();
        let mut mounts: Vec<Mount<'_>> = Vec::new();
        let mut is_nfs = false;
        for line in file.lines() {
            if let Some(device) = line.strip_prefix("device ") {
                let mount = Mount::parse(device);
                is_nfs = mount.is_some();
                mounts.extend(mount);
            } else if let Some(mount) = mounts.last_mut().filter(|_| is_nfs) {
                faults.ok(mount.line(&file, line));
            }
        }
        let addresses = match self.mounts.read() {
            Ok(text) if !mounts.is_empty() => addresses(text),
            _ => HashMap::new(),
        };
        let mut seen = HashSet::new();
        let mut seen_points = HashSet::new();
        for mount in &mounts {
            let address = addresses.get(mount.point).copied().unwrap_or_default();
            for (protocol, _) in &mount.transports {
                let labels = [mount.export, *protocol, address];
                if seen_points.insert((labels, mount.point)) {
                    out.family(&INFO, |s| {
                        s.row(&[mount.export, protocol, address, mount.point], 1);
                    });
                }
                if seen.insert(labels) {
                    mount.write(labels, out);
                }
            }
        }
        faults.finish()
    }
}

/// The address of each NFS server by mount point.
fn addresses(file: Text<'_>) -> HashMap<&str, &str> {
    let address = |line| -> Option<(&str, &str)> {
        let mut words = str::split(line, ' ');
        let point = words.nth(4)?;
        let mut options = words.skip_while(|word| *word != "-").nth(3)?.split(',');
        Some((point, options.find_map(|option| option.strip_prefix("addr="))?))
    };
    file.lines().filter_map(address).collect()
}

// === impl Mount ===

impl<'a> Mount<'a> {
    /// `server:/export mounted on /mnt with fstype nfs4 statvers=1.1`; `None` for other types.
    fn parse(device: &'a str) -> Option<Self> {
        let (export, rest) = device.split_once(" mounted on ")?;
        let (point, rest) = rest.split_once(" with fstype ")?;
        let fstype = rest.split_ascii_whitespace().next()?;
        ["nfs", "nfs4"].contains(&fstype).then_some(Self { export, point, ..Self::default() })
    }

    fn line(&mut self, file: &Text<'_>, line: &'a str) -> Result<()> {
        let Some((key, rest)) = line.trim_start().split_once(':') else { return Ok(()) };
        let numbers = |text: &str| -> Result<Vec<u64>> {
            let words = text.split_ascii_whitespace();
            words.map(|word| file.parse(Some(word), "expected numbers", line)).collect()
        };
        match key {
            "age" => self.age = numbers(rest)?.first().copied(),
            "bytes" => self.bytes = numbers(rest)?,
            "events" => {
                self.events = numbers(rest)?;
                if self.events.len() > CONGESTION_WAIT {
                    self.events.remove(CONGESTION_WAIT);
                }
            }
            "xprt" => {
                let (protocol, rest) =
                    rest.trim_start().split_once(' ').ok_or_else(|| file.bad(PROTOCOL, line))?;
                let places = match protocol {
                    "tcp" | "rdma" => TCP,
                    "udp" => UDP,
                    _ => return Err(file.bad(PROTOCOL, line)),
                };
                let mut all = numbers(rest)?;
                if all.len() < 10 {
                    return Err(file.bad(PROTOCOL, line));
                }
                if protocol == "rdma" {
                    // Other numbers follow.
                    all.truncate(10);
                }
                let number = |place: usize| all.get(place).copied().unwrap_or(0);
                self.transports.push((protocol, places.map(number).to_vec()));
            }
            // Operations have names in capitals, which no other line has.
            name if name
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_') =>
            {
                self.operations.push((name, numbers(rest)?));
            }
            _ => {}
        }
        Ok(())
    }

    fn write(&self, labels: [&str; 3], out: &mut Writer) {
        if let Some(age) = self.age {
            out.family(&AGE, |s| s.row(&labels, age));
        }
        for (families, numbers) in [(&BYTES[..], &self.bytes), (&EVENTS[..], &self.events)] {
            for (family, number) in families.iter().zip(numbers) {
                out.family(family, |s| s.row(&labels, *number));
            }
        }
        let [export, protocol, address] = labels;
        for (i, (_, numbers)) in self.transports.iter().enumerate() {
            let transport = i.to_string();
            for (family, number) in TRANSPORT.iter().zip(numbers) {
                out.family(family, |s| s.row(&[export, protocol, address, &transport], *number));
            }
        }
        for (operation, numbers) in &self.operations {
            let labels = [export, protocol, address, operation];
            for (i, (family, number)) in OPERATIONS.iter().zip(numbers).enumerate() {
                out.family(family, |s| {
                    if i < TIMES {
                        s.row(&labels, *number);
                    } else {
                        s.row(&labels, seconds(*number));
                    }
                });
            }
        }
    }
}

const PROTOCOL: &str = "expected tcp, udp or rdma and ten numbers or more";

#[expect(clippy::cast_precision_loss, reason = "the modulus is what a float holds")]
fn seconds(milliseconds: u64) -> f64 {
    (milliseconds % (1 << 53)) as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use collect::testing::{expose, samples};
    use expect_test::expect;

    const STATS: &str = "\
device /dev/sda1 mounted on / with fstype ext4
device srv:/a mounted on /mnt/a with fstype nfs4 statvers=1.1
\topts:\trw,proto=tcp
\tage:\t5
\tevents:\t0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26
\tbytes:\t30 31 32 33 34 35 36 37
\tRPC iostats version: 1.1  p/v: 100003/4 (nfs)
\txprt:\ttcp 40 41 42 43 44 45 46 47 48 49 50 51 52
\txprt:\ttcp 60 61 62 63 64 65 66 67 68 69 70 71 72
\tper-op statistics
\t        READ: 80 81 82 83 84 18446744073709551000 86 87 88

";
    const INFO: &str =
        "9 1 0:42 / /mnt/a rw shared:1 - nfs4 srv:/a rw,mountaddr=5.5.5.5,addr=1.2.3.4\n";

    #[test]
    fn mounts() {
        let stats = STATS.to_owned() + &STATS.replace("on /mnt/a", "on /mnt/b");
        let files = [("proc/self/mountstats", stats.as_str()), ("proc/self/mountinfo", INFO)];
        let text = samples(&expose(&super::SPEC, &files));
        let few = text.lines().filter(|l| l.contains("1.2.3.4") || l.contains("info"));
        let few: String = few.map(|l| l.to_owned() + "\n").collect();
        expect![[r#"
            node_mountstats_nfs_age_seconds_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4"} 5
            node_mountstats_nfs_direct_read_bytes_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4"} 32
            node_mountstats_nfs_direct_write_bytes_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4"} 33
            node_mountstats_nfs_event_attribute_invalidate_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4"} 3
            node_mountstats_nfs_event_data_invalidate_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4"} 2
            node_mountstats_nfs_event_dnode_revalidate_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4"} 1
            node_mountstats_nfs_event_inode_revalidate_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4"} 0
            node_mountstats_nfs_event_jukebox_delay_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4"} 24
            node_mountstats_nfs_event_pnfs_read_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4"} 25
            node_mountstats_nfs_event_pnfs_write_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4"} 26
            node_mountstats_nfs_event_short_read_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4"} 22
            node_mountstats_nfs_event_short_write_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4"} 23
            node_mountstats_nfs_event_silly_rename_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4"} 21
            node_mountstats_nfs_event_truncation_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4"} 19
            node_mountstats_nfs_event_vfs_access_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4"} 6
            node_mountstats_nfs_event_vfs_file_release_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4"} 17
            node_mountstats_nfs_event_vfs_flush_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4"} 14
            node_mountstats_nfs_event_vfs_fsync_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4"} 15
            node_mountstats_nfs_event_vfs_getdents_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4"} 12
            node_mountstats_nfs_event_vfs_lock_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4"} 16
            node_mountstats_nfs_event_vfs_lookup_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4"} 5
            node_mountstats_nfs_event_vfs_open_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4"} 4
            node_mountstats_nfs_event_vfs_read_page_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4"} 8
            node_mountstats_nfs_event_vfs_read_pages_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4"} 9
            node_mountstats_nfs_event_vfs_setattr_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4"} 13
            node_mountstats_nfs_event_vfs_update_page_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4"} 7
            node_mountstats_nfs_event_vfs_write_page_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4"} 10
            node_mountstats_nfs_event_vfs_write_pages_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4"} 11
            node_mountstats_nfs_event_write_extension_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4"} 20
            node_mountstats_nfs_mountpoint_info{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4",mountpoint="/mnt/a"} 1
            node_mountstats_nfs_mountpoint_info{export="srv:/a",protocol="tcp",mountaddr="",mountpoint="/mnt/b"} 1
            node_mountstats_nfs_operations_major_timeouts_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4",operation="READ"} 82
            node_mountstats_nfs_operations_queue_time_seconds_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4",operation="READ"} 9007199254740.377
            node_mountstats_nfs_operations_received_bytes_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4",operation="READ"} 84
            node_mountstats_nfs_operations_request_time_seconds_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4",operation="READ"} 0.087
            node_mountstats_nfs_operations_requests_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4",operation="READ"} 80
            node_mountstats_nfs_operations_response_time_seconds_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4",operation="READ"} 0.086
            node_mountstats_nfs_operations_sent_bytes_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4",operation="READ"} 83
            node_mountstats_nfs_operations_transmissions_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4",operation="READ"} 81
            node_mountstats_nfs_read_bytes_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4"} 30
            node_mountstats_nfs_read_pages_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4"} 36
            node_mountstats_nfs_total_read_bytes_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4"} 34
            node_mountstats_nfs_total_write_bytes_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4"} 35
            node_mountstats_nfs_transport_backlog_queue_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4",transport="0"} 49
            node_mountstats_nfs_transport_backlog_queue_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4",transport="1"} 69
            node_mountstats_nfs_transport_bad_transaction_ids_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4",transport="0"} 47
            node_mountstats_nfs_transport_bad_transaction_ids_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4",transport="1"} 67
            node_mountstats_nfs_transport_bind_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4",transport="0"} 41
            node_mountstats_nfs_transport_bind_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4",transport="1"} 61
            node_mountstats_nfs_transport_connect_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4",transport="0"} 42
            node_mountstats_nfs_transport_connect_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4",transport="1"} 62
            node_mountstats_nfs_transport_idle_time_seconds{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4",transport="0"} 44
            node_mountstats_nfs_transport_idle_time_seconds{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4",transport="1"} 64
            node_mountstats_nfs_transport_maximum_rpc_slots{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4",transport="0"} 50
            node_mountstats_nfs_transport_maximum_rpc_slots{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4",transport="1"} 70
            node_mountstats_nfs_transport_pending_queue_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4",transport="0"} 52
            node_mountstats_nfs_transport_pending_queue_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4",transport="1"} 72
            node_mountstats_nfs_transport_receives_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4",transport="0"} 46
            node_mountstats_nfs_transport_receives_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4",transport="1"} 66
            node_mountstats_nfs_transport_sending_queue_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4",transport="0"} 51
            node_mountstats_nfs_transport_sending_queue_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4",transport="1"} 71
            node_mountstats_nfs_transport_sends_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4",transport="0"} 45
            node_mountstats_nfs_transport_sends_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4",transport="1"} 65
            node_mountstats_nfs_write_bytes_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4"} 31
            node_mountstats_nfs_write_pages_total{export="srv:/a",protocol="tcp",mountaddr="1.2.3.4"} 37
        "#]]
        .assert_eq(&few);
    }

    #[test]
    fn torn() {
        let stats = "device srv:/a mounted on /mnt/a with fstype nfs statvers=1.1\n\txprt: udp 1 2 3 4 5 6 7 8 9 10\n\txprt: tcp 1 2\n\
                     \txprt: local 1\n\tage: x\n\tREAD: 1 2 3\n\tWRITE: 1 -2\n\tevents: 1\ndevice srv:/b mounted on";
        let files = [("proc/self/mountstats", stats)];
        expect![[r#"
            node_mountstats_nfs_event_inode_revalidate_total{export="srv:/a",protocol="udp",mountaddr=""} 1
            node_mountstats_nfs_mountpoint_info{export="srv:/a",protocol="udp",mountaddr="",mountpoint="/mnt/a"} 1
            node_mountstats_nfs_operations_major_timeouts_total{export="srv:/a",protocol="udp",mountaddr="",operation="READ"} 3
            node_mountstats_nfs_operations_requests_total{export="srv:/a",protocol="udp",mountaddr="",operation="READ"} 1
            node_mountstats_nfs_operations_transmissions_total{export="srv:/a",protocol="udp",mountaddr="",operation="READ"} 2
            node_mountstats_nfs_transport_backlog_queue_total{export="srv:/a",protocol="udp",mountaddr="",transport="0"} 7
            node_mountstats_nfs_transport_bad_transaction_ids_total{export="srv:/a",protocol="udp",mountaddr="",transport="0"} 5
            node_mountstats_nfs_transport_bind_total{export="srv:/a",protocol="udp",mountaddr="",transport="0"} 2
            node_mountstats_nfs_transport_connect_total{export="srv:/a",protocol="udp",mountaddr="",transport="0"} 0
            node_mountstats_nfs_transport_idle_time_seconds{export="srv:/a",protocol="udp",mountaddr="",transport="0"} 0
            node_mountstats_nfs_transport_maximum_rpc_slots{export="srv:/a",protocol="udp",mountaddr="",transport="0"} 8
            node_mountstats_nfs_transport_pending_queue_total{export="srv:/a",protocol="udp",mountaddr="",transport="0"} 10
            node_mountstats_nfs_transport_receives_total{export="srv:/a",protocol="udp",mountaddr="",transport="0"} 4
            node_mountstats_nfs_transport_sending_queue_total{export="srv:/a",protocol="udp",mountaddr="",transport="0"} 9
            node_mountstats_nfs_transport_sends_total{export="srv:/a",protocol="udp",mountaddr="",transport="0"} 3
            error: /proc/self/mountstats: expected tcp, udp or rdma and ten numbers or more: "\txprt: tcp 1 2" (and 3 more)
        "#]]
        .assert_eq(&samples(&expose(&super::SPEC, &files)));
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: no data: /proc/self/mountstats does not exist
        "#]]
        .assert_eq(&expose(&super::SPEC, &[]));
    }
}
