//! The network: what is sent to a registry, and what its answers mean.
//!
//! Fetching by id, registering, looking up and the latest version go through `schema_registry_converter`. Two things it
//! cannot do are done with `reqwest` here, on the same settings:
//! * Compatibility with reasons: its question asks for yes or no, and does not escape the subject.
//! * Statuses: it tells them in words only, and calls 429 and most of 5xx final. [`status_of`] reads them from there.
//!
//! Subjects are escaped here before they are handed over; it escapes nothing but `/`, which is then gone.

use std::error::Error;
use std::future::Future;

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::redirect::Policy;
use reqwest::{Certificate, ClientBuilder};
use schema_registry_converter::async_impl::schema_registry::{SrSettings, perform_sr_call};
use schema_registry_converter::error::SRCError;
use schema_registry_converter::schema_registry_common::{RawError, RawRegisteredSchema, SrCall};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

use crate::error::RegistryError;
use crate::settings::RegistrySettings;

/// Confluent's own type of bodies.
const MEDIA: &str = "application/vnd.schemaregistry.v1+json";
/// How the converter begins what it says of a status.
const STATUS_WORDS: &str = "failed with status ";

/// A registry's refusal: status, its own code, and its words.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    /// 0 where it gave none.
    pub(crate) code: u32,
    pub(crate) message: String,
}

/// What became of a question that was not answered as hoped.
#[derive(Debug)]
pub(crate) enum Failure {
    Refused(Refusal),
    Other(RegistryError),
}

pub(crate) struct Client {
    runtime: Runtime,
    settings: RegistrySettings,
    url: String,
    converter: SrSettings,
    client: reqwest::Client,
}

impl Client {
    pub(crate) fn new(settings: &RegistrySettings) -> Result<Self, RegistryError> {
        let url = settings.url.trim_end_matches('/').to_owned();
        // Before anything else, so that no message shows it.
        if url.contains('@') {
            return Err(unusable("its address holds a user or a password, which have fields of their own"));
        }
        let parsed = reqwest::Url::parse(&url);
        let parsed = parsed.map_err(|error| unusable(&format!("`{}` is no address: {error}", batch::bounded(&url))))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(unusable(&format!("`{}` does not begin with `https://` or `http://`", batch::bounded(&url))));
        }
        let client = builder(settings)?.timeout(settings.timeout).build();
        let client = client.map_err(|error| unusable(&chain(&error)))?;
        let mut converter = SrSettings::new_builder(url.clone());
        converter.set_timeout(settings.timeout).no_proxy();
        if let Some(login) = &settings.login {
            converter.set_basic_authorization(&login.user, Some(&login.password));
        }
        let converter = converter.build_with(builder(settings)?).map_err(|error| unusable(&error.error))?;
        // One worker drives the network, so that several threads may wait for answers at once.
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("schema-registry").enable_all().build();
        let runtime = runtime.map_err(|error| unusable(&format!("its client cannot start: {error}")))?;
        Ok(Self { runtime, settings: settings.clone(), url, converter, client })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// One of the calls that the converter makes.
    pub(crate) fn call(&self, call: SrCall<'_>) -> Result<RawRegisteredSchema, Failure> {
        self.block_on(async { perform_sr_call(&self.converter, call).await }).map_err(|error| understand(&error))
    }

    /// Sends a body to a path and reads the answer's.
    pub(crate) fn post(&self, path: &str, body: String) -> Result<Value, Failure> {
        let mut request =
            self.client.post(format!("{}{path}", self.url)).header(CONTENT_TYPE, MEDIA).header(ACCEPT, MEDIA);
        if let Some(login) = &self.settings.login {
            request = request.basic_auth(&login.user, Some(&login.password));
        }
        self.block_on(async {
            let response = request.body(body).send().await.map_err(|error| Failure::Other(network(&error)))?;
            let status = response.status();
            let text = response.text().await.map_err(|error| Failure::Other(network(&error)))?;
            let value = serde_json::from_str::<Value>(&text);
            if !status.is_success() {
                let value = value.unwrap_or_default();
                let code = value["error_code"].as_u64().and_then(|code| u32::try_from(code).ok()).unwrap_or(0);
                let message = value["message"].as_str().unwrap_or_default().to_owned();
                return Err(Failure::Refused(Refusal { status: status.as_u16(), code, message }));
            }
            value.map_err(|error| Failure::Other(unusable(&format!("its answer is no JSON: {error}"))))
        })
    }

    fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }
}

impl Refusal {
    /// What it means where the question gives it no meaning of its own.
    pub(crate) fn general(&self) -> RegistryError {
        let what = batch::bounded(&match self.message.as_str() {
            "" => format!("it answers with status {}", self.status),
            message => format!("status {}: {message}", self.status),
        });
        match self.status {
            401 | 403 => RegistryError::Login { status: self.status },
            408 | 429 | 500..=599 => RegistryError::Unavailable { what },
            422 => RegistryError::Invalid { what },
            _ => RegistryError::Unusable { what },
        }
    }
}

