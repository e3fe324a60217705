//! What `spotlight dashboards` writes, tried on the real things: rules by promtool, the queries of every panel on a
//! Prometheus that scraped a run, and one alert through an Alertmanager to a webhook.
//!
//! Alertmanager takes a minute to build, so `cargo test` runs what needs it only where it was built before, and says on
//! standard error when it did not. `services/test-alerts` builds it and runs all of it (`SPOTLIGHT_TEST_ALERTS=all`).

#![expect(clippy::panic, reason = "a test that cannot go on says why")]

mod delivered;
mod files;
mod panels;
#[path = "../program/mod.rs"]
mod program;
mod prometheus;
mod promtool;
mod rules;
#[path = "../commands/workplace.rs"]
#[expect(dead_code, reason = "the tests of commands use all of it")]
mod workplace;

use std::path::PathBuf;

use crate::program::{root, until};
use crate::workplace::Workplace;

/// What is checked in for the shipped feeds.
fn shipped() -> PathBuf {
    root().join("dashboards")
}

/// Where the run of a workplace listens, as `HOST:PORT`.
#[track_caller]
fn address(workplace: &Workplace) -> String {
    until("the run listens", || {
        let said = workplace.said();
        let lines = said.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let address = lines.filter(|line| line["message"] == "listening").find_map(|line| {
            let address = line["address"].as_str()?;
            Some(address.strip_prefix("http://").unwrap_or(address).to_owned())
        });
        address
    })
}
