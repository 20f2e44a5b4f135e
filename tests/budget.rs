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
/// Pods of the two nodes, and containers of each.
const PODS: [u64; 2] = [30, 110];
const CONTAINERS: u64 = 3;
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
        self.run(&["--tool=callgrind", "--callgrind-out-file=/dev/null"], args, "Collected :")
    }

    /// Bytes of the heap that the driver has at its end.
    fn heap(&self, args: &[&OsStr]) -> u64 {
        let tool = ["--tool=memcheck", "--leak-check=no", "--undef-value-errors=no"];
        self.run(&tool, args, "in use at exit:")
    }

    /// The number that valgrind gives behind a word.
    fn run(&self, tool: &[&str], args: &[&OsStr], word: &str) -> u64 {
        let tool = tool.iter().map(OsStr::new).chain([self.driver.as_os_str()]);
        let all: Vec<&OsStr> = tool.chain(args.iter().copied()).collect();
        let out = child::run(900, &self.valgrind, &all, b"");
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{said}");
        let line = said.lines().find_map(|line| line.split_once(word));
        let digits = line.and_then(|(_, rest)| rest.split_whitespace().next());
        digits
            .and_then(|digits| digits.replace(',', "").parse().ok())
            .unwrap_or_else(|| panic!("no {word}: {said}"))
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
    let count = |scrapes: u64, written: &[&str]| {
        let scrapes = scrapes.to_string();
        let args = [node.path().to_str().expect("a UTF-8 path"), &scrapes, "110"];
        let args = [&args, written].concat();
        counter.count(&args.iter().map(OsStr::new).collect::<Vec<_>>())
    };
    // The first run makes what is not there.
    count(0, &[]);
    for (name, written) in
        [("containers", &[][..]), ("containers gzip", &["gzip"]), ("containers text", &["text"])]
    {
        check(name, (count(1 + FEW, written) - count(1, written)) / FEW);
    }
}

#[test]
fn bytes_of_a_container() {
    let counter = match Counter::new("HYBRID_SCRAPE_DRIVER") {
        Ok(counter) => counter,
        Err(reason) => return skip("budget::bytes_of_a_container", &reason),
    };
    let [few, many] = PODS.map(|pods| {
        let node = tempfile::tempdir().expect("a temporary folder");
        let pods = pods.to_string();
        let args =
            [node.path().as_os_str(), OsStr::new("2"), OsStr::new(&pods), OsStr::new("gzip")];
        counter.heap(&args)
    });
    check("containers bytes", (many - few) / (CONTAINERS * (PODS[1] - PODS[0])));
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
