//! Reading the input of a task: waits for records, sees the end, and looks at the table before anything lands.

use std::time::Duration;

use batch::{Code, Input, Records, RowsMeaning};
use connect::{LandingError, Provenance};
use log::{Log, LogError};

use super::TaskContext;
use crate::codes;
use crate::end::TaskEnd;
use crate::flow::{Destination, EarlierFlow, FlowInput, TableOutput};
use crate::hold::Hold;
use crate::landing::provenance_of;
use crate::metadata::Progress;
use crate::names;
use crate::stop::{Backoff, until_reached};

/// Longest wait for new records before the signal to stop is looked at.
const LOOK_UP: Duration = Duration::from_millis(100);
/// After so many looks in vain it is asked whether the topic is still the same.
const LOOKS: u32 = 50;

/// That a flow has rows and no position.
pub(super) fn no_position(flow: &str, topic: &str) -> String {
    format!("the position of {flow} in {topic} is gone, but its ledger has entries")
}

impl TaskContext {
    /// The next records from `offset` on, at least one; waits for them. `None` if `no_more` says that none can come.
    ///
    /// # Errors
    /// If the run is stopping or the log fails.
    pub(super) fn next_records(
        &self,
        offset: i64,
        max_bytes: usize,
        no_more: &dyn Fn(&Self) -> Result<bool, TaskEnd>,
    ) -> Result<Option<Vec<Records>>, TaskEnd> {
        let (mut seen, mut looks) = (0, 0);
        loop {
            if self.shared.stop.stopping() {
                return Err(TaskEnd::Stopped);
            }
            // Asked before the log is read: what was written before the last writer ended is then read below.
            let last_look = no_more(self)?;
            let Some(blocks) = self.read(offset, max_bytes)? else { continue };
            let end = match self.reached(|log| log.end(&self.input.topic, self.input.partition)) {
                Err(TaskEnd::Log(LogError::UnknownPartition { .. })) => {
                    self.same_topic()?;
                    continue;
                }
                end => end?,
            };
            // On a log whose offsets have gaps the end may lie further though nothing waits.
            let (waiting, now) = (if blocks.is_empty() { 0 } else { end - offset }, (self.shared.clock)());
            self.shared.board.change(&self.name, |state| {
                state.waiting.insert(self.input.partition, waiting);
                if blocks.is_empty() {
                    state.of_task(self.input.partition, |task| task.caught_up = Some((end, now)));
                }
            });
            if !blocks.is_empty() {
                return Ok(Some(blocks));
            }
            if last_look {
                return Ok(None);
            }
            looks += 1;
            if looks % LOOKS == 0 {
                self.same_topic()?;
            }
            seen = self.shared.log.wait(seen, LOOK_UP);
        }
    }

    /// Notes that records of the task's input are in work.
    pub(super) fn reads(&self, records: &Records) {
        let arrivals = records.arrivals.values();
        if let (Some(first), Some(last)) = (arrivals.iter().min(), arrivals.iter().max()) {
            self.tell(|task| task.reads(*first, *last));
        }
    }

    /// Asks the log until it answers; see [`until_reached`].
    pub(super) fn reached<Answer>(
        &self,
        mut ask: impl FnMut(&dyn Log) -> Result<Answer, LogError>,
    ) -> Result<Answer, TaskEnd> {
        until_reached(&self.name, &self.shared.stop, &self.shared.board, || ask(self.shared.log.as_ref()))
    }

