//! Which watches there are: resources, namespaces and the paths that follow from them.

use crate::{
    options::{self, texts, wrong},
    watch::Target,
};
use collect::{Error, Options, Result};
use kubestate::{RESOURCES, RenderOptions, Resource, Settings};

/// A watch, and what becomes of its objects.
#[derive(Clone, Debug)]
pub(crate) struct Watched {
    pub(crate) resource: &'static Resource,
    pub(crate) target: Target,
}

/// What the flags say is to be watched.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    resources: Vec<&'static Resource>,
    /// Those to look into; all where there are none.
    namespaces: Vec<String>,
    denied: Vec<String>,
    settings: Settings,
}

// === impl Plan ===

impl Plan {
    /// Fails on a wrong option.
    pub(crate) fn new(given: &Options) -> Result<Self> {
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
        let denied = namespaces(given, &options::NAMESPACES_DENYLIST)?;
        let wanted = namespaces(given, &options::NAMESPACES)?;
        let namespaces: Vec<_> =
            wanted.iter().filter(|name| !denied.contains(name)).cloned().collect();
        if namespaces.is_empty() && !wanted.is_empty() {
            let what = "every namespace of --namespaces is in --namespaces-denylist; leave one out";
            return Err(wrong(&options::NAMESPACES, what.to_owned()));
        }
        let plan = Self { resources: resources(given)?, namespaces, denied, settings };
        for resource in &plan.resources {
            plan.options(resource)?;
        }
        Ok(plan)
    }

    /// The resources to serve, in the order of the tables.
    pub(crate) fn resources(&self) -> &[&'static Resource] {
        &self.resources
    }

    /// What of a resource is wanted.
    pub(crate) fn options(&self, resource: &Resource) -> Result<RenderOptions> {
        self.settings.options(resource).map_err(|error| match error {
            kubestate::Error::Setting { option, what } => {
                Error::Option { option: option.to_owned(), what }
            }
            other => Error::Other(other.to_string()),
        })
    }

    /// Every object of every resource.
    pub(crate) fn all(&self) -> Vec<Watched> {
        let resources = self.resources().iter();
        resources.flat_map(|resource| self.watched(resource, "")).collect()
    }

    /// Objects of a resource that a field selector leaves: one watch, or one a namespace.
    pub(crate) fn watched(&self, resource: &'static Resource, fields: &str) -> Vec<Watched> {
        let mut fields = fields.to_owned();
        if resource.namespaced && self.namespaces.is_empty() {
            for name in &self.denied {
                if !fields.is_empty() {
                    fields.push(',');
                }
                fields.push_str("metadata.namespace!=");
                fields.push_str(name);
            }
        }
        let root = match resource.group {
            "" => format!("/api/{}", resource.version),
            group => format!("/apis/{group}/{}", resource.version),
        };
        let watched = |path| {
            let metadata_only = resource.metadata_only;
            Watched { resource, target: Target { path, fields: fields.clone(), metadata_only } }
        };
        if resource.namespaced && !self.namespaces.is_empty() {
            let path = |name: &String| format!("{root}/namespaces/{name}/{}", resource.name);
            return self.namespaces.iter().map(|name| watched(path(name))).collect();
        }
        vec![watched(format!("{root}/{}", resource.name))]
    }
}

fn resources(given: &Options) -> Result<Vec<&'static Resource>> {
    let wanted: Vec<_> = texts(given, &options::RESOURCES).collect();
    for name in &wanted {
        if kubestate::resource(name).is_none() {
            let known: Vec<_> = RESOURCES.iter().map(|resource| resource.name).collect();
            let what = format!("{name:?} is no resource; those known are {}", known.join(", "));
            return Err(wrong(&options::RESOURCES, what));
        }
    }
    let keeps = |resource: &&&'static Resource| match wanted.as_slice() {
        [] => resource.default,
        names => names.contains(&resource.name),
    };
    Ok(RESOURCES.iter().filter(keeps).copied().collect())
}

/// Names of namespaces, each once.
fn namespaces(given: &Options, opt: &collect::Opt) -> Result<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    for name in texts(given, opt) {
        // A DNS label, as the API server has it; it becomes a part of a path.
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if name.len() > 63 || !name.bytes().all(plain) {
            let what = format!("expected names of namespaces parted by commas, found {name:?}");
            return Err(wrong(opt, what));
        }
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(given: &[(&str, &str)]) -> Result<Plan, String> {
        let mut options = Options::default();
        for (name, text) in given {
            options.set(name, vec![(*text).to_owned()]);
        }
        Plan::new(&options).map_err(|error| error.to_string())
    }

    fn paths(watched: &[Watched]) -> Vec<String> {
        let query = |w: &Watched| format!("{}?{}", w.target.path, w.target.fields);
        watched.iter().map(query).collect()
    }

    #[test]
    fn the_default_is_that_of_the_peer() {
        let all = plan(&[]).unwrap().all();
        assert_eq!(all.len(), 32);
        let paths = paths(&all);
        assert!(paths.contains(&"/api/v1/pods?".to_owned()));
        assert!(paths.contains(&"/apis/apps/v1/deployments?".to_owned()), "{paths:?}");
        let secrets = all.iter().find(|w| w.resource.name == "secrets").unwrap();
        assert!(secrets.target.metadata_only);
    }

    #[test]
    fn namespaces_part_what_lives_in_them() {
        let given = [("resources", "pods, nodes"), ("namespaces", "a,b,a,c")];
        let some = plan(&given).unwrap();
        let expected =
            ["/api/v1/nodes?", "/api/v1/namespaces/a/pods?", "/api/v1/namespaces/b/pods?"];
        assert_eq!(paths(&some.all()).get(..3).unwrap(), expected);
        let denied = plan(&[given[0], ("namespaces-denylist", "a,b")]).unwrap();
        let expected =
            ["/api/v1/nodes?", "/api/v1/pods?metadata.namespace!=a,metadata.namespace!=b"];
        assert_eq!(paths(&denied.all()), expected);
        let pods = kubestate::resource("pods").unwrap();
        let own = paths(&denied.watched(pods, "spec.nodeName=n"));
        let expected = "?spec.nodeName=n,metadata.namespace!=a,metadata.namespace!=b";
        assert!(own.iter().all(|path| path.ends_with(expected)), "{own:?}");
        let less = plan(&[given[0], given[1], ("namespaces-denylist", "a,b")]).unwrap();
        assert_eq!(paths(&less.all()), ["/api/v1/nodes?", "/api/v1/namespaces/c/pods?"]);
    }

    #[test]
    fn wrong_options_are_named() {
        let fault = |name: &str, text: &str| plan(&[(name, text)]).unwrap_err();
        let unknown = fault("resources", "pods,pod");
        assert!(unknown.starts_with("--resources: \"pod\" is no resource; those known"));
        assert!(fault("namespaces", "a/b").starts_with("--namespaces: expected names"));
        assert!(fault("namespaces-denylist", "A").starts_with("--namespaces-denylist: expected"));
        assert!(fault("metric-allowlist", "(").starts_with("--metric-allowlist: "));
        assert!(fault("metric-labels-allowlist", "pods").starts_with("--metric-labels-allowlist"));
        let none = plan(&[("namespaces", "a"), ("namespaces-denylist", "a")]).unwrap_err();
        assert!(none.starts_with("--namespaces: every namespace"), "{none}");
    }
}
