//! The raw store in a bucket, and a source of documents that lie in one: answers made up on loopback, and a real MinIO.
//!
//! MinIO takes minutes to build, so `cargo test` runs what needs it only where it was built before, and says on standard
//! error when it did not. `services/test-minio` builds it and runs all of it, the large objects too
//! (`SPOTLIGHT_TEST_MINIO=all`).

#![expect(clippy::panic, reason = "a test says what is wrong and ends")]

mod answers;
mod canned;
mod conformance;
mod faults;
mod large;
mod minio;
mod proxy;
mod settings;
mod source;
