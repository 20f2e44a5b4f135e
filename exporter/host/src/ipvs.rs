//! IP virtual server: `/proc/net/ip_vs` lists the virtual services with their backends,
//! `/proc/net/ip_vs_stats` has the totals. Addresses, ports and totals are hexadecimal.

use collect::{Collector, Error, Faults, Kept, Opt, Result, Spec, Text};
use exposition::{Family, Writer};
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

pub(crate) static SPEC: Spec = Spec {
    name: "ipvs",
    doc: "Traffic and backends of IP virtual servers.",
    default: true,
    families: &[&TOTALS, &BACKENDS],
    opts: &[LABELS],
    build: |cx| {
        let mut wanted = [false; 6];
        for label in cx.options.text(&LABELS).split(',').filter(|label| !label.is_empty()) {
            let known = NAMES.iter().zip(&mut wanted).find(|(name, _)| **name == label);
            let Some((_, wanted)) = known else {
                let what = format!("{label:?} is none of {}", NAMES.join(", "));
                return Err(Error::Option { option: LABELS.name.to_owned(), what });
            };
            *wanted = true;
        }
        let (services, totals) = (cx.proc.keep("net/ip_vs"), cx.proc.keep("net/ip_vs_stats"));
        Ok(Box::new(Ipvs { services, totals, wanted }))
    },
};

const LABELS: Opt = Opt::text(
    "collector.ipvs.backend-labels",
    "local_address,local_port,remote_address,remote_port,proto,local_mark",
    "Labels of backends, by comma; backends that are equal in them are added up.",
);

/// Labels of backends.
const NAMES: [&str; 6] =
    ["local_address", "local_port", "remote_address", "remote_port", "proto", "local_mark"];

static TOTALS: [Family; 5] = [
    Family::counter("node_ipvs_connections_total", "Connections made.", &[]),
    Family::counter("node_ipvs_incoming_packets_total", "Packets received.", &[]),
    Family::counter("node_ipvs_outgoing_packets_total", "Packets sent.", &[]),
    Family::counter("node_ipvs_incoming_bytes_total", "Bytes received.", &[]),
    Family::counter("node_ipvs_outgoing_bytes_total", "Bytes sent.", &[]),
];

static BACKENDS: [Family; 3] = [
    Family::gauge("node_ipvs_backend_weight", "The backend's share of new connections.", &NAMES),
    Family::gauge("node_ipvs_backend_connections_active", "Established connections.", &NAMES),
    Family::gauge("node_ipvs_backend_connections_inactive", "Other connections.", &NAMES),
];

struct Ipvs {
    services: Kept,
    totals: Kept,
    wanted: [bool; 6],
}

/// Weight, active and inactive connections by label values; a label that is not wanted is empty.
type Backends = BTreeMap<[String; 6], [u64; 3]>;

impl Collector for Ipvs {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let mut faults = Faults::default();
        let totals = self.totals.read().map_err(Error::or_no_data)?;
        faults.ok(write_totals(out, totals));
        let backends = match self.services.read() {
            Ok(services) => parse_services(services, self.wanted, &mut faults),
            Err(error) => {
                faults.note(error);
                return faults.finish();
            }
        };
        for (position, family) in BACKENDS.iter().enumerate() {
            out.family(family, |s| {
                for (values, numbers) in &backends {
                    let labels = NAMES.iter().zip(values).zip(self.wanted);
                    let labels: Vec<(&str, &str)> = labels
                        .filter_map(|((name, value), wanted)| {
                            wanted.then_some((*name, value.as_str()))
                        })
                        .collect();
                    if let Some(number) = numbers.get(position) {
                        s.sample(&labels, *number);
                    }
                }
            });
        }
        faults.finish()
    }
}

/// The third line has the five totals.
fn write_totals(out: &mut Writer, text: Text<'_>) -> Result<()> {
    let line = text.lines().nth(2).unwrap_or_default();
    let mut fields = line.split_ascii_whitespace();
    for family in &TOTALS {
        let total = fields.next().and_then(|field| u64::from_str_radix(field, 16).ok());
        let total = total.ok_or_else(|| text.bad("expected five hexadecimal totals", line))?;
        out.family(family, |s| s.value(total));
    }
    Ok(())
}

