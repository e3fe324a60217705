//! The codes that this crate raises, and what `spotlight explain` says of each.

use batch::{Code, Explanation};

pub(crate) const UNREACHABLE: Code = Code("E5701");
pub(crate) const DENIED: Code = Code("E5702");
pub(crate) const NO_BUCKET: Code = Code("E5703");
pub(crate) const MISSING: Code = Code("E5704");
pub(crate) const OTHER_BYTES: Code = Code("E5705");
pub(crate) const WRONG_SETTING: Code = Code("E5706");
pub(crate) const DAMAGED: Code = Code("E5707");
pub(crate) const REFUSED: Code = Code("E5708");
pub(crate) const SOURCE_DENIED: Code = Code("E5711");
pub(crate) const SOURCE_NO_BUCKET: Code = Code("E5712");
pub(crate) const SOURCE_REFUSED: Code = Code("E5713");

/// What `spotlight explain` says of the codes of the raw store.
pub const EXPLANATIONS: &[Explanation] = &[
    Explanation {
        code: UNREACHABLE,
        title: "the object store cannot be reached",
        why: "No connection could be made, it was lost, the answer took too long, or the store said that it is busy. It \
              was tried several times. Documents that are found meanwhile are fetched again later, and documents that \
              are read wait; both go on by themselves.",
        remedy: "Check that the store runs and that its address is right: `curl -I ENDPOINT` gives an answer, be it a \
                 refusal.",
    },
    Explanation {
        code: DENIED,
        title: "the object store refused the credentials, or they lack a right",
        why: "The keys are wrong, have ended, or may not do this in this bucket; or there were none to be had where the \
              machine was to give them; or the clock of this machine is wrong, on which signatures depend. Nothing was \
              written.",
        remedy: "Correct the credentials. They need s3:ListBucket on the bucket, and s3:GetObject, s3:PutObject and \
                 s3:AbortMultipartUpload on what lies below the prefix. Without the first, a store says of what is not \
                 there that it is not allowed.",
    },
    Explanation {
        code: NO_BUCKET,
        title: "the bucket does not exist",
        why: "The store has no bucket of this name. Spotlight makes none, because how long documents are kept, and who may \
              read them, is decided where it is made.",
        remedy: "Make the bucket, or correct its name. Give it a rule that ends incomplete uploads after a day: a \
                 process that dies leaves the parts that it had sent.",
    },
    Explanation {
        code: MISSING,
        title: "a stored document is not in the bucket",
        why: "A record names an object that is not there. It was removed by hand or by a rule of the bucket, or another \
              bucket or prefix is set than when the document was stored. Spotlight itself removes none.",
        remedy: "Put the object back from a copy or an earlier version of it, or correct bucket and prefix.",
    },
    Explanation {
        code: OTHER_BYTES,
        title: "other bytes lie where a document is to be",
        why: "Objects are named by document, version and hash, so nobody but another writer can have put other bytes \
              there; or an object was replaced while it was read. They were left as they are.",
        remedy: "Find out who else writes below this prefix, and give each its own. Then remove the object that the \
                 message names; it is stored again.",
    },
    Explanation {
        code: WRONG_SETTING,
        title: "the object store's settings are wrong",
        why: "An address, a name, a prefix or a file of certificates cannot be what was meant. Nothing was asked of the \
              store.",
        remedy: "Correct the setting that the message names.",
    },
    Explanation {
        code: DAMAGED,
        title: "bytes were damaged on their way into the object store",
        why: "The store computed another SHA-256 than the one that was sent with the bytes, or the staged file no longer \
              has the bytes that were fetched. What was uploaded is not referred to.",
        remedy: "It is tried again. If it comes again, look at the disk of the data folder, and at what stands between \
                 this machine and the store and changes what passes.",
    },
    Explanation {
        code: REFUSED,
        title: "the object store refused a request for a reason that is not known to pass",
        why: "The answer is none of those that mean an outage, a missing right, or something missing. The message has \
              the store's own words. A bucket of another region is refused so, and a store that lacks conditional writes \
              or multipart uploads.",
        remedy: "Read the store's words. Correct the region or the address, or use a store that has conditional writes \
                 (`If-None-Match`) and checksums with SHA-256.",
    },
];

/// What it says of the codes of sources.
pub const SOURCE_EXPLANATIONS: &[Explanation] = &[
    Explanation {
        code: SOURCE_DENIED,
        title: "the object store does not let the documents of a source be listed or read",
        why: "The keys are wrong, have ended, or may not list this bucket or read what lies in the folder; or there were \
              none to be had where the machine was to give them; or the clock of this machine is wrong, on which \
              signatures depend; or an object was moved to where it must be asked back from. Nothing of what was refused \
              was taken; the other documents were.",
        remedy: "Correct the credentials of the bucket in the file of connections. They need s3:ListBucket on the bucket \
                 and s3:GetObject on what lies in the folder. It is tried again by itself.",
    },
    Explanation {
        code: SOURCE_NO_BUCKET,
        title: "the bucket of a source does not exist",
        why: "The store has no bucket of this name. Spotlight makes none.",
        remedy: "Correct `bucket` below `buckets` in the file of connections, or `region` and `endpoint`, which say which \
                 store is asked.",
    },
    Explanation {
        code: SOURCE_REFUSED,
        title: "the object store refused a source for a reason that is not known to pass",
        why: "The answer is none of those that mean an outage, a missing right, or something missing. The message has \
              the store's own words. A bucket of another region is refused so.",
        remedy: "Read the store's words. Correct `region`, `endpoint` or `addressing` of the bucket in the file of \
                 connections.",
    },
];
