//! TLS towards the API server: rustls with ring, TLS 1.2 and 1.3, HTTP/2 by ALPN where the server has it.

use crate::{
    access::{Pem, Security, Trust, access, bytes},
    fault::Fault,
};
use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
};
use std::{path::Path, sync::Arc};
use tokio_rustls::TlsConnector;

/// Where distributions keep the authorities that they trust, in the order in which Go looks.
const AUTHORITIES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Takes any certificate whose key the server has.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

/// A connector, and the name that the server's certificate must have.
pub(crate) fn connector(security: &Security) -> Result<(TlsConnector, ServerName<'static>), Fault> {
    let name = ServerName::try_from(security.name.clone()).map_err(|_| {
        access(format!("server: expected a host's name or address, found {:?}", security.name))
    })?;
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| access(error.to_string()))?;
    let builder = match &security.trust {
        Trust::Machine => builder.with_root_certificates(roots(&machine()?)?),
        Trust::These(pem) => builder.with_root_certificates(roots(pem)?),
        Trust::Anybody => {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody(provider)))
        }
    };
    let mut config = match &security.certificate {
        None => builder.with_no_client_auth(),
        Some(client) => {
            let chain = certificates(&client.chain)?;
            let from = &client.key.from;
            let key = PrivateKeyDer::from_pem_slice(&client.key.text).map_err(|error| {
                access(format!("{from}: expected a private key in PEM: {error}"))
            })?;
            builder.with_client_auth_cert(chain, key).map_err(|error| {
                access(format!("{from}: expected the key of {}: {error}", client.chain.from))
            })?
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.resumption = Resumption::in_memory_sessions(4);
    Ok((TlsConnector::from(Arc::new(config)), name))
}

fn machine() -> Result<Pem, Fault> {
    for path in AUTHORITIES {
        if let Ok(text) = bytes(Path::new(path)) {
            return Ok(Pem { text, from: path.to_owned() });
        }
    }
    Err(access("the machine has no list of authorities: give the cluster's certificate-authority"))
}

fn roots(pem: &Pem) -> Result<RootCertStore, Fault> {
    let mut roots = RootCertStore::empty();
    let (added, _odd) = roots.add_parsable_certificates(certificates(pem)?);
    if added == 0 {
        return Err(access(format!("{}: expected an authority's certificate in PEM", pem.from)));
    }
    Ok(roots)
}

fn certificates(pem: &Pem) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem.text).collect();
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        Ok(_) => Err(access(format!("{}: expected certificates in PEM, found none", pem.from))),
        Err(error) => Err(access(format!("{}: expected certificates in PEM: {error}", pem.from))),
    }
}

// === impl Anybody ===

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
