//! The closed list of metrics. Names, labels and their meaning are an interface: changed only with a note in CHANGELOG.md.
//!
//! A metric with the labels `topology` and `flow` is of one flow in one process; of several processes that share a flow the
//! counters add up. The invariant of each flow, over all label values:
//!
//! ```text
//! records_in + records_expanded = records_out + records_dropped + records_dead_lettered + records_held
//! ```

#![expect(missing_docs, reason = "each says what it is in its help, which people read too")]

use crate::metric::{Label, Metric};

const TOPOLOGY: Label = Label { name: "topology", bounded_by: "the topologies of the process" };
const FLOW: Label = Label { name: "flow", bounded_by: "the flows of a topology" };
const STAGE: Label =
    Label { name: "stage", bounded_by: "the steps of a flow, and the words of the engine for what has none" };
const OUTPUT: Label = Label { name: "output", bounded_by: "`destination`, and the named outputs of a flow" };
const REASON: Label = Label { name: "reason", bounded_by: "the engine's words, and those of the flow's `route` steps" };
const CODE: Label = Label { name: "code", bounded_by: "the codes that `spotlight explain` lists" };
const OUTCOME: Label = Label { name: "outcome", bounded_by: "the outcomes of documents" };
const PARTITION: Label = Label { name: "partition", bounded_by: "the partitions of the flow's input" };
const STEP: Label = Label { name: "step", bounded_by: "the steps of a flow" };
const STORE: Label = Label { name: "store", bounded_by: "the stores of a flow's steps" };
const RESULT: Label = Label { name: "result", bounded_by: "`ok`, `transient`, `operator` and the like" };
const CLASS: Label = Label { name: "class", bounded_by: "`transient`, `unknown`" };
const WAITS_FOR: Label = Label { name: "waits_for", bounded_by: "`slot`, `landing`, `log`" };
const REVISION: Label = Label { name: "revision", bounded_by: "one for each topology" };
const VERSION: Label = Label { name: "version", bounded_by: "one" };
const LIBRDKAFKA: Label = Label { name: "librdkafka", bounded_by: "one" };

