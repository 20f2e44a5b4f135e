//! `/sys/devices/system/cpu/cpu*/cpufreq`: each processor's frequency, its limits and its governor.
//! kHz → hertz.

use crate::number::digits;
use collect::{Collector, Context, Error, Faults, Kept, Result, Root, Spec};
use exposition::{Family, Writer};

pub(crate) static SPEC: Spec = Spec {
    name: "cpufreq",
    doc: "Processor frequencies and governors.",
    default: true,
    families: &[&FREQUENCIES, std::slice::from_ref(&GOVERNOR)],
    opts: &[],
    build: |cx| Ok(Box::new(Cpufreq::new(cx))),
};

/// `node_cpu_frequency_hertz` is the collector cpu's too, which adds labels.
static FREQUENCIES: [Family; 7] = [
    Family::gauge("node_cpu_frequency_hertz", "Frequency of the processor.", &["cpu"]),
    Family::gauge("node_cpu_frequency_avg_hertz", "Frequency, averaged by the hardware.", &["cpu"]),
    Family::gauge("node_cpu_frequency_max_hertz", "Greatest frequency of the hardware.", &["cpu"]),
    Family::gauge("node_cpu_frequency_min_hertz", "Least frequency of the hardware.", &["cpu"]),
    Family::gauge("node_cpu_scaling_frequency_hertz", "Frequency by the scaling driver.", &["cpu"]),
    Family::gauge("node_cpu_scaling_frequency_max_hertz", "Upper limit of scaling.", &["cpu"]),
    Family::gauge("node_cpu_scaling_frequency_min_hertz", "Lower limit of scaling.", &["cpu"]),
];

/// The attributes of [`FREQUENCIES`].
const FILES: [&str; 7] = [
    "cpuinfo_cur_freq",
    "cpuinfo_avg_freq",
    "cpuinfo_max_freq",
    "cpuinfo_min_freq",
    "scaling_cur_freq",
    "scaling_max_freq",
    "scaling_min_freq",
];

static GOVERNOR: Family = Family::gauge(
    "node_cpu_scaling_governor",
    "Whether this governor sets the processor's frequency (1 or 0), of those that could.",
    &["cpu", "governor"],
);

struct Cpufreq {
    dir: Root,
    online: Kept,
    /// What `online` and the list of policies said when `cpus` was made.
    made_for: (String, Vec<String>),
    cpus: Vec<Cpu>,
}

struct Cpu {
    number: String,
    dir: Root,
    /// Which of [`FILES`] there are: drivers offer some, and they do not change with time.
    files: [bool; 7],
    governors: Vec<String>,
}

impl Cpufreq {
    fn new(cx: &Context) -> Self {
        let dir = cx.sys.at("devices/system/cpu");
        Self { online: dir.keep("online"), dir, made_for: <_>::default(), cpus: Vec::new() }
    }

    /// Looks for processors again when others are online than before, or a driver came or went.
    fn refresh(&mut self) -> Result<()> {
        let online = self.online.attr()?.unwrap_or_default();
        let policies = self.dir.list_if_any("cpufreq")?;
        if !online.is_empty() && online == self.made_for.0 && policies == self.made_for.1 {
            return Ok(());
        }
        self.made_for = (online.to_owned(), policies);
        self.cpus.clear();
        for name in self.dir.list("").map_err(Error::or_no_data)? {
            let Some(number) = digits(&name, "cpu") else { continue };
            let dir = self.dir.at(format!("{name}/cpufreq"));
            let Ok(present) = dir.list("") else { continue };
            let files = FILES.map(|file| present.iter().any(|name| name == file));
            self.cpus.push(Cpu { number: number.to_owned(), dir, files, governors: Vec::new() });
        }
        self.cpus.sort_by_key(|cpu| cpu.number.parse().unwrap_or(u64::MAX));
        Ok(())
    }
}

