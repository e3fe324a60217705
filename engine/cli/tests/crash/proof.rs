//! What must be true of a data folder after its load has come to its end, however often it was interrupted.

use std::path::Path;

use serde_json::Value;

use crate::load::Load;
use crate::program::say;

/// Rows, distinct provenances, positions that are missing before the last, a digest of all published columns as a
/// multiset, dead letters and receipts. A digest of texts, so that absent values count too.
const QUERY: &str = "
    SELECT
        count() AS rows,
        uniqExact(_landing, _partition, _offset, _row) AS provenances,
        (SELECT sum(top - rows) FROM (
            SELECT max(_offset) + 1 AS top, uniqExact(_offset, _row) AS rows
            FROM swaps.messages GROUP BY _landing, _partition)) AS missing,
        hex(sipHash128(arraySort(groupArray(sipHash128(formatRow('TSV', COLUMNS('^[^_]'))))))) AS digest,
        (SELECT count() FROM spotlight.dead_letters) AS dead,
        (SELECT count() FROM spotlight.receipts) AS receipts
    FROM swaps.messages";

/// What a load left behind. Equal for an interrupted load and an undisturbed one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Proof {
    table: Value,
    /// What became of the rows of each flow, by the ledgers.
    flows: Value,
}

/// Looks at a folder, and checks what needs no comparison.
pub(crate) fn of(data: &Path, load: &Load) -> Result<Proof, String> {
    let data = data.to_str().expect("a folder's name is text");
    let reconciled = say(["reconcile", "--data", data]);
    let table = say(["sql", "--data", data, "--format", "JSONEachRow", QUERY]);
    let status = say(["status", "--data", data, "--format", "json"]);
    for (what, said) in [("reconcile", &reconciled), ("sql", &table), ("status", &status)] {
        if said.status != 0 {
            return Err(format!("{what} ended with {}: {}{}", said.status, said.output, said.errors));
        }
    }
    if !reconciled.output.contains("swaps/messages") {
        return Err(format!("reconcile did not look at the table: {}", reconciled.output));
    }
    let (table, status) = (table.json(), status.json());
    let number = |name: &str| match &table[name] {
        Value::String(text) => text.parse().unwrap_or(u64::MAX),
        other => other.as_u64().unwrap_or(u64::MAX),
    };
    let expected = [
        ("rows", load.unique),
        ("provenances", load.unique),
        ("missing", 0),
        ("dead", load.dead),
        ("receipts", load.files),
    ];
    for (name, expected) in expected {
        if number(name) != expected {
            return Err(format!("{name}: {} instead of {expected} in {table}", number(name)));
        }
    }
    let mut accounted = status["accounted_for"].as_object().into_iter().flatten();
    if let Some((flow, _)) = accounted.find(|(_, balanced)| **balanced != Value::Bool(true)) {
        return Err(format!("the rows of {flow} are not accounted for: {status}"));
    }
    if status["open_dead_letters"].as_u64() != Some(load.dead) {
        return Err(format!("open dead letters: {}", status["open_dead_letters"]));
    }
    let flows = status["flows"].as_object().into_iter().flatten();
    let flows = flows.map(|(name, state)| (name.clone(), state["total"].clone())).collect();
    Ok(Proof { table, flows: Value::Object(flows) })
}
