//! Lists of regular expressions over family names; each matches anywhere in the name, as
//! kube-state-metrics' do: `kube_pod_status_ready` is also in `kube_pod_status_ready_time`.

use crate::Error;
use regex_lite::Regex;

/// The expressions of one flag.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter(Vec<Regex>);

// === impl Filter ===

impl Filter {
    /// Reads a list parted by commas.
    pub(crate) fn parse(option: &'static str, list: &str) -> Result<Self, Error> {
        let pattern = |text: &str| {
            Regex::new(text).map_err(|error| {
                let looks_around = ["(?=", "(?!", "(?<=", "(?<!"].iter().any(|l| text.contains(l));
                let what = if looks_around {
                    format!(
                        "{text:?} looks around itself, which is not supported; name the families \
                         instead, or use the other one of the allow and deny lists"
                    )
                } else {
                    format!("{text:?} is no regular expression: {error}")
                };
                Error::Setting { option, what }
            })
        };
        let texts = list.split(',').map(str::trim).filter(|text| !text.is_empty());
        texts.map(pattern).collect::<Result<_, _>>().map(Self)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn matches(&self, name: &str) -> bool {
        self.0.iter().any(|regex| regex.is_match(name))
    }
}
