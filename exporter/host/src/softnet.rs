//! `/proc/net/softnet_stat`: what each CPU did with arriving packets, one line a CPU, hexadecimal.
//!
//! Columns: packets processed, packets dropped, times squeezed, five that are always 0, lock
//! collisions, wake-ups by RPS, flow limits (3.11), backlog length and the CPU's number (5.10). A
//! kernel that lacks the later columns counts 0 there; lines without a CPU's number are counted up.

use collect::{Collector, Faults, Kept, Result, Spec};
use exposition::{Family, Writer};

pub(crate) static SPEC: Spec = Spec {
    name: "softnet",
    doc: "Packets processed, dropped and delayed by each CPU.",
    default: true,
    families: &[&FAMILIES],
    opts: &[],
    build: |cx| Ok(Box::new(Softnet { file: cx.proc.keep("net/softnet_stat"), lines: Vec::new() })),
};

static FAMILIES: [Family; 7] = [
    Family::counter("node_softnet_processed_total", "Packets processed.", &["cpu"]),
    Family::counter(
        "node_softnet_dropped_total",
        "Packets dropped as the backlog was full.",
        &["cpu"],
    ),
    Family::counter(
        "node_softnet_times_squeezed_total",
        "Times that processing stopped with packets left, as time or budget ran out.",
        &["cpu"],
    ),
    Family::counter(
        "node_softnet_cpu_collision_total",
        "Times that a device's lock was held by another CPU when sending.",
        &["cpu"],
    ),
    Family::counter(
        "node_softnet_received_rps_total",
        "Times that another CPU woke this one to process packets.",
        &["cpu"],
    ),
    Family::counter(
        "node_softnet_flow_limit_count_total",
        "Packets dropped as their flow took too much of the backlog.",
        &["cpu"],
    ),
    Family::gauge("node_softnet_backlog_len", "Packets that wait in the backlog.", &["cpu"]),
];

/// Columns in the order of [`FAMILIES`].
const COLUMNS: [usize; 7] = [0, 1, 2, 8, 9, 10, 11];
const CPU: usize = 12;

struct Softnet {
    file: Kept,
    lines: Vec<Line>,
}

struct Line {
    cpu: itoa::Buffer,
    number: u32,
    columns: [u32; 13],
}

impl Collector for Softnet {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let text = self.file.read()?;
        let mut faults = Faults::default();
        self.lines.clear();
        for (number, line) in (0..).zip(text.lines()) {
            match parse(line, number) {
                Some(line) => self.lines.push(line),
                None => faults.note(text.bad("expected 9 or more hexadecimal numbers", line)),
            }
        }
        for (family, column) in FAMILIES.iter().zip(COLUMNS) {
            out.family(family, |s| {
                for line in &mut self.lines {
                    let Some(number) = line.columns.get(column) else { continue };
                    s.row(&[line.cpu.format(line.number)], *number);
                }
            });
        }
        faults.finish()
    }
}

/// The numbers of one line; `number` is the line's own.
fn parse(line: &str, number: u32) -> Option<Line> {
    let mut columns = [0; 13];
    let mut found = 0;
    for (column, field) in columns.iter_mut().zip(line.split_ascii_whitespace()) {
        *column = u32::from_str_radix(field, 16).ok()?;
        found += 1;
    }
    let number = if found > CPU { *columns.last()? } else { number };
    (found >= 9).then(|| Line { cpu: itoa::Buffer::new(), number, columns })
}

#[cfg(test)]
mod tests {
    use super::SPEC;
    use collect::testing::expose;
    use expect_test::expect;

