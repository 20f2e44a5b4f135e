//! `/proc/net/rpc/nfsd`: what this machine's NFS server was asked and has done.
//!
//! Counters by protocol version and procedure, in the order of the kernel's tables; bytes of `io` as
//! they are.

use crate::nfs::{PROC2, PROC3, key, numbers, procedures, with_defaults};
use collect::{Collector, Error, Kept, Result, Spec, Text};
use exposition::{Family, Writer};

pub(crate) static SPEC: Spec = Spec {
    name: "nfsd",
    doc: "Requests to this machine's NFS server.",
    default: true,
    families: &[
        &REPLY_CACHE,
        &FILE_HANDLES,
        &DISK,
        &THREADS,
        &READ_AHEAD,
        &[PACKETS],
        &CONNECTIONS,
        &RPCS,
        &[RPC_ERRORS, REQUESTS],
    ],
    opts: &[],
    build: |cx| Ok(Box::new(Nfsd { file: cx.proc.keep("net/rpc/nfsd") })),
};

static REPLY_CACHE: [Family; 3] = [
    Family::counter("node_nfsd_reply_cache_hits_total", "Answers from the reply cache.", &[]),
    Family::counter("node_nfsd_reply_cache_misses_total", "Answers put in the reply cache.", &[]),
    Family::counter("node_nfsd_reply_cache_nocache_total", "Answers that are never cached.", &[]),
];
static FILE_HANDLES: [Family; 1] =
    [Family::counter("node_nfsd_file_handles_stale_total", "Stale file handles.", &[])];
static DISK: [Family; 2] = [
    Family::counter("node_nfsd_disk_bytes_read_total", "Bytes read for clients.", &[]),
    Family::counter("node_nfsd_disk_bytes_written_total", "Bytes written for clients.", &[]),
];
static THREADS: [Family; 1] =
    [Family::gauge("node_nfsd_server_threads", "Threads of the server.", &[])];
static READ_AHEAD: [Family; 2] = [
    Family::gauge("node_nfsd_read_ahead_cache_size_blocks", "Size of the read-ahead cache.", &[]),
    Family::counter(
        "node_nfsd_read_ahead_cache_not_found_total",
        "Reads that the read-ahead cache did not have.",
        &[],
    ),
];
const PACKETS: Family =
    Family::counter("node_nfsd_packets_total", "Packets by transport protocol.", &["proto"]);
static CONNECTIONS: [Family; 1] =
    [Family::counter("node_nfsd_connections_total", "TCP connections taken.", &[])];
static RPCS: [Family; 1] =
    [Family::counter("node_nfsd_server_rpcs_total", "Remote procedure calls.", &[])];
const RPC_ERRORS: Family =
    Family::counter("node_nfsd_rpc_errors_total", "Calls that were refused, by error.", &["error"]);
const REQUESTS: Family = Family::counter(
    "node_nfsd_requests_total",
    "Requests by protocol version and procedure.",
    &["proto", "method"],
);

/// The server's operations of NFS 4; an empty name has no series.
const OPS4: &[&str] = &[
    "",
    "",
    "",
    "Access",
    "Close",
    "Commit",
    "Create",
    "DelegPurge",
    "DelegReturn",
    "GetAttr",
    "GetFH",
    "Link",
    "Lock",
    "Lockt",
    "Locku",
    "Lookup",
    "LookupRoot",
    "Nverify",
    "Open",
    "OpenAttr",
    "OpenConfirm",
    "OpenDgrd",
    "PutFH",
    "",
    "",
    "Read",
    "ReadDir",
    "ReadLink",
    "Remove",
    "Rename",
    "Renew",
    "RestoreFH",
    "SaveFH",
    "SecInfo",
    "SetAttr",
    "SetClientID",
    "SetClientIDConfirm",
    "Verify",
    "Write",
    "RelLockOwner",
];

struct Nfsd {
    file: Kept,
}

impl Collector for Nfsd {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let file = self.file.read().map_err(Error::or_no_data)?;
        with_defaults(&file, &DEFAULTS, |line| expose(&file, line, out))
    }
}

/// What a kernel without such a line stands for, as `node_exporter` has it: `ra` went with Linux
/// 5.4, `proc2` goes with the option for NFS 2, `wdeleg_getattr` came with 6.6.
const DEFAULTS: [&str; 11] = [
    "rc 0 0 0",
    "fh 0",
    "io 0 0",
    "th 0",
    "ra 0 0",
    "net 0 0 0 0",
    "rpc 0 0 0 0 0",
    "proc2 0",
    "proc3 0",
    "proc4ops 0",
    "wdeleg_getattr 0",
];

