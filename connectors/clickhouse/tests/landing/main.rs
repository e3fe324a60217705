//! The landing's promises against a real ClickHouse: the embedded one, as a child process of this test.
//!
//! The library comes from the same cache as the binary's and is fetched with npm if it is not there. Where it cannot be
//! had, these tests fail and say so: a promise that was not tried is not kept.

#![expect(clippy::panic, reason = "a test that cannot go on says why")]

mod embedded;
mod encrypted;
mod errors;
mod preflight;
mod protocol;
mod suite;
mod support;
mod types;
