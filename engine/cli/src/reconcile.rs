//! The ledger of each landing against what its table holds.
//!
//! Only what is closed is compared. Rows of a range that is open (a run is going on, or was killed) stand in the table
//! before they stand in the ledger; they are no repeats, and the next run closes them. So the ledger is read first, and
//! rows after its last position do not count. Of a table of documents a whole document is left out while one of its ranges
//! is open, because the rows of its new version hide those of the old one.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use clickhouse_connector::ClickHouse;
use log::Log;
use runtime::{LedgerEntry, Receipt};
use serde_json::{Value, json};

use crate::data::{self, KnownFlow};

/// All landings, each with its gaps and repeats.
pub(crate) fn reconcile(log: &dyn Log, client: &ClickHouse, flows: &BTreeMap<String, KnownFlow>) -> Result<Value> {
    let mut found = Vec::new();
    for (flow, known) in flows {
        let Some(landed_by) = &known.landing else { continue };
        let Some((topology, name)) = flow.split_once('/') else { continue };
        // A topic that does not exist yet was never landed from.
        let Some(topic) = log.topic(&known.topic)? else { continue };
        let mut ledger = Vec::new();
        for partition in 0..topic.partitions {
            ledger.push(runtime::ledger_of(log, topology, name, partition)?);
        }
        if ledger.iter().all(Vec::is_empty) {
            continue;
        }
        let rows_of = RowsOf { client, table: &landed_by.table, landing: format!("{flow}/{}", topic.identity) };
        let (expected, gaps, repeats, rows) = match landed_by.rows.as_str() {
            "append" => {
                let expected = landed(&ledger);
                let (rows, distinct) = rows_of.count("", &closed(&ledger, |_| true))?;
                (expected, expected.saturating_sub(distinct), rows.saturating_sub(distinct.min(expected)), rows)
            }
            // Rows of one key replace each other: fewer rows than landed are no gap, more would be a repeat.
            "by-key" => {
                let expected = landed(&ledger);
                let (rows, _) = rows_of.count("FINAL", &closed(&ledger, |_| true))?;
                (expected, 0, rows.saturating_sub(expected), rows)
            }
            _ => {
                let closed = closed(&ledger, |entry| entry.receipt.is_some());
                let open = rows_of.documents_outside(&closed)?;
                let expected = newest_documents(&ledger, &open);
                let (rows, _) = rows_of.count("FINAL", &without(&open))?;
                (expected, expected.saturating_sub(rows), rows.saturating_sub(expected), rows)
            }
        };
        found.push(json!({
            "flow": flow, "table": landed_by.table, "rows": landed_by.rows,
            "ledger": expected, "table_rows": rows, "gaps": gaps, "repeats": repeats,
        }));
    }
    Ok(Value::Array(found))
}

fn landed(ledger: &[Vec<LedgerEntry>]) -> u64 {
    ledger.iter().flatten().map(|entry| entry.counts.landed).sum()
}

/// A condition: rows up to the last closed position of their partition.
fn closed(ledger: &[Vec<LedgerEntry>], counts: impl Fn(&LedgerEntry) -> bool) -> String {
    let mut parts = Vec::new();
    for (partition, entries) in ledger.iter().enumerate() {
        if let Some((offset, row)) = entries.iter().filter(|entry| counts(entry)).map(|entry| entry.last).max() {
            parts.push(format!("(_partition = {partition} AND (_offset, _row) <= ({offset}, {row}))"));
        }
    }
    if parts.is_empty() { "false".to_owned() } else { format!("({})", parts.join(" OR ")) }
}

/// A condition: rows of other documents than these.
fn without(documents: &BTreeSet<String>) -> String {
    let quoted: Vec<String> = documents.iter().map(|document| quoted(document)).collect();
    if quoted.is_empty() { "true".to_owned() } else { format!("_document NOT IN ({})", quoted.join(", ")) }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// Rows that the newest accepted version of each document holds, without the open ones.
fn newest_documents(ledger: &[Vec<LedgerEntry>], open: &BTreeSet<String>) -> u64 {
    let mut newest: BTreeMap<&str, &Receipt> = BTreeMap::new();
    for receipt in ledger.iter().flatten().filter_map(|entry| entry.receipt.as_ref()) {
        let accepted = receipt.accepted();
        let newer = newest.get(&*receipt.document).is_none_or(|known| receipt.version >= known.version);
        if accepted && newer && !open.contains(&receipt.document) {
            newest.insert(&receipt.document, receipt);
        }
    }
    let landed: u64 = newest.values().map(|receipt| receipt.counts.landed).sum();
    let came_back = ledger.iter().flatten().filter(|entry| {
        let of = entry.replayed_of.as_ref();
        of.is_some_and(|(key, version)| newest.get(&**key).is_some_and(|receipt| receipt.version == *version))
    });
    landed + came_back.map(|entry| entry.counts.landed).sum::<u64>()
}

/// The rows of one landing in its table.
struct RowsOf<'a> {
    client: &'a ClickHouse,
    table: &'a str,
    landing: String,
}

impl RowsOf<'_> {
    /// Rows for which a condition holds, and their distinct positions.
    fn count(&self, final_rows: &str, condition: &str) -> Result<(u64, u64)> {
        let text = self.ask(&format!(
            "SELECT count(), uniqExact(_partition, _offset, _row) FROM {} {final_rows} WHERE _landing = {} AND {condition}",
            self.table,
            quoted(&self.landing),
        ))?;
        let mut numbers = text.trim().split('\t').map(str::parse::<u64>);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(rows)), Some(Ok(distinct))) => Ok((rows, distinct)),
            _ => anyhow::bail!("table {} gave no counts", self.table),
        }
    }

    /// Documents that have a row for which a condition does not hold.
    fn documents_outside(&self, condition: &str) -> Result<BTreeSet<String>> {
        let text = self.ask(&format!(
            "SELECT toJSONString(groupUniqArray(_document)) FROM {} WHERE _landing = {} AND NOT {condition}",
            self.table,
            quoted(&self.landing),
        ))?;
        Ok(serde_json::from_str(&text)?)
    }

    fn ask(&self, sql: &str) -> Result<String> {
        let bytes = self.client.query_bytes(sql, "TSVRaw", &[]);
        let bytes = bytes.map_err(|error| anyhow::anyhow!("{}", data::chain(&error)))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}
