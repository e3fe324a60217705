//! Reading the input of a task: waits for records, sees the end, and looks at the table before anything lands.

use std::time::Duration;

use batch::{Input, Records};
use connect::{LandingError, Preflight};

use super::TaskContext;
use crate::codes;
use crate::end::TaskEnd;
use crate::flow::{Destination, TableOutput};
use crate::hold::Hold;
use crate::landing::provenance_of;
use crate::metadata::Progress;
use crate::stop::Backoff;

/// Longest wait for new records before the signal to stop is looked at.
const LOOK_UP: Duration = Duration::from_millis(100);

impl TaskContext {
    /// The next records from `offset` on; waits for them. `None` if `no_more` says that none can come.
    ///
    /// # Errors
    /// If the run is stopping or the log fails.
    pub(super) fn next_records(
        &self,
        offset: i64,
        max_bytes: usize,
        no_more: &dyn Fn(&Self) -> Result<bool, TaskEnd>,
    ) -> Result<Option<Records>, TaskEnd> {
        let mut seen = 0;
        loop {
            if self.shared.stop.stopping() {
                return Err(TaskEnd::Stopped);
            }
            // Asked before the log is read: what was written before the last writer ended is then read below.
            let last_look = no_more(self)?;
            let topic = &self.input.topic;
            let mut blocks = self.shared.log.read(topic, self.input.partition, offset, max_bytes)?;
            let end = self.shared.log.end(topic, self.input.partition)?;
            self.shared.board.change(&self.name, |state| {
                state.waiting.insert(self.input.partition, end - offset);
            });
            if !blocks.is_empty() {
                return Ok(Some(blocks.swap_remove(0)));
            }
            if last_look {
                return Ok(None);
            }
            seen = self.shared.log.wait(seen, LOOK_UP);
        }
    }

    /// True if dead letters wait at or after an offset of the task's retries.
    ///
    /// # Errors
    /// If the log fails.
    pub(super) fn has_retries(&self, from: i64) -> Result<bool, TaskEnd> {
        Ok(self.shared.log.end(&self.retries.topic, self.retries.partition)? > from)
    }

    /// Compares the table with the plan; makes it if it is missing.
    ///
    /// # Errors
    /// If the task must end.
    pub(super) fn preflight(&self, at: &Progress) -> Result<(), TaskEnd> {
        let Destination::Table(table) = &self.parts.destination else {
            return Ok(());
        };
        let mut backoff = Backoff::new(Duration::from_secs(30), 3);
        loop {
            let looked = match table.landing.preflight() {
                Ok(Preflight::Ready) => self.landed_before(table, at).and_then(|before| match before {
                    None => Ok(true),
                    Some(hold) => Err(hold),
                }),
                Ok(Preflight::Missing { .. }) if at.next.offset > 0 || at.next.row > 0 => Err(LandingError::Operator {
                    code: codes::TABLE_GONE,
                    what: format!("table {} is missing, though {} landed rows in it", table.table.name, self.name),
                    remedy: format!("bring it back, or spotlight release {} --from earliest, without a run", self.name),
                }),
                Ok(Preflight::Missing { statements }) => table.landing.apply(&statements).map(|()| false),
                Ok(Preflight::Behind { statements }) => Err(LandingError::Operator {
                    code: codes::TABLE_BEHIND,
                    what: format!("table {} lacks columns that the plan has", table.table.name),
                    remedy: format!("spotlight plan FILE --apply, which runs: {}", statements.join("; ")),
                }),
                Ok(Preflight::Different { code, what, remedy }) => Err(LandingError::Operator { code, what, remedy }),
                Err(error) => Err(error),
            };
            match looked {
                Ok(true) => {
                    self.holder.mended();
                    return Ok(());
                }
                Ok(false) => {}
                Err(LandingError::Operator { code, what, remedy }) => {
                    self.holder.hold(Hold { code, what, remedy })?;
                }
                Err(LandingError::Unknown { what } | LandingError::Transient { what }) => {
                    let wait = backoff.next();
                    tracing::warn!(
                        flow = self.name,
                        wait_ms = wait.as_millis() as u64,
                        reason = what,
                        "preflight will try again"
                    );
                    if !self.shared.stop.wait(wait) {
                        return Err(TaskEnd::Stopped);
                    }
                }
            }
        }
    }

    /// Why a flow without a position must not start at the beginning: the table holds rows that it landed.
    fn landed_before(&self, table: &TableOutput, at: &Progress) -> Result<Option<LandingError>, LandingError> {
        let Input { topic, partition, .. } = &*self.input;
        let known = self.shared.log.position(&self.group, topic, *partition);
        if at.next.offset > 0 || at.open.is_some() || !matches!(known, Ok(None)) {
            return Ok(None);
        }
        let provenance = provenance_of(&self.parts.topology, &self.parts.flow, &self.input);
        let rows = table.landing.landed_before(&self.name, &provenance)?;
        Ok((rows > 0).then(|| LandingError::Operator {
            code: codes::LANDED_BEFORE,
            what: format!(
                "table {} holds {rows} rows that {} landed from another log (`_landing` begins with `{}/` and is not `{}`)",
                table.table.name, self.name, self.name, provenance.landing
            ),
            remedy: format!(
                "use the data folder that filled it; or remove those rows; or land all again beside them: spotlight \
                 release {} --from earliest, without a run",
                self.name
            ),
        }))
    }
}
