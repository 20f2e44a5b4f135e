//! `/proc/diskstats`: reads, writes, discards and flushes of block devices; what udev knows of them.
//!
//! Sectors of 512 bytes, whatever the disk's own are → bytes (discards stay in sectors); ms →
//! seconds. Discards since Linux 4.18, flushes since 5.5. `<udev>/b<major>:<minor>` has the disk's
//! properties, `/sys/block/<disk>/queue/rotational` whether it turns.

use collect::{
    Clock, Collector, Context, Error, Faults, Filter, Kept, Opt, Result, Root, Spec, Text,
};
use exposition::{Family, Writer};
use std::{collections::HashMap, time::UNIX_EPOCH};

pub(crate) static SPEC: Spec = Spec {
    name: "diskstats",
    doc: "Input and output of block devices.",
    default: true,
    families: &[&NUMBERS, &[INFO, FILESYSTEM, DEVICE_MAPPER], &ATA],
    opts: &[DEVICE_EXCLUDE, DEVICE_INCLUDE],
    build: |cx| Ok(Box::new(Diskstats::new(cx)?)),
};

const DEVICE_EXCLUDE: Opt = Opt::text(
    "collector.diskstats.device-exclude",
    r"^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$",
    "Regular expression of devices to leave out.",
)
.aliases(&["collector.diskstats.ignored-devices"]);
const DEVICE_INCLUDE: Opt = Opt::text(
    "collector.diskstats.device-include",
    "",
    "Regular expression of devices to keep, instead of the exclusion.",
);

const DEVICE: &[&str] = &["device"];

/// In the order of the file's fields.
static NUMBERS: [Family; 17] = [
    Family::counter("node_disk_reads_completed_total", "Reads that completed.", DEVICE),
    Family::counter("node_disk_reads_merged_total", "Reads that were merged.", DEVICE),
    Family::counter("node_disk_read_bytes_total", "Bytes read.", DEVICE),
    Family::counter("node_disk_read_time_seconds_total", "Seconds that all reads took.", DEVICE),
    Family::counter("node_disk_writes_completed_total", "Writes that completed.", DEVICE),
    Family::counter("node_disk_writes_merged_total", "Writes that were merged.", DEVICE),
    Family::counter("node_disk_written_bytes_total", "Bytes written.", DEVICE),
    Family::counter("node_disk_write_time_seconds_total", "Seconds that all writes took.", DEVICE),
    Family::gauge("node_disk_io_now", "Operations in progress.", DEVICE),
    Family::counter(
        "node_disk_io_time_seconds_total",
        "Seconds with operations in progress.",
        DEVICE,
    ),
    Family::counter(
        "node_disk_io_time_weighted_seconds_total",
        "Seconds with operations in progress, times their number.",
        DEVICE,
    ),
    Family::counter("node_disk_discards_completed_total", "Discards that completed.", DEVICE),
    Family::counter("node_disk_discards_merged_total", "Discards that were merged.", DEVICE),
    Family::counter("node_disk_discarded_sectors_total", "Sectors of 512 bytes discarded.", DEVICE),
    Family::counter(
        "node_disk_discard_time_seconds_total",
        "Seconds that all discards took.",
        DEVICE,
    ),
    Family::counter("node_disk_flush_requests_total", "Flushes that completed.", DEVICE),
    Family::counter(
        "node_disk_flush_requests_time_seconds_total",
        "Seconds that all flushes took.",
        DEVICE,
    ),
];

/// How a field becomes its family's number.
#[derive(Clone, Copy)]
enum Unit {
    One,
    Sectors,
    Milliseconds,
}

const UNITS: [Unit; 17] = {
    use Unit::{Milliseconds, One, Sectors};
    [
        One,
        One,
        Sectors,
        Milliseconds, // reads
        One,
        One,
        Sectors,
        Milliseconds, // writes
        One,
        Milliseconds,
        Milliseconds, // in progress
        One,
        One,
        One,
        Milliseconds, // discards
        One,
        Milliseconds, // flushes
    ]
};

