//! `certificates.k8s.io/v1` `CertificateSigningRequests`: what was asked of a signer, and its answer.
//!
//! The certificate is PEM, in base64 in the JSON; its length is that of the PEM, in bytes.

use crate::{
    Resource, metadata,
    resource::{
        Families,
        Identity::{Name, Of},
        Metric, kind, stable,
    },
    wire::{List, Metadata, Text, narrow},
};

pub(super) static CERTIFICATESIGNINGREQUESTS: Resource = Resource::new(
    "certificatesigningrequests",
    ["certificates.k8s.io", "v1", "CertificateSigningRequest"],
    &Families::<CertificateSigningRequest> {
        identity: &[
            Name("certificatesigningrequest"),
            Of("signer_name", |request| &request.spec.signer_name),
        ],
        families: &[FAMILIES],
    },
)
.cluster_scoped();

narrow! {
    struct CertificateSigningRequest<'a> {
        metadata: Metadata<'a>,
        spec: Spec<'a>,
        status: Status<'a>,
    }

    struct Spec<'a> {
        signer_name: Text<'a>,
    }

    struct Status<'a> {
        certificate: Text<'a>,
        conditions: List<Answer<'a>>,
    }

    /// What was decided; that it stands there is all there is to it.
    struct Answer<'a> {
        r#type: Text<'a>,
    }
}
kind!(CertificateSigningRequest);

const ANSWERS: [(&str, &str); 3] =
    [("Approved", "approved"), ("Denied", "denied"), ("Failed", "failed")];

const FAMILIES: &[Metric<CertificateSigningRequest<'static>>] = &[
    metadata::annotations("kube_certificatesigningrequest_annotations"),
    metadata::labels("kube_certificatesigningrequest_labels"),
    metadata::created("kube_certificatesigningrequest_created"),
    stable(
        "kube_certificatesigningrequest_condition",
        "How many conditions say that the request was approved, was denied, or failed.",
        &["condition"],
        |c, rows| {
            for (answer, exposed) in ANSWERS {
                let count = c.status.conditions.iter().filter(|c| &*c.r#type == answer).count();
                rows.row(&[exposed], count);
            }
        },
    ),
    stable(
        "kube_certificatesigningrequest_cert_length",
        "Length of the certificate in bytes; 0 until there is one.",
        &[],
        |c, rows| rows.value(decoded_len(&c.status.certificate)),
    ),
];

/// How many bytes a text in base64 stands for.
fn decoded_len(base64: &str) -> usize {
    let digits = base64.bytes().filter(|b| !matches!(b, b'=' | b'\r' | b'\n')).count();
    // Four digits are three bytes; two are one, and three are two.
    digits / 4 * 3 + (digits % 4).saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use crate::testing::{expose, expose_only};
    use expect_test::expect;

    #[test]
    fn every_family() {
        let yaml = r#"
metadata: {name: csr-1, creationTimestamp: "2026-01-02T03:04:05Z"}
spec: {signerName: kubernetes.io/kubelet-serving, request: cmVxdWVzdA==}
status:
  certificate: aGVsbG8gd29ybGQ=
  conditions:
  - {type: Approved, status: "True"}
  - {type: Failed, status: "True"}
  - {type: Approved, status: "False"}
  - {type: Other, status: "True"}
"#;
        expect![[r#"
            kube_certificatesigningrequest_cert_length{certificatesigningrequest="csr-1",signer_name="kubernetes.io/kubelet-serving"} 11
            kube_certificatesigningrequest_condition{certificatesigningrequest="csr-1",signer_name="kubernetes.io/kubelet-serving",condition="approved"} 2
            kube_certificatesigningrequest_condition{certificatesigningrequest="csr-1",signer_name="kubernetes.io/kubelet-serving",condition="denied"} 0
            kube_certificatesigningrequest_condition{certificatesigningrequest="csr-1",signer_name="kubernetes.io/kubelet-serving",condition="failed"} 1
            kube_certificatesigningrequest_created{certificatesigningrequest="csr-1",signer_name="kubernetes.io/kubelet-serving"} 1767323045
        "#]].assert_eq(&expose("certificatesigningrequests", yaml));
        expect![[r#"
            kube_certificatesigningrequest_cert_length{certificatesigningrequest="csr-1",signer_name=""} 0
            kube_certificatesigningrequest_condition{certificatesigningrequest="csr-1",signer_name="",condition="approved"} 0
            kube_certificatesigningrequest_condition{certificatesigningrequest="csr-1",signer_name="",condition="denied"} 0
            kube_certificatesigningrequest_condition{certificatesigningrequest="csr-1",signer_name="",condition="failed"} 0
        "#]].assert_eq(&expose("certificatesigningrequests", "metadata: {name: csr-1}"));
    }

    #[test]
    fn lengths() {
        for (certificate, length) in
            [("\"\"", 0), ("YQ==", 1), ("YWI=", 2), ("YWJj", 3), ("\"YWJj\\nZA==\\n\"", 4)]
        {
            let yaml = format!("metadata: {{name: c}}\nstatus: {{certificate: {certificate}}}");
            let text = expose_only("certificatesigningrequests", "cert_length", &yaml);
            assert!(text.ends_with(&format!("}} {length}\n")), "{certificate}: {text}");
        }
    }
}
