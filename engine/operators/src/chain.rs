//! The steps of a flow, one after another, and the promise that a dead row leaves no trace.
//!
//! A row that fails before the first stateful step just leaves. One that fails at it or later has been seen by stores,
//! and its repeats were judged by it. So the batch is redone from the state at its start:
//!
//! ```text
//! round 1   the whole batch. Nothing fails → done.
//! round 2   without the rows that are surely dead. Nothing fails → done.
//! round 3…  halves, each from the state that the half before it left; a half of one row that fails is dead
//! ```
//!
//! Surely dead are the first row that failed (all before it were good, so it met the true state), and rows whose
//! failure depends on themselves alone. Halves bound the work: a thousand repeats of one bad row cost
//! `n log n` rows, not `n²`.
//!
//! Invariants:
//! * When `run` returns, stores and named outputs stand as if the failed rows had never come.
//! * Every row of the batch is in `rows`, in `outputs`, in `failed`, or counted in `dropped`.
//! * Positions (offset, row) are unique within a batch until a step multiplies rows; no step does yet.
//!
//! Deliberately absent: commits. The task that owns the chain says when.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{BooleanArray, UInt32Array};
use arrow::compute;
use arrow::error::ArrowError;
use batch::{Batch, Failed, Origins, RowFailure};
use indexmap::IndexMap;
use state::{Savepoint, Store};
use telemetry::{Observed, Stopwatch, list as metrics};

use crate::{Conform, Facts, Passing, Step, StepError, Watch};

/// The steps of a flow.
pub struct Chain {
    steps: Vec<Box<dyn Step>>,
    /// What the topics of named outputs hold.
    outputs: IndexMap<Arc<str>, Conform>,
    /// Index of the first stateful step; the number of steps if there is none.
    stateful_from: usize,
    /// Where each store stood when the present batch began.
    start: Vec<Savepoint>,
    /// Who looks at the rows.
    watch: Option<Arc<dyn Watch>>,
    passing: Passing,
    /// Where the time of each step is told; empty if nobody wants to know.
    seconds: Vec<Observed>,
}

/// What became of a batch.
#[derive(Debug, Default)]
pub struct ChainOutput {
    /// Rows that passed all steps, in order.
    pub rows: Option<Batch>,
    /// Rows of each named output, in order; none of them is empty.
    pub outputs: Vec<(Arc<str>, Batch)>,
    /// Rows that failed, in order of steps, within a step in order of positions.
    pub failed: Vec<Failed>,
    /// Rows that were dropped on purpose: each reason once.
    pub dropped: Vec<(Arc<str>, u64)>,
}

impl Chain {
    /// A chain of these steps.
    #[must_use]
    pub fn new(steps: Vec<Box<dyn Step>>) -> Self {
        let stateful_from = steps.iter().position(|step| step.stateful()).unwrap_or(steps.len());
        let (outputs, start, seconds) = (IndexMap::new(), Vec::new(), Vec::new());
        Self { steps, outputs, stateful_from, start, watch: None, passing: Passing::First, seconds }
    }

    /// Brings the rows of a named output into the columns of its topic. A row that does not fit is dead.
    #[must_use]
    pub fn with_output(mut self, output: Arc<str>, conform: Conform) -> Self {
        self.outputs.insert(output, conform);
        self
    }

    /// Lets somebody look at the rows before and after each step.
    #[must_use]
    pub fn watched_by(mut self, watch: Arc<dyn Watch>) -> Self {
        self.watch = Some(watch);
        self
    }

    /// Tells how long each step takes from now on, as metrics of this topology and flow.
    pub fn tell_seconds_of(&mut self, [topology, flow]: [&str; 2]) {
        let names = self.steps.iter().map(|step| step.name());
        self.seconds = names.map(|step| metrics::STEP_SECONDS.of(&[topology, flow, step])).collect();
    }

    /// Says which rows pass from now on, for whoever looks.
    pub fn show(&mut self, passing: Passing) {
        self.passing = passing;
    }

    /// Runs a batch through all steps.
    ///
    /// # Errors
    /// Only for faults of the program. Roll back then.
    pub fn run(&mut self, batch: Batch, facts: &Facts) -> Result<ChainOutput, StepError> {
        self.start = self.savepoint();
        self.process(batch, facts)
    }

    /// Takes back what the last `run` (or `run_without`) did to the stores, and runs its batch again without the rows
    /// with these indices: a destination found them dead. Forget the earlier output.
    ///
    /// # Errors
    /// Only for faults of the program. Roll back then.
    pub fn run_without(
        &mut self,
        batch: &Batch,
        facts: &Facts,
        excluded: &BTreeSet<usize>,
    ) -> Result<ChainOutput, StepError> {
        let start = self.start.clone();
        self.rewind(&start);
        let rest = filtered(batch, |index| !excluded.contains(&index)).map_err(self.refused())?;
        self.process(rest, facts)
    }

