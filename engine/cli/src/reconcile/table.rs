//! Questions to a landing's table. Few for many ranges, and each of bounded memory on either side.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use clickhouse_connector::{ClickHouse, literal};

use super::spans::{Closed, Found, Span};
use crate::data::LandedBy;

/// Most spans that one question is about: their offsets stand in its text.
const SPANS: usize = 4_000;
/// Most rows that one question is about: the server keeps their positions to find repeats.
const ROWS: u64 = 4_000_000;

/// Most failed changes of one table that are told.
const MUTATIONS: usize = 10;

/// A server must not choose among old rows only, nor leave one row of a key in each of two partitions.
const NEWEST: &str = "SETTINGS optimize_move_to_prewhere_if_final = 0, do_not_merge_across_partitions_select_final = 0";

/// The rows of one landing in its table.
pub(super) struct RowsOf<'a> {
    pub(super) client: &'a ClickHouse,
    pub(super) table: &'a str,
    pub(super) landing: String,
    /// A condition of every question.
    pub(super) condition: &'static str,
}

impl RowsOf<'_> {
    /// False if the table, or its database, is missing.
    pub(super) fn table_exists(&self) -> Result<bool> {
        Ok(self.ask(&format!("EXISTS TABLE {}", self.table), "TSV")?.trim() == "1")
    }

    /// Changes of rows that somebody ordered (`ALTER TABLE ... DELETE`, `UPDATE` and the like), that have failed and are
    /// tried again: id, command, why. None where the login may not ask.
    pub(super) fn failed_mutations(&self) -> Vec<(String, String, String)> {
        let (database, table) = self.table.split_once('.').unwrap_or(("default", self.table));
        let sql = format!(
            "SELECT mutation_id, command, latest_fail_reason FROM system.mutations WHERE database = {} AND table = {} \
             AND NOT is_done AND latest_fail_reason != '' ORDER BY create_time, mutation_id LIMIT {MUTATIONS}",
            literal(database),
            literal(table)
        );
        let said = self.ask(&sql, "JSONCompactEachRow").unwrap_or_default();
        said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// How many rows of the landing the table has; `None` if it is missing.
    pub(super) fn rows(&self) -> Result<Option<u64>> {
        if !self.table_exists()? {
            return Ok(None);
        }
        let (table, landing) = (self.table, literal(&self.landing));
        let sql = format!("SELECT count() FROM {table} WHERE _landing = {landing} AND {}", self.condition);
        let count = self.ask(&sql, "TSV")?.trim().parse().with_context(|| format!("table {table} gave no count"))?;
        Ok(Some(count))
    }

    /// Rows of the closed spans of a partition, and of the holes between them, by the offset where each begins. With
    /// `newest_only` those that others have replaced do not count.
    pub(super) fn spans(&self, partition: usize, closed: &Closed, newest_only: bool) -> Result<BTreeMap<i64, Found>> {
        let (newest, settings) = if newest_only { ("FINAL", NEWEST) } else { ("", "") };
        let mut found = BTreeMap::new();
        let Some(last) = closed.last else { return Ok(found) };
        let mut rest = closed.spans.as_slice();
        let mut begins = 0;
        while !rest.is_empty() {
            let count = together(rest);
            let (spans, after) = rest.split_at(count);
            let (bounds, ends) = bounds(begins, spans, after.first());
            found.extend(self.counted(partition, &bounds, (ends, last), (newest, settings))?);
            (rest, begins) = (after, ends.map_or(begins, |ends| ends + 1));
        }
        Ok(found)
    }

    fn counted(
        &self,
        partition: usize,
        bounds: &[i64],
        (ends, last): (Option<i64>, (i64, i64)),
        (newest, settings): (&str, &str),
    ) -> Result<Vec<(i64, Found)>> {
        let list: Vec<String> = bounds.iter().map(i64::to_string).collect();
        let until = match ends {
            Some(ends) => format!("_offset <= {ends}"),
            None => format!("_offset <= {} AND (_offset, _row) <= (toInt64({}), toInt64({}))", last.0, last.0, last.1),
        };
        let sql = format!(
            "SELECT roundDown(_offset, CAST([{}], 'Array(Int64)')) AS begins, count(), uniqExact(_offset, _row) \
             FROM {} {newest} WHERE _landing = {} AND _partition = {partition} AND _offset >= {} AND {until} AND {} \
             GROUP BY begins {settings}",
            list.join(", "),
            self.table,
            literal(&self.landing),
            bounds.first().copied().unwrap_or(0),
            self.condition,
        );
        let read = |line: &str| {
            let mut numbers = line.split('\t').map(str::parse::<i64>);
            match (numbers.next(), numbers.next(), numbers.next()) {
                (Some(Ok(begins)), Some(Ok(rows)), Some(Ok(distinct))) => {
                    Ok((begins, Found { rows: rows.unsigned_abs(), distinct: distinct.unsigned_abs() }))
                }
                _ => anyhow::bail!("table {} gave no counts", self.table),
            }
        };
        self.ask(&sql, "TSV")?.lines().map(read).collect()
    }

    /// Rows of each version of each document that are not deleted.
    pub(super) fn versions(&self) -> Result<Vec<(String, i64, u64)>> {
        let sql = format!(
            "SELECT _document, toString(_version), toString(count()) FROM {} FINAL WHERE _landing = {} \
             GROUP BY _document, _version ORDER BY _document, _version {NEWEST}",
            self.table,
            literal(&self.landing),
        );
        let read = |line: &str| {
            let (document, version, rows): (String, String, String) = serde_json::from_str(line)?;
            Ok((document, version.parse()?, rows.parse()?))
        };
        self.ask(&sql, "JSONCompactEachRow")?.lines().map(read).collect()
    }

    /// Documents that have a row for which a condition does not hold.
    pub(super) fn documents_outside(&self, condition: &str) -> Result<BTreeSet<String>> {
        let text = self.ask(
            &format!(
                "SELECT toJSONString(groupUniqArray(_document)) FROM {} WHERE _landing = {} AND NOT {condition}",
                self.table,
                literal(&self.landing),
            ),
            "TSVRaw",
        )?;
        Ok(serde_json::from_str(&text)?)
    }

    /// One row of each key, up to the closed positions.
    pub(super) fn newest(&self, condition: &str) -> Result<u64> {
        let sql = format!(
            "SELECT count() FROM {} FINAL WHERE _landing = {} AND {condition} {NEWEST}",
            self.table,
            literal(&self.landing),
        );
        self.ask(&sql, "TSV")?.trim().parse().with_context(|| format!("table {} gave no count", self.table))
    }

    fn ask(&self, sql: &str, format: &str) -> Result<String> {
        ask(self.client, sql, format)
    }
}