    /// Records of the task's input from an offset on, which may be none. `None` after a hold, because the log does not
    /// hold that offset any more, or not yet, or not whole.
    pub(super) fn read(&self, offset: i64, max_bytes: usize) -> Result<Option<Vec<Records>>, TaskEnd> {
        let Input { topic, partition, .. } = &*self.input;
        match self.reached(|log| log.read(topic, *partition, offset, max_bytes)) {
            Err(TaskEnd::Log(error @ LogError::OutOfRange { .. })) => {
                // Most likely another topic's bounds, if it is another one.
                self.same_topic()?;
                self.holder.hold(Hold {
                    code: codes::RECORDS_GONE,
                    what: format!("{} cannot go on in {topic}: {error}", self.name),
                    remedy: format!(
                        "bring the records back; or, without a run, spotlight release {} --from earliest, or end, or \
                         OFFSET --partition {partition}",
                        self.name
                    ),
                })?;
                Ok(None)
            }
            Err(TaskEnd::Log(LogError::Damaged(damage))) => {
                self.holder.hold(Hold {
                    code: codes::RECORDS_DAMAGED,
                    what: format!("{} cannot go on in {topic}: records are damaged: {damage}", self.name),
                    remedy: format!(
                        "bring a whole copy back, such as another replica; or, without a run, spotlight release {} \
                         --from OFFSET --partition {partition}, behind them",
                        self.name
                    ),
                })?;
                Ok(None)
            }
            Err(TaskEnd::Log(LogError::UnknownPartition { .. })) => self.same_topic().map(|()| None),
            read => read.map(Some),
        }
    }

    /// Holds, for as long as the run goes on, if the input is not the topic any more that the task began with. Records
    /// that were read before this are of that topic if this returns.
    ///
    /// # Errors
    /// If the run is stopping or the log fails.
    pub(super) fn same_topic(&self) -> Result<(), TaskEnd> {
        let Input { topic, identity, .. } = &*self.input;
        loop {
            let found = self.reached(|log| log.topic(topic))?;
            if found.is_some_and(|found| found.identity == *identity) {
                return Ok(());
            }
            self.holder.hold(Hold {
                code: codes::TOPIC_CHANGED,
                what: format!("topic {topic} was deleted since {} began to read it", self.name),
                remedy: format!(
                    "once there is a new one, without a run, spotlight release {} --from earliest",
                    self.name
                ),
            })?;
        }
    }

    /// True if dead letters wait at or after an offset of the task's retries.
    ///
    /// # Errors
    /// If the log fails.
    pub(super) fn has_retries(&self, from: i64) -> Result<bool, TaskEnd> {
        let Input { topic, partition, .. } = &*self.retries;
        // Where offsets have gaps there may be none though the end lies further.
        let wait =
            |log: &dyn Log| Ok(log.end(topic, *partition)? > from && !log.read(topic, *partition, from, 1)?.is_empty());
        self.reached(wait)
    }

    /// Compares the table with the plan; makes it if it is missing.
    ///
    /// # Errors
    /// If the task must end.
    pub(super) fn preflight(&self, at: &Progress) -> Result<(), TaskEnd> {
        let prepared =
            || self.shared.board.change(&self.name, |state| (state.prepared, state.waits_for) = (true, None));
        let Destination::Table(table) = &self.parts.destination else {
            prepared();
            return Ok(());
        };
        let mut backoff = Backoff::new(Duration::from_secs(30), 3);
        loop {
            let looked = match table.as_planned() {
                Ok(None) => self.may_land(table, at).map(|()| true),
                // Each task of the flow says so, also one whose own partition has landed nothing.
                Ok(Some(_)) if self.landed > 0 => {
                    let (name, landed) = (&table.table.name, self.has_landed());
                    Err(match &table.was {
                        None => {
                            let what = format!("table {name} is missing, though {landed}");
                            self.lost(codes::TABLE_GONE, what, "bring it back with its rows")
                        }
                        Some(was) => {
                            let before = format!("or in {was}, which the topology named before");
                            let what = format!("table {name} is missing, though {landed} {before}");
                            let rename = format!("spotlight sql \"rename table {was} to {name}\"");
                            let mend = format!("name {was} in the file again, or take its rows along with {rename}");
                            self.lost(codes::TABLE_GONE, what, &mend)
                        }
                    })
                }
                Ok(Some(statements)) => table.landing.apply(&statements).map(|()| false),
                Err(error) => Err(error),
            };
            match looked {
                Ok(true) => {
                    self.holder.mended();
                    prepared();
                    return Ok(());
                }
                Ok(false) => {}
                Err(LandingError::Operator { code, what, remedy }) => {
                    self.holder.hold(Hold { code, what, remedy })?;
                }
                Err(LandingError::Unknown { what } | LandingError::Transient { what }) => {
                    if !table.rest(&what, &self.name, &self.shared.board, &self.shared.stop, &mut backoff) {
                        return Err(TaskEnd::Stopped);
                    }
                }
            }
        }
    }

