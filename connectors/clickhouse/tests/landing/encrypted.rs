//! A ClickHouse that is reached over TLS, under an authority that only a file names.
//!
//! The embedded server does not speak TLS, so what ends it stands before it, as a proxy does in a company.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clickhouse_connector::{ClickHouse, ClickHouseError, ClickHouseSettings};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::support::{scratch, server};

/// What ends TLS before the shared server, as long as it is kept.
struct Proxy {
    address: SocketAddr,
    /// Its certificate, as a file that a person would name.
    certificate: PathBuf,
    _runtime: tokio::runtime::Runtime,
}

#[expect(clippy::disallowed_methods, reason = "a proxy is no work of the engine; it ends with the test")]
fn proxy(name: &str) -> Proxy {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("certificate");
    let folder = scratch(name);
    std::fs::create_dir_all(&folder).expect("folder");
    let certificate = folder.join("authority.pem");
    std::fs::write(&certificate, made.cert.pem()).expect("written");
    let own: CertificateDer<'static> = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("key");
    let settings = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![own], key).expect("settings");
    let behind = server().client_settings().url.trim_start_matches("http://").to_owned();
    let runtime = tokio::runtime::Runtime::new().expect("runtime");
    let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0))).expect("bound");
    let address = listener.local_addr().expect("address");
    runtime.spawn(async move {
        let acceptor = TlsAcceptor::from(Arc::new(settings));
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, behind) = (acceptor.clone(), behind.clone());
            tokio::spawn(async move {
                // Who does not trust the certificate goes away here.
                let Ok(mut client) = acceptor.accept(stream).await else { return };
                let mut server = TcpStream::connect(behind).await.expect("the server answers");
                // A connection that is cut is the client's to tell.
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    Proxy { address, certificate, _runtime: runtime }
}

fn settings(proxy: &Proxy, authorities: Option<PathBuf>) -> ClickHouseSettings {
    let mut settings = server().client_settings();
    settings.url = format!("https://localhost:{}", proxy.address.port());
    settings.authorities = authorities;
    settings
}

#[test]
fn an_authority_of_a_file_is_trusted_and_no_other_one() {
    let proxy = proxy("encrypted");
    let client = ClickHouse::new(&settings(&proxy, Some(proxy.certificate.clone()))).expect("client");
    assert_eq!(client.query_bytes("SELECT 6 * 7", "TSVRaw", &[]).expect("answer"), b"42\n");

    let other = self::proxy("encrypted-by-others");
    let client = ClickHouse::new(&settings(&proxy, Some(other.certificate))).expect("client");
    let error = client.query_bytes("SELECT 1", "TSVRaw", &[]).expect_err("not trusted");
    let ClickHouseError::Unreachable { source, .. } = &error else { panic!("{error:?}") };
    let mut told = source.to_string();
    let mut next = source.source();
    while let Some(error) = next {
        told = format!("{told}: {error}");
        next = error.source();
    }
    assert!(told.contains("invalid peer certificate"), "{told}");
}

#[test]
fn a_file_without_certificates_is_told_before_anything_is_asked() {
    let folder = scratch("no-certificates");
    std::fs::create_dir_all(&folder).expect("folder");
    let empty = folder.join("empty.pem");
    std::fs::write(&empty, "no certificate").expect("written");
    let broken = folder.join("broken.pem");
    std::fs::write(&broken, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").expect("written");
    for (file, why) in
        [(empty, "it has no certificate (PEM)"), (broken, ""), (folder.join("missing.pem"), "No such file")]
    {
        let mut settings = server().client_settings();
        settings.url = "https://localhost:1".to_owned();
        settings.authorities = Some(file.clone());
        let error = ClickHouse::new(&settings).expect_err("refused");
        assert_eq!(error.code().0, "E5211");
        let told = error.to_string();
        assert!(told.contains(&file.display().to_string()) && told.contains(why), "{told}");
    }
}