fn expose(file: &Text<'_>, line: &str, out: &mut Writer) -> Result<()> {
    match key(line) {
        // The first procedure does nothing; the peer leaves it out.
        "proc2" => return procedures(&REQUESTS, file, line, "2", &without_null(PROC2), out),
        "proc3" => return procedures(&REQUESTS, file, line, "3", &without_null(PROC3), out),
        "proc4ops" => return procedures(&REQUESTS, file, line, "4", OPS4, out),
        // The histogram after the number of threads is of seconds, and always 0.
        "th" => {
            let threads = line.split_ascii_whitespace().nth(1);
            write(&THREADS, &[file.parse(threads, "expected a number of threads", line)?], out);
            return Ok(());
        }
        "rc" | "fh" | "io" | "ra" | "net" | "rpc" | "wdeleg_getattr" => {}
        _ => return Ok(()),
    }
    match (key(line), numbers(file, line)?.as_slice()) {
        ("rc", numbers) => write(&REPLY_CACHE, numbers, out),
        ("fh", numbers) => write(&FILE_HANDLES, numbers, out),
        ("io", numbers) => write(&DISK, numbers, out),
        ("ra", [size, .., missed]) => write(&READ_AHEAD, &[*size, *missed], out),
        ("net", [_, udp, tcp, connections, ..]) => {
            out.family(&PACKETS, |s| {
                s.row(&["udp"], *udp);
                s.row(&["tcp"], *tcp);
            });
            write(&CONNECTIONS, &[*connections], out);
        }
        ("rpc", [calls, _, format, auth, client, ..]) => {
            write(&RPCS, &[*calls], out);
            out.family(&RPC_ERRORS, |s| {
                s.row(&["fmt"], *format);
                s.row(&["auth"], *auth);
                s.row(&["cInt"], *client);
            });
        }
        ("wdeleg_getattr", [number, ..]) => {
            out.family(&REQUESTS, |s| s.row(&["4", "WdelegGetattr"], *number));
        }
        _ => return Err(file.bad("expected more numbers", line)),
    }
    Ok(())
}

fn without_null(names: &[&'static str]) -> Vec<&'static str> {
    names.iter().map(|&name| if name == "Null" { "" } else { name }).collect()
}

fn write(families: &[Family], numbers: &[u64], out: &mut Writer) {
    for (family, number) in families.iter().zip(numbers) {
        out.family(family, |s| s.value(*number));
    }
}

#[cfg(test)]
mod tests {
    use collect::testing::{expose, samples};
    use expect_test::expect;

    fn nonzero(text: &str) -> String {
        text.lines().filter(|l| !l.ends_with(" 0")).map(|l| l.to_owned() + "\n").collect()
    }

    #[test]
    fn server() {
        let files = [(
            "proc/net/rpc/nfsd",
            "rc 1 2 3\nfh 4 0 0 0 0\nio 5 6\nth 8 0 0.000 0.000\nra 32 0 0 7\nnet 9 10 11 12\n\
             rpc 13 14 15 16 17\nproc2 2 18 19\nproc4 2 1 2\nproc4ops 5 0 0 0 20 21\nwdeleg_getattr 22\n",
        )];
        let text = samples(&expose(&super::SPEC, &files));
        expect![[r#"
            node_nfsd_connections_total 12
            node_nfsd_disk_bytes_read_total 5
            node_nfsd_disk_bytes_written_total 6
            node_nfsd_file_handles_stale_total 4
            node_nfsd_packets_total{proto="udp"} 10
            node_nfsd_packets_total{proto="tcp"} 11
            node_nfsd_read_ahead_cache_not_found_total 7
            node_nfsd_read_ahead_cache_size_blocks 32
            node_nfsd_reply_cache_hits_total 1
            node_nfsd_reply_cache_misses_total 2
            node_nfsd_reply_cache_nocache_total 3
            node_nfsd_requests_total{proto="2",method="GetAttr"} 19
            node_nfsd_requests_total{proto="4",method="Access"} 20
            node_nfsd_requests_total{proto="4",method="Close"} 21
            node_nfsd_requests_total{proto="4",method="WdelegGetattr"} 22
            node_nfsd_rpc_errors_total{error="fmt"} 15
            node_nfsd_rpc_errors_total{error="auth"} 16
            node_nfsd_rpc_errors_total{error="cInt"} 17
            node_nfsd_server_rpcs_total 13
            node_nfsd_server_threads 8
        "#]]
        .assert_eq(&nonzero(&text));
        assert!(!text.contains("Null"), "{text}");
    }

    #[test]
    fn torn() {
        let files = [(
            "proc/net/rpc/nfsd",
            "th\nra\nnet 1 2\nrpc 13 14\nfh x\nio 5\nproc3 2 1\nwdeleg_getattr\nproc4ops",
        )];
        expect![[r#"
            node_nfsd_disk_bytes_read_total 5
            error: /proc/net/rpc/nfsd: expected a number of threads: "th" (and 7 more)
        "#]]
        .assert_eq(&nonzero(&samples(&expose(&super::SPEC, &files))));
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: no data: /proc/net/rpc/nfsd does not exist
        "#]]
        .assert_eq(&expose(&super::SPEC, &[]));
    }
}
