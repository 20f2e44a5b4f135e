//! `/proc/meminfo`: how the memory is used. Rows in kB, which is KiB, are exposed in bytes under
//! names that end in `_bytes`; the others (`HugePages_*`) are counts and stay as they are.
//!
//! `node_exporter` knows a list of rows; here every row appears by itself.

use crate::rows::Rows;
use collect::{Collector, Faults, Kept, Result, Spec};
use exposition::{Family, Kind, Writer};

pub(crate) static SPEC: Spec = Spec {
    name: "meminfo",
    doc: "Memory use.",
    default: true,
    families: &[&PATTERNS],
    opts: &[],
    build: |cx| Ok(Box::new(Meminfo { file: cx.proc.keep("meminfo"), rows: Rows::new() })),
};

static PATTERNS: [Family; 2] = [
    Family::gauge("node_memory_*_bytes", "A row of /proc/meminfo that has a size.", &[]),
    Family::gauge("node_memory_*", "A row of /proc/meminfo that has a count.", &[]),
];

struct Meminfo {
    file: Kept,
    rows: Rows<Row>,
}

struct Row {
    family: Family,
    in_kib: bool,
}

impl Collector for Meminfo {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let text = self.file.read()?;
        let mut faults = Faults::default();
        self.rows.rewind();
        for line in text.lines() {
            let mut fields = line.split_ascii_whitespace();
            let name = fields.next().and_then(|name| name.strip_suffix(':'));
            let number = fields.next().and_then(|field| field.parse::<u64>().ok());
            let in_kib = match fields.next() {
                None => false,
                Some("kB") => true,
                Some(_) => {
                    faults.note(text.bad("expected a size in kB or a count", line));
                    continue;
                }
            };
            let (Some(name), Some(number)) = (name, number) else {
                faults.note(text.bad("expected a name, a colon and a number", line));
                continue;
            };
            let row = self.rows.get(name, || Row::new(name, in_kib));
            match row.filter(|row| row.in_kib == in_kib) {
                Some(row) => out.family(&row.family, |s| {
                    s.value(if in_kib { number.saturating_mul(1024) } else { number });
                }),
                None => faults.note(text.bad("expected the same unit as before", line)),
            }
        }
        faults.finish()
    }
}

// === impl Row ===

impl Row {
    fn new(name: &str, in_kib: bool) -> Self {
        let plain = name.replace('(', "_").replace(')', "");
        let help = match help(name) {
            Some(help) => help.to_owned(),
            None => format!("Row {name} of /proc/meminfo."),
        };
        let unit = if in_kib { "_bytes" } else { "" };
        let family = Family::dynamic(Kind::Gauge, &format!("node_memory_{plain}{unit}"), help, &[]);
        Self { family, in_kib }
    }
}

