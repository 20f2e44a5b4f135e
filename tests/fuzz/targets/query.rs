//! Any query: no panic, and a selection only of names that the query holds.
#![no_main]

use hybrid_exporter::{engine::Select, http::query::select};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|query: &str| {
    match select(query, Select::All) {
        Ok(Select::Only(names) | Select::Except(names)) => {
            assert!(!names.is_empty() && names.len() <= query.split('&').count());
            assert!(names.iter().all(|name| name.len() <= query.len()));
        }
        Ok(Select::All) | Err(_) => {}
        Ok(Select::Part(part)) => panic!("a query does not select the part {part}"),
    }
});
