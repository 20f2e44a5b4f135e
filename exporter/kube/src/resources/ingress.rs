//! `networking.k8s.io/v1` Ingresses: which hosts and paths lead to which Services.

use crate::{
    Resource, metadata,
    rendered::Rows,
    resource::{
        Families,
        Identity::{Name, Namespace},
        Metric, kind, stable,
    },
    wire::{List, Metadata, Text, narrow},
};

pub(super) static INGRESSES: Resource = Resource::new(
    "ingresses",
    ["networking.k8s.io", "v1", "Ingress"],
    &Families::<Ingress> {
        identity: &[Namespace("namespace"), Name("ingress")],
        families: &[FAMILIES],
    },
);

narrow! {
    struct Ingress<'a> {
        metadata: Metadata<'a>,
        spec: Spec<'a>,
    }

    struct Spec<'a> {
        ingress_class_name: Option<Text<'a>>,
        rules: List<Rule<'a>>,
        tls: List<Tls<'a>>,
    }

    struct Rule<'a> {
        host: Text<'a>,
        http: Http<'a>,
    }

    struct Http<'a> {
        paths: List<Route<'a>>,
    }

    struct Route<'a> {
        path: Text<'a>,
        path_type: Text<'a>,
        backend: Backend<'a>,
    }

    struct Backend<'a> {
        service: Option<Service<'a>>,
        resource: Option<Referent<'a>>,
    }

    struct Service<'a> {
        name: Text<'a>,
        port: Port,
    }

    struct Port {
        number: i64,
    }

    /// An object that is no Service.
    struct Referent<'a> {
        api_group: Text<'a>,
        kind: Text<'a>,
        name: Text<'a>,
    }

    struct Tls<'a> {
        hosts: List<Text<'a>>,
        secret_name: Text<'a>,
    }
}
kind!(Ingress);

/// Where the class stood before the field for it; it still goes first.
const CLASS_ANNOTATION: &str = "kubernetes.io/ingress.class";

const FAMILIES: &[Metric<Ingress<'static>>] = &[
    stable(
        "kube_ingress_info",
        "Class of the Ingress; _default where none is given.",
        &["ingressclass"],
        |i, rows| {
            let class = i.metadata.annotations.get(CLASS_ANNOTATION);
            let class = class.or(i.spec.ingress_class_name.as_ref());
            rows.info(&[class.map_or("_default", |class| class)]);
        },
    ),
    metadata::annotations("kube_ingress_annotations"),
    metadata::labels("kube_ingress_labels"),
    metadata::created("kube_ingress_created"),
    metadata::resource_version("kube_ingress_metadata_resource_version"),
    stable(
        "kube_ingress_path",
        "Hosts and paths, and the Service or other object behind each; a port that is given by its \
         name has the number 0.",
        &[
            "host",
            "path",
            "path_type",
            "service_name",
            "service_port",
            "resource_api_group",
            "resource_kind",
            "resource_name",
        ],
        |i, rows| {
            for rule in &i.spec.rules {
                rule.http.paths.iter().for_each(|route| write_route(&rule.host, route, rows));
            }
        },
    ),
    stable(
        "kube_ingress_tls",
        "Hosts that are served with TLS, and the Secret with the certificate.",
        &["tls_host", "secret"],
        |i, rows| {
            for Tls { hosts, secret_name } in &i.spec.tls {
                hosts.iter().for_each(|host| rows.info(&[host, secret_name]));
            }
        },
    ),
];