const INFO: Family = Family::gauge(
    "node_disk_info",
    "1 for each block device, with what udev knows of it.",
    &["device", "major", "minor", "path", "wwn", "model", "serial", "revision", "rotational"],
);
const FILESYSTEM: Family = Family::gauge(
    "node_disk_filesystem_info",
    "1 for each block device that holds a file system or the like.",
    &["device", "type", "usage", "uuid", "version"],
);
const DEVICE_MAPPER: Family = Family::gauge(
    "node_disk_device_mapper_info",
    "1 for each device of the device mapper.",
    &["device", "name", "uuid", "vg_name", "lv_name", "lv_layer"],
);
static ATA: [Family; 3] = [
    Family::gauge("node_disk_ata_write_cache", "1 where the ATA disk has a write cache.", DEVICE),
    Family::gauge(
        "node_disk_ata_write_cache_enabled",
        "1 where the ATA disk's write cache is on.",
        DEVICE,
    ),
    Family::gauge(
        "node_disk_ata_rotation_rate_rpm",
        "Rotations a minute of the ATA disk; 0 where it does not turn.",
        DEVICE,
    ),
];
const ATA_KEYS: [&str; 3] =
    ["ID_ATA_WRITE_CACHE", "ID_ATA_WRITE_CACHE_ENABLED", "ID_ATA_ROTATION_RATE_RPM"];

/// The sector of diskstats.
const SECTOR: u64 = 512;

/// Seconds after which a file's time tells it from a later one: the clock of files ticks at 1 to 10
/// ms, and a clock that is set may be off by more.
const SETTLED: f64 = 5.0;

struct Diskstats {
    file: Kept,
    udev: Root,
    sys: Root,
    devices: Filter,
    disks: HashMap<String, Disk>,
    clock: Clock,
    scrapes: u64,
}

/// What is remembered of a disk.
struct Disk {
    numbers: (u32, u32),
    /// When udev wrote the properties. It writes a new file and renames it at each event, so that a
    /// file with another time is another file; a stat costs a third of opening and reading. `None`
    /// while the file is so young that another of the same time may follow.
    written: Option<f64>,
    properties: Properties,
    rotational: Kept,
    /// The scrape that last saw the disk.
    seen: u64,
}

/// The properties that make labels.
#[derive(Default)]
struct Properties {
    path: String,
    wwn: String,
    model: String,
    serial: String,
    revision: String,
    /// type, usage, uuid, version
    filesystem: [String; 4],
    /// name, uuid, volume group, logical volume, layer
    mapper: [String; 5],
    ata: [Option<f64>; 3],
}

/// A line of the file.
struct Row<'a> {
    device: &'a str,
    major: &'a str,
    minor: &'a str,
    fields: [Option<u64>; 17],
}

// === impl Diskstats ===

impl Diskstats {
    fn new(cx: &Context) -> Result<Self> {
        Ok(Self {
            file: cx.proc.keep("diskstats"),
            udev: cx.udev.clone(),
            sys: cx.sys.clone(),
            devices: Filter::new(&cx.options, &DEVICE_INCLUDE, &DEVICE_EXCLUDE)?,
            disks: HashMap::new(),
            clock: cx.clock,
            scrapes: 0,
        })
    }
}

