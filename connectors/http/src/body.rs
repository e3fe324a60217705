//! The body of an answer as a stream that knows its limit and remembers why it broke.
//!
//! The first bytes can be looked at before anything is taken, because a 200 is not data. A body that breaks off is an
//! error, never an end: a length that was announced is compared by the HTTP client itself.

use std::io::{self, Read};

use batch::Code;
use bytes::{Buf, Bytes};
use connect::SourceError;
use reqwest::Response;

use crate::client::Client;
use crate::explanations::TOO_LARGE;

/// How many bytes are looked at before a body is believed.
const HEAD: usize = 1024;

/// The body of one answer.
#[derive(Debug)]
pub(crate) struct Body<'a> {
    client: &'a Client,
    url: &'a str,
    response: Response,
    limit: u64,
    received: u64,
    head: Bytes,
    rest: Bytes,
    /// Why reading failed, if it did.
    pub(crate) failure: Option<SourceError>,
}

impl<'a> Body<'a> {
    /// Takes an answer and reads its first bytes.
    pub(crate) fn open(client: &'a Client, url: &'a str, response: Response, limit: u64) -> Result<Self, SourceError> {
        if response.content_length().is_some_and(|length| length > limit) {
            return Err(too_large(url, limit));
        }
        let nothing = Bytes::new();
        let mut body =
            Self { client, url, response, limit, received: 0, head: nothing.clone(), rest: nothing, failure: None };
        let mut head = Vec::new();
        while head.len() < HEAD {
            match body.receive()? {
                Some(bytes) => head.extend_from_slice(&bytes),
                None => break,
            }
        }
        body.head = head.into();
        Ok(body)
    }

    /// The first bytes: at least a KiB, unless the body is shorter.
    pub(crate) fn head(&self) -> &[u8] {
        &self.head[..self.head.len().min(HEAD)]
    }

    /// The whole body.
    pub(crate) fn read_whole(mut self) -> Result<Vec<u8>, SourceError> {
        let mut whole = self.head.to_vec();
        while let Some(bytes) = self.receive()? {
            whole.extend_from_slice(&bytes);
        }
        Ok(whole)
    }

    fn receive(&mut self) -> Result<Option<Bytes>, SourceError> {
        let Some(bytes) = self.client.chunk(self.url, &mut self.response)? else { return Ok(None) };
        self.received = self.received.saturating_add(bytes.len() as u64);
        if self.received > self.limit { Err(too_large(self.url, self.limit)) } else { Ok(Some(bytes)) }
    }
}

impl Read for Body<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if self.failure.is_some() {
            return Err(io::Error::other("reading failed before"));
        }
        let source = if self.head.is_empty() { &mut self.rest } else { &mut self.head };
        if source.is_empty() {
            match self.receive() {
                Ok(Some(bytes)) => self.rest = bytes,
                Ok(None) => return Ok(0),
                Err(error) => {
                    let told = io::Error::other(error.to_string());
                    self.failure = Some(error);
                    return Err(told);
                }
            }
        }
        let source = if self.head.is_empty() { &mut self.rest } else { &mut self.head };
        let count = source.len().min(buffer.len());
        source.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}

fn too_large(url: &str, limit: u64) -> SourceError {
    let code: Code = TOO_LARGE;
    SourceError::Operator {
        code,
        what: format!("{url}: the body is larger than {limit} bytes"),
        remedy: "if the document is right, raise `limits: { body: ... }`".to_owned(),
    }
}