impl Cpu {
    /// Hertz by one of [`FILES`]; `None` where the driver does not know.
    fn hertz(&self, index: usize, file: &str) -> Result<Option<u64>> {
        if !self.files.get(index).is_some_and(|present| *present) {
            return Ok(None);
        }
        let Some(text) = self.dir.attr(file)? else { return Ok(None) };
        if text == "<unknown>" {
            return Ok(None);
        }
        match text.parse::<u64>() {
            Ok(kilohertz) => Ok(Some(kilohertz.saturating_mul(1000))),
            Err(_) => Err(Error::Parse {
                path: self.dir.path(file),
                what: "expected a number",
                line: text,
            }),
        }
    }

    /// The governor now, with those that could be in `governors`.
    fn governor(&mut self) -> Result<Option<String>> {
        let Some(governor) = self.dir.attr("scaling_governor")? else { return Ok(None) };
        if !self.governors.contains(&governor) {
            // A module may have brought another one.
            let available = self.dir.attr("scaling_available_governors")?.unwrap_or_default();
            self.governors = available.split_whitespace().map(str::to_owned).collect();
        }
        Ok(Some(governor))
    }
}

impl Collector for Cpufreq {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        self.refresh()?;
        let mut faults = Faults::default();
        for (index, (family, file)) in FREQUENCIES.iter().zip(FILES).enumerate() {
            out.family(family, |s| {
                for cpu in &self.cpus {
                    if let Some(hertz) = faults.ok(cpu.hertz(index, file)).flatten() {
                        s.row(&[&cpu.number], hertz);
                    }
                }
            });
        }
        out.family(&GOVERNOR, |s| {
            for cpu in &mut self.cpus {
                let Some(now) = faults.ok(cpu.governor()).flatten() else { continue };
                for governor in &cpu.governors {
                    s.row(&[&cpu.number, governor], *governor == now);
                }
            }
        });
        faults.finish()
    }
}

#[cfg(test)]
mod tests {
    use collect::testing::expose;
    use expect_test::expect;

    #[test]
    fn two_processors() {
        expect![[r##"
            # HELP node_cpu_frequency_hertz Frequency of the processor.
            # TYPE node_cpu_frequency_hertz gauge
            node_cpu_frequency_hertz{cpu="10"} 3700000000
            # HELP node_cpu_scaling_frequency_hertz Frequency by the scaling driver.
            # TYPE node_cpu_scaling_frequency_hertz gauge
            node_cpu_scaling_frequency_hertz{cpu="0"} 1699981000
            # HELP node_cpu_scaling_governor Whether this governor sets the processor's frequency (1 or 0), of those that could.
            # TYPE node_cpu_scaling_governor gauge
            node_cpu_scaling_governor{cpu="0",governor="performance"} 0
            node_cpu_scaling_governor{cpu="0",governor="schedutil"} 1
        "##]].assert_eq(&expose(
            &super::SPEC,
            &[
                ("sys/devices/system/cpu/online", "0,10\n"),
                ("sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "1699981\n"),
                ("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "schedutil\n"),
                (
                    "sys/devices/system/cpu/cpu0/cpufreq/scaling_available_governors",
                    "performance schedutil \n",
                ),
                ("sys/devices/system/cpu/cpu10/cpufreq/cpuinfo_cur_freq", "3700000\n"),
                ("sys/devices/system/cpu/cpu10/cpufreq/scaling_cur_freq", "<unknown>\n"),
                ("sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq", "1\n"),
            ],
        ));
    }

    #[test]
    fn torn() {
        expect![[r##"
            # HELP node_cpu_scaling_frequency_max_hertz Upper limit of scaling.
            # TYPE node_cpu_scaling_frequency_max_hertz gauge
            node_cpu_scaling_frequency_max_hertz{cpu="0"} 18446744073709551615
            error: /sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq: expected a number: "-1"
        "##]]
        .assert_eq(&expose(
            &super::SPEC,
            &[
                ("sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "-1\n"),
                ("sys/devices/system/cpu/cpu0/cpufreq/scaling_max_freq", "18446744073709551615\n"),
                ("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "\n"),
                ("sys/devices/system/cpu/cpu1/cpufreq", "a file\n"),
            ],
        ));
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: no data: /sys/devices/system/cpu/ does not exist
        "#]]
        .assert_eq(&expose(&super::SPEC, &[]));
        expect![[""]].assert_eq(&expose(&super::SPEC, &[("sys/devices/system/cpu/online", "0-1")]));
    }
}
