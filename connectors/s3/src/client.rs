//! The client of one bucket: made of settings, with a runtime of its own, so that its calls block.

use std::fmt;
use std::fs;
use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::{RetryPartition, TokenBucket};
use aws_sdk_s3::config::{Builder, SharedCredentialsProvider, SharedHttpClient};
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::runtime::{self, Runtime};

use crate::errors::S3Error;
use crate::settings::{Addressing, Credentials, Patience, S3Settings};
use crate::told::Told;

/// How long a connection is kept that nobody uses. Longer than the 20 s of Amazon's servers, and a request could be sent
/// into a connection that is being closed.
const IDLE: Duration = Duration::from_secs(10);
/// How often it is looked whether the process is to end, while an answer is waited for.
const LOOK: Duration = Duration::from_millis(200);
/// Longest wait between two attempts.
const MOST_BACKOFF: Duration = Duration::from_secs(5);

/// A bucket, and what asks it.
pub(crate) struct Bucket {
    pub(crate) client: Client,
    pub(crate) name: String,
    pub(crate) patience: Patience,
    prefix: String,
    runtime: Runtime,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Bucket").field("place", &self.place("")).finish_non_exhaustive()
    }
}

impl Bucket {
    pub(crate) fn new(settings: &S3Settings) -> Result<Self, S3Error> {
        settings.check()?;
        let mut builder = runtime::Builder::new_multi_thread();
        let builder = builder.worker_threads(1).thread_name("s3-client").enable_all();
        let runtime = builder.build().map_err(|error| S3Error::Unreachable {
            place: format!("s3://{}", settings.bucket),
            why: format!("the client's threads could not start: {error}"),
        })?;
        let client = runtime.block_on(connect(settings))?;
        Ok(Self {
            client,
            name: settings.bucket.clone(),
            patience: settings.patience,
            prefix: settings.prefix.clone(),
            runtime,
        })
    }

    /// The object's key.
    pub(crate) fn key(&self, reference: &str) -> String {
        format!("{}{reference}", self.prefix)
    }

    /// The prefix, if there is one.
    pub(crate) fn prefix(&self) -> Option<String> {
        (!self.prefix.is_empty()).then(|| self.prefix.clone())
    }

    /// The object as messages name it.
    pub(crate) fn place(&self, reference: &str) -> String {
        format!("s3://{}/{}{reference}", self.name, self.prefix)
    }

    /// Waits for an answer. Not to be called from inside another asynchronous runtime.
    pub(crate) fn wait<T>(&self, asked: impl Future<Output = T>) -> T {
        self.runtime.block_on(asked)
    }

    /// The same for as long as nobody wants the end, which is looked at now and then; `None` if somebody does. A store that
    /// hangs is waited for longer than a process may take to end.
    pub(crate) fn wait_unless<T>(&self, stopping: &dyn Fn() -> bool, asked: impl Future<Output = T>) -> Option<T> {
        self.runtime.block_on(async {
            let mut asked = pin!(asked);
            loop {
                match tokio::time::timeout(LOOK, asked.as_mut()).await {
                    Ok(answer) => return Some(answer),
                    Err(_) if stopping() => return None,
                    Err(_) => {}
                }
            }
        })
    }

    /// Waits before the attempt after this one, counted from 1.
    pub(crate) async fn pause(&self, attempt: u32) {
        let doubled = self.patience.backoff.saturating_mul(1 << attempt.saturating_sub(1).min(10));
        tokio::time::sleep(doubled.min(MOST_BACKOFF)).await;
    }
}

async fn connect(settings: &S3Settings) -> Result<Client, S3Error> {
    let behaviour = BehaviorVersion::v2026_01_12();
    let region = Region::new(settings.region.clone());
    let http = http_client(settings)?;
    let credentials = match &settings.credentials {
        Credentials::Keys { access_key_id, secret_access_key, session_token } => {
            let token = session_token.as_ref().map(|token| token.reveal().to_owned());
            let (name, key) = (access_key_id.reveal(), secret_access_key.reveal());
            SharedCredentialsProvider::new(aws_credential_types::Credentials::new(name, key, token, None, "settings"))
        }
        Credentials::Ambient => {
            let loader = aws_config::defaults(behaviour).region(region.clone()).http_client(http.clone());
            loader.load().await.credentials_provider().ok_or_else(|| S3Error::Denied {
                place: format!("s3://{}", settings.bucket),
                why: "this machine was given no credentials".to_owned(),
            })?
        }
    };
    let patience = settings.patience;
    let retries = RetryConfig::standard()
        .with_max_attempts(patience.attempts)
        .with_initial_backoff(patience.backoff)
        .with_max_backoff(MOST_BACKOFF);
    // The client's own budget of retries is one for all its clients in the process, and attempts are few as it is.
    let budget = RetryPartition::custom("spotlight").token_bucket(TokenBucket::unlimited()).build();
    let waits = TimeoutConfig::builder()
        .connect_timeout(patience.connect)
        .read_timeout(patience.attempt)
        .operation_attempt_timeout(patience.attempt);
    let mut config = Builder::new()
        .behavior_version(behaviour)
        .region(region)
        .http_client(http)
        .credentials_provider(credentials)
        .retry_config(retries)
        .retry_partition(budget)
        .timeout_config(waits.build())
        .force_path_style(settings.addressing == Addressing::PathStyle)
        .interceptor(Told);
    if let Some(endpoint) = &settings.endpoint {
        config = config.endpoint_url(endpoint.trim_end_matches('/'));
    }
    Ok(Client::from_conf(config.build()))
}

fn http_client(settings: &S3Settings) -> Result<SharedHttpClient, S3Error> {
    // The system's certificates are not looked for where nothing is encrypted: a machine may have none.
    let mut trusted = TrustStore::empty().with_native_roots(settings.encrypts());
    if let Some(file) = &settings.authorities {
        trusted.add_pem_certificate(certificates(file)?);
    }
    let wrong = |why: String| S3Error::Setting { setting: "authorities", why };
    let context = TlsContext::builder().with_trust_store(trusted).build().map_err(|error| wrong(error.to_string()))?;
    Ok(aws_smithy_http_client::Builder::new()
        .pool_idle_timeout(IDLE)
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .tls_context(context)
        .build_https())
}

/// The text of a file of certificates, each of which can be used: the client panics on one that cannot.
fn certificates(file: &Path) -> Result<Vec<u8>, S3Error> {
    let wrong = |why: String| S3Error::Setting { setting: "authorities", why: format!("{}: {why}", file.display()) };
    let text = fs::read(file).map_err(|error| wrong(error.to_string()))?;
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        store.add(certificate).map_err(|error| wrong(error.to_string()))?;
    }
    if store.is_empty() { Err(wrong("it has no certificate (PEM)".to_owned())) } else { Ok(text) }
}