fn ask(client: &ClickHouse, sql: &str, format: &str) -> Result<String> {
    let bytes = client.query_bytes(sql, format, &[("wait_end_of_query", "1")])?;
    Ok(String::from_utf8(bytes)?)
}

/// Most landings of others that are told apart: a damaged table can name one a row.
const LANDINGS: usize = 1_000;

/// Rows of a table, as those who query it see them, by each `_landing` that is not one of `ours`; the most first.
pub(super) fn other_landings(
    client: &ClickHouse,
    landed_by: &LandedBy,
    ours: &BTreeSet<&str>,
) -> Result<Vec<(String, u64)>> {
    let (newest, condition, settings) = match landed_by.rows.as_str() {
        "append" => ("", "true", ""),
        "by-key" => ("FINAL", "true", NEWEST),
        _ => ("FINAL", "_deleted = 0", NEWEST),
    };
    let ours: Vec<String> = ours.iter().map(|landing| literal(landing)).collect();
    let sql = format!(
        "SELECT toString(_landing) AS landing, toString(count()) FROM {} {newest} WHERE _landing NOT IN ({}) AND \
         {condition} GROUP BY landing ORDER BY count() DESC, landing LIMIT {LANDINGS} {settings}",
        landed_by.table,
        ours.join(", "),
    );
    let read = |line: &str| {
        let (landing, rows): (String, String) = serde_json::from_str(line)?;
        Ok((landing, rows.parse()?))
    };
    ask(client, &sql, "JSONCompactEachRow")?.lines().map(read).collect()
}

/// How many of the next spans one question is about: at least one.
fn together(spans: &[Span]) -> usize {
    let mut rows = 0_u64;
    let few = spans.iter().take(SPANS).take_while(|span| {
        rows += span.landed + span.maybe + span.dead;
        rows <= ROWS
    });
    few.count().max(1)
}

/// Where spans and holes begin from offset `begins` on, and the offset before the next question's first; none if this is
/// the last question.
fn bounds(begins: i64, spans: &[Span], after: Option<&Span>) -> (Vec<i64>, Option<i64>) {
    let mut bounds = Vec::with_capacity(spans.len() + 1);
    let mut next = begins;
    for span in spans {
        if span.first > next {
            bounds.push(next);
        }
        bounds.push(span.first);
        next = span.last + 1;
    }
    let ends = after.map(|_| next - 1);
    (bounds, ends)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(first: i64, last: i64, landed: u64) -> Span {
        Span { first, last, landed, maybe: 0, dead: 0, reopened: false }
    }

    #[test]
    fn bounds_name_spans_and_the_holes_before_them() {
        let spans = [span(0, 4, 5), span(5, 9, 5), span(12, 12, 1)];
        assert_eq!(bounds(0, &spans, None), (vec![0, 5, 10, 12], None));
        assert_eq!(bounds(0, &spans[..2], Some(&spans[2])), (vec![0, 5], Some(9)));
        assert_eq!(bounds(10, &spans[2..], None), (vec![10, 12], None));
    }

    #[test]
    fn a_question_is_about_a_bounded_number_of_rows_and_spans() {
        let spans: Vec<Span> = (0..100_000).map(|at| span(at, at, 10)).collect();
        assert_eq!(together(&spans), SPANS);
        assert_eq!(together(&[span(0, 1, ROWS * 2), span(2, 2, 1)]), 1);
        assert_eq!(together(&[span(0, 1, ROWS - 1), span(2, 2, 1), span(3, 3, 1)]), 2);
    }
}
