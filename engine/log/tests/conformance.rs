//! The suite of the contract, run on both logs of this crate.

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use log::embedded::EmbeddedLog;
use log::memory::MemoryLog;
use log::{Log, LogError};
use testkit::log_suite;

/// A clock that goes backwards every third time.
fn clock() -> Arc<dyn Fn() -> i64 + Send + Sync> {
    let calls = AtomicI64::new(1_000);
    Arc::new(move || {
        let call = calls.fetch_add(1, Ordering::Relaxed);
        if call % 3 == 0 { call - 500 } else { call }
    })
}

fn open(folder: &Path) -> EmbeddedLog {
    EmbeddedLog::open(folder, clock()).expect("the folder is free and whole")
}

#[test]
fn the_memory_log_keeps_the_contract() {
    log_suite::run(&|| Box::new(MemoryLog::new(clock())));
    log_suite::run_gapless(&|| Box::new(MemoryLog::new(clock())));
}

#[test]
fn the_embedded_log_keeps_the_contract() {
    let folders = RefCell::new(Vec::new());
    let make = || -> Box<dyn Log> {
        let folder = tempfile::tempdir().expect("temporary folder");
        let log = open(folder.path());
        folders.borrow_mut().push(folder);
        Box::new(log)
    };
    log_suite::run(&make);
    log_suite::run_gapless(&make);
}

#[test]
fn the_embedded_log_keeps_what_was_committed() {
    let folder = tempfile::tempdir().expect("temporary folder");
    log_suite::run_durable(&mut || Box::new(open(folder.path())));
}

#[test]
fn a_folder_in_use_is_refused_and_free_again_after() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let owner = open(folder.path());
    let error = EmbeddedLog::open(folder.path(), clock()).err().expect("in use");
    assert!(matches!(error, LogError::InUse), "{error:?}");
    drop(owner);
    assert!(open(folder.path()).topics().expect("whole").is_empty());
}