/// `TCP address:port scheduler` or `FWM mark scheduler`, then a line a backend:
/// `-> address:port forward weight active inactive`.
fn parse_services(text: Text<'_>, wanted: [bool; 6], faults: &mut Faults) -> Backends {
    let mut backends = Backends::new();
    let mut service: Option<[String; 4]> = None;
    for line in text.lines() {
        let mut fields = line.split_ascii_whitespace();
        let (first, second) = (fields.next(), fields.next().unwrap_or_default());
        match first {
            Some(proto @ ("TCP" | "UDP" | "SCTP")) => {
                let local = address(second);
                if local.is_none() {
                    faults.note(text.bad("expected address:port in hexadecimal", line));
                }
                service = local.map(|(ip, port)| {
                    [ip.to_string(), port.to_string(), proto.into(), String::new()]
                });
            }
            Some(proto @ "FWM") => {
                service = Some([String::new(), "0".into(), proto.into(), second.into()]);
            }
            Some("->") => {
                if second == "RemoteAddress:Port" {
                    continue;
                }
                let Some([local, port, proto, mark]) = &service else { continue };
                let mut number = || fields.next().and_then(|field| field.parse::<u64>().ok());
                let remote = address(second);
                let _forward = number();
                let numbers = (number(), number(), number());
                let (Some((ip, remote_port)), (Some(weight), Some(active), Some(inactive))) =
                    (remote, numbers)
                else {
                    faults.note(text.bad("expected a backend with three numbers", line));
                    continue;
                };
                let mut labels = [
                    local.clone(),
                    port.clone(),
                    ip.to_string(),
                    remote_port.to_string(),
                    proto.clone(),
                    mark.clone(),
                ];
                for (label, wanted) in labels.iter_mut().zip(wanted) {
                    if !wanted {
                        label.clear();
                    }
                }
                let sums = backends.entry(labels).or_default();
                for (sum, number) in sums.iter_mut().zip([weight, active, inactive]) {
                    *sum = sum.saturating_add(number);
                }
            }
            _ => {}
        }
    }
    backends
}

