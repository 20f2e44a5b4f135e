//! `/proc/net/rpc/nfs`: what this machine has asked of NFS servers.
//!
//! Counters by protocol version and procedure, in the order of the kernel's tables. A procedure that
//! this kernel does not have is 0, as `node_exporter` has it.

use collect::{Collector, Error, Faults, Kept, Result, Spec, Text};
use exposition::{Family, Writer};

pub(crate) static SPEC: Spec = Spec {
    name: "nfs",
    doc: "Requests to NFS servers.",
    default: true,
    families: &[&[PACKETS, CONNECTIONS, REQUESTS], &RPC],
    opts: &[],
    build: |cx| Ok(Box::new(Nfs { file: cx.proc.keep("net/rpc/nfs") })),
};

const PACKETS: Family =
    Family::counter("node_nfs_packets_total", "Packets by transport protocol.", &["protocol"]);
const CONNECTIONS: Family =
    Family::counter("node_nfs_connections_total", "TCP connections made.", &[]);
const REQUESTS: Family = Family::counter(
    "node_nfs_requests_total",
    "Requests by protocol version and procedure.",
    &["proto", "method"],
);
static RPC: [Family; 3] = [
    Family::counter("node_nfs_rpcs_total", "Remote procedure calls.", &[]),
    Family::counter("node_nfs_rpc_retransmissions_total", "Calls that were sent again.", &[]),
    Family::counter(
        "node_nfs_rpc_authentication_refreshes_total",
        "Refreshes of credentials before a call.",
        &[],
    ),
];

/// NFS 2, in the server too.
pub(crate) const PROC2: &[&str] = &[
    "Null", "GetAttr", "SetAttr", "Root", "Lookup", "ReadLink", "Read", "WrCache", "Write",
    "Create", "Remove", "Rename", "Link", "SymLink", "MkDir", "RmDir", "ReadDir", "FsStat",
];
/// NFS 3, in the server too.
pub(crate) const PROC3: &[&str] = &[
    "Null",
    "GetAttr",
    "SetAttr",
    "Lookup",
    "Access",
    "ReadLink",
    "Read",
    "Write",
    "Create",
    "MkDir",
    "SymLink",
    "MkNod",
    "Remove",
    "RmDir",
    "Rename",
    "Link",
    "ReadDir",
    "ReadDirPlus",
    "FsStat",
    "FsInfo",
    "PathConf",
    "Commit",
];
/// The client's procedures of NFS 4.
const PROC4: &[&str] = &[
    "Null",
    "Read",
    "Write",
    "Commit",
    "Open",
    "OpenConfirm",
    "OpenNoattr",
    "OpenDowngrade",
    "Close",
    "Setattr",
    "FsInfo",
    "Renew",
    "SetClientID",
    "SetClientIDConfirm",
    "Lock",
    "Lockt",
    "Locku",
    "Access",
    "Getattr",
    "Lookup",
    "LookupRoot",
    "Remove",
    "Rename",
    "Link",
    "Symlink",
    "Create",
    "Pathconf",
    "StatFs",
    "ReadLink",
    "ReadDir",
    "ServerCaps",
    "DelegReturn",
    "GetACL",
    "SetACL",
    "FsLocations",
    "ReleaseLockowner",
    "Secinfo",
    "FsidPresent",
    "ExchangeID",
    "CreateSession",
    "DestroySession",
    "Sequence",
    "GetLeaseTime",
    "ReclaimComplete",
    "GetDeviceInfo",
    "LayoutGet",
    "LayoutCommit",
    "LayoutReturn",
    "SecinfoNoName",
    "TestStateID",
    "FreeStateID",
    "GetDeviceList",
    "BindConnToSession",
    "DestroyClientID",
    "Seek",
    "Allocate",
    "DeAllocate",
    "LayoutStats",
    "Clone",
];

struct Nfs {
    file: Kept,
}

impl Collector for Nfs {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let file = self.file.read().map_err(Error::or_no_data)?;
        with_defaults(&file, &DEFAULTS, |line| expose(&file, line, out))
    }
}

/// Calls `each` with every line, then with the defaults whose key no line had.
pub(crate) fn with_defaults(
    file: &Text<'_>,
    defaults: &[&str],
    mut each: impl FnMut(&str) -> Result<()>,
) -> Result<()> {
    let mut faults = Faults::default();
    let mut missing = defaults.to_vec();
    for line in file.lines() {
        missing.retain(|default| key(default) != key(line));
        faults.ok(each(line));
    }
    for line in missing {
        faults.ok(each(line));
    }
    faults.finish()
}

/// What a kernel without such a line stands for, as `node_exporter` has it.
const DEFAULTS: [&str; 5] = ["net 0 0 0 0", "rpc 0 0 0", "proc2 0", "proc3 0", "proc4 0"];

