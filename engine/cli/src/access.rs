//! Answers questions about a data folder: the same for the run that owns it and for a command that opened it itself.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use anyhow::{Context, Result};
use clickhouse_connector::{ClickHouse, ClickHouseSettings};
use connect::RawStore;
use log::Log;
use runtime::{Board, DeadLetter, Holds, Receipt, SystemTopics};
use serde_json::{Value, json};

use crate::control::Question;
use crate::data::{self, DataFolder, LandedBy};

/// What is needed to answer.
pub(crate) struct Access {
    pub(crate) log: Arc<dyn Log>,
    /// Of a run; a command that opened the folder itself reads the ledgers.
    pub(crate) board: Option<Arc<Board>>,
    pub(crate) holds: Arc<Holds>,
    pub(crate) client: Option<ClickHouse>,
    pub(crate) server: Option<ClickHouseSettings>,
    pub(crate) folder: DataFolder,
    pub(crate) raw: Arc<dyn RawStore>,
    pub(crate) schemas: Arc<operators::Schemas>,
    pub(crate) system: SystemTopics,
    /// Revision of each topology that is running.
    pub(crate) revisions: BTreeMap<String, String>,
}

impl Access {
    /// The answer as JSON.
    pub(crate) fn answer(&self, question: &Question) -> Result<Value> {
        match question {
            Question::ClickHouse => {
                let server = self.server.as_ref().context("there is no ClickHouse here")?;
                Ok(json!({ "url": server.url, "user": server.user, "password": server.password.reveal() }))
            }
            Question::Status => self.status(),
            Question::Receipts => Ok(serde_json::to_value(self.receipts()?)?),
            Question::DeadLetters => {
                let letters = self.dead_letters()?;
                let shown = letters.iter().map(|letter| {
                    let mut value = serde_json::to_value(letter).unwrap_or_default();
                    value["bytes"] = json!(String::from_utf8_lossy(&letter.bytes));
                    value
                });
                Ok(shown.collect())
            }
            Question::Reconcile => self.reconcile(),
            Question::Replay { files, code, dry } => {
                Ok(serde_json::to_value(crate::replay::replay(self, files, code.as_deref(), *dry)?)?)
            }
            Question::GiveUp { flow, code } => crate::replay::give_up(self, flow, code.as_deref()),
            Question::Release { flow } => Ok(json!({ "released": self.holds.release(flow) })),
        }
    }

    /// `topology/flow` of every flow that has a ledger.
    fn flows(&self) -> Result<Vec<(String, String)>> {
        let topics = self.log.topics()?;
        let ledgers = topics.iter().filter_map(|topic| topic.strip_suffix(".ledger"));
        Ok(ledgers.filter_map(|name| name.split_once('.')).map(|(one, two)| (one.to_owned(), two.to_owned())).collect())
    }

    fn status(&self) -> Result<Value> {
        let flows = match &self.board {
            Some(board) => board.flows(),
            None => {
                let board = Board::default();
                for (topology, flow) in self.flows()? {
                    for entry in runtime::ledger(self.log.as_ref(), &topology, &flow)? {
                        board.restore(&format!("{topology}/{flow}"), &entry);
                    }
                }
                board.flows()
            }
        };
        let balanced: BTreeMap<&String, bool> =
            flows.iter().map(|(name, state)| (name, state.total.balanced())).collect();
        Ok(json!({
            "running": self.board.is_some(),
            "flows": flows,
            "accounted_for": balanced,
            "holds": self.holds.list(),
            "open_dead_letters": self.dead_letters()?.len(),
        }))
    }

    /// All receipts, oldest first within a flow and partition.
    fn receipts(&self) -> Result<Vec<Receipt>> {
        let mut receipts = Vec::new();
        for (topology, flow) in self.flows()? {
            let entries = runtime::ledger(self.log.as_ref(), &topology, &flow)?;
            receipts.extend(entries.into_iter().filter_map(|entry| entry.receipt));
        }
        Ok(receipts)
    }

