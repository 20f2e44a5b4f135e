//! Upstreams over real sockets: what they answer in, what a scrape has of it out.

mod answers;
mod presets;
mod questions;
mod rounds;
mod tls;
mod volumes;

use crate::{
    collector::{KUBELET, UPSTREAMS},
    source::{KUBELET_SOURCE, UPSTREAM_SOURCE},
};
use collect::{Bell, Collector, Context, Line, Spec, testing::context};
use exposition::{Format, Writer, encode};
use std::path::Path;
use tokio::task::JoinHandle;

/// A part with its source running.
pub(crate) struct Rig {
    pub(crate) bell: Bell,
    spec: &'static Spec,
    collector: Box<dyn Collector>,
    task: JoinHandle<()>,
}

impl Rig {
    /// The part `upstream` with endpoints.
    pub(crate) fn upstreams(endpoints: &[&str]) -> Self {
        let options: Vec<_> = endpoints.iter().map(|text| ("upstream.endpoints", *text)).collect();
        Self::new(&context(&UPSTREAMS, Path::new("/nonexistent"), &options), &UPSTREAMS)
    }

    /// A part; it shares what `cx` shares.
    pub(crate) fn new(cx: &Context, spec: &'static Spec) -> Self {
        let source = if spec.name == KUBELET.name { &KUBELET_SOURCE } else { &UPSTREAM_SOURCE };
        let (line, bell) = Line::new();
        let task = tokio::spawn((source.build)(cx).unwrap().unwrap().run(line));
        let collector = (spec.build)(cx).unwrap();
        Self { bell, spec, collector, task }
    }

    /// The exposition of a scrape, with remarks and error; times are left out.
    pub(crate) async fn scrape(&mut self) -> String {
        self.bell.ring().await;
        self.serve()
    }

    /// What the collector writes now.
    pub(crate) fn serve(&mut self) -> String {
        let mut out = Writer::default();
        let result = self.collector.collect(&mut out);
        let block = out.finish();
        for (family, _) in block.families() {
            assert!(self.spec.families().any(|known| known.covers(&family.name)), "{family:?}");
        }
        let mut text = String::from_utf8(encode(&[&block], Format::TEXT).body).unwrap();
        for remark in &block.remarks {
            text.extend(["remark: ", remark, "\n"]);
        }
        if let Err(error) = result {
            text.extend(["error: ", &error.to_string(), "\n"]);
        }
        let timed = |line: &str| line.starts_with("hybrid_upstream_duration_seconds{");
        let line = |line: &str| match line.split_once("} ") {
            Some((series, _)) if timed(line) => format!("{series}}} TIME\n"),
            _ => format!("{line}\n"),
        };
        text.lines().map(line).collect()
    }

    /// The same without help, types and counters at 0.
    pub(crate) async fn brief(&mut self) -> String {
        brief(&self.scrape().await)
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.bell.stop();
        self.task.abort();
    }
}

/// Without help, types and what is 0.
pub(crate) fn brief(text: &str) -> String {
    let nothing = |line: &str| {
        line.starts_with('#')
            || line.starts_with("hybrid_upstream_")
                && line.ends_with("} 0")
                && !line.contains("_up{")
            || line.starts_with("hybrid_upstream_duration_seconds")
    };
    text.lines().filter(|line| !nothing(line)).flat_map(|line| [line, "\n"]).collect()
}