/// A path leads to a Service or to another object and has the labels of that one only.
fn write_route(host: &str, route: &Route<'_>, rows: &mut Rows<'_>) {
    let from = [("host", host), ("path", &route.path), ("path_type", &route.path_type)];
    match &route.backend {
        Backend { service: Some(service), .. } => {
            let port = service.port.number.to_string();
            let to = [("service_name", &*service.name), ("service_port", &port)];
            rows.labelled(from.into_iter().chain(to), 1u8);
        }
        Backend { resource: Some(referent), .. } => {
            let to = [
                ("resource_api_group", &*referent.api_group),
                ("resource_kind", &referent.kind),
                ("resource_name", &referent.name),
            ];
            rows.labelled(from.into_iter().chain(to), 1u8);
        }
        Backend { service: None, resource: None } => {}
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{expose, expose_only};
    use expect_test::expect;

    #[test]
    fn every_family() {
        let yaml = r#"
metadata: {name: main, namespace: shop, resourceVersion: "812", creationTimestamp: "2026-01-02T03:04:05Z"}
spec:
  ingressClassName: nginx
  defaultBackend: {service: {name: fallback, port: {number: 80}}}
  rules:
  - host: shop.example.com
    http:
      paths:
      - {path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 8080}}}}
      - {path: /api, pathType: Exact, backend: {service: {name: api, port: {name: http}}}}
      - path: /static
        pathType: ImplementationSpecific
        backend: {resource: {apiGroup: k8s.example.com, kind: Bucket, name: static}}
      - {path: /core, backend: {resource: {kind: ConfigMap, name: c}}}
      - {path: /nowhere}
  - host: empty.example.com
  - http: {paths: [{backend: {service: {name: any, port: {number: 1}}}}]}
  tls:
  - {hosts: [shop.example.com, www.example.com], secretName: cert}
  - {secretName: nobody}
  - {hosts: [plain.example.com]}
"#;
        expect![[r#"
            kube_ingress_created{namespace="shop",ingress="main"} 1767323045
            kube_ingress_info{namespace="shop",ingress="main",ingressclass="nginx"} 1
            kube_ingress_metadata_resource_version{namespace="shop",ingress="main"} 812
            kube_ingress_path{namespace="shop",ingress="main",host="shop.example.com",path="/",path_type="Prefix",service_name="web",service_port="8080"} 1
            kube_ingress_path{namespace="shop",ingress="main",host="shop.example.com",path="/api",path_type="Exact",service_name="api",service_port="0"} 1
            kube_ingress_path{namespace="shop",ingress="main",host="shop.example.com",path="/static",path_type="ImplementationSpecific",resource_api_group="k8s.example.com",resource_kind="Bucket",resource_name="static"} 1
            kube_ingress_path{namespace="shop",ingress="main",host="shop.example.com",path="/core",path_type="",resource_api_group="",resource_kind="ConfigMap",resource_name="c"} 1
            kube_ingress_path{namespace="shop",ingress="main",host="",path="",path_type="",service_name="any",service_port="1"} 1
            kube_ingress_tls{namespace="shop",ingress="main",tls_host="shop.example.com",secret="cert"} 1
            kube_ingress_tls{namespace="shop",ingress="main",tls_host="www.example.com",secret="cert"} 1
            kube_ingress_tls{namespace="shop",ingress="main",tls_host="plain.example.com",secret=""} 1
        "#]].assert_eq(&expose("ingresses", yaml));
        expect![[r#"
            kube_ingress_info{namespace="shop",ingress="main",ingressclass="_default"} 1
        "#]]
        .assert_eq(&expose("ingresses", "metadata: {name: main, namespace: shop}"));
    }

    #[test]
    fn classes() {
        let class = |annotations: &str, spec: &str| {
            let yaml = format!(
                "metadata: {{name: a, namespace: b, annotations: {annotations}}}\nspec: {spec}"
            );
            expose_only("ingresses", "_info", &yaml)
        };
        expect![[r#"
            kube_ingress_info{namespace="b",ingress="a",ingressclass="old"} 1
        "#]]
        .assert_eq(&class("{kubernetes.io/ingress.class: old}", "{ingressClassName: new}"));
        expect![[r#"
            kube_ingress_info{namespace="b",ingress="a",ingressclass=""} 1
        "#]]
        .assert_eq(&class("{kubernetes.io/ingress.class: \"\"}", "{}"));
        expect![[r#"
            kube_ingress_info{namespace="b",ingress="a",ingressclass=""} 1
        "#]]
        .assert_eq(&class("{}", "{ingressClassName: \"\"}"));
    }
}