    /// The stores of all steps, in order.
    pub fn stores(&mut self) -> Vec<&mut dyn Store> {
        self.steps.iter_mut().filter_map(|step| step.store()).collect()
    }

    /// Keeps what was changed since the last commit.
    pub fn commit(&mut self) {
        self.steps.iter_mut().for_each(|step| step.commit());
        self.start.clear();
    }

    /// Takes back what was changed since the last commit.
    pub fn rollback(&mut self) {
        self.steps.iter_mut().for_each(|step| step.rollback());
        self.start.clear();
    }

    fn savepoint(&mut self) -> Vec<Savepoint> {
        self.stores().into_iter().map(Store::savepoint).collect()
    }

    fn rewind(&mut self, to: &[Savepoint]) {
        for (store, savepoint) in self.stores().into_iter().zip(to) {
            store.rewind(*savepoint);
        }
    }

    fn refused(&self) -> impl Fn(ArrowError) -> StepError + use<> {
        StepError::arrow(&self.steps.last().map_or_else(|| Arc::from("chain"), |step| Arc::clone(step.name())))
    }

    fn process(&mut self, batch: Batch, facts: &Facts) -> Result<ChainOutput, StepError> {
        let mut gathered = Gathered::default();
        let mut before = self.pass(0..self.stateful_from, batch, facts)?;
        let reached = before.rows.take();
        gathered.add(before);
        match reached {
            Some(batch) if self.stateful_from < self.steps.len() => self.redo(&batch, facts, &mut gathered)?,
            other => gathered.rows.extend(other),
        }
        gathered.finish().map_err(self.refused())
    }

    /// Rounds 1 and 2, from the first stateful step on.
    fn redo(&mut self, batch: &Batch, facts: &Facts, gathered: &mut Gathered) -> Result<(), StepError> {
        let start = self.savepoint();
        let mut pass = self.pass(self.stateful_from..self.steps.len(), batch.clone(), facts)?;
        if pass.failed.is_empty() {
            gathered.add(pass);
            return Ok(());
        }
        self.rewind(&start);
        let dead = self.surely_dead(&pass, batch);
        let rest = filtered(batch, |index| !dead.contains(&batch.origins().position(index)));
        for (step, failed) in pass.failed.drain(..) {
            let failed = only(&failed, &dead).map_err(self.refused())?;
            gathered.failed.extend(failed.map(|failed| (step, failed)));
        }
        self.halve(&rest.map_err(self.refused())?, facts, gathered)
    }

    fn halve(&mut self, batch: &Batch, facts: &Facts, gathered: &mut Gathered) -> Result<(), StepError> {
        if batch.is_empty() {
            return Ok(());
        }
        let start = self.savepoint();
        let rows = batch.len();
        let pass = self.pass(self.stateful_from..self.steps.len(), batch.clone(), facts)?;
        if pass.failed.is_empty() {
            gathered.add(pass);
            return Ok(());
        }
        self.rewind(&start);
        if rows == 1 {
            gathered.failed.extend(pass.failed);
            return Ok(());
        }
        self.halve(&batch.slice(0, rows / 2), facts, gathered)?;
        self.halve(&batch.slice(rows / 2, rows - rows / 2), facts, gathered)
    }

    /// Positions of rows that would fail again whatever becomes of the others.
    fn surely_dead(&self, pass: &Pass, batch: &Batch) -> HashSet<(i64, i64)> {
        let (mut all, mut sure) = (HashSet::new(), HashSet::new());
        for (step, failed) in &pass.failed {
            let until = (*step).min(self.steps.len());
            let by_state = self.steps[self.stateful_from..until].iter().any(|step| step.columns_depend_on_state());
            for failure in &failed.failures {
                let position = failed.origins.position(failure.row);
                all.insert(position);
                // Which named output a row left by may be a matter of state, so a failure there is not the row's own.
                let own = self.steps.get(*step).is_some_and(|step| step.failure_is_of_the_row(failure.code));
                if own && !by_state {
                    sure.insert(position);
                }
            }
        }
        sure.extend(
            (0..batch.len()).map(|index| batch.origins().position(index)).find(|position| all.contains(position)),
        );
        sure
    }

    /// One run through some of the steps.
    fn pass(&mut self, steps: Range<usize>, batch: Batch, facts: &Facts) -> Result<Pass, StepError> {
        let mut pass = Pass::default();
        let mut next = Some(batch).filter(|batch| !batch.is_empty());
        for index in steps {
            let Some(batch) = next.take() else { break };
            let watch = self.watch.as_ref().filter(|_| self.passing != Passing::Unseen);
            let watched = watch.filter(|watch| watch.watching()).map(|watch| (watch, batch.clone()));
            let seconds = self.seconds.get(index).map(|told| (told, Stopwatch::start()));
            let output = self.steps[index].process(batch, facts)?;
            if let Some((told, watch)) = seconds {
                told.observe(watch.seconds());
            }
            if let Some((watch, before)) = watched {
                watch.passed(self.steps[index].name(), before, &output, self.passing == Passing::Again);
            }
            next = output.next.filter(|batch| !batch.is_empty());
            pass.failed.extend(output.failed.map(|failed| (index, failed)));
            pass.dropped.extend(output.dropped);
            for (name, rows) in output.outputs {
                let Some((place, _, conform)) = self.outputs.get_full_mut(&name) else {
                    pass.outputs.push((name, rows));
                    continue;
                };
                let output = conform.process(rows, facts)?;
                pass.failed.extend(output.failed.map(|failed| (self.steps.len() + place, failed)));
                pass.outputs.extend(output.next.map(|rows| (name, rows)));
            }
        }
        pass.rows = next;
        Ok(pass)
    }
}

