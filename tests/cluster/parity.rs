//! What we show of a real API server's objects beside what kube-state-metrics 2.20 shows of them:
//! objects of all 39 resources, with a status, everything opted in and every label allowed. Each sample
//! that is not the same is told here, and its family in `exporter/kube/exceptions.tsv`.

use super::kube_state_metrics;
use crate::{
    ground::cluster::Cluster,
    support::{
        child::{exporter, wait},
        client, peer, read, root,
        scrape::{Scrape, Series, show},
        skip,
    },
};
use expect_test::expect;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// Objects that a finalizer holds, so that they are there and are being deleted.
const GOING: &str = "node/alpha pv/pv-csi ns/going";
const GOING_IN_SHOP: &str = "serviceaccount/plain pod/pending deployment/web daemonset/agent statefulset/db hpa/web pdb/web \
     pvc/data-web-0 service/web";

#[test]
fn samples_are_those_of_kube_state_metrics() {
    let name = "cluster::parity::samples_are_those_of_kube_state_metrics";
    let theirs = match peer("kube-state-metrics") {
        Ok(path) => path,
        Err(reason) => return skip(name, &reason),
    };
    let cluster = match Cluster::api() {
        Ok(cluster) => cluster,
        Err(reason) => return skip(name, &reason),
    };
    apply(&cluster);
    let config = cluster.kubeconfig();
    let config = format!("--kubeconfig={}", config.display());
    let resources = format!("--resources={}", resources());
    let flags = [
        config.as_str(),
        &resources,
        "--metric-opt-in-list=.*",
        "--metric-labels-allowlist=*=[*]",
        "--metric-annotations-allowlist=*=[*]",
    ];
    let only = ["--cluster=always", "--collector.disable-defaults"];
    let (_ours, address) = exporter(&[&flags[..], &only].concat());
    let (_theirs, their_address) = kube_state_metrics(&theirs, &flags);
    wait("every resource's list", Duration::from_mins(2), || {
        (client::get(&address, "/readyz", &[]).status == 200).then_some(())
    });
    // From here on nothing may be missing.
    let text = client::page(&address, "/metrics/kube-state");
    let mut ours = Scrape::parse(&text);
    // There are others: how the watches fare, the exporter's own.
    ours.series.retain(|(name, _), _| {
        name.starts_with("kube_") && !name.starts_with("kube_state_metrics_")
    });
    assert!(ours.faults.is_empty(), "{:#?}", ours.faults);
    let exceptions = read("exporter/kube/exceptions.tsv");
    let told: BTreeSet<_> = exceptions.lines().filter_map(|line| line.split('\t').next()).collect();
    // They serve what they have, and do not tell when that is all: it is when they have what we have.
    let their_text = wait("the peer's lists", Duration::from_mins(2), || {
        let text = client::page(&their_address, "/metrics");
        let theirs = Scrape::parse(&text);
        let mut known = ours.series.keys().filter(|series| !told.contains(series.0.as_str()));
        known.all(|series| moves(series) || theirs.series.contains_key(series)).then_some(text)
    });
    let theirs = Scrape::parse(&their_text);
    let mut differences = String::new();
    let all: BTreeSet<_> = ours.series.keys().chain(theirs.series.keys()).collect();
    for series in all.into_iter().filter(|series| !moves(series)) {
        let (own, their) = (ours.series.get(series), theirs.series.get(series));
        if own != their {
            assert!(
                told.contains(series.0.as_str()),
                "{} is not told: {own:?} {their:?}",
                show(series)
            );
            let number = |of: Option<&f64>| of.map_or("none".to_owned(), ToString::to_string);
            let line = [number(own), number(their), show(series)].join(" ");
            differences.extend([line.as_str(), "\n"]);
        }
    }
    // Ours, theirs, and of what.
    expect![[r#"
        1767916800 1770940800 kube_cronjob_next_schedule_time{cronjob="either-day",namespace="shop"}
        1774830600 1774747800 kube_cronjob_next_schedule_time{cronjob="lost-hour",namespace="shop"}
        none -62135596800 kube_cronjob_next_schedule_time{cronjob="never",namespace="shop"}
        1767402000 none kube_cronjob_next_schedule_time{cronjob="wide-step",namespace="shop"}
        none 1 kube_cronjob_schedule_invalid{cronjob="wide-step",namespace="shop"}
    "#]]
    .assert_eq(&differences);
    let (own, their) = (heads(&text), heads(&their_text));
    assert_eq!(their.len(), 336, "each family has a sample");
    let own: BTreeMap<_, _> =
        own.into_iter().filter(|(family, _)| their.contains_key(family)).collect();
    let lacks = |family: &&str| !own.contains_key(family);
    let lacked: Vec<_> = their.keys().copied().filter(lacks).collect();
    assert_eq!(lacked, ["kube_cronjob_schedule_invalid"]);
    for (family, head) in &own {
        assert_eq!(Some(head), their.get(family), "{family}: type, and whether it is stable");
    }
}

/// Puts the fixtures into the cluster.
fn apply(cluster: &Cluster) {
    let file = |name: &str| root().join("tests/fixtures/kube").join(name).display().to_string();
    let (plain, status) = (file("without_status.yaml"), file("with_status.yaml"));
    cluster.kubectl(&["create", "-f", &plain, "-f", &status], "");
    cluster.kubectl(&["replace", "--subresource=status", "-f", &status], "");
    cluster.kubectl(&["certificate", "approve", "approved"], "");
    let going = |args: &[&str], names: &str| {
        let names: Vec<_> = names.split_whitespace().collect();
        cluster.kubectl(&[args, &["delete", "--wait=false"], &names].concat(), "");
    };
    going(&["--namespace=shop"], GOING_IN_SHOP);
    going(&[], GOING);
}

/// All 39, by their names in the flag.
fn resources() -> String {
    let table = read("exporter/kube/families.tsv");
    let names: BTreeSet<_> = table
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split('\t').next())
        .collect();
    assert_eq!(names.len(), 39, "{names:?}");
    names.into_iter().collect::<Vec<_>>().join(",")
}

/// Whether a series is another in each scrape: the API server renews its own Lease.
fn moves((_, labels): &Series) -> bool {
    labels.iter().any(|(label, value)| label == "lease" && value.starts_with("apiserver-"))
}

/// Families with a sample: their type, and whether the help text calls them stable.
fn heads(text: &str) -> BTreeMap<&str, (String, bool)> {
    let (mut found, mut stable, mut kind) = (BTreeMap::new(), false, "");
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            stable = help.contains(" [STABLE] ");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            kind = rest.rsplit_once(' ').map_or("", |(_, kind)| kind);
        } else if let Some((family, _)) = line.split_once(['{', ' ']) {
            found.entry(family).or_insert_with(|| (kind.to_owned(), stable));
        }
    }
    found
}
