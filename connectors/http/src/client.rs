//! One client of a publisher: the network, its limits, and what its errors mean.
//!
//! Calls block. The network runs on a runtime of the client's own, in the calling thread; a call from inside another
//! asynchronous runtime is a mistake of the caller.

use std::error::Error;

use batch::{Code, bounded};
use bytes::Bytes;
use connect::SourceError;
use reqwest::header::{ACCEPT_ENCODING, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Response, Url};
use tokio::runtime::{Builder, Runtime};

use crate::explanations::{BAD_REDIRECT, BAD_SETTING};
use crate::settings::HttpSettings;
use crate::validators::Validators;

/// Most stations of a redirect.
const MOST_REDIRECTS: usize = 5;

/// Asks one publisher.
#[derive(Debug)]
pub(crate) struct Client {
    runtime: Runtime,
    client: reqwest::Client,
    rewrite: Option<String>,
}

impl Client {
    pub(crate) fn new(settings: &HttpSettings) -> Result<Self, SourceError> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| SourceError::Transient {
            what: format!("the network could not be set up: {error}"),
            retry_after: None,
        })?;
        let mut name = format!("spotlight/{}", settings.version);
        if let Some(contact) = contact(settings) {
            name = format!("{name} ({contact})");
        }
        let limits = settings.time_limits;
        // Bytes are stored as published, so nothing here may unpack them.
        let mut client = reqwest::Client::builder()
            .user_agent(name)
            .no_gzip()
            .referer(false)
            .connect_timeout(limits.connect)
            .read_timeout(limits.idle)
            .timeout(limits.total)
            .redirect(Policy::custom(follow));
        if settings.rewrite.is_some() {
            client = client.no_proxy();
        }
        let client = client.build().map_err(|error| explain("the HTTP client", error))?;
        Ok(Self { runtime, client, rewrite: settings.rewrite.clone() })
    }

    /// Sends one request and waits for the head of its answer.
    pub(crate) fn ask(&self, url: &str, known: &Validators) -> Result<Response, SourceError> {
        let mut request = self.client.get(self.address(url)).header(ACCEPT_ENCODING, "identity");
        if let Some(etag) = &known.etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        if let Some(moment) = &known.last_modified {
            request = request.header(IF_MODIFIED_SINCE, moment);
        }
        // The client starts its timers when it is called, so it must be called inside the runtime.
        self.runtime.block_on(async { request.send().await }).map_err(|error| explain(url, error))
    }

    /// The next bytes of an answer; `None` at its end.
    pub(crate) fn chunk(&self, url: &str, response: &mut Response) -> Result<Option<Bytes>, SourceError> {
        self.runtime.block_on(async { response.chunk().await }).map_err(|error| explain(url, error))
    }

    /// The address that is really asked.
    fn address(&self, url: &str) -> String {
        let Some(base) = &self.rewrite else { return url.to_owned() };
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        format!("{}/{rest}", base.trim_end_matches('/'))
    }

    /// The base of a page's relative links.
    pub(crate) fn base(&self, page: &Url, response: &Response) -> Url {
        if self.rewrite.is_some() { page.clone() } else { response.url().clone() }
    }
}

/// The contact that a client names, if it names one.
pub(crate) fn contact(settings: &HttpSettings) -> Option<&str> {
    settings.contact.as_deref().map(str::trim).filter(|contact| !contact.is_empty())
}

/// Text of a header, if it is text.
pub(crate) fn header(response: &Response, name: HeaderName) -> Option<&str> {
    response.headers().get(name).and_then(|value| value.to_str().ok())
}

fn follow(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    match judge_redirect(attempt.previous(), attempt.url()) {
        Ok(()) => attempt.follow(),
        Err(why) => attempt.error(why),
    }
}

fn judge_redirect(previous: &[Url], next: &Url) -> Result<(), &'static str> {
    if previous.contains(next) {
        return Err("the redirects lead in a circle");
    }
    if previous.len() > MOST_REDIRECTS {
        return Err("there are more than five redirects");
    }
    match next.scheme() {
        "https" => Ok(()),
        "http" if previous.iter().any(|url| url.scheme() == "https") => Err("a redirect leads from https to http"),
        "http" => Ok(()),
        _ => Err("a redirect leads to an address that is not of the web"),
    }
}

/// An error of the client in the words of a source.
fn explain(url: &str, error: reqwest::Error) -> SourceError {
    let (redirect, builder) = (error.is_redirect(), error.is_builder());
    let error = error.without_url();
    let mut what = format!("{url}: {error}");
    let mut cause = error.source();
    while let Some(next) = cause {
        what.push_str(&format!(": {next}"));
        cause = next.source();
    }
    let what = bounded(&what);
    let operator = |code: Code, what, remedy: &str| SourceError::Operator { code, what, remedy: remedy.to_owned() };
    if redirect {
        operator(
            BAD_REDIRECT,
            what,
            "open the address in a browser, and write the address where the document now lives",
        )
    } else if builder {
        operator(BAD_SETTING, what, "correct the address or the contact")
    } else {
        SourceError::Transient { what, retry_after: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_are_followed_within_bounds() {
        let cases: &[(&[&str], &str, bool)] = &[
            (&["https://a/1"], "https://b/2", true),
            (&["http://a/1"], "https://a/1", true),
            (&["http://a/1"], "http://a/2", true),
            (&["https://a/1"], "http://a/2", false),
            (&["http://a/1", "https://a/2"], "http://a/3", false),
            (&["https://a/1", "https://a/2"], "https://a/1", false),
            (&["http://a/1"], "file:///etc/passwd", false),
            (&["http://a/1", "http://a/2", "http://a/3", "http://a/4", "http://a/5"], "http://a/6", true),
            (
                &["http://a/1", "http://a/2", "http://a/3", "http://a/4", "http://a/5", "http://a/6"],
                "http://a/7",
                false,
            ),
        ];
        for (previous, next, expected) in cases {
            let previous: Vec<Url> = previous.iter().map(|url| Url::parse(url).unwrap()).collect();
            let verdict = judge_redirect(&previous, &Url::parse(next).unwrap());
            assert_eq!(verdict.is_ok(), *expected, "{next}: {verdict:?}");
        }
    }
}
