//! Runs the landing protocol for one input partition: arrows 2 to 5, and the questions in between.

use std::collections::HashSet;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use arrow::array::{BooleanArray, Int64Array, RecordBatch};
use arrow::compute;
use arrow::error::ArrowError;
use batch::{Input, RowsMeaning, TableDefinition};
use connect::{Landing, LandingError, Piece, PieceQuestion, Provenance, RowPosition};
use log::Log;
use telemetry::{Stopwatch, list as metrics};
use tracing::Span;

use super::machine::{Arrow, Machine};
use super::pieces::{Cut, Range, cut};
use crate::board::Board;
use crate::changelogs::ChangelogMark;
use crate::codes;
use crate::end::TaskEnd;
use crate::faults::Faults;
use crate::hold::{Hold, Holder};
use crate::metadata::{OpenRange, Progress};
use crate::spans;
use crate::stop::{Backoff, StopSignal};

/// Acknowledged tokens after which rows of a key that are not there count as replaced. Larger: more useless inserts.
/// Smaller: a server that lost several parts in a row is believed.
const TOKENS_ENOUGH: u64 = 3;

/// What one landing needs. Borrowed by the task that runs it.
pub struct Lander<'a> {
    /// The log that keeps the position.
    pub log: &'a dyn Log,
    /// The table's connector.
    pub landing: &'a dyn Landing,
    /// The table.
    pub table: &'a TableDefinition,
    /// Consumer group of the flow.
    pub group: &'a str,
    /// `topology/flow`, as people see it.
    pub name: &'a str,
    /// `topology/flow`, with which tokens begin.
    pub recorded_as: String,
    /// Revision of the topology.
    pub revision: &'a str,
    /// The partition that the range is of: the task's input, or its retries.
    pub input: Arc<Input>,
    /// The partition that the task must own.
    pub owned: Arc<Input>,
    /// Whose rows.
    pub provenance: Provenance,
    /// Kill points of tests.
    pub faults: &'a dyn Faults,
    /// The signal to stop.
    pub stop: &'a StopSignal,
    /// Where it is told what is waited for.
    pub board: &'a Board,
    /// Where holds are told.
    pub holder: &'a dyn Holder,
    /// Told of each range that was opened, once that is committed.
    pub opened: &'a (dyn Fn(&Progress) + Sync),
    /// Milliseconds since 1970 UTC.
    pub clock: &'a (dyn Fn() -> i64 + Send + Sync),
    /// How many pieces are inserted side by side. More: more of the server's cores work, and more of its memory.
    pub inserts_at_once: usize,
    /// How often a person has said where the flow goes on. It is part of each token: who takes rows out of a table and
    /// has the flow start over wants them back, and the table may remember the tokens under which they were there.
    pub releases: u64,
    /// The input row after the last one that an earlier reading closed, before a person had the flow read it again. Rows
    /// of positions below may stand in the table since then, so that no question can tell whether these landed.
    pub read_before: RowPosition,
    /// What the position says of the changelogs of the task's stores.
    pub stores: Vec<ChangelogMark>,
}

/// How the pieces of a range are inserted.
#[derive(Clone, Copy)]
struct Manner {
    /// Hash over all pieces.
    hash: u128,
    /// An earlier process may have inserted some.
    uncertain: bool,
    /// The table may hold some rows of a piece.
    mixed: bool,
    /// The table may hold rows of these positions from an earlier reading.
    read_before: bool,
}

/// The earlier versions of a document that a range withdraws when it lands.
#[derive(Clone, Debug)]
pub struct Withdrawal {
    /// Key of the document.
    pub document: Arc<str>,
    /// The version that stays.
    pub version: u64,
}

/// What landed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Landed {
    /// Hash over all pieces; 0 if there were none.
    pub hash: u128,
    /// Rows that were withdrawn.
    pub withdrawn: u64,
}

