//! Every object that is shipped against the definitions of its kind: Kubernetes' own `OpenAPI` document and the
//! Prometheus operator's definitions, both as their modules have them, by kubeconform in its strict way.
//!
//! An API server would drop a field that it does not know with no more than a warning: here it is refused, and so
//! is a value of another type, without a cluster.
#![expect(clippy::disallowed_methods, reason = "tests keep files")]

use super::{
    CHART, KINDS, NAMESPACE, path,
    rendered::{at, list, parse, text_at},
    tool,
};
use crate::support::{child::run, kept, peer, skip};
use serde_json::{Map, Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Where the schemas of the kinds find what they share.
const SHARED: &str = "_definitions.json";

/// kubeconform, and a folder with a schema a kind.
struct Conform {
    program: PathBuf,
    schemas: tempfile::TempDir,
}

// === impl Conform ===

impl Conform {
    fn new() -> Result<Self, String> {
        let program = peer("kubeconform")?;
        let texts = ["kubernetes-openapi.json", "prometheus-operator.yaml"].map(kept);
        let [kubernetes, operator] =
            texts.map(|file| file.map(|file| fs::read_to_string(file).expect("a text")));
        let schemas = tempfile::tempdir().expect("a temporary directory");
        write_kubernetes(schemas.path(), &kubernetes?);
        write_definitions(schemas.path(), &operator?);
        Ok(Self { program, schemas })
    }

    /// What it says of objects, and whether all of them are right. It reads all schemas each time.
    fn ask(&self, objects: &[String]) -> (bool, String) {
        let schemas = self.schemas.path().join("{{.ResourceKind}}{{.KindSuffix}}.json");
        let schemas = schemas.display().to_string();
        let args = ["-strict", "-summary", "-schema-location", &schemas];
        let out = run(120, &self.program, &args, objects.join("\n---\n").as_bytes());
        (out.status.success(), String::from_utf8_lossy(&out.stdout).into_owned())
    }
}

/// A schema a kind of Kubernetes' own.
fn write_kubernetes(dir: &Path, openapi: &str) {
    let mut openapi: Value = serde_json::from_str(openapi).expect("JSON");
    let all = openapi.pointer_mut("/definitions").map(Value::take);
    let Some(Value::Object(mut all)) = all else { panic!("definitions") };
    for (name, schema) in &mut all {
        close(schema);
        for kind in list(schema, "/x-kubernetes-group-version-kind") {
            let of = ["/kind", "/group", "/version"].map(|part| text_at(kind, part));
            write(dir, of, &json!({ "$ref": format!("{SHARED}#/definitions/{name}") }));
        }
    }
    // Written as a number, too, which the document does not say.
    let quantity = all.get_mut("io.k8s.apimachinery.pkg.api.resource.Quantity");
    *quantity.expect("quantities") = json!({ "type": ["string", "number"] });
    let text = json!({ "definitions": all }).to_string();
    fs::write(dir.join(SHARED), text).expect("a file");
}

/// A schema a version of each definition.
fn write_definitions(dir: &Path, definitions: &str) {
    for text in definitions.split("\n---\n").filter(|text| text.contains("\nspec:")) {
        let definition = parse(text);
        let [kind, group] =
            ["/spec/names/kind", "/spec/group"].map(|part| text_at(&definition, part));
        for version in list(&definition, "/spec/versions") {
            let mut schema = at(version, "/schema/openAPIV3Schema").clone();
            close(&mut schema);
            let metadata = schema.pointer_mut("/properties/metadata");
            *metadata.expect("objects have metadata") = json!({ "type": "object" });
            write(dir, [kind, group, text_at(version, "/name")], &schema);
        }
    }
}

/// Under the name that kubeconform asks for.
fn write(dir: &Path, [kind, group, version]: [&str; 3], schema: &Value) {
    let group = group.split('.').next().unwrap_or_default();
    let suffix = if group.is_empty() { version.to_owned() } else { format!("{group}-{version}") };
    let file = format!("{}-{suffix}.json", kind.to_lowercase());
    fs::write(dir.join(file), schema.to_string()).expect("a file");
}

/// Makes a schema of Kubernetes' one that JSON Schema understands, and lets nothing in that it does not name.
fn close(schema: &mut Value) {
    let Value::Object(schema) = schema else { return };
    if let Some(Value::String(to)) = schema.get_mut("$ref") {
        *to = to.replace("#/definitions/", &format!("{SHARED}#/definitions/"));
    }
    let either = schema.get("format").is_some_and(|format| format == "int-or-string")
        || schema.contains_key("x-kubernetes-int-or-string");
    if either {
        schema.remove("format");
        schema.insert("type".to_owned(), json!(["integer", "string"]));
    }
    for key in ["items", "additionalProperties"] {
        schema.get_mut(key).into_iter().for_each(close);
    }
    let open = schema.contains_key("x-kubernetes-preserve-unknown-fields");
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.values_mut().for_each(close);
        if !open {
            schema.entry("additionalProperties").or_insert(Value::Bool(false));
        }
    }
    let ways = ["allOf", "anyOf", "oneOf"].map(|key| schema.get(key).is_some());
    assert!(ways == [false; 3] || either, "a schema in parts: {}", Value::from(Map::clone(schema)));
}

#[test]
fn every_object_is_as_its_kind_is_defined() {
    let name = "daemonset::conform::every_object_is_as_its_kind_is_defined";
    let made = Conform::new().and_then(|conform| {
        let base = tool("kubectl", &["kustomize", &path(KINDS[0].0)])?;
        tool("helm", &["version"]).map(|_| (conform, base))
    });
    let (conform, base) = match made {
        Ok(made) => made,
        Err(reason) => return skip(name, &reason),
    };
    let mut objects = vec![base.clone()];
    let folders = KINDS.iter().skip(1).map(|(dir, _)| *dir);
    for dir in folders.chain(["alerts/prometheusrule", "dashboards"]) {
        objects.push(tool("kubectl", &["kustomize", &path(dir)]).expect("kubectl was there"));
    }
    let chart = path(CHART);
    let files = KINDS.iter().filter_map(|(_, values)| *values);
    for values in files.chain(["everything"]) {
        let values = format!("--values={chart}/ci/{values}-values.yaml");
        let text = tool("helm", &["template", NAMESPACE, &chart, &values]);
        objects.push(text.expect("helm was there"));
    }
    let (right, said) = conform.ask(&objects);
    // One of a kind without a schema would be skipped.
    assert!(right && said.contains("Skipped: 0"), "{said}");
    println!("{said}");
    // It does see a field and a value that are none, of Kubernetes and of the operator.
    let monitors = tool("kubectl", &["kustomize", &path("daemonset/overlays/monitors")]);
    let monitors = monitors.expect("kubectl was there");
    let wrong = [
        (&base, "hostPID: true", "hostPid: true", "'hostPid' not allowed"),
        (&base, "hostPID: true", "hostPID: always", "got string, want boolean"),
        (
            &monitors,
            "podMetricsEndpoints:",
            "podMetricEndpoints:",
            "'podMetricEndpoints' not allowed",
        ),
    ];
    let broken = wrong.map(|(text, right, wrong, _)| {
        assert!(text.contains(right), "{right}");
        text.replacen(right, wrong, 1)
    });
    let (right, said) = conform.ask(&broken);
    assert!(!right && said.contains("Invalid: 3,"), "{said}");
    for (.., words) in wrong {
        assert!(said.contains(words), "{words}: {said}");
    }
}
