//! The ledger of each landing against what its table holds.
//!
//! Only what is closed is compared. Rows of a range that is open (a run is going on, or was killed) stand in the table
//! before they stand in the ledger; they are no repeats, and the next run closes them. So the ledger is read first, and
//! rows after its last position do not count. Of a table of documents a whole document is left out while one of its ranges
//! is open, because the rows of its new version hide those of the old one. Rows on their way back from dead letters may
//! be there or not; which they are is read before the ledger, so that none is missed in between.
//!
//! Rows under a `_landing` that no ledger here answers for are named too, table by table; see `others.rs`.
//!
//! What is proven differs: see [`compared`]. The ledger knows how many rows of a range landed, and not which: a row that
//! was lost, with one in its place that the same range had filtered, would not be seen. Nor are values compared.

mod documents;
mod others;
mod spans;
mod table;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use clickhouse_connector::{ClickHouse, ClickHouseError};
use documents::Documents;
use log::Log;
pub(crate) use others::BEFORE_REBUILD;
use runtime::LedgerEntry;
use serde_json::{Value, json};
use spans::{Closed, Difference, Kind, Proves};
use table::RowsOf;

use crate::data::{KnownFlow, LandedBy};
use crate::flow_names::FlowNames;

/// Most differences of one landing that are named; all are counted.
const NAMED: usize = 10;

/// What was compared, in words for people.
pub(crate) fn compared(rows: &str) -> &'static str {
    match rows {
        "append" => "append: of each closed range, the rows that landed against the positions in the table",
        "by-key" => {
            "by-key: that no position is there twice, that no range has more rows than landed, and the newest row; \
             the ledger does not know keys, so an older row that is missing is not seen, nor one that an earlier reading \
             left under another key once a newer row has replaced the later one of its position"
        }
        _ => {
            "by-document: of each document, the rows of its newest accepted version against those in the table; that no \
             row of an earlier version is left, unless it waits for open dead letters of the newest, and no position \
             is there twice"
        }
    }
}

/// All landings, each with its gaps, repeats and strays; then the tables that hold rows of none of them.
pub(crate) fn reconcile(log: &dyn Log, client: &ClickHouse, flows: &BTreeMap<String, KnownFlow>) -> Result<Value> {
    let (mut found, mut tables) = (Vec::new(), BTreeMap::new());
    let names = FlowNames::of_known(flows);
    let of_now = |known: &KnownFlow| known.landing.as_ref().map(|landing| landing.landing.clone());
    let mut ours: BTreeSet<String> = flows.values().filter_map(of_now).collect();
    for (flow, known) in flows {
        let Some(landed_by) = &known.landing else { continue };
        let Some((topology, name)) = flow.split_once('/') else { continue };
        // A topic that does not exist yet was never landed from.
        let Some(spoken_of) = SpokenOf::find(log, (topology, name), known)? else { continue };
        let (mut waiting, mut ledger) = (Vec::new(), Vec::new());
        for partition in 0..spoken_of.partitions {
            waiting.push(runtime::waiting_rows(log, topology, name, partition)?);
            ledger.push(spoken_of.ledger(log, (topology, name), partition)?);
        }
        // Where nothing was closed, the table may not be there yet.
        if ledger.iter().all(Vec::is_empty) {
            continue;
        }
        let condition = if landed_by.rows == "by-document" { "_deleted = 0" } else { "true" };
        let landing = format!("{flow}/{}", spoken_of.identity);
        ours.insert(landing.clone());
        let rows_of = RowsOf { client, table: &landed_by.table, landing, condition };
        // Whoever took the flow out of its file took its rows out of the table.
        if known.gone && rows_of.rows()?.is_none_or(|rows| rows == 0) {
            continue;
        }
        let landing = Landing { rows_of, landed_by, ledger: &ledger, waiting: &waiting };
        // One table that is another one now keeps nobody from looking at the others.
        let answer = match landing.reconcile() {
            Ok(answer) => answer,
            Err(error) => landing.cannot_be_asked(refusal(error)?),
        };
        if !answer.missing && answer.refused.is_none() {
            tables.insert(landed_by.table.as_str(), landed_by);
        }
        let differs = !answer.differences.is_empty();
        let mut answer = answer.json(Some((flow, &names.shown(flow))), landed_by, compared(&landed_by.rows));
        if !landed_by.read.is_empty() {
            // The delete that helps must not take rows that do not come again.
            answer["only_landing"] = landing.rows_of.landing.as_str().into();
            answer["waits_behind"] = spoken_of.before.into();
        }
        let failed = landing.rows_of.failed_mutations();
        if !failed.is_empty() {
            let told = |(id, command, reason)| json!({ "id": id, "command": command, "reason": reason });
            answer["failed_mutations"] = failed.into_iter().map(told).collect();
        }
        // Where nothing differs, a person has moved the rows or had them landed anew.
        for table in landed_by.was.iter().filter(|_| differs) {
            let landing = format!("{flow}/{}", spoken_of.identity);
            if let Some(rows @ 1..) = (RowsOf { client, table, landing, condition }).rows()? {
                answer["earlier_table"] = json!({ "table": table, "rows": rows });
            }
        }
        found.push(answer);
    }
    let ours: BTreeSet<&str> = ours.iter().map(String::as_str).collect();
    let read_before = others::read_before(log, flows)?;
    for landed_by in tables.into_values() {
        let rows = table::other_landings(client, landed_by, &ours)?;
        if !rows.is_empty() {
            let differences = others::others(&rows, flows, &read_before);
            let answer =
                Answer { table: differences.iter().map(Difference::rows).sum(), differences, ..Answer::default() };
            found.push(answer.json(
                None,
                landed_by,
                "tables: that no row names a landing which no ledger here answers for",
            ));
        }
    }
    Ok(Value::Array(found))
}

