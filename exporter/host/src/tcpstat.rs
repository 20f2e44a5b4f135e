//! TCP sockets by state and the bytes in their queues: a dump of all sockets from `NETLINK_SOCK_DIAG`,
//! one message each, for IPv4 and IPv6 together. A listening socket's queues are its backlog.

use crate::netlink::{self, Message, Netlink};
use collect::{Collector, Result, Root, Spec};
use exposition::{Family, Writer};

pub(crate) static SPEC: Spec = Spec {
    name: "tcpstat",
    doc: "TCP sockets by state.",
    default: false,
    families: &[&STATES],
    opts: &[],
    build: |cx| {
        let netlink = Netlink::new(netlink::Family::SockDiag);
        Ok(Box::new(Tcpstat { netlink, proc: cx.proc.clone() }))
    },
};

static STATES: [Family; 1] = [Family::gauge(
    "node_tcp_connection_states",
    "TCP sockets in each state, and bytes in their queues.",
    &["state"],
)];

struct Tcpstat {
    netlink: Netlink,
    proc: Root,
}

/// States by the kernel's number, from 1.
const NAMES: [&str; 11] = [
    "established",
    "syn_sent",
    "syn_recv",
    "fin_wait1",
    "fin_wait2",
    "time_wait",
    "close",
    "close_wait",
    "last_ack",
    "listen",
    "closing",
];

#[derive(Default)]
struct Sockets {
    states: [u64; NAMES.len()],
    received: u64,
    sent: u64,
}

const SOCK_DIAG_BY_FAMILY: u16 = 20;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const IPPROTO_TCP: u8 = 6;
/// Bytes of `struct inet_diag_req_v2`.
const REQUEST: usize = 56;

impl Collector for Tcpstat {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let mut sockets = Sockets::default();
        let families: &[u8] =
            if self.proc.exists("net/tcp6") { &[AF_INET, AF_INET6] } else { &[AF_INET] };
        for family in families {
            let mut request = [0; REQUEST];
            request[0] = *family;
            request[1] = IPPROTO_TCP;
            request[4..8].copy_from_slice(&0xfffu32.to_ne_bytes()); // all states
            let more: Sockets =
                self.netlink.dump("SOCK_DIAG_BY_FAMILY", SOCK_DIAG_BY_FAMILY, &request, count)?;
            sockets.add(&more);
        }
        let [family] = &STATES;
        out.family(family, |s| {
            for (name, count) in NAMES.iter().zip(sockets.states) {
                if count > 0 {
                    s.row(&[name], count);
                }
            }
            s.row(&["rx_queued_bytes"], sockets.received);
            s.row(&["tx_queued_bytes"], sockets.sent);
        });
        Ok(())
    }
}

// === impl Sockets ===

impl Sockets {
    fn add(&mut self, more: &Self) {
        for (sum, count) in self.states.iter_mut().zip(more.states) {
            *sum = sum.saturating_add(count);
        }
        self.received = self.received.saturating_add(more.received);
        self.sent = self.sent.saturating_add(more.sent);
    }
}

/// `struct inet_diag_msg`
fn count(sockets: &mut Sockets, message: Message<'_>) {
    let (Some(state), Some(received), Some(sent)) =
        (message.u8(1), message.u32(56), message.u32(60))
    else {
        return;
    };
    if let Some(count) = sockets.states.get_mut(usize::from(state).wrapping_sub(1)) {
        *count = count.saturating_add(1);
    }
    sockets.received = sockets.received.saturating_add(received.into());
    sockets.sent = sockets.sent.saturating_add(sent.into());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_by_state() {
        let mut sockets = Sockets::default();
        for (state, received, sent) in [(1u8, 5u32, 6u32), (10, 1, 4096), (0, 0, 1), (200, 0, 1)] {
            let mut body = vec![2, state];
            body.resize(72, 0);
            body[56..60].copy_from_slice(&received.to_ne_bytes());
            body[60..64].copy_from_slice(&sent.to_ne_bytes());
            count(&mut sockets, Message { kind: SOCK_DIAG_BY_FAMILY, body: &body });
            count(&mut sockets, Message { kind: SOCK_DIAG_BY_FAMILY, body: &body[..62] });
        }
        assert_eq!(sockets.states, [1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
        assert_eq!((sockets.received, sockets.sent), (6, 4104));
    }
}
