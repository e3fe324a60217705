//! The suite of the contract, on a real broker. Each check has a namespace of its own, so its topics are fresh.

use testkit::log_suite;

use crate::support::{broker, namespace};

#[test]
fn the_log_on_kafka_keeps_the_contract() {
    log_suite::run(&|| Box::new(broker().open(&namespace(), "suite")));
}

#[test]
fn the_log_on_kafka_keeps_what_was_committed() {
    let namespace = namespace();
    log_suite::run_durable(&mut || Box::new(broker().open(&namespace, "suite")));
}
