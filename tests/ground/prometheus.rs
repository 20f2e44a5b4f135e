//! A real Prometheus 3, in a host's network or in the test's own.
#![expect(clippy::disallowed_methods, reason = "tests keep files")]

use super::host::Host;
use crate::support::{
    child::{Child, run, wait},
    client, peer,
};
use serde_json::Value;
use std::{fs, path::PathBuf, time::Duration};

/// A running Prometheus.
pub(crate) struct Prometheus {
    address: String,
    network: Vec<String>,
    promtool: PathBuf,
    _process: Child,
    _dir: tempfile::TempDir,
}

/// How a rule fares.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) name: String,
    /// `ok`, `err`, or `unknown` before its first evaluation.
    pub(crate) health: String,
    /// `inactive`, `pending` or `firing` of an alert.
    pub(crate) state: String,
    /// When it last ran, as Prometheus writes it.
    pub(crate) evaluated: String,
    #[expect(dead_code, reason = "is shown where a test fails")]
    error: String,
}

// === impl Prometheus ===

impl Prometheus {
    /// Starts Prometheus with a configuration, on a free port of the host's network.
    pub(crate) fn start(config: &str, host: Option<&Host>) -> Result<Self, String> {
        let (prometheus, promtool) = (peer("prometheus")?, peer("promtool")?);
        let dir = tempfile::tempdir().expect("a temporary directory");
        let file = dir.path().join("prometheus.yml");
        fs::write(&file, config).expect("a file");
        let network = host.map(Host::in_network).unwrap_or_default();
        let mut command = network.clone();
        command.extend([
            prometheus.display().to_string(),
            format!("--config.file={}", file.display()),
            format!("--storage.tsdb.path={}", dir.path().join("data").display()),
            "--web.listen-address=127.0.0.1:0".to_owned(),
        ]);
        let (program, args) = command.split_first().expect("a command");
        let mut process = Child::start(program, args);
        let address = process.address();
        let this = Self { address, network, promtool, _process: process, _dir: dir };
        // It answers queries when it has read its log of old samples.
        wait("an answer of Prometheus", Duration::from_mins(4), || this.ask("vector(1)").ok());
        Ok(this)
    }

    /// The samples that an expression gives now, as promtool writes them: `name{labels} => value @[time]`.
    pub(crate) fn query(&self, expression: &str) -> Vec<String> {
        self.ask(expression).unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    /// The rules of a Prometheus in the test's own network.
    pub(crate) fn rules(&self) -> Vec<Rule> {
        let body = client::get(&self.address, "/api/v1/rules", &[]).body;
        let answer: Value = serde_json::from_slice(&body).expect("JSON");
        let groups = answer.pointer("/data/groups").and_then(Value::as_array).expect("groups");
        let rules = groups.iter().filter_map(|group| group.get("rules")?.as_array()).flatten();
        rules
            .map(|rule| {
                let text =
                    |key| rule.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
                Rule {
                    name: text("name"),
                    health: text("health"),
                    state: text("state"),
                    evaluated: text("lastEvaluation"),
                    error: text("lastError"),
                }
            })
            .collect()
    }

    /// What a Prometheus in the test's own network knows of its targets: `activeTargets`, `droppedTargets`.
    pub(crate) fn targets(&self) -> Value {
        let body = client::get(&self.address, "/api/v1/targets", &[]).body;
        let mut answer: Value = serde_json::from_slice(&body).expect("JSON");
        answer.get_mut("data").expect("targets").take()
    }

    fn ask(&self, expression: &str) -> Result<Vec<String>, String> {
        let mut command = self.network.clone();
        command.extend([
            self.promtool.display().to_string(),
            "query".to_owned(),
            "instant".to_owned(),
            format!("http://{}", self.address),
            expression.to_owned(),
        ]);
        let (program, args) = command.split_first().expect("a command");
        let out = run(120, program, args, b"");
        if !out.status.success() {
            return Err(String::from_utf8_lossy(&out.stderr).into_owned());
        }
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        // No sample is an empty line.
        Ok(text.lines().filter(|line| line.contains(" => ")).map(str::to_owned).collect())
    }

    /// Asks until `pick` has an answer, at most `bound` long.
    pub(crate) fn until<T>(
        &self,
        expression: &str,
        bound: Duration,
        pick: impl Fn(&[String]) -> Option<T>,
    ) -> T {
        let mut last = Vec::new();
        wait(expression, bound, || {
            last = self.query(expression);
            pick(&last)
        })
    }
}
