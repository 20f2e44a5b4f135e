//! What a certificate says of whom it belongs to, and when and for what it holds (RFC 5280).

use rustls::pki_types::{CertificateDer, UnixTime};
use std::net::IpAddr;
use x509_cert::{
    Certificate,
    der::{Decode as _, oid::ObjectIdentifier},
    ext::pkix::{ExtendedKeyUsage, SubjectAltName, name::GeneralName},
};

/// `id-kp-clientAuth` and `anyExtendedKeyUsage`.
const FOR_CLIENTS: [&str; 2] = ["1.3.6.1.5.5.7.3.2", "2.5.29.37.0"];

/// The subject's other names: of hosts, of mailboxes, addresses as they are usually written, and URIs.
/// None where it is no certificate.
pub(crate) fn names(certificate: &CertificateDer<'_>) -> Option<Vec<String>> {
    let certificate = Certificate::from_der(certificate).ok()?;
    let found = certificate.tbs_certificate().get_extension::<SubjectAltName>().ok()?;
    let Some((_, SubjectAltName(found))) = found else { return Some(Vec::new()) };
    Some(found.iter().filter_map(name).collect())
}

fn name(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(text)
        | GeneralName::Rfc822Name(text)
        | GeneralName::UniformResourceIdentifier(text) => Some(text.to_string()),
        GeneralName::IpAddress(octets) => {
            let octets = octets.as_bytes();
            let short = <[u8; 4]>::try_from(octets).map(IpAddr::from);
            let address = short.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from)).ok()?;
            Some(address.to_canonical().to_string())
        }
        _ => None,
    }
}

/// Whether a certificate holds now, for clients.
pub(crate) fn holds_for_clients(certificate: &CertificateDer<'_>, now: UnixTime) -> bool {
    let Ok(certificate) = Certificate::from_der(certificate) else { return false };
    let certificate = certificate.tbs_certificate();
    let validity = certificate.validity();
    let [begins, ends] =
        [&validity.not_before, &validity.not_after].map(|time| time.to_unix_duration().as_secs());
    let dated = (begins..=ends).contains(&now.as_secs());
    dated
        && match certificate.get_extension::<ExtendedKeyUsage>() {
            Ok(None) => true,
            Ok(Some((_, usage))) => usage.0.iter().any(for_clients),
            Err(_) => false,
        }
}

fn for_clients(usage: &ObjectIdentifier) -> bool {
    FOR_CLIENTS.contains(&usage.to_string().as_str())
}

/// When a certificate ends to hold, in seconds since 1970; none where it is no certificate.
pub(crate) fn not_after(certificate: &CertificateDer<'_>) -> Option<u64> {
    let certificate = Certificate::from_der(certificate).ok()?;
    Some(certificate.tbs_certificate().validity().not_after.to_unix_duration().as_secs())
}
