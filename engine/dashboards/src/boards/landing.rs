//! Landings: inserts, what they wait for, and the ranges that are open.

use telemetry::list as metrics;

use super::{flows_that_tell, spread};
use crate::Feeds;
use crate::board::{Board, Panel, Section, Unit};
use crate::query::{OF_FLOW, Scope};

pub(super) fn board(feeds: &Feeds) -> Board {
    let variables = flows_that_tell(&metrics::LANDING_OPEN_RANGES, feeds);
    let scope = variables.scope();
    Board {
        uid: "spotlight-landing",
        title: "Spotlight / Landing",
        about: "Inserts into tables: how large, how fast, how often in vain, and which ranges are open.",
        variables,
        sections: vec![
            Section { heading: "Into tables", panels: inserts(scope) },
            Section { heading: "Ranges", panels: ranges(scope) },
        ],
    }
}

fn inserts(scope: Scope) -> Vec<Panel> {
    let names = ["{{flow}} middle", "{{flow}} largest 1 %"];
    vec![
        Panel::lines("Rows inserted", "Rows of all inserts, whatever became of them.")
            .in_unit(Unit::RowsASecond)
            .ask(scope.rate_of_sum(&metrics::LANDING_ROWS, OF_FLOW), "{{flow}}"),
        Panel::lines("Inserts", "Inserts that the table has acknowledged. Many small ones are hard on ClickHouse.")
            .in_unit(Unit::ASecond)
            .ask(scope.rate(&metrics::LANDING_BATCHES, OF_FLOW), "{{flow}}"),
        Panel::lines("Tries that failed", "In a way that passes, or with an outcome that is not known.")
            .in_unit(Unit::ASecond)
            .ask(scope.rate(&metrics::LANDING_RETRIES, "topology, flow, class"), "{{flow}} {{class}}"),
        spread(Panel::lines("Rows of an insert", "At most a block."), scope, &metrics::LANDING_ROWS, OF_FLOW, names),
        spread(
            Panel::lines("Bytes of an insert", "In memory, before compression.").in_unit(Unit::Bytes),
            scope,
            &metrics::LANDING_BYTES,
            OF_FLOW,
            names,
        ),
        spread(
            Panel::lines("Time of an insert", "Whatever became of it.").in_unit(Unit::Seconds),
            scope,
            &metrics::LANDING_INSERT_SECONDS,
            OF_FLOW,
            ["{{flow}} middle", "{{flow}} slowest 1 %"],
        ),
    ]
}

fn ranges(scope: Scope) -> Vec<Panel> {
    vec![
        Panel::lines("Open ranges", "Ranges that were opened and not closed: at most one for each partition.")
            .ask(scope.sum(&metrics::LANDING_OPEN_RANGES, OF_FLOW), "{{flow}}"),
        Panel::lines("Age of the oldest open range", "0 if none is open.")
            .in_unit(Unit::Seconds)
            .ask(scope.max(&metrics::LANDING_OPEN_RANGE_AGE, OF_FLOW), "{{flow}}"),
        Panel::lines(
            "How long the table knows an insert",
            "An open range that is older than this may land twice, as the table does not know its insert again.",
        )
        .in_unit(Unit::Seconds)
        .ask(scope.min(&metrics::LANDING_DEDUP_WINDOW, OF_FLOW), "{{flow}}"),
        Panel::lines("Rows found in the table already", "They were not inserted again: what a crash has left behind.")
            .in_unit(Unit::RowsASecond)
            .ask(scope.rate(&metrics::LANDING_DUPLICATES, OF_FLOW), "{{flow}}"),
        Panel::lines("Age of what has landed", "How long ago the newest record arrived whose rows have left the flow.")
            .in_unit(Unit::Seconds)
            .ask(scope.min(&metrics::LANDED_AGE, OF_FLOW), "{{flow}}"),
    ]
}
