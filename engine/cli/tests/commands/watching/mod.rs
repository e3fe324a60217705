//! How a run is watched: over HTTP, by its log, and with `top`; and how a flow is paused.

mod listening;
mod logs;
mod metrics;
mod pauses;

use crate::program::until;
use crate::workplace::Workplace;

/// Where the run of a workplace listens.
#[track_caller]
pub(crate) fn address(workplace: &Workplace) -> String {
    until("the run listens", || {
        let said = workplace.said();
        let lines = said.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        lines.filter(|line| line["message"] == "listening").find_map(|line| line["address"].as_str().map(str::to_owned))
    })
}
