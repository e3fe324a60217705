//! Whatever reads bytes of strangers, held to properties.
//!
//! A [`Target`] takes any bytes, gives them to one reader of the product, and panics where a promise of that reader does
//! not hold. The same function runs briefly with every test run (`tests/short.rs`: all files of `corpus/`, and a fixed
//! number of cases made from them by a fixed seed) and for long under libFuzzer, which follows the coverage
//! (`src/bin/coverage.rs`). How, and what was found, stands in this crate's `README.md`.
//!
//! Promises are told by independent means: a naive reader of the same format, the same bytes given in other pieces, or
//! the way back. A target that needs structure takes its choices from the bytes, so that one shape of input, a file of
//! bytes, serves for all.
//!
//! Deliberately absent: whatever starts a thread, opens a file or waits.

#![expect(clippy::panic, reason = "a promise that does not hold ends the program that asks for it")]

mod archive;
mod avro;
mod blocks;
mod delimited;
pub mod expression;
mod topology;
pub mod value;

/// One reader and its promises.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, which is also that of its folder in `corpus/`.
    pub name: &'static str,
    /// Reads bytes. Panics if a promise does not hold.
    pub run: fn(&[u8]),
    /// Cases that every test run makes up. Small, so that all of them take a few seconds without optimisation.
    pub short_cases: u32,
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target { name: "archive", run: archive::run, short_cases: 300 },
    Target { name: "avro-schema", run: avro::schema::run, short_cases: 300 },
    Target { name: "avro-values", run: avro::values::run, short_cases: 400 },
    Target { name: "blocks", run: blocks::run, short_cases: 500 },
    Target { name: "delimited", run: delimited::run, short_cases: 400 },
    Target { name: "expression-text", run: expression::text::run, short_cases: 400 },
    Target { name: "expression-values", run: expression::values::run, short_cases: 1_000 },
    Target { name: "topology", run: topology::run, short_cases: 100 },
];
