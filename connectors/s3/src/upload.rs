//! Bytes on their way into the bucket: in one request, or in parts where there are many.
//!
//! ```text
//! up to PART bytes:  put, If-None-Match: *, x-amz-checksum-sha256 ─▶ acknowledged with the same sum
//! more:              create ─▶ part, each with its sum ─▶ … ─▶ complete, If-None-Match: * ─▶ sum over the parts' sums
//!                      └──────────── any failure ────────────┴─▶ abort, best effort
//! ```
//!
//! One part is in memory at a time. The hash of the whole is computed again on the way: what lies staged on a disk may
//! have changed.

use std::io::{self, Read};

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use aws_smithy_types::base64;
use connect::Stored;
use sha2::{Digest, Sha256};

use crate::client::Bucket;
use crate::errors::{S3Error, explain};

/// Bytes of a part. Larger, and more memory is held and a part takes longer than an attempt may; smaller, and there are
/// more requests. Stores take no part below 5 MiB but the last.
const PART: u64 = 8 << 20;
/// Most parts that a store takes.
const MOST_PARTS: u64 = 10_000;
/// Puts the writer's name for the content beside the object, for people who look at the bucket.
const HASH: &str = "sha256";

/// What became of an upload.
pub(crate) enum Sent {
    /// The object is there, and the store said which bytes it has.
    Acknowledged,
    /// The object is there; which bytes it has was not said.
    Unproven,
    /// Something was there already, or came while this was on its way; or an answer was lost.
    Occupied,
    /// Another writer is at the same object.
    Busy(S3Error),
}

/// Why an upload failed.
pub(crate) enum UploadError {
    /// The staged bytes could not be read.
    Staged(io::Error),
    /// The store.
    Store(S3Error),
}

impl From<S3Error> for UploadError {
    fn from(error: S3Error) -> Self {
        Self::Store(error)
    }
}

/// Where an upload goes.
pub(crate) struct Upload<'a> {
    pub(crate) bucket: &'a Bucket,
    pub(crate) reference: &'a str,
    pub(crate) staged: &'a Stored,
}