fn expose(file: &Text<'_>, line: &str, out: &mut Writer) -> Result<()> {
    match key(line) {
        "proc2" => procedures(&REQUESTS, file, line, "2", PROC2, out)?,
        "proc3" => procedures(&REQUESTS, file, line, "3", PROC3, out)?,
        "proc4" => procedures(&REQUESTS, file, line, "4", PROC4, out)?,
        "net" => {
            let [_, udp, tcp, connections] = *numbers(file, line)?.as_slice() else {
                return Err(file.bad("expected four numbers", line));
            };
            out.family(&PACKETS, |s| {
                s.row(&["udp"], udp);
                s.row(&["tcp"], tcp);
            });
            out.family(&CONNECTIONS, |s| s.value(connections));
        }
        "rpc" => {
            for (family, number) in RPC.iter().zip(numbers(file, line)?) {
                out.family(family, |s| s.value(number));
            }
        }
        _ => {}
    }
    Ok(())
}

/// A line's first word.
pub(crate) fn key(line: &str) -> &str {
    line.split_ascii_whitespace().next().unwrap_or_default()
}

/// The numbers after a line's key.
pub(crate) fn numbers(file: &Text<'_>, line: &str) -> Result<Vec<u64>> {
    let words = line.split_ascii_whitespace().skip(1);
    words.map(|word| file.parse(Some(word), "expected numbers", line)).collect()
}

/// A line of procedures: the key, how many there are, and as many counters. An empty name is left
/// out.
pub(crate) fn procedures(
    family: &Family,
    file: &Text<'_>,
    line: &str,
    proto: &str,
    names: &[&str],
    out: &mut Writer,
) -> Result<()> {
    let numbers = numbers(file, line)?;
    let Some((count, numbers)) = numbers.split_first() else {
        return Err(file.bad("expected a number of procedures", line));
    };
    if *count != numbers.len() as u64 {
        return Err(file.bad("expected as many numbers as the first one says", line));
    }
    out.family(family, |s| {
        let numbers = numbers.iter().copied().chain(std::iter::repeat(0));
        for (name, number) in names.iter().zip(numbers).filter(|(name, _)| !name.is_empty()) {
            s.row(&[proto, name], number);
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use collect::testing::{expose, samples};
    use expect_test::expect;

    fn nonzero(text: &str) -> String {
        text.lines().filter(|l| !l.ends_with(" 0")).map(|l| l.to_owned() + "\n").collect()
    }

    #[test]
    fn client() {
        let files = [(
            "proc/net/rpc/nfs",
            "net 1 2 3 4\nproc2 18 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18\n\
             proc4 3 40 41 42\nproc5 1 1\n",
        )];
        let text = samples(&expose(&super::SPEC, &files));
        expect![[r#"
            node_nfs_connections_total 4
            node_nfs_packets_total{protocol="udp"} 2
            node_nfs_packets_total{protocol="tcp"} 3
            node_nfs_requests_total{proto="2",method="Null"} 1
            node_nfs_requests_total{proto="2",method="GetAttr"} 2
            node_nfs_requests_total{proto="2",method="SetAttr"} 3
            node_nfs_requests_total{proto="2",method="Root"} 4
            node_nfs_requests_total{proto="2",method="Lookup"} 5
            node_nfs_requests_total{proto="2",method="ReadLink"} 6
            node_nfs_requests_total{proto="2",method="Read"} 7
            node_nfs_requests_total{proto="2",method="WrCache"} 8
            node_nfs_requests_total{proto="2",method="Write"} 9
            node_nfs_requests_total{proto="2",method="Create"} 10
            node_nfs_requests_total{proto="2",method="Remove"} 11
            node_nfs_requests_total{proto="2",method="Rename"} 12
            node_nfs_requests_total{proto="2",method="Link"} 13
            node_nfs_requests_total{proto="2",method="SymLink"} 14
            node_nfs_requests_total{proto="2",method="MkDir"} 15
            node_nfs_requests_total{proto="2",method="RmDir"} 16
            node_nfs_requests_total{proto="2",method="ReadDir"} 17
            node_nfs_requests_total{proto="2",method="FsStat"} 18
            node_nfs_requests_total{proto="4",method="Null"} 40
            node_nfs_requests_total{proto="4",method="Read"} 41
            node_nfs_requests_total{proto="4",method="Write"} 42
        "#]]
        .assert_eq(&nonzero(&text));
        assert_eq!(text.matches("proto=\"4\"").count(), super::PROC4.len());
    }

    #[test]
    fn torn() {
        let files = [(
            "proc/net/rpc/nfs",
            "net 1 2 3\nrpc 5 x\nproc3 22 1 2\nproc2\nproc4 18446744073709551616\nrpc",
        )];
        expect![[r#"
            error: /proc/net/rpc/nfs: expected four numbers: "net 1 2 3" (and 4 more)
        "#]]
        .assert_eq(&nonzero(&samples(&expose(&super::SPEC, &files))));
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: no data: /proc/net/rpc/nfs does not exist
        "#]]
        .assert_eq(&expose(&super::SPEC, &[]));
    }
}
