//! One feed: its rows, its documents, how far it is behind, and where its time goes.

use telemetry::list as metrics;

use super::{flows_that_tell, spread};
use crate::Feeds;
use crate::board::{Board, Mood, Panel, Section, Unit};
use crate::query::{OF_FLOW, Scope};

pub(super) fn board(feeds: &Feeds) -> Board {
    let variables = flows_that_tell(&metrics::FLOW_UP, feeds);
    let scope = variables.scope();
    Board {
        uid: crate::grafana::FEED,
        title: "Spotlight / One feed",
        about: "One topology and its flows: what came in, what became of it, how far it is behind, and where time goes.",
        variables,
        sections: vec![
            Section { heading: "Now", panels: now(scope) },
            Section { heading: "Rows", panels: rows(scope) },
            Section { heading: "Documents", panels: documents(scope) },
            Section { heading: "How far behind", panels: behind(scope) },
            Section { heading: "Time", panels: time(scope) },
        ],
    }
}

fn now(scope: Scope) -> Vec<Panel> {
    vec![
        Panel::number("State", "The worst of what is wrong with each flow.", Mood::Trouble)
            .sized(8, 4)
            .ask(scope.trouble(), "{{flow}}"),
        Panel::number("Newest document", "How long ago the newest accepted document was fetched.", Mood::Plain)
            .in_unit(Unit::Seconds)
            .ask(scope.newest_document(), "{{flow}}"),
        Panel::number("Behind", "Records, or documents, that are not done.", Mood::Plain)
            .ask(scope.sum(&metrics::FLOW_LAG_RECORDS, OF_FLOW), "{{flow}}"),
        Panel::number("Open dead letters", "Rows that could not be processed and wait for a person.", Mood::Bad)
            .ask(scope.max(&metrics::DLQ_OPEN, OF_FLOW), "{{flow}}"),
        Panel::number("Started again", "Tasks that were started again in the time that is shown.", Mood::Bad)
            .ask(scope.gained(&metrics::FLOW_RESTARTS, OF_FLOW), "{{flow}}"),
    ]
}

fn rows(scope: Scope) -> Vec<Panel> {
    let rows = |title, about| Panel::lines(title, about).in_unit(Unit::RowsASecond);
    vec![
        rows("Rows in", "Rows that came in, the undecodable ones too, and those that a step made out of others.")
            .ask(scope.rate(&metrics::RECORDS_IN, OF_FLOW), "{{flow}}")
            .ask(scope.rate(&metrics::RECORDS_EXPANDED, OF_FLOW), "{{flow}} expanded"),
        rows("Rows out", "Rows that left by the flow's destination, or by a named output.")
            .ask(scope.rate(&metrics::RECORDS_OUT, "topology, flow, output"), "{{flow}} {{output}}"),
        Panel::lines("Rows dropped", "On purpose, by reason, since the processes started.")
            .ask(scope.sum(&metrics::RECORDS_DROPPED, "topology, flow, reason"), "{{flow}} {{reason}}"),
        Panel::lines("Rows that became dead letters", "By code, since the processes started.")
            .ask(scope.sum(&metrics::RECORDS_DEAD_LETTERED, "topology, flow, code"), "{{flow}} {{code}}"),
        rows("Rows of refused documents", "They wait in the raw store, and count no other way.")
            .ask(scope.rate(&metrics::RECORDS_HELD, OF_FLOW), "{{flow}}"),
        Panel::lines(
            "Rows that are not accounted for",
            "In + expanded - out - dropped - dead letters - refused. Anything but 0 is a fault of Spotlight.",
        )
        .ask(scope.unaccounted(), "{{flow}}"),
    ]
}