/// The topic of which a flow's ledger speaks. While the flow waits to be sent to another one than it has read, that is the
/// one before.
struct SpokenOf<'a> {
    partitions: i32,
    identity: String,
    /// Name of the topic before, if it is that.
    before: Option<&'a str>,
    /// Partitions of the topic of now in which the flow has not begun, though it has in others.
    not_begun: BTreeSet<i32>,
}

impl<'a> SpokenOf<'a> {
    /// `None` if nothing can have landed.
    fn find(log: &dyn Log, (topology, flow): (&str, &str), known: &'a KnownFlow) -> Result<Option<Self>> {
        // A topic that does not exist yet was never landed from.
        let Some(topic) = log.topic(&known.topic)? else { return Ok(None) };
        let (group, mut not_begun, mut stands) = (runtime::names::group(topology, flow), BTreeSet::new(), None);
        for partition in 0..topic.partitions {
            match log.position(&group, &known.topic, partition)? {
                None => drop(not_begun.insert(partition)),
                Some(position) => stands = runtime::Progress::read(&position).ok().map(|it| it.topic).or(stands),
            }
        }
        let own = topic.identity.to_string();
        let before = known.landing.as_ref().and_then(|landing| landing.read.last());
        Ok(Some(match (stands, before) {
            // A topic that was deleted and made again: its rows are those of the first until a person sends it on.
            (Some(identity), None) => {
                Self { partitions: topic.partitions, identity, before: None, not_begun: BTreeSet::new() }
            }
            (Some(identity), Some(_)) => Self { partitions: topic.partitions, identity, before: None, not_begun },
            (None, Some(before)) => match log.topic(before)? {
                Some(found) => Self {
                    partitions: found.partitions,
                    identity: found.identity.to_string(),
                    before: Some(before),
                    not_begun: BTreeSet::new(),
                },
                None => return Ok(None),
            },
            (None, None) => {
                Self { partitions: topic.partitions, identity: own, before: None, not_begun: BTreeSet::new() }
            }
        }))
    }

    fn ledger(&self, log: &dyn Log, (topology, flow): (&str, &str), partition: i32) -> Result<Vec<LedgerEntry>> {
        if self.not_begun.contains(&partition) {
            return Ok(Vec::new());
        }
        Ok(runtime::ledger_of_now(log, topology, flow, partition)?.0)
    }
}

