//! TLS towards Valkey, through rustls.

use std::path::Path;
use std::sync::Arc;

use fred::rustls::crypto::{CryptoProvider, aws_lc_rs};
use fred::rustls::pki_types::CertificateDer;
use fred::rustls::pki_types::pem::PemObject;
use fred::rustls::{ClientConfig, RootCertStore};
use fred::rustls_native_certs::load_native_certs;
use fred::types::config::TlsConnector;

/// Trusts who the system trusts. Authorities that can't be read are passed over, as long as there
/// is one that can.
pub(super) fn trusting_the_system() -> Result<TlsConnector, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(load_native_certs().certs);
    // None are no error yet: a file may name others.
    connector(roots)
}

/// Trusts the authorities in this PEM file alone.
pub(super) fn trusting(file: &Path) -> Result<TlsConnector, String> {
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(file).map_err(|error| error.to_string())?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    if roots.is_empty() {
        return Err("it holds no certificate; expected PEM".to_owned());
    }
    connector(roots)
}

fn connector(roots: RootCertStore) -> Result<TlsConnector, String> {
    // The process's own choice, or where it made none, what this crate is built with. Rustls's
    // guess would panic if another crate brought a second provider.
    let provider = CryptoProvider::get_default()
        .cloned()
        .unwrap_or_else(|| Arc::new(aws_lc_rs::default_provider()));
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(config))
}
