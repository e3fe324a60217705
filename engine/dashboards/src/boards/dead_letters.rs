//! Dead letters: how many are open, how old they are, and where they come from.

use telemetry::list as metrics;

use super::flows_that_tell;
use crate::Feeds;
use crate::board::{Board, Mood, Panel, Section, Unit};
use crate::query::{OF_FLOW, Scope};

pub(super) fn board(feeds: &Feeds) -> Board {
    let variables = flows_that_tell(&metrics::DLQ_OPEN, feeds);
    let scope = variables.scope();
    Board {
        uid: "spotlight-dead-letters",
        title: "Spotlight / Dead letters",
        about: "Rows that could not be processed: `spotlight dlq ls` lists them, `spotlight dlq replay` sends them back.",
        variables,
        sections: vec![
            Section { heading: "Now", panels: now(scope) },
            Section { heading: "Waiting", panels: open(scope) },
            Section { heading: "Where they come from", panels: origin(scope) },
        ],
    }
}

fn now(scope: Scope) -> Vec<Panel> {
    vec![
        Panel::number("Open", "Rows that wait for a person, of whichever run.", Mood::Bad)
            .ask(scope.max(&metrics::DLQ_OPEN, OF_FLOW), "{{flow}}"),
        Panel::number("Oldest", "How long ago the oldest open dead letter failed last.", Mood::Plain)
            .in_unit(Unit::Seconds)
            .ask(scope.max(&metrics::DLQ_OLDEST_AGE, OF_FLOW), "{{flow}}"),
        Panel::table("Flows", "Open dead letters by flow, the most first.", "open")
            .sized(16, 6)
            .column(scope.max(&metrics::DLQ_OPEN, OF_FLOW), "open", Unit::Count)
            .column(scope.max(&metrics::DLQ_OLDEST_AGE, OF_FLOW), "oldest", Unit::Seconds)
            .column(scope.sum(&metrics::RECORDS_DEAD_LETTERED, OF_FLOW), "since the start", Unit::Count),
    ]
}

fn open(scope: Scope) -> Vec<Panel> {
    vec![
        Panel::lines("Open dead letters", "Those that were replayed, given up or superseded are none.")
            .ask(scope.max(&metrics::DLQ_OPEN, OF_FLOW), "{{flow}}"),
        Panel::lines("Age of the oldest", "How long ago the oldest open dead letter failed last.")
            .in_unit(Unit::Seconds)
            .ask(scope.max(&metrics::DLQ_OLDEST_AGE, OF_FLOW), "{{flow}}"),
        Panel::lines("How long they are kept", "What is older is gone. None where they are kept for ever.")
            .in_unit(Unit::Seconds)
            .ask(scope.min(&metrics::DLQ_RETENTION, OF_FLOW), "{{flow}}"),
    ]
}

fn origin(scope: Scope) -> Vec<Panel> {
    let rate = |metric| scope.rate(metric, OF_FLOW);
    vec![
        Panel::lines("By code", "Since the processes started. `spotlight explain CODE` tells what a code means.")
            .ask(scope.sum(&metrics::RECORDS_DEAD_LETTERED, "topology, flow, code"), "{{flow}} {{code}}"),
        Panel::lines("By step", "Since the processes started: rows by the step that failed, and refused documents.")
            .ask(scope.sum(&metrics::RECORD_ERRORS, "topology, flow, stage, code"), "{{flow}} {{stage}} {{code}}"),
        Panel::lines("Share of the rows", "Dead letters as a share of the rows that came in.")
            .in_unit(Unit::Share)
            .ask(format!("{} / {}", rate(&metrics::RECORDS_DEAD_LETTERED), rate(&metrics::RECORDS_IN)), "{{flow}}"),
        Panel::lines("Share that is too large", "Above it a document is refused, or a flow of a topic holds.")
            .in_unit(Unit::Share)
            .ask(scope.max(&metrics::DEAD_LETTER_LIMIT, OF_FLOW), "{{flow}}"),
        Panel::lines("Documents refused", "Documents whose newest version was not accepted.")
            .ask(scope.max(&metrics::DOCUMENT_REFUSED, OF_FLOW), "{{flow}}"),
        Panel::lines("Rows of refused documents", "They wait in the raw store.")
            .ask(scope.sum(&metrics::RECORDS_HELD, OF_FLOW), "{{flow}}"),
    ]
}
