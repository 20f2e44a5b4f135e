//! `/proc/net/netstat`, `/proc/net/snmp` and `/proc/net/snmp6`: the counters of IP, ICMP, TCP and
//! UDP, one family each: `node_netstat_<protocol>_<field>`. They are those of the network namespace
//! that the exporter runs in.

use crate::{number::Whole, rows::Rows};
use collect::{Collector, Faults, Filter, Kept, Opt, Result, Spec, Text};
use exposition::{Family, Kind, Writer};

pub(crate) static SPEC: Spec = Spec {
    name: "netstat",
    doc: "Counters of IP, ICMP, TCP and UDP.",
    default: true,
    families: &[PATTERNS],
    opts: &[FIELDS],
    build: |cx| {
        Ok(Box::new(Netstat {
            tables: [cx.proc.keep("net/netstat"), cx.proc.keep("net/snmp")],
            rows6: cx.proc.keep("net/snmp6"),
            names: Names {
                filter: Filter::including(&cx.options, &FIELDS)?,
                headers: Rows::new(),
                rows6: Rows::new(),
            },
        }))
    },
};

const FIELDS: Opt = Opt::text(
    "collector.netstat.fields",
    "^(.*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)|\
     Icmp6?_(InMsgs|OutMsgs)|TcpExt_(Listen.*|Syncookies.*|TCPSynRetrans|TCPTimeouts|TCPOFOQueue|TCPRcvQDrop)|\
     Tcp_(ActiveOpens|InSegs|OutSegs|OutRsts|PassiveOpens|RetransSegs|CurrEstab)|\
     Udp6?_(InDatagrams|OutDatagrams|NoPorts|RcvbufErrors|SndbufErrors))$",
    "Fields to expose, a regular expression over <protocol>_<field>.",
);

static PATTERNS: &[Family] =
    &[Family::untyped("node_netstat_*", "A counter of one network protocol.", &[])];

struct Netstat {
    tables: [Kept; 2],
    rows6: Kept,
    names: Names,
}

struct Names {
    filter: Filter,
    /// The wanted columns of a protocol by its whole header line, which changes with the kernel
    /// only.
    headers: Rows<Vec<(usize, Family)>>,
    rows6: Rows<Option<Family>>,
}

impl Collector for Netstat {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let mut faults = Faults::default();
        self.names.headers.rewind();
        for file in &mut self.tables {
            let table = file.read();
            if let Some(text) = faults.ok(table) {
                self.names.table(text, out, &mut faults);
            }
        }
        match self.rows6.read() {
            Ok(text) => self.names.rows(text, out, &mut faults),
            // IPv6 is switched off.
            Err(error) if error.is_not_found() => {}
            Err(error) => faults.note(error),
        }
        faults.finish()
    }
}

// === impl Names ===

impl Names {
    /// Pairs of lines: the names of a protocol's fields, then their numbers.
    fn table(&mut self, text: Text<'_>, out: &mut Writer, faults: &mut Faults) {
        let mut lines = text.lines();
        while let Some(header) = lines.next() {
            let values = lines.next().unwrap_or_default();
            let protocol = header.split_once(':').map(|(protocol, _)| protocol);
            let mut numbers = values.split_ascii_whitespace();
            let (Some(protocol), Some(true)) =
                (protocol, numbers.next().map(|n| n.strip_suffix(':') == protocol))
            else {
                faults.note(text.bad("expected two lines of the same protocol", header));
                return;
            };
            let filter = &mut self.filter;
            let columns = self.headers.get(header, || columns(protocol, header, filter));
            let mut at = 0;
            for (column, family) in columns.into_iter().flatten() {
                let number = numbers.nth(*column - at).and_then(Whole::parse);
                at = *column + 1;
                let Some(number) = number else {
                    faults.note(text.bad("expected a number a field", values));
                    break;
                };
                out.family(family, |s| s.value(number));
            }
        }
    }

    /// Lines of a name and a number; the name starts with a protocol that ends in 6.
    fn rows(&mut self, text: Text<'_>, out: &mut Writer, faults: &mut Faults) {
        self.rows6.rewind();
        for line in text.lines() {
            let mut fields = line.split_ascii_whitespace();
            let Some(row) = fields.next() else { continue };
            let family = self.rows6.get(row, || {
                let (protocol, field) = row.split_once('6')?;
                let name = format!("{protocol}6_{field}");
                self.filter.keeps(&name).then(|| family(&name))
            });
            let Some(Some(family)) = family else { continue };
            match fields.next().and_then(Whole::parse) {
                Some(number) => out.family(family, |s| s.value(number)),
                None => faults.note(text.bad("expected a name and a number", line)),
            }
        }
    }
}

