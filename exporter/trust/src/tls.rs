//! A client's side of TLS: rustls with ring, TLS 1.2 and 1.3.

use crate::{Certificate, Error, Pem, Trust, bytes};
use rustls::{
    CertificateError, ClientConfig, ConfigBuilder, DigitallySignedStruct, RootCertStore,
    SignatureScheme, WantsVerifier,
    client::{
        Resumption, WantsClientCert, WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
};
use std::{path::Path, sync::Arc};

/// Where distributions keep the authorities that they trust, in the order in which Go looks.
const AUTHORITIES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Takes certificates that no authority has to vouch for. That the server has the key is proved by what it
/// signs in the handshake.
#[derive(Debug)]
struct Known {
    which: Which,
    provider: Arc<CryptoProvider>,
}

#[derive(Debug)]
enum Which {
    /// Any certificate.
    Any,
    /// This one, or one that somebody vouches for.
    This(CertificateDer<'static>, Option<Arc<WebPkiServerVerifier>>),
}

/// The configuration of connections to a server, which speak one of the protocols in `alpn`.
pub fn client(
    trust: &Trust,
    certificate: Option<&Certificate>,
    alpn: &[&[u8]],
) -> Result<ClientConfig, Error> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::new(error.to_string()))?;
    let builder = match trust {
        Trust::Machine => builder.with_root_certificates(roots(&machine()?)?),
        Trust::These(pem) => builder.with_root_certificates(roots(pem)?),
        Trust::Anybody => knowing(builder, Which::Any, provider),
        Trust::Same { certificate, authorities } => {
            let others = authorities.as_ref().map(|pem| verifier(pem, &provider)).transpose()?;
            let which = Which::This(first(certificate)?, others);
            knowing(builder, which, provider)
        }
    };
    let mut config = match certificate {
        None => builder.with_no_client_auth(),
        Some(client) => {
            let (chain, key) = key_and_chain(client)?;
            let from = &client.key.from;
            builder.with_client_auth_cert(chain, key).map_err(|error| {
                Error::new(format!("{from}: expected the key of {}: {error}", client.chain.from))
            })?
        }
    };
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    config.resumption = Resumption::in_memory_sessions(4);
    Ok(config)
}

fn knowing(
    builder: ConfigBuilder<ClientConfig, WantsVerifier>,
    which: Which,
    provider: Arc<CryptoProvider>,
) -> ConfigBuilder<ClientConfig, WantsClientCert> {
    builder.dangerous().with_custom_certificate_verifier(Arc::new(Known { which, provider }))
}

/// A certificate with those that lead to its authority, and its key.
pub(crate) fn key_and_chain(
    certificate: &Certificate,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), Error> {
    let Certificate { chain, key } = certificate;
    let chain = certificates(chain)?;
    let key = PrivateKeyDer::from_pem_slice(&key.text).map_err(|error| {
        Error::new(format!("{}: expected a private key in PEM: {error}", key.from))
    })?;
    Ok((chain, key))
}

/// The authorities that the machine trusts.
pub(crate) fn machine() -> Result<Pem, Error> {
    for path in AUTHORITIES {
        if let Ok(text) = bytes(Path::new(path)) {
            return Ok(Pem { text, from: path.to_owned() });
        }
    }
    Err(Error::new(
        "the machine has no list of authorities: give the server's certificate authority",
    ))
}

fn verifier(pem: &Pem, provider: &Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>, Error> {
    let roots = Arc::new(roots(pem)?);
    WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider))
        .build()
        .map_err(|error| Error::new(format!("{}: {error}", pem.from)))
}

pub(crate) fn roots(pem: &Pem) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    let (added, _odd) = roots.add_parsable_certificates(certificates(pem)?);
    if added == 0 {
        let what = format!("{}: expected an authority's certificate in PEM", pem.from);
        return Err(Error::new(what));
    }
    Ok(roots)
}

fn first(pem: &Pem) -> Result<CertificateDer<'static>, Error> {
    let first = certificates(pem)?.into_iter().next();
    first.ok_or_else(|| Error::new(format!("{}: expected a certificate in PEM", pem.from)))
}

pub(crate) fn certificates(pem: &Pem) -> Result<Vec<CertificateDer<'static>>, Error> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem.text).collect();
    let what = match all {
        Ok(all) if !all.is_empty() => return Ok(all),
        Ok(_) => "found none".to_owned(),
        Err(error) => error.to_string(),
    };
    Err(Error::new(format!("{}: expected certificates in PEM: {what}", pem.from)))
}

// === impl Known ===

impl ServerCertVerifier for Known {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        stapled: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match &self.which {
            Which::Any => Ok(ServerCertVerified::assertion()),
            Which::This(known, _) if known == certificate => Ok(ServerCertVerified::assertion()),
            Which::This(_, Some(others)) => {
                others.verify_server_cert(certificate, between, name, stapled, now)
            }
            Which::This(_, None) => Err(CertificateError::UnknownIssuer.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
