//! What a store of many pods costs: `cargo run --release -p store --example pods [PODS]`.
//!
//! The lines have the shape of kube-state-metrics': 50 of them a pod, in 50 families, some 170 bytes each,
//! half of it namespace, name and uid. Prints CPU time (user and system) and resident memory.
#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a tool for people")]

use std::{fmt::Write as _, sync::Arc};
use store::{Lines, Press, Snapshot, Store};

const FAMILIES: usize = 50;

struct Pod {
    text: String,
    ends: Vec<usize>,
}

impl Lines for Pod {
    fn family(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).and_then(|at| self.ends.get(at)).copied().unwrap_or(0);
        let end = self.ends.get(index).copied().unwrap_or(start);
        self.text.as_bytes().get(start..end).unwrap_or_default()
    }
}

fn render(pod: &mut Pod, n: u64, restarts: u64) -> String {
    // Spread over the bits, as random uids are.
    let mix = |x: u64| {
        let x = (x ^ (x >> 31)).wrapping_mul(0x7fb5_d329_728e_a185);
        (x ^ (x >> 27)).wrapping_mul(0x81da_def4_bc2d_d44d)
    };
    let (a, b) = (mix(n + 1), mix(n + 77));
    let uid = format!(
        "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
        a >> 32,
        a & 0xffff,
        b >> 52,
        b & 0xfff,
        mix(a ^ b) & 0xffff_ffff_ffff
    );
    pod.text.clear();
    pod.ends.clear();
    for family in 0..FAMILIES {
        let rs = n / 10;
        let value = if family % 10 == 3 { 1_760_000_000 + a % 1_000_000 + restarts } else { 1 };
        writeln!(
            pod.text,
            "kube_pod_container_family_{family}{{namespace=\"team-{}\",pod=\"app-{rs}-{:x}-{:05x}\",uid=\"{uid}\",container=\"main-{}\"}} {value}",
            n % 20,
            mix(rs) & 0xfff_ffff,
            a & 0xf_ffff,
            family % 2,
        )
        .expect("a string takes it");
        pod.ends.push(pod.text.len());
    }
    uid
}

fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/schedstat").expect("Linux");
    stat.split(' ').next().and_then(|ns| ns.parse::<f64>().ok()).expect("a number") / 1e9
}

fn rss(name: &str) -> String {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with(name)).expect("Linux");
    line.split_whitespace()
        .nth(1)
        .map(|kb| format!("{} MB", kb.parse::<u64>().unwrap_or(0) / 1000))
        .expect("kB")
}

fn timed<T>(what: &str, mut run: impl FnMut() -> T) -> T {
    let begun = cpu();
    let out = run();
    println!("{what}: {:.3} s, {} (peak {})", cpu() - begun, rss("VmRSS"), rss("VmHWM"));
    out
}

fn pages(snapshot: &Snapshot) -> impl Iterator<Item = &Arc<exposition::Page>> {
    (0..FAMILIES).filter_map(|family| snapshot.family(family)).flat_map(|pages| pages.iter())
}

fn main() {
    let pods: u64 = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(10_000);
    let (mut store, mut press) = (Store::new(FAMILIES), Press::default());
    let mut pod = Pod { text: String::new(), ends: Vec::new() };
    timed("rendering alone", || (0..pods).for_each(|n| drop(render(&mut pod, n, 0))));
    let snapshot = timed("list", || {
        store.begin_relist();
        for n in 0..pods {
            let uid = render(&mut pod, n, 0);
            store.apply(&uid, &pod, &mut press);
        }
        store.end_relist();
        store.publish(&mut press).expect("complete")
    });
    let (text, packed) = pages(&snapshot)
        .fold((0, 0), |(text, packed), page| (text + page.len(), packed + page.deflated().len()));
    println!("{} pages, {text} bytes, {packed} compressed", pages(&snapshot).count());
    timed("relist of the same", || {
        store.begin_relist();
        for n in 0..pods {
            let uid = render(&mut pod, n, 0);
            store.apply(&uid, &pod, &mut press);
        }
        store.end_relist();
        store.publish(&mut press)
    });
    for round in 1..=3 {
        timed("1 % changed", || {
            for n in (0..pods).step_by(100) {
                let uid = render(&mut pod, (n * 7 + round * 13) % pods, round);
                store.apply(&uid, &pod, &mut press);
            }
            store.publish(&mut press)
        });
    }
    timed("1 % replaced", || {
        for n in (0..pods).step_by(100) {
            let uid = render(&mut pod, (n * 7 + 5) % pods, 0);
            store.delete(&uid);
            let uid = render(&mut pod, pods + n, 0);
            store.apply(&uid, &pod, &mut press);
        }
        store.publish(&mut press)
    });
    let mut unpacker = exposition::Unpacker::new();
    timed("unpacked", || {
        let mut out = Vec::new();
        for page in pages(&snapshot) {
            out.clear();
            unpacker.unpack(page, &mut out);
        }
    });
}