    #[test]
    fn with_and_without_cpu_numbers() {
        let text = "00049279 00000001 00000002 0 0 0 0 0 00000003 00000004 00000005 00000006 \
                    00000003 00000001 00000002\n\
                    ffffffff 00000001 00000000 0 0 0 0 0 00000000\n";
        expect![[r##"
            # HELP node_softnet_backlog_len Packets that wait in the backlog.
            # TYPE node_softnet_backlog_len gauge
            node_softnet_backlog_len{cpu="3"} 6
            node_softnet_backlog_len{cpu="1"} 0
            # HELP node_softnet_cpu_collision_total Times that a device's lock was held by another CPU when sending.
            # TYPE node_softnet_cpu_collision_total counter
            node_softnet_cpu_collision_total{cpu="3"} 3
            node_softnet_cpu_collision_total{cpu="1"} 0
            # HELP node_softnet_dropped_total Packets dropped as the backlog was full.
            # TYPE node_softnet_dropped_total counter
            node_softnet_dropped_total{cpu="3"} 1
            node_softnet_dropped_total{cpu="1"} 1
            # HELP node_softnet_flow_limit_count_total Packets dropped as their flow took too much of the backlog.
            # TYPE node_softnet_flow_limit_count_total counter
            node_softnet_flow_limit_count_total{cpu="3"} 5
            node_softnet_flow_limit_count_total{cpu="1"} 0
            # HELP node_softnet_processed_total Packets processed.
            # TYPE node_softnet_processed_total counter
            node_softnet_processed_total{cpu="3"} 299641
            node_softnet_processed_total{cpu="1"} 4294967295
            # HELP node_softnet_received_rps_total Times that another CPU woke this one to process packets.
            # TYPE node_softnet_received_rps_total counter
            node_softnet_received_rps_total{cpu="3"} 4
            node_softnet_received_rps_total{cpu="1"} 0
            # HELP node_softnet_times_squeezed_total Times that processing stopped with packets left, as time or budget ran out.
            # TYPE node_softnet_times_squeezed_total counter
            node_softnet_times_squeezed_total{cpu="3"} 2
            node_softnet_times_squeezed_total{cpu="1"} 0
        "##]].assert_eq(&expose(&SPEC, &[("proc/net/softnet_stat", text)]));
    }

    #[test]
    fn torn() {
        let text = "100000000 0 0 0 0 0 0 0 0\n0000000x\n00000001 0 0 0 0 0 0 0 0 0000";
        expect![[r##"
            # HELP node_softnet_backlog_len Packets that wait in the backlog.
            # TYPE node_softnet_backlog_len gauge
            node_softnet_backlog_len{cpu="2"} 0
            # HELP node_softnet_cpu_collision_total Times that a device's lock was held by another CPU when sending.
            # TYPE node_softnet_cpu_collision_total counter
            node_softnet_cpu_collision_total{cpu="2"} 0
            # HELP node_softnet_dropped_total Packets dropped as the backlog was full.
            # TYPE node_softnet_dropped_total counter
            node_softnet_dropped_total{cpu="2"} 0
            # HELP node_softnet_flow_limit_count_total Packets dropped as their flow took too much of the backlog.
            # TYPE node_softnet_flow_limit_count_total counter
            node_softnet_flow_limit_count_total{cpu="2"} 0
            # HELP node_softnet_processed_total Packets processed.
            # TYPE node_softnet_processed_total counter
            node_softnet_processed_total{cpu="2"} 1
            # HELP node_softnet_received_rps_total Times that another CPU woke this one to process packets.
            # TYPE node_softnet_received_rps_total counter
            node_softnet_received_rps_total{cpu="2"} 0
            # HELP node_softnet_times_squeezed_total Times that processing stopped with packets left, as time or budget ran out.
            # TYPE node_softnet_times_squeezed_total counter
            node_softnet_times_squeezed_total{cpu="2"} 0
            error: /proc/net/softnet_stat: expected 9 or more hexadecimal numbers: "100000000 0 0 0 0 0 0 0 0" (and 1 more)
        "##]].assert_eq(&expose(&SPEC, &[("proc/net/softnet_stat", text)]));
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: read /proc/net/softnet_stat: No such file or directory (os error 2)
        "#]]
        .assert_eq(&expose(&SPEC, &[]));
    }
}
