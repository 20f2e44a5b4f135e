//! `/proc/mdstat` and `/sys/block/md*/md`: software RAID.
//!
//! Blocks are KiB and stay blocks. `[4/3]` is disks required and disks active; RAID 0 and linear
//! arrays, which have no such pair, require all that they have.

use collect::{Collector, Context, Faults, Kept, Result, Root, Spec, Text};
use exposition::{Family, Writer};

pub(crate) static SPEC: Spec = Spec {
    name: "mdadm",
    doc: "Software RAID.",
    default: true,
    families: &[&[STATE, DISKS, REQUIRED, BLOCKS, SYNCED, RAID_DISKS, DEGRADED]],
    opts: &[],
    build: |cx| Ok(Box::new(Mdadm::new(cx))),
};

const STATE: Family = Family::gauge(
    "node_md_state",
    "1 for the state that the array is in, 0 for the others.",
    &["device", "state"],
);
const DISKS: Family =
    Family::gauge("node_md_disks", "Disks of the array by state.", &["device", "state"]);
const REQUIRED: Family =
    Family::gauge("node_md_disks_required", "Disks that the array requires.", &["device"]);
const BLOCKS: Family = Family::gauge("node_md_blocks", "Blocks of 1 KiB in all.", &["device"]);
const SYNCED: Family =
    Family::gauge("node_md_blocks_synced", "Blocks of 1 KiB in sync.", &["device"]);
const RAID_DISKS: Family =
    Family::gauge("node_md_raid_disks", "Disks that the array was made for.", &["device"]);
const DEGRADED: Family = Family::gauge(
    "node_md_degraded",
    "Disks that the array lacks; 0 for levels without redundancy.",
    &["device"],
);

const STATES: [&str; 5] = ["active", "inactive", "recovering", "resync", "check"];

struct Mdadm {
    file: Kept,
    sys: Root,
}

struct Array<'a> {
    name: &'a str,
    state: &'a str,
    active: u64,
    failed: u64,
    spare: u64,
    required: u64,
    blocks: u64,
    synced: u64,
}

// === impl Mdadm ===

impl Mdadm {
    fn new(cx: &Context) -> Self {
        Self { file: cx.proc.keep("mdstat"), sys: cx.sys.at("block") }
    }
}

impl Collector for Mdadm {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let mut faults = Faults::default();
        let file = self.file.read().map_err(collect::Error::or_no_data)?;
        let mut arrays = Vec::new();
        let mut lines = file.as_str().lines().peekable();
        while let Some(line) = lines.next() {
            // A device starts at the line's start and has its further lines indented.
            let Some((name, rest)) = line.split_once(" : ").filter(|(name, _)| is_device(name))
            else {
                continue;
            };
            let mut more = Vec::new();
            while let Some(line) = lines.next_if(|line| line.starts_with([' ', '\t'])) {
                more.push(line);
            }
            arrays.extend(faults.ok(Array::parse(&file, line, name, rest, &more)));
        }
        out.family(&STATE, |s| {
            for array in &arrays {
                for state in STATES {
                    s.row(&[array.name, state], array.state == state);
                }
            }
        });
        out.family(&DISKS, |s| {
            for array in &arrays {
                s.row(&[array.name, "active"], array.active);
                s.row(&[array.name, "failed"], array.failed);
                s.row(&[array.name, "spare"], array.spare);
            }
        });
        let mut rows = |family: &Family, number: fn(&Array<'_>) -> u64| {
            out.family(family, |s| {
                for array in &arrays {
                    s.row(&[array.name], number(array));
                }
            });
        };
        rows(&REQUIRED, |array| array.required);
        rows(&BLOCKS, |array| array.blocks);
        rows(&SYNCED, |array| array.synced);
        faults.ok(sysfs(&self.sys, out));
        faults.finish()
    }
}

fn is_device(name: &str) -> bool {
    name.starts_with("md") && !name.contains(char::is_whitespace)
}

