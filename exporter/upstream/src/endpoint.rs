//! An upstream of the configuration.
//!
//! ```yaml
//! upstream.endpoints:
//!   - preset: etcd
//!     url: https://127.0.0.1:2379
//!     ca-file: /etc/kubernetes/pki/etcd/ca.crt
//!     cert-file: /etc/kubernetes/pki/etcd/healthcheck-client.crt
//!     key-file: /etc/kubernetes/pki/etcd/healthcheck-client.key
//!   - name: billing
//!     url: http://127.0.0.1:8080/metrics
//!     families: '^billing_'
//!     labels:
//!       team: shop
//! ```
//!
//! On the command line, and in here, an endpoint is a text with a `KEY=VALUE` a line, or `NAME=URL`.

use crate::{
    found::{PRESETS, Preset},
    target::{Limits, MAX_TIMEOUT, Papers, Place, Target, Wanted},
};
use collect::Filter;
use std::{collections::BTreeMap, path::PathBuf, time::Duration};

/// What a text says, by key.
#[derive(Debug, Default)]
pub(crate) struct Endpoint<'a> {
    texts: BTreeMap<&'static str, &'a str>,
    labels: Vec<(String, String)>,
}

const KEYS: [&str; 13] = [
    "name",
    "preset",
    "url",
    "families",
    "ca-file",
    "cert-file",
    "key-file",
    "token-file",
    "server-name",
    "insecure-skip-verify",
    "timeout",
    "max-bytes",
    "max-samples",
];

/// The longest name.
const MAX_NAME: usize = 63;
/// Labels that an upstream may be given.
const MAX_LABELS: usize = 16;

// === impl Endpoint ===

