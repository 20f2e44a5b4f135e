//! Whole hosts: every collector that reads files, over recorded trees, against committed texts.
//!
//! `tests/fixtures/capture.sh` records a tree; `UPDATE_EXPECT=1` writes the texts anew.
#![expect(clippy::disallowed_methods, reason = "the test lists the recorded hosts")]

use crate::support::{assert_file, root};
use std::fs;

/// These ask the running kernel and not files, whatever the paths say.
const LIVE: [&str; 10] = [
    "ethtool",
    "filesystem",
    "network_route",
    "qdisc",
    "selinux",
    "tcpstat",
    "time",
    "timex",
    "uname",
    "wifi",
];

/// Options that make collectors read files where they would ask the kernel.
const OPTIONS: [(&str, &str, &str); 2] =
    [("arp", "collector.arp.netlink", "false"), ("netdev", "collector.netdev.netlink", "false")];

#[test]
fn hosts() {
    let hosts = root().join("tests/fixtures/host");
    let mut seen = 0;
    for entry in fs::read_dir(&hosts).expect("recorded hosts").flatten() {
        let name = entry.file_name().into_string().expect("a UTF-8 name");
        assert_file(&format!("tests/golden/{name}.txt"), &expose(&entry.path()));
        seen += 1;
    }
    assert!(seen > 0, "no recorded host");
}

fn expose(dir: &std::path::Path) -> String {
    let mut text = String::new();
    for spec in host::COLLECTORS.iter().filter(|spec| !LIVE.contains(&spec.name)) {
        let options: Vec<_> = OPTIONS
            .iter()
            .filter(|(collector, _, _)| *collector == spec.name)
            .map(|(_, option, value)| (*option, *value))
            .collect();
        text.extend(["=== ", spec.name, "\n"]);
        text.push_str(&collect::testing::expose_tree(spec, dir, &options));
    }
    text
}
