//! What a scrape of a host, one of a node's containers and an entry of the journal may cost: instructions, counted by
//! valgrind over what is the same on every machine. `tests/budget.tsv` has the budgets; `UPDATE_EXPECT=1` writes them anew.
#![expect(clippy::disallowed_methods, reason = "the test reads the environment, and blesses")]

mod kube;

use crate::support::{child, program, read, root, skip};
use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

/// Scrapes between the two counts.
const SCRAPES: u64 = 20;
/// The same, where one costs much.
const FEW: u64 = 3;
/// Entries of the two journals.
const ENTRIES: [u64; 2] = [20_000, 60_000];

/// valgrind, and the optimised program that is counted.
struct Counter {
    valgrind: PathBuf,
    driver: OsString,
}

// === impl Counter ===

impl Counter {
    fn new(driver: &str) -> Result<Self, String> {
        let valgrind = program("valgrind")?;
        let driver = env::var_os(driver).ok_or("tests/run builds the optimised driver")?;
        Ok(Self { valgrind, driver })
    }

    /// Instructions that the driver takes with these arguments.
    fn count(&self, args: &[&OsStr]) -> u64 {
        let tool = ["--tool=callgrind", "--callgrind-out-file=/dev/null"].map(OsStr::new);
        let all: Vec<&OsStr> =
            tool.into_iter().chain([self.driver.as_os_str()]).chain(args.iter().copied()).collect();
        let out = child::run(900, &self.valgrind, &all, b"");
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{said}");
        let line = said.lines().find_map(|line| line.split_once("Collected :"));
        line.and_then(|(_, number)| number.trim().parse().ok())
            .unwrap_or_else(|| panic!("no count: {said}"))
    }
}

/// Holds a cost to the budget of this name, or makes it the budget.
fn check(name: &str, cost: u64) {
    static FILE: Mutex<()> = Mutex::new(());
    let _writing = FILE.lock().unwrap_or_else(PoisonError::into_inner);
    let rows = read("tests/budget.tsv");
    let row = |line: &&str| line.split_once('\t').is_some_and(|(of, _)| of == name);
    if env::var_os("UPDATE_EXPECT").is_some() {
        let kept = rows.lines().filter(|line| !row(line)).map(str::to_owned);
        let mut all: Vec<String> = kept.chain([format!("{name}\t{cost}")]).collect();
        all.sort();
        let text = all.join("\n") + "\n";
        fs::write(root().join("tests/budget.tsv"), text).expect("the budget is written");
        return;
    }
    let budget: u64 = rows
        .lines()
        .find(row)
        .and_then(|line| line.split_once('\t')?.1.parse().ok())
        .unwrap_or_else(|| panic!("tests/budget.tsv has a row `{name}`"));
    assert!(
        cost * 10 <= budget * 11,
        "{name}: {cost} instructions, the budget is {budget} and a tenth"
    );
}

#[test]
fn instructions_of_a_scrape() {
    let counter = match Counter::new("HYBRID_SCRAPE_DRIVER") {
        Ok(counter) => counter,
        Err(reason) => return skip("budget::instructions_of_a_scrape", &reason),
    };
    let host = root().join("tests/fixtures/host/debian12");
    let count = |scrapes: u64| counter.count(&[host.as_os_str(), OsStr::new(&scrapes.to_string())]);
    check("scrape", (count(1 + SCRAPES) - count(1)) / SCRAPES);
}

#[test]
fn instructions_of_a_node_with_110_pods() {
    let counter = match Counter::new("HYBRID_SCRAPE_DRIVER") {
        Ok(counter) => counter,
        Err(reason) => return skip("budget::instructions_of_a_node_with_110_pods", &reason),
    };
    let node = tempfile::tempdir().expect("a temporary folder");
    let count = |scrapes: u64| {
        let scrapes = scrapes.to_string();
        counter.count(&[node.path().as_os_str(), OsStr::new(&scrapes), OsStr::new("110")])
    };
    // The first run makes what is not there.
    count(0);
    check("containers", (count(1 + FEW) - count(1)) / FEW);
}

#[test]
fn instructions_of_a_journal_entry() {
    let counter = match Counter::new("HYBRID_JOURNAL_DRIVER") {
        Ok(counter) => counter,
        Err(reason) => return skip("budget::instructions_of_a_journal_entry", &reason),
    };
    let [few, many] = ENTRIES.map(|entries| {
        let dir = tempfile::tempdir().expect("a folder");
        let number = entries.to_string();
        let make = [OsStr::new("make"), dir.path().as_os_str(), OsStr::new(&number)];
        let out = child::run(60, Path::new(&counter.driver), &make, b"");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let read = [OsStr::new("read"), dir.path().as_os_str()];
        let said = child::run(60, Path::new(&counter.driver), &read, b"").stdout;
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(said.starts_with(&format!("{entries} entries")), "{said}");
        counter.count(&read)
    });
    check("journal entry", (many - few) / (ENTRIES[1] - ENTRIES[0]));
}
