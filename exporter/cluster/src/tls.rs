//! TLS towards the API server, with HTTP/2 by ALPN where the server has it.

use crate::{
    access::{Security, access},
    fault::Fault,
};
use rustls::pki_types::ServerName;
use std::sync::Arc;
use tokio_rustls::TlsConnector;

/// A connector, and the name that the server's certificate must have.
pub(crate) fn connector(security: &Security) -> Result<(TlsConnector, ServerName<'static>), Fault> {
    let name = ServerName::try_from(security.name.clone()).map_err(|_| {
        access(format!("server: expected a host's name or address, found {:?}", security.name))
    })?;
    let protocols: [&[u8]; 2] = [b"h2", b"http/1.1"];
    let config = trust::client(&security.trust, security.certificate.as_ref(), &protocols)?;
    Ok((TlsConnector::from(Arc::new(config)), name))
}