/// What one run through steps gave. Failures stand with the index of their step; those of outputs follow the steps.
#[derive(Default)]
struct Pass {
    rows: Option<Batch>,
    outputs: Vec<(Arc<str>, Batch)>,
    failed: Vec<(usize, Failed)>,
    dropped: Vec<(Arc<str>, u64)>,
}

/// What the runs that count gave together.
#[derive(Default)]
struct Gathered {
    rows: Vec<Batch>,
    outputs: IndexMap<Arc<str>, Vec<Batch>>,
    failed: Vec<(usize, Failed)>,
    dropped: IndexMap<Arc<str>, u64>,
}

impl Gathered {
    fn add(&mut self, pass: Pass) {
        self.rows.extend(pass.rows);
        for (name, rows) in pass.outputs {
            self.outputs.entry(name).or_default().push(rows);
        }
        self.failed.extend(pass.failed);
        for (reason, count) in pass.dropped {
            *self.dropped.entry(reason).or_default() += count;
        }
    }

    fn finish(self) -> Result<ChainOutput, ArrowError> {
        let mut outputs = Vec::new();
        for (name, parts) in self.outputs {
            outputs.extend(join(parts)?.map(|rows| (name, rows)));
        }
        let mut by_step: BTreeMap<usize, Vec<Failed>> = BTreeMap::new();
        for (step, failed) in self.failed {
            by_step.entry(step).or_default().push(failed);
        }
        let failed = by_step.into_values().map(join_failed).collect::<Result<Vec<_>, _>>()?;
        let failed = failed.into_iter().flatten().collect();
        Ok(ChainOutput { rows: join(self.rows)?, outputs, failed, dropped: self.dropped.into_iter().collect() })
    }
}

fn filtered(batch: &Batch, keep: impl Fn(usize) -> bool) -> Result<Batch, ArrowError> {
    batch.filter(&(0..batch.len()).map(|index| Some(keep(index))).collect::<BooleanArray>())
}

/// Those failures whose rows have one of these positions.
fn only(failed: &Failed, positions: &HashSet<(i64, i64)>) -> Result<Option<Failed>, ArrowError> {
    let chosen = failed.failures.iter().filter(|failure| positions.contains(&failed.origins.position(failure.row)));
    reordered(failed, chosen.collect())
}

fn reordered(failed: &Failed, chosen: Vec<&RowFailure>) -> Result<Option<Failed>, ArrowError> {
    if chosen.is_empty() {
        return Ok(None);
    }
    let indices: UInt32Array = chosen.iter().map(|failure| Some(failure.row as u32)).collect();
    let failures = chosen.into_iter().enumerate().map(|(row, failure)| RowFailure { row, ..failure.clone() }).collect();
    Ok(Some(Failed { step: Arc::clone(&failed.step), failures, origins: failed.origins.take(&indices)? }))
}

fn join_failed(mut parts: Vec<Failed>) -> Result<Option<Failed>, ArrowError> {
    if parts.len() < 2 {
        return Ok(parts.pop());
    }
    let origins = Origins::concat(&parts.iter().map(|part| &part.origins).collect::<Vec<_>>())?;
    let step = Arc::clone(&parts[0].step);
    let mut failures: Vec<RowFailure> = Vec::with_capacity(origins.len());
    let mut start = 0;
    for part in parts {
        let length = part.origins.len();
        failures.extend(part.failures.into_iter().map(|failure| RowFailure { row: start + failure.row, ..failure }));
        start += length;
    }
    failures.sort_by_key(|failure| origins.position(failure.row));
    let whole = Failed { step, failures, origins };
    reordered(&whole, whole.failures.iter().collect())
}

fn join(mut parts: Vec<Batch>) -> Result<Option<Batch>, ArrowError> {
    if parts.len() < 2 {
        return Ok(parts.pop());
    }
    let columns = compute::concat_batches(parts[0].columns().schema_ref(), parts.iter().map(Batch::columns))?;
    let origins = Origins::concat(&parts.iter().map(Batch::origins).collect::<Vec<_>>())?;
    Batch::new(columns, origins, parts[0].layout().cloned()).map(Some)
}

#[cfg(test)]
mod tests;