/// Seconds of what takes from a millisecond to minutes.
const SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
/// Rows of what is at most a block of a landing.
const ROWS: &[f64] = &[1.0, 10.0, 100.0, 1_000.0, 10_000.0, 100_000.0, 1_000_000.0];
/// Bytes of the same.
const BYTES: &[f64] = &[1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

const OF_FLOW: &[Label] = &[TOPOLOGY, FLOW];

// Records: what the ledger of a flow says of the rows of this process.

pub const RECORDS_IN: Metric =
    Metric::counter("spotlight_records_in_total", OF_FLOW, "Rows that came in, the undecodable ones too.");
pub const RECORDS_EXPANDED: Metric =
    Metric::counter("spotlight_records_expanded_total", OF_FLOW, "Rows that a step made out of one beyond the first.");
pub const RECORDS_OUT: Metric = Metric::counter(
    "spotlight_records_out_total",
    &[TOPOLOGY, FLOW, OUTPUT],
    "Rows that left by the flow's destination, or by a named output.",
);
pub const RECORDS_DROPPED: Metric =
    Metric::counter("spotlight_records_dropped_total", &[TOPOLOGY, FLOW, REASON], "Rows that were dropped on purpose.");
pub const RECORDS_DEAD_LETTERED: Metric =
    Metric::counter("spotlight_records_dead_lettered_total", &[TOPOLOGY, FLOW, CODE], "Rows that became dead letters.");
pub const RECORDS_HELD: Metric =
    Metric::counter("spotlight_records_held_total", OF_FLOW, "Rows of refused documents: they wait in the raw store.");
pub const RECORD_ERRORS: Metric = Metric::counter(
    "spotlight_record_errors_total",
    &[TOPOLOGY, FLOW, CODE, STAGE],
    "Rows that failed, by the step that failed, and documents that were refused (stage `document`).",
);

// Flow.

pub const FLOW_UP: Metric = Metric::gauge(
    "spotlight_flow_up",
    OF_FLOW,
    "1 while the flow works what this process owns of it: assigned, looked at, neither held nor paused.",
);
pub const FLOW_READY: Metric = Metric::gauge(
    "spotlight_flow_ready",
    OF_FLOW,
    "1 once the flow has its assignment and has found its destination as planned, as /ready says.",
);
pub const FLOW_PAUSED: Metric = Metric::gauge("spotlight_flow_paused", OF_FLOW, "1 while a person has it paused.");
pub const FLOW_TASKS: Metric =
    Metric::gauge("spotlight_flow_tasks", OF_FLOW, "Partitions of the flow's input that this process owns.");
pub const FLOW_HELD: Metric = Metric::gauge(
    "spotlight_flow_held",
    &[TOPOLOGY, FLOW, CODE],
    "Tasks that wait for a person, a source too; none is told while there are none.",
);
pub const FLOW_HELD_AGE: Metric = Metric::gauge(
    "spotlight_flow_held_age_seconds",
    &[TOPOLOGY, FLOW, CODE],
    "How long the oldest of these holds has lasted.",
);
pub const FLOW_RESTARTS: Metric = Metric::counter(
    "spotlight_flow_restarts_total",
    OF_FLOW,
    "Tasks that were started again after the log was away, or after an unknown outcome of a commit.",
);
pub const FLOW_LAG_RECORDS: Metric = Metric::gauge(
    "spotlight_flow_lag_records",
    OF_FLOW,
    "Records, or documents, behind the committed positions of what this process owns.",
);
pub const FLOW_LAG_SECONDS: Metric = Metric::gauge(
    "spotlight_flow_lag_seconds",
    OF_FLOW,
    "How long the oldest record that is not done has been there; 0 if all are done.",
);
pub const FLOW_POSITION: Metric = Metric::gauge(
    "spotlight_flow_position",
    &[TOPOLOGY, FLOW, PARTITION],
    "Committed position: offset of the next record.",
);
pub const FLOW_STEPS_SECONDS: Metric = Metric::histogram(
    "spotlight_flow_steps_seconds",
    OF_FLOW,
    SECONDS,
    "Time to decode and to run all steps: on a block of records, or on a whole document.",
);
pub const FLOW_COMMIT_SECONDS: Metric = Metric::histogram(
    "spotlight_flow_commit_seconds",
    OF_FLOW,
    SECONDS,
    "Time of the transaction that ends a range, tries included.",
);
pub const FLOW_WAIT_SECONDS: Metric = Metric::histogram(
    "spotlight_flow_wait_seconds",
    &[TOPOLOGY, FLOW, WAITS_FOR],
    SECONDS,
    "Back-pressure: time that tasks have waited for a slot to work in, for a landing or a log that is away.",
);

// Freshness.

pub const NEWEST_RECORD_AGE: Metric = Metric::gauge(
    "spotlight_newest_record_age_seconds",
    OF_FLOW,
    "How long ago the newest record arrived that this process has read of the flow's input.",
);
pub const LANDED_AGE: Metric = Metric::gauge(
    "spotlight_landed_age_seconds",
    OF_FLOW,
    "How long ago the newest record arrived whose rows have left the flow.",
);
pub const FRESH_WITHIN: Metric = Metric::gauge(
    "spotlight_fresh_within_seconds",
    &[TOPOLOGY],
    "What the topology declares: the newest document should not be older (`alerts: fresh-within`).",
);

// Documents.

pub const DOCUMENT_INTERVAL: Metric = Metric::gauge(
    "spotlight_document_interval_seconds",
    OF_FLOW,
    "What the source declares: how often it looks (`every`).",
);
pub const DOCUMENT_ATTEMPTS: Metric = Metric::counter(
    "spotlight_document_attempts_total",
    &[TOPOLOGY, FLOW, RESULT],
    "Looks at all that a publisher offers.",
);
pub const DOCUMENT_CURSOR_AGE: Metric = Metric::gauge(
    "spotlight_document_cursor_age_seconds",
    OF_FLOW,
    "How long ago this process has last looked at all that the publisher offers.",
);
pub const DOCUMENT_FOUND: Metric =
    Metric::counter("spotlight_document_found_total", OF_FLOW, "New documents and new versions that a source found.");
pub const DOCUMENT_BYTES: Metric =
    Metric::counter("spotlight_document_found_bytes_total", OF_FLOW, "Bytes of the documents that a source found.");
pub const DOCUMENT_NOT_YET: Metric = Metric::gauge(
    "spotlight_document_not_yet",
    OF_FLOW,
    "Documents that are expected, are not there, and are asked for again.",
);
pub const DOCUMENT_OUTCOMES: Metric = Metric::counter(
    "spotlight_document_outcomes_total",
    &[TOPOLOGY, FLOW, OUTCOME],
    "Documents that came to their end.",
);
pub const DOCUMENT_REFUSED: Metric =
    Metric::gauge("spotlight_document_refused", OF_FLOW, "Documents whose newest version is refused.");
pub const DOCUMENT_NEWEST_AGE: Metric = Metric::gauge(
    "spotlight_document_newest_age_seconds",
    OF_FLOW,
    "How long ago the newest accepted document was fetched, by whichever run.",
);

// Landing.

pub const LANDING_BATCHES: Metric =
    Metric::counter("spotlight_landing_batches_total", OF_FLOW, "Inserts that the table has acknowledged.");
pub const LANDING_ROWS: Metric = Metric::histogram("spotlight_landing_rows", OF_FLOW, ROWS, "Rows of an insert.");
pub const LANDING_BYTES: Metric =
    Metric::histogram("spotlight_landing_bytes", OF_FLOW, BYTES, "Bytes of an insert, in memory.");
pub const LANDING_INSERT_SECONDS: Metric = Metric::histogram(
    "spotlight_landing_insert_seconds",
    OF_FLOW,
    SECONDS,
    "Time of an insert, whatever became of it.",
);
pub const LANDING_RETRIES: Metric = Metric::counter(
    "spotlight_landing_retries_total",
    &[TOPOLOGY, FLOW, CLASS],
    "Tries that failed in a way that passes, or whose outcome is not known.",
);
pub const LANDING_OPEN_RANGES: Metric = Metric::gauge(
    "spotlight_landing_open_ranges",
    OF_FLOW,
    "Ranges that were opened and not closed in the partitions of this process.",
);
pub const LANDING_OPEN_RANGE_AGE: Metric = Metric::gauge(
    "spotlight_landing_open_range_age_seconds",
    OF_FLOW,
    "How long ago the oldest open range was opened, by whichever run; 0 if none is open.",
);
pub const LANDING_DUPLICATES: Metric = Metric::counter(
    "spotlight_landing_duplicates_discarded_total",
    OF_FLOW,
    "Rows that were found in the table already and not inserted again.",
);

// Schemas and state.

pub const SCHEMA_REFRESH: Metric =
    Metric::counter("spotlight_schema_refresh_total", &[RESULT], "Questions to the schema registry.");
pub const STATE_KEYS: Metric = Metric::gauge(
    "spotlight_state_keys",
    &[TOPOLOGY, FLOW, STORE],
    "Keys in a store, in the partitions of this process.",
);
pub const STATE_BYTES: Metric =
    Metric::gauge("spotlight_state_bytes", &[TOPOLOGY, FLOW, STORE], "Memory that a store takes, about.");
pub const STATE_RESTORE_RATIO: Metric = Metric::gauge(
    "spotlight_state_restore_ratio",
    &[TOPOLOGY, FLOW, STORE],
    "How far a store is restored, in its partition that is furthest behind: 1 once it is done.",
);
pub const CHANGELOG_LAG: Metric = Metric::gauge(
    "spotlight_changelog_lag_records",
    &[TOPOLOGY, FLOW, STORE],
    "Records of a changelog that a store has still to read before its tasks go on.",
);

// Dead letters.

pub const DLQ_OPEN: Metric = Metric::gauge(
    "spotlight_dlq_open_records",
    OF_FLOW,
    "Open dead letters, of whichever run; those replayed, given up or superseded are none.",
);
pub const DLQ_OLDEST_AGE: Metric = Metric::gauge(
    "spotlight_dlq_oldest_open_age_seconds",
    OF_FLOW,
    "How long ago the oldest open dead letter failed last.",
);

// Engine.

pub const TOPOLOGY_INFO: Metric =
    Metric::gauge("spotlight_topology_info", &[TOPOLOGY, REVISION], "1 for each topology that runs.");
pub const BUILD_INFO: Metric = Metric::gauge("spotlight_build_info", &[VERSION, LIBRDKAFKA], "1.");
pub const MEMORY_FILL: Metric = Metric::gauge(
    "spotlight_memory_fill_ratio",
    &[],
    "Share of the memory for rows in work that is taken; above 1 tasks wait, or work goes to disk.",
);
pub const LOG_SEEN_AGE: Metric = Metric::gauge(
    "spotlight_log_seen_age_seconds",
    &[],
    "How long ago the log was asked for the ends of topics, from which lags are told.",
);
pub const KAFKA_TRANSACTIONS: Metric =
    Metric::counter("spotlight_kafka_transactions_total", &[RESULT], "Transactions of Kafka.");
pub const KAFKA_TRANSACTION_SECONDS: Metric = Metric::histogram(
    "spotlight_kafka_transaction_seconds",
    &[],
    SECONDS,
    "Time of a transaction of Kafka, from its beginning to its commit.",
);

// The process, by the names that all exporters use.

pub const PROCESS_CPU: Metric = Metric::counter(
    "process_cpu_seconds_total",
    &[],
    "Time that the process has had of processors, in user and system mode.",
);
pub const PROCESS_RESIDENT: Metric = Metric::gauge("process_resident_memory_bytes", &[], "Resident memory.");
pub const PROCESS_VIRTUAL: Metric = Metric::gauge("process_virtual_memory_bytes", &[], "Virtual memory.");
pub const PROCESS_OPEN_FDS: Metric = Metric::gauge("process_open_fds", &[], "Open file descriptors.");
pub const PROCESS_MAX_FDS: Metric = Metric::gauge("process_max_fds", &[], "Most file descriptors that may be open.");
pub const PROCESS_THREADS: Metric = Metric::gauge("process_threads", &[], "Threads.");
pub const PROCESS_START: Metric =
    Metric::gauge("process_start_time_seconds", &[], "When the process was started, in seconds since 1970 UTC.");

// What alerts compare with, and the client of Kafka.

pub const TOPIC_RETENTION: Metric = Metric::gauge(
    "spotlight_topic_retention_seconds",
    OF_FLOW,
    "How long the topic that the flow reads keeps its records; not told where it keeps them for ever.",
);
pub const DLQ_RETENTION: Metric = Metric::gauge(
    "spotlight_dlq_retention_seconds",
    OF_FLOW,
    "How long dead letters are kept; not told where they are kept for ever.",
);
pub const DEAD_LETTER_LIMIT: Metric = Metric::gauge(
    "spotlight_dead_letter_limit_ratio",
    OF_FLOW,
    "Share of bad rows above which a document is refused, or a flow of a topic holds (`bad-rows-above`).",
);
pub const LANDING_DEDUP_WINDOW: Metric = Metric::gauge(
    "spotlight_landing_dedup_window_seconds",
    OF_FLOW,
    "How long the table knows an insert that comes a second time, about.",
);
pub const STEP_SECONDS: Metric = Metric::histogram(
    "spotlight_step_seconds",
    &[TOPOLOGY, FLOW, STEP],
    SECONDS,
    "Time of one step on a block of records.",
);
pub const KAFKA_BROKERS_UP: Metric =
    Metric::gauge("spotlight_kafka_brokers_up", &[], "Brokers to which the client has a connection.");
pub const KAFKA_REQUEST_ERRORS: Metric =
    Metric::counter("spotlight_kafka_request_errors_total", &[], "Requests to brokers that failed.");
pub const KAFKA_ROUND_TRIP: Metric =
    Metric::gauge("spotlight_kafka_round_trip_seconds", &[], "Time that brokers take to answer.");
pub const KAFKA_QUEUE: Metric =
    Metric::gauge("spotlight_kafka_queue_messages", &[], "Messages that wait in the client.");
pub const KAFKA_BYTES_IN: Metric =
    Metric::counter("spotlight_kafka_bytes_in_total", &[], "Bytes that came from brokers.");
pub const KAFKA_BYTES_OUT: Metric =
    Metric::counter("spotlight_kafka_bytes_out_total", &[], "Bytes that went to brokers.");

/// All of them.
pub const ALL: &[Metric] = &[
    RECORDS_IN,
    RECORDS_EXPANDED,
    RECORDS_OUT,
    RECORDS_DROPPED,
    RECORDS_DEAD_LETTERED,
    RECORDS_HELD,
    RECORD_ERRORS,
    FLOW_UP,
    FLOW_READY,
    FLOW_PAUSED,
    FLOW_TASKS,
    FLOW_HELD,
    FLOW_HELD_AGE,
    FLOW_RESTARTS,
    FLOW_LAG_RECORDS,
    FLOW_LAG_SECONDS,
    FLOW_POSITION,
    FLOW_STEPS_SECONDS,
    FLOW_COMMIT_SECONDS,
    FLOW_WAIT_SECONDS,
    NEWEST_RECORD_AGE,
    LANDED_AGE,
    FRESH_WITHIN,
    DOCUMENT_INTERVAL,
    DOCUMENT_ATTEMPTS,
    DOCUMENT_CURSOR_AGE,
    DOCUMENT_FOUND,
    DOCUMENT_BYTES,
    DOCUMENT_NOT_YET,
    DOCUMENT_OUTCOMES,
    DOCUMENT_REFUSED,
    DOCUMENT_NEWEST_AGE,
    LANDING_BATCHES,
    LANDING_ROWS,
    LANDING_BYTES,
    LANDING_INSERT_SECONDS,
    LANDING_RETRIES,
    LANDING_OPEN_RANGES,
    LANDING_OPEN_RANGE_AGE,
    LANDING_DUPLICATES,
    SCHEMA_REFRESH,
    STATE_KEYS,
    STATE_BYTES,
    STATE_RESTORE_RATIO,
    CHANGELOG_LAG,
    DLQ_OPEN,
    DLQ_OLDEST_AGE,
    TOPOLOGY_INFO,
    BUILD_INFO,
    MEMORY_FILL,
    LOG_SEEN_AGE,
    KAFKA_TRANSACTIONS,
    KAFKA_TRANSACTION_SECONDS,
    PROCESS_CPU,
    PROCESS_RESIDENT,
    PROCESS_VIRTUAL,
    PROCESS_OPEN_FDS,
    PROCESS_MAX_FDS,
    PROCESS_THREADS,
    PROCESS_START,
    TOPIC_RETENTION,
    DLQ_RETENTION,
    DEAD_LETTER_LIMIT,
    LANDING_DEDUP_WINDOW,
    STEP_SECONDS,
    KAFKA_BROKERS_UP,
    KAFKA_REQUEST_ERRORS,
    KAFKA_ROUND_TRIP,
    KAFKA_QUEUE,
    KAFKA_BYTES_IN,
    KAFKA_BYTES_OUT,
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::ALL;
    use crate::metric::Kind;

    #[test]
    fn names_follow_the_rules_of_prometheus_and_each_is_there_once() {
        let names: BTreeSet<&str> = ALL.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), ALL.len(), "a name stands there twice");
        for metric in ALL {
            let name = metric.name;
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
            assert!(name.starts_with("spotlight_") || name.starts_with("process_"), "{name}");
            assert_eq!(matches!(metric.kind, Kind::Counter), name.ends_with("_total"), "{name}");
            assert!(metric.help.ends_with('.') && !metric.help.contains('\n'), "{name}");
            let labels: BTreeSet<&str> = metric.labels.iter().map(|label| label.name).collect();
            assert_eq!(labels.len(), metric.labels.len(), "{name}");
            assert!(metric.labels.iter().all(|label| !label.bounded_by.is_empty()), "{name}");
            if let Kind::Histogram { bounds } = metric.kind {
                assert!(bounds.is_sorted() && !labels.contains("le"), "{name}");
            }
        }
    }

    #[test]
    fn each_metric_that_is_declared_is_in_the_list() {
        let declared = include_str!("list.rs").lines().filter(|line| line.starts_with("pub const ")).count();
        // The list itself is one of them.
        assert_eq!(declared, ALL.len() + 1);
    }
}