    /// Dead letters that are open, of all topologies.
    pub(crate) fn dead_letters(&self) -> Result<Vec<DeadLetter>> {
        let topics = self.log.topics()?;
        let mut open = Vec::new();
        for topology in topics.iter().filter_map(|topic| topic.strip_suffix(".dead-letters")) {
            let letters = runtime::dead_letters(self.log.as_ref(), topology)?.into_values();
            open.extend(letters.filter(|(_, mark)| mark.is_none()).map(|(letter, _)| letter));
        }
        Ok(open)
    }

    /// The ledger of each landing against what its table holds.
    fn reconcile(&self) -> Result<Value> {
        let client = self.client.as_ref().context("there is no ClickHouse here")?;
        let mut found = Vec::new();
        for (flow, known) in self.folder.known_flows()? {
            let Some(landed_by) = known.landing else { continue };
            let Some((topology, name)) = flow.split_once('/') else { continue };
            let entries = runtime::ledger(self.log.as_ref(), topology, name)?;
            let expected: u64 = match landed_by.rows.as_str() {
                "by-document" => newest_documents(&entries),
                _ => entries.iter().map(|entry| entry.counts.landed).sum(),
            };
            if entries.is_empty() {
                continue;
            }
            let (rows, distinct) = count(client, &landed_by)?;
            let (gaps, repeats) = match landed_by.rows.as_str() {
                "append" => {
                    (expected.saturating_sub(distinct), rows - distinct.min(rows) + distinct.saturating_sub(expected))
                }
                // Rows of one key replace each other: fewer rows than landed are no gap, more would be a repeat.
                "by-key" => (0, rows.saturating_sub(expected)),
                _ => (expected.saturating_sub(rows), rows.saturating_sub(expected)),
            };
            found.push(json!({
                "flow": flow, "table": landed_by.table, "rows": landed_by.rows,
                "ledger": expected, "table_rows": rows, "gaps": gaps, "repeats": repeats,
            }));
        }
        Ok(Value::Array(found))
    }
}

/// Rows that the newest accepted version of each document holds.
fn newest_documents(entries: &[runtime::LedgerEntry]) -> u64 {
    let mut newest: BTreeMap<&str, &Receipt> = BTreeMap::new();
    for receipt in entries.iter().filter_map(|entry| entry.receipt.as_ref()) {
        let accepted = !["incomplete", "failed", "absent"].contains(&receipt.outcome.as_str());
        let newer = newest.get(&*receipt.document).is_none_or(|known| receipt.version >= known.version);
        if accepted && newer {
            newest.insert(&receipt.document, receipt);
        }
    }
    let landed: u64 = newest.values().map(|receipt| receipt.counts.landed).sum();
    let came_back = entries.iter().filter(|entry| {
        let of = entry.replayed_of.as_ref();
        of.is_some_and(|(key, version)| newest.get(&**key).is_some_and(|receipt| receipt.version == *version))
    });
    landed + came_back.map(|entry| entry.counts.landed).sum::<u64>()
}

/// Rows and distinct positions of a landing in its table.
fn count(client: &ClickHouse, landed_by: &LandedBy) -> Result<(u64, u64)> {
    let final_rows = if landed_by.rows == "append" { "" } else { "FINAL" };
    let sql = format!(
        "SELECT count(), uniqExact(_partition, _offset, _row) FROM {} {final_rows} WHERE _landing = '{}'",
        landed_by.table,
        landed_by.landing.replace('\\', "\\\\").replace('\'', "\\'"),
    );
    let bytes = client.query_bytes(&sql, "TSV", &[]).map_err(|error| anyhow::anyhow!("{}", data::chain(&error)))?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let mut numbers = text.trim().split('\t').map(str::parse::<u64>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(rows)), Some(Ok(distinct))) => Ok((rows, distinct)),
        _ => anyhow::bail!("table {} gave no counts", landed_by.table),
    }
}

/// Documents whose newest receipt is a refusal.
pub(crate) fn refused(receipts: &[Receipt]) -> HashSet<(String, i64)> {
    let mut newest: BTreeMap<&str, &Receipt> = BTreeMap::new();
    receipts.iter().for_each(|receipt| {
        newest.insert(&receipt.document, receipt);
    });
    let refused = newest.into_values().filter(|receipt| ["incomplete", "failed"].contains(&&*receipt.outcome));
    refused.map(|receipt| (receipt.document.clone(), receipt.at)).collect()
}
