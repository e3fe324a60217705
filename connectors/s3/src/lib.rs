//! The raw store in a bucket of an object store that speaks S3, and a source of documents that lie in one.
//!
//! [`S3Source`] is the `s3:` source of a topology: it finds documents in a folder of a bucket, and reads each as it was
//! listed. [`S3Store`] keeps documents' bytes as [`connect::RawStore`] promises. What is staged lies in a folder of this machine,
//! because most of what is fetched turns out to be known; what is kept goes into the bucket once, under a name that
//! nothing is ever written over.
//!
//! Invariants: a write is conditional (`If-None-Match: *`) and carries SHA-256, which the store must acknowledge or the
//! bytes are read back; a part's worth of bytes is held in memory, whatever a document's size; every wait is bounded,
//! and every attempt that is made again is told in the log; no secret stands in a message.
//!
//! Deliberately absent: making a bucket, removing objects, being told of new ones by the store, the environment (but for what gives the machine
//! its rights, which is the client's own matter), and a choice of address.

mod client;
mod codes;
mod errors;
mod object;
mod page;
mod reader;
mod settings;
mod source;
mod store;
mod told;
mod upload;

pub use codes::{EXPLANATIONS, SOURCE_EXPLANATIONS};
pub use errors::S3Error;
pub use settings::{Addressing, Credentials, Patience, S3Settings, Secret};
pub use source::S3Source;
pub use store::S3Store;
