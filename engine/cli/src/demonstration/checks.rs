//! What came of the documents, beside what the publishers say of their own files.
//!
//! Everything is asked from where a user would look: receipts, open dead letters, counters, `reconcile`, and the
//! tables in ClickHouse. Only rows of this data folder count, also in a ClickHouse that others use.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result};
use publishers::{Document, Feed, Outcome, Publishers, Sum, World, dtcc};
use runtime::{FlowState, Held, Holds, Receipt};

use crate::access::Access;
use crate::commands::{Ground, Pass};
use crate::control::Question;
use crate::data::{self, LandedBy};

/// What was found, and where it differs from the publishers' truth.
pub(super) struct Checked {
    /// One for each feed, in the world's order.
    pub(super) feeds: Vec<FeedFound>,
    /// Receipts of documents that were refused, as they should be.
    pub(super) refused: Vec<Receipt>,
    /// Newest receipt of the document that is published twice, and the one before.
    pub(super) republished: Vec<Receipt>,
    /// Documents that are not there: name and reason.
    pub(super) absent: Vec<(String, String)>,
    /// What differs, a sentence each.
    pub(super) mistakes: Vec<String>,
    /// Flows that wait for a person.
    pub(super) holds: Vec<Held>,
}

/// What came of one feed.
pub(super) struct FeedFound {
    pub(super) name: &'static str,
    pub(super) documents: u64,
    pub(super) absent: u64,
    pub(super) refused: u64,
    pub(super) dead: u64,
    /// Messages that other documents held already.
    pub(super) repeats: u64,
    /// Rows in the table.
    pub(super) rows: u64,
    pub(super) agrees: bool,
}

/// What was seen in the data folder and in ClickHouse.
struct Seen<'a> {
    ground: &'a Ground,
    flows: BTreeMap<String, FlowState>,
    receipts: Vec<Receipt>,
    /// Open dead letters by topology.
    dead: BTreeMap<String, u64>,
    /// Absent documents by topology: name and reason.
    absent: BTreeMap<String, BTreeMap<String, String>>,
    landings: BTreeMap<String, LandedBy>,
}

/// Compares everything.
pub(super) fn check(ground: &Ground, pass: &Pass, publishers: &Publishers) -> Result<Checked> {
    let world = publishers.world();
    let mut differences = Differences::default();
    for held in &pass.holds {
        differences.add(format!("{} is on hold: {}", held.flow, held.what));
    }
    for (flow, state) in pass.board.flows() {
        if let Some(trouble) = state.source_trouble {
            differences.add(format!("the source of {flow} is in trouble: {trouble}"));
        }
    }
    let access = ground.access(None, Arc::new(Holds::default()), BTreeMap::new());
    let seen = look(ground, &access)?;
    let republished = publishers.is_republished();
    let mut feeds = Vec::new();
    for feed in &world.feeds {
        feeds.push(feed_found(feed, republished, &seen, &mut differences)?);
    }
    swaps_in_all(world, &seen, &mut differences);
    for (flow, state) in &seen.flows {
        differences.expect(&format!("rows of {flow} that are not accounted for"), 0, unaccounted(state));
    }
    for landed in access.answer(&Question::Reconcile)?.as_array().into_iter().flatten() {
        let wrong = ["gaps", "repeats", "strays"].iter().filter_map(|kind| landed[*kind].as_u64()).sum::<u64>();
        differences.expect(&format!("gaps, repeats and strays of {} in {}", landed["flow"], landed["table"]), 0, wrong);
    }
    let is_refused = |receipt: &&Receipt| ["incomplete", "failed"].contains(&receipt.outcome.as_str());
    Ok(Checked {
        feeds,
        refused: seen.receipts.iter().filter(is_refused).cloned().collect(),
        republished: versions(world, &seen.receipts),
        absent: seen.absent.into_values().flatten().collect(),
        mistakes: differences.found,
        holds: pass.holds.clone(),
    })
}

fn look<'a>(ground: &'a Ground, access: &Access) -> Result<Seen<'a>> {
    let status = access.answer(&Question::Status)?;
    let mut dead = BTreeMap::new();
    for letter in access.answer(&Question::DeadLetters { only: Default::default() })?.as_array().into_iter().flatten() {
        let topology = letter["topology"].as_str().unwrap_or_default();
        *dead.entry(topology.to_owned()).or_default() += 1;
    }
    let known = ground.folder.known_flows()?;
    let landings: BTreeMap<String, LandedBy> =
        known.into_iter().filter_map(|(flow, known)| Some((flow, known.landing?))).collect();
    let of_receipts = landings.get("spotlight/receipts").context("nothing lands receipts")?;
    let sql = format!("SELECT topology, name, message FROM {} AND outcome = 'absent'", of(of_receipts));
    let mut absent: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for [topology, name, reason] in lines(ground, &sql)? {
        absent.entry(topology).or_default().insert(name, reason);
    }
    Ok(Seen {
        ground,
        flows: serde_json::from_value(status["flows"].clone())?,
        receipts: serde_json::from_value(access.answer(&Question::Receipts)?)?,
        dead,
        absent,
        landings,
    })
}

