//! The client of Kafka and of the schema registry, by process.

use telemetry::Metric;
use telemetry::list as metrics;

use super::{log_answers, spread};
use crate::board::{Board, Panel, Section, Unit, Variables};
use crate::query::{OF_PROCESS, Scope};

pub(super) fn board() -> Board {
    let variables = Variables::None;
    let scope = variables.scope();
    Board {
        uid: "spotlight-kafka",
        title: "Spotlight / Kafka client",
        about: "What each process sees of Kafka and of the schema registry. Empty where the log is embedded.",
        variables,
        sections: vec![
            Section { heading: "Connection", panels: connection(scope) },
            Section { heading: "Traffic", panels: traffic(scope) },
            Section { heading: "Transactions and schemas", panels: transactions(scope) },
        ],
    }
}

fn connection(scope: Scope) -> Vec<Panel> {
    vec![
        Panel::lines("Brokers", "Brokers to which the client has a connection.")
            .ask(scope.min(&metrics::KAFKA_BROKERS_UP, OF_PROCESS), "{{instance}}"),
        Panel::lines("Requests that failed", "Requests to brokers that had no good answer.")
            .in_unit(Unit::ASecond)
            .ask(scope.rate(&metrics::KAFKA_REQUEST_ERRORS, OF_PROCESS), "{{instance}}"),
        Panel::lines("Round trip", "Time that the slowest broker takes to answer, the slowest hundredth.")
            .in_unit(Unit::Seconds)
            .ask(scope.max(&metrics::KAFKA_ROUND_TRIP, OF_PROCESS), "{{instance}}"),
    ]
}

fn traffic(scope: Scope) -> Vec<Panel> {
    let bytes = |metric: &Metric| scope.rate(metric, OF_PROCESS);
    vec![
        Panel::lines("Records in the queue", "Records that wait in the process to be sent.")
            .ask(scope.max(&metrics::KAFKA_QUEUE, OF_PROCESS), "{{instance}}"),
        Panel::lines("Bytes", "From brokers and to brokers.")
            .in_unit(Unit::BytesASecond)
            .ask(bytes(&metrics::KAFKA_BYTES_IN), "{{instance}} in")
            .ask(bytes(&metrics::KAFKA_BYTES_OUT), "{{instance}} out"),
        log_answers(scope),
    ]
}

fn transactions(scope: Scope) -> Vec<Panel> {
    vec![
        Panel::lines("Transactions", "How they ended.")
            .in_unit(Unit::ASecond)
            .ask(scope.rate(&metrics::KAFKA_TRANSACTIONS, "job, instance, result"), "{{instance}} {{result}}"),
        spread(
            Panel::lines("Time of a transaction", "From its beginning to its commit.").in_unit(Unit::Seconds),
            scope,
            &metrics::KAFKA_TRANSACTION_SECONDS,
            OF_PROCESS,
            ["{{instance}} middle", "{{instance}} slowest 1 %"],
        ),
        Panel::lines("Schema registry", "Questions to it, by how they ended.")
            .in_unit(Unit::ASecond)
            .ask(scope.rate(&metrics::SCHEMA_REFRESH, "job, instance, result"), "{{instance}} {{result}}"),
    ]
}