/// `C0A80016:0CEA` or `[2001:0DB8:…]:0050`.
fn address(text: &str) -> Option<(IpAddr, u16)> {
    let (ip, port) = text.rsplit_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let ip = match ip.strip_prefix('[').and_then(|ip| ip.strip_suffix(']')) {
        Some(v6) => IpAddr::V6(v6.parse::<Ipv6Addr>().ok()?),
        None if ip.len() == 8 => IpAddr::V4(Ipv4Addr::from(u32::from_str_radix(ip, 16).ok()?)),
        None => return None,
    };
    Some((ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect::testing::{expose, expose_with};
    use expect_test::expect;

    const TOTALS: &str = "   Total Incoming Outgoing         Incoming         Outgoing\n   \
         Conns  Packets  Packets            Bytes            Bytes\n      \
         1F FFFFFFFFF        0     A                0\n\n Conns/s ...\n";
    const SERVICES: &str = "IP Virtual Server version 1.2.1 (size=4096)\n\
         Prot LocalAddress:Port Scheduler Flags\n  -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n\
         TCP  0A600001:01BB rr\n  -> 0A000005:1770      Masq    1      3          4\n  \
         -> 0A000006:1770      Masq    1      5          6\n\
         UDP  [2001:0DB8:0000:0000:0000:0000:0000:0001]:0035 sh\n  \
         -> [2001:0DB8:0000:0000:0000:0000:0000:0002]:0035 Route 2 0 9\n\
         FWM  00000007 wlc\n  -> 0A000005:1770      Masq    1      1          1\n";

    #[test]
    fn services_of_every_kind() {
        let files = [("proc/net/ip_vs_stats", TOTALS), ("proc/net/ip_vs", SERVICES)];
        expect![[r##"
            # HELP node_ipvs_backend_connections_active Established connections.
            # TYPE node_ipvs_backend_connections_active gauge
            node_ipvs_backend_connections_active{local_address="",local_port="0",remote_address="10.0.0.5",remote_port="6000",proto="FWM",local_mark="00000007"} 1
            node_ipvs_backend_connections_active{local_address="10.96.0.1",local_port="443",remote_address="10.0.0.5",remote_port="6000",proto="TCP",local_mark=""} 3
            node_ipvs_backend_connections_active{local_address="10.96.0.1",local_port="443",remote_address="10.0.0.6",remote_port="6000",proto="TCP",local_mark=""} 5
            node_ipvs_backend_connections_active{local_address="2001:db8::1",local_port="53",remote_address="2001:db8::2",remote_port="53",proto="UDP",local_mark=""} 0
            # HELP node_ipvs_backend_connections_inactive Other connections.
            # TYPE node_ipvs_backend_connections_inactive gauge
            node_ipvs_backend_connections_inactive{local_address="",local_port="0",remote_address="10.0.0.5",remote_port="6000",proto="FWM",local_mark="00000007"} 1
            node_ipvs_backend_connections_inactive{local_address="10.96.0.1",local_port="443",remote_address="10.0.0.5",remote_port="6000",proto="TCP",local_mark=""} 4
            node_ipvs_backend_connections_inactive{local_address="10.96.0.1",local_port="443",remote_address="10.0.0.6",remote_port="6000",proto="TCP",local_mark=""} 6
            node_ipvs_backend_connections_inactive{local_address="2001:db8::1",local_port="53",remote_address="2001:db8::2",remote_port="53",proto="UDP",local_mark=""} 9
            # HELP node_ipvs_backend_weight The backend's share of new connections.
            # TYPE node_ipvs_backend_weight gauge
            node_ipvs_backend_weight{local_address="",local_port="0",remote_address="10.0.0.5",remote_port="6000",proto="FWM",local_mark="00000007"} 1
            node_ipvs_backend_weight{local_address="10.96.0.1",local_port="443",remote_address="10.0.0.5",remote_port="6000",proto="TCP",local_mark=""} 1
            node_ipvs_backend_weight{local_address="10.96.0.1",local_port="443",remote_address="10.0.0.6",remote_port="6000",proto="TCP",local_mark=""} 1
            node_ipvs_backend_weight{local_address="2001:db8::1",local_port="53",remote_address="2001:db8::2",remote_port="53",proto="UDP",local_mark=""} 2
            # HELP node_ipvs_connections_total Connections made.
            # TYPE node_ipvs_connections_total counter
            node_ipvs_connections_total 31
            # HELP node_ipvs_incoming_bytes_total Bytes received.
            # TYPE node_ipvs_incoming_bytes_total counter
            node_ipvs_incoming_bytes_total 10
            # HELP node_ipvs_incoming_packets_total Packets received.
            # TYPE node_ipvs_incoming_packets_total counter
            node_ipvs_incoming_packets_total 68719476735
            # HELP node_ipvs_outgoing_bytes_total Bytes sent.
            # TYPE node_ipvs_outgoing_bytes_total counter
            node_ipvs_outgoing_bytes_total 0
            # HELP node_ipvs_outgoing_packets_total Packets sent.
            # TYPE node_ipvs_outgoing_packets_total counter
            node_ipvs_outgoing_packets_total 0
        "##]].assert_eq(&expose(&SPEC, &files));
    }

    #[test]
    fn fewer_labels_add_up() {
        let files = [("proc/net/ip_vs_stats", TOTALS), ("proc/net/ip_vs", SERVICES)];
        let options = [("collector.ipvs.backend-labels", "proto,local_address")];
        expect![[r##"
            # HELP node_ipvs_backend_connections_active Established connections.
            # TYPE node_ipvs_backend_connections_active gauge
            node_ipvs_backend_connections_active{local_address="",proto="FWM"} 1
            node_ipvs_backend_connections_active{local_address="10.96.0.1",proto="TCP"} 8
            node_ipvs_backend_connections_active{local_address="2001:db8::1",proto="UDP"} 0
            # HELP node_ipvs_backend_connections_inactive Other connections.
            # TYPE node_ipvs_backend_connections_inactive gauge
            node_ipvs_backend_connections_inactive{local_address="",proto="FWM"} 1
            node_ipvs_backend_connections_inactive{local_address="10.96.0.1",proto="TCP"} 10
            node_ipvs_backend_connections_inactive{local_address="2001:db8::1",proto="UDP"} 9
            # HELP node_ipvs_backend_weight The backend's share of new connections.
            # TYPE node_ipvs_backend_weight gauge
            node_ipvs_backend_weight{local_address="",proto="FWM"} 1
            node_ipvs_backend_weight{local_address="10.96.0.1",proto="TCP"} 2
            node_ipvs_backend_weight{local_address="2001:db8::1",proto="UDP"} 2
            # HELP node_ipvs_connections_total Connections made.
            # TYPE node_ipvs_connections_total counter
            node_ipvs_connections_total 31
            # HELP node_ipvs_incoming_bytes_total Bytes received.
            # TYPE node_ipvs_incoming_bytes_total counter
            node_ipvs_incoming_bytes_total 10
            # HELP node_ipvs_incoming_packets_total Packets received.
            # TYPE node_ipvs_incoming_packets_total counter
            node_ipvs_incoming_packets_total 68719476735
            # HELP node_ipvs_outgoing_bytes_total Bytes sent.
            # TYPE node_ipvs_outgoing_bytes_total counter
            node_ipvs_outgoing_bytes_total 0
            # HELP node_ipvs_outgoing_packets_total Packets sent.
            # TYPE node_ipvs_outgoing_packets_total counter
            node_ipvs_outgoing_packets_total 0
        "##]]
        .assert_eq(&expose_with(&SPEC, &files, &options));
    }

    #[test]
    fn torn() {
        let services = "TCP  0A600001 rr\n  -> 0A000005:1770 Masq 1 3 4\nTCP 0A600001:0050\n  \
             -> 0A00000é:1770 Masq 1 3 4\n  -> 0A000005:1770 Masq 1 3\n";
        let files = [("proc/net/ip_vs_stats", "a\nb\n1 2 x\n"), ("proc/net/ip_vs", services)];
        expect![[r##"
            # HELP node_ipvs_connections_total Connections made.
            # TYPE node_ipvs_connections_total counter
            node_ipvs_connections_total 1
            # HELP node_ipvs_incoming_packets_total Packets received.
            # TYPE node_ipvs_incoming_packets_total counter
            node_ipvs_incoming_packets_total 2
            error: /proc/net/ip_vs_stats: expected five hexadecimal totals: "1 2 x" (and 3 more)
        "##]]
        .assert_eq(&expose(&SPEC, &files));
    }

    #[test]
    fn absent_or_wrong() {
        expect![[r#"
            error: no data: /proc/net/ip_vs_stats does not exist
        "#]]
        .assert_eq(&expose(&SPEC, &[]));
        let options = [("collector.ipvs.backend-labels", "proto,remote")];
        expect![[r#"
            error: --collector.ipvs.backend-labels: "remote" is none of local_address, local_port, remote_address, remote_port, proto, local_mark
        "#]].assert_eq(&expose_with(&SPEC, &[], &options));
    }
}
