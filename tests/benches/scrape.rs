//! Scrapes a recorded host a number of times in this process: `scrape DIR TIMES`; or with a third
//! number, the containers of a node of so many pods, whose files are made below DIR where they are not
//! there. What the budget counts, and a start for a profiler.
#![expect(clippy::disallowed_methods, reason = "the driver makes the node's files")]

mod pods;

use collect::{Clock, Collector, Context, Options, Root};
use exposition::{Format, Writer, encode};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::{env, path::Path, time::SystemTime};

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

fn main() {
    let mut args = env::args().skip(1);
    let (Some(dir), Some(times)) = (args.next(), args.next().and_then(|n| n.parse().ok())) else {
        return;
    };
    let pods = args.next().and_then(|number| number.parse().ok());
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
        clock: Clock::new(|| SystemTime::UNIX_EPOCH),
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
    let mut bytes = 0;
    let times: u64 = times;
    for _ in 0..times {
        let mut blocks = Vec::with_capacity(collectors.len());
        for collector in &mut collectors {
            let mut out = Writer::default();
            // What a recorded host lacks costs what it costs.
            let _lacks = collector.collect(&mut out);
            blocks.push(out.finish());
        }
        let blocks: Vec<_> = blocks.iter().collect();
        bytes += encode(&blocks, Format::TEXT).body.len();
    }
    assert!(bytes > 0 || times == 0, "nothing was exposed");
}
