//! What of a resource is wanted: families, labels, the reading of schedules.

use crate::{
    Error, Resource, allowlist::Allowlist, filter::Filter, resources::resource, schedule::Dialect,
};

/// The settings under the names of kube-state-metrics' flags, as they are given there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Regular expressions of families that are written, parted by commas; empty for all of them.
    pub metric_allowlist: String,
    /// Regular expressions of families that are not written; only without an allowlist.
    pub metric_denylist: String,
    /// Regular expressions of opt-in families that are written.
    pub metric_opt_in_list: String,
    /// Labels that become labels: `pods=[app,team/*],nodes=[*]`.
    pub metric_labels_allowlist: String,
    /// Annotations that become labels.
    pub metric_annotations_allowlist: String,
    /// Whether schedules are read as kube-state-metrics reads them, and not as the `CronJob`
    /// controller does.
    pub peer_schedules: bool,
}

/// Which families are written.
#[derive(Clone, Debug, Default)]
pub struct FamilyFilter {
    allowed: Filter,
    denied: Filter,
}

/// What of one resource is wanted.
#[derive(Clone, Debug)]
pub struct RenderOptions {
    families: Vec<bool>,
    labels: Option<Allowlist>,
    annotations: Option<Allowlist>,
    schedules: Dialect,
}

// === impl Settings ===

impl Settings {
    /// Which families are wanted, whatever they are about.
    pub fn filter(&self) -> Result<FamilyFilter, Error> {
        let allowed = Filter::parse("metric-allowlist", &self.metric_allowlist)?;
        let denied = Filter::parse("metric-denylist", &self.metric_denylist)?;
        if !allowed.is_empty() && !denied.is_empty() {
            return Err(Error::Setting {
                option: "metric-denylist",
                what: "cannot stand beside --metric-allowlist; give one of the two".to_owned(),
            });
        }
        Ok(FamilyFilter { allowed, denied })
    }

    /// What is wanted of a resource.
    ///
    /// Fails where a setting is wrong, whichever resource it is about.
    pub fn options(&self, of: &Resource) -> Result<RenderOptions, Error> {
        let filter = self.filter()?;
        let opted = Filter::parse("metric-opt-in-list", &self.metric_opt_in_list)?;
        let families = of.declared().into_iter().map(|family| {
            filter.has(family.name) && (!family.opt_in || opted.matches(family.name))
        });
        let allowlist = |option, list: &str| {
            Allowlist::parse(list, of.name, |name| resource(name).is_some())
                .map_err(|what| Error::Setting { option, what })
        };
        Ok(RenderOptions {
            families: families.collect(),
            labels: allowlist("metric-labels-allowlist", &self.metric_labels_allowlist)?,
            annotations: allowlist(
                "metric-annotations-allowlist",
                &self.metric_annotations_allowlist,
            )?,
            schedules: if self.peer_schedules { Dialect::Peer } else { Dialect::Controller },
        })
    }
}

// === impl FamilyFilter ===

impl FamilyFilter {
    /// Whether the family of this name is written.
    pub fn has(&self, name: &str) -> bool {
        (self.allowed.is_empty() || self.allowed.matches(name)) && !self.denied.matches(name)
    }
}

// === impl RenderOptions ===

impl RenderOptions {
    /// Whether each family is written, in the order of [`Resource::families`].
    pub fn families(&self) -> &[bool] {
        &self.families
    }

    pub(crate) fn labels(&self) -> Option<&Allowlist> {
        self.labels.as_ref()
    }

    pub(crate) fn annotations(&self) -> Option<&Allowlist> {
        self.annotations.as_ref()
    }

    /// Whose reading of schedules.
    pub(crate) fn schedules(&self) -> Dialect {
        self.schedules
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::resource;

    fn pods(settings: &Settings) -> Result<Vec<&'static str>, String> {
        let pods = resource("pods").unwrap();
        let options = settings.options(pods).map_err(|error| error.to_string())?;
        let families = pods.declared().into_iter().zip(options.families());
        Ok(families.filter(|(_, on)| **on).map(|(family, _)| family.name).collect())
    }

    #[test]
    fn lists_match_anywhere_in_a_name() {
        let allowlist =
            |list: &str| Settings { metric_allowlist: list.into(), ..Settings::default() };
        assert_eq!(
            pods(&allowlist("kube_pod_status_ready, ^kube_pod_created$")).unwrap(),
            ["kube_pod_created", "kube_pod_status_ready", "kube_pod_status_ready_time"]
        );
        let denylist =
            |list: &str| Settings { metric_denylist: list.into(), ..Settings::default() };
        assert_eq!(pods(&denylist("kube_pod_[^c]")).unwrap().len(), 16);
        assert!(pods(&denylist("")).unwrap().len() == 59);
    }

    #[test]
    fn opt_in_families_are_off_unless_named() {
        let opt_in = Settings { metric_opt_in_list: "nodeselectors".into(), ..Settings::default() };
        assert!(!pods(&Settings::default()).unwrap().contains(&"kube_pod_nodeselectors"));
        assert!(pods(&opt_in).unwrap().contains(&"kube_pod_nodeselectors"));
        let denied = Settings { metric_denylist: "selectors".into(), ..opt_in };
        assert!(!pods(&denied).unwrap().contains(&"kube_pod_nodeselectors"));
    }

    #[test]
    fn faults_name_the_flag() {
        let fault = |allow: &str, deny: &str| {
            let settings = Settings {
                metric_allowlist: allow.into(),
                metric_denylist: deny.into(),
                ..Settings::default()
            };
            pods(&settings).unwrap_err()
        };
        assert!(fault("a", "b").starts_with("--metric-denylist: cannot stand beside"));
        assert!(fault("", "^kube_(?!pod)").contains("looks around itself"));
        assert!(fault("(", "").starts_with("--metric-allowlist: \"(\" is no regular expression"));
        let labels = Settings { metric_labels_allowlist: "pod=[a]".into(), ..Settings::default() };
        assert!(pods(&labels).unwrap_err().starts_with("--metric-labels-allowlist: \"pod\""));
    }
}
