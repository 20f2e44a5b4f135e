//! A store against a map of plain text.

use super::*;
use exposition::Unpacker;
use proptest::prelude::*;
use std::collections::BTreeMap;

const FAMILIES: usize = 3;

impl Lines for [String; FAMILIES] {
    fn family(&self, index: usize) -> &[u8] {
        self.get(index).map_or(&[], |lines| lines.as_bytes())
    }
}

/// Lines of an object: none, one and many, by family.
fn object(key: &str, value: u32) -> [String; FAMILIES] {
    let some =
        if value.is_multiple_of(3) { String::new() } else { format!("b{{k=\"{key}\"}} 1\n") };
    let many = (0..value % 7).map(|n| format!("c{{k=\"{key}\",n=\"{n}\"}} {value}\n"));
    [format!("a{{k=\"{key}\"}} {value}\n"), some, many.collect()]
}

/// The lines that a scrape sees, by family, in order.
fn seen(snapshot: &Snapshot) -> [Vec<String>; FAMILIES] {
    let mut unpacker = Unpacker::new();
    std::array::from_fn(|family| {
        let mut text = Vec::new();
        for page in snapshot.family(family).unwrap().iter() {
            assert!(!page.is_empty());
            unpacker.unpack(page, &mut text);
        }
        let mut lines: Vec<String> =
            String::from_utf8(text).unwrap().lines().map(str::to_owned).collect();
        lines.sort();
        lines
    })
}

fn expected(objects: &BTreeMap<String, u32>) -> [Vec<String>; FAMILIES] {
    std::array::from_fn(|family| {
        let text: String = objects.iter().map(|(k, v)| object(k, *v)[family].clone()).collect();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    })
}

#[test]
fn nothing_is_seen_before_the_first_list_ends_and_then_it_is_whole() {
    let (mut store, mut press) = (Store::new(FAMILIES), Press::default());
    store.begin_relist();
    assert!(store.publish(&mut press).is_none());
    assert_eq!(store.apply("a", &object("a", 1), &mut press), None);
    assert!(store.publish(&mut press).is_none());
    store.end_relist();
    let snapshot = store.publish(&mut press).unwrap();
    assert_eq!(snapshot.objects(), 1);
    assert_eq!(seen(&snapshot), expected(&BTreeMap::from([("a".to_owned(), 1)])));
}

#[test]
fn a_relist_swaps() {
    let (mut store, mut press) = (Store::new(FAMILIES), Press::default());
    let old: BTreeMap<String, u32> = (0..200).map(|n| (format!("k{n}"), n)).collect();
    let new: BTreeMap<String, u32> = (100..300).map(|n| (format!("k{n}"), n * 2)).collect();
    for round in [&old, &new] {
        store.begin_relist();
        for (key, value) in round {
            store.apply(key, &object(key, *value), &mut press);
        }
        if round == &new {
            assert_eq!(seen(&store.publish(&mut press).unwrap()), expected(&old));
        }
        store.end_relist();
        assert_eq!(seen(&store.publish(&mut press).unwrap()), expected(round));
    }
    assert_eq!(store.len(), 200);
    // Those who hold the old one keep it.
    let held = store.publish(&mut press).unwrap();
    for key in new.keys() {
        store.delete(key);
    }
    assert!(store.is_empty() && store.racks.iter().all(Option::is_none));
    assert_eq!(seen(&store.publish(&mut press).unwrap()), expected(&BTreeMap::new()));
    assert_eq!(seen(&held), expected(&new));
}

#[test]
fn what_did_not_change_keeps_its_pages() {
    let (mut store, mut press) = (Store::new(FAMILIES), Press::default());
    store.apply("a", &object("a", 1), &mut press);
    store.apply("b", &object("b", 1), &mut press);
    let before = store.publish(&mut press).unwrap();
    store.apply("a", &object("a", 1), &mut press);
    assert!(Arc::ptr_eq(&before, &store.publish(&mut press).unwrap()));
    // 1 and 4 differ in the first and the last family.
    store.apply("a", &object("a", 4), &mut press);
    let after = store.publish(&mut press).unwrap();
    let same = |family| Arc::ptr_eq(before.family(family).unwrap(), after.family(family).unwrap());
    assert_eq!([same(0), same(1), same(2)], [false, true, false]);
}

