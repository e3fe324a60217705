//! The raw store: staged in a folder, kept in the bucket.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use connect::{FolderStore, RawError, RawFailure, RawStore, ReadSeek, Stored, object_name};
use sha2::{Digest, Sha256};

use crate::client::Bucket;
use crate::errors::{S3Error, explain, raw};
use crate::reader::ObjectReader;
use crate::settings::S3Settings;
use crate::upload::{Sent, Upload, UploadError};

/// A raw store in a bucket.
///
/// Calls block, and may come from several threads at once, but not from inside an asynchronous runtime; nor may the
/// store be dropped there.
#[derive(Debug)]
pub struct S3Store {
    bucket: Arc<Bucket>,
    staging: FolderStore,
}

impl S3Store {
    /// Makes the client, and the folder for what is staged. The folder is this store's own: what an earlier process had
    /// staged in it is removed. Asks nothing of the store; [`S3Store::check`] does.
    ///
    /// # Errors
    /// If a setting is wrong, or the folder cannot be made. [`S3Error::of`] tells the former.
    pub fn open(settings: &S3Settings, staging: &Path) -> Result<Self, RawError> {
        let bucket = Bucket::new(settings).map_err(|error| raw(&format!("s3://{}", settings.bucket), error))?;
        Ok(Self { bucket: Arc::new(bucket), staging: FolderStore::open(staging)? })
    }

    /// Asks whether the bucket is there and may be looked into. Whether it may be written is seen when it is.
    ///
    /// # Errors
    /// If it cannot be reached, is not there, or the credentials are refused.
    pub fn check(&self) -> Result<(), S3Error> {
        let ask = self.bucket.client.list_objects_v2().bucket(&self.bucket.name).max_keys(1);
        let asked = self.bucket.wait(ask.set_prefix(self.bucket.prefix()).send());
        match asked.map_err(|error| explain(&self.bucket.place(""), &error)) {
            Ok(_) => Ok(()),
            // A list is of the bucket: nothing else can be missing.
            Err(S3Error::Missing { place }) => Err(S3Error::NoBucket { place }),
            Err(error) => Err(error),
        }
    }

    /// Where the bytes of a reference lie, as messages name it.
    #[must_use]
    pub fn place(&self, reference: &str) -> String {
        self.bucket.place(reference)
    }

    /// Whether the object has the bytes that were staged; `None` if there is none.
    fn holds(&self, reference: &str, staged: &Stored) -> Result<Option<bool>, RawError> {
        let mut reader = match ObjectReader::open(Arc::clone(&self.bucket), reference) {
            Ok(reader) => reader,
            Err(S3Error::Missing { .. }) => return Ok(None),
            Err(error) => return Err(self.raw(reference, error)),
        };
        if reader.size() != staged.size {
            return Ok(Some(false));
        }
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = reader.read(&mut buffer);
            match read.map_err(|source| RawError::Store { place: self.place(reference), source })? {
                0 => break,
                count => hash.update(&buffer[..count]),
            }
        }
        let digits: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Some(digits == staged.sha256))
    }

    /// Uploads what was staged, again where another writer is in the way for a moment.
    fn upload(&self, reference: &str, staged: &Stored) -> Result<(), RawError> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let mut content = self.staging.open(&staged.reference)?;
            let upload = Upload { bucket: &self.bucket, reference, staged };
            let sent = upload.send(&mut content).map_err(|error| match error {
                UploadError::Staged(source) => RawError::Store { place: staged.reference.clone(), source },
                UploadError::Store(error) => self.raw(reference, error),
            })?;
            let busy = match sent {
                Sent::Acknowledged => return Ok(()),
                Sent::Unproven | Sent::Occupied => match self.holds(reference, staged)? {
                    Some(true) => return Ok(()),
                    Some(false) => return Err(self.raw(reference, self.other_bytes(reference))),
                    None => self.gone(reference),
                },
                Sent::Busy(error) => error,
            };
            if attempt >= self.bucket.patience.attempts {
                return Err(self.raw(reference, busy));
            }
            tracing::warn!(error = busy.to_string(), "a document is uploaded again");
            self.bucket.wait(self.bucket.pause(attempt));
        }
    }

    fn other_bytes(&self, reference: &str) -> S3Error {
        S3Error::OtherBytes { place: self.place(reference) }
    }

    fn gone(&self, reference: &str) -> S3Error {
        let why = "the upload is gone, and nothing is there".to_owned();
        S3Error::Unreachable { place: self.place(reference), why }
    }

    fn raw(&self, reference: &str, error: S3Error) -> RawError {
        raw(&self.place(reference), error)
    }
}

impl RawStore for S3Store {
    fn stage(&self, content: &mut dyn Read) -> Result<Stored, RawError> {
        self.staging.stage(content)
    }

    fn keep(&self, staged: &Stored, key: &str, version: i64) -> Result<Stored, RawError> {
        let reference = object_name(key, version, &staged.sha256);
        match self.upload(&reference, staged) {
            Ok(()) => self.staging.discard(staged),
            // What is no longer staged was kept before, or there is nothing to keep.
            Err(error) if S3Error::of(&error).is_none() && error.failure() == RawFailure::Missing => {
                match self.holds(&reference, staged)? {
                    Some(true) => {}
                    Some(false) => return Err(self.raw(&reference, self.other_bytes(&reference))),
                    None => return Err(error),
                }
            }
            Err(error) => return Err(error),
        }
        Ok(Stored { reference, sha256: staged.sha256.clone(), size: staged.size })
    }

    fn discard(&self, staged: &Stored) {
        self.staging.discard(staged);
    }

    fn open(&self, reference: &str) -> Result<Box<dyn ReadSeek>, RawError> {
        let reader = ObjectReader::open(Arc::clone(&self.bucket), reference);
        Ok(Box::new(reader.map_err(|error| self.raw(reference, error))?))
    }
}