impl Lander<'_> {
    /// Brings a range from S1 to S4. `open` is the open range that the position named, if this one was made again.
    ///
    /// # Errors
    /// If the task must end. The position then says where to go on.
    pub fn land(
        &self,
        range: &Range,
        open: Option<&OpenRange>,
        withdrawal: Option<&Withdrawal>,
    ) -> Result<Landed, TaskEnd> {
        let mut machine = Machine::new();
        self.pass(&mut machine, if open.is_some() { Arrow::Resume } else { Arrow::Take })?;
        let Cut { pieces, hash } = cut(range, self.table, &self.provenance).map_err(TaskEnd::fault)?;
        let mixed = match open {
            None => {
                if !pieces.is_empty() {
                    self.pass(&mut machine, Arrow::Open)?;
                    self.open(range, hash, range.replayed.is_some(), (self.clock)())?;
                }
                // Rows that come back stand among rows that landed: only one by one can they be asked for.
                range.replayed.is_some()
            }
            Some(open) if open.hash == hash && open.rows == range.count() => open.mixed,
            Some(open) => {
                self.pass(&mut machine, Arrow::Reopen)?;
                if !self.was_read_before(range) {
                    self.hold_for_other_rows(range, open, &pieces)?;
                }
                self.open(range, hash, true, open.at)?;
                true
            }
        };
        if !pieces.is_empty() {
            let read_before = self.was_read_before(range);
            let manner = Manner { hash, uncertain: open.is_some(), mixed, read_before };
            self.insert_all(&machine, range, pieces, manner)?;
            // Only now: what one piece is on hold for is not mended by another that lands.
            self.holder.mended();
        }
        self.pass(&mut machine, Arrow::Withdraw)?;
        let withdrawn = match withdrawal {
            None => 0,
            Some(Withdrawal { document, version }) => self
                .until_it_works(|| self.landing.withdraw(document, *version, &self.provenance, range.withdraws_at()))?,
        };
        self.pass(&mut machine, Arrow::Close)?;
        Ok(Landed { hash, withdrawn })
    }

    /// True if an earlier reading may have left rows of these positions in the table.
    fn was_read_before(&self, range: &Range) -> bool {
        let lowest = range.replayed.as_ref().map_or(Some(&range.first), |rows| rows.iter().min());
        lowest.is_some_and(|lowest| *lowest < self.read_before)
    }

    fn pass(&self, machine: &mut Machine, arrow: Arrow) -> Result<(), TaskEnd> {
        machine.pass(arrow).map_err(TaskEnd::fault)?;
        self.faults.pass(arrow).map_err(|_| TaskEnd::Killed)
    }

    fn open(&self, range: &Range, hash: u128, mixed: bool, at: i64) -> Result<(), TaskEnd> {
        let (revision, rows) = (self.revision.to_owned(), range.count());
        let open = OpenRange { last: range.last, revision, rows, hash, mixed, at };
        let (topic, stores) = (self.input.identity.to_string(), self.stores.clone());
        let progress = Progress { next: range.first, topic, open: Some(open), stores };
        crate::stop::until_stored(self.name, self.stop, self.board, || {
            let mut transaction = self.log.begin();
            transaction.claim(self.group, &self.owned.topic, self.owned.partition);
            let (topic, partition) = (&self.input.topic, self.input.partition);
            transaction.commit_position(self.group, topic, partition, progress.position())?;
            transaction.commit()?;
            Ok(())
        })?;
        (self.opened)(&progress);
        Ok(())
    }

    /// Inserts a piece, and tells how long that took.
    fn insert(&self, piece: &Piece) -> Result<(), LandingError> {
        let (of_flow, watch) = (self.of_flow(), Stopwatch::start());
        let span = spans::insert(piece.count() as u64);
        let inserted = span.in_scope(|| self.landing.insert(piece));
        span.record("failed", inserted.is_err());
        drop(span);
        metrics::LANDING_INSERT_SECONDS.observe(&of_flow, watch.seconds());
        inserted?;
        metrics::LANDING_BATCHES.add(&of_flow, 1);
        metrics::LANDING_ROWS.observe(&of_flow, piece.count() as f64);
        metrics::LANDING_BYTES.observe(&of_flow, bytes_of(piece) as f64);
        Ok(())
    }

    /// Tells of rows that are not inserted because the table holds them.
    fn discard(&self, rows: usize) {
        metrics::LANDING_DUPLICATES.add(&self.of_flow(), rows as u64);
    }

    fn of_flow(&self) -> [&str; 2] {
        crate::names::parts(self.name)
    }

    /// Brings all pieces into the table, some side by side. Each goes its own way from the machine's state.
    fn insert_all(&self, machine: &Machine, range: &Range, pieces: Vec<Piece>, manner: Manner) -> Result<(), TaskEnd> {
        // Who asks for rows one by one ends the queries of the whole range first, those of its neighbours too.
        let threads = if manner.mixed { 1 } else { self.inserts_at_once.min(pieces.len()) };
        let waiting = Mutex::new(pieces.into_iter().enumerate());
        let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
        let failed = AtomicBool::new(false);
        // What a trace shows of an insert belongs to the range, on whichever thread it is made.
        let span = Span::current();
        let work = || {
            let _shown = span.enter();
            while !failed.load(Ordering::Relaxed)
                && let Some((index, piece)) = next()
            {
                let mut machine = machine.clone();
                let inserted = if manner.read_before {
                    self.insert_again(&mut machine, range, piece, index, manner)
                } else if manner.mixed {
                    self.insert_missing(&mut machine, range, &piece)
                } else {
                    self.insert_piece(&mut machine, range, piece, index, manner)
                };
                if inserted.is_err() {
                    failed.store(true, Ordering::Relaxed);
                    return inserted;
                }
            }
            Ok(())
        };
        thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            let own = work();
            let joined = others.into_iter().map(|other| other.join().unwrap_or_else(|panic| resume_unwind(panic)));
            // All of them have ended before any answer is looked at.
            let all: Vec<_> = joined.collect();
            own.and_then(|()| all.into_iter().collect())
        })
    }

    /// One piece, whole: it is there or it is not.
    fn insert_piece(
        &self,
        machine: &mut Machine,
        range: &Range,
        mut piece: Piece,
        index: usize,
        Manner { hash, mut uncertain, .. }: Manner,
    ) -> Result<(), TaskEnd> {
        let question = self.question(range, &piece);
        let range_prefix = self.range_prefix(range.first, range.last);
        let prefix = format!("{range_prefix}{}/{hash:032x}/{index}/", piece.table_partition.0);
        let (mut attempt, mut acknowledged) = (0, false);
        let mut backoff = self.backoff();
        loop {
            if uncertain {
                self.pass(machine, Arrow::Ask)?;
                let held = self.until_answered(|| {
                    self.landing.end_queries(&prefix)?;
                    self.landing.present(&question)
                })?;
                // The answer is for the range's other pieces too.
                let own: HashSet<_> = positions(&piece).map_err(TaskEnd::fault)?;
                if held.iter().any(|position| own.contains(position)) {
                    self.discard(if acknowledged { 0 } else { piece.count() });
                    return Ok(());
                }
                // It was acknowledged and is not there: the server kept the token and lost the part.
                attempt += u64::from(acknowledged);
                if self.replaced(attempt) {
                    return Ok(());
                }
            }
            self.pass(machine, Arrow::Insert)?;
            piece.token = format!("{prefix}{attempt}");
            match self.insert(&piece) {
                Ok(()) if !uncertain => return Ok(()),
                Ok(()) => acknowledged = true,
                Err(error) => {
                    uncertain |= matches!(error, LandingError::Unknown { .. });
                    acknowledged = false;
                    self.endure(error, &mut backoff)?;
                }
            }
        }
    }

    /// One piece, whole, where the table may hold rows of its positions from an earlier reading. Nothing is asked: an
    /// answer could not tell those from these. What an earlier process inserted, the table knows by the token.
    fn insert_again(
        &self,
        machine: &mut Machine,
        range: &Range,
        mut piece: Piece,
        index: usize,
        Manner { hash, mut uncertain, mixed, .. }: Manner,
    ) -> Result<(), TaskEnd> {
        let range_prefix = self.range_prefix(range.first, range.last);
        let prefix = format!("{range_prefix}{}/{hash:032x}/{index}/", piece.table_partition.0);
        piece.token = format!("{prefix}0");
        // A range that was opened anew may have queries of its earlier hash under way.
        let ended = if mixed { &range_prefix } else { &prefix };
        let mut backoff = self.backoff();
        loop {
            if uncertain {
                self.pass(machine, Arrow::Ask)?;
                self.until_answered(|| self.landing.end_queries(ended))?;
            }
            self.pass(machine, Arrow::Insert)?;
            match self.insert(&piece) {
                Ok(()) => return Ok(()),
                Err(error) => {
                    uncertain |= matches!(error, LandingError::Unknown { .. });
                    self.endure(error, &mut backoff)?;
                }
            }
        }
    }

    /// Inserts the rows of a piece that the table does not hold yet.
    ///
    /// They are one insert, so after an acknowledgement one of them proves them all. All of them must not be waited
    /// for: where rows replace each other, a merge may have taken some away.
    fn insert_missing(&self, machine: &mut Machine, range: &Range, piece: &Piece) -> Result<(), TaskEnd> {
        let questions = match range.replayed {
            Some(_) => self.questions_of(positions(piece).map_err(TaskEnd::fault)?),
            None => vec![PieceQuestion { table_partition: None, ..self.question(range, piece) }],
        };
        let prefix = self.range_prefix(range.first, range.last);
        let mut backoff = self.backoff();
        let (mut acknowledged, mut vanished, mut first) = (HashSet::new(), 0, true);
        loop {
            self.pass(machine, Arrow::Ask)?;
            let held = self.until_answered(|| self.held(&prefix, &questions))?;
            let mut rest = without(piece, &held).map_err(TaskEnd::fault)?;
            if std::mem::take(&mut first) {
                self.discard(piece.count() - rest.count());
            }
            vanished += u64::from(!acknowledged.is_empty());
            let done = rest.count() == 0 || held.iter().any(|position| acknowledged.contains(position));
            if done || self.replaced(vanished) {
                return Ok(());
            }
            let hash = operators::fingerprint_batches(&rest.rows).map_err(TaskEnd::fault)?;
            // What was not acknowledged keeps its token: the server may have the request and not have begun with it.
            rest.token = format!("{prefix}{}/rest/{hash:032x}/{vanished}", rest.table_partition.0);
            self.pass(machine, Arrow::Insert)?;
            acknowledged = match self.insert(&rest) {
                Ok(()) => positions(&rest).map_err(TaskEnd::fault)?,
                Err(error) => {
                    self.endure(error, &mut backoff)?;
                    HashSet::new()
                }
            };
        }
    }

    /// True if rows that were acknowledged under so many tokens, and are not there, were replaced by newer ones and
    /// merged away. That a server lost each of as many parts and kept each token is beyond belief.
    fn replaced(&self, tokens: u64) -> bool {
        matches!(self.table.rows, RowsMeaning::ByKey { .. }) && tokens >= TOKENS_ENOUGH
    }

    fn question(&self, range: &Range, piece: &Piece) -> PieceQuestion {
        PieceQuestion {
            provenance: self.provenance.clone(),
            table_partition: Some(piece.table_partition.clone()),
            first: range.first,
            last: range.last,
        }
    }

    /// Questions for rows: one for each group of rows that stand near each other.
    fn questions_of(&self, mut positions: Vec<RowPosition>) -> Vec<PieceQuestion> {
        positions.sort_unstable();
        let mut questions: Vec<PieceQuestion> = Vec::new();
        for position in positions {
            match questions.last_mut() {
                Some(question) if near(question.last, position) => question.last = position,
                _ => questions.push(PieceQuestion {
                    provenance: self.provenance.clone(),
                    table_partition: None,
                    first: position,
                    last: position,
                }),
            }
        }
        questions
    }

    /// Ends the queries of a prefix, then gives the positions that the table holds.
    fn held(&self, prefix: &str, questions: &[PieceQuestion]) -> Result<Vec<RowPosition>, LandingError> {
        self.landing.end_queries(prefix)?;
        let mut held = Vec::new();
        for question in questions {
            held.extend(self.landing.present(question)?);
        }
        Ok(held)
    }

    /// Holds while the table has rows of an opened range that were not made this time. The range is left as it was
    /// opened, so that the revision that opened it can go on.
    fn hold_for_other_rows(&self, range: &Range, open: &OpenRange, pieces: &[Piece]) -> Result<(), TaskEnd> {
        let mut own = HashSet::new();
        for rows in pieces.iter().flat_map(|piece| &piece.rows) {
            own.extend(row_positions(rows).map_err(TaskEnd::fault)?);
        }
        let wanted: Option<HashSet<RowPosition>> = range.replayed.as_ref().map(|rows| rows.iter().copied().collect());
        let questions = match &range.replayed {
            Some(positions) => self.questions_of(positions.clone()),
            None => vec![PieceQuestion {
                provenance: self.provenance.clone(),
                table_partition: None,
                first: range.first,
                last: range.last,
            }],
        };
        let prefix = self.range_prefix(range.first, range.last);
        loop {
            let mut held = self.until_answered(|| self.held(&prefix, &questions))?;
            held.retain(|at| !own.contains(at) && wanted.as_ref().is_none_or(|wanted| wanted.contains(at)));
            let Some(RowPosition { offset, row }) = held.iter().min() else {
                self.holder.mended();
                return Ok(());
            };
            let what = format!(
                "the table holds {}, the first at offset {offset}, row {row}, that revision {} landed and {} does \
                 not make",
                batch::counted(held.len() as u64, "row"),
                open.revision,
                self.revision
            );
            self.holder.hold(landed_otherwise(what, &open.revision))?;
        }
    }

    /// Sees to it that no insert of an opened range lands any more.
    ///
    /// # Errors
    /// If the task must end.
    pub fn end_range(&self, first: RowPosition, last: RowPosition) -> Result<(), TaskEnd> {
        let prefix = self.range_prefix(first, last);
        self.until_answered(|| self.landing.end_queries(&prefix))
    }

    /// The start of every token and query id of a range.
    fn range_prefix(&self, first: RowPosition, last: RowPosition) -> String {
        let Input { identity, partition, .. } = &*self.input;
        let again = if self.releases == 0 { String::new() } else { format!("r{}", self.releases) };
        let (from, to) = (format!("{}.{}", first.offset, first.row), format!("{}.{}", last.offset, last.row));
        format!("{}/{identity}/{partition}{again}/{from}-{to}/", self.recorded_as)
    }

    fn backoff(&self) -> Backoff {
        Backoff::new(Duration::from_secs(30), u64::from(self.input.partition.cast_unsigned()) + 1)
    }

    /// Asks until there is an answer; then nothing is on hold any more.
    fn until_it_works<T>(&self, ask: impl FnMut() -> Result<T, LandingError>) -> Result<T, TaskEnd> {
        let answer = self.until_answered(ask)?;
        self.holder.mended();
        Ok(answer)
    }

    fn until_answered<T>(&self, mut ask: impl FnMut() -> Result<T, LandingError>) -> Result<T, TaskEnd> {
        let mut backoff = self.backoff();
        loop {
            match ask() {
                Ok(answer) => return Ok(answer),
                Err(error) => self.endure(error, &mut backoff)?,
            }
        }
    }

    /// Waits before the next try; holds where a person must act.
    fn endure(&self, error: LandingError, backoff: &mut Backoff) -> Result<(), TaskEnd> {
        let [topology, flow] = self.of_flow();
        let class = if matches!(error, LandingError::Unknown { .. }) { "unknown" } else { "transient" };
        match error {
            LandingError::Unknown { what } | LandingError::Transient { what } => {
                self.board.waits_for(self.name, Some(format!("table {}: {what}", self.table.name)));
                metrics::LANDING_RETRIES.add(&[topology, flow, class], 1);
                let wait = backoff.next();
                metrics::FLOW_WAIT_SECONDS.observe(&[topology, flow, "landing"], wait.as_secs_f64());
                tracing::warn!(
                    flow = self.name,
                    wait_ms = wait.as_millis() as u64,
                    reason = what,
                    "landing will try again"
                );
                if self.stop.wait(wait) { Ok(()) } else { Err(TaskEnd::Stopped) }
            }
            LandingError::Operator { code, what, remedy } => self.holder.hold(Hold { code, what, remedy }).map(|_| ()),
        }
    }
}

