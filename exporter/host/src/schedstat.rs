//! `/proc/schedstat`: how long tasks ran on each CPU and waited for it, and how many time slices
//! there were. Nanoseconds → seconds. Only with `CONFIG_SCHEDSTATS`.

use crate::number::seconds;
use collect::{Collector, Error, Faults, Kept, Result, Spec};
use exposition::{Family, Writer};

pub(crate) static SPEC: Spec = Spec {
    name: "schedstat",
    doc: "Time that tasks ran on each CPU and waited for it.",
    default: true,
    families: &[&TIMES, SLICES],
    opts: &[],
    build: |cx| Ok(Box::new(Schedstat { file: cx.proc.keep("schedstat"), cpus: Vec::new() })),
};

static TIMES: [Family; 2] = [
    Family::counter("node_schedstat_running_seconds_total", "Time that tasks ran.", &["cpu"]),
    Family::counter("node_schedstat_waiting_seconds_total", "Time that tasks waited.", &["cpu"]),
];

static SLICES: &[Family] =
    &[Family::counter("node_schedstat_timeslices_total", "Time slices given to tasks.", &["cpu"])];

/// Columns before running time, waiting time and time slices.
const SKIPPED: usize = 6;

struct Schedstat {
    file: Kept,
    /// Running time, waiting time and slices, CPU by CPU, in the lines' order.
    cpus: Vec<[u64; 3]>,
}

impl Collector for Schedstat {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let text = self.file.read().map_err(Error::or_no_data)?;
        let mut faults = Faults::default();
        self.cpus.clear();
        // Lines of scheduling domains stand between those of the CPUs.
        let lines =
            || text.as_str().lines().filter_map(|line| Some((line.strip_prefix("cpu")?, line)));
        for (fields, line) in lines() {
            let Some(numbers) = parse(fields) else {
                faults.note(text.bad("expected a CPU and nine numbers", line));
                break;
            };
            self.cpus.push(numbers);
        }
        let cpus = || {
            let labels = lines().filter_map(|(fields, _)| fields.split_ascii_whitespace().next());
            labels.zip(&self.cpus)
        };
        let [running, waiting] = &TIMES;
        out.family(running, |s| {
            cpus().for_each(|(cpu, [running, ..])| s.row(&[cpu], seconds(*running, 1_000_000_000)));
        });
        out.family(waiting, |s| {
            cpus()
                .for_each(|(cpu, [_, waiting, _])| s.row(&[cpu], seconds(*waiting, 1_000_000_000)));
        });
        for family in SLICES {
            out.family(family, |s| cpus().for_each(|(cpu, [.., slices])| s.row(&[cpu], *slices)));
        }
        faults.finish()
    }
}

/// Running time, waiting time and time slices of a line without `cpu`.
fn parse(fields: &str) -> Option<[u64; 3]> {
    let mut fields = fields.split_ascii_whitespace();
    if !fields.next()?.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut numbers = fields.skip(SKIPPED).map_while(|field| field.parse().ok());
    Some([numbers.next()?, numbers.next()?, numbers.next()?])
}

#[cfg(test)]
mod tests {
    use super::SPEC;
    use collect::testing::expose;
    use expect_test::expect;

    #[test]
    fn two_cpus() {
        let text = "version 15\ntimestamp 15819019232\ncpu0 498494191 0 3533438552 2553969831 \
                    3853684107 2465731542 2045936778163039 343796328169361 4767485306\n\
                    domain0 00000000,00000003 212499247\ncpu7 0 0 0 0 0 0 3 2 1\n";
        expect![[r##"
            # HELP node_schedstat_running_seconds_total Time that tasks ran.
            # TYPE node_schedstat_running_seconds_total counter
            node_schedstat_running_seconds_total{cpu="0"} 2045936.778163039
            node_schedstat_running_seconds_total{cpu="7"} 3e-9
            # HELP node_schedstat_timeslices_total Time slices given to tasks.
            # TYPE node_schedstat_timeslices_total counter
            node_schedstat_timeslices_total{cpu="0"} 4767485306
            node_schedstat_timeslices_total{cpu="7"} 1
            # HELP node_schedstat_waiting_seconds_total Time that tasks waited.
            # TYPE node_schedstat_waiting_seconds_total counter
            node_schedstat_waiting_seconds_total{cpu="0"} 343796.328169361
            node_schedstat_waiting_seconds_total{cpu="7"} 2e-9
        "##]]
        .assert_eq(&expose(&SPEC, &[("proc/schedstat", text)]));
    }

    #[test]
    fn torn() {
        let text = "cpu0 0 0 0 0 0 0 3 2 1\ncpu1 0 0 0 0 0 0 3 2\ncpu2 0 0 0 0 0 0 3 2 1\n";
        expect![[r##"
            # HELP node_schedstat_running_seconds_total Time that tasks ran.
            # TYPE node_schedstat_running_seconds_total counter
            node_schedstat_running_seconds_total{cpu="0"} 3e-9
            # HELP node_schedstat_timeslices_total Time slices given to tasks.
            # TYPE node_schedstat_timeslices_total counter
            node_schedstat_timeslices_total{cpu="0"} 1
            # HELP node_schedstat_waiting_seconds_total Time that tasks waited.
            # TYPE node_schedstat_waiting_seconds_total counter
            node_schedstat_waiting_seconds_total{cpu="0"} 2e-9
            error: /proc/schedstat: expected a CPU and nine numbers: "cpu1 0 0 0 0 0 0 3 2"
        "##]]
        .assert_eq(&expose(&SPEC, &[("proc/schedstat", text)]));
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: no data: /proc/schedstat does not exist
        "#]]
        .assert_eq(&expose(&SPEC, &[]));
    }
}
