//! What the flags say: the role, and what of each resource is wanted.

use crate::{
    options::{self, texts, wrong},
    role::{Given, Mode, Role, Scope},
    shard::Shard,
};
use collect::{Error, Opt, Options, Result};
use kubestate::{
    FamilyFilter, RESOURCES, RenderOptions, Resource, Settings,
    custom::{Configuration, CustomResource, Served},
};
use std::sync::Arc;

/// What the flags say is to be watched, and what is to be made of it.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) role: Role,
    settings: Settings,
    pub(crate) customs: Arc<Customs>,
}

/// What of custom resources is wanted.
#[derive(Debug)]
pub(crate) struct Customs {
    pub(crate) configuration: Configuration,
    filter: FamilyFilter,
    /// Whether conditions are.
    conditions: bool,
    /// Objects of a group whose conditions are.
    pub(crate) most: usize,
    /// The file that the configuration is from, and its text.
    pub(crate) file: Option<(String, String)>,
}

// === impl Plan ===

impl Plan {
    /// That of a process in a `pod`, or of any other. Fails on a wrong option.
    pub(crate) fn new(given: &Options, pod: bool) -> Result<Self> {
        let listed = |opt| texts(given, opt).collect::<Vec<_>>().join(",");
        let settings = Settings {
            metric_allowlist: listed(&options::METRIC_ALLOWLIST),
            metric_denylist: listed(&options::METRIC_DENYLIST),
            metric_opt_in_list: listed(&options::METRIC_OPT_IN_LIST),
            metric_labels_allowlist: given.text(&options::METRIC_LABELS_ALLOWLIST).to_owned(),
            metric_annotations_allowlist: given
                .text(&options::METRIC_ANNOTATIONS_ALLOWLIST)
                .to_owned(),
            peer_schedules: given.switch(&options::PEER_SCHEDULES),
        };
        let (within, never) = (listed(&options::NAMESPACES), listed(&options::NAMESPACES_DENYLIST));
        let customs = Customs::new(given, settings.filter().map_err(option)?)?;
        let only =
            |resources| if given.switch(&options::CUSTOM_ONLY) { Vec::new() } else { resources };
        let (resources, shard) = (only(resources(given)?), shard(given)?);
        let role = given.text(&options::MODE).parse::<Mode>().and_then(|mode| {
            Role::new(Given {
                mode,
                node: Some(given.text(&options::NODE_NAME).to_owned()),
                pod,
                scope: Scope::new(&within, &never)?,
                resources: resources.clone(),
                shard,
            })
        });
        let role = role.map_err(option)?;
        let plan = Self { role, settings, customs: Arc::new(customs) };
        for resource in resources {
            plan.options(resource)?;
        }
        Ok(plan)
    }

    /// What of a resource is wanted.
    pub(crate) fn options(&self, resource: &Resource) -> Result<RenderOptions> {
        self.settings.options(resource).map_err(option)
    }
}

// === impl Customs ===

impl Customs {
    fn new(given: &Options, filter: FamilyFilter) -> Result<Self> {
        let (file, text) =
            (given.text(&options::CUSTOM_CONFIG_FILE), given.text(&options::CUSTOM_CONFIG));
        let mut from = None;
        let configuration = match (text, file) {
            ("", "") => Configuration::default(),
            ("", path) => {
                let wrong = |what: String| wrong(&options::CUSTOM_CONFIG_FILE, what);
                let of = |what: String| wrong(format!("{path}: {what}"));
                let text = trust::bytes(path.as_ref()).map_err(|error| wrong(error.to_string()))?;
                let text = String::from_utf8(text).map_err(|error| of(error.to_string()))?;
                let parsed = Configuration::parse(&text).map_err(|fault| of(fault.to_string()))?;
                from = Some((path.to_owned(), text));
                parsed
            }
            (text, _) => Configuration::parse(text)
                .map_err(|fault| wrong(&options::CUSTOM_CONFIG, fault.to_string()))?,
        };
        let (most, only) = (given.text(&options::CONDITIONS_MAX), &options::CUSTOM_ONLY);
        let only = given.switch(only);
        let most = most.parse().map_err(|_| {
            wrong(&options::CONDITIONS_MAX, format!("expected a number from 0 on, found {most:?}"))
        })?;
        let conditions = given.switch(&options::CONDITIONS) && !only;
        Ok(Self { configuration, filter, conditions, most, file: from })
    }

    /// The same under another configuration.
    pub(crate) fn with(&self, configuration: Configuration) -> Self {
        let Self { conditions, most, .. } = *self;
        Self { configuration, filter: self.filter.clone(), conditions, most, file: None }
    }

    /// Whether a configuration asks for any.
    pub(crate) fn are_configured(&self) -> bool {
        self.configuration.wanted().next().is_some()
    }

    /// Whether any might be wanted, so that it is of use to know which there are.
    pub(crate) fn are_wanted(&self) -> bool {
        self.conditions || self.are_configured()
    }

    /// What is made of a resource, if anything is.
    pub(crate) fn of(&self, served: &Served) -> Option<CustomResource> {
        CustomResource::new(&self.configuration, served, &self.filter, self.conditions)
    }
}

