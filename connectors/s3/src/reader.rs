//! Reading an object from any place, a window at a time.
//!
//! A window is asked for with its range. The first after a jump is small, for archives look here and there; while
//! reading goes on it doubles up to [`MOST`], which is all that is held in memory. Every question names the entity tag
//! of the first answer, so that no two versions are mixed. What came before a connection was lost is kept, and asked for
//! is what is missing.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::operation::get_object::GetObjectOutput;

use crate::client::Bucket;
use crate::errors::{S3Error, explain};

/// Bytes of the first window after a jump.
const FIRST: u64 = 256 << 10;
/// Most bytes of a window.
const MOST: u64 = 8 << 20;
/// After a jump a window begins at a multiple of this: who looks for the end of an archive steps back a little.
const ALIGNMENT: u64 = 64 << 10;

/// An object that is being read.
#[derive(Debug)]
pub(crate) struct ObjectReader {
    bucket: Arc<Bucket>,
    reference: String,
    /// The entity tag that it is to have, without quotes, if that is known before it is asked for.
    wanted: Option<String>,
    tag: Option<String>,
    size: u64,
    position: u64,
    window: Window,
}

/// Bytes of the object that are here.
#[derive(Debug, Default)]
struct Window {
    start: u64,
    bytes: Vec<u8>,
}

impl Window {
    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// The bytes from a position on.
    fn from(&self, position: u64) -> &[u8] {
        let skipped = position.checked_sub(self.start).and_then(|skipped| usize::try_from(skipped).ok());
        skipped.and_then(|skipped| self.bytes.get(skipped..)).unwrap_or_default()
    }
}

impl ObjectReader {
    /// Asks for the object's beginning.
    pub(crate) fn open(bucket: Arc<Bucket>, reference: &str) -> Result<Self, S3Error> {
        Self::open_version(bucket, reference, None)
    }

    /// The same of an object that is to have this entity tag, given without quotes. Another one is refused.
    pub(crate) fn open_version(bucket: Arc<Bucket>, reference: &str, wanted: Option<String>) -> Result<Self, S3Error> {
        let (reference, window) = (reference.to_owned(), Window::default());
        let mut reader = Self { bucket, reference, wanted, tag: None, size: FIRST, position: 0, window };
        reader.fill(0, FIRST)?;
        Ok(reader)
    }

    /// Number of bytes.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Gets the window around the position.
    fn advance(&mut self) -> Result<(), S3Error> {
        let goes_on = self.position == self.window.end();
        let (start, length) = if goes_on {
            (self.position, (self.window.bytes.len() as u64 * 2).clamp(FIRST, MOST))
        } else {
            (self.position - self.position % ALIGNMENT, FIRST)
        };
        self.fill(start, start.saturating_add(length))
    }

    /// Gets the bytes from `start` to before `end`, or to the object's end. An error that comes after the position was
    /// reached is no matter yet: whoever reads on meets it.
    fn fill(&mut self, start: u64, end: u64) -> Result<(), S3Error> {
        let bucket = Arc::clone(&self.bucket);
        self.window = Window { start, bytes: Vec::new() };
        let failed = bucket.wait(async {
            let mut failures = 0;
            loop {
                let got = tokio::time::timeout(bucket.patience.attempt, self.ask(end)).await;
                let got = got.unwrap_or_else(|_| Err(Failed::Body(self.lost("it took too long"))));
                match got {
                    Ok(()) => return None,
                    Err(Failed::Answer(error)) => return Some(error),
                    Err(Failed::Body(error)) => {
                        failures += 1;
                        if failures >= bucket.patience.attempts {
                            return Some(error);
                        }
                        tracing::warn!(error = error.to_string(), "an object is asked for again");
                        bucket.pause(failures).await;
                    }
                }
            }
        });
        match failed {
            Some(error) if self.window.from(self.position).is_empty() => Err(error),
            _ => Ok(()),
        }
    }

    /// Asks for what the window lacks.
    async fn ask(&mut self, end: u64) -> Result<(), Failed> {
        let start = self.window.end();
        let end = end.min(self.size.max(FIRST));
        if self.tag.is_some() && start >= self.size.min(end) {
            return Ok(());
        }
        let ask = self.bucket.client.get_object().bucket(&self.bucket.name).key(self.bucket.key(&self.reference));
        let ask = ask.range(format!("bytes={start}-{}", end - 1)).set_if_match(self.condition());
        let answer = match ask.send().await {
            Ok(answer) => answer,
            // No range of an empty object can be given.
            Err(error) if error.code() == Some("InvalidRange") && self.tag.is_none() => return self.empty().await,
            Err(error) => return Err(Failed::Answer(explain(&self.place(), &error))),
        };
        self.check(&answer, start).map_err(Failed::Answer)?;
        self.take(answer, end).await
    }

