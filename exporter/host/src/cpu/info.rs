//! `/proc/cpuinfo`: one block of `key : value` lines a CPU, in words that differ by architecture
//! (x86, ARM). MHz → hertz. The kernel measures frequencies to write it, so that it is read only
//! when asked for.

use collect::{Context, Faults, Filter, Kept, Opt, Result};
use exposition::{Family, Writer};

pub(super) static FAMILIES: [Family; 4] = [
    Family::gauge(
        "node_cpu_info",
        "1; the labels tell what CPU it is.",
        &[
            "package",
            "core",
            "cpu",
            "vendor",
            "family",
            "model",
            "model_name",
            "microcode",
            "stepping",
            "cachesize",
        ],
    ),
    Family::gauge(
        "node_cpu_frequency_hertz",
        "The CPU's frequency as /proc/cpuinfo has it.",
        &["package", "core", "cpu"],
    ),
    Family::gauge(
        "node_cpu_flag_info",
        "1 for each flag of the first CPU that was asked for.",
        &["flag"],
    ),
    Family::gauge(
        "node_cpu_bug_info",
        "1 for each bug of the first CPU that was asked for.",
        &["bug"],
    ),
];

pub(super) const INFO: Opt = Opt::switch("collector.cpu.info", false, "Expose node_cpu_info.");

pub(super) const FLAGS: Opt = Opt::text(
    "collector.cpu.info.flags-include",
    "",
    "CPU flags to expose in node_cpu_flag_info, a regular expression; turns collector.cpu.info on.",
);

pub(super) const BUGS: Opt = Opt::text(
    "collector.cpu.info.bugs-include",
    "",
    "CPU bugs to expose in node_cpu_bug_info, a regular expression; turns collector.cpu.info on.",
);

/// The switch of the collector that shares `node_cpu_frequency_hertz`, as `node_exporter` has it:
/// without it there are no frequencies at all.
const CPUFREQ: Opt = Opt::switch("collector.cpufreq", true, "");

pub(super) struct Info {
    file: Kept,
    flags: Option<Filter>,
    bugs: Option<Filter>,
    frequency: bool,
}

#[derive(Default)]
struct Block<'a> {
    cpu: &'a str,
    package: &'a str,
    core: &'a str,
    vendor: &'a str,
    family: &'a str,
    model: &'a str,
    model_name: &'a str,
    microcode: &'a str,
    stepping: &'a str,
    cache_size: &'a str,
    megahertz: Option<&'a str>,
    flags: &'a str,
    bugs: &'a str,
}

// === impl Info ===

impl Info {
    /// None where it was not asked for.
    pub(super) fn new(cx: &Context) -> Result<Option<Self>> {
        let options = &cx.options;
        let filter = |option: &Opt| match options.text(option) {
            "" => Ok(None),
            _ => Filter::including(options, option).map(Some),
        };
        let (flags, bugs) = (filter(&FLAGS)?, filter(&BUGS)?);
        let asked = options.switch(&INFO) || flags.is_some() || bugs.is_some();
        Ok(asked.then(|| Self {
            file: cx.proc.keep("cpuinfo"),
            flags,
            bugs,
            frequency: options.switch(&CPUFREQ),
        }))
    }

    pub(super) fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let text = self.file.read()?;
        let mut faults = Faults::default();
        let blocks = blocks(text.as_str());
        let [info, frequency, flag, bug] = &FAMILIES;
        out.family(info, |s| {
            for b in &blocks {
                let labels = [
                    b.package,
                    b.core,
                    b.cpu,
                    b.vendor,
                    b.family,
                    b.model,
                    b.model_name,
                    b.microcode,
                    b.stepping,
                    b.cache_size,
                ];
                s.row(&labels, 1_u8);
            }
        });
        if self.frequency {
            out.family(frequency, |s| {
                for Block { package, core, cpu, megahertz, .. } in &blocks {
                    let Some(field) = megahertz else { continue };
                    let megahertz = text.parse::<f64>(Some(field), "expected MHz", field);
                    if let Some(megahertz) = faults.ok(megahertz).filter(|m| m.is_finite()) {
                        s.row(&[package, core, cpu], megahertz * 1e6);
                    }
                }
            });
        }
        if let Some(first) = blocks.first() {
            names(flag, self.flags.as_mut(), first.flags, out);
            names(bug, self.bugs.as_mut(), first.bugs, out);
        }
        faults.finish()
    }
}

fn names(family: &Family, filter: Option<&mut Filter>, names: &str, out: &mut Writer) {
    let Some(filter) = filter else { return };
    out.family(family, |s| {
        for name in names.split_ascii_whitespace().filter(|name| filter.keeps(name)) {
            s.row(&[name], 1_u8);
        }
    });
}

/// The blocks that have a CPU's number.
fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    for line in text.lines() {
        let Some((key, value)) = line.split_once(':') else { continue };
        let (key, value) = (key.trim(), value.trim());
        if key == "processor" {
            blocks.push(Block { cpu: value, ..Block::default() });
            continue;
        }
        let Some(block) = blocks.last_mut() else { continue };
        match key {
            "physical id" => block.package = value,
            "core id" => block.core = value,
            "vendor_id" | "CPU implementer" => block.vendor = value,
            "cpu family" | "CPU architecture" => block.family = value,
            "model" | "CPU part" => block.model = value,
            "model name" => block.model_name = value,
            "microcode" => block.microcode = value,
            "stepping" | "CPU revision" => block.stepping = value,
            "cache size" => block.cache_size = value,
            "cpu MHz" => block.megahertz = Some(value),
            "flags" | "Features" => block.flags = value,
            "bugs" => block.bugs = value,
            _ => {}
        }
    }
    blocks
}