impl<'a> Endpoint<'a> {
    pub(crate) fn parse(text: &'a str) -> Result<Self, String> {
        let mut endpoint = Self::default();
        let text = text.trim();
        if let Some((name, url)) = short(text) {
            endpoint.texts.extend([("name", name), ("url", url)]);
            return Ok(endpoint);
        }
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let expected = || format!("expected KEY=VALUE or NAME=URL, found {line:?}");
            let (key, value) = line.split_once('=').ok_or_else(expected)?;
            if let Some(label) = key.strip_prefix("labels.") {
                endpoint.label(label, value)?;
                continue;
            }
            let Some(key) = KEYS.iter().find(|known| **known == key) else {
                if value.contains("://") {
                    return Err(format!(
                        "expected http:// or https:// behind {key}=, found {value:?}"
                    ));
                }
                let known = KEYS.join(", ");
                return Err(format!("unknown key {key}; expected {known} or labels.NAME"));
            };
            if endpoint.texts.insert(key, value).is_some() {
                return Err(format!("{key} stands twice"));
            }
        }
        Ok(endpoint)
    }

    /// What the endpoint is called in messages, however wrong its text is.
    pub(crate) fn called(text: &str, index: usize) -> String {
        let named = |key: &str| text.lines().find_map(|line| line.trim().strip_prefix(key));
        let short = short(text.trim()).map(|(name, _)| name);
        let name = short.or_else(|| named("name=")).or_else(|| named("preset="));
        name.map_or_else(|| (index + 1).to_string(), str::to_owned)
    }

    pub(crate) fn target(self) -> Result<Target, String> {
        let preset = match self.texts.get("preset") {
            None => None,
            Some(name) => {
                Some(PRESETS.iter().find(|preset| preset.name == *name).ok_or_else(|| {
                    let known: Vec<_> = PRESETS.iter().map(|preset| preset.name).collect();
                    format!("preset: expected one of {}, found {name:?}", known.join(", "))
                })?)
            }
        };
        let name = self.texts.get("name").copied().or(preset.map(|preset| preset.name));
        let name = name.filter(|name| !name.is_empty()).ok_or("has no name")?;
        if name.len() > MAX_NAME || name.chars().any(char::is_control) {
            return Err(format!("name: expected at most {MAX_NAME} bytes on one line"));
        }
        let url = self.texts.get("url").copied().or(preset.map(|preset| preset.url));
        let url = url.filter(|url| !url.is_empty()).ok_or("has no url")?;
        let (place, path) = Place::parse(url).map_err(|what| format!("url: {what}"))?;
        let families = self.texts.get("families").copied();
        let families = families.or(preset.map(|preset: &Preset| preset.families)).unwrap_or("");
        Filter::matching(families).map_err(|what| format!("families: {what}"))?;
        let papers = self.papers(&place)?;
        Ok(Target {
            name: name.to_owned(),
            place,
            pages: vec![Wanted { path, families: families.to_owned() }],
            papers,
            limits: self.limits()?,
            labels: self.labels,
            guessed: false,
        })
    }

    fn papers(&self, place: &Place) -> Result<Papers, String> {
        let file =
            |key: &str| self.texts.get(key).filter(|path| !path.is_empty()).map(PathBuf::from);
        let anybody = match self.texts.get("insecure-skip-verify").copied() {
            None | Some("false") => false,
            Some("true") => true,
            Some(other) => {
                return Err(format!(
                    "insecure-skip-verify: expected true or false, found {other:?}"
                ));
            }
        };
        let certificate = match (file("cert-file"), file("key-file")) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => return Err("cert-file and key-file stand together".to_owned()),
        };
        let papers = Papers {
            anybody,
            own: None,
            ca: file("ca-file"),
            server_name: self.texts.get("server-name").map(|name| (*name).to_owned()),
            token: file("token-file"),
            certificate,
            hint: "; give ca-file, server-name or insecure-skip-verify",
        };
        if !place.secure && papers != (Papers { hint: papers.hint, ..Papers::default() }) {
            // A token would be shown to whoever listens on the wire.
            return Err(
                "url: expected https:// where a token, a certificate or an authority is given"
                    .to_owned(),
            );
        }
        Ok(papers)
    }

    fn limits(&self) -> Result<Limits, String> {
        let mut limits = Limits::default();
        if let Some(text) = self.texts.get("timeout") {
            let milliseconds = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
                (Some(number), _) => number.parse().ok(),
                (None, Some(number)) => {
                    number.parse::<u64>().ok().and_then(|s| s.checked_mul(1000))
                }
                (None, None) => None,
            };
            let time = milliseconds.map(Duration::from_millis);
            let fits = |time: &Duration| *time <= MAX_TIMEOUT && !time.is_zero();
            limits.timeout = time.filter(fits).ok_or_else(|| {
                let most = MAX_TIMEOUT.as_millis();
                format!("timeout: expected a time of at most {most}ms, found {text:?}")
            })?;
        }
        number(self.texts.get("max-bytes"), "max-bytes", 256 << 20, &mut limits.bytes)?;
        number(self.texts.get("max-samples"), "max-samples", 1_000_000, &mut limits.samples)?;
        Ok(limits)
    }

    fn label(&mut self, name: &str, value: &str) -> Result<(), String> {
        let plain =
            exposition::is_metric_name(name) && !name.contains(':') && !name.starts_with("__");
        if !plain || matches!(name, "le" | "quantile") {
            return Err(format!("labels: {name:?} cannot be a label's name"));
        }
        if self.labels.len() >= MAX_LABELS || self.labels.iter().any(|(known, _)| known == name) {
            return Err(format!("labels: {name} stands twice, or more than {MAX_LABELS} labels"));
        }
        self.labels.push((name.to_owned(), value.to_owned()));
        Ok(())
    }
}

/// `NAME=URL`.
fn short(text: &str) -> Option<(&str, &str)> {
    let (name, url) = text.split_once('=')?;
    let is_url = url.starts_with("http://") || url.starts_with("https://");
    (is_url && !text.contains('\n') && name != "url").then_some((name, url))
}

fn number(text: Option<&&str>, key: &str, most: usize, into: &mut usize) -> Result<(), String> {
    let Some(text) = text else { return Ok(()) };
    match text.parse() {
        Ok(number) if (1..=most).contains(&number) => *into = number,
        _ => return Err(format!("{key}: expected a number from 1 to {most}, found {text:?}")),
    }
    Ok(())
}
