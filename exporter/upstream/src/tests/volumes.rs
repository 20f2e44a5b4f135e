//! Volumes by the kubelet's answer and without one, through the collector: in every scrape once.

use super::{Rig, brief};
use crate::{
    collector::KUBELET,
    scripted::{Reply, Server},
};
use collect::testing::{context, tree};
use model::{Claim, Claims, Model, Pod};
use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering::Relaxed},
};

const TABLE: &str =
    "30 1 0:50 / /var/lib/kubelet/pods/1/volumes/kubernetes.io~nfs/pv rw - nfs4 server:/ rw\n";
const THEIRS: &str = "kubelet_running_pods 1
# HELP kubelet_volume_stats_capacity_bytes [ALPHA] Capacity in bytes of the volume
# TYPE kubelet_volume_stats_capacity_bytes gauge
kubelet_volume_stats_capacity_bytes{namespace=\"shop\",persistentvolumeclaim=\"data\"} 1.5e+09
";

#[tokio::test]
async fn a_volume_is_told_once_by_whom_it_may_be() {
    static STATE: AtomicU8 = AtomicU8::new(0);
    const WHOLE: u8 = 0;
    const WITHOUT_PROBES: u8 = 1;
    const REFUSES: u8 = 2;
    const STARTS: u8 = 3;
    let server = Server::plain(|head| match (head.split(' ').nth(1), STATE.load(Relaxed)) {
        (_, REFUSES) => Reply::of("403 Forbidden", "", b""),
        (Some("/metrics"), STARTS) => Reply::text("kubelet_running_pods 0\n"),
        (Some("/metrics"), _) => Reply::text(THEIRS),
        (Some("/metrics/probes"), WITHOUT_PROBES) => Reply::of("404 Not Found", "", b""),
        _ => Reply::text(""),
    })
    .await;
    let dir = tree(&[
        ("proc/self/mountinfo", TABLE),
        ("rootfs/var/lib/kubelet/pods/1/volumes/kubernetes.io~nfs/pv/", ""),
    ]);
    let url = format!("http://{}", server.address);
    let mut cx = context(&KUBELET, dir.path(), &[("kubelet.url", &url)]);
    cx.options.set("kubelet", vec!["on".to_owned()]);
    let claims = Claims {
        all: vec![Claim { name: "data".into(), ..Claim::default() }],
        ..Claims::default()
    };
    let pod = Pod {
        namespace: "shop".into(),
        name: "db-0".into(),
        claims: Some(Arc::new(claims)),
        ..Pod::default()
    };
    cx.shared.get::<Model>().pods_mut().apply(&"1".into(), pod);
    let mut rig = Rig::new(&cx, &KUBELET);
    for (state, up, theirs) in [
        (WHOLE, 1, true),
        (WITHOUT_PROBES, 0, true),
        (REFUSES, 0, false),
        (STARTS, 1, false),
        (WHOLE, 1, true),
        (REFUSES, 0, false),
    ] {
        STATE.store(state, Relaxed);
        let text = rig.scrape().await;
        assert!(text.contains(&format!("hybrid_upstream_up{{upstream=\"kubelet\"}} {up}\n")));
        let headers = text.matches("# TYPE kubelet_volume_stats_capacity_bytes gauge\n").count();
        let lines = brief(&text);
        let all: Vec<_> = lines.lines().filter(|l| l.starts_with("kubelet_volume_")).collect();
        let of = |name: &str| {
            let series = format!(
                "kubelet_volume_stats_{name}{{namespace=\"shop\",persistentvolumeclaim=\"data\"}} "
            );
            all.iter().find_map(|line| line.strip_prefix(&*series)?.parse::<f64>().ok())
        };
        assert_eq!(headers, 1, "{text}");
        assert_eq!(of("capacity_bytes") == Some(1.5e9), theirs, "{text}");
        assert_eq!(all.len(), if theirs { 1 } else { 6 }, "{text}");
        assert_eq!(of("used_bytes").is_some(), !theirs, "{text}");
    }
    // Where nobody may be asked, the volumes are there all the same.
    let mut alone = collect::Context { shared: cx.shared.clone(), ..cx.clone() };
    alone.options.set("kubelet", vec!["auto".to_owned()]);
    alone.options.set("kubelet.url", vec![String::new()]);
    let text = Rig::new(&alone, &KUBELET).scrape().await;
    assert_eq!(text.matches("kubelet_volume_stats_capacity_bytes{").count(), 1, "{text}");
    assert!(text.ends_with("error: no data: no kubelet: no --node-name, and no unit of one\n"));
}