/// Why the server refused a question, if it did: a table that somebody altered or put in the place of ours.
fn refusal(error: anyhow::Error) -> Result<String> {
    match error.downcast_ref::<ClickHouseError>() {
        Some(ClickHouseError::Server { message, .. }) => Ok(message.clone()),
        _ => Err(error),
    }
}

/// What was found of one landing, or of the rows of a table that are of none.
#[derive(Default)]
struct Answer {
    /// Rows by the ledger.
    ledger: u64,
    /// Rows in the table, as those who query it see them.
    table: u64,
    differences: Vec<Difference>,
    /// True if there is no table.
    missing: bool,
    /// Why the server did not answer questions about the table, if so.
    refused: Option<String>,
    /// True if a person had the flow read its input again, so that an earlier reading may have left rows.
    read_again: bool,
    /// Rows of a table by key that earlier revisions of the topology landed, at least.
    earlier_revisions: u64,
}

impl Answer {
    /// For scripts. `flow`: as `_landing` names it, and as people see it.
    fn json(&self, flow: Option<(&str, &str)>, landed_by: &LandedBy, compared: &str) -> Value {
        let count =
            |kind| -> u64 { self.differences.iter().filter(|one| one.kind == kind).map(Difference::rows).sum() };
        let named = self.differences.iter().take(NAMED).map(|one| {
            let kind = match one.kind {
                Kind::Gap => "gap",
                Kind::Repeat => "repeat",
                Kind::Stray => "stray",
                Kind::Foreign => "foreign",
            };
            json!({ "kind": kind, "place": one.place, "expected": one.expected, "found": one.found })
        });
        json!({
            "flow": flow.map(|(_, name)| name), "recorded_as": flow.map(|(recorded, _)| recorded),
            "table": landed_by.table, "rows": landed_by.rows,
            "ledger": self.ledger, "table_rows": self.table, "table_missing": self.missing, "table_refused": self.refused,
            "gaps": count(Kind::Gap), "repeats": count(Kind::Repeat), "strays": count(Kind::Stray),
            "foreign": count(Kind::Foreign),
            "places": self.differences.len(), "differences": named.collect::<Vec<_>>(),
            "compared": compared, "read_again": self.read_again, "earlier_revisions": self.earlier_revisions,
        })
    }
}

/// One landing: its table, and what the log says of it, partition by partition.
struct Landing<'a> {
    rows_of: RowsOf<'a>,
    landed_by: &'a LandedBy,
    ledger: &'a [Vec<LedgerEntry>],
    waiting: &'a [Vec<(i64, i64)>],
}

