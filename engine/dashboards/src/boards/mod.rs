//! The dashboards, one a file.

mod dead_letters;
mod feed;
mod kafka;
mod landing;
mod overview;
mod state;

use telemetry::Metric;

use crate::Feeds;
use crate::board::{Board, Panel, Unit, Variables};
use crate::query::Scope;

/// All of them.
pub(crate) fn all(feeds: &Feeds) -> Vec<Board> {
    vec![
        overview::board(feeds),
        feed::board(feeds),
        landing::board(feeds),
        dead_letters::board(feeds),
        state::board(feeds),
        kafka::board(),
    ]
}

/// One topology and its flows, of those that tell this metric.
fn flows_that_tell(metric: &Metric, feeds: &Feeds) -> Variables {
    Variables::Flows { first: feeds.names.first().cloned(), told_by: metric.name }
}

/// The middle and the slowest hundredth of what a histogram was told.
fn spread(panel: Panel, scope: Scope, metric: &Metric, by: &str, names: [&'static str; 2]) -> Panel {
    let [middle, slowest] = names;
    panel.ask(scope.quantile("0.5", metric, by), middle).ask(scope.quantile("0.99", metric, by), slowest)
}

/// The processes that run Spotlight, with this metric of processes.
fn of_processes(series: &str) -> String {
    let of = crate::query::OF_PROCESS;
    format!("{series} and on ({of}) {}", telemetry::list::BUILD_INFO.name)
}

/// How long ago the log has answered.
fn log_answers(scope: Scope) -> Panel {
    Panel::lines(
        "Age of the log's last answer",
        "How long ago the log said where topics end. While it is away, lags and open dead letters are as they were then.",
    )
    .in_unit(Unit::Seconds)
    .ask(scope.max(&telemetry::list::LOG_SEEN_AGE, crate::query::OF_PROCESS), "{{instance}}")
}
