//! Trials of the jobs that `spotlight nomad-job` prints, on a real Nomad: a server and a client as processes of their own.
//!
//! They take minutes and root, so they run only where they are asked for (`services/test-nomad`); elsewhere each says
//! NOT RUN and passes. What they measured stands in `nomad/README.md`. They wait for no time: what is measured is
//! printed, and judged only where Nomad itself judges it.

#![expect(clippy::panic, reason = "a test that cannot go on says why")]

mod agent;
mod embedded;
mod lists;
#[path = "../shared/outside.rs"]
#[expect(dead_code, reason = "the test `shared` uses all of it")]
mod outside;
#[path = "../program/mod.rs"]
mod program;
#[path = "../shared/services.rs"]
#[expect(dead_code, reason = "the test `shared` uses all of it")]
mod services;
mod shared;
mod submitted;
mod trades;

/// Tells a figure, past the harness, which would swallow it.
fn told(what: &str) {
    use std::io::Write as _;
    let _unread = writeln!(std::io::stderr(), "    measured: {what}");
}
