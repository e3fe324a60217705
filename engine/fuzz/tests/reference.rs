//! The evaluator of expressions against the reference, over expressions and tables that are new with each run.
//!
//! The expression and its rows are made from bytes, so that a failing case shrinks, and its seed is kept in the file
//! beside this one. The same target runs under libFuzzer.

use proptest::collection::vec;
use proptest::prelude::any;
use proptest::proptest;
use proptest::test_runner::{Config, FileFailurePersistence};

proptest! {
    #![proptest_config(Config {
        cases: 3_000,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("proptest-regressions"))),
        ..Config::default()
    })]

    #[test]
    fn the_evaluator_is_the_reference(bytes in vec(any::<u8>(), 50..600)) {
        fuzz::expression::values::run(&bytes);
    }
}