impl Collector for Diskstats {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let file = self.file.read()?;
        let mut faults = Faults::default();
        let mut rows = Vec::new();
        self.scrapes += 1;
        let now = self.clock.now().duration_since(UNIX_EPOCH).map_or(0.0, |now| now.as_secs_f64());
        for line in file.lines() {
            let Some(row) = faults.ok(Row::parse(&file, line)).flatten() else { continue };
            if !self.devices.keeps(row.device) {
                continue;
            }
            let numbers = (row.major.parse().unwrap_or(0), row.minor.parse().unwrap_or(0));
            let disk = match self.disks.get_mut(row.device) {
                Some(disk) if disk.numbers == numbers => disk,
                _ => {
                    let disk = Disk::new(&self.sys, row.device, numbers);
                    self.disks.entry(row.device.to_owned()).insert_entry(disk).into_mut()
                }
            };
            disk.seen = self.scrapes;
            faults.ok(disk.refresh(&self.udev, now));
            rows.push(row);
        }
        self.disks.retain(|_, disk| disk.seen == self.scrapes);
        for (i, (family, unit)) in NUMBERS.iter().zip(UNITS).enumerate() {
            out.family(family, |s| {
                for row in &rows {
                    let Some(number) = row.fields.get(i).copied().flatten() else { continue };
                    match unit {
                        Unit::One => s.row(&[row.device], number),
                        Unit::Sectors => s.row(&[row.device], number.saturating_mul(SECTOR)),
                        Unit::Milliseconds => s.row(&[row.device], seconds(number)),
                    }
                }
            });
        }
        out.family(&INFO, |s| {
            for row in &rows {
                let Some(disk) = self.disks.get_mut(row.device) else { continue };
                let Properties { path, wwn, model, serial, revision, .. } = &disk.properties;
                // Partitions have no queue of their own; the peer says 0 of them.
                let rotational = disk.rotational.attr().ok().flatten().unwrap_or("0");
                s.row(
                    &[
                        row.device, row.major, row.minor, path, wwn, model, serial, revision,
                        rotational,
                    ],
                    1,
                );
            }
        });
        let properties = |row: &Row<'_>| self.disks.get(row.device).map(|disk| &disk.properties);
        out.family(&FILESYSTEM, |s| {
            for row in &rows {
                let Some(Properties { filesystem, .. }) = properties(row) else { continue };
                let [kind, usage, uuid, version] = filesystem;
                if !kind.is_empty() {
                    s.row(&[row.device, kind, usage, uuid, version], 1);
                }
            }
        });
        out.family(&DEVICE_MAPPER, |s| {
            for row in &rows {
                let Some(Properties { mapper, .. }) = properties(row) else { continue };
                let [name, uuid, group, volume, layer] = mapper;
                if !name.is_empty() {
                    s.row(&[row.device, name, uuid, group, volume, layer], 1);
                }
            }
        });
        for (i, family) in ATA.iter().enumerate() {
            out.family(family, |s| {
                for row in &rows {
                    let number = properties(row).and_then(|p| p.ata.get(i).copied().flatten());
                    if let Some(number) = number {
                        s.row(&[row.device], number);
                    }
                }
            });
        }
        faults.finish()
    }
}

#[expect(clippy::cast_precision_loss, reason = "the kernel's counters are of 32 bits, or rounded")]
fn seconds(milliseconds: u64) -> f64 {
    milliseconds as f64 * 0.001
}

// === impl Row ===

impl<'a> Row<'a> {
    /// `None` for a line in the short form that partitions had until Linux 2.6.25.
    fn parse(file: &Text<'_>, line: &'a str) -> Result<Option<Self>> {
        let bad = || file.bad("expected a device and 11 numbers or more", line);
        let mut words = line.split_ascii_whitespace();
        let (Some(major), Some(minor), Some(device)) = (words.next(), words.next(), words.next())
        else {
            return Err(bad());
        };
        let mut fields = [None; 17];
        let mut count = 0;
        for (field, word) in fields.iter_mut().zip(words) {
            *field = Some(word.parse().map_err(|_| bad())?);
            count += 1;
        }
        match count {
            4 => Ok(None),
            11.. => Ok(Some(Self { device, major, minor, fields })),
            _ => Err(bad()),
        }
    }
}

// === impl Disk ===

impl Disk {
    fn new(sys: &Root, device: &str, numbers: (u32, u32)) -> Self {
        // sysfs has `!` for the slash of names such as cciss/c0d0.
        let name = device.replace('/', "!");
        Self {
            numbers,
            written: None,
            properties: Properties::default(),
            rotational: sys.keep(format!("block/{name}/queue/rotational")),
            seen: 0,
        }
    }

