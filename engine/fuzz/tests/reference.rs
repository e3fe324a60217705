//! The evaluator of expressions against the reference, over many expressions and tables: the same on each run, unless
//! `PROPTEST_RNG_SEED` names another seed. `PROPTEST_CASES` makes more of them.
//!
//! The expression and its rows are made from bytes, so that a failing case shrinks, and its seed is kept in the file
//! beside this one. The same target runs under libFuzzer.

use proptest::collection::vec;
use proptest::prelude::any;
use proptest::proptest;
use proptest::test_runner::{Config, FileFailurePersistence, RngSeed};

proptest! {
    #![proptest_config(Config {
        cases: Config::default().cases.max(3_000),
        rng_seed: match Config::default().rng_seed {
            RngSeed::Random => RngSeed::Fixed(1),
            chosen @ RngSeed::Fixed(_) => chosen,
        },
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("proptest-regressions"))),
        ..Config::default()
    })]

    #[test]
    fn the_evaluator_is_the_reference(bytes in vec(any::<u8>(), 50..600)) {
        fuzz::expression::values::run(&bytes);
    }
}
