//! What a pod of a cluster costs, from the API server's JSON to a scrape's text: instructions, and the heap
//! that is kept, counted by valgrind. `tests/budget/kube.tsv` has the budget; `UPDATE_EXPECT=1` writes it
//! anew.

use crate::support::{assert_file, child, program, read, root, skip};
use std::{env, fmt::Write as _, fs, path::Path};

/// Pods of the two counts: racks' worth.
const FEW: u64 = 128;
const MANY: u64 = 384;
/// One pod in so many is changed by `tests/benches/kube.rs`.
const CHANGED: u64 = 16;
const BUDGET: &str = "tests/budget/kube.tsv";

#[test]
fn a_pod_from_its_list_to_a_scrape() {
    let name = "budget::kube::a_pod_from_its_list_to_a_scrape";
    let found = program("valgrind").and_then(|valgrind| Ok((valgrind, program("python3")?)));
    let (valgrind, python) = match found {
        Ok(found) => found,
        Err(reason) => return skip(name, &reason),
    };
    let Some(scrape) = env::var_os("HYBRID_SCRAPE_DRIVER") else {
        return skip(name, "tests/run builds the optimised driver");
    };
    let driver = Path::new(&scrape).with_file_name("kube");
    let driver = driver.to_str().expect("a UTF-8 path");
    let dir = tempfile::tempdir().expect("a temporary directory");
    let pods = |round: &str| {
        let script = root().join("tests/ground/pods.py").to_string_lossy().into_owned();
        let count = MANY.to_string();
        let args = [script.as_str(), "print", "--pods", &count, "--round", round];
        let out = child::run(120, &python, &args, b"");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let file = dir.path().join(round);
        fs::write(&file, out.stdout).expect("a file");
        file.to_str().expect("a UTF-8 path").to_owned()
    };
    let (before, after) = (pods("0"), pods("1"));
    let run = |tool: &[&str], pods: u64, more: &[&str]| {
        let pods = pods.to_string();
        let args = [tool, &[driver, &before, &pods], more].concat();
        let out = child::run(900, &valgrind, &args, b"");
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(out.status.success(), "{said}");
        said
    };
    let count = |pods: u64, more: &[&str]| {
        let tool = ["--tool=callgrind", "--callgrind-out-file=/dev/null"];
        number(&run(&tool, pods, more), "Collected :")
    };
    let heap = |pods: u64| {
        let tool = ["--tool=memcheck", "--leak-check=no", "--undef-value-errors=no"];
        let said = run(&tool, pods, &[]);
        (number(&said, "in use at exit:"), number(&said, "total heap usage:"))
    };
    let (few, many) = (count(FEW, &[]), count(MANY, &[]));
    let (less, more) = (heap(FEW), heap(MANY));
    let each = |of: u64| of / (MANY - FEW);
    let costs = [
        ("listed", each(many - few)),
        ("changed", (count(MANY, &["change", &after]) - many) / (MANY / CHANGED)),
        ("scraped", (count(MANY, &["scrape"]) - many) / MANY),
        ("bytes", each(more.0 - less.0)),
        ("allocations", each(more.1 - less.1)),
    ];
    let budget = read(BUDGET);
    if env::var_os("UPDATE_EXPECT").is_some() {
        let remarks = budget.lines().filter(|line| line.starts_with('#'));
        let mut text: String = remarks.flat_map(|line| [line, "\n"]).collect();
        for (row, cost) in costs {
            writeln!(text, "{row}\t{cost}").expect("a string takes it");
        }
        return assert_file(BUDGET, &text);
    }
    for (row, cost) in costs {
        let most = budget.lines().find_map(|line| line.strip_prefix(row)?.strip_prefix('\t'));
        let most: u64 = most.and_then(|most| most.parse().ok()).expect("a row each");
        assert!(cost * 10 <= most * 11, "{row}: {cost}, the budget is {most} and a tenth");
    }
}

/// The number behind a word.
fn number(said: &str, word: &str) -> u64 {
    let line = said.lines().find_map(|line| line.split_once(word));
    let digits = line.and_then(|(_, rest)| rest.split_whitespace().next());
    let digits = digits.map(|digits| digits.replace(',', ""));
    digits.and_then(|digits| digits.parse().ok()).unwrap_or_else(|| panic!("no {word}: {said}"))
}
