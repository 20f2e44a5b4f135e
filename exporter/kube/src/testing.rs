//! YAML in, exposition text out: how the tables are tested.

use crate::{Rendered, Settings, resources::resource};

/// The samples of each object of a YAML stream, under default settings. Families are sorted by name,
/// as a scrape has them.
pub(crate) fn expose(resource: &str, yaml: &str) -> String {
    expose_with(&Settings::default(), resource, yaml)
}

/// [`expose`] of the families whose name has one of `names` in it.
pub(crate) fn expose_only(resource: &str, names: &str, yaml: &str) -> String {
    expose_with(&Settings { metric_allowlist: names.into(), ..Settings::default() }, resource, yaml)
}

/// [`expose`] under settings.
pub(crate) fn expose_with(settings: &Settings, name: &str, yaml: &str) -> String {
    let resource = resource(name).expect("a resource");
    let options = settings.options(resource).expect("settings");
    let mut rendered = Rendered::default();
    let mut families = vec![String::new(); resource.declared().len()];
    let mut errors = Vec::new();
    let objects: Vec<serde_json::Value> = serde_saphyr::from_multiple(yaml).expect("YAML");
    for object in objects {
        match resource.render(object.to_string().as_bytes(), &options, &mut rendered) {
            Ok(_) => {
                for (family, text) in families.iter_mut().enumerate() {
                    text.push_str(str::from_utf8(rendered.family(family)).expect("UTF-8"));
                }
            }
            Err(error) => errors.push(format!("error: {error}\n")),
        }
    }
    let mut named: Vec<_> = resource.declared().into_iter().zip(families).collect();
    named.sort_by_key(|(declared, _)| declared.name);
    named.into_iter().map(|(_, lines)| lines).chain(errors).collect()
}