    /// Refuses to land where that would repeat rows, hide them, or leave a gap.
    fn may_land(&self, table: &TableOutput, at: &Progress) -> Result<(), LandingError> {
        self.landed_before(table, at)?;
        self.still_there(table)?;
        self.outranked(table)
    }

    /// What makes rows that the flow landed from another topic or log win over newer ones of this one, if that is so.
    fn ranks_by(&self, table: &TableOutput) -> Option<&'static str> {
        match (&table.table.rows, &self.parts.input) {
            (RowsMeaning::ByKey { version: None }, _) => {
                Some("in both the newest row of a key is the one with the highest place")
            }
            // Where documents come by a topic, who found them has counted their versions.
            (RowsMeaning::ByDocument, FlowInput::Documents(_)) => {
                Some("in both the versions of a document are counted from 1, and the highest wins")
            }
            _ => None,
        }
    }

    /// Refuses to land rows that those of another topic would hide, after a person has sent the flow to this one.
    fn outranked(&self, table: &TableOutput) -> Result<(), LandingError> {
        let Some(ranks_by) = self.ranks_by(table).filter(|_| self.releases > 0) else {
            return Ok(());
        };
        let provenance = provenance_of(&self.parts.topology, &self.parts.flow, &self.input);
        let (recorded_as, name, called) = (self.parts.recorded_as(), &table.table.name, &self.name);
        let rows = table.landing.landed_before(&recorded_as, &provenance)?;
        if rows == 0 {
            return Ok(());
        }
        let (rows, topic, own) = (batch::counted(rows, "row"), &self.input.topic, &provenance.landing);
        Err(LandingError::Operator {
            code: codes::OUTRANKED,
            what: format!(
                "table {name} holds {rows} that {called} landed from another topic than the {topic} of now: {ranks_by}, and \
                 those would hide these"
            ),
            remedy: format!(
                "take them out: spotlight sql \"delete from {name} where startsWith(_landing, '{recorded_as}/') and _landing \
                 != '{own}'\", and {called} goes on; or, where the log is of this data folder, spotlight rebuild {called}, \
                 which exchanges the table for one of what {topic} holds"
            ),
        })
    }

    /// Refuses to go on behind rows that are gone: the table must hold at least one of those that landed.
    fn still_there(&self, table: &TableOutput) -> Result<(), LandingError> {
        if self.landed == 0 {
            return Ok(());
        }
        let provenance = provenance_of(&self.parts.topology, &self.parts.flow, &self.input);
        let own = Some(&*provenance.landing);
        if names::generation(&self.parts.flow) > 1 {
            if table.landing.holds_rows(own)? {
                return Ok(());
            }
            self.of_before(table, &provenance)?;
        }
        let any = match &table.table.rows {
            // Several flows may fill such a table, and rows of another one may have replaced all of these.
            RowsMeaning::ByKey { version: Some(_) } => None,
            _ => own,
        };
        if table.landing.holds_rows(any)? {
            return Ok(());
        }
        let what = format!("table {} holds no row of {}, though {}", table.table.name, self.name, self.has_landed());
        Err(self.lost(codes::TABLE_EMPTY, what, "bring its rows back"))
    }

    /// Refuses to go on behind the rows that a rebuild has replaced: the table of before is in its place again.
    fn of_before(&self, table: &TableOutput, provenance: &Provenance) -> Result<(), LandingError> {
        let (name, called, mut rows) = (&table.table.name, &self.name, 0);
        for before in names::generations_before(&self.parts.recorded_as()) {
            rows += table.landing.landed_before(&before, provenance)?;
        }
        if rows == 0 {
            return Ok(());
        }
        let mut back = "bring those since its rebuild back".to_owned();
        for (kept, landing) in table.kept.iter().rev() {
            match landing.holds_rows(Some(&provenance.landing)) {
                Ok(true) => {
                    back = format!("exchange the tables again: spotlight sql \"exchange tables {name} and {kept}\"");
                    break;
                }
                // Most were removed, as a person was told to.
                Ok(false) | Err(LandingError::Operator { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let rows = batch::counted(rows, "row");
        Err(LandingError::Operator {
            code: codes::TABLE_EMPTY,
            what: format!(
                "table {name} holds {rows} of the generation of {called} before its rebuild and none since, though {}",
                self.has_landed()
            ),
            remedy: format!(
                "{back}; or spotlight rebuild {called}, which makes all again as its file says now; or, without a run, \
                 spotlight release {called} --from earliest, and delete the rows of before as it says"
            ),
        })
    }

    fn has_landed(&self) -> String {
        format!("{} landed in it", batch::counted(self.landed, "row"))
    }

    fn lost(&self, code: Code, what: String, mend: &str) -> LandingError {
        let release = format!("spotlight release {} --from", self.name);
        let remedy = format!("{mend}; or, without a run, {release} earliest to land all again, {release} end to go on");
        LandingError::Operator { code, what, remedy }
    }

    /// That the rows of a flow which the topology had before would stand beside those of this one.
    fn landed_as(&self, earlier: &EarlierFlow, table: &str, rows: u64) -> LandingError {
        let (name, rows) = (&self.name, batch::counted(rows, "row"));
        let EarlierFlow { flow: earlier, copied } = earlier;
        let [topology, first] = names::parts(names::first(earlier));
        let (gone, same) = if topology == &*self.parts.topology {
            (
                "a flow that the topology does not have any more",
                format!("write `was: {first}` below the flow in its file"),
            )
        } else if *copied {
            let own = &self.parts.topology;
            ("a flow that makes the same rows of the same topic", format!("run only one of {own} and {topology}"))
        } else {
            ("a flow of a topology that has no file any more", format!("call the topology `{topology}` again"))
        };
        LandingError::Operator {
            code: codes::LANDED_BEFORE,
            what: format!(
                "table {table} holds {rows} that {earlier} landed, {gone}: if {name} is that flow under another name, it \
                 would land them once more beside themselves"
            ),
            remedy: format!(
                "if it is, {same}; or take its rows out: spotlight sql \"delete \
                 from {table} where startsWith(_landing, '{earlier}/')\"; or, if both are to stand there, spotlight \
                 release {name} --from earliest, without a run"
            ),
        }
    }

    /// Refuses to start at the beginning without a position while the table holds rows that the flow landed.
    fn landed_before(&self, table: &TableOutput, at: &Progress) -> Result<(), LandingError> {
        let Input { topic, partition, .. } = &*self.input;
        let known = self.shared.log.position(&self.group, topic, *partition);
        if at.open.is_some() || !matches!(known, Ok(None)) {
            return Ok(());
        }
        let provenance = provenance_of(&self.parts.topology, &self.parts.flow, &self.input);
        for earlier in &table.earlier_flows {
            let rows = table.landing.landed_before(&earlier.flow, &provenance)?;
            if rows > 0 {
                return Err(self.landed_as(earlier, &table.table.name, rows));
            }
        }
        let recorded_as = self.parts.recorded_as();
        let rows = table.landing.landed_before(&recorded_as, &provenance)?;
        if rows == 0 {
            return Ok(());
        }
        // Other partitions of it have a ledger here: it reads another topic than it did, and this log is the one.
        if self.landed > 0 {
            return Err(LandingError::Operator {
                code: codes::POSITION_GONE,
                what: no_position(&self.name, topic),
                remedy: format!("spotlight release {} --from earliest, or end", self.name),
            });
        }
        let (name, own) = (&table.table.name, &provenance.landing);
        let land_again = match self.ranks_by(table) {
            Some(_) => format!(
                "or, to land all again, take those rows out, which would hide newer ones: spotlight sql \"delete from {name} \
                 where startsWith(_landing, '{recorded_as}/') and _landing != '{own}'\""
            ),
            None => format!(
                "or remove those rows; or land all again beside them: spotlight release {} --from earliest, without a run",
                self.name
            ),
        };
        Err(LandingError::Operator {
            code: codes::LANDED_BEFORE,
            what: format!(
                "table {} holds {} that {} landed from another log (`_landing` begins with `{recorded_as}/` and is not `{}`)",
                table.table.name,
                batch::counted(rows, "row"),
                self.name,
                provenance.landing
            ),
            remedy: format!("use the data folder that filled it; {land_again}"),
        })
    }
}