fn option(error: kubestate::Error) -> Error {
    match error {
        kubestate::Error::Setting { option, what } => {
            Error::Option { option: option.to_owned(), what }
        }
        other @ kubestate::Error::Object { .. } => Error::Other(other.to_string()),
    }
}

fn resources(given: &Options) -> Result<Vec<&'static Resource>> {
    let wanted: Vec<_> = texts(given, &options::RESOURCES).collect();
    if let Some(unknown) = wanted.iter().find(|name| kubestate::resource(name).is_none()) {
        let known: Vec<_> = RESOURCES.iter().map(|resource| resource.name).collect();
        let what = format!("{unknown:?} is no resource; those known are {}", known.join(", "));
        return Err(wrong(&options::RESOURCES, what));
    }
    let keeps = |resource: &&&'static Resource| match wanted.as_slice() {
        [] => resource.default,
        names => names.contains(&resource.name),
    };
    Ok(RESOURCES.iter().filter(keeps).copied().collect())
}

/// The shard that the options name.
pub(crate) fn shard(given: &Options) -> Result<Shard> {
    let number = |opt: &Opt, least| {
        let text = given.text(opt);
        text.parse::<u32>()
            .ok()
            .filter(|number| *number >= least)
            .ok_or_else(|| wrong(opt, format!("expected a number from {least} on, found {text:?}")))
    };
    let (index, total) = (number(&options::SHARD, 0)?, number(&options::TOTAL_SHARDS, 1)?);
    Shard::new(index, total).ok_or_else(|| {
        let what = format!("expected a number below --total-shards={total}, found {index}");
        wrong(&options::SHARD, what)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(given: &[(&str, &str)]) -> Result<Plan, String> {
        let mut options = Options::default();
        for (name, text) in given {
            options.set(name, vec![(*text).to_owned()]);
        }
        Plan::new(&options, false).map_err(|error| error.to_string())
    }

    #[test]
    fn the_default_is_that_of_the_peer() {
        let all = plan(&[("cluster", "always")]).unwrap().role.watches();
        assert_eq!(all.len(), 32);
        let some = plan(&[("cluster", "always"), ("resources", "pods, nodes,pods")]).unwrap();
        let names: Vec<_> = some.role.watches().iter().map(|w| w.resource.clone()).collect();
        assert_eq!(names, ["nodes", "pods"]);
    }

    #[test]
    fn custom_resources_as_configured() {
        let fault = |given: &[_]| plan(given).unwrap_err();
        let place = "custom-resource-state-config";
        let wrong = fault(&[(place, "spec: {resource: []}")]);
        assert_eq!(
            wrong,
            "--custom-resource-state-config: line 1: spec: unknown key \"resource\"; did you mean \
             resources?"
        );
        let file = ("custom-resource-state-config-file", "/nonexistent/crs.yaml");
        let missing = fault(&[file]);
        assert!(missing.starts_with(
            "--custom-resource-state-config-file: read /nonexistent/crs.yaml: No such file"
        ));
        let entry = "{spec: {resources: [{groupVersionKind: {group: a.io}}]}}";
        let (always, only) = (("cluster", "always"), ("custom-resource-state-only", "true"));
        // What stands in place wins over the file.
        let alone = plan(&[always, only, file, (place, entry)]).unwrap();
        assert!(alone.role.watches().is_empty() && alone.customs.are_configured());
        let off = [always, only, ("cluster.conditions-max-objects", "0")];
        assert!(!plan(&off).unwrap().customs.are_wanted());
        assert!(plan(&[always]).unwrap().customs.are_wanted());
        let most = fault(&[("cluster.conditions-max-objects", "many")]);
        assert!(most.ends_with("expected a number from 0 on, found \"many\""), "{most}");
    }

    #[test]
    fn wrong_options_are_named() {
        let fault = |given: &[_]| plan(given).unwrap_err();
        let unknown = fault(&[("resources", "pods,pod")]);
        assert!(unknown.starts_with("--resources: \"pod\" is no resource; those known"));
        assert!(fault(&[("namespaces", "a/b")]).starts_with("--namespaces: expected a namespace"));
        assert!(fault(&[("metric-allowlist", "(")]).starts_with("--metric-allowlist: "));
        let labels = fault(&[("metric-labels-allowlist", "pods")]);
        assert!(labels.starts_with("--metric-labels-allowlist: "), "{labels}");
        let always = ("cluster", "always");
        assert!(fault(&[always, ("total-shards", "0")]).starts_with("--total-shards: expected"));
        assert!(fault(&[always, ("shard", "x")]).starts_with("--shard: expected a number from 0"));
        let beyond = fault(&[always, ("shard", "2"), ("total-shards", "2")]);
        assert_eq!(beyond, "--shard: expected a number below --total-shards=2, found 2");
        assert!(fault(&[("total-shards", "2")]).contains("--cluster=always"));
        let shard = plan(&[always, ("shard", "1"), ("total-shards", "2")]).unwrap().role.shard();
        assert_eq!((shard.index(), shard.total()), (1, 2));
    }
}
