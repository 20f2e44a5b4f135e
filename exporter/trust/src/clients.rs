//! Whom a server lets in by their certificates: the policies of Go's `tls.ClientAuthType`, and names that a
//! client must have one of.

use crate::{
    Error, Pem,
    tls::{certificates, machine, roots},
    x509,
};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, UnixTime},
    server::{
        NoClientAuth, WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};
use std::sync::Arc;

/// Which certificates clients must have.
#[derive(Clone, Debug, Default)]
pub struct Clients {
    /// Whether they are asked for one, and what is done with it.
    pub policy: Policy,
    /// Who vouches for clients; the machine's authorities where nobody is named.
    pub authorities: Option<Pem>,
    /// Names of which a client's certificate must have one. Whoever is asked then needs a certificate.
    pub names: Option<Vec<String>>,
}

/// What is asked of clients, from the least on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// Nothing.
    #[default]
    Nothing,
    /// A certificate, which may be any or missing.
    Request,
    /// A certificate, which may be any.
    RequireAny,
    /// A certificate, which may be missing; one that is there must be vouched for.
    VerifyIfGiven,
    /// A certificate that is vouched for.
    RequireAndVerify,
}

/// Judges clients' certificates. That a client has the key is proved by what it signs in the handshake.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    mandatory: bool,
    vouched: Option<Vouched>,
    names: Option<Vec<String>>,
}

/// Who vouches for clients.
#[derive(Debug)]
struct Vouched {
    chains: Arc<dyn ClientCertVerifier>,
    /// Those that were named, of which each also vouches for itself: people name a client's own certificate.
    themselves: Vec<CertificateDer<'static>>,
}

// === impl Clients ===

impl Clients {
    pub(crate) fn verifier(
        &self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ClientCertVerifier>, Error> {
        let vouched = match self.policy {
            Policy::Nothing => return Ok(Arc::new(NoClientAuth)),
            Policy::Request | Policy::RequireAny => None,
            Policy::VerifyIfGiven | Policy::RequireAndVerify => {
                let named = self.authorities.as_ref();
                let pem = named.map_or_else(machine, |pem| Ok(pem.clone()))?;
                let themselves = named.map_or(Ok(Vec::new()), certificates)?;
                let roots = Arc::new(roots(&pem)?);
                let chains =
                    WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider))
                        .build()
                        .map_err(|error| Error::new(format!("{}: {error}", pem.from)))?;
                Some(Vouched { chains, themselves })
            }
        };
        let required = matches!(self.policy, Policy::RequireAny | Policy::RequireAndVerify);
        Ok(Arc::new(Verifier {
            provider: Arc::clone(provider),
            mandatory: required || self.names.is_some(),
            vouched,
            names: self.names.clone(),
        }))
    }
}

// === impl Verifier ===

impl ClientCertVerifier for Verifier {
    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.vouched.as_ref().map_or(&[], |vouched| vouched.chains.root_hint_subjects())
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        if let Some(vouched) = &self.vouched {
            let itself = || {
                vouched.themselves.iter().any(|known| known == certificate)
                    && x509::holds_for_clients(certificate, now)
            };
            match vouched.chains.verify_client_cert(certificate, between, now) {
                Err(error) if !itself() => return Err(error),
                _ => {}
            }
        }
        if let Some(allowed) = &self.names {
            let names = x509::names(certificate).ok_or(CertificateError::BadEncoding)?;
            if !names.iter().any(|name| allowed.contains(name)) {
                return Err(CertificateError::ApplicationVerificationFailure.into());
            }
        }
        Ok(ClientCertVerified::assertion())
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
