//! kube-state-metrics 2.20 as the oracle: `oracle/custom_samples.tsv` is what its own package wrote
//! for each configuration of `oracle/custom_configurations.tsv` and each object of
//! `oracle/custom_objects.tsv`, which were drawn at random, each a line of YAML or JSON. Where an object
//! gives a series twice, the first of them is kept; else there is no difference.

use super::{Configuration, CustomResource, Notes, Served};
use crate::{FamilyFilter, Rendered};
use std::collections::BTreeMap;

/// The samples of a family by their series: of a series that comes twice, all numbers.
type Samples = BTreeMap<String, Vec<String>>;

fn samples<'t>(lines: impl Iterator<Item = &'t str>) -> Samples {
    let mut samples = Samples::new();
    for line in lines {
        let (series, number) = line.rsplit_once(' ').expect("a sample");
        let number: f64 = number.parse().expect("a number");
        samples.entry(series.to_owned()).or_default().push(number.to_string());
    }
    samples
}

/// What was said of a resource in one case, by family: how many elements gave nothing, and samples.
fn theirs(block: &str) -> BTreeMap<String, (usize, Samples)> {
    let mut families = BTreeMap::<String, (usize, Samples)>::new();
    for part in block.split("! ").skip(1) {
        let (head, lines) = part.split_once('\n').expect("a head");
        let name = head.split(' ').next().expect("a name");
        let faults: usize = head.rsplit(' ').next().and_then(|n| n.parse().ok()).expect("a count");
        let family = families.entry(name.to_owned()).or_default();
        family.0 += faults;
        for (series, numbers) in samples(lines.lines()) {
            family.1.entry(series).or_default().extend(numbers);
        }
    }
    families
}

#[test]
fn samples_are_those_of_kube_state_metrics() {
    let served = Served {
        group: "myteam.io".into(),
        version: "v1".into(),
        kind: "Foo".into(),
        plural: "foos".into(),
        namespaced: true,
        states: false,
    };
    let mut blocks = include_str!("../../oracle/custom_samples.tsv").split("# ").skip(1);
    let (mut rendered, mut notes) = (Rendered::default(), Notes::default());
    let (mut differences, mut same) = (Vec::new(), 0);
    let configurations = include_str!("../../oracle/custom_configurations.tsv").lines();
    let objects = include_str!("../../oracle/custom_objects.tsv").lines();
    let cases = configurations.flat_map(|text| objects.clone().map(move |object| (text, object)));
    for (number, (text, object)) in (1..).zip(cases) {
        let configuration = Configuration::parse(text).expect("a configuration");
        let all = FamilyFilter::default();
        let custom = CustomResource::new(&configuration, &served, &all, false).expect("families");
        custom.render(object.as_bytes(), &mut rendered, &mut notes).expect("an object");
        let (head, block) = blocks.next().and_then(|b| b.split_once('\n')).expect("samples");
        assert_eq!(head, number.to_string());
        let mut theirs = theirs(block);
        for (place, family) in custom.families().iter().enumerate() {
            let text = str::from_utf8(rendered.family(place)).expect("UTF-8");
            let ours = samples(text.lines());
            let (faults, theirs) = theirs.remove(&*family.name).unwrap_or_default();
            let own = notes.troubles().iter().filter(|t| t.family == place);
            let own: usize = own.map(|trouble| trouble.elements).sum();
            if own != faults {
                differences.push(format!("{number} {} faults {own} {faults}", family.name));
            }
            for (series, numbers) in &ours {
                let Some(others) = theirs.get(series) else {
                    differences.push(format!("{number} ours   {series} {numbers:?}"));
                    continue;
                };
                // Of a series that comes twice one is written, and not always their first.
                assert_eq!(numbers.len(), 1, "{series}");
                if others.contains(&numbers[0]) {
                    same += 1;
                } else {
                    differences.push(format!("{number} {series} {numbers:?} {others:?}"));
                }
            }
            for (series, numbers) in theirs.iter().filter(|(series, _)| !ours.contains_key(*series))
            {
                differences.push(format!("{number} theirs {series} {numbers:?}"));
            }
        }
        assert!(theirs.is_empty(), "{number} {theirs:?}");
    }
    assert!(blocks.next().is_none());
    assert!(same > 1000, "{same}");
    assert!(differences.is_empty(), "{differences:#?}");
}
