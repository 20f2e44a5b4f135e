//! CPU times, information and throttling, from files written here.

use super::SPEC;
use collect::testing::{context, expose, expose_with, tree};
use expect_test::expect;
use exposition::{Format, Writer, encode};

const STAT: &str = "cpu  30 30 30 30 30 30 30 30 30 30\ncpu0 10 20 30 40 50 60 70 80 9 8\n\
    cpu2 1 2 3 4\nintr 5\n";

#[test]
fn modes() {
    expect![[r##"
        # HELP node_cpu_guest_seconds_total Time that a CPU spent in virtual machines; user and nice contain it.
        # TYPE node_cpu_guest_seconds_total counter
        node_cpu_guest_seconds_total{cpu="0",mode="user"} 0.09
        node_cpu_guest_seconds_total{cpu="0",mode="nice"} 0.08
        node_cpu_guest_seconds_total{cpu="2",mode="user"} 0
        node_cpu_guest_seconds_total{cpu="2",mode="nice"} 0
        # HELP node_cpu_seconds_total Time that a CPU spent in a mode.
        # TYPE node_cpu_seconds_total counter
        node_cpu_seconds_total{cpu="0",mode="user"} 0.1
        node_cpu_seconds_total{cpu="0",mode="nice"} 0.2
        node_cpu_seconds_total{cpu="0",mode="system"} 0.3
        node_cpu_seconds_total{cpu="0",mode="idle"} 0.4
        node_cpu_seconds_total{cpu="0",mode="iowait"} 0.5
        node_cpu_seconds_total{cpu="0",mode="irq"} 0.6
        node_cpu_seconds_total{cpu="0",mode="softirq"} 0.7
        node_cpu_seconds_total{cpu="0",mode="steal"} 0.8
        node_cpu_seconds_total{cpu="2",mode="user"} 0.01
        node_cpu_seconds_total{cpu="2",mode="nice"} 0.02
        node_cpu_seconds_total{cpu="2",mode="system"} 0.03
        node_cpu_seconds_total{cpu="2",mode="idle"} 0.04
        node_cpu_seconds_total{cpu="2",mode="iowait"} 0
        node_cpu_seconds_total{cpu="2",mode="irq"} 0
        node_cpu_seconds_total{cpu="2",mode="softirq"} 0
        node_cpu_seconds_total{cpu="2",mode="steal"} 0
    "##]].assert_eq(&expose(&SPEC, &[("proc/stat", STAT)]));
}

#[test]
fn torn() {
    let text =
        "cpu  1\ncpu0 10 20 30\ncpux 1 2 3 4\ncpu1 1 2 x 4\ncpu3 1 2 3 18446744073709551615\ncpu";
    let options = [("collector.cpu.guest", "false")];
    expect![[r##"
        # HELP node_cpu_seconds_total Time that a CPU spent in a mode.
        # TYPE node_cpu_seconds_total counter
        node_cpu_seconds_total{cpu="3",mode="user"} 0.01
        node_cpu_seconds_total{cpu="3",mode="nice"} 0.02
        node_cpu_seconds_total{cpu="3",mode="system"} 0.03
        node_cpu_seconds_total{cpu="3",mode="idle"} 1.8446744073709552e+17
        node_cpu_seconds_total{cpu="3",mode="iowait"} 0
        node_cpu_seconds_total{cpu="3",mode="irq"} 0
        node_cpu_seconds_total{cpu="3",mode="softirq"} 0
        node_cpu_seconds_total{cpu="3",mode="steal"} 0
        error: /proc/stat: expected a CPU and four or more numbers: "cpu0 10 20 30" (and 2 more)
    "##]]
    .assert_eq(&expose_with(&SPEC, &[("proc/stat", text)], &options));
}

#[test]
fn repeated() {
    let text = "cpu0 1 2 3 4\ncpu1 1 2 3 4\ncpu0 5 6 7 8\n";
    let options = [("collector.cpu.guest", "false")];
    expect![[r##"
        # HELP node_cpu_seconds_total Time that a CPU spent in a mode.
        # TYPE node_cpu_seconds_total counter
        node_cpu_seconds_total{cpu="0",mode="user"} 0.01
        node_cpu_seconds_total{cpu="0",mode="nice"} 0.02
        node_cpu_seconds_total{cpu="0",mode="system"} 0.03
        node_cpu_seconds_total{cpu="0",mode="idle"} 0.04
        node_cpu_seconds_total{cpu="0",mode="iowait"} 0
        node_cpu_seconds_total{cpu="0",mode="irq"} 0
        node_cpu_seconds_total{cpu="0",mode="softirq"} 0
        node_cpu_seconds_total{cpu="0",mode="steal"} 0
        node_cpu_seconds_total{cpu="1",mode="user"} 0.01
        node_cpu_seconds_total{cpu="1",mode="nice"} 0.02
        node_cpu_seconds_total{cpu="1",mode="system"} 0.03
        node_cpu_seconds_total{cpu="1",mode="idle"} 0.04
        node_cpu_seconds_total{cpu="1",mode="iowait"} 0
        node_cpu_seconds_total{cpu="1",mode="irq"} 0
        node_cpu_seconds_total{cpu="1",mode="softirq"} 0
        node_cpu_seconds_total{cpu="1",mode="steal"} 0
        error: /proc/stat: expected one line a CPU: "cpu0 5 6 7 8"
    "##]]
    .assert_eq(&expose_with(&SPEC, &[("proc/stat", text)], &options));
}

#[test]
fn absent() {
    expect![[r#"
        error: read /proc/stat: No such file or directory (os error 2)
    "#]]
    .assert_eq(&expose(&SPEC, &[]));
}

/// The seconds of CPU 0 and 1 (user and idle) over several scrapes of one collector.
fn scrapes(texts: &[&str]) -> Vec<String> {
    let dir = tree(&[("proc/stat", "")]);
    let mut cpu = (SPEC.build)(&context(&SPEC, dir.path(), &[])).unwrap();
    let scrape = |text: &&str| {
        #[expect(clippy::disallowed_methods, reason = "the file changes between scrapes")]
        std::fs::write(dir.path().join("proc/stat"), text).unwrap();
        let mut out = Writer::default();
        cpu.collect(&mut out).unwrap();
        let text = String::from_utf8(encode(&[&out.finish()], Format::TEXT).body).unwrap();
        let wanted = |line: &&str| line.contains("\"user\"} ") || line.contains("\"idle\"} ");
        let lines = text.lines().filter(wanted).filter(|line| line.starts_with("node_cpu_seconds"));
        let short =
            lines.map(|l| l.trim_start_matches("node_cpu_seconds_total").replace("mode=", ""));
        short.collect::<Vec<_>>().join(" ")
    };
    texts.iter().map(scrape).collect()
}

#[test]
fn counters_never_fall() {
    expect![[r#"
        [
            "{cpu=\"0\",\"user\"} 10 {cpu=\"0\",\"idle\"} 50 {cpu=\"1\",\"user\"} 0.01 {cpu=\"1\",\"idle\"} 0.01",
            "{cpu=\"0\",\"user\"} 10 {cpu=\"0\",\"idle\"} 50 {cpu=\"1\",\"user\"} 0.02 {cpu=\"1\",\"idle\"} 0.02",
            "{cpu=\"0\",\"user\"} 10.01 {cpu=\"0\",\"idle\"} 50.01",
            "{cpu=\"0\",\"user\"} 0.05 {cpu=\"0\",\"idle\"} 1 {cpu=\"1\",\"user\"} 0.01 {cpu=\"1\",\"idle\"} 0.01",
            "{cpu=\"1\",\"user\"} 0.03 {cpu=\"1\",\"idle\"} 0.03",
            "{cpu=\"0\",\"user\"} 0.06 {cpu=\"0\",\"idle\"} 0.06 {cpu=\"1\",\"user\"} 0.03 {cpu=\"1\",\"idle\"} 0.03",
        ]
    "#]].assert_debug_eq(&scrapes(&[
        "cpu0 1000 0 0 5000\ncpu1 1 0 0 1\n",
        "cpu0 900 0 0 4900\ncpu1 2 0 0 2\n",
        "cpu0 1001 0 0 5001\n",
        "cpu0 5 0 0 100\ncpu1 1 0 0 1\n",
        "cpu1 3 0 0 3\n",
        "cpu0 6 0 0 6\ncpu1 2 0 0 2\n",
    ]));
}

const CPUINFO: &str = "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 142\n\
    model name\t: Intel(R) Core(TM) i7 CPU @ 1.90GHz\nstepping\t: 10\nmicrocode\t: 0xb4\n\
    cpu MHz\t\t: 799.998\ncache size\t: 8192 KB\nphysical id\t: 0\ncore id\t\t: 3\n\
    flags\t\t: fpu vme avx2\nbugs\t\t: spectre_v1 mds\n\nprocessor\t: 1\ncpu MHz : x\nflags : z\n";

#[test]
fn info() {
    let options = [
        ("collector.cpu.info.flags-include", "^(avx2|vme|z)$"),
        ("collector.cpu.info.bugs-include", "^m"),
    ];
    let files = [("proc/stat", "intr 5\n"), ("proc/cpuinfo", CPUINFO)];
    expect![[r##"
        # HELP node_cpu_bug_info 1 for each bug of the first CPU that was asked for.
        # TYPE node_cpu_bug_info gauge
        node_cpu_bug_info{bug="mds"} 1
        # HELP node_cpu_flag_info 1 for each flag of the first CPU that was asked for.
        # TYPE node_cpu_flag_info gauge
        node_cpu_flag_info{flag="vme"} 1
        node_cpu_flag_info{flag="avx2"} 1
        # HELP node_cpu_frequency_hertz The CPU's frequency as /proc/cpuinfo has it.
        # TYPE node_cpu_frequency_hertz gauge
        node_cpu_frequency_hertz{package="0",core="3",cpu="0"} 799998000
        # HELP node_cpu_info 1; the labels tell what CPU it is.
        # TYPE node_cpu_info gauge
        node_cpu_info{package="0",core="3",cpu="0",vendor="GenuineIntel",family="6",model="142",model_name="Intel(R) Core(TM) i7 CPU @ 1.90GHz",microcode="0xb4",stepping="10",cachesize="8192 KB"} 1
        node_cpu_info{package="",core="",cpu="1",vendor="",family="",model="",model_name="",microcode="",stepping="",cachesize=""} 1
        error: /proc/cpuinfo: expected MHz: "x"
    "##]].assert_eq(&expose_with(&SPEC, &files, &options));
}

#[test]
fn info_of_arm() {
    let text = "processor\t: 0\nBogoMIPS\t: 243.75\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\n\
        CPU architecture: 8\nCPU variant\t: 0x3\nCPU part\t: 0xd0c\nCPU revision\t: 1\n";
    let files = [("proc/stat", "intr 5\n"), ("proc/cpuinfo", text)];
    expect![[r##"
        # HELP node_cpu_info 1; the labels tell what CPU it is.
        # TYPE node_cpu_info gauge
        node_cpu_info{package="",core="",cpu="0",vendor="0x41",family="8",model="0xd0c",model_name="",microcode="",stepping="1",cachesize=""} 1
    "##]].assert_eq(&expose_with(&SPEC, &files, &[("collector.cpu.info", "true")]));
}

#[test]
fn topology() {
    let cpu = "sys/devices/system/cpu";
    let mut files = vec![("proc/stat".to_owned(), "intr 5\n")];
    files.push((format!("{cpu}/online"), "0,2-3\n"));
    files.push((format!("{cpu}/isolated"), "1,3-4\n"));
    for (number, core) in ["0", "1", "0", "1"].iter().enumerate() {
        files.push((format!("{cpu}/cpu{number}/online"), "1\n"));
        files.push((format!("{cpu}/cpu{number}/topology/core_id"), core));
        files.push((format!("{cpu}/cpu{number}/topology/physical_package_id"), "0\n"));
        files.push((format!("{cpu}/cpu{number}/thermal_throttle/core_throttle_count"), "5\n"));
    }
    files.push((format!("{cpu}/cpu2/thermal_throttle/package_throttle_count"), "x\n"));
    files.push((format!("{cpu}/cpufreq/"), ""));
    let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
    expect![[r##"
        # HELP node_cpu_core_throttles_total Times that a core was slowed down as it was too hot.
        # TYPE node_cpu_core_throttles_total counter
        node_cpu_core_throttles_total{package="0",core="0"} 5
        node_cpu_core_throttles_total{package="0",core="1"} 5
        # HELP node_cpu_isolated 1 where the scheduler leaves the CPU alone.
        # TYPE node_cpu_isolated gauge
        node_cpu_isolated{cpu="1"} 1
        node_cpu_isolated{cpu="3"} 1
        node_cpu_isolated{cpu="4"} 1
        # HELP node_cpu_online Whether the CPU is switched on.
        # TYPE node_cpu_online gauge
        node_cpu_online{cpu="0"} 1
        node_cpu_online{cpu="1"} 0
        node_cpu_online{cpu="2"} 1
        node_cpu_online{cpu="3"} 1
        error: /sys/devices/system/cpu/cpu2/thermal_throttle/package_throttle_count: expected a number: "x"
    "##]].assert_eq(&expose(&SPEC, &files));
}

#[test]
fn hostile_ranges() {
    let files = [
        ("proc/stat", "intr 5\n"),
        ("sys/devices/system/cpu/online", "x\n"),
        ("sys/devices/system/cpu/isolated", "5-1,x-2,3-,,7\n"),
    ];
    expect![[r##"
        # HELP node_cpu_isolated 1 where the scheduler leaves the CPU alone.
        # TYPE node_cpu_isolated gauge
        node_cpu_isolated{cpu="7"} 1
    "##]]
    .assert_eq(&expose(&SPEC, &files));
}
