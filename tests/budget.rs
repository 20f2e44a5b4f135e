//! What a scrape may cost: instructions, counted by valgrind over a recorded host and over a node's
//! containers, so that the number is the same on every machine. `tests/budget.tsv` has the budget;
//! `UPDATE_EXPECT=1` writes it anew.
#![expect(clippy::disallowed_methods, reason = "the test reads the environment, and blesses")]

use crate::support::{child, program, read, root, skip};
use std::{env, fs, sync::Mutex};

/// Scrapes between the two counts.
const SCRAPES: u64 = 20;
/// The same, where one costs much.
const FEW: u64 = 3;

#[test]
fn instructions_of_a_scrape() {
    let host = root().join("tests/fixtures/host/debian12");
    let args = [host.to_str().expect("a UTF-8 path")];
    check("budget::instructions_of_a_scrape", "scrape", &args, SCRAPES, &[]);
}

#[test]
fn instructions_of_a_node_with_110_pods() {
    let node = tempfile::tempdir().expect("a temporary folder");
    let args = [node.path().to_str().expect("a UTF-8 path")];
    let name = "budget::instructions_of_a_node_with_110_pods";
    check(name, "containers", &args, FEW, &["110"]);
}

/// Counts the scrapes of the driver and compares one with the budget's row.
fn check(name: &str, row: &str, args: &[&str], scrapes: u64, more: &[&str]) {
    let valgrind = match program("valgrind") {
        Ok(valgrind) => valgrind,
        Err(reason) => return skip(name, &reason),
    };
    let Some(driver) = env::var_os("HYBRID_SCRAPE_DRIVER") else {
        return skip(name, "tests/run builds the optimised driver");
    };
    let driver = driver.to_str().expect("a UTF-8 path");
    let count = |scrapes: u64| -> u64 {
        let scrapes = scrapes.to_string();
        let tool = ["--tool=callgrind", "--callgrind-out-file=/dev/null", driver];
        let all = [&tool, args, &[&scrapes], more].concat();
        let out = child::run(900, &valgrind, &all, b"");
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{said}");
        let line = said.lines().find_map(|line| line.split_once("Collected :"));
        line.and_then(|(_, number)| number.trim().parse().ok())
            .unwrap_or_else(|| panic!("no count: {said}"))
    };
    // The first run makes what is not there.
    count(0);
    let cost = (count(1 + scrapes) - count(1)) / scrapes;
    let rows = read("tests/budget.tsv");
    if env::var_os("UPDATE_EXPECT").is_some() {
        let _one_at_a_time = BLESSING.lock();
        let others = read("tests/budget.tsv");
        let mut lines: Vec<String> = others
            .lines()
            .filter(|line| !line.starts_with(&format!("{row}\t")))
            .map(str::to_owned)
            .collect();
        lines.push(format!("{row}\t{cost}"));
        lines.sort();
        fs::write(root().join("tests/budget.tsv"), lines.join("\n") + "\n")
            .expect("the budget is written");
        return;
    }
    let budget: u64 = rows
        .lines()
        .find_map(|line| line.strip_prefix(row)?.strip_prefix('\t'))
        .and_then(|number| number.parse().ok())
        .unwrap_or_else(|| panic!("tests/budget.tsv has no row {row:?}"));
    assert!(
        cost * 10 <= budget * 11,
        "{row}: a scrape takes {cost} instructions, the budget is {budget} and a tenth"
    );
}

/// The rows of the budget are written one after the other.
static BLESSING: Mutex<()> = Mutex::new(());
