//! What a scrape may cost: instructions, counted by valgrind over a recorded host, so that the number
//! is the same on every machine. `tests/budget.tsv` has the budget; `UPDATE_EXPECT=1` writes it anew.
#![expect(clippy::disallowed_methods, reason = "the test reads the environment, and blesses")]

use crate::support::{child, program, read, root, skip};
use std::{env, fs};

/// Scrapes between the two counts.
const SCRAPES: u64 = 20;

#[test]
fn instructions_of_a_scrape() {
    let name = "budget::instructions_of_a_scrape";
    let valgrind = match program("valgrind") {
        Ok(valgrind) => valgrind,
        Err(reason) => return skip(name, &reason),
    };
    let Some(driver) = env::var_os("HYBRID_SCRAPE_DRIVER") else {
        return skip(name, "tests/run builds the optimised driver");
    };
    let host = root().join("tests/fixtures/host/debian12");
    let host = host.to_str().expect("a UTF-8 path");
    let driver = driver.to_str().expect("a UTF-8 path");
    let count = |scrapes: u64| -> u64 {
        let scrapes = scrapes.to_string();
        let tool = ["--tool=callgrind", "--callgrind-out-file=/dev/null"];
        let out = child::run(900, &valgrind, &[tool[0], tool[1], driver, host, &scrapes], b"");
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{said}");
        let line = said.lines().find_map(|line| line.split_once("Collected :"));
        line.and_then(|(_, number)| number.trim().parse().ok())
            .unwrap_or_else(|| panic!("no count: {said}"))
    };
    let cost = (count(1 + SCRAPES) - count(1)) / SCRAPES;
    if env::var_os("UPDATE_EXPECT").is_some() {
        let text = format!(
            "# Instructions that a scrape of tests/fixtures/host/debian12 may take; 10 % more fail.\n\
             scrape\t{cost}\n"
        );
        fs::write(root().join("tests/budget.tsv"), text).expect("the budget is written");
        return;
    }
    let budget: u64 = read("tests/budget.tsv")
        .lines()
        .find_map(|line| line.strip_prefix("scrape\t"))
        .and_then(|number| number.parse().ok())
        .expect("tests/budget.tsv has a row `scrape`");
    assert!(
        cost * 10 <= budget * 11,
        "a scrape takes {cost} instructions, the budget is {budget} and a tenth"
    );
}
