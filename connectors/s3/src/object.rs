//! An object that was listed, and its bytes as they were listed: an object that is written over meanwhile is no document.

use std::borrow::Cow;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use connect::listed::{Content, Listed};
use connect::{Known, SourceError};

use crate::client::Bucket;
use crate::errors::S3Error;
use crate::reader::ObjectReader;
use crate::source::told;

/// Objects in a row for which the store gave no answer, behind which a round ends. More, and an outage is waited for as
/// often; fewer, and an object that the store can never give keeps the ones behind it away.
const LOST_IN_A_ROW: usize = 3;

/// An object that is there.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(crate) bucket: Arc<Bucket>,
    /// The folder in which it lies: empty, or ends with `/`.
    pub(crate) folder: Arc<str>,
    pub(crate) name: String,
    /// Its entity tag, without quotes.
    pub(crate) tag: Option<String>,
    pub(crate) size: u64,
    /// Seconds since 1970 UTC and nanoseconds.
    pub(crate) changed: Option<(i64, u32)>,
    /// How many of the round were lost since one could be read.
    pub(crate) lost: Arc<AtomicUsize>,
}

impl Object {
    fn reference(&self) -> String {
        format!("{}{}", self.folder, self.name)
    }
}

impl Listed for Object {
    type Content = ObjectContent;

    fn name(&self) -> &str {
        &self.name
    }

    fn url(&self) -> Cow<'_, str> {
        self.bucket.place(&self.reference()).into()
    }

    /// The bucket has answered, so the folder is there.
    fn lies_beside(&self, url: &str) -> bool {
        url.rsplit_once('/')
            .is_some_and(|(folder, _)| self.bucket.place(&self.folder).strip_suffix('/') == Some(folder))
    }

    /// Asks nothing yet: most of what is listed is known.
    fn open(&self) -> Result<Option<ObjectContent>, SourceError> {
        Ok(Some(ObjectContent { object: self.clone(), reader: None, failed: None }))
    }
}

/// The bytes of an object, asked for when the first of them is read.
#[derive(Debug)]
pub(crate) struct ObjectContent {
    object: Object,
    reader: Option<ObjectReader>,
    failed: Option<S3Error>,
}

impl ObjectContent {
    fn reader(&mut self) -> Result<&mut ObjectReader, S3Error> {
        match &mut self.reader {
            Some(reader) => Ok(reader),
            none => {
                let object = &self.object;
                let reader =
                    ObjectReader::open_version(Arc::clone(&object.bucket), &object.reference(), object.tag.clone())?;
                if reader.size() != object.size {
                    return Err(S3Error::OtherBytes { place: object.url().into_owned() });
                }
                Ok(none.insert(reader))
            }
        }
    }
}

impl Read for ObjectContent {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader().map_err(io::Error::from).and_then(|reader| reader.read(buffer));
        if read.is_ok() {
            self.object.lost.store(0, Ordering::Relaxed);
        }
        read.inspect_err(|error| {
            self.failed = error.get_ref().and_then(|inner| inner.downcast_ref::<S3Error>()).cloned();
        })
    }
}

impl Content for ObjectContent {
    fn validators(&self) -> Option<String> {
        let Object { tag, size, changed, .. } = &self.object;
        let (seconds, nanoseconds) = changed.unwrap_or_default();
        tag.as_ref().map(|tag| format!("etag={tag} size={size} changed={seconds}.{nanoseconds:09}"))
    }

    fn is(&self, known: &Known) -> bool {
        known.validators.is_some() && known.validators == self.validators()
    }

    fn trouble(&mut self) -> Option<SourceError> {
        let transient = |what: String| SourceError::Transient { what, retry_after: None };
        let failed = self.failed.take()?;
        let is_lost = matches!(failed, S3Error::Unreachable { .. });
        if is_lost && self.object.lost.fetch_add(1, Ordering::Relaxed) + 1 >= LOST_IN_A_ROW {
            return None;
        }
        Some(match failed {
            S3Error::OtherBytes { place } => transient(format!("{place} changed while it was read; it is read again")),
            S3Error::Missing { place } => transient(format!("{place} went away before it was read")),
            error => told(&error),
        })
    }
}