    /// Reads udev's properties anew where they were written since.
    fn refresh(&mut self, udev: &Root, now: f64) -> Result<()> {
        let (major, minor) = self.numbers;
        let name = format!("b{major}:{minor}");
        let written = match udev.modified(&name) {
            Ok(written) => written,
            // No udev, or none in this container, or a device that it leaves alone.
            Err(Error::Read { .. }) => {
                (self.written, self.properties) = (None, Properties::default());
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        if self.written == Some(written) {
            return Ok(());
        }
        self.properties = Properties::parse(&udev.read(&name)?.text());
        self.written = Some(written).filter(|written| now - written > SETTLED);
        Ok(())
    }
}

// === impl Properties ===

impl Properties {
    /// Lines such as `E:ID_MODEL=…`; the last of a key counts.
    fn parse(file: &Text<'_>) -> Self {
        let values: HashMap<&str, &str> =
            file.lines().filter_map(|line| line.strip_prefix("E:")?.split_once('=')).collect();
        let value = |key: &str| values.get(key).copied().unwrap_or_default();
        let first = |keys: [&str; 3]| {
            let mut values = keys.iter().map(|key| value(key));
            values.find(|value| !value.is_empty()).unwrap_or_default().to_owned()
        };
        let ata = |key: &str| value(key).parse().ok().filter(|_| !value("ID_ATA").is_empty());
        Self {
            path: value("ID_PATH").to_owned(),
            wwn: value("ID_WWN").to_owned(),
            model: value("ID_MODEL").to_owned(),
            // SCSI's own first: udev makes the others from model and serial number.
            serial: first(["SCSI_IDENT_SERIAL", "ID_SERIAL_SHORT", "ID_SERIAL"]),
            revision: value("ID_REVISION").to_owned(),
            filesystem: ["ID_FS_TYPE", "ID_FS_USAGE", "ID_FS_UUID", "ID_FS_VERSION"]
                .map(|key| value(key).to_owned()),
            mapper: ["DM_NAME", "DM_UUID", "DM_VG_NAME", "DM_LV_NAME", "DM_LV_LAYER"]
                .map(|key| value(key).to_owned()),
            ata: ATA_KEYS.map(ata),
        }
    }
}

#[cfg(test)]
mod tests {
    use collect::testing::{context, expose, expose_with, samples, tree};
    use expect_test::expect;
    use exposition::{Format, Writer, encode};
    use std::{io::Write as _, time::Duration};

    #[test]
    fn disks() {
        let files = [
            (
                "proc/diskstats",
                "   8       0 sda 10 11 12 13 20 21 22 23 1 31 32 40 41 42 43 50 51\n   \
                 8       1 sda1 1 0 1 1 1 0 1 1 0 1 1\n 254       0 dm-0 1 0 1 1 1 0 1 1 0 1 1\n\
                   3       1 hda1 1 2 3 4\n",
            ),
            ("sys/block/sda/queue/rotational", "1\n"),
            (
                "udev/b8:0",
                "S:disk/by-id/x\nE:ID_ATA=1\nE:ID_ATA_WRITE_CACHE=1\nE:ID_ATA_WRITE_CACHE_ENABLED=?\n\
                 E:ID_ATA_ROTATION_RATE_RPM=7200\nE:ID_MODEL=M\nE:ID_SERIAL=M_S\nE:ID_SERIAL_SHORT=S\n\
                 E:ID_PATH=pci-1=2\nE:ID_WWN=0x5\nE:ID_REVISION=R\nE:ID_FS_TYPE=\n",
            ),
            (
                "udev/b254:0",
                "E:DM_NAME=vg-root\nE:DM_UUID=LVM-u\nE:DM_VG_NAME=vg\nE:DM_LV_NAME=root\nE:ID_FS_TYPE=xfs\nE:ID_FS_USAGE=filesystem\n",
            ),
        ];
        expect![[r#"
            node_disk_ata_rotation_rate_rpm{device="sda"} 7200
            node_disk_ata_write_cache{device="sda"} 1
            node_disk_device_mapper_info{device="dm-0",name="vg-root",uuid="LVM-u",vg_name="vg",lv_name="root",lv_layer=""} 1
            node_disk_discard_time_seconds_total{device="sda"} 0.043000000000000003
            node_disk_discarded_sectors_total{device="sda"} 42
            node_disk_discards_completed_total{device="sda"} 40
            node_disk_discards_merged_total{device="sda"} 41
            node_disk_filesystem_info{device="dm-0",type="xfs",usage="filesystem",uuid="",version=""} 1
            node_disk_flush_requests_time_seconds_total{device="sda"} 0.051000000000000004
            node_disk_flush_requests_total{device="sda"} 50
            node_disk_info{device="sda",major="8",minor="0",path="pci-1=2",wwn="0x5",model="M",serial="S",revision="R",rotational="1"} 1
            node_disk_info{device="dm-0",major="254",minor="0",path="",wwn="",model="",serial="",revision="",rotational="0"} 1
            node_disk_io_now{device="sda"} 1
            node_disk_io_now{device="dm-0"} 0
            node_disk_io_time_seconds_total{device="sda"} 0.031
            node_disk_io_time_seconds_total{device="dm-0"} 0.001
            node_disk_io_time_weighted_seconds_total{device="sda"} 0.032
            node_disk_io_time_weighted_seconds_total{device="dm-0"} 0.001
            node_disk_read_bytes_total{device="sda"} 6144
            node_disk_read_bytes_total{device="dm-0"} 512
            node_disk_read_time_seconds_total{device="sda"} 0.013000000000000001
            node_disk_read_time_seconds_total{device="dm-0"} 0.001
            node_disk_reads_completed_total{device="sda"} 10
            node_disk_reads_completed_total{device="dm-0"} 1
            node_disk_reads_merged_total{device="sda"} 11
            node_disk_reads_merged_total{device="dm-0"} 0
            node_disk_write_time_seconds_total{device="sda"} 0.023
            node_disk_write_time_seconds_total{device="dm-0"} 0.001
            node_disk_writes_completed_total{device="sda"} 20
            node_disk_writes_completed_total{device="dm-0"} 1
            node_disk_writes_merged_total{device="sda"} 21
            node_disk_writes_merged_total{device="dm-0"} 0
            node_disk_written_bytes_total{device="sda"} 11264
            node_disk_written_bytes_total{device="dm-0"} 512
        "#]]
        .assert_eq(&samples(&expose(&super::SPEC, &files)));
    }

    #[test]
    fn properties_are_read_again_when_udev_wrote_them_again() {
        let dir = tree(&[("proc/diskstats", "8 0 sda 1 2 3 4 5 6 7 8 9 10 11\n")]);
        let cx = context(&super::SPEC, dir.path(), &[]);
        let mut collector = (super::SPEC.build)(&cx).unwrap();
        let mut model = |text: &str, age: u64| {
            let path = dir.path().join("udev/b8:0");
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let mut file = std::fs::File::create(path).unwrap();
            file.write_all(format!("E:ID_MODEL={text}\n").as_bytes()).unwrap();
            file.set_modified(cx.clock.now() - Duration::from_secs(age)).unwrap();
            let mut out = Writer::default();
            collector.collect(&mut out).unwrap();
            let text = encode(&[&out.finish()], Format::TEXT).body;
            let text = String::from_utf8(text).unwrap();
            let (_, rest) = text.split_once("model=\"").unwrap();
            rest.split('"').next().unwrap().to_owned()
        };
        assert_eq!(model("A", 60), "A");
        assert_eq!(model("B", 60), "A", "a file of the same time is the same file");
        assert_eq!(model("C", 0), "C");
        assert_eq!(model("D", 0), "D", "a file that was just written may be written again");
    }

    #[test]
    fn torn() {
        let files =
            [("proc/diskstats", "8 0 sda 1 2 3 4 5 6 7 8 9 10 11\n8 16 sdb 1 2 x\n8 32 sd")];
        let options = [("collector.diskstats.device-include", "sd")];
        expect![[r#"
            node_disk_info{device="sda",major="8",minor="0",path="",wwn="",model="",serial="",revision="",rotational="0"} 1
            node_disk_io_now{device="sda"} 9
            node_disk_io_time_seconds_total{device="sda"} 0.01
            node_disk_io_time_weighted_seconds_total{device="sda"} 0.011
            node_disk_read_bytes_total{device="sda"} 1536
            node_disk_read_time_seconds_total{device="sda"} 0.004
            node_disk_reads_completed_total{device="sda"} 1
            node_disk_reads_merged_total{device="sda"} 2
            node_disk_write_time_seconds_total{device="sda"} 0.008
            node_disk_writes_completed_total{device="sda"} 5
            node_disk_writes_merged_total{device="sda"} 6
            node_disk_written_bytes_total{device="sda"} 3584
            error: /proc/diskstats: expected a device and 11 numbers or more: "8 16 sdb 1 2 x" (and 1 more)
        "#]]
        .assert_eq(&samples(&expose_with(&super::SPEC, &files, &options)));
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: read /proc/diskstats: No such file or directory (os error 2)
        "#]]
        .assert_eq(&expose(&super::SPEC, &[]));
    }
}
