//! What the kubelet and etcd tell of themselves, in our scrape: there while they run, absent and said to be down
//! when they do not.

use super::{GUARD, Site, label};
use crate::support::{
    child::wait,
    scrape::{Scrape, Series},
};
use std::collections::BTreeSet;

/// What kube-prometheus' rules read of a kubelet that has been up for a while and has no volumes, no renewed
/// certificates and no evictions.
const READ_BY_RULES: [&str; 4] = [
    "kubelet_node_name",
    "kubelet_pleg_relist_duration_seconds_bucket",
    "kubelet_pod_worker_duration_seconds_bucket",
    "kubelet_running_pods",
];

/// Families that cAdvisor has, too.
const TWICE: [&str; 3] = [
    "container_cpu_usage_seconds_total",
    "container_memory_working_set_bytes",
    "container_start_time_seconds",
];

fn part(site: &Site, path: &str) -> Scrape {
    let answer = site.get(super::PORT, path, &[]);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let page = Scrape::parse(&answer.text());
    assert!(page.faults.is_empty(), "{:#?}", page.faults);
    page
}

fn names(page: &Scrape) -> BTreeSet<&str> {
    page.series.keys().map(|series| series.0.as_str()).collect()
}

fn is_up(page: &Scrape, upstream: &str) -> Option<f64> {
    page.value("hybrid_upstream_up", &[("upstream", upstream)])
}

pub(super) fn the_kubelet_and_etcd_join(site: &Site) {
    let page = wait("the kubelet's families", GUARD, || {
        let page = part(site, "/metrics/kubelet");
        (is_up(&page, "kubelet") == Some(1.0)).then_some(page)
    });
    let ours = names(&page);
    for name in READ_BY_RULES {
        assert!(ours.contains(name), "{name}");
    }
    for name in TWICE {
        assert!(!ours.contains(name), "{name}");
    }
    // Everything of its own that the kubelet has: what it has now it may not have had then.
    let theirs = site.kubelet("/metrics");
    let theirs = Scrape::parse(&theirs);
    let lacked: Vec<&str> = names(&theirs)
        .into_iter()
        .filter(|name| name.starts_with("kubelet_") && !ours.contains(name))
        .collect();
    assert!(lacked.len() < 10, "{lacked:?}");
    let pods = |series: &&Series| series.0 == "pod_cpu_usage_seconds_total";
    let pods: BTreeSet<&str> = page.series.keys().filter(pods).map(|s| label(s, "pod")).collect();
    assert!(pods.contains("plain") && pods.contains("limited"), "{pods:?}");

    let etcd = wait("etcd's families", GUARD, || {
        let page = part(site, "/metrics/upstream");
        (is_up(&page, "etcd") == Some(1.0)).then_some(page)
    });
    assert_eq!(etcd.value("etcd_server_has_leader", &[]), Some(1.0));
    assert!(!names(&etcd).iter().any(|name| name.starts_with("go_")));
    // Together with all else they are as they were alone.
    let all = fares(site, [1.0, 1.0]);
    assert!(names(&all).contains("container_cpu_usage_seconds_total"));
}

/// The whole page once the kubelet and etcd fare so: on a busy machine either of them may be late once.
fn fares(site: &Site, [kubelet, etcd]: [f64; 2]) -> Scrape {
    wait("the kubelet and etcd in one scrape", GUARD, || {
        let all = part(site, "/metrics");
        let fare = [is_up(&all, "kubelet"), is_up(&all, "etcd")];
        (fare == [Some(kubelet), Some(etcd)]).then_some(all)
    })
}

/// Once it has been stopped.
pub(super) fn the_kubelet_is_down(site: &Site) {
    let all = fares(site, [0.0, 1.0]);
    assert!(!names(&all).contains("kubelet_running_pods"));
    assert!(names(&all).contains("container_cpu_usage_seconds_total"));
    for (series, late) in &all.series {
        assert!(series.0 != "hybrid_scrape_collector_timed_out" || *late == 0.0, "{series:?}");
    }
}
