//! Takes pods as a watch gives them, and keeps them as a scrape wants them: `kube PODS COUNT [change
//! CHANGED | scrape]`, both files of `tests/ground/pods.py print`. What the budget counts, by
//! instructions and by the heap in use at the end, and a start for a profiler.
#![expect(clippy::disallowed_methods, reason = "a tool reads its files")]

use exposition::{Format, Writer, encode};
use kubestate::{RenderOptions, Rendered, Resource, Settings, resource};
use std::{env, fs, mem};
use store::{Lines, Press, Store};

/// One pod in so many changes.
const CHANGED: usize = 16;

struct Of<'a>(&'a Rendered);

impl Lines for Of<'_> {
    fn family(&self, index: usize) -> &[u8] {
        self.0.family(index)
    }
}

struct Pods {
    resource: &'static Resource,
    options: RenderOptions,
    rendered: Rendered,
    store: Store,
    press: Press,
}

// === impl Pods ===

impl Pods {
    fn take(&mut self, json: &str) {
        let key = self.resource.render(json.as_bytes(), &self.options, &mut self.rendered);
        let left_out =
            self.store.apply(&key.expect("a pod").uid, &Of(&self.rendered), &mut self.press);
        assert!(left_out.is_none(), "a pod has too many lines");
    }
}

fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    let mut args = args.iter().map(String::as_str);
    let (Some(file), Some(count)) = (args.next(), args.next().and_then(|n| n.parse().ok())) else {
        return;
    };
    let resource = resource("pods").expect("pods");
    let options = Settings::default().options(resource).expect("defaults are right");
    let families = resource.families();
    let (rendered, store) = (Rendered::default(), Store::new(families.len()));
    let mut pods = Pods { resource, options, rendered, store, press: Press::default() };
    let text = fs::read_to_string(file).expect("pods");
    pods.store.begin_relist();
    for json in text.lines().take(count) {
        pods.take(json);
    }
    drop(text);
    pods.store.end_relist();
    let mut snapshot = pods.store.publish(&mut pods.press).expect("a whole list");
    assert_eq!(snapshot.objects(), count);
    match args.next() {
        Some("change") => {
            let text = fs::read_to_string(args.next().expect("a file")).expect("changed pods");
            for json in text.lines().take(count).step_by(CHANGED) {
                pods.take(json);
            }
            snapshot = pods.store.publish(&mut pods.press).expect("a whole list");
        }
        Some(_) => {
            let mut out = Writer::default();
            for (index, family) in families.iter().enumerate() {
                out.pages(family, snapshot.family(index).expect("as many families").clone());
            }
            let body = encode(&[&out.finish()], Format::TEXT).plain();
            assert!(body.len() > 5000 * count, "{} bytes", body.len());
        }
        None => {}
    }
    // In use to the end, so that valgrind counts it.
    mem::forget((snapshot, pods.store));
}
