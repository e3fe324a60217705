//! The `s3:` source: a folder of a bucket.
//!
//! A round asks for the pages of the listing, notes what fits, and then offers it in the order of versions, as the source of
//! files does: several objects of one document are its versions in that order. Only names and tags of what fits are held
//! meanwhile. Folders below are not looked into: patterns know names alone, and objects of one name in two folders would
//! be one document.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use connect::listed::{Claim, FileNames, Misfits, Round, skipped};
use connect::{Discovery, Fields, Source, SourceError, version_order};

use crate::client::Bucket;
use crate::codes;
use crate::errors::S3Error;
use crate::object::Object;
use crate::page::{Listing, page};
use crate::settings::S3Settings;

/// A source of documents in a bucket.
///
/// Rounds block, and are not to be made from inside an asynchronous runtime; nor may the source be dropped there.
#[derive(Debug)]
pub struct S3Source {
    bucket: Arc<Bucket>,
    folder: Arc<str>,
    names: FileNames,
}

impl S3Source {
    /// A source of what lies in `folder`, which is empty or ends with `/` and stands below the prefix of the settings.
    /// Asks nothing of the store.
    ///
    /// # Errors
    /// If a setting is wrong.
    pub fn new(settings: &S3Settings, folder: &str, names: FileNames) -> Result<Self, S3Error> {
        Ok(Self { bucket: Arc::new(Bucket::new(settings)?), folder: folder.into(), names })
    }

    fn place(&self, name: &[u8]) -> String {
        format!("{}{}", self.bucket.place(&self.folder), String::from_utf8_lossy(name))
    }

    /// All that fits, in order of name.
    fn list(&self, discovery: &mut dyn Discovery) -> Result<(Vec<(Object, Fields)>, Misfits), SourceError> {
        let (mut taken, mut misfits, mut next) = (Vec::new(), Misfits::default(), None);
        let lost = Arc::default();
        loop {
            let page = page(&self.bucket, &self.folder, next.as_deref(), &|| discovery.stopping());
            let page = page.map_err(|error| told(&error))?.ok_or(SourceError::Stopping)?;
            for folder in &page.folders {
                self.name_folder(folder, discovery);
            }
            for listing in page.objects {
                taken.extend(self.sort(listing, &lost, &mut misfits, discovery));
            }
            next = page.next;
            if next.is_none() {
                break;
            }
            // Between two pages who looks may have seen enough.
            if discovery.wait(Duration::ZERO).is_err() {
                if !taken.is_empty() {
                    discovery.looked(&self.describe(), taken.len(), None);
                }
                return Err(SourceError::Stopping);
            }
        }
        taken.sort_by(|(left, _), (right, _)| version_order(left.name.as_bytes(), right.name.as_bytes()));
        Ok((taken, misfits))
    }

    /// A folder is named only if it was meant to be read.
    fn name_folder(&self, name: &[u8], discovery: &mut dyn Discovery) {
        if std::str::from_utf8(name).is_ok_and(|name| self.names.claim(name) != Claim::No) {
            discovery.not_claimed(&format!("{}/ (a folder: what lies in it is not looked into)", self.place(name)));
        }
    }

    /// The object, if it is taken. What is left out is named.
    fn sort(
        &self,
        listing: Listing,
        lost: &Arc<AtomicUsize>,
        misfits: &mut Misfits,
        discovery: &mut dyn Discovery,
    ) -> Option<(Object, Fields)> {
        let lost = Arc::clone(lost);
        let Listing { name, tag, size, changed } = listing;
        let place = self.place(&name);
        let name = match String::from_utf8(name) {
            Ok(name) => name,
            Err(error) => {
                misfits.add(error.as_bytes());
                discovery.not_claimed(&place);
                return None;
            }
        };
        match self.names.claim(&name) {
            Claim::Taken(fields) => {
                let (bucket, folder) = (Arc::clone(&self.bucket), Arc::clone(&self.folder));
                return Some((Object { bucket, folder, name, tag, size, changed, lost }, fields));
            }
            // Another source may mean it as it is, and tells it otherwise.
            Claim::Skipped(aside) if !matches!(self.names.claim_of_others(&name), Claim::Taken(_)) => {
                discovery.not_claimed(&skipped(&place, &aside));
            }
            Claim::Skipped(_) => {}
            Claim::No if name.starts_with('.') || self.names.claim_of_others(&name) != Claim::No => {}
            Claim::No => {
                misfits.add(name.as_bytes());
                discovery.not_claimed(&place);
            }
        }
        None
    }
}

impl Source for S3Source {
    fn round(&mut self, discovery: &mut dyn Discovery) -> Result<(), SourceError> {
        let (taken, misfits) = self.list(discovery)?;
        let misfit = if taken.is_empty() { self.names.misfit(&misfits) } else { None };
        discovery.looked(&self.describe(), taken.len(), misfit.as_deref());
        let mut round = Round::begin(discovery);
        for (object, fields) in taken {
            round.offer(object, &fields)?;
        }
        round.finish()
    }

    fn describe(&self) -> Arc<str> {
        self.bucket.place(&self.folder).into()
    }
}

/// The error as the runtime knows it: what passes by itself, and what a person must mend.
pub(crate) fn told(error: &S3Error) -> SourceError {
    let what = error.to_string();
    let (code, remedy) = match error {
        S3Error::Unreachable { .. }
        | S3Error::Damaged { .. }
        | S3Error::OtherBytes { .. }
        | S3Error::Missing { .. } => {
            return SourceError::Transient { what, retry_after: None };
        }
        S3Error::Setting { .. } => (codes::WRONG_SETTING, "correct it below `buckets` in the file of connections"),
        S3Error::Denied { .. } => (
            codes::SOURCE_DENIED,
            "correct the `credentials` of the bucket in the file of connections, or give them s3:ListBucket on the bucket \
             and s3:GetObject on what lies in the folder",
        ),
        S3Error::NoBucket { .. } => {
            (codes::SOURCE_NO_BUCKET, "correct `bucket`, `region` or `endpoint` in the file of connections")
        }
        S3Error::Refused { .. } => (
            codes::SOURCE_REFUSED,
            "read the store's words; correct `region`, `endpoint` or `addressing` of the bucket in the file of connections",
        ),
    };
    SourceError::Operator { code, what, remedy: remedy.to_owned() }
}
