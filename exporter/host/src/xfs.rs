//! `/sys/fs/xfs/<device>/stats/stats`: what each XFS has done since it was mounted.
//!
//! A line is a group's name and its counters, in the order of the kernel's `xfs_stats.h`.

use collect::{Collector, Faults, Result, Root, Spec, Text};
use exposition::{Family, Writer};
use std::collections::HashMap;

pub(crate) static SPEC: Spec = Spec {
    name: "xfs",
    doc: "Operations of XFS.",
    default: true,
    families: &[&EXTENT_ALLOC, &ABT, &BLK_MAP, &BMBT, &DIR, &IG, &RW, &VNODES],
    opts: &[],
    build: |cx| Ok(Box::new(Xfs { dir: cx.sys.at("fs/xfs") })),
};

const DEVICE: &[&str] = &["device"];

macro_rules! group {
    ($name:ident, $n:literal, $prefix:literal, $help:literal: $($field:literal),* $(,)?) => {
        static $name: [Family; $n] = [$(Family::counter(
            concat!("node_xfs_", $prefix, $field, "_total"),
            concat!($help, $field, "."),
            DEVICE,
        )),*];
    };
}

group!(EXTENT_ALLOC, 4, "extent_allocation_", "Allocation of extents: ":
    "extents_allocated", "blocks_allocated", "extents_freed", "blocks_freed");
group!(ABT, 4, "allocation_btree_", "B-trees of free space: ":
    "lookups", "compares", "records_inserted", "records_deleted");
group!(BLK_MAP, 7, "block_mapping_", "Mapping of blocks: ":
    "reads", "writes", "unmaps", "extent_list_insertions", "extent_list_deletions",
    "extent_list_lookups", "extent_list_compares");
group!(BMBT, 4, "block_map_btree_", "B-trees of block maps: ":
    "lookups", "compares", "records_inserted", "records_deleted");
group!(DIR, 4, "directory_operation_", "Directories: ": "lookup", "create", "remove", "getdents");
group!(IG, 7, "inode_operation_", "Inode cache: ":
    "attempts", "found", "recycled", "missed", "duplicates", "reclaims", "attribute_changes");
group!(RW, 2, "", "System calls on files: ": "write_calls", "read_calls");
group!(VNODES, 7, "vnode_", "Inodes in memory: ":
    "active", "allocate", "get", "hold", "release", "reclaim", "remove");

static GROUPS: [(&str, &[Family]); 8] = [
    ("extent_alloc", &EXTENT_ALLOC),
    ("abt", &ABT),
    ("blk_map", &BLK_MAP),
    ("bmbt", &BMBT),
    ("dir", &DIR),
    ("ig", &IG),
    ("rw", &RW),
    ("vnodes", &VNODES),
];

struct Xfs {
    dir: Root,
}

impl Collector for Xfs {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let mut faults = Faults::default();
        for device in self.dir.list_if_any("")? {
            let stats = format!("{device}/stats/stats");
            // `stats/stats` is the sum over all devices.
            if !self.dir.exists(&stats) {
                continue;
            }
            let Some(file) = faults.ok(self.dir.read(&stats)) else { continue };
            faults.ok(expose(&file.text(), &device, out));
        }
        faults.finish()
    }
}