#[test]
fn an_object_with_too_many_lines_costs_its_family() {
    let (mut store, mut press) = (Store::new(FAMILIES), Press::default());
    let mut lines = object("a", 1);
    lines[1] = "b{x=\"y\"} 1\n".repeat(100_000);
    assert_eq!(store.apply("a", &lines, &mut press), Some(1));
    let seen = seen(&store.publish(&mut press).unwrap());
    assert_eq!([seen[0].len(), seen[1].len(), seen[2].len()], [1, 0, 1]);
}

#[test]
fn a_list_waits_in_bounded_memory() {
    let (mut store, mut press) = (Store::new(FAMILIES), Press::default());
    store.begin_relist();
    for n in 0..2_000 {
        let lines = [format!("a{{n=\"{n}\"}} 1\n").repeat(200), String::new(), String::new()];
        store.apply(&n.to_string(), &lines, &mut press);
        assert!(store.waiting <= MAX_WAITING);
        let real: usize = store.racks.iter().flatten().map(Rack::waiting).sum();
        assert_eq!(store.waiting, real);
    }
}

#[test]
fn what_waits_in_all_stores_has_one_bound() {
    let mut press = Press::default();
    let mut stores: Vec<_> = (0..100).map(|_| Store::new(FAMILIES)).collect();
    for n in 0..20 {
        for store in &mut stores {
            let lines = [format!("a{{n=\"{n}\"}} 1\n").repeat(1000), String::new(), String::new()];
            store.apply(&n.to_string(), &lines, &mut press);
        }
    }
    let all = |stores: &[Store]| stores.iter().map(|store| store.waiting).sum::<usize>();
    let counted = |press: &Press| press.waiting.load(Relaxed);
    assert_eq!(all(&stores), counted(&press));
    assert!(all(&stores) <= MAX_WAITING + stores.len() * FEW_WAITING, "{}", all(&stores));
    assert!(all(&stores) > MAX_WAITING / 2, "nothing waits: {}", all(&stores));
    for store in &mut stores {
        store.publish(&mut press);
    }
    assert_eq!((all(&stores), counted(&press)), (0, 0));
    let lines = ["a 1\n".to_owned(), String::new(), String::new()];
    stores[0].apply("last", &lines, &mut press);
    assert!(counted(&press) > 0);
    drop(stores);
    assert_eq!(counted(&press), 0);
}

#[derive(Clone, Debug)]
enum Step {
    Apply(u8, u32),
    Delete(u8),
    Publish,
    Relist(Vec<(u8, u32)>),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (any::<u8>(), 0..50u32).prop_map(|(key, value)| Step::Apply(key, value)),
        3 => any::<u8>().prop_map(Step::Delete),
        1 => Just(Step::Publish),
        1 => prop::collection::vec((any::<u8>(), 0..50u32), 0..100).prop_map(Step::Relist),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn it_is_a_map(steps in prop::collection::vec(step(), 0..150)) {
        let (mut store, mut map) = (Store::new(FAMILIES), BTreeMap::new());
            let mut press = Press::default();
        for step in steps {
            match step {
                Step::Apply(key, value) => {
                    let key = key.to_string();
                    store.apply(&key, &object(&key, value), &mut press);
                    map.insert(key, value);
                }
                Step::Delete(key) => {
                    store.delete(&key.to_string());
                    map.remove(&key.to_string());
                }
                Step::Publish => {
                    prop_assert_eq!(seen(&store.publish(&mut press).unwrap()), expected(&map));
                }
                Step::Relist(list) => {
                    store.begin_relist();
                    map.clear();
                    for (key, value) in list {
                        let key = key.to_string();
                        store.apply(&key, &object(&key, value), &mut press);
                        map.insert(key, value);
                    }
                    store.end_relist();
                }
            }
            prop_assert_eq!(store.len(), map.len());
        }
        let snapshot = store.publish(&mut press).unwrap();
        prop_assert_eq!(snapshot.objects(), map.len());
        prop_assert_eq!(seen(&snapshot), expected(&map));
    }
}
