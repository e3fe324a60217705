//! Runs one target for long under libFuzzer: `--target=NAME` beside libFuzzer's own flags. See this crate's `README.md`.
#![no_main]
#![expect(clippy::panic, reason = "a program of libFuzzer has no other way to refuse its arguments")]

use std::sync::OnceLock;

use fuzz::Target;

static TARGET: OnceLock<&'static Target> = OnceLock::new();

/// The target that the command line names.
fn named() -> &'static Target {
    let name = std::env::args().find_map(|argument| argument.strip_prefix("--target=").map(str::to_owned));
    let found = name.and_then(|name| fuzz::TARGETS.iter().find(|target| target.name == name));
    let names: Vec<&str> = fuzz::TARGETS.iter().map(|target| target.name).collect();
    found.unwrap_or_else(|| panic!("say --target=NAME with one of: {}", names.join(", ")))
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| (TARGET.get_or_init(named).run)(bytes));