    /// An answer is of the same object and begins where it was to.
    fn check(&mut self, answer: &GetObjectOutput, start: u64) -> Result<(), S3Error> {
        if self.is_another(answer.e_tag()) {
            return Err(S3Error::OtherBytes { place: self.place() });
        }
        let refused = |why: &str| S3Error::Refused { place: self.place(), why: why.to_owned() };
        let size = match answer.content_range() {
            Some(range) => match parsed(range) {
                Some((from, size)) if from == start => size,
                _ => return Err(refused("it gave another part of the object than was asked for")),
            },
            None if answer.content_length() == Some(0) => 0,
            None => return Err(refused("it gave the whole object when a part was asked for")),
        };
        let Some(tag) = answer.e_tag() else { return Err(refused("it gave an object without an entity tag")) };
        self.tag = Some(tag.to_owned());
        self.size = size;
        Ok(())
    }

    /// The entity tag as a request names it.
    fn condition(&self) -> Option<String> {
        self.tag.clone().or_else(|| self.wanted.as_ref().map(|tag| format!("\"{tag}\"")))
    }

    /// True if an answer's entity tag is not the one that was asked for.
    fn is_another(&self, tag: Option<&str>) -> bool {
        let bare = |tag: &str| tag.trim_matches('"').to_owned();
        self.condition().is_some_and(|wanted| tag.map(bare) != Some(bare(&wanted)))
    }

    async fn take(&mut self, answer: GetObjectOutput, end: u64) -> Result<(), Failed> {
        let end = end.min(self.size);
        let mut body = answer.body;
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|_| Failed::Body(self.lost("the connection was lost")))?;
            let room = end.saturating_sub(self.window.end()) as usize;
            self.window.bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
        }
        if self.window.end() < end { Err(Failed::Body(self.lost("the answer ended early"))) } else { Ok(()) }
    }

    async fn empty(&mut self) -> Result<(), Failed> {
        let ask = self.bucket.client.head_object().bucket(&self.bucket.name).key(self.bucket.key(&self.reference));
        let answer = ask
            .set_if_match(self.condition())
            .send()
            .await
            .map_err(|error| Failed::Answer(explain(&self.place(), &error)))?;
        if answer.content_length() != Some(0) {
            let why = "it has no beginning, and is not empty".to_owned();
            return Err(Failed::Answer(S3Error::Refused { place: self.place(), why }));
        }
        if self.is_another(answer.e_tag()) {
            return Err(Failed::Answer(S3Error::OtherBytes { place: self.place() }));
        }
        (self.tag, self.size) = (answer.e_tag().map(str::to_owned), 0);
        Ok(())
    }

    fn lost(&self, why: &str) -> S3Error {
        S3Error::Unreachable { place: self.place(), why: format!("{why} at byte {}", self.window.end()) }
    }

    fn place(&self) -> String {
        self.bucket.place(&self.reference)
    }
}

/// Why a window was not filled.
enum Failed {
    /// There was an answer, or the client has given up.
    Answer(S3Error),
    /// The bytes stopped coming.
    Body(S3Error),
}

/// First byte and whole size of `bytes 0-9/100`.
fn parsed(range: &str) -> Option<(u64, u64)> {
    let (range, size) = range.strip_prefix("bytes ")?.split_once('/')?;
    let (from, _) = range.split_once('-')?;
    Some((from.parse().ok()?, size.parse().ok()?))
}

impl Read for ObjectReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() || self.position >= self.size {
            return Ok(0);
        }
        if self.window.from(self.position).is_empty() {
            self.advance()?;
        }
        let there = self.window.from(self.position);
        let count = there.len().min(buffer.len());
        buffer[..count].copy_from_slice(&there[..count]);
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for ObjectReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.size.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::parsed;

    #[test]
    fn ranges_are_read() {
        let cases = [
            ("bytes 0-9/100", Some((0, 100))),
            ("bytes 7-7/8", Some((7, 8))),
            ("bytes */100", None),
            ("bytes 0-9/*", None),
            ("0-9/100", None),
            ("bytes 0/9", None),
        ];
        for (range, expected) in cases {
            assert_eq!(parsed(range), expected, "{range}");
        }
    }
}
