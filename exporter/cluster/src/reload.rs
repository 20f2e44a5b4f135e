//! The file that says which fields of custom resources become families, read again while we run.
//!
//! It is read every ten seconds, and it is another when it holds something else: whether it was written in
//! place, replaced, or a folder of a `ConfigMap` was swapped under it by a symbolic link, makes no difference.
//! A file that cannot be taken changes nothing: what was taken last stays in force, and
//! `kube_state_metrics_last_config_reload_successful` tells.

use crate::{
    access,
    plan::Customs,
    shard::fnv1a,
    states::{Configured, States},
};
use collect::Clock;
use kubestate::custom::Configuration;
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::time::Instant;

/// How often it is read. A kubelet takes up to a minute to swap a `ConfigMap`.
const INTERVAL: Duration = Duration::from_secs(10);

/// The file, and what was in it.
#[derive(Debug)]
pub(crate) struct Reload {
    path: PathBuf,
    states: Arc<States>,
    clock: Clock,
    /// The hash of what is in force.
    taken: u64,
    /// That of what was read last, or why it could not be.
    last: Result<u64, String>,
    due: Instant,
}

// === impl Reload ===

impl Reload {
    /// That of a file whose text was taken at the start.
    pub(crate) fn new(path: &str, text: &str, states: &Arc<States>, clock: Clock) -> Self {
        let taken = fnv1a(text.as_bytes());
        let states = Arc::clone(states);
        let due = Instant::now() + INTERVAL;
        let reload = Self { path: path.into(), states, clock, taken, last: Ok(taken), due };
        reload.tell(true);
        reload
    }

    /// When to look again.
    pub(crate) fn due(&self) -> Instant {
        self.due
    }

    /// What the file says now, where that is another than what is in force.
    pub(crate) fn look(&mut self, known: &Customs) -> Option<Customs> {
        self.due = Instant::now() + INTERVAL;
        let text = access::bytes(&self.path).map_err(|error| error.to_string());
        let found = text.as_ref().map(|text| fnv1a(text)).map_err(Clone::clone);
        if found == self.last {
            return None;
        }
        self.last.clone_from(&found);
        let file = self.path.display();
        let parsed = text.and_then(|text| {
            let text = String::from_utf8(text).map_err(|error| error.to_string())?;
            Configuration::parse(&text).map_err(|fault| fault.to_string())
        });
        match (parsed, found) {
            (Ok(configuration), Ok(hash)) => {
                let new = hash != self.taken;
                self.taken = hash;
                self.tell(true);
                tracing::info!(%file, new, "the configuration of custom resources is taken");
                new.then(|| known.with(configuration))
            }
            (Err(error), _) | (Ok(_), Err(error)) => {
                self.tell(false);
                let what = "the configuration of custom resources cannot be taken; the one before it \
                            stays in force until the file is mended";
                tracing::warn!(%file, error, "{what}");
                None
            }
        }
    }

    fn tell(&self, well: bool) {
        let file = self.path.display().to_string();
        let (hash, at) = (self.taken, self.clock.now());
        self.states.configured(|before| {
            let at = before.filter(|_| !well).map_or(at, |before| before.at);
            Configured { file, hash, well, at }
        });
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the test plays the kubelet")]
mod tests {
    use super::*;
    use crate::plan::Plan;
    use collect::Options;
    use std::{fs, os::unix::fs::symlink, time::SystemTime};

    fn entry(group: &str) -> String {
        format!("{{spec: {{resources: [{{groupVersionKind: {{group: {group}}}}}]}}}}")
    }

    #[tokio::test(start_paused = true)]
    async fn a_swapped_folder_is_a_new_file_and_a_broken_one_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let put = |number: u32, text: &str| {
            // As the kubelet does.
            let folder = dir.path().join(format!("..{number}"));
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join("crs.yaml"), text).unwrap();
            symlink(folder.file_name().unwrap(), dir.path().join("..tmp")).unwrap();
            fs::rename(dir.path().join("..tmp"), dir.path().join("..data")).unwrap();
        };
        put(0, &entry("a.io"));
        let path = dir.path().join("crs.yaml");
        symlink("..data/crs.yaml", &path).unwrap();
        let path = path.to_str().unwrap();
        let mut options = Options::default();
        options.set("custom-resource-state-config-file", vec![path.to_owned()]);
        let plan = Plan::new(&options, false).unwrap();
        let (file, text) = plan.customs.file.clone().unwrap();
        assert_eq!((&*file, &*text), (path, &*entry("a.io")));
        let states = Arc::<States>::default();
        let clock = Clock::new(|| SystemTime::UNIX_EPOCH + Duration::from_secs(7));
        let mut reload = Reload::new(&file, &text, &states, clock);
        let known = || {
            let known = states.configuration().unwrap();
            (known.well, known.hash)
        };
        let first = known();
        assert!(first.0 && reload.look(&plan.customs).is_none());
        put(1, "{spec: {resource: []}}");
        assert!(reload.look(&plan.customs).is_none());
        assert_eq!(known(), (false, first.1));
        // The text that is in force is no news.
        put(2, &entry("a.io"));
        assert!(reload.look(&plan.customs).is_none());
        assert_eq!(known(), first);
        fs::remove_file(dir.path().join("..data")).unwrap();
        assert!(reload.look(&plan.customs).is_none() && !known().0);
        put(3, &entry("b.io"));
        let new = reload.look(&plan.customs).unwrap();
        assert!(new.configuration.wanted().eq([["b.io", "*", "*"]]));
        assert!(known().0 && known().1 != first.1);
        fs::write(dir.path().join("..3/crs.yaml"), [0xff]).unwrap();
        assert!(reload.look(&new).is_none() && !known().0);
        assert!(reload.due() > Instant::now());
    }
}
