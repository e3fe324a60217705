//! The metrics of a real run: each row accounted for, each name declared, and taken by Prometheus' own check.

use std::collections::BTreeSet;

use super::address;
use crate::program::scrape::Scrape;
use crate::program::until;
use crate::workplace::Workplace;

/// Metrics that a run of files into a table on the embedded log has nothing to say of.
const NOT_HERE: [&str; 13] = [
    "spotlight_landing_duplicates_discarded_total",
    "spotlight_landing_retries_total",
    "spotlight_schema_refresh_total",
    "spotlight_kafka_transactions_total",
    "spotlight_kafka_transaction_seconds",
    "spotlight_kafka_brokers_up",
    "spotlight_kafka_request_errors_total",
    "spotlight_kafka_round_trip_seconds",
    "spotlight_kafka_queue_messages",
    "spotlight_kafka_bytes_in_total",
    "spotlight_kafka_bytes_out_total",
    "spotlight_topic_retention_seconds",
    "spotlight_dlq_retention_seconds",
];

/// Bad rows up to half of a document, rows that are dropped, rows of a topic seen twice, and a refused document.
const FEED: &str = "topology: letters
about: Letters.
alerts: { fresh-within: 1d }
flows:
  read:
    from: { files: { path: letters, file-names: [\"letters_{date:%Y%m%d}.txt\"], every: 1s } }
    bad-rows-above: 60%
    steps:
      - decode: { delimited: { separator: \"|\", layouts: { v1: { header: [Id, Size] } }, names: snake_case } }
      - select: { id: id, size: cast(size as bigint) }
      - where: size is null or size < 100
    to: { topic: letters.all, key: [id] }
  once:
    from: { topic: letters.all }
    steps:
      - dedupe: { name: seen, key: [id], remember: 1d }
    to: { topic: letters.unique, key: [id] }
  land:
    from: { topic: letters.unique }
    steps:
      - select: { id: id, share: cast(100 / size as bigint) }
    to: { clickhouse: { table: demo.letters, rows: append, key: [id], batch: { rows: 10, age: 100ms } } }
";

/// The engine's own flows, and the rows that reach them: a receipt for each file; the row that is none, and the one whose
/// share cannot be made.
const OWN: [(&str, f64); 2] = [("spotlight/receipts", 2.0), ("spotlight/dead-letters", 2.0)];

#[test]
fn each_row_of_a_run_is_accounted_for_in_a_scrape_that_promtool_takes() {
    let workplace = Workplace::new();
    workplace.write("letters.yaml", FEED);
    // A row that is none, one that is dropped, one that comes twice, and one whose share cannot be made.
    workplace.write("letters/letters_20260105.txt", "Id|Size\na|1\nb|x\nc|500\nd|4\na|1\ne|0\n");
    workplace.write("letters/letters_20260106.txt", "Id|Size\nf|x\ng|y\nh|z\n");
    let mut process = workplace.start(&["run", "letters.yaml", "--listen", "127.0.0.1:0"]);
    let address = address(&workplace);
    let scrape = until("all rows have come to their end", || {
        let scrape = Scrape::of(&address);
        let landed = scrape.sum("spotlight_records_out_total", &[("flow", "land")])
            + scrape.of_flow("spotlight_dlq_open_records", "letters/land");
        let documents = scrape.of_flow("spotlight_document_outcomes_total", "letters/read");
        // The engine's own flows land the receipts of both files and the dead letters after the files' own rows.
        let own = OWN.iter().all(|(flow, rows)| scrape.of_flow("spotlight_records_in_total", flow) >= *rows);
        let quiet = scrape.sum("spotlight_flow_lag_records", &[]) == 0.0;
        (landed >= 3.0 && documents >= 2.0 && own && quiet).then_some(scrape)
    });

    let rows = scrape.balanced();
    assert!(rows["letters/read"] >= 9.0 && rows["letters/once"] == 4.0 && rows["letters/land"] == 3.0, "{rows:?}");
    assert!(OWN.iter().all(|(flow, own)| rows[*flow] == *own), "{rows:?}");
    let of_read = |name: &str| scrape.of_flow(name, "letters/read");
    assert_eq!(of_read("spotlight_records_dropped_total"), 1.0, "{}", scrape.text);
    assert_eq!(of_read("spotlight_records_dead_lettered_total"), 1.0, "{}", scrape.text);
    assert_eq!(of_read("spotlight_records_held_total"), 3.0, "{}", scrape.text);
    assert_eq!(of_read("spotlight_document_refused"), 1.0, "{}", scrape.text);
    assert_eq!(of_read("spotlight_document_interval_seconds"), 1.0, "{}", scrape.text);
    assert_eq!(scrape.sum("spotlight_fresh_within_seconds", &[]), 86_400.0, "{}", scrape.text);
    assert_eq!(scrape.of_flow("spotlight_state_keys", "letters/once"), 3.0, "{}", scrape.text);
    assert_eq!(scrape.of_flow("spotlight_dlq_open_records", "letters/land"), 1.0, "{}", scrape.text);
    assert!(scrape.of_flow("spotlight_landing_batches_total", "letters/land") >= 1.0, "{}", scrape.text);
    let limit = |flow: &str| scrape.of_flow("spotlight_dead_letter_limit_ratio", flow);
    assert_eq!((limit("letters/read"), limit("letters/land")), (0.6, 0.1), "{}", scrape.text);
    // A memory of 10,000 inserts, after a few of them.
    let window = scrape.of_flow("spotlight_landing_dedup_window_seconds", "letters/land");
    assert!(window > 60.0 * 10_000.0 / 100.0, "{window}\n{}", scrape.text);
    assert!(of_read("spotlight_step_seconds_count") >= 2.0, "{}", scrape.text);
    for flow in ["letters/once", "letters/land"] {
        let [steps, whole] =
            ["step", "flow_steps"].map(|name| scrape.of_flow(&format!("spotlight_{name}_seconds_sum"), flow));
        assert!(steps > 0.0 && steps <= whole, "{flow}: {steps} of {whole} in {}", scrape.text);
    }
    // The same truth as that of the commands.
    let status = workplace.say(&["status", "--format", "json"]).ends(0).json();
    for (flow, rows) in &rows {
        assert_eq!(status["flows"][flow]["run"]["rows_in"].as_f64(), Some(*rows), "{flow}: {status}");
    }

    declared(&scrape);
    scrape.is_liked_by_promtool();
    // A flow that waits for a person is told with its code, and is not up; what is mended is told no more.
    let hold = [("topology", "letters"), ("flow", "land")];
    workplace.say(&["sql", "rename table demo.letters to demo.elsewhere"]).ends(0);
    workplace.write("letters/letters_20260107.txt", "Id|Size\nz|2\n");
    until("the hold", || {
        let scrape = Scrape::of(&address);
        let held = scrape.sum("spotlight_flow_held", &hold) > 0.0
            || scrape.sum("spotlight_landing_retries_total", &hold) > 0.0;
        (held && scrape.sum("spotlight_landing_open_ranges", &hold) == 1.0).then_some(())
    });
    workplace.say(&["sql", "rename table demo.elsewhere to demo.letters"]).ends(0);
    workplace.say(&["release", "letters/land"]).ends(0);
    let scrape = until("the range is closed", || {
        let scrape = Scrape::of(&address);
        (scrape.sum("spotlight_landing_open_ranges", &hold) == 0.0).then_some(scrape)
    });
    assert!(!scrape.samples.iter().any(|(name, _, _)| name == "spotlight_flow_held"), "{}", scrape.text);
    scrape.balanced();
    process.signal("TERM");
    assert_eq!(process.wait().code(), Some(0), "{}", workplace.said());
}

/// Fails unless each sample is of a declared metric, with its labels, and each metric is there.
fn declared(scrape: &Scrape) {
    let seen = scrape.declared();
    let not_here: BTreeSet<&str> =
        NOT_HERE.into_iter().chain(["spotlight_flow_held", "spotlight_flow_held_age_seconds"]).collect();
    let missing: Vec<&str> = telemetry::list::ALL
        .iter()
        .map(|metric| metric.name)
        .filter(|name| !seen.contains(name) && !not_here.contains(name))
        .collect();
    assert!(missing.is_empty(), "{missing:?}\n{}", scrape.text);
}