fn columns(protocol: &str, header: &str, filter: &mut Filter) -> Vec<(usize, Family)> {
    let mut columns = Vec::new();
    for (column, field) in header.split_ascii_whitespace().skip(1).enumerate() {
        let name = format!("{protocol}_{field}");
        if filter.keeps(&name) {
            columns.push((column, family(&name)));
        }
    }
    columns
}

fn family(name: &str) -> Family {
    let help = format!("Counter {name} of the kernel's network protocols.");
    Family::dynamic(Kind::Untyped, &format!("node_netstat_{name}"), help, &[])
}

#[cfg(test)]
mod tests {
    use super::SPEC;
    use collect::testing::{expose, expose_with};
    use expect_test::expect;

    const NETSTAT: &str = "TcpExt: SyncookiesSent TW ListenDrops\nTcpExt: 5 7 9\n";
    const SNMP: &str = "Ip: Forwarding DefaultTTL InReceives\nIp: 1 64 5\n\
        Tcp: RtoAlgorithm MaxConn InErrs\nTcp: 1 -1 3\n";
    const SNMP6: &str = "Ip6InReceives                   \t7\nIp6InOctets   \t460\n";

    fn files<'a>(netstat: &'a str, snmp: &'a str, snmp6: &'a str) -> [(&'a str, &'a str); 3] {
        [("proc/net/netstat", netstat), ("proc/net/snmp", snmp), ("proc/net/snmp6", snmp6)]
    }

    #[test]
    fn default_fields() {
        expect![[r#"
            # HELP node_netstat_Ip6_InOctets Counter Ip6_InOctets of the kernel's network protocols.
            # TYPE node_netstat_Ip6_InOctets untyped
            node_netstat_Ip6_InOctets 460
            # HELP node_netstat_Ip_Forwarding Counter Ip_Forwarding of the kernel's network protocols.
            # TYPE node_netstat_Ip_Forwarding untyped
            node_netstat_Ip_Forwarding 1
            # HELP node_netstat_TcpExt_ListenDrops Counter TcpExt_ListenDrops of the kernel's network protocols.
            # TYPE node_netstat_TcpExt_ListenDrops untyped
            node_netstat_TcpExt_ListenDrops 9
            # HELP node_netstat_TcpExt_SyncookiesSent Counter TcpExt_SyncookiesSent of the kernel's network protocols.
            # TYPE node_netstat_TcpExt_SyncookiesSent untyped
            node_netstat_TcpExt_SyncookiesSent 5
            # HELP node_netstat_Tcp_InErrs Counter Tcp_InErrs of the kernel's network protocols.
            # TYPE node_netstat_Tcp_InErrs untyped
            node_netstat_Tcp_InErrs 3
        "#]].assert_eq(&expose(&SPEC, &files(NETSTAT, SNMP, SNMP6)));
    }

    #[test]
    fn chosen_fields_without_ipv6() {
        let files = files(NETSTAT, SNMP, SNMP6);
        let options = [("collector.netstat.fields", "_(MaxConn|TW|InReceives)$")];
        expect![[r#"
            # HELP node_netstat_Ip_InReceives Counter Ip_InReceives of the kernel's network protocols.
            # TYPE node_netstat_Ip_InReceives untyped
            node_netstat_Ip_InReceives 5
            # HELP node_netstat_TcpExt_TW Counter TcpExt_TW of the kernel's network protocols.
            # TYPE node_netstat_TcpExt_TW untyped
            node_netstat_TcpExt_TW 7
            # HELP node_netstat_Tcp_MaxConn Counter Tcp_MaxConn of the kernel's network protocols.
            # TYPE node_netstat_Tcp_MaxConn untyped
            node_netstat_Tcp_MaxConn -1
        "#]].assert_eq(&expose_with(&SPEC, &files[..2], &options));
    }

    #[test]
    fn torn() {
        let snmp =
            "Ip: Forwarding DefaultTTL\nIp: x 64\nTcp: RtoMin InErrs\nTcp: 1\nUdp: InErrors\n";
        let text = expose(&SPEC, &files("TcpExt: ListenDrops\nIpExt: 5\n", snmp, "Ip6InOctets\n"));
        expect![[r#"
            error: /proc/net/netstat: expected two lines of the same protocol: "TcpExt: ListenDrops" (and 4 more)
        "#]].assert_eq(&text);
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: read /proc/net/netstat: No such file or directory (os error 2) (and 1 more)
        "#]]
        .assert_eq(&expose(&SPEC, &[]));
    }
}