fn sysfs(sys: &Root, out: &mut Writer) -> Result<()> {
    let mut faults = Faults::default();
    for device in sys.list_if_any("")?.iter().filter(|name| is_device(name)) {
        // During a reshape there are two numbers, `4 (3)`: the new and the old.
        let disks = faults.ok(sys.attr(format!("{device}/md/raid_disks"))).flatten();
        let disks = disks.as_deref().and_then(|text| text.split_ascii_whitespace().next());
        let Some(disks) = disks.and_then(|text| text.parse::<u64>().ok()) else { continue };
        out.family(&RAID_DISKS, |s| s.row(&[device], disks));
        let degraded = faults.ok(sys.number::<u64>(format!("{device}/md/degraded")));
        if let Some(degraded) = degraded {
            // RAID 0 and linear arrays have no such file; the peer says 0.
            out.family(&DEGRADED, |s| s.row(&[device], degraded.unwrap_or(0)));
        }
    }
    faults.finish()
}

// === impl Array ===

impl<'a> Array<'a> {
    /// `rest` is `active (read-only) raid1 sdb1[1] sda1[0](F)`, `more` the indented lines.
    fn parse(
        file: &Text<'_>,
        line: &str,
        name: &'a str,
        rest: &'a str,
        more: &[&'a str],
    ) -> Result<Self> {
        let mut words = rest.split_ascii_whitespace();
        let state = words.next().ok_or_else(|| file.bad("expected the array's state", line))?;
        let mut state = if state == "inactive" { "inactive" } else { "active" };
        let (mut listed, mut failed, mut spare) = (0, 0, 0);
        for disk in words.filter(|word| word.contains('[')) {
            listed += 1;
            failed += u64::from(disk.contains("(F)"));
            spare += u64::from(disk.contains("(S)"));
        }
        let text = more.first().copied().unwrap_or_default();
        let mut fields = text.split_ascii_whitespace();
        let blocks = fields.next().filter(|_| fields.next() == Some("blocks"));
        let blocks = file.parse(blocks, "expected a number of blocks", text)?;
        let pair = text.split_ascii_whitespace().find_map(|word| {
            let (required, active) = word.strip_prefix('[')?.strip_suffix(']')?.split_once('/')?;
            Some((required.parse().ok()?, active.parse().ok()?))
        });
        let (mut required, mut active) = pair.unwrap_or((listed, listed));
        let mut synced = blocks;
        if state == "inactive" {
            (required, active) = (0, 0);
        } else {
            for line in more {
                let Some((action, progress)) = sync(line) else { continue };
                state = action;
                synced = match progress {
                    Some(progress) => {
                        file.parse(Some(progress), "expected blocks in sync", line)?
                    }
                    None => 0,
                };
            }
        }
        Ok(Self { name, state, active, failed, spare, required, blocks, synced })
    }
}

/// What an array does, and how many blocks it has done:
/// `[=>…]  recovery =  8.5% (16775552/195310144) finish=…`, or `resync=DELAYED` when it waits.
fn sync(line: &str) -> Option<(&'static str, Option<&str>)> {
    let actions = [
        ("recovery", "recovering"),
        ("resync", "resync"),
        ("check", "check"),
        ("reshape", "reshaping"),
    ];
    let (action, after) = actions.iter().find_map(|(word, action)| {
        Some((*action, line.split_once(word)?.1.trim_start().strip_prefix('=')?))
    })?;
    let done = after.split_once('(').and_then(|(_, after)| after.split_once('/'));
    Some((action, done.map(|(done, _)| done)))
}

#[cfg(test)]
mod tests {
    use collect::testing::expose;
    use expect_test::expect;

    fn samples(text: &str) -> String {
        let zero_state = |line: &str| line.starts_with("node_md_state") && line.ends_with(" 0");
        let lines = text.lines().filter(|l| !l.starts_with('#') && !zero_state(l));
        lines.map(|l| l.to_owned() + "\n").collect()
    }