/// The hold for rows that landed and that the topology as it is now does not make.
pub(crate) fn landed_otherwise(what: String, revision: &str) -> Hold {
    let remedy = format!(
        "run revision {revision} until this is closed, or mend the topology so that it accepts the document and makes \
         these rows again"
    );
    Hold { code: codes::LANDED_OTHERWISE, what, remedy }
}

/// Rows between two positions that one question may ask for in vain.
const NEAR: i64 = 1000;

fn near(one: RowPosition, other: RowPosition) -> bool {
    let (offsets, rows) = (other.offset.saturating_sub(one.offset), other.row.saturating_sub(one.row));
    // Records of a topic are one row each; within a document's record only the row counts.
    if offsets == 0 { rows <= NEAR } else { offsets <= NEAR && one.row == 0 && other.row == 0 }
}

/// Bytes of a piece in memory, without what its columns share with others.
fn bytes_of(piece: &Piece) -> usize {
    let columns = piece.rows.iter().flat_map(RecordBatch::columns);
    columns.map(|column| column.to_data().get_slice_memory_size().unwrap_or(0)).sum()
}

/// Positions of rows, in order.
fn row_positions(rows: &RecordBatch) -> Result<impl Iterator<Item = RowPosition>, ArrowError> {
    let column = |name: &str| {
        let found = rows.column_by_name(name).and_then(|array| array.as_any().downcast_ref::<Int64Array>());
        found.ok_or_else(|| ArrowError::SchemaError(format!("no column {name}")))
    };
    let (offsets, rows) = (column("_offset")?, column("_row")?);
    Ok(offsets.values().iter().zip(rows.values()).map(|(&offset, &row)| RowPosition { offset, row }))
}

fn positions<T: FromIterator<RowPosition>>(piece: &Piece) -> Result<T, ArrowError> {
    let of_each = piece.rows.iter().map(row_positions).collect::<Result<Vec<_>, _>>()?;
    Ok(of_each.into_iter().flatten().collect())
}

fn without(piece: &Piece, held: &[RowPosition]) -> Result<Piece, ArrowError> {
    let held: HashSet<RowPosition> = held.iter().copied().collect();
    let missing = |rows: &RecordBatch| {
        let missing: BooleanArray = row_positions(rows)?.map(|position| Some(!held.contains(&position))).collect();
        compute::filter_record_batch(rows, &missing)
    };
    Ok(Piece { rows: piece.rows.iter().map(missing).collect::<Result<_, _>>()?, ..piece.clone() })
}