fn feed_found(feed: &Feed, republished: bool, seen: &Seen<'_>, to: &mut Differences) -> Result<FeedFound> {
    let mistakes_before = to.found.len();
    let mut newest: BTreeMap<&str, &Receipt> = BTreeMap::new();
    for receipt in seen.receipts.iter().filter(|receipt| receipt.topology == feed.name) {
        let newer = newest.get(&*receipt.name).is_none_or(|known| receipt.version >= known.version);
        if newer {
            newest.insert(&receipt.name, receipt);
        }
    }
    to.expect(&format!("documents of {}", feed.name), feed.documents.len() as u64, newest.len() as u64);
    for document in &feed.documents {
        document_found(document, republished, newest.get(&*document.first.name).copied(), to);
    }
    let absent = seen.absent.get(feed.name);
    for expected in &feed.absent {
        let name = expected.url.rsplit('/').next().unwrap_or_default();
        if !absent.is_some_and(|absent| absent.contains_key(name)) {
            to.add(format!("{name} is not there, and no receipt says so"));
        }
    }
    let dead = seen.dead.get(feed.name).copied().unwrap_or(0);
    to.expect(&format!("open dead letters of {}", feed.name), feed.dead(republished), dead);
    let refused = newest.values().filter(|receipt| receipt.outcome == "incomplete").count() as u64;
    to.expect(&format!("refused documents of {}", feed.name), feed.refused(), refused);
    let (rows, sum) = in_table(feed, seen)?;
    let (expected_rows, repeats) = match feed.swaps {
        None => (feed.rows(republished), 0),
        Some(_) => {
            let left = seen.flows.get(&format!("{}/fetch", feed.name)).map_or(0, |state| state.total.landed);
            to.expect(&format!("messages of {}", feed.name), feed.rows(republished), left);
            (feed.unique(), left.saturating_sub(rows))
        }
    };
    to.expect(&format!("rows of {} in the table", feed.name), expected_rows, rows);
    to.expect(&format!("the sum of a column of {}", feed.name), sum_of(feed, republished), sum);
    Ok(FeedFound {
        name: feed.name,
        documents: newest.len() as u64,
        absent: absent.map_or(0, |absent| absent.len() as u64),
        refused,
        dead,
        repeats,
        rows,
        agrees: to.found.len() == mistakes_before,
    })
}

fn document_found(document: &Document, republished: bool, receipt: Option<&Receipt>, to: &mut Differences) {
    let made = document.current(republished);
    let (name, truth) = (&made.name, &made.truth);
    let Some(receipt) = receipt else {
        to.add(format!("{name} was published and has no receipt"));
        return;
    };
    let outcome = match truth.outcome {
        Outcome::Rows => "rows",
        Outcome::Empty => "empty",
        Outcome::Incomplete => "incomplete",
    };
    to.expect(&format!("the outcome of {name}"), outcome, &receipt.outcome);
    let versions = if republished && document.second.is_some() { 2 } else { 1 };
    to.expect(&format!("the version of {name}"), versions, receipt.version);
    let is_refused = truth.outcome == Outcome::Incomplete;
    let (rows, dead) = if is_refused { (0, 0) } else { (truth.rows, truth.dead) };
    to.expect(&format!("rows of {name}"), rows, receipt.counts.landed);
    to.expect(&format!("dead letters of {name}"), dead, receipt.counts.dead);
    let withdrawn = document.first.truth.rows.saturating_sub(truth.rows);
    to.expect(&format!("withdrawn rows of {name}"), withdrawn, receipt.withdrawn);
}

/// Rows of a feed in its table, and the sum of the column that its truth names, scaled as the truth is.
fn in_table(feed: &Feed, seen: &Seen<'_>) -> Result<(u64, u128)> {
    let flow = if feed.swaps.is_some() { "swaps/messages".to_owned() } else { format!("{}/load", feed.name) };
    let landed_by = seen.landings.get(&flow).with_context(|| format!("nothing lands {flow}"))?;
    let sum = feed.documents.iter().find_map(|document| document.first.truth.sum);
    let Some(Sum { column, scale, .. }) = sum else { return Ok((0, 0)) };
    let (value, condition) = match feed.swaps {
        // Which of two messages that conflict came first is not decided; they differ by less than a step.
        Some((jurisdiction, class)) => (
            format!("floor({column} / {0}) * {0}", dtcc::NOTIONAL_STEP),
            format!(" AND jurisdiction = '{}' AND asset_class = '{}'", jurisdiction.name(), class.code()),
        ),
        None => (column.to_owned(), String::new()),
    };
    let sql = format!("SELECT count(), toString(sum({value})), '' FROM {}{condition}", of(landed_by));
    let [[rows, total, _]] =
        lines(seen.ground, &sql)?.try_into().map_err(|_| anyhow::anyhow!("{} gave no counts", landed_by.table))?;
    Ok((rows.parse()?, scaled(&total, scale).with_context(|| format!("{total} is no sum"))?))
}