impl Upload<'_> {
    /// Sends the content, which is what was staged.
    pub(crate) fn send(&self, content: &mut dyn Read) -> Result<Sent, UploadError> {
        if self.staged.size <= PART { self.whole(content) } else { self.in_parts(content) }
    }

    fn whole(&self, content: &mut dyn Read) -> Result<Sent, UploadError> {
        let mut hash = Sha256::new();
        let part = self.part(content, PART, &mut hash)?;
        self.proven(hash, part.bytes.len() as u64)?;
        let put = self.bucket.client.put_object().bucket(&self.bucket.name).key(self.key()).if_none_match("*");
        let put = put.checksum_sha256(&part.sum).metadata(HASH, &self.staged.sha256).body(part.bytes.into());
        match self.bucket.wait(put.send()) {
            Ok(answer) => Ok(self.acknowledged(answer.checksum_sha256(), &part.sum)?),
            Err(error) => self.not_written(&error),
        }
    }

    fn in_parts(&self, content: &mut dyn Read) -> Result<Sent, UploadError> {
        let create = self.bucket.client.create_multipart_upload().bucket(&self.bucket.name).key(self.key());
        let create = create.checksum_algorithm(ChecksumAlgorithm::Sha256).metadata(HASH, &self.staged.sha256);
        let created = self.bucket.wait(create.send()).map_err(|error| self.explain(&error))?;
        let Some(upload) = created.upload_id() else {
            return Err(self.refused("it began an upload without giving it a name").into());
        };
        let sent = self.parts(content, upload);
        if !matches!(sent, Ok(Sent::Acknowledged | Sent::Unproven)) {
            // Best effort: what stays is ended by the bucket's rule for incomplete uploads.
            let abort = self.bucket.client.abort_multipart_upload().bucket(&self.bucket.name).key(self.key());
            let _aborted = self.bucket.wait(abort.upload_id(upload).send());
        }
        sent
    }

    fn parts(&self, content: &mut dyn Read, upload: &str) -> Result<Sent, UploadError> {
        let size = PART.max(self.staged.size.div_ceil(MOST_PARTS));
        let (mut hash, mut hash_of_sums) = (Sha256::new(), Sha256::new());
        let mut parts = Vec::new();
        let (mut total, mut all_proven) = (0, true);
        for number in 1.. {
            let part = self.part(content, size, &mut hash)?;
            if part.bytes.is_empty() {
                break;
            }
            total += part.bytes.len() as u64;
            hash_of_sums.update(part.digest);
            let send = self.bucket.client.upload_part().bucket(&self.bucket.name).key(self.key()).upload_id(upload);
            let send = send.part_number(number).checksum_sha256(&part.sum).body(ByteStream::from(part.bytes));
            let answer = self.bucket.wait(send.send()).map_err(|error| self.explain(&error))?;
            all_proven &= matches!(self.acknowledged(answer.checksum_sha256(), &part.sum)?, Sent::Acknowledged);
            let tag = answer.e_tag().unwrap_or_default();
            parts.push(CompletedPart::builder().part_number(number).checksum_sha256(part.sum).e_tag(tag).build());
        }
        self.proven(hash, total)?;
        let sum = format!("{}-{}", base64::encode(hash_of_sums.finalize()), parts.len());
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let complete = self.bucket.client.complete_multipart_upload().bucket(&self.bucket.name).key(self.key());
        let complete = complete.upload_id(upload).multipart_upload(parts).if_none_match("*");
        match self.bucket.wait(complete.send()) {
            // Some stores say nothing of the whole; they have said it of each part.
            Ok(answer) => match answer.checksum_sha256() {
                None if all_proven => Ok(Sent::Acknowledged),
                said => Ok(self.acknowledged(said, &sum)?),
            },
            Err(error) => self.not_written(&error),
        }
    }

    /// The next bytes, `size` of them or what is left.
    fn part(&self, content: &mut dyn Read, size: u64, whole: &mut Sha256) -> Result<Part, UploadError> {
        let mut bytes = Vec::with_capacity(size.min(self.staged.size) as usize);
        content.take(size).read_to_end(&mut bytes).map_err(UploadError::Staged)?;
        whole.update(&bytes);
        let digest: [u8; 32] = Sha256::digest(&bytes).into();
        Ok(Part { sum: base64::encode(digest), digest, bytes })
    }

    /// What was read is what was staged.
    fn proven(&self, hash: Sha256, size: u64) -> Result<(), S3Error> {
        let digits: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        if digits == self.staged.sha256 && size == self.staged.size {
            return Ok(());
        }
        Err(self.damaged("the staged file is not what was fetched"))
    }

    fn acknowledged(&self, said: Option<&str>, sum: &str) -> Result<Sent, S3Error> {
        match said {
            Some(said) if said == sum => Ok(Sent::Acknowledged),
            Some(_) => Err(self.damaged("the store has another SHA-256 for them")),
            None => Ok(Sent::Unproven),
        }
    }

    /// What the error of the request means with which the object would be there.
    fn not_written<E>(&self, error: &SdkError<E>) -> Result<Sent, UploadError>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let code = error.code();
        match self.explain(error) {
            S3Error::OtherBytes { .. } => Ok(Sent::Occupied),
            // An earlier attempt has completed it, and its answer was lost; or somebody has aborted it.
            _ if code == Some("NoSuchUpload") => Ok(Sent::Occupied),
            conflict if code == Some("ConditionalRequestConflict") => Ok(Sent::Busy(conflict)),
            error => Err(error.into()),
        }
    }

    fn key(&self) -> String {
        self.bucket.key(self.reference)
    }

    fn place(&self) -> String {
        self.bucket.place(self.reference)
    }

    fn explain<E>(&self, error: &SdkError<E>) -> S3Error
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        match explain(&self.place(), error) {
            // An object that is being written cannot be missing: its bucket is, or the upload.
            S3Error::Missing { place } => S3Error::Unreachable { place, why: "the upload is gone".to_owned() },
            other => other,
        }
    }

    fn damaged(&self, why: &str) -> S3Error {
        S3Error::Damaged { place: self.place(), why: why.to_owned() }
    }

    fn refused(&self, why: &str) -> S3Error {
        S3Error::Refused { place: self.place(), why: why.to_owned() }
    }
}

/// Bytes that go in one request.
struct Part {
    bytes: Vec<u8>,
    digest: [u8; 32],
    /// The digest as headers have it.
    sum: String,
}
