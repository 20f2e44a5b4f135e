//! Nothing is left of the ground: no process, mount, cgroup, namespace, cable or folder, neither
//! after a test that ended nor after one that was killed.
#![expect(clippy::disallowed_methods, reason = "the test reads its environment and writes a file")]

use crate::{
    ground::{
        host::{Host, Traces},
        node::Node,
        text,
    },
    support::{child, skip},
};
use std::{env, fs, path::PathBuf, time::Duration};

/// Where the process that is to be killed tells what it has started.
const TOLD: &str = "HYBRID_GROUND_TOLD";

#[test]
fn of_a_test_that_ends() {
    if let Some(told) = env::var_os(TOLD).map(PathBuf::from) {
        return wait_to_be_killed(&told);
    }
    let host = match Host::start() {
        Ok(host) => host,
        Err(reason) => return skip("leftovers::of_a_test_that_ends", &reason),
    };
    let traces = host.traces();
    assert!(traces.found().len() > 5, "too little is found to tell: {:#?}", traces.found());
    drop(host);
    traces.assert_gone();
}

#[test]
fn of_a_test_that_is_killed() {
    if let Err(reason) = Host::possible() {
        return skip("leftovers::of_a_test_that_is_killed", &reason);
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    let told = dir.path().join("told");
    let exe = env::current_exe().expect("the tests' own path").display().to_string();
    let set = format!("{TOLD}={}", told.display());
    let args = [&set, &exe, "--exact", "leftovers::of_a_test_that_ends", "--nocapture"];
    let test = child::Child::start("env", &args);
    let traces = child::wait("the other test's hosts", Duration::from_mins(20), || {
        Traces::from_text(&text(&told))
    });
    assert!(traces.found().len() > 5, "too little is found to tell: {:#?}", traces.found());
    // SIGKILL: it cannot clean up.
    drop(test);
    traces.assert_gone();
}

/// Starts what this machine can give, a node with its containers where it can, and stays.
fn wait_to_be_killed(told: &std::path::Path) {
    let node = Node::start(&[]).ok();
    let host = if node.is_none() { Host::start().ok() } else { None };
    let traces = node.as_deref().or(host.as_ref()).expect("a host").traces();
    fs::write(told.with_extension("new"), traces.to_text()).expect("a file");
    fs::rename(told.with_extension("new"), told).expect("a file");
    std::thread::park_timeout(Duration::from_mins(30));
}