fn documents(scope: Scope) -> Vec<Panel> {
    vec![
        Panel::lines("Age of the newest document", "Against `fresh-within`, which the topology declares.")
            .in_unit(Unit::Seconds)
            .ask(scope.newest_document(), "{{flow}}")
            .ask(scope.max(&metrics::FRESH_WITHIN, "topology"), "fresh-within"),
        Panel::lines("Time since the last look", "Against `every`, which the source declares.")
            .in_unit(Unit::Seconds)
            .ask(scope.min(&metrics::DOCUMENT_CURSOR_AGE, OF_FLOW), "{{flow}}")
            .ask(scope.max(&metrics::DOCUMENT_INTERVAL, OF_FLOW), "{{flow}} every"),
        Panel::lines("Looks at the publisher", "How they ended.")
            .in_unit(Unit::ASecond)
            .ask(scope.rate(&metrics::DOCUMENT_ATTEMPTS, "topology, flow, result"), "{{flow}} {{result}}"),
        Panel::lines("Documents found", "New documents and new versions, in the time that is shown.")
            .ask(scope.gained(&metrics::DOCUMENT_FOUND, OF_FLOW), "{{flow}}"),
        Panel::lines("Bytes found", "Bytes of new documents and new versions.")
            .in_unit(Unit::BytesASecond)
            .ask(scope.rate(&metrics::DOCUMENT_BYTES, OF_FLOW), "{{flow}}"),
        Panel::lines("What became of documents", "By outcome, since the processes started.")
            .ask(scope.sum(&metrics::DOCUMENT_OUTCOMES, "topology, flow, outcome"), "{{flow}} {{outcome}}"),
        Panel::lines(
            "Not there, or not accepted",
            "Documents that are expected and asked for again, and refused ones.",
        )
        .ask(scope.max(&metrics::DOCUMENT_NOT_YET, OF_FLOW), "{{flow}} not yet")
        .ask(scope.max(&metrics::DOCUMENT_REFUSED, OF_FLOW), "{{flow}} refused"),
    ]
}

fn behind(scope: Scope) -> Vec<Panel> {
    vec![
        Panel::lines("Records behind", "Records, or documents, behind the committed positions.")
            .ask(scope.sum(&metrics::FLOW_LAG_RECORDS, OF_FLOW), "{{flow}}"),
        Panel::lines("Age of the oldest record that is not done", "How long it has been there; 0 if all are done.")
            .in_unit(Unit::Seconds)
            .ask(scope.max(&metrics::FLOW_LAG_SECONDS, OF_FLOW), "{{flow}}"),
        Panel::lines(
            "Retention of the input",
            "How long the topic that a flow reads keeps its records: a lag that reaches it loses rows. None where they \
             are kept for ever.",
        )
        .in_unit(Unit::Seconds)
        .ask(scope.min(&metrics::TOPIC_RETENTION, OF_FLOW), "{{flow}}"),
        Panel::lines("Age of what was read and of what has left", "Of the newest record of each, since it arrived.")
            .in_unit(Unit::Seconds)
            .ask(scope.min(&metrics::NEWEST_RECORD_AGE, OF_FLOW), "{{flow}} read")
            .ask(scope.min(&metrics::LANDED_AGE, OF_FLOW), "{{flow}} has left"),
        Panel::lines("Positions", "Committed position of each partition.")
            .ask(scope.max(&metrics::FLOW_POSITION, "topology, flow, partition"), "{{flow}} {{partition}}"),
        Panel::lines("Tasks", "Partitions that are worked, in all processes together.")
            .ask(scope.sum(&metrics::FLOW_TASKS, OF_FLOW), "{{flow}}"),
    ]
}

fn time(scope: Scope) -> Vec<Panel> {
    let by_flow = ["{{flow}} middle", "{{flow}} slowest 1 %"];
    let seconds = |title, about| Panel::lines(title, about).in_unit(Unit::Seconds);
    let waits = scope.rate_of_sum(&metrics::FLOW_WAIT_SECONDS, "topology, flow, waits_for");
    vec![
        spread(
            seconds("Decode and steps", "Time for a block of records, or a whole document."),
            scope,
            &metrics::FLOW_STEPS_SECONDS,
            OF_FLOW,
            by_flow,
        ),
        seconds("Each step", "Time of each step on a block of records, the slowest hundredth.")
            .ask(scope.quantile("0.99", &metrics::STEP_SECONDS, "topology, flow, step"), "{{flow}} {{step}}"),
        spread(
            seconds("Commit", "Time of the transaction that ends a range, tries included."),
            scope,
            &metrics::FLOW_COMMIT_SECONDS,
            OF_FLOW,
            by_flow,
        ),
        Panel::lines(
            "Waiting",
            "Tasks that wait, on average: for a slot to work in, for a landing or a log that is away.",
        )
        .ask(waits, "{{flow}} {{waits_for}}"),
    ]
}