/// Messages of all feeds together: each passes once, a repeat is dropped, a conflict goes its own way.
fn swaps_in_all(world: &World, seen: &Seen<'_>, to: &mut Differences) {
    let truths = || world.feeds.iter().flat_map(|feed| feed.truths(false));
    let unique = seen.flows.get("swaps/unique").map(|state| state.total.clone()).unwrap_or_default();
    let repeats: u64 = truths().map(|truth| truth.repeats).sum();
    to.expect("repeated messages that were dropped", repeats, unique.dropped.get("repeat").copied().unwrap_or(0));
    let conflicts: u64 = truths().map(|truth| truth.conflicts).sum();
    to.expect("conflicting messages", conflicts, unique.outputs.get("conflicts").copied().unwrap_or(0));
}

fn unaccounted(state: &FlowState) -> u64 {
    let total = &state.total;
    let came = total.rows_in + total.expanded;
    let left = total.landed + total.outputs.values().sum::<u64>() + total.dropped.values().sum::<u64>();
    came.abs_diff(left + total.dead + total.held)
}

fn sum_of(feed: &Feed, republished: bool) -> u128 {
    let accepted = feed.truths(republished).filter(|truth| truth.outcome != Outcome::Incomplete);
    accepted.filter_map(|truth| truth.sum).map(|sum| sum.value).sum()
}

/// Receipts of the document that is published twice, by version.
fn versions(world: &World, receipts: &[Receipt]) -> Vec<Receipt> {
    let twice = world.feeds.iter().flat_map(|feed| &feed.documents).find(|document| document.second.is_some());
    let name = twice.map(|document| document.first.name.as_str()).unwrap_or_default();
    let mut found: Vec<Receipt> = receipts.iter().filter(|receipt| receipt.name == name).cloned().collect();
    found.sort_by_key(|receipt| receipt.version);
    found
}

/// The newest rows of a landing of this data folder: table and condition, as they stand behind FROM.
fn of(landed_by: &LandedBy) -> String {
    let newest = if landed_by.rows == "append" { "" } else { " FINAL" };
    // Names of topologies and flows hold neither quotes nor backslashes, and nor does an identity.
    let table = &landed_by.table;
    format!("{table}{newest} WHERE _landing = '{}'", landed_by.landing)
}

fn lines(ground: &Ground, sql: &str) -> Result<Vec<[String; 3]>> {
    let bytes = ground.client.query_bytes(sql, "JSONCompactStringsEachRow", &[]);
    let bytes = bytes.map_err(|error| anyhow::anyhow!("{}", data::chain(&error)))?;
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| Ok(serde_json::from_slice(line)?)).collect()
}

/// A number as text times ten to the power of `scale`; digits behind that do not count.
fn scaled(text: &str, scale: u32) -> Option<u128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = fraction.chars().chain(std::iter::repeat('0')).take(scale as usize);
    format!("{whole}{}", digits.collect::<String>()).parse().ok()
}

/// Differences between what should be and what is.
#[derive(Default)]
struct Differences {
    found: Vec<String>,
}

impl Differences {
    fn add(&mut self, what: String) {
        self.found.push(what);
    }

    fn expect<Left: std::fmt::Display, Right: std::fmt::Display>(&mut self, what: &str, expected: Left, found: Right) {
        let (expected, found) = (expected.to_string(), found.to_string());
        if expected != found {
            self.add(format!("{what}: {found}, and the publishers say {expected}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_compared_in_its_truths_digits() {
        for (text, scale, expected) in [
            ("12.5", 6, Some(12_500_000)),
            ("12", 6, Some(12_000_000)),
            ("12", 0, Some(12)),
            ("12.9", 0, Some(12)),
            ("", 0, None),
            ("x", 2, None),
        ] {
            assert_eq!(scaled(text, scale), expected, "{text}");
        }
    }

    #[test]
    fn what_differs_is_said_with_both_numbers() {
        let mut differences = Differences::default();
        differences.expect("rows", 3, 3);
        differences.expect("rows", 3, 4);
        assert_eq!(differences.found, ["rows: 4, and the publishers say 3"]);
    }
}
