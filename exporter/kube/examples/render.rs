//! How much CPU time it takes to decode and render pods: `cargo run --release -p kubestate --example
//! render -- 10000` prints it for pods of two containers, beside what passing over their JSON takes.
#![expect(clippy::print_stdout, reason = "it prints what it measured")]

use kubestate::{Rendered, Settings, resource};
use std::{hint::black_box, time::Duration};

/// A pod as the API server writes it, with what a Deployment and the kubelet put into it.
const POD: &str = include_str!("pod.json");

fn main() {
    let count = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(10_000);
    let pods = resource("pods").expect("pods");
    let options = Settings::default().options(pods).expect("settings");
    let compact: String = POD.lines().collect();
    let objects: Vec<String> =
        (0..count).map(|n: u32| compact.replace("NUMBER", &format!("{n:08}"))).collect();
    let bytes: usize = objects.iter().map(String::len).sum();
    let mut out = Rendered::default();
    let (mut samples, mut text) = (0, 0);
    let started = cpu_time();
    for object in &objects {
        black_box(pods.render(object.as_bytes(), &options, &mut out).expect("a pod"));
        text += black_box(out.lines()).len();
    }
    let rendered = cpu_time().saturating_sub(started);
    for object in &objects {
        pods.render(object.as_bytes(), &options, &mut out).expect("a pod");
        samples += out.lines().split(|b| *b == b'\n').count() - 1;
    }
    let started = cpu_time();
    for object in &objects {
        black_box(serde_json::from_str::<serde::de::IgnoredAny>(object).expect("JSON"));
    }
    let passed_over = cpu_time().saturating_sub(started);
    println!("{count} pods, {bytes} bytes of JSON, {samples} samples, {text} bytes of text");
    println!("rendered in {rendered:.3?} of CPU time; passed over in {passed_over:.3?}");
}

/// CPU time of this process, which has one thread.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}
