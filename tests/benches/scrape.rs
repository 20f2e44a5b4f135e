//! Scrapes a recorded host a number of times in this process: `scrape DIR TIMES`; or with a third
//! number, the containers of a node of so many pods, whose files are made below DIR where they are not
//! there, and of which all but what holds a pod's network work between scrapes. With a fourth argument,
//! `text` or `gzip`, their lines are written too, as for a client that asks for that. Says what CPU time
//! a scrape took, the first and the files' changes apart. What the budget counts, and a start for a
//! profiler.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a tool for people, which makes the files"
)]

mod pods;

use collect::{Clock, Collector, Context, Options, Root};
use crc32fast::Hasher;
use exposition::{Encoded, Format, Insert, Pen, Writer, Written, encode};
use rustix::{
    process::{Resource, Rlimit, getrlimit, setrlimit},
    time::{ClockId, clock_gettime},
};
use std::{
    env, fs, mem,
    path::Path,
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

/// These ask the running kernel, whose answers cost differently each time.
const LIVE: [&str; 9] = [
    "ethtool",
    "filesystem",
    "network_route",
    "processes",
    "qdisc",
    "tcpstat",
    "timex",
    "uname",
    "wifi",
];

static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);
static SCRAPE: AtomicU32 = AtomicU32::new(0);

/// The time that the scrapes before took.
fn passed() -> Duration {
    Duration::from_secs(15) * SCRAPE.load(Ordering::Relaxed)
}

fn main() {
    let mut args = env::args().skip(1);
    let (Some(dir), Some(times)) = (args.next(), args.next().and_then(|n| n.parse().ok())) else {
        return;
    };
    let pods = args.next().and_then(|number| number.parse().ok());
    let written = args.next();
    let mut options = Options::default();
    for option in ["collector.arp.netlink", "collector.netdev.netlink"] {
        options.set(option, vec!["false".to_owned()]);
    }
    let root = |name| Root::new(Path::new(&dir).join(name));
    let context = Context {
        proc: root("proc"),
        sys: root("sys"),
        rootfs: root("rootfs"),
        udev: root("udev"),
        options,
        // What is read once a minute is read in every fourth scrape, however long one takes here.
        clock: Clock::new(|| SystemTime::UNIX_EPOCH + passed()).ticking(|| *BEGUN + passed()),
        shared: collect::Shared::default(),
    };
    let specs = if let Some(pods) = pods {
        if !Path::new(&dir).join("sys").exists() {
            pods::make(Path::new(&dir), pods).expect("a folder that takes the node's files");
        }
        pods::tell(&context, pods);
        // As at the start of the exporter.
        let limit = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })
            .expect("as many descriptors as the system grants");
        collect::allow_descriptors(usize::MAX);
        containers::COLLECTORS
    } else {
        host::COLLECTORS
    };
    let mut collectors: Vec<Box<dyn Collector>> = specs
        .iter()
        .filter(|spec| spec.default && !LIVE.contains(&spec.name))
        .map(|spec| (spec.build)(&context).expect("defaults are right"))
        .collect();
    let (mut bytes, mut took) = (0, Vec::new());
    let times: u32 = times;
    for time in 0..times {
        if let Some(pods) = pods {
            pods::work(Path::new(&dir), pods, time).expect("files that can be written");
        }
        SCRAPE.store(time, Ordering::Relaxed);
        let begun = cpu_time();
        let mut blocks = Vec::with_capacity(collectors.len());
        for collector in &mut collectors {
            let mut out = Writer::default();
            // What a recorded host lacks costs what it costs.
            let _lacks = collector.collect(&mut out);
            blocks.push(out.finish());
        }
        let blocks: Vec<_> = blocks.iter().collect();
        let encoded = encode(&blocks, Format::TEXT);
        bytes += match written.as_deref() {
            None => encoded.body.len(),
            Some(kind) => send(&encoded, kind == "gzip"),
        };
        took.extend((time > 0).then(|| cpu_time().saturating_sub(begun)));
    }
    assert!(bytes > 0 || times == 0, "nothing was exposed");
    if times > 1 {
        let mean = took.iter().sum::<Duration>() / (times - 1);
        took.sort_unstable();
        let median = took.get(took.len() / 2).copied().unwrap_or_default();
        let bytes = bytes / times as usize;
        println!(
            "{bytes} B and {mean:?} of CPU a scrape, {median:?} of half of them; {}",
            memory()
        );
    }
    // In use to the end, so that valgrind counts it.
    mem::forget(collectors);
}

/// Writes a body as it is sent, some rows at a time, and gives its length.
fn send(encoded: &Encoded, gzip: bool) -> usize {
    let (mut bytes, mut out, mut pen) = (encoded.body.len(), Vec::new(), Pen::new());
    let mut crc = Hasher::new();
    for (_, insert) in &encoded.inserts {
        let Insert::Drawn(drawn) = insert else { continue };
        for sheet in 0..drawn.sheets() {
            out.clear();
            if gzip {
                match pen.deflate(drawn, sheet, &mut out) {
                    Written::Anew(text) => crc.update(text),
                    Written::Again(page) => {
                        crc.combine(&Hasher::new_with_initial_len(page.crc(), page.len() as u64));
                    }
                }
            } else {
                drawn.write(sheet, &mut out);
            }
            bytes += out.len();
        }
    }
    bytes
}

/// The memory of this process that is no file's, now and at most.
fn memory() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let rows =
        status.lines().filter(|line| line.starts_with("RssAnon") || line.starts_with("VmHWM"));
    rows.map(|row| row.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect::<Vec<_>>()
        .join(", ")
}

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(
        time.tv_sec.try_into().unwrap_or_default(),
        time.tv_nsec.try_into().unwrap_or_default(),
    )
}