    #[test]
    fn arrays() {
        let mdstat = "\
Personalities : [raid1] [raid0]
md0 : active raid1 sdb1[1] sda1[0]
      1000 blocks super 1.2 [2/2] [UU]
      bitmap: 0/1 pages [0KB], 65536KB chunk

md1 : active raid1 sdb2[2] sda2[0](F) sdc2[3](S)
      2000 blocks [2/1] [U_]
      [=>...................]  recovery =  8.5% (170/2000) finish=1.0min speed=1K/sec

md2 : active (auto-read-only) raid1 sdb3[1] sda3[0]
      3000 blocks [2/2] [UU]
      \tresync=PENDING

md3 : inactive sdd[1](S)
      4000 blocks super external:imsm

md4 : active raid0 sde[1] sdf[0]
      5000 blocks 64k chunks

unused devices: <none>
";
        let files = [
            ("proc/mdstat", mdstat),
            ("sys/block/md0/md/raid_disks", "2\n"),
            ("sys/block/md0/md/degraded", "0\n"),
            ("sys/block/md4/md/raid_disks", "2 (3)\n"),
            ("sys/block/sda/size", "1\n"),
        ];
        expect![[r#"
            node_md_blocks{device="md0"} 1000
            node_md_blocks{device="md1"} 2000
            node_md_blocks{device="md2"} 3000
            node_md_blocks{device="md3"} 4000
            node_md_blocks{device="md4"} 5000
            node_md_blocks_synced{device="md0"} 1000
            node_md_blocks_synced{device="md1"} 170
            node_md_blocks_synced{device="md2"} 0
            node_md_blocks_synced{device="md3"} 4000
            node_md_blocks_synced{device="md4"} 5000
            node_md_degraded{device="md0"} 0
            node_md_degraded{device="md4"} 0
            node_md_disks{device="md0",state="active"} 2
            node_md_disks{device="md0",state="failed"} 0
            node_md_disks{device="md0",state="spare"} 0
            node_md_disks{device="md1",state="active"} 1
            node_md_disks{device="md1",state="failed"} 1
            node_md_disks{device="md1",state="spare"} 1
            node_md_disks{device="md2",state="active"} 2
            node_md_disks{device="md2",state="failed"} 0
            node_md_disks{device="md2",state="spare"} 0
            node_md_disks{device="md3",state="active"} 0
            node_md_disks{device="md3",state="failed"} 0
            node_md_disks{device="md3",state="spare"} 1
            node_md_disks{device="md4",state="active"} 2
            node_md_disks{device="md4",state="failed"} 0
            node_md_disks{device="md4",state="spare"} 0
            node_md_disks_required{device="md0"} 2
            node_md_disks_required{device="md1"} 2
            node_md_disks_required{device="md2"} 2
            node_md_disks_required{device="md3"} 0
            node_md_disks_required{device="md4"} 2
            node_md_raid_disks{device="md0"} 2
            node_md_raid_disks{device="md4"} 2
            node_md_state{device="md0",state="active"} 1
            node_md_state{device="md1",state="recovering"} 1
            node_md_state{device="md2",state="resync"} 1
            node_md_state{device="md3",state="inactive"} 1
            node_md_state{device="md4",state="active"} 1
        "#]]
        .assert_eq(&samples(&expose(&super::SPEC, &files)));
    }

    #[test]
    fn torn() {
        let files = [(
            "proc/mdstat",
            "Personalities :\nmd0 : active raid1 sda[0]\n      1x blocks\nmd1 : active raid0 sdb[0]\n      7 blocks\nmd2 :",
        )];
        expect![[r#"
            node_md_blocks{device="md1"} 7
            node_md_blocks_synced{device="md1"} 7
            node_md_disks{device="md1",state="active"} 1
            node_md_disks{device="md1",state="failed"} 0
            node_md_disks{device="md1",state="spare"} 0
            node_md_disks_required{device="md1"} 1
            node_md_state{device="md1",state="active"} 1
            error: /proc/mdstat: expected a number of blocks: "      1x blocks"
        "#]]
        .assert_eq(&samples(&expose(&super::SPEC, &files)));
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: no data: /proc/mdstat does not exist
        "#]]
        .assert_eq(&expose(&super::SPEC, &[]));
    }
}
