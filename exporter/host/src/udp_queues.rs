//! `/proc/net/udp` and `/proc/net/udp6`: bytes that wait in the queues of all UDP sockets of the
//! exporter's network namespace, in hexadecimal as `tx:rx`.

use collect::{Collector, Error, Faults, Kept, Result, Spec, Text};
use exposition::{Family, Writer};

pub(crate) static SPEC: Spec = Spec {
    name: "udp_queues",
    doc: "Bytes in the queues of UDP sockets.",
    default: true,
    families: &[FAMILIES],
    opts: &[],
    build: |cx| {
        // To say that nothing follows, the kernel would walk its table of sockets again.
        let file = |rel: &str| cx.proc.keep(rel).with_records(LINE);
        Ok(Box::new(UdpQueues([("v4", file("net/udp")), ("v6", file("net/udp6"))])))
    },
};

static FAMILIES: &[Family] = &[Family::gauge(
    "node_udp_queues",
    "Bytes that wait in the queues of UDP sockets.",
    &["queue", "ip"],
)];

/// Lines are 127 bytes in `udp` and some 170 in `udp6`.
const LINE: usize = 512;

struct UdpQueues([(&'static str, Kept); 2]);

impl Collector for UdpQueues {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let mut faults = Faults::default();
        let mut queues = [None, None];
        for ((_, file), queue) in self.0.iter_mut().zip(&mut queues) {
            match file.read() {
                Ok(text) => *queue = Some(sum(text, &mut faults)),
                Err(error) if error.is_not_found() => {}
                Err(error) => faults.note(error),
            }
        }
        for family in FAMILIES {
            out.family(family, |s| {
                for ((ip, _), queue) in self.0.iter().zip(queues) {
                    let Some((tx, rx)) = queue else { continue };
                    s.row(&["tx", ip], tx);
                    s.row(&["rx", ip], rx);
                }
            });
        }
        faults.finish()?;
        if queues == [None, None] {
            return Err(Error::no_data("/proc/net/udp does not exist"));
        }
        Ok(())
    }
}

/// Bytes that wait to be sent and to be received, over all sockets.
fn sum(text: Text<'_>, faults: &mut Faults) -> (u64, u64) {
    let mut sum = (0_u64, 0_u64);
    for line in text.lines().skip(1) {
        let queues = line.split_ascii_whitespace().nth(4).and_then(|field| {
            let (tx, rx) = field.split_once(':')?;
            Some((u64::from_str_radix(tx, 16).ok()?, u64::from_str_radix(rx, 16).ok()?))
        });
        match queues {
            Some((tx, rx)) => sum = (sum.0.saturating_add(tx), sum.1.saturating_add(rx)),
            None => faults.note(text.bad("expected tx:rx in the fifth column", line)),
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::SPEC;
    use collect::testing::expose;
    use expect_test::expect;

    const HEADER: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when\n";

    #[test]
    fn both() {
        let udp = format!(
            "{HEADER}   0: 00000000:0016 00000000:0000 0A 00000015:00000001 00:00000000\n   \
             1: 00000000:0016 00000000:0000 0A 00000001:00000000 00:00000000\n"
        );
        let files = [("proc/net/udp", udp.as_str()), ("proc/net/udp6", HEADER)];
        expect![[r##"
            # HELP node_udp_queues Bytes that wait in the queues of UDP sockets.
            # TYPE node_udp_queues gauge
            node_udp_queues{queue="tx",ip="v4"} 22
            node_udp_queues{queue="rx",ip="v4"} 1
            node_udp_queues{queue="tx",ip="v6"} 0
            node_udp_queues{queue="rx",ip="v6"} 0
        "##]]
        .assert_eq(&expose(&SPEC, &files));
    }

    #[test]
    fn many_pages() {
        let line = "    1: 00000000:0016 00000000:0000 0A 00000001:00000002 00:00000000\n";
        for lines in [1, 55, 60, 64, 500] {
            let udp = format!("{HEADER}{}", line.repeat(lines));
            let text = expose(&SPEC, &[("proc/net/udp", &udp)]);
            assert!(text.contains(&format!("{{queue=\"tx\",ip=\"v4\"}} {lines}\n")), "{text}");
        }
    }

    #[test]
    fn torn() {
        let udp = format!("{HEADER}   0: 00000000:0016 00000000:0000 0A 00000015\n  1: 0 0 0 1:f");
        expect![[r##"
            # HELP node_udp_queues Bytes that wait in the queues of UDP sockets.
            # TYPE node_udp_queues gauge
            node_udp_queues{queue="tx",ip="v4"} 1
            node_udp_queues{queue="rx",ip="v4"} 15
            error: /proc/net/udp: expected tx:rx in the fifth column: "   0: 00000000:0016 00000000:0000 0A 00000015"
        "##]].assert_eq(&expose(&SPEC, &[("proc/net/udp", &udp)]));
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: no data: /proc/net/udp does not exist
        "#]]
        .assert_eq(&expose(&SPEC, &[]));
    }
}