impl Landing<'_> {
    fn reconcile(&self) -> Result<Answer> {
        if !self.rows_of.table_exists()? {
            return Ok(self.table_is_missing());
        }
        let each_row = self.landed_by.rows == "append";
        let proves = if each_row { Proves::EachRow } else { Proves::NoMore };
        let (mut landed, mut rows, mut differences, mut newest) = (0, 0, Vec::new(), Vec::new());
        let (mut read_again, mut earlier_revisions) = (false, 0);
        for (partition, entries) in self.ledger.iter().enumerate() {
            let closed = Closed::new(entries, &self.waiting[partition]);
            let found = self.rows_of.spans(partition, &closed, closed.newest_only(proves))?;
            read_again |= closed.several_passes;
            landed += closed.spans.iter().map(|span| span.landed_by(&found)).sum::<u64>() + closed.came_back;
            rows += found.values().map(|found| found.rows).sum::<u64>();
            differences.extend(closed.compare(partition, proves, &found));
            newest.extend(closed.newest_is_missing(partition, &found).map(|one| (partition, one)));
            if let Some((offset, row)) = closed.revised_after.filter(|_| self.landed_by.rows == "by-key") {
                let before =
                    format!("_partition = {partition} AND (_offset, _row) <= (toInt64({offset}), toInt64({row}))");
                earlier_revisions += self.rows_of.newest(&before)?;
            }
        }
        let answer = match self.landed_by.rows.as_str() {
            "append" => Answer { ledger: landed, table: rows, differences, ..Answer::default() },
            "by-key" => {
                for (partition, missing) in newest {
                    // While newer rows land, they may replace it.
                    let after = format!("_partition = {partition} AND NOT {}", self.closed(|_| true));
                    if self.landed_by.newest_by_position && self.rows_of.newest(&after)? == 0 {
                        differences.push(missing);
                    }
                }
                let table = self.rows_of.newest(&self.closed(|_| true))?;
                Answer { ledger: landed, table, differences, ..Answer::default() }
            }
            _ => self.documents(differences)?,
        };
        Ok(Answer { read_again, earlier_revisions, ..answer })
    }

    fn documents(&self, mut differences: Vec<Difference>) -> Result<Answer> {
        let documents = Documents::new(self.ledger, self.waiting);
        let found = self.rows_of.versions()?;
        // Asked last: what began to land while the rows were counted is left out too.
        let open = self.rows_of.documents_outside(&self.closed(|entry| entry.receipt.is_some()))?;
        let (of_documents, strays) = documents.compare(&found, &open);
        // Rows that a document should not have are told once, and not by their positions too.
        let told = self.places_of(&strays);
        differences.retain(|one| one.kind != Kind::Stray || !told.contains(&one.place));
        differences.extend(of_documents);
        let seen = found.iter().filter(|(document, ..)| !open.contains(document));
        let table = seen.map(|(.., rows)| rows).sum();
        Ok(Answer { ledger: documents.landed(&open), table, differences, ..Answer::default() })
    }

    /// Where versions of documents stood in the input, in words.
    fn places_of(&self, versions: &BTreeSet<(String, i64)>) -> BTreeSet<String> {
        let mut places = BTreeSet::new();
        for (partition, entries) in self.ledger.iter().enumerate() {
            for entry in entries {
                let receipt = entry.receipt.as_ref();
                if receipt.is_some_and(|one| versions.contains(&(one.document.clone(), one.version))) {
                    places.insert(spans::place(partition, entry.first.0, entry.first.0));
                }
            }
        }
        places
    }

    fn table_is_missing(&self) -> Answer {
        let place = format!("table {} is missing", self.landed_by.table);
        Answer { missing: true, ..self.nothing_there(place) }
    }

    fn cannot_be_asked(&self, refused: String) -> Answer {
        let place = format!("table {} is not as the flow landed in it", self.landed_by.table);
        Answer { refused: Some(refused), ..self.nothing_there(place) }
    }

    /// Every row that the table should hold is a gap.
    fn nothing_there(&self, place: String) -> Answer {
        let ledger = if self.landed_by.rows == "by-document" {
            Documents::new(self.ledger, self.waiting).landed(&BTreeSet::new())
        } else {
            let closed = self.ledger.iter().zip(self.waiting).map(|(entries, waiting)| Closed::new(entries, waiting));
            closed.map(|closed| closed.spans.iter().map(|span| span.landed).sum::<u64>() + closed.came_back).sum()
        };
        let gap = Difference { kind: Kind::Gap, place, expected: ledger, found: 0 };
        let differences = if ledger > 0 { vec![gap] } else { Vec::new() };
        Answer { ledger, differences, ..Answer::default() }
    }

    /// A condition: rows up to the last closed position of their partition.
    fn closed(&self, counts: impl Fn(&LedgerEntry) -> bool) -> String {
        let mut parts = Vec::new();
        for (partition, entries) in self.ledger.iter().enumerate() {
            if let Some((offset, row)) = entries.iter().filter(|entry| counts(entry)).map(|entry| entry.last).max() {
                parts.push(format!("(_partition = {partition} AND (_offset, _row) <= ({offset}, {row}))"));
            }
        }
        if parts.is_empty() { "false".to_owned() } else { format!("({})", parts.join(" OR ")) }
    }
}
