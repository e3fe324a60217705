//! All flows, the worst first.

use telemetry::list as metrics;

use super::{log_answers, of_processes};
use crate::Feeds;
use crate::board::{Board, Mood, Panel, Section, Unit, Variables};
use crate::query::{BEHIND, OF_FLOW, OF_PROCESS, Scope};

pub(super) fn board(feeds: &Feeds) -> Board {
    let variables = Variables::Topologies;
    let scope = variables.scope();
    Board {
        uid: "spotlight-overview",
        title: "Spotlight / Overview",
        about: "All flows, sorted by trouble: held, late, behind, dead letters. Begin here.",
        variables,
        sections: vec![
            Section { heading: "How many", panels: numbers(scope) },
            Section { heading: "Flows, the worst first", panels: vec![flows(scope)] },
            Section { heading: "What somebody has to do", panels: vec![holds(scope), not_scraped(feeds)] },
            Section { heading: "How much", panels: amounts(scope) },
            Section { heading: "Processes", panels: processes(scope) },
        ],
    }
}

fn numbers(scope: Scope) -> Vec<Panel> {
    let count = |condition: String| format!("sum({condition})");
    let lag = scope.max(&metrics::FLOW_LAG_SECONDS, OF_FLOW);
    vec![
        Panel::number("At work", "Flows that are assigned and looked at, and neither held nor paused.", Mood::Plain)
            .ask(count(scope.min(&metrics::FLOW_UP, OF_FLOW)), "flows"),
        Panel::number("On hold", "Flows that wait for a person. `spotlight status` says what helps.", Mood::Bad)
            .ask(count(format!("{} > bool 0", scope.sum(&metrics::FLOW_HELD, OF_FLOW))), "flows"),
        Panel::number("Late", "Flows whose newest document is older than `fresh-within` of their topology.", Mood::Bad)
            .ask(count(scope.is_late()), "flows"),
        Panel::number("Behind", "Flows of which a record has waited for more than a minute.", Mood::Bad)
            .ask(count(format!("{lag} > bool {BEHIND}")), "flows"),
        Panel::number("Open dead letters", "Rows that could not be processed and wait for a person.", Mood::Bad)
            .ask(count(scope.max(&metrics::DLQ_OPEN, OF_FLOW)), "rows"),
        Panel::number("Documents refused", "Documents whose newest version was not accepted.", Mood::Bad)
            .ask(count(scope.max(&metrics::DOCUMENT_REFUSED, OF_FLOW)), "documents"),
    ]
}

fn flows(scope: Scope) -> Panel {
    Panel::table(
        "Flows",
        "One line a flow. `state` is the worst of what is wrong with it; of equal ones the one that lags most is first.",
        "state",
    )
    .sized(24, 12)
    .trouble(scope.trouble(), "state")
    .column(scope.sum(&metrics::FLOW_HELD, OF_FLOW), "tasks on hold", Unit::Count)
    .column(scope.newest_document(), "newest document", Unit::Seconds)
    .column(scope.sum(&metrics::FLOW_LAG_RECORDS, OF_FLOW), "behind", Unit::Count)
    .column(scope.max(&metrics::FLOW_LAG_SECONDS, OF_FLOW), "oldest waits", Unit::Seconds)
    .column(scope.max(&metrics::DLQ_OPEN, OF_FLOW), "dead letters", Unit::Count)
    .column(scope.max(&metrics::DOCUMENT_REFUSED, OF_FLOW), "refused", Unit::Count)
    .column(scope.rate(&metrics::RECORDS_IN, OF_FLOW), "rows in", Unit::RowsASecond)
}

fn holds(scope: Scope) -> Panel {
    let by = "topology, flow, code";
    Panel::table(
        "Holds",
        "What waits for a person, by code: `spotlight explain CODE` tells what it means, `spotlight status` what helps.",
        "since",
    )
    .sized(14, 7)
    .column(scope.sum(&metrics::FLOW_HELD, by), "tasks", Unit::Count)
    .column(scope.max(&metrics::FLOW_HELD_AGE, by), "since", Unit::Seconds)
}

fn not_scraped(feeds: &Feeds) -> Panel {
    Panel::table(
        "Feeds of which nothing is scraped",
        "Feeds that this dashboard was made for and that no process tells of: they do not run, or nobody asks them.",
        "missing",
    )
    .sized(10, 7)
    .column(feeds.not_scraped(), "missing", Unit::Count)
}

fn amounts(scope: Scope) -> Vec<Panel> {
    vec![
        Panel::lines("Rows in", "Rows that came in, by topology.")
            .sized(12, 8)
            .in_unit(Unit::RowsASecond)
            .ask(scope.rate(&metrics::RECORDS_IN, "topology"), "{{topology}}"),
        Panel::lines("Age of the oldest record that is not done", "How far each flow is behind its input, in time.")
            .sized(12, 8)
            .in_unit(Unit::Seconds)
            .ask(scope.max(&metrics::FLOW_LAG_SECONDS, OF_FLOW), "{{topology}}/{{flow}}"),
    ]
}

fn processes(scope: Scope) -> Vec<Panel> {
    let cpu = format!("rate({}[$__rate_interval])", metrics::PROCESS_CPU.name);
    vec![
        Panel::lines("Processors", "Processors that each process keeps busy.")
            .sized(6, 7)
            .ask(of_processes(&cpu), "{{instance}}"),
        Panel::lines("Memory", "Resident memory of each process.")
            .sized(6, 7)
            .in_unit(Unit::Bytes)
            .ask(of_processes(metrics::PROCESS_RESIDENT.name), "{{instance}}"),
        Panel::lines(
            "Memory for rows in work",
            "Share that is taken of the memory for rows in work. Above 1 tasks wait, or work goes to disk.",
        )
        .sized(6, 7)
        .in_unit(Unit::Share)
        .ask(scope.max(&metrics::MEMORY_FILL, OF_PROCESS), "{{instance}}"),
        log_answers(scope).sized(6, 7),
    ]
}