impl Failure {
    /// The error, if the question gives a refusal no meaning of its own.
    pub(crate) fn or(self, special: impl FnOnce(&Refusal) -> Option<RegistryError>) -> RegistryError {
        match self {
            Self::Other(error) => error,
            Self::Refused(refusal) => special(&refusal).unwrap_or_else(|| refusal.general()),
        }
    }
}

fn builder(settings: &RegistrySettings) -> Result<ClientBuilder, RegistryError> {
    let builder = reqwest::Client::builder().no_proxy().redirect(Policy::none()).referer(false);
    let Some(pem) = &settings.authorities else { return Ok(builder) };
    let certificates = Certificate::from_pem_bundle(pem).map_err(|error| unusable(&chain(&error)))?;
    if certificates.is_empty() {
        return Err(unusable("there is no certificate (PEM) in the file of its authorities"));
    }
    Ok(builder.tls_certs_merge(certificates))
}

fn unusable(what: &str) -> RegistryError {
    RegistryError::Unusable { what: batch::bounded(what) }
}

/// What the converter says, in the words of this crate.
fn understand(error: &SRCError) -> Failure {
    if let Some(status) = status_of(&error.error) {
        let told = error.source().and_then(|source| source.downcast_ref::<RawError>());
        let (code, message) = told.map_or((0, ""), |told| (told.error_code, told.message.as_str()));
        // Its own words for a body that is no JSON say nothing of the registry.
        let message = if code == 0 { String::new() } else { message.to_owned() };
        return Failure::Refused(Refusal { status, code, message });
    }
    let network_error = error.source().and_then(|source| source.downcast_ref::<reqwest::Error>());
    Failure::Other(match network_error {
        Some(cause) => network(cause),
        None => unusable(
            &error.cause.as_ref().map_or_else(|| error.error.clone(), |cause| format!("{}: {cause}", error.error)),
        ),
    })
}

/// The status that the converter tells at the end of its words.
fn status_of(words: &str) -> Option<u16> {
    words.rsplit_once(STATUS_WORDS)?.1.split_whitespace().next()?.parse().ok()
}

/// An error of the network. An answer that could not be understood is not transient: asking again gives the same.
fn network(error: &reqwest::Error) -> RegistryError {
    let what = chain(error);
    if is_mistrust(&what) {
        return unusable(&what);
    }
    let cut_short = error.is_timeout() || error.is_body() || error.is_connect();
    if error.is_builder() || (error.is_decode() && !cut_short && !is_broken_off(error)) {
        return unusable(&what);
    }
    RegistryError::Unavailable { what: batch::bounded(&what) }
}

/// True if the words of an error say that who answers is not trusted. Waiting does not change that.
fn is_mistrust(words: &str) -> bool {
    words.contains("invalid peer certificate")
}

/// True if the connection ended in the middle of an answer.
fn is_broken_off(error: &dyn Error) -> bool {
    let mut cause = error.source();
    while let Some(next) = cause {
        if next.is::<std::io::Error>() || next.to_string().contains("error reading a body") {
            return true;
        }
        cause = next.source();
    }
    false
}

/// An error with its causes, without the address: that may be long, and is told beside it.
fn chain(error: &dyn Error) -> String {
    let mut words = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(next) = cause {
        words.push(next.to_string());
        cause = next.source();
    }
    words.join(": ")
}

/// A subject as a part of a path. Everything that is not surely harmless there is escaped (RFC 3986, unreserved).
pub(crate) fn escaped(subject: &str) -> String {
    let mut escaped = String::with_capacity(subject.len());
    for byte in subject.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => escaped.push(char::from(byte)),
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::{Refusal, escaped, is_mistrust, status_of};
    use crate::error::{Class, RegistryError};

    #[test]
    fn subjects_are_parts_of_a_path() {
        for (subject, path) in
            [("a.b-value", "a.b-value"), ("a/b c", "a%2Fb%20c"), ("ä?#%", "%C3%A4%3F%23%25"), ("..", "..")]
        {
            assert_eq!(escaped(subject), path);
        }
    }

    #[test]
    fn a_status_is_read_from_the_converters_words() {
        let words = "HTTP request to schema registry failed with status 429 Too Many Requests";
        assert_eq!(status_of(words), Some(429));
        assert_eq!(status_of("http call to schema registry failed"), None);
    }

    #[test]
    fn whom_nobody_trusts_is_no_outage() {
        let words = "error sending request for url (https://localhost/): client error (Connect): invalid peer certificate: \
                     UnknownIssuer";
        assert!(is_mistrust(words) && !is_mistrust("client error (Connect): tcp connect error: Connection refused"));
    }

    #[test]
    fn each_status_says_what_to_do() {
        for (status, class) in [
            (401, Class::Operator),
            (403, Class::Operator),
            (404, Class::Operator),
            (408, Class::Transient),
            (422, Class::Operator),
            (429, Class::Transient),
            (500, Class::Transient),
            (503, Class::Transient),
            (302, Class::Operator),
        ] {
            let error = Refusal { status, code: 0, message: "a".repeat(10_000) }.general();
            assert_eq!(error.class(), class, "{status}");
            assert!(error.to_string().len() < 700, "{status}");
        }
        assert!(matches!(
            Refusal { status: 403, code: 0, message: String::new() }.general(),
            RegistryError::Login { status: 403 }
        ));
    }
}
