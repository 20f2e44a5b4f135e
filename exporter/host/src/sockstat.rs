//! `/proc/net/sockstat` and `/proc/net/sockstat6`: sockets by protocol and state in the exporter's
//! network namespace. Rows `mem` are pages; they are exposed as they are and in bytes.

use crate::{number::Whole, rows::Rows};
use collect::{Collector, Error, Faults, Kept, Result, Spec, Text};
use exposition::{Family, Kind, Writer};

pub(crate) static SPEC: Spec = Spec {
    name: "sockstat",
    doc: "Sockets by protocol and state.",
    default: true,
    families: &[PATTERNS],
    opts: &[],
    build: |cx| {
        Ok(Box::new(Sockstat {
            files: [cx.proc.keep("net/sockstat"), cx.proc.keep("net/sockstat6")],
            states: States { rows: Rows::new(), name: String::new() },
        }))
    },
};

static PATTERNS: &[Family] =
    &[Family::gauge("node_sockstat_*", "Sockets of one protocol in one state.", &[])];

struct Sockstat {
    files: [Kept; 2],
    states: States,
}

struct States {
    rows: Rows<State>,
    /// The name being looked up.
    name: String,
}

struct State {
    family: Family,
    /// The same in bytes, where the state counts pages.
    bytes: Option<Family>,
}

impl Collector for Sockstat {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let mut faults = Faults::default();
        let mut any = false;
        self.states.rows.rewind();
        for file in &mut self.files {
            match file.read() {
                Ok(text) => {
                    any = true;
                    self.states.collect(text, out, &mut faults);
                }
                // No IPv4, or no IPv6.
                Err(error) if error.is_not_found() => {}
                Err(error) => faults.note(error),
            }
        }
        faults.finish()?;
        if any { Ok(()) } else { Err(Error::no_data("/proc/net/sockstat does not exist")) }
    }
}

// === impl States ===

impl States {
    fn collect(&mut self, text: Text<'_>, out: &mut Writer, faults: &mut Faults) {
        for line in text.lines() {
            let Some((protocol, states)) = line.split_once(':') else {
                faults.note(text.bad("expected a protocol and a colon", line));
                continue;
            };
            let mut fields = states.split_ascii_whitespace();
            while let Some(state) = fields.next() {
                let Some(number) = fields.next().and_then(Whole::parse) else {
                    faults.note(text.bad("expected pairs of a state and a number", line));
                    break;
                };
                self.name.clear();
                self.name.extend([protocol, "_", state]);
                let row = self.rows.get(&self.name, || State::new(protocol, state));
                let Some(row) = row else { continue };
                out.family(&row.family, |s| s.value(number));
                if let (Some(family), Whole::Positive(pages)) = (&row.bytes, number) {
                    let size = rustix::param::page_size() as u64;
                    out.family(family, |s| s.value(pages.saturating_mul(size)));
                }
            }
        }
    }
}

// === impl State ===

impl State {
    fn new(protocol: &str, state: &str) -> Self {
        let family = |suffix: &str, help: String| {
            let name = format!("node_sockstat_{protocol}_{state}{suffix}");
            Family::dynamic(Kind::Gauge, &name, help, &[])
        };
        let help = match (protocol, state) {
            ("sockets", "used") => "Sockets in use, of any protocol.".to_owned(),
            (_, "mem") => format!("Pages of memory that {protocol} sockets take."),
            (_, "memory") => format!("Bytes of memory that {protocol} takes."),
            _ => format!("{protocol} sockets in state {state}."),
        };
        let bytes = (state == "mem")
            .then(|| family("_bytes", format!("Memory that {protocol} sockets take.")));
        Self { family: family("", help), bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::SPEC;
    use collect::testing::expose;
    use expect_test::expect;

    #[test]
    fn both() {
        let files = [
            (
                "proc/net/sockstat",
                "sockets: used 229\nUDP: inuse 1 mem 0\nFRAG: inuse 0 memory 4\n",
            ),
            ("proc/net/sockstat6", "TCP6: inuse 17\n"),
        ];
        expect![[r#"
            # HELP node_sockstat_FRAG_inuse FRAG sockets in state inuse.
            # TYPE node_sockstat_FRAG_inuse gauge
            node_sockstat_FRAG_inuse 0
            # HELP node_sockstat_FRAG_memory Bytes of memory that FRAG takes.
            # TYPE node_sockstat_FRAG_memory gauge
            node_sockstat_FRAG_memory 4
            # HELP node_sockstat_TCP6_inuse TCP6 sockets in state inuse.
            # TYPE node_sockstat_TCP6_inuse gauge
            node_sockstat_TCP6_inuse 17
            # HELP node_sockstat_UDP_inuse UDP sockets in state inuse.
            # TYPE node_sockstat_UDP_inuse gauge
            node_sockstat_UDP_inuse 1
            # HELP node_sockstat_UDP_mem Pages of memory that UDP sockets take.
            # TYPE node_sockstat_UDP_mem gauge
            node_sockstat_UDP_mem 0
            # HELP node_sockstat_UDP_mem_bytes Memory that UDP sockets take.
            # TYPE node_sockstat_UDP_mem_bytes gauge
            node_sockstat_UDP_mem_bytes 0
            # HELP node_sockstat_sockets_used Sockets in use, of any protocol.
            # TYPE node_sockstat_sockets_used gauge
            node_sockstat_sockets_used 229
        "#]]
        .assert_eq(&expose(&SPEC, &files));
    }

    #[test]
    fn torn() {
        let files =
            [("proc/net/sockstat", "sockets: used x\nTCP inuse\nUDP: inuse -4 mem -1 tw\n")];
        expect![[r##"
            # HELP node_sockstat_UDP_inuse UDP sockets in state inuse.
            # TYPE node_sockstat_UDP_inuse gauge
            node_sockstat_UDP_inuse -4
            # HELP node_sockstat_UDP_mem Pages of memory that UDP sockets take.
            # TYPE node_sockstat_UDP_mem gauge
            node_sockstat_UDP_mem -1
            error: /proc/net/sockstat: expected pairs of a state and a number: "sockets: used x" (and 2 more)
        "##]].assert_eq(&expose(&SPEC, &files));
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: no data: /proc/net/sockstat does not exist
        "#]]
        .assert_eq(&expose(&SPEC, &[]));
    }
}