fn expose(file: &Text<'_>, device: &str, out: &mut Writer) -> Result<()> {
    let mut faults = Faults::default();
    let lines: HashMap<&str, &str> =
        file.lines().filter_map(|line| line.split_once(' ').map(|(key, _)| (key, line))).collect();
    for (group, families) in GROUPS {
        let Some(line) = lines.get(group) else { continue };
        for (family, word) in families.iter().zip(line.split_ascii_whitespace().skip(1)) {
            let number = file.parse::<u64>(Some(word), "expected counters", line);
            if let Some(number) = faults.ok(number) {
                out.family(family, |s| s.row(&[device], number));
            }
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
        let stats = "extent_alloc 1 2 3 4\nabt 11 12 13 14\nblk_map 21 22 23 24 25 26 27\n\
                     bmbt 31 32 33 34\ndir 41 42 43 44\ntrans 4 40 0\n\
                     ig 51 52 53 54 55 56 57\nrw 61 62\nvnodes 71 72 73 74 75 76 77 78\n";
        let files =
            [("sys/fs/xfs/sda1/stats/stats", stats), ("sys/fs/xfs/stats/stats", "rw 9 9\n")];
        expect![[r#"
            node_xfs_allocation_btree_compares_total{device="sda1"} 12
            node_xfs_allocation_btree_lookups_total{device="sda1"} 11
            node_xfs_allocation_btree_records_deleted_total{device="sda1"} 14
            node_xfs_allocation_btree_records_inserted_total{device="sda1"} 13
            node_xfs_block_map_btree_compares_total{device="sda1"} 32
            node_xfs_block_map_btree_lookups_total{device="sda1"} 31
            node_xfs_block_map_btree_records_deleted_total{device="sda1"} 34
            node_xfs_block_map_btree_records_inserted_total{device="sda1"} 33
            node_xfs_block_mapping_extent_list_compares_total{device="sda1"} 27
            node_xfs_block_mapping_extent_list_deletions_total{device="sda1"} 25
            node_xfs_block_mapping_extent_list_insertions_total{device="sda1"} 24
            node_xfs_block_mapping_extent_list_lookups_total{device="sda1"} 26
            node_xfs_block_mapping_reads_total{device="sda1"} 21
            node_xfs_block_mapping_unmaps_total{device="sda1"} 23
            node_xfs_block_mapping_writes_total{device="sda1"} 22
            node_xfs_directory_operation_create_total{device="sda1"} 42
            node_xfs_directory_operation_getdents_total{device="sda1"} 44
            node_xfs_directory_operation_lookup_total{device="sda1"} 41
            node_xfs_directory_operation_remove_total{device="sda1"} 43
            node_xfs_extent_allocation_blocks_allocated_total{device="sda1"} 2
            node_xfs_extent_allocation_blocks_freed_total{device="sda1"} 4
            node_xfs_extent_allocation_extents_allocated_total{device="sda1"} 1
            node_xfs_extent_allocation_extents_freed_total{device="sda1"} 3
            node_xfs_inode_operation_attempts_total{device="sda1"} 51
            node_xfs_inode_operation_attribute_changes_total{device="sda1"} 57
            node_xfs_inode_operation_duplicates_total{device="sda1"} 55
            node_xfs_inode_operation_found_total{device="sda1"} 52
            node_xfs_inode_operation_missed_total{device="sda1"} 54
            node_xfs_inode_operation_reclaims_total{device="sda1"} 56
            node_xfs_inode_operation_recycled_total{device="sda1"} 53
            node_xfs_read_calls_total{device="sda1"} 62
            node_xfs_vnode_active_total{device="sda1"} 71
            node_xfs_vnode_allocate_total{device="sda1"} 72
            node_xfs_vnode_get_total{device="sda1"} 73
            node_xfs_vnode_hold_total{device="sda1"} 74
            node_xfs_vnode_reclaim_total{device="sda1"} 76
            node_xfs_vnode_release_total{device="sda1"} 75
            node_xfs_vnode_remove_total{device="sda1"} 77
            node_xfs_write_calls_total{device="sda1"} 61
        "#]]
        .assert_eq(&samples(&expose(&super::SPEC, &files)));
    }

    #[test]
    fn torn() {
        let files = [("sys/fs/xfs/sda1/stats/stats", "rw 1 -\nvnodes 7 18446744073709551616\ndir")];
        expect![[r#"
            node_xfs_vnode_active_total{device="sda1"} 7
            node_xfs_write_calls_total{device="sda1"} 1
            error: /sys/fs/xfs/sda1/stats/stats: expected counters: "rw 1 -" (and 1 more)
        "#]]
        .assert_eq(&samples(&expose(&super::SPEC, &files)));
    }

    #[test]
    fn absent() {
        assert_eq!(expose(&super::SPEC, &[]), "");
    }
}