/// What the rows mean that people ask about most.
fn help(row: &str) -> Option<&'static str> {
    Some(match row {
        "MemTotal" => {
            "Memory that the kernel manages: the installed less what it keeps for itself."
        }
        "MemFree" => "Memory that nothing uses.",
        "MemAvailable" => "Estimate of what programs could get without swapping.",
        "Buffers" => "Cached blocks of raw devices.",
        "Cached" => "Cached pages of files, tmpfs and shared memory included.",
        "SwapCached" => "Memory that also stands in swap unchanged.",
        "Active" => "Memory used recently, reclaimed last.",
        "Inactive" => "Memory not used recently, reclaimed first.",
        "Active(anon)" => "Anonymous memory used recently.",
        "Inactive(anon)" => "Anonymous memory not used recently.",
        "Active(file)" => "Cached pages of files used recently.",
        "Inactive(file)" => "Cached pages of files not used recently.",
        "Unevictable" => "Memory that cannot be reclaimed.",
        "Mlocked" => "Memory locked by mlock.",
        "SwapTotal" => "Swap space.",
        "SwapFree" => "Swap space that is not used.",
        "Zswap" => "Memory that the compressed swap cache takes.",
        "Zswapped" => "Anonymous memory that the compressed swap cache holds, before compression.",
        "Dirty" => "Memory that waits to be written to disk.",
        "Writeback" => "Memory that is being written to disk.",
        "AnonPages" => "Anonymous memory mapped into programs.",
        "Mapped" => "Files mapped into programs.",
        "Shmem" => "Shared memory and tmpfs.",
        "KReclaimable" => "Kernel memory that it gives back under pressure.",
        "Slab" => "Memory of the kernel's object caches.",
        "SReclaimable" => "Part of the object caches that is given back under pressure.",
        "SUnreclaim" => "Part of the object caches that cannot be given back.",
        "KernelStack" => "Kernel stacks of all tasks.",
        "PageTables" => "Page tables of programs.",
        "SecPageTables" => "Page tables of virtual machines and I/O.",
        "NFS_Unstable" => "Pages sent to NFS servers and not committed there; 0 since Linux 5.8.",
        "Bounce" => "Bounce buffers of block devices.",
        "WritebackTmp" => "Temporary write-back buffers of FUSE.",
        "CommitLimit" => "What may be allocated where overcommit is strict.",
        "Committed_AS" => "What programs were promised.",
        "VmallocTotal" => "Address space of vmalloc.",
        "VmallocUsed" => "Memory of vmalloc in use.",
        "Percpu" => "Memory of per-CPU allocations.",
        "HardwareCorrupted" => "Memory that the hardware reported as broken.",
        "AnonHugePages" => "Anonymous memory in transparent huge pages.",
        "ShmemHugePages" => "Shared memory in huge pages.",
        "HugePages_Total" => "Huge pages in the pool.",
        "HugePages_Free" => "Huge pages in the pool that are not allocated.",
        "HugePages_Rsvd" => "Huge pages promised and not allocated yet.",
        "HugePages_Surp" => "Huge pages beyond the pool's size.",
        "Hugepagesize" => "Size of a huge page.",
        "Hugetlb" => "Memory in huge pages of all sizes.",
        "DirectMap4k" | "DirectMap2M" | "DirectMap4M" | "DirectMap1G" => {
            "Memory that the kernel maps with pages of this size."
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use collect::testing::expose;
    use expect_test::expect;

    #[test]
    fn rows_known_and_unknown() {
        let text = "MemTotal:        3742148 kB\nActive(anon):    2020004 kB\n\
                    HugePages_Free:        7\nFuture(x): 3 kB\n";
        expect![[r#"
            # HELP node_memory_Active_anon_bytes Anonymous memory used recently.
            # TYPE node_memory_Active_anon_bytes gauge
            node_memory_Active_anon_bytes 2068484096
            # HELP node_memory_Future_x_bytes Row Future(x) of /proc/meminfo.
            # TYPE node_memory_Future_x_bytes gauge
            node_memory_Future_x_bytes 3072
            # HELP node_memory_HugePages_Free Huge pages in the pool that are not allocated.
            # TYPE node_memory_HugePages_Free gauge
            node_memory_HugePages_Free 7
            # HELP node_memory_MemTotal_bytes Memory that the kernel manages: the installed less what it keeps for itself.
            # TYPE node_memory_MemTotal_bytes gauge
            node_memory_MemTotal_bytes 3831959552
        "#]].assert_eq(&expose(&super::SPEC, &[("proc/meminfo", text)]));
    }

    #[test]
    fn torn() {
        let text = "MemTotal: 18446744073709551615 kB\nMemFree:\nBuffers 5 kB\nDirty: 3 MB\n\
                    Cached: -5 kB\nCached: 5 kB\nCached: 5\n";
        expect![[r##"
            # HELP node_memory_Cached_bytes Cached pages of files, tmpfs and shared memory included.
            # TYPE node_memory_Cached_bytes gauge
            node_memory_Cached_bytes 5120
            # HELP node_memory_MemTotal_bytes Memory that the kernel manages: the installed less what it keeps for itself.
            # TYPE node_memory_MemTotal_bytes gauge
            node_memory_MemTotal_bytes 18446744073709551615
            error: /proc/meminfo: expected a name, a colon and a number: "MemFree:" (and 4 more)
        "##]].assert_eq(&expose(&super::SPEC, &[("proc/meminfo", text)]));
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: read /proc/meminfo: No such file or directory (os error 2)
        "#]]
        .assert_eq(&expose(&super::SPEC, &[]));
    }
}
