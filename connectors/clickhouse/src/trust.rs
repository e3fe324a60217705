//! Whom a connection over TLS trusts: the system's authorities, and those of a file beside them.

use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::errors::ClickHouseError;

/// What a client of TLS is told. A machine may have no authorities of its own where a file names one.
pub(crate) fn trusting(file: Option<&PathBuf>) -> Result<ClientConfig, ClickHouseError> {
    let mut trusted = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    // Old certificates that a system keeps and nobody can read are not this client's matter.
    trusted.add_parsable_certificates(system.certs);
    match file {
        Some(file) => add(&mut trusted, file)?,
        None if trusted.is_empty() => {
            let why = system.errors.first().map_or("there are none".to_owned(), ToString::to_string);
            return Err(unusable("the system's authorities", why));
        }
        None => {}
    }
    Ok(ClientConfig::builder().with_root_certificates(trusted).with_no_client_auth())
}

/// Adds each certificate of a file. One that cannot be used is an error: it may be the one that is needed.
fn add(trusted: &mut RootCertStore, file: &Path) -> Result<(), ClickHouseError> {
    let name = file.display().to_string();
    let text = std::fs::read(file).map_err(|error| unusable(&name, error.to_string()))?;
    let mut found = 0;
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|error| unusable(&name, error.to_string()))?;
        trusted.add(certificate).map_err(|error| unusable(&name, error.to_string()))?;
        found += 1;
    }
    if found == 0 { Err(unusable(&name, "it has no certificate (PEM)".to_owned())) } else { Ok(()) }
}

fn unusable(whose: &str, why: String) -> ClickHouseError {
    ClickHouseError::Authorities { whose: whose.to_owned(), why }
}
